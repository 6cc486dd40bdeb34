// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CREATE/QUERY/MODIFY/DESTROY_CQ. What is written into a CQ, and when it makes an event, is event.c's.
 */
#include "umem.h"

enum cq_synd {
	CQ_SYND_SIZE = 0x400001,
	CQ_SYND_UNSUPPORTED = 0x400002,
	CQ_SYND_PAS = 0x400003,
	CQ_SYND_REF = 0x400004,
	CQ_SYND_NONE = 0x400005,
	CQ_SYND_BUSY = 0x400006,
	CQ_SYND_MEMORY = 0x400007,
	CQ_SYND_STATE = 0x400008,
	CQ_SYND_ROOM = 0x400009,
};

#define CQ_MAX_LOG_SIZE 22
#define CQE_SIZE 64u

/* cqc.st and cqc.status as QUERY_CQ shows them. */
#define CQ_ST_ARMED_SOLICITED 0x6
#define CQ_ST_ARMED 0x9
#define CQ_ST_FIRED 0xa
#define CQ_STATUS_OVERFLOW 0x9

/* MODIFY_CQ field select. */
#define CQ_MODIFY_PERIOD 1u
#define CQ_MODIFY_MAX_COUNT 2u
#define CQ_MODIFY_OVERRUN 4u
#define CQ_MODIFY_PERIOD_MODE 0x10u
#define CQ_OP_RESIZE 1
#define CQ_RESIZE_LOG_SIZE 1u
#define CQ_RESIZE_PAGE_OFFSET 2u
#define CQ_RESIZE_PAGE_SIZE 4u
#define CQ_RESIZE_ALL (CQ_RESIZE_LOG_SIZE | CQ_RESIZE_PAGE_OFFSET | CQ_RESIZE_PAGE_SIZE)

enum ifc_status fwsim_cq_decode(struct fwsim_cq *cq)
{
	const uint8_t *cqc = cq->ctx;
	unsigned int log_page = IFC_GET(cqc, cqc, log_page_size) + 12;

	cq->log_size = (uint8_t)IFC_GET(cqc, cqc, log_cq_size);
	cq->uar = IFC_GET(cqc, cqc, uar_page);
	cq->eqn = IFC_GET(cqc, cqc, c_eqn_or_apu_element);
	cq->dbr = IFC_GET64(cqc, cqc, dbr_addr);
	if (cq->log_size > CQ_MAX_LOG_SIZE || log_page > 31 || cq->dbr % 8)
		return IFC_ST_BAD_PARAM;
	/* page_offset counts in 1/64 of the page size */
	cq->page_offset = IFC_GET(cqc, cqc, page_offset) << (log_page - 6);
	cq->buf.log_size = (uint8_t)log_page;
	if (cq->buf.addr && (uint64_t)cq->buf.n << log_page <
				    cq->page_offset + ((uint64_t)CQE_SIZE << cq->log_size))
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

/* What the core cannot do; NULL if nothing. */
static const char *cq_unsupported(const uint8_t *cqc)
{
	if (IFC_GET(cqc, cqc, cqe_sz))
		return "an entry size other than 64 bytes (cqe_sz)";
	if (IFC_GET(cqc, cqc, cqe_comp_en))
		return "compression (cqe_comp_en)";
	if (IFC_GET(cqc, cqc, cc))
		return "a collapsed CQ (cc)";
	if (IFC_GET(cqc, cqc, apu_cq))
		return "an APU CQ";
	return NULL;
}

/* Of CREATE_CQ: offset and number of the umem of the ring. Of the context: number of that of the record. */
#define CQ_IN_UMEM_OFFSET 0x50
#define CQ_IN_UMEM_ID 0x58
#define CQC_DBR_UMEM_ID 0x4

/* A doorbell record in a umem: the context gets its address, as of any other. */
static enum ifc_status cq_take_dbr(struct fwsim_cmd *cmd, struct fwsim_cq *cq)
{
	uint64_t addr;
	enum ifc_status st;

	if (!IFC_GET(cqc, cq->ctx, dbr_umem_valid))
		return IFC_ST_OK;
	cq->umem[FWSIM_UMEM_DBR] = ifc_ld32(cq->ctx + CQC_DBR_UMEM_ID);
	st = fwsim_umem_dbr(cmd, cq->umem[FWSIM_UMEM_DBR], IFC_GET64(cqc, cq->ctx, dbr_addr), &addr);
	if (st != IFC_ST_OK)
		return st;
	IFC_SET64(cqc, cq->ctx, dbr_addr, addr);
	IFC_SET(cqc, cq->ctx, dbr_umem_valid, 0);
	ifc_st32(cq->ctx + CQC_DBR_UMEM_ID, 0);
	return IFC_ST_OK;
}

/* The page list at byte @off of the input. */
static enum ifc_status cq_take_pas(struct fwsim_cmd *cmd, struct fwsim_cq *cq, size_t off)
{
	enum ifc_status st = fwsim_pas_decode(&cq->buf, cmd->in + off,
					      cmd->in_len > off ? (cmd->in_len - off) / 8 : 0,
					      cq->buf.log_size,
					      cq->page_offset + ((uint64_t)CQE_SIZE << cq->log_size));

	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, CQ_SYND_PAS,
				    "the page list does not cover 2^%u entries", cq->log_size);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, CQ_SYND_MEMORY, "no memory for the page list");
	return IFC_ST_OK;
}

static enum ifc_status cq_take_ring(struct fwsim_cmd *cmd, struct fwsim_cq *cq)
{
	uint64_t need = cq->page_offset + ((uint64_t)CQE_SIZE << cq->log_size);

	if (!IFC_GET(create_cq_in, cmd->in, cq_umem_valid))
		return cq_take_pas(cmd, cq, IFC_SZ(create_cq_in));
	cq->umem[FWSIM_UMEM_RING] = ifc_ld32(cmd->in + CQ_IN_UMEM_ID);
	return fwsim_umem_ring(cmd, cq->umem[FWSIM_UMEM_RING], ifc_ld64(cmd->in + CQ_IN_UMEM_OFFSET), need,
			       &cq->buf);
}

static enum ifc_status cq_fill(struct fwsim_cmd *cmd, struct fwsim_cq *cq)
{
	const char *what;
	enum ifc_status st;

	memcpy(cq->ctx, IFC_CPTR(create_cq_in, cmd->in, cq_context), sizeof(cq->ctx));
	what = cq_unsupported(cq->ctx);
	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CQ_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	st = cq_take_dbr(cmd, cq);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_cq_decode(cq);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, CQ_SYND_SIZE,
				    "log_cq_size %u, log_page_size %u, doorbell record 0x%llx is no ring",
				    cq->log_size, IFC_GET(cqc, cq->ctx, log_page_size),
				    (unsigned long long)cq->dbr);
	st = cq_take_ring(cmd, cq);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_CQ, &cq->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, CQ_SYND_REF, "no such %s (UAR 0x%x, EQ %u)", what,
				    cq->uar, cq->eqn);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, CQ_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_cq(struct fwsim_cmd *cmd)
{
	struct fwsim_cq *cq = calloc(1, sizeof(*cq));
	enum ifc_status st;

	if (!cq)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, CQ_SYND_MEMORY, "no memory");
	st = cq_fill(cmd, cq);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_CQ, &cq->obj);
		return st;
	}
	IFC_SET(create_cq_out, cmd->out, cqn, cq->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_cq(struct fwsim_cmd *cmd)
{
	static const uint8_t st[] = {
		[FWSIM_ARM_NONE] = CQ_ST_FIRED,
		[FWSIM_ARM_NEXT] = CQ_ST_ARMED,
		[FWSIM_ARM_SOLICITED] = CQ_ST_ARMED_SOLICITED,
	};
	uint32_t id = IFC_GET(query_cq_in, cmd->in, cqn);
	struct fwsim_cq *cq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_CQ], id);
	uint8_t *cqc = IFC_PTR(query_cq_out, cmd->out, cq_context);

	if (!cq)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, CQ_SYND_NONE, "no CQ 0x%x", id);
	memcpy(cqc, cq->ctx, sizeof(cq->ctx));
	IFC_SET(cqc, cqc, status, cq->error ? CQ_STATUS_OVERFLOW : 0);
	IFC_SET(cqc, cqc, st, st[cq->arm]);
	IFC_SET(cqc, cqc, last_notified_index, cq->last_notified);
	IFC_SET(cqc, cqc, last_solicit_index, cq->last_solicited);
	IFC_SET(cqc, cqc, consumer_counter, cq->ci);
	IFC_SET(cqc, cqc, producer_counter, cq->pi);
	return IFC_ST_OK;
}

/* @cq, with the ring that the command describes in its place. */
static enum ifc_status cq_next_ring(struct fwsim_cmd *cmd, const struct fwsim_cq *cq, struct fwsim_cq *next)
{
	const uint8_t *in = IFC_CPTR(modify_cq_in, cmd->in, cq_context);
	uint32_t select = ifc_ld32(
		IFC_CPTR(modify_cq_in, cmd->in, modify_field_select_resize_field_select));
	const char *what = IFC_GET(modify_cq_in, cmd->in, cq_umem_valid) ? "a ring in a umem" :
								      cq_unsupported(in);

	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CQ_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	if (select != CQ_RESIZE_ALL)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CQ_SYND_UNSUPPORTED,
				    "resize field select 0x%x: size, page offset and page size go together",
				    select);
	*next = *cq;
	next->buf = (struct fwsim_pas){ 0 };
	IFC_SET(cqc, next->ctx, log_cq_size, IFC_GET(cqc, in, log_cq_size));
	IFC_SET(cqc, next->ctx, page_offset, IFC_GET(cqc, in, page_offset));
	IFC_SET(cqc, next->ctx, log_page_size, IFC_GET(cqc, in, log_page_size));
	if (fwsim_cq_decode(next) != IFC_ST_OK)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CQ_SYND_SIZE,
				    "log_cq_size %u, log_page_size %u is no ring", next->log_size,
				    IFC_GET(cqc, in, log_page_size));
	return cq_take_pas(cmd, next, IFC_SZ(modify_cq_in));
}

static enum ifc_status cq_change_ring(struct fwsim_cmd *cmd, struct fwsim_cq *cq, struct fwsim_cq *next)
{
	struct fwsim_vhca *v = cmd->vhca;
	const char *what;
	bool full;

	if (v->pas_used - cq->buf.n > FWSIM_MAX_PAS - next->buf.n)
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, CQ_SYND_MEMORY, "no more room for a page list");
	if (!IFC_GET(cqc, cq->ctx, oi) && fwsim_cq_used(v, cq) >= 1u << next->log_size)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, CQ_SYND_ROOM,
				    "CQ 0x%x holds %u entries, which do not fit into 2^%u", cq->obj.id,
				    fwsim_cq_used(v, cq), next->log_size);
	if (!fwsim_cq_leave_ring(v, cq, &full))
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, CQ_SYND_ROOM,
				    full ? "CQ 0x%x has no room to say that it changes its ring" :
					   "the bus refused an entry of CQ 0x%x",
				    cq->obj.id);
	fwsim_obj_unlink(v, FWSIM_OBJ_CQ, &cq->obj);
	fwsim_pas_free(&cq->buf);
	memcpy(cq->ctx, next->ctx, sizeof(cq->ctx));
	cq->umem[FWSIM_UMEM_RING] = 0; /* if the old ring was in one */
	cq->buf = next->buf;
	next->buf = (struct fwsim_pas){ 0 };
	fwsim_cq_decode(cq);
	fwsim_obj_link(v, FWSIM_OBJ_CQ, &cq->obj, &what); /* all is there, and there is room */
	return IFC_ST_OK;
}

/*
 * The last entry of the old ring says that it is the last; what comes then goes to the new one, from the next
 * index on. Entries that are there stay where they are: the driver copies them.
 */
static enum ifc_status cq_resize(struct fwsim_cmd *cmd, struct fwsim_cq *cq)
{
	struct fwsim_cq next = { 0 };
	enum ifc_status st;

	if (cq->error)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, CQ_SYND_STATE, "CQ 0x%x is in error",
				    cq->obj.id);
	st = cq_next_ring(cmd, cq, &next);
	if (st == IFC_ST_OK)
		st = cq_change_ring(cmd, cq, &next);
	fwsim_pas_free(&next.buf);
	return st;
}

enum ifc_status fwsim_cmd_modify_cq(struct fwsim_cmd *cmd)
{
	const uint8_t *in = IFC_CPTR(modify_cq_in, cmd->in, cq_context);
	uint32_t id = IFC_GET(modify_cq_in, cmd->in, cqn);
	struct fwsim_cq *cq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_CQ], id);
	uint32_t select = ifc_ld32(
		IFC_CPTR(modify_cq_in, cmd->in, modify_field_select_resize_field_select));

	if (!cq)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, CQ_SYND_NONE, "no CQ 0x%x", id);
	if (cmd->op_mod == CQ_OP_RESIZE)
		return cq_resize(cmd, cq);
	if (cmd->op_mod)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, CQ_SYND_UNSUPPORTED,
				    "MODIFY_CQ has no op_mod %u", cmd->op_mod);
	if (select & ~(CQ_MODIFY_PERIOD | CQ_MODIFY_MAX_COUNT | CQ_MODIFY_OVERRUN |
		       CQ_MODIFY_PERIOD_MODE))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CQ_SYND_UNSUPPORTED,
				    "field select 0x%x is not supported", select);
	if (select & CQ_MODIFY_PERIOD)
		IFC_SET(cqc, cq->ctx, cq_period, IFC_GET(cqc, in, cq_period));
	if (select & CQ_MODIFY_MAX_COUNT)
		IFC_SET(cqc, cq->ctx, cq_max_count, IFC_GET(cqc, in, cq_max_count));
	if (select & CQ_MODIFY_OVERRUN)
		IFC_SET(cqc, cq->ctx, oi, IFC_GET(cqc, in, oi));
	if (select & CQ_MODIFY_PERIOD_MODE)
		IFC_SET(cqc, cq->ctx, cq_period_mode, IFC_GET(cqc, in, cq_period_mode));
	fwsim_cq_moderated(cmd->vhca, cq);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_cq(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(destroy_cq_in, cmd->in, cqn);
	struct fwsim_cq *cq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_CQ], id);

	if (!cq)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, CQ_SYND_NONE, "no CQ 0x%x", id);
	if (cq->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, CQ_SYND_BUSY, "CQ 0x%x has %u users", id,
				    cq->obj.refs);
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_CQ, &cq->obj);
	return IFC_ST_OK;
}
