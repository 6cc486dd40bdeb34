/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of RoCE packets: a QP each on two cards, connected, with memory; messages of every operation
 * between them, and whether they have gone through.
 */
#ifndef ROCE_RIG_H
#define ROCE_RIG_H

#include "net_rig.h"

/* a is on VF 0 of card 0, b on VF 0 of card 1. */
struct r_pair {
	struct n_net net;
	struct d_fn d1, d2;
	struct d_qp a, b;
	struct d_mem am, bm;
	uint32_t inval_key; /* of the last SEND with invalidate */
};

/* Connected by entries @index of their address tables, with @size bytes of memory each. */
struct r_pair *r_open(enum ifc_qp_st st, unsigned int index, uint32_t size);
void r_close(struct r_pair *r);

void r_fill(struct d_mem *m, unsigned int seed);
/* Where memory is now: with its function. */
uint8_t *r_bytes(const struct d_fn *d, const struct d_mem *m);
uint64_t r_le64(const uint8_t *p);
/* Keys of all of @m: with the right to atomics; that SEND with invalidate may name. */
uint32_t r_atomic_key(struct d_fn *d, const struct d_mem *m);
uint32_t r_rinval_key(struct d_fn *d, const struct d_mem *m);

bool r_is_atomic(enum ifc_wqe_op op);
bool r_is_send(enum ifc_wqe_op op);
/* A request of a, of @len bytes at @off of both memories. */
struct d_wr r_wr(struct r_pair *r, enum ifc_wqe_op op, uint32_t off, uint32_t len);
void r_recv(struct r_pair *r, uint32_t off, uint32_t len);
/* Post @op of @len bytes at a; what it needs at b is there. */
void r_post(struct r_pair *r, enum ifc_wqe_op op, uint32_t len);
/* It has gone through, once, and nothing else; @old is what an atomic found. */
void r_expect(struct r_pair *r, enum ifc_wqe_op op, uint32_t len, uint64_t old);

#endif
