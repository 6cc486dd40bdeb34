// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream.h"

#include <string.h>

#include "tap.h"

#define LOG_Q 5
#define LEN_MAX (STREAM_SLOT - 64)
#define PATIENCE_MS 20000

struct stream_books *stream_books(struct mlx5_vf *vf, unsigned int idx)
{
	_Static_assert(STREAMS * sizeof(struct stream_books) <= sizeof(vf->sw->test), "books fit");
	_Static_assert(STREAMS <= MLX5_MAX_QP && 2 * STREAMS <= MLX5_MAX_CQ, "queues for all");
	CHECK(idx < STREAMS);
	return (struct stream_books *)(void *)vf->sw->test + idx;
}

void stream_setup(struct mlx5_vf *vf, unsigned int idx)
{
	struct stream_books *b = stream_books(vf, idx);

	memset(b, 0, sizeof(*b));
	mlx5_create_cq(vf, 2 * idx, LOG_Q + 1);
	mlx5_create_cq(vf, 2 * idx + 1, LOG_Q + 1);
	mlx5_create_qp(vf, idx, LOG_Q, LOG_Q, 2 * idx, 2 * idx + 1);
	b->src = mlx5_alloc(vf, STREAM_AREA);
	b->lent = mlx5_alloc(vf, STREAM_AREA);
	b->in = mlx5_alloc(vf, STREAM_DEVICE);
	b->inbox = b->in + STREAM_AREA;
	b->got = b->inbox + STREAM_AREA;
	b->count = b->got + STREAM_AREA;
}

static uint8_t byte_of(uint32_t n, uint32_t i)
{
	return (uint8_t)(n * 29 + (n >> 8) * 7 + i * 3 + (i >> 8) * 11 + 1);
}

static uint32_t length(uint32_t n)
{
	return 1 + n * 401 % LEN_MAX;
}

static unsigned int kind_of(const struct stream *s, uint32_t n)
{
	unsigned int count = (unsigned int)__builtin_popcount(s->kinds), k = n % count;

	for (unsigned int bit = 1;; bit <<= 1)
		if (s->kinds & bit && !k--)
			return bit;
}

struct stream stream_to(struct mlx5_vf *vf, unsigned int idx, struct mlx5_vf *peer, unsigned int peer_idx,
			unsigned int kinds)
{
	struct stream s = { .vf = vf, .peer = peer, .idx = idx, .peer_idx = peer_idx, .kinds = kinds };

	if (kinds & STREAM_SEND)
		for (unsigned int i = 0; i < STREAM_DEPTH; i++)
			mlx5_post_recv(peer, peer_idx,
				       stream_books(peer, peer_idx)->inbox + (uint64_t)i * STREAM_SLOT, STREAM_SLOT);
	return s;
}

/* Where data number @n of a stream lie in an area. */
static uint64_t slot(uint64_t area, uint32_t n)
{
	return area + (uint64_t)(n % STREAM_SLOTS) * STREAM_SLOT;
}

/* SENDs land in the order of receive WQEs, which has nothing to do with n. */
static uint64_t recv_slot(const struct stream_books *pb, uint32_t recv)
{
	return pb->inbox + (uint64_t)(recv % STREAM_DEPTH) * STREAM_SLOT;
}

static void post_one(struct stream *s)
{
	struct stream_books *b = stream_books(s->vf, s->idx), *pb = stream_books(s->peer, s->peer_idx);
	uint32_t n = b->posted++, len = length(n);
	unsigned int kind = kind_of(s, n);
	uint64_t from = slot(kind == STREAM_READ ? pb->lent : b->src, n);
	uint8_t *p = mlx5_va(kind == STREAM_READ ? s->peer : s->vf, from);

	if (kind != STREAM_ATOMIC)
		for (uint32_t i = 0; i < len; i++)
			p[i] = byte_of(n, i);
	switch (kind) {
	case STREAM_WRITE:
		mlx5_post_write(s->vf, s->idx, from, mlx5_iova(slot(pb->in, n)), s->peer->sw->mkey, len);
		break;
	case STREAM_READ:
		if (!s->far) {
			mlx5_post_read(s->vf, s->idx, slot(b->got, n), mlx5_iova(from), s->peer->sw->mkey, len);
			break;
		}
		mlx5_post_read(s->vf, s->idx, slot(s->far_iova, n) - MLX5_GUEST_IOVA, mlx5_iova(from),
			       s->peer->sw->mkey, len);
		mlx5_set_lkey(s->vf, s->idx, s->far_key);
		break;
	case STREAM_SEND:
		mlx5_post_send(s->vf, s->idx, from, len);
		break;
	case STREAM_ATOMIC:
		mlx5_post_fetch_add(s->vf, s->idx, slot(b->got, n), mlx5_iova(pb->count),
				    s->peer->sw->mkey, n + 1);
		break;
	}
}

unsigned int stream_post(struct stream *s, unsigned int n)
{
	struct stream_books *b = stream_books(s->vf, s->idx);
	unsigned int i;

	for (i = 0; i < n && b->posted - b->done < STREAM_DEPTH; i++)
		post_one(s);
	if (i)
		mlx5_ring(s->vf, s->idx);
	return i;
}

static void compare(const uint8_t *p, uint32_t n)
{
	uint32_t len = length(n);

	for (uint32_t i = 0; i < len; i++)
		CHECK_MSG(p[i] == byte_of(n, i), "operation %u, byte %u of %u: 0x%02x, expected 0x%02x", n, i,
			  len, p[i], byte_of(n, i));
}

static void compare_atomic(struct stream *s, uint32_t n)
{
	struct stream_books *b = stream_books(s->vf, s->idx);
	uint64_t old = ifc_ld64(mlx5_va(s->vf, slot(b->got, n)));

	CHECK_MSG(old == b->sum, "operation %u, an atomic: the sum was %llu, expected %llu: lost or twice", n,
		  (unsigned long long)old, (unsigned long long)b->sum);
	b->sum += n + 1;
}

/* The data have come in before the sender hears of it, and so has the completion. */
static void take_recv(struct stream *s, uint32_t n)
{
	struct stream_books *pb = stream_books(s->peer, s->peer_idx);
	uint64_t at = recv_slot(pb, pb->recvs_done);
	struct mlx5_wc wc;

	CHECK_MSG(mlx5_poll_cq(s->peer, 2 * s->peer_idx + 1, &wc), "operation %u, a SEND, is complete and was not received",
		  n);
	CHECK_EQ(wc.opcode, IFC_CQE_RESP_SEND);
	CHECK_MSG(wc.wqe == (pb->recvs_done & 0xffff), "received into entry %u, expected %u: lost or twice",
		  wc.wqe, pb->recvs_done & 0xffff);
	CHECK_EQ(wc.len, length(n));
	compare(mlx5_va(s->peer, at), n);
	pb->recvs_done++;
	mlx5_post_recv(s->peer, s->peer_idx, at, STREAM_SLOT);
}

static void take_one(struct stream *s, const struct mlx5_wc *wc)
{
	struct stream_books *b = stream_books(s->vf, s->idx), *pb = stream_books(s->peer, s->peer_idx);
	uint32_t n = b->done;

	CHECK_MSG(b->done != b->posted, "a completion of entry %u, and nothing is under way", wc->wqe);
	CHECK_MSG(wc->opcode == IFC_CQE_REQ, "operation %u: completion opcode 0x%x syndrome 0x%x", n, wc->opcode,
		  wc->syndrome);
	CHECK_MSG(wc->wqe == (n & 0xffff), "completion of entry %u, expected %u: lost or twice", wc->wqe,
		  n & 0xffff);
	switch (kind_of(s, n)) {
	case STREAM_WRITE:
		compare(mlx5_va(s->peer, slot(pb->in, n)), n);
		break;
	case STREAM_READ:
		compare(s->far ? s->far + slot(0, n) : mlx5_va(s->vf, slot(b->got, n)), n);
		break;
	case STREAM_SEND:
		take_recv(s, n);
		break;
	case STREAM_ATOMIC:
		compare_atomic(s, n);
		break;
	}
	b->done++;
}

unsigned int stream_take(struct stream *s)
{
	struct mlx5_wc wc;
	unsigned int n = 0;

	for (; n < STREAM_DEPTH && mlx5_poll_cq(s->vf, 2 * s->idx, &wc); n++)
		take_one(s, &wc);
	return n;
}

unsigned int stream_step(struct stream *s)
{
	unsigned int n = stream_take(s);

	stream_post(s, STREAM_DEPTH);
	return n;
}

uint32_t stream_done(const struct stream *s)
{
	return stream_books(s->vf, s->idx)->done;
}

uint32_t stream_under_way(const struct stream *s)
{
	const struct stream_books *b = stream_books(s->vf, s->idx);

	return b->posted - b->done;
}

static void no_progress(const struct stream *s)
{
	const struct stream_books *b = stream_books(s->vf, s->idx);

	tap_fail(__FILE__, __LINE__, "%s, stream %u: %u of %u operations are complete, and no more comes", s->vf->dev.bdf,
		 s->idx, b->done, b->posted);
}

void stream_run(struct stream *s, unsigned int n, unsigned int ops)
{
	for (unsigned int i = 0; i < n; i++) {
		uint32_t until = stream_done(&s[i]) + ops;
		uint64_t start = 0;

		while ((int32_t)(until - stream_done(&s[i])) > 0) {
			bool moved = false;

			for (unsigned int k = 0; k < n; k++)
				moved |= stream_step(&s[k]) && k == i;
			if (moved)
				start = 0;
			else if (!wait_more(&start, PATIENCE_MS))
				no_progress(&s[i]);
		}
	}
}

void stream_drain(struct stream *s, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t start = 0;

		while (stream_under_way(&s[i])) {
			if (stream_take(&s[i]))
				start = 0;
			else if (!wait_more(&start, PATIENCE_MS))
				no_progress(&s[i]);
		}
	}
}
