// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_rig.h"

void p_pattern(struct d_mem *m, unsigned int seed)
{
	for (uint32_t i = 0; i < m->size; i++)
		m->p[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + seed);
}

struct p_rig *p_open(enum ifc_qp_st st, bool map)
{
	struct p_rig *r = calloc(1, sizeof(*r));

	r->h = map ? h_new_map(NULL) : h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	d_qp_of(&r->d1, &r->a, st, 0, 0);
	d_qp_of(&r->d2, &r->b, st, 0, 0);
	r->am = d_mem(&r->d1, P_MEM_SIZE);
	r->bm = d_mem(&r->d2, P_MEM_SIZE);
	return r;
}

static struct p_rig *open_filled(void **state, bool map)
{
	struct p_rig *r = p_open(IFC_QP_ST_RC, map);

	p_pattern(&r->am, 1);
	p_pattern(&r->bm, 2);
	*state = r;
	return r;
}

int p_setup_apart(void **state)
{
	open_filled(state, false);
	return 0;
}

int p_setup(void **state)
{
	struct p_rig *r = open_filled(state, false);

	d_connect(&r->a, &r->b);
	return 0;
}

int p_setup_mapped(void **state)
{
	struct p_rig *r = open_filled(state, true);

	d_connect(&r->a, &r->b);
	return 0;
}

int p_teardown(void **state)
{
	struct p_rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

struct d_wr p_wr(struct p_rig *r, enum ifc_wqe_op op, uint32_t off, uint32_t len)
{
	return (struct d_wr){
		.op = op,
		.raddr = r->bm.addr + off,
		.rkey = r->bm.key,
		.imm = 0xcafe0123,
		.n = 1,
		.sge = { { r->am.addr + off, len, r->am.key } },
	};
}

void p_recv(struct p_rig *r, uint32_t off, uint32_t len)
{
	struct d_sge sge = { r->bm.addr + off, len, r->bm.key };

	d_recv(&r->b, 1, &sge);
}

void p_expect_event(struct d_fn *d, uint8_t type, uint32_t qpn)
{
	const uint8_t *e = d_eqe(d, &d->async);

	assert_non_null(e);
	assert_int_equal(e[1], type);
	assert_int_equal(e[0x34], 0);
	assert_int_equal(ifc_ld32(e + 0x38), qpn);
}
