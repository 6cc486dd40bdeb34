// SPDX-License-Identifier: GPL-2.0-or-later
#include "work.h"

#include <string.h>

#include "tap.h"

#define LOG_CQ 7
#define LOG_SQ 6
#define LOG_RQ 6
#define FILL 0xee

enum kind { K_WRITE, K_READ, K_SEND };

static enum kind kind(uint32_t n)
{
	return n % 3;
}

static uint32_t length(uint32_t n)
{
	return 1 + n * 197 % (WORK_SLOT_SIZE - 64);
}

static uint8_t byte_of(uint32_t n, uint32_t i)
{
	return (uint8_t)(n * 31 + i * 7 + (i >> 8) * 13 + 1);
}

struct work_books *work_books(struct mlx5_vf *vf, unsigned int idx)
{
	_Static_assert(2 * sizeof(struct work_books) <= sizeof(vf->sw->test), "books fit");
	return (struct work_books *)(void *)vf->sw->test + idx;
}

void work_setup(struct mlx5_vf *vf, unsigned int idx)
{
	struct work_books *b = work_books(vf, idx);

	CHECK(idx < 2);
	memset(b, 0, sizeof(*b));
	mlx5_create_cq(vf, 2 * idx, LOG_CQ);
	mlx5_create_cq(vf, 2 * idx + 1, LOG_CQ);
	mlx5_create_qp(vf, idx, LOG_SQ, LOG_RQ, 2 * idx, 2 * idx + 1);
	b->src = mlx5_alloc(vf, (size_t)WORK_SLOTS * WORK_SLOT_SIZE);
	b->dst = mlx5_alloc(vf, (size_t)WORK_SLOTS * WORK_SLOT_SIZE);
	b->qp = idx;
	b->live = 1;
}

void work_self(struct work *w, struct mlx5_vf *vf, unsigned int idx)
{
	work_setup(vf, idx);
	mlx5_connect_self(vf, idx);
	*w = (struct work){ .vf = vf, .peer = vf, .idx = idx, .peer_idx = idx };
}

void work_pair(struct work *w, struct mlx5_vf *vf, unsigned int idx, struct mlx5_vf *peer,
	       unsigned int peer_idx)
{
	work_setup(vf, idx);
	work_setup(peer, peer_idx);
	mlx5_connect(vf, idx, peer, peer_idx);
	*w = (struct work){ .vf = vf, .peer = peer, .idx = idx, .peer_idx = peer_idx };
}

static uint64_t slot(uint64_t area, uint32_t n)
{
	return area + (uint64_t)(n % WORK_SLOTS) * WORK_SLOT_SIZE;
}

static void post_one(struct work *w)
{
	struct work_books *b = work_books(w->vf, w->idx), *pb = work_books(w->peer, w->peer_idx);
	uint32_t n = b->posted++, len = length(n);
	uint64_t from = slot(b->src, n), to = slot(pb->dst, n);
	struct mlx5_vf *src_vf = w->vf, *dst_vf = w->peer;
	uint8_t *p;

	CHECK_MSG(b->posted - b->done <= WORK_SLOTS, "too much work under way");
	if (kind(n) == K_READ) {
		from = slot(pb->src, n);
		to = slot(b->dst, n);
		src_vf = w->peer;
		dst_vf = w->vf;
	}
	p = mlx5_va(src_vf, from);
	for (uint32_t i = 0; i < len; i++)
		p[i] = byte_of(n, i);
	memset(mlx5_va(dst_vf, to), FILL, WORK_SLOT_SIZE);
	switch (kind(n)) {
	case K_WRITE:
		mlx5_post_write(w->vf, w->idx, from, mlx5_iova(to), w->peer->sw->mkey, len);
		break;
	case K_READ:
		mlx5_post_read(w->vf, w->idx, to, mlx5_iova(from), w->peer->sw->mkey, len);
		break;
	case K_SEND:
		mlx5_post_recv(w->peer, w->peer_idx, to, WORK_SLOT_SIZE);
		pb->recvs_posted++;
		mlx5_post_send(w->vf, w->idx, from, len);
		break;
	}
}

void work_post(struct work *w, unsigned int n, enum work_bell bell)
{
	while (n--)
		post_one(w);
	if (bell == WORK_RING)
		mlx5_ring(w->vf, w->idx);
	else if (bell == WORK_RECORD)
		mlx5_ring_record(w->vf, w->idx);
}

static void check_memory(struct work *w, uint32_t n)
{
	struct work_books *b = work_books(w->vf, w->idx), *pb = work_books(w->peer, w->peer_idx);
	bool read = kind(n) == K_READ;
	uint8_t *p = mlx5_va(read ? w->vf : w->peer, slot(read ? b->dst : pb->dst, n));
	uint32_t len = length(n);

	for (uint32_t i = 0; i < WORK_SLOT_SIZE; i++) {
		uint8_t want = i < len ? byte_of(n, i) : FILL;

		CHECK_MSG(p[i] == want, "work %u, byte %u of %u: 0x%02x, expected 0x%02x", n, i, len,
			  p[i], want);
	}
}

static void done_one(struct work *w)
{
	struct work_books *b = work_books(w->vf, w->idx), *pb = work_books(w->peer, w->peer_idx);
	uint32_t n = b->done;
	struct mlx5_wc wc;

	CHECK_MSG(b->posted != b->done, "nothing is under way");
	mlx5_wait_cq(w->vf, 2 * w->idx, &wc, 20000);
	CHECK_MSG(wc.opcode == IFC_CQE_REQ, "work %u: completion opcode 0x%x syndrome 0x%x", n,
		  wc.opcode, wc.syndrome);
	CHECK_EQ(wc.qpn, w->vf->sw->qp[w->idx].qpn);
	CHECK_MSG(wc.wqe == (n & 0xffff), "completion of entry %u, expected %u: lost or twice", wc.wqe,
		  n & 0xffff);
	if (kind(n) == K_SEND) {
		mlx5_wait_cq(w->peer, 2 * w->peer_idx + 1, &wc, 20000);
		CHECK_EQ(wc.opcode, IFC_CQE_RESP_SEND);
		CHECK_EQ(wc.qpn, w->peer->sw->qp[w->peer_idx].qpn);
		CHECK_MSG(wc.wqe == (pb->recvs_done & 0xffff),
			  "received into entry %u, expected %u: lost or twice", wc.wqe,
			  pb->recvs_done & 0xffff);
		CHECK_EQ(wc.len, length(n));
		pb->recvs_done++;
	}
	check_memory(w, n);
	b->done++;
}

void work_done(struct work *w, unsigned int n)
{
	while (n--)
		done_one(w);
}

void work_quiet(struct work *w, unsigned int ms)
{
	struct mlx5_wc wc;
	uint64_t start = 0;

	do {
		CHECK_MSG(!mlx5_poll_cq(w->vf, 2 * w->idx, &wc), "unexpected completion of entry %u",
			  wc.wqe);
		CHECK_MSG(!mlx5_poll_cq(w->peer, 2 * w->peer_idx + 1, &wc),
			  "unexpected receive into entry %u", wc.wqe);
	} while (wait_more(&start, ms));
}

void work_run(struct work *w, unsigned int n)
{
	static const unsigned int batches[] = { 1, 7, 2, WORK_SLOTS, 3 };

	for (unsigned int i = 0; n; i++) {
		unsigned int k = batches[i % 5] < n ? batches[i % 5] : n;

		work_post(w, k, WORK_RING);
		work_done(w, k);
		n -= k;
	}
}

void work_positions(struct work *w)
{
	struct work_books *b = work_books(w->vf, w->idx);
	IFC_BUF(qpc, q);

	mlx5_query_qp(w->vf, w->idx, q);
	CHECK_EQ(IFC_GET(qpc, q, state), IFC_QP_RTS);
	CHECK_EQ(IFC_GET(qpc, q, hw_sq_wqebb_counter), b->done & 0xffff);
	CHECK_EQ(IFC_GET(qpc, q, remote_qpn), w->peer->sw->qp[w->peer_idx].qpn);
	CHECK_EQ(IFC_GET(qpc, q, cqn_snd), w->vf->sw->cq[2 * w->idx].cqn);
}
