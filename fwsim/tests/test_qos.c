// SPDX-License-Identifier: GPL-2.0-or-later
/* Scheduling elements, and the rates that they hold vports to. */
#include "eth_pair.h"

#include <string.h>

#define E_SWITCH 2
#define TSAR 0
#define VPORT 1
#define BURST (10 * H_MS)

/* VF 1 sends to VF 2, as much as the card lets it. */
struct rig {
	struct e_pair e;
	unsigned int posted, sent;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	e_pair_open(&r->e, 1u << 14, 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->e.h);
	free(r);
	return 0;
}

static uint8_t *element_in(uint8_t *in, unsigned int type, uint32_t parent, unsigned int vport,
			   uint32_t mbps)
{
	uint8_t *ctx = IFC_PTR(create_scheduling_element_in, in, scheduling_context);

	memset(in, 0, IFC_SZ(create_scheduling_element_in));
	IFC_SET(create_scheduling_element_in, in, opcode, MLX5_CMD_OP_CREATE_SCHEDULING_ELEMENT);
	IFC_SET(create_scheduling_element_in, in, scheduling_hierarchy, E_SWITCH);
	IFC_SET(scheduling_context, ctx, element_type, type);
	IFC_SET(scheduling_context, ctx, parent_element_id, parent);
	IFC_SET(scheduling_context, ctx, max_average_bw, mbps);
	if (type == VPORT)
		IFC_SET(vport_element, IFC_PTR(scheduling_context, ctx, element_attributes), vport_number,
			vport);
	return ctx;
}

static enum ifc_status create_as(struct rig *r, unsigned int fn, const uint8_t *in, uint32_t *id)
{
	IFC_BUF(create_scheduling_element_out, out);
	enum ifc_status st = h_cmd(r->e.h, fn, in, IFC_SZ(create_scheduling_element_in), out, sizeof(out));

	*id = IFC_GET(create_scheduling_element_out, out, scheduling_element_id);
	return st;
}

static uint32_t create(struct rig *r, unsigned int type, uint32_t parent, unsigned int vport, uint32_t mbps)
{
	IFC_BUF(create_scheduling_element_in, in);
	uint32_t id;

	element_in(in, type, parent, vport, mbps);
	assert_int_equal(create_as(r, 0, in, &id), IFC_ST_OK);
	return id;
}

static enum ifc_status modify(struct rig *r, uint32_t id, uint32_t mask, uint32_t share, uint32_t mbps)
{
	IFC_BUF(modify_scheduling_element_in, in) = { 0 };
	IFC_BUF(modify_scheduling_element_out, out);

	IFC_SET(modify_scheduling_element_in, in, opcode, MLX5_CMD_OP_MODIFY_SCHEDULING_ELEMENT);
	IFC_SET(modify_scheduling_element_in, in, scheduling_hierarchy, E_SWITCH);
	IFC_SET(modify_scheduling_element_in, in, scheduling_element_id, id);
	IFC_SET(modify_scheduling_element_in, in, modify_bitmask, mask);
	IFC_SET(modify_scheduling_element_in, in, scheduling_context.bw_share, share);
	IFC_SET(modify_scheduling_element_in, in, scheduling_context.max_average_bw, mbps);
	return H_CMD(r->e.h, 0, in, out);
}

static enum ifc_status destroy(struct rig *r, uint32_t id)
{
	IFC_BUF(destroy_scheduling_element_in, in) = { 0 };
	IFC_BUF(destroy_scheduling_element_out, out);

	IFC_SET(destroy_scheduling_element_in, in, opcode, MLX5_CMD_OP_DESTROY_SCHEDULING_ELEMENT);
	IFC_SET(destroy_scheduling_element_in, in, scheduling_hierarchy, E_SWITCH);
	IFC_SET(destroy_scheduling_element_in, in, scheduling_element_id, id);
	return H_CMD(r->e.h, 0, in, out);
}

/* Let @ns pass, frames of 1250 bytes (10000 bits) being posted whenever there is room; how many went. */
static unsigned int stream(struct rig *r, uint64_t ns)
{
	unsigned int len = e_headers(r->e.m.p, E_UDP4, &r->e.d1, &r->e.d2, 1208) + 1208, before = r->sent;
	struct e_wr w = { .op = IFC_WQE_SEND, .n = 1, .sge = { { r->e.m.addr, len, r->e.m.key } } };
	uint64_t end = r->e.h->now + ns;

	assert_int_equal(len, 1250);
	for (;;) {
		for (; r->posted - r->sent < 8; r->posted++) {
			e_fill(&r->e.rq, 1);
			e_send(&r->e.sq, &w);
		}
		for (const uint8_t *c; (c = d_cqe(&r->e.sq.cq)); r->sent++)
			assert_int_equal(D_CQE_OP(c), IFC_CQE_REQ);
		while (d_cqe(&r->e.rq.cq))
			;
		if (r->e.h->now >= end)
			return r->sent - before;
		h_advance(r->e.h, 50000);
	}
}

/* 100 Mbit/s are 10000 such frames in a second, and a burst of 100 to begin with. */
#define FRAMES(ms) (10u * (ms))

static void a_vport_keeps_its_rate(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0);
	unsigned int n;

	create(r, VPORT, root, 1, 100);
	n = stream(r, 100 * H_MS);
	assert_in_range(n, FRAMES(110) - 9, FRAMES(110) + 9);
	n = stream(r, 1000 * H_MS);
	assert_in_range(n, FRAMES(1000) - 9, FRAMES(1000) + 9);
	/* what was not sent for a time is no credit beyond the burst */
	h_advance(r->e.h, 1000 * H_MS);
	n = stream(r, 100 * H_MS);
	assert_in_range(n, FRAMES(110) - 9, FRAMES(110) + 9);
}

static void a_group_shares_its_rate(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0), group = create(r, TSAR, root, 0, 100);

	create(r, VPORT, group, 1, 1000);
	create(r, VPORT, group, 2, 0);
	assert_in_range(stream(r, 500 * H_MS), FRAMES(510) - 9, FRAMES(510) + 9);
}

static void rates_can_be_changed(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0), leaf = create(r, VPORT, root, 1, 1);

	stream(r, 100 * H_MS);
	assert_int_equal(modify(r, leaf, 2, 0, 100), IFC_ST_OK);
	assert_in_range(stream(r, 500 * H_MS), FRAMES(510) - 20, FRAMES(510) + 20);
	assert_int_equal(modify(r, leaf, 2, 0, 0), IFC_ST_OK); /* none: as fast as frames are posted */
	assert_true(stream(r, 10 * H_MS) > 1000);
	assert_int_equal(modify(r, leaf, 2, 0, 1), IFC_ST_OK);
	stream(r, 100 * H_MS);
	assert_int_equal(destroy(r, leaf), IFC_ST_OK); /* what waited goes on */
	assert_true(stream(r, 10 * H_MS) > 1000);
}

static void others_are_not_held_up(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0);

	create(r, VPORT, root, 2, 1);
	create(r, VPORT, root, 0, 1);
	assert_true(stream(r, 10 * H_MS) > 1000);
}

static void a_reset_of_the_pf_ends_it(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0);

	create(r, VPORT, root, 1, 1);
	stream(r, 100 * H_MS);
	assert_non_null(r->e.h->fw->qos);
	fwsim_esw_reset(r->e.h->fw);
	assert_null(r->e.h->fw->qos);
	assert_true(stream(r, 10 * H_MS) > 1000);
	create(r, TSAR, 0, 0, 0); /* and what there is when the card goes is freed */
}

static void an_idle_card_has_no_timer(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0);

	create(r, VPORT, root, 1, 100);
	stream(r, 20 * H_MS);
	h_advance(r->e.h, 1000 * H_MS);
	assert_int_equal(r->e.h->deadline, UINT64_MAX);
}

static void a_stop_of_the_vf_is_no_matter(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0);

	create(r, VPORT, root, 1, 100);
	stream(r, 20 * H_MS);
	r->e.d1.v->mig = FWSIM_MIG_INITIATOR_STOPPED;
	h_advance(r->e.h, 500 * H_MS);
	r->e.d1.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->e.d1.v);
	fwsim_kick(r->e.h->fw);
	assert_in_range(stream(r, 100 * H_MS), FRAMES(110) - 9, FRAMES(110) + 9);
}

static void elements_are_shown(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0), leaf = create(r, VPORT, root, 2, 77);
	IFC_BUF(query_scheduling_element_in, in) = { 0 };
	IFC_BUF(query_scheduling_element_out, out);

	assert_int_equal(modify(r, leaf, 1, 5, 0), IFC_ST_OK); /* the share alone */
	IFC_SET(query_scheduling_element_in, in, opcode, MLX5_CMD_OP_QUERY_SCHEDULING_ELEMENT);
	IFC_SET(query_scheduling_element_in, in, scheduling_hierarchy, E_SWITCH);
	IFC_SET(query_scheduling_element_in, in, scheduling_element_id, leaf);
	assert_int_equal(H_CMD(r->e.h, 0, in, out), IFC_ST_OK);
	assert_int_equal(IFC_GET(query_scheduling_element_out, out, scheduling_context.element_type), VPORT);
	assert_int_equal(IFC_GET(query_scheduling_element_out, out, scheduling_context.parent_element_id), root);
	assert_int_equal(IFC_GET(query_scheduling_element_out, out, scheduling_context.max_average_bw), 77);
	assert_int_equal(IFC_GET(query_scheduling_element_out, out, scheduling_context.bw_share), 5);
	IFC_SET(query_scheduling_element_in, in, scheduling_element_id, 999);
	assert_int_equal(H_CMD(r->e.h, 0, in, out), IFC_ST_BAD_RES);
}

static void refusals_say_why(void **state)
{
	struct rig *r = *state;
	uint32_t root = create(r, TSAR, 0, 0, 0), leaf = create(r, VPORT, root, 1, 1), id, deep = root;
	IFC_BUF(create_scheduling_element_in, in);
	uint8_t *ctx;

#define REFUSED(make, change, st, why)                                                             \
	do {                                                                                       \
		h_trace_clear(r->e.h);                                                             \
		ctx = make;                                                                        \
		change;                                                                            \
		assert_int_equal(create_as(r, 0, in, &id), st);                                    \
		assert_non_null(h_trace_find(r->e.h, FWSIM_TRACE_CMD, why));                       \
	} while (0)
	REFUSED(element_in(in, TSAR, 0, 0, 0),
		IFC_SET(create_scheduling_element_in, in, scheduling_hierarchy, 3), IFC_ST_BAD_PARAM,
		"hierarchy 3");
	REFUSED(element_in(in, 2, root, 0, 0), (void)ctx, IFC_ST_BAD_PARAM, "type 2");
	REFUSED(element_in(in, TSAR, root, 0, 0), ctx[5] = 3, IFC_ST_BAD_PARAM, "TSARs of type 3");
	REFUSED(element_in(in, TSAR, 999, 0, 0), (void)ctx, IFC_ST_BAD_RES, "no TSAR 0x3e7");
	REFUSED(element_in(in, TSAR, leaf, 0, 0), (void)ctx, IFC_ST_BAD_RES, "no TSAR");
	REFUSED(element_in(in, VPORT, root, 99, 0), (void)ctx, IFC_ST_BAD_PARAM, "no vport 0x63");
	REFUSED(element_in(in, VPORT, root, 2, 0), ctx[4] = 8, IFC_ST_BAD_PARAM, "no vport 0x2");
	REFUSED(element_in(in, VPORT, root, 1, 0), (void)ctx, IFC_ST_BAD_RES_STATE, "has element");
	REFUSED(element_in(in, VPORT, root, 2, 0), IFC_SET(scheduling_context, ctx, bw_share, 101),
		IFC_ST_BAD_PARAM, "a share of 101");
	for (unsigned int i = 1; i < 1u << FWSIM_QOS_LOG_DEPTH; i++)
		deep = create(r, TSAR, deep, 0, 0);
	REFUSED(element_in(in, TSAR, deep, 0, 0), (void)ctx, IFC_ST_BAD_PARAM, "deep");
#undef REFUSED
	assert_int_equal(modify(r, leaf, 4, 0, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, leaf, 1, 101, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, 999, 1, 0, 0), IFC_ST_BAD_RES);
	assert_int_equal(destroy(r, root), IFC_ST_RES_BUSY);
	assert_int_equal(destroy(r, 0), IFC_ST_BAD_RES);
	assert_int_equal(destroy(r, leaf), IFC_ST_OK);
	element_in(in, TSAR, 0, 0, 0);
	assert_int_equal(create_as(r, 1, in, &id), IFC_ST_BAD_OP); /* not for a VF */
}

static void there_is_an_end(void **state)
{
	struct rig *r = *state;
	IFC_BUF(create_scheduling_element_in, in);
	enum ifc_status st;
	uint32_t id;
	unsigned int n = 0;

	element_in(in, TSAR, 0, 0, 0);
	while ((st = create_as(r, 0, in, &id)) == IFC_ST_OK && n < 5000)
		n++;
	assert_int_equal(st, IFC_ST_LIM_ERR);
	assert_int_equal(n, 1024);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_vport_keeps_its_rate),
		T(a_group_shares_its_rate),
		T(rates_can_be_changed),
		T(others_are_not_held_up),
		T(a_reset_of_the_pf_ends_it),
		T(an_idle_card_has_no_timer),
		T(a_stop_of_the_vf_is_no_matter),
		T(elements_are_shown),
		T(refusals_say_why),
		T(there_is_an_end),
	};

	return cmocka_run_group_tests_name("qos", tests, NULL, NULL);
}
