// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for the data path. Two VFs with queues and a pair of connected QPs each way; the input
 * is a list of what a guest and its VMM may do: write memory, ring doorbells, send commands, stop and
 * resume, let time pass. Part of the memory can be mapped. After each step: a stopped function has done no DMA,
 * reference counts are what a count from nothing gives, the run list holds each QP once, and no map is left.
 *
 * scripts/fuzz builds and runs it.
 */
#include "fuzz.h"

#define BASE 0x10000000ULL
#define MEM_SIZE (1u << 17)
#define DATA_OFF 0x10000u /* what is before holds rings and records */
#define QPS 2u

struct side {
	struct fwsim_vhca *v;
	uint32_t uar, pd, eqn[2], cqn, mkey, qpn[QPS];
	uint8_t *mem;
};

struct world {
	struct fuzz_clock clock;
	struct fwsim *fw;
	struct side side[2];
	unsigned int maps; /* that have not been ended */
};

/* ---- host ---------------------------------------------------------------------------------- */

static uint8_t *at(struct world *w, unsigned int fn, uint64_t addr, size_t len)
{
	MUST(fn < 3);
	if (fn == 0 || addr < BASE || len > MEM_SIZE || addr - BASE > MEM_SIZE - len)
		return NULL;
	MUST(w->fw->vhca[fn]->mig != FWSIM_MIG_STOPPED && w->fw->vhca[fn]->bus_master);
	return w->side[fn - 1].mem + (addr - BASE);
}

static int dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	uint8_t *p = at(host, fn, addr, len);

	if (p)
		memcpy(buf, p, len);
	return p ? 0 : -1;
}

static int dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *p = at(host, fn, addr, len);

	if (p)
		memcpy(p, buf, len);
	return p ? 0 : -1;
}

/* Page by page, and of the last quarter nothing. */
static void *dma_map(void *host, unsigned int fn, uint64_t addr, size_t *len, bool write)
{
	struct world *w = host;
	size_t room = FWSIM_PAGE - addr % FWSIM_PAGE;
	uint8_t *p;

	(void)write;
	MUST(*len);
	if (*len > room)
		*len = room;
	p = addr >= BASE + MEM_SIZE / 4 * 3 ? NULL : at(w, fn, addr, *len);
	w->maps += !!p;
	return p;
}

static void dma_unmap(void *host, unsigned int fn, void *p, size_t len, bool write, size_t used)
{
	struct world *w = host;
	uint8_t *mem = w->side[fn - 1].mem;

	(void)write;
	MUST(w->maps-- && used <= len && (uint8_t *)p >= mem && (uint8_t *)p + len <= mem + MEM_SIZE);
}

static void msix(void *host, unsigned int fn, unsigned int vector)
{
	struct world *w = host;

	MUST(vector < 4);
	MUST(w->fw->vhca[fn]->mig != FWSIM_MIG_STOPPED && w->fw->vhca[fn]->bus_master);
}

static const struct fwsim_host_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.msix = msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
};

/* ---- commands ------------------------------------------------------------------------------ */

static enum ifc_status exec(struct fwsim_vhca *v, uint8_t *in, size_t len, uint32_t *id)
{
	static uint8_t out[8192];
	enum ifc_status st = fuzz_exec(v, in, len, out, sizeof(out));

	if (id)
		*id = ifc_ld32(out + 8) & 0xffffff;
	return st;
}

static enum ifc_status simple(struct fwsim_vhca *v, uint16_t opcode, uint32_t arg, uint32_t *id)
{
	uint8_t in[64] = { 0 };

	ifc_st16(in, opcode);
	ifc_st32(in + 8, arg);
	return exec(v, in, 16, id);
}

static void pas(uint8_t *in, uint32_t off, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ifc_st64(in + 0x110 + 8 * i, BASE + off + i * FWSIM_PAGE);
}

/* The create command of @opcode with 64 bytes of context xored with @noise. */
static enum ifc_status create(struct side *s, uint16_t opcode, unsigned int n, const uint8_t *noise,
			      size_t noise_len, uint32_t *id)
{
	uint8_t in[0x110 + 8 * 64] = { 0 }, *ctx = in + 0x10;
	unsigned int pages = 1;
	uint32_t off = 0;

	ifc_st16(in, opcode);
	switch (opcode) {
	case MLX5_CMD_OP_CREATE_EQ:
		IFC_SET(eqc, ctx, log_eq_size, 4);
		IFC_SET(eqc, ctx, uar_page, s->uar);
		IFC_SET(eqc, ctx, intr, n);
		ifc_st64(in + 0x58, n ? 0 : 0xffffffff);
		off = n * FWSIM_PAGE;
		break;
	case MLX5_CMD_OP_CREATE_CQ:
		IFC_SET(cqc, ctx, log_cq_size, 5);
		IFC_SET(cqc, ctx, uar_page, s->uar);
		IFC_SET(cqc, ctx, c_eqn_or_apu_element, s->eqn[1]);
		IFC_SET64(cqc, ctx, dbr_addr, BASE + 0x5000);
		off = 0x2000;
		break;
	case MLX5_CMD_OP_CREATE_MKEY:
		IFC_SET(mkc, ctx, access_mode_1_0, 1);
		ctx[2] |= 0x7c; /* lr, lw, rr, rw, a */
		IFC_SET(mkc, ctx, qpn, 0xffffff);
		IFC_SET(mkc, ctx, pd, s->pd);
		IFC_SET64(mkc, ctx, start_addr, DATA_OFF);
		IFC_SET64(mkc, ctx, len, 0x10000);
		IFC_SET(mkc, ctx, log_page_size, 12);
		IFC_SET(create_mkey_in, in, translations_octword_actual_size, 8);
		off = DATA_OFF;
		pages = 16;
		break;
	case MLX5_CMD_OP_CREATE_QP:
		ctx = in + 0x18;
		IFC_SET(qpc, ctx, pd, s->pd);
		IFC_SET(qpc, ctx, uar_page, s->uar);
		IFC_SET(qpc, ctx, log_rq_size, 3);
		IFC_SET(qpc, ctx, log_rq_stride, 1);
		IFC_SET(qpc, ctx, log_sq_size, 4);
		IFC_SET(qpc, ctx, cqn_snd, s->cqn);
		IFC_SET(qpc, ctx, cqn_rcv, s->cqn);
		IFC_SET64(qpc, ctx, dbr_addr, BASE + 0x5040 + 64 * n);
		off = 0x3000 + n * FWSIM_PAGE;
		break;
	}
	pas(in, off, pages);
	for (size_t i = 0; i < noise_len; i++)
		ctx[i % 64] ^= noise[i];
	return exec(s->v, in, 0x110 + 8 * pages, id);
}

static enum ifc_status connect(struct side *s, const struct side *peer, unsigned int n, uint16_t opcode)
{
	uint8_t in[0x110] = { 0 }, *qpc = in + 0x18;
	const uint8_t *mac = IFC_CPTR(nic_vport_context, peer->v->vport.ctx, permanent_address);

	ifc_st16(in, opcode);
	ifc_st32(in + 8, s->qpn[n]);
	IFC_SET(qpc, qpc, rre, 1);
	IFC_SET(qpc, qpc, rwe, 1);
	IFC_SET(qpc, qpc, rae, 1);
	IFC_SET(qpc, qpc, mtu, 3);
	IFC_SET(qpc, qpc, log_msg_max, 20);
	IFC_SET(qpc, qpc, remote_qpn, peer->qpn[n]);
	IFC_SET(qpc, qpc, retry_count, 2);
	IFC_SET(qpc, qpc, rnr_retry, n ? 7 : 1);
	IFC_SET(qpc, qpc, min_rnr_nak, 16);
	IFC_SET(qpc, qpc, primary_address_path.ack_timeout, 8);
	IFC_SET(qpc, qpc, primary_address_path.rmac_47_32, ifc_ld16(mac + 2));
	IFC_SET(qpc, qpc, primary_address_path.rmac_31_0, ifc_ld32(mac + 4));
	return exec(s->v, in, sizeof(in), NULL);
}

/* False if one of the commands was refused. */
static bool connect_all(struct world *w)
{
	static const uint16_t op[] = { MLX5_CMD_OP_RST2INIT_QP, MLX5_CMD_OP_INIT2RTR_QP,
				       MLX5_CMD_OP_RTR2RTS_QP };

	bool ok = true;

	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int s = 0; s < 2; s++)
			for (unsigned int n = 0; n < QPS; n++)
				ok &= connect(&w->side[s], &w->side[!s], n, op[i]) == IFC_ST_OK;
	return ok;
}

static void open_side(struct world *w, unsigned int i)
{
	struct side *s = &w->side[i];
	struct fwsim_vhca *v = w->fw->vhca[i + 1];

	s->v = v;
	s->mem = calloc(1, MEM_SIZE);
	MUST(s->mem);
	v->bus_master = true;
	v->hca = FWSIM_HCA_INIT;
	MUST(!simple(v, MLX5_CMD_OP_ALLOC_UAR, 0, &s->uar));
	MUST(!simple(v, MLX5_CMD_OP_ALLOC_PD, 0, &s->pd));
	for (unsigned int n = 0; n < 2; n++)
		MUST(!create(s, MLX5_CMD_OP_CREATE_EQ, n, NULL, 0, &s->eqn[n]));
	MUST(!create(s, MLX5_CMD_OP_CREATE_CQ, 0, NULL, 0, &s->cqn));
	MUST(!create(s, MLX5_CMD_OP_CREATE_MKEY, 0, NULL, 0, &s->mkey));
	for (unsigned int n = 0; n < QPS; n++)
		MUST(!create(s, MLX5_CMD_OP_CREATE_QP, n, NULL, 0, &s->qpn[n]));
}

/* ---- checks -------------------------------------------------------------------------------- */

static void check(struct world *w)
{
	struct fwsim_qp *qp, *last = NULL;
	unsigned int n = 0, marked = 0;
	struct fwsim_obj *o;

	for (qp = w->fw->run_head; qp; last = qp, qp = qp->run_next, n++)
		MUST(qp->scheduled && n < 1000);
	MUST(w->fw->run_tail == last);
	MUST(!w->maps);
	for (unsigned int i = 0; i < 2; i++) {
		struct fwsim_vhca *v = w->side[i].v;
		uint32_t before = 0, after = 0, used = v->pas_used;

		fwsim_table_for_each(&v->obj[FWSIM_OBJ_QP], qp)
			marked += qp->scheduled;
		for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
			fwsim_table_for_each(&v->obj[t], o)
				before = before * 31 + o->refs;
		MUST(fwsim_obj_relink(v) == IFC_ST_OK);
		for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
			fwsim_table_for_each(&v->obj[t], o)
				after = after * 31 + o->refs;
		MUST(before == after && used == v->pas_used);
	}
	MUST(n == marked);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void step_memory(struct fuzz_input *in, struct side *s)
{
	unsigned int off = fuzz_take16(in) % DATA_OFF, n = fuzz_take(in) % 64;

	for (; n && in->left && off < DATA_OFF; n--)
		s->mem[off++] = (uint8_t)fuzz_take(in);
}

/* A WQE that is nearly right, at the next place of the ring. */
static void step_post(struct fuzz_input *in, struct world *w, unsigned int i)
{
	static const uint8_t op[] = { 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x00, 0x01, 0x12 };
	struct side *s = &w->side[i];
	unsigned int b = fuzz_take(in), n = b & 1, rd = b >> 1 & 7;
	struct fwsim_qp *qp = fwsim_table_get(&s->v->obj[FWSIM_OBJ_QP], s->qpn[n]);
	uint8_t *dbr = s->mem + 0x5040 + 64 * n, *wqe = s->mem + 0x3000 + n * FWSIM_PAGE;
	uint16_t pi = (uint16_t)ifc_ld32(dbr + 4);
	uint32_t len = fuzz_take16(in) << (b >> 6);

	if (!qp)
		return;
	if (b & 0x10) { /* receive */
		pi = (uint16_t)ifc_ld32(dbr);
		wqe += (pi & 7u) * 32;
		ifc_st32(wqe, len);
		ifc_st32(wqe + 4, s->mkey << 8);
		ifc_st64(wqe + 8, DATA_OFF + fuzz_take(in) * 16);
		ifc_st32(wqe + 20, FWSIM_TERM_LKEY);
		ifc_st32(dbr, (uint16_t)(pi + 1));
		return;
	}
	wqe += 256 + (pi & 15u) * 64;
	ifc_st32(wqe, (uint32_t)pi << 8 | op[rd]);
	ifc_st32(wqe + 4, s->qpn[n] << 8 | (op[rd] >= 8 && op[rd] != 0xa && op[rd] != 0xb ? 3 : 2));
	wqe[11] = (uint8_t)(b >> 2 & 0xa);
	ifc_st64(wqe + 16, DATA_OFF + fuzz_take(in) * 16);
	ifc_st32(wqe + 24, w->side[!i].mkey << 8);
	if (op[rd] == 0xa || op[rd] == 0xb)
		wqe -= 16;
	if (op[rd] == 0x12) { /* a segment more, and always so long */
		ifc_st64(wqe + 32, fuzz_take(in));
		wqe[7]++;
		wqe += 16;
		len = 8;
	}
	ifc_st32(wqe + 32, len);
	ifc_st32(wqe + 36, s->mkey << 8);
	ifc_st64(wqe + 40, DATA_OFF + fuzz_take(in) * 16);
	ifc_st32(dbr + 4, (uint16_t)(pi + 1));
	fwsim_qp_doorbell(s->v, s->qpn[n]);
}

static void step_destroy(struct fuzz_input *in, struct side *s)
{
	static const uint16_t op[] = {
		MLX5_CMD_OP_DESTROY_QP, MLX5_CMD_OP_DESTROY_CQ, MLX5_CMD_OP_DESTROY_EQ,
		MLX5_CMD_OP_DESTROY_MKEY, MLX5_CMD_OP_DEALLOC_PD, MLX5_CMD_OP_DEALLOC_UAR,
		MLX5_CMD_OP_2ERR_QP, MLX5_CMD_OP_2RST_QP,
	};
	static const uint32_t base[] = { 0x40, 0x80, 1, 0x100, 1, 0x10, 0x40, 0x40 };
	unsigned int b = fuzz_take(in);

	simple(s->v, op[b & 7], base[b & 7] + (b >> 3 & 3), NULL);
}

static void step_create(struct fuzz_input *in, struct side *s)
{
	static const uint16_t op[] = { MLX5_CMD_OP_CREATE_QP, MLX5_CMD_OP_CREATE_CQ,
				       MLX5_CMD_OP_CREATE_EQ, MLX5_CMD_OP_CREATE_MKEY };
	unsigned int b = fuzz_take(in), n = b >> 4;
	uint32_t id;

	if (n > in->left)
		n = (unsigned int)in->left;
	create(s, op[b & 3], b >> 2 & 1, in->p, n, &id);
	in->p += n;
	in->left -= n;
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
		fwsim_qp_doorbell(s->v, 0x40 + fuzz_take(in) % 4);
		break;
	case 2:
		fwsim_cq_doorbell(s->v, 0x80 + fuzz_take(in) % 2, fuzz_take_arm(in));
		break;
	case 3:
		fwsim_eq_doorbell(s->v, 1 + fuzz_take(in) % 3, fuzz_take(in), b & 16);
		break;
	case 4:
		fuzz_advance(w->fw, &w->clock, 1ULL << fuzz_take(in) % 36, 2000);
		break;
	case 5:
		s->v->mig = (enum fwsim_mig_state)(fuzz_take(in) % 3);
		if (s->v->mig == FWSIM_MIG_RUNNING)
			fwsim_vhca_rescan(s->v);
		break;
	case 6:
		fwsim_set_bus_master(w->fw, i + 1, b & 16);
		break;
	case 7:
		step_destroy(in, s);
		break;
	case 8:
		step_create(in, s);
		break;
	case 9:
		connect_all(w);
		break;
	case 10: /* the driver has consumed all completions, and arms */
		ifc_st32(s->mem + 0x5000, fuzz_take(in));
		fwsim_cq_doorbell(s->v, s->cqn, ifc_ld32(s->mem + 0x5000));
		break;
	default:
		step_post(in, w, i);
	}
	fwsim_kick(w->fw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fwsim_config cfg = {
		.max_vfs = 2, .mac = { 2, 0, 0, 0, 0, 1 }, .pf_msix = 4, .vf_msix = 4,
	};
	struct fuzz_input in = { data, len };
	struct world w = { .clock.deadline = UINT64_MAX };

	w.fw = fwsim_create(&cfg, &ops, &w, NULL, 0);
	MUST(w.fw);
	for (unsigned int i = 0; i < 2; i++)
		open_side(&w, i);
	MUST(connect_all(&w));
	for (unsigned int n = 0; in.left && n < 400; n++) {
		step(&in, &w);
		check(&w);
	}
	fwsim_destroy(w.fw);
	for (unsigned int i = 0; i < 2; i++)
		free(w.side[i].mem);
	return 0;
}
