// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QPs of two cards: every refusal, answers that do not come, and packets that are for nobody or make no sense.
 */
#include "roce_rig.h"

#include <string.h>

#include "eth_rig.h"
#include "roce_qp.h"

#define MEM_SIZE (1u << 18)

static int setup(void **state)
{
	*state = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
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

/* ---- refusals ------------------------------------------------------------------------------ */

static void expect_event(struct d_fn *d, uint8_t type)
{
	const uint8_t *e = d_eqe(d, &d->async);

	assert_non_null(e);
	assert_int_equal(e[1], type);
}

/* @w fails at the requester with @synd, and b is in ERR with @event (0: none). */
static void refused(struct r_pair *r, const struct d_wr *w, enum ifc_cqe_synd synd, uint8_t event)
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
		struct r_pair *r = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
		struct d_wr w = r_wr(r, ops[i], 0, 8);

		w.rkey ^= 0x100;
		refused(r, &w, IFC_CQE_SYND_REMOTE_ACCESS, 0x11);
		r_close(r);
	}
}

/* What the QP does not allow is an invalid request, its key looked at or not. */
static void not_enabled(void **state)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_READ, IFC_WQE_ATOMIC_FA };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct r_pair *r = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
		struct d_wr w = r_wr(r, ops[i], 0, 8);
		uint8_t *qpc = d_core_qp(&r->b)->ctx;

		IFC_SET(qpc, qpc, rwe, i != 0);
		IFC_SET(qpc, qpc, rre, i != 1);
		IFC_SET(qpc, qpc, rae, i != 2);
		refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, 0x10);
		r_close(r);
	}
}

static void out_of_bounds(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_RDMA_WRITE, 0, 3000);

	w.raddr = r->bm.addr + MEM_SIZE - 2999;
	h_dma_clear(r->d2.h);
	refused(r, &w, IFC_CQE_SYND_REMOTE_ACCESS, 0x11);
	assert_false(h_dma_wrote(r->d2.h, 1, r->bm.addr, MEM_SIZE)); /* not even what is within them */
}

static void crooked_atomic(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_ATOMIC_FA, 0, 8);

	w.rkey = r_atomic_key(&r->d2, &r->bm);
	w.raddr += 4;
	refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, 0x10);
}

static void message_longer_than_the_receive(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_SEND, 0, 3000);

	r_recv(r, 0, 2500);
	refused(r, &w, IFC_CQE_SYND_REMOTE_INVAL_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
}

static void receive_memory_that_does_not_serve(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_SEND, 0, 3000);
	struct d_sge sge = { r->bm.addr, 3000, r->bm.key ^ 0x100 };

	d_recv(&r->b, 1, &sge);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_PROT);
}

static void bus_of_the_responder(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_RDMA_READ, 0, 30000);

	h_dma_fail(r->d2.h, 1, r->bm.addr + 20000, 10);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0x05);
}

static void key_that_cannot_be_invalidated(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_SEND_INVAL, 0, 100);

	w.imm = r->bm.key;
	r_recv(r, 0, 100);
	refused(r, &w, IFC_CQE_SYND_REMOTE_OP, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
}

/* @n READs of 10 packets come to b at once, as from a; the first has @psn. Packets that b answers with. */
static unsigned int reads_at_once(struct r_pair *r, uint32_t psn, unsigned int n)
{
	struct harness *h = r->d2.h;
	uint8_t frame[ROCE_FRAME_MAX];
	struct roce_path path;

	assert_true(roce_path_qp(d_core_qp(&r->a), &path));
	h->wire_n = 0;
	h->fw->running = true;
	for (unsigned int i = 0; i < n; i++, psn += 10) {
		struct roce_packet rd = {
			.opcode = ROCE_READ_REQUEST, .len = 10 * 1024, .dqpn = r->b.qpn, .psn = psn & 0xffffff,
			.rkey = r->bm.key, .va = r->bm.addr,
		};

		fwsim_uplink_rx(h->fw, frame, roce_build(&path, &rd, frame));
	}
	h->fw->running = false;
	fwsim_kick(h->fw);
	n = h->wire_n;
	h->wire_n = 0;
	return n;
}

/* As many READs at a time as log_rra_max says, also of those that come again. */
static void more_reads_at_a_time_than_allowed(void **state)
{
	struct r_pair *r = *state;
	uint32_t psn = IFC_GET(qpc, d_core_qp(&r->a)->ctx, next_send_psn);

	IFC_SET(qpc, d_core_qp(&r->b)->ctx, log_rra_max, 2);
	assert_int_equal(reads_at_once(r, psn, 4), 40);
	assert_int_equal(reads_at_once(r, psn, 4), 40);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
	IFC_SET(qpc, d_core_qp(&r->b)->ctx, log_rra_max, 1);
	assert_int_equal(reads_at_once(r, psn, 4), 20);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
	reads_at_once(r, psn + 40, 3);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
	expect_event(&r->d2, 0x10);
}

static void own_memory(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_RDMA_READ, 0, 3000);

	w.sge[0].key ^= 0x100;
	d_send(&r->a, &w);
	settle(r);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void no_receive_yet(void **state)
{
	struct r_pair *r = *state;
	struct d_wr w = r_wr(r, IFC_WQE_SEND, 0, 3000), wi = r_wr(r, IFC_WQE_RDMA_WRITE_IMM, 5000, 3000);

	/* timer code 12: 640 us */
	d_send(&r->a, &w);
	n_run(&r->net, 1000000);
	d_expect_none(&r->a.scq);
	r_recv(r, 0, 3000);
	settle(r);
	r_expect(r, IFC_WQE_SEND, 3000, 0);
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

/* ---- silence ------------------------------------------------------------------------------- */

static enum n_fate fate_all(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	(void)frame;
	(void)len;
	return from == (net->at ? 1u : 0u) ? N_DROP : N_PASS;
}

static void silence_uses_up_the_retries(void **state)
{
	struct r_pair *r = *state;

	r->net.fate = fate_all;
	r_post(r, IFC_WQE_RDMA_WRITE, 100);
	n_run(&r->net, 7 * N_TIMEOUT);
	d_expect_none(&r->a.scq);
	n_run(&r->net, 2 * N_TIMEOUT);
	d_expect(&r->a.scq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_TRANSPORT_RETRY_EXC);
	assert_int_equal(d_state(&r->a), IFC_QP_ERR);
	assert_int_equal(r->net.frames, 8);
}

/* Answers are lost: the request is carried out once, however often it comes. */
static void atomic_is_carried_out_once(void **state)
{
	struct r_pair *r = *state;
	uint64_t old = r_le64(r->bm.p);

	r->net.fate = fate_all;
	r->net.at = 1;
	r_post(r, IFC_WQE_ATOMIC_FA, 8);
	n_run(&r->net, 3 * N_TIMEOUT);
	assert_true(r->net.frames > 4);
	assert_int_equal(r_le64(r->bm.p), old + 5);
	r->net.fate = NULL;
	settle(r);
	r_expect(r, IFC_WQE_ATOMIC_FA, 8, old);
}

/* ---- whose a packet is --------------------------------------------------------------------- */

static unsigned int traced(struct harness *h, const char *why)
{
	return h_trace_find(h, FWSIM_TRACE_IGNORED, why) != NULL;
}

/* A packet of a to b, and what keeps it from b; the queues of the network interface get what is none of b's. */
static void packets_of_others(void **state)
{
	struct r_pair *r = *state;
	uint8_t gid[IFC_SZ(roce_addr_layout)], frame[ROCE_FRAME_MAX];
	struct fwsim_qp *qp = d_core_qp(&r->a);
	struct roce_packet pkt = { .opcode = (unsigned int)ROCE_RC | ROCE_WRITE_ONLY, .dqpn = r->b.qpn };
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
	pkt.opcode = (unsigned int)ROCE_UC | ROCE_WRITE_ONLY;
	SEND();
	assert_true(traced(h, "another service type"));
	pkt.opcode = (unsigned int)ROCE_RC | ROCE_WRITE_ONLY;
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
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn), pkt.psn);
	SEND();
	assert_int_equal(got, 3);
	assert_int_equal(IFC_GET(qpc, d_core_qp(&r->b)->ctx, next_rcv_psn), (pkt.psn + 1) & 0xffffff);
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
		struct r_pair *r = r_open(IFC_QP_ST_RC, 0, MEM_SIZE);
		uint8_t frame[ROCE_FRAME_MAX], data[4096] = { 0 };
		struct fwsim_qp *qp = d_core_qp(&r->a);
		struct roce_packet pkt = {
			.opcode = bad[i].op, .len = bad[i].len, .data = data, .data_len = bad[i].data,
			.dqpn = r->b.qpn, .psn = IFC_GET(qpc, qp->ctx, next_send_psn), .rkey = r->bm.key,
			.va = r->bm.addr, .ack_req = true,
		};
		struct fwsim_frame f;
		struct roce_path path;
		struct harness *h = r->d2.h;

		r_recv(r, 0, 8192);
		assert_true(roce_path_qp(qp, &path));
		assert_true(fwsim_uplink_rx(h->fw, frame, roce_build(&path, &pkt, frame)));
		assert_int_equal(h->wire_n, 1);
		assert_true(fwsim_frame_parse(&f, h->wire[0].data, h->wire[0].len));
		assert_null(roce_parse(&f, &pkt));
		assert_int_equal(pkt.opcode, ROCE_ACK);
		assert_int_equal(pkt.syndrome, ROCE_SYND_NAK | ROCE_NAK_INVALID);
		assert_int_equal(d_state(&r->b), IFC_QP_ERR);
		expect_event(&r->d2, 0x10);
		r_close(r);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_key),
		cmocka_unit_test(not_enabled),
		T(out_of_bounds),
		T(crooked_atomic),
		T(message_longer_than_the_receive),
		T(receive_memory_that_does_not_serve),
		T(bus_of_the_responder),
		T(key_that_cannot_be_invalidated),
		T(more_reads_at_a_time_than_allowed),
		T(own_memory),
		T(no_receive_yet),
		T(silence_uses_up_the_retries),
		T(atomic_is_carried_out_once),
		T(packets_of_others),
		cmocka_unit_test(requests_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
