// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging while something else happens: STOP, reset, changes of state.
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

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(stop_races_reports),
		{ "reset_races_reports", reset_races_reports, NULL, 120 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
