// SPDX-License-Identifier: GPL-2.0-or-later
#include "live.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "truth.h"

#define PAGE 4096U
#define PAGES (MLX5_GUEST_SIZE / PAGE)
#define LOG_START (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START)
#define LOG_STOP (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP)
#define LOG_REPORT (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)
#define GARBAGE 0xa5
#define PRECOPY_ROUNDS 3

/* What belongs to one migration. */
struct journey {
	struct live *l;
	struct mlx5_vf *src, *dst;
	bool logging, precopy, p2p;
	int save_fd, load_fd;
	struct vfmig_stream stream;
	size_t sent;
};

uint64_t live_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void live_begin(struct live *l, unsigned int one, unsigned int two)
{
	memset(l, 0, sizeof(*l));
	l->vf_no[0] = one;
	l->vf_no[1] = two;
	l->precopy_ms = 100;
	env_vf(two);
	for (unsigned int i = 0; i < 2; i++)
		mlx5_mem_init(&l->mem[i]);
	mlx5_open(&l->vf[0], env_vf(one), &l->mem[0]);
	need_migration(&l->vf[0].dev);
}

struct mlx5_vf *live_vf(struct live *l)
{
	return &l->vf[l->here];
}

void live_area(struct live *l, uint64_t off, uint64_t len)
{
	CHECK(l->areas < LIVE_AREAS && !(off % PAGE));
	l->area[l->areas].off = off;
	l->area[l->areas++].len = len;
}

void live_area_queues(struct live *l)
{
	struct mlx5_sw *sw = live_vf(l)->sw;

	for (unsigned int i = 0; i < MLX5_MAX_CQ; i++)
		if (sw->cq[i].live)
			live_area(l, sw->cq[i].buf, 64ULL << sw->cq[i].log);
	for (unsigned int i = 0; i < MLX5_MAX_EQ; i++)
		if (sw->eq[i].live)
			live_area(l, sw->eq[i].buf, 64ULL << sw->eq[i].log);
}

/* ---- memory -------------------------------------------------------------------------------- */

static bool devices_own(const struct live *l, uint64_t off)
{
	for (unsigned int i = 0; i < l->areas; i++)
		if (off >= l->area[i].off && off - l->area[i].off < l->area[i].len)
			return true;
	return false;
}

static void copy_page(struct journey *t, uint64_t page)
{
	memcpy(t->dst->mem->va + page * PAGE, t->src->mem->va + page * PAGE, PAGE);
}

static void log_start(struct journey *t)
{
	struct vfio_device_feature_dma_logging_range range = { MLX5_GUEST_IOVA, MLX5_GUEST_SIZE };
	struct vfio_device_feature_dma_logging_control c = {
		.page_size = PAGE, .num_ranges = 1, .ranges = (uintptr_t)&range,
	};
	int rc = vfmig_feature(t->src->dev.fd, LOG_START, &c, sizeof(c));

	if (rc == -ENOTTY) /* this kernel or this card has none */
		return;
	CHECK_MSG(!rc, "%s: START: %s", t->src->dev.bdf, strerror(-rc));
	CHECK_EQ(c.page_size, PAGE);
	t->logging = true;
	t->l->with_logging++;
	truth_of(t->l->vf_no[t->l->here]);
	truth_start(&range, 1);
}

static void log_report(struct journey *t)
{
	uint64_t bitmap[PAGES / 64] = { 0 };
	struct vfio_device_feature_dma_logging_report r = {
		.iova = MLX5_GUEST_IOVA, .length = MLX5_GUEST_SIZE, .page_size = PAGE,
		.bitmap = (uintptr_t)bitmap,
	};
	int rc;

	if (!t->logging)
		return;
	rc = vfmig_feature(t->src->dev.fd, LOG_REPORT, &r, sizeof(r));
	CHECK_MSG(!rc, "%s: REPORT: %s", t->src->dev.bdf, strerror(-rc));
	for (uint64_t i = 0; i < PAGES; i++) {
		if (!(bitmap[i / 64] >> i % 64 & 1))
			continue;
		copy_page(t, i);
		truth_told(MLX5_GUEST_IOVA + i * PAGE, PAGE);
		t->l->told++;
		t->l->dev_pages += devices_own(t->l, i * PAGE);
	}
}

/* The source stands still: nothing but a report that was forgotten can make a difference. */
static void copy_rest_and_compare(struct journey *t)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		if (!t->logging || !devices_own(t->l, i * PAGE))
			copy_page(t, i);
		else
			CHECK_MSG(!memcmp(t->dst->mem->va + i * PAGE, t->src->mem->va + i * PAGE, PAGE),
				  "%s: the page at 0x%llx was written to and never reported",
				  t->src->dev.bdf, (unsigned long long)mlx5_iova(i * PAGE));
	}
}

/* ---- state --------------------------------------------------------------------------------- */

static void send_on(struct journey *t, bool end)
{
	int rc = vfmig_read_all(t->save_fd, &t->stream, 0);

	CHECK_MSG(rc == (end ? 0 : -ENOMSG), "read of the state: %s", strerror(-rc));
	rc = vfmig_write_all(t->load_fd, t->stream.p + t->sent, t->stream.len - t->sent, 0);
	CHECK_MSG(!rc, "write of the state: %s", strerror(-rc));
	t->sent = t->stream.len;
}

static void pre_copy(struct journey *t)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };

	t->save_fd = vfmig_open_ok(t->src->dev.fd, ST_PRE_COPY);
	t->l->with_precopy++;
	for (unsigned int i = 0; i < PRECOPY_ROUNDS; i++) {
		uint64_t start = 0;

		send_on(t, false);
		while (wait_more(&start, t->l->precopy_ms))
			;
		log_report(t);
		CHECK_EQ(ioctl(t->save_fd, VFIO_MIG_GET_PRECOPY_INFO, &info), 0);
	}
}

/* Guest and source stop. A VMM stops the processors first; that they run on while P2P stops is allowed. */
static void stop_source(struct journey *t)
{
	struct live *l = t->l;
	bool runs_on = l->moves % 2;
	int fd = t->src->dev.fd;

	if (l->stop && !runs_on)
		l->stop(l->arg);
	if (t->p2p)
		vfmig_set_ok(fd, t->precopy ? ST_PRE_COPY_P2P : ST_RUNNING_P2P);
	if (l->stop && runs_on)
		l->stop(l->arg);
	l->stop_us = live_now_us();
	if (t->precopy)
		vfmig_set_ok(fd, ST_STOP_COPY);
	else
		t->save_fd = vfmig_open_ok(fd, ST_STOP_COPY);
}

static void begin(struct journey *t, struct live *l)
{
	uint64_t flags;

	*t = (struct journey){ .l = l, .src = &l->vf[l->here], .dst = &l->vf[!l->here],
			       .save_fd = -1, .load_fd = -1 };
	CHECK_EQ(vfmig_flags(t->src->dev.fd, &flags), 0);
	t->precopy = flags & VFIO_MIGRATION_PRE_COPY;
	t->p2p = flags & VFIO_MIGRATION_P2P;
	memset(l->mem[!l->here].va, GARBAGE, MLX5_GUEST_SIZE);
	mlx5_open(t->dst, env_vf(l->vf_no[!l->here]), &l->mem[!l->here]);
	/* at once: till then it runs, and may have the guest's MAC address */
	t->load_fd = vfmig_open_ok(t->dst->dev.fd, ST_RESUMING);
	log_start(t);
	for (uint64_t i = 0; i < PAGES; i++)
		copy_page(t, i);
	if (t->precopy)
		pre_copy(t);
}

static void end(struct journey *t)
{
	close(t->save_fd);
	close(t->load_fd);
	vfmig_stream_free(&t->stream);
}

static void log_stop(struct journey *t)
{
	struct truth_counts c;

	if (!t->logging)
		return;
	truth_judge(&c);
	CHECK_EQ(vfmig_feature(t->src->dev.fd, LOG_STOP, NULL, 0), 0);
}

void live_move(struct live *l)
{
	struct journey t;

	begin(&t, l);
	stop_source(&t);
	send_on(&t, true);
	log_report(&t);
	copy_rest_and_compare(&t);
	vfmig_set_ok(t.dst->dev.fd, ST_STOP);
	/* a VMM restores configuration space, with MSI-X, before the device runs */
	if (t.dst->sw->events)
		mlx5_irqs(t.dst);
	move_resume(t.dst);
	l->running_us = live_now_us();
	l->here = !l->here;
	if (l->go)
		l->go(l->arg, t.dst);
	log_stop(&t);
	end(&t);
	mlx5_close(t.src);
	l->moves++;
}

void live_give_up(struct live *l)
{
	struct journey t;

	begin(&t, l);
	stop_source(&t);
	send_on(&t, true);
	log_report(&t);
	copy_rest_and_compare(&t);
	vfmig_set_ok(t.src->dev.fd, ST_RUNNING);
	l->running_us = live_now_us();
	if (l->go)
		l->go(l->arg, t.src);
	if (t.logging)
		CHECK_EQ(vfmig_feature(t.src->dev.fd, LOG_STOP, NULL, 0), 0);
	end(&t);
	mlx5_close(t.dst);
}
