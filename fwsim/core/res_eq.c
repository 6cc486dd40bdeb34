// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CREATE/QUERY/DESTROY_EQ. What is written into an EQ, and when it interrupts, is event.c's.
 */
#include "core.h"

enum eq_synd {
	EQ_SYND_SIZE = 0x301001,
	EQ_SYND_UNSUPPORTED = 0x301002,
	EQ_SYND_PAS = 0x301003,
	EQ_SYND_VECTOR = 0x301004,
	EQ_SYND_REF = 0x301005,
	EQ_SYND_NONE = 0x301006,
	EQ_SYND_BUSY = 0x301007,
	EQ_SYND_MEMORY = 0x301008,
};

#define EQ_MAX_LOG_SIZE 22
#define EQE_SIZE 64u

/* eqc.st and eqc.status as QUERY_EQ shows them. */
#define EQ_ST_ARMED 0x9
#define EQ_ST_FIRED 0xa
#define EQ_STATUS_WRITE_FAILURE 0xa

enum ifc_status fwsim_eq_decode(struct fwsim_eq *eq)
{
	const uint8_t *eqc = eq->ctx;
	unsigned int log_page = IFC_GET(eqc, eqc, log_page_size) + 12;

	eq->log_size = (uint8_t)IFC_GET(eqc, eqc, log_eq_size);
	eq->vector = (uint16_t)IFC_GET(eqc, eqc, intr);
	eq->uar = IFC_GET(eqc, eqc, uar_page);
	if (eq->log_size > EQ_MAX_LOG_SIZE || log_page > 31 || IFC_GET(eqc, eqc, page_offset))
		return IFC_ST_BAD_PARAM;
	eq->buf.log_size = (uint8_t)log_page;
	if (eq->buf.addr && (uint64_t)eq->buf.n << log_page < (uint64_t)EQE_SIZE << eq->log_size)
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

static enum ifc_status eq_fill(struct fwsim_cmd *cmd, struct fwsim_eq *eq)
{
	const struct fwsim_config *cfg = &cmd->fw->cfg;
	unsigned int i, vectors = cmd->vhca->fn ? cfg->vf_msix : cfg->pf_msix;
	size_t off = IFC_SZ(create_eq_in);
	enum ifc_status st;
	const char *what;

	memcpy(eq->ctx, IFC_CPTR(create_eq_in, cmd->in, eq_context_entry), sizeof(eq->ctx));
	for (i = 0; i < 4; i++)
		eq->mask[i] = ifc_ld64(IFC_CPTR(create_eq_in, cmd->in, event_bitmask) + 8 * i);
	st = fwsim_eq_decode(eq);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, EQ_SYND_SIZE,
				    "log_eq_size %u, log_page_size %u, page_offset %u is no ring",
				    eq->log_size, IFC_GET(eqc, eq->ctx, log_page_size),
				    IFC_GET(eqc, eq->ctx, page_offset));
	if (IFC_GET(eqc, eq->ctx, oi))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, EQ_SYND_UNSUPPORTED,
				    "an EQ that ignores overrun (oi) is not supported");
	if (eq->vector >= vectors)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, EQ_SYND_VECTOR,
				    "vector %u, but there are %u", eq->vector, vectors);
	st = fwsim_pas_decode(&eq->buf, cmd->in + off,
			      cmd->in_len > off ? (cmd->in_len - off) / 8 : 0, eq->buf.log_size,
			      (uint64_t)EQE_SIZE << eq->log_size);
	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, EQ_SYND_PAS,
				    "the page list does not cover 2^%u entries", eq->log_size);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, EQ_SYND_MEMORY, "no memory for the page list");
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_EQ, &eq->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, EQ_SYND_REF, "no %s 0x%x", what, eq->uar);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, EQ_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_eq(struct fwsim_cmd *cmd)
{
	struct fwsim_eq *eq = calloc(1, sizeof(*eq));
	enum ifc_status st;

	if (!eq)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, EQ_SYND_MEMORY, "no memory");
	st = eq_fill(cmd, eq);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_EQ, &eq->obj);
		return st;
	}
	IFC_SET(create_eq_out, cmd->out, eq_number, eq->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_eq(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(query_eq_in, cmd->in, eq_number);
	struct fwsim_eq *eq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_EQ], id);
	uint8_t *eqc = IFC_PTR(query_eq_out, cmd->out, eq_context_entry);

	if (!eq)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, EQ_SYND_NONE, "no EQ %u", id);
	memcpy(eqc, eq->ctx, sizeof(eq->ctx));
	IFC_SET(eqc, eqc, status, eq->overrun ? EQ_STATUS_WRITE_FAILURE : 0);
	IFC_SET(eqc, eqc, st, eq->armed ? EQ_ST_ARMED : EQ_ST_FIRED);
	IFC_SET(eqc, eqc, consumer_counter, eq->ci);
	IFC_SET(eqc, eqc, producer_counter, eq->pi);
	IFC_SET64(query_eq_out, cmd->out, event_bitmask, eq->mask[0]);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_eq(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(destroy_eq_in, cmd->in, eq_number);
	struct fwsim_eq *eq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_EQ], id);

	if (!eq)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, EQ_SYND_NONE, "no EQ %u", id);
	if (eq->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, EQ_SYND_BUSY, "EQ %u has %u users", id,
				    eq->obj.refs);
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_EQ, &eq->obj);
	return IFC_ST_OK;
}
