// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B4, 47 to 59 and 62: the data file as a file. Names begin with the number of
 * their statement (contract.table). What is in it is the matter of test_contract_streams.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"
#include "vfmig_stream.h"

/* A VF that works, on a card that takes its time to save if there is one. */
static bool start_slow(void)
{
	const char *bdf = card2_vf("slow");

	open_at(bdf ? bdf : env_vf(0));
	work_a();
	return bdf || getenv("VFMIG_SLOW_IMAGE");
}

static void b4_47_one_file_per_session(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t byte;
	int fd, two;

	start_a();
	if (has(VFIO_MIGRATION_PRE_COPY)) {
		fd = vfmig_open_ok(dev, ST_PRE_COPY);
		CHECK(read_to_pause(fd, &s) > 0);
		if (has_state(ST_PRE_COPY_P2P)) {
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
			vfmig_set_ok(dev, ST_PRE_COPY);
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		}
		/* gives no file of its own: the stream goes on in this one */
		vfmig_set_ok(dev, ST_STOP_COPY);
	} else {
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
	}
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	vfmig_set_ok(dev, ST_STOP);
	CHECK(read(fd, &byte, 1) < 0 && errno == ENODEV);
	/* the next session has the next file */
	two = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK(two != fd);
	CHECK(read(fd, &byte, 1) < 0 && errno == ENODEV);
	CHECK_EQ(read(two, &byte, 1), 1);
	close(two);
	close(fd);
	goes_on_from(&s);
}

static void b4_48_no_data_of_the_next_session_in_an_old_file(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[64];
	int one, two;

	start_a();
	one = go(ST_STOP_COPY);
	CHECK_EQ(read(one, buf, 10), 10);
	vfmig_set_ok(dev, ST_STOP);
	two = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK(read(one, buf, sizeof(buf)) < 0 && errno == ENODEV);
	CHECK_EQ(vfmig_read_all(two, &s, 0), 0);
	vfmig_first_data(&s);
	CHECK(read(one, buf, sizeof(buf)) < 0 && errno == ENODEV);
	close(one);
	vfmig_set_ok(dev, ST_STOP);
	/* the same of files that take */
	one = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(one, s.p, s.len, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	two = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(write(one, s.p, 16) < 0 && errno == ENODEV);
	CHECK_EQ(vfmig_write_all(two, s.p, s.len, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 5);
}

static void b4_48_close_of_the_device_ends_the_session(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	mlx5_close(&a);
	CHECK(read(fd, buf, sizeof(buf)) < 0 && errno == ENODEV);
	close(fd);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	fd = vfmig_open_ok(dev, ST_RESUMING);
	mlx5_close(&a);
	CHECK(write(fd, buf, sizeof(buf)) < 0 && errno == ENODEV);
}

static void ended(int fd, bool saves)
{
	uint8_t buf[100] = { 0 };

	for (unsigned int i = 0; i < 3; i++) {
		ssize_t n = saves ? read(fd, buf, sizeof(buf)) : write(fd, buf, sizeof(buf));

		CHECK_MSG(n < 0 && errno == ENODEV, "%zd, %s", n, strerror(errno));
	}
	close(fd);
}

static void b4_49_ended_session_is_enodev(void)
{
	int fd;

	start_a();
	for (int s = ST_STOP; s < ST_COUNT; s++) {
		if (!has_state(s) || !starts_session(ST_RUNNING, s))
			continue;
		for (unsigned int how = 0; how < 2; how++) {
			fd = go(s);
			if (how || s == ST_RESUMING)
				reset_a();
			else
				vfmig_set_ok(dev, ST_RUNNING);
			ended(fd, s != ST_RESUMING);
		}
	}
	fd = go(ST_RESUMING);
	vfmig_set_ok(dev, ST_STOP);
	ended(fd, false);
}

static void b4_50_positions_are_espipe(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(pread(fd, buf, sizeof(buf), 0) < 0 && errno == ESPIPE);
	CHECK(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(pwrite(fd, buf, sizeof(buf), 0) < 0 && errno == ESPIPE);
	CHECK(lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE);
}

static void b4_51_wrong_direction_is_ebadf(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(write(fd, buf, sizeof(buf)) < 0 && errno == EBADF);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(read(fd, buf, sizeof(buf)) < 0 && errno == EBADF);
}

static void b4_52_nothing_to_read_is_enomsg(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t byte;
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK(read_to_pause(fd, &s) > 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
	if (has_state(ST_PRE_COPY_P2P)) {
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
	}
}

static void b4_53_poll_waits_in_a_pause(void)
{
	struct vfmig_stream s = { 0 };
	struct pollfd p = { .events = POLLIN };
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	p.fd = fd;
	CHECK_EQ(poll(&p, 1, 20000), 1);
	read_to_pause(fd, &s);
	CHECK_EQ(poll(&p, 1, 20), 0);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents & (POLLERR | POLLHUP | POLLRDHUP), 0);
}

static void b4_54_end_of_stream_is_for_ever(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	vfmig_first_data(&s);
	for (unsigned int i = 0; i < 5; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK(p.revents & POLLIN);
	}
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
}

static void b4_55_no_enomsg_in_stop_copy(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	if (has(VFIO_MIGRATION_PRE_COPY)) {
		fd = vfmig_open_ok(dev, ST_PRE_COPY);
		read_to_pause(fd, &s);
		vfmig_set_ok(dev, ST_STOP_COPY);
	} else {
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
	}
	CHECK_EQ(vfmig_read_all(fd, &s, 3), 0);
	records_are_whole(&s);
	CHECK_EQ(read(fd, s.p, 1), 0);
}

static void b4_56_records_are_whole_at_the_end(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	size_t off = 0;
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 1000), 0);
	CHECK(vfmig_rec_at(&s, 0, &r));
	if (r.tag == VFMIG_STREAM_T_ORIGIN) {
		CHECK_EQ(r.flags, VFMIG_REC_OPTIONAL);
		CHECK(vfmig_rec_at(&s, VFMIG_REC_HDR + r.size, &r));
	}
	CHECK_EQ(r.tag, VFMIG_TAG_STOP_COPY_SIZE);
	CHECK_EQ(r.flags, VFMIG_REC_OPTIONAL);
	CHECK(r.size >= 8);
	while (vfmig_rec_at(&s, off, &r)) {
		tap_diag("record at %zu: size %llu flags %u tag 0x%x", off,
			 (unsigned long long)r.size, r.flags, r.tag);
		off += VFMIG_REC_HDR + r.size;
	}
	CHECK_EQ(off, s.len);
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
	bool p2p;

	start_pre();
	p2p = has_state(ST_PRE_COPY_P2P);
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
		if (k % 2 && p2p)
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

static void b4_57_nonblocking_read_with_poll(void)
{
	struct vfmig_stream s = { 0 };
	unsigned int again = 0;
	uint8_t buf[5000];
	bool slow;
	ssize_t n;
	int fd;

	slow = start_slow();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		n = read(fd, buf, sizeof(buf));
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			again++;
			CHECK_EQ(poll(&p, 1, 20000), 1);
			CHECK_EQ(p.revents & (POLLERR | POLLRDHUP | POLLHUP), 0);
			continue;
		}
		vfmig_append(&s, buf, (size_t)n);
	}
	vfmig_first_data(&s);
	close(fd);
	tap_diag("%u times not ready", again);
	if (slow)
		CHECK_MSG(again, "the image was to be slow, and never was");
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_58_poll_of_an_ended_session_says_so(void)
{
	struct pollfd p = { .events = POLLIN | POLLRDNORM | POLLRDHUP };

	start_a();
	p.fd = go(ST_STOP_COPY);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK(!(p.revents & POLLRDHUP));
	vfmig_set_ok(dev, ST_STOP);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents & (POLLIN | POLLRDNORM | POLLRDHUP), POLLIN | POLLRDNORM | POLLRDHUP);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void b4_59_signals_lose_no_data(void)
{
	struct itimerspec it = { .it_interval = { .tv_nsec = 300000 }, .it_value = { .tv_nsec = 300000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART */
	struct vfmig_stream s = { 0 };
	unsigned int eintr = 0;
	uint8_t buf[777];
	bool slow;
	timer_t t;
	ssize_t n;
	int fd;

	slow = start_slow();
	fd = go(ST_STOP_COPY);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	CHECK(!timer_settime(t, 0, &it, NULL));
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EINTR);
			eintr++;
			continue;
		}
		vfmig_append(&s, buf, (size_t)n);
	}
	timer_delete(t);
	close(fd);
	tap_diag("interrupted %u times", eintr);
	if (slow)
		CHECK_MSG(eintr, "the image was to be slow, and no read blocked");
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_62_close_of_the_file_keeps_the_state(void)
{
	start_a();
	close(go(ST_STOP_COPY));
	vfmig_expect(dev, ST_STOP_COPY);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 3);
	close(go(ST_RESUMING));
	vfmig_expect(dev, ST_RESUMING);
}

static void b4_62_duplicates_share_the_session(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[100];
	int fd, two;
	ssize_t n;

	start_a();
	fd = go(ST_STOP_COPY);
	two = dup(fd);
	CHECK(two >= 0);
	n = read(fd, buf, sizeof(buf));
	CHECK(n > 0);
	vfmig_append(&s, buf, (size_t)n);
	close(fd);
	CHECK_EQ(vfmig_read_all(two, &s, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	CHECK(read(two, buf, 1) < 0 && errno == ENODEV);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	two = dup(fd);
	CHECK_EQ(vfmig_write_all(fd, s.p, 50, 0), 0);
	close(fd);
	CHECK_EQ(vfmig_write_all(two, s.p + 50, s.len - 50, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	move_resume(&a);
	work_run(&w, 3);
}

static void b4_62_file_in_another_process(void)
{
	uint8_t byte;
	int fd, st, go_on[2], has_read[2];
	pid_t pid;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(!pipe(go_on) && !pipe(has_read));
	pid = fork();
	if (!pid) {
		/* not the device */
		close(go_on[1]);
		if (read(fd, &byte, 1) != 1 || write(has_read[1], &byte, 1) != 1)
			_exit(2);
		if (read(go_on[0], &byte, 1))
			_exit(3);
		_exit(read(fd, &byte, 1) < 0 && errno == ENODEV ? 0 : 4);
	}
	close(go_on[0]);
	CHECK(!close(has_read[1]));
	CHECK(read(has_read[0], &byte, 1) == 1);
	vfmig_set_ok(dev, ST_RUNNING);
	close(go_on[1]);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_MSG(WIFEXITED(st) && WEXITSTATUS(st) == 0, "status 0x%x", st);
	work_run(&w, 3);
}

static void b4_62_two_readers_share_all_bytes(void)
{
	struct vfmig_stream s = { 0 };
	struct reader r[2];
	pthread_t t[2];
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	for (unsigned int i = 0; i < 2; i++) {
		r[i] = (struct reader){ .fd = fd };
		CHECK(!pthread_create(&t[i], NULL, read_on, &r[i]));
	}
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(r[i].err, 0);
	}
	CHECK_EQ(r[0].total + r[1].total, s.len);
}

static void b4_62_state_change_under_readers(void)
{
	start_a();
	for (unsigned int k = 0; k < 10; k++) {
		struct reader r[2];
		pthread_t t[2];
		int fd = go(ST_STOP_COPY);

		for (unsigned int i = 0; i < 2; i++) {
			r[i] = (struct reader){ .fd = fd };
			CHECK(!pthread_create(&t[i], NULL, read_on, &r[i]));
		}
		if (k % 2)
			CHECK_EQ(vfio_reset(&a.dev), 0);
		else
			vfmig_set_ok(dev, ST_RUNNING);
		for (unsigned int i = 0; i < 2; i++) {
			pthread_join(t[i], NULL);
			/* EIO: the firmware gave up the SAVE of a function that was reset */
			CHECK_MSG(r[i].err == 0 || r[i].err == ENODEV || (k % 2 && r[i].err == EIO),
				  "%s", strerror(r[i].err));
		}
		close(fd);
		vfmig_expect(dev, ST_RUNNING);
		if (k % 2) {
			CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
			work_a();
		}
		work_run(&w, 2);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b4_47_one_file_per_session),
		TAP_TEST(b4_48_no_data_of_the_next_session_in_an_old_file),
		TAP_TEST(b4_48_close_of_the_device_ends_the_session),
		TAP_TEST(b4_49_ended_session_is_enodev),
		TAP_TEST(b4_50_positions_are_espipe),
		TAP_TEST(b4_51_wrong_direction_is_ebadf),
		TAP_TEST(b4_52_nothing_to_read_is_enomsg),
		TAP_TEST(b4_53_poll_waits_in_a_pause),
		TAP_TEST(b4_54_end_of_stream_is_for_ever),
		TAP_TEST(b4_55_no_enomsg_in_stop_copy),
		TAP_TEST(b4_56_records_are_whole_at_the_end),
		TAP_TEST(b4_56_no_end_before_the_end),
		TAP_TEST(b4_57_nonblocking_read_with_poll),
		TAP_TEST(b4_58_poll_of_an_ended_session_says_so),
		TAP_TEST(b4_59_signals_lose_no_data),
		TAP_TEST(b4_62_close_of_the_file_keeps_the_state),
		TAP_TEST(b4_62_duplicates_share_the_session),
		TAP_TEST(b4_62_file_in_another_process),
		TAP_TEST(b4_62_two_readers_share_all_bytes),
		TAP_TEST(b4_62_state_change_under_readers),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
