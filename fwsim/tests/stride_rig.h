/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of striding RQs and UMR: a queue of each kind as mlx5e makes them. The memory of the receive
 * WQEs is behind a key that is made free, with a list of page 0, and that UMR WQEs on an SQ without TIS fill.
 */
#ifndef STRIDE_RIG_H
#define STRIDE_RIG_H

#include "eth_rig.h"

#define S_LOG_RQ 2
#define S_WQES (1u << S_LOG_RQ)
#define S_LOG_STRIDES 3
#define S_STRIDES (1u << S_LOG_STRIDES)
#define S_LOG_STRIDE 10
#define S_STRIDE (1u << S_LOG_STRIDE)
#define S_WQE_BYTES (S_STRIDES * S_STRIDE) /* 2 pages */
#define S_PAGES (S_WQE_BYTES / FWSIM_PAGE)
#define S_ENTRIES 8u /* of the list, for one WQE: 64 bytes of a UMR WQE */

struct s_rq {
	struct e_rq rq;	  /* rq.mem is not used */
	struct e_sq icosq;
	uint32_t key;
	uint64_t mem;	  /* S_PAGES for each WQE, in reverse order of pages */
};

/* All in RDY, WQEs linked in the order 0, 3, 2, 1; nothing mapped, nothing posted. */
void s_open(struct d_fn *d, struct s_rq *s, unsigned int wq_type);
/* A UMR WQE for @s->key: @n pages from entry @first on, inline; returns its length. @wqe has 1024 bytes. */
unsigned int s_umr(struct s_rq *s, uint8_t *wqe, uint32_t first, unsigned int n, const uint64_t *page);
/* Post it with a request for a completion, and ring. */
void s_send_umr(struct s_rq *s, uint8_t *wqe, unsigned int len);
/* Map the memory of WQE @ix, the completion is asserted. */
void s_map(struct s_rq *s, unsigned int ix);
/* Map all, and post @n WQEs. */
void s_post(struct s_rq *s, unsigned int n);
/* The byte that is at @off of what WQE @ix holds. */
uint8_t *s_byte(struct s_rq *s, unsigned int ix, unsigned int off);

/* Two functions, frames to the second go to its queue with flow tag 0x77; a frame full of a pattern. For cmocka. */
struct s_card {
	struct harness *h;
	struct d_fn d1, d2;
	struct s_rq s; /* of d2 */
	uint8_t frame[S_WQE_BYTES + 2048];
};

/* A list, or a ring. */
int s_setup(void **state);
int s_setup_cyclic(void **state);
int s_teardown(void **state);

#endif
