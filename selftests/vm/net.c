// SPDX-License-Identifier: GPL-2.0-or-later
/* A TCP stream that comes back, and ICMP echo. */
#include "work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ECHO_EVERY_MS 50
#define ECHO_OPEN 2048u /* requests that may wait for an answer: more than IO_MS holds */

static bool address(const char *ip, uint16_t port, struct sockaddr_in *to)
{
	*to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	return inet_pton(AF_INET, ip, &to->sin_addr) == 1;
}

static atomic_int stream_fd = -1; /* of the connection, when there is one */
static struct sockaddr_in stream_to;

bool stream_look(char *buf, size_t len)
{
	struct sockaddr_in mine, peer;
	socklen_t n = sizeof(mine), m = sizeof(peer), k = sizeof(struct tcp_info);
	int fd = atomic_load(&stream_fd);
	struct tcp_info info;
	struct stat st;

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&mine, &n) ||
	    getpeername(fd, (struct sockaddr *)&peer, &m) || fstat(fd, &st) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &k))
		return false;
	snprintf(buf, len, "socket %lu ports %u %u tcp state %u", (unsigned long)st.st_ino, ntohs(mine.sin_port),
		 ntohs(peer.sin_port), info.tcpi_state);
	return true;
}

void stream_spoil(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&stream_to, sizeof(stream_to)))
		dup2(fd, atomic_load(&stream_fd));
}

void stream_work(const char *ip, struct books *b)
{
	static uint8_t out[STREAM_BLOCK], in[STREAM_BLOCK];
	struct sockaddr_in to;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    !address(ip, WORK_PORT, &to) || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		books_bad(b, "no connection: %s", strerror(errno));
		goto out;
	}
	stream_to = to;
	atomic_store(&stream_fd, fd);
	for (uint64_t n = 0;; n++) {
		long at;

		pattern_fill(out, STREAM_BLOCK, n);
		if (!send_all(fd, out, STREAM_BLOCK, IO_MS) || !recv_all(fd, in, STREAM_BLOCK, IO_MS)) {
			books_bad(b, "block %llu did not come back: %s", (unsigned long long)n, strerror(errno));
			break;
		}
		at = pattern_check(in, STREAM_BLOCK, n);
		if (at >= 0) {
			books_bad(b, "block %llu is wrong at byte %ld", (unsigned long long)n, at);
			break;
		}
		books_done(b);
	}
	return; /* the connection stays, to be looked at */
out:
	if (fd >= 0)
		close(fd);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

struct echo {
	struct icmphdr h;
	uint8_t data[56];
};

/* Requests that are under way, by sequence number: when each was sent; 0: none. */
struct echoes {
	int fd;
	struct sockaddr_in to;
	uint16_t id, next;
	uint64_t sent[ECHO_OPEN];
};

static void echo_ask(struct echoes *e, struct books *b)
{
	struct echo m = { .h = { .type = ICMP_ECHO, .un.echo = { .id = e->id, .sequence = htons(e->next) } } };
	uint64_t *slot = &e->sent[e->next % ECHO_OPEN];

	if (*slot)
		books_lost(b);
	pattern_fill(m.data, sizeof(m.data), e->next);
	m.h.checksum = checksum(&m, sizeof(m));
	*slot = now_us();
	/* a link that is down for a moment is a loss like any other */
	(void)!sendto(e->fd, &m, sizeof(m), 0, (struct sockaddr *)&e->to, sizeof(e->to));
	e->next++;
}

static void echo_take(struct echoes *e, struct books *b)
{
	uint8_t buf[256];
	struct echo *m;
	ssize_t n;

	while ((n = recv(e->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		size_t ip = (buf[0] & 15u) * 4;
		uint16_t seq;

		if ((size_t)n < ip + sizeof(*m))
			continue;
		m = (struct echo *)(buf + ip);
		if (m->h.type != ICMP_ECHOREPLY || m->h.un.echo.id != e->id)
			continue;
		seq = ntohs(m->h.un.echo.sequence);
		if (pattern_check(m->data, sizeof(m->data), seq) >= 0)
			books_bad(b, "the answer to echo request %u has another content", seq);
		else if (!e->sent[seq % ECHO_OPEN])
			books_bad(b, "echo request %u was answered twice, or too late", seq);
		else
			books_done(b);
		e->sent[seq % ECHO_OPEN] = 0;
	}
}

void echo_work(const char *ip, struct books *b)
{
	static struct echoes e;
	uint64_t next = now_us();

	e.fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	e.id = (uint16_t)getpid();
	if (e.fd < 0 || !address(ip, 0, &e.to)) {
		books_bad(b, "no raw socket: %s", strerror(errno));
		return;
	}
	for (;;) {
		struct pollfd p = { .fd = e.fd, .events = POLLIN };
		uint64_t now = now_us();

		if (now >= next) {
			echo_ask(&e, b);
			next = now + ECHO_EVERY_MS * 1000;
		}
		if (poll(&p, 1, ECHO_EVERY_MS) > 0)
			echo_take(&e, b);
	}
}
