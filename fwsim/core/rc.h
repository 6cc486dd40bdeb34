/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the QPs share: rc_wqe.c decodes work queue entries, qp_run.c decides who works when
 * and how work ends, rc.c moves the messages.
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
	uint8_t op;	  /* enum ifc_wqe_op */
	bool signalled, solicited;
	uint8_t imm[4];
	uint64_t raddr;
	uint32_t rkey;
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

/* ---- rc.c ---------------------------------------------------------------------------------- */

/* Move one slice of the message in @w. */
enum rc_next rc_message_step(struct fwsim_qp *qp, const struct rc_wqe *w);

#endif
