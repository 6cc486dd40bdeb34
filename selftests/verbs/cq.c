// SPDX-License-Identifier: GPL-2.0-or-later
/* Completion queues: events, moderation, another size, too many entries, many users. */
#include "verbs.h"

#include <errno.h>
#include <time.h>

#define PERIOD_US 4095 /* MLX5_MAX_CQ_PERIOD of mlx5_ib */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* @n completions of a's send queue: 8 bytes written to b. */
static void complete(struct duo *d, uint64_t id, unsigned int n)
{
	while (n--)
		rdma_to(&d->a, IBV_WR_RDMA_WRITE, id++, sge_of(&d->a, 0, 8), &d->b, 0);
}

static void send_one(struct duo *d, uint64_t id, unsigned int flags)
{
	struct ibv_sge sge = sge_of(&d->a, 0, 8);
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED | flags,
	};

	recv_into(&d->b, id, sge_of(&d->b, HALF, 8));
	send_wr(&d->a, &wr);
	wc_ok(d->a.scq, id);
	wc_ok(d->b.rcq, id);
}

static void one_event(struct end *e, struct ibv_cq *which)
{
	struct ibv_cq *cq;

	CHECK_MSG(cq_event(e, SOON_MS, &cq), "no event of the CQ");
	CHECK(cq == which);
	CHECK_MSG(!cq_event(e, NEVER_MS, &cq), "a second event of the CQ");
}

static void no_event(struct end *e)
{
	struct ibv_cq *cq;

	CHECK_MSG(!cq_event(e, NEVER_MS, &cq), "an event of a CQ where none was due");
}

/* One event for each time that the CQ is armed, none without. */
static void event_once_per_arm(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.events = true;
	duo_open(&d, &l);
	send_one(&d, 1, 0);
	no_event(&d.b);
	for (uint64_t id = 2; id < 8; id++) {
		CHECK_EQ(ibv_req_notify_cq(d.b.rcq, 0), 0);
		no_event(&d.b); /* what has been polled is no reason */
		send_one(&d, id, 0);
		send_one(&d, 100 + id, 0);
		one_event(&d.b, d.b.rcq);
		send_one(&d, 200 + id, 0);
		no_event(&d.b);
	}
	no_event(&d.a);
	duo_close(&d);
}

/* Armed for solicited entries alone: those and errors make events. */
static void event_of_solicited_only(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.events = true;
	duo_open(&d, &l);
	CHECK_EQ(ibv_req_notify_cq(d.b.rcq, 1), 0);
	send_one(&d, 1, 0);
	no_event(&d.b);
	send_one(&d, 2, IBV_SEND_SOLICITED);
	one_event(&d.b, d.b.rcq);
	send_one(&d, 3, IBV_SEND_SOLICITED);
	no_event(&d.b);
	CHECK_EQ(ibv_req_notify_cq(d.b.rcq, 1), 0);
	recv_into(&d.b, 4, sge_of(&d.b, HALF, 8));
	qp_to_err(&d.b);
	wc_flushed(d.b.rcq, 4, 1);
	one_event(&d.b, d.b.rcq);
	/* a CQ armed for all entries after all */
	CHECK_EQ(ibv_req_notify_cq(d.a.scq, 1), 0);
	CHECK_EQ(ibv_req_notify_cq(d.a.scq, 0), 0);
	duo_close(&d);
}

/* The card counts its period from the event before. The least time from such a one to that of @n entries, of 10. */
static uint64_t least_us(struct duo *d, unsigned int n)
{
	uint64_t least = ~0ull, begin, took;
	struct ibv_cq *cq;

	for (unsigned int i = 0; i < 10; i++) {
		no_event(&d->a); /* the last one is long ago */
		begin = now_us();
		for (unsigned int k = 0; k < 2; k++) {
			CHECK_EQ(ibv_req_notify_cq(d->a.scq, 0), 0);
			complete(d, 1, k ? n : 1);
			CHECK_MSG(cq_event(&d->a, SOON_MS, &cq), "no event of the CQ");
			for (unsigned int j = 1; j <= (k ? n : 1); j++)
				wc_ok(d->a.scq, j);
		}
		took = now_us() - begin;
		if (took < least)
			least = took;
	}
	return least;
}

static void moderate(struct duo *d, uint16_t count, uint16_t period)
{
	struct ibv_modify_cq_attr attr = {
		.attr_mask = IBV_CQ_ATTR_MODERATE, .moderate = { .cq_count = count, .cq_period = period },
	};
	int err = ibv_modify_cq(d->a.scq, &attr);

	CHECK_MSG(!err, "ibv_modify_cq: %s", strerror(err));
}

/* The event waits for so many entries, or for the period. */
static void moderation(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_modify_cq_attr too_long = {
		.attr_mask = IBV_CQ_ATTR_MODERATE, .moderate = { .cq_count = 1, .cq_period = PERIOD_US + 1 },
	};
	struct ibv_device_attr_ex attr;
	uint64_t us;
	struct duo d;

	l.events = true;
	duo_open(&d, &l);
	CHECK_EQ(ibv_query_device_ex(d.a.ctx, NULL, &attr), 0);
	CHECK_EQ(attr.cq_mod_caps.max_cq_period, PERIOD_US);
	us = least_us(&d, 1);
	CHECK_MSG(us < PERIOD_US, "%llu us without moderation", (unsigned long long)us);
	moderate(&d, 4, PERIOD_US);
	us = least_us(&d, 3);
	CHECK_MSG(us >= PERIOD_US, "three of four entries: %llu us", (unsigned long long)us);
	us = least_us(&d, 4);
	CHECK_MSG(us < PERIOD_US, "four of four entries: %llu us", (unsigned long long)us);
	moderate(&d, 0, 0);
	us = least_us(&d, 1);
	CHECK_MSG(us < PERIOD_US, "%llu us without moderation again", (unsigned long long)us);
	CHECK_EQ(ibv_modify_cq(d.a.scq, &too_long), EINVAL);
	duo_close(&d);
}

/* Larger and smaller, with entries in it: none is lost, doubled or out of order. */
static void resize_keeps_what_is_in_it(void)
{
	static const int size[] = { 200, 40, 63, 500, 33, 1000 };
	struct link l = LINK_OF(IBV_QPT_RC);
	uint64_t put = 1, got = 1;
	struct duo d;

	l.cqe = 60;
	l.cap.max_send_wr = 64;
	duo_open(&d, &l);
	CHECK_EQ(d.a.scq->cqe, 63);
	for (unsigned int round = 0; round < 24; round++) {
		unsigned int n = 7 + round % 20, err;

		complete(&d, put, n);
		put += n;
		/* some while the entries come, some when they are there */
		if (round & 1)
			wc_none(d.a.rcq);
		err = (unsigned int)ibv_resize_cq(d.a.scq, size[round % 6]);
		CHECK_MSG(!err, "ibv_resize_cq to %d: %s", size[round % 6], strerror((int)err));
		CHECK(d.a.scq->cqe >= size[round % 6]);
		while (got + round % 5 < put)
			wc_ok(d.a.scq, got++);
	}
	while (got < put)
		wc_ok(d.a.scq, got++);
	wc_none(d.a.scq);
	duo_close(&d);
}

/* What is in it does not fit: refused, and nothing has happened. */
static void resize_too_small(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	l.cap.max_send_wr = 64;
	duo_open(&d, &l);
	complete(&d, 1, 40);
	wc_none(d.a.rcq); /* by now they are there */
	CHECK_EQ(ibv_resize_cq(d.a.scq, 15), EINVAL);
	for (uint64_t id = 1; id <= 40; id++)
		wc_ok(d.a.scq, id);
	complete(&d, 41, 20);
	for (uint64_t id = 41; id <= 60; id++)
		wc_ok(d.a.scq, id);
	CHECK_EQ(ibv_resize_cq(d.a.scq, 15), 0);
	CHECK_EQ(d.a.scq->cqe, 15);
	complete(&d, 61, 12);
	for (uint64_t id = 61; id <= 72; id++)
		wc_ok(d.a.scq, id);
	duo_close(&d);
}

/* More entries than there is room for: the CQ is in error, and then the QP that cannot complete its work. */
static void overrun(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_async_event ev;
	bool cq = false, qp = false;
	uint64_t start = 0;
	struct duo d;

	l.cqe = 15;
	l.cap.max_send_wr = 64;
	duo_open(&d, &l);
	complete(&d, 1, 16);
	wc_none(d.a.rcq);
	event_none(&d.a); /* full is not too full */
	complete(&d, 17, 4);
	while (!cq || !qp) {
		CHECK_MSG(wait_more(&start, SOON_MS), "no event of the %s", cq ? "QP" : "CQ");
		if (ibv_get_async_event(d.a.ctx, &ev))
			continue;
		if (ev.event_type == IBV_EVENT_CQ_ERR) {
			CHECK(!cq && ev.element.cq == d.a.scq);
			cq = true;
		} else {
			CHECK_MSG(ev.event_type == IBV_EVENT_QP_FATAL && !qp && ev.element.qp == d.a.qp,
				  "event \"%s\"", ibv_event_type_str(ev.event_type));
			qp = true;
		}
		ibv_ack_async_event(&ev);
	}
	CHECK_EQ(qp_state(&d.a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTS);
	event_none(&d.b);
	/* the entries that had room are good */
	for (uint64_t id = 1; id <= 16; id++)
		wc_ok(d.a.scq, id);
	duo_close(&d);
}

/* One CQ for everything of four QPs: each completion says of which. */
static void cq_of_many_qps(void)
{
	enum { QPS = 4, ROUNDS = 10 };
	struct link l = LINK_OF(IBV_QPT_RC);
	struct end all, one[QPS];
	unsigned int sent[QPS] = { 0 }, got[QPS] = { 0 };
	struct ibv_wc wc;

	l.cqe = 4 * QPS * ROUNDS;
	end_make(&all, ibdev_vf0(), &l);
	all.rcq = all.scq;
	for (unsigned int i = 0; i < QPS; i++) {
		one[i] = all;
		one[i].qp = qp_make(&all, &l);
		qp_to_init(&one[i], &l);
	}
	for (unsigned int i = 0; i < QPS; i++) {
		qp_to_rtr(&one[i], &one[i ^ 1], &l);
		qp_to_rts(&one[i], &l);
		for (unsigned int k = 0; k < ROUNDS; k++)
			recv_into(&one[i], 1000 + k, sge_of(&all, HALF + 64 * i, 64));
	}
	for (unsigned int k = 0; k < ROUNDS; k++)
		for (unsigned int i = 0; i < QPS; i++)
			send_to(&one[i], IBV_WR_SEND, k, sge_of(&all, 64 * i, 1 + i + QPS * k % 60));
	for (unsigned int n = 0; n < 2 * QPS * ROUNDS; n++) {
		unsigned int i = 0;

		CHECK_MSG(wc_poll(all.scq, &wc, SOON_MS), "%u completions of %u", n, 2 * QPS * ROUNDS);
		CHECK_EQ(wc.status, IBV_WC_SUCCESS);
		while (i < QPS && one[i].qp->qp_num != wc.qp_num)
			i++;
		CHECK(i < QPS);
		if (wc.opcode == IBV_WC_SEND) {
			CHECK_EQ(wc.wr_id, sent[i]++);
		} else {
			CHECK_EQ(wc.wr_id, 1000 + got[i]);
			CHECK_EQ(wc.byte_len, 1 + (i ^ 1) + QPS * got[i] % 60);
			got[i]++;
		}
	}
	wc_none(all.scq);
}

static const struct tap_test list[] = {
	TAP_TEST(event_once_per_arm), TAP_TEST(event_of_solicited_only), TAP_TEST(moderation),
	TAP_TEST(resize_keeps_what_is_in_it), TAP_TEST(resize_too_small), TAP_TEST(overrun),
	TAP_TEST(cq_of_many_qps),
};

const struct tests cq_tests = { list, sizeof(list) / sizeof(*list) };
