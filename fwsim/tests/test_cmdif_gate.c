// SPDX-License-Identifier: GPL-2.0-or-later
/* What every command must be like before it is executed: opcode, lengths, function, reserved bits. */
#include "cmd_rig.h"

static void unknown_opcode(void **state)
{
	uint8_t in[16] = { 0x7f, 0xff }, out[16];
	struct harness *h = c_enabled(NULL);
	const struct h_trace *t;

	(void)state;
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_OP);
	t = h_trace_find(h, FWSIM_TRACE_CMD, "unknown opcode 0x7fff");
	assert_non_null(t);
	assert_string_equal(t->t.name, "?");
	assert_int_equal(t->t.opcode, 0x7fff);
	assert_int_not_equal(ifc_ld32(out + 4), 0);
	h_free(h);
}

static void lengths_of_each_opcode(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	assert_int_equal(h_cmd(h, 0, q.in, 12, NULL, IFC_SZ(query_issi_out)),
			 IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, 16), IFC_ST_BAD_OUTPUT_LEN);
	h_free(h);
}

static void every_opcode_refuses_a_bare_header(void **state)
{
	struct harness *h = h_new(NULL);
	unsigned int op, known = 0;

	(void)state;
	h_boot(h, 0);
	for (op = 0; op < 0x1000; op++) {
		uint8_t in[8] = { (uint8_t)(op >> 8), (uint8_t)op }, out[8];
		enum ifc_status st = H_CMD(h, 0, in, out);

		if (fwsim_op_find((uint16_t)op)) {
			known++;
			assert_int_equal(st, IFC_ST_BAD_INPUT_LEN);
		} else {
			assert_int_equal(st, IFC_ST_BAD_OP);
		}
	}
	assert_true(known > 50);
	h_free(h);
}

static void op_mod_uid_and_function(void **state)
{
	struct c_issi q = c_query_issi();
	IFC_BUF(suspend_vhca_in, in) = { 0 };
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 1);
	IFC_SET(query_issi_in, q.in, op_mod, 1);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_OP);
	q = c_query_issi();
	ifc_st16(q.in + 2, 9);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_RES);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "no user context 0x9"));
	IFC_SET(suspend_vhca_in, in, opcode, MLX5_CMD_OP_SUSPEND_VHCA);
	IFC_SET(suspend_vhca_in, in, vhca_id, 0x10);
	assert_int_equal(h_cmd(h, 1, in, sizeof(in), NULL, 16), IFC_ST_BAD_OP);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "not for a VF"));
	h_free(h);
}

static void reserved_bits(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	q.in[0xc] = 0x80;
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED,
				     "QUERY_ISSI: reserved bits 0x80000000 at offset 0xc"));
	c_post_query(h);
	h_cmd_entry(h, 0, 3)[0x3e] = 1;
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "reserved byte of the entry"));
	h_free(h);

	cfg.strict = true;
	h = c_enabled(&cfg);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_PARAM);
	c_post_query(h);
	h_cmd_entry(h, 0, 3)[0x3e] = 1;
	c_expect_delivery(h, IFC_DELIVERY_RESERVED, "reserved byte");
	h_free(h);
}

static void strict_card_takes_a_driver_without_complaint(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;

	(void)state;
	cfg.strict = true;
	h = h_new(&cfg);
	h_boot(h, 2);
	h_unboot(h, 2);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_IGNORED), 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_opcode),
		cmocka_unit_test(lengths_of_each_opcode),
		cmocka_unit_test(every_opcode_refuses_a_bare_header),
		cmocka_unit_test(op_mod_uid_and_function),
		cmocka_unit_test(reserved_bits),
		cmocka_unit_test(strict_card_takes_a_driver_without_complaint),
	};

	return cmocka_run_group_tests_name("cmdif_gate", tests, NULL, NULL);
}
