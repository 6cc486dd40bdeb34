// SPDX-License-Identifier: GPL-2.0-or-later
/* What arrives, byte by byte: operations of RC and UC, of every length, gathered and scattered. */
#include "verbs.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define GUARD 64u
#define HOLE 0xeeu

static const uint32_t lengths[] = { 0, 1, 1023, 1024, 1025, 64u << 10, 1u << 20 };

#define N_LENGTHS (sizeof(lengths) / sizeof(*lengths))

/* Where a message of a test is and where it lands: neither at the beginning of a page. */
#define FROM (PAGE - 7)
#define LAND (HALF + GUARD + 3)

static void prepare(struct duo *d, uint32_t len, uint32_t seed)
{
	fill(d->a.mem + FROM, len, seed);
	memset(d->b.mem + LAND - GUARD, HOLE, len + 2 * GUARD);
}

/* @len bytes have arrived, and nothing on either side of them. */
static void arrived(struct duo *d, uint32_t len, uint32_t seed, const char *what)
{
	same(d->b.mem + LAND, len, seed, what);
	untouched(d->b.mem + LAND - GUARD, GUARD, HOLE, "before the message");
	untouched(d->b.mem + LAND + len, GUARD, HOLE, "behind the message");
}

static void check_recv(const struct duo *d, const struct ibv_wc *wc, uint32_t len, enum ibv_wc_opcode op)
{
	CHECK_EQ(wc->opcode, op);
	CHECK_EQ(wc->byte_len, len);
	CHECK_EQ(wc->qp_num, d->b.qp->qp_num);
	CHECK_EQ(wc->src_qp, d->a.qp->qp_num);
}

static void sends(enum ibv_qp_type type, enum ibv_wr_opcode op)
{
	struct link l = LINK_OF(type);
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < N_LENGTHS; i++) {
		uint32_t len = lengths[i];
		struct ibv_sge sge = sge_of(&d.a, FROM, len);
		struct ibv_send_wr wr = {
			.wr_id = 100 + i, .sg_list = &sge, .num_sge = 1, .opcode = op,
			.send_flags = IBV_SEND_SIGNALED, .imm_data = htonl(0xfeed0000 + i),
		};

		prepare(&d, len, i);
		recv_into(&d.b, 200 + i, sge_of(&d.b, LAND, len));
		send_wr(&d.a, &wr);
		wc = wc_ok(d.a.scq, 100 + i);
		CHECK_EQ(wc.opcode, IBV_WC_SEND);
		CHECK_EQ(wc.qp_num, d.a.qp->qp_num);
		wc = wc_ok(d.b.rcq, 200 + i);
		check_recv(&d, &wc, len, IBV_WC_RECV);
		CHECK_EQ(wc.wc_flags, op == IBV_WR_SEND_WITH_IMM ? IBV_WC_WITH_IMM : 0);
		if (op == IBV_WR_SEND_WITH_IMM)
			CHECK_EQ(ntohl(wc.imm_data), 0xfeed0000 + i);
		arrived(&d, len, i, "SEND");
	}
	duo_close(&d);
}

static void rc_send(void)
{
	sends(IBV_QPT_RC, IBV_WR_SEND);
}

static void rc_send_with_imm(void)
{
	sends(IBV_QPT_RC, IBV_WR_SEND_WITH_IMM);
}

static void uc_send(void)
{
	sends(IBV_QPT_UC, IBV_WR_SEND);
	sends(IBV_QPT_UC, IBV_WR_SEND_WITH_IMM);
}

static void writes(enum ibv_qp_type type, enum ibv_wr_opcode op)
{
	bool imm = op == IBV_WR_RDMA_WRITE_WITH_IMM;
	struct link l = LINK_OF(type);
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < N_LENGTHS; i++) {
		uint32_t len = lengths[i];
		struct ibv_sge sge = sge_of(&d.a, FROM, len);
		struct ibv_send_wr wr = {
			.wr_id = 100 + i, .sg_list = &sge, .num_sge = 1, .opcode = op,
			.send_flags = IBV_SEND_SIGNALED, .imm_data = htonl(0xbeef0000 + i),
			.wr.rdma = { .remote_addr = (uintptr_t)d.b.mem + LAND, .rkey = d.b.mr->rkey },
		};

		prepare(&d, len, i);
		if (imm)
			recv_wr(&d.b, 200 + i, NULL, 0); /* used up, but not written to */
		send_wr(&d.a, &wr);
		wc = wc_ok(d.a.scq, 100 + i);
		CHECK_EQ(wc.opcode, IBV_WC_RDMA_WRITE);
		if (imm) {
			wc = wc_ok(d.b.rcq, 200 + i);
			check_recv(&d, &wc, len, IBV_WC_RECV_RDMA_WITH_IMM);
			CHECK_EQ(wc.wc_flags, IBV_WC_WITH_IMM);
			CHECK_EQ(ntohl(wc.imm_data), 0xbeef0000 + i);
		}
		arrived(&d, len, i, "WRITE");
	}
	wc_none(d.b.rcq);
	duo_close(&d);
}

static void rc_write(void)
{
	writes(IBV_QPT_RC, IBV_WR_RDMA_WRITE);
}

static void rc_write_with_imm(void)
{
	writes(IBV_QPT_RC, IBV_WR_RDMA_WRITE_WITH_IMM);
}

static void uc_write(void)
{
	writes(IBV_QPT_UC, IBV_WR_RDMA_WRITE);
	writes(IBV_QPT_UC, IBV_WR_RDMA_WRITE_WITH_IMM);
}

/* b reads what a has: the names of what is where stay. */
static void rc_read(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < N_LENGTHS; i++) {
		prepare(&d, lengths[i], i);
		rdma_to(&d.b, IBV_WR_RDMA_READ, i, sge_of(&d.b, LAND, lengths[i]), &d.a, FROM);
		wc = wc_ok(d.b.scq, i);
		CHECK_EQ(wc.opcode, IBV_WC_RDMA_READ);
		CHECK_EQ(wc.byte_len, lengths[i]);
		arrived(&d, lengths[i], i, "READ");
	}
	duo_close(&d);
}

static void atomic_to(struct duo *d, enum ibv_wr_opcode op, uint64_t id, uint64_t compare_add, uint64_t swap)
{
	struct ibv_sge sge = sge_of(&d->a, FROM + 7, 8);
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = op, .send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { .remote_addr = (uintptr_t)d->b.mem + HALF, .rkey = d->b.mr->rkey,
			       .compare_add = compare_add, .swap = swap },
	};

	send_wr(&d->a, &wr);
}

static void rc_fetch_and_add(void)
{
	uint64_t *cell, *old, sum = 0xfffffffffffffff0ull; /* wraps */
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	cell = (uint64_t *)(d.b.mem + HALF);
	old = (uint64_t *)(d.a.mem + FROM + 7);
	memset(d.b.mem + HALF - 8, HOLE, 24);
	*cell = sum;
	for (uint64_t i = 0; i < 20; i++, sum += i * 0x100000001ull) {
		*old = 0;
		atomic_to(&d, IBV_WR_ATOMIC_FETCH_AND_ADD, i, (i + 1) * 0x100000001ull, 0);
		wc = wc_ok(d.a.scq, i);
		CHECK_EQ(wc.opcode, IBV_WC_FETCH_ADD);
		CHECK_EQ(wc.byte_len, 8);
		CHECK_EQ(*old, sum);
	}
	CHECK_EQ(*cell, sum);
	untouched(d.b.mem + HALF - 8, 8, HOLE, "before the number");
	untouched(d.b.mem + HALF + 8, 8, HOLE, "behind the number");
	duo_close(&d);
}

static void rc_compare_and_swap(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	uint64_t *cell, *old;
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	cell = (uint64_t *)(d.b.mem + HALF);
	old = (uint64_t *)(d.a.mem + FROM + 7);
	*cell = 0x0123456789abcdefull;
	atomic_to(&d, IBV_WR_ATOMIC_CMP_AND_SWP, 1, 0x0123456789abcdefull, 77);
	wc = wc_ok(d.a.scq, 1);
	CHECK_EQ(wc.opcode, IBV_WC_COMP_SWAP);
	CHECK_EQ(wc.byte_len, 8);
	CHECK_EQ(*old, 0x0123456789abcdefull);
	CHECK_EQ(*cell, 77);
	atomic_to(&d, IBV_WR_ATOMIC_CMP_AND_SWP, 2, 78, 99); /* it is not 78 */
	wc_ok(d.a.scq, 2);
	CHECK_EQ(*old, 77);
	CHECK_EQ(*cell, 77);
	duo_close(&d);
}

/* ---- lists --------------------------------------------------------------------------------- */

struct piece {
	size_t off;
	uint32_t len;
};

/* Odd lengths, an empty one, two that straddle pages, one of several pages: 4 each, 20000 bytes. */
static const struct piece from_list[] = { { 1, 1 }, { PAGE - 5, 4099 }, { 5 * PAGE + 9, 0 }, { 6 * PAGE - 1, 15900 } };
static const struct piece to_list[] = { { HALF + 3, 9000 }, { HALF + 5 * PAGE, 0 }, { HALF + 6 * PAGE - 3, 7 },
					{ HALF + 8 * PAGE + 17, 10993 } };

#define LISTED 20000u

static void sges(struct ibv_sge *s, const struct end *e, const struct piece *p)
{
	for (unsigned int i = 0; i < 4; i++)
		s[i] = sge_of(e, p[i].off, p[i].len);
}

/* Copy the pieces to or from one place. */
static void pieces(struct end *e, const struct piece *p, uint8_t *flat, bool gather)
{
	for (unsigned int i = 0; i < 4; flat += p[i].len, i++)
		memcpy(gather ? flat : e->mem + p[i].off, gather ? e->mem + p[i].off : flat, p[i].len);
}

static void lists(enum ibv_wr_opcode op, uint32_t seed)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge from[4], to[4];
	struct ibv_send_wr wr = { .wr_id = 1, .num_sge = 4, .opcode = op, .send_flags = IBV_SEND_SIGNALED };
	uint8_t *flat = malloc(LISTED), *mem = malloc(MEM);
	struct duo d;

	CHECK(flat && mem);
	duo_open(&d, &l);
	sges(from, &d.a, from_list);
	sges(to, &d.b, to_list);
	memset(d.a.mem, HOLE, MEM);
	memset(d.b.mem, HOLE, MEM);
	fill(flat, LISTED, seed);
	if (op == IBV_WR_SEND || op == IBV_WR_RDMA_WRITE) {
		pieces(&d.a, from_list, flat, false);
		wr.sg_list = from;
	} else {
		memcpy(d.a.mem + FROM, flat, LISTED);
		wr.sg_list = to;
	}
	if (op == IBV_WR_SEND)
		recv_wr(&d.b, 2, to, 4);
	wr.wr.rdma.remote_addr = op == IBV_WR_RDMA_READ ? (uintptr_t)d.a.mem + FROM : (uintptr_t)d.b.mem + LAND;
	wr.wr.rdma.rkey = op == IBV_WR_RDMA_READ ? d.a.mr->rkey : d.b.mr->rkey;
	send_wr(op == IBV_WR_RDMA_READ ? &d.b : &d.a, &wr);
	wc_ok(op == IBV_WR_RDMA_READ ? d.b.scq : d.a.scq, 1);
	if (op == IBV_WR_SEND)
		CHECK_EQ(wc_ok(d.b.rcq, 2).byte_len, LISTED);
	/* the whole memory is as if the pieces had been copied one by one */
	memset(mem, HOLE, MEM);
	if (op == IBV_WR_RDMA_WRITE) {
		same(d.b.mem + LAND, LISTED, seed, "WRITE of a list");
		memcpy(mem + LAND, flat, LISTED);
	} else {
		struct end model = { .mem = mem };

		pieces(&d.b, to_list, flat, true);
		same(flat, LISTED, seed, "a list");
		pieces(&model, to_list, flat, false);
	}
	CHECK(!memcmp(mem, d.b.mem, MEM));
	duo_close(&d);
}

static void rc_lists(void)
{
	lists(IBV_WR_SEND, 1);
	lists(IBV_WR_RDMA_WRITE, 2);
	lists(IBV_WR_RDMA_READ, 3);
}

/* Inline data is taken when it is posted, and its key is nobody's. */
static void rc_inline(void)
{
	static const uint32_t len[] = { 0, 1, 28, 29, 64 };
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t n = len[i % 5];
		uint8_t buf[64];
		struct ibv_sge sge[2] = {
			{ .addr = (uintptr_t)buf, .length = n / 3, .lkey = 0xdeadbeef },
			{ .addr = (uintptr_t)buf + n / 3, .length = n - n / 3, .lkey = 0xdeadbeef },
		};
		struct ibv_send_wr wr = {
			.wr_id = i, .sg_list = sge, .num_sge = 2,
			.opcode = i < 5 ? IBV_WR_SEND : IBV_WR_RDMA_WRITE,
			.send_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE,
			.wr.rdma = { .remote_addr = (uintptr_t)d.b.mem + LAND, .rkey = d.b.mr->rkey },
		};

		prepare(&d, n, i);
		fill(buf, n, i);
		if (i < 5)
			recv_into(&d.b, i, sge_of(&d.b, LAND, n));
		send_wr(&d.a, &wr);
		memset(buf, 0, sizeof(buf));
		wc_ok(d.a.scq, i);
		if (i < 5)
			CHECK_EQ(wc_ok(d.b.rcq, i).byte_len, n);
		arrived(&d, n, i, "inline data");
	}
	duo_close(&d);
}

/* 1000 messages, four at a time and only the last of four signalled: rings and sequence numbers wrap. */
static void rc_many(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < 1000; i += 4) {
		for (uint32_t j = i; j < i + 4; j++)
			recv_into(&d.b, j, sge_of(&d.b, LAND + (j & 3) * 2048, 2048));
		for (uint32_t j = i; j < i + 4; j++) {
			struct ibv_sge sge = sge_of(&d.a, (j & 3) * 2048, 1 + j * 7 % 2048);
			struct ibv_send_wr wr = {
				.wr_id = j, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
				.send_flags = (j & 3) == 3 ? IBV_SEND_SIGNALED : 0,
			};

			fill(d.a.mem + (j & 3) * 2048, sge.length, j);
			send_wr(&d.a, &wr);
		}
		wc_ok(d.a.scq, i + 3);
		for (uint32_t j = i; j < i + 4; j++) {
			CHECK_EQ(wc_ok(d.b.rcq, j).byte_len, 1 + j * 7 % 2048);
			same(d.b.mem + LAND + (j & 3) * 2048, 1 + j * 7 % 2048, j, "one of many");
		}
	}
	wc_none(d.a.scq);
	duo_close(&d);
}

/* Operations of all kinds posted at once take effect in their order. */
static void rc_order(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	uint64_t *cell;
	struct duo d;

	duo_open(&d, &l);
	cell = (uint64_t *)(d.b.mem + HALF);
	for (uint64_t round = 0; round < 20; round++) {
		uint64_t *a = (uint64_t *)d.a.mem;

		*a = 1000 * round;
		*cell = 0;
		recv_into(&d.b, 9, sge_of(&d.b, HALF + PAGE, 8));
		rdma_to(&d.a, IBV_WR_RDMA_WRITE, 1, sge_of(&d.a, 0, 8), &d.b, HALF);
		atomic_to(&d, IBV_WR_ATOMIC_FETCH_AND_ADD, 2, 5, 0);
		rdma_to(&d.a, IBV_WR_RDMA_READ, 3, sge_of(&d.a, 8, 8), &d.b, HALF);
		atomic_to(&d, IBV_WR_ATOMIC_CMP_AND_SWP, 4, 1000 * round + 5, 4242);
		rdma_to(&d.a, IBV_WR_RDMA_READ, 5, sge_of(&d.a, 16, 8), &d.b, HALF);
		send_to(&d.a, IBV_WR_SEND, 6, sge_of(&d.a, 0, 8));
		for (uint64_t id = 1; id <= 6; id++)
			wc_ok(d.a.scq, id);
		wc_ok(d.b.rcq, 9);
		CHECK_EQ(a[1], 1000 * round + 5);
		CHECK_EQ(a[2], 4242);
		CHECK_EQ(*cell, 4242);
		CHECK_EQ(*(uint64_t *)(d.b.mem + HALF + PAGE), 1000 * round);
	}
	duo_close(&d);
}

/* A QP connected to itself: its own receive queue takes what it sends. */
static void rc_self(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	qp_to_init(&e, &l);
	qp_to_rtr(&e, &e, &l);
	qp_to_rts(&e, &l);
	for (uint32_t i = 0; i < N_LENGTHS; i++) {
		fill(e.mem + FROM, lengths[i], i);
		memset(e.mem + LAND, HOLE, lengths[i]);
		recv_into(&e, 1, sge_of(&e, LAND, lengths[i]));
		send_to(&e, IBV_WR_SEND, 2, sge_of(&e, FROM, lengths[i]));
		wc_ok(e.scq, 2);
		CHECK_EQ(wc_ok(e.rcq, 1).byte_len, lengths[i]);
		same(e.mem + LAND, lengths[i], i, "SEND to itself");
		rdma_to(&e, IBV_WR_RDMA_READ, 3, sge_of(&e, LAND, lengths[i]), &e, FROM + 1);
		wc_ok(e.scq, 3);
		CHECK(!memcmp(e.mem + LAND, e.mem + FROM + 1, lengths[i]));
	}
}

static const struct tap_test list[] = {
	PAIRS(rc_send), PAIRS(rc_send_with_imm), PAIRS(rc_write), PAIRS(rc_write_with_imm), PAIRS(rc_read),
	PAIRS(rc_fetch_and_add), PAIRS(rc_compare_and_swap), PAIRS(rc_lists), PAIRS(rc_inline), PAIRS(rc_many),
	PAIRS(rc_order), PAIRS(uc_send), PAIRS(uc_write), TAP_TEST(rc_self),
};

const struct tests data_tests = { list, sizeof(list) / sizeof(*list) };
