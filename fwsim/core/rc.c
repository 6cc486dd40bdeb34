// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reliable connected transport between QPs of this card: RDMA WRITE and READ, SEND, with immediate.
 *
 * One step moves one slice of one message, from the memory of one function through a bounce buffer to
 * that of the other. A message is complete in this order: payload, the responder's CQE, the requester's
 * CQE. A receive WQE is used up only by the end of its message.
 *
 * Who may not be disturbed: a requester whose VHCA may not initiate takes no step; a responder whose
 * VHCA is stopped holds the requester, without a deadline. A responder that is not there, or not
 * connected to the requester, does not answer: retries, then an error.
 */
#include "rc.h"

#define RC_SLICE (64u << 10)
#define RC_HOLD_NS 1000000ULL	   /* how often a held requester looks again */
#define RC_SILENT_POLL_NS 10000000ULL /* retry interval if the QP's own timeout is infinite */
#define RC_RNR_FOREVER 7

/* The responder has refused: it goes to ERR with @event, the requester gets @synd. */
static enum rc_next rc_refused(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t event, enum ifc_cqe_synd synd, const char *why)
{
	fwsim_trace_simple(peer->vhca, FWSIM_TRACE_QP, peer->obj.id, synd, 0, why);
	rc_event(peer, event);
	fwsim_qp_flush(peer);
	return rc_fail(qp, w, synd, why);
}

/* The responder's receive WQE has failed: it is completed with @own, the requester gets @synd. */
static enum rc_next rc_recv_failed(struct fwsim_qp *qp, const struct rc_wqe *w,
				   struct fwsim_qp *peer, enum ifc_cqe_synd own,
				   enum ifc_cqe_synd synd, const char *why)
{
	fwsim_trace_simple(peer->vhca, FWSIM_TRACE_QP, peer->obj.id, own, peer->rq_ci, why);
	if (rc_post_error(peer, IFC_CQE_RESP_ERR, 0, peer->rq_ci, own)) {
		peer->rq_ci++;
		fwsim_qp_flush(peer);
	} else {
		rc_catas(peer, "its receive CQ takes no completion");
	}
	return rc_fail(qp, w, synd, why);
}

static enum rc_next rc_local_fault(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_PROT, "local memory: key, rights, bounds or bus");
}

/* ---- the other side ------------------------------------------------------------------------ */

/* Function that the QP's path leads to; NULL if nowhere on this card. */
static struct fwsim_vhca *rc_target(const struct fwsim_qp *qp)
{
	struct fwsim_vhca *v = qp->vhca;
	const uint8_t *own = IFC_CPTR(nic_vport_context, v->vport.ctx, permanent_address) + 2;
	const uint8_t *ads = IFC_CPTR(qpc, qp->ctx, primary_address_path);
	const uint8_t *mac = ads + IFC_BIT_OFF(ads, rmac_47_32) / 8;

	if (IFC_GET(ads, ads, fl) || !memcmp(mac, own, 6))
		return v;
	return fwsim_vport_by_mac(v->fw, mac);
}

static uint32_t rc_packets(const struct fwsim_qp *qp, uint64_t len)
{
	uint64_t mtu = 128ULL << IFC_GET(qpc, qp->ctx, mtu);

	return len ? (uint32_t)((len + mtu - 1) / mtu) : 1;
}

enum rc_reach { RC_REACHED, RC_HELD, RC_SILENT };

static enum rc_reach rc_reach(struct fwsim_qp *qp, struct fwsim_qp **found, const char **why)
{
	struct fwsim_vhca *t = rc_target(qp);
	struct fwsim_qp *peer;

	*why = "no function has the path's MAC address";
	if (!t)
		return RC_SILENT;
	if (t->mig == FWSIM_MIG_STOPPED)
		return RC_HELD;
	*why = "the responder's function may do no DMA";
	if (!t->bus_master || !fwsim_vhca_may_respond(t))
		return RC_SILENT;
	*why = "the responder has no QP of that number";
	peer = fwsim_table_get(&t->obj[FWSIM_OBJ_QP], qp->remote_qpn);
	if (!peer)
		return RC_SILENT;
	*why = "the responder's QP is not in RTR or RTS";
	if (peer->state != IFC_QP_RTR && peer->state != IFC_QP_RTS)
		return RC_SILENT;
	*why = "the responder's QP is connected to another";
	if (peer->remote_qpn != qp->obj.id || rc_target(peer) != qp->vhca)
		return RC_SILENT;
	*why = "the packet sequence numbers of the two QPs differ";
	if (IFC_GET(qpc, qp->ctx, next_send_psn) != IFC_GET(qpc, peer->ctx, next_rcv_psn))
		return RC_SILENT;
	*found = peer;
	return RC_REACHED;
}

/* No answer: try again after the ack timeout, until the retries are used up. */
static enum rc_next rc_silent(struct fwsim_qp *qp, const struct rc_wqe *w, const char *why)
{
	unsigned int timeout = IFC_GET(qpc, qp->ctx, primary_address_path.ack_timeout);
	unsigned int retries = IFC_GET(qpc, qp->ctx, retry_count);
	uint64_t now = fwsim_now(qp->vhca->fw);
	uint64_t ns = timeout ? 4096ULL << timeout : RC_SILENT_POLL_NS;

	if (!timeout) {
		qp->give_up_at = 0;
		return rc_wait(qp, ns);
	}
	if (!qp->give_up_at) {
		fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, 0, w->index, why);
		qp->give_up_at = now + ns * (retries + 1);
		qp->retry_left = (uint8_t)retries;
	} else if (now >= qp->give_up_at) {
		return rc_fail(qp, w, IFC_CQE_SYND_TRANSPORT_RETRY_EXC, why);
	} else if (qp->retry_left) {
		qp->retry_left--;
	}
	return rc_wait(qp, ns);
}

/* The responder has no receive WQE: wait as long as it asks for, as often as the requester may. */
static enum rc_next rc_rnr(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	/* IB specification, RNR NAK timer field, in units of 10 us */
	static const uint16_t unit[32] = {
		0,   1,	  2,   3,   4,	  6,	8,    12,   16,	  24,	32,   48,    64,   96,
		128, 192, 256, 384, 512,  768,	1024, 1536, 2048, 3072, 4096, 6144,  8192, 12288,
		16384, 24576, 32768, 49152,
	};
	uint16_t t = unit[IFC_GET(qpc, peer->ctx, min_rnr_nak)];
	uint64_t ns = (t ? t : 65536ULL) * 10000;

	if (IFC_GET(qpc, qp->ctx, rnr_retry) != RC_RNR_FOREVER) {
		if (!qp->rnr_left)
			return rc_fail(qp, w, IFC_CQE_SYND_RNR_RETRY_EXC,
				       "the responder has no receive WQE");
		qp->rnr_left--;
	}
	return rc_wait(qp, ns);
}

/* ---- messages ------------------------------------------------------------------------------ */

static bool op_needs_recv(uint8_t op)
{
	return op == IFC_WQE_SEND || op == IFC_WQE_SEND_IMM || op == IFC_WQE_RDMA_WRITE_IMM;
}

static bool op_is_send(uint8_t op)
{
	return op == IFC_WQE_SEND || op == IFC_WQE_SEND_IMM;
}

/* The responder's end of a message that uses up a receive WQE. */
static bool rc_complete_recv(struct fwsim_qp *peer, const struct fwsim_qp *qp,
			     const struct rc_wqe *w)
{
	uint8_t cqe[64];

	rc_cqe_fill(peer, cqe,
		 w->op == IFC_WQE_SEND	      ? IFC_CQE_RESP_SEND :
		 w->op == IFC_WQE_SEND_IMM    ? IFC_CQE_RESP_SEND_IMM :
						IFC_CQE_RESP_WR_IMM,
		 0, peer->rq_ci);
	ifc_st32(cqe + 24, qp->obj.id);
	if (w->op != IFC_WQE_SEND)
		memcpy(cqe + 36, w->imm, 4);
	ifc_st32(cqe + 44, (uint32_t)w->total);
	if (!fwsim_cq_post(peer->vhca, peer->cqn_rcv, cqe, w->solicited))
		return false;
	peer->rq_ci++;
	return true;
}

/* Key and rights of the responder for the whole of an RDMA; nothing is moved before they are right. */
static bool rdma_allowed(const struct fwsim_qp *peer, const struct rc_wqe *w)
{
	bool read = w->op == IFC_WQE_RDMA_READ;

	if (!w->total)
		return true;
	if (read ? !IFC_GET(qpc, peer->ctx, rre) : !IFC_GET(qpc, peer->ctx, rwe))
		return false;
	return fwsim_mkey_check(peer->vhca, w->rkey, peer->pd,
				read ? FWSIM_ACC_RR : FWSIM_ACC_RW, w->raddr,
				w->total) == FWSIM_MKEY_OK;
}

/* Move @n bytes at qp->sq_off. RC_MORE if all went well. */
static enum rc_next rdma_slice(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t *buf, size_t n)
{
	bool read = w->op == IFC_WQE_RDMA_READ;
	enum fwsim_mkey_fault f;

	if (!rdma_allowed(peer, w))
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_ACCESS_ERROR,
				  IFC_CQE_SYND_REMOTE_ACCESS,
				  "remote memory: key, domain, rights or bounds");
	if (!n)
		return RC_MORE;
	if (!read && rc_gather(qp, w, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	if (read)
		f = fwsim_mkey_read(peer->vhca, w->rkey, peer->pd, FWSIM_ACC_RR,
				    w->raddr + qp->sq_off, buf, n);
	else
		f = fwsim_mkey_write(peer->vhca, w->rkey, peer->pd, FWSIM_ACC_RW,
				     w->raddr + qp->sq_off, buf, n);
	if (f != FWSIM_MKEY_OK)
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_CATAS_ERROR, IFC_CQE_SYND_REMOTE_OP,
				  "the responder's bus refused");
	if (read && rc_scatter(qp, w, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	return RC_MORE;
}

static enum rc_next send_slice(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t *buf, size_t n)
{
	struct rc_wqe r;

	switch (rc_fetch_recv(peer, &r)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_QP_OP,
				      IFC_CQE_SYND_REMOTE_OP, "the receive WQE makes no sense");
	case RC_FETCH_DMA:
		rc_catas(peer, "the bus refused its receive WQE");
		return rc_fail(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's bus refused");
	}
	if (w->total > r.total)
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_LENGTH,
				      IFC_CQE_SYND_REMOTE_INVAL_REQ,
				      "the message is longer than the receive WQE");
	if (!n)
		return RC_MORE;
	if (rc_gather(qp, w, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	if (rc_scatter(peer, &r, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_PROT, IFC_CQE_SYND_REMOTE_OP,
				      "receive memory: key, rights, bounds or bus");
	return RC_MORE;
}

/* Count a message that has gone through on both sides, and answer it. */
static enum rc_next rc_message_done(struct fwsim_qp *qp, const struct rc_wqe *w,
				    struct fwsim_qp *peer)
{
	uint32_t psn = (IFC_GET(qpc, qp->ctx, next_send_psn) + rc_packets(qp, w->total)) & 0xffffff;

	if (op_needs_recv(w->op) && !rc_complete_recv(peer, qp, w)) {
		rc_catas(peer, "its receive CQ takes no completion");
		return rc_fail(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's CQ is in error");
	}
	IFC_SET(qpc, peer->ctx, next_rcv_psn, psn);
	IFC_SET(qpc, qp->ctx, next_send_psn, psn);
	IFC_SET(qpc, qp->ctx, last_acked_psn, (psn - 1) & 0xffffff);
	qp->retry_left = (uint8_t)IFC_GET(qpc, qp->ctx, retry_count);
	qp->rnr_left = (uint8_t)IFC_GET(qpc, qp->ctx, rnr_retry);
	return rc_complete(qp, w);
}

/* Is there a receive WQE? RC_MORE if so; otherwise what becomes of the requester. */
static enum rc_next rc_need_recv(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	uint16_t pi;

	if (!peer->has_rq)
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_INVAL_REQ_ERROR,
				  IFC_CQE_SYND_REMOTE_INVAL_REQ,
				  "the responder has no receive queue");
	if (rc_read_rq_pi(peer, &pi)) {
		rc_catas(peer, "the bus refused its doorbell record");
		return rc_fail(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's bus refused");
	}
	return pi == peer->rq_ci ? rc_rnr(qp, w, peer) : RC_MORE;
}

/* One slice of the message in @w. */
enum rc_next rc_message_step(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	struct fwsim_qp *peer;
	uint8_t buf[RC_SLICE];
	enum rc_next next;
	const char *why;
	size_t n;

	switch (rc_reach(qp, &peer, &why)) {
	case RC_REACHED:
		break;
	case RC_HELD:
		qp->give_up_at = 0;
		return rc_wait(qp, RC_HOLD_NS);
	case RC_SILENT:
		return rc_silent(qp, w, why);
	}
	qp->give_up_at = 0;
	if (op_needs_recv(w->op)) {
		next = rc_need_recv(qp, w, peer);
		if (next != RC_MORE)
			return next;
	}
	n = w->total - qp->sq_off < RC_SLICE ? (size_t)(w->total - qp->sq_off) : RC_SLICE;
	next = op_is_send(w->op) ? send_slice(qp, w, peer, buf, n) :
				   rdma_slice(qp, w, peer, buf, n);
	if (next != RC_MORE)
		return next;
	qp->sq_off += (uint32_t)n;
	return qp->sq_off < w->total ? RC_MORE : rc_message_done(qp, w, peer);
}

/* ---- messages of the firmware -------------------------------------------------------------- */

/* Least wait for a receive WQE: what the responder asks for is a minimum too. */
#define RC_FW_RNR_NS 100000ULL

enum fwsim_rc_sent fwsim_rc_fw_send(struct fwsim_qp *qp, const uint8_t *msg, uint32_t len,
				    const uint8_t imm[4], uint64_t *ns, const char **why)
{
	struct fwsim_qp *peer;
	uint8_t buf[RC_SLICE];
	struct rc_wqe w;
	size_t n;

	*ns = 0;
	*why = "the reporting QP is not in RTS";
	if (qp->state != IFC_QP_RTS)
		return FWSIM_RC_DEAD;
	if (!rc_may_run(qp->vhca))
		return FWSIM_RC_WAIT;
	switch (rc_reach(qp, &peer, why)) {
	case RC_REACHED:
		break;
	case RC_HELD:
		*ns = RC_HOLD_NS;
		return FWSIM_RC_WAIT;
	case RC_SILENT:
		return FWSIM_RC_DEAD;
	}
	w.op = IFC_WQE_SEND_IMM;
	w.index = qp->sq_ci;
	w.wqebbs = 0;
	w.signalled = false;
	w.solicited = true;
	memcpy(w.imm, imm, sizeof(w.imm));
	w.total = len;
	w.nseg = 1;
	w.seg[0] = (struct rc_seg){ .len = len, .inl = msg };
	*why = "the reporting QP or its peer has failed";
	if (rc_need_recv(qp, &w, peer) != RC_MORE) {
		if (qp->state != IFC_QP_RTS)
			return FWSIM_RC_DEAD;
		*ns = qp->wait_until - fwsim_now(qp->vhca->fw);
		if (*ns < RC_FW_RNR_NS)
			*ns = RC_FW_RNR_NS;
		qp->wait_until = 0; /* the caller waits, not the QP */
		return FWSIM_RC_WAIT;
	}
	do {
		n = len - qp->sq_off < RC_SLICE ? len - qp->sq_off : RC_SLICE;
		if (send_slice(qp, &w, peer, buf, n) != RC_MORE)
			return FWSIM_RC_DEAD;
		qp->sq_off += (uint32_t)n;
	} while (qp->sq_off < len);
	return rc_message_done(qp, &w, peer) == RC_MORE ? FWSIM_RC_SENT : FWSIM_RC_DEAD;
}

