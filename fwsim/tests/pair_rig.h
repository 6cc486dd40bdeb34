/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of data between connected QPs: one each on two functions of a card, with memory.
 */
#ifndef PAIR_RIG_H
#define PAIR_RIG_H

#include "data_rig.h"

#define P_MEM_SIZE (1u << 20) /* of each side */

/* a is on VF 0 (function 1), b on VF 1. */
struct p_rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b;
	struct d_mem am, bm;
	uint32_t akey; /* of bm, with the right to atomics; a test that has them makes it */
};

/* Everything but the connection; memory is 0. @map: with memory that can be mapped. */
struct p_rig *p_open(enum ifc_qp_st st, bool map);
/* The same of RC for cmocka, with a pattern in memory; connected, and connected with memory that can be mapped. */
int p_setup_apart(void **state);
int p_setup(void **state);
int p_setup_mapped(void **state);
int p_teardown(void **state);

/* Test @f twice: the card copies payload, and it moves it in mapped memory. */
#define P_TEST(f)                                                                                  \
	{ #f, f, p_setup, p_teardown, NULL }, { #f " (mapped)", f, p_setup_mapped, p_teardown, NULL }

void p_pattern(struct d_mem *m, unsigned int seed);

/* A request of a to the memory of b. */
struct d_wr p_wr(struct p_rig *r, enum ifc_wqe_op op, uint32_t off, uint32_t len);
/* A receive of b. */
void p_recv(struct p_rig *r, uint32_t off, uint32_t len);

/* The next asynchronous event of @d is @type of @qpn. */
void p_expect_event(struct d_fn *d, uint8_t type, uint32_t qpn);

#endif
