// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging: what its three calls promise, by number (statements 82 to 108). What is never missed is
 * shown by test_dirty_pages.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dirty.h"
#include "env.h"
#include "tap.h"

static void b6_82_no_ranges_is_einval(void)
{
	log_range r = { MLX5_GUEST_IOVA, K4 };
	uint64_t ps = K4;

	dirty_open();
	CHECK_EQ(log_start(&ps, &r, 0), -EINVAL);
}

static void b6_83_more_ranges_than_a_page_holds_is_e2big(void)
{
	uint32_t n = (uint32_t)sysconf(_SC_PAGESIZE) / 16 + 1;
	log_range *r = calloc(n, sizeof(*r));
	uint64_t ps = K4;

	dirty_open();
	for (uint32_t i = 0; i < n; i++)
		r[i] = (log_range){ i * 2 * K4, K4 };
	CHECK_EQ(log_start(&ps, r, n), -E2BIG);
	CHECK_EQ(log_start(&ps, r, n - 1), 0);
	CHECK_EQ(log_stop(), 0);
	free(r);
}

static void b6_84_unaligned_range_is_einval(void)
{
	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA + 512, K4), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, K4 + 512), -EINVAL);
	CHECK_EQ(log_start1(M2, MLX5_GUEST_IOVA + K4, M2), -EINVAL);
}

static void b6_85_range_that_wraps_is_eoverflow(void)
{
	dirty_open();
	CHECK_EQ(log_start1(K4, 0ULL - K4, 2 * K4), -EOVERFLOW);
}

static void b6_86_overlapping_ranges_are_einval(void)
{
	log_range r[] = {
		{ MLX5_GUEST_IOVA, 4 * K4 }, { MLX5_GUEST_IOVA + 3 * K4, 4 * K4 },
	};
	uint64_t ps = K4;

	dirty_open();
	CHECK_EQ(log_start(&ps, r, 2), -EINVAL);
}

static void b6_87_bad_pointer_is_efault(void)
{
	uint64_t ps = K4;

	dirty_open();
	CHECK_EQ(log_start(&ps, (void *)8, 1), -EFAULT);
}

static void b6_89_no_way_to_tell_the_page_size_stops_again(void)
{
	log_range r = { MLX5_GUEST_IOVA, M2 };
	struct {
		struct vfio_device_feature f;
		struct vfio_device_feature_dma_logging_control c;
	} *p;

	dirty_open();
	p = mmap(NULL, K4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	p->f.argsz = sizeof(*p);
	p->f.flags = LOG_START;
	p->c.page_size = K4;
	p->c.num_ranges = 1;
	p->c.ranges = (uintptr_t)&r;
	CHECK(!mprotect(p, K4, PROT_READ));
	CHECK_EQ(ioctl(dirty.dev, VFIO_DEVICE_FEATURE, p) < 0 ? -errno : 0, -EFAULT);
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, K4, &(uint64_t){ 0 }), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_90_second_start_is_einval(void)
{
	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), -EINVAL);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_91_page_size_is_written_back(void)
{
	static const struct {
		uint64_t ask, get; /* on the simulated card, which has 4 KiB to 2 MiB */
	} sizes[] = { { 1, K4 },	 { 512, K4 }, { K4, K4 }, { 2 * K4, 2 * K4 },
		      { K64, K64 },	 { M2, M2 },  { 2 * M2, M2 }, { G1, M2 } };

	dirty_open();
	env_need_simulator("the limits of a card are its own");
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		log_range r = { 0, 4 * G1 };
		uint64_t ps = sizes[i].ask;

		CHECK_EQ(log_start(&ps, &r, 1), 0);
		CHECK_EQ(ps, sizes[i].get);
		CHECK_EQ(log_stop(), 0);
	}
}

static void b6_93_more_than_the_device_tracks_is_eopnotsupp(void)
{
	dirty_open();
	env_need_simulator("the limits of a card are its own");
	CHECK_EQ(log_start1(K4, 0, (1ULL << 55) + K4), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, 0, 1ULL << 63), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, 0, 1ULL << 52), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_94_session_ends_with_the_pf(void)
{
	uint64_t word = 0;

	dirty_start_logged(K4);
	env_reload_end(env_reload_begin(0));
	CHECK(log_report_to(MLX5_GUEST_IOVA, K4, K4, &word) < 0);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
	CHECK_EQ(vfio_set_bus_master(&dirty.vf.dev, true), 0);
	dirty_start_vf();
	dirty.area[0].va = mlx5_va(&dirty.vf, dirty.dst);
	dirty.area[0].iova = mlx5_iova(dirty.dst);
	dirty.areas = 1;
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_copy();
	dirty_write_dst(3, 50000);
	dirty_finish();
}

static void b6_95_in_every_state(void)
{
	static const enum vfmig_state states[] = {
		ST_RUNNING, ST_PRE_COPY, ST_PRE_COPY_P2P, ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY,
		ST_STOP, ST_RESUMING,
	};
	uint64_t flags;

	dirty_start();
	CHECK_EQ(vfmig_flags(dirty.dev, &flags), 0);
	for (unsigned int i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		int fd = -1, rc = vfmig_set(dirty.dev, states[i], &fd);

		if (rc == -EINVAL && flags != (VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
					       VFIO_MIGRATION_PRE_COPY))
			continue; /* optional, and not there */
		CHECK_MSG(!rc, "SET %s: %s", vfmig_state_name(states[i]), strerror(-rc));
		CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		free(log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
		CHECK_EQ(log_stop(), 0);
		vfmig_expect(dirty.dev, states[i]);
		if (fd >= 0)
			close(fd);
	}
	CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
}

static void b6_96_stop_without_start_is_0(void)
{
	dirty_open();
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_97_report_by_odd_page_sizes_is_einval(void)
{
	static const uint64_t bad[] = { 0, 1, 512, 2048, 4095, 4097, 3 * K4, K64 + 1 };
	uint64_t words[2] = { 0 };

	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, bad[i], words), -EINVAL);
	CHECK_EQ(log_stop(), 0);
}

static void b6_98_report_that_wraps_is_eoverflow(void)
{
	uint64_t word = 0;

	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_report_to(0ULL - K4, 2 * K4, K4, &word), -EOVERFLOW);
	CHECK_EQ(log_stop(), 0);
}

static void b6_99_report_without_start_is_einval(void)
{
	uint64_t word = 0;

	dirty_open();
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, K4, &word), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, K4, &word), -EINVAL);
}

static void b6_101_report_only_sets_bits(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm = malloc(bits / 8), *clean = malloc(bits / 8);

	dirty_start_logged(K4);
	free(log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
	memset(bm, 0xa5, bits / 8);
	memcpy(clean, bm, bits / 8);
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), 0);
	CHECK(!memcmp(bm, clean, bits / 8));
	dirty_write_dst(5 * K4, 3 * K4);
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), 0);
	for (uint64_t i = 0; i < bits; i++)
		CHECK(bit(bm, i) || !bit(clean, i));
	for (uint64_t i = 5; i < 8; i++)
		CHECK(bit(bm, dirty.dst / K4 + i));
}

static void b6_102_reported_once(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm;

	dirty_start_logged(K4);
	dirty_write_dst(0, 9 * K4);
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK(bits_set(bm, bits) >= 9);
	free(bm);
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK_EQ(bits_set(bm, bits), 0);
	free(bm);
	dirty_write_dst(2 * K4, 1);
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK(bit(bm, dirty.dst / K4 + 2));
	CHECK(!bit(bm, dirty.dst / K4 + 3));
	free(bm);
}

static void b6_103_reads_are_not_reported(void)
{
	uint64_t *bm;
	struct mlx5_wc wc;

	dirty_start_logged(K4);
	dirty_write_dst(0, 16 * K4);
	mlx5_post_read(&dirty.vf, 0, dirty.dst + 32 * K4, mlx5_iova(dirty.src),
		       dirty.vf.sw->mkey, 4 * K4);
	mlx5_ring(&dirty.vf, 0);
	mlx5_wait_cq(&dirty.vf, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	for (uint64_t i = 0; i < DIRTY_SRC_SIZE / K4; i++)
		CHECK_MSG(!bit(bm, dirty.src / K4 + i), "page %llu of the source is reported",
			  (unsigned long long)i);
	for (uint64_t i = 0; i < DIRTY_DST_SIZE / K4; i++)
		CHECK_EQ(bit(bm, dirty.dst / K4 + i), i < 16 || (i >= 32 && i < 36));
	free(bm);
}

static void b6_104_writes_race_reports(void)
{
	uint64_t start = 0;
	unsigned int n = 0;

	dirty_start_logged(K4);
	dirty_writer_start();
	for (; wait_more(&start, 4000); n++)
		dirty_sync_guest(K4);
	dirty_writer_stop();
	tap_diag("%u reports", n);
	dirty_finish();
}

/* After STOP nothing more is written, so the report that follows has all. */
static void b6_104_last_report_after_stop_has_all(void)
{

	dirty_start_logged(K4);
	for (unsigned int i = 0; i < 8; i++) {
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 9000), 9000);
		dirty_sync_guest(K4);
	}
	dirty_writer_start();
	usleep(200000);
	vfmig_set_ok(dirty.dev, ST_STOP);
	dirty_sync_guest(K4);
	dirty_judge();
	usleep(200000);
	dirty_judge();
	vfmig_set_ok(dirty.dev, ST_RUNNING);
	dirty_writer_stop();
	dirty_finish();
}

/* Pages of the device and of the report in all pairs. */
static void b6_105_report_page_size_is_free(void)
{
	static const uint64_t sizes[] = { K4, 4 * K4, K64, M2 };

	dirty_start();
	for (unsigned int i = 0; i < 16; i++) {
		CHECK_EQ(log_start1(sizes[i / 4], MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		dirty_copy();
		for (unsigned int k = 0; k < 4; k++) {
			dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 20000), 1 + dirty_rnd(20000));
			dirty_sync_guest(sizes[i % 4]);
		}
		dirty_judge();
		CHECK_EQ(log_stop(), 0);
	}
	dirty_counts();
}

/*
 * A report that did not get through says so, or the pages are in the next one. The core drops bits that it
 * cannot write and gives 0, whatever driver is under it; docs/patches has the correction.
 */
static void b6_106a_bitmap_that_cannot_be_written(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm, got;
	void *ro;
	int rc;

	dirty_start_logged(K4);
	free(log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
	dirty_write_dst(0, 4 * K4);
	ro = mmap(NULL, K4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ro != MAP_FAILED);
	rc = log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, ro);
	CHECK_MSG(!rc || rc == -EFAULT || rc == -EIO, "REPORT to a read-only bitmap: %s",
		  strerror(-rc));
	if (rc)
		return;
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	got = bits_set(bm, bits);
	free(bm);
	CHECK_EQ(log_stop(), 0);
	if (got < 4)
		tap_known("the VFIO core: E2.13, %llu of 4 pages are lost", 4 - (unsigned long long)got);
}

static void b6_107_page_size_0_is_einval(void)
{
	dirty_open();
	CHECK_EQ(log_start1(0, 0, 0), -EINVAL);
}

static void b6_107_odd_page_size_is_einval(void)
{
	dirty_open();
	CHECK_EQ(log_start1(3 * K4, 0, 3 * M2), -EINVAL);
}

static void b6_107_length_0_is_einval(void)
{
	log_range r[] = {
		{ MLX5_GUEST_IOVA, M2 }, { MLX5_GUEST_IOVA + M2, 0 },
	};
	uint64_t ps = K4;

	dirty_open();
	CHECK_EQ(log_start1(K4, 0, 0), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, 0), -EINVAL);
	CHECK_EQ(log_start(&ps, r, 2), -EINVAL);
}

static void b6_108_reset_loses_no_page(void)
{
	dirty_start_logged(K4);
	dirty_write_dst(100, 70000);
	CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
	dirty_sync_guest(K4);
	dirty_judge();
	/* and logging is still on */
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), -EINVAL);
	CHECK_EQ(vfio_set_bus_master(&dirty.vf.dev, true), 0);
	dirty_start_vf();
	dirty.areas = 1; /* the payload; the rest is anew */
	dirty_copy();
	dirty_write_dst(300000, 5000);
	dirty_finish();
}

/* Offered, or refused as what is not there, and the reason said once. */
static void not_offered_is_said(void)
{
	static const uint32_t calls[] = { LOG_START, LOG_STOP, LOG_REPORT };

	mlx5_mem_init(&dirty.mem);
	mlx5_open(&dirty.vf, env_vf(0), &dirty.mem);
	dirty.dev = dirty.vf.dev.fd;
	if (vfmig_feature(dirty.dev, LOG_START | VFIO_DEVICE_FEATURE_PROBE, NULL, 0) != -ENOTTY)
		tap_skip("it is offered");
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dirty.dev, calls[i] | VFIO_DEVICE_FEATURE_PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dirty.dev, calls[i], NULL, 0), -ENOTTY);
	}
	if (!tap_peer())
		CHECK(!system("dmesg | grep -q 'no dirty tracking: '"));
}

static void b6_close_stops(void)
{
	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	mlx5_close(&dirty.vf);
	mlx5_open(&dirty.vf, env_vf(0), &dirty.mem);
	dirty.dev = dirty.vf.dev.fd;
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, K4, &(uint64_t){ 0 }), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b6_82_no_ranges_is_einval),
		TAP_TEST(b6_83_more_ranges_than_a_page_holds_is_e2big),
		TAP_TEST(b6_84_unaligned_range_is_einval),
		TAP_TEST(b6_85_range_that_wraps_is_eoverflow),
		TAP_TEST(b6_86_overlapping_ranges_are_einval),
		TAP_TEST(b6_87_bad_pointer_is_efault),
		TAP_TEST(b6_89_no_way_to_tell_the_page_size_stops_again),
		TAP_TEST(b6_90_second_start_is_einval),
		TAP_TEST(b6_91_page_size_is_written_back),
		TAP_TEST(b6_93_more_than_the_device_tracks_is_eopnotsupp),
		TAP_TEST(b6_94_session_ends_with_the_pf),
		TAP_TEST(b6_95_in_every_state),
		TAP_TEST(b6_96_stop_without_start_is_0),
		TAP_TEST(b6_97_report_by_odd_page_sizes_is_einval),
		TAP_TEST(b6_98_report_that_wraps_is_eoverflow),
		TAP_TEST(b6_99_report_without_start_is_einval),
		TAP_TEST(b6_101_report_only_sets_bits),
		TAP_TEST(b6_102_reported_once),
		TAP_TEST(b6_103_reads_are_not_reported),
		TAP_TEST(b6_104_writes_race_reports),
		TAP_TEST(b6_104_last_report_after_stop_has_all),
		TAP_TEST(b6_105_report_page_size_is_free),
		TAP_TEST(b6_106a_bitmap_that_cannot_be_written),
		TAP_PEER(b6_107_page_size_0_is_einval, "B6 107"),
		TAP_PEER(b6_107_odd_page_size_is_einval, "B6 107"),
		TAP_PEER(b6_107_length_0_is_einval, "B6 107"),
		TAP_TEST(b6_108_reset_loses_no_page),
		TAP_TEST(b6_close_stops),
		TAP_TEST(not_offered_is_said),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
