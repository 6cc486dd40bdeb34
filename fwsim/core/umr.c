// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UMR: a WQE that changes a memory key. It has a control segment, which names the key, a UMR control
 * segment, which says what to change, the fields of the key (as mkc in CREATE_MKEY), and addresses for its page
 * list: in the WQE, or in memory that data segments name.
 *
 * Keys are those with umr_en in access mode MTT. All is checked, on a copy of the key, then all is changed. The
 * syndrome of a WQE that is not understood is "local QP operation", that of one that asks for what its key
 * does not allow "memory window bind" (chosen here).
 */
#include "core.h"

#define SEG 16u
#define CTRL_KEY 12u /* place of the key in the control segment */
#define UMR_SEG 16u  /* places in the WQE */
#define UMR_MKC 64u
#define UMR_LIST 128u

#define UMR_UNIT 1024u /* addresses that cost as much as a frame */

/* UMR control segment: flags, and where its fields are in the WQE. */
#define UMR_FLAGS UMR_SEG
#define UMR_OCTWORDS (UMR_SEG + 4)
#define UMR_OFFSET (UMR_SEG + 6)
#define UMR_MASK (UMR_SEG + 8)
#define FLAG_OFFSET 0x10u
/*
 * What the key must be. <linux/mlx5/device.h> names the two by what they are to find; mlx5_ib, in umr.c, says of 0x20
 * that it fails if the key is not free, and of 0x40 that it fails if it is.
 */
#define FLAG_MUST_BE_FREE 0x20u
#define FLAG_MUST_BE_IN_USE 0x40u
#define FLAG_INLINE 0x80u

/* mkey_mask: bit numbers as MLX5_MKEY_MASK_* of <linux/mlx5/device.h>. */
#define MASK(n) (1ULL << (n))
#define MASK_LEN MASK(0)
#define MASK_PAGE_SIZE MASK(1)
#define MASK_START_ADDR MASK(6)
#define MASK_PD MASK(7)
#define MASK_EN_RINVAL MASK(8)
#define MASK_KEY MASK(13)
#define MASK_QPN MASK(14)
#define MASK_LR MASK(17)
#define MASK_LW MASK(18)
#define MASK_RR MASK(19)
#define MASK_RW MASK(20)
#define MASK_A MASK(21)
#define MASK_SMALL_FENCE MASK(23)
#define MASK_RO_WRITE MASK(25)
#define MASK_FREE MASK(29)
#define MASK_RO_READ MASK(47)
#define MASK_ALL                                                                                   \
	(MASK_LEN | MASK_PAGE_SIZE | MASK_START_ADDR | MASK_PD | MASK_EN_RINVAL | MASK_KEY |       \
	 MASK_QPN | MASK_LR | MASK_LW | MASK_RR | MASK_RW | MASK_A | MASK_SMALL_FENCE |            \
	 MASK_RO_WRITE | MASK_FREE | MASK_RO_READ)

struct umr {
	const struct fwsim_umr_by *by;
	const uint8_t *wqe;
	size_t len;
	uint32_t first, n;   /* addresses to write */
	const uint8_t *list; /* they */
	uint8_t *read;	     /* the same, if they had to be read; to be freed */
	uint64_t work;	     /* addresses that had to be looked at */
	const char *why;
};

static uint8_t bad(struct umr *u, enum ifc_cqe_synd synd, const char *why)
{
	u->why = why;
	return (uint8_t)synd;
}

/* Read @size bytes of addresses from what the data segments of the WQE name. */
static uint8_t read_list(struct umr *u, size_t size)
{
	size_t done = 0, off, n;
	enum fwsim_mkey_fault f;

	u->list = u->read = malloc(size);
	if (!u->read)
		return bad(u, IFC_CQE_SYND_LOCAL_QP_OP, "no memory for a UMR list");
	for (off = UMR_LIST; off + SEG <= u->len && done < size; off += SEG, done += n) {
		const uint8_t *p = u->wqe + off;

		n = ifc_ld32(p);
		if (n > size - done)
			n = size - done;
		f = fwsim_lkey_read(u->by->v, u->by->rlky, ifc_ld32(p + 4), u->by->pd, ifc_ld64(p + 8),
				    u->read + done, n);
		if (f != FWSIM_MKEY_OK)
			return bad(u, IFC_CQE_SYND_LOCAL_PROT,
				   "UMR list: key, rights, bounds or bus");
	}
	if (done < size)
		return bad(u, IFC_CQE_SYND_LOCAL_QP_OP, "the data of a UMR WQE are less than its list");
	return 0;
}

/* The list that is to go into that of @m. Nothing is read before it is known to fit. */
static uint8_t take_list(struct umr *u, const struct fwsim_mkey *m)
{
	uint8_t flags = u->wqe[UMR_FLAGS];
	uint32_t octwords = ifc_ld16(u->wqe + UMR_OCTWORDS);
	size_t size = octwords * (size_t)SEG;

	u->n = octwords * 2;
	u->first = flags & FLAG_OFFSET ? ifc_ld16(u->wqe + UMR_OFFSET) * 2u : 0;
	if (!(flags & FLAG_OFFSET) && ifc_ld16(u->wqe + UMR_OFFSET))
		return bad(u, IFC_CQE_SYND_LOCAL_QP_OP, "a UMR WQE with signatures (bsf_octowords)");
	if (u->first > m->mtt.n || u->n > m->mtt.n - u->first)
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE writes beyond the list of its key");
	if (!u->n)
		return 0;
	u->work += u->n;
	if (!(flags & FLAG_INLINE))
		return read_list(u, size);
	if (size > u->len - UMR_LIST)
		return bad(u, IFC_CQE_SYND_LOCAL_QP_OP, "a UMR WQE is shorter than its list");
	u->list = u->wqe + UMR_LIST;
	return 0;
}

/* Fields that the mask names go from the WQE to @mkc. */
static void take_fields(uint8_t *mkc, const uint8_t *from, uint64_t mask)
{
#define TAKE(bit, fld)                                                                             \
	do {                                                                                       \
		if (mask & (bit))                                                                  \
			IFC_SET(mkc, mkc, fld, IFC_GET(mkc, from, fld));                           \
	} while (0)
	TAKE(MASK_PAGE_SIZE, log_page_size);
	TAKE(MASK_PD, pd);
	TAKE(MASK_EN_RINVAL, en_rinval);
	TAKE(MASK_KEY, mkey_7_0);
	TAKE(MASK_QPN, qpn);
	TAKE(MASK_LR, lr);
	TAKE(MASK_LW, lw);
	TAKE(MASK_RR, rr);
	TAKE(MASK_RW, rw);
	TAKE(MASK_A, a);
	TAKE(MASK_SMALL_FENCE, small_fence_on_rdma_read_response);
	TAKE(MASK_RO_WRITE, relaxed_ordering_write);
	TAKE(MASK_RO_READ, relaxed_ordering_read);
	TAKE(MASK_FREE, free);
#undef TAKE
	if (mask & MASK_LEN)
		IFC_SET64(mkc, mkc, len, IFC_GET64(mkc, from, len));
	if (mask & MASK_START_ADDR)
		IFC_SET64(mkc, mkc, start_addr, IFC_GET64(mkc, from, start_addr));
}

static void write_list(struct umr *u, struct fwsim_mkey *m)
{
	uint64_t keep = ~((1ULL << m->mtt.log_size) - 1);
	uint32_t i;

	for (i = 0; i < u->n; i++)
		m->mtt.addr[u->first + i] = ifc_ld64(u->list + 8 * (size_t)i) & keep;
}

/* The key is to become what @next says. */
static void apply(struct umr *u, struct fwsim_mkey *m, const struct fwsim_mkey *next)
{
	struct fwsim_vhca *v = u->by->v;
	uint64_t keep = ~((1ULL << next->mtt.log_size) - 1);
	const char *what;
	uint32_t i;

	fwsim_obj_unlink(v, FWSIM_OBJ_MKEY, &m->obj);
	if (next->mtt.log_size > m->mtt.log_size) {
		u->work += m->mtt.n;
		for (i = 0; i < m->mtt.n; i++)
			m->mtt.addr[i] &= keep;
	}
	*m = *next; /* the list is the same one */
	write_list(u, m);
	fwsim_obj_link(v, FWSIM_OBJ_MKEY, &m->obj, &what); /* its PD is there */
}

static uint8_t umr_key(struct umr *u)
{
	uint32_t key = ifc_ld32(u->wqe + CTRL_KEY);
	uint64_t mask = ifc_ld64(u->wqe + UMR_MASK);
	uint8_t flags = u->wqe[UMR_FLAGS], synd;
	struct fwsim_vhca *v = u->by->v;
	struct fwsim_mkey *m, next;

	if (mask & ~MASK_ALL)
		return bad(u, IFC_CQE_SYND_LOCAL_QP_OP, "a UMR WQE changes what is not offered");
	m = fwsim_table_get(&v->obj[FWSIM_OBJ_MKEY], key >> 8);
	if (!m || m->variant != (key & 0xff) || !m->umr)
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE names no key for UMR");
	if (!u->by->any_pd && m->pd != u->by->pd)
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE names a key of another PD");
	if ((flags & FLAG_MUST_BE_FREE && !m->free) || (flags & FLAG_MUST_BE_IN_USE && m->free))
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE wants its key free, or not free");
	synd = take_list(u, m);
	if (synd)
		return synd;
	next = *m;
	take_fields(next.ctx, u->wqe + UMR_MKC, mask);
	/* what is checked in the end is the list that there is, be it an empty one */
	if (fwsim_mkey_decode(&next) != IFC_ST_OK || !next.umr ||
	    (uint64_t)next.mtt.n << next.mtt.log_size < fwsim_mkey_need(&next))
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE makes a key that is none");
	if (!fwsim_table_get(&v->obj[FWSIM_OBJ_PD], next.pd))
		return bad(u, IFC_CQE_SYND_MW_BIND, "a UMR WQE names a PD that is not there");
	apply(u, m, &next);
	return 0;
}

uint8_t fwsim_umr(const struct fwsim_umr_by *by, const uint8_t *wqe, size_t len, const char **why,
		  unsigned int *cost)
{
	struct umr u = { .by = by, .wqe = wqe, .len = len };
	uint8_t synd;

	if (len < UMR_LIST)
		synd = bad(&u, IFC_CQE_SYND_LOCAL_QP_OP, "a UMR WQE without its segments");
	else
		synd = umr_key(&u);
	free(u.read);
	*why = u.why;
	*cost = (unsigned int)(u.work / UMR_UNIT);
	return synd;
}
