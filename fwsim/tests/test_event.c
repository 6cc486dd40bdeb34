// SPDX-License-Identifier: GPL-2.0-or-later
/* Event queues: entries, owner bits, arming, interrupts, overrun; what a stop holds back of both kinds of queue. */
#include "data_rig.h"

static void post_event(struct d_cq_rig *r, uint8_t type)
{
	uint8_t data[28];

	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(0xa0 + i);
	fwsim_event_post(r->d.v, type, 7, data);
}

/* ---- event queues -------------------------------------------------------------------------- */

static void eqe_has_its_layout(void **state)
{
	struct d_cq_rig *r = *state;
	const uint8_t *e;

	post_event(r, IFC_EVENT_WQ_CATAS_ERROR);
	e = d_eqe(&r->d, &r->d.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_WQ_CATAS_ERROR);
	assert_int_equal(e[3], 7);
	for (unsigned int i = 0; i < 28; i++)
		assert_int_equal(e[0x20 + i], 0xa0 + i);
	assert_int_equal(e[63], 0);
	assert_null(d_eqe(&r->d, &r->d.async));
}

static void event_that_no_mask_has_is_not_written(void **state)
{
	struct d_cq_rig *r = *state;

	h_dma_clear(r->h);
	post_event(r, IFC_EVENT_PORT_CHANGE);
	assert_false(h_dma_wrote(r->h, ~0u, 0, 0));
}

static void eq_interrupts_once_per_arm(void **state)
{
	struct d_cq_rig *r = *state;

	post_event(r, 5);
	post_event(r, 5);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 1);
	d_eqe(&r->d, &r->d.async);
	d_eq_arm(&r->d, &r->d.async); /* one is still there: at once */
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
	d_eqe(&r->d, &r->d.async);
	d_eq_arm(&r->d, &r->d.async);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
	post_event(r, 5);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 3);
}

static void eq_update_without_arm_does_not_arm(void **state)
{
	struct d_cq_rig *r = *state;

	post_event(r, 5);
	d_eqe(&r->d, &r->d.async);
	h_db_eq(r->h, 1, r->d.uar, r->d.async.eqn, r->d.async.ci, false);
	post_event(r, 5);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 1);
}

static void new_eq_is_not_armed(void **state)
{
	struct d_cq_rig *r = *state;
	struct d_eq eq;

	d_eq(&r->d, &eq, 3, 5, 1ULL << IFC_EVENT_PORT_CHANGE);
	post_event(r, IFC_EVENT_PORT_CHANGE);
	assert_int_equal(h_msix(r->h, 1, 5), 0);
	assert_non_null(d_eqe(&r->d, &eq));
}

static void eq_owner_bit_turns_with_the_ring(void **state)
{
	struct d_cq_rig *r = *state;
	struct d_eq eq;

	d_eq(&r->d, &eq, 2, 5, 1ULL << IFC_EVENT_PORT_CHANGE);
	for (unsigned int i = 0; i < 20; i++) {
		const uint8_t *e;

		post_event(r, IFC_EVENT_PORT_CHANGE);
		e = d_eqe(&r->d, &eq);
		assert_non_null(e);
		assert_int_equal(e[63], i / 4 & 1);
		assert_null(d_eqe(&r->d, &eq));
		h_db_eq(r->h, 1, r->d.uar, eq.eqn, eq.ci, false);
	}
}

static void eq_overrun_stops_it_and_tells_health(void **state)
{
	struct d_cq_rig *r = *state;
	struct d_eq eq;
	unsigned int n = 0;

	d_eq(&r->d, &eq, 2, 5, 1ULL << IFC_EVENT_PORT_CHANGE);
	for (unsigned int i = 0; i < 6; i++)
		post_event(r, IFC_EVENT_PORT_CHANGE);
	assert_int_equal(r->d.v->health_synd, 0xc);
	while (d_eqe(&r->d, &eq))
		n++;
	assert_int_equal(n, 4); /* none was overwritten */
	h_db_eq(r->h, 1, r->d.uar, eq.eqn, eq.ci, true);
	post_event(r, IFC_EVENT_PORT_CHANGE);
	assert_null(d_eqe(&r->d, &eq));
}

static void eq_doorbell_with_a_wild_index_is_ignored(void **state)
{
	struct d_cq_rig *r = *state;

	h_db_eq(r->h, 1, r->d.uar, r->d.async.eqn, 0x800000, true);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "consumer index 0x800000"));
	h_db_eq(r->h, 1, r->d.uar, 99, 0, true);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "EQ 0x63"));
	post_event(r, 5);
	assert_non_null(d_eqe(&r->d, &r->d.async));
}

static void command_and_page_events_go_to_their_eq(void **state)
{
	struct d_cq_rig *r = *state;
	struct d_eq cmd, pages;
	const uint8_t *e;

	assert_false(fwsim_event_cmd_ready(r->d.v));
	d_eq(&r->d, &pages, 3, 6, 1ULL << IFC_EVENT_PAGE_REQUEST);
	fwsim_event_page_request(r->d.v, -3);
	e = d_eqe(&r->d, &pages);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_PAGE_REQUEST);
	assert_int_equal(ifc_ld32(e + 0x20), 0);
	assert_int_equal((int32_t)ifc_ld32(e + 0x24), -3);
	d_eq(&r->d, &cmd, 3, 7, 1ULL << IFC_EVENT_CMD);
	assert_true(fwsim_event_cmd_ready(r->d.v));
	while (d_eqe(&r->d, &cmd))
		; /* its own creation may have completed by event */
	fwsim_event_cmd(r->d.v, 0x80000001);
	e = d_eqe(&r->d, &cmd);
	assert_non_null(e);
	assert_int_equal(ifc_ld32(e + 0x20), 0x80000001);
}

static void eq_refusals_say_why(void **state)
{
	struct d_cq_rig *r = *state;
	IFC_BUF(create_eq_out, out);
	struct d_in in;
	struct d_eq eq;
	uint8_t *eqc = IFC_PTR(create_eq_in, in.b, eq_context_entry);

	d_eq_in(&r->d, &in, &eq, 3, 16, 0);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "vector 16"));
	d_eq_in(&r->d, &in, &eq, 3, 1, 0);
	IFC_SET(eqc, eqc, uar_page, 0x99);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_RES);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "no UAR 0x99"));
	d_eq_in(&r->d, &in, &eq, 3, 1, 0);
	IFC_SET(eqc, eqc, log_eq_size, 23);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	d_eq_in(&r->d, &in, &eq, 3, 1, 0);
	IFC_SET(eqc, eqc, log_eq_size, 7);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "does not cover"));
	d_eq_in(&r->d, &in, &eq, 3, 1, 0);
	IFC_SET(eqc, eqc, log_page_size, 31);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
}

static void query_eq_shows_indices_and_arm(void **state)
{
	struct d_cq_rig *r = *state;
	uint8_t out[IFC_SZ(query_eq_out)];
	const uint8_t *eqc = IFC_CPTR(query_eq_out, out, eq_context_entry);

	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_EQ, r->d.async.eqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(eqc, eqc, st), 0x9);
	post_event(r, 5);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_EQ, r->d.async.eqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(eqc, eqc, st), 0xa);
	assert_int_equal(IFC_GET(eqc, eqc, producer_counter), 1);
	assert_int_equal(IFC_GET(eqc, eqc, consumer_counter), 0);
}

/* ---- stop and resume ----------------------------------------------------------------------- */

static void stopped_vhca_latches_doorbells(void **state)
{
	struct d_cq_rig *r = *state;

	d_cq_post(r, IFC_CQE_REQ, false);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	h_dma_clear(r->h);
	d_cq_arm(&r->cq, false);
	d_eq_arm(&r->d, &r->d.comp);
	assert_int_equal(r->h->fn[1].msix_total, 0);
	assert_false(h_dma_wrote(r->h, ~0u, 0, 0));
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_int_equal(d_cq_msix(r), 1);
	assert_int_equal(d_cq_events(r), 1);
}

static void resume_signals_every_eq_with_entries(void **state)
{
	struct d_cq_rig *r = *state;

	d_cq_arm(&r->cq, false);
	d_cq_post(r, IFC_CQE_REQ, false);
	post_event(r, 5);
	assert_int_equal(r->h->fn[1].msix_total, 2);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_int_equal(h_msix(r->h, 1, D_COMP_VECTOR), 2);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
	/* and one that was drained is left alone */
	d_eq_drain(&r->d, &r->d.async, 5);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
	assert_int_equal(h_msix(r->h, 1, D_COMP_VECTOR), 3);
}

static void latched_consumer_index_counts_before_the_signal(void **state)
{
	struct d_cq_rig *r = *state;

	post_event(r, 5);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	d_eqe(&r->d, &r->d.async);
	d_eq_arm(&r->d, &r->d.async);
	h_db_eq(r->h, 1, r->d.uar, r->d.async.eqn, r->d.async.ci, false);
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 1);
	post_event(r, 5); /* the latched arm is in force */
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
}

/* Between RESUME of the responder and of the initiator doorbells are taken: older ones are void. */
static void doorbell_after_responder_resume_supersedes_latched(void **state)
{
	struct d_cq_rig *r = *state;
	struct fwsim_eq *eq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_EQ], r->d.async.eqn);

	post_event(r, 5);
	post_event(r, 5);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	d_eqe(&r->d, &r->d.async);
	d_eq_arm(&r->d, &r->d.async);
	d_set_mig(r->d.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_eqe(&r->d, &r->d.async);
	h_db_eq(r->h, 1, r->d.uar, r->d.async.eqn, r->d.async.ci, false);
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_false(eq->db_latched);
	assert_int_equal(eq->ci, 2);
	assert_true(eq->armed);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 1);
}

static void cq_doorbell_after_responder_resume_supersedes_latched(void **state)
{
	struct d_cq_rig *r = *state;
	struct fwsim_cq *cq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_CQ], r->cq.cqn);

	d_cq_post(r, IFC_CQE_REQ, false);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	d_cq_arm(&r->cq, false); /* would be met at once, by the entry that is there */
	assert_true(cq->db_latched);
	d_set_mig(r->d.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_cqe(&r->cq);
	d_cq_arm(&r->cq, true);
	assert_false(cq->db_latched);
	assert_int_equal(cq->db_word, 0);
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	assert_int_equal(cq->ci, 1);
	assert_int_equal(cq->arm, FWSIM_ARM_SOLICITED);
	assert_int_equal(d_cq_events(r), 0);
	d_cq_post(r, IFC_CQE_RESP_SEND, true);
	assert_int_equal(d_cq_events(r), 1);
}

/* The port may go down and up while a VHCA is stopped; it is told how things are when it runs again. */
static void port_change_is_kept_over_a_stop(void **state)
{
	struct d_cq_rig *r = *state;
	const uint8_t *e;
	struct d_eq eq;

	d_eq(&r->d, &eq, 3, 5, 1ULL << IFC_EVENT_PORT_CHANGE);
	d_eq_arm(&r->d, &eq);
	d_set_mig(r->d.v, FWSIM_MIG_STOPPED);
	post_event(r, IFC_EVENT_PORT_CHANGE);
	post_event(r, IFC_EVENT_PORT_CHANGE);
	r->h->fw->port_down = true;
	d_set_mig(r->d.v, FWSIM_MIG_RUNNING);
	e = d_eqe(&r->d, &eq);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_PORT_CHANGE);
	assert_int_equal(e[3], 1);
	assert_int_equal(e[0x28], 0x10);
	assert_null(d_eqe(&r->d, &eq));
	assert_int_equal(h_msix(r->h, 1, 5), 1);
}

static void bus_master_off_holds_interrupts(void **state)
{
	struct d_cq_rig *r = *state;

	post_event(r, 5);
	d_eqe(&r->d, &r->d.async);
	fwsim_set_bus_master(r->h->fw, 1, false);
	d_eq_arm(&r->d, &r->d.async);
	post_event(r, 5);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 1);
	fwsim_set_bus_master(r->h->fw, 1, true);
	post_event(r, 5);
	assert_int_equal(h_msix(r->h, 1, D_ASYNC_VECTOR), 2);
}

/* Rings inside the card's own UAR page: an entry written there rings doorbells while it is written. */
static void rings_in_the_own_bar_do_no_harm(void **state)
{
	struct d_cq_rig *r = *state;
	uint64_t page = H_BAR_ADDR(1) + (uint64_t)r->d.uar * 4096;
	struct fwsim_eq *eq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_EQ], r->d.comp.eqn);
	struct fwsim_cq *cq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_CQ], r->cq.cqn);

	eq->buf.addr[0] = page;
	cq->buf.addr[0] = page;
	for (unsigned int i = 0; i < 200; i++) {
		d_cq_arm(&r->cq, false);
		d_cq_post(r, IFC_CQE_REQ, true);
		post_event(r, 5);
		r->cq.ci++;
		ifc_st32(h_mem(r->h, 1, r->cq.dbr), r->cq.ci & 0xffffff);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, d_cq_setup, d_cq_teardown)
	const struct CMUnitTest tests[] = {
		TEST(eqe_has_its_layout),
		TEST(event_that_no_mask_has_is_not_written),
		TEST(eq_interrupts_once_per_arm),
		TEST(eq_update_without_arm_does_not_arm),
		TEST(new_eq_is_not_armed),
		TEST(eq_owner_bit_turns_with_the_ring),
		TEST(eq_overrun_stops_it_and_tells_health),
		TEST(eq_doorbell_with_a_wild_index_is_ignored),
		TEST(command_and_page_events_go_to_their_eq),
		TEST(eq_refusals_say_why),
		TEST(query_eq_shows_indices_and_arm),
		TEST(stopped_vhca_latches_doorbells),
		TEST(resume_signals_every_eq_with_entries),
		TEST(latched_consumer_index_counts_before_the_signal),
		TEST(doorbell_after_responder_resume_supersedes_latched),
		TEST(cq_doorbell_after_responder_resume_supersedes_latched),
		TEST(port_change_is_kept_over_a_stop),
		TEST(bus_master_off_holds_interrupts),
		TEST(rings_in_the_own_bar_do_no_harm),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
