// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared receive queues: the commands of all three kinds, the list, who gets what, limits, XRC. */
#include "data_rig.h"

#include <string.h>

#define MEM_SIZE (1u << 19)

/* Two QPs of function 1 send to two of function 2 that share a queue. */
struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b, c, d; /* a -> b, c -> d */
	struct d_srq srq;
	struct d_mem am, bm;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	d_srq(&r->d2, &r->srq, FWSIM_SRQ_RMP, 0, 0);
	d_qp(&r->d1, &r->a);
	d_qp_of(&r->d2, &r->b, IFC_QP_ST_RC, r->srq.srqn, 0);
	d_qp(&r->d1, &r->c);
	d_qp_of(&r->d2, &r->d, IFC_QP_ST_RC, r->srq.srqn, 0);
	r->am = d_mem(&r->d1, MEM_SIZE);
	r->bm = d_mem(&r->d2, MEM_SIZE);
	for (uint32_t i = 0; i < MEM_SIZE; i++)
		r->am.p[i] = (uint8_t)(i * 7 + (i >> 8));
	d_connect(&r->a, &r->b);
	d_connect(&r->c, &r->d);
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

static struct d_wr wr(struct rig *r, uint32_t off, uint32_t len)
{
	return (struct d_wr){
		.op = IFC_WQE_SEND, .n = 1, .sge = { { r->am.addr + off, len, r->am.key } },
	};
}

static uint16_t recv(struct rig *r, struct d_srq *srq, uint32_t off, uint32_t len)
{
	struct d_sge sge = { r->bm.addr + off, len, r->bm.key };

	return d_srq_recv(srq, 1, &sge);
}

static const uint8_t *expect_recv(struct d_cq *cq, uint32_t srqn, uint16_t wqe)
{
	const uint8_t *cqe = d_expect(cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(ifc_ld32(cqe + 32), srqn);
	assert_int_equal(D_CQE_COUNTER(cqe), wqe);
	return cqe;
}

static void expect_event(struct d_fn *d, uint8_t type, uint32_t id)
{
	const uint8_t *e = d_eqe(d, &d->async);

	assert_non_null(e);
	assert_int_equal(e[1], type);
	assert_int_equal(ifc_ld32(e + 0x38), id);
}

/* ---- commands ------------------------------------------------------------------------------ */

static const uint16_t destroy_op[] = { MLX5_CMD_OP_DESTROY_SRQ, MLX5_CMD_OP_DESTROY_XRC_SRQ,
				       MLX5_CMD_OP_DESTROY_RMP };
static const uint16_t query_op[] = { MLX5_CMD_OP_QUERY_SRQ, MLX5_CMD_OP_QUERY_XRC_SRQ,
				     MLX5_CMD_OP_QUERY_RMP };

static void life_of_each_kind(void **state)
{
	struct rig *r = *state;
	uint32_t xrcd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	struct d_srq srq[3];
	uint8_t out[512];

	for (unsigned int k = 0; k < 3; k++) {
		d_srq(&r->d2, &srq[k], (enum fwsim_srq_kind)k, xrcd, r->b.rcq.cqn);
		assert_int_equal(srq[k].srqn, r->srq.srqn + 1 + k); /* one space of numbers */
	}
	for (unsigned int k = 0; k < 3; k++) {
		for (unsigned int other = 0; other < 3; other++)
			assert_int_equal(d_simple(&r->d2, query_op[other], srq[k].srqn, out,
						  sizeof(out)),
					 other == k ? IFC_ST_OK : IFC_ST_BAD_RES);
		assert_int_equal(d_simple(&r->d2, destroy_op[(k + 1) % 3], srq[k].srqn, NULL, 0),
				 IFC_ST_BAD_RES);
	}
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DEALLOC_XRCD, xrcd, NULL, 0),
			 IFC_ST_RES_BUSY);
	for (unsigned int k = 0; k < 3; k++)
		assert_int_equal(d_simple(&r->d2, destroy_op[k], srq[k].srqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DEALLOC_XRCD, xrcd, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_RMP, r->srq.srqn, NULL, 0),
			 IFC_ST_RES_BUSY);
}

static void create_refusals_say_why(void **state)
{
	struct rig *r = *state;
	struct d_srq srq;
	struct d_in in;
	uint8_t out[16], *c;

#define REFUSED(kind, lay, fld, val, st, why)                                                      \
	do {                                                                                       \
		d_srq_in(&r->d2, &in, &srq, kind, 1, r->b.rcq.cqn);                                \
		c = in.b + ((kind) == FWSIM_SRQ_RMP ? 0x20 : 0x10);                                \
		IFC_SET(lay, c, fld, val);                                                         \
		h_trace_clear(r->h);                                                               \
		assert_int_equal(D_EXEC(&r->d2, &in, out), st);                                    \
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));                         \
	} while (0)
	REFUSED(FWSIM_SRQ_RMP, rmpc, state, 0, IFC_ST_BAD_PARAM, "RDY");
	REFUSED(FWSIM_SRQ_RMP, rmpc, wq.wq_type, 1, IFC_ST_BAD_PARAM, "linked list");
	REFUSED(FWSIM_SRQ_RMP, rmpc, wq.log_wq_stride, 4, IFC_ST_BAD_PARAM, "out of range");
	REFUSED(FWSIM_SRQ_RMP, rmpc, wq.log_wq_sz, 16, IFC_ST_BAD_PARAM, "out of range");
	REFUSED(FWSIM_SRQ_RMP, rmpc, wq.log_wq_sz, 15, IFC_ST_BAD_PARAM, "does not cover");
	REFUSED(FWSIM_SRQ_RMP, rmpc, wq.pd, 99, IFC_ST_BAD_RES, "no such PD");
	REFUSED(FWSIM_SRQ_PLAIN, srqc, wq_signature, 1, IFC_ST_BAD_PARAM, "wq_signature");
	REFUSED(FWSIM_SRQ_PLAIN, srqc, log_page_size, 20, IFC_ST_BAD_PARAM, "out of range");
	REFUSED(FWSIM_SRQ_XRC, srqc, xrcd, 99, IFC_ST_BAD_RES, "no such XRCD");
#undef REFUSED
}

static void qp_refuses_a_queue_that_is_not_there(void **state)
{
	struct rig *r = *state;
	struct d_qp qp = r->b;
	uint8_t out[16];
	struct d_in in;

	qp.srqn = 0x999;
	d_qp_in(&r->d2, &in, &qp);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_BAD_RES);
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void wqes_go_to_whom_comes_first(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 100), x = wr(r, 1000, 200);
	uint16_t i0 = recv(r, &r->srq, 0, 4096), i1 = recv(r, &r->srq, 4096, 4096);

	assert_int_equal(i1, D_SRQ_STEP);
	d_send(&r->c, &w);
	d_send(&r->a, &x);
	expect_recv(&r->d.rcq, r->srq.srqn, i0);
	assert_int_equal(D_CQE_BYTES(expect_recv(&r->b.rcq, r->srq.srqn, i1)), 200);
	assert_memory_equal(r->bm.p, r->am.p, 100);
	assert_memory_equal(r->bm.p + 4096, r->am.p + 1000, 200);
}

static void list_goes_round(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 8);
	bool seen[1u << D_LOG_SRQ] = { false };

	for (unsigned int i = 0; i < 3u << D_LOG_SRQ; i++) {
		uint16_t n = recv(r, &r->srq, 0, 8);

		d_send(i & 1 ? &r->a : &r->c, &w);
		expect_recv(i & 1 ? &r->b.rcq : &r->d.rcq, r->srq.srqn, n);
		d_expect(i & 1 ? &r->a.scq : &r->c.scq, IFC_CQE_REQ, 0);
		seen[n] = true;
	}
	for (unsigned int i = 0; i < 1u << D_LOG_SRQ; i++)
		assert_true(seen[i]);
}

/* Each keeps the WQE that it began with, whoever ends first. */
static void messages_that_interleave(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 3 << 16), x = wr(r, 9, 1 << 16);
	uint16_t i0 = recv(r, &r->srq, 0, 3 << 16), i1 = recv(r, &r->srq, 4 << 16, 1 << 16);

	r->h->fw->running = true;
	d_post(&r->a, &w);
	d_core_qp(&r->a)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_rc_run(r->h->fw, 1);
	assert_int_equal(d_core_qp(&r->b)->srq_taken, r->srq.srqn);
	assert_int_equal(d_core_qp(&r->b)->srq_wqe, i0);
	r->h->fw->running = false;
	d_send(&r->c, &x);
	h_settle(r->h);
	expect_recv(&r->d.rcq, r->srq.srqn, i1);
	expect_recv(&r->b.rcq, r->srq.srqn, i0);
	assert_memory_equal(r->bm.p, r->am.p, 3 << 16);
	assert_memory_equal(r->bm.p + (4 << 16), r->am.p + 9, 1 << 16);
	assert_int_equal(d_core_qp(&r->b)->srq_taken, 0);
}

static void empty_queue_is_not_ready(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 8);

	d_send(&r->a, &w);
	d_expect_none(&r->a.scq);
	recv(r, &r->srq, 0, 8);
	h_advance(r->h, 10 * H_MS);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_RNR_RETRY_EXC);
}

static void write_with_immediate_takes_one(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 100);
	uint16_t n = recv(r, &r->srq, 0, 0);
	const uint8_t *cqe;

	w.op = IFC_WQE_RDMA_WRITE_IMM;
	w.raddr = r->bm.addr + 777;
	w.rkey = r->bm.key;
	w.imm = 5;
	d_send(&r->a, &w);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_WR_IMM, 0);
	assert_int_equal(D_CQE_COUNTER(cqe), n);
	assert_int_equal(ifc_ld32(cqe + 32), r->srq.srqn);
	assert_memory_equal(r->bm.p + 777, r->am.p, 100);
}

static void keys_are_of_the_domain_of_the_queue(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 8);
	struct d_qp b, a;
	uint32_t pd = r->d2.pd;

	d_qp(&r->d1, &a);
	r->d2.pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD); /* of the QP only */
	d_qp_of(&r->d2, &b, IFC_QP_ST_RC, r->srq.srqn, 0);
	r->d2.pd = pd;
	d_connect(&a, &b);
	recv(r, &r->srq, 0, 8);
	d_send(&a, &w);
	d_expect(&b.rcq, IFC_CQE_RESP_SEND, 0);
}

/* ---- limits and errors --------------------------------------------------------------------- */

static enum ifc_status arm(struct rig *r, uint32_t lwm)
{
	struct d_in in = { .len = IFC_SZ(modify_rmp_in) };
	uint8_t out[16], *c = IFC_PTR(modify_rmp_in, in.b, ctx);

	ifc_st16(in.b, MLX5_CMD_OP_MODIFY_RMP);
	IFC_SET(modify_rmp_in, in.b, rmp_state, 1);
	IFC_SET(modify_rmp_in, in.b, rmpn, r->srq.srqn);
	IFC_SET(modify_rmp_in, in.b, bitmask.lwm, 1);
	IFC_SET(rmpc, c, state, 1);
	IFC_SET(rmpc, c, wq.lwm, lwm);
	return D_EXEC(&r->d2, &in, out);
}

static void limit_makes_one_event(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 8);

	for (unsigned int i = 0; i < 4; i++)
		recv(r, &r->srq, 0, 8);
	assert_int_equal(arm(r, 3), IFC_ST_OK);
	d_send(&r->a, &w);
	assert_null(d_eqe(&r->d2, &r->d2.async)); /* three are left */
	d_send(&r->a, &w);
	expect_event(&r->d2, IFC_EVENT_SRQ_RQ_LIMIT, r->srq.srqn);
	d_send(&r->a, &w);
	assert_null(d_eqe(&r->d2, &r->d2.async)); /* once per arm */
	assert_int_equal(arm(r, 2), IFC_ST_OK);
	expect_event(&r->d2, IFC_EVENT_SRQ_RQ_LIMIT, r->srq.srqn); /* fewer are left already */
	assert_int_equal(arm(r, 1u << D_LOG_SRQ), IFC_ST_BAD_PARAM);
}

static void arm_of_the_other_kinds(void **state)
{
	struct rig *r = *state;
	uint32_t xrcd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	struct d_in in = { .len = 16 };
	struct d_srq plain, xrc;
	uint8_t out[16];

	d_srq(&r->d2, &plain, FWSIM_SRQ_PLAIN, 0, 0);
	d_srq(&r->d2, &xrc, FWSIM_SRQ_XRC, xrcd, r->b.rcq.cqn);
	ifc_st16(in.b, MLX5_CMD_OP_ARM_RQ);
	ifc_st32(in.b + 8, plain.srqn);
	ifc_st32(in.b + 12, 1);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_BAD_PARAM); /* op_mod */
	ifc_st16(in.b + 6, 1);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
	expect_event(&r->d2, IFC_EVENT_SRQ_RQ_LIMIT, plain.srqn);
	ifc_st16(in.b, MLX5_CMD_OP_ARM_XRC_SRQ);
	ifc_st32(in.b + 8, xrc.srqn);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
	expect_event(&r->d2, IFC_EVENT_SRQ_RQ_LIMIT, xrc.srqn);
}

static void qp_in_error_gives_back_what_it_has(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 3 << 16);
	uint16_t i0 = recv(r, &r->srq, 0, 3 << 16), i1 = recv(r, &r->srq, 0, 100);
	const uint8_t *cqe;

	r->h->fw->running = true;
	d_post(&r->a, &w);
	d_core_qp(&r->a)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_rc_run(r->h->fw, 1);
	r->d1.v->mig = FWSIM_MIG_INITIATOR_STOPPED;
	r->h->fw->running = false;
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2ERR_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH);
	assert_int_equal(D_CQE_COUNTER(cqe), i0);
	assert_int_equal(ifc_ld32(cqe + 32), r->srq.srqn);
	expect_event(&r->d2, IFC_EVENT_SRQ_LAST_WQE, r->b.qpn);
	d_expect_none(&r->b.rcq); /* what is in the queue is for others */
	w = wr(r, 0, 100);
	d_send(&r->c, &w);
	r->d1.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d1.v);
	expect_recv(&r->d.rcq, r->srq.srqn, i1);
}

static void queue_that_cannot_be_read(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 100);
	uint8_t out[IFC_SZ(query_rmp_out)];

	recv(r, &r->srq, 0, 100);
	h_dma_fail(r->h, 2, r->srq.dbr, 4);
	d_send(&r->a, &w);
	expect_event(&r->d2, IFC_EVENT_SRQ_CATAS_ERROR, r->srq.srqn);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_QUERY_RMP, r->srq.srqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(query_rmp_out, out, rmp_context.state), 3);
}

/* ---- XRC ----------------------------------------------------------------------------------- */

struct xrc {
	uint32_t xrcd1, xrcd2, other;
	struct d_cq cq;
	struct d_qp ini, tgt;
	struct d_srq srq, foreign;
};

static void xrc_open(struct rig *r, struct xrc *x)
{
	x->xrcd1 = d_alloc(&r->d1, MLX5_CMD_OP_ALLOC_XRCD);
	x->xrcd2 = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	x->other = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	d_cq(&r->d2, &x->cq, D_LOG_CQ);
	d_srq(&r->d2, &x->srq, FWSIM_SRQ_XRC, x->xrcd2, x->cq.cqn);
	d_srq(&r->d2, &x->foreign, FWSIM_SRQ_XRC, x->other, x->cq.cqn);
	d_qp_of(&r->d1, &x->ini, IFC_QP_ST_XRC, 0, x->xrcd1);
	d_qp_of(&r->d2, &x->tgt, IFC_QP_ST_XRC, x->srq.srqn, x->xrcd2);
	d_connect(&x->ini, &x->tgt);
}

static void xrc_message_names_its_queue(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 100), rd = wr(r, 512, 64);
	const uint8_t *cqe;
	struct xrc x;
	uint16_t n;

	xrc_open(r, &x);
	n = recv(r, &x.srq, 4096, 100);
	w.xrc_srqn = x.srq.srqn;
	d_send(&x.ini, &w);
	d_expect(&x.ini.scq, IFC_CQE_REQ, 0);
	cqe = expect_recv(&x.cq, x.srq.srqn, n);
	assert_int_equal(D_CQE_QPN(cqe), x.tgt.qpn);
	assert_memory_equal(r->bm.p + 4096, r->am.p, 100);
	d_expect_none(&x.tgt.rcq);
	rd.op = IFC_WQE_RDMA_READ;
	rd.raddr = r->bm.addr + 4096;
	rd.rkey = r->bm.key;
	d_send(&x.ini, &rd);
	d_expect(&x.ini.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 512, r->bm.p + 4096, 64);
}

static void xrc_queue_of_another_domain(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 100);
	struct xrc x;

	xrc_open(r, &x);
	recv(r, &x.foreign, 4096, 100);
	w.xrc_srqn = x.foreign.srqn;
	d_send(&x.ini, &w);
	d_expect(&x.ini.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
	d_expect_none(&x.cq);
}

/* Its completions would go to the CQ of the SRQ, and no other QP than one of XRC looks there. */
static void xrc_queue_is_for_xrc_alone(void **state)
{
	static const enum ifc_qp_st st[] = { IFC_QP_ST_RC, IFC_QP_ST_UC, IFC_QP_ST_UD, IFC_QP_ST_QP1 };
	struct rig *r = *state;
	struct d_qp qp;
	uint8_t out[16];
	struct d_in in;
	struct xrc x;

	xrc_open(r, &x);
	for (unsigned int i = 0; i < 4; i++) {
		qp = r->b;
		qp.st = st[i];
		qp.srqn = x.srq.srqn;
		d_qp_in(&r->d2, &in, &qp);
		assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_BAD_RES);
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, "is one of XRC"));
		qp.srqn = r->srq.srqn;
		d_qp_in(&r->d2, &in, &qp);
		assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
	}
}

/* Move one slice of what is posted at @qp. */
static void one_slice(struct rig *r, struct d_qp *qp)
{
	r->h->fw->running = true;
	d_core_qp(qp)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(qp));
	fwsim_rc_run(r->h->fw, 1);
	r->h->fw->running = false;
}

/* A WQE that is changed while its message is under way takes from one queue only, and that is given back. */
static void xrc_message_stays_with_its_queue(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 3 << 16);
	struct d_srq second;
	struct xrc x;
	uint16_t n;

	xrc_open(r, &x);
	d_srq(&r->d2, &second, FWSIM_SRQ_XRC, x.xrcd2, x.cq.cqn);
	n = recv(r, &x.srq, 0, 3 << 16);
	recv(r, &second, 0, 3 << 16);
	w.xrc_srqn = x.srq.srqn;
	d_post(&x.ini, &w);
	one_slice(r, &x.ini);
	assert_int_equal(d_core_qp(&x.tgt)->srq_taken, x.srq.srqn);
	w.xrc_srqn = second.srqn;
	x.ini.sq_pi = 0;
	d_post(&x.ini, &w);
	fwsim_kick(r->h->fw);
	d_expect(&x.ini.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
	assert_int_equal(D_CQE_COUNTER(d_expect(&x.cq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_WR_FLUSH)), n);
	d_expect_none(&x.cq);
	assert_int_equal(((struct fwsim_srq *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_SRQ], second.srqn))->ci, 0);
}

/* ---- state --------------------------------------------------------------------------------- */

/* A message is half in a WQE of the queue; the function goes through an image, and on. */
static void image_in_the_middle(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 0, 3 << 16), x = wr(r, 5, 100);
	uint16_t i0 = recv(r, &r->srq, 0, 3 << 16), i1 = recv(r, &r->srq, 4 << 16, 100);
	size_t size;
	uint8_t *buf;
	char why[200];
	uint64_t hash;

	assert_int_equal(arm(r, 1), IFC_ST_OK);
	r->h->fw->running = true;
	d_post(&r->a, &w);
	d_core_qp(&r->a)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_rc_run(r->h->fw, 1);
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	size = fwsim_image_size(r->d2.v);
	buf = malloc(size);
	assert_int_equal(fwsim_image_save(r->d2.v, buf, size), size);
	hash = fwsim_image_hash(r->d2.v);
	d_core_qp(&r->b)->srq_wqe = 3;
	((struct fwsim_srq *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_SRQ], r->srq.srqn))->ci = 9;
	assert_true(fwsim_image_hash(r->d2.v) != hash);
	assert_int_equal(fwsim_image_load(r->d2.v, buf, size, why, sizeof(why)), IFC_ST_OK);
	assert_true(fwsim_image_hash(r->d2.v) == hash);
	free(buf);
	r->h->fw->running = false;
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d2.v);
	d_send(&r->c, &x);
	h_advance(r->h, H_SEC);
	expect_recv(&r->b.rcq, r->srq.srqn, i0);
	expect_recv(&r->d.rcq, r->srq.srqn, i1);
	assert_memory_equal(r->bm.p, r->am.p, 3 << 16);
	expect_event(&r->d2, IFC_EVENT_SRQ_RQ_LIMIT, r->srq.srqn);
}

/* What no command makes is in no image that is accepted. */
static void image_with_the_queue_of_another(void **state)
{
	struct rig *r = *state;
	struct fwsim_qp *qp = d_core_qp(&r->b);
	char why[200];
	struct xrc x;

	xrc_open(r, &x);
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	for (unsigned int i = 0; i < 3; i++) {
		size_t size = fwsim_image_size(r->d2.v);
		uint8_t *buf = malloc(size);

		qp->srq_taken = i == 1 ? x.srq.srqn : 0; /* it has another */
		if (i == 2)
			IFC_SET(qpc, qp->ctx, srqn_rmpn_xrqn, x.srq.srqn);
		assert_int_equal(fwsim_image_save(r->d2.v, buf, size), size);
		qp->srq_taken = 0;
		assert_int_equal(fwsim_image_load(r->d2.v, buf, size, why, sizeof(why)),
				 i ? IFC_ST_BAD_PARAM : IFC_ST_OK);
		if (i)
			assert_non_null(strstr(why, i == 1 ? "it holds WQE" : "is one of XRC"));
		qp = d_core_qp(&r->b);
		free(buf);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(life_of_each_kind),
		TEST(create_refusals_say_why),
		TEST(qp_refuses_a_queue_that_is_not_there),
		TEST(wqes_go_to_whom_comes_first),
		TEST(list_goes_round),
		TEST(messages_that_interleave),
		TEST(empty_queue_is_not_ready),
		TEST(write_with_immediate_takes_one),
		TEST(keys_are_of_the_domain_of_the_queue),
		TEST(limit_makes_one_event),
		TEST(arm_of_the_other_kinds),
		TEST(qp_in_error_gives_back_what_it_has),
		TEST(queue_that_cannot_be_read),
		TEST(xrc_message_names_its_queue),
		TEST(xrc_queue_of_another_domain),
		TEST(xrc_queue_is_for_xrc_alone),
		TEST(xrc_message_stays_with_its_queue),
		TEST(image_in_the_middle),
		TEST(image_with_the_queue_of_another),
	};

	return cmocka_run_group_tests_name("srq", tests, NULL, NULL);
}
