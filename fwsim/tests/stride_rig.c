// SPDX-License-Identifier: GPL-2.0-or-later
#include "stride_rig.h"

#include <string.h>

#define LOG_WQE 5 /* a link and a data segment */
#define UMR_OFFSET_EN 0x10
#define UMR_INLINE 0x80
#define MASK_FREE (1ULL << 29)

static uint64_t page_of(const struct s_rq *s, unsigned int ix, unsigned int n)
{
	return s->mem + (uint64_t)(ix * S_PAGES + (S_PAGES - 1 - n)) * FWSIM_PAGE;
}

uint8_t *s_byte(struct s_rq *s, unsigned int ix, unsigned int off)
{
	return (uint8_t *)h_mem(s->rq.d->h, s->rq.d->fn, page_of(s, ix, off / FWSIM_PAGE)) +
	       off % FWSIM_PAGE;
}

static void key_new(struct d_fn *d, struct s_rq *s)
{
	static struct d_in in;
	uint8_t out[16], *mkc;

	memset(&in, 0, sizeof(in));
	ifc_st16(in.b, MLX5_CMD_OP_CREATE_MKEY);
	in.len = IFC_SZ(create_mkey_in);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(mkc, mkc, free, 1);
	IFC_SET(mkc, mkc, umr_en, 1);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, lr, 1);
	IFC_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, mkey_7_0, 0x42);
	IFC_SET(mkc, mkc, pd, d->pd);
	IFC_SET64(mkc, mkc, len, (uint64_t)S_WQES * S_ENTRIES * FWSIM_PAGE);
	IFC_SET(mkc, mkc, log_page_size, 12);
	IFC_SET(mkc, mkc, translations_octword_size, S_WQES * S_ENTRIES / 2);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	s->key = (ifc_ld32(out + 8) & 0xffffff) << 8 | 0x42;
}

static void rq_new(struct d_fn *d, struct s_rq *s, unsigned int wq_type)
{
	uint8_t out[16], *wq, *ring;
	struct d_in in;

	d_cq(d, &s->rq.cq, 8);
	e_rq_in(d, &in, &s->rq);
	IFC_SET(create_rq_in, in.b, ctx.flush_in_error_en, 1);
	wq = IFC_PTR(create_rq_in, in.b, ctx.wq);
	IFC_SET(wq, wq, wq_type, wq_type);
	IFC_SET(wq, wq, log_wq_stride, LOG_WQE);
	IFC_SET(wq, wq, log_wq_sz, S_LOG_RQ);
	IFC_SET(wq, wq, log_wqe_num_of_strides, (S_LOG_STRIDES - 9) & 0xf);
	IFC_SET(wq, wq, log_wqe_stride_size, S_LOG_STRIDE - 6);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	s->rq.rqn = ifc_ld32(out + 8) & 0xffffff;
	ring = h_mem(d->h, d->fn, s->rq.ring);
	for (unsigned int i = 0; i < S_WQES; i++) {
		uint8_t *wqe = ring + (i << LOG_WQE);

		ifc_st16(wqe + 2, (uint16_t)((i - 1) % S_WQES));
		ifc_st32(wqe + 16, S_WQE_BYTES);
		ifc_st32(wqe + 20, s->key);
		ifc_st64(wqe + 24, (uint64_t)i * S_ENTRIES * FWSIM_PAGE);
	}
	assert_int_equal(e_rq_move(&s->rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

void s_open(struct d_fn *d, struct s_rq *s, unsigned int wq_type)
{
	struct d_in in;

	memset(s, 0, sizeof(*s));
	s->mem = h_alloc(d->h, d->fn, (size_t)S_WQES * S_WQE_BYTES, FWSIM_PAGE);
	key_new(d, s);
	d_cq(d, &s->icosq.cq, D_LOG_CQ);
	e_sq_in(d, &in, &s->icosq); /* no TIS */
	IFC_SET(create_sq_in, in.b, ctx.reg_umr, 1);
	e_sq_make(&s->icosq, &in);
	assert_int_equal(e_sq_move(&s->icosq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	rq_new(d, s, wq_type);
}

unsigned int s_umr(struct s_rq *s, uint8_t *wqe, uint32_t first, unsigned int n, const uint64_t *page)
{
	unsigned int len = 128 + n * 8;

	memset(wqe, 0, 1024);
	ifc_st32(wqe, (uint32_t)s->icosq.pi << 8 | IFC_WQE_UMR);
	ifc_st32(wqe + 4, s->icosq.sqn << 8 | (len + 15) / 16);
	wqe[11] = 8;
	ifc_st32(wqe + 12, s->key);
	wqe[16] = UMR_OFFSET_EN | UMR_INLINE;
	ifc_st16(wqe + 20, (uint16_t)(n / 2));
	ifc_st16(wqe + 22, (uint16_t)(first / 2));
	ifc_st64(wqe + 24, MASK_FREE);
	for (unsigned int i = 0; i < n; i++)
		ifc_st64(wqe + 128 + 8 * i, page[i]);
	return len;
}

void s_send_umr(struct s_rq *s, uint8_t *wqe, unsigned int len)
{
	e_post_raw(&s->icosq, wqe, len);
	e_ring(&s->icosq);
}

void s_map(struct s_rq *s, unsigned int ix)
{
	uint64_t page[S_ENTRIES];
	uint8_t wqe[1024];

	for (unsigned int i = 0; i < S_ENTRIES; i++) /* what is not of the WQE has the bits that mlx5e sets */
		page[i] = i < S_PAGES ? page_of(s, ix, i) | 3 : 3;
	s_send_umr(s, wqe, s_umr(s, wqe, ix * S_ENTRIES, S_ENTRIES, page));
	d_expect(&s->icosq.cq, IFC_CQE_REQ, 0);
}

void s_post(struct s_rq *s, unsigned int n)
{
	for (unsigned int i = 0; i < S_WQES && !s->rq.pi; i++)
		s_map(s, i);
	s->rq.pi = (uint16_t)(s->rq.pi + n);
	ifc_st32(h_mem(s->rq.d->h, s->rq.d->fn, s->rq.dbr), s->rq.pi);
}

static int setup_type(void **state, unsigned int type)
{
	struct s_card *r = calloc(1, sizeof(*r));

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

int s_setup(void **state)
{
	return setup_type(state, FWSIM_WQ_LIST_STRIDING);
}

int s_setup_cyclic(void **state)
{
	return setup_type(state, FWSIM_WQ_CYCLIC_STRIDING);
}

int s_teardown(void **state)
{
	struct s_card *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}
