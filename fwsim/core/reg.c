// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers behind ACCESS_REG: the port, the firmware image and what identifies the card. The data of a
 * register goes both ways; its index fields come back as they were given. The port belongs to the PF: a
 * VF may read what describes it, and what it writes has no effect.
 */
#include "core.h"

#define REG_HOST_ENDIANNESS 0x7004
#define REG_PCAM 0x507f
#define REG_PMTU 0x5003
#define REG_PTYS 0x5004
#define REG_PAOS 0x5006
#define REG_PFCC 0x5007
#define REG_PPCNT 0x5008
#define REG_QCAM 0x4019
#define REG_NODE_DESC 0x6001
#define REG_MCQS 0x9060
#define REG_MCQI 0x9061
#define REG_MCAM 0x907f
#define REG_DTOR 0xc00e

#define REG_MAX 512
#define PORT_MAX_MTU 10000
#define PORT_MTU 1500
#define PORT_UP 1
#define PORT_DOWN 2
#define PTYS_PROTO_ETH 4
#define PTYS_100G_CR4 (1u << 20)
#define MCQS_BOOT_IMAGE 1
#define MCQI_CAPABILITIES 0
#define MCQI_VERSION 1
#define NODE_DESC_LEN 64

enum reg_synd {
	REG_SYND_ID = 0x805001,
	REG_SYND_LEN = 0x805002,
	REG_SYND_READ_ONLY = 0x805003,
	REG_SYND_VALUE = 0x805004,
	REG_SYND_OP_MOD = 0x805005,
};

/* @data holds what was given, zero-padded to REG_MAX, and takes what is answered. */
typedef enum ifc_status reg_fn(struct fwsim_cmd *cmd, bool write, uint8_t *data);

static bool of_port(const struct fwsim_cmd *cmd)
{
	return cmd->vhca->fn == 0;
}

static enum ifc_status reg_accept(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	(void)cmd, (void)write, (void)data;
	return IFC_ST_OK;
}

static enum ifc_status reg_zeros(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	(void)cmd, (void)write;
	memset(data + 8, 0, REG_MAX - 8); /* all masks; the selectors before them stay */
	return IFC_ST_OK;
}

static enum ifc_status reg_dtor(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	(void)cmd, (void)write;
	memset(data, 0, REG_MAX); /* keep the driver's timeouts */
	return IFC_ST_OK;
}

static enum ifc_status reg_mcam(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	unsigned int group = IFC_GET(mcam_reg, data, access_reg_group);

	reg_zeros(cmd, write, data);
	if (group == 0) {
		uint8_t *regs = IFC_PTR(mcam_reg, data, mng_access_reg_cap_mask);

		IFC_SET(mcam_access_reg, regs, mcqs, 1);
		IFC_SET(mcam_access_reg, regs, mcqi, 1);
	}
	return IFC_ST_OK;
}

static enum ifc_status reg_pmtu(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	struct fwsim *fw = cmd->fw;
	uint32_t mtu = IFC_GET(pmtu_reg, data, admin_mtu);

	if (write && of_port(cmd)) {
		if (!mtu || mtu > PORT_MAX_MTU)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, REG_SYND_VALUE,
					    "MTU %u is not within 1..%u", mtu, PORT_MAX_MTU);
		fw->port_mtu = (uint16_t)mtu;
	}
	mtu = fw->port_mtu ? fw->port_mtu : PORT_MTU;
	IFC_SET(pmtu_reg, data, max_mtu, PORT_MAX_MTU);
	IFC_SET(pmtu_reg, data, admin_mtu, mtu);
	IFC_SET(pmtu_reg, data, oper_mtu, mtu);
	return IFC_ST_OK;
}

static enum ifc_status reg_ptys(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	uint32_t mask = IFC_GET(ptys_reg, data, proto_mask);
	uint32_t port = IFC_GET(ptys_reg, data, local_port);

	(void)write; /* the port has one speed: a choice of another has no effect */
	memset(data, 0, REG_MAX);
	IFC_SET(ptys_reg, data, proto_mask, mask);
	IFC_SET(ptys_reg, data, local_port, port);
	if (mask == PTYS_PROTO_ETH) {
		IFC_SET(ptys_reg, data, eth_proto_capability, PTYS_100G_CR4);
		IFC_SET(ptys_reg, data, eth_proto_admin, PTYS_100G_CR4);
		IFC_SET(ptys_reg, data, eth_proto_oper, fwsim_port_up(cmd->fw) ? PTYS_100G_CR4 : 0);
	}
	return IFC_ST_OK;
}

static enum ifc_status reg_paos(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	struct fwsim *fw = cmd->fw;
	uint32_t admin = IFC_GET(paos_reg, data, admin_status);

	if (write && of_port(cmd) && IFC_GET(paos_reg, data, ase)) {
		bool down = admin == PORT_DOWN;

		if (admin != PORT_UP && admin != PORT_DOWN)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, REG_SYND_VALUE,
					    "port state %u is neither up nor down", admin);
		if (down != fw->port_down) {
			fw->port_down = down;
			fwsim_port_event(fw);
		}
	}
	IFC_SET(paos_reg, data, admin_status, fw->port_down ? PORT_DOWN : PORT_UP);
	IFC_SET(paos_reg, data, oper_status, fwsim_port_up(fw) ? PORT_UP : PORT_DOWN);
	return IFC_ST_OK;
}

static enum ifc_status reg_pfcc(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	uint32_t port = IFC_GET(pfcc_reg, data, local_port);

	(void)cmd, (void)write;
	memset(data, 0, REG_MAX); /* no flow control */
	IFC_SET(pfcc_reg, data, local_port, port);
	return IFC_ST_OK;
}

static enum ifc_status reg_node_desc(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	if (write)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, REG_SYND_READ_ONLY,
				    "NODE_DESC is read-only");
	memset(data, 0, REG_MAX);
	snprintf((char *)data, NODE_DESC_LEN, "simulated ConnectX-7 function %u", cmd->vhca->fn);
	return IFC_ST_OK;
}

/* The card has one component, the boot image, and no update of it is under way. */
static enum ifc_status reg_component(struct fwsim_cmd *cmd, uint32_t index)
{
	if (!index)
		return IFC_ST_OK;
	return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, REG_SYND_VALUE, "no firmware component %u", index);
}

static enum ifc_status reg_mcqs(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	enum ifc_status st = reg_component(cmd, IFC_GET(mcqs_reg, data, component_index));

	(void)write;
	if (st != IFC_ST_OK)
		return st;
	memset(data, 0, REG_MAX);
	IFC_SET(mcqs_reg, data, last_index_flag, 1);
	IFC_SET(mcqs_reg, data, identifier, MCQS_BOOT_IMAGE);
	return IFC_ST_OK;
}

static enum ifc_status reg_mcqi(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	const struct fwsim_config *c = &cmd->fw->cfg;
	enum ifc_status st = reg_component(cmd, IFC_GET(mcqi_reg, data, component_index));
	uint8_t *info = data + IFC_SZ(mcqi_reg);
	size_t len;

	(void)write;
	if (st != IFC_ST_OK)
		return st;
	memset(info, 0, REG_MAX - IFC_SZ(mcqi_reg));
	switch (IFC_GET(mcqi_reg, data, info_type)) {
	case MCQI_CAPABILITIES:
		IFC_SET(mcqi_cap, info, supported_info_bitmask,
			1u << MCQI_CAPABILITIES | 1u << MCQI_VERSION);
		len = IFC_SZ(mcqi_cap);
		break;
	case MCQI_VERSION: {
		char *text = (char *)IFC_PTR(mcqi_version, info, version_string);

		IFC_SET(mcqi_version, info, version,
			c->fw_major << 24 | c->fw_minor << 16 | c->fw_sub);
		len = (size_t)snprintf(text, 92, "%u.%u.%04u", c->fw_major, c->fw_minor, c->fw_sub);
		IFC_SET(mcqi_version, info, version_string_length, len);
		len = IFC_SZ(mcqi_version);
		break;
	}
	default:
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, REG_SYND_VALUE, "no information type %u",
				    IFC_GET(mcqi_reg, data, info_type));
	}
	IFC_SET(mcqi_reg, data, info_size, len);
	return IFC_ST_OK;
}

/* Whoever asks sees the port, only the PF can have its counters begin anew. */
static enum ifc_status reg_ppcnt(struct fwsim_cmd *cmd, bool write, uint8_t *data)
{
	bool clear = IFC_GET(ppcnt_reg, data, clr) && of_port(cmd);

	(void)write;
	memset(data + 8, 0, REG_MAX - 8);
	fwsim_ppcnt(cmd->fw, data, clear);
	return IFC_ST_OK;
}

static const struct reg {
	uint16_t id;
	uint16_t len; /* least data to be given */
	const char *name;
	reg_fn *fn;
} regs[] = {
	{ REG_HOST_ENDIANNESS, 0x10, "HOST_ENDIANNESS", reg_accept },
	{ REG_PCAM, 8, "PCAM", reg_zeros },
	{ REG_QCAM, 8, "QCAM", reg_zeros },
	{ REG_MCAM, 8, "MCAM", reg_mcam },
	{ REG_PMTU, IFC_SZ(pmtu_reg), "PMTU", reg_pmtu },
	{ REG_PTYS, IFC_SZ(ptys_reg), "PTYS", reg_ptys },
	{ REG_PAOS, IFC_SZ(paos_reg), "PAOS", reg_paos },
	{ REG_PFCC, 0x10, "PFCC", reg_pfcc },
	{ REG_PPCNT, 8, "PPCNT", reg_ppcnt },
	{ REG_NODE_DESC, 0, "NODE_DESC", reg_node_desc },
	{ REG_MCQS, IFC_SZ(mcqs_reg), "MCQS", reg_mcqs },
	{ REG_MCQI, IFC_SZ(mcqi_reg), "MCQI", reg_mcqi },
	{ REG_DTOR, 0, "DTOR", reg_dtor },
};

enum ifc_status fwsim_cmd_access_reg(struct fwsim_cmd *cmd)
{
	uint32_t in_len = cmd->in_len - (uint32_t)IFC_SZ(access_register_in);
	uint32_t out_len = cmd->out_len - (uint32_t)IFC_SZ(access_register_out);
	uint32_t id = IFC_GET(access_register_in, cmd->in, register_id);
	uint8_t data[REG_MAX] = { 0 };
	enum ifc_status st;
	size_t i;

	if (cmd->op_mod > 1)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, REG_SYND_OP_MOD,
				    "ACCESS_REG has no op_mod 0x%x", cmd->op_mod);
	for (i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (regs[i].id == id)
			break;
	if (i == sizeof(regs) / sizeof(regs[0]))
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, REG_SYND_ID,
				    "register 0x%x is not offered", id);
	if (in_len < regs[i].len)
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, REG_SYND_LEN,
				    "%u bytes of %s, needs %u", in_len, regs[i].name, regs[i].len);
	memcpy(data, cmd->in + IFC_SZ(access_register_in), in_len < REG_MAX ? in_len : REG_MAX);
	st = regs[i].fn(cmd, cmd->op_mod == MLX5_ACCESS_REGISTER_IN_OP_MOD_WRITE, data);
	if (st == IFC_ST_OK)
		memcpy(cmd->out + IFC_SZ(access_register_out), data,
		       out_len < REG_MAX ? out_len : REG_MAX);
	return st;
}
