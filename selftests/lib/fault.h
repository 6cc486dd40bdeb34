/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault rules of the simulator (docs/control.rst), and what the driver under test says of itself in
 * debugfs.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Forget all rules. */
void fault_clear(void);
/* The words of a rule. Returns its number. */
unsigned int fault_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How often it fired. A test whose rule never did has tested nothing. */
unsigned long fault_hits(unsigned int rule);

/* A counter of mlx5_vfmig for a VF. */
long driver_stat(const char *bdf, const char *name);
/* Its last error in words, with the time it came. */
void driver_error(const char *bdf, char *buf, size_t len);
/* How many PAGE_TRACK objects it has now for a VF. */
unsigned int driver_trackers(const char *bdf);

#endif
