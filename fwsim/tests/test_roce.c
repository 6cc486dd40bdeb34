// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QPs of two cards: every operation, every refusal, and a network that loses, doubles, spoils and reorders each
 * packet in turn. What migration does to it is in test_roce_mig.c.
 */
#include "net_rig.h"

#include <string.h>

#include "eth_rig.h"
#include "roce.h"

#define MEM_SIZE (1u << 18)
#define BIG 70000u /* 69 packets of 1024: more than a window */

/* a is on VF 0 of card 0, b on VF 0 of card 1. */
struct rig {
	struct n_net net;
	struct d_fn d1, d2;
	struct d_qp a, b;
	struct d_mem am, bm;
	uint32_t inval_key;
};

static void fill(struct d_mem *m, unsigned int seed)
{
	for (uint32_t i = 0; i < m->size; i++)
		m->p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
}

static struct rig *open_rig(enum ifc_qp_st st, unsigned int index)
{
	struct rig *r = calloc(1, sizeof(*r));

	n_open(&r->net);
	n_fn(&r->d1, &r->net, 0, 1);
	n_fn(&r->d2, &r->net, 1, 1);
	d_qp_of(&r->d1, &r->a, st, 0, 0);
	d_qp_of(&r->d2, &r->b, st, 0, 0);
	r->am = d_mem(&r->d1, MEM_SIZE);
	r->bm = d_mem(&r->d2, MEM_SIZE);
	fill(&r->am, 1);
	fill(&r->bm, 2);
	n_connect(&r->a, &r->b, index);
	return r;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	n_close(&r->net);
	free(r);
	return 0;
}

static int setup(void **state)
{
	*state = open_rig(IFC_QP_ST_RC, 0);
	return 0;
}

static int setup_uc(void **state)
{
	*state = open_rig(IFC_QP_ST_UC, 0);
	return 0;
}

static struct d_wr wr(struct rig *r, enum ifc_wqe_op op, uint32_t off, uint32_t len)
{
	return (struct d_wr){
		.op = op, .raddr = r->bm.addr + off, .rkey = r->bm.key, .imm = 0xcafe0123,
		.n = 1, .sge = { { r->am.addr + off, len, r->am.key } },
	};
}

static void recv(struct rig *r, uint32_t off, uint32_t len)
{
	struct d_sge sge = { r->bm.addr + off, len, r->bm.key };

	d_recv(&r->b, 1, &sge);
}

static void settle(struct rig *r)
{
	n_run(&r->net, 100 * H_MS);
}

/* A key with en_rinval. */
static uint32_t rinval_key(struct d_fn *d, struct d_mem *m)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;

	d_mkey_in(d, &in, m->addr, m->size);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.en_rinval, 1);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

static uint32_t atomic_key(struct d_fn *d, struct d_mem *m)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;

	d_mkey_in(d, &in, m->addr, m->size);
	IFC_SET(create_mkey_in, in.b, memory_key_mkey_entry.a, 1);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned int i = 8; i--;)
		v = v << 8 | p[i];
	return v;
}

static struct fwsim_qp *core_qp(struct d_qp *qp)
{
	return fwsim_table_get(&qp->d->v->obj[FWSIM_OBJ_QP], qp->qpn);
}

/* ---- operations ---------------------------------------------------------------------------- */

static const enum ifc_wqe_op all_ops[] = {
	IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_WRITE_IMM, IFC_WQE_RDMA_READ, IFC_WQE_SEND,
	IFC_WQE_SEND_IMM, IFC_WQE_SEND_INVAL, IFC_WQE_ATOMIC_FA, IFC_WQE_ATOMIC_CS,
};
#define N_OPS (sizeof(all_ops) / sizeof(all_ops[0]))

static bool is_atomic(enum ifc_wqe_op op)
{
	return op == IFC_WQE_ATOMIC_CS || op == IFC_WQE_ATOMIC_FA;
}

static bool is_send(enum ifc_wqe_op op)
{
	return op == IFC_WQE_SEND || op == IFC_WQE_SEND_IMM || op == IFC_WQE_SEND_INVAL;
}

/* Post @op of @len bytes; what it needs at b is there. */
static void post(struct rig *r, enum ifc_wqe_op op, uint32_t len)
{
	struct d_wr w = wr(r, op, 0, is_atomic(op) ? 8 : len);

	if (is_atomic(op)) {
		w.rkey = atomic_key(&r->d2, &r->bm);
		w.swap_add = 5;
		w.compare = le64(r->bm.p);
	}
	if (op == IFC_WQE_SEND_INVAL)
		w.imm = r->inval_key = rinval_key(&r->d2, &r->bm);
	if (is_send(op))
		recv(r, 0, len + 10);
	if (op == IFC_WQE_RDMA_WRITE_IMM)
		d_recv(&r->b, 0, NULL);
	d_send(&r->a, &w);
}

/* It has gone through, once; @old is what an atomic found. */
static void expect(struct rig *r, enum ifc_wqe_op op, uint32_t len, uint64_t old)
{
	const uint8_t *cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);

	assert_int_equal(D_CQE_WQE_OP(cqe), op);
	if (op == IFC_WQE_RDMA_READ)
		assert_int_equal(D_CQE_BYTES(cqe), len);
	d_expect_none(&r->a.scq);
	if (is_atomic(op)) {
		assert_int_equal(le64(r->bm.p), op == IFC_WQE_ATOMIC_FA ? old + 5 : 5);
		assert_int_equal(ifc_ld64(r->am.p), old);
		d_expect_none(&r->b.rcq);
		return;
	}
	assert_memory_equal(r->am.p, r->bm.p, len);
	if (op == IFC_WQE_RDMA_WRITE || op == IFC_WQE_RDMA_READ) {
		d_expect_none(&r->b.rcq);
		return;
	}
	cqe = d_expect(&r->b.rcq, op == IFC_WQE_SEND	       ? IFC_CQE_RESP_SEND :
				  op == IFC_WQE_SEND_IMM       ? IFC_CQE_RESP_SEND_IMM :
				  op == IFC_WQE_RDMA_WRITE_IMM ? IFC_CQE_RESP_WR_IMM :
								 IFC_CQE_RESP_SEND_INV, 0);
	assert_int_equal(D_CQE_BYTES(cqe), len);
	assert_int_equal(D_CQE_QPN(cqe), r->b.qpn);
	assert_int_equal(ifc_ld32(cqe + 24) & 0xffffff, r->a.qpn);
	if (op == IFC_WQE_SEND_IMM || op == IFC_WQE_RDMA_WRITE_IMM)
		assert_int_equal(D_CQE_IMM(cqe), 0xcafe0123);
	if (op == IFC_WQE_SEND_INVAL)
		assert_int_equal(D_CQE_IMM(cqe), r->inval_key);
	d_expect_none(&r->b.rcq);
}

static void one(struct rig *r, enum ifc_wqe_op op, uint32_t len)
{
	uint64_t old;

	fill(&r->am, len + op);
	fill(&r->bm, len + op + 1);
	old = le64(r->bm.p);
	post(r, op, len);
	settle(r);
	expect(r, op, len, old);
	assert_int_equal(IFC_GET(qpc, core_qp(&r->a)->ctx, next_send_psn),
			 IFC_GET(qpc, core_qp(&r->b)->ctx, next_rcv_psn));
}

static void every_operation_of_every_length(void **state)
{
	static const uint32_t lens[] = { 0, 1, 1023, 1024, 1025, 2048, 33 * 1024, BIG };
	struct rig *r = *state;

	for (unsigned int i = 0; i < N_OPS; i++)
		for (unsigned int n = 0; n < sizeof(lens) / sizeof(lens[0]); n++)
			one(r, all_ops[i], lens[n]);
}

static void over_ipv6_and_vlan(void **state)
{
	(void)state;
	for (unsigned int index = 1; index < 3; index++) {
		struct rig *r = open_rig(IFC_QP_ST_RC, index);

		for (unsigned int i = 0; i < N_OPS; i++)
			one(r, all_ops[i], 3000);
		n_close(&r->net);
		free(r);
	}
}

/* What one sees of it between the cards. */
static void packets_are_those_of_the_specification(void **state)
{
	static const uint8_t want[] = { ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE, ROCE_WRITE_LAST };
	struct rig *r = *state;
	struct harness *h = r->d1.h;
	struct fwsim_frame f;
	struct roce_packet pkt;

	post(r, IFC_WQE_RDMA_WRITE, 3000);
	assert_int_equal(h->wire_n, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(fwsim_frame_parse(&f, h->wire[i].data, h->wire[i].len));
		assert_null(roce_parse(&f, &pkt));
		assert_int_equal(pkt.opcode, want[i]);
		assert_int_equal(pkt.dqpn, r->b.qpn);
		assert_int_equal(pkt.psn, (r->a.qpn * 0x123457 + i) & 0xffffff);
		assert_int_equal(pkt.ack_req, i == 2);
		assert_int_equal(pkt.data_len, i == 2 ? 3000 - 2048 : 1024);
		assert_int_equal(pkt.len, i ? 0 : 3000);
	}
	settle(r);
	expect(r, IFC_WQE_RDMA_WRITE, 3000, 0);
}

static void window_is_bounded(void **state)
{
	struct rig *r = *state;

	post(r, IFC_WQE_SEND, BIG);
	assert_int_equal(r->d1.h->wire_n, ROCE_WINDOW);
	settle(r);
	expect(r, IFC_WQE_SEND, BIG, 0);
}

static void shared_and_xrc_receive_queues(void **state)
{
	struct rig *r = *state;
	struct d_qp sa, sb, xa, xb;
	struct d_srq srq, xsrq;
	struct d_cq cq;
	uint32_t x1 = d_alloc(&r->d1, MLX5_CMD_OP_ALLOC_XRCD), x2 = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	struct d_sge sge = { r->bm.addr, 5000, r->bm.key };
	struct d_wr w = wr(r, IFC_WQE_SEND_IMM, 0, 4000);
	const uint8_t *cqe;
	uint16_t index;

	d_srq(&r->d2, &srq, FWSIM_SRQ_PLAIN, 0, 0);
	d_qp_of(&r->d1, &sa, IFC_QP_ST_RC, 0, 0);
	d_qp_of(&r->d2, &sb, IFC_QP_ST_RC, srq.srqn, 0);
	n_connect(&sa, &sb, 0);
	index = d_srq_recv(&srq, 1, &sge);
	d_send(&sa, &w);
	settle(r);
	cqe = d_expect(&sb.rcq, IFC_CQE_RESP_SEND_IMM, 0);
	assert_int_equal(D_CQE_COUNTER(cqe), index);
	assert_int_equal(ifc_ld32(cqe + 32), srq.srqn);
	d_expect(&sa.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 4000);

	d_cq(&r->d2, &cq, D_LOG_CQ);
	d_srq(&r->d2, &xsrq, FWSIM_SRQ_XRC, x2, cq.cqn);
	d_qp_of(&r->d1, &xa, IFC_QP_ST_XRC, 0, x1);
	d_qp_of(&r->d2, &xb, IFC_QP_ST_XRC, xsrq.srqn, x2);
	n_connect(&xa, &xb, 0);
	fill(&r->am, 77);
	w.xrc_srqn = xsrq.srqn;
	d_srq_recv(&xsrq, 1, &sge);
	d_send(&xa, &w);
	settle(r);
	assert_int_equal(ifc_ld32(d_expect(&cq, IFC_CQE_RESP_SEND_IMM, 0) + 32), xsrq.srqn);
	d_expect(&xa.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 4000);
	w.op = IFC_WQE_RDMA_READ;
	d_send(&xa, &w);
	settle(r);
	d_expect(&xa.scq, IFC_CQE_REQ, 0);
}

/* ---- a network that is not perfect --------------------------------------------------------- */

static void each_packet_in_turn(enum n_fate what)
{
	for (unsigned int i = 0; i < N_OPS; i++) {
		uint32_t len = 3500;

		for (unsigned int at = 0;; at++) {
			struct rig *r = open_rig(IFC_QP_ST_RC, 0);
			unsigned int n;

			r->net.fate = n_fate_at;
			r->net.what = what;
			r->net.at = at;
			one(r, all_ops[i], len);
			one(r, all_ops[(i + 1) % N_OPS], 100);
			n = r->net.frames;
			n_close(&r->net);
			free(r);
			if (at > n)
				break;
		}
	}
}

static void loss_of_each_packet(void **state)
{
	(void)state;
	each_packet_in_turn(N_DROP);
}

static void each_packet_twice(void **state)
{
	(void)state;
	each_packet_in_turn(N_TWICE);
}

static void each_packet_spoilt(void **state)
{
	(void)state;
	each_packet_in_turn(N_CORRUPT);
}

static void each_packet_late(void **state)
{
	(void)state;
	each_packet_in_turn(N_LATE);
}

static void storm(void **state)
{
	struct rig *r = *state;

	r->net.fate = n_fate_storm;
	for (r->net.seed = 1; r->net.frames < 6000;) {
		unsigned int n = r->net.frames % 5;

		one(r, all_ops[r->net.frames % N_OPS], n == 4 ? 20000 : n * 1500);
	}
	assert_int_equal(d_state(&r->a), IFC_QP_RTS);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static enum n_fate fate_all(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	(void)frame;
	(void)len;
	return from == (net->at ? 1u : 0u) ? N_DROP : N_PASS;
}

static void silence_uses_up_the_retries(void **state)
{
	struct rig *r = *state;

	r->net.fate = fate_all;
	post(r, IFC_WQE_RDMA_WRITE, 100);
	n_run(&r->net, 7 * (4096ULL << 10));
	d_expect_none(&r->a.scq);
	n_run(&r->net, 2 * (4096ULL << 10));
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	assert_int_equal(r->net.frames, 8);
}

/* Answers are lost: the request is carried out once, however often it comes. */
static void atomic_is_carried_out_once(void **state)
{
	struct rig *r = *state;
	uint64_t old = le64(r->bm.p);

	r->net.fate = fate_all;
	r->net.at = 1;
	post(r, IFC_WQE_ATOMIC_FA, 8);
	n_run(&r->net, 3 * (4096ULL << 10));
	assert_true(r->net.frames > 4);
	assert_int_equal(le64(r->bm.p), old + 5);
	r->net.fate = NULL;
	settle(r);
	expect(r, IFC_WQE_ATOMIC_FA, 8, old);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void expect_event(struct d_fn *d, uint8_t type)
{
	const uint8_t *e = d_eqe(d, &d->async);

	assert_non_null(e);
	assert_int_equal(e[1], type);
}

/* @w fails at the requester with @synd, and b is in ERR with @event (0: none). */
static void refused(struct rig *r, const struct d_wr *w, enum ifc_cqe_synd synd, uint8_t event)
{
	d_send(&r->a, w);
	settle(r);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, synd);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
	if (event)
		expect_event(&r->d2, event);
}

static void wrong_key(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_READ, IFC_WQE_ATOMIC_FA };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct rig *r = open_rig(IFC_QP_ST_RC, 0);
		struct d_wr w = wr(r, ops[i], 0, 8);

		w.rkey ^= 0x100;
		refused(r, &w, IFC_CQE_SYND_REMOTE_ACCESS, 0x11);
		n_close(&r->net);
		free(r);
	}
}

static void out_of_bounds(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 3000);

	w.raddr = r->bm.addr + MEM_SIZE - 2999;
	refused(r, &w, IFC_CQE_SYND_REMOTE_ACCESS, 0x11);
}

static void crooked_atomic(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_ATOMIC_FA, 0, 8);

	w.rkey = atomic_key(&r->d2, &r->bm);
	w.raddr += 4;
	refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, 0x10);
}

static void message_longer_than_the_receive(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 3000);

	recv(r, 0, 2500);
	refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void receive_memory_that_does_not_serve(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 3000);
	struct d_sge sge = { r->bm.addr, 3000, r->bm.key ^ 0x100 };

	d_recv(&r->b, 1, &sge);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
}

static void bus_of_the_responder(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 30000);

	h_dma_fail(r->d2.h, 1, r->bm.addr + 20000, 10);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0x05);
}

static void key_that_cannot_be_invalidated(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND_INVAL, 0, 100);

	w.imm = r->bm.key;
	recv(r, 0, 100);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
}

static void own_memory(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 3000);

	w.sge[0].key ^= 0x100;
	d_send(&r->a, &w);
	settle(r);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void no_receive_yet(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 3000), wi = wr(r, IFC_WQE_RDMA_WRITE_IMM, 5000, 3000);

	/* timer code 12: 640 us */
	d_send(&r->a, &w);
	n_run(&r->net, 1000000);
	d_expect_none(&r->a.scq);
	recv(r, 0, 3000);
	settle(r);
	expect(r, IFC_WQE_SEND, 3000, 0);
	d_send(&r->a, &wi);
	n_run(&r->net, 1000000);
	d_recv(&r->b, 0, NULL);
	settle(r);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_WR_IMM, 0)), 3000);
	assert_memory_equal(r->am.p + 5000, r->bm.p + 5000, 3000);
	d_send(&r->a, &w);
	n_run(&r->net, 5 * 640000);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_RNR_RETRY_EXC);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

/* ---- UC ------------------------------------------------------------------------------------ */

static void uc_says_nothing_and_is_not_told(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_WRITE_IMM, IFC_WQE_SEND,
					       IFC_WQE_SEND_IMM };
	struct rig *r = *state;

	for (unsigned int i = 0; i < 4; i++)
		one(r, ops[i], 5000);
	r->net.fate = n_fate_at;
	r->net.what = N_DROP;
	for (unsigned int at = 0; at < 5; at++) {
		fill(&r->am, at + 50);
		r->net.at = r->net.frames + at;
		post(r, IFC_WQE_SEND, 5000);
		settle(r);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		d_expect_none(&r->b.rcq);
		one(r, IFC_WQE_RDMA_WRITE, 3000); /* what comes next does arrive */
		d_send(&r->a, &(struct d_wr){ .op = IFC_WQE_SEND });
		settle(r);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0); /* into the same WQE */
	}
	post(r, IFC_WQE_RDMA_WRITE, 100);
	r->net.fate = NULL;
	settle(r);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

/* ---- datagrams ----------------------------------------------------------------------------- */

static void ud_up(struct d_qp *qp)
{
	struct d_in in;
	uint8_t *qpc;

	assert_int_equal(d_init(qp), IFC_ST_OK);
	qpc = d_modify_in(qp, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);
	IFC_SET(qpc, qpc, mtu, 5);
	IFC_SET(qpc, qpc, log_msg_max, 12);
	assert_int_equal(d_modify(qp, &in), IFC_ST_OK);
	assert_int_equal(d_rts(qp), IFC_ST_OK);
}

static void datagram(struct rig *r, struct d_qp *from, struct d_qp *to, uint32_t dqpn, unsigned int index)
{
	bool v4 = index != 1;
	uint8_t av[48];
	struct d_sge sge = { r->bm.addr, 2000, r->bm.key };
	struct d_wr w = {
		.op = IFC_WQE_SEND_IMM, .av = av, .imm = 0x12345678, .solicited = true,
		.n = 1, .sge = { { r->am.addr, 1001, r->am.key } },
	};
	const uint8_t *cqe, *ip = r->bm.p + (v4 ? 20 : 0);

	fill(&r->am, index + dqpn);
	n_av(av, &r->d1, &r->d2, index, dqpn);
	d_recv(to, 1, &sge);
	d_send(from, &w);
	d_expect(&from->scq, IFC_CQE_REQ, 0);
	d_expect_none(&to->rcq);
	n_pump(&r->net);
	cqe = d_expect(&to->rcq, IFC_CQE_RESP_SEND_IMM, 0);
	assert_int_equal(D_CQE_BYTES(cqe), 1041);
	assert_int_equal(ifc_ld32(cqe + 24) >> 24, v4 ? 0x12 : 0x11);
	assert_int_equal(ifc_ld32(cqe + 24) & 0xffffff, from->st == IFC_QP_ST_QP1 ? 1 : from->qpn);
	assert_memory_equal(r->bm.p + 40, r->am.p, 1001);
	assert_int_equal(ip[0] >> 4, v4 ? 4 : 6);
	assert_memory_equal(ip + (v4 ? 16 : 24), n_gid(&r->d2, index) + (v4 ? 12 : 0), v4 ? 4 : 16);
	assert_memory_equal(ip + (v4 ? 12 : 8), n_gid(&r->d1, index) + (v4 ? 12 : 0), v4 ? 4 : 16);
}

static void datagrams_and_the_gsi(void **state)
{
	struct rig *r = *state;
	struct d_qp a, b, g1, g2;

	d_qp_of(&r->d1, &a, IFC_QP_ST_UD, 0, 0);
	d_qp_of(&r->d2, &b, IFC_QP_ST_UD, 0, 0);
	d_qp_of(&r->d1, &g1, IFC_QP_ST_QP1, 0, 0);
	d_qp_of(&r->d2, &g2, IFC_QP_ST_QP1, 0, 0);
	ud_up(&a);
	ud_up(&b);
	ud_up(&g1);
	ud_up(&g2);
	for (unsigned int index = 0; index < 3; index++) {
		datagram(r, &a, &b, b.qpn, index);
		datagram(r, &g1, &g2, 1, index);
	}
}

/* ---- whose a packet is --------------------------------------------------------------------- */

static unsigned int traced(struct harness *h, const char *why)
{
	return h_trace_find(h, FWSIM_TRACE_IGNORED, why) != NULL;
}

/* A packet of a to b, and what keeps it from b; the queues of the network interface get what is none of b's. */
static void packets_of_others(void **state)
{
	struct rig *r = *state;
	uint8_t gid[IFC_SZ(roce_addr_layout)], frame[ROCE_FRAME_MAX];
	struct fwsim_qp *qp = core_qp(&r->a);
	struct roce_packet pkt = { .opcode = ROCE_RC | ROCE_WRITE_ONLY, .dqpn = r->b.qpn };
	struct roce_path path;
	struct harness *h = r->d2.h;
	struct e_rq rq;
	unsigned int got = 0;

	e_rq(&r->d2, &rq);
	e_steer(&r->d2, e_tir(&r->d2, rq.rqn), 0x77);
	e_fill(&rq, 8);
	assert_true(roce_path_qp(qp, &path));
	memcpy(gid, path.gid, sizeof(gid));
	path.gid = gid;
#define SEND()                                                                                     \
	do {                                                                                       \
		h_trace_clear(h);                                                                  \
		assert_true(fwsim_uplink_rx(h->fw, frame, roce_build(&path, &pkt, frame)));        \
		while (d_cqe(&rq.cq))                                                              \
			got++;                                                                     \
	} while (0)
	pkt.psn = IFC_GET(qpc, qp->ctx, next_send_psn);
	pkt.dqpn = 0x3fff;
	SEND();
	assert_true(traced(h, "no QP of that number"));
	pkt.dqpn = r->b.qpn;
	pkt.opcode = ROCE_UC | ROCE_WRITE_ONLY;
	SEND();
	assert_true(traced(h, "another service type"));
	pkt.opcode = ROCE_RC | ROCE_WRITE_ONLY;
	gid[15]++;
	SEND();
	assert_true(traced(h, "connected to another address"));
	gid[15]--;
	assert_int_equal(got, 0);
	/* for the network interface: another VLAN, another address, a function that has not turned RoCE on */
	IFC_SET(roce_addr_layout, gid, vlan_valid, 1);
	IFC_SET(roce_addr_layout, gid, vlan_id, 6);
	SEND();
	assert_int_equal(got, 1);
	IFC_SET(roce_addr_layout, gid, vlan_valid, 0);
	path.rgid = n_gid(&r->d1, 0);
	SEND();
	assert_int_equal(got, 2);
	path.rgid = n_gid(&r->d2, 0);
	IFC_SET(nic_vport_context, r->d2.v->vport.ctx, roce_en, 0);
	SEND();
	assert_int_equal(got, 3);
	IFC_SET(nic_vport_context, r->d2.v->vport.ctx, roce_en, 1);
	assert_int_equal(IFC_GET(qpc, core_qp(&r->b)->ctx, next_rcv_psn), pkt.psn);
	SEND();
	assert_int_equal(got, 3);
	assert_int_equal(IFC_GET(qpc, core_qp(&r->b)->ctx, next_rcv_psn), (pkt.psn + 1) & 0xffffff);
#undef SEND
}

/* What no requester of ours sends. */
static void requests_that_make_no_sense(void **state)
{
	static const struct {
		uint8_t op;
		uint32_t len, data;
	} bad[] = {
		{ ROCE_SEND_MIDDLE, 0, 1024 }, { ROCE_SEND_LAST, 0, 10 }, { ROCE_WRITE_MIDDLE, 0, 1024 },
		{ ROCE_WRITE_LAST, 0, 10 },    { ROCE_WRITE_FIRST, 3000, 1000 },
		{ ROCE_WRITE_ONLY, 10, 11 },   { ROCE_WRITE_ONLY, 2000, 2000 },
		{ ROCE_WRITE_FIRST, 1024, 1024 }, { ROCE_WRITE_ONLY, 0x80000001, 0 },
		{ ROCE_READ_REQUEST, 0x80000001, 0 }, { ROCE_SEND_ONLY, 0, 1025 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig *r = open_rig(IFC_QP_ST_RC, 0);
		uint8_t frame[ROCE_FRAME_MAX], data[4096] = { 0 };
		struct fwsim_qp *qp = core_qp(&r->a);
		struct roce_packet pkt = {
			.opcode = bad[i].op, .len = bad[i].len, .data = data, .data_len = bad[i].data,
			.dqpn = r->b.qpn, .psn = IFC_GET(qpc, qp->ctx, next_send_psn), .rkey = r->bm.key,
			.va = r->bm.addr, .ack_req = true,
		};
		struct fwsim_frame f;
		struct roce_path path;
		struct harness *h = r->d2.h;

		recv(r, 0, 8192);
		assert_true(roce_path_qp(qp, &path));
		assert_true(fwsim_uplink_rx(h->fw, frame, roce_build(&path, &pkt, frame)));
		assert_int_equal(h->wire_n, 1);
		assert_true(fwsim_frame_parse(&f, h->wire[0].data, h->wire[0].len));
		assert_null(roce_parse(&f, &pkt));
		assert_int_equal(pkt.opcode, ROCE_ACK);
		assert_int_equal(pkt.syndrome, ROCE_SYND_NAK | ROCE_NAK_INVALID);
		assert_int_equal(d_state(&r->b), IFC_QP_ERR);
		expect_event(&r->d2, 0x10);
		n_close(&r->net);
		free(r);
	}
}

/* A responder may be asked for several READs at a time, and answers in their order. */
static void many_reads_at_a_time(void **state)
{
	struct rig *r = *state;
	uint8_t frame[ROCE_FRAME_MAX];
	struct fwsim_qp *qp = core_qp(&r->a);
	uint32_t psn = IFC_GET(qpc, qp->ctx, next_send_psn), want = psn;
	struct harness *h = r->d2.h;
	struct roce_path path;
	unsigned int acks = 0;

	assert_true(roce_path_qp(qp, &path));
	h->fw->running = true; /* all of it comes at once */
	for (unsigned int i = 0; i < 4; i++) {
		struct roce_packet rd = {
			.opcode = ROCE_READ_REQUEST, .len = 10 * 1024, .dqpn = r->b.qpn, .psn = psn & 0xffffff,
			.rkey = r->bm.key, .va = r->bm.addr,
		}, wr1 = {
			.opcode = ROCE_WRITE_ONLY, .dqpn = r->b.qpn, .psn = (psn + 10) & 0xffffff, .ack_req = true,
		};

		fwsim_uplink_rx(h->fw, frame, roce_build(&path, &rd, frame));
		fwsim_uplink_rx(h->fw, frame, roce_build(&path, &wr1, frame));
		psn += 11;
	}
	h->fw->running = false;
	fwsim_kick(h->fw);
	assert_int_equal(h->wire_n, 44);
	for (unsigned int i = 0; i < h->wire_n; i++, want = (want + 1) & 0xffffff) {
		struct roce_packet pkt;
		struct fwsim_frame f;

		assert_true(fwsim_frame_parse(&f, h->wire[i].data, h->wire[i].len));
		assert_null(roce_parse(&f, &pkt));
		assert_int_equal(pkt.psn, want);
		acks += pkt.opcode == ROCE_ACK;
	}
	assert_int_equal(acks, 4);
	h->wire_n = 0;
}

/* Within a card nothing becomes a packet. */
static void own_card_needs_no_packets(void **state)
{
	struct rig *r = *state;
	struct d_fn d3;
	struct d_qp c, e;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, BIG);
	struct d_mem m;

	n_fn(&d3, &r->net, 0, 2);
	d_qp(&r->d1, &c);
	d_qp(&d3, &e);
	m = d_mem(&d3, MEM_SIZE);
	n_connect(&c, &e, 0);
	w.raddr = m.addr;
	w.rkey = m.key;
	d_send(&c, &w);
	d_expect(&c.scq, IFC_CQE_REQ, 0);
	assert_int_equal(r->d1.h->wire_n, 0);
	assert_memory_equal(r->am.p, m.p, BIG);
}

/* ---- link, stop and go --------------------------------------------------------------------- */

static void link_down_is_silence(void **state)
{
	struct rig *r = *state;

	fwsim_uplink_link(r->d1.h->fw, false);
	post(r, IFC_WQE_SEND, 5000);
	n_run(&r->net, 2 * (4096ULL << 10));
	d_expect_none(&r->a.scq);
	assert_int_equal(r->net.frames, 0);
	fwsim_uplink_link(r->d1.h->fw, true);
	settle(r);
	expect(r, IFC_WQE_SEND, 5000, 0);
}

static void set_mig(struct fwsim_vhca *v, enum fwsim_mig_state s)
{
	v->mig = s;
	if (s == FWSIM_MIG_RUNNING)
		fwsim_vhca_rescan(v);
}

static void stopped_initiator_sends_nothing_and_answers(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 5000);

	set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	post(r, IFC_WQE_SEND, 5000);
	n_run(&r->net, H_SEC);
	assert_int_equal(r->net.frames, 0);
	/* but the other side reads from it */
	w.raddr = r->am.addr;
	w.rkey = r->am.key;
	w.sge[0] = (struct d_sge){ r->bm.addr + 100000, 5000, r->bm.key };
	d_send(&r->b, &w);
	settle(r);
	d_expect(&r->b.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p + 100000, 5000);
	set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	settle(r);
	expect(r, IFC_WQE_SEND, 5000, 0);
}

static void stopped_responder_takes_nothing(void **state)
{
	struct rig *r = *state;

	set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	h_dma_clear(r->d2.h);
	post(r, IFC_WQE_SEND, 5000);
	n_run(&r->net, 3 * (4096ULL << 10));
	assert_true(r->net.frames > 5);
	assert_false(h_dma_wrote(r->d2.h, 1, r->bm.addr, MEM_SIZE));
	set_mig(r->d2.v, FWSIM_MIG_RUNNING);
	settle(r);
	expect(r, IFC_WQE_SEND, 5000, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(every_operation_of_every_length),
		cmocka_unit_test(over_ipv6_and_vlan),
		T(packets_are_those_of_the_specification),
		T(window_is_bounded),
		T(shared_and_xrc_receive_queues),
		cmocka_unit_test(loss_of_each_packet),
		cmocka_unit_test(each_packet_twice),
		cmocka_unit_test(each_packet_spoilt),
		cmocka_unit_test(each_packet_late),
		T(storm),
		T(silence_uses_up_the_retries),
		T(atomic_is_carried_out_once),
		cmocka_unit_test(wrong_key),
		T(out_of_bounds),
		T(crooked_atomic),
		T(message_longer_than_the_receive),
		T(receive_memory_that_does_not_serve),
		T(bus_of_the_responder),
		T(key_that_cannot_be_invalidated),
		T(own_memory),
		T(no_receive_yet),
		cmocka_unit_test_setup_teardown(uc_says_nothing_and_is_not_told, setup_uc, teardown),
		T(datagrams_and_the_gsi),
		T(packets_of_others),
		cmocka_unit_test(requests_that_make_no_sense),
		T(many_reads_at_a_time),
		T(own_card_needs_no_packets),
		T(link_down_is_silence),
		T(stopped_initiator_sends_nothing_and_answers),
		T(stopped_responder_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
