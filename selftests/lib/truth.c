// SPDX-License-Identifier: GPL-2.0-or-later
#include "truth.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "tap.h"

#define PAGE ((uint64_t)4096)

struct run {
	uint64_t first, end; /* pages of 4 KiB */
};

/* In order and apart from each other once they are tidied. */
struct runs {
	struct run *p;
	size_t n, cap;
};

static bool on;
static unsigned int of;
static struct runs logged, told;
static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;

static void add(struct runs *s, uint64_t first, uint64_t end)
{
	if (s->n && s->p[s->n - 1].end == first) {
		s->p[s->n - 1].end = end;
		return;
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1024;
		s->p = realloc(s->p, s->cap * sizeof(*s->p));
		CHECK(s->p);
	}
	s->p[s->n++] = (struct run){ first, end };
}

static int by_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void tidy(struct runs *s)
{
	size_t out = 0;

	if (!s->n)
		return;
	qsort(s->p, s->n, sizeof(*s->p), by_first);
	for (size_t i = 1; i < s->n; i++) {
		if (s->p[i].first > s->p[out].end)
			s->p[++out] = s->p[i];
		else if (s->p[i].end > s->p[out].end)
			s->p[out].end = s->p[i].end;
	}
	s->n = out + 1;
}

static uint64_t pages(const struct runs *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->p[i].end - s->p[i].first;
	return sum;
}

/* What is in both; all are tidy. */
static struct runs both(const struct runs *a, const struct runs *b)
{
	struct runs s = { 0 };

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		uint64_t first = a->p[i].first > b->p[k].first ? a->p[i].first : b->p[k].first;
		uint64_t end = a->p[i].end < b->p[k].end ? a->p[i].end : b->p[k].end;

		if (first < end)
			add(&s, first, end);
		if (a->p[i].end < b->p[k].end)
			i++;
		else
			k++;
	}
	return s;
}

/* First page of @a that is not in @b, which is a part of it. */
static uint64_t first_missing(const struct runs *a, const struct runs *b)
{
	for (size_t i = 0, k = 0; i < a->n; i++) {
		uint64_t at = a->p[i].first;

		while (k < b->n && b->p[k].first == at && at < a->p[i].end)
			at = b->p[k++].end;
		if (at < a->p[i].end)
			return at;
	}
	return 0;
}

/* The pages written so far; the answer comes in parts. */
static struct runs ask(void)
{
	char from[64] = "0";
	struct runs s = { 0 };

	while (*from) {
		char *text = ctl_ask("oracle writes list vf%u %s", of, from), *save = NULL;

		*from = '\0';
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			uint64_t iova, len;

			l += strspn(l, " ");
			if (sscanf(l, "more %" SCNx64, &iova) == 1) {
				snprintf(from, sizeof(from), "0x%" PRIx64, iova);
				continue;
			}
			CHECK_MSG(sscanf(l, "%" SCNx64 " %" SCNx64, &iova, &len) == 2,
				  "not a range: %s", l);
			add(&s, iova / PAGE, (iova + len) / PAGE);
		}
		free(text);
	}
	return s;
}

void truth_of(unsigned int vf)
{
	of = vf;
}

void truth_start(const struct vfio_device_feature_dma_logging_range *r, uint32_t n)
{
	on = ctl_available();
	if (!on)
		return;
	logged.n = told.n = 0;
	for (uint32_t i = 0; i < n; i++)
		add(&logged, r[i].iova / PAGE, (r[i].iova + r[i].length + PAGE - 1) / PAGE);
	tidy(&logged);
	ctl("oracle writes start vf%u", of);
}

void truth_told(uint64_t iova, uint64_t len)
{
	if (!on)
		return;
	pthread_mutex_lock(&told_lock);
	add(&told, iova / PAGE, (iova + len + PAGE - 1) / PAGE);
	pthread_mutex_unlock(&told_lock);
}

bool truth_judge(struct truth_counts *c)
{
	struct runs all, written, seen, within;

	if (!on)
		return false;
	pthread_mutex_lock(&told_lock);
	tidy(&told);
	all = ask();
	written = both(&all, &logged);
	seen = both(&written, &told);
	within = both(&told, &logged);
	CHECK_MSG(pages(&seen) == pages(&written),
		  "%" PRIu64 " of %" PRIu64 " pages were written and never reported; the first: 0x%" PRIx64,
		  pages(&written) - pages(&seen), pages(&written),
		  first_missing(&written, &seen) * PAGE);
	*c = (struct truth_counts){ .written = pages(&written), .told = pages(&within),
				    .idle = pages(&within) - pages(&seen),
				    .outside = pages(&told) - pages(&within) };
	pthread_mutex_unlock(&told_lock);
	free(all.p);
	free(written.p);
	free(seen.p);
	free(within.p);
	return true;
}
