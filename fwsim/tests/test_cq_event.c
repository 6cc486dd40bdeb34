// SPDX-License-Identifier: GPL-2.0-or-later
/* Completion queues: entries, owner bits, arming and the events that they make, overrun. */
#include "data_rig.h"

static void new_cq_is_not_armed(void **state)
{
	struct d_cq_rig *r = *state;

	assert_true(d_cq_post(r, IFC_CQE_REQ, false));
	assert_int_equal(d_cq_events(r), 0);
	assert_non_null(d_cqe(&r->cq));
}

static void cq_makes_one_event_per_arm(void **state)
{
	struct d_cq_rig *r = *state;
	const uint8_t *e;

	d_cq_arm(&r->cq, false);
	d_cq_post(r, IFC_CQE_REQ, false);
	d_cq_post(r, IFC_CQE_REQ, false);
	assert_int_equal(d_cq_msix(r), 1);
	e = d_eqe(&r->d, &r->d.comp);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_COMP);
	assert_int_equal(ifc_ld32(e + 0x38), r->cq.cqn);
	assert_int_equal(d_cq_events(r), 0);
}

/* The driver polls until empty and arms; what came in between must not be lost. */
static void cqe_between_poll_and_arm_fires_at_once(void **state)
{
	struct d_cq_rig *r = *state;

	d_cq_arm(&r->cq, false);
	d_cq_post(r, IFC_CQE_REQ, false);
	assert_int_equal(d_cq_events(r), 1);
	while (d_cqe(&r->cq))
		;
	d_cq_post(r, IFC_CQE_REQ, false);
	assert_int_equal(d_cq_events(r), 0);
	d_cq_arm(&r->cq, false);
	assert_int_equal(d_cq_events(r), 1);
	/* told already, though not consumed: no second event for the same entry */
	d_cq_arm(&r->cq, false);
	assert_int_equal(d_cq_events(r), 0);
	d_cq_post(r, IFC_CQE_REQ, false);
	assert_int_equal(d_cq_events(r), 1);
}

static void solicited_arm_waits_for_solicited_or_error(void **state)
{
	struct d_cq_rig *r = *state;

	d_cq_arm(&r->cq, true);
	d_cq_post(r, IFC_CQE_RESP_SEND, false);
	assert_int_equal(d_cq_events(r), 0);
	d_cq_post(r, IFC_CQE_RESP_SEND, true);
	assert_int_equal(d_cq_events(r), 1);
	while (d_cqe(&r->cq))
		;
	d_cq_arm(&r->cq, true);
	d_cq_post(r, IFC_CQE_RESP_SEND, false);
	assert_int_equal(d_cq_events(r), 0);
	d_cq_post(r, IFC_CQE_REQ_ERR, false);
	assert_int_equal(d_cq_events(r), 1);
	while (d_cqe(&r->cq))
		;
	/* one that is there before the arm counts */
	d_cq_post(r, IFC_CQE_RESP_SEND, true);
	d_cq_post(r, IFC_CQE_RESP_SEND, false);
	d_cq_arm(&r->cq, true);
	assert_int_equal(d_cq_events(r), 1);
	/* and one that is not solicited does not */
	while (d_cqe(&r->cq))
		;
	d_cq_post(r, IFC_CQE_RESP_SEND, false);
	d_cq_arm(&r->cq, true);
	assert_int_equal(d_cq_events(r), 0);
}

static void cq_owner_bit_turns_and_counters_wrap(void **state)
{
	struct d_cq_rig *r = *state;
	struct fwsim_cq *cq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_CQ], r->cq.cqn);
	unsigned int events = 0;

	cq->pi = cq->ci = cq->last_notified = cq->last_solicited = 0xfffff0;
	r->cq.ci = 0xfffff0;
	ifc_st32(h_mem(r->h, 1, r->cq.dbr), 0xfffff0);
	for (unsigned int i = 0; i < 40; i++) {
		const uint8_t *e;

		d_cq_arm(&r->cq, i & 1);
		assert_true(d_cq_post(r, IFC_CQE_REQ, true));
		events += d_cq_events(r);
		e = (const uint8_t *)h_mem(r->h, 1, r->cq.addr) + (r->cq.ci & 7) * 64;
		assert_int_equal(e[63] & 1, r->cq.ci >> 3 & 1);
		assert_non_null(d_cqe(&r->cq));
	}
	assert_int_equal(events, 40);
}

/* Solicited long ago, then millions of entries that are not: no event for the one long consumed. */
static void solicited_long_ago_does_not_come_back(void **state)
{
	struct d_cq_rig *r = *state;
	struct fwsim_cq *cq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_CQ], r->cq.cqn);

	d_cq_post(r, IFC_CQE_RESP_SEND, true);
	for (unsigned int i = 1; i <= 48; i++) {
		cq->pi = r->cq.ci = i * 0x100000 & 0xffffff;
		d_cq_arm(&r->cq, true);
		assert_int_equal(d_cq_events(r), 0);
	}
}

static void cq_overrun_makes_an_error_event(void **state)
{
	struct d_cq_rig *r = *state;
	const uint8_t *e;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 8; i++)
		assert_true(d_cq_post(r, IFC_CQE_REQ, false));
	assert_false(d_cq_post(r, IFC_CQE_REQ, false));
	e = d_eqe(&r->d, &r->d.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_CQ_ERROR);
	assert_int_equal(ifc_ld32(e + 0x20), r->cq.cqn);
	assert_int_equal(e[0x2b], 1);
	while (d_cqe(&r->cq))
		n++;
	assert_int_equal(n, 8);
	assert_false(d_cq_post(r, IFC_CQE_REQ, false)); /* for good, and silently */
	assert_null(d_eqe(&r->d, &r->d.async));
}

/* Only the doorbell record tells the card what has been consumed, without any doorbell. */
static void cq_reads_the_doorbell_record(void **state)
{
	struct d_cq_rig *r = *state;

	for (unsigned int i = 0; i < 100; i++) {
		assert_true(d_cq_post(r, IFC_CQE_REQ, false));
		assert_non_null(d_cqe(&r->cq));
	}
}

static void cq_that_ignores_overrun_runs_on(void **state)
{
	struct d_cq_rig *r = *state;
	IFC_BUF(create_cq_out, out);
	struct d_in in;

	d_cq_in(&r->d, &in, &r->cq, 3);
	IFC_SET(create_cq_in, in.b, cq_context.oi, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	r->cq.cqn = IFC_GET(create_cq_out, out, cqn);
	for (unsigned int i = 0; i < 50; i++)
		assert_true(d_cq_post(r, IFC_CQE_REQ, false));
}

static void cq_write_that_the_bus_refuses_is_an_error(void **state)
{
	struct d_cq_rig *r = *state;
	const uint8_t *e;

	h_dma_fail(r->h, 1, r->cq.addr, 64);
	assert_false(d_cq_post(r, IFC_CQE_REQ, false));
	e = d_eqe(&r->d, &r->d.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_CQ_ERROR);
	assert_int_equal(e[0x2b], 2);
}

static void cq_page_offset_counts_in_64ths_of_the_page(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t addr = h_alloc(r->h, 1, 2u << 16, 1u << 16);
	IFC_BUF(create_cq_out, out);
	struct d_in in;

	d_cq_in(&r->d, &in, &r->cq, 3);
	in.len = IFC_SZ(create_cq_in);
	d_in_pas(&in, addr, 1);
	IFC_SET(create_cq_in, in.b, cq_context.log_page_size, 4);
	IFC_SET(create_cq_in, in.b, cq_context.page_offset, 3);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	r->cq.cqn = IFC_GET(create_cq_out, out, cqn);
	h_dma_clear(r->h);
	assert_true(d_cq_post(r, IFC_CQE_REQ, false));
	assert_true(h_dma_wrote(r->h, 1, addr + 3 * 1024, 64));
	assert_false(h_dma_wrote(r->h, 1, addr, 3 * 1024));
}

static void cq_refusals_say_why(void **state)
{
	struct d_cq_rig *r = *state;
	IFC_BUF(create_cq_out, out);
	struct d_in in;
	struct d_cq cq;
	uint8_t *cqc = IFC_PTR(create_cq_in, in.b, cq_context);

#define REFUSED(fld, val, st, why)                                                                 \
	do {                                                                                       \
		d_cq_in(&r->d, &in, &cq, 3);                                                       \
		IFC_SET(cqc, cqc, fld, val);                                                       \
		h_trace_clear(r->h);                                                               \
		assert_int_equal(D_EXEC(&r->d, &in, out), st);                                     \
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));                         \
	} while (0)
	REFUSED(cqe_sz, 1, IFC_ST_BAD_PARAM, "cqe_sz");
	REFUSED(cc, 1, IFC_ST_BAD_PARAM, "collapsed");
	REFUSED(cqe_comp_en, 1, IFC_ST_BAD_PARAM, "compression");
	REFUSED(log_cq_size, 23, IFC_ST_BAD_PARAM, "no ring");
	REFUSED(log_cq_size, 7, IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(uar_page, 3, IFC_ST_BAD_RES, "no such UAR");
	REFUSED(c_eqn_or_apu_element, 60, IFC_ST_BAD_RES, "no such EQ");
	REFUSED(c_eqn_or_apu_element, 0xffffffff, IFC_ST_BAD_RES, "no such EQ");
	REFUSED(page_offset, 63, IFC_ST_BAD_PARAM, "does not cover");
}

static void modify_cq_takes_moderation(void **state)
{
	struct d_cq_rig *r = *state;
	uint8_t in[IFC_SZ(modify_cq_in)] = { 0 }, out[IFC_SZ(query_cq_out)];

	IFC_SET(modify_cq_in, in, opcode, MLX5_CMD_OP_MODIFY_CQ);
	IFC_SET(modify_cq_in, in, cqn, r->cq.cqn);
	ifc_st32(in + 12, 3);
	IFC_SET(modify_cq_in, in, cq_context.cq_period, 16);
	IFC_SET(modify_cq_in, in, cq_context.cq_max_count, 32);
	assert_int_equal(h_cmd(r->h, 1, in, sizeof(in), out, 16), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_CQ, r->cq.cqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(query_cq_out, out, cq_context.cq_max_count), 32);
	IFC_SET(modify_cq_in, in, op_mod, 1);
	assert_int_equal(h_cmd(r->h, 1, in, sizeof(in), out, 16), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "resize"));
}

static void cq_doorbell_with_a_wild_index_is_ignored(void **state)
{
	struct d_cq_rig *r = *state;

	h_db_cq(r->h, 1, r->d.uar, r->cq.cqn, 0x123456);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "consumer index 0x123456"));
	h_db_cq(r->h, 1, r->d.uar, 0xabc, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "CQ 0xabc"));
	d_cq_post(r, IFC_CQE_REQ, false);
	assert_int_equal(d_cq_events(r), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, d_cq_setup, d_cq_teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_cq_is_not_armed),
		TEST(cq_makes_one_event_per_arm),
		TEST(cqe_between_poll_and_arm_fires_at_once),
		TEST(solicited_arm_waits_for_solicited_or_error),
		TEST(cq_owner_bit_turns_and_counters_wrap),
		TEST(solicited_long_ago_does_not_come_back),
		TEST(cq_overrun_makes_an_error_event),
		TEST(cq_reads_the_doorbell_record),
		TEST(cq_that_ignores_overrun_runs_on),
		TEST(cq_write_that_the_bus_refuses_is_an_error),
		TEST(cq_page_offset_counts_in_64ths_of_the_page),
		TEST(cq_refusals_say_why),
		TEST(modify_cq_takes_moderation),
		TEST(cq_doorbell_with_a_wild_index_is_ignored),
	};

	return cmocka_run_group_tests_name("cq_event", tests, NULL, NULL);
}
