// SPDX-License-Identifier: GPL-2.0-or-later
#include "roce_rig.h"

#include <string.h>

struct r_pair *r_open(enum ifc_qp_st st, unsigned int index, uint32_t size)
{
	struct r_pair *r = calloc(1, sizeof(*r));

	n_open(&r->net);
	n_fn(&r->d1, &r->net, 0, 1);
	n_fn(&r->d2, &r->net, 1, 1);
	d_qp_of(&r->d1, &r->a, st, 0, 0);
	d_qp_of(&r->d2, &r->b, st, 0, 0);
	r->am = d_mem(&r->d1, size);
	r->bm = d_mem(&r->d2, size);
	r_fill(&r->am, 1);
	r_fill(&r->bm, 2);
	n_connect(&r->a, &r->b, index);
	return r;
}

void r_close(struct r_pair *r)
{
	n_close(&r->net);
	free(r);
}

void r_fill(struct d_mem *m, unsigned int seed)
{
	for (uint32_t i = 0; i < m->size; i++)
		m->p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
}

uint8_t *r_bytes(const struct d_fn *d, const struct d_mem *m)
{
	return h_mem(d->h, d->fn, m->addr);
}

uint64_t r_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned int i = 8; i--;)
		v = v << 8 | p[i];
	return v;
}

static uint32_t make_key(struct d_fn *d, const struct d_in *in)
{
	IFC_BUF(create_mkey_out, out);

	assert_int_equal(D_EXEC(d, in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

uint32_t r_rinval_key(struct d_fn *d, const struct d_mem *m)
{
	struct d_in in;

	d_mkey_in(d, &in, m->addr, m->size);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.en_rinval, 1);
	return make_key(d, &in);
}

uint32_t r_atomic_key(struct d_fn *d, const struct d_mem *m)
{
	struct d_in in;

	d_mkey_in(d, &in, m->addr, m->size);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.a, 1);
	return make_key(d, &in);
}

/* ---- messages ------------------------------------------------------------------------------ */

bool r_is_atomic(enum ifc_wqe_op op)
{
	return op == IFC_WQE_ATOMIC_CS || op == IFC_WQE_ATOMIC_FA;
}

bool r_is_send(enum ifc_wqe_op op)
{
	return op == IFC_WQE_SEND || op == IFC_WQE_SEND_IMM || op == IFC_WQE_SEND_INVAL;
}

struct d_wr r_wr(struct r_pair *r, enum ifc_wqe_op op, uint32_t off, uint32_t len)
{
	return (struct d_wr){
		.op = op, .raddr = r->bm.addr + off, .rkey = r->bm.key, .imm = 0xcafe0123,
		.n = 1, .sge = { { r->am.addr + off, len, r->am.key } },
	};
}

void r_recv(struct r_pair *r, uint32_t off, uint32_t len)
{
	struct d_sge sge = { r->bm.addr + off, len, r->bm.key };

	d_recv(&r->b, 1, &sge);
}

void r_post(struct r_pair *r, enum ifc_wqe_op op, uint32_t len)
{
	struct d_wr w = r_wr(r, op, 0, r_is_atomic(op) ? 8 : len);

	if (r_is_atomic(op)) {
		w.rkey = r_atomic_key(&r->d2, &r->bm);
		w.swap_add = 5;
		w.compare = r_le64(r_bytes(&r->d2, &r->bm));
	}
	if (op == IFC_WQE_SEND_INVAL)
		w.imm = r->inval_key = r_rinval_key(&r->d2, &r->bm);
	if (r_is_send(op))
		r_recv(r, 0, len + 10);
	if (op == IFC_WQE_RDMA_WRITE_IMM)
		d_recv(&r->b, 0, NULL);
	d_send(&r->a, &w);
}

void r_expect(struct r_pair *r, enum ifc_wqe_op op, uint32_t len, uint64_t old)
{
	const uint8_t *am = r_bytes(&r->d1, &r->am), *bm = r_bytes(&r->d2, &r->bm);
	const uint8_t *cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);

	assert_int_equal(D_CQE_WQE_OP(cqe), op);
	if (op == IFC_WQE_RDMA_READ)
		assert_int_equal(D_CQE_BYTES(cqe), len);
	d_expect_none(&r->a.scq);
	if (r_is_atomic(op)) {
		assert_int_equal(r_le64(bm), op == IFC_WQE_ATOMIC_FA ? old + 5 : 5);
		assert_int_equal(ifc_ld64(am), old);
		d_expect_none(&r->b.rcq);
		return;
	}
	assert_memory_equal(am, bm, len);
	if (op == IFC_WQE_RDMA_WRITE || op == IFC_WQE_RDMA_READ) {
		d_expect_none(&r->b.rcq);
		return;
	}
	cqe = d_expect(&r->b.rcq, op == IFC_WQE_SEND	       ? IFC_CQE_RESP_SEND :
				  op == IFC_WQE_SEND_IMM       ? IFC_CQE_RESP_SEND_IMM :
				  op == IFC_WQE_RDMA_WRITE_IMM ? IFC_CQE_RESP_WR_IMM :
								 IFC_CQE_RESP_SEND_INV, 0);
	assert_int_equal(D_CQE_BYTES(cqe), len);
	assert_int_equal(D_CQE_QPN(cqe), r->b.qpn);
	assert_int_equal(ifc_ld32(cqe + 24) & 0xffffff, r->a.qpn);
	if (op == IFC_WQE_SEND_IMM || op == IFC_WQE_RDMA_WRITE_IMM)
		assert_int_equal(D_CQE_IMM(cqe), 0xcafe0123);
	if (op == IFC_WQE_SEND_INVAL)
		assert_int_equal(D_CQE_IMM(cqe), r->inval_key);
	d_expect_none(&r->b.rcq);
}
