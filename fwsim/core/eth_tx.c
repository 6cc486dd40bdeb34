// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Send queues: doorbells, the ring, completions, errors. What a WQE makes of memory is tx_frame.c's.
 *
 * A queue with something to do is on the card's list of SQs. One turn takes what is posted, up to TX_FETCH
 * units of 64 bytes in one read, and executes the WQEs in it; then the next queue has its turn. All that is
 * known of a queue between two WQEs is in struct fwsim_sq (ci, pi, state), so a VHCA can be stopped and
 * moved between any two of them. While it may not initiate no WQE is looked at; fwsim_eth_rescan() brings
 * the queue back.
 *
 * A WQE that fails is completed with an error, and its queue is in ERR: what else is posted is flushed,
 * with a CQE each if flush_in_error_en says so. MODIFY_SQ leads out of ERR.
 */
#include "eth_tx.h"

#define WQEBB 64u
#define WQE_SEG 16u
#define WQE_INLINE 0x80000000u
#define TX_FETCH 32u /* units; a WQE has at most 16 */

/* Control segment byte 11. */
#define WQE_SOLICITED 0x02u
#define WQE_SIGNALLED 0x08u

/* Ethernet segment: cs_flags, and the word that is the length of the inline header or asks for a tag. */
#define ETH_INNER_CSUM 0x30u
#define ETH_L3_CSUM 0x40u
#define ETH_L4_CSUM 0x80u
#define ETH_INSERT_VLAN 0x8000u
#define ETH_SVLAN 0x0001u
#define ETH_HDR_IN_SEG 2u /* bytes of the inline header that the segment itself has room for */

/* ---- the list ------------------------------------------------------------------------------- */

void fwsim_sq_schedule(struct fwsim_sq *sq)
{
	struct fwsim *fw = sq->vhca->fw;

	if (sq->scheduled)
		return;
	sq->scheduled = true;
	sq->run_next = NULL;
	sq->run_prev = fw->sq_tail;
	if (fw->sq_tail)
		fw->sq_tail->run_next = sq;
	else
		fw->sq_head = sq;
	fw->sq_tail = sq;
	fw->work = true;
}

void fwsim_sq_unschedule(struct fwsim_sq *sq)
{
	struct fwsim *fw;

	if (!sq->scheduled)
		return; /* also one that an image load has made and given up */
	fw = sq->vhca->fw;
	*(sq->run_prev ? &sq->run_prev->run_next : &fw->sq_head) = sq->run_next;
	*(sq->run_next ? &sq->run_next->run_prev : &fw->sq_tail) = sq->run_prev;
	sq->run_prev = NULL;
	sq->run_next = NULL;
	sq->scheduled = false;
}

void fwsim_sq_doorbell(struct fwsim_vhca *v, uint32_t sqn)
{
	struct fwsim_sq *sq = fwsim_table_get(&v->obj[FWSIM_OBJ_SQ], sqn);

	if (!sq || sq->state == FWSIM_WQ_RST) {
		fwsim_trace_ignored(v, "doorbell of SQ 0x%x, which %s", sqn,
				    sq ? "is in RST" : "does not exist");
		return;
	}
	sq->db_pending = true;
	if (fwsim_vhca_may_initiate(v))
		fwsim_sq_schedule(sq);
}

void fwsim_eth_rescan(struct fwsim_vhca *v)
{
	struct fwsim_sq *sq;

	fwsim_table_for_each(&v->obj[FWSIM_OBJ_SQ], sq) {
		if (sq->state == FWSIM_WQ_RST)
			continue;
		sq->db_pending = true;
		fwsim_sq_schedule(sq);
	}
}

/* ---- the ring ------------------------------------------------------------------------------- */

static int sq_read(struct fwsim_sq *sq, uint8_t *buf, unsigned int units)
{
	return fwsim_ring_read(sq->vhca, &sq->wq.buf, sq->wq.page_offset,
			       (size_t)WQEBB << sq->wq.log_size, (size_t)sq->ci * WQEBB, buf,
			       units * WQEBB);
}

/* The producer counter, if a doorbell has come; -1 if the bus refused. */
static int sq_look(struct fwsim_sq *sq)
{
	uint8_t be[4];

	if (!sq->db_pending)
		return 0;
	if (fwsim_dma_read(sq->vhca, sq->wq.dbr + 4, be, sizeof(be)))
		return -1;
	sq->db_pending = false;
	sq->pi = (uint16_t)ifc_ld32(be);
	return 0;
}

enum tx_parsed {
	TX_OK,
	TX_PART, /* goes on behind what was fetched */
	TX_BAD,	 /* cannot be executed; index, wqebbs and op are valid */
};

/* Data segments from @off to @end. */
static enum tx_parsed parse_segments(struct tx_wqe *w, const uint8_t *raw, size_t off, size_t end)
{
	while (off + WQE_SEG <= end) {
		const uint8_t *p = raw + off;
		uint32_t count = ifc_ld32(p);
		struct tx_seg *s = &w->seg[w->nseg++];

		*s = (struct tx_seg){ .len = count & ~WQE_INLINE };
		if (count & WQE_INLINE) {
			if (s->len > end - off - 4)
				return TX_BAD;
			s->inl = p + 4;
			off += (4 + (size_t)s->len + WQE_SEG - 1) / WQE_SEG * WQE_SEG;
		} else {
			s->lkey = ifc_ld32(p + 4);
			s->addr = ifc_ld64(p + 8);
			off += WQE_SEG;
		}
		w->total += s->len;
	}
	return TX_OK;
}

/* Ethernet segment, inline header and data. */
static enum tx_parsed parse_eth(struct tx_wqe *w, const uint8_t *raw, size_t len)
{
	const uint8_t *eth = raw + WQE_SEG;
	size_t off = 2 * WQE_SEG;
	uint16_t word;

	if (len < off)
		return TX_BAD;
	if (eth[4] & ETH_INNER_CSUM) /* tunnels are not in the capabilities */
		return TX_BAD;
	w->l3_csum = eth[4] & ETH_L3_CSUM;
	w->l4_csum = eth[4] & ETH_L4_CSUM;
	w->mss = ifc_ld16(eth + 6) & 0x3fff;
	word = ifc_ld16(eth + 12);
	w->hdr = eth + 14;
	w->hdr_len = 0;
	if (word & ETH_INSERT_VLAN) {
		w->vlan = true;
		w->svlan = word & ETH_SVLAN;
		w->tci = ifc_ld16(eth + 14);
	} else {
		w->hdr_len = word;
		if (word > ETH_HDR_IN_SEG)
			off += (word - ETH_HDR_IN_SEG + WQE_SEG - 1) / WQE_SEG * WQE_SEG;
		if (off > len)
			return TX_BAD;
	}
	w->total = w->hdr_len;
	return parse_segments(w, raw, off, len);
}

/* The WQE at @raw, of which @have units are there and @left are posted. */
static enum tx_parsed parse_wqe(struct fwsim_sq *sq, struct tx_wqe *w, const uint8_t *raw,
				unsigned int have, unsigned int left)
{
	unsigned int ds = ifc_ld32(raw + 4) & 0x3f;

	w->index = sq->ci;
	w->op = raw[3];
	w->signalled = raw[11] & WQE_SIGNALLED;
	w->solicited = raw[11] & WQE_SOLICITED;
	w->l3_csum = w->l4_csum = w->vlan = w->svlan = false;
	w->nseg = 0;
	w->wqebbs = (uint16_t)(ds ? (ds * WQE_SEG + WQEBB - 1) / WQEBB : 1);
	if (w->wqebbs > left || w->wqebbs > 1u << sq->wq.log_size) {
		w->wqebbs = (uint16_t)left;
		return TX_BAD;
	}
	if (w->wqebbs > have)
		return TX_PART;
	if (!ds || ifc_ld32(raw + 4) >> 8 != sq->obj.id)
		return TX_BAD;
	switch (w->op) {
	case IFC_WQE_NOP:
		return TX_OK;
	case IFC_WQE_SEND:
	case IFC_WQE_LSO:
		return sq->tisn ? parse_eth(w, raw, ds * WQE_SEG) : TX_BAD;
	case IFC_WQE_UMR:
		w->raw = raw;
		w->len = (uint16_t)(ds * WQE_SEG);
		return IFC_GET(sqc, sq->ctx, reg_umr) ? TX_OK : TX_BAD;
	default:
		return TX_BAD; /* multi-packet WQEs and others that the capabilities do not offer */
	}
}

/* ---- completions and errors ----------------------------------------------------------------- */

static void sq_to_err(struct fwsim_sq *sq, const char *why, uint8_t synd)
{
	fwsim_trace_simple(sq->vhca, FWSIM_TRACE_QP, sq->obj.id, synd, sq->ci, why);
	sq->state = FWSIM_WQ_ERR;
	sq->db_pending = true; /* also what was posted meanwhile is flushed */
}

/* Its driver cannot even be told by a completion: an event says so. Nothing is flushed. */
static void sq_catas(struct fwsim_sq *sq, const char *why)
{
	if (sq->state != FWSIM_WQ_ERR)
		fwsim_event_queue(sq->vhca, IFC_EVENT_WQ_CATAS_ERROR, FWSIM_EVENT_SQ, sq->obj.id);
	sq_to_err(sq, why, 0);
	sq->db_pending = false;
	sq->ci = sq->pi;
}

static bool sq_post_error(struct fwsim_sq *sq, const struct tx_wqe *w, enum ifc_cqe_synd synd)
{
	return fwsim_cqe_error(sq->vhca, sq->cqn, IFC_CQE_REQ_ERR, w->op, sq->obj.id, w->index,
			       synd);
}

static void sq_fail(struct fwsim_sq *sq, const struct tx_wqe *w, uint8_t synd, const char *why)
{
	if (!sq_post_error(sq, w, (enum ifc_cqe_synd)synd)) {
		sq_catas(sq, "its CQ takes no completion");
		return;
	}
	sq_to_err(sq, why, synd);
	sq->ci = (uint16_t)(sq->ci + w->wqebbs);
}

static bool sq_complete(struct fwsim_sq *sq, const struct tx_wqe *w)
{
	uint8_t cqe[64];

	if (w->signalled) {
		fwsim_cqe_init(sq->vhca, cqe, IFC_CQE_REQ, w->op, sq->obj.id, w->index);
		ifc_st32(cqe + 32, IFC_GET(sqc, sq->ctx, user_index));
		if (!fwsim_cq_post(sq->vhca, sq->cqn, cqe, w->solicited)) {
			sq_catas(sq, "its CQ takes no completion");
			return false;
		}
	}
	sq->ci = (uint16_t)(sq->ci + w->wqebbs);
	return true;
}

/* Execute one WQE; false: the queue is in ERR now. @cost: how many frames it made, more if they cost much. */
static bool sq_execute(struct fwsim_sq *sq, const struct tx_wqe *w, unsigned int *cost)
{
	uint64_t work = sq->vhca->fw->esw_work;
	struct tx_result r = { 0 };
	unsigned int more = 0;

	if (w->op == IFC_WQE_UMR)
		r.synd = fwsim_umr(&(struct fwsim_umr_by){ .v = sq->vhca, .pd = sq->wq.pd,
							   .rlky = IFC_GET(sqc, sq->ctx, rlky) },
				   w->raw, w->len, &r.why, &more);
	else if (w->op != IFC_WQE_NOP)
		r = fwsim_tx_send(sq, w);
	*cost = (r.frames ? r.frames : 1) + more + fwsim_esw_cost(sq->vhca->fw, work);
	if (r.synd) {
		sq_fail(sq, w, r.synd, r.why);
		return false;
	}
	return sq_complete(sq, w);
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* Execute WQEs in @raw, @have units of @left that are posted. */
static void sq_turn(struct fwsim_sq *sq, const uint8_t *raw, unsigned int have, unsigned int left,
		    unsigned int *budget)
{
	unsigned int at = 0, cost = 1;
	struct tx_wqe w FWSIM_UNCLEARED;

	while (at < have && *budget) {
		if (sq->tisn && fwsim_qos_hold(sq->vhca))
			return;
		switch (parse_wqe(sq, &w, raw + (size_t)at * WQEBB, have - at, left - at)) {
		case TX_OK:
			if (!sq_execute(sq, &w, &cost))
				return;
			break;
		case TX_PART:
			return;
		case TX_BAD:
			sq_fail(sq, &w, IFC_CQE_SYND_LOCAL_QP_OP, "the send WQE makes no sense");
			return;
		}
		at += w.wqebbs;
		fwsim_spend(budget, cost);
	}
}

/* The same in ERR: every WQE is completed with a flush error, if its driver wants to see that. */
static void sq_flush(struct fwsim_sq *sq, const uint8_t *raw, unsigned int have, unsigned int left,
		     unsigned int *budget)
{
	unsigned int at = 0;
	struct tx_wqe w FWSIM_UNCLEARED;

	if (!IFC_GET(sqc, sq->ctx, flush_in_error_en)) {
		sq->ci = sq->pi;
		return;
	}
	for (; at < have && *budget; at += w.wqebbs, fwsim_spend(budget, 1)) {
		if (parse_wqe(sq, &w, raw + (size_t)at * WQEBB, have - at, left - at) == TX_PART)
			return;
		if (!sq_post_error(sq, &w, IFC_CQE_SYND_WR_FLUSH)) {
			sq->ci = sq->pi; /* nobody can be told */
			return;
		}
		sq->ci = (uint16_t)(sq->ci + w.wqebbs);
	}
}

/* A turn of one queue. True: it has more to do. */
static bool sq_step(struct fwsim_sq *sq, unsigned int *budget)
{
	uint8_t raw[TX_FETCH * WQEBB] FWSIM_UNCLEARED;
	unsigned int left, have;

	fwsim_spend(budget, 1); /* of a turn; and of each frame and other WQE */
	if (!fwsim_vhca_may_initiate(sq->vhca) || sq->state == FWSIM_WQ_RST)
		return false;
	if (sq->tisn && sq->state == FWSIM_WQ_RDY && fwsim_qos_hold(sq->vhca))
		return false; /* a timer brings it back */
	if (sq_look(sq)) {
		sq_catas(sq, "the bus refused its doorbell record");
		return false;
	}
	left = (uint16_t)(sq->pi - sq->ci);
	have = left < TX_FETCH ? left : TX_FETCH;
	if (!have)
		return false;
	if (sq_read(sq, raw, have)) {
		sq_catas(sq, "the bus refused its send WQE");
		return false;
	}
	if (sq->state == FWSIM_WQ_RDY)
		sq_turn(sq, raw, have, left, budget);
	else
		sq_flush(sq, raw, have, left, budget);
	return sq->ci != sq->pi || sq->db_pending;
}

bool fwsim_eth_run(struct fwsim *fw, unsigned int budget)
{
	struct fwsim_sq *sq;

	while (budget && fw->sq_head) {
		sq = fw->sq_head;
		fwsim_sq_unschedule(sq);
		if (sq_step(sq, &budget))
			fwsim_sq_schedule(sq);
	}
	return fw->sq_head;
}
