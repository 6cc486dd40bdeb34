// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of the eSwitch beside its flow tables: VLAN of a vport, table of the addresses that the port lets
 * in, counters of a vport.
 */
#include "flow.h"

#define MAC_LIST_OFF 2 /* of the six bytes in mac_address_layout */

enum esw_synd {
	ESW_SYND_FIELD = 0x753001,
	ESW_SYND_VLAN = 0x753002,
	ESW_SYND_INDEX = 0x753003,
	ESW_SYND_MAC = 0x753004,
	ESW_SYND_MEMORY = 0x753005,
	ESW_SYND_OP_MOD = 0x753006,
};

#define SELECTED(sel, fld) IFC_GET(esw_vport_context_fields_select, (sel), fld)
#define CTX(ctx, fld) IFC_GET(esw_vport_context, (ctx), fld)

enum ifc_status fwsim_cmd_query_esw_vport_context(struct fwsim_cmd *cmd)
{
	uint8_t *ctx = IFC_PTR(query_esw_vport_context_out, cmd->out, esw_vport_context);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	IFC_SET(esw_vport_context, ctx, vport_cvlan_strip, v->vport.cvlan_strip);
	IFC_SET(esw_vport_context, ctx, vport_cvlan_insert, v->vport.cvlan_insert);
	IFC_SET(esw_vport_context, ctx, cvlan_pcp, v->vport.cvlan_tci >> 13);
	IFC_SET(esw_vport_context, ctx, cvlan_cfi, v->vport.cvlan_tci >> 12 & 1);
	IFC_SET(esw_vport_context, ctx, cvlan_id, v->vport.cvlan_tci & 0xfff);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_modify_esw_vport_context(struct fwsim_cmd *cmd)
{
	const uint8_t *sel = IFC_CPTR(modify_esw_vport_context_in, cmd->in, field_select);
	const uint8_t *ctx = IFC_CPTR(modify_esw_vport_context_in, cmd->in, esw_vport_context);
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (SELECTED(sel, vport_svlan_strip) || SELECTED(sel, vport_svlan_insert) ||
	    SELECTED(sel, fdb_to_vport_reg_c_id))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, ESW_SYND_FIELD,
				    "service tags and registers of a vport are not offered");
	if (SELECTED(sel, vport_cvlan_insert) && CTX(ctx, vport_cvlan_insert) > 1)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, ESW_SYND_VLAN,
				    "vport_cvlan_insert %u: only if there is none is offered",
				    CTX(ctx, vport_cvlan_insert));
	if (SELECTED(sel, vport_cvlan_strip))
		v->vport.cvlan_strip = CTX(ctx, vport_cvlan_strip);
	if (SELECTED(sel, vport_cvlan_insert)) {
		v->vport.cvlan_insert = (uint8_t)CTX(ctx, vport_cvlan_insert);
		v->vport.cvlan_tci = (uint16_t)(CTX(ctx, cvlan_pcp) << 13 | CTX(ctx, cvlan_cfi) << 12 |
						CTX(ctx, cvlan_id));
	}
	return IFC_ST_OK;
}

/* ---- addresses that the port lets in -------------------------------------------------------- */

/*
 * On a card with one PF this table keeps nothing out: what comes in is its eSwitch's. It is kept for the
 * driver that asks.
 */
static enum ifc_status l2_entry(struct fwsim_cmd *cmd, struct fwsim_l2_entry **e)
{
	uint32_t index = IFC_GET(query_l2_table_entry_in, cmd->in, table_index);
	struct fwsim *fw = cmd->fw;

	if (index >> FWSIM_LOG_L2_TABLE)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, ESW_SYND_INDEX,
				    "entry %u of 2^%u of the L2 table", index, FWSIM_LOG_L2_TABLE);
	if (!fw->l2)
		fw->l2 = calloc(1u << FWSIM_LOG_L2_TABLE, sizeof(*fw->l2));
	if (!fw->l2)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, ESW_SYND_MEMORY, "no memory");
	*e = &fw->l2[index];
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_set_l2_table_entry(struct fwsim_cmd *cmd)
{
	const uint8_t *mac = IFC_CPTR(set_l2_table_entry_in, cmd->in, mac_address) + MAC_LIST_OFF;
	struct fwsim_l2_entry *e;
	enum ifc_status st = l2_entry(cmd, &e);

	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(set_l2_table_entry_in, cmd->in, silent_mode_valid))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, ESW_SYND_FIELD, "no silent mode");
	if (mac[0] & 1)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, ESW_SYND_MAC,
				    "a multicast address in the L2 table");
	e->used = true;
	memcpy(e->mac, mac, 6);
	e->vlan_valid = IFC_GET(set_l2_table_entry_in, cmd->in, vlan_valid);
	e->vlan = (uint16_t)IFC_GET(set_l2_table_entry_in, cmd->in, vlan);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_l2_table_entry(struct fwsim_cmd *cmd)
{
	struct fwsim_l2_entry *e;
	enum ifc_status st = l2_entry(cmd, &e);

	if (st != IFC_ST_OK)
		return st;
	if (!e->used)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, ESW_SYND_INDEX,
				    "there is nothing in that entry of the L2 table");
	memcpy(IFC_PTR(query_l2_table_entry_out, cmd->out, mac_address) + MAC_LIST_OFF, e->mac, 6);
	IFC_SET(query_l2_table_entry_out, cmd->out, vlan_valid, e->vlan_valid);
	IFC_SET(query_l2_table_entry_out, cmd->out, vlan, e->vlan);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_delete_l2_table_entry(struct fwsim_cmd *cmd)
{
	struct fwsim_l2_entry *e;
	enum ifc_status st = l2_entry(cmd, &e);

	if (st != IFC_ST_OK)
		return st;
	if (!e->used)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, ESW_SYND_INDEX,
				    "there is nothing in that entry of the L2 table");
	memset(e, 0, sizeof(*e));
	return IFC_ST_OK;
}

void fwsim_esw_reset(struct fwsim *fw)
{
	unsigned int i;

	fwsim_qos_reset(fw);
	free(fw->l2);
	fw->l2 = NULL;
	for (i = 0; i < fw->nfn; i++) {
		struct fwsim_vport *vp = &fw->vhca[i]->vport;

		vp->cvlan_strip = false;
		vp->cvlan_insert = 0;
		vp->cvlan_tci = 0;
		vp->changed = 0;
		IFC_SET(nic_vport_context, vp->ctx, arm_change_event, 0);
	}
}

/* ---- counters ------------------------------------------------------------------------------- */

static void put_traffic(uint8_t *to, const struct fwsim_traffic *t)
{
	IFC_SET64(traffic_counter, to, packets, t->packets);
	IFC_SET64(traffic_counter, to, octets, t->octets);
}

#define PUT(fld, t) put_traffic(IFC_PTR(query_vport_counter_out, cmd->out, fld), &(t))

enum ifc_status fwsim_cmd_query_vport_counter(struct fwsim_cmd *cmd)
{
	struct fwsim_traffic *rx, *tx;
	struct fwsim_vhca *v;
	enum ifc_status st = fwsim_vport_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	rx = v->vport.rx;
	tx = v->vport.tx;
	PUT(received_eth_unicast, rx[FWSIM_CAST_UNI]);
	PUT(received_eth_multicast, rx[FWSIM_CAST_MULTI]);
	PUT(received_eth_broadcast, rx[FWSIM_CAST_BROAD]);
	PUT(transmitted_eth_unicast, tx[FWSIM_CAST_UNI]);
	PUT(transmitted_eth_multicast, tx[FWSIM_CAST_MULTI]);
	PUT(transmitted_eth_broadcast, tx[FWSIM_CAST_BROAD]);
	PUT(local_loopback, v->vport.loopback);
	if (IFC_GET(query_vport_counter_in, cmd->in, clear)) {
		memset(rx, 0, sizeof(v->vport.rx));
		memset(tx, 0, sizeof(v->vport.tx));
		v->vport.loopback = (struct fwsim_traffic){ 0 };
	}
	return IFC_ST_OK;
}

#define ENV(fld, v) IFC_SET64(vnic_diagnostic_statistics, env, fld, (v))

enum ifc_status fwsim_cmd_query_vnic_env(struct fwsim_cmd *cmd)
{
	uint8_t *env = IFC_PTR(query_vnic_env_out, cmd->out, vport_env);
	struct fwsim_vhca *v;
	enum ifc_status st;

	if (cmd->op_mod != MLX5_QUERY_VNIC_ENV_IN_OP_MOD_VPORT_DIAG_STATISTICS)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, ESW_SYND_OP_MOD,
				    "QUERY_VNIC_ENV has no op_mod 0x%x", cmd->op_mod);
	st = fwsim_vport_target(cmd, &v);
	if (st != IFC_ST_OK)
		return st;
	ENV(nic_receive_steering_discard, v->vport.rx_unsteered);
	ENV(receive_discard_vport_down, v->vport.rx_down);
	ENV(transmit_discard_vport_down, v->vport.tx_down);
	return IFC_ST_OK;
}
