// SPDX-License-Identifier: GPL-2.0-or-later
/* Queue pairs as commands see them: creation and its refusals, state moves, optional parameters. */
#include "data_rig.h"

#include <string.h>

struct rig {
	struct harness *h;
	struct d_fn d;
	struct d_qp a, b;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
	d_qp(&r->d, &r->a);
	d_qp(&r->d, &r->b);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

static void query(struct d_qp *qp, uint8_t out[IFC_SZ(query_qp_out)])
{
	assert_int_equal(d_simple(qp->d, MLX5_CMD_OP_QUERY_QP, qp->qpn, out,
				  IFC_SZ(query_qp_out)), IFC_ST_OK);
}

static enum ifc_status move_simple(struct d_qp *qp, uint16_t opcode)
{
	return d_simple(qp->d, opcode, qp->qpn, NULL, 0);
}

/* ---- creation ------------------------------------------------------------------------------ */

static void create_refusals_say_why(void **state)
{
	struct rig *r = *state;
	IFC_BUF(create_qp_out, out);
	struct d_in in;
	uint8_t *qpc = IFC_PTR(create_qp_in, in.b, qpc);
	unsigned int used = r->d.v->obj[FWSIM_OBJ_QP].used;

#define REFUSED(fld, val, st, why)                                                                 \
	do {                                                                                       \
		d_qp_in(&r->d, &in, &r->a);                                                        \
		IFC_SET(qpc, qpc, fld, val);                                                       \
		h_trace_clear(r->h);                                                               \
		assert_int_equal(D_EXEC(&r->d, &in, out), st);                                     \
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));                         \
	} while (0)
	REFUSED(st, 4, IFC_ST_BAD_PARAM, "service type 0x4");
	REFUSED(st, 7, IFC_ST_BAD_PARAM, "service type 0x7");
	REFUSED(st, 3, IFC_ST_BAD_PARAM, "rq_type 0"); /* XRC with a receive ring */
	REFUSED(rq_type, 2, IFC_ST_BAD_PARAM, "rq_type");
	REFUSED(rq_type, 1, IFC_ST_BAD_RES, "no such SRQ");
	REFUSED(wq_signature, 1, IFC_ST_BAD_PARAM, "wq_signature");
	REFUSED(cd_master, 1, IFC_ST_BAD_PARAM, "cross-channel");
	REFUSED(dbr_umem_valid, 1, IFC_ST_BAD_RES, "no umem");
	REFUSED(log_page_size, 20, IFC_ST_BAD_PARAM, "log_page_size 20");
	REFUSED(log_sq_size, 15, IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(log_rq_size, 15, IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(page_offset, 63, IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(pd, 99, IFC_ST_BAD_RES, "no such PD");
	REFUSED(uar_page, 99, IFC_ST_BAD_RES, "no such UAR");
	REFUSED(cqn_snd, 99, IFC_ST_BAD_RES, "no such CQ");
	REFUSED(cqn_rcv, 99, IFC_ST_BAD_RES, "no such CQ");
#undef REFUSED
	d_qp_in(&r->d, &in, &r->a);
	IFC_SET(create_qp_in, in.b, wq_umem_valid, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_RES);
	d_qp_in(&r->d, &in, &r->a);
	IFC_SET64(qpc, qpc, dbr_addr, 0x1004);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(r->d.v->obj[FWSIM_OBJ_QP].used, used);
	/* a refused create holds no reference */
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_DESTROY_QP), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_CQ, r->a.scq.cqn, NULL, 0),
			 IFC_ST_OK);
}

/* The two QPs of the tracker of mlx5_vfio_pci: no send ring; no ring at all, and a wild page size. */
static void qp_without_send_ring_or_any_ring(void **state)
{
	struct rig *r = *state;
	IFC_BUF(create_qp_out, out);
	struct d_in in;
	uint8_t *qpc = IFC_PTR(create_qp_in, in.b, qpc);

	d_qp_in(&r->d, &in, &r->a);
	IFC_SET(qpc, qpc, no_sq, 1);
	IFC_SET(qpc, qpc, log_sq_size, 0);
	IFC_SET(qpc, qpc, log_rq_stride, 0);
	IFC_SET(qpc, qpc, cqn_snd, 0);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	d_qp_in(&r->d, &in, &r->a);
	in.len = IFC_SZ(create_qp_in);
	IFC_SET(qpc, qpc, no_sq, 1);
	IFC_SET(qpc, qpc, rq_type, 3);
	IFC_SET(qpc, qpc, log_page_size, 20);
	IFC_SET(qpc, qpc, cqn_snd, 0);
	IFC_SET(qpc, qpc, cqn_rcv, 0);
	IFC_SET64(qpc, qpc, dbr_addr, 0);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	r->a.qpn = IFC_GET(create_qp_out, out, qpn);
	d_connect(&r->a, &r->b);
	assert_int_equal(d_state(&r->a), IFC_QP_RTS);
	h_db_qp(r->h, 1, r->d.uar, r->a.qpn, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "has no send queue"));
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	h_settle(r->h);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_DESTROY_QP), IFC_ST_OK);
}

/* ---- moves --------------------------------------------------------------------------------- */

enum { MOVE_INIT, MOVE_INIT2, MOVE_RTR, MOVE_RTS, MOVE_RTS2, MOVE_ERR, MOVE_RST, MOVES };

static enum ifc_status move(struct rig *r, unsigned int m)
{
	struct d_in in;

	switch (m) {
	case MOVE_INIT:
		return d_init(&r->a);
	case MOVE_INIT2:
		d_modify_in(&r->a, &in, MLX5_CMD_OP_INIT2INIT_QP, 0);
		return d_modify(&r->a, &in);
	case MOVE_RTR:
		return d_rtr(&r->a, &r->b);
	case MOVE_RTS:
		return d_rts(&r->a);
	case MOVE_RTS2:
		d_modify_in(&r->a, &in, MLX5_CMD_OP_RTS2RTS_QP, 0);
		return d_modify(&r->a, &in);
	case MOVE_ERR:
		return move_simple(&r->a, MLX5_CMD_OP_2ERR_QP);
	default:
		return move_simple(&r->a, MLX5_CMD_OP_2RST_QP);
	}
}

/* Every command in every state: where it leads, -1 for BAD_QP_STATE. */
static void every_move_in_every_state(void **state)
{
	static const struct {
		unsigned int state;
		int to[MOVES];
	} want[] = {
		/*		INIT INIT2 RTR RTS RTS2 ERR RST */
		{ IFC_QP_RST,  { 1, -1, -1, -1, -1, 6, 0 } },
		{ IFC_QP_INIT, { -1, 1, 2, -1, -1, 6, 0 } },
		{ IFC_QP_RTR,  { -1, -1, -1, 3, -1, 6, 0 } },
		{ IFC_QP_RTS,  { -1, -1, -1, -1, 3, 6, 0 } },
		{ IFC_QP_ERR,  { -1, -1, -1, -1, -1, 6, 0 } },
	};
	struct rig *r = *state;

	for (unsigned int s = 0; s < 5; s++) {
		for (unsigned int m = 0; m < MOVES; m++) {
			assert_int_equal(move(r, MOVE_RST), IFC_ST_OK);
			if (want[s].state == IFC_QP_ERR)
				assert_int_equal(move(r, MOVE_ERR), IFC_ST_OK);
			else if (want[s].state >= IFC_QP_INIT)
				assert_int_equal(move(r, MOVE_INIT), IFC_ST_OK);
			if (want[s].state == IFC_QP_RTR || want[s].state == IFC_QP_RTS)
				assert_int_equal(move(r, MOVE_RTR), IFC_ST_OK);
			if (want[s].state == IFC_QP_RTS)
				assert_int_equal(move(r, MOVE_RTS), IFC_ST_OK);
			assert_int_equal(d_state(&r->a), want[s].state);
			if (want[s].to[m] < 0) {
				assert_int_equal(move(r, m), IFC_ST_BAD_QP_STATE);
				assert_int_equal(d_state(&r->a), want[s].state);
			} else {
				assert_int_equal(move(r, m), IFC_ST_OK);
				assert_int_equal(d_state(&r->a), want[s].to[m]);
			}
		}
	}
}

static void moves_of_an_unknown_qp_are_bad_res(void **state)
{
	struct rig *r = *state;

	r->a.qpn = 0x1234;
	for (unsigned int m = 0; m < MOVES; m++)
		assert_int_equal(move(r, m), IFC_ST_BAD_RES);
}

static void query_shows_what_was_set(void **state)
{
	struct rig *r = *state;
	uint8_t out[IFC_SZ(query_qp_out)];
	const uint8_t *qpc = IFC_CPTR(query_qp_out, out, qpc);

	d_connect(&r->a, &r->b);
	query(&r->a, out);
	assert_int_equal(IFC_GET(qpc, qpc, state), IFC_QP_RTS);
	assert_int_equal(IFC_GET(qpc, qpc, remote_qpn), r->b.qpn);
	assert_int_equal(IFC_GET(qpc, qpc, mtu), 3);
	assert_int_equal(IFC_GET(qpc, qpc, retry_count), 3);
	assert_int_equal(IFC_GET(qpc, qpc, primary_address_path.ack_timeout), 10);
	assert_int_equal(IFC_GET(qpc, qpc, primary_address_path.vhca_port_num), 1);
	assert_int_equal(IFC_GET(qpc, qpc, rwe), 1);
	assert_int_equal(IFC_GET(qpc, qpc, cqn_snd), r->a.scq.cqn);
	assert_int_equal(IFC_GET64(qpc, qpc, dbr_addr), r->a.dbr);
}

static void optional_fields_need_their_bit(void **state)
{
	struct rig *r = *state;
	uint8_t out[IFC_SZ(query_qp_out)], *qpc;
	struct d_in in;

	d_connect(&r->a, &r->b);
	qpc = d_modify_in(&r->a, &in, MLX5_CMD_OP_RTS2RTS_QP, 1u << 1 | 1u << 6);
	IFC_SET(qpc, qpc, rre, 0);
	IFC_SET(qpc, qpc, rwe, 0);
	IFC_SET(qpc, qpc, min_rnr_nak, 21);
	IFC_SET(qpc, qpc, retry_count, 7);
	assert_int_equal(d_modify(&r->a, &in), IFC_ST_OK);
	query(&r->a, out);
	qpc = IFC_PTR(query_qp_out, out, qpc);
	assert_int_equal(IFC_GET(qpc, qpc, rre), 0);
	assert_int_equal(IFC_GET(qpc, qpc, rwe), 1);
	assert_int_equal(IFC_GET(qpc, qpc, min_rnr_nak), 21);
	assert_int_equal(IFC_GET(qpc, qpc, retry_count), 3);
	d_modify_in(&r->a, &in, MLX5_CMD_OP_RTS2RTS_QP, 1u << 18);
	assert_int_equal(d_modify(&r->a, &in), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "opt_param_mask"));
}

static void rtr_needs_a_valid_mtu(void **state)
{
	struct rig *r = *state;
	struct d_in in;
	uint8_t *qpc;

	assert_int_equal(d_init(&r->a), IFC_ST_OK);
	for (unsigned int mtu = 0; mtu < 8; mtu++) {
		if (mtu >= 1 && mtu <= 5)
			continue;
		qpc = d_modify_in(&r->a, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);
		IFC_SET(qpc, qpc, mtu, mtu);
		assert_int_equal(d_modify(&r->a, &in), IFC_ST_BAD_PARAM);
	}
	assert_int_equal(d_state(&r->a), IFC_QP_INIT);
}

static void doorbell_before_rts_is_ignored(void **state)
{
	struct rig *r = *state;

	d_ring(&r->a);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "not in RTS"));
	h_db_qp(r->h, 1, r->d.uar, 0x777, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "QP 0x777"));
}

/* ---- 2ERR and 2RST ------------------------------------------------------------------------- */

static void err_flushes_both_queues_in_order(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP, .unsignalled = true };
	struct d_wr big = { .op = IFC_WQE_SEND, .inl = "0123456789012345678901234567890123456789"
						       "01234567890123456789" };

	d_connect(&r->a, &r->b);
	d_recv(&r->a, 0, NULL);
	d_recv(&r->a, 0, NULL);
	d_post(&r->a, &nop);
	d_post(&r->a, &big); /* two units */
	d_post(&r->a, &nop);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	h_settle(r->h);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 1);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 3);
	d_expect_none(&r->a.scq);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, 5)), 0);
	assert_int_equal(D_CQE_QPN(d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, 5)), r->a.qpn);
	d_expect_none(&r->a.rcq);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
}

/* ib_drain_qp() posts a marker to each queue after the move to ERR, and waits for its completion. */
static void work_posted_in_err_is_flushed(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	d_connect(&r->a, &r->b);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	h_settle(r->h);
	d_send(&r->a, &nop);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5);
	d_recv(&r->a, 0, NULL);
	h_advance(r->h, 20 * H_MS);
	d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, 5);
	d_expect_none(&r->a.rcq);
}

static void full_rings_flush_in_slices(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP, .unsignalled = true };

	d_connect(&r->a, &r->b);
	for (unsigned int i = 0; i < 1u << D_LOG_SQ; i++)
		d_post(&r->a, &nop);
	for (unsigned int i = 0; i < 1u << D_LOG_RQ; i++)
		d_recv(&r->a, 0, NULL);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	h_settle(r->h);
	for (unsigned int i = 0; i < 1u << D_LOG_SQ; i++)
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), i);
	for (unsigned int i = 0; i < 1u << D_LOG_RQ; i++)
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.rcq, IFC_CQE_RESP_ERR, 5)), i);
}

static void rst_is_silent_and_starts_from_zero(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };
	uint8_t out[IFC_SZ(query_qp_out)];

	d_connect(&r->a, &r->b);
	d_send(&r->a, &nop);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_post(&r->a, &nop);
	d_recv(&r->a, 0, NULL);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2RST_QP), IFC_ST_OK);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	d_expect_none(&r->a.rcq);
	query(&r->a, out);
	assert_int_equal(IFC_GET(query_qp_out, out, qpc.hw_sq_wqebb_counter), 0);
	/* the driver zeroes its side too; then the QP works again */
	memset(h_mem(r->h, 1, r->a.dbr), 0, 8);
	r->a.sq_pi = r->a.rq_pi = 0;
	assert_int_equal(d_init(&r->a), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->a, &r->b), IFC_ST_OK);
	assert_int_equal(d_rts(&r->a), IFC_ST_OK);
	d_send(&r->a, &nop);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), 0);
}

static void destroyed_qp_completes_nothing(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	d_connect(&r->a, &r->b);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	d_post(&r->a, &nop);
	d_recv(&r->a, 0, NULL);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_DESTROY_QP), IFC_ST_OK);
	d_ring(&r->a);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	d_expect_none(&r->a.rcq);
}

/* A wild doorbell record makes at most one round of the ring. */
static void flush_with_a_wild_record_ends(void **state)
{
	struct rig *r = *state;
	unsigned int n = 0;

	d_connect(&r->a, &r->b);
	ifc_st32(h_mem(r->h, 1, r->a.dbr), 0x8000);
	ifc_st32((uint8_t *)h_mem(r->h, 1, r->a.dbr) + 4, 0x8000);
	assert_int_equal(move_simple(&r->a, MLX5_CMD_OP_2ERR_QP), IFC_ST_OK);
	h_settle(r->h);
	while (d_cqe(&r->a.scq))
		n++;
	assert_int_equal(n, 1u << D_LOG_SQ);
	while (d_cqe(&r->a.rcq))
		n++;
	assert_int_equal(n, (1u << D_LOG_SQ) + (1u << D_LOG_RQ));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(create_refusals_say_why),
		TEST(qp_without_send_ring_or_any_ring),
		TEST(every_move_in_every_state),
		TEST(moves_of_an_unknown_qp_are_bad_res),
		TEST(query_shows_what_was_set),
		TEST(optional_fields_need_their_bit),
		TEST(rtr_needs_a_valid_mtu),
		TEST(doorbell_before_rts_is_ignored),
		TEST(err_flushes_both_queues_in_order),
		TEST(work_posted_in_err_is_flushed),
		TEST(full_rings_flush_in_slices),
		TEST(rst_is_silent_and_starts_from_zero),
		TEST(destroyed_qp_completes_nothing),
		TEST(flush_with_a_wild_record_ends),
	};

	return cmocka_run_group_tests_name("qp", tests, NULL, NULL);
}
