// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pre-copy: what <linux/vfio.h> and the VFIO core promise about PRE_COPY, PRE_COPY_P2P and
 * VFIO_MIG_GET_PRECOPY_INFO, statement by statement, and whole migrations with work going on. Names
 * begin as in test_contract.c; b5 is the ioctl. The last tests bind the VF with the module
 * parameters that take P2P or PRE_COPY away, and walk every pair of states for each set of flags.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "vfmig.h"
#include "work.h"

#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE
#define GET VFIO_DEVICE_FEATURE_GET
#define F_PRECOPY_INFO_V2 12 /* since Linux 7.3 */
#define INFO_SIZE 24

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;
static int dev;

static void open_plain(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
}

static bool has(uint64_t flag)
{
	uint64_t flags;

	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	return flags & flag;
}

static void open_a(void)
{
	open_plain();
	need_migration(&a.dev);
	CHECK(has(VFIO_MIGRATION_PRE_COPY));
}

/* A VF that works. */
static void work_a(void)
{
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
}

static void start_a(void)
{
	open_a();
	work_a();
}

static int info(int fd, uint64_t *initial, uint64_t *dirty, uint32_t *flags)
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

static void info_ok(int fd, uint64_t *initial, uint64_t *dirty)
{
	CHECK_EQ(info(fd, initial, dirty, NULL), 0);
}

/* Append what there is until the stream pauses. Returns how many bytes that was. */
static size_t read_to_pause(int fd, struct vfmig_stream *s)
{
	size_t before = s->len;
	int rc = vfmig_read_all(fd, s, 0);

	CHECK_MSG(rc == -ENOMSG, "read gave %s where ENOMSG was due", strerror(-rc));
	return s->len - before;
}

/* Read and ask in turn until nothing is left, as a VMM does. */
static void drain(int fd, struct vfmig_stream *s)
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

/* Something in the device's own state changes. */
static void change_state(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out) = { 0 };

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	mlx5_cmd_ok(&a, "ALLOC_PD", in, sizeof(in), out, sizeof(out));
	work_run(&w, 3);
}

static unsigned int images(const struct vfmig_stream *s)
{
	struct vfmig_rec r;
	unsigned int n = 0;

	for (size_t off = 0; vfmig_rec_at(s, off, &r); off += VFMIG_REC_HDR + r.size)
		n += r.tag == VFMIG_TAG_FW_DATA;
	return n;
}

static void records_are_whole(const struct vfmig_stream *s)
{
	struct vfmig_rec r;
	size_t off = 0;

	while (vfmig_rec_at(s, off, &r))
		off += VFMIG_REC_HDR + r.size;
	CHECK_EQ(off, s->len);
}

/* ---- arcs ---- */

static bool is_pre(int state)
{
	return state == ST_PRE_COPY || state == ST_PRE_COPY_P2P;
}

static bool starts_session(int from, int to)
{
	if (from == to)
		return false;
	if (to == ST_RESUMING)
		return true;
	return (to == ST_STOP_COPY || is_pre(to)) && !is_pre(from);
}

/* Into @state from RUNNING; in RESUMING the VF's own state has been written in whole. */
static int go(int state)
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
	if (!starts_session(ST_RUNNING, state)) {
		vfmig_set_ok(dev, state);
		return -1;
	}
	return vfmig_open_ok(dev, state);
}

/* @from to @to; after it the VF, or one that takes over its state, works as before. */
static void arc(int from, int to)
{
	struct vfmig_stream s = { 0 };
	int fd = -2, old, rc;

	start_a();
	old = go(from);
	if (is_pre(from))
		work_post(&w, 2, from == ST_PRE_COPY ? WORK_RING : WORK_RECORD);
	rc = vfmig_set(dev, to, &fd);
	CHECK_MSG(!rc, "%s -> %s: %s", vfmig_state_name(from), vfmig_state_name(to), strerror(-rc));
	CHECK_MSG((fd >= 0) == starts_session(from, to), "data_fd %d", fd);
	vfmig_expect(dev, to);
	if (old >= 0 && !(is_pre(from) && (is_pre(to) || to == ST_STOP_COPY))) {
		uint8_t byte = 0;

		CHECK(from == ST_RESUMING ? write(old, &byte, 1) < 0 : read(old, &byte, 1) < 0);
		CHECK_EQ(errno, ENODEV);
		close(old);
		old = -1;
	}
	if (to == ST_RESUMING) {
		CHECK_EQ(vfio_reset(&a.dev), 0);
		CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
		work_a();
		return;
	}
	if (to == ST_STOP_COPY) {
		CHECK_EQ(vfmig_read_all(fd >= 0 ? fd : old, &s, 0), 0);
		vfmig_first_data(&s);
		records_are_whole(&s);
	}
	if (to != ST_RUNNING)
		vfmig_set_ok(dev, ST_RUNNING);
	if (is_pre(from))
		work_done(&w, 2);
	work_run(&w, 10);
	work_positions(&w);
}

#define ARC(name, from, to) static void name(void) { arc(from, to); }
ARC(b2_32_running_pre_copy, ST_RUNNING, ST_PRE_COPY)
ARC(b2_32_pre_copy_running, ST_PRE_COPY, ST_RUNNING)
ARC(b2_33_pre_copy_pre_copy_p2p, ST_PRE_COPY, ST_PRE_COPY_P2P)
ARC(b2_33_pre_copy_p2p_pre_copy, ST_PRE_COPY_P2P, ST_PRE_COPY)
ARC(b2_33_pre_copy_p2p_running_p2p, ST_PRE_COPY_P2P, ST_RUNNING_P2P)
ARC(b2_33_pre_copy_p2p_stop_copy, ST_PRE_COPY_P2P, ST_STOP_COPY)
ARC(b2_33_running_p2p_pre_copy_p2p, ST_RUNNING_P2P, ST_PRE_COPY_P2P)
ARC(b2_35a_pre_copy_stop_copy, ST_PRE_COPY, ST_STOP_COPY)
ARC(b2_35b_pre_copy_running_p2p, ST_PRE_COPY, ST_RUNNING_P2P)
ARC(b2_35c_pre_copy_stop, ST_PRE_COPY, ST_STOP)
ARC(b2_35d_pre_copy_resuming, ST_PRE_COPY, ST_RESUMING)
ARC(b2_35e_pre_copy_p2p_running, ST_PRE_COPY_P2P, ST_RUNNING)
ARC(b2_35f_pre_copy_p2p_stop, ST_PRE_COPY_P2P, ST_STOP)
ARC(b2_35g_pre_copy_p2p_resuming, ST_PRE_COPY_P2P, ST_RESUMING)
ARC(b2_35i_resuming_pre_copy_p2p, ST_RESUMING, ST_PRE_COPY_P2P)
ARC(b2_35k_resuming_pre_copy, ST_RESUMING, ST_PRE_COPY)
ARC(b2_35m_running_pre_copy_p2p, ST_RUNNING, ST_PRE_COPY_P2P)
ARC(b2_35q_running_p2p_pre_copy, ST_RUNNING_P2P, ST_PRE_COPY)
ARC(b2_35t_stop_pre_copy_p2p, ST_STOP, ST_PRE_COPY_P2P)
ARC(b2_35v_stop_pre_copy, ST_STOP, ST_PRE_COPY)

static void b2_29_reset_gives_running(void)
{
	static const int states[] = { ST_PRE_COPY, ST_PRE_COPY_P2P };
	uint8_t byte;

	open_a();
	for (unsigned int i = 0; i < 4; i++) {
		int fd = vfmig_open_ok(dev, states[i % 2]);

		CHECK_EQ(vfio_reset(&a.dev), 0);
		vfmig_expect(dev, ST_RUNNING);
		CHECK(read(fd, &byte, 1) < 0 && errno == ENODEV);
		close(fd);
	}
}

/* Every pair of present and wanted state (0 to 9), for a set of flags, against what the text says. */
static void every_pair(void)
{
	bool p2p = has(VFIO_MIGRATION_P2P), pre = has(VFIO_MIGRATION_PRE_COPY);

	for (int from = ST_STOP; from <= ST_PRE_COPY_P2P; from++)
		for (int to = 0; to <= 9; to++) {
			bool bad = to == ST_ERROR || to > ST_PRE_COPY_P2P;
			int fd = -2, old, rc;

			if ((!p2p && (from == ST_RUNNING_P2P || from == ST_PRE_COPY_P2P)) ||
			    (!pre && is_pre(from)))
				continue;
			if ((!p2p && (to == ST_RUNNING_P2P || to == ST_PRE_COPY_P2P)) ||
			    (!pre && is_pre(to)) || (from == ST_STOP_COPY && is_pre(to)))
				bad = true;
			old = go(from);
			rc = vfmig_set(dev, to, &fd);
			CHECK_MSG(rc == (bad ? -EINVAL : 0), "%s -> %d: %s",
				  vfmig_state_name(from), to, strerror(-rc));
			vfmig_expect(dev, bad ? from : to);
			CHECK_MSG((fd >= 0) == (!bad && starts_session(from, to)),
				  "%s -> %d: data_fd %d", vfmig_state_name(from), to, fd);
			if (old >= 0)
				close(old);
			if (fd >= 0)
				close(fd);
			/* back without a reset, where there is such a way */
			if (vfmig_get(dev) == ST_RESUMING)
				CHECK_EQ(vfio_reset(&a.dev), 0);
			else
				vfmig_set_ok(dev, ST_RUNNING);
			vfmig_expect(dev, ST_RUNNING);
		}
}

static void b2_37_every_pair_of_states(void)
{
	open_a();
	every_pair();
}

/* ---- B3, B4 ---- */

static void b3_41_device_works_in_pre_copy(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	work_run(&w, 10);
	read_to_pause(fd, &s);
	work_run(&w, 10);
	change_state();
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 10);
	work_positions(&w);
}

static void b3_42_p2p_and_back_keeps_the_session(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < 3; i++) {
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		work_post(&w, 2, WORK_RECORD);
		work_quiet(&w, 10);
		vfmig_set_ok(dev, ST_PRE_COPY);
		work_done(&w, 2);
		drain(fd, &s);
	}
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	CHECK(images(&s) >= 2);
}

static void b4_52_nothing_to_read_is_enomsg(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t byte;
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK(read_to_pause(fd, &s) > 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
	vfmig_set_ok(dev, ST_PRE_COPY_P2P);
	CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
}

static void b4_53_poll_waits_in_a_pause(void)
{
	struct vfmig_stream s = { 0 };
	struct pollfd p = { .events = POLLIN };
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	p.fd = fd;
	CHECK_EQ(poll(&p, 1, 20000), 1);
	read_to_pause(fd, &s);
	CHECK_EQ(poll(&p, 1, 20), 0);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents & (POLLERR | POLLHUP | POLLRDHUP), 0);
}

static void b4_55_no_enomsg_in_stop_copy(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	read_to_pause(fd, &s);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 3), 0);
	records_are_whole(&s);
	CHECK_EQ(read(fd, s.p, 1), 0);
}

struct reader {
	int fd, err;
	bool end;
	size_t total;
};

/* Read over pauses until the end. */
static void *read_on(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[1234];

	for (;;) {
		ssize_t n = read(r->fd, buf, sizeof(buf));

		if (n > 0)
			r->total += (size_t)n;
		if (n < 0 && errno == ENOMSG) {
			usleep(200);
			continue;
		}
		if (n <= 0) {
			r->err = n ? errno : 0;
			r->end = !n;
			return NULL;
		}
	}
}

/* E2.4: a reader between two states must not take the change for the end. */
static void b4_56_no_end_before_the_end(void)
{
	start_a();
	for (unsigned int k = 0; k < 12; k++) {
		struct reader r[2];
		struct vfmig_stream s = { 0 };
		pthread_t t[2];
		int fd = vfmig_open_ok(dev, ST_PRE_COPY);

		for (unsigned int i = 0; i < 2; i++) {
			r[i] = (struct reader){ .fd = fd };
			CHECK(!pthread_create(&t[i], NULL, read_on, &r[i]));
		}
		if (k % 3)
			usleep(k * 1000);
		if (k % 2)
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		vfmig_set_ok(dev, ST_STOP_COPY);
		for (unsigned int i = 0; i < 2; i++) {
			pthread_join(t[i], NULL);
			CHECK_EQ(r[i].err, 0);
			CHECK(r[i].end);
		}
		/* the whole state is larger than what any part of it could be */
		vfmig_set_ok(dev, ST_STOP);
		move_save(&a.dev, &s);
		CHECK_MSG(r[0].total + r[1].total >= 2 * vfmig_first_data(&s).size,
			  "%zu bytes were read", r[0].total + r[1].total);
		vfmig_stream_free(&s);
		close(fd);
		vfmig_set_ok(dev, ST_RUNNING);
		work_run(&w, 1);
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

/* E2.3: signals during the requests leave a state from which one can go on. */
static void b2_27_signals_during_arcs(void)
{
	struct itimerspec it = { .it_interval = { .tv_nsec = 700000 }, .it_value = { .tv_nsec = 700000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal };
	timer_t t;

	start_a();
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	CHECK(!timer_settime(t, 0, &it, NULL));
	for (unsigned int i = 0; i < 10; i++) {
		int fd = -2, rc = vfmig_set(dev, ST_PRE_COPY, &fd);

		CHECK_MSG(!rc, "SET PRE_COPY: %s", strerror(-rc));
		rc = vfmig_set(dev, ST_PRE_COPY_P2P, NULL);
		CHECK_MSG(!rc, "SET PRE_COPY_P2P: %s", strerror(-rc));
		rc = vfmig_set(dev, i % 2 ? ST_STOP_COPY : ST_RUNNING, NULL);
		CHECK_MSG(!rc, "last SET: %s", strerror(-rc));
		rc = vfmig_set(dev, ST_RUNNING, NULL);
		CHECK_MSG(!rc, "SET RUNNING: %s", strerror(-rc));
		close(fd);
	}
	timer_delete(t);
	work_run(&w, 5);
}

/* ---- B5 the ioctl ---- */

static void b5_67_other_commands_are_enotty(void)
{
	struct vfio_precopy_info i = { .argsz = sizeof(i) };
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK(ioctl(fd, VFIO_DEVICE_FEATURE, &i) < 0 && errno == ENOTTY);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO + 1, &i) < 0 && errno == ENOTTY);
}

static void b5_68_bad_pointer_is_efault(void)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	open_a();
	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 4096, 4096, PROT_NONE));
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, NULL) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p + 4096) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p + 4096 - 20) < 0 && errno == EFAULT);
	/* can be read, not written */
	CHECK(!mprotect(p, 4096, PROT_READ | PROT_WRITE));
	((struct vfio_precopy_info *)p)->argsz = INFO_SIZE;
	CHECK(!mprotect(p, 4096, PROT_READ));
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p) < 0 && errno == EFAULT);
}

static void b5_69_short_argsz_is_einval(void)
{
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (uint32_t n = 0; n < INFO_SIZE; n++) {
		struct vfio_precopy_info i = { .argsz = n };

		CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i) < 0 && errno == EINVAL);
	}
	for (uint32_t n = INFO_SIZE; n < 4 * INFO_SIZE; n++) {
		struct vfio_precopy_info i = { .argsz = n };

		CHECK_EQ(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i), 0);
	}
}

static void b5_70_other_states_are_einval(void)
{
	uint64_t x, y;
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
	close(fd);
	vfmig_set_ok(dev, ST_RUNNING);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), 0);
	vfmig_set_ok(dev, ST_PRE_COPY_P2P);
	CHECK_EQ(info(fd, &x, &y, NULL), 0);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
}

static void b5_71_ended_session(void)
{
	uint64_t x, y;
	int fd, next;

	open_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	vfmig_set_ok(dev, ST_RUNNING);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
	next = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), -ENODEV);
	CHECK_EQ(info(next, &x, &y, NULL), 0);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	CHECK_EQ(info(next, &x, &y, NULL), -EINVAL);
	mlx5_close(&a);
	CHECK(info(next, &x, &y, NULL) < 0);
}

static void b5_73_not_on_the_resuming_file(void)
{
	uint64_t x, y;

	open_a();
	CHECK_EQ(info(vfmig_open_ok(dev, ST_RESUMING), &x, &y, NULL), -ENOTTY);
}

static void b5_74_initial_bytes_fall_as_data_is_read(void)
{
	uint64_t initial, dirty, last;
	uint8_t buf[2000];
	ssize_t n;
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	info_ok(fd, &initial, &dirty);
	CHECK(initial > 0);
	/* 75 */
	CHECK_EQ(dirty, 0);
	/* from here on the first image is there */
	CHECK_EQ(read(fd, buf, 1), 1);
	usleep(100000);
	info_ok(fd, &last, &dirty);
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			break;
		CHECK(n > 0);
		info_ok(fd, &initial, &dirty);
		if (!initial)
			break;
		/* 76 */
		CHECK_EQ(dirty, 0);
		CHECK_MSG(initial < last || last == 0, "%llu after %llu",
			  (unsigned long long)initial, (unsigned long long)last);
		last = initial;
	}
	CHECK_EQ(initial, 0);
}

static void b5_76_changes_are_dirty_bytes(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	drain(fd, &s);
	CHECK_EQ(images(&s), 1);
	change_state();
	info_ok(fd, &initial, &dirty);
	CHECK_EQ(initial, 0);
	CHECK(dirty > 0);
	CHECK(read_to_pause(fd, &s) > 0);
	CHECK(images(&s) >= 2);
	records_are_whole(&s);
}

static void b5_77_both_zero_means_enomsg(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	uint8_t byte;
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < 6; i++) {
		info_ok(fd, &initial, &dirty);
		if (initial || dirty) {
			ssize_t n = read(fd, &byte, 1);

			CHECK_MSG(n == 1, "%llu + %llu bytes announced, read gave %s",
				  (unsigned long long)initial, (unsigned long long)dirty,
				  strerror(errno));
			vfmig_append(&s, &byte, 1);
			read_to_pause(fd, &s);
		} else {
			CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
			change_state();
		}
	}
	records_are_whole(&s);
}

static void b5_78_flags_without_opt_in_are_left_alone(void)
{
	uint32_t flags = 0x50;
	uint64_t x, y;
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags, 0x50);
}

static void b5_78_flags_after_opt_in_are_output(void)
{
	uint32_t flags = 0x50;
	uint64_t x, y;
	int fd, rc;

	open_a();
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0);
	if (rc == -ENOTTY)
		tap_skip("this kernel has no PRECOPY_INFOv2");
	CHECK_EQ(rc, 0);
	/* 14 */
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | PROBE | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | GET, NULL, 0), -EINVAL);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags & ~1U, 0);
	/* forgotten with the last close */
	mlx5_close(&a);
	close(fd);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	flags = 0x50;
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags, 0x50);
}

/* Only where the card is one that asks for it. */
static void b5_79_reinit(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	unsigned int seen = 0;
	int fd, rc;

	if (!getenv("VFMIG_REINIT"))
		tap_skip("this card never starts anew");
	start_a();
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0);
	if (rc == -ENOTTY)
		tap_skip("this kernel has no PRECOPY_INFOv2");
	CHECK_EQ(rc, 0);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	read_to_pause(fd, &s);
	for (unsigned int i = 0; i < 20 && seen < 2; i++) {
		uint32_t flags = 0;

		change_state();
		CHECK_EQ(info(fd, &initial, &dirty, &flags), 0);
		if (flags & 1) {
			CHECK(initial > 0);
			CHECK_EQ(dirty, 0);
			seen++;
		} else {
			CHECK_EQ(initial, 0);
		}
		read_to_pause(fd, &s);
	}
	CHECK_EQ(seen, 2);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b5_80_leaving_before_all_is_read(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	CHECK(images(&s) >= 2);
	records_are_whole(&s);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
	work_positions(&w);
}

/* Late in pre-copy the size is that of what has changed since. */
static void data_size_falls_in_pre_copy(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t running, late, after;
	int fd;

	start_a();
	CHECK_EQ(vfmig_data_size(dev, &running), 0);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	drain(fd, &s);
	CHECK_EQ(vfmig_data_size(dev, &late), 0);
	tap_diag("%llu when running, %llu late in pre-copy", (unsigned long long)running,
		 (unsigned long long)late);
	CHECK(late < running / 2);
	change_state();
	CHECK_EQ(vfmig_data_size(dev, &after), 0);
	CHECK(after > late);
}

/* ---- whole migrations ---- */

/* From @a to @b with @rounds of work and reading. */
static void migrate(unsigned int rounds, bool p2p)
{
	struct vfmig_stream s = { 0 };
	int fd;

	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < rounds; i++) {
		change_state();
		drain(fd, &s);
	}
	work_run(&w, 5);
	if (p2p)
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
	work_post(&w, 2, WORK_RECORD);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	CHECK(images(&s) >= rounds + 1);
	close(fd);

	mlx5_open(&b, env_vf(1), a.mem);
	if (a.sw->events)
		mlx5_irqs(&b);
	move_load(&b.dev, &s, 32768);
	mlx5_close(&a);
	vfmig_set_ok(b.dev.fd, ST_RUNNING);
	w.vf = &b;
	work_done(&w, 2);
	work_run(&w, 10);
	work_positions(&w);
}

static void migrate_with_pre_copy(void)
{
	start_a();
	migrate(3, true);
}

static void migrate_with_pre_copy_at_once(void)
{
	start_a();
	migrate(0, false);
}

/* Users who know nothing of PRE_COPY. */
static void migrate_without_pre_copy(void)
{
	start_a();
	move_whole(&a, &b, env_vf(1));
	w.vf = &b;
	work_run(&w, 10);
	work_positions(&w);
}

static void cancel_again_and_again(void)
{
	struct vfmig_stream s = { 0 };

	start_a();
	for (unsigned int i = 0; i < 10; i++) {
		int fd = vfmig_open_ok(dev, ST_PRE_COPY);

		if (i % 2)
			drain(fd, &s);
		if (i % 3 == 1)
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		if (i % 3 == 2)
			vfmig_set_ok(dev, ST_STOP_COPY);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
		work_run(&w, 2);
	}
	migrate(1, true);
}

/* The counters say that no buffer was made while the VF was stopped. */
static void memory_is_there_before_the_stop(void)
{
	char text[4096];
	const char *line;

	if (tap_peer())
		tap_skip("the other driver does not count");
	start_a();
	for (unsigned int i = 0; i < 2; i++) {
		struct vfmig_stream s = { 0 };
		int fd = vfmig_open_ok(dev, ST_PRE_COPY);

		drain(fd, &s);
		change_state();
		vfmig_set_ok(dev, ST_STOP_COPY);
		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
		vfmig_stream_free(&s);
	}
	CHECK(sysfs_read(text, sizeof(text), "/sys/kernel/debug/mlx5_vfmig/%s/stats", env_vf(0)) >= 0);
	line = strstr(text, "buffers_made_late ");
	CHECK(line);
	CHECK_EQ(strtoul(line + strlen("buffers_made_late "), NULL, 10), 0);
	/* the second session found the first one's */
	line = strstr(text, "buffers_reused ");
	CHECK(line);
	CHECK(strtoul(line + strlen("buffers_reused "), NULL, 10) > 0);
}

/* A card that lacks a capability pre-copy needs: migration without it, and a line that says so. */
static void card_without_pre_copy(void)
{
	const char *lacks = getenv("VFMIG_NO_PRECOPY");
	char line[512] = "";
	uint64_t flags;
	struct kmsg log;

	if (!lacks)
		tap_skip("this card has what pre-copy needs");
	CHECK_EQ(env_bind(env_vf(0), NULL), 0);
	kmsg_mark(&log);
	CHECK_EQ(env_bind(env_vf(0), tap_driver()), 0);
	open_plain();
	CHECK_EQ(kmsg_count(&log, "without PRE_COPY", line, sizeof(line)), 1);
	tap_diag("%s", line);
	CHECK(strstr(line, lacks));
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK_EQ(flags, VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P);
	every_pair();
	mlx5_close(&a);
	mlx5_mem_free(&mem);
	open_plain();
	work_a();
	move_whole(&a, &b, env_vf(1));
	w.vf = &b;
	work_run(&w, 10);
	work_positions(&w);
}

/* ---- the four sets of flags ---- */

/* Bind both VFs anew with these module parameters, and open the first. */
static void open_with(bool p2p, bool precopy)
{
	uint64_t want = VFIO_MIGRATION_STOP_COPY, flags;

	if (tap_peer())
		tap_skip("the other driver has one set of flags");
	CHECK_EQ(sysfs_write(p2p ? "1" : "0", "/sys/module/mlx5_vfmig/parameters/p2p"), 0);
	CHECK_EQ(sysfs_write(precopy ? "1" : "0", "/sys/module/mlx5_vfmig/parameters/precopy"), 0);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(env_bind(env_vf(i), NULL), 0);
		CHECK_EQ(env_bind(env_vf(i), "mlx5_vfmig"), 0);
	}
	open_plain();
	if (p2p)
		want |= VFIO_MIGRATION_P2P;
	if (precopy)
		want |= VFIO_MIGRATION_PRE_COPY;
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK_EQ(flags, want);
}

static void b2_36_flags(bool p2p, bool precopy)
{
	open_with(p2p, precopy);
	every_pair();
	mlx5_close(&a);
	mlx5_mem_free(&mem);
	open_plain();
	work_a();
	if (precopy) {
		migrate(2, p2p);
	} else {
		struct vfmig_stream s = { 0 };
		int fd = vfmig_open_ok(dev, ST_STOP_COPY);

		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		close(fd);
		mlx5_open(&b, env_vf(1), a.mem);
		mlx5_irqs(&b);
		move_load(&b.dev, &s, 0);
		mlx5_close(&a);
		vfmig_set_ok(b.dev.fd, ST_RUNNING);
		w.vf = &b;
		work_run(&w, 10);
		work_positions(&w);
	}
}

static void b2_36_neither(void)
{
	b2_36_flags(false, false);
}

static void b2_36_p2p_only(void)
{
	b2_36_flags(true, false);
}

static void b2_36_pre_copy_only(void)
{
	b2_36_flags(false, true);
}

static void b2_36_both(void)
{
	b2_36_flags(true, true);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b2_32_running_pre_copy),
		TAP_TEST(b2_32_pre_copy_running),
		TAP_TEST(b2_33_pre_copy_pre_copy_p2p),
		TAP_TEST(b2_33_pre_copy_p2p_pre_copy),
		TAP_TEST(b2_33_pre_copy_p2p_running_p2p),
		TAP_TEST(b2_33_pre_copy_p2p_stop_copy),
		TAP_TEST(b2_33_running_p2p_pre_copy_p2p),
		TAP_TEST(b2_35a_pre_copy_stop_copy),
		TAP_TEST(b2_35b_pre_copy_running_p2p),
		TAP_TEST(b2_35c_pre_copy_stop),
		TAP_TEST(b2_35d_pre_copy_resuming),
		TAP_TEST(b2_35e_pre_copy_p2p_running),
		TAP_TEST(b2_35f_pre_copy_p2p_stop),
		TAP_TEST(b2_35g_pre_copy_p2p_resuming),
		TAP_TEST(b2_35i_resuming_pre_copy_p2p),
		TAP_TEST(b2_35k_resuming_pre_copy),
		TAP_TEST(b2_35m_running_pre_copy_p2p),
		TAP_TEST(b2_35q_running_p2p_pre_copy),
		TAP_TEST(b2_35t_stop_pre_copy_p2p),
		TAP_TEST(b2_35v_stop_pre_copy),
		TAP_TEST(b2_27_signals_during_arcs),
		TAP_TEST(b2_29_reset_gives_running),
		TAP_TEST(b2_37_every_pair_of_states),
		TAP_TEST(b3_41_device_works_in_pre_copy),
		TAP_TEST(b3_42_p2p_and_back_keeps_the_session),
		TAP_TEST(b4_52_nothing_to_read_is_enomsg),
		TAP_TEST(b4_53_poll_waits_in_a_pause),
		TAP_TEST(b4_55_no_enomsg_in_stop_copy),
		TAP_TEST(b4_56_no_end_before_the_end),
		TAP_TEST(b5_67_other_commands_are_enotty),
		TAP_TEST(b5_68_bad_pointer_is_efault),
		TAP_TEST(b5_69_short_argsz_is_einval),
		TAP_TEST(b5_70_other_states_are_einval),
		TAP_TEST(b5_71_ended_session),
		TAP_TEST(b5_73_not_on_the_resuming_file),
		TAP_TEST(b5_74_initial_bytes_fall_as_data_is_read),
		TAP_TEST(b5_76_changes_are_dirty_bytes),
		TAP_TEST(b5_77_both_zero_means_enomsg),
		TAP_TEST(b5_78_flags_without_opt_in_are_left_alone),
		TAP_TEST(b5_78_flags_after_opt_in_are_output),
		TAP_TEST(b5_79_reinit),
		TAP_TEST(b5_80_leaving_before_all_is_read),
		TAP_PEER(data_size_falls_in_pre_copy, "E3 P12"),
		TAP_TEST(migrate_with_pre_copy),
		TAP_TEST(migrate_with_pre_copy_at_once),
		TAP_TEST(migrate_without_pre_copy),
		TAP_TEST(cancel_again_and_again),
		TAP_TEST(memory_is_there_before_the_stop),
		TAP_PEER(card_without_pre_copy, "offers no migration then"),
		TAP_TEST(b2_36_neither),
		TAP_TEST(b2_36_p2p_only),
		TAP_TEST(b2_36_pre_copy_only),
		TAP_TEST(b2_36_both),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
