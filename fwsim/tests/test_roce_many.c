// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many QPs of two cards at a time, which share a receive queue on either side: messages whose packets come one
 * between the other, too few receive WQEs, and a peer that is slow. What ibv_srq_pingpong of rdma-core does.
 */
#include "net_rig.h"

#include <string.h>

#include "roce_qp.h"

#define QPS 16u
#define ROUNDS 6u
#define LEN 4000u /* four packets */
#define SLOT 4096u
#define RECVS ((1u << D_LOG_SRQ) - 1) /* the last of the free list stays there */
#define TICK 10000u /* ns */
#define LIMIT (10 * H_SEC)

enum { SENDING = 1, RECEIVING = 2 };

struct side {
	struct d_fn d;
	struct d_srq srq;
	uint16_t tail;	    /* of the free list */
	unsigned int posted;
	struct d_qp qp[QPS];
	struct d_mem m;	    /* a slot for each QP to send from, then one for each receive WQE */
	unsigned int sent[QPS], got[QPS], pending[QPS];
};

/* Frames on their way to a card, which takes one in so many ns (0: at once). */
struct road {
	unsigned int n;
	struct road_frame {
		size_t len;
		uint32_t dqpn;
		uint8_t data[ROCE_FRAME_MAX];
	} *frame[4096];
	uint32_t last; /* the QP that the last frame was for */
	uint64_t cost, busy;
	unsigned int taken;
};

/* side[0] is on card 0 and begins; frames to side[i] go by road[i]. */
struct crowd {
	struct n_net net;
	struct side side[2];
	struct road road[2];
	uint64_t gone;
};

static uint8_t content(unsigned int side, unsigned int qp, unsigned int round, uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + qp * 31 + round * 5 + side);
}

/* ---- the network --------------------------------------------------------------------------- */

static void collect(struct crowd *c)
{
	for (unsigned int from = 0; from < 2; from++) {
		struct harness *h = c->net.card[from];
		struct road *road = &c->road[!from];

		assert_true(h->wire_n < H_WIRE);
		for (unsigned int i = 0; i < h->wire_n; i++) {
			struct road_frame *f = malloc(sizeof(*f));
			struct fwsim_frame parsed;
			struct roce_packet pkt;

			assert_non_null(f);
			assert_true(road->n < sizeof(road->frame) / sizeof(road->frame[0]));
			f->len = h->wire[i].len;
			assert_true(f->len <= sizeof(f->data));
			memcpy(f->data, h->wire[i].data, f->len);
			assert_true(fwsim_frame_parse(&parsed, f->data, (uint32_t)f->len));
			assert_null(roce_parse(&parsed, &pkt));
			f->dqpn = pkt.dqpn;
			road->frame[road->n++] = f;
		}
		h->wire_n = 0;
	}
}

/* The next frame comes to card @to: if there is one for another QP than the last, the first of those. */
static void bring(struct crowd *c, unsigned int to)
{
	struct road *road = &c->road[to];
	unsigned int at = 0;
	struct road_frame *f;

	while (at < road->n && road->frame[at]->dqpn == road->last)
		at++;
	if (at == road->n)
		at = 0;
	f = road->frame[at];
	road->n--;
	memmove(&road->frame[at], &road->frame[at + 1], (road->n - at) * sizeof(road->frame[0]));
	road->last = f->dqpn;
	road->taken++;
	assert_true(fwsim_uplink_rx(c->net.card[to]->fw, f->data, f->len));
	free(f);
	collect(c);
}

static void pass_time(struct crowd *c)
{
	c->gone += TICK;
	for (unsigned int i = 0; i < N_CARDS; i++)
		h_advance(c->net.card[i], TICK);
	collect(c);
	for (unsigned int i = 0; i < 2; i++) {
		struct road *road = &c->road[i];

		if (!road->n)
			road->busy = c->gone;
		for (; road->n && road->busy + road->cost <= c->gone; road->busy += road->cost)
			bring(c, i);
	}
}

/* ---- the programs -------------------------------------------------------------------------- */

static void post_recv(struct side *s)
{
	uint16_t index = s->srq.next;
	struct d_sge sge = { s->m.addr + (QPS + index) * SLOT, SLOT, s->m.key };

	assert_int_not_equal(index, s->tail);
	d_srq_recv(&s->srq, 1, &sge);
	s->posted++;
}

/* A WQE that has been used goes to the end of the free list. */
static void free_recv(struct side *s, uint16_t index)
{
	uint8_t *ring = h_mem(s->d.h, s->d.fn, s->srq.ring);

	ifc_st16(ring + s->tail * D_SRQ_STRIDE + 2, index);
	s->tail = index;
	s->posted--;
}

static void send_one(struct crowd *c, unsigned int i, unsigned int n)
{
	struct side *s = &c->side[i];
	struct d_wr w = {
		.op = IFC_WQE_SEND, .n = 1, .sge = { { s->m.addr + n * SLOT, LEN, s->m.key } },
	};

	for (uint32_t b = 0; b < LEN; b++)
		s->m.p[n * SLOT + b] = content(i, n, s->sent[n], b);
	s->sent[n]++;
	s->pending[n] = SENDING | RECEIVING;
	d_send(&s->qp[n], &w);
	collect(c);
}

static void received(struct crowd *c, unsigned int i, unsigned int n, const uint8_t *cqe)
{
	struct side *s = &c->side[i];
	uint16_t index = D_CQE_COUNTER(cqe);
	const uint8_t *p = s->m.p + (QPS + index) * SLOT;
	unsigned int posted = s->posted;

	assert_int_equal(D_CQE_OP(cqe), IFC_CQE_RESP_SEND);
	assert_int_equal(D_CQE_BYTES(cqe), LEN);
	assert_int_equal(ifc_ld32(cqe + 32), s->srq.srqn);
	for (uint32_t b = 0; b < LEN; b++)
		if (p[b] != content(!i, n, s->got[n], b))
			fail_msg("side %u QP %u message %u: byte %u is wrong", i, n, s->got[n], b);
	s->got[n]++;
	s->pending[n] &= ~(unsigned int)RECEIVING;
	free_recv(s, index);
	while (s->posted < posted)
		post_recv(s);
}

/* Look at all completions of a side, and go on. True: it has nothing more to do. */
static bool look(struct crowd *c, unsigned int i)
{
	struct side *s = &c->side[i];
	const uint8_t *cqe;
	bool done = true;

	for (unsigned int n = 0; n < QPS; n++) {
		while ((cqe = d_cqe(&s->qp[n].scq))) {
			if (D_CQE_OP(cqe) != IFC_CQE_REQ)
				fail_msg("side %u QP %u: syndrome 0x%x after %llu us, %u of %u messages", i, n,
					 D_CQE_SYND(cqe), (unsigned long long)c->gone / 1000, s->sent[n], ROUNDS);
			s->pending[n] &= ~(unsigned int)SENDING;
		}
		while ((cqe = d_cqe(&s->qp[n].rcq)))
			received(c, i, n, cqe);
		if (!s->pending[n] && s->sent[n] < ROUNDS)
			send_one(c, i, n);
		done &= s->got[n] == ROUNDS && !(s->pending[n] & SENDING);
	}
	return done;
}

static void ping_pong(struct crowd *c)
{
	bool done[2] = { false, false };

	for (unsigned int n = 0; n < QPS; n++) {
		c->side[1].pending[n] = RECEIVING;
		send_one(c, 0, n);
	}
	while (!done[0] || !done[1]) {
		pass_time(c);
		for (unsigned int i = 0; i < 2; i++)
			done[i] = look(c, i);
		if (c->gone > LIMIT)
			fail_msg("not at its end after %llu s", (unsigned long long)(LIMIT / H_SEC));
	}
}

/* ---- tests --------------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));

	n_open(&c->net);
	for (unsigned int i = 0; i < 2; i++) {
		struct side *s = &c->side[i];

		n_fn(&s->d, &c->net, i, 1);
		d_srq(&s->d, &s->srq, FWSIM_SRQ_PLAIN, 0, 0);
		s->tail = RECVS * D_SRQ_STEP % (RECVS + 1);
		s->m = d_mem(&s->d, (QPS + RECVS + 1) * SLOT);
		for (unsigned int n = 0; n < QPS; n++)
			d_qp_of(&s->d, &s->qp[n], IFC_QP_ST_RC, s->srq.srqn, 0);
	}
	for (unsigned int n = 0; n < QPS; n++)
		n_connect(&c->side[0].qp[n], &c->side[1].qp[n], 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct crowd *c = *state;

	for (unsigned int i = 0; i < 2; i++)
		while (c->road[i].n)
			free(c->road[i].frame[--c->road[i].n]);
	n_close(&c->net);
	free(c);
	return 0;
}

static void post_recvs(struct crowd *c, unsigned int each)
{
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int n = 0; n < each; n++)
			post_recv(&c->side[i]);
}

/* A message of each QP has begun before the first one ends; there is one WQE less than QPs. */
static void packets_of_many_messages_come_in_turns(void **state)
{
	struct crowd *c = *state;

	post_recvs(c, RECVS);
	ping_pong(c);
}

/* RNR NAKs for most of the messages, and the requester asks for as long as it takes. */
static void few_receive_wqes_are_enough(void **state)
{
	struct crowd *c = *state;

	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int n = 0; n < QPS; n++) {
			struct d_qp *qp = &c->side[i].qp[n];
			struct fwsim_qp *core = fwsim_table_get(&qp->d->v->obj[FWSIM_OBJ_QP], qp->qpn);

			IFC_SET(qpc, core->ctx, rnr_retry, RC_RNR_FOREVER);
		}
	post_recvs(c, 3);
	ping_pong(c);
}

/*
 * The peer takes a packet in 60 us: what 16 QPs send together takes it 4 ms, and the ack timeout is 1 ms. What is
 * sent again in the meantime must not make it ever slower.
 */
static void slow_peer_is_not_flooded(void **state)
{
	struct crowd *c = *state;

	c->road[1].cost = 60000;
	post_recvs(c, RECVS);
	ping_pong(c);
	/* messages, acknowledgements of the answers, and not as much again */
	assert_in_range(c->road[1].taken, QPS * ROUNDS * 5, QPS * ROUNDS * 10);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(packets_of_many_messages_come_in_turns),
		T(few_receive_wqes_are_enough),
		T(slow_peer_is_not_flooded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
