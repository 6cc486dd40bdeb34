/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work over a NIC that goes on while one side of it, a virtual machine, is migrated: RDMA, a TCP stream and
 * ICMP echo, each in a thread, each counting what was done, what came late, and what was lost or wrong.
 */
#ifndef VM_WORK_H
#define VM_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one kind of work has done so far. Written by its thread, read by the one that reports. */
struct books {
	pthread_mutex_t lock;
	const char *name;
	uint64_t done;	    /* units of work that were right */
	uint64_t bad;	    /* wrong content, order or status: none is ever allowed */
	uint64_t lost;	    /* ICMP only: asked, and not answered in time */
	uint64_t gap_us;    /* longest time between two that were done, since the last report */
	uint64_t last_us;   /* when the last was done; 0: none yet */
	char why[2 * 192 + 16]; /* the first thing that was bad */
};

void books_init(struct books *b, const char *name);
void books_done(struct books *b);
void books_lost(struct books *b);
/* Only the first reason is kept. */
__attribute__((format(printf, 2, 3))) void books_bad(struct books *b, const char *fmt, ...);
/* "name done=N bad=N lost=N gap_ms=N"; the gap is since the last call, and includes the time that runs. */
void books_print(struct books *b, char *buf, size_t len);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t now_us(void);

/* Bytes that depend on @seed only. */
void pattern_fill(void *buf, size_t len, uint64_t seed);
/* Offset of the first byte that is not as pattern_fill() makes it, or -1. */
long pattern_check(const void *buf, size_t len, uint64_t seed);

/* All of @len bytes within @ms, or false. */
bool send_all(int fd, const void *buf, size_t len, int ms);
bool recv_all(int fd, void *buf, size_t len, int ms);

#define STREAM_BLOCK 16384u
#define WORK_PORT 7471 /* TCP: the stream; the next one: how to reach each other's QP */
#define IO_MS 60000    /* no wait is longer */
#define LOOK 192u      /* what is seen fits into this */

/* One end of the RDMA work: an RC QP, and memory that the other end may read and write. */
struct rdma;

/* What the other end needs to know. All fields in network order. */
struct rdma_address {
	uint8_t gid[16];
	uint32_t qpn, psn, rkey;
	uint64_t addr;
} __attribute__((packed));

#define RDMA_SLOT 4096u
#define RDMA_SLOTS 512u

/*
 * Open the RoCE device that has @ip (dotted) in a RoCE v2 GID, and make the QP. NULL, and a line on stderr,
 * if something is missing.
 */
struct rdma *rdma_open(const char *ip);
void rdma_address(const struct rdma *r, struct rdma_address *a);
/* INIT -> RTR -> RTS. */
bool rdma_connect(struct rdma *r, const struct rdma_address *peer);
/*
 * Write slots to the peer, read them back, and look at what was read only when its place is needed again, so
 * that a page which was lost on the way of a migration is noticed. For ever, or until a completion is bad.
 */
void rdma_work(struct rdma *r, struct books *b);
/* What the user of the QP can know of it, its port and its device, in one line. False if it cannot be asked. */
bool rdma_look(struct rdma *r, char *buf, size_t len);
/* Break it, for a test of who watches. */
void rdma_spoil(struct rdma *r);
void rdma_close(struct rdma *r);

/* Numbered blocks to @ip and back. */
void stream_work(const char *ip, struct books *b);
/* Which connection it is that stream_work() has, in one line. False if there is none yet. */
bool stream_look(char *buf, size_t len);
/* Put another connection in its place, for a test of who watches. */
void stream_spoil(void);
/*
 * Look at the QP and at the connection of the stream, five times a second, and at what is other than at first. Signals
 * USR1 and USR2 spoil the one and the other.
 */
void look_work(struct rdma *r, struct books *qp, struct books *socket);
/* ICMP echo requests to @ip, one every 50 ms; an answer later than IO_MS is lost. */
void echo_work(const char *ip, struct books *b);

#endif
