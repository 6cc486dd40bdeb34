// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one VF has done so far: counters, the last error in words, and what
 * tracks its writes now, in debugfs under mlx5_vfmig/BDF.
 */
#include <linux/debugfs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include "vfmig.h"
#include "tracker.h"

static const char *const stat_names[VFMIG_STATS] = {
	[VFMIG_STAT_ARCS] = "arcs",
	[VFMIG_STAT_ARCS_FAILED] = "arcs_failed",
	[VFMIG_STAT_ARCS_UNDONE] = "arcs_undone",
	[VFMIG_STAT_RESETS] = "resets",
	[VFMIG_STAT_CMDS] = "commands",
	[VFMIG_STAT_CMDS_FAILED] = "commands_failed",
	[VFMIG_STAT_CMD_NS] = "commands_ns",
	[VFMIG_STAT_SAVES] = "saves",
	[VFMIG_STAT_SAVES_FAILED] = "saves_failed",
	[VFMIG_STAT_BYTES_SAVED] = "bytes_saved",
	[VFMIG_STAT_BYTES_READ] = "bytes_read",
	[VFMIG_STAT_LOADS] = "loads",
	[VFMIG_STAT_BYTES_LOADED] = "bytes_loaded",
	[VFMIG_STAT_PRECOPY_FALLBACKS] = "precopy_fallbacks",
	[VFMIG_STAT_REINITS] = "reinits",
	[VFMIG_STAT_BUFS_MADE] = "buffers_made",
	[VFMIG_STAT_BUFS_REUSED] = "buffers_reused",
	[VFMIG_STAT_BUFS_LOST] = "buffers_lost",
	[VFMIG_STAT_LATE_BUFS] = "buffers_made_late",
	[VFMIG_STAT_LATE_SESSIONS] = "sessions_made_late",
	[VFMIG_STAT_REPORTS] = "reports",
	[VFMIG_STAT_REPORTS_FAILED] = "reports_failed",
	[VFMIG_STAT_PAGES_REPORTED] = "pages_reported",
};

static struct dentry *stats_root;

static void keep_error(struct vfmig_dev *vdev, struct va_format *vaf)
{
	scoped_guard(spinlock_irqsave, &vdev->error_lock) {
		vdev->error_ns = ktime_get_boottime_ns();
		scnprintf(vdev->error, sizeof(vdev->error), "%pV", vaf);
	}
}

/**
 * vfmig_remember - keep an error in words for whoever looks at debugfs
 * @vdev: the VF
 * @fmt: the words
 *
 * Context: Any.
 */
void vfmig_remember(struct vfmig_dev *vdev, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	keep_error(vdev, &vaf);
	va_end(args);
}

/**
 * vfmig_error - the same, and log it
 * @vdev: the VF
 * @fmt: the words
 *
 * Context: Any.
 */
void vfmig_error(struct vfmig_dev *vdev, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	keep_error(vdev, &vaf);
	va_end(args);

	va_start(args, fmt);
	vaf.va = &args;
	dev_err_ratelimited(vfmig_device(vdev), "%pV\n", &vaf);
	va_end(args);
}

static int stats_show(struct seq_file *seq, void *unused)
{
	struct vfmig_dev *vdev = seq->private;
	unsigned int i;

	for (i = 0; i < VFMIG_STATS; i++)
		seq_printf(seq, "%s %lld\n", stat_names[i],
			   (s64)atomic64_read(&vdev->stats[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int last_error_show(struct seq_file *seq, void *unused)
{
	struct vfmig_dev *vdev = seq->private;
	char text[VFMIG_ERROR_LEN];
	u64 ns;

	scoped_guard(spinlock_irqsave, &vdev->error_lock) {
		ns = vdev->error_ns;
		memcpy(text, vdev->error, sizeof(text));
	}
	if (text[0])
		seq_printf(seq, "%llu.%06llu %s\n", ns / NSEC_PER_SEC,
			   ns % NSEC_PER_SEC / NSEC_PER_USEC, text);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(last_error);

static int trackers_show(struct seq_file *seq, void *unused)
{
	vfmig_tracker_show(seq->private, seq);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(trackers);

/**
 * vfmig_stats_add - make the files of a VF
 * @vdev: the VF
 *
 * Context: Process.
 */
void vfmig_stats_add(struct vfmig_dev *vdev)
{
	vdev->debugfs = debugfs_create_dir(pci_name(vdev->core.pdev),
					   stats_root);
	debugfs_create_file("stats", 0400, vdev->debugfs, vdev, &stats_fops);
	debugfs_create_file("last_error", 0400, vdev->debugfs, vdev,
			    &last_error_fops);
	debugfs_create_file("trackers", 0400, vdev->debugfs, vdev,
			    &trackers_fops);
}

/**
 * vfmig_stats_del - remove them
 * @vdev: the VF
 *
 * Context: Process.  Waits for those who read them.
 */
void vfmig_stats_del(struct vfmig_dev *vdev)
{
	debugfs_remove_recursive(vdev->debugfs);
	vdev->debugfs = NULL;
}

/**
 * vfmig_stats_init - make the folder of the driver
 *
 * Context: Process.
 */
void vfmig_stats_init(void)
{
	stats_root = debugfs_create_dir("mlx5_vfmig", NULL);
}

/**
 * vfmig_stats_exit - remove it
 *
 * Context: Process.
 */
void vfmig_stats_exit(void)
{
	debugfs_remove_recursive(stats_root);
}
