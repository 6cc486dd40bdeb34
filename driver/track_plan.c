// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of DMA logging.  Pure: no allocation, no locks, no kernel
 * services; also built natively for tests.
 *
 * Ranges come from the user, limits from the firmware, and neither is trusted:
 * whatever they are, nothing here overflows, and a plan that is returned keeps
 * within the limits and covers every byte that was asked for.
 */
#include <linux/errno.h>
#include "track_plan.h"

/* An entry of a report has eight bytes: that much must fit into a message. */
#define LOG_ENTRY	3
/* Larger messages buy nothing. */
#define LOG_GOOD_MSG	16
/* A receive area of 2 MiB takes a report of 1 GiB of pages of 4 KiB. */
#define LOG_GOOD_AREA	21
/* The device wants to know of at least four receive buffers. */
#define LOG_MIN_MSGS	2
/* Receive buffers are counted in 16 bits. */
#define LOG_MAX_MSGS	12
/* A message that makes the area larger than 64 MiB is not to be had. */
#define LOG_MAX_MSG	24
#define LOG_MAX_PAGE	31

/* The smallest @log with @value <= 2^@log; @value is not 0. */
static __u8 log2_up(__u64 value)
{
	__u8 log = 0;

	for (value--; value; value >>= 1)
		log++;
	return log;
}

static __u64 gap_after(const struct vfmig_range *range)
{
	return range[1].start - range[0].last - 1;
}

/* Merge where the gap is less than @less, and @equal times where it is @less. */
static __u32 merge(struct vfmig_range *ranges, __u32 n, __u64 less, __u32 equal)
{
	__u32 out = 0;
	__u32 i;

	for (i = 1; i < n; i++) {
		__u64 gap = ranges[i].start - ranges[out].last - 1;
		int take = gap < less;

		if (gap == less && equal) {
			equal--;
			take = 1;
		}
		if (take)
			ranges[out].last = ranges[i].last;
		else
			ranges[++out] = ranges[i];
	}
	return out + 1;
}

/* Round outwards to pages of @page bytes; what touches becomes one. */
static __u32 round_out(struct vfmig_range *ranges, __u32 n, __u64 page)
{
	__u32 out = 0;
	__u32 i;

	for (i = 0; i < n; i++) {
		__u64 start = ranges[i].start & ~(page - 1);
		__u64 last = ranges[i].last | (page - 1);

		if (i && start <= ranges[out].last) {
			ranges[out].last = last;
		} else if (i && start == ranges[out].last + 1) {
			ranges[out].last = last;
		} else {
			if (i)
				out++;
			ranges[out].start = start;
			ranges[out].last = last;
		}
	}
	return out + 1;
}

/*
 * Merge across the smallest gaps until @max ranges are left.  No other choice
 * makes the sum of the ranges smaller, so none would keep within a limit of
 * the address space that this one breaks.
 */
static __u32 reduce(struct vfmig_range *ranges, __u32 n, __u32 max)
{
	__u64 low = 0;
	__u64 high = ~0ULL;
	__u32 want = n - max;
	__u32 below = 0;
	__u32 i;

	if (n <= max)
		return n;
	/* The smallest size that at least @want gaps do not exceed. */
	while (low < high) {
		__u64 mid = low + (high - low) / 2;
		__u32 count = 0;

		for (i = 0; i + 1 < n; i++)
			count += gap_after(&ranges[i]) <= mid;
		if (count >= want)
			high = mid;
		else
			low = mid + 1;
	}
	for (i = 0; i + 1 < n; i++)
		below += gap_after(&ranges[i]) < low;
	return merge(ranges, n, low, want - below);
}

static int plan_area(const struct vfmig_track_caps *caps,
		     struct vfmig_track_plan *plan)
{
	__u8 log_msg = LOG_GOOD_MSG;
	__u8 log_n;

	if (caps->log_min_msg > caps->log_max_msg)
		return -EOPNOTSUPP;
	if (log_msg > caps->log_max_msg)
		log_msg = caps->log_max_msg;
	if (log_msg < caps->log_min_msg)
		log_msg = caps->log_min_msg;
	if (log_msg < LOG_ENTRY || log_msg > LOG_MAX_MSG)
		return -EOPNOTSUPP;

	log_n = log_msg + LOG_MIN_MSGS < LOG_GOOD_AREA ?
		LOG_GOOD_AREA - log_msg : LOG_MIN_MSGS;
	if (log_n > LOG_MAX_MSGS)
		log_n = LOG_MAX_MSGS;
	if (log_n > caps->log_max_queue)
		log_n = caps->log_max_queue;
	if (log_n < LOG_MIN_MSGS)
		return -EOPNOTSUPP;

	plan->log_msg = log_msg;
	plan->nmsgs = 1U << log_n;
	plan->area = 1ULL << (log_n + log_msg);
	return 0;
}

/**
 * vfmig_track_plan - what to ask of a device for given ranges
 * @caps: the device's limits
 * @page_size: the user's wish
 * @ranges: in order, apart from each other; replaced by what to track, which
 *	covers them
 * @n: how many; at least 1
 * @plan: the result
 *
 * The page size is the nearest to the user's that the device has.  Ranges are
 * rounded to it, and merged if the device has fewer.
 *
 * Context: Any.
 * Return: 0; -EINVAL if @page_size is no power of two; -EOPNOTSUPP if the
 * device's limits cannot be kept.
 */
int vfmig_track_plan(const struct vfmig_track_caps *caps, __u64 page_size,
		     struct vfmig_range *ranges, __u32 n,
		     struct vfmig_track_plan *plan)
{
	__u64 total = 0;
	__u32 i;
	int err;

	if (!page_size || page_size & (page_size - 1))
		return -EINVAL;
	if (!caps->max_ranges || caps->log_min_page > caps->log_max_page ||
	    caps->log_min_page > LOG_MAX_PAGE)
		return -EOPNOTSUPP;
	err = plan_area(caps, plan);
	if (err)
		return err;

	plan->log_page = log2_up(page_size);
	if (plan->log_page > caps->log_max_page)
		plan->log_page = caps->log_max_page;
	if (plan->log_page > LOG_MAX_PAGE)
		plan->log_page = LOG_MAX_PAGE;
	if (plan->log_page < caps->log_min_page)
		plan->log_page = caps->log_min_page;

	n = round_out(ranges, n, 1ULL << plan->log_page);
	plan->nranges = reduce(ranges, n, caps->max_ranges);

	for (i = 0; i < plan->nranges; i++) {
		/* 0 stands for 2^64 */
		__u64 len = ranges[i].last - ranges[i].start + 1;

		if (!len || total + len < total)
			return -EOPNOTSUPP;
		total += len;
	}
	plan->log_space = log2_up(total);
	if (plan->log_space < caps->log_min_space ||
	    plan->log_space > caps->log_max_space)
		return -EOPNOTSUPP;
	return 0;
}

/* Make room by joining the two that are nearest to each other. */
static void carry_shrink(struct vfmig_carry *carry)
{
	__u32 best = 0;
	__u32 i;

	for (i = 1; i + 1 < carry->n; i++)
		if (gap_after(&carry->r[i]) < gap_after(&carry->r[best]))
			best = i;
	carry->r[best].last = carry->r[best + 1].last;
	for (i = best + 1; i + 1 < carry->n; i++)
		carry->r[i] = carry->r[i + 1];
	carry->n--;
}

/**
 * vfmig_carry_add - remember pages for a later report
 * @carry: the set
 * @start: first byte
 * @last: last byte, not before @start
 *
 * Never forgets anything; when the set is full it remembers too much.
 *
 * Context: Any; the caller serialises.
 */
void vfmig_carry_add(struct vfmig_carry *carry, __u64 start, __u64 last)
{
	__u32 out = 0;
	__u32 at;
	__u32 i;

	/* Take in what overlaps or touches. */
	for (i = 0; i < carry->n; i++) {
		struct vfmig_range r = carry->r[i];

		if ((r.last != ~0ULL && r.last + 1 < start) ||
		    (last != ~0ULL && last + 1 < r.start)) {
			carry->r[out++] = r;
			continue;
		}
		if (r.start < start)
			start = r.start;
		if (r.last > last)
			last = r.last;
	}
	carry->n = out;
	if (carry->n == VFMIG_CARRY_MAX) {
		carry_shrink(carry);
		/* The new one may lie in the gap that has just been filled. */
		vfmig_carry_add(carry, start, last);
		return;
	}
	for (at = carry->n; at && carry->r[at - 1].start > start; at--)
		carry->r[at] = carry->r[at - 1];
	carry->r[at].start = start;
	carry->r[at].last = last;
	carry->n++;
}

/**
 * vfmig_carry_take - take the first remembered piece inside a window
 * @carry: the set
 * @start: first byte of the window
 * @last: its last byte
 * @out: the piece, which lies inside of the window
 *
 * Context: Any; the caller serialises.
 * Return: 1, or 0 if there is none.
 */
int vfmig_carry_take(struct vfmig_carry *carry, __u64 start, __u64 last,
		     struct vfmig_range *out)
{
	struct vfmig_range r;
	__u32 i;
	__u32 k;

	for (i = 0; i < carry->n; i++)
		if (carry->r[i].start <= last && carry->r[i].last >= start)
			break;
	if (i == carry->n)
		return 0;

	r = carry->r[i];
	for (k = i; k + 1 < carry->n; k++)
		carry->r[k] = carry->r[k + 1];
	carry->n--;

	out->start = r.start > start ? r.start : start;
	out->last = r.last < last ? r.last : last;
	/* Two pieces come back for one; room for them must not be made later. */
	if (r.start < out->start && r.last > out->last &&
	    carry->n + 2 > VFMIG_CARRY_MAX)
		carry_shrink(carry);
	if (r.start < out->start)
		vfmig_carry_add(carry, r.start, out->start - 1);
	if (r.last > out->last)
		vfmig_carry_add(carry, out->last + 1, r.last);
	return 1;
}
