// SPDX-License-Identifier: GPL-2.0-or-later
/* A message that nobody takes: RNR NAKs and their timer, retries, and what makes a peer not answer. */
#include "pair_rig.h"

static void rnr_waits_for_a_receive_wqe(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w); /* b asks for 0.64 ms */
	d_expect_none(&r->a.scq);
	h_advance(r->h, 600000);
	p_recv(r, 0, 100);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 100000);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void rnr_retries_run_out(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w);
	h_advance(r->h, 2 * 640000 - 1000);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 2000);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_RNR_RETRY_EXC);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void rnr_retry_7_is_forever(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, rnr_retry, 7);
	d_core_qp(&r->a)->rnr_left = 7;
	d_send(&r->a, &w);
	h_advance(r->h, 30 * H_SEC);
	d_expect_none(&r->a.scq);
	p_recv(r, 0, 100);
	h_advance(r->h, H_MS);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void rnr_budget_is_per_message(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	for (unsigned int i = 0; i < 5; i++) {
		d_send(&r->a, &w);
		h_advance(r->h, 640000 + 1000);
		p_recv(r, 0, 100);
		h_advance(r->h, 640000 + 1000);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	}
}

/* 4.096 us << 10, times 3 retries and the first try. */
#define GIVE_UP_NS (4ULL * 4096 * 1024)

static void expect_retry_exceeded(struct p_rig *r)
{
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_send(&r->a, &w);
	h_advance(r->h, GIVE_UP_NS - 1000);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 2000);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
}

static void no_such_mac(void **state)
{
	struct p_rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, primary_address_path.rmac_31_0, 0x12345678);
	expect_retry_exceeded(r);
}

static void peer_qp_is_gone(void **state)
{
	struct p_rig *r = *state;

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	expect_retry_exceeded(r);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_QP, "no QP of that number"));
}

static void peer_function_is_reset(void **state)
{
	struct p_rig *r = *state;

	fwsim_reset(r->h->fw, 2);
	expect_retry_exceeded(r);
}

static void peer_in_err_does_not_answer(void **state)
{
	struct p_rig *r = *state;

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2ERR_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	expect_retry_exceeded(r);
}

static void peer_connected_to_another_does_not_answer(void **state)
{
	struct p_rig *r = *state;

	d_core_qp(&r->b)->remote_qpn = r->a.qpn + 1;
	expect_retry_exceeded(r);
}

static void peer_connected_to_another_function_does_not_answer(void **state)
{
	struct p_rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->b)->ctx, primary_address_path.fl, 1);
	expect_retry_exceeded(r);
}

static void sequence_numbers_must_meet(void **state)
{
	struct p_rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn, 1);
	expect_retry_exceeded(r);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_QP, "sequence numbers"));
}

static void sequence_numbers_advance_by_packets(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 10240);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, next_send_psn, 0xfffffe);
	IFC_SET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn, 0xfffffe);
	d_send(&r->a, &w); /* 10 packets of 1024 bytes */
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->a)->ctx, next_send_psn), 8);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn), 8);
}

static void peer_that_comes_back_in_time(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	fwsim_set_bus_master(r->h->fw, 2, false);
	d_send(&r->a, &w);
	h_advance(r->h, GIVE_UP_NS / 2);
	d_expect_none(&r->a.scq);
	fwsim_set_bus_master(r->h->fw, 2, true);
	h_advance(r->h, GIVE_UP_NS / 2);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(d_core_qp(&r->a)->give_up_at, 0);
}

static void responder_in_rtr_answers(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	assert_int_equal(d_init(&r->a), IFC_ST_OK);
	assert_int_equal(d_init(&r->b), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->a, &r->b), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->b, &r->a), IFC_ST_OK);
	assert_int_equal(d_rts(&r->a), IFC_ST_OK);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P_TEST(rnr_waits_for_a_receive_wqe),
		P_TEST(rnr_retries_run_out),
		P_TEST(rnr_retry_7_is_forever),
		P_TEST(rnr_budget_is_per_message),
		P_TEST(no_such_mac),
		P_TEST(peer_qp_is_gone),
		P_TEST(peer_function_is_reset),
		P_TEST(peer_in_err_does_not_answer),
		P_TEST(peer_connected_to_another_does_not_answer),
		P_TEST(peer_connected_to_another_function_does_not_answer),
		P_TEST(sequence_numbers_must_meet),
		P_TEST(sequence_numbers_advance_by_packets),
		P_TEST(peer_that_comes_back_in_time),
		cmocka_unit_test_setup_teardown(responder_in_rtr_answers, p_setup_apart, p_teardown),
	};

	return cmocka_run_group_tests_name("rc_retry", tests, NULL, NULL);
}
