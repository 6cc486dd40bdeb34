/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of DMA logging: what to ask of a device with given limits,
 * and the set of pages that wait for a later report.  No kernel service is
 * used, so that the same file is built natively for tests.
 */
#ifndef VFMIG_TRACK_PLAN_H
#define VFMIG_TRACK_PLAN_H

#include <linux/types.h>

/* Addresses, both ends included; a range is never empty. */
struct vfmig_range {
	__u64 start;
	__u64 last;
};

/* What a device says of its page tracking.  Any value may come. */
struct vfmig_track_caps {
	__u8 max_ranges;
	__u8 log_min_space;	/* of the sum of all ranges, in bytes */
	__u8 log_max_space;
	__u8 log_min_msg;	/* of a report message, in bytes */
	__u8 log_max_msg;
	__u8 log_min_page;
	__u8 log_max_page;
	__u8 log_max_queue;	/* entries of a receive queue and of its CQ */
	__u8 log_max_num;	/* trackers of the whole card */
};

/* Trackers of one session at most; the first is the logarithm. */
#define VFMIG_TRACK_LOG_MAX	3
#define VFMIG_TRACK_MAX		8
/* Ranges that a plan may have more than the user: each cut makes two of one. */
#define VFMIG_TRACK_CUTS	(VFMIG_TRACK_MAX - 1)

/* What one tracker gets of the ranges. */
struct vfmig_track_part {
	__u32 first;
	__u32 nranges;
	__u8 log_space;
};

/* What to ask of a device. */
struct vfmig_track_plan {
	__u8 log_page;
	__u8 log_msg;
	__u32 nmsgs;		/* that a receive area holds; a power of two */
	__u64 area;		/* its size: @nmsgs messages */
	__u32 nparts;
	struct vfmig_track_part part[VFMIG_TRACK_MAX];	/* in order of address */
};

int vfmig_track_plan(const struct vfmig_track_caps *caps, __u64 page_size,
		     struct vfmig_range *ranges, __u32 n,
		     struct vfmig_track_plan *plan);

/*
 * Pages whose bit the device has cleared and no report has delivered yet, for
 * they lay outside of it: in order, apart from each other.
 */
#define VFMIG_CARRY_MAX 64
struct vfmig_carry {
	__u32 n;
	struct vfmig_range r[VFMIG_CARRY_MAX];
};

void vfmig_carry_add(struct vfmig_carry *carry, __u64 start, __u64 last);
int vfmig_carry_take(struct vfmig_carry *carry, __u64 start, __u64 last,
		     struct vfmig_range *out);

#endif /* VFMIG_TRACK_PLAN_H */
