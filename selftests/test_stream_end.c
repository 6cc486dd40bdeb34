// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A read that gives 0 is the end of the stream, also for a reader who was already there when PRE_COPY
 * became STOP_COPY (E2.4, statement 56).
 *
 * One reader takes an image of many megabytes in one read() and keeps the others out for that long. A
 * second one comes while there is something to read and has to wait for the first. Before its turn the
 * device goes to STOP_COPY, whose SAVE is late. When it has its turn nothing is left, nothing is there
 * yet, and the stream is not at its end.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"
#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

#define ROOM (64UL << 20)
#define ENOUGH (8UL << 20) /* an image that takes a while to copy */
#define SAVE_LATE_NS 3000000000ULL
#define TRIES 6

struct reader {
	pthread_t thread;
	uint8_t *buf;
	ssize_t n;
	volatile pid_t tid;
	volatile bool done;
};

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;
static int fd;

static void *read_once(void *arg)
{
	struct reader *r = arg;

	r->tid = (pid_t)syscall(SYS_gettid);
	r->n = read(fd, r->buf, ROOM);
	r->done = true;
	return NULL;
}

/* Its memory is made as it is written to, so that one can see how far it is. */
static void reader_start(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	r->buf = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(r->buf != MAP_FAILED);
	CHECK(!madvise(r->buf, ROOM, MADV_NOHUGEPAGE));
	CHECK(!pthread_create(&r->thread, NULL, read_once, r));
}

static void reader_free(struct reader *r)
{
	munmap(r->buf, ROOM);
}

static void wait_until_copying(struct reader *r)
{
	unsigned char in = 0;
	uint64_t start = 0;

	while (!r->done && !in) {
		CHECK(wait_more(&start, 20000));
		CHECK(!mincore(r->buf + (1 << 20), 4096, &in));
		in &= 1;
	}
}

/* The state letter of a thread of this process. */
static char thread_state(pid_t tid)
{
	char line[256], c = '?', *p;

	if (!sysfs_read(line, sizeof(line), "/proc/self/task/%d/stat", tid)) {
		p = strrchr(line, ')');
		if (p)
			c = p[2];
	}
	return c;
}

static void wait_until_asleep(struct reader *r)
{
	uint64_t start = 0;

	while (!r->done && (!r->tid || !strchr("DS", thread_state(r->tid))) &&
	       wait_more(&start, 500))
		;
}

/* Source and target as after the migration that has been given up. */
static void back_to_running(void)
{
	struct vfmig_stream s = { 0 };

	CHECK_EQ(vfmig_read_all(fd, &s, 1 << 20), 0);
	vfmig_stream_free(&s);
	close(fd);
	vfmig_set_ok(a.dev.fd, ST_STOP);
	move_resume(&a);
}

/*
 * One try. True: the second reader had its turn in STOP_COPY; @s is then the whole stream, and what it
 * has read is in the middle.
 */
static bool try(struct vfmig_stream *s, ssize_t *second)
{
	struct reader one, two;
	bool both_were_there;

	fd = vfmig_open_ok(a.dev.fd, ST_PRE_COPY);
	ctl("fault clear");
	ctl("fault add cmd:SAVE_VHCA_STATE fn=vf0 state=stopped late=%llu",
	    (unsigned long long)SAVE_LATE_NS);
	reader_start(&one);
	wait_until_copying(&one);
	reader_start(&two);
	wait_until_asleep(&two);
	vfmig_set_ok(a.dev.fd, ST_PRE_COPY_P2P);
	vfmig_set_ok(a.dev.fd, ST_STOP_COPY);
	both_were_there = !one.done && !two.done;
	pthread_join(one.thread, NULL);
	pthread_join(two.thread, NULL);
	both_were_there = both_were_there && one.n > (ssize_t)ENOUGH;
	if (both_were_there) {
		vfmig_append(s, one.buf, (size_t)one.n);
		CHECK_MSG(two.n >= 0, "the second reader: %zd", two.n);
		vfmig_append(s, two.buf, (size_t)two.n);
		*second = two.n;
	} else {
		tap_diag("another try: the first one read %zd, the second one %zd", one.n, two.n);
		back_to_running();
	}
	reader_free(&one);
	reader_free(&two);
	return both_were_there;
}

static void e2_04_no_end_before_the_end(void)
{
	struct vfmig_stream s = { 0 };
	unsigned int tries = 0;
	ssize_t second = 0;
	uint64_t flags;
	size_t before;

	need_ctl("a SAVE that is late");
	if (!getenv("VFMIG_BULK"))
		tap_skip("needs a state of tens of megabytes");
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	CHECK_EQ(vfmig_flags(a.dev.fd, &flags), 0);
	if (!(flags & VFIO_MIGRATION_PRE_COPY))
		tap_skip("no PRE_COPY here");
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
	while (!try(&s, &second))
		CHECK_MSG(++tries < TRIES, "the second reader has never met the change of state");
	before = s.len;
	CHECK_EQ(vfmig_read_all(fd, &s, 1 << 20), 0);
	tap_diag("the second reader got %zd bytes, %zu came after it", second, s.len - before);
	CHECK_MSG(second > 0 || s.len == before, "a read gave 0, and %zu bytes came after it",
		  s.len - before);
	close(fd);
	move_to(&a, &b, env_vf(1), &s);
	move_resume(&b);
	w.vf = w.peer = &b;
	work_run(&w, 20);
	ctl("fault clear");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ .name = "e2_04_no_end_before_the_end", .fn = e2_04_no_end_before_the_end,
		  .peer_todo = "E2.4", .timeout_s = 180 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
