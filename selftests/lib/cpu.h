/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processors of a guest: a thread that does the guest's work step by step and can be stopped between
 * two steps, as a VMM stops them.
 */
#ifndef SELFTESTS_CPU_H
#define SELFTESTS_CPU_H

#include <pthread.h>

struct cpu {
	/* One step. When there is nothing to do it sleeps, a second at most, till @wake is readable. */
	void (*step)(void *arg);
	void *arg;
	int wake; /* eventfd */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { CPU_RUNS, CPU_STOPS, CPU_STANDS, CPU_QUITS } state;
};

void cpu_start(struct cpu *c, void (*step)(void *arg), void *arg);
/* The thread touches neither memory nor registers any more when this returns. */
void cpu_stop(struct cpu *c);
void cpu_go(struct cpu *c);
void cpu_end(struct cpu *c);
/* Sleep till something of @fd (-1: ignored) is readable, but no longer than @ms. */
void cpu_sleep(struct cpu *c, const int *fd, unsigned int n, unsigned int ms);

#endif
