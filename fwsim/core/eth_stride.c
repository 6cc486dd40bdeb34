// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receive WQEs of a striding RQ. A WQE is a link, with the number of the WQE after it, and one data segment,
 * whose memory is used in strides of a fixed length: a frame takes the next ones, as many as it needs. A frame
 * never goes on in the next WQE; what is left of the one before is completed as filler.
 *
 *	 0        16                 32
 *	| link    | length lkey addr |      link: number of the next WQE in bytes 2 and 3
 *
 * In a ring (cyclic) the next WQE is the next place; in a list the link names it. What the segment says is kept
 * from the first frame of a WQE on, its key is looked up for each.
 */
#include "eth_rx.h"

#define LINK_NEXT 2u
#define SEG 16u
#define SEG_LEN_MASK 0x7fffffffu /* bit 31 may ask for padding at the start */
#define WQE_BYTES 32u
#define FILLER 0x8000u
#define STRIDES_MAX 0x7fffu /* that a CQE can tell */

static uint32_t strides_of(const struct fwsim_rq *rq, uint32_t bytes)
{
	uint32_t mask = (1u << rq->wq.log_stride_bytes) - 1;

	return bytes ? (bytes + mask) >> rq->wq.log_stride_bytes : 1;
}

static int fetch(struct fwsim_vhca *v, struct fwsim_rq *rq)
{
	uint16_t mask = (uint16_t)((1u << rq->wq.log_size) - 1);
	uint8_t wqe[WQE_BYTES];

	if (rq->fetched)
		return 0;
	if (fwsim_pas_read(v, &rq->wq.buf, rq->wq.page_offset + ((uint64_t)rq->wqe << rq->wq.log_stride),
			   wqe, sizeof(wqe)))
		return -1;
	if (rq->wq.type == FWSIM_WQ_LIST_STRIDING)
		rq->next = ifc_ld16(wqe + LINK_NEXT) & mask;
	else
		rq->next = (rq->wqe + 1) & mask;
	rq->seg_len = ifc_ld32(wqe + SEG) & SEG_LEN_MASK;
	rq->seg_key = ifc_ld32(wqe + SEG + 4);
	rq->seg_addr = ifc_ld64(wqe + SEG + 8);
	rq->fetched = true;
	return 0;
}

void rx_stride_used(struct fwsim_rq *rq)
{
	rq->wqe = rq->next;
	rq->stride = 0;
	rq->fetched = false;
	rq->ci++;
	rq->posted--;
}

int rx_stride_rest(struct fwsim_vhca *v, struct fwsim_rq *rq, struct rx_cqe *c)
{
	uint32_t left = (1u << rq->wq.log_strides) - rq->stride;

	if (fetch(v, rq))
		return -1;
	*c = (struct rx_cqe){
		.wqe_id = rq->wqe, .counter = rq->stride,
		.byte_cnt = (left < STRIDES_MAX ? left : STRIDES_MAX) << 16,
	};
	return 0;
}

/* The strides that are left are too few. False: the RQ is in ERR now. */
static bool fill_up(struct fwsim_vhca *v, struct fwsim_rq *rq)
{
	struct rx_cqe c = { 0 };
	uint8_t cqe[64];

	rx_stride_rest(v, rq, &c); /* it has been read */
	fwsim_cqe_init(v, cqe, IFC_CQE_RESP_SEND, 0, 0, c.counter);
	ifc_st16(cqe + 2, c.wqe_id);
	ifc_st32(cqe + 32, IFC_GET(rqc, rq->ctx, user_index));
	ifc_st32(cqe + 44, c.byte_cnt | FILLER << 16);
	if (!fwsim_cq_post(v, rq->cqn, cqe, false)) {
		rx_catas(v, rq, "its CQ takes no completion");
		return false;
	}
	rx_stride_used(rq);
	return true;
}

/* A WQE with room for @strides in @rq->wqe; false: there is none, and what is to be done about it is done. */
static bool find_room(struct fwsim_vhca *v, struct fwsim_rq *rq, uint32_t strides)
{
	uint32_t total = 1u << rq->wq.log_strides;

	for (;;) {
		switch (rx_posted(v, rq)) {
		case -1:
			rx_catas(v, rq, "the bus refused its doorbell record");
			return false;
		case 0:
			rx_count_out_of_buffer(v, rq);
			return false;
		}
		if (fetch(v, rq)) {
			rx_catas(v, rq, "the bus refused its receive WQE");
			return false;
		}
		if (rq->stride + strides <= total)
			return true;
		if (!fill_up(v, rq))
			return false;
	}
}

struct place {
	struct fwsim_vhca *v;
	struct fwsim_rq *rq;
	uint64_t at; /* in the segment */
};

static enum fwsim_mkey_fault write_at(void *arg, uint32_t off, const uint8_t *p, uint32_t len)
{
	struct place *to = arg;
	struct fwsim_rq *rq = to->rq;

	return fwsim_lkey_write(to->v, IFC_GET(rqc, rq->ctx, rlky), rq->seg_key, rq->wq.pd,
				rq->seg_addr + to->at + off, p, len);
}

void rx_stride_receive(const struct rx_at *at)
{
	struct fwsim_rq *rq = at->rq;
	struct fwsim_vhca *v = at->rx->v;
	uint32_t n = strides_of(rq, at->len);
	struct place to = { .v = v, .rq = rq };
	struct rx_cqe c;

	if (n > 1u << rq->wq.log_strides) {
		fwsim_trace_note(v, "RQ 0x%x: a frame of %u bytes is longer than its WQE", rq->obj.id,
				 at->len);
		return;
	}
	if (!find_room(v, rq, n))
		return;
	to.at = (uint64_t)rq->stride << rq->wq.log_stride_bytes;
	if (to.at + at->len > rq->seg_len) {
		rx_fail(v, rq, IFC_CQE_SYND_LOCAL_LENGTH, "a segment shorter than its strides");
		return;
	}
	if (rx_put(at, write_at, &to) != FWSIM_MKEY_OK) {
		rx_fail(v, rq, IFC_CQE_SYND_LOCAL_PROT, "local memory: key, rights, bounds or bus");
		return;
	}
	c = (struct rx_cqe){ .wqe_id = rq->wqe, .counter = rq->stride, .byte_cnt = n << 16 | at->len };
	if (!rx_complete(at, &c)) {
		rx_catas(v, rq, "its CQ takes no completion");
		return;
	}
	if (rq->stride + n == 1u << rq->wq.log_strides)
		rx_stride_used(rq);
	else
		rq->stride = (uint16_t)(rq->stride + n);
}
