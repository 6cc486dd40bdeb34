// SPDX-License-Identifier: GPL-2.0-or-later
/* Send queues: what a WQE makes of memory, checksums, completions, the ring, stop and resume. */
#include "eth_pair.h"

#include <string.h>

/* ---- frames -------------------------------------------------------------------------------- */

static void a_frame_is_sent_and_completed(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 100);
	struct e_wr w = e_pair_wr(r, len);
	const uint8_t *cqe;

	e_send(&r->sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
	cqe = d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_QPN(cqe), r->sq.sqn);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_SEND);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_int_equal(D_CQE_BYTES(cqe), 0);
}

static void an_inline_header_comes_before_the_data(void **state)
{
	static const unsigned int lens[] = { 1, 2, 3, 14, 18, 19, 34, 54 };
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 200);

	for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct e_wr w = e_pair_wr(r, len - lens[i]);

		w.hdr = r->m.p;
		w.hdr_len = lens[i];
		w.sge[0].addr += lens[i];
		e_send(&r->sq, &w);
		assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
		d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	}
}

static void all_of_a_frame_may_be_inline(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 18);
	struct e_wr w = { .op = IFC_WQE_SEND, .hdr = r->m.p, .hdr_len = len };

	e_send(&r->sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
	w = (struct e_wr){ .op = IFC_WQE_SEND, .hdr = r->m.p, .hdr_len = 18,
			   .inl = r->m.p + 18, .inl_len = len - 18 };
	e_send(&r->sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
}

static void several_segments_are_gathered(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 1000);
	struct e_wr w = {
		.op = IFC_WQE_SEND,
		.hdr = r->m.p,
		.hdr_len = 14,
		.inl = r->m.p + 14,
		.inl_len = 7,
		.n = 4,
		.sge = { { r->m.addr + 21, 1, r->m.key }, { 0, 0, 0 },
			 { r->m.addr + 22, 500, r->m.key }, { r->m.addr + 522, len - 522, r->m.key } },
	};

	e_send(&r->sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
}

static void the_reserved_lkey_is_for_queues_that_have_it(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_sq sq = { .tisn = e_tis(&r->d1) };
	struct e_wr w = e_pair_wr(r, len);
	struct d_in in;

	w.sge[0].key = FWSIM_RESD_LKEY;
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	d_cq(&r->d1, &sq.cq, D_LOG_CQ);
	e_sq_in(&r->d1, &in, &sq);
	IFC_SET(create_sq_in, in.b, ctx.rlky, 1);
	e_sq_make(&sq, &in);
	assert_int_equal(e_sq_move(&sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	e_send(&sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
}

static void a_tag_is_inserted(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_wr w = e_pair_wr(r, len);
	const uint8_t *f;

	w.insert = 0x8000;
	w.tci = 0x6123;
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	f = e_pair_expect(r, len + 4);
	assert_memory_equal(f, r->m.p, 12);
	assert_int_equal(ifc_ld32(f + 12), 0x81006123);
	assert_int_equal(ifc_ld16(f + 16), 0x0800);
	assert_true(e_sums_ok(f, len + 4));
	assert_memory_equal(f + len + 4 - 60, r->m.p + len - 60, 60);
	w.insert = 0x8001;
	e_send(&r->sq, &w);
	assert_int_equal(ifc_ld32(e_pair_expect(r, len + 4) + 12), 0x88a86123);
}

static void the_longest_frame_goes_and_no_longer_one(void **state)
{
	struct e_pair *r = *state;
	struct d_mem big = d_mem(&r->d2, 16384);
	struct d_sge sge = { big.addr, 16384, big.key };
	struct e_wr w = e_pair_wr(r, FWSIM_FRAME_MAX);
	struct e_rq rq;

	e_rq(&r->d2, &rq);
	e_steer(&r->d2, e_tir(&r->d2, rq.rqn), 0);
	e_recv(&rq, 1, &sge);
	e_pair_frame(r, E_UDP4, FWSIM_FRAME_MAX - 42);
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_BYTES(d_expect(&rq.cq, IFC_CQE_RESP_SEND, 0)), FWSIM_FRAME_MAX);
	assert_memory_equal(big.p, r->m.p, FWSIM_FRAME_MAX);
	w.sge[0].len++;
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

/* ---- checksums ----------------------------------------------------------------------------- */

static void checksums_are_inserted(void **state)
{
	struct e_pair *r = *state;

	for (unsigned int kind = E_TCP4; kind <= E_UDP6; kind++) {
		for (unsigned int payload = 0; payload < 4; payload++) {
			unsigned int len = e_pair_frame(r, (enum e_kind)kind, 60 + payload);
			struct e_wr w = e_pair_wr(r, len);
			const uint8_t *f;

			memset(r->m.p + 14 + 20 + 16 + (kind == E_TCP6 ? 20 : 0), 0xaa,
			       kind == E_TCP4 || kind == E_TCP6 ? 2 : 0); /* it is not taken along */
			w.cs = E_CSUM;
			e_send(&r->sq, &w);
			f = e_pair_expect(r, len);
			assert_true(e_sums_ok(f, len));
			assert_memory_equal(f + len - 60, r->m.p + len - 60, 60);
			e_fill(&r->rq, 1);
		}
	}
}

static void no_checksum_is_touched_unasked(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 60);
	struct e_wr w = e_pair_wr(r, len);
	const uint8_t *f;

	e_send(&r->sq, &w);
	assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
	w.cs = E_L3;
	e_send(&r->sq, &w);
	f = e_pair_expect(r, len);
	assert_int_equal(e_sum(f + 14, 20), 0xffff);
	assert_int_equal(ifc_ld16(f + 50), 0);
	w.cs = E_L4;
	e_send(&r->sq, &w);
	f = e_pair_expect(r, len);
	assert_int_equal(ifc_ld16(f + 24), 0);
	assert_int_not_equal(ifc_ld16(f + 50), 0);
}

static void padding_is_not_part_of_the_checksum(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 3);
	struct e_wr w = e_pair_wr(r, 60);

	memset(r->m.p + len, 0x5a, 60 - len);
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	assert_true(e_sums_ok(e_pair_expect(r, 60), 60));
}

static void a_udp_checksum_of_zero_is_written_as_all_ones(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 2);
	struct e_wr w = e_pair_wr(r, len);
	uint32_t s;

	/* the two bytes of payload make up for all else */
	ifc_st16(r->m.p + 42, 0);
	s = (uint32_t)e_sum(r->m.p + 26, 16) + 17 + 10;
	ifc_st16(r->m.p + 42, (uint16_t)~((s & 0xffff) + (s >> 16)));
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	assert_int_equal(ifc_ld16(e_pair_expect(r, len) + 40), 0xffff);
}

static void a_lying_header_harms_nothing(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 100);
	struct e_wr w = e_pair_wr(r, len);

	w.cs = E_CSUM;
	ifc_st16(r->m.p + 16, 0xffff); /* longer than the frame */
	e_send(&r->sq, &w);
	e_pair_expect(r, len);
	ifc_st16(r->m.p + 16, 5); /* shorter than a header */
	e_send(&r->sq, &w);
	e_pair_expect(r, len);
	r->m.p[14] = 0x4f; /* options up to behind the end */
	w.sge[0].len = 50;
	e_send(&r->sq, &w);
	e_pair_expect(r, 50);
	r->m.p[14] = 0x41;
	e_send(&r->sq, &w);
	e_pair_expect(r, 50);
	assert_int_equal(e_sq_state(&r->sq), FWSIM_WQ_RDY);
}

/* ---- the ring ------------------------------------------------------------------------------ */

static void only_signalled_wqes_are_completed(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_wr w = e_pair_wr(r, len);

	w.unsignalled = true;
	e_post(&r->sq, &w);
	e_post(&r->sq, &w);
	w.unsignalled = false;
	e_send(&r->sq, &w);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 2);
	d_expect_none(&r->sq.cq);
	for (unsigned int i = 0; i < 3; i++)
		e_pair_expect(r, len);
}

static void a_nop_does_nothing_but_complete(void **state)
{
	struct e_pair *r = *state;
	struct e_sq ico = { 0 }; /* without TIS */
	struct e_wr w = { .op = IFC_WQE_NOP };
	struct d_in in;
	const uint8_t *cqe;

	d_cq(&r->d1, &ico.cq, D_LOG_CQ);
	e_sq_in(&r->d1, &in, &ico);
	e_sq_make(&ico, &in);
	assert_int_equal(e_sq_move(&ico, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	w.unsignalled = true;
	e_send(&ico, &w);
	d_expect_none(&ico.cq);
	w.unsignalled = false;
	e_send(&ico, &w);
	cqe = d_expect(&ico.cq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_NOP);
	assert_int_equal(D_CQE_COUNTER(cqe), 1);
	w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));
	e_send(&ico, &w); /* and there is no way out of it for a frame */
	d_expect(&ico.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	d_expect_none(&r->rq.cq);
}

static void wqes_wrap_around_the_end_of_the_ring(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 100);
	struct e_wr w = e_pair_wr(r, len - 100);

	w.hdr = r->m.p; /* 3 units each, of 32 */
	w.hdr_len = 100;
	w.sge[0].addr += 100;
	for (unsigned int i = 0; i < 40; i++) {
		e_send(&r->sq, &w);
		assert_memory_equal(e_pair_expect(r, len), r->m.p, len);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 3 * i);
		e_fill(&r->rq, 1);
	}
}

static void more_than_one_read_of_the_ring(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 1);
	struct e_wr nop = { .op = IFC_WQE_NOP, .unsignalled = true }, w = e_pair_wr(r, len);

	for (unsigned int i = 0; i < 30; i++)
		e_post(&r->sq, &nop);
	e_ring(&r->sq);
	for (unsigned int i = 0; i < 31; i++)
		e_post(&r->sq, &nop);
	e_send(&r->sq, &w);
	e_pair_expect(r, len);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 61);
}

static void queues_take_turns(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20), first = 0;
	struct e_wr w = e_pair_wr(r, len);
	struct e_sq other;

	e_sq(&r->d1, &other);
	for (unsigned int i = 0; i < 8; i++)
		e_post(&r->sq, &w);
	e_post(&other, &w);
	r->h->fw->running = true; /* both are on the list before either runs */
	e_ring(&r->sq);
	e_ring(&other);
	r->h->fw->running = false;
	fwsim_kick(r->h->fw);
	for (unsigned int i = 0; i < 9; i++)
		e_pair_expect(r, len);
	while (d_cqe(&r->sq.cq))
		first++;
	assert_int_equal(first, 8);
	d_expect(&other.cq, IFC_CQE_REQ, 0);
}

/* ---- stop and resume ----------------------------------------------------------------------- */

static void a_stopped_initiator_sends_nothing_until_resume(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_wr w = e_pair_wr(r, len);

	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	e_send(&r->sq, &w);
	d_expect_none(&r->sq.cq);
	d_expect_none(&r->rq.cq);
	d_set_mig(r->d1.v, FWSIM_MIG_STOPPED);
	e_send(&r->sq, &w);
	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_expect_none(&r->rq.cq);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	e_pair_expect(r, len);
	e_pair_expect(r, len);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
}

static void resume_needs_no_doorbell(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 60);
	struct e_wr w = e_pair_wr(r, len);

	d_set_mig(r->d1.v, FWSIM_MIG_STOPPED);
	e_post(&r->sq, &w);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	e_pair_expect(r, len);
}

static void a_destroyed_queue_is_off_the_list(void **state)
{
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, e_pair_frame(r, E_UDP4, 60));

	r->h->fw->running = true;
	e_send(&r->sq, &w);
	r->h->fw->running = false;
	fwsim_bar_run(r->h->fw);
	assert_non_null(r->h->fw->sq_head);
	fwsim_obj_destroy(r->d1.v, FWSIM_OBJ_SQ,
			  fwsim_table_get(&r->d1.v->obj[FWSIM_OBJ_SQ], r->sq.sqn));
	assert_null(r->h->fw->sq_head);
	assert_null(r->h->fw->sq_tail);
	fwsim_kick(r->h->fw);
	d_expect_none(&r->rq.cq);
}

#define T(f) cmocka_unit_test_setup_teardown(f, e_pair_setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_frame_is_sent_and_completed),
		T(an_inline_header_comes_before_the_data),
		T(all_of_a_frame_may_be_inline),
		T(several_segments_are_gathered),
		T(the_reserved_lkey_is_for_queues_that_have_it),
		T(a_tag_is_inserted),
		T(the_longest_frame_goes_and_no_longer_one),
		T(checksums_are_inserted),
		T(no_checksum_is_touched_unasked),
		T(padding_is_not_part_of_the_checksum),
		T(a_udp_checksum_of_zero_is_written_as_all_ones),
		T(a_lying_header_harms_nothing),
		T(only_signalled_wqes_are_completed),
		T(a_nop_does_nothing_but_complete),
		T(wqes_wrap_around_the_end_of_the_ring),
		T(more_than_one_read_of_the_ring),
		T(queues_take_turns),
		T(a_stopped_initiator_sends_nothing_until_resume),
		T(resume_needs_no_doorbell),
		T(a_destroyed_queue_is_off_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
