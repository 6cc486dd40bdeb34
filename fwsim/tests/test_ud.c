// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams: where they go, what is in front of them, what becomes of those that are lost; the GSI. */
#include "data_rig.h"
#include "roce.h"

#include <string.h>

#define MEM_SIZE (1u << 16)
#define GRH 40u

/* a is on VF 0 (function 1), b and the GSI on VF 1. */
struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b, gsi;
	struct d_mem am, bm;
	uint8_t av[48];
};

static const uint8_t gid6[16] = { 0xfe, 0x80, [8] = 0x50, 0x54, 0, 0xff, 0xfe, 1, 2, 3 };
static const uint8_t gid4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
static const uint8_t dgid4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };

static void set_gid(struct d_fn *d, unsigned int index, const uint8_t *gid, unsigned int l3,
		    unsigned int version)
{
	IFC_BUF(set_roce_address_out, out);
	struct d_in in = { .len = IFC_SZ(set_roce_address_in) };
	uint8_t *a = IFC_PTR(set_roce_address_in, in.b, roce_address);

	ifc_st16(in.b, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in.b, roce_address_index, index);
	memcpy(a, gid, 16);
	IFC_SET(roce_addr_layout, a, source_mac_47_32, 0x0200);
	IFC_SET(roce_addr_layout, a, source_mac_31_0, 0xaa000000 + d->fn);
	IFC_SET(roce_addr_layout, a, roce_l3_type, l3);
	IFC_SET(roce_addr_layout, a, roce_version, version);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
}

static void clear_gid(struct d_fn *d, unsigned int index)
{
	IFC_BUF(set_roce_address_out, out);
	struct d_in in = { .len = IFC_SZ(set_roce_address_in) };

	ifc_st16(in.b, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in.b, roce_address_index, index);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
}

static void d_up(struct d_qp *qp)
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

static void set_av(struct rig *r, unsigned int index, const uint8_t *dgid, uint32_t qpn)
{
	const uint8_t *mac = IFC_CPTR(nic_vport_context, r->d2.v->vport.ctx, permanent_address);

	memset(r->av, 0, sizeof(r->av));
	ifc_st32(r->av, D_QKEY);
	ifc_st32(r->av + 8, qpn | 0x80000000);
	memcpy(r->av + 20, mac + 2, 6);
	r->av[26] = 0x2a; /* traffic class */
	r->av[27] = 64;	  /* hop limit */
	ifc_st32(r->av + 28, 1u << 30 | index << 20 | 0x54321);
	memcpy(r->av + 32, dgid, 16);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	d_qp_of(&r->d1, &r->a, IFC_QP_ST_UD, 0, 0);
	d_qp_of(&r->d2, &r->b, IFC_QP_ST_UD, 0, 0);
	d_qp_of(&r->d2, &r->gsi, IFC_QP_ST_QP1, 0, 0);
	d_up(&r->a);
	d_up(&r->b);
	d_up(&r->gsi);
	r->am = d_mem(&r->d1, MEM_SIZE);
	r->bm = d_mem(&r->d2, MEM_SIZE);
	for (uint32_t i = 0; i < MEM_SIZE; i++)
		r->am.p[i] = (uint8_t)(i * 7 + (i >> 8));
	set_gid(&r->d1, 0, gid6, 1, 2);
	set_gid(&r->d1, 1, gid4, 0, 2);
	set_gid(&r->d1, 2, gid6, 1, 0);
	set_av(r, 0, gid6, r->b.qpn);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

static struct d_wr wr(struct rig *r, uint32_t len)
{
	return (struct d_wr){
		.op = IFC_WQE_SEND, .av = r->av, .imm = 0xcafe0123,
		.n = 1, .sge = { { r->am.addr, len, r->am.key } },
	};
}

static void recv(struct rig *r, struct d_qp *qp, uint32_t len)
{
	struct d_sge sge = { r->bm.addr, len, r->bm.key };

	d_recv(qp, 1, &sge);
}

static void arrives_behind_its_ipv6_header(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 1000);
	const uint8_t *cqe;

	recv(r, &r->b, 2000);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	cqe = d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(D_CQE_BYTES(cqe), 1040);
	assert_int_equal(D_CQE_QPN(cqe), r->b.qpn);
	assert_int_equal(ifc_ld32(cqe + 24), 0x11000000 | r->a.qpn); /* header; IPv6 */
	assert_memory_equal(r->bm.p + GRH, r->am.p, 1000);
	assert_int_equal(ifc_ld32(r->bm.p), 0x62a54321);
	assert_int_equal(ifc_ld16(r->bm.p + 4), 8 + 12 + 8 + 1000 + 4);
	assert_int_equal(r->bm.p[6], 17);
	assert_int_equal(r->bm.p[7], 64);
	assert_memory_equal(r->bm.p + 8, gid6, 16);
	assert_memory_equal(r->bm.p + 24, gid6, 16);
}

static void arrives_behind_its_ipv4_header(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 6);
	const uint8_t *ip = r->bm.p + 20;
	uint32_t sum = 0;

	set_av(r, 1, dgid4, r->b.qpn);
	w.op = IFC_WQE_SEND_IMM;
	recv(r, &r->b, 46);
	d_send(&r->a, &w);
	assert_int_equal(D_CQE_IMM(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND_IMM, 0)), 0xcafe0123);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ifc_ld16(ip + 2), 20 + 8 + 12 + 8 + 8 + 4);
	assert_int_equal(ip[9], 17);
	assert_memory_equal(ip + 12, gid4 + 12, 4);
	assert_memory_equal(ip + 16, dgid4 + 12, 4);
	for (unsigned int i = 0; i < 20; i += 2)
		sum += ifc_ld16(ip + i);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_memory_equal(r->bm.p + GRH, r->am.p, 6);
}

static void l3_type_is_in_the_completion(void **state)
{
	static const uint8_t want[] = { 0x11, 0x12, 0x10 };
	struct rig *r = *state;
	struct d_wr w = wr(r, 6);

	for (unsigned int i = 0; i < 3; i++) {
		set_av(r, i, gid6, r->b.qpn);
		recv(r, &r->b, 100);
		d_send(&r->a, &w);
		assert_int_equal(d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0)[24], want[i]);
	}
	assert_int_equal(r->bm.p[6], 0x1b);
}

static void by_an_address_of_the_table(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 6);

	set_gid(&r->d2, 7, gid6, 1, 2);
	ifc_st16(r->av + 20, 0x0200);
	ifc_st32(r->av + 22, 0xaa000002);
	recv(r, &r->b, 100);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void only_while_it_is_in_the_table(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0, 0xaa, 0, 0, 2 };
	struct rig *r = *state;

	assert_int_equal(r->d2.v->gid_end, 0);
	set_gid(&r->d2, 3, gid6, 1, 2);
	set_gid(&r->d2, FWSIM_GIDS - 1, gid4, 0, 2);
	assert_true(fwsim_roce_has_mac(r->d2.v, mac));
	clear_gid(&r->d2, 3);
	assert_true(fwsim_roce_has_mac(r->d2.v, mac));
	set_gid(&r->d2, 3, gid6, 1, 2);
	clear_gid(&r->d2, FWSIM_GIDS - 1);
	assert_true(fwsim_roce_has_mac(r->d2.v, mac));
	assert_int_equal(r->d2.v->gid_end, 4);
	clear_gid(&r->d2, 3);
	assert_false(fwsim_roce_has_mac(r->d2.v, mac));
	set_gid(&r->d2, 0, gid6, 1, 2);
	fwsim_reset(r->h->fw, 2);
	assert_false(fwsim_roce_has_mac(r->d2.v, mac));
}

/* Linux 6.12 leaves its VFs without one, and then every path would lead back to the sender. */
static void no_address_is_nobodys(void **state)
{
	static const uint8_t none[6];
	struct rig *r = *state;
	uint8_t *ctx = r->d2.v->vport.ctx;

	memset(IFC_PTR(nic_vport_context, ctx, permanent_address) + 2, 0, sizeof(none));
	assert_false(fwsim_roce_has_mac(r->d2.v, none));
	assert_null(fwsim_roce_target(r->d2.v, none));
}

/* Function 3 comes first and may do DMA, but has no driver. */
static void reaches_the_function_that_has_a_driver(void **state)
{
	struct rig *r = *state;
	struct fwsim_vhca *idle = r->h->fw->vhca[3];
	struct d_wr w = wr(r, 6);
	struct d_mem m;
	struct d_fn d5;
	struct d_qp e;

	d_open(&d5, r->h, 5);
	d_qp_of(&d5, &e, IFC_QP_ST_UD, 0, 0);
	d_up(&e);
	m = d_mem(&d5, 4096);
	fwsim_set_bus_master(r->h->fw, 3, true);
	memcpy(IFC_PTR(nic_vport_context, idle->vport.ctx, permanent_address),
	       IFC_CPTR(nic_vport_context, d5.v->vport.ctx, permanent_address), 8);
	set_av(r, 0, gid6, e.qpn);
	memcpy(r->av + 20, IFC_CPTR(nic_vport_context, d5.v->vport.ctx, permanent_address) + 2, 6);
	d_recv(&e, 1, &(struct d_sge){ m.addr, 100, m.key });
	d_send(&r->a, &w);
	d_expect(&e.rcq, IFC_CQE_RESP_SEND, 0);
	/* also while it is stopped: the packet is not the other's then */
	d5.v->mig = FWSIM_MIG_STOPPED;
	assert_ptr_equal(fwsim_roce_target(r->d1.v, r->av + 20), d5.v);
}

static void lost(struct rig *r, struct d_wr *w, const char *why)
{
	h_trace_clear(r->h);
	d_send(&r->a, w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect_none(&r->b.rcq);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, why));
	assert_int_equal(d_state(&r->b), IFC_QP_RTS);
}

static void lost_datagrams(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 100);

	lost(r, &w, "no receive WQE");
	recv(r, &r->b, 200);
	ifc_st32(r->av, D_QKEY + 1);
	lost(r, &w, "Q_Key");
	set_av(r, 0, gid6, 0x999);
	lost(r, &w, "no datagram QP");
	set_av(r, 0, gid6, r->gsi.qpn); /* only as number 1 */
	lost(r, &w, "no datagram QP");
	set_av(r, 0, gid6, r->b.qpn);
	r->av[20] ^= 4;
	lost(r, &w, "no function");
	set_av(r, 0, gid6, r->b.qpn);
	r->d2.v->mig = FWSIM_MIG_STOPPED;
	h_trace_clear(r->h);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "no DMA"));
	r->d2.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d2.v);
	d_expect_none(&r->b.rcq);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void privileged_qkey_means_that_of_the_qp(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 100);

	ifc_st32(r->av, 0x80000000);
	recv(r, &r->b, 200);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void gsi_is_number_one(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 100);
	struct d_qp own;
	const uint8_t *cqe;
	struct d_sge sge = { r->am.addr, 1000, r->am.key };

	set_av(r, 0, gid6, 1);
	recv(r, &r->gsi, 200);
	d_send(&r->a, &w);
	d_expect(&r->gsi.rcq, IFC_CQE_RESP_SEND, 0);
	/* and so is the source of what it sends */
	d_qp_of(&r->d1, &own, IFC_QP_ST_QP1, 0, 0);
	d_up(&own);
	d_recv(&own, 1, &sge);
	r->av[13] = 0x80; /* back to the sender */
	d_send(&own, &w);
	d_expect(&own.scq, IFC_CQE_REQ, 0);
	cqe = d_expect(&own.rcq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(ifc_ld32(cqe + 24) & 0xffffff, 1);
	assert_int_equal(D_CQE_IMM(cqe), 0xffff); /* its P_Key */
}

/* Of several it is the one of the lowest number, at any time, after a move too. */
static void gsi_is_the_lowest_of_several(void **state)
{
	struct rig *r = *state;
	struct fwsim_vhca *v = r->d2.v;
	struct d_qp second, plain, third;
	uint8_t out[16], *buf;
	size_t size;
	char why[100];

	d_qp_of(&r->d2, &second, IFC_QP_ST_QP1, 0, 0);
	d_qp_of(&r->d2, &plain, IFC_QP_ST_UD, 0, 0);
	d_qp_of(&r->d2, &third, IFC_QP_ST_QP1, 0, 0);
	assert_int_equal(v->gsi_qpn, r->gsi.qpn);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, second.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(v->gsi_qpn, r->gsi.qpn);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, r->gsi.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(v->gsi_qpn, third.qpn);
	v->mig = FWSIM_MIG_STOPPED;
	size = fwsim_image_size(v);
	buf = malloc(size);
	assert_int_equal(fwsim_image_save(v, buf, size), size);
	assert_int_equal(fwsim_image_load(v, buf, size, why, sizeof(why)), IFC_ST_OK);
	free(buf);
	v->mig = FWSIM_MIG_RUNNING;
	assert_int_equal(v->gsi_qpn, third.qpn);
	d_qp_of(&r->d2, &second, IFC_QP_ST_QP1, 0, 0); /* gets a number that is free again */
	assert_true(second.qpn < third.qpn);
	assert_int_equal(v->gsi_qpn, second.qpn);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, second.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d2, MLX5_CMD_OP_DESTROY_QP, third.qpn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(v->gsi_qpn, 0);
}

static void sender_errors(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 4097);
	struct d_in in;

#define FAILS(synd)                                                                                \
	do {                                                                                       \
		d_send(&r->a, &w);                                                                 \
		d_expect(&r->a.scq, IFC_CQE_REQ_ERR, synd);                                        \
		assert_int_equal(d_state(&r->a), IFC_QP_SQER);                                     \
		d_modify_in(&r->a, &in, MLX5_CMD_OP_SQERR2RTS_QP, 0);                              \
		assert_int_equal(d_modify(&r->a, &in), IFC_ST_OK);                                 \
	} while (0)
	FAILS(IFC_CQE_SYND_LOCAL_LENGTH);
	w = wr(r, 100);
	w.sge[0].key ^= 0x100000;
	FAILS(IFC_CQE_SYND_LOCAL_PROT);
	w = wr(r, 100);
	set_av(r, 9, gid6, r->b.qpn); /* no such GID */
	FAILS(IFC_CQE_SYND_LOCAL_QP_OP);
	set_av(r, 0, gid6, r->b.qpn);
	r->av[8] = 0; /* compact */
	FAILS(IFC_CQE_SYND_LOCAL_QP_OP);
	set_av(r, 0, gid6, r->b.qpn);
	w.op = IFC_WQE_RDMA_WRITE;
	FAILS(IFC_CQE_SYND_LOCAL_QP_OP);
	recv(r, &r->b, 4136);
	w = wr(r, 4096);
	d_send(&r->a, &w);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void receiver_errors(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 100);

	recv(r, &r->b, 139);
	d_send(&r->a, &w);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	d_expect(&r->b.rcq, IFC_CQE_RESP_ERR, IFC_CQE_SYND_LOCAL_LENGTH);
	assert_int_equal(d_state(&r->b), IFC_QP_ERR);
}

static void into_a_shared_queue(void **state)
{
	struct rig *r = *state;
	struct d_wr w = wr(r, 100);
	struct d_sge sge = { r->bm.addr, 140, r->bm.key };
	struct d_srq srq;
	struct d_qp qp;
	const uint8_t *cqe;

	d_srq(&r->d2, &srq, FWSIM_SRQ_RMP, 0, 0);
	d_qp_of(&r->d2, &qp, IFC_QP_ST_UD, srq.srqn, 0);
	d_up(&qp);
	set_av(r, 0, gid6, qp.qpn);
	lost(r, &w, "no receive WQE");
	d_srq_recv(&srq, 1, &sge);
	d_send(&r->a, &w);
	cqe = d_expect(&qp.rcq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(ifc_ld32(cqe + 32), srq.srqn);
	assert_memory_equal(r->bm.p + GRH, r->am.p, 100);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(arrives_behind_its_ipv6_header),
		TEST(arrives_behind_its_ipv4_header),
		TEST(l3_type_is_in_the_completion),
		TEST(by_an_address_of_the_table),
		TEST(only_while_it_is_in_the_table),
		TEST(no_address_is_nobodys),
		TEST(reaches_the_function_that_has_a_driver),
		TEST(lost_datagrams),
		TEST(privileged_qkey_means_that_of_the_qp),
		TEST(gsi_is_number_one),
		TEST(gsi_is_the_lowest_of_several),
		TEST(sender_errors),
		TEST(receiver_errors),
		TEST(into_a_shared_queue),
	};

	return cmocka_run_group_tests_name("ud", tests, NULL, NULL);
}
