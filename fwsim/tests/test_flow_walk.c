// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of frames through flow tables. */
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

static void entry_modified_in_place(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = flow_must_table(&r, 1, 1, 0), g = flow_must_group(&r, t, 0, 1, 0, NULL);
	struct fwsim_flow_spec s = flow_to(0, FWSIM_DEST_VPORT, 1);
	uint8_t frame[60];
	struct sunk got;

	(void)state;
	assert_int_equal(flow_entry(&r, t, g, FWSIM_FLOW_MOD_DESTS, &s), IFC_ST_BAD_INDEX);
	s.tag = 0x123456;
	flow_must_entry(&r, t, g, s);
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
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = flow_must_table(&r, 1, 16, 0), tir[4], any, mac;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	struct fwsim_flow_spec s;
	struct sunk got;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		tir[i] = flow_tir(&r);
	assert_int_equal(flow_root(&r, t), OK);
	any = flow_must_group(&r, t, 65530, 65535, 0, NULL);
	memset(c + 8, 0xff, 6);
	mac = flow_must_group(&r, t, 0, 65529, FWSIM_FLOW_OUTER, c);
	flow_must_entry(&r, t, any, flow_to(65535, FWSIM_DEST_TIR, tir[0]));
	flow_must_entry(&r, t, any, flow_to(65531, FWSIM_DEST_TIR, tir[1]));
	flow_frame(frame, sizeof(frame), 5, 6, 0x0806);
	got = run(&r, frame, sizeof(frame), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.at[0].id, tir[1]);
	s = flow_to(40000, FWSIM_DEST_TIR, tir[2]);
	flow_mac(s.value + 8, 5);
	flow_must_entry(&r, t, mac, s);
	s = flow_to(100, FWSIM_DEST_TIR, tir[3]);
	flow_mac(s.value + 8, 5);
	flow_must_entry(&r, t, mac, s);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[3]);
	assert_int_equal(flow_entry_delete(&r, t, 100), OK);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[2]);
	flow_frame(frame, sizeof(frame), 4, 6, 0x0806);
	assert_int_equal(run(&r, frame, sizeof(frame), 0).at[0].id, tir[1]);
	h_free(h);
}

static void many_entries_are_told_apart(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = flow_must_table(&r, 1, 22, 0), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	unsigned int i, n = 1000;
	struct fwsim_flow_spec s;
	struct sunk got;

	(void)state;
	memset(c + 8, 0xff, 6);
	g = flow_must_group(&r, t, 0, (1u << 22) - 3, FWSIM_FLOW_OUTER, c);
	assert_int_equal(flow_root(&r, t), OK);
	for (i = 0; i < n; i++) {
		s = flow_to(4000 * ((i * 7919) % n), FWSIM_DEST_VPORT, i % 8);
		s.tag = i;
		flow_mac(s.value + 8, 1);
		ifc_st32(s.value + 10, i);
		flow_must_entry(&r, t, g, s);
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
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t ttc = flow_must_table(&r, 20, 7, 0), l2 = flow_must_table(&r, 19, 16, 0);
	uint32_t vlan = flow_must_table(&r, 18, 13, 0), g, tcp = flow_tir(&r), v4 = flow_tir(&r);
	uint32_t other = flow_tir(&r);
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[80];
	struct fwsim_flow_spec s;

	(void)state;
	FLOW_OUTER(c, ip_version, 0xf);
	FLOW_OUTER(c, ip_protocol, 0xff);
	g = flow_must_group(&r, ttc, 0, 63, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_TIR, tcp);
	FLOW_OUTER(s.value, ip_version, 4);
	FLOW_OUTER(s.value, ip_protocol, 6);
	flow_must_entry(&r, ttc, g, s);
	FLOW_OUTER(c, ip_protocol, 0);
	g = flow_must_group(&r, ttc, 64, 65, FWSIM_FLOW_OUTER, c);
	s = flow_to(64, FWSIM_DEST_TIR, v4);
	FLOW_OUTER(s.value, ip_version, 4);
	flow_must_entry(&r, ttc, g, s);
	g = flow_must_group(&r, ttc, 66, 66, 0, NULL);
	flow_must_entry(&r, ttc, g, flow_to(66, FWSIM_DEST_TIR, other));

	memset(c, 0, sizeof(c));
	memset(c + 8, 0xff, 6);
	g = flow_must_group(&r, l2, 0, 32767, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, ttc);
	flow_mac(s.value + 8, 1);
	flow_must_entry(&r, l2, g, s);
	s.index = 1;
	memset(s.value + 8, 0xff, 6);
	flow_must_entry(&r, l2, g, s);

	memset(c, 0, sizeof(c));
	FLOW_OUTER(c, cvlan_tag, 1);
	FLOW_OUTER(c, first_vid, 0xfff);
	g = flow_must_group(&r, vlan, 0, 4095, FWSIM_FLOW_OUTER, c);
	s = flow_to(0, FWSIM_DEST_FLOW_TABLE, l2);
	FLOW_OUTER(s.value, cvlan_tag, 1);
	FLOW_OUTER(s.value, first_vid, 100);
	flow_must_entry(&r, vlan, g, s);
	FLOW_OUTER(c, first_vid, 0);
	g = flow_must_group(&r, vlan, 8190, 8191, FWSIM_FLOW_OUTER, c);
	flow_must_entry(&r, vlan, g, flow_to(8190, FWSIM_DEST_FLOW_TABLE, l2)); /* untagged */
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
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = flow_must_table(&r, 1, 1, 0), g;
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
	g = flow_must_group(&r, t, 0, 1, FWSIM_FLOW_OUTER, c);
	memcpy(s.value + 0x2c, "\x0a\0\0\1", 4);
	memcpy(s.value + 0x3c, "\x0a\0\0\2", 4);
	FLOW_OUTER(s.value, tcp_sport, 1000);
	FLOW_OUTER(s.value, tcp_dport, 80);
	FLOW_OUTER(s.value, ttl_hoplimit, 64);
	FLOW_OUTER(s.value, tcp_flags, 47);
	FLOW_OUTER(s.value, smac_47_16, 0xffffffff); /* not in the criteria */
	flow_must_entry(&r, t, g, s);
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
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t last = flow_must_table(&r, 3, 1, 0), mid = flow_must_table(&r, 2, 1, last);
	uint32_t first = flow_must_table(&r, 1, 1, mid), g, c = flow_counter(&r);
	uint8_t crit[FWSIM_FLOW_KEY] = { 0 }, frame[100];
	struct fwsim_flow_spec s;
	struct fwsim_frame f;
	struct sunk got = { 0 };

	(void)state;
	FLOW_MISC(crit, source_port, 0xffff);
	g = flow_must_group(&r, last, 0, 1, FWSIM_FLOW_MISC, crit);
	s = flow_to(1, FWSIM_DEST_VPORT, 3);
	FLOW_MISC(s.value, source_port, 0xffff);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = c;
	flow_must_entry(&r, last, g, s);
	s = flow_to(0, FLOW_DROP, 0);
	FLOW_MISC(s.value, source_port, 4);
	flow_must_entry(&r, last, g, s);
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

static void acl_of_a_vport(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 2);
	uint32_t t = flow_must_table(&r, 1, 2, 0), g;
	uint8_t c[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	struct fwsim_flow_spec s = flow_to(0, FLOW_ALLOW, 0);
	struct fwsim_frame f;

	(void)state;
	memset(c, 0xff, 6);
	g = flow_must_group(&r, t, 0, 0, FWSIM_FLOW_OUTER, c);
	flow_mac(s.value, 7);
	flow_must_entry(&r, t, g, s);
	g = flow_must_group(&r, t, 3, 3, 0, NULL);
	flow_must_entry(&r, t, g, flow_to(3, FLOW_DROP, 0));
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
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	uint32_t t = flow_must_table(&r, 1, 1, 0), g = flow_must_group(&r, t, 0, 0, 0, NULL), tirn = flow_tir(&r);
	struct fwsim_tir *tir = fwsim_table_get(&r.v->obj[FWSIM_OBJ_TIR], tirn);
	uint8_t frame[60];
	struct fwsim_frame f;

	(void)state;
	flow_must_entry(&r, t, g, flow_to(0, FWSIM_DEST_TIR, tirn));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_modified_in_place),
		cmocka_unit_test(lowest_index_wins),
		cmocka_unit_test(many_entries_are_told_apart),
		cmocka_unit_test(tables_of_a_netdev),
		cmocka_unit_test(fields_of_five_tuples),
		cmocka_unit_test(misses_chain_and_count),
		cmocka_unit_test(acl_of_a_vport),
		cmocka_unit_test(own_frames_need_the_bit_of_the_tir),
	};

	return cmocka_run_group_tests_name("flow_walk", tests, NULL, NULL);
}
