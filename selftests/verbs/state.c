// SPDX-License-Identifier: GPL-2.0-or-later
/* A peer that does not answer or is not ready, moves of a QP between its states, and its work after them. */
#include "verbs.h"

#include <errno.h>

/* A message each way arrives. */
static void works(struct duo *d, uint32_t seed)
{
	struct end *e[2] = { &d->a, &d->b };

	for (unsigned int i = 0; i < 2; i++) {
		struct end *from = e[i], *to = e[1 - i];

		fill(from->mem, 5000, seed + i);
		memset(to->mem + HALF, 0, 5000);
		recv_into(to, 901, sge_of(to, HALF, 5000));
		send_to(from, IBV_WR_SEND, 902, sge_of(from, 0, 5000));
		wc_ok(from->scq, 902);
		CHECK_EQ(wc_ok(to->rcq, 901).byte_len, 5000);
		same(to->mem + HALF, 5000, seed + i, "a message");
	}
}

/* Milliseconds of one ack timeout. */
static uint64_t timeout_ms(const struct link *l)
{
	return (4096ull << l->timeout) / 1000000;
}

/*
 * Nobody answers request 1: it fails after the retries and not before, and what is behind it is flushed. The
 * specification lets a card wait four times as long as asked for; two seconds are for the machine.
 */
static void nobody_answers(struct duo *d)
{
	uint64_t begin = now_ms(), least = timeout_ms(&d->link) * (d->link.retry_cnt + 1u), took;

	send_to(&d->a, IBV_WR_SEND, 1, sge_of(&d->a, 0, 64));
	send_to(&d->a, IBV_WR_SEND, 2, sge_of(&d->a, 0, 64));
	wc_get(d->a.scq, 1, IBV_WC_RETRY_EXC_ERR);
	took = now_ms() - begin;
	CHECK_MSG(took >= least && took <= 4 * least + tap_bound(2000), "given up after %llu ms, %llu to %llu were due",
		  (unsigned long long)took, (unsigned long long)least, (unsigned long long)(4 * least));
	wc_flushed(d->a.scq, 2, 1);
	CHECK_EQ(qp_state(&d->a), IBV_QPS_ERR);
	event_none(&d->a);
}

static void peer_is_destroyed(void)
{
	for (uint8_t retries = 0; retries < 8; retries += 3) {
		struct link l = LINK_OF(IBV_QPT_RC);
		struct duo d;

		l.retry_cnt = retries;
		duo_open(&d, &l);
		CHECK_EQ(ibv_destroy_qp(d.b.qp), 0);
		d.b.qp = NULL;
		nobody_answers(&d);
		duo_close(&d);
	}
}

static void peer_in(enum ibv_qp_state state)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.retry_cnt = 1;
	duo_open(&d, &l);
	if (state == IBV_QPS_ERR) {
		qp_to_err(&d.b);
	} else {
		qp_reset(&d.b);
		if (state == IBV_QPS_INIT)
			qp_to_init(&d.b, &l);
	}
	nobody_answers(&d);
	duo_close(&d);
}

static void peer_is_in_reset(void)
{
	peer_in(IBV_QPS_RESET);
}

static void peer_is_in_init(void)
{
	peer_in(IBV_QPS_INIT);
}

static void peer_is_in_error(void)
{
	peer_in(IBV_QPS_ERR);
}

/* The peer is there again before the retries are used up. */
static void peer_comes_back_in_time(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.timeout = 16; /* 8 times 268 ms */
	duo_open(&d, &l);
	qp_reset(&d.b);
	fill(d.a.mem, 3000, 4);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 3000));
	wc_none(d.a.scq);
	qp_to_init(&d.b, &l);
	recv_into(&d.b, 2, sge_of(&d.b, HALF, 3000));
	qp_to_rtr(&d.b, &d.a, &l);
	qp_to_rts(&d.b, &l);
	wc_ok(d.a.scq, 1);
	wc_ok(d.b.rcq, 2);
	same(d.b.mem + HALF, 3000, 4, "sent again");
	duo_close(&d);
}

/* Receiver not ready: a wait of 10.24 ms each time (timer 20), rnr_retry times. */
static void rnr(uint8_t retries, enum ibv_wr_opcode op)
{
	uint64_t begin, took, least = 10 * retries;
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.min_rnr = 20;
	l.rnr_retry = retries;
	duo_open(&d, &l);
	memset(d.b.mem, 0xee, MEM);
	begin = now_ms();
	rdma_to(&d.a, op, 1, sge_of(&d.a, 0, 64), &d.b, 0);
	send_to(&d.a, IBV_WR_SEND, 2, sge_of(&d.a, 0, 64));
	wc_get(d.a.scq, 1, IBV_WC_RNR_RETRY_EXC_ERR);
	took = now_ms() - begin;
	CHECK_MSG(took >= least && took < least + tap_bound(2000), "rnr_retry %u: given up after %llu ms", retries,
		  (unsigned long long)took);
	wc_flushed(d.a.scq, 2, 1);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTS); /* it has no part in this */
	event_none(&d.b);
	duo_close(&d);
}

static void receiver_not_ready(void)
{
	rnr(0, IBV_WR_SEND);
	rnr(1, IBV_WR_SEND);
	rnr(6, IBV_WR_SEND);
	rnr(0, IBV_WR_RDMA_WRITE_WITH_IMM);
}

/* With 7 there is no end of waiting, and the message arrives when there is something to receive into. */
static void receiver_ready_in_the_end(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.min_rnr = 1; /* 10 us */
	duo_open(&d, &l);
	fill(d.a.mem, 3000, 6);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 3000));
	for (unsigned int i = 0; i < 3; i++)
		wc_none(d.a.scq);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_RTS);
	recv_into(&d.b, 2, sge_of(&d.b, HALF, 3000));
	wc_ok(d.a.scq, 1);
	wc_ok(d.b.rcq, 2);
	same(d.b.mem + HALF, 3000, 6, "waited for");
	duo_close(&d);
}

/* ---- ERR, RESET and back -------------------------------------------------------------------- */

/* All that is posted, before the move to ERR and after it, is flushed in its order; nothing twice. */
static void error_flushes_everything(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	for (uint64_t i = 0; i < 10; i++) {
		send_to(&d.a, IBV_WR_SEND, 100 + i, sge_of(&d.a, 0, 64)); /* no receiver is ready */
		recv_into(&d.a, 200 + i, sge_of(&d.a, HALF, 64));
	}
	qp_to_err(&d.a);
	wc_flushed(d.a.scq, 100, 10);
	wc_flushed(d.a.rcq, 200, 10);
	for (uint64_t i = 0; i < 10; i++) {
		send_to(&d.a, IBV_WR_SEND, 110 + i, sge_of(&d.a, 0, 64));
		recv_into(&d.a, 210 + i, sge_of(&d.a, HALF, 64));
	}
	wc_flushed(d.a.scq, 110, 10);
	wc_flushed(d.a.rcq, 210, 10);
	wc_none(d.a.scq);
	wc_none(d.a.rcq);
	event_none(&d.a); /* nothing went wrong */
	duo_close(&d);
}

/* Unsignalled requests are flushed with a completion each too. */
static void error_flushes_the_unsignalled(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge sge;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND };
	struct duo d;

	duo_open(&d, &l);
	sge = sge_of(&d.a, 0, 64);
	for (wr.wr_id = 0; wr.wr_id < 5; wr.wr_id++)
		send_wr(&d.a, &wr);
	qp_to_err(&d.a);
	wc_flushed(d.a.scq, 0, 5);
	wc_none(d.a.scq);
	duo_close(&d);
}

/* After an error, or in the middle of work, both ends go to RESET and through the states again. */
static void reset_and_again(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	for (uint32_t i = 0; i < 6; i++) {
		works(&d, i);
		switch (i % 3) {
		case 0: /* refused by the responder */
			rdma_to(&d.a, IBV_WR_RDMA_WRITE, 1, sge_of(&d.a, 0, 64), &d.b, MEM);
			wc_get(d.a.scq, 1, IBV_WC_REM_ACCESS_ERR);
			event_get(&d.b, IBV_EVENT_QP_ACCESS_ERR);
			break;
		case 1: /* requests are posted that RESET forgets */
			send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 64));
			recv_into(&d.a, 2, sge_of(&d.a, HALF, 64));
			break;
		case 2:
			qp_to_err(&d.a);
			qp_to_err(&d.b);
			break;
		}
		qp_reset(&d.a);
		qp_reset(&d.b);
		CHECK_EQ(qp_state(&d.a), IBV_QPS_RESET);
		wc_none(d.a.scq);
		wc_none(d.a.rcq);
		duo_connect(&d);
		CHECK_EQ(qp_state(&d.a), IBV_QPS_RTS);
	}
	works(&d, 7);
	duo_close(&d);
}

/* Requests are taken from INIT on; a QP in RTR receives, and says once that somebody is there. */
static void receives_in_rtr(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_make(&d, &l);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_RESET);
	qp_to_init(&d.a, &l);
	qp_to_init(&d.b, &l);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_INIT);
	recv_into(&d.b, 1, sge_of(&d.b, HALF, 100));
	qp_to_rtr(&d.b, &d.a, &l);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTR);
	qp_to_rtr(&d.a, &d.b, &l);
	qp_to_rts(&d.a, &l);
	/* RTR receives */
	fill(d.a.mem, 100, 3);
	send_to(&d.a, IBV_WR_SEND, 2, sge_of(&d.a, 0, 100));
	wc_ok(d.a.scq, 2);
	wc_ok(d.b.rcq, 1);
	same(d.b.mem + HALF, 100, 3, "received in RTR");
	event_get(&d.b, IBV_EVENT_COMM_EST);
	qp_to_rts(&d.b, &l);
	works(&d, 4);
	duo_close(&d);
}

/* mlx5_ib has no way to SQD (optab of __mlx5_ib_modify_qp): EINVAL, and nothing has happened. */
static void sqd_is_not_offered(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_SQD };
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	CHECK_EQ(ibv_modify_qp(d.a.qp, &attr, IBV_QP_STATE), EINVAL);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_RTS);
	works(&d, 1);
	duo_close(&d);
}

/* Attributes that were set are those that are asked for. */
static void query_gives_what_was_set(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr q;
	struct duo d;

	l.timeout = 17;
	l.retry_cnt = 5;
	l.rnr_retry = 3;
	l.min_rnr = 9;
	l.qp_access = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
	duo_open(&d, &l);
	CHECK_EQ(ibv_query_qp(d.a.qp, &q, IBV_QP_STATE | IBV_QP_AV, &init), 0);
	CHECK_EQ(q.qp_state, IBV_QPS_RTS);
	CHECK_EQ(q.path_mtu, IBV_MTU_1024);
	CHECK_EQ(q.dest_qp_num, d.b.qp->qp_num);
	CHECK_EQ(q.timeout, 17);
	CHECK_EQ(q.retry_cnt, 5);
	CHECK_EQ(q.rnr_retry, 3);
	CHECK_EQ(q.min_rnr_timer, 9);
	CHECK_EQ(q.max_rd_atomic, 4);
	CHECK_EQ(q.max_dest_rd_atomic, 4);
	CHECK_EQ(q.qp_access_flags, IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE);
	CHECK_EQ(q.ah_attr.is_global, 1);
	CHECK(!memcmp(&q.ah_attr.grh.dgid, &d.b.gid, sizeof(d.b.gid)));
	CHECK_EQ(q.ah_attr.grh.sgid_index, d.a.gid_index);
	CHECK(init.cap.max_send_wr >= 16 && init.cap.max_recv_wr >= 16);
	duo_close(&d);
}

static const struct tap_test list[] = {
	TAP_TEST(peer_is_destroyed), TAP_TEST(peer_is_in_reset), TAP_TEST(peer_is_in_init),
	TAP_TEST(peer_is_in_error), TAP_TEST(peer_comes_back_in_time), TAP_TEST(receiver_not_ready),
	TAP_TEST(receiver_ready_in_the_end), TAP_TEST(error_flushes_everything),
	TAP_TEST(error_flushes_the_unsignalled), TAP_TEST(reset_and_again), TAP_TEST(receives_in_rtr),
	TAP_TEST(sqd_is_not_offered), TAP_TEST(query_gives_what_was_set),
};

const struct tests state_tests = { list, sizeof(list) / sizeof(*list) };
