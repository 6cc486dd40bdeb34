// SPDX-License-Identifier: GPL-2.0-or-later
/* A REG_UMR QP: by it mlx5_ib changes rights and domain of its users' keys, and takes them back. */
#include "data_rig.h"

#include <stdlib.h>
#include <string.h>

#define MASK(n) (1ULL << (n))
#define MASK_PD MASK(7)
#define MASK_ACCESS (MASK(17) | MASK(18) | MASK(19) | MASK(20))
#define MASK_FREE MASK(29)
#define IN_USE 0x40u /* "fail if free" */
#define NOT_IN_USE 0x20u

struct rig {
	struct harness *h;
	struct d_fn d;
	struct d_qp qp;
	uint64_t addr;
	uint32_t key, pd; /* of a user */
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	IFC_BUF(create_mkey_out, out);
	uint32_t own;
	struct d_in in;

	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
	r->addr = h_alloc(r->h, 1, 4 * 4096, 4096);
	r->pd = own = r->d.pd;
	d_mkey_in(&r->d, &in, r->addr, 4 * 4096);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.umr_en, 1);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.translations_octword_size, 2);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	r->key = IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
	r->d.pd = 0; /* mlx5_ib of some kernels names none */
	d_qp_of(&r->d, &r->qp, IFC_QP_ST_REG_UMR, 0, 0);
	r->d.pd = own;
	assert_int_equal(d_init(&r->qp), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->qp, &r->qp), IFC_ST_OK);
	assert_int_equal(d_rts(&r->qp), IFC_ST_OK);
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

/* A UMR WQE without a list: what @mask names of rights @access, domain @pd and free. */
static void umr(struct rig *r, uint8_t flags, uint64_t mask, unsigned int access, uint32_t pd, bool is_free,
		enum ifc_cqe_synd synd)
{
	uint8_t wqe[128] = { 0 }, *mkc = wqe + 64, *sq = h_mem(r->h, 1, r->qp.ring);
	unsigned int i;

	sq += D_RQ_STRIDE << D_LOG_RQ;
	ifc_st32(wqe, (uint32_t)r->qp.sq_pi << 8 | IFC_WQE_UMR);
	ifc_st32(wqe + 4, r->qp.qpn << 8 | sizeof(wqe) / 16);
	wqe[11] = 8;
	ifc_st32(wqe + 12, r->key);
	wqe[16] = 0x80 | flags;
	ifc_st64(wqe + 24, mask);
	IFC_SET(mkc, mkc, lr, !!(access & FWSIM_ACC_LR));
	IFC_SET(mkc, mkc, lw, !!(access & FWSIM_ACC_LW));
	IFC_SET(mkc, mkc, rr, !!(access & FWSIM_ACC_RR));
	IFC_SET(mkc, mkc, rw, !!(access & FWSIM_ACC_RW));
	IFC_SET(mkc, mkc, pd, pd);
	IFC_SET(mkc, mkc, free, is_free);
	for (i = 0; i < sizeof(wqe) / 64; i++, r->qp.sq_pi++)
		memcpy(sq + (r->qp.sq_pi & ((1u << D_LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32((uint8_t *)h_mem(r->h, 1, r->qp.dbr) + 4, r->qp.sq_pi);
	d_ring(&r->qp);
	assert_int_equal(D_CQE_WQE_OP(d_expect(&r->qp.scq, synd ? IFC_CQE_REQ_ERR : IFC_CQE_REQ, synd)),
			 IFC_WQE_UMR);
}

static enum fwsim_mkey_fault check(struct rig *r, uint32_t pd, unsigned int need)
{
	return fwsim_mkey_check(r->d.v, r->key, pd, need, r->addr, 4 * 4096);
}

static void rights_change(void **state)
{
	struct rig *r = *state;

	assert_int_equal(check(r, r->pd, FWSIM_ACC_RW), FWSIM_MKEY_OK);
	umr(r, IN_USE, MASK_ACCESS, FWSIM_ACC_LR | FWSIM_ACC_RR, 0, false, 0);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_RW), FWSIM_MKEY_ACCESS);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_RR), FWSIM_MKEY_OK);
}

static void domain_changes(void **state)
{
	struct rig *r = *state;
	uint32_t pd = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_PD);

	umr(r, IN_USE, MASK_PD, 0, pd, false, 0);
	assert_int_not_equal(check(r, r->pd, FWSIM_ACC_RR), FWSIM_MKEY_OK);
	assert_int_equal(check(r, pd, FWSIM_ACC_RR), FWSIM_MKEY_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DEALLOC_PD, pd, NULL, 0), IFC_ST_RES_BUSY);
}

static void taken_back_and_given_again(void **state)
{
	struct rig *r = *state;

	umr(r, 0, MASK_FREE, 0, 0, true, 0);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_LR), FWSIM_MKEY_BAD_KEY);
	umr(r, NOT_IN_USE, MASK_FREE, 0, 0, false, 0);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_LR), FWSIM_MKEY_OK);
}

/* The QP is in ERR then, comes back by RST, and works. */
static void refused_and_again(void **state)
{
	struct rig *r = *state;

	umr(r, NOT_IN_USE, MASK_ACCESS, 0, 0, false, IFC_CQE_SYND_MW_BIND);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_RW), FWSIM_MKEY_OK);
	assert_int_equal(d_state(&r->qp), IFC_QP_ERR);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_2RST_QP, r->qp.qpn, NULL, 0), IFC_ST_OK);
	r->qp.sq_pi = 0;
	memset(h_mem(r->h, 1, r->qp.dbr), 0, 8);
	assert_int_equal(d_init(&r->qp), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->qp, &r->qp), IFC_ST_OK);
	assert_int_equal(d_rts(&r->qp), IFC_ST_OK);
	rights_change(state);
}

static void only_umr_and_nop(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP }, send = { .op = IFC_WQE_SEND };

	d_send(&r->qp, &nop);
	d_expect(&r->qp.scq, IFC_CQE_REQ, 0);
	d_send(&r->qp, &send);
	d_expect(&r->qp.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
}

static void no_other_qp_does_umr(void **state)
{
	struct rig *r = *state;

	d_qp_of(&r->d, &r->qp, IFC_QP_ST_RC, 0, 0);
	assert_int_equal(d_init(&r->qp), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->qp, &r->qp), IFC_ST_OK);
	assert_int_equal(d_rts(&r->qp), IFC_ST_OK);
	umr(r, IN_USE, MASK_ACCESS, 0, 0, false, IFC_CQE_SYND_LOCAL_QP_OP);
	assert_int_equal(check(r, r->pd, FWSIM_ACC_RW), FWSIM_MKEY_OK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(rights_change),
		T(domain_changes),
		T(taken_back_and_given_again),
		T(refused_and_again),
		T(only_umr_and_nop),
		T(no_other_qp_does_umr),
	};

	return cmocka_run_group_tests_name("umr_qp", tests, NULL, NULL);
}
