// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One side of a connection between two cards is moved to a third one: in the middle of a message, at every packet,
 * with answers still to be given, over a network that loses packets. And what an image of it may not say.
 */
#include "roce_rig.h"

#include <string.h>

#include "image.h"
#include "roce_qp.h"

#define MEM_SIZE (1u << 17)
#define TO 2 /* the third card */

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

static const enum ifc_wqe_op all_ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_WRITE_IMM, IFC_WQE_RDMA_READ,
					   IFC_WQE_SEND_IMM, IFC_WQE_ATOMIC_FA };
#define N_OPS (sizeof(all_ops) / sizeof(all_ops[0]))

static void expect(struct r_pair *r, enum ifc_wqe_op op, uint32_t len, uint64_t old)
{
	r_expect(r, op, len, old);
	assert_int_equal(d_state(&r->a), IFC_QP_RTS);
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

/* From frame @at on nothing gets through until the move is over: both sides are in the middle of it. */
static enum n_fate fate_from(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	(void)from;
	(void)frame;
	(void)len;
	return net->frames >= net->at ? N_DROP : N_PASS;
}

static void at_each_packet(bool responder)
{
	for (unsigned int i = 0; i < N_OPS; i++) {
		enum ifc_wqe_op op = all_ops[i];

		for (unsigned int at = 0;; at++) {
			struct r_pair *r;
			uint64_t old;
			bool end;

			setup((void **)&r);
			old = r_le64(r->bm.p);
			r->net.fate = fate_from;
			r->net.at = at;
			r_post(r, op, 5000);
			n_pump(&r->net);
			end = r->net.frames < at;
			r->net.fate = NULL;
			n_move(&r->net, responder ? &r->d2 : &r->d1, TO, 2);
			n_run(&r->net, 100 * H_MS);
			expect(r, op, 5000, old);
			r_post(r, IFC_WQE_RDMA_WRITE, 100); /* and it goes on */
			n_run(&r->net, 100 * H_MS);
			d_expect(&r->a.scq, IFC_CQE_REQ, 0);
			teardown((void **)&r);
			if (end)
				break;
		}
	}
}

static void requester_moves_at_each_packet(void **state)
{
	(void)state;
	at_each_packet(false);
}

static void responder_moves_at_each_packet(void **state)
{
	(void)state;
	at_each_packet(true);
}

/* What is acknowledged is not sent again. */
static void goes_on_from_the_last_acknowledged_packet(void **state)
{
	struct r_pair *r = *state;
	struct fwsim_qp *qp;
	unsigned int before;

	r->net.fate = fate_from;
	r->net.at = 70;
	r_post(r, IFC_WQE_RDMA_WRITE, 100 * 1024);
	n_pump(&r->net);
	qp = fwsim_table_get(&r->d1.v->obj[FWSIM_OBJ_QP], r->a.qpn);
	assert_int_equal(qp->roce->req.acked, 64);
	r->net.fate = NULL;
	n_move(&r->net, &r->d1, TO, 1);
	before = r->net.frames;
	n_run(&r->net, 100 * H_MS);
	expect(r, IFC_WQE_RDMA_WRITE, 100 * 1024, 0);
	assert_in_range(r->net.frames - before, 36, 45); /* packets left, and their acknowledgements */
}

static void moves_while_packets_are_lost(void **state)
{
	struct r_pair *r = *state;
	unsigned int place[2][2] = { { 0, 1 }, { 1, 1 } };

	r->net.fate = n_fate_storm;
	r->net.seed = 5;
	for (unsigned int i = 0; i < 12; i++) {
		enum ifc_wqe_op op = all_ops[i % N_OPS];
		struct d_fn *d = i & 1 ? &r->d2 : &r->d1;
		uint64_t old;
		unsigned int to;

		r->am.p = h_mem(r->d1.h, r->d1.fn, r->am.addr);
		r->bm.p = h_mem(r->d2.h, r->d2.fn, r->bm.addr);
		r_fill(&r->am, i);
		r_fill(&r->bm, i + 1);
		old = r_le64(r->bm.p);
		r_post(r, op, 30000);
		/* the card that neither of them is on */
		to = 3 - place[0][0] - place[1][0];
		place[i & 1][0] = to;
		n_move(&r->net, d, to, 2 + i / 2); /* one that has not been used */
		n_run(&r->net, 300 * H_MS);
		expect(r, op, 30000, old);
	}
}

/* An answer that waits is part of the image. */
static void answers_move_along(void **state)
{
	struct r_pair *r = *state;
	struct fwsim_qp *qp = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_QP], r->b.qpn);
	struct roce_answer rd = {
		.kind = ROCE_ANSWER_READ, .psn = (r->a.qpn * 0x123457) & 0xffffff, .msn = 1,
		.va = r->bm.addr, .rkey = r->bm.key, .left = 3000,
	};

	assert_non_null(roce_state(qp));
	qp->roce->rsp.answers[0] = rd;
	qp->roce->rsp.answers_n = 1;
	n_move(&r->net, &r->d2, TO, 1);
	n_run(&r->net, 1);
	assert_int_equal(r->net.frames, 3);
	qp = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_QP], r->b.qpn);
	assert_int_equal(qp->roce->rsp.answers_n, 0);
}

/* The peer comes to the same card in the middle of a message: it ends as it began. */
static void peer_comes_to_this_card(void **state)
{
	struct r_pair *r = *state;

	for (unsigned int i = 0; i < N_OPS; i++) {
		uint64_t old = r_le64(r_bytes(&r->d2, &r->bm));

		r->net.fate = fate_from;
		r->net.at = r->net.frames + 2;
		r_post(r, all_ops[i], 5000);
		n_pump(&r->net);
		r->net.fate = NULL;
		if (!i)
			n_move(&r->net, &r->d2, 0, 2);
		n_run(&r->net, 100 * H_MS);
		expect(r, all_ops[i], 5000, old);
	}
	assert_ptr_equal(r->d2.h, r->d1.h);
}

/* And goes away again: what was half done within the card is done anew. */
static void peer_leaves_this_card(void **state)
{
	struct r_pair *r = *state;
	unsigned int frames;

	n_move(&r->net, &r->d2, 0, 2);
	r_post(r, IFC_WQE_RDMA_READ, 5000);
	n_run(&r->net, H_MS);
	expect(r, IFC_WQE_RDMA_READ, 5000, 0);
	frames = r->net.frames;
	assert_int_equal(frames, 0);
	n_move(&r->net, &r->d2, TO, 1);
	for (unsigned int i = 0; i < N_OPS; i++) {
		uint64_t old = r_le64(r_bytes(&r->d2, &r->bm));

		r_post(r, all_ops[i], 5000);
		n_run(&r->net, 100 * H_MS);
		expect(r, all_ops[i], 5000, old);
		assert_true(r->net.frames > frames);
		frames = r->net.frames;
	}
}

/* ---- images that are not right ------------------------------------------------------------- */

static enum ifc_status reload(struct r_pair *r, const char *why)
{
	size_t len = fwsim_image_size(r->d2.v);
	uint8_t *buf = malloc(len);
	enum ifc_status st;
	char text[160];

	assert_int_equal(fwsim_image_save(r->d2.v, buf, len), len);
	st = fwsim_image_load(r->net.card[TO]->fw->vhca[1], buf, len, text, sizeof(text));
	if (why)
		assert_non_null(strstr(text, why));
	free(buf);
	return st;
}

static void image_is_checked(void **state)
{
	struct r_pair *r = *state;
	struct fwsim_qp *qp = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_QP], r->b.qpn);
	struct fwsim_roce good;

	h_boot(r->net.card[TO], 1);
	r_post(r, IFC_WQE_ATOMIC_FA, 8);
	n_pump(&r->net);
	assert_non_null(qp->roce);
	good = *qp->roce;
	assert_int_equal(reload(r, NULL), IFC_ST_OK);
#define BAD(field, value, why)                                                                     \
	do {                                                                                       \
		qp->roce->field = (value);                                                         \
		assert_int_equal(reload(r, why), IFC_ST_BAD_PARAM);                                \
		*qp->roce = good;                                                                  \
	} while (0)
	BAD(req.acked, 1, "acknowledged");
	BAD(req.sent, 1, "acknowledged");
	BAD(req.high, (1u << 24) + 1, "ever sent");
	BAD(req.active, true, "none is posted");
	BAD(rsp.off, (1u << 31) + 1, "bytes that have arrived");
	BAD(rsp.len, (1u << 31) + 1, "length of a WRITE");
	BAD(rsp.msn, 1u << 24, "MSN");
	BAD(rsp.saved_next, ROCE_SAVED, "next result");
	BAD(rsp.saved[0].psn, 1u << 24, "PSN of an atomic");
	qp->roce->rsp.write = true;
	BAD(rsp.off, 1, "bytes of a WRITE");
	qp->roce->rsp.answers_n = 1;
	BAD(rsp.answers[0].kind, ROCE_ANSWER_ATOMIC + 1, "kind of answer");
	qp->roce->rsp.answers_n = 1;
	BAD(rsp.answers[0].psn, 1u << 24, "PSN of an answer");
#undef BAD
	assert_int_equal(reload(r, NULL), IFC_ST_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requester_moves_at_each_packet),
		cmocka_unit_test(responder_moves_at_each_packet),
		T(goes_on_from_the_last_acknowledged_packet),
		T(moves_while_packets_are_lost),
		T(answers_move_along),
		T(peer_comes_to_this_card),
		T(peer_leaves_this_card),
		T(image_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
