/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two ends of a connection in the hands of plain libibverbs, each in a context of its own, and what a test
 * does with them: post, wait for completions and events, compare memory.
 */
#ifndef SELFTESTS_VERBS_H
#define SELFTESTS_VERBS_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tap.h"

#define PAGE 4096u
#define MEM (2304u << 10)	/* bytes that each end has registered */
#define HALF (MEM / 2)		/* by custom: sent from below, landed in above */
#define GRH 40u
#define QKEY 0x11111111u
#define SOON_MS 10000		/* by then what must come has come */
#define NEVER_MS 100		/* for so long nothing comes that must not */

/* How the two QPs are made and connected; LINK_RC and others are the usual ways. */
struct link {
	enum ibv_qp_type type;
	enum ibv_mtu mtu;
	uint8_t timeout, retry_cnt, rnr_retry, min_rnr;
	int qp_access, mr_access; /* at both ends */
	struct ibv_qp_cap cap;
	int cqe;	/* entries of each CQ */
	bool srq;	/* both ends receive through a shared queue of cap.max_recv_wr */
	bool events;	/* the CQs have a channel */
	bool sig_all;
};

#define ACCESS_ALL (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
		    IBV_ACCESS_REMOTE_ATOMIC)
#define LINK_OF(t)                                                                                 \
	{                                                                                          \
		.type = (t), .mtu = IBV_MTU_1024, .timeout = 14, .retry_cnt = 7, .rnr_retry = 7,   \
		.min_rnr = 12, .qp_access = ACCESS_ALL, .mr_access = ACCESS_ALL, .cqe = 64,        \
		.cap = { .max_send_wr = 16, .max_recv_wr = 16, .max_send_sge = 4, .max_recv_sge = 4, \
			 .max_inline_data = 64 },                                                  \
	}

struct end {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_comp_channel *chan;
	struct ibv_cq *scq, *rcq;
	struct ibv_srq *srq;
	uint32_t srq_wr; /* that it takes */
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	uint8_t *mem;
	union ibv_gid gid;
	uint8_t gid_index;
};

struct duo {
	struct link link;
	struct end a, b;
};

/*
 * Both ends, connected; the functions are those that the test's name ends with ("_vf_to_pf"), two VFs if with
 * none. A fault in it ends the test.
 */
void duo_open(struct duo *d, const struct link *l);
/* Everything is destroyed, and nothing of it refused. */
void duo_close(struct duo *d);
/* The same without connecting: QPs are in RESET. */
void duo_make(struct duo *d, const struct link *l);
void duo_connect(struct duo *d);
void end_make(struct end *e, const char *ibdev, const struct link *l);
struct ibv_qp *qp_make(struct end *e, const struct link *l);
void qp_to_init(struct end *e, const struct link *l);
void qp_to_rtr(struct end *e, const struct end *peer, const struct link *l);
void qp_to_rts(struct end *e, const struct link *l);
void qp_reset(struct end *e);
void qp_to_err(struct end *e);
enum ibv_qp_state qp_state(struct end *e);
struct ibv_ah *ah_make(struct end *e, const struct end *peer);
struct ibv_mr *mr_make(struct ibv_pd *pd, void *p, size_t len, int access);

/* A piece of the end's memory. */
struct ibv_sge sge_of(const struct end *e, size_t off, uint32_t len);
void send_wr(struct end *e, struct ibv_send_wr *wr);
/* One signalled request: a SEND, or an RDMA to or from @to at @raddr. */
void send_to(struct end *e, enum ibv_wr_opcode op, uint64_t id, struct ibv_sge sge);
void rdma_to(struct end *e, enum ibv_wr_opcode op, uint64_t id, struct ibv_sge sge, const struct end *to,
	     size_t roff);
void recv_wr(struct end *e, uint64_t id, struct ibv_sge *sge, int n);
void recv_into(struct end *e, uint64_t id, struct ibv_sge sge);

/* The next completion of @cq, which must be of request @id and end so. */
struct ibv_wc wc_get(struct ibv_cq *cq, uint64_t id, enum ibv_wc_status status);
struct ibv_wc wc_ok(struct ibv_cq *cq, uint64_t id);
/* The next @n, of requests @id and following, are flush errors. */
void wc_flushed(struct ibv_cq *cq, uint64_t id, unsigned int n);
/* None comes. */
void wc_none(struct ibv_cq *cq);
bool wc_poll(struct ibv_cq *cq, struct ibv_wc *wc, unsigned int ms);

/* The next asynchronous event of the context must be this one; it is acknowledged. */
void event_get(struct end *e, enum ibv_event_type type);
void event_none(struct end *e);
/* An event of a CQ, within @ms. */
bool cq_event(struct end *e, unsigned int ms, struct ibv_cq **cq);

/* The pattern numbered @seed, and memory that has it. */
void fill(uint8_t *p, size_t len, uint32_t seed);
void same(const uint8_t *p, size_t len, uint32_t seed, const char *what);
/* All bytes are @byte. */
void untouched(const uint8_t *p, size_t len, uint8_t byte, const char *what);

const char *ibdev_vf0(void);

/* ---- tests, by file ---- */

#define PAIRS(f)                                                                                   \
	{ .name = #f "_vf_to_vf", .fn = f }, { .name = #f "_vf_to_pf", .fn = f },                  \
		{ .name = #f "_pf_to_vf", .fn = f }, { .name = #f "_within_vf", .fn = f }

struct tests {
	const struct tap_test *test;
	size_t n;
};

extern const struct tests data_tests, datagram_tests, local_error_tests, remote_error_tests, state_tests,
	cq_tests, srq_tests, device_tests;

#endif
