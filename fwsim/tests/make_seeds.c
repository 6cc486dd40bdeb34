// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inputs for fuzz_image, fuzz_data, fuzz_eth, fuzz_roce and fuzz_cmdif to start with, in DIR/NAME; the formats are
 * described where they are read. Images are those of VFs that have worked. Most inputs of fuzz_cmdif come from seeds.c.
 *
 *	make_seeds DIR
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "mig_rig.h"

static const char *dir;

struct seed {
	uint8_t b[1u << 18];
	size_t len;
};

static struct seed *seed_new(uint8_t first)
{
	struct seed *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->b[s->len++] = first;
	return s;
}

static void seed_write(struct seed *s, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f)
		fail_msg("%s cannot be written", path);
	assert_int_equal(fwrite(s->b, 1, s->len, f), s->len);
	assert_int_equal(fclose(f), 0);
	free(s);
}

/* ---- fuzz_image ----------------------------------------------------------------------------- */

enum what { IMAGE, IMAGE_AND_PART, PART, COMMAND, TIME, RESET };
enum { SUSPEND, RESUME, QUERY, SAVE, REINIT = 5 };

static uint8_t *step(struct seed *s, enum what what, size_t len)
{
	uint8_t *p = s->b + s->len;

	assert_true(s->len + 4 + len <= sizeof(s->b));
	ifc_st32(p, (uint32_t)len);
	p[0] = (uint8_t)what;
	s->len += 4 + len;
	return p + 4;
}

static void command(struct seed *s, unsigned int cmd, unsigned int flags)
{
	uint8_t *p = step(s, COMMAND, 4);

	p[0] = (uint8_t)cmd;
	p[1] = (uint8_t)flags;
	p[2] = 0xf0; /* size of the buffer, in pages */
}

static void pass_time(struct seed *s, unsigned int log_ns)
{
	*step(s, TIME, 1) = (uint8_t)log_ns;
}

/* From stopped to running and back, with time between. */
static void run(struct seed *s)
{
	command(s, RESUME, M_RESUME_RESPONDER);
	command(s, RESUME, M_RESUME_INITIATOR);
	pass_time(s, 25);
	command(s, SUSPEND, M_SUSPEND_INITIATOR);
	command(s, SUSPEND, M_SUSPEND_RESPONDER);
}

static void add_image(struct seed *s, struct fwsim_vhca *v, uint64_t bulk_blocks)
{
	size_t len = fwsim_image_size(v);
	uint8_t *p = step(s, IMAGE, len);

	assert_int_equal(fwsim_image_save(v, p, len), len);
	ifc_st64(p + FWSIM_IMAGE_OFF_BULK_BLOCKS, bulk_blocks);
	ifc_st64(p + FWSIM_IMAGE_OFF_BULK_SEED, bulk_blocks ? 42 : 0);
}

/* The next @count blocks of bulk state, after so many more changes. */
static void add_part(struct seed *s, unsigned int count, unsigned int changes)
{
	uint8_t *p = step(s, PART, 8);

	p[0] = (uint8_t)count;
	p[1] = (uint8_t)changes;
}

/* A VF with a message half sent, one that waits for a receive, and kept doorbells; stopped. */
static struct harness *busy_vf(void)
{
	struct harness *h = h_new(NULL);
	struct m_vf vf;

	m_vf_new(&vf, h, 1);
	m_post_send(&vf, 1, IFC_WQE_SEND, 0, 100, 0, true);
	h_advance(h, 10000);
	for (unsigned int i = 0; i < 24; i++)
		m_post_send(&vf, 0, IFC_WQE_RDMA_WRITE, 0, 2u << 20, 2u << 20, i == 23);
	m_stop(h, m_vhca_id(h, 1));
	m_arm_cq(&vf, 1);
	m_eq_update(&vf, false);
	return h;
}

static void images(void **state)
{
	struct harness *h = busy_vf();
	struct fwsim_vhca *busy = h->fw->vhca[1], *idle = h->fw->vhca[2];
	struct seed *s = seed_new(0);

	(void)state;
	add_image(s, busy, 0);
	run(s);
	seed_write(s, "image/busy");

	s = seed_new(0);
	add_image(s, idle, 0);
	add_image(s, busy, 0);
	step(s, RESET, 0);
	add_image(s, idle, 0);
	run(s);
	seed_write(s, "image/idle");

	s = seed_new(0x01); /* chunks */
	add_image(s, idle, 40);
	add_part(s, 10, 0);
	add_part(s, 30, 0);
	run(s);
	seed_write(s, "image/chunks");

	s = seed_new(0x02);
	add_image(s, idle, 6);
	add_part(s, 6, 3);
	add_image(s, busy, 6);
	add_part(s, 2, 2);
	add_part(s, 3, 0);
	run(s);
	seed_write(s, "image/precopy-target");
	h_free(h);
}

/* The same in one LOAD each. */
static void whole_images(void **state)
{
	struct harness *h = busy_vf();
	struct fwsim_vhca *v = h->fw->vhca[1];
	struct seed *s = seed_new(0);
	size_t len = fwsim_image_size(v);
	uint8_t *p = step(s, IMAGE_AND_PART, 8 + len);

	(void)state;
	p[0] = 5;
	assert_int_equal(fwsim_image_save(v, p + 8, len), len);
	ifc_st64(p + 8 + FWSIM_IMAGE_OFF_BULK_BLOCKS, 5);
	ifc_st64(p + 8 + FWSIM_IMAGE_OFF_BULK_SEED, 7);
	run(s);
	seed_write(s, "image/with-bulk");
	h_free(h);
}

static void sources(void **state)
{
	struct seed *s = seed_new(0xf3); /* chunks, state, 40 blocks that change, reinit */

	(void)state;
	command(s, RESUME, M_RESUME_RESPONDER);
	command(s, RESUME, M_RESUME_INITIATOR);
	for (unsigned int i = 0; i < 3; i++) {
		command(s, QUERY, i ? M_INC : 0);
		command(s, SAVE, M_TRACK | (i ? M_INC : 0));
		pass_time(s, 23);
	}
	command(s, REINIT, 0);
	command(s, QUERY, M_INC);
	command(s, SUSPEND, M_SUSPEND_INITIATOR);
	command(s, SUSPEND, M_SUSPEND_RESPONDER);
	command(s, QUERY, M_INC | 2);
	command(s, SAVE, M_INC);
	command(s, SAVE, M_INC);
	seed_write(s, "image/precopy-source");
}

/* ---- fuzz_data ------------------------------------------------------------------------------ */

#define SIDE1 0x80
enum { DOORBELL = 1, DATA_TIME = 4, MIG = 5, DESTROY = 7, CREATE = 8, CONNECT = 9, POLL = 10, POST = 11 };
enum { WRITE, WRITE_IMM, SEND, SEND_IMM, READ, ATOMIC = 7 };

static void bytes(struct seed *s, const uint8_t *p, size_t n)
{
	assert_true(s->len + n <= sizeof(s->b));
	memcpy(s->b + s->len, p, n);
	s->len += n;
}
#define BYTES(s, ...) bytes((s), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static struct seed *data_seed(void)
{
	struct seed *s = seed_new(0);

	s->len = 0;
	return s;
}

static void data_recv(struct seed *s, unsigned int side, unsigned int qp)
{
	BYTES(s, (uint8_t)(side | POST), (uint8_t)(0x10 | qp), 0x00, 0x04, 0x10);
}

static void data_send(struct seed *s, unsigned int side, unsigned int qp, unsigned int op, unsigned int len)
{
	BYTES(s, (uint8_t)(side | POST), (uint8_t)(qp | op << 1), (uint8_t)len, (uint8_t)(len >> 8), 0x20,
	      0x30);
}

static void data_time(struct seed *s, unsigned int log_ns)
{
	BYTES(s, DATA_TIME, (uint8_t)log_ns);
}

static void data(void **state)
{
	struct seed *s = data_seed();

	(void)state;
	for (unsigned int op = WRITE; op <= READ; op++) {
		data_recv(s, SIDE1, 0);
		data_send(s, 0, 0, op, 0x300);
		data_time(s, 20);
		BYTES(s, POLL, (uint8_t)(op + 1), SIDE1 | POLL, (uint8_t)op);
	}
	BYTES(s, POST, ATOMIC << 1, 0x08, 0x00, 0x20, 0x01, 0x30);
	data_time(s, 20);
	seed_write(s, "data/every-operation");

	s = data_seed(); /* no receive there, then one in time, then none: retries are used up */
	data_send(s, 0, 1, SEND, 64);
	data_time(s, 16);
	data_recv(s, SIDE1, 1);
	data_time(s, 30);
	data_send(s, 0, 0, SEND, 64);
	data_time(s, 35);
	seed_write(s, "data/receiver-not-ready");

	s = data_seed(); /* stopped in the middle, by both sides, and doorbells that are kept */
	data_send(s, 0, 0, WRITE, 0x8000);
	data_send(s, SIDE1, 1, READ, 0x8000);
	BYTES(s, SIDE1 | MIG, 1, SIDE1 | MIG, 2);
	data_send(s, 0, 0, WRITE, 0x100);
	data_time(s, 18);
	BYTES(s, MIG, 2, DOORBELL, 0, POLL, 1, SIDE1 | MIG, 0);
	data_time(s, 18);
	BYTES(s, MIG, 0);
	data_time(s, 22);
	seed_write(s, "data/stop-and-resume");

	s = data_seed(); /* QP to error, destroy, create anew, connect */
	data_send(s, 0, 0, READ, 0x1000);
	BYTES(s, DESTROY, 6, DESTROY, 0, CREATE, 0, CONNECT, DESTROY, 7, CONNECT);
	data_send(s, 0, 0, WRITE, 0x1000);
	data_time(s, 20);
	seed_write(s, "data/life-of-a-qp");
}

/* ---- fuzz_eth ------------------------------------------------------------------------------- */

enum { CONSUME = 2, STATE = 7, ETH_UMR = 9, ETH_RECV = 10, ETH_FRAME = 11, ETH_SEND = 14 };
#define ETH_CSUM 0xc0
#define ETH_CE 0x08 /* and two segments */
#define ETH_HDR54 0x30
enum { ETH_OP_SEND, ETH_OP_LSO };

static void eth_recv(struct seed *s, unsigned int n)
{
	for (; n; n--)
		BYTES(s, SIDE1 | ETH_RECV, 0x00, 0x04, 1, 0x40, 0x00, 0x04, 1, 0x60);
}

/* Headers of @kind (bit 0: IPv6, bit 1: UDP), and a WQE with two segments of 0x180 bytes behind them. */
static void eth_send(struct seed *s, unsigned int kind, unsigned int op, unsigned int mss)
{
	BYTES(s, ETH_FRAME, (uint8_t)kind, 0x58, 0x03);
	BYTES(s, ETH_SEND, (uint8_t)(ETH_CSUM | ETH_CE | ETH_HDR54 | op), 54, (uint8_t)mss,
	      (uint8_t)(mss >> 8), 0x80, 0x01, 0x40, 0x80, 0x01, 0x80);
}

/* @striding: bit i says that side i has a striding RQ. */
static struct seed *eth_seed(unsigned int striding)
{
	struct seed *s = data_seed();

	BYTES(s, (uint8_t)striding);
	return s;
}

static void eth(void **state)
{
	struct seed *s = eth_seed(0);

	(void)state;
	for (unsigned int kind = 0; kind < 4; kind++) {
		eth_recv(s, 1);
		eth_send(s, kind, ETH_OP_SEND, 0);
	}
	BYTES(s, SIDE1 | CONSUME, 4, 4, 0, CONSUME, 4, 4, 0);
	seed_write(s, "eth/every-kind");

	s = eth_seed(0);
	eth_recv(s, 8);
	eth_send(s, 0, ETH_OP_LSO, 0x80);
	eth_send(s, 0, ETH_OP_LSO, 0);
	eth_send(s, 0, ETH_OP_SEND, 0); /* flushed */
	BYTES(s, STATE, 0x13, STATE, 0x14, SIDE1 | STATE, 0x0d); /* to RST and RDY; an RQ to ERR */
	eth_send(s, 0, ETH_OP_LSO, 0x100);
	seed_write(s, "eth/segments-and-an-error");

	s = eth_seed(0);
	eth_recv(s, 2);
	BYTES(s, MIG, 1);
	eth_send(s, 0, ETH_OP_SEND, 0);
	BYTES(s, SIDE1 | MIG, 2, MIG, 0, SIDE1 | MIG, 0);
	eth_send(s, 0, ETH_OP_SEND, 0);
	seed_write(s, "eth/stop-and-resume");

	s = eth_seed(0); /* frames whose headers are of the input, straight to the eSwitch */
	for (unsigned int at = 0; at < 8; at++) {
		eth_recv(s, 1);
		BYTES(s, ETH_FRAME, (uint8_t)(at << 5 | 0xc), 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff,
		      0xff, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7);
	}
	seed_write(s, "eth/odd-headers");

	s = eth_seed(2); /* side 1 has a striding RQ, whose memory UMR maps */
	BYTES(s, SIDE1 | ETH_UMR, 0x0e, 0, 0x00, 0x60, 0x00, 0x70, 0x00, 0x80, 0x00, 0x90, 0x00, 0xa0, 0x00,
	      0xb0);
	for (unsigned int i = 0; i < 4; i++) {
		BYTES(s, SIDE1 | ETH_RECV, 0x00, 0x00, 0, 0, 0x00, 0x04, 0x40, (uint8_t)(16 * i));
		eth_send(s, i, ETH_OP_SEND, 0);
	}
	BYTES(s, SIDE1 | STATE, 0x0d);
	seed_write(s, "eth/striding");
}

/* ---- fuzz_cmdif ----------------------------------------------------------------------------- */

enum { COMMAND_1 = 1, SPOILED_COMMAND = 3, OTHER = 7 };

/* A command with mailboxes, each bit of the entry or of what goes with a mailbox wrong in its turn. */
static void spoiled_commands(void **state)
{
	static const unsigned int places[] = { 0x00, 0x80 }; /* entry, mailbox */

	(void)state;
	for (unsigned int p = 0; p < 2; p++) {
		struct seed *s = seed_new(128); /* booted */

		for (unsigned int bit = 0; bit < 512; bit++) {
			uint8_t *r = s->b + s->len;

			r[0] = SPOILED_COMMAND;
			r[1] = 3 + 4 + 24;
			r[2] = (uint8_t)(places[p] | bit / 8);
			r[4] = (uint8_t)(1u << bit % 8);
			ifc_st16(r + 7, MLX5_CMD_OP_QUERY_ISSI);
			s->len += 2u + r[1];
		}
		seed_write(s, p ? "cmdif/spoiled-mailbox" : "cmdif/spoiled-entry");
	}
}

/* Commands that take time, one finished before the next, one not. */
static void slow_commands(void **state)
{
	struct seed *s = seed_new(128 | 16);

	(void)state;
	for (unsigned int slot = 0; slot < 8; slot++) {
		BYTES(s, (uint8_t)(slot << 4 | COMMAND_1), 8, (uint8_t)slot, 0, MLX5_CMD_OP_QUERY_ISSI >> 8,
		      MLX5_CMD_OP_QUERY_ISSI & 0xff, 0, 0, 0, 0);
		if (slot & 1)
			BYTES(s, OTHER, 1, 13);
	}
	seed_write(s, "cmdif/slow-card");
}

/* The start of the BAR byte by byte and word by word; the vendor-specific capability. */
static void registers(void **state)
{
	struct seed *s = seed_new(0);

	(void)state;
	for (unsigned int fn = 0; fn < 2; fn++)
		for (unsigned int off = 0; off < 64; off++)
			BYTES(s, (uint8_t)(fn << 4 | OTHER), 4, 0xfd, (uint8_t)(off % 3), (uint8_t)(off / 8),
			      (uint8_t)(off * 32));
	for (unsigned int off = 0; off < FWSIM_VSC_LEN; off += 4)
		BYTES(s, OTHER, 6, 0xfc, (uint8_t)off, 0x80, 0, 0, 1);
	seed_write(s, "cmdif/registers");
}

/* ---- fuzz_flow ------------------------------------------------------------------------------ */

enum { F_TABLE, F_GROUP, F_ENTRY, F_DELETE, F_DESTROY, F_ROOT, F_MISS, F_SEND, F_RECEIVE, F_COUNTER, F_VPORT,
       F_IMAGE };

/* Frames from every vport and the wire: broadcast, and to an address. */
static void flow_frames(struct seed *s)
{
	for (unsigned int dst = 0; dst < 4; dst++) {
		for (unsigned int fn = 0; fn < 3; fn++)
			BYTES(s, F_SEND, (uint8_t)fn, (uint8_t)dst, 60, 0, 4, 0x08, 0x06, 0, 1);
		BYTES(s, F_RECEIVE, (uint8_t)dst, 200, 0, 12, 0x81, 0, 0x20, 5, 0x08, 0, 0x45, 0, 0, 0x40, 0, 0);
	}
}

static void flow(void **state)
{
	struct seed *s = data_seed();

	(void)state;
	/* a netdev of the PF: two tables, a group each, entries to the other table and to a TIR */
	BYTES(s, F_TABLE, 0, 0, 9, 4, F_TABLE, 0, 0, 3, 16, F_GROUP, 0, 1, 0, 200, 1, 8, 0xff, 9, 0xff, 13, 0xff);
	BYTES(s, F_GROUP, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0);
	BYTES(s, F_ENTRY, 0, 1, 4, 1, 0, 7, 8, 2, 13, 0, 9, 0, 10, 0, 0x01);
	BYTES(s, F_COUNTER, 0, 1, F_ENTRY, 0, 0, 12, 2, 1, 3, 8, 0, 9, 0, 10, 0, 11, 0, 0x02, 0x05);
	BYTES(s, F_ROOT, 0, 1, 0);
	flow_frames(s);
	BYTES(s, F_IMAGE);
	seed_write(s, "flow/netdev");
	s = data_seed();
	/* the FDB: by source port to two vports and the wire; an ACL that drops */
	BYTES(s, F_TABLE, 4, 0, 1, 22, F_GROUP, 4, 0, 0, 255, 2, 70, 0xff, 71, 0xff, 64, 0);
	BYTES(s, F_ENTRY, 4, 0, 4, 3, 0, 9, 71, 1, 70, 0, 0, 0, 1, 0, 0x00, 0x10, 0x07, F_ROOT, 4, 0, 0);
	flow_frames(s);
	BYTES(s, F_TABLE, 0x1c, 0, 1, 2, F_GROUP, 0x1c, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0);
	BYTES(s, F_ENTRY, 0x1c, 1, 2, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, F_ROOT, 0x1c, 1, 0);
	BYTES(s, F_VPORT, 0x11, 3, F_VPORT, 0x22, 1);
	flow_frames(s);
	seed_write(s, "flow/fdb");
}

/* ---- fuzz_roce ------------------------------------------------------------------------------ */

enum { R_POST = 1, R_RECV, R_FRAME, R_TIME, R_MIG, R_BUS, R_MOVE, R_CONNECT, R_PACKET };
#define R_QP(n) ((n) << 4)
#define R_WAITS 0x80 /* of a packet: comes together with the next one */
/* Of a packet: asks for an acknowledgement; payload of 0, 1, 255, 256, 257 … bytes; a field more. */
#define R_ACK_REQ 2
#define R_LEN(n) ((n) << 2)
#define R_MORE 0x40

/* A packet whose number is the expected one and @delta; @n bytes of fields follow. */
static void roce_packet(struct seed *s, unsigned int qp, unsigned int op, unsigned int how, int delta,
			unsigned int n, const uint8_t *more)
{
	BYTES(s, (uint8_t)(R_PACKET | R_QP(qp)), (uint8_t)op, (uint8_t)how, (uint8_t)delta);
	if (n)
		bytes(s, more, n);
}

static void roce_post(struct seed *s, unsigned int qp, unsigned int op, unsigned int len)
{
	BYTES(s, (uint8_t)(R_POST | R_QP(qp)), (uint8_t)op, (uint8_t)len, (uint8_t)(len >> 8));
	if (op == 5 || op == 6) /* an atomic has an operand */
		BYTES(s, 5);
}

/* A request that is refused, of one kind after the other, to a QP that is as new. */
static void roce_refused(struct seed *s, unsigned int qp, unsigned int kind)
{
	static const uint8_t near[] = { 4, 0x00, 0x02, 7 }, nowhere[] = { 0xc0, 0x00, 0x01, 0 }, crooked[] = { 0x7f, 0 };

	BYTES(s, (uint8_t)(R_CONNECT | R_QP(qp)), 10); /* MTU of 256, 4 READs at a time */
	switch (kind) {
	case 0:
		for (unsigned int i = 0; i < 5; i++) /* the last is one more than may be asked for */
			roce_packet(s, qp | (i < 4 ? R_WAITS >> 4 : 0), 0x0c, R_MORE, (int)(2 * i), 4, near);
		break;
	case 1:
		roce_packet(s, qp, 0x0c, R_MORE, 0, 4, nowhere);
		break;
	case 2:
		roce_packet(s, qp, 0x0a, R_LEN(3) | R_ACK_REQ, 0, 2, nowhere); /* WRITE */
		break;
	case 3:
		roce_packet(s, qp, 0x14, 0, 0, 2, crooked);
		break;
	case 4:
		roce_packet(s, qp, 0x14, 0, 0, 2, nowhere); /* a key without the right to atomics */
		break;
	case 5:
		BYTES(s, (uint8_t)(R_RECV | R_QP(qp)), 16, 0); /* too short */
		roce_packet(s, qp, 0x04, R_LEN(3) | R_ACK_REQ, 0, 0, NULL);
		break;
	case 6:
		roce_packet(s, qp, 0x04, 0x20 | R_LEN(3) | R_ACK_REQ, 0, 0, NULL); /* an SRQ that is not there */
		break;
	case 7:
		roce_packet(s, qp, 0x06, R_LEN(3) | R_MORE, 0, 4, near); /* WRITE first, of more than comes */
		roce_packet(s, qp, 0x08, R_LEN(2) | R_ACK_REQ, 0, 0, NULL);
		break;
	}
}

static void roce(void **state)
{
	static const uint8_t reth[] = { 4, 0x00, 0x02, 7 }; /* 512 bytes: two packets; swap or add 7 */
	struct seed *s = data_seed();

	(void)state;
	for (unsigned int qp = 0; qp < 4; qp += 1 + qp) { /* RC, UC, XRC */
		BYTES(s, (uint8_t)(R_RECV | R_QP(qp)), 0x00, 0x08, (uint8_t)(R_RECV | R_QP(qp)), 0, 8);
		roce_packet(s, qp, 0x00, R_LEN(3), 0, 0, NULL);		       /* SEND first */
		roce_packet(s, qp, 0x03, R_LEN(1) | R_ACK_REQ, 0, 0, NULL);    /* last, immediate */
		roce_packet(s, qp, 0x06, R_LEN(3) | R_MORE, 0, 4, reth);       /* WRITE first */
		roce_packet(s, qp, 0x09, R_LEN(3) | R_ACK_REQ, 0, 0, NULL);    /* last, immediate */
		roce_packet(s, qp, 0x08, R_LEN(3) | R_ACK_REQ, -1, 0, NULL);   /* repeated */
	}
	BYTES(s, R_RECV | R_QP(2), 0x00, 0x08);
	roce_packet(s, 2, 0x04, R_LEN(2), 0, 0, NULL); /* a datagram */
	for (unsigned int qp = 0; qp < 4; qp += 3) {
		roce_packet(s, qp, 0x0c, R_MORE, 0, 4, reth); /* READ, twice */
		roce_packet(s, qp, 0x0c, R_MORE, -2, 4, reth);
		roce_packet(s, qp, 0x14, 0, 0, 2, reth); /* atomic, twice */
		roce_packet(s, qp, 0x14, 0, -1, 2, reth);
	}
	roce_packet(s, 0, 0x04, R_LEN(1), 5, 0, NULL); /* a gap */
	roce_packet(s, 0, 0x15, 0, 0, 0, NULL);
	for (unsigned int qp = 0; qp < 4; qp += 3) {
		BYTES(s, (uint8_t)(R_RECV | R_QP(qp)), 0x00, 0x08);
		roce_packet(s, qp, 0x17, R_LEN(1) | R_ACK_REQ, 0, 0, NULL); /* SEND with invalidate of a key that may be */
		roce_packet(s, qp, 0x04, R_LEN(1) | R_ACK_REQ, 0, 0, NULL); /* nothing to receive into */
	}
	seed_write(s, "roce/requests");

	s = data_seed();
	for (unsigned int qp = 0; qp < 4; qp += 1 + qp)
		for (unsigned int i = 0; i < 8; i++)
			roce_refused(s, qp, i);
	seed_write(s, "roce/refused");

	s = data_seed();
	for (unsigned int op = 0; op < 7; op++) {
		roce_post(s, 0, op, 600);
		roce_post(s, 3, op, 600);
		roce_post(s, 1, op, 600);
		if (op == 2 || op == 3) /* what is no operation of UD would stop it */
			roce_post(s, 2, op, 200);
	}
	for (unsigned int qp = 0; qp < 4; qp += 3) {
		roce_packet(s, qp, 0x11, 0, 2, 0, NULL);
		roce_packet(s, qp, 0x11, 0, 2, 0, NULL);
		roce_packet(s, qp, 0x11, R_MORE, 1, 1, (const uint8_t[]){ 0x60 }); /* sequence */
		roce_packet(s, qp, 0x11, R_MORE, 0, 1, (const uint8_t[]){ 0x21 }); /* RNR */
		data_time(s, 22);
		roce_packet(s, qp, 0x11, 0, 2, 0, NULL);
		roce_packet(s, qp, 0x11, 0, 2, 0, NULL);
		roce_packet(s, qp, 0x0d, R_LEN(3), 0, 0, NULL); /* answers to the READ */
		roce_packet(s, qp, 0x0e, R_LEN(3), 1, 0, NULL);
		roce_packet(s, qp, 0x11, R_MORE, 0, 1, (const uint8_t[]){ 0x62 }); /* access */
	}
	data_time(s, 30);
	for (unsigned int code = 0x61; code < 0x64; code++) {
		BYTES(s, R_CONNECT, 0);
		roce_post(s, 0, 4, 600);
		roce_packet(s, 0, 0x0d, R_LEN(3), 0, 0, NULL); /* a READ to its end */
		roce_packet(s, 0, 0x0e, R_LEN(3), 1, 0, NULL);
		roce_packet(s, 0, 0x0f, R_LEN(2), 2, 0, NULL);
		roce_post(s, 0, 5, 8);
		roce_packet(s, 0, 0x12, 0, 0, 0, NULL); /* an atomic */
		roce_post(s, 0, 0, 600);
		roce_packet(s, 0, 0x11, R_MORE, 0, 1, (const uint8_t[]){ (uint8_t)code });
	}
	seed_write(s, "roce/answers");

	s = data_seed();
	roce_post(s, 0, 0, 6000);
	roce_packet(s, 0, 0x0c, R_MORE, 0, 4, reth);
	roce_packet(s, 0, 0x06, R_LEN(3) | R_MORE, 0, 4, reth);
	roce_packet(s, 0, 0x11, 0, 9, 0, NULL);
	BYTES(s, R_MIG, 1);
	roce_packet(s, 0, 0x11, 0, 12, 0, NULL);
	BYTES(s, R_MOVE);
	roce_packet(s, 0, 0x08, R_LEN(3) | R_ACK_REQ, 0, 0, NULL);
	BYTES(s, R_MIG, 2, R_MOVE);
	roce_packet(s, 0, 0x11, 0, 23, 0, NULL);
	BYTES(s, R_CONNECT, 3);
	roce_post(s, 0, 3, 6000);
	seed_write(s, "roce/moves");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),
		cmocka_unit_test(whole_images),
		cmocka_unit_test(sources),
		cmocka_unit_test(data),
		cmocka_unit_test(eth),
		cmocka_unit_test(spoiled_commands),
		cmocka_unit_test(slow_commands),
		cmocka_unit_test(registers),
		cmocka_unit_test(flow),
		cmocka_unit_test(roce),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 2;
	}
	dir = argv[1];
	return cmocka_run_group_tests_name("seeds", tests, NULL, NULL);
}
