// SPDX-License-Identifier: GPL-2.0-or-later
/* Is it still the same QP, port, device and connection? */
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVERY_US 200000

static volatile sig_atomic_t spoil_qp, spoil_tcp;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		spoil_qp = 1;
	else
		spoil_tcp = 1;
}

/* @now is what was seen; the first is kept in @first. */
static void compare(char *first, const char *now, size_t len, struct books *b)
{
	if (!*first)
		memcpy(first, now, len);
	else if (strcmp(first, now))
		books_bad(b, "was %s, is %s", first, now);
}

void look_work(struct rdma *r, struct books *qp, struct books *socket)
{
	char rdma[LOOK] = "", stream[LOOK] = "", now[LOOK];

	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	for (;; usleep(EVERY_US)) {
		if (spoil_qp)
			rdma_spoil(r);
		if (spoil_tcp)
			stream_spoil();
		spoil_qp = spoil_tcp = 0;
		if (!rdma_look(r, now, sizeof(now)))
			books_bad(qp, "the QP or its port cannot be queried");
		else
			compare(rdma, now, sizeof(now), qp);
		books_done(qp);
		if (stream_look(now, sizeof(now)))
			compare(stream, now, sizeof(now), socket);
		else if (*stream)
			books_bad(socket, "there is no connection any more; it was %s", stream);
		books_done(socket);
	}
}
