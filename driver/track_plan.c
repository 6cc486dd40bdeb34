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

/* Which gaps go: those less than @less, and @equal of those that are @less. */
struct gaps {
	__u64 less;
	__u32 equal;
};

/*
 * The smallest gaps, so many that @max ranges are left.  No other choice makes
 * the sum of the ranges smaller, so none would keep within a limit of the
 * address space that this one breaks.
 */
static struct gaps smallest_gaps(const struct vfmig_range *ranges, __u32 n,
				 __u32 max)
{
	struct gaps gaps = { 0, 0 };
	__u64 high = ~0ULL;
	__u32 want;
	__u32 i;

	if (n <= max)
		return gaps;
	want = n - max;
	/* The smallest size that at least @want gaps do not exceed. */
	while (gaps.less < high) {
		__u64 mid = gaps.less + (high - gaps.less) / 2;
		__u32 count = 0;

		for (i = 0; i + 1 < n; i++)
			count += gap_after(&ranges[i]) <= mid;
		if (count >= want)
			high = mid;
		else
			gaps.less = mid + 1;
	}
	gaps.equal = want;
	for (i = 0; i + 1 < n; i++)
		gaps.equal -= gap_after(&ranges[i]) < gaps.less;
	return gaps;
}

/* ~0 stands for whatever cannot be counted. */
static __u64 add(__u64 a, __u64 b)
{
	return a + b < a ? ~0ULL : a + b;
}

/* Bytes of the ranges, merged until @max are left. */
static __u64 merged_size(const struct vfmig_range *ranges, __u32 n, __u32 max)
{
	struct gaps gaps = smallest_gaps(ranges, n, max);
	__u64 size = 0;
	__u32 i;

	for (i = 0; i < n; i++) {
		size = add(size, ranges[i].last - ranges[i].start);
		size = add(size, 1);
		if (i + 1 < n && gap_after(&ranges[i]) < gaps.less)
			size = add(size, gap_after(&ranges[i]));
	}
	for (i = 0; i < gaps.equal; i++)
		size = add(size, gaps.less);
	return size;
}

/* How many ranges from the first one on a tracker of @space bytes can have. */
static __u32 ranges_that_fit(const struct vfmig_range *ranges, __u32 n,
			     __u32 max, __u64 space)
{
	__u32 fit = 0;

	if (merged_size(ranges, n, max) <= space)
		return n;
	/* With one more it never gets less, and @n are too many. */
	while (n - fit > 1) {
		__u32 mid = fit + (n - fit) / 2;

		if (merged_size(ranges, mid, max) <= space)
			fit = mid;
		else
			n = mid;
	}
	return fit;
}

/* A quarter of the card's at most: it has them for all of its VFs. */
static __u32 max_parts(const struct vfmig_track_caps *caps)
{
	if (caps->log_max_num < 2)
		return 1;
	if (caps->log_max_num - 2 > VFMIG_TRACK_LOG_MAX)
		return VFMIG_TRACK_MAX;
	return 1U << (caps->log_max_num - 2);
}

/*
 * Deal to one tracker the first @fit of ranges @in, and of the next one, if
 * there is one more, as much as there is room for.
 */
static void deal(const struct vfmig_track_caps *caps, __u64 space, __u64 page,
		 struct vfmig_range *in, __u32 n, __u32 fit,
		 struct vfmig_range *out, struct vfmig_track_part *part)
{
	struct gaps gaps;
	__u64 size;
	__u32 i;

	for (i = 0; i < fit; i++)
		out[i] = in[i];
	if (fit < n) {
		out[fit].start = in[fit].start;
		out[fit].last = in[fit].start + page - 1;
		size = merged_size(out, fit + 1, caps->max_ranges);
		if (size <= space) {
			out[fit].last += space - size;
			in[fit].start = out[fit].last + 1;
			fit++;
		}
	}
	gaps = smallest_gaps(out, fit, caps->max_ranges);
	part->nranges = merge(out, fit, gaps.less, gaps.equal);
	part->log_space = log2_up(merged_size(out, part->nranges,
					      part->nranges));
}

/*
 * In order, to each tracker as much as it takes.  What a tracker can cover it
 * can cover without the first ranges too, so nobody who deals in order needs
 * fewer trackers.
 */
static int plan_parts(const struct vfmig_track_caps *caps,
		      struct vfmig_range *ranges, __u32 n,
		      struct vfmig_track_plan *plan)
{
	__u64 page = 1ULL << plan->log_page;
	/* Never so much that ~0, what cannot be counted, would fit. */
	__u64 space = caps->log_max_space < 64 ? 1ULL << caps->log_max_space :
						 ~(2 * page - 1);
	/* So far up that results never reach what has not been dealt yet. */
	struct vfmig_range *in = ranges + VFMIG_TRACK_CUTS;
	__u32 max = max_parts(caps);
	__u32 out = 0;
	__u32 i;

	if (space < page || caps->log_min_space > caps->log_max_space)
		return -EOPNOTSUPP;
	for (i = n; i--;)
		in[i] = ranges[i];

	for (plan->nparts = 0; n; plan->nparts++) {
		struct vfmig_track_part *part = &plan->part[plan->nparts];
		__u32 fit = ranges_that_fit(in, n, caps->max_ranges, space);

		if (fit < n && plan->nparts + 1 == max)
			return -EOPNOTSUPP;
		part->first = out;
		deal(caps, space, page, in, n, fit, ranges + out, part);
		out += part->nranges;
		in += fit;
		n -= fit;
	}

	for (i = 0; i < plan->nparts; i++) {
		if (plan->part[i].log_space >= caps->log_min_space)
			continue;
		/* The rest of many may be little; room to spare does no harm. */
		if (plan->nparts == 1)
			return -EOPNOTSUPP;
		plan->part[i].log_space = caps->log_min_space;
	}
	return 0;
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
 *	covers them.  The array has room for VFMIG_TRACK_CUTS more
 * @n: how many; at least 1
 * @plan: the result
 *
 * The page size is the nearest to the user's that the device has.  Ranges are
 * rounded to it, and merged if a tracker has fewer.  If what is merged is more
 * than one tracker covers, there are several.
 *
 * Context: Any.
 * Return: 0; -EINVAL if @page_size is no power of two; -EOPNOTSUPP if the
 * device's limits cannot be kept.
 */
int vfmig_track_plan(const struct vfmig_track_caps *caps, __u64 page_size,
		     struct vfmig_range *ranges, __u32 n,
		     struct vfmig_track_plan *plan)
{
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
	return plan_parts(caps, ranges, n, plan);
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
