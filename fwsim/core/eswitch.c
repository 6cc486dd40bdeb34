// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The eSwitch: from the vport that a frame leaves, or the uplink, to the vports and the uplink that get it.
 *
 *	vport state -> ingress ACL -> VLAN insert -> FDB of the PF -> vport state -> egress ACL -> VLAN strip
 *
 * Without an FDB it switches by what the vports say of themselves: addresses, lists, promiscuous bits. It
 * learns nothing from frames.
 */
#include "control.h"
#include "flow.h"
#include "roce.h"

#define VLAN_HLEN 4u
#define TYPE_CVLAN 0x8100
#define MIN_FRAME 60u /* without FCS */

/* A frame on its way through the switch. */
struct passage {
	struct fwsim *fw;
	struct fwsim_vhca *from; /* NULL: the uplink */
	struct fwsim_frame *f;
	bool arrived; /* at one vport or more */
};

static uint16_t source_port(const struct passage *p)
{
	return p->from ? (uint16_t)p->from->fn : FWSIM_VPORT_UPLINK;
}

static void count(struct fwsim_traffic *to, const struct fwsim_frame *f)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!memcmp(f->data, broadcast, 6))
		to += FWSIM_CAST_BROAD;
	else if (f->data[0] & 1)
		to += FWSIM_CAST_MULTI;
	to->packets++;
	to->octets += f->len;
}

static void drop(struct fwsim *fw, enum fwsim_esw_drop why)
{
	if (!fw->walk.exceeded) /* that has been counted */
		fw->esw_drops[why]++;
}

static bool acl_allows(struct fwsim *fw, enum fwsim_flow_type type, const struct fwsim_vhca *v,
		       const struct fwsim_frame *f)
{
	return fwsim_flow_walk(fw->vhca[0], type, (uint16_t)v->fn, f, NULL, NULL) != FWSIM_FLOW_DROPPED;
}

/* ---- out of the switch ---------------------------------------------------------------------- */

static void to_vport(struct passage *p, struct fwsim_vhca *v)
{
	const struct fwsim_vport *vp = &v->vport;
	uint8_t plain[FWSIM_FRAME_MAX] FWSIM_UNCLEARED;
	struct fwsim_frame f = *p->f;
	bool multicast = f.data[0] & 1;

	f.self = v == p->from;
	if (f.self && (multicast ? IFC_GET(nic_vport_context, vp->ctx, disable_mc_local_lb) :
				   IFC_GET(nic_vport_context, vp->ctx, disable_uc_local_lb)))
		return;
	if (v->hca != FWSIM_HCA_INIT || !fwsim_vport_link_up(v)) {
		v->vport.rx_down++;
		return drop(p->fw, FWSIM_DROP_VPORT_DOWN);
	}
	if (!fwsim_vhca_may_respond(v))
		return drop(p->fw, FWSIM_DROP_STOPPED);
	if (!acl_allows(p->fw, FWSIM_FLOW_EGRESS_ACL, v, &f))
		return drop(p->fw, FWSIM_DROP_EGRESS);
	if (vp->cvlan_strip && f.cvlan) {
		bool self = f.self;

		memcpy(plain, f.data, 12);
		memcpy(plain + 12, f.data + 12 + VLAN_HLEN, f.len - 12 - VLAN_HLEN);
		if (!fwsim_frame_parse(&f, plain, f.len - VLAN_HLEN))
			return drop(p->fw, FWSIM_DROP_LENGTH);
		f.self = self;
	}
	if (f.self) {
		v->vport.loopback.packets++;
		v->vport.loopback.octets += f.len;
	} else {
		count(v->vport.rx, &f);
	}
	p->arrived = true;
	if (!fwsim_roce_rx(v, &f, p->from))
		fwsim_nic_rx(v, &f);
}

static bool too_long(const struct fwsim *fw, uint32_t len)
{
	return len > FWSIM_FRAME_MAX || (fw->port_mtu && len + 4 > fw->port_mtu); /* FCS counts */
}

static void to_uplink(struct passage *p)
{
	uint8_t padded[MIN_FRAME] = { 0 };
	const uint8_t *data = p->f->data;
	uint32_t len = p->f->len;

	if (!p->from)
		return; /* nothing goes back on the wire */
	if (!fwsim_port_up(p->fw))
		return drop(p->fw, FWSIM_DROP_PORT_DOWN);
	if (too_long(p->fw, len))
		return drop(p->fw, FWSIM_DROP_LENGTH);
	if (len < MIN_FRAME) {
		memcpy(padded, data, len);
		data = padded;
		len = MIN_FRAME;
	}
	count(p->fw->wire_tx, p->f);
	fwsim_wire_count(p->fw, p->f, false);
	if (p->fw->ops->uplink_tx && p->fw->ops->uplink_tx(p->fw->host, data, len)) {
		p->fw->wire.tx_lost++;
		drop(p->fw, FWSIM_DROP_UPLINK);
	}
}

/* ---- where to ------------------------------------------------------------------------------- */

static void fdb_sink(void *arg, enum fwsim_dest type, uint32_t id, uint32_t flow_tag)
{
	struct passage *p = arg;
	struct fwsim_vhca *v;

	(void)flow_tag;
	if (type == FWSIM_DEST_UPLINK || id == FWSIM_VPORT_UPLINK)
		return to_uplink(p);
	v = fwsim_vhca_by_fn(p->fw, id);
	if (v)
		to_vport(p, v);
}

/* List entries have the address in their last six bytes. */
static bool listed(const struct fwsim_vport *vp, unsigned int type, const uint8_t *mac)
{
	for (uint32_t i = 0; i < vp->list_n[type]; i++)
		if (!memcmp(vp->list[type] + 8 * (size_t)i + 2, mac, 6))
			return true;
	return false;
}

/* Does the vport say of itself that frames to @mac are for it? */
static bool vport_owns(const struct fwsim_vport *vp, const uint8_t *mac)
{
	if (!(mac[0] & 1))
		return !memcmp(IFC_CPTR(nic_vport_context, vp->ctx, permanent_address) + 2, mac, 6) ||
		       listed(vp, 0, mac);
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff ||
	       IFC_GET(nic_vport_context, vp->ctx, promisc_mc) || listed(vp, 1, mac);
}

/* Addresses that nobody has are up from the vports, and from the wire the PF's to look at. */
static void switch_by_contexts(struct passage *p)
{
	const uint8_t *mac = p->f->data;
	bool owned = false, pf = false, owns;
	unsigned int i;

	for (i = 0; i < p->fw->nfn; i++) {
		struct fwsim_vhca *v = p->fw->vhca[i];

		p->fw->esw_work += v->vport.list_n[mac[0] & 1] / 8;
		owns = v->hca == FWSIM_HCA_INIT && vport_owns(&v->vport, mac);
		owned |= owns;
		if (!owns && (v == p->from || !IFC_GET(nic_vport_context, v->vport.ctx, promisc_all)))
			continue;
		pf |= !i;
		p->fw->esw_work += FWSIM_COPY_WORK;
		to_vport(p, v);
	}
	if (p->from && (!owned || mac[0] & 1))
		to_uplink(p);
	else if (!p->from && !owned && !pf)
		to_vport(p, p->fw->vhca[0]);
}

static void dispatch(struct passage *p)
{
	struct fwsim_vhca *pf = p->fw->vhca[0];

	if (!fwsim_flow_has_root(pf, FWSIM_FLOW_FDB))
		return switch_by_contexts(p);
	switch (fwsim_flow_walk(pf, FWSIM_FLOW_FDB, source_port(p), p->f, fdb_sink, p)) {
	case FWSIM_FLOW_MISSED: /* up from the vports, to the PF from the wire */
		if (p->from)
			to_uplink(p);
		else
			to_vport(p, pf);
		return;
	case FWSIM_FLOW_DELIVERED:
		return;
	default:
		return drop(p->fw, FWSIM_DROP_FDB);
	}
}

/* ---- into the switch ------------------------------------------------------------------------ */

static void enter(struct fwsim_vhca *v, const uint8_t *data, size_t len)
{
	struct fwsim_vport *vp = &v->vport;
	uint8_t tagged[FWSIM_FRAME_MAX] FWSIM_UNCLEARED;
	struct fwsim_frame f;
	struct passage p = { v->fw, v, &f, false };

	fwsim_qos_spend(v, len);
	if (len > FWSIM_FRAME_MAX || !fwsim_frame_parse(&f, data, len))
		return drop(v->fw, FWSIM_DROP_LENGTH);
	if (!fwsim_vport_link_up(v)) {
		vp->tx_down++;
		return drop(v->fw, FWSIM_DROP_VPORT_DOWN);
	}
	if (!acl_allows(v->fw, FWSIM_FLOW_INGRESS_ACL, v, &f))
		return drop(v->fw, FWSIM_DROP_INGRESS);
	if (vp->cvlan_insert && !f.cvlan) {
		if (len > FWSIM_FRAME_MAX - VLAN_HLEN)
			return drop(v->fw, FWSIM_DROP_LENGTH);
		memcpy(tagged, data, 12);
		ifc_st16(tagged + 12, TYPE_CVLAN);
		ifc_st16(tagged + 14, vp->cvlan_tci);
		memcpy(tagged + 12 + VLAN_HLEN, data + 12, len - 12);
		fwsim_frame_parse(&f, tagged, len + VLAN_HLEN);
	}
	count(vp->tx, &f);
	dispatch(&p);
}

static void enter_wire(struct fwsim *fw, const uint8_t *data, size_t len)
{
	struct fwsim_frame f;
	struct passage p = { fw, NULL, &f, false };

	if (!fwsim_port_up(fw))
		return drop(fw, FWSIM_DROP_PORT_DOWN);
	if (len > FWSIM_FRAME_MAX || too_long(fw, (uint32_t)len)) {
		fw->wire.rx_long++;
		return drop(fw, FWSIM_DROP_LENGTH);
	}
	if (!fwsim_frame_parse(&f, data, len))
		return drop(fw, FWSIM_DROP_LENGTH);
	count(fw->wire_rx, &f);
	fwsim_wire_count(fw, &f, true);
	dispatch(&p);
	if (!p.arrived)
		fw->wire.rx_lost++;
}

/* A frame has a bound to itself, be it sent as the answer to another that is still under way. */
void fwsim_eswitch_tx(struct fwsim_vhca *v, const uint8_t *data, size_t len)
{
	struct fwsim_walk_left outer = v->fw->walk;

	v->fw->walk = v->fw->walk_max;
	enter(v, data, len);
	v->fw->walk = outer;
}

void fwsim_eswitch_rx(struct fwsim *fw, const uint8_t *data, size_t len)
{
	fw->walk = fw->walk_max;
	enter_wire(fw, data, len);
	fw->walk = fw->walk_max;
}

/* ---- what it knows -------------------------------------------------------------------------- */

static const char *const drop_name[FWSIM_DROPS] = {
	[FWSIM_DROP_LENGTH] = "length",	  [FWSIM_DROP_VPORT_DOWN] = "vport-down",
	[FWSIM_DROP_PORT_DOWN] = "port-down", [FWSIM_DROP_INGRESS] = "ingress",
	[FWSIM_DROP_EGRESS] = "egress",	  [FWSIM_DROP_FDB] = "fdb",
	[FWSIM_DROP_STOPPED] = "stopped",	  [FWSIM_DROP_UPLINK] = "uplink",
	[FWSIM_DROP_WORK] = "work",
};

bool fwsim_verb_eswitch(struct fwsim_ctl *c)
{
	if (c->n != 2 || (strcmp(c->word[1], "drops") && strcmp(c->word[1], "clear")))
		return fwsim_ctl_error(c, "eswitch: drops or clear");
	for (unsigned int i = 0; i < FWSIM_DROPS; i++) {
		if (*c->word[1] == 'c')
			c->fw->esw_drops[i] = 0;
		else
			fwsim_ctl_print(c, "%s %llu", drop_name[i],
					(unsigned long long)c->fw->esw_drops[i]);
	}
	return true;
}
