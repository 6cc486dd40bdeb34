// SPDX-License-Identifier: GPL-2.0-or-later
/* Send queues: what a WQE makes of memory, completions, errors, stop and resume. */
#include "eth_rig.h"

#include <string.h>

/* a on VF 0 (function 1) sends, b on VF 1 receives. */
struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct e_sq sq;
	struct e_rq rq;
	struct d_mem m;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	e_sq(&r->d1, &r->sq);
	e_rq(&r->d2, &r->rq);
	e_fill(&r->rq, 1u << E_LOG_RQ);
	e_steer(&r->d2, e_tir(&r->d2, r->rq.rqn), 0);
	r->m = d_mem(&r->d1, 1u << 18);
	for (uint32_t i = 0; i < r->m.size; i++)
		r->m.p[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

/* A frame of @kind in memory, with @payload bytes; its length. */
static unsigned int frame(struct rig *r, enum e_kind kind, unsigned int payload)
{
	return e_headers(r->m.p, kind, &r->d1, &r->d2, payload) + payload;
}

static struct e_wr wr(struct rig *r, unsigned int len)
{
	return (struct e_wr){
		.op = IFC_WQE_SEND, .n = 1, .sge = { { r->m.addr, len, r->m.key } },
	};
}

/* The next frame that has come is @len bytes; returns it. */
static const uint8_t *expect_frame(struct rig *r, unsigned int len)
{
	const uint8_t *cqe = d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(D_CQE_BYTES(cqe), len);
	return e_buf(&r->rq, D_CQE_COUNTER(cqe));
}

/* Out of ERR, and as new. */
static void again(struct rig *r)
{
	assert_int_equal(e_sq_move(&r->sq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	r->sq.pi = 0;
	ifc_st32((uint8_t *)h_mem(r->h, 1, r->sq.dbr) + 4, 0);
	assert_int_equal(e_sq_move(&r->sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void a_frame_is_sent_and_completed(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 100);
	struct e_wr w = wr(r, len);
	const uint8_t *cqe;

	e_send(&r->sq, &w);
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
	cqe = d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_QPN(cqe), r->sq.sqn);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_SEND);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_int_equal(D_CQE_BYTES(cqe), 0);
}

static void an_inline_header_comes_before_the_data(void **state)
{
	static const unsigned int lens[] = { 1, 2, 3, 14, 18, 19, 34, 54 };
	struct rig *r = *state;
	unsigned int len = frame(r, E_TCP4, 200);

	for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct e_wr w = wr(r, len - lens[i]);

		w.hdr = r->m.p;
		w.hdr_len = lens[i];
		w.sge[0].addr += lens[i];
		e_send(&r->sq, &w);
		assert_memory_equal(expect_frame(r, len), r->m.p, len);
		d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	}
}

static void all_of_a_frame_may_be_inline(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 18);
	struct e_wr w = { .op = IFC_WQE_SEND, .hdr = r->m.p, .hdr_len = len };

	e_send(&r->sq, &w);
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
	w = (struct e_wr){ .op = IFC_WQE_SEND, .hdr = r->m.p, .hdr_len = 18,
			   .inl = r->m.p + 18, .inl_len = len - 18 };
	e_send(&r->sq, &w);
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
}

static void several_segments_are_gathered(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 1000);
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
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
}

static void the_reserved_lkey_is_for_queues_that_have_it(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_sq sq = { .tisn = e_tis(&r->d1) };
	struct e_wr w = wr(r, len);
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
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
}

static void a_tag_is_inserted(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_wr w = wr(r, len);
	const uint8_t *f;

	w.insert = 0x8000;
	w.tci = 0x6123;
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	f = expect_frame(r, len + 4);
	assert_memory_equal(f, r->m.p, 12);
	assert_int_equal(ifc_ld32(f + 12), 0x81006123);
	assert_int_equal(ifc_ld16(f + 16), 0x0800);
	assert_true(e_sums_ok(f, len + 4));
	assert_memory_equal(f + len + 4 - 60, r->m.p + len - 60, 60);
	w.insert = 0x8001;
	e_send(&r->sq, &w);
	assert_int_equal(ifc_ld32(expect_frame(r, len + 4) + 12), 0x88a86123);
}

static void the_longest_frame_goes_and_no_longer_one(void **state)
{
	struct rig *r = *state;
	struct d_mem big = d_mem(&r->d2, 16384);
	struct d_sge sge = { big.addr, 16384, big.key };
	struct e_wr w = wr(r, FWSIM_FRAME_MAX);
	struct e_rq rq;

	e_rq(&r->d2, &rq);
	e_steer(&r->d2, e_tir(&r->d2, rq.rqn), 0);
	e_recv(&rq, 1, &sge);
	frame(r, E_UDP4, FWSIM_FRAME_MAX - 42);
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
	struct rig *r = *state;

	for (unsigned int kind = E_TCP4; kind <= E_UDP6; kind++) {
		for (unsigned int payload = 0; payload < 4; payload++) {
			unsigned int len = frame(r, (enum e_kind)kind, 60 + payload);
			struct e_wr w = wr(r, len);
			const uint8_t *f;

			memset(r->m.p + 14 + 20 + 16 + (kind == E_TCP6 ? 20 : 0), 0xaa,
			       kind == E_TCP4 || kind == E_TCP6 ? 2 : 0); /* it is not taken along */
			w.cs = E_CSUM;
			e_send(&r->sq, &w);
			f = expect_frame(r, len);
			assert_true(e_sums_ok(f, len));
			assert_memory_equal(f + len - 60, r->m.p + len - 60, 60);
			e_fill(&r->rq, 1);
		}
	}
}

static void no_checksum_is_touched_unasked(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_TCP4, 60);
	struct e_wr w = wr(r, len);
	const uint8_t *f;

	e_send(&r->sq, &w);
	assert_memory_equal(expect_frame(r, len), r->m.p, len);
	w.cs = E_L3;
	e_send(&r->sq, &w);
	f = expect_frame(r, len);
	assert_int_equal(e_sum(f + 14, 20), 0xffff);
	assert_int_equal(ifc_ld16(f + 50), 0);
	w.cs = E_L4;
	e_send(&r->sq, &w);
	f = expect_frame(r, len);
	assert_int_equal(ifc_ld16(f + 24), 0);
	assert_int_not_equal(ifc_ld16(f + 50), 0);
}

static void padding_is_not_part_of_the_checksum(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 3);
	struct e_wr w = wr(r, 60);

	memset(r->m.p + len, 0x5a, 60 - len);
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	assert_true(e_sums_ok(expect_frame(r, 60), 60));
}

static void a_udp_checksum_of_zero_is_written_as_all_ones(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 2);
	struct e_wr w = wr(r, len);
	uint32_t s;

	/* the two bytes of payload make up for all else */
	ifc_st16(r->m.p + 42, 0);
	s = (uint32_t)e_sum(r->m.p + 26, 16) + 17 + 10;
	ifc_st16(r->m.p + 42, (uint16_t)~((s & 0xffff) + (s >> 16)));
	w.cs = E_CSUM;
	e_send(&r->sq, &w);
	assert_int_equal(ifc_ld16(expect_frame(r, len) + 40), 0xffff);
}

static void a_lying_header_harms_nothing(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_TCP4, 100);
	struct e_wr w = wr(r, len);

	w.cs = E_CSUM;
	ifc_st16(r->m.p + 16, 0xffff); /* longer than the frame */
	e_send(&r->sq, &w);
	expect_frame(r, len);
	ifc_st16(r->m.p + 16, 5); /* shorter than a header */
	e_send(&r->sq, &w);
	expect_frame(r, len);
	r->m.p[14] = 0x4f; /* options up to behind the end */
	w.sge[0].len = 50;
	e_send(&r->sq, &w);
	expect_frame(r, 50);
	r->m.p[14] = 0x41;
	e_send(&r->sq, &w);
	expect_frame(r, 50);
	assert_int_equal(e_sq_state(&r->sq), FWSIM_WQ_RDY);
}

/* ---- segmentation -------------------------------------------------------------------------- */

static struct e_wr lso(struct rig *r, enum e_kind kind, unsigned int payload, uint16_t mss,
		       uint8_t hdr[128])
{
	unsigned int hdr_len = e_headers(hdr, kind, &r->d1, &r->d2, payload);

	return (struct e_wr){
		.op = IFC_WQE_LSO, .cs = E_CSUM, .mss = mss, .hdr = hdr, .hdr_len = hdr_len,
		.n = 1, .sge = { { r->m.addr, payload, r->m.key } },
	};
}

static void tcp_is_segmented(void **state)
{
	struct rig *r = *state;

	for (unsigned int kind = E_TCP4; kind <= E_TCP6; kind++) {
		uint8_t hdr[128];
		struct e_wr w = lso(r, (enum e_kind)kind, 3500, 1400, hdr);
		unsigned int l4 = kind == E_TCP4 ? 34 : 54, h = l4 + 20;

		hdr[l4 + 13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
		e_send(&r->sq, &w);
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int n = i < 2 ? 1400 : 700;
			const uint8_t *f = expect_frame(r, h + n);

			assert_true(e_sums_ok(f, h + n));
			assert_memory_equal(f + h, r->m.p + 1400 * i, n);
			assert_int_equal(ifc_ld32(f + l4 + 4), 0xfffffff0u + 1400 * i);
			assert_int_equal(f[l4 + 13], i == 0 ? 0x90 : i == 1 ? 0x10 : 0x19);
			if (kind == E_TCP4)
				assert_int_equal(ifc_ld16(f + 18), 0x1233 + i);
			e_fill(&r->rq, 1);
		}
		d_expect_none(&r->rq.cq);
		assert_int_equal(D_CQE_WQE_OP(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), IFC_WQE_LSO);
		d_expect_none(&r->sq.cq);
	}
}

static void udp_is_segmented(void **state)
{
	struct rig *r = *state;

	for (unsigned int kind = E_UDP4; kind <= E_UDP6; kind++) {
		uint8_t hdr[128];
		struct e_wr w = lso(r, (enum e_kind)kind, 1001, 500, hdr);
		unsigned int l4 = kind == E_UDP4 ? 34 : 54, h = l4 + 8;

		e_send(&r->sq, &w);
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int n = i < 2 ? 500 : 1;
			const uint8_t *f = expect_frame(r, h + n);

			assert_true(e_sums_ok(f, h + n));
			assert_int_equal(ifc_ld16(f + l4 + 4), 8 + n);
			assert_memory_equal(f + h, r->m.p + 500 * i, n);
			e_fill(&r->rq, 1);
		}
	}
}

static void lso_inserts_a_tag_into_each_frame(void **state)
{
	struct rig *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_TCP4, 200, 100, hdr);

	memmove(hdr + 16, hdr + 12, 42); /* a driver without insertion does it itself */
	ifc_st32(hdr + 12, 0x81000007);
	w.hdr_len = 58;
	e_send(&r->sq, &w);
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *f = expect_frame(r, 158);

		assert_int_equal(ifc_ld32(f + 12), 0x81000007);
		assert_true(e_sums_ok(f, 158));
	}
}

static void lso_of_one_frame_or_no_payload(void **state)
{
	struct rig *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_TCP4, 100, 100, hdr);

	e_send(&r->sq, &w);
	assert_true(e_sums_ok(expect_frame(r, 154), 154));
	w = lso(r, E_TCP4, 0, 100, hdr);
	w.n = 0;
	e_send(&r->sq, &w);
	assert_true(e_sums_ok(expect_frame(r, 54), 54));
	d_expect_none(&r->rq.cq);
}

static void lso_of_more_than_64k_counts_on_no_length_field(void **state)
{
	struct rig *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_TCP4, 100000, 8000, hdr);
	struct d_mem big = d_mem(&r->d2, 1u << 14);
	struct e_rq rq;

	e_rq(&r->d2, &rq);
	e_steer(&r->d2, e_tir(&r->d2, rq.rqn), 0);
	for (unsigned int i = 0; i < 13; i++)
		e_recv(&rq, 1, &(struct d_sge){ big.addr, big.size, big.key });
	ifc_st16(hdr + 16, 0);
	e_send(&r->sq, &w);
	for (unsigned int i = 0; i < 12; i++)
		assert_int_equal(D_CQE_BYTES(d_expect(&rq.cq, IFC_CQE_RESP_SEND, 0)), 8054);
	assert_int_equal(D_CQE_BYTES(d_expect(&rq.cq, IFC_CQE_RESP_SEND, 0)), 4054);
	assert_true(e_sums_ok(big.p, 4054));
	assert_memory_equal(big.p + 54, r->m.p + 96000, 4000);
}

static void lso_that_cannot_be_done_is_an_error(void **state)
{
	struct rig *r = *state;
	uint8_t hdr[128];
	struct e_wr w[7];

	for (unsigned int i = 0; i < 7; i++)
		w[i] = lso(r, E_TCP4, 1000, 100, hdr);
	w[0].mss = 0;
	w[1].hdr_len = 53; /* not the whole header */
	w[2].hdr_len = 13;
	w[3].hdr_len = 0;
	w[4].mss = 1;
	w[4].sge[0].len = 100000;
	w[5].mss = 10000;
	w[6].n = 2;
	w[6].sge[0].len = 1u << 18;
	w[6].sge[1] = (struct d_sge){ r->m.addr, 1, r->m.key };
	w[6].mss = 9000;
	for (unsigned int i = 0; i < 7; i++) {
		e_send(&r->sq, &w[i]);
		d_expect(&r->sq.cq, IFC_CQE_REQ_ERR,
			 i < 5 ? IFC_CQE_SYND_LOCAL_QP_OP : IFC_CQE_SYND_LOCAL_LENGTH);
		d_expect_none(&r->rq.cq);
		again(r);
	}
}

/* ---- the ring ------------------------------------------------------------------------------ */

static void only_signalled_wqes_are_completed(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_wr w = wr(r, len);

	w.unsignalled = true;
	e_post(&r->sq, &w);
	e_post(&r->sq, &w);
	w.unsignalled = false;
	e_send(&r->sq, &w);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 2);
	d_expect_none(&r->sq.cq);
	for (unsigned int i = 0; i < 3; i++)
		expect_frame(r, len);
}

static void a_nop_does_nothing_but_complete(void **state)
{
	struct rig *r = *state;
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
	w = wr(r, frame(r, E_UDP4, 60));
	e_send(&ico, &w); /* and there is no way out of it for a frame */
	d_expect(&ico.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	d_expect_none(&r->rq.cq);
}

static void wqes_wrap_around_the_end_of_the_ring(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_TCP4, 100);
	struct e_wr w = wr(r, len - 100);

	w.hdr = r->m.p; /* 3 units each, of 32 */
	w.hdr_len = 100;
	w.sge[0].addr += 100;
	for (unsigned int i = 0; i < 40; i++) {
		e_send(&r->sq, &w);
		assert_memory_equal(expect_frame(r, len), r->m.p, len);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 3 * i);
		e_fill(&r->rq, 1);
	}
}

static void more_than_one_read_of_the_ring(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 1);
	struct e_wr nop = { .op = IFC_WQE_NOP, .unsignalled = true }, w = wr(r, len);

	for (unsigned int i = 0; i < 30; i++)
		e_post(&r->sq, &nop);
	e_ring(&r->sq);
	for (unsigned int i = 0; i < 31; i++)
		e_post(&r->sq, &nop);
	e_send(&r->sq, &w);
	expect_frame(r, len);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 61);
}

static void queues_take_turns(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 20), first = 0;
	struct e_wr w = wr(r, len);
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
		expect_frame(r, len);
	while (d_cqe(&r->sq.cq))
		first++;
	assert_int_equal(first, 8);
	d_expect(&other.cq, IFC_CQE_REQ, 0);
}

static void more_work_than_a_budget_goes_on_later(void **state)
{
	struct rig *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_UDP4, 4000, 1, hdr);

	/* no one can take so many frames; the queue does not care */
	for (unsigned int i = 0; i < 10; i++)
		e_post(&r->sq, &w);
	e_ring(&r->sq);
	h_settle(r->h);
	for (unsigned int i = 0; i < 10; i++)
		d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void refused_memory_is_an_error(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));
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
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60)), bad = w;

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
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60)), bad = w;
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
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_wr w = wr(r, len), bad = w;

	bad.sge[0].key = 0;
	e_send(&r->sq, &bad);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	again(r);
	e_send(&r->sq, &w);
	expect_frame(r, len);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 0);
}

/* Spoil a good WQE in one way each. */
static void malformed_wqes_are_errors(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60), i;

	for (i = 0; i < 12; i++) {
		struct e_wr w = wr(r, len);
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
		again(r);
	}
}

static void frames_of_wrong_length_are_errors(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, 13);

	frame(r, E_UDP4, 60);
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void expect_sq_event(struct rig *r)
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
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));

	h_dma_fail(r->h, 1, r->sq.ring, 64);
	e_send(&r->sq, &w);
	expect_sq_event(r);
	d_expect_none(&r->sq.cq);
}

static void a_record_that_cannot_be_read_is_an_event(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));

	h_dma_fail(r->h, 1, r->sq.dbr, 8);
	e_send(&r->sq, &w);
	expect_sq_event(r);
}

static void a_cq_that_takes_nothing_is_an_event(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));
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
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));

	h_db_qp(r->h, 1, r->d1.uar, r->sq.sqn + 7, 0);
	assert_int_equal(e_sq_move(&r->sq, FWSIM_WQ_RDY, FWSIM_WQ_RST), IFC_ST_OK);
	e_send(&r->sq, &w);
	d_expect_none(&r->sq.cq);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "is in RST"));
}

/* ---- stop and resume ----------------------------------------------------------------------- */

static void a_stopped_initiator_sends_nothing_until_resume(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_wr w = wr(r, len);

	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	e_send(&r->sq, &w);
	d_expect_none(&r->sq.cq);
	d_expect_none(&r->rq.cq);
	d_set_mig(r->d1.v, FWSIM_MIG_STOPPED);
	e_send(&r->sq, &w);
	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_expect_none(&r->rq.cq);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	expect_frame(r, len);
	expect_frame(r, len);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
}

static void resume_needs_no_doorbell(void **state)
{
	struct rig *r = *state;
	unsigned int len = frame(r, E_UDP4, 60);
	struct e_wr w = wr(r, len);

	d_set_mig(r->d1.v, FWSIM_MIG_STOPPED);
	e_post(&r->sq, &w);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	expect_frame(r, len);
}

static void a_destroyed_queue_is_off_the_list(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, frame(r, E_UDP4, 60));

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
		T(tcp_is_segmented),
		T(udp_is_segmented),
		T(lso_inserts_a_tag_into_each_frame),
		T(lso_of_one_frame_or_no_payload),
		T(lso_of_more_than_64k_counts_on_no_length_field),
		T(lso_that_cannot_be_done_is_an_error),
		T(only_signalled_wqes_are_completed),
		T(a_nop_does_nothing_but_complete),
		T(wqes_wrap_around_the_end_of_the_ring),
		T(more_than_one_read_of_the_ring),
		T(queues_take_turns),
		T(more_work_than_a_budget_goes_on_later),
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
		T(a_stopped_initiator_sends_nothing_until_resume),
		T(resume_needs_no_doorbell),
		T(a_destroyed_queue_is_off_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
