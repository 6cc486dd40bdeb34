// SPDX-License-Identifier: GPL-2.0-or-later
/* What puts a send queue in ERR, what becomes of WQEs then, and which errors are events. */
#include "eth_pair.h"

static void refused_memory_is_an_error(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));
	const uint8_t *cqe;

	w.sge[0].key ^= 1;
	e_send(&r->sq, &w);
	cqe = d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(D_CQE_QPN(cqe), r->sq.sqn);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_SEND);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_int_equal(e_sq_state(&r->sq), FWSIM_WQ_ERR);
	d_expect_none(&r->rq.cq);
}

static void what_is_posted_behind_an_error_is_flushed(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60)), bad = w;

	bad.sge[0].len = FWSIM_FRAME_MAX;
	bad.sge[0].addr = r->m.addr + r->m.size;
	w.unsignalled = true;
	e_post(&r->sq, &bad);
	for (unsigned int i = 0; i < 25; i++)
		e_post(&r->sq, &w);
	e_ring(&r->sq);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	for (unsigned int i = 0; i < 25; i++)
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ_ERR,
							IFC_CQE_SYND_WR_FLUSH)), 1 + i);
	d_expect_none(&r->sq.cq);
	e_send(&r->sq, &w); /* and what comes later */
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_WR_FLUSH);
	d_expect_none(&r->rq.cq);
}

static void without_flush_in_error_nothing_more_is_told(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60)), bad = w;
	struct e_sq sq = { .tisn = r->sq.tisn };
	struct d_in in;

	d_cq(&r->d1, &sq.cq, D_LOG_CQ);
	e_sq_in(&r->d1, &in, &sq);
	IFC_SET(create_sq_in, in.b, ctx.flush_in_error_en, 0);
	e_sq_make(&sq, &in);
	assert_int_equal(e_sq_move(&sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	bad.sge[0].key = 0;
	e_post(&sq, &bad);
	e_post(&sq, &w);
	e_ring(&sq);
	d_expect(&sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	d_expect_none(&sq.cq);
	assert_int_equal(e_sq_state(&sq), FWSIM_WQ_ERR);
}

static void a_queue_in_error_is_made_anew(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_wr w = e_pair_wr(r, len), bad = w;

	bad.sge[0].key = 0;
	e_send(&r->sq, &bad);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	e_pair_again(r);
	e_send(&r->sq, &w);
	e_pair_expect(r, len);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 0);
}

/* Spoil a good WQE in one way each. */
static void malformed_wqes_are_errors(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60), i;

	for (i = 0; i < 12; i++) {
		struct e_wr w = e_pair_wr(r, len);
		uint8_t wqe[1024];
		unsigned int n;

		w.hdr = r->m.p;
		w.hdr_len = 18;
		w.sge[0].addr += 18;
		w.sge[0].len -= 18;
		n = e_wqe(&r->sq, &w, wqe);
		switch (i) {
		case 0: /* no control segment */
			wqe[7] = 0;
			break;
		case 1: /* no Ethernet segment */
			wqe[7] = 1;
			break;
		case 2: /* of another queue */
			wqe[6] ^= 1;
			break;
		case 3: /* longer than what is posted */
			wqe[7] = 63;
			break;
		case 4: /* inline header longer than the WQE */
			ifc_st16(wqe + 28, 0x1000);
			break;
		case 5: /* a trailer */
			ifc_st16(wqe + 28, 0x4000);
			break;
		case 6: /* inline data longer than the WQE */
			ifc_st32(wqe + 48, 0x80000100);
			break;
		case 7:
			ifc_st32(wqe + 48, 0xffffffff);
			break;
		case 8: /* inner checksums */
			wqe[20] = 0x10;
			break;
		case 9: /* UMR */
			wqe[3] = 0x25;
			break;
		case 10: /* multi-packet */
			wqe[3] = 0x29;
			break;
		case 11:
			wqe[3] = IFC_WQE_RDMA_WRITE;
			break;
		}
		e_post_raw(&r->sq, wqe, n);
		e_ring(&r->sq);
		d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
		d_expect_none(&r->sq.cq);
		d_expect_none(&r->rq.cq);
		e_pair_again(r);
	}
}

static void frames_of_wrong_length_are_errors(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, 13);

	e_pair_frame(r, E_UDP4, 60);
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void expect_sq_event(struct e_pair *r)
{
	const uint8_t *e = d_eqe(&r->d1, &r->d1.async);

	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_WQ_CATAS_ERROR);
	assert_int_equal(e[0x34], 2);
	assert_int_equal(ifc_ld32(e + 0x38), r->sq.sqn);
	assert_null(d_eqe(&r->d1, &r->d1.async));
	assert_int_equal(e_sq_state(&r->sq), FWSIM_WQ_ERR);
}

static void a_ring_that_cannot_be_read_is_an_event(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));

	h_dma_fail(r->h, 1, r->sq.ring, 64);
	e_send(&r->sq, &w);
	expect_sq_event(r);
	d_expect_none(&r->sq.cq);
}

static void a_record_that_cannot_be_read_is_an_event(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));

	h_dma_fail(r->h, 1, r->sq.dbr, 8);
	e_send(&r->sq, &w);
	expect_sq_event(r);
}

static void a_cq_that_takes_nothing_is_an_event(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));
	const uint8_t *e;

	h_dma_fail(r->h, 1, r->sq.cq.addr, 64);
	e_send(&r->sq, &w);
	e = d_eqe(&r->d1, &r->d1.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_CQ_ERROR);
	expect_sq_event(r);
}

static void doorbells_that_mean_nothing_are_ignored(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));

	h_db_qp(r->h, 1, r->d1.uar, r->sq.sqn + 7, 0);
	assert_int_equal(e_sq_move(&r->sq, FWSIM_WQ_RDY, FWSIM_WQ_RST), IFC_ST_OK);
	e_send(&r->sq, &w);
	d_expect_none(&r->sq.cq);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "is in RST"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, e_pair_setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(refused_memory_is_an_error),
		T(what_is_posted_behind_an_error_is_flushed),
		T(without_flush_in_error_nothing_more_is_told),
		T(a_queue_in_error_is_made_anew),
		T(malformed_wqes_are_errors),
		T(frames_of_wrong_length_are_errors),
		T(a_ring_that_cannot_be_read_is_an_event),
		T(a_record_that_cannot_be_read_is_an_event),
		T(a_cq_that_takes_nothing_is_an_event),
		T(doorbells_that_mean_nothing_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
