// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be seen of the driver from outside: trace events, counters, and that it asks for no memory
 * while the VF is stopped.
 *
 * The proof of the latter: every allocation of the kernel, of slab or of pages, is traced with its
 * callers. It is charged to the module of the innermost caller that is in a module, so what VFIO or
 * the kernel allocates on behalf of mlx5_vfmig counts as its own, and what mlx5_core allocates for a
 * command that mlx5_vfmig has given to it does not. The same look at the beginning of a session, where
 * memory is allocated, shows that it finds what is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dirty.h"
#include "env.h"
#include "fault.h"
#include "ftrace.h"
#include "move.h"
#include "tap.h"
#include "vfmig.h"
#include "work.h"

#define ALLOCATIONS "kmem/kmalloc kmem/kmem_cache_alloc kmem/mm_page_alloc"

static struct mlx5_mem mem;
static struct mlx5_vf a;
static struct work w;
static int dev;

static void start_a(void)
{
	if (tap_peer())
		tap_skip("the other driver has neither");
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
}

static bool has(uint64_t flag)
{
	uint64_t flags;

	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	return flags & flag;
}

struct count {
	unsigned int own, core; /* allocations of mlx5_vfmig; of mlx5_core for it */
};

/* Ends the recording. */
static struct count count_allocations(bool show_own)
{
	static const char *const through[2] = { "mlx5_vfmig", "mlx5_core" };
	char *text = ftrace_end(), seen[16][128] = { "" };
	const char *at = text;
	struct count n = { 0 };
	struct ftrace_call c;

	while (ftrace_next(&at, through, &c)) {
		char name[128];
		unsigned int i;

		if (!strcmp(c.module, "mlx5_vfmig")) {
			n.own++;
			if (show_own)
				tap_diag("%s, for %s", c.event, c.function);
			continue;
		}
		if (strcmp(c.module, "mlx5_core"))
			continue;
		n.core++;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(c.function, "+"), c.function);
		for (i = 0; i < 16 && *seen[i] && strcmp(seen[i], name); i++)
			;
		if (i < 16 && !*seen[i]) {
			snprintf(seen[i], sizeof(seen[i]), "%s", name);
			tap_diag("mlx5_core allocates in %s()", name);
		}
	}
	free(text);
	return n;
}

static void none_in_the_blackout(void)
{
	struct count n = count_allocations(true);

	CHECK_EQ(n.own, 0);
	/* the commands were there */
	CHECK(n.core > 0);
}

static long made_late(void)
{
	return driver_stat(env_vf(0), "buffers_made_late") +
	       driver_stat(env_vf(0), "sessions_made_late");
}

static uint8_t buf[65536];

/* The pages that a reader reads to are its own affair: have them first. */
static void begin(void)
{
	memset(buf, 1, sizeof(buf));
	ftrace_begin(ALLOCATIONS, true);
}

static void read_to_end(int fd)
{
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	CHECK_MSG(!n, "read: %s", strerror(errno));
}

/* Read to the pause. */
static void read_to_pause(int fd)
{
	struct vfmig_stream s = { 0 };

	CHECK_EQ(vfmig_read_all(fd, &s, 0), -ENOMSG);
	vfmig_stream_free(&s);
}

static void blackout_after_pre_copy(void)
{
	struct count n;
	long late;
	int fd;

	start_a();
	if (!has(VFIO_MIGRATION_PRE_COPY))
		tap_skip("no pre-copy");
	late = made_late();
	begin();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	n = count_allocations(false);
	CHECK_MSG(n.own > 0, "the trace does not show what is allocated at the beginning");
	tap_diag("%u allocations when the session begins", n.own);
	read_to_pause(fd);
	work_run(&w, 5);
	vfmig_set_ok(dev, ST_PRE_COPY_P2P);

	begin();
	vfmig_set_ok(dev, ST_STOP_COPY);
	read_to_end(fd);
	none_in_the_blackout();
	CHECK_EQ(made_late(), late);
	vfmig_set_ok(dev, ST_RUNNING);
	close(fd);
	work_run(&w, 5);
}

/* RUNNING to STOP is where the VF stops; STOP_COPY comes as a request of its own. */
static void blackout_without_pre_copy(void)
{
	struct count n;
	long late;
	int fd;

	start_a();
	late = made_late();
	if (has(VFIO_MIGRATION_P2P)) {
		begin();
		vfmig_set_ok(dev, ST_RUNNING_P2P);
		n = count_allocations(false);
		CHECK_MSG(n.own > 0, "nothing is prepared");
		tap_diag("%u allocations before the VF stops", n.own);
		work_post(&w, 2, WORK_RECORD);
	}
	/* without P2P the VF stops in the middle of this */
	if (has(VFIO_MIGRATION_P2P))
		begin();
	vfmig_set_ok(dev, ST_STOP);
	if (!has(VFIO_MIGRATION_P2P))
		begin();
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	read_to_end(fd);
	none_in_the_blackout();
	CHECK_EQ(made_late(), late);
	vfmig_set_ok(dev, ST_RUNNING);
	close(fd);
	if (has(VFIO_MIGRATION_P2P))
		work_done(&w, 2);
	work_run(&w, 5);
}

/* All in one request: the counters know. */
static void stop_copy_at_once(void)
{
	long late;
	int fd;

	start_a();
	for (unsigned int i = 0; i < 3; i++) {
		late = made_late();
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
		read_to_end(fd);
		CHECK_EQ(made_late(), late);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
		work_run(&w, 2);
	}
	/* what nothing has prepared is made late, and that is seen */
	late = made_late();
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	vfmig_set_ok(dev, ST_STOP);
	close(fd);
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK(made_late() > late);
	close(fd);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 2);
}

/* What was prepared is given up when the VF runs on, or becomes a target. */
static void what_is_prepared_does_not_stay(void)
{
	long made;
	int fd;

	start_a();
	for (unsigned int i = 0; i < 5; i++) {
		vfmig_set_ok(dev, ST_STOP);
		vfmig_set_ok(dev, ST_RUNNING);
		work_run(&w, 2);
	}
	made = driver_stat(env_vf(0), "buffers_made");
	vfmig_set_ok(dev, ST_STOP);
	vfmig_set_ok(dev, ST_RUNNING);
	/* from the pool */
	CHECK_EQ(driver_stat(env_vf(0), "buffers_made"), made);
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	/* the next ones end with the device being closed */
	vfmig_set_ok(dev, ST_STOP);
}

/* ---- trace events and counters ---- */

static const char *need_line(const char *text, const char *what)
{
	const char *line = ftrace_find(text, what);

	CHECK_MSG(line, "no \"%s\" in the trace", what);
	return line;
}

/* "ns=" of a line is a time that has passed. */
static void took_time(const char *line)
{
	const char *ns = strstr(line, " ns=");

	CHECK_MSG(ns && ns < line + strcspn(line, "\n") && strtoll(ns + 4, NULL, 10) > 0,
		  "no time in: %.*s", (int)strcspn(line, "\n"), line);
}

static void events_tell_of_arcs_commands_records(void)
{
	static const char *const arcs[] = {
		"RUNNING->PRE_COPY err=0", "PRE_COPY->PRE_COPY_P2P err=0",
		"PRE_COPY_P2P->STOP_COPY err=0", "STOP_COPY->STOP err=0",
		"STOP->RUNNING_P2P err=0", "RUNNING_P2P->RUNNING err=0",
	};
	static const char *const cmds[] = {
		"QUERY_VHCA_MIGRATION_STATE op_mod=0 err=0 status=0x0", "SAVE_VHCA_STATE op_mod=0 err=0",
		"SUSPEND_VHCA op_mod=0 err=0", "SUSPEND_VHCA op_mod=1 err=0",
		"RESUME_VHCA op_mod=0 err=0", "RESUME_VHCA op_mod=1 err=0",
	};
	char bdf[32], *text;
	const char *line;
	int fd;

	start_a();
	if (!has(VFIO_MIGRATION_PRE_COPY))
		tap_skip("no pre-copy");
	snprintf(bdf, sizeof(bdf), ": %s vhca=", env_vf(0));
	ftrace_begin("mlx5_vfmig", false);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	read_to_pause(fd);
	vfmig_set_ok(dev, ST_STOP_COPY);
	read_to_end(fd);
	vfmig_set_ok(dev, ST_RUNNING);
	close(fd);
	/* a request that fails is there too */
	CHECK(vfmig_set(dev, ST_COUNT, NULL) < 0);
	text = ftrace_end();
	for (size_t i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++) {
		line = need_line(text, arcs[i]);
		CHECK(strstr(line, "vfmig_arc" ));
		CHECK(strstr(line, bdf));
		took_time(line);
	}
	for (size_t i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		took_time(need_line(text, cmds[i]));
	/* FW_DATA, STOP_COPY_SIZE; the optional ones are 0x76666d67 and so on */
	need_line(text, "save tag=0x0 size=");
	need_line(text, "save tag=0x1 size=");
	free(text);
	work_run(&w, 2);
}

static void events_tell_of_reports(void)
{
	const char *line;
	char *text;

	if (tap_peer())
		tap_skip("the other driver has none");
	dirty_start_logged(4096);
	ftrace_begin("mlx5_vfmig", false);
	dirty_write_dst(0, 3 * 4096);
	dirty_sync_guest(4096);
	text = ftrace_end();
	line = need_line(text, "vfmig_report:");
	CHECK(strstr(line, "err=0"));
	took_time(line);
	line = need_line(text, "MODIFY_GENERAL_OBJECT op_mod=");
	CHECK(strstr(line, "err=0"));
	took_time(line);
	free(text);
	dirty_finish();
}

static void counters_count(void)
{
	static const char *const more[] = {
		"arcs", "commands", "commands_ns", "saves", "bytes_saved", "bytes_read",
	};
	long before[6];
	int fd;

	start_a();
	for (unsigned int i = 0; i < 6; i++)
		before[i] = driver_stat(env_vf(0), more[i]);
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	read_to_end(fd);
	vfmig_set_ok(dev, ST_RUNNING);
	close(fd);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_MSG(driver_stat(env_vf(0), more[i]) > before[i], "%s has not grown", more[i]);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(blackout_after_pre_copy),
		TAP_TEST(blackout_without_pre_copy),
		TAP_TEST(stop_copy_at_once),
		TAP_TEST(what_is_prepared_does_not_stay),
		TAP_TEST(events_tell_of_arcs_commands_records),
		TAP_TEST(events_tell_of_reports),
		TAP_TEST(counters_count),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
