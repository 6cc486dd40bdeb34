// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames per second from an SQ of one VF through the eSwitch to an RQ of another, in the core alone: flat
 * memory, no bus, no interrupts. With doorbells of 16 WQEs, completions for the last, as a busy mlx5e makes.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR SAN= CFLAGS='-O2 -Wno-maybe-uninitialized' bench_eth
 *	DIR/bench_eth [SECONDS]
 */
#include "eth_rig.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BATCH (1u << E_LOG_RQ)

struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct e_sq sq;
	struct e_rq rq;
	struct d_mem m;
};

static struct rig rig;
static double seconds = 1;

/* ---- a host without records ----------------------------------------------------------------- */

static int lean_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	memcpy(buf, ((struct harness *)host)->fn[fn].mem + (addr - H_MEM_BASE), len);
	return 0;
}

static int lean_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	memcpy(((struct harness *)host)->fn[fn].mem + (addr - H_MEM_BASE), buf, len);
	return 0;
}

static void lean_msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host;
	(void)fn;
	(void)vector;
}

static uint64_t lean_clock(void *host)
{
	return ((struct harness *)host)->now;
}

static void lean_timer(void *host, uint64_t deadline)
{
	((struct harness *)host)->deadline = deadline;
}

static const struct fwsim_host_ops lean = {
	.dma_read = lean_read,
	.dma_write = lean_write,
	.msix = lean_msix,
	.clock_ns = lean_clock,
	.timer_set = lean_timer,
};

/* ---- rounds --------------------------------------------------------------------------------- */

/* Time of the processor, so that what else it does hardly matters. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned int received(void)
{
	unsigned int n = 0;

	while (d_cqe(&rig.rq.cq))
		n++;
	return n;
}

/* Send @wr @n times for each doorbell, until time is up; frames that arrived, per second. */
static double run(const struct e_wr *wr, unsigned int n)
{
	double start = now(), end = start + seconds, t = start;
	uint16_t before = (uint16_t)(rig.rq.pi - BATCH); /* all that has been posted is there */
	unsigned long frames = 0;

	while (t < end) {
		for (unsigned int k = 0; k < 64; k++) {
			for (unsigned int i = 0; i < n; i++) {
				struct e_wr w = *wr;

				w.unsignalled = i + 1 < n;
				e_post(&rig.sq, &w);
			}
			e_ring(&rig.sq);
			while (d_cqe(&rig.sq.cq))
				;
			frames += received();
			e_fill(&rig.rq, BATCH - (uint16_t)(rig.rq.pi - (uint16_t)(frames + before)));
		}
		t = now();
	}
	return (double)frames / (t - start);
}

static void report(const char *what, double rate, unsigned int bytes)
{
	printf("%-24s %10.0f frames/s %8.2f Gbit/s\n", what, rate, rate * bytes * 8 / 1e9);
}

static void bench(void **state)
{
	static const unsigned int sizes[] = { 60, 512, 1514 };
	uint8_t hdr[128];
	char name[32];
	struct e_wr w;

	(void)state;
	rig.h = h_new(NULL);
	d_open(&rig.d1, rig.h, 1);
	d_open(&rig.d2, rig.h, 2);
	e_sq(&rig.d1, &rig.sq);
	e_rq(&rig.d2, &rig.rq);
	e_steer(&rig.d2, e_tir(&rig.d2, rig.rq.rqn), 0);
	e_fill(&rig.rq, BATCH);
	rig.m = d_mem(&rig.d1, 1u << 18);
	rig.h->fw->ops = &lean;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int len = sizes[i];

		e_headers(rig.m.p, E_TCP4, &rig.d1, &rig.d2, len - 54);
		w = (struct e_wr){ .op = IFC_WQE_SEND, .cs = E_CSUM, .n = 1,
				   .sge = { { rig.m.addr, len, rig.m.key } } };
		snprintf(name, sizeof(name), "SEND of %u bytes", len);
		report(name, run(&w, BATCH), len);
	}
	w = (struct e_wr){ .op = IFC_WQE_LSO, .cs = E_CSUM, .mss = 1448, .hdr = hdr,
			   .hdr_len = e_headers(hdr, E_TCP4, &rig.d1, &rig.d2, 1448 * BATCH), .n = 1,
			   .sge = { { rig.m.addr, 1448 * BATCH, rig.m.key } } };
	report("LSO with mss 1448", run(&w, 1), 1502);
	h_free(rig.h);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	if (argc > 1)
		seconds = atof(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
