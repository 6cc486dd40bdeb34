// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tap.h"

#define FDS 4

/* False: the end. */
static bool may_run(struct cpu *c)
{
	bool quit;

	pthread_mutex_lock(&c->lock);
	while (c->state == CPU_STOPS || c->state == CPU_STANDS) {
		c->state = CPU_STANDS;
		pthread_cond_broadcast(&c->changed);
		pthread_cond_wait(&c->changed, &c->lock);
	}
	quit = c->state == CPU_QUITS;
	pthread_mutex_unlock(&c->lock);
	return !quit;
}

static void *run(void *arg)
{
	struct cpu *c = arg;

	while (may_run(c))
		c->step(c->arg);
	return NULL;
}

/* With the lock held. */
static void set(struct cpu *c, int state)
{
	uint64_t one = 1;

	c->state = state;
	pthread_cond_broadcast(&c->changed);
	CHECK_EQ(write(c->wake, &one, sizeof(one)), sizeof(one));
}

void cpu_start(struct cpu *c, void (*step)(void *arg), void *arg)
{
	*c = (struct cpu){ .step = step, .arg = arg, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	CHECK(c->wake >= 0);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	CHECK(!pthread_create(&c->thread, NULL, run, c));
}

void cpu_stop(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	set(c, CPU_STOPS);
	while (c->state != CPU_STANDS)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void cpu_go(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	set(c, CPU_RUNS);
	pthread_mutex_unlock(&c->lock);
}

void cpu_end(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	set(c, CPU_QUITS);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	close(c->wake);
}

void cpu_sleep(struct cpu *c, const int *fd, unsigned int n, unsigned int ms)
{
	struct pollfd p[FDS] = { { .fd = c->wake, .events = POLLIN } };
	uint64_t count;

	CHECK(n < FDS);
	for (unsigned int i = 0; i < n; i++)
		p[i + 1] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	poll(p, n + 1, (int)ms);
	if (p[0].revents && read(c->wake, &count, sizeof(count)) < 0)
		CHECK(errno == EAGAIN);
}
