/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol of the simulator (docs/control.rst), from inside the test VM: one line goes out,
 * its answer comes in. Every call opens the port and closes it again, and waits for its turn, so that
 * tests and their child processes can call as they like. An answer that takes more than 10 s fails the
 * test.
 */
#ifndef SELFTESTS_CONTROL_H
#define SELFTESTS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

/* Is there a simulator to talk to? */
bool ctl_available(void);
/* Skips the test if not; @why is what it is needed for. */
void need_ctl(const char *why);
/* The line must be carried out. */
void ctl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Whether it was; if not, the reason is in @err (NULL: nobody asks). */
bool ctl_try(char *err, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* It must be carried out; returns the lines of its answer, each with '\n', to be freed. */
char *ctl_ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
