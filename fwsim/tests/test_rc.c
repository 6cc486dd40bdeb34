// SPDX-License-Identifier: GPL-2.0-or-later
/* Data between QPs: every operation, every refusal, flow control, retries, stop and resume. */
#include "data_rig.h"

#include <string.h>

#define MEM_SIZE (1u << 20)

/* a is on VF 0 (function 1), b on VF 1, c on VF 0 too. a and b are connected unless a test undoes it. */
struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b;
	struct d_mem am, bm;
};

static void pattern(struct d_mem *m, unsigned int seed)
{
	for (uint32_t i = 0; i < m->size; i++)
		m->p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
}

static int setup_map(void **state, bool map)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = map ? h_new_map(NULL) : h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	d_qp(&r->d1, &r->a);
	d_qp(&r->d2, &r->b);
	r->am = d_mem(&r->d1, MEM_SIZE);
	r->bm = d_mem(&r->d2, MEM_SIZE);
	pattern(&r->am, 1);
	pattern(&r->bm, 2);
	*state = r;
	return 0;
}

static int setup_apart(void **state)
{
	return setup_map(state, false);
}

static int setup(void **state)
{
	struct rig *r;

	setup_map(state, false);
	r = *state;
	d_connect(&r->a, &r->b);
	return 0;
}

static int setup_mapped(void **state)
{
	struct rig *r;

	setup_map(state, true);
	r = *state;
	d_connect(&r->a, &r->b);
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

/* A request of a to the memory of b. */
static struct d_wr wr(struct rig *r, enum ifc_wqe_op op, uint32_t off, uint32_t len)
{
	return (struct d_wr){
		.op = op,
		.raddr = r->bm.addr + off,
		.rkey = r->bm.key,
		.imm = 0xcafe0123,
		.n = 1,
		.sge = { { r->am.addr + off, len, r->am.key } },
	};
}

static void recv(struct rig *r, uint32_t off, uint32_t len)
{
	struct d_sge sge = { r->bm.addr + off, len, r->bm.key };

	d_recv(&r->b, 1, &sge);
}

static void expect_qp_event(struct d_fn *d, uint8_t type, uint32_t qpn)
{
	const uint8_t *e = d_eqe(d, &d->async);

	assert_non_null(e);
	assert_int_equal(e[1], type);
	assert_int_equal(e[0x34], 0);
	assert_int_equal(ifc_ld32(e + 0x38), qpn);
}

/* ---- operations ---------------------------------------------------------------------------- */

static void write_moves_data_and_completes(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 100, 10000);
	const uint8_t *cqe;

	d_send(&r->a, &w);
	cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_QPN(cqe), r->a.qpn);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_RDMA_WRITE);
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	assert_memory_equal(r->am.p + 100, r->bm.p + 100, 10000);
	assert_int_not_equal(r->am.p[99], r->bm.p[99]);
	assert_int_not_equal(r->am.p[10100], r->bm.p[10100]);
	d_expect_none(&r->b.rcq);
}

static void read_moves_data_the_other_way(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 4000, 5000);
	const uint8_t *cqe;
	uint8_t before = r->am.p[9000];

	d_send(&r->a, &w);
	cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_BYTES(cqe), 5000);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_RDMA_READ);
	assert_memory_equal(r->am.p + 4000, r->bm.p + 4000, 5000);
	assert_int_equal(r->am.p[9000], before);
}

static void send_fills_a_receive_wqe(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 3000);
	const uint8_t *cqe;

	recv(r, 8192, 4096);
	d_send(&r->a, &w);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(D_CQE_BYTES(cqe), 3000);
	assert_int_equal(D_CQE_QPN(cqe), r->b.qpn);
	assert_int_equal(ifc_ld32(cqe + 24) & 0xffffff, r->a.qpn);
	assert_int_equal(ifc_ld32(cqe + 32), 0); /* srqn */
	assert_int_equal(D_CQE_COUNTER(cqe), 0);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p + 8192, 3000);
}

static void immediate_data_arrives(void **state)
{
	struct rig *r = *state;
	struct d_wr s = wr(r, IFC_WQE_SEND_IMM, 0, 8);
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE_IMM, 64, 200);
	const uint8_t *cqe;

	recv(r, 0, 100);
	d_recv(&r->b, 0, NULL); /* a write with immediate takes a WQE, but no memory of it */
	d_send(&r->a, &s);
	d_send(&r->a, &w);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_SEND_IMM, 0);
	assert_int_equal(D_CQE_IMM(cqe), 0xcafe0123);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_WR_IMM, 0);
	assert_int_equal(D_CQE_IMM(cqe), 0xcafe0123);
	assert_int_equal(D_CQE_BYTES(cqe), 200);
	assert_int_equal(D_CQE_COUNTER(cqe), 1);
	assert_memory_equal(r->am.p + 64, r->bm.p + 64, 200);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void inline_data_and_several_segments(void **state)
{
	struct rig *r = *state;
	struct d_wr w = {
		.op = IFC_WQE_SEND,
		.inl = "inline, ",
		.n = 3,
		.sge = { { r->am.addr, 5, r->am.key },
			 { r->am.addr + 4090, 100, r->am.key },
			 { r->am.addr + 77777, 1, r->am.key } },
	};
	struct d_sge to[3] = { { r->bm.addr + 10, 7, r->bm.key },
			       { r->bm.addr + 4095, 2, r->bm.key },
			       { r->bm.addr + 9000, 500, r->bm.key } };
	uint8_t want[114], got[114];

	memcpy(want, "inline, ", 8);
	memcpy(want + 8, r->am.p, 5);
	memcpy(want + 13, r->am.p + 4090, 100);
	memcpy(want + 113, r->am.p + 77777, 1);
	d_recv(&r->b, 3, to);
	d_send(&r->a, &w);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), 114);
	memcpy(got, r->bm.p + 10, 7);
	memcpy(got + 7, r->bm.p + 4095, 2);
	memcpy(got + 9, r->bm.p + 9000, 105);
	assert_memory_equal(want, got, 114);
}

/* Behind the terminating segment lies what an older WQE has left: not a part of the list. */
static void receive_list_ends_at_the_terminator(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 101);
	struct d_sge sge[4] = { { r->bm.addr, 100, r->bm.key },
				{ 0, 0, FWSIM_TERM_LKEY },
				{ r->bm.addr + 4096, 4096, r->bm.key } };

	d_recv(&r->b, 4, sge);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void rings_at_an_offset_in_a_large_page(void **state)
{
	struct rig *r = *state;
	uint64_t big = h_alloc(r->h, 1, 1u << 16, 1u << 16);
	struct d_wr nop = { .op = IFC_WQE_NOP };
	IFC_BUF(create_qp_out, out);
	struct d_in in;
	struct d_qp c;

	d_qp(&r->d1, &c);
	d_qp_in(&r->d1, &in, &c);
	in.len = IFC_SZ(create_qp_in);
	d_in_pas(&in, big, 1);
	IFC_SET(create_qp_in, in.b, qpc.log_page_size, 4);
	IFC_SET(create_qp_in, in.b, qpc.page_offset, 5); /* times 64 KiB / 64 */
	c.ring = big + 5 * 1024;
	assert_int_equal(D_EXEC(&r->d1, &in, out), IFC_ST_OK);
	c.qpn = IFC_GET(create_qp_out, out, qpn);
	assert_int_equal(d_init(&c), IFC_ST_OK);
	assert_int_equal(d_rtr(&c, &c), IFC_ST_OK);
	assert_int_equal(d_rts(&c), IFC_ST_OK);
	d_send(&c, &nop);
	d_expect(&c.scq, IFC_CQE_REQ, 0);
}

static void zero_length_needs_no_key(void **state)
{
	struct rig *r = *state;
	struct d_wr w = { .op = IFC_WQE_RDMA_WRITE, .rkey = 0xdead };
	struct d_wr s = { .op = IFC_WQE_SEND };

	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	w.op = IFC_WQE_RDMA_READ;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_recv(&r->b, 0, NULL);
	d_send(&r->a, &s);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), 0);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void unsignalled_work_makes_no_cqe(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 64), nop = { .op = IFC_WQE_NOP };

	w.unsignalled = true;
	d_post(&r->a, &w);
	d_post(&r->a, &w);
	d_post(&r->a, &nop);
	d_ring(&r->a);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), 2);
	d_expect_none(&r->a.scq);
}

static void rings_wrap(void **state)
{
	struct rig *r = *state;
	/* 3 units each, so that a WQE lies across the end of a ring of 32 */
	struct d_wr w = {
		.op = IFC_WQE_SEND,
		.inl = "01234567890123456789012345678901234567890123456789"
		       "01234567890123456789012345678901234567890123456789"
		       "01234567890123456789012345678901234567890123456789",
	};

	for (unsigned int i = 0; i < 3000; i++) {
		recv(r, 0, 4096);
		d_send(&r->a, &w);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), i);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), 3 * i & 0xffff);
	}
	assert_memory_equal(r->bm.p, w.inl, 150);
}

static void many_messages_by_one_doorbell_stay_in_order(void **state)
{
	struct rig *r = *state;
	struct d_wr w = { .op = IFC_WQE_SEND_IMM };

	for (unsigned int i = 0; i < 16; i++)
		d_recv(&r->b, 0, NULL);
	for (unsigned int i = 0; i < 16; i++) {
		w.imm = i;
		d_post(&r->a, &w);
	}
	d_ring(&r->a);
	h_settle(r->h);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(D_CQE_IMM(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND_IMM, 0)), i);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), i);
	}
}

static void large_message_is_whole(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 3, MEM_SIZE - 5);

	d_send(&r->a, &w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 3, r->bm.p + 3, MEM_SIZE - 5);
	pattern(&r->bm, 77);
	w.op = IFC_WQE_RDMA_READ;
	d_send(&r->a, &w);
	h_settle(r->h);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), MEM_SIZE - 5);
	assert_memory_equal(r->am.p + 3, r->bm.p + 3, MEM_SIZE - 5);
	recv(r, 0, MEM_SIZE);
	pattern(&r->am, 99);
	w.op = IFC_WQE_SEND;
	d_send(&r->a, &w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	assert_memory_equal(r->am.p + 3, r->bm.p, MEM_SIZE - 5);
}

static void solicited_bit_counts_at_the_responder(void **state)
{
	struct rig *r = *state;
	struct d_wr w = { .op = IFC_WQE_SEND };

	d_eq_drain(&r->d2, &r->d2.comp, 0);
	d_cq_arm(&r->b.rcq, true);
	d_recv(&r->b, 0, NULL);
	d_recv(&r->b, 0, NULL);
	d_send(&r->a, &w);
	assert_int_equal(d_eq_drain(&r->d2, &r->d2.comp, IFC_EVENT_COMP), 0);
	w.solicited = true;
	d_send(&r->a, &w);
	assert_int_equal(d_eq_drain(&r->d2, &r->d2.comp, IFC_EVENT_COMP), 1);
}

static void qps_of_one_function(void **state)
{
	struct rig *r = *state;
	struct d_qp c, e;
	struct d_mem m = d_mem(&r->d1, 4096);
	struct d_wr w = { .op = IFC_WQE_RDMA_WRITE, .raddr = m.addr, .rkey = m.key, .n = 1,
			  .sge = { { r->am.addr, 4096, r->am.key } } };

	d_qp(&r->d1, &c);
	d_qp(&r->d1, &e);
	d_connect(&c, &e);
	d_send(&c, &w);
	d_expect(&c.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(m.p, r->am.p, 4096);
}

static void forced_loopback_needs_no_address(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_SEND };
	struct d_qp c;
	struct d_in in;
	uint8_t *qpc;

	d_qp(&r->d1, &c);
	assert_int_equal(d_init(&c), IFC_ST_OK);
	qpc = d_modify_in(&c, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);
	IFC_SET(qpc, qpc, mtu, 5);
	IFC_SET(qpc, qpc, log_msg_max, 30);
	IFC_SET(qpc, qpc, remote_qpn, c.qpn); /* to itself */
	IFC_SET(qpc, qpc, primary_address_path.fl, 1);
	assert_int_equal(d_modify(&c, &in), IFC_ST_OK);
	assert_int_equal(d_rts(&c), IFC_ST_OK);
	d_recv(&c, 0, NULL);
	d_send(&c, &nop);
	d_expect(&c.rcq, IFC_CQE_RESP_SEND, 0);
	d_expect(&c.scq, IFC_CQE_REQ, 0);
}

/* DMA of a message between two functions goes out under two requester ids. */
static void each_side_does_its_own_dma(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 4096);

	h_dma_clear(r->h);
	d_send(&r->a, &w);
	assert_true(h_dma_wrote(r->h, 2, r->bm.addr, 4096));
	assert_false(h_dma_wrote(r->h, 1, r->bm.addr, MEM_SIZE));
	assert_int_equal(r->h->fn[1].dma_errors, 0);
	assert_int_equal(r->h->fn[2].dma_errors, 0);
}

static void payload_then_responder_then_requester(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);
	size_t i, data = 0, rcqe = 0, scqe = 0;

	recv(r, 0, 100);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	for (i = 0; i < r->h->dma_n; i++) {
		const struct h_dma *x = &r->h->dma[i];

		if (x->fn == 2 && x->addr == r->bm.addr)
			data = i + 1;
		if (x->fn == 2 && x->addr == r->b.rcq.addr)
			rcqe = i + 1;
		if (x->fn == 1 && x->addr == r->a.scq.addr)
			scqe = i + 1;
	}
	assert_true(data && data < rcqe && rcqe < scqe);
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* a's request fails with @synd and b is in ERR after event @type. */
static void expect_remote_error(struct rig *r, unsigned int synd, uint8_t type)
{
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, synd);
	expect_qp_event(&r->d2, type, r->b.qpn);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
}

static void bad_rkey(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	w.rkey ^= 1;
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
	assert_false(h_dma_wrote(r->h, 2, r->bm.addr, MEM_SIZE));
}

static void remote_out_of_bounds_moves_nothing(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 200000);

	w.raddr = r->bm.addr + MEM_SIZE - 199999;
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_settle(r->h);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
	assert_false(h_dma_wrote(r->h, 2, r->bm.addr, MEM_SIZE));
}

static void remote_rights_of_the_key(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 100);

	w.rkey = d_mkey(&r->d2, r->bm.addr, 4096, FWSIM_ACC_LR | FWSIM_ACC_LW | FWSIM_ACC_RW);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

static void remote_key_of_another_domain(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	r->d2.pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD);
	w.rkey = d_mkey(&r->d2, r->bm.addr, 4096, 0xf);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

static void qp_that_allows_no_rdma(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);
	struct d_in in;

	d_modify_in(&r->b, &in, MLX5_CMD_OP_RTS2RTS_QP, 1u << 3); /* RWE, to 0 */
	assert_int_equal(d_modify(&r->b, &in), IFC_ST_OK);
	d_send(&r->a, &w);
	expect_remote_error(r, IFC_CQE_SYND_REMOTE_ACCESS, IFC_EVENT_WQ_ACCESS_ERROR);
}

static void local_key_flushes_the_rest(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_post(&r->a, &w);
	w.sge[0].key ^= 1;
	d_post(&r->a, &w);
	w.sge[0].key ^= 1;
	w.unsignalled = true; /* a flush error comes all the same */
	d_post(&r->a, &w);
	d_post(&r->a, &w);
	d_ring(&r->a);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR,
						IFC_CQE_SYND_LOCAL_PROT)), 1);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 2);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5)), 3);
	d_expect_none(&r->a.scq);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS); /* the other side saw nothing */
}

static void local_write_needs_the_right(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_READ, 0, 100);

	w.sge[0].key = d_mkey(&r->d1, r->am.addr, 4096, FWSIM_ACC_LR);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
}

static void message_longer_than_the_receive_wqe(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 101);

	recv(r, 0, 100);
	recv(r, 0, 100);
	d_send(&r->a, &w);
	h_settle(r->h);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_ERR,
						IFC_CQE_SYND_LOCAL_LENGTH)), 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, 5)), 1);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
}

static void receive_key_that_does_not_serve(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);
	struct d_sge sge = { r->bm.addr, 100, r->bm.key ^ 1 };

	d_recv(&r->b, 1, &sge);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
}

static void message_longer_than_log_msg_max(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 4097);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, log_msg_max, 12);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void wqe_that_makes_no_sense(void **state)
{
	static const struct {
		unsigned int off;
		uint8_t val;
	} bad[] = {
		{ 3, 0x11 },  /* atomic without a place for its answer */
		{ 3, 0x25 },  /* UMR */
		{ 3, 0x12 },  /* another atomic, also too short */
		{ 3, 0xff },
		{ 6, 0x77 },  /* another QP */
		{ 7, 0 },     /* no length at all */
		{ 7, 1 },     /* no remote address */
		{ 7, 0x3f },  /* longer than what was posted */
		{ 32, 0xff }, /* inline data longer than the WQE */
	};
	struct rig *r = *state;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);
		struct d_qp a, b;

		d_qp(&r->d1, &a);
		d_qp(&r->d2, &b);
		d_connect(&a, &b);
		d_post(&a, &w);
		((uint8_t *)h_mem(r->h, 1, a.ring))[(D_RQ_STRIDE << D_LOG_RQ) + bad[i].off] =
			bad[i].val;
		d_ring(&a);
		d_expect(&a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
		d_expect_none(&a.scq);
		assert_int_equal(d_state(&a), IFC_QP_ERR);
		assert_int_equal(d_state(&b), IFC_QP_RTS);
	}
}

static void responder_without_receive_queue(void **state)
{
	struct rig *r = *state;
	struct d_wr w = { .op = IFC_WQE_SEND };

	d_core_qp(&r->b)->has_rq = false;
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_INVAL_REQ);
	expect_qp_event(&r->d2, IFC_EVENT_WQ_INVAL_REQ_ERROR, r->b.qpn);
	d_core_qp(&r->b)->has_rq = true;
}

static void send_cq_overrun_is_catastrophic(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };
	unsigned int n = 0;
	bool cq_error = false, catas = false;
	const uint8_t *e;

	for (unsigned int k = 0; k < 5; k++) {
		for (unsigned int i = 0; i < 16; i++)
			d_post(&r->a, &nop);
		d_ring(&r->a);
		h_settle(r->h);
	}
	while ((e = d_eqe(&r->d1, &r->d1.async))) {
		cq_error |= e[1] == IFC_EVENT_CQ_ERROR && ifc_ld32(e + 0x20) == r->a.scq.cqn;
		catas |= e[1] == IFC_EVENT_WQ_CATAS_ERROR && ifc_ld32(e + 0x38) == r->a.qpn;
	}
	assert_true(cq_error && catas);
	while (d_cqe(&r->a.scq))
		n++;
	assert_int_equal(n, 1u << D_LOG_CQ);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
}

static void bus_that_refuses(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	h_dma_fail(r->h, 2, r->bm.addr, 4096);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_REMOTE_OP);
	expect_qp_event(&r->d2, IFC_EVENT_WQ_CATAS_ERROR, r->b.qpn);
}

static void bus_that_refuses_the_ring(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	h_dma_fail(r->h, 1, r->a.ring, FWSIM_PAGE);
	d_send(&r->a, &nop);
	h_settle(r->h);
	expect_qp_event(&r->d1, IFC_EVENT_WQ_CATAS_ERROR, r->a.qpn);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	d_expect_none(&r->a.scq);
}

static void bus_that_refuses_the_doorbell_record(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };
	unsigned int errors;

	h_dma_fail(r->h, 1, r->a.dbr, 8);
	d_send(&r->a, &nop);
	h_settle(r->h);
	expect_qp_event(&r->d1, IFC_EVENT_WQ_CATAS_ERROR, r->a.qpn);
	errors = r->h->fn[1].dma_errors;
	h_advance(r->h, 10 * H_SEC); /* a QP in ERR does not go on knocking */
	assert_int_equal(r->h->fn[1].dma_errors, errors);
}

/* ---- flow control and retries -------------------------------------------------------------- */

static void rnr_waits_for_a_receive_wqe(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w); /* b asks for 0.64 ms */
	d_expect_none(&r->a.scq);
	h_advance(r->h, 600000);
	recv(r, 0, 100);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 100000);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void rnr_retries_run_out(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w);
	h_advance(r->h, 2 * 640000 - 1000);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 2000);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_RNR_RETRY_EXC);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void rnr_retry_7_is_forever(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, rnr_retry, 7);
	d_core_qp(&r->a)->rnr_left = 7;
	d_send(&r->a, &w);
	h_advance(r->h, 30 * H_SEC);
	d_expect_none(&r->a.scq);
	recv(r, 0, 100);
	h_advance(r->h, H_MS);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

static void rnr_budget_is_per_message(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	for (unsigned int i = 0; i < 5; i++) {
		d_send(&r->a, &w);
		h_advance(r->h, 640000 + 1000);
		recv(r, 0, 100);
		h_advance(r->h, 640000 + 1000);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	}
}

/* 4.096 us << 10, times 3 retries and the first try. */
#define GIVE_UP_NS (4ULL * 4096 * 1024)

static void expect_retry_exceeded(struct rig *r)
{
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_send(&r->a, &w);
	h_advance(r->h, GIVE_UP_NS - 1000);
	d_expect_none(&r->a.scq);
	h_advance(r->h, 2000);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
}

static void no_such_mac(void **state)
{
	struct rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, primary_address_path.rmac_31_0, 0x12345678);
	expect_retry_exceeded(r);
}

static void peer_qp_is_gone(void **state)
{
	struct rig *r = *state;

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	expect_retry_exceeded(r);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_QP, "no QP of that number"));
}

static void peer_function_is_reset(void **state)
{
	struct rig *r = *state;

	fwsim_reset(r->h->fw, 2);
	expect_retry_exceeded(r);
}

static void peer_in_err_does_not_answer(void **state)
{
	struct rig *r = *state;

	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2ERR_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
	expect_retry_exceeded(r);
}

static void peer_connected_to_another_does_not_answer(void **state)
{
	struct rig *r = *state;

	d_core_qp(&r->b)->remote_qpn = r->a.qpn + 1;
	expect_retry_exceeded(r);
}

static void peer_connected_to_another_function_does_not_answer(void **state)
{
	struct rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->b)->ctx, primary_address_path.fl, 1);
	expect_retry_exceeded(r);
}

static void sequence_numbers_must_meet(void **state)
{
	struct rig *r = *state;

	IFC_SET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn, 1);
	expect_retry_exceeded(r);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_QP, "sequence numbers"));
}

static void sequence_numbers_advance_by_packets(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 10240);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, next_send_psn, 0xfffffe);
	IFC_SET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn, 0xfffffe);
	d_send(&r->a, &w); /* 10 packets of 1024 bytes */
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->a)->ctx, next_send_psn), 8);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn), 8);
}

static void peer_that_comes_back_in_time(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	fwsim_set_bus_master(r->h->fw, 2, false);
	d_send(&r->a, &w);
	h_advance(r->h, GIVE_UP_NS / 2);
	d_expect_none(&r->a.scq);
	fwsim_set_bus_master(r->h->fw, 2, true);
	h_advance(r->h, GIVE_UP_NS / 2);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(d_core_qp(&r->a)->give_up_at, 0);
}

static void responder_in_rtr_answers(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	assert_int_equal(d_init(&r->a), IFC_ST_OK);
	assert_int_equal(d_init(&r->b), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->a, &r->b), IFC_ST_OK);
	assert_int_equal(d_rtr(&r->b, &r->a), IFC_ST_OK);
	assert_int_equal(d_rts(&r->a), IFC_ST_OK);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

/* ---- stop and resume ----------------------------------------------------------------------- */

static void stopped_initiator_fetches_nothing(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100), back = {
		.op = IFC_WQE_RDMA_WRITE, .raddr = r->am.addr + 500, .rkey = r->am.key, .n = 1,
		.sge = { { r->bm.addr + 500, 100, r->bm.key } } };

	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	assert_false(h_dma_wrote(r->h, ~0u, 0, 0));
	/* but others reach it */
	d_send(&r->b, &back);
	d_expect(&r->b.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 500, r->bm.p + 500, 100);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 100);
}

/* What a slice counts for in the budget of a turn, in 64 KiB. */
static unsigned int slice_cost(const struct rig *r)
{
	return r->h->use_map ? 4 : 1;
}

/* Stop in the middle of a message, at each slice: no DMA, then it goes on where it was. */
static void message_parks_between_slices(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_READ,
					       IFC_WQE_SEND };
	struct rig *r = *state;

	for (unsigned int i = 0; i < 3; i++) {
		struct d_wr w = wr(r, ops[i], 0, MEM_SIZE);
		unsigned int slices = 0;

		pattern(&r->am, 10 + i);
		pattern(&r->bm, 20 + i);
		recv(r, 0, MEM_SIZE);
		r->h->fw->running = true; /* the doorbell only latches; the test makes the steps */
		d_post(&r->a, &w);
		d_core_qp(&r->a)->db_pending = true;
		fwsim_qp_schedule(d_core_qp(&r->a));
		while (d_core_qp(&r->a)->sq_off || !slices) {
			fwsim_rc_run(r->h->fw, 1);
			slices++;
			if (!d_core_qp(&r->a)->sq_off)
				break;
			r->d1.v->mig = FWSIM_MIG_STOPPED;
			h_dma_clear(r->h);
			fwsim_rc_run(r->h->fw, 100);
			assert_false(h_dma_wrote(r->h, 1, H_MEM_BASE, H_MEM_SIZE));
			assert_false(h_dma_wrote(r->h, 2, H_MEM_BASE, H_MEM_SIZE));
			d_expect_none(&r->a.scq);
			d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
		}
		r->h->fw->running = false;
		assert_int_equal(slices, (MEM_SIZE >> 16) / slice_cost(r));
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		assert_memory_equal(r->am.p, r->bm.p, MEM_SIZE);
		if (ops[i] == IFC_WQE_SEND)
			assert_int_equal(D_CQE_BYTES(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)),
					 MEM_SIZE);
	}
}

static void stopped_responder_holds_without_deadline(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_set_mig(r->d2.v, FWSIM_MIG_INITIATOR_STOPPED);
	d_set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	h_dma_clear(r->h);
	d_send(&r->a, &w);
	h_advance(r->h, 60 * H_SEC);
	assert_false(h_dma_wrote(r->h, 2, H_MEM_BASE, H_MEM_SIZE));
	d_expect_none(&r->a.scq);
	d_set_mig(r->d2.v, FWSIM_MIG_INITIATOR_STOPPED);
	h_advance(r->h, 2 * H_MS);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p, r->bm.p, 100);
}

static void receive_posted_while_stopped_is_seen(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	IFC_SET(qpc, d_core_qp(&r->a)->ctx, rnr_retry, 7);
	d_send(&r->a, &w);
	d_set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	recv(r, 0, 100);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->b.rcq);
	d_set_mig(r->d2.v, FWSIM_MIG_RUNNING);
	h_advance(r->h, 2 * H_MS);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void flush_waits_for_resume(void **state)
{
	struct rig *r = *state;
	struct d_wr nop = { .op = IFC_WQE_NOP };

	r->d1.v->mig = FWSIM_MIG_INITIATOR_STOPPED;
	d_send(&r->a, &nop);
	fwsim_qp_flush(d_core_qp(&r->a));
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, 5);
	d_expect_none(&r->a.scq);
}

static void bus_master_off_holds_the_requester(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	fwsim_set_bus_master(r->h->fw, 1, false);
	d_send(&r->a, &w);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->a.scq);
	fwsim_set_bus_master(r->h->fw, 1, true);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
}

/* A QP that is destroyed while it waits, or is on the run list, leaves nothing behind. */
static void destroy_while_waiting(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_SEND, 0, 100);

	d_send(&r->a, &w);
	assert_int_equal(d_simple(&r->d1, MLX5_CMD_OP_DESTROY_QP, r->a.qpn, NULL, 0), IFC_ST_OK);
	h_advance(r->h, H_SEC);
	assert_null(r->h->fw->run_head);
	assert_null(r->h->fw->run_tail);
	d_expect_none(&r->a.scq);
}

/* Two QPs share the card slice by slice: a small message is not behind a large one. */
static void small_message_is_not_behind_a_large_one(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, IFC_WQE_RDMA_WRITE, 0, MEM_SIZE), nop = { .op = IFC_WQE_NOP };
	struct d_qp c, e;

	d_qp(&r->d1, &c);
	d_qp(&r->d1, &e);
	d_connect(&c, &e);
	r->h->fw->running = true;
	d_post(&r->a, &w);
	d_post(&c, &nop);
	d_core_qp(&r->a)->db_pending = true;
	d_core_qp(&c)->db_pending = true;
	fwsim_qp_schedule(d_core_qp(&r->a));
	fwsim_qp_schedule(d_core_qp(&c));
	assert_true(fwsim_rc_run(r->h->fw, slice_cost(r) + 2));
	d_expect(&c.scq, IFC_CQE_REQ, 0);
	d_expect_none(&r->a.scq);
	r->h->fw->running = false;
}

/* The guest may write anything anywhere at any time: random rings, records and bells. */
static void garbage_everywhere(void **state)
{
	struct rig *r = *state;
	uint32_t x = 1;

	for (unsigned int round = 0; round < 300; round++) {
		struct d_qp *qp = round & 1 ? &r->a : &r->b;
		uint8_t *ring = h_mem(r->h, qp->d->fn, qp->ring);
		uint8_t *dbr = h_mem(r->h, qp->d->fn, qp->dbr);

		for (unsigned int i = 0; i < 3072; i++) {
			x = x * 1103515245 + 12345;
			ring[i] = (uint8_t)(x >> 16);
		}
		for (unsigned int i = 0; i < 48; i++) { /* some are nearly right */
			ring[i * 64 + 3] = (uint8_t)(8 + i % 9);
			ifc_st32(ring + i * 64 + 4, qp->qpn << 8 | (i % 12 + 1));
		}
		ifc_st32(dbr, x);
		ifc_st32(dbr + 4, x >> 3);
		d_ring(qp);
		h_advance(r->h, 50 * H_MS);
		if (round % 10 == 9) {
			d_simple(&r->d1, MLX5_CMD_OP_2RST_QP, r->a.qpn, NULL, 0);
			d_simple(&r->d2, MLX5_CMD_OP_2RST_QP, r->b.qpn, NULL, 0);
			d_connect(&r->a, &r->b);
			while (d_cqe(&r->a.scq) || d_cqe(&r->b.scq) || d_cqe(&r->a.rcq) ||
			       d_cqe(&r->b.rcq))
				;
		}
	}
}

int main(void)
{
/* by copying calls, and with memory that can be mapped */
#define TEST(f)                                                                                    \
	{ #f, f, setup, teardown, NULL }, { #f " (mapped)", f, setup_mapped, teardown, NULL }
	const struct CMUnitTest tests[] = {
		TEST(write_moves_data_and_completes),
		TEST(read_moves_data_the_other_way),
		TEST(send_fills_a_receive_wqe),
		TEST(immediate_data_arrives),
		TEST(inline_data_and_several_segments),
		TEST(receive_list_ends_at_the_terminator),
		TEST(rings_at_an_offset_in_a_large_page),
		TEST(zero_length_needs_no_key),
		TEST(unsignalled_work_makes_no_cqe),
		TEST(rings_wrap),
		TEST(many_messages_by_one_doorbell_stay_in_order),
		TEST(large_message_is_whole),
		TEST(solicited_bit_counts_at_the_responder),
		TEST(qps_of_one_function),
		TEST(forced_loopback_needs_no_address),
		TEST(each_side_does_its_own_dma),
		TEST(payload_then_responder_then_requester),
		TEST(bad_rkey),
		TEST(remote_out_of_bounds_moves_nothing),
		TEST(remote_rights_of_the_key),
		TEST(remote_key_of_another_domain),
		TEST(qp_that_allows_no_rdma),
		TEST(local_key_flushes_the_rest),
		TEST(local_write_needs_the_right),
		TEST(message_longer_than_the_receive_wqe),
		TEST(receive_key_that_does_not_serve),
		TEST(message_longer_than_log_msg_max),
		TEST(wqe_that_makes_no_sense),
		TEST(responder_without_receive_queue),
		TEST(send_cq_overrun_is_catastrophic),
		TEST(bus_that_refuses),
		TEST(bus_that_refuses_the_ring),
		TEST(bus_that_refuses_the_doorbell_record),
		TEST(rnr_waits_for_a_receive_wqe),
		TEST(rnr_retries_run_out),
		TEST(rnr_retry_7_is_forever),
		TEST(rnr_budget_is_per_message),
		TEST(no_such_mac),
		TEST(peer_qp_is_gone),
		TEST(peer_function_is_reset),
		TEST(peer_in_err_does_not_answer),
		TEST(peer_connected_to_another_does_not_answer),
		TEST(peer_connected_to_another_function_does_not_answer),
		TEST(sequence_numbers_must_meet),
		TEST(sequence_numbers_advance_by_packets),
		TEST(peer_that_comes_back_in_time),
		cmocka_unit_test_setup_teardown(responder_in_rtr_answers, setup_apart, teardown),
		TEST(stopped_initiator_fetches_nothing),
		TEST(message_parks_between_slices),
		TEST(stopped_responder_holds_without_deadline),
		TEST(receive_posted_while_stopped_is_seen),
		TEST(flush_waits_for_resume),
		TEST(bus_master_off_holds_the_requester),
		TEST(destroy_while_waiting),
		TEST(small_message_is_not_behind_a_large_one),
		TEST(garbage_everywhere),
	};

	return cmocka_run_group_tests_name("rc", tests, NULL, NULL);
}
