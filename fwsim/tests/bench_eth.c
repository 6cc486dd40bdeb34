// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames from an SQ of one function through the eSwitch to an RQ of another, in the core alone: flat memory, no bus,
 * no interrupts. With doorbells of 16 WQEs, completions for the last, as a busy mlx5e makes.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR SAN= CFLAGS='-O2 -g' bench_eth
 *	DIR/bench_eth [ROUNDS [MILLISECONDS [TEXT]]]
 */
#include "eth_rig.h"
#include "lean.h"

#include <stdio.h>
#include <string.h>

#define BATCH (1u << E_LOG_RQ)
#define JUMBO 4608u /* of one receive WQE, for frames with 4 KiB of payload */
#define LSO_MAX (64u << 10)

/* Frames go from @sq of VF 1 to @rq of the other function. */
struct path {
	struct e_rq rq;
	struct d_mem jumbo; /* BATCH buffers */
};

static struct rig {
	struct harness *h;
	struct d_fn pf, d1, d2;
	struct e_sq sq;
	struct path to_vf, to_pf;
	struct d_mem m;
} rig;

/* What one item is made of. */
struct what {
	struct path *path;
	struct d_fn *dst;
	unsigned int len; /* frame, or payload of LSO */
	unsigned int mss; /* 0: SEND */
	uint8_t hdr[128];
	unsigned int hdr_len;
};

static void path_open(struct path *p, struct d_fn *d)
{
	e_rq(d, &p->rq);
	e_steer(d, e_tir(d, p->rq.rqn), 0);
	p->jumbo = d_mem(d, BATCH * JUMBO / FWSIM_PAGE * FWSIM_PAGE + FWSIM_PAGE);
}

static void receive(struct path *p, unsigned int n)
{
	for (; n; n--) {
		struct d_sge sge = { p->jumbo.addr + (p->rq.pi % BATCH) * JUMBO, JUMBO, p->jumbo.key };

		e_recv(&p->rq, 1, &sge);
	}
}

static void expect_frames(struct path *p, unsigned int n)
{
	while (n--)
		d_expect(&p->rq.cq, IFC_CQE_RESP_SEND, 0);
	d_expect_none(&p->rq.cq);
}

static void run_send(void *arg, unsigned int n)
{
	struct what *w = arg;
	struct e_wr wr = { .op = IFC_WQE_SEND, .cs = E_CSUM, .n = 1,
			   .sge = { { rig.m.addr, w->len, rig.m.key } } };
	unsigned int i, batch;

	e_headers(rig.m.p, E_TCP4, &rig.d1, w->dst, w->len - 54);
	for (; n; n -= batch) {
		batch = n < BATCH ? n : BATCH;
		receive(w->path, batch);
		for (i = 0; i < batch; i++) {
			wr.unsignalled = i + 1 < batch;
			e_post(&rig.sq, &wr);
		}
		e_ring(&rig.sq);
		d_expect(&rig.sq.cq, IFC_CQE_REQ, 0);
		expect_frames(w->path, batch);
	}
}

static unsigned int lso_frames(const struct what *w)
{
	return (w->len + w->mss - 1) / w->mss;
}

static void run_lso(void *arg, unsigned int n)
{
	struct what *w = arg;
	struct e_wr wr = { .op = IFC_WQE_LSO, .cs = E_CSUM, .mss = (uint16_t)w->mss, .hdr = w->hdr, .n = 1,
			   .hdr_len = w->hdr_len, .sge = { { rig.m.addr, w->len, rig.m.key } } };

	for (; n; n--) {
		receive(w->path, lso_frames(w));
		e_send(&rig.sq, &wr);
		d_expect(&rig.sq.cq, IFC_CQE_REQ, 0);
		expect_frames(w->path, lso_frames(w));
	}
}

static struct what what(struct path *p, struct d_fn *dst, unsigned int len, unsigned int mss)
{
	struct what w = { .path = p, .dst = dst, .len = len, .mss = mss };

	if (mss)
		w.hdr_len = e_headers(w.hdr, E_TCP4, &rig.d1, dst, len);
	return w;
}

static void setup(void)
{
	rig.h = h_new(NULL);
	d_open(&rig.pf, rig.h, 0);
	d_open(&rig.d1, rig.h, 1);
	d_open(&rig.d2, rig.h, 2);
	e_sq(&rig.d1, &rig.sq);
	path_open(&rig.to_vf, &rig.d2);
	path_open(&rig.to_pf, &rig.pf);
	rig.m = d_mem(&rig.d1, LSO_MAX);
	lean_host(rig.h, true);
}

/* All that goes to @dst, in one set of rounds. */
static void bench_path(struct path *p, struct d_fn *dst, const char *to)
{
	struct what w[] = {
		what(p, dst, 64, 0), what(p, dst, 1514, 0), what(p, dst, 16 * 1448, 1448), what(p, dst, LSO_MAX, 4096),
	};
	static const char *const text[] = { "frame of 64 B", "frame of 1514 B", "frame of LSO 23 KiB, mss 1448",
					    "frame of LSO 64 KiB, mss 4096" };
	struct lean_item it[4];
	char name[4][64];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		unsigned int frames = w[i].mss ? lso_frames(&w[i]) : 1;

		snprintf(name[i], sizeof(name[i]), "%s, VF to %s", text[i], to);
		it[i] = (struct lean_item){ name[i], w[i].mss ? run_lso : run_send, &w[i],
					    w[i].len / frames + w[i].hdr_len, frames, -1 };
	}
	lean_bench("eth", it, 4);
}

static void bench(void **state)
{
	(void)state;
	setup();
	bench_path(&rig.to_vf, &rig.d2, "VF");
	bench_path(&rig.to_pf, &rig.pf, "PF");
	h_free(rig.h);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	lean_args(argc, argv);
	return cmocka_run_group_tests_name("bench_eth", tests, NULL, NULL);
}
