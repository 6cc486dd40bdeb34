// SPDX-License-Identifier: GPL-2.0-or-later
#include "dirty.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "truth.h"

struct dirty dirty;
static uint64_t seed = 0x9e3779b97f4a7c15ULL;
static volatile bool writer_quit;
static pthread_t writer_thread;

uint32_t dirty_rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

/* ---- calls --------------------------------------------------------------------------------- */

int log_start_alone(uint64_t *page_size, const log_range *r, uint32_t n)
{
	struct vfio_device_feature_dma_logging_control c = {
		.page_size = *page_size, .num_ranges = n, .ranges = (uintptr_t)r,
	};
	int rc = vfmig_feature(dirty.dev, LOG_START, &c, sizeof(c));

	*page_size = c.page_size;
	return rc;
}

int log_start(uint64_t *page_size, const log_range *r, uint32_t n)
{
	int rc = log_start_alone(page_size, r, n);

	if (!rc)
		truth_start(r, n);
	return rc;
}

int log_start1(uint64_t page_size, uint64_t iova, uint64_t len)
{
	log_range r = { iova, len };

	return log_start(&page_size, &r, 1);
}

int log_stop(void)
{
	return vfmig_feature(dirty.dev, LOG_STOP, NULL, 0);
}

int log_report_to(uint64_t iova, uint64_t len, uint64_t page_size, const void *bitmap)
{
	struct vfio_device_feature_dma_logging_report r = {
		.iova = iova, .length = len, .page_size = page_size, .bitmap = (uintptr_t)bitmap,
	};

	return vfmig_feature(dirty.dev, LOG_REPORT, &r, sizeof(r));
}

/* The largest tracked page that sticks out, 2 MiB, in the smallest of a report. */
#define SLACK_WORDS (512 / 64)

uint64_t *log_report(uint64_t iova, uint64_t len, uint64_t page_size)
{
	/* behind the end there is room for what the other driver sets there (no_bit_behind_the_bitmap) */
	uint64_t bits = (len + page_size - 1) / page_size, words = bits / 64 + 1;
	uint64_t *bm = calloc(words + SLACK_WORDS, 8);
	int rc;

	CHECK(bm);
	rc = log_report_to(iova, len, page_size, bm);
	CHECK_MSG(!rc, "REPORT of 0x%llx at 0x%llx: %s", (unsigned long long)len,
		  (unsigned long long)iova, strerror(-rc));
	for (uint64_t w = words; w < words + SLACK_WORDS && !tap_peer(); w++)
		CHECK_MSG(!bm[w], "a bit is set behind the bitmap of 0x%llx", (unsigned long long)iova);
	for (uint64_t i = 0; i < bits; i++) {
		if (!bm[i / 64])
			i |= 63; /* nothing in this word */
		else if (bit(bm, i))
			truth_told(iova + i * page_size, page_size);
	}
	return bm;
}

struct tracker_limits tracker_limits(void)
{
	const char *kind = getenv("VFMIG_TRACKER");

	env_need_simulator("the limits of a card are its own");
	if (!kind)
		return (struct tracker_limits){ 8, 16, 52 };
	if (!strcmp(kind, "small"))
		return (struct tracker_limits){ 4, 2, 40 };
	CHECK_MSG(!strcmp(kind, "large"), "VFMIG_TRACKER=%s", kind);
	tap_skip("a tracker of this card covers all there is");
}

uint32_t far_ranges(log_range r[FAR_RANGES], uint32_t trackers)
{
	struct tracker_limits l = tracker_limits();
	uint32_t n = (trackers - 1) * l.ranges + 1;

	CHECK(n <= FAR_RANGES);
	r[0] = (log_range){ MLX5_GUEST_IOVA, MLX5_GUEST_SIZE };
	for (uint32_t i = 1; i < n; i++)
		r[i] = (log_range){ (uint64_t)i << (l.log_space + 1), FAR_SIZE };
	return n;
}

bool bit(const uint64_t *bm, uint64_t i)
{
	return bm[i / 64] >> (i % 64) & 1;
}

uint64_t bits_set(const uint64_t *bm, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t w = 0; w < n / 64; w++)
		count += (uint64_t)__builtin_popcountll(bm[w]);
	for (uint64_t i = n & ~63ULL; i < n; i++)
		count += bit(bm, i);
	return count;
}

/* ---- memory -------------------------------------------------------------------------------- */

void dirty_area_add(const char *name, uint64_t iova, void *va, uint64_t len)
{
	struct dirty_area *a = &dirty.area[dirty.areas];

	CHECK(dirty.areas < DIRTY_MAX_AREAS);
	*a = (struct dirty_area){ name, iova, len, va, malloc(len) };
	CHECK(a->copy);
	dirty.areas++;
}

void dirty_copy(void)
{
	for (unsigned int i = 0; i < dirty.areas; i++)
		memcpy(dirty.area[i].copy, dirty.area[i].va, dirty.area[i].len);
}

static void copy_page(const struct dirty_area *a, uint64_t off, uint64_t n)
{
	dirty.told++;
	dirty.idle += !memcmp(a->copy + off, a->va + off, n);
	memcpy(a->copy + off, a->va + off, n);
}

/* What a reported piece of address space says of the areas. */
static void copy_piece(uint64_t iova, uint64_t len)
{
	for (unsigned int i = 0; i < dirty.areas; i++) {
		const struct dirty_area *a = &dirty.area[i];
		uint64_t from = iova > a->iova ? iova : a->iova;
		uint64_t to = iova + len < a->iova + a->len ? iova + len : a->iova + a->len;

		while (from < to) {
			uint64_t n = K4 - from % K4;

			if (n > to - from)
				n = to - from;
			copy_page(a, from - a->iova, n);
			from += n;
		}
	}
}

void dirty_sync(uint64_t iova, uint64_t len, uint64_t page_size)
{
	uint64_t bits = (len + page_size - 1) / page_size, *bm = log_report(iova, len, page_size);

	for (uint64_t i = 0; i < bits; i++) {
		uint64_t n = len - i * page_size;

		if (!bm[i / 64])
			i |= 63; /* nothing in this word */
		else if (bit(bm, i))
			copy_piece(iova + i * page_size, n < page_size ? n : page_size);
	}
	free(bm);
}

void dirty_sync_guest(uint64_t page_size)
{
	dirty_sync(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, page_size);
}

/* The first of the pages counted goes to *@first, as area and offset in it. */
static unsigned int changed(const struct dirty_area **first, uint64_t *at)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < dirty.areas; i++) {
		const struct dirty_area *a = &dirty.area[i];

		for (uint64_t off = 0; off < a->len; off += K4) {
			uint64_t n = a->len - off < K4 ? a->len - off : K4;

			if (!memcmp(a->copy + off, a->va + off, n))
				continue;
			if (!count++) {
				*first = a;
				*at = off;
			}
		}
	}
	return count;
}

unsigned int dirty_changed(void)
{
	const struct dirty_area *a;
	uint64_t at;

	return changed(&a, &at);
}

void dirty_judge(void)
{
	const struct dirty_area *a;
	unsigned int missed;
	uint64_t at;

	missed = changed(&a, &at);
	CHECK_MSG(!missed, "%u pages were changed and never reported; the first: %s, 0x%llx", missed,
		  a->name, (unsigned long long)(a->iova + at));
	dirty.truth_known = truth_judge(&dirty.truth);
}

void dirty_counts(void)
{
	const struct truth_counts *t = &dirty.truth;

	tap_diag("pages of areas reported: %llu, of them unchanged: %llu",
		 (unsigned long long)dirty.told, (unsigned long long)dirty.idle);
	if (dirty.truth_known)
		tap_diag("pages written: %llu, reported: %llu, of them not written: %llu, outside of ranges: %llu",
			 (unsigned long long)t->written, (unsigned long long)t->told,
			 (unsigned long long)t->idle, (unsigned long long)t->outside);
}

void dirty_finish(void)
{
	dirty_sync_guest(K4);
	dirty_judge();
	dirty_counts();
	CHECK_EQ(log_stop(), 0);
}

/* ---- the VF -------------------------------------------------------------------------------- */

void dirty_open(void)
{
	const char *kernel = getenv("VFMIG_KERNEL");

	mlx5_mem_init(&dirty.mem);
	mlx5_open(&dirty.vf, env_vf(0), &dirty.mem);
	dirty.dev = dirty.vf.dev.fd;
	need_migration(&dirty.vf.dev);
	if (vfmig_feature(dirty.dev, LOG_START | VFIO_DEVICE_FEATURE_PROBE, NULL, 0) == -ENOTTY) {
		CHECK_MSG(!kernel || strcmp(kernel, "stock-dirty"), "no DMA logging on a kernel rebuilt for it");
		tap_skip("no DMA logging here");
	}
}

void dirty_start_vf(void)
{
	struct mlx5_vf *vf = &dirty.vf;

	mlx5_start(vf);
	mlx5_create_cq(vf, 0, 7);
	mlx5_create_cq(vf, 1, 7);
	mlx5_create_qp(vf, 0, 6, 6, 0, 1);
	mlx5_connect_self(vf, 0);
	dirty.src = mlx5_alloc(vf, DIRTY_SRC_SIZE);
	dirty.dst = mlx5_alloc(vf, DIRTY_DST_SIZE);
	for (uint32_t i = 0; i < DIRTY_SRC_SIZE; i++)
		((uint8_t *)mlx5_va(vf, dirty.src))[i] = (uint8_t)dirty_rnd(256);
}

void dirty_start(void)
{
	struct mlx5_sw *sw;

	dirty_open();
	dirty_start_vf();
	sw = dirty.vf.sw;
	dirty_area_add("payload", mlx5_iova(dirty.dst), mlx5_va(&dirty.vf, dirty.dst),
		       DIRTY_DST_SIZE);
	for (unsigned int i = 0; i < 2; i++)
		dirty_area_add("completion queue", mlx5_iova(sw->cq[i].buf),
			       mlx5_va(&dirty.vf, sw->cq[i].buf), 64ULL << sw->cq[i].log);
	for (unsigned int i = 0; i < MLX5_MAX_EQ; i++)
		if (sw->eq[i].live)
			dirty_area_add("event queue", mlx5_iova(sw->eq[i].buf),
				       mlx5_va(&dirty.vf, sw->eq[i].buf), 64ULL << sw->eq[i].log);
}

void dirty_start_logged(uint64_t page_size)
{
	int rc;

	dirty_start();
	rc = log_start1(page_size, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE);
	CHECK_MSG(!rc, "START: %s", strerror(-rc));
	dirty_copy();
}

void dirty_write(uint64_t iova, uint32_t key, uint32_t len)
{
	uint32_t off = dirty_rnd(DIRTY_SRC_SIZE - len + 1);
	uint8_t *p = mlx5_va(&dirty.vf, dirty.src + off);
	struct mlx5_wc wc;

	CHECK(len && len <= DIRTY_SRC_SIZE);
	for (uint32_t i = 0; i < len; i += 64)
		p[i] = (uint8_t)(p[i] + 1 + dirty_rnd(200));
	p[len - 1]++;
	mlx5_post_write(&dirty.vf, 0, dirty.src + off, iova, key, len);
	mlx5_ring(&dirty.vf, 0);
	mlx5_wait_cq(&dirty.vf, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
}

void dirty_write_dst(uint64_t off, uint32_t len)
{
	dirty_write(mlx5_iova(dirty.dst) + off, dirty.vf.sw->mkey, len);
}

void dirty_write_with_event(void)
{
	mlx5_arm_cq(&dirty.vf, 0);
	dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 64), 64);
	CHECK(mlx5_wait_event(&dirty.vf, 0, 20000));
}

static void *writer(void *arg)
{
	(void)arg;
	while (!writer_quit) {
		uint32_t len = 1 + dirty_rnd(6000);

		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - len + 1), len);
	}
	return NULL;
}

void dirty_writer_start(void)
{
	writer_quit = false;
	CHECK(!pthread_create(&writer_thread, NULL, writer, NULL));
}

void dirty_writer_stop(void)
{
	writer_quit = true;
	pthread_join(writer_thread, NULL);
}
