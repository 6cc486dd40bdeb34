// SPDX-License-Identifier: GPL-2.0-or-later
/* Striding RQs: where frames go, completions, filler, errors, another function. And the UMR WQEs behind them. */
#include "mig_rig.h"
#include "stride_rig.h"

#include <string.h>

#define TO 3 /* function that a queue is moved to */
#define IMAGE (1u << 20)
#define CQE_WQE(cqe) ifc_ld16((cqe) + 2)
#define CQE_STRIDES(cqe) (ifc_ld16((cqe) + 44) & 0x7fffu)
#define CQE_FILLER(cqe) (ifc_ld16((cqe) + 44) >> 15)
#define CQE_LEN(cqe) ifc_ld16((cqe) + 46)
#define MASK(n) (1ULL << (n))

struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct s_rq s;
	uint8_t frame[S_WQE_BYTES + 2048];
};

static int setup_type(void **state, unsigned int type)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	s_open(&r->d2, &r->s, type);
	e_steer(&r->d2, e_tir(&r->d2, r->s.rq.rqn), 0x77);
	for (uint32_t i = 0; i < sizeof(r->frame); i++)
		r->frame[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
	*state = r;
	return 0;
}

static int setup(void **state)
{
	return setup_type(state, FWSIM_WQ_LIST_STRIDING);
}

static int setup_cyclic(void **state)
{
	return setup_type(state, FWSIM_WQ_CYCLIC_STRIDING);
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

/* A frame of @len bytes comes to d2. */
static void receive(struct rig *r, unsigned int len)
{
	struct fwsim_frame f;
	unsigned int hdr = e_headers(r->frame, E_UDP4, &r->d1, &r->d2, 0);

	e_headers(r->frame, E_UDP4, &r->d1, &r->d2, len - hdr);
	assert_true(fwsim_frame_parse(&f, r->frame, len));
	fwsim_nic_rx(r->d2.v, &f);
}

/* The frame of @len bytes is at stride @stride of WQE @ix. */
static void expect(struct rig *r, unsigned int len, unsigned int ix, unsigned int stride)
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

static void expect_filler(struct rig *r, unsigned int ix, unsigned int stride)
{
	const uint8_t *cqe = d_expect(&r->s.rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(CQE_FILLER(cqe), 1);
	assert_int_equal(CQE_WQE(cqe), ix);
	assert_int_equal(D_CQE_COUNTER(cqe), stride);
	assert_int_equal(CQE_STRIDES(cqe), S_STRIDES - stride);
}

static uint32_t out_of_buffer(struct rig *r, uint32_t set)
{
	struct fwsim_q_counter *c = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_Q_COUNTER], set);

	return c->out_of_buffer;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void frames_share_a_wqe(void **state)
{
	struct rig *r = *state;

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
	struct rig *r = *state;

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
	struct rig *r = *state;

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
	struct rig *r = *state;

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
	struct rig *r = *state;
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
	struct rig *r = *state;

	s_post(&r->s, 1);
	receive(r, S_WQE_BYTES + 1);
	d_expect_none(&r->s.rq.cq);
	receive(r, 60);
	expect(r, 60, 0, 0);
}

static void a_tag_is_taken_out(void **state)
{
	struct rig *r = *state;
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
	struct rig *r = *state;
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
	struct rig *r = *state;

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
	struct rig *r = *state;

	s_post(&r->s, 1);
	ifc_st32((uint8_t *)h_mem(r->h, 2, r->s.rq.ring) + 16, S_STRIDE + 50);
	receive(r, S_STRIDE);
	expect(r, S_STRIDE, 0, 0);
	receive(r, 60);
	d_expect(&r->s.rq.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void a_ring_that_cannot_be_read_is_catastrophic(void **state)
{
	struct rig *r = *state;

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
	struct rig *r = *state;
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
	struct rig *r = *state;
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

/* ---- UMR ----------------------------------------------------------------------------------- */

static struct fwsim_mkey *key(struct rig *r)
{
	return fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_MKEY], r->s.key >> 8);
}

/* Send @wqe; the queue is made good again if it fails. */
static void umr(struct rig *r, uint8_t *wqe, unsigned int len, enum ifc_cqe_synd synd)
{
	struct e_sq *sq = &r->s.icosq;

	ifc_st32(wqe, (uint32_t)sq->pi << 8 | IFC_WQE_UMR);
	s_send_umr(&r->s, wqe, len);
	d_expect(&sq->cq, synd ? IFC_CQE_REQ_ERR : IFC_CQE_REQ, synd);
	if (!synd)
		return;
	while (d_cqe(&sq->cq)) /* a WQE shorter than what was posted: the rest is flushed */
		;
	assert_int_equal(e_sq_move(sq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	sq->pi = 0;
	ifc_st32((uint8_t *)h_mem(r->h, r->d2.fn, sq->dbr) + 4, 0);
	assert_int_equal(e_sq_move(sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

static void a_free_key_is_of_use_after_umr(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW, 0, 1),
			 FWSIM_MKEY_BAD_KEY);
	assert_int_equal(key(r)->mtt.n, S_WQES * S_ENTRIES);
	s_map(&r->s, 1);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW, 0, 1),
			 FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_write(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW,
					  S_ENTRIES * FWSIM_PAGE + 5, "x", 1),
			 FWSIM_MKEY_OK);
	assert_int_equal(*s_byte(&r->s, 1, 5), 'x');
	/* what no UMR has named is page 0 */
	assert_int_equal(key(r)->mtt.addr[0], 0);
	assert_int_equal(key(r)->mtt.addr[2 * S_ENTRIES], 0);
}

static void fields_that_the_mask_names_change(void **state)
{
	struct rig *r = *state;
	uint8_t wqe[1024], *mkc = wqe + 64;
	uint64_t page[4] = { r->s.mem, r->s.mem + 4096, r->s.mem + 8192, r->s.mem + 12288 };
	uint32_t pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD), other = r->d2.pd;
	unsigned int len = s_umr(&r->s, wqe, 0, 4, page);
	uint32_t refs = ((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], other))->refs;

	ifc_st64(wqe + 24, MASK(29) | MASK(0) | MASK(6) | MASK(7) | MASK(13) | MASK(18) | MASK(19));
	IFC_SET64(mkc, mkc, len, 0x3000);
	IFC_SET64(mkc, mkc, start_addr, 0x700ff0);
	IFC_SET(mkc, mkc, pd, pd);
	IFC_SET(mkc, mkc, mkey_7_0, 0x43);
	IFC_SET(mkc, mkc, rr, 1);
	IFC_SET(mkc, mkc, rw, 1); /* is not in the mask */
	umr(r, wqe, len, 0);
	assert_int_equal(key(r)->variant, 0x43);
	assert_int_equal(key(r)->access, FWSIM_ACC_LR | FWSIM_ACC_RR);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key ^ 1, pd, FWSIM_ACC_RR, 0x700ff0, 0x3000),
			 FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key ^ 1, pd, FWSIM_ACC_RR, 0x700ff0, 0x3001),
			 FWSIM_MKEY_BOUNDS);
	assert_int_equal(((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], other))->refs,
			 refs - 1);
	assert_int_equal(((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], pd))->refs, 1);
}

static void larger_pages_lose_their_low_bits(void **state)
{
	struct rig *r = *state;
	uint64_t page[2] = { 0x11ffff, 0x22ffff };
	uint8_t wqe[1024], *mkc = wqe + 64;
	unsigned int len;

	s_map(&r->s, 1);
	len = s_umr(&r->s, wqe, 0, 2, page);
	ifc_st64(wqe + 24, MASK(1));
	IFC_SET(mkc, mkc, log_page_size, 16);
	umr(r, wqe, len, 0);
	for (unsigned int i = 0; i < key(r)->mtt.n; i++)
		assert_int_equal(key(r)->mtt.addr[i] & 0xffff, 0);
	assert_int_equal(key(r)->mtt.addr[1], 0x220000);
}

static void a_list_by_pointer(void **state)
{
	struct rig *r = *state;
	struct d_mem m = d_mem(&r->d2, 4096);
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];

	for (unsigned int i = 0; i < 8; i++)
		ifc_st64(m.p + 100 + 8 * i, (uint64_t)(i + 1) << 12 | 3);
	s_umr(&r->s, wqe, 4, 0, none);
	ifc_st32(wqe + 4, r->s.icosq.sqn << 8 | (128 + 32) / 16);
	wqe[16] = 0x10;
	ifc_st16(wqe + 20, 4);
	ifc_st32(wqe + 128, 24); /* in two pieces */
	ifc_st32(wqe + 132, m.key);
	ifc_st64(wqe + 136, m.addr + 100);
	ifc_st32(wqe + 144, 1000);
	ifc_st32(wqe + 148, m.key);
	ifc_st64(wqe + 152, m.addr + 124);
	umr(r, wqe, 160, 0);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(key(r)->mtt.addr[4 + i], (uint64_t)(i + 1) << 12);
	ifc_st32(wqe + 132, m.key ^ 1);
	umr(r, wqe, 160, IFC_CQE_SYND_LOCAL_PROT);
	ifc_st32(wqe + 132, m.key);
	ifc_st32(wqe + 144, 8); /* too little */
	umr(r, wqe, 160, IFC_CQE_SYND_LOCAL_QP_OP);
}

/* Each bends a WQE that is good; nothing of it may take effect. */
static void refused(struct rig *r, void (*bend)(uint8_t *wqe), enum ifc_cqe_synd synd)
{
	uint64_t page[8] = { 0x5000, 0x6000 };
	uint32_t used = r->d2.v->pas_used;
	struct fwsim_mkey was = *key(r);
	unsigned int len;
	uint8_t wqe[1024];

	len = s_umr(&r->s, wqe, 0, 8, page);
	bend(wqe);
	umr(r, wqe, len, synd);
	assert_memory_equal(key(r), &was, sizeof(was));
	assert_int_equal(key(r)->mtt.addr[0], 0);
	assert_int_equal(used, r->d2.v->pas_used);
}

static void bend_key(uint8_t *w) { w[15] ^= 1; }
static void bend_index(uint8_t *w) { w[12] ^= 0x40; }
static void bend_mask(uint8_t *w) { w[30] |= 1 << 4; /* BSF */ }
static void bend_offset(uint8_t *w) { ifc_st16(w + 22, S_WQES * S_ENTRIES / 2 - 3); }
static void bend_far(uint8_t *w) { ifc_st16(w + 22, 0xffff); }
static void bend_length(uint8_t *w) { ifc_st16(w + 20, 5); }
static void bend_short(uint8_t *w) { w[7] = 7; }
static void bend_not_free(uint8_t *w) { w[16] |= 0x20; }
static void bend_bsf(uint8_t *w) { w[16] &= 0x80; ifc_st16(w + 22, 1); }

static void bend_range(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(0));
	IFC_SET64(mkc, w + 64, len, 1ULL << 40);
}

static void bend_page_size(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(1));
	IFC_SET(mkc, w + 64, log_page_size, 63);
}

static void bend_pd(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(7));
	IFC_SET(mkc, w + 64, pd, 0x999);
}

static void bend_qpn(uint8_t *w) { ifc_st64(w + 24, MASK(29) | MASK(14)); }

static void a_wqe_that_is_refused_changes_nothing(void **state)
{
	struct rig *r = *state;

	refused(r, bend_key, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_index, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_mask, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_offset, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_far, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_length, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_short, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_not_free, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_bsf, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_range, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_page_size, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_pd, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_qpn, IFC_CQE_SYND_MW_BIND);
}

static void check_free_wants_a_free_key(void **state)
{
	struct rig *r = *state;
	uint8_t wqe[1024];
	uint64_t none[1] = { 0 };
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);

	wqe[16] = 0x50;
	umr(r, wqe, len, 0);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	wqe[16] = 0x30;
	umr(r, wqe, len, 0);
}

static void not_every_key_and_queue_does_umr(void **state)
{
	struct rig *r = *state;
	struct d_mem m = d_mem(&r->d2, 4096); /* without umr_en */
	struct e_sq sq;
	uint8_t wqe[1024];
	uint64_t none[1] = { 0 };
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);

	ifc_st32(wqe + 12, m.key);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	e_sq(&r->d2, &sq); /* without reg_umr */
	s_umr(&r->s, wqe, 0, 0, none);
	ifc_st32(wqe + 4, sq.sqn << 8 | 8);
	e_post_raw(&sq, wqe, len);
	e_ring(&sq);
	d_expect(&sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	assert_true(key(r)->free);
}

static void a_key_of_another_pd_is_left_alone(void **state)
{
	struct rig *r = *state;
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);
	uint32_t pd = r->d2.pd;

	key(r)->pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	key(r)->pd = pd;
	umr(r, wqe, len, 0);
}

static void a_list_has_an_end(void **state)
{
	struct rig *r = *state;
	uint8_t out[16], *mkc;
	struct d_in in;

	d_mkey_in(&r->d2, &in, 0, 0);
	in.len = IFC_SZ(create_mkey_in);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in.b, translations_octword_actual_size, 0);
	IFC_SET(mkc, mkc, free, 1);
	IFC_SET(mkc, mkc, umr_en, 1);
	IFC_SET(mkc, mkc, translations_octword_size, FWSIM_MAX_PAS / 2 + 1);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, 0xffffffff);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, FWSIM_MAX_PAS / 2); /* some are used already */
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, 4);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(frames_share_a_wqe),
		cmocka_unit_test_setup_teardown(a_ring_goes_on_with_the_next_place, setup_cyclic, teardown),
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
		T(a_free_key_is_of_use_after_umr),
		T(fields_that_the_mask_names_change),
		T(larger_pages_lose_their_low_bits),
		T(a_list_by_pointer),
		T(a_wqe_that_is_refused_changes_nothing),
		T(check_free_wants_a_free_key),
		T(not_every_key_and_queue_does_umr),
		T(a_key_of_another_pd_is_left_alone),
		T(a_list_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
