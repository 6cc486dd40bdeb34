// SPDX-License-Identifier: GPL-2.0-or-later
#include "data_rig.h"

#include <string.h>

#include "objects.h"

#define D_QP_EVENTS \
	((1u << 0x02) | (1u << 0x04) | (1u << 0x05) | (1u << 0x10) | (1u << 0x11) | (1u << 0x12) | (1u << 0x13) | \
	 (1u << 0x14))

static uint8_t *mem(struct d_fn *d, uint64_t addr)
{
	return h_mem(d->h, d->fn, addr);
}

enum ifc_status d_exec(struct d_fn *d, const struct d_in *in, void *out, size_t out_len)
{
	return h_cmd(d->h, d->fn, in->b, in->len, out, out_len);
}

static void in_begin(struct d_in *in, uint16_t opcode, size_t len)
{
	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, opcode);
	in->len = len;
}

void d_in_pas(struct d_in *in, uint64_t addr, unsigned int n)
{
	assert_true(in->len + 8 * n <= sizeof(in->b));
	o_pas(in->b + in->len, addr, n);
	in->len += 8 * n;
}

enum ifc_status d_simple(struct d_fn *d, uint16_t opcode, uint32_t id, void *out, size_t out_len)
{
	uint8_t none[16];
	struct d_in in;

	in_begin(&in, opcode, 16);
	ifc_st32(in.b + 8, id);
	return d_exec(d, &in, out ? out : none, out ? out_len : sizeof(none));
}

uint32_t d_alloc(struct d_fn *d, uint16_t opcode)
{
	uint8_t out[16];

	assert_int_equal(d_simple(d, opcode, 0, out, sizeof(out)), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff;
}

void d_open(struct d_fn *d, struct harness *h, unsigned int fn)
{
	memset(d, 0, sizeof(*d));
	d->h = h;
	d->fn = fn;
	h_boot(h, fn);
	d->v = h->fw->vhca[fn];
	d->uar = d_alloc(d, MLX5_CMD_OP_ALLOC_UAR);
	d->pd = d_alloc(d, MLX5_CMD_OP_ALLOC_PD);
	d_eq(d, &d->async, D_LOG_EQ, D_ASYNC_VECTOR, D_QP_EVENTS);
	d_eq(d, &d->comp, D_LOG_EQ, D_COMP_VECTOR, 0);
	d_eq_arm(d, &d->async);
	d_eq_arm(d, &d->comp);
}

void d_set_mig(struct fwsim_vhca *v, enum fwsim_mig_state s)
{
	v->mig = s;
	if (s == FWSIM_MIG_RUNNING)
		fwsim_vhca_rescan(v);
}

/* ---- mkeys --------------------------------------------------------------------------------- */

void d_mkey_in(struct d_fn *d, struct d_in *in, uint64_t addr, uint32_t size)
{
	unsigned int n = (unsigned int)((addr % FWSIM_PAGE + size + FWSIM_PAGE - 1) / FWSIM_PAGE);
	uint8_t *mkc;

	in_begin(in, MLX5_CMD_OP_CREATE_MKEY, IFC_SZ(create_mkey_in));
	mkc = IFC_PTR(create_mkey_in, in->b, memory_key_mkey_entry);
	o_mkc(mkc, d->pd, addr, size, O_ACC_RDMA);
	IFC_SET(mkc, mkc, mkey_7_0, 0x42);
	IFC_SET(create_mkey_in, in->b, translations_octword_actual_size, (n + 1) / 2);
	d_in_pas(in, addr - addr % FWSIM_PAGE, (n + 1) / 2 * 2);
}

uint32_t d_mkey(struct d_fn *d, uint64_t addr, uint32_t size, unsigned int access)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;
	uint8_t *mkc;

	d_mkey_in(d, &in, addr, size);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(mkc, mkc, lr, !!(access & FWSIM_ACC_LR));
	IFC_SET(mkc, mkc, lw, !!(access & FWSIM_ACC_LW));
	IFC_SET(mkc, mkc, rr, !!(access & FWSIM_ACC_RR));
	IFC_SET(mkc, mkc, rw, !!(access & FWSIM_ACC_RW));
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

struct d_mem d_mem(struct d_fn *d, uint32_t size)
{
	struct d_mem m = { .size = size };

	m.addr = h_alloc(d->h, d->fn, size, FWSIM_PAGE);
	m.p = mem(d, m.addr);
	m.key = d_mkey(d, m.addr, size, 0xf);
	return m;
}

/* ---- queues -------------------------------------------------------------------------------- */

static unsigned int pages_of(size_t size)
{
	return (unsigned int)((size + FWSIM_PAGE - 1) / FWSIM_PAGE);
}

/* A ring whose entries all belong to the card. */
static uint64_t ring_new(struct d_fn *d, unsigned int log_size, uint8_t owner)
{
	uint64_t addr = h_alloc(d->h, d->fn, 64u << log_size, FWSIM_PAGE);
	unsigned int i;

	for (i = 0; i < 1u << log_size; i++)
		mem(d, addr)[i * 64 + 63] = owner;
	return addr;
}

void d_eq_in(struct d_fn *d, struct d_in *in, struct d_eq *eq, unsigned int log_size,
	     unsigned int vector, uint64_t mask)
{
	uint8_t *eqc;

	*eq = (struct d_eq){ .log_size = log_size, .addr = ring_new(d, log_size, 1) };
	in_begin(in, MLX5_CMD_OP_CREATE_EQ, IFC_SZ(create_eq_in));
	eqc = IFC_PTR(create_eq_in, in->b, eq_context_entry);
	o_eqc(eqc, d->uar, log_size, vector);
	ifc_st64(IFC_PTR(create_eq_in, in->b, event_bitmask), mask);
	d_in_pas(in, eq->addr, pages_of(64u << log_size));
}

void d_eq(struct d_fn *d, struct d_eq *eq, unsigned int log_size, unsigned int vector,
	  uint64_t mask)
{
	IFC_BUF(create_eq_out, out);
	struct d_in in;

	d_eq_in(d, &in, eq, log_size, vector, mask);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	eq->eqn = IFC_GET(create_eq_out, out, eq_number);
}

const uint8_t *d_eqe(struct d_fn *d, struct d_eq *eq)
{
	uint32_t size = 1u << eq->log_size;
	const uint8_t *e = mem(d, eq->addr) + (eq->ci & (size - 1)) * 64;

	if ((e[63] & 1) != (eq->ci >> eq->log_size & 1))
		return NULL;
	eq->ci = (eq->ci + 1) & 0xffffff;
	return e;
}

void d_eq_arm(struct d_fn *d, struct d_eq *eq)
{
	h_db_eq(d->h, d->fn, d->uar, eq->eqn, eq->ci, true);
}

unsigned int d_eq_drain(struct d_fn *d, struct d_eq *eq, int type)
{
	unsigned int n = 0;
	const uint8_t *e;

	while ((e = d_eqe(d, eq)))
		n += e[1] == type;
	d_eq_arm(d, eq);
	return n;
}

void d_cq_in(struct d_fn *d, struct d_in *in, struct d_cq *cq, unsigned int log_size)
{
	uint8_t *cqc;

	*cq = (struct d_cq){ .d = d, .log_size = log_size };
	cq->addr = ring_new(d, log_size, 0xf1);
	cq->dbr = h_alloc(d->h, d->fn, 64, 64);
	in_begin(in, MLX5_CMD_OP_CREATE_CQ, IFC_SZ(create_cq_in));
	cqc = IFC_PTR(create_cq_in, in->b, cq_context);
	o_cqc(cqc, d->uar, d->comp.eqn, log_size, cq->dbr);
	d_in_pas(in, cq->addr, pages_of(64u << log_size));
}

void d_cq(struct d_fn *d, struct d_cq *cq, unsigned int log_size)
{
	IFC_BUF(create_cq_out, out);
	struct d_in in;

	d_cq_in(d, &in, cq, log_size);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	cq->cqn = IFC_GET(create_cq_out, out, cqn);
}

const uint8_t *d_cqe(struct d_cq *cq)
{
	uint32_t size = 1u << cq->log_size;
	const uint8_t *e = mem(cq->d, cq->addr) + (cq->ci & (size - 1)) * 64;

	if ((e[63] & 1) != (cq->ci >> cq->log_size & 1) || e[63] >> 4 == 0xf)
		return NULL;
	cq->ci = (cq->ci + 1) & 0xffffff;
	ifc_st32(mem(cq->d, cq->dbr), cq->ci);
	return e;
}

void d_cq_arm(struct d_cq *cq, bool solicited)
{
	h_db_cq(cq->d->h, cq->d->fn, cq->d->uar, cq->cqn,
		(solicited ? 1u << 24 : 0) | 2u << 28 | cq->ci);
}

int d_cq_setup(void **state)
{
	struct d_cq_rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
	d_cq(&r->d, &r->cq, 3);
	*state = r;
	return 0;
}

int d_cq_teardown(void **state)
{
	struct d_cq_rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

bool d_cq_post(struct d_cq_rig *r, enum ifc_cqe_op op, bool solicited)
{
	uint8_t cqe[64] = { 0 };

	cqe[63] = (uint8_t)(op << 4 | 1); /* a wrong owner bit is to be put right */
	return fwsim_cq_post(r->d.v, r->cq.cqn, cqe, solicited);
}

unsigned int d_cq_msix(struct d_cq_rig *r)
{
	return h_msix(r->h, 1, D_COMP_VECTOR);
}

unsigned int d_cq_events(struct d_cq_rig *r)
{
	return d_eq_drain(&r->d, &r->d.comp, IFC_EVENT_COMP);
}

void d_qp_in(struct d_fn *d, struct d_in *in, struct d_qp *qp)
{
	size_t size = (D_RQ_STRIDE << D_LOG_RQ) + (64u << D_LOG_SQ);
	uint8_t *qpc;

	qp->d = d;
	qp->ring = h_alloc(d->h, d->fn, size, FWSIM_PAGE);
	qp->dbr = h_alloc(d->h, d->fn, 64, 64);
	in_begin(in, MLX5_CMD_OP_CREATE_QP, IFC_SZ(create_qp_in));
	qpc = IFC_PTR(create_qp_in, in->b, qpc);
	IFC_SET(qpc, qpc, st, qp->st);
	IFC_SET(qpc, qpc, pm_state, 3);
	IFC_SET(qpc, qpc, pd, d->pd);
	IFC_SET(qpc, qpc, uar_page, d->uar);
	IFC_SET(qpc, qpc, log_rq_size, D_LOG_RQ);
	IFC_SET(qpc, qpc, log_rq_stride, 2);
	if (qp->srqn || qp->st == IFC_QP_ST_XRC) {
		IFC_SET(qpc, qpc, rq_type, qp->srqn ? 1 : 3);
		IFC_SET(qpc, qpc, srqn_rmpn_xrqn, qp->srqn);
		IFC_SET(qpc, qpc, xrcd, qp->xrcd);
	}
	IFC_SET(qpc, qpc, log_sq_size, D_LOG_SQ);
	IFC_SET(qpc, qpc, cqn_snd, qp->scq.cqn);
	IFC_SET(qpc, qpc, cqn_rcv, qp->rcq.cqn);
	IFC_SET64(qpc, qpc, dbr_addr, qp->dbr);
	d_in_pas(in, qp->ring, pages_of(size));
}

void d_qp(struct d_fn *d, struct d_qp *qp)
{
	d_qp_of(d, qp, IFC_QP_ST_RC, 0, 0);
}

void d_qp_of(struct d_fn *d, struct d_qp *qp, enum ifc_qp_st st, uint32_t srqn, uint32_t xrcd)
{
	IFC_BUF(create_qp_out, out);
	struct d_in in;

	*qp = (struct d_qp){ .st = st, .srqn = srqn, .xrcd = xrcd };
	d_cq(d, &qp->scq, D_LOG_CQ);
	d_cq(d, &qp->rcq, D_LOG_CQ);
	d_qp_in(d, &in, qp);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
}

struct fwsim_qp *d_core_qp(struct d_qp *qp)
{
	return fwsim_table_get(&qp->d->v->obj[FWSIM_OBJ_QP], qp->qpn);
}

void d_srq_in(struct d_fn *d, struct d_in *in, struct d_srq *srq, enum fwsim_srq_kind kind,
	      uint32_t xrcd, uint32_t cqn)
{
	static const uint16_t op[] = { MLX5_CMD_OP_CREATE_SRQ, MLX5_CMD_OP_CREATE_XRC_SRQ,
				       MLX5_CMD_OP_CREATE_RMP };
	size_t size = D_SRQ_STRIDE << D_LOG_SRQ;
	unsigned int i, n = 1u << D_LOG_SRQ;
	uint8_t *c, *wq;

	*srq = (struct d_srq){ .d = d, .kind = kind };
	srq->ring = h_alloc(d->h, d->fn, size, FWSIM_PAGE);
	srq->dbr = h_alloc(d->h, d->fn, 64, 64);
	for (i = 0; i < n; i++)
		ifc_st16(mem(d, srq->ring) + i * D_SRQ_STRIDE + 2,
			 (uint16_t)((i + D_SRQ_STEP) % n));
	in_begin(in, op[kind], IFC_SZ(create_srq_in));
	if (kind == FWSIM_SRQ_RMP) {
		c = IFC_PTR(create_rmp_in, in->b, ctx);
		wq = IFC_PTR(rmpc, c, wq);
		IFC_SET(rmpc, c, state, 1);
		IFC_SET(wq, wq, log_wq_sz, D_LOG_SRQ);
		IFC_SET(wq, wq, log_wq_stride, 6);
		IFC_SET(wq, wq, pd, d->pd);
		IFC_SET64(wq, wq, dbr_addr, srq->dbr);
	} else {
		c = IFC_PTR(create_srq_in, in->b, srq_context_entry);
		IFC_SET(srqc, c, log_srq_size, D_LOG_SRQ);
		IFC_SET(srqc, c, log_rq_stride, 2);
		IFC_SET(srqc, c, pd, d->pd);
		IFC_SET(srqc, c, xrcd, xrcd);
		IFC_SET(srqc, c, cqn, cqn);
		IFC_SET64(srqc, c, dbr_addr, srq->dbr);
	}
	d_in_pas(in, srq->ring, pages_of(size));
}

void d_srq(struct d_fn *d, struct d_srq *srq, enum fwsim_srq_kind kind, uint32_t xrcd, uint32_t cqn)
{
	uint8_t out[16];
	struct d_in in;

	d_srq_in(d, &in, srq, kind, xrcd, cqn);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	srq->srqn = ifc_ld32(out + 8) & 0xffffff;
}

static unsigned int put_sge(uint8_t *p, const struct d_sge *sge);

uint16_t d_srq_recv(struct d_srq *srq, unsigned int n, const struct d_sge *sge)
{
	uint16_t index = srq->next;
	uint8_t *wqe = mem(srq->d, srq->ring) + index * D_SRQ_STRIDE;
	unsigned int i;

	memset(wqe + 16, 0, D_SRQ_STRIDE - 16);
	for (i = 0; i < n; i++)
		put_sge(wqe + 16 + 16 * i, &sge[i]);
	if (n < D_SRQ_STRIDE / 16 - 1)
		ifc_st32(wqe + 16 + 16 * n + 4, FWSIM_TERM_LKEY);
	srq->next = ifc_ld16(wqe + 2);
	ifc_st32(mem(srq->d, srq->dbr), ++srq->pi);
	return index;
}

uint8_t *d_modify_in(struct d_qp *qp, struct d_in *in, uint16_t opcode, uint32_t opt)
{
	in_begin(in, opcode, IFC_SZ(rst2init_qp_in));
	IFC_SET(rst2init_qp_in, in->b, qpn, qp->qpn);
	IFC_SET(rst2init_qp_in, in->b, opt_param_mask, opt);
	return IFC_PTR(rst2init_qp_in, in->b, qpc);
}

enum ifc_status d_modify(struct d_qp *qp, const struct d_in *in)
{
	IFC_BUF(rst2init_qp_out, out);

	return D_EXEC(qp->d, in, out);
}

enum ifc_status d_init(struct d_qp *qp)
{
	struct d_in in;
	uint8_t *qpc = d_modify_in(qp, &in, MLX5_CMD_OP_RST2INIT_QP, 0);

	IFC_SET(qpc, qpc, pm_state, 3);
	IFC_SET(qpc, qpc, rre, 1);
	IFC_SET(qpc, qpc, rwe, 1);
	IFC_SET(qpc, qpc, rae, 1);
	IFC_SET(qpc, qpc, q_key, D_QKEY);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	return d_modify(qp, &in);
}

enum ifc_status d_rtr(struct d_qp *qp, const struct d_qp *peer)
{
	const uint8_t *mac = IFC_CPTR(nic_vport_context, peer->d->v->vport.ctx, permanent_address);
	struct d_in in;
	uint8_t *qpc = d_modify_in(qp, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);

	IFC_SET(qpc, qpc, mtu, 3);
	IFC_SET(qpc, qpc, log_msg_max, 30);
	IFC_SET(qpc, qpc, remote_qpn, peer->qpn);
	IFC_SET(qpc, qpc, min_rnr_nak, 12);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	IFC_SET(qpc, qpc, primary_address_path.rmac_47_32, ifc_ld16(mac + 2));
	IFC_SET(qpc, qpc, primary_address_path.rmac_31_0, ifc_ld32(mac + 4));
	return d_modify(qp, &in);
}

enum ifc_status d_rts(struct d_qp *qp)
{
	struct d_in in;
	uint8_t *qpc = d_modify_in(qp, &in, MLX5_CMD_OP_RTR2RTS_QP, 0);

	IFC_SET(qpc, qpc, retry_count, 3);
	IFC_SET(qpc, qpc, rnr_retry, 2);
	IFC_SET(qpc, qpc, primary_address_path.ack_timeout, 10);
	return d_modify(qp, &in);
}

void d_connect(struct d_qp *a, struct d_qp *b)
{
	assert_int_equal(d_init(a), IFC_ST_OK);
	assert_int_equal(d_init(b), IFC_ST_OK);
	assert_int_equal(d_rtr(a, b), IFC_ST_OK);
	assert_int_equal(d_rtr(b, a), IFC_ST_OK);
	assert_int_equal(d_rts(a), IFC_ST_OK);
	assert_int_equal(d_rts(b), IFC_ST_OK);
}

unsigned int d_state(struct d_qp *qp)
{
	uint8_t out[IFC_SZ(query_qp_out)];

	assert_int_equal(d_simple(qp->d, MLX5_CMD_OP_QUERY_QP, qp->qpn, out, sizeof(out)),
			 IFC_ST_OK);
	return IFC_GET(query_qp_out, out, qpc.state);
}

/* ---- work ---------------------------------------------------------------------------------- */

static unsigned int put_sge(uint8_t *p, const struct d_sge *sge)
{
	ifc_st32(p, sge->len);
	ifc_st32(p + 4, sge->key);
	ifc_st64(p + 8, sge->addr);
	return 16;
}

void d_post(struct d_qp *qp, const struct d_wr *wr)
{
	bool own_rq = !qp->srqn && qp->st != IFC_QP_ST_XRC;
	uint8_t wqe[1024] = { 0 }, *sq = mem(qp->d, qp->ring);
	bool atomic = wr->op == IFC_WQE_ATOMIC_CS || wr->op == IFC_WQE_ATOMIC_FA;
	unsigned int i, len = 16;

	if (own_rq)
		sq += D_RQ_STRIDE << D_LOG_RQ;
	if (qp->st == IFC_QP_ST_XRC) {
		ifc_st32(wqe + len, wr->xrc_srqn);
		len += 16;
	}
	if (wr->av) {
		memcpy(wqe + len, wr->av, 48);
		len += 48;
	}
	if (wr->op == IFC_WQE_RDMA_WRITE || wr->op == IFC_WQE_RDMA_WRITE_IMM ||
	    wr->op == IFC_WQE_RDMA_READ || atomic) {
		ifc_st64(wqe + len, wr->raddr);
		ifc_st32(wqe + len + 8, wr->rkey);
		len += 16;
	}
	if (atomic) {
		ifc_st64(wqe + len, wr->swap_add);
		ifc_st64(wqe + len + 8, wr->compare);
		len += 16;
	}
	if (wr->inl) {
		ifc_st32(wqe + len, (uint32_t)strlen(wr->inl) | 0x80000000u);
		memcpy(wqe + len + 4, wr->inl, strlen(wr->inl));
		len += (4 + (unsigned int)strlen(wr->inl) + 15) / 16 * 16;
	}
	for (i = 0; i < wr->n; i++)
		len += put_sge(wqe + len, &wr->sge[i]);
	ifc_st32(wqe, (uint32_t)qp->sq_pi << 8 | wr->op);
	ifc_st32(wqe + 4, qp->qpn << 8 | len / 16);
	wqe[11] = (uint8_t)((wr->unsignalled ? 0 : 8) | (wr->solicited ? 2 : 0));
	ifc_st32(wqe + 12, wr->imm);
	for (i = 0; i < (len + 63) / 64; i++, qp->sq_pi++)
		memcpy(sq + (qp->sq_pi & ((1u << D_LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32(mem(qp->d, qp->dbr) + 4, qp->sq_pi);
}

void d_ring(struct d_qp *qp)
{
	h_db_qp(qp->d->h, qp->d->fn, qp->d->uar, qp->qpn, (uint32_t)qp->sq_pi << 8);
}

void d_send(struct d_qp *qp, const struct d_wr *wr)
{
	d_post(qp, wr);
	d_ring(qp);
}

void d_recv(struct d_qp *qp, unsigned int n, const struct d_sge *sge)
{
	uint8_t *wqe = mem(qp->d, qp->ring) +
		       (qp->rq_pi & ((1u << D_LOG_RQ) - 1)) * D_RQ_STRIDE;
	unsigned int i;

	memset(wqe, 0, D_RQ_STRIDE);
	for (i = 0; i < n; i++)
		put_sge(wqe + 16 * i, &sge[i]);
	if (n < D_RQ_STRIDE / 16)
		ifc_st32(wqe + 16 * n + 4, FWSIM_TERM_LKEY);
	qp->rq_pi++;
	ifc_st32(mem(qp->d, qp->dbr), qp->rq_pi);
}

const uint8_t *d_expect(struct d_cq *cq, enum ifc_cqe_op op, unsigned int synd)
{
	const uint8_t *cqe = d_cqe(cq);

	assert_non_null(cqe);
	assert_int_equal(D_CQE_OP(cqe), op);
	if (op == IFC_CQE_REQ_ERR || op == IFC_CQE_RESP_ERR)
		assert_int_equal(D_CQE_SYND(cqe), synd);
	return cqe;
}

void d_expect_none(struct d_cq *cq)
{
	assert_null(d_cqe(cq));
}
