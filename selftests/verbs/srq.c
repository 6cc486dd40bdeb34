// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared receive queues: messages of several QPs, the limit, the last request, protection domains. */
#include "verbs.h"

#include <errno.h>

/* b has a second QP at the same SRQ and CQs, connected to a second one of a. */
struct twice {
	struct duo d;
	struct end a2, b2;
};

static void twice_open(struct twice *t, const struct link *l)
{
	duo_open(&t->d, l);
	t->a2 = t->d.a;
	t->b2 = t->d.b;
	t->a2.qp = qp_make(&t->d.a, l);
	t->b2.qp = qp_make(&t->d.b, l);
	qp_to_init(&t->a2, l);
	qp_to_init(&t->b2, l);
	qp_to_rtr(&t->a2, &t->b2, l);
	qp_to_rtr(&t->b2, &t->a2, l);
	qp_to_rts(&t->a2, l);
	qp_to_rts(&t->b2, l);
}

static struct link srq_link(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);

	l.srq = true;
	return l;
}

/* Messages of two QPs take the requests in the order in which they were posted, whoever comes. */
static void srq_receive(void)
{
	static const uint32_t lengths[] = { 0, 1, 1024, 1025, 30000 };
	struct link l = srq_link();
	struct twice t;

	twice_open(&t, &l);
	for (uint64_t id = 0; id < 60; id += 4) {
		for (uint64_t i = id; i < id + 4; i++) {
			struct ibv_sge s[3] = {
				sge_of(&t.d.b, HALF + (i & 3) * 40000 + 1, 1000),
				sge_of(&t.d.b, HALF + (i & 3) * 40000 + 1001, 9),
				sge_of(&t.d.b, HALF + (i & 3) * 40000 + 1010, 30000),
			};

			recv_wr(&t.d.b, i, s, 3);
		}
		for (uint64_t i = id; i < id + 4; i++) {
			struct end *from = i % 3 ? &t.d.a : &t.a2, *to = i % 3 ? &t.d.b : &t.b2;
			uint32_t len = lengths[i % 5];
			struct ibv_wc wc;

			fill(from->mem, len, (uint32_t)i);
			send_to(from, IBV_WR_SEND, i, sge_of(from, 0, len));
			wc = wc_ok(from->scq, i);
			CHECK_EQ(wc.qp_num, from->qp->qp_num);
			wc = wc_ok(to->rcq, i);
			CHECK_EQ(wc.qp_num, to->qp->qp_num);
			CHECK_EQ(wc.byte_len, len);
			same(to->mem + HALF + (i & 3) * 40000 + 1, len, (uint32_t)i, "through the SRQ");
		}
	}
	CHECK_EQ(ibv_destroy_qp(t.a2.qp), 0);
	CHECK_EQ(ibv_destroy_qp(t.b2.qp), 0);
	/* the first QPs are still its users */
	CHECK_EQ(ibv_destroy_srq(t.d.b.srq), EBUSY);
	duo_close(&t.d);
}

static void post(struct end *e, unsigned int n)
{
	while (n--)
		recv_into(e, 5, sge_of(e, HALF, 64));
}

static void take(struct duo *d, unsigned int n)
{
	while (n--) {
		send_to(&d->a, IBV_WR_SEND, 6, sge_of(&d->a, 0, 64));
		wc_ok(d->a.scq, 6);
		wc_ok(d->b.rcq, 5);
	}
}

static void set_limit(struct end *e, uint32_t limit)
{
	struct ibv_srq_attr attr = { .srq_limit = limit };

	CHECK_EQ(ibv_modify_srq(e->srq, &attr, IBV_SRQ_LIMIT), 0);
}

static uint32_t limit_of(struct end *e)
{
	struct ibv_srq_attr attr;

	CHECK_EQ(ibv_query_srq(e->srq, &attr), 0);
	return attr.srq_limit;
}

/* Once, when fewer than the limit are left; then it is disarmed. */
static void srq_limit(void)
{
	struct link l = srq_link();
	struct duo d;

	duo_open(&d, &l);
	post(&d.b, 8);
	take(&d, 1);
	set_limit(&d.b, 4);
	CHECK_EQ(limit_of(&d.b), 4);
	take(&d, 3); /* 4 are left: not fewer */
	event_none(&d.b);
	take(&d, 1);
	event_get(&d.b, IBV_EVENT_SRQ_LIMIT_REACHED);
	CHECK_EQ(limit_of(&d.b), 0);
	take(&d, 2);
	post(&d.b, 6);
	take(&d, 5);
	event_none(&d.b); /* once */
	set_limit(&d.b, 5); /* 2 are left: at once */
	event_get(&d.b, IBV_EVENT_SRQ_LIMIT_REACHED);
	event_none(&d.b);
	post(&d.b, 5);
	set_limit(&d.b, 5);
	set_limit(&d.b, 0); /* taken back */
	take(&d, 6);
	event_none(&d.b);
	duo_close(&d);
}

/* mlx5_ib does not change the size, and takes no limit that is never reached. */
static void srq_modify_refused(void)
{
	struct ibv_srq_attr attr = { .max_wr = 64, .srq_limit = 1u << 15 };
	struct link l = srq_link();
	struct duo d;

	duo_open(&d, &l);
	CHECK_EQ(ibv_modify_srq(d.b.srq, &attr, IBV_SRQ_MAX_WR), EINVAL);
	CHECK_EQ(ibv_modify_srq(d.b.srq, &attr, IBV_SRQ_LIMIT), EINVAL);
	post(&d.b, 1);
	take(&d, 1);
	duo_close(&d);
}

/*
 * It takes as many requests as it said when it was made, and none more. (What ibv_query_srq() says is more: the
 * provider keeps some for itself.)
 */
static void srq_full(void)
{
	struct link l = srq_link();
	struct ibv_recv_wr *bad, wr = { .num_sge = 1 };
	struct ibv_sge sge;
	struct duo d;
	uint64_t n;

	duo_open(&d, &l);
	CHECK(d.b.srq_wr >= l.cap.max_recv_wr);
	sge = sge_of(&d.b, HALF, 64);
	wr.sg_list = &sge;
	for (n = 0; n < d.b.srq_wr; n++)
		recv_into(&d.b, n, sge);
	CHECK_EQ(ibv_post_srq_recv(d.b.srq, &wr, &bad), ENOMEM);
	CHECK(bad == &wr);
	for (uint64_t i = 0; i < n; i++) {
		send_to(&d.a, IBV_WR_SEND, i, sge_of(&d.a, 0, 64));
		wc_ok(d.a.scq, i);
		wc_ok(d.b.rcq, i);
	}
	duo_close(&d);
}

/*
 * A QP in ERR takes no more of the SRQ's requests, says so with an event, and flushes none of those that it has not
 * taken: they are there for others.
 */
static void srq_last_request(void)
{
	struct link l = srq_link();
	struct twice t;

	twice_open(&t, &l);
	post(&t.d.b, 6);
	take(&t.d, 2);
	qp_to_err(&t.d.b);
	event_get(&t.d.b, IBV_EVENT_QP_LAST_WQE_REACHED);
	wc_none(t.d.b.rcq);
	event_none(&t.d.b);
	for (unsigned int i = 0; i < 4; i++) {
		send_to(&t.a2, IBV_WR_SEND, 9, sge_of(&t.a2, 0, 64));
		wc_ok(t.a2.scq, 9);
		CHECK_EQ(wc_ok(t.b2.rcq, 5).qp_num, t.b2.qp->qp_num);
	}
	CHECK_EQ(ibv_destroy_qp(t.b2.qp), 0);
	CHECK_EQ(ibv_destroy_qp(t.a2.qp), 0);
	duo_close(&t.d);
}

/* The same after an error of a request: one completion with the error, and the event. */
static void srq_last_request_after_an_error(void)
{
	struct link l = srq_link();
	struct duo d;

	duo_open(&d, &l);
	post(&d.b, 3);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 65)); /* one byte too long */
	wc_get(d.a.scq, 1, IBV_WC_REM_INV_REQ_ERR);
	wc_get(d.b.rcq, 5, IBV_WC_LOC_LEN_ERR);
	event_get(&d.b, IBV_EVENT_QP_LAST_WQE_REACHED);
	wc_none(d.b.rcq);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_ERR);
	event_get(&d.a, IBV_EVENT_QP_LAST_WQE_REACHED); /* it has an SRQ too */
	duo_close(&d);
}

/* Nothing in the SRQ is "receiver not ready"; a request posted later is taken. */
static void srq_empty(void)
{
	struct link l = srq_link();
	struct duo d;

	duo_open(&d, &l);
	fill(d.a.mem, 64, 3);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 64));
	wc_none(d.a.scq);
	post(&d.b, 1);
	wc_ok(d.a.scq, 1);
	wc_ok(d.b.rcq, 5);
	same(d.b.mem + HALF, 64, 3, "waited for");
	duo_close(&d);
	l.rnr_retry = 1;
	duo_open(&d, &l);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 64));
	wc_get(d.a.scq, 1, IBV_WC_RNR_RETRY_EXC_ERR);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTS);
	event_get(&d.a, IBV_EVENT_QP_LAST_WQE_REACHED);
	duo_close(&d);
}

/* Keys of receive requests are those of the SRQ's domain, not of the QP's. */
static void srq_of_another_pd(void)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = 16, .max_sge = 1 } };
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_pd *pd;
	struct ibv_mr *mr;
	struct ibv_sge s;
	struct duo d;

	duo_make(&d, &l);
	pd = ibv_alloc_pd(d.b.ctx);
	CHECK(pd);
	mr = mr_make(pd, d.b.mem, MEM, ACCESS_ALL);
	d.b.srq = ibv_create_srq(pd, &init);
	CHECK(d.b.srq);
	CHECK_EQ(ibv_destroy_qp(d.b.qp), 0);
	d.b.qp = qp_make(&d.b, &l);
	duo_connect(&d);
	s = sge_of(&d.b, HALF, 64);
	s.lkey = mr->lkey;
	fill(d.a.mem, 64, 4);
	recv_into(&d.b, 5, s);
	send_to(&d.a, IBV_WR_SEND, 1, sge_of(&d.a, 0, 64));
	wc_ok(d.a.scq, 1);
	wc_ok(d.b.rcq, 5);
	same(d.b.mem + HALF, 64, 4, "a key of the SRQ's domain");
	/* an RDMA is still under the QP's */
	rdma_to(&d.a, IBV_WR_RDMA_WRITE, 2, sge_of(&d.a, 0, 64), &d.b, HALF + 100);
	wc_ok(d.a.scq, 2);
	same(d.b.mem + HALF + 100, 64, 4, "a key of the QP's domain");
	recv_into(&d.b, 6, sge_of(&d.b, HALF, 64));
	send_to(&d.a, IBV_WR_SEND, 3, sge_of(&d.a, 0, 64));
	wc_get(d.a.scq, 3, IBV_WC_REM_OP_ERR);
	wc_get(d.b.rcq, 6, IBV_WC_LOC_PROT_ERR);
	event_get(&d.b, IBV_EVENT_QP_LAST_WQE_REACHED);
}

/* UD through an SRQ, with the header. */
static void srq_datagrams(void)
{
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_ah *ah;
	struct duo d;

	l.srq = true;
	duo_open(&d, &l);
	ah = ah_make(&d.a, &d.b);
	for (uint64_t i = 0; i < 40; i++) {
		struct ibv_sge sge = sge_of(&d.a, 0, 300);
		struct ibv_send_wr wr = {
			.wr_id = i, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
			.send_flags = IBV_SEND_SIGNALED,
			.wr.ud = { .ah = ah, .remote_qpn = d.b.qp->qp_num, .remote_qkey = QKEY },
		};

		fill(d.a.mem, 300, (uint32_t)i);
		recv_into(&d.b, 100 + i, sge_of(&d.b, HALF, GRH + 300));
		send_wr(&d.a, &wr);
		wc_ok(d.a.scq, i);
		CHECK_EQ(wc_ok(d.b.rcq, 100 + i).byte_len, GRH + 300);
		same(d.b.mem + HALF + GRH, 300, (uint32_t)i, "a datagram");
	}
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

static const struct tap_test list[] = {
	PAIRS(srq_receive), TAP_TEST(srq_limit), TAP_TEST(srq_modify_refused), TAP_TEST(srq_full),
	TAP_TEST(srq_last_request), TAP_TEST(srq_last_request_after_an_error), TAP_TEST(srq_empty),
	TAP_TEST(srq_of_another_pd), TAP_TEST(srq_datagrams),
};

const struct tests srq_tests = { list, sizeof(list) / sizeof(*list) };
