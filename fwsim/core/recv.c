// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a message arrives in: the next WQE of the QP's own receive ring, or one that the QP has taken from
 * a shared receive queue. Which of the two, and into which CQ its completion goes, is nobody else's to
 * know.
 */
#include "rc.h"

enum rc_recv rc_recv_ready(struct fwsim_qp *peer, uint32_t xrc_srqn)
{
	struct fwsim_srq *srq;
	uint16_t pi;

	if (peer->has_srq) {
		srq = rc_srq(peer, xrc_srqn);
		if (!srq)
			return RC_RECV_NO_QUEUE;
		/* XRC: a message that goes on for another queue; ERR then gives back what has been taken */
		if (peer->srq_taken && peer->srq_taken != srq->obj.id)
			return RC_RECV_NO_QUEUE;
		switch (rc_srq_take(peer, srq)) {
		case RC_TAKEN:
			return RC_RECV_OK;
		case RC_TAKE_EMPTY:
			return RC_RECV_NONE;
		case RC_TAKE_ERROR:
			return RC_RECV_DMA;
		}
	}
	if (!peer->has_rq)
		return RC_RECV_NO_QUEUE;
	if (rc_read_rq_pi(peer, &pi))
		return RC_RECV_DMA;
	return pi == peer->rq_ci ? RC_RECV_NONE : RC_RECV_OK;
}

enum rc_fetch rc_recv_fetch(struct fwsim_qp *peer, uint32_t xrc_srqn, struct rc_wqe *r)
{
	struct fwsim_srq *srq = rc_srq(peer, xrc_srqn);

	return srq ? rc_fetch_srq(peer, srq, r) : rc_fetch_recv(peer, r);
}

/* The SRQ that the taken WQE is from; it cannot be destroyed but by a command that clears srq_taken. */
static struct fwsim_srq *taken_srq(const struct fwsim_qp *peer)
{
	return peer->srq_taken ? fwsim_table_get(&peer->vhca->obj[FWSIM_OBJ_SRQ], peer->srq_taken) :
				 NULL;
}

/* Number of the WQE in use, and the CQ that its completion goes to. */
static uint16_t recv_counter(const struct fwsim_qp *peer, uint32_t *cqn)
{
	const struct fwsim_srq *srq = taken_srq(peer);

	*cqn = srq && srq->kind == FWSIM_SRQ_XRC ? srq->cqn : peer->cqn_rcv;
	return srq ? peer->srq_wqe : peer->rq_ci;
}

bool rc_recv_post(struct fwsim_qp *peer, uint8_t cqe[64], bool solicited)
{
	uint32_t cqn;

	ifc_st16(cqe + 60, recv_counter(peer, &cqn));
	ifc_st32(cqe + 32, peer->srq_taken);
	if (!fwsim_cq_post(peer->vhca, cqn, cqe, solicited))
		return false;
	if (peer->srq_taken)
		peer->srq_taken = 0;
	else
		peer->rq_ci++;
	return true;
}

bool rc_recv_complete(struct fwsim_qp *peer, uint8_t op, uint32_t src, const uint8_t imm[4],
		      uint32_t bytes, bool solicited)
{
	uint8_t cqe[64];

	rc_cqe_fill(peer, cqe,
		    op == IFC_WQE_SEND	     ? IFC_CQE_RESP_SEND :
		    op == IFC_WQE_SEND_IMM   ? IFC_CQE_RESP_SEND_IMM :
		    op == IFC_WQE_SEND_INVAL ? IFC_CQE_RESP_SEND_INV :
					       IFC_CQE_RESP_WR_IMM,
		    0, 0);
	ifc_st32(cqe + 24, src);
	if (op != IFC_WQE_SEND)
		memcpy(cqe + 36, imm, 4);
	ifc_st32(cqe + 44, bytes);
	return rc_recv_post(peer, cqe, solicited);
}

/* An error CQE for the WQE in use. */
static bool recv_post_error(struct fwsim_qp *peer, enum ifc_cqe_synd synd)
{
	uint8_t cqe[64];

	rc_cqe_fill(peer, cqe, IFC_CQE_RESP_ERR, 0, 0);
	memset(cqe + 48, 0, 8);
	cqe[55] = (uint8_t)synd;
	return rc_recv_post(peer, cqe, true);
}

void rc_recv_fail(struct fwsim_qp *peer, enum ifc_cqe_synd synd, const char *why)
{
	uint32_t cqn;

	fwsim_trace_simple(peer->vhca, FWSIM_TRACE_QP, peer->obj.id, synd, recv_counter(peer, &cqn),
			   why);
	if (recv_post_error(peer, synd))
		fwsim_qp_flush(peer);
	else
		rc_catas(peer, "its receive CQ takes no completion");
}

bool rc_recv_flush_taken(struct fwsim_qp *qp)
{
	bool ok = !qp->srq_taken || recv_post_error(qp, IFC_CQE_SYND_WR_FLUSH);

	qp->srq_taken = 0;
	return ok;
}
