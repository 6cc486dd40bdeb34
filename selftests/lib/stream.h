/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of numbered RDMA operations of one VF towards another VF, or into any memory that its own key
 * covers. Unlike work.h it never waits: stream_step() takes what is complete and posts as much again, so
 * that many streams can run at a time, and it can be called while one side stands still.
 *
 * Operation n is of a kind that follows from n, and so do its length and every byte. Each completion must
 * be the next one, and what the operation has done to memory is compared then. Data only ever go where
 * nothing but devices write.
 *
 * The books are in guest memory and move with the guest.
 */
#ifndef SELFTESTS_STREAM_H
#define SELFTESTS_STREAM_H

#include "mlx5.h"

#define STREAM_SLOTS 32U
#define STREAM_SLOT 4096U
#define STREAM_AREA (STREAM_SLOTS * STREAM_SLOT)
#define STREAM_DEPTH 12U /* operations under way */
#define STREAMS 2	 /* of a VF */

enum stream_kinds {
	STREAM_WRITE = 1,
	STREAM_READ = 2,
	STREAM_SEND = 4,
	STREAM_ATOMIC = 8, /* fetch and add */
};

struct stream_books {
	uint32_t posted, done;
	uint32_t recvs_done; /* SENDs of the other side that have come in */
	uint32_t pad;
	uint64_t sum;	     /* of the atomics done */
	uint64_t src, lent;  /* areas: what is sent, and what the other side reads */
	/* areas that devices write to, STREAM_DEVICE bytes in a row: WRITEs, SENDs, answers, sum of atomics */
	uint64_t in, inbox, got, count;
};
#define STREAM_DEVICE (3 * STREAM_AREA + 4096U)

struct stream {
	struct mlx5_vf *vf, *peer; /* set anew after a move */
	unsigned int idx, peer_idx;
	unsigned int kinds;
	/* answers of READs go here, by this key: an address of the device, and where we see it; NULL: into got */
	uint64_t far_iova;
	uint32_t far_key;
	uint8_t *far;
};

struct stream_books *stream_books(struct mlx5_vf *vf, unsigned int idx);
/* CQs 2 * @idx (sends) and 2 * @idx + 1 (receives), QP @idx and areas on @vf. */
void stream_setup(struct mlx5_vf *vf, unsigned int idx);
/* @kinds of @vf's QP @idx towards QP @peer_idx of @peer, which may be the same; to be connected before. */
struct stream stream_to(struct mlx5_vf *vf, unsigned int idx, struct mlx5_vf *peer, unsigned int peer_idx,
			unsigned int kinds);
/* Post up to @n operations as far as there is room, and ring. Returns how many. */
unsigned int stream_post(struct stream *s, unsigned int n);
/* Take what is complete, compare it. Returns how many. */
unsigned int stream_take(struct stream *s);
/* Both, keeping STREAM_DEPTH under way. */
unsigned int stream_step(struct stream *s);
/* Step all @n streams until each has done @ops more; the test ends if one does nothing for 20 s. */
void stream_run(struct stream *s, unsigned int n, unsigned int ops);
/* Take what is under way and post no more. */
void stream_drain(struct stream *s, unsigned int n);
uint32_t stream_done(const struct stream *s);
/* Operations posted whose completions have not been taken. */
uint32_t stream_under_way(const struct stream *s);

#endif
