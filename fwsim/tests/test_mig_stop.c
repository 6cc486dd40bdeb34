// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands still while a VHCA is stopped, and goes on when it is resumed. */
#include "mig_rig.h"

/* ---- what stands still ----------------------------------------------------------------------- */

static void every_move_is_traced(void **state)
{
	struct m_card m = m_card_new(NULL);

	(void)state;
	h_trace_clear(m.h);
	m_stop(m.h, m.id);
	m_start(m.h, m.id);
	assert_int_equal(h_trace_count(m.h, FWSIM_TRACE_STATE), 4);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "running -> initiator_stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "initiator_stopped -> stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "stopped -> initiator_stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "initiator_stopped -> running"));
	h_free(m.h);
}

static void refusal_says_why(void **state)
{
	struct m_card m = m_card_new(NULL);

	(void)state;
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 100), IFC_ST_BAD_RES_STATE);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_CMD, "LOAD in state running"));
	m_stop(m.h, m.id);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 100), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_CMD, "magic"));
	h_free(m.h);
}

static void post_query_issi(struct harness *h, unsigned int fn, unsigned int slot)
{
	IFC_BUF(query_issi_in, in) = { 0 };

	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(h, fn, slot, in, sizeof(in), IFC_SZ(query_issi_out));
}

static void command_waits_in_its_slot_until_resume(void **state)
{
	struct m_card m = m_card_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	post_query_issi(m.h, M_VF, 0);
	h_advance(m.h, H_SEC);
	assert_false(h_cmd_done(m.h, M_VF, 0));
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	post_query_issi(m.h, M_VF, 3);
	h_advance(m.h, H_SEC);
	assert_int_equal(m_resume(m.h, m.id, M_RESUME_RESPONDER), IFC_ST_OK);
	h_advance(m.h, H_SEC);
	assert_false(h_cmd_done(m.h, M_VF, 0));
	assert_false(h_cmd_done(m.h, M_VF, 3));
	assert_int_equal(m_resume(m.h, m.id, M_RESUME_INITIATOR), IFC_ST_OK);
	h_settle(m.h);
	assert_true(h_cmd_done(m.h, M_VF, 0));
	assert_true(h_cmd_done(m.h, M_VF, 3));
	assert_int_equal(h_cmd_result(m.h, M_VF, 3, NULL, 0).status, IFC_ST_OK);
	h_free(m.h);
}

/* A command whose effect is there is answered before the suspend is, however slow it would be. */
static void command_under_way_is_answered_by_suspend(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct m_card m;

	(void)state;
	cfg.cmd_latency_ns = H_SEC;
	m = m_card_new(&cfg);
	post_query_issi(m.h, M_VF, 2);
	h_advance(m.h, H_MS);
	assert_false(h_cmd_done(m.h, M_VF, 2));
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_true(h_cmd_done(m.h, M_VF, 2));
	assert_int_equal(h_cmd_result(m.h, M_VF, 2, NULL, 0).status, IFC_ST_OK);
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	h_dma_clear(m.h);
	h_advance(m.h, 10 * H_SEC);
	assert_false(h_dma_wrote(m.h, M_VF, H_MEM_BASE, H_MEM_SIZE));
	h_free(m.h);
}

/* ---- with work on the VF ------------------------------------------------------------------- */

struct work {
	struct m_card m;
	struct m_vf vf;
};

static struct work work_new(void)
{
	struct work w = { .m = { .h = h_new(NULL) } };

	m_vf_new(&w.vf, w.m.h, M_VF);
	w.m.buf = m_buf_new(w.m.h, 0, M_BUF_SIZE, 0xf);
	w.m.id = m_vhca_id(w.m.h, M_VF);
	return w;
}

static void fill(struct work *w, uint32_t off, uint32_t len, uint8_t seed)
{
	uint8_t *p = (uint8_t *)h_mem(w->m.h, w->vf.fn, w->vf.data.addr) + off;

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static bool same(struct work *w, uint32_t a, uint32_t b, uint32_t len)
{
	uint8_t *p = h_mem(w->m.h, w->vf.fn, w->vf.data.addr);

	return !memcmp(p + a, p + b, len);
}

static void work_goes_through_at_all(void **state)
{
	struct work w = work_new();
	const uint8_t *cqe;

	(void)state;
	fill(&w, 0, 5000, 1);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 5000, 1u << 20, true);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 1u << 20, 5000));
	cqe = m_poll(&w.vf, 0);
	assert_non_null(cqe);
	assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
	assert_null(m_poll(&w.vf, 0));
	m_post_recv(&w.vf, 1, 2u << 20, 8192);
	m_post_send(&w.vf, 0, IFC_WQE_SEND, 0, 5000, 0, true);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 2u << 20, 5000));
	cqe = m_poll(&w.vf, 1);
	assert_non_null(cqe);
	assert_int_equal(cqe[63] >> 4, IFC_CQE_RESP_SEND);
	h_free(w.m.h);
}

static void no_dma_and_no_interrupt_of_a_stopped_vhca(void **state)
{
	struct work w = work_new();
	struct harness *h = w.m.h;
	unsigned int msix, reads;

	(void)state;
	/* Long messages under way, one held up for want of a receive. */
	fill(&w, 0, 1u << 20, 3);
	m_arm_cq(&w.vf, 0);
	m_arm_cq(&w.vf, 1);
	m_post_send(&w.vf, 1, IFC_WQE_SEND, 0, 100, 0, true);
	for (unsigned int i = 0; i < 8; i++)
		m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 1u << 20, 1u << 20, i == 7);
	m_stop(h, w.m.id);
	h_dma_clear(h);
	msix = h->fn[M_VF].msix_total;
	reads = h->fn[M_VF].dma_reads;
	m_ring(&w.vf, 0);
	m_ring(&w.vf, 1);
	m_post_recv(&w.vf, 0, 3u << 20, 4096);
	m_arm_cq(&w.vf, 0);
	m_eq_update(&w.vf, true);
	m_eq_update(&w.vf, false);
	post_query_issi(h, M_VF, 4);
	h_advance(h, 100 * H_SEC);
	assert_int_equal(m_save(h, w.m.id, 0, w.m.buf.key, M_BUF_SIZE, NULL), IFC_ST_OK);
	assert_false(h_dma_wrote(h, M_VF, 0, SIZE_MAX / 2));
	assert_int_equal(h->fn[M_VF].dma_reads, reads);
	assert_int_equal(h->fn[M_VF].msix_total, msix);

	m_start(h, w.m.id);
	h_settle(h);
	assert_true(h_cmd_done(h, M_VF, 4));
	for (unsigned int i = 0; i < 8; i++) {
		const uint8_t *cqe = m_poll(&w.vf, 0);

		assert_non_null(cqe);
		if (cqe[63] >> 4 == IFC_CQE_RESP_SEND) { /* the message that waited */
			i--;
			continue;
		}
		assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
		assert_int_equal(ifc_ld16(cqe + 0x3c), i);
	}
	assert_true(same(&w, 0, 1u << 20, 1u << 20));
	assert_true(h->fn[M_VF].msix_total > msix);
	h_free(h);
}

static void stopped_initiator_starts_nothing(void **state)
{
	struct work w = work_new();

	(void)state;
	fill(&w, 0, 100, 5);
	assert_int_equal(m_suspend(w.m.h, w.m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	h_advance(w.m.h, 10 * H_SEC);
	assert_null(m_poll(&w.vf, 0));
	assert_false(same(&w, 0, 4096, 100));
	assert_int_equal(m_resume(w.m.h, w.m.id, M_RESUME_INITIATOR), IFC_ST_OK);
	h_settle(w.m.h);
	assert_non_null(m_poll(&w.vf, 0));
	assert_null(m_poll(&w.vf, 0));
	assert_true(same(&w, 0, 4096, 100));
	h_free(w.m.h);
}

static void doorbells_of_a_stopped_vhca_count_after_resume(void **state)
{
	struct work w = work_new();
	unsigned int before;

	(void)state;
	fill(&w, 0, 100, 9);
	m_stop(w.m.h, w.m.id);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	m_arm_cq(&w.vf, 0);
	m_eq_update(&w.vf, false);
	before = h_msix(w.m.h, M_VF, M_COMP_VECTOR);
	m_start(w.m.h, w.m.id);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 4096, 100));
	assert_non_null(m_poll(&w.vf, 0));
	assert_true(h_msix(w.m.h, M_VF, M_COMP_VECTOR) > before);
	assert_non_null(m_poll_eq(&w.vf, false));
	h_free(w.m.h);
}

/* An interrupt may be lost on the way to another host, so one comes for every EQ not drained. */
static void resume_signals_every_eq_that_is_not_drained(void **state)
{
	struct work w = work_new();
	unsigned int cmd, comp;

	(void)state;
	m_arm_cq(&w.vf, 0);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	h_settle(w.m.h);
	m_stop(w.m.h, w.m.id);
	cmd = h_msix(w.m.h, M_VF, M_CMD_VECTOR);
	comp = h_msix(w.m.h, M_VF, M_COMP_VECTOR);
	m_start(w.m.h, w.m.id);
	h_settle(w.m.h);
	assert_int_equal(h_msix(w.m.h, M_VF, M_CMD_VECTOR), cmd); /* that one is drained */
	assert_int_equal(h_msix(w.m.h, M_VF, M_COMP_VECTOR), comp + 1);
	h_free(w.m.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_move_is_traced),
		cmocka_unit_test(refusal_says_why),
		cmocka_unit_test(command_waits_in_its_slot_until_resume),
		cmocka_unit_test(command_under_way_is_answered_by_suspend),
		cmocka_unit_test(work_goes_through_at_all),
		cmocka_unit_test(no_dma_and_no_interrupt_of_a_stopped_vhca),
		cmocka_unit_test(stopped_initiator_starts_nothing),
		cmocka_unit_test(doorbells_of_a_stopped_vhca_count_after_resume),
		cmocka_unit_test(resume_signals_every_eq_that_is_not_drained),
	};

	return cmocka_run_group_tests_name("mig_stop", tests, NULL, NULL);
}
