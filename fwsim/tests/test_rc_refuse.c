// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages that are refused: by keys, by lengths, by what a QP allows, by the bus. */
#include "pair_rig.h"

/* a's request fails with @synd and b is in ERR after event @type. */
static void expect_remote_error(struct p_rig *r, unsigned int synd, uint8_t type)
{
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, synd);
	p_expect_event(&r->d2, type, r->b.qpn);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
}

static void bad_rkey(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	w.rkey ^= 1;
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
	assert_false(h_dma_wrote(r->h, 2, r->bm.addr, P_MEM_SIZE));
}

static void remote_out_of_bounds_moves_nothing(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 200000);

	w.raddr = r->bm.addr + P_MEM_SIZE - 199999;
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_settle(r->h);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
	assert_false(h_dma_wrote(r->h, 2, r->bm.addr, P_MEM_SIZE));
}

static void remote_rights_of_the_key(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_READ, 0, 100);

	w.rkey = d_mkey(&r->d2, r->bm.addr, 4096, FWSIM_ACC_LR | FWSIM_ACC_LW | FWSIM_ACC_RW);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

static void remote_key_of_another_domain(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	r->d2.pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD);
	w.rkey = d_mkey(&r->d2, r->bm.addr, 4096, 0xf);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

/* An operation that the responder's QP does not allow is an invalid request, whatever it is for. */
static void expect_not_enabled(struct p_rig *r, enum ifc_wqe_op op, unsigned int opt, uint32_t len)
{
	struct d_wr w = p_wr(r, op, 0, len);
	struct d_in in;

	if (op == IFC_WQE_ATOMIC_FA)
		w.rkey = d_mkey(&r->d2, r->bm.addr, 4096, 0x1f);
	d_modify_in(&r->b, &in, MLX5_CMD_OP_RTS2RTS_QP, opt); /* to 0 */
	assert_int_equal(d_modify(&r->b, &in), IFC_ST_OK);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_INVAL_REQ, IFC_EVENT_WQ_INVAL_REQ_ERROR);
	assert_false(h_dma_wrote(r->h, 2, r->bm.addr, P_MEM_SIZE));
}

static void qp_that_allows_no_write(void **state)
{
	expect_not_enabled(*state, IFC_WQE_RDMA_WRITE, 1u << 3, 100);
}

static void qp_that_allows_no_empty_write(void **state)
{
	expect_not_enabled(*state, IFC_WQE_RDMA_WRITE, 1u << 3, 0);
}

static void qp_that_allows_no_read(void **state)
{
	expect_not_enabled(*state, IFC_WQE_RDMA_READ, 1u << 1, 100);
}

static void qp_that_allows_no_atomic(void **state)
{
	expect_not_enabled(*state, IFC_WQE_ATOMIC_FA, 1u << 2, 8);
}

/* The requester's own memory is read first: nobody waits for a receiver of what cannot be sent. */
static void local_key_before_the_wait(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	w.sge[0].key ^= 1;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void local_key_before_the_silence(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2ERR_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	w.sge[0].key ^= 1;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
}

static void local_key_flushes_the_rest(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_post(&r->a, &w);
	w.sge[0].key ^= 1;
	d_post(&r->a, &w);
	w.sge[0].key ^= 1;
	w.unsignalled = true; /* a flush error comes all the same */
	d_post(&r->a, &w);
	d_post(&r->a, &w);
	d_ring(&r->a);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR,
						IFC_CQE_SYND_LOCAL_PROT)), 1);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 2);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 3);
	d_expect_none(&r->a.scq);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS); /* the other side saw nothing */
}

static void local_write_needs_the_right(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_READ, 0, 100);

	w.sge[0].key = d_mkey(&r->d1, r->am.addr, 4096, FWSIM_ACC_LR);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
}

static void message_longer_than_the_receive_wqe(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 101);

	p_recv(r, 0, 100);
	p_recv(r, 0, 100);
	d_send(&r->a, &w);
	h_settle(r->h);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_ERR,
						IFC_CQE_SYND_LOCAL_LENGTH)), 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, 5)), 1);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
}

static void receive_key_that_does_not_serve(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);
	struct d_sge sge = { r->bm.addr, 100, r->bm.key ^ 1 };

	d_recv(&r->b, 1, &sge);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
}

static void message_longer_than_log_msg_max(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 4097);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, log_msg_max, 12);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void wqe_that_makes_no_sense(void **state)
{
	static const struct {
		unsigned int off;
		uint8_t val;
	} bad[] = {
		{ 3, 0x11 },  /* atomic without a place for its answer */
		{ 3, 0x25 },  /* UMR */
		{ 3, 0x12 },  /* another atomic, also too short */
		{ 3, 0xff },
		{ 6, 0x77 },  /* another QP */
		{ 7, 0 },     /* no length at all */
		{ 7, 1 },     /* no remote address */
		{ 7, 0x3f },  /* longer than what was posted */
		{ 32, 0xff }, /* inline data longer than the WQE */
	};
	struct p_rig *r = *state;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);
		struct d_qp a, b;

		d_qp(&r->d1, &a);
		d_qp(&r->d2, &b);
		d_connect(&a, &b);
		d_post(&a, &w);
		((uint8_t *)h_mem(r->h, 1, a.ring))[(D_RQ_STRIDE << D_LOG_RQ) + bad[i].off] =
			bad[i].val;
		d_ring(&a);
		d_expect(&a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
		d_expect_none(&a.scq);
		assert_int_equal(d_state(&a), IFC_QP_ERR);
		assert_int_equal(d_state(&b), IFC_QP_RTS);
	}
}

static void responder_without_receive_queue(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = { .op = IFC_WQE_SEND };

	d_core_qp(&r->b)->has_rq = false;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
	p_expect_event(&r->d2, IFC_EVENT_WQ_INVAL_REQ_ERROR, r->b.qpn);
	d_core_qp(&r->b)->has_rq = true;
}

static void send_cq_overrun_is_catastrophic(void **state)
{
	struct p_rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };
	unsigned int n = 0;
	bool cq_error = false, catas = false;
	const uint8_t *e;

	for (unsigned int k = 0; k < 5; k++) {
		for (unsigned int i = 0; i < 16; i++)
			d_post(&r->a, &nop);
		d_ring(&r->a);
		h_settle(r->h);
	}
	while ((e = d_eqe(&r->d1, &r->d1.async))) {
		cq_error |= e[1] == IFC_EVENT_CQ_ERROR && ifc_ld32(e + 0x20) == r->a.scq.cqn;
		catas |= e[1] == IFC_EVENT_WQ_CATAS_ERROR && ifc_ld32(e + 0x38) == r->a.qpn;
	}
	assert_true(cq_error && catas);
	while (d_cqe(&r->a.scq))
		n++;
	assert_int_equal(n, 1u << D_LOG_CQ);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
}

static void bus_that_refuses(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	h_dma_fail(r->h, 2, r->bm.addr, 4096);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
	p_expect_event(&r->d2, IFC_EVENT_WQ_CATAS_ERROR, r->b.qpn);
}

static void bus_that_refuses_the_ring(void **state)
{
	struct p_rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	h_dma_fail(r->h, 1, r->a.ring, FWSIM_PAGE);
	d_send(&r->a, &nop);
	h_settle(r->h);
	p_expect_event(&r->d1, IFC_EVENT_WQ_CATAS_ERROR, r->a.qpn);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	d_expect_none(&r->a.scq);
}

static void bus_that_refuses_the_doorbell_record(void **state)
{
	struct p_rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };
	unsigned int errors;

	h_dma_fail(r->h, 1, r->a.dbr, 8);
	d_send(&r->a, &nop);
	h_settle(r->h);
	p_expect_event(&r->d1, IFC_EVENT_WQ_CATAS_ERROR, r->a.qpn);
	errors = r->h->fn[1].dma_errors;
	h_advance(r->h, 10 * H_SEC); /* a QP in ERR does not go on knocking */
	assert_int_equal(r->h->fn[1].dma_errors, errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P_TEST(bad_rkey),
		P_TEST(remote_out_of_bounds_moves_nothing),
		P_TEST(remote_rights_of_the_key),
		P_TEST(remote_key_of_another_domain),
		P_TEST(qp_that_allows_no_write),
		P_TEST(qp_that_allows_no_empty_write),
		P_TEST(qp_that_allows_no_read),
		P_TEST(qp_that_allows_no_atomic),
		P_TEST(local_key_before_the_wait),
		P_TEST(local_key_before_the_silence),
		P_TEST(local_key_flushes_the_rest),
		P_TEST(local_write_needs_the_right),
		P_TEST(message_longer_than_the_receive_wqe),
		P_TEST(receive_key_that_does_not_serve),
		P_TEST(message_longer_than_log_msg_max),
		P_TEST(wqe_that_makes_no_sense),
		P_TEST(responder_without_receive_queue),
		P_TEST(send_cq_overrun_is_catastrophic),
		P_TEST(bus_that_refuses),
		P_TEST(bus_that_refuses_the_ring),
		P_TEST(bus_that_refuses_the_doorbell_record),
	};

	return cmocka_run_group_tests_name("rc_refuse", tests, NULL, NULL);
}
