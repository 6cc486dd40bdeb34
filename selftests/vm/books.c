// SPDX-License-Identifier: GPL-2.0-or-later
/* Books, patterns and bounded I/O. */
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void books_init(struct books *b, const char *name)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	b->name = name;
}

static void gap_until(struct books *b, uint64_t now)
{
	if (b->last_us && now - b->last_us > b->gap_us)
		b->gap_us = now - b->last_us;
}

void books_done(struct books *b)
{
	uint64_t now = now_us();

	pthread_mutex_lock(&b->lock);
	gap_until(b, now);
	b->last_us = now;
	b->done++;
	pthread_mutex_unlock(&b->lock);
}

void books_lost(struct books *b)
{
	pthread_mutex_lock(&b->lock);
	b->lost++;
	pthread_mutex_unlock(&b->lock);
}

void books_bad(struct books *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&b->lock);
	if (!b->bad++)
		vsnprintf(b->why, sizeof(b->why), fmt, ap);
	pthread_mutex_unlock(&b->lock);
	va_end(ap);
}

void books_print(struct books *b, char *buf, size_t len)
{
	pthread_mutex_lock(&b->lock);
	gap_until(b, now_us());
	snprintf(buf, len, "%s done=%llu bad=%llu lost=%llu gap_ms=%llu%s%s%s", b->name,
		 (unsigned long long)b->done, (unsigned long long)b->bad, (unsigned long long)b->lost,
		 (unsigned long long)b->gap_us / 1000, b->bad ? " why=\"" : "", b->why, b->bad ? "\"" : "");
	b->gap_us = 0;
	pthread_mutex_unlock(&b->lock);
}

static uint64_t mix(uint64_t x)
{
	/* splitmix64, public domain */
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

void pattern_fill(void *buf, size_t len, uint64_t seed)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = mix(seed * 0x10001 + i);

		memcpy(p + i, &word, len - i < 8 ? len - i : 8);
	}
}

long pattern_check(const void *buf, size_t len, uint64_t seed)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = mix(seed * 0x10001 + i);

		if (memcmp(p + i, &word, len - i < 8 ? len - i : 8))
			return (long)i;
	}
	return -1;
}

/* Ready for @events before @end; false if not. */
static bool wait_fd(int fd, short events, uint64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = now_us();

	return now < end && poll(&p, 1, (int)((end - now) / 1000) + 1) > 0;
}

bool send_all(int fd, const void *buf, size_t len, int ms)
{
	uint64_t end = now_us() + (uint64_t)ms * 1000;
	const char *p = buf;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if ((errno != EAGAIN && errno != EINTR) || !wait_fd(fd, POLLOUT, end)) {
			return false;
		}
	}
	return true;
}

bool recv_all(int fd, void *buf, size_t len, int ms)
{
	uint64_t end = now_us() + (uint64_t)ms * 1000;
	char *p = buf;

	while (len) {
		ssize_t n = recv(fd, p, len, MSG_DONTWAIT);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (!n || (errno != EAGAIN && errno != EINTR) || !wait_fd(fd, POLLIN, end)) {
			return false;
		}
	}
	return true;
}
