// SPDX-License-Identifier: GPL-2.0-or-later
/* UD: datagrams with their header, what is lost in silence, and errors of either queue. */
#include "verbs.h"

#include <arpa/inet.h>
#include <errno.h>

#define MTU 1024u /* of a port whose interface has 1500 */
#define NEXT_UDP 17u

/* A datagram of a to QP @qpn where b is. */
static void send_ud(struct duo *d, struct ibv_ah *ah, uint64_t id, enum ibv_wr_opcode op, uint32_t len, uint32_t qpn,
		    uint32_t qkey)
{
	struct ibv_sge sge = sge_of(&d->a, 3, len);
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = op, .send_flags = IBV_SEND_SIGNALED,
		.imm_data = htonl(0xabcd0000 + (uint32_t)id),
		.wr.ud = { .ah = ah, .remote_qpn = qpn, .remote_qkey = qkey },
	};

	send_wr(&d->a, &wr);
}

static void send_usual(struct duo *d, struct ibv_ah *ah, uint64_t id, uint32_t len)
{
	send_ud(d, ah, id, IBV_WR_SEND, len, d->b.qp->qp_num, QKEY);
}

/* A datagram still arrives: neither queue has come to harm. */
static void works(struct duo *d, struct ibv_ah *ah)
{
	fill(d->a.mem + 3, 500, 77);
	recv_into(&d->b, 901, sge_of(&d->b, HALF, GRH + 500));
	send_usual(d, ah, 902, 500);
	wc_ok(d->a.scq, 902);
	CHECK_EQ(wc_ok(d->b.rcq, 901).byte_len, GRH + 500);
	same(d->b.mem + HALF + GRH, 500, 77, "a datagram");
}

static void ud_send(void)
{
	static const uint32_t lengths[] = { 0, 1, MTU - 1, MTU };
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_port_attr port;
	struct ibv_ah *ah;
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	CHECK_EQ(ibv_query_port(d.a.ctx, 1, &port), 0);
	CHECK_EQ(port.active_mtu, IBV_MTU_1024);
	ah = ah_make(&d.a, &d.b);
	for (uint64_t i = 0; i < 8; i++) {
		uint32_t len = lengths[i % 4];
		enum ibv_wr_opcode op = i < 4 ? IBV_WR_SEND : IBV_WR_SEND_WITH_IMM;
		uint8_t *at = d.b.mem + HALF + 5;

		fill(d.a.mem + 3, len, (uint32_t)i);
		memset(at - 5, 0xee, 2 * MTU);
		recv_into(&d.b, i, sge_of(&d.b, HALF + 5, GRH + MTU));
		send_ud(&d, ah, i, op, len, d.b.qp->qp_num, QKEY);
		wc = wc_ok(d.a.scq, i);
		CHECK_EQ(wc.opcode, IBV_WC_SEND);
		wc = wc_ok(d.b.rcq, i);
		CHECK_EQ(wc.opcode, IBV_WC_RECV);
		CHECK_EQ(wc.byte_len, GRH + len);
		CHECK_EQ(wc.qp_num, d.b.qp->qp_num);
		CHECK_EQ(wc.src_qp, d.a.qp->qp_num);
		CHECK_EQ(wc.wc_flags, IBV_WC_GRH | (i < 4 ? 0 : IBV_WC_WITH_IMM));
		if (i >= 4)
			CHECK_EQ(ntohl(wc.imm_data), 0xabcd0000 + i);
		/* over IPv6 the header is that of the packet */
		CHECK_EQ(at[0] >> 4, 6);
		CHECK_EQ(at[6], NEXT_UDP);
		CHECK(!memcmp(at + 8, &d.a.gid, 16) && !memcmp(at + 24, &d.b.gid, 16));
		same(at + GRH, len, (uint32_t)i, "a datagram");
		untouched(at - 5, 5, 0xee, "before it");
		untouched(at + GRH + len, 100, 0xee, "behind it");
	}
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

/* The way back is made of the completion and the header alone. */
static void ud_answer(void)
{
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_ah *ah, *back;
	struct ibv_wc wc;
	struct duo d;

	duo_open(&d, &l);
	ah = ah_make(&d.a, &d.b);
	recv_into(&d.b, 1, sge_of(&d.b, HALF, GRH + 10));
	send_usual(&d, ah, 2, 10);
	wc_ok(d.a.scq, 2);
	wc = wc_ok(d.b.rcq, 1);
	back = ibv_create_ah_from_wc(d.b.pd, &wc, (struct ibv_grh *)(d.b.mem + HALF), 1);
	CHECK_MSG(back, "ibv_create_ah_from_wc: %s", strerror(errno));
	fill(d.b.mem, 300, 8);
	recv_into(&d.a, 3, sge_of(&d.a, HALF, GRH + 300));
	{
		struct ibv_sge sge = sge_of(&d.b, 0, 300);
		struct ibv_send_wr wr = {
			.wr_id = 4, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
			.send_flags = IBV_SEND_SIGNALED,
			.wr.ud = { .ah = back, .remote_qpn = wc.src_qp, .remote_qkey = QKEY },
		};

		send_wr(&d.b, &wr);
	}
	wc_ok(d.b.scq, 4);
	wc_ok(d.a.rcq, 3);
	same(d.a.mem + HALF + GRH, 300, 8, "the answer");
	CHECK_EQ(ibv_destroy_ah(back), 0);
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

/* Lost in silence: to a QP that is not there, with another Q_Key, with nothing to receive into. */
static void ud_lost_in_silence(void)
{
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_ah *ah;
	struct duo d;

	duo_open(&d, &l);
	ah = ah_make(&d.a, &d.b);
	send_usual(&d, ah, 1, 10);
	wc_ok(d.a.scq, 1);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, GRH + 10));
	send_ud(&d, ah, 2, IBV_WR_SEND, 10, 0x3fffff, QKEY);
	send_ud(&d, ah, 3, IBV_WR_SEND, 10, d.b.qp->qp_num, QKEY + 1);
	wc_ok(d.a.scq, 2);
	wc_ok(d.a.scq, 3);
	wc_none(d.b.rcq);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_RTS);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_RTS);
	/* with the highest bit set it is that of the sender's QP, which is the right one */
	send_ud(&d, ah, 4, IBV_WR_SEND, 10, d.b.qp->qp_num, 0x80000000u);
	wc_ok(d.a.scq, 4);
	wc_ok(d.b.rcq, 7);
	works(&d, ah);
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

/* A send request that fails: its queue is in SQE, what is behind it flushed, and it comes back by a move to RTS. */
static void ud_send_error(uint32_t len, uint32_t key_bits, enum ibv_wc_status status)
{
	struct ibv_qp_attr rts = { .qp_state = IBV_QPS_RTS, .cur_qp_state = IBV_QPS_SQE };
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_sge sge;
	struct ibv_send_wr wr = {
		.wr_id = 1, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED,
	};
	struct ibv_ah *ah;
	struct duo d;

	duo_open(&d, &l);
	ah = ah_make(&d.a, &d.b);
	sge = sge_of(&d.a, 0, len);
	sge.lkey ^= key_bits;
	wr.wr.ud.ah = ah;
	wr.wr.ud.remote_qpn = d.b.qp->qp_num;
	wr.wr.ud.remote_qkey = QKEY;
	recv_into(&d.b, 7, sge_of(&d.b, HALF, GRH + 2 * MTU));
	send_wr(&d.a, &wr);
	send_usual(&d, ah, 2, 10);
	wc_get(d.a.scq, 1, status);
	wc_flushed(d.a.scq, 2, 1);
	CHECK_EQ(qp_state(&d.a), IBV_QPS_SQE);
	wc_none(d.b.rcq);
	CHECK_EQ(ibv_modify_qp(d.a.qp, &rts, IBV_QP_STATE | IBV_QP_CUR_STATE), 0);
	send_usual(&d, ah, 3, 10);
	wc_ok(d.a.scq, 3);
	wc_ok(d.b.rcq, 7);
	works(&d, ah);
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

/* The longest datagram that mlx5_ib lets a QP send is of 4096 bytes, whatever the port's MTU is. */
static void ud_too_long(void)
{
	ud_send_error(4097, 0, IBV_WC_LOC_LEN_ERR);
}

static void ud_with_wrong_lkey(void)
{
	ud_send_error(10, 0x01000000, IBV_WC_LOC_PROT_ERR);
}

/* The header counts: a receive request without room for it is too short. The sender hears nothing. */
static void ud_receive_too_short(void)
{
	struct link l = LINK_OF(IBV_QPT_UD);
	struct ibv_ah *ah;
	struct duo d;

	duo_open(&d, &l);
	ah = ah_make(&d.a, &d.b);
	memset(d.b.mem, 0xee, MEM);
	recv_into(&d.b, 7, sge_of(&d.b, HALF, GRH + 99));
	recv_into(&d.b, 8, sge_of(&d.b, HALF, GRH + 100));
	send_usual(&d, ah, 1, 100);
	wc_ok(d.a.scq, 1);
	wc_get(d.b.rcq, 7, IBV_WC_LOC_LEN_ERR);
	wc_flushed(d.b.rcq, 8, 1);
	untouched(d.b.mem + HALF + GRH + 99, 100, 0xee, "behind the receive request");
	CHECK_EQ(qp_state(&d.a), IBV_QPS_RTS);
	CHECK_EQ(qp_state(&d.b), IBV_QPS_ERR);
	CHECK_EQ(ibv_destroy_ah(ah), 0);
	duo_close(&d);
}

static const struct tap_test list[] = {
	PAIRS(ud_send), PAIRS(ud_answer), TAP_TEST(ud_lost_in_silence), TAP_TEST(ud_too_long),
	TAP_TEST(ud_with_wrong_lkey), TAP_TEST(ud_receive_too_short),
};

const struct tests datagram_tests = { list, sizeof(list) / sizeof(*list) };
