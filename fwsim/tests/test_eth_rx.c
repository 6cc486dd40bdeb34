// SPDX-License-Identifier: GPL-2.0-or-later
/* Receive queues: where frames go, what their completions say, errors, stop and resume. */
#include "eth_pair.h"

#include <string.h>

#define CQE_CSUM(cqe) ifc_ld16((cqe) + 20)
#define CQE_OK(cqe) ((cqe)[28])
#define CQE_TYPES(cqe) ((cqe)[29])
#define CQE_TCI(cqe) ifc_ld16((cqe) + 30)
#define CQE_HASH(cqe) ifc_ld32((cqe) + 12)
#define CQE_HASH_TYPE(cqe) ((cqe)[16])

static int setup(void **state)
{
	struct e_pair *r = calloc(1, sizeof(*r));

	e_pair_open(r, 1u << 14, 0xabcdef);
	*state = r;
	return 0;
}

/* Send @len bytes of m as they are, or with checksums. */
static void send_cs(struct e_pair *r, unsigned int len, uint8_t cs)
{
	struct e_wr w = {
		.op = IFC_WQE_SEND, .cs = cs, .n = 1, .sge = { { r->m.addr, len, r->m.key } },
	};

	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
}

static void send_len(struct e_pair *r, unsigned int len)
{
	send_cs(r, len, 0);
}

static const uint8_t *expect(struct e_pair *r, unsigned int len)
{
	const uint8_t *cqe = d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(D_CQE_BYTES(cqe), len);
	return cqe;
}

static uint16_t not0(uint16_t sum)
{
	return sum ? sum : 0xffff;
}

/* ---- completions --------------------------------------------------------------------------- */

static void a_frame_is_received_and_completed(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 100);
	const uint8_t *cqe;

	e_fill(&r->rq, 2);
	send_len(r, len);
	cqe = expect(r, len);
	assert_memory_equal(e_buf(&r->rq, 0), r->m.p, len);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_int_equal(D_CQE_QPN(cqe), 0xabcdef); /* the flow tag */
	assert_int_equal(cqe[56], 0);
	assert_int_equal(ifc_ld32(cqe + 36), 0); /* ft_metadata */
	assert_int_equal(cqe[32], 0);		 /* LRO segments */
	send_len(r, len);
	assert_int_equal(D_CQE_COUNTER(expect(r, len)), 1);
	d_expect_none(&r->rq.cq);
}

static void the_sum_covers_all_behind_the_ethernet_header(void **state)
{
	struct e_pair *r = *state;
	uint8_t cs = E_CSUM;

	e_fill(&r->rq, 1u << E_LOG_RQ);
	for (unsigned int n = 0; n < 8; n++) {
		unsigned int len = e_pair_frame(r, (enum e_kind)(n & 3), 60 + n);
		const uint8_t *cqe;

		send_cs(r, len, cs);
		cqe = expect(r, len);
		assert_int_equal(not0(CQE_CSUM(cqe)), not0(e_sum(e_buf(&r->rq, (uint16_t)n) + 14,
								  len - 14)));
		assert_int_equal(CQE_OK(cqe), 0x7);
	}
}

static void the_sum_of_padding_at_an_odd_place(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 3) + 5;

	e_fill(&r->rq, 1);
	send_cs(r, len, E_CSUM);
	assert_int_equal(not0(CQE_CSUM(expect(r, len))),
			 not0(e_sum(e_buf(&r->rq, 0) + 14, len - 14)));
}

static void wrong_checksums_are_not_said_to_be_right(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 100);
	const uint8_t *cqe;

	e_fill(&r->rq, 4);
	send_cs(r, len, E_L3);
	assert_int_equal(CQE_OK(expect(r, len)), 0x3);
	send_cs(r, len, E_L4);
	assert_int_equal(CQE_OK(expect(r, len)), 0x5);
	len = e_pair_frame(r, E_UDP4, 100); /* without a checksum there is nothing to be right */
	send_cs(r, len, E_L3);
	assert_int_equal(CQE_OK(expect(r, len)), 0x3);
	memset(r->m.p + 12, 0, 2); /* not IP */
	send_cs(r, len, E_CSUM);
	cqe = expect(r, len);
	assert_int_equal(CQE_OK(cqe), 0x1);
	assert_int_equal(CQE_TYPES(cqe), 0);
	assert_int_equal(not0(CQE_CSUM(cqe)), not0(e_sum(r->m.p + 14, len - 14)));
}

static void the_kinds_of_headers_are_told(void **state)
{
	struct e_pair *r = *state;

	e_fill(&r->rq, 6);
	send_len(r, e_pair_frame(r, E_UDP4, 10));
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 2u << 2 | 2u << 4);
	send_len(r, e_pair_frame(r, E_UDP6, 10));
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 1u << 2 | 2u << 4);
	send_len(r, e_pair_frame(r, E_TCP4, 10));
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 2u << 2 | 4u << 4);
	send_len(r, e_pair_frame(r, E_TCP6, 0));
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 1u << 2 | 3u << 4);
	e_pair_frame(r, E_TCP4, 10);
	r->m.p[47] = 2; /* SYN */
	send_len(r, 64);
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 2u << 2 | 1u << 4);
	e_pair_frame(r, E_TCP4, 10);
	r->m.p[20] = 0x20; /* a fragment */
	send_len(r, 64);
	assert_int_equal(CQE_TYPES(d_cqe(&r->rq.cq)), 2u << 2);
}

static void a_tag_stays_with_vsd_and_goes_without(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_TCP4, 101);
	const uint8_t *cqe, *b;

	e_fill(&r->rq, 3);
	memmove(r->m.p + 16, r->m.p + 12, len - 12);
	ifc_st32(r->m.p + 12, 0x8100a0c8);
	send_cs(r, len + 4, E_CSUM);
	cqe = expect(r, len + 4);
	assert_int_equal(CQE_TYPES(cqe) & 1, 0);
	assert_int_equal(not0(CQE_CSUM(cqe)), not0(e_sum(e_buf(&r->rq, 0) + 14, len - 10)));
	((struct fwsim_rq *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_RQ], r->rq.rqn))->vsd = false;
	send_cs(r, len + 4, E_CSUM);
	cqe = expect(r, len);
	b = e_buf(&r->rq, 1);
	assert_int_equal(CQE_TYPES(cqe) & 1, 1);
	assert_int_equal(CQE_TCI(cqe), 0xa0c8);
	assert_int_equal(CQE_OK(cqe), 0x7);
	assert_memory_equal(b, r->m.p, 12);
	assert_memory_equal(b + 54, r->m.p + 58, len - 54);
	assert_int_equal(ifc_ld16(b + 12), 0x0800);
	assert_int_equal(not0(CQE_CSUM(cqe)), not0(e_sum(b + 14, len - 14)));
	ifc_st16(r->m.p + 12, 0x88a8); /* a tag of the provider's stays */
	send_len(r, len + 4);
	assert_int_equal(CQE_TYPES(expect(r, len + 4)) & 1, 0);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static void a_frame_is_scattered_over_segments(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 600);
	struct d_mem *m = &r->rq.mem;
	struct d_sge sge[] = { { m->addr + 10, 100 | 0x80000000u, m->key }, /* start padding */
			       { m->addr + 1000, 1, m->key },
			       { m->addr + 5000, 2000, m->key } };

	e_recv(&r->rq, 3, sge);
	send_len(r, len);
	expect(r, len);
	assert_memory_equal(m->p + 10, r->m.p, 100);
	assert_int_equal(m->p[1000], r->m.p[100]);
	assert_memory_equal(m->p + 5000, r->m.p + 101, len - 101);
	assert_int_equal(m->p[110], 0);
	assert_int_equal(m->p[1001], 0);
}

static void a_list_without_terminator_ends_with_the_wqe(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 58); /* 100 */
	struct d_mem *m = &r->rq.mem;
	struct d_sge sge[4];

	for (unsigned int i = 0; i < 4; i++)
		sge[i] = (struct d_sge){ m->addr + 100 * i, 25, m->key };
	e_recv(&r->rq, 4, sge);
	send_len(r, len);
	expect(r, len);
	for (unsigned int i = 0; i < 4; i++)
		assert_memory_equal(m->p + 100 * i, r->m.p + 25 * i, 25);
}

static void a_frame_too_long_is_dropped_and_the_wqe_stays(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 200);

	e_recv(&r->rq, 1, &(struct d_sge){ r->rq.mem.addr, len - 1, r->rq.mem.key });
	send_len(r, len);
	d_expect_none(&r->rq.cq);
	send_len(r, len - 1);
	assert_int_equal(D_CQE_COUNTER(expect(r, len - 1)), 0);
}

static void without_a_wqe_the_frame_is_counted_and_gone(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);
	uint8_t out[16];
	struct fwsim_q_counter *c;
	struct d_in in;
	struct e_rq rq = { 0 };

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_ALLOC_Q_COUNTER, 0, out, sizeof(out)), IFC_ST_OK);
	d_cq(&r->d2, &rq.cq, D_LOG_CQ);
	e_rq_in(&r->d2, &in, &rq);
	IFC_SET(create_rq_in, in.b, ctx.counter_set_id, ifc_ld32(out + 8) & 0xff);
	e_rq_make(&rq, &in);
	assert_int_equal(e_rq_move(&rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	e_steer(&r->d2, e_tir(&r->d2, rq.rqn), 0);
	c = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_Q_COUNTER], ifc_ld32(out + 8) & 0xff);
	send_len(r, len);
	send_len(r, len);
	assert_int_equal(c->out_of_buffer, 2);
	e_fill(&rq, 1); /* no doorbell is needed */
	send_len(r, len);
	send_len(r, len);
	assert_int_equal(c->out_of_buffer, 3);
	d_expect(&rq.cq, IFC_CQE_RESP_SEND, 0);
	d_expect_none(&rq.cq);
	assert_int_equal(e_rq_state(&rq), FWSIM_WQ_RDY);
}

static void wqes_wrap_around(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);

	for (unsigned int i = 0; i < 50; i++) {
		e_fill(&r->rq, 1);
		send_len(r, len);
		assert_int_equal(D_CQE_COUNTER(expect(r, len)), i);
	}
}

/* ---- choice of the queue ------------------------------------------------------------------- */

static void rss_spreads_over_the_table(void **state)
{
	struct e_pair *r = *state;
	struct e_rq rq[4];
	uint32_t rqn[4];
	unsigned int hit = 0;

	for (unsigned int i = 0; i < 4; i++) {
		e_rq(&r->d2, &rq[i]);
		e_fill(&rq[i], 16);
		rqn[i] = rq[i].rqn;
	}
	e_steer(&r->d2, e_tir_rss(&r->d2, e_rqt(&r->d2, 4, rqn), 0xf), 0);
	for (unsigned int n = 0; n < 16; n++) {
		unsigned int len = e_pair_frame(r, E_TCP4, 20);
		const uint8_t *cqe = NULL;

		ifc_st16(r->m.p + 34, (uint16_t)(4000 + n * 17));
		send_len(r, len);
		for (unsigned int i = 0; i < 4 && !cqe; i++) {
			cqe = d_cqe(&rq[i].cq);
			if (!cqe)
				continue;
			hit |= 1u << i;
			assert_int_equal(CQE_HASH(cqe) % 4, i);
			assert_int_equal(CQE_HASH_TYPE(cqe), 0x55);
		}
		assert_non_null(cqe);
	}
	assert_int_equal(hit, 0xf);
}

static void what_rss_does_not_hash_goes_to_the_first(void **state)
{
	struct e_pair *r = *state;
	struct e_rq rq[2];
	uint32_t rqn[2];
	const uint8_t *cqe;

	for (unsigned int i = 0; i < 2; i++) {
		e_rq(&r->d2, &rq[i]);
		e_fill(&rq[i], 1);
		rqn[i] = rq[i].rqn;
	}
	e_steer(&r->d2, e_tir_rss(&r->d2, e_rqt(&r->d2, 2, rqn), 0xf), 0);
	e_pair_frame(r, E_UDP4, 20);
	ifc_st16(r->m.p + 12, 0x0806);
	send_len(r, 60);
	cqe = d_expect(&rq[0].cq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(CQE_HASH(cqe), 0);
	assert_int_equal(CQE_HASH_TYPE(cqe), 0);
}

static void a_queue_that_is_not_ready_gets_nothing(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);

	e_fill(&r->rq, 2);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RDY, FWSIM_WQ_RST), IFC_ST_OK);
	send_len(r, len);
	d_expect_none(&r->rq.cq);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	send_len(r, len);
	assert_int_equal(D_CQE_COUNTER(expect(r, len)), 0);
}

static void a_reset_queue_begins_with_its_first_wqe(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);

	e_fill(&r->rq, 3);
	send_len(r, len);
	expect(r, len);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RDY, FWSIM_WQ_RST), IFC_ST_OK);
	r->rq.pi = 0;
	e_fill(&r->rq, 1);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	send_len(r, len);
	assert_int_equal(D_CQE_COUNTER(expect(r, len)), 0);
	send_len(r, len);
	d_expect_none(&r->rq.cq);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void memory_that_cannot_be_written_is_an_error(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 200);
	const uint8_t *cqe;

	e_recv(&r->rq, 1, &(struct d_sge){ r->rq.mem.addr, 2048, r->rq.mem.key ^ 1 });
	e_fill(&r->rq, 1);
	send_len(r, len);
	cqe = d_expect(&r->rq.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(D_CQE_QPN(cqe), r->rq.rqn);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_int_equal(e_rq_state(&r->rq), FWSIM_WQ_ERR);
	send_len(r, len);
	d_expect_none(&r->rq.cq);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	r->rq.pi = 0;
	e_fill(&r->rq, 1);
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	send_len(r, len);
	expect(r, len);
}

static void flush_in_error_completes_what_is_posted(void **state)
{
	struct e_pair *r = *state;
	struct e_rq rq = { 0 };
	struct d_in in;

	d_cq(&r->d2, &rq.cq, D_LOG_CQ);
	e_rq_in(&r->d2, &in, &rq);
	IFC_SET(create_rq_in, in.b, ctx.flush_in_error_en, 1);
	e_rq_make(&rq, &in);
	assert_int_equal(e_rq_move(&rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	e_fill(&rq, 3);
	assert_int_equal(e_rq_move(&rq, FWSIM_WQ_RDY, FWSIM_WQ_ERR), IFC_ST_OK);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(D_CQE_COUNTER(d_expect(&rq.cq, IFC_CQE_RESP_ERR,
							IFC_CQE_SYND_WR_FLUSH)), i);
	d_expect_none(&rq.cq);
	e_fill(&r->rq, 1); /* and without it nothing is said */
	assert_int_equal(e_rq_move(&r->rq, FWSIM_WQ_RDY, FWSIM_WQ_ERR), IFC_ST_OK);
	d_expect_none(&r->rq.cq);
}

static void expect_rq_event(struct e_pair *r)
{
	const uint8_t *e = d_eqe(&r->d2, &r->d2.async);

	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_WQ_CATAS_ERROR);
	assert_int_equal(e[0x34], 1);
	assert_int_equal(ifc_ld32(e + 0x38), r->rq.rqn);
	assert_int_equal(e_rq_state(&r->rq), FWSIM_WQ_ERR);
}

static void a_record_that_cannot_be_read_is_an_event(void **state)
{
	struct e_pair *r = *state;

	h_dma_fail(r->h, 2, r->rq.dbr, 8);
	send_len(r, e_pair_frame(r, E_UDP4, 20));
	expect_rq_event(r);
}

static void a_ring_that_cannot_be_read_is_an_event(void **state)
{
	struct e_pair *r = *state;

	e_fill(&r->rq, 1);
	h_dma_fail(r->h, 2, r->rq.ring, 8);
	send_len(r, e_pair_frame(r, E_UDP4, 20));
	expect_rq_event(r);
}

static void a_cq_that_overruns_is_an_event(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20), i;
	const uint8_t *e;

	for (i = 0; i < 1u << D_LOG_CQ; i++) {
		e_fill(&r->rq, 1);
		send_len(r, len);
	}
	assert_null(d_eqe(&r->d2, &r->d2.async));
	e_fill(&r->rq, 1);
	send_len(r, len);
	e = d_eqe(&r->d2, &r->d2.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_CQ_ERROR);
	expect_rq_event(r);
}

/* ---- stop, resume, marks ------------------------------------------------------------------- */

static void a_stopped_initiator_receives_all_the_same(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);

	e_fill(&r->rq, 1);
	r->d2.v->mig = FWSIM_MIG_INITIATOR_STOPPED;
	send_len(r, len);
	expect(r, len);
}

static void a_stopped_responder_gets_nothing(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_pair_frame(r, E_UDP4, 20);

	e_fill(&r->rq, 1);
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	h_dma_clear(r->h);
	send_len(r, len);
	assert_false(h_dma_wrote(r->h, 2, r->rq.mem.addr, r->rq.mem.size));
	assert_false(h_dma_wrote(r->h, 2, r->rq.cq.addr, 64u << D_LOG_CQ));
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d2.v);
	d_expect_none(&r->rq.cq); /* it is gone */
	send_len(r, len);
	expect(r, len);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_frame_is_received_and_completed),
		T(the_sum_covers_all_behind_the_ethernet_header),
		T(the_sum_of_padding_at_an_odd_place),
		T(wrong_checksums_are_not_said_to_be_right),
		T(the_kinds_of_headers_are_told),
		T(a_tag_stays_with_vsd_and_goes_without),
		T(a_frame_is_scattered_over_segments),
		T(a_list_without_terminator_ends_with_the_wqe),
		T(a_frame_too_long_is_dropped_and_the_wqe_stays),
		T(without_a_wqe_the_frame_is_counted_and_gone),
		T(wqes_wrap_around),
		T(rss_spreads_over_the_table),
		T(what_rss_does_not_hash_goes_to_the_first),
		T(a_queue_that_is_not_ready_gets_nothing),
		T(a_reset_queue_begins_with_its_first_wqe),
		T(memory_that_cannot_be_written_is_an_error),
		T(flush_in_error_completes_what_is_posted),
		T(a_record_that_cannot_be_read_is_an_event),
		T(a_ring_that_cannot_be_read_is_an_event),
		T(a_cq_that_overruns_is_an_event),
		T(a_stopped_initiator_receives_all_the_same),
		T(a_stopped_responder_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
