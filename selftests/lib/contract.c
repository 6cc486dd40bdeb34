// SPDX-License-Identifier: GPL-2.0-or-later
#include "contract.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct mlx5_mem mem;
struct mlx5_vf a, b;
struct work w;
int dev;

void open_at(const char *bdf)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, bdf, &mem);
	dev = a.dev.fd;
	need_migration(&a.dev);
}

void open_a(void)
{
	open_at(env_vf(0));
}

void work_a(void)
{
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
}

void start_a(void)
{
	open_a();
	work_a();
}

void start_pre(void)
{
	open_a();
	need_pre();
	work_a();
}

void reset_a(void)
{
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	work_a();
}

const char *card2_vf(const char *quality)
{
	const char *s = getenv("VFMIG_CARD2");
	size_t n = strlen(quality);

	while (s && *s) {
		size_t len = strcspn(s, " ");

		if (len == n && !strncmp(s, quality, n))
			return env_vf2(0);
		s += len + strspn(s + len, " ");
	}
	return NULL;
}

/* ---- states ---- */

static uint64_t all_flags(void)
{
	uint64_t flags;

	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	return flags;
}

bool has(uint64_t flag)
{
	return all_flags() & flag;
}

static bool exists(uint64_t flags, int state)
{
	switch (state) {
	case ST_STOP:
	case ST_RUNNING:
	case ST_STOP_COPY:
	case ST_RESUMING:
		return true;
	case ST_RUNNING_P2P:
		return flags & VFIO_MIGRATION_P2P;
	case ST_PRE_COPY:
		return flags & VFIO_MIGRATION_PRE_COPY;
	case ST_PRE_COPY_P2P:
		return flags & VFIO_MIGRATION_P2P && flags & VFIO_MIGRATION_PRE_COPY;
	default:
		return false;
	}
}

bool has_state(int state)
{
	return exists(all_flags(), state);
}

void need_pre(void)
{
	if (!has(VFIO_MIGRATION_PRE_COPY))
		tap_skip("n/a: PRE_COPY is not offered");
}

bool is_pre(int state)
{
	return state == ST_PRE_COPY || state == ST_PRE_COPY_P2P;
}

bool runs(int state)
{
	return state == ST_RUNNING || state == ST_PRE_COPY;
}

bool is_saving(int state)
{
	return is_pre(state) || state == ST_STOP_COPY;
}

bool starts_session(int from, int to)
{
	if (from == to)
		return false;
	return to == ST_RESUMING || (is_saving(to) && !is_pre(from));
}

/* ---- the model ---- */

enum { P2P = VFIO_MIGRATION_P2P, PRE = VFIO_MIGRATION_PRE_COPY };

/* Single arcs: which flags they need, and with which they are not there. */
static const struct {
	int from, to;
	uint64_t with, without;
} arcs[] = {
	{ ST_STOP, ST_STOP_COPY, 0, 0 },
	{ ST_STOP_COPY, ST_STOP, 0, 0 },
	{ ST_STOP, ST_RESUMING, 0, 0 },
	{ ST_RESUMING, ST_STOP, 0, 0 },
	{ ST_RUNNING, ST_STOP, 0, P2P },
	{ ST_STOP, ST_RUNNING, 0, P2P },
	{ ST_RUNNING, ST_RUNNING_P2P, P2P, 0 },
	{ ST_RUNNING_P2P, ST_RUNNING, P2P, 0 },
	{ ST_RUNNING_P2P, ST_STOP, P2P, 0 },
	{ ST_STOP, ST_RUNNING_P2P, P2P, 0 },
	{ ST_RUNNING, ST_PRE_COPY, PRE, 0 },
	{ ST_PRE_COPY, ST_RUNNING, PRE, 0 },
	{ ST_PRE_COPY, ST_STOP_COPY, PRE, P2P },
	{ ST_PRE_COPY, ST_PRE_COPY_P2P, PRE | P2P, 0 },
	{ ST_PRE_COPY_P2P, ST_PRE_COPY, PRE | P2P, 0 },
	{ ST_PRE_COPY_P2P, ST_RUNNING_P2P, PRE | P2P, 0 },
	{ ST_RUNNING_P2P, ST_PRE_COPY_P2P, PRE | P2P, 0 },
	{ ST_PRE_COPY_P2P, ST_STOP_COPY, PRE | P2P, 0 },
};

static bool is_session(int state)
{
	return is_saving(state) || state == ST_RESUMING;
}

/*
 * The shortest way over single arcs. A state of a session is passed only on the way from one state of
 * the same session to another, and from STOP_COPY no way leads back into pre-copy.
 */
bool way_find(uint64_t flags, int from, int to, struct way *way)
{
	bool within = is_saving(from) && is_saving(to);
	int before[ST_COUNT], queue[ST_COUNT];
	unsigned int head = 0, tail = 0, n = 0;
	int at;

	way->n = 0;
	if (!exists(flags, from) || !exists(flags, to) || (from == ST_STOP_COPY && is_pre(to)))
		return false;
	for (unsigned int i = 0; i < ST_COUNT; i++)
		before[i] = -1;
	before[from] = from;
	queue[tail++] = from;
	while (head < tail && before[to] < 0) {
		at = queue[head++];
		if (at != from && is_session(at) && !within)
			continue;
		for (unsigned int i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++)
			if (arcs[i].from == at && before[arcs[i].to] < 0 &&
			    (flags & arcs[i].with) == arcs[i].with && !(flags & arcs[i].without)) {
				before[arcs[i].to] = at;
				queue[tail++] = arcs[i].to;
			}
	}
	if (before[to] < 0)
		return false;
	for (at = to; at != from; at = before[at])
		n++;
	way->n = n;
	for (at = to; at != from; at = before[at])
		way->state[--n] = at;
	return true;
}

const char *way_text(int from, const struct way *way)
{
	static char buf[128];
	size_t n = (size_t)snprintf(buf, sizeof(buf), "%s", vfmig_state_name(from));

	for (unsigned int i = 0; i < way->n && n < sizeof(buf); i++)
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, " > %s",
				      vfmig_state_name(way->state[i]));
	return buf;
}

/* ---- to and fro ---- */

int go(int state)
{
	struct vfmig_stream s = { 0 };
	int fd;

	if (state == ST_RUNNING)
		return -1;
	if (state == ST_RESUMING) {
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		close(fd);
		fd = vfmig_open_ok(dev, ST_RESUMING);
		CHECK_EQ(vfmig_write_all(fd, s.p, s.len, 0), 0);
		vfmig_stream_free(&s);
		return fd;
	}
	if (starts_session(ST_RUNNING, state))
		return vfmig_open_ok(dev, state);
	vfmig_set_ok(dev, state);
	return -1;
}

void come_back(void)
{
	if (vfmig_get(dev) == ST_RESUMING) {
		reset_a();
		return;
	}
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 3);
}

static void walk_pair(uint64_t flags, int from, int to)
{
	int fd = -2, old = go(from), rc = vfmig_set(dev, to, &fd);
	struct way way;
	bool good = way_find(flags, from, to, &way);

	tap_diag("37: %s -> %s: %d %s%s", vfmig_state_name(from), vfmig_state_name(to), rc,
		 vfmig_state_name(vfmig_get(dev)), fd >= 0 ? " file" : "");
	CHECK_MSG(rc == (good ? 0 : -EINVAL), "the model says %s",
		  good ? way_text(from, &way) : "EINVAL");
	vfmig_expect(dev, good ? to : from);
	CHECK_MSG(good && starts_session(from, to) ? fd >= 0 : fd == -1, "data_fd %d", fd);
	if (old >= 0)
		close(old);
	if (fd >= 0)
		close(fd);
	/* back without a reset, where there is such a way */
	if (vfmig_get(dev) == ST_RESUMING)
		reset_a();
	else
		vfmig_set_ok(dev, ST_RUNNING);
}

void walk_table(void)
{
	uint64_t flags = all_flags();

	for (int from = 0; from < ST_COUNT; from++)
		for (int to = 0; to < ST_COUNT && exists(flags, from); to++)
			walk_pair(flags, from, to);
	work_run(&w, 3);
}

/* ---- pre-copy ---- */

int info(int fd, uint64_t *initial, uint64_t *dirty, uint32_t *flags)
{
	struct vfio_precopy_info i = { .argsz = sizeof(i), .flags = flags ? *flags : 0 };

	*initial = 0;
	*dirty = 0;
	if (ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i))
		return -errno;
	*initial = i.initial_bytes;
	*dirty = i.dirty_bytes;
	if (flags)
		*flags = i.flags;
	return 0;
}

void info_ok(int fd, uint64_t *initial, uint64_t *dirty)
{
	CHECK_EQ(info(fd, initial, dirty, NULL), 0);
}

size_t read_to_pause(int fd, struct vfmig_stream *s)
{
	size_t before = s->len;
	int rc = vfmig_read_all(fd, s, 0);

	CHECK_MSG(rc == -ENOMSG, "read gave %s where ENOMSG was due", strerror(-rc));
	return s->len - before;
}

void drain(int fd, struct vfmig_stream *s)
{
	uint64_t initial, dirty;

	for (unsigned int i = 0;; i++) {
		CHECK_MSG(i < 20, "pre-copy does not converge on an idle device");
		info_ok(fd, &initial, &dirty);
		if (!initial && !dirty)
			break;
		read_to_pause(fd, s);
	}
}

void change_state(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out) = { 0 };

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	mlx5_cmd_ok(&a, "ALLOC_PD", in, sizeof(in), out, sizeof(out));
	work_run(&w, 3);
}

/* ---- streams ---- */

unsigned int images(const struct vfmig_stream *s)
{
	struct vfmig_rec r;
	unsigned int n = 0;

	for (size_t off = 0; vfmig_rec_at(s, off, &r); off += VFMIG_REC_HDR + r.size)
		n += r.tag == VFMIG_TAG_FW_DATA;
	return n;
}

void records_are_whole(const struct vfmig_stream *s)
{
	struct vfmig_rec r;
	size_t off = 0;

	while (vfmig_rec_at(s, off, &r))
		off += VFMIG_REC_HDR + r.size;
	CHECK_EQ(off, s->len);
}

void goes_on_from(const struct vfmig_stream *s)
{
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, s, 0);
	move_resume(&a);
	work_run(&w, 5);
}
