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
	.log_max_page = 21, .log_max_queue = 15,
};

static void usual_plan(void **unused)
{
	struct vfmig_range r[] = { { 0x10000000, 0x103fffff } };
	struct vfmig_track_plan plan;

	(void)unused;
	assert_int_equal(vfmig_track_plan(&usual, 4096, r, 1, &plan), 0);
	assert_int_equal(plan.log_page, 12);
	assert_int_equal(plan.log_msg, 16);
	assert_int_equal(plan.log_space, 22);
	assert_int_equal(plan.nmsgs, 32);
	assert_int_equal(plan.area, 2 << 20);
	assert_int_equal(plan.nranges, 1);
}

static void page_sizes(void **unused)
{
	struct vfmig_track_plan plan;

	(void)unused;
	for (unsigned int log = 0; log < 64; log++) {
		struct vfmig_range r[] = { { 0, (1ULL << 40) - 1 } };

		assert_int_equal(vfmig_track_plan(&usual, 1ULL << log, r, 1, &plan), 0);
		assert_int_equal(plan.log_page, log < 12 ? 12 : log > 21 ? 21 : log);
	}
	{
		struct vfmig_range r[] = { { 0, 4095 } };

		assert_int_equal(vfmig_track_plan(&usual, 0, r, 1, &plan), -EINVAL);
		assert_int_equal(vfmig_track_plan(&usual, 12288, r, 1, &plan), -EINVAL);
		assert_int_equal(vfmig_track_plan(&usual, ~0ULL, r, 1, &plan), -EINVAL);
	}
}

static void smallest_gaps_go(void **unused)
{
	struct vfmig_range r[] = {
		{ 0, 0xfff }, { 0x3000, 0x3fff }, { 0x5000, 0x5fff },
		{ 1ULL << 60, (1ULL << 60) + 0xfff },
	};
	struct vfmig_track_caps caps = usual;
	struct vfmig_track_plan plan;

	(void)unused;
	caps.max_ranges = 3;
	assert_int_equal(vfmig_track_plan(&caps, 4096, r, 4, &plan), 0);
	assert_int_equal(plan.nranges, 3);
	assert_int_equal(r[0].last, 0xfff);
	assert_int_equal(r[1].start, 0x3000);
	assert_int_equal(r[1].last, 0x5fff);
	assert_int_equal(r[2].start, 1ULL << 60);
}

/* All of the address space is one byte more than can be counted. */
static void whole_space(void **unused)
{
	struct vfmig_range r[] = { { 0, ~0ULL } };
	struct vfmig_track_caps caps = usual;
	struct vfmig_track_plan plan;

	(void)unused;
	caps.log_max_space = 255;
	assert_int_equal(vfmig_track_plan(&caps, 4096, r, 1, &plan), -EOPNOTSUPP);
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

static void any_plan(void **unused)
{
	unsigned int good = 0;

	(void)unused;
	for (unsigned int round = 0; round < 200000; round++) {
		struct vfmig_range want[40], got[40];
		struct vfmig_track_caps caps = {
			.max_ranges = odd(8), .log_min_space = odd(8), .log_max_space = odd(8),
			.log_min_msg = odd(5), .log_max_msg = odd(5), .log_min_page = odd(5),
			.log_max_page = odd(5), .log_max_queue = odd(8),
		};
		struct vfmig_track_plan plan;
		uint32_t n = some_ranges(want, 1 + (uint32_t)(rnd() % 40));
		uint64_t total = 0;
		int rc;

		if (round % 2) {
			caps = usual;
			caps.max_ranges = (uint8_t)(1 + rnd() % 20);
			caps.log_max_space = 64;
		}
		if (!n)
			continue;
		memcpy(got, want, sizeof(got));
		rc = vfmig_track_plan(&caps, 1ULL << rnd() % 64, got, n, &plan);
		if (rc) {
			assert_int_equal(rc, -EOPNOTSUPP);
			continue;
		}
		good++;
		assert_in_range(plan.log_page, caps.log_min_page, caps.log_max_page);
		assert_in_range(plan.log_msg, caps.log_min_msg, caps.log_max_msg);
		assert_in_range(plan.log_msg, 3, 24);
		assert_in_range(plan.log_space, caps.log_min_space, caps.log_max_space);
		assert_in_range(plan.nranges, 1, caps.max_ranges);
		assert_in_range(plan.nmsgs, 4, 4096);
		assert_int_equal(plan.nmsgs & (plan.nmsgs - 1), 0);
		assert_true(caps.log_max_queue >= 32 || plan.nmsgs >> caps.log_max_queue <= 1);
		assert_int_equal(plan.area, (uint64_t)plan.nmsgs << plan.log_msg);
		assert_in_range(plan.area, 1, 64 << 20);
		for (uint32_t i = 0; i < plan.nranges; i++) {
			uint64_t page = 1ULL << plan.log_page;

			assert_true(got[i].start <= got[i].last);
			assert_int_equal(got[i].start % page, 0);
			assert_int_equal((got[i].last + 1) % page, 0);
			if (i)
				assert_true(got[i].start > got[i - 1].last + 1);
			total += got[i].last - got[i].start + 1;
		}
		assert_true(plan.log_space >= 64 || total <= 1ULL << plan.log_space);
		assert_true(!plan.log_space || total > 1ULL << (plan.log_space - 1));
		for (uint32_t i = 0; i < n; i++) {
			assert_true(in(got, plan.nranges, want[i].start));
			assert_true(in(got, plan.nranges, want[i].last));
			assert_true(in(got, plan.nranges,
				       want[i].start + (want[i].last - want[i].start) / 2));
		}
	}
	assert_in_range(good, 1000, 200000);
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
		cmocka_unit_test(any_plan),
		cmocka_unit_test(carry_is_a_set),
		cmocka_unit_test(carry_at_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
