// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flow tables in the state image of a VF: counters, tables, groups, entries, root, each kind by rising number.
 * They are made on load by what the commands use. ACLs and the FDB are the PF's, and in no image.
 */
#include "flow.h"
#include "image.h"

#define ANY32 UINT32_MAX

static bool loading(const struct fwsim_xfer *x)
{
	return x->mode == FWSIM_XFER_LOAD;
}

static void refused(struct fwsim_xfer *x, enum ifc_status st, const struct fwsim_why *why)
{
	if (st != IFC_ST_OK)
		fwsim_xfer_bad(x, st, "%s", why->text);
}

/* Numbers rise: what is loaded has the order that it was saved in. */
static uint32_t xfer_number(struct fwsim_xfer *x, uint32_t id, uint32_t last)
{
	fwsim_xfer_u32(x, &id, ANY32, "number");
	x->id = id;
	if (loading(x) && !x->bad && id <= last)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "its number does not come after 0x%x", last);
	return id;
}

static void xfer_counters(struct fwsim_xfer *x, struct fwsim_flow *fl)
{
	uint32_t n = fwsim_xfer_count(x, fl->counter.used, 20, "flow counters"), id = 0;
	struct fwsim_flow_counter *c, now = { 0 };

	x->what = "flow counter";
	for (uint32_t i = 0; i < n && !x->bad; i++) {
		c = loading(x) ? &now : fwsim_table_next(&fl->counter, id + 1);
		id = xfer_number(x, c->obj.id, id);
		fwsim_xfer_u64(x, &c->packets);
		fwsim_xfer_u64(x, &c->octets);
		if (!loading(x) || x->bad)
			continue;
		c = calloc(1, sizeof(*c));
		if (!c)
			return fwsim_xfer_bad(x, IFC_ST_NO_RESOURCES, "no memory");
		c->packets = now.packets;
		c->octets = now.octets;
		if (fwsim_table_add_at(&fl->counter, &c->obj, id) != IFC_ST_OK) {
			free(c);
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "it cannot be made");
		}
	}
}

static void xfer_tables(struct fwsim_xfer *x, struct fwsim_flow *fl)
{
	uint32_t n = 0, id = 0, i, *miss = NULL;
	struct fwsim_flow_table *t, like;
	struct fwsim_why why;

	fwsim_table_for_each(&fl->table, t)
		n += t->type == FWSIM_FLOW_NIC_RX;
	n = fwsim_xfer_count(x, n, 16, "flow tables");
	if (loading(x) && n) {
		miss = calloc(n, sizeof(*miss));
		if (!miss)
			return fwsim_xfer_bad(x, IFC_ST_NO_RESOURCES, "no memory");
	}
	x->what = "flow table";
	for (i = 0; i < n && !x->bad; i++) {
		memset(&like, 0, sizeof(like));
		for (t = NULL; !loading(x) && (!t || t->type != FWSIM_FLOW_NIC_RX); id = t->obj.id)
			t = fwsim_table_next(&fl->table, id + 1);
		if (t)
			like = *t;
		id = xfer_number(x, like.obj.id, loading(x) ? id : 0);
		fwsim_xfer_u8(x, &like.level, UINT8_MAX, "level");
		fwsim_xfer_u8(x, &like.log_size, UINT8_MAX, "size");
		fwsim_xfer_u32(x, &like.miss_id, ANY32, "table after a miss");
		if (!loading(x) || x->bad)
			continue;
		miss[i] = like.miss_id;
		like.miss_id = 0;
		refused(x, fwsim_flow_table_add(fl, &like, id, &t, &why), &why);
	}
	/* a table leads to another one of any number */
	i = 0;
	if (miss && !x->bad)
		fwsim_table_for_each(&fl->table, t) {
			x->id = t->obj.id;
			refused(x, fwsim_flow_table_set_miss(fl, t, miss[i++], &why), &why);
		}
	free(miss);
}

static void xfer_dests(struct fwsim_xfer *x, struct fwsim_flow_spec *s)
{
	s->dests_n = fwsim_xfer_count(x, s->dests_n, 8, "destinations");
	s->counters_n = fwsim_xfer_count(x, s->counters_n, 4, "counters");
	if (s->dests_n > 1u << FWSIM_FLOW_LOG_DESTS || s->counters_n > FWSIM_FLOW_MAX_COUNTERS)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%u destinations and %u counters",
				      s->dests_n, s->counters_n);
	for (uint32_t i = 0; i < s->dests_n && !x->bad; i++) {
		fwsim_xfer_u8(x, &s->dest[i].type, UINT8_MAX, "type of destination");
		fwsim_xfer_u32(x, &s->dest[i].id, 0xffffff, "destination");
	}
	for (uint32_t i = 0; i < s->counters_n && !x->bad; i++)
		fwsim_xfer_u32(x, &s->counter[i], ANY32, "counter");
}

static void xfer_entries(struct fwsim_xfer *x, struct fwsim_vhca *v, struct fwsim_flow *fl,
			 struct fwsim_flow_group *g)
{
	uint32_t n = fwsim_xfer_count(x, g->entries_n, 20 + FWSIM_FLOW_KEY, "entries");
	struct fwsim_flow_spec spec = { 0 };
	struct fwsim_why why;

	for (uint32_t i = 0; i < n && !x->bad; i++) {
		uint32_t last = spec.index;

		if (!loading(x))
			fwsim_flow_spec_of(&spec, g->entry[i]);
		fwsim_xfer_u32(x, &spec.index, ANY32, "flow index");
		fwsim_xfer_u32(x, &spec.tag, 0xffffff, "flow tag");
		fwsim_xfer_u32(x, &spec.action, FWSIM_FLOW_ACTIONS, "action");
		fwsim_xfer_raw(x, spec.value, sizeof(spec.value));
		xfer_dests(x, &spec);
		if (!loading(x) || x->bad)
			continue;
		if (i && spec.index <= last)
			return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "entry 0x%x after 0x%x", spec.index,
					      last);
		refused(x, fwsim_flow_entry_set(v, fl, g, &spec, &why), &why);
	}
}

static void xfer_groups(struct fwsim_xfer *x, struct fwsim_vhca *v, struct fwsim_flow *fl)
{
	uint32_t n = 0, id = 0, table, start, end;
	uint8_t enable, criteria[FWSIM_FLOW_KEY] = { 0 };
	struct fwsim_flow_group *g;
	struct fwsim_why why;

	fwsim_table_for_each(&fl->group, g)
		n += g->table->type == FWSIM_FLOW_NIC_RX;
	n = fwsim_xfer_count(x, n, 24 + FWSIM_FLOW_KEY, "flow groups");
	x->what = "flow group";
	for (uint32_t i = 0; i < n && !x->bad; i++) {
		table = start = end = enable = 0;
		for (g = NULL; !loading(x) && (!g || g->table->type != FWSIM_FLOW_NIC_RX); id = g->obj.id)
			g = fwsim_table_next(&fl->group, id + 1);
		if (g) {
			table = g->table->obj.id;
			start = g->start;
			end = g->end;
			enable = g->enable;
			memcpy(criteria, g->criteria, sizeof(criteria));
		}
		id = xfer_number(x, id, loading(x) ? id : 0);
		fwsim_xfer_u32(x, &table, ANY32, "table");
		fwsim_xfer_u32(x, &start, ANY32, "first flow index");
		fwsim_xfer_u32(x, &end, ANY32, "last flow index");
		fwsim_xfer_u8(x, &enable, UINT8_MAX, "match_criteria_enable");
		fwsim_xfer_raw(x, criteria, sizeof(criteria));
		if (loading(x) && !x->bad) {
			struct fwsim_flow_table *t = fwsim_flow_table_get(fl, table);

			if (!t)
				return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "there is no table 0x%x",
						      table);
			refused(x, fwsim_flow_group_add(fl, t, start, end, enable, criteria, id, &g,
							&why), &why);
			if (!x->bad && memcmp(g->criteria, criteria, sizeof(criteria)))
				fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "criteria that are not enabled");
		}
		if (!x->bad)
			xfer_entries(x, v, fl, g);
	}
}

void fwsim_xfer_flow(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	struct fwsim_flow none = { 0 }, *fl = loading(x) ? fwsim_flow_get(v) : v->flow;
	uint32_t root;

	if (loading(x) && !fl)
		return fwsim_xfer_bad(x, IFC_ST_NO_RESOURCES, "no memory");
	if (!fl)
		fl = &none;
	xfer_counters(x, fl);
	xfer_tables(x, fl);
	xfer_groups(x, v, fl);
	x->what = NULL;
	root = fl->root[FWSIM_FLOW_NIC_RX];
	fwsim_xfer_u32(x, &root, ANY32, "root");
	if (loading(x) && root && !fwsim_flow_table_get(fl, root))
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "the root is no flow table");
	if (loading(x))
		fl->root[FWSIM_FLOW_NIC_RX] = root;
}
