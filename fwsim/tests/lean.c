// SPDX-License-Identifier: GPL-2.0-or-later
#include "lean.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITEMS_MAX 32
#define ROUNDS_MAX 1001

static unsigned int rounds = 1;
static double slice_ns;
static const char *only = "";

/* ---- a host without records ----------------------------------------------------------------- */

static uint8_t *lean_at(void *host, unsigned int fn, uint64_t addr, size_t len)
{
	struct h_fn *f = &((struct harness *)host)->fn[fn];

	if (!f->mem || addr < H_MEM_BASE || len > H_MEM_SIZE || addr - H_MEM_BASE > H_MEM_SIZE - len)
		return NULL;
	return f->mem + (addr - H_MEM_BASE);
}

static int lean_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *p = lean_at(host, fn, addr, len);

	if (!p)
		return -1;
	memcpy(buf, p, len);
	return 0;
}

static int lean_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *p = lean_at(host, fn, addr, len);

	if (!p)
		return -1;
	memcpy(p, buf, len);
	return 0;
}

static void *lean_map(void *host, unsigned int fn, uint64_t addr, size_t *len, bool write)
{
	(void)write;
	return lean_at(host, fn, addr, *len);
}

static void lean_unmap(void *host, unsigned int fn, void *p, size_t len, bool write, size_t used)
{
	(void)host, (void)fn, (void)p, (void)len, (void)write, (void)used;
}

static void lean_msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn, (void)vector;
}

static uint64_t lean_clock(void *host)
{
	return ((struct harness *)host)->now;
}

static void lean_timer(void *host, uint64_t deadline)
{
	((struct harness *)host)->deadline = deadline;
}

#define LEAN_OPS                                                                                   \
	.dma_read = lean_read, .dma_write = lean_write, .msix = lean_msix, .clock_ns = lean_clock, \
	.timer_set = lean_timer

static const struct fwsim_host_ops ops_copy = { LEAN_OPS };
static const struct fwsim_host_ops ops_map = { LEAN_OPS, .dma_map = lean_map, .dma_unmap = lean_unmap };

void lean_host(struct harness *h, bool map)
{
	h->fw->ops = map ? &ops_map : &ops_copy;
}

/* ---- times ---------------------------------------------------------------------------------- */

/* Time of the processor, so that what else it does hardly matters. */
static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_of(const struct lean_item *it, unsigned int n)
{
	double start = now_ns();

	it->run(it->arg, n);
	return (now_ns() - start) / n / (it->per_run > 0 ? it->per_run : 1);
}

/* How often to do it to fill a slice of time. */
static unsigned int calibrate(const struct lean_item *it)
{
	unsigned int n = 1;
	double start, took;

	do {
		start = now_ns();
		it->run(it->arg, n);
		took = now_ns() - start;
		if (took >= slice_ns || n > 1u << 28)
			return n;
		n = took > slice_ns / 16 ? (unsigned int)(n * slice_ns / took) + 1 : 8 * n;
	} while (true);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of @n numbers, which are put in order, the one that @part of four are below. */
static double quartile(double *v, unsigned int n, unsigned int part)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(n - 1) * part / 4];
}

static void print_item(const char *group, const struct lean_item *items, double (*t)[ROUNDS_MAX], unsigned int i)
{
	const struct lean_item *it = &items[i];
	static double v[ROUNDS_MAX];
	unsigned int r;

	memcpy(v, t[i], rounds * sizeof(*v));
	printf("bench\t%s\t%s\t%.0f\t%.1f\t%.1f\t%.1f\t", group, it->name, it->bytes, quartile(v, rounds, 2),
	       quartile(v, rounds, 1), quartile(v, rounds, 3));
	if (it->ref < 0) {
		printf("-\t-\n");
		return;
	}
	for (r = 0; r < rounds; r++)
		v[r] = t[it->ref][r] / t[i][r];
	printf("%s\t%.3f\n", items[it->ref].name, quartile(v, rounds, 2));
}

void lean_bench(const char *group, const struct lean_item *items, unsigned int n)
{
	static double t[ITEMS_MAX][ROUNDS_MAX];
	unsigned int count[ITEMS_MAX], i, r;

	assert_true(n <= ITEMS_MAX);
	for (i = 0; i < n; i++)
		count[i] = strstr(items[i].name, only) ? calibrate(&items[i]) : 0;
	for (r = 0; r < rounds; r++)
		for (i = 0; i < n; i++)
			t[i][r] = count[i] ? time_of(&items[i], count[i]) : 0;
	for (i = 0; i < n; i++)
		if (count[i])
			print_item(group, items, t, i);
	fflush(stdout);
}

void lean_args(int argc, char **argv)
{
	if (argc > 1) {
		int n = atoi(argv[1]);

		rounds = n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : (unsigned int)n;
		slice_ns = 10e6;
	}
	if (argc > 2)
		slice_ns = atof(argv[2]) * 1e6;
	if (argc > 3)
		only = argv[3];
}
