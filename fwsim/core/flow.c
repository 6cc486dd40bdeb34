// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flow tables as they are kept. A table is sparse: it costs what its entries cost, whatever the size it was
 * made with. flow_walk.c leads frames through them.
 *
 * Levels rise along every way from table to table, so that no way is a circle.
 */
#include "flow.h"

#define FIRST_TABLE 0x100u
#define FIRST_GROUP 0x8000u
#define FIRST_COUNTER 0x10000u
#define FIRST_BUCKETS 8u

static enum ifc_status __attribute__((format(printf, 3, 4)))
bad(struct fwsim_why *why, enum ifc_status st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return st;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct fwsim_flow *fwsim_flow_get(struct fwsim_vhca *v)
{
	struct fwsim_flow *fl = v->flow;

	if (fl)
		return fl;
	fl = calloc(1, sizeof(*fl));
	if (!fl)
		return NULL;
	fwsim_table_init(&fl->table, FIRST_TABLE, 1u << FWSIM_FLOW_LOG_TABLES);
	fwsim_table_init(&fl->group, FIRST_GROUP, 1u << FWSIM_FLOW_LOG_GROUPS);
	fwsim_table_init(&fl->counter, FIRST_COUNTER, 1u << FWSIM_FLOW_LOG_COUNTERS);
	v->flow = fl;
	return fl;
}

static void group_free(struct fwsim_flow_group *g)
{
	for (uint32_t i = 0; i < g->entries_n; i++)
		free(g->entry[i]);
	free(g->entry);
	free(g->bucket);
	free(g);
}

void fwsim_flow_free(struct fwsim_flow *fl)
{
	struct fwsim_obj *obj;
	uint32_t id;

	if (!fl)
		return;
	for (id = 0; (obj = fwsim_table_next(&fl->group, id)); id = obj->id, group_free((void *)obj))
		fwsim_table_del(&fl->group, obj->id);
	for (id = 0; (obj = fwsim_table_next(&fl->table, id)); id = obj->id, free(obj)) {
		free(((struct fwsim_flow_table *)obj)->group);
		fwsim_table_del(&fl->table, obj->id);
	}
	for (id = 0; (obj = fwsim_table_next(&fl->counter, id)); id = obj->id, free(obj))
		fwsim_table_del(&fl->counter, obj->id);
	fwsim_table_fini(&fl->table);
	fwsim_table_fini(&fl->group);
	fwsim_table_fini(&fl->counter);
	free(fl);
}

static struct fwsim_obj *tir_of(struct fwsim_vhca *v, uint32_t id)
{
	return fwsim_table_get(&v->obj[FWSIM_OBJ_TIR], id);
}

/* The TIRs, tables and counters that an entry names are used by it, or (@by -1) no longer. */
static void entry_refs(struct fwsim_vhca *v, struct fwsim_flow *fl, const struct fwsim_flow_entry *e,
		       int by)
{
	struct fwsim_obj *obj;
	uint32_t i;

	for (i = 0; i < e->dests_n; i++) {
		obj = NULL;
		if (e->dest[i].type == FWSIM_DEST_TIR)
			obj = v ? tir_of(v, e->dest[i].id) : NULL;
		else if (e->dest[i].type == FWSIM_DEST_FLOW_TABLE)
			obj = fwsim_table_get(&fl->table, e->dest[i].id);
		if (obj)
			obj->refs += (uint32_t)by;
	}
	for (i = 0; i < e->counters_n; i++) {
		obj = fwsim_table_get(&fl->counter, e->counter[i]);
		if (obj)
			obj->refs += (uint32_t)by;
	}
}

void fwsim_flow_drop(struct fwsim_vhca *v)
{
	struct fwsim_flow_group *g;

	if (!v->flow)
		return;
	fwsim_table_for_each(&v->flow->group, g)
		for (uint32_t i = 0; i < g->entries_n; i++)
			entry_refs(v, v->flow, g->entry[i], -1);
	fwsim_flow_free(v->flow);
	v->flow = NULL;
}

enum ifc_status fwsim_flow_relink(struct fwsim_vhca *v)
{
	struct fwsim_flow_group *g;
	struct fwsim_obj *tir;

	if (!v->flow)
		return IFC_ST_OK;
	fwsim_table_for_each(&v->flow->group, g) {
		for (uint32_t i = 0; i < g->entries_n; i++) {
			const struct fwsim_flow_entry *e = g->entry[i];

			for (uint32_t d = 0; d < e->dests_n; d++) {
				if (e->dest[d].type != FWSIM_DEST_TIR)
					continue;
				tir = tir_of(v, e->dest[d].id);
				if (!tir)
					return IFC_ST_BAD_RES;
				tir->refs++;
			}
		}
	}
	return IFC_ST_OK;
}

/* ---- tables --------------------------------------------------------------------------------- */

struct fwsim_flow_table *fwsim_flow_table_get(const struct fwsim_flow *fl, uint32_t id)
{
	return fl ? fwsim_table_get(&fl->table, id) : NULL;
}

uint32_t *fwsim_flow_root(struct fwsim_flow *fl, unsigned int type, uint16_t vport)
{
	if (type == FWSIM_FLOW_EGRESS_ACL || type == FWSIM_FLOW_INGRESS_ACL)
		return &fl->acl_root[type - FWSIM_FLOW_EGRESS_ACL][vport];
	return &fl->root[type];
}

/* May a frame go from @from to table @id? */
static enum ifc_status check_next(struct fwsim_flow *fl, const struct fwsim_flow_table *from, uint32_t id,
				  struct fwsim_why *why)
{
	const struct fwsim_flow_table *to = fwsim_flow_table_get(fl, id);

	if (!to)
		return bad(why, IFC_ST_BAD_RES, "no flow table 0x%x to go on with", id);
	if (to->type != from->type || to->vport != from->vport)
		return bad(why, IFC_ST_BAD_PARAM, "table 0x%x is of type %u vport 0x%x, not %u 0x%x", id,
			   to->type, to->vport, from->type, from->vport);
	if (to->level <= from->level)
		return bad(why, IFC_ST_BAD_PARAM, "table 0x%x has level %u, not above %u", id,
			   to->level, from->level);
	return IFC_ST_OK;
}

enum ifc_status fwsim_flow_table_set_miss(struct fwsim_flow *fl, struct fwsim_flow_table *t,
					  uint32_t miss_id, struct fwsim_why *why)
{
	struct fwsim_flow_table *to;
	enum ifc_status st = miss_id ? check_next(fl, t, miss_id, why) : IFC_ST_OK;

	if (st != IFC_ST_OK)
		return st;
	to = t->miss_id ? fwsim_flow_table_get(fl, t->miss_id) : NULL;
	if (to)
		to->obj.refs--;
	t->miss_id = miss_id;
	to = miss_id ? fwsim_flow_table_get(fl, miss_id) : NULL;
	if (to)
		to->obj.refs++;
	return IFC_ST_OK;
}

static enum ifc_status give_number(struct fwsim_table *table, struct fwsim_obj *obj, uint32_t id,
				   struct fwsim_why *why)
{
	enum ifc_status st = id ? fwsim_table_add_at(table, obj, id) : fwsim_table_add(table, obj);

	if (st == IFC_ST_LIM_ERR)
		return bad(why, st, "there are %u already", table->max);
	if (st == IFC_ST_BAD_PARAM)
		return bad(why, st, "the number 0x%x is taken or out of range", id);
	return st == IFC_ST_OK ? st : bad(why, st, "no memory");
}

enum ifc_status fwsim_flow_table_add(struct fwsim_flow *fl, const struct fwsim_flow_table *like,
				     uint32_t id, struct fwsim_flow_table **table,
				     struct fwsim_why *why)
{
	struct fwsim_flow_table *t;
	enum ifc_status st;

	if (like->level > FWSIM_FLOW_LEVELS)
		return bad(why, IFC_ST_BAD_PARAM, "level %u of %u", like->level, FWSIM_FLOW_LEVELS);
	if (like->log_size > FWSIM_FLOW_LOG_SIZE)
		return bad(why, IFC_ST_LIM_ERR, "2^%u entries, at most 2^%u", like->log_size,
			   FWSIM_FLOW_LOG_SIZE);
	st = like->miss_id ? check_next(fl, like, like->miss_id, why) : IFC_ST_OK;
	if (st != IFC_ST_OK)
		return st;
	t = calloc(1, sizeof(*t));
	if (!t)
		return bad(why, IFC_ST_NO_RESOURCES, "no memory");
	t->type = like->type;
	t->level = like->level;
	t->log_size = like->log_size;
	t->vport = like->vport;
	st = give_number(&fl->table, &t->obj, id, why);
	if (st == IFC_ST_OK)
		st = fwsim_flow_table_set_miss(fl, t, like->miss_id, why);
	else
		free(t);
	*table = st == IFC_ST_OK ? t : NULL;
	return st;
}

enum ifc_status fwsim_flow_table_del(struct fwsim_flow *fl, struct fwsim_flow_table *t,
				     struct fwsim_why *why)
{
	uint32_t *root = fwsim_flow_root(fl, t->type, t->vport);

	if (t->groups_n)
		return bad(why, IFC_ST_RES_BUSY, "flow table 0x%x has %u groups", t->obj.id,
			   t->groups_n);
	if (t->obj.refs)
		return bad(why, IFC_ST_RES_BUSY, "%u entries and tables lead to flow table 0x%x",
			   t->obj.refs, t->obj.id);
	fwsim_flow_table_set_miss(fl, t, 0, why);
	/* A driver disconnects the root only if it has another one. */
	if (*root == t->obj.id)
		*root = 0;
	fwsim_table_del(&fl->table, t->obj.id);
	free(t->group);
	free(t);
	return IFC_ST_OK;
}

/* ---- groups --------------------------------------------------------------------------------- */

/* Index into t->group of the first group that ends at @index or behind it. */
static uint32_t group_place(const struct fwsim_flow_table *t, uint32_t index)
{
	uint32_t low = 0, high = t->groups_n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (t->group[mid]->end < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct fwsim_flow_group *fwsim_flow_group_at(const struct fwsim_flow_table *t, uint32_t index)
{
	uint32_t i = group_place(t, index);

	return i < t->groups_n && t->group[i]->start <= index ? t->group[i] : NULL;
}

/* Bits of the criteria that are looked at, for tables of @type. */
static void known_criteria(unsigned int type, uint8_t known[FWSIM_FLOW_KEY])
{
	uint8_t *misc = known + IFC_SZ(fte_match_set_lyr_2_4);

	memset(known, 0xff, IFC_SZ(fte_match_set_lyr_2_4));
	memset(misc, 0, FWSIM_FLOW_KEY - IFC_SZ(fte_match_set_lyr_2_4));
	ifc_st32(known + 0x18, 0);
	IFC_SET(fte_match_set_lyr_2_4, known, ttl_hoplimit, 0xff);
	if (type == FWSIM_FLOW_FDB)
		IFC_SET(fte_match_set_misc, misc, source_port, 0xffff);
	IFC_SET(fte_match_set_misc, misc, outer_second_prio, 7);
	IFC_SET(fte_match_set_misc, misc, outer_second_cfi, 1);
	IFC_SET(fte_match_set_misc, misc, outer_second_vid, 0xfff);
	IFC_SET(fte_match_set_misc, misc, outer_second_cvlan_tag, 1);
	IFC_SET(fte_match_set_misc, misc, outer_second_svlan_tag, 1);
}

static void group_words(struct fwsim_flow_group *g, const uint8_t *criteria)
{
	for (unsigned int w = 0; w < FWSIM_FLOW_KEY / 4; w++) {
		if (!(g->enable & (4 * w < IFC_SZ(fte_match_set_lyr_2_4) ? FWSIM_FLOW_OUTER : FWSIM_FLOW_MISC)))
			continue;
		memcpy(g->criteria + 4 * w, criteria + 4 * w, 4);
		if (ifc_ld32(criteria + 4 * w))
			g->word[g->words_n++] = (uint8_t)w;
	}
}

enum ifc_status fwsim_flow_group_add(struct fwsim_flow *fl, struct fwsim_flow_table *t, uint32_t start,
				     uint32_t end, uint32_t enable, const uint8_t *criteria, uint32_t id,
				     struct fwsim_flow_group **group, struct fwsim_why *why)
{
	uint32_t at = group_place(t, start), cap = t->groups_cap ? 2 * t->groups_cap : 4;
	uint8_t known[FWSIM_FLOW_KEY];
	struct fwsim_flow_group *g, **list;
	enum ifc_status st;

	if (start > end || end >> t->log_size)
		return bad(why, IFC_ST_BAD_PARAM, "flow indices 0x%x..0x%x of 2^%u", start, end,
			   t->log_size);
	if (at < t->groups_n && t->group[at]->start <= end)
		return bad(why, IFC_ST_BAD_PARAM, "flow indices 0x%x..0x%x are in group 0x%x",
			   t->group[at]->start, t->group[at]->end, t->group[at]->obj.id);
	if (enable & ~(FWSIM_FLOW_OUTER | FWSIM_FLOW_MISC))
		return bad(why, IFC_ST_BAD_PARAM, "match_criteria_enable 0x%x: only 0x%x is known",
			   enable, FWSIM_FLOW_OUTER | FWSIM_FLOW_MISC);
	g = calloc(1, sizeof(*g));
	if (!g)
		return bad(why, IFC_ST_NO_RESOURCES, "no memory");
	g->table = t;
	g->start = start;
	g->end = end;
	g->enable = (uint8_t)enable;
	group_words(g, criteria);
	known_criteria(t->type, known);
	for (unsigned int i = 0; i < FWSIM_FLOW_KEY; i++) {
		if (!(g->criteria[i] & ~known[i]))
			continue;
		st = bad(why, IFC_ST_BAD_PARAM, "criteria 0x%02x at offset 0x%x are not matched",
			 g->criteria[i] & ~known[i], i);
		group_free(g);
		return st;
	}
	if (t->groups_n == t->groups_cap) {
		list = realloc(t->group, cap * sizeof(*list));
		if (!list) {
			group_free(g);
			return bad(why, IFC_ST_NO_RESOURCES, "no memory");
		}
		t->group = list;
		t->groups_cap = cap;
	}
	st = give_number(&fl->group, &g->obj, id, why);
	if (st != IFC_ST_OK) {
		group_free(g);
		return st;
	}
	memmove(t->group + at + 1, t->group + at, (t->groups_n - at) * sizeof(*t->group));
	t->group[at] = g;
	t->groups_n++;
	*group = g;
	return IFC_ST_OK;
}

enum ifc_status fwsim_flow_group_del(struct fwsim_flow *fl, struct fwsim_flow_group *g,
				     struct fwsim_why *why)
{
	struct fwsim_flow_table *t = g->table;
	uint32_t at = group_place(t, g->start);

	if (g->entries_n)
		return bad(why, IFC_ST_RES_BUSY, "flow group 0x%x has %u entries", g->obj.id,
			   g->entries_n);
	t->groups_n--;
	memmove(t->group + at, t->group + at + 1, (t->groups_n - at) * sizeof(*t->group));
	fwsim_table_del(&fl->group, g->obj.id);
	group_free(g);
	return IFC_ST_OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

static uint32_t key_hash(const struct fwsim_flow_group *g, const uint8_t *key)
{
	uint32_t h = 0x811c9dc5, w;

	for (unsigned int i = 0; i < g->words_n; i++) {
		w = 4u * g->word[i];
		h = (h ^ (ifc_ld32(key + w) & ifc_ld32(g->criteria + w))) * 0x9e3779b1;
		h ^= h >> 15;
	}
	return h;
}

static bool key_matches(const struct fwsim_flow_group *g, const uint8_t *key, const uint8_t *value)
{
	uint32_t w;

	for (unsigned int i = 0; i < g->words_n; i++) {
		w = 4u * g->word[i];
		if ((ifc_ld32(key + w) ^ ifc_ld32(value + w)) & ifc_ld32(g->criteria + w))
			return false;
	}
	return true;
}

static void bucket_add(struct fwsim_flow_group *g, struct fwsim_flow_entry *e)
{
	struct fwsim_flow_entry **b = &g->bucket[e->hash & (g->buckets - 1)];

	e->next = *b;
	*b = e;
}

static void bucket_del(struct fwsim_flow_group *g, struct fwsim_flow_entry *e)
{
	struct fwsim_flow_entry **b = &g->bucket[e->hash & (g->buckets - 1)];

	while (*b != e)
		b = &(*b)->next;
	*b = e->next;
}

static bool group_grow(struct fwsim_flow_group *g)
{
	uint32_t n = g->buckets ? 2 * g->buckets : FIRST_BUCKETS, i;
	struct fwsim_flow_entry **list;

	if (g->entries_n < g->entries_cap)
		return true;
	list = realloc(g->entry, n * sizeof(*list));
	if (!list)
		return false;
	g->entry = list;
	list = calloc(n, sizeof(*list));
	if (!list)
		return false;
	free(g->bucket);
	g->bucket = list;
	g->buckets = n;
	g->entries_cap = n;
	for (i = 0; i < g->entries_n; i++)
		bucket_add(g, g->entry[i]);
	return true;
}

/* Index into g->entry of the first entry at @index or behind it. */
static uint32_t entry_place(const struct fwsim_flow_group *g, uint32_t index)
{
	uint32_t low = 0, high = g->entries_n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (g->entry[mid]->index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct fwsim_flow_entry *fwsim_flow_entry_at(const struct fwsim_flow_group *g, uint32_t index)
{
	uint32_t i = entry_place(g, index);

	return i < g->entries_n && g->entry[i]->index == index ? g->entry[i] : NULL;
}

static enum ifc_status check_dest(struct fwsim_vhca *v, struct fwsim_flow *fl,
				  const struct fwsim_flow_table *t, const struct fwsim_flow_dest *d,
				  struct fwsim_why *why)
{
	switch (d->type) {
	case FWSIM_DEST_FLOW_TABLE:
		return check_next(fl, t, d->id, why);
	case FWSIM_DEST_TIR:
		if (t->type != FWSIM_FLOW_NIC_RX)
			break;
		/* without a VHCA it is fwsim_flow_relink() that looks */
		if (v && !tir_of(v, d->id))
			return bad(why, IFC_ST_BAD_RES, "no TIR 0x%x", d->id);
		return IFC_ST_OK;
	case FWSIM_DEST_VPORT:
		if (t->type != FWSIM_FLOW_FDB)
			break;
		if (d->id != FWSIM_VPORT_UPLINK && d->id > FWSIM_MAX_VFS)
			return bad(why, IFC_ST_BAD_PARAM, "no vport 0x%x", d->id);
		return IFC_ST_OK;
	case FWSIM_DEST_UPLINK:
		if (t->type != FWSIM_FLOW_FDB)
			break;
		return IFC_ST_OK;
	}
	return bad(why, IFC_ST_BAD_PARAM, "destinations of type %u are not for tables of type %u",
		   d->type, t->type);
}

static enum ifc_status check_spec(struct fwsim_vhca *v, struct fwsim_flow *fl,
				  const struct fwsim_flow_group *g, const struct fwsim_flow_spec *s,
				  struct fwsim_why *why)
{
	bool acl = g->table->type == FWSIM_FLOW_EGRESS_ACL || g->table->type == FWSIM_FLOW_INGRESS_ACL;
	uint32_t what = s->action & ~(uint32_t)FWSIM_FLOW_COUNT, i;
	enum ifc_status st;

	if (s->index < g->start || s->index > g->end)
		return bad(why, IFC_ST_BAD_INDEX, "flow index 0x%x is not in group 0x%x", s->index,
			   g->obj.id);
	if (what != FWSIM_FLOW_DROP && what != (acl ? FWSIM_FLOW_ALLOW : FWSIM_FLOW_FWD))
		return bad(why, IFC_ST_BAD_PARAM, "action 0x%x is not for tables of type %u",
			   s->action, g->table->type);
	if (!(s->action & FWSIM_FLOW_FWD) != !s->dests_n || s->dests_n > 1u << FWSIM_FLOW_LOG_DESTS)
		return bad(why, IFC_ST_BAD_PARAM, "action 0x%x with %u destinations", s->action,
			   s->dests_n);
	if (!(s->action & FWSIM_FLOW_COUNT) != !s->counters_n ||
	    s->counters_n > FWSIM_FLOW_MAX_COUNTERS)
		return bad(why, IFC_ST_BAD_PARAM, "action 0x%x with %u counters", s->action,
			   s->counters_n);
	for (i = 0; i < s->dests_n; i++) {
		st = check_dest(v, fl, g->table, &s->dest[i], why);
		if (st != IFC_ST_OK)
			return st;
	}
	for (i = 0; i < s->counters_n; i++)
		if (!fwsim_table_get(&fl->counter, s->counter[i]))
			return bad(why, IFC_ST_BAD_RES, "no flow counter 0x%x", s->counter[i]);
	return IFC_ST_OK;
}

enum ifc_status fwsim_flow_entry_set(struct fwsim_vhca *v, struct fwsim_flow *fl,
				     struct fwsim_flow_group *g, const struct fwsim_flow_spec *spec,
				     struct fwsim_why *why)
{
	struct fwsim_flow_entry *e, *old = fwsim_flow_entry_at(g, spec->index);
	enum ifc_status st = check_spec(v, fl, g, spec, why);
	uint32_t at;

	if (st != IFC_ST_OK)
		return st;
	if (!old && fl->entries >= 1u << FWSIM_FLOW_LOG_ENTRIES)
		return bad(why, IFC_ST_LIM_ERR, "there are %u entries already", fl->entries);
	if (spec->dests_n > FWSIM_FLOW_ALL_DESTS - fl->dests)
		return bad(why, IFC_ST_LIM_ERR, "there are %u destinations already", fl->dests);
	e = calloc(1, sizeof(*e) + spec->dests_n * sizeof(e->dest[0]));
	if (!e || !group_grow(g)) {
		free(e);
		return bad(why, IFC_ST_NO_RESOURCES, "no memory");
	}
	e->index = spec->index;
	e->tag = spec->tag;
	e->action = spec->action;
	e->dests_n = spec->dests_n;
	e->counters_n = spec->counters_n;
	memcpy(e->counter, spec->counter, sizeof(e->counter));
	memcpy(e->value, spec->value, sizeof(e->value));
	memcpy(e->dest, spec->dest, spec->dests_n * sizeof(e->dest[0]));
	e->hash = key_hash(g, e->value);
	entry_refs(v, fl, e, 1);
	if (old)
		fwsim_flow_entry_del(v, fl, g, old);
	at = entry_place(g, e->index);
	memmove(g->entry + at + 1, g->entry + at, (g->entries_n - at) * sizeof(*g->entry));
	g->entry[at] = e;
	g->entries_n++;
	fl->entries++;
	fl->dests += e->dests_n;
	bucket_add(g, e);
	return IFC_ST_OK;
}

void fwsim_flow_entry_del(struct fwsim_vhca *v, struct fwsim_flow *fl, struct fwsim_flow_group *g,
			  struct fwsim_flow_entry *e)
{
	uint32_t at = entry_place(g, e->index);

	entry_refs(v, fl, e, -1);
	bucket_del(g, e);
	g->entries_n--;
	memmove(g->entry + at, g->entry + at + 1, (g->entries_n - at) * sizeof(*g->entry));
	fl->entries--;
	fl->dests -= e->dests_n;
	free(e);
}

void fwsim_flow_spec_of(struct fwsim_flow_spec *spec, const struct fwsim_flow_entry *e)
{
	spec->index = e->index;
	spec->tag = e->tag;
	spec->action = e->action;
	spec->dests_n = e->dests_n;
	spec->counters_n = e->counters_n;
	memcpy(spec->counter, e->counter, sizeof(spec->counter));
	memcpy(spec->value, e->value, sizeof(spec->value));
	memcpy(spec->dest, e->dest, e->dests_n * sizeof(e->dest[0]));
}

const struct fwsim_flow_entry *fwsim_flow_find(const struct fwsim_flow_table *t, const uint8_t *key,
					       uint32_t *steps)
{
	const struct fwsim_flow_entry *e, *first;
	const struct fwsim_flow_group *g;
	uint32_t i, hash;

	for (i = 0; i < t->groups_n; i++) {
		g = t->group[i];
		if (!*steps)
			return NULL;
		--*steps;
		if (!g->entries_n)
			continue;
		hash = key_hash(g, key);
		first = NULL;
		for (e = g->bucket[hash & (g->buckets - 1)]; e; e = e->next) {
			if (!*steps)
				return NULL;
			--*steps;
			if (e->hash == hash && (!first || e->index < first->index) &&
			    key_matches(g, key, e->value))
				first = e;
		}
		if (first)
			return first;
	}
	return NULL;
}
