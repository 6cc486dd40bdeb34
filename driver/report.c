// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report of DMA logging: asks the firmware for a window, takes what it sends
 * from the ring, and delivers it to the user's bitmap.  The session it belongs
 * to is tracker.c's.
 */
#include <linux/cleanup.h>
#include <linux/iova_bitmap.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "vfmig.h"
#include "tracker.h"
#include "trace.h"

/* A report fails if the firmware says nothing new for so long. */
#define TRACK_TIMEOUT	(10 * HZ)
/* Look into the ring this often even if no event comes. */
#define TRACK_LOOK	HZ
/* The core pins bitmap for this much at a time, and looks back unwillingly. */
#define TRACK_WINDOW	(64ULL * SZ_1G)
/* Runs of pages that are taken from the ring before they are delivered. */
#define TRACK_RUNS	2048

/* A report under way; its caller's alone. */
struct track_report {
	u64 start;			/* what the user has asked for */
	u64 last;
	u64 session;
	u32 obj;			/* of it, whose turn it is */
	bool asked;			/* the firmware has begun to forget */
	u64 pages;
	u32 messages;
	struct vfmig_range *runs;	/* inside of @start to @last */
	u32 n;
	bool disorder;			/* @runs is not sorted */
};

static void track_fail(struct vfmig_dev *vdev, struct vfmig_track *track,
		       int err)
{
	if (track->failed)
		return;
	track->failed = true;
	dev_err_ratelimited(vfmig_device(vdev),
			    "DMA logging has failed (%pe); it reports nothing until it is stopped\n",
			    ERR_PTR(err));
}

/* An event has told of it. */
static void track_break(struct vfmig_dev *vdev, struct vfmig_track *track)
{
	if (!track->failed)
		vfmig_error(vdev, "DMA logging: a queue has failed");
	track_fail(vdev, track, -EIO);
}

/* The session of a report, or ERR_PTR. */
static struct vfmig_track *report_track(struct vfmig_tracker *tracker,
					struct track_report *report)
{
	struct vfmig_track *track = tracker->track;

	lockdep_assert_held(&tracker->lock);
	if (tracker->detached)
		return ERR_PTR(-ENOTCONN);
	if (test_bit(VFMIG_TRACK_ABORT, &tracker->events))
		return ERR_PTR(-ECANCELED);
	if (report->asked && (!track || tracker->sessions != report->session))
		return ERR_PTR(-ECANCELED);
	if (!track)
		return ERR_PTR(-EINVAL);
	if (test_bit(VFMIG_TRACK_BROKEN, &tracker->events))
		track_break(tracker->vdev, track);
	if (track->failed)
		return ERR_PTR(-EIO);
	report->session = tracker->sessions;
	return track;
}

/*
 * Note a run of bytes; what lies outside of the report is kept for another.
 * There is room for one more run.
 */
static void report_add(struct vfmig_track *track, struct track_report *report,
		       u64 start, u64 last)
{
	struct vfmig_range *run = &report->runs[report->n];

	if (start < report->start) {
		vfmig_carry_add(&track->carry, start,
				min(last, report->start - 1));
		if (last < report->start)
			return;
		start = report->start;
	}
	if (last > report->last) {
		vfmig_carry_add(&track->carry, max(start, report->last + 1),
				last);
		if (start > report->last)
			return;
		last = report->last;
	}

	if (report->n && start == run[-1].last + 1) {
		run[-1].last = last;
		return;
	}
	if (report->n && start < run[-1].start)
		report->disorder = true;
	run->start = start;
	run->last = last;
	report->n++;
}

static int compare_runs(const void *a, const void *b)
{
	const struct vfmig_range *x = a;
	const struct vfmig_range *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Going back and forth costs the core dear, so do not. */
static void report_sort(struct track_report *report)
{
	struct vfmig_range *runs = report->runs;
	u32 out = 0;
	u32 i;

	if (!report->disorder)
		return;
	report->disorder = false;
	sort(runs, report->n, sizeof(*runs), compare_runs, NULL);
	for (i = 1; i < report->n; i++) {
		if (runs[i].start > runs[out].last + 1)
			runs[++out] = runs[i];
		else
			runs[out].last = max(runs[out].last, runs[i].last);
	}
	report->n = out + 1;
}

/*
 * The part of a window where an object tracks anything.  The device gets whole
 * pages only: how it takes others is nowhere said.
 */
static bool clip_window(const struct vfmig_track_obj *obj, u64 page, u64 *start,
			u64 *last)
{
	const struct vfmig_range *first = NULL;
	const struct vfmig_range *end = NULL;
	u32 i;

	for (i = 0; i < obj->nranges; i++) {
		const struct vfmig_range *range = &obj->ranges[i];

		if (range->last < *start)
			continue;
		if (range->start > *last)
			break;
		if (!first)
			first = range;
		end = range;
	}
	if (!first)
		return false;
	*start = max(*start & ~(page - 1), first->start);
	*last = min(*last | (page - 1), end->last);
	return true;
}

/* If an object has changed: it may be any of them, and ERROR in one is in all. */
static int track_look(struct vfmig_tracker *tracker, struct vfmig_track *track)
{
	u32 i;

	if (!test_and_clear_bit(VFMIG_TRACK_CHANGED, &tracker->events))
		return 0;
	for (i = 0; i < track->nobjs; i++) {
		u32 id = track->obj[i].id;
		u8 state;
		int err;

		err = vfmig_cmd_query_page_track(tracker->vdev, id, &state);
		if (err)
			return err;
		if (state != MLX5_PAGE_TRACK_STATE_ERROR)
			continue;
		vfmig_error(tracker->vdev,
			    "DMA logging: PAGE_TRACK object 0x%x is in state ERROR",
			    id);
		return -EIO;
	}
	return 0;
}

/*
 * Ask for a window, of the object whose turn it is or the next one that tracks
 * anything there.  Returns 1 if a report will come, 0 if not, or -errno.
 */
static int report_ask(struct vfmig_tracker *tracker,
		      struct track_report *report, u64 start, u64 last)
{
	struct vfmig_track *track = report_track(tracker, report);
	struct vfmig_track_obj *obj;
	u64 from, to;
	int err;

	if (IS_ERR(track))
		return PTR_ERR(track);
	for (;; report->obj++) {
		if (report->obj == track->nobjs)
			return 0;
		obj = &track->obj[report->obj];
		from = start;
		to = last;
		if (clip_window(obj, track->page, &from, &to))
			break;
	}

	/* Refused or not, nobody knows from here on what it has forgotten. */
	report->asked = true;
	err = track_look(tracker, track);
	if (!err)
		err = vfmig_cmd_modify_page_track(tracker->vdev, obj->id, from,
						  to - from + 1);
	trace_vfmig_ask(tracker->vdev, obj->id, from, to, err);
	return err ?: 1;
}

/* Wait until something has come, or until it should have.  Events are clear. */
static int report_wait(struct vfmig_tracker *tracker, struct vfmig_track *track,
		       const struct vfmig_track_obj *obj,
		       unsigned long deadline)
{
	if (time_after_eq(jiffies, deadline)) {
		vfmig_error(tracker->vdev,
			    "DMA logging: no report for %d s from PAGE_TRACK object 0x%x",
			    TRACK_TIMEOUT / HZ, obj->id);
		return -EIO;
	}
	if (wait_event_killable_timeout(tracker->wait,
					READ_ONCE(tracker->events),
					TRACK_LOOK) < 0)
		return -EINTR;
	return track_look(tracker, track);
}

/*
 * Take runs from the ring, as many as there are, waiting only for the first.
 * Returns 1 if more may come, 0 if the firmware is done, or -errno.
 */
static int report_take(struct vfmig_tracker *tracker,
		       struct track_report *report)
{
	struct vfmig_track *track = report_track(tracker, report);
	unsigned long deadline = jiffies + TRACK_TIMEOUT;
	struct vfmig_track_obj *obj;
	bool armed = false;
	int err;

	if (IS_ERR(track))
		return PTR_ERR(track);
	obj = &track->obj[report->obj];
	for (;;) {
		if (test_bit(VFMIG_TRACK_ABORT, &tracker->events))
			return -ECANCELED;
		if (test_bit(VFMIG_TRACK_BROKEN, &tracker->events)) {
			track_break(tracker->vdev, track);
			return -EIO;
		}

		while (obj->has_msg && obj->next < obj->msg.entries) {
			u64 addr;

			if (report->n == TRACK_RUNS)
				return 1;
			addr = vfmig_ring_entry(obj->ring, &obj->msg,
						obj->next++);
			report_add(track, report, addr & ~(track->page - 1),
				   addr | (track->page - 1));
		}
		if (obj->has_msg) {
			u8 state = obj->msg.state;

			if (obj->msg.entries)
				deadline = jiffies + TRACK_TIMEOUT;
			report->pages += obj->msg.entries;
			report->messages++;
			obj->has_msg = false;
			vfmig_ring_return(obj->ring);
			if (state == MLX5_PAGE_TRACK_STATE_TRACKING)
				return 0;
			if (state != MLX5_PAGE_TRACK_STATE_REPORTING) {
				vfmig_error(tracker->vdev,
					    "DMA logging: a message of PAGE_TRACK object 0x%x says state %u",
					    obj->id, state);
				return -EIO;
			}
		}

		err = vfmig_ring_next(obj->ring, &obj->msg);
		if (!err) {
			obj->has_msg = true;
			obj->next = 0;
			armed = false;
			continue;
		}
		if (err != -EAGAIN)
			return err;
		if (report->n)
			return 1;
		if (!armed) {
			/* Events first: one may come as soon as it is armed. */
			clear_bit(VFMIG_TRACK_MESSAGE, &tracker->events);
			vfmig_ring_arm(obj->ring);
			armed = true;
			continue;
		}
		err = report_wait(tracker, track, obj, deadline);
		if (err)
			return err;
		armed = false;
	}
}

/* What earlier reports have left.  Returns 1 if there may be more, or 0. */
static int report_carry(struct vfmig_tracker *tracker,
			struct track_report *report)
{
	struct vfmig_track *track = report_track(tracker, report);
	struct vfmig_range range;

	if (IS_ERR(track))
		return PTR_ERR(track);
	while (vfmig_carry_take(&track->carry, report->start, report->last,
				&range)) {
		report->asked = true;
		report_add(track, report, range.start, range.last);
		if (report->n == TRACK_RUNS)
			return 1;
	}
	return 0;
}

/*
 * Into the user's bitmap, which may fault.  That the core cannot reach it is
 * not told to drivers; docs/dirty-tracking.rst has more on that.
 */
static int report_deliver(struct track_report *report,
			  struct iova_bitmap *dirty)
{
	u32 i;

	report_sort(report);
	for (i = 0; i < report->n; i++)
		iova_bitmap_set(dirty, report->runs[i].start,
				report->runs[i].last - report->runs[i].start +
				1);
	report->n = 0;
	/* Bitmap that is not there yet does not come to a dying process. */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

/* All that the object whose turn it is has been asked for. */
static int report_drain(struct vfmig_tracker *tracker,
			struct track_report *report, struct iova_bitmap *dirty)
{
	int more;
	int err;

	do {
		if (mutex_lock_killable(&tracker->lock))
			return -EINTR;
		more = report_take(tracker, report);
		mutex_unlock(&tracker->lock);
		if (more < 0)
			return more;
		err = report_deliver(report, dirty);
		if (err)
			return err;
	} while (more);
	return 0;
}

/* A window of at most TRACK_WINDOW bytes, from one object after the other. */
static int report_window(struct vfmig_tracker *tracker,
			 struct track_report *report, u64 start, u64 last,
			 struct iova_bitmap *dirty)
{
	int more;
	int err;

	for (report->obj = 0;; report->obj++) {
		if (mutex_lock_killable(&tracker->lock))
			return -EINTR;
		more = report_ask(tracker, report, start, last);
		mutex_unlock(&tracker->lock);
		if (more <= 0)
			return more;
		err = report_drain(tracker, report, dirty);
		if (err)
			return err;
	}
}

static int report_all(struct vfmig_tracker *tracker,
		      struct track_report *report, struct iova_bitmap *dirty)
{
	u64 start = report->start;
	int more;
	int err;

	for (;;) {
		u64 last = report->last - start < TRACK_WINDOW ? report->last :
			   start + TRACK_WINDOW - 1;

		err = report_window(tracker, report, start, last, dirty);
		if (err)
			return err;
		if (last == report->last)
			break;
		start = last + 1;
	}

	do {
		if (mutex_lock_killable(&tracker->lock))
			return -EINTR;
		more = report_carry(tracker, report);
		mutex_unlock(&tracker->lock);
		if (more < 0)
			return more;
		err = report_deliver(report, dirty);
		if (err)
			return err;
	} while (more);
	return 0;
}

/*
 * A report has failed half-way: what it has cleared is not known any more.
 * Returns what to tell the user, who has to take all memory for dirty.
 */
static int report_failed(struct vfmig_tracker *tracker,
			 struct track_report *report, int err)
{
	guard(mutex)(&tracker->lock);
	/* A session that has been cancelled is about to be no more. */
	if (err != -ECANCELED && tracker->track &&
	    tracker->sessions == report->session)
		track_fail(tracker->vdev, tracker->track, err);
	if (tracker->detached)
		return -ENOTCONN;
	return err == -ECANCELED || err == -EINTR ? err : -EIO;
}

/**
 * vfmig_log_read_and_clear - report what the VF has written
 * @core_vdev: the VF
 * @iova: start of the window
 * @length: of the window
 * @dirty: the user's bitmap
 *
 * Context: Process; may fault.  Waits for the firmware, killably and not
 * without end.
 * Return: 0; -EINVAL; -ENOMEM; -EINTR on a fatal signal; -ECANCELED if logging
 * is being stopped; -ENOTCONN while the PF is detached; -EIO if pages may have
 * been lost, from then on until logging is stopped.
 */
int vfmig_log_read_and_clear(struct vfio_device *core_vdev, unsigned long iova,
			     unsigned long length, struct iova_bitmap *dirty)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	struct vfmig_tracker *tracker = vdev->tracker;
	struct track_report report = { .start = iova };
	ktime_t start = ktime_get();
	int err;

	if (!length || check_add_overflow(iova, length - 1, &iova))
		return -EINVAL;
	report.last = iova;
	struct vfmig_range *runs __free(kvfree) =
		kvmalloc_array(TRACK_RUNS, sizeof(*runs), GFP_KERNEL_ACCOUNT);
	if (!runs)
		return -ENOMEM;
	report.runs = runs;

	if (mutex_lock_killable(&tracker->report_lock))
		return -EINTR;
	err = report_all(tracker, &report, dirty);
	if (err && report.asked)
		err = report_failed(tracker, &report, err);
	mutex_unlock(&tracker->report_lock);

	vfmig_stat_inc(vdev, VFMIG_STAT_REPORTS);
	if (err)
		vfmig_stat_inc(vdev, VFMIG_STAT_REPORTS_FAILED);
	vfmig_stat_add(vdev, VFMIG_STAT_PAGES_REPORTED, report.pages);
	trace_vfmig_report(vdev, report.start, length, report.pages,
			   report.messages, err,
			   ktime_to_ns(ktime_sub(ktime_get(), start)));
	return err;
}
