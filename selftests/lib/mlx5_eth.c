// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame is sent by one WQE of 64 bytes: its first ETH_FRAME_MIN bytes inline, which every inline mode of
 * a card allows, the rest by key. It is received by a WQE of one data segment.
 */
#include "mlx5_eth.h"

#include <stdlib.h>
#include <string.h>

#include "mlx5_priv.h"
#include "tap.h"

#define CQ_TX 2U
#define CQ_RX 3U
#define RX_WQE 16U
#define TX_WQE 64U
#define WQ_CYCLIC 1
#define WQ_RDY 1
#define RX_TAG 0x4d6967U /* flow tag of both rules: CQEs of received frames have it */

/* Values of <linux/mlx5/device.h> and of the PRM. */
#define TABLE_NIC_RX 0
#define DEST_TIR 2
#define MATCH_OUTER 1
#define LIST_UC 0
#define LIST_MC 1

static struct mlx5_eth *eth(struct mlx5_vf *vf)
{
	return &vf->sw->eth;
}

static uint32_t alloc_number(struct mlx5_vf *vf, uint16_t op, const char *what)
{
	uint8_t in[16] = { 0 }, out[16] = { 0 };

	ifc_st16(in, op);
	mlx5_cmd_ok(vf, what, in, sizeof(in), out, sizeof(out));
	return ifc_ld32(out + 8) & 0xffffff;
}

void mlx5_eth_need(struct mlx5_vf *vf)
{
	IFC_BUF(query_hca_cap_in, in) = { 0 };
	IFC_BUF(query_hca_cap_out, out) = { 0 };

	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1); /* GENERAL << 1 | current */
	CMD(vf, QUERY_HCA_CAP, in, out);
	if (!IFC_GET(cmd_hca_cap, out + 0x10, eth_net_offloads))
		tap_skip("needs a card with an Ethernet port (port-type=eth)");
}

/* ---- queues -------------------------------------------------------------------------------- */

static void alloc_queue(struct mlx5_vf *vf, struct mlx5_eth_q *q, size_t stride)
{
	size_t n = (size_t)1 << eth(vf)->log;

	*q = (struct mlx5_eth_q){ .buf = mlx5_alloc(vf, n * stride),
				  .dbr = mlx5_alloc(vf, 64),
				  .data = mlx5_alloc(vf, n * ETH_BUF) };
}

/* The work queue of @q, whose WQEs have 2^@log_stride bytes. */
static void fill_wq(struct mlx5_vf *vf, uint8_t *wq, const struct mlx5_eth_q *q, unsigned int log_stride)
{
	IFC_SET(wq, wq, wq_type, WQ_CYCLIC);
	IFC_SET(wq, wq, pd, vf->sw->pd);
	IFC_SET64(wq, wq, dbr_addr, mlx5_iova(q->dbr));
	IFC_SET(wq, wq, log_wq_stride, log_stride);
	IFC_SET(wq, wq, log_wq_sz, eth(vf)->log);
}

static void create_sq(struct mlx5_vf *vf, uint32_t td)
{
	struct mlx5_eth_q *sq = &eth(vf)->sq;
	size_t len = (size_t)TX_WQE << eth(vf)->log;
	size_t inlen = IFC_SZ(create_sq_in) + (len + PAGE - 1) / PAGE * 8;
	IFC_BUF(modify_sq_out, mout) = { 0 };
	IFC_BUF(create_sq_out, out) = { 0 };
	IFC_BUF(modify_sq_in, min) = { 0 };
	IFC_BUF(create_tis_out, tout) = { 0 };
	IFC_BUF(create_tis_in, tin) = { 0 };
	uint8_t *in = calloc(1, inlen), *sqc, *wq;

	CHECK(in);
	alloc_queue(vf, sq, TX_WQE);
	IFC_SET(create_tis_in, tin, opcode, MLX5_CMD_OP_CREATE_TIS);
	IFC_SET(create_tis_in, tin, ctx.transport_domain, td);
	CMD(vf, CREATE_TIS, tin, tout);

	sqc = IFC_PTR(create_sq_in, in, ctx);
	wq = IFC_PTR(sqc, sqc, wq);
	IFC_SET(create_sq_in, in, opcode, MLX5_CMD_OP_CREATE_SQ);
	IFC_SET(sqc, sqc, flush_in_error_en, 1);
	IFC_SET(sqc, sqc, cqn, vf->sw->cq[CQ_TX].cqn);
	IFC_SET(sqc, sqc, tis_lst_sz, 1);
	IFC_SET(sqc, sqc, tis_num_0, IFC_GET(create_tis_out, tout, tisn));
	fill_wq(vf, wq, sq, 6);
	IFC_SET(wq, wq, uar_page, vf->sw->uar);
	set_pas(in + IFC_SZ(create_sq_in), sq->buf, len);
	mlx5_cmd_ok(vf, "CREATE_SQ", in, inlen, out, sizeof(out));
	sq->num = IFC_GET(create_sq_out, out, sqn);
	free(in);

	IFC_SET(modify_sq_in, min, opcode, MLX5_CMD_OP_MODIFY_SQ);
	IFC_SET(modify_sq_in, min, sqn, sq->num);
	IFC_SET(modify_sq_in, min, ctx.state, WQ_RDY);
	CMD(vf, MODIFY_SQ, min, mout);
}

static void create_rq(struct mlx5_vf *vf, bool rlky)
{
	struct mlx5_eth_q *rq = &eth(vf)->rq;
	size_t len = (size_t)RX_WQE << eth(vf)->log;
	size_t inlen = IFC_SZ(create_rq_in) + (len + PAGE - 1) / PAGE * 8;
	IFC_BUF(modify_rq_out, mout) = { 0 };
	IFC_BUF(create_rq_out, out) = { 0 };
	IFC_BUF(modify_rq_in, min) = { 0 };
	uint8_t *in = calloc(1, inlen), *rqc, *wq;

	CHECK(in);
	alloc_queue(vf, rq, RX_WQE);
	rqc = IFC_PTR(create_rq_in, in, ctx);
	wq = IFC_PTR(rqc, rqc, wq);
	IFC_SET(create_rq_in, in, opcode, MLX5_CMD_OP_CREATE_RQ);
	IFC_SET(rqc, rqc, rlky, rlky);
	IFC_SET(rqc, rqc, vsd, 1);
	IFC_SET(rqc, rqc, flush_in_error_en, 1);
	IFC_SET(rqc, rqc, cqn, vf->sw->cq[CQ_RX].cqn);
	IFC_SET(rqc, rqc, counter_set_id, eth(vf)->counter_set);
	fill_wq(vf, wq, rq, 4);
	set_pas(in + IFC_SZ(create_rq_in), rq->buf, len);
	mlx5_cmd_ok(vf, "CREATE_RQ", in, inlen, out, sizeof(out));
	rq->num = IFC_GET(create_rq_out, out, rqn);
	free(in);

	IFC_SET(modify_rq_in, min, opcode, MLX5_CMD_OP_MODIFY_RQ);
	IFC_SET(modify_rq_in, min, rqn, rq->num);
	IFC_SET(modify_rq_in, min, ctx.state, WQ_RDY);
	CMD(vf, MODIFY_RQ, min, mout);
}

static void post_rx(struct mlx5_vf *vf)
{
	struct mlx5_eth_q *rq = &eth(vf)->rq;
	uint32_t slot = rq->pi & ((1U << eth(vf)->log) - 1);
	uint8_t *w = (uint8_t *)mlx5_va(vf, rq->buf) + (size_t)slot * RX_WQE;

	ifc_st32(w, ETH_BUF);
	ifc_st32(w + 4, eth(vf)->lkey);
	ifc_st64(w + 8, mlx5_iova(rq->data + (uint64_t)slot * ETH_BUF));
	rq->pi++;
	wmb();
	ifc_st32(mlx5_va(vf, rq->dbr), rq->pi & 0xffff);
}

/* ---- steering ------------------------------------------------------------------------------ */

static uint32_t create_tir(struct mlx5_vf *vf, uint32_t td)
{
	IFC_BUF(create_tir_in, in) = { 0 };
	IFC_BUF(create_tir_out, out) = { 0 };

	IFC_SET(create_tir_in, in, opcode, MLX5_CMD_OP_CREATE_TIR);
	IFC_SET(create_tir_in, in, ctx.disp_type, MLX5_TIRC_DISP_TYPE_DIRECT);
	IFC_SET(create_tir_in, in, ctx.inline_rqn, eth(vf)->rq.num);
	IFC_SET(create_tir_in, in, ctx.transport_domain, td);
	CMD(vf, CREATE_TIR, in, out);
	return IFC_GET(create_tir_out, out, tirn);
}

static void set_dmac(uint8_t *match, const uint8_t mac[6])
{
	uint8_t *l2 = IFC_PTR(fte_match_param, match, outer_headers);

	IFC_SET(fte_match_set_lyr_2_4, l2, dmac_47_16, ifc_ld32(mac));
	IFC_SET(fte_match_set_lyr_2_4, l2, dmac_15_0, ifc_ld16(mac + 4));
}

/* Entry @index, in a group of its own: frames whose destination is @mac in the bits of @mask. */
static void add_rule(struct mlx5_vf *vf, uint32_t table, uint32_t index, const uint8_t mac[6],
		     const uint8_t mask[6], uint32_t tirn)
{
	uint8_t fte[IFC_SZ(set_fte_in) + IFC_SZ(dest_format_struct)] = { 0 };
	uint8_t *ctx = IFC_PTR(set_fte_in, fte, flow_context), *dest = fte + IFC_SZ(set_fte_in);
	IFC_BUF(create_flow_group_in, gin) = { 0 };
	IFC_BUF(create_flow_group_out, gout) = { 0 };
	IFC_BUF(set_fte_out, out) = { 0 };

	IFC_SET(create_flow_group_in, gin, opcode, MLX5_CMD_OP_CREATE_FLOW_GROUP);
	IFC_SET(create_flow_group_in, gin, table_type, TABLE_NIC_RX);
	IFC_SET(create_flow_group_in, gin, table_id, table);
	IFC_SET(create_flow_group_in, gin, start_flow_index, index);
	IFC_SET(create_flow_group_in, gin, end_flow_index, index);
	IFC_SET(create_flow_group_in, gin, match_criteria_enable, MATCH_OUTER);
	set_dmac(IFC_PTR(create_flow_group_in, gin, match_criteria), mask);
	CMD(vf, CREATE_FLOW_GROUP, gin, gout);

	IFC_SET(set_fte_in, fte, opcode, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY);
	IFC_SET(set_fte_in, fte, table_type, TABLE_NIC_RX);
	IFC_SET(set_fte_in, fte, table_id, table);
	IFC_SET(set_fte_in, fte, flow_index, index);
	IFC_SET(flow_context, ctx, group_id, IFC_GET(create_flow_group_out, gout, group_id));
	IFC_SET(flow_context, ctx, flow_tag, RX_TAG);
	IFC_SET(flow_context, ctx, action, MLX5_FLOW_CONTEXT_ACTION_FWD_DEST);
	IFC_SET(flow_context, ctx, destination_list_size, 1);
	set_dmac(IFC_PTR(flow_context, ctx, match_value), mac);
	IFC_SET(dest_format_struct, dest, destination_type, DEST_TIR);
	IFC_SET(dest_format_struct, dest, destination_id, tirn);
	CMD(vf, SET_FLOW_TABLE_ENTRY, fte, out);
}

static void steer(struct mlx5_vf *vf, uint32_t tirn)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, group[6] = { 1 };
	IFC_BUF(create_flow_table_in, in) = { 0 };
	IFC_BUF(create_flow_table_out, out) = { 0 };
	IFC_BUF(set_flow_table_root_in, rin) = { 0 };
	IFC_BUF(set_flow_table_root_out, rout) = { 0 };
	uint32_t table;

	IFC_SET(create_flow_table_in, in, opcode, MLX5_CMD_OP_CREATE_FLOW_TABLE);
	IFC_SET(create_flow_table_in, in, table_type, TABLE_NIC_RX);
	IFC_SET(create_flow_table_in, in, flow_table_context.log_size, 2);
	CMD(vf, CREATE_FLOW_TABLE, in, out);
	table = IFC_GET(create_flow_table_out, out, table_id);
	add_rule(vf, table, 0, vf->sw->mac, all, tirn);
	add_rule(vf, table, 1, group, group, tirn);

	IFC_SET(set_flow_table_root_in, rin, opcode, MLX5_CMD_OP_SET_FLOW_TABLE_ROOT);
	IFC_SET(set_flow_table_root_in, rin, table_type, TABLE_NIC_RX);
	IFC_SET(set_flow_table_root_in, rin, table_id, table);
	CMD(vf, SET_FLOW_TABLE_ROOT, rin, rout);
}

/* One of the vport's lists, by which the PF's driver switches frames to it. */
static void set_list(struct mlx5_vf *vf, unsigned int type, const uint8_t (*mac)[6], unsigned int n)
{
	size_t inlen = IFC_SZ(modify_nic_vport_context_in) + 8 * (size_t)n;
	IFC_BUF(modify_nic_vport_context_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *nvc;

	CHECK(in);
	nvc = IFC_PTR(modify_nic_vport_context_in, in, nic_vport_context);
	IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	IFC_SET(modify_nic_vport_context_in, in, field_select.addresses_list, 1);
	IFC_SET(nic_vport_context, nvc, allowed_list_type, type);
	IFC_SET(nic_vport_context, nvc, allowed_list_size, n);
	for (unsigned int i = 0; i < n; i++)
		memcpy(in + IFC_SZ(modify_nic_vport_context_in) + 8 * (size_t)i + 2, mac[i], 6);
	mlx5_cmd_ok(vf, "MODIFY_NIC_VPORT_CONTEXT", in, inlen, out, sizeof(out));
	free(in);
}

static uint64_t vport_frames(const uint8_t *out, bool sent)
{
	return sent ? IFC_GET64(query_vport_counter_out, out, transmitted_eth_unicast.packets) +
			      IFC_GET64(query_vport_counter_out, out, transmitted_eth_multicast.packets) +
			      IFC_GET64(query_vport_counter_out, out, transmitted_eth_broadcast.packets) :
		      IFC_GET64(query_vport_counter_out, out, received_eth_unicast.packets) +
			      IFC_GET64(query_vport_counter_out, out, received_eth_multicast.packets) +
			      IFC_GET64(query_vport_counter_out, out, received_eth_broadcast.packets);
}

static void query_vport(struct mlx5_vf *vf, uint8_t *out, size_t outlen)
{
	IFC_BUF(query_vport_counter_in, in) = { 0 };

	IFC_SET(query_vport_counter_in, in, opcode, MLX5_CMD_OP_QUERY_VPORT_COUNTER);
	mlx5_cmd_ok(vf, "QUERY_VPORT_COUNTER", in, sizeof(in), out, outlen);
}

void mlx5_eth_start(struct mlx5_vf *vf, unsigned int log, bool rlky, const uint8_t (*mc)[6],
		    unsigned int n_mc)
{
	uint8_t list[9][6] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	IFC_BUF(query_vport_counter_out, out) = { 0 };
	struct mlx5_eth *e = eth(vf);
	uint32_t td;

	CHECK(n_mc < 9);
	memset(e, 0, sizeof(*e));
	e->log = log;
	e->lkey = rlky ? mlx5_reserved_lkey(vf) : vf->sw->mkey;
	mlx5_create_cq(vf, CQ_TX, log + 1);
	mlx5_create_cq(vf, CQ_RX, log + 1);
	query_vport(vf, out, sizeof(out));
	e->tx_before = vport_frames(out, true);
	e->rx_before = vport_frames(out, false);
	td = alloc_number(vf, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN, "ALLOC_TRANSPORT_DOMAIN");
	e->counter_set = alloc_number(vf, MLX5_CMD_OP_ALLOC_Q_COUNTER, "ALLOC_Q_COUNTER") & 0xff;
	create_sq(vf, td);
	create_rq(vf, rlky);
	for (unsigned int i = 0; i < 1U << log; i++)
		post_rx(vf);
	steer(vf, create_tir(vf, td));
	for (unsigned int i = 0; i < n_mc; i++)
		memcpy(list[i + 1], mc[i], 6);
	set_list(vf, LIST_UC, (const uint8_t (*)[6])vf->sw->mac, 1);
	set_list(vf, LIST_MC, (const uint8_t (*)[6])list, n_mc + 1);
}

/* ---- frames out ---------------------------------------------------------------------------- */

unsigned int mlx5_eth_room(struct mlx5_vf *vf)
{
	const struct mlx5_eth *e = eth(vf);

	return (1U << e->log) - (e->sq.pi - e->sq.ci);
}

uint8_t *mlx5_eth_tx_buf(struct mlx5_vf *vf)
{
	const struct mlx5_eth *e = eth(vf);

	return (uint8_t *)mlx5_va(vf, e->sq.data) + (size_t)(e->sq.pi & ((1U << e->log) - 1)) * ETH_BUF;
}

static uint8_t *tx_wqe(struct mlx5_vf *vf, uint32_t n)
{
	const struct mlx5_eth *e = eth(vf);

	return (uint8_t *)mlx5_va(vf, e->sq.buf) + (size_t)(n & ((1U << e->log) - 1)) * TX_WQE;
}

void mlx5_eth_post(struct mlx5_vf *vf, uint32_t len)
{
	struct mlx5_eth *e = eth(vf);
	uint8_t *w = tx_wqe(vf, e->sq.pi), *data = mlx5_eth_tx_buf(vf);

	CHECK(mlx5_eth_room(vf) && len > ETH_FRAME_MIN && len <= ETH_FRAME_MAX);
	memset(w, 0, TX_WQE);
	ifc_st32(w, (e->sq.pi & 0xffff) << 8 | IFC_WQE_SEND);
	ifc_st32(w + 4, e->sq.num << 8 | TX_WQE / 16);
	w[11] = 2 << 2; /* always make a completion */
	ifc_st16(w + 28, ETH_FRAME_MIN);
	memcpy(w + 30, data, ETH_FRAME_MIN);
	ifc_st32(w + 48, len - ETH_FRAME_MIN);
	ifc_st32(w + 52, vf->sw->mkey);
	ifc_st64(w + 56, mlx5_iova((uint64_t)(data - vf->mem->va)) + ETH_FRAME_MIN);
	e->sq.pi++;
}

void mlx5_eth_ring(struct mlx5_vf *vf)
{
	struct mlx5_eth *e = eth(vf);
	uint8_t *w = tx_wqe(vf, e->sq.pi - 1);

	wmb();
	ifc_st32((uint8_t *)mlx5_va(vf, e->sq.dbr) + 4, e->sq.pi & 0xffff);
	wr64(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_BF + (e->rung & 1) * ((1U << IFC_LOG_BF_REG_SIZE) / 2),
	     ifc_ld32(w), ifc_ld32(w + 4));
	e->rung++;
}

unsigned int mlx5_eth_reap(struct mlx5_vf *vf)
{
	struct mlx5_eth *e = eth(vf);
	struct mlx5_wc wc;
	unsigned int n = 0;

	for (; mlx5_poll_cq(vf, CQ_TX, &wc); n++) {
		CHECK_MSG(wc.opcode == IFC_CQE_REQ, "send WQE %u: completion opcode 0x%x syndrome 0x%x",
			  e->sq.ci, wc.opcode, wc.syndrome);
		CHECK_EQ(wc.qpn, e->sq.num);
		CHECK_MSG(e->sq.ci != e->sq.pi, "completion of send WQE %u, and none was posted", wc.wqe);
		CHECK_MSG(wc.wqe == (e->sq.ci & 0xffff), "completion of send WQE %u, expected %u: lost or twice",
			  wc.wqe, e->sq.ci & 0xffff);
		e->sq.ci++;
		e->tx_frames++;
	}
	return n;
}

/* ---- frames in ----------------------------------------------------------------------------- */

const uint8_t *mlx5_eth_rx(struct mlx5_vf *vf, uint32_t *len)
{
	struct mlx5_eth *e = eth(vf);
	struct mlx5_wc wc;

	if (!mlx5_poll_cq(vf, CQ_RX, &wc))
		return NULL;
	CHECK_MSG(wc.opcode == IFC_CQE_RESP_SEND, "receive WQE %u: completion opcode 0x%x syndrome 0x%x",
		  e->rq.ci, wc.opcode, wc.syndrome);
	CHECK_MSG(wc.wqe == (e->rq.ci & 0xffff), "received into WQE %u, expected %u: lost or twice", wc.wqe,
		  e->rq.ci & 0xffff);
	CHECK_MSG(e->rq.ci != e->rq.pi, "received into WQE %u, and none was posted", wc.wqe);
	CHECK_EQ(wc.qpn, RX_TAG);
	CHECK_MSG(wc.len >= 14 && wc.len <= ETH_FRAME_MAX + 4, "a frame of %u bytes", wc.len);
	e->rx_frames++;
	*len = wc.len;
	return (const uint8_t *)mlx5_va(vf, e->rq.data) +
	       (size_t)(e->rq.ci & ((1U << e->log) - 1)) * ETH_BUF;
}

void mlx5_eth_rx_done(struct mlx5_vf *vf)
{
	eth(vf)->rq.ci++;
	post_rx(vf);
}

/* ---- events -------------------------------------------------------------------------------- */

void mlx5_eth_arm(struct mlx5_vf *vf)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t now = vf->sw->cq[CQ_TX + i].events + 1;

		if (eth(vf)->armed[i] == now)
			continue;
		eth(vf)->armed[i] = now;
		mlx5_arm_cq(vf, CQ_TX + i);
	}
}

unsigned int mlx5_eth_events(struct mlx5_vf *vf)
{
	return mlx5_poll_eq(vf, 2);
}

bool mlx5_eth_overdue(struct mlx5_vf *vf)
{
	for (unsigned int i = 0; i < 2; i++)
		if (eth(vf)->armed[i] == vf->sw->cq[CQ_TX + i].events + 1 && mlx5_peek_cq(vf, CQ_TX + i))
			return true;
	return false;
}

/* ---- accounts ------------------------------------------------------------------------------ */

/* Take all that has come and is complete. Returns how many frames. */
static unsigned int take_all(struct mlx5_vf *vf)
{
	unsigned int n = 0;
	uint32_t len;

	for (; mlx5_eth_rx(vf, &len); n++)
		mlx5_eth_rx_done(vf);
	mlx5_eth_reap(vf);
	return n;
}

void mlx5_eth_balance(struct mlx5_vf *vf, uint32_t *no_wqe)
{
	IFC_BUF(query_q_counter_in, qin) = { 0 };
	IFC_BUF(query_vport_counter_out, out) = { 0 };
	IFC_BUF(query_q_counter_out, qout) = { 0 };
	struct mlx5_eth *e = eth(vf);
	uint64_t start = 0;

	IFC_SET(query_q_counter_in, qin, opcode, MLX5_CMD_OP_QUERY_Q_COUNTER);
	IFC_SET(query_q_counter_in, qin, counter_set_id, e->counter_set);
	/* an account of one moment: nothing has come while it was made */
	do {
		CHECK_MSG(wait_more(&start, 20000), "%u of %u send WQEs are complete, or frames never cease",
			  e->sq.ci, e->sq.pi);
		take_all(vf);
		query_vport(vf, out, sizeof(out));
		CMD(vf, QUERY_Q_COUNTER, qin, qout);
	} while (take_all(vf) || e->sq.pi != e->sq.ci);
	*no_wqe = IFC_GET(query_q_counter_out, qout, out_of_buffer);
	CHECK_EQ(vport_frames(out, true) - e->tx_before, e->tx_frames);
	CHECK_EQ(vport_frames(out, false) - e->rx_before, e->rx_frames + *no_wqe);
}

void mlx5_eth_mac(struct mlx5_vf *vf, uint8_t mac[6])
{
	IFC_BUF(query_nic_vport_context_in, in) = { 0 };
	IFC_BUF(query_nic_vport_context_out, out) = { 0 };
	uint8_t *nvc = IFC_PTR(query_nic_vport_context_out, out, nic_vport_context);

	IFC_SET(query_nic_vport_context_in, in, opcode, MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
	CMD(vf, QUERY_NIC_VPORT_CONTEXT, in, out);
	memcpy(mac, IFC_PTR(nic_vport_context, nvc, permanent_address) + 2, 6);
}

uint64_t mlx5_eth_rx_area(struct mlx5_vf *vf, uint64_t *len)
{
	*len = (uint64_t)ETH_BUF << eth(vf)->log;
	return eth(vf)->rq.data;
}
