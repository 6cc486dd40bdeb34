// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a QP has sent and got as packets, in a state image: where its own message has got to, where that of the
 * other side, which answers are still to be given, and the results of atomics. docs/state-image.rst, "QP".
 *
 * Whatever it says, packets are checked against it and memory against keys anew. What is checked here is what the
 * code takes for granted: that places are inside of arrays, and that one is not behind another.
 */
#include "image.h"
#include "roce_qp.h"

#define PACKETS_MAX (1u << 24)
#define MESSAGE_MAX (1u << 31)

static void xfer_flag(struct fwsim_xfer *x, bool *v, const char *name)
{
	uint32_t n = *v;

	fwsim_xfer_u32(x, &n, 1, name);
	*v = n;
}

static void xfer_requester(struct fwsim_xfer *x, struct roce_requester *req)
{
	xfer_flag(x, &req->active, "message in packets");
	xfer_flag(x, &req->gap, "gap in answers");
	fwsim_xfer_u32(x, &req->acked, PACKETS_MAX, "packets acknowledged");
	fwsim_xfer_u32(x, &req->sent, PACKETS_MAX, "packets sent");
	fwsim_xfer_u32(x, &req->high, PACKETS_MAX, "packets ever sent");
	if (x->mode == FWSIM_XFER_LOAD && (req->acked > req->sent || req->sent > req->high))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "of its packets %u are acknowledged, %u and %u sent",
			       req->acked, req->sent, req->high);
}

static void xfer_answer(struct fwsim_xfer *x, struct roce_answer *a)
{
	fwsim_xfer_u8(x, &a->kind, ROCE_ANSWER_ATOMIC, "kind of answer");
	fwsim_xfer_u8(x, &a->syndrome, UINT8_MAX, "syndrome");
	fwsim_xfer_u32(x, &a->psn, 0xffffff, "PSN of an answer");
	fwsim_xfer_u32(x, &a->msn, 0xffffff, "MSN of an answer");
	fwsim_xfer_u64(x, &a->va);
	fwsim_xfer_u32(x, &a->rkey, UINT32_MAX, "key of a READ");
	fwsim_xfer_u32(x, &a->left, MESSAGE_MAX, "length of a READ");
	xfer_flag(x, &a->begun, "READ is begun");
}

static void xfer_responder(struct fwsim_xfer *x, struct roce_responder *rsp)
{
	xfer_flag(x, &rsp->busy, "message that arrives");
	xfer_flag(x, &rsp->drop, "message that is lost");
	xfer_flag(x, &rsp->write, "message is a WRITE");
	xfer_flag(x, &rsp->naked, "gap is told");
	fwsim_xfer_u32(x, &rsp->off, MESSAGE_MAX, "bytes that have arrived");
	fwsim_xfer_u32(x, &rsp->len, MESSAGE_MAX, "length of a WRITE");
	fwsim_xfer_u32(x, &rsp->rkey, UINT32_MAX, "key of a WRITE");
	fwsim_xfer_u64(x, &rsp->va);
	fwsim_xfer_u32(x, &rsp->msn, 0xffffff, "MSN");
	if (x->mode == FWSIM_XFER_LOAD && rsp->write && rsp->off > rsp->len)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%u bytes of a WRITE of %u", rsp->off, rsp->len);
	fwsim_xfer_u32(x, &rsp->saved_n, ROCE_SAVED, "results of atomics");
	fwsim_xfer_u32(x, &rsp->saved_next, ROCE_SAVED - 1, "next result");
	for (uint32_t i = 0; i < rsp->saved_n && !x->bad; i++) {
		fwsim_xfer_u32(x, &rsp->saved[i].psn, 0xffffff, "PSN of an atomic");
		fwsim_xfer_u64(x, &rsp->saved[i].orig);
	}
	fwsim_xfer_u32(x, &rsp->answers_n, ROCE_ANSWERS, "answers to be given");
	for (uint32_t i = 0; i < rsp->answers_n && !x->bad; i++)
		xfer_answer(x, &rsp->answers[i]);
}

void fwsim_xfer_roce(struct fwsim_xfer *x, struct fwsim_qp *qp)
{
	bool there = qp->roce;

	xfer_flag(x, &there, "state of packets");
	if (!there)
		return;
	if (x->mode == FWSIM_XFER_LOAD && !roce_state(qp)) {
		fwsim_xfer_bad(x, IFC_ST_NO_RESOURCES, "no memory");
		return;
	}
	xfer_requester(x, &qp->roce->req);
	xfer_responder(x, &qp->roce->rsp);
	if (x->mode == FWSIM_XFER_LOAD && qp->roce->req.active && qp->sq_ci == qp->sq_pi)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "a message is under way, but none is posted");
}
