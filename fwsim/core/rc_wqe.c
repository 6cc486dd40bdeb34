// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the rings of a QP: doorbell records, send and receive WQEs, and the way from the segments of
 * a WQE to memory. All of it is the guest's to write at any time: it is copied first, then checked.
 */
#include "rc.h"

#define WQEBB 64u
#define WQE_CTRL 16u
#define WQE_SEG 16u
#define WQE_AV 48u
#define WQE_INLINE 0x80000000u
/* Control segment byte 11. */
#define WQE_SOLICITED 0x02u
#define WQE_SIGNALLED 0x08u

int rc_read_sq_pi(struct fwsim_qp *qp, uint16_t *pi)
{
	uint8_t be[4];

	if (fwsim_dma_read(qp->vhca, qp->dbr + 4, be, sizeof(be)))
		return -1;
	*pi = (uint16_t)ifc_ld32(be);
	return 0;
}

int rc_read_rq_pi(struct fwsim_qp *qp, uint16_t *pi)
{
	uint8_t be[4];

	if (fwsim_dma_read(qp->vhca, qp->dbr, be, sizeof(be)))
		return -1;
	*pi = (uint16_t)ifc_ld32(be);
	return 0;
}

/* Copy @len bytes at WQEBB @index of the send ring, which may wrap. */
static int sq_read(struct fwsim_qp *qp, uint16_t index, uint8_t *buf, size_t len)
{
	uint64_t base = qp->page_offset + fwsim_qp_rq_bytes(qp);
	size_t ring = (size_t)WQEBB << qp->log_sq_size;
	size_t off = (size_t)index * WQEBB & (ring - 1);
	size_t n;

	for (; len; len -= n, buf += n, off = 0) {
		n = len < ring - off ? len : ring - off;
		if (fwsim_pas_read(qp->vhca, &qp->buf, base + off, buf, n))
			return -1;
	}
	return 0;
}

/* Take the control segment at w->raw apart; the length in bytes, 0 if it has none that can be. */
static size_t wqe_ctrl(struct fwsim_qp *qp, struct rc_wqe *w)
{
	unsigned int ds = ifc_ld32(w->raw + 4) & 0x3f;
	unsigned int left = (uint16_t)(qp->sq_pi - qp->sq_ci);

	w->op = w->raw[3];
	w->signalled = w->raw[11] & WQE_SIGNALLED;
	w->solicited = w->raw[11] & WQE_SOLICITED;
	memcpy(w->imm, w->raw + 12, 4);
	w->wqebbs = (uint16_t)((ds * WQE_SEG + WQEBB - 1) / WQEBB);
	if (!w->wqebbs)
		w->wqebbs = 1;
	if (w->wqebbs > left) {
		w->wqebbs = (uint16_t)left;
		return 0;
	}
	if (w->wqebbs > 1u << qp->log_sq_size || ifc_ld32(w->raw + 4) >> 8 != qp->obj.id)
		return 0;
	return ds * WQE_SEG;
}

/* Read the first @n bytes, the control segment or more, and all that they say by themselves. */
static enum rc_fetch fetch_begin(struct fwsim_qp *qp, struct rc_wqe *w, size_t n, size_t *len)
{
	w->index = qp->sq_ci;
	w->pd = qp->pd;
	w->rlky = IFC_GET(qpc, qp->ctx, rlky);
	w->xrc_srqn = 0;
	w->nseg = 0;
	w->total = 0;
	if (sq_read(qp, qp->sq_ci, w->raw, n))
		return RC_FETCH_DMA;
	*len = wqe_ctrl(qp, w);
	w->len = (uint16_t)*len;
	return *len ? RC_FETCH_OK : RC_FETCH_BAD;
}

enum rc_fetch rc_fetch_ctrl(struct fwsim_qp *qp, struct rc_wqe *w)
{
	size_t len;

	return fetch_begin(qp, w, WQE_CTRL, &len);
}

/* Segments from @off to @end of w->raw. A receive WQE ends early, and has no inline data. */
static enum rc_fetch wqe_segments(struct rc_wqe *w, size_t off, size_t end, bool recv)
{
	while (off + WQE_SEG <= end) {
		const uint8_t *p = w->raw + off;
		uint32_t count = ifc_ld32(p);
		struct rc_seg *seg = &w->seg[w->nseg];

		*seg = (struct rc_seg){ .len = count & ~WQE_INLINE };
		if (count & WQE_INLINE) {
			if (recv || seg->len > end - off - 4)
				return RC_FETCH_BAD;
			seg->inl = p + 4;
			off += (4 + (size_t)seg->len + WQE_SEG - 1) / WQE_SEG * WQE_SEG;
		} else {
			seg->lkey = ifc_ld32(p + 4);
			seg->addr = ifc_ld64(p + 8);
			if (recv && (!seg->len || seg->lkey == FWSIM_TERM_LKEY))
				break;
			off += WQE_SEG;
		}
		w->total += seg->len;
		w->nseg++;
	}
	return RC_FETCH_OK;
}

/* LSO and what else there is are no operation of any QP here. */
static bool op_allowed(const struct fwsim_qp *qp, uint8_t op)
{
	switch (op) {
	case IFC_WQE_SEND:
	case IFC_WQE_SEND_IMM:
		return qp->st != IFC_QP_ST_REG_UMR;
	case IFC_WQE_RDMA_WRITE:
	case IFC_WQE_RDMA_WRITE_IMM:
		return qp->st == IFC_QP_ST_RC || qp->st == IFC_QP_ST_XRC || qp->st == IFC_QP_ST_UC;
	case IFC_WQE_SEND_INVAL:
	case IFC_WQE_RDMA_READ:
	case IFC_WQE_ATOMIC_CS:
	case IFC_WQE_ATOMIC_FA:
		return qp->st == IFC_QP_ST_RC || qp->st == IFC_QP_ST_XRC;
	case IFC_WQE_UMR:
		return qp->st == IFC_QP_ST_REG_UMR;
	}
	return false;
}

static bool op_has_raddr(uint8_t op)
{
	return op == IFC_WQE_RDMA_WRITE || op == IFC_WQE_RDMA_WRITE_IMM || op == IFC_WQE_RDMA_READ ||
	       op == IFC_WQE_ATOMIC_CS || op == IFC_WQE_ATOMIC_FA;
}

enum rc_fetch rc_fetch_send(struct fwsim_qp *qp, struct rc_wqe *w)
{
	size_t off = WQE_CTRL, len;
	enum rc_fetch f;

	/* most are no longer than a unit, and of one that is nothing is read twice */
	f = fetch_begin(qp, w, WQEBB, &len);
	if (f != RC_FETCH_OK)
		return f;
	if (len > WQEBB && sq_read(qp, (uint16_t)(qp->sq_ci + 1), w->raw + WQEBB, len - WQEBB))
		return RC_FETCH_DMA;
	if (w->op == IFC_WQE_NOP)
		return RC_FETCH_OK;
	if (!op_allowed(qp, w->op))
		return RC_FETCH_BAD;
	if (w->op == IFC_WQE_UMR)
		return RC_FETCH_OK; /* its segments are umr.c's */
	if (qp->st == IFC_QP_ST_XRC) {
		if (len < off + WQE_SEG)
			return RC_FETCH_BAD;
		w->xrc_srqn = ifc_ld32(w->raw + off) & 0xffffff;
		off += WQE_SEG;
	}
	if (rc_is_ud(qp)) {
		if (len < off + WQE_AV)
			return RC_FETCH_BAD;
		w->av = w->raw + off;
		off += WQE_AV;
	}
	if (op_has_raddr(w->op)) {
		if (len < off + WQE_SEG)
			return RC_FETCH_BAD;
		w->raddr = ifc_ld64(w->raw + off);
		w->rkey = ifc_ld32(w->raw + off + 8);
		off += WQE_SEG;
	}
	if (w->op == IFC_WQE_ATOMIC_CS || w->op == IFC_WQE_ATOMIC_FA) {
		if (len < off + WQE_SEG)
			return RC_FETCH_BAD;
		w->swap_add = ifc_ld64(w->raw + off);
		w->compare = ifc_ld64(w->raw + off + 8);
		f = wqe_segments(w, off + WQE_SEG, len, false);
		return f == RC_FETCH_OK && w->total != 8 ? RC_FETCH_BAD : f;
	}
	return wqe_segments(w, off, len, false);
}

enum rc_fetch rc_recv_segments(struct rc_wqe *w, size_t off, size_t end)
{
	w->nseg = 0;
	w->total = 0;
	return wqe_segments(w, off, end, true);
}

enum rc_fetch rc_fetch_recv(struct fwsim_qp *qp, struct rc_wqe *w)
{
	size_t stride = (size_t)1 << qp->log_rq_stride;
	uint64_t slot = qp->rq_ci & ((1u << qp->log_rq_size) - 1);

	w->index = qp->rq_ci;
	w->pd = qp->pd;
	w->rlky = IFC_GET(qpc, qp->ctx, rlky);
	if (fwsim_pas_read(qp->vhca, &qp->buf, qp->page_offset + slot * stride, w->raw, stride))
		return RC_FETCH_DMA;
	return rc_recv_segments(w, 0, stride);
}

/* ---- to and from memory -------------------------------------------------------------------- */

/* One piece of one segment; @out: to memory. */
static enum fwsim_mkey_fault seg_move(struct fwsim_qp *qp, const struct rc_wqe *w,
				      const struct rc_seg *seg, uint64_t off, uint8_t *in,
				      const uint8_t *out, size_t len)
{
	struct fwsim_vhca *v = qp->vhca;
	uint64_t va = seg->addr + off;
	int err;

	if (seg->inl) {
		if (out)
			return FWSIM_MKEY_ACCESS;
		memcpy(in, seg->inl + off, len);
		return FWSIM_MKEY_OK;
	}
	if (seg->lkey == FWSIM_RESD_LKEY && w->rlky) {
		err = out ? fwsim_dma_write(v, va, out, len) : fwsim_dma_read(v, va, in, len);
		return err ? FWSIM_MKEY_DMA : FWSIM_MKEY_OK;
	}
	if (out)
		return fwsim_mkey_write(v, seg->lkey, w->pd, FWSIM_ACC_LW, va, out, len);
	return fwsim_mkey_read(v, seg->lkey, w->pd, FWSIM_ACC_LR, va, in, len);
}

static enum fwsim_mkey_fault wqe_move(struct fwsim_qp *qp, const struct rc_wqe *w, uint64_t off,
				      uint8_t *in, const uint8_t *out, size_t len)
{
	enum fwsim_mkey_fault f;
	unsigned int i;
	size_t n;

	for (i = 0; i < w->nseg && len; i++) {
		const struct rc_seg *seg = &w->seg[i];

		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		n = len < seg->len - off ? len : (size_t)(seg->len - off);
		f = seg_move(qp, w, seg, off, in, out, n);
		if (f != FWSIM_MKEY_OK)
			return f;
		if (in)
			in += n;
		if (out)
			out += n;
		len -= n;
		off = 0;
	}
	return len ? FWSIM_MKEY_BOUNDS : FWSIM_MKEY_OK;
}

enum fwsim_mkey_fault rc_gather(struct fwsim_qp *qp, const struct rc_wqe *w, uint64_t off,
				uint8_t *buf, size_t len)
{
	return wqe_move(qp, w, off, buf, NULL, len);
}

enum fwsim_mkey_fault rc_scatter(struct fwsim_qp *qp, const struct rc_wqe *w, uint64_t off,
				 const uint8_t *buf, size_t len)
{
	return wqe_move(qp, w, off, NULL, buf, len);
}

bool rc_pieces(struct fwsim_pieces *p, struct fwsim_qp *qp, const struct rc_wqe *w, unsigned int need,
	       uint64_t off, size_t len)
{
	unsigned int i;
	bool ok = true;
	size_t n;

	p->v = qp->vhca;
	p->n = 0;
	for (i = 0; i < w->nseg && len && ok; i++) {
		const struct rc_seg *seg = &w->seg[i];

		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		n = len < seg->len - off ? len : (size_t)(seg->len - off);
		if (seg->inl)
			return false;
		if (seg->lkey == FWSIM_RESD_LKEY && w->rlky)
			ok = fwsim_pieces_add(p, seg->addr + off, n);
		else
			ok = fwsim_mkey_pieces(p, seg->lkey, w->pd, need, seg->addr + off, n);
		len -= n;
		off = 0;
	}
	return ok && !len;
}
