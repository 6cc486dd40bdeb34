// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The demonstration behind "make demo": numbered RDMA work on one VF, its state moved to another VF,
 * which goes on where the first stopped. Prints what happens, writes the events for the picture and
 * judges the result: every completion exactly once, memory as if nothing had happened.
 *
 *	demo SOURCE-BDF TARGET-BDF DIR
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mlx5.h"
#include "tap.h"
#include "vfmig.h"

#define PAGE 4096u
#define SLOTS 64u	/* pages that are written in turn */
#define DEPTH 16u	/* work requests outstanding */
#define WORK_MS 60u	/* of work before and after the move */
#define WAIT_MS 20000u

static FILE *events;
static uint64_t t_zero;
static unsigned int lost, doubled, wrong;

static double now(void)
{
	struct timespec ts;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (!t_zero)
		t_zero = ns;
	return (double)(ns - t_zero) / 1e6;
}

static void bar(const char *lane, double t0, double t1, const char *kind, const char *label)
{
	fprintf(events, "bar\t%s\t%.3f\t%.3f\t%s\t%s\n", lane, t0, t1, kind, label);
}

/* One side of the move: which VF, and the state it has been in since when. */
struct side {
	const char *role, *lane;
	struct mlx5_vf vf;
	int state;
	double since;
	unsigned int completed;
	char work_lane[32];
};

/* Enter @state; @fd as in vfmig_set(). Prints a line with the time it took. */
static void enter(struct side *s, int state, int *fd, const char *what)
{
	double t0 = now(), t1;
	int err = vfmig_set(s->vf.dev.fd, state, fd);

	t1 = now();
	if (err) {
		printf("%9.2f ms  %-7s %s -> %s failed: %s\n", t1, s->role, vfmig_state_name(s->state),
		       vfmig_state_name(state), strerror(-err));
		exit(1);
	}
	bar(s->lane, s->since, t0, vfmig_state_name(s->state), vfmig_state_name(s->state));
	printf("%9.2f ms  %-7s %-12s -> %-12s %7.2f ms   %s\n", t0, s->role, vfmig_state_name(s->state),
	       vfmig_state_name(state), t1 - t0, what);
	s->state = state;
	s->since = t0;
}

/* The work: message n writes a page full of n into slot n % SLOTS. */
struct work {
	uint64_t src, dst;	/* offsets in guest memory */
	uint32_t rkey;
	unsigned int posted, done;
};

static void fill(struct mlx5_vf *vf, uint64_t off, uint32_t n)
{
	uint32_t *p = mlx5_va(vf, off);

	for (unsigned int i = 0; i < PAGE / 4; i++)
		p[i] = n ^ i;
}

static void post(struct side *s, struct work *w)
{
	uint64_t slot = (uint64_t)(w->posted % SLOTS) * PAGE;

	fill(&s->vf, w->src + slot, w->posted);
	mlx5_post_write(&s->vf, 0, w->src + slot, mlx5_iova(w->dst + slot), w->rkey, PAGE);
	mlx5_ring(&s->vf, 0);
	w->posted++;
}

static bool reap(struct side *s, struct work *w)
{
	struct mlx5_wc wc;

	if (!mlx5_poll_cq(&s->vf, 0, &wc))
		return false;
	fprintf(events, "tick\t%s\t%.3f\n", s->work_lane, now());
	if (wc.opcode != IFC_CQE_REQ) {
		printf("completion with error: opcode %u syndrome 0x%x\n", wc.opcode, wc.syndrome);
		wrong++;
	}
	/* A write is one 64-byte unit of the send queue, so the counters run together. */
	if ((uint16_t)wc.wqe != (uint16_t)w->done) {
		int16_t ahead = (int16_t)((uint16_t)wc.wqe - (uint16_t)w->done);

		if (ahead > 0)
			lost += (unsigned int)ahead;
		else
			doubled++;
	}
	w->done++;
	s->completed++;
	return true;
}

static void run(struct side *s, struct work *w, unsigned int ms)
{
	double end = now() + ms;

	while (now() < end) {
		while (w->posted - w->done < DEPTH)
			post(s, w);
		while (reap(s, w))
			;
	}
}

static void drain(struct side *s, struct work *w)
{
	double end = now() + WAIT_MS;

	while (w->done < w->posted && now() < end)
		reap(s, w);
	lost += w->posted - w->done;
}

/* Memory must hold what the last message of each slot wrote. */
static void check_memory(struct side *s, const struct work *w)
{
	for (unsigned int i = 0; i < SLOTS && i < w->posted; i++) {
		unsigned int n = (w->posted - 1 - i) / SLOTS * SLOTS + i;
		const uint32_t *p = mlx5_va(&s->vf, w->dst + (uint64_t)i * PAGE);

		for (unsigned int k = 0; k < PAGE / 4; k++) {
			if (p[k] != (n ^ k)) {
				printf("slot %u word %u: 0x%x, expected 0x%x\n", i, k, p[k], n ^ k);
				wrong++;
				break;
			}
		}
	}
}

/* Position of the send queue as the device has it, by QUERY_QP with the number the guest knows. */
static uint16_t position(struct side *s)
{
	IFC_BUF(qpc, qpc);

	mlx5_query_qp(&s->vf, 0, qpc);
	return (uint16_t)IFC_GET(qpc, qpc, hw_sq_wqebb_counter);
}

int main(int argc, char **argv)
{
	struct side src = { .role = "source", .lane = "source VF", .state = ST_RUNNING };
	struct side dst = { .role = "target", .lane = "target VF", .state = ST_RUNNING };
	struct vfmig_stream stream = { 0 };
	struct work w = { 0 };
	struct mlx5_mem mem;
	uint32_t qpn;
	unsigned int in_flight;
	uint64_t data_size = 0;
	double stopped, t0, t1;
	char path[512], label[64];
	int fd, err;

	if (argc != 4) {
		fprintf(stderr, "usage: demo SOURCE-BDF TARGET-BDF DIR\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/events.tsv", argv[3]);
	events = fopen(path, "w");
	if (!events) {
		perror(path);
		return 1;
	}
	snprintf(src.work_lane, sizeof(src.work_lane), "source work");
	snprintf(dst.work_lane, sizeof(dst.work_lane), "target work");
	setvbuf(stdout, NULL, _IOLBF, 0);

	mlx5_mem_init(&mem);
	mlx5_open(&src.vf, argv[1], &mem);
	mlx5_start(&src.vf);
	mlx5_create_cq(&src.vf, 0, 6);
	mlx5_create_qp(&src.vf, 0, 6, 4, 0, 0);
	mlx5_connect_self(&src.vf, 0);
	w.src = mlx5_alloc(&src.vf, SLOTS * PAGE);
	w.dst = mlx5_alloc(&src.vf, SLOTS * PAGE);
	w.rkey = src.vf.sw->mkey;
	qpn = src.vf.sw->qp[0].qpn;
	/* The target: a VF that nothing has been done with, on the same guest memory. */
	mlx5_open(&dst.vf, argv[2], &mem);

	printf("\n== The move: %s -> %s\n\n", argv[1], argv[2]);
	src.since = dst.since = now();
	run(&src, &w, WORK_MS);
	printf("%9.2f ms  source  %u RDMA WRITEs of 4 KiB completed, by QP 0x%x\n", now(), w.done,
	       qpn);
	while (w.posted - w.done < DEPTH)
		post(&src, &w);

	stopped = now();
	enter(&src, ST_RUNNING_P2P, NULL, "starts nothing new");
	while (reap(&src, &w))
		;
	/* The guest's processor is still running: it goes on ringing doorbells. */
	for (unsigned int i = 0; i < 4; i++)
		post(&src, &w);
	enter(&src, ST_STOP, NULL, "no DMA, no interrupt");
	enter(&src, ST_STOP_COPY, &fd, "state is being saved");
	vfmig_data_size(src.vf.dev.fd, &data_size);
	in_flight = w.posted - w.done;

	t0 = now();
	err = vfmig_read_all(fd, &stream, 0);
	t1 = now();
	if (err) {
		printf("reading the stream failed: %s\n", strerror(-err));
		return 1;
	}
	close(fd);
	snprintf(label, sizeof(label), "%zu bytes", stream.len);
	bar("stream", t0, t1, "stream", label);
	printf("%9.2f ms  source  %zu bytes read in %.2f ms (announced: %llu)\n", t0, stream.len, t1 - t0,
	       (unsigned long long)data_size);

	enter(&dst, ST_RESUMING, &fd, "takes a state");
	t0 = now();
	err = vfmig_write_all(fd, stream.p, stream.len, 32768);
	t1 = now();
	if (err) {
		printf("writing the stream failed: %s\n", strerror(-err));
		return 1;
	}
	bar("stream", t0, t1, "load", label);
	printf("%9.2f ms  target  %zu bytes written in %.2f ms\n", t0, stream.len, t1 - t0);
	close(fd);
	enter(&dst, ST_STOP, NULL, "stream was complete, state applied");
	mlx5_irqs(&dst.vf);
	enter(&dst, ST_RUNNING_P2P, NULL, "answers others");
	enter(&dst, ST_RUNNING, NULL, "goes on");
	t1 = now();
	fprintf(events, "note\t%.3f\tquiesce\nnote\t%.3f\trunning again\n", stopped, t1);

	/* What the source had posted and not completed, first. */
	while (w.posted - w.done > 0 && now() < t1 + WAIT_MS)
		reap(&dst, &w);
	printf("%9.2f ms  target  %u work requests of before the move completed\n", now(), dst.completed);
	if (position(&dst) != (uint16_t)w.done)
		wrong++;
	run(&dst, &w, WORK_MS);
	drain(&dst, &w);
	bar(dst.lane, dst.since, now(), "RUNNING", "RUNNING");
	check_memory(&dst, &w);
	printf("%9.2f ms  target  %u RDMA WRITEs completed, by QP 0x%x\n", now(), dst.completed, qpn);
	enter(&src, ST_STOP, NULL, "session ended");
	fclose(events);
	snprintf(path, sizeof(path), "%s/stream.bin", argv[3]);
	file_write(path, stream.p, stream.len);

	printf("\n== Verdict\n\n");
	printf("  blackout                 %.2f ms (VM time, emulated processor)\n", t1 - stopped);
	printf("  state moved              %zu bytes\n", stream.len);
	printf("  completed on source      %u\n", src.completed);
	printf("  completed on target      %u (%u of them posted before the move)\n", dst.completed, in_flight);
	printf("  QP on both sides         0x%x, send queue at %u of %u\n", qpn, position(&dst),
	       (uint16_t)w.posted);
	printf("  completions lost         %u\n  completions doubled      %u\n  wrong bytes or errors    %u\n",
	       lost, doubled, wrong);
	if (lost || doubled || wrong || !src.completed ||
	    dst.completed <= in_flight) {
		printf("\n  FAILED\n");
		return 1;
	}
	printf("\n  migrated: every completion exactly once, memory as if nothing had happened\n");
	mlx5_close(&src.vf);
	mlx5_close(&dst.vf);
	return 0;
}
