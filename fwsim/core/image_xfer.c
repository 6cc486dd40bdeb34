// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fields of a state image, each named once for all directions, with the range it may have; and
 * the checks between objects. The frame around them is image.c's.
 *
 * An object's context is stored as the driver gave it and decoded again on load by the function that
 * its CREATE command uses; beside it go the page list and what has changed since.
 */
#include "eth.h"
#include "flow.h"
#include "image.h"
#include "umem.h"

#include <stdarg.h>

/* Longest time that a wait may still have to go: 2^48 ns, 78 hours. */
#define WAIT_MAX (1ULL << 48)

void fwsim_xfer_bad(struct fwsim_xfer *x, enum ifc_status status, const char *fmt, ...)
{
	int n = 0;
	va_list ap;

	if (x->bad)
		return;
	x->bad = true;
	x->status = status;
	if (!x->why_len)
		return;
	if (x->what)
		n = snprintf(x->why, x->why_len, "%s 0x%x: ", x->what, x->id);
	if (n < 0 || (size_t)n >= x->why_len)
		return;
	va_start(ap, fmt);
	vsnprintf(x->why + n, x->why_len - (size_t)n, fmt, ap);
	va_end(ap);
}

/* ---- primitives. After a refusal all of them read zero. ------------------------------------ */

void fwsim_xfer_raw(struct fwsim_xfer *x, void *p, size_t len)
{
	switch (x->mode) {
	case FWSIM_XFER_SIZE:
		break;
	case FWSIM_XFER_HASH:
		x->hash = fwsim_crc64(x->hash, p, len);
		break;
	case FWSIM_XFER_SAVE:
		if (len > x->end - x->pos)
			fwsim_xfer_bad(x, IFC_ST_INTERNAL_ERR, "buffer too small");
		if (x->bad)
			return;
		memcpy(x->out + x->pos, p, len);
		break;
	case FWSIM_XFER_LOAD:
		if (len > x->end - x->pos)
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "its section ends early");
		if (x->bad) {
			memset(p, 0, len);
			return;
		}
		memcpy(p, x->in + x->pos, len);
		break;
	}
	x->pos += len;
}

static uint64_t in_range(struct fwsim_xfer *x, uint64_t v, uint64_t max, const char *name)
{
	if (x->mode != FWSIM_XFER_LOAD || v <= max)
		return v;
	fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%s 0x%llx is above 0x%llx", name,
		       (unsigned long long)v, (unsigned long long)max);
	return 0;
}

static uint32_t xfer_val32(struct fwsim_xfer *x, uint32_t v, uint32_t max, const char *name)
{
	uint8_t b[4];

	ifc_st32(b, v);
	fwsim_xfer_raw(x, b, sizeof(b));
	return (uint32_t)in_range(x, ifc_ld32(b), max, name);
}

void fwsim_xfer_u64(struct fwsim_xfer *x, uint64_t *v)
{
	uint8_t b[8];

	ifc_st64(b, *v);
	fwsim_xfer_raw(x, b, sizeof(b));
	*v = ifc_ld64(b);
}

/* Numbers of every width take four bytes. */
void fwsim_xfer_u32(struct fwsim_xfer *x, uint32_t *v, uint32_t max, const char *name)
{
	*v = xfer_val32(x, *v, max, name);
}

static void xfer_u16(struct fwsim_xfer *x, uint16_t *v, uint16_t max, const char *name)
{
	*v = (uint16_t)xfer_val32(x, *v, max, name);
}

void fwsim_xfer_u8(struct fwsim_xfer *x, uint8_t *v, uint8_t max, const char *name)
{
	*v = (uint8_t)xfer_val32(x, *v, max, name);
}

static void xfer_bool(struct fwsim_xfer *x, bool *v, const char *name)
{
	*v = xfer_val32(x, *v, 1, name);
}

/* A point in time, 0 for none, as what is left of it: the next host has another clock. */
static void xfer_time(struct fwsim_xfer *x, uint64_t *at, const char *name)
{
	uint64_t left = 0;

	if (*at)
		left = *at > x->now ? *at - x->now : 1;
	if (x->mode == FWSIM_XFER_HASH)
		left = left != 0;
	fwsim_xfer_u64(x, &left);
	left = in_range(x, left, WAIT_MAX, name);
	if (x->mode == FWSIM_XFER_LOAD)
		*at = left ? x->now + left : 0;
}

/* How many entries of @size bytes follow. No more than there are bytes for, so it may be allocated. */
uint32_t fwsim_xfer_count(struct fwsim_xfer *x, uint32_t n, size_t size, const char *name)
{
	n = xfer_val32(x, n, UINT32_MAX, name);
	if (x->mode != FWSIM_XFER_LOAD || x->bad || n <= (x->end - x->pos) / size)
		return n;
	fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "its section ends before %u %s", n, name);
	return 0;
}

static void *xfer_alloc(struct fwsim_xfer *x, size_t n, size_t size)
{
	void *p = n ? calloc(n, size) : NULL;

	if (n && !p)
		fwsim_xfer_bad(x, IFC_ST_NO_RESOURCES, "no memory");
	return p;
}

/* @n addresses of pages of 2^@log_size bytes; @want: how many there must be, or ANY. */
#define ANY UINT64_MAX
static void xfer_addrs(struct fwsim_xfer *x, uint64_t **addr, uint32_t *n, unsigned int log_size,
		       uint64_t want)
{
	*n = fwsim_xfer_count(x, *n, 8, "page addresses");
	if (x->mode == FWSIM_XFER_LOAD) {
		if (want != ANY && *n != want)
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%u pages of 2^%u bytes, not %llu", *n,
				       log_size, (unsigned long long)want);
		*addr = xfer_alloc(x, *n, sizeof(**addr));
		if (!*addr)
			*n = 0;
	}
	for (uint32_t i = 0; i < *n && !x->bad; i++) {
		fwsim_xfer_u64(x, &(*addr)[i]);
		if (x->mode == FWSIM_XFER_LOAD && (*addr)[i] & ((1ULL << log_size) - 1))
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
				       "page address 0x%llx is no multiple of its page size",
				       (unsigned long long)(*addr)[i]);
	}
}

/*
 * The list of an object whose context has been decoded, so that the page size is known: as many pages
 * as @need bytes take.
 */
static void xfer_pas(struct fwsim_xfer *x, struct fwsim_pas *pas, uint64_t need)
{
	xfer_addrs(x, &pas->addr, &pas->n, pas->log_size,
		   (need >> pas->log_size) + !!(need & ((1ULL << pas->log_size) - 1)));
}

/* The context of an object; on load @decode then makes the fields of it. */
#define xfer_ctx(x, obj, decode)                                                                   \
	do {                                                                                       \
		fwsim_xfer_raw((x), (obj)->ctx, sizeof((obj)->ctx));                                     \
		if ((x)->mode == FWSIM_XFER_LOAD && !(x)->bad && decode(obj) != IFC_ST_OK)         \
			fwsim_xfer_bad((x), IFC_ST_BAD_PARAM,                                      \
				       "its context is not one that CREATE accepts");              \
	} while (0)

/* ---- objects -------------------------------------------------------------------------------- */

static void xfer_simple(struct fwsim_xfer *x, void *obj)
{
	(void)x;
	(void)obj;
}

static void xfer_mkey(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_mkey *m = obj;

	xfer_ctx(x, m, fwsim_mkey_decode);
	if (!m->umr)
		return xfer_pas(x, &m->mtt, fwsim_mkey_need(m));
	xfer_addrs(x, &m->mtt.addr, &m->mtt.n, m->mtt.log_size, ANY);
	if (x->mode == FWSIM_XFER_LOAD && (uint64_t)m->mtt.n << m->mtt.log_size < fwsim_mkey_need(m))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%u pages do not cover its range", m->mtt.n);
}

static void xfer_umem(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_umem *u = obj;

	xfer_ctx(x, u, fwsim_umem_decode);
	xfer_pas(x, &u->buf, fwsim_umem_bytes(u));
}

/* The umems that an object is in: whether they are there is checked when all objects are. */
static void xfer_umem_uses(struct fwsim_xfer *x, uint32_t *umem)
{
	for (unsigned int i = 0; i < FWSIM_UMEM_USES; i++)
		fwsim_xfer_u32(x, &umem[i], 0xffffff, "umem");
}

static void xfer_eq(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_eq *eq = obj;

	xfer_ctx(x, eq, fwsim_eq_decode);
	xfer_pas(x, &eq->buf, 64ULL << eq->log_size);
	for (unsigned int i = 0; i < 4; i++)
		fwsim_xfer_u64(x, &eq->mask[i]);
	fwsim_xfer_u32(x, &eq->pi, 0xffffff, "producer index");
	fwsim_xfer_u32(x, &eq->ci, 0xffffff, "consumer index");
	if (x->mode == FWSIM_XFER_LOAD && ((eq->pi - eq->ci) & 0xffffff) > 1u << eq->log_size)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "more entries than it has room for");
	xfer_bool(x, &eq->armed, "armed");
	xfer_bool(x, &eq->overrun, "overrun");
	xfer_bool(x, &eq->db_latched, "latched doorbell");
	xfer_bool(x, &eq->db_arm, "arm of the latched doorbell");
	fwsim_xfer_u32(x, &eq->db_ci, 0xffffff, "index of the latched doorbell");
	xfer_bool(x, &eq->port_latched, "latched PORT_CHANGE");
}

static void xfer_cq(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_cq *cq = obj;

	xfer_ctx(x, cq, fwsim_cq_decode);
	xfer_pas(x, &cq->buf, cq->page_offset + (64ULL << cq->log_size));
	fwsim_xfer_u32(x, &cq->pi, 0xffffff, "producer index");
	fwsim_xfer_u32(x, &cq->ci, 0xffffff, "consumer index");
	fwsim_xfer_u32(x, &cq->last_notified, 0xffffff, "last notified index");
	fwsim_xfer_u32(x, &cq->last_solicited, 0xffffff, "last solicited index");
	fwsim_xfer_u8(x, &cq->arm, FWSIM_ARM_SOLICITED, "arm state");
	xfer_bool(x, &cq->error, "error");
	xfer_bool(x, &cq->db_latched, "latched doorbell");
	fwsim_xfer_u32(x, &cq->db_word, UINT32_MAX, "latched arm word");
	xfer_umem_uses(x, cq->umem);
}

static void xfer_srq(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_srq *srq = obj;

	fwsim_xfer_u8(x, &srq->kind, FWSIM_SRQ_RMP, "kind");
	xfer_ctx(x, srq, fwsim_srq_decode);
	xfer_pas(x, &srq->buf, fwsim_srq_ring_bytes(srq));
	xfer_u16(x, &srq->next, UINT16_MAX, "next WQE");
	xfer_u16(x, &srq->ci, UINT16_MAX, "WQEs taken");
	xfer_u16(x, &srq->lwm, UINT16_MAX, "limit");
	xfer_bool(x, &srq->error, "error");
	if (x->mode == FWSIM_XFER_LOAD && srq->next >= 1u << srq->log_size)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "its next WQE is %u of %u", srq->next,
			       1u << srq->log_size);
}

/* Both rings, one behind the other. */
static uint64_t qp_ring_bytes(const struct fwsim_qp *qp)
{
	uint64_t n = qp->page_offset;

	if (qp->has_rq)
		n += 1ULL << (qp->log_rq_size + qp->log_rq_stride);
	if (qp->has_sq)
		n += 64ULL << qp->log_sq_size;
	return n;
}

static void xfer_qp(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_qp *qp = obj;

	xfer_ctx(x, qp, fwsim_qp_decode);
	xfer_pas(x, &qp->buf, qp_ring_bytes(qp));
	fwsim_xfer_u8(x, &qp->state, IFC_QP_ERR, "state");
	xfer_u16(x, &qp->sq_ci, UINT16_MAX, "send consumer index");
	xfer_u16(x, &qp->sq_pi, UINT16_MAX, "send producer index");
	xfer_u16(x, &qp->rq_ci, UINT16_MAX, "receive consumer index");
	fwsim_xfer_u32(x, &qp->sq_off, 1u << 31, "offset in the message");
	xfer_bool(x, &qp->drop, "message that reaches nobody");
	fwsim_xfer_u32(x, &qp->srq_taken, 0xffffff, "SRQ of the WQE taken");
	xfer_u16(x, &qp->srq_wqe, UINT16_MAX, "WQE taken of an SRQ");
	fwsim_xfer_u8(x, &qp->retry_left, 7, "retries left");
	fwsim_xfer_u8(x, &qp->rnr_left, 7, "RNR retries left");
	xfer_time(x, &qp->wait_until, "wait");
	xfer_time(x, &qp->give_up_at, "time to give up");
	xfer_bool(x, &qp->db_pending, "pending doorbell");
	fwsim_xfer_roce(x, qp);
	xfer_umem_uses(x, qp->umem);
}

static void xfer_q_counter(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_q_counter *q = obj;

	fwsim_xfer_u32(x, &q->out_of_buffer, UINT32_MAX, "out_of_buffer");
}

static void xfer_tis(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_tis *tis = obj;

	xfer_ctx(x, tis, fwsim_tis_decode);
}

static void xfer_wq_state(struct fwsim_xfer *x, uint8_t *state)
{
	fwsim_xfer_u8(x, state, FWSIM_WQ_ERR, "state");
	if (x->mode == FWSIM_XFER_LOAD && *state == FWSIM_WQ_RDY + 1)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "there is no state %u", *state);
}

static void xfer_sq(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_sq *sq = obj;

	xfer_ctx(x, sq, fwsim_sq_decode);
	xfer_pas(x, &sq->wq.buf, fwsim_wq_bytes(&sq->wq));
	xfer_wq_state(x, &sq->state);
	xfer_u16(x, &sq->ci, UINT16_MAX, "consumer index");
	xfer_u16(x, &sq->pi, UINT16_MAX, "producer index");
	xfer_bool(x, &sq->db_pending, "pending doorbell");
}

static void xfer_rq(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_rq *rq = obj;

	xfer_ctx(x, rq, fwsim_rq_decode);
	xfer_pas(x, &rq->wq.buf, fwsim_wq_bytes(&rq->wq));
	xfer_wq_state(x, &rq->state);
	xfer_u16(x, &rq->ci, UINT16_MAX, "consumer index");
	xfer_u16(x, &rq->wqe, UINT16_MAX, "WQE in use");
	xfer_u16(x, &rq->stride, UINT16_MAX, "stride");
	if (x->mode == FWSIM_XFER_LOAD &&
	    (fwsim_wq_striding(&rq->wq) ?
		     rq->wqe >> rq->wq.log_size || rq->stride >> rq->wq.log_strides :
		     rq->wqe || rq->stride))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "stride %u of WQE %u", rq->stride, rq->wqe);
}

static void xfer_rqt(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_rqt *rqt = obj;

	xfer_u16(x, &rqt->max, 1u << FWSIM_LOG_RQT_SIZE, "room");
	xfer_u16(x, &rqt->n, 1u << FWSIM_LOG_RQT_SIZE, "entries");
	if (x->mode == FWSIM_XFER_LOAD && (!rqt->n || rqt->n > rqt->max))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%u entries, room for %u", rqt->n, rqt->max);
	for (unsigned int i = 0; i < rqt->n && !x->bad; i++)
		fwsim_xfer_u32(x, &rqt->rq[i], 0xffffff, "RQ number");
}

static void xfer_tir(struct fwsim_xfer *x, void *obj)
{
	struct fwsim_tir *tir = obj;

	xfer_ctx(x, tir, fwsim_tir_decode);
}

static const struct xfer_type {
	const char *name;
	size_t size;
	void (*fields)(struct fwsim_xfer *x, void *obj);
} xfer_types[] = {
	[FWSIM_OBJ_UAR] = { "UAR", sizeof(struct fwsim_uar), xfer_simple },
	[FWSIM_OBJ_PD] = { "PD", sizeof(struct fwsim_pd), xfer_simple },
	[FWSIM_OBJ_TD] = { "transport domain", sizeof(struct fwsim_obj), xfer_simple },
	[FWSIM_OBJ_XRCD] = { "XRCD", sizeof(struct fwsim_obj), xfer_simple },
	[FWSIM_OBJ_MKEY] = { "mkey", sizeof(struct fwsim_mkey), xfer_mkey },
	[FWSIM_OBJ_EQ] = { "EQ", sizeof(struct fwsim_eq), xfer_eq },
	[FWSIM_OBJ_CQ] = { "CQ", sizeof(struct fwsim_cq), xfer_cq },
	[FWSIM_OBJ_SRQ] = { "SRQ", sizeof(struct fwsim_srq), xfer_srq },
	[FWSIM_OBJ_QP] = { "QP", sizeof(struct fwsim_qp), xfer_qp },
	[FWSIM_OBJ_Q_COUNTER] = { "Q counter", sizeof(struct fwsim_q_counter), xfer_q_counter },
	[FWSIM_OBJ_TIS] = { "TIS", sizeof(struct fwsim_tis), xfer_tis },
	[FWSIM_OBJ_SQ] = { "SQ", sizeof(struct fwsim_sq), xfer_sq },
	[FWSIM_OBJ_RQ] = { "RQ", sizeof(struct fwsim_rq), xfer_rq },
	[FWSIM_OBJ_RQT] = { "RQT", sizeof(struct fwsim_rqt), xfer_rqt },
	[FWSIM_OBJ_TIR] = { "TIR", sizeof(struct fwsim_tir), xfer_tir },
	[FWSIM_OBJ_UMEM] = { "umem", sizeof(struct fwsim_umem), xfer_umem },
};
_Static_assert(sizeof(xfer_types) / sizeof(xfer_types[0]) == FWSIM_OBJ_TYPES,
	       "every type of object is in the image");
_Static_assert(FWSIM_IMAGE_SEC_FLOW - FWSIM_IMAGE_SEC_UAR == FWSIM_OBJ_TYPES,
	       "every type of object has a section");

static void load_objs(struct fwsim_xfer *x, struct fwsim_vhca *v, enum fwsim_obj_type type,
		      uint32_t n)
{
	const struct xfer_type *xt = &xfer_types[type];
	uint32_t last = 0;

	for (uint32_t i = 0; i < n && !x->bad; i++) {
		struct fwsim_obj *obj = xfer_alloc(x, 1, xt->size);
		enum ifc_status st;

		if (!obj)
			return;
		fwsim_xfer_u32(x, &x->id, 0xffffff, "number");
		if (i && x->id <= last)
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "not above the one before it, 0x%x",
				       last);
		last = obj->id = x->id;
		fwsim_obj_own(v, type, obj);
		xt->fields(x, obj);
		if (!x->bad) {
			st = fwsim_table_add_at(&v->obj[type], obj, x->id);
			if (st == IFC_ST_OK)
				continue;
			fwsim_xfer_bad(x, st, "no such number on this card");
		}
		fwsim_obj_free(type, obj);
	}
}

static void xfer_objs(struct fwsim_xfer *x, struct fwsim_vhca *v, enum fwsim_obj_type type)
{
	const struct xfer_type *xt = &xfer_types[type];
	struct fwsim_obj *obj;
	uint32_t n;

	x->what = xt->name;
	x->id = 0;
	n = fwsim_xfer_count(x, v->obj[type].used, 4, "objects");
	if (n > v->obj[type].max)
		fwsim_xfer_bad(x, IFC_ST_LIM_ERR, "%u of them, %u are possible", n,
			       v->obj[type].max);
	if (x->mode == FWSIM_XFER_LOAD) {
		load_objs(x, v, type, n);
	} else {
		fwsim_table_for_each(&v->obj[type], obj) {
			x->id = obj->id;
			fwsim_xfer_u32(x, &x->id, UINT32_MAX, "number");
			xt->fields(x, obj);
		}
	}
	x->what = NULL;
}

/* ---- the VHCA itself ------------------------------------------------------------------------ */

static void xfer_vhca(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	uint32_t hca = v->hca;
	uint64_t timer = x->mode == FWSIM_XFER_HASH ? 0 : x->now + v->timer_base;

	fwsim_xfer_u32(x, &hca, FWSIM_HCA_INIT, "HCA state");
	xfer_u16(x, &v->issi, 1, "ISSI");
	fwsim_xfer_u8(x, &v->nic_interface, 7, "nic_interface");
	fwsim_xfer_u8(x, &v->health_synd, UINT8_MAX, "health syndrome");
	fwsim_xfer_u32(x, &v->cmd_pending, UINT32_MAX, "pending commands");
	fwsim_xfer_u32(x, &v->cmd_polled, UINT32_MAX, "polled commands");
	fwsim_xfer_u64(x, &v->cmdq_addr);
	fwsim_xfer_u64(x, &timer);
	fwsim_xfer_u64(x, &v->db_half_off);
	fwsim_xfer_u32(x, &v->db_half, UINT32_MAX, "half of a doorbell");
	if (x->mode != FWSIM_XFER_LOAD)
		return;
	v->hca = (enum fwsim_hca_state)hca;
	v->timer_base = timer - x->now; /* wraps: the clock here may be ahead */
	if (v->cmdq_addr % FWSIM_PAGE)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "address of the command queue 0x%llx",
			       (unsigned long long)v->cmdq_addr);
	if (v->db_half_off % 4 || v->db_half_off >= 1u << FWSIM_LOG_VF_BAR)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "place of half a doorbell 0x%llx",
			       (unsigned long long)v->db_half_off);
}

/* What the driver has chosen, less the one field that says where it runs. */
static void xfer_caps(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	for (unsigned int i = 0; i < FWSIM_CAP_TYPES; i++) {
		bool set = v->cap_cur[i];
		uint8_t block[4096];

		xfer_bool(x, &set, "capability block is set");
		if (!set)
			continue;
		if (x->mode != FWSIM_XFER_LOAD) {
			memcpy(block, v->cap_cur[i], sizeof(block));
			if (i == 0)
				IFC_SET(cmd_hca_cap, block, vhca_id, 0);
		}
		fwsim_xfer_raw(x, block, sizeof(block));
		if (x->mode != FWSIM_XFER_LOAD)
			continue;
		if (i == 0 && IFC_GET(cmd_hca_cap, block, vhca_id))
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "the capabilities name a vhca_id");
		if (!x->bad && !fwsim_cap_block_ok(v, i, block))
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
				       "capability block %u is not one that SET_HCA_CAP leaves", i);
		v->cap_cur[i] = xfer_alloc(x, 1, sizeof(block));
		if (v->cap_cur[i])
			memcpy(v->cap_cur[i], block, sizeof(block));
	}
}

static int cmp_addr(const void *a, const void *b)
{
	uint64_t l = *(const uint64_t *)a, r = *(const uint64_t *)b;

	return l < r ? -1 : l > r;
}

/* MANAGE_PAGES takes no page twice. */
static void check_pages(struct fwsim_xfer *x, const struct fwsim_vhca *v)
{
	uint64_t *sorted = xfer_alloc(x, v->pages_n, sizeof(*sorted));

	if (!sorted)
		return;
	memcpy(sorted, v->page, v->pages_n * sizeof(*sorted));
	qsort(sorted, v->pages_n, sizeof(*sorted), cmp_addr);
	for (uint32_t i = 1; i < v->pages_n; i++)
		if (sorted[i] == sorted[i - 1])
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "page 0x%llx is there twice",
				       (unsigned long long)sorted[i]);
	free(sorted);
}

static void xfer_pages(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	xfer_addrs(x, &v->page, &v->pages_n, 12, ANY);
	if (x->mode != FWSIM_XFER_LOAD)
		return;
	v->pages_cap = v->pages_n;
	if (v->pages_n > FWSIM_MAX_PAGES)
		fwsim_xfer_bad(x, IFC_ST_LIM_ERR, "%u pages, at most %u can be held", v->pages_n,
			       FWSIM_MAX_PAGES);
	if (!x->bad)
		check_pages(x, v);
}

static void xfer_traffic(struct fwsim_xfer *x, struct fwsim_traffic *t)
{
	fwsim_xfer_u64(x, &t->packets);
	fwsim_xfer_u64(x, &t->octets);
}

static void xfer_vport(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	struct fwsim_vport *vp = &v->vport;
	IFC_BUF(nic_vport_context, ctx);

	/* what is to be told of changes is the PF's business, and another PF's there */
	memcpy(ctx, vp->ctx, sizeof(ctx));
	if (x->mode != FWSIM_XFER_LOAD)
		ifc_st32(ctx + FWSIM_VPORT_ARMED_OFF, 0);
	fwsim_xfer_raw(x, ctx, sizeof(ctx));
	if (x->mode == FWSIM_XFER_LOAD)
		memcpy(vp->ctx, ctx, sizeof(ctx));
	if (x->mode == FWSIM_XFER_LOAD && ifc_ld32(ctx + FWSIM_VPORT_ARMED_OFF))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "its vport has armed events");
	for (unsigned int i = 0; i < FWSIM_VPORT_LISTS; i++) {
		vp->list_n[i] = fwsim_xfer_count(x, vp->list_n[i], 8, "list entries");
		if (x->mode == FWSIM_XFER_LOAD && vp->list_n[i] > fwsim_vport_list_max[i])
			fwsim_xfer_bad(x, IFC_ST_LIM_ERR, "%u list entries, at most %u",
				       vp->list_n[i], fwsim_vport_list_max[i]);
		if (x->mode == FWSIM_XFER_LOAD)
			vp->list[i] = xfer_alloc(x, vp->list_n[i], 8);
		if (vp->list[i])
			fwsim_xfer_raw(x, vp->list[i], (size_t)vp->list_n[i] * 8);
	}
	for (unsigned int i = 0; i < FWSIM_CASTS; i++) {
		xfer_traffic(x, &vp->rx[i]);
		xfer_traffic(x, &vp->tx[i]);
	}
	xfer_traffic(x, &vp->loopback);
	fwsim_xfer_u64(x, &vp->rx_down);
	fwsim_xfer_u64(x, &vp->tx_down);
	fwsim_xfer_u64(x, &vp->rx_unsteered);
}

void fwsim_xfer_section(struct fwsim_xfer *x, struct fwsim_vhca *v,
			enum fwsim_image_section section)
{
	switch (section) {
	case FWSIM_IMAGE_SEC_VHCA:
		return xfer_vhca(x, v);
	case FWSIM_IMAGE_SEC_CAPS:
		return xfer_caps(x, v);
	case FWSIM_IMAGE_SEC_PAGES:
		return xfer_pages(x, v);
	case FWSIM_IMAGE_SEC_VPORT:
		return xfer_vport(x, v);
	case FWSIM_IMAGE_SEC_GID:
		return fwsim_xfer_raw(x, v->gid, sizeof(v->gid));
	case FWSIM_IMAGE_SEC_FLOW:
		return fwsim_xfer_flow(x, v);
	default:
		return xfer_objs(x, v, (enum fwsim_obj_type)(section - FWSIM_IMAGE_SEC_UAR));
	}
}

/* ---- checks between objects ----------------------------------------------------------------- */

/* A QP that is not of XRC has no SRQ of XRC. It may hold a WQE of its own SRQ, or, for XRC, of one in its domain. */
static void check_srq(struct fwsim_xfer *x, struct fwsim_vhca *v, const struct fwsim_qp *qp)
{
	const struct fwsim_srq *srq = fwsim_table_get(&v->obj[FWSIM_OBJ_SRQ], qp->srqn);

	if (qp->has_srq && qp->st != IFC_QP_ST_XRC && srq && !fwsim_qp_may_use_srq(qp, srq))
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "SRQ 0x%x is one of XRC", qp->srqn);
	if (!qp->srq_taken)
		return;
	srq = fwsim_table_get(&v->obj[FWSIM_OBJ_SRQ], qp->srq_taken);
	if (!srq || !fwsim_qp_may_use_srq(qp, srq) || qp->srq_wqe >= 1u << srq->log_size)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "it holds WQE %u of SRQ 0x%x", qp->srq_wqe,
			       qp->srq_taken);
}

void fwsim_xfer_check(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	struct fwsim_obj *obj;
	struct fwsim_eq *eq;
	struct fwsim_qp *qp;

	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++) {
		const char *what;
		uint32_t id;

		x->what = xfer_types[t].name;
		fwsim_table_for_each(&v->obj[t], obj) {
			x->id = obj->id;
			if (fwsim_obj_missing(v, (enum fwsim_obj_type)t, obj, &what, &id))
				fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
					       "it names %s 0x%x, which is not there", what, id);
		}
	}
	x->what = xfer_types[FWSIM_OBJ_EQ].name;
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_EQ], eq) {
		x->id = eq->obj.id;
		if (eq->vector >= v->fw->cfg.vf_msix)
			fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "vector %u, there are %u", eq->vector,
				       v->fw->cfg.vf_msix);
	}
	x->what = xfer_types[FWSIM_OBJ_QP].name;
	fwsim_table_for_each(&v->obj[FWSIM_OBJ_QP], qp) {
		x->id = qp->obj.id;
		check_srq(x, v, qp);
	}
	x->what = NULL;
	if (!x->bad) {
		enum ifc_status st = fwsim_obj_relink(v);

		if (st != IFC_ST_OK)
			fwsim_xfer_bad(x, st, "references between objects do not resolve");
	}
}

void fwsim_xfer_discard(struct fwsim_vhca *v)
{
	struct fwsim_obj *obj;

	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++) {
		for (uint32_t id = 0; (obj = fwsim_table_next(&v->obj[t], id));) {
			id = obj->id;
			fwsim_table_del(&v->obj[t], id);
			fwsim_obj_free((enum fwsim_obj_type)t, obj);
		}
		fwsim_table_fini(&v->obj[t]);
	}
	fwsim_flow_free(v->flow);
	for (unsigned int i = 0; i < FWSIM_CAP_TYPES; i++)
		free(v->cap_cur[i]);
	for (unsigned int i = 0; i < FWSIM_VPORT_LISTS; i++)
		free(v->vport.list[i]);
	free(v->page);
}
