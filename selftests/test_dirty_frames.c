// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging of what the network writes: frames that come to a VF, and their completions. Each of the first
 * tests looks at one kind of write only, and fails with the simulator that forgets it
 * (fwsim/tests/mutants.py). The sender is another VF.
 *
 * Needs a card with port-type=eth.
 */
#include <stdlib.h>
#include <string.h>

#include "dirty.h"
#include "env.h"
#include "mlx5_eth.h"
#include "tap.h"

#define LOG_QUEUE 5
#define ETHERTYPE 0x88b5 /* for experiments, IEEE 802 */
#define PATIENCE_MS 20000

static struct mlx5_mem mem_b;
static struct mlx5_vf b;
static uint32_t seq;

static void eth_on(struct mlx5_vf *vf, bool rlky)
{
	mlx5_eth_start(vf, LOG_QUEUE, rlky, NULL, 0);
}

/* A frame of @len bytes to VF 0 of which no two are the same. */
static void send_frame(uint32_t len)
{
	uint8_t *p = mlx5_eth_tx_buf(&b);
	uint64_t start = 0;

	while (!mlx5_eth_room(&b)) {
		mlx5_eth_reap(&b);
		CHECK(wait_more(&start, PATIENCE_MS));
	}
	seq++;
	memcpy(p, dirty.vf.sw->mac, 6);
	memcpy(p + 6, b.sw->mac, 6);
	ifc_st16(p + 12, ETHERTYPE);
	ifc_st32(p + 14, seq);
	for (uint32_t i = 18; i < len; i++)
		p[i] = (uint8_t)(seq * 13 + i * 5 + (i >> 8));
	mlx5_eth_post(&b, len);
	mlx5_eth_ring(&b);
}

/* Take the frames that have come. Returns the number of the last one, 0 if there was none. */
static uint32_t take(void)
{
	uint32_t last = 0, len;
	const uint8_t *p;

	while ((p = mlx5_eth_rx(&dirty.vf, &len))) {
		last = ifc_ld32(p + 14);
		for (uint32_t i = 18; i < len; i++)
			CHECK_MSG(p[i] == (uint8_t)(last * 13 + i * 5 + (i >> 8)), "frame %u, byte %u", last, i);
		mlx5_eth_rx_done(&dirty.vf);
	}
	return last;
}

static void send_and_take(uint32_t len)
{
	uint64_t start = 0;

	send_frame(len);
	while (take() != seq)
		CHECK_MSG(wait_more(&start, PATIENCE_MS), "frame %u has not come", seq);
}

/* The PF's driver has heard of VF 0's address and switches to it. */
static void meet(void)
{
	uint64_t start = 0;

	do {
		CHECK_MSG(wait_more(&start, PATIENCE_MS), "no frame comes to VF 0");
		send_frame(60);
		mlx5_eth_reap(&b);
	} while (!take());
}

static void start(bool rlky)
{
	dirty_open();
	mlx5_start(&dirty.vf);
	mlx5_eth_need(&dirty.vf);
	env_pf_netdev(0);
	eth_on(&dirty.vf, rlky);
	mlx5_mem_init(&mem_b);
	mlx5_open(&b, env_vf(1), &mem_b);
	mlx5_start(&b);
	eth_on(&b, false);
	meet();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
}

static void look_at(const char *name, uint64_t off, uint64_t len)
{
	dirty_area_add(name, mlx5_iova(off), mlx5_va(&dirty.vf, off), len);
}

static void look_at_frames(void)
{
	uint64_t len, off = mlx5_eth_rx_area(&dirty.vf, &len);

	look_at("received frames", off, len);
}

static void look_at_cq(void)
{
	const struct mlx5_cq *cq = &dirty.vf.sw->cq[3];

	look_at("completion queue of frames", cq->buf, 64ULL << cq->log);
}

/* Something has changed, and is reported. */
static void judge(unsigned int pages)
{
	unsigned int changed = dirty_changed();

	CHECK_MSG(changed >= pages, "%u pages of %s have changed, expected %u or more", changed,
		  dirty.area[0].name, pages);
	dirty_sync_guest(K4);
	dirty_judge();
}

static void from_here(void)
{
	dirty_sync_guest(K4);
	dirty_copy();
}

static void kind_frame(void)
{
	start(false);
	look_at_frames();
	from_here();
	for (unsigned int i = 0; i < 6; i++)
		send_and_take(1514);
	judge(3);
}

static void kind_reserved_lkey(void)
{
	start(true);
	look_at_frames();
	from_here();
	for (unsigned int i = 0; i < 6; i++)
		send_and_take(1514);
	judge(3);
}

static void kind_completion_of_a_frame(void)
{
	start(false);
	look_at_cq();
	from_here();
	send_and_take(60);
	judge(1);
}

/* Frames of any length, in and out, with reports in between; the card's own account is the second judge. */
static void frames_and_reports(void)
{
	start(false);
	look_at_frames();
	look_at_cq();
	from_here();
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = dirty_rnd(12); i; i--)
			send_and_take(60 + dirty_rnd(1455));
		dirty_sync_guest(K4);
	}
	dirty_finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(kind_frame),
		TAP_TEST(kind_reserved_lkey),
		TAP_TEST(kind_completion_of_a_frame),
		TAP_TEST(frames_and_reports),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
