// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest can make the card do in one go has a bound: a frame in flow tables that lead everywhere, an LSO
 * WQE of such frames, long commands, a round of the card's loop.
 */
#include "eth_pair.h"
#include "flow_rig.h"
#include "pair_rig.h"

#include <string.h>

#define NOBODY 3 /* a vport without a driver */

static const struct fwsim_walk_left whole = { FWSIM_WALK_STEPS, FWSIM_WALK_COPIES, false };

static struct fwsim_flow_spec many(unsigned int type, uint32_t id, unsigned int n)
{
	struct fwsim_flow_spec s = flow_to(0, type, id);

	s.dests_n = n;
	for (unsigned int i = 1; i < n; i++)
		s.dest[i] = s.dest[0];
	return s;
}

/* A table with one entry, for all frames. */
static uint32_t table_of(struct flow_rig *r, unsigned int level, struct fwsim_flow_spec s)
{
	uint32_t t = flow_must_table(r, level, 4, 0);

	flow_must_entry(r, t, flow_must_group(r, t, 0, 15, 0, NULL), s);
	return t;
}

/* Each of 10 tables leads to the next one eight times: 8^10 ways. */
static void ways_that_fork_are_cut_off(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = table_of(&r, 20, many(FWSIM_DEST_VPORT, 1, 1)), c = flow_counter(&r);
	uint64_t work = h->fw->esw_work;
	uint8_t frame[60];

	(void)state;
	for (unsigned int level = 19; level > 10; level--)
		t = table_of(&r, level, many(FWSIM_DEST_FLOW_TABLE, t, 8));
	assert_int_equal(flow_root(&r, t), IFC_ST_OK);
	flow_frame(frame, sizeof(frame), 1, 2, 0x88b5);
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 1);
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_FDB], 0);
	assert_true(h->fw->esw_work - work <= FWSIM_WALK_STEPS + FWSIM_WALK_COPIES * FWSIM_COPY_WORK);
	/* and so is each of those after it */
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 2);
	assert_memory_equal(&h->fw->walk, &whole, sizeof(whole));
	/* one that is in order is not */
	t = table_of(&r, 9, many(FWSIM_DEST_VPORT, 1, 1));
	assert_int_equal(flow_root(&r, t), IFC_ST_OK);
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 2);
	assert_int_equal(flow_counter_free(&r, c), IFC_ST_OK);
	h_free(h);
}

/* 63 times into a table of 1024 groups, none of which has an entry for the frame. */
static void groups_count(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0);
	uint32_t t = flow_must_table(&r, 2, 10, 0), top;
	uint8_t crit[FWSIM_FLOW_KEY] = { 0 }, frame[60];
	uint64_t work;

	(void)state;
	FLOW_OUTER(crit, ethertype, 0xffff);
	for (unsigned int i = 0; i < 1024; i++) {
		struct fwsim_flow_spec s = flow_to(i, FWSIM_DEST_VPORT, 1);

		FLOW_OUTER(s.value, ethertype, 0x1234);
		flow_must_entry(&r, t, flow_must_group(&r, t, i, i, FWSIM_FLOW_OUTER, crit), s);
	}
	top = table_of(&r, 1, many(FWSIM_DEST_FLOW_TABLE, t, 63));
	flow_frame(frame, sizeof(frame), 1, 2, 0x88b5);
	assert_int_equal(flow_root(&r, t), IFC_ST_OK);
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 0);
	assert_int_equal(flow_root(&r, top), IFC_ST_OK);
	work = h->fw->esw_work;
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 1);
	assert_int_equal(h->fw->esw_work - work, FWSIM_WALK_STEPS);
	h_free(h);
}

/* A frame that has been cut off in an ACL is not one that the ACL says nothing of. */
static void acl_that_is_cut_off_lets_nothing_through(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_INGRESS_ACL, 1);
	uint32_t t = flow_must_table(&r, 9, 1, 0);
	uint64_t sent;
	uint8_t frame[60];

	(void)state;
	for (unsigned int level = 8; level; level--)
		t = flow_must_table(&r, level, 1, t);
	assert_int_equal(flow_root(&r, t), IFC_ST_OK);
	flow_frame(frame, sizeof(frame), 0x33, 1, 0x88b5);
	h->wire_n = 0;
	fwsim_eswitch_tx(h->fw->vhca[1], frame, sizeof(frame));
	assert_int_equal(h->wire_n, 1);
	sent = h->fw->esw_drops[FWSIM_DROP_INGRESS];
	h->fw->walk_max.steps = 5;
	fwsim_eswitch_tx(h->fw->vhca[1], frame, sizeof(frame));
	assert_int_equal(h->wire_n, 1);
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 1);
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_INGRESS], sent);
	h_free(h);
}

/* Copies are counted over the switch and the tables of those that get one. */
static void copies_are_bounded(void **state)
{
	struct harness *h = flow_booted();
	struct flow_rig r = flow_rig(h, 0, FWSIM_FLOW_FDB, 0), rx = flow_rig(h, 1, FWSIM_FLOW_NIC_RX, 0);
	struct fwsim_vport *vp = &h->fw->vhca[1]->vport;
	uint8_t frame[60];
	uint64_t got;

	(void)state;
	assert_int_equal(flow_root(&rx, table_of(&rx, 1, many(FWSIM_DEST_TIR, flow_tir(&rx), 200))), IFC_ST_OK);
	assert_int_equal(flow_root(&r, table_of(&r, 1, many(FWSIM_DEST_VPORT, 1, 200))), IFC_ST_OK);
	flow_frame(frame, sizeof(frame), 1, 2, 0x88b5);
	got = vp->rx[FWSIM_CAST_UNI].packets;
	fwsim_eswitch_tx(h->fw->vhca[0], frame, sizeof(frame));
	assert_int_equal(h->fw->esw_drops[FWSIM_DROP_WORK], 1);
	got = vp->rx[FWSIM_CAST_UNI].packets - got;
	assert_int_equal(got, FWSIM_WALK_COPIES / 201 + 1);
	h_free(h);
}

/* ---- commands ------------------------------------------------------------------------------ */

static unsigned int done(struct harness *h, unsigned int fn)
{
	unsigned int n = 0;

	for (unsigned int slot = 0; slot < 5; slot++)
		n += h_cmd_done(h, fn, slot);
	return n;
}

/* The driver of a VF rings for five commands of three mailboxes, entry included, and that of another too. */
static void commands_wait_for_their_turn(void **state)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	struct harness *h = h_new(NULL);
	unsigned int fn;

	(void)state;
	h_boot(h, 1);
	h_boot(h, 2);
	h->fw->cmd_boxes = 8;
	h->fw->running = true; /* both before anything is done */
	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	for (fn = 1; fn < 3; fn++) {
		for (unsigned int slot = 0; slot < 5; slot++)
			h_cmd_post(h, fn, slot, in, sizeof(in), 16 + 2 * IFC_MBOX_DATA);
		h_cmd_ring(h, fn, 0x1f);
	}
	h->fw->running = false;
	fwsim_kick(h->fw);
	assert_int_equal(done(h, 1), 3);
	assert_int_equal(done(h, 2), 0);
	assert_true(h->deadline > h->now && h->deadline < h->now + H_MS);
	h_advance(h, h->deadline - h->now);
	assert_int_equal(done(h, 1), 3); /* now it is the other's turn */
	assert_int_equal(done(h, 2), 3);
	h_settle(h);
	for (fn = 1; fn < 3; fn++) {
		assert_int_equal(done(h, fn), 5);
		for (unsigned int slot = 0; slot < 5; slot++)
			assert_int_equal(h_cmd_result(h, fn, slot, NULL, 0).status, IFC_ST_OK);
	}
	assert_int_equal(h->fw->cmd_turn, 0);
	h_free(h);
}

/* ---- a step, and a round ------------------------------------------------------------------- */

/* Frames of the sender go nowhere, 256 times each. */
static uint32_t costly(struct e_pair *p)
{
	struct flow_rig r = flow_rig(p->h, 0, FWSIM_FLOW_FDB, 0);
	struct fwsim_flow_spec s = many(FWSIM_DEST_VPORT, NOBODY, 256);
	uint32_t c;

	c = flow_counter(&r);
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = c;
	assert_int_equal(flow_root(&r, table_of(&r, 1, s)), IFC_ST_OK);
	return c;
}

static uint64_t counted(struct e_pair *p, uint32_t c)
{
	struct flow_rig r = flow_rig(p->h, 0, FWSIM_FLOW_FDB, 0);

	return flow_counter_read(&r, c, false).packets;
}

static void lso_of_costly_frames_is_cut_off(void **state)
{
	struct e_pair *p = *state;
	uint32_t c = costly(p);
	uint64_t work = p->h->fw->esw_work, sent;
	uint8_t hdr[128];
	struct e_wr w = {
		.op = IFC_WQE_LSO, .cs = E_CSUM, .mss = 8, .hdr = hdr,
		.hdr_len = e_headers(hdr, E_UDP4, &p->d1, &p->d2, 32000),
		.n = 1, .sge = { { p->m.addr, 32000, p->m.key } },
	};

	e_send(&p->sq, &w);
	h_settle(p->h);
	d_expect(&p->sq.cq, IFC_CQE_REQ, 0);
	sent = counted(p, c);
	assert_true(sent && sent < 4000);
	assert_int_equal(p->h->fw->esw_drops[FWSIM_DROP_WORK], 4000 - sent);
	assert_true(p->h->fw->esw_work - work < (1u << 22) + 2 * 256 * FWSIM_COPY_WORK);
}

static void costly_frames_take_more_of_the_budget(void **state)
{
	struct e_pair *p = *state;
	struct e_wr w = e_pair_wr(p, 60);
	struct fwsim *fw = p->h->fw;
	uint32_t c = costly(p);
	uint64_t before;

	for (unsigned int i = 0; i < 16; i++)
		e_post(&p->sq, &w);
	fw->running = true; /* so that nobody else does it */
	e_ring(&p->sq);
	fwsim_bar_run(fw);
	fw->running = false;
	before = ((struct fwsim_flow_counter *)fwsim_table_get(&fw->vhca[0]->flow->counter, c))->packets;
	assert_true(fwsim_eth_run(fw, 64));
	before = ((struct fwsim_flow_counter *)fwsim_table_get(&fw->vhca[0]->flow->counter, c))->packets - before;
	assert_int_equal(before, 64 / (1 + 256 * FWSIM_COPY_WORK / 256) + 1);
	fwsim_kick(fw);
	h_settle(p->h);
	assert_int_equal(counted(p, c), 16);
}

/*
 * The clock of a host may stand still while it runs all timers that are due: those that are due at the same time again
 * would never end.
 */
static void what_is_left_is_for_a_later_time(void **state)
{
	struct p_rig *p = *state;
	struct d_wr w = p_wr(p, IFC_WQE_RDMA_WRITE, 0, P_MEM_SIZE);
	unsigned int n = 1u << D_LOG_SQ, calls;
	struct harness *h = p->h;

	for (unsigned int i = 0; i < n; i++)
		d_post(&p->a, &w);
	d_ring(&p->a);
	for (calls = 0; h->deadline != UINT64_MAX; calls++) {
		assert_true(h->deadline > h->now);
		h->now = h->deadline;
		h->deadline = UINT64_MAX;
		fwsim_timer_expired(h->fw);
	}
	assert_in_range(calls, 1, n);
	for (unsigned int i = 0; i < n; i++)
		d_expect(&p->a.scq, IFC_CQE_REQ, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, e_pair_setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_that_fork_are_cut_off),
		cmocka_unit_test(groups_count),
		cmocka_unit_test(acl_that_is_cut_off_lets_nothing_through),
		cmocka_unit_test(copies_are_bounded),
		cmocka_unit_test(commands_wait_for_their_turn),
		T(lso_of_costly_frames_is_cut_off),
		T(costly_frames_take_more_of_the_budget),
		cmocka_unit_test_setup_teardown(what_is_left_is_for_a_later_time, p_setup, p_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
