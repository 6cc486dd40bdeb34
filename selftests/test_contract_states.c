// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B2, 16 to 29: states, the request for one, and what a failed request leaves.
 * Names begin with the number of their statement (contract.table). The ways between the states are in
 * test_contract_arcs.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"
#include "control.h"

/* All states that this set of flags has, but ERROR. */
#define FOR_STATES(s) for (int s = ST_STOP; s < ST_COUNT; s++) if (has_state(s))

static void b2_16_state_numbers(void)
{
	_Static_assert(VFIO_DEVICE_STATE_ERROR == 0, "");
	_Static_assert(VFIO_DEVICE_STATE_STOP == 1, "");
	_Static_assert(VFIO_DEVICE_STATE_RUNNING == 2, "");
	_Static_assert(VFIO_DEVICE_STATE_STOP_COPY == 3, "");
	_Static_assert(VFIO_DEVICE_STATE_RESUMING == 4, "");
	_Static_assert(VFIO_DEVICE_STATE_RUNNING_P2P == 5, "");
	_Static_assert(VFIO_DEVICE_STATE_PRE_COPY == 6, "");
	_Static_assert(VFIO_DEVICE_STATE_PRE_COPY_P2P == 7, "");
	start_a();
	FOR_STATES(s) {
		int fd = go(s);

		CHECK_EQ(vfmig_get(dev), s);
		if (fd >= 0)
			close(fd);
		come_back();
	}
}

static void b2_17_state_after_open_is_running(void)
{
	open_a();
	vfmig_expect(dev, ST_RUNNING);
	vfmig_set_ok(dev, ST_STOP);
	mlx5_close(&a);
	mlx5_open(&a, env_vf(0), &mem);
	vfmig_expect(a.dev.fd, ST_RUNNING);
}

static void b2_18_get_gives_no_file(void)
{
	start_a();
	FOR_STATES(s) {
		struct vfio_device_feature_mig_state m = { .data_fd = 5 };
		int fd = go(s);

		CHECK_EQ(vfmig_feature(dev, F_STATE | GET, &m, sizeof(m)), 0);
		CHECK_EQ(m.device_state, s);
		CHECK_EQ(m.data_fd, -1);
		if (fd >= 0)
			close(fd);
		come_back();
	}
}

static void b2_19_set_to_the_present_state_does_nothing(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	FOR_STATES(st) {
		if (st == ST_STOP_COPY || st == ST_RESUMING)
			continue;
		fd = go(st);
		vfmig_set_ok(dev, st);
		vfmig_expect(dev, st);
		if (fd >= 0) {
			/* the session goes on */
			CHECK(read_to_pause(fd, &s) > 0);
			vfmig_stream_free(&s);
			close(fd);
		}
		come_back();
	}
	fd = go(ST_STOP_COPY);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	vfmig_first_data(&s);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p, s.len / 2, 0), 0);
	vfmig_set_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p + s.len / 2, s.len - s.len / 2, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
}

static void b2_20_session_file_is_close_on_exec(void)
{
	start_a();
	FOR_STATES(s) {
		int fd;

		if (!starts_session(ST_RUNNING, s))
			continue;
		fd = vfmig_open_ok(dev, s);
		CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
		come_back();
	}
}

static void b2_20_error_gives_no_file(void)
{
	struct vfio_device_feature_mig_state m = { .device_state = 0x77, .data_fd = 5 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_STATE | SET, &m, sizeof(m)), -EINVAL);
	CHECK_EQ(m.data_fd, -1);
	CHECK_EQ(m.device_state, 0x77);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_21_state_beyond_the_last_is_einval(void)
{
	open_a();
	CHECK_EQ(vfmig_set(dev, 8, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, 9, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, 255, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, -1, NULL), -EINVAL);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_22_set_error_is_einval(void)
{
	start_a();
	FOR_STATES(s) {
		int fd = go(s);

		CHECK_EQ(vfmig_set(dev, ST_ERROR, NULL), -EINVAL);
		vfmig_expect(dev, s);
		if (fd >= 0)
			close(fd);
		come_back();
	}
}

static void b2_23_optional_state_not_there_is_einval(void)
{
	static const int optional[] = { ST_RUNNING_P2P, ST_PRE_COPY, ST_PRE_COPY_P2P };
	unsigned int missing = 0;

	open_a();
	for (unsigned int i = 0; i < 3; i++) {
		if (has_state(optional[i]))
			continue;
		missing++;
		CHECK_EQ(vfmig_set(dev, optional[i], NULL), -EINVAL);
		vfmig_expect(dev, ST_RUNNING);
		vfmig_set_ok(dev, ST_STOP);
		CHECK_EQ(vfmig_set(dev, optional[i], NULL), -EINVAL);
		vfmig_expect(dev, ST_STOP);
		vfmig_set_ok(dev, ST_RUNNING);
	}
	if (!missing)
		tap_skip("n/a: the device has every optional state");
}

static void b2_24_stop_copy_to_pre_copy_is_einval(void)
{
	open_a();
	close(vfmig_open_ok(dev, ST_STOP_COPY));
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY_P2P, NULL), -EINVAL);
	vfmig_expect(dev, ST_STOP_COPY);
}

/*
 * Neither driver uses ERROR, so neither calls the core with it. What they answer for instead: whatever
 * is refused leaves a state that is none.
 */
static void b2_25_28_error_is_never_entered(void)
{
	uint8_t junk[4096];
	int fd;

	start_a();
	memset(junk, 0x5a, sizeof(junk));
	fd = go(ST_RESUMING);
	CHECK(write(fd, junk, sizeof(junk)) < 0);
	CHECK(vfmig_get(dev) > ST_ERROR);
	vfmig_set(dev, ST_STOP, NULL);
	CHECK(vfmig_get(dev) > ST_ERROR);
	close(fd);
	reset_a();
	fd = vfmig_open_ok(dev, ST_RESUMING);
	vfmig_set(dev, ST_RUNNING, NULL);
	CHECK(vfmig_get(dev) > ST_ERROR);
	close(fd);
	reset_a();
	fd = go(ST_STOP_COPY);
	close(fd);
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY, NULL), -EINVAL);
	CHECK(vfmig_get(dev) > ST_ERROR);
	reset_a();
}

struct requests {
	volatile bool quit;
	volatile int asked; /* the request that is under way */
	unsigned int seen;
};

/* While a request is under way GET waits for it; it never shows one that has returned as undone. */
static void *look(void *arg)
{
	struct requests *r = arg;

	while (!r->quit) {
		CHECK(vfmig_get(dev) > ST_ERROR);
		r->seen++;
	}
	return NULL;
}

static void b2_26_set_returns_when_the_way_is_walked(void)
{
	struct requests r = { 0 };
	pthread_t t;

	start_a();
	CHECK(!pthread_create(&t, NULL, look, &r));
	for (unsigned int i = 0; i < 10; i++) {
		/* the longest ways there are; what they promise holds at once */
		vfmig_set_ok(dev, ST_STOP);
		vfmig_expect(dev, ST_STOP);
		work_post(&w, 2, WORK_RING);
		work_quiet(&w, 5);
		close(vfmig_open_ok(dev, ST_STOP_COPY));
		vfmig_expect(dev, ST_STOP_COPY);
		vfmig_set_ok(dev, ST_RUNNING);
		vfmig_expect(dev, ST_RUNNING);
		work_done(&w, 2);
		if (!has(VFIO_MIGRATION_PRE_COPY))
			continue;
		close(vfmig_open_ok(dev, ST_PRE_COPY));
		vfmig_expect(dev, ST_PRE_COPY);
		vfmig_set_ok(dev, ST_STOP);
		vfmig_expect(dev, ST_STOP);
		vfmig_set_ok(dev, ST_RUNNING);
		work_run(&w, 1);
	}
	r.quit = true;
	pthread_join(t, NULL);
	CHECK(r.seen);
}

/* Firmware that takes 0.1 s for each of two commands: that long SET takes. */
static void b2_26_set_waits_for_the_firmware(void)
{
	uint64_t start;

	need_ctl("firmware that takes its time");
	start_a();
	ctl("fault clear");
	ctl("fault add cmd:SUSPEND_VHCA fn=vf0 count=2 late=100000000");
	ctl("fault add cmd:RESUME_VHCA fn=vf0 count=2 late=100000000");
	start = now_ms();
	vfmig_set_ok(dev, ST_STOP);
	CHECK_MSG(now_ms() - start >= 150, "STOP after %llu ms", (unsigned long long)(now_ms() - start));
	vfmig_expect(dev, ST_STOP);
	start = now_ms();
	vfmig_set_ok(dev, ST_RUNNING);
	CHECK_MSG(now_ms() - start >= 150, "RUNNING after %llu ms",
		  (unsigned long long)(now_ms() - start));
	ctl("fault clear");
	work_run(&w, 3);
}

static void b2_27_failed_set_can_be_left(void)
{
	int fd;

	start_a();
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	/* nothing was written: STOP must fail (44), and reset lead out of it */
	CHECK(vfmig_set(dev, ST_STOP, NULL) < 0);
	close(fd);
	reset_a();
	work_run(&w, 5);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* E2.3: signals during the requests leave a state from which one can go on. */
static void b2_27_signals_during_requests(void)
{
	struct itimerspec it = { .it_interval = { .tv_nsec = 700000 },
				 .it_value = { .tv_nsec = 700000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal };
	bool pre;
	timer_t t;

	start_a();
	pre = has(VFIO_MIGRATION_PRE_COPY);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	CHECK(!timer_settime(t, 0, &it, NULL));
	for (unsigned int i = 0; i < 10; i++) {
		int way[4] = { pre ? ST_PRE_COPY : ST_STOP,
			       has_state(ST_PRE_COPY_P2P) ? ST_PRE_COPY_P2P : ST_STOP_COPY,
			       i % 2 ? ST_STOP_COPY : ST_RUNNING, ST_RUNNING };

		for (unsigned int k = 0; k < 4; k++) {
			int fd = -2, rc = vfmig_set(dev, way[k], &fd);

			CHECK_MSG(!rc, "SET %s: %s", vfmig_state_name(way[k]), strerror(-rc));
			if (fd >= 0)
				close(fd);
		}
	}
	timer_delete(t);
	work_run(&w, 5);
}

static void b2_29_reset_gives_running(void)
{
	uint8_t byte = 0;

	start_a();
	FOR_STATES(s) {
		int fd = go(s);

		reset_a();
		if (fd < 0)
			continue;
		CHECK(s == ST_RESUMING ? write(fd, &byte, 1) < 0 : read(fd, &byte, 1) < 0);
		CHECK_EQ(errno, ENODEV);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b2_16_state_numbers),
		TAP_TEST(b2_17_state_after_open_is_running),
		TAP_TEST(b2_18_get_gives_no_file),
		TAP_TEST(b2_19_set_to_the_present_state_does_nothing),
		TAP_TEST(b2_20_session_file_is_close_on_exec),
		TAP_TEST(b2_20_error_gives_no_file),
		TAP_TEST(b2_21_state_beyond_the_last_is_einval),
		TAP_TEST(b2_22_set_error_is_einval),
		TAP_TEST(b2_23_optional_state_not_there_is_einval),
		TAP_TEST(b2_24_stop_copy_to_pre_copy_is_einval),
		TAP_TEST(b2_25_28_error_is_never_entered),
		TAP_TEST(b2_26_set_returns_when_the_way_is_walked),
		TAP_TEST(b2_26_set_waits_for_the_firmware),
		TAP_PEER(b2_27_failed_set_can_be_left, "E2.5"),
		TAP_PEER(b2_27_signals_during_requests, "E2.3"),
		TAP_TEST(b2_29_reset_gives_running),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
