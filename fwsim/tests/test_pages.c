// SPDX-License-Identifier: GPL-2.0-or-later
/* The account of pages given to the firmware. */
#include "harness.h"

enum { CANT_GIVE, GIVE, TAKE };

static enum ifc_status manage(struct harness *h, unsigned int fn, unsigned int op, unsigned int who,
			      uint32_t n, const uint64_t *page, unsigned int have, uint8_t *out,
			      size_t out_len)
{
	uint8_t in[IFC_SZ(manage_pages_in) + 8 * 16] = { 0 };
	unsigned int i;

	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, op);
	IFC_SET(manage_pages_in, in, function_id, who);
	IFC_SET(manage_pages_in, in, input_num_entries, n);
	for (i = 0; i < have; i++)
		ifc_st64(in + IFC_SZ(manage_pages_in) + 8 * i, page[i]);
	return h_cmd(h, fn, in, IFC_SZ(manage_pages_in) + 8 * have, out, out_len);
}

static enum ifc_status give(struct harness *h, unsigned int fn, uint32_t n, const uint64_t *page,
			    unsigned int have)
{
	uint8_t out[16];

	return manage(h, fn, GIVE, 0, n, page, have, out, sizeof(out));
}

static struct harness *enabled(void)
{
	struct harness *h = h_new(NULL);

	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	return h;
}

static const uint64_t page[4] = { 0x1000, 0x7fff12345000, 0x3000, 0x2000 };

static void asks_for_what_is_configured(void **state)
{
	struct harness *h = enabled();

	(void)state;
	assert_int_equal(h_query_pages(h, 0, 1), 8);
	assert_int_equal(h_give_pages(h, 0, 8), IFC_ST_OK);
	assert_int_equal(h_query_pages(h, 0, 1), 0);
	assert_int_equal(h_query_pages(h, 0, 2), 4);
	assert_int_equal(h_give_pages(h, 0, 4), IFC_ST_OK);
	assert_int_equal(h_query_pages(h, 0, 2), 0);
	assert_int_equal(h_query_pages(h, 0, 3), 0);
	h_free(h);
}

static void may_ask_for_none(void **state)
{
	struct fwsim_config cfg = { .max_vfs = 1 };
	struct harness *h = h_new(&cfg);

	(void)state;
	h_boot(h, 1);
	assert_int_equal(h_pages(h, 0) + h_pages(h, 1), 0);
	h_free(h);
}

static void takes_back_exactly_what_was_given(void **state)
{
	struct harness *h = enabled();
	uint8_t out[16 + 8 * 4];
	uint64_t seen = 0;
	unsigned int i, n;

	(void)state;
	assert_int_equal(give(h, 0, 4, page, 4), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 4);
	h_dma_clear(h);
	assert_int_equal(manage(h, 0, TAKE, 0, 3, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(manage_pages_out, out, output_num_entries), 3);
	for (i = 0; i < 3; i++)
		for (n = 0; n < 4; n++)
			if (ifc_ld64(out + 16 + 8 * i) == page[n])
				seen |= 1u << n;
	assert_int_equal(manage(h, 0, TAKE, 0, 100, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(manage_pages_out, out, output_num_entries), 1);
	for (n = 0; n < 4; n++)
		if (ifc_ld64(out + 16) == page[n])
			seen |= 1u << n;
	assert_int_equal(seen, 0xf);
	assert_int_equal(h_pages(h, 0), 0);
	assert_int_equal(manage(h, 0, TAKE, 0, 1, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(manage_pages_out, out, output_num_entries), 0);
	h_free(h);
}

static void never_more_than_there_is_room_for(void **state)
{
	struct harness *h = enabled();
	uint8_t out[16 + 8 * 2];

	(void)state;
	assert_int_equal(give(h, 0, 4, page, 4), IFC_ST_OK);
	assert_int_equal(manage(h, 0, TAKE, 0, 4, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(manage_pages_out, out, output_num_entries), 2);
	assert_int_equal(h_pages(h, 0), 2);
	h_free(h);
}

static void bad_gifts_change_nothing(void **state)
{
	static const uint64_t odd[] = { 0x5000, 0x6008 }, small[] = { 8 };
	static const uint64_t twice[] = { 0x5000, 0x6000, 0x5000 };
	struct harness *h = enabled();

	(void)state;
	assert_int_equal(give(h, 0, 2, page, 2), IFC_ST_OK);
	assert_int_equal(give(h, 0, 2, odd, 2), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "page 1 at 0x6008 is no page"));
	assert_int_equal(give(h, 0, 1, small, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(give(h, 0, 3, twice, 3), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "page 0x5000 is given twice"));
	assert_int_equal(give(h, 0, 1, page, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(give(h, 0, 3, page + 2, 2), IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(give(h, 0, 0xffffffff, page + 2, 2), IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(give(h, 0, 0, NULL, 0), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 2);
	assert_int_equal(give(h, 0, 2, page + 2, 2), IFC_ST_OK);
	h_free(h);
}

/* rdma-core's driver over VFIO maps its first pages to the lowest IOVA that the IOMMU has, which is 0. */
static void address_0_is_a_page(void **state)
{
	static const uint64_t first[] = { 0, 0x1000 };
	struct harness *h = enabled();
	uint8_t out[16 + 8 * 2];

	(void)state;
	assert_int_equal(give(h, 0, 2, first, 2), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 2);
	assert_int_equal(give(h, 0, 1, first, 1), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "page 0x0 is given twice"));
	memset(out, 0xff, sizeof(out));
	assert_int_equal(manage(h, 0, TAKE, 0, 2, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(manage_pages_out, out, output_num_entries), 2);
	assert_int_equal(ifc_ld64(out + 16) + ifc_ld64(out + 24), 0x1000);
	assert_int_equal(h_pages(h, 0), 0);
	h_free(h);
}

static void each_function_keeps_its_own_account(void **state)
{
	struct harness *h = h_new(NULL);
	uint8_t out[24];

	(void)state;
	h_boot(h, 1);
	assert_int_equal(give(h, 1, 1, page, 1), IFC_ST_OK);
	assert_int_equal(give(h, 0, 1, page, 1), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 13);
	assert_int_equal(h_pages(h, 1), 13);
	assert_int_equal(manage(h, 0, TAKE, 1, 1, NULL, 0, out, sizeof(out)), IFC_ST_BAD_PARAM);
	assert_int_equal(manage(h, 1, TAKE, 2, 1, NULL, 0, out, sizeof(out)), IFC_ST_BAD_PARAM);
	assert_int_equal(manage(h, 1, TAKE, 1, 1, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(ifc_ld64(out + 16), page[0]);
	h_free(h);
}

static void unknown_op_mods(void **state)
{
	IFC_BUF(query_pages_in, in) = { 0 };
	IFC_BUF(query_pages_out, q);
	struct harness *h = enabled();
	uint8_t out[16];
	unsigned int i;

	(void)state;
	assert_int_equal(manage(h, 0, CANT_GIVE, 0, 0, NULL, 0, out, sizeof(out)), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "cannot give pages"));
	assert_int_equal(manage(h, 0, 3, 0, 0, NULL, 0, out, sizeof(out)), IFC_ST_BAD_OP);
	IFC_SET(query_pages_in, in, opcode, MLX5_CMD_OP_QUERY_PAGES);
	for (i = 0; i < 6; i++) {
		IFC_SET(query_pages_in, in, op_mod, i);
		assert_int_equal(H_CMD(h, 0, in, q),
				 i >= 1 && i <= 3 ? IFC_ST_OK : IFC_ST_BAD_OP);
	}
	h_free(h);
}

static void account_outlives_disable_until_the_next_enable(void **state)
{
	struct harness *h = enabled();

	(void)state;
	assert_int_equal(give(h, 0, 3, page, 3), IFC_ST_OK);
	assert_int_equal(h_disable_hca(h, 0, 0), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "firmware holds 3 pages"));
	assert_int_equal(h_pages(h, 0), 3);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "3 pages of a former life"));
	assert_int_equal(h_pages(h, 0), 0);
	h_free(h);
}

static void many_pages(void **state)
{
	struct harness *h = enabled();
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++)
		assert_int_equal(h_give_pages(h, 0, 700), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 4200);
	while (h_take_pages(h, 0, 768))
		;
	assert_int_equal(h_pages(h, 0), 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_what_is_configured),
		cmocka_unit_test(may_ask_for_none),
		cmocka_unit_test(takes_back_exactly_what_was_given),
		cmocka_unit_test(never_more_than_there_is_room_for),
		cmocka_unit_test(bad_gifts_change_nothing),
		cmocka_unit_test(address_0_is_a_page),
		cmocka_unit_test(each_function_keeps_its_own_account),
		cmocka_unit_test(unknown_op_mods),
		cmocka_unit_test(account_outlives_disable_until_the_next_enable),
		cmocka_unit_test(many_pages),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
