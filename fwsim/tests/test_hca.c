// SPDX-License-Identifier: GPL-2.0-or-later
/* Enable, initialise, tear down, disable; what a reset forgets. */
#include "harness.h"

static enum ifc_status teardown(struct harness *h, unsigned int fn, unsigned int profile)
{
	IFC_BUF(teardown_hca_in, in) = { 0 };
	IFC_BUF(teardown_hca_out, out);

	IFC_SET(teardown_hca_in, in, opcode, MLX5_CMD_OP_TEARDOWN_HCA);
	IFC_SET(teardown_hca_in, in, profile, profile);
	return H_CMD(h, fn, in, out);
}

static enum ifc_status init_hca(struct harness *h, unsigned int fn)
{
	IFC_BUF(init_hca_in, in) = { 0 };
	IFC_BUF(init_hca_out, out);

	IFC_SET(init_hca_in, in, opcode, MLX5_CMD_OP_INIT_HCA);
	return H_CMD(h, fn, in, out);
}

static enum ifc_status alloc_pd(struct harness *h, unsigned int fn)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out);

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	return H_CMD(h, fn, in, out);
}

static void boot_pf_and_vf(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 1);
	assert_int_equal(h->fw->vhca[0]->hca, FWSIM_HCA_INIT);
	assert_int_equal(h->fw->vhca[1]->hca, FWSIM_HCA_INIT);
	assert_int_equal(h->fw->vhca[2]->hca, FWSIM_HCA_DISABLED);
	assert_int_equal(h->fn[0].dma_errors + h->fn[1].dma_errors, 0);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_IGNORED), 0);
	h_free(h);
}

static void commands_before_enable_are_refused(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	assert_int_equal(init_hca(h, 0), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(alloc_pd(h, 0), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(alloc_pd(h, 0), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_BAD_SYS_STATE);
	h_free(h);
}

static void vf_needs_the_pf_first(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	assert_int_equal(h_enable_hca(h, 1, 0), IFC_ST_BAD_SYS_STATE);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "the PF has not enabled this VF"));
	assert_int_equal(h_enable_hca(h, 0, 1), IFC_ST_BAD_SYS_STATE);
	h_boot(h, 0);
	assert_int_equal(h_enable_hca(h, 0, 1), IFC_ST_OK);
	assert_int_equal(h_enable_hca(h, 0, 1), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_enable_hca(h, 1, 2), IFC_ST_BAD_PARAM);
	assert_int_equal(h_enable_hca(h, 1, 0), IFC_ST_OK);
	assert_int_equal(h_enable_hca(h, 0, H_VFS + 1), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void init_needs_its_pages(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(init_hca(h, 0), IFC_ST_NO_RESOURCES);
	assert_int_equal(h_give_pages(h, 0, 12), IFC_ST_OK);
	assert_int_equal(init_hca(h, 0), IFC_ST_OK);
	assert_int_equal(init_hca(h, 0), IFC_ST_BAD_SYS_STATE);
	h_free(h);
}

/* rdma-core's driver over VFIO gives INIT_HCA as it was before sw_owner_id. */
static void init_of_16_bytes(void **state)
{
	struct harness *h = h_new(NULL);
	IFC_BUF(init_hca_in, in) = { 0 };

	(void)state;
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	assert_int_equal(h_give_pages(h, 0, 12), IFC_ST_OK);
	IFC_SET(init_hca_in, in, opcode, MLX5_CMD_OP_INIT_HCA);
	assert_int_equal(h_cmd(h, 0, in, 12, NULL, IFC_SZ(init_hca_out)), IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(h_cmd(h, 0, in, 16, NULL, IFC_SZ(init_hca_out)), IFC_ST_OK);
	h_free(h);
}

static void teardown_and_again(void **state)
{
	struct harness *h = h_new(NULL);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		h_boot(h, 0);
		assert_int_equal(h_pages(h, 0), 12);
		assert_int_equal(alloc_pd(h, 0), IFC_ST_OK);
		assert_int_equal(teardown(h, 0, 1), IFC_ST_BAD_PARAM);
		h_unboot(h, 0);
		assert_int_equal(h_pages(h, 0), 0);
		assert_int_equal(h->fw->vhca[0]->obj[FWSIM_OBJ_PD].used, 0);
		assert_null(h->fw->vhca[0]->cap_cur[0]);
		assert_int_equal(h->fw->vhca[0]->issi, 0);
	}
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "with 1 objects left"));
	h_free(h);
}

static void pf_disables_vf(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 1);
	assert_int_equal(alloc_pd(h, 1), IFC_ST_OK);
	assert_int_equal(h_disable_hca(h, 0, 1), IFC_ST_OK);
	assert_int_equal(h->fw->vhca[1]->obj[FWSIM_OBJ_PD].used, 0);
	assert_int_equal(alloc_pd(h, 1), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_enable_hca(h, 1, 0), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_disable_hca(h, 0, 1), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_CMDQ_ADDR_L_SZ) >> 8 & 7, FWSIM_NIC_DISABLED);
	h_cmdq_setup(h, 1); /* its driver starts anew */
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_CMDQ_ADDR_L_SZ) >> 8 & 7, FWSIM_NIC_FULL);
	assert_int_equal(h->fw->vhca[1]->vhca_id, 0x10);
	h_boot(h, 1);
	assert_int_equal(alloc_pd(h, 1), IFC_ST_OK);
	h_free(h);
}

static void flr_forgets(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *v;

	(void)state;
	h_boot(h, 1);
	v = h->fw->vhca[1];
	v->mig = FWSIM_MIG_STOPPED;
	v->tracking = true;
	fwsim_reset(h->fw, 1);
	assert_int_equal(v->mig, FWSIM_MIG_RUNNING);
	assert_false(v->tracking);
	assert_int_equal(h_pages(h, 1), 0);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_CMDQ_ADDR_H), 0);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_CMDQ_ADDR_L_SZ), 0x56);
	assert_true(v->pf_enabled);
	assert_int_equal(h_enable_hca(h, 1, 0), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_RESET, ""));
	h_free(h);
}

static void flr_of_the_pf_takes_its_vfs(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 3);
	fwsim_reset(h->fw, 0);
	assert_int_equal(h->fw->vhca[3]->hca, FWSIM_HCA_DISABLED);
	assert_false(h->fw->vhca[3]->pf_enabled);
	assert_int_equal(h_pages(h, 0) + h_pages(h, 3), 0);
	h_boot(h, 3);
	h_free(h);
}

static void init_segment_tells_the_version(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	uint32_t a, b;

	(void)state;
	cfg.fw_major = 16;
	cfg.fw_minor = 35;
	cfg.fw_sub = 4030;
	h = h_new(&cfg);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_FW_REV), 35 << 16 | 16);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDIF_REV_FW_SUB), 5 << 16 | 4030);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_INITIALIZING), 0);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_CMD_Q_INIT_TO), 0);
	assert_int_not_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x30), 0xffffffff);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x3c), 0);
	a = h_rd32(h, 0, IFC_ISEG_HEALTH_COUNTER);
	h_advance(h, H_SEC);
	assert_int_not_equal(h_rd32(h, 0, IFC_ISEG_HEALTH_COUNTER), a);
	a = h_rd32(h, 0, IFC_ISEG_TIMER_L);
	h_advance(h, 1000);
	b = h_rd32(h, 0, IFC_ISEG_TIMER_L);
	assert_int_equal(b - a, 1000); /* device_frequency_khz 1000000 */
	h_free(h);
}

static void set_nic(struct harness *h, unsigned int fn, unsigned int state)
{
	h_wr32(h, fn, IFC_ISEG_CMDQ_ADDR_L_SZ,
	       (h_rd32(h, fn, IFC_ISEG_CMDQ_ADDR_L_SZ) & 0xfffff8ff) | state << 8);
}

static unsigned int nic(struct harness *h, unsigned int fn)
{
	return h_rd32(h, fn, IFC_ISEG_CMDQ_ADDR_L_SZ) >> 8 & 7;
}

static void driver_lets_go_by_register(void **state)
{
	static const unsigned int how[] = { FWSIM_NIC_SW_RESET, FWSIM_NIC_DISABLED };
	struct harness *h = h_new(NULL);
	unsigned int i;

	(void)state;
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_INITIALIZING), 1u << 30); /* resets are supported */
	for (i = 0; i < 2; i++) {
		h_boot(h, 1);
		assert_int_not_equal(h_pages(h, 0), 0);
		assert_int_not_equal(h_pages(h, 1), 0);
		set_nic(h, 0, how[i]);
		assert_int_equal(nic(h, 0), FWSIM_NIC_DISABLED);
		assert_int_equal(h->fw->vhca[0]->hca, FWSIM_HCA_DISABLED);
		/* and takes the VFs along */
		assert_int_equal(nic(h, 1), FWSIM_NIC_DISABLED);
		assert_int_equal(h->fw->vhca[1]->hca, FWSIM_HCA_DISABLED);
		assert_false(h->fw->vhca[1]->pf_enabled);
		assert_int_equal(nic(h, 2), FWSIM_NIC_FULL);
		/* whose drivers have taken their pages back, and may give the same ones again */
		assert_int_equal(h_pages(h, 0), 0);
		assert_int_equal(h_pages(h, 1), 0);
		set_nic(h, 0, FWSIM_NIC_FULL);
	}
	h_boot(h, 1);
	h_free(h);
}

static void suspended_vhca_is_let_go_after_resume(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *v;

	(void)state;
	h_boot(h, 1);
	v = h->fw->vhca[1];
	v->mig = FWSIM_MIG_STOPPED;
	set_nic(h, 1, FWSIM_NIC_DISABLED);
	assert_int_equal(v->hca, FWSIM_HCA_INIT);
	assert_int_equal(v->mig, FWSIM_MIG_STOPPED);
	assert_int_not_equal(nic(h, 1), FWSIM_NIC_DISABLED);
	v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(v);
	assert_int_equal(v->hca, FWSIM_HCA_DISABLED);
	assert_int_equal(nic(h, 1), FWSIM_NIC_DISABLED);
	h_free(h);
}

static void bad_configurations_are_refused(void **state)
{
	struct fwsim_config good = h_default_config(), cfg;
	struct fwsim_host_ops ops = { 0 };
	char err[100];

	(void)state;
	cfg = good;
	cfg.max_vfs = FWSIM_MAX_VFS + 1;
	assert_null(fwsim_create(&cfg, &ops, NULL, err, sizeof(err)));
	assert_string_equal(err, "128 VFs: at most 127 are possible");
	cfg = good;
	cfg.fw_minor = 256;
	assert_null(fwsim_create(&cfg, &ops, NULL, NULL, 0));
	cfg = good;
	cfg.mac[0] = 1;
	assert_null(fwsim_create(&cfg, &ops, NULL, err, sizeof(err)));
	memset(cfg.psid, 'x', sizeof(cfg.psid));
	cfg.mac[0] = 0;
	assert_null(fwsim_create(&cfg, &ops, NULL, err, sizeof(err)));
	assert_string_equal(err, "the PSID is longer than 16 characters");
	fwsim_destroy(NULL);
}

static void bus_master_off_holds_commands(void **state)
{
	IFC_BUF(query_issi_in, in) = { 0 };
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 1);
	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	fwsim_set_bus_master(h->fw, 1, false);
	h_dma_clear(h);
	h_cmd_async(h, 1, 2, in, sizeof(in), IFC_SZ(query_issi_out));
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 1, 2));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	fwsim_set_bus_master(h->fw, 1, true);
	assert_true(h_cmd_done(h, 1, 2));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_pf_and_vf),
		cmocka_unit_test(commands_before_enable_are_refused),
		cmocka_unit_test(vf_needs_the_pf_first),
		cmocka_unit_test(init_needs_its_pages),
		cmocka_unit_test(init_of_16_bytes),
		cmocka_unit_test(teardown_and_again),
		cmocka_unit_test(pf_disables_vf),
		cmocka_unit_test(flr_forgets),
		cmocka_unit_test(flr_of_the_pf_takes_its_vfs),
		cmocka_unit_test(init_segment_tells_the_version),
		cmocka_unit_test(driver_lets_go_by_register),
		cmocka_unit_test(suspended_vhca_is_let_go_after_resume),
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(bus_master_off_holds_commands),
	};

	return cmocka_run_group_tests_name("hca", tests, NULL, NULL);
}
