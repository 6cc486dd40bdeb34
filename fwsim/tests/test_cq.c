// SPDX-License-Identifier: GPL-2.0-or-later
/* MODIFY_CQ: another ring for a CQ that is in use, and moderation of its events. */
#include "data_rig.h"
#include "mig_rig.h"

#include <string.h>

static bool post(struct d_cq_rig *r, uint16_t counter)
{
	uint8_t cqe[64];

	fwsim_cqe_init(r->d.v, cqe, IFC_CQE_REQ, 0, 0x123, counter);
	return fwsim_cq_post(r->d.v, r->cq.cqn, cqe, false);
}

static struct fwsim_cq *cq(struct d_cq_rig *r)
{
	return fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_CQ], r->cq.cqn);
}

/* A command that gives the CQ a ring of 2^@log_size entries, all of them invalid, in pages of its own. */
static uint64_t resize_in(struct d_cq_rig *r, struct d_in *in, unsigned int log_size)
{
	size_t bytes = 64u << log_size;
	uint64_t ring = h_alloc(r->h, 1, bytes < FWSIM_PAGE ? FWSIM_PAGE : bytes, FWSIM_PAGE);

	for (size_t i = 0; i < bytes; i += 64)
		((uint8_t *)h_mem(r->h, 1, ring))[i + 63] = 0xf1;
	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, MLX5_CMD_OP_MODIFY_CQ);
	in->len = IFC_SZ(modify_cq_in);
	IFC_SET(modify_cq_in, in->b, op_mod, 1);
	IFC_SET(modify_cq_in, in->b, cqn, r->cq.cqn);
	ifc_st32(in->b + 12, 7);
	IFC_SET(modify_cq_in, in->b, cq_context.log_cq_size, log_size);
	d_in_pas(in, ring, (unsigned int)((bytes + FWSIM_PAGE - 1) / FWSIM_PAGE));
	return ring;
}

static enum ifc_status resize(struct d_cq_rig *r, unsigned int log_size, uint64_t *ring)
{
	struct d_in in;
	uint8_t out[16];

	*ring = resize_in(r, &in, log_size);
	return D_EXEC(&r->d, &in, out);
}

/* What a driver does then: all from its place on goes to the next place of the new ring. */
static void copy_entries(struct d_cq_rig *r, uint64_t ring, unsigned int log_size)
{
	uint32_t old = (1u << r->cq.log_size) - 1, mask = (1u << log_size) - 1, i = r->cq.ci;
	uint8_t *to = h_mem(r->h, 1, ring);

	for (;; i++) {
		const uint8_t *e = (uint8_t *)h_mem(r->h, 1, r->cq.addr) + (i & old) * 64;
		uint8_t *next = to + ((i + 1) & mask) * 64;

		assert_int_equal(e[63] & 1, i >> r->cq.log_size & 1);
		if (e[63] >> 4 == IFC_CQE_RESIZE)
			break;
		memcpy(next, e, 64);
		next[63] = (uint8_t)((e[63] & 0xfe) | ((i + 1) >> log_size & 1));
	}
	r->cq.ci++;
	r->cq.addr = ring;
	r->cq.log_size = log_size;
}

static void expect(struct d_cq_rig *r, uint16_t counter)
{
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->cq, IFC_CQE_REQ, 0)), counter);
}

static void entries_go_on_in_another_ring(void **state)
{
	struct d_cq_rig *r = *state;
	static const unsigned int sizes[] = { 5, 4, 8, 2, 3 };
	uint16_t sent = 0, seen = 0;
	uint32_t used = r->d.v->pas_used;
	uint64_t ring;

	for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (unsigned int i = 0; i < 11; i++) { /* over the end of small rings */
			assert_true(post(r, sent++));
			expect(r, seen++);
		}
		assert_true(post(r, sent++));
		assert_true(post(r, sent++));
		assert_int_equal(resize(r, sizes[s], &ring), IFC_ST_OK);
		assert_true(post(r, sent++)); /* before the driver has copied */
		copy_entries(r, ring, sizes[s]);
		while (seen < sent)
			expect(r, seen++);
		d_expect_none(&r->cq);
		assert_int_equal(cq(r)->log_size, sizes[s]);
	}
	assert_true(r->d.v->pas_used >= used && r->d.v->pas_used <= used + 3);
	assert_false(cq(r)->error);
}

static void an_armed_cq_stays_armed_and_is_not_fired(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t ring;

	d_eq_drain(&r->d, &r->d.comp, -1);
	d_cq_arm(&r->cq, false);
	assert_int_equal(resize(r, 4, &ring), IFC_ST_OK);
	copy_entries(r, ring, 4);
	assert_int_equal(d_eq_drain(&r->d, &r->d.comp, IFC_EVENT_COMP), 0);
	fwsim_vhca_rescan(r->d.v); /* a stop and a resume find nothing to tell either */
	assert_int_equal(d_eq_drain(&r->d, &r->d.comp, IFC_EVENT_COMP), 0);
	assert_true(post(r, 1));
	assert_int_equal(d_eq_drain(&r->d, &r->d.comp, IFC_EVENT_COMP), 1);
	expect(r, 1);
}

static void refusals_change_nothing(void **state)
{
	struct d_cq_rig *r = *state;
	struct fwsim_cq was = *cq(r);
	struct d_in in;
	uint8_t out[16];

#define REFUSED(change, st, why)                                                                   \
	do {                                                                                       \
		resize_in(r, &in, 4);                                                              \
		change;                                                                            \
		assert_int_equal(D_EXEC(&r->d, &in, out), st);                                     \
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));                         \
		assert_memory_equal(cq(r), &was, sizeof(was));                                     \
		h_trace_clear(r->h);                                                               \
	} while (0)
	REFUSED(ifc_st32(in.b + 12, 1), IFC_ST_BAD_PARAM, "field select 0x1");
	REFUSED(ifc_st32(in.b + 12, 15), IFC_ST_BAD_PARAM, "field select 0xf");
	REFUSED(IFC_SET(modify_cq_in, in.b, cq_context.log_cq_size, 23), IFC_ST_BAD_PARAM, "is no ring");
	REFUSED(IFC_SET(modify_cq_in, in.b, cq_context.log_cq_size, 7), IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(IFC_SET(modify_cq_in, in.b, cq_context.log_page_size, 30), IFC_ST_BAD_PARAM, "is no ring");
	REFUSED(IFC_SET(modify_cq_in, in.b, cq_context.cqe_sz, 1), IFC_ST_BAD_PARAM, "cqe_sz");
	REFUSED(IFC_SET(modify_cq_in, in.b, cq_umem_valid, 1), IFC_ST_BAD_PARAM, "umem");
	REFUSED(IFC_SET(modify_cq_in, in.b, op_mod, 2), IFC_ST_BAD_OP, "op_mod 2");
	REFUSED(IFC_SET(modify_cq_in, in.b, cqn, 0x777), IFC_ST_BAD_RES, "no CQ 0x777");
#undef REFUSED
}

static void what_is_there_must_fit(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t ring;

	for (uint16_t i = 0; i < 4; i++)
		assert_true(post(r, i));
	assert_int_equal(resize(r, 2, &ring), IFC_ST_BAD_RES_STATE); /* with the last word it would be 5 */
	expect(r, 0);
	assert_int_equal(resize(r, 2, &ring), IFC_ST_OK);
	copy_entries(r, ring, 2);
	for (uint16_t i = 1; i < 4; i++)
		expect(r, i);
}

static void a_full_ring_cannot_be_left(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t ring;

	for (uint16_t i = 0; i < 8; i++)
		assert_true(post(r, i));
	assert_int_equal(resize(r, 5, &ring), IFC_ST_BAD_RES_STATE);
	assert_false(cq(r)->error);
	for (uint16_t i = 0; i < 8; i++)
		expect(r, i);
	assert_int_equal(resize(r, 5, &ring), IFC_ST_OK);
}

static void a_ring_that_the_bus_refuses_is_an_error(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t ring;

	d_eq_drain(&r->d, &r->d.async, -1);
	h_dma_fail(r->h, 1, r->cq.addr, 64);
	assert_int_equal(resize(r, 4, &ring), IFC_ST_BAD_RES_STATE);
	assert_true(cq(r)->error);
	assert_int_equal(d_eq_drain(&r->d, &r->d.async, IFC_EVENT_CQ_ERROR), 1);
	assert_int_equal(resize(r, 4, &ring), IFC_ST_BAD_RES_STATE); /* and stays one */
}

/* ---- moderation ---------------------------------------------------------------------------- */

enum { FROM_EQE, FROM_CQE };

static void moderate(struct d_cq_rig *r, unsigned int usec, unsigned int count, unsigned int mode)
{
	struct d_in in = { .len = IFC_SZ(modify_cq_in) };
	uint8_t out[16];

	ifc_st16(in.b, MLX5_CMD_OP_MODIFY_CQ);
	IFC_SET(modify_cq_in, in.b, cqn, r->cq.cqn);
	ifc_st32(in.b + 12, 0x13); /* period, count and mode */
	IFC_SET(modify_cq_in, in.b, cq_context.cq_period, usec);
	IFC_SET(modify_cq_in, in.b, cq_context.cq_max_count, count);
	IFC_SET(modify_cq_in, in.b, cq_context.cq_period_mode, mode);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
}

static unsigned int events(struct d_cq_rig *r)
{
	return d_eq_drain(&r->d, &r->d.comp, IFC_EVENT_COMP);
}

/* A CQ with nothing in it, armed, whose last event was long ago. */
static void ready(struct d_cq_rig *r)
{
	h_advance(r->h, 1000000);
	d_eq_drain(&r->d, &r->d.comp, -1);
	d_cq_arm(&r->cq, false);
}

static void take(struct d_cq_rig *r, uint16_t first, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		expect(r, (uint16_t)(first + i));
}

static void without_period_or_count_events_come_at_once(void **state)
{
	static const unsigned int how[][2] = { { 0, 0 }, { 100, 0 }, { 0, 5 } };
	struct d_cq_rig *r = *state;

	for (unsigned int i = 0; i < 3; i++) {
		moderate(r, how[i][0], how[i][1], FROM_CQE);
		ready(r);
		assert_true(post(r, 1));
		assert_int_equal(events(r), 1);
		take(r, 1, 1);
	}
}

static void an_event_waits_for_the_period_after_the_last_entry(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 100, 7, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	h_advance(r->h, 99000);
	assert_int_equal(events(r), 0);
	assert_true(post(r, 2)); /* the time runs anew */
	h_advance(r->h, 99000);
	assert_int_equal(events(r), 0);
	h_advance(r->h, 1000);
	assert_int_equal(events(r), 1);
	take(r, 1, 2);
	h_advance(r->h, 10000000);
	assert_int_equal(events(r), 0);
	assert_null(r->h->fw->timers);
}

static void an_event_waits_for_the_period_after_the_last_event(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 100, 7, FROM_EQE);
	ready(r);
	assert_true(post(r, 1)); /* the last one was long ago */
	assert_int_equal(events(r), 1);
	take(r, 1, 1);
	d_cq_arm(&r->cq, false);
	h_advance(r->h, 60000);
	assert_true(post(r, 2));
	h_advance(r->h, 30000);
	assert_true(post(r, 3)); /* the time does not run anew */
	assert_int_equal(events(r), 0);
	h_advance(r->h, 10000);
	assert_int_equal(events(r), 1);
	take(r, 2, 2);
}

static void an_event_does_not_wait_for_more_than_the_count(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 4000, 3, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	assert_true(post(r, 2));
	assert_int_equal(events(r), 0);
	assert_true(post(r, 3));
	assert_int_equal(events(r), 1);
	take(r, 1, 2);
	assert_true(post(r, 4)); /* not armed: one told, two not */
	assert_true(post(r, 5));
	d_cq_arm(&r->cq, false);
	assert_int_equal(events(r), 0);
	assert_true(post(r, 6));
	assert_int_equal(events(r), 1);
	take(r, 3, 4);
}

static void what_is_polled_in_time_makes_no_event(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 100, 7, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	take(r, 1, 1);
	d_cq_arm(&r->cq, false);
	h_advance(r->h, 1000000);
	assert_int_equal(events(r), 0);
	assert_true(post(r, 2));
	h_advance(r->h, 100000);
	assert_int_equal(events(r), 1);
	take(r, 2, 1);
}

static void the_end_of_moderation_ends_the_wait(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 4000, 7, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	assert_int_equal(events(r), 0);
	moderate(r, 0, 0, FROM_CQE);
	assert_int_equal(events(r), 1);
	take(r, 1, 1);
}

static void a_stop_ends_the_wait_when_it_is_over(void **state)
{
	struct d_cq_rig *r = *state;
	uint16_t id = r->d.v->vhca_id;

	moderate(r, 100, 7, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	m_stop(r->h, id);
	h_advance(r->h, 1000000);
	assert_int_equal(events(r), 0);
	m_start(r->h, id);
	assert_int_equal(events(r), 1);
	take(r, 1, 1);
}

static void destruction_ends_the_wait(void **state)
{
	struct d_cq_rig *r = *state;

	moderate(r, 100, 7, FROM_CQE);
	ready(r);
	assert_true(post(r, 1));
	assert_non_null(r->h->fw->timers);
	fwsim_vhca_drop_objects(r->d.v);
	assert_null(r->h->fw->timers);
	h_advance(r->h, 1000000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, d_cq_setup, d_cq_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(entries_go_on_in_another_ring),
		T(an_armed_cq_stays_armed_and_is_not_fired),
		T(refusals_change_nothing),
		T(what_is_there_must_fit),
		T(a_full_ring_cannot_be_left),
		T(a_ring_that_the_bus_refuses_is_an_error),
		T(without_period_or_count_events_come_at_once),
		T(an_event_waits_for_the_period_after_the_last_entry),
		T(an_event_waits_for_the_period_after_the_last_event),
		T(an_event_does_not_wait_for_more_than_the_count),
		T(what_is_polled_in_time_makes_no_event),
		T(the_end_of_moderation_ends_the_wait),
		T(a_stop_ends_the_wait_when_it_is_over),
		T(destruction_ends_the_wait),
	};

	return cmocka_run_group_tests_name("cq", tests, NULL, NULL);
}
