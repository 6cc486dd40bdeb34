// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Firmware that misbehaves at a certain step of a migration: each test names the step, the fault rule
 * (docs/control.rst), and at which step the user must see it, if at all. Whatever it was, the source
 * goes to RUNNING without a reset, its work goes on, and a migration after it is whole. What refused
 * has a name in last_error. docs/failures.rst has the table.
 *
 * The sweep (test_sweep.c) puts a fault at every command of a migration; here it is known what must
 * come of it, and the ways are those that the sweep does not go: without pre-copy, without P2P, back
 * from the middle.
 *
 * A command that gets no answer costs mlx5_core one of its 31 slots until the PF is reset, and a
 * time-out plus five seconds: boot with x-cmd-timeout-ms=2000.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "env.h"
#include "fault.h"
#include "move.h"
#include "tap.h"
#include "vfmig.h"
#include "work.h"

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;
static int dev, fd = -1;
static struct vfmig_stream s;

/* ---- a migration in steps -------------------------------------------------------------------- */

enum step {
	END,	   /* of a way; as a place to fail: nowhere */
	PRE_COPY,  /* QUERY, ALLOC_PD, CREATE_MKEY, tracked SAVE */
	READ,	   /* to the pause */
	INFO,	   /* something has changed: QUERY, tracked SAVE */
	READ_MORE, /* what has changed */
	P2P,	   /* of PRE_COPY: QUERY, SUSPEND of the initiator */
	STOP_COPY, /* SUSPEND of the responder, QUERY, last SAVE; what is missing on the way of it */
	READ_LAST, /* to the end of the stream */
	RUNNING_P2P,
	STOP,
	BACK, /* to RUNNING */
};

static const char *const step_name[] = {
	"END", "PRE_COPY", "READ", "INFO", "READ_MORE", "P2P", "STOP_COPY", "READ_LAST",
	"RUNNING_P2P", "STOP", "BACK",
};

static int precopy_info(void)
{
	struct vfio_precopy_info i = { .argsz = sizeof(i) };

	return ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i) ? -errno : 0;
}

/* Something in the device's own state changes. */
static void change_state(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out) = { 0 };

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	mlx5_cmd_ok(&a, "ALLOC_PD", in, sizeof(in), out, sizeof(out));
}

static int set_state(int state)
{
	int new_fd = -1, rc = vfmig_set(dev, state, &new_fd);

	if (!rc && new_fd >= 0) {
		CHECK(fd < 0);
		fd = new_fd;
	}
	return rc;
}

/* Returns 0 or -errno. */
static int take(enum step step)
{
	int rc;

	switch (step) {
	case PRE_COPY:
		return set_state(ST_PRE_COPY);
	case READ:
	case READ_MORE:
		rc = vfmig_read_all(fd, &s, 0);
		return rc == -ENOMSG ? 0 : rc;
	case INFO:
		change_state();
		return precopy_info();
	case P2P:
		return set_state(ST_PRE_COPY_P2P);
	case STOP_COPY:
		return set_state(ST_STOP_COPY);
	case READ_LAST:
		return vfmig_read_all(fd, &s, 0);
	case RUNNING_P2P:
		return set_state(ST_RUNNING_P2P);
	case STOP:
		return set_state(ST_STOP);
	case BACK:
		return set_state(ST_RUNNING);
	case END:
		break;
	}
	return 0;
}

/* Which steps there are, in order. */
static const enum step whole[] = { PRE_COPY, READ, INFO, READ_MORE, P2P, STOP_COPY, READ_LAST, END };
static const enum step half[] = { PRE_COPY, READ, P2P, END };
static const enum step cancelled[] = { PRE_COPY, READ, END };
static const enum step at_once[] = { PRE_COPY, STOP_COPY, READ_LAST, END };
static const enum step plain[] = { RUNNING_P2P, STOP, STOP_COPY, READ_LAST, END };
static const enum step plain_at_once[] = { STOP_COPY, READ_LAST, END };
static const enum step paused[] = { STOP, END };

/* ---- a fault ---------------------------------------------------------------------------------- */

#define QUERY "cmd:QUERY_VHCA_MIGRATION_STATE fn=vf0 "
#define SAVE "cmd:SAVE_VHCA_STATE fn=vf0 "
#define SUSPEND "cmd:SUSPEND_VHCA fn=vf0 "
#define RESUME "cmd:RESUME_VHCA fn=vf0 "
#define MKEY "cmd:CREATE_MKEY fn=pf "
#define PD "cmd:ALLOC_PD fn=pf "
#define REFUSED "status=3 syndrome=0xbad"
#define BAD_STATE "status=9 syndrome=0xbad"
#define LATE_SYNC "late=9000000000"  /* after it has been given up */
#define LATE_ASYNC "late=3000000000"

struct fault {
	const char *rule;
	const enum step *way;
	enum step at;	 /* before this step the rule is made */
	enum step fails; /* this step fails; END: none */
	bool damaged;	 /* the stream is refused by a target */
	bool sized_early; /* the rule is for the QUERY by which mlx5_vfmig sizes buffers ahead of a SUSPEND */
};

/* The work of a VF that runs. */
static bool runs(void)
{
	int now = vfmig_get(dev);

	return now == ST_RUNNING || now == ST_PRE_COPY;
}

static bool want_p2p = true;

static void open_a(void)
{
	uint64_t flags;

	need_ctl("faults");
	fault_clear();
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	CHECK_EQ(vfmig_flags(a.dev.fd, &flags), 0);
	if (want_p2p != !!(flags & VFIO_MIGRATION_P2P)) {
		mlx5_close(&a);
		CHECK_EQ(sysfs_write(want_p2p ? "1" : "0", "/sys/module/mlx5_vfmig/parameters/p2p"), 0);
		for (unsigned int i = 0; i < 2; i++) {
			CHECK_EQ(env_bind(env_vf(i), NULL), 0);
			CHECK_EQ(env_bind(env_vf(i), "mlx5_vfmig"), 0);
		}
		mlx5_open(&a, env_vf(0), &mem);
		CHECK_EQ(vfmig_flags(a.dev.fd, &flags), 0);
		CHECK_EQ(!!(flags & VFIO_MIGRATION_P2P), want_p2p);
	}
	dev = a.dev.fd;
}

static void start_a(void)
{
	open_a();
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
}

/* The stream, whatever became of it, into another VF. */
static int load_elsewhere(void)
{
	struct mlx5_mem other;
	struct mlx5_vf vf;
	int rc, in = -1;

	mlx5_mem_init(&other);
	mlx5_open(&vf, env_vf(2), &other);
	rc = vfmig_set(vf.dev.fd, ST_RESUMING, &in);
	CHECK_EQ(rc, 0);
	rc = vfmig_write_all(in, s.p, s.len, 0);
	if (!rc)
		rc = vfmig_set(vf.dev.fd, ST_STOP, NULL);
	close(in);
	mlx5_close(&vf);
	mlx5_mem_free(&other);
	return rc;
}

/* To the other VF, with nothing wrong. */
static void clean_migration(void)
{
	struct vfmig_stream all = { 0 };
	uint64_t flags;
	int from;

	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	if (flags & VFIO_MIGRATION_PRE_COPY) {
		from = vfmig_open_ok(dev, ST_PRE_COPY);
		CHECK_EQ(vfmig_read_all(from, &all, 0), -ENOMSG);
		work_run(&w, 3);
		vfmig_set_ok(dev, ST_STOP_COPY);
	} else {
		from = vfmig_open_ok(dev, ST_STOP_COPY);
	}
	CHECK_EQ(vfmig_read_all(from, &all, 0), 0);
	close(from);
	mlx5_open(&b, env_vf(1), a.mem);
	mlx5_irqs(&b);
	move_load(&b.dev, &all, 0);
	mlx5_close(&a);
	vfmig_set_ok(b.dev.fd, ST_RUNNING);
	w.vf = &b;
	w.peer = &b;
	work_run(&w, 10);
	work_positions(&w);
	vfmig_stream_free(&all);
}

/* "status=3 syndrome=0xbad" of cmd:NAME is what the driver says of its last error. */
static void check_last_error(const char *rule)
{
	const char *status = strstr(rule, "status="), *lost = strstr(rule, "lost");
	char text[256], want[64];
	int n = (int)strcspn(rule + 4, " ");

	if (tap_peer() || strncmp(rule, "cmd:", 4) || (!status && !lost))
		return;
	driver_error(env_vf(0), text, sizeof(text));
	snprintf(want, sizeof(want), " %.*s(0x", n, rule + 4);
	CHECK_MSG(strstr(text, want), "last_error \"%s\" does not name%s", text, want);
	if (lost)
		snprintf(want, sizeof(want), "error %d, ", -ETIMEDOUT);
	else
		snprintf(want, sizeof(want), "status 0x%lx, syndrome 0x%lx",
			 strtoul(status + 7, NULL, 0),
			 strtoul(strstr(rule, "syndrome=") + 9, NULL, 0));
	CHECK_MSG(strstr(text, want), "last_error \"%s\" does not say \"%s\"", text, want);
}

static void back_to_running(const struct fault *f, unsigned int *rule)
{
	int rc;

	if (f->at == BACK)
		*rule = fault_add("%s", f->rule);
	rc = take(BACK);
	if (f->at == BACK) {
		CHECK_MSG(fault_hits(*rule), "the fault has not come");
		check_last_error(f->rule);
	}
	if (f->fails == BACK) {
		CHECK_MSG(rc, "the way back does not notice");
		/* as documented: the state is legal, and the request may be repeated */
		rc = vfmig_get(dev);
		CHECK_MSG(rc == ST_STOP || rc == ST_RUNNING_P2P || rc == ST_PRE_COPY_P2P ||
			  rc == ST_RUNNING, "state %s", vfmig_state_name(rc));
		rc = take(BACK);
	}
	CHECK_MSG(!rc, "no way back to RUNNING without a reset: %s (state %s)", strerror(-rc),
		  vfmig_state_name(vfmig_get(dev)));
	vfmig_expect(dev, ST_RUNNING);
}

static void fault(const struct fault *f)
{
	unsigned int under_way = 0, rule = 0;
	int rc = 0;

	if (f->sized_early && tap_peer())
		tap_skip("the other driver asks for the size once, when all is suspended");
	start_a();
	for (const enum step *step = f->way; *step; step++) {
		if (*step == f->at)
			rule = fault_add("%s", f->rule);
		rc = take(*step);
		/* a SAVE goes on after the request */
		if (*step == f->at && f->at != f->fails && strncmp(f->rule, SAVE, strlen(SAVE)))
			check_last_error(f->rule);
		if (rc) {
			CHECK_MSG(*step == f->fails, "%s: %s", step_name[*step], strerror(-rc));
			check_last_error(f->rule);
			break;
		}
		CHECK_MSG(*step != f->fails, "%s does not notice", step_name[*step]);
		if (runs()) {
			work_run(&w, 2);
		} else if (!under_way) {
			work_post(&w, 2, WORK_RECORD);
			under_way = 2;
		}
	}
	if (f->at != BACK)
		CHECK_MSG(fault_hits(rule), "the fault has not come");
	if (f->damaged)
		CHECK_MSG(load_elsewhere(), "a target takes the stream");
	/* the VF runs on before it is told to, if it has not been stopped */
	if (runs())
		work_run(&w, 2);

	back_to_running(f, &rule);
	if (fd >= 0) {
		uint8_t byte;

		CHECK(read(fd, &byte, 1) < 0);
		close(fd);
	}
	fault_clear();
	work_done(&w, under_way);
	work_run(&w, 10);
	work_positions(&w);
	vfmig_stream_free(&s);
	clean_migration();
}

#define FAULT(name, rule_, ...)                                                                    \
	static void name(void)                                                                     \
	{                                                                                          \
		static const struct fault f = { .rule = rule_, __VA_ARGS__ };                      \
                                                                                                   \
		fault(&f);                                                                         \
	}

/* ---- PRE_COPY begins ---- */

FAULT(open_query_refused, QUERY REFUSED, whole, PRE_COPY, PRE_COPY)
FAULT(open_query_lost, QUERY "lost", whole, PRE_COPY, PRE_COPY)
FAULT(open_query_larger, QUERY "larger=3000000", whole, PRE_COPY, END)
FAULT(open_pd_refused, PD REFUSED, whole, PRE_COPY, PRE_COPY)
FAULT(open_mkey_refused, MKEY REFUSED, whole, PRE_COPY, PRE_COPY)
FAULT(open_mkey_lost, MKEY "lost", whole, PRE_COPY, PRE_COPY)
FAULT(open_save_refused, SAVE REFUSED, whole, PRE_COPY, READ)
FAULT(open_save_bad_state, SAVE BAD_STATE, at_once, PRE_COPY, END)
FAULT(open_save_lost, SAVE "lost", whole, PRE_COPY, READ)
FAULT(open_save_silent, SAVE "silent", whole, PRE_COPY, READ)
FAULT(open_save_late, SAVE LATE_ASYNC, whole, PRE_COPY, READ)
FAULT(open_save_not_delivered, SAVE "delivery=6", whole, PRE_COPY, READ)
FAULT(open_save_zero, SAVE "zero", whole, PRE_COPY, READ)
FAULT(open_save_short, SAVE "short=64", whole, PRE_COPY, END, .damaged = true)
FAULT(open_save_flip, SAVE "flip=4000", whole, PRE_COPY, END, .damaged = true)

/* ---- changes while the VF runs ---- */

FAULT(info_query_refused, QUERY REFUSED, whole, INFO, INFO)
FAULT(info_query_lost, QUERY "lost", whole, INFO, INFO)
FAULT(info_query_larger, QUERY "larger=3000000", whole, INFO, END)
FAULT(info_save_refused, SAVE REFUSED, whole, INFO, READ_MORE)
FAULT(info_save_lost, SAVE "lost", whole, INFO, READ_MORE)
FAULT(info_save_late, SAVE LATE_ASYNC, whole, INFO, READ_MORE)

/* ---- the initiator is stopped ---- */

FAULT(p2p_query_refused, QUERY REFUSED, whole, P2P, END, .sized_early = true)
FAULT(p2p_suspend_refused, SUSPEND REFUSED, whole, P2P, P2P)
FAULT(p2p_suspend_lost, SUSPEND "lost", whole, P2P, P2P)
FAULT(p2p_suspend_silent, SUSPEND "silent", whole, P2P, P2P)
FAULT(p2p_suspend_late, SUSPEND LATE_SYNC, whole, P2P, P2P)
FAULT(p2p_suspend_not_delivered, SUSPEND "delivery=6", whole, P2P, P2P)

/* ---- the responder is stopped, and the rest saved ---- */

FAULT(stop_suspend_refused, SUSPEND REFUSED, whole, STOP_COPY, STOP_COPY)
FAULT(stop_suspend_lost, SUSPEND "lost", whole, STOP_COPY, STOP_COPY)
FAULT(stop_suspend_silent, SUSPEND "silent", whole, STOP_COPY, STOP_COPY)
FAULT(stop_query_refused, QUERY REFUSED, whole, STOP_COPY, STOP_COPY)
FAULT(stop_query_lost, QUERY "lost", whole, STOP_COPY, STOP_COPY)
FAULT(stop_save_refused, SAVE REFUSED, whole, STOP_COPY, READ_LAST)
FAULT(stop_save_bad_state, SAVE BAD_STATE, whole, STOP_COPY, READ_LAST)
FAULT(stop_save_lost, SAVE "lost", whole, STOP_COPY, READ_LAST)
FAULT(stop_save_silent, SAVE "silent", whole, STOP_COPY, READ_LAST)
FAULT(stop_save_late, SAVE LATE_ASYNC, whole, STOP_COPY, READ_LAST)
FAULT(stop_save_short, SAVE "short=64", whole, STOP_COPY, END, .damaged = true)
/* both at once: the user has not read anything yet */
FAULT(at_once_suspend_refused, SUSPEND "nth=2 " REFUSED, at_once, STOP_COPY, STOP_COPY)
FAULT(at_once_query_refused, QUERY "nth=2 " REFUSED, at_once, STOP_COPY, STOP_COPY)

/* The firmware wants more in the end than it had announced: it gets it, and that is counted. */
static void stop_query_larger(void)
{
	static const struct fault f = { .rule = QUERY "larger=8000000", .way = whole,
					.at = STOP_COPY, .fails = END };
	long late = tap_peer() ? 0 : driver_stat(env_vf(0), "buffers_made_late");

	fault(&f);
	if (!tap_peer())
		CHECK_EQ(driver_stat(env_vf(0), "buffers_made_late"), late + 1);
}

/* ---- the way back ---- */

FAULT(back_responder_refused, RESUME REFUSED, whole, BACK, BACK)
FAULT(back_responder_lost, RESUME "lost", whole, BACK, BACK)
FAULT(back_responder_silent, RESUME "silent", whole, BACK, BACK)
FAULT(back_initiator_refused, RESUME "nth=2 " REFUSED, whole, BACK, BACK)
FAULT(back_initiator_silent, RESUME "nth=2 silent", whole, BACK, BACK)
FAULT(back_from_p2p_refused, RESUME REFUSED, half, BACK, BACK)
FAULT(back_from_p2p_lost, RESUME "lost", half, BACK, BACK)
FAULT(back_untrack_refused, SAVE REFUSED, cancelled, BACK, END)
FAULT(back_untrack_lost, SAVE "lost", cancelled, BACK, END)
FAULT(back_from_p2p_untrack_refused, SAVE REFUSED, half, BACK, END)

/* ---- without pre-copy ---- */

FAULT(plain_p2p_query_refused, QUERY REFUSED, plain, RUNNING_P2P, END, .sized_early = true)
FAULT(plain_p2p_suspend_refused, SUSPEND REFUSED, plain, RUNNING_P2P, RUNNING_P2P)
FAULT(plain_p2p_suspend_silent, SUSPEND "silent", plain, RUNNING_P2P, RUNNING_P2P)
FAULT(plain_stop_suspend_refused, SUSPEND REFUSED, plain, STOP, STOP)
FAULT(plain_query_refused, QUERY REFUSED, plain, STOP_COPY, STOP_COPY)
FAULT(plain_save_refused, SAVE REFUSED, plain, STOP_COPY, READ_LAST)
FAULT(plain_save_zero, SAVE "zero", plain, STOP_COPY, READ_LAST)
FAULT(plain_save_lost, SAVE "lost", plain, STOP_COPY, READ_LAST)
FAULT(plain_at_once_query_refused, QUERY "nth=2 " REFUSED, plain_at_once, STOP_COPY, STOP_COPY,
      .sized_early = true)
FAULT(plain_at_once_save_refused, SAVE REFUSED, plain_at_once, STOP_COPY, READ_LAST)
FAULT(paused_back_responder_refused, RESUME REFUSED, paused, BACK, BACK)
FAULT(paused_back_initiator_refused, RESUME "nth=2 " REFUSED, paused, BACK, BACK)

/* The command that takes a failure back fails too; the next request sets that right. */
static void taking_back_fails_too(void)
{
	unsigned int suspend, resume;

	start_a();
	CHECK_EQ(take(PRE_COPY), 0);
	CHECK_EQ(take(READ), 0);
	CHECK_EQ(take(P2P), 0);
	suspend = fault_add(QUERY REFUSED);
	resume = fault_add(RESUME REFUSED);
	CHECK(take(STOP_COPY) < 0);
	CHECK_EQ(fault_hits(suspend), 1);
	CHECK_EQ(fault_hits(resume), 1);
	vfmig_expect(dev, ST_PRE_COPY_P2P);
	vfmig_set_ok(dev, ST_PRE_COPY);
	work_run(&w, 5);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	vfmig_set_ok(dev, ST_RUNNING);
	close(fd);
	work_run(&w, 5);
	vfmig_stream_free(&s);
	clean_migration();
}

/* As long as RESUME is refused the VF stays where it is; then a reset helps, or patience. */
static void resume_refused_for_long(void)
{
	unsigned int rule;

	start_a();
	vfmig_set_ok(dev, ST_STOP);
	rule = fault_add(RESUME "count=0 " REFUSED);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(take(BACK) < 0);
		vfmig_expect(dev, ST_STOP);
	}
	CHECK_EQ(fault_hits(rule), 3);
	fault_clear();
	CHECK_EQ(take(BACK), 0);
	work_run(&w, 5);

	vfmig_set_ok(dev, ST_STOP);
	fault_add(RESUME "count=0 " REFUSED);
	CHECK(take(BACK) < 0);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	fault_clear();
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 5);
	clean_migration();
}

/*
 * A SUSPEND is executed when it has been given up and taken back already: the VF stands still and nobody
 * knows. The next request to stop it finds out, and the VF runs again.
 */
static void suspend_executed_after_all(void)
{
	unsigned int rule;
	uint64_t from = 0;

	start_a();
	rule = fault_add(SUSPEND "delay=11000000000");
	CHECK_EQ(take(RUNNING_P2P), -ETIMEDOUT);
	CHECK_EQ(fault_hits(rule), 1);
	vfmig_expect(dev, ST_RUNNING);
	work_run(&w, 2);
	work_post(&w, 1, WORK_SILENT);
	while (wait_more(&from, 6000))
		;
	work_post(&w, 1, WORK_RING);
	work_quiet(&w, 200);
	CHECK(take(RUNNING_P2P) < 0);
	vfmig_expect(dev, ST_RUNNING);
	work_done(&w, 2);
	work_run(&w, 5);
	clean_migration();
}

/* ---- without P2P: both sides in one arc ---- */

#define FAULT_NO_P2P(name, rule_, ...)                                                             \
	static void name(void)                                                                     \
	{                                                                                          \
		static const struct fault f = { .rule = rule_, __VA_ARGS__ };                      \
                                                                                                   \
		if (tap_peer())                                                                    \
			tap_skip("the other driver has one set of flags");                         \
		want_p2p = false;                                                                  \
		fault(&f);                                                                         \
	}

FAULT_NO_P2P(no_p2p_responder_refused, SUSPEND "nth=2 " REFUSED, paused, .at = STOP, .fails = STOP)
FAULT_NO_P2P(no_p2p_responder_silent, SUSPEND "nth=2 silent", at_once, .at = STOP_COPY,
	     .fails = STOP_COPY)
FAULT_NO_P2P(no_p2p_query_refused, QUERY "nth=2 " REFUSED, at_once, .at = STOP_COPY,
	     .fails = STOP_COPY)
FAULT_NO_P2P(no_p2p_back_initiator_refused, RESUME "nth=2 " REFUSED, paused, .at = BACK,
	     .fails = BACK)
FAULT_NO_P2P(no_p2p_back_responder_silent, RESUME "silent", paused, .at = BACK, .fails = BACK)

/* What was stopped cannot be started again at once; the state says RUNNING, and SET RUNNING makes it so. */
static void no_p2p_taking_back_fails_too(void)
{
	unsigned int rule;

	if (tap_peer())
		tap_skip("the other driver has one set of flags");
	want_p2p = false;
	start_a();
	fault_add(SUSPEND "nth=2 " REFUSED);
	rule = fault_add(RESUME REFUSED);
	CHECK(take(STOP) < 0);
	CHECK_EQ(fault_hits(rule), 1);
	vfmig_expect(dev, ST_RUNNING);
	CHECK_EQ(take(BACK), 0);
	work_run(&w, 5);
	clean_migration();
}

/* ---- signals ---- */

static void on_signal(int sig)
{
	(void)sig;
}

/* A request waits for a SAVE under way; a signal that does not kill is no reason to give up. */
static void signals_while_waiting(void)
{
	struct itimerspec it = { .it_interval = { .tv_nsec = 20000000 },
				 .it_value = { .tv_nsec = 20000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned int rule;
	timer_t t;

	start_a();
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	for (unsigned int i = 0; i < 3; i++) {
		rule = fault_add(SAVE "delay=400000000");
		CHECK_EQ(take(PRE_COPY), 0);
		CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
		CHECK(!timer_settime(t, 0, &it, NULL));
		if (i < 2) {
			int rc = take(i ? P2P : STOP_COPY);

			timer_delete(t);
			CHECK_MSG(!rc, "%s (state is %s)", strerror(-rc),
				  vfmig_state_name(vfmig_get(dev)));
		} else {
			timer_delete(t);
		}
		CHECK_EQ(take(BACK), 0);
		CHECK_EQ(fault_hits(rule), 1);
		close(fd);
		fd = -1;
		work_run(&w, 2);
	}
	fault_clear();
	clean_migration();
}

/* The process is killed in the middle of a request; another one that holds the device goes on. */
static void killed_while_waiting(void)
{
	static const enum step steps[] = { STOP_COPY, P2P, BACK };

	start_a();
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int rule = fault_add(SAVE "delay=600000000");
		uint64_t start = 0;
		int st, now;
		pid_t pid;

		CHECK_EQ(take(PRE_COPY), 0);
		pid = fork();
		CHECK(pid >= 0);
		if (!pid) {
			take(steps[i]);
			pause();
		}
		usleep(100000);
		CHECK(!kill(pid, SIGKILL));
		while (waitpid(pid, &st, WNOHANG) != pid)
			CHECK_MSG(wait_more(&start, 10000), "the process does not die");
		CHECK_EQ(fault_hits(rule), 1);
		now = vfmig_get(dev);
		CHECK_MSG(now == ST_PRE_COPY || now == ST_PRE_COPY_P2P || now == ST_STOP_COPY ||
			  now == ST_RUNNING, "state %s", vfmig_state_name(now));
		CHECK_EQ(take(BACK), 0);
		close(fd);
		fd = -1;
		work_run(&w, 2);
	}
	fault_clear();
	clean_migration();
}

#define T(t) TAP_TEST(t)
#define SLOW(t) { .name = #t, .fn = t, .timeout_s = 120 }
#define P(t, defect) { .name = #t, .fn = t, .peer_todo = defect, .timeout_s = 120 }

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(open_query_refused),
		SLOW(open_query_lost),
		T(open_query_larger),
		T(open_pd_refused),
		T(open_mkey_refused),
		SLOW(open_mkey_lost),
		P(open_save_refused, "E2.1"),
		T(open_save_bad_state),
		P(open_save_lost, "E2.1"),
		P(open_save_silent, "E2.1"),
		P(open_save_late, "E2.1"),
		P(open_save_not_delivered, "E2.1"),
		P(open_save_zero, "E2.1"),
		T(open_save_short),
		T(open_save_flip),
		P(info_query_refused, "E2.1"),
		P(info_query_lost, "E2.1"),
		T(info_query_larger),
		P(info_save_refused, "E2.1"),
		P(info_save_lost, "E2.1"),
		P(info_save_late, "E2.1"),
		T(p2p_query_refused),
		T(p2p_suspend_refused),
		SLOW(p2p_suspend_lost),
		P(p2p_suspend_silent, "no answer"),
		P(p2p_suspend_late, "no answer"),
		T(p2p_suspend_not_delivered),
		T(stop_suspend_refused),
		SLOW(stop_suspend_lost),
		P(stop_suspend_silent, "no answer"),
		P(stop_query_refused, "E2.1"),
		P(stop_query_lost, "E2.1"),
		T(stop_query_larger),
		T(stop_save_refused),
		T(stop_save_bad_state),
		SLOW(stop_save_lost),
		SLOW(stop_save_silent),
		SLOW(stop_save_late),
		T(stop_save_short),
		T(at_once_suspend_refused),
		P(at_once_query_refused, "E2.1"),
		T(back_responder_refused),
		SLOW(back_responder_lost),
		P(back_responder_silent, "no answer"),
		T(back_initiator_refused),
		P(back_initiator_silent, "no answer"),
		T(back_from_p2p_refused),
		SLOW(back_from_p2p_lost),
		T(back_untrack_refused),
		SLOW(back_untrack_lost),
		T(back_from_p2p_untrack_refused),
		T(plain_p2p_query_refused),
		T(plain_p2p_suspend_refused),
		P(plain_p2p_suspend_silent, "no answer"),
		T(plain_stop_suspend_refused),
		T(plain_query_refused),
		T(plain_save_refused),
		T(plain_save_zero),
		SLOW(plain_save_lost),
		T(plain_at_once_query_refused),
		T(plain_at_once_save_refused),
		T(paused_back_responder_refused),
		T(paused_back_initiator_refused),
		P(taking_back_fails_too, "E2.2"),
		T(resume_refused_for_long),
		P(suspend_executed_after_all, "no answer"),
		T(no_p2p_responder_refused),
		SLOW(no_p2p_responder_silent),
		T(no_p2p_query_refused),
		T(no_p2p_back_initiator_refused),
		SLOW(no_p2p_back_responder_silent),
		T(no_p2p_taking_back_fails_too),
		P(signals_while_waiting, "E2.3"),
		P(killed_while_waiting, "E2.1"),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
