// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A VF in the hands of rdma-core's own user-space driver over VFIO (mlx5dv_get_vfio_device_list): a second
 * driver for the card that is not ours. It boots the VF by itself; what it offers is used here the way that
 * tests/test_mlx5_vfio.py of rdma-core does: PD, memory region, plain commands, UARs, MSI-X vectors, an
 * event queue, and RC queue pairs made of DEVX commands whose rings are in umems.
 *
 * Needs a VF bound to a VFIO driver, and its group: the provider knows no other way to open one.
 */
#include <endian.h>
#include <errno.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "ifc.h"
#include "tap.h"

#define PAGE 4096u
#define LOG_CQ 6
#define LOG_SQ 6 /* 64-byte units */
#define LOG_RQ 6
#define RQ_STRIDE 16u
#define LOG_EQ 7
#define EVENTS_MS 5000
#define SQ_OFF (RQ_STRIDE << LOG_RQ)
/* Numbers of umems: the kernel's header does not name these fields. */
#define CQ_IN_UMEM_ID 0x58
#define CQC_DBR_UMEM_ID 0x4
#define QPC_DBR_UMEM_ID 0xe4

#define WQE_SEND_IMM 0x0b
#define WQE_RDMA_WRITE 0x08
#define CE_ALWAYS 8u
#define QP_RC 0
#define QP_MIGRATED 3
#define EVENT_COMPLETION 0

static struct ibv_context *open_vf(void)
{
	struct mlx5dv_vfio_context_attr attr = { .pci_name = env_vf(0) };
	struct ibv_device **list = mlx5dv_get_vfio_device_list(&attr);
	struct ibv_context *ctx;

	CHECK_MSG(list, "no list of devices: %s", strerror(errno));
	ctx = ibv_open_device(list[0]);
	CHECK_MSG(ctx, "ibv_open_device: %s", strerror(errno));
	ibv_free_device_list(list);
	return ctx;
}

/* Events of the device: the provider leaves it to the user to look after them. */
static void process_events(struct ibv_context *ctx)
{
	struct pollfd p = { .fd = mlx5dv_vfio_get_events_fd(ctx), .events = POLLIN };

	CHECK(p.fd >= 0);
	while (poll(&p, 1, 0) == 1)
		CHECK_EQ(mlx5dv_vfio_process_events(ctx), 0);
}

static void opens_and_closes(void)
{
	for (int i = 0; i < 3; i++) {
		struct ibv_context *ctx = open_vf();

		process_events(ctx);
		CHECK_EQ(ibv_close_device(ctx), 0);
	}
}

static void plain_commands(void)
{
	struct ibv_context *ctx = open_vf();
	IFC_BUF(query_hca_cap_in, in) = { 0 };
	IFC_BUF(query_hca_cap_out, out) = { 0 };
	const uint8_t *cap = IFC_CPTR(query_hca_cap_out, out, capability);
	IFC_BUF(query_nic_vport_context_in, vin) = { 0 };
	IFC_BUF(query_nic_vport_context_out, vout) = { 0 };

	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1); /* general, current */
	CHECK_EQ(mlx5dv_devx_general_cmd(ctx, in, sizeof(in), out, sizeof(out)), 0);
	CHECK_EQ(IFC_GET(cmd_hca_cap, cap, umem_uid_0), 1);
	CHECK(IFC_GET(cmd_hca_cap, cap, vhca_id));

	IFC_SET(query_nic_vport_context_in, vin, opcode, MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
	CHECK_EQ(mlx5dv_devx_general_cmd(ctx, vin, sizeof(vin), vout, sizeof(vout)), 0);

	/* a VF may not look at another's: a status, by way of EREMOTEIO, and the context goes on */
	IFC_SET(query_nic_vport_context_in, vin, other_vport, 1);
	IFC_SET(query_nic_vport_context_in, vin, vport_number, 2);
	CHECK(mlx5dv_devx_general_cmd(ctx, vin, sizeof(vin), vout, sizeof(vout)) != 0);
	CHECK(IFC_GET(query_nic_vport_context_out, vout, status));
	CHECK_EQ(mlx5dv_devx_general_cmd(ctx, in, sizeof(in), out, sizeof(out)), 0);
	CHECK_EQ(ibv_close_device(ctx), 0);
}

static void pds_and_memory_regions(void)
{
	static const size_t size[] = { 1, PAGE, 5 * PAGE + 7, 4u << 20 };
	struct ibv_context *ctx = open_vf();
	struct ibv_pd *pd = ibv_alloc_pd(ctx), *other = ibv_alloc_pd(ctx);
	struct ibv_mr *mr[8];
	uint8_t *buf = aligned_alloc(PAGE, 8u << 20);

	CHECK(pd && other && buf);
	for (unsigned int i = 0; i < 8; i++) {
		int access = i & 1 ? IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE : 0;

		mr[i] = ibv_reg_mr(i & 2 ? pd : other, buf + 100 * i, size[i / 2], access);
		CHECK_MSG(mr[i], "ibv_reg_mr of %zu bytes: %s", size[i / 2], strerror(errno));
		for (unsigned int j = 0; j < i; j++)
			CHECK(mr[j]->lkey != mr[i]->lkey);
	}
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(ibv_dereg_mr(mr[i]), 0);
	CHECK_EQ(ibv_dealloc_pd(pd), 0);
	CHECK_EQ(ibv_dealloc_pd(other), 0);
	CHECK_EQ(ibv_close_device(ctx), 0);
	free(buf);
}

/* ---- queues of DEVX commands ---------------------------------------------------------------- */

struct umem {
	struct mlx5dv_devx_umem *u;
	uint8_t *p;
};

struct eq {
	struct mlx5dv_devx_msi_vector *msi;
	struct mlx5dv_devx_eq *eq;
	uint32_t eqn, ci;
};

struct cq {
	struct mlx5dv_devx_obj *obj;
	struct umem ring, dbr;
	uint32_t cqn, ci;
};

struct qp {
	struct mlx5dv_devx_obj *obj;
	struct umem ring, dbr;
	struct cq cq;
	uint32_t qpn;
	uint16_t sq_pi, rq_pi;
};

struct vf {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct mlx5dv_pd dvpd;
	struct mlx5dv_devx_uar *uar;
	struct eq eq;
	struct ibv_mr *mr;
	uint8_t *buf;
	uint8_t mac[6];
};

#define BUF_SIZE (1u << 20)

static struct umem umem_new(struct ibv_context *ctx, size_t size)
{
	struct umem m = { .p = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE) };

	CHECK(m.p);
	memset(m.p, 0, size);
	m.u = mlx5dv_devx_umem_reg(ctx, m.p, size, IBV_ACCESS_LOCAL_WRITE);
	CHECK_MSG(m.u, "mlx5dv_devx_umem_reg of %zu bytes: %s", size, strerror(errno));
	return m;
}

static void umem_del(struct umem *m)
{
	CHECK_EQ(mlx5dv_devx_umem_dereg(m->u), 0);
	free(m->p);
}

static uint8_t *eq_entry(struct eq *eq)
{
	uint8_t *e = (uint8_t *)eq->eq->vaddr + (eq->ci & ((1u << LOG_EQ) - 1)) * 64;

	if ((__atomic_load_n(&e[63], __ATOMIC_ACQUIRE) & 1) != (eq->ci >> LOG_EQ & 1))
		return NULL;
	return e;
}

/* The consumer index, and the next entry makes an interrupt. */
static void eq_arm(struct vf *vf)
{
	volatile uint32_t *db = (uint32_t *)((uint8_t *)vf->uar->base_addr + 0x40);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*db = htobe32(vf->eq.eqn << 24 | (vf->eq.ci & 0xffffff));
}

static void eq_new(struct vf *vf)
{
	IFC_BUF(create_eq_in, in) = { 0 };
	IFC_BUF(create_eq_out, out) = { 0 };
	uint8_t *eqc = IFC_PTR(create_eq_in, in, eq_context_entry);

	vf->eq.msi = mlx5dv_devx_alloc_msi_vector(vf->ctx);
	CHECK_MSG(vf->eq.msi, "mlx5dv_devx_alloc_msi_vector: %s", strerror(errno));
	IFC_SET(create_eq_in, in, opcode, MLX5_CMD_OP_CREATE_EQ);
	IFC_SET(eqc, eqc, log_eq_size, LOG_EQ);
	IFC_SET(eqc, eqc, uar_page, vf->uar->page_id);
	IFC_SET(eqc, eqc, intr, (uint32_t)vf->eq.msi->vector);
	vf->eq.eq = mlx5dv_devx_create_eq(vf->ctx, in, sizeof(in), out, sizeof(out));
	CHECK_MSG(vf->eq.eq, "mlx5dv_devx_create_eq: %s", strerror(errno));
	vf->eq.eqn = IFC_GET(create_eq_out, out, eq_number);
	/* no event can come before a CQ names the EQ, so the entries may be made empty now */
	for (unsigned int i = 0; i < 1u << LOG_EQ; i++)
		((uint8_t *)vf->eq.eq->vaddr)[i * 64 + 63] = 1;
	eq_arm(vf);
}

static void cq_new(struct vf *vf, struct cq *cq)
{
	IFC_BUF(create_cq_in, in) = { 0 };
	IFC_BUF(create_cq_out, out) = { 0 };
	uint8_t *cqc = IFC_PTR(create_cq_in, in, cq_context);

	cq->ring = umem_new(vf->ctx, 64u << LOG_CQ);
	cq->dbr = umem_new(vf->ctx, 8);
	memset(cq->ring.p, 0xf1, 64u << LOG_CQ); /* opcode invalid, owner 1 */
	IFC_SET(create_cq_in, in, opcode, MLX5_CMD_OP_CREATE_CQ);
	IFC_SET(create_cq_in, in, cq_umem_valid, 1);
	ifc_st32(in + CQ_IN_UMEM_ID, cq->ring.u->umem_id);
	IFC_SET(cqc, cqc, log_cq_size, LOG_CQ);
	IFC_SET(cqc, cqc, uar_page, vf->uar->page_id);
	IFC_SET(cqc, cqc, c_eqn_or_apu_element, vf->eq.eqn);
	IFC_SET(cqc, cqc, dbr_umem_valid, 1);
	ifc_st32(cqc + CQC_DBR_UMEM_ID, cq->dbr.u->umem_id);
	cq->obj = mlx5dv_devx_obj_create(vf->ctx, in, sizeof(in), out, sizeof(out));
	CHECK_MSG(cq->obj, "CREATE_CQ: %s, status 0x%x, syndrome 0x%x", strerror(errno),
		  IFC_GET(create_cq_out, out, status), IFC_GET(create_cq_out, out, syndrome));
	cq->cqn = IFC_GET(create_cq_out, out, cqn);
}

static void cq_arm(struct vf *vf, struct cq *cq)
{
	uint64_t v = (uint64_t)(cq->ci & 0xffffff) << 32 | cq->cqn; /* command serial number 0 */

	ifc_st32(cq->dbr.p + 4, cq->ci & 0xffffff);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint64_t *)((uint8_t *)vf->uar->base_addr + 0x20) = htobe64(v);
}

/* Next completion, which must come and be none of an error. */
static const uint8_t *cq_wait(struct cq *cq)
{
	const uint8_t *e = cq->ring.p + (cq->ci & ((1u << LOG_CQ) - 1)) * 64;
	uint64_t start = 0;
	uint8_t own;

	do {
		own = __atomic_load_n(&e[63], __ATOMIC_ACQUIRE);
		if (own >> 4 != 0xf && (own & 1) == (cq->ci >> LOG_CQ & 1))
			break;
	} while (wait_more(&start, tap_bound(EVENTS_MS)));
	CHECK_MSG(own >> 4 != 0xf && (own & 1) == (cq->ci >> LOG_CQ & 1), "no completion %u", cq->ci);
	CHECK_MSG(own >> 4 < 0xd, "completion %u: opcode 0x%x, syndrome 0x%x", cq->ci, own >> 4, e[55]);
	cq->ci++;
	ifc_st32(cq->dbr.p, cq->ci & 0xffffff);
	return e;
}

static void qp_new(struct vf *vf, struct qp *qp)
{
	IFC_BUF(create_qp_in, in) = { 0 };
	IFC_BUF(create_qp_out, out) = { 0 };
	uint8_t *qpc = IFC_PTR(create_qp_in, in, qpc);

	cq_new(vf, &qp->cq);
	qp->ring = umem_new(vf->ctx, SQ_OFF + (64u << LOG_SQ));
	qp->dbr = umem_new(vf->ctx, 8);
	IFC_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	IFC_SET(create_qp_in, in, wq_umem_valid, 1);
	IFC_SET(create_qp_in, in, wq_umem_id, qp->ring.u->umem_id);
	IFC_SET(qpc, qpc, st, QP_RC);
	IFC_SET(qpc, qpc, pm_state, QP_MIGRATED);
	IFC_SET(qpc, qpc, pd, vf->dvpd.pdn);
	IFC_SET(qpc, qpc, uar_page, vf->uar->page_id);
	IFC_SET(qpc, qpc, log_sq_size, LOG_SQ);
	IFC_SET(qpc, qpc, log_rq_size, LOG_RQ);
	IFC_SET(qpc, qpc, cqn_snd, qp->cq.cqn);
	IFC_SET(qpc, qpc, cqn_rcv, qp->cq.cqn);
	IFC_SET(qpc, qpc, dbr_umem_valid, 1);
	ifc_st32(qpc + QPC_DBR_UMEM_ID, qp->dbr.u->umem_id);
	qp->obj = mlx5dv_devx_obj_create(vf->ctx, in, sizeof(in), out, sizeof(out));
	CHECK_MSG(qp->obj, "CREATE_QP: %s, status 0x%x, syndrome 0x%x", strerror(errno),
		  IFC_GET(create_qp_out, out, status), IFC_GET(create_qp_out, out, syndrome));
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
}

static void qp_modify(struct qp *qp, uint16_t opcode, uint8_t *in)
{
	IFC_BUF(rst2init_qp_out, out) = { 0 };

	IFC_SET(rst2init_qp_in, in, opcode, opcode);
	IFC_SET(rst2init_qp_in, in, qpn, qp->qpn);
	CHECK_MSG(!mlx5dv_devx_obj_modify(qp->obj, in, IFC_SZ(rst2init_qp_in), out, sizeof(out)),
		  "opcode 0x%x: status 0x%x, syndrome 0x%x", opcode, IFC_GET(rst2init_qp_out, out, status),
		  IFC_GET(rst2init_qp_out, out, syndrome));
}

static void qp_connect(const struct vf *vf, struct qp *qp, uint32_t to)
{
	IFC_BUF(rst2init_qp_in, init) = { 0 };
	IFC_BUF(rst2init_qp_in, rtr) = { 0 };
	IFC_BUF(rst2init_qp_in, rts) = { 0 };
	uint8_t *qpc = IFC_PTR(rst2init_qp_in, init, qpc);

	IFC_SET(qpc, qpc, rre, 1);
	IFC_SET(qpc, qpc, rwe, 1);
	IFC_SET(qpc, qpc, pm_state, QP_MIGRATED);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	qp_modify(qp, MLX5_CMD_OP_RST2INIT_QP, init);

	qpc = IFC_PTR(rst2init_qp_in, rtr, qpc);
	IFC_SET(qpc, qpc, mtu, 3);
	IFC_SET(qpc, qpc, log_msg_max, 20);
	IFC_SET(qpc, qpc, remote_qpn, to);
	IFC_SET(qpc, qpc, min_rnr_nak, 12);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	IFC_SET(qpc, qpc, primary_address_path.rmac_47_32, ifc_ld16(vf->mac));
	IFC_SET(qpc, qpc, primary_address_path.rmac_31_0, ifc_ld32(vf->mac + 2));
	IFC_SET(qpc, qpc, primary_address_path.fl, 1);
	qp_modify(qp, MLX5_CMD_OP_INIT2RTR_QP, rtr);

	qpc = IFC_PTR(rst2init_qp_in, rts, qpc);
	IFC_SET(qpc, qpc, retry_count, 6);
	IFC_SET(qpc, qpc, rnr_retry, 6);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	IFC_SET(qpc, qpc, primary_address_path.ack_timeout, 14);
	qp_modify(qp, MLX5_CMD_OP_RTR2RTS_QP, rts);
}

/* Two queue pairs, each the other's peer. */
static void qp_pair(struct vf *vf, struct qp *a, struct qp *b)
{
	qp_new(vf, a);
	qp_new(vf, b);
	qp_connect(vf, a, b->qpn);
	qp_connect(vf, b, a->qpn);
}

static void qp_del(struct qp *qp)
{
	CHECK_EQ(mlx5dv_devx_obj_destroy(qp->obj), 0);
	CHECK_EQ(mlx5dv_devx_obj_destroy(qp->cq.obj), 0);
	umem_del(&qp->ring);
	umem_del(&qp->dbr);
	umem_del(&qp->cq.ring);
	umem_del(&qp->cq.dbr);
}

static void data_segment(uint8_t *p, const struct vf *vf, uint32_t off, uint32_t len)
{
	ifc_st32(p, len);
	ifc_st32(p + 4, vf->mr->lkey);
	ifc_st64(p + 8, (uint64_t)(uintptr_t)(vf->buf + off));
}

static void post_recv(const struct vf *vf, struct qp *qp, uint32_t off, uint32_t len)
{
	data_segment(qp->ring.p + (qp->rq_pi & ((1u << LOG_RQ) - 1)) * RQ_STRIDE, vf, off, len);
	qp->rq_pi++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ifc_st32(qp->dbr.p, qp->rq_pi);
}

/* SEND with @imm, or to @to: RDMA WRITE. One WQE of 64 bytes. */
static void post_send(struct vf *vf, struct qp *qp, uint32_t off, uint32_t len, uint32_t imm, int64_t to)
{
	uint8_t *w = qp->ring.p + SQ_OFF + (qp->sq_pi & ((1u << LOG_SQ) - 1)) * 64;
	unsigned int ds = to < 0 ? 2 : 3;
	uint64_t first;

	memset(w, 0, 64);
	ifc_st32(w, (uint32_t)qp->sq_pi << 8 | (to < 0 ? WQE_SEND_IMM : WQE_RDMA_WRITE));
	ifc_st32(w + 4, qp->qpn << 8 | ds);
	w[11] = CE_ALWAYS;
	if (to < 0) {
		ifc_st32(w + 12, imm);
	} else {
		ifc_st64(w + 16, (uint64_t)(uintptr_t)(vf->buf + to));
		ifc_st32(w + 24, vf->mr->rkey);
	}
	data_segment(w + 16 * (ds - 1), vf, off, len);
	qp->sq_pi++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ifc_st32(qp->dbr.p + 4, qp->sq_pi);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(&first, w, 8);
	*(volatile uint64_t *)vf->uar->reg_addr = first;
}

static void vf_start(struct vf *vf)
{
	IFC_BUF(query_nic_vport_context_in, in) = { 0 };
	IFC_BUF(query_nic_vport_context_out, out) = { 0 };
	struct mlx5dv_obj obj = { .pd = { .out = &vf->dvpd } };

	vf->ctx = open_vf();
	vf->pd = ibv_alloc_pd(vf->ctx);
	CHECK(vf->pd);
	obj.pd.in = vf->pd;
	CHECK_EQ(mlx5dv_init_obj(&obj, MLX5DV_OBJ_PD), 0);
	vf->buf = aligned_alloc(PAGE, BUF_SIZE);
	CHECK(vf->buf);
	memset(vf->buf, 0, BUF_SIZE);
	vf->mr = ibv_reg_mr(vf->pd, vf->buf, BUF_SIZE, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			    IBV_ACCESS_REMOTE_READ);
	CHECK_MSG(vf->mr, "ibv_reg_mr: %s", strerror(errno));
	vf->uar = mlx5dv_devx_alloc_uar(vf->ctx, MLX5DV_UAR_ALLOC_TYPE_NC);
	CHECK_MSG(vf->uar, "mlx5dv_devx_alloc_uar: %s", strerror(errno));
	IFC_SET(query_nic_vport_context_in, in, opcode, MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
	CHECK_EQ(mlx5dv_devx_general_cmd(vf->ctx, in, sizeof(in), out, sizeof(out)), 0);
	memcpy(vf->mac, IFC_PTR(query_nic_vport_context_out, out, nic_vport_context.permanent_address) + 2, 6);
	eq_new(vf);
}

static void vf_stop(struct vf *vf)
{
	CHECK_EQ(mlx5dv_devx_destroy_eq(vf->eq.eq), 0);
	CHECK_EQ(mlx5dv_devx_free_msi_vector(vf->eq.msi), 0);
	mlx5dv_devx_free_uar(vf->uar);
	CHECK_EQ(ibv_dereg_mr(vf->mr), 0);
	CHECK_EQ(ibv_dealloc_pd(vf->pd), 0);
	process_events(vf->ctx);
	CHECK_EQ(ibv_close_device(vf->ctx), 0);
	free(vf->buf);
}

static void fill(uint8_t *p, uint32_t len, unsigned int seed)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 13 + seed * 31 + 1);
}

/* Messages and writes of many lengths between two QPs of the VF, around all rings several times. */
static void traffic_between_queue_pairs_in_umems(void)
{
	struct vf vf = { 0 };
	struct qp a = { 0 }, b = { 0 };

	vf_start(&vf);
	qp_pair(&vf, &a, &b);
	for (unsigned int i = 0; i < 200; i++) {
		uint32_t len = 1 + i * 997 % 60000, to = BUF_SIZE / 2;
		const uint8_t *cqe;

		fill(vf.buf, len, i);
		memset(vf.buf + to, 0xee, len + 1);
		if (i & 1) {
			post_send(&vf, &a, 0, len, 0, to);
			cq_wait(&a.cq);
		} else {
			post_recv(&vf, &b, to, 65536);
			post_send(&vf, &a, 0, len, 0x1000 + i, -1);
			cq_wait(&a.cq);
			cqe = cq_wait(&b.cq);
			CHECK_EQ(ifc_ld32(cqe + 44), len);
			CHECK_EQ(ifc_ld32(cqe + 36), 0x1000 + i);
		}
		CHECK_MSG(!memcmp(vf.buf, vf.buf + to, len), "message %u of %u bytes has changed", i, len);
		CHECK_EQ(vf.buf[to + len], 0xee);
	}
	qp_del(&a);
	qp_del(&b);
	vf_stop(&vf);
}

/* A completion makes an entry in the EQ, and that an interrupt: the MSI-X vector's eventfd. */
static void completions_interrupt(void)
{
	struct vf vf = { 0 };
	struct qp a = { 0 }, b = { 0 };

	vf_start(&vf);
	qp_pair(&vf, &a, &b);
	for (unsigned int i = 0; i < 300; i++) { /* around the EQ */
		struct pollfd p = { .fd = vf.eq.msi->fd, .events = POLLIN };
		uint64_t count;
		uint8_t *e;

		cq_arm(&vf, &a.cq);
		post_send(&vf, &a, 0, 64, 0, 4096);
		CHECK_MSG(poll(&p, 1, (int)tap_bound(EVENTS_MS)) == 1, "no interrupt for completion %u", i);
		CHECK_EQ(read(p.fd, &count, sizeof(count)), sizeof(count));
		e = eq_entry(&vf.eq);
		CHECK_MSG(e, "an interrupt without an event, %u", i);
		CHECK_EQ(e[1], EVENT_COMPLETION);
		CHECK_EQ(ifc_ld32(e + 0x38) & 0xffffff, a.cq.cqn);
		vf.eq.ci++;
		cq_wait(&a.cq);
		CHECK(!eq_entry(&vf.eq));
		eq_arm(&vf);
	}
	qp_del(&a);
	qp_del(&b);
	vf_stop(&vf);
}

static void vectors_run_out(void)
{
	struct ibv_context *ctx = open_vf();
	struct mlx5dv_devx_msi_vector *v[256];
	int n = 0;

	while (n < 256 && (v[n] = mlx5dv_devx_alloc_msi_vector(ctx)))
		n++;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, ctx->num_comp_vectors - 1); /* the provider has one for its own events */
	while (n--)
		CHECK_EQ(mlx5dv_devx_free_msi_vector(v[n]), 0);
	CHECK_EQ(ibv_close_device(ctx), 0);
}

static const struct tap_test tests[] = {
	TAP_TEST(opens_and_closes),
	TAP_TEST(plain_commands),
	TAP_TEST(pds_and_memory_regions),
	TAP_TEST(vectors_run_out),
	TAP_TEST(traffic_between_queue_pairs_in_umems),
	TAP_TEST(completions_interrupt),
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
