// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Payload that goes from memory to memory without a buffer: a card whose host maps memory must do what one
 * does whose host only copies, with the same bytes, completions, marks and errors.
 */
#include "data_rig.h"

#include <string.h>

#define MEM_PAGES 80u
#define MEM_SIZE (MEM_PAGES * FWSIM_PAGE)

/* a and c are on VF 0 (function 1), b on VF 1, d on VF 0 too. a is connected to b, c to d. */
struct side {
	struct harness *h;
	struct d_fn d1, d2;
	struct d_qp a, b, c, d;
	struct d_mem am, bm;
	uint32_t akey, bkey; /* the same memory with its pages in another order */
};

struct rig {
	struct side copy, map;
	uint32_t seed;
};

static uint32_t rnd(struct rig *r, uint32_t n)
{
	r->seed = r->seed * 1103515245 + 12345;
	return (r->seed >> 8) % n;
}

/* A key for @m whose page i is page 7 * i of the memory. */
static uint32_t key_in_disorder(struct d_fn *d, const struct d_mem *m)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;
	uint8_t *list;

	d_mkey_in(d, &in, m->addr, m->size);
	list = in.b + IFC_SZ(create_mkey_in);
	for (unsigned int i = 0; i < MEM_PAGES; i++)
		ifc_st64(list + 8 * (size_t)i, m->addr + (uint64_t)(7 * i % MEM_PAGES) * FWSIM_PAGE);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0x42;
}

static void pattern(struct d_mem *m, unsigned int seed)
{
	for (uint32_t i = 0; i < m->size; i++)
		m->p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
}

static void connect_all(struct side *s)
{
	d_connect(&s->a, &s->b);
	d_connect(&s->c, &s->d);
}

static void side_open(struct side *s, struct harness *h)
{
	s->h = h;
	d_open(&s->d1, h, 1);
	d_open(&s->d2, h, 2);
	d_qp(&s->d1, &s->a);
	d_qp(&s->d2, &s->b);
	d_qp(&s->d1, &s->c);
	d_qp(&s->d1, &s->d);
	s->am = d_mem(&s->d1, MEM_SIZE);
	s->bm = d_mem(&s->d2, MEM_SIZE);
	s->akey = key_in_disorder(&s->d1, &s->am);
	s->bkey = key_in_disorder(&s->d2, &s->bm);
	pattern(&s->am, 1);
	pattern(&s->bm, 2);
	connect_all(s);
	assert_true(h_say(h, "oracle writes start vf0"));
	assert_true(h_say(h, "oracle writes start vf1"));
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->seed = 4711;
	side_open(&r->copy, h_new(NULL));
	side_open(&r->map, h_new_map(NULL));
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	assert_int_equal(r->map.h->maps, r->map.h->unmaps);
	assert_int_equal(r->copy.h->maps, 0);
	h_free(r->copy.h);
	h_free(r->map.h);
	free(r);
	return 0;
}

static void same_cqes(struct d_cq *x, struct d_cq *y)
{
	const uint8_t *p, *q;

	do {
		p = d_cqe(x);
		q = d_cqe(y);
		assert_true(!p == !q);
		if (p)
			assert_memory_equal(p, q, 64);
	} while (p);
}

static void same_writes(struct rig *r, const char *list)
{
	assert_true(h_say(r->copy.h, list));
	assert_true(h_say(r->map.h, list));
	assert_string_equal(r->copy.h->answer, r->map.h->answer);
}

/* What has become of the two cards so far is the same. */
static void same(struct rig *r)
{
	struct side *x = &r->copy, *y = &r->map;

	same_cqes(&x->a.scq, &y->a.scq);
	same_cqes(&x->b.rcq, &y->b.rcq);
	same_cqes(&x->c.scq, &y->c.scq);
	same_cqes(&x->d.rcq, &y->d.rcq);
	assert_memory_equal(x->am.p, y->am.p, MEM_SIZE);
	assert_memory_equal(x->bm.p, y->bm.p, MEM_SIZE);
	same_writes(r, "oracle writes list vf0");
	same_writes(r, "oracle writes list vf1");
}

/* What a random request is made of. */
struct pick {
	enum ifc_wqe_op op;
	bool inside;		 /* c to d, in the memory of one function */
	bool disorder;
	unsigned int n;
	uint32_t len[2], from[2], to;
};

static void request(struct side *s, const struct pick *p)
{
	struct d_mem *remote = p->inside ? &s->am : &s->bm;
	uint32_t lkey = p->disorder ? s->akey : s->am.key, total = 0;
	uint32_t rkey = !p->disorder ? remote->key : p->inside ? s->akey : s->bkey;
	struct d_wr w = { .op = p->op, .raddr = remote->addr + p->to, .rkey = rkey, .n = p->n };
	struct d_sge sge = { .addr = remote->addr + p->to, .key = rkey };

	for (unsigned int i = 0; i < p->n; i++) {
		w.sge[i] = (struct d_sge){ s->am.addr + p->from[i], p->len[i], lkey };
		total += p->len[i];
	}
	sge.len = total;
	if (p->op == IFC_WQE_SEND)
		d_recv(p->inside ? &s->d : &s->b, 1, &sge);
	d_send(p->inside ? &s->c : &s->a, &w);
	h_settle(s->h);
}

static struct pick pick(struct rig *r)
{
	static const enum ifc_wqe_op ops[] = { IFC_WQE_RDMA_WRITE, IFC_WQE_RDMA_READ, IFC_WQE_SEND };
	struct pick p = { .op = ops[rnd(r, 3)], .inside = rnd(r, 4) == 0, .disorder = rnd(r, 2),
			  .n = 1 + rnd(r, 2) };

	for (unsigned int i = 0; i < p.n; i++) {
		p.len[i] = 1 + rnd(r, rnd(r, 2) ? MEM_SIZE / 2 - 1 : 3 * FWSIM_PAGE);
		p.from[i] = rnd(r, MEM_SIZE - p.len[i] + 1);
	}
	p.to = rnd(r, MEM_SIZE - p.len[0] - p.len[1] + 1);
	if (p.inside) { /* apart from each other: from the first half to the second */
		p.disorder = false;
		for (unsigned int i = 0; i < p.n; i++) {
			p.len[i] = p.len[i] / 2 + 1;
			p.from[i] = rnd(r, MEM_SIZE / 2 - p.len[i] + 1);
		}
		p.to = MEM_SIZE - p.len[0] - p.len[1];
	}
	return p;
}

static void request_both(struct rig *r, const struct pick *p)
{
	request(&r->copy, p);
	request(&r->map, p);
	same(r);
}

static void any_request(void **state)
{
	struct rig *r = *state;

	for (unsigned int i = 0; i < 300; i++) {
		struct pick p = pick(r);

		request_both(r, &p);
	}
	assert_int_equal(d_state(&r->map.a), IFC_QP_RTS);
	assert_int_equal(d_state(&r->map.c), IFC_QP_RTS);
	assert_true(r->map.h->maps > 300);
}

static void reset_pair(struct side *s, struct d_qp *x, struct d_qp *y)
{
	d_simple(x->d, MLX5_CMD_OP_2RST_QP, x->qpn, NULL, 0);
	d_simple(y->d, MLX5_CMD_OP_2RST_QP, y->qpn, NULL, 0);
	x->sq_pi = x->rq_pi = y->sq_pi = y->rq_pi = 0;
	memset(h_mem(s->h, x->d->fn, x->dbr), 0, 8);
	memset(h_mem(s->h, y->d->fn, y->dbr), 0, 8);
}

/* A bus that refuses a page is found out by the copying calls: as much is moved as without maps, and told. */
static void any_page_refused(void **state)
{
	struct rig *r = *state;
	unsigned int failed = 0;

	for (unsigned int i = 0; i < 200; i++) {
		struct pick p = pick(r);
		unsigned int fn = 1 + rnd(r, 2);
		uint64_t off = rnd(r, MEM_SIZE);

		for (struct side *s = &r->copy; s; s = s == &r->copy ? &r->map : NULL)
			h_dma_fail(s->h, fn, (fn == 1 ? s->am.addr : s->bm.addr) + off, 1);
		request_both(r, &p);
		for (struct side *s = &r->copy; s; s = s == &r->copy ? &r->map : NULL) {
			h_dma_fail(s->h, 1, 0, 0);
			h_dma_fail(s->h, 2, 0, 0);
			failed += d_state(&s->a) != IFC_QP_RTS || d_state(&s->c) != IFC_QP_RTS;
			reset_pair(s, &s->a, &s->b);
			reset_pair(s, &s->c, &s->d);
			connect_all(s);
			d_eq_drain(&s->d1, &s->d1.async, 0x05);
			d_eq_drain(&s->d2, &s->d2.async, 0x05);
		}
		same(r);
	}
	assert_true(failed > 20);
}

/* A rule about DMA counts every one of them. */
static void rules_see_every_dma(void **state)
{
	struct rig *r = *state;
	struct pick p = { .op = IFC_WQE_RDMA_WRITE, .n = 1, .len = { MEM_SIZE } };

	for (struct side *s = &r->copy; s; s = s == &r->copy ? &r->map : NULL)
		assert_true(h_say(s->h, "fault add dma:write fn=vf1 nth=3 refused"));
	request_both(r, &p);
	assert_int_equal(d_state(&r->map.a), IFC_QP_ERR);
	assert_int_equal(r->map.h->maps, 0);
}

/* What arrives is not defined, but that it stays in its place, and that of a message onto itself. */
static void memory_that_overlaps_itself(void **state)
{
	struct rig *r = *state;
	struct side *s = &r->map;
	struct pick p = { .op = IFC_WQE_RDMA_WRITE, .inside = true, .n = 1, .len = { 60000 } };
	uint8_t *before = malloc(MEM_SIZE);

	for (unsigned int i = 0; i < 40; i++) {
		p.from[0] = 4000 + i;
		p.to = i == 3 ? p.from[0] : 4000 + 97 * (i % 7) + (i % 5 ? 0 : 50000);
		memcpy(before, s->am.p, MEM_SIZE);
		request(s, &p);
		d_expect(&s->c.scq, IFC_CQE_REQ, 0);
		assert_memory_equal(s->am.p, before, p.to);
		assert_memory_equal(s->am.p + p.to + 60000, before + p.to + 60000, MEM_SIZE - p.to - 60000);
		if (p.to == p.from[0])
			assert_memory_equal(s->am.p, before, MEM_SIZE);
	}
	free(before);
}

/* Pieces too small and too many for one move. */
static void too_many_pieces(void **state)
{
	struct rig *r = *state;
	struct fwsim_pieces p = { .n = 0 };
	unsigned int i;

	for (i = 0; i < FWSIM_PIECES; i++) {
		assert_true(fwsim_pieces_add(&p, 0x1000 * i, 0x800));
		assert_true(fwsim_pieces_add(&p, 0x1000 * i + 0x800, 0x10));
	}
	assert_int_equal(p.n, FWSIM_PIECES);
	assert_false(fwsim_pieces_add(&p, 0, 1));
	assert_true(fwsim_pieces_add(&p, 0x1000 * (i - 1) + 0x810, 1));
	same(r);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(any_request),
		TEST(any_page_refused),
		TEST(rules_see_every_dma),
		TEST(memory_that_overlaps_itself),
		TEST(too_many_pieces),
	};

	return cmocka_run_group_tests_name("dma_move", tests, NULL, NULL);
}
