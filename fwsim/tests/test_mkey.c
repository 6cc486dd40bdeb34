// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory keys: which are made, which are refused and why, and the walk from key to DMA address. */
#include "data_rig.h"

#include <string.h>

struct rig {
	struct harness *h;
	struct d_fn d;
	struct d_in in;
	uint8_t *mkc;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
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

/* A command for a key over @size bytes from @addr on; r->mkc is its context. */
static void begin(struct rig *r, uint64_t addr, uint32_t size)
{
	d_mkey_in(&r->d, &r->in, addr, size);
	r->mkc = IFC_PTR(create_mkey_in, r->in.b, memory_key_mkey_entry);
}

static enum ifc_status create(struct rig *r, uint32_t *key)
{
	IFC_BUF(create_mkey_out, out) = { 0 };
	enum ifc_status st = D_EXEC(&r->d, &r->in, out);

	if (key)
		*key = IFC_GET(create_mkey_out, out, mkey_index) << 8 |
		       IFC_GET(mkc, r->mkc, mkey_7_0);
	return st;
}

static void assert_refused(struct rig *r, enum ifc_status st, const char *why)
{
	h_trace_clear(r->h);
	assert_int_equal(create(r, NULL), st);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));
	assert_int_equal(r->d.v->obj[FWSIM_OBJ_MKEY].used, 0);
}

static void mtt_reaches_its_pages(void **state)
{
	struct rig *r = *state;
	struct d_mem m = d_mem(&r->d, 3 * FWSIM_PAGE);
	char buf[16];

	assert_int_equal(fwsim_mkey_write(r->d.v, m.key, r->d.pd, FWSIM_ACC_LW, m.addr + 4090,
					  "hello, world", 12), FWSIM_MKEY_OK);
	assert_memory_equal(m.p + 4090, "hello, world", 12);
	assert_int_equal(fwsim_mkey_read(r->d.v, m.key, r->d.pd, FWSIM_ACC_RR, m.addr + 4090,
					 buf, 12), FWSIM_MKEY_OK);
	assert_memory_equal(buf, "hello, world", 12);
}

/* start_addr is not page-aligned and not the DMA address: its offset in the page counts. */
static void iova_starts_inside_a_page(void **state)
{
	struct rig *r = *state;
	uint64_t addr = h_alloc(r->h, 1, 3 * FWSIM_PAGE, FWSIM_PAGE);
	uint32_t key;
	char c;

	begin(r, addr + 0x123, 5000);
	IFC_SET64(mkc, r->mkc, start_addr, 0x7f0000000123ULL);
	assert_int_equal(create(r, &key), IFC_ST_OK);
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW, 0x7f0000000123ULL,
					  "ab", 2), FWSIM_MKEY_OK);
	assert_memory_equal((uint8_t *)h_mem(r->h, 1, addr) + 0x123, "ab", 2);
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW,
					  0x7f0000000123ULL + 4999, "c", 1), FWSIM_MKEY_OK);
	assert_int_equal(((uint8_t *)h_mem(r->h, 1, addr))[0x123 + 4999], 'c');
	assert_int_equal(fwsim_mkey_read(r->d.v, key, r->d.pd, FWSIM_ACC_LR,
					 0x7f0000000123ULL + 4999, &c, 1), FWSIM_MKEY_OK);
	assert_int_equal(c, 'c');
}

static void bounds_are_exact(void **state)
{
	struct rig *r = *state;
	struct fwsim_vhca *v = r->d.v;
	uint64_t addr = h_alloc(r->h, 1, 2 * FWSIM_PAGE, FWSIM_PAGE);
	uint32_t key = d_mkey(&r->d, addr + 16, 4096, 0xf), pd = r->d.pd;

	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 16, 4096), FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 15, 1), FWSIM_MKEY_BOUNDS);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 16, 4097), FWSIM_MKEY_BOUNDS);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 16 + 4096, 1), FWSIM_MKEY_BOUNDS);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 16 + 4096, 0), FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, addr + 17, UINT64_MAX),
			 FWSIM_MKEY_BOUNDS);
	assert_int_equal(fwsim_mkey_check(v, key, pd, 0, UINT64_MAX, 2), FWSIM_MKEY_BOUNDS);
}

static void rights_pd_and_variant_are_checked(void **state)
{
	struct rig *r = *state;
	struct fwsim_vhca *v = r->d.v;
	uint64_t addr = h_alloc(r->h, 1, FWSIM_PAGE, FWSIM_PAGE);
	uint32_t key = d_mkey(&r->d, addr, 4096, FWSIM_ACC_LR | FWSIM_ACC_RW), pd = r->d.pd;
	uint32_t other = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_PD);

	assert_int_equal(fwsim_mkey_check(v, key, pd, FWSIM_ACC_LR, addr, 1), FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(v, key, pd, FWSIM_ACC_RW, addr, 1), FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(v, key, pd, FWSIM_ACC_LW, addr, 1), FWSIM_MKEY_ACCESS);
	assert_int_equal(fwsim_mkey_check(v, key, pd, FWSIM_ACC_RR, addr, 1), FWSIM_MKEY_ACCESS);
	assert_int_equal(fwsim_mkey_check(v, key, other, FWSIM_ACC_LR, addr, 1),
			 FWSIM_MKEY_BAD_PD);
	assert_int_equal(fwsim_mkey_check(v, key ^ 1, pd, 0, addr, 1), FWSIM_MKEY_BAD_KEY);
	assert_int_equal(fwsim_mkey_check(v, key + 0x100, pd, 0, addr, 1), FWSIM_MKEY_BAD_KEY);
	assert_int_equal(fwsim_mkey_check(v, 0, pd, 0, addr, 1), FWSIM_MKEY_BAD_KEY);
}

static void destroyed_key_is_dead_at_once(void **state)
{
	struct rig *r = *state;
	struct d_mem m = d_mem(&r->d, 4096);

	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_MKEY, m.key >> 8, NULL, 0),
			 IFC_ST_OK);
	assert_int_equal(fwsim_mkey_check(r->d.v, m.key, r->d.pd, 0, m.addr, 1),
			 FWSIM_MKEY_BAD_KEY);
}

static void pa_key_has_no_bounds(void **state)
{
	struct rig *r = *state;
	uint64_t addr = h_alloc(r->h, 1, 64, 64);
	uint32_t key;

	begin(r, 0, 0);
	IFC_SET(mkc, r->mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_PA);
	IFC_SET(mkc, r->mkc, length64, 1);
	IFC_SET(mkc, r->mkc, log_page_size, 0);
	assert_int_equal(create(r, &key), IFC_ST_OK);
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW, addr, "x", 1),
			 FWSIM_MKEY_OK);
	assert_int_equal(*(char *)h_mem(r->h, 1, addr), 'x');
	/* what the bus has not got is the bus's to refuse */
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW, 0x1000, "x", 1),
			 FWSIM_MKEY_DMA);
}

static void free_key_is_not_usable(void **state)
{
	struct rig *r = *state;
	uint32_t key;

	begin(r, 0, 0);
	r->in.len = IFC_SZ(create_mkey_in);
	IFC_SET(mkc, r->mkc, free, 1);
	IFC_SET(mkc, r->mkc, umr_en, 1);
	IFC_SET(create_mkey_in, r->in.b, translations_octword_actual_size, 0);
	assert_int_equal(create(r, &key), IFC_ST_OK);
	assert_int_equal(fwsim_mkey_check(r->d.v, key, r->d.pd, 0, 0, 0), FWSIM_MKEY_BAD_KEY);
}

static void large_pages(void **state)
{
	struct rig *r = *state;
	uint64_t addr = h_alloc(r->h, 1, 4u << 16, 1u << 16);
	uint32_t key;

	begin(r, 0, 2u << 16);
	r->in.len = IFC_SZ(create_mkey_in);
	IFC_SET(mkc, r->mkc, log_page_size, 16);
	IFC_SET(create_mkey_in, r->in.b, translations_octword_actual_size, 1);
	d_in_pas(&r->in, addr + (2u << 16) + 3, 1); /* low bits are flags */
	d_in_pas(&r->in, addr, 1);
	assert_int_equal(create(r, &key), IFC_ST_OK);
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW, 0xffff, "yz", 2),
			 FWSIM_MKEY_OK);
	assert_int_equal(((char *)h_mem(r->h, 1, addr))[(3u << 16) - 1], 'y');
	assert_int_equal(((char *)h_mem(r->h, 1, addr))[0], 'z');
}

static void refusals_say_why(void **state)
{
	struct rig *r = *state;

	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_KLMS);
	assert_refused(r, IFC_ST_BAD_PARAM, "access mode 2");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, access_mode_4_2, 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "access mode 5");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, pd, 0x77);
	assert_refused(r, IFC_ST_BAD_RES, "no PD 0x77");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, log_page_size, 11);
	assert_refused(r, IFC_ST_BAD_PARAM, "page size 2^11");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, log_page_size, 40);
	assert_refused(r, IFC_ST_BAD_PARAM, "page size 2^40");
	begin(r, 0x1000, 0x1000);
	IFC_SET64(mkc, r->mkc, start_addr, UINT64_MAX - 10);
	assert_refused(r, IFC_ST_BAD_PARAM, "is no range");
	begin(r, 0x1000, 0x1000);
	IFC_SET64(mkc, r->mkc, len, 0x2001);
	assert_refused(r, IFC_ST_BAD_PARAM, "do not cover");
	begin(r, 0x1000, 0x1000);
	IFC_SET(create_mkey_in, r->in.b, translations_octword_actual_size, 2);
	assert_refused(r, IFC_ST_BAD_PARAM, "more than the command's");
	begin(r, 0x1000, 0x1000);
	IFC_SET(create_mkey_in, r->in.b, translations_octword_actual_size, 0xffffffff);
	assert_refused(r, IFC_ST_BAD_PARAM, "more than the command's");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, qpn, 5);
	assert_refused(r, IFC_ST_BAD_PARAM, "bound to QP");
	begin(r, 0x1000, 0x1000);
	IFC_SET(mkc, r->mkc, bsf_en, 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "signature");
	begin(r, 0x1000, 0x1000);
	IFC_SET(create_mkey_in, r->in.b, mkey_umem_valid, 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "umem");
}

/* The rights of a page are in its address: what is there for all the key allows needs no paging. */
static void pages_say_what_they_allow(void **state)
{
	struct rig *r = *state;
	uint64_t addr = h_alloc(r->h, 1, 2 * FWSIM_PAGE, FWSIM_PAGE);
	uint8_t *pas = r->in.b + IFC_SZ(create_mkey_in);
	uint32_t key;

	begin(r, addr, 2 * FWSIM_PAGE);
	IFC_SET(mkc, r->mkc, rw, 0);
	IFC_SET(mkc, r->mkc, lw, 0);
	IFC_SET(mkc, r->mkc, a, 0);
	IFC_SET(create_mkey_in, r->in.b, pg_access, 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "on-demand");
	ifc_st64(pas, addr | 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "on-demand"); /* the second page */
	ifc_st64(pas + 8, (addr + FWSIM_PAGE) | 1);
	IFC_SET(mkc, r->mkc, lw, 1);
	assert_refused(r, IFC_ST_BAD_PARAM, "on-demand");
	ifc_st64(pas, addr | 3);
	ifc_st64(pas + 8, (addr + FWSIM_PAGE) | 3);
	assert_int_equal(create(r, &key), IFC_ST_OK);
	assert_int_equal(fwsim_mkey_write(r->d.v, key, r->d.pd, FWSIM_ACC_LW, addr + FWSIM_PAGE - 4,
					  "over here", 9), FWSIM_MKEY_OK);
	assert_memory_equal((char *)h_mem(r->h, 1, addr) + FWSIM_PAGE - 4, "over here", 9);
}

static void query_shows_the_context(void **state)
{
	struct rig *r = *state;
	IFC_BUF(query_mkey_out, out);
	const uint8_t *mkc = IFC_CPTR(query_mkey_out, out, memory_key_mkey_entry);
	struct d_mem m = d_mem(&r->d, 8192);

	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_MKEY, m.key >> 8, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET64(mkc, mkc, start_addr), m.addr);
	assert_int_equal(IFC_GET64(mkc, mkc, len), 8192);
	assert_int_equal(IFC_GET(mkc, mkc, mkey_7_0), 0x42);
	assert_int_equal(IFC_GET(mkc, mkc, lw), 1);
}

/* Memory that a driver can make the core take has an end: LIM_ERR, and destroying makes room again. */
static void page_lists_are_limited(void **state)
{
	struct rig *r = *state;
	uint32_t key = 0, last = 0;
	enum ifc_status st;
	unsigned int n = 0;

	begin(r, 0, 2048u * FWSIM_PAGE);
	while ((st = create(r, &key)) == IFC_ST_OK) {
		last = key;
		assert_true(++n <= 2048);
	}
	assert_int_equal(st, IFC_ST_LIM_ERR);
	assert_true(n > 2000);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_MKEY, last >> 8, NULL, 0), IFC_ST_OK);
	assert_int_equal(create(r, &key), IFC_ST_OK);
}

static void stopped_vhca_gets_no_dma(void **state)
{
	struct rig *r = *state;
	struct d_mem m = d_mem(&r->d, 4096);

	h_dma_clear(r->h);
	r->d.v->mig = FWSIM_MIG_STOPPED;
	assert_int_equal(fwsim_mkey_write(r->d.v, m.key, r->d.pd, FWSIM_ACC_LW, m.addr, "x", 1),
			 FWSIM_MKEY_DMA);
	assert_false(h_dma_wrote(r->h, ~0u, 0, 0));
	assert_int_equal(m.p[0], 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(mtt_reaches_its_pages),
		TEST(iova_starts_inside_a_page),
		TEST(pages_say_what_they_allow),
		TEST(bounds_are_exact),
		TEST(rights_pd_and_variant_are_checked),
		TEST(destroyed_key_is_dead_at_once),
		TEST(pa_key_has_no_bounds),
		TEST(free_key_is_not_usable),
		TEST(large_pages),
		TEST(refusals_say_why),
		TEST(query_shows_the_context),
		TEST(page_lists_are_limited),
		TEST(stopped_vhca_gets_no_dma),
	};

	return cmocka_run_group_tests_name("mkey", tests, NULL, NULL);
}
