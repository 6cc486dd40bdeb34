// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arithmetic of DMA logging: plans for ranges and limits of any kind, with
 * the extremes drawn often, and the set of pages that wait for a later report
 * against a model of single pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "track_plan.h"

static uint64_t state = 88172645463325252ULL;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const struct vfmig_track_caps usual = {
	.max_ranges = 16, .log_min_space = 12, .log_max_space = 52,
	.log_min_msg = 12, .log_max_msg = 16, .log_min_page = 12,
	.log_max_page = 21, .log_max_queue = 15, .log_max_num = 5,
};

/* Ranges of a test, with the room that a plan needs. */
#define RANGES(name, ...)                                                                          \
	struct vfmig_range name[sizeof((struct vfmig_range[]){ __VA_ARGS__ }) /                    \
					sizeof(struct vfmig_range) + VFMIG_TRACK_CUTS] = { __VA_ARGS__ }

static void usual_plan(void **unused)
{
	RANGES(r, { 0x10000000, 0x103fffff });
	struct vfmig_track_plan plan;

	(void)unused;
	assert_int_equal(vfmig_track_plan(&usual, 4096, r, 1, &plan), 0);
	assert_int_equal(plan.log_page, 12);
	assert_int_equal(plan.log_msg, 16);
	assert_int_equal(plan.nmsgs, 32);
	assert_int_equal(plan.area, 2 << 20);
	assert_int_equal(plan.nparts, 1);
	assert_int_equal(plan.part[0].log_space, 22);
	assert_int_equal(plan.part[0].first, 0);
	assert_int_equal(plan.part[0].nranges, 1);
}

static void page_sizes(void **unused)
{
	struct vfmig_track_plan plan;

	(void)unused;
	for (unsigned int log = 0; log < 64; log++) {
		RANGES(r, { 0, (1ULL << 40) - 1 });

		assert_int_equal(vfmig_track_plan(&usual, 1ULL << log, r, 1, &plan), 0);
		assert_int_equal(plan.log_page, log < 12 ? 12 : log > 21 ? 21 : log);
	}
	{
		RANGES(r, { 0, 4095 });

		assert_int_equal(vfmig_track_plan(&usual, 0, r, 1, &plan), -EINVAL);
		assert_int_equal(vfmig_track_plan(&usual, 12288, r, 1, &plan), -EINVAL);
		assert_int_equal(vfmig_track_plan(&usual, ~0ULL, r, 1, &plan), -EINVAL);
	}
}

static void smallest_gaps_go(void **unused)
{
	RANGES(r, { 0, 0xfff }, { 0x3000, 0x3fff }, { 0x5000, 0x5fff },
	       { 1ULL << 60, (1ULL << 60) + 0xfff });
	struct vfmig_track_caps caps = usual;
	struct vfmig_track_plan plan;

	(void)unused;
	caps.max_ranges = 3;
	assert_int_equal(vfmig_track_plan(&caps, 4096, r, 4, &plan), 0);
	assert_int_equal(plan.nparts, 1);
	assert_int_equal(plan.part[0].nranges, 3);
	assert_int_equal(r[0].last, 0xfff);
	assert_int_equal(r[1].start, 0x3000);
	assert_int_equal(r[1].last, 0x5fff);
	assert_int_equal(r[2].start, 1ULL << 60);
}

/* All of the address space is one byte more than can be counted. */
static void whole_space(void **unused)
{
	RANGES(r, { 0, ~0ULL });
	struct vfmig_track_caps caps = usual;
	struct vfmig_track_plan plan;

	(void)unused;
	caps.log_max_space = 255;
	caps.log_max_num = 2;
	assert_int_equal(vfmig_track_plan(&caps, 4096, r, 1, &plan), -EOPNOTSUPP);
}

static const struct vfmig_track_caps small = {
	.max_ranges = 2, .log_min_space = 12, .log_max_space = 40,
	.log_min_msg = 12, .log_max_msg = 12, .log_min_page = 12,
	.log_max_page = 12, .log_max_queue = 15, .log_max_num = 4,
};

/* Four ranges, of which no three go into one tracker. */
static void far_ranges_take_several_trackers(void **unused)
{
	RANGES(r, { 0, 0xfff }, { 1ULL << 41, (1ULL << 41) + 0xfff },
	       { 2ULL << 41, (2ULL << 41) + 0x1fff }, { 3ULL << 41, (3ULL << 41) + 0x1fff });
	struct vfmig_track_plan plan;

	(void)unused;
	assert_int_equal(vfmig_track_plan(&small, 4096, r, 4, &plan), 0);
	assert_int_equal(plan.nparts, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(plan.part[i].first, 2 * i);
		assert_int_equal(plan.part[i].nranges, 2);
		assert_int_equal(plan.part[i].log_space, 13 + i);
	}
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(r[i].start, i << 41);
	assert_int_equal(r[3].last, (3ULL << 41) + 0x1fff);
}

static void long_range_is_cut(void **unused)
{
	RANGES(r, { 0x7000, 0x7fff }, { 0x10000, (2ULL << 40) - 1 });
	struct vfmig_track_plan plan;

	(void)unused;
	assert_int_equal(vfmig_track_plan(&small, 4096, r, 2, &plan), 0);
	assert_int_equal(plan.nparts, 2);
	assert_int_equal(plan.part[0].nranges, 2);
	assert_int_equal(plan.part[0].log_space, 40);
	assert_int_equal(plan.part[1].first, 2);
	assert_int_equal(plan.part[1].nranges, 1);
	assert_int_equal(r[1].last, (1ULL << 40) + 0xefff);
	assert_int_equal(r[2].start, (1ULL << 40) + 0xf000);
	assert_int_equal(r[2].last, (2ULL << 40) - 1);
}

static void number_of_trackers_is_bounded(void **unused)
{
	/* trackers of the card, and bytes / 2^40 that may be asked for */
	static const struct {
		uint8_t log_num;
		uint32_t most;
	} cases[] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 4, 4 }, { 5, 8 }, { 6, 8 }, { 31, 8 } };

	(void)unused;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vfmig_track_caps caps = small;
		struct vfmig_track_plan plan;

		caps.log_max_num = cases[i].log_num;
		{
			RANGES(r, { 0, ((uint64_t)cases[i].most << 40) - 1 });

			assert_int_equal(vfmig_track_plan(&caps, 4096, r, 1, &plan), 0);
			assert_int_equal(plan.nparts, cases[i].most);
		}
		{
			RANGES(r, { 0, (uint64_t)cases[i].most << 40 });

			assert_int_equal(vfmig_track_plan(&caps, 4096, r, 1, &plan), -EOPNOTSUPP);
		}
	}
}

/* What is left for the last one may be less than a tracker has at least. */
static void little_rest(void **unused)
{
	RANGES(r, { 0, (1ULL << 40) + 0xfff });
	RANGES(one, { 0, 0xfff });
	struct vfmig_track_caps caps = small;
	struct vfmig_track_plan plan;

	(void)unused;
	caps.log_min_space = 20;
	assert_int_equal(vfmig_track_plan(&caps, 4096, r, 1, &plan), 0);
	assert_int_equal(plan.nparts, 2);
	assert_int_equal(r[1].start, 1ULL << 40);
	assert_int_equal(plan.part[1].log_space, 20);
	assert_int_equal(vfmig_track_plan(&caps, 4096, one, 1, &plan), -EOPNOTSUPP);
}

static uint8_t odd(uint8_t bits)
{
	switch (rnd() % 6) {
	case 0:
		return 0;
	case 1:
		return (uint8_t)((1u << bits) - 1);
	default:
		return (uint8_t)(rnd() & ((1u << bits) - 1));
	}
}

static int in(const struct vfmig_range *r, uint32_t n, uint64_t addr)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr >= r[i].start && addr <= r[i].last)
			return 1;
	return 0;
}

/* Ascending, apart, of all sizes and distances. Returns how many. */
static uint32_t some_ranges(struct vfmig_range *r, uint32_t max)
{
	uint64_t at = rnd() >> rnd() % 64;
	uint32_t n = 0;

	while (n < max) {
		uint64_t len = (rnd() >> rnd() % 64) | 1;

		if (at > ~0ULL - len)
			break;
		r[n].start = at;
		r[n].last = at + len - 1;
		n++;
		if (r[n - 1].last > ~0ULL - (1ULL << 62))
			break;
		at = r[n - 1].last + 1 + (rnd() >> (2 + rnd() % 62));
	}
	return n;
}

static void check_part(const struct vfmig_track_caps *caps, const struct vfmig_track_plan *plan,
		       const struct vfmig_track_part *part, const struct vfmig_range *r)
{
	uint64_t page = 1ULL << plan->log_page, total = 0;

	assert_in_range(part->log_space, caps->log_min_space, caps->log_max_space);
	assert_in_range(part->nranges, 1, caps->max_ranges);
	for (uint32_t i = part->first; i < part->first + part->nranges; i++) {
		assert_true(r[i].start <= r[i].last);
		assert_int_equal(r[i].start % page, 0);
		assert_int_equal((r[i].last + 1) % page, 0);
		/* within a tracker apart; that of the next one may go on where this one ends */
		if (i)
			assert_true(r[i].start > r[i - 1].last + (i > part->first));
		total += r[i].last - r[i].start + 1;
	}
	assert_true(part->log_space >= 64 || total <= 1ULL << part->log_space);
	assert_true(!part->log_space || part->log_space == caps->log_min_space ||
		    total > 1ULL << (part->log_space - 1));
}

static void any_plan(void **unused)
{
	unsigned int good = 0, many = 0;

	(void)unused;
	for (unsigned int round = 0; round < 200000; round++) {
		struct vfmig_range want[40], got[40 + VFMIG_TRACK_CUTS];
		struct vfmig_track_caps caps = {
			.max_ranges = odd(8), .log_min_space = odd(8), .log_max_space = odd(8),
			.log_min_msg = odd(5), .log_max_msg = odd(5), .log_min_page = odd(5),
			.log_max_page = odd(5), .log_max_queue = odd(8), .log_max_num = odd(5),
		};
		struct vfmig_track_plan plan;
		uint32_t n = some_ranges(want, 1 + (uint32_t)(rnd() % 40));
		uint32_t ranges = 0;
		int rc;

		if (round % 2) {
			caps = usual;
			caps.max_ranges = (uint8_t)(1 + rnd() % 20);
			caps.log_max_space = round % 4 == 1 ? 64 : (uint8_t)(58 + rnd() % 6);
		}
		if (!n)
			continue;
		memcpy(got, want, sizeof(want));
		rc = vfmig_track_plan(&caps, 1ULL << rnd() % 64, got, n, &plan);
		if (rc) {
			assert_int_equal(rc, -EOPNOTSUPP);
			continue;
		}
		good++;
		assert_in_range(plan.log_page, caps.log_min_page, caps.log_max_page);
		assert_in_range(plan.log_msg, caps.log_min_msg, caps.log_max_msg);
		assert_in_range(plan.log_msg, 3, 24);
		assert_in_range(plan.nparts, 1, caps.log_max_num < 3 ? 1 : 8);
		many += plan.nparts > 1;
		assert_in_range(plan.nmsgs, 4, 4096);
		assert_int_equal(plan.nmsgs & (plan.nmsgs - 1), 0);
		assert_true(caps.log_max_queue >= 32 || plan.nmsgs >> caps.log_max_queue <= 1);
		assert_int_equal(plan.area, (uint64_t)plan.nmsgs << plan.log_msg);
		assert_in_range(plan.area, 1, 64 << 20);
		for (uint32_t k = 0; k < plan.nparts; k++) {
			const struct vfmig_track_part *part = &plan.part[k];

			assert_int_equal(part->first, ranges);
			check_part(&caps, &plan, part, got);
			ranges += part->nranges;
		}
		assert_true(ranges <= n + VFMIG_TRACK_CUTS);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(in(got, ranges, want[i].start));
			assert_true(in(got, ranges, want[i].last));
			assert_true(in(got, ranges,
				       want[i].start + (want[i].last - want[i].start) / 2));
		}
	}
	assert_in_range(good, 1000, 200000);
	assert_in_range(many, 1000, 200000);
}

/* ---- the fewest trackers, by trying everything --------------------------------------------- */

#define UNITS 20u

/* The least pages that up to @max ranges have which cover all wanted ones of @from to @to - 1. */
static unsigned int least(const uint8_t *want, unsigned int from, unsigned int to, unsigned int max)
{
	unsigned int best = UNITS + 1;

	while (from < to && !want[from])
		from++;
	if (from == to)
		return 0;
	for (unsigned int end = from + 1; max && end <= to; end++) {
		unsigned int rest = least(want, end, to, max - 1);

		if (end - from + rest < best)
			best = end - from + rest;
	}
	return best;
}

static unsigned int fewest(const uint8_t *want, unsigned int max, unsigned int space)
{
	unsigned int need[UNITS + 1] = { 0 }; /* from this page on */

	for (unsigned int from = UNITS; from--;) {
		need[from] = UNITS + 1;
		for (unsigned int to = from + 1; to <= UNITS; to++) {
			if (least(want, from, to, max) > space)
				break;
			if (need[from] > need[to] + 1)
				need[from] = need[to] + 1;
		}
		if (!want[from] && need[from] > need[from + 1])
			need[from] = need[from + 1];
	}
	return need[0];
}

static void no_tracker_too_many(void **unused)
{
	unsigned int many = 0;

	(void)unused;
	for (unsigned int round = 0; round < 4000; round++) {
		struct vfmig_range got[UNITS + VFMIG_TRACK_CUTS];
		struct vfmig_track_caps caps = usual;
		struct vfmig_track_plan plan;
		uint8_t want[UNITS] = { 0 };
		unsigned int space = 1u << rnd() % 4, need;
		uint32_t n = 0;
		int rc;

		caps.max_ranges = (uint8_t)(1 + rnd() % 3);
		caps.log_max_space = (uint8_t)(12 + __builtin_ctz(space));
		for (unsigned int at = (unsigned int)(rnd() % 4); at < UNITS;) {
			unsigned int len = 1 + (unsigned int)(rnd() % 4);

			if (at + len > UNITS)
				len = UNITS - at;
			memset(want + at, 1, len);
			got[n++] = (struct vfmig_range){ at * 4096ULL, (at + len) * 4096ULL - 1 };
			at += len + 1 + (unsigned int)(rnd() % 5);
		}
		need = fewest(want, caps.max_ranges, space);
		rc = vfmig_track_plan(&caps, 4096, got, n, &plan);
		if (need > 8) {
			assert_int_equal(rc, -EOPNOTSUPP);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(plan.nparts, need);
		many += need > 1;
	}
	assert_in_range(many, 1000, 4000);
}

#define PAGES 4096u

/* Nothing is ever forgotten, and nothing comes twice. */
static void carry_is_a_set(void **unused)
{
	static struct vfmig_carry carry;
	static uint8_t model[PAGES];

	(void)unused;
	for (unsigned int round = 0; round < 20000; round++) {
		uint64_t from = rnd() % PAGES, to = from + rnd() % (1 + rnd() % 64);
		struct vfmig_range r;
		unsigned int taken = 0;

		if (to >= PAGES)
			to = PAGES - 1;
		if (rnd() % 4) {
			vfmig_carry_add(&carry, from, to);
			memset(model + from, 1, to - from + 1);
		} else {
			uint8_t seen[PAGES] = { 0 };

			while (vfmig_carry_take(&carry, from, to, &r)) {
				assert_true(r.start >= from && r.last <= to && r.start <= r.last);
				assert_true(++taken < 1000);
				memset(seen + r.start, 1, r.last - r.start + 1);
			}
			for (uint64_t i = from; i <= to; i++) {
				assert_true(seen[i] || !model[i]);
				model[i] = 0;
			}
		}
		assert_true(carry.n <= VFMIG_CARRY_MAX);
		for (uint32_t i = 0; i < carry.n; i++) {
			assert_true(carry.r[i].start <= carry.r[i].last);
			if (i)
				assert_true(carry.r[i].start > carry.r[i - 1].last + 1);
		}
		for (uint64_t i = 0; i < PAGES; i++)
			if (model[i])
				assert_true(in(carry.r, carry.n, i));
	}
}

static void carry_at_the_ends(void **unused)
{
	struct vfmig_carry carry = { 0 };
	struct vfmig_range r;

	(void)unused;
	vfmig_carry_add(&carry, 0, 9);
	vfmig_carry_add(&carry, ~0ULL - 9, ~0ULL);
	assert_int_equal(carry.n, 2);
	vfmig_carry_add(&carry, 10, ~0ULL - 10);
	assert_int_equal(carry.n, 1);
	assert_int_equal(vfmig_carry_take(&carry, 5, ~0ULL - 5, &r), 1);
	assert_int_equal(r.start, 5);
	assert_int_equal(r.last, ~0ULL - 5);
	assert_int_equal(carry.n, 2);
	assert_int_equal(vfmig_carry_take(&carry, 5, ~0ULL - 5, &r), 0);
	assert_int_equal(vfmig_carry_take(&carry, 0, ~0ULL, &r), 1);
	assert_int_equal(vfmig_carry_take(&carry, 0, ~0ULL, &r), 1);
	assert_int_equal(r.last, ~0ULL);
	assert_int_equal(vfmig_carry_take(&carry, 0, ~0ULL, &r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_plan),
		cmocka_unit_test(page_sizes),
		cmocka_unit_test(smallest_gaps_go),
		cmocka_unit_test(whole_space),
		cmocka_unit_test(far_ranges_take_several_trackers),
		cmocka_unit_test(long_range_is_cut),
		cmocka_unit_test(number_of_trackers_is_bounded),
		cmocka_unit_test(little_rest),
		cmocka_unit_test(any_plan),
		cmocka_unit_test(no_tracker_too_many),
		cmocka_unit_test(carry_is_a_set),
		cmocka_unit_test(carry_at_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
