// SPDX-License-Identifier: GPL-2.0-or-later
#include "mig_rig.h"

/* ---- commands ------------------------------------------------------------------------------ */

uint16_t m_vhca_id(struct harness *h, unsigned int fn)
{
	return h->fw->vhca[fn]->vhca_id;
}

/* SUSPEND and RESUME have the same layout. */
static enum ifc_status move_cmd(struct harness *h, unsigned int opcode, unsigned int vhca_id,
				unsigned int op_mod)
{
	IFC_BUF(suspend_vhca_in, in) = { 0 };
	IFC_BUF(suspend_vhca_out, out);

	IFC_SET(suspend_vhca_in, in, opcode, opcode);
	IFC_SET(suspend_vhca_in, in, op_mod, op_mod);
	IFC_SET(suspend_vhca_in, in, vhca_id, vhca_id);
	return H_CMD(h, 0, in, out);
}

enum ifc_status m_suspend(struct harness *h, unsigned int vhca_id, unsigned int op_mod)
{
	return move_cmd(h, MLX5_CMD_OP_SUSPEND_VHCA, vhca_id, op_mod);
}

enum ifc_status m_resume(struct harness *h, unsigned int vhca_id, unsigned int op_mod)
{
	return move_cmd(h, MLX5_CMD_OP_RESUME_VHCA, vhca_id, op_mod);
}

enum ifc_status m_query(struct harness *h, unsigned int vhca_id, unsigned int flags,
			uint32_t *size)
{
	IFC_BUF(query_vhca_migration_state_in, in) = { 0 };
	IFC_BUF(query_vhca_migration_state_out, out);
	enum ifc_status st;

	IFC_SET(query_vhca_migration_state_in, in, opcode, MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	IFC_SET(query_vhca_migration_state_in, in, vhca_id, vhca_id);
	IFC_SET(query_vhca_migration_state_in, in, incremental, !!(flags & M_INC));
	st = H_CMD(h, 0, in, out);
	if (size)
		*size = IFC_GET(query_vhca_migration_state_out, out, required_umem_size);
	return st;
}

enum ifc_status m_save(struct harness *h, unsigned int vhca_id, unsigned int flags, uint32_t key,
		       uint32_t size, uint32_t *actual)
{
	IFC_BUF(save_vhca_state_in, in) = { 0 };
	IFC_BUF(save_vhca_state_out, out);
	enum ifc_status st;

	IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	IFC_SET(save_vhca_state_in, in, vhca_id, vhca_id);
	IFC_SET(save_vhca_state_in, in, incremental, !!(flags & M_INC));
	IFC_SET(save_vhca_state_in, in, set_track, !!(flags & M_TRACK));
	IFC_SET(save_vhca_state_in, in, mkey, key);
	IFC_SET(save_vhca_state_in, in, size, size);
	st = H_CMD(h, 0, in, out);
	if (actual)
		*actual = IFC_GET(save_vhca_state_out, out, actual_image_size);
	return st;
}

enum ifc_status m_load(struct harness *h, unsigned int vhca_id, uint32_t key, uint32_t size)
{
	IFC_BUF(load_vhca_state_in, in) = { 0 };
	IFC_BUF(load_vhca_state_out, out);

	IFC_SET(load_vhca_state_in, in, opcode, MLX5_CMD_OP_LOAD_VHCA_STATE);
	IFC_SET(load_vhca_state_in, in, vhca_id, vhca_id);
	IFC_SET(load_vhca_state_in, in, mkey, key);
	IFC_SET(load_vhca_state_in, in, size, size);
	return H_CMD(h, 0, in, out);
}

void m_stop(struct harness *h, unsigned int vhca_id)
{
	assert_int_equal(m_suspend(h, vhca_id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_int_equal(m_suspend(h, vhca_id, M_SUSPEND_RESPONDER), IFC_ST_OK);
}

void m_start(struct harness *h, unsigned int vhca_id)
{
	assert_int_equal(m_resume(h, vhca_id, M_RESUME_RESPONDER), IFC_ST_OK);
	assert_int_equal(m_resume(h, vhca_id, M_RESUME_INITIATOR), IFC_ST_OK);
}

/* ---- objects ------------------------------------------------------------------------------- */

uint32_t m_alloc_pd(struct harness *h, unsigned int fn)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out);

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
	return IFC_GET(alloc_pd_out, out, pd);
}

uint32_t m_alloc_uar(struct harness *h, unsigned int fn)
{
	IFC_BUF(alloc_uar_in, in) = { 0 };
	IFC_BUF(alloc_uar_out, out);

	IFC_SET(alloc_uar_in, in, opcode, MLX5_CMD_OP_ALLOC_UAR);
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
	return IFC_GET(alloc_uar_out, out, uar);
}

/* A command with @n page addresses from @addr on behind its @in_len bytes. */
static enum ifc_status create(struct harness *h, unsigned int fn, const void *in, size_t in_len,
			      void *out, size_t out_len, uint64_t addr, unsigned int n)
{
	uint8_t *buf = calloc(1, in_len + n * 8u);
	enum ifc_status st;

	assert_non_null(buf);
	memcpy(buf, in, in_len);
	for (unsigned int i = 0; i < n; i++)
		ifc_st64(buf + in_len + i * 8u, addr + (uint64_t)i * FWSIM_PAGE);
	st = h_cmd(h, fn, buf, in_len + n * 8u, out, out_len);
	free(buf);
	return st;
}

uint32_t m_create_mkey(struct harness *h, unsigned int fn, uint32_t pd, uint64_t addr,
		       uint32_t size, unsigned int access)
{
	unsigned int n = size / FWSIM_PAGE;
	IFC_BUF(create_mkey_in, in) = { 0 };
	IFC_BUF(create_mkey_out, out);
	uint8_t *mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);

	IFC_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	IFC_SET(create_mkey_in, in, translations_octword_actual_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, access_mode_1_0, 1);
	IFC_SET(mkc, mkc, lr, !!(access & FWSIM_ACC_LR));
	IFC_SET(mkc, mkc, lw, !!(access & FWSIM_ACC_LW));
	IFC_SET(mkc, mkc, rr, !!(access & FWSIM_ACC_RR));
	IFC_SET(mkc, mkc, rw, !!(access & FWSIM_ACC_RW));
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, mkey_7_0, 0x5a);
	IFC_SET(mkc, mkc, pd, pd);
	IFC_SET64(mkc, mkc, start_addr, 0);
	IFC_SET64(mkc, mkc, len, size);
	IFC_SET(mkc, mkc, log_page_size, 12);
	IFC_SET(mkc, mkc, translations_octword_size, (n + 1) / 2);
	assert_int_equal(create(h, fn, in, sizeof(in), out, sizeof(out), addr, (n + 1) & ~1u),
			 IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x5a;
}

struct m_buf m_buf_new(struct harness *h, unsigned int fn, uint32_t size, unsigned int access)
{
	struct m_buf b = { .fn = fn, .size = size };

	b.addr = h_alloc(h, fn, size, FWSIM_PAGE);
	b.pd = m_alloc_pd(h, fn);
	b.key = m_create_mkey(h, fn, b.pd, b.addr, size, access);
	return b;
}

struct m_card m_card_new(const struct fwsim_config *cfg)
{
	struct m_card m = { .h = h_new(cfg) };

	h_boot(m.h, M_VF);
	m.buf = m_buf_new(m.h, 0, M_BUF_SIZE, 0xf);
	m.id = m_vhca_id(m.h, M_VF);
	return m;
}

uint32_t m_create_eq(struct harness *h, unsigned int fn, uint32_t uar, unsigned int vector,
		     uint64_t mask0, uint64_t buf)
{
	IFC_BUF(create_eq_in, in) = { 0 };
	IFC_BUF(create_eq_out, out);
	uint8_t *ctx = IFC_PTR(create_eq_in, in, eq_context_entry);

	IFC_SET(create_eq_in, in, opcode, MLX5_CMD_OP_CREATE_EQ);
	IFC_SET(eqc, ctx, log_eq_size, M_LOG_QUEUE);
	IFC_SET(eqc, ctx, uar_page, uar);
	IFC_SET(eqc, ctx, intr, vector);
	ifc_st64(IFC_PTR(create_eq_in, in, event_bitmask), mask0);
	for (unsigned int i = 0; i < 1u << M_LOG_QUEUE; i++)
		((uint8_t *)h_mem(h, fn, buf))[i * 64 + 63] = 1;
	assert_int_equal(create(h, fn, in, sizeof(in), out, sizeof(out), buf, 1), IFC_ST_OK);
	return IFC_GET(create_eq_out, out, eq_number);
}

static void create_cq(struct m_vf *vf, struct m_queue *q)
{
	IFC_BUF(create_cq_in, in) = { 0 };
	IFC_BUF(create_cq_out, out);
	uint8_t *ctx = IFC_PTR(create_cq_in, in, cq_context);

	q->cq = h_alloc(vf->h, vf->fn, FWSIM_PAGE, FWSIM_PAGE);
	q->cq_dbr = h_alloc(vf->h, vf->fn, 64, 64);
	for (unsigned int i = 0; i < 1u << M_LOG_QUEUE; i++)
		((uint8_t *)h_mem(vf->h, vf->fn, q->cq))[i * 64 + 63] = 0xf1;
	IFC_SET(create_cq_in, in, opcode, MLX5_CMD_OP_CREATE_CQ);
	IFC_SET(cqc, ctx, log_cq_size, M_LOG_QUEUE);
	IFC_SET(cqc, ctx, uar_page, vf->uar);
	IFC_SET(cqc, ctx, c_eqn_or_apu_element, vf->comp_eqn);
	IFC_SET64(cqc, ctx, dbr_addr, q->cq_dbr);
	assert_int_equal(create(vf->h, vf->fn, in, sizeof(in), out, sizeof(out), q->cq, 1),
			 IFC_ST_OK);
	q->cqn = IFC_GET(create_cq_out, out, cqn);
}

/* 16 receive WQEs of 64 bytes, then 32 send units. */
static void create_qp(struct m_vf *vf, struct m_queue *q)
{
	IFC_BUF(create_qp_in, in) = { 0 };
	IFC_BUF(create_qp_out, out);
	uint8_t *ctx = IFC_PTR(create_qp_in, in, qpc);

	q->wq = h_alloc(vf->h, vf->fn, FWSIM_PAGE, FWSIM_PAGE);
	q->wq_dbr = h_alloc(vf->h, vf->fn, 64, 64);
	IFC_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	IFC_SET(qpc, ctx, pm_state, 3);
	IFC_SET(qpc, ctx, pd, vf->data.pd);
	IFC_SET(qpc, ctx, log_rq_size, 4);
	IFC_SET(qpc, ctx, log_rq_stride, 2);
	IFC_SET(qpc, ctx, log_sq_size, 5);
	IFC_SET(qpc, ctx, uar_page, vf->uar);
	IFC_SET(qpc, ctx, cqn_snd, q->cqn);
	IFC_SET(qpc, ctx, cqn_rcv, q->cqn);
	IFC_SET64(qpc, ctx, dbr_addr, q->wq_dbr);
	assert_int_equal(create(vf->h, vf->fn, in, sizeof(in), out, sizeof(out), q->wq, 1),
			 IFC_ST_OK);
	q->qpn = IFC_GET(create_qp_out, out, qpn);
}

/* RST to RTS. The three commands have the same layout. */
static void connect_qp(struct m_vf *vf, struct m_queue *q, const struct m_vf *to,
		       const struct m_queue *peer)
{
	static const uint16_t opcode[] = {
		MLX5_CMD_OP_RST2INIT_QP, MLX5_CMD_OP_INIT2RTR_QP, MLX5_CMD_OP_RTR2RTS_QP,
	};

	for (unsigned int i = 0; i < 3; i++) {
		IFC_BUF(rst2init_qp_in, in) = { 0 };
		IFC_BUF(rst2init_qp_out, out);
		uint8_t *ctx = IFC_PTR(rst2init_qp_in, in, qpc);
		uint8_t *path = ctx + IFC_OFF(qpc, primary_address_path);
		const uint8_t *mac = IFC_CPTR(nic_vport_context, vf->h->fw->vhca[to->fn]->vport.ctx,
					      permanent_address);

		IFC_SET(rst2init_qp_in, in, opcode, opcode[i]);
		IFC_SET(rst2init_qp_in, in, qpn, q->qpn);
		IFC_SET(qpc, ctx, pm_state, 3);
		IFC_SET(qpc, ctx, pd, vf->data.pd);
		IFC_SET(qpc, ctx, log_rq_size, 4);
		IFC_SET(qpc, ctx, log_rq_stride, 2);
		IFC_SET(qpc, ctx, log_sq_size, 5);
		IFC_SET(qpc, ctx, uar_page, vf->uar);
		IFC_SET(qpc, ctx, cqn_snd, q->cqn);
		IFC_SET(qpc, ctx, cqn_rcv, q->cqn);
		IFC_SET64(qpc, ctx, dbr_addr, q->wq_dbr);
		IFC_SET(qpc, ctx, rre, 1);
		IFC_SET(qpc, ctx, rwe, 1);
		IFC_SET(qpc, ctx, mtu, 3);
		IFC_SET(qpc, ctx, log_msg_max, 30);
		IFC_SET(qpc, ctx, remote_qpn, peer->qpn);
		IFC_SET(qpc, ctx, retry_count, 7);
		IFC_SET(qpc, ctx, rnr_retry, 7);
		IFC_SET(qpc, ctx, min_rnr_nak, 12);
		IFC_SET(ads, path, fl, vf == to);
		IFC_SET(ads, path, vhca_port_num, 1);
		IFC_SET(ads, path, ack_timeout, 14);
		IFC_SET(ads, path, rmac_47_32, ifc_ld16(mac + 2));
		IFC_SET(ads, path, rmac_31_0, ifc_ld32(mac + 4));
		assert_int_equal(H_CMD(vf->h, vf->fn, in, out), IFC_ST_OK);
	}
}

void m_connect(struct m_vf *vf, unsigned int n, const struct m_vf *peer, unsigned int pn)
{
	IFC_BUF(qp_2rst_in, in) = { 0 };
	IFC_BUF(qp_2rst_out, out);

	IFC_SET(qp_2rst_in, in, opcode, MLX5_CMD_OP_2RST_QP);
	IFC_SET(qp_2rst_in, in, qpn, vf->q[n].qpn);
	assert_int_equal(H_CMD(vf->h, vf->fn, in, out), IFC_ST_OK);
	vf->q[n].sq_pi = vf->q[n].rq_pi = 0;
	memset(h_mem(vf->h, vf->fn, vf->q[n].wq_dbr), 0, 8);
	connect_qp(vf, &vf->q[n], peer, &peer->q[pn]);
}

void m_vf_new(struct m_vf *vf, struct harness *h, unsigned int fn)
{
	memset(vf, 0, sizeof(*vf));
	vf->h = h;
	vf->fn = fn;
	h_boot(h, fn);
	vf->uar = m_alloc_uar(h, fn);
	vf->data = m_buf_new(h, fn, M_DATA_SIZE, 0xf);
	vf->cmd_eq = h_alloc(h, fn, FWSIM_PAGE, FWSIM_PAGE);
	vf->comp_eq = h_alloc(h, fn, FWSIM_PAGE, FWSIM_PAGE);
	vf->cmd_eqn = m_create_eq(h, fn, vf->uar, M_CMD_VECTOR, 1ULL << IFC_EVENT_CMD, vf->cmd_eq);
	vf->comp_eqn = m_create_eq(h, fn, vf->uar, M_COMP_VECTOR, 0, vf->comp_eq);
	m_eq_update(vf, true);
	m_eq_update(vf, false);
	for (unsigned int i = 0; i < 2; i++) {
		create_cq(vf, &vf->q[i]);
		create_qp(vf, &vf->q[i]);
	}
	for (unsigned int i = 0; i < 2; i++)
		connect_qp(vf, &vf->q[i], vf, &vf->q[!i]);
	while (m_poll_eq(vf, true))
		;
	m_eq_update(vf, true);
}

static uint32_t eth_create(struct m_vf *vf, uint8_t *in, size_t len, uint16_t opcode)
{
	uint8_t out[16];

	ifc_st16(in, opcode);
	assert_int_equal(h_cmd(vf->h, vf->fn, in, len, out, sizeof(out)), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff; /* where all of them have the number */
}

/* The @ctx of an SQ or RQ: both have the ring at one place. */
static void eth_ring(struct m_vf *vf, uint8_t *ctx, uint8_t *pas)
{
	uint8_t *wq = IFC_PTR(sqc, ctx, wq);

	IFC_SET(wq, wq, wq_type, 1);
	IFC_SET(wq, wq, pd, vf->data.pd);
	IFC_SET(wq, wq, log_wq_sz, 5);
	IFC_SET(wq, wq, log_wq_stride, 6);
	IFC_SET64(wq, wq, dbr_addr, h_alloc(vf->h, vf->fn, 64, 64));
	ifc_st64(pas, h_alloc(vf->h, vf->fn, FWSIM_PAGE, FWSIM_PAGE));
}

static void eth_ready(struct m_vf *vf, uint16_t opcode, uint32_t id)
{
	IFC_BUF(modify_sq_in, in) = { 0 }; /* of an RQ the same */

	IFC_SET(modify_sq_in, in, sqn, id);
	IFC_SET(modify_sq_in, in, ctx.state, 1);
	eth_create(vf, in, sizeof(in), opcode);
}

void m_eth_new(struct m_vf *vf)
{
	uint8_t sq_in[IFC_SZ(create_sq_in) + 8] = { 0 }, rq_in[IFC_SZ(create_rq_in) + 8] = { 0 };
	uint8_t rqt_in[IFC_SZ(create_rqt_in) + 8] = { 0 };
	IFC_BUF(alloc_transport_domain_in, td_in) = { 0 };
	IFC_BUF(alloc_q_counter_in, qc_in) = { 0 };
	IFC_BUF(create_tis_in, tis_in) = { 0 };
	IFC_BUF(create_tir_in, tir_in) = { 0 };
	uint32_t td, sqn, rqn;

	td = eth_create(vf, td_in, sizeof(td_in), MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN);
	IFC_SET(create_tis_in, tis_in, ctx.transport_domain, td);
	eth_ring(vf, IFC_PTR(create_sq_in, sq_in, ctx), sq_in + IFC_SZ(create_sq_in));
	IFC_SET(create_sq_in, sq_in, ctx.cqn, vf->q[0].cqn);
	IFC_SET(create_sq_in, sq_in, ctx.tis_lst_sz, 1);
	IFC_SET(create_sq_in, sq_in, ctx.tis_num_0,
		eth_create(vf, tis_in, sizeof(tis_in), MLX5_CMD_OP_CREATE_TIS));
	IFC_SET(create_sq_in, sq_in, ctx.wq.uar_page, vf->uar);
	sqn = eth_create(vf, sq_in, sizeof(sq_in), MLX5_CMD_OP_CREATE_SQ);
	eth_ring(vf, IFC_PTR(create_rq_in, rq_in, ctx), rq_in + IFC_SZ(create_rq_in));
	IFC_SET(create_rq_in, rq_in, ctx.cqn, vf->q[1].cqn);
	IFC_SET(create_rq_in, rq_in, ctx.counter_set_id,
		eth_create(vf, qc_in, sizeof(qc_in), MLX5_CMD_OP_ALLOC_Q_COUNTER));
	rqn = eth_create(vf, rq_in, sizeof(rq_in), MLX5_CMD_OP_CREATE_RQ);
	eth_ready(vf, MLX5_CMD_OP_MODIFY_SQ, sqn);
	eth_ready(vf, MLX5_CMD_OP_MODIFY_RQ, rqn);
	IFC_SET(create_rqt_in, rqt_in, rqt_context.rqt_max_size, 4);
	IFC_SET(create_rqt_in, rqt_in, rqt_context.rqt_actual_size, 2);
	ifc_st32(rqt_in + IFC_SZ(create_rqt_in), rqn);
	ifc_st32(rqt_in + IFC_SZ(create_rqt_in) + 4, rqn);
	IFC_SET(create_tir_in, tir_in, ctx.disp_type, 1);
	IFC_SET(create_tir_in, tir_in, ctx.transport_domain, td);
	IFC_SET(create_tir_in, tir_in, ctx.rx_hash_fn, 2);
	IFC_SET(create_tir_in, tir_in, ctx.indirect_table,
		eth_create(vf, rqt_in, sizeof(rqt_in), MLX5_CMD_OP_CREATE_RQT));
	eth_create(vf, tir_in, sizeof(tir_in), MLX5_CMD_OP_CREATE_TIR);
}

/* ---- work ---------------------------------------------------------------------------------- */

static void data_segment(struct m_vf *vf, uint8_t *seg, uint32_t off, uint32_t len)
{
	ifc_st32(seg, len);
	ifc_st32(seg + 4, vf->data.key);
	ifc_st64(seg + 8, off);
}

void m_post_recv(struct m_vf *vf, unsigned int n, uint32_t off, uint32_t len)
{
	struct m_queue *q = &vf->q[n];
	uint8_t *wqe = (uint8_t *)h_mem(vf->h, vf->fn, q->wq) + (q->rq_pi & 15) * 64u;

	memset(wqe, 0, 64);
	data_segment(vf, wqe, off, len);
	ifc_st32(wqe + 16 + 4, 0x100); /* the list ends: terminating lkey */
	q->rq_pi++;
	ifc_st32(h_mem(vf->h, vf->fn, q->wq_dbr), q->rq_pi);
}

void m_ring(struct m_vf *vf, unsigned int n)
{
	struct m_queue *q = &vf->q[n];

	ifc_st32((uint8_t *)h_mem(vf->h, vf->fn, q->wq_dbr) + 4, q->sq_pi);
	h_db_qp(vf->h, vf->fn, vf->uar, q->qpn, (uint32_t)q->sq_pi << 8);
}

void m_post_send(struct m_vf *vf, unsigned int n, enum ifc_wqe_op op, uint32_t off, uint32_t len,
		 uint32_t roff, bool ring)
{
	bool remote = op == IFC_WQE_RDMA_WRITE || op == IFC_WQE_RDMA_WRITE_IMM ||
		      op == IFC_WQE_RDMA_READ;
	struct m_queue *q = &vf->q[n];
	uint8_t *wqe = (uint8_t *)h_mem(vf->h, vf->fn, q->wq) + 1024 + (q->sq_pi & 31) * 64u;
	uint8_t *seg = wqe + 16;

	memset(wqe, 0, 64);
	ifc_st32(wqe, (uint32_t)q->sq_pi << 8 | op);
	ifc_st32(wqe + 4, q->qpn << 8 | (remote ? 3 : 2));
	wqe[11] = 0x08; /* a completion in any case */
	if (remote) {
		ifc_st64(seg, roff);
		ifc_st32(seg + 8, vf->data.key);
		seg += 16;
	}
	data_segment(vf, seg, off, len);
	q->sq_pi++;
	if (ring)
		m_ring(vf, n);
}

void m_arm_cq(struct m_vf *vf, unsigned int n)
{
	struct m_queue *q = &vf->q[n];
	uint32_t word = q->cq_ci & 0xffffff;

	ifc_st32((uint8_t *)h_mem(vf->h, vf->fn, q->cq_dbr) + 4, word);
	h_db_cq(vf->h, vf->fn, vf->uar, q->cqn, word);
}

const uint8_t *m_poll(struct m_vf *vf, unsigned int n)
{
	struct m_queue *q = &vf->q[n];
	const uint8_t *cqe = (uint8_t *)h_mem(vf->h, vf->fn, q->cq) +
			     (q->cq_ci & ((1u << M_LOG_QUEUE) - 1)) * 64u;

	if (cqe[63] >> 4 == 0xf || (cqe[63] & 1) != (q->cq_ci >> M_LOG_QUEUE & 1))
		return NULL;
	q->cq_ci++;
	ifc_st32(h_mem(vf->h, vf->fn, q->cq_dbr), q->cq_ci & 0xffffff);
	return cqe;
}

const uint8_t *m_poll_eq(struct m_vf *vf, bool cmd)
{
	uint32_t *ci = cmd ? &vf->cmd_eq_ci : &vf->comp_eq_ci;
	const uint8_t *eqe = (uint8_t *)h_mem(vf->h, vf->fn, cmd ? vf->cmd_eq : vf->comp_eq) +
			     (*ci & ((1u << M_LOG_QUEUE) - 1)) * 64u;

	if ((eqe[63] & 1) != (*ci >> M_LOG_QUEUE & 1))
		return NULL;
	++*ci;
	return eqe;
}

void m_eq_update(struct m_vf *vf, bool cmd)
{
	h_db_eq(vf->h, vf->fn, vf->uar, cmd ? vf->cmd_eqn : vf->comp_eqn,
		cmd ? vf->cmd_eq_ci : vf->comp_eq_ci, true);
}

void m_move_memory(struct m_vf *vf, unsigned int to)
{
	struct h_fn *src = &vf->h->fn[vf->fn], *dst = &vf->h->fn[to];

	h_alloc(vf->h, to, 0, 1);
	memcpy(dst->mem, src->mem, H_MEM_SIZE);
	dst->next = src->next;
	dst->cmdq = src->cmdq;
	for (unsigned int i = 0; i < FWSIM_CMDQ_SLOTS; i++) {
		struct h_slot tmp = dst->slot[i];

		dst->slot[i] = src->slot[i];
		src->slot[i] = tmp;
	}
	vf->fn = vf->data.fn = to;
}
