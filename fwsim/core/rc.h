/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the QPs share: rc_wqe.c decodes work queue entries, qp_run.c decides who works when
 * and how work ends, rc.c and ud.c move the messages, recv.c and srq.c have what they arrive in.
 */
#ifndef FWSIM_RC_H
#define FWSIM_RC_H

#include "core.h"

#define RC_SEND_WQE_MAX (63u * 16) /* ds is 6 bits, in 16 bytes */
#define RC_RECV_WQE_MAX 2048u	   /* log_rq_stride 7 */
#define RC_MAX_SEG (RC_RECV_WQE_MAX / 16)

/* A piece of local memory, or of the WQE itself. */
struct rc_seg {
	uint64_t addr;
	uint32_t len, lkey;
	const uint8_t *inl; /* inline data, inside rc_wqe.raw; NULL: by lkey */
};

/*
 * One WQE, copied out of the ring before it is looked at. It is fetched anew for each slice, so nothing
 * in here outlives a step.
 */
struct rc_wqe {
	uint16_t index;	  /* send: in 64-byte units; receive: in WQEs */
	uint16_t wqebbs;  /* send: 64-byte units taken */
	uint16_t len;	  /* send: bytes of raw */
	uint8_t op;	  /* enum ifc_wqe_op */
	bool signalled, solicited;
	uint8_t imm[4];
	uint64_t raddr;
	uint32_t rkey;
	uint64_t swap_add, compare; /* atomics */
	uint32_t xrc_srqn; /* XRC: SRQ at the responder */
	const uint8_t *av; /* UD: address vector, inside raw */
	uint32_t pd;	   /* that the keys of the segments are looked up under */
	bool rlky;	   /* FWSIM_RESD_LKEY is a key for them */
	unsigned int nseg;
	uint64_t total;	  /* bytes of all segments */
	struct rc_seg seg[RC_MAX_SEG];
	uint8_t raw[RC_RECV_WQE_MAX];
};

enum rc_fetch {
	RC_FETCH_OK,
	RC_FETCH_BAD, /* not a WQE that can be executed; index, wqebbs and op are valid */
	RC_FETCH_DMA, /* the bus refused */
};

/* The WQE at sq_ci; there must be one (sq_ci != sq_pi). */
enum rc_fetch rc_fetch_send(struct fwsim_qp *qp, struct rc_wqe *w);
/* Only its opcode and length, for a flush. */
enum rc_fetch rc_fetch_ctrl(struct fwsim_qp *qp, struct rc_wqe *w);
/* The WQE at rq_ci. */
enum rc_fetch rc_fetch_recv(struct fwsim_qp *qp, struct rc_wqe *w);
/* Scatter list of a receive WQE, from @off to @end of w->raw. */
enum rc_fetch rc_recv_segments(struct rc_wqe *w, size_t off, size_t end);
/* Producer counter of the send or receive ring, from the doorbell record; -1 if the bus refused. */
int rc_read_sq_pi(struct fwsim_qp *qp, uint16_t *pi);
int rc_read_rq_pi(struct fwsim_qp *qp, uint16_t *pi);

/*
 * Copy @len bytes at @off of the message from (gather) or to (scatter) the segments of @w. The range
 * must be inside w->total. OK, or why a key did not serve.
 */
enum fwsim_mkey_fault rc_gather(struct fwsim_qp *qp, const struct rc_wqe *w, uint64_t off,
				uint8_t *buf, size_t len);
enum fwsim_mkey_fault rc_scatter(struct fwsim_qp *qp, const struct rc_wqe *w, uint64_t off,
				 const uint8_t *buf, size_t len);

/*
 * Where @len > 0 bytes at @off of the message are, each segment with rights @need. False: not all of it is memory by
 * a key that serves, or it is in too many pieces.
 */
bool rc_pieces(struct fwsim_pieces *p, struct fwsim_qp *qp, const struct rc_wqe *w, unsigned int need,
	       uint64_t off, size_t len);

/* ---- qp_run.c ------------------------------------------------------------------------------ */

/* What becomes of a QP after a step: it waits for something, or goes to the end of the run list. */
enum rc_next { RC_IDLE, RC_MORE };

bool rc_may_run(const struct fwsim_vhca *v);
enum rc_next rc_wait(struct fwsim_qp *qp, uint64_t ns);
/* Asynchronous event about @qp. */
void rc_event(struct fwsim_qp *qp, uint8_t type);
/* The QP cannot even complete its WQEs: an event says so, and it goes to ERR. */
enum rc_next rc_catas(struct fwsim_qp *qp, const char *why);
void rc_cqe_fill(struct fwsim_qp *qp, uint8_t cqe[64], enum ifc_cqe_op op, uint8_t wqe_op,
		 uint16_t counter);
/* Error CQE into the CQ that @op says. False: the CQ takes none. */
bool rc_post_error(struct fwsim_qp *qp, enum ifc_cqe_op op, uint8_t wqe_op, uint16_t counter,
		   enum ifc_cqe_synd synd);
/* The WQE at sq_ci has failed, and the QP with it. */
enum rc_next rc_fail(struct fwsim_qp *qp, const struct rc_wqe *w, enum ifc_cqe_synd synd,
		     const char *why);
/* The requester's end of a message. */
enum rc_next rc_complete(struct fwsim_qp *qp, const struct rc_wqe *w);

static inline bool rc_can_receive(const struct fwsim_qp *qp)
{
	return qp->state == IFC_QP_RTR || qp->state == IFC_QP_RTS || qp->state == IFC_QP_SQER;
}

/* ---- srq.c --------------------------------------------------------------------------------- */

/* SRQ that a message to @qp is for, as an XRC message of @xrc_srqn; NULL: none that it may use. */
struct fwsim_srq *rc_srq(const struct fwsim_qp *qp, uint32_t xrc_srqn);
enum rc_take { RC_TAKEN, RC_TAKE_EMPTY, RC_TAKE_ERROR };
/* See to it that @qp has a WQE of @srq. */
enum rc_take rc_srq_take(struct fwsim_qp *qp, struct fwsim_srq *srq);
/* The WQE that @qp has taken. */
enum rc_fetch rc_fetch_srq(struct fwsim_qp *qp, struct fwsim_srq *srq, struct rc_wqe *w);

/* ---- recv.c: what a message arrives in ----------------------------------------------------- */

enum rc_recv { RC_RECV_OK, RC_RECV_NONE, RC_RECV_NO_QUEUE, RC_RECV_DMA };
/* Is there a receive WQE for a message to @peer? From an SRQ it is taken. */
enum rc_recv rc_recv_ready(struct fwsim_qp *peer, uint32_t xrc_srqn);
/* The WQE; rc_recv_ready() has been OK in this step. */
enum rc_fetch rc_recv_fetch(struct fwsim_qp *peer, uint32_t xrc_srqn, struct rc_wqe *r);
/* Complete it with @cqe, of which only counter, SRQ number and place are filled in here. */
bool rc_recv_post(struct fwsim_qp *peer, uint8_t cqe[64], bool solicited);
/* Complete it with an error, and the QP goes to ERR. */
void rc_recv_fail(struct fwsim_qp *peer, enum ifc_cqe_synd synd, const char *why);
/* Complete it as a message of @op (enum ifc_wqe_op) of @bytes from QP @src. False: the CQ takes nothing. */
bool rc_recv_complete(struct fwsim_qp *peer, uint8_t op, uint32_t src, const uint8_t imm[4],
		      uint32_t bytes, bool solicited);
/* Flush what has been taken from an SRQ; false: the CQ takes nothing. */
bool rc_recv_flush_taken(struct fwsim_qp *qp);

/* ---- ud.c ---------------------------------------------------------------------------------- */

/* Address vector of a send WQE: 48 bytes. */
#define RC_AV_QKEY 0
#define RC_AV_DQPN 8
#define RC_AV_SL 12
#define RC_AV_FL 13 /* bit 7: back to the sender */
#define RC_AV_SPORT 14
#define RC_AV_RMAC 20
#define RC_AV_TCLASS 26
#define RC_AV_HOP_LIMIT 27
#define RC_AV_GRH_GID_FL 28
#define RC_AV_RGID 32

#define RC_GRH_LEN 40u
#define RC_GRH_IPV4 20u /* place of an IPv4 header in it */
#define RC_GSI_QPN 1u

/* A datagram on its way. */
struct rc_datagram {
	uint32_t qkey, dqpn, sqpn;
	const uint8_t *av; /* of the sender; NULL: it has come from outside */
	bool has_imm, solicited;
	uint8_t imm[4];
	uint8_t grh[RC_GRH_LEN];
	uint8_t l3_type; /* of the CQE: 0 GRH, 1 IPv6, 2 IPv4 */
	uint32_t len;
	uint8_t data[4096];
};

/* Give it to a QP of @t. Why it got nowhere; NULL: it has arrived, be it with an error at the receiver. */
const char *rc_ud_deliver(struct fwsim_vhca *t, const struct rc_datagram *d);
/* Send the datagram in @w. */
enum rc_next rc_ud_step(struct fwsim_qp *qp, const struct rc_wqe *w);
static inline bool rc_is_ud(const struct fwsim_qp *qp)
{
	return qp->st == IFC_QP_ST_UD || qp->st == IFC_QP_ST_QP1;
}
/* An error of its send queue leaves the receive queue working. */
static inline bool rc_is_unreliable(const struct fwsim_qp *qp)
{
	return rc_is_ud(qp) || qp->st == IFC_QP_ST_UC;
}

/* ---- rc.c ---------------------------------------------------------------------------------- */

#define RC_RNR_FOREVER 7 /* rnr_retry */

/* Move one slice of the message in @w. */
enum rc_next rc_message_step(struct fwsim_qp *qp, const struct rc_wqe *w);
/* Does the QP let others do that at all? Of what an RDMA or atomic (enum ifc_wqe_op) does to its memory. */
bool rc_op_enabled(const struct fwsim_qp *peer, uint8_t op);
/* Memory of the requester does not serve. */
enum rc_next rc_local_fault(struct fwsim_qp *qp, const struct rc_wqe *w);
/* Where both sides are after the message; @peer NULL: it counts for itself. */
void rc_count(struct fwsim_qp *qp, const struct rc_wqe *w, struct fwsim_qp *peer);
/* @peer has got a message whole: it is counted, and the first one in RTR is an event. */
void rc_arrived(struct fwsim_qp *peer);
/* How long code @timer of an RNR NAK asks to wait, ns. */
uint64_t rc_rnr_ns(unsigned int timer);
/*
 * An atomic of @op (enum ifc_wqe_op) at the responder: eight bytes are read, changed and written within one step,
 * so no other message comes in between, and neither does a suspend. *@old is what was there.
 */
enum rc_atomic { RC_ATOMIC_OK, RC_ATOMIC_ALIGN, RC_ATOMIC_ACCESS, RC_ATOMIC_BUS };
enum rc_atomic rc_atomic_exec(struct fwsim_qp *peer, uint8_t op, uint64_t va, uint32_t rkey,
			      uint64_t swap_add, uint64_t compare, uint64_t *old);

/* ---- roce_tx.c: the same to another card ---------------------------------------------------- */

/* Send the next packets of the message in @w, or see that no answer comes. */
enum rc_next rc_roce_step(struct fwsim_qp *qp, const struct rc_wqe *w);
/* The message at sq_ci goes as packets, and will to its end. */
bool rc_roce_active(const struct fwsim_qp *qp);
void rc_roce_datagram(struct fwsim_qp *qp, const struct rc_datagram *d);

#endif
