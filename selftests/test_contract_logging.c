// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B6: what DMA logging does when something around it is missing, and how wide a
 * report may be. Names begin with the number of their statement (contract.table). The rest of B6 is in
 * test_dirty.c and test_dirty_pages.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "dirty.h"
#include "env.h"
#include "tap.h"

#define HIGH_IOVA (126 * G1)

/* Logging of a VF that was brought up anew: what it writes is reported. */
static void logs_again(void)
{
	dirty.areas = 0;
	dirty_area_add("payload", mlx5_iova(dirty.dst), mlx5_va(&dirty.vf, dirty.dst), DIRTY_DST_SIZE);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_copy();
	dirty_write_dst(3, 50000);
	dirty_finish();
	CHECK(dirty.told >= 13);
}

/* ---- memory that cannot be had ------------------------------------------------------------- */

/* Have the kernel's injection look at all allocations of a thread that asks for it, and keep quiet. */
static void injection_on(void)
{
	static const char *const knobs[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
	};

	for (unsigned int i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++)
		if (sysfs_write(knobs[i][1], "/sys/kernel/debug/%s", knobs[i][0]))
			tap_skip("this kernel has no %s", knobs[i][0]);
}

/* START whose @n-th allocation fails. Whether there was an @n-th one is in @fired. */
static int start_failing(int fd, unsigned int n, bool *fired)
{
	log_range r = { MLX5_GUEST_IOVA, MLX5_GUEST_SIZE };
	uint64_t page_size = K4;
	char text[16] = "";
	int rc, len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(fd, text, (size_t)len, 0), len);
	rc = log_start_alone(&page_size, &r, 1);
	memset(text, 0, sizeof(text));
	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0);
	*fired = !atoi(text);
	CHECK_EQ(pwrite(fd, "0", 1, 0), 1);
	return rc;
}

static void b6_88_no_memory_is_enomem(void)
{
	unsigned int tried = 0, refused = 0;
	bool fired = true;
	int fd;

	dirty_start();
	injection_on();
	fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tap_skip("this kernel has no /proc/thread-self/fail-nth");
	/* each of the first, then fewer and fewer of the many */
	for (unsigned int n = 1; fired; n += 1 + n / 16) {
		uint64_t word = 0;
		int rc = start_failing(fd, n, &fired);

		tried++;
		if (!rc) {
			/* none failed, or one that it can do without */
			CHECK_EQ(log_stop(), 0);
			continue;
		}
		CHECK_MSG(rc == -ENOMEM && fired, "allocation %u: %s", n, strerror(-rc));
		CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, K4, K4, &word), -EINVAL);
		refused++;
	}
	tap_diag("%u starts, %u without memory", tried, refused);
	CHECK(refused);
	logs_again();
}

/* ---- a PF that is not there ---------------------------------------------------------------- */

static void b6_94_pf_gone_is_enotconn(void)
{
	unsigned int gone = 0, there = 0;
	pid_t pid, done;
	int st;

	/* seen once: WARNING at mlx5/cmd.c:1482, then a task that spins in the kernel for ever */
	if (tap_peer())
		tap_skip("STOP in the middle of a reload can lock up the kernel");
	dirty_open();
	pid = env_reload_begin(0);
	do {
		int rc = log_start1(K4, MLX5_GUEST_IOVA, M2);

		CHECK_MSG(!rc || rc == -ENOTCONN, "START: %s", strerror(-rc));
		if (rc)
			gone++;
		else
			there++;
		log_stop();
		done = waitpid(pid, &st, WNOHANG);
	} while (!done);
	CHECK_EQ(done, pid);
	CHECK_MSG(WIFEXITED(st) && !WEXITSTATUS(st), "devlink dev reload: status 0x%x", st);
	tap_diag("%u times there, %u times gone", there, gone);
	CHECK(gone);
	/* and back */
	CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
	CHECK_EQ(vfio_set_bus_master(&dirty.vf.dev, true), 0);
	dirty_start_vf();
	logs_again();
}

/* ---- a tracker that fails ------------------------------------------------------------------ */

static void b6_100_failed_tracker_is_eio(void)
{
	uint64_t bm[MLX5_GUEST_SIZE / K4 / 64] = { 0 };
	char *rules;

	need_ctl("a tracker that fails");
	dirty_start_logged(K4);
	dirty_write_dst(0, 9 * K4);
	ctl("fault clear");
	ctl("fault add track fn=vf0 error");
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), -EIO);
	rules = ctl_ask("fault list");
	ctl("fault clear");
	CHECK_MSG(strstr(rules, "hits=1"), "the tracker did not fail: %s", rules);
	free(rules);
	/* and it stays so until logging is started anew */
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), -EIO);
	CHECK_EQ(log_stop(), 0);
	logs_again();
}

/* ---- a report over more than the core pins at a time --------------------------------------- */

static uint64_t words_set(const uint64_t *bm, uint64_t bits)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < bits / 64; i++)
		n += (uint64_t)__builtin_popcountll(bm[i]);
	return n;
}

static void b6_106_report_wider_than_a_window(void)
{
	uint64_t bits = 127 * G1 / K4, high = HIGH_IOVA - MLX5_GUEST_IOVA, *bm;
	uint64_t page[MLX5_GUEST_SIZE / K4];
	uint32_t key;

	dirty_start();
	/* the same memory a second time, where another window of the bitmap begins */
	CHECK_EQ(vfio_dma_map(&dirty.vf.dev, dirty.mem.va, HIGH_IOVA, dirty.mem.len), 0);
	for (unsigned int i = 0; i < MLX5_GUEST_SIZE / K4; i++)
		page[i] = HIGH_IOVA + i * K4;
	key = mlx5_create_mkey(&dirty.vf, HIGH_IOVA, MLX5_GUEST_SIZE, 12, page,
			       MLX5_GUEST_SIZE / K4);
	CHECK_EQ(log_start1(K4, 0, 127 * G1), 0);
	free(log_report(0, 127 * G1, K4));
	/* to and fro, as a device may report them */
	for (unsigned int i = 0; i < 4; i++) {
		dirty_write(mlx5_iova(dirty.dst) + high + 2 * i * K4, key, 1);
		dirty_write(mlx5_iova(dirty.dst) + (2 * i + 1) * K4, dirty.vf.sw->mkey, 1);
	}
	bm = log_report(0, 127 * G1, K4);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK(bit(bm, (mlx5_iova(dirty.dst) + high) / K4 + 2 * i));
		CHECK(bit(bm, mlx5_iova(dirty.dst) / K4 + 2 * i + 1));
	}
	/* the completions beside them, and not much more */
	CHECK_MSG(words_set(bm, bits) <= 8 + 16, "%llu pages reported",
		  (unsigned long long)words_set(bm, bits));
	free(bm);
	bm = log_report(0, 127 * G1, K4);
	CHECK_EQ(words_set(bm, bits), 0);
	free(bm);
	CHECK_EQ(log_stop(), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "b6_88_no_memory_is_enomem", b6_88_no_memory_is_enomem, NULL, 120 },
		{ "b6_94_pf_gone_is_enotconn", b6_94_pf_gone_is_enotconn, NULL, 120 },
		TAP_TEST(b6_100_failed_tracker_is_eio),
		TAP_TEST(b6_106_report_wider_than_a_window),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
