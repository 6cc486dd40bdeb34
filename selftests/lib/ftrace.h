/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's trace buffer: events that came between two points, each with its stack of calls if that
 * was asked for.
 */
#ifndef SELFTESTS_FTRACE_H
#define SELFTESTS_FTRACE_H

#include <stdbool.h>
#include <stddef.h>

/* Record these events ("kmem/kmalloc mlx5_vfmig") from now on; @stacks: who called. */
void ftrace_begin(const char *events, bool stacks);
/* Stop. Returns all that was recorded, to be freed; the test ends if a part of it was lost. */
char *ftrace_end(void);
/* The first line from @text on that holds @what; NULL if there is none. */
const char *ftrace_find(const char *text, const char *what);

/*
 * The next event with a stack from *@at on, which is moved behind it. @event: the line; @module: the
 * module of the innermost call that is in one, "" if none is. False at the end.
 */
struct ftrace_call {
	char event[256];
	char module[64];
	char function[128]; /* that call, with its offset */
	bool through[2];    /* whether the two modules asked for are anywhere among the callers */
};
bool ftrace_next(const char **at, const char *const through[2], struct ftrace_call *call);

#endif
