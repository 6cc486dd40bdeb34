// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vport of a function: link state, NIC vport context (addresses, MTU, GUIDs) and RoCE address table.
 * What the eSwitch makes of that is in eswitch.c.
 */
#include "roce.h"

#define VPORT_MTU 1500
#define FOLLOWS_PORT 2 /* admin_state */
#define PKEY_DEFAULT 0xffff

/* IBTA port states, and field_select of the HCA vport context (device.h of the kernel). */
#define IB_PORT_DOWN 1
#define IB_PORT_ACTIVE 4
#define IB_PHYS_DISABLED 3
#define IB_PHYS_LINK_UP 5
#define HCA_VPORT_SEL_PORT_GUID 1u
#define HCA_VPORT_SEL_NODE_GUID 2u
#define HCA_VPORT_SEL_POLICY 4u
#define HCA_VPORT_SEL_ALL 7u

enum vport_synd {
	VPORT_SYND_NUMBER = 0x754001,
	VPORT_SYND_OP_MOD = 0x754002,
	VPORT_SYND_VALUE = 0x754003,
	VPORT_SYND_LEN = 0x754004,
	VPORT_SYND_MEMORY = 0x754005,
};

#define CTX(v, fld) IFC_PTR(nic_vport_context, (v)->vport.ctx, fld)
/* The six bytes of a MAC address follow two of padding. */
#define MAC(v) (CTX(v, permanent_address) + 2)

/* The log_max_current_*_list and log_max_vlan_list of the capabilities. */
const uint32_t fwsim_vport_list_max[FWSIM_VPORT_LISTS] = { 128, 1024, 4096 };

/* EUI-64 of a MAC address. */
static uint64_t guid_of(const uint8_t mac[6])
{
	uint8_t g[8] = { (uint8_t)(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] };

	return ifc_ld64(g);
}

void fwsim_vport_fini(struct fwsim_vhca *v)
{
	unsigned int i;

	for (i = 0; i < FWSIM_VPORT_LISTS; i++) {
		free(v->vport.list[i]);
		v->vport.list[i] = NULL;
		v->vport.list_n[i] = 0;
	}
}

void fwsim_vport_reset(struct fwsim_vhca *v)
{
	uint8_t *ctx = v->vport.ctx, armed[4];

	fwsim_vport_fini(v);
	memcpy(armed, ctx + FWSIM_VPORT_ARMED_OFF, sizeof(armed));
	memset(ctx, 0, sizeof(v->vport.ctx));
	if (v->fn) /* what a VF does, the PF wants to know also after a reset of the VF */
		memcpy(ctx + FWSIM_VPORT_ARMED_OFF, armed, sizeof(armed));
	IFC_SET(nic_vport_context, ctx, mtu, VPORT_MTU);
	memcpy(MAC(v), v->vport.admin_mac, 6);
	IFC_SET64(nic_vport_context, ctx, node_guid, guid_of(v->vport.admin_mac));
	IFC_SET64(nic_vport_context, ctx, port_guid, guid_of(v->vport.admin_mac));
	IFC_SET64(nic_vport_context, ctx, system_image_guid, guid_of(v->fw->cfg.mac));
	if (v->fn)
		fwsim_vport_changed(v, FWSIM_VPORT_UC | FWSIM_VPORT_MC | FWSIM_VPORT_PROMISC);
}

/* The PF is told once, and arms again when it has looked. What changes in between is not lost. */
static void vport_tell(struct fwsim_vhca *v)
{
	uint8_t *ctx = v->vport.ctx, data[28] = { 0 };

	if (!IFC_GET(nic_vport_context, ctx, arm_change_event) ||
	    !(v->vport.changed & ctx[FWSIM_VPORT_ARMED_OFF + 3]))
		return;
	IFC_SET(nic_vport_context, ctx, arm_change_event, 0);
	v->vport.changed = 0;
	ifc_st16(data + 2, (uint16_t)v->fn);
	fwsim_event_post(v->fw->vhca[0], IFC_EVENT_NIC_VPORT_CHANGE, 0, data);
}

void fwsim_vport_changed(struct fwsim_vhca *v, uint8_t bits)
{
	v->vport.changed |= bits;
	vport_tell(v);
}

void fwsim_vport_adopt(struct fwsim_vhca *v, struct fwsim_vport *from)
{
	struct fwsim_vport *vp = &v->vport, old = *vp;
	unsigned int i;

	memcpy(vp->ctx, from->ctx, sizeof(vp->ctx));
	memcpy(vp->ctx + FWSIM_VPORT_ARMED_OFF, old.ctx + FWSIM_VPORT_ARMED_OFF, 4);
	for (i = 0; i < FWSIM_VPORT_LISTS; i++) {
		vp->list[i] = from->list[i];
		vp->list_n[i] = from->list_n[i];
		from->list[i] = old.list[i];
		from->list_n[i] = old.list_n[i];
	}
	memcpy(vp->rx, from->rx, sizeof(vp->rx));
	memcpy(vp->tx, from->tx, sizeof(vp->tx));
	vp->loopback = from->loopback;
	vp->rx_down = from->rx_down;
	vp->tx_down = from->tx_down;
	vp->rx_unsteered = from->rx_unsteered;
	fwsim_vport_changed(v, FWSIM_VPORT_UC | FWSIM_VPORT_MC | FWSIM_VPORT_PROMISC);
}

bool fwsim_port_up(const struct fwsim *fw)
{
	return !fw->port_down && !fw->uplink_down;
}

static void link_event(struct fwsim_vhca *v)
{
	uint8_t data[28] = { [8] = 0x10 }; /* port 1 */

	if (v->hca == FWSIM_HCA_INIT)
		fwsim_event_post(v, IFC_EVENT_PORT_CHANGE, fwsim_vport_link_up(v) ? 4 : 1, data);
}

void fwsim_port_event(struct fwsim *fw)
{
	for (unsigned int i = 0; i < fw->nfn; i++)
		if (fw->vhca[i]->vport.admin_state == FOLLOWS_PORT)
			link_event(fw->vhca[i]);
}

/* Administrative state; the function is told if its link goes up or down by that. */
static void set_admin_state(struct fwsim_vhca *v, uint32_t admin)
{
	bool up = fwsim_vport_link_up(v);

	v->vport.admin_state = (uint8_t)admin;
	if (up != fwsim_vport_link_up(v))
		link_event(v);
}

void fwsim_vport_init(struct fwsim_vhca *v)
{
	const uint8_t *pf = v->fw->cfg.mac;
	uint32_t low = ((uint32_t)pf[3] << 16 | (uint32_t)pf[4] << 8 | pf[5]) + v->fn;
	uint8_t *mac = v->vport.admin_mac;

	memcpy(mac, pf, 3);
	mac[3] = (uint8_t)(low >> 16);
	mac[4] = (uint8_t)(low >> 8);
	mac[5] = (uint8_t)low;
	v->vport.admin_state = FOLLOWS_PORT;
	fwsim_vport_reset(v);
}

void fwsim_roce_gids_changed(struct fwsim_vhca *v)
{
	static const uint8_t none[sizeof(v->gid[0])];

	v->gid_end = FWSIM_GIDS;
	while (v->gid_end && !memcmp(v->gid[v->gid_end - 1], none, sizeof(none)))
		v->gid_end--;
}

bool fwsim_roce_has_mac(const struct fwsim_vhca *v, const uint8_t *mac)
{
	unsigned int i;

	/* What a VF without an address and an entry that is not set have: it names nobody. */
	if (!ifc_ld16(mac) && !ifc_ld32(mac + 2))
		return false;
	if (!memcmp(IFC_CPTR(nic_vport_context, v->vport.ctx, permanent_address) + 2, mac, 6))
		return true;
	for (i = 0; i < v->gid_end; i++) {
		const uint8_t *gid = v->gid[i];

		if (IFC_GET(roce_addr_layout, gid, source_mac_47_32) == ifc_ld16(mac) &&
		    IFC_GET(roce_addr_layout, gid, source_mac_31_0) == ifc_ld32(mac + 2))
			return true;
	}
	return false;
}

struct fwsim_vhca *fwsim_roce_target(struct fwsim_vhca *from, const uint8_t *mac)
{
	struct fwsim_vhca *found = NULL;
	unsigned int i, best = 0;

	if (fwsim_roce_has_mac(from, mac))
		return from;
	for (i = 0; i < from->fw->nfn && best < 4; i++) {
		struct fwsim_vhca *v = from->fw->vhca[i];
		unsigned int rank = 1 + fwsim_vhca_may_respond(v) + 2 * (v->hca == FWSIM_HCA_INIT);

		if (rank > best && fwsim_roce_has_mac(v, mac)) {
			found = v;
			best = rank;
		}
	}
	return found;
}

bool fwsim_vport_link_up(const struct fwsim_vhca *v)
{
	switch (v->vport.admin_state) {
	case 0:
		return false;
	case 1:
		return true;
	}
	return fwsim_port_up(v->fw);
}

/* Whose vport? All these inputs have other_vport and vport_number in the same place. */
enum ifc_status fwsim_vport_target(struct fwsim_cmd *cmd, struct fwsim_vhca **target)
{
	uint32_t n = IFC_GET(query_vport_state_in, cmd->in, vport_number);

	*target = cmd->vhca;
	if (!IFC_GET(query_vport_state_in, cmd->in, other_vport)) {
		if (!n || n == cmd->vhca->fn)
			return IFC_ST_OK;
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_NUMBER,
				    "vport 0x%x without other_vport", n);
	}
	if (cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_NUMBER,
				    "a VF may not look at another vport");
	*target = fwsim_vhca_by_fn(cmd->fw, n);
	if (!*target)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_NUMBER, "no vport 0x%x", n);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_vport_state(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);
	bool up;

	if (st != IFC_ST_OK)
		return st;
	switch (cmd->op_mod) {
	case MLX5_VPORT_STATE_OP_MOD_VNIC_VPORT:
	case MLX5_VPORT_STATE_OP_MOD_ESW_VPORT:
		up = fwsim_vport_link_up(v);
		break;
	case MLX5_VPORT_STATE_OP_MOD_UPLINK:
		up = fwsim_port_up(cmd->fw);
		break;
	default:
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, VPORT_SYND_OP_MOD,
				    "QUERY_VPORT_STATE has no op_mod 0x%x", cmd->op_mod);
	}
	IFC_SET(query_vport_state_out, cmd->out, admin_state, v->vport.admin_state);
	IFC_SET(query_vport_state_out, cmd->out, state, up);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_modify_vport_state(struct fwsim_cmd *cmd)
{
	uint32_t admin = IFC_GET(modify_vport_state_in, cmd->in, admin_state);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (cmd->op_mod > MLX5_VPORT_STATE_OP_MOD_UPLINK)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, VPORT_SYND_OP_MOD,
				    "MODIFY_VPORT_STATE has no op_mod 0x%x", cmd->op_mod);
	if (cmd->op_mod != MLX5_VPORT_STATE_OP_MOD_VNIC_VPORT && cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_NUMBER,
				    "a VF may only set its own vport");
	if (admin > 2)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE,
				    "administrative state %u is none", admin);
	set_admin_state(v, admin);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_nic_vport_context(struct fwsim_cmd *cmd)
{
	uint32_t type = IFC_GET(query_nic_vport_context_in, cmd->in, allowed_list_type);
	uint32_t room = (cmd->out_len - (uint32_t)IFC_SZ(query_nic_vport_context_out)) / 8, n;
	uint8_t *ctx = IFC_PTR(query_nic_vport_context_out, cmd->out, nic_vport_context);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (type >= FWSIM_VPORT_LISTS)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE, "no list of type %u",
				    type);
	memcpy(ctx, v->vport.ctx, sizeof(v->vport.ctx));
	/* A driver trusts this count: never more than it has room for. */
	n = v->vport.list_n[type] < room ? v->vport.list_n[type] : room;
	IFC_SET(nic_vport_context, ctx, allowed_list_type, type);
	IFC_SET(nic_vport_context, ctx, allowed_list_size, n);
	if (n)
		memcpy(ctx + IFC_SZ(nic_vport_context), v->vport.list[type], 8 * (size_t)n);
	return IFC_ST_OK;
}

static enum ifc_status set_list(struct fwsim_cmd *cmd, struct fwsim_vhca *v, const uint8_t *ctx,
				uint8_t *changed)
{
	uint32_t type = IFC_GET(nic_vport_context, ctx, allowed_list_type);
	uint32_t n = IFC_GET(nic_vport_context, ctx, allowed_list_size);
	uint32_t room = (cmd->in_len - (uint32_t)IFC_SZ(modify_nic_vport_context_in)) / 8;
	uint8_t *list = NULL;
	bool same;

	if (type >= FWSIM_VPORT_LISTS)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE, "no list of type %u",
				    type);
	if (n > fwsim_vport_list_max[type])
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, VPORT_SYND_VALUE,
				    "a list of %u entries, at most %u", n, fwsim_vport_list_max[type]);
	if (n > room)
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, VPORT_SYND_LEN,
				    "%u list entries do not fit into %u bytes of input", n,
				    cmd->in_len);
	if (n) {
		list = malloc(8 * (size_t)n);
		if (!list)
			return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, VPORT_SYND_MEMORY,
					    "no memory");
		memcpy(list, ctx + IFC_SZ(nic_vport_context), 8 * (size_t)n);
	}
	same = n == v->vport.list_n[type] && (!n || !memcmp(list, v->vport.list[type], 8 * (size_t)n));
	free(v->vport.list[type]);
	v->vport.list[type] = list;
	v->vport.list_n[type] = n;
	*changed |= (uint8_t)(same ? 0 : 1u << type); /* as FWSIM_VPORT_UC and those that follow */
	return IFC_ST_OK;
}

#define SELECTED(sel, fld) IFC_GET(modify_nic_vport_field_select, (sel), fld)
#define COPY(ctx, from, fld)                                                                       \
	IFC_SET(nic_vport_context, (ctx), fld, IFC_GET(nic_vport_context, (from), fld))
#define COPY_NOTED(ctx, from, fld, bit)                                                            \
	do {                                                                                       \
		if (IFC_GET(nic_vport_context, (ctx), fld) != IFC_GET(nic_vport_context, (from), fld)) \
			changed |= (bit);                                                          \
		COPY(ctx, from, fld);                                                              \
	} while (0)

enum ifc_status fwsim_cmd_modify_nic_vport_context(struct fwsim_cmd *cmd)
{
	const uint8_t *sel = IFC_CPTR(modify_nic_vport_context_in, cmd->in, field_select);
	const uint8_t *from = IFC_CPTR(modify_nic_vport_context_in, cmd->in, nic_vport_context);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);
	uint8_t *ctx, changed = 0;

	if (st != IFC_ST_OK)
		return st;
	if (SELECTED(sel, affiliation))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE,
				    "affiliation of ports is not offered");
	ctx = v->vport.ctx;
	/* The list is the only part that can fail, so it goes first. */
	if (SELECTED(sel, addresses_list))
		st = set_list(cmd, v, from, &changed);
	if (st != IFC_ST_OK)
		return st;
	if (SELECTED(sel, roce_en))
		COPY(ctx, from, roce_en);
	if (SELECTED(sel, min_inline))
		COPY(ctx, from, min_wqe_inline_mode);
	if (SELECTED(sel, mtu))
		COPY_NOTED(ctx, from, mtu, FWSIM_VPORT_MTU);
	if (SELECTED(sel, disable_mc_local_lb))
		COPY(ctx, from, disable_mc_local_lb);
	if (SELECTED(sel, disable_uc_local_lb))
		COPY(ctx, from, disable_uc_local_lb);
	if (SELECTED(sel, promisc)) {
		COPY_NOTED(ctx, from, promisc_uc, FWSIM_VPORT_PROMISC);
		COPY_NOTED(ctx, from, promisc_mc, FWSIM_VPORT_PROMISC);
		COPY_NOTED(ctx, from, promisc_all, FWSIM_VPORT_PROMISC);
	}
	if (SELECTED(sel, change_event)) {
		COPY(ctx, from, arm_change_event);
		COPY(ctx, from, event_on_mtu);
		COPY(ctx, from, event_on_promisc_change);
		COPY(ctx, from, event_on_vlan_change);
		COPY(ctx, from, event_on_mc_address_change);
		COPY(ctx, from, event_on_uc_address_change);
	}
	if (SELECTED(sel, permanent_address)) {
		memcpy(CTX(v, permanent_address),
		       IFC_CPTR(nic_vport_context, from, permanent_address), 8);
		if (v != cmd->vhca) /* set by the PF: what a reset goes back to */
			memcpy(v->vport.admin_mac, MAC(v), 6);
	}
	if (SELECTED(sel, node_guid)) {
		uint64_t guid = IFC_GET64(nic_vport_context, from, node_guid);

		IFC_SET64(nic_vport_context, ctx, node_guid, guid ? guid : guid_of(MAC(v)));
	}
	if (SELECTED(sel, port_guid)) {
		uint64_t guid = IFC_GET64(nic_vport_context, from, port_guid);

		IFC_SET64(nic_vport_context, ctx, port_guid, guid ? guid : guid_of(MAC(v)));
	}
	fwsim_vport_changed(v, changed);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_hca_vport_pkey(struct fwsim_cmd *cmd)
{
	uint32_t index = IFC_GET(query_hca_vport_pkey_in, cmd->in, pkey_index);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (index && index != PKEY_DEFAULT) /* 0xffff asks for the whole table */
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, VPORT_SYND_VALUE, "no pkey %u", index);
	if (cmd->out_len < IFC_SZ(query_hca_vport_pkey_out) + 4)
		return fwsim_refuse(cmd, IFC_ST_BAD_OUTPUT_LEN, VPORT_SYND_LEN,
				    "no room for a pkey");
	ifc_st32(cmd->out + IFC_SZ(query_hca_vport_pkey_out), PKEY_DEFAULT);
	return IFC_ST_OK;
}

/* The same vport as an InfiniBand port sees it. There is no subnet manager: a LID is a function. */
enum ifc_status fwsim_cmd_query_hca_vport_context(struct fwsim_cmd *cmd)
{
	uint8_t *ctx = IFC_PTR(query_hca_vport_context_out, cmd->out, hca_vport_context);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);
	bool up;

	if (st != IFC_ST_OK)
		return st;
	up = fwsim_vport_link_up(v);
	IFC_SET(hca_vport_context, ctx, has_raw, 1);
	IFC_SET(hca_vport_context, ctx, grh_required, 1);
	IFC_SET(hca_vport_context, ctx, port_physical_state, up ? IB_PHYS_LINK_UP : IB_PHYS_DISABLED);
	IFC_SET(hca_vport_context, ctx, vport_state_policy, v->vport.admin_state);
	IFC_SET(hca_vport_context, ctx, port_state, up ? IB_PORT_ACTIVE : IB_PORT_DOWN);
	IFC_SET(hca_vport_context, ctx, vport_state, up ? IB_PORT_ACTIVE : IB_PORT_DOWN);
	IFC_SET64(hca_vport_context, ctx, system_image_guid,
		  IFC_GET64(nic_vport_context, v->vport.ctx, system_image_guid));
	IFC_SET64(hca_vport_context, ctx, port_guid,
		  IFC_GET64(nic_vport_context, v->vport.ctx, port_guid));
	IFC_SET64(hca_vport_context, ctx, node_guid,
		  IFC_GET64(nic_vport_context, v->vport.ctx, node_guid));
	IFC_SET(hca_vport_context, ctx, lid, v->fn + 1);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_modify_hca_vport_context(struct fwsim_cmd *cmd)
{
	const uint8_t *from = IFC_CPTR(modify_hca_vport_context_in, cmd->in, hca_vport_context);
	uint32_t sel = IFC_GET(hca_vport_context, from, field_select);
	uint32_t policy = IFC_GET(hca_vport_context, from, vport_state_policy);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_NUMBER,
				    "only the PF may set GUIDs and policies");
	if (sel & ~HCA_VPORT_SEL_ALL)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE,
				    "field_select 0x%x names fields that cannot be set", sel);
	if (sel & HCA_VPORT_SEL_POLICY && policy > 2)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, VPORT_SYND_VALUE, "policy %u is none",
				    policy);
	if (sel & HCA_VPORT_SEL_PORT_GUID)
		IFC_SET64(nic_vport_context, v->vport.ctx, port_guid,
			  IFC_GET64(hca_vport_context, from, port_guid));
	if (sel & HCA_VPORT_SEL_NODE_GUID)
		IFC_SET64(nic_vport_context, v->vport.ctx, node_guid,
			  IFC_GET64(hca_vport_context, from, node_guid));
	if (sel & HCA_VPORT_SEL_POLICY)
		set_admin_state(v, policy);
	return IFC_ST_OK;
}

static enum ifc_status gid_slot(struct fwsim_cmd *cmd, uint8_t **gid)
{
	uint32_t index = IFC_GET(query_roce_address_in, cmd->in, roce_address_index);

	*gid = index < FWSIM_GIDS ? cmd->vhca->gid[index] : NULL;
	if (!*gid)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, VPORT_SYND_VALUE,
				    "RoCE address %u of %u", index, FWSIM_GIDS);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_roce_address(struct fwsim_cmd *cmd)
{
	uint8_t *gid;
	enum ifc_status st = gid_slot(cmd, &gid);

	if (st == IFC_ST_OK)
		memcpy(IFC_PTR(query_roce_address_out, cmd->out, roce_address), gid,
		       IFC_SZ(roce_addr_layout));
	return st;
}

enum ifc_status fwsim_cmd_set_roce_address(struct fwsim_cmd *cmd)
{
	uint8_t *gid;
	enum ifc_status st = gid_slot(cmd, &gid);

	if (st != IFC_ST_OK)
		return st;
	memcpy(gid, IFC_CPTR(set_roce_address_in, cmd->in, roce_address), IFC_SZ(roce_addr_layout));
	fwsim_roce_gids_changed(cmd->vhca);
	return IFC_ST_OK;
}

/* Common header of a MAD. */
#define MAD_METHOD 3
#define MAD_METHOD_RESPONSE 0x80
#define MAD_STATUS 4
#define MAD_STATUS_UNSUPPORTED_METHOD_ATTR 0x000c

/*
 * A management packet for the port. There is no agent here: each is answered as one that knows neither
 * method nor attribute, which is what a driver takes as "not offered".
 */
enum ifc_status fwsim_cmd_mad_ifc(struct fwsim_cmd *cmd)
{
	uint8_t *mad = IFC_PTR(mad_ifc_out, cmd->out, response_mad_packet);

	memcpy(mad, IFC_CPTR(mad_ifc_in, cmd->in, mad), 256);
	mad[MAD_METHOD] |= MAD_METHOD_RESPONSE;
	ifc_st16(mad + MAD_STATUS, MAD_STATUS_UNSUPPORTED_METHOD_ATTR);
	return IFC_ST_OK;
}
