/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QP has sent and got as packets: shared by the files of roce.h.
 */
#ifndef FWSIM_ROCE_QP_H
#define FWSIM_ROCE_QP_H

#include "rc.h"
#include "roce.h"
#include "roce_packet.h"

#define ROCE_WINDOW 32u	 /* packets of a requester that are not acknowledged yet; also of one READ request */
#define ROCE_ACK_EVERY 16u /* one in so many asks for an acknowledgement */
#define ROCE_SLICE 8u	 /* packets that one step makes */
#define ROCE_SAVED 16u	 /* results of atomics that are kept for a repeated request */
#define ROCE_ANSWERS 32u /* answers that wait for those before them */

/*
 * The requester. While @active the message at sq_ci goes as packets, numbered from next_send_psn on; those
 * below @acked are acknowledged (of a READ: have come), @sent is the next to be sent, and those below @high have
 * been sent at least once.
 */
struct roce_requester {
	bool active;
	bool gap;	/* a missing answer of a READ has been asked for again */
	uint32_t sent, acked, high; /* @sent goes back to @acked to send again, @high does not */
};

/* An answer that is still to be given, in the order of PSNs. */
enum roce_answer_kind { ROCE_ANSWER_ACK, ROCE_ANSWER_READ, ROCE_ANSWER_ATOMIC };
struct roce_answer {
	uint8_t kind;
	uint8_t syndrome;
	uint32_t psn, msn;
	uint64_t va;	/* READ: of what is left; ATOMIC: the result */
	uint32_t rkey, left;
	bool begun;	/* READ: its first packet has gone */
};

struct roce_saved {
	uint32_t psn;
	uint64_t orig;
};

/*
 * The responder. While @busy a message is under way: @off bytes of it have come, of a WRITE of @len bytes to
 * @va. @drop: the rest of a message of UC is thrown away.
 */
struct roce_responder {
	bool busy, drop;
	bool write;
	bool naked;	/* the sender has been told of the gap that there is */
	uint32_t off, len, rkey;
	uint64_t va;
	uint32_t msn;
	uint32_t saved_n, saved_next; /* ring */
	struct roce_saved saved[ROCE_SAVED];
	uint32_t answers_n; /* FIFO, first in [0] */
	struct roce_answer answers[ROCE_ANSWERS];
};

/* What a QP has of it; made when the first packet goes or comes. */
struct fwsim_roce {
	struct roce_requester req;
	struct roce_responder rsp;
};

static inline uint32_t roce_mtu(const struct fwsim_qp *qp)
{
	uint32_t mtu = 128u << IFC_GET(qpc, qp->ctx, mtu);

	return mtu < ROCE_MTU_MAX ? mtu : ROCE_MTU_MAX;
}

static inline uint32_t roce_packets(const struct fwsim_qp *qp, uint64_t len)
{
	uint32_t mtu = roce_mtu(qp);

	return len ? (uint32_t)((len + mtu - 1) / mtu) : 1;
}

/* The service of @qp in an opcode. */
enum roce_service roce_service(const struct fwsim_qp *qp);
/* State of @qp, made if there is none; NULL if memory is short. */
struct fwsim_roce *roce_state(struct fwsim_qp *qp);
/* Send @pkt on the path of @qp; opcode is the operation alone. */
void roce_send(struct fwsim_qp *qp, struct roce_packet *pkt);

/* ---- roce_tx.c ----------------------------------------------------------------------------- */

/* An answer has come to @qp. */
void roce_answered(struct fwsim_qp *qp, const struct roce_packet *pkt);

/* ---- roce_rsp.c ---------------------------------------------------------------------------- */

/* A request has come to @qp. */
void roce_request(struct fwsim_qp *qp, const struct roce_packet *pkt);

#endif
