// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RDMA goes on while a guest migrates, again and again: a guest that moves between two VFs and one that
 * stays write to each other, read, send and do atomics, all at the same time, as fast as they can
 * (lib/stream), and the one that moves also to itself. Memory moves by DMA logging (lib/live). No completion
 * is lost, doubled or out of order, no byte and no sum is wrong.
 */
#include <string.h>

#include "cpu.h"
#include "env.h"
#include "live.h"
#include "stream.h"
#include "tap.h"

#define ALL (STREAM_WRITE | STREAM_READ | STREAM_SEND | STREAM_ATOMIC)
#define PEER 0 /* QPs */
#define SELF 1

static struct live guest;
static struct mlx5_mem mem_c;
static struct mlx5_vf c;
static struct cpu cpu;
static struct stream stream[3]; /* guest to C, C to guest, guest to itself */

static void step(void *arg)
{
	unsigned int n = 0;

	(void)arg;
	for (unsigned int i = 0; i < 3; i++)
		n += stream_step(&stream[i]);
	if (!n)
		cpu_sleep(&cpu, NULL, 0, 1);
}

static void stop(void *arg)
{
	(void)arg;
	cpu_stop(&cpu);
}

static void go(void *arg, struct mlx5_vf *vf)
{
	(void)arg;
	stream[0].vf = stream[1].peer = stream[2].vf = stream[2].peer = vf;
	cpu_go(&cpu);
}

static void begin(unsigned int kinds)
{
	struct mlx5_vf *a;

	live_begin(&guest, 0, 1);
	a = live_vf(&guest);
	mlx5_start(a);
	mlx5_mem_init(&mem_c);
	mlx5_open(&c, env_vf(2), &mem_c);
	mlx5_start(&c);
	stream_setup(a, PEER);
	stream_setup(a, SELF);
	stream_setup(&c, PEER);
	mlx5_connect(a, PEER, &c, PEER);
	mlx5_connect_self(a, SELF);
	stream[0] = stream_to(a, PEER, &c, PEER, kinds);
	stream[1] = stream_to(&c, PEER, a, PEER, kinds);
	stream[2] = stream_to(a, SELF, a, SELF, kinds);
	live_area(&guest, stream_books(a, PEER)->in, STREAM_DEVICE);
	live_area(&guest, stream_books(a, SELF)->in, STREAM_DEVICE);
	live_area_queues(&guest);
	guest.stop = stop;
	guest.go = go;
	cpu_start(&cpu, step, NULL);
}

static uint32_t sum_done(void)
{
	return stream_done(&stream[0]) + stream_done(&stream[1]) + stream_done(&stream[2]);
}

/* All three streams go on. */
static void go_on(unsigned int ops)
{
	cpu_stop(&cpu);
	stream_run(stream, 3, ops);
	cpu_go(&cpu);
}

static void end(void)
{
	cpu_end(&cpu);
	stream_drain(stream, 3);
	tap_diag("operations: %u to the other, %u from it, %u to itself; migrations: %u, with pre-copy: %u, with DMA logging: %u",
		 stream_done(&stream[0]), stream_done(&stream[1]), stream_done(&stream[2]), guest.moves,
		 guest.with_precopy, guest.with_logging);
}

static void moves(unsigned int kinds, unsigned int n)
{
	begin(kinds);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t before = sum_done();

		live_move(&guest);
		CHECK_MSG(sum_done() != before || !guest.with_precopy, "nothing was done during pre-copy");
		go_on(30);
	}
	end();
}

static void ten_moves_with_all_operations(void)
{
	moves(ALL, 10);
}

static void ten_moves_with_writes(void)
{
	moves(STREAM_WRITE, 10);
}

static void source_goes_on(void)
{
	begin(ALL);
	for (unsigned int i = 0; i < 5; i++) {
		live_give_up(&guest);
		go_on(30);
	}
	live_move(&guest);
	go_on(60);
	end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ .name = "ten_moves_with_all_operations", .fn = ten_moves_with_all_operations, .timeout_s = 120 },
		{ .name = "ten_moves_with_writes", .fn = ten_moves_with_writes, .timeout_s = 120 },
		{ .name = "source_goes_on", .fn = source_goes_on, .timeout_s = 120 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
