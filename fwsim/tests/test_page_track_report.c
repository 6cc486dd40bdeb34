// SPDX-License-Identifier: GPL-2.0-or-later
/* A report of dirty pages on its way: full rings, writes meanwhile, resets; and what ends it with an error. */
#include "track_rig.h"

#include <string.h>

/* ---- flow of a report ---------------------------------------------------------------------- */

static void a_full_receive_ring_makes_the_report_wait(void **state)
{
	struct t_rig *r = *state;
	const unsigned int pages = (T_WQES + 3) * (T_MSG / 8) + 5; /* more than the ring takes */
	unsigned int n = 0;

	for (unsigned int i = 0; i < pages; i++)
		t_vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	t_report_clear(r);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	h_advance(r->h, 100 * H_MS);
	while (t_take(r, false) == T_REPORTING)
		n++;
	assert_int_equal(n, T_WQES); /* and none was lost for want of a buffer */
	assert_int_equal(t_state(r), T_REPORTING);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_BAD_RES_STATE);
	t_post_all(r);
	h_advance(r->h, 10 * H_MS);
	while (t_take(r, true) != T_TRACKING)
		;
	for (unsigned int i = 0; i < pages; i++)
		assert_true(t_told(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE));
}

static void a_page_written_behind_the_report_is_told_of_next_time(void **state)
{
	struct t_rig *r = *state;
	unsigned int pages = (T_WQES + 1) * (T_MSG / 8);

	t_report(r, T_ALL);
	for (unsigned int i = 0; i < pages; i++)
		t_vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	while (t_take(r, false) == T_REPORTING)
		;
	assert_int_equal(t_state(r), T_REPORTING);
	t_vf_write(r, H_MEM_BASE + 0x100000, 1); /* told of already */
	t_post_all(r);
	h_advance(r->h, 10 * H_MS);
	t_report_clear(r);
	while (t_take(r, true) != T_TRACKING)
		;
	assert_false(t_told(r, H_MEM_BASE + 0x100000));
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 1);
	assert_true(t_told(r, H_MEM_BASE + 0x100000));
}

static void a_full_message_may_be_the_last(void **state)
{
	struct t_rig *r = *state;

	t_report(r, T_ALL);
	t_vf_write(r, H_MEM_BASE + 0x100000, T_MSG / 8 * FWSIM_PAGE);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, T_MSG / 8);
	assert_int_equal(r->messages, 1);
	t_vf_write(r, H_MEM_BASE + 0x100000, (T_MSG / 8 + 1) * FWSIM_PAGE);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, T_MSG / 8 + 1);
	assert_int_equal(r->messages, 2);
}

static void a_completion_event_comes_with_a_message(void **state)
{
	struct t_rig *r = *state;

	d_eq_drain(&r->pf, &r->pf.comp, IFC_EVENT_COMP);
	d_cq_arm(&r->cq, false);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	assert_int_equal(d_eq_drain(&r->pf, &r->pf.comp, IFC_EVENT_COMP), 1);
}

static void a_stopped_vf_is_reported_on(void **state)
{
	struct t_rig *r = *state;

	t_vf_write(r, r->mem.addr, 1);
	r->vf.v->mig = FWSIM_MIG_STOPPED;
	t_report(r, T_ALL);
	assert_true(t_told(r, r->mem.addr));
	r->vf.v->mig = FWSIM_MIG_RUNNING;
}

static void reset_of_the_vf_keeps_tracker_and_marks(void **state)
{
	struct t_rig *r = *state;

	t_report(r, T_ALL);
	t_vf_write(r, r->mem.addr, 1);
	fwsim_reset(r->h->fw, T_VF);
	assert_int_equal(h_disable_hca(r->h, 0, T_VF), IFC_ST_OK);
	assert_int_equal(h_enable_hca(r->h, 0, T_VF), IFC_ST_OK);
	t_report(r, T_ALL);
	assert_true(t_told(r, r->mem.addr));
	t_vf_write(r, r->mem.addr, 1);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 1);
}

static void a_pf_without_bus_mastering_holds_the_report(void **state)
{
	struct t_rig *r = *state;

	for (unsigned int i = 0; i < (T_WQES + 1) * (T_MSG / 8); i++)
		t_vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	while (t_take(r, false) == T_REPORTING)
		;
	fwsim_set_bus_master(r->h->fw, 0, false);
	t_post_all(r);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->cq);
	fwsim_set_bus_master(r->h->fw, 0, true);
	h_settle(r->h);
	while (t_take(r, true) != T_TRACKING)
		;
	assert_int_equal(t_state(r), T_TRACKING);
}

static void destroy_in_the_middle_of_a_report(void **state)
{
	struct t_rig *r = *state;

	for (unsigned int i = 0; i < 5200; i++)
		t_vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	assert_int_equal(t_state(r), T_REPORTING);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	while (t_take(r, true) >= 0)
		;
	h_advance(r->h, H_SEC);
	d_expect_none(&r->cq);
	t_make(r); /* of the marks nothing is left */
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 0);
}

static void reset_of_the_pf_takes_the_tracker_along(void **state)
{
	struct t_rig *r = *state;

	for (unsigned int i = 0; i < 5200; i++)
		t_vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	fwsim_reset(r->h->fw, 0);
	assert_null(r->vf.v->tracks);
	h_advance(r->h, H_SEC);
	t_vf_write(r, r->mem.addr, 1);
}

/* ---- errors -------------------------------------------------------------------------------- */

/* An EQ that asks for OBJECT_CHANGE. */
static void ask_for_object_change(struct t_rig *r, struct d_eq *eq)
{
	d_eq(&r->pf, eq, 4, D_ASYNC_VECTOR, 1ULL << IFC_EVENT_OBJECT_CHANGE);
}

static void a_dead_qp_is_an_error_that_is_told(void **state)
{
	struct t_rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;
	uint8_t out[16];

	ask_for_object_change(r, &eq);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_2ERR_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(t_state(r), T_TRACKING);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld16(eqe + 0x22), 0x46);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_null(d_eqe(&r->pf, &eq)); /* once */
	assert_int_equal(t_state(r), T_ERROR);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_BAD_RES_STATE);
	t_vf_write(r, r->mem.addr, 1);
	d_expect_none(&r->cq);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
}

static void a_driver_without_object_change_hears_of_the_qp(void **state)
{
	struct t_rig *r = *state;
	const uint8_t *eqe;
	uint8_t out[16];

	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_2ERR_QP, r->host_qp, out, sizeof(out)),
			 IFC_ST_OK);
	h_settle(r->h);
	while (d_eqe(&r->pf, &r->pf.async))
		;
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &r->pf.async);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_WQ_CATAS_ERROR);
	assert_int_equal(eqe[0x34], 0);
	assert_int_equal(ifc_ld32(eqe + 0x38), r->fw_qp);
	assert_int_equal(t_state(r), T_ERROR);
}

static void a_message_that_cannot_be_written_is_an_error(void **state)
{
	struct t_rig *r = *state;
	struct d_eq eq;
	const uint8_t *cqe;

	ask_for_object_change(r, &eq);
	t_vf_write(r, r->mem.addr, 1);
	h_dma_fail(r->h, 0, r->area.addr, 8);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	h_dma_fail(r->h, 0, 0, 0);
	cqe = d_cqe(&r->cq);
	assert_non_null(cqe);
	assert_int_equal(D_CQE_OP(cqe), IFC_CQE_RESP_ERR);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(t_state(r), T_ERROR);
}

static void a_completion_that_cannot_be_written_is_an_error(void **state)
{
	struct t_rig *r = *state;
	struct d_eq eq;

	ask_for_object_change(r, &eq);
	t_vf_write(r, r->mem.addr, 1);
	h_dma_fail(r->h, 0, r->cq.addr, 64);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	h_dma_fail(r->h, 0, 0, 0);
	d_expect_none(&r->cq);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(t_state(r), T_ERROR);
}

/* The rule is about the VF that is tracked; what goes wrong is the PF's tracker. */
static void a_fault_rule_makes_an_error_that_is_told(void **state)
{
	struct t_rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;

	ask_for_object_change(r, &eq);
	assert_true(h_say(r->h, "fault add track fn=pf error"));
	assert_true(h_say(r->h, "fault add track fn=vf0 nth=2 error"));
	t_report(r, T_ALL);
	assert_int_equal(t_state(r), T_TRACKING);
	t_vf_write(r, r->mem.addr, 1);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_OK);
	d_expect_none(&r->cq);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_int_equal(t_state(r), T_ERROR);
	assert_true(h_say(r->h, "fault list"));
	assert_non_null(strstr(r->h->answer, "rule 1 track fn=pf nth=1 count=1 error seen=0 hits=0\n"));
	assert_non_null(strstr(r->h->answer, "rule 2 track fn=vf0 nth=2 count=1 error seen=2 hits=1\n"));
}

/* Commands that name the tracker concern the VF that it tracks. */
static void commands_of_a_tracker_concern_its_vf(void **state)
{
	struct t_rig *r = *state;

	assert_true(h_say(r->h, "fault add cmd:MODIFY_GENERAL_OBJECT fn=vf0 status=BAD_RES"));
	assert_true(h_say(r->h, "fault add cmd:DESTROY_GENERAL_OBJECT fn=vf0 status=BAD_RES"));
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_BAD_RES);
	assert_int_equal(t_destroy(r), IFC_ST_BAD_RES);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	assert_true(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT fn=vf0 status=LIM_ERR"));
	assert_int_equal(t_create(r, &r->in), IFC_ST_LIM_ERR);
}

/* Who listens only when the tracker is there hears nothing of this one. */
static void a_tracker_may_be_born_with_an_error(void **state)
{
	struct t_rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;

	ask_for_object_change(r, &eq);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	assert_false(h_say(r->h, "fault add cmd:MODIFY_GENERAL_OBJECT error"));
	assert_false(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT error lost"));
	assert_true(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT fn=vf0 error"));
	assert_int_equal(t_create(r, &r->in), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_int_equal(t_state(r), T_ERROR);
	assert_null(d_eqe(&r->pf, &eq));
}

static void marks_without_memory_are_an_error_and_none_is_lost(void **state)
{
	struct fwsim_config cfg = t_config();
	struct t_in t;
	struct t_rig *r;
	struct d_eq eq;

	cfg.track_memory = 3 * 5000; /* three leaves of 4 KiB and their heads */
	t_setup_with(state, &cfg);
	r = *state;
	ask_for_object_change(r, &eq);
	t = t_good(r);
	t.log_space = 50;
	t.range[0].start = 0;
	t.range[0].len = 1ULL << 50;
	assert_int_equal(t_create(r, &t), IFC_ST_OK);
	for (unsigned int i = 0; i < 6; i++)
		fwsim_page_track_mark(r->vf.v, (uint64_t)(i / 2) << 27, 1);
	t_report(r, T_ALL); /* what has been told of gives its memory back */
	assert_int_equal(r->entries, 3);
	for (unsigned int i = 0; i < 3; i++)
		fwsim_page_track_mark(r->vf.v, (uint64_t)(7 - i) << 40, 1);
	assert_int_equal(t_state(r), T_TRACKING);
	assert_null(d_eqe(&r->pf, &eq));
	fwsim_page_track_mark(r->vf.v, 1ULL << 39, 1);
	assert_int_equal(t_state(r), T_ERROR);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 3), IFC_ST_BAD_RES_STATE);
	t_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_TRACKED(a_full_receive_ring_makes_the_report_wait),
		T_TRACKED(a_page_written_behind_the_report_is_told_of_next_time),
		T_TRACKED(a_full_message_may_be_the_last),
		T_TRACKED(a_completion_event_comes_with_a_message),
		T_TRACKED(a_stopped_vf_is_reported_on),
		T_TRACKED(reset_of_the_vf_keeps_tracker_and_marks),
		T_TRACKED(a_pf_without_bus_mastering_holds_the_report),
		T_TRACKED(destroy_in_the_middle_of_a_report),
		T_TRACKED(reset_of_the_pf_takes_the_tracker_along),
		T_TRACKED(a_dead_qp_is_an_error_that_is_told),
		T_TRACKED(a_driver_without_object_change_hears_of_the_qp),
		T_TRACKED(a_message_that_cannot_be_written_is_an_error),
		T_TRACKED(a_completion_that_cannot_be_written_is_an_error),
		T_TRACKED(a_fault_rule_makes_an_error_that_is_told),
		T_TRACKED(a_tracker_may_be_born_with_an_error),
		T_TRACKED(commands_of_a_tracker_concern_its_vf),
		cmocka_unit_test(marks_without_memory_are_an_error_and_none_is_lost),
	};

	return cmocka_run_group_tests_name("page_track_report", tests, NULL, NULL);
}
