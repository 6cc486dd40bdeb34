// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pre-copy as a whole: migrations with work going on, given up or not, on cards that can and cannot, and
 * with the module parameters that take P2P or PRE_COPY away. Statement by statement it is tested in
 * test_contract_*.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* Late in pre-copy the size is that of what has changed since. */
static void data_size_falls_in_pre_copy(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t running, late, after;
	int fd;

	start_a();
	CHECK_EQ(vfmig_data_size(dev, &running), 0);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	drain(fd, &s);
	CHECK_EQ(vfmig_data_size(dev, &late), 0);
	tap_diag("%llu when running, %llu late in pre-copy", (unsigned long long)running,
		 (unsigned long long)late);
	CHECK(late < running / 2);
	change_state();
	CHECK_EQ(vfmig_data_size(dev, &after), 0);
	CHECK(after > late);
}

/* ---- whole migrations ---- */

/* From @a to @b with @rounds of work and reading. */
static void migrate(unsigned int rounds, bool p2p)
{
	struct vfmig_stream s = { 0 };
	int fd;

	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < rounds; i++) {
		change_state();
		drain(fd, &s);
	}
	work_run(&w, 5);
	if (p2p)
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
	work_post(&w, 2, WORK_RECORD);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	CHECK(images(&s) >= rounds + 1);
	close(fd);

	mlx5_open(&b, env_vf(1), a.mem);
	mlx5_irqs(&b);
	move_load(&b.dev, &s, 32768);
	mlx5_close(&a);
	vfmig_set_ok(b.dev.fd, ST_RUNNING);
	w.vf = w.peer = &b;
	work_done(&w, 2);
	work_run(&w, 10);
	work_positions(&w);
}

static void migrate_with_pre_copy(void)
{
	start_a();
	migrate(3, true);
}

static void migrate_with_pre_copy_at_once(void)
{
	start_a();
	migrate(0, false);
}

/* Users who know nothing of PRE_COPY. */
static void migrate_without_pre_copy(void)
{
	start_a();
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_run(&w, 10);
	work_positions(&w);
}

static void cancel_again_and_again(void)
{
	struct vfmig_stream s = { 0 };

	start_a();
	for (unsigned int i = 0; i < 10; i++) {
		int fd = vfmig_open_ok(dev, ST_PRE_COPY);

		if (i % 2)
			drain(fd, &s);
		if (i % 3 == 1)
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		if (i % 3 == 2)
			vfmig_set_ok(dev, ST_STOP_COPY);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
		work_run(&w, 2);
	}
	migrate(1, true);
}

/* The counters say that no buffer was made while the VF was stopped. */
static void memory_is_there_before_the_stop(void)
{
	char text[4096];
	const char *line;

	if (tap_peer())
		tap_skip("the other driver does not count");
	start_a();
	for (unsigned int i = 0; i < 2; i++) {
		struct vfmig_stream s = { 0 };
		int fd = vfmig_open_ok(dev, ST_PRE_COPY);

		drain(fd, &s);
		change_state();
		vfmig_set_ok(dev, ST_STOP_COPY);
		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
		vfmig_stream_free(&s);
	}
	CHECK(sysfs_read(text, sizeof(text), "/sys/kernel/debug/mlx5_vfmig/%s/stats", env_vf(0)) >= 0);
	line = strstr(text, "buffers_made_late ");
	CHECK(line);
	CHECK_EQ(strtoul(line + strlen("buffers_made_late "), NULL, 10), 0);
	/* the second session found the first one's */
	line = strstr(text, "buffers_reused ");
	CHECK(line);
	CHECK(strtoul(line + strlen("buffers_reused "), NULL, 10) > 0);
}

/* A card that lacks a capability pre-copy needs: migration without it, and a line that says so. */
static void card_without_pre_copy(void)
{
	const char *lacks = getenv("VFMIG_NO_PRECOPY");
	char line[512] = "";
	uint64_t flags;
	struct kmsg log;

	if (!lacks)
		tap_skip("this card has what pre-copy needs");
	CHECK_EQ(env_bind(env_vf(0), NULL), 0);
	kmsg_mark(&log);
	CHECK_EQ(env_bind(env_vf(0), tap_driver()), 0);
	open_a();
	CHECK_EQ(kmsg_count(&log, "without PRE_COPY", line, sizeof(line)), 1);
	tap_diag("%s", line);
	CHECK(strstr(line, lacks));
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK_EQ(flags, VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P);
	work_a();
	walk_table();
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_run(&w, 10);
	work_positions(&w);
}

/* ---- the four sets of flags ---- */

/* Bind both VFs anew with these module parameters, and open the first. */
static void open_with(bool p2p, bool precopy)
{
	uint64_t want = VFIO_MIGRATION_STOP_COPY, flags;

	if (tap_peer())
		tap_skip("the other driver has one set of flags");
	CHECK_EQ(sysfs_write(p2p ? "1" : "0", "/sys/module/mlx5_vfmig/parameters/p2p"), 0);
	CHECK_EQ(sysfs_write(precopy ? "1" : "0", "/sys/module/mlx5_vfmig/parameters/precopy"), 0);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(env_bind(env_vf(i), NULL), 0);
		CHECK_EQ(env_bind(env_vf(i), "mlx5_vfmig"), 0);
	}
	open_a();
	if (p2p)
		want |= VFIO_MIGRATION_P2P;
	if (precopy)
		want |= VFIO_MIGRATION_PRE_COPY;
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK_EQ(flags, want);
}

static void with_flags(bool p2p, bool precopy)
{
	open_with(p2p, precopy);
	work_a();
	walk_table();
	if (precopy) {
		migrate(2, p2p);
	} else {
		move_whole(&a, &b, env_vf(1));
		w.vf = w.peer = &b;
		work_run(&w, 10);
		work_positions(&w);
	}
}

static void parameters_neither(void)
{
	with_flags(false, false);
}

static void parameters_p2p_only(void)
{
	with_flags(true, false);
}

static void parameters_pre_copy_only(void)
{
	with_flags(false, true);
}

static void parameters_both(void)
{
	with_flags(true, true);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_PEER(data_size_falls_in_pre_copy, "E3 P12"),
		TAP_TEST(migrate_with_pre_copy),
		TAP_TEST(migrate_with_pre_copy_at_once),
		TAP_TEST(migrate_without_pre_copy),
		TAP_TEST(cancel_again_and_again),
		TAP_TEST(memory_is_there_before_the_stop),
		TAP_PEER(card_without_pre_copy, "offers no migration then"),
		TAP_TEST(parameters_neither),
		TAP_TEST(parameters_p2p_only),
		TAP_TEST(parameters_pre_copy_only),
		TAP_TEST(parameters_both),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
