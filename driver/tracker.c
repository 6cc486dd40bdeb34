// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging: which pages has the VF written to?  Sessions; what a report
 * does is in report.c.
 *
 * A session is a PAGE_TRACK object of the firmware and the ring on which it
 * reports; several of them, next to each other in order of address, if one
 * cannot cover what the user has asked for.  A report asks for a window, and
 * the firmware then sends the addresses of the pages written to and forgets
 * them.  From that moment these
 * addresses exist nowhere but on their way to the user's bitmap, so whatever
 * goes wrong on that way ends the session's credit:
 *
 *	          START           REPORT                  all delivered
 *	(none) ---------> TRACKING ------> REPORTING -------------------+
 *	   ^                ^                  |                        |
 *	   |                +------------------|------------------------+
 *	   | STOP, close,                      | time, signal, refusal,
 *	   | PF detached                       v event, bad message
 *	   +------------ from all ---------- FAILED: every report is -EIO
 *
 * Logging has nothing to do with the migration state.  In particular a reset
 * of the VF leaves it on: what the VF wrote before is still to be reported.
 *
 * The unit of the device may be larger than the user's, and then a window may
 * cover a part of a page only, whose bit the device clears all the same.  The
 * rest is kept ("carry") until a report asks for it.
 */
#include <linux/cleanup.h>
#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "vfmig.h"
#include "tracker.h"
#include "trace.h"

static void track_destroy(struct vfmig_dev *vdev, struct vfmig_track *track)
{
	u32 i;

	for (i = track->nobjs; i--;) {
		struct vfmig_track_obj *obj = &track->obj[i];

		if (obj->has_obj)
			vfmig_cmd_destroy_page_track(vdev, obj->id);
		if (obj->ring)
			vfmig_ring_destroy(vdev, obj->ring);
	}
	kvfree(track->ranges);
	kfree(track);
}

static void get_caps(struct vfmig_dev *vdev, struct vfmig_track_caps *caps)
{
	struct mlx5_core_dev *mdev = vdev->mdev;

	caps->max_ranges =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_max_num_range);
	caps->log_min_space =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_addr_space);
	caps->log_max_space =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_addr_space);
	caps->log_min_msg =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_msg_size);
	caps->log_max_msg =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_msg_size);
	caps->log_min_page =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_page_size);
	caps->log_max_page =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_page_size);
	caps->log_max_queue = min(MLX5_CAP_GEN(mdev, log_max_qp_sz),
				  MLX5_CAP_GEN(mdev, log_max_cq_sz));
	caps->log_max_num =
		MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_num);
}

/*
 * An object reports on a ring of its own, as those of several VFs do: that a
 * QP may serve two is nowhere said.
 */
static int track_create_obj(struct vfmig_dev *vdev,
			    const struct vfmig_track_plan *plan,
			    struct vfmig_track_obj *obj)
{
	struct vfmig_ring *ring = vfmig_ring_create(vdev, plan);
	int err;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	obj->ring = ring;
	err = vfmig_cmd_create_page_track(vdev, plan, obj, &obj->id);
	if (err)
		return err;
	obj->has_obj = true;
	vfmig_ring_watch(ring, obj->id);
	return 0;
}

/* Takes @ranges over if it succeeds. */
static struct vfmig_track *track_create(struct vfmig_dev *vdev,
					struct vfmig_range *ranges, u32 n,
					u64 *page_size)
{
	struct vfmig_track_caps caps;
	struct vfmig_track_plan plan;
	struct vfmig_track *track;
	int err;
	u32 i;

	get_caps(vdev, &caps);
	err = vfmig_track_plan(&caps, *page_size, ranges, n, &plan);
	if (err)
		return ERR_PTR(err);

	track = kzalloc_obj(*track, GFP_KERNEL_ACCOUNT);
	if (!track)
		return ERR_PTR(-ENOMEM);
	track->page = 1ULL << plan.log_page;

	clear_bit(VFMIG_TRACK_MESSAGE, &vdev->tracker->events);
	clear_bit(VFMIG_TRACK_BROKEN, &vdev->tracker->events);
	clear_bit(VFMIG_TRACK_CHANGED, &vdev->tracker->events);
	for (i = 0; i < plan.nparts; i++) {
		struct vfmig_track_obj *obj = &track->obj[track->nobjs++];

		obj->ranges = &ranges[plan.part[i].first];
		obj->nranges = plan.part[i].nranges;
		obj->log_space = plan.part[i].log_space;
		err = track_create_obj(vdev, &plan, obj);
		if (err) {
			track_destroy(vdev, track);
			return ERR_PTR(err);
		}
		trace_vfmig_track(vdev, obj->id, i, plan.nparts,
				  obj->ranges[0].start,
				  obj->ranges[obj->nranges - 1].last,
				  obj->nranges, plan.log_page);
	}
	track->ranges = ranges;
	*page_size = track->page;
	return track;
}

/* What the user has asked for, in order, with room to plan, or ERR_PTR. */
static struct vfmig_range *get_ranges(struct rb_root_cached *root, u32 n)
{
	struct vfmig_range *ranges = kvcalloc((size_t)n + VFMIG_TRACK_CUTS,
					      sizeof(*ranges),
					      GFP_KERNEL_ACCOUNT);
	struct rb_node *rb;
	u32 i = 0;

	if (!ranges)
		return ERR_PTR(-ENOMEM);
	for (rb = rb_first_cached(root); rb && i < n; rb = rb_next(rb)) {
		struct interval_tree_node *node =
			rb_entry(rb, struct interval_tree_node, rb);

		/*
		 * The core lets a length of 0 pass, and gives it an end before
		 * its start; at address 0 the end is the last address of all,
		 * which no other range has, for it refuses those.
		 */
		if (node->last < node->start || node->last == ULONG_MAX)
			goto inval;
		ranges[i].start = node->start;
		ranges[i].last = node->last;
		if (i && ranges[i].start <= ranges[i - 1].last)
			goto inval;
		i++;
	}
	if (i == n && !rb)
		return ranges;
inval:
	kvfree(ranges);
	return ERR_PTR(-EINVAL);
}

static int vfmig_log_start(struct vfio_device *core_vdev,
			   struct rb_root_cached *root, u32 n, u64 *page_size)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	struct vfmig_tracker *tracker = vdev->tracker;
	struct vfmig_range *ranges __free(kvfree) = NULL;
	struct vfmig_track *track;

	if (!n || !is_power_of_2(*page_size))
		return -EINVAL;
	ranges = get_ranges(root, n);
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);

	if (mutex_lock_killable(&tracker->lock))
		return -EINTR;
	if (tracker->detached)
		track = ERR_PTR(-ENOTCONN);
	else if (tracker->track)
		track = ERR_PTR(-EINVAL);
	else
		track = track_create(vdev, ranges, n, page_size);
	if (!IS_ERR(track)) {
		retain_and_null_ptr(ranges);
		tracker->track = track;
		tracker->sessions++;
	}
	mutex_unlock(&tracker->lock);
	return PTR_ERR_OR_ZERO(track);
}

/* End the session, and a report under way with it. */
static void tracker_stop(struct vfmig_tracker *tracker, bool detach)
{
	set_bit(VFMIG_TRACK_ABORT, &tracker->events);
	wake_up(&tracker->wait);

	mutex_lock(&tracker->lock);
	if (tracker->track)
		track_destroy(tracker->vdev, tracker->track);
	tracker->track = NULL;
	if (detach)
		tracker->detached = true;
	clear_bit(VFMIG_TRACK_ABORT, &tracker->events);
	mutex_unlock(&tracker->lock);
}

static int vfmig_log_stop(struct vfio_device *core_vdev)
{
	tracker_stop(vfmig_from_vfio(core_vdev)->tracker, false);
	return 0;
}

static const struct vfio_log_ops vfmig_log_ops = {
	.log_start = vfmig_log_start,
	.log_stop = vfmig_log_stop,
	.log_read_and_clear = vfmig_log_read_and_clear,
};

/**
 * vfmig_tracker_init - offer DMA logging if it can be had, or say why not
 * @vdev: the VF, migratable, not registered yet
 *
 * Without it the VF migrates all the same; its user takes all memory for
 * dirty, or asks the IOMMU.
 *
 * Context: Process; the PF locked.
 * Return: 0, or -ENOMEM.
 */
int vfmig_tracker_init(struct vfmig_dev *vdev)
{
	struct vfmig_tracker *tracker;

	if (!VFMIG_CORE_CAN_REPORT) {
		pr_info_once("%s: no dirty tracking: this kernel's VFIO cannot report, for CONFIG_IOMMUFD_DRIVER is off\n",
			     KBUILD_MODNAME);
		return 0;
	}
	if (!MLX5_CAP_GEN(vdev->mdev, adv_virtualization)) {
		dev_info(vfmig_device(vdev),
			 "no dirty tracking: the PF lacks capability adv_virtualization\n");
		return 0;
	}

	tracker = kzalloc_obj(*tracker, GFP_KERNEL);
	if (!tracker)
		return -ENOMEM;
	tracker->vdev = vdev;
	mutex_init(&tracker->report_lock);
	mutex_init(&tracker->lock);
	init_waitqueue_head(&tracker->wait);
	vdev->tracker = tracker;
	vdev->core.vdev.log_ops = &vfmig_log_ops;
	return 0;
}

/**
 * vfmig_tracker_free - the last user of the VF is gone
 * @vdev: the VF, closed
 *
 * Context: Process.
 */
void vfmig_tracker_free(struct vfmig_dev *vdev)
{
	struct vfmig_tracker *tracker = vdev->tracker;

	if (!tracker)
		return;
	WARN_ON_ONCE(tracker->track);
	mutex_destroy(&tracker->lock);
	mutex_destroy(&tracker->report_lock);
	kfree(tracker);
}

/**
 * vfmig_tracker_close - the device is being closed
 * @vdev: the VF
 *
 * Context: Process.  Waits for the firmware.
 */
void vfmig_tracker_close(struct vfmig_dev *vdev)
{
	if (vdev->tracker)
		tracker_stop(vdev->tracker, false);
}

/**
 * vfmig_tracker_attach - the PF is about to enable the VF
 * @vdev: the VF
 *
 * A session that a detach has ended does not come back: reports are refused
 * until logging is started anew.
 *
 * Context: Process.
 */
void vfmig_tracker_attach(struct vfmig_dev *vdev)
{
	if (!vdev->tracker)
		return;
	mutex_lock(&vdev->tracker->lock);
	vdev->tracker->detached = false;
	mutex_unlock(&vdev->tracker->lock);
}

/**
 * vfmig_tracker_detach - the PF is about to disable the VF
 * @vdev: the VF
 *
 * Nothing of the tracker uses the PF once this returns.
 *
 * Context: Process.  Waits for the firmware.
 */
void vfmig_tracker_detach(struct vfmig_dev *vdev)
{
	if (vdev->tracker)
		tracker_stop(vdev->tracker, true);
}

/**
 * vfmig_tracker_show - the PAGE_TRACK objects of the session, a line each
 * @vdev: the VF
 * @seq: where to
 *
 * Context: Process.  Waits while a report does, killably.
 */
void vfmig_tracker_show(struct vfmig_dev *vdev, struct seq_file *seq)
{
	struct vfmig_tracker *tracker = vdev->tracker;
	const struct vfmig_track *track;
	u32 i;

	if (!tracker || mutex_lock_killable(&tracker->lock))
		return;
	track = tracker->track;
	for (i = 0; track && i < track->nobjs; i++) {
		const struct vfmig_track_obj *obj = &track->obj[i];

		seq_printf(seq, "0x%x first=0x%llx last=0x%llx ranges=%u log_space=%u%s\n",
			   obj->id, obj->ranges[0].start,
			   obj->ranges[obj->nranges - 1].last, obj->nranges,
			   obj->log_space, track->failed ? " failed" : "");
	}
	mutex_unlock(&tracker->lock);
}

#if VFMIG_CORE_CAN_REPORT
/* MODULE_IMPORT_NS() has changed its argument over time; this has not. */
MODULE_INFO(import_ns, "IOMMUFD");
#endif
