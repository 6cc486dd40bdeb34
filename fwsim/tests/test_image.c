// SPDX-License-Identifier: GPL-2.0-or-later
/* The state image: what goes round must come back the same and go on working. */
#include "image_rig.h"

#include "roce_qp.h"

#define RECV_TO (4u << 20) /* offset in the data buffer */

static void image_of_the_target_is_the_image_of_the_source(void **state)
{
	struct i_pair p = i_pair_new();
	uint32_t s1, s2;
	uint8_t *mem = h_mem(p.h, 0, p.buf.addr);
	struct i_image a = i_save(p.src), b;
	uint64_t hash = fwsim_image_hash(p.src);

	(void)state;
	assert_int_equal(m_save(p.h, p.src->vhca_id, 0, p.buf.key, I_ROOM / 2, &s1), IFC_ST_OK);
	assert_int_equal(s1, a.len);
	assert_memory_equal(mem, a.buf, a.len);
	assert_int_equal(m_load(p.h, p.dst->vhca_id, p.buf.key, s1), IFC_ST_OK);
	assert_true(hash == fwsim_image_hash(p.dst));
	assert_int_equal(m_save(p.h, p.dst->vhca_id, 0, p.buf.key, I_ROOM, &s2), IFC_ST_OK);
	assert_int_equal(s1, s2);
	assert_memory_equal(mem, a.buf, a.len);
	b = i_save(p.dst);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	assert_int_equal(p.dst->gid_end, 4); /* i_pair_new() has set the one before */
	/* Where the target is has not moved, nor has the source been touched. */
	assert_int_equal(p.dst->fn, I_DST);
	assert_int_not_equal(p.dst->vhca_id, p.src->vhca_id);
	assert_int_equal(p.dst->mig, FWSIM_MIG_STOPPED);
	assert_true(hash == fwsim_image_hash(p.src));
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

static void image_is_not_affected_by_history(void **state)
{
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src), b;
	char why[128];

	(void)state;
	/* On top of a VHCA that has been used, and twice. */
	m_start(p.h, p.dst->vhca_id);
	assert_int_equal(h_disable_hca(p.h, 0, I_DST), IFC_ST_OK);
	m_vf_new(&(struct m_vf){ 0 }, p.h, I_DST);
	m_stop(p.h, p.dst->vhca_id);
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	b = i_save(p.dst);
	assert_int_equal(a.len, b.len);
	/* Time has passed; all else is the same. */
	assert_true(fwsim_image_hash(p.src) == fwsim_image_hash(p.dst));
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

static void hash_sees_every_kind_of_change(void **state)
{
	struct i_pair p = i_pair_new();
	uint64_t hash = fwsim_image_hash(p.src);
	struct fwsim_qp *qp = fwsim_table_get(&p.src->obj[FWSIM_OBJ_QP], p.vf.q[0].qpn);
	struct fwsim_eq *eq = fwsim_table_get(&p.src->obj[FWSIM_OBJ_EQ], p.vf.comp_eqn);

	(void)state;
	h_advance(p.h, H_SEC);
	assert_true(hash == fwsim_image_hash(p.src));
	qp->sq_ci++;
	assert_true(hash != fwsim_image_hash(p.src));
	qp->sq_ci--;
	eq->armed = !eq->armed;
	assert_true(hash != fwsim_image_hash(p.src));
	eq->armed = !eq->armed;
	p.src->gid[200][31] ^= 1;
	assert_true(hash != fwsim_image_hash(p.src));
	p.src->gid[200][31] ^= 1;
	assert_true(hash == fwsim_image_hash(p.src));
	h_free(p.h);
}

/* Take all completions of both queues; count and check those of queue 0, in order from *next on. */
static void drain(struct m_vf *vf, unsigned int *next, unsigned int *recv)
{
	const uint8_t *cqe;

	while ((cqe = m_poll(vf, 0))) {
		if (cqe[63] >> 4 == IFC_CQE_RESP_SEND) {
			++*recv;
			continue;
		}
		assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
		assert_int_equal(ifc_ld16(cqe + 0x3c), (*next)++);
	}
	while ((cqe = m_poll(vf, 1)))
		assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
}

/* Start the VF, of whose messages @next have been completed, and see all the others through. */
static void check_that_work_goes_on(struct m_vf *vf, unsigned int next)
{
	uint8_t *data = h_mem(vf->h, vf->fn, vf->data.addr);
	unsigned int recv = 0, msix = h_msix(vf->h, vf->fn, M_COMP_VECTOR);

	m_start(vf->h, m_vhca_id(vf->h, vf->fn));
	h_settle(vf->h);
	assert_true(h_cmd_done(vf->h, vf->fn, 6)); /* the command that waited in its slot */
	drain(vf, &next, &recv);
	assert_int_equal(next, I_MSGS);
	assert_int_equal(recv, 0);
	assert_memory_equal(data, data + I_MSG_TO, I_MSG_LEN);
	assert_true(h_msix(vf->h, vf->fn, M_COMP_VECTOR) > msix);

	/* The message that waited for a receive gets one; new work on the old numbers. */
	m_post_recv(vf, 0, RECV_TO, 4096);
	h_advance(vf->h, H_SEC);
	drain(vf, &next, &recv);
	assert_int_equal(recv, 1);
	assert_memory_equal(data, data + RECV_TO, 100);
	m_post_send(vf, 0, IFC_WQE_RDMA_READ, RECV_TO + 8192, 4096, 0, true);
	h_settle(vf->h);
	drain(vf, &next, &recv);
	assert_int_equal(next, I_MSGS + 1);
	assert_memory_equal(data, data + RECV_TO + 8192, 4096);
	m_alloc_pd(vf->h, vf->fn);
}

static void work_goes_on_where_it_stopped_on_another_vf(void **state)
{
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	unsigned int next = 0, recv = 0;
	char why[128];

	(void)state;
	drain(&p.vf, &next, &recv);
	assert_true(next < I_MSGS); /* else the test shows nothing */
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	m_move_memory(&p.vf, I_DST);
	h_dma_clear(p.h);
	check_that_work_goes_on(&p.vf, next);
	assert_false(h_dma_wrote(p.h, I_SRC, 0, SIZE_MAX / 2)); /* the source stays stopped */
	free(a.buf);
	h_free(p.h);
}

static void source_goes_on_after_a_save(void **state)
{
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	unsigned int next = 0, recv = 0;

	(void)state;
	drain(&p.vf, &next, &recv);
	check_that_work_goes_on(&p.vf, next);
	free(a.buf);
	h_free(p.h);
}

/* Another card, that has been up for another time, has another address and fewer VFs. */
static void work_goes_on_on_another_card(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	unsigned int next = 0, recv = 0, fn = 1;
	struct harness *other;
	uint64_t before, after;
	char why[128];

	(void)state;
	drain(&p.vf, &next, &recv);
	cfg.mac[5] ^= 0x80;
	cfg.max_vfs = 2;
	other = h_new(&cfg);
	h_boot(other, 0);
	assert_int_equal(h_enable_hca(other, 0, fn), IFC_ST_OK);
	m_stop(other, m_vhca_id(other, fn));
	before = (uint64_t)h_rd32(p.h, I_SRC, IFC_ISEG_TIMER_H) << 32 |
		 h_rd32(p.h, I_SRC, IFC_ISEG_TIMER_L);
	if (i_load(other->fw->vhca[fn], a.buf, a.len, why) != IFC_ST_OK)
		fail_msg("%s", why);
	after = (uint64_t)h_rd32(other, fn, IFC_ISEG_TIMER_H) << 32 |
		h_rd32(other, fn, IFC_ISEG_TIMER_L);
	assert_true(after >= before);

	h_alloc(other, fn, 1, 1);
	memcpy(other->fn[fn].mem, p.h->fn[I_SRC].mem, H_MEM_SIZE);
	other->fn[fn].next = p.h->fn[I_SRC].next;
	other->fn[fn].cmdq = p.h->fn[I_SRC].cmdq;
	memcpy(other->fn[fn].slot, p.h->fn[I_SRC].slot, sizeof(other->fn[fn].slot));
	memset(p.h->fn[I_SRC].slot, 0, sizeof(p.h->fn[I_SRC].slot));
	h_free(p.h);
	p.vf.h = other;
	check_that_work_goes_on(&p.vf, next);
	free(a.buf);
	h_free(other);
}

/*
 * A third VF that talks to the one being moved: its message is held while nobody is there, for as long
 * as it takes, and then lands at the target, once.
 */
static void peer_is_held_and_then_served_by_the_target(void **state)
{
	struct harness *h = h_new(NULL);
	struct m_vf vf, peer;
	struct i_image a;
	uint8_t *sent, *got;
	char why[128];

	(void)state;
	m_vf_new(&vf, h, I_SRC);
	m_vf_new(&peer, h, 3);
	m_connect(&vf, 0, &peer, 0);
	m_connect(&peer, 0, &vf, 0);
	assert_int_equal(vf.data.key, peer.data.key);
	assert_int_equal(h_enable_hca(h, 0, I_DST), IFC_ST_OK);
	m_stop(h, m_vhca_id(h, I_SRC));
	m_stop(h, m_vhca_id(h, I_DST));

	sent = h_mem(h, 3, peer.data.addr);
	memset(sent, 0x3c, 5000);
	m_post_send(&peer, 0, IFC_WQE_RDMA_WRITE, 0, 5000, 4096, true);
	h_advance(h, 100 * H_SEC);
	assert_null(m_poll(&peer, 0));
	a = i_save(h->fw->vhca[I_SRC]);
	assert_int_equal(i_load(h->fw->vhca[I_DST], a.buf, a.len, why), IFC_ST_OK);
	m_move_memory(&vf, I_DST);
	h_advance(h, 100 * H_SEC);
	assert_null(m_poll(&peer, 0));

	m_start(h, m_vhca_id(h, I_DST));
	h_settle(h);
	got = h_mem(h, I_DST, vf.data.addr);
	assert_memory_equal(sent, got + 4096, 5000);
	assert_int_equal(m_poll(&peer, 0)[63] >> 4, IFC_CQE_REQ);
	assert_null(m_poll(&peer, 0));
	assert_int_not_equal(((uint8_t *)h_mem(h, I_SRC, vf.data.addr))[4096], 0x3c);
	/* And the other way. */
	m_post_send(&vf, 0, IFC_WQE_RDMA_WRITE, 4096, 5000, 20000, true);
	h_settle(h);
	assert_int_equal(m_poll(&vf, 0)[63] >> 4, IFC_CQE_REQ);
	assert_memory_equal(sent, sent + 20000, 5000);
	free(a.buf);
	h_free(h);
}

/* Who adds a field to one of these has to think of the image: add it to image_xfer.c, then here. */
static void structures_have_not_grown_unseen(void **state)
{
	(void)state;
#if UINTPTR_MAX == UINT64_MAX
	assert_int_equal(sizeof(struct fwsim_mkey), 120);
	assert_int_equal(sizeof(struct fwsim_eq), 152);
	assert_int_equal(sizeof(struct fwsim_cq), 208); /* told_at, put_at and wait stay behind: event.c */
	assert_int_equal(sizeof(struct fwsim_srq), 320);
	assert_int_equal(sizeof(struct fwsim_qp), 456); /* wait and polls stay behind; roce points to the next */
	assert_int_equal(sizeof(struct fwsim_roce), 1600);
	assert_int_equal(sizeof(struct fwsim_vport), 440);
#endif
}

static void empty_vhca_goes_round(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *src, *dst;
	struct i_image a, b;
	char why[128];

	(void)state;
	h_boot(h, 0);
	assert_int_equal(h_enable_hca(h, 0, I_SRC), IFC_ST_OK);
	assert_int_equal(h_enable_hca(h, 0, I_DST), IFC_ST_OK);
	src = h->fw->vhca[I_SRC];
	dst = h->fw->vhca[I_DST];
	m_stop(h, src->vhca_id);
	m_stop(h, dst->vhca_id);
	a = i_save(src);
	assert_true(a.len > FWSIM_IMAGE_HDR);
	assert_int_equal(i_load(dst, a.buf, a.len, why), IFC_ST_OK);
	b = i_save(dst);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	free(a.buf);
	free(b.buf);
	h_free(h);
}

static void pages_held_move_with_the_image(void **state)
{
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	unsigned int held = fwsim_pages_held(p.h->fw, I_SRC);
	char why[128];

	(void)state;
	assert_true(held > 0);
	assert_int_equal(fwsim_pages_held(p.h->fw, I_DST), 0);
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	assert_int_equal(fwsim_pages_held(p.h->fw, I_DST), held);
	m_move_memory(&p.vf, I_DST);
	m_start(p.h, p.dst->vhca_id);
	h_unboot(p.h, I_DST); /* every page comes back */
	assert_int_equal(fwsim_pages_held(p.h->fw, I_DST), 0);
	free(a.buf);
	h_free(p.h);
}

static void reset_clears_what_was_loaded(void **state)
{
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src), empty, b;
	char why[128];

	(void)state;
	fwsim_reset(p.h->fw, I_DST);
	empty = i_save(p.dst);
	m_stop(p.h, p.dst->vhca_id);
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	fwsim_reset(p.h->fw, I_DST);
	b = i_save(p.dst);
	assert_int_equal(b.len, empty.len);
	assert_int_equal(fwsim_pages_held(p.h->fw, I_DST), 0);
	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
		assert_int_equal(p.dst->obj[t].used, 0);
	free(a.buf);
	free(b.buf);
	free(empty.buf);
	h_free(p.h);
}

/* crc_nibble's reference value: CRC-64/XZ of "123456789". */
static void crc64_is_that_of_xz(void **state)
{
	(void)state;
	assert_true(fwsim_crc64(0, "123456789", 9) == 0x995dc9bbdf1939faULL);
	assert_true(fwsim_crc64(fwsim_crc64(0, "1234", 4), "56789", 5) == 0x995dc9bbdf1939faULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc64_is_that_of_xz),
		cmocka_unit_test(image_of_the_target_is_the_image_of_the_source),
		cmocka_unit_test(image_is_not_affected_by_history),
		cmocka_unit_test(hash_sees_every_kind_of_change),
		cmocka_unit_test(work_goes_on_where_it_stopped_on_another_vf),
		cmocka_unit_test(source_goes_on_after_a_save),
		cmocka_unit_test(work_goes_on_on_another_card),
		cmocka_unit_test(peer_is_held_and_then_served_by_the_target),
		cmocka_unit_test(empty_vhca_goes_round),
		cmocka_unit_test(pages_held_move_with_the_image),
		cmocka_unit_test(reset_clears_what_was_loaded),
		cmocka_unit_test(structures_have_not_grown_unseen),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
