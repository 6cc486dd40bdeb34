// SPDX-License-Identifier: GPL-2.0-or-later
/* UMR WQEs: what they make of a key, and what they are refused for. */
#include "stride_rig.h"

#define MASK(n) (1ULL << (n))

static struct fwsim_mkey *key(struct s_card *r)
{
	return fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_MKEY], r->s.key >> 8);
}

/* Send @wqe; the queue is made good again if it fails. */
static void umr(struct s_card *r, uint8_t *wqe, unsigned int len, enum ifc_cqe_synd synd)
{
	struct e_sq *sq = &r->s.icosq;

	ifc_st32(wqe, (uint32_t)sq->pi << 8 | IFC_WQE_UMR);
	s_send_umr(&r->s, wqe, len);
	d_expect(&sq->cq, synd ? IFC_CQE_REQ_ERR : IFC_CQE_REQ, synd);
	if (!synd)
		return;
	while (d_cqe(&sq->cq)) /* a WQE shorter than what was posted: the rest is flushed */
		;
	assert_int_equal(e_sq_move(sq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	sq->pi = 0;
	ifc_st32((uint8_t *)h_mem(r->h, r->d2.fn, sq->dbr) + 4, 0);
	assert_int_equal(e_sq_move(sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}

static void a_free_key_is_of_use_after_umr(void **state)
{
	struct s_card *r = *state;

	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW, 0, 1),
			 FWSIM_MKEY_BAD_KEY);
	assert_int_equal(key(r)->mtt.n, S_WQES * S_ENTRIES);
	s_map(&r->s, 1);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW, 0, 1),
			 FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_write(r->d2.v, r->s.key, r->d2.pd, FWSIM_ACC_LW,
					  S_ENTRIES * FWSIM_PAGE + 5, "x", 1),
			 FWSIM_MKEY_OK);
	assert_int_equal(*s_byte(&r->s, 1, 5), 'x');
	/* what no UMR has named is page 0 */
	assert_int_equal(key(r)->mtt.addr[0], 0);
	assert_int_equal(key(r)->mtt.addr[2 * S_ENTRIES], 0);
}

static void fields_that_the_mask_names_change(void **state)
{
	struct s_card *r = *state;
	uint8_t wqe[1024], *mkc = wqe + 64;
	uint64_t page[4] = { r->s.mem, r->s.mem + 4096, r->s.mem + 8192, r->s.mem + 12288 };
	uint32_t pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD), other = r->d2.pd;
	unsigned int len = s_umr(&r->s, wqe, 0, 4, page);
	uint32_t refs = ((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], other))->refs;

	ifc_st64(wqe + 24, MASK(29) | MASK(0) | MASK(6) | MASK(7) | MASK(13) | MASK(18) | MASK(19));
	IFC_SET64(mkc, mkc, len, 0x3000);
	IFC_SET64(mkc, mkc, start_addr, 0x700ff0);
	IFC_SET(mkc, mkc, pd, pd);
	IFC_SET(mkc, mkc, mkey_7_0, 0x43);
	IFC_SET(mkc, mkc, rr, 1);
	IFC_SET(mkc, mkc, rw, 1); /* is not in the mask */
	umr(r, wqe, len, 0);
	assert_int_equal(key(r)->variant, 0x43);
	assert_int_equal(key(r)->access, FWSIM_ACC_LR | FWSIM_ACC_RR);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key ^ 1, pd, FWSIM_ACC_RR, 0x700ff0, 0x3000),
			 FWSIM_MKEY_OK);
	assert_int_equal(fwsim_mkey_check(r->d2.v, r->s.key ^ 1, pd, FWSIM_ACC_RR, 0x700ff0, 0x3001),
			 FWSIM_MKEY_BOUNDS);
	assert_int_equal(((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], other))->refs,
			 refs - 1);
	assert_int_equal(((struct fwsim_obj *)fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_PD], pd))->refs, 1);
}

static void larger_pages_lose_their_low_bits(void **state)
{
	struct s_card *r = *state;
	uint64_t page[2] = { 0x11ffff, 0x22ffff };
	uint8_t wqe[1024], *mkc = wqe + 64;
	unsigned int len;

	s_map(&r->s, 1);
	len = s_umr(&r->s, wqe, 0, 2, page);
	ifc_st64(wqe + 24, MASK(1));
	IFC_SET(mkc, mkc, log_page_size, 16);
	umr(r, wqe, len, 0);
	for (unsigned int i = 0; i < key(r)->mtt.n; i++)
		assert_int_equal(key(r)->mtt.addr[i] & 0xffff, 0);
	assert_int_equal(key(r)->mtt.addr[1], 0x220000);
}

static void a_list_by_pointer(void **state)
{
	struct s_card *r = *state;
	struct d_mem m = d_mem(&r->d2, 4096);
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];

	for (unsigned int i = 0; i < 8; i++)
		ifc_st64(m.p + 100 + 8 * i, (uint64_t)(i + 1) << 12 | 3);
	s_umr(&r->s, wqe, 4, 0, none);
	ifc_st32(wqe + 4, r->s.icosq.sqn << 8 | (128 + 32) / 16);
	wqe[16] = 0x10;
	ifc_st16(wqe + 20, 4);
	ifc_st32(wqe + 128, 24); /* in two pieces */
	ifc_st32(wqe + 132, m.key);
	ifc_st64(wqe + 136, m.addr + 100);
	ifc_st32(wqe + 144, 1000);
	ifc_st32(wqe + 148, m.key);
	ifc_st64(wqe + 152, m.addr + 124);
	umr(r, wqe, 160, 0);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(key(r)->mtt.addr[4 + i], (uint64_t)(i + 1) << 12);
	ifc_st32(wqe + 132, m.key ^ 1);
	umr(r, wqe, 160, IFC_CQE_SYND_LOCAL_PROT);
	ifc_st32(wqe + 132, m.key);
	ifc_st32(wqe + 144, 8); /* too little */
	umr(r, wqe, 160, IFC_CQE_SYND_LOCAL_QP_OP);
}

/* Each bends a WQE that is good; nothing of it may take effect. */
static void refused(struct s_card *r, void (*bend)(uint8_t *wqe), enum ifc_cqe_synd synd)
{
	uint64_t page[8] = { 0x5000, 0x6000 };
	uint32_t used = r->d2.v->pas_used;
	struct fwsim_mkey was = *key(r);
	unsigned int len;
	uint8_t wqe[1024];

	len = s_umr(&r->s, wqe, 0, 8, page);
	bend(wqe);
	umr(r, wqe, len, synd);
	assert_memory_equal(key(r), &was, sizeof(was));
	assert_int_equal(key(r)->mtt.addr[0], 0);
	assert_int_equal(used, r->d2.v->pas_used);
}

static void bend_key(uint8_t *w) { w[15] ^= 1; }
static void bend_index(uint8_t *w) { w[12] ^= 0x40; }
static void bend_mask(uint8_t *w) { w[30] |= 1 << 4; /* BSF */ }
static void bend_offset(uint8_t *w) { ifc_st16(w + 22, S_WQES * S_ENTRIES / 2 - 3); }
static void bend_far(uint8_t *w) { ifc_st16(w + 22, 0xffff); }
static void bend_length(uint8_t *w) { ifc_st16(w + 20, 5); }
static void bend_short(uint8_t *w) { w[7] = 7; }
static void bend_not_free(uint8_t *w) { w[16] |= 0x40; }
static void bend_bsf(uint8_t *w) { w[16] &= 0x80; ifc_st16(w + 22, 1); }

static void bend_range(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(0));
	IFC_SET64(mkc, w + 64, len, 1ULL << 40);
}

static void bend_page_size(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(1));
	IFC_SET(mkc, w + 64, log_page_size, 63);
}

static void bend_pd(uint8_t *w)
{
	ifc_st64(w + 24, MASK(29) | MASK(7));
	IFC_SET(mkc, w + 64, pd, 0x999);
}

static void bend_qpn(uint8_t *w) { ifc_st64(w + 24, MASK(29) | MASK(14)); }

static void a_wqe_that_is_refused_changes_nothing(void **state)
{
	struct s_card *r = *state;

	refused(r, bend_key, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_index, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_mask, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_offset, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_far, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_length, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_short, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_not_free, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_bsf, IFC_CQE_SYND_LOCAL_QP_OP);
	refused(r, bend_range, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_page_size, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_pd, IFC_CQE_SYND_MW_BIND);
	refused(r, bend_qpn, IFC_CQE_SYND_MW_BIND);
}

static void check_free_wants_a_free_key(void **state)
{
	struct s_card *r = *state;
	uint8_t wqe[1024];
	uint64_t none[1] = { 0 };
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);

	wqe[16] = 0x30;
	umr(r, wqe, len, 0);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	wqe[16] = 0x50;
	umr(r, wqe, len, 0);
}

static void not_every_key_and_queue_does_umr(void **state)
{
	struct s_card *r = *state;
	struct d_mem m = d_mem(&r->d2, 4096); /* without umr_en */
	struct e_sq sq;
	uint8_t wqe[1024];
	uint64_t none[1] = { 0 };
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);

	ifc_st32(wqe + 12, m.key);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	e_sq(&r->d2, &sq); /* without reg_umr */
	s_umr(&r->s, wqe, 0, 0, none);
	ifc_st32(wqe + 4, sq.sqn << 8 | 8);
	e_post_raw(&sq, wqe, len);
	e_ring(&sq);
	d_expect(&sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_QP_OP);
	assert_true(key(r)->free);
}

static void a_key_of_another_pd_is_left_alone(void **state)
{
	struct s_card *r = *state;
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);
	uint32_t pd = r->d2.pd;

	key(r)->pd = d_alloc(&r->d2, MLX5_CMD_OP_ALLOC_PD);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	key(r)->pd = pd;
	umr(r, wqe, len, 0);
}

static void a_list_has_an_end(void **state)
{
	struct s_card *r = *state;
	uint8_t out[16], *mkc;
	struct d_in in;

	d_mkey_in(&r->d2, &in, 0, 0);
	in.len = IFC_SZ(create_mkey_in);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in.b, translations_octword_actual_size, 0);
	IFC_SET(mkc, mkc, free, 1);
	IFC_SET(mkc, mkc, umr_en, 1);
	IFC_SET(mkc, mkc, translations_octword_size, FWSIM_MAX_PAS / 2 + 1);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, 0xffffffff);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, FWSIM_MAX_PAS / 2); /* some are used already */
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_LIM_ERR);
	IFC_SET(mkc, mkc, translations_octword_size, 4);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
}

/* A free key for UMR with room for @octwords. */
static uint32_t free_key(struct s_card *r, uint32_t octwords)
{
	uint8_t out[16], *mkc;
	struct d_in in;

	d_mkey_in(&r->d2, &in, 0, 0);
	in.len = IFC_SZ(create_mkey_in);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in.b, translations_octword_actual_size, 0);
	IFC_SET(mkc, mkc, free, 1);
	IFC_SET(mkc, mkc, umr_en, 1);
	IFC_SET(mkc, mkc, translations_octword_size, octwords);
	assert_int_equal(D_EXEC(&r->d2, &in, out), IFC_ST_OK);
	return (ifc_ld32(out + 8) & 0xffffff) << 8 | IFC_GET(mkc, mkc, mkey_7_0);
}

/* A key that has no list cannot get a range: it could be used for nothing, and no image have it. */
static void a_key_without_a_list_gets_no_range(void **state)
{
	struct s_card *r = *state;
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];
	unsigned int len = s_umr(&r->s, wqe, 0, 0, none);

	r->s.key = free_key(r, 0);
	ifc_st32(wqe + 12, r->s.key);
	ifc_st64(wqe + 24, MASK(29) | MASK(0));
	IFC_SET64(mkc, wqe + 64, len, 1);
	umr(r, wqe, len, IFC_CQE_SYND_MW_BIND);
	assert_true(key(r)->free);
	IFC_SET64(mkc, wqe + 64, len, 0);
	umr(r, wqe, len, 0);
	assert_false(key(r)->free);
}

/* Up to the last octword of the key's list, and no further; nor is a list read that would go further. */
static void the_list_of_a_key_is_the_bound(void **state)
{
	struct s_card *r = *state;
	uint32_t room = S_WQES * S_ENTRIES / 2; /* octwords */
	struct d_mem m = d_mem(&r->d2, 16 * room);
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];

	for (unsigned int i = 0; i < 5; i++) {
		static const struct {
			int n, off;
			enum ifc_cqe_synd synd;
		} how[] = { { 0, 0, 0 }, { 1, 0, IFC_CQE_SYND_MW_BIND }, { -1, 1, 0 },
			    { 0, 1, IFC_CQE_SYND_MW_BIND }, { -1, 2, IFC_CQE_SYND_MW_BIND } };

		s_umr(&r->s, wqe, 0, 0, none);
		ifc_st32(wqe + 4, r->s.icosq.sqn << 8 | 9);
		wqe[16] = 0x10;
		ifc_st16(wqe + 20, (uint16_t)((int)room + how[i].n));
		ifc_st16(wqe + 22, (uint16_t)how[i].off);
		ifc_st32(wqe + 128, 16 * room);
		ifc_st32(wqe + 132, m.key ^ (how[i].synd ? 1 : 0)); /* a key that would be told of */
		ifc_st64(wqe + 136, m.addr);
		umr(r, wqe, 144, how[i].synd);
	}
	/* as far as fields of the WQE go */
	ifc_st16(wqe + 20, 0xffff);
	ifc_st16(wqe + 22, 0xffff);
	umr(r, wqe, 144, IFC_CQE_SYND_MW_BIND);
}

/* Long lists take more of the budget of the card's loop: here each of 8 more than all there is for a round. */
static void long_lists_cost_more(void **state)
{
	struct s_card *r = *state;
	struct d_mem m = d_mem(&r->d2, 16 * 0xffff);
	uint32_t k = free_key(r, 0xffff);
	struct e_sq *sq = &r->s.icosq;
	struct fwsim *fw = r->h->fw;
	struct fwsim_sq *core = fwsim_table_get(&r->d2.v->obj[FWSIM_OBJ_SQ], sq->sqn);
	uint64_t none[1] = { 0 };
	uint8_t wqe[1024];

	for (unsigned int i = 0; i < 8; i++) {
		s_umr(&r->s, wqe, 0, 0, none);
		ifc_st32(wqe + 4, sq->sqn << 8 | 9);
		ifc_st32(wqe + 12, k);
		wqe[16] = 0x10;
		ifc_st16(wqe + 20, 0xffff);
		ifc_st32(wqe + 128, m.size);
		ifc_st32(wqe + 132, m.key);
		ifc_st64(wqe + 136, m.addr);
		e_post_raw(sq, wqe, 144);
	}
	fw->running = true; /* so that nobody else does it */
	e_ring(sq);
	fwsim_bar_run(fw);
	fw->running = false;
	for (unsigned int i = 1; i < 4; i++) {
		assert_true(fwsim_eth_run(fw, 64));
		assert_int_equal(core->ci, 3 * i);
	}
	fwsim_kick(fw);
	h_settle(r->h);
	for (unsigned int i = 0; i < 8; i++)
		d_expect(&sq->cq, IFC_CQE_REQ, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, s_setup, s_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_free_key_is_of_use_after_umr),
		T(fields_that_the_mask_names_change),
		T(larger_pages_lose_their_low_bits),
		T(a_list_by_pointer),
		T(a_wqe_that_is_refused_changes_nothing),
		T(check_free_wants_a_free_key),
		T(not_every_key_and_queue_does_umr),
		T(a_key_of_another_pd_is_left_alone),
		T(a_list_has_an_end),
		T(a_key_without_a_list_gets_no_range),
		T(the_list_of_a_key_is_the_bound),
		T(long_lists_cost_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
