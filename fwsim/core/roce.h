/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RoCE v2: what leaves the card, and what comes in, as packets. QPs of one card need none (rc.c, ud.c); only
 * what has no function of the card as its goal goes this way.
 *
 *	roce_frame.c	headers, ICRC, a packet from and to bytes
 *	roce_tx.c	the requester: a message in packets, and what its answers say
 *	roce_rx.c	whose a packet is, datagrams
 *	roce_rsp.c	the responder: requests in, and its answers out
 *
 * Packets are built and read according to the InfiniBand architecture specification, volume 1 with annexes
 * A14 (XRC) and A17 (RoCE v2).
 */
#ifndef FWSIM_ROCE_H
#define FWSIM_ROCE_H

#include "eth.h"
#include "rc.h"

#define ROCE_PORT 4791
#define ROCE_MTU_MAX 4096u
/* Ethernet, tag, IPv6, UDP, BTH, the longest of the rest, payload, pad, ICRC. */
#define ROCE_FRAME_MAX (14u + 4 + 40 + 8 + 12 + 4 + 28 + ROCE_MTU_MAX + 3 + 4)

#define ROCE_WINDOW 32u	 /* packets of a requester that are not acknowledged yet; also of one READ request */
#define ROCE_ACK_EVERY 16u /* one in so many asks for an acknowledgement */
#define ROCE_SLICE 8u	 /* packets that one step makes */
#define ROCE_SAVED 16u	 /* results of atomics that are kept for a repeated request */
#define ROCE_ANSWERS 32u /* answers that wait for those before them */

/* ---- packets: roce_frame.c ----------------------------------------------------------------- */

/* BTH opcode: service in the upper three bits, operation below. */
enum roce_service { ROCE_RC = 0x00, ROCE_UC = 0x20, ROCE_UD = 0x60, ROCE_XRC = 0xa0 };
enum roce_op {
	ROCE_SEND_FIRST, ROCE_SEND_MIDDLE, ROCE_SEND_LAST, ROCE_SEND_LAST_IMM, ROCE_SEND_ONLY,
	ROCE_SEND_ONLY_IMM, ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE, ROCE_WRITE_LAST, ROCE_WRITE_LAST_IMM,
	ROCE_WRITE_ONLY, ROCE_WRITE_ONLY_IMM, ROCE_READ_REQUEST, ROCE_READ_FIRST, ROCE_READ_MIDDLE,
	ROCE_READ_LAST, ROCE_READ_ONLY, ROCE_ACK, ROCE_ATOMIC_ACK, ROCE_CMP_SWAP, ROCE_FETCH_ADD,
	ROCE_SEND_LAST_INV = 0x16, ROCE_SEND_ONLY_INV, ROCE_OPS
};

/* What an operation is, and which headers follow the BTH. */
#define ROCE_IS_SEND 0x0001u
#define ROCE_IS_WRITE 0x0002u
#define ROCE_IS_READ 0x0004u	/* the request */
#define ROCE_IS_ATOMIC 0x0008u
#define ROCE_IS_ANSWER 0x0010u
#define ROCE_IS_READ_DATA 0x0020u
#define ROCE_STARTS 0x0040u	/* first packet of its message */
#define ROCE_ENDS 0x0080u	/* last packet */
#define ROCE_RETH 0x0100u
#define ROCE_AETH 0x0200u
#define ROCE_ATOMIC_ETH 0x0400u
#define ROCE_ATOMIC_AETH 0x0800u
#define ROCE_IMM 0x1000u
#define ROCE_IETH 0x2000u
#define ROCE_PAYLOAD 0x4000u
extern const uint16_t roce_ops[ROCE_OPS]; /* 0: there is no such operation */

/* AETH syndromes. */
#define ROCE_SYND_ACK 0x1f /* without end-to-end credits */
#define ROCE_SYND_RNR 0x20 /* and the timer code in five bits */
#define ROCE_SYND_NAK 0x60
#define ROCE_SYND_KIND 0x60
enum roce_nak { ROCE_NAK_SEQUENCE, ROCE_NAK_INVALID, ROCE_NAK_ACCESS, ROCE_NAK_OPERATION };

/* A packet; the fields of headers that it does not have are 0. */
struct roce_packet {
	uint8_t opcode;
	uint16_t is;		/* ROCE_* of its operation */
	bool solicited, ack_req;
	uint32_t dqpn, psn;
	uint32_t xrc_srqn;
	uint64_t va;		/* RETH, AtomicETH */
	uint32_t rkey, len;
	uint64_t swap_add, compare;
	uint8_t syndrome;	/* AETH */
	uint32_t msn;
	uint64_t orig;		/* AtomicAckETH */
	uint32_t qkey, sqpn;	/* DETH */
	uint8_t imm[4];		/* ImmDt, IETH */
	const uint8_t *data;
	uint32_t data_len;
};

/* Where a packet goes, and from which address. Pointers lead into contexts and tables. */
struct roce_path {
	const uint8_t *gid;	/* roce_addr_layout of the sender */
	const uint8_t *rgid, *rmac;
	uint8_t tclass, hop_limit, prio;
	uint32_t flow;
	uint16_t sport;
};

/* An address of RoCE v2 at @index of the table of @v; NULL: none. */
const uint8_t *roce_gid(const struct fwsim_vhca *v, uint32_t index);
/* The path of a connected QP; false: its function has no such address. */
bool roce_path_qp(const struct fwsim_qp *qp, struct roce_path *path);
/* The path of an address vector of 48 bytes. */
bool roce_path_av(const struct fwsim_vhca *v, const uint8_t *av, struct roce_path *path);
/* Build a frame; its length. Payload is at most ROCE_MTU_MAX. */
uint32_t roce_build(const struct roce_path *path, const struct roce_packet *pkt,
		    uint8_t frame[ROCE_FRAME_MAX]);
/* Read a frame of UDP port 4791. NULL, or why it is no packet. */
const char *roce_parse(const struct fwsim_frame *f, struct roce_packet *pkt);
/* ICRC of a packet with its IP header at @ip, transport headers at @bth, and @len bytes from there to the ICRC. */
uint32_t roce_icrc(const uint8_t *ip, const uint8_t *bth, uint32_t len);
/* A 16-byte GID as it is in an IP header of version @ip_version: 4 or 16 bytes at its end. */
bool roce_gid_is(const uint8_t *gid, unsigned int ip_version, const uint8_t *addr);

/* ---- state of a QP ------------------------------------------------------------------------- */

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

static inline uint32_t roce_psn(uint32_t psn)
{
	return psn & 0xffffff;
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
