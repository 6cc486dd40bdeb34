// SPDX-License-Identifier: GPL-2.0-or-later
/* The command queue: delivery, mailboxes, slots, signatures; and whatever a driver sends. */
#include "cmd_rig.h"

#define LAST_SLOT (FWSIM_CMDQ_SLOTS - 1)

static void lengths_out_of_range(void **state)
{
	static const uint32_t bad[] = { 0, 7, FWSIM_CMD_MAX_LEN + 1, 0xffffffff };
	struct harness *h = c_enabled(NULL);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		c_post_long(h);
		ifc_st32(h_cmd_entry(h, 0, 3) + 0x04, bad[i]);
		c_expect_delivery(h, IFC_DELIVERY_IN_LEN, "input length");
		c_post_query(h);
		ifc_st32(h_cmd_entry(h, 0, 3) + 0x38, bad[i]);
		c_expect_delivery(h, IFC_DELIVERY_OUT_LEN, "output length");
	}
	h_free(h);
}

static void entry_of_another_type(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	c_post_long(h);
	h_cmd_entry(h, 0, 3)[0] = 6;
	c_expect_delivery(h, IFC_DELIVERY_CMD_TYPE, "entry type 0x6");
	h_free(h);
}

static void input_chain_is_checked(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	c_post_long(h);
	ifc_st64(h_cmd_entry(h, 0, 3) + 0x08, 0);
	c_expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "input chain ends before mailbox 0");
	c_post_long(h);
	h_cmd_entry(h, 0, 3)[0x0f] |= 8;
	c_expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "not aligned to 512");
	c_post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, H_MEM_BASE + 512);
	c_expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "input mailbox 3");
	c_post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, 0);
	c_expect_delivery(h, IFC_DELIVERY_IN_LEN, "ends before mailbox 3");
	c_post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, 0xdead0000);
	c_expect_delivery(h, IFC_DELIVERY_FW_ERR, "cannot be read");
	c_post_long(h);
	ifc_st32(h_cmd_in_box(h, 0, 3, 4) + IFC_MBOX_OFF_BLOCK_NUM, 5);
	c_expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "mailbox 4 has block number 0x5");
	c_post_long(h);
	h_cmd_in_box(h, 0, 3, 7)[IFC_MBOX_OFF_TOKEN] ^= 1;
	c_expect_delivery(h, IFC_DELIVERY_TOKEN, "input mailbox 7 has token");
	c_post_long(h); /* a ring of mailboxes is found by its block number */
	ifc_st64(h_cmd_in_box(h, 0, 3, 1) + IFC_MBOX_OFF_NEXT, h->fn[0].slot[3].in_box[0]);
	c_expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "mailbox 2 has block number 0x0");
	h_free(h);
}

static void output_chain_is_checked_before_execution(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	c_post_query(h);
	ifc_st64(h_cmd_entry(h, 0, 3) + 0x30, 0);
	c_expect_delivery(h, IFC_DELIVERY_OUT_PTR_ALIGN, "output chain ends before mailbox 0");
	c_post_query(h);
	h_cmd_entry(h, 0, 3)[0x37] |= 1;
	c_expect_delivery(h, IFC_DELIVERY_OUT_PTR_ALIGN, "not aligned to 512");
	c_post_query(h);
	ifc_st64(h_cmd_out_box(h, 0, 3, 0) + IFC_MBOX_OFF_NEXT, 0);
	c_expect_delivery(h, IFC_DELIVERY_OUT_LEN, "ends before mailbox 1");
	c_post_query(h);
	ifc_st32(h_cmd_out_box(h, 0, 3, 0) + IFC_MBOX_OFF_BLOCK_NUM, 1);
	c_expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "output mailbox 0");
	c_post_query(h);
	h_cmd_out_box(h, 0, 3, 6)[IFC_MBOX_OFF_TOKEN] ^= 0x80;
	c_expect_delivery(h, IFC_DELIVERY_TOKEN, "output mailbox 6");
	h_free(h);
}

static void unsent_command_has_no_effect(void **state)
{
	IFC_BUF(manage_pages_out, out);
	struct harness *h = c_enabled(NULL);
	uint8_t in[IFC_SZ(manage_pages_in) + 8] = { 0 };

	(void)state;
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 1);
	IFC_SET(manage_pages_in, in, input_num_entries, 1);
	ifc_st64(in + IFC_SZ(manage_pages_in), 0x1000);
	h_cmd_post(h, 0, 3, in, sizeof(in), sizeof(out) + 64);
	h_cmd_out_box(h, 0, 3, 0)[IFC_MBOX_OFF_TOKEN] ^= 1;
	c_expect_delivery(h, IFC_DELIVERY_TOKEN, "output mailbox 0");
	assert_int_equal(h_pages(h, 0), 0);
	h_free(h);
}

static void chain_may_be_longer_than_the_command(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	c_post_long(h);
	/* as if more boxes followed, of another command */
	ifc_st64(h_cmd_in_box(h, 0, 3, 7) + IFC_MBOX_OFF_NEXT, 0xdead0001);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).status, IFC_ST_OK);
	h_free(h);
}

static void output_is_filled_to_its_length_and_no_further(void **state)
{
	struct harness *h = c_enabled(NULL);
	IFC_BUF(query_hca_cap_in, in);
	uint8_t *box;
	unsigned int i;

	(void)state;
	c_query_cap_in(in);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(query_hca_cap_out) + 40);
	box = h_cmd_out_box(h, 0, 3, 8);
	memset(box, 0xee, IFC_MBOX_DATA);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	for (i = 0; i < 40; i++)
		assert_int_equal(box[i], 0);
	for (; i < IFC_MBOX_DATA; i++)
		assert_int_equal(box[i], 0xee);
	h_free(h);
}

static void doorbells_that_mean_nothing(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = h_new(NULL);

	(void)state;
	h_cmd_ring(h, 0, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "no command queue is set"));
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	h_cmd_post(h, 0, 5, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_entry(h, 0, 5)[0x3f] = 0;
	h_dma_clear(h);
	h_cmd_ring(h, 0, 1u << 5);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "slot 5, which the driver owns"));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	h_wr32(h, 0, IFC_ISEG_CMDQ_ADDR_H, 0x7777);
	h_cmd_ring(h, 0, 1u << 5);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "its entry cannot be read"));
	h_wr32(h, 0, 0x20, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "of the init segment"));
	h_free(h);
}

static void several_slots_in_one_doorbell(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);
	unsigned int s;

	(void)state;
	for (s = 0; s < LAST_SLOT; s++)
		h_cmd_post(h, 0, s, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 0x7fffffff);
	for (s = 0; s < LAST_SLOT; s++) {
		assert_true(h_cmd_done(h, 0, s));
		assert_int_equal(h_cmd_result(h, 0, s, NULL, 0).status, IFC_ST_OK);
	}
	h_free(h);
}

static void last_slot_is_for_pages_only(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);
	struct h_result r = h_cmd_raw(h, 0, LAST_SLOT, q.in, sizeof(q.in), NULL,
				      IFC_SZ(query_issi_out));

	(void)state;
	assert_int_equal(r.delivery, IFC_DELIVERY_OK);
	assert_int_equal(r.status, IFC_ST_BAD_PARAM);
	assert_int_equal(h_give_pages(h, 0, 3), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 3);
	h_free(h);
}

/* ---- signatures ----------------------------------------------------------------------------- */

static uint8_t xor8(const uint8_t *p, size_t len)
{
	uint8_t x = 0;

	while (len--)
		x ^= *p++;
	return x;
}

static struct harness *with_csum(unsigned int level)
{
	struct harness *h = c_enabled(NULL);
	IFC_BUF(set_hca_cap_in, in);
	IFC_BUF(set_hca_cap_out, out);

	c_set_cap_in(h, in, level);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_OK);
	h->fn[0].csum = level;
	return h;
}

static void without_checksums_nothing_is_checked(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	c_post_long(h);
	h_cmd_entry(h, 0, 3)[0x3d] ^= 1;
	h_cmd_in_box(h, 0, 3, 0)[IFC_MBOX_OFF_SIG] ^= 1;
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	h_free(h);
}

static void entry_checksum(void **state)
{
	struct harness *h = with_csum(1);

	(void)state;
	c_post_long(h);
	h_cmd_in_box(h, 0, 3, 0)[IFC_MBOX_OFF_SIG] ^= 1; /* not looked at */
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	c_post_long(h);
	h_cmd_entry(h, 0, 3)[0x10] ^= 1;
	c_expect_delivery(h, IFC_DELIVERY_SIGNATURE, "signature of the entry");
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	h_free(h);
}

static void mailbox_checksum(void **state)
{
	struct harness *h = with_csum(3);
	unsigned int i;

	(void)state;
	c_post_long(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	c_post_long(h);
	h_cmd_in_box(h, 0, 3, 5)[17] ^= 4; /* data */
	c_expect_delivery(h, IFC_DELIVERY_SIGNATURE, "input mailbox 5");
	c_post_long(h);
	h_cmd_in_box(h, 0, 3, 2)[0x210] ^= 4; /* control part, both signatures */
	c_expect_delivery(h, IFC_DELIVERY_SIGNATURE, "input mailbox 2");

	c_post_query(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	for (i = 0; i < 8; i++) {
		const uint8_t *box = h_cmd_out_box(h, 0, 3, i);

		assert_int_equal(xor8(box, IFC_MBOX_SIZE), 0xff);
		assert_int_equal(xor8(box + 0x200, 0x3f), 0xff);
		assert_int_equal(ifc_ld32(box + IFC_MBOX_OFF_BLOCK_NUM), i);
	}
	h_free(h);
}

/* ---- garbage -------------------------------------------------------------------------------- */

static uint32_t rnd(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Whatever a driver sends: an answer with a status, or a line that says why there is none. */
static void random_commands_are_answered(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t x = 0x12345678;
	unsigned int i;
	size_t n;

	(void)state;
	h_boot(h, 1);
	for (i = 0; i < 40000; i++) {
		unsigned int fn = rnd(&x) & 1, slot = rnd(&x) % FWSIM_CMDQ_SLOTS;
		uint8_t in[0x240];
		size_t len = 8 + rnd(&x) % (sizeof(in) - 8);
		struct h_result r;
		uint16_t op;

		for (n = 0; n < sizeof(in); n++)
			in[n] = rnd(&x) % 4 ? 0 : (uint8_t)rnd(&x);
		do
			op = (uint16_t)(rnd(&x) % 0xa00);
		while (!fwsim_op_find(op) && rnd(&x) % 64);
		ifc_st16(in, op);
		ifc_st16(in + 2, 0);
		ifc_st16(in + 4, 0);
		ifc_st16(in + 6, rnd(&x) % 4);
		h_trace_clear(h);
		r = h_cmd_raw(h, fn, slot, in, len, NULL, 8 + rnd(&x) % 0x300);
		assert_true(r.done);
		if (r.delivery || r.status)
			assert_true(h_trace_find(h, FWSIM_TRACE_CMD, " ") != NULL);
		if (i % 64 == 63) { /* objects, states and queues afresh */
			fwsim_reset(h->fw, 0);
			h->fn[0].next = h->fn[1].next = FWSIM_PAGE;
			for (n = 0; n < FWSIM_CMDQ_SLOTS; n++)
				h->fn[0].slot[n].in_n = h->fn[0].slot[n].out_n =
					h->fn[1].slot[n].in_n = h->fn[1].slot[n].out_n = 0;
			h->fn[0].cmdq = h->fn[1].cmdq = 0;
			h_boot(h, 1);
		}
	}
	h_free(h);
}

static void random_entries_are_survived(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t x = 0x9e3779b9;
	unsigned int i, n;

	(void)state;
	h_boot(h, 0);
	for (i = 0; i < 20000; i++) {
		c_post_long(h);
		for (n = rnd(&x) % 4; n; n--)
			h_cmd_entry(h, 0, 3)[rnd(&x) % 64] ^= (uint8_t)(1u << rnd(&x) % 8);
		for (n = rnd(&x) % 4; n; n--)
			h_cmd_in_box(h, 0, 3, rnd(&x) % 8)[IFC_MBOX_DATA + rnd(&x) % 64] ^=
				(uint8_t)(1u << rnd(&x) % 8);
		h_trace_clear(h);
		h_cmd_ring(h, 0, 1u << 3);
		assert_true(h_trace_count(h, FWSIM_TRACE_CMD) == 1 ||
			    h_trace_count(h, FWSIM_TRACE_IGNORED));
	}
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_out_of_range),
		cmocka_unit_test(entry_of_another_type),
		cmocka_unit_test(input_chain_is_checked),
		cmocka_unit_test(output_chain_is_checked_before_execution),
		cmocka_unit_test(unsent_command_has_no_effect),
		cmocka_unit_test(chain_may_be_longer_than_the_command),
		cmocka_unit_test(output_is_filled_to_its_length_and_no_further),
		cmocka_unit_test(doorbells_that_mean_nothing),
		cmocka_unit_test(several_slots_in_one_doorbell),
		cmocka_unit_test(last_slot_is_for_pages_only),
		cmocka_unit_test(without_checksums_nothing_is_checked),
		cmocka_unit_test(entry_checksum),
		cmocka_unit_test(mailbox_checksum),
		cmocka_unit_test(random_commands_are_answered),
		cmocka_unit_test(random_entries_are_survived),
	};

	return cmocka_run_group_tests_name("cmdif", tests, NULL, NULL);
}
