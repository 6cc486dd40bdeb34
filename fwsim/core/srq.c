// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receive WQEs of a shared receive queue. A message takes the next one of the list when it begins to
 * arrive, and its QP keeps it (srq_taken) until the message has ended, whatever else takes from the queue
 * in the meantime. A WQE begins with the number of the next one.
 */
#include "rc.h"

#define SRQ_LINK 16u	   /* length of the link segment */
#define SRQ_LINK_NEXT 2u   /* place of the next WQE's number in it */
#define EVENT_TYPE_SRQ 0

static void srq_event(struct fwsim_vhca *v, const struct fwsim_srq *srq, uint8_t type)
{
	uint8_t data[28] = { 0 };

	data[0x14] = EVENT_TYPE_SRQ;
	ifc_st32(data + 0x18, srq->obj.id);
	fwsim_event_post(v, type, 0, data);
}

/* The list cannot be read: no message gets a WQE any more. */
static void srq_catas(struct fwsim_vhca *v, struct fwsim_srq *srq, const char *why)
{
	if (!srq->error)
		srq_event(v, srq, IFC_EVENT_SRQ_CATAS_ERROR);
	srq->error = true;
	fwsim_trace_note(v, "SRQ 0x%x: %s", srq->obj.id, why);
}

/* WQEs that are there to be taken; -1 if the bus refused. */
static int srq_left(struct fwsim_vhca *v, struct fwsim_srq *srq)
{
	uint8_t be[4];
	uint16_t n;

	if (srq->error)
		return -1;
	if (fwsim_dma_read(v, srq->dbr, be, sizeof(be))) {
		srq_catas(v, srq, "the bus refused its doorbell record");
		return -1;
	}
	n = (uint16_t)(ifc_ld32(be) - srq->ci);
	return n > 1u << srq->log_size ? 1 << srq->log_size : n;
}

void fwsim_srq_check_limit(struct fwsim_vhca *v, struct fwsim_srq *srq)
{
	int left;

	if (!srq->lwm || !fwsim_vhca_may_respond(v))
		return;
	left = srq_left(v, srq);
	if (left < 0 || left >= srq->lwm)
		return;
	srq->lwm = 0; /* once per arm */
	srq_event(v, srq, IFC_EVENT_SRQ_RQ_LIMIT);
}

static uint64_t srq_wqe_off(const struct fwsim_srq *srq, uint16_t index)
{
	return srq->page_offset + ((uint64_t)index << srq->log_stride);
}

bool fwsim_qp_may_use_srq(const struct fwsim_qp *qp, const struct fwsim_srq *srq)
{
	if (!qp->has_srq)
		return false;
	if (qp->st == IFC_QP_ST_XRC)
		return srq->kind == FWSIM_SRQ_XRC && srq->xrcd == qp->xrcd;
	return srq->kind != FWSIM_SRQ_XRC && srq->obj.id == qp->srqn;
}

struct fwsim_srq *rc_srq(const struct fwsim_qp *qp, uint32_t xrc_srqn)
{
	uint32_t id = qp->st == IFC_QP_ST_XRC ? xrc_srqn : qp->srqn;
	struct fwsim_srq *srq;

	srq = qp->has_srq ? fwsim_table_get(&qp->vhca->obj[FWSIM_OBJ_SRQ], id) : NULL;
	return srq && fwsim_qp_may_use_srq(qp, srq) ? srq : NULL;
}

enum rc_take rc_srq_take(struct fwsim_qp *qp, struct fwsim_srq *srq)
{
	uint8_t be[2];
	int left;

	if (qp->srq_taken == srq->obj.id)
		return RC_TAKEN; /* by an earlier slice, or a message that was cut off */
	left = srq_left(qp->vhca, srq);
	if (left <= 0)
		return left ? RC_TAKE_ERROR : RC_TAKE_EMPTY;
	if (fwsim_pas_read(qp->vhca, &srq->buf, srq_wqe_off(srq, srq->next) + SRQ_LINK_NEXT, be,
			   sizeof(be))) {
		srq_catas(qp->vhca, srq, "the bus refused its next WQE");
		return RC_TAKE_ERROR;
	}
	qp->srq_taken = srq->obj.id;
	qp->srq_wqe = srq->next;
	srq->next = ifc_ld16(be) & (uint16_t)((1u << srq->log_size) - 1);
	srq->ci++;
	fwsim_srq_check_limit(qp->vhca, srq);
	return RC_TAKEN;
}

enum rc_fetch rc_fetch_srq(struct fwsim_qp *qp, struct fwsim_srq *srq, struct rc_wqe *w)
{
	size_t len = (size_t)1 << srq->log_stride;

	w->index = qp->srq_wqe;
	w->pd = srq->pd;
	w->rlky = srq->rlky;
	if (fwsim_pas_read(qp->vhca, &srq->buf, srq_wqe_off(srq, qp->srq_wqe), w->raw, len))
		return RC_FETCH_DMA;
	return rc_recv_segments(w, SRQ_LINK, len);
}
