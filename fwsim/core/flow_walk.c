// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of a frame through flow tables: what of it can be matched, and where the entries that match lead. */
#include "flow.h"

/* Tables that one walk may still have to go to. */
#define WALK_STACK 64u

#define TCP 6

/* What there is to match of a frame, laid out as criteria are. */
static void frame_key(const struct fwsim_frame *f, uint16_t source_port, uint8_t key[FWSIM_FLOW_KEY])
{
	uint8_t *misc = key + IFC_SZ(fte_match_set_lyr_2_4);
	const uint8_t *ip = f->data + f->l3, *l4 = f->data + f->l4;

	memset(key, 0, FWSIM_FLOW_KEY);
	memcpy(key, f->data + 6, 6);
	memcpy(key + 8, f->data, 6);
	IFC_SET(fte_match_set_lyr_2_4, key, ethertype, f->ethertype);
	ifc_st16(key + 14, f->tci);
	IFC_SET(fte_match_set_lyr_2_4, key, cvlan_tag, f->cvlan);
	IFC_SET(fte_match_set_lyr_2_4, key, svlan_tag, f->svlan);
	IFC_SET(fte_match_set_misc, misc, source_port, source_port);
	if (f->second_vlan) {
		bool s = ifc_ld16(f->data + 16) == 0x88a8;

		ifc_st16(misc + 8, f->second_tci);
		IFC_SET(fte_match_set_misc, misc, outer_second_cvlan_tag, !s);
		IFC_SET(fte_match_set_misc, misc, outer_second_svlan_tag, s);
	}
	if (!f->ip_version)
		return;
	IFC_SET(fte_match_set_lyr_2_4, key, ip_version, f->ip_version);
	IFC_SET(fte_match_set_lyr_2_4, key, ip_protocol, f->ip_protocol);
	IFC_SET(fte_match_set_lyr_2_4, key, frag, f->frag);
	if (f->ip_version == 4) {
		key[0x11] = ip[1];
		IFC_SET(fte_match_set_lyr_2_4, key, ttl_hoplimit, ip[8]);
		memcpy(key + 0x2c, ip + 12, 4);
		memcpy(key + 0x3c, ip + 16, 4);
	} else {
		key[0x11] = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
		IFC_SET(fte_match_set_lyr_2_4, key, ttl_hoplimit, ip[7]);
		memcpy(key + 0x20, ip + 8, 32);
	}
	if (!f->payload)
		return;
	if (f->ip_protocol == TCP) {
		memcpy(key + 0x14, l4, 4);
		IFC_SET(fte_match_set_lyr_2_4, key, tcp_flags, ifc_ld16(l4 + 12) & 0x1ff);
	} else {
		memcpy(key + 0x1c, l4, 4);
	}
}

/* A TIR takes what its own vport has sent only if it says so, for unicast and multicast apart. */
static bool tir_takes(struct fwsim_vhca *v, uint32_t tirn, const struct fwsim_frame *f)
{
	const struct fwsim_tir *tir = fwsim_table_get(&v->obj[FWSIM_OBJ_TIR], tirn);

	return tir && (!f->self || tir->self_lb_block & (f->data[0] & 1 ? 2 : 1));
}

struct walk {
	struct fwsim_vhca *v;
	const struct fwsim_frame *f;
	fwsim_flow_sink *sink;
	void *arg;
	uint32_t stack[WALK_STACK]; /* tables still to go to */
	unsigned int depth;
	enum fwsim_flow_verdict verdict;
};

/* The frame has cost all that it may: once for each, it is a drop. */
static void walk_exceeded(struct walk *w)
{
	struct fwsim *fw = w->v->fw;

	w->depth = 0;
	if (fw->walk.exceeded)
		return;
	fw->walk.exceeded = true;
	fw->esw_drops[FWSIM_DROP_WORK]++;
	fwsim_trace_note(w->v, "a frame is cut off: its flow tables cost more than %u steps or %u copies",
			 fw->walk_max.steps, fw->walk_max.copies);
}

static void walk_push(struct walk *w, uint32_t table)
{
	if (w->depth < WALK_STACK)
		w->stack[w->depth++] = table;
	else
		walk_exceeded(w);
}

static void walk_entry(struct walk *w, const struct fwsim_flow_entry *e)
{
	struct fwsim_flow_counter *c;
	struct fwsim *fw = w->v->fw;
	uint32_t i;

	for (i = 0; i < e->counters_n; i++) {
		c = fwsim_table_get(&w->v->flow->counter, e->counter[i]);
		if (c) {
			c->packets++;
			c->octets += w->f->len;
		}
	}
	if (e->action & FWSIM_FLOW_DROP && w->verdict < FWSIM_FLOW_DROPPED)
		w->verdict = FWSIM_FLOW_DROPPED;
	if (e->action & FWSIM_FLOW_ALLOW)
		w->verdict = FWSIM_FLOW_ALLOWED;
	for (i = 0; i < e->dests_n && !fw->walk.exceeded; i++) {
		if (e->dest[i].type == FWSIM_DEST_FLOW_TABLE) {
			walk_push(w, e->dest[i].id);
			continue;
		}
		if (!fw->walk.copies)
			return walk_exceeded(w);
		fw->walk.copies--;
		fw->esw_work += FWSIM_COPY_WORK;
		if (e->dest[i].type == FWSIM_DEST_TIR && !tir_takes(w->v, e->dest[i].id, w->f))
			continue;
		w->verdict = FWSIM_FLOW_DELIVERED;
		w->sink(w->arg, (enum fwsim_dest)e->dest[i].type, e->dest[i].id, e->tag);
	}
}

enum fwsim_flow_verdict fwsim_flow_walk(struct fwsim_vhca *v, unsigned int type, uint16_t vport,
					const struct fwsim_frame *f, fwsim_flow_sink *sink, void *arg)
{
	struct walk w = { .v = v, .f = f, .sink = sink, .arg = arg, .verdict = FWSIM_FLOW_MISSED };
	const struct fwsim_flow_entry *e;
	const struct fwsim_flow_table *t;
	uint32_t *left = &v->fw->walk.steps, had;
	uint8_t key[FWSIM_FLOW_KEY];

	if (!v->flow || !*fwsim_flow_root(v->flow, type, vport))
		return FWSIM_FLOW_MISSED;
	frame_key(f, vport, key);
	walk_push(&w, *fwsim_flow_root(v->flow, type, vport));
	while (w.depth && !v->fw->walk.exceeded) {
		t = fwsim_flow_table_get(v->flow, w.stack[--w.depth]);
		if (!t)
			continue;
		had = *left;
		*left -= had != 0;
		e = fwsim_flow_find(t, key, left);
		v->fw->esw_work += had - *left;
		if (!*left)
			walk_exceeded(&w);
		else if (e)
			walk_entry(&w, e);
		else if (t->miss_id)
			walk_push(&w, t->miss_id);
	}
	/* what nothing is known of must not pass for what no entry was about: that would be let through */
	if (v->fw->walk.exceeded && w.verdict != FWSIM_FLOW_DELIVERED)
		return FWSIM_FLOW_DROPPED;
	return w.verdict;
}

bool fwsim_flow_run(struct fwsim_vhca *v, unsigned int table_type, const struct fwsim_frame *f,
		    uint16_t source_port, fwsim_flow_sink *sink, void *arg)
{
	return fwsim_flow_walk(v, table_type, source_port, f, sink, arg) == FWSIM_FLOW_DELIVERED;
}

bool fwsim_flow_has_root(const struct fwsim_vhca *v, unsigned int table_type)
{
	return v->flow && v->flow->root[table_type];
}
