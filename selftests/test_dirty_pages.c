// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging: no page is ever missed, and how many are reported for nothing. The judge is the content
 * of memory (lib/dirty.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dirty.h"
#include "env.h"
#include "tap.h"

#define HIGH_IOVA (126 * G1)
#define HIGH_SIZE (64U << 20)

static uint8_t *high;
static uint32_t high_key;

/* Memory of its own at 126 GiB, and a key for it; its pages are of 2 MiB for the device. */
static void map_high(void)
{
	size_t n = HIGH_SIZE / M2, inlen = IFC_SZ(create_mkey_in) + n * 8;
	IFC_BUF(create_mkey_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *mkc;
	int rc;

	CHECK(in);
	high = mmap(NULL, HIGH_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(high != MAP_FAILED);
	rc = vfio_dma_map(&dirty.vf.dev, high, HIGH_IOVA, HIGH_SIZE);
	CHECK_MSG(!rc, "map at 126 GiB: %s", strerror(-rc));
	mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	IFC_SET(create_mkey_in, in, translations_octword_actual_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, access_mode_1_0, 1); /* MTT */
	IFC_SET(mkc, mkc, lr, 1);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, rr, 1);
	IFC_SET(mkc, mkc, rw, 1);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, mkey_7_0, 0xa5);
	IFC_SET(mkc, mkc, pd, dirty.vf.sw->pd);
	IFC_SET64(mkc, mkc, start_addr, HIGH_IOVA);
	IFC_SET64(mkc, mkc, len, HIGH_SIZE);
	IFC_SET(mkc, mkc, translations_octword_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, log_page_size, 21);
	for (size_t i = 0; i < n; i++)
		ifc_st64(in + IFC_SZ(create_mkey_in) + 8 * i, HIGH_IOVA + i * M2);
	mlx5_cmd_ok(&dirty.vf, "CREATE_MKEY", in, inlen, out, sizeof(out));
	high_key = IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0xa5;
	free(in);
	dirty_area_add("high memory", HIGH_IOVA, high, HIGH_SIZE);
}

static void random_at(uint64_t page_size)
{
	dirty_start_logged(page_size);
	for (unsigned int i = 0; i < 60; i++) {
		for (unsigned int k = dirty_rnd(8); k; k--) {
			uint32_t len = 1 + dirty_rnd(i % 4 ? 3000 : DIRTY_SRC_SIZE);

			dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - len + 1), len);
		}
		if (i % 5 == 0)
			dirty_write_with_event();
		dirty_sync_guest(K4);
	}
	dirty_finish();
}

#define RANDOM(name, size) static void name(void) { random_at(size); }
RANDOM(random_4k, K4)
RANDOM(random_64k, K64)
RANDOM(random_2m, M2)

static void sequential(void)
{
	dirty_start_logged(K4);
	for (unsigned int round = 0; round < 3; round++) {
		for (uint64_t off = 0; off < DIRTY_DST_SIZE; off += 8192)
			dirty_write_dst(off, 8192);
		dirty_sync_guest(K4);
	}
	dirty_finish();
}

/* One byte before a boundary and one behind it, and no more. */
static void straddling(void)
{
	dirty_start_logged(K4);
	for (uint64_t off = K4; off < DIRTY_DST_SIZE; off += K4) {
		dirty_write_dst(off - 1, 2);
		if (off % (16 * K4) == 0)
			dirty_sync_guest(K4);
	}
	dirty_finish();
}

static void queues_only(void)
{
	dirty_start_logged(K4);
	for (unsigned int i = 0; i < 150; i++) {
		dirty_write_with_event();
		if (i % 7 == 0)
			dirty_sync_guest(K4);
	}
	dirty_finish();
}

/* Windows that begin and end anywhere, and together are all of memory. */
static void odd_windows(uint64_t page_size, uint64_t step)
{
	uint64_t end = MLX5_GUEST_IOVA + MLX5_GUEST_SIZE;

	dirty_start_logged(page_size);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 10; i++)
			dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 9000), 1 + dirty_rnd(9000));
		for (uint64_t at = MLX5_GUEST_IOVA - K4; at < end; at += step)
			dirty_sync(at, at + step < end ? step : end - at, K4);
		dirty_judge();
	}
	dirty_counts();
	CHECK_EQ(log_stop(), 0);
}

#define ODD(name, size, step) static void name(void) { odd_windows(size, step); }
ODD(odd_windows_4k, K4, 13 * K4)
ODD(odd_windows_64k, K64, 13 * K4)
ODD(odd_windows_2m, M2, 37 * K4)
ODD(unaligned_windows, K4, 9 * K4 + 512)

/* Every other piece of memory; more of them than the device has ranges for. */
static void many_ranges(void)
{
	log_range r[256];
	uint64_t ps = K4, step = MLX5_GUEST_SIZE / 256;

	dirty_start();
	for (uint32_t i = 0; i < 256; i++)
		r[i] = (log_range){
			MLX5_GUEST_IOVA + i * step, step - (i % 3 ? K4 : 0) };
	CHECK_EQ(log_start(&ps, r, 256), 0);
	dirty.areas = 1;
	dirty_copy();
	for (unsigned int i = 0; i < 40; i++)
		for (unsigned int k = 0; k < 256; k++) {
			uint64_t at = r[k].iova - mlx5_iova(0), len = r[k].length;

			if (at < dirty.dst || at + len > dirty.dst + DIRTY_DST_SIZE || dirty_rnd(4))
				continue;
			dirty_write_dst(at - dirty.dst + dirty_rnd((uint32_t)len), 1);
		}
	dirty_finish();
}

/* More ranges than the device has, one far away: the sum stays within its limit. */
static void e2_14_far_range(void)
{
	log_range r[40];
	uint64_t ps = K4;

	dirty_start();
	env_need_simulator("the limits of a card are its own");
	for (uint32_t i = 0; i < 39; i++)
		r[i] = (log_range){
			MLX5_GUEST_IOVA + i * 26 * K4, 25 * K4 };
	r[39] = (log_range){ 1ULL << 62, M2 };
	CHECK_EQ(log_start(&ps, r, 40), 0);
	CHECK_EQ(log_stop(), 0);
}

static void all_127_gib(void)
{
	uint64_t bits = 127 * G1 / K4, *bm;

	dirty_start();
	map_high();
	CHECK_EQ(log_start1(K4, 0, 127 * G1), 0);
	dirty_copy();
	for (unsigned int i = 0; i < 50; i++) {
		dirty_write(HIGH_IOVA + dirty_rnd(HIGH_SIZE - DIRTY_SRC_SIZE), high_key,
			    1 + dirty_rnd(DIRTY_SRC_SIZE - 1));
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 5000), 1 + dirty_rnd(5000));
		if (i % 10 == 0)
			dirty_sync(0, 127 * G1, K4);
	}
	/* the edges */
	dirty_write(HIGH_IOVA, high_key, 1);
	dirty_write(HIGH_IOVA + HIGH_SIZE - 1, high_key, 1);
	dirty_sync(0, 127 * G1, K4);
	dirty_judge();
	bm = log_report(0, 127 * G1, K4);
	CHECK_EQ(bits_set(bm, bits), 0);
	free(bm);
	dirty_counts();
}

/* More pages than a message holds, and more messages than the ring has. */
static void many_pages(void)
{
	dirty_start();
	dirty.areas = 0; /* only this one is tracked */
	map_high();
	CHECK_EQ(log_start1(K4, HIGH_IOVA, HIGH_SIZE), 0);
	dirty_copy();
	for (unsigned int round = 0; round < 12; round++) {
		for (uint32_t off = 0; off < HIGH_SIZE; off += DIRTY_SRC_SIZE)
			dirty_write(HIGH_IOVA + off, high_key, DIRTY_SRC_SIZE);
		dirty_sync(HIGH_IOVA, HIGH_SIZE, K4);
	}
	dirty_judge();
	dirty_counts();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "random_4k", random_4k, NULL, 120 },
		{ "random_64k", random_64k, NULL, 120 },
		{ "random_2m", random_2m, NULL, 120 },
		TAP_TEST(sequential),
		{ "straddling", straddling, NULL, 120 },
		TAP_TEST(queues_only),
		TAP_TEST(odd_windows_4k),
		TAP_PEER(odd_windows_64k, "a page that begins before the window is dropped"),
		TAP_PEER(odd_windows_2m, "a page that begins before the window is dropped"),
		TAP_PEER(unaligned_windows, "a page that begins before the window is dropped"),
		TAP_TEST(many_ranges),
		TAP_TEST(e2_14_far_range),
		{ "all_127_gib", all_127_gib, NULL, 120 },
		{ "many_pages", many_pages, NULL, 180 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
