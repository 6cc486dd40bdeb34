/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A send WQE, decoded: what eth_tx.c makes and tx_frame.c turns into frames.
 */
#ifndef FWSIM_ETH_TX_H
#define FWSIM_ETH_TX_H

#include "eth.h"

#define TX_MAX_DS 63u /* ds has 6 bits, in 16 bytes */
#define TX_HDR_MAX (TX_MAX_DS * 16)
/* Frames that one LSO WQE may make; Linux asks for no more than 256 KiB / 88 bytes. Chosen here. */
#define TX_LSO_FRAMES 4096u
/* One LSO WQE is one step. Once its frames have cost that much in the eSwitch, the others are dropped there. */
#define TX_LSO_WORK (1u << 22)

/* A piece of memory, or of the WQE itself. */
struct tx_seg {
	uint64_t addr;
	uint32_t len, lkey;
	const uint8_t *inl; /* inline data; NULL: by lkey */
};

/* One WQE. Pointers lead into the copy of the ring that it was made from. */
struct tx_wqe {
	uint16_t index, wqebbs; /* 64-byte units */
	uint8_t op;
	bool signalled, solicited;
	bool l3_csum, l4_csum;
	bool vlan, svlan;
	uint16_t tci, mss;
	uint16_t hdr_len;
	const uint8_t *hdr; /* inline header */
	uint64_t total;	    /* bytes of header and segments */
	const uint8_t *raw; /* all of it, @len bytes; UMR only */
	uint16_t len;
	unsigned int nseg;
	struct tx_seg seg[TX_MAX_DS];
};

/* What became of a WQE: 0, or the syndrome (enum ifc_cqe_synd) of its error and @why. */
struct tx_result {
	uint8_t synd;
	unsigned int frames;
	const char *why;
};

/* Read what @w describes and send it to the eSwitch. */
struct tx_result fwsim_tx_send(struct fwsim_sq *sq, const struct tx_wqe *w);

#endif
