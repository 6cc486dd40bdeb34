/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of Ethernet data: queues as mlx5e makes them, and frames.
 */
#ifndef ETH_RIG_H
#define ETH_RIG_H

#include "data_rig.h"

#include "eth.h"

#define E_LOG_SQ 5 /* 64-byte units */
#define E_LOG_RQ 4
#define E_RQ_STRIDE 64u
#define E_BUF 2048u /* of one receive WQE that e_fill() posts */

struct e_sq {
	struct d_fn *d;
	struct d_cq cq;
	uint32_t sqn, tisn;
	uint64_t ring, dbr;
	uint16_t pi;
};

struct e_rq {
	struct d_fn *d;
	struct d_cq cq;
	uint32_t rqn;
	uint64_t ring, dbr;
	uint16_t pi;
	struct d_mem mem; /* 2^E_LOG_RQ buffers of E_BUF bytes */
};

/* A transport domain of its own for each. */
uint32_t e_tis(struct d_fn *d);
/* In RDY, with a CQ and a TIS of its own, and flush_in_error_en. */
void e_sq(struct d_fn *d, struct e_sq *sq);
void e_sq_in(struct d_fn *d, struct d_in *in, struct e_sq *sq); /* in RST: cq and tisn are set */
void e_sq_make(struct e_sq *sq, const struct d_in *in);
enum ifc_status e_sq_move(struct e_sq *sq, unsigned int from, unsigned int to);
unsigned int e_sq_state(struct e_sq *sq); /* by QUERY_SQ */

/* In RDY, with a CQ of its own, VLAN tags not stripped, no Q counter; nothing posted. */
void e_rq(struct d_fn *d, struct e_rq *rq);
void e_rq_in(struct d_fn *d, struct d_in *in, struct e_rq *rq); /* in RST: cq is set */
void e_rq_make(struct e_rq *rq, const struct d_in *in);
enum ifc_status e_rq_move(struct e_rq *rq, unsigned int from, unsigned int to);
unsigned int e_rq_state(struct e_rq *rq);
void e_recv(struct e_rq *rq, unsigned int n, const struct d_sge *sge);
/* Post @n buffers of rq->mem. */
void e_fill(struct e_rq *rq, unsigned int n);
/* The buffer that e_fill() has posted as WQE @counter. */
const uint8_t *e_buf(struct e_rq *rq, uint16_t counter);

uint32_t e_rqt(struct d_fn *d, unsigned int n, const uint32_t *rqn);
uint32_t e_tir(struct d_fn *d, uint32_t rqn);
uint32_t e_tir_rss(struct d_fn *d, uint32_t rqtn, uint32_t fields);
/* Every frame that comes to @d goes to @tirn, with @flow_tag. */
void e_steer(struct d_fn *d, uint32_t tirn, uint32_t flow_tag);

struct e_wr {
	uint8_t op; /* enum ifc_wqe_op */
	bool unsignalled;
	uint8_t cs;
	uint16_t mss;
	uint16_t insert; /* word that asks for a tag, with @tci; 0: inline header */
	uint16_t tci;
	const uint8_t *hdr; /* inline header */
	unsigned int hdr_len;
	const uint8_t *inl; /* inline data segment, before the others */
	unsigned int inl_len;
	unsigned int n;
	struct d_sge sge[8];
};

#define E_L3 0x40
#define E_L4 0x80
#define E_CSUM (E_L3 | E_L4)

/* Bytes of the WQE. */
unsigned int e_wqe(struct e_sq *sq, const struct e_wr *wr, uint8_t wqe[1024]);
/* @len bytes into the ring and the counter into the record. */
void e_post_raw(struct e_sq *sq, const uint8_t *wqe, unsigned int len);
void e_post(struct e_sq *sq, const struct e_wr *wr);
void e_ring(struct e_sq *sq);
void e_send(struct e_sq *sq, const struct e_wr *wr);

/* ---- frames ------------------------------------------------------------------------------- */

enum e_kind { E_TCP4, E_TCP6, E_UDP4, E_UDP6 };

/* Headers of a frame from @src to @dst with @payload bytes, which are not written; their length. Sums are 0. */
unsigned int e_headers(uint8_t *p, enum e_kind kind, struct d_fn *src, struct d_fn *dst,
		       unsigned int payload);
/* All sums in the frame are right; by a way of its own. */
bool e_sums_ok(const uint8_t *p, size_t len);
/* Ones-complement sum, byte by byte. */
uint16_t e_sum(const uint8_t *p, size_t len);
const uint8_t *e_mac(struct d_fn *d);

#endif
