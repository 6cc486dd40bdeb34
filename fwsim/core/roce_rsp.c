// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The responder: requests in the order of their numbers, and the answers to them.
 *
 * A request with the expected number is carried out at once, but a READ is only noted. Answers go out in the order
 * of numbers, so while a READ is being answered those to later requests wait behind it; acknowledgements that
 * follow each other become one. What has been there before is not done twice: a WRITE or SEND is acknowledged anew,
 * a READ is read anew, and the result of an atomic is looked up among the saved ones.
 *
 * Everything a packet says is another's word. A packet that does not fit, and that the specification has no NAK
 * for, is dropped with a trace line.
 */
#include "roce_qp.h"

#define READ_MAX (1u << 31)

static void drop(struct fwsim_qp *qp, const char *why)
{
	fwsim_trace_note(qp->vhca, "a RoCE request to QP 0x%x is dropped: %s", qp->obj.id, why);
}

static uint32_t expected(const struct fwsim_qp *qp)
{
	return IFC_GET(qpc, qp->ctx, next_rcv_psn);
}

/* How far @b is behind @a, in numbers that wrap; half of them are before, half behind. */
static uint32_t ahead(uint32_t a, uint32_t b)
{
	return roce_psn(a - b);
}

static bool before(uint32_t a, uint32_t b)
{
	return ahead(b, a) && ahead(b, a) < 1u << 23;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void send_ack(struct fwsim_qp *qp, uint8_t syndrome, uint32_t psn, uint32_t msn)
{
	struct roce_packet pkt = { .opcode = ROCE_ACK, .psn = psn, .syndrome = syndrome, .msn = msn };

	roce_send(qp, &pkt);
}

static void send_atomic(struct fwsim_qp *qp, const struct roce_answer *a)
{
	struct roce_packet pkt = {
		.opcode = ROCE_ATOMIC_ACK, .psn = a->psn, .syndrome = ROCE_SYND_ACK, .msn = a->msn,
		.orig = a->va,
	};

	roce_send(qp, &pkt);
}

/* The request at @psn is refused for good: a NAK, @event if there is one, and the QP goes to ERR. UC is silent. */
static void refuse(struct fwsim_qp *qp, uint32_t psn, enum roce_nak code, uint8_t event, const char *why)
{
	if (qp->st == IFC_QP_ST_UC) {
		drop(qp, why);
		qp->roce->rsp.busy = false;
		qp->roce->rsp.drop = true;
		return;
	}
	fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, code, 0, why);
	send_ack(qp, (uint8_t)(ROCE_SYND_NAK | code), psn, qp->roce->rsp.msn);
	if (event)
		rc_event(qp, event);
	fwsim_qp_flush(qp);
}

static void answer_done(struct roce_responder *rsp)
{
	rsp->answers_n--;
	memmove(rsp->answers, rsp->answers + 1, rsp->answers_n * sizeof(rsp->answers[0]));
}

/* The next packet of the READ that is first in the row. False: the QP is in ERR. */
static bool send_read_data(struct fwsim_qp *qp, struct roce_answer *a)
{
	uint32_t mtu = roce_mtu(qp);
	uint8_t data[ROCE_MTU_MAX];
	enum fwsim_mkey_fault f;
	struct roce_packet pkt = {
		.psn = a->psn, .syndrome = ROCE_SYND_ACK, .msn = a->msn, .data = data,
		.data_len = a->left < mtu ? a->left : mtu,
	};
	bool last = pkt.data_len == a->left;

	if (pkt.data_len) {
		f = fwsim_mkey_read(qp->vhca, a->rkey, qp->pd, FWSIM_ACC_RR, a->va, data, pkt.data_len);
		if (f == FWSIM_MKEY_DMA) {
			refuse(qp, a->psn, ROCE_NAK_OPERATION, IFC_EVENT_WQ_CATAS_ERROR,
			       "the responder's bus refused");
			return false;
		}
		if (f != FWSIM_MKEY_OK) {
			refuse(qp, a->psn, ROCE_NAK_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR,
			       "remote memory: key, domain, rights or bounds");
			return false;
		}
	}
	if (a->begun)
		pkt.opcode = last ? ROCE_READ_LAST : ROCE_READ_MIDDLE;
	else
		pkt.opcode = last ? ROCE_READ_ONLY : ROCE_READ_FIRST;
	roce_send(qp, &pkt);
	a->begun = true;
	a->psn = roce_psn(a->psn + 1);
	a->va += pkt.data_len;
	a->left -= pkt.data_len;
	if (last)
		answer_done(&qp->roce->rsp);
	return true;
}

bool fwsim_roce_respond(struct fwsim_qp *qp)
{
	struct roce_responder *rsp = &qp->roce->rsp;

	if (!rsp->answers_n || !fwsim_vhca_may_respond(qp->vhca) || !rc_can_receive(qp))
		return false;
	for (unsigned int n = 0; n < ROCE_SLICE && rsp->answers_n; n++) {
		struct roce_answer *a = &rsp->answers[0];

		switch (a->kind) {
		case ROCE_ANSWER_READ:
			if (!send_read_data(qp, a))
				return false;
			break;
		case ROCE_ANSWER_ATOMIC:
			send_atomic(qp, a);
			answer_done(rsp);
			break;
		case ROCE_ANSWER_ACK:
			send_ack(qp, a->syndrome, a->psn, a->msn);
			answer_done(rsp);
			break;
		}
	}
	return rsp->answers_n;
}

void fwsim_roce_rescan(struct fwsim_vhca *v)
{
	struct fwsim_qp *qp;

	fwsim_table_for_each(&v->obj[FWSIM_OBJ_QP], qp)
		if (qp->roce && qp->roce->rsp.answers_n)
			fwsim_qp_schedule(qp);
}

/* Give @a when all before it have been given; there is room for it. */
static void answer(struct fwsim_qp *qp, const struct roce_answer *a)
{
	struct roce_responder *rsp = &qp->roce->rsp;
	struct roce_answer *last = rsp->answers_n ? &rsp->answers[rsp->answers_n - 1] : NULL;

	if (last && last->kind == ROCE_ANSWER_ACK && last->syndrome == ROCE_SYND_ACK &&
	    a->kind == ROCE_ANSWER_ACK)
		*last = *a; /* a later one says the same of all before it */
	else
		rsp->answers[rsp->answers_n++] = *a;
	fwsim_qp_schedule(qp);
}

static void answer_ack(struct fwsim_qp *qp, uint8_t syndrome, uint32_t psn)
{
	struct roce_answer a = {
		.kind = ROCE_ANSWER_ACK, .syndrome = syndrome, .psn = psn, .msn = qp->roce->rsp.msn,
	};

	answer(qp, &a);
}

static void answer_read(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_answer a = {
		.kind = ROCE_ANSWER_READ, .psn = pkt->psn, .msn = qp->roce->rsp.msn,
		.va = pkt->va, .rkey = pkt->rkey, .left = pkt->len,
	};

	answer(qp, &a);
}

static void answer_atomic(struct fwsim_qp *qp, uint32_t psn, uint64_t orig)
{
	struct roce_answer a = {
		.kind = ROCE_ANSWER_ATOMIC, .psn = psn, .msn = qp->roce->rsp.msn, .va = orig,
	};

	answer(qp, &a);
}

/* ---- what a request does ------------------------------------------------------------------- */

/* DONE: it has been carried out. LATER: no receive WQE, nothing has changed. REFUSED: it has been dealt with. */
enum done { DONE, LATER, REFUSED };

/* The responder's own queues do not serve. */
static enum done catas(struct fwsim_qp *qp, const struct roce_packet *pkt, const char *why)
{
	if (qp->st != IFC_QP_ST_UC)
		send_ack(qp, ROCE_SYND_NAK | ROCE_NAK_OPERATION, pkt->psn, qp->roce->rsp.msn);
	rc_catas(qp, why);
	return REFUSED;
}

/* See to a receive WQE. */
static enum done need_recv(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	switch (rc_recv_ready(qp, pkt->xrc_srqn)) {
	case RC_RECV_OK:
		return DONE;
	case RC_RECV_NONE:
		if (qp->st != IFC_QP_ST_UC)
			return LATER;
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, 0, "there is no receive WQE");
		return REFUSED;
	case RC_RECV_NO_QUEUE:
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "the responder has no receive queue");
		return REFUSED;
	case RC_RECV_DMA:
		break;
	}
	return catas(qp, pkt, "the bus refused its doorbell record, or the SRQ is in error");
}

/* The receive WQE has failed: it is completed with @own, the requester is told @code. */
static enum done recv_failed(struct fwsim_qp *qp, const struct roce_packet *pkt, enum ifc_cqe_synd own,
			     enum roce_nak code, const char *why)
{
	if (qp->st != IFC_QP_ST_UC)
		send_ack(qp, (uint8_t)(ROCE_SYND_NAK | code), pkt->psn, qp->roce->rsp.msn);
	rc_recv_fail(qp, own, why);
	return REFUSED;
}

static enum done do_send(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_responder *rsp = &qp->roce->rsp;
	uint32_t off = pkt->is & ROCE_STARTS ? 0 : rsp->off;
	enum done done = need_recv(qp, pkt);
	uint8_t op = IFC_WQE_SEND;
	struct rc_wqe r;

	if (done != DONE)
		return done;
	switch (rc_recv_fetch(qp, pkt->xrc_srqn, &r)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		return recv_failed(qp, pkt, IFC_CQE_SYND_LOCAL_QP_OP, ROCE_NAK_OPERATION,
				   "the receive WQE makes no sense");
	case RC_FETCH_DMA:
		return catas(qp, pkt, "the bus refused its receive WQE");
	}
	if ((uint64_t)off + pkt->data_len > r.total)
		return recv_failed(qp, pkt, IFC_CQE_SYND_LOCAL_LENGTH, ROCE_NAK_INVALID,
				   "the message is longer than the receive WQE");
	if (pkt->data_len &&
	    rc_scatter(qp, &r, off, pkt->data, pkt->data_len) != FWSIM_MKEY_OK)
		return recv_failed(qp, pkt, IFC_CQE_SYND_LOCAL_PROT, ROCE_NAK_OPERATION,
				   "receive memory: key, rights, bounds or bus");
	rsp->off = off + pkt->data_len;
	if (!(pkt->is & ROCE_ENDS))
		return DONE;
	if (pkt->is & ROCE_IETH) {
		op = IFC_WQE_SEND_INVAL;
		if (!fwsim_mkey_invalidate(qp->vhca, ifc_ld32(pkt->imm), qp->pd))
			return recv_failed(qp, pkt, IFC_CQE_SYND_LOCAL_QP_OP, ROCE_NAK_OPERATION,
					   "the key named by a SEND with invalidate cannot be invalidated");
	} else if (pkt->is & ROCE_IMM) {
		op = IFC_WQE_SEND_IMM;
	}
	if (!rc_recv_complete(qp, op, qp->remote_qpn, pkt->imm, rsp->off, pkt->solicited))
		return catas(qp, pkt, "its receive CQ takes no completion");
	return DONE;
}

static bool write_allowed(const struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	return !pkt->len || fwsim_mkey_check(qp->vhca, pkt->rkey, qp->pd, FWSIM_ACC_RW, pkt->va,
					     pkt->len) == FWSIM_MKEY_OK;
}

static enum done do_write(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_responder *rsp = &qp->roce->rsp, now = *rsp;
	enum fwsim_mkey_fault f;
	enum done done;

	if (pkt->is & ROCE_STARTS) {
		now.off = 0;
		now.va = pkt->va;
		now.rkey = pkt->rkey;
		now.len = pkt->len;
		if (pkt->len <= READ_MAX && !write_allowed(qp, pkt)) {
			refuse(qp, pkt->psn, ROCE_NAK_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR,
			       "remote memory: key, domain, rights or bounds");
			return REFUSED;
		}
	}
	if (now.len > READ_MAX || pkt->data_len > now.len - now.off ||
	    (pkt->data_len == now.len - now.off) != !!(pkt->is & ROCE_ENDS)) {
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "a WRITE has not the length that it began with");
		return REFUSED;
	}
	if (pkt->is & ROCE_IMM) {
		done = need_recv(qp, pkt);
		if (done != DONE)
			return done;
	}
	f = pkt->data_len ? fwsim_mkey_write(qp->vhca, now.rkey, qp->pd, FWSIM_ACC_RW, now.va + now.off,
					     pkt->data, pkt->data_len) : FWSIM_MKEY_OK;
	if (f == FWSIM_MKEY_DMA) {
		refuse(qp, pkt->psn, ROCE_NAK_OPERATION, IFC_EVENT_WQ_CATAS_ERROR,
		       "the responder's bus refused");
		return REFUSED;
	}
	if (f != FWSIM_MKEY_OK) {
		refuse(qp, pkt->psn, ROCE_NAK_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR,
		       "remote memory: key, domain, rights or bounds");
		return REFUSED;
	}
	now.off += pkt->data_len;
	*rsp = now;
	if (pkt->is & ROCE_IMM && !rc_recv_complete(qp, IFC_WQE_RDMA_WRITE_IMM, qp->remote_qpn, pkt->imm,
						    now.off, pkt->solicited))
		return catas(qp, pkt, "its receive CQ takes no completion");
	return DONE;
}

static bool read_allowed(const struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	return !pkt->len || fwsim_mkey_check(qp->vhca, pkt->rkey, qp->pd, FWSIM_ACC_RR, pkt->va,
					     pkt->len) == FWSIM_MKEY_OK;
}

static enum done do_read(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	if (pkt->len > READ_MAX) {
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "a READ of more than 2 GiB");
		return REFUSED;
	}
	if (!read_allowed(qp, pkt)) {
		refuse(qp, pkt->psn, ROCE_NAK_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR,
		       "remote memory: key, domain, rights or bounds");
		return REFUSED;
	}
	return DONE;
}

static enum done do_atomic(struct fwsim_qp *qp, const struct roce_packet *pkt, uint64_t *orig)
{
	uint8_t op = (pkt->opcode & 0x1f) == ROCE_FETCH_ADD ? IFC_WQE_ATOMIC_FA : IFC_WQE_ATOMIC_CS;
	struct roce_responder *rsp = &qp->roce->rsp;

	switch (rc_atomic_exec(qp, op, pkt->va, pkt->rkey, pkt->swap_add, pkt->compare, orig)) {
	case RC_ATOMIC_OK:
		break;
	case RC_ATOMIC_ALIGN:
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "the address of an atomic is no multiple of 8");
		return REFUSED;
	case RC_ATOMIC_ACCESS:
		refuse(qp, pkt->psn, ROCE_NAK_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR,
		       "remote memory of an atomic: key, domain, rights or bounds");
		return REFUSED;
	case RC_ATOMIC_BUS:
		refuse(qp, pkt->psn, ROCE_NAK_OPERATION, IFC_EVENT_WQ_CATAS_ERROR,
		       "the responder's bus refused");
		return REFUSED;
	}
	rsp->saved[rsp->saved_next] = (struct roce_saved){ .psn = pkt->psn, .orig = *orig };
	rsp->saved_next = (rsp->saved_next + 1) % ROCE_SAVED;
	if (rsp->saved_n < ROCE_SAVED)
		rsp->saved_n++;
	return DONE;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Does the packet follow the one before it, and has it as much payload as it must? */
static bool fits(const struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	const struct roce_responder *rsp = &qp->roce->rsp;
	uint32_t mtu = roce_mtu(qp);

	if (rsp->busy ? pkt->is & ROCE_STARTS || rsp->write != !!(pkt->is & ROCE_IS_WRITE) :
			!(pkt->is & ROCE_STARTS))
		return false;
	if (!(pkt->is & ROCE_PAYLOAD))
		return true;
	if (!(pkt->is & ROCE_ENDS))
		return pkt->data_len == mtu;
	return pkt->data_len <= mtu && (pkt->is & ROCE_STARTS || pkt->data_len);
}

/* Are there as many READs and atomics to be answered as the other side may ask for at a time? */
static bool all_asked_for(const struct fwsim_qp *qp)
{
	const struct roce_responder *rsp = &qp->roce->rsp;
	uint32_t i, n = 0;

	for (i = 0; i < rsp->answers_n; i++)
		n += rsp->answers[i].kind != ROCE_ANSWER_ACK;
	return n >= 1u << IFC_GET(qpc, qp->ctx, log_rra_max);
}

static bool enabled(const struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	return rc_op_enabled(qp, pkt->is & ROCE_IS_WRITE ? IFC_WQE_RDMA_WRITE :
				 pkt->is & ROCE_IS_READ ? IFC_WQE_RDMA_READ :
				 pkt->is & ROCE_IS_ATOMIC ? IFC_WQE_ATOMIC_FA : IFC_WQE_SEND);
}

static enum done carry_out(struct fwsim_qp *qp, const struct roce_packet *pkt, uint64_t *orig)
{
	if (pkt->is & ROCE_IS_SEND)
		return do_send(qp, pkt);
	if (pkt->is & ROCE_IS_WRITE)
		return do_write(qp, pkt);
	if (pkt->is & ROCE_IS_READ)
		return do_read(qp, pkt);
	return do_atomic(qp, pkt, orig);
}

/* The packet that is expected. */
static void in_order(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_responder *rsp = &qp->roce->rsp;
	uint32_t n = pkt->is & ROCE_IS_READ ? roce_packets(qp, pkt->len) : 1;
	uint64_t orig = 0;

	if (!fits(qp, pkt)) {
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "a packet does not follow the one before it, or is too long or too short");
		return;
	}
	if (!enabled(qp, pkt)) {
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "the QP does not allow this operation");
		return;
	}
	if (pkt->is & (ROCE_IS_READ | ROCE_IS_ATOMIC) && all_asked_for(qp)) {
		refuse(qp, pkt->psn, ROCE_NAK_INVALID, IFC_EVENT_WQ_INVAL_REQ_ERROR,
		       "more READs and atomics at a time than log_rra_max allows");
		return;
	}
	switch (carry_out(qp, pkt, &orig)) {
	case DONE:
		break;
	case LATER:
		rsp->naked = true; /* those behind it will be sent again anyway */
		answer_ack(qp, (uint8_t)(ROCE_SYND_RNR | IFC_GET(qpc, qp->ctx, min_rnr_nak)), pkt->psn);
		return;
	case REFUSED:
		return;
	}
	rsp->naked = false;
	rsp->busy = !(pkt->is & ROCE_ENDS);
	rsp->write = pkt->is & ROCE_IS_WRITE;
	if (pkt->is & ROCE_ENDS) {
		rsp->msn = (rsp->msn + 1) & 0xffffff;
		rc_arrived(qp);
	}
	IFC_SET(qpc, qp->ctx, next_rcv_psn, roce_psn(pkt->psn + n));
	if (qp->st == IFC_QP_ST_UC)
		return;
	if (pkt->is & ROCE_IS_READ)
		answer_read(qp, pkt);
	else if (pkt->is & ROCE_IS_ATOMIC)
		answer_atomic(qp, pkt->psn, orig);
	else if (pkt->ack_req)
		answer_ack(qp, ROCE_SYND_ACK, pkt->psn);
}

/* The requester has gone back: answers from @psn on that have not been given are asked for anew. */
static void forget_answers(struct roce_responder *rsp, uint32_t psn)
{
	uint32_t n = 0;

	while (n < rsp->answers_n && before(rsp->answers[n].psn, psn))
		n++;
	rsp->answers_n = n;
}

/* One that has been carried out already. */
static void repeated(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_responder *rsp = &qp->roce->rsp;
	uint32_t i;

	if (pkt->is & (ROCE_IS_SEND | ROCE_IS_WRITE)) {
		if (pkt->ack_req)
			answer_ack(qp, ROCE_SYND_ACK, roce_psn(expected(qp) - 1));
		return;
	}
	if (pkt->is & ROCE_IS_READ) {
		if (pkt->len > READ_MAX || roce_packets(qp, pkt->len) > ahead(expected(qp), pkt->psn))
			return drop(qp, "a repeated READ is longer than the first");
		if (!enabled(qp, pkt) || !read_allowed(qp, pkt))
			return drop(qp, "a repeated READ of memory that may not be read");
		forget_answers(rsp, pkt->psn);
		if (all_asked_for(qp))
			return drop(qp, "more READs at a time than log_rra_max allows");
		return answer_read(qp, pkt);
	}
	for (i = 0; i < rsp->saved_n; i++) {
		if (rsp->saved[i].psn != pkt->psn)
			continue;
		forget_answers(rsp, pkt->psn);
		return answer_atomic(qp, pkt->psn, rsp->saved[i].orig);
	}
	drop(qp, "a repeated atomic whose result is not kept");
}

/* UC: a message with a gap is lost, and the next one may begin with any number. */
static void unreliable(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct roce_responder *rsp = &qp->roce->rsp;

	if (pkt->is & ROCE_STARTS) {
		rsp->busy = false;
		rsp->drop = false;
	} else if (rsp->drop || !rsp->busy || pkt->psn != expected(qp)) {
		rsp->busy = false;
		rsp->drop = true;
		return drop(qp, "a part of its message is missing");
	}
	IFC_SET(qpc, qp->ctx, next_rcv_psn, roce_psn(pkt->psn + 1));
	in_order(qp, pkt);
}

void roce_request(struct fwsim_qp *qp, const struct roce_packet *pkt)
{
	struct fwsim_roce *roce = roce_state(qp);

	if (!roce || roce->rsp.answers_n == ROCE_ANSWERS)
		return drop(qp, "no room for its answer");
	if (qp->st == IFC_QP_ST_UC)
		return unreliable(qp, pkt);
	if (pkt->psn == expected(qp))
		return in_order(qp, pkt);
	if (before(pkt->psn, expected(qp)))
		return repeated(qp, pkt);
	if (roce->rsp.naked)
		return;
	roce->rsp.naked = true;
	answer_ack(qp, ROCE_SYND_NAK | ROCE_NAK_SEQUENCE, expected(qp));
}
