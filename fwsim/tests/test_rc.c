// SPDX-License-Identifier: GPL-2.0-or-later
/* Data between QPs: what each operation moves and completes. */
#include "pair_rig.h"

#include <string.h>

static void write_moves_data_and_completes(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 100, 10000);
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
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_READ, 4000, 5000);
	const uint8_t *cqe;
	uint8_t before = r->am.p[9000];

	d_send(&r->a, &w);
	cqe = d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_BYTES(cqe), 5000);
	assert_int_equal(D_CQE_WQE_OP(cqe), IFC_WQE_RDMA_READ);
	assert_memory_equal(r->am.p + 4000, r->bm.p + 4000, 5000);
	assert_int_equal(r->am.p[9000], before);
}

/* The first message to a QP in RTR says that somebody is there, once. */
static void first_message_in_rtr(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 300000);

	for (unsigned int i = 0; i < 2; i++) { /* the second time after RST: it is forgotten */
		assert_int_equal(d_init(&r->a), IFC_ST_OK);
		assert_int_equal(d_init(&r->b), IFC_ST_OK);
		assert_int_equal(d_rtr(&r->b, &r->a), IFC_ST_OK);
		assert_int_equal(d_rtr(&r->a, &r->b), IFC_ST_OK);
		assert_int_equal(d_rts(&r->a), IFC_ST_OK);
		assert_null(d_eqe(&r->d2, &r->d2.async));
		d_send(&r->a, &w);
		h_settle(r->h);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		p_expect_event(&r->d2, IFC_EVENT_COMM_EST, r->b.qpn);
		d_send(&r->a, &w);
		h_settle(r->h);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		assert_null(d_eqe(&r->d2, &r->d2.async));
		assert_int_equal(d_simple(&r->d1, MLX5_CMD_OP_2RST_QP, r->a.qpn, NULL, 0), IFC_ST_OK);
		assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_2RST_QP, r->b.qpn, NULL, 0), IFC_ST_OK);
		r->a.sq_pi = 0;
		memset(h_mem(r->h, 1, r->a.dbr), 0, 8);
	}
}

static void first_message_in_rts(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 100);

	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_null(d_eqe(&r->d2, &r->d2.async));
}

static void send_fills_a_receive_wqe(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 3000);
	const uint8_t *cqe;

	p_recv(r, 8192, 4096);
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
	struct p_rig *r = *state;
	struct d_wr s = p_wr(r, IFC_WQE_SEND_IMM, 0, 8);
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE_IMM, 64, 200);
	const uint8_t *cqe;

	p_recv(r, 0, 100);
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
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 101);
	struct d_sge sge[4] = { { r->bm.addr, 100, r->bm.key },
				{ 0, 0, FWSIM_TERM_LKEY },
				{ r->bm.addr + 4096, 4096, r->bm.key } };

	d_recv(&r->b, 4, sge);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void rings_at_an_offset_in_a_large_page(void **state)
{
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 64), nop = { .op = IFC_WQE_NOP };

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
	struct p_rig *r = *state;
	/* 3 units each, so that a WQE lies across the end of a ring of 32 */
	struct d_wr w = {
		.op = IFC_WQE_SEND,
		.inl = "01234567890123456789012345678901234567890123456789"
		       "01234567890123456789012345678901234567890123456789"
		       "01234567890123456789012345678901234567890123456789",
	};

	for (unsigned int i = 0; i < 3000; i++) {
		p_recv(r, 0, 4096);
		d_send(&r->a, &w);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)), i);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), 3 * i & 0xffff);
	}
	assert_memory_equal(r->bm.p, w.inl, 150);
}

static void many_messages_by_one_doorbell_stay_in_order(void **state)
{
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 3, P_MEM_SIZE - 5);

	d_send(&r->a, &w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->am.p + 3, r->bm.p + 3, P_MEM_SIZE - 5);
	p_pattern(&r->bm, 77);
	w.op = IFC_WQE_RDMA_READ;
	d_send(&r->a, &w);
	h_settle(r->h);
	assert_int_equal(D_CQE_BYTES(d_expect(&r->a.scq, IFC_CQE_REQ, 0)), P_MEM_SIZE - 5);
	assert_memory_equal(r->am.p + 3, r->bm.p + 3, P_MEM_SIZE - 5);
	p_recv(r, 0, P_MEM_SIZE);
	p_pattern(&r->am, 99);
	w.op = IFC_WQE_SEND;
	d_send(&r->a, &w);
	h_settle(r->h);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	assert_memory_equal(r->am.p + 3, r->bm.p, P_MEM_SIZE - 5);
}

static void solicited_bit_counts_at_the_responder(void **state)
{
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
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
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 4096);

	h_dma_clear(r->h);
	d_send(&r->a, &w);
	assert_true(h_dma_wrote(r->h, 2, r->bm.addr, 4096));
	assert_false(h_dma_wrote(r->h, 1, r->bm.addr, P_MEM_SIZE));
	assert_int_equal(r->h->fn[1].dma_errors, 0);
	assert_int_equal(r->h->fn[2].dma_errors, 0);
}

static void payload_then_responder_then_requester(void **state)
{
	struct p_rig *r = *state;
	struct d_wr w = p_wr(r, IFC_WQE_SEND, 0, 100);
	size_t i, data = 0, rcqe = 0, scqe = 0;

	p_recv(r, 0, 100);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		P_TEST(write_moves_data_and_completes),
		P_TEST(read_moves_data_the_other_way),
		cmocka_unit_test_setup_teardown(first_message_in_rtr, p_setup_apart, p_teardown),
		P_TEST(first_message_in_rts),
		P_TEST(send_fills_a_receive_wqe),
		P_TEST(immediate_data_arrives),
		P_TEST(inline_data_and_several_segments),
		P_TEST(receive_list_ends_at_the_terminator),
		P_TEST(rings_at_an_offset_in_a_large_page),
		P_TEST(zero_length_needs_no_key),
		P_TEST(unsignalled_work_makes_no_cqe),
		P_TEST(rings_wrap),
		P_TEST(many_messages_by_one_doorbell_stay_in_order),
		P_TEST(large_message_is_whole),
		P_TEST(solicited_bit_counts_at_the_responder),
		P_TEST(qps_of_one_function),
		P_TEST(forced_loopback_needs_no_address),
		P_TEST(each_side_does_its_own_dma),
		P_TEST(payload_then_responder_then_requester),
	};

	return cmocka_run_group_tests_name("rc", tests, NULL, NULL);
}
