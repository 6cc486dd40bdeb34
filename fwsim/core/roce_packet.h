/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RoCE v2 packets, from fields to bytes and back (roce_frame.c), according to the InfiniBand architecture
 * specification, volume 1 with annexes A14 (XRC) and A17 (RoCE v2).
 */
#ifndef FWSIM_ROCE_PACKET_H
#define FWSIM_ROCE_PACKET_H

#include "eth.h"

#define ROCE_PORT 4791
#define ROCE_MTU_MAX 4096u
/* Ethernet, tag, IPv6, UDP, BTH, the longest of the rest, payload, pad, ICRC. */
#define ROCE_FRAME_MAX (14u + 4 + 40 + 8 + 12 + 4 + 28 + ROCE_MTU_MAX + 3 + 4)

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

static inline uint32_t roce_psn(uint32_t psn)
{
	return psn & 0xffffff;
}

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

#endif
