/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says while faults are injected: its complaints, those of them that are known and
 * not ours, and where in the kernel a failure was forced.
 */
#ifndef SELFTESTS_KLOG_H
#define SELFTESTS_KLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "tap.h"

struct klog_known {
	const char *text;  /* part of the line */
	const char *where; /* file and line in Linux 7.3 */
	const char *why;
};

#define KLOG_RECENT 16

struct klog {
	int fd;
	const struct klog_known *known; /* ends with .text = NULL; may be NULL */
	unsigned int complaints, excused; /* since klog_open() */
	char line[256];  /* the last complaint that nobody excuses */
	char site[96];   /* function in which the last failure was forced, "" if none */
	/* private */
	bool in_stack;
	char alloc[64];
	char recent[KLOG_RECENT][200];
	unsigned int lines;
};

void klog_open(struct klog *k, const struct klog_known *known);
/* Take note of all that has been said since. Returns the number of new complaints. */
unsigned int klog_look(struct klog *k);
/* Wait up to @ms for a line that holds @what, taking note of all lines up to it. */
bool klog_wait(struct klog *k, const char *what, unsigned int ms);

/* The last lines, as diagnostics. */
void klog_dump(struct klog *k);
/* A check of a test whose reason may be in the kernel's log. */
#define KLOG_CHECK(k, cond, ...)                                                                   \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			klog_dump(k);                                                              \
			tap_fail(__FILE__, __LINE__, __VA_ARGS__);                                 \
		}                                                                                  \
	} while (0)

#endif
