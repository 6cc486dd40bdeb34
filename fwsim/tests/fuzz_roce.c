// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for RoCE packets. A VF with a QP of RC, UC, UD and XRC each (this one with an SRQ), connected to another card that the
 * input plays: packets that are nearly right, with their number counted from the one that is expected, or bytes of
 * any kind; WQEs, doorbells, time, stop and resume, and a move of the VF to another function by an image. After each
 * step: a stopped function has done no DMA and sent nothing, one that may not initiate has sent no request, what
 * leaves is a RoCE packet that the card itself would take, and places in messages are in order.
 *
 * scripts/fuzz builds and runs it.
 */
#include "fuzz_fn.h"
#include "image.h"
#include "roce_qp.h"

#define QPS 4u
#define LOG_SQ 4
#define LOG_RQ 3
#define RQ_STRIDE 32u
#define SRQ_OFF 2048u /* in the page of the QP of XRC, which has no receive ring of its own */

/* Memory of the VF; what is before the data holds rings and records. */
#define OFF_QP FUZZ_OFF_REST /* 4 KiB each */
#define OFF_DBR 0x7000u /* of the CQ, and 64 bytes each of the QPs and the SRQ */
#define OFF_DATA 0x8000u

struct world {
	struct fuzz_card card; /* first */
	struct fuzz_fn f;      /* where the VF is */
	uint32_t xrcd, srqn, key, inval_key, qpn[QPS];
	uint8_t peer_gid[IFC_SZ(roce_addr_layout)], gid[IFC_SZ(roce_addr_layout)];
	unsigned int sent;
};

static const uint8_t service[QPS] = { IFC_QP_ST_RC, IFC_QP_ST_UC, IFC_QP_ST_UD, IFC_QP_ST_XRC };
static const uint8_t peer_mac[6] = { 2, 9, 9, 9, 9, 9 };

/* ---- host ---------------------------------------------------------------------------------- */

static int uplink_tx(void *host, const void *data, size_t len)
{
	struct world *w = host;
	struct roce_packet pkt;
	struct fwsim_frame f;

	fuzz_check_may(&w->card, w->f.v->fn);
	MUST(len <= FWSIM_FRAME_MAX && fwsim_frame_parse(&f, data, len) && f.payload);
	MUST(!roce_parse(&f, &pkt));
	MUST(!memcmp(f.data, peer_mac, 6));
	MUST(pkt.is & ROCE_IS_ANSWER || w->f.v->mig == FWSIM_MIG_RUNNING);
	w->sent++;
	return 0;
}

static const struct fwsim_host_ops ops = {
	.dma_read = fuzz_fn_read,
	.dma_write = fuzz_fn_write,
	.msix = fuzz_msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
	.uplink_tx = uplink_tx,
};

/* ---- commands ------------------------------------------------------------------------------ */

static void open_qp(struct world *w, unsigned int n)
{
	uint8_t in[IFC_SZ(create_qp_in) + 8] = { 0 }, *qpc = IFC_PTR(create_qp_in, in, qpc);

	IFC_SET(qpc, qpc, st, service[n]);
	IFC_SET(qpc, qpc, pd, w->f.pd);
	IFC_SET(qpc, qpc, uar_page, w->f.uar);
	IFC_SET(qpc, qpc, rq_type, service[n] == IFC_QP_ST_XRC ? 1 : 0);
	IFC_SET(qpc, qpc, srqn_rmpn_xrqn, w->srqn);
	IFC_SET(qpc, qpc, xrcd, w->xrcd);
	IFC_SET(qpc, qpc, log_rq_size, LOG_RQ);
	IFC_SET(qpc, qpc, log_rq_stride, 1);
	IFC_SET(qpc, qpc, log_sq_size, LOG_SQ);
	IFC_SET(qpc, qpc, cqn_snd, w->f.cqn);
	IFC_SET(qpc, qpc, cqn_rcv, w->f.cqn);
	IFC_SET64(qpc, qpc, dbr_addr, OFF_DBR + 64 + 64 * n);
	fuzz_fn_create(&w->f, MLX5_CMD_OP_CREATE_QP, in, IFC_SZ(create_qp_in), OFF_QP + n * FWSIM_PAGE, 1,
		       &w->qpn[n]);
}

/* The SRQ, an XRC one; each WQE leads to the third behind it. */
static void open_srq(struct world *w)
{
	uint8_t in[IFC_SZ(create_srq_in) + 8] = { 0 }, *c = IFC_PTR(create_srq_in, in, srq_context_entry);
	uint8_t *ring = w->f.mem + OFF_QP + 3 * FWSIM_PAGE + SRQ_OFF;

	for (unsigned int i = 0; i < 1u << LOG_RQ; i++)
		ifc_st16(ring + i * RQ_STRIDE + 2, (uint16_t)((i + 3) & ((1u << LOG_RQ) - 1)));
	IFC_SET(srqc, c, log_srq_size, LOG_RQ);
	IFC_SET(srqc, c, log_rq_stride, 1);
	IFC_SET(srqc, c, page_offset, SRQ_OFF * 64 / FWSIM_PAGE);
	IFC_SET(srqc, c, pd, w->f.pd);
	IFC_SET(srqc, c, xrcd, w->xrcd);
	IFC_SET(srqc, c, cqn, w->f.cqn);
	IFC_SET64(srqc, c, dbr_addr, OFF_DBR + 64 + 64 * QPS);
	fuzz_fn_create(&w->f, MLX5_CMD_OP_CREATE_XRC_SRQ, in, IFC_SZ(create_srq_in), OFF_QP + 3 * FWSIM_PAGE, 1,
		       &w->srqn);
}

static void connect(struct world *w, unsigned int n, unsigned int mtu, unsigned int log_rra)
{
	static const uint16_t op[] = { MLX5_CMD_OP_RST2INIT_QP, MLX5_CMD_OP_INIT2RTR_QP,
				       MLX5_CMD_OP_RTR2RTS_QP };

	fuzz_fn_simple(&w->f, MLX5_CMD_OP_2RST_QP, w->qpn[n], NULL);
	memset(w->f.mem + OFF_DBR + 64 + 64 * n, 0, 8);
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t in[IFC_SZ(rst2init_qp_in)] = { 0 }, *qpc = IFC_PTR(rst2init_qp_in, in, qpc);

		ifc_st16(in, op[i]);
		ifc_st32(in + 8, w->qpn[n]);
		IFC_SET(qpc, qpc, rre, 1);
		IFC_SET(qpc, qpc, rwe, 1);
		IFC_SET(qpc, qpc, rae, 1);
		IFC_SET(qpc, qpc, mtu, mtu);
		IFC_SET(qpc, qpc, log_msg_max, 20);
		IFC_SET(qpc, qpc, log_rra_max, log_rra);
		IFC_SET(qpc, qpc, remote_qpn, 0x123 + n);
		IFC_SET(qpc, qpc, retry_count, 2);
		IFC_SET(qpc, qpc, rnr_retry, n ? 7 : 1);
		IFC_SET(qpc, qpc, min_rnr_nak, 16);
		IFC_SET(qpc, qpc, next_send_psn, 0xfffff0);
		IFC_SET(qpc, qpc, next_rcv_psn, 0xfffff8);
		IFC_SET(qpc, qpc, q_key, 0x1111);
		IFC_SET(qpc, qpc, primary_address_path.ack_timeout, n ? 8 : 0);
		memcpy(IFC_PTR(qpc, qpc, primary_address_path.rgid_rip), w->peer_gid, 16);
		memcpy(qpc + (IFC_BIT_OFF(qpc, primary_address_path) + IFC_BIT_OFF(ads, rmac_47_32)) / 8,
		       peer_mac, 6);
		fuzz_fn_exec(&w->f, in, sizeof(in), NULL);
	}
}

/* ---- checks -------------------------------------------------------------------------------- */

static void check(struct world *w)
{
	struct fwsim_qp *qp, *last = NULL;
	unsigned int n = 0, marked = 0, reads;

	for (qp = w->card.fw->run_head; qp; last = qp, qp = qp->run_next, n++)
		MUST(qp->scheduled && n < 100);
	MUST(w->card.fw->run_tail == last);
	fwsim_table_for_each(&w->f.v->obj[FWSIM_OBJ_QP], qp) {
		const struct fwsim_roce *r = qp->roce;

		marked += qp->scheduled;
		MUST(!qp->srq_taken || (qp->srq_taken == w->srqn && qp->st == IFC_QP_ST_XRC));
		if (!r)
			continue;
		MUST(r->req.acked <= r->req.sent && r->req.sent <= r->req.high);
		MUST(r->req.sent - r->req.acked <= ROCE_WINDOW || qp->st == IFC_QP_ST_UC);
		MUST(r->rsp.answers_n <= ROCE_ANSWERS && r->rsp.saved_n <= ROCE_SAVED);
		for (unsigned int i = reads = 0; i < r->rsp.answers_n; i++)
			reads += r->rsp.answers[i].kind != ROCE_ANSWER_ACK;
		MUST(reads <= 1u << IFC_GET(qpc, qp->ctx, log_rra_max));
		MUST(!r->rsp.write || r->rsp.off <= r->rsp.len);
		MUST(qp->state != IFC_QP_ERR || (!r->req.active && !r->rsp.answers_n));
	}
	MUST(n == marked);
}

/* ---- steps --------------------------------------------------------------------------------- */

static struct fwsim_qp *core_qp(struct world *w, unsigned int n)
{
	return fwsim_table_get(&w->f.v->obj[FWSIM_OBJ_QP], w->qpn[n]);
}

/* A packet of the other card; each field is near to what would be right. */
static void step_packet(struct fuzz_input *in, struct world *w, unsigned int n)
{
	static const uint8_t prefix[QPS] = { ROCE_RC, ROCE_UC, ROCE_UD, ROCE_XRC };
	static const uint32_t lens[] = { 0, 1, 88, 256, 257, 1000, 1024, 4096 };
	static uint8_t data[ROCE_MTU_MAX];
	struct fwsim_qp *qp = core_qp(w, n);
	unsigned int b = fuzz_take(in), op = b & 0x1f, how = fuzz_take(in), spoil, at;
	uint8_t frame[ROCE_FRAME_MAX];
	struct roce_packet pkt = {
		.opcode = (uint8_t)(prefix[n] | op), .solicited = how & 1, .ack_req = how & 2,
		.dqpn = w->qpn[n], .qkey = 0x1111, .sqpn = 7, .rkey = w->key, .syndrome = ROCE_SYND_ACK,
		.xrc_srqn = w->srqn ^ (how & 0x20),
	};
	struct roce_path path = {
		.gid = w->peer_gid, .rgid = w->gid,
		.rmac = w->gid + IFC_BIT_OFF(roce_addr_layout, source_mac_47_32) / 8, .sport = 0xc001,
	};
	uint32_t len;

	if (op >= ROCE_OPS || !roce_ops[op])
		return;
	pkt.psn = roce_psn((roce_ops[op] & ROCE_IS_ANSWER ? IFC_GET(qpc, qp->ctx, next_send_psn) :
							    IFC_GET(qpc, qp->ctx, next_rcv_psn)) +
			   (uint32_t)(int8_t)fuzz_take(in));
	if (roce_ops[op] & ROCE_PAYLOAD) {
		pkt.data = data;
		pkt.data_len = lens[how >> 2 & 7];
	}
	if (roce_ops[op] & (ROCE_RETH | ROCE_ATOMIC_ETH)) {
		at = fuzz_take(in);
		pkt.va = OFF_DATA + at * 8 + (at == 0x7f ? 4 : 0);
		if (at & 0x80) { /* a key that has fewer rights, may be gone, and ends where there is no memory */
			pkt.rkey = w->inval_key;
			pkt.va = FUZZ_MEM - FWSIM_PAGE - 0x200 + (at & 0x7f) * 8;
		}
		pkt.len = how & 0x40 ? fuzz_take16(in) : pkt.data_len;
		pkt.swap_add = fuzz_take(in);
	}
	if (roce_ops[op] & ROCE_AETH && how & 0x40)
		pkt.syndrome = (uint8_t)fuzz_take(in);
	if (roce_ops[op] & (ROCE_IMM | ROCE_IETH))
		ifc_st32(pkt.imm, how & 4 ? w->inval_key : w->key);
	len = roce_build(&path, &pkt, frame);
	if (how & 0x80) { /* some bytes of it are others; the ICRC is right all the same, or not */
		spoil = fuzz_take(in);
		for (unsigned int i = 0; i < (spoil & 7); i++) {
			at = fuzz_take(in) % 80;
			frame[at < len ? at : len - 1] ^= (uint8_t)fuzz_take(in);
		}
		if (spoil & 8) {
			uint32_t crc = roce_icrc(frame + 14, frame + 42, len - 46);

			for (unsigned int i = 0; i < 4; i++)
				frame[len - 4 + i] = (uint8_t)(crc >> 8 * i);
		}
	}
	fwsim_uplink_rx(w->card.fw, frame, len);
}

static void step_frame(struct fuzz_input *in, struct world *w)
{
	size_t n = fuzz_take(in);

	if (n > in->left)
		n = in->left;
	fwsim_uplink_rx(w->card.fw, in->p, n);
	in->p += n;
	in->left -= n;
}

static void step_post(struct fuzz_input *in, struct world *w, unsigned int n)
{
	static const uint8_t op[] = { 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x01 };
	uint8_t *dbr = w->f.mem + OFF_DBR + 64 + 64 * n, *ring = w->f.mem + OFF_QP + n * FWSIM_PAGE, wqe[192] = { 0 };
	unsigned int b = fuzz_take(in), o = op[b & 7], at = 16;
	uint32_t len = fuzz_take16(in) & 0x7fff;
	uint16_t pi = (uint16_t)ifc_ld32(dbr + 4);

	if (service[n] != IFC_QP_ST_XRC) {
		ring += RQ_STRIDE << LOG_RQ;
	} else {
		ifc_st32(wqe + at, w->srqn);
		at += 16;
	}
	if (service[n] == IFC_QP_ST_UD) {
		ifc_st32(wqe + at + RC_AV_QKEY, 0x1111);
		ifc_st32(wqe + at + RC_AV_DQPN, 0x80000123);
		memcpy(wqe + at + RC_AV_RMAC, peer_mac, 6);
		memcpy(wqe + at + RC_AV_RGID, w->peer_gid, 16);
		at += 48;
		len &= 0x1ff;
	}
	if (o == 0x08 || o == 0x09 || o >= 0x10) {
		ifc_st64(wqe + at, OFF_DATA);
		ifc_st32(wqe + at + 8, w->key);
		at += 16;
	}
	if (o == 0x11 || o == 0x12) {
		ifc_st64(wqe + at, fuzz_take(in));
		at += 16;
		len = 8;
	}
	ifc_st32(wqe + at, len);
	ifc_st32(wqe + at + 4, w->key);
	ifc_st64(wqe + at + 8, OFF_DATA + (b >> 3));
	at += 16;
	ifc_st32(wqe, (uint32_t)pi << 8 | o);
	ifc_st32(wqe + 4, w->qpn[n] << 8 | at / 16);
	wqe[11] = 8;
	for (unsigned int i = 0; i < (at + 63) / 64; i++, pi++)
		memcpy(ring + (pi & ((1u << LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32(dbr + 4, pi);
	fwsim_qp_doorbell(w->f.v, w->qpn[n]);
}

static void step_recv(struct fuzz_input *in, struct world *w, unsigned int n)
{
	bool shared = service[n] == IFC_QP_ST_XRC;
	uint8_t *dbr = w->f.mem + OFF_DBR + 64 + 64 * (shared ? QPS : n);
	uint16_t pi = (uint16_t)ifc_ld32(dbr);
	uint32_t place = (shared ? 3u * pi : pi) & ((1u << LOG_RQ) - 1);
	uint8_t *wqe = w->f.mem + OFF_QP + n * FWSIM_PAGE + place * RQ_STRIDE;

	if (shared)
		wqe += SRQ_OFF + 16; /* behind the link; there is room for one segment */
	ifc_st32(wqe, fuzz_take16(in));
	ifc_st32(wqe + 4, w->key);
	ifc_st64(wqe + 8, OFF_DATA + 0x1000);
	if (!shared)
		ifc_st32(wqe + 20, FWSIM_TERM_LKEY);
	ifc_st32(dbr, (uint16_t)(pi + 1));
}

/* The VF goes on as the other function, and this one is as new. */
static void step_move(struct world *w)
{
	struct fwsim_vhca *to = w->card.fw->vhca[3 - w->f.v->fn];
	size_t len = fwsim_image_size(w->f.v);
	uint8_t *buf = malloc(len);
	char why[160];

	MUST(buf);
	w->f.v->mig = FWSIM_MIG_STOPPED;
	MUST(fwsim_image_save(w->f.v, buf, len) == len);
	to->mig = FWSIM_MIG_STOPPED;
	to->bus_master = w->f.v->bus_master;
	MUST(fwsim_image_load(to, buf, len, why, sizeof(why)) == IFC_ST_OK);
	MUST(fwsim_image_hash(to) == fwsim_image_hash(w->f.v));
	free(buf);
	memcpy(w->card.host.mem[to->fn], w->f.mem, FUZZ_MEM);
	fwsim_reset(w->card.fw, w->f.v->fn);
	w->f.v = to;
	w->f.mem = w->card.host.mem[to->fn];
	w->f.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(w->f.v);
}

static void step(struct fuzz_input *in, struct world *w)
{
	unsigned int b = fuzz_take(in), n = b >> 4 & 3;

	switch (b & 15) {
	case 0:
		w->f.mem[fuzz_take16(in) % OFF_DATA] ^= (uint8_t)fuzz_take(in);
		break;
	case 1:
		step_post(in, w, n);
		break;
	case 2:
		step_recv(in, w, n);
		break;
	case 3:
		step_frame(in, w);
		break;
	case 4:
		fuzz_advance(w->card.fw, &w->card.host.clock, 1ULL << fuzz_take(in) % 34, 500);
		break;
	case 5:
		w->f.v->mig = (enum fwsim_mig_state)(fuzz_take(in) % 3);
		fwsim_vhca_rescan(w->f.v);
		break;
	case 6:
		fwsim_set_bus_master(w->card.fw, w->f.v->fn, b & 0x40);
		break;
	case 7:
		step_move(w);
		break;
	case 8:
		b = fuzz_take(in);
		connect(w, n, 1 + b % 5, b / 5 % 5);
		break;
	default:
		w->card.fw->running = b & 0x80; /* it waits for the next one: they come at once */
		step_packet(in, w, n);
		w->card.fw->running = false;
		if (b & 0x80)
			return;
	}
	fwsim_kick(w->card.fw);
}

static void open_world(struct world *w)
{
	static const uint8_t ours[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t theirs[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
	uint8_t in[IFC_SZ(set_roce_address_in)] = { 0 };
	struct fwsim_mkey *m;
	const uint8_t *mac;

	w->f.v = w->card.fw->vhca[1];
	w->f.mem = w->card.host.mem[1];
	mac = IFC_CPTR(nic_vport_context, w->f.v->vport.ctx, permanent_address) + 2;
	w->card.fw->vhca[2]->vport.admin_mac[5] ^= 0x40;
	for (unsigned int i = 1; i < 3; i++) {
		w->card.fw->vhca[i]->bus_master = true;
		w->card.fw->vhca[i]->hca = FWSIM_HCA_INIT;
	}
	IFC_SET(nic_vport_context, w->f.v->vport.ctx, roce_en, 1);
	memcpy(w->gid, ours, 16);
	IFC_SET(roce_addr_layout, w->gid, source_mac_47_32, ifc_ld16(mac));
	IFC_SET(roce_addr_layout, w->gid, source_mac_31_0, ifc_ld32(mac + 2));
	IFC_SET(roce_addr_layout, w->gid, roce_version, 2);
	memcpy(w->peer_gid, w->gid, sizeof(w->gid));
	memcpy(w->peer_gid, theirs, 16);
	ifc_st16(in, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	memcpy(IFC_PTR(set_roce_address_in, in, roce_address), w->gid, sizeof(w->gid));
	MUST(fuzz_fn_exec(&w->f, in, sizeof(in), NULL) == IFC_ST_OK);
	MUST(!fuzz_fn_simple(&w->f, MLX5_CMD_OP_ALLOC_XRCD, 0, &w->xrcd));
	fuzz_fn_open(&w->f, OFF_DBR, true); /* the driver is always fast enough */
	fuzz_fn_key(&w->f, OFF_DATA, O_ACC_RDMA | FWSIM_ACC_A);
	w->key = w->f.key << 8;
	fuzz_fn_key(&w->f, OFF_DATA, O_ACC_RDMA);
	w->inval_key = w->f.key << 8;
	m = fwsim_table_get(&w->f.v->obj[FWSIM_OBJ_MKEY], w->f.key);
	IFC_SET(mkc, m->ctx, en_rinval, 1);
	m->mtt.addr[m->mtt.n - 1] = 1ULL << 40;
	open_srq(w);
	for (unsigned int n = 0; n < QPS; n++) {
		open_qp(w, n);
		connect(w, n, 1, 2);
		MUST(core_qp(w, n)->state == IFC_QP_RTS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fwsim_config cfg = {
		.max_vfs = 2, .mac = { 2, 0, 0, 0, 0, 1 }, .pf_msix = FUZZ_VECTORS,
		.vf_msix = FUZZ_VECTORS, .port = FWSIM_PORT_ETH,
	};
	struct world *w = calloc(1, sizeof(*w));
	struct fuzz_input in = { data, len };

	MUST(w);
	w->card.host.clock.deadline = UINT64_MAX;
	w->card.fw = fwsim_create(&cfg, &ops, w, NULL, 0);
	MUST(w->card.fw);
	open_world(w);
	for (unsigned int n = 0; in.left && n < 300; n++) {
		step(&in, w);
		check(w);
	}
	fwsim_destroy(w->card.fw);
	free(w);
	return 0;
}
