// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shared receive queues as the driver's commands see them. Three sets of commands make them: SRQ (for
 * ISSI 0), RMP (the same for ISSI 1), and XRC SRQ, which has a CQ and a domain of its own. How messages
 * take WQEs from one is srq.c's.
 */
#include "core.h"

enum srq_synd {
	SRQ_SYND_UNSUPPORTED = 0x700001,
	SRQ_SYND_RING = 0x700002,
	SRQ_SYND_PAS = 0x700003,
	SRQ_SYND_REF = 0x700004,
	SRQ_SYND_NONE = 0x700005,
	SRQ_SYND_BUSY = 0x700006,
	SRQ_SYND_MEMORY = 0x700007,
	SRQ_SYND_PARAM = 0x700008,
};

#define SRQ_MIN_LOG_STRIDE 5 /* the link and one segment */
#define SRQ_MAX_LOG_STRIDE 11
#define SRQ_MAX_LOG_SIZE 15
#define SRQ_STATE_ERROR 1
#define RMP_STATE_RDY 1
#define RMP_STATE_ERR 3
#define RMP_WQ_LINKED_LIST 0
#define ARM_SRQ 1 /* op_mod of ARM_RQ and ARM_XRC_SRQ */

static const char *const srq_kind_name[] = {
	[FWSIM_SRQ_PLAIN] = "SRQ", [FWSIM_SRQ_XRC] = "XRC SRQ", [FWSIM_SRQ_RMP] = "RMP",
};

uint64_t fwsim_srq_ring_bytes(const struct fwsim_srq *srq)
{
	return srq->page_offset + (1ULL << (srq->log_size + srq->log_stride));
}

/* The page size of the list; 0 if it is out of range. */
static unsigned int decode_rmp(struct fwsim_srq *srq)
{
	const uint8_t *wq = IFC_CPTR(rmpc, srq->ctx, wq);
	unsigned int log_page = IFC_GET(wq, wq, log_wq_pg_sz) + 12;

	srq->pd = IFC_GET(wq, wq, pd);
	srq->dbr = IFC_GET64(wq, wq, dbr_addr);
	srq->log_size = (uint8_t)IFC_GET(wq, wq, log_wq_sz);
	srq->log_stride = (uint8_t)IFC_GET(wq, wq, log_wq_stride);
	srq->page_offset = log_page > 31 ? 0 : IFC_GET(wq, wq, page_offset) << (log_page - 6);
	if (IFC_GET(wq, wq, wq_type) != RMP_WQ_LINKED_LIST)
		return 0;
	return log_page;
}

/* srqc and xrc_srqc have what is decoded here in the same places. */
static unsigned int decode_srq(struct fwsim_srq *srq)
{
	const uint8_t *c = srq->ctx;
	unsigned int log_page = IFC_GET(srqc, c, log_page_size) + 12;

	srq->pd = IFC_GET(srqc, c, pd);
	srq->dbr = IFC_GET64(srqc, c, dbr_addr);
	srq->log_size = (uint8_t)IFC_GET(srqc, c, log_srq_size);
	srq->log_stride = (uint8_t)(IFC_GET(srqc, c, log_rq_stride) + 4);
	srq->rlky = IFC_GET(srqc, c, rlky);
	srq->page_offset = log_page > 31 ? 0 : IFC_GET(srqc, c, page_offset) << (log_page - 6);
	if (srq->kind == FWSIM_SRQ_XRC) {
		srq->xrcd = IFC_GET(srqc, c, xrcd);
		srq->cqn = IFC_GET(srqc, c, cqn);
	}
	return log_page;
}

_Static_assert(IFC_BIT_OFF(srqc, dbr_addr) == IFC_BIT_OFF(xrc_srqc, db_record_addr_h) &&
	       IFC_BIT_OFF(srqc, pd) == IFC_BIT_OFF(xrc_srqc, pd) &&
	       IFC_BIT_OFF(srqc, log_page_size) == IFC_BIT_OFF(xrc_srqc, log_page_size) &&
	       IFC_BIT_OFF(srqc, page_offset) == IFC_BIT_OFF(xrc_srqc, page_offset) &&
	       IFC_BIT_OFF(srqc, lwm) == IFC_BIT_OFF(xrc_srqc, lwm) &&
	       IFC_BIT_OFF(srqc, log_rq_stride) == IFC_BIT_OFF(xrc_srqc, log_rq_stride),
	       "decode_srq() serves both");

enum ifc_status fwsim_srq_decode(struct fwsim_srq *srq)
{
	unsigned int log_page = srq->kind == FWSIM_SRQ_RMP ? decode_rmp(srq) : decode_srq(srq);

	if (log_page < 12 || log_page > 31 || srq->dbr % 8 ||
	    srq->log_stride < SRQ_MIN_LOG_STRIDE || srq->log_stride > SRQ_MAX_LOG_STRIDE ||
	    srq->log_size > SRQ_MAX_LOG_SIZE)
		return IFC_ST_BAD_PARAM;
	srq->buf.log_size = (uint8_t)log_page;
	if (srq->buf.addr && (uint64_t)srq->buf.n << log_page < fwsim_srq_ring_bytes(srq))
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

/* What the core cannot do; NULL if nothing. */
static const char *srq_unsupported(const struct fwsim_srq *srq)
{
	const uint8_t *wq = IFC_CPTR(rmpc, srq->ctx, wq);

	if (srq->kind == FWSIM_SRQ_RMP) {
		if (IFC_GET(rmpc, srq->ctx, basic_cyclic_rcv_wqe) ||
		    IFC_GET(wq, wq, wq_type) != RMP_WQ_LINKED_LIST)
			return "a ring that is no linked list";
		if (IFC_GET(wq, wq, wq_umem_valid) || IFC_GET(wq, wq, dbr_umem_valid))
			return "a umem";
		return IFC_GET(wq, wq, wq_signature) ? "wq_signature" : NULL;
	}
	if (srq->kind == FWSIM_SRQ_XRC) {
		if (IFC_GET(xrc_srqc, srq->ctx, basic_cyclic_rcv_wqe))
			return "a ring that is no linked list";
		if (IFC_GET(xrc_srqc, srq->ctx, dbr_umem_valid))
			return "a umem";
	}
	if (IFC_GET(srqc, srq->ctx, cont_srq))
		return "cont_srq";
	return IFC_GET(srqc, srq->ctx, wq_signature) ? "wq_signature" : NULL;
}

static enum ifc_status srq_fill(struct fwsim_cmd *cmd, struct fwsim_srq *srq, size_t pas_off)
{
	const char *what = srq_unsupported(srq);
	enum ifc_status st;

	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	st = fwsim_srq_decode(srq);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, SRQ_SYND_RING,
				    "2^%u WQEs of 2^%u bytes, doorbell record 0x%llx, or its page size are out of range",
				    srq->log_size, srq->log_stride, (unsigned long long)srq->dbr);
	st = fwsim_pas_decode(&srq->buf, cmd->in + pas_off,
			      cmd->in_len > pas_off ? (cmd->in_len - pas_off) / 8 : 0,
			      srq->buf.log_size, fwsim_srq_ring_bytes(srq));
	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, SRQ_SYND_PAS,
				    "the page list does not cover a ring of 0x%llx bytes",
				    (unsigned long long)fwsim_srq_ring_bytes(srq));
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, SRQ_SYND_MEMORY, "no memory for the page list");
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_SRQ, &srq->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, SRQ_SYND_REF, "no such %s (PD 0x%x, XRCD 0x%x, CQ 0x%x)",
				    what, srq->pd, srq->xrcd, srq->cqn);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, SRQ_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

/* The context is @len bytes at @ctx; the number goes to 0x8[23:0] of the output. */
static enum ifc_status srq_create(struct fwsim_cmd *cmd, enum fwsim_srq_kind kind,
				  const uint8_t *ctx, size_t len, size_t pas_off, uint32_t lwm)
{
	struct fwsim_srq *srq = calloc(1, sizeof(*srq));
	enum ifc_status st;

	if (!srq)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, SRQ_SYND_MEMORY, "no memory");
	srq->kind = (uint8_t)kind;
	srq->lwm = (uint16_t)lwm;
	memcpy(srq->ctx, ctx, len);
	st = srq_fill(cmd, srq, pas_off);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_SRQ, &srq->obj);
		return st;
	}
	IFC_SET(create_srq_out, cmd->out, srqn, srq->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_srq(struct fwsim_cmd *cmd)
{
	const uint8_t *c = IFC_CPTR(create_srq_in, cmd->in, srq_context_entry);

	return srq_create(cmd, FWSIM_SRQ_PLAIN, c, IFC_SZ(srqc), IFC_SZ(create_srq_in),
			  IFC_GET(srqc, c, lwm));
}

enum ifc_status fwsim_cmd_create_xrc_srq(struct fwsim_cmd *cmd)
{
	const uint8_t *c = IFC_CPTR(create_xrc_srq_in, cmd->in, xrc_srq_context_entry);

	if (IFC_GET(create_xrc_srq_in, cmd->in, xrc_srq_umem_valid))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_UNSUPPORTED,
				    "a umem is not supported");
	return srq_create(cmd, FWSIM_SRQ_XRC, c, IFC_SZ(xrc_srqc), IFC_SZ(create_xrc_srq_in),
			  IFC_GET(xrc_srqc, c, lwm));
}

enum ifc_status fwsim_cmd_create_rmp(struct fwsim_cmd *cmd)
{
	const uint8_t *c = IFC_CPTR(create_rmp_in, cmd->in, ctx);

	if (IFC_GET(rmpc, c, state) != RMP_STATE_RDY)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_PARAM,
				    "an RMP is made in RDY (1), not in %u", IFC_GET(rmpc, c, state));
	return srq_create(cmd, FWSIM_SRQ_RMP, c, IFC_SZ(rmpc), IFC_SZ(create_rmp_in),
			  IFC_GET(rmpc, c, wq.lwm));
}

/* ---- the others ---------------------------------------------------------------------------- */

/* All these inputs have the number at 0x8[23:0]. */
static enum ifc_status srq_find(struct fwsim_cmd *cmd, enum fwsim_srq_kind kind,
				struct fwsim_srq **srq)
{
	uint32_t id = IFC_GET(query_srq_in, cmd->in, srqn);

	*srq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_SRQ], id);
	if (!*srq || (*srq)->kind != kind)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, SRQ_SYND_NONE, "no %s 0x%x",
				    srq_kind_name[kind], id);
	return IFC_ST_OK;
}

static enum ifc_status srq_destroy(struct fwsim_cmd *cmd, enum fwsim_srq_kind kind)
{
	struct fwsim_srq *srq;
	struct fwsim_qp *qp;
	enum ifc_status st = srq_find(cmd, kind, &srq);

	if (st != IFC_ST_OK)
		return st;
	if (srq->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, SRQ_SYND_BUSY, "%s 0x%x has %u users",
				    srq_kind_name[kind], srq->obj.id, srq->obj.refs);
	/* an XRC target is no user: what it has taken goes with the queue */
	fwsim_table_for_each(&cmd->vhca->obj[FWSIM_OBJ_QP], qp)
		if (qp->srq_taken == srq->obj.id)
			qp->srq_taken = 0;
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_SRQ, &srq->obj);
	return IFC_ST_OK;
}

/* 0 switches the event off. */
static enum ifc_status srq_arm(struct fwsim_cmd *cmd, struct fwsim_srq *srq, uint32_t lwm)
{
	if (lwm >= 1u << srq->log_size)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_PARAM,
				    "a limit of %u, the queue holds less than %u", lwm,
				    1u << srq->log_size);
	srq->lwm = (uint16_t)lwm;
	fwsim_srq_check_limit(cmd->vhca, srq);
	return IFC_ST_OK;
}

/* Counters and limit are the only fields that are not as the driver gave them. */
static void srq_show(const struct fwsim_srq *srq, uint8_t *c)
{
	memcpy(c, srq->ctx, IFC_SZ(srqc));
	IFC_SET(srqc, c, state, srq->error ? SRQ_STATE_ERROR : 0);
	IFC_SET(srqc, c, lwm, srq->lwm);
	IFC_SET(srqc, c, wqe_cnt, srq->ci);
}

enum ifc_status fwsim_cmd_query_srq(struct fwsim_cmd *cmd)
{
	struct fwsim_srq *srq;
	enum ifc_status st = srq_find(cmd, FWSIM_SRQ_PLAIN, &srq);

	if (st == IFC_ST_OK)
		srq_show(srq, IFC_PTR(query_srq_out, cmd->out, srq_context_entry));
	return st;
}

enum ifc_status fwsim_cmd_query_xrc_srq(struct fwsim_cmd *cmd)
{
	struct fwsim_srq *srq;
	enum ifc_status st = srq_find(cmd, FWSIM_SRQ_XRC, &srq);

	if (st == IFC_ST_OK)
		srq_show(srq, IFC_PTR(query_xrc_srq_out, cmd->out, xrc_srq_context_entry));
	return st;
}

enum ifc_status fwsim_cmd_query_rmp(struct fwsim_cmd *cmd)
{
	uint8_t *c = IFC_PTR(query_rmp_out, cmd->out, rmp_context);
	struct fwsim_srq *srq;
	enum ifc_status st = srq_find(cmd, FWSIM_SRQ_RMP, &srq);

	if (st != IFC_ST_OK)
		return st;
	memcpy(c, srq->ctx, IFC_SZ(rmpc));
	IFC_SET(rmpc, c, state, srq->error ? RMP_STATE_ERR : RMP_STATE_RDY);
	IFC_SET(rmpc, c, wq.lwm, srq->lwm);
	IFC_SET(rmpc, c, wq.hw_counter, srq->ci);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_srq(struct fwsim_cmd *cmd)
{
	return srq_destroy(cmd, FWSIM_SRQ_PLAIN);
}

enum ifc_status fwsim_cmd_destroy_xrc_srq(struct fwsim_cmd *cmd)
{
	return srq_destroy(cmd, FWSIM_SRQ_XRC);
}

enum ifc_status fwsim_cmd_destroy_rmp(struct fwsim_cmd *cmd)
{
	return srq_destroy(cmd, FWSIM_SRQ_RMP);
}

static enum ifc_status arm_by(struct fwsim_cmd *cmd, enum fwsim_srq_kind kind)
{
	struct fwsim_srq *srq;
	enum ifc_status st;

	if (cmd->op_mod != ARM_SRQ)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_UNSUPPORTED,
				    "op_mod %u is not supported, only %u", cmd->op_mod, ARM_SRQ);
	st = srq_find(cmd, kind, &srq);
	return st == IFC_ST_OK ? srq_arm(cmd, srq, IFC_GET(arm_rq_in, cmd->in, lwm)) : st;
}

enum ifc_status fwsim_cmd_arm_rq(struct fwsim_cmd *cmd)
{
	return arm_by(cmd, FWSIM_SRQ_PLAIN);
}

enum ifc_status fwsim_cmd_arm_xrc_srq(struct fwsim_cmd *cmd)
{
	return arm_by(cmd, FWSIM_SRQ_XRC);
}

/* ARM_RMP is a MODIFY_RMP that changes the limit. */
enum ifc_status fwsim_cmd_modify_rmp(struct fwsim_cmd *cmd)
{
	const uint8_t *c = IFC_CPTR(modify_rmp_in, cmd->in, ctx);
	struct fwsim_srq *srq;
	enum ifc_status st = srq_find(cmd, FWSIM_SRQ_RMP, &srq);

	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(modify_rmp_in, cmd->in, rmp_state) != RMP_STATE_RDY ||
	    IFC_GET(rmpc, c, state) != RMP_STATE_RDY)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, SRQ_SYND_PARAM,
				    "an RMP stays in RDY (1)");
	if (!IFC_GET(modify_rmp_in, cmd->in, bitmask.lwm))
		return IFC_ST_OK;
	return srq_arm(cmd, srq, IFC_GET(rmpc, c, wq.lwm));
}
