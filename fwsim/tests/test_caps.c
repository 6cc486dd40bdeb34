// SPDX-License-Identifier: GPL-2.0-or-later
/* Capabilities: what drivers need to see, who may look, and what SET_HCA_CAP keeps. */
#include "eth.h"
#include "harness.h"

#define GENERAL 0x0
#define ETHERNET_OFFLOADS 0x1
#define ROCE 0x4
#define FLOW_TABLE 0x7
#define GENERAL_2 0x20
#define MAX 0
#define CUR 1

static enum ifc_status query(struct harness *h, unsigned int fn, unsigned int type,
			     unsigned int cur, int other, uint8_t *cap)
{
	static uint8_t out[IFC_SZ(query_hca_cap_out)];
	IFC_BUF(query_hca_cap_in, in) = { 0 };
	enum ifc_status st;

	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, type << 1 | cur);
	if (other >= 0) {
		IFC_SET(query_hca_cap_in, in, other_function, 1);
		IFC_SET(query_hca_cap_in, in, function_id, other);
	}
	st = H_CMD(h, fn, in, out);
	memcpy(cap, IFC_PTR(query_hca_cap_out, out, capability), 4096);
	return st;
}

static enum ifc_status set(struct harness *h, unsigned int fn, unsigned int type, int other,
			   const uint8_t *cap)
{
	IFC_BUF(set_hca_cap_in, in) = { 0 };
	IFC_BUF(set_hca_cap_out, out);

	IFC_SET(set_hca_cap_in, in, opcode, MLX5_CMD_OP_SET_HCA_CAP);
	IFC_SET(set_hca_cap_in, in, op_mod, type << 1);
	if (other >= 0) {
		IFC_SET(set_hca_cap_in, in, other_function, 1);
		IFC_SET(set_hca_cap_in, in, function_id, other);
	}
	memcpy(IFC_PTR(set_hca_cap_in, in, capability), cap, 4096);
	return H_CMD(h, fn, in, out);
}

static struct harness *enabled(void)
{
	struct harness *h = h_new(NULL);

	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	return h;
}

static void general_is_enough_for_mlx5_core(void **state)
{
	struct harness *h = enabled();
	uint8_t cap[4096];

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vhca_id), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, num_ports), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_pg_sz), 12);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_bf_reg_size), 9);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, cqe_version), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, uar_4k), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, rc), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, device_frequency_khz), 1000000);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, eswitch_manager), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, eth_net_offloads), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, port_type), MLX5_CAP_PORT_TYPE_IB);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vport_group_manager), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, ib_virt), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, xrc), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, nic_flow_table), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, cmdif_checksum), 0);
	assert_int_equal(query(h, 0, GENERAL, MAX, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, cmdif_checksum), 3);
	h_free(h);
}

static void limits_are_those_of_the_tables(void **state)
{
	static const struct {
		enum fwsim_obj_type type;
		unsigned int log;
	} *l, limit[] = {
		{ FWSIM_OBJ_PD, 16 }, { FWSIM_OBJ_MKEY, 20 }, { FWSIM_OBJ_EQ, 6 },
		{ FWSIM_OBJ_CQ, 16 }, { FWSIM_OBJ_QP, 14 }, { FWSIM_OBJ_XRCD, 10 },
		{ FWSIM_OBJ_TD, 10 }, { FWSIM_OBJ_TIS, 8 }, { FWSIM_OBJ_TIR, 12 },
		{ FWSIM_OBJ_RQT, 10 },
	};
	struct harness *h = enabled();
	uint8_t cap[4096];

	(void)state;
	for (l = limit; l < limit + sizeof(limit) / sizeof(*limit); l++) {
		const struct fwsim_table *t = &h->fw->vhca[1]->obj[l->type];

		assert_int_equal(t->base + t->max, 1u << l->log);
	}
	assert_int_equal(query(h, 0, GENERAL, MAX, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_pd), 16);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_mkey), 20);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_eq), 6);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_cq), 16);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_qp), 14);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_xrcd), 10);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_transport_domain), 10);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_tis), 8);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_tir), 12);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_rqt), 10);
	/* these begin at a number of their own */
	assert_int_equal(h->fw->vhca[1]->obj[FWSIM_OBJ_SQ].max,
			 1u << IFC_GET(cmd_hca_cap, cap, log_max_sq));
	assert_int_equal(h->fw->vhca[1]->obj[FWSIM_OBJ_RQ].max,
			 1u << IFC_GET(cmd_hca_cap, cap, log_max_rq));
	h_free(h);
}

/* What mlx5e looks for before it makes a network interface, on the PF and on a VF. */
static void ethernet_is_enough_for_mlx5e(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	const uint8_t *rx;
	uint8_t cap[4096];

	(void)state;
	cfg.port = FWSIM_PORT_ETH;
	h = h_new(&cfg);
	h_boot(h, 1);
	for (unsigned int fn = 0; fn < 2; fn++) {
		assert_int_equal(query(h, fn, GENERAL, CUR, -1, cap), IFC_ST_OK);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, port_type), MLX5_CAP_PORT_TYPE_ETH);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, ib_virt), 0);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, eth_net_offloads), 1);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, nic_flow_table), 1);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, cq_moderation), 1);
		assert_true(IFC_GET(cmd_hca_cap, cap, max_wqe_sz_sq) >= 1024);
		assert_int_equal(query(h, fn, ETHERNET_OFFLOADS, CUR, -1, cap), IFC_ST_OK);
#define ETH(fld) IFC_GET(per_protocol_networking_offload_caps, cap, fld)
		assert_int_equal(ETH(csum_cap), 1);
		assert_int_equal(ETH(vlan_cap), 1);
		assert_true(ETH(max_lso_cap) >= 16 && 1u << ETH(max_lso_cap) <= FWSIM_LSO_MAX);
		assert_int_equal(ETH(rss_ind_tbl_cap), FWSIM_LOG_RQT_SIZE);
		assert_int_equal(ETH(self_lb_en_modifiable), 1);
#undef ETH
		assert_int_equal(query(h, fn, FLOW_TABLE, CUR, -1, cap), IFC_ST_OK);
		rx = IFC_PTR(flow_table_nic_cap, cap, flow_table_properties_nic_receive);
		assert_int_equal(IFC_GET(flow_table_prop_layout, rx, ft_support), 1);
		assert_true(IFC_GET(flow_table_prop_layout, rx, max_ft_level) >= 60);
		assert_int_equal(IFC_GET(flow_table_prop_layout, rx, flow_table_modify), 1);
	}
	h_free(h);
	/* and nothing of it on the other type of port */
	h = enabled();
	assert_int_equal(query(h, 0, ETHERNET_OFFLOADS, CUR, -1, cap), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 0, FLOW_TABLE, CUR, -1, cap), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void migration_is_offered_where_mlx5_vfio_pci_looks(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h = enabled();
	uint8_t cap[4096];

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, hca_cap_2), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, migration), 1);
	assert_int_equal(query(h, 0, GENERAL_2, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap_2, cap, migration_multi_load), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap_2, cap, migration_tracking_state), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap_2, cap, migration_in_chunks), 0);
	assert_int_equal(query(h, 0, GENERAL_2, MAX, 3, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap_2, cap, migratable), 1);
	assert_int_equal(query(h, 0, GENERAL, CUR, 3, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vhca_id), 0x12);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, migration), 0);
	h_free(h);

	cfg.no_migration = true;
	h = h_new(&cfg);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, migration), 0);
	assert_int_equal(query(h, 0, GENERAL_2, MAX, 3, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap_2, cap, migratable), 0);
	h_free(h);
}

static void vhca_ids_are_unique(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	unsigned int i;

	(void)state;
	cfg.max_vfs = FWSIM_MAX_VFS;
	h = h_new(&cfg);
	for (i = 0; i <= FWSIM_MAX_VFS; i++)
		assert_ptr_equal(fwsim_vhca_by_id(h->fw, h->fw->vhca[i]->vhca_id), h->fw->vhca[i]);
	assert_null(fwsim_vhca_by_id(h->fw, 0));
	h_free(h);
}

static void who_may_look_at_whom(void **state)
{
	struct harness *h = h_new(NULL);
	uint8_t cap[4096];

	(void)state;
	h_boot(h, 1);
	assert_int_equal(query(h, 1, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vhca_id), 0x10);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vport_group_manager), 0);
	assert_int_equal(query(h, 1, GENERAL, CUR, 0, cap), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 1, GENERAL, CUR, 1, cap), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 0, GENERAL, CUR, H_VFS + 1, cap), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "no function 0x9"));
	h_free(h);
}

static void page_tracking_is_offered_to_the_pf(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h = enabled();
	uint8_t cap[4096];

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, adv_virtualization), 1);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, event_cap), 1);
	assert_int_equal(query(h, 0, GENERAL_2, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET64(cmd_hca_cap_2, cap, general_obj_types_127_64), 1u << 6);
	assert_int_equal(query(h, 0, 0x14, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(ifc_ld64(cap), 0);
	assert_int_equal(ifc_ld64(cap + 0x20), 1ULL << 0x27);
	assert_int_equal(query(h, 0, 0x26, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(ifc_ld32(cap), 5u << 24 | 16u << 16 | 12u << 8 | 52u);
	assert_int_equal(ifc_ld32(cap + 4), 12u << 24 | 16u << 16 | 12u << 8 | 21u);
	assert_int_equal(query(h, 0, GENERAL, CUR, 1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, adv_virtualization), 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, event_cap), 0);
	h_free(h);

	cfg.no_tracker = true;
	h = h_new(&cfg);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, adv_virtualization), 0);
	assert_int_equal(query(h, 0, 0x26, CUR, -1, cap), IFC_ST_BAD_PARAM);
	assert_int_equal(query(h, 0, 0x14, CUR, -1, cap), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void types_not_offered_are_refused(void **state)
{
	struct harness *h = enabled();
	uint8_t cap[4096];
	unsigned int type;

	(void)state;
	for (type = 0; type < 0x80; type++) {
		bool fixed = type == 0x14 || type == 0x26; /* of the PF, with the tracker */
		bool there = type == GENERAL || type == GENERAL_2 || type == 3; /* ATOMIC */

		assert_int_equal(query(h, 0, type, CUR, -1, cap),
				 there || fixed ? IFC_ST_OK : IFC_ST_BAD_PARAM);
		assert_int_equal(query(h, 0, type, CUR, 1, cap),
				 there ? IFC_ST_OK : IFC_ST_BAD_PARAM);
		if (!there)
			assert_int_equal(set(h, 0, type, -1, cap), IFC_ST_BAD_PARAM);
	}
	h_free(h);
}

static void set_is_masked_and_limited(void **state)
{
	struct harness *h = enabled();
	uint8_t max[4096], ask[4096], cap[4096];
	unsigned int i;

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, MAX, -1, max), IFC_ST_OK);
	memset(ask, 0xff, sizeof(ask));
	assert_int_equal(set(h, 0, GENERAL, -1, ask), IFC_ST_OK);
	h->fn[0].csum = 3; /* that was asked for as well */
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	for (i = 0; i < sizeof(cap); i++)
		assert_int_equal(cap[i] & ~max[i], 0);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vhca_id), 1);

	memcpy(ask, max, sizeof(ask));
	IFC_SET(cmd_hca_cap, ask, log_max_qp, 13);
	IFC_SET(cmd_hca_cap, ask, log_max_current_uc_list, 6);
	IFC_SET(cmd_hca_cap, ask, cmdif_checksum, 0);
	IFC_SET(cmd_hca_cap, ask, vhca_id, 0x77);
	assert_int_equal(set(h, 0, GENERAL, -1, ask), IFC_ST_OK);
	h->fn[0].csum = 0;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_qp), 13);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, log_max_current_uc_list), 6);
	assert_int_equal(IFC_GET(cmd_hca_cap, cap, vhca_id), 1);
	assert_int_equal(query(h, 0, GENERAL, MAX, -1, cap), IFC_ST_OK);
	assert_memory_equal(cap, max, sizeof(cap));
	h_free(h);
}

static void set_after_init_or_for_another_is_refused(void **state)
{
	struct harness *h = enabled();
	uint8_t cap[4096];

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_int_equal(set(h, 0, GENERAL, 1, cap), IFC_ST_BAD_PARAM);
	assert_int_equal(h_disable_hca(h, 0, 0), IFC_ST_OK);
	h_boot(h, 0);
	assert_int_equal(set(h, 0, GENERAL, -1, cap), IFC_ST_BAD_SYS_STATE);
	h_free(h);
}

static void defaults_come_back_with_disable(void **state)
{
	struct harness *h = enabled();
	uint8_t cap[4096], before[4096];

	(void)state;
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, before), IFC_ST_OK);
	memcpy(cap, before, sizeof(cap));
	IFC_SET(cmd_hca_cap, cap, log_max_qp, 2);
	assert_int_equal(set(h, 0, GENERAL, -1, cap), IFC_ST_OK);
	assert_int_equal(h_disable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(query(h, 0, GENERAL, CUR, -1, cap), IFC_ST_OK);
	assert_memory_equal(cap, before, sizeof(cap));
	h_free(h);
}

static void digest_is_that_of_the_card_not_of_the_function(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h = h_new(NULL), *other;

	(void)state;
	assert_true(fwsim_cap_digest(h->fw->vhca[1]) == fwsim_cap_digest(h->fw->vhca[8]));
	cfg.no_migration = true;
	other = h_new(&cfg);
	assert_true(fwsim_cap_digest(h->fw->vhca[1]) != fwsim_cap_digest(other->fw->vhca[1]));
	h_free(other);
	h_free(h);
}

static void block_check_knows_what_set_stores(void **state)
{
	struct harness *h = h_new(NULL);
	uint8_t cap[4096];

	(void)state;
	h_boot(h, 2);
	fwsim_cap_get(h->fw->vhca[2], GENERAL, true, cap);
	assert_true(fwsim_cap_block_ok(h->fw->vhca[1], 0, cap));
	cap[4095] = 1;
	assert_false(fwsim_cap_block_ok(h->fw->vhca[1], 0, cap));
	memset(cap, 0, sizeof(cap));
	assert_true(fwsim_cap_block_ok(h->fw->vhca[1], 1, cap));
	assert_false(fwsim_cap_block_ok(h->fw->vhca[1], 2, cap));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(general_is_enough_for_mlx5_core),
		cmocka_unit_test(limits_are_those_of_the_tables),
		cmocka_unit_test(ethernet_is_enough_for_mlx5e),
		cmocka_unit_test(migration_is_offered_where_mlx5_vfio_pci_looks),
		cmocka_unit_test(vhca_ids_are_unique),
		cmocka_unit_test(who_may_look_at_whom),
		cmocka_unit_test(page_tracking_is_offered_to_the_pf),
		cmocka_unit_test(types_not_offered_are_refused),
		cmocka_unit_test(set_is_masked_and_limited),
		cmocka_unit_test(set_after_init_or_for_another_is_refused),
		cmocka_unit_test(defaults_come_back_with_disable),
		cmocka_unit_test(digest_is_that_of_the_card_not_of_the_function),
		cmocka_unit_test(block_check_knows_what_set_stores),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
