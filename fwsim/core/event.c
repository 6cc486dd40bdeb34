// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event queues and completion queues as the card writes them: entries, ownership bits, arming, MSI-X.
 *
 *	EQ: an entry interrupts if the EQ is armed, and disarms it. The driver arms with its consumer
 *	    index; if entries are already there the interrupt comes at once and it stays disarmed.
 *	CQ: the same, with an entry in the CQ's EQ in place of the interrupt. What an event has already
 *	    told (last_notified) makes no second one. An arm for solicited completions is met by those
 *	    and by errors only. Moderation holds the event back until cq_max_count entries are untold or
 *	    cq_period has passed since the last event, or since the last entry (cq_period_mode). It is no
 *	    state of an image: whoever goes on after a stop tells at once.
 *
 * A ring that is full stops for good and says so (EQ: health syndrome; CQ: CQ_ERROR): an entry not yet
 * consumed is never overwritten. Counters are 24 bits and run on; bit log_size of the index is the
 * owner bit. While the VHCA may do no DMA doorbells are latched, last consumer index and any arm.
 */
#include "core.h"

#define M24 0xffffffu
#define EQE_SIZE 64u
#define EQE_OFF_DATA 0x20
#define EQE_DATA 28
#define CQE_SIZE 64u
#define CQ_DB_SOLICITED (1u << 24)
#define CQ_PERIOD_FROM_CQE 1 /* cq_period_mode; 0: from the last event */

/* Sub types of PORT_CHANGE. */
#define PORT_DOWN 1
#define PORT_ACTIVE 4

/* Health syndromes of the init segment. */
#define HEALTH_ASYNC_EQ_OVERRUN 0xc
#define HEALTH_EQ_ERR 0xd
#define HEALTH_EQ_INV 0xe

/* Syndrome of a CQ_ERROR event. */
#define CQ_ERR_OVERRUN 1
#define CQ_ERR_ACCESS 2

static bool may_dma(const struct fwsim_vhca *v)
{
	return v->bus_master && fwsim_vhca_may_respond(v);
}

/* Entries between consumer @ci and producer @pi. */
static uint32_t used24(uint32_t pi, uint32_t ci)
{
	return (pi - ci) & M24;
}

/* Counter @a is later than @b. */
static bool later24(uint32_t a, uint32_t b)
{
	uint32_t d = (a - b) & M24;

	return d && d < 1u << 23;
}

/*
 * Write an entry whose owner bit is in the last four bytes: those go last, so that a CPU that polls the
 * owner bit sees a whole entry.
 */
static int entry_write(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t off,
		       const uint8_t entry[64])
{
	if (fwsim_pas_write(v, pas, off, entry, 60))
		return -1;
	return fwsim_pas_write(v, pas, off + 60, entry + 60, 4);
}

/* ---- event queues -------------------------------------------------------------------------- */

static void eq_interrupt(struct fwsim_vhca *v, struct fwsim_eq *eq)
{
	eq->armed = false;
	fwsim_trace_simple(v, FWSIM_TRACE_MSIX, eq->vector, eq->obj.id, 0, "");
	v->fw->ops->msix(v->fw->host, v->fn, eq->vector);
}

static void eq_stop(struct fwsim_vhca *v, struct fwsim_eq *eq, uint8_t synd, const char *why)
{
	eq->overrun = true;
	if (!v->health_synd)
		v->health_synd = synd;
	if (synd == HEALTH_EQ_INV) /* the refused DMA has been held against the driver already */
		fwsim_trace_note(v, "EQ %u stopped: %s", eq->obj.id, why);
	else
		fwsim_trace_ignored(v, "EQ %u stopped: %s", eq->obj.id, why);
}

/* @quiet: no interrupt now, the caller sees to it. */
static void eq_put(struct fwsim_vhca *v, struct fwsim_eq *eq, uint8_t type, uint8_t sub_type,
		   const uint8_t data[EQE_DATA], bool quiet)
{
	uint8_t eqe[EQE_SIZE] = { 0 };
	uint32_t size = 1u << eq->log_size;

	if (eq->overrun) /* since the first of two, or while it was held back */
		return;
	if (used24(eq->pi, eq->ci) >= size) {
		bool async = eq->mask[0] | eq->mask[1] | eq->mask[2] | eq->mask[3];

		eq_stop(v, eq, async ? HEALTH_ASYNC_EQ_OVERRUN : HEALTH_EQ_ERR, "overrun");
		return;
	}
	eqe[1] = type;
	eqe[3] = sub_type;
	memcpy(eqe + EQE_OFF_DATA, data, EQE_DATA);
	eqe[63] = eq->pi >> eq->log_size & 1;
	if (entry_write(v, &eq->buf, (uint64_t)(eq->pi & (size - 1)) * EQE_SIZE, eqe)) {
		eq_stop(v, eq, HEALTH_EQ_INV, "the bus refused its entry");
		return;
	}
	eq->pi = (eq->pi + 1) & M24;
	fwsim_record_event(v, eq->obj.id, eqe);
	fwsim_trace_simple(v, FWSIM_TRACE_EVENT, type, sub_type, eq->obj.id, "");
	if (eq->armed && !quiet)
		eq_interrupt(v, eq);
}

/* The same through the fault rules. */
static void eq_append(struct fwsim_vhca *v, struct fwsim_eq *eq, uint8_t type, uint8_t sub_type,
		      const uint8_t data[EQE_DATA], bool quiet)
{
	struct fwsim_eqe held = { .eqn = eq->obj.id, .type = type, .sub_type = sub_type };
	struct fwsim_fault_act act;

	if (eq->overrun)
		return;
	fwsim_fault_at(v, FWSIM_AT_EQE, type, &act);
	if (fwsim_does(&act, FWSIM_DO_LOST))
		return;
	held.twice = fwsim_does(&act, FWSIM_DO_TWICE);
	memcpy(held.data, data, sizeof(held.data));
	if (fwsim_does(&act, FWSIM_DO_DELAY) &&
	    fwsim_fault_hold_eqe(v, &held, act.val[FWSIM_DO_DELAY]))
		return;
	eq_put(v, eq, type, sub_type, data, quiet);
	if (held.twice)
		eq_put(v, eq, type, sub_type, data, quiet);
}

bool fwsim_eqe_write(struct fwsim_vhca *v, const struct fwsim_eqe *eqe)
{
	struct fwsim_eq *eq = fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], eqe->eqn);

	if (!may_dma(v))
		return false;
	for (int n = 0; eq && n < 1 + eqe->twice; n++)
		eq_put(v, eq, eqe->type, eqe->sub_type, eqe->data, false);
	return true;
}

/* Take over a consumer index from a doorbell; false if it is none. */
static bool eq_consume(struct fwsim_vhca *v, struct fwsim_eq *eq, uint32_t ci, bool arm)
{
	if (used24(eq->pi, ci) > 1u << eq->log_size) {
		fwsim_trace_ignored(v, "EQ %u doorbell: consumer index 0x%x, producer 0x%x",
				    eq->obj.id, ci, eq->pi);
		return false;
	}
	eq->ci = ci;
	if (arm)
		eq->armed = true;
	return true;
}

/* Forget a latched doorbell; true if it was to arm. */
static bool eq_unlatch(struct fwsim_eq *eq)
{
	bool arm = eq->db_latched && eq->db_arm;

	eq->db_latched = false;
	eq->db_arm = false;
	eq->db_ci = 0;
	return arm;
}

void fwsim_eq_doorbell(struct fwsim_vhca *v, uint32_t eqn, uint32_t ci, bool arm)
{
	struct fwsim_eq *eq = fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], eqn);

	ci &= M24;
	if (!eq) {
		fwsim_trace_ignored(v, "doorbell of EQ %u, which does not exist", eqn);
		return;
	}
	if (!may_dma(v)) {
		eq->db_arm = arm || (eq->db_latched && eq->db_arm);
		eq->db_ci = ci;
		eq->db_latched = true;
		return;
	}
	arm |= eq_unlatch(eq); /* the RESUME that looks at latched ones may still be to come */
	if (eq_consume(v, eq, ci, arm) && eq->armed && eq->pi != eq->ci)
		eq_interrupt(v, eq);
}

static struct fwsim_eq *eq_of_type(struct fwsim_vhca *v, uint8_t type)
{
	struct fwsim_eq *eq;

	if (type == IFC_EVENT_CMD)
		return fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], v->cmd_eqn);
	if (type == IFC_EVENT_PAGE_REQUEST)
		return fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], v->pages_eqn);
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_EQ], eq)
		if (eq->mask[type / 64] >> type % 64 & 1)
			return eq;
	return NULL;
}

void fwsim_event_post(struct fwsim_vhca *v, uint8_t type, uint8_t sub_type, const uint8_t data[28])
{
	struct fwsim_eq *eq = eq_of_type(v, type);

	if (!eq)
		return; /* no driver asked for it */
	if (!may_dma(v)) {
		/* the one event that comes from outside of the VHCA, and so at any time */
		if (type == IFC_EVENT_PORT_CHANGE)
			eq->port_latched = true;
		else
			fwsim_trace_note(v, "event 0x%02x is lost: the VHCA may do no DMA", type);
		return;
	}
	eq_append(v, eq, type, sub_type, data, false);
}

bool fwsim_event_wanted(struct fwsim_vhca *v, uint8_t type)
{
	return eq_of_type(v, type);
}

/* The port of the card that the VHCA is on now may be another one: tell how that is. */
static void eq_port_changed(struct fwsim_vhca *v, struct fwsim_eq *eq)
{
	uint8_t data[EQE_DATA] = { [8] = 0x10 }; /* port 1 */

	eq->port_latched = false;
	eq_append(v, eq, IFC_EVENT_PORT_CHANGE, fwsim_vport_link_up(v) ? PORT_ACTIVE : PORT_DOWN, data,
		  true);
}

bool fwsim_event_cmd_ready(const struct fwsim_vhca *v)
{
	return v->cmd_eqn;
}

void fwsim_event_cmd(struct fwsim_vhca *v, uint32_t slots)
{
	uint8_t data[EQE_DATA] = { 0 };

	ifc_st32(data, slots);
	fwsim_event_post(v, IFC_EVENT_CMD, 0, data);
}

void fwsim_event_page_request(struct fwsim_vhca *v, int32_t n)
{
	uint8_t data[EQE_DATA] = { 0 };

	/* ec_function and func_id are 0: the function itself */
	ifc_st32(data + 4, (uint32_t)n);
	fwsim_event_post(v, IFC_EVENT_PAGE_REQUEST, 0, data);
}

void fwsim_event_queue(struct fwsim_vhca *v, uint8_t event, enum fwsim_event_type type, uint32_t qn)
{
	uint8_t data[EQE_DATA] = { 0 };

	data[0x14] = (uint8_t)type;
	ifc_st32(data + 0x18, qn);
	fwsim_event_post(v, event, 0, data);
}

/* ---- completion queues --------------------------------------------------------------------- */

static void cq_fail(struct fwsim_vhca *v, struct fwsim_cq *cq, uint8_t synd)
{
	uint8_t data[EQE_DATA] = { 0 };

	cq->error = true;
	cq->arm = FWSIM_ARM_NONE;
	if (synd == CQ_ERR_OVERRUN)
		fwsim_trace_ignored(v, "CQ 0x%x stopped: overrun", cq->obj.id);
	else
		fwsim_trace_note(v, "CQ 0x%x stopped: the bus refused its entry", cq->obj.id);
	ifc_st32(data, cq->obj.id);
	data[11] = synd;
	fwsim_event_post(v, IFC_EVENT_CQ_ERROR, 0, data);
}

static bool cq_may_overrun(const struct fwsim_cq *cq)
{
	return IFC_GET(cqc, cq->ctx, oi);
}

/* Take over a consumer index that the driver gave; false if it is none. */
static bool cq_consume(struct fwsim_cq *cq, uint32_t ci)
{
	if (!cq_may_overrun(cq) && used24(cq->pi, ci) > 1u << cq->log_size)
		return false;
	cq->ci = ci;
	/* what has been consumed needs no telling; and left far behind, a counter one day seems ahead */
	if (!later24(cq->last_notified, ci))
		cq->last_notified = ci;
	if (!later24(cq->last_solicited, ci))
		cq->last_solicited = ci;
	return true;
}

static void cq_notify(struct fwsim_vhca *v, struct fwsim_cq *cq, bool quiet)
{
	struct fwsim_eq *eq = fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], cq->eqn);
	uint8_t data[EQE_DATA] = { 0 };

	cq->arm = FWSIM_ARM_NONE;
	cq->last_notified = cq->pi;
	cq->told_at = fwsim_now(v->fw);
	ifc_st32(data + 0x18, cq->obj.id);
	if (eq)
		eq_append(v, eq, IFC_EVENT_COMP, 0, data, quiet);
}

/* An armed CQ holds what it waits for. */
static bool cq_to_tell(const struct fwsim_cq *cq)
{
	uint32_t have = cq->arm == FWSIM_ARM_SOLICITED ? cq->last_solicited : cq->pi;

	if (cq->arm == FWSIM_ARM_NONE || cq->error)
		return false;
	return later24(have, cq->last_notified); /* which is never behind ci: cq_consume() */
}

/* When the event of a CQ that has something to tell is due; in the past: now. */
static uint64_t cq_due(const struct fwsim_cq *cq)
{
	uint64_t period = IFC_GET(cqc, cq->ctx, cq_period) * 1000ull; /* from microseconds */
	uint32_t count = IFC_GET(cqc, cq->ctx, cq_max_count);

	if (!period || !count || used24(cq->pi, cq->last_notified) >= count)
		return 0;
	return (IFC_GET(cqc, cq->ctx, cq_period_mode) == CQ_PERIOD_FROM_CQE ? cq->put_at : cq->told_at) +
	       period;
}

static void moderation_timer(struct fwsim_vhca *v)
{
	uint64_t first = v->moder_waits ? v->moder_waits->at : UINT64_MAX;

	if (v->moder.deadline != first)
		fwsim_timer_start(v->fw, &v->moder, first);
}

/* Fire an armed CQ that holds what it waits for, if moderation lets it or @quiet. */
static void cq_check_arm(struct fwsim_vhca *v, struct fwsim_cq *cq, bool quiet)
{
	uint64_t due = 0;

	if (!cq_to_tell(cq))
		return;
	if (!quiet)
		due = cq_due(cq);
	if (!due || due <= fwsim_now(v->fw)) {
		cq_notify(v, cq, quiet);
		return;
	}
	if (cq->wait.link && cq->wait.at <= due)
		return; /* it is looked at again then */
	cq->wait.id = cq->obj.id;
	cq->wait.of = cq;
	fwsim_wait_put(&v->moder_waits, &cq->wait, due);
	moderation_timer(v);
}

static void moderation_expired(struct fwsim *fw, void *arg)
{
	struct fwsim_vhca *v = arg;
	uint64_t now = fwsim_now(fw);
	struct fwsim_wait *w;

	while ((w = fwsim_wait_take(&v->moder_waits, now)))
		if (may_dma(v)) /* otherwise fwsim_event_rescan() tells what is left */
			cq_check_arm(v, w->of, false);
	moderation_timer(v);
}

void fwsim_event_init(struct fwsim_vhca *v)
{
	v->moder = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = moderation_expired, .arg = v };
}

void fwsim_event_fini(struct fwsim_vhca *v)
{
	fwsim_timer_stop(v->fw, &v->moder);
}

void fwsim_cq_moderated(struct fwsim_vhca *v, struct fwsim_cq *cq)
{
	if (may_dma(v))
		cq_check_arm(v, cq, false);
}

static void cq_arm(struct fwsim_vhca *v, struct fwsim_cq *cq, uint32_t word, bool quiet)
{
	if (!cq_consume(cq, word & M24)) {
		fwsim_trace_ignored(v, "CQ 0x%x doorbell: consumer index 0x%x, producer 0x%x",
				    cq->obj.id, word & M24, cq->pi);
		return;
	}
	cq->arm = word & CQ_DB_SOLICITED ? FWSIM_ARM_SOLICITED : FWSIM_ARM_NEXT;
	cq_check_arm(v, cq, quiet);
}

void fwsim_cq_doorbell(struct fwsim_vhca *v, uint32_t cqn, uint32_t arm_word)
{
	struct fwsim_cq *cq = fwsim_table_get(&v->obj[FWSIM_OBJ_CQ], cqn);

	if (!cq) {
		fwsim_trace_ignored(v, "doorbell of CQ 0x%x, which does not exist", cqn);
		return;
	}
	if (!may_dma(v)) {
		cq->db_latched = true;
		cq->db_word = arm_word;
		return;
	}
	cq->db_latched = false;
	cq->db_word = 0;
	cq_arm(v, cq, arm_word, false);
}

uint32_t fwsim_cq_used(struct fwsim_vhca *v, struct fwsim_cq *cq)
{
	uint8_t be[4];

	if (!fwsim_dma_read(v, cq->dbr, be, sizeof(be)))
		cq_consume(cq, ifc_ld32(be) & M24);
	return used24(cq->pi, cq->ci);
}

/* The consumer index is in the doorbell record, and is looked at only when the ring seems full. */
static bool cq_has_room(struct fwsim_vhca *v, struct fwsim_cq *cq)
{
	uint32_t size = 1u << cq->log_size;

	return cq_may_overrun(cq) || used24(cq->pi, cq->ci) < size || fwsim_cq_used(v, cq) < size;
}

/* Write @cqe, with its owner bit, as the next entry; false if the bus refused. */
static bool cq_write(struct fwsim_vhca *v, struct fwsim_cq *cq, uint8_t cqe[64])
{
	uint32_t mask = (1u << cq->log_size) - 1;

	cqe[63] = (uint8_t)((cqe[63] & 0xfe) | (cq->pi >> cq->log_size & 1));
	if (entry_write(v, &cq->buf, cq->page_offset + (uint64_t)(cq->pi & mask) * CQE_SIZE, cqe)) {
		cq_fail(v, cq, CQ_ERR_ACCESS);
		return false;
	}
	fwsim_record_cqe(v, cq->obj.id, cqe);
	cq->pi = (cq->pi + 1) & M24;
	return true;
}

bool fwsim_cq_leave_ring(struct fwsim_vhca *v, struct fwsim_cq *cq, bool *full)
{
	uint8_t cqe[CQE_SIZE] = { 0 };
	uint32_t pi = cq->pi;

	*full = !cq_has_room(v, cq);
	cqe[63] = IFC_CQE_RESIZE << 4;
	if (*full || !cq_write(v, cq, cqe))
		return false;
	if (cq->last_notified == pi) /* a driver does not wait for it */
		cq->last_notified = cq->pi;
	return true;
}

static bool cq_put(struct fwsim_vhca *v, struct fwsim_cq *cq, uint8_t cqe[64], bool solicited)
{
	if (!cq_has_room(v, cq)) {
		cq_fail(v, cq, CQ_ERR_OVERRUN);
		return false;
	}
	if (!cq_write(v, cq, cqe))
		return false;
	if (solicited || cqe[63] >> 4 == IFC_CQE_REQ_ERR || cqe[63] >> 4 == IFC_CQE_RESP_ERR)
		cq->last_solicited = cq->pi;
	if (IFC_GET(cqc, cq->ctx, cq_period))
		cq->put_at = fwsim_now(v->fw);
	cq_check_arm(v, cq, false);
	return true;
}

void fwsim_cqe_init(struct fwsim_vhca *v, uint8_t cqe[64], enum ifc_cqe_op op, uint8_t wqe_op,
		    uint32_t qn, uint16_t counter)
{
	memset(cqe, 0, CQE_SIZE);
	ifc_st64(cqe + 48, fwsim_now(v->fw) + v->timer_base);
	ifc_st32(cqe + 56, (uint32_t)wqe_op << 24 | qn);
	ifc_st16(cqe + 60, counter);
	cqe[63] = (uint8_t)(op << 4);
}

bool fwsim_cqe_error(struct fwsim_vhca *v, uint32_t cqn, enum ifc_cqe_op op, uint8_t wqe_op,
		     uint32_t qn, uint16_t counter, enum ifc_cqe_synd synd)
{
	uint8_t cqe[CQE_SIZE];

	fwsim_cqe_init(v, cqe, op, wqe_op, qn, counter);
	memset(cqe + 48, 0, 8); /* an error CQE has no time stamp, its syndrome is there */
	cqe[55] = (uint8_t)synd;
	return fwsim_cq_post(v, cqn, cqe, true);
}

bool fwsim_cq_post(struct fwsim_vhca *v, uint32_t cqn, uint8_t cqe[64], bool solicited)
{
	struct fwsim_cq *cq = fwsim_table_get(&v->obj[FWSIM_OBJ_CQ], cqn);
	struct fwsim_fault_act act;

	if (!cq || cq->error)
		return false;
	fwsim_fault_at(v, FWSIM_AT_CQE, 0, &act);
	if (fwsim_does(&act, FWSIM_DO_LOST))
		return true;
	return cq_put(v, cq, cqe, solicited) &&
	       (!fwsim_does(&act, FWSIM_DO_TWICE) || cq_put(v, cq, cqe, solicited));
}

/* ---- going on ------------------------------------------------------------------------------ */

void fwsim_event_rescan(struct fwsim_vhca *v)
{
	struct fwsim_eq *eq;
	struct fwsim_cq *cq;

	if (!may_dma(v))
		return;
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_EQ], eq) {
		uint32_t ci = eq->db_ci;

		if (eq->db_latched)
			eq_consume(v, eq, ci, eq_unlatch(eq));
		if (eq->port_latched)
			eq_port_changed(v, eq);
	}
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_CQ], cq) {
		if (cq->db_latched)
			cq_arm(v, cq, cq->db_word, true);
		else
			cq_check_arm(v, cq, true);
		cq->db_latched = false;
		cq->db_word = 0;
	}
	fwsim_fault_rescan(v);
	/*
	 * An interrupt sent just before the stop may be lost with the old interrupt route, and the arm
	 * went with it. One more than needed is harmless, one less hangs the guest.
	 */
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_EQ], eq)
		if (eq->pi != eq->ci)
			eq_interrupt(v, eq);
}
