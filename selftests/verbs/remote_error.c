// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests that the responder refuses: the status at both ends, the event, what becomes of the two QPs, and
 * that the responder's memory is as it was.
 */
#include "verbs.h"

struct remote {
	enum ibv_wr_opcode op;
	int qp_access, mr_access;  /* 0: all of them; at the responder */
	uint32_t len;		   /* 0: 64, of an atomic 8 */
	size_t roff;		   /* from its memory's beginning */
	bool other_pd, other_variant, no_key, deregistered;
	enum ibv_wc_status status; /* the requester's */
	enum ibv_event_type event; /* the responder's */
};

static uint32_t rkey_for(struct duo *d, const struct remote *r)
{
	struct ibv_pd *pd = d->b.pd;
	struct ibv_mr *mr;
	uint32_t key;

	if (r->other_pd) {
		pd = ibv_alloc_pd(d->b.ctx);
		CHECK(pd);
	}
	if (!r->mr_access && !r->other_pd && !r->deregistered)
		return r->no_key ? d->b.mr->rkey ^ 0x01000000 : r->other_variant ? d->b.mr->rkey ^ 1 : d->b.mr->rkey;
	mr = mr_make(pd, d->b.mem, MEM, r->mr_access ? r->mr_access : ACCESS_ALL);
	key = mr->rkey;
	if (r->deregistered)
		CHECK_EQ(ibv_dereg_mr(mr), 0);
	return key;
}

static void refused(const struct remote *r)
{
	bool atomic = r->op == IBV_WR_ATOMIC_CMP_AND_SWP || r->op == IBV_WR_ATOMIC_FETCH_AND_ADD;
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge sge;
	struct ibv_send_wr wr = {
		.wr_id = 1, .sg_list = &sge, .num_sge = 1, .opcode = r->op, .send_flags = IBV_SEND_SIGNALED,
	};
	struct duo d;

	if (r->qp_access)
		l.qp_access = r->qp_access;
	duo_open(&d, &l);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, 64));
	memset(d.a.mem, 0xaa, MEM);
	memset(d.b.mem, 0xee, MEM);
	sge = sge_of(&d.a, 0, atomic ? 8 : r->len ? r->len : 64);
	if (atomic) {
		wr.wr.atomic.remote_addr = (uintptr_t)d.b.mem + r->roff;
		wr.wr.atomic.rkey = rkey_for(&d, r);
		wr.wr.atomic.compare_add = 0xeeeeeeeeeeeeeeeeull;
		wr.wr.atomic.swap = 1;
	} else {
		wr.wr.rdma.remote_addr = (uintptr_t)d.b.mem + r->roff;
		wr.wr.rdma.rkey = rkey_for(&d, r);
	}
	send_wr(&d.a, &wr);
	send_to(&d.a, IBV_WR_SEND, 2, sge_of(&d.a, 0, 8));
	wc_get(d.a.scq, 1, r->status);
	wc_flushed(d.a.scq, 2, 1);
	event_get(&d.b, r->event);
	wc_flushed(d.b.rcq, 7, 1);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_ERR);
	event_none(&d.a); /* it has a completion */
	event_none(&d.b);
	if (r->op != IBV_WR_RDMA_READ) /* what a READ that failed has brought is undefined */
		untouched(d.a.mem, MEM, 0xaa, "the requester's memory");
	untouched(d.b.mem, MEM, 0xee, "the responder's memory");
}

#define WRITE IBV_WR_RDMA_WRITE
#define READ IBV_WR_RDMA_READ
#define FAA IBV_WR_ATOMIC_FETCH_AND_ADD
#define CAS IBV_WR_ATOMIC_CMP_AND_SWP
#define NO_ACCESS .status = IBV_WC_REM_ACCESS_ERR, .event = IBV_EVENT_QP_ACCESS_ERR
#define INVALID .status = IBV_WC_REM_INV_REQ_ERR, .event = IBV_EVENT_QP_REQ_ERR
#define ALL_BUT(x) (ACCESS_ALL & ~(x))
/* Remote writing needs local writing, which is all that is left. */
#define NO_WRITE ALL_BUT(IBV_ACCESS_REMOTE_WRITE)
#define NO_READ ALL_BUT(IBV_ACCESS_REMOTE_READ)
#define NO_ATOMIC ALL_BUT(IBV_ACCESS_REMOTE_ATOMIC)

/* A test by the name of its case. */
#define REMOTE(name, ...)                                                                          \
	static void name(void)                                                                     \
	{                                                                                          \
		static const struct remote r = { __VA_ARGS__ };                                    \
		refused(&r);                                                                       \
	}

REMOTE(write_with_wrong_rkey, .op = WRITE, .no_key = true, NO_ACCESS)
REMOTE(write_with_wrong_variant_of_rkey, .op = WRITE, .other_variant = true, NO_ACCESS)
REMOTE(write_with_deregistered_rkey, .op = WRITE, .deregistered = true, NO_ACCESS)
REMOTE(write_past_the_end, .op = WRITE, .roff = MEM - 63, NO_ACCESS)
REMOTE(long_write_past_the_end, .op = WRITE, .len = HALF, .roff = HALF + 1, NO_ACCESS)
REMOTE(write_before_the_beginning, .op = WRITE, .roff = (size_t)-1, NO_ACCESS)
REMOTE(write_to_memory_without_remote_write, .op = WRITE, .mr_access = NO_WRITE, NO_ACCESS)
REMOTE(write_to_memory_of_another_pd, .op = WRITE, .other_pd = true, NO_ACCESS)
REMOTE(read_with_wrong_rkey, .op = READ, .no_key = true, NO_ACCESS)
REMOTE(long_read_past_the_end, .op = READ, .len = HALF, .roff = HALF + 1, NO_ACCESS)
REMOTE(read_from_memory_without_remote_read, .op = READ, .mr_access = NO_READ, NO_ACCESS)
REMOTE(read_from_memory_of_another_pd, .op = READ, .other_pd = true, NO_ACCESS)
REMOTE(atomic_with_wrong_rkey, .op = FAA, .no_key = true, NO_ACCESS)
REMOTE(atomic_past_the_end, .op = CAS, .roff = MEM, NO_ACCESS)
REMOTE(atomic_on_memory_without_remote_atomic, .op = CAS, .mr_access = NO_ATOMIC, NO_ACCESS)
REMOTE(atomic_on_memory_of_another_pd, .op = FAA, .other_pd = true, NO_ACCESS)
REMOTE(atomic_off_a_multiple_of_8, .op = FAA, .roff = 4, INVALID)
REMOTE(write_to_qp_without_remote_write, .op = WRITE, .qp_access = NO_WRITE, INVALID)
REMOTE(read_from_qp_without_remote_read, .op = READ, .qp_access = NO_READ, INVALID)
REMOTE(atomic_on_qp_without_remote_atomic, .op = CAS, .qp_access = NO_ATOMIC, INVALID)

/* ---- refused by the responder's receive request --------------------------------------------- */

/*
 * The next SEND fails at the responder's request 7 with status @there, at the requester with @here. The request
 * behind each is flushed, both QPs are in ERR, and as both have a completion nobody has an event.
 */
static void recv_refused(struct duo *d, uint32_t len, enum ibv_wc_status there, enum ibv_wc_status here)
{
	recv_into(&d->b, 8, sge_of(&d->b, 0, 64));
	send_to(&d->a, IBV_WR_SEND, 1, sge_of(&d->a, 0, len));
	send_to(&d->a, IBV_WR_SEND, 2, sge_of(&d->a, 0, 8));
	wc_get(d->a.scq, 1, here);
	wc_flushed(d->a.scq, 2, 1);
	wc_get(d->b.rcq, 7, there);
	wc_flushed(d->b.rcq, 8, 1);
	CHECK_EQ(qp_state(&d->a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d->b), IBV_QPS_ERR);
	event_none(&d->a);
	event_none(&d->b);
}

/* Messages longer than the receive request by a byte, of one packet and of many. */
static void send_longer_than_receive(void)
{
	static const uint32_t len[] = { 64, 1024, 1025, 100000 };
	struct link l = LINK_OF(IBV_QPT_RC);

	for (unsigned int i = 0; i < 4; i++) {
		struct duo d;

		duo_open(&d, &l);
		memset(d.b.mem, 0xee, MEM);
		recv_into(&d.b, 7, sge_of(&d.b, HALF, len[i] - 1));
		recv_refused(&d, len[i], IBV_WC_LOC_LEN_ERR, IBV_WC_REM_INV_REQ_ERR);
		untouched(d.b.mem + HALF + len[i] - 1, 64, 0xee, "behind the receive request");
		duo_close(&d);
	}
}

static void receive_into_read_only_memory(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge s;
	struct duo d;

	duo_open(&d, &l);
	memset(d.b.mem, 0xee, MEM);
	s = sge_of(&d.b, HALF, 64);
	s.lkey = mr_make(d.b.pd, d.b.mem, MEM, IBV_ACCESS_REMOTE_READ)->lkey;
	recv_into(&d.b, 7, s);
	recv_refused(&d, 64, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
	untouched(d.b.mem, MEM, 0xee, "read-only memory");
}

static void receive_into_wrong_lkey(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge s;
	struct duo d;

	duo_open(&d, &l);
	s = sge_of(&d.b, HALF, 64);
	s.lkey ^= 0x01000000;
	recv_into(&d.b, 7, s);
	recv_refused(&d, 64, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
	duo_close(&d);
}

/* The second half of the list is of another PD. */
static void receive_into_another_pd(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge s[2];
	struct ibv_pd *pd;
	struct duo d;

	duo_open(&d, &l);
	pd = ibv_alloc_pd(d.b.ctx);
	CHECK(pd);
	s[0] = sge_of(&d.b, HALF, 32);
	s[1] = sge_of(&d.b, HALF + 32, 32);
	s[1].lkey = mr_make(pd, d.b.mem, MEM, ACCESS_ALL)->lkey;
	recv_wr(&d.b, 7, s, 2);
	recv_refused(&d, 64, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
}

/* No user of mlx5_ib has a memory region that may be invalidated from afar. */
static void send_with_invalidate_of_a_region(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_sge sge;
	struct ibv_send_wr wr = {
		.wr_id = 1, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND_WITH_INV,
		.send_flags = IBV_SEND_SIGNALED,
	};
	struct duo d;

	duo_open(&d, &l);
	sge = sge_of(&d.a, 0, 64);
	wr.invalidate_rkey = d.b.mr->rkey;
	recv_into(&d.b, 7, sge_of(&d.b, HALF, 64));
	send_wr(&d.a, &wr);
	wc_get(d.a.scq, 1, IBV_WC_REM_OP_ERR);
	wc_get(d.b.rcq, 7, IBV_WC_LOC_QP_OP_ERR);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_ERR);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_ERR);
	duo_close(&d);
}

/* An unreliable responder refuses in silence: the message is lost and the next one arrives. */
static void uc_refuses_in_silence(void)
{
	struct link l = LINK_OF(IBV_QPT_UC);
	struct duo d;

	duo_open(&d, &l);
	memset(d.b.mem, 0xee, MEM);
	rdma_to(&d.a, WRITE, 1, sge_of(&d.a, 0, 64), &d.b, MEM - 63);
	send_to(&d.a, IBV_WR_SEND, 2, sge_of(&d.a, 0, 64)); /* nothing to receive into */
	wc_ok(d.a.scq, 1);
	wc_ok(d.a.scq, 2);
	untouched(d.b.mem, MEM, 0xee, "the responder's memory");
	fill(d.a.mem, 64, 9);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, 64));
	send_to(&d.a, IBV_WR_SEND, 3, sge_of(&d.a, 0, 64));
	wc_ok(d.a.scq, 3);
	wc_ok(d.b.rcq, 7);
	same(d.b.mem + HALF, 64, 9, "what comes after");
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTS);
	duo_close(&d);
}

static const struct tap_test list[] = {
	TAP_TEST(write_with_wrong_rkey), TAP_TEST(write_with_wrong_variant_of_rkey),
	TAP_TEST(write_with_deregistered_rkey), TAP_TEST(write_past_the_end), TAP_TEST(long_write_past_the_end),
	TAP_TEST(write_before_the_beginning), TAP_TEST(write_to_memory_without_remote_write),
	TAP_TEST(write_to_memory_of_another_pd), TAP_TEST(read_with_wrong_rkey), TAP_TEST(long_read_past_the_end),
	TAP_TEST(read_from_memory_without_remote_read), TAP_TEST(read_from_memory_of_another_pd),
	TAP_TEST(atomic_with_wrong_rkey), TAP_TEST(atomic_past_the_end),
	TAP_TEST(atomic_on_memory_without_remote_atomic), TAP_TEST(atomic_on_memory_of_another_pd),
	TAP_TEST(atomic_off_a_multiple_of_8), TAP_TEST(write_to_qp_without_remote_write),
	TAP_TEST(read_from_qp_without_remote_read), TAP_TEST(atomic_on_qp_without_remote_atomic),
	TAP_TEST(send_longer_than_receive), TAP_TEST(receive_into_read_only_memory),
	TAP_TEST(receive_into_wrong_lkey), TAP_TEST(receive_into_another_pd),
	TAP_TEST(send_with_invalidate_of_a_region), TAP_TEST(uc_refuses_in_silence),
};

const struct tests remote_error_tests = { list, sizeof(list) / sizeof(*list) };
