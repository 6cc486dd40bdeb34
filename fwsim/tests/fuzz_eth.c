// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for Ethernet data. Two VFs with an SQ, an RQ and steering each; the input is a list of what
 * a guest and its VMM may do: post WQEs that are nearly right or not at all, write memory, ring doorbells,
 * move queues between states, stop and resume, let frames of any content come. After each step: a stopped
 * function has done no DMA, reference counts are what a count from nothing gives, and the list of SQs holds
 * each once.
 *
 * scripts/fuzz builds and runs it.
 */
#include "eth.h"
#include "fuzz_fn.h"

#define SIDES 2u
#define LOG_SQ 4
#define LOG_RQ 3
#define RQ_STRIDE 32u

/* Memory of a function; what is before the data holds rings and records. */
#define OFF_SQ FUZZ_OFF_REST
#define OFF_RQ 0x4000u
#define OFF_DBR 0x5000u /* of the CQ, the SQ, the RQ; 64 bytes each */
#define OFF_DATA 0x6000u

struct side {
	struct fuzz_fn f;
	uint32_t td, umr, tisn, sqn, rqn, tirn;
	bool striding; /* its RQ */
};

struct world {
	struct fuzz_card card; /* first */
	struct side side[SIDES];
};

/* ---- host ---------------------------------------------------------------------------------- */

static const struct fwsim_host_ops ops = {
	.dma_read = fuzz_fn_read,
	.dma_write = fuzz_fn_write,
	.msix = fuzz_msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
};

/* ---- commands ------------------------------------------------------------------------------ */

/* A key without pages that UMR WQEs fill; it has room for 8. */
static void open_umr(struct side *s)
{
	IFC_BUF(create_mkey_in, in) = { 0 };
	uint8_t *mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);

	IFC_SET(mkc, mkc, free, 1);
	IFC_SET(mkc, mkc, umr_en, 1);
	IFC_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, pd, s->f.pd);
	IFC_SET64(mkc, mkc, len, 8 * FWSIM_PAGE);
	IFC_SET(mkc, mkc, log_page_size, 12);
	IFC_SET(mkc, mkc, translations_octword_size, 4);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_MKEY, in, sizeof(in), 0, 0, &s->umr);
}

static void set_wq(struct side *s, uint8_t *wq, unsigned int log_stride, unsigned int log_size,
		   uint64_t dbr)
{
	IFC_SET(wq, wq, wq_type, 1);
	IFC_SET(wq, wq, pd, s->f.pd);
	IFC_SET(wq, wq, uar_page, s->f.uar);
	IFC_SET64(wq, wq, dbr_addr, dbr);
	IFC_SET(wq, wq, log_wq_stride, log_stride);
	IFC_SET(wq, wq, log_wq_sz, log_size);
}

static enum ifc_status move_sq(struct side *s, unsigned int from, unsigned int to)
{
	IFC_BUF(modify_sq_in, in) = { 0 };

	IFC_SET(modify_sq_in, in, opcode, MLX5_CMD_OP_MODIFY_SQ);
	IFC_SET(modify_sq_in, in, sqn, s->sqn);
	IFC_SET(modify_sq_in, in, sq_state, from);
	IFC_SET(modify_sq_in, in, ctx.state, to);
	return fuzz_fn_exec(&s->f, in, sizeof(in), NULL);
}

static enum ifc_status move_rq(struct side *s, unsigned int from, unsigned int to)
{
	IFC_BUF(modify_rq_in, in) = { 0 };

	IFC_SET(modify_rq_in, in, opcode, MLX5_CMD_OP_MODIFY_RQ);
	IFC_SET(modify_rq_in, in, rqn, s->rqn);
	IFC_SET(modify_rq_in, in, rq_state, from);
	IFC_SET(modify_rq_in, in, ctx.state, to);
	return fuzz_fn_exec(&s->f, in, sizeof(in), NULL);
}

static void open_queues(struct side *s, bool odd)
{
	uint8_t sq[IFC_SZ(create_sq_in) + 8] = { 0 }, *sqc = IFC_PTR(create_sq_in, sq, ctx);
	uint8_t rq[IFC_SZ(create_rq_in) + 8] = { 0 }, *rqc = IFC_PTR(create_rq_in, rq, ctx);
	IFC_BUF(create_tis_in, tis) = { 0 };

	IFC_SET(create_tis_in, tis, ctx.transport_domain, s->td);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_TIS, tis, sizeof(tis), 0, 0, &s->tisn);
	IFC_SET(sqc, sqc, rlky, odd);
	IFC_SET(sqc, sqc, flush_in_error_en, odd);
	IFC_SET(sqc, sqc, reg_umr, 1);
	IFC_SET(sqc, sqc, cqn, s->f.cqn);
	IFC_SET(sqc, sqc, tis_lst_sz, 1);
	IFC_SET(sqc, sqc, tis_num_0, s->tisn);
	set_wq(s, IFC_PTR(sqc, sqc, wq), 6, LOG_SQ, OFF_DBR + 64);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_SQ, sq, IFC_SZ(create_sq_in), OFF_SQ, 1, &s->sqn);
	IFC_SET(rqc, rqc, rlky, odd);
	IFC_SET(rqc, rqc, vsd, odd);
	IFC_SET(rqc, rqc, flush_in_error_en, odd);
	IFC_SET(rqc, rqc, cqn, s->f.cqn);
	set_wq(s, IFC_PTR(rqc, rqc, wq), 5, LOG_RQ, OFF_DBR + 128);
	if (s->striding) { /* 16 of 64 bytes */
		IFC_SET(rqc, rqc, wq.wq_type, odd ? FWSIM_WQ_LIST_STRIDING : FWSIM_WQ_CYCLIC_STRIDING);
		IFC_SET(rqc, rqc, wq.log_wqe_num_of_strides, (4 - 9) & 0xf);
	}
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_RQ, rq, IFC_SZ(create_rq_in), OFF_RQ, 1, &s->rqn);
	MUST(move_sq(s, FWSIM_WQ_RST, FWSIM_WQ_RDY) == IFC_ST_OK);
	MUST(move_rq(s, FWSIM_WQ_RST, FWSIM_WQ_RDY) == IFC_ST_OK);
}

/* An RSS TIR over the one RQ, and a table that sends everything to it. */
static void open_steering(struct side *s)
{
	uint8_t rqt[IFC_SZ(create_rqt_in) + 4] = { 0 }, entry[IFC_SZ(set_fte_in) + 8] = { 0 };
	IFC_BUF(create_flow_table_in, table) = { 0 };
	IFC_BUF(create_flow_group_in, group) = { 0 };
	IFC_BUF(set_flow_table_root_in, root) = { 0 };
	IFC_BUF(create_tir_in, tir) = { 0 };
	uint8_t *ctx = IFC_PTR(set_fte_in, entry, flow_context);
	uint8_t *tirc = IFC_PTR(create_tir_in, tir, ctx);
	uint32_t rqtn, id;

	IFC_SET(create_rqt_in, rqt, rqt_context.rqt_max_size, 1);
	IFC_SET(create_rqt_in, rqt, rqt_context.rqt_actual_size, 1);
	ifc_st32(rqt + IFC_SZ(create_rqt_in), s->rqn);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_RQT, rqt, sizeof(rqt), 0, 0, &rqtn);
	IFC_SET(tirc, tirc, transport_domain, s->td);
	IFC_SET(tirc, tirc, disp_type, MLX5_TIRC_DISP_TYPE_INDIRECT);
	IFC_SET(tirc, tirc, indirect_table, rqtn);
	IFC_SET(tirc, tirc, rx_hash_fn, MLX5_RX_HASH_FN_TOEPLITZ);
	IFC_SET(tirc, tirc, rx_hash_symmetric, 1);
	ifc_st32(IFC_PTR(tirc, tirc, rx_hash_field_selector_outer), 0x1f);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_TIR, tir, sizeof(tir), 0, 0, &s->tirn);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_FLOW_TABLE, table, sizeof(table), 0, 0, &id);
	IFC_SET(create_flow_group_in, group, table_id, id);
	IFC_SET(set_fte_in, entry, table_id, id);
	IFC_SET(set_flow_table_root_in, root, table_id, id);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_CREATE_FLOW_GROUP, group, sizeof(group), 0, 0, &id);
	IFC_SET(flow_context, ctx, group_id, id);
	IFC_SET(flow_context, ctx, action, 4);
	IFC_SET(flow_context, ctx, destination_list_size, 1);
	ifc_st32(ctx + IFC_SZ(flow_context), (uint32_t)FWSIM_DEST_TIR << 24 | s->tirn);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY, entry, sizeof(entry), 0, 0, NULL);
	fuzz_fn_create(&s->f, MLX5_CMD_OP_SET_FLOW_TABLE_ROOT, root, sizeof(root), 0, 0, NULL);
}

static void open_side(struct world *w, unsigned int i, bool striding)
{
	struct side *s = &w->side[i];

	s->striding = striding;
	s->f.v = w->card.fw->vhca[i + 1];
	s->f.mem = w->card.host.mem[i + 1];
	fuzz_fn_open(&s->f, OFF_DBR, false);
	fuzz_fn_key(&s->f, OFF_DATA, O_ACC_LOCAL);
	MUST(!fuzz_fn_simple(&s->f, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN, 0, &s->td));
	open_umr(s);
	open_queues(s, i);
	open_steering(s);
}

/* ---- checks -------------------------------------------------------------------------------- */

static uint32_t count_refs(struct fwsim_vhca *v)
{
	struct fwsim_obj *o;
	uint32_t sum = 0;

	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
		fwsim_table_for_each(&v->obj[t], o)
			sum = sum * 31 + o->refs;
	return sum;
}

static void check(struct world *w)
{
	struct fwsim_sq *sq, *last = NULL;
	unsigned int n = 0, marked = 0;

	for (sq = w->card.fw->sq_head; sq; last = sq, sq = sq->run_next, n++)
		MUST(sq->scheduled && n < 100);
	MUST(w->card.fw->sq_tail == last);
	for (unsigned int i = 0; i < SIDES; i++) {
		struct fwsim_vhca *v = w->side[i].f.v;
		uint32_t before = count_refs(v), used = v->pas_used;

		fwsim_table_for_each(&v->obj[FWSIM_OBJ_SQ], sq)
			marked += sq->scheduled;
		MUST(fwsim_obj_relink(v) == IFC_ST_OK);
		MUST(before == count_refs(v) && used == v->pas_used);
	}
	MUST(n == marked);
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Up to @n bytes of the input to @p. */
static void take_to(struct fuzz_input *in, uint8_t *p, size_t n)
{
	for (; n && in->left; n--)
		*p++ = (uint8_t)fuzz_take(in);
}

static void step_memory(struct fuzz_input *in, struct side *s)
{
	unsigned int off = fuzz_take16(in), n = fuzz_take(in) % 64;

	take_to(in, s->f.mem + off, FUZZ_MEM - off < n ? FUZZ_MEM - off : n);
}

/* Headers of a good frame to the other side, at the start of the data. */
static void step_frame(struct fuzz_input *in, struct world *w, struct side *s, const struct side *to)
{
	const uint8_t *mac = IFC_CPTR(nic_vport_context, to->f.v->vport.ctx, permanent_address) + 2;
	unsigned int kind = fuzz_take(in), len = fuzz_take16(in) % 2048;
	uint8_t *p = s->f.mem + OFF_DATA, *ip = p + 14, *l4 = ip + (kind & 1 ? 40 : 20), copy[2048];

	memset(p, 0, 128);
	memcpy(p, mac, 6);
	ifc_st16(p + 12, kind & 1 ? 0x86dd : 0x0800);
	ip[0] = kind & 1 ? 0x60 : 0x45;
	ifc_st16(ip + (kind & 1 ? 4 : 2), (uint16_t)len);
	ip[kind & 1 ? 6 : 9] = kind & 2 ? 17 : 6;
	l4[12] = 0x50;
	ifc_st16(l4 + 4, (uint16_t)(len / 2));
	if (kind & 4) /* what follows is of the input */
		take_to(in, p + (kind >> 5) * 8, 16);
	memcpy(copy, p, len); /* what is received may be written over it */
	if (kind & 8)
		fwsim_eswitch_tx(w->side[kind >> 4 & 1].f.v, copy, len);
}

/* A WQE that is nearly right, at the next place of the ring. */
static void step_send(struct fuzz_input *in, struct side *s)
{
	static const uint8_t op[] = { IFC_WQE_SEND, IFC_WQE_LSO, IFC_WQE_SEND, IFC_WQE_NOP };
	unsigned int b = fuzz_take(in), hdr = fuzz_take(in), n = b >> 2 & 3, len = 32;
	uint16_t pi = (uint16_t)ifc_ld32(s->f.mem + OFF_DBR + 64 + 4);
	uint8_t wqe[512] = { 0 };

	if (b & 0x10)
		hdr = b & 0x20 ? 54 : 42;
	wqe[20] = (uint8_t)(b & 0xc0);
	ifc_st16(wqe + 22, (uint16_t)fuzz_take16(in));
	if (hdr == 255) {
		ifc_st32(wqe + 28, 0x80000007);
	} else {
		ifc_st16(wqe + 28, (uint16_t)hdr);
		memcpy(wqe + 30, s->f.mem + OFF_DATA, hdr);
		len += hdr > 2 ? (hdr - 2 + 15) / 16 * 16 : 0;
	}
	for (; n; n--, len += 16) {
		ifc_st32(wqe + len, fuzz_take16(in));
		ifc_st32(wqe + len + 4, s->f.key << 8);
		ifc_st64(wqe + len + 8, OFF_DATA + fuzz_take(in));
	}
	ifc_st32(wqe, (uint32_t)pi << 8 | op[b & 3]);
	ifc_st32(wqe + 4, s->sqn << 8 | len / 16);
	wqe[11] = (uint8_t)(b & 8);
	for (unsigned int i = 0; i < (len + 63) / 64; i++, pi++)
		memcpy(s->f.mem + OFF_SQ + (pi & ((1u << LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32(s->f.mem + OFF_DBR + 64 + 4, pi);
	fwsim_sq_doorbell(s->f.v, s->sqn);
}

/* One that changes the key for that; what it has to say is the input's. */
static void step_umr(struct fuzz_input *in, struct side *s)
{
	uint16_t pi = (uint16_t)ifc_ld32(s->f.mem + OFF_DBR + 64 + 4);
	unsigned int b = fuzz_take(in), n = b & 7;
	uint8_t wqe[192] = { 0 };

	ifc_st32(wqe, (uint32_t)pi << 8 | IFC_WQE_UMR);
	ifc_st32(wqe + 4, s->sqn << 8 | (8 + (b & 8 ? n / 2 + 1 : 4)));
	wqe[11] = (uint8_t)(b & 8);
	ifc_st32(wqe + 12, (b & 16 ? s->f.key : s->umr) << 8);
	wqe[16] = b & 32 ? (uint8_t)fuzz_take(in) : 0x90;
	ifc_st16(wqe + 20, (uint16_t)(n / 2));
	ifc_st16(wqe + 22, (uint16_t)(fuzz_take(in) % 5));
	ifc_st64(wqe + 24, 1ULL << 29);
	if (b & 64) {
		take_to(in, wqe + 24, 8);
		take_to(in, wqe + 64, 64);
	}
	for (unsigned int i = 0; i < n; i++)
		ifc_st64(wqe + 128 + 8 * i, fuzz_take16(in) % FUZZ_MEM);
	if (b & 128) { /* the list by pointer */
		ifc_st32(wqe + 128, fuzz_take(in));
		ifc_st32(wqe + 132, s->f.key << 8);
		ifc_st64(wqe + 136, OFF_DATA + fuzz_take(in));
	}
	for (unsigned int i = 0; i < 3; i++, pi++)
		memcpy(s->f.mem + OFF_SQ + (pi & ((1u << LOG_SQ) - 1)) * 64, wqe + 64 * i, 64);
	ifc_st32(s->f.mem + OFF_DBR + 64 + 4, pi);
	fwsim_sq_doorbell(s->f.v, s->sqn);
}

/* One of any content, but of this queue. */
static void step_raw(struct fuzz_input *in, struct side *s)
{
	uint16_t pi = (uint16_t)ifc_ld32(s->f.mem + OFF_DBR + 64 + 4);
	uint8_t *wqe = s->f.mem + OFF_SQ + (pi & ((1u << LOG_SQ) - 1)) * 64;
	unsigned int ds = fuzz_take(in);

	take_to(in, wqe, 64);
	ifc_st32(wqe + 4, s->sqn << 8 | ds);
	ifc_st32(s->f.mem + OFF_DBR + 64 + 4, (uint16_t)(pi + 1 + ds / 64));
	fwsim_sq_doorbell(s->f.v, s->sqn);
}

static void step_recv(struct fuzz_input *in, struct side *s)
{
	uint16_t pi = (uint16_t)ifc_ld32(s->f.mem + OFF_DBR + 128);
	uint8_t *wqe = s->f.mem + OFF_RQ + (pi & ((1u << LOG_RQ) - 1)) * RQ_STRIDE;

	for (unsigned int i = 0; i < 2; i++, wqe += 16) { /* the first is a link, for a striding one */
		unsigned int b;

		ifc_st32(wqe, fuzz_take16(in));
		b = fuzz_take(in);
		ifc_st32(wqe + 4, b & 64 ? s->umr << 8 : b % 8 ? s->f.key << 8 : FWSIM_TERM_LKEY);
		ifc_st64(wqe + 8, (b & 64 ? 0 : OFF_DATA) + fuzz_take(in) * 64);
	}
	ifc_st32(s->f.mem + OFF_DBR + 128, (uint16_t)(pi + 1));
}

static void step_state(struct fuzz_input *in, struct side *s)
{
	unsigned int b = fuzz_take(in);

	if (b & 0x10)
		move_sq(s, b & 3, b >> 2 & 3);
	else
		move_rq(s, b & 3, b >> 2 & 3);
	if (!(b >> 2 & 3)) /* a driver begins anew */
		memset(s->f.mem + OFF_DBR + 64, 0, 128);
}

static void step(struct fuzz_input *in, struct world *w)
{
	unsigned int b = fuzz_take(in), i = b >> 7;
	struct side *s = &w->side[i];

	switch (b & 15) {
	case 0:
		step_memory(in, s);
		break;
	case 1:
		fwsim_sq_doorbell(s->f.v, s->sqn + (b >> 4 & 1));
		break;
	case 2: /* the driver has consumed completions, and arms */
		ifc_st32(s->f.mem + OFF_DBR, fuzz_take(in));
		fwsim_cq_doorbell(s->f.v, s->f.cqn, fuzz_take_arm(in));
		break;
	case 3:
		fwsim_eq_doorbell(s->f.v, s->f.eqn[b >> 4 & 1], fuzz_take(in), b & 32);
		break;
	case 4:
		fuzz_advance(w->card.fw, &w->card.host.clock, 1ULL << fuzz_take(in) % 36, 2000);
		break;
	case 5:
		s->f.v->mig = (enum fwsim_mig_state)(fuzz_take(in) % 3);
		if (s->f.v->mig == FWSIM_MIG_RUNNING)
			fwsim_vhca_rescan(s->f.v);
		break;
	case 6:
		fwsim_set_bus_master(w->card.fw, i + 1, b & 16);
		break;
	case 7:
		step_state(in, s);
		break;
	case 8:
		step_raw(in, s);
		break;
	case 9:
		step_umr(in, s);
		break;
	case 10:
		step_recv(in, s);
		break;
	case 11:
	case 12:
		step_frame(in, w, s, &w->side[!i]);
		break;
	case 13:
		fuzz_fn_simple(&s->f, b & 16 ? MLX5_CMD_OP_DESTROY_MKEY : MLX5_CMD_OP_DESTROY_SQ,
			       b & 16 ? s->f.key : s->sqn, NULL);
		break;
	default:
		step_send(in, s);
	}
	fwsim_kick(w->card.fw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fwsim_config cfg = {
		.max_vfs = 2, .mac = { 2, 0, 0, 0, 0, 1 }, .pf_msix = 4, .vf_msix = 4,
	};
	static struct world w; /* too large for the stack */
	struct fuzz_input in = { data, len };

	memset(&w, 0, sizeof(w));
	w.card.host.clock.deadline = UINT64_MAX;
	w.card.fw = fwsim_create(&cfg, &ops, &w, NULL, 0);
	MUST(w.card.fw);
	for (unsigned int i = 0, b = fuzz_take(&in); i < SIDES; i++)
		open_side(&w, i, b >> i & 1);
	for (unsigned int n = 0; in.left && n < 400; n++) {
		step(&in, &w);
		check(&w);
	}
	fwsim_destroy(w.card.fw);
	return 0;
}
