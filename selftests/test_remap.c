// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that is taken away from a VF, given another place, or may only be read: what another VF writes to
 * it goes where the IOMMU says at that moment, and nowhere else. Payload of these sizes may be copied from
 * memory to memory by a device that has mapped both; a map must not outlive what the IOMMU allows.
 */
#include <string.h>
#include <sys/mman.h>

#include "env.h"
#include "mlx5.h"
#include "tap.h"

#define WINDOW 0x30000000ULL /* of the responder */
#define LEN (256U << 10)
#define PAGES (LEN / 4096)
#define COMPLETION_MS 20000 /* the requester of a QP that is gone tries eight times, for 2 s */
#define ROUNDS 16

static struct mlx5_mem mem[2];
static struct mlx5_vf vf[2]; /* requester, responder */
static uint64_t src;
static uint32_t key;

static uint8_t *area(uint8_t fill)
{
	uint8_t *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, fill, LEN);
	return p;
}

static bool holds(const uint8_t *p, uint8_t fill, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != fill)
			return false;
	return true;
}

static void start(void)
{
	uint64_t page[PAGES];

	for (unsigned int i = 0; i < 2; i++) {
		mlx5_mem_init(&mem[i]);
		mlx5_open(&vf[i], env_vf(i), &mem[i]);
		mlx5_start(&vf[i]);
		mlx5_create_cq(&vf[i], 0, 4);
		mlx5_create_qp(&vf[i], 0, 4, 4, 0, 0);
	}
	mlx5_connect(&vf[0], 0, &vf[1], 0);
	src = mlx5_alloc(&vf[0], LEN);
	for (unsigned int i = 0; i < PAGES; i++)
		page[i] = WINDOW + i * 4096ULL;
	key = mlx5_create_mkey(&vf[1], WINDOW, LEN, 12, page, PAGES);
}

static void map(uint8_t *p, uint64_t off, size_t len)
{
	CHECK_EQ(vfio_dma_map(&vf[1].dev, p, WINDOW + off, len), 0);
}

static void unmap(uint64_t off, size_t len)
{
	CHECK_EQ(vfio_dma_unmap(&vf[1].dev, WINDOW + off, len), 0);
}

/* Syndrome of the next completion, 0 if all went well. */
static uint8_t completion(void)
{
	struct mlx5_wc wc;

	mlx5_wait_cq(&vf[0], 0, &wc, COMPLETION_MS);
	return wc.syndrome;
}

static void post_write(uint8_t fill)
{
	memset(mlx5_va(&vf[0], src), fill, LEN);
	mlx5_post_write(&vf[0], 0, src, WINDOW, key, LEN);
	mlx5_ring(&vf[0], 0);
}

/* Write @fill to all of the window. */
static uint8_t write_window(uint8_t fill)
{
	post_write(fill);
	return completion();
}

static uint8_t read_window(void)
{
	memset(mlx5_va(&vf[0], src), 0, LEN);
	mlx5_post_read(&vf[0], 0, src, WINDOW, key, LEN);
	mlx5_ring(&vf[0], 0);
	return completion();
}

static void other_pages_at_the_same_address(void)
{
	uint8_t *p[2] = { area(0), area(0) }, fill = 1;

	start();
	for (unsigned int i = 0; i < ROUNDS; i++, fill++) {
		map(p[i % 2], 0, LEN);
		CHECK_EQ(write_window(fill), 0);
		CHECK_MSG(holds(p[i % 2], fill, LEN), "round %u: not all was written", i);
		CHECK_MSG(holds(p[!(i % 2)], (uint8_t)(fill - 1), LEN), "round %u: old pages were written", i);
		memset(p[i % 2], 0x80 | fill, LEN);
		CHECK_EQ(read_window(), 0);
		CHECK_MSG(holds(mlx5_va(&vf[0], src), 0x80 | fill, LEN), "round %u: old pages were read", i);
		memset(p[i % 2], fill, LEN);
		unmap(0, LEN);
	}
}

static void pages_taken_away(void)
{
	uint8_t *p = area(0);

	start();
	map(p, 0, LEN);
	CHECK_EQ(write_window(1), 0);
	CHECK(holds(p, 1, LEN));
	unmap(0, LEN);
	CHECK_EQ(write_window(2), IFC_CQE_SYND_REMOTE_OP);
	CHECK(holds(p, 1, LEN));
}

/* One page of many is gone. */
static void a_hole(void)
{
	const size_t hole = LEN / 2, after = hole + 4096;
	uint8_t *p = area(0);

	start();
	map(p, 0, LEN);
	CHECK_EQ(write_window(1), 0);
	unmap(0, LEN);
	map(p, 0, hole);
	map(p + after, after, LEN - after);
	CHECK_EQ(write_window(2), IFC_CQE_SYND_REMOTE_OP);
	CHECK(holds(p + hole, 1, 4096));
}

static void pages_to_be_read_only(void)
{
	uint8_t *p = area(1);

	start();
	CHECK_EQ(vfio_dma_map_read_only(&vf[1].dev, p, WINDOW, LEN), 0);
	CHECK_EQ(read_window(), 0);
	CHECK(holds(mlx5_va(&vf[0], src), 1, LEN));
	CHECK_EQ(write_window(2), IFC_CQE_SYND_REMOTE_OP);
	CHECK(holds(p, 1, LEN));
}

/* Bus mastering of the responder off: nothing arrives. Whether it is on again in time is the machine's affair. */
static void no_bus_master(void)
{
	uint8_t *p = area(0), synd;
	uint64_t since = 0;

	start();
	map(p, 0, LEN);
	CHECK_EQ(write_window(1), 0);
	CHECK_EQ(vfio_set_bus_master(&vf[1].dev, false), 0);
	post_write(2);
	while (wait_more(&since, 50))
		;
	CHECK(holds(p, 1, LEN));
	CHECK_EQ(vfio_set_bus_master(&vf[1].dev, true), 0);
	synd = completion();
	CHECK_MSG(!synd || synd == IFC_CQE_SYND_TRANSPORT_RETRY_EXC, "syndrome 0x%x", synd);
	CHECK(holds(p, synd ? 1 : 2, LEN));
}

static void after_a_reset(void)
{
	uint8_t *p = area(0);

	start();
	map(p, 0, LEN);
	CHECK_EQ(write_window(1), 0);
	CHECK_EQ(vfio_reset(&vf[1].dev), 0);
	CHECK_EQ(write_window(2), IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
	CHECK(holds(p, 1, LEN));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(other_pages_at_the_same_address),
		TAP_TEST(pages_taken_away),
		TAP_TEST(a_hole),
		TAP_TEST(pages_to_be_read_only),
		TAP_TEST(no_bus_master),
		TAP_TEST(after_a_reset),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
