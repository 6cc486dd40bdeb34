// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QPs of two cards: every operation, and a network that loses, doubles, spoils and reorders each packet in turn. What
 * is refused is in test_roce_refuse.c, what migration does to it in test_roce_mig.c.
 */
#include "roce_rig.h"

#include <string.h>

#include "roce_qp.h"

#define MEM_SIZE (1u << 18)
#define BIG 70000u /* 69 packets of 1024: more than a window */

static int setup(void **state)
{
	*state = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
	return 0;
}

static int setup_uc(void **state)
{
	*state = r_open(IFC_QP_ST_UC, 0, MEM_SIZE);
	return 0;
}

static int teardown(void **state)
{
	r_close(*state);
	return 0;
}

static void settle(struct r_pair *r)
{
	n_run(&r->net, 100 * H_MS);
}

/* ---- operations ---------------------------------------------------------------------------- */

static const enum ifc_wqe_op all_ops[] = {
	IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_WRITE_IMM, IFC_WQE_RDMA_READ, IFC_WQE_SEND,
	IFC_WQE_SEND_IMM, IFC_WQE_SEND_INVAL, IFC_WQE_ATOMIC_FA, IFC_WQE_ATOMIC_CS,
};
#define N_OPS (sizeof(all_ops) / sizeof(all_ops[0]))

static void one(struct r_pair *r, enum ifc_wqe_op op, uint32_t len)
{
	uint64_t old;

	r_fill(&r->am, len + op);
	r_fill(&r->bm, len + op + 1);
	old = r_le64(r->bm.p);
	r_post(r, op, len);
	settle(r);
	r_expect(r, op, len, old);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->a)->ctx, next_send_psn),
			 IFC_GET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn));
}

static void every_operation_of_every_length(void **state)
{
	static const uint32_t lens[] = { 0, 1, 1023, 1024, 1025, 2048, 33 * 1024, BIG };
	struct r_pair *r = *state;

	for (unsigned int i = 0; i < N_OPS; i++)
		for (unsigned int n = 0; n < sizeof(lens) / sizeof(lens[0]); n++)
			one(r, all_ops[i], lens[n]);
}

/* The first message to a QP in RTR is an event; the second, and what comes in RTS, is none. */
static void first_message_in_rtr(void **state)
{
	struct r_pair *r = *state;
	const uint8_t *e;

	one(r, IFC_WQE_RDMA_WRITE, 5000);
	assert_null(d_eqe(&r->d2, &r->d2.async));
	IFC_SET(qpc, d_core_qp(&r->b)->ctx, rmsn, 0); /* as after a new connection */
	d_core_qp(&r->b)->state = IFC_QP_RTR;
	one(r, IFC_WQE_RDMA_WRITE, 5000);
	e = d_eqe(&r->d2, &r->d2.async);
	assert_non_null(e);
	assert_int_equal(e[1], IFC_EVENT_COMM_EST);
	one(r, IFC_WQE_SEND, 5000);
	assert_null(d_eqe(&r->d2, &r->d2.async));
}

static void over_ipv6_and_vlan(void **state)
{
	(void)state;
	for (unsigned int index = 1; index < 3; index++) {
		struct r_pair *r = r_open(IFC_QP_ST_RC, index, MEM_SIZE);

		for (unsigned int i = 0; i < N_OPS; i++)
			one(r, all_ops[i], 3000);
		r_close(r);
	}
}

/* What one sees of it between the cards. */
static void packets_are_those_of_the_specification(void **state)
{
	static const uint8_t want[] = { ROCE_WRITE_FIRST, ROCE_WRITE_MIDDLE, ROCE_WRITE_LAST };
	struct r_pair *r = *state;
	struct harness *h = r->d1.h;
	struct fwsim_frame f;
	struct roce_packet pkt;

	r_post(r, IFC_WQE_RDMA_WRITE, 3000);
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
	r_expect(r, IFC_WQE_RDMA_WRITE, 3000, 0);
}

static void window_is_bounded(void **state)
{
	struct r_pair *r = *state;

	r_post(r, IFC_WQE_SEND, BIG);
	assert_int_equal(r->d1.h->wire_n, ROCE_WINDOW);
	settle(r);
	r_expect(r, IFC_WQE_SEND, BIG, 0);
}

static void shared_and_xrc_receive_queues(void **state)
{
	struct r_pair *r = *state;
	struct d_qp sa, sb, xa, xb;
	struct d_srq srq, xsrq;
	struct d_cq cq;
	uint32_t x1 = d_alloc(&r->d1, MLX5_CMD_OP_ALLOC_XRCD), x2 = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_XRCD);
	struct d_sge sge = { r->bm.addr, 5000, r->bm.key };
	struct d_wr w = r_wr(r, IFC_WQE_SEND_IMM, 0, 4000);
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
	r_fill(&r->am, 77);
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
			struct r_pair *r = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
			unsigned int n;

			r->net.fate = n_fate_at;
			r->net.what = what;
			r->net.at = at;
			one(r, all_ops[i], len);
			one(r, all_ops[(i + 1) % N_OPS], 100);
			n = r->net.frames;
			r_close(r);
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
	struct r_pair *r = *state;

	r->net.fate = n_fate_storm;
	for (r->net.seed = 1; r->net.frames < 6000;) {
		unsigned int n = r->net.frames % 5;

		one(r, all_ops[r->net.frames % N_OPS], n == 4 ? 20000 : n * 1500);
	}
	assert_int_equal(d_state(&r->a), IFC_QP_RTS);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

/* ---- UC ------------------------------------------------------------------------------------ */

static void uc_says_nothing_and_is_not_told(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_WRITE_IMM, IFC_WQE_SEND,
					       IFC_WQE_SEND_IMM };
	struct r_pair *r = *state;

	for (unsigned int i = 0; i < 4; i++)
		one(r, ops[i], 5000);
	r->net.fate = n_fate_at;
	r->net.what = N_DROP;
	for (unsigned int at = 0; at < 5; at++) {
		r_fill(&r->am, at + 50);
		r->net.at = r->net.frames + at;
		r_post(r, IFC_WQE_SEND, 5000);
		settle(r);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		d_expect_none(&r->b.rcq);
		one(r, IFC_WQE_RDMA_WRITE, 3000); /* what comes next does arrive */
		d_send(&r->a, &(struct d_wr){ .op = IFC_WQE_SEND });
		settle(r);
		d_expect(&r->a.scq, IFC_CQE_REQ, 0);
		d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0); /* into the same WQE */
	}
	r_post(r, IFC_WQE_RDMA_WRITE, 100);
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

static void datagram(struct r_pair *r, struct d_qp *from, struct d_qp *to, uint32_t dqpn, unsigned int index)
{
	bool v4 = index != 1;
	uint8_t av[48];
	struct d_sge sge = { r->bm.addr, 2000, r->bm.key };
	struct d_wr w = {
		.op = IFC_WQE_SEND_IMM, .av = av, .imm = 0x12345678, .solicited = true,
		.n = 1, .sge = { { r->am.addr, 1001, r->am.key } },
	};
	const uint8_t *cqe, *ip = r->bm.p + (v4 ? 20 : 0);

	r_fill(&r->am, index + dqpn);
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
	struct r_pair *r = *state;
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

/* ---- packets at a time, and none -------------------------------------------------------------- */

/* A responder may be asked for several READs at a time, and answers in their order. */
static void many_reads_at_a_time(void **state)
{
	struct r_pair *r = *state;
	uint8_t frame[ROCE_FRAME_MAX];
	struct fwsim_qp *qp = d_core_qp(&r->a);
	uint32_t psn = IFC_GET(qpc, qp->ctx, next_send_psn), want = psn;
	struct harness *h = r->d2.h;
	struct roce_path path;
	unsigned int acks = 0;

	assert_true(roce_path_qp(qp, &path));
	IFC_SET(qpc, d_core_qp(&r->b)->ctx, log_rra_max, 2);
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
	struct r_pair *r = *state;
	struct d_fn d3;
	struct d_qp c, e;
	struct d_wr w = r_wr(r, IFC_WQE_RDMA_WRITE, 0, BIG);
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
	struct r_pair *r = *state;

	fwsim_uplink_link(r->d1.h->fw, false);
	r_post(r, IFC_WQE_SEND, 5000);
	n_run(&r->net, 2 * N_TIMEOUT);
	d_expect_none(&r->a.scq);
	assert_int_equal(r->net.frames, 0);
	fwsim_uplink_link(r->d1.h->fw, true);
	settle(r);
	r_expect(r, IFC_WQE_SEND, 5000, 0);
}

static void stopped_initiator_sends_nothing_and_answers(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_RDMA_READ, 0, 5000);

	d_set_mig(r->d1.v, FWSIM_MIG_INITIATOR_STOPPED);
	r_post(r, IFC_WQE_SEND, 5000);
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
	d_set_mig(r->d1.v, FWSIM_MIG_RUNNING);
	settle(r);
	r_expect(r, IFC_WQE_SEND, 5000, 0);
}

static void stopped_responder_takes_nothing(void **state)
{
	struct r_pair *r = *state;

	d_set_mig(r->d2.v, FWSIM_MIG_STOPPED);
	h_dma_clear(r->d2.h);
	r_post(r, IFC_WQE_SEND, 5000);
	n_run(&r->net, 3 * N_TIMEOUT);
	assert_true(r->net.frames > 5);
	assert_false(h_dma_wrote(r->d2.h, 1, r->bm.addr, MEM_SIZE));
	d_set_mig(r->d2.v, FWSIM_MIG_RUNNING);
	settle(r);
	r_expect(r, IFC_WQE_SEND, 5000, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(every_operation_of_every_length),
		T(first_message_in_rtr),
		cmocka_unit_test(over_ipv6_and_vlan),
		T(packets_are_those_of_the_specification),
		T(window_is_bounded),
		T(shared_and_xrc_receive_queues),
		cmocka_unit_test(loss_of_each_packet),
		cmocka_unit_test(each_packet_twice),
		cmocka_unit_test(each_packet_spoilt),
		cmocka_unit_test(each_packet_late),
		T(storm),
		cmocka_unit_test_setup_teardown(uc_says_nothing_and_is_not_told, setup_uc, teardown),
		T(datagrams_and_the_gsi),
		T(many_reads_at_a_time),
		T(own_card_needs_no_packets),
		T(link_down_is_silence),
		T(stopped_initiator_sends_nothing_and_answers),
		T(stopped_responder_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
