// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging while something else happens: writes, other reports, STOP, reset, changes of state.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "dirty.h"
#include "tap.h"

static volatile bool quit;

static void *reporter(void *arg)
{
	uint64_t bm[MLX5_GUEST_SIZE / K4 / 64];
	unsigned long *n = arg;

	while (!quit) {
		int rc = log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm);

		CHECK_MSG(!rc || rc == -EINVAL || rc == -ECANCELED, "REPORT: %s", strerror(-rc));
		*n += !rc;
	}
	return NULL;
}

static void stop_races_reports(void)
{
	unsigned long n[2] = { 0 };
	uint64_t start = 0;
	pthread_t t[2];

	dirty_start();
	for (unsigned int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, reporter, &n[i]));
	while (wait_more(&start, 4000)) {
		CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 30000), 30000);
		usleep(dirty_rnd(30000));
		CHECK_EQ(log_stop(), 0);
	}
	quit = true;
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	tap_diag("%lu reports", n[0] + n[1]);
	CHECK(n[0] + n[1]);
}

static void reset_races_reports(void)
{
	unsigned long n = 0;
	pthread_t t;

	dirty_open();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	CHECK(!pthread_create(&t, NULL, reporter, &n));
	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(vfio_set_bus_master(&dirty.vf.dev, true), 0);
		dirty_start_vf();
		dirty_write_dst(0, 30000);
		CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
	}
	quit = true;
	pthread_join(t, NULL);
	CHECK(n);
	CHECK_EQ(log_stop(), 0);
}

/* Batches of works of 256 KiB, so that the device is in the middle of one most of the time. */
static void *long_writer(void *arg)
{
	struct mlx5_vf *vf = &dirty.vf;
	unsigned int *batches = arg;
	struct mlx5_wc wc;

	for (; !quit; ++*batches) {
		unsigned int n = 16 + dirty_rnd(32);

		memset(mlx5_va(vf, dirty.src), (int)dirty_rnd(256), DIRTY_SRC_SIZE);
		for (unsigned int i = 0; i < n; i++)
			mlx5_post_write(vf, 0, dirty.src,
					mlx5_iova(dirty.dst) +
						dirty_rnd(DIRTY_DST_SIZE - DIRTY_SRC_SIZE),
					vf->sw->mkey, DIRTY_SRC_SIZE);
		mlx5_ring(vf, 0);
		while (n--) {
			mlx5_wait_cq(vf, 0, &wc, 20000);
			CHECK_EQ(wc.opcode, IFC_CQE_REQ);
		}
	}
	return NULL;
}

/* The device writes before a report and after it, and in pages that the report has just been told of. */
static void long_writes_race_reports(void)
{
	unsigned int reports = 0, batches = 0;
	uint64_t start = 0;
	pthread_t t;

	dirty_start_logged(K4);
	CHECK(!pthread_create(&t, NULL, long_writer, &batches));
	for (; wait_more(&start, 4000) || reports < 20; reports++)
		dirty_sync_guest(K4);
	quit = true;
	pthread_join(t, NULL);
	tap_diag("%u reports, %u batches", reports, batches);
	CHECK(batches);
	dirty_finish();
}

static void *half(void *arg)
{
	const uint64_t *iova = arg;

	while (!quit)
		dirty_sync(*iova, MLX5_GUEST_SIZE / 2, K4);
	return NULL;
}

/* Each asks for its half of memory; what one clears is not the other's. */
static void two_reporters(void)
{
	uint64_t at[2] = { MLX5_GUEST_IOVA, MLX5_GUEST_IOVA + MLX5_GUEST_SIZE / 2 };
	pthread_t t[2];

	dirty_start_logged(K4);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, half, &at[i]));
	for (unsigned int i = 0; i < 400; i++) {
		uint32_t len = 1 + dirty_rnd(i % 8 ? 6000 : DIRTY_SRC_SIZE);

		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - len + 1), len);
	}
	quit = true;
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	dirty_finish();
}

/* Round the states and back while a thread has work done and another one asks. */
static void states_race_reports(void)
{
	static const enum vfmig_state way[] = { ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY, ST_STOP,
						ST_RUNNING_P2P, ST_RUNNING };
	uint64_t at = MLX5_GUEST_IOVA, flags;
	unsigned int rounds;
	pthread_t t;

	dirty_start_logged(K4);
	CHECK_EQ(vfmig_flags(dirty.dev, &flags), 0);
	dirty_writer_start();
	CHECK(!pthread_create(&t, NULL, half, &at));
	for (rounds = 0; rounds < 12; rounds++) {
		for (unsigned int i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
			CHECK_EQ(vfmig_set(dirty.dev, way[i], NULL), 0);
			usleep(dirty_rnd(20000));
		}
		if (flags & VFIO_MIGRATION_PRE_COPY) {
			CHECK_EQ(vfmig_set(dirty.dev, ST_PRE_COPY, NULL), 0);
			usleep(dirty_rnd(20000));
			vfmig_set_ok(dirty.dev, ST_RUNNING);
		}
		/* the work goes on, or the writer would wait in vain */
		usleep(50000);
	}
	dirty_writer_stop();
	quit = true;
	pthread_join(t, NULL);
	dirty_finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(stop_races_reports),
		TAP_TEST(long_writes_race_reports),
		TAP_TEST(two_reporters),
		{ "states_race_reports", states_race_reports, NULL, 120 },
		{ "reset_races_reports", reset_races_reports, NULL, 120 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
