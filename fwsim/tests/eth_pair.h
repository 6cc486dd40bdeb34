/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of Ethernet data between two functions of a card: one with a send queue, one with a receive queue.
 */
#ifndef ETH_PAIR_H
#define ETH_PAIR_H

#include "eth_rig.h"

/* VF 0 (function 1) sends, VF 1 receives. */
struct e_pair {
	struct harness *h;
	struct d_fn d1, d2;
	struct e_sq sq;
	struct e_rq rq;
	struct d_mem m; /* of the sender */
};

/* Both queues in RDY, nothing posted, @size bytes of memory with a pattern; every frame to VF 1 has @flow_tag. */
void e_pair_open(struct e_pair *p, uint32_t size, uint32_t flow_tag);
/* For cmocka: 256 KiB, and all buffers of the receive queue are posted. */
int e_pair_setup(void **state);
int e_pair_teardown(void **state);

/* A frame of @kind in memory, with @payload bytes; its length. */
unsigned int e_pair_frame(struct e_pair *p, enum e_kind kind, unsigned int payload);
/* A SEND of the first @len bytes of memory. */
struct e_wr e_pair_wr(struct e_pair *p, unsigned int len);

/* The next frame that has come is @len bytes; returns it. */
const uint8_t *e_pair_expect(struct e_pair *p, unsigned int len);

/* The send queue out of ERR, and as new. */
void e_pair_again(struct e_pair *p);

#endif
