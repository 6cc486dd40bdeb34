// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands, page tracking and many functions, in the core alone.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR SAN= CFLAGS='-O2 -g' bench_card
 *	DIR/bench_card [ROUNDS [MILLISECONDS [TEXT]]]
 */
#include "data_rig.h"
#include "lean.h"

#include <string.h>

#define MEM_SIZE (1u << 20)
#define PAGES (MEM_SIZE / FWSIM_PAGE)

static struct rig {
	struct harness *h;
	struct d_fn pf, d1, d2;
	struct d_qp a, b, host, fw;
	struct d_mem am, bm;
	struct fwsim_page_track *track;
	struct d_in mkey_in;
} rig;

/* Two commands without mailboxes. */
static void run_pd(void *arg, unsigned int n)
{
	(void)arg;
	for (; n; n--)
		d_simple(&rig.d1, MLX5_CMD_OP_DEALLOC_PD, d_alloc(&rig.d1, MLX5_CMD_OP_ALLOC_PD), NULL, 0);
}

/* CREATE_MKEY over 1 MiB, whose list of pages goes through mailboxes, and DESTROY_MKEY. */
static void run_mkey(void *arg, unsigned int n)
{
	IFC_BUF(create_mkey_out, out);

	(void)arg;
	for (; n; n--) {
		assert_int_equal(D_EXEC(&rig.d1, &rig.mkey_in, out), IFC_ST_OK);
		assert_int_equal(d_simple(&rig.d1, MLX5_CMD_OP_DESTROY_MKEY,
					  IFC_GET(create_mkey_out, out, mkey_index), NULL, 0), IFC_ST_OK);
	}
}

static void run_write(void *arg, unsigned int n)
{
	struct d_wr wr = { .op = IFC_WQE_RDMA_WRITE, .raddr = rig.bm.addr, .rkey = rig.bm.key, .n = 1,
			   .sge = { { rig.am.addr, MEM_SIZE, rig.am.key } } };

	rig.d2.v->tracks = arg;
	for (; n; n--) {
		d_send(&rig.a, &wr);
		d_expect(&rig.a.scq, IFC_CQE_REQ, 0);
	}
	rig.d2.v->tracks = rig.track;
}

/* A mark alone; the pages are marked already but for the first time. */
static void run_mark(void *arg, unsigned int n)
{
	(void)arg;
	for (; n; n--)
		fwsim_page_track_mark(rig.d2.v, rig.bm.addr, MEM_SIZE);
}

/* A QP of the PF in RTS; that of the firmware has no send queue. */
static void pf_qp(struct d_qp *qp, bool fw)
{
	IFC_BUF(create_qp_out, out);
	struct d_in in;

	qp->d = &rig.pf;
	d_cq(&rig.pf, &qp->scq, D_LOG_CQ);
	d_cq(&rig.pf, &qp->rcq, D_LOG_CQ);
	d_qp_in(&rig.pf, &in, qp);
	IFC_SET(qpc, IFC_PTR(create_qp_in, in.b, qpc), no_sq, fw);
	assert_int_equal(D_EXEC(&rig.pf, &in, out), IFC_ST_OK);
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
}

static void track_all(void)
{
	uint8_t in[IFC_SZ(create_page_track_obj_in) + IFC_SZ(page_track_range)] = { 0 };
	uint8_t *ctx = IFC_PTR(create_page_track_obj_in, in, obj_context);
	uint8_t *range = in + IFC_SZ(create_page_track_obj_in);
	IFC_BUF(general_obj_out_cmd_hdr, out);

	pf_qp(&rig.host, false);
	pf_qp(&rig.fw, true);
	d_connect(&rig.host, &rig.fw);
	IFC_SET(general_obj_in_cmd_hdr, in, opcode, MLX5_CMD_OP_CREATE_GENERAL_OBJECT);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_type, MLX5_OBJ_TYPE_PAGE_TRACK);
	IFC_SET(page_track, ctx, vhca_id, rig.d2.v->vhca_id);
	IFC_SET(page_track, ctx, track_type, 1);
	IFC_SET(page_track, ctx, log_addr_space_size, 25);
	IFC_SET(page_track, ctx, log_page_size, 12);
	IFC_SET(page_track, ctx, log_msg_size, 12);
	IFC_SET(page_track, ctx, reporting_qpn, rig.fw.qpn);
	IFC_SET(page_track, ctx, num_ranges, 1);
	IFC_SET64(page_track_range, range, start_address, H_MEM_BASE);
	IFC_SET64(page_track_range, range, length, H_MEM_SIZE);
	assert_int_equal(h_cmd(rig.h, 0, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	rig.track = rig.d2.v->tracks;
	assert_non_null(rig.track);
}

static void setup(void)
{
	rig.h = h_new(NULL);
	d_open(&rig.pf, rig.h, 0);
	d_open(&rig.d1, rig.h, 1);
	d_open(&rig.d2, rig.h, 2);
	d_qp(&rig.d1, &rig.a);
	d_qp(&rig.d2, &rig.b);
	d_connect(&rig.a, &rig.b);
	rig.am = d_mem(&rig.d1, MEM_SIZE);
	rig.bm = d_mem(&rig.d2, MEM_SIZE);
	d_mkey_in(&rig.d1, &rig.mkey_in, rig.am.addr, MEM_SIZE);
	track_all();
	lean_host(rig.h, true);
}

static void bench(void **state)
{
	(void)state;
	setup();
	const struct lean_item commands[] = {
		{ "ALLOC_PD, DEALLOC_PD", run_pd, NULL, 0, 2, -1 },
		{ "CREATE_MKEY of 256 pages, DESTROY_MKEY", run_mkey, NULL, 0, 2, -1 },
	};
	const struct lean_item pages[] = {
		{ "page of an RDMA WRITE of 1 MiB, not tracked", run_write, NULL, FWSIM_PAGE, PAGES, -1 },
		{ "page of an RDMA WRITE of 1 MiB, tracked", run_write, rig.track, FWSIM_PAGE, PAGES, 0 },
		{ "mark of a page", run_mark, NULL, 0, PAGES, -1 },
	};

	lean_bench("command", commands, 2);
	lean_bench("track", pages, 3);
	h_free(rig.h);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	lean_args(argc, argv);
	return cmocka_run_group_tests_name("bench_card", tests, NULL, NULL);
}
