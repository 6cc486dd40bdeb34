// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tap.h"

#define PORT "/dev/virtio-ports/org.mlx5-vfmig.control"
#define LOCK "/tmp/vfmig-control.lock"
#define ANSWER_MS 10000
#define ANSWER_MAX (32u << 20)

struct port {
	int fd, lock;
	uint64_t start; /* of waiting, for wait_more() */
	char *in;	/* what has come, from @at on not looked at */
	size_t len, cap, at;
};

static void port_open(struct port *p)
{
	*p = (struct port){ .fd = -1 };
	p->lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_MSG(p->lock >= 0, "%s: %s", LOCK, strerror(errno));
	while (flock(p->lock, LOCK_EX | LOCK_NB))
		CHECK_MSG(wait_more(&p->start, ANSWER_MS), "%s is kept locked", LOCK);
	/* EMFILE: somebody without the lock has it open */
	while (p->fd < 0) {
		p->fd = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (p->fd < 0)
			CHECK_MSG(errno == EMFILE && wait_more(&p->start, ANSWER_MS), "%s: %s", PORT,
				  strerror(errno));
	}
	p->start = 0;
}

static void port_close(struct port *p)
{
	close(p->fd);
	close(p->lock);
	free(p->in);
}

/* Sleep until the port may be used as @events say. */
static void port_wait(struct port *p, short events)
{
	struct pollfd pfd = { .fd = p->fd, .events = events };

	CHECK_MSG(wait_more(&p->start, ANSWER_MS), "the simulator does not answer");
	poll(&pfd, 1, 100);
	CHECK_MSG(!(pfd.revents & (POLLERR | POLLNVAL)), "%s: poll gives 0x%x", PORT,
		  (unsigned int)pfd.revents);
}

static void port_write(struct port *p, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		ssize_t n = write(p->fd, s, left);

		if (n > 0) {
			s += n;
			left -= (size_t)n;
			continue;
		}
		CHECK_MSG(n == 0 || errno == EAGAIN, "%s: %s", PORT, strerror(errno));
		port_wait(p, POLLOUT);
	}
}

/* The next line, without its end; valid until the next call. */
static const char *port_line(struct port *p)
{
	for (;;) {
		char *line = p->in + p->at, *end = NULL;
		ssize_t n;

		if (p->len > p->at)
			end = memchr(line, '\n', p->len - p->at);
		if (end) {
			*end = '\0';
			p->at += (size_t)(end - line) + 1;
			return line;
		}
		if (p->len == p->cap) {
			CHECK_MSG(p->cap < ANSWER_MAX, "the answer has no end");
			p->cap = p->cap ? p->cap * 2 : 4096;
			p->in = realloc(p->in, p->cap);
			CHECK(p->in);
		}
		n = read(p->fd, p->in + p->len, p->cap - p->len);
		if (n > 0) {
			p->len += (size_t)n;
			p->start = 0;
			continue;
		}
		CHECK_MSG(n == 0 || errno == EAGAIN, "%s: %s", PORT, strerror(errno));
		port_wait(p, POLLIN);
	}
}

/*
 * One line and its answer: text of the lines (to be freed), or of the refusal. Returns whether it was
 * carried out; if it @must, that is checked.
 */
static bool say(bool must, char **text, const char *fmt, va_list ap)
{
	static unsigned int count;
	char line[2048], mark[64];
	size_t len = 0, from;
	const char *got;
	struct port p;
	int n;

	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	CHECK(n >= 0 && (size_t)n < sizeof(line) - 1 && !strchr(line, '\n'));
	strcat(line, "\n");

	port_open(&p);
	/* what comes before the mark is for somebody who did not wait for it */
	snprintf(mark, sizeof(mark), "echo %d-%u\n", (int)getpid(), ++count);
	port_write(&p, mark);
	port_write(&p, line);
	mark[strcspn(mark, "\n")] = '\0';
	do
		got = port_line(&p);
	while (strncmp(got, "  ", 2) || strcmp(got + 2, mark + strlen("echo ")));
	CHECK(!strcmp(port_line(&p), "ok"));

	from = p.at;
	for (;;) {
		got = port_line(&p);
		if (strncmp(got, "  ", 2))
			break;
	}
	if (!strcmp(got, "ok")) {
		size_t end = (size_t)(got - p.in);

		*text = malloc(end - from + 1);
		CHECK(*text);
		for (size_t i = from; i < end; i += strlen(p.in + i) + 1)
			len += (size_t)sprintf(*text + len, "%s\n", p.in + i + 2);
		(*text)[len] = '\0';
		port_close(&p);
		return true;
	}
	CHECK_MSG(!strncmp(got, "error: ", 7), "the simulator answers '%s'", got);
	line[strlen(line) - 1] = '\0';
	CHECK_MSG(!must, "'%s' is refused: %s", line, got + 7);
	*text = strdup(got + 7);
	CHECK(*text);
	port_close(&p);
	return false;
}

bool ctl_available(void)
{
	return !access(PORT, R_OK | W_OK);
}

void need_ctl(const char *why)
{
	if (!ctl_available())
		tap_skip("needs the control port of the simulator: %s", why);
}

void ctl(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	say(true, &text, fmt, ap);
	va_end(ap);
	free(text);
}

bool ctl_try(char *err, size_t len, const char *fmt, ...)
{
	char *text;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = say(false, &text, fmt, ap);
	va_end(ap);
	if (err && len)
		snprintf(err, len, "%s", ok ? "" : text);
	free(text);
	return ok;
}

char *ctl_ask(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	say(true, &text, fmt, ap);
	va_end(ap);
	return text;
}
