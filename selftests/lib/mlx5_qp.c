// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "mlx5_priv.h"
#include "tap.h"

#define CQE_SIZE 64U
#define OPTPAR_RRE (1U << 1)
#define OPTPAR_RAE (1U << 2)
#define OPTPAR_RWE (1U << 3)
#define PM_MIGRATED 3
#define ATOMIC_IB_COMP 1 /* qpc.atomic_mode */

void mlx5_create_cq(struct mlx5_vf *vf, unsigned int i, unsigned int log)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	size_t len = (size_t)CQE_SIZE << log, npages = (len + PAGE - 1) / PAGE;
	size_t inlen = IFC_SZ(create_cq_in) + npages * 8;
	IFC_BUF(create_cq_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *cqc;

	CHECK(in);
	memset(cq, 0, sizeof(*cq));
	cq->buf = mlx5_alloc(vf, len);
	cq->dbr = mlx5_alloc(vf, 64);
	cq->log = log;
	cq->arm_sn = 1;
	for (size_t k = 0; k < 1U << log; k++)
		((uint8_t *)mlx5_va(vf, cq->buf))[k * CQE_SIZE + 0x3f] = 0xf1;
	ifc_st32((uint8_t *)mlx5_va(vf, cq->dbr) + 4, 2U << 28);
	cqc = IFC_PTR(create_cq_in, in, cq_context);
	IFC_SET(create_cq_in, in, opcode, MLX5_CMD_OP_CREATE_CQ);
	IFC_SET(cqc, cqc, log_cq_size, log);
	IFC_SET(cqc, cqc, uar_page, vf->sw->uar);
	IFC_SET(cqc, cqc, c_eqn_or_apu_element, vf->sw->eq[2].eqn);
	IFC_SET64(cqc, cqc, dbr_addr, mlx5_iova(cq->dbr));
	set_pas(in + IFC_SZ(create_cq_in), cq->buf, len);
	mlx5_cmd_ok(vf, "CREATE_CQ", in, inlen, out, sizeof(out));
	cq->cqn = IFC_GET(create_cq_out, out, cqn);
	cq->live = true;
	free(in);
}

/* Bytes of the receive ring, which the send ring follows. */
static size_t rq_bytes(const struct mlx5_qp *qp)
{
	return (size_t)16 << qp->log_rq;
}

static void create_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq, unsigned int log_rq,
		      unsigned int scq, unsigned int rcq, bool rlky)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	IFC_BUF(create_qp_out, out) = { 0 };
	size_t len, npages, inlen;
	uint8_t *in, *qpc;

	memset(qp, 0, sizeof(*qp));
	qp->log_sq = log_sq;
	qp->log_rq = log_rq;
	qp->scq = scq;
	qp->rcq = rcq;
	len = rq_bytes(qp) + ((size_t)64 << log_sq);
	npages = (len + PAGE - 1) / PAGE;
	inlen = IFC_SZ(create_qp_in) + npages * 8;
	in = calloc(1, inlen);
	CHECK(in);
	qp->buf = mlx5_alloc(vf, len);
	qp->dbr = mlx5_alloc(vf, 64);
	qpc = IFC_PTR(create_qp_in, in, qpc);
	IFC_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	IFC_SET(qpc, qpc, pm_state, PM_MIGRATED);
	IFC_SET(qpc, qpc, rlky, rlky);
	IFC_SET(qpc, qpc, pd, vf->sw->pd);
	IFC_SET(qpc, qpc, uar_page, vf->sw->uar);
	IFC_SET(qpc, qpc, user_index, 0xffffff);
	IFC_SET(qpc, qpc, log_sq_size, log_sq);
	IFC_SET(qpc, qpc, log_rq_size, log_rq);
	IFC_SET(qpc, qpc, log_rq_stride, 0);
	IFC_SET(qpc, qpc, cqn_snd, vf->sw->cq[scq].cqn);
	IFC_SET(qpc, qpc, cqn_rcv, vf->sw->cq[rcq].cqn);
	IFC_SET64(qpc, qpc, dbr_addr, mlx5_iova(qp->dbr));
	set_pas(in + IFC_SZ(create_qp_in), qp->buf, len);
	mlx5_cmd_ok(vf, "CREATE_QP", in, inlen, out, sizeof(out));
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
	qp->live = true;
	free(in);
}

void mlx5_create_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq, unsigned int log_rq,
		    unsigned int scq, unsigned int rcq)
{
	create_qp(vf, i, log_sq, log_rq, scq, rcq, false);
}

void mlx5_create_kernel_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq,
			   unsigned int log_rq, unsigned int scq, unsigned int rcq)
{
	create_qp(vf, i, log_sq, log_rq, scq, rcq, true);
}

int mlx5_destroy_qp(struct mlx5_vf *vf, unsigned int i)
{
	IFC_BUF(destroy_qp_in, in) = { 0 };
	IFC_BUF(destroy_qp_out, out) = { 0 };

	IFC_SET(destroy_qp_in, in, opcode, MLX5_CMD_OP_DESTROY_QP);
	IFC_SET(destroy_qp_in, in, qpn, vf->sw->qp[i].qpn);
	vf->sw->qp[i].live = false;
	return mlx5_cmd(vf, in, sizeof(in), out, sizeof(out));
}

/* The path of a QP context to the function with @mac and @gid; NULL = this function itself. */
static void set_path(struct mlx5_vf *vf, uint8_t *qpc, const uint8_t *mac, const uint8_t *gid)
{
	uint8_t *ads = IFC_PTR(qpc, qpc, primary_address_path);

	IFC_SET(ads, ads, vhca_port_num, 1);
	IFC_SET(ads, ads, ack_timeout, 16);
	if (!mac) {
		IFC_SET(ads, ads, fl, 1);
		return;
	}
	IFC_SET(ads, ads, rmac_47_32, ifc_ld16(mac));
	IFC_SET(ads, ads, rmac_31_0, ifc_ld32(mac + 2));
	IFC_SET(ads, ads, grh, 1);
	IFC_SET(ads, ads, hop_limit, 64);
	memcpy(IFC_PTR(ads, ads, rgid_rip), gid, 16);
	if (vf->sw->roce)
		IFC_SET(ads, ads, udp_sport, 0xc000);
}

static void connect_half(struct mlx5_vf *vf, unsigned int i, uint32_t remote, const uint8_t *mac,
			 const uint8_t *gid)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *q;

	{
		IFC_BUF(rst2init_qp_in, in) = { 0 };
		IFC_BUF(rst2init_qp_out, out) = { 0 };

		q = IFC_PTR(rst2init_qp_in, in, qpc);
		IFC_SET(rst2init_qp_in, in, opcode, MLX5_CMD_OP_RST2INIT_QP);
		IFC_SET(rst2init_qp_in, in, qpn, qp->qpn);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, rre, 1);
		IFC_SET(qpc, q, rwe, 1);
		IFC_SET(qpc, q, rae, 1);
		IFC_SET(qpc, q, atomic_mode, ATOMIC_IB_COMP);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), vhca_port_num, 1);
		CMD(vf, RST2INIT_QP, in, out);
	}
	{
		IFC_BUF(init2rtr_qp_in, in) = { 0 };
		IFC_BUF(init2rtr_qp_out, out) = { 0 };

		q = IFC_PTR(init2rtr_qp_in, in, qpc);
		IFC_SET(init2rtr_qp_in, in, opcode, MLX5_CMD_OP_INIT2RTR_QP);
		IFC_SET(init2rtr_qp_in, in, qpn, qp->qpn);
		IFC_SET(init2rtr_qp_in, in, opt_param_mask, OPTPAR_RRE | OPTPAR_RAE | OPTPAR_RWE);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, mtu, 3); /* 1024 */
		IFC_SET(qpc, q, log_msg_max, 30);
		IFC_SET(qpc, q, remote_qpn, remote);
		IFC_SET(qpc, q, next_rcv_psn, 0x100);
		IFC_SET(qpc, q, min_rnr_nak, 12);
		IFC_SET(qpc, q, log_rra_max, 2);
		IFC_SET(qpc, q, rre, 1);
		IFC_SET(qpc, q, rwe, 1);
		IFC_SET(qpc, q, rae, 1);
		IFC_SET(qpc, q, atomic_mode, ATOMIC_IB_COMP);
		set_path(vf, q, mac, gid);
		CMD(vf, INIT2RTR_QP, in, out);
	}
	{
		IFC_BUF(rtr2rts_qp_in, in) = { 0 };
		IFC_BUF(rtr2rts_qp_out, out) = { 0 };

		q = IFC_PTR(rtr2rts_qp_in, in, qpc);
		IFC_SET(rtr2rts_qp_in, in, opcode, MLX5_CMD_OP_RTR2RTS_QP);
		IFC_SET(rtr2rts_qp_in, in, qpn, qp->qpn);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, next_send_psn, 0x100);
		IFC_SET(qpc, q, log_sra_max, 2);
		IFC_SET(qpc, q, retry_count, 7);
		IFC_SET(qpc, q, rnr_retry, 7);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), ack_timeout, 16);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), vhca_port_num, 1);
		CMD(vf, RTR2RTS_QP, in, out);
	}
}

void mlx5_connect_self(struct mlx5_vf *vf, unsigned int i)
{
	connect_half(vf, i, vf->sw->qp[i].qpn, NULL, NULL);
}

void mlx5_connect(struct mlx5_vf *a, unsigned int i, struct mlx5_vf *b, unsigned int j)
{
	connect_half(a, i, b->sw->qp[j].qpn, b->sw->mac, b->sw->gid);
	connect_half(b, j, a->sw->qp[i].qpn, a->sw->mac, a->sw->gid);
}

void mlx5_query_qp(struct mlx5_vf *vf, unsigned int i, uint8_t *qpc)
{
	IFC_BUF(query_qp_in, in) = { 0 };
	IFC_BUF(query_qp_out, out) = { 0 };

	IFC_SET(query_qp_in, in, opcode, MLX5_CMD_OP_QUERY_QP);
	IFC_SET(query_qp_in, in, qpn, vf->sw->qp[i].qpn);
	CMD(vf, QUERY_QP, in, out);
	memcpy(qpc, IFC_PTR(query_qp_out, out, qpc), IFC_SZ(qpc));
}

static uint8_t *sq_entry(struct mlx5_vf *vf, struct mlx5_qp *qp, uint32_t i)
{
	return (uint8_t *)mlx5_va(vf, qp->buf) + rq_bytes(qp) + (size_t)(i & ((1U << qp->log_sq) - 1)) * 64;
}

static void data_seg(struct mlx5_vf *vf, uint8_t *s, uint64_t off, uint32_t len)
{
	ifc_st32(s, len);
	ifc_st32(s + 4, vf->sw->mkey);
	ifc_st64(s + 8, mlx5_iova(off));
}

static void post(struct mlx5_vf *vf, unsigned int i, enum ifc_wqe_op op, uint64_t local,
		 uint64_t raddr, uint32_t rkey, uint32_t len)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi), *s = w + 16;

	memset(w, 0, 64);
	if (op != IFC_WQE_SEND) {
		ifc_st64(s, raddr);
		ifc_st32(s + 8, rkey);
		s += 16;
	}
	data_seg(vf, s, local, len);
	s += 16;
	ifc_st32(w, (qp->sq_pi & 0xffff) << 8 | op);
	ifc_st32(w + 4, qp->qpn << 8 | (uint32_t)(s - w) / 16);
	w[11] = 2 << 2; /* always make a completion */
	qp->sq_pi++;
}

void mlx5_post_write(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint64_t raddr,
		     uint32_t rkey, uint32_t len)
{
	post(vf, qp, IFC_WQE_RDMA_WRITE, src, raddr, rkey, len);
}

void mlx5_post_read(struct mlx5_vf *vf, unsigned int qp, uint64_t dst, uint64_t raddr,
		    uint32_t rkey, uint32_t len)
{
	post(vf, qp, IFC_WQE_RDMA_READ, dst, raddr, rkey, len);
}

void mlx5_post_send(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint32_t len)
{
	post(vf, qp, IFC_WQE_SEND, src, 0, 0, len);
}

void mlx5_post_fetch_add(struct mlx5_vf *vf, unsigned int i, uint64_t dst, uint64_t raddr, uint32_t rkey,
			 uint64_t add)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi);

	/* the atomic segment goes between address and data */
	post(vf, i, IFC_WQE_ATOMIC_FA, dst, raddr, rkey, 8);
	memmove(w + 48, w + 32, 16);
	ifc_st64(w + 32, add);
	ifc_st64(w + 40, 0);
	ifc_st32(w + 4, qp->qpn << 8 | 4);
}

void mlx5_post_recv(struct mlx5_vf *vf, unsigned int i, uint64_t dst, uint32_t len)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = (uint8_t *)mlx5_va(vf, qp->buf) + (size_t)(qp->rq_pi & ((1U << qp->log_rq) - 1)) * 16;

	data_seg(vf, w, dst, len);
	qp->rq_pi++;
	wmb();
	ifc_st32(mlx5_va(vf, qp->dbr), qp->rq_pi & 0xffff);
}

void mlx5_set_lkey(struct mlx5_vf *vf, unsigned int i, uint32_t lkey)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi - 1);

	/* the data segment is the last one */
	ifc_st32(w + ((ifc_ld32(w + 4) & 0x3f) - 1) * 16 + 4, lkey);
}

void mlx5_ring_record(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];

	wmb();
	ifc_st32((uint8_t *)mlx5_va(vf, qp->dbr) + 4, qp->sq_pi & 0xffff);
}

void mlx5_ring(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi - 1);

	mlx5_ring_record(vf, i);
	wr64(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_BF + qp->bf_toggle, ifc_ld32(w), ifc_ld32(w + 4));
	qp->bf_toggle ^= (1U << IFC_LOG_BF_REG_SIZE) / 2;
}

static uint8_t *next_cqe(struct mlx5_vf *vf, const struct mlx5_cq *cq)
{
	uint8_t *c = (uint8_t *)mlx5_va(vf, cq->buf) + (size_t)(cq->ci & ((1U << cq->log) - 1)) * CQE_SIZE;
	uint8_t own = __atomic_load_n(&c[0x3f], __ATOMIC_ACQUIRE);

	return own >> 4 == 0xf || (own & 1) != (cq->ci >> cq->log & 1) ? NULL : c;
}

bool mlx5_peek_cq(struct mlx5_vf *vf, unsigned int i)
{
	return next_cqe(vf, &vf->sw->cq[i]);
}

bool mlx5_poll_cq(struct mlx5_vf *vf, unsigned int i, struct mlx5_wc *wc)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	uint8_t *c = next_cqe(vf, cq);

	if (!c)
		return false;
	wc->opcode = c[0x3f] >> 4;
	wc->syndrome = 0;
	if (wc->opcode == IFC_CQE_REQ_ERR || wc->opcode == IFC_CQE_RESP_ERR)
		wc->syndrome = c[0x37];
	wc->qpn = ifc_ld32(c + 0x38) & 0xffffff;
	wc->wqe = ifc_ld16(c + 0x3c);
	wc->len = ifc_ld32(c + 0x2c);
	wc->imm = ifc_ld32(c + 0x24);
	cq->ci++;
	ifc_st32(mlx5_va(vf, cq->dbr), cq->ci & 0xffffff);
	return true;
}

void mlx5_wait_cq(struct mlx5_vf *vf, unsigned int cq, struct mlx5_wc *wc, unsigned int ms)
{
	uint64_t start = 0;

	while (!mlx5_poll_cq(vf, cq, wc))
		CHECK_MSG(wait_more(&start, ms), "%s: no completion in CQ %u (0x%x) after %u ms, ci %u",
			  vf->dev.bdf, cq, vf->sw->cq[cq].cqn, ms, vf->sw->cq[cq].ci);
}

void mlx5_arm_cq(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	uint32_t hi = (cq->arm_sn & 3) << 28 | (cq->ci & 0xffffff);

	ifc_st32((uint8_t *)mlx5_va(vf, cq->dbr) + 4, hi);
	wr64(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_CQ_DB, hi, cq->cqn);
}

bool mlx5_wait_event(struct mlx5_vf *vf, unsigned int i, unsigned int ms)
{
	uint32_t before = vf->sw->cq[i].events;
	uint64_t start = 0;

	while (wait_more(&start, ms)) {
		if (!vfio_msix_wait(&vf->dev, 1, (int)tap_bound(ms)))
			return false;
		mlx5_poll_eq(vf, 2);
		if (vf->sw->cq[i].events != before)
			return true;
	}
	return false;
}
