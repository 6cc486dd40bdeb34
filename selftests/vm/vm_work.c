// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both sides of the work that a guest does while it is migrated: "serve" outside of it, "run" in it.
 */
#include "work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
	"Usage: vm_work serve [LOG]\n"
	"       vm_work run IP PEER_IP\n"
	"\n"
	"serve: echo TCP streams, and give memory to an RDMA peer on the interface that it comes by. In LOG: the\n"
	"microseconds of CLOCK_MONOTONIC when each block of a stream went back.\n"
	"run: RDMA writes and reads, a TCP stream and ICMP echo to PEER_IP, where serve runs, and looks at whether\n"
	"QP and connection are still the same; a line twice\n"
	"a second that says of each how much was done, how much was wrong (bad) or never answered (lost),\n"
	"and the longest time without progress (gap_ms). Ends never; exit status 1 if it cannot begin.\n";

#define SERVE_MS 3600000 /* a guest may be stopped for long */

static bool exchange(int fd, struct rdma *r)
{
	struct rdma_address mine, peer;

	rdma_address(r, &mine);
	return send_all(fd, &mine, sizeof(mine), IO_MS) && recv_all(fd, &peer, sizeof(peer), IO_MS) &&
	       rdma_connect(r, &peer);
}

/* ---- serve --------------------------------------------------------------------------------- */

static FILE *serve_log; /* when each block of a stream went back; NULL: not asked for */

static void *serve_stream(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[STREAM_BLOCK];

	while (recv_all(fd, buf, sizeof(buf), SERVE_MS) && send_all(fd, buf, sizeof(buf), IO_MS))
		if (serve_log)
			fprintf(serve_log, "%llu\n", (unsigned long long)now_us());
	close(fd);
	return NULL;
}

/* The QP lives as long as the connection by which it was made. */
static void *serve_rdma(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	char ip[INET_ADDRSTRLEN], c = 1;
	struct rdma *r = NULL;

	if (!getsockname(fd, (struct sockaddr *)&at, &len) && inet_ntop(AF_INET, &at.sin_addr, ip, sizeof(ip)))
		r = rdma_open(ip);

	if (r && exchange(fd, r) && send_all(fd, &c, 1, IO_MS))
		while (recv(fd, &c, 1, 0) > 0)
			;
	if (r)
		rdma_close(r);
	close(fd);
	return NULL;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 8)) {
		fprintf(stderr, "vm_work: port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

static void *accept_all(void *arg)
{
	int port = (int)(intptr_t)arg, fd = listen_on((uint16_t)port);

	for (;;) {
		int one = accept(fd, NULL, NULL), on = 1;
		pthread_t t;

		if (one < 0)
			continue;
		setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (pthread_create(&t, NULL, port == WORK_PORT ? serve_stream : serve_rdma, (void *)(intptr_t)one))
			close(one);
		else
			pthread_detach(t);
	}
	return NULL;
}

static int serve(const char *log)
{
	pthread_t t;

	if (log && !(serve_log = fopen(log, "w"))) {
		fprintf(stderr, "vm_work: %s: %s\n", log, strerror(errno));
		return 1;
	}
	if (serve_log)
		setvbuf(serve_log, NULL, _IOLBF, 0);
	if (pthread_create(&t, NULL, accept_all, (void *)(intptr_t)(WORK_PORT + 1)))
		return 1;
	accept_all((void *)(intptr_t)WORK_PORT);
	return 0;
}

/* ---- run ----------------------------------------------------------------------------------- */

static struct books rdma_books, tcp_books, echo_books, qp_books, socket_books;
#define KINDS 5
static const char *peer_ip;
static struct rdma *rdma;

static void *run_rdma(void *arg)
{
	(void)arg;
	rdma_work(rdma, &rdma_books);
	return NULL;
}

static void *run_stream(void *arg)
{
	(void)arg;
	stream_work(peer_ip, &tcp_books);
	return NULL;
}

static void *run_echo(void *arg)
{
	(void)arg;
	echo_work(peer_ip, &echo_books);
	return NULL;
}

static void *run_look(void *arg)
{
	(void)arg;
	look_work(rdma, &qp_books, &socket_books);
	return NULL;
}

/* A connection to the peer, which may still be starting. */
static int reach(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = -1;

	if (inet_pton(AF_INET, peer_ip, &to.sin_addr) != 1)
		return -1;
	for (int i = 0; i < 60; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return fd;
		if (fd >= 0)
			close(fd);
		usleep(500000);
	}
	fprintf(stderr, "vm_work: %s port %u: %s\n", peer_ip, port, strerror(errno));
	return -1;
}

static bool open_rdma(const char *ip)
{
	int fd;
	char c;

	/* the GID comes some time after the address */
	for (int i = 0; i < 40 && !rdma; i++) {
		rdma = rdma_open(ip);
		if (!rdma)
			usleep(500000);
	}
	if (!rdma)
		return false;
	fd = reach(WORK_PORT + 1);
	/* the peer is ready when it says so; the connection stays for as long as the QP is wanted */
	return fd >= 0 && exchange(fd, rdma) && recv_all(fd, &c, 1, IO_MS);
}

static int run(const char *ip)
{
	struct books *all[KINDS] = { &rdma_books, &tcp_books, &echo_books, &qp_books, &socket_books };
	void *(*work[])(void *) = { run_rdma, run_stream, run_echo, run_look };
	int fd;

	books_init(&rdma_books, "rdma");
	books_init(&tcp_books, "tcp");
	books_init(&echo_books, "echo");
	books_init(&qp_books, "qp");
	books_init(&socket_books, "socket");
	fd = reach(WORK_PORT); /* there is a way, and somebody at its end */
	if (fd < 0 || !open_rdma(ip))
		return 1;
	close(fd);
	for (size_t i = 0; i < sizeof(work) / sizeof(*work); i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, work[i], NULL))
			return 1;
	}
	for (;;) {
		char line[KINDS][640];

		usleep(500000);
		for (size_t i = 0; i < KINDS; i++)
			books_print(all[i], line[i], sizeof(line[i]));
		for (size_t i = 0; i < KINDS; i++)
			printf("work %s\n", line[i]);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "serve"))
		return serve(argc == 3 ? argv[2] : NULL);
	if (argc == 4 && !strcmp(argv[1], "run")) {
		peer_ip = argv[3];
		return run(argv[2]);
	}
	fputs(usage, argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr);
	return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 2;
}
