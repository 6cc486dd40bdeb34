// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging with firmware that misbehaves. Whatever it is, a report ends within a bound, with -EIO if
 * a page may have been lost; until STOP every further one does so at once; then logging can be started
 * again and misses nothing. Meanwhile the state of the VF can be asked for and changed.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "dirty.h"
#include "env.h"
#include "fault.h"
#include "tap.h"
#include "vfmig.h"

#define REPORT_MS 20000 /* 10 s without news, or a command that is given up */
#define MODIFY "cmd:MODIFY_GENERAL_OBJECT fn=vf0 "
#define CREATE "cmd:CREATE_GENERAL_OBJECT fn=vf0 "
#define REFUSED "status=3 syndrome=0xbad"

static uint64_t bitmap[MLX5_GUEST_SIZE / 4096 / 64 + 1];

static int report(void)
{
	return log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, 4096, bitmap);
}

static void start(void)
{
	need_ctl("faults");
	fault_clear();
	dirty_start_logged(4096);
	dirty_write_dst(0, 5 * 4096);
}

/* Logging starts anew, and misses nothing. */
static void logging_works(void)
{
	fault_clear();
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_start1(4096, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_copy();
	for (unsigned int i = 0; i < 20; i++)
		dirty_write_dst(i * 8192, 5000);
	dirty_finish();
}

/* A report with this rule fails, and those after it. */
static void broken(const char *words)
{
	unsigned int rule;
	uint64_t before;
	int rc;

	start();
	rule = fault_add("%s", words);
	before = now_ms();
	rc = report();
	CHECK_MSG(rc == -EIO, "the report says %s", rc ? strerror(-rc) : "all is well");
	CHECK_MSG(now_ms() - before < tap_bound(REPORT_MS), "it took %llu ms",
		  (unsigned long long)(now_ms() - before));
	CHECK_MSG(fault_hits(rule), "the fault has not come");
	fault_clear();
	before = now_ms();
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(report(), -EIO);
	CHECK(now_ms() - before < tap_bound(2000));
	vfmig_expect(dirty.dev, ST_RUNNING);
	logging_works();
}

/* A report with this rule is right in spite of it. */
static void harmless(const char *words)
{
	unsigned int rule;

	start();
	rule = fault_add("%s", words);
	dirty_sync_guest(4096);
	CHECK_MSG(fault_hits(rule), "the fault has not come");
	fault_clear();
	dirty_write_dst(0, 3 * 4096);
	dirty_finish();
}

static void says(const char *what)
{
	char text[256];

	if (tap_peer())
		return;
	driver_error(env_vf(0), text, sizeof(text));
	CHECK_MSG(strstr(text, what), "last_error \"%s\" does not say \"%s\"", text, what);
}

static void tracker_error(void)
{
	broken("track fn=vf0 error");
}

/* The event comes before the answer that says which tracker it is about (E2.9). */
static void tracker_error_at_once(void)
{
	unsigned int rule;
	int rc;

	need_ctl("faults");
	fault_clear();
	dirty_start();
	rule = fault_add(CREATE "error");
	rc = log_start1(4096, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE);
	CHECK_EQ(fault_hits(rule), 1);
	if (!rc)
		for (unsigned int i = 0; i < 3; i++)
			CHECK_EQ(report(), -EIO);
	logging_works();
}

static void tracker_error_without_event(void)
{
	fault_clear();
	fault_add("eqe:OBJECT_CHANGE fn=pf lost");
	start();
	fault_add("eqe:OBJECT_CHANGE fn=pf lost");
	fault_add("track fn=vf0 error");
	CHECK_EQ(report(), -EIO);
	says("no report for");
	logging_works();
}

/* The event of a session that is over comes when the next one has begun (E2.9). */
static void event_of_the_session_before(void)
{
	unsigned int rule;
	uint64_t from = 0;

	start();
	rule = fault_add("eqe:OBJECT_CHANGE fn=pf delay=12000000000");
	fault_add("track fn=vf0 error");
	/* after 10 s without news; the event comes 2 s later */
	CHECK_EQ(report(), -EIO);
	CHECK_EQ(fault_hits(rule), 1);
	fault_clear();
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_start1(4096, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_copy();
	while (wait_more(&from, 5000)) {
		dirty_write_dst(dirty_rnd(16) * 8192, 5000);
		dirty_sync_guest(4096);
	}
	dirty_finish();
}

static void message_lost(void)
{
	broken("cqe fn=pf lost");
}

static void message_twice(void)
{
	start();
	fault_add("cqe fn=pf twice");
	/* the copy is found by the report that comes next, if not by this one */
	if (!report())
		CHECK_EQ(report(), -EIO);
	logging_works();
}

static void event_lost(void)
{
	harmless("eqe:COMP fn=pf lost");
}

static void event_twice(void)
{
	harmless("eqe:COMP fn=pf twice");
}

static void event_delayed(void)
{
	harmless("eqe:COMP fn=pf delay=300000000");
}

static void modify_refused(void)
{
	start();
	fault_add(MODIFY REFUSED);
	CHECK_EQ(report(), -EIO);
	says("MODIFY_GENERAL_OBJECT(0x");
	says("status 0x3, syndrome 0xbad");
	CHECK_EQ(report(), -EIO);
	logging_works();
}

static void modify_lost(void)
{
	broken(MODIFY "lost");
}

static void modify_silent(void)
{
	broken(MODIFY "silent");
}

static void create_refused(void)
{
	need_ctl("faults");
	fault_clear();
	dirty_start();
	fault_add(CREATE REFUSED);
	CHECK(log_start1(4096, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE) < 0);
	says("CREATE_GENERAL_OBJECT(0x");
	says("status 0x3, syndrome 0xbad");
	CHECK_EQ(report(), -EINVAL);
	logging_works();
}

/* Every command that START sends is refused in turn. */
static void start_refused_anywhere(void)
{
	static const char *const cmds[] = {
		"ALLOC_PD", "CREATE_MKEY", "CREATE_CQ", "CREATE_QP", "RST2INIT_QP", "INIT2RTR_QP",
		"RTR2RTS_QP",
	};

	need_ctl("faults");
	fault_clear();
	dirty_start();
	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		unsigned int rule = fault_add("cmd:%s fn=pf " REFUSED, cmds[i]);
		int rc = log_start1(4096, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE);

		CHECK_MSG(rc < 0, "START in spite of %s", cmds[i]);
		CHECK_EQ(fault_hits(rule), 1);
		says(cmds[i]);
		fault_clear();
	}
	logging_works();
}

/* The firmware keeps its object, and with it QP and PD; the user does not notice. */
static void stop_refused(void)
{
	unsigned int rule;

	start();
	rule = fault_add("cmd:DESTROY_GENERAL_OBJECT fn=vf0 " REFUSED);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(fault_hits(rule), 1);
	CHECK_EQ(report(), -EINVAL);
	logging_works();
}

/* ---- two trackers, the second of which goes wrong (E2.14) ---- */

static log_range far[FAR_RANGES];
static uint32_t far_n;

static void need_two(void)
{
	need_ctl("faults");
	fault_clear();
	far_n = far_ranges(far, 2);
	dirty_start();
}

static int start_two(void)
{
	uint64_t ps = 4096;

	return log_start(&ps, far, far_n);
}

static void begin_two(void)
{
	int rc;

	need_two();
	rc = start_two();
	CHECK_MSG(!rc, "START: %s", strerror(-rc));
	CHECK_EQ(driver_trackers(env_vf(0)), 2);
	dirty_copy();
	dirty_write_dst(0, 5 * 4096);
}

/* A window of the first tracker, and one of the second. */
static int report_second(void)
{
	uint64_t bits[FAR_SIZE / 4096 / 64];

	return log_report_to(far[far_n - 1].iova, FAR_SIZE, 4096, bits);
}

static int report_two(void)
{
	return report() ?: report_second();
}

/* START is all or nothing: what has been made is destroyed, each object once. */
static void no_start_with(const char *words)
{
	unsigned int rule, gone;

	need_two();
	rule = fault_add("%s", words);
	gone = fault_add("cmd:DESTROY_GENERAL_OBJECT fn=vf0 count=0 delay=1");
	CHECK(start_two() < 0);
	CHECK_EQ(fault_hits(rule), 1);
	CHECK_EQ(fault_hits(gone), 1);
	CHECK_EQ(driver_trackers(env_vf(0)), 0);
	CHECK_EQ(report(), -EINVAL);
	fault_clear();
	CHECK_EQ(start_two(), 0);
	CHECK_EQ(report_two(), 0);
	gone = fault_add("cmd:DESTROY_GENERAL_OBJECT fn=vf0 count=0 delay=1");
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(fault_hits(gone), 2);
	logging_works();
}

static void second_create_refused(void)
{
	no_start_with(CREATE REFUSED " nth=2");
	says("CREATE_GENERAL_OBJECT(0x");
}

static void second_ring_refused(void)
{
	no_start_with("cmd:CREATE_QP fn=pf nth=3 " REFUSED);
}

/* With the second the session is over, and the first reports nothing any more. */
static void second_breaks(const char *words)
{
	unsigned int rule;
	int rc;

	begin_two();
	rule = fault_add("%s", words);
	CHECK_EQ(report(), 0);
	CHECK_EQ(fault_hits(rule), 0);
	rc = report_second();
	CHECK_MSG(rc == -EIO, "the report says %s", rc ? strerror(-rc) : "all is well");
	CHECK_EQ(fault_hits(rule), 1);
	fault_clear();
	CHECK_EQ(report(), -EIO);
	CHECK_EQ(report_second(), -EIO);
	vfmig_expect(dirty.dev, ST_RUNNING);
	logging_works();
}

static void second_modify_refused(void)
{
	second_breaks(MODIFY "nth=2 " REFUSED);
}

static void second_tracker_error(void)
{
	second_breaks("track fn=vf0 nth=2 error");
}

static void second_message_lost(void)
{
	second_breaks("cqe fn=pf nth=2 lost");
}

/* The first one hears of it though it is asked alone. */
static void second_tracker_error_at_once(void)
{
	unsigned int rule;

	need_two();
	rule = fault_add(CREATE "nth=2 error");
	CHECK_EQ(start_two(), 0);
	CHECK_EQ(fault_hits(rule), 1);
	CHECK_EQ(report(), -EIO);
	says("is in state ERROR");
	CHECK_EQ(report_second(), -EIO);
	logging_works();
}

/* ---- a report that waits (E2.8) ---- */

static void *report_thread(void *arg)
{
	int *rc = arg;

	*rc = report();
	return NULL;
}

static void *report_two_thread(void *arg)
{
	int *rc = arg;

	*rc = report_two();
	return NULL;
}

/* STOP in the middle of a report of the second one. */
static void second_silent_until_stop(void)
{
	uint64_t from = 0;
	unsigned int rule;
	pthread_t t;
	int rc = 1;

	begin_two();
	rule = fault_add("cqe fn=pf nth=2 lost");
	CHECK(!pthread_create(&t, NULL, report_two_thread, &rc));
	while (!fault_hits(rule))
		CHECK(wait_more(&from, 5000));
	CHECK_EQ(log_stop(), 0);
	CHECK(!pthread_join(t, NULL));
	CHECK_MSG(rc < 0, "a report that was cut off says that all is well");
	CHECK_EQ(driver_trackers(env_vf(0)), 0);
	logging_works();
}

/* While a report waits for firmware that is silent, everything else goes on. */
static void silence_blocks_nobody(void)
{
	uint64_t before, took;
	unsigned int rule;
	pthread_t t;
	int rc = 1;

	start();
	rule = fault_add("cqe fn=pf lost");
	CHECK(!pthread_create(&t, NULL, report_thread, &rc));
	before = now_ms();
	while (!fault_hits(rule))
		CHECK(now_ms() - before < tap_bound(5000));
	before = now_ms();
	for (unsigned int i = 0; i < 3; i++) {
		vfmig_expect(dirty.dev, ST_RUNNING);
		vfmig_set_ok(dirty.dev, ST_RUNNING_P2P);
		vfmig_set_ok(dirty.dev, ST_RUNNING);
	}
	took = now_ms() - before;
	CHECK_MSG(took < tap_bound(5000), "it took %llu ms", (unsigned long long)took);
	CHECK_MSG(rc == 1, "the report has ended too early: %d", rc);
	/* STOP ends it at once */
	CHECK_EQ(log_stop(), 0);
	CHECK(!pthread_join(t, NULL));
	CHECK_MSG(now_ms() - before < tap_bound(7000), "STOP took long");
	CHECK_MSG(rc < 0, "a report that was cut off says that all is well");
	logging_works();
}

static void silence_can_be_killed(void)
{
	uint64_t from = 0;
	unsigned int rule;
	pid_t pid, died;
	int st;

	start();
	rule = fault_add("cqe fn=pf lost");
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		report();
		pause();
	}
	while (!fault_hits(rule))
		CHECK(wait_more(&from, 5000));
	CHECK(!kill(pid, SIGKILL));
	from = 0;
	while ((died = waitpid(pid, &st, WNOHANG)) != pid && wait_more(&from, 3000))
		;
	if (died != pid) {
		/* only a detach of the PF lets it go, and without that the VM would not end */
		env_reload_end(env_reload_begin(0));
		CHECK_EQ(waitpid(pid, &st, 0), pid);
	}
	CHECK_MSG(died == pid, "the process did not die");
	CHECK(WIFSIGNALED(st));
	/* what it has been told is lost */
	CHECK_EQ(report(), -EIO);
	logging_works();
}

#define T(t) TAP_TEST(t)
#define SLOW(t) { .name = #t, .fn = t, .timeout_s = 120 }
#define P(t, defect) { .name = #t, .fn = t, .peer_todo = defect, .timeout_s = 120 }

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(tracker_error),
		P(tracker_error_at_once, "E2.9"),
		SLOW(tracker_error_without_event),
		SLOW(event_of_the_session_before),
		SLOW(message_lost),
		T(message_twice),
		T(event_lost),
		T(event_twice),
		T(event_delayed),
		T(modify_refused),
		SLOW(modify_lost),
		SLOW(modify_silent),
		T(create_refused),
		T(start_refused_anywhere),
		T(stop_refused),
		P(second_create_refused, "E2.14"),
		P(second_ring_refused, "E2.14"),
		P(second_modify_refused, "E2.14"),
		P(second_tracker_error, "E2.14"),
		P(second_tracker_error_at_once, "E2.14"),
		P(second_message_lost, "E2.14"),
		P(second_silent_until_stop, "E2.14"),
		SLOW(silence_blocks_nobody),
		P(silence_can_be_killed, "E2.8"),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
