// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Send and receive queues of the Ethernet side as the driver's commands see them: CREATE, MODIFY, QUERY,
 * DESTROY. eth_tx.c and eth_rx.c move the data.
 *
 *	RST -> RDY	counters start from zero
 *	RDY -> RDY	only what modify_bitmask names changes
 *	any -> ERR	what is posted is completed with flush errors, if flush_in_error_en
 *	any -> RST	nothing is completed
 */
#include "eth.h"

enum wq_synd {
	WQ_SYND_UNSUPPORTED = 0x900001,
	WQ_SYND_RING = 0x900002,
	WQ_SYND_PAS = 0x900003,
	WQ_SYND_REF = 0x900004,
	WQ_SYND_NONE = 0x900005,
	WQ_SYND_BUSY = 0x900006,
	WQ_SYND_MEMORY = 0x900007,
	WQ_SYND_STATE = 0x900008,
	WQ_SYND_PARAM = 0x900009,
};

#define WQ_LOG_PAGE_BASE 12
#define WQ_LOG_BB 6	     /* an SQ counts in units of 64 bytes */
#define WQ_LOG_MIN_STRIDE 4  /* one data segment */
#define WQ_LOG_MIN_LINKED 5  /* and a link before it */
#define WQ_LOG_MAX_STRIDE 9  /* max_wqe_sz_rq */
#define WQ_LOG_MIN_STRIDES 3 /* of a striding WQE */
#define WQ_LOG_STRIDES_BASE 9	   /* log_wqe_num_of_strides counts from here, */
#define WQ_LOG_STRIDE_BYTES_BASE 6 /* log_wqe_stride_size from here */
#define WQ_LOG_MAX_WQE 24	   /* most data that one striding WQE takes */

#define RQ_INLINE 0 /* rqc.mem_rq_type: a ring of its own */

static const char *const wq_state_name[] = {
	[FWSIM_WQ_RST] = "RST", [FWSIM_WQ_RDY] = "RDY", [2] = "2", [FWSIM_WQ_ERR] = "ERR",
};

/* ---- rings ---------------------------------------------------------------------------------- */

uint64_t fwsim_wq_bytes(const struct fwsim_wq *wq)
{
	return wq->page_offset + (1ULL << (wq->log_stride + wq->log_size));
}

enum ifc_status fwsim_wq_decode(struct fwsim_wq *wq, const uint8_t *ctx)
{
	unsigned int log_page = IFC_GET(wq, ctx, log_wq_pg_sz) + WQ_LOG_PAGE_BASE;

	wq->type = (uint8_t)IFC_GET(wq, ctx, wq_type);
	wq->pd = IFC_GET(wq, ctx, pd);
	wq->uar = IFC_GET(wq, ctx, uar_page);
	wq->dbr = IFC_GET64(wq, ctx, dbr_addr);
	wq->log_stride = (uint8_t)IFC_GET(wq, ctx, log_wq_stride);
	wq->log_size = (uint8_t)IFC_GET(wq, ctx, log_wq_sz);
	/* four bits with a sign (ext_stride_num_range) */
	wq->log_strides = (uint8_t)((int)(IFC_GET(wq, ctx, log_wqe_num_of_strides) ^ 8) - 8 +
				    WQ_LOG_STRIDES_BASE);
	wq->log_stride_bytes =
		(uint8_t)(IFC_GET(wq, ctx, log_wqe_stride_size) + WQ_LOG_STRIDE_BYTES_BASE);
	if (wq->type > FWSIM_WQ_CYCLIC_STRIDING || wq->log_size > FWSIM_LOG_WQ_SIZE || log_page > 31 ||
	    wq->dbr % 8)
		return IFC_ST_BAD_PARAM;
	if (wq->log_stride < WQ_LOG_MIN_STRIDE || wq->log_stride > WQ_LOG_MAX_STRIDE)
		return IFC_ST_BAD_PARAM;
	if (fwsim_wq_striding(wq) &&
	    (wq->log_strides < WQ_LOG_MIN_STRIDES || wq->log_stride < WQ_LOG_MIN_LINKED ||
	     wq->log_strides + wq->log_stride_bytes > WQ_LOG_MAX_WQE))
		return IFC_ST_BAD_PARAM;
	/* page_offset counts in 1/64 of the page size */
	wq->page_offset = IFC_GET(wq, ctx, page_offset) << (log_page - 6);
	wq->buf.log_size = (uint8_t)log_page;
	if (wq->buf.addr && (uint64_t)wq->buf.n << log_page < fwsim_wq_bytes(wq))
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

enum ifc_status fwsim_sq_decode(struct fwsim_sq *sq)
{
	const uint8_t *sqc = sq->ctx;

	sq->cqn = IFC_GET(sqc, sqc, cqn);
	sq->tisn = IFC_GET(sqc, sqc, tis_lst_sz) ? IFC_GET(sqc, sqc, tis_num_0) : 0;
	if (IFC_GET(sqc, sqc, tis_lst_sz) > 1 || (IFC_GET(sqc, sqc, tis_lst_sz) && !sq->tisn))
		return IFC_ST_BAD_PARAM;
	if (fwsim_wq_decode(&sq->wq, IFC_CPTR(sqc, sqc, wq)) != IFC_ST_OK)
		return IFC_ST_BAD_PARAM;
	return sq->wq.type == FWSIM_WQ_CYCLIC && sq->wq.log_stride == WQ_LOG_BB ? IFC_ST_OK :
									   IFC_ST_BAD_PARAM;
}

enum ifc_status fwsim_rq_decode(struct fwsim_rq *rq)
{
	const uint8_t *rqc = rq->ctx;

	rq->cqn = IFC_GET(rqc, rqc, cqn);
	rq->counter_set = (uint8_t)IFC_GET(rqc, rqc, counter_set_id);
	rq->vsd = IFC_GET(rqc, rqc, vsd);
	if (IFC_GET(rqc, rqc, mem_rq_type) != RQ_INLINE)
		return IFC_ST_BAD_PARAM;
	if (fwsim_wq_decode(&rq->wq, IFC_CPTR(rqc, rqc, wq)) != IFC_ST_OK)
		return IFC_ST_BAD_PARAM;
	return rq->wq.type == FWSIM_WQ_LIST ? IFC_ST_BAD_PARAM : IFC_ST_OK;
}

/* What the core cannot do of a ring; NULL if nothing. */
static const char *wq_unsupported(const uint8_t *wq)
{
	if (IFC_GET(wq, wq, wq_signature))
		return "a signature per WQE (wq_signature)";
	if (IFC_GET(wq, wq, cd_slave))
		return "cross-channel (cd_slave)";
	if (IFC_GET(wq, wq, wq_umem_valid))
		return "a ring in a umem";
	if (IFC_GET(wq, wq, dbr_umem_valid))
		return "a doorbell record in a umem";
	if (IFC_GET(wq, wq, shampo_enable))
		return "a split of headers (shampo_enable)";
	return NULL;
}

static const char *sq_unsupported(const uint8_t *sqc)
{
	if (IFC_GET(sqc, sqc, cd_master))
		return "cross-channel (cd_master)";
	if (IFC_GET(sqc, sqc, hairpin))
		return "a hairpin";
	if (IFC_GET(sqc, sqc, allow_swp))
		return "parsing by software (allow_swp)";
	if (IFC_GET(sqc, sqc, packet_pacing_rate_limit_index))
		return "packet pacing";
	if (IFC_GET(sqc, sqc, qos_queue_group_id))
		return "a QoS queue group";
	if (IFC_GET(sqc, sqc, ts_cqe_to_dest_cqn))
		return "time stamps to another CQ (ts_cqe_to_dest_cqn)";
	return wq_unsupported(IFC_CPTR(sqc, sqc, wq));
}

static const char *rq_unsupported(const struct fwsim *fw, const uint8_t *rqc)
{
	if (IFC_GET(rqc, rqc, mem_rq_type) != RQ_INLINE)
		return "receive buffers of another object (mem_rq_type)";
	if (IFC_GET(rqc, rqc, hairpin))
		return "a hairpin";
	if (IFC_GET(rqc, rqc, scatter_fcs))
		return "the FCS in the buffer (scatter_fcs)";
	if (IFC_GET(rqc, rqc, delay_drop_en))
		return "a delayed drop (delay_drop_en)";
	if (IFC_GET(rqc, rqc, wq.wq_type) == FWSIM_WQ_LIST)
		return "a list of WQEs of one message each (wq_type)";
	if (fw->cfg.no_striding_rq && IFC_GET(rqc, rqc, wq.wq_type) != FWSIM_WQ_CYCLIC)
		return "a striding RQ (wq_type)";
	if (IFC_GET(rqc, rqc, wq.two_byte_shift_en))
		return "a shift by two bytes (two_byte_shift_en)";
	return wq_unsupported(IFC_CPTR(rqc, rqc, wq));
}

/* ---- creation ------------------------------------------------------------------------------- */

/* The page list at byte @off of the input. */
static enum ifc_status wq_take_pas(struct fwsim_cmd *cmd, struct fwsim_wq *wq, size_t off)
{
	enum ifc_status st = fwsim_pas_decode(&wq->buf, cmd->in + off,
					      cmd->in_len > off ? (cmd->in_len - off) / 8 : 0,
					      wq->buf.log_size, fwsim_wq_bytes(wq));

	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, WQ_SYND_PAS,
				    "the page list does not cover a ring of 0x%llx bytes",
				    (unsigned long long)fwsim_wq_bytes(wq));
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, WQ_SYND_MEMORY, "no memory for the page list");
	return IFC_ST_OK;
}

static enum ifc_status wq_bad_ring(struct fwsim_cmd *cmd, const struct fwsim_wq *wq)
{
	return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_RING,
			    "type %u, 2^%u WQEs of 2^%u bytes, page size code %u, doorbell record "
			    "0x%llx is no ring",
			    wq->type, wq->log_size, wq->log_stride, wq->buf.log_size,
			    (unsigned long long)wq->dbr);
}

static enum ifc_status sq_fill(struct fwsim_cmd *cmd, struct fwsim_sq *sq)
{
	const char *what;
	enum ifc_status st;

	memcpy(sq->ctx, IFC_CPTR(create_sq_in, cmd->in, ctx), sizeof(sq->ctx));
	what = sq_unsupported(sq->ctx);
	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	if (IFC_GET(sqc, sq->ctx, state) != FWSIM_WQ_RST)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_STATE,
				    "a new SQ is in RST, not in state %u",
				    IFC_GET(sqc, sq->ctx, state));
	if (IFC_GET(sqc, sq->ctx, tis_lst_sz) > 1 ||
	    (IFC_GET(sqc, sq->ctx, tis_lst_sz) && !IFC_GET(sqc, sq->ctx, tis_num_0)))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_PARAM,
				    "a list of %u TISes, the first is 0x%x",
				    IFC_GET(sqc, sq->ctx, tis_lst_sz),
				    IFC_GET(sqc, sq->ctx, tis_num_0));
	st = fwsim_sq_decode(sq);
	if (st != IFC_ST_OK)
		return wq_bad_ring(cmd, &sq->wq);
	st = wq_take_pas(cmd, &sq->wq, IFC_SZ(create_sq_in));
	if (st != IFC_ST_OK)
		return st;
	fwsim_obj_own(cmd->vhca, FWSIM_OBJ_SQ, &sq->obj);
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_SQ, &sq->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, WQ_SYND_REF,
				    "no such %s (PD 0x%x, UAR 0x%x, CQ 0x%x, TIS 0x%x)", what,
				    sq->wq.pd, sq->wq.uar, sq->cqn, sq->tisn);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, WQ_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_sq(struct fwsim_cmd *cmd)
{
	struct fwsim_sq *sq = calloc(1, sizeof(*sq));
	enum ifc_status st;

	if (!sq)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, WQ_SYND_MEMORY, "no memory");
	st = sq_fill(cmd, sq);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_SQ, &sq->obj);
		return st;
	}
	IFC_SET(create_sq_out, cmd->out, sqn, sq->obj.id);
	return IFC_ST_OK;
}

static enum ifc_status rq_fill(struct fwsim_cmd *cmd, struct fwsim_rq *rq)
{
	const char *what;
	enum ifc_status st;

	memcpy(rq->ctx, IFC_CPTR(create_rq_in, cmd->in, ctx), sizeof(rq->ctx));
	what = rq_unsupported(cmd->fw, rq->ctx);
	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	if (IFC_GET(rqc, rq->ctx, state) != FWSIM_WQ_RST)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_STATE,
				    "a new RQ is in RST, not in state %u",
				    IFC_GET(rqc, rq->ctx, state));
	st = fwsim_rq_decode(rq);
	if (st != IFC_ST_OK)
		return wq_bad_ring(cmd, &rq->wq);
	st = wq_take_pas(cmd, &rq->wq, IFC_SZ(create_rq_in));
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_RQ, &rq->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, WQ_SYND_REF,
				    "no such %s (PD 0x%x, CQ 0x%x, Q counter %u)", what, rq->wq.pd,
				    rq->cqn, rq->counter_set);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, WQ_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_rq(struct fwsim_cmd *cmd)
{
	struct fwsim_rq *rq = calloc(1, sizeof(*rq));
	enum ifc_status st;

	if (!rq)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, WQ_SYND_MEMORY, "no memory");
	st = rq_fill(cmd, rq);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_RQ, &rq->obj);
		return st;
	}
	IFC_SET(create_rq_out, cmd->out, rqn, rq->obj.id);
	return IFC_ST_OK;
}

/* ---- states --------------------------------------------------------------------------------- */

static enum ifc_status wq_find(struct fwsim_cmd *cmd, enum fwsim_obj_type type, const char *name,
			       uint32_t id, void *p)
{
	struct fwsim_obj *obj = fwsim_table_get(&cmd->vhca->obj[type], id);

	*(void **)p = obj;
	if (!obj)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, WQ_SYND_NONE, "no %s 0x%x", name, id);
	return IFC_ST_OK;
}

/* May a queue in @state, of which the driver believes that it is in @from, go to @to? */
static enum ifc_status wq_check_move(struct fwsim_cmd *cmd, const char *name, uint32_t id,
				     unsigned int state, unsigned int from, unsigned int to)
{
	if (from != state)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, WQ_SYND_STATE,
				    "%s 0x%x is in state %s, the command says %u", name, id,
				    wq_state_name[state], from);
	if (to > FWSIM_WQ_ERR || to == 2)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_STATE, "no state %u", to);
	if (to == FWSIM_WQ_RDY && state == FWSIM_WQ_ERR)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, WQ_SYND_STATE,
				    "%s 0x%x goes from ERR to RST first", name, id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_modify_sq(struct fwsim_cmd *cmd)
{
	uint64_t select = IFC_GET64(modify_sq_in, cmd->in, modify_bitmask);
	uint32_t to = IFC_GET(modify_sq_in, cmd->in, ctx.state);
	uint32_t id = IFC_GET(modify_sq_in, cmd->in, sqn);
	struct fwsim_sq *sq;
	enum ifc_status st = wq_find(cmd, FWSIM_OBJ_SQ, "SQ", id, &sq);

	if (st != IFC_ST_OK)
		return st;
	st = wq_check_move(cmd, "SQ", id, sq->state, IFC_GET(modify_sq_in, cmd->in, sq_state), to);
	if (st != IFC_ST_OK)
		return st;
	if (select)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_PARAM,
				    "modify_bitmask 0x%llx is not supported",
				    (unsigned long long)select);
	if (to == FWSIM_WQ_RST) {
		fwsim_sq_unschedule(sq);
		sq->ci = 0;
		sq->pi = 0;
		sq->db_pending = false;
	}
	if (to != sq->state && to != FWSIM_WQ_RST)
		sq->db_pending = true; /* its counter may have moved before */
	sq->state = (uint8_t)to;
	if (sq->db_pending)
		fwsim_sq_schedule(sq);
	return IFC_ST_OK;
}

#define RQ_MODIFY_VSD (1u << 1)
#define RQ_MODIFY_COUNTER_SET (1u << 3)

enum ifc_status fwsim_cmd_modify_rq(struct fwsim_cmd *cmd)
{
	uint64_t select = IFC_GET64(modify_rq_in, cmd->in, modify_bitmask);
	uint32_t set = IFC_GET(modify_rq_in, cmd->in, ctx.counter_set_id);
	uint32_t to = IFC_GET(modify_rq_in, cmd->in, ctx.state);
	uint32_t id = IFC_GET(modify_rq_in, cmd->in, rqn);
	struct fwsim_vhca *v = cmd->vhca;
	struct fwsim_rq *rq;
	enum ifc_status st = wq_find(cmd, FWSIM_OBJ_RQ, "RQ", id, &rq);

	if (st != IFC_ST_OK)
		return st;
	st = wq_check_move(cmd, "RQ", id, rq->state, IFC_GET(modify_rq_in, cmd->in, rq_state), to);
	if (st != IFC_ST_OK)
		return st;
	if (select & ~(uint64_t)(RQ_MODIFY_VSD | RQ_MODIFY_COUNTER_SET))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, WQ_SYND_PARAM,
				    "modify_bitmask 0x%llx is not supported",
				    (unsigned long long)select);
	if (select & RQ_MODIFY_COUNTER_SET) {
		if (set && !fwsim_table_get(&v->obj[FWSIM_OBJ_Q_COUNTER], set))
			return fwsim_refuse(cmd, IFC_ST_BAD_RES, WQ_SYND_REF, "no Q counter %u", set);
		fwsim_obj_unlink(v, FWSIM_OBJ_RQ, &rq->obj);
		rq->counter_set = (uint8_t)set;
		IFC_SET(rqc, rq->ctx, counter_set_id, set);
		fwsim_obj_link(v, FWSIM_OBJ_RQ, &rq->obj, &(const char *){ NULL }); /* all is there */
	}
	if (select & RQ_MODIFY_VSD) {
		rq->vsd = IFC_GET(modify_rq_in, cmd->in, ctx.vsd);
		IFC_SET(rqc, rq->ctx, vsd, rq->vsd);
	}
	if (to == FWSIM_WQ_RST) {
		rq->ci = 0;
		rq->posted = 0;
		rq->wqe = 0;
		rq->stride = 0;
		rq->fetched = false;
	}
	if (to == FWSIM_WQ_ERR && rq->state == FWSIM_WQ_RDY)
		fwsim_rq_to_err(v, rq);
	rq->state = (uint8_t)to;
	return IFC_ST_OK;
}

/* ---- query, destroy ------------------------------------------------------------------------- */

enum ifc_status fwsim_cmd_query_sq(struct fwsim_cmd *cmd)
{
	uint8_t *sqc = IFC_PTR(query_sq_out, cmd->out, sq_context);
	struct fwsim_sq *sq;
	enum ifc_status st = wq_find(cmd, FWSIM_OBJ_SQ, "SQ", IFC_GET(query_sq_in, cmd->in, sqn), &sq);

	if (st != IFC_ST_OK)
		return st;
	memcpy(sqc, sq->ctx, sizeof(sq->ctx));
	IFC_SET(sqc, sqc, state, sq->state);
	IFC_SET(sqc, sqc, wq.hw_counter, sq->ci);
	IFC_SET(sqc, sqc, wq.sw_counter, sq->pi);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_rq(struct fwsim_cmd *cmd)
{
	uint8_t *rqc = IFC_PTR(query_rq_out, cmd->out, rq_context);
	struct fwsim_rq *rq;
	enum ifc_status st = wq_find(cmd, FWSIM_OBJ_RQ, "RQ", IFC_GET(query_rq_in, cmd->in, rqn), &rq);

	if (st != IFC_ST_OK)
		return st;
	memcpy(rqc, rq->ctx, sizeof(rq->ctx));
	IFC_SET(rqc, rqc, state, rq->state);
	IFC_SET(rqc, rqc, wq.hw_counter, rq->ci);
	return IFC_ST_OK;
}

static enum ifc_status wq_destroy(struct fwsim_cmd *cmd, enum fwsim_obj_type type, const char *name,
				  uint32_t id)
{
	struct fwsim_obj *obj;
	enum ifc_status st = wq_find(cmd, type, name, id, &obj);

	if (st != IFC_ST_OK)
		return st;
	if (obj->refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, WQ_SYND_BUSY, "%s 0x%x has %u users", name,
				    id, obj->refs);
	fwsim_obj_destroy(cmd->vhca, type, obj);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_sq(struct fwsim_cmd *cmd)
{
	return wq_destroy(cmd, FWSIM_OBJ_SQ, "SQ", IFC_GET(destroy_sq_in, cmd->in, sqn));
}

enum ifc_status fwsim_cmd_destroy_rq(struct fwsim_cmd *cmd)
{
	return wq_destroy(cmd, FWSIM_OBJ_RQ, "RQ", IFC_GET(destroy_rq_in, cmd->in, rqn));
}
