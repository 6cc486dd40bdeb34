// SPDX-License-Identifier: GPL-2.0-or-later
/* What connected QPs do beyond test_rc*: atomics, SEND with invalidate, the unreliable service, limits. */
#include "pair_rig.h"

#include <string.h>

static uint32_t atomic_key(struct d_fn *d, struct d_mem *m, bool rinval)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;
	uint8_t *mkc;

	d_mkey_in(d, &in, m->addr, m->size);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(mkc, mkc, a, 1);
	IFC_SET(mkc, mkc, en_rinval, rinval);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

static int setup_st(void **state, enum ifc_qp_st st)
{
	struct p_rig *r = p_open(st, false);

	for (uint32_t i = 0; i < P_MEM_SIZE; i++)
		r->am.p[i] = (uint8_t)(i * 7 + (i >> 8));
	r->akey = atomic_key(&r->d2, &r->bm, true);
	d_connect(&r->a, &r->b);
	*state = r;
	return 0;
}

static int setup(void **state)
{
	return setup_st(state, IFC_QP_ST_RC);
}

static int setup_uc(void **state)
{
	return setup_st(state, IFC_QP_ST_UC);
}

/* A request of a to the memory of b by the key with all rights. */
static struct d_wr wr(struct p_rig *r, enum ifc_wqe_op op, uint32_t off, uint32_t len)
{
	struct d_wr w = p_wr(r, op, off, len);

	w.rkey = r->akey;
	return w;
}

static uint64_t ld_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void st_le64(uint8_t *p, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* As mlx5_core does before INIT_HCA. */
static void choose_host_order(struct d_fn *d)
{
	IFC_BUF(set_hca_cap_out, out);
	struct d_in in = { .len = IFC_SZ(set_hca_cap_in) };
	uint8_t *block = IFC_PTR(set_hca_cap_in, in.b, capability);

	ifc_st16(in.b, MLX5_CMD_OP_SET_HCA_CAP);
	ifc_st16(in.b + 6, 3 << 1);
	IFC_SET(atomic_caps, block, atomic_req_8B_endianness_mode, 1);
	d->v->hca = FWSIM_HCA_ENABLED;
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	d->v->hca = FWSIM_HCA_INIT;
}

/* ---- atomics ------------------------------------------------------------------------------- */

static void fetch_and_add(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 64, 8);
	const uint8_t *cqe;

	choose_host_order(&r->d1);
	st_le64(r->bm.p + 64, 0x0102030405060708);
	w.swap_add = 0x10;
	d_send(&r->a, &w);
	cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_ATOMIC_FA);
	assert_int_equal(D_CQE_BYTES(cqe), 8);
	assert_true(ld_le64(r->bm.p + 64) == 0x0102030405060718);
	assert_true(ld_le64(r->am.p + 64) == 0x0102030405060708);
	w.swap_add = (uint64_t)-0x18;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_true(ld_le64(r->bm.p + 64) == 0x0102030405060700);
	d_expect_none(&r->b.rcq);
}

static void compare_and_swap(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_CS, 8, 8);

	choose_host_order(&r->d1);
	st_le64(r->bm.p + 8, 5);
	w.compare = 4;
	w.swap_add = 9;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_true(ld_le64(r->bm.p + 8) == 5);
	assert_true(ld_le64(r->am.p + 8) == 5);
	w.compare = 5;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_true(ld_le64(r->bm.p + 8) == 9);
	assert_true(ld_le64(r->am.p + 8) == 5);
}

/* Without SET_HCA_CAP the answer is a number as the wire has it; the memory is the host's all the same. */
static void answers_are_big_endian_by_default(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 0, 8);

	st_le64(r->bm.p, 0x1122334455667788);
	w.swap_add = 1;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_true(ifc_ld64(r->am.p) == 0x1122334455667788);
	assert_true(ld_le64(r->bm.p) == 0x1122334455667789);
}

static void expect_refused(struct p_rig *r, struct d_wr *w, unsigned int synd, uint8_t event)
{
	uint8_t before[64];
	const uint8_t *e;

	memcpy(before, r->bm.p, sizeof(before));
	d_send(&r->a, w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, synd);
	e = d_eqe(&r->d2, &r->d2.async);
	assert_non_null(e);
	assert_int_equal(e[1], event);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
	assert_memory_equal(before, r->bm.p, sizeof(before));
}

static void atomic_off_its_alignment(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 4, 8);

	w.swap_add = 1;
	expect_refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, IFC_EVENT_WQ_INVAL_REQ_ERROR);
}

static void atomic_needs_the_right_of_the_key(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 8, 8);

	w.swap_add = 1;
	w.rkey = r->bm.key; /* lr, lw, rr, rw */
	expect_refused(r, &w, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

static void atomic_needs_the_right_of_the_qp(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 8, 8);
	struct d_in in;

	d_modify_in(&r->b, &in, MLX5_CMD_OP_RTS2RTS_QP, 1u << 2); /* RAE, to zero */
	assert_int_equal(d_modify(&r->b, &in), IFC_ST_OK);
	w.swap_add = 1;
	expect_refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, IFC_EVENT_WQ_INVAL_REQ_ERROR);
}

static void atomic_is_of_eight_bytes(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 8, 16);

	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

/* A suspend is between two atomics or before the first, never inside one. */
static void atomic_waits_for_resume(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 8, 8);

	st_le64(r->bm.p + 8, 1);
	w.swap_add = 1;
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	assert_true(ld_le64(r->bm.p + 8) == 1);
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d2.v);
	h_advance(r->h, H_SEC);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_true(ld_le64(r->bm.p + 8) == 2);
}

static void limits_of_outstanding_reads(void **state)
{
	struct p_rig *r = *state;
	struct d_qp qp;
	struct d_in in;
	uint8_t *qpc;

	d_qp(&r->d1, &qp);
	assert_int_equal(d_init(&qp), IFC_ST_OK);
	qpc = d_modify_in(&qp, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);
	IFC_SET(qpc, qpc, mtu, 3);
	IFC_SET(qpc, qpc, log_rra_max, 5);
	assert_int_equal(d_modify(&qp, &in), IFC_ST_BAD_PARAM);
	IFC_SET(qpc, qpc, log_rra_max, 4);
	assert_int_equal(d_modify(&qp, &in), IFC_ST_OK);
	qpc = d_modify_in(&qp, &in, MLX5_CMD_OP_RTR2RTS_QP, 0);
	IFC_SET(qpc, qpc, log_sra_max, 5);
	assert_int_equal(d_modify(&qp, &in), IFC_ST_BAD_PARAM);
	IFC_SET(qpc, qpc, log_sra_max, 4);
	assert_int_equal(d_modify(&qp, &in), IFC_ST_OK);
}

/* ---- SEND with invalidate ------------------------------------------------------------------ */

static void send_invalidates_a_key(void **state)
{
	struct p_rig *r = *state;
	struct d_wr s = wr(r, IFC_WQE_SEND_INVAL, 0, 100);
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);
	const uint8_t *cqe;

	s.imm = r->akey;
	p_recv(r, 4096, 100);
	d_send(&r->a, &s);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_SEND_INV, 0);
	assert_int_equal(D_CQE_IMM(cqe), r->akey);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p + 4096, 100);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_ACCESS);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_MKEY, r->akey >> 8, NULL, 0),
			 IFC_ST_OK);
}

static void key_that_must_not_be_invalidated(void **state)
{
	struct p_rig *r = *state;
	struct d_wr s = wr(r, IFC_WQE_SEND_INVAL, 0, 8);

	s.imm = r->bm.key; /* no en_rinval */
	p_recv(r, 4096, 100);
	d_send(&r->a, &s);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->bm.key, r->d2.pd, FWSIM_ACC_LR, r->bm.addr,
					  1), FWSIM_MKEY_OK);
}

/* ---- UC ------------------------------------------------------------------------------------ */

static void uc_moves_data(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 200000);
	struct d_wr wi = wr(r, IFC_WQE_RDMA_WRITE_IMM, 300000, 10);
	struct d_wr s = wr(r, IFC_WQE_SEND, 0, 3000);
	struct d_wr si = wr(r, IFC_WQE_SEND_IMM, 0, 0);

	p_recv(r, 500000, 0);
	p_recv(r, 500000, 4096);
	d_recv(&r->b, 0, NULL);
	d_post(&r->a, &w);
	d_post(&r->a, &wi);
	d_post(&r->a, &s);
	d_send(&r->a, &si);
	h_settle(r->h);
	for (unsigned int i = 0; i < 4; i++)
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_IMM(d_expect(&r->b.rcq, IFC_CQE_RESP_WR_IMM, 0)), 0xcafe0123);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), 3000);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND_IMM, 0);
	assert_memory_equal(r->am.p, r->bm.p, 200000);
	assert_memory_equal(r->am.p, r->bm.p + 500000, 3000);
}

/* Sent to nobody, or to somebody who takes nothing: it is complete at once, and nothing else happens. */
static void expect_lost(struct p_rig *r, struct d_wr *w)
{
	unsigned int state = d_state(&r->b);

	d_send(&r->a, w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(d_state(&r->a), IFC_QP_RTS);
	assert_int_equal(d_state(&r->b), state);
	d_expect_none(&r->b.rcq);
	assert_null(d_eqe(&r->d2, &r->d2.async));
}

static void uc_without_receive_wqe(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	expect_lost(r, &w);
	p_recv(r, 4096, 100);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void uc_with_a_bad_key(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);
	uint8_t before[100];

	memcpy(before, r->bm.p, 100);
	w.rkey ^= 0x100000;
	expect_lost(r, &w);
	assert_memory_equal(before, r->bm.p, 100);
}

static void uc_to_a_stopped_function(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	r->d2.v->mig = FWSIM_MIG_STOPPED;
	d_send(&r->a, &w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d2.v);
	w = wr(r, IFC_WQE_RDMA_WRITE, 200, 100); /* sequence numbers have to be found anew */
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 200, r->bm.p + 200, 100);
	assert_int_not_equal(memcmp(r->am.p, r->bm.p, 100), 0);
}

/* The middle of a message is lost: its end is no message. */
static void uc_message_cut_in_the_middle(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 3 << 16);
	struct fwsim *fw = r->h->fw;

	p_recv(r, 0, 3 << 16);
	fw->running = true; /* one slice at a time */
	d_post(&r->a, &w);
	d_core_qp(&r->a)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_rc_run(fw, 1);
	assert_int_equal(d_core_qp(&r->a)->sq_off, 1 << 16);
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	fwsim_rc_run(fw, 1);
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fw->running = false;
	fwsim_vhca_rescan(r->d2.v);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect_none(&r->b.rcq);
	w = wr(r, IFC_WQE_SEND, 77, 5);
	d_send(&r->a, &w); /* the receive WQE is still there */
	assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), 5);
	assert_memory_equal(r->am.p + 77, r->bm.p, 5);
}

static void uc_knows_no_read(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 100);

	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	assert_int_equal(d_state(&r->a), IFC_QP_SQER);
}

/* An error of the send queue leaves the receive queue alone; SQERR2RTS makes it work again. */
static void uc_send_queue_in_error(void **state)
{
	struct p_rig *r = *state;
	struct d_wr bad = wr(r, IFC_WQE_SEND, 0, 100), back = { .op = IFC_WQE_SEND, .inl = "back" };
	struct d_sge sge = { r->am.addr, 100, r->am.key };
	struct d_in in;

	bad.sge[0].key ^= 0x100000;
	d_post(&r->a, &bad);
	d_send(&r->a, &bad);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_WR_FLUSH);
	assert_int_equal(d_state(&r->a), IFC_QP_SQER);
	d_recv(&r->a, 1, &sge);
	d_send(&r->b, &back);
	d_expect(&r->b.scq, IFC_CQE_REQ, 0);
	d_expect(&r->a.rcq, IFC_CQE_RESP_SEND, 0);
	assert_memory_equal(r->am.p, "back", 4);
	d_modify_in(&r->a, &in, MLX5_CMD_OP_SQERR2RTS_QP, 0);
	assert_int_equal(d_modify(&r->a, &in), IFC_ST_OK);
	assert_int_equal(d_modify(&r->a, &in), IFC_ST_BAD_QP_STATE);
	p_recv(r, 0, 100);
	bad = wr(r, IFC_WQE_SEND, 0, 100);
	d_send(&r->a, &bad);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void services_do_not_mix(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_core_qp(&r->b)->st = IFC_QP_ST_RC;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_not_equal(memcmp(r->am.p, r->bm.p, 100), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, p_teardown)
#define UC(f) cmocka_unit_test_setup_teardown(f, setup_uc, p_teardown)
	const struct CMUnitTest tests[] = {
		TEST(fetch_and_add),
		TEST(compare_and_swap),
		TEST(answers_are_big_endian_by_default),
		TEST(atomic_off_its_alignment),
		TEST(atomic_needs_the_right_of_the_key),
		TEST(atomic_needs_the_right_of_the_qp),
		TEST(atomic_is_of_eight_bytes),
		TEST(atomic_waits_for_resume),
		TEST(limits_of_outstanding_reads),
		TEST(send_invalidates_a_key),
		TEST(key_that_must_not_be_invalidated),
		UC(uc_moves_data),
		UC(uc_without_receive_wqe),
		UC(uc_with_a_bad_key),
		UC(uc_to_a_stopped_function),
		UC(uc_message_cut_in_the_middle),
		UC(uc_knows_no_read),
		UC(uc_send_queue_in_error),
		UC(services_do_not_mix),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
