// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queue pairs as the driver's commands see them: CREATE, the moves between states, QUERY, DESTROY. rc.c
 * and ud.c move the data.
 *
 *	RST -> INIT -> RTR -> RTS	one command each, accepted only in the state before
 *	any -> ERR			2ERR, or an error of the transport
 *	RTS -> SQER			an error of the send queue of UC, UD; SQERR2RTS goes back
 *	any -> RST			2RST: counters to zero, nothing is completed
 *
 * A move takes from the command's context the fields that the move requires, and of the others only
 * those that opt_param_mask names.
 */
#include "roce.h"
#include "umem.h"

enum qp_synd {
	QP_SYND_UNSUPPORTED = 0x500001,
	QP_SYND_RING = 0x500002,
	QP_SYND_PAS = 0x500003,
	QP_SYND_REF = 0x500004,
	QP_SYND_NONE = 0x500005,
	QP_SYND_BUSY = 0x500006,
	QP_SYND_MEMORY = 0x500007,
	QP_SYND_STATE = 0x500008,
	QP_SYND_PARAM = 0x500009,
};

#define QP_RQ_RING 0 /* qpc.rq_type */
#define QP_RQ_SRQ 1
#define QP_RQ_CROSS 2
#define QP_RQ_NONE 3
#define QP_LOG_MAX_RA 4 /* log_max_ra_req_qp, log_max_ra_res_qp */

/* opt_param_mask: bits of enum mlx5_qp_optpar in <linux/mlx5/qp.h>. */
#define QP_OPT_ALT_PATH (1u << 0)
#define QP_OPT_RRE (1u << 1)
#define QP_OPT_RAE (1u << 2)
#define QP_OPT_RWE (1u << 3)
#define QP_OPT_PKEY_INDEX (1u << 4)
#define QP_OPT_Q_KEY (1u << 5)
#define QP_OPT_RNR_TIMEOUT (1u << 6)
#define QP_OPT_PRIMARY_PATH (1u << 7)
#define QP_OPT_SRA_MAX (1u << 8)
#define QP_OPT_RRA_MAX (1u << 9)
#define QP_OPT_PM_STATE (1u << 10)
#define QP_OPT_RETRY_COUNT (1u << 12)
#define QP_OPT_RNR_RETRY (1u << 13)
#define QP_OPT_ACK_TIMEOUT (1u << 14)
#define QP_OPT_LAG_TX_AFF (1u << 15)
#define QP_OPT_PRI_PORT (1u << 16)
#define QP_OPT_COUNTER_SET (1u << 25)
#define QP_OPT_KNOWN                                                                               \
	(QP_OPT_ALT_PATH | QP_OPT_RRE | QP_OPT_RAE | QP_OPT_RWE | QP_OPT_PKEY_INDEX |              \
	 QP_OPT_Q_KEY | QP_OPT_RNR_TIMEOUT | QP_OPT_PRIMARY_PATH | QP_OPT_SRA_MAX |                \
	 QP_OPT_RRA_MAX | QP_OPT_PM_STATE | QP_OPT_RETRY_COUNT | QP_OPT_RNR_RETRY |                \
	 QP_OPT_ACK_TIMEOUT | QP_OPT_LAG_TX_AFF | QP_OPT_PRI_PORT | QP_OPT_COUNTER_SET)

static const char *const qp_state_name[] = {
	[IFC_QP_RST] = "RST", [IFC_QP_INIT] = "INIT", [IFC_QP_RTR] = "RTR", [IFC_QP_RTS] = "RTS",
	[IFC_QP_SQER] = "SQER", [IFC_QP_SQD] = "SQD", [IFC_QP_ERR] = "ERR",
};

void fwsim_qp_move(struct fwsim_qp *qp, enum ifc_qp_state to)
{
	char text[32];

	if (qp->state == to)
		return;
	snprintf(text, sizeof(text), "%s -> %s", qp_state_name[qp->state], qp_state_name[to]);
	qp->state = (uint8_t)to;
	fwsim_trace_simple(qp->vhca, FWSIM_TRACE_QP, qp->obj.id, to, 0, text);
}

/* ---- context and rings --------------------------------------------------------------------- */

uint64_t fwsim_qp_rq_bytes(const struct fwsim_qp *qp)
{
	return qp->has_rq ? 1ULL << (qp->log_rq_size + qp->log_rq_stride) : 0;
}

static uint64_t qp_ring_bytes(const struct fwsim_qp *qp)
{
	uint64_t rings = fwsim_qp_rq_bytes(qp) + (qp->has_sq ? 64ULL << qp->log_sq_size : 0);

	return rings ? qp->page_offset + rings : 0;
}

static bool qp_st_known(unsigned int st)
{
	switch (st) {
	case IFC_QP_ST_RC:
	case IFC_QP_ST_UC:
	case IFC_QP_ST_UD:
	case IFC_QP_ST_XRC:
	case IFC_QP_ST_QP1:
	case IFC_QP_ST_REG_UMR:
		return true;
	}
	return false;
}

enum ifc_status fwsim_qp_decode(struct fwsim_qp *qp)
{
	const uint8_t *qpc = qp->ctx;
	unsigned int log_page = IFC_GET(qpc, qpc, log_page_size) + 12;
	unsigned int rq_type = IFC_GET(qpc, qpc, rq_type);

	qp->st = (uint8_t)IFC_GET(qpc, qpc, st);
	qp->pd = IFC_GET(qpc, qpc, pd);
	qp->uar = IFC_GET(qpc, qpc, uar_page);
	qp->cqn_snd = IFC_GET(qpc, qpc, cqn_snd);
	qp->cqn_rcv = IFC_GET(qpc, qpc, cqn_rcv);
	qp->dbr = IFC_GET64(qpc, qpc, dbr_addr);
	qp->remote_qpn = IFC_GET(qpc, qpc, remote_qpn);
	qp->has_sq = !IFC_GET(qpc, qpc, no_sq);
	qp->has_rq = rq_type == QP_RQ_RING;
	qp->has_srq = rq_type == QP_RQ_SRQ;
	qp->srqn = IFC_GET(qpc, qpc, srqn_rmpn_xrqn);
	qp->xrcd = IFC_GET(qpc, qpc, xrcd);
	qp->log_sq_size = (uint8_t)IFC_GET(qpc, qpc, log_sq_size);
	qp->log_rq_size = (uint8_t)IFC_GET(qpc, qpc, log_rq_size);
	qp->log_rq_stride = (uint8_t)(IFC_GET(qpc, qpc, log_rq_stride) + 4);
	if (!qp_st_known(qp->st) || rq_type == QP_RQ_CROSS)
		return IFC_ST_BAD_PARAM;
	if (qp->st == IFC_QP_ST_XRC && qp->has_rq)
		return IFC_ST_BAD_PARAM; /* what it receives goes to shared queues */
	if (!qp->has_sq && !qp->has_rq) {
		/* no ring: a driver leaves page size and offset as they come */
		qp->page_offset = 0;
		qp->buf.log_size = 12;
		return IFC_ST_OK;
	}
	if (log_page > 31 || qp->dbr % 8)
		return IFC_ST_BAD_PARAM;
	/* page_offset counts in 1/64 of the page size */
	qp->page_offset = IFC_GET(qpc, qpc, page_offset) << (log_page - 6);
	qp->buf.log_size = (uint8_t)log_page;
	if (qp->buf.addr && (uint64_t)qp->buf.n << log_page < qp_ring_bytes(qp))
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

/* What the core cannot do; NULL if nothing. */
static const char *qp_unsupported(const uint8_t *qpc)
{
	if (IFC_GET(qpc, qpc, rq_type) == QP_RQ_CROSS)
		return "a receive queue of cross-channel (rq_type)";
	if (IFC_GET(qpc, qpc, wq_signature))
		return "a signature per WQE (wq_signature)";
	if (IFC_GET(qpc, qpc, cd_master) || IFC_GET(qpc, qpc, cd_slave_send) ||
	    IFC_GET(qpc, qpc, cd_slave_receive))
		return "cross-channel (cd_*)";
	return NULL;
}

/* Of the context: number of the umem of the doorbell record. */
#define QPC_DBR_UMEM_ID 0xe4

/* A doorbell record in a umem: the context gets its address, as of any other. */
static enum ifc_status qp_take_dbr(struct fwsim_cmd *cmd, struct fwsim_qp *qp)
{
	uint64_t addr;
	enum ifc_status st;

	if (!IFC_GET(qpc, qp->ctx, dbr_umem_valid))
		return IFC_ST_OK;
	qp->umem[FWSIM_UMEM_DBR] = ifc_ld32(qp->ctx + QPC_DBR_UMEM_ID);
	st = fwsim_umem_dbr(cmd, qp->umem[FWSIM_UMEM_DBR], IFC_GET64(qpc, qp->ctx, dbr_addr), &addr);
	if (st != IFC_ST_OK)
		return st;
	IFC_SET64(qpc, qp->ctx, dbr_addr, addr);
	IFC_SET(qpc, qp->ctx, dbr_umem_valid, 0);
	ifc_st32(qp->ctx + QPC_DBR_UMEM_ID, 0);
	return IFC_ST_OK;
}

static enum ifc_status qp_take_rings(struct fwsim_cmd *cmd, struct fwsim_qp *qp)
{
	size_t off = IFC_SZ(create_qp_in);
	uint64_t need = qp_ring_bytes(qp);
	enum ifc_status st;

	if (IFC_GET(create_qp_in, cmd->in, wq_umem_valid) && need) {
		qp->umem[FWSIM_UMEM_RING] = IFC_GET(create_qp_in, cmd->in, wq_umem_id);
		return fwsim_umem_ring(cmd, qp->umem[FWSIM_UMEM_RING],
				       IFC_GET64(create_qp_in, cmd->in, wq_umem_offset), need, &qp->buf);
	}
	st = fwsim_pas_decode(&qp->buf, cmd->in + off,
			      cmd->in_len > off ? (cmd->in_len - off) / 8 : 0, qp->buf.log_size, need);
	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, QP_SYND_PAS,
				    "the page list does not cover rings of 0x%llx bytes",
				    (unsigned long long)need);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, QP_SYND_MEMORY, "no memory for the page list");
	return IFC_ST_OK;
}

/* One of XRC has a CQ of its own, which is for XRC targets alone. That it is there at all is checked elsewhere. */
static enum ifc_status qp_check_srq(struct fwsim_cmd *cmd, const struct fwsim_qp *qp)
{
	const struct fwsim_srq *srq = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_SRQ], qp->srqn);

	if (!qp->has_srq || qp->st == IFC_QP_ST_XRC || !srq || fwsim_qp_may_use_srq(qp, srq))
		return IFC_ST_OK;
	return fwsim_refuse(cmd, IFC_ST_BAD_RES, QP_SYND_REF, "SRQ 0x%x is one of XRC, the QP is not",
			    qp->srqn);
}

static enum ifc_status qp_fill(struct fwsim_cmd *cmd, struct fwsim_qp *qp)
{
	const char *what;
	enum ifc_status st;

	memcpy(qp->ctx, IFC_CPTR(create_qp_in, cmd->in, qpc), sizeof(qp->ctx));
	IFC_SET(qpc, qp->ctx, state, IFC_QP_RST);
	if (!qp_st_known(IFC_GET(qpc, qp->ctx, st)))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_UNSUPPORTED,
				    "service type 0x%x is not supported",
				    IFC_GET(qpc, qp->ctx, st));
	what = qp_unsupported(qp->ctx);
	if (what)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_UNSUPPORTED,
				    "%s is not supported", what);
	st = qp_take_dbr(cmd, qp);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_qp_decode(qp);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, QP_SYND_RING,
				    "log_page_size %u, doorbell record 0x%llx or rq_type %u is out of range",
				    IFC_GET(qpc, qp->ctx, log_page_size),
				    (unsigned long long)qp->dbr,
				    IFC_GET(qpc, qp->ctx, rq_type));
	st = qp_check_srq(cmd, qp);
	if (st == IFC_ST_OK)
		st = qp_take_rings(cmd, qp);
	if (st != IFC_ST_OK)
		return st;
	qp->vhca = cmd->vhca;
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_QP, &qp->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, QP_SYND_REF,
				    "no such %s (PD 0x%x, UAR 0x%x, CQs 0x%x and 0x%x, SRQ 0x%x, XRCD 0x%x)",
				    what, qp->pd, qp->uar, qp->cqn_snd, qp->cqn_rcv, qp->srqn,
				    qp->xrcd);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, QP_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp = calloc(1, sizeof(*qp));
	enum ifc_status st;

	if (!qp)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, QP_SYND_MEMORY, "no memory");
	st = qp_fill(cmd, qp);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_QP, &qp->obj);
		return st;
	}
	IFC_SET(create_qp_out, cmd->out, qpn, qp->obj.id);
	return IFC_ST_OK;
}

/* ---- moves --------------------------------------------------------------------------------- */

static enum ifc_status qp_find(struct fwsim_cmd *cmd, uint32_t qpn, struct fwsim_qp **qp)
{
	*qp = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_QP], qpn);
	if (!*qp)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, QP_SYND_NONE, "no QP 0x%x", qpn);
	return IFC_ST_OK;
}

/*
 * The commands that carry a context have one layout; the QP must be in @state. *@src is the context
 * given, @dst a copy of the QP's to be changed.
 */
static enum ifc_status qp_modify_begin(struct fwsim_cmd *cmd, enum ifc_qp_state state,
				       uint32_t *opt, struct fwsim_qp **qp, const uint8_t **src,
				       uint8_t *dst)
{
	enum ifc_status st = qp_find(cmd, IFC_GET(rst2init_qp_in, cmd->in, qpn), qp);

	if (st != IFC_ST_OK)
		return st;
	if ((*qp)->state != state)
		return fwsim_refuse(cmd, IFC_ST_BAD_QP_STATE, QP_SYND_STATE,
				    "QP 0x%x is in %s, the command needs %s", (*qp)->obj.id,
				    qp_state_name[(*qp)->state], qp_state_name[state]);
	*opt = IFC_GET(rst2init_qp_in, cmd->in, opt_param_mask);
	if (*opt & ~QP_OPT_KNOWN)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_PARAM,
				    "opt_param_mask 0x%x has bits that are not supported: 0x%x",
				    *opt, *opt & ~QP_OPT_KNOWN);
	*src = IFC_CPTR(rst2init_qp_in, cmd->in, qpc);
	memcpy(dst, (*qp)->ctx, sizeof((*qp)->ctx));
	return IFC_ST_OK;
}

#define QP_TAKE(fld) IFC_SET(qpc, dst, fld, IFC_GET(qpc, src, fld))

static void qp_take_optional(uint8_t *dst, const uint8_t *src, uint32_t opt)
{
	if (opt & QP_OPT_PRIMARY_PATH)
		memcpy(IFC_PTR(qpc, dst, primary_address_path),
		       IFC_CPTR(qpc, src, primary_address_path), IFC_SZ(ads));
	if (opt & QP_OPT_ALT_PATH)
		memcpy(IFC_PTR(qpc, dst, secondary_address_path),
		       IFC_CPTR(qpc, src, secondary_address_path), IFC_SZ(ads));
	if (opt & QP_OPT_RRE)
		QP_TAKE(rre);
	if (opt & QP_OPT_RWE)
		QP_TAKE(rwe);
	if (opt & QP_OPT_RAE) {
		QP_TAKE(rae);
		QP_TAKE(atomic_mode);
	}
	if (opt & QP_OPT_PKEY_INDEX)
		QP_TAKE(primary_address_path.pkey_index);
	if (opt & QP_OPT_PRI_PORT)
		QP_TAKE(primary_address_path.vhca_port_num);
	if (opt & QP_OPT_Q_KEY)
		QP_TAKE(q_key);
	if (opt & QP_OPT_RNR_TIMEOUT)
		QP_TAKE(min_rnr_nak);
	if (opt & QP_OPT_SRA_MAX)
		QP_TAKE(log_sra_max);
	if (opt & QP_OPT_RRA_MAX)
		QP_TAKE(log_rra_max);
	if (opt & QP_OPT_PM_STATE)
		QP_TAKE(pm_state);
	if (opt & QP_OPT_RETRY_COUNT)
		QP_TAKE(retry_count);
	if (opt & QP_OPT_RNR_RETRY)
		QP_TAKE(rnr_retry);
	if (opt & QP_OPT_ACK_TIMEOUT)
		QP_TAKE(primary_address_path.ack_timeout);
	if (opt & QP_OPT_LAG_TX_AFF)
		QP_TAKE(lag_tx_port_affinity);
	if (opt & QP_OPT_COUNTER_SET)
		QP_TAKE(counter_set_id);
}

/* A command that sets nothing but optional fields of a QP in @state. */
static enum ifc_status qp_modify_optional(struct fwsim_cmd *cmd, enum ifc_qp_state state,
					  struct fwsim_qp **qp)
{
	IFC_BUF(qpc, dst);
	const uint8_t *src;
	uint32_t opt;
	enum ifc_status st = qp_modify_begin(cmd, state, &opt, qp, &src, dst);

	if (st != IFC_ST_OK)
		return st;
	qp_take_optional(dst, src, opt);
	memcpy((*qp)->ctx, dst, sizeof((*qp)->ctx));
	return IFC_ST_OK;
}

/* What a move into INIT sets. */
static void qp_take_init(uint8_t *dst, const uint8_t *src)
{
	QP_TAKE(pm_state);
	QP_TAKE(rre);
	QP_TAKE(rwe);
	QP_TAKE(rae);
	QP_TAKE(atomic_mode);
	QP_TAKE(counter_set_id);
	QP_TAKE(primary_address_path.pkey_index);
	QP_TAKE(primary_address_path.vhca_port_num);
	QP_TAKE(q_key);
}

enum ifc_status fwsim_cmd_rst2init_qp(struct fwsim_cmd *cmd)
{
	IFC_BUF(qpc, dst);
	const uint8_t *src;
	struct fwsim_qp *qp;
	uint32_t opt;
	enum ifc_status st = qp_modify_begin(cmd, IFC_QP_RST, &opt, &qp, &src, dst);

	if (st != IFC_ST_OK)
		return st;
	qp_take_init(dst, src);
	qp_take_optional(dst, src, opt);
	/* mlx5_ib sets these two here for kernel QPs, and nobody clears them here */
	if (IFC_GET(qpc, src, rlky))
		QP_TAKE(rlky);
	if (IFC_GET64(qpc, src, dbr_addr) && (qp->has_sq || qp->has_rq)) {
		if (IFC_GET64(qpc, src, dbr_addr) % 8)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_PARAM,
					    "the doorbell record is not aligned to 8 bytes");
		IFC_SET64(qpc, dst, dbr_addr, IFC_GET64(qpc, src, dbr_addr));
		qp->dbr = IFC_GET64(qpc, src, dbr_addr);
	}
	memcpy(qp->ctx, dst, sizeof(qp->ctx));
	fwsim_qp_move(qp, IFC_QP_INIT);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_init2init_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;

	return qp_modify_optional(cmd, IFC_QP_INIT, &qp);
}

enum ifc_status fwsim_cmd_init2rtr_qp(struct fwsim_cmd *cmd)
{
	IFC_BUF(qpc, dst);
	uint32_t opt, mtu, port, pkey;
	const uint8_t *src;
	struct fwsim_qp *qp;
	enum ifc_status st = qp_modify_begin(cmd, IFC_QP_INIT, &opt, &qp, &src, dst);

	if (st != IFC_ST_OK)
		return st;
	mtu = IFC_GET(qpc, src, mtu);
	if (mtu < 1 || mtu > 5)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_PARAM,
				    "path MTU code %u is none of 1..5", mtu);
	if (IFC_GET(qpc, src, log_rra_max) > QP_LOG_MAX_RA)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_PARAM,
				    "log_rra_max %u is above log_max_ra_res_qp %u",
				    IFC_GET(qpc, src, log_rra_max), QP_LOG_MAX_RA);
	port = IFC_GET(qpc, dst, primary_address_path.vhca_port_num);
	pkey = IFC_GET(qpc, dst, primary_address_path.pkey_index);
	qp_take_optional(dst, src, opt | QP_OPT_PRIMARY_PATH);
	if (!(opt & QP_OPT_PKEY_INDEX))
		IFC_SET(qpc, dst, primary_address_path.pkey_index, pkey);
	if (!IFC_GET(qpc, dst, primary_address_path.vhca_port_num))
		IFC_SET(qpc, dst, primary_address_path.vhca_port_num, port);
	QP_TAKE(mtu);
	QP_TAKE(log_msg_max);
	QP_TAKE(remote_qpn);
	QP_TAKE(next_rcv_psn);
	QP_TAKE(log_rra_max);
	QP_TAKE(min_rnr_nak);
	IFC_SET(qpc, dst, rmsn, 0); /* a new connection */
	memcpy(qp->ctx, dst, sizeof(qp->ctx));
	qp->remote_qpn = IFC_GET(qpc, dst, remote_qpn);
	fwsim_qp_move(qp, IFC_QP_RTR);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_rtr2rts_qp(struct fwsim_cmd *cmd)
{
	IFC_BUF(qpc, dst);
	const uint8_t *src;
	struct fwsim_qp *qp;
	uint32_t opt;
	enum ifc_status st = qp_modify_begin(cmd, IFC_QP_RTR, &opt, &qp, &src, dst);

	if (st != IFC_ST_OK)
		return st;
	if (IFC_GET(qpc, src, log_sra_max) > QP_LOG_MAX_RA)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, QP_SYND_PARAM,
				    "log_sra_max %u is above log_max_ra_req_qp %u",
				    IFC_GET(qpc, src, log_sra_max), QP_LOG_MAX_RA);
	qp_take_optional(dst, src, opt);
	QP_TAKE(primary_address_path.ack_timeout);
	QP_TAKE(retry_count);
	QP_TAKE(rnr_retry);
	QP_TAKE(next_send_psn);
	QP_TAKE(log_sra_max);
	QP_TAKE(log_ack_req_freq);
	memcpy(qp->ctx, dst, sizeof(qp->ctx));
	qp->retry_left = (uint8_t)IFC_GET(qpc, dst, retry_count);
	qp->rnr_left = (uint8_t)IFC_GET(qpc, dst, rnr_retry);
	fwsim_qp_move(qp, IFC_QP_RTS);
	if (qp->has_sq) {
		qp->db_pending = true; /* its counter may have moved before */
		fwsim_qp_schedule(qp);
	}
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_rts2rts_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;

	return qp_modify_optional(cmd, IFC_QP_RTS, &qp);
}

enum ifc_status fwsim_cmd_sqerr2rts_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;
	enum ifc_status st = qp_modify_optional(cmd, IFC_QP_SQER, &qp);

	if (st != IFC_ST_OK)
		return st;
	fwsim_qp_move(qp, IFC_QP_RTS);
	qp->db_pending = true;
	fwsim_qp_schedule(qp);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_2err_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;
	enum ifc_status st = qp_find(cmd, IFC_GET(qp_2err_in, cmd->in, qpn), &qp);

	if (st == IFC_ST_OK)
		fwsim_qp_flush(qp);
	return st;
}

enum ifc_status fwsim_cmd_2rst_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;
	enum ifc_status st = qp_find(cmd, IFC_GET(qp_2rst_in, cmd->in, qpn), &qp);

	if (st != IFC_ST_OK)
		return st;
	fwsim_qp_unschedule(qp);
	fwsim_roce_free(qp);
	qp->sq_ci = 0;
	qp->sq_pi = 0;
	qp->rq_ci = 0;
	qp->sq_off = 0;
	qp->drop = false;
	qp->srq_taken = 0;
	qp->wait_until = 0;
	qp->give_up_at = 0;
	qp->db_pending = false;
	fwsim_qp_move(qp, IFC_QP_RST);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_qp(struct fwsim_cmd *cmd)
{
	uint8_t *qpc = IFC_PTR(query_qp_out, cmd->out, qpc);
	struct fwsim_qp *qp;
	enum ifc_status st = qp_find(cmd, IFC_GET(query_qp_in, cmd->in, qpn), &qp);

	if (st != IFC_ST_OK)
		return st;
	memcpy(qpc, qp->ctx, sizeof(qp->ctx));
	IFC_SET(qpc, qpc, state, qp->state);
	IFC_SET(qpc, qpc, cur_retry_count, qp->retry_left);
	IFC_SET(qpc, qpc, cur_rnr_retry, qp->rnr_left);
	IFC_SET(qpc, qpc, hw_sq_wqebb_counter, qp->sq_ci);
	IFC_SET(qpc, qpc, sw_sq_wqebb_counter, qp->sq_pi);
	IFC_SET(qpc, qpc, hw_rq_counter, qp->rq_ci);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_qp(struct fwsim_cmd *cmd)
{
	struct fwsim_qp *qp;
	enum ifc_status st = qp_find(cmd, IFC_GET(destroy_qp_in, cmd->in, qpn), &qp);

	if (st != IFC_ST_OK)
		return st;
	if (qp->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, QP_SYND_BUSY, "QP 0x%x has %u users",
				    qp->obj.id, qp->obj.refs);
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_QP, &qp->obj);
	return IFC_ST_OK;
}
