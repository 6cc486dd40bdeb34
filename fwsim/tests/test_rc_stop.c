// SPDX-License-Identifier: GPL-2.0-or-later
/* QPs that stop and go on: suspended functions, bus mastering off, turns of several QPs; and garbage in the rings. */
#include "pair_rig.h"

static void stopped_initiator_fetches_nothing(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100), back = {
		.op = IFC_WQE_RDMA_WRITE, .raddr = r->am.addr + 500, .rkey = r->am.key, .n = 1,
		.sge = { { r->bm.addr + 500, 100, r->bm.key } } };

	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	assert_false(h_dma_wrote(r->h, ~0u, 0, 0));
	/* but others reach it */
	d_send(&r->b, &back);
	d_expect(&r->b.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 500, r->bm.p + 500, 100);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 100);
}

/* What a slice counts for in the budget of a turn, in 64 KiB. */
static unsigned int slice_cost(const struct p_rig *r)
{
	return r->h->use_map ? 4 : 1;
}

/* Stop in the middle of a message, at each slice: no DMA, then it goes on where it was. */
static void message_parks_between_slices(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_READ,
					       IFC_WQE_SEND };
	struct p_rig *r = *state;

	for (unsigned int i = 0; i < 3; i++) {
		struct d_wr w = p_wr(r, ops[i], 0, P_MEM_SIZE);
		unsigned int slices = 0;

		p_pattern(&r->am, 10 + i);
		p_pattern(&r->bm, 20 + i);
		p_recv(r, 0, P_MEM_SIZE);
		r->h->fw->running = true; /* the doorbell only latches; the test makes the steps */
		d_post(&r->a, &w);
		d_core_qp(&r->a)->db_pending = true;
		fwsim_qp_schedule(d_core_qp(&r->a));
		while (d_core_qp(&r->a)->sq_off || !slices) {
			fwsim_rc_run(r->h->fw, 1);
			slices++;
			if (!d_core_qp(&r->a)->sq_off)
				break;
			r->d1.v->mig = FWSIM_MIG_STOPPED;
			h_dma_clear(r->h);
			fwsim_rc_run(r->h->fw, 100);
			assert_false(h_dma_wrote(r->h, 1, H_MEM_BASE, H_MEM_SIZE));
			assert_false(h_dma_wrote(r->h, 2, H_MEM_BASE, H_MEM_SIZE));
			d_expect_none(&r->a.scq);
			d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
		}
		r->h->fw->running = false;
		assert_int_equal(slices, (P_MEM_SIZE >> 16) / slice_cost(r));
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		assert_memory_equal(r->am.p, r->bm.p, P_MEM_SIZE);
		if (ops[i] == IFC_WQE_SEND)
			assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)),
					 P_MEM_SIZE);
	}
}

static void stopped_responder_holds_without_deadline(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_set_mig(r->d2.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_advance(r->h, 60 * H_SEC);
	assert_false(h_dma_wrote(r->h, 2, H_MEM_BASE, H_MEM_SIZE));
	d_expect_none(&r->a.scq);
	d_set_mig(r->d2.v, FWSIM_MIG_INITIATOR_STOPPED);
	h_advance(r->h, 2 * H_MS);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 100);
}

static void receive_posted_while_stopped_is_seen(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, rnr_retry, 7);
	d_send(&r->a, &w);
	d_set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	p_recv(r, 0, 100);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->b.rcq);
	d_set_mig(r->d2.v, FWSIM_MIG_RUNNING);
	h_advance(r->h, 2 * H_MS);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void flush_waits_for_resume(void **state)
{
	struct p_rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	r->d1.v->mig = FWSIM_MIG_INITIATOR_STOPPED;
	d_send(&r->a, &nop);
	fwsim_qp_flush(d_core_qp(&r->a));
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5);
	d_expect_none(&r->a.scq);
}

static void bus_master_off_holds_the_requester(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	fwsim_set_bus_master(r->h->fw, 1, false);
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	fwsim_set_bus_master(r->h->fw, 1, true);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

/* A QP that is destroyed while it waits, or is on the run list, leaves nothing behind. */
static void destroy_while_waiting(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w);
	assert_int_equal(d_simple(&r->d1, MLX5_CMD_OP_DESTROY_QP, r->a.qpn, NULL, 0), IFC_ST_OK);
	h_advance(r->h, H_SEC);
	assert_null(r->h->fw->run_head);
	assert_null(r->h->fw->run_tail);
	d_expect_none(&r->a.scq);
}

/* Two QPs share the card slice by slice: a small message is not behind a large one. */
static void small_message_is_not_behind_a_large_one(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, P_MEM_SIZE), nop = { .op = IFC_WQE_NOP };
	struct d_qp c, e;

	d_qp(&r->d1, &c);
	d_qp(&r->d1, &e);
	d_connect(&c, &e);
	r->h->fw->running = true;
	d_post(&r->a, &w);
	d_post(&c, &nop);
	d_core_qp(&r->a)->db_pending = true;
	d_core_qp(&c)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_qp_schedule(d_core_qp(&c));
	assert_true(fwsim_rc_run(r->h->fw, slice_cost(r) + 2));
	d_expect(&c.scq, IFC_CQE_REQ, 0);
	d_expect_none(&r->a.scq);
	r->h->fw->running = false;
}

/* The guest may write anything anywhere at any time: random rings, records and bells. */
static void garbage_everywhere(void **state)
{
	struct p_rig *r = *state;
	uint32_t x = 1;

	for (unsigned int round = 0; round < 300; round++) {
		struct d_qp *qp = round & 1 ? &r->a : &r->b;
		uint8_t *ring = h_mem(r->h, qp->d->fn, qp->ring);
		uint8_t *dbr = h_mem(r->h, qp->d->fn, qp->dbr);

		for (unsigned int i = 0; i < 3072; i++) {
			x = x * 1103515245 + 12345;
			ring[i] = (uint8_t)(x >> 16);
		}
		for (unsigned int i = 0; i < 48; i++) { /* some are nearly right */
			ring[i * 64 + 3] = (uint8_t)(8 + i % 9);
			ifc_st32(ring + i * 64 + 4, qp->qpn << 8 | (i % 12 + 1));
		}
		ifc_st32(dbr, x);
		ifc_st32(dbr + 4, x >> 3);
		d_ring(qp);
		h_advance(r->h, 50 * H_MS);
		if (round % 10 == 9) {
			d_simple(&r->d1, MLX5_CMD_OP_2RST_QP, r->a.qpn, NULL, 0);
			d_simple(&r->d2, MLX5_CMD_OP_2RST_QP, r->b.qpn, NULL, 0);
			d_connect(&r->a, &r->b);
			while (d_cqe(&r->a.scq) || d_cqe(&r->b.scq) || d_cqe(&r->a.rcq) ||
			       d_cqe(&r->b.rcq))
				;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P_TEST(stopped_initiator_fetches_nothing),
		P_TEST(message_parks_between_slices),
		P_TEST(stopped_responder_holds_without_deadline),
		P_TEST(receive_posted_while_stopped_is_seen),
		P_TEST(flush_waits_for_resume),
		P_TEST(bus_master_off_holds_the_requester),
		P_TEST(destroy_while_waiting),
		P_TEST(small_message_is_not_behind_a_large_one),
		P_TEST(garbage_everywhere),
	};

	return cmocka_run_group_tests_name("rc_stop", tests, NULL, NULL);
}
