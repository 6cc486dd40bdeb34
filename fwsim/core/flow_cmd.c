// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of flow tables, groups, entries and counters. Tables of type NIC_RX are everybody's own; the FDB
 * is the PF's, and so is an ACL, which belongs to the vport that the command names.
 */
#include "flow.h"

#define ROOT_CONNECT 0
#define ROOT_DISCONNECT 1
#define MODIFY_MISS_TABLE 1u
#define MISS_FWD 1u

enum flow_synd {
	FLOW_SYND_TYPE = 0x930001,
	FLOW_SYND_VPORT = 0x930002,
	FLOW_SYND_TABLE = 0x930003,
	FLOW_SYND_GROUP = 0x930004,
	FLOW_SYND_ENTRY = 0x930005,
	FLOW_SYND_FIELD = 0x930006,
	FLOW_SYND_OP_MOD = 0x930007,
	FLOW_SYND_LEN = 0x930008,
	FLOW_SYND_COUNTER = 0x930009,
	FLOW_SYND_MEMORY = 0x93000a,
	FLOW_SYND_ROOT = 0x93000b,
};

/* table_type, vport_number and table_id are in the same place in all inputs but that of CREATE_FLOW_TABLE. */
#define HEAD(cmd, fld) IFC_GET(destroy_flow_table_in, (cmd)->in, fld)

static enum ifc_status because(struct fwsim_cmd *cmd, enum ifc_status st, uint32_t synd,
			       const struct fwsim_why *why)
{
	return st == IFC_ST_OK ? st : fwsim_refuse(cmd, st, synd, "%s", why->text);
}

/* Which tables the command is about. QUERY commands have no vport. */
static enum ifc_status flow_head(struct fwsim_cmd *cmd, uint16_t *vport)
{
	uint32_t type = HEAD(cmd, table_type), n = HEAD(cmd, vport_number);
	bool other = HEAD(cmd, other_vport);

	*vport = 0;
	switch (type) {
	case FWSIM_FLOW_NIC_RX:
		break;
	case FWSIM_FLOW_FDB:
	case FWSIM_FLOW_EGRESS_ACL:
	case FWSIM_FLOW_INGRESS_ACL:
		if (cmd->vhca->fn)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_TYPE,
					    "flow tables of type %u are the PF's", type);
		break;
	default:
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_TYPE,
				    "there are no flow tables of type %u", type);
	}
	if (HEAD(cmd, other_eswitch))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_VPORT,
				    "there is one eSwitch, and nothing to choose");
	if (type == FWSIM_FLOW_EGRESS_ACL || type == FWSIM_FLOW_INGRESS_ACL) {
		if (!other || n >= cmd->fw->nfn) {
			if (!other && !n)
				return IFC_ST_OK;
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_VPORT,
					    "vport 0x%x (other %u) has no ACL", n, other);
		}
		*vport = (uint16_t)n;
		return IFC_ST_OK;
	}
	if (other || n)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_VPORT,
				    "tables of type %u belong to no other vport (0x%x)", type, n);
	return IFC_ST_OK;
}

/* The table that the command names; it has to be of the type and vport named. */
static enum ifc_status find_table(struct fwsim_cmd *cmd, struct fwsim_flow_table **table, bool any_vport)
{
	uint16_t vport = 0;
	enum ifc_status st = any_vport ? IFC_ST_OK : flow_head(cmd, &vport);
	struct fwsim_flow_table *t;

	if (st != IFC_ST_OK)
		return st;
	t = fwsim_flow_table_get(cmd->vhca->flow, HEAD(cmd, table_id));
	if (!t || t->type != HEAD(cmd, table_type) || (!any_vport && t->vport != vport))
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, FLOW_SYND_TABLE,
				    "no flow table 0x%x of type %u", HEAD(cmd, table_id),
				    HEAD(cmd, table_type));
	*table = t;
	return IFC_ST_OK;
}

/* ---- tables --------------------------------------------------------------------------------- */

#define CTX_OFF(layout, cmd) IFC_CPTR(layout, (cmd)->in, flow_table_context)
#define CTX(ctx, fld) IFC_GET(flow_table_context, (ctx), fld)

/* What to do with a frame that no entry is for. */
static enum ifc_status miss_of(struct fwsim_cmd *cmd, const uint8_t *ctx, uint32_t *miss_id)
{
	uint32_t action = CTX(ctx, table_miss_action);

	*miss_id = action == MISS_FWD ? CTX(ctx, table_miss_id) : 0;
	if (action > MISS_FWD || (action == MISS_FWD && !*miss_id))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "table_miss_action %u, table_miss_id 0x%x", action,
				    CTX(ctx, table_miss_id));
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_flow_table(struct fwsim_cmd *cmd)
{
	const uint8_t *ctx = CTX_OFF(create_flow_table_in, cmd);
	struct fwsim_flow_table like = { .type = (uint8_t)HEAD(cmd, table_type) }, *t;
	struct fwsim_flow *fl;
	enum ifc_status st = flow_head(cmd, &like.vport);
	struct fwsim_why why;

	if (st != IFC_ST_OK)
		return st;
	if (CTX(ctx, reformat_en) || CTX(ctx, decap_en) || CTX(ctx, sw_owner) ||
	    CTX(ctx, termination_table) || CTX(ctx, rtc_valid))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "a table that reformats, terminates, or is not the firmware's");
	st = miss_of(cmd, ctx, &like.miss_id);
	if (st != IFC_ST_OK)
		return st;
	fl = fwsim_flow_get(cmd->vhca);
	if (!fl)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, FLOW_SYND_MEMORY, "no memory");
	like.level = (uint8_t)CTX(ctx, level);
	like.log_size = (uint8_t)CTX(ctx, log_size);
	st = fwsim_flow_table_add(fl, &like, 0, &t, &why);
	if (st == IFC_ST_OK)
		IFC_SET(create_flow_table_out, cmd->out, table_id, t->obj.id);
	return because(cmd, st, FLOW_SYND_TABLE, &why);
}

enum ifc_status fwsim_cmd_modify_flow_table(struct fwsim_cmd *cmd)
{
	uint32_t select = IFC_GET(modify_flow_table_in, cmd->in, modify_field_select), miss_id;
	struct fwsim_flow_table *t;
	enum ifc_status st;
	struct fwsim_why why;

	st = find_table(cmd, &t, false);
	if (st != IFC_ST_OK)
		return st;
	if (select != MODIFY_MISS_TABLE)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "modify_field_select 0x%x: only the miss table can be changed",
				    select);
	st = miss_of(cmd, CTX_OFF(modify_flow_table_in, cmd), &miss_id);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_flow_table_set_miss(cmd->vhca->flow, t, miss_id, &why);
	return because(cmd, st, FLOW_SYND_TABLE, &why);
}

enum ifc_status fwsim_cmd_destroy_flow_table(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_table *t;
	enum ifc_status st = find_table(cmd, &t, false);
	struct fwsim_why why;

	if (st != IFC_ST_OK)
		return st;
	st = fwsim_flow_table_del(cmd->vhca->flow, t, &why);
	return because(cmd, st, FLOW_SYND_TABLE, &why);
}

enum ifc_status fwsim_cmd_query_flow_table(struct fwsim_cmd *cmd)
{
	uint8_t *ctx = IFC_PTR(query_flow_table_out, cmd->out, flow_table_context);
	struct fwsim_flow_table *t;
	enum ifc_status st = find_table(cmd, &t, true);

	if (st != IFC_ST_OK)
		return st;
	IFC_SET(flow_table_context, ctx, level, t->level);
	IFC_SET(flow_table_context, ctx, log_size, t->log_size);
	IFC_SET(flow_table_context, ctx, table_miss_action, t->miss_id ? MISS_FWD : 0);
	IFC_SET(flow_table_context, ctx, table_miss_id, t->miss_id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_set_flow_table_root(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(set_flow_table_root_in, cmd->in, table_id);
	struct fwsim_flow *fl = cmd->vhca->flow;
	struct fwsim_flow_table *t;
	enum ifc_status st;
	uint16_t vport;

	if (cmd->op_mod > ROOT_DISCONNECT)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, FLOW_SYND_OP_MOD,
				    "SET_FLOW_TABLE_ROOT has no op_mod 0x%x", cmd->op_mod);
	st = flow_head(cmd, &vport);
	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(set_flow_table_root_in, cmd->in, underlay_qpn) ||
	    IFC_GET(set_flow_table_root_in, cmd->in, table_eswitch_owner_vhca_id_valid) ||
	    IFC_GET(set_flow_table_root_in, cmd->in, table_of_other_vport))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_ROOT,
				    "a root of an underlay QP, another eSwitch or another vport's table");
	if (cmd->op_mod == ROOT_DISCONNECT) {
		if (fl)
			*fwsim_flow_root(fl, HEAD(cmd, table_type), vport) = 0;
		return IFC_ST_OK;
	}
	t = fwsim_flow_table_get(fl, id);
	if (!t || t->type != HEAD(cmd, table_type) || t->vport != vport)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, FLOW_SYND_TABLE,
				    "no flow table 0x%x of type %u", id, HEAD(cmd, table_type));
	*fwsim_flow_root(fl, t->type, vport) = id;
	return IFC_ST_OK;
}

/* ---- groups --------------------------------------------------------------------------------- */

_Static_assert(2 * IFC_SZ(fte_match_set_lyr_2_4) == FWSIM_FLOW_KEY &&
	       IFC_OFF(fte_match_param, misc_parameters) == IFC_SZ(fte_match_set_lyr_2_4) &&
	       IFC_SZ(fte_match_set_misc) == IFC_SZ(fte_match_set_lyr_2_4),
	       "the key is the first two blocks of fte_match_param");

enum ifc_status fwsim_cmd_create_flow_group(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	enum ifc_status st = find_table(cmd, &t, false);
	struct fwsim_why why;

	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(create_flow_group_in, cmd->in, group_type) ||
	    IFC_GET(create_flow_group_in, cmd->in, match_definer_id) ||
	    IFC_GET(create_flow_group_in, cmd->in, source_eswitch_owner_vhca_id_valid))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "group types, match definers and other eSwitches are not offered");
	st = fwsim_flow_group_add(cmd->vhca->flow, t,
				  IFC_GET(create_flow_group_in, cmd->in, start_flow_index),
				  IFC_GET(create_flow_group_in, cmd->in, end_flow_index),
				  IFC_GET(create_flow_group_in, cmd->in, match_criteria_enable),
				  IFC_CPTR(create_flow_group_in, cmd->in, match_criteria), 0, &g, &why);
	if (st == IFC_ST_OK)
		IFC_SET(create_flow_group_out, cmd->out, group_id, g->obj.id);
	return because(cmd, st, FLOW_SYND_GROUP, &why);
}

static enum ifc_status find_group(struct fwsim_cmd *cmd, struct fwsim_flow_table *t, uint32_t id,
				  struct fwsim_flow_group **group)
{
	*group = fwsim_table_get(&cmd->vhca->flow->group, id);
	if (!*group || (*group)->table != t)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, FLOW_SYND_GROUP,
				    "flow table 0x%x has no group 0x%x", t->obj.id, id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_flow_group(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	enum ifc_status st = find_table(cmd, &t, false);
	struct fwsim_why why;

	if (st == IFC_ST_OK)
		st = find_group(cmd, t, IFC_GET(destroy_flow_group_in, cmd->in, group_id), &g);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_flow_group_del(cmd->vhca->flow, g, &why);
	return because(cmd, st, FLOW_SYND_GROUP, &why);
}

enum ifc_status fwsim_cmd_query_flow_group(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	enum ifc_status st = find_table(cmd, &t, true);

	if (st == IFC_ST_OK)
		st = find_group(cmd, t, IFC_GET(query_flow_group_in, cmd->in, group_id), &g);
	if (st != IFC_ST_OK)
		return st;
	IFC_SET(query_flow_group_out, cmd->out, start_flow_index, g->start);
	IFC_SET(query_flow_group_out, cmd->out, end_flow_index, g->end);
	IFC_SET(query_flow_group_out, cmd->out, match_criteria_enable, g->enable);
	memcpy(IFC_PTR(query_flow_group_out, cmd->out, match_criteria), g->criteria,
	       sizeof(g->criteria));
	return IFC_ST_OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

#define LIST_ITEM ((uint32_t)IFC_SZ(dest_format_struct))

/* What the input says of an entry, its lists included. */
static enum ifc_status read_spec(struct fwsim_cmd *cmd, struct fwsim_flow_spec *s)
{
	const uint8_t *ctx = IFC_CPTR(set_fte_in, cmd->in, flow_context);
	const uint8_t *item = cmd->in + IFC_SZ(set_fte_in);
	uint32_t room = (cmd->in_len - (uint32_t)IFC_SZ(set_fte_in)) / LIST_ITEM, i;

	s->index = IFC_GET(set_fte_in, cmd->in, flow_index);
	s->tag = IFC_GET(flow_context, ctx, flow_tag);
	s->action = IFC_GET(flow_context, ctx, action);
	s->dests_n = IFC_GET(flow_context, ctx, destination_list_size);
	s->counters_n = IFC_GET(flow_context, ctx, flow_counter_list_size);
	memcpy(s->value, IFC_CPTR(flow_context, ctx, match_value), sizeof(s->value));
	if (s->action & ~(uint32_t)FWSIM_FLOW_ACTIONS ||
	    IFC_GET(flow_context, ctx, extended_destination) ||
	    IFC_GET(flow_context, ctx, uplink_hairpin_en) || IFC_GET(flow_context, ctx, flow_source) ||
	    IFC_GET(set_fte_in, cmd->in, ignore_flow_level))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "action 0x%x, or a kind of entry that is not offered", s->action);
	if (s->dests_n > 1u << FWSIM_FLOW_LOG_DESTS || s->counters_n > FWSIM_FLOW_MAX_COUNTERS)
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, FLOW_SYND_FIELD,
				    "%u destinations and %u counters, at most %u and %u", s->dests_n,
				    s->counters_n, 1u << FWSIM_FLOW_LOG_DESTS,
				    FWSIM_FLOW_MAX_COUNTERS);
	if (s->dests_n + s->counters_n > room)
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, FLOW_SYND_LEN,
				    "%u list items do not fit into %u bytes of input",
				    s->dests_n + s->counters_n, cmd->in_len);
	for (i = 0; i < s->dests_n; i++, item += LIST_ITEM) {
		s->dest[i].type = (uint8_t)IFC_GET(dest_format_struct, item, destination_type);
		s->dest[i].id = IFC_GET(dest_format_struct, item, destination_id);
		if (IFC_GET(dest_format_struct, item, destination_eswitch_owner_vhca_id_valid) ||
		    IFC_GET(dest_format_struct, item, packet_reformat))
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
					    "a destination in another eSwitch, or that reformats");
		/* vports are numbered by function: the other ones of 0..255 are not there */
		if (s->dest[i].type == FWSIM_DEST_VPORT && s->dest[i].id != FWSIM_VPORT_UPLINK &&
		    s->dest[i].id >= cmd->fw->nfn)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_VPORT, "no vport 0x%x",
					    s->dest[i].id);
	}
	for (i = 0; i < s->counters_n; i++, item += LIST_ITEM)
		s->counter[i] = IFC_GET(flow_counter_list, item, flow_counter_id);
	return IFC_ST_OK;
}

/* op_mod 1: @s becomes what the entry at its index is, but for what modify_enable_mask names. */
static enum ifc_status modified_spec(struct fwsim_cmd *cmd, const struct fwsim_flow_group *g,
				     struct fwsim_flow_spec *s, struct fwsim_flow_spec *old)
{
	uint32_t mask = IFC_GET(set_fte_in, cmd->in, modify_enable_mask);
	const struct fwsim_flow_entry *e = fwsim_flow_entry_at(g, s->index);

	if (!e)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, FLOW_SYND_ENTRY,
				    "no entry 0x%x to modify", s->index);
	if (!mask || mask & ~(uint32_t)FWSIM_FLOW_MOD_ALL)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_FIELD,
				    "modify_enable_mask 0x%x", mask);
	fwsim_flow_spec_of(old, e);
	memcpy(s->value, old->value, sizeof(s->value));
	if (!(mask & FWSIM_FLOW_MOD_ACTION))
		s->action = old->action;
	if (!(mask & FWSIM_FLOW_MOD_TAG))
		s->tag = old->tag;
	if (!(mask & FWSIM_FLOW_MOD_DESTS)) {
		s->dests_n = old->dests_n;
		memcpy(s->dest, old->dest, old->dests_n * sizeof(s->dest[0]));
	}
	if (!(mask & FWSIM_FLOW_MOD_COUNTERS)) {
		s->counters_n = old->counters_n;
		memcpy(s->counter, old->counter, sizeof(s->counter));
	}
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_set_flow_table_entry(struct fwsim_cmd *cmd)
{
	uint32_t group_id = IFC_GET(flow_context, IFC_CPTR(set_fte_in, cmd->in, flow_context), group_id);
	struct fwsim_flow_spec spec, old;
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	struct fwsim_why why;
	enum ifc_status st;

	if (cmd->op_mod > 1)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, FLOW_SYND_OP_MOD,
				    "SET_FLOW_TABLE_ENTRY has no op_mod 0x%x", cmd->op_mod);
	st = find_table(cmd, &t, false);
	if (st == IFC_ST_OK)
		st = find_group(cmd, t, group_id, &g);
	if (st == IFC_ST_OK)
		st = read_spec(cmd, &spec);
	if (st == IFC_ST_OK && cmd->op_mod)
		st = modified_spec(cmd, g, &spec, &old);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_flow_entry_set(cmd->vhca, cmd->vhca->flow, g, &spec, &why);
	return because(cmd, st, FLOW_SYND_ENTRY, &why);
}

static enum ifc_status find_entry(struct fwsim_cmd *cmd, const struct fwsim_flow_table *t, uint32_t index,
				  struct fwsim_flow_group **group, struct fwsim_flow_entry **entry)
{
	*group = fwsim_flow_group_at(t, index);
	*entry = *group ? fwsim_flow_entry_at(*group, index) : NULL;
	if (!*entry)
		return fwsim_refuse(cmd, IFC_ST_BAD_INDEX, FLOW_SYND_ENTRY,
				    "flow table 0x%x has no entry 0x%x", t->obj.id, index);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_delete_flow_table_entry(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	struct fwsim_flow_entry *e;
	enum ifc_status st = find_table(cmd, &t, false);

	if (st == IFC_ST_OK)
		st = find_entry(cmd, t, IFC_GET(delete_fte_in, cmd->in, flow_index), &g, &e);
	if (st == IFC_ST_OK)
		fwsim_flow_entry_del(cmd->vhca, cmd->vhca->flow, g, e);
	return st;
}

enum ifc_status fwsim_cmd_query_flow_table_entry(struct fwsim_cmd *cmd)
{
	uint8_t *ctx = IFC_PTR(query_fte_out, cmd->out, flow_context), *item;
	struct fwsim_flow_group *g;
	struct fwsim_flow_table *t;
	struct fwsim_flow_entry *e;
	enum ifc_status st = find_table(cmd, &t, true);
	uint32_t i;

	if (st == IFC_ST_OK)
		st = find_entry(cmd, t, IFC_GET(query_fte_in, cmd->in, flow_index), &g, &e);
	if (st != IFC_ST_OK)
		return st;
	if (cmd->out_len < IFC_SZ(query_fte_out) + (e->dests_n + e->counters_n) * LIST_ITEM)
		return fwsim_refuse(cmd, IFC_ST_BAD_OUTPUT_LEN, FLOW_SYND_LEN,
				    "no room for %u list items", e->dests_n + e->counters_n);
	IFC_SET(flow_context, ctx, group_id, g->obj.id);
	IFC_SET(flow_context, ctx, flow_tag, e->tag);
	IFC_SET(flow_context, ctx, action, e->action);
	IFC_SET(flow_context, ctx, destination_list_size, e->dests_n);
	IFC_SET(flow_context, ctx, flow_counter_list_size, e->counters_n);
	memcpy(IFC_PTR(flow_context, ctx, match_value), e->value, sizeof(e->value));
	item = cmd->out + IFC_SZ(query_fte_out);
	for (i = 0; i < e->dests_n; i++, item += LIST_ITEM) {
		IFC_SET(dest_format_struct, item, destination_type, e->dest[i].type);
		IFC_SET(dest_format_struct, item, destination_id, e->dest[i].id);
	}
	for (i = 0; i < e->counters_n; i++, item += LIST_ITEM)
		IFC_SET(flow_counter_list, item, flow_counter_id, e->counter[i]);
	return IFC_ST_OK;
}

/* ---- counters ------------------------------------------------------------------------------- */

enum ifc_status fwsim_cmd_alloc_flow_counter(struct fwsim_cmd *cmd)
{
	struct fwsim_flow_counter *c;
	struct fwsim_flow *fl;
	enum ifc_status st;

	if (IFC_GET(alloc_flow_counter_in, cmd->in, flow_counter_bulk) ||
	    IFC_GET(alloc_flow_counter_in, cmd->in, flow_counter_bulk_log_size))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, FLOW_SYND_COUNTER,
				    "flow counters come one by one");
	fl = fwsim_flow_get(cmd->vhca);
	c = fl ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, FLOW_SYND_MEMORY, "no memory");
	st = fwsim_table_add(&fl->counter, &c->obj);
	if (st != IFC_ST_OK) {
		free(c);
		return fwsim_refuse(cmd, st, FLOW_SYND_COUNTER, "no more flow counters");
	}
	IFC_SET(alloc_flow_counter_out, cmd->out, flow_counter_id, c->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_dealloc_flow_counter(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(dealloc_flow_counter_in, cmd->in, flow_counter_id);
	struct fwsim_flow *fl = cmd->vhca->flow;
	struct fwsim_flow_counter *c = fl ? fwsim_table_get(&fl->counter, id) : NULL;

	if (!c)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, FLOW_SYND_COUNTER, "no flow counter 0x%x", id);
	if (c->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, FLOW_SYND_COUNTER,
				    "%u entries use flow counter 0x%x", c->obj.refs, id);
	fwsim_table_del(&fl->counter, id);
	free(c);
	return IFC_ST_OK;
}

/* num_of_counters of them from that number on; 0 is one. Numbers that are not taken read zero. */
enum ifc_status fwsim_cmd_query_flow_counter(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(query_flow_counter_in, cmd->in, flow_counter_id), i;
	uint32_t n = IFC_GET(query_flow_counter_in, cmd->in, num_of_counters);
	bool clear = IFC_GET(query_flow_counter_in, cmd->in, clear);
	uint8_t *to = cmd->out + IFC_SZ(query_flow_counter_out);
	struct fwsim_flow *fl = cmd->vhca->flow;
	struct fwsim_flow_counter *c;

	if (!n && !(fl && fwsim_table_get(&fl->counter, id)))
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, FLOW_SYND_COUNTER, "no flow counter 0x%x", id);
	n = n ? n : 1;
	if ((cmd->out_len - IFC_SZ(query_flow_counter_out)) / IFC_SZ(traffic_counter) < n)
		return fwsim_refuse(cmd, IFC_ST_BAD_OUTPUT_LEN, FLOW_SYND_LEN,
				    "no room for %u counters", n);
	for (i = 0; i < n; i++, to += IFC_SZ(traffic_counter)) {
		c = fl ? fwsim_table_get(&fl->counter, id + i) : NULL;
		if (!c)
			continue;
		IFC_SET64(traffic_counter, to, packets, c->packets);
		IFC_SET64(traffic_counter, to, octets, c->octets);
		if (clear)
			c->packets = c->octets = 0;
	}
	return IFC_ST_OK;
}
