// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lifetime of objects. One list says which objects an object names; from it come the reference counts
 * (RES_BUSY), the check that a context names only what its function owns, and the counts anew after an
 * image has been loaded.
 *
 * Numbers start above zero for every type, so that a context that a driver forgot to fill names
 * nothing, and each type has a base of its own, so that a number of one type is no number of another.
 */
#include "flow.h"
#include "roce.h"
#include "umem.h"

/* Objects that one of a fixed number names; only an RQT has more. */
#define OBJ_FIXED_REFS 7

struct obj_ref {
	enum fwsim_obj_type type;
	uint32_t id;
};

static const char *const obj_type_name[FWSIM_OBJ_TYPES] = {
	[FWSIM_OBJ_UAR] = "UAR", [FWSIM_OBJ_PD] = "PD",	    [FWSIM_OBJ_TD] = "transport domain",
	[FWSIM_OBJ_XRCD] = "XRCD", [FWSIM_OBJ_MKEY] = "mkey", [FWSIM_OBJ_EQ] = "EQ",
	[FWSIM_OBJ_CQ] = "CQ",	   [FWSIM_OBJ_QP] = "QP",	 [FWSIM_OBJ_Q_COUNTER] = "Q counter",
	[FWSIM_OBJ_TIS] = "TIS",   [FWSIM_OBJ_SQ] = "SQ",	 [FWSIM_OBJ_RQ] = "RQ",
	[FWSIM_OBJ_RQT] = "RQT",   [FWSIM_OBJ_TIR] = "TIR",	 [FWSIM_OBJ_SRQ] = "SRQ",
	[FWSIM_OBJ_UMEM] = "umem",
};

/* Users before what they use. */
static const enum fwsim_obj_type obj_destroy_order[FWSIM_OBJ_TYPES] = {
	FWSIM_OBJ_TIR, FWSIM_OBJ_RQT,	FWSIM_OBJ_RQ, FWSIM_OBJ_SQ, FWSIM_OBJ_TIS,
	FWSIM_OBJ_QP,  FWSIM_OBJ_SRQ,	FWSIM_OBJ_Q_COUNTER, FWSIM_OBJ_MKEY, FWSIM_OBJ_CQ, FWSIM_OBJ_EQ,
	FWSIM_OBJ_PD,  FWSIM_OBJ_TD,	FWSIM_OBJ_XRCD, FWSIM_OBJ_UAR, FWSIM_OBJ_UMEM,
};

void fwsim_obj_init(struct fwsim_vhca *v)
{
	unsigned int log_bar = v->fn ? FWSIM_LOG_VF_BAR : FWSIM_LOG_PF_BAR;

	/* base, most: the log_max_* of the capabilities, less what the base leaves out */
	fwsim_table_init(&v->obj[FWSIM_OBJ_UAR], FWSIM_FIRST_UAR,
			 (1u << log_bar) / IFC_UAR_SIZE - FWSIM_FIRST_UAR);
	fwsim_table_init(&v->obj[FWSIM_OBJ_PD], 1, (1u << 16) - 1);
	fwsim_table_init(&v->obj[FWSIM_OBJ_TD], 1, (1u << 10) - 1);
	fwsim_table_init(&v->obj[FWSIM_OBJ_XRCD], 1, (1u << 10) - 1);
	fwsim_table_init(&v->obj[FWSIM_OBJ_MKEY], 0x100, (1u << 20) - 0x100);
	fwsim_table_init(&v->obj[FWSIM_OBJ_EQ], 1, (1u << 6) - 1);
	fwsim_table_init(&v->obj[FWSIM_OBJ_CQ], 0x80, (1u << 16) - 0x80);
	fwsim_table_init(&v->obj[FWSIM_OBJ_SRQ], 0x20, (1u << 14) - 0x20);
	/* a doorbell and a CQE tell a QP, an SQ and an RQ by the number alone */
	fwsim_table_init(&v->obj[FWSIM_OBJ_QP], 0x40, (1u << 14) - 0x40);
	fwsim_table_init(&v->obj[FWSIM_OBJ_SQ], 0x4000, 1u << FWSIM_LOG_SQ);
	fwsim_table_init(&v->obj[FWSIM_OBJ_RQ], 0x8000, 1u << FWSIM_LOG_RQ);
	fwsim_table_init(&v->obj[FWSIM_OBJ_Q_COUNTER], 1, 255);
	fwsim_table_init(&v->obj[FWSIM_OBJ_TIS], 0x20, (1u << FWSIM_LOG_TIS) - 0x20);
	fwsim_table_init(&v->obj[FWSIM_OBJ_RQT], 0x30, (1u << FWSIM_LOG_RQT) - 0x30);
	fwsim_table_init(&v->obj[FWSIM_OBJ_TIR], 0x100, (1u << FWSIM_LOG_TIR) - 0x100);
	fwsim_table_init(&v->obj[FWSIM_OBJ_UMEM], 1, (1u << 16) - 1);
}

static struct fwsim_pas *obj_pas(enum fwsim_obj_type type, struct fwsim_obj *obj)
{
	switch (type) {
	case FWSIM_OBJ_MKEY:
		return &((struct fwsim_mkey *)obj)->mtt;
	case FWSIM_OBJ_EQ:
		return &((struct fwsim_eq *)obj)->buf;
	case FWSIM_OBJ_CQ:
		return &((struct fwsim_cq *)obj)->buf;
	case FWSIM_OBJ_SRQ:
		return &((struct fwsim_srq *)obj)->buf;
	case FWSIM_OBJ_QP:
		return &((struct fwsim_qp *)obj)->buf;
	case FWSIM_OBJ_SQ:
		return &((struct fwsim_sq *)obj)->wq.buf;
	case FWSIM_OBJ_RQ:
		return &((struct fwsim_rq *)obj)->wq.buf;
	case FWSIM_OBJ_UMEM:
		return &((struct fwsim_umem *)obj)->buf;
	default:
		return NULL;
	}
}

/* What @obj names, one by one: @i counts up from 0. False: no more. */
static bool obj_ref(enum fwsim_obj_type type, const struct fwsim_obj *obj, unsigned int i,
		    struct obj_ref *ref)
{
	struct obj_ref r[OBJ_FIXED_REFS];
	unsigned int n = 0;

#define REF(t, number) r[n++] = (struct obj_ref){ FWSIM_OBJ_##t, (number) }
#define REF_UMEMS(umem)                                                                            \
	for (unsigned int use = 0; use < FWSIM_UMEM_USES; use++)                                   \
		if ((umem)[use])                                                                   \
			REF(UMEM, (umem)[use])
	switch (type) {
	case FWSIM_OBJ_MKEY:
		REF(PD, ((const struct fwsim_mkey *)obj)->pd);
		break;
	case FWSIM_OBJ_EQ:
		REF(UAR, ((const struct fwsim_eq *)obj)->uar);
		break;
	case FWSIM_OBJ_CQ: {
		const struct fwsim_cq *cq = (const struct fwsim_cq *)obj;

		REF(UAR, cq->uar);
		REF(EQ, cq->eqn);
		REF_UMEMS(cq->umem);
		break;
	}
	case FWSIM_OBJ_SRQ: {
		const struct fwsim_srq *srq = (const struct fwsim_srq *)obj;

		REF(PD, srq->pd);
		if (srq->kind == FWSIM_SRQ_XRC) {
			REF(XRCD, srq->xrcd);
			REF(CQ, srq->cqn);
		}
		break;
	}
	case FWSIM_OBJ_QP: {
		const struct fwsim_qp *qp = (const struct fwsim_qp *)obj;

		if (qp->st != IFC_QP_ST_REG_UMR) /* its keys are of no domain */
			REF(PD, qp->pd);
		if (qp->has_sq || qp->st != IFC_QP_ST_XRC) /* mlx5_ib gives an XRC target none */
			REF(UAR, qp->uar);
		if (qp->has_sq)
			REF(CQ, qp->cqn_snd);
		if (qp->has_rq || (qp->has_srq && qp->st != IFC_QP_ST_XRC))
			REF(CQ, qp->cqn_rcv);
		if (qp->st == IFC_QP_ST_XRC)
			REF(XRCD, qp->xrcd);
		else if (qp->has_srq)
			REF(SRQ, qp->srqn);
		REF_UMEMS(qp->umem);
		break;
	}
	case FWSIM_OBJ_TIS:
		REF(TD, ((const struct fwsim_tis *)obj)->td);
		break;
	case FWSIM_OBJ_SQ: {
		const struct fwsim_sq *sq = (const struct fwsim_sq *)obj;

		REF(PD, sq->wq.pd);
		REF(UAR, sq->wq.uar);
		REF(CQ, sq->cqn);
		if (sq->tisn)
			REF(TIS, sq->tisn);
		break;
	}
	case FWSIM_OBJ_RQ: {
		const struct fwsim_rq *rq = (const struct fwsim_rq *)obj;

		if (rq->wq.pd) /* mlx5e's RQ that only drops has none: nothing can be posted to it */
			REF(PD, rq->wq.pd);
		REF(CQ, rq->cqn);
		if (rq->counter_set)
			REF(Q_COUNTER, rq->counter_set);
		break;
	}
	case FWSIM_OBJ_RQT: {
		const struct fwsim_rqt *rqt = (const struct fwsim_rqt *)obj;

		if (i < rqt->n)
			*ref = (struct obj_ref){ FWSIM_OBJ_RQ, rqt->rq[i] };
		return i < rqt->n;
	}
	case FWSIM_OBJ_TIR: {
		const struct fwsim_tir *tir = (const struct fwsim_tir *)obj;

		REF(TD, tir->td);
		if (tir->indirect)
			REF(RQT, tir->rqtn);
		else
			REF(RQ, tir->rqn);
		break;
	}
	default:
		break;
	}
#undef REF_UMEMS
#undef REF
	if (i < n)
		*ref = r[i];
	return i < n;
}

bool fwsim_obj_missing(struct fwsim_vhca *v, enum fwsim_obj_type type, const struct fwsim_obj *obj,
		       const char **what, uint32_t *id)
{
	struct obj_ref ref;
	unsigned int i;

	for (i = 0; obj_ref(type, obj, i, &ref); i++) {
		if (fwsim_table_get(&v->obj[ref.type], ref.id))
			continue;
		*what = obj_type_name[ref.type];
		*id = ref.id;
		return true;
	}
	return false;
}

enum ifc_status fwsim_obj_link(struct fwsim_vhca *v, enum fwsim_obj_type type,
			       struct fwsim_obj *obj, const char **what)
{
	struct fwsim_pas *pas = obj_pas(type, obj);
	struct obj_ref ref;
	unsigned int i;
	uint32_t id;

	if (fwsim_obj_missing(v, type, obj, what, &id))
		return IFC_ST_BAD_RES;
	if (pas && pas->n > FWSIM_MAX_PAS - v->pas_used) {
		*what = "page list";
		return IFC_ST_LIM_ERR;
	}
	if (pas)
		v->pas_used += pas->n;
	for (i = 0; obj_ref(type, obj, i, &ref); i++)
		((struct fwsim_obj *)fwsim_table_get(&v->obj[ref.type], ref.id))->refs++;
	return IFC_ST_OK;
}

void fwsim_obj_unlink(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj)
{
	struct fwsim_pas *pas = obj_pas(type, obj);
	struct fwsim_obj *used;
	struct obj_ref ref;
	unsigned int i;

	for (i = 0; obj_ref(type, obj, i, &ref); i++) {
		used = fwsim_table_get(&v->obj[ref.type], ref.id);
		if (used && used->refs)
			used->refs--;
	}
	if (pas)
		v->pas_used -= pas->n <= v->pas_used ? pas->n : v->pas_used;
}

/* EQ that gets events of @type; 0 if none. The lowest number wins if several ask. */
static uint32_t obj_eq_of(struct fwsim_vhca *v, unsigned int type)
{
	struct fwsim_eq *eq;

	fwsim_table_for_each(&v->obj[FWSIM_OBJ_EQ], eq)
		if (eq->mask[type / 64] >> type % 64 & 1)
			return eq->obj.id;
	return 0;
}

static void obj_find_eqs(struct fwsim_vhca *v)
{
	v->cmd_eqn = obj_eq_of(v, IFC_EVENT_CMD);
	v->pages_eqn = obj_eq_of(v, IFC_EVENT_PAGE_REQUEST);
}

/* Datagrams are many, and so may be the QPs: who gets those for QP 1 is found out when it changes. */
static void obj_find_gsi(struct fwsim_vhca *v, uint32_t from)
{
	struct fwsim_qp *qp = fwsim_table_next(&v->obj[FWSIM_OBJ_QP], from);

	while (qp && qp->st != IFC_QP_ST_QP1)
		qp = fwsim_table_next(&v->obj[FWSIM_OBJ_QP], qp->obj.id + 1);
	v->gsi_qpn = qp ? qp->obj.id : 0;
}

enum ifc_status fwsim_obj_insert(struct fwsim_vhca *v, enum fwsim_obj_type type,
				 struct fwsim_obj *obj, const char **what)
{
	enum ifc_status st = fwsim_obj_link(v, type, obj, what);

	if (st != IFC_ST_OK)
		return st;
	st = fwsim_table_add(&v->obj[type], obj);
	if (st != IFC_ST_OK) {
		fwsim_obj_unlink(v, type, obj);
		*what = "number";
		return st;
	}
	if (type == FWSIM_OBJ_EQ)
		obj_find_eqs(v);
	if (type == FWSIM_OBJ_QP && ((struct fwsim_qp *)obj)->st == IFC_QP_ST_QP1 &&
	    (!v->gsi_qpn || obj->id < v->gsi_qpn))
		v->gsi_qpn = obj->id;
	return IFC_ST_OK;
}

void fwsim_obj_free(enum fwsim_obj_type type, struct fwsim_obj *obj)
{
	struct fwsim_pas *pas = obj_pas(type, obj);

	if (pas)
		fwsim_pas_free(pas);
	if (type == FWSIM_OBJ_QP) {
		fwsim_wait_cancel(&((struct fwsim_qp *)obj)->wait);
		fwsim_roce_free((struct fwsim_qp *)obj);
	}
	if (type == FWSIM_OBJ_CQ)
		fwsim_wait_cancel(&((struct fwsim_cq *)obj)->wait);
	free(obj);
}

void fwsim_obj_destroy(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj)
{
	if (type == FWSIM_OBJ_QP)
		fwsim_qp_unschedule((struct fwsim_qp *)obj);
	if (type == FWSIM_OBJ_SQ)
		fwsim_sq_unschedule((struct fwsim_sq *)obj);
	if (type == FWSIM_OBJ_EQ)
		fwsim_fault_forget_eq(v, obj->id);
	fwsim_table_del(&v->obj[type], obj->id);
	fwsim_obj_unlink(v, type, obj);
	if (type == FWSIM_OBJ_EQ)
		obj_find_eqs(v);
	if (type == FWSIM_OBJ_QP && obj->id == v->gsi_qpn)
		obj_find_gsi(v, obj->id);
	fwsim_obj_free(type, obj);
}

void fwsim_obj_destroy_all(struct fwsim_vhca *v)
{
	struct fwsim_obj *obj;
	unsigned int i;

	fwsim_page_track_drop(v); /* they use QPs */
	fwsim_flow_drop(v);	  /* they use TIRs */
	for (i = 0; i < FWSIM_OBJ_TYPES; i++) {
		struct fwsim_table *t = &v->obj[obj_destroy_order[i]];
		uint32_t id = 0;

		while ((obj = fwsim_table_next(t, id))) {
			id = obj->id;
			fwsim_obj_destroy(v, obj_destroy_order[i], obj);
		}
	}
	v->pas_used = 0;
}

void fwsim_obj_fini(struct fwsim_vhca *v)
{
	unsigned int i;

	fwsim_obj_destroy_all(v);
	for (i = 0; i < FWSIM_OBJ_TYPES; i++)
		fwsim_table_fini(&v->obj[i]);
}

void fwsim_obj_own(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj)
{
	if (type == FWSIM_OBJ_QP)
		((struct fwsim_qp *)obj)->vhca = v;
	if (type == FWSIM_OBJ_SQ)
		((struct fwsim_sq *)obj)->vhca = v;
}

enum ifc_status fwsim_obj_relink(struct fwsim_vhca *v)
{
	enum ifc_status st;
	struct fwsim_obj *obj;
	const char *what;
	unsigned int i;

	v->pas_used = 0;
	for (i = 0; i < FWSIM_OBJ_TYPES; i++)
		fwsim_table_for_each(&v->obj[i], obj)
			obj->refs = 0;
	for (i = 0; i < FWSIM_OBJ_TYPES; i++) {
		fwsim_table_for_each(&v->obj[i], obj) {
			st = fwsim_obj_link(v, (enum fwsim_obj_type)i, obj, &what);
			if (st != IFC_ST_OK)
				return st;
			fwsim_obj_own(v, (enum fwsim_obj_type)i, obj);
		}
	}
	obj_find_eqs(v);
	obj_find_gsi(v, 0);
	return fwsim_flow_relink(v);
}
