// SPDX-License-Identifier: GPL-2.0-or-later
/* Segmentation: frames of a WQE with a maximal segment size. */
#include "eth_pair.h"

static struct e_wr lso(struct e_pair *r, enum e_kind kind, unsigned int payload, uint16_t mss,
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
	struct e_pair *r = *state;

	for (unsigned int kind = E_TCP4; kind <= E_TCP6; kind++) {
		uint8_t hdr[128];
		struct e_wr w = lso(r, (enum e_kind)kind, 3500, 1400, hdr);
		unsigned int l4 = kind == E_TCP4 ? 34 : 54, h = l4 + 20;

		hdr[l4 + 13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
		e_send(&r->sq, &w);
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int n = i < 2 ? 1400 : 700;
			const uint8_t *f = e_pair_expect(r, h + n);

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
	struct e_pair *r = *state;

	for (unsigned int kind = E_UDP4; kind <= E_UDP6; kind++) {
		uint8_t hdr[128];
		struct e_wr w = lso(r, (enum e_kind)kind, 1001, 500, hdr);
		unsigned int l4 = kind == E_UDP4 ? 34 : 54, h = l4 + 8;

		e_send(&r->sq, &w);
		for (unsigned int i = 0; i < 3; i++) {
			unsigned int n = i < 2 ? 500 : 1;
			const uint8_t *f = e_pair_expect(r, h + n);

			assert_true(e_sums_ok(f, h + n));
			assert_int_equal(ifc_ld16(f + l4 + 4), 8 + n);
			assert_memory_equal(f + h, r->m.p + 500 * i, n);
			e_fill(&r->rq, 1);
		}
	}
}

static void lso_inserts_a_tag_into_each_frame(void **state)
{
	struct e_pair *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_TCP4, 200, 100, hdr);

	memmove(hdr + 16, hdr + 12, 42); /* a driver without insertion does it itself */
	ifc_st32(hdr + 12, 0x81000007);
	w.hdr_len = 58;
	e_send(&r->sq, &w);
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *f = e_pair_expect(r, 158);

		assert_int_equal(ifc_ld32(f + 12), 0x81000007);
		assert_true(e_sums_ok(f, 158));
	}
}

static void lso_of_one_frame_or_no_payload(void **state)
{
	struct e_pair *r = *state;
	uint8_t hdr[128];
	struct e_wr w = lso(r, E_TCP4, 100, 100, hdr);

	e_send(&r->sq, &w);
	assert_true(e_sums_ok(e_pair_expect(r, 154), 154));
	w = lso(r, E_TCP4, 0, 100, hdr);
	w.n = 0;
	e_send(&r->sq, &w);
	assert_true(e_sums_ok(e_pair_expect(r, 54), 54));
	d_expect_none(&r->rq.cq);
}

static void lso_of_more_than_64k_counts_on_no_length_field(void **state)
{
	struct e_pair *r = *state;
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
	struct e_pair *r = *state;
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
		e_pair_again(r);
	}
}

static void more_work_than_a_budget_goes_on_later(void **state)
{
	struct e_pair *r = *state;
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

#define T(f) cmocka_unit_test_setup_teardown(f, e_pair_setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tcp_is_segmented),
		T(udp_is_segmented),
		T(lso_inserts_a_tag_into_each_frame),
		T(lso_of_one_frame_or_no_payload),
		T(lso_of_more_than_64k_counts_on_no_length_field),
		T(lso_that_cannot_be_done_is_an_error),
		T(more_work_than_a_budget_goes_on_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
