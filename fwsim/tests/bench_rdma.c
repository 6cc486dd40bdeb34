// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RDMA between two VFs of the card, in the core alone, against memcpy() of as much from the same place to the
 * same place: flat memory, no bus, no interrupts. Small messages go 16 to a doorbell, with a completion for the last.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR SAN= CFLAGS='-O2 -g' bench_rdma
 *	DIR/bench_rdma [ROUNDS [MILLISECONDS [TEXT]]]
 */
#include "data_rig.h"
#include "lean.h"

#include <stdio.h>
#include <string.h>

#define MEM_SIZE (1u << 20)
#define PAGES (MEM_SIZE / FWSIM_PAGE)
#define BATCH (1u << D_LOG_RQ)

static struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b;
	struct d_mem am, bm;
	uint32_t akey, bkey; /* the same memory, its pages in another order */
} rig;

/* What one item is made of. */
struct what {
	enum ifc_wqe_op op;
	uint32_t len;
	bool disorder, copying;
};

static void one_batch(const struct what *w, unsigned int n)
{
	struct d_wr wr = {
		.op = w->op, .raddr = rig.bm.addr, .rkey = w->disorder ? rig.bkey : rig.bm.key, .n = 1,
		.sge = { { rig.am.addr, w->len, w->disorder ? rig.akey : rig.am.key } },
	};
	struct d_sge sge = { wr.raddr, w->len, wr.rkey };
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (w->op == IFC_WQE_SEND)
			d_recv(&rig.b, 1, &sge);
		wr.unsignalled = i + 1 < n;
		d_post(&rig.a, &wr);
	}
	d_ring(&rig.a);
	d_expect(&rig.a.scq, IFC_CQE_REQ, 0);
	for (i = 0; w->op == IFC_WQE_SEND && i < n; i++)
		d_expect(&rig.b.rcq, IFC_CQE_RESP_SEND, 0);
}

static void run_rdma(void *arg, unsigned int n)
{
	const struct what *w = arg;
	unsigned int most = w->len > FWSIM_PAGE ? 1 : BATCH, batch;

	lean_host(rig.h, !w->copying);
	for (; n; n -= batch) {
		batch = n < most ? n : most;
		one_batch(w, batch);
	}
}

static void run_memcpy(void *arg, unsigned int n)
{
	uint32_t len = *(const uint32_t *)arg;

	for (; n; n--) {
		memcpy(rig.bm.p, rig.am.p, len);
		__asm__ volatile("" : : "r"(rig.bm.p) : "memory"); /* or all but the last are left out */
	}
}

/* Page @i of a key in disorder. */
static uint64_t page_off(unsigned int i)
{
	return (uint64_t)(7 * i % PAGES) * FWSIM_PAGE;
}

/* What the same message costs at least if both keys are in disorder. */
static void run_memcpy_pages(void *arg, unsigned int n)
{
	uint32_t i, pages = *(const uint32_t *)arg / FWSIM_PAGE;

	for (; n; n--) {
		for (i = 0; i < pages; i++)
			memcpy(rig.bm.p + page_off(i), rig.am.p + page_off(i), FWSIM_PAGE);
		__asm__ volatile("" : : "r"(rig.bm.p) : "memory");
	}
}

static uint32_t key_in_disorder(struct d_fn *d, const struct d_mem *m)
{
	IFC_BUF(create_mkey_out, out);
	static struct d_in in;
	unsigned int i;

	d_mkey_in(d, &in, m->addr, m->size);
	for (i = 0; i < PAGES; i++)
		ifc_st64(in.b + IFC_SZ(create_mkey_in) + 8 * (size_t)i, m->addr + page_off(i));
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

static void setup(void)
{
	rig.h = h_new(NULL);
	d_open(&rig.d1, rig.h, 1);
	d_open(&rig.d2, rig.h, 2);
	d_qp(&rig.d1, &rig.a);
	d_qp(&rig.d2, &rig.b);
	d_connect(&rig.a, &rig.b);
	rig.am = d_mem(&rig.d1, MEM_SIZE);
	rig.bm = d_mem(&rig.d2, MEM_SIZE);
	rig.akey = key_in_disorder(&rig.d1, &rig.am);
	rig.bkey = key_in_disorder(&rig.d2, &rig.bm);
	memset(rig.am.p, 0x5a, MEM_SIZE);
}

/* One size: memcpy, WRITE, READ, SEND; of a large one also in pages, and with a host that maps nothing. */
static void bench_size(uint32_t len, const char *size)
{
	struct what w[] = {
		{ .op = IFC_WQE_RDMA_WRITE, .len = len },
		{ .op = IFC_WQE_RDMA_READ, .len = len },
		{ .op = IFC_WQE_SEND, .len = len },
		{ .op = IFC_WQE_RDMA_WRITE, .len = len, .copying = true },
		{ .op = IFC_WQE_RDMA_WRITE, .len = len, .disorder = true },
	};
	char name[7][48];
	const struct lean_item it[] = {
		{ name[0], run_memcpy, &len, len, 0, -1 },
		{ name[1], run_rdma, &w[0], len, 0, 0 },
		{ name[2], run_rdma, &w[1], len, 0, 0 },
		{ name[3], run_rdma, &w[2], len, 0, 0 },
		{ name[4], run_rdma, &w[3], len, 0, 0 },
		{ name[5], run_memcpy_pages, &len, len, 0, -1 },
		{ name[6], run_rdma, &w[4], len, 0, 5 },
	};
	static const char *const what[] = { "memcpy", "RDMA WRITE", "RDMA READ", "SEND", "RDMA WRITE, host that copies",
					    "memcpy, scattered pages", "RDMA WRITE, scattered pages" };

	for (unsigned int i = 0; i < 7; i++)
		snprintf(name[i], sizeof(name[i]), "%s %s", what[i], size);
	lean_bench("rdma", it, len > FWSIM_PAGE ? 7 : 4);
}

static void bench(void **state)
{
	(void)state;
	setup();
	bench_size(64, "64 B");
	bench_size(FWSIM_PAGE, "4 KiB");
	bench_size(64u << 10, "64 KiB");
	bench_size(MEM_SIZE, "1 MiB");
	h_free(rig.h);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	lean_args(argc, argv);
	return cmocka_run_group_tests_name("bench_rdma", tests, NULL, NULL);
}
