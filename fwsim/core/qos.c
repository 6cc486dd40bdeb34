// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates of vports: the tree of scheduling elements that the PF makes, and how it holds back what vports send.
 *
 * A leaf stands for a vport, the nodes above it (TSARs) for groups. Each may have a most average rate, and a
 * frame counts against its vport's element and all above that. For each the virtual time is kept up to which
 * it has spent its rate; while that is more than BURST_NS ahead, SQs of the vport read no WQE, and a timer
 * brings them back. Nothing is dropped. bw_share is kept and shown: there is no contention that it could settle.
 *
 * All of it is the PF's: it is in no image, and goes with the PF's reset or teardown.
 */
#include "eth.h"

#define LOG_ELEMENTS 10
#define BURST_NS 10000000u /* 10 ms; chosen here, as is how deep the tree may be */
#define MAX_DEPTH (1u << FWSIM_QOS_LOG_DEPTH)

enum qos_synd {
	QOS_SYND_HIERARCHY = 0x754001,
	QOS_SYND_TYPE = 0x754002,
	QOS_SYND_PARENT = 0x754003,
	QOS_SYND_VPORT = 0x754004,
	QOS_SYND_SHARE = 0x754005,
	QOS_SYND_NONE = 0x754006,
	QOS_SYND_BUSY = 0x754007,
	QOS_SYND_MEMORY = 0x754008,
	QOS_SYND_FIELD = 0x754009,
};

struct element {
	struct fwsim_obj obj; /* refs: elements below it */
	IFC_BUF(scheduling_context, ctx);
	uint32_t parent; /* 0: none */
	bool leaf;
	uint16_t vport;	   /* of a leaf */
	uint64_t spent_to; /* virtual ns */
};

struct fwsim_qos {
	struct fwsim *fw;
	struct fwsim_table elements;
	uint32_t leaf[1 + FWSIM_MAX_VFS]; /* of each vport, 0: none */
	bool held[1 + FWSIM_MAX_VFS];	  /* its SQs wait for the timer */
	struct fwsim_timer timer;
};

/* ---- rates ---------------------------------------------------------------------------------- */

static struct element *element_get(const struct fwsim_qos *q, uint32_t id)
{
	return id ? fwsim_table_get(&q->elements, id) : NULL;
}

static uint32_t rate_of(const struct element *e)
{
	return IFC_GET(scheduling_context, e->ctx, max_average_bw);
}

static void timer_expired(struct fwsim *fw, void *arg)
{
	struct fwsim_qos *q = arg;

	for (unsigned int i = 0; i < fw->nfn; i++) {
		if (!q->held[i])
			continue;
		q->held[i] = false;
		fwsim_eth_rescan(fw->vhca[i]);
	}
}

bool fwsim_qos_hold(struct fwsim_vhca *v)
{
	struct fwsim_qos *q = v->fw->qos;
	uint64_t now, at = 0;
	struct element *e;

	if (!q || !q->leaf[v->fn])
		return false;
	now = fwsim_now(v->fw);
	for (e = element_get(q, q->leaf[v->fn]); e; e = element_get(q, e->parent))
		if (rate_of(e) && e->spent_to > now + BURST_NS && e->spent_to - BURST_NS > at)
			at = e->spent_to - BURST_NS;
	if (!at)
		return false;
	q->held[v->fn] = true;
	if (q->timer.deadline <= now || q->timer.deadline > at)
		fwsim_timer_start(v->fw, &q->timer, at);
	return true;
}

void fwsim_qos_spend(struct fwsim_vhca *v, size_t len)
{
	struct fwsim_qos *q = v->fw->qos;
	uint64_t now;
	struct element *e;

	if (!q || !q->leaf[v->fn])
		return;
	now = fwsim_now(v->fw);
	for (e = element_get(q, q->leaf[v->fn]); e; e = element_get(q, e->parent)) {
		if (!rate_of(e))
			continue;
		if (e->spent_to < now)
			e->spent_to = now;
		e->spent_to += len * 8 * 1000 / rate_of(e); /* the rate is in Mbit/s */
	}
}

void fwsim_qos_fini(struct fwsim *fw)
{
	struct fwsim_qos *q = fw->qos;
	struct element *e;

	if (!q)
		return;
	fw->qos = NULL;
	for (uint32_t id = 0; (e = fwsim_table_next(&q->elements, id)); free(e)) {
		id = e->obj.id;
		fwsim_table_del(&q->elements, id);
	}
	fwsim_table_fini(&q->elements);
	free(q);
}

void fwsim_qos_reset(struct fwsim *fw)
{
	struct fwsim_qos *q = fw->qos;

	if (!q)
		return;
	fwsim_timer_stop(fw, &q->timer);
	timer_expired(fw, q); /* nobody is held any more */
	fwsim_qos_fini(fw);
}

static struct fwsim_qos *qos_get(struct fwsim *fw)
{
	struct fwsim_qos *q = fw->qos;

	if (q)
		return q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->fw = fw;
	q->timer = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = timer_expired, .arg = q };
	fwsim_table_init(&q->elements, 1, 1u << LOG_ELEMENTS);
	fw->qos = q;
	return q;
}

/* ---- commands ------------------------------------------------------------------------------- */

#define CTX(ctx, fld) IFC_GET(scheduling_context, (ctx), fld)

static enum ifc_status check_hierarchy(struct fwsim_cmd *cmd, uint32_t hierarchy)
{
	if (hierarchy != SCHEDULING_HIERARCHY_E_SWITCH)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_HIERARCHY,
				    "scheduling hierarchy %u is not offered, only that of the eSwitch (2)",
				    hierarchy);
	return IFC_ST_OK;
}

static enum ifc_status check_share(struct fwsim_cmd *cmd, const uint8_t *ctx)
{
	if (CTX(ctx, bw_share) > FWSIM_QOS_MAX_SHARE)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_SHARE, "a share of %u, at most %u",
				    CTX(ctx, bw_share), FWSIM_QOS_MAX_SHARE);
	return IFC_ST_OK;
}

static unsigned int depth(const struct fwsim_qos *q, const struct element *e)
{
	unsigned int n = 0;

	for (; e; e = element_get(q, e->parent))
		n++;
	return n;
}

/* A new element that has the context of the command. */
static enum ifc_status check_new(struct fwsim_cmd *cmd, const struct fwsim_qos *q, struct element *e)
{
	const uint8_t *attr = IFC_CPTR(scheduling_context, e->ctx, element_attributes);
	uint32_t type = CTX(e->ctx, element_type);
	struct element *parent;

	e->parent = CTX(e->ctx, parent_element_id);
	e->leaf = type == SCHEDULING_CONTEXT_ELEMENT_TYPE_VPORT;
	parent = element_get(q, e->parent);
	if (type != SCHEDULING_CONTEXT_ELEMENT_TYPE_VPORT && type != SCHEDULING_CONTEXT_ELEMENT_TYPE_TSAR)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_TYPE,
				    "elements of type %u are not offered", type);
	if (!e->leaf && IFC_GET(tsar_element, attr, tsar_type) != TSAR_ELEMENT_TSAR_TYPE_DWRR)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_TYPE,
				    "TSARs of type %u are not offered, only DWRR (0)",
				    IFC_GET(tsar_element, attr, tsar_type));
	if (e->parent && (!parent || parent->leaf))
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, QOS_SYND_PARENT,
				    "there is no TSAR 0x%x to be below", e->parent);
	if (depth(q, parent) >= MAX_DEPTH)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_PARENT,
				    "elements may be %u deep", MAX_DEPTH);
	if (!e->leaf)
		return check_share(cmd, e->ctx);
	e->vport = (uint16_t)IFC_GET(vport_element, attr, vport_number);
	if (IFC_GET(vport_element, attr, eswitch_owner_vhca_id_valid) ||
	    !fwsim_vhca_by_fn(cmd->fw, e->vport))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_VPORT,
				    "there is no vport 0x%x on this eSwitch", e->vport);
	if (q->leaf[e->vport])
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, QOS_SYND_VPORT,
				    "vport %u has element 0x%x already", e->vport, q->leaf[e->vport]);
	return check_share(cmd, e->ctx);
}

enum ifc_status fwsim_cmd_create_scheduling_element(struct fwsim_cmd *cmd)
{
	struct fwsim_qos *q = qos_get(cmd->fw);
	struct element *e = calloc(1, sizeof(*e)), *parent;
	enum ifc_status st = check_hierarchy(
		cmd, IFC_GET(create_scheduling_element_in, cmd->in, scheduling_hierarchy));

	if (st == IFC_ST_OK && (!q || !e))
		st = fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, QOS_SYND_MEMORY, "no memory");
	if (st == IFC_ST_OK) {
		memcpy(e->ctx, IFC_CPTR(create_scheduling_element_in, cmd->in, scheduling_context),
		       sizeof(e->ctx));
		st = check_new(cmd, q, e);
	}
	if (st == IFC_ST_OK) {
		st = fwsim_table_add(&q->elements, &e->obj);
		if (st != IFC_ST_OK)
			st = fwsim_refuse(cmd, st, QOS_SYND_MEMORY, "no more scheduling elements");
	}
	if (st != IFC_ST_OK) {
		free(e);
		return st;
	}
	parent = element_get(q, e->parent);
	if (parent)
		parent->obj.refs++;
	if (e->leaf)
		q->leaf[e->vport] = e->obj.id;
	IFC_SET(create_scheduling_element_out, cmd->out, scheduling_element_id, e->obj.id);
	return IFC_ST_OK;
}

static enum ifc_status find(struct fwsim_cmd *cmd, uint32_t hierarchy, uint32_t id, struct element **e)
{
	enum ifc_status st = check_hierarchy(cmd, hierarchy);

	if (st != IFC_ST_OK)
		return st;
	*e = cmd->fw->qos ? element_get(cmd->fw->qos, id) : NULL;
	if (!*e)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, QOS_SYND_NONE, "no scheduling element 0x%x", id);
	return IFC_ST_OK;
}

#define MODIFY_SHARE MODIFY_SCHEDULING_ELEMENT_IN_MODIFY_BITMASK_BW_SHARE
#define MODIFY_RATE MODIFY_SCHEDULING_ELEMENT_IN_MODIFY_BITMASK_MAX_AVERAGE_BW

enum ifc_status fwsim_cmd_modify_scheduling_element(struct fwsim_cmd *cmd)
{
	const uint8_t *ctx = IFC_CPTR(modify_scheduling_element_in, cmd->in, scheduling_context);
	uint32_t mask = IFC_GET(modify_scheduling_element_in, cmd->in, modify_bitmask);
	struct element *e;
	enum ifc_status st = find(cmd, IFC_GET(modify_scheduling_element_in, cmd->in, scheduling_hierarchy),
				  IFC_GET(modify_scheduling_element_in, cmd->in, scheduling_element_id), &e);

	if (st != IFC_ST_OK)
		return st;
	if (mask & ~(uint32_t)(MODIFY_SHARE | MODIFY_RATE))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QOS_SYND_FIELD,
				    "modify_bitmask 0x%x is not supported", mask);
	st = mask & MODIFY_SHARE ? check_share(cmd, ctx) : IFC_ST_OK;
	if (st != IFC_ST_OK)
		return st;
	if (mask & MODIFY_SHARE)
		IFC_SET(scheduling_context, e->ctx, bw_share, CTX(ctx, bw_share));
	if (mask & MODIFY_RATE) {
		IFC_SET(scheduling_context, e->ctx, max_average_bw, CTX(ctx, max_average_bw));
		e->spent_to = 0; /* what was sent at the old rate does not count */
		timer_expired(cmd->fw, cmd->fw->qos);
	}
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_scheduling_element(struct fwsim_cmd *cmd)
{
	struct element *e;
	enum ifc_status st = find(cmd, IFC_GET(query_scheduling_element_in, cmd->in, scheduling_hierarchy),
				  IFC_GET(query_scheduling_element_in, cmd->in, scheduling_element_id), &e);

	if (st == IFC_ST_OK)
		memcpy(IFC_PTR(query_scheduling_element_out, cmd->out, scheduling_context), e->ctx,
		       sizeof(e->ctx));
	return st;
}

enum ifc_status fwsim_cmd_destroy_scheduling_element(struct fwsim_cmd *cmd)
{
	struct fwsim_qos *q = cmd->fw->qos;
	struct element *e, *parent;
	enum ifc_status st = find(cmd, IFC_GET(destroy_scheduling_element_in, cmd->in, scheduling_hierarchy),
				  IFC_GET(destroy_scheduling_element_in, cmd->in, scheduling_element_id), &e);

	if (st != IFC_ST_OK)
		return st;
	if (e->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, QOS_SYND_BUSY,
				    "%u elements are below scheduling element 0x%x", e->obj.refs, e->obj.id);
	parent = element_get(q, e->parent);
	if (parent)
		parent->obj.refs--;
	if (e->leaf)
		q->leaf[e->vport] = 0;
	fwsim_table_del(&q->elements, e->obj.id);
	free(e);
	timer_expired(cmd->fw, q);
	return IFC_ST_OK;
}
