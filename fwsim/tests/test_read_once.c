// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of a driver may change at any time. So what the card has read it does not read again: here each byte is
 * another one as soon as it has been read, and nothing may come of that.
 */
#include "eth_pair.h"
#include "pair_rig.h"

#include <string.h>

static void spoil(struct harness *h, bool on)
{
	for (unsigned int fn = 0; fn < 3; fn++)
		h_dma_spoil(h, fn, on ? H_MEM_BASE : 0, on ? H_MEM_SIZE : 0);
}

/* A long command: eight input mailboxes, the last of which matters. */
static void commands(void **state)
{
	struct p_rig *r = *state;
	struct fwsim_mkey *m;
	uint8_t out[16], *mkc;
	struct d_in in;

	d_mkey_in(&r->d1, &in, 0, 480 * FWSIM_PAGE);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	in.len = IFC_SZ(create_mkey_in) + 8 * 480;
	IFC_SET(create_mkey_in, in.b, translations_octword_actual_size, 240);
	IFC_SET64(mkc, mkc, len, 480 * FWSIM_PAGE);
	for (unsigned int i = 0; i < 480; i++)
		ifc_st64(in.b + IFC_SZ(create_mkey_in) + 8 * i, (uint64_t)i << 12);
	spoil(r->h, true);
	assert_int_equal(D_EXEC(&r->d1, &in, out), IFC_ST_OK);
	spoil(r->h, false);
	m = fwsim_table_get(&r->d1.v->obj[FWSIM_OBJ_MKEY], ifc_ld32(out + 8) & 0xffffff);
	assert_non_null(m);
	assert_int_equal(m->mtt.n, 480);
	for (unsigned int i = 0; i < 480; i++)
		assert_int_equal(m->mtt.addr[i], (uint64_t)i << 12);
}

/* Send WQEs of one unit and of two, receive WQEs, payload. */
static void messages(void **state)
{
	struct p_rig *r = *state;
	static uint8_t want[60000];
	struct d_wr w = p_wr(r, IFC_WQE_RDMA_WRITE, 0, 20000);

	w.n = 3;
	for (unsigned int i = 0; i < 3; i++)
		w.sge[i] = (struct d_sge){ r->am.addr + 20000 * i, 20000, r->am.key };
	memcpy(want, r->am.p, sizeof(want));
	d_post(&r->a, &w);
	spoil(r->h, true);
	d_ring(&r->a);
	spoil(r->h, false);
	d_expect(&r->a.scq, IFC_CQE_REQ, 0);
	assert_memory_equal(r->bm.p, want, sizeof(want));
	w = p_wr(r, IFC_WQE_SEND, 70000, 3000);
	memcpy(want, r->am.p + (w.sge[0].addr - r->am.addr), 3000);
	p_recv(r, 100000, 3000);
	d_post(&r->a, &w);
	/* both counters are read more than once, which is what they are for */
	h_dma_spoil(r->h, 1, w.sge[0].addr, 3000);
	h_dma_spoil(r->h, 2, d_core_qp(&r->b)->buf.addr[0], FWSIM_PAGE);
	d_ring(&r->a);
	spoil(r->h, false);
	d_expect(&r->b.rcq, IFC_CQE_RESP_SEND, 0);
	assert_memory_equal(r->bm.p + 100000, want, 3000);
}

static void frames(void **state)
{
	struct e_pair *p = *state;
	unsigned int len = e_pair_frame(p, E_TCP4, 1000);
	struct e_wr w = e_pair_wr(p, len);
	uint8_t want[1200];

	w.cs = E_CSUM;
	memcpy(want, p->m.p, len);
	e_post(&p->sq, &w);
	spoil(p->h, true);
	e_ring(&p->sq);
	spoil(p->h, false);
	d_expect(&p->sq.cq, IFC_CQE_REQ, 0);
	assert_memory_equal(e_pair_expect(p, len) + 54, want + 54, len - 54);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands, p_setup, p_teardown),
		cmocka_unit_test_setup_teardown(messages, p_setup, p_teardown),
		cmocka_unit_test_setup_teardown(frames, e_pair_setup, e_pair_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
