// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests that fail at their own end: the status, what becomes of the QP, and that the peer hears nothing. */
#include "verbs.h"

/*
 * The request posted as number 1 has failed so, what is behind it is flushed, the QP of a is in ERR; b's is not,
 * and its receive request is still there.
 */
static void failed_here(struct duo *d, enum ibv_wc_status status)
{
	struct ibv_wc wc;

	send_to(&d->a, IBV_WR_SEND, 2, sge_of(&d->a, 0, 8));
	wc = wc_get(d->a.scq, 1, status);
	CHECK_EQ(wc.qp_num, d->a.qp->qp_num);
	wc_flushed(d->a.scq, 2, 1);
	CHECK_EQ(qp_state(&d->a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d->b), IBV_QPS_RTS);
	wc_none(d->b.rcq);
	event_none(&d->b);
}

static void local_sge(enum ibv_wr_opcode op, enum ibv_wc_status status,
		      struct ibv_sge (*make)(struct duo *d))
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	duo_open(&d, &l);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, PAGE));
	memset(d.a.mem, 0xaa, MEM);
	memset(d.b.mem, 0xee, MEM);
	rdma_to(&d.a, op, 1, make(&d), &d.b, HALF + PAGE);
	failed_here(&d, status);
	untouched(d.a.mem, MEM, 0xaa, "the requester's memory");
	untouched(d.b.mem, MEM, 0xee, "the responder's memory");
	duo_close(&d);
}

static struct ibv_sge wrong_key(struct duo *d)
{
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	s.lkey ^= 0x01000000; /* an index that nobody has */
	return s;
}

static struct ibv_sge wrong_variant(struct duo *d)
{
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	s.lkey ^= 1; /* the key's low byte */
	return s;
}

static struct ibv_sge past_the_end(struct duo *d)
{
	return sge_of(&d->a, MEM - 63, 64);
}

static struct ibv_sge before_the_beginning(struct duo *d)
{
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	s.addr--;
	return s;
}

static struct ibv_sge of_another_pd(struct duo *d)
{
	struct ibv_pd *pd = ibv_alloc_pd(d->a.ctx);
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	CHECK(pd);
	s.lkey = mr_make(pd, d->a.mem, PAGE, ACCESS_ALL)->lkey; /* both stay to the end of the test */
	return s;
}

static struct ibv_sge read_only(struct duo *d)
{
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	s.lkey = mr_make(d->a.pd, d->a.mem, PAGE, 0)->lkey;
	return s;
}

static struct ibv_sge deregistered(struct duo *d)
{
	struct ibv_mr *mr = mr_make(d->a.pd, d->a.mem, PAGE, ACCESS_ALL);
	struct ibv_sge s = sge_of(&d->a, 0, 64);

	s.lkey = mr->lkey;
	CHECK_EQ(ibv_dereg_mr(mr), 0);
	return s;
}

/* What a test leaves behind so is not given back by duo_close(): the process ends with it. */
#define LOCAL_SGE(name, op, make)                                                                  \
	static void name(void)                                                                     \
	{                                                                                          \
		local_sge(op, IBV_WC_LOC_PROT_ERR, make);                                          \
	}

LOCAL_SGE(send_with_wrong_lkey, IBV_WR_SEND, wrong_key)
LOCAL_SGE(send_with_wrong_variant_of_lkey, IBV_WR_SEND, wrong_variant)
LOCAL_SGE(send_past_the_end, IBV_WR_SEND, past_the_end)
LOCAL_SGE(write_from_before_the_beginning, IBV_WR_RDMA_WRITE, before_the_beginning)
LOCAL_SGE(send_with_deregistered_lkey, IBV_WR_SEND, deregistered)
LOCAL_SGE(read_into_wrong_lkey, IBV_WR_RDMA_READ, wrong_key)
LOCAL_SGE(read_past_the_end, IBV_WR_RDMA_READ, past_the_end)

static void other_end(enum ibv_wr_opcode op, struct ibv_sge (*make)(struct duo *d))
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct duo d;

	/* nothing to receive into: the fault comes before that */
	duo_open(&d, &l);
	memset(d.a.mem, 0xaa, PAGE);
	rdma_to(&d.a, op, 1, make(&d), &d.b, HALF);
	failed_here(&d, IBV_WC_LOC_PROT_ERR);
	untouched(d.a.mem, PAGE, 0xaa, "the requester's memory");
}

static void send_with_lkey_of_another_pd(void)
{
	other_end(IBV_WR_SEND, of_another_pd);
}

static void read_into_read_only_memory(void)
{
	other_end(IBV_WR_RDMA_READ, read_only);
}

/* Read-only memory can be sent from, though. */
static void send_from_read_only_memory(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge s;
	struct duo d;

	duo_open(&d, &l);
	fill(d.a.mem, 64, 5);
	s = read_only(&d);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, 64));
	send_to(&d.a, IBV_WR_SEND, 1, s);
	wc_ok(d.a.scq, 1);
	wc_ok(d.b.rcq, 7);
	same(d.b.mem + HALF, 64, 5, "sent from read-only memory");
}

/* One byte more than the port's max_msg_sz. That the key does not reach so far is not looked at. */
static void message_too_long(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_port_attr port;
	struct ibv_sge s[3];
	struct ibv_send_wr wr = {
		.wr_id = 1, .sg_list = s, .num_sge = 3, .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED,
	};
	struct duo d;

	duo_open(&d, &l);
	CHECK_EQ(ibv_query_port(d.a.ctx, 1, &port), 0);
	CHECK_EQ(port.max_msg_sz, 1u << 30);
	s[0] = s[1] = sge_of(&d.a, 0, 1u << 29);
	s[2] = sge_of(&d.a, 0, 1);
	send_wr(&d.a, &wr);
	failed_here(&d, IBV_WC_LOC_LEN_ERR);
	duo_close(&d);
}

/* A UC requester with a local error: its send queue alone is in error, and comes back by a move to RTS. */
static void uc_send_queue_error(void)
{
	struct link l = LINK_OF(IBV_QPT_UC);
	struct ibv_qp_attr rts = { .qp_state = IBV_QPS_RTS, .cur_qp_state = IBV_QPS_SQE };
	struct duo d;

	duo_open(&d, &l);
	send_to(&d.a, IBV_WR_SEND, 1, wrong_key(&d));
	send_to(&d.a, IBV_WR_SEND, 2, sge_of(&d.a, 0, 8));
	wc_get(d.a.scq, 1, IBV_WC_LOC_PROT_ERR);
	wc_flushed(d.a.scq, 2, 1);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_SQE);
	/* it still receives */
	fill(d.b.mem, 100, 3);
	recv_into(&d.a, 3, sge_of(&d.a, HALF, 100));
	send_to(&d.b, IBV_WR_SEND, 4, sge_of(&d.b, 0, 100));
	wc_ok(d.b.scq, 4);
	wc_ok(d.a.rcq, 3);
	same(d.a.mem + HALF, 100, 3, "received in SQE");
	CHECK_EQ(ibv_modify_qp(d.a.qp, &rts, IBV_QP_STATE | IBV_QP_CUR_STATE), 0);
	fill(d.a.mem, 100, 4);
	recv_into(&d.b, 5, sge_of(&d.b, HALF, 100));
	send_to(&d.a, IBV_WR_SEND, 6, sge_of(&d.a, 0, 100));
	wc_ok(d.a.scq, 6);
	wc_ok(d.b.rcq, 5);
	same(d.b.mem + HALF, 100, 4, "sent after SQE");
	duo_close(&d);
}

static const struct tap_test list[] = {
	TAP_TEST(send_with_wrong_lkey), TAP_TEST(send_with_wrong_variant_of_lkey), TAP_TEST(send_past_the_end),
	TAP_TEST(write_from_before_the_beginning), TAP_TEST(send_with_deregistered_lkey),
	TAP_TEST(send_with_lkey_of_another_pd), TAP_TEST(read_into_wrong_lkey), TAP_TEST(read_past_the_end),
	TAP_TEST(read_into_read_only_memory), TAP_TEST(send_from_read_only_memory), TAP_TEST(message_too_long),
	TAP_TEST(uc_send_queue_error),
};

const struct tests local_error_tests = { list, sizeof(list) / sizeof(*list) };
