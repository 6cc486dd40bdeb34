// SPDX-License-Identifier: GPL-2.0-or-later
/* Striding RQs: where frames go, completions, filler, errors, another function. */
#include "mig_rig.h"
#include "stride_rig.h"

#include <string.h>

#define TO 3 /* function that a queue is moved to */
#define IMAGE (1u << 20)
#define CQE_WQE(cqe) ifc_ld16((cqe) + 2)
#define CQE_STRIDES(cqe) (ifc_ld16((cqe) + 44) & 0x7fffu)
#define CQE_FILLER(cqe) (ifc_ld16((cqe) + 44) >> 15)
#define CQE_LEN(cqe) ifc_ld16((cqe) + 46)

/* A frame of @len bytes comes to d2. */
static void receive(struct s_card *r, unsigned int len)
{
	struct fwsim_frame f;
	unsigned int hdr = e_headers(r->frame, E_UDP4, &r->d1, &r->d2, 0);

	e_headers(r->frame, E_UDP4, &r->d1, &r->d2, len - hdr);
	assert_true(fwsim_frame_parse(&f, r->frame, len));
	fwsim_nic_rx(r->d2.v, &f);
}

/* The frame of @len bytes is at stride @stride of WQE @ix. */
static void expect(struct s_card *r, unsigned int len, unsigned int ix, unsigned int stride)
{
	const uint8_t *cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(CQE_WQE(cqe), ix);
	assert_int_equal(D_CQE_COUNTER(cqe), stride);
	assert_int_equal(CQE_FILLER(cqe), 0);
	assert_int_equal(CQE_LEN(cqe), len);
	assert_int_equal(CQE_STRIDES(cqe), (len + S_STRIDE - 1) / S_STRIDE);
	assert_int_equal(D_CQE_QPN(cqe), 0x77);
	for (unsigned int i = 0; i < len; i++)
		assert_int_equal(*s_byte(&r->s, ix, stride * S_STRIDE + i), r->frame[i]);
}

static void expect_filler(struct s_card *r, unsigned int ix, unsigned int stride)
{
	const uint8_t *cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(CQE_FILLER(cqe), 1);
	assert_int_equal(CQE_WQE(cqe), ix);
	assert_int_equal(D_CQE_COUNTER(cqe), stride);
	assert_int_equal(CQE_STRIDES(cqe), S_STRIDES - stride);
}

static uint32_t out_of_buffer(struct s_card *r, uint32_t set)
{
	struct fwsim_q_counter *c = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_Q_COUNTER], set);

	return c->out_of_buffer;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void frames_share_a_wqe(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 2);
	receive(r, 60);
	expect(r, 60, 0, 0);
	receive(r, S_STRIDE);
	expect(r, S_STRIDE, 0, 1);
	receive(r, S_STRIDE + 1);
	expect(r, S_STRIDE + 1, 0, 2);
	receive(r, 4 * S_STRIDE); /* to the end, over the border of its pages */
	expect(r, 4 * S_STRIDE, 0, 4);
	receive(r, S_WQE_BYTES); /* the list goes on with the last one */
	expect(r, S_WQE_BYTES, 3, 0);
	receive(r, 60);
	d_expect_none(&r->s.rq.cq);
}

static void a_ring_goes_on_with_the_next_place(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, S_WQES);
	for (unsigned int i = 0; i < S_WQES; i++) {
		receive(r, S_WQE_BYTES);
		expect(r, S_WQE_BYTES, i, 0);
	}
	s_post(&r->s, 1);
	receive(r, 60);
	expect(r, 60, 0, 0);
}

static void what_is_left_is_filler(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 2);
	receive(r, 5 * S_STRIDE);
	expect(r, 5 * S_STRIDE, 0, 0);
	receive(r, 4 * S_STRIDE);
	expect_filler(r, 0, 5);
	expect(r, 4 * S_STRIDE, 3, 0);
	d_expect_none(&r->s.rq.cq);
}

static void filler_comes_once_when_nothing_is_posted(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 1);
	receive(r, 5 * S_STRIDE);
	expect(r, 5 * S_STRIDE, 0, 0);
	receive(r, 4 * S_STRIDE);
	expect_filler(r, 0, 5);
	receive(r, 60); /* would have found room before */
	d_expect_none(&r->s.rq.cq);
	s_post(&r->s, 1);
	receive(r, 60);
	expect(r, 60, 3, 0);
}

static void without_a_wqe_the_counter_tells(void **state)
{
	struct s_card *r = *state;
	uint8_t out[16], in[16] = { 0 };
	struct fwsim_rq *rq = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_RQ], r->s.rq.rqn);

	ifc_st16(in, MLX5_CMD_OP_ALLOC_Q_COUNTER);
	assert_int_equal(H_CMD(r->h, 2, in, out), IFC_ST_OK);
	rq->counter_set = out[11];
	receive(r, 60);
	assert_int_equal(out_of_buffer(r, out[11]), 1);
	rq->counter_set = 0;
}

static void a_frame_longer_than_a_wqe_is_dropped(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 1);
	receive(r, S_WQE_BYTES + 1);
	d_expect_none(&r->s.rq.cq);
	receive(r, 60);
	expect(r, 60, 0, 0);
}

static void a_tag_is_taken_out(void **state)
{
	struct s_card *r = *state;
	struct fwsim_frame f;
	const uint8_t *cqe;

	((struct fwsim_rq *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_RQ], r->s.rq.rqn))->vsd = false;
	s_post(&r->s, 1);
	e_headers(r->frame, E_UDP4, &r->d1, &r->d2, 100);
	memmove(r->frame + 16, r->frame + 12, S_STRIDE - 12 + 4);
	ifc_st32(r->frame + 12, 0x81000007);
	assert_true(fwsim_frame_parse(&f, r->frame, S_STRIDE + 4)); /* one stride without the tag */
	fwsim_nic_rx(r->d2.v, &f);
	cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(CQE_LEN(cqe), S_STRIDE);
	assert_int_equal(CQE_STRIDES(cqe), 1);
	assert_int_equal(ifc_ld16(cqe + 30), 7);
	assert_memory_equal(s_byte(&r->s, 0, 0), r->frame, 12);
	assert_memory_equal(s_byte(&r->s, 0, 12), r->frame + 16, S_STRIDE - 12);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void a_bad_key_ends_the_queue(void **state)
{
	struct s_card *r = *state;
	const uint8_t *cqe;

	s_post(&r->s, 3);
	receive(r, 60);
	expect(r, 60, 0, 0);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_MKEY, r->s.key >> 8, NULL, 0), IFC_ST_OK);
	receive(r, 60);
	cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(CQE_WQE(cqe), 0);
	assert_int_equal(CQE_STRIDES(cqe), S_STRIDES - 1);
	for (unsigned int i = 3; i > 1; i--) { /* what is posted is flushed, in the order of the list */
		cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH);
		assert_int_equal(CQE_WQE(cqe), i);
		assert_int_equal(CQE_STRIDES(cqe), S_STRIDES);
	}
	d_expect_none(&r->s.rq.cq);
	assert_int_equal(e_rq_state(&r->s.rq), FWSIM_WQ_ERR);
	assert_int_equal(e_rq_move(&r->s.rq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	ifc_st32(h_mem(r->h, 2, r->s.rq.dbr), 0);
	assert_int_equal(e_rq_move(&r->s.rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

static void a_queue_begins_anew_after_rst(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 2);
	receive(r, S_WQE_BYTES);
	expect(r, S_WQE_BYTES, 0, 0);
	receive(r, 60);
	expect(r, 60, 3, 0);
	assert_int_equal(e_rq_move(&r->s.rq, FWSIM_WQ_RDY, FWSIM_WQ_RST), IFC_ST_OK);
	ifc_st32(h_mem(r->h, 2, r->s.rq.dbr), 1);
	assert_int_equal(e_rq_move(&r->s.rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	receive(r, 60);
	expect(r, 60, 0, 0);
}

static void a_segment_too_short_is_an_error(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 1);
	ifc_st32((uint8_t *)h_mem(r->h, 2, r->s.rq.ring) + 16, S_STRIDE + 50);
	receive(r, S_STRIDE);
	expect(r, S_STRIDE, 0, 0);
	receive(r, 60);
	d_expect(&r->s.rq.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void a_ring_that_cannot_be_read_is_catastrophic(void **state)
{
	struct s_card *r = *state;

	s_post(&r->s, 1);
	d_eq_drain(&r->d2, &r->d2.async, -1);
	h_dma_fail(r->h, 2, r->s.rq.ring, 64);
	receive(r, 60);
	d_expect_none(&r->s.rq.cq);
	assert_int_equal(d_eq_drain(&r->d2, &r->d2.async, IFC_EVENT_WQ_CATAS_ERROR), 1);
	assert_int_equal(e_rq_state(&r->s.rq), FWSIM_WQ_ERR);
}

static void strides_have_limits(void **state)
{
	struct s_card *r = *state;
	struct d_in in;
	uint8_t out[16], *wq;
	struct e_rq rq = { .cq = r->s.rq.cq };

	for (unsigned int strides = 0; strides < 16; strides++) {
		for (unsigned int size = 0; size < 8; size++) {
			unsigned int log = (strides ^ 8) + 1; /* 9 + the signed value */
			bool ok = log >= 3 && log + size + 6 <= 24;

			e_rq_in(&r->d2, &in, &rq);
			wq = IFC_PTR(create_rq_in, in.b, ctx.wq);
			IFC_SET(wq, wq, wq_type, FWSIM_WQ_LIST_STRIDING);
			IFC_SET(wq, wq, log_wqe_num_of_strides, strides);
			IFC_SET(wq, wq, log_wqe_stride_size, size);
			assert_int_equal(D_EXEC(&r->d2, &in, out), ok ? IFC_ST_OK : IFC_ST_BAD_PARAM);
		}
	}
	IFC_SET(wq, wq, log_wqe_num_of_strides, 0);
	IFC_SET(wq, wq, log_wqe_stride_size, 0);
	IFC_SET(wq, wq, log_wq_stride, 4); /* no room for the link */
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_BAD_PARAM);
	IFC_SET(wq, wq, log_wq_stride, 5);
	IFC_SET(wq, wq, two_byte_shift_en, 1);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_BAD_PARAM);
}

static void a_card_without_them_refuses(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	struct d_fn d;
	struct e_rq rq = { 0 };
	struct d_in in;
	uint8_t out[16], cap[4096];

	(void)state;
	cfg.port = FWSIM_PORT_ETH;
	for (int off = 0; off < 2; off++) {
		cfg.no_striding_rq = off;
		h = h_new(&cfg);
		d_open(&d, h, 1);
		assert_true(fwsim_cap_get(d.v, 0, false, cap));
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, striding_rq), !off);
		assert_int_equal(IFC_GET(cmd_hca_cap, cap, umr_ptr_rlky), !off);
		assert_true(fwsim_cap_get(d.v, 1, false, cap));
		assert_int_equal(IFC_GET(per_protocol_networking_offload_caps, cap, reg_umr_sq), !off);
		d_cq(&d, &rq.cq, D_LOG_CQ);
		e_rq_in(&d, &in, &rq);
		IFC_SET(create_rq_in, in.b, ctx.wq.wq_type, FWSIM_WQ_LIST_STRIDING);
		assert_int_equal(D_EXEC(&d, &in, out), off ? IFC_ST_BAD_PARAM : IFC_ST_OK);
		h_free(h);
	}
}

/* ---- another function ---------------------------------------------------------------------- */

static void a_striding_queue_goes_on(void **state)
{
	struct s_card *r = *state;
	struct m_vf vf = { .h = r->h, .fn = 2 };
	struct m_buf image = m_buf_new(r->h, 0, IMAGE, 0xf);
	unsigned int from = m_vhca_id(r->h, 2), to = m_vhca_id(r->h, TO);
	uint32_t size;

	s_post(&r->s, 2);
	receive(r, S_WQE_BYTES);
	expect(r, S_WQE_BYTES, 0, 0);
	receive(r, 5 * S_STRIDE); /* the next one is begun */
	expect(r, 5 * S_STRIDE, 3, 0);
	r->d2.v->vport.rx_down = 5;
	r->d2.v->vport.tx_down = 6;
	r->d2.v->vport.rx_unsteered = 7;
	m_stop(r->h, from);
	assert_int_equal(m_save(r->h, from, 0, image.key, IMAGE, &size), IFC_ST_OK);
	h_boot(r->h, TO);
	m_stop(r->h, to);
	assert_int_equal(m_load(r->h, to, image.key, size), IFC_ST_OK);
	assert_int_equal(fwsim_image_hash(r->h->fw->vhca[2]), fwsim_image_hash(r->h->fw->vhca[TO]));
	assert_int_equal(r->h->fw->vhca[TO]->vport.rx_down, 5);
	assert_int_equal(r->h->fw->vhca[TO]->vport.tx_down, 6);
	assert_int_equal(r->h->fw->vhca[TO]->vport.rx_unsteered, 7);
	m_move_memory(&vf, TO);
	r->d2.fn = TO;
	r->d2.v = r->h->fw->vhca[TO];
	m_start(r->h, to);
	receive(r, 60);
	expect(r, 60, 3, 5);
	s_map(&r->s, 2); /* UMR works there too */
	s_post(&r->s, 1);
	receive(r, 3 * S_STRIDE);
	expect_filler(r, 3, 6);
	expect(r, 3 * S_STRIDE, 2, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, s_setup, s_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(frames_share_a_wqe),
		cmocka_unit_test_setup_teardown(a_ring_goes_on_with_the_next_place, s_setup_cyclic, s_teardown),
		T(what_is_left_is_filler),
		T(filler_comes_once_when_nothing_is_posted),
		T(without_a_wqe_the_counter_tells),
		T(a_frame_longer_than_a_wqe_is_dropped),
		T(a_tag_is_taken_out),
		T(a_bad_key_ends_the_queue),
		T(a_queue_begins_anew_after_rst),
		T(a_segment_too_short_is_an_error),
		T(a_ring_that_cannot_be_read_is_catastrophic),
		T(strides_have_limits),
		cmocka_unit_test(a_card_without_them_refuses),
		T(a_striding_queue_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
