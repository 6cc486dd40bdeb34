// SPDX-License-Identifier: GPL-2.0-or-later
/* Completion of commands: polled and by event, out of order, late, in the face of resets and refused DMA. */
#include "cmd_rig.h"
#include "data_rig.h"

static uint32_t cmd_eqe_slots(struct d_fn *d, struct d_eq *eq)
{
	const uint8_t *e = d_eqe(d, eq);

	if (!e)
		return 0;
	assert_int_equal(e[1], IFC_EVENT_CMD);
	return ifc_ld32(e + 0x20);
}

static void polled_until_the_command_eq_exists(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	assert_int_equal(h_msix(h, 0, 0), 0);
	/* The CREATE_EQ that makes it is itself polled. */
	d_eq(&d, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	assert_null(d_eqe(&d, &eq));
	assert_int_equal(h_msix(h, 0, 0), 0);
	d_eq_arm(&d, &eq);
	h_cmd_async(h, 0, 4, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	assert_true(h_cmd_done(h, 0, 4));
	assert_int_equal(cmd_eqe_slots(&d, &eq), 1u << 4);
	assert_int_equal(h_msix(h, 0, 0), 1);
	/* Refused and undelivered commands are told about as well. */
	d_eq_arm(&d, &eq);
	h_cmd_post(h, 0, 6, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_entry(h, 0, 6)[0] = 0;
	h_cmd_ring(h, 0, 1u << 6);
	assert_int_equal(cmd_eqe_slots(&d, &eq), 1u << 6);
	h_free(h);
}

static void decided_when_the_doorbell_comes(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_in in;
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	d_eq_in(&d, &in, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	/* Both rung at once: when the bell rings, there is no command EQ for the second either. */
	h_cmd_post(h, 0, 1, in.b, in.len, IFC_SZ(create_eq_out));
	h_cmd_post(h, 0, 2, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 1u << 1 | 1u << 2);
	assert_true(h_cmd_done(h, 0, 1));
	assert_true(h_cmd_done(h, 0, 2));
	assert_true(fwsim_event_cmd_ready(h->fw->vhca[0]));
	assert_null(d_eqe(&d, &eq));
	h_free(h);
}

static void destroying_the_command_eq_makes_no_event(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_fn d;
	uint8_t out[16];
	unsigned int before;

	(void)state;
	d_open(&d, h, 0);
	d_eq(&d, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	before = h_msix(h, 0, 0);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_EQ, eq.eqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(h_msix(h, 0, 0), before);
	assert_false(fwsim_event_cmd_ready(h->fw->vhca[0]));
	h_free(h);
}

static void commands_complete_out_of_order(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = 10 * H_MS;
	h_cmd_async(h, 0, 0, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h->fw->cfg.cmd_latency_ns = 2 * H_MS;
	h_cmd_async(h, 0, 1, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h->fw->cfg.cmd_latency_ns = 5 * H_MS;
	h_cmd_async(h, 0, 2, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	assert_int_equal(h->deadline, h->now + 2 * H_MS);
	h_advance(h, 2 * H_MS - 1);
	assert_false(h_cmd_done(h, 0, 1));
	h_advance(h, 1);
	assert_true(h_cmd_done(h, 0, 1));
	assert_false(h_cmd_done(h, 0, 2));
	h_advance(h, 3 * H_MS);
	assert_true(h_cmd_done(h, 0, 2));
	assert_false(h_cmd_done(h, 0, 0));
	h_advance(h, 5 * H_MS);
	assert_true(h_cmd_done(h, 0, 0));
	assert_int_equal(h->deadline, UINT64_MAX);
	assert_int_equal(h_trace_find(h, FWSIM_TRACE_CMD, "QUERY_ISSI")->t.ns, 10 * H_MS);
	h_free(h);
}

static void doorbell_of_a_busy_slot(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 0, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_trace_clear(h);
	h_cmd_ring(h, 0, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "slots 0x1, which are being executed"));
	h_advance(h, H_SEC);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_CMD), 1);
	h_free(h);
}

static void reset_drops_what_is_under_way(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 7, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	fwsim_reset(h->fw, 0);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 7));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	assert_int_equal(h->deadline, UINT64_MAX);
	h->fw->cfg.cmd_latency_ns = 0;
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	h_free(h);
}

static void disable_of_itself_keeps_its_own_slot(void **state)
{
	IFC_BUF(disable_hca_in, in) = { 0 };
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	IFC_SET(disable_hca_in, in, opcode, MLX5_CMD_OP_DISABLE_HCA);
	h_cmd_async(h, 0, 9, in, sizeof(in), IFC_SZ(disable_hca_out));
	h_cmd_ring(h, 0, 1u << 9);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "which are being executed"));
	h_trace_clear(h);
	h_advance(h, H_SEC);
	assert_true(h_cmd_done(h, 0, 9));
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_CMD), 1);
	h_free(h);
}

static void queue_that_moves_meanwhile(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);
	uint64_t old;

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 9, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	old = h->fn[0].cmdq;
	h->fn[0].cmdq = 0;
	h_cmdq_setup(h, 0);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_true(h_dma_wrote(h, 0, old, FWSIM_PAGE));
	assert_false(h_dma_wrote(h, 0, h->fn[0].cmdq, FWSIM_PAGE));
	h_free(h);
}

static void answer_waits_for_bus_mastering(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 7, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	fwsim_set_bus_master(h->fw, 0, false);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 7));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_DMA_ERROR), 0);
	fwsim_set_bus_master(h->fw, 0, true);
	assert_true(h_cmd_done(h, 0, 7));
	h_free(h);
}

static void answer_that_the_bus_refuses(void **state)
{
	struct harness *h = c_enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	c_post_query(h);
	h_cmd_ring(h, 0, 1u << 3);
	h_dma_fail(h, 0, h->fn[0].slot[3].out_box[4], 8);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 3));
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "answer of slot 3 (QUERY_HCA_CAP)"));
	h_dma_fail(h, 0, 0, 0);
	h->fw->cfg.cmd_latency_ns = 0;
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	h_free(h);
}

/* An event queue in the card's own BAR: each event writes registers, none of which may nest. */
static void event_into_the_own_bar(void **state)
{
	struct c_issi q = c_query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_in in;
	IFC_BUF(create_eq_out, out);
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	d_eq_in(&d, &in, &eq, 6, 0, 1u << IFC_EVENT_CMD);
	ifc_st64(in.b + IFC_SZ(create_eq_in), H_BAR_ADDR(0));
	assert_int_equal(D_EXEC(&d, &in, out), IFC_ST_OK);
	h_cmd_post(h, 0, 8, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 1u << 8);
	h_settle(h);
	assert_true(h_cmd_done(h, 0, 8));
	/* The event has overwritten the address of the command queue. */
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDQ_ADDR_L_SZ) >> 12, 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polled_until_the_command_eq_exists),
		cmocka_unit_test(decided_when_the_doorbell_comes),
		cmocka_unit_test(destroying_the_command_eq_makes_no_event),
		cmocka_unit_test(commands_complete_out_of_order),
		cmocka_unit_test(doorbell_of_a_busy_slot),
		cmocka_unit_test(reset_drops_what_is_under_way),
		cmocka_unit_test(disable_of_itself_keeps_its_own_slot),
		cmocka_unit_test(queue_that_moves_meanwhile),
		cmocka_unit_test(answer_waits_for_bus_mastering),
		cmocka_unit_test(answer_that_the_bus_refuses),
		cmocka_unit_test(event_into_the_own_bar),
	};

	return cmocka_run_group_tests_name("cmdif_complete", tests, NULL, NULL);
}
