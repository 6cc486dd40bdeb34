// SPDX-License-Identifier: GPL-2.0-or-later
/* Waits: the heap of them, those of QPs, and what a QP that has nothing to do costs. */
#include "pair_rig.h"

#define N 500u

static uint32_t seed;

static uint32_t number(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* The earliest that is in the heap, by looking at all. */
static struct fwsim_wait *earliest(struct fwsim_wait *w, unsigned int n)
{
	struct fwsim_wait *first = NULL;

	for (unsigned int i = 0; i < n; i++) {
		if (!w[i].link)
			continue;
		if (!first || w[i].at < first->at ||
		    (w[i].at == first->at && (w[i].fn < first->fn || (w[i].fn == first->fn && w[i].id < first->id))))
			first = &w[i];
	}
	return first;
}

static void the_earliest_comes_first(void **state)
{
	struct fwsim_wait *heap = NULL, w[N] = { 0 }, *got;
	unsigned int taken = 0;

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		w[i].fn = i % 3;
		w[i].id = i;
	}
	seed = 7;
	for (unsigned int i = 0; i < 20 * N; i++) {
		struct fwsim_wait *one = &w[number(N)], *first;
		uint64_t now = number(64);

		switch (number(4)) {
		case 0:
			fwsim_wait_cancel(one); /* in it or not */
			assert_null(one->link);
			break;
		case 1:
			first = earliest(w, N);
			got = fwsim_wait_take(&heap, now);
			assert_ptr_equal(got, first && first->at <= now ? first : NULL);
			taken += got != NULL;
			break;
		default:
			fwsim_wait_put(&heap, one, number(64)); /* anew, or for another time */
		}
		assert_ptr_equal(heap, earliest(w, N));
	}
	assert_true(taken > N / 2);
	while ((got = earliest(w, N)))
		assert_ptr_equal(fwsim_wait_take(&heap, UINT64_MAX), got);
	assert_null(heap);
}

/* Waits of two lengths, one QP that goes away in the middle of its wait, one that is woken before. */
static void qps_wait_each_for_itself(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);
	struct d_wr back = { .op = IFC_WQE_SEND, .n = 1, .sge = { { r->bm.addr, 10, r->bm.key } } };
	struct fwsim *fw = r->h->fw;
	uint8_t out[16];

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, min_rnr_nak, 12); /* 0.64 ms is what a hears of b, this what b hears */
	d_send(&r->a, &w);
	d_send(&r->b, &back);
	assert_non_null(fw->rc_waits);
	assert_int_equal(fw->rc_waits->at, fw->rc_wait.deadline);
	assert_ptr_equal(fw->rc_waits->of, d_core_qp(&r->a)->wait_until <= d_core_qp(&r->b)->wait_until ?
						   d_core_qp(&r->a) : d_core_qp(&r->b));
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2RST_QP, r->b.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, r->b.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_non_null(fw->rc_waits);
	assert_ptr_equal(fw->rc_waits->of, d_core_qp(&r->a));
	assert_null(fw->rc_waits->child);
	h_advance(r->h, 10 * H_SEC); /* nobody answers a any more */
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
}

/* Receive WQEs posted in ERR have no doorbell; but one who is left there costs next to nothing. */
static void qp_in_err_is_looked_at_ever_more_rarely(void **state)
{
	struct p_rig *r = *state;
	uint8_t out[16];
	uint64_t n;

	assert_int_equal(d_simple(&r->d1, MLX5_CMD_OP_2ERR_QP, r->a.qpn, out, sizeof(out)), IFC_ST_OK);
	d_recv(&r->a, 0, NULL);
	h_advance(r->h, 11 * H_MS);
	d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH);
	/* one who has just posted may post more */
	d_recv(&r->a, 0, NULL);
	h_advance(r->h, 11 * H_MS);
	d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH);
	n = r->h->fw->timers_expired;
	h_advance(r->h, 128 * H_SEC);
	n = r->h->fw->timers_expired - n;
	assert_in_range(n, 90, 120);
	/* it is not forgotten */
	d_recv(&r->a, 0, NULL);
	h_advance(r->h, 1300 * H_MS);
	d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH);
	d_expect_none(&r->a.rcq);
}

static void run_lists_lose_any_of_theirs(void **state)
{
	static struct fwsim_qp qp[5];
	static const unsigned int order[] = { 2, 0, 4, 1, 3 };
	struct p_rig *r = *state;
	struct fwsim *fw = r->h->fw;

	fw->running = true; /* they are not for work */
	for (unsigned int i = 0; i < 5; i++) {
		qp[i].vhca = fw->vhca[1];
		fwsim_qp_schedule(&qp[i]);
	}
	for (unsigned int i = 0; i < 5; i++) {
		struct fwsim_qp *p, *last = NULL;
		unsigned int n = 0;

		fwsim_qp_unschedule(&qp[order[i]]);
		fwsim_qp_unschedule(&qp[order[i]]);
		for (p = fw->run_head; p; last = p, p = p->run_next, n++)
			assert_ptr_equal(p->run_prev, last);
		assert_ptr_equal(fw->run_tail, last);
		assert_int_equal(n, 4 - i);
	}
	fw->running = false;
}

#define T(f) cmocka_unit_test_setup_teardown(f, p_setup, p_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_comes_first),
		T(qps_wait_each_for_itself),
		T(qp_in_err_is_looked_at_ever_more_rarely),
		T(run_lists_lose_any_of_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
