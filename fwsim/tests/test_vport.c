// SPDX-License-Identifier: GPL-2.0-or-later
/* Vports: link state, NIC and HCA vport context, RoCE addresses. */
#include "harness.h"

struct ctx {
	IFC_BUF(nic_vport_context, b);
	uint8_t list[8 * 8];
};

static struct harness *booted(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1);
	return h;
}

static enum ifc_status query(struct harness *h, unsigned int fn, int other, unsigned int type,
			     unsigned int room, struct ctx *ctx)
{
	IFC_BUF(query_nic_vport_context_in, in) = { 0 };
	uint8_t out[IFC_SZ(query_nic_vport_context_out) + 64];
	enum ifc_status st;

	IFC_SET(query_nic_vport_context_in, in, opcode, MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
	IFC_SET(query_nic_vport_context_in, in, allowed_list_type, type);
	if (other >= 0) {
		IFC_SET(query_nic_vport_context_in, in, other_vport, 1);
		IFC_SET(query_nic_vport_context_in, in, vport_number, other);
	}
	memset(ctx, 0, sizeof(*ctx));
	st = h_cmd(h, fn, in, sizeof(in), out, IFC_SZ(query_nic_vport_context_out) + 8 * room);
	memcpy(ctx, out + 16, IFC_SZ(nic_vport_context) + 8 * room);
	return st;
}

/* @sel is bits of modify_nic_vport_field_select, as the device model page counts them. */
static enum ifc_status modify(struct harness *h, unsigned int fn, int other, uint32_t sel,
			      const struct ctx *ctx, unsigned int entries)
{
	uint8_t in[IFC_SZ(modify_nic_vport_context_in) + 64] = { 0 };
	IFC_BUF(modify_nic_vport_context_out, out);

	IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	if (other >= 0) {
		IFC_SET(modify_nic_vport_context_in, in, other_vport, 1);
		IFC_SET(modify_nic_vport_context_in, in, vport_number, other);
	}
	ifc_st32(in + 0xc, sel);
	memcpy(in + 0x100, ctx, IFC_SZ(nic_vport_context) + 8 * entries);
	return h_cmd(h, fn, in, 0x200 + 8 * entries, out, sizeof(out));
}

#define MAC_OFF 0xf6

static void addresses_count_up_from_the_pf(void **state)
{
	static const uint8_t pf[6] = { 0x02, 0x15, 0xb3, 0, 0, 0x10 };
	static const uint8_t vf8[6] = { 0x02, 0x15, 0xb3, 0, 0, 0x18 };
	struct harness *h = booted();
	struct ctx c;

	(void)state;
	assert_int_equal(query(h, 0, -1, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b + MAC_OFF, pf, 6);
	assert_int_equal(IFC_GET(nic_vport_context, c.b, mtu), 1500);
	assert_int_equal(query(h, 0, 8, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b + MAC_OFF, vf8, 6);
	assert_true(IFC_GET64(nic_vport_context, c.b, node_guid) == 0x0015b3fffe000018);
	assert_true(IFC_GET64(nic_vport_context, c.b, system_image_guid) == 0x0015b3fffe000010);
	assert_int_equal(query(h, 1, 2, 0, 0, &c), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 0, 9, 0, 0, &c), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void only_what_is_selected_changes(void **state)
{
	struct harness *h = booted();
	struct ctx c, want;

	(void)state;
	assert_int_equal(query(h, 1, -1, 0, 0, &want), IFC_ST_OK);
	memset(&c, 0xff, sizeof(c));
	IFC_SET(nic_vport_context, c.b, mtu, 4000);
	assert_int_equal(modify(h, 1, -1, 1 << 6, &c, 0), IFC_ST_OK);
	IFC_SET(nic_vport_context, want.b, mtu, 4000);
	assert_int_equal(query(h, 1, -1, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b, want.b, sizeof(c.b));

	memset(&c, 0xff, sizeof(c));
	assert_int_equal(modify(h, 1, -1, 1 << 1 | 1 << 4, &c, 0), IFC_ST_OK);
	IFC_SET(nic_vport_context, want.b, roce_en, 1);
	IFC_SET(nic_vport_context, want.b, promisc_uc, 1);
	IFC_SET(nic_vport_context, want.b, promisc_mc, 1);
	IFC_SET(nic_vport_context, want.b, promisc_all, 1);
	assert_int_equal(query(h, 1, -1, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b, want.b, sizeof(c.b));
	assert_int_equal(modify(h, 1, -1, 1 << 13, &c, 0), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void lists_are_replaced_whole(void **state)
{
	struct ctx c = { { 0 }, { 0 } };
	struct harness *h = booted();
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		ifc_st64(c.list + 8 * i, 0x020000000000 + i);
	IFC_SET(nic_vport_context, c.b, allowed_list_type, 1);
	IFC_SET(nic_vport_context, c.b, allowed_list_size, 3);
	assert_int_equal(modify(h, 1, -1, 1 << 2, &c, 3), IFC_ST_OK);
	assert_int_equal(query(h, 1, -1, 1, 8, &c), IFC_ST_OK);
	assert_int_equal(IFC_GET(nic_vport_context, c.b, allowed_list_size), 3);
	assert_int_equal(ifc_ld64(c.list + 16), 0x020000000002);
	assert_int_equal(query(h, 0, 1, 1, 2, &c), IFC_ST_OK); /* the PF looks, with room for 2 */
	assert_int_equal(IFC_GET(nic_vport_context, c.b, allowed_list_size), 2);
	assert_int_equal(query(h, 1, -1, 0, 8, &c), IFC_ST_OK);
	assert_int_equal(IFC_GET(nic_vport_context, c.b, allowed_list_size), 0);
	IFC_SET(nic_vport_context, c.b, allowed_list_type, 1);
	IFC_SET(nic_vport_context, c.b, allowed_list_size, 2);
	assert_int_equal(modify(h, 1, -1, 1 << 2, &c, 1), IFC_ST_BAD_INPUT_LEN);
	IFC_SET(nic_vport_context, c.b, allowed_list_size, 1025);
	assert_int_equal(modify(h, 1, -1, 1 << 2, &c, 1), IFC_ST_LIM_ERR);
	IFC_SET(nic_vport_context, c.b, allowed_list_type, 3);
	assert_int_equal(modify(h, 1, -1, 1 << 2, &c, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 1, -1, 3, 1, &c), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 1, -1, 1, 8, &c), IFC_ST_OK);
	assert_int_equal(IFC_GET(nic_vport_context, c.b, allowed_list_size), 3);
	h_free(h);
}

static void address_set_by_the_pf_outlives_a_reset(void **state)
{
	static const uint8_t admin[6] = { 0x02, 1, 2, 3, 4, 5 }, own[6] = { 0x06, 5, 4, 3, 2, 1 };
	struct harness *h = booted();
	struct ctx c;

	(void)state;
	memset(&c, 0, sizeof(c));
	memcpy(c.b + MAC_OFF, admin, 6);
	assert_int_equal(modify(h, 0, 1, 1 << 3, &c, 0), IFC_ST_OK);
	memcpy(c.b + MAC_OFF, own, 6);
	assert_int_equal(modify(h, 1, -1, 1 << 3, &c, 0), IFC_ST_OK);
	assert_int_equal(query(h, 0, 1, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b + MAC_OFF, own, 6);
	fwsim_reset(h->fw, 1);
	assert_int_equal(query(h, 0, 1, 0, 0, &c), IFC_ST_OK);
	assert_memory_equal(c.b + MAC_OFF, admin, 6);
	h_free(h);
}

static void guid_of_zero_means_derived(void **state)
{
	struct harness *h = booted();
	struct ctx c;

	(void)state;
	memset(&c, 0, sizeof(c));
	assert_int_equal(modify(h, 0, 1, 1 << 9, &c, 0), IFC_ST_OK);
	assert_int_equal(query(h, 1, -1, 0, 0, &c), IFC_ST_OK);
	assert_true(IFC_GET64(nic_vport_context, c.b, node_guid) == 0x0015b3fffe000011);
	IFC_SET64(nic_vport_context, c.b, node_guid, 42);
	assert_int_equal(modify(h, 0, 1, 1 << 9, &c, 0), IFC_ST_OK);
	assert_int_equal(query(h, 1, -1, 0, 0, &c), IFC_ST_OK);
	assert_int_equal(IFC_GET64(nic_vport_context, c.b, node_guid), 42);
	h_free(h);
}

static enum ifc_status state_cmd(struct harness *h, unsigned int fn, unsigned int opcode,
				 unsigned int op_mod, int other, unsigned int admin, uint8_t *out)
{
	IFC_BUF(modify_vport_state_in, in) = { 0 };

	IFC_SET(modify_vport_state_in, in, opcode, opcode);
	IFC_SET(modify_vport_state_in, in, op_mod, op_mod);
	if (other >= 0) {
		IFC_SET(modify_vport_state_in, in, other_vport, 1);
		IFC_SET(modify_vport_state_in, in, vport_number, other);
	}
	if (opcode == MLX5_CMD_OP_MODIFY_VPORT_STATE)
		IFC_SET(modify_vport_state_in, in, admin_state, admin);
	return h_cmd(h, fn, in, sizeof(in), out, 16);
}

static unsigned int link_of(struct harness *h, unsigned int fn)
{
	IFC_BUF(query_vport_state_out, out);

	assert_int_equal(state_cmd(h, fn, MLX5_CMD_OP_QUERY_VPORT_STATE, 0, -1, 0, out),
			 IFC_ST_OK);
	return IFC_GET(query_vport_state_out, out, state);
}

static void link_follows_port_or_administrator(void **state)
{
	const unsigned int modify_op = MLX5_CMD_OP_MODIFY_VPORT_STATE;
	struct harness *h = booted();
	uint8_t out[16];

	(void)state;
	assert_int_equal(link_of(h, 1), 1);
	h->fw->port_down = true;
	assert_int_equal(link_of(h, 1), 0);
	assert_int_equal(state_cmd(h, 0, modify_op, 1, 1, 1, out), IFC_ST_OK);
	assert_int_equal(link_of(h, 1), 1);
	assert_int_equal(link_of(h, 0), 0);
	h->fw->port_down = false;
	assert_int_equal(state_cmd(h, 0, modify_op, 1, 1, 0, out), IFC_ST_OK);
	assert_int_equal(link_of(h, 1), 0);
	assert_int_equal(state_cmd(h, 0, modify_op, 1, 1, 3, out), IFC_ST_BAD_PARAM);
	assert_int_equal(state_cmd(h, 1, modify_op, 1, -1, 1, out), IFC_ST_BAD_PARAM);
	assert_int_equal(state_cmd(h, 1, modify_op, 1, 2, 1, out), IFC_ST_BAD_PARAM);
	assert_int_equal(state_cmd(h, 0, modify_op, 3, 1, 1, out), IFC_ST_BAD_OP);
	assert_int_equal(state_cmd(h, 0, MLX5_CMD_OP_QUERY_VPORT_STATE, 2, -1, 0, out), IFC_ST_OK);
	assert_int_equal(state_cmd(h, 0, MLX5_CMD_OP_QUERY_VPORT_STATE, 3, -1, 0, out),
			 IFC_ST_BAD_OP);
	h_free(h);
}

/* mlx5_core sends this for each VF of an InfiniBand port. */
static void hca_vport_context(void **state)
{
	IFC_BUF(modify_hca_vport_context_in, in) = { 0 };
	IFC_BUF(query_hca_vport_context_in, q) = { 0 };
	IFC_BUF(query_hca_vport_context_out, qo);
	struct harness *h = booted();
	uint8_t out[16];
	uint8_t *ctx = IFC_PTR(modify_hca_vport_context_in, in, hca_vport_context);
	struct ctx c;

	(void)state;
	IFC_SET(modify_hca_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_HCA_VPORT_CONTEXT);
	IFC_SET(modify_hca_vport_context_in, in, other_vport, 1);
	IFC_SET(modify_hca_vport_context_in, in, vport_number, 1);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_OK); /* nothing selected */
	IFC_SET(hca_vport_context, ctx, field_select, 2);
	IFC_SET64(hca_vport_context, ctx, node_guid, 0x1234);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_OK);
	assert_int_equal(query(h, 1, -1, 0, 0, &c), IFC_ST_OK);
	assert_int_equal(IFC_GET64(nic_vport_context, c.b, node_guid), 0x1234);
	IFC_SET(query_hca_vport_context_in, q, opcode, MLX5_CMD_OP_QUERY_HCA_VPORT_CONTEXT);
	assert_int_equal(H_CMD(h, 1, q, qo), IFC_ST_OK);
	ctx = IFC_PTR(query_hca_vport_context_out, qo, hca_vport_context);
	assert_int_equal(IFC_GET64(hca_vport_context, ctx, node_guid), 0x1234);
	assert_int_equal(IFC_GET(hca_vport_context, ctx, port_state), 4);
	ctx = IFC_PTR(modify_hca_vport_context_in, in, hca_vport_context);
	IFC_SET(hca_vport_context, ctx, field_select, 8);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void roce_addresses(void **state)
{
	IFC_BUF(set_roce_address_in, in) = { 0 };
	IFC_BUF(query_roce_address_in, q) = { 0 };
	IFC_BUF(query_roce_address_out, out);
	struct harness *h = booted();

	(void)state;
	IFC_SET(set_roce_address_in, in, opcode, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in, roce_address_index, 254);
	memset(IFC_PTR(set_roce_address_in, in, roce_address), 0x5a, 16);
	assert_int_equal(H_CMD(h, 1, in, out), IFC_ST_OK);
	IFC_SET(query_roce_address_in, q, opcode, MLX5_CMD_OP_QUERY_ROCE_ADDRESS);
	IFC_SET(query_roce_address_in, q, roce_address_index, 254);
	assert_int_equal(H_CMD(h, 1, q, out), IFC_ST_OK);
	assert_int_equal(*IFC_PTR(query_roce_address_out, out, roce_address), 0x5a);
	assert_int_equal(H_CMD(h, 0, q, out), IFC_ST_OK);
	assert_int_equal(*IFC_PTR(query_roce_address_out, out, roce_address), 0);
	IFC_SET(query_roce_address_in, q, roce_address_index, 255);
	assert_int_equal(H_CMD(h, 1, q, out), IFC_ST_BAD_INDEX);
	h_free(h);
}

static void pkeys_and_counters(void **state)
{
	IFC_BUF(query_hca_vport_pkey_in, in) = { 0 };
	IFC_BUF(query_vport_counter_in, cnt) = { 0 };
	IFC_BUF(query_vport_counter_out, cout);
	struct harness *h = booted();
	uint8_t out[IFC_SZ(query_hca_vport_pkey_out) + 4];

	(void)state;
	IFC_SET(query_hca_vport_pkey_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_VPORT_PKEY);
	assert_int_equal(H_CMD(h, 1, in, out), IFC_ST_OK);
	assert_int_equal(ifc_ld32(out + 16), 0xffff);
	assert_int_equal(h_cmd(h, 1, in, sizeof(in), out, 16), IFC_ST_BAD_OUTPUT_LEN);
	IFC_SET(query_hca_vport_pkey_in, in, pkey_index, 1);
	assert_int_equal(H_CMD(h, 1, in, out), IFC_ST_BAD_INDEX);
	IFC_SET(query_vport_counter_in, cnt, opcode, MLX5_CMD_OP_QUERY_VPORT_COUNTER);
	assert_int_equal(H_CMD(h, 1, cnt, cout), IFC_ST_OK);
	assert_int_equal(ifc_ld64(cout + 0x90), 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_count_up_from_the_pf),
		cmocka_unit_test(only_what_is_selected_changes),
		cmocka_unit_test(lists_are_replaced_whole),
		cmocka_unit_test(address_set_by_the_pf_outlives_a_reset),
		cmocka_unit_test(guid_of_zero_means_derived),
		cmocka_unit_test(link_follows_port_or_administrator),
		cmocka_unit_test(hca_vport_context),
		cmocka_unit_test(roce_addresses),
		cmocka_unit_test(pkeys_and_counters),
	};

	return cmocka_run_group_tests_name("vport", tests, NULL, NULL);
}
