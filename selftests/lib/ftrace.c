// SPDX-License-Identifier: GPL-2.0-or-later
#include "ftrace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tap.h"
#include "vfio.h"

#define TRACING "/sys/kernel/tracing"
#define BUFFER_KB "16384"

static void set(const char *val, const char *file)
{
	int rc = sysfs_write(val, TRACING "/%s", file);

	CHECK_MSG(!rc, "echo %s >%s: %s", val, file, strerror(-rc));
}

/* It is opening that empties it. */
static void empty(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	CHECK_MSG(fd >= 0, "trace: %s", strerror(errno));
	close(fd);
}

static void set_events(const char *events, const char *val)
{
	char list[512], *save = NULL;

	snprintf(list, sizeof(list), "%s", events);
	for (char *e = strtok_r(list, " ", &save); e; e = strtok_r(NULL, " ", &save)) {
		int rc = sysfs_write(val, TRACING "/events/%s/enable", e);

		CHECK_MSG(!rc, "no event %s: %s", e, strerror(-rc));
	}
}

void ftrace_begin(const char *events, bool stacks)
{
	if (access(TRACING "/tracing_on", F_OK))
		CHECK_MSG(!mount("tracefs", TRACING, "tracefs", 0, NULL), "no tracefs: %s",
			  strerror(errno));
	set("0", "tracing_on");
	set("0", "events/enable");
	set("nop", "current_tracer");
	set(BUFFER_KB, "buffer_size_kb");
	set(stacks ? "1" : "0", "options/stacktrace");
	/* with it a name of the module comes too */
	set(stacks ? "1" : "0", "options/sym-offset");
	empty();
	set_events(events, "1");
	set("1", "tracing_on");
}

static char *read_all(const char *path)
{
	size_t len = 0, cap = 1 << 20;
	char *text = malloc(cap);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	CHECK_MSG(fd >= 0 && text, "%s: %s", path, strerror(errno));
	for (;;) {
		n = read(fd, text + len, cap - len - 1);
		CHECK_MSG(n >= 0, "%s: %s", path, strerror(errno));
		if (!n)
			break;
		len += (size_t)n;
		if (cap - len < 65536) {
			cap *= 2;
			text = realloc(text, cap);
			CHECK(text);
		}
	}
	close(fd);
	text[len] = '\0';
	return text;
}

char *ftrace_end(void)
{
	unsigned long kept, written;
	const char *line;
	char *text;

	set("0", "tracing_on");
	text = read_all(TRACING "/trace");
	set("0", "events/enable");
	set("0", "options/stacktrace");
	set("0", "options/sym-offset");
	line = strstr(text, "entries-in-buffer/entries-written: ");
	CHECK_MSG(line && sscanf(line, "entries-in-buffer/entries-written: %lu/%lu", &kept,
				 &written) == 2, "a trace without a head");
	CHECK_MSG(kept == written, "the trace buffer is too small: %lu of %lu entries", kept,
		  written);
	empty();
	return text;
}

const char *ftrace_find(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	while (at && at > text && at[-1] != '\n')
		at--;
	return at;
}

/* "[name]" at the end of a line of a stack, "" if there is none. */
static void module_of(const char *line, size_t len, char *module, size_t size)
{
	const char *open = memchr(line, '[', len), *end;

	module[0] = '\0';
	if (!open)
		return;
	end = memchr(open, ']', len - (size_t)(open - line));
	if (end)
		snprintf(module, size, "%.*s", (int)(end - open - 1), open + 1);
}

static size_t line_len(const char *line)
{
	return strcspn(line, "\n");
}

bool ftrace_next(const char **at, const char *const through[2], struct ftrace_call *call)
{
	const char *line = *at;
	char module[64];

	memset(call, 0, sizeof(*call));
	for (; *line; line += line_len(line) + !!line[line_len(line)]) {
		size_t len = line_len(line);

		if (memmem(line, len, "<stack trace>", 13))
			break;
		if (*line != '#')
			snprintf(call->event, sizeof(call->event), "%.*s", (int)len, line);
	}
	if (!*line)
		return false;
	line += line_len(line) + 1;
	for (; !strncmp(line, " =>", 3); line += line_len(line) + !!line[line_len(line)]) {
		size_t len = line_len(line);

		module_of(line, len, module, sizeof(module));
		if (*module && !*call->module) {
			snprintf(call->module, sizeof(call->module), "%s", module);
			snprintf(call->function, sizeof(call->function), "%.*s", (int)(len - 4),
				 line + 4);
		}
		for (unsigned int i = 0; i < 2; i++)
			if (through[i] && !strcmp(module, through[i]))
				call->through[i] = true;
	}
	*at = line;
	return true;
}
