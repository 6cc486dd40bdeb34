// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A card that does not migrate (property migration=off): the driver gives the VF to VFIO all the
 * same, and one line of the kernel log says why it does not migrate.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "env.h"
#include "mlx5.h"
#include "tap.h"
#include "vfmig.h"
#include "work.h"

static struct mlx5_mem mem;
static struct mlx5_vf a;
static struct work w;

static void there_is_no_migration(void)
{
	uint64_t flags;
	int fd;

	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	CHECK_EQ(vfmig_flags(a.dev.fd, &flags), -ENOTTY);
	CHECK_EQ(vfmig_feature(a.dev.fd, VFIO_DEVICE_FEATURE_PROBE |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, NULL, 0), -ENOTTY);
	CHECK_EQ(vfmig_set(a.dev.fd, ST_STOP, &fd), -ENOTTY);
}

static void plain_vfio_works(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 50);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 50);
}

static void one_line_says_why(void)
{
	const char *bdf = env_vf(1);
	char prefix[64], line[512] = "";
	struct kmsg log;
	unsigned int n;

	CHECK_EQ(env_bind(bdf, NULL), 0);
	kmsg_mark(&log);
	CHECK_EQ(env_bind(bdf, tap_driver()), 0);
	mlx5_mem_init(&mem);
	mlx5_open(&a, bdf, &mem);
	snprintf(prefix, sizeof(prefix), "%s %s", tap_driver(), bdf);
	n = kmsg_count(&log, prefix, line, sizeof(line));
	tap_diag("%s", line);
	/* VFIO core has a line of its own at open: "enabling device" */
	n -= kmsg_count(&log, "enabling device", NULL, 0);
	n -= kmsg_count(&log, "resetting", NULL, 0);
	n -= kmsg_count(&log, "reset done", NULL, 0);
	CHECK_EQ(n, 1);
	CHECK(strstr(line, "migrat"));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(there_is_no_migration),
		TAP_TEST(plain_vfio_works),
		TAP_PEER(one_line_says_why, "E4: a VF that does not migrate says nothing"),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
