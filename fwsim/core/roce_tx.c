// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The requester: the message at sq_ci as packets, and what the answers say of it.
 *
 * One message is under way at a time. Its packets are numbered from next_send_psn on, which moves only when the
 * message has ended: so a place in it is a number of packets, and nothing else has to be remembered. At most
 * ROCE_WINDOW packets are not acknowledged, and a READ is asked for in parts of that many. Whatever goes wrong is
 * mended by going back to the first packet that is not acknowledged. It goes alone until there is progress: a peer
 * that is slow, and has it all in its queues, would only get slower by getting it all once more.
 *
 * qp->wait_until is the ack timer while nothing more may be sent, and the timer of an RNR NAK.
 */
#include "roce_qp.h"

#define ROCE_MEMORY_NS 10000000ULL /* look again when there was no memory */

enum roce_service roce_service(const struct fwsim_qp *qp)
{
	switch (qp->st) {
	case IFC_QP_ST_UC:
		return ROCE_UC;
	case IFC_QP_ST_XRC:
		return ROCE_XRC;
	case IFC_QP_ST_UD:
	case IFC_QP_ST_QP1:
		return ROCE_UD;
	default:
		return ROCE_RC;
	}
}

struct fwsim_roce *roce_state(struct fwsim_qp *qp)
{
	if (!qp->roce)
		qp->roce = calloc(1, sizeof(*qp->roce));
	return qp->roce;
}

void fwsim_roce_free(struct fwsim_qp *qp)
{
	free(qp->roce);
	qp->roce = NULL;
}

void fwsim_roce_flush(struct fwsim_qp *qp, bool responder)
{
	if (!qp->roce)
		return;
	qp->roce->req = (struct roce_requester){ 0 };
	if (responder)
		qp->roce->rsp = (struct roce_responder){ 0 };
}

void roce_send(struct fwsim_qp *qp, struct roce_packet *pkt)
{
	uint8_t frame[ROCE_FRAME_MAX];
	struct roce_path path;

	if (!roce_path_qp(qp, &path)) {
		fwsim_trace_note(qp->vhca, "QP 0x%x: its path has no RoCE v2 address", qp->obj.id);
		return;
	}
	pkt->opcode |= (uint8_t)roce_service(qp);
	pkt->dqpn = qp->remote_qpn;
	fwsim_eswitch_tx(qp->vhca, frame, roce_build(&path, pkt, frame));
}

void rc_roce_datagram(struct fwsim_qp *qp, const struct rc_datagram *d)
{
	struct roce_packet pkt = {
		.opcode = (uint8_t)(ROCE_UD | (d->has_imm ? ROCE_SEND_ONLY_IMM : ROCE_SEND_ONLY)),
		.solicited = d->solicited, .dqpn = d->dqpn, .psn = IFC_GET(qpc, qp->ctx, next_send_psn),
		.qkey = d->qkey, .sqpn = d->sqpn, .data = d->data, .data_len = d->len,
	};
	uint8_t frame[ROCE_FRAME_MAX];
	struct roce_path path;

	memcpy(pkt.imm, d->imm, sizeof(pkt.imm));
	if (!roce_path_av(qp->vhca, d->av, &path))
		fwsim_trace_note(qp->vhca, "datagram of QP 0x%x is lost: its address is not of RoCE v2",
				 qp->obj.id);
	else
		fwsim_eswitch_tx(qp->vhca, frame, roce_build(&path, &pkt, frame));
}

/* ---- sending ------------------------------------------------------------------------------- */

static bool is_read(const struct rc_wqe *w)
{
	return w->op == IFC_WQE_RDMA_READ;
}

static bool is_atomic(const struct rc_wqe *w)
{
	return w->op == IFC_WQE_ATOMIC_CS || w->op == IFC_WQE_ATOMIC_FA;
}

/* Packets that may be without acknowledgement. */
static uint32_t window(const struct fwsim_qp *qp)
{
	return qp->retry_left < IFC_GET(qpc, qp->ctx, retry_count) ? 1 : ROCE_WINDOW;
}

/* May a packet be sent now? Of @total there is one left that is not acknowledged. */
static bool may_send(const struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total)
{
	const struct roce_requester *req = &qp->roce->req;

	if (is_read(w))
		return req->sent == req->acked;
	return req->sent < total && req->sent - req->acked < window(qp);
}

static uint8_t operation(const struct rc_wqe *w, bool first, bool last)
{
	switch (w->op) {
	case IFC_WQE_ATOMIC_CS:
		return ROCE_CMP_SWAP;
	case IFC_WQE_ATOMIC_FA:
		return ROCE_FETCH_ADD;
	case IFC_WQE_RDMA_READ:
		return ROCE_READ_REQUEST;
	case IFC_WQE_RDMA_WRITE:
	case IFC_WQE_RDMA_WRITE_IMM:
		if (!last)
			return first ? ROCE_WRITE_FIRST : ROCE_WRITE_MIDDLE;
		if (w->op == IFC_WQE_RDMA_WRITE_IMM)
			return first ? ROCE_WRITE_ONLY_IMM : ROCE_WRITE_LAST_IMM;
		return first ? ROCE_WRITE_ONLY : ROCE_WRITE_LAST;
	}
	if (!last)
		return first ? ROCE_SEND_FIRST : ROCE_SEND_MIDDLE;
	if (w->op == IFC_WQE_SEND_IMM)
		return first ? ROCE_SEND_ONLY_IMM : ROCE_SEND_LAST_IMM;
	if (w->op == IFC_WQE_SEND_INVAL)
		return first ? ROCE_SEND_ONLY_INV : ROCE_SEND_LAST_INV;
	return first ? ROCE_SEND_ONLY : ROCE_SEND_LAST;
}

/* Ask for the next part of a READ. What has been asked for once is asked for again up to the same end. */
static void send_read(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total)
{
	struct roce_requester *req = &qp->roce->req;
	uint32_t mtu = roce_mtu(qp), end = req->acked + ROCE_WINDOW;
	uint64_t from = (uint64_t)req->acked * mtu, to;
	struct roce_packet pkt = {
		.opcode = ROCE_READ_REQUEST, .ack_req = true, .va = w->raddr + from, .rkey = w->rkey,
		.psn = roce_psn(IFC_GET(qpc, qp->ctx, next_send_psn) + req->acked),
		.xrc_srqn = w->xrc_srqn,
	};

	if (end > total)
		end = total;
	if (req->high > req->acked)
		end = req->high;
	to = (uint64_t)end * mtu < w->total ? (uint64_t)end * mtu : w->total;
	pkt.len = (uint32_t)(to - from);
	req->sent = end;
	roce_send(qp, &pkt);
}

/* The packet at req->sent. False: local memory cannot be read. */
static bool send_packet(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total)
{
	struct roce_requester *req = &qp->roce->req;
	uint32_t mtu = roce_mtu(qp), i = req->sent;
	uint64_t off = (uint64_t)i * mtu;
	bool last = i + 1 == total;
	uint8_t data[ROCE_MTU_MAX];
	struct roce_packet pkt = {
		.opcode = operation(w, !i, last), .solicited = last && w->solicited,
		.psn = roce_psn(IFC_GET(qpc, qp->ctx, next_send_psn) + i),
		.ack_req = qp->st != IFC_QP_ST_UC && (last || i % ROCE_ACK_EVERY == ROCE_ACK_EVERY - 1 ||
						      i - req->acked == window(qp) - 1),
		.va = w->raddr, .rkey = w->rkey, .len = (uint32_t)w->total, .xrc_srqn = w->xrc_srqn,
		.swap_add = w->swap_add, .compare = w->compare, .data = data,
	};

	memcpy(pkt.imm, w->imm, sizeof(pkt.imm));
	if (!is_atomic(w)) {
		pkt.data_len = (uint32_t)(w->total - off < mtu ? w->total - off : mtu);
		if (rc_gather(qp, w, off, data, pkt.data_len) != FWSIM_MKEY_OK)
			return false;
	}
	req->sent++;
	roce_send(qp, &pkt);
	return true;
}

/* Nothing more may be sent until an answer comes. A timeout may be noticed after up to four times its length. */
static enum rc_next wait_answer(struct fwsim_qp *qp)
{
	unsigned int timeout = IFC_GET(qpc, qp->ctx, primary_address_path.ack_timeout);

	if (timeout)
		return rc_wait(qp, 4 * 4096ULL << timeout);
	qp->wait_until = 0; /* for ever */
	return RC_IDLE;
}

/* Go back to what is not acknowledged, if there are retries left. */
static enum rc_next go_back(struct fwsim_qp *qp, const struct rc_wqe *w, const char *why)
{
	struct roce_requester *req = &qp->roce->req;

	if (!qp->retry_left)
		return rc_fail(qp, w, IFC_CQE_SYND_TRANSPORT_RETRY_EXC, why);
	qp->retry_left--;
	req->sent = req->acked;
	qp->wait_until = 0;
	return RC_MORE;
}

static enum rc_next unreliable_step(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total)
{
	struct roce_requester *req = &qp->roce->req;

	for (unsigned int n = 0; n < ROCE_SLICE && req->sent < total; n++)
		if (!send_packet(qp, w, total))
			return rc_local_fault(qp, w);
	req->high = req->sent;
	if (req->sent < total)
		return RC_MORE;
	*req = (struct roce_requester){ 0 };
	rc_count(qp, w, NULL);
	return rc_complete(qp, w);
}

enum rc_next rc_roce_step(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	uint32_t total = roce_packets(qp, w->total);
	struct roce_requester *req;

	if (!roce_state(qp))
		return rc_wait(qp, ROCE_MEMORY_NS);
	req = &qp->roce->req;
	if (!req->active) {
		/* what went through the card before the other side has left it, goes once more */
		*req = (struct roce_requester){ .active = true };
		qp->sq_off = 0;
		qp->drop = false;
		qp->give_up_at = 0;
		qp->retry_left = (uint8_t)IFC_GET(qpc, qp->ctx, retry_count);
	}
	if (req->acked >= total || req->high > total)
		return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_QP_OP,
			       "the send WQE has changed while its message was under way");
	if (qp->st == IFC_QP_ST_UC)
		return unreliable_step(qp, w, total);
	if (!may_send(qp, w, total)) {
		if (!IFC_GET(qpc, qp->ctx, primary_address_path.ack_timeout))
			return RC_IDLE;
		fwsim_trace_note(qp->vhca, "QP 0x%x: no answer, %u of %u packets acknowledged",
				 qp->obj.id, req->acked, total);
		return go_back(qp, w, "no answer from the network");
	}
	for (unsigned int n = 0; n < ROCE_SLICE && may_send(qp, w, total); n++) {
		if (is_read(w))
			send_read(qp, w, total);
		else if (!send_packet(qp, w, total))
			return rc_local_fault(qp, w);
		if (req->high < req->sent)
			req->high = req->sent;
	}
	return may_send(qp, w, total) ? RC_MORE : wait_answer(qp);
}

void fwsim_roce_resume(struct fwsim_qp *qp)
{
	struct roce_requester *req = qp->roce ? &qp->roce->req : NULL;

	if (!req || !req->active || qp->st == IFC_QP_ST_UC || req->sent == req->acked)
		return;
	req->sent = req->acked;
	req->gap = false;
	qp->wait_until = 0;
	qp->retry_left = (uint8_t)IFC_GET(qpc, qp->ctx, retry_count);
}

bool rc_roce_active(const struct fwsim_qp *qp)
{
	return qp->roce && qp->roce->req.active;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* @next is what a step would say; outside of one it is made so. */
static void go_on(struct fwsim_qp *qp, enum rc_next next)
{
	if (next == RC_MORE)
		fwsim_qp_schedule(qp);
}

/* All packets below @n have got there. False: the message has ended, and perhaps the QP with it. */
static bool progress(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total, uint32_t n)
{
	struct roce_requester *req = &qp->roce->req;

	if (n > req->acked) {
		req->acked = n;
		req->gap = false;
		qp->retry_left = (uint8_t)IFC_GET(qpc, qp->ctx, retry_count);
	}
	if (req->sent < req->acked)
		req->sent = req->acked;
	if (req->acked < total)
		return true;
	*req = (struct roce_requester){ 0 };
	qp->wait_until = 0;
	rc_count(qp, w, NULL);
	go_on(qp, rc_complete(qp, w));
	return false;
}

/* The message goes on: with more packets, or waiting for more answers. */
static void proceed(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total)
{
	if (!may_send(qp, w, total)) {
		wait_answer(qp);
		return;
	}
	qp->wait_until = 0;
	fwsim_qp_schedule(qp);
}

static void answer_rnr(struct fwsim_qp *qp, const struct rc_wqe *w, uint8_t timer)
{
	struct roce_requester *req = &qp->roce->req;

	if (IFC_GET(qpc, qp->ctx, rnr_retry) != RC_RNR_FOREVER) {
		if (!qp->rnr_left) {
			rc_fail(qp, w, IFC_CQE_SYND_RNR_RETRY_EXC, "the responder has no receive WQE");
			return;
		}
		qp->rnr_left--;
	}
	req->sent = req->acked;
	rc_wait(qp, rc_rnr_ns(timer));
}

static void answer_nak(struct fwsim_qp *qp, const struct rc_wqe *w, uint8_t code)
{
	struct roce_requester *req = &qp->roce->req;

	switch (code) {
	case ROCE_NAK_SEQUENCE:
		if (req->sent != req->acked) /* otherwise it is being mended */
			go_on(qp, go_back(qp, w, "the responder misses packets"));
		return;
	case ROCE_NAK_INVALID:
		rc_fail(qp, w, IFC_CQE_SYND_REMOTE_INVAL_REQ, "the responder: invalid request");
		return;
	case ROCE_NAK_ACCESS:
		rc_fail(qp, w, IFC_CQE_SYND_REMOTE_ACCESS, "the responder: remote access error");
		return;
	case ROCE_NAK_OPERATION:
		rc_fail(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder: remote operational error");
		return;
	}
	fwsim_trace_note(qp->vhca, "QP 0x%x: a NAK with the unknown code %u", qp->obj.id, code);
}

static void answer_ack(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total, uint32_t rel,
		       uint8_t syndrome)
{
	bool data = is_read(w) || is_atomic(w);

	switch (syndrome & ROCE_SYND_KIND) {
	case 0:
		/* what gives data back is acknowledged by them alone */
		if (!data && rel >= qp->roce->req.acked && progress(qp, w, total, rel + 1))
			proceed(qp, w, total);
		return;
	case ROCE_SYND_RNR:
		if (rel >= qp->roce->req.acked && (data || progress(qp, w, total, rel)))
			answer_rnr(qp, w, syndrome & 0x1f);
		return;
	case ROCE_SYND_NAK:
		if (rel >= qp->roce->req.acked && (data || progress(qp, w, total, rel)))
			answer_nak(qp, w, syndrome & 0x1f);
		return;
	}
}

static void answer_read(struct fwsim_qp *qp, const struct rc_wqe *w, uint32_t total, uint32_t rel,
			const struct roce_packet *pkt)
{
	struct roce_requester *req = &qp->roce->req;
	uint32_t mtu = roce_mtu(qp);
	uint64_t off = (uint64_t)rel * mtu;

	if (rel < req->acked)
		return;
	if (rel > req->acked) {
		if (req->gap || req->sent == req->acked)
			return;
		req->gap = true;
		go_on(qp, go_back(qp, w, "answers to a READ are missing"));
		return;
	}
	if (pkt->data_len != (w->total - off < mtu ? w->total - off : mtu)) {
		fwsim_trace_note(qp->vhca, "QP 0x%x: an answer to a READ of %u bytes", qp->obj.id,
				 pkt->data_len);
		return;
	}
	if (rc_scatter(qp, w, off, pkt->data, pkt->data_len) != FWSIM_MKEY_OK)
		rc_local_fault(qp, w);
	else if (progress(qp, w, total, rel + 1))
		proceed(qp, w, total);
}

static void answer_atomic(struct fwsim_qp *qp, const struct rc_wqe *w, const struct roce_packet *pkt)
{
	bool host = fwsim_cap_atomic_host_order(qp->vhca);
	uint8_t value[8];

	for (unsigned int i = 0; i < 8; i++)
		value[i] = (uint8_t)(pkt->orig >> 8 * (host ? i : 7 - i));
	if (rc_scatter(qp, w, 0, value, sizeof(value)) != FWSIM_MKEY_OK)
		rc_local_fault(qp, w);
	else
		progress(qp, w, 1, 1);
}

void roce_answered(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_requester *req = qp->roce ? &qp->roce->req : NULL;
	uint32_t rel = roce_psn(pkt->psn - IFC_GET(qpc, qp->ctx, next_send_psn)), total;
	struct rc_wqe w;

	if (qp->state != IFC_QP_RTS || qp->st == IFC_QP_ST_UC || !req || !req->active ||
	    qp->sq_ci == qp->sq_pi || rel >= req->high)
		return; /* late, or of nothing that was asked for */
	switch (rc_fetch_send(qp, &w)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		rc_fail(qp, &w, IFC_CQE_SYND_LOCAL_QP_OP, "the send WQE makes no sense");
		return;
	case RC_FETCH_DMA:
		rc_catas(qp, "the bus refused its send WQE");
		return;
	}
	total = roce_packets(qp, w.total);
	if (w.op == IFC_WQE_NOP || req->high > total || w.total > UINT32_MAX) {
		rc_fail(qp, &w, IFC_CQE_SYND_LOCAL_QP_OP,
			"the send WQE has changed while its message was under way");
		return;
	}
	if (pkt->is & ROCE_IS_READ_DATA) {
		if (is_read(&w))
			answer_read(qp, &w, total, rel, pkt);
	} else if (pkt->is & ROCE_ATOMIC_AETH) {
		if (is_atomic(&w))
			answer_atomic(qp, &w, pkt);
	} else {
		answer_ack(qp, &w, total, rel, pkt->syndrome);
	}
}
