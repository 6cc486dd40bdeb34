// SPDX-License-Identifier: GPL-2.0-or-later
/* Flow tables: what the commands take and refuse, and the way of frames through tables. */
#include "flow_rig.h"

#include <string.h>

#define OK IFC_ST_OK

struct sunk {
	unsigned int n;
	struct {
		enum fwsim_dest type;
		uint32_t id, tag;
	} at[64];
};

static void sink(void *arg, enum fwsim_dest type, uint32_t id, uint32_t tag)
{
	struct sunk *s = arg;

	assert_true(s->n < 64);
	s->at[s->n].type = type;
	s->at[s->n].id = id;
	s->at[s->n++].tag = tag;
}

static struct sunk run(struct flow_rig *r, const uint8_t *data, size_t len, uint16_t source)
{
	struct sunk s = { 0 };
	struct fwsim_frame f;
	bool any;

	assert_true(fwsim_frame_parse(&f, data, len));
	any = fwsim_flow_run(r->v, r->type, &f, source, sink, &s);
	assert_int_equal(any, s.n != 0);
	return s;
}

static uint32_t must_table(struct flow_rig *r, unsigned int level, unsigned int log_size, uint32_t miss)
{
	assert_int_equal(flow_table(r, level, log_size, miss), OK);
	return r->id;
}

static uint32_t must_group(struct flow_rig *r, uint32_t table, uint32_t start, uint32_t end, unsigned int enable,
			   const uint8_t *criteria)
{
	assert_int_equal(flow_group(r, table, start, end, enable, criteria), OK);
	return r->id;
}

static void must_entry(struct flow_rig *r, uint32_t table, uint32_t group, struct fwsim_flow_spec s)
{
	assert_int_equal(flow_entry(r, table, group, 0, &s), OK);
}

static struct harness *booted(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1); /* and the PF */
	return h;
}

static void tables_of_types_that_there_are(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);

	(void)state;
	assert_int_equal(flow_table(&r, 64, 22, 0), OK);
	assert_int_equal(flow_table(&r, FWSIM_FLOW_LEVELS + 1, 1, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 1, 23, 0), IFC_ST_LIM_ERR);
	r.type = 1;
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r.type = 5;
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 1);
	assert_int_equal(flow_table(&r, 1, 1, 0), IFC_ST_BAD_PARAM);
	r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	assert_int_equal(flow_table(&r, 1, 22, 0), OK);
	r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, H_VFS);
	assert_int_equal(flow_table(&r, 1, 2, 0), OK);
	r.vport = H_VFS + 1;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	r.vport = FWSIM_VPORT_UPLINK;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	/* a VF has its own, and nothing of the eSwitch */
	r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	assert_int_equal(flow_table(&r, 1, 2, 0), OK);
	r.type = FWSIM_FLOW_FDB;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	r.type = FWSIM_FLOW_EGRESS_ACL;
	assert_int_equal(flow_table(&r, 1, 2, 0), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void ways_between_tables_go_up(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t low = must_table(&r, 1, 1, 0), high = must_table(&r, 5, 1, 0), g;
	struct fwsim_flow_spec s;

	(void)state;
	assert_int_equal(flow_table_miss(&r, low, high), OK);
	assert_int_equal(flow_table_miss(&r, high, low), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table_miss(&r, low, low), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table_miss(&r, low, 0x777), IFC_ST_BAD_RES);
	g = must_group(&r, high, 0, 1, 0, NULL);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, low);
	assert_int_equal(flow_entry(&r, high, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, high);
	assert_int_equal(flow_entry(&r, high, g, 0, &s), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 6, 1, high), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_table(&r, 4, 1, high), OK);
	h_free(h);
}

static void what_is_in_use_is_busy(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t to = must_table(&r, 9, 1, 0), t = must_table(&r, 1, 1, to);
	uint32_t g = must_group(&r, t, 0, 1, 0, NULL), c = flow_counter(&r), tir = flow_tir(&r);
	struct fwsim_obj *obj = fwsim_table_get(&r.v->obj[FWSIM_OBJ_TIR], tir);
	struct fwsim_flow_spec s = flow_to(0, FWSIM_DEST_FLOW_TABLE, to);

	(void)state;
	assert_int_equal(flow_table_destroy(&r, to), IFC_ST_RES_BUSY); /* by the miss */
	assert_int_equal(flow_table_miss(&r, t, 0), OK);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = c;
	s.dests_n = 2;
	s.dest[1] = (struct fwsim_flow_dest){ FWSIM_DEST_TIR, tir };
	must_entry(&r, t, g, s);
	assert_int_equal(obj->refs, 1);
	must_entry(&r, t, g, s); /* in its own place: nothing is counted twice */
	assert_int_equal(obj->refs, 1);
	assert_int_equal(flow_table_destroy(&r, to), IFC_ST_RES_BUSY); /* by the entry */
	assert_int_equal(flow_counter_free(&r, c), IFC_ST_RES_BUSY);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_RES_BUSY); /* has a group */
	assert_int_equal(flow_group_destroy(&r, t, g), IFC_ST_RES_BUSY); /* has an entry */
	assert_int_equal(flow_entry_delete(&r, t, 1), IFC_ST_BAD_INDEX);
	assert_int_equal(flow_entry_delete(&r, t, 0), OK);
	assert_int_equal(obj->refs, 0);
	assert_int_equal(flow_entry_delete(&r, t, 0), IFC_ST_BAD_INDEX);
	assert_int_equal(flow_group_destroy(&r, t, g), OK);
	assert_int_equal(flow_group_destroy(&r, t, g), IFC_ST_BAD_RES);
	assert_int_equal(flow_table_destroy(&r, t), OK);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_BAD_RES);
	assert_int_equal(flow_table_destroy(&r, to), OK);
	assert_int_equal(flow_counter_free(&r, c), OK);
	assert_int_equal(flow_counter_free(&r, c), IFC_ST_BAD_RES);
	h_free(h);
}

static void groups_do_not_overlap(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = must_table(&r, 1, 4, 0);

	(void)state;
	must_group(&r, t, 4, 7, 0, NULL);
	must_group(&r, t, 10, 10, 0, NULL);
	assert_int_equal(flow_group(&r, t, 0, 4, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 7, 9, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 0, 15, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 5, 6, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 15, 16, 0, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_group(&r, t, 3, 2, 0, NULL), IFC_ST_BAD_PARAM);
	must_group(&r, t, 8, 9, 0, NULL);
	must_group(&r, t, 11, 15, 0, NULL);
	must_group(&r, t, 0, 3, 0, NULL);
	h_free(h);
}

static void criteria_that_are_not_matched_are_refused(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint8_t c[FWSIM_FLOW_KEY] = { 0 };
	uint32_t t = must_table(&r, 1, 4, 0);

	(void)state;
	for (unsigned int bit = 2; bit < 8; bit++)
		assert_int_equal(flow_group(&r, t, 0, 0, 1u << bit, NULL), IFC_ST_BAD_PARAM);
	FLOW_OUTER(c, l4_type, 3);
	assert_int_equal(flow_group(&r, t, 0, 0, FWSIM_FLOW_OUTER, c), IFC_ST_BAD_PARAM);
	/* not looked at, so it may have anything in it */
	must_group(&r, t, 0, 0, FWSIM_FLOW_MISC, c);
	memset(c, 0, sizeof(c));
	FLOW_MISC(c, source_sqn, 1);
	assert_int_equal(flow_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c), IFC_ST_BAD_PARAM);
	memset(c, 0, sizeof(c));
	FLOW_MISC(c, source_port, 0xffff);
	assert_int_equal(flow_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c), IFC_ST_BAD_PARAM);
	r.type = FWSIM_FLOW_FDB;
	t = must_table(&r, 1, 4, 0);
	must_group(&r, t, 1, 1, FWSIM_FLOW_MISC, c);
	h_free(h);
}

static void entries_that_make_no_sense_are_refused(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0), fdb = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = must_table(&r, 1, 4, 0), g = must_group(&r, t, 2, 3, 0, NULL), tir = flow_tir(&r);
	struct fwsim_flow_spec s = flow_to(2, FWSIM_DEST_TIR, tir);

	(void)state;
	must_entry(&r, t, g, s);
	s.index = 4;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_INDEX);
	s.index = 3;
	assert_int_equal(flow_entry(&r, t, g + 1, 0, &s), IFC_ST_BAD_RES);
	s.dest[0].id = tir + 1;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_RES);
	s = flow_to(3, FWSIM_DEST_VPORT, 0);
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(3, FWSIM_DEST_TIR, tir);
	for (unsigned int a = 0; a < 0x200; a++) {
		s.action = a;
		assert_int_equal(flow_entry(&r, t, g, 0, &s),
				 a == FWSIM_FLOW_FWD ? OK : IFC_ST_BAD_PARAM);
	}
	s = flow_to(3, FLOW_ALLOW, 0); /* for ACLs only */
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(3, FLOW_DROP, 0);
	must_entry(&r, t, g, s);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = 0x10000;
	assert_int_equal(flow_entry(&r, t, g, 0, &s), IFC_ST_BAD_RES);

	t = must_table(&fdb, 1, 4, 0);
	g = must_group(&fdb, t, 0, 15, 0, NULL);
	s = flow_to(0, FWSIM_DEST_VPORT, H_VFS);
	must_entry(&fdb, t, g, s);
	s.dest[0].id = H_VFS + 1;
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s.dest[0].id = FWSIM_VPORT_UPLINK;
	must_entry(&fdb, t, g, s);
	s.dest[0].type = 9;
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	s = flow_to(0, FWSIM_DEST_TIR, tir);
	assert_int_equal(flow_entry(&fdb, t, g, 0, &s), IFC_ST_BAD_PARAM);
	h_free(h);
}

static void list_behind_the_input_is_refused(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = must_table(&r, 1, 1, 0), g = must_group(&r, t, 0, 1, 0, NULL);
	uint8_t in[IFC_SZ(set_fte_in) + 8] = { 0 }, *ctx = IFC_PTR(set_fte_in, in, flow_context);
	IFC_BUF(set_fte_out, out);

	(void)state;
	IFC_SET(set_fte_in, in, opcode, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY);
	IFC_SET(set_fte_in, in, table_id, t);
	IFC_SET(flow_context, ctx, group_id, g);
	IFC_SET(flow_context, ctx, action, FWSIM_FLOW_FWD);
	IFC_SET(flow_context, ctx, destination_list_size, 2);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_INPUT_LEN);
	IFC_SET(flow_context, ctx, destination_list_size, 0xffffff);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_LIM_ERR);
	h_free(h);
}

static void entry_modified_in_place(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = must_table(&r, 1, 1, 0), g = must_group(&r, t, 0, 1, 0, NULL);
	struct fwsim_flow_spec s = flow_to(0, FWSIM_DEST_VPORT, 1);
	uint8_t frame[60];
	struct sunk got;

	(void)state;
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_DESTS, &s), IFC_ST_BAD_INDEX);
	s.tag = 0x123456;
	must_entry(&r, t, g, s);
	assert_int_equal(flow_root(&r, t), OK);
	s.tag = 7;
	s.dests_n = 3;
	s.dest[1] = (struct fwsim_flow_dest){ FWSIM_DEST_VPORT, 2 };
	s.dest[2] = (struct fwsim_flow_dest){ FWSIM_DEST_UPLINK, 0 };
	assert_int_equal(flow_entry(&r, t, g, 0x10, &s), IFC_ST_BAD_PARAM);
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_DESTS, &s), OK);
	flow_frame(frame, sizeof(frame), 1, 2, 0x88b5);
	got = run(&r, frame, sizeof(frame), 0);
	assert_int_equal(got.n, 3);
	assert_int_equal(got.at[1].id, 2);
	assert_int_equal(got.at[2].type, FWSIM_DEST_UPLINK);
	assert_int_equal(got.at[0].tag, 0x123456); /* was not to be changed */
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_TAG, &s), OK);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].tag, 7);
	/* what results must make sense: destinations, but an action that has none */
	s = flow_to(0, FLOW_DROP, 0);
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_ACTION, &s), IFC_ST_BAD_PARAM);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 3);
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_ACTION | FWSIM_FLOW_MOD_DESTS, &s), OK);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
	h_free(h);
}

/* First match by flow index, whatever order the entries and groups came in. */
static void lowest_index_wins(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = must_table(&r, 1, 16, 0), tir[4], any, mac;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	struct fwsim_flow_spec s;
	struct sunk got;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		tir[i] = flow_tir(&r);
	assert_int_equal(flow_root(&r, t), OK);
	any = must_group(&r, t, 65530, 65535, 0, NULL);
	memset(c + 8, 0xff, 6);
	mac = must_group(&r, t, 0, 65529, FWSIM_FLOW_OUTER, c);
	must_entry(&r, t, any, flow_to(65535, FWSIM_DEST_TIR, tir[0]));
	must_entry(&r, t, any, flow_to(65531, FWSIM_DEST_TIR, tir[1]));
	flow_frame(frame, sizeof(frame), 5, 6, 0x0806);
	got = run(&r, frame, sizeof(frame), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.at[0].id, tir[1]);
	s = flow_to(40000, FWSIM_DEST_TIR, tir[2]);
	flow_mac(s.value + 8, 5);
	must_entry(&r, t, mac, s);
	s = flow_to(100, FWSIM_DEST_TIR, tir[3]);
	flow_mac(s.value + 8, 5);
	must_entry(&r, t, mac, s);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[3]);
	assert_int_equal(flow_entry_delete(&r, t, 100), OK);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[2]);
	flow_frame(frame, sizeof(frame), 4, 6, 0x0806);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[1]);
	h_free(h);
}

static void many_entries_are_told_apart(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = must_table(&r, 1, 22, 0), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	unsigned int i, n = 1000;
	struct fwsim_flow_spec s;
	struct sunk got;

	(void)state;
	memset(c + 8, 0xff, 6);
	g = must_group(&r, t, 0, (1u << 22) - 3, FWSIM_FLOW_OUTER, c);
	assert_int_equal(flow_root(&r, t), OK);
	for (i = 0; i < n; i++) {
		s = flow_to(4000 * ((i * 7919) % n), FWSIM_DEST_VPORT, i % 8);
		s.tag = i;
		flow_mac(s.value + 8, 1);
		ifc_st32(s.value + 10, i);
		must_entry(&r, t, g, s);
	}
	for (i = 0; i < n; i += 3)
		assert_int_equal(flow_entry_delete(&r, t, 4000 * ((i * 7919) % n)), OK);
	flow_frame(frame, sizeof(frame), 1, 2, 0x0806);
	for (i = 0; i < n; i++) {
		ifc_st32(frame + 2, i);
		got = run(&r, frame, sizeof(frame), 1);
		assert_int_equal(got.n, i % 3 != 0);
		assert_true(!got.n || got.at[0].tag == i);
	}
	h_free(h);
}

/* The tables of a netdev: VLAN -> L2 -> TTC -> TIR. */
static void tables_of_a_netdev(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t ttc = must_table(&r, 20, 7, 0), l2 = must_table(&r, 19, 16, 0);
	uint32_t vlan = must_table(&r, 18, 13, 0), g, tcp = flow_tir(&r), v4 = flow_tir(&r);
	uint32_t other = flow_tir(&r);
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[80];
	struct fwsim_flow_spec s;

	(void)state;
	FLOW_OUTER(c, ip_version, 0xf);
	FLOW_OUTER(c, ip_protocol, 0xff);
	g = must_group(&r, ttc, 0, 63, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_TIR, tcp);
	FLOW_OUTER(s.value, ip_version, 4);
	FLOW_OUTER(s.value, ip_protocol, 6);
	must_entry(&r, ttc, g, s);
	FLOW_OUTER(c, ip_protocol, 0);
	g = must_group(&r, ttc, 64, 65, FWSIM_FLOW_OUTER, c);
	s = flow_to(64, FWSIM_DEST_TIR, v4);
	FLOW_OUTER(s.value, ip_version, 4);
	must_entry(&r, ttc, g, s);
	g = must_group(&r, ttc, 66, 66, 0, NULL);
	must_entry(&r, ttc, g, flow_to(66, FWSIM_DEST_TIR, other));

	memset(c, 0, sizeof(c));
	memset(c + 8, 0xff, 6);
	g = must_group(&r, l2, 0, 32767, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, ttc);
	flow_mac(s.value + 8, 1);
	must_entry(&r, l2, g, s);
	s.index = 1;
	memset(s.value + 8, 0xff, 6);
	must_entry(&r, l2, g, s);

	memset(c, 0, sizeof(c));
	FLOW_OUTER(c, cvlan_tag, 1);
	FLOW_OUTER(c, first_vid, 0xfff);
	g = must_group(&r, vlan, 0, 4095, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, l2);
	FLOW_OUTER(s.value, cvlan_tag, 1);
	FLOW_OUTER(s.value, first_vid, 100);
	must_entry(&r, vlan, g, s);
	FLOW_OUTER(c, first_vid, 0);
	g = must_group(&r, vlan, 8190, 8191, FWSIM_FLOW_OUTER, c);
	must_entry(&r, vlan, g, flow_to(8190, FWSIM_DEST_FLOW_TABLE, l2)); /* untagged */
	assert_int_equal(flow_root(&r, vlan), OK);

	flow_frame_ip(frame, sizeof(frame), 1, 2, 6, 1000, 80);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tcp);
	flow_frame_ip(frame, sizeof(frame), 1, 2, 17, 1000, 80);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, v4);
	flow_frame(frame, sizeof(frame), 0xff, 2, 0x0806);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, other);
	flow_frame(frame, sizeof(frame), 3, 2, 0x0806); /* for somebody else */
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
	flow_frame(frame, sizeof(frame), 1, 2, 0x8100); /* priority bits are not looked at */
	ifc_st16(frame + 14, 0xe000 | 100);
	ifc_st16(frame + 16, 0x0806);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, other);
	ifc_st16(frame + 14, 101);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
	h_free(h);
}

static void fields_of_five_tuples(void **state)
{
	static const struct {
		size_t at;
		uint8_t flip;
	} other[] = { { 26, 1 }, { 33, 1 }, { 35, 1 }, { 37, 1 }, { 22, 1 }, { 15, 4 }, { 47, 1 } };
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = must_table(&r, 1, 1, 0), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[80];
	struct fwsim_flow_spec s = flow_to(0, FWSIM_DEST_TIR, flow_tir(&r));

	(void)state;
	memset(c + 0x2c, 0xff, 4);
	memset(c + 0x3c, 0xff, 4);
	FLOW_OUTER(c, tcp_sport, 0xffff);
	FLOW_OUTER(c, tcp_dport, 0xffff);
	FLOW_OUTER(c, ttl_hoplimit, 0xff);
	FLOW_OUTER(c, ip_dscp, 0x3f);
	FLOW_OUTER(c, tcp_flags, 0x1ff);
	FLOW_OUTER(c, frag, 1);
	g = must_group(&r, t, 0, 1, FWSIM_FLOW_OUTER, c);
	memcpy(s.value + 0x2c, "\x0a\0\0\1", 4);
	memcpy(s.value + 0x3c, "\x0a\0\0\2", 4);
	FLOW_OUTER(s.value, tcp_sport, 1000);
	FLOW_OUTER(s.value, tcp_dport, 80);
	FLOW_OUTER(s.value, ttl_hoplimit, 64);
	FLOW_OUTER(s.value, tcp_flags, 47);
	FLOW_OUTER(s.value, smac_47_16, 0xffffffff); /* not in the criteria */
	must_entry(&r, t, g, s);
	assert_int_equal(flow_root(&r, t), OK);
	flow_frame_ip(frame, sizeof(frame), 1, 2, 6, 1000, 80);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 1);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		frame[other[i].at] ^= other[i].flip;
		assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
		frame[other[i].at] ^= other[i].flip;
	}
	frame[20] = 0x20; /* a fragment has no ports */
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
	flow_frame_ip(frame, sizeof(frame), 1, 2, 17, 1000, 80); /* those of UDP are others */
	assert_int_equal(run(&r, frame, sizeof(frame), 0).n, 0);
	h_free(h);
}

static void misses_chain_and_count(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t last = must_table(&r, 3, 1, 0), mid = must_table(&r, 2, 1, last);
	uint32_t first = must_table(&r, 1, 1, mid), g, c = flow_counter(&r);
	uint8_t crit[FWSIM_FLOW_KEY] = { 0 }, frame[100];
	struct fwsim_flow_spec s;
	struct fwsim_frame f;
	struct sunk got = { 0 };

	(void)state;
	FLOW_MISC(crit, source_port, 0xffff);
	g = must_group(&r, last, 0, 1, FWSIM_FLOW_MISC, crit);
	s = flow_to(1, FWSIM_DEST_VPORT, 3);
	FLOW_MISC(s.value, source_port, 0xffff);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = c;
	must_entry(&r, last, g, s);
	s = flow_to(0, FLOW_DROP, 0);
	FLOW_MISC(s.value, source_port, 4);
	must_entry(&r, last, g, s);
	flow_frame(frame, sizeof(frame), 1, 2, 0x0806);
	assert_true(fwsim_frame_parse(&f, frame, sizeof(frame)));
	assert_int_equal(run(&r, frame, sizeof(frame), 0xffff).n, 0); /* there is no root yet */
	assert_false(fwsim_flow_has_root(r.v, FWSIM_FLOW_FDB));
	assert_int_equal(flow_root(&r, first), OK);
	assert_true(fwsim_flow_has_root(r.v, FWSIM_FLOW_FDB));
	assert_int_equal(run(&r, frame, sizeof(frame), 0xffff).at[0].id, 3);
	assert_int_equal(flow_counter_read(&r, c, false).packets, 1);
	assert_int_equal(flow_counter_read(&r, c, true).octets, 100);
	assert_int_equal(flow_counter_read(&r, c, false).octets, 0);
	assert_int_equal(fwsim_flow_walk(r.v, r.type, 4, &f, sink, &got), FWSIM_FLOW_DROPPED);
	assert_int_equal(fwsim_flow_walk(r.v, r.type, 5, &f, sink, &got), FWSIM_FLOW_MISSED);
	assert_int_equal(got.n, 0);
	assert_int_equal(flow_table_miss(&r, mid, 0), OK);
	assert_int_equal(run(&r, frame, sizeof(frame), 0xffff).n, 0);
	assert_int_equal(flow_root(&r, 0), OK);
	assert_false(fwsim_flow_has_root(r.v, FWSIM_FLOW_FDB));
	h_free(h);
}

static void root_is_a_table_of_its_kind(void **state)
{
	struct harness *h = booted();
	struct flow_rig fdb = flow_rig(h, 0, FWSIM_FLOW_FDB, 0), rx = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	struct flow_rig acl = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 1), acl2 = acl;
	uint32_t t = must_table(&fdb, 1, 1, 0), a = must_table(&acl, 1, 1, 0);

	(void)state;
	acl2.vport = 2;
	assert_int_equal(flow_root(&rx, t), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&acl2, a), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&acl, a), OK);
	assert_int_equal(flow_root(&fdb, 0x777), IFC_ST_BAD_RES);
	assert_int_equal(flow_root(&fdb, t), OK);
	assert_int_equal(flow_table_destroy(&acl2, a), IFC_ST_BAD_RES);
	/* a driver destroys the last table without another root */
	assert_int_equal(flow_table_destroy(&fdb, t), OK);
	assert_false(fwsim_flow_has_root(fdb.v, FWSIM_FLOW_FDB));
	h_free(h);
}

static void acl_of_a_vport(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 2);
	uint32_t t = must_table(&r, 1, 2, 0), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	struct fwsim_flow_spec s = flow_to(0, FLOW_ALLOW, 0);
	struct fwsim_frame f;

	(void)state;
	memset(c, 0xff, 6);
	g = must_group(&r, t, 0, 0, FWSIM_FLOW_OUTER, c);
	flow_mac(s.value, 7);
	must_entry(&r, t, g, s);
	g = must_group(&r, t, 3, 3, 0, NULL);
	must_entry(&r, t, g, flow_to(3, FLOW_DROP, 0));
	assert_int_equal(flow_root(&r, t), OK);
	flow_frame(frame, sizeof(frame), 1, 7, 0x0806);
	assert_true(fwsim_frame_parse(&f, frame, sizeof(frame)));
	assert_int_equal(fwsim_flow_walk(r.v, r.type, 2, &f, sink, NULL), FWSIM_FLOW_ALLOWED);
	assert_int_equal(fwsim_flow_walk(r.v, r.type, 1, &f, sink, NULL), FWSIM_FLOW_MISSED);
	flow_frame(frame, sizeof(frame), 1, 8, 0x0806);
	assert_int_equal(fwsim_flow_walk(r.v, r.type, 2, &f, sink, NULL), FWSIM_FLOW_DROPPED);
	h_free(h);
}

/* What a vport has sent itself reaches only TIRs that ask for it. */
static void own_frames_need_the_bit_of_the_tir(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = must_table(&r, 1, 1, 0), g = must_group(&r, t, 0, 0, 0, NULL), tirn = flow_tir(&r);
	struct fwsim_tir *tir = fwsim_table_get(&r.v->obj[FWSIM_OBJ_TIR], tirn);
	uint8_t frame[60];
	struct fwsim_frame f;

	(void)state;
	must_entry(&r, t, g, flow_to(0, FWSIM_DEST_TIR, tirn));
	assert_int_equal(flow_root(&r, t), OK);
	for (unsigned int bits = 0; bits < 4; bits++) {
		tir->self_lb_block = (uint8_t)bits;
		for (unsigned int dst = 1; dst <= 0xff; dst += 0xfe) {
			struct sunk got = { 0 };

			flow_frame(frame, sizeof(frame), dst, 2, 0x0806);
			assert_true(fwsim_frame_parse(&f, frame, sizeof(frame)));
			f.self = true;
			fwsim_flow_run(r.v, r.type, &f, 0, sink, &got);
			assert_int_equal(got.n, (bits & (dst == 0xff ? 2 : 1)) != 0);
			f.self = false;
			got.n = 0;
			fwsim_flow_run(r.v, r.type, &f, 0, sink, &got);
			assert_int_equal(got.n, 1);
		}
	}
	h_free(h);
}

static void queries_say_what_was_set(void **state)
{
	struct harness *h = booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t to = must_table(&r, 9, 2, 0), t = must_table(&r, 3, 5, to), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, tout[IFC_SZ(query_flow_table_out)];
	uint8_t gout[IFC_SZ(query_flow_group_out)], eout[IFC_SZ(query_fte_out) + 8];
	IFC_BUF(query_flow_table_in, in) = { 0 };
	IFC_BUF(query_flow_group_in, gin) = { 0 };
	IFC_BUF(query_fte_in, ein) = { 0 };
	struct fwsim_flow_spec s = flow_to(6, FWSIM_DEST_VPORT, 2);
	const uint8_t *ctx = IFC_PTR(query_flow_table_out, tout, flow_table_context);

	(void)state;
	FLOW_OUTER(c, ethertype, 0xffff);
	g = must_group(&r, t, 4, 8, FWSIM_FLOW_OUTER, c);
	FLOW_OUTER(s.value, ethertype, 0x0806);
	s.tag = 0xabc;
	must_entry(&r, t, g, s);
	IFC_SET(query_flow_table_in, in, opcode, MLX5_CMD_OP_QUERY_FLOW_TABLE);
	IFC_SET(query_flow_table_in, in, table_type, 4);
	IFC_SET(query_flow_table_in, in, table_id, t);
	assert_int_equal(H_CMD(h, 0, in, tout), OK);
	assert_int_equal(IFC_GET(flow_table_context, ctx, level), 3);
	assert_int_equal(IFC_GET(flow_table_context, ctx, log_size), 5);
	assert_int_equal(IFC_GET(flow_table_context, ctx, table_miss_id), to);
	assert_int_equal(IFC_GET(flow_table_context, ctx, table_miss_action), 1);
	IFC_SET(query_flow_group_in, gin, opcode, MLX5_CMD_OP_QUERY_FLOW_GROUP);
	IFC_SET(query_flow_group_in, gin, table_type, 4);
	IFC_SET(query_flow_group_in, gin, table_id, t);
	IFC_SET(query_flow_group_in, gin, group_id, g);
	assert_int_equal(H_CMD(h, 0, gin, gout), OK);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, start_flow_index), 4);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, end_flow_index), 8);
	assert_int_equal(IFC_GET(query_flow_group_out, gout, match_criteria_enable), 1);
	assert_memory_equal(IFC_PTR(query_flow_group_out, gout, match_criteria), c, sizeof(c));
	IFC_SET(query_fte_in, ein, opcode, MLX5_CMD_OP_QUERY_FLOW_TABLE_ENTRY);
	IFC_SET(query_fte_in, ein, table_type, 4);
	IFC_SET(query_fte_in, ein, table_id, t);
	IFC_SET(query_fte_in, ein, flow_index, 6);
	assert_int_equal(H_CMD(h, 0, ein, eout), OK);
	ctx = IFC_PTR(query_fte_out, eout, flow_context);
	assert_int_equal(IFC_GET(flow_context, ctx, group_id), g);
	assert_int_equal(IFC_GET(flow_context, ctx, flow_tag), 0xabc);
	assert_int_equal(IFC_GET(flow_context, ctx, action), FWSIM_FLOW_FWD);
	assert_memory_equal(IFC_CPTR(flow_context, ctx, match_value), s.value, sizeof(s.value));
	assert_int_equal(ifc_ld32(eout + IFC_SZ(query_fte_out)), 2);
	assert_int_equal(h_cmd(h, 0, ein, sizeof(ein), eout, sizeof(eout) - 8), IFC_ST_BAD_OUTPUT_LEN);
	IFC_SET(query_fte_in, ein, flow_index, 7);
	assert_int_equal(H_CMD(h, 0, ein, eout), IFC_ST_BAD_INDEX);
	h_free(h);
}

static void reset_and_teardown_forget_all(void **state)
{
	struct harness *h = h_new(NULL);
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t, g;

	(void)state;
	h_boot(h, 0);
	t = must_table(&r, 1, 1, 0);
	g = must_group(&r, t, 0, 1, 0, NULL);
	must_entry(&r, t, g, flow_to(0, FWSIM_DEST_TIR, flow_tir(&r)));
	assert_int_equal(flow_root(&r, t), OK);
	assert_true(fwsim_flow_has_root(r.v, r.type));
	fwsim_reset(h->fw, 0);
	assert_false(fwsim_flow_has_root(r.v, r.type));
	h_boot(h, 0);
	assert_int_equal(flow_table_destroy(&r, t), IFC_ST_BAD_RES);
	t = must_table(&r, 1, 1, 0);
	assert_int_equal(flow_root(&r, t), OK);
	h_unboot(h, 0);
	assert_false(fwsim_flow_has_root(r.v, r.type));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_types_that_there_are),
		cmocka_unit_test(ways_between_tables_go_up),
		cmocka_unit_test(what_is_in_use_is_busy),
		cmocka_unit_test(groups_do_not_overlap),
		cmocka_unit_test(criteria_that_are_not_matched_are_refused),
		cmocka_unit_test(entries_that_make_no_sense_are_refused),
		cmocka_unit_test(list_behind_the_input_is_refused),
		cmocka_unit_test(entry_modified_in_place),
		cmocka_unit_test(lowest_index_wins),
		cmocka_unit_test(many_entries_are_told_apart),
		cmocka_unit_test(tables_of_a_netdev),
		cmocka_unit_test(fields_of_five_tuples),
		cmocka_unit_test(misses_chain_and_count),
		cmocka_unit_test(root_is_a_table_of_its_kind),
		cmocka_unit_test(acl_of_a_vport),
		cmocka_unit_test(own_frames_need_the_bit_of_the_tir),
		cmocka_unit_test(queries_say_what_was_set),
		cmocka_unit_test(reset_and_teardown_forget_all),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
