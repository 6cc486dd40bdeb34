/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Up to three cards whose uplinks are joined, as at a switch, by a network that a test may spoil: what becomes of
 * each frame is the test's to say. Clocks of the cards go on together. Functions have a RoCE address each, and
 * QPs of two cards can be connected.
 */
#ifndef NET_RIG_H
#define NET_RIG_H

#include "data_rig.h"

#define N_CARDS 3
#define N_FRAME 10100u
#define N_ACK_TIMEOUT 8 /* of the QPs' contexts */
#define N_TIMEOUT (4 * (4096ULL << N_ACK_TIMEOUT)) /* ns until a packet is sent again */

enum n_fate { N_PASS, N_DROP, N_TWICE, N_CORRUPT, N_LATE }; /* N_LATE: behind the next one of anybody */

struct n_net {
	struct harness *card[N_CARDS];
	unsigned int frames; /* that have been on the wire; the next has this number */
	enum n_fate (*fate)(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len);
	void *arg;
	unsigned int at;     /* for n_fate_at(): number of the frame, */
	enum n_fate what;    /* and its fate */
	uint32_t seed;	     /* for n_fate_storm() */
	size_t late_len;
	unsigned int late_from;
	uint8_t late[N_FRAME];
};

void n_open(struct n_net *net); /* three cards with an Ethernet port, and nobody on them */
void n_close(struct n_net *net);
/* Carry frames until none is under way. */
void n_pump(struct n_net *net);
/* Let time pass on all cards, and carry frames. */
void n_run(struct n_net *net, uint64_t ns);
enum n_fate n_fate_at(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len);
/* One in eight frames is lost, doubled, spoilt or late. */
enum n_fate n_fate_storm(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len);

/*
 * Function @fn of card @card with entry 0 of its table 10.0.CARD.FN, 1 the same over IPv6, 2 as 0 in VLAN 5. Its MAC
 * is that of its vport.
 */
void n_fn(struct d_fn *d, struct n_net *net, unsigned int card, unsigned int fn);
/* Entry @index of the table of @d. */
const uint8_t *n_gid(const struct d_fn *d, unsigned int index);
/* INIT2RTR of @qp with a path from its entry @index to that of @peer; path MTU 1024. */
enum ifc_status n_rtr(struct d_qp *qp, const struct d_qp *peer, unsigned int index);
void n_connect(struct d_qp *a, struct d_qp *b, unsigned int index); /* both to RTS */
/* Address vector to @peer by entry @index. */
void n_av(uint8_t av[48], const struct d_fn *from, const struct d_fn *to, unsigned int index, uint32_t qpn);
/*
 * Function @fn of a card goes on as function @to_fn of card @to, with its memory and its MAC address; the old one is
 * reset. @d is of it.
 */
void n_move(struct n_net *net, struct d_fn *d, unsigned int to, unsigned int to_fn);

#endif
