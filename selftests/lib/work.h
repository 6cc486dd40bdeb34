/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbered work over one queue pair. Work n is an RDMA WRITE, an RDMA READ or a SEND, its length and
 * every byte of it follow from n, and so do the index of its send entry and what memory holds after
 * it. The books are kept in guest memory and move with the guest.
 */
#ifndef SELFTESTS_WORK_H
#define SELFTESTS_WORK_H

#include "mlx5.h"

#define WORK_SLOTS 32 /* most that may be under way at a time */
#define WORK_SLOT_SIZE 4096U

struct work_books {
	uint32_t posted, done; /* work numbers */
	uint32_t recvs_posted, recvs_done; /* of SENDs that come in */
	uint64_t src, dst; /* areas of WORK_SLOTS slots */
	uint32_t qp;
	uint32_t live;
};

struct work {
	struct mlx5_vf *vf, *peer;
	unsigned int idx, peer_idx; /* which books of each side */
};

/*
 * Make CQs 2 * @idx (sends) and 2 * @idx + 1 (receives), QP @idx and the areas on @vf. @idx is 0 or 1.
 */
void work_setup(struct mlx5_vf *vf, unsigned int idx);
/* Loopback on @vf; the QP is connected here. */
void work_self(struct work *w, struct mlx5_vf *vf, unsigned int idx);
/* Work of @vf towards @peer; both sides' QPs are connected here. */
void work_pair(struct work *w, struct mlx5_vf *vf, unsigned int idx, struct mlx5_vf *peer,
	       unsigned int peer_idx);
struct work_books *work_books(struct mlx5_vf *vf, unsigned int idx);

enum work_bell { WORK_RING, WORK_RECORD, WORK_SILENT };
/* Post the next @n works, then ring as @bell says. */
void work_post(struct work *w, unsigned int n, enum work_bell bell);
/* Take the completions of the next @n works and check the memory of each. */
void work_done(struct work *w, unsigned int n);
/* No completion beyond those taken shows up within @ms. */
void work_quiet(struct work *w, unsigned int ms);
/* @n works one batch after the other, checked. */
void work_run(struct work *w, unsigned int n);
/* The queue positions that the function reports are those of the books. */
void work_positions(struct work *w);

#endif
