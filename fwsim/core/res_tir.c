// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands between flow tables and queues: TIS (where an SQ's frames leave), TIR (how a frame is spread),
 * RQT (over which RQs), and the Q counters of RQs.
 */
#include "eth.h"

enum tir_synd {
	TIR_SYND_UNSUPPORTED = 0xa00001,
	TIR_SYND_PARAM = 0xa00002,
	TIR_SYND_LEN = 0xa00003,
	TIR_SYND_REF = 0xa00004,
	TIR_SYND_NONE = 0xa00005,
	TIR_SYND_BUSY = 0xa00006,
	TIR_SYND_MEMORY = 0xa00007,
};

static enum ifc_status find(struct fwsim_cmd *cmd, enum fwsim_obj_type type, const char *name,
			    uint32_t id, void *p)
{
	struct fwsim_obj *obj = fwsim_table_get(&cmd->vhca->obj[type], id);

	*(void **)p = obj;
	if (!obj)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, TIR_SYND_NONE, "no %s 0x%x", name, id);
	return IFC_ST_OK;
}

static enum ifc_status destroy(struct fwsim_cmd *cmd, enum fwsim_obj_type type, const char *name,
			       uint32_t id)
{
	struct fwsim_obj *obj;
	enum ifc_status st = find(cmd, type, name, id, &obj);

	if (st != IFC_ST_OK)
		return st;
	if (obj->refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, TIR_SYND_BUSY, "%s 0x%x has %u users", name,
				    id, obj->refs);
	fwsim_obj_destroy(cmd->vhca, type, obj);
	return IFC_ST_OK;
}

static enum ifc_status no_memory(struct fwsim_cmd *cmd)
{
	return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, TIR_SYND_MEMORY, "no memory");
}

/*
 * @obj, filled in with @st as the outcome, becomes an object of the function; if it does not, it is freed.
 */
static enum ifc_status insert(struct fwsim_cmd *cmd, enum fwsim_obj_type type, struct fwsim_obj *obj,
			      enum ifc_status st)
{
	const char *what;

	if (st == IFC_ST_OK) {
		st = fwsim_obj_insert(cmd->vhca, type, obj, &what);
		if (st == IFC_ST_BAD_RES)
			st = fwsim_refuse(cmd, st, TIR_SYND_REF, "it names a %s that is not there",
					  what);
		else if (st != IFC_ST_OK)
			st = fwsim_refuse(cmd, st, TIR_SYND_MEMORY, "no more room for a %s", what);
	}
	if (st != IFC_ST_OK)
		fwsim_obj_free(type, obj);
	return st;
}

/* ---- TIS ------------------------------------------------------------------------------------ */

enum ifc_status fwsim_tis_decode(struct fwsim_tis *tis)
{
	tis->td = IFC_GET(tisc, tis->ctx, transport_domain);
	return IFC_ST_OK;
}

static enum ifc_status tis_fill(struct fwsim_cmd *cmd, struct fwsim_tis *tis)
{
	const char *what = NULL;

	memcpy(tis->ctx, IFC_CPTR(create_tis_in, cmd->in, ctx), sizeof(tis->ctx));
	if (IFC_GET(tisc, tis->ctx, tls_en))
		what = "TLS (tls_en)";
	else if (IFC_GET(tisc, tis->ctx, underlay_qpn))
		what = "an underlay QP";
	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	return fwsim_tis_decode(tis);
}

enum ifc_status fwsim_cmd_create_tis(struct fwsim_cmd *cmd)
{
	struct fwsim_tis *tis = calloc(1, sizeof(*tis));
	enum ifc_status st;

	if (!tis)
		return no_memory(cmd);
	st = insert(cmd, FWSIM_OBJ_TIS, &tis->obj, tis_fill(cmd, tis));
	if (st == IFC_ST_OK)
		IFC_SET(create_tis_out, cmd->out, tisn, tis->obj.id);
	return st;
}

/* What may change does nothing here: there is one port and no arbitration between priorities. */
enum ifc_status fwsim_cmd_modify_tis(struct fwsim_cmd *cmd)
{
	const uint8_t *in = IFC_CPTR(modify_tis_in, cmd->in, ctx);
	struct fwsim_tis *tis;
	enum ifc_status st = find(cmd, FWSIM_OBJ_TIS, "TIS", IFC_GET(modify_tis_in, cmd->in, tisn), &tis);

	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(modify_tis_in, cmd->in, bitmask.prio))
		IFC_SET(tisc, tis->ctx, prio, IFC_GET(tisc, in, prio));
	if (IFC_GET(modify_tis_in, cmd->in, bitmask.lag_tx_port_affinity))
		IFC_SET(tisc, tis->ctx, lag_tx_port_affinity, IFC_GET(tisc, in, lag_tx_port_affinity));
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_tis(struct fwsim_cmd *cmd)
{
	struct fwsim_tis *tis;
	enum ifc_status st = find(cmd, FWSIM_OBJ_TIS, "TIS", IFC_GET(query_tis_in, cmd->in, tisn), &tis);

	if (st == IFC_ST_OK)
		memcpy(IFC_PTR(query_tis_out, cmd->out, tis_context), tis->ctx, sizeof(tis->ctx));
	return st;
}

enum ifc_status fwsim_cmd_destroy_tis(struct fwsim_cmd *cmd)
{
	return destroy(cmd, FWSIM_OBJ_TIS, "TIS", IFC_GET(destroy_tis_in, cmd->in, tisn));
}

/* ---- RQT ------------------------------------------------------------------------------------ */

/* The list of @n RQs that follows the context @rqtc, which is the last thing of the input. */
static enum ifc_status rqt_take(struct fwsim_cmd *cmd, struct fwsim_rqt *rqt, const uint8_t *rqtc)
{
	const uint8_t *list = rqtc + IFC_SZ(rqtc);
	uint32_t n = IFC_GET(rqtc, rqtc, rqt_actual_size);
	uint32_t i;

	if (IFC_GET(rqtc, rqtc, list_q_type) || IFC_GET(rqtc, rqtc, rq_vhca_id_format))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_UNSUPPORTED,
				    "a list of anything but RQs of this function is not supported");
	if (!n || n > rqt->max)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_PARAM,
				    "%u entries, there is room for %u", n, rqt->max);
	if (cmd->in_len < (size_t)(list - cmd->in) + 4ULL * n)
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, TIR_SYND_LEN,
				    "input of %u bytes ends before %u entries", cmd->in_len, n);
	for (i = 0; i < n; i++)
		rqt->rq[i] = ifc_ld32(list + 4ULL * i) & 0xffffff;
	rqt->n = (uint16_t)n;
	return IFC_ST_OK;
}

static enum ifc_status rqt_fill(struct fwsim_cmd *cmd, struct fwsim_rqt *rqt)
{
	const uint8_t *rqtc = IFC_CPTR(create_rqt_in, cmd->in, rqt_context);
	uint32_t max = IFC_GET(rqtc, rqtc, rqt_max_size);

	if (!max || max > 1u << FWSIM_LOG_RQT_SIZE)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_PARAM,
				    "a table of %u entries, 1 to %u are possible", max,
				    1u << FWSIM_LOG_RQT_SIZE);
	rqt->max = (uint16_t)max;
	return rqt_take(cmd, rqt, rqtc);
}

enum ifc_status fwsim_cmd_create_rqt(struct fwsim_cmd *cmd)
{
	struct fwsim_rqt *rqt = calloc(1, sizeof(*rqt));
	enum ifc_status st;

	if (!rqt)
		return no_memory(cmd);
	st = insert(cmd, FWSIM_OBJ_RQT, &rqt->obj, rqt_fill(cmd, rqt));
	if (st == IFC_ST_OK)
		IFC_SET(create_rqt_out, cmd->out, rqtn, rqt->obj.id);
	return st;
}

enum ifc_status fwsim_cmd_modify_rqt(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v = cmd->vhca;
	struct fwsim_rqt *rqt, next;
	const char *what;
	enum ifc_status st = find(cmd, FWSIM_OBJ_RQT, "RQT", IFC_GET(modify_rqt_in, cmd->in, rqtn), &rqt);

	if (st != IFC_ST_OK || !IFC_GET(modify_rqt_in, cmd->in, bitmask.rqn_list))
		return st;
	next = *rqt;
	st = rqt_take(cmd, &next, IFC_CPTR(modify_rqt_in, cmd->in, ctx));
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_obj_link(v, FWSIM_OBJ_RQT, &next.obj, &what);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, TIR_SYND_REF, "it names a %s that is not there", what);
	fwsim_obj_unlink(v, FWSIM_OBJ_RQT, &rqt->obj);
	*rqt = next;
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_rqt(struct fwsim_cmd *cmd)
{
	uint8_t *rqtc = IFC_PTR(query_rqt_out, cmd->out, rqt_context);
	uint8_t *list = rqtc + IFC_SZ(rqtc);
	struct fwsim_rqt *rqt;
	enum ifc_status st = find(cmd, FWSIM_OBJ_RQT, "RQT", IFC_GET(query_rqt_in, cmd->in, rqtn), &rqt);
	uint32_t i;

	if (st != IFC_ST_OK)
		return st;
	IFC_SET(rqtc, rqtc, rqt_max_size, rqt->max);
	IFC_SET(rqtc, rqtc, rqt_actual_size, rqt->n);
	for (i = 0; i < rqt->n && (size_t)(list - cmd->out) + 4ULL * (i + 1) <= cmd->out_len; i++)
		ifc_st32(list + 4ULL * i, rqt->rq[i]);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_rqt(struct fwsim_cmd *cmd)
{
	return destroy(cmd, FWSIM_OBJ_RQT, "RQT", IFC_GET(destroy_rqt_in, cmd->in, rqtn));
}

/* ---- TIR ------------------------------------------------------------------------------------ */

enum ifc_status fwsim_tir_decode(struct fwsim_tir *tir)
{
	const uint8_t *tirc = tir->ctx;
	uint32_t disp = IFC_GET(tirc, tirc, disp_type);

	tir->td = IFC_GET(tirc, tirc, transport_domain);
	tir->indirect = disp == MLX5_TIRC_DISP_TYPE_INDIRECT;
	tir->rqn = tir->indirect ? 0 : IFC_GET(tirc, tirc, inline_rqn);
	tir->rqtn = tir->indirect ? IFC_GET(tirc, tirc, indirect_table) : 0;
	tir->hash_fn = (uint8_t)IFC_GET(tirc, tirc, rx_hash_fn);
	tir->symmetric = IFC_GET(tirc, tirc, rx_hash_symmetric);
	memcpy(tir->key, IFC_CPTR(tirc, tirc, rx_hash_toeplitz_key), sizeof(tir->key));
	tir->fields = ifc_ld32(IFC_CPTR(tirc, tirc, rx_hash_field_selector_outer));
	tir->self_lb_block = (uint8_t)IFC_GET(tirc, tirc, self_lb_block);
	if (disp > MLX5_TIRC_DISP_TYPE_INDIRECT || tir->hash_fn > MLX5_RX_HASH_FN_TOEPLITZ)
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

/* What the core cannot do; NULL if nothing. */
static const char *tir_unsupported(const uint8_t *tirc)
{
	if (IFC_GET(tirc, tirc, tls_en))
		return "TLS (tls_en)";
	if (IFC_GET(tirc, tirc, packet_merge_mask))
		return "LRO (packet_merge_mask)";
	if (IFC_GET(tirc, tirc, tunneled_offload_en))
		return "offload of tunnels (tunneled_offload_en)";
	return NULL;
}

static enum ifc_status tir_check(struct fwsim_cmd *cmd, struct fwsim_tir *tir)
{
	const char *what = tir_unsupported(tir->ctx);

	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	if (fwsim_tir_decode(tir) != IFC_ST_OK)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_PARAM,
				    "disp_type %u, rx_hash_fn %u is out of range",
				    IFC_GET(tirc, tir->ctx, disp_type), tir->hash_fn);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_tir(struct fwsim_cmd *cmd)
{
	struct fwsim_tir *tir = calloc(1, sizeof(*tir));
	enum ifc_status st;

	if (!tir)
		return no_memory(cmd);
	memcpy(tir->ctx, IFC_CPTR(create_tir_in, cmd->in, ctx), sizeof(tir->ctx));
	st = insert(cmd, FWSIM_OBJ_TIR, &tir->obj, tir_check(cmd, tir));
	if (st == IFC_ST_OK)
		IFC_SET(create_tir_out, cmd->out, tirn, tir->obj.id);
	return st;
}

#define TIR_TAKE(fld) IFC_SET(tirc, next.ctx, fld, IFC_GET(tirc, in, fld))
#define TIR_COPY(fld)                                                                              \
	memcpy(IFC_PTR(tirc, next.ctx, fld), IFC_CPTR(tirc, in, fld), IFC_BIT_SZ(tirc, fld) / 8)

enum ifc_status fwsim_cmd_modify_tir(struct fwsim_cmd *cmd)
{
	const uint8_t *in = IFC_CPTR(modify_tir_in, cmd->in, ctx);
	struct fwsim_tir *tir, next;
	enum ifc_status st = find(cmd, FWSIM_OBJ_TIR, "TIR", IFC_GET(modify_tir_in, cmd->in, tirn), &tir);

	if (st != IFC_ST_OK)
		return st;
	next = *tir;
	if (IFC_GET(modify_tir_in, cmd->in, bitmask.hash)) {
		TIR_TAKE(rx_hash_symmetric);
		TIR_TAKE(rx_hash_fn);
		TIR_COPY(rx_hash_toeplitz_key);
		TIR_COPY(rx_hash_field_selector_outer);
		TIR_COPY(rx_hash_field_selector_inner);
	}
	if (IFC_GET(modify_tir_in, cmd->in, bitmask.packet_merge)) {
		TIR_TAKE(packet_merge_mask);
		TIR_TAKE(lro_timeout_period_usecs);
		TIR_TAKE(lro_max_ip_payload_size);
	}
	if (IFC_GET(modify_tir_in, cmd->in, bitmask.self_lb_en))
		TIR_TAKE(self_lb_block);
	st = tir_check(cmd, &next);
	if (st == IFC_ST_OK)
		*tir = next;
	return st;
}

enum ifc_status fwsim_cmd_query_tir(struct fwsim_cmd *cmd)
{
	struct fwsim_tir *tir;
	enum ifc_status st = find(cmd, FWSIM_OBJ_TIR, "TIR", IFC_GET(query_tir_in, cmd->in, tirn), &tir);

	if (st == IFC_ST_OK)
		memcpy(IFC_PTR(query_tir_out, cmd->out, tir_context), tir->ctx, sizeof(tir->ctx));
	return st;
}

enum ifc_status fwsim_cmd_destroy_tir(struct fwsim_cmd *cmd)
{
	return destroy(cmd, FWSIM_OBJ_TIR, "TIR", IFC_GET(destroy_tir_in, cmd->in, tirn));
}

/* ---- Q counters ----------------------------------------------------------------------------- */

enum ifc_status fwsim_cmd_alloc_q_counter(struct fwsim_cmd *cmd)
{
	struct fwsim_q_counter *q = calloc(1, sizeof(*q));
	enum ifc_status st;

	if (!q)
		return no_memory(cmd);
	st = insert(cmd, FWSIM_OBJ_Q_COUNTER, &q->obj, IFC_ST_OK);
	if (st == IFC_ST_OK)
		IFC_SET(alloc_q_counter_out, cmd->out, counter_set_id, q->obj.id);
	return st;
}

enum ifc_status fwsim_cmd_query_q_counter(struct fwsim_cmd *cmd)
{
	struct fwsim_q_counter *q;
	enum ifc_status st;

	if (IFC_GET(query_q_counter_in, cmd->in, other_vport) ||
	    IFC_GET(query_q_counter_in, cmd->in, aggregate))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TIR_SYND_UNSUPPORTED,
				    "counters of another vport, or of all, are not supported");
	st = find(cmd, FWSIM_OBJ_Q_COUNTER, "Q counter",
		  IFC_GET(query_q_counter_in, cmd->in, counter_set_id), &q);
	if (st != IFC_ST_OK)
		return st;
	IFC_SET(query_q_counter_out, cmd->out, out_of_buffer, q->out_of_buffer);
	if (IFC_GET(query_q_counter_in, cmd->in, clear))
		q->out_of_buffer = 0;
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_dealloc_q_counter(struct fwsim_cmd *cmd)
{
	return destroy(cmd, FWSIM_OBJ_Q_COUNTER, "Q counter",
		       IFC_GET(dealloc_q_counter_in, cmd->in, counter_set_id));
}
