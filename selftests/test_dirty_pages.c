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
#include "fault.h"
#include "tap.h"

#define GUEST MLX5_GUEST_IOVA, MLX5_GUEST_SIZE
#define HIGH_IOVA (126 * G1)
#define HIGH_SIZE (64U << 20)
#define SPACE (127 * G1)
#define WINDOWS 127U
#define WINDOW_SIZE (256U << 10)
#define WINDOWS_AT (1ULL << 45) /* where their key begins */

static uint8_t *anon(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void map(void *va, uint64_t iova, size_t len)
{
	int rc = vfio_dma_map(&dirty.vf.dev, va, iova, len);

	CHECK_MSG(!rc, "map at 0x%llx: %s", (unsigned long long)iova, strerror(-rc));
}

/* Memory of its own at 126 GiB, and a key for it; its pages are of 2 MiB for the device. */
static uint32_t map_high(uint8_t **va)
{
	uint64_t page[HIGH_SIZE / M2];

	*va = anon(HIGH_SIZE);
	map(*va, HIGH_IOVA, HIGH_SIZE);
	for (unsigned int i = 0; i < HIGH_SIZE / M2; i++)
		page[i] = HIGH_IOVA + i * M2;
	return mlx5_create_mkey(&dirty.vf, HIGH_IOVA, HIGH_SIZE, 21, page, HIGH_SIZE / M2);
}

static uint32_t map_high_area(void)
{
	uint8_t *va;
	uint32_t key = map_high(&va);

	dirty_area_add("high memory", HIGH_IOVA, va, HIGH_SIZE);
	return key;
}

/* A window in each GiB, the last one at the very end. */
static uint64_t window_iova(unsigned int i)
{
	return i == WINDOWS - 1 ? SPACE - WINDOW_SIZE : i * G1 + (i * 613 + 7) % 15000 * K64;
}

/* All of them, behind one key by which they follow each other. */
static uint32_t map_windows(void)
{
	const unsigned int per = WINDOW_SIZE / K64;
	uint64_t page[WINDOWS * (WINDOW_SIZE / K64)];
	uint8_t *va = anon((size_t)WINDOWS * WINDOW_SIZE);

	for (unsigned int i = 0; i < WINDOWS; i++) {
		uint8_t *w = va + (size_t)i * WINDOW_SIZE;

		map(w, window_iova(i), WINDOW_SIZE);
		dirty_area_add("window", window_iova(i), w, WINDOW_SIZE);
		for (unsigned int k = 0; k < per; k++)
			page[i * per + k] = window_iova(i) + k * K64;
	}
	return mlx5_create_mkey(&dirty.vf, WINDOWS_AT, (uint64_t)WINDOWS * WINDOW_SIZE, 16, page,
				WINDOWS * per);
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
		if (off % (16 * K4) == 0) {
			dirty_sync_guest(K4);
			dirty_judge();
		}
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

/* A page of the device that sticks out of the window is told of within the window only. */
static void no_bit_behind_the_bitmap(void)
{
	uint64_t bm[64] = { 0 };

	dirty_start_logged(M2);
	for (uint64_t off = 0; off < DIRTY_DST_SIZE; off += DIRTY_SRC_SIZE)
		dirty_write_dst(off, DIRTY_SRC_SIZE);
	CHECK_EQ(log_report_to(mlx5_iova(dirty.dst), 64 * K4, K4, bm), 0);
	for (unsigned int i = 1; i < 64; i++)
		CHECK_MSG(!bm[i], "a bitmap of 8 bytes: those at %u are 0x%llx", 8 * i,
			  (unsigned long long)bm[i]);
	CHECK(bm[0] == ~0ULL);
}

/* Every size that a device may have, reported by every size. */
static void every_page_size(void)
{
	dirty_start();
	for (uint64_t size = K4; size <= M2; size *= 2) {
		CHECK_EQ(log_start1(size, GUEST), 0);
		dirty_copy();
		for (uint64_t by = K4; by <= M2; by *= 2) {
			dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 20000), 1 + dirty_rnd(20000));
			dirty_write_with_event();
			dirty_sync_guest(by);
			dirty_judge();
		}
		CHECK_EQ(log_stop(), 0);
	}
	dirty_counts();
}

/* ---- ranges -------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* @n ranges in high memory that do not touch each other; each is an area. */
static void draw_ranges(log_range *r, uint32_t n, uint8_t *va)
{
	const uint32_t pages = HIGH_SIZE / K4;
	uint32_t *edge = calloc(2 * n, sizeof(*edge));

	CHECK(edge);
	/* edges that differ once each is moved up by its rank */
	for (uint32_t i = 0; i < 2 * n; i++)
		edge[i] = dirty_rnd(pages - 2 * n);
	qsort(edge, 2 * n, sizeof(*edge), by_number);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t first = edge[2 * i] + 2 * i, end = edge[2 * i + 1] + 2 * i + 1;

		r[i] = (log_range){ HIGH_IOVA + first * K4, (end - first) * K4 };
		dirty_area_add("range", r[i].iova, va + first * K4, r[i].length);
	}
	free(edge);
}

static void drop_areas(void)
{
	while (dirty.areas)
		free(dirty.area[--dirty.areas].copy);
}

/* As many as a user may give, and around what devices have. */
static void b6_92_more_ranges_than_the_device_has(void)
{
	static const uint32_t numbers[] = { 1, 2, 3, 15, 16, 17, 64, 254, 255, 256 };
	log_range r[256];
	uint8_t *va;
	uint32_t key;

	dirty_start();
	key = map_high(&va);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t ps = K4;

		drop_areas();
		draw_ranges(r, numbers[i], va);
		CHECK_EQ(log_start(&ps, r, numbers[i]), 0);
		dirty_copy();
		for (unsigned int k = 0; k < 40; k++) {
			uint32_t len = 1 + dirty_rnd(k % 8 ? 9000 : DIRTY_SRC_SIZE);

			dirty_write(HIGH_IOVA + dirty_rnd(HIGH_SIZE - len + 1), key, len);
		}
		/* the first and the last byte of each */
		for (uint32_t k = 0; k < numbers[i]; k++)
			dirty_write(r[k].iova + (k & 1 ? r[k].length - 1 : 0), key, 1);
		dirty_sync(HIGH_IOVA, HIGH_SIZE, K4);
		dirty_judge();
		CHECK_EQ(log_stop(), 0);
	}
	dirty_counts();
}

static void write_over_two_ranges(void)
{
	log_range r[2];
	uint64_t ps = K4, at;

	dirty_start();
	at = mlx5_iova(dirty.dst);
	r[0] = (log_range){ at, 2 * K4 };
	r[1] = (log_range){ at + 3 * K4, 2 * K4 };
	drop_areas();
	for (unsigned int i = 0; i < 2; i++)
		dirty_area_add("range", r[i].iova, mlx5_va(&dirty.vf, dirty.dst + i * 3 * K4),
			       r[i].length);
	CHECK_EQ(log_start(&ps, r, 2), 0);
	dirty_copy();
	dirty_write_dst(K4 + K4 / 2, 2 * K4);
	CHECK_EQ(dirty_changed(), 2);
	dirty_finish();
}

/* More ranges than the device has, one far away: one tracker covers them all the same. */
static void far_range(void)
{
	log_range r[40];
	uint64_t ps = K4;

	dirty_start();
	env_need_simulator("the limits of a card are its own");
	for (uint32_t i = 0; i < 39; i++)
		r[i] = (log_range){ MLX5_GUEST_IOVA + i * 26 * K4, 25 * K4 };
	r[39] = (log_range){ 1ULL << 62, M2 };
	CHECK_EQ(log_start(&ps, r, 40), 0);
	if (!tap_peer())
		CHECK_EQ(driver_trackers(env_vf(0)), 1);
	CHECK_EQ(log_stop(), 0);
}

/* ---- several trackers (E2.14) -------------------------------------------------------------- */

/*
 * Map those of the far ranges that the IOMMU reaches, as areas and behind one key by which they follow
 * each other. Returns how many.
 */
static uint32_t map_far(const log_range *r, uint32_t n, uint32_t *key)
{
	uint64_t page[FAR_RANGES];
	uint32_t mapped = 0;

	for (uint32_t i = 1; i < n && r[i].iova < 1ULL << 47; i++) {
		uint8_t *va = anon(FAR_SIZE);

		map(va, r[i].iova, FAR_SIZE);
		dirty_area_add("far range", r[i].iova, va, FAR_SIZE);
		page[mapped++] = r[i].iova;
	}
	if (mapped)
		*key = mlx5_create_mkey(&dirty.vf, WINDOWS_AT, mapped * FAR_SIZE, 21, page, mapped);
	return mapped;
}

/* A window from one range to the next, from one tracker to the next among them. */
static void sync_over_gap(const log_range *r)
{
	dirty_sync(r[0].iova, r[1].iova + r[1].length - r[0].iova, 1ULL << 32);
}

/* Ranges so far apart that no choice of merging them keeps within the limit of a tracker. */
static void e2_14_far_ranges_are_tracked(void)
{
	struct tracker_limits l = tracker_limits();
	log_range r[FAR_RANGES];
	uint32_t n = far_ranges(r, l.trackers), far, key = 0;
	uint64_t ps = K4;
	int rc;

	dirty_start();
	far = map_far(r, n, &key);
	rc = log_start(&ps, r, n);
	CHECK_MSG(!rc, "START: %s", strerror(-rc));
	if (!tap_peer())
		CHECK_EQ(driver_trackers(env_vf(0)), l.trackers);
	dirty_copy();
	for (unsigned int round = 0; round < 6; round++) {
		for (unsigned int i = 0; far && i < 30; i++) {
			uint32_t len = 1 + dirty_rnd(i % 8 ? 9000 : DIRTY_SRC_SIZE);

			/* also from the end of one range to the beginning of the next */
			dirty_write(WINDOWS_AT + dirty_rnd((uint32_t)(far * FAR_SIZE) - len + 1), key,
				    len);
		}
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 5000), 5000);
		dirty_write_with_event();
		if (far && round % 2)
			for (uint32_t i = 0; i + 1 < n; i++)
				sync_over_gap(&r[i]);
		else
			for (uint32_t i = 0; i < n; i++)
				dirty_sync(r[i].iova, r[i].length, K4);
		dirty_judge();
	}
	dirty_counts();
	CHECK_EQ(log_stop(), 0);
	if (!tap_peer())
		CHECK_EQ(driver_trackers(env_vf(0)), 0);
}

/* One range more than as many trackers as there may be cover. */
static void more_than_all_trackers_is_eopnotsupp(void)
{
	struct tracker_limits l = tracker_limits();
	log_range r[FAR_RANGES];
	uint32_t n = far_ranges(r, l.trackers + 1);
	uint64_t ps = K4;

	dirty_start();
	CHECK_EQ(log_start(&ps, r, n), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, 0, ((uint64_t)l.trackers << l.log_space) + K4), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	if (!tap_peer())
		CHECK_EQ(driver_trackers(env_vf(0)), 1);
	dirty_copy();
	dirty_write_dst(1, 5000);
	dirty_finish();
}

/* A range that is longer than what a tracker covers, and writes over the place where it is cut. */
static void e2_14_long_range_is_cut(void)
{
	static const uint64_t meet[] = { 0, K4, 512 }; /* of two windows, behind the cut */
	struct tracker_limits l = tracker_limits();
	uint64_t cut = 1ULL << l.log_space, page[8];
	const uint64_t size = sizeof(page) / sizeof(page[0]) * M2, at = cut - size / 2;
	uint32_t key = 0;
	uint8_t *va;
	int rc;

	dirty_start();
	if (cut < 1ULL << 47) {
		va = anon(size);
		map(va, at, size);
		dirty_area_add("around the cut", at, va, size);
		for (unsigned int i = 0; i < size / M2; i++)
			page[i] = at + i * M2;
		key = mlx5_create_mkey(&dirty.vf, at, size, 21, page, size / M2);
	}
	rc = log_start1(K4, 0, l.trackers * cut);
	CHECK_MSG(!rc, "START: %s", strerror(-rc));
	if (!tap_peer())
		CHECK_EQ(driver_trackers(env_vf(0)), l.trackers);
	dirty_copy();
	for (unsigned int round = 0; round < 12; round++) {
		for (unsigned int i = 0; key && i < 10; i++) {
			uint32_t len = 2 + dirty_rnd(i % 4 ? 9000 : DIRTY_SRC_SIZE - 2);

			dirty_write(cut - 1 - dirty_rnd(len - 1), key, len);
			dirty_write(at + dirty_rnd((uint32_t)size - len + 1), key, len);
		}
		if (key) {
			dirty_write(cut - 1, key, 2);
			if (round % 4) {
				uint64_t half = size / 2 + meet[round % 4 - 1];

				dirty_sync(at, half, K4);
				dirty_sync(at + half, size - half, K4);
			} else {
				dirty_sync(at, size, K4);
			}
		}
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 5000), 5000);
		dirty_sync_guest(K4);
		dirty_judge();
	}
	dirty_counts();
	CHECK_EQ(log_stop(), 0);
}

/* ---- much ---------------------------------------------------------------------------------- */

static void all_127_gib_at(uint64_t page_size)
{
	const uint64_t end = (uint64_t)WINDOWS * WINDOW_SIZE;
	uint64_t *bm;
	uint32_t key;

	dirty_start();
	key = map_windows();
	CHECK_EQ(log_start1(page_size, 0, SPACE), 0);
	dirty_copy();
	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < WINDOWS; i++) {
			uint32_t len = 1 + dirty_rnd(i % 16 ? 3000 : 100000);

			/* also from the end of one window to the beginning of the next */
			dirty_write(WINDOWS_AT + (uint64_t)i * WINDOW_SIZE +
					    dirty_rnd(WINDOW_SIZE - (i == WINDOWS - 1) * len), key, len);
		}
		dirty_write(WINDOWS_AT, key, 1);
		dirty_write(WINDOWS_AT + end - 1, key, 1);
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 5000), 5000);
		if (round % 2)
			for (uint64_t at = 0; at < SPACE; at += 10 * G1 + 37 * M2)
				dirty_sync(at, SPACE - at < 10 * G1 + 37 * M2 ? SPACE - at :
									 10 * G1 + 37 * M2, K4);
		else
			dirty_sync(0, SPACE, K4);
		dirty_judge();
	}
	bm = log_report(0, SPACE, K4);
	CHECK_EQ(bits_set(bm, SPACE / K4), 0);
	free(bm);
	dirty_counts();
	CHECK_EQ(log_stop(), 0);
}

static void all_127_gib_4k(void)
{
	all_127_gib_at(K4);
}

static void all_127_gib_2m(void)
{
	all_127_gib_at(M2);
}

/* More pages than a message holds, and more messages than the ring has. */
static void many_pages(void)
{
	uint32_t key;

	dirty_start();
	drop_areas(); /* only this one is tracked */
	key = map_high_area();
	CHECK_EQ(log_start1(K4, HIGH_IOVA, HIGH_SIZE), 0);
	dirty_copy();
	for (unsigned int round = 0; round < 12; round++) {
		for (uint32_t off = 0; off < HIGH_SIZE; off += DIRTY_SRC_SIZE)
			dirty_write(HIGH_IOVA + off, key, DIRTY_SRC_SIZE);
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
		/* where the card has no tracked pages as small as that */
		TAP_PEER(odd_windows_4k, "a page that begins before the window is dropped"),
		TAP_PEER(odd_windows_64k, "a page that begins before the window is dropped"),
		TAP_PEER(odd_windows_2m, "a page that begins before the window is dropped"),
		TAP_PEER(unaligned_windows, "a page that begins before the window is dropped"),
		TAP_PEER(no_bit_behind_the_bitmap,
			 "the core sets bits behind the bitmap for a page that sticks out"),
		{ "every_page_size", every_page_size, NULL, 120 },
		{ "b6_92_more_ranges_than_the_device_has", b6_92_more_ranges_than_the_device_has, NULL, 120 },
		TAP_TEST(write_over_two_ranges),
		TAP_TEST(far_range),
		{ "e2_14_far_ranges_are_tracked", e2_14_far_ranges_are_tracked, "E2.14", 120 },
		{ "e2_14_long_range_is_cut", e2_14_long_range_is_cut, "E2.14", 120 },
		TAP_TEST(more_than_all_trackers_is_eopnotsupp),
		{ "all_127_gib_4k", all_127_gib_4k, NULL, 120 },
		{ "all_127_gib_2m", all_127_gib_2m, NULL, 120 },
		{ "many_pages", many_pages, NULL, 180 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
