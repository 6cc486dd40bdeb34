// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault rules of EQEs, CQEs and DMA: entries that are lost, come twice or later, accesses that are refused. */
#include "fault_rig.h"

/* ---- events ----------------------------------------------------------------------------------- */

static void eqe_is_lost(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add eqe:CMD lost");
	f_start(&r, 0);
	assert_true(f_done(&r, 0));
	assert_int_equal(f_events(&r), 0);
	assert_int_equal(f_hits(&r, 1), 1);
	assert_true(f_works(&r, 0));
	h_free(r.h);
}

static void eqe_comes_twice(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add eqe:* twice fn=vf0");
	f_start(&r, 0);
	assert_int_equal(f_events(&r), 2);
	assert_true(f_works(&r, 0));
	h_free(r.h);
}

static void eqe_comes_later(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int irqs = h_msix(r.h, F_VF, M_CMD_VECTOR);

	(void)state;
	f_say(&r, "fault add eqe:CMD delay=1000000 twice");
	f_start(&r, 0);
	assert_true(f_done(&r, 0));
	f_say(&r, "fault remove 1");
	assert_true(f_works(&r, 1)); /* overtakes it */
	irqs = h_msix(r.h, F_VF, M_CMD_VECTOR);
	h_advance(r.h, 999999);
	assert_int_equal(f_events(&r), 0);
	h_advance(r.h, 1);
	assert_int_equal(h_msix(r.h, F_VF, M_CMD_VECTOR), irqs + 1);
	assert_int_equal(f_events(&r), 2);
	h_free(r.h);
}

static void held_event_goes_with_its_eq(void **state)
{
	struct f_rig r = f_new(NULL);
	IFC_BUF(destroy_eq_in, in) = { 0 };
	IFC_BUF(destroy_eq_out, out);
	uint32_t eqn;

	(void)state;
	f_say(&r, "fault add eqe:CMD delay=1000000");
	f_start(&r, 0);
	IFC_SET(destroy_eq_in, in, opcode, MLX5_CMD_OP_DESTROY_EQ);
	IFC_SET(destroy_eq_in, in, eq_number, r.vf.cmd_eqn);
	assert_int_equal(H_CMD(r.h, F_VF, in, out), IFC_ST_OK);
	eqn = m_create_eq(r.h, F_VF, r.vf.uar, M_CMD_VECTOR, 1ULL << IFC_EVENT_CMD, r.vf.cmd_eq);
	assert_int_equal(eqn, r.vf.cmd_eqn); /* the same number */
	r.vf.cmd_eq_ci = 0;
	h_advance(r.h, H_SEC);
	assert_int_equal(f_events(&r), 0);
	f_say(&r, "fault add eqe:CMD delay=1000000");
	f_start(&r, 0);
	fwsim_reset(r.h->fw, F_VF);
	h_dma_clear(r.h);
	h_advance(r.h, H_SEC);
	assert_false(h_dma_wrote(r.h, ~0u, 0, 0));
	h_free(r.h);
}

static void held_event_is_written_before_the_stop(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add eqe:CMD delay=1000000000");
	f_start(&r, 0);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_null(m_poll_eq(&r.vf, true));
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_non_null(m_poll_eq(&r.vf, true));
	h_advance(r.h, 2 * H_SEC);
	assert_null(m_poll_eq(&r.vf, true));
	h_free(r.h);
}

static void held_event_waits_for_bus_mastering(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add eqe:CMD delay=1000");
	f_start(&r, 0);
	fwsim_set_bus_master(r.h->fw, F_VF, false);
	h_advance(r.h, H_SEC);
	assert_int_equal(f_vhca(&r)->health_synd, 0);
	fwsim_set_bus_master(r.h->fw, F_VF, true);
	assert_int_equal(f_events(&r), 1);
	h_free(r.h);
}

static void completion_event_is_lost(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add eqe:COMP lost");
	for (unsigned int i = 0; i < 2; i++) {
		m_arm_cq(&r.vf, 0);
		m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
		h_settle(r.h);
		assert_non_null(m_poll(&r.vf, 0));
		assert_int_equal(f_comp_events(&r), i); /* an arm later all is well */
	}
	h_free(r.h);
}

/* ---- completions and DMA ---------------------------------------------------------------------- */

static void cqe_is_lost(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cqe lost");
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_null(m_poll(&r.vf, 0));
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_int_equal(ifc_ld16(m_poll(&r.vf, 0) + 60), 1); /* of the second */
	h_free(r.h);
}

static void cqe_comes_twice(void **state)
{
	struct f_rig r = f_new(NULL);
	uint8_t first[63];
	const uint8_t *cqe;

	(void)state;
	/* all round the ring, so that the two are once on both sides of its end */
	f_say(&r, "fault add cqe count=0 twice");
	for (unsigned int i = 0; i < 100; i++) {
		if (i == 10) {
			f_say(&r, "fault add cqe lost"); /* an odd number, for that */
			m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
			h_settle(r.h);
			f_say(&r, "fault clear");
			m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
			h_settle(r.h);
			assert_non_null(m_poll(&r.vf, 0));
			f_say(&r, "fault add cqe count=0 twice");
		}
		m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
		h_settle(r.h);
		cqe = m_poll(&r.vf, 0);
		assert_non_null(cqe);
		memcpy(first, cqe, sizeof(first));
		cqe = m_poll(&r.vf, 0);
		assert_non_null(cqe);
		assert_memory_equal(cqe, first, sizeof(first));
		assert_null(m_poll(&r.vf, 0));
	}
	h_free(r.h);
}

static void dma_is_refused(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add dma:write fn=vf0 refused");
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_int_equal(m_poll(&r.vf, 0)[63] >> 4, IFC_CQE_REQ_ERR);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_DMA_ERROR, "fault rule"));
	f_say(&r, "fault add dma:read fn=vf0 refused");
	h_trace_clear(r.h);
	f_start(&r, 0);
	h_advance(r.h, H_SEC);
	assert_false(f_done(&r, 0)); /* its entry could not be read */
	assert_int_equal(f_hits(&r, 2), 1);
	h_cmd_ring(r.h, F_VF, 1);
	assert_true(f_done(&r, 0));
	h_free(r.h);
}

/* What a rule does is not held against the driver. */
static void faults_are_no_violations(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "oracle violations clear");
	f_say(&r, "fault add cmd:QUERY_ISSI status=BAD_PARAM");
	f_say(&r, "fault add cmd:QUERY_ISSI delivery=3 nth=2");
	f_say(&r, "fault add cmd:QUERY_ISSI lost nth=3");
	for (unsigned int i = 0; i < 4; i++)
		f_start(&r, 0);
	for (unsigned int i = 1; i <= 4; i++) {
		char rule[80];

		snprintf(rule, sizeof(rule), "fault add dma:%s fn=vf0 refused nth=%u",
			 i % 2 ? "read" : "write", (i + 1) / 2);
		f_say(&r, rule);
		f_start(&r, 1);
	}
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	f_say(&r, "fault add dma:write fn=vf0 refused nth=2"); /* the CQE */
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	for (unsigned int i = 1; i <= 8; i++)
		assert_int_equal(f_hits(&r, i), 1);
	f_say(&r, "oracle violations");
	assert_string_equal(r.h->answer, "ok\n");
	h_free(r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eqe_is_lost),
		cmocka_unit_test(eqe_comes_twice),
		cmocka_unit_test(eqe_comes_later),
		cmocka_unit_test(held_event_goes_with_its_eq),
		cmocka_unit_test(held_event_is_written_before_the_stop),
		cmocka_unit_test(held_event_waits_for_bus_mastering),
		cmocka_unit_test(completion_event_is_lost),
		cmocka_unit_test(cqe_is_lost),
		cmocka_unit_test(cqe_comes_twice),
		cmocka_unit_test(dma_is_refused),
		cmocka_unit_test(faults_are_no_violations),
	};

	return cmocka_run_group_tests_name("fault_event", tests, NULL, NULL);
}
