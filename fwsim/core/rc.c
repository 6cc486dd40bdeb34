// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connected transport between QPs of this card: RC, XRC and UC; RDMA WRITE and READ, SEND, with immediate
 * or invalidate, atomics.
 *
 * One step moves one slice of one message from the memory of one function to that of the other: at once if
 * the host maps both, otherwise through a buffer. A message is complete in this order: payload, the responder's CQE, the requester's
 * CQE. A receive WQE is used up only by the end of its message.
 *
 * Who may not be disturbed: a requester whose VHCA may not initiate takes no step; a responder whose
 * VHCA is stopped holds the requester, without a deadline. A responder that is not there, or not
 * connected to the requester, does not answer: retries, then an error. UC knows neither: whatever keeps a
 * slice from its place makes the message one that reaches nobody, and the requester never hears of it.
 *
 * What is for no function of this card leaves it as packets: roce_tx.c.
 */
#include "rc.h"
#include "roce.h"

#define RC_SLICE (64u << 10)
#define RC_HOLD_NS 1000000ULL	   /* how often a held requester looks again */
#define RC_SILENT_POLL_NS 10000000ULL /* retry interval if the QP's own timeout is infinite */

/*
 * The responder says no, and @synd is the requester's share of it. An unreliable requester hears nothing:
 * it goes on to the end of a message that reaches nobody.
 */
static enum rc_next rc_nak(struct fwsim_qp *qp, const struct rc_wqe *w, enum ifc_cqe_synd synd,
			   const char *why)
{
	if (qp->st != IFC_QP_ST_UC)
		return rc_fail(qp, w, synd, why);
	fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, 0, w->index, why);
	qp->drop = true;
	return RC_MORE;
}

/* The responder has refused: it goes to ERR with @event, the requester gets @synd. */
static enum rc_next rc_refused(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t event, enum ifc_cqe_synd synd, const char *why)
{
	if (qp->st != IFC_QP_ST_UC) {
		fwsim_trace_simple(peer->vhca, FWSIM_TRACE_QP, peer->obj.id, synd, 0, why);
		rc_event(peer, event);
		fwsim_qp_flush(peer);
	}
	return rc_nak(qp, w, synd, why);
}

/* The responder's receive WQE has failed: it is completed with @own, the requester gets @synd. */
static enum rc_next rc_recv_failed(struct fwsim_qp *qp, const struct rc_wqe *w,
				   struct fwsim_qp *peer, enum ifc_cqe_synd own,
				   enum ifc_cqe_synd synd, const char *why)
{
	rc_recv_fail(peer, own, why);
	return rc_nak(qp, w, synd, why);
}

enum rc_next rc_local_fault(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_PROT, "local memory: key, rights, bounds or bus");
}

static bool op_is_send(uint8_t op)
{
	return op == IFC_WQE_SEND || op == IFC_WQE_SEND_IMM || op == IFC_WQE_SEND_INVAL;
}

static bool op_needs_recv(uint8_t op)
{
	return op == IFC_WQE_RDMA_WRITE_IMM || op_is_send(op);
}

static bool op_is_atomic(uint8_t op)
{
	return op == IFC_WQE_ATOMIC_CS || op == IFC_WQE_ATOMIC_FA;
}

/* ---- the other side ------------------------------------------------------------------------ */

/* Function that the QP's path leads to; NULL if nowhere on this card. */
static struct fwsim_vhca *rc_target(const struct fwsim_qp *qp)
{
	const uint8_t *ads = IFC_CPTR(qpc, qp->ctx, primary_address_path);

	if (IFC_GET(ads, ads, fl))
		return qp->vhca;
	return fwsim_roce_target(qp->vhca, ads + IFC_BIT_OFF(ads, rmac_47_32) / 8);
}

static uint32_t rc_packets(const struct fwsim_qp *qp, uint64_t len)
{
	uint64_t mtu = 128ULL << IFC_GET(qpc, qp->ctx, mtu);

	return len ? (uint32_t)((len + mtu - 1) / mtu) : 1;
}

/* The path leads to nobody on the card; but perhaps to somebody behind the uplink. */
static bool rc_leaves(const struct fwsim_qp *qp)
{
	const uint8_t *ads = IFC_CPTR(qpc, qp->ctx, primary_address_path);

	return fwsim_roce_leaves(qp->vhca, ads + IFC_BIT_OFF(ads, rmac_47_32) / 8);
}

enum rc_reach { RC_REACHED, RC_HELD, RC_SILENT, RC_AWAY };

static enum rc_reach rc_reach(struct fwsim_qp *qp, struct fwsim_qp **found, const char **why)
{
	struct fwsim_vhca *t = rc_target(qp);
	struct fwsim_qp *peer;

	*why = "no function has the path's MAC address";
	if (!t)
		return rc_leaves(qp) ? RC_AWAY : RC_SILENT;
	if (t->mig == FWSIM_MIG_STOPPED)
		return RC_HELD;
	*why = "the responder's function may do no DMA";
	if (!t->bus_master || !fwsim_vhca_may_respond(t))
		return RC_SILENT;
	*why = "the responder has no QP of that number";
	peer = fwsim_table_get(&t->obj[FWSIM_OBJ_QP], qp->remote_qpn);
	if (!peer)
		return RC_SILENT;
	*why = "the responder's QP is of another service type";
	if (peer->st != qp->st)
		return RC_SILENT;
	*why = "the responder's QP is not in RTR or RTS";
	if (!rc_can_receive(peer))
		return RC_SILENT;
	*why = "the responder's QP is connected to another";
	if (peer->remote_qpn != qp->obj.id || rc_target(peer) != qp->vhca)
		return RC_SILENT;
	*why = "the packet sequence numbers of the two QPs differ";
	if (qp->st != IFC_QP_ST_UC && /* there the first packet of any message is taken */
	    IFC_GET(qpc, qp->ctx, next_send_psn) != IFC_GET(qpc, peer->ctx, next_rcv_psn))
		return RC_SILENT;
	*found = peer;
	return RC_REACHED;
}

/*
 * A requester reads its own memory before it hears of the responder, so a fault there comes before every wait. What
 * of the message is next, and no more than a slice; what arrives by a READ is written to when it is there.
 */
static bool rc_has_data(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	uint64_t end = w->total - qp->sq_off < RC_SLICE ? w->total : qp->sq_off + RC_SLICE;
	uint8_t buf[4096] FWSIM_UNCLEARED;
	uint64_t off;
	size_t n;

	if (w->op == IFC_WQE_RDMA_READ || op_is_atomic(w->op))
		return true;
	for (off = qp->sq_off; off < end; off += n) {
		n = end - off < sizeof(buf) ? (size_t)(end - off) : sizeof(buf);
		if (rc_gather(qp, w, off, buf, n) != FWSIM_MKEY_OK)
			return false;
	}
	return true;
}

/* No answer: try again after the ack timeout, until the retries are used up. */
static enum rc_next rc_silent(struct fwsim_qp *qp, const struct rc_wqe *w, const char *why)
{
	unsigned int timeout = IFC_GET(qpc, qp->ctx, primary_address_path.ack_timeout);
	unsigned int retries = IFC_GET(qpc, qp->ctx, retry_count);
	uint64_t now = fwsim_now(qp->vhca->fw);
	uint64_t ns = timeout ? 4096ULL << timeout : RC_SILENT_POLL_NS;

	if (!rc_has_data(qp, w))
		return rc_local_fault(qp, w);
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

uint64_t rc_rnr_ns(unsigned int timer)
{
	/* IB specification, RNR NAK timer field, in units of 10 us */
	static const uint16_t unit[32] = {
		0,   1,	  2,   3,   4,	  6,	8,    12,   16,	  24,	32,   48,    64,   96,
		128, 192, 256, 384, 512,  768,	1024, 1536, 2048, 3072, 4096, 6144,  8192, 12288,
		16384, 24576, 32768, 49152,
	};
	uint16_t t = unit[timer & 31];

	return (t ? t : 65536ULL) * 10000;
}

/* The responder has no receive WQE: wait as long as it asks for, as often as the requester may. */
static enum rc_next rc_rnr(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	if (!rc_has_data(qp, w))
		return rc_local_fault(qp, w);
	if (IFC_GET(qpc, qp->ctx, rnr_retry) != RC_RNR_FOREVER) {
		if (!qp->rnr_left)
			return rc_fail(qp, w, IFC_CQE_SYND_RNR_RETRY_EXC,
				       "the responder has no receive WQE");
		qp->rnr_left--;
	}
	return rc_wait(qp, rc_rnr_ns(IFC_GET(qpc, peer->ctx, min_rnr_nak)));
}

/* ---- messages ------------------------------------------------------------------------------ */

bool rc_op_enabled(const struct fwsim_qp *peer, uint8_t op)
{
	switch (op) {
	case IFC_WQE_RDMA_WRITE:
	case IFC_WQE_RDMA_WRITE_IMM:
		return IFC_GET(qpc, peer->ctx, rwe);
	case IFC_WQE_RDMA_READ:
		return IFC_GET(qpc, peer->ctx, rre);
	case IFC_WQE_ATOMIC_CS:
	case IFC_WQE_ATOMIC_FA:
		return IFC_GET(qpc, peer->ctx, rae);
	}
	return true;
}

/* Key and rights of the responder for the whole of an RDMA; nothing is moved before they are right. */
static bool rdma_allowed(const struct fwsim_qp *peer, const struct rc_wqe *w)
{
	bool read = w->op == IFC_WQE_RDMA_READ;

	if (!w->total)
		return true;
	return fwsim_mkey_check(peer->vhca, w->rkey, peer->pd,
				read ? FWSIM_ACC_RR : FWSIM_ACC_RW, w->raddr,
				w->total) == FWSIM_MKEY_OK;
}

/* A slice without a buffer. One so small goes through the buffer: two maps cost more than two copies. */
#define RC_MOVE_MIN 1024u
#define RC_MOVE_MAX (4 * RC_SLICE)

static size_t rc_move_len(const struct fwsim_qp *qp, const struct rc_wqe *w)
{
	uint64_t left = w->total - qp->sq_off;

	return left < RC_MOVE_MIN ? 0 : left < RC_MOVE_MAX ? (size_t)left : RC_MOVE_MAX;
}

/* Bytes that have been moved without a buffer; 0: nothing has been done. */
static size_t rdma_move(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	bool read = w->op == IFC_WQE_RDMA_READ;
	struct fwsim_pieces local FWSIM_UNCLEARED, remote FWSIM_UNCLEARED;
	size_t n = rc_move_len(qp, w);

	remote.v = peer->vhca;
	remote.n = 0;
	if (!n || !rc_pieces(&local, qp, w, read ? FWSIM_ACC_LW : FWSIM_ACC_LR, qp->sq_off, n) ||
	    !fwsim_mkey_pieces(&remote, w->rkey, peer->pd, read ? FWSIM_ACC_RR : FWSIM_ACC_RW,
			       w->raddr + qp->sq_off, n))
		return 0;
	return (read ? fwsim_dma_move(&local, &remote) : fwsim_dma_move(&remote, &local)) ? n : 0;
}

static size_t send_move(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			const struct rc_wqe *r)
{
	struct fwsim_pieces from FWSIM_UNCLEARED, to FWSIM_UNCLEARED;
	size_t n = rc_move_len(qp, w);

	return n && rc_pieces(&from, qp, w, FWSIM_ACC_LR, qp->sq_off, n) &&
	       rc_pieces(&to, peer, r, FWSIM_ACC_LW, qp->sq_off, n) && fwsim_dma_move(&to, &from) ? n : 0;
}

/*
 * Move *@done bytes at qp->sq_off, by way of @buf; or more, which *@done then says. RC_MORE if all went well.
 */
static enum rc_next rdma_slice(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t *buf, size_t *done)
{
	bool read = w->op == IFC_WQE_RDMA_READ;
	size_t n = *done, moved;
	enum fwsim_mkey_fault f;

	if (!rdma_allowed(peer, w))
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_ACCESS_ERROR,
				  IFC_CQE_SYND_REMOTE_ACCESS,
				  "remote memory: key, domain, rights or bounds");
	if (!n)
		return RC_MORE;
	moved = rdma_move(qp, w, peer);
	if (moved) {
		*done = moved;
		return RC_MORE;
	}
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

/* The memory is in the order of the host, which is little-endian. */
enum rc_atomic rc_atomic_exec(struct fwsim_qp *peer, uint8_t op, uint64_t va, uint32_t rkey,
			      uint64_t swap_add, uint64_t compare, uint64_t *old)
{
	struct fwsim_vhca *v = peer->vhca;
	uint64_t new;
	uint8_t le[8];
	unsigned int i;

	if (va % 8)
		return RC_ATOMIC_ALIGN;
	if (fwsim_mkey_check(v, rkey, peer->pd, FWSIM_ACC_A, va, 8) != FWSIM_MKEY_OK)
		return RC_ATOMIC_ACCESS;
	if (fwsim_mkey_read(v, rkey, peer->pd, FWSIM_ACC_A, va, le, 8) != FWSIM_MKEY_OK)
		return RC_ATOMIC_BUS;
	for (*old = 0, i = 0; i < 8; i++)
		*old |= (uint64_t)le[i] << 8 * i;
	if (op == IFC_WQE_ATOMIC_FA)
		new = *old + swap_add;
	else
		new = *old == compare ? swap_add : *old;
	for (i = 0; i < 8; i++)
		le[i] = (uint8_t)(new >> 8 * i);
	if (fwsim_mkey_write(v, rkey, peer->pd, FWSIM_ACC_A, va, le, 8) != FWSIM_MKEY_OK)
		return RC_ATOMIC_BUS;
	return RC_ATOMIC_OK;
}

static enum rc_next atomic_step(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	uint8_t answer[8];
	unsigned int i;
	uint64_t old;

	switch (rc_atomic_exec(peer, w->op, w->raddr, w->rkey, w->swap_add, w->compare, &old)) {
	case RC_ATOMIC_OK:
		break;
	case RC_ATOMIC_ALIGN:
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_INVAL_REQ_ERROR,
				  IFC_CQE_SYND_REMOTE_INVAL_REQ,
				  "the address of an atomic is no multiple of 8");
	case RC_ATOMIC_ACCESS:
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_ACCESS_ERROR,
				  IFC_CQE_SYND_REMOTE_ACCESS,
				  "remote memory of an atomic: key, domain, rights or bounds");
	case RC_ATOMIC_BUS:
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_CATAS_ERROR, IFC_CQE_SYND_REMOTE_OP,
				  "the responder's bus refused");
	}
	for (i = 0; i < 8; i++)
		answer[i] = (uint8_t)(old >> 8 * (fwsim_cap_atomic_host_order(qp->vhca) ? i : 7 - i));
	if (rc_scatter(qp, w, 0, answer, 8) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	return RC_MORE;
}

static enum rc_next send_slice(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t *buf, size_t *done)
{
	size_t n = *done, moved;
	struct rc_wqe r FWSIM_UNCLEARED;

	switch (rc_recv_fetch(peer, w->xrc_srqn, &r)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_QP_OP,
				      IFC_CQE_SYND_REMOTE_OP, "the receive WQE makes no sense");
	case RC_FETCH_DMA:
		rc_catas(peer, "the bus refused its receive WQE");
		return rc_nak(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's bus refused");
	}
	if (w->total > r.total)
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_LENGTH,
				      IFC_CQE_SYND_REMOTE_INVAL_REQ,
				      "the message is longer than the receive WQE");
	if (!n)
		return RC_MORE;
	moved = send_move(qp, w, peer, &r);
	if (moved) {
		*done = moved;
		return RC_MORE;
	}
	if (rc_gather(qp, w, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	if (rc_scatter(peer, &r, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_PROT, IFC_CQE_SYND_REMOTE_OP,
				      "receive memory: key, rights, bounds or bus");
	return RC_MORE;
}

void rc_arrived(struct fwsim_qp *peer)
{
	uint32_t n = IFC_GET(qpc, peer->ctx, rmsn);

	if (!n && peer->state == IFC_QP_RTR)
		rc_event(peer, IFC_EVENT_COMM_EST);
	IFC_SET(qpc, peer->ctx, rmsn, (n + 1) & 0xffffff);
}

void rc_count(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	uint32_t psn = (IFC_GET(qpc, qp->ctx, next_send_psn) + rc_packets(qp, w->total)) & 0xffffff;

	if (peer) {
		IFC_SET(qpc, peer->ctx, next_rcv_psn, psn);
		rc_arrived(peer);
	}
	IFC_SET(qpc, qp->ctx, next_send_psn, psn);
	IFC_SET(qpc, qp->ctx, last_acked_psn, (psn - 1) & 0xffffff);
	qp->retry_left = (uint8_t)IFC_GET(qpc, qp->ctx, retry_count);
	qp->rnr_left = (uint8_t)IFC_GET(qpc, qp->ctx, rnr_retry);
	qp->drop = false;
}

/* A message has gone through: complete it on both sides. */
static enum rc_next rc_message_done(struct fwsim_qp *qp, const struct rc_wqe *w,
				    struct fwsim_qp *peer)
{
	enum rc_next next;

	if (w->op == IFC_WQE_SEND_INVAL &&
	    !fwsim_mkey_invalidate(peer->vhca, ifc_ld32(w->imm), peer->pd))
		return rc_recv_failed(qp, w, peer, IFC_CQE_SYND_LOCAL_QP_OP,
				      IFC_CQE_SYND_REMOTE_OP,
				      "the key named by a SEND with invalidate cannot be invalidated");
	if (op_needs_recv(w->op) &&
	    !rc_recv_complete(peer, w->op, qp->obj.id, w->imm, (uint32_t)w->total, w->solicited)) {
		rc_catas(peer, "its receive CQ takes no completion");
		next = rc_nak(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's CQ is in error");
		if (next != RC_MORE)
			return next;
	}
	rc_count(qp, w, peer);
	return rc_complete(qp, w);
}

/* Is there a receive WQE? RC_MORE if so; otherwise what becomes of the requester. */
static enum rc_next rc_need_recv(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer)
{
	switch (rc_recv_ready(peer, w->xrc_srqn)) {
	case RC_RECV_OK:
		return RC_MORE;
	case RC_RECV_NONE:
		break;
	case RC_RECV_NO_QUEUE:
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_INVAL_REQ_ERROR,
				  IFC_CQE_SYND_REMOTE_INVAL_REQ,
				  "the responder has no receive queue");
	case RC_RECV_DMA:
		rc_catas(peer, "the bus refused its doorbell record, or the SRQ is in error");
		return rc_nak(qp, w, IFC_CQE_SYND_REMOTE_OP, "the responder's bus refused");
	}
	if (qp->st == IFC_QP_ST_UC)
		return rc_nak(qp, w, IFC_CQE_SYND_RNR_RETRY_EXC, "the responder has no receive WQE");
	return rc_rnr(qp, w, peer);
}

/* A slice of *@n bytes, or of more, gets to @peer. */
static enum rc_next rc_deliver(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer,
			       uint8_t *buf, size_t *n)
{
	enum rc_next next;

	if (!rc_op_enabled(peer, w->op))
		return rc_refused(qp, w, peer, IFC_EVENT_WQ_INVAL_REQ_ERROR, IFC_CQE_SYND_REMOTE_INVAL_REQ,
				  "the responder's QP does not allow this operation");
	if (op_needs_recv(w->op)) {
		next = rc_need_recv(qp, w, peer);
		if (next != RC_MORE || qp->drop)
			return next;
	}
	if (op_is_atomic(w->op))
		return atomic_step(qp, w, peer);
	if (op_is_send(w->op))
		return send_slice(qp, w, peer, buf, n);
	return rdma_slice(qp, w, peer, buf, n);
}

enum rc_next rc_message_step(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	struct fwsim_qp *peer = NULL;
	uint8_t buf[RC_SLICE] FWSIM_UNCLEARED;
	enum rc_reach reach;
	enum rc_next next;
	const char *why;
	size_t n;

	if (rc_roce_active(qp))
		return rc_roce_step(qp, w);
	reach = rc_reach(qp, &peer, &why);
	if (reach == RC_AWAY)
		return rc_roce_step(qp, w);
	if (qp->st == IFC_QP_ST_UC && reach != RC_REACHED) {
		qp->drop = true;
	} else if (reach == RC_HELD) {
		qp->give_up_at = 0;
		return rc_wait(qp, RC_HOLD_NS);
	} else if (reach == RC_SILENT) {
		return rc_silent(qp, w, why);
	}
	qp->give_up_at = 0;
	n = w->total - qp->sq_off < RC_SLICE ? (size_t)(w->total - qp->sq_off) : RC_SLICE;
	if (!qp->drop) {
		next = rc_deliver(qp, w, peer, buf, &n);
		if (next != RC_MORE)
			return next;
	}
	/* what is sent to nobody is read all the same */
	if (qp->drop && rc_gather(qp, w, qp->sq_off, buf, n) != FWSIM_MKEY_OK)
		return rc_local_fault(qp, w);
	qp->sq_off += (uint32_t)n;
	qp->vhca->fw->rc_spent = (unsigned int)(n / RC_SLICE);
	if (qp->sq_off < w->total)
		return RC_MORE;
	if (!qp->drop)
		return rc_message_done(qp, w, peer);
	rc_count(qp, w, NULL);
	return rc_complete(qp, w);
}

/* ---- messages of the firmware -------------------------------------------------------------- */

/* Least wait for a receive WQE: what the responder asks for is a minimum too. */
#define RC_FW_RNR_NS 100000ULL

enum fwsim_rc_sent fwsim_rc_fw_send(struct fwsim_qp *qp, const uint8_t *msg, uint32_t len,
				    const uint8_t imm[4], uint64_t *ns, const char **why)
{
	struct fwsim_qp *peer;
	uint8_t buf[RC_SLICE] FWSIM_UNCLEARED;
	struct rc_wqe w FWSIM_UNCLEARED;
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
	case RC_AWAY:
		return FWSIM_RC_DEAD;
	}
	w.op = IFC_WQE_SEND_IMM;
	w.index = qp->sq_ci;
	w.wqebbs = 0;
	w.signalled = false;
	w.solicited = true;
	memcpy(w.imm, imm, sizeof(w.imm));
	w.xrc_srqn = 0;
	w.pd = qp->pd;
	w.rlky = false;
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
		if (send_slice(qp, &w, peer, buf, &n) != RC_MORE)
			return FWSIM_RC_DEAD;
		qp->sq_off += (uint32_t)n;
	} while (qp->sq_off < len);
	return rc_message_done(qp, &w, peer) == RC_MORE ? FWSIM_RC_SENT : FWSIM_RC_DEAD;
}

