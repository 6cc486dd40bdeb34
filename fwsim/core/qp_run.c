// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a QP works, and how its work ends: the run list, waits, doorbells, completions, errors and the
 * flush. What a message does is rc.c's.
 *
 * A QP with something to do is on the card's run list. One step takes its turn, and then the QP goes to
 * the end of the list. All that is remembered between two steps is in struct fwsim_qp, so that a VHCA can
 * be stopped, saved and moved between any two of them. A QP whose VHCA may not initiate takes no step.
 */
#include "rc.h"
#include "roce.h"

#define RC_FLUSH_SLICE 16 /* WQEs flushed in one step */
/*
 * Receive WQEs posted in ERR have no doorbell: look for them. Drivers post soon after the move, to see the queue
 * drained; a QP that nobody has anything for is looked at ever more rarely, up to 2^7 times the first interval.
 */
#define RC_ERR_POLL_NS 10000000ULL
#define RC_ERR_POLL_LOG 7

/* Type of the resource in the event of a QP. */
#define EVENT_TYPE_QP 0

/* ---- run list and waiting ------------------------------------------------------------------ */

void fwsim_qp_schedule(struct fwsim_qp *qp)
{
	struct fwsim *fw = qp->vhca->fw;

	if (qp->scheduled)
		return;
	qp->scheduled = true;
	qp->run_next = NULL;
	qp->run_prev = fw->run_tail;
	if (fw->run_tail)
		fw->run_tail->run_next = qp;
	else
		fw->run_head = qp;
	fw->run_tail = qp;
	fw->work = true;
}

void fwsim_qp_unschedule(struct fwsim_qp *qp)
{
	struct fwsim *fw;

	if (!qp->scheduled)
		return; /* also one that an image load has made and given up */
	fw = qp->vhca->fw;
	*(qp->run_prev ? &qp->run_prev->run_next : &fw->run_head) = qp->run_next;
	*(qp->run_next ? &qp->run_next->run_prev : &fw->run_tail) = qp->run_prev;
	qp->run_prev = NULL;
	qp->run_next = NULL;
	qp->scheduled = false;
}

bool rc_may_run(const struct fwsim_vhca *v)
{
	return v->bus_master && fwsim_vhca_may_initiate(v);
}

static void rc_wait_expired(struct fwsim *fw, void *arg);

static void rc_wait_timer(struct fwsim *fw)
{
	uint64_t first = fw->rc_waits ? fw->rc_waits->at : UINT64_MAX;

	if (fw->rc_wait.fn && fw->rc_wait.deadline == first)
		return;
	fw->rc_wait.fn = rc_wait_expired;
	fwsim_timer_start(fw, &fw->rc_wait, first);
}

/* The QP is to be looked at when its wait is over. */
static void rc_wait_arm(struct fwsim_qp *qp)
{
	struct fwsim_vhca *v = qp->vhca;

	if (qp->wait.link && qp->wait.at <= qp->wait_until)
		return; /* it goes on from there */
	qp->wait.fn = v->fn;
	qp->wait.id = qp->obj.id;
	qp->wait.of = qp;
	fwsim_wait_put(&v->fw->rc_waits, &qp->wait, qp->wait_until);
	rc_wait_timer(v->fw);
}

/* Put back on the run list who has waited long enough, and set the timer for the next one. */
static void rc_wait_expired(struct fwsim *fw, void *arg)
{
	uint64_t now = fwsim_now(fw);
	struct fwsim_wait *w;

	(void)arg;
	while ((w = fwsim_wait_take(&fw->rc_waits, now))) {
		struct fwsim_qp *qp = w->of;

		if (!rc_may_run(qp->vhca) || !qp->wait_until)
			continue; /* fwsim_rc_rescan() sees to it; or it waits no more */
		if (qp->wait_until <= now)
			fwsim_qp_schedule(qp);
		else
			fwsim_wait_put(&fw->rc_waits, w, qp->wait_until);
	}
	rc_wait_timer(fw);
}

enum rc_next rc_wait(struct fwsim_qp *qp, uint64_t ns)
{
	qp->wait_until = fwsim_now(qp->vhca->fw) + ns;
	rc_wait_arm(qp);
	return RC_IDLE;
}

/* States in which a send WQE is looked at: to execute it or to flush it. */
static bool rc_sends(const struct fwsim_qp *qp)
{
	return qp->state == IFC_QP_RTS || qp->state == IFC_QP_SQER || qp->state == IFC_QP_ERR;
}

void fwsim_qp_doorbell(struct fwsim_vhca *v, uint32_t qpn)
{
	struct fwsim_qp *qp = fwsim_table_get(&v->obj[FWSIM_OBJ_QP], qpn);

	if (!qp || !qp->has_sq) {
		fwsim_trace_ignored(v, "doorbell of QP 0x%x, which %s", qpn,
				    qp ? "has no send queue" : "does not exist");
		return;
	}
	if (!rc_sends(qp)) {
		fwsim_trace_ignored(v, "doorbell of QP 0x%x, which is not in RTS", qpn);
		return;
	}
	qp->db_pending = true;
	if (rc_may_run(v))
		fwsim_qp_schedule(qp);
}

void fwsim_rc_rescan(struct fwsim_vhca *v)
{
	struct fwsim_qp *qp;

	fwsim_table_for_each(&v->obj[FWSIM_OBJ_QP], qp) {
		if (!rc_sends(qp))
			continue;
		fwsim_roce_resume(qp);
		qp->db_pending = true;
		qp->give_up_at = 0; /* the retries start anew: the time has passed without trying */
		fwsim_qp_schedule(qp);
	}
}

/* ---- events, completions, errors ----------------------------------------------------------- */

void rc_event(struct fwsim_qp *qp, uint8_t type)
{
	uint8_t data[28] = { 0 };

	data[0x14] = EVENT_TYPE_QP;
	ifc_st32(data + 0x18, qp->obj.id);
	fwsim_event_post(qp->vhca, type, 0, data);
}

/* To a state in which WQEs are flushed. */
static void qp_flush_in(struct fwsim_qp *qp, enum ifc_qp_state state)
{
	fwsim_qp_move(qp, state);
	fwsim_roce_flush(qp, state == IFC_QP_ERR);
	qp->sq_off = 0;
	qp->drop = false;
	qp->wait_until = 0;
	qp->give_up_at = 0;
	qp->db_pending = true;
	fwsim_qp_schedule(qp);
}

void fwsim_qp_flush(struct fwsim_qp *qp)
{
	bool last = qp->state != IFC_QP_ERR && qp->has_srq;

	qp_flush_in(qp, IFC_QP_ERR);
	if (!last)
		return;
	if (!rc_recv_flush_taken(qp))
		rc_event(qp, IFC_EVENT_WQ_CATAS_ERROR);
	rc_event(qp, IFC_EVENT_SRQ_LAST_WQE);
}

/* The QP cannot even complete its WQEs: an event says so. */
enum rc_next rc_catas(struct fwsim_qp *qp, const char *why)
{
	fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, 0, 0, why);
	if (qp->state != IFC_QP_ERR)
		rc_event(qp, IFC_EVENT_WQ_CATAS_ERROR);
	fwsim_qp_flush(qp);
	return RC_IDLE;
}

void rc_cqe_fill(struct fwsim_qp *qp, uint8_t cqe[64], enum ifc_cqe_op op, uint8_t wqe_op,
		     uint16_t counter)
{
	struct fwsim_vhca *v = qp->vhca;

	memset(cqe, 0, 64);
	ifc_st64(cqe + 48, fwsim_now(v->fw) + v->timer_base);
	ifc_st32(cqe + 56, (uint32_t)wqe_op << 24 | qp->obj.id);
	ifc_st16(cqe + 60, counter);
	cqe[63] = (uint8_t)(op << 4);
}

bool rc_post_error(struct fwsim_qp *qp, enum ifc_cqe_op op, uint8_t wqe_op,
			  uint16_t counter, enum ifc_cqe_synd synd)
{
	uint8_t cqe[64];

	rc_cqe_fill(qp, cqe, op, wqe_op, counter);
	memset(cqe + 48, 0, 8); /* an error CQE has no time stamp, its syndrome is there */
	cqe[55] = (uint8_t)synd;
	return fwsim_cq_post(qp->vhca, op == IFC_CQE_REQ_ERR ? qp->cqn_snd : qp->cqn_rcv, cqe,
			     true);
}

/* The WQE at sq_ci has failed, and the QP with it. */
enum rc_next rc_fail(struct fwsim_qp *qp, const struct rc_wqe *w, enum ifc_cqe_synd synd,
			    const char *why)
{
	fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, synd, w->index, why);
	if (!rc_post_error(qp, IFC_CQE_REQ_ERR, w->op, w->index, synd))
		return rc_catas(qp, "its send CQ takes no completion");
	qp->sq_ci = (uint16_t)(qp->sq_ci + w->wqebbs);
	if (rc_is_unreliable(qp))
		qp_flush_in(qp, IFC_QP_SQER);
	else
		fwsim_qp_flush(qp);
	return RC_IDLE;
}

/* The requester's end of a message. */
enum rc_next rc_complete(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	uint8_t cqe[64];

	if (w->signalled) {
		rc_cqe_fill(qp, cqe, IFC_CQE_REQ, w->op, w->index);
		if (w->op == IFC_WQE_RDMA_READ || w->op == IFC_WQE_ATOMIC_CS ||
		    w->op == IFC_WQE_ATOMIC_FA)
			ifc_st32(cqe + 44, (uint32_t)w->total);
		if (!fwsim_cq_post(qp->vhca, qp->cqn_snd, cqe, false))
			return rc_catas(qp, "its send CQ takes no completion");
	}
	qp->sq_ci = (uint16_t)(qp->sq_ci + w->wqebbs);
	qp->sq_off = 0;
	return RC_MORE;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* On any key of the function: by such a QP a driver changes the keys of its users. */
static enum rc_next rc_umr(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	struct fwsim_umr_by by = { .v = qp->vhca, .pd = w->pd, .any_pd = true, .rlky = w->rlky };
	const char *why;
	uint8_t synd = fwsim_umr(&by, w->raw, w->len, &why, &qp->vhca->fw->rc_spent);

	return synd ? rc_fail(qp, w, (enum ifc_cqe_synd)synd, why) : rc_complete(qp, w);
}

static enum rc_next rc_send_step(struct fwsim_qp *qp)
{
	struct rc_wqe w FWSIM_UNCLEARED;

	if (qp->wait_until > fwsim_now(qp->vhca->fw)) {
		rc_wait_arm(qp);
		return RC_IDLE;
	}
	qp->wait_until = 0;
	if (!qp->has_sq)
		return RC_IDLE;
	if (qp->db_pending) {
		if (rc_read_sq_pi(qp, &qp->sq_pi))
			return rc_catas(qp, "the bus refused its doorbell record");
		qp->db_pending = false;
	}
	if (qp->sq_ci == qp->sq_pi)
		return RC_IDLE;
	switch (rc_fetch_send(qp, &w)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		return rc_fail(qp, &w, IFC_CQE_SYND_LOCAL_QP_OP, "the send WQE makes no sense");
	case RC_FETCH_DMA:
		return rc_catas(qp, "the bus refused its send WQE");
	}
	if (w.op == IFC_WQE_NOP)
		return rc_complete(qp, &w);
	if (w.op == IFC_WQE_UMR)
		return rc_umr(qp, &w);
	if (w.total > 1ULL << IFC_GET(qpc, qp->ctx, log_msg_max) || w.total > UINT32_MAX ||
	    qp->sq_off > w.total)
		return rc_fail(qp, &w, IFC_CQE_SYND_LOCAL_LENGTH,
			       "the message is longer than log_msg_max allows");
	return rc_is_ud(qp) ? rc_ud_step(qp, &w) : rc_message_step(qp, &w);
}

/* ---- flush --------------------------------------------------------------------------------- */

/* Complete up to @n send WQEs with a flush error; how many are left of @n. */
static unsigned int flush_sq(struct fwsim_qp *qp, unsigned int n)
{
	struct rc_wqe w FWSIM_UNCLEARED;

	if (!qp->has_sq || rc_read_sq_pi(qp, &qp->sq_pi))
		return n;
	if ((uint16_t)(qp->sq_pi - qp->sq_ci) > 1u << qp->log_sq_size)
		qp->sq_ci = (uint16_t)(qp->sq_pi - (1u << qp->log_sq_size));
	for (; n && qp->sq_ci != qp->sq_pi; n--) {
		if (rc_fetch_ctrl(qp, &w) == RC_FETCH_DMA ||
		    !rc_post_error(qp, IFC_CQE_REQ_ERR, w.op, w.index, IFC_CQE_SYND_WR_FLUSH)) {
			qp->sq_ci = qp->sq_pi; /* nobody can be told */
			break;
		}
		qp->sq_ci = (uint16_t)(qp->sq_ci + w.wqebbs);
	}
	return n;
}

/* The same for receive WQEs. @gone: the bus refused, so there is no use in looking again. */
static unsigned int flush_rq(struct fwsim_qp *qp, unsigned int n, bool *gone)
{
	uint16_t pi;

	*gone = !qp->has_rq || rc_read_rq_pi(qp, &pi);
	if (*gone)
		return n;
	if ((uint16_t)(pi - qp->rq_ci) > 1u << qp->log_rq_size)
		qp->rq_ci = (uint16_t)(pi - (1u << qp->log_rq_size));
	for (; n && qp->rq_ci != pi; n--, qp->rq_ci++) {
		if (!rc_post_error(qp, IFC_CQE_RESP_ERR, 0, qp->rq_ci, IFC_CQE_SYND_WR_FLUSH)) {
			qp->rq_ci = pi;
			break;
		}
	}
	return n;
}

static enum rc_next rc_flush_step(struct fwsim_qp *qp)
{
	unsigned int n;
	uint64_t ns;
	bool gone;

	if (!qp->db_pending && qp->wait_until > fwsim_now(qp->vhca->fw)) {
		rc_wait_arm(qp);
		return RC_IDLE;
	}
	qp->wait_until = 0;
	if (qp->db_pending)
		qp->polls = 0;
	qp->db_pending = false;
	n = flush_sq(qp, RC_FLUSH_SLICE);
	if (qp->state == IFC_QP_SQER)
		return n ? RC_IDLE : RC_MORE;
	n = flush_rq(qp, n, &gone);
	if (n < RC_FLUSH_SLICE)
		qp->polls = 0;
	if (!n)
		return RC_MORE;
	if (gone)
		return RC_IDLE;
	ns = RC_ERR_POLL_NS << qp->polls;
	if (qp->polls < RC_ERR_POLL_LOG)
		qp->polls++;
	return rc_wait(qp, ns);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static enum rc_next rc_step(struct fwsim_qp *qp)
{
	if (qp->roce && fwsim_roce_respond(qp))
		fwsim_qp_schedule(qp); /* also of a VHCA that may not initiate */
	if (!rc_may_run(qp->vhca))
		return RC_IDLE; /* fwsim_rc_rescan() brings it back */
	switch (qp->state) {
	case IFC_QP_RTS:
		return rc_send_step(qp);
	case IFC_QP_SQER:
	case IFC_QP_ERR:
		return rc_flush_step(qp);
	default:
		return RC_IDLE;
	}
}

bool fwsim_rc_run(struct fwsim *fw, unsigned int budget)
{
	struct fwsim_qp *qp;
	uint64_t work;

	while (budget && fw->run_head) {
		qp = fw->run_head;
		fwsim_qp_unschedule(qp);
		fw->rc_spent = 0;
		work = fw->esw_work;
		if (rc_step(qp) == RC_MORE)
			fwsim_qp_schedule(qp);
		fwsim_spend(&budget, (fw->rc_spent ? fw->rc_spent : 1) + fwsim_esw_cost(fw, work));
	}
	return fw->run_head;
}
