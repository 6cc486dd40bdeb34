// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sweep of the firmware: a migration is made once to list every command, event and completion of
 * the PF that it consists of; then again with each of these going wrong in turn, in each way there
 * is. After each: the fault has been there, no complaint of the kernel, the guest goes on where it is
 * with the right bytes and without a reset, and the next migration is whole.
 *
 * A test point is a site and a way to fail, all cases of which it makes. Names are SITE.ROLE.WAY; the
 * role is what the function is in the migration: pf, source, target.
 *
 * VFMIG_SWEEP=fast|slots   only ways that do not cost mlx5_core a command slot, or only those that do
 * VFMIG_SWEEP_BOOT=N       of the latter, those of the N-th boot of a VM, from 1 on
 * VFMIG_SWEEP_CASES=N      cases of a point at most
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "env.h"
#include "klog.h"
#include "tap.h"
#include "trip.h"

#define MAX_SITES 128
#define MAX_POINTS 512
#define MAX_CASES 8  /* of a point */
#define MAX_SLOW 2   /* the same, if a case takes seconds */
#define BOOT_SLOTS 20 /* of 31 that mlx5_core has */

enum role { PF, SOURCE, TARGET };
static const char *const role_name[] = { "pf", "source", "target" };

struct site {
	char name[48];
	enum role role;
	unsigned int count;
};

/* ---- ways to fail ---------------------------------------------------------------------------- */

enum {
	SLOW = 1,  /* a timeout passes */
	SLOT = 2,  /* mlx5_core never gets the command slot back */
	LATE = 4,  /* the answer comes when mlx5_core has given up; see to it that it has come */
	HARMLESS = 8, /* the migration succeeds */
};

struct way {
	const char *sites; /* beginning of the name, or all of it if it ends with '$' */
	const char *name;
	const char *actions; /* NULL: this way is not for these sites */
	unsigned int flags;
};

/*
 * A command is given up after the timeout and 5 s more. When the answer comes then, mlx5_core has freed
 * the mailbox it goes to (core/cmd.c:2024), if it does not fit into the queue entry.
 */
static const struct way ways[] = {
	{ "cmd:", "refused", "status=INTERNAL_ERR syndrome=0xbad", 0 },
	{ "cmd:", "not_delivered", "delivery=6", 0 },
	{ "cmd:", "delayed", "delay=100000000", HARMLESS },
	{ "cmd:SUSPEND_VHCA$", "bad_state", "status=BAD_RES_STATE", 0 },
	{ "cmd:RESUME_VHCA$", "bad_state", "status=BAD_RES_STATE", 0 },
	{ "cmd:SAVE_VHCA_STATE$", "bad_state", "status=BAD_RES_STATE", 0 },
	{ "cmd:LOAD_VHCA_STATE$", "bad_state", "status=BAD_RES_STATE", 0 },
	{ "cmd:QUERY_VHCA_MIGRATION_STATE$", "bad_state", "status=BAD_RES_STATE", 0 },
	{ "cmd:QUERY_VHCA_MIGRATION_STATE$", "larger", "larger=1000000", HARMLESS },
	{ "cmd:SAVE_VHCA_STATE$", "flip", "flip=4000", 0 },
	{ "cmd:SAVE_VHCA_STATE$", "short", "short=64", 0 },
	{ "cmd:SAVE_VHCA_STATE$", "zero", "zero", 0 },
	{ "cmd:LOAD_VHCA_STATE$", "flip", "flip=4000", 0 },
	{ "cmd:QUERY_VHCA_MIGRATION_STATE$", "late", NULL, 0 }, /* these answer with a mailbox */
	{ "cmd:SAVE_VHCA_STATE$", "late", NULL, 0 },
	{ "cmd:QUERY_GENERAL_OBJECT$", "late", NULL, 0 },
	{ "cmd:", "late", "late=8000000000", SLOW | LATE },
	{ "cmd:", "lost", "lost", SLOW | SLOT },
	{ "cmd:", "silent", "silent", SLOW | SLOT },
	{ "eqe:CMD$", "lost", "lost", SLOW | SLOT },
	{ "eqe:COMP$", "lost", "lost", 0 },
	{ "eqe:COMP$", "twice", "twice", HARMLESS },
	{ "eqe:OBJECT_CHANGE$", "lost", "lost", 0 },
	{ "eqe:OBJECT_CHANGE$", "twice", "twice", HARMLESS },
	{ "cqe$", "lost", "lost", SLOW },
	{ "cqe$", "twice", "twice", 0 },
	{ "track$", "error", "error", 0 },
};

/* A later row of the same name is not for sites that an earlier one has been for. */
static bool way_is_for(const struct way *w, const char *site)
{
	size_t n = strlen(w->sites);

	if (w->sites[n - 1] == '$' ? strlen(site) != n - 1 || strncmp(site, w->sites, n - 1) :
				     strncmp(site, w->sites, n))
		return false;
	for (const struct way *e = ways; e < w; e++)
		if (!strcmp(e->name, w->name) && way_is_for(e, site))
			return false;
	return true;
}

/* Complaints of the kernel that stock mlx5_core causes when it is treated so. */
static const struct klog_known known[] = {
	{ NULL, NULL, NULL },
};
/* and what it says when an answer comes too late, core/cmd.c:1766 of Linux 7.3 */
#define CAME_LATE "Command completion arrived after timeout"

/* ---- what all tests know --------------------------------------------------------------------- */

static struct shared {
	struct site site[MAX_SITES];
	unsigned int sites;
	unsigned int cases, refused, endured, missed;
} *all;

struct point {
	char name[96];
	const struct site *site;
	const struct way *way;
};
static struct point points[MAX_POINTS];
static struct tap_test tests[MAX_POINTS];
static unsigned int n_points, max_cases = MAX_CASES;

static struct trip t;
static struct klog klog;

/* ---- listing --------------------------------------------------------------------------------- */

/* Is this part of the migration, and not the guest's own business? */
static bool is_of_interest(const char *site, enum role role)
{
	static const char *const theirs[] = {
		"cmd:SUSPEND_VHCA", "cmd:RESUME_VHCA", "cmd:QUERY_VHCA_MIGRATION_STATE",
		"cmd:SAVE_VHCA_STATE", "cmd:LOAD_VHCA_STATE", "cmd:CREATE_GENERAL_OBJECT",
		"cmd:MODIFY_GENERAL_OBJECT", "cmd:QUERY_GENERAL_OBJECT",
		"cmd:DESTROY_GENERAL_OBJECT", "track",
	};

	if (role == PF)
		return true;
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		if (!strcmp(site, theirs[i]))
			return true;
	return false;
}

static bool parse_role(const char *fn, enum role *role)
{
	if (!strcmp(fn, "pf"))
		*role = PF;
	else if (!strcmp(fn, "vf0"))
		*role = t.here == 0 ? SOURCE : TARGET;
	else if (!strcmp(fn, "vf1"))
		*role = t.here == 1 ? SOURCE : TARGET;
	else
		return false;
	return true;
}

static void note_sites(char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct site *s = &all->site[all->sites];
		char fn[16];

		if (sscanf(line, "%47s %15s %u", s->name, fn, &s->count) != 3 ||
		    !parse_role(fn, &s->role) || !is_of_interest(s->name, s->role))
			continue;
		CHECK(++all->sites < MAX_SITES);
	}
}

static int take_listed(struct trip *trip, enum trip_step step, void *arg)
{
	int rc;

	(void)arg;
	if (step == 0)
		ctl("fault sites reset");
	rc = trip_take(trip, step);
	if (step == TRIP_END && !rc) {
		char *text = ctl_ask("fault sites");

		ctl("fault sites off");
		/* the guest has moved; roles are told by where it was */
		trip->here = !trip->here;
		note_sites(text);
		trip->here = !trip->here;
		free(text);
	}
	return rc;
}

/*
 * In a process of its own, as all that opens VFs. What mlx5_core does once only, such as making an EQ
 * for a vector, is done by one migration each way.
 */
static void list_sites(void)
{
	enum trip_step at;

	ctl("fault clear");
	trip_begin(&t);
	trip_go_ok(&t);
	trip_go_ok(&t);
	CHECK_EQ(trip_go(&t, take_listed, NULL, &at), 0);
	trip_settle(&t);
}

/* ---- a case ---------------------------------------------------------------------------------- */

struct fault {
	const struct point *point;
	unsigned int nth;
};

static int take(struct trip *trip, enum trip_step step, void *arg)
{
	const struct fault *f = arg;
	const struct site *s = f->point->site;
	char fn[8] = "pf";

	if (step == 0) {
		if (s->role != PF)
			snprintf(fn, sizeof(fn), "vf%u", trip->here ^ (s->role == TARGET));
		ctl("fault add %s fn=%s nth=%u count=1 %s", s->name, fn, f->nth,
		    f->point->way->actions);
	}
	return trip_take(trip, step);
}

/* Whether the only rule there is has fired; it is removed. */
static bool was_hit(void)
{
	char *text = ctl_ask("fault list"), *hits = strstr(text, " hits=");
	bool hit;

	KLOG_CHECK(&klog, hits, "no rule in: %s", text);
	hit = strtoul(hits + strlen(" hits="), NULL, 10);
	free(text);
	ctl("fault clear");
	return hit;
}

static bool errno_is_documented(int err)
{
	static const int errnos[] = {
		EIO, ETIMEDOUT, EINVAL, ENOMEM, EAGAIN, EBUSY, EBADMSG, ENODATA, ENODEV, ENOMSG,
	};

	for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++)
		if (err == errnos[i])
			return true;
	return false;
}

static void one_case(const struct point *p, unsigned int nth)
{
	struct fault f = { .point = p, .nth = nth };
	enum trip_step at;
	uint64_t start = now_ms();
	int rc = trip_go(&t, take, &f, &at), back;
	bool hit = was_hit();

	if (hit) {
		all->cases++;
		if (rc)
			all->refused++;
		else
			all->endured++;
	}
	if (tap_verbose)
		tap_diag("%u: %s%s%s%s, %llu ms", nth, hit ? "" : "not reached, ",
			 rc ? trip_step_name(at) : "endured", rc ? ": " : "",
			 rc ? strerror(-rc) : "", (unsigned long long)(now_ms() - start));
	if (!hit) {
		KLOG_CHECK(&klog, !rc, "%u was not reached, yet %s: %s", nth, trip_step_name(at),
			  strerror(-rc));
		all->missed++;
		trip_settle(&t);
		return;
	}
	KLOG_CHECK(&klog, !rc || !(p->way->flags & HARMLESS), "%u: %s: %s", nth, trip_step_name(at),
		  strerror(-rc));
	KLOG_CHECK(&klog, !rc || errno_is_documented(-rc), "%u: %s: %s", nth, trip_step_name(at),
		  strerror(-rc));
	if (p->way->flags & LATE)
		KLOG_CHECK(&klog, klog_wait(&klog, CAME_LATE, 30000), "%u: the late answer does not come", nth);
	if (rc) {
		back = trip_recover(&t, at);
		KLOG_CHECK(&klog, !back, "%u: %s: %s, and RUNNING then: %s", nth, trip_step_name(at),
			  strerror(-rc), strerror(-back));
	}
	trip_settle(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "%u: the kernel says: %s", nth, klog.line);
	trip_go_ok(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "after %u: the kernel says: %s", nth, klog.line);
}

/* Of many passages, the first ones, the last one, and some in between. */
static unsigned int cases_of(const struct point *p)
{
	unsigned int most = p->way->flags & SLOW ? MAX_SLOW : MAX_CASES;

	if (most > max_cases)
		most = max_cases;
	return p->site->count < most ? p->site->count : most;
}

static unsigned int nth_of(const struct point *p, unsigned int i)
{
	unsigned int n = cases_of(p), half = (n + 1) / 2;

	if (p->site->count == n || i < half)
		return i + 1;
	return half + (p->site->count - half) * (i + 1 - half) / (n - half);
}

static void point(void)
{
	const struct point *p = &points[tap_now() - tests];
	unsigned int n = cases_of(p), missed = all->missed, refused = all->refused;

	klog_open(&klog, known);
	ctl("fault clear");
	trip_begin(&t);
	for (unsigned int i = 0; i < n; i++)
		one_case(p, nth_of(p, i));
	tap_diag("%s: %u of %u, %u refused%s", p->name, n, p->site->count, all->refused - refused,
		 all->missed == missed ? "" : ", some not reached");
	KLOG_CHECK(&klog, all->missed - missed < n || p->way->flags & SLOT, "none was reached");
}

/* ---- the source's way back, on which a migration has nothing that could fail ------------------ */

/* The last SAVE is refused, and then RESUME_VHCA from the @nth on, @count times. */
struct way_back {
	unsigned int nth, count;
};

static int take_way_back(struct trip *trip, enum trip_step step, void *arg)
{
	const struct way_back *w = arg;

	if (step == 0) {
		ctl("fault add cmd:SAVE_VHCA_STATE fn=vf%u state=stopped status=INTERNAL_ERR",
		    trip->here);
		ctl("fault add cmd:RESUME_VHCA fn=vf%u nth=%u count=%u status=INTERNAL_ERR",
		    trip->here, w->nth, w->count);
	}
	return trip_take(trip, step);
}

static void go_and_fail(struct way_back *w, enum trip_step *at)
{
	need_ctl("rules");
	klog_open(&klog, known);
	ctl("fault clear");
	trip_begin(&t);
	CHECK_EQ(trip_go(&t, take_way_back, w, at), -EIO);
	CHECK_EQ(*at, TRIP_READ_LAST);
	CHECK_EQ(trip_recover(&t, *at), -EIO);
	all->cases++;
	all->refused++;
}

/* It stays where it was refused, and goes on from there when asked again. */
static void refused_once(unsigned int nth, int state)
{
	struct way_back w = { .nth = nth, .count = 1 };
	enum trip_step at;

	go_and_fail(&w, &at);
	vfmig_expect(trip_source(&t)->fd, state);
	CHECK_EQ(trip_recover(&t, at), 0);
	trip_settle(&t);
	ctl("fault clear");
	trip_go_ok(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "the kernel says: %s", klog.line);
}

static void resume_of_responder_refused(void)
{
	refused_once(1, ST_STOP);
}

static void resume_of_initiator_refused(void)
{
	refused_once(2, ST_RUNNING_P2P);
}

/* The one case that costs the guest a reset. */
static void resume_always_refused(void)
{
	struct way_back w = { .nth = 1, .count = 0 };
	enum trip_step at;

	go_and_fail(&w, &at);
	CHECK_EQ(trip_recover(&t, at), -EIO);
	CHECK_EQ(vfio_reset(trip_source(&t)), 0);
	CHECK_EQ(vfio_set_bus_master(trip_source(&t), true), 0);
	vfmig_expect(trip_source(&t)->fd, ST_RUNNING);
	ctl("fault clear");
	t.under_way = 0;
	mlx5_start(&t.vf[t.here]);
	work_self(&t.work, &t.vf[t.here], 0);
	trip_settle(&t);
	trip_go_ok(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "the kernel says: %s", klog.line);
}

/* ---- an image that the bus refuses ----------------------------------------------------------- */

/* The rest of the PF's DMA is its queues; without these it is no card any more. */

static unsigned int writes(void)
{
	static const char site[] = "dma:write pf ";
	char *text = ctl_ask("fault sites"), *line = strstr(text, site);
	unsigned int n = line ? (unsigned int)strtoul(line + strlen(site), NULL, 10) : 0;

	free(text);
	return n;
}

/* How often the PF writes from STOP_COPY on until all has been read: to @arg. */
static int take_counted(struct trip *trip, enum trip_step step, void *arg)
{
	unsigned int *n = arg;
	int rc;

	if (step == TRIP_STOP_COPY) {
		ctl("fault sites reset");
		*n = writes();
	}
	rc = trip_take(trip, step);
	if (step == TRIP_READ_LAST)
		*n = writes() - *n;
	return rc;
}

static int take_refused(struct trip *trip, enum trip_step step, void *arg)
{
	const unsigned int *nth = arg;

	if (step == TRIP_STOP_COPY)
		ctl("fault add dma:write fn=pf nth=%u refused", *nth);
	return trip_take(trip, step);
}

/* Most of these writes are the last image, with a few answers before and after. */
static void image_cannot_be_written(void)
{
	enum trip_step at;
	unsigned int n = 0;
	int rc;

	klog_open(&klog, known);
	ctl("fault clear");
	trip_begin(&t);
	trip_go_ok(&t);
	CHECK_EQ(trip_go(&t, take_counted, &n, &at), 0);
	trip_settle(&t);
	ctl("fault sites off");
	CHECK_MSG(n > 8, "%u writes", n);
	n /= 2;
	rc = trip_go(&t, take_refused, &n, &at);
	CHECK(was_hit());
	all->cases++;
	all->refused++;
	KLOG_CHECK(&klog, at == TRIP_READ_LAST && rc == -EIO, "%s: %s", trip_step_name(at),
		   strerror(-rc));
	CHECK_EQ(trip_recover(&t, at), 0);
	trip_settle(&t);
	trip_go_ok(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "the kernel says: %s", klog.line);
}

/* ---- which points ---------------------------------------------------------------------------- */

static void add_points(void)
{
	const char *only = getenv("VFMIG_SWEEP"), *boot = getenv("VFMIG_SWEEP_BOOT");
	static const struct tap_test more[] = {
		TAP_TEST(image_cannot_be_written),
		TAP_TEST(resume_of_responder_refused),
		TAP_TEST(resume_of_initiator_refused),
		TAP_TEST(resume_always_refused),
	};
	unsigned int slots = 0;

	for (unsigned int i = 0; i < all->sites; i++)
		for (const struct way *w = ways; w < ways + sizeof(ways) / sizeof(*ways); w++) {
			struct point *p = &points[n_points];

			if (!way_is_for(w, all->site[i].name) || !w->actions)
				continue;
			*p = (struct point){ .site = &all->site[i], .way = w };
			snprintf(p->name, sizeof(p->name), "%s.%s.%s", p->site->name,
				 role_name[p->site->role], w->name);
			if (only && strcmp(only, w->flags & SLOT ? "slots" : "fast"))
				continue;
			if (w->flags & SLOT) {
				unsigned int in = slots / BOOT_SLOTS + 1;

				slots += cases_of(p);
				if (boot && (unsigned int)atoi(boot) != in)
					continue;
			}
			tests[n_points] = (struct tap_test){
				.name = p->name, .fn = point, .timeout_s = 600,
			};
			if (++n_points == MAX_POINTS - 4)
				tap_bail("too many points");
		}
	for (size_t i = 0; i < sizeof(more) / sizeof(*more) && (!only || !strcmp(only, "fast")); i++)
		tests[n_points++] = more[i];
	if (boot)
		tap_diag("boots: %u", (slots + BOOT_SLOTS - 1) / BOOT_SLOTS);
}

static bool list_in_child(void)
{
	pid_t pid = fork();
	int st;

	if (pid < 0)
		tap_bail("fork: %s", strerror(errno));
	if (!pid) {
		alarm(tap_bound(60000) / 1000);
		list_sites();
		_exit(0);
	}
	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) && !WEXITSTATUS(st);
}

int main(int argc, char **argv)
{
	const char *cap = getenv("VFMIG_SWEEP_CASES");
	int rc;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (cap && atoi(cap) > 0)
		max_cases = (unsigned int)atoi(cap);
	if (!ctl_available()) {
		printf("1..0 # SKIP needs the control port of the simulator\n");
		return 0;
	}
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	if (!list_in_child() || !all->sites)
		tap_bail("the migration that lists the sites has failed");
	for (unsigned int i = 0; i < all->sites; i++)
		tap_diag("site: %s %s %u", all->site[i].name, role_name[all->site[i].role],
			 all->site[i].count);
	add_points();
	sysfs_write("1", "/proc/sys/kernel/printk");
	rc = tap_main(argc, argv, tests, n_points);
	sysfs_write("5", "/proc/sys/kernel/printk");
	if (all->cases)
		tap_diag("sweep: %u cases: firmware, at %u sites, %u refused, %u endured, %u not reached",
			 all->cases, all->sites, all->refused, all->endured, all->missed);
	return rc;
}
