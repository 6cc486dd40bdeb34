// SPDX-License-Identifier: GPL-2.0-or-later
#include "trip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"

#define LOG_PAGE 4096U
#define STREAM_ROOM (4U << 20)
#define LOG_START (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START)
#define LOG_STOP (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP)
#define LOG_REPORT (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)

static const char *const names[TRIP_STEPS] = {
	"LOG_START", "PRE_COPY", "RESUMING", "READ", "WRITE", "INFO", "REPORT", "READ_MORE",
	"WRITE_MORE", "DATA_SIZE", "PRE_COPY_P2P", "STOP_COPY", "REPORT_LAST", "READ_LAST",
	"WRITE_LAST", "STOP", "RUNNING_P2P", "RUNNING", "LOG_STOP", "END",
};

const char *trip_step_name(enum trip_step step)
{
	return step < TRIP_STEPS ? names[step] : "?";
}

enum trip_step trip_step_by_name(const char *name)
{
	unsigned int i = 0;

	while (i < TRIP_STEPS && strcmp(names[i], name))
		i++;
	return (enum trip_step)i;
}

struct vfio_dev *trip_source(struct trip *t)
{
	return &t->vf[t->here].dev;
}

struct vfio_dev *trip_target(struct trip *t)
{
	return &t->vf[!t->here].dev;
}

static void reset(struct vfio_dev *d)
{
	CHECK_EQ(vfio_reset(d), 0);
	CHECK_EQ(vfio_set_bus_master(d, true), 0);
	vfmig_expect(d->fd, ST_RUNNING);
}

void trip_begin(struct trip *t)
{
	uint64_t flags;

	memset(t, 0, sizeof(*t));
	t->save_fd = t->load_fd = -1;
	mlx5_mem_init(&t->mem);
	for (unsigned int i = 0; i < 2; i++) {
		mlx5_open(&t->vf[i], env_vf(i), &t->mem);
		need_migration(&t->vf[i].dev);
	}
	CHECK_EQ(vfmig_flags(t->vf[0].dev.fd, &flags), 0);
	if (!(flags & VFIO_MIGRATION_PRE_COPY))
		tap_skip("no pre-copy here");
	/* all memory is there: nothing has to be made while a fault is waiting for it */
	t->before = calloc(1, MLX5_GUEST_SIZE);
	t->stream.p = calloc(1, STREAM_ROOM);
	CHECK(t->before && t->stream.p);
	t->stream.cap = STREAM_ROOM;
	mlx5_start(&t->vf[0]);
	mlx5_irqs(&t->vf[1]);
	work_self(&t->work, &t->vf[0], 0);
	work_run(&t->work, 6);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int log_start(struct trip *t)
{
	struct vfio_device_feature_dma_logging_range range = { MLX5_GUEST_IOVA, MLX5_GUEST_SIZE };
	struct vfio_device_feature_dma_logging_control c = {
		.page_size = LOG_PAGE, .num_ranges = 1, .ranges = (uintptr_t)&range,
	};
	int rc = vfmig_feature(trip_source(t)->fd, LOG_START, &c, sizeof(c));

	if (rc == -ENOTTY) /* this kernel or this card has none */
		return 0;
	t->logging = !rc;
	return rc;
}

static int log_report(struct trip *t)
{
	struct vfio_device_feature_dma_logging_report r = {
		.iova = MLX5_GUEST_IOVA, .length = MLX5_GUEST_SIZE, .page_size = LOG_PAGE,
		.bitmap = (uintptr_t)t->dirty,
	};

	return t->logging ? vfmig_feature(trip_source(t)->fd, LOG_REPORT, &r, sizeof(r)) : 0;
}

static int log_stop(struct trip *t, struct vfio_dev *d)
{
	int rc = t->logging ? vfmig_feature(d->fd, LOG_STOP, NULL, 0) : 0;

	t->logging = false;
	return rc;
}

static int set(struct vfio_dev *d, int state, int *fd)
{
	int rc = vfmig_set(d->fd, state, fd);

	if (rc && fd) {
		CHECK_EQ(*fd, -1);
	} else if (fd) {
		CHECK(*fd >= 0);
	}
	return rc;
}

/* To a pause of the stream or, with @end, to its end. */
static int read_all(struct trip *t, bool end)
{
	int rc = vfmig_read_all(t->save_fd, &t->stream, 0);

	CHECK_MSG(t->stream.cap == STREAM_ROOM, "the stream has more than %u bytes", STREAM_ROOM);
	if (end) {
		CHECK_MSG(rc != -ENOMSG, "a pause in the stream in STOP_COPY");
		return rc;
	}
	CHECK_MSG(rc, "an end of the stream in PRE_COPY");
	return rc == -ENOMSG ? 0 : rc;
}

static int write_all(struct trip *t)
{
	int rc = vfmig_write_all(t->load_fd, t->stream.p + t->sent, t->stream.len - t->sent, 32768);

	t->sent = t->stream.len;
	return rc;
}

static int info(struct trip *t)
{
	struct vfio_precopy_info i = { .argsz = sizeof(i) };

	return ioctl(t->save_fd, VFIO_MIG_GET_PRECOPY_INFO, &i) ? -errno : 0;
}

int trip_take(struct trip *t, enum trip_step step)
{
	struct vfio_dev *src = trip_source(t), *dst = trip_target(t);
	uint64_t size;

	switch (step) {
	case TRIP_LOG_START:
		return log_start(t);
	case TRIP_PRE_COPY:
		return set(src, ST_PRE_COPY, &t->save_fd);
	case TRIP_RESUMING:
		return set(dst, ST_RESUMING, &t->load_fd);
	case TRIP_READ:
	case TRIP_READ_MORE:
		return read_all(t, false);
	case TRIP_READ_LAST:
		return read_all(t, true);
	case TRIP_WRITE:
	case TRIP_WRITE_MORE:
	case TRIP_WRITE_LAST:
		return write_all(t);
	case TRIP_INFO:
		return info(t);
	case TRIP_REPORT:
	case TRIP_REPORT_LAST:
		return log_report(t);
	case TRIP_DATA_SIZE:
		return vfmig_data_size(src->fd, &size);
	case TRIP_PRE_COPY_P2P:
		return set(src, ST_PRE_COPY_P2P, NULL);
	case TRIP_STOP_COPY:
		return set(src, ST_STOP_COPY, NULL);
	case TRIP_STOP:
		return set(dst, ST_STOP, NULL);
	case TRIP_RUNNING_P2P:
		return set(dst, ST_RUNNING_P2P, NULL);
	case TRIP_RUNNING:
		return set(dst, ST_RUNNING, NULL);
	case TRIP_LOG_STOP:
		/* the guest has moved: the source is the other one now */
		return log_stop(t, dst);
	case TRIP_END:
		return set(dst, ST_STOP, NULL);
	case TRIP_STEPS:
		break;
	}
	return -EINVAL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int take(struct trip *t, enum trip_step step, void *arg)
{
	(void)arg;
	return trip_take(t, step);
}

static void close_fds(struct trip *t)
{
	if (t->save_fd >= 0)
		close(t->save_fd);
	if (t->load_fd >= 0)
		close(t->load_fd);
	t->save_fd = t->load_fd = -1;
}

static void prepare(struct trip *t)
{
	vfmig_expect(trip_source(t)->fd, ST_RUNNING);
	vfmig_expect(trip_target(t)->fd, ST_RUNNING);
	t->stream.len = t->sent = 0;
	memset(t->dirty, 0, sizeof(t->dirty));
	memcpy(t->before, t->mem.va, MLX5_GUEST_SIZE);
}

/* What the guest does before a step is taken. */
static void guest_works(struct trip *t, enum trip_step step)
{
	switch (step) {
	case TRIP_PRE_COPY:
	case TRIP_INFO:
	case TRIP_PRE_COPY_P2P:
		work_run(&t->work, 4);
		break;
	case TRIP_STOP_COPY:
		/* the initiator is stopped: it has these for later */
		work_post(&t->work, 2, WORK_RING);
		t->under_way += 2;
		break;
	default:
		break;
	}
}

/* The page belongs to a work that the guest has prepared and the device has not done yet. */
static bool is_under_way(struct work_books *b, uint64_t off)
{
	for (uint32_t n = b->done; n != b->posted; n++)
		if (b->dst + (uint64_t)(n % WORK_SLOTS) * WORK_SLOT_SIZE == off)
			return true;
	return false;
}

/* Whatever only the device writes to, and has changed, must have been reported. */
static void judge(struct trip *t, uint64_t off, uint64_t len)
{
	for (uint64_t at = off; at < off + len; at += LOG_PAGE) {
		uint64_t page = at / LOG_PAGE;

		if (t->dirty[page / 8] >> page % 8 & 1 ||
		    is_under_way(work_books(&t->vf[t->here], 0), at))
			continue;
		CHECK_MSG(!memcmp(t->before + at, t->mem.va + at, LOG_PAGE),
			  "page 0x%llx was written to and never reported",
			  (unsigned long long)mlx5_iova(at));
	}
}

static void judge_all(struct trip *t)
{
	struct mlx5_vf *vf = &t->vf[t->here];

	if (!t->logging)
		return;
	judge(t, work_books(vf, 0)->dst, (uint64_t)WORK_SLOTS * WORK_SLOT_SIZE);
	for (unsigned int i = 0; i < 2; i++)
		judge(t, vf->sw->cq[i].buf, 64ULL << vf->sw->cq[i].log);
}

static void arrive(struct trip *t)
{
	t->here = !t->here;
	t->work.vf = t->work.peer = &t->vf[t->here];
}

/* What was the source is let go, and opened anew as a target: nothing is kept for the next time. */
static int leave_old(struct trip *t)
{
	struct mlx5_vf *old = &t->vf[!t->here];
	int rc = log_stop(t, &old->dev);

	mlx5_close(old);
	mlx5_open(old, env_vf(!t->here), &t->mem);
	mlx5_irqs(old);
	return rc;
}

int trip_go(struct trip *t, trip_fn *fn, void *arg, enum trip_step *at)
{
	enum trip_step step;

	if (!fn)
		fn = take;
	prepare(t);
	for (step = 0; step < TRIP_STEPS; step++) {
		int rc;

		*at = step;
		guest_works(t, step);
		rc = fn(t, step, arg);
		if (rc)
			return rc;
		if (step == TRIP_REPORT_LAST)
			judge_all(t);
		if (step == TRIP_RUNNING)
			arrive(t);
	}
	close_fds(t);
	return leave_old(t);
}

void trip_go_ok(struct trip *t)
{
	enum trip_step at;
	int rc = trip_go(t, NULL, NULL, &at);

	CHECK_MSG(!rc, "a migration without a fault: %s: %s", trip_step_name(at), strerror(-rc));
	trip_settle(t);
}

int trip_recover(struct trip *t, enum trip_step at)
{
	int rc;

	close_fds(t);
	if (at >= TRIP_LOG_STOP)
		return leave_old(t);
	if (at >= TRIP_RUNNING_P2P && !vfmig_set(trip_target(t)->fd, ST_RUNNING, NULL)) {
		arrive(t);
		return leave_old(t);
	}
	CHECK_EQ(log_stop(t, trip_source(t)), 0);
	rc = vfmig_set(trip_source(t)->fd, ST_RUNNING, NULL);
	if (vfmig_get(trip_target(t)->fd) != ST_RUNNING)
		reset(trip_target(t));
	return rc;
}

void trip_settle(struct trip *t)
{
	vfmig_expect(trip_source(t)->fd, ST_RUNNING);
	work_done(&t->work, t->under_way);
	t->under_way = 0;
	work_run(&t->work, 5);
	work_positions(&t->work);
}
