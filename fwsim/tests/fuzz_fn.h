/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of a fuzzed card that have work: their DMA, and the objects that all of them need. The host pointer given
 * to fwsim_create() begins with a struct fuzz_card. A function's EQs and CQ are at the start of its memory, what is
 * behind is the fuzzer's to lay out.
 */
#ifndef FUZZ_FN_H
#define FUZZ_FN_H

#include "fuzz_queue.h"
#include "objects.h"

#define FUZZ_LOG_CQ 5
#define FUZZ_OFF_EQ 0x0000u /* two pages */
#define FUZZ_OFF_CQ 0x2000u
#define FUZZ_OFF_REST 0x3000u

struct fuzz_card {
	struct fuzz_queues host; /* first */
	struct fwsim *fw;
};

struct fuzz_fn {
	struct fwsim_vhca *v;
	uint8_t *mem;
	uint32_t uar, pd, eqn[2], cqn, key; /* @key: index of that of its data */
};

/* ---- host ---------------------------------------------------------------------------------- */

/* A function that is stopped, or may not master the bus, does no DMA. */
static inline void fuzz_check_may(struct fuzz_card *c, unsigned int fn)
{
	MUST(c->fw->vhca[fn]->mig != FWSIM_MIG_STOPPED && c->fw->vhca[fn]->bus_master);
}

static inline int fuzz_fn_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	fuzz_check_may(host, fn);
	return fuzz_dma_read(host, fn, addr, buf, len);
}

static inline int fuzz_fn_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	fuzz_check_may(host, fn);
	return fuzz_dma_write(host, fn, addr, buf, len);
}

/* ---- commands ------------------------------------------------------------------------------ */

/* The number in the answer goes to @id, which may be NULL. */
static inline enum ifc_status fuzz_fn_exec(struct fuzz_fn *f, uint8_t *in, size_t len, uint32_t *id)
{
	uint8_t out[1024];
	enum ifc_status st = fuzz_exec(f->v, in, len, out, sizeof(out));

	if (id)
		*id = ifc_ld32(out + 8) & 0xffffff;
	return st;
}

static inline enum ifc_status fuzz_fn_simple(struct fuzz_fn *f, uint16_t opcode, uint32_t arg, uint32_t *id)
{
	uint8_t in[16] = { 0 };

	ifc_st16(in, opcode);
	ifc_st32(in + 8, arg);
	return fuzz_fn_exec(f, in, sizeof(in), id);
}

/* A create command of @len bytes; behind it is room for its page list, @pages from @off on. */
static inline void fuzz_fn_create(struct fuzz_fn *f, uint16_t opcode, uint8_t *in, size_t len, uint32_t off,
				  unsigned int pages, uint32_t *id)
{
	ifc_st16(in, opcode);
	o_pas(in + len, off, pages);
	MUST(fuzz_fn_exec(f, in, len + 8 * pages, id) == IFC_ST_OK);
}

/* UAR, PD, two EQs and a CQ with its doorbell record at @dbr. @oi: it is never full. */
static inline void fuzz_fn_open(struct fuzz_fn *f, uint64_t dbr, bool oi)
{
	uint8_t cq[IFC_SZ(create_cq_in) + 8] = { 0 }, *cqc = IFC_PTR(create_cq_in, cq, cq_context);

	f->v->bus_master = true;
	f->v->hca = FWSIM_HCA_INIT;
	MUST(!fuzz_fn_simple(f, MLX5_CMD_OP_ALLOC_UAR, 0, &f->uar));
	MUST(!fuzz_fn_simple(f, MLX5_CMD_OP_ALLOC_PD, 0, &f->pd));
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t eq[IFC_SZ(create_eq_in) + 8] = { 0 };

		o_eqc(IFC_PTR(create_eq_in, eq, eq_context_entry), f->uar, 4, 0);
		ifc_st64(IFC_PTR(create_eq_in, eq, event_bitmask), i ? 0 : 0xffffffff);
		fuzz_fn_create(f, MLX5_CMD_OP_CREATE_EQ, eq, IFC_SZ(create_eq_in), FUZZ_OFF_EQ + i * FWSIM_PAGE,
			       1, &f->eqn[i]);
	}
	o_cqc(cqc, f->uar, f->eqn[1], FUZZ_LOG_CQ, dbr);
	IFC_SET(cqc, cqc, oi, oi);
	fuzz_fn_create(f, MLX5_CMD_OP_CREATE_CQ, cq, IFC_SZ(create_cq_in), FUZZ_OFF_CQ, 1, &f->cqn);
}

/* A key of all memory from @off on, an even number of pages, with rights @access. */
static inline void fuzz_fn_key(struct fuzz_fn *f, uint32_t off, unsigned int access)
{
	uint8_t in[IFC_SZ(create_mkey_in) + FUZZ_MEM / FWSIM_PAGE * 8] = { 0 };
	unsigned int pages = (FUZZ_MEM - off) / FWSIM_PAGE;

	o_mkc(IFC_PTR(create_mkey_in, in, memory_key_mkey_entry), f->pd, off, FUZZ_MEM - off, access);
	IFC_SET(create_mkey_in, in, translations_octword_actual_size, pages / 2);
	fuzz_fn_create(f, MLX5_CMD_OP_CREATE_MKEY, in, IFC_SZ(create_mkey_in), off, pages, &f->key);
}

#endif
