// SPDX-License-Identifier: GPL-2.0-or-later
/* Umems: which are made, that rings and doorbell records in one work, who is counted as a user, the image. */
#include "data_rig.h"

#include <string.h>

struct rig {
	struct harness *h;
	struct d_fn d;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
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

/* A command for a umem of @n pages of 4 KiB from @addr on, of which the first @offset bytes do not count. */
static uint8_t *umem_in(struct d_in *in, uint64_t addr, unsigned int n, uint32_t offset)
{
	uint8_t *umem;

	memset(in, 0, sizeof(*in));
	in->len = IFC_SZ(create_umem_in);
	IFC_SET(create_umem_in, in->b, opcode, MLX5_CMD_OP_CREATE_UMEM);
	umem = IFC_PTR(create_umem_in, in->b, umem);
	IFC_SET(umem, umem, page_offset, offset);
	IFC_SET64(umem, umem, num_of_mtt, n);
	d_in_pas(in, addr, n);
	return umem;
}

static uint32_t umem_new(struct rig *r, uint64_t addr, unsigned int n, uint32_t offset)
{
	IFC_BUF(create_umem_out, out);
	struct d_in in;

	umem_in(&in, addr, n, offset);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	assert_int_not_equal(IFC_GET(create_umem_out, out, umem_id), 0);
	return IFC_GET(create_umem_out, out, umem_id);
}

static enum ifc_status umem_del(struct rig *r, uint32_t id)
{
	return d_simple(&r->d, MLX5_CMD_OP_DESTROY_UMEM, id, NULL, 0);
}

/* As d_cq(), but ring and record are in umems. Numbers and offset as a DEVX user gives them. */
static void cq_in_umems(struct rig *r, struct d_in *in, struct d_cq *cq, uint32_t umem[2])
{
	uint8_t *cqc = IFC_PTR(create_cq_in, in->b, cq_context);

	d_cq_in(&r->d, in, cq, D_LOG_CQ);
	cq->dbr = h_alloc(r->h, 1, FWSIM_PAGE, FWSIM_PAGE) + 128;
	umem[0] = umem_new(r, cq->addr, 1, 0);
	umem[1] = umem_new(r, cq->dbr & ~0xfffULL, 1, 64);
	in->len = IFC_SZ(create_cq_in);
	ifc_st64(in->b + 0x50, 0);
	ifc_st32(in->b + 0x58, umem[0]);
	IFC_SET(create_cq_in, in->b, cq_umem_valid, 1);
	IFC_SET(cqc, cqc, dbr_umem_valid, 1);
	ifc_st32(cqc + 4, umem[1]);
	IFC_SET64(cqc, cqc, dbr_addr, 128 - 64);
}

static void cq_make(struct rig *r, struct d_cq *cq, uint32_t umem[2])
{
	IFC_BUF(create_cq_out, out);
	struct d_in in;

	cq_in_umems(r, &in, cq, umem);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	cq->cqn = IFC_GET(create_cq_out, out, cqn);
}

static void qp_make(struct rig *r, struct d_qp *qp, uint32_t umem[4])
{
	IFC_BUF(create_qp_out, out);
	struct d_in in;
	uint8_t *qpc = IFC_PTR(create_qp_in, in.b, qpc);

	*qp = (struct d_qp){ .st = IFC_QP_ST_RC };
	cq_make(r, &qp->scq, umem);
	d_cq(&r->d, &qp->rcq, D_LOG_CQ);
	d_qp_in(&r->d, &in, qp);
	/* the ring begins in the second page of its umem, the record in the middle of one */
	umem[2] = umem_new(r, qp->ring - FWSIM_PAGE, 3, 0);
	umem[3] = umem_new(r, qp->dbr & ~0xfffULL, 1, 0);
	in.len = IFC_SZ(create_qp_in);
	IFC_SET(create_qp_in, in.b, wq_umem_valid, 1);
	IFC_SET(create_qp_in, in.b, wq_umem_id, umem[2]);
	IFC_SET64(create_qp_in, in.b, wq_umem_offset, FWSIM_PAGE);
	IFC_SET(qpc, qpc, dbr_umem_valid, 1);
	ifc_st32(qpc + 0xe4, umem[3]);
	IFC_SET64(qpc, qpc, dbr_addr, qp->dbr & 0xfff);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
}

static void message_passes(struct rig *r, struct d_qp *a, struct d_qp *b, const char *text)
{
	struct d_mem to = d_mem(&r->d, FWSIM_PAGE);
	struct d_sge sge = { to.addr, 64, to.key };
	struct d_wr wr = { .op = IFC_WQE_SEND, .inl = text };

	d_recv(b, 1, &sge);
	d_send(a, &wr);
	d_expect(&a->scq, IFC_CQE_REQ, 0);
	assert_int_equal(D_CQE_BYTES(d_expect(&b->rcq, IFC_CQE_RESP_SEND, 0)), strlen(text));
	assert_memory_equal(to.p, text, strlen(text));
}

static void queues_in_umems_work(void **state)
{
	struct rig *r = *state;
	uint32_t umem[4];
	struct d_qp a, b;
	int i;

	qp_make(r, &a, umem);
	d_qp(&r->d, &b);
	d_connect(&a, &b);
	for (i = 0; i < 100; i++) { /* around all rings */
		message_passes(r, &a, &b, "from a umem");
		message_passes(r, &b, &a, "into a umem");
	}
}

static void users_are_counted(void **state)
{
	struct rig *r = *state;
	uint32_t umem[4];
	struct d_qp a;
	int i;

	qp_make(r, &a, umem);
	for (i = 0; i < 4; i++)
		assert_int_equal(umem_del(r, umem[i]), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_QP, a.qpn, NULL, 0), IFC_ST_OK);
	for (i = 0; i < 4; i++)
		assert_int_equal(umem_del(r, umem[i]), i < 2 ? IFC_ST_RES_BUSY : IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_CQ, a.scq.cqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(umem_del(r, umem[0]), IFC_ST_OK);
	assert_int_equal(umem_del(r, umem[1]), IFC_ST_OK);
	assert_int_equal(umem_del(r, umem[1]), IFC_ST_BAD_RES);
}

/* QUERY shows the address of the record, as if it had been given. */
static void context_has_addresses(void **state)
{
	struct rig *r = *state;
	IFC_BUF(query_cq_out, out);
	const uint8_t *cqc = IFC_CPTR(query_cq_out, out, cq_context);
	uint32_t umem[2];
	struct d_cq cq;

	cq_make(r, &cq, umem);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_CQ, cq.cqn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET64(cqc, cqc, dbr_addr), cq.dbr);
	assert_int_equal(IFC_GET(cqc, cqc, dbr_umem_valid), 0);
}

static void refused_umems(void **state)
{
	struct rig *r = *state;
	IFC_BUF(create_umem_out, out);
	struct d_in in;

#define REFUSED(fld, v)                                                                            \
	do {                                                                                       \
		uint8_t *u_ = umem_in(&in, 0x10000, 2, 0);                                         \
		IFC_SET(umem, u_, fld, v);                                                         \
		assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);                       \
	} while (0)
	REFUSED(ats, 1);
	REFUSED(log_page_size, 20);
	REFUSED(page_offset, 0x1000);
#undef REFUSED
	IFC_SET64(umem, umem_in(&in, 0x10000, 2, 0), num_of_mtt, 0);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	IFC_SET64(umem, umem_in(&in, 0x10000, 2, 0), num_of_mtt, 3);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	IFC_SET64(umem, umem_in(&in, 0x10000, 2, 0), num_of_mtt, 1ULL << 60);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(r->d.v->obj[FWSIM_OBJ_UMEM].used, 0);
}

static void refused_uses(void **state)
{
	struct rig *r = *state;
	IFC_BUF(create_cq_out, out);
	uint32_t umem[2];
	struct d_in in;
	struct d_cq cq;
	uint8_t *cqc = IFC_PTR(create_cq_in, in.b, cq_context);

	cq_in_umems(r, &in, &cq, umem);
	ifc_st32(in.b + 0x58, 999); /* no such umem */
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_RES);
	ifc_st32(in.b + 0x58, umem[0]);
	ifc_st32(cqc + 4, 999);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_RES);
	ifc_st32(cqc + 4, umem[1]);
	ifc_st64(in.b + 0x50, FWSIM_PAGE); /* behind its end */
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	ifc_st64(in.b + 0x50, UINT64_MAX - 7);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	ifc_st64(in.b + 0x50, 0);
	ifc_st32(in.b + 0x58, umem[1]); /* begins inside of a page */
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	ifc_st32(in.b + 0x58, umem[0]);
	IFC_SET(cqc, cqc, log_page_size, 1); /* larger pages than the umem's */
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	IFC_SET(cqc, cqc, log_page_size, 0);
	IFC_SET64(cqc, cqc, dbr_addr, FWSIM_PAGE - 64 - 4); /* the record's end is outside */
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(r->d.v->obj[FWSIM_OBJ_CQ].used, 0);
	assert_int_equal(umem_del(r, umem[0]), IFC_ST_OK); /* a refused command holds nothing */
	assert_int_equal(umem_del(r, umem[1]), IFC_ST_OK);
}

static void image_keeps_umems_and_users(void **state)
{
	struct rig *r = *state;
	uint32_t umem[4];
	struct d_qp a, b;
	uint64_t hash;
	size_t size;
	uint8_t *buf;
	char why[200];

	qp_make(r, &a, umem);
	d_qp(&r->d, &b);
	d_connect(&a, &b);
	message_passes(r, &a, &b, "before");
	r->d.v->mig = FWSIM_MIG_STOPPED;
	size = fwsim_image_size(r->d.v);
	buf = malloc(size);
	assert_non_null(buf);
	assert_int_equal(fwsim_image_save(r->d.v, buf, size), size);
	hash = fwsim_image_hash(r->d.v);
	assert_int_equal(fwsim_image_load(r->d.v, buf, size, why, sizeof(why)), IFC_ST_OK);
	assert_true(fwsim_image_hash(r->d.v) == hash);
	free(buf);
	r->d.v->mig = FWSIM_MIG_RUNNING;
	fwsim_vhca_rescan(r->d.v);
	assert_int_equal(umem_del(r, umem[0]), IFC_ST_RES_BUSY);
	assert_int_equal(umem_del(r, umem[3]), IFC_ST_RES_BUSY);
	message_passes(r, &a, &b, "after");
}

static void teardown_takes_all(void **state)
{
	struct rig *r = *state;
	uint32_t umem[4];
	struct d_qp a;

	qp_make(r, &a, umem);
	fwsim_vhca_drop_objects(r->d.v);
	assert_int_equal(r->d.v->obj[FWSIM_OBJ_UMEM].used, 0);
	assert_int_equal(r->d.v->pas_used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(queues_in_umems_work),
		T(users_are_counted),
		T(context_has_addresses),
		T(refused_umems),
		T(refused_uses),
		T(image_keeps_umems_and_users),
		T(teardown_takes_all),
	};

	return cmocka_run_group_tests_name("umem", tests, NULL, NULL);
}
