// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands of flow tables: what they take, refuse and say. */
#include "flow_rig.h"

#include <string.h>

#define OK IFC_ST_OK

static void tables_of_types_that_there_are(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);

	(void)state;
	assert_int_equal(flow_table(&r, 64, 22, 0), OK);
	assert_int_equal(flow_table(&r, FWSIM_FLOW_LEVELS + 1, 1, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 1, 23, 0), IFC_ST_LIM_ERR);
	r.type = 1;
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r.type = 5;
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 1);
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	assert_int_equal(flow_table(&r, 1, 22, 0), OK);
	r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, H_VFS);
	assert_int_equal(flow_table(&r, 1, 2, 0), OK);
	r.vport = H_VFS + 1;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	r.vport = FWSIM_VPORT_UPLINK;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	/* a VF has its own, and nothing of the eSwitch */
	r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	assert_int_equal(flow_table(&r, 1, 2, 0), OK);
	r.type = FWSIM_FLOW_FDB;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	r.type = FWSIM_FLOW_EGRESS_ACL;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void ways_between_tables_go_up(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t low = flow_must_table(&r, 1, 1, 0), high = flow_must_table(&r, 5, 1, 0), g;
	struct fwsim_flow_spec s;

	(void)state;
	assert_int_equal(flow_table_miss(&r, low, high), OK);
	assert_int_equal(flow_table_miss(&r, high, low), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table_miss(&r, low, low), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table_miss(&r, low, 0x777), IFC_ST_BAD_RES);
	g = flow_must_group(&r, high, 0, 1, 0, NULL);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, low);
	assert_int_equal(flow_entry(&r, high, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, high);
	assert_int_equal(flow_entry(&r, high, g, 0, &s), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 6, 1, high), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 4, 1, high), OK);
	h_free(h);
}

static void what_is_in_use_is_busy(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t to = flow_must_table(&r, 9, 1, 0), t = flow_must_table(&r, 1, 1, to);
	uint32_t g = flow_must_group(&r, t, 0, 1, 0, NULL), c = flow_counter(&r), tir = flow_tir(&r);
	struct fwsim_obj *obj = fwsim_table_get(&r.v->obj[FWSIM_OBJ_TIR], tir);
	struct fwsim_flow_spec s = flow_to(0, FWSIM_DEST_FLOW_TABLE, to);

	(void)state;
	assert_int_equal(flow_table_destroy(&r, to), IFC_ST_RES_BUSY); /* by the miss */
	assert_int_equal(flow_table_miss(&r, t, 0), OK);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = c;
	s.dests_n = 2;
	s.dest[1] = (struct fwsim_flow_dest){ FWSIM_DEST_TIR, tir };
	flow_must_entry(&r, t, g, s);
	assert_int_equal(obj->refs, 1);
	flow_must_entry(&r, t, g, s); /* in its own place: nothing is counted twice */
	assert_int_equal(obj->refs, 1);
	assert_int_equal(flow_table_destroy(&r, to), IFC_ST_RES_BUSY); /* by the entry */
	assert_int_equal(flow_counter_free(&r, c), IFC_ST_RES_BUSY);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_RES_BUSY); /* has a group */
	assert_int_equal(flow_group_destroy(&r, t, g), IFC_ST_RES_BUSY); /* has an entry */
	assert_int_equal(flow_entry_delete(&r, t, 1), IFC_ST_BAD_INDEX);
	assert_int_equal(flow_entry_delete(&r, t, 0), OK);
	assert_int_equal(obj->refs, 0);
	assert_int_equal(flow_entry_delete(&r, t, 0), IFC_ST_BAD_INDEX);
	assert_int_equal(flow_group_destroy(&r, t, g), OK);
	assert_int_equal(flow_group_destroy(&r, t, g), IFC_ST_BAD_RES);
	assert_int_equal(flow_table_destroy(&r, t), OK);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_BAD_RES);
	assert_int_equal(flow_table_destroy(&r, to), OK);
	assert_int_equal(flow_counter_free(&r, c), OK);
	assert_int_equal(flow_counter_free(&r, c), IFC_ST_BAD_RES);
	h_free(h);
}

static void groups_do_not_overlap(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = flow_must_table(&r, 1, 4, 0);

	(void)state;
	flow_must_group(&r, t, 4, 7, 0, NULL);
	flow_must_group(&r, t, 10, 10, 0, NULL);
	assert_int_equal(flow_group(&r, t, 0, 4, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 7, 9, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 0, 15, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 5, 6, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 15, 16, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 3, 2, 0, NULL), IFC_ST_BAD_PARAM);
	flow_must_group(&r, t, 8, 9, 0, NULL);
	flow_must_group(&r, t, 11, 15, 0, NULL);
	flow_must_group(&r, t, 0, 3, 0, NULL);
	h_free(h);
}

static void criteria_that_are_not_matched_are_refused(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint8_t c[FWSIM_FLOW_KEY] = { 0 };
	uint32_t t = flow_must_table(&r, 1, 4, 0);

	(void)state;
	for (unsigned int bit = 2; bit < 8; bit++)
		assert_int_equal(flow_group(&r, t, 0, 0, 1u << bit, NULL), IFC_ST_BAD_PARAM);
	FLOW_OUTER(c, l4_type, 3);
	assert_int_equal(flow_group(&r, t, 0, 0, FWSIM_FLOW_OUTER, c), IFC_ST_BAD_PARAM);
	/* not looked at, so it may have anything in it */
	flow_must_group(&r, t, 0, 0, FWSIM_FLOW_MISC, c);
	memset(c, 0, sizeof(c));
	FLOW_MISC(c, source_sqn, 1);
	assert_int_equal(flow_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c), IFC_ST_BAD_PARAM);
	memset(c, 0, sizeof(c));
	FLOW_MISC(c, source_port, 0xffff);
	assert_int_equal(flow_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c), IFC_ST_BAD_PARAM);
	r.type = FWSIM_FLOW_FDB;
	t = flow_must_table(&r, 1, 4, 0);
	flow_must_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c);
	h_free(h);
}

static void entries_that_make_no_sense_are_refused(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0), fdb = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = flow_must_table(&r, 1, 4, 0), g = flow_must_group(&r, t, 2, 3, 0, NULL), tir = flow_tir(&r);
	struct fwsim_flow_spec s = flow_to(2, FWSIM_DEST_TIR, tir);

	(void)state;
	flow_must_entry(&r, t, g, s);
	s.index = 4;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_INDEX);
	s.index = 3;
	assert_int_equal(flow_entry(&r, t, g + 1, 0, &s), IFC_ST_BAD_RES);
	s.dest[0].id = tir + 1;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_RES);
	s = flow_to(3, FWSIM_DEST_VPORT, 0);
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(3, FWSIM_DEST_TIR, tir);
	for (unsigned int a = 0; a < 0x200; a++) {
		s.action = a;
		assert_int_equal(flow_entry(&r, t, g, 0, &s),
				 a == FWSIM_FLOW_FWD ? OK : IFC_ST_BAD_PARAM);
	}
	s = flow_to(3, FLOW_ALLOW, 0); /* for ACLs only */
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(3, FLOW_DROP, 0);
	flow_must_entry(&r, t, g, s);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = 0x10000;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_RES);

	t = flow_must_table(&fdb, 1, 4, 0);
	g = flow_must_group(&fdb, t, 0, 15, 0, NULL);
	s = flow_to(0, FWSIM_DEST_VPORT, H_VFS);
	flow_must_entry(&fdb, t, g, s);
	s.dest[0].id = H_VFS + 1;
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s.dest[0].id = FWSIM_VPORT_UPLINK;
	flow_must_entry(&fdb, t, g, s);
	s.dest[0].type = 9;
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(0, FWSIM_DEST_TIR, tir);
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void list_behind_the_input_is_refused(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = flow_must_table(&r, 1, 1, 0), g = flow_must_group(&r, t, 0, 1, 0, NULL);
	uint8_t in[IFC_SZ(set_fte_in) + 8] = { 0 }, *ctx = IFC_PTR(set_fte_in, in, flow_context);
	IFC_BUF(set_fte_out, out);

	(void)state;
	IFC_SET(set_fte_in, in, opcode, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY);
	IFC_SET(set_fte_in, in, table_id, t);
	IFC_SET(flow_context, ctx, group_id, g);
	IFC_SET(flow_context, ctx, action, FWSIM_FLOW_FWD);
	IFC_SET(flow_context, ctx, destination_list_size, 2);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_INPUT_LEN);
	IFC_SET(flow_context, ctx, destination_list_size, 0xffffff);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_LIM_ERR);
	h_free(h);
}

static void root_is_a_table_of_its_kind(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig fdb = flow_rig(h, 0, FWSIM_FLOW_FDB, 0), rx = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	struct flow_rig acl = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 1), acl2 = acl;
	uint32_t t = flow_must_table(&fdb, 1, 1, 0), a = flow_must_table(&acl, 1, 1, 0);

	(void)state;
	acl2.vport = 2;
	assert_int_equal(flow_root(&rx, t), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&acl2, a), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&acl, a), OK);
	assert_int_equal(flow_root(&fdb, 0x777), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&fdb, t), OK);
	assert_int_equal(flow_table_destroy(&acl2, a), IFC_ST_BAD_RES);
	/* a driver destroys the last table without another root */
	assert_int_equal(flow_table_destroy(&fdb, t), OK);
	assert_false(fwsim_flow_has_root(fdb.v, FWSIM_FLOW_FDB));
	h_free(h);
}

static void queries_say_what_was_set(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t to = flow_must_table(&r, 9, 2, 0), t = flow_must_table(&r, 3, 5, to), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, tout[IFC_SZ(query_flow_table_out)];
	uint8_t gout[IFC_SZ(query_flow_group_out)], eout[IFC_SZ(query_fte_out) + 8];
	IFC_BUF(query_flow_table_in, in) = { 0 };
	IFC_BUF(query_flow_group_in, gin) = { 0 };
	IFC_BUF(query_fte_in, ein) = { 0 };
	struct fwsim_flow_spec s = flow_to(6, FWSIM_DEST_VPORT, 2);
	const uint8_t *ctx = IFC_PTR(query_flow_table_out, tout, flow_table_context);

	(void)state;
	FLOW_OUTER(c, ethertype, 0xffff);
	g = flow_must_group(&r, t, 4, 8, FWSIM_FLOW_OUTER, c);
	FLOW_OUTER(s.value, ethertype, 0x0806);
	s.tag = 0xabc;
	flow_must_entry(&r, t, g, s);
	IFC_SET(query_flow_table_in, in, opcode, MLX5_CMD_OP_QUERY_FLOW_TABLE);
	IFC_SET(query_flow_table_in, in, table_type, 4);
	IFC_SET(query_flow_table_in, in, table_id, t);
	assert_int_equal(H_CMD(h, 0, in, tout), OK);
	assert_int_equal(IFC_GET(flow_table_context, ctx, level), 3);
	assert_int_equal(IFC_GET(flow_table_context, ctx, log_size), 5);
	assert_int_equal(IFC_GET(flow_table_context, ctx, table_miss_id), to);
	assert_int_equal(IFC_GET(flow_table_context, ctx, table_miss_action), 1);
	IFC_SET(query_flow_group_in, gin, opcode, MLX5_CMD_OP_QUERY_FLOW_GROUP);
	IFC_SET(query_flow_group_in, gin, table_type, 4);
	IFC_SET(query_flow_group_in, gin, table_id, t);
	IFC_SET(query_flow_group_in, gin, group_id, g);
	assert_int_equal(H_CMD(h, 0, gin, gout), OK);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, start_flow_index), 4);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, end_flow_index), 8);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, match_criteria_enable), 1);
	assert_memory_equal(IFC_PTR(query_flow_group_out, gout, match_criteria), c, sizeof(c));
	IFC_SET(query_fte_in, ein, opcode, MLX5_CMD_OP_QUERY_FLOW_TABLE_ENTRY);
	IFC_SET(query_fte_in, ein, table_type, 4);
	IFC_SET(query_fte_in, ein, table_id, t);
	IFC_SET(query_fte_in, ein, flow_index, 6);
	assert_int_equal(H_CMD(h, 0, ein, eout), OK);
	ctx = IFC_PTR(query_fte_out, eout, flow_context);
	assert_int_equal(IFC_GET(flow_context, ctx, group_id), g);
	assert_int_equal(IFC_GET(flow_context, ctx, flow_tag), 0xabc);
	assert_int_equal(IFC_GET(flow_context, ctx, action), FWSIM_FLOW_FWD);
	assert_memory_equal(IFC_CPTR(flow_context, ctx, match_value), s.value, sizeof(s.value));
	assert_int_equal(ifc_ld32(eout + IFC_SZ(query_fte_out)), 2);
	assert_int_equal(h_cmd(h, 0, ein, sizeof(ein), eout, sizeof(eout) - 8), IFC_ST_BAD_OUTPUT_LEN);
	IFC_SET(query_fte_in, ein, flow_index, 7);
	assert_int_equal(H_CMD(h, 0, ein, eout), IFC_ST_BAD_INDEX);
	h_free(h);
}

static void reset_and_teardown_forget_all(void **state)
{
	struct harness *h = h_new(NULL);
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t, g;

	(void)state;
	h_boot(h, 0);
	t = flow_must_table(&r, 1, 1, 0);
	g = flow_must_group(&r, t, 0, 1, 0, NULL);
	flow_must_entry(&r, t, g, flow_to(0, FWSIM_DEST_TIR, flow_tir(&r)));
	assert_int_equal(flow_root(&r, t), OK);
	assert_true(fwsim_flow_has_root(r.v, r.type));
	fwsim_reset(h->fw, 0);
	assert_false(fwsim_flow_has_root(r.v, r.type));
	h_boot(h, 0);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_BAD_RES);
	t = flow_must_table(&r, 1, 1, 0);
	assert_int_equal(flow_root(&r, t), OK);
	h_unboot(h, 0);
	assert_false(fwsim_flow_has_root(r.v, r.type));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_types_that_there_are),
		cmocka_unit_test(ways_between_tables_go_up),
		cmocka_unit_test(what_is_in_use_is_busy),
		cmocka_unit_test(groups_do_not_overlap),
		cmocka_unit_test(criteria_that_are_not_matched_are_refused),
		cmocka_unit_test(entries_that_make_no_sense_are_refused),
		cmocka_unit_test(list_behind_the_input_is_refused),
		cmocka_unit_test(root_is_a_table_of_its_kind),
		cmocka_unit_test(queries_say_what_was_set),
		cmocka_unit_test(reset_and_teardown_forget_all),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
