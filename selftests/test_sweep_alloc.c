// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sweep of allocations: a migration in which one allocation of one step fails, for every step and
 * every allocation that the kernel makes in it. After each: no complaint of the kernel, the guest goes
 * on where it is with the right bytes, and the next migration is whole.
 *
 * /proc/thread-self/fail-nth has the n-th allocation of the calling thread fail; n goes up until a
 * step has fewer. What the kernel allocates for the step in threads of its own is not seen by this.
 *
 * VFMIG_SWEEP_EVERY=N   take every N-th allocation only
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "env.h"
#include "klog.h"
#include "tap.h"
#include "trip.h"

#define MAX_SITES 512
#define FI "/sys/kernel/debug/"

/* What all tests together have seen; they are processes of their own. */
static struct sum {
	unsigned int cases, refused, endured, sites;
	struct {
		char name[96];
		unsigned int hits;
	} site[MAX_SITES];
} *sum;

static const struct klog_known known[] = {
	{ NULL, NULL, NULL },
};

static struct trip t;
static struct klog klog;
static int nth_fd;
static unsigned int every = 1;

/* ---- the fault ------------------------------------------------------------------------------- */

struct fault {
	enum trip_step at;
	unsigned int n;
	bool hit;
};

static void set_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(nth_fd, text, (size_t)len, 0), len);
}

static unsigned int get_nth(void)
{
	char text[16] = "";

	CHECK(pread(nth_fd, text, sizeof(text) - 1, 0) > 0);
	return (unsigned int)strtoul(text, NULL, 10);
}

static int take(struct trip *trip, enum trip_step step, void *arg)
{
	struct fault *f = arg;
	int rc;

	if (step != f->at)
		return trip_take(trip, step);
	set_nth(f->n);
	rc = trip_take(trip, step);
	f->hit = !get_nth();
	set_nth(0);
	return rc;
}

static void need_injection(void)
{
	static const char *const set[][2] = {
		{ FI "failslab/ignore-gfp-wait", "N" },
		{ FI "failslab/verbose", "2" },
		{ FI "fail_page_alloc/ignore-gfp-wait", "N" },
		{ FI "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ FI "fail_page_alloc/min-order", "0" },
		{ FI "fail_page_alloc/verbose", "2" },
	};

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		tap_skip("needs a kernel with CONFIG_FAULT_INJECTION");
	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++)
		if (sysfs_write(set[i][1], "%s", set[i][0]))
			tap_skip("needs %s", set[i][0]);
}

static void count_site(const char *name)
{
	unsigned int i;

	for (i = 0; i < sum->sites; i++)
		if (!strcmp(sum->site[i].name, name))
			break;
	if (i == MAX_SITES)
		return;
	if (i == sum->sites) {
		snprintf(sum->site[i].name, sizeof(sum->site[i].name), "%s", name);
		sum->sites++;
	}
	sum->site[i].hits++;
}

/* ---- a case ---------------------------------------------------------------------------------- */

/* What a user gets for memory that the kernel does not have. */
static bool errno_is_documented(enum trip_step at, int err)
{
	if (err == ENOMEM)
		return true;
	/* the firmware may have forgotten pages that the report has not brought */
	return (at == TRIP_REPORT || at == TRIP_REPORT_LAST) && err == EIO;
}

/* True if the step has an n-th allocation. */
static bool one_case(enum trip_step step, unsigned int n)
{
	struct fault f = { .at = step, .n = n };
	enum trip_step at;
	int rc, back;

	klog.site[0] = '\0';
	rc = trip_go(&t, take, &f, &at);
	KLOG_CHECK(&klog, !klog_look(&klog), "allocation %u, %s: the kernel says: %s", n,
		   klog.site, klog.line);
	if (!f.hit) {
		KLOG_CHECK(&klog, !rc, "%s without a fault: %s", trip_step_name(at), strerror(-rc));
		trip_settle(&t);
		return false;
	}
	sum->cases++;
	count_site(klog.site);
	if (!rc) {
		sum->endured++;
		trip_settle(&t);
		return true;
	}
	sum->refused++;
	if (tap_verbose)
		tap_diag("%u: %s: %s: %s", n, klog.site, trip_step_name(at), strerror(-rc));
	KLOG_CHECK(&klog, errno_is_documented(at, -rc), "allocation %u, %s: %s gave %s", n, klog.site,
		  trip_step_name(at), strerror(-rc));
	back = trip_recover(&t, at);
	KLOG_CHECK(&klog, !back, "allocation %u, %s: %s failed, and RUNNING then gave %s", n, klog.site,
		  trip_step_name(at), strerror(-back));
	trip_settle(&t);
	trip_go_ok(&t);
	KLOG_CHECK(&klog, !klog_look(&klog), "after allocation %u, %s: the kernel says: %s", n, klog.site,
		  klog.line);
	return true;
}

/*
 * Of a long run of allocations at one site, as for the pages of a buffer, the first three are taken,
 * then some at growing distances, and the last. Allocations that ask not to be talked about have no
 * name; of a run of them every eighth is taken.
 */
static void step_point(void)
{
	enum trip_step step = trip_step_by_name(tap_now()->name);
	unsigned int n = 1, last = 0, stride = 1, run = 0, before = sum->cases;
	char prev[sizeof(klog.site)] = "";

	need_injection();
	klog_open(&klog, known);
	trip_begin(&t);
	CHECK(!mlockall(MCL_CURRENT));
	trip_go_ok(&t);
	for (;;) {
		bool hit = one_case(step, n), same = hit && !strcmp(klog.site, prev);
		unsigned int most;

		if (!same && stride > 1 && every == 1) {
			stride /= 2;
			n = last + stride;
			continue;
		}
		if (!hit)
			break;
		run = same ? run + 1 : 1;
		snprintf(prev, sizeof(prev), "%s", klog.site);
		last = n;
		/* one without a name may be anybody's */
		most = *prev ? 64 : 8;
		stride = every > 1 ? every : run < 3 ? 1 : stride * 2 < most ? stride * 2 : most;
		n += stride;
	}
	tap_diag("%s: %u cases", trip_step_name(step), sum->cases - before);
}

static struct tap_test tests[TRIP_STEPS];

int main(int argc, char **argv)
{
	const char *sample = getenv("VFMIG_SWEEP_EVERY");
	int rc;

	if (sample && atoi(sample) > 0)
		every = (unsigned int)atoi(sample);
	sum = mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sum == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (unsigned int i = 0; i < TRIP_STEPS; i++)
		tests[i] = (struct tap_test){
			.name = trip_step_name(i), .fn = step_point, .timeout_s = 1200,
		};
	/* stacks are for the log, not for the console */
	sysfs_write("1", "/proc/sys/kernel/printk");
	rc = tap_main(argc, argv, tests, TRIP_STEPS);
	sysfs_write("5", "/proc/sys/kernel/printk");
	for (unsigned int i = 0; i < sum->sites; i++)
		tap_diag("site: %s: %u", sum->site[i].name, sum->site[i].hits);
	if (sum->cases)
		tap_diag("sweep: %u cases: allocations, at %u sites, %u refused, %u endured",
			 sum->cases, sum->sites, sum->refused, sum->endured);
	return rc;
}
