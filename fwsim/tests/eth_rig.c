// SPDX-License-Identifier: GPL-2.0-or-later
#include "eth_rig.h"

#include <string.h>

#define WQ_CYCLIC 1

static uint8_t *mem(struct d_fn *d, uint64_t addr)
{
	return h_mem(d->h, d->fn, addr);
}

static void in_begin(struct d_in *in, uint16_t opcode, size_t len)
{
	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, opcode);
	in->len = len;
}

static unsigned int pages_of(size_t size)
{
	return (unsigned int)((size + FWSIM_PAGE - 1) / FWSIM_PAGE);
}

/* ---- send queues --------------------------------------------------------------------------- */

uint32_t e_tis(struct d_fn *d)
{
	uint8_t out[16];
	struct d_in in;

	in_begin(&in, MLX5_CMD_OP_CREATE_TIS, IFC_SZ(create_tis_in));
	IFC_SET(create_tis_in, in.b, ctx.transport_domain,
		d_alloc(d, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN));
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff;
}

void e_sq_in(struct d_fn *d, struct d_in *in, struct e_sq *sq)
{
	uint8_t *sqc, *wq;

	sq->d = d;
	sq->pi = 0;
	sq->ring = h_alloc(d->h, d->fn, 64u << E_LOG_SQ, FWSIM_PAGE);
	sq->dbr = h_alloc(d->h, d->fn, 64, 64);
	in_begin(in, MLX5_CMD_OP_CREATE_SQ, IFC_SZ(create_sq_in));
	sqc = IFC_PTR(create_sq_in, in->b, ctx);
	wq = IFC_PTR(sqc, sqc, wq);
	IFC_SET(sqc, sqc, flush_in_error_en, 1);
	IFC_SET(sqc, sqc, cqn, sq->cq.cqn);
	if (sq->tisn) {
		IFC_SET(sqc, sqc, tis_lst_sz, 1);
		IFC_SET(sqc, sqc, tis_num_0, sq->tisn);
	}
	IFC_SET(wq, wq, wq_type, WQ_CYCLIC);
	IFC_SET(wq, wq, pd, d->pd);
	IFC_SET(wq, wq, uar_page, d->uar);
	IFC_SET64(wq, wq, dbr_addr, sq->dbr);
	IFC_SET(wq, wq, log_wq_stride, 6);
	IFC_SET(wq, wq, log_wq_sz, E_LOG_SQ);
	d_in_pas(in, sq->ring, pages_of(64u << E_LOG_SQ));
}

void e_sq_make(struct e_sq *sq, const struct d_in *in)
{
	uint8_t out[16];

	assert_int_equal(D_EXEC(sq->d, in, out), IFC_ST_OK);
	sq->sqn = ifc_ld32(out + 8) & 0xffffff;
}

enum ifc_status e_sq_move(struct e_sq *sq, unsigned int from, unsigned int to)
{
	struct d_in in;
	uint8_t out[16];

	in_begin(&in, MLX5_CMD_OP_MODIFY_SQ, IFC_SZ(modify_sq_in));
	IFC_SET(modify_sq_in, in.b, sqn, sq->sqn);
	IFC_SET(modify_sq_in, in.b, sq_state, from);
	IFC_SET(modify_sq_in, in.b, ctx.state, to);
	return D_EXEC(sq->d, &in, out);
}

void e_sq(struct d_fn *d, struct e_sq *sq)
{
	struct d_in in;

	memset(sq, 0, sizeof(*sq));
	d_cq(d, &sq->cq, D_LOG_CQ);
	sq->tisn = e_tis(d);
	e_sq_in(d, &in, sq);
	e_sq_make(sq, &in);
	assert_int_equal(e_sq_move(sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

unsigned int e_sq_state(struct e_sq *sq)
{
	uint8_t out[IFC_SZ(query_sq_out)];

	assert_int_equal(d_simple(sq->d, MLX5_CMD_OP_QUERY_SQ, sq->sqn, out, sizeof(out)),
			 IFC_ST_OK);
	return IFC_GET(query_sq_out, out, sq_context.state);
}

/* ---- receive queues ------------------------------------------------------------------------ */

void e_rq_in(struct d_fn *d, struct d_in *in, struct e_rq *rq)
{
	uint8_t *rqc, *wq;

	rq->d = d;
	rq->pi = 0;
	rq->ring = h_alloc(d->h, d->fn, E_RQ_STRIDE << E_LOG_RQ, FWSIM_PAGE);
	rq->dbr = h_alloc(d->h, d->fn, 64, 64);
	in_begin(in, MLX5_CMD_OP_CREATE_RQ, IFC_SZ(create_rq_in));
	rqc = IFC_PTR(create_rq_in, in->b, ctx);
	wq = IFC_PTR(rqc, rqc, wq);
	IFC_SET(rqc, rqc, vsd, 1);
	IFC_SET(rqc, rqc, cqn, rq->cq.cqn);
	IFC_SET(wq, wq, wq_type, WQ_CYCLIC);
	IFC_SET(wq, wq, pd, d->pd);
	IFC_SET64(wq, wq, dbr_addr, rq->dbr);
	IFC_SET(wq, wq, log_wq_stride, 6);
	IFC_SET(wq, wq, log_wq_sz, E_LOG_RQ);
	d_in_pas(in, rq->ring, pages_of(E_RQ_STRIDE << E_LOG_RQ));
}

void e_rq_make(struct e_rq *rq, const struct d_in *in)
{
	uint8_t out[16];

	assert_int_equal(D_EXEC(rq->d, in, out), IFC_ST_OK);
	rq->rqn = ifc_ld32(out + 8) & 0xffffff;
	rq->mem = d_mem(rq->d, E_BUF << E_LOG_RQ);
}

enum ifc_status e_rq_move(struct e_rq *rq, unsigned int from, unsigned int to)
{
	struct d_in in;
	uint8_t out[16];

	in_begin(&in, MLX5_CMD_OP_MODIFY_RQ, IFC_SZ(modify_rq_in));
	IFC_SET(modify_rq_in, in.b, rqn, rq->rqn);
	IFC_SET(modify_rq_in, in.b, rq_state, from);
	IFC_SET(modify_rq_in, in.b, ctx.state, to);
	return D_EXEC(rq->d, &in, out);
}

void e_rq(struct d_fn *d, struct e_rq *rq)
{
	struct d_in in;

	memset(rq, 0, sizeof(*rq));
	d_cq(d, &rq->cq, D_LOG_CQ);
	e_rq_in(d, &in, rq);
	e_rq_make(rq, &in);
	assert_int_equal(e_rq_move(rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

unsigned int e_rq_state(struct e_rq *rq)
{
	uint8_t out[IFC_SZ(query_rq_out)];

	assert_int_equal(d_simple(rq->d, MLX5_CMD_OP_QUERY_RQ, rq->rqn, out, sizeof(out)),
			 IFC_ST_OK);
	return IFC_GET(query_rq_out, out, rq_context.state);
}

static unsigned int put_sge(uint8_t *p, const struct d_sge *sge)
{
	ifc_st32(p, sge->len);
	ifc_st32(p + 4, sge->key);
	ifc_st64(p + 8, sge->addr);
	return 16;
}

void e_recv(struct e_rq *rq, unsigned int n, const struct d_sge *sge)
{
	uint8_t *wqe = mem(rq->d, rq->ring) + (rq->pi & ((1u << E_LOG_RQ) - 1)) * E_RQ_STRIDE;
	unsigned int i;

	memset(wqe, 0, E_RQ_STRIDE);
	for (i = 0; i < n; i++)
		put_sge(wqe + 16 * i, &sge[i]);
	if (n < E_RQ_STRIDE / 16)
		ifc_st32(wqe + 16 * n + 4, FWSIM_TERM_LKEY);
	rq->pi++;
	ifc_st32(mem(rq->d, rq->dbr), rq->pi);
}

static uint32_t buf_off(uint16_t counter)
{
	return (counter & ((1u << E_LOG_RQ) - 1)) * E_BUF;
}

void e_fill(struct e_rq *rq, unsigned int n)
{
	for (; n; n--) {
		struct d_sge sge = { rq->mem.addr + buf_off(rq->pi), E_BUF, rq->mem.key };

		e_recv(rq, 1, &sge);
	}
}

const uint8_t *e_buf(struct e_rq *rq, uint16_t counter)
{
	return rq->mem.p + buf_off(counter);
}

/* ---- steering ------------------------------------------------------------------------------ */

uint32_t e_rqt(struct d_fn *d, unsigned int n, const uint32_t *rqn)
{
	struct d_in in;
	uint8_t out[16], *rqtc;

	in_begin(&in, MLX5_CMD_OP_CREATE_RQT, IFC_SZ(create_rqt_in) + 4 * n);
	rqtc = IFC_PTR(create_rqt_in, in.b, rqt_context);
	IFC_SET(rqtc, rqtc, rqt_max_size, n);
	IFC_SET(rqtc, rqtc, rqt_actual_size, n);
	for (unsigned int i = 0; i < n; i++)
		ifc_st32(rqtc + IFC_SZ(rqtc) + 4 * i, rqn[i]);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff;
}

static uint32_t tir_make(struct d_fn *d, struct d_in *in)
{
	uint8_t out[16];

	IFC_SET(create_tir_in, in->b, ctx.transport_domain,
		d_alloc(d, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN));
	assert_int_equal(D_EXEC(d, in, out), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff;
}

uint32_t e_tir(struct d_fn *d, uint32_t rqn)
{
	struct d_in in;

	in_begin(&in, MLX5_CMD_OP_CREATE_TIR, IFC_SZ(create_tir_in));
	IFC_SET(create_tir_in, in.b, ctx.inline_rqn, rqn);
	return tir_make(d, &in);
}

uint32_t e_tir_rss(struct d_fn *d, uint32_t rqtn, uint32_t fields)
{
	struct d_in in;
	uint8_t *tirc;

	in_begin(&in, MLX5_CMD_OP_CREATE_TIR, IFC_SZ(create_tir_in));
	tirc = IFC_PTR(create_tir_in, in.b, ctx);
	IFC_SET(tirc, tirc, disp_type, MLX5_TIRC_DISP_TYPE_INDIRECT);
	IFC_SET(tirc, tirc, indirect_table, rqtn);
	IFC_SET(tirc, tirc, rx_hash_fn, MLX5_RX_HASH_FN_TOEPLITZ);
	for (unsigned int i = 0; i < 40; i++)
		IFC_PTR(tirc, tirc, rx_hash_toeplitz_key)[i] = (uint8_t)(i * 37 + 11);
	ifc_st32(IFC_PTR(tirc, tirc, rx_hash_field_selector_outer), fields);
	return tir_make(d, &in);
}

void e_steer(struct d_fn *d, uint32_t tirn, uint32_t flow_tag)
{
	uint8_t out[64], *ctx;
	struct d_in in;
	uint32_t table, group;

	in_begin(&in, MLX5_CMD_OP_CREATE_FLOW_TABLE, IFC_SZ(create_flow_table_in));
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	table = ifc_ld32(out + 8) & 0xffffff;

	in_begin(&in, MLX5_CMD_OP_CREATE_FLOW_GROUP, IFC_SZ(create_flow_group_in));
	IFC_SET(create_flow_group_in, in.b, table_id, table);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	group = ifc_ld32(out + 8) & 0xffffff;

	in_begin(&in, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY, IFC_SZ(set_fte_in) + 8);
	IFC_SET(set_fte_in, in.b, table_id, table);
	ctx = IFC_PTR(set_fte_in, in.b, flow_context);
	IFC_SET(flow_context, ctx, group_id, group);
	IFC_SET(flow_context, ctx, flow_tag, flow_tag);
	IFC_SET(flow_context, ctx, action, 4);
	IFC_SET(flow_context, ctx, destination_list_size, 1);
	ifc_st32(ctx + IFC_SZ(flow_context), (uint32_t)FWSIM_DEST_TIR << 24 | tirn);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);

	in_begin(&in, MLX5_CMD_OP_SET_FLOW_TABLE_ROOT, IFC_SZ(set_flow_table_root_in));
	IFC_SET(set_flow_table_root_in, in.b, table_id, table);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
}

/* ---- work ---------------------------------------------------------------------------------- */

static unsigned int up16(unsigned int n)
{
	return (n + 15) / 16 * 16;
}

unsigned int e_wqe(struct e_sq *sq, const struct e_wr *wr, uint8_t wqe[1024])
{
	unsigned int i, len = 16;

	memset(wqe, 0, 1024);
	if (wr->op != IFC_WQE_NOP) {
		wqe[20] = wr->cs;
		ifc_st16(wqe + 22, wr->mss);
		len = 32;
		if (wr->insert) {
			ifc_st16(wqe + 28, wr->insert);
			ifc_st16(wqe + 30, wr->tci);
		} else if (wr->hdr_len) {
			ifc_st16(wqe + 28, (uint16_t)wr->hdr_len);
			memcpy(wqe + 30, wr->hdr, wr->hdr_len);
			len = wr->hdr_len > 2 ? 32 + up16(wr->hdr_len - 2) : 32;
		}
		if (wr->inl) {
			ifc_st32(wqe + len, wr->inl_len | 0x80000000u);
			memcpy(wqe + len + 4, wr->inl, wr->inl_len);
			len += up16(4 + wr->inl_len);
		}
		for (i = 0; i < wr->n; i++)
			len += put_sge(wqe + len, &wr->sge[i]);
	}
	ifc_st32(wqe, (uint32_t)sq->pi << 8 | wr->op);
	ifc_st32(wqe + 4, sq->sqn << 8 | len / 16);
	wqe[11] = wr->unsignalled ? 0 : 8;
	return len;
}

void e_post_raw(struct e_sq *sq, const uint8_t *wqe, unsigned int len)
{
	uint8_t *ring = mem(sq->d, sq->ring);

	for (unsigned int i = 0; i < (len + 63) / 64; i++, sq->pi++)
		memcpy(ring + (sq->pi & ((1u << E_LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32(mem(sq->d, sq->dbr) + 4, sq->pi);
}

void e_post(struct e_sq *sq, const struct e_wr *wr)
{
	uint8_t wqe[1024];
	unsigned int len = e_wqe(sq, wr, wqe);

	e_post_raw(sq, wqe, len);
}

void e_ring(struct e_sq *sq)
{
	h_db_qp(sq->d->h, sq->d->fn, sq->d->uar, sq->sqn, (uint32_t)sq->pi << 8);
}

void e_send(struct e_sq *sq, const struct e_wr *wr)
{
	e_post(sq, wr);
	e_ring(sq);
}

/* ---- frames -------------------------------------------------------------------------------- */

const uint8_t *e_mac(struct d_fn *d)
{
	return IFC_CPTR(nic_vport_context, d->v->vport.ctx, permanent_address) + 2;
}

unsigned int e_headers(uint8_t *p, enum e_kind kind, struct d_fn *src, struct d_fn *dst,
		       unsigned int payload)
{
	bool v6 = kind == E_TCP6 || kind == E_UDP6, udp = kind == E_UDP4 || kind == E_UDP6;
	unsigned int l4_len = (udp ? 8 : 20) + payload;
	uint8_t *ip = p + 14, *l4 = ip + (v6 ? 40 : 20);

	memset(p, 0, (size_t)(l4 - p) + (udp ? 8 : 20));
	memcpy(p, e_mac(dst), 6);
	memcpy(p + 6, e_mac(src), 6);
	ifc_st16(p + 12, v6 ? 0x86dd : 0x0800);
	if (v6) {
		ip[0] = 0x60;
		ifc_st16(ip + 4, (uint16_t)l4_len);
		ip[6] = udp ? 17 : 6;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = (uint8_t)src->fn;
		ip[39] = (uint8_t)dst->fn;
	} else {
		ip[0] = 0x45;
		ifc_st16(ip + 2, (uint16_t)(20 + l4_len));
		ifc_st16(ip + 4, 0x1233);
		ip[8] = 64;
		ip[9] = udp ? 17 : 6;
		ip[12] = ip[16] = 10;
		ip[15] = (uint8_t)src->fn;
		ip[19] = (uint8_t)dst->fn;
	}
	ifc_st16(l4, 4000);
	ifc_st16(l4 + 2, 5001);
	if (udp) {
		ifc_st16(l4 + 4, (uint16_t)l4_len);
	} else {
		ifc_st32(l4 + 4, 0xfffffff0);
		l4[12] = 0x50;
		l4[13] = 0x10;
	}
	return (unsigned int)(l4 - p) + (udp ? 8 : 20);
}

uint16_t e_sum(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++) {
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return (uint16_t)s;
}

bool e_sums_ok(const uint8_t *p, size_t len)
{
	size_t l3 = 14;
	uint8_t pseudo[40] = { 0 };
	const uint8_t *ip;
	uint32_t l4_len, s;
	bool v6;

	while (ifc_ld16(p + l3 - 2) == 0x8100 || ifc_ld16(p + l3 - 2) == 0x88a8)
		l3 += 4;
	ip = p + l3;
	v6 = ip[0] >> 4 == 6;
	if (v6) {
		l4_len = ifc_ld16(ip + 4);
		memcpy(pseudo, ip + 8, 32);
	} else {
		l4_len = ifc_ld16(ip + 2) - 20u;
		memcpy(pseudo, ip + 12, 8);
		if (e_sum(ip, 20) != 0xffff)
			return false;
	}
	if (l3 + (v6 ? 40 : 20) + l4_len > len)
		return false;
	pseudo[35] = v6 ? ip[6] : ip[9];
	ifc_st32(pseudo + 36, l4_len);
	s = (uint32_t)e_sum(pseudo, sizeof(pseudo)) + e_sum(ip + (v6 ? 40 : 20), l4_len);
	return (s & 0xffff) + (s >> 16) == 0xffff;
}
