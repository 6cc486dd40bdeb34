/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of objects and data: what a driver keeps about its queues, and the commands that make
 * them. A d_*_in() fills in a command that works; a test changes what it is about and executes it.
 */
#ifndef DATA_RIG_H
#define DATA_RIG_H

#include "harness.h"

#define D_ASYNC_VECTOR 1
#define D_COMP_VECTOR 2
#define D_LOG_EQ 6
#define D_LOG_CQ 6
#define D_LOG_SQ 5  /* 64-byte units */
#define D_LOG_RQ 4
#define D_RQ_STRIDE 64u
#define D_QKEY 0x11223344u /* of every QP */

struct d_in {
	uint8_t b[0x110 + 8 * 2048];
	size_t len;
};

struct d_eq {
	uint32_t eqn, ci;
	uint64_t addr;
	unsigned int log_size;
};

struct d_fn {
	struct harness *h;
	struct fwsim_vhca *v;
	unsigned int fn;
	uint32_t uar, pd;
	struct d_eq async, comp;
};

struct d_cq {
	struct d_fn *d;
	uint32_t cqn, ci;
	uint64_t addr, dbr;
	unsigned int log_size;
};

struct d_mem {
	uint64_t addr;
	uint32_t key, size;
	uint8_t *p;
};

struct d_qp {
	struct d_fn *d;
	struct d_cq scq, rcq;
	uint32_t qpn;
	uint64_t ring, dbr;
	uint16_t sq_pi, rq_pi;
	enum ifc_qp_st st;
	uint32_t srqn, xrcd;	/* srqn 0: a ring of its own; of XRC: an initiator */
};

#define D_LOG_SRQ 4
#define D_SRQ_STRIDE 64u
#define D_SRQ_STEP 5u /* the free list goes in steps of so many */

struct d_srq {
	struct d_fn *d;
	enum fwsim_srq_kind kind;
	uint32_t srqn;
	uint64_t ring, dbr;
	uint16_t pi, next;
};

/* Boot @fn and give it a UAR, a PD, an EQ for asynchronous events (vector 1) and one for CQs (2). */
void d_open(struct d_fn *d, struct harness *h, unsigned int fn);
/* The migration state, without a command; a function that runs again looks for work. */
void d_set_mig(struct fwsim_vhca *v, enum fwsim_mig_state s);
/* Append @n consecutive pages to the command's address list. */
void d_in_pas(struct d_in *in, uint64_t addr, unsigned int n);
enum ifc_status d_exec(struct d_fn *d, const struct d_in *in, void *out, size_t out_len);
#define D_EXEC(d, in, out) d_exec((d), (in), (out), sizeof(out))
/* Commands with one number as parameter at 0x8[23:0], such as all that destroy or query. */
enum ifc_status d_simple(struct d_fn *d, uint16_t opcode, uint32_t id, void *out, size_t out_len);
/* ALLOC_*: the number is at 0x8[23:0] of the output. */
uint32_t d_alloc(struct d_fn *d, uint16_t opcode);

void d_mkey_in(struct d_fn *d, struct d_in *in, uint64_t addr, uint32_t size);
uint32_t d_mkey(struct d_fn *d, uint64_t addr, uint32_t size, unsigned int access); /* the key */
struct d_mem d_mem(struct d_fn *d, uint32_t size); /* memory behind a key with all rights */

void d_eq_in(struct d_fn *d, struct d_in *in, struct d_eq *eq, unsigned int log_size,
	     unsigned int vector, uint64_t mask);
void d_eq(struct d_fn *d, struct d_eq *eq, unsigned int log_size, unsigned int vector,
	  uint64_t mask);
/* Next entry of the EQ, or NULL; ci moves on, the card is not told. */
const uint8_t *d_eqe(struct d_fn *d, struct d_eq *eq);
void d_eq_arm(struct d_fn *d, struct d_eq *eq);
/* Entries there of completions (or events of @type), all taken; then the EQ is armed. */
unsigned int d_eq_drain(struct d_fn *d, struct d_eq *eq, int type);

void d_cq_in(struct d_fn *d, struct d_in *in, struct d_cq *cq, unsigned int log_size);
void d_cq(struct d_fn *d, struct d_cq *cq, unsigned int log_size);
const uint8_t *d_cqe(struct d_cq *cq); /* as d_eqe(); the doorbell record follows */
void d_cq_arm(struct d_cq *cq, bool solicited);

/* A card and a CQ of 2^3 entries of VF 0, with nothing else; for cmocka. */
struct d_cq_rig {
	struct harness *h;
	struct d_fn d;
	struct d_cq cq;
};
int d_cq_setup(void **state);
int d_cq_teardown(void **state);
/* A CQE of the card's, without a QP; interrupts of its events. */
bool d_cq_post(struct d_cq_rig *r, enum ifc_cqe_op op, bool solicited);
unsigned int d_cq_msix(struct d_cq_rig *r);
/* Completion EQEs there, all consumed and the EQ armed anew. */
unsigned int d_cq_events(struct d_cq_rig *r);

void d_qp_in(struct d_fn *d, struct d_in *in, struct d_qp *qp);
void d_qp(struct d_fn *d, struct d_qp *qp); /* with CQs of its own */
/* The same of another service type; @srqn 0: with a receive ring. @xrcd for XRC only. */
void d_qp_of(struct d_fn *d, struct d_qp *qp, enum ifc_qp_st st, uint32_t srqn, uint32_t xrcd);
void d_srq_in(struct d_fn *d, struct d_in *in, struct d_srq *srq, enum fwsim_srq_kind kind,
	      uint32_t xrcd, uint32_t cqn);
void d_srq(struct d_fn *d, struct d_srq *srq, enum fwsim_srq_kind kind, uint32_t xrcd, uint32_t cqn);
/* A modify command for @qp with an empty context; @qpc points to it. */
uint8_t *d_modify_in(struct d_qp *qp, struct d_in *in, uint16_t opcode, uint32_t opt);
enum ifc_status d_modify(struct d_qp *qp, const struct d_in *in);
enum ifc_status d_init(struct d_qp *qp);
enum ifc_status d_rtr(struct d_qp *qp, const struct d_qp *peer);
enum ifc_status d_rts(struct d_qp *qp); /* ack timeout 4.096 us << 10, 3 retries, RNR 2 */
void d_connect(struct d_qp *a, struct d_qp *b); /* both to RTS */
unsigned int d_state(struct d_qp *qp);		 /* by QUERY_QP */
struct fwsim_qp *d_core_qp(struct d_qp *qp);	 /* what the card has of it */

struct d_sge {
	uint64_t addr;
	uint32_t len, key;
};

struct d_wr {
	enum ifc_wqe_op op;
	uint64_t raddr;
	uint32_t rkey, imm;
	uint64_t swap_add, compare;
	uint32_t xrc_srqn;
	const uint8_t *av; /* 48 bytes */
	bool unsignalled, solicited;
	const char *inl; /* data in the WQE, before the SGEs */
	unsigned int n;
	struct d_sge sge[8];
};

void d_post(struct d_qp *qp, const struct d_wr *wr); /* into the ring and the doorbell record */
void d_ring(struct d_qp *qp);
void d_send(struct d_qp *qp, const struct d_wr *wr); /* both */
void d_recv(struct d_qp *qp, unsigned int n, const struct d_sge *sge);
uint16_t d_srq_recv(struct d_srq *srq, unsigned int n, const struct d_sge *sge); /* number of the WQE */

/* CQE fields. */
#define D_CQE_OP(cqe) ((cqe)[63] >> 4)
#define D_CQE_SYND(cqe) ((cqe)[55])
#define D_CQE_BYTES(cqe) ifc_ld32((cqe) + 44)
#define D_CQE_IMM(cqe) ifc_ld32((cqe) + 36)
#define D_CQE_QPN(cqe) (ifc_ld32((cqe) + 56) & 0xffffff)
#define D_CQE_WQE_OP(cqe) ((cqe)[56])
#define D_CQE_COUNTER(cqe) ifc_ld16((cqe) + 60)

/* Assert that the next CQE is of @op (and for an error has @synd); returns it. */
const uint8_t *d_expect(struct d_cq *cq, enum ifc_cqe_op op, unsigned int synd);
void d_expect_none(struct d_cq *cq);

#endif
