// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow_rig.h"

#include <string.h>

struct flow_rig flow_rig(struct harness *h, unsigned int fn, unsigned int type, uint16_t vport)
{
	return (struct flow_rig){ h, fn, h->fw->vhca[fn], type, vport, 0 };
}

/* All inputs but SET_FLOW_TABLE_ENTRY's begin so. */
#define HEAD(r, in, OP, table)                                                                     \
	do {                                                                                       \
		IFC_SET(destroy_flow_table_in, (in), opcode, MLX5_CMD_OP_##OP);                    \
		IFC_SET(destroy_flow_table_in, (in), table_type, (r)->type);                       \
		IFC_SET(destroy_flow_table_in, (in), other_vport, (r)->vport != 0);                \
		IFC_SET(destroy_flow_table_in, (in), vport_number, (r)->vport);                    \
		IFC_SET(destroy_flow_table_in, (in), table_id, (table));                           \
	} while (0)

static void set_context(uint8_t *ctx, unsigned int level, unsigned int log_size, uint32_t miss_id)
{
	IFC_SET(flow_table_context, ctx, level, level);
	IFC_SET(flow_table_context, ctx, log_size, log_size);
	IFC_SET(flow_table_context, ctx, table_miss_action, miss_id != 0);
	IFC_SET(flow_table_context, ctx, table_miss_id, miss_id);
}

enum ifc_status flow_table(struct flow_rig *r, unsigned int level, unsigned int log_size, uint32_t miss_id)
{
	IFC_BUF(create_flow_table_in, in) = { 0 };
	IFC_BUF(create_flow_table_out, out);
	enum ifc_status st;

	HEAD(r, in, CREATE_FLOW_TABLE, 0);
	set_context(IFC_PTR(create_flow_table_in, in, flow_table_context), level, log_size, miss_id);
	st = H_CMD(r->h, r->fn, in, out);
	r->id = IFC_GET(create_flow_table_out, out, table_id);
	return st;
}

enum ifc_status flow_table_miss(struct flow_rig *r, uint32_t table, uint32_t miss_id)
{
	IFC_BUF(modify_flow_table_in, in) = { 0 };
	IFC_BUF(modify_flow_table_out, out);

	HEAD(r, in, MODIFY_FLOW_TABLE, table);
	IFC_SET(modify_flow_table_in, in, modify_field_select, 1);
	set_context(IFC_PTR(modify_flow_table_in, in, flow_table_context), 0, 0, miss_id);
	return H_CMD(r->h, r->fn, in, out);
}

enum ifc_status flow_table_destroy(struct flow_rig *r, uint32_t table)
{
	IFC_BUF(destroy_flow_table_in, in) = { 0 };
	IFC_BUF(destroy_flow_table_out, out);

	HEAD(r, in, DESTROY_FLOW_TABLE, table);
	return H_CMD(r->h, r->fn, in, out);
}

enum ifc_status flow_root(struct flow_rig *r, uint32_t table)
{
	IFC_BUF(set_flow_table_root_in, in) = { 0 };
	IFC_BUF(set_flow_table_root_out, out);

	HEAD(r, in, SET_FLOW_TABLE_ROOT, table);
	IFC_SET(set_flow_table_root_in, in, op_mod, !table);
	return H_CMD(r->h, r->fn, in, out);
}

enum ifc_status flow_group(struct flow_rig *r, uint32_t table, uint32_t start, uint32_t end, unsigned int enable,
			   const uint8_t *criteria)
{
	IFC_BUF(create_flow_group_in, in) = { 0 };
	IFC_BUF(create_flow_group_out, out);
	enum ifc_status st;

	HEAD(r, in, CREATE_FLOW_GROUP, table);
	IFC_SET(create_flow_group_in, in, start_flow_index, start);
	IFC_SET(create_flow_group_in, in, end_flow_index, end);
	IFC_SET(create_flow_group_in, in, match_criteria_enable, enable);
	if (criteria)
		memcpy(IFC_PTR(create_flow_group_in, in, match_criteria), criteria, FWSIM_FLOW_KEY);
	st = H_CMD(r->h, r->fn, in, out);
	r->id = IFC_GET(create_flow_group_out, out, group_id);
	return st;
}

enum ifc_status flow_group_destroy(struct flow_rig *r, uint32_t table, uint32_t group)
{
	IFC_BUF(destroy_flow_group_in, in) = { 0 };
	IFC_BUF(destroy_flow_group_out, out);

	HEAD(r, in, DESTROY_FLOW_GROUP, table);
	IFC_SET(destroy_flow_group_in, in, group_id, group);
	return H_CMD(r->h, r->fn, in, out);
}

enum ifc_status flow_entry(struct flow_rig *r, uint32_t table, uint32_t group, unsigned int modify,
			   const struct fwsim_flow_spec *spec)
{
	uint8_t in[IFC_SZ(set_fte_in) + 8 * 300] = { 0 }, *item = in + IFC_SZ(set_fte_in);
	uint8_t *ctx = IFC_PTR(set_fte_in, in, flow_context);
	IFC_BUF(set_fte_out, out);
	uint32_t i;

	HEAD(r, in, SET_FLOW_TABLE_ENTRY, table);
	IFC_SET(set_fte_in, in, op_mod, modify != 0);
	IFC_SET(set_fte_in, in, modify_enable_mask, modify);
	IFC_SET(set_fte_in, in, flow_index, spec->index);
	IFC_SET(flow_context, ctx, group_id, group);
	IFC_SET(flow_context, ctx, flow_tag, spec->tag);
	IFC_SET(flow_context, ctx, action, spec->action);
	IFC_SET(flow_context, ctx, destination_list_size, spec->dests_n);
	IFC_SET(flow_context, ctx, flow_counter_list_size, spec->counters_n);
	memcpy(IFC_PTR(flow_context, ctx, match_value), spec->value, sizeof(spec->value));
	for (i = 0; i < spec->dests_n; i++, item += 8) {
		IFC_SET(dest_format_struct, item, destination_type, spec->dest[i].type);
		IFC_SET(dest_format_struct, item, destination_id, spec->dest[i].id);
	}
	for (i = 0; i < spec->counters_n; i++, item += 8)
		IFC_SET(flow_counter_list, item, flow_counter_id, spec->counter[i]);
	return h_cmd(r->h, r->fn, in, (size_t)(item - in), out, sizeof(out));
}

enum ifc_status flow_entry_delete(struct flow_rig *r, uint32_t table, uint32_t index)
{
	IFC_BUF(delete_fte_in, in) = { 0 };
	IFC_BUF(delete_fte_out, out);

	HEAD(r, in, DELETE_FLOW_TABLE_ENTRY, table);
	IFC_SET(delete_fte_in, in, flow_index, index);
	return H_CMD(r->h, r->fn, in, out);
}

uint32_t flow_counter(struct flow_rig *r)
{
	IFC_BUF(alloc_flow_counter_in, in) = { 0 };
	IFC_BUF(alloc_flow_counter_out, out);

	IFC_SET(alloc_flow_counter_in, in, opcode, MLX5_CMD_OP_ALLOC_FLOW_COUNTER);
	assert_int_equal(H_CMD(r->h, r->fn, in, out), IFC_ST_OK);
	return IFC_GET(alloc_flow_counter_out, out, flow_counter_id);
}

enum ifc_status flow_counter_free(struct flow_rig *r, uint32_t id)
{
	IFC_BUF(dealloc_flow_counter_in, in) = { 0 };
	IFC_BUF(dealloc_flow_counter_out, out);

	IFC_SET(dealloc_flow_counter_in, in, opcode, MLX5_CMD_OP_DEALLOC_FLOW_COUNTER);
	IFC_SET(dealloc_flow_counter_in, in, flow_counter_id, id);
	return H_CMD(r->h, r->fn, in, out);
}

struct fwsim_flow_counter flow_counter_read(struct flow_rig *r, uint32_t id, bool clear)
{
	uint8_t out[IFC_SZ(query_flow_counter_out) + IFC_SZ(traffic_counter)];
	const uint8_t *c = out + IFC_SZ(query_flow_counter_out);
	IFC_BUF(query_flow_counter_in, in) = { 0 };

	IFC_SET(query_flow_counter_in, in, opcode, MLX5_CMD_OP_QUERY_FLOW_COUNTER);
	IFC_SET(query_flow_counter_in, in, flow_counter_id, id);
	IFC_SET(query_flow_counter_in, in, clear, clear);
	assert_int_equal(H_CMD(r->h, r->fn, in, out), IFC_ST_OK);
	return (struct fwsim_flow_counter){ .packets = IFC_GET64(traffic_counter, c, packets),
					    .octets = IFC_GET64(traffic_counter, c, octets) };
}

uint32_t flow_tir(struct flow_rig *r)
{
	struct fwsim_tir *tir = calloc(1, sizeof(*tir));

	assert_non_null(tir);
	assert_int_equal(fwsim_table_add(&r->v->obj[FWSIM_OBJ_TIR], &tir->obj), IFC_ST_OK);
	return tir->obj.id;
}

struct fwsim_flow_spec flow_to(uint32_t index, unsigned int type, uint32_t id)
{
	struct fwsim_flow_spec s;

	memset(&s, 0, sizeof(s));
	s.index = index;
	if (type == FLOW_DROP || type == FLOW_ALLOW) {
		s.action = type == FLOW_DROP ? FWSIM_FLOW_DROP : FWSIM_FLOW_ALLOW;
	} else {
		s.action = FWSIM_FLOW_FWD;
		s.dests_n = 1;
		s.dest[0] = (struct fwsim_flow_dest){ (uint8_t)type, id };
	}
	return s;
}

void flow_mac(uint8_t mac[6], unsigned int n)
{
	memset(mac, n == 0xff ? 0xff : 0, 6);
	if (n != 0xff)
		mac[0] = 2;
	mac[5] = (uint8_t)n;
}

void flow_frame(uint8_t *data, size_t len, unsigned int dst, unsigned int src, unsigned int ethertype)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)i;
	flow_mac(data, dst);
	flow_mac(data + 6, src);
	ifc_st16(data + 12, (uint16_t)ethertype);
}

void flow_frame_ip(uint8_t *data, size_t len, unsigned int dst, unsigned int src, unsigned int protocol,
		   unsigned int sport, unsigned int dport)
{
	static const uint8_t ip[20] = { 0x45, [5] = 1, [8] = 64, [12] = 10, 0, 0, 1, 10, 0, 0, 2 };

	flow_frame(data, len, dst, src, 0x0800);
	memcpy(data + 14, ip, sizeof(ip));
	ifc_st16(data + 16, (uint16_t)(len - 14));
	data[23] = (uint8_t)protocol;
	ifc_st16(data + 34, (uint16_t)sport);
	ifc_st16(data + 36, (uint16_t)dport);
	if (protocol == 6)
		data[46] = 0x50;
}

uint32_t flow_must_table(struct flow_rig *r, unsigned int level, unsigned int log_size, uint32_t miss)
{
	assert_int_equal(flow_table(r, level, log_size, miss), IFC_ST_OK);
	return r->id;
}

uint32_t flow_must_group(struct flow_rig *r, uint32_t table, uint32_t start, uint32_t end, unsigned int enable,
			 const uint8_t *criteria)
{
	assert_int_equal(flow_group(r, table, start, end, enable, criteria), IFC_ST_OK);
	return r->id;
}

void flow_must_entry(struct flow_rig *r, uint32_t table, uint32_t group, struct fwsim_flow_spec s)
{
	assert_int_equal(flow_entry(r, table, group, 0, &s), IFC_ST_OK);
}

struct harness *flow_booted(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1); /* and the PF */
	return h;
}
