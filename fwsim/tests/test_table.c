// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables of objects by number, reference counts, page lists, and the numbers that a VHCA gives out. */
#include "data_rig.h"

#include <string.h>

static void ids_begin_at_base_and_lowest_is_reused(void **state)
{
	struct fwsim_obj o[4] = { { 0 } };
	struct fwsim_table t;

	(void)state;
	fwsim_table_init(&t, 0x40, 100);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(fwsim_table_add(&t, &o[i]), IFC_ST_OK);
		assert_int_equal(o[i].id, 0x40 + i);
	}
	fwsim_table_del(&t, 0x40);
	fwsim_table_del(&t, 0x41);
	assert_int_equal(fwsim_table_add(&t, &o[3]), IFC_ST_OK);
	assert_int_equal(o[3].id, 0x40);
	assert_int_equal(t.used, 2);
	fwsim_table_fini(&t);
}

static void full_table_refuses(void **state)
{
	struct fwsim_obj o[6] = { { 0 } };
	struct fwsim_table t;

	(void)state;
	fwsim_table_init(&t, 1, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(fwsim_table_add(&t, &o[i]), IFC_ST_OK);
	assert_int_equal(fwsim_table_add(&t, &o[5]), IFC_ST_LIM_ERR);
	fwsim_table_del(&t, 3);
	assert_int_equal(fwsim_table_add(&t, &o[5]), IFC_ST_OK);
	assert_int_equal(o[5].id, 3);
	fwsim_table_fini(&t);
}

static void get_outside_is_null(void **state)
{
	struct fwsim_obj o = { 0 };
	struct fwsim_table t;

	(void)state;
	fwsim_table_init(&t, 0x100, 10);
	assert_null(fwsim_table_get(&t, 0x100));
	assert_int_equal(fwsim_table_add(&t, &o), IFC_ST_OK);
	assert_ptr_equal(fwsim_table_get(&t, 0x100), &o);
	assert_null(fwsim_table_get(&t, 0));
	assert_null(fwsim_table_get(&t, 0xff));
	assert_null(fwsim_table_get(&t, 0x101));
	assert_null(fwsim_table_get(&t, UINT32_MAX));
	fwsim_table_del(&t, 5); /* not there: nothing happens */
	assert_int_equal(t.used, 1);
	fwsim_table_fini(&t);
}

static void add_at_keeps_the_id(void **state)
{
	struct fwsim_obj a = { 0 }, b = { 0 }, c = { 0 };
	struct fwsim_table t;

	(void)state;
	fwsim_table_init(&t, 8, 1000);
	assert_int_equal(fwsim_table_add_at(&t, &a, 500), IFC_ST_OK);
	assert_int_equal(a.id, 500);
	assert_int_equal(fwsim_table_add_at(&t, &b, 500), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_table_add_at(&t, &b, 7), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_table_add_at(&t, &b, 1008), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_table_add_at(&t, &b, 1007), IFC_ST_OK);
	assert_int_equal(fwsim_table_add(&t, &c), IFC_ST_OK);
	assert_int_equal(c.id, 8);
	fwsim_table_fini(&t);
}

static void walk_is_in_order(void **state)
{
	static const uint32_t id[] = { 70, 3, 500, 4 }, sorted[] = { 3, 4, 70, 500 };
	struct fwsim_obj o[4] = { { 0 } }, *p;
	struct fwsim_table t;
	unsigned int n = 0;

	(void)state;
	fwsim_table_init(&t, 1, 1000);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(fwsim_table_add_at(&t, &o[i], id[i]), IFC_ST_OK);
	fwsim_table_for_each(&t, p)
		assert_int_equal(p->id, sorted[n++]);
	assert_int_equal(n, 4);
	fwsim_table_fini(&t);
}

static void pas_decode_masks_and_checks(void **state)
{
	uint8_t be[3 * 8];
	struct fwsim_pas pas = { 0 };

	(void)state;
	ifc_st64(be, 0x10003);
	ifc_st64(be + 8, 0x22fff);
	ifc_st64(be + 16, 0x30000);
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 12, 8193), IFC_ST_OK);
	assert_int_equal(pas.n, 3);
	assert_int_equal(pas.addr[0], 0x10000);
	assert_int_equal(pas.addr[1], 0x22000);
	fwsim_pas_free(&pas);
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 12, 3 * 4096 + 1), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 11, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 32, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 12, UINT64_MAX), IFC_ST_BAD_PARAM);
	assert_int_equal(fwsim_pas_decode(&pas, be, 0, 12, 0), IFC_ST_OK);
	assert_null(pas.addr);
	/* only what is needed is kept */
	assert_int_equal(fwsim_pas_decode(&pas, be, 3, 12, 4096), IFC_ST_OK);
	assert_int_equal(pas.n, 1);
	fwsim_pas_free(&pas);
}

static void pas_access_crosses_pages_and_stays_inside(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *v = h->fw->vhca[0];
	uint64_t a = h_alloc(h, 0, FWSIM_PAGE, FWSIM_PAGE), gap = h_alloc(h, 0, 4096, 4096);
	uint64_t b = h_alloc(h, 0, FWSIM_PAGE, FWSIM_PAGE);
	uint8_t be[16], back[8];
	struct fwsim_pas pas;

	(void)state;
	ifc_st64(be, b);
	ifc_st64(be + 8, a);
	assert_int_equal(fwsim_pas_decode(&pas, be, 2, 12, 8192), IFC_ST_OK);
	fwsim_set_bus_master(h->fw, 0, true);
	assert_int_equal(fwsim_pas_write(v, &pas, 4092, "abcdefgh", 8), 0);
	assert_memory_equal((uint8_t *)h_mem(h, 0, b) + 4092, "abcd", 4);
	assert_memory_equal(h_mem(h, 0, a), "efgh", 4);
	assert_false(h_dma_wrote(h, 0, gap, 4096));
	assert_int_equal(fwsim_pas_read(v, &pas, 4092, back, 8), 0);
	assert_memory_equal(back, "abcdefgh", 8);
	assert_int_equal(fwsim_pas_write(v, &pas, 8188, "abcdefgh", 8), -1);
	assert_int_equal(fwsim_pas_write(v, &pas, UINT64_MAX, "a", 1), -1);
	assert_int_equal(fwsim_pas_read(v, &pas, 8192, back, 1), -1);
	fwsim_pas_free(&pas);
	h_free(h);
}

static void dma_needs_bus_master(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *v = h->fw->vhca[0];
	uint64_t a = h_alloc(h, 0, 64, 64);

	(void)state;
	fwsim_set_bus_master(h->fw, 0, false);
	assert_int_equal(fwsim_dma_write(v, a, "x", 1), -1);
	assert_int_equal(h->fn[0].dma_writes, 0);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_DMA_ERROR, "bus master"));
	fwsim_set_bus_master(h->fw, 0, true);
	assert_int_equal(fwsim_dma_write(v, a, "x", 1), 0);
	assert_int_equal(fwsim_dma_write(v, 0x1000, "x", 1), -1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_DMA_ERROR, "bus refused"));
	assert_int_equal(fwsim_dma_write(v, UINT64_MAX, "xy", 2), -1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_DMA_ERROR, "wraps"));
	h_free(h);
}

static void numbers_begin_above_zero(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d;
	struct d_qp qp;

	(void)state;
	d_open(&d, h, 1);
	assert_int_equal(d.uar, 0x10);
	assert_int_equal(d.pd, 1);
	assert_int_equal(d_alloc(&d, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN), 1);
	assert_int_equal(d_alloc(&d, MLX5_CMD_OP_ALLOC_XRCD), 1);
	assert_int_equal(d.async.eqn, 1);
	assert_int_equal(d_mem(&d, 4096).key, 0x10042);
	d_qp(&d, &qp);
	assert_int_equal(qp.scq.cqn, 0x80);
	assert_int_equal(qp.qpn, 0x40);
	h_free(h);
}

static void uar_runs_out_at_the_end_of_the_bar(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d;
	uint8_t out[16];
	uint32_t last = 0, n = 0;

	(void)state;
	d_open(&d, h, 1);
	while (d_simple(&d, MLX5_CMD_OP_ALLOC_UAR, 0, out, sizeof(out)) == IFC_ST_OK) {
		last = ifc_ld32(out + 8);
		n++;
	}
	assert_int_equal(last, (1u << FWSIM_LOG_VF_BAR) / 4096 - 1);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_UAR, 0x20, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_alloc(&d, MLX5_CMD_OP_ALLOC_UAR), 0x20);
	assert_int_equal(n, 512 - 0x10 - 1);
	h_free(h);
}

static void destroy_in_use_is_busy_and_unknown_is_bad_res(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d;
	struct d_qp qp;
	struct d_mem m;

	(void)state;
	d_open(&d, h, 1);
	d_qp(&d, &qp);
	m = d_mem(&d, 4096);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_PD, d.pd, NULL, 0), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_UAR, d.uar, NULL, 0), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_EQ, d.comp.eqn, NULL, 0),
			 IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_CQ, qp.scq.cqn, NULL, 0),
			 IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_QP, 0x999, NULL, 0), IFC_ST_BAD_RES);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_MKEY, 0x999, NULL, 0), IFC_ST_BAD_RES);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_XRCD, 1, NULL, 0), IFC_ST_BAD_RES);
	/* from the top down everything goes */
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_QP, qp.qpn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_CQ, qp.scq.cqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_CQ, qp.rcq.cqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_EQ, d.comp.eqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_EQ, d.async.eqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_MKEY, m.key >> 8, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_PD, d.pd, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DEALLOC_UAR, d.uar, NULL, 0), IFC_ST_OK);
	assert_int_equal(d.v->pas_used, 0);
	h_free(h);
}

static void numbers_of_one_function_mean_nothing_to_another(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn a, b;
	struct d_mem m;

	(void)state;
	d_open(&a, h, 1);
	d_open(&b, h, 2);
	m = d_mem(&a, 4096);
	assert_int_equal(d_simple(&b, MLX5_CMD_OP_DESTROY_MKEY, m.key >> 8, NULL, 0),
			 IFC_ST_BAD_RES);
	assert_int_equal(fwsim_mkey_check(b.v, m.key, b.pd, 0, m.addr, 1), FWSIM_MKEY_BAD_KEY);
	h_free(h);
}

static void reset_destroys_all(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d;
	struct d_qp qp;

	(void)state;
	d_open(&d, h, 1);
	d_qp(&d, &qp);
	d_mem(&d, 4096);
	fwsim_reset(h->fw, 1);
	for (unsigned int i = 0; i < FWSIM_OBJ_TYPES; i++)
		assert_int_equal(d.v->obj[i].used, 0);
	assert_int_equal(d.v->cmd_eqn, 0);
	assert_int_equal(d.v->pas_used, 0);
	h_free(h);
}

static void relink_counts_anew(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d;
	struct d_qp qp;
	struct fwsim_obj *pd;
	struct fwsim_qp *q;
	uint32_t refs, pas;

	(void)state;
	d_open(&d, h, 1);
	d_qp(&d, &qp);
	d_mem(&d, 4096);
	pd = fwsim_table_get(&d.v->obj[FWSIM_OBJ_PD], d.pd);
	refs = pd->refs;
	pas = d.v->pas_used;
	pd->refs = 77;
	d.v->pas_used = 77;
	assert_int_equal(fwsim_obj_relink(d.v), IFC_ST_OK);
	assert_int_equal(pd->refs, refs);
	assert_int_equal(d.v->pas_used, pas);
	/* and says so if something is missing */
	q = fwsim_table_get(&d.v->obj[FWSIM_OBJ_QP], qp.qpn);
	q->cqn_snd = 0x777;
	assert_int_equal(fwsim_obj_relink(d.v), IFC_ST_BAD_RES);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_begin_at_base_and_lowest_is_reused),
		cmocka_unit_test(full_table_refuses),
		cmocka_unit_test(get_outside_is_null),
		cmocka_unit_test(add_at_keeps_the_id),
		cmocka_unit_test(walk_is_in_order),
		cmocka_unit_test(pas_decode_masks_and_checks),
		cmocka_unit_test(pas_access_crosses_pages_and_stays_inside),
		cmocka_unit_test(dma_needs_bus_master),
		cmocka_unit_test(numbers_begin_above_zero),
		cmocka_unit_test(uar_runs_out_at_the_end_of_the_bar),
		cmocka_unit_test(destroy_in_use_is_busy_and_unknown_is_bad_res),
		cmocka_unit_test(numbers_of_one_function_mean_nothing_to_another),
		cmocka_unit_test(reset_destroys_all),
		cmocka_unit_test(relink_counts_anew),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
