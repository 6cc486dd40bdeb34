// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The eSwitch: which vport gets which frame, and who is told of what. That a frame has come to a vport shows in
 * the vport's counters; what it is filled into is a matter of test_eth_rx.c.
 */
#include "data_rig.h"
#include "flow_rig.h"

#include <string.h>

#define OK IFC_ST_OK

/* PF and VFs 1 and 2 booted; addresses of vport n are 02:00:00:00:00:0n. */
static void set_macs(struct harness *h)
{
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t *mac = IFC_PTR(nic_vport_context, h->fw->vhca[i]->vport.ctx, permanent_address);

		flow_mac(mac + 2, i);
	}
}

static struct harness *three(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1);
	h_boot(h, 2);
	set_macs(h);
	return h;
}

static uint64_t received(struct harness *h, unsigned int fn)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < FWSIM_CASTS; i++)
		n += h->fw->vhca[fn]->vport.rx[i].packets;
	return n;
}

/* Frame from vport @src (0xffff: the wire) to @dst; bit n of the result: vport n got it, bit 31: the wire. */
static uint32_t sent(struct harness *h, unsigned int src, const uint8_t *data, size_t len)
{
	uint64_t before[3];
	uint32_t got = 0;

	h->wire_n = 0;
	for (unsigned int i = 0; i < 3; i++)
		before[i] = received(h, i);
	if (src == FWSIM_VPORT_UPLINK)
		assert_true(fwsim_uplink_rx(h->fw, data, len));
	else
		fwsim_eswitch_tx(h->fw->vhca[src], data, len);
	for (unsigned int i = 0; i < 3; i++)
		got |= (uint32_t)(received(h, i) - before[i]) << (4 * i);
	return got | h->wire_n << 28;
}

static uint32_t sent_to(struct harness *h, unsigned int src, unsigned int dst)
{
	uint8_t frame[64];

	flow_frame(frame, sizeof(frame), dst, src & 0xff, 0x88b5);
	return sent(h, src, frame, sizeof(frame));
}

#define PF 0x1u
#define VF1 0x10u
#define VF2 0x100u
#define WIRE 0x10000000u

static void without_fdb_addresses_decide(void **state)
{
	struct harness *h = three();

	(void)state;
	assert_int_equal(sent_to(h, 1, 0), PF);
	assert_int_equal(sent_to(h, 1, 2), VF2);
	assert_int_equal(sent_to(h, 0, 1), VF1);
	assert_int_equal(sent_to(h, 1, 0x33), WIRE);
	assert_int_equal(sent_to(h, 0, 0x33), WIRE);
	assert_int_equal(sent_to(h, 1, 0xff), PF | VF2 | WIRE);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 2), VF2);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0x33), PF);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0xff), PF | VF1 | VF2);
	assert_int_equal(sent_to(h, 1, 1), 0); /* to itself: no other gets it */
	assert_int_equal(h->fw->vhca[1]->vport.loopback.packets, 2);
	/* a VF that is not there yet has no address */
	h_unboot(h, 2);
	assert_int_equal(sent_to(h, 1, 2), WIRE);
	h_free(h);
}

static void set_vport(struct harness *h, unsigned int by, unsigned int vport, const char *what, unsigned int n)
{
	uint8_t in[IFC_SZ(modify_nic_vport_context_in) + 8 * 4] = { 0 };
	uint8_t *ctx = IFC_PTR(modify_nic_vport_context_in, in, nic_vport_context);
	uint8_t *sel = IFC_PTR(modify_nic_vport_context_in, in, field_select);
	IFC_BUF(modify_nic_vport_context_out, out);

	IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	IFC_SET(modify_nic_vport_context_in, in, other_vport, by != vport);
	IFC_SET(modify_nic_vport_context_in, in, vport_number, by != vport ? vport : 0);
	if (!strcmp(what, "uc") || !strcmp(what, "mc")) {
		IFC_SET(modify_nic_vport_field_select, sel, addresses_list, 1);
		IFC_SET(nic_vport_context, ctx, allowed_list_type, what[0] == 'm');
		IFC_SET(nic_vport_context, ctx, allowed_list_size, n != 0);
		flow_mac(ctx + IFC_SZ(nic_vport_context) + 2, n);
		ctx[IFC_SZ(nic_vport_context) + 2] |= what[0] == 'm';
	} else if (!strcmp(what, "promisc")) {
		IFC_SET(modify_nic_vport_field_select, sel, promisc, 1);
		IFC_SET(nic_vport_context, ctx, promisc_all, n);
	} else { /* arm, for @n events */
		IFC_SET(modify_nic_vport_field_select, sel, change_event, 1);
		IFC_SET(nic_vport_context, ctx, arm_change_event, 1);
		ctx[7] |= (uint8_t)n;
	}
	assert_int_equal(H_CMD(h, by, in, out), OK);
}

static void lists_and_promiscuous_vports(void **state)
{
	struct harness *h = three();
	uint8_t frame[64];

	(void)state;
	set_vport(h, 1, 1, "uc", 0x77);
	assert_int_equal(sent_to(h, 0, 0x77), VF1);
	set_vport(h, 2, 2, "mc", 5);
	flow_frame(frame, sizeof(frame), 5, 0, 0x88b5);
	frame[0] |= 1;
	assert_int_equal(sent(h, 0, frame, sizeof(frame)), VF2 | WIRE);
	set_vport(h, 1, 1, "promisc", 1);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0x33), VF1 | PF);
	assert_int_equal(sent_to(h, 0, 0x33), VF1 | WIRE);
	assert_int_equal(sent_to(h, 0, 2), VF1 | VF2);
	assert_int_equal(sent_to(h, 1, 0x33), WIRE); /* what it sends it need not see */
	h_free(h);
}

/* The tables of mlx5_core in legacy mode. */
static void legacy_fdb(struct harness *h, struct flow_rig *r)
{
	uint8_t c[FWSIM_FLOW_KEY] = { 0 };
	struct fwsim_flow_spec s;
	uint32_t t, g;

	*r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	assert_int_equal(flow_table(r, 1, 22, 0), OK);
	t = r->id;
	assert_int_equal(flow_root(r, t), OK);
	memset(c + 8, 0xff, 6);
	assert_int_equal(flow_group(r, t, 0, (1u << 22) - 3, FWSIM_FLOW_OUTER, c), OK);
	g = r->id;
	for (unsigned int i = 0; i < 3; i++) {
		s = flow_to(i, FWSIM_DEST_VPORT, i);
		flow_mac(s.value + 8, i);
		assert_int_equal(flow_entry(r, t, g, 0, &s), OK);
	}
	s = flow_to(3, FWSIM_DEST_VPORT, 0xffff);
	memset(s.value + 8, 0xff, 6);
	for (unsigned int i = 0; i < 3; i++)
		s.dest[s.dests_n++] = (struct fwsim_flow_dest){ FWSIM_DEST_VPORT, i };
	assert_int_equal(flow_entry(r, t, g, 0, &s), OK);
	memset(c, 0, sizeof(c));
	FLOW_MISC(c, source_port, 0xffff);
	assert_int_equal(flow_group(r, t, (1u << 22) - 1, (1u << 22) - 1, FWSIM_FLOW_MISC, c), OK);
	g = r->id;
	s = flow_to((1u << 22) - 1, FWSIM_DEST_VPORT, 2);
	FLOW_MISC(s.value, source_port, 0xffff);
	assert_int_equal(flow_entry(r, t, g, 0, &s), OK);
	r->id = t;
}

static void legacy_fdb_decides(void **state)
{
	struct harness *h = three();
	struct flow_rig r;

	(void)state;
	legacy_fdb(h, &r);
	assert_int_equal(sent_to(h, 1, 0), PF);
	assert_int_equal(sent_to(h, 1, 2), VF2);
	assert_int_equal(sent_to(h, 0, 2), VF2);
	assert_int_equal(sent_to(h, 1, 0xff), PF | VF2 | WIRE); /* not back to VF 1 */
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0xff), PF | VF1 | VF2);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 1), VF1);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0x33), VF2); /* the promiscuous one */
	assert_int_equal(sent_to(h, 1, 0x33), WIRE); /* no entry: up */
	assert_int_equal(flow_entry_delete(&r, r.id, (1u << 22) - 1), OK);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 0x33), PF); /* no entry: to the PF */
	h_free(h);
}

static void spoof_check_by_ingress_acl(void **state)
{
	struct harness *h = three();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 1);
	struct fwsim_flow_spec s = flow_to(2, FLOW_ALLOW, 0);
	uint32_t t, counter = flow_counter(&r);
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[64];

	(void)state;
	assert_int_equal(flow_table(&r, 1, 2, 0), OK);
	t = r.id;
	memset(c, 0xff, 6);
	assert_int_equal(flow_group(&r, t, 2, 2, FWSIM_FLOW_OUTER, c), OK);
	flow_mac(s.value, 1);
	assert_int_equal(flow_entry(&r, t, r.id, 0, &s), OK);
	assert_int_equal(flow_group(&r, t, 3, 3, 0, NULL), OK);
	s = flow_to(3, FLOW_DROP, 0);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = counter;
	assert_int_equal(flow_entry(&r, t, r.id, 0, &s), OK);
	flow_frame(frame, sizeof(frame), 0, 9, 0x88b5);
	assert_int_equal(sent(h, 1, frame, sizeof(frame)), PF); /* no root yet */
	assert_int_equal(flow_root(&r, t), OK);
	assert_int_equal(sent(h, 1, frame, sizeof(frame)), 0);
	assert_int_equal(sent(h, 2, frame, sizeof(frame)), PF); /* the ACL is that of VF 1 */
	assert_int_equal(sent_to(h, 1, 0), PF);
	assert_int_equal(flow_counter_read(&r, counter, false).packets, 1);
	assert_int_equal(h->fw->vhca[1]->vport.tx[FWSIM_CAST_UNI].packets, 2);
	h_free(h);
}

static enum ifc_status set_vst(struct harness *h, unsigned int by, unsigned int vport, unsigned int insert,
			       unsigned int vid, unsigned int pcp)
{
	IFC_BUF(modify_esw_vport_context_in, in) = { 0 };
	IFC_BUF(modify_esw_vport_context_out, out);
	uint8_t *ctx = IFC_PTR(modify_esw_vport_context_in, in, esw_vport_context);
	uint8_t *sel = IFC_PTR(modify_esw_vport_context_in, in, field_select);

	IFC_SET(modify_esw_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_ESW_VPORT_CONTEXT);
	IFC_SET(modify_esw_vport_context_in, in, other_vport, 1);
	IFC_SET(modify_esw_vport_context_in, in, vport_number, vport);
	IFC_SET(esw_vport_context_fields_select, sel, vport_cvlan_strip, 1);
	IFC_SET(esw_vport_context_fields_select, sel, vport_cvlan_insert, 1);
	IFC_SET(esw_vport_context, ctx, vport_cvlan_strip, insert != 0);
	IFC_SET(esw_vport_context, ctx, vport_cvlan_insert, insert);
	IFC_SET(esw_vport_context, ctx, cvlan_id, vid);
	IFC_SET(esw_vport_context, ctx, cvlan_pcp, pcp);
	return H_CMD(h, by, in, out);
}

static void vlan_of_a_vport(void **state)
{
	struct harness *h = three();
	uint8_t frame[64], tagged[68];
	uint64_t octets;

	(void)state;
	assert_int_equal(set_vst(h, 1, 1, 1, 100, 3), IFC_ST_BAD_OP); /* a VF may not */
	assert_int_equal(set_vst(h, 0, 1, 3, 100, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(set_vst(h, 0, 1, 1, 100, 3), OK);
	flow_frame(frame, sizeof(frame), 0x33, 1, 0x88b5);
	assert_int_equal(sent(h, 1, frame, sizeof(frame)), WIRE);
	assert_int_equal(h->wire[0].len, 68);
	assert_memory_equal(h->wire[0].data, frame, 12);
	assert_int_equal(ifc_ld32(h->wire[0].data + 12), 0x81006064);
	assert_memory_equal(h->wire[0].data + 16, frame + 12, 52);
	memcpy(tagged, h->wire[0].data, 68);
	assert_int_equal(sent(h, 1, tagged, 68), WIRE); /* has one already */
	assert_int_equal(h->wire[0].len, 68);
	flow_mac(tagged, 1);
	octets = h->fw->vhca[1]->vport.rx[FWSIM_CAST_UNI].octets;
	assert_int_equal(sent(h, FWSIM_VPORT_UPLINK, tagged, 68), VF1); /* and comes without */
	assert_int_equal(h->fw->vhca[1]->vport.rx[FWSIM_CAST_UNI].octets - octets, 64);
	flow_mac(tagged, 2);
	octets = h->fw->vhca[2]->vport.rx[FWSIM_CAST_UNI].octets;
	assert_int_equal(sent(h, FWSIM_VPORT_UPLINK, tagged, 68), VF2);
	assert_int_equal(h->fw->vhca[2]->vport.rx[FWSIM_CAST_UNI].octets - octets, 68);
	/* it is the PF's: a reset of the VF changes nothing, one of the PF does */
	fwsim_reset(h->fw, 1);
	assert_int_equal(h->fw->vhca[1]->vport.cvlan_tci, 0x6064);
	fwsim_reset(h->fw, 0);
	assert_int_equal(h->fw->vhca[1]->vport.cvlan_insert, 0);
	h_free(h);
}

static enum ifc_status set_state(struct harness *h, unsigned int vport, unsigned int admin)
{
	IFC_BUF(modify_vport_state_in, in) = { 0 };
	IFC_BUF(modify_vport_state_out, out);

	IFC_SET(modify_vport_state_in, in, opcode, MLX5_CMD_OP_MODIFY_VPORT_STATE);
	IFC_SET(modify_vport_state_in, in, op_mod, MLX5_VPORT_STATE_OP_MOD_ESW_VPORT);
	IFC_SET(modify_vport_state_in, in, other_vport, 1);
	IFC_SET(modify_vport_state_in, in, vport_number, vport);
	IFC_SET(modify_vport_state_in, in, admin_state, admin);
	return H_CMD(h, 0, in, out);
}

static void link_of_vport_and_port(void **state)
{
	struct harness *h = h_new(NULL);
	const uint8_t *eqe;
	struct d_fn vf;
	struct d_eq eq;

	(void)state;
	d_open(&vf, h, 1);
	h_boot(h, 2);
	set_macs(h);
	d_eq(&vf, &eq, 5, 3, 1u << IFC_EVENT_PORT_CHANGE);
	assert_int_equal(set_state(h, 1, 2), OK); /* as before */
	assert_null(d_eqe(&vf, &eq));
	assert_int_equal(set_state(h, 1, 0), OK);
	eqe = d_eqe(&vf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_PORT_CHANGE);
	assert_int_equal(eqe[3], 1); /* down */
	assert_int_equal(sent_to(h, 1, 0), 0);
	assert_int_equal(sent_to(h, 0, 1), 0);
	assert_int_equal(sent_to(h, 0, 2), VF2);
	assert_int_equal(set_state(h, 1, 1), OK);
	eqe = d_eqe(&vf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[3], 4);
	/* up whatever the port does; the others follow it */
	fwsim_uplink_link(h->fw, false);
	assert_null(d_eqe(&vf, &eq));
	assert_int_equal(sent_to(h, 1, 0x33), 0);
	assert_int_equal(sent_to(h, 0, 1), 0);
	assert_int_equal(set_state(h, 2, 1), OK);
	assert_int_equal(sent_to(h, 1, 2), VF2);
	assert_int_equal(sent_to(h, FWSIM_VPORT_UPLINK, 1), 0);
	assert_int_equal(set_state(h, 1, 2), OK);
	assert_int_equal(d_eqe(&vf, &eq)[3], 1);
	fwsim_uplink_link(h->fw, true);
	assert_int_equal(d_eqe(&vf, &eq)[3], 4);
	assert_int_equal(sent_to(h, 1, 0x33), WIRE);
	h_free(h);
}

static unsigned int vport_events(struct d_fn *pf, struct d_eq *eq, unsigned int vport)
{
	const uint8_t *eqe;
	unsigned int n = 0;

	while ((eqe = d_eqe(pf, eq))) {
		assert_int_equal(eqe[1], IFC_EVENT_NIC_VPORT_CHANGE);
		assert_int_equal(ifc_ld16(eqe + 0x22), vport);
		n++;
	}
	return n;
}

static void pf_is_told_once_of_changes(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn pf;
	struct d_eq eq;

	(void)state;
	d_open(&pf, h, 0);
	h_boot(h, 1);
	d_eq(&pf, &eq, 5, 3, 1u << IFC_EVENT_NIC_VPORT_CHANGE);
	set_vport(h, 1, 1, "uc", 0x77);
	assert_int_equal(vport_events(&pf, &eq, 1), 0); /* not armed */
	set_vport(h, 0, 1, "arm", FWSIM_VPORT_UC | FWSIM_VPORT_PROMISC);
	assert_int_equal(vport_events(&pf, &eq, 1), 1); /* it has changed since */
	set_vport(h, 0, 1, "arm", FWSIM_VPORT_UC | FWSIM_VPORT_PROMISC);
	assert_int_equal(vport_events(&pf, &eq, 1), 0);
	set_vport(h, 1, 1, "uc", 0x77); /* the same list */
	set_vport(h, 1, 1, "mc", 5);	/* not asked for */
	assert_int_equal(vport_events(&pf, &eq, 1), 0);
	set_vport(h, 1, 1, "uc", 0x78);
	set_vport(h, 1, 1, "uc", 0x79); /* once is enough */
	assert_int_equal(vport_events(&pf, &eq, 1), 1);
	set_vport(h, 0, 1, "arm", FWSIM_VPORT_PROMISC);
	assert_int_equal(vport_events(&pf, &eq, 1), 0);
	set_vport(h, 1, 1, "promisc", 1);
	assert_int_equal(vport_events(&pf, &eq, 1), 1);
	/* a reset empties the lists, and the PF has to know */
	set_vport(h, 0, 1, "arm", FWSIM_VPORT_UC);
	vport_events(&pf, &eq, 1);
	set_vport(h, 0, 1, "arm", FWSIM_VPORT_UC);
	fwsim_reset(h->fw, 1);
	assert_int_equal(vport_events(&pf, &eq, 1), 1);
	h_free(h);
}

static void l2_table_is_kept(void **state)
{
	struct harness *h = h_new(NULL);
	IFC_BUF(set_l2_table_entry_in, in) = { 0 };
	IFC_BUF(query_l2_table_entry_in, q) = { 0 };
	uint8_t out[IFC_SZ(query_l2_table_entry_out)], *mac = IFC_PTR(set_l2_table_entry_in, in, mac_address);

	(void)state;
	h_boot(h, 1);
	IFC_SET(set_l2_table_entry_in, in, opcode, MLX5_CMD_OP_SET_L2_TABLE_ENTRY);
	IFC_SET(set_l2_table_entry_in, in, table_index, 1023);
	flow_mac(mac + 2, 9);
	assert_int_equal(H_CMD(h, 0, in, out), OK);
	assert_int_equal(H_CMD(h, 1, in, out), IFC_ST_BAD_OP);
	IFC_SET(query_l2_table_entry_in, q, opcode, MLX5_CMD_OP_QUERY_L2_TABLE_ENTRY);
	IFC_SET(query_l2_table_entry_in, q, table_index, 1023);
	assert_int_equal(H_CMD(h, 0, q, out), OK);
	assert_memory_equal(IFC_PTR(query_l2_table_entry_out, out, mac_address), mac, 8);
	mac[2] |= 1;
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_PARAM);
	IFC_SET(set_l2_table_entry_in, in, table_index, 1024);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_INDEX);
	IFC_SET(query_l2_table_entry_in, q, opcode, MLX5_CMD_OP_DELETE_L2_TABLE_ENTRY);
	assert_int_equal(H_CMD(h, 0, q, out), OK);
	assert_int_equal(H_CMD(h, 0, q, out), IFC_ST_BAD_INDEX);
	h_free(h);
}

static void counters_by_kind_and_direction(void **state)
{
	struct harness *h = three();
	IFC_BUF(query_vport_counter_in, in) = { 0 };
	IFC_BUF(query_vport_counter_out, out);

	(void)state;
	sent_to(h, 1, 0);
	sent_to(h, 1, 0xff);
	sent_to(h, 1, 0xff);
	sent_to(h, 0, 1);
	IFC_SET(query_vport_counter_in, in, opcode, MLX5_CMD_OP_QUERY_VPORT_COUNTER);
	IFC_SET(query_vport_counter_in, in, other_vport, 1);
	IFC_SET(query_vport_counter_in, in, vport_number, 1);
	IFC_SET(query_vport_counter_in, in, clear, 1);
	assert_int_equal(H_CMD(h, 0, in, out), OK);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_unicast.packets), 1);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_unicast.octets), 64);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_broadcast.packets), 2);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_broadcast.octets), 128);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_multicast.packets), 0);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, received_eth_unicast.packets), 1);
	assert_int_equal(H_CMD(h, 0, in, out), OK);
	assert_int_equal(IFC_GET64(query_vport_counter_out, out, transmitted_eth_unicast.packets), 0);
	h_free(h);
}

static enum ifc_status vnic_env(struct harness *h, unsigned int by, bool other, unsigned int vport, unsigned int op_mod,
				uint8_t *out)
{
	IFC_BUF(query_vnic_env_in, in) = { 0 };

	IFC_SET(query_vnic_env_in, in, opcode, MLX5_CMD_OP_QUERY_VNIC_ENV);
	IFC_SET(query_vnic_env_in, in, op_mod, op_mod);
	IFC_SET(query_vnic_env_in, in, other_vport, other);
	IFC_SET(query_vnic_env_in, in, vport_number, vport);
	return h_cmd(h, by, in, sizeof(in), out, IFC_SZ(query_vnic_env_out));
}

#define ENV(out, fld) IFC_GET64(query_vnic_env_out, (out), vport_env.fld)

static void lost_frames_are_counted(void **state)
{
	struct harness *h = three();
	IFC_BUF(query_vnic_env_out, out);

	(void)state;
	assert_int_equal(set_state(h, 1, 0), OK);
	assert_int_equal(sent_to(h, 1, 0), 0);
	assert_int_equal(sent_to(h, 0, 1), 0);
	assert_int_equal(sent_to(h, 2, 1), 0);
	assert_int_equal(vnic_env(h, 0, true, 1, 0, out), OK);
	assert_int_equal(ENV(out, transmit_discard_vport_down), 1);
	assert_int_equal(ENV(out, receive_discard_vport_down), 2);
	assert_int_equal(ENV(out, nic_receive_steering_discard), 0);
	assert_int_equal(set_state(h, 1, 1), OK);
	assert_int_equal(sent_to(h, 0, 1), VF1); /* it has no tables */
	assert_int_equal(sent_to(h, 1, 0xff), PF | VF2 | WIRE); /* what is its own does not count */
	assert_int_equal(vnic_env(h, 1, false, 0, 0, out), OK);
	assert_int_equal(ENV(out, receive_discard_vport_down), 2);
	assert_int_equal(ENV(out, nic_receive_steering_discard), 1);
	assert_int_equal(vnic_env(h, 1, true, 2, 0, out), IFC_ST_BAD_PARAM);
	assert_int_equal(vnic_env(h, 0, true, 99, 0, out), IFC_ST_BAD_PARAM);
	assert_int_equal(vnic_env(h, 0, false, 0, 1, out), IFC_ST_BAD_OP);
	assert_true(h_say(h, "eswitch drops"));
	assert_non_null(strstr(h->answer, "  vport-down 3\n"));
	assert_non_null(strstr(h->answer, "  ingress 0\n"));
	assert_true(h_say(h, "eswitch clear"));
	assert_true(h_say(h, "eswitch drops"));
	assert_non_null(strstr(h->answer, "  vport-down 0\n"));
	assert_false(h_say(h, "eswitch"));
	assert_false(h_say(h, "eswitch drop"));
	assert_false(h_say(h, "eswitch drops now"));
	h_free(h);
}

static void frames_of_any_length(void **state)
{
	struct harness *h = three();
	static uint8_t frame[FWSIM_FRAME_MAX + 1];

	(void)state;
	flow_frame(frame, sizeof(frame), 0x33, 1, 0x88b5);
	assert_int_equal(sent(h, 1, frame, 13), 0);
	assert_int_equal(sent(h, 1, frame, 14), WIRE);
	assert_int_equal(h->wire[0].len, 60); /* padded */
	assert_memory_equal(h->wire[0].data, frame, 14);
	assert_int_equal(h->wire[0].data[14], 0);
	assert_int_equal(sent(h, 1, frame, FWSIM_FRAME_MAX), WIRE);
	assert_int_equal(sent(h, 1, frame, FWSIM_FRAME_MAX + 1), 0);
	h->fw->port_mtu = 1522;
	assert_int_equal(sent(h, 1, frame, 1518), WIRE);
	assert_int_equal(sent(h, 1, frame, 1519), 0);
	assert_int_equal(sent(h, FWSIM_VPORT_UPLINK, frame, 1518), PF);
	assert_int_equal(sent(h, FWSIM_VPORT_UPLINK, frame, 1519), 0);
	assert_int_equal(sent(h, FWSIM_VPORT_UPLINK, frame, 13), 0);
	flow_mac(frame, 2);
	assert_int_equal(sent(h, 1, frame, 9000), VF2); /* inside the card there is no wire */
	h_free(h);
}

static void who_may_do_no_dma_gets_nothing(void **state)
{
	struct harness *h = three();

	(void)state;
	h->fw->vhca[2]->mig = FWSIM_MIG_INITIATOR_STOPPED;
	assert_int_equal(sent_to(h, 1, 2), VF2); /* may still answer */
	h->fw->vhca[2]->mig = FWSIM_MIG_STOPPED;
	assert_int_equal(sent_to(h, 1, 2), 0);
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_STOPPED], 1);
	h->fw->vhca[2]->mig = FWSIM_MIG_RUNNING;
	fwsim_set_bus_master(h->fw, 2, false);
	assert_int_equal(sent_to(h, 1, 2), 0);
	h_free(h);
}

/* A host may bring frames while the card is busy: they wait, and too many are not taken. */
static void frames_wait_while_the_card_is_busy(void **state)
{
	struct harness *h = three();
	unsigned int taken = 0;
	uint8_t frame[64];

	(void)state;
	flow_frame(frame, sizeof(frame), 1, 9, 0x88b5);
	h->fw->running = true;
	while (fwsim_uplink_rx(h->fw, frame, sizeof(frame)))
		assert_true(++taken < 10000);
	assert_true(taken >= 64);
	assert_int_equal(received(h, 1), 0);
	h->fw->running = false;
	fwsim_kick(h->fw);
	h_settle(h);
	assert_int_equal(received(h, 1), taken);
	/* those that wait when the card goes are freed */
	h->fw->running = true;
	assert_true(fwsim_uplink_rx(h->fw, frame, sizeof(frame)));
	h->fw->running = false;
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_fdb_addresses_decide),
		cmocka_unit_test(lists_and_promiscuous_vports),
		cmocka_unit_test(legacy_fdb_decides),
		cmocka_unit_test(spoof_check_by_ingress_acl),
		cmocka_unit_test(vlan_of_a_vport),
		cmocka_unit_test(link_of_vport_and_port),
		cmocka_unit_test(pf_is_told_once_of_changes),
		cmocka_unit_test(l2_table_is_kept),
		cmocka_unit_test(counters_by_kind_and_direction),
		cmocka_unit_test(lost_frames_are_counted),
		cmocka_unit_test(frames_of_any_length),
		cmocka_unit_test(who_may_do_no_dma_gets_nothing),
		cmocka_unit_test(frames_wait_while_the_card_is_busy),
	};

	return cmocka_run_group_tests_name("eswitch", tests, NULL, NULL);
}
