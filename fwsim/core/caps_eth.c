// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities of an Ethernet port: offloads of queues, what flow tables can match, the eSwitch. No more
 * than what is implemented.
 */
#include "flow.h"

#define CAP_ETHERNET_OFFLOADS 0x1
#define CAP_FLOW_TABLE 0x7
#define CAP_ESW_FLOW_TABLE 0x8
#define CAP_ESWITCH 0x9
#define CAP_QOS 0xc
#define INLINE_MODE_NOT_REQUIRED 2 /* <linux/mlx5/vport.h> */

#define GEN(cap, fld, v) IFC_SET(cmd_hca_cap, (cap), fld, (v))
#define ETH(cap, fld, v) IFC_SET(per_protocol_networking_offload_caps, (cap), fld, (v))
#define FT(cap, fld, v) IFC_SET(flow_table_prop_layout, (cap), fld, (v))

void fwsim_cap_eth_general(const struct fwsim_vhca *v, uint8_t *cap)
{
	bool pf = v->fn == 0;

	GEN(cap, port_type, MLX5_CAP_PORT_TYPE_ETH);
	GEN(cap, eth_net_offloads, 1);
	GEN(cap, nic_flow_table, 1);
	GEN(cap, nic_vport_change_event, 1);
	GEN(cap, vport_counters, 1);
	GEN(cap, nic_receive_steering_discard, 1);
	GEN(cap, receive_discard_vport_down, 1);
	GEN(cap, transmit_discard_vport_down, 1);
	GEN(cap, max_flow_counter_15_0, 1u << FWSIM_FLOW_LOG_COUNTERS);
	GEN(cap, log_max_flow_counter_bulk, FWSIM_FLOW_LOG_QUERY);
	GEN(cap, eswitch_manager, pf);
	GEN(cap, qos, pf);
	GEN(cap, log_max_l2_table, pf ? FWSIM_LOG_L2_TABLE : 0);
	if (!v->fw->cfg.no_striding_rq) {
		GEN(cap, striding_rq, 1);
		GEN(cap, ext_stride_num_range, 1);
		GEN(cap, umr_ptr_rlky, 1);
	}
}

static void offloads(const struct fwsim_vhca *v, uint8_t *cap)
{
	ETH(cap, csum_cap, 1);
	ETH(cap, vlan_cap, 1);
	ETH(cap, self_lb_en_modifiable, 1);
	ETH(cap, max_lso_cap, 18);
	ETH(cap, wqe_inline_mode, INLINE_MODE_NOT_REQUIRED);
	ETH(cap, rss_ind_tbl_cap, FWSIM_LOG_RQT_SIZE);
	ETH(cap, cqe_checksum_full, 1);
	ETH(cap, reg_umr_sq, !v->fw->cfg.no_striding_rq);
}

/* The fields that flow_walk.c looks at, each with any mask. */
static void fields(uint8_t *f)
{
#define FIELD(fld) IFC_SET(flow_table_fields_supported, f, fld, 1)
	FIELD(outer_dmac);
	FIELD(outer_smac);
	FIELD(outer_ether_type);
	FIELD(outer_ip_version);
	FIELD(outer_first_prio);
	FIELD(outer_first_cfi);
	FIELD(outer_first_vid);
	FIELD(outer_second_prio);
	FIELD(outer_second_cfi);
	FIELD(outer_second_vid);
	FIELD(outer_ipv4_ttl);
	FIELD(outer_sip);
	FIELD(outer_dip);
	FIELD(outer_frag);
	FIELD(outer_ip_protocol);
	FIELD(outer_ip_ecn);
	FIELD(outer_ip_dscp);
	FIELD(outer_udp_sport);
	FIELD(outer_udp_dport);
	FIELD(outer_tcp_sport);
	FIELD(outer_tcp_dport);
	FIELD(outer_tcp_flags);
#undef FIELD
}

static void tables(uint8_t *prop)
{
	FT(prop, ft_support, 1);
	FT(prop, flow_counter, 1);
	FT(prop, flow_modify_en, 1);
	FT(prop, modify_root, 1);
	FT(prop, identified_miss_table_mode, 1);
	FT(prop, flow_table_modify, 1);
	FT(prop, log_max_ft_size, FWSIM_FLOW_LOG_SIZE);
	FT(prop, max_ft_level, FWSIM_FLOW_LEVELS);
	FT(prop, log_max_ft_num, FWSIM_FLOW_LOG_TABLES);
	FT(prop, log_max_destination, FWSIM_FLOW_LOG_DESTS);
	FT(prop, log_max_flow, FWSIM_FLOW_LOG_ENTRIES);
	FT(prop, log_max_flow_counter, FWSIM_FLOW_MAX_COUNTERS - 1);
	fields(IFC_PTR(flow_table_prop_layout, prop, ft_field_support));
	fields(IFC_PTR(flow_table_prop_layout, prop, ft_field_bitmask_support));
}

static void esw_tables(uint8_t *cap)
{
	tables(IFC_PTR(flow_table_eswitch_cap, cap, flow_table_properties_nic_esw_fdb));
	tables(IFC_PTR(flow_table_eswitch_cap, cap, flow_table_properties_esw_acl_ingress));
	tables(IFC_PTR(flow_table_eswitch_cap, cap, flow_table_properties_esw_acl_egress));
}

static void eswitch(uint8_t *cap)
{
	IFC_SET(e_switch_cap, cap, vport_cvlan_strip, 1);
	IFC_SET(e_switch_cap, cap, vport_cvlan_insert_if_not_exist, 1);
	IFC_SET(e_switch_cap, cap, nic_vport_node_guid_modify, 1);
	IFC_SET(e_switch_cap, cap, nic_vport_port_guid_modify, 1);
}

/* Rates of vports, by TSARs of one kind. */
static void qos(uint8_t *cap)
{
	IFC_SET(qos_cap, cap, esw_scheduling, 1);
	IFC_SET(qos_cap, cap, esw_bw_share, 1);
	IFC_SET(qos_cap, cap, esw_rate_limit, 1);
	IFC_SET(qos_cap, cap, log_esw_max_sched_depth, FWSIM_QOS_LOG_DEPTH);
	IFC_SET(qos_cap, cap, esw_element_type, ELEMENT_TYPE_CAP_MASK_TSAR | ELEMENT_TYPE_CAP_MASK_VPORT);
	IFC_SET(qos_cap, cap, esw_tsar_type, TSAR_TYPE_CAP_MASK_DWRR);
	IFC_SET(qos_cap, cap, max_tsar_bw_share, FWSIM_QOS_MAX_SHARE);
}

bool fwsim_cap_eth(const struct fwsim_vhca *v, unsigned int type, uint8_t *cap)
{
	if (v->fw->cfg.port != FWSIM_PORT_ETH)
		return false;
	switch (type) {
	case CAP_ETHERNET_OFFLOADS:
		offloads(v, cap);
		return true;
	case CAP_FLOW_TABLE:
		tables(IFC_PTR(flow_table_nic_cap, cap, flow_table_properties_nic_receive));
		return true;
	case CAP_ESW_FLOW_TABLE:
		if (v->fn == 0)
			esw_tables(cap);
		return v->fn == 0;
	case CAP_ESWITCH:
		if (v->fn == 0)
			eswitch(cap);
		return v->fn == 0;
	case CAP_QOS:
		if (v->fn == 0)
			qos(cap);
		return v->fn == 0;
	}
	return false;
}
