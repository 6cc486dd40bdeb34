// SPDX-License-Identifier: GPL-2.0-or-later
/* Registers behind ACCESS_REG, QUERY_ADAPTER and the vendor-specific PCI capability. */
#include "data_rig.h"

#define WRITE 0
#define READ 1

/* @data goes both ways. */
static enum ifc_status reg(struct harness *h, unsigned int fn, unsigned int id, unsigned int op,
			   uint8_t *data, size_t in_len, size_t out_len)
{
	uint8_t in[16 + 512] = { 0 }, out[16 + 512] = { 0 };
	enum ifc_status st;

	IFC_SET(access_register_in, in, opcode, MLX5_CMD_OP_ACCESS_REG);
	IFC_SET(access_register_in, in, op_mod, op);
	IFC_SET(access_register_in, in, register_id, id);
	memcpy(in + 16, data, in_len);
	st = h_cmd(h, fn, in, 16 + in_len, out, 16 + out_len);
	memcpy(data, out + 16, out_len);
	return st;
}

static struct harness *booted(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1);
	return h;
}

/* What mlx5_core does for "devlink dev info". */
static void devlink_info(void **state)
{
	struct fwsim_config cfg = h_default_config();
	uint8_t data[512] = { 0 };
	struct harness *h;

	(void)state;
	cfg.fw_major = 22;
	cfg.fw_minor = 3;
	cfg.fw_sub = 77;
	h = h_new(&cfg);
	h_boot(h, 0);
	assert_int_equal(reg(h, 0, 0x907f, READ, data, 72, 72), IFC_ST_OK);
	assert_int_equal(IFC_GET(mcam_reg, data, mng_access_reg_cap_mask.access_regs.mcqi), 1);
	assert_int_equal(IFC_GET(mcam_reg, data, mng_access_reg_cap_mask.access_regs.mcqs), 1);
	assert_int_equal(IFC_GET(mcam_reg, data, mng_access_reg_cap_mask.access_regs.mfrl), 0);
	memset(data, 0, sizeof(data));
	IFC_SET(mcam_reg, data, access_reg_group, 2);
	assert_int_equal(reg(h, 0, 0x907f, READ, data, 72, 72), IFC_ST_OK);
	assert_int_equal(IFC_GET(mcam_reg, data, access_reg_group), 2);
	assert_int_equal(ifc_ld64(data + 8) | ifc_ld64(data + 16), 0);

	memset(data, 0, sizeof(data));
	assert_int_equal(reg(h, 0, 0x9060, READ, data, 16, 16), IFC_ST_OK);
	assert_int_equal(IFC_GET(mcqs_reg, data, identifier), 1);
	assert_int_equal(IFC_GET(mcqs_reg, data, last_index_flag), 1);
	assert_int_equal(IFC_GET(mcqs_reg, data, component_update_state), 0);
	memset(data, 0, sizeof(data));
	IFC_SET(mcqs_reg, data, component_index, 1);
	assert_int_equal(reg(h, 0, 0x9060, READ, data, 16, 16), IFC_ST_BAD_INDEX);

	memset(data, 0, sizeof(data));
	IFC_SET(mcqi_reg, data, info_type, 1);
	IFC_SET(mcqi_reg, data, data_size, IFC_SZ(mcqi_version));
	assert_int_equal(reg(h, 0, 0x9061, READ, data, IFC_SZ(mcqi_reg),
			     IFC_SZ(mcqi_reg) + IFC_SZ(mcqi_version)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(mcqi_version, data + IFC_SZ(mcqi_reg), version),
			 22u << 24 | 3 << 16 | 77);
	assert_string_equal((char *)IFC_PTR(mcqi_version, data + IFC_SZ(mcqi_reg), version_string),
			    "22.3.0077");
	h_free(h);
}

static void psid(void **state)
{
	struct fwsim_config cfg = h_default_config();
	IFC_BUF(query_adapter_in, in) = { 0 };
	IFC_BUF(query_adapter_out, out);
	struct harness *h;

	(void)state;
	memcpy(cfg.psid, "TEST_PSID_012345", 17);
	h = h_new(&cfg);
	h_boot(h, 0);
	IFC_SET(query_adapter_in, in, opcode, MLX5_CMD_OP_QUERY_ADAPTER);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_OK);
	assert_memory_equal(out + 0x100, "TEST_PSID_012345", 16);
	assert_int_equal(ifc_ld32(out + 0x28) & 0xffffff, 0x2c9);
	h_free(h);
}

static void unknown_register_and_lengths(void **state)
{
	struct harness *h = booted();
	uint8_t data[512] = { 0 };
	unsigned int id;

	(void)state;
	assert_int_equal(reg(h, 0, 0x5001, READ, data, 16, 16), IFC_ST_BAD_OP);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "register 0x5001 is not offered"));
	assert_int_equal(reg(h, 0, 0x5003, READ, data, 12, 16), IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(reg(h, 0, 0x5003, 2, data, 16, 16), IFC_ST_BAD_OP);
	/* a short answer is cut, not overrun */
	assert_int_equal(reg(h, 0, 0x5003, READ, data, 16, 4), IFC_ST_OK);
	assert_int_equal(reg(h, 0, 0x5003, READ, data, 512, 512), IFC_ST_OK);
	for (id = 0; id < 0x10000; id += 7)
		reg(h, 1, id, READ, data, 0, 0);
	h_free(h);
}

static void probe_registers(void **state)
{
	struct harness *h = booted();
	uint8_t data[512] = { 0 };

	(void)state;
	assert_int_equal(reg(h, 0, 0x7004, WRITE, data, 16, 16), IFC_ST_OK);
	assert_int_equal(reg(h, 0, 0x507f, READ, data, 80, 80), IFC_ST_OK);
	assert_int_equal(reg(h, 0, 0x4019, READ, data, 72, 72), IFC_ST_OK);
	memset(data, 0xff, 64);
	assert_int_equal(reg(h, 0, 0xc00e, READ, data, 64, 64), IFC_ST_OK);
	assert_int_equal(ifc_ld64(data + 0x10), 0);
	assert_int_equal(reg(h, 1, 0x6001, READ, data, 64, 64), IFC_ST_OK);
	assert_string_equal((char *)data, "simulated ConnectX-7 function 1");
	assert_int_equal(reg(h, 1, 0x6001, WRITE, data, 64, 64), IFC_ST_BAD_PARAM);
	h_free(h);
}

static uint32_t mtu_of(struct harness *h, unsigned int fn)
{
	uint8_t data[16] = { 0 };

	assert_int_equal(reg(h, fn, 0x5003, READ, data, 16, 16), IFC_ST_OK);
	assert_int_equal(IFC_GET(pmtu_reg, data, max_mtu), 10000);
	assert_int_equal(IFC_GET(pmtu_reg, data, admin_mtu), IFC_GET(pmtu_reg, data, oper_mtu));
	return IFC_GET(pmtu_reg, data, oper_mtu);
}

static void port_mtu_belongs_to_the_pf(void **state)
{
	struct harness *h = booted();
	uint8_t data[16] = { 0 };

	(void)state;
	assert_int_equal(mtu_of(h, 0), 1500);
	IFC_SET(pmtu_reg, data, admin_mtu, 9000);
	assert_int_equal(reg(h, 0, 0x5003, WRITE, data, 16, 16), IFC_ST_OK);
	assert_int_equal(mtu_of(h, 1), 9000);
	memset(data, 0, sizeof(data));
	IFC_SET(pmtu_reg, data, admin_mtu, 200);
	assert_int_equal(reg(h, 1, 0x5003, WRITE, data, 16, 16), IFC_ST_OK);
	assert_int_equal(mtu_of(h, 0), 9000);
	memset(data, 0, sizeof(data));
	IFC_SET(pmtu_reg, data, admin_mtu, 10001);
	assert_int_equal(reg(h, 0, 0x5003, WRITE, data, 16, 16), IFC_ST_BAD_PARAM);
	h_free(h);
}

static enum ifc_status set_port(struct harness *h, unsigned int fn, unsigned int admin)
{
	uint8_t data[16] = { 0 };

	IFC_SET(paos_reg, data, admin_status, admin);
	IFC_SET(paos_reg, data, ase, 1);
	return reg(h, fn, 0x5006, WRITE, data, 16, 16);
}

static void port_state_is_told_to_every_function(void **state)
{
	struct harness *h = h_new(NULL);
	const uint8_t *eqe;
	struct d_eq pf_eq, vf_eq;
	struct d_fn pf, vf;
	uint8_t data[64];

	(void)state;
	d_open(&pf, h, 0);
	d_open(&vf, h, 1);
	d_eq(&pf, &pf_eq, 5, 3, 1u << IFC_EVENT_PORT_CHANGE);
	d_eq(&vf, &vf_eq, 5, 3, 1u << IFC_EVENT_PORT_CHANGE);
	assert_int_equal(set_port(h, 1, 2), IFC_ST_OK); /* a VF's wish is nothing */
	assert_null(d_eqe(&pf, &pf_eq));
	assert_int_equal(set_port(h, 0, 2), IFC_ST_OK);
	eqe = d_eqe(&vf, &vf_eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_PORT_CHANGE);
	assert_int_equal(eqe[3], 1);
	assert_int_equal(eqe[0x28], 0x10);
	assert_non_null(d_eqe(&pf, &pf_eq));
	assert_false(fwsim_vport_link_up(h->fw->vhca[1]));
	memset(data, 0, sizeof(data));
	assert_int_equal(reg(h, 1, 0x5006, READ, data, 16, 16), IFC_ST_OK);
	assert_int_equal(IFC_GET(paos_reg, data, oper_status), 2);
	memset(data, 0, sizeof(data));
	IFC_SET(ptys_reg, data, proto_mask, 4);
	assert_int_equal(reg(h, 1, 0x5004, READ, data, 64, 64), IFC_ST_OK);
	assert_int_equal(IFC_GET(ptys_reg, data, eth_proto_oper), 0);
	assert_int_not_equal(IFC_GET(ptys_reg, data, eth_proto_capability), 0);
	assert_int_equal(set_port(h, 0, 2), IFC_ST_OK); /* no change, no event */
	assert_null(d_eqe(&vf, &vf_eq));
	assert_int_equal(set_port(h, 0, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(set_port(h, 0, 1), IFC_ST_OK);
	eqe = d_eqe(&vf, &vf_eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[3], 4);
	h_free(h);
}

/* What mlx5_core does to find out whether it can take crash dumps. */
static void vendor_capability(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t a, b;

	(void)state;
	assert_int_equal(fwsim_vsc_read(h->fw, 0xc), 0);
	a = fwsim_vsc_read(h->fw, 0x8);
	b = fwsim_vsc_read(h->fw, 0x8);
	assert_int_not_equal(a, b);
	fwsim_vsc_write(h->fw, 0xc, a);
	assert_int_equal(fwsim_vsc_read(h->fw, 0xc), a);
	fwsim_vsc_write(h->fw, 0xc, b); /* held by another */
	assert_int_equal(fwsim_vsc_read(h->fw, 0xc), a);
	fwsim_vsc_write(h->fw, 0x4, 0xffff0007);
	assert_int_equal(fwsim_vsc_read(h->fw, 0x4) >> 29, 0); /* no such space */
	fwsim_vsc_write(h->fw, 0x10, 0x100); /* read: done when the flag is 1 */
	assert_int_equal(fwsim_vsc_read(h->fw, 0x10), 0x80000100);
	assert_int_equal(fwsim_vsc_read(h->fw, 0x14), 0);
	fwsim_vsc_write(h->fw, 0x10, 0x80000100); /* write: when it is 0 */
	assert_int_equal(fwsim_vsc_read(h->fw, 0x10), 0x100);
	fwsim_vsc_write(h->fw, 0xc, 0);
	assert_int_equal(fwsim_vsc_read(h->fw, 0xc), 0);
	fwsim_vsc_write(h->fw, 0, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "vendor capability"));
	fwsim_vsc_write(h->fw, 0xc, 5);
	fwsim_reset(h->fw, 0);
	assert_int_equal(fwsim_vsc_read(h->fw, 0xc), 0);
	h_free(h);
}

static void gw_write(struct harness *h, uint32_t addr, uint32_t val)
{
	fwsim_vsc_write(h->fw, 0x14, val);
	fwsim_vsc_write(h->fw, 0x10, addr | 0x80000000);
	assert_int_equal(fwsim_vsc_read(h->fw, 0x10), addr);
}

static uint32_t gw_read(struct harness *h, uint32_t addr)
{
	fwsim_vsc_write(h->fw, 0x10, addr);
	assert_int_equal(fwsim_vsc_read(h->fw, 0x10), addr | 0x80000000);
	return fwsim_vsc_read(h->fw, 0x14);
}

/* What mlx5_core takes before it resets the firmware. */
static void reset_semaphore(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	gw_write(h, 0x20, 5); /* in no space */
	fwsim_vsc_write(h->fw, 0x4, 0xa);
	assert_int_equal(fwsim_vsc_read(h->fw, 0x4) >> 29, 1);
	assert_int_equal(gw_read(h, 0x20), 0);
	gw_write(h, 0x20, 6);
	gw_write(h, 0x20, 7); /* another, too late */
	assert_int_equal(gw_read(h, 0x20), 6);
	gw_write(h, 0x24, 8); /* no other semaphore */
	assert_int_equal(gw_read(h, 0x24), 0);
	gw_write(h, 0x20, 0);
	gw_write(h, 0x20, 7);
	assert_int_equal(gw_read(h, 0x20), 7);
	fwsim_reset(h->fw, 0);
	fwsim_vsc_write(h->fw, 0x4, 0xa);
	assert_int_equal(gw_read(h, 0x20), 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devlink_info),
		cmocka_unit_test(psid),
		cmocka_unit_test(unknown_register_and_lengths),
		cmocka_unit_test(probe_registers),
		cmocka_unit_test(port_mtu_belongs_to_the_pf),
		cmocka_unit_test(port_state_is_told_to_every_function),
		cmocka_unit_test(vendor_capability),
		cmocka_unit_test(reset_semaphore),
	};

	return cmocka_run_group_tests_name("reg", tests, NULL, NULL);
}
