// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a frame into a VHCA: steering, TIR, RQT, RQ, memory, completion.
 *
 * Receive WQEs have no doorbell: the record of an RQ is read when those known to be posted are used up. A
 * frame for which there is no WQE is counted (out_of_buffer) and gone, one that is longer than the WQE's
 * memory is gone, and the WQE stays. Memory that cannot be written is an error of the queue: its WQE is
 * completed with an error, and the RQ is in ERR. MODIFY_RQ leads out of it.
 */
#include "eth_rx.h"

#define TABLE_NIC_RX 0

#define WQE_SEG 16u
#define RX_WQE_MAX 2048u /* log_wq_stride 11 */
#define RX_LEN_MASK 0x7fffffffu /* of byte_count; bit 31 may ask for padding at the start */

#define ADDRS 12u
#define ETH_HLEN 14u
#define TAG_LEN 4u

#define PROTO_TCP 6
#define PROTO_UDP 17
#define TCP_ACK 0x10

/* CQE: hds_ip_ext, l4_l3_hdr_type. */
#define CQE_L2_OK 0x01u
#define CQE_L3_OK 0x02u
#define CQE_L4_OK 0x04u
#define CQE_VLAN 0x01u
#define CQE_L3_IPV6 (1u << 2)
#define CQE_L3_IPV4 (2u << 2)
#define CQE_L4_TCP (1u << 4)
#define CQE_L4_UDP (2u << 4)
#define CQE_L4_TCP_ACK (3u << 4)
#define CQE_L4_TCP_ACK_DATA (4u << 4)

/* Where the next bytes go. */
struct rx_scatter {
	struct fwsim_vhca *v;
	const uint8_t *seg, *end;
	uint32_t off; /* in the segment */
	uint32_t pd;
	bool rlky;
};

/* ---- what the card finds out about a frame --------------------------------------------------- */

static uint16_t sum_add(uint32_t a, uint32_t b)
{
	a += b;
	return (uint16_t)((a & 0xffff) + (a >> 16));
}

/* Sum of [from, to), which is at an odd place of the whole if @odd. */
static uint16_t sum_part(const struct fwsim_frame *f, uint32_t from, uint32_t to, bool odd)
{
	uint16_t s = fwsim_csum(f->data + from, to - from, 0);

	if (odd)
		s = (uint16_t)(s << 8 | s >> 8);
	return s;
}

static uint8_t l4_type(const struct fwsim_frame *f)
{
	if (!f->payload)
		return 0;
	if (f->ip_protocol == PROTO_UDP)
		return CQE_L4_UDP;
	if (!(f->data[f->l4 + 13] & TCP_ACK))
		return CQE_L4_TCP;
	return f->l3_end > f->payload ? CQE_L4_TCP_ACK_DATA : CQE_L4_TCP_ACK;
}

/*
 * One pass over the frame for both: the sum of everything behind the Ethernet header, and whether the
 * checksums in it are right.
 */
static void rx_look(struct rx *rx)
{
	const struct fwsim_frame *f = rx->f;
	uint32_t l4 = f->payload ? f->l4 : f->l3_end;
	uint16_t l3, rest;

	if (rx->summed)
		return;
	rx->summed = true;
	rx->ok = CQE_L2_OK;
	if (!f->l3) {
		rx->sum = sum_part(f, ETH_HLEN, f->len, false);
		return;
	}
	rx->types = (uint8_t)((f->ip_version == 4 ? CQE_L3_IPV4 : CQE_L3_IPV6) | l4_type(f));
	rx->sum = sum_part(f, ETH_HLEN, f->l3, false);
	l3 = sum_part(f, f->l3, l4, false);
	rx->sum = sum_add(rx->sum, l3);
	if (f->ip_version == 6 ||
	    fwsim_csum(f->data + f->l3, 4u * (f->data[f->l3] & 0xf), 0) == 0xffff)
		rx->ok |= CQE_L3_OK;
	if (f->payload) {
		uint8_t udp = f->ip_protocol == PROTO_UDP;
		bool none = udp && !ifc_ld16(f->data + f->l4 + 6);

		rest = sum_part(f, l4, f->l3_end, false);
		rx->sum = sum_add(rx->sum, rest);
		if (!none &&
		    sum_add(rest, fwsim_csum_pseudo(f, f->l3_end - f->l4)) == 0xffff)
			rx->ok |= CQE_L4_OK;
	}
	rx->sum = sum_add(rx->sum, sum_part(f, f->l3_end, f->len, (f->l3_end - ETH_HLEN) & 1));
}

/* ---- the ring -------------------------------------------------------------------------------- */

int rx_posted(struct fwsim_vhca *v, struct fwsim_rq *rq)
{
	uint8_t be[4];

	if (!rq->posted) {
		if (fwsim_dma_read(v, rq->wq.dbr, be, sizeof(be)))
			return -1;
		rq->posted = (uint16_t)(ifc_ld32(be) - rq->ci);
	}
	return rq->posted != 0;
}

static void rq_used(struct fwsim_rq *rq)
{
	rq->ci++;
	rq->posted--;
}

static int rq_fetch(struct fwsim_vhca *v, struct fwsim_rq *rq, uint8_t *wqe)
{
	size_t stride = (size_t)1 << rq->wq.log_stride;
	uint64_t slot = rq->ci & ((1u << rq->wq.log_size) - 1);

	return fwsim_pas_read(v, &rq->wq.buf, rq->wq.page_offset + slot * stride, wqe, stride);
}

/* Step over used-up segments; false: the list has ended. */
static bool scatter_more(struct rx_scatter *s, uint32_t *room)
{
	for (; s->seg + WQE_SEG <= s->end; s->seg += WQE_SEG, s->off = 0) {
		uint32_t len = ifc_ld32(s->seg) & RX_LEN_MASK;

		if (!len || ifc_ld32(s->seg + 4) == FWSIM_TERM_LKEY)
			return false;
		*room = len - s->off;
		if (*room)
			return true;
	}
	return false;
}

static uint64_t scatter_room(struct rx_scatter s)
{
	uint64_t total = 0;
	uint32_t room;

	for (; scatter_more(&s, &room); s.off += room)
		total += room;
	return total;
}

/* The parts of a frame come in their order. */
static enum fwsim_mkey_fault scatter(void *arg, uint32_t off, const uint8_t *p, uint32_t len)
{
	struct rx_scatter *s = arg;
	enum fwsim_mkey_fault f;
	uint32_t n;

	(void)off;
	for (; len; len -= n, p += n, s->off += n) {
		if (!scatter_more(s, &n))
			return FWSIM_MKEY_BOUNDS;
		if (n > len)
			n = len;
		f = fwsim_lkey_write(s->v, s->rlky, ifc_ld32(s->seg + 4), s->pd,
				     ifc_ld64(s->seg + 8) + s->off, p, n);
		if (f != FWSIM_MKEY_OK)
			return f;
	}
	return FWSIM_MKEY_OK;
}

/* ---- errors ---------------------------------------------------------------------------------- */

void rx_catas(struct fwsim_vhca *v, struct fwsim_rq *rq, const char *why)
{
	fwsim_trace_simple(v, FWSIM_TRACE_QP, rq->obj.id, 0, rq->ci, why);
	rq->state = FWSIM_WQ_ERR;
	fwsim_event_queue(v, IFC_EVENT_WQ_CATAS_ERROR, FWSIM_EVENT_RQ, rq->obj.id);
}

/* An error CQE that ends the WQE in use, and the step over it. False as fwsim_cq_post(). */
static bool rq_end_wqe(struct fwsim_vhca *v, struct fwsim_rq *rq, enum ifc_cqe_synd synd)
{
	struct rx_cqe c = { .counter = rq->ci };
	uint8_t cqe[64];

	if (fwsim_wq_striding(&rq->wq) && rx_stride_rest(v, rq, &c))
		return false;
	fwsim_cqe_init(v, cqe, IFC_CQE_RESP_ERR, 0, rq->obj.id, c.counter);
	memset(cqe + 48, 0, 8); /* no time stamp, the syndrome is there */
	ifc_st16(cqe + 2, c.wqe_id);
	ifc_st32(cqe + 44, c.byte_cnt);
	cqe[55] = (uint8_t)synd;
	if (!fwsim_cq_post(v, rq->cqn, cqe, true))
		return false;
	if (fwsim_wq_striding(&rq->wq))
		rx_stride_used(rq);
	else
		rq_used(rq);
	return true;
}

void fwsim_rq_to_err(struct fwsim_vhca *v, struct fwsim_rq *rq)
{
	unsigned int n;

	rq->state = FWSIM_WQ_ERR;
	if (!IFC_GET(rqc, rq->ctx, flush_in_error_en) || !fwsim_vhca_may_respond(v))
		return;
	rq->posted = 0; /* also what was posted meanwhile */
	if (rx_posted(v, rq) <= 0)
		return;
	for (n = 1u << rq->wq.log_size; n && rq->posted; n--)
		if (!rq_end_wqe(v, rq, IFC_CQE_SYND_WR_FLUSH))
			return;
}

void rx_fail(struct fwsim_vhca *v, struct fwsim_rq *rq, enum ifc_cqe_synd synd, const char *why)
{
	uint16_t ci = rq->ci;

	if (!rq_end_wqe(v, rq, synd)) {
		rx_catas(v, rq, "its CQ takes no completion");
		return;
	}
	fwsim_trace_simple(v, FWSIM_TRACE_QP, rq->obj.id, synd, ci, why);
	fwsim_rq_to_err(v, rq);
}

/* ---- into an RQ ------------------------------------------------------------------------------ */

bool rx_complete(const struct rx_at *at, const struct rx_cqe *c)
{
	const struct fwsim_frame *f = at->rx->f;
	uint16_t sum;
	uint8_t cqe[64];

	rx_look(at->rx);
	fwsim_cqe_init(at->rx->v, cqe, IFC_CQE_RESP_SEND, 0, at->tag & 0xffffff, c->counter);
	ifc_st16(cqe + 2, c->wqe_id);
	ifc_st32(cqe + 12, at->hash);
	cqe[16] = at->hash_type;
	sum = at->rx->sum;
	cqe[29] = at->rx->types;
	if (at->strip) { /* the tag is not part of the frame any more, so also not of its sum */
		sum = sum_add(sum, (uint16_t)~sum_part(f, ETH_HLEN, ETH_HLEN + TAG_LEN, false));
		cqe[29] |= CQE_VLAN;
		ifc_st16(cqe + 30, f->tci);
	}
	ifc_st16(cqe + 20, sum);
	cqe[28] = at->rx->ok;
	ifc_st32(cqe + 32, IFC_GET(rqc, at->rq->ctx, user_index));
	ifc_st32(cqe + 44, c->byte_cnt);
	return fwsim_cq_post(at->rx->v, at->rq->cqn, cqe, false);
}

void rx_count_out_of_buffer(struct fwsim_vhca *v, const struct fwsim_rq *rq)
{
	struct fwsim_q_counter *c = fwsim_table_get(&v->obj[FWSIM_OBJ_Q_COUNTER], rq->counter_set);

	if (c)
		c->out_of_buffer++;
}

enum fwsim_mkey_fault rx_put(const struct rx_at *at, rx_write *write, void *arg)
{
	const uint8_t *data = at->rx->f->data;
	enum fwsim_mkey_fault fault;

	if (!at->strip)
		return write(arg, 0, data, at->len);
	fault = write(arg, 0, data, ADDRS);
	return fault == FWSIM_MKEY_OK ?
		       write(arg, ADDRS, data + ADDRS + TAG_LEN, at->len - ADDRS) : fault;
}

static void rq_receive(const struct rx_at *at)
{
	struct fwsim_rq *rq = at->rq;
	struct fwsim_vhca *v = at->rx->v;
	uint8_t wqe[RX_WQE_MAX] FWSIM_UNCLEARED;
	struct rx_scatter s = {
		.v = v, .seg = wqe, .end = wqe + ((size_t)1 << rq->wq.log_stride),
		.pd = rq->wq.pd, .rlky = IFC_GET(rqc, rq->ctx, rlky),
	};

	switch (rx_posted(v, rq)) {
	case -1:
		rx_catas(v, rq, "the bus refused its doorbell record");
		return;
	case 0:
		rx_count_out_of_buffer(v, rq);
		return;
	}
	if (rq_fetch(v, rq, wqe)) {
		rx_catas(v, rq, "the bus refused its receive WQE");
		return;
	}
	if (at->len > scatter_room(s)) {
		fwsim_trace_note(v, "RQ 0x%x: a frame of %u bytes is longer than its WQE", rq->obj.id,
				 at->len);
		return;
	}
	if (rx_put(at, scatter, &s) != FWSIM_MKEY_OK) {
		rx_fail(v, rq, IFC_CQE_SYND_LOCAL_PROT, "local memory: key, rights, bounds or bus");
		return;
	}
	if (!rx_complete(at, &(struct rx_cqe){ .counter = rq->ci, .byte_cnt = at->len })) {
		rx_catas(v, rq, "its CQ takes no completion");
		return;
	}
	rq_used(rq);
}

/* ---- steering -------------------------------------------------------------------------------- */

static void rx_sink(void *arg, enum fwsim_dest type, uint32_t id, uint32_t flow_tag)
{
	const struct fwsim_rqt *rqt;
	const struct fwsim_tir *tir;
	struct rx *rx = arg;
	struct fwsim_vhca *v = rx->v;
	struct rx_at at = { .rx = rx, .tag = flow_tag };
	struct fwsim_rq *rq;
	uint32_t rqn;

	if (type != FWSIM_DEST_TIR)
		return;
	tir = fwsim_table_get(&v->obj[FWSIM_OBJ_TIR], id);
	if (!tir)
		return;
	at.hash = fwsim_rss_hash(tir, rx->f, &at.hash_type);
	rqn = tir->rqn;
	if (tir->indirect) {
		rqt = fwsim_table_get(&v->obj[FWSIM_OBJ_RQT], tir->rqtn);
		if (!rqt || !rqt->n)
			return;
		rqn = rqt->rq[at.hash % rqt->n];
	}
	rq = fwsim_table_get(&v->obj[FWSIM_OBJ_RQ], rqn);
	if (!rq || rq->state != FWSIM_WQ_RDY)
		return;
	at.rq = rq;
	at.strip = rx->f->cvlan && !rq->vsd;
	at.len = rx->f->len - (at.strip ? TAG_LEN : 0);
	if (fwsim_wq_striding(&rq->wq))
		rx_stride_receive(&at);
	else
		rq_receive(&at);
}

void fwsim_nic_rx(struct fwsim_vhca *v, const struct fwsim_frame *f)
{
	struct rx rx = { .v = v, .f = f };

	if (!fwsim_vhca_may_respond(v)) {
		fwsim_trace_note(v, "a frame is lost: the VHCA may do no DMA");
		return;
	}
	if (!fwsim_flow_run(v, TABLE_NIC_RX, f, FWSIM_VPORT_UPLINK, rx_sink, &rx) && !f->self)
		v->vport.rx_unsteered++;
}
