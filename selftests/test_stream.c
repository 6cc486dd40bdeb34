// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a stream gets out of the source and into the target: images that are loaded while the next ones
 * arrive, and where a refusal is told then; poll() and O_NONBLOCK of the resuming file; splice() from the
 * saving one. The first part wants a card that takes its time over an image (x-image-bytes-per-sec).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;
static struct vfmig_stream good;
static struct vfmig_rec image; /* the one of the stream */

static void need_ours(void)
{
	if (tap_peer())
		tap_skip("loads within write()");
}

static void need_slow(void)
{
	need_ours();
	if (!getenv("VFMIG_SLOW_IMAGE"))
		tap_skip("needs a card whose images take time (x-image-bytes-per-sec)");
}

/* A source in STOP_COPY with its whole stream read, and a fresh target. */
static void start(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 10);
	move_stop(&a.dev);
	move_save(&a.dev, &good);
	image = vfmig_first_data(&good);
	mlx5_open(&b, env_vf(1), &mem);
	need_migration(&b.dev);
}

/* The guest lives on the target, which is in STOP. */
static void goes_on(void)
{
	mlx5_close(&a);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_run(&w, 5);
	work_positions(&w);
}

/* After a session that came to nothing, another one does. */
static void recovers(void)
{
	CHECK_EQ(vfio_reset(&b.dev), 0);
	vfmig_expect(b.dev.fd, ST_RUNNING);
	CHECK_EQ(vfio_set_bus_master(&b.dev, true), 0);
	mlx5_irqs(&b);
	move_load(&b.dev, &good, 0);
	goes_on();
}

static void add_image(struct vfmig_stream *s, bool spoilt)
{
	size_t at;

	vfmig_rec_add(s, image.size, 0, VFMIG_TAG_FW_DATA, good.p + image.off + VFMIG_REC_HDR);
	at = s->len - image.size / 2;
	if (spoilt)
		s->p[at] ^= 1;
}

static int write_image(int fd, bool spoilt)
{
	struct vfmig_stream s = { 0 };
	int rc;

	add_image(&s, spoilt);
	rc = vfmig_write_all(fd, s.p, s.len, 0);
	vfmig_stream_free(&s);
	return rc;
}

static bool writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents & POLLOUT;
}

static void set_nonblock(int fd, bool on)
{
	CHECK_EQ(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0), 0);
}

/* Fill the ring of the driver (parameter loads=2), without waiting for a LOAD. */
static int fill(void)
{
	int fd = vfmig_open_ok(b.dev.fd, ST_RESUMING);

	CHECK(writable(fd));
	CHECK_EQ(write_image(fd, false), 0);
	CHECK_MSG(writable(fd), "there is one image only, and room for two");
	CHECK_EQ(write_image(fd, false), 0);
	CHECK_MSG(!writable(fd), "two images were loaded in no time, or there is room for three");
	return fd;
}

static void images_load_while_the_next_arrive(void)
{
	struct vfmig_rec r;
	uint8_t byte = 0;
	size_t off = 0;
	int fd;

	need_slow();
	start();
	fd = fill();
	set_nonblock(fd, true);
	/* the head of a record fits, its image does not */
	CHECK_EQ(write(fd, good.p + image.off, VFMIG_REC_HDR), VFMIG_REC_HDR);
	CHECK(write(fd, &byte, 1) == -1 && errno == EAGAIN);
	set_nonblock(fd, false);
	CHECK_EQ(vfmig_write_all(fd, good.p + image.off + VFMIG_REC_HDR, image.size, 0), 0);
	/* and the whole of the real one behind all that */
	for (; vfmig_rec_at(&good, off, &r); off += VFMIG_REC_HDR + r.size)
		if (r.tag == VFMIG_TAG_FW_DATA)
			CHECK_EQ(vfmig_write_all(fd, good.p + off, VFMIG_REC_HDR + r.size, 0), 0);
	/* those that wait are loaded first */
	CHECK_EQ(vfmig_set(b.dev.fd, ST_STOP, NULL), 0);
	CHECK(write(fd, &byte, 1) == -1 && errno == ENODEV);
	close(fd);
	goes_on();
}

static void a_refused_image_is_told_by_a_later_write(void)
{
	int fd, rc = 0, writes = 0;

	need_slow();
	start();
	fd = vfmig_open_ok(b.dev.fd, ST_RESUMING);
	CHECK_EQ(write_image(fd, true), 0);
	while (!rc && writes++ < 4)
		rc = write_image(fd, false);
	CHECK_MSG(rc < 0 && rc != -ENODEV, "%d after %d writes", rc, writes);
	CHECK_EQ(write_image(fd, false), -ENODEV);
	CHECK_MSG(vfmig_set(b.dev.fd, ST_STOP, NULL) < 0, "a stream with a refused image was taken");
	vfmig_expect(b.dev.fd, ST_RESUMING);
	close(fd);
	recovers();
}

static void a_refused_last_image_is_told_by_stop(void)
{
	int fd, rc;

	need_slow();
	start();
	fd = vfmig_open_ok(b.dev.fd, ST_RESUMING);
	CHECK_EQ(write_image(fd, false), 0);
	CHECK_EQ(write_image(fd, true), 0);
	rc = vfmig_set(b.dev.fd, ST_STOP, NULL);
	CHECK_MSG(rc < 0, "a stream with a refused image was taken");
	vfmig_expect(b.dev.fd, ST_RESUMING);
	CHECK_EQ(write_image(fd, false), -ENODEV);
	CHECK_EQ(vfmig_set(b.dev.fd, ST_STOP, NULL), rc);
	close(fd);
	recovers();
}

static void reset_drops_what_waits(void)
{
	int fd;

	need_slow();
	start();
	fd = fill();
	CHECK_EQ(vfio_reset(&b.dev), 0);
	vfmig_expect(b.dev.fd, ST_RUNNING);
	CHECK_EQ(write_image(fd, false), -ENODEV);
	close(fd);
	recovers();
}

static void reset_ends_a_write_that_waits(void)
{
	uint64_t since = 0;
	pid_t child, got;
	int fd, status;

	need_slow();
	start();
	fd = fill();
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		int rc, i = 0;

		/* there is room now and then, as a LOAD ends; and the reset may spoil one */
		do
			rc = write_image(fd, false);
		while (!rc && i++ < 100);
		_exit(rc ? 0 : 1);
	}
	usleep(50000);
	CHECK_EQ(vfio_reset(&b.dev), 0);
	while (!(got = waitpid(child, &status, WNOHANG)))
		CHECK_MSG(wait_more(&since, 10000), "the write still waits");
	CHECK_EQ(got, child);
	CHECK_EQ(status, 0);
	CHECK_EQ(write_image(fd, false), -ENODEV);
	close(fd);
	recovers();
}

static void close_drops_what_waits(void)
{
	int fd;

	need_slow();
	start();
	fd = fill();
	mlx5_close(&b);
	CHECK_EQ(write_image(fd, false), -ENODEV);
	close(fd);
	mlx5_open(&b, env_vf(1), &mem);
	recovers();
}

static void splice_gives_the_stream(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t part[65536];
	int fd, p[2];
	ssize_t n;

	need_ours();
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 10);
	move_stop(&a.dev);
	fd = vfmig_open_ok(a.dev.fd, ST_STOP_COPY);
	CHECK_EQ(pipe(p), 0);
	while ((n = splice(fd, NULL, p[1], NULL, sizeof(part), 0)) > 0) {
		while (n > 0) {
			ssize_t got = read(p[0], part, sizeof(part));

			CHECK(got > 0 && got <= n);
			vfmig_append(&s, part, got);
			n -= got;
		}
	}
	CHECK_MSG(!n, "splice: %s", strerror(errno));
	close(fd);
	mlx5_open(&b, env_vf(1), &mem);
	move_load(&b.dev, &s, 0);
	goes_on();
}

static const struct tap_test tests[] = {
	TAP_TEST(images_load_while_the_next_arrive),
	TAP_TEST(a_refused_image_is_told_by_a_later_write),
	TAP_TEST(a_refused_last_image_is_told_by_stop),
	TAP_TEST(reset_drops_what_waits),
	TAP_TEST(reset_ends_a_write_that_waits),
	TAP_TEST(close_drops_what_waits),
	TAP_TEST(splice_gives_the_stream),
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
