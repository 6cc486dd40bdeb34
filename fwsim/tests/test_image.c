// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state image: what goes round must come back the same and go on working; whatever is not exactly
 * an image must be refused with the target as it was.
 */
#include "mig_rig.h"

#include "image.h"
#include "roce_qp.h"

#define SRC 1u
#define DST 2u
#define IMAGE_ROOM (1u << 20)
/* More than the card moves in one go, so that it can be stopped in the middle of a message. */
#define MSGS 24u
#define MSG_LEN 0x1e1234u
#define MSG_TO (2u << 20)
#define RECV_TO (4u << 20) /* offset in the data buffer */

struct image {
	uint8_t *buf;
	size_t len;
};

static struct image save(struct fwsim_vhca *v)
{
	struct image im = { .len = fwsim_image_size(v) };

	im.buf = malloc(im.len);
	assert_non_null(im.buf);
	assert_int_equal(fwsim_image_save(v, im.buf, im.len), im.len);
	return im;
}

static void fix_crc(uint8_t *buf, size_t len)
{
	if (len < FWSIM_IMAGE_HDR)
		return;
	memset(buf + FWSIM_IMAGE_OFF_CRC, 0, 8);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CRC, fwsim_crc64(0, buf, len));
}

/* Payload of a section, by walking the headers. */
static uint8_t *section(struct image *im, unsigned int id, size_t *len)
{
	size_t at = FWSIM_IMAGE_HDR;

	while (at < im->len) {
		uint8_t *p = im->buf + at;

		if (ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_ID) == id) {
			if (len)
				*len = (size_t)ifc_ld64(p + FWSIM_IMAGE_OFF_SEC_LEN);
			return p + FWSIM_IMAGE_SECTION_HDR;
		}
		at += FWSIM_IMAGE_SECTION_HDR + (size_t)ifc_ld64(p + FWSIM_IMAGE_OFF_SEC_LEN);
	}
	fail_msg("no section %u", id);
	return NULL;
}

/* A card with a VF that has everything, and a fresh stopped one to load on. */
struct pair {
	struct harness *h;
	struct m_vf vf;
	struct m_buf buf; /* of the PF */
	struct fwsim_vhca *src, *dst;
};

static void modify_vport(struct harness *h, unsigned int fn)
{
	uint8_t in[0x200 + 16] = { 0 };
	uint8_t *ctx = IFC_PTR(modify_nic_vport_context_in, in, nic_vport_context);
	IFC_BUF(modify_nic_vport_context_out, out);

	IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	IFC_SET(modify_nic_vport_context_in, in, field_select.addresses_list, 1);
	IFC_SET(modify_nic_vport_context_in, in, field_select.mtu, 1);
	IFC_SET(nic_vport_context, ctx, mtu, 1400);
	IFC_SET(nic_vport_context, ctx, allowed_list_size, 2);
	ifc_st64(ctx + 0x100, 0x0000020304050607ULL);
	ifc_st64(ctx + 0x108, 0x0000020304050608ULL);
	assert_int_equal(h_cmd(h, fn, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
}

static void set_gid(struct harness *h, unsigned int fn, unsigned int index)
{
	IFC_BUF(set_roce_address_in, in) = { 0 };
	IFC_BUF(set_roce_address_out, out);

	IFC_SET(set_roce_address_in, in, opcode, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in, roce_address_index, index);
	IFC_SET(set_roce_address_in, in, vhca_port_num, 1);
	IFC_PTR(set_roce_address_in, in, roce_address)[0] = 0xfe;
	IFC_PTR(set_roce_address_in, in, roce_address)[15] = (uint8_t)index;
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
}

/* The VF as busy as it can be: a message under way, one that waits, latched doorbells and a command. */
static void load_with_work(struct pair *p)
{
	IFC_BUF(query_issi_in, in) = { 0 };
	const struct fwsim_qp *qp;

	modify_vport(p->h, SRC);
	set_gid(p->h, SRC, 3);
	m_arm_cq(&p->vf, 0);
	m_post_send(&p->vf, 1, IFC_WQE_SEND, 0, 100, 0, true); /* no receive there: it waits */
	h_advance(p->h, 10000);
	for (unsigned int i = 0; i < MSGS; i++)
		m_post_send(&p->vf, 0, IFC_WQE_RDMA_WRITE, 0, MSG_LEN, MSG_TO, i == MSGS - 1);
	m_stop(p->h, p->src->vhca_id);
	qp = fwsim_table_get(&p->src->obj[FWSIM_OBJ_QP], p->vf.q[0].qpn);
	assert_true(qp->sq_ci > 0 && qp->sq_ci < MSGS && qp->sq_off > 0);
	m_arm_cq(&p->vf, 1);
	m_eq_update(&p->vf, false);
	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(p->h, SRC, 6, in, sizeof(in), IFC_SZ(query_issi_out));
}

static struct pair pair_new(void)
{
	struct pair p = { .h = h_new(NULL) };
	uint8_t *data;

	p.h->now = 100 * H_SEC;
	m_vf_new(&p.vf, p.h, SRC);
	m_eth_new(&p.vf);
	p.buf = m_buf_new(p.h, 0, IMAGE_ROOM, 0xf);
	p.src = p.h->fw->vhca[SRC];
	p.dst = p.h->fw->vhca[DST];
	data = h_mem(p.h, SRC, p.vf.data.addr);
	for (unsigned int i = 0; i < MSG_LEN; i++)
		data[i] = (uint8_t)(i * 13 + (i >> 8));
	load_with_work(&p);
	assert_int_equal(h_enable_hca(p.h, 0, DST), IFC_ST_OK);
	m_stop(p.h, p.dst->vhca_id);
	return p;
}

static enum ifc_status load(struct fwsim_vhca *v, const uint8_t *buf, size_t len, char why[128])
{
	/* A copy of exactly this size, so that a read past the end is seen. */
	uint8_t *copy = malloc(len ? len : 1);
	enum ifc_status st;

	assert_non_null(copy);
	memcpy(copy, buf, len);
	st = fwsim_image_load(v, copy, len, why, 128);
	free(copy);
	return st;
}

/* ---- round trip ---------------------------------------------------------------------------- */

static void image_of_the_target_is_the_image_of_the_source(void **state)
{
	struct pair p = pair_new();
	uint32_t s1, s2;
	uint8_t *mem = h_mem(p.h, 0, p.buf.addr);
	struct image a = save(p.src), b;
	uint64_t hash = fwsim_image_hash(p.src);

	(void)state;
	assert_int_equal(m_save(p.h, p.src->vhca_id, 0, p.buf.key, IMAGE_ROOM / 2, &s1), IFC_ST_OK);
	assert_int_equal(s1, a.len);
	assert_memory_equal(mem, a.buf, a.len);
	assert_int_equal(m_load(p.h, p.dst->vhca_id, p.buf.key, s1), IFC_ST_OK);
	assert_true(hash == fwsim_image_hash(p.dst));
	assert_int_equal(m_save(p.h, p.dst->vhca_id, 0, p.buf.key, IMAGE_ROOM, &s2), IFC_ST_OK);
	assert_int_equal(s1, s2);
	assert_memory_equal(mem, a.buf, a.len);
	b = save(p.dst);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	assert_int_equal(p.dst->gid_end, 4); /* set_gid() has set the one before */
	/* Where the target is has not moved, nor has the source been touched. */
	assert_int_equal(p.dst->fn, DST);
	assert_int_not_equal(p.dst->vhca_id, p.src->vhca_id);
	assert_int_equal(p.dst->mig, FWSIM_MIG_STOPPED);
	assert_true(hash == fwsim_image_hash(p.src));
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

static void image_is_not_affected_by_history(void **state)
{
	struct pair p = pair_new();
	struct image a = save(p.src), b;
	char why[128];

	(void)state;
	/* On top of a VHCA that has been used, and twice. */
	m_start(p.h, p.dst->vhca_id);
	assert_int_equal(h_disable_hca(p.h, 0, DST), IFC_ST_OK);
	m_vf_new(&(struct m_vf){ 0 }, p.h, DST);
	m_stop(p.h, p.dst->vhca_id);
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	b = save(p.dst);
	assert_int_equal(a.len, b.len);
	/* Time has passed; all else is the same. */
	assert_true(fwsim_image_hash(p.src) == fwsim_image_hash(p.dst));
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

static void hash_sees_every_kind_of_change(void **state)
{
	struct pair p = pair_new();
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
	assert_int_equal(next, MSGS);
	assert_int_equal(recv, 0);
	assert_memory_equal(data, data + MSG_TO, MSG_LEN);
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
	assert_int_equal(next, MSGS + 1);
	assert_memory_equal(data, data + RECV_TO + 8192, 4096);
	m_alloc_pd(vf->h, vf->fn);
}

static void work_goes_on_where_it_stopped_on_another_vf(void **state)
{
	struct pair p = pair_new();
	struct image a = save(p.src);
	unsigned int next = 0, recv = 0;
	char why[128];

	(void)state;
	drain(&p.vf, &next, &recv);
	assert_true(next < MSGS); /* else the test shows nothing */
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	m_move_memory(&p.vf, DST);
	h_dma_clear(p.h);
	check_that_work_goes_on(&p.vf, next);
	assert_false(h_dma_wrote(p.h, SRC, 0, SIZE_MAX / 2)); /* the source stays stopped */
	free(a.buf);
	h_free(p.h);
}

static void source_goes_on_after_a_save(void **state)
{
	struct pair p = pair_new();
	struct image a = save(p.src);
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
	struct pair p = pair_new();
	struct image a = save(p.src);
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
	before = (uint64_t)h_rd32(p.h, SRC, IFC_ISEG_TIMER_H) << 32 |
		 h_rd32(p.h, SRC, IFC_ISEG_TIMER_L);
	if (load(other->fw->vhca[fn], a.buf, a.len, why) != IFC_ST_OK)
		fail_msg("%s", why);
	after = (uint64_t)h_rd32(other, fn, IFC_ISEG_TIMER_H) << 32 |
		h_rd32(other, fn, IFC_ISEG_TIMER_L);
	assert_true(after >= before);

	h_alloc(other, fn, 1, 1);
	memcpy(other->fn[fn].mem, p.h->fn[SRC].mem, H_MEM_SIZE);
	other->fn[fn].next = p.h->fn[SRC].next;
	other->fn[fn].cmdq = p.h->fn[SRC].cmdq;
	memcpy(other->fn[fn].slot, p.h->fn[SRC].slot, sizeof(other->fn[fn].slot));
	memset(p.h->fn[SRC].slot, 0, sizeof(p.h->fn[SRC].slot));
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
	struct image a;
	uint8_t *sent, *got;
	char why[128];

	(void)state;
	m_vf_new(&vf, h, SRC);
	m_vf_new(&peer, h, 3);
	m_connect(&vf, 0, &peer, 0);
	m_connect(&peer, 0, &vf, 0);
	assert_int_equal(vf.data.key, peer.data.key);
	assert_int_equal(h_enable_hca(h, 0, DST), IFC_ST_OK);
	m_stop(h, m_vhca_id(h, SRC));
	m_stop(h, m_vhca_id(h, DST));

	sent = h_mem(h, 3, peer.data.addr);
	memset(sent, 0x3c, 5000);
	m_post_send(&peer, 0, IFC_WQE_RDMA_WRITE, 0, 5000, 4096, true);
	h_advance(h, 100 * H_SEC);
	assert_null(m_poll(&peer, 0));
	a = save(h->fw->vhca[SRC]);
	assert_int_equal(load(h->fw->vhca[DST], a.buf, a.len, why), IFC_ST_OK);
	m_move_memory(&vf, DST);
	h_advance(h, 100 * H_SEC);
	assert_null(m_poll(&peer, 0));

	m_start(h, m_vhca_id(h, DST));
	h_settle(h);
	got = h_mem(h, DST, vf.data.addr);
	assert_memory_equal(sent, got + 4096, 5000);
	assert_int_equal(m_poll(&peer, 0)[63] >> 4, IFC_CQE_REQ);
	assert_null(m_poll(&peer, 0));
	assert_int_not_equal(((uint8_t *)h_mem(h, SRC, vf.data.addr))[4096], 0x3c);
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
	assert_int_equal(sizeof(struct fwsim_cq), 160); /* told_at and put_at stay behind: event.c */
	assert_int_equal(sizeof(struct fwsim_srq), 320);
	assert_int_equal(sizeof(struct fwsim_qp), 400); /* roce points to the next */
	assert_int_equal(sizeof(struct fwsim_roce), 1600);
	assert_int_equal(sizeof(struct fwsim_vport), 440);
#endif
}

static void empty_vhca_goes_round(void **state)
{
	struct harness *h = h_new(NULL);
	struct fwsim_vhca *src, *dst;
	struct image a, b;
	char why[128];

	(void)state;
	h_boot(h, 0);
	assert_int_equal(h_enable_hca(h, 0, SRC), IFC_ST_OK);
	assert_int_equal(h_enable_hca(h, 0, DST), IFC_ST_OK);
	src = h->fw->vhca[SRC];
	dst = h->fw->vhca[DST];
	m_stop(h, src->vhca_id);
	m_stop(h, dst->vhca_id);
	a = save(src);
	assert_true(a.len > FWSIM_IMAGE_HDR);
	assert_int_equal(load(dst, a.buf, a.len, why), IFC_ST_OK);
	b = save(dst);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	free(a.buf);
	free(b.buf);
	h_free(h);
}

static void pages_held_move_with_the_image(void **state)
{
	struct pair p = pair_new();
	struct image a = save(p.src);
	unsigned int held = fwsim_pages_held(p.h->fw, SRC);
	char why[128];

	(void)state;
	assert_true(held > 0);
	assert_int_equal(fwsim_pages_held(p.h->fw, DST), 0);
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	assert_int_equal(fwsim_pages_held(p.h->fw, DST), held);
	m_move_memory(&p.vf, DST);
	m_start(p.h, p.dst->vhca_id);
	h_unboot(p.h, DST); /* every page comes back */
	assert_int_equal(fwsim_pages_held(p.h->fw, DST), 0);
	free(a.buf);
	h_free(p.h);
}

static void reset_clears_what_was_loaded(void **state)
{
	struct pair p = pair_new();
	struct image a = save(p.src), empty, b;
	char why[128];

	(void)state;
	fwsim_reset(p.h->fw, DST);
	empty = save(p.dst);
	m_stop(p.h, p.dst->vhca_id);
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	fwsim_reset(p.h->fw, DST);
	b = save(p.dst);
	assert_int_equal(b.len, empty.len);
	assert_int_equal(fwsim_pages_held(p.h->fw, DST), 0);
	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
		assert_int_equal(p.dst->obj[t].used, 0);
	free(a.buf);
	free(b.buf);
	free(empty.buf);
	h_free(p.h);
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* Must be refused, with a reason and nothing changed. */
static void expect_refused(struct pair *p, const uint8_t *buf, size_t len, const char *what,
			   const char *reason)
{
	uint64_t hash = fwsim_image_hash(p->dst);
	char why[128] = "";

	if (load(p->dst, buf, len, why) == IFC_ST_OK)
		fail_msg("%s: accepted", what);
	if (!why[0] || (reason && !strstr(why, reason)))
		fail_msg("%s: reason '%s' does not say '%s'", what, why, reason);
	if (hash != fwsim_image_hash(p->dst))
		fail_msg("%s: refused, but the target has changed", what);
}

/* The target of refusals is not empty: it holds the image itself, so a change shows. */
static struct pair loaded_pair(struct image *a)
{
	struct pair p = pair_new();
	char why[128];

	*a = save(p.src);
	assert_int_equal(load(p.dst, a->buf, a->len, why), IFC_ST_OK);
	((struct fwsim_qp *)fwsim_table_get(&p.dst->obj[FWSIM_OBJ_QP], p.vf.q[0].qpn))->rq_ci = 7;
	return p;
}

/* A driver behind an IOMMU may have given page 0, which is a page like any other: held once. */
static void page_0_moves_with_the_image(void **state)
{
	struct image a, b;
	struct pair p = loaded_pair(&a);
	uint8_t *page = section(&a, FWSIM_IMAGE_SEC_PAGES, NULL) + 4;
	uint64_t second = ifc_ld64(page + 8);
	char why[128];

	(void)state;
	ifc_st64(page, 0);
	ifc_st64(page + 8, 0);
	fix_crc(a.buf, a.len);
	expect_refused(&p, a.buf, a.len, "page 0 twice", "page 0x0 is there twice");
	ifc_st64(page + 8, second);
	fix_crc(a.buf, a.len);
	assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	b = save(p.dst);
	assert_memory_equal(section(&b, FWSIM_IMAGE_SEC_PAGES, NULL) + 4, page, 16);
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

static void every_truncation_is_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);
	uint8_t *copy;

	(void)state;
	copy = malloc(a.len);
	assert_non_null(copy);
	for (size_t len = 0; len < a.len; len++) {
		/* that nothing has changed is asked of every 16th: it takes an image of the target */
		if (len > 2048 && len + 2048 < a.len && len % 16) {
			char why[128];

			if (fwsim_image_load(p.dst, a.buf, len, why, sizeof(why)) == IFC_ST_OK)
				fail_msg("cut at %zu, and accepted", len);
			continue;
		}
		expect_refused(&p, a.buf, len, "cut", NULL);
		/* And with a header that knows. */
		memcpy(copy, a.buf, len);
		if (len >= FWSIM_IMAGE_HDR)
			ifc_st64(copy + FWSIM_IMAGE_OFF_LEN, len);
		fix_crc(copy, len);
		expect_refused(&p, copy, len, "cut, with length and checksum to match", NULL);
	}
	free(copy);
	free(a.buf);
	h_free(p.h);
}

static void trailing_bytes_are_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);
	uint8_t *copy;

	(void)state;
	copy = calloc(1, a.len + 16);
	assert_non_null(copy);
	memcpy(copy, a.buf, a.len);
	expect_refused(&p, copy, a.len + 1, "one byte more", "bytes");
	ifc_st64(copy + FWSIM_IMAGE_OFF_LEN, a.len + 16);
	fix_crc(copy, a.len + 16);
	expect_refused(&p, copy, a.len + 16, "16 bytes more, announced", "after the last section");
	free(copy);
	free(a.buf);
	h_free(p.h);
}

static bool in_headers(struct image *a, size_t at)
{
	size_t sec = FWSIM_IMAGE_HDR;

	while (sec < at) {
		if (at < sec + FWSIM_IMAGE_SECTION_HDR)
			return true;
		sec += FWSIM_IMAGE_SECTION_HDR +
		       (size_t)ifc_ld64(a->buf + sec + FWSIM_IMAGE_OFF_SEC_LEN);
	}
	return at < FWSIM_IMAGE_HDR || at == sec;
}

/* All bits of the header and of the section headers, every 13th of the rest. */
static void flipped_bits_are_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);
	uint64_t hash = fwsim_image_hash(p.dst);
	char why[128];

	(void)state;
	for (size_t bit = 0; bit < a.len * 8; bit++) {
		if (bit % 13 && !in_headers(&a, bit / 8))
			continue;
		a.buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (fwsim_image_load(p.dst, a.buf, a.len, why, sizeof(why)) == IFC_ST_OK)
			fail_msg("bit %zu flipped, and accepted", bit);
		a.buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(hash == fwsim_image_hash(p.dst));
	free(a.buf);
	h_free(p.h);
}

/* The same in all headers, with a checksum that matches. */
static void flipped_header_bits_with_a_good_checksum_are_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);
	uint8_t *copy;

	(void)state;
	copy = malloc(a.len);
	assert_non_null(copy);
	for (size_t bit = 0; bit < a.len * 8; bit++) {
		/* bulk state of any size and seed is one that there may be: test_bulk.c */
		if (!in_headers(&a, bit / 8) ||
		    (bit / 8 >= FWSIM_IMAGE_OFF_BULK_BLOCKS && bit / 8 < FWSIM_IMAGE_HDR))
			continue;
		memcpy(copy, a.buf, a.len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		fix_crc(copy, a.len);
		expect_refused(&p, copy, a.len, "header bit", NULL);
	}
	free(copy);
	free(a.buf);
	h_free(p.h);
}

static void other_versions_and_cards_are_refused(void **state)
{
	static const struct {
		size_t off;
		uint32_t val;
		const char *reason;
	} bad[] = {
		{ FWSIM_IMAGE_OFF_VERSION, FWSIM_IMAGE_VERSION - 1, "format version" },
		{ FWSIM_IMAGE_OFF_VERSION, FWSIM_IMAGE_VERSION + 1, "format version" },
		{ FWSIM_IMAGE_OFF_MAGIC, 0x7f454c46, "magic" },
		{ FWSIM_IMAGE_OFF_CAPS, 0x12345678, "capability digest" },
		{ FWSIM_IMAGE_OFF_CAPS + 4, 0x12345678, "capability digest" },
		{ FWSIM_IMAGE_OFF_SECTIONS, 1, "number of sections" },
		{ FWSIM_IMAGE_OFF_HDR_LEN, 128, "header length" },
		{ FWSIM_IMAGE_OFF_SECTIONS + 4, 1, "reserved" },
		{ FWSIM_IMAGE_HDR + FWSIM_IMAGE_OFF_SEC_ID, 2, "section 2 where 1" },
		{ FWSIM_IMAGE_HDR + FWSIM_IMAGE_OFF_SEC_VERSION, 2, "version 2" },
		{ FWSIM_IMAGE_HDR + FWSIM_IMAGE_OFF_SEC_LEN, 1, "past the end" },
		{ FWSIM_IMAGE_HDR + FWSIM_IMAGE_OFF_SEC_LEN + 4, 4, "ends early" },
	};
	struct image a;
	struct pair p = loaded_pair(&a);

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t old = ifc_ld32(a.buf + bad[i].off);

		ifc_st32(a.buf + bad[i].off, bad[i].val);
		fix_crc(a.buf, a.len);
		expect_refused(&p, a.buf, a.len, bad[i].reason, bad[i].reason);
		ifc_st32(a.buf + bad[i].off, old);
	}
	free(a.buf);
	h_free(p.h);
}

static void card_with_other_capabilities_refuses(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct pair p = pair_new();
	struct image a = save(p.src);
	struct harness *other;
	char why[128];

	(void)state;
	cfg.no_migration = true; /* one capability less */
	other = h_new(&cfg);
	assert_int_equal(load(other->fw->vhca[1], a.buf, a.len, why), IFC_ST_BAD_PARAM);
	assert_non_null(strstr(why, "capability digest"));
	free(a.buf);
	h_free(other);
	h_free(p.h);
}

/* Two sections exchanged, one missing, one twice. */
static void sections_out_of_order_are_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);
	uint8_t *td = section(&a, FWSIM_IMAGE_SEC_TD, NULL) - FWSIM_IMAGE_SECTION_HDR;
	uint8_t *xrcd = section(&a, FWSIM_IMAGE_SEC_XRCD, NULL) - FWSIM_IMAGE_SECTION_HDR;

	(void)state;
	/* Transport domains and XRC domains: objects of no fields, so exchanging the ids exchanges them. */
	ifc_st32(td, FWSIM_IMAGE_SEC_XRCD);
	ifc_st32(xrcd, FWSIM_IMAGE_SEC_TD);
	fix_crc(a.buf, a.len);
	expect_refused(&p, a.buf, a.len, "exchanged", "section 9 where 8 belongs");
	ifc_st32(td, FWSIM_IMAGE_SEC_TD);
	fix_crc(a.buf, a.len);
	expect_refused(&p, a.buf, a.len, "twice", "section 8 where 9 belongs");
	free(a.buf);
	h_free(p.h);
}

/*
 * One field each, at its place in the first object of the section (docs/state-image.rst), with a good
 * checksum. CTX: offset in the context; REC: behind the page list, which has one entry.
 */
#define OBJ(off) (4 + (off))
#define CTX(off) (4 + 4 + (off))
#define REC(ctx_len, off) (4 + 4 + (ctx_len) + 4 + 8 + (off))
#define EQ_REC(off) REC(0x40, off)
#define CQ_REC(off) REC(0x40, off)
#define QP_REC(off) REC(0xe8, off)
#define WQ_REC(off) REC(0xf0, off)

static const struct {
	const char *name;
	unsigned int section;
	size_t off;
	uint32_t and, or; /* new = old & and | or */
	const char *reason;
} fields[] = {
	{ "HCA state", FWSIM_IMAGE_SEC_VHCA, 0x00, 0, 3, "HCA state" },
	{ "ISSI", FWSIM_IMAGE_SEC_VHCA, 0x04, 0, 2, "ISSI" },
	{ "nic_interface", FWSIM_IMAGE_SEC_VHCA, 0x08, 0, 8, "nic_interface" },
	{ "health", FWSIM_IMAGE_SEC_VHCA, 0x0c, 0, 256, "health" },
	{ "cmdq", FWSIM_IMAGE_SEC_VHCA, 0x1c, ~0u, 0x10, "command queue" },
	{ "doorbell half: off", FWSIM_IMAGE_SEC_VHCA, 0x2c, 0, 0x200000, "half a doorbell" },
	{ "doorbell half: odd", FWSIM_IMAGE_SEC_VHCA, 0x2c, 0, 0x10802, "half a doorbell" },
	{ "cap flag", FWSIM_IMAGE_SEC_CAPS, 0, 0, 2, "capability block" },
	{ "cap vhca_id", FWSIM_IMAGE_SEC_CAPS, 4 + 4, ~0u, 5, "vhca_id" },
	{ "cap not offered", FWSIM_IMAGE_SEC_CAPS, 4 + 0x14, 0, ~0u, "SET_HCA_CAP" },
	{ "cap type that has none", FWSIM_IMAGE_SEC_CAPS, 4 + 4096 + 4, 0, 1, NULL },
	{ "pages: count", FWSIM_IMAGE_SEC_PAGES, 0, 0, 0xffffffff, "page addresses" },
	{ "pages: one less", FWSIM_IMAGE_SEC_PAGES, 0, 0, 1, "too many" },
	{ "pages: address", FWSIM_IMAGE_SEC_PAGES, 8, ~0u, 0x800, "multiple" },
	{ "list count", FWSIM_IMAGE_SEC_VPORT, 0x100, 0, 0xffffffff, "list" },
	{ "UAR: count", FWSIM_IMAGE_SEC_UAR, 0, 0, 0xffffffff, "objects" },
	{ "UAR: number 0", FWSIM_IMAGE_SEC_UAR, OBJ(0), 0, 0, "no such number" },
	{ "UAR: beyond the BAR", FWSIM_IMAGE_SEC_UAR, OBJ(0), 0, 512, "no such number" },
	{ "UAR: other number", FWSIM_IMAGE_SEC_UAR, OBJ(0), 0, 511, "names UAR" },
	{ "PD: other number", FWSIM_IMAGE_SEC_PD, OBJ(0), 0, 999, "names PD" },
	{ "mkey: number", FWSIM_IMAGE_SEC_MKEY, OBJ(0), 0, 0xffffff, "no such number" },
	{ "mkey: wide number", FWSIM_IMAGE_SEC_MKEY, OBJ(0), 0, 0x1000000, "number" },
	{ "mkey: access mode", FWSIM_IMAGE_SEC_MKEY, CTX(0), ~0u, 3u << 8, "context" },
	{ "mkey: pd", FWSIM_IMAGE_SEC_MKEY, CTX(0xc), 0, 999, "names PD" },
	{ "mkey: length", FWSIM_IMAGE_SEC_MKEY, CTX(0x18), 0, 1, "pages of" },
	{ "mkey: length wraps", FWSIM_IMAGE_SEC_MKEY, CTX(0x18), 0, ~0u, "pages of" },
	{ "mkey: page size", FWSIM_IMAGE_SEC_MKEY, CTX(0x38), ~0x3fu, 11, "context" },
	{ "mkey: larger pages", FWSIM_IMAGE_SEC_MKEY, CTX(0x38), ~0x3fu, 21, "pages of" },
	{ "mkey: list length", FWSIM_IMAGE_SEC_MKEY, CTX(0x40), 0, 0xffffffff, "page addresses" },
	{ "mkey: list shorter", FWSIM_IMAGE_SEC_MKEY, CTX(0x40), 0, 1, "1 pages" },
	{ "mkey: address", FWSIM_IMAGE_SEC_MKEY, CTX(0x48), ~0u, 1, "multiple" },
	{ "EQ: number 0", FWSIM_IMAGE_SEC_EQ, OBJ(0), 0, 0, "no such number" },
	{ "EQ: size", FWSIM_IMAGE_SEC_EQ, CTX(0xc), ~0u, 31u << 24, "context" },
	{ "EQ: other size", FWSIM_IMAGE_SEC_EQ, CTX(0xc), ~0u, 8u << 24, "pages of" },
	{ "EQ: uar", FWSIM_IMAGE_SEC_EQ, CTX(0xc), ~0xffffffu, 0x1ff, "names UAR" },
	{ "EQ: vector", FWSIM_IMAGE_SEC_EQ, CTX(0x14), 0, 0xfff, "vector" },
	{ "EQ: page size", FWSIM_IMAGE_SEC_EQ, CTX(0x18), 0, 31u << 24, "context" },
	{ "EQ: list", FWSIM_IMAGE_SEC_EQ, CTX(0x40), 0, 2, "pages of" },
	{ "EQ: pi", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x20), 0, 0x1000000, "producer" },
	{ "EQ: ci", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x24), 0, 0x1000000, "consumer" },
	{ "EQ: ci ahead", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x24), 0, 0xffff, "room" },
	{ "EQ: armed", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x28), 0, 2, "armed" },
	{ "EQ: overrun", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x2c), 0, 2, "overrun" },
	{ "EQ: latched", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x30), 0, 2, "latched" },
	{ "EQ: latched arm", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x34), 0, 2, "latched" },
	{ "EQ: latched ci", FWSIM_IMAGE_SEC_EQ, EQ_REC(0x38), 0, 0x1000000, "latched" },
	{ "CQ: number", FWSIM_IMAGE_SEC_CQ, OBJ(0), 0, 1, "no such number" },
	{ "CQ: order", FWSIM_IMAGE_SEC_CQ, OBJ(0), 0, 0xfff, "not above" },
	{ "CQ: size", FWSIM_IMAGE_SEC_CQ, CTX(0xc), ~0u, 31u << 24, "context" },
	{ "CQ: uar", FWSIM_IMAGE_SEC_CQ, CTX(0xc), ~0xffffffu, 0x1ff, "names UAR" },
	{ "CQ: eqn", FWSIM_IMAGE_SEC_CQ, CTX(0x14), 0, 33, "names EQ" },
	{ "CQ: eqn wide", FWSIM_IMAGE_SEC_CQ, CTX(0x14), ~0u, 0x10000, "names EQ" },
	{ "CQ: dbr", FWSIM_IMAGE_SEC_CQ, CTX(0x3c), ~0u, 4, "context" },
	{ "CQ: list", FWSIM_IMAGE_SEC_CQ, CTX(0x40), 0, 0, "pages of" },
	{ "CQ: pi", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x00), 0, 0x1000000, "producer" },
	{ "CQ: ci", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x04), 0, 0x1000000, "consumer" },
	{ "CQ: notified", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x08), 0, 0x1000000, "notified" },
	{ "CQ: solicited", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x0c), 0, 0x1000000, "solicited" },
	{ "CQ: arm", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x10), 0, 3, "arm" },
	{ "CQ: error", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x14), 0, 2, "error" },
	{ "CQ: latched", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x18), 0, 2, "latched" },
	{ "CQ: umem", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x20), 0, 1, "names umem" },
	{ "CQ: umem number", FWSIM_IMAGE_SEC_CQ, CQ_REC(0x24), 0, 0x1000000, "umem" },
	{ "QP: number", FWSIM_IMAGE_SEC_QP, OBJ(0), 0, 1, "no such number" },
	{ "QP: pd", FWSIM_IMAGE_SEC_QP, CTX(0x4), 0, 999, "names PD" },
	{ "QP: sizes", FWSIM_IMAGE_SEC_QP, CTX(0x8), ~0u, 15u << 11, NULL },
	{ "QP: uar", FWSIM_IMAGE_SEC_QP, CTX(0xc), 0, 0x1ff, "names UAR" },
	{ "QP: send CQ", FWSIM_IMAGE_SEC_QP, CTX(0x7c), 0, 0xffff, "names CQ" },
	{ "QP: receive CQ", FWSIM_IMAGE_SEC_QP, CTX(0x9c), 0, 0xffff, "names CQ" },
	{ "QP: list", FWSIM_IMAGE_SEC_QP, CTX(0xe8), 0, 0, "pages of" },
	{ "QP: state", FWSIM_IMAGE_SEC_QP, QP_REC(0x00), 0, 7, "state" },
	{ "QP: sq_ci", FWSIM_IMAGE_SEC_QP, QP_REC(0x04), 0, 0x10000, "send consumer" },
	{ "QP: sq_pi", FWSIM_IMAGE_SEC_QP, QP_REC(0x08), 0, 0x10000, "send producer" },
	{ "QP: rq_ci", FWSIM_IMAGE_SEC_QP, QP_REC(0x0c), 0, 0x10000, "receive consumer" },
	{ "QP: offset", FWSIM_IMAGE_SEC_QP, QP_REC(0x10), 0, 0xffffffff, "offset" },
	{ "QP: drop", FWSIM_IMAGE_SEC_QP, QP_REC(0x14), 0, 2, "reaches nobody" },
	{ "QP: SRQ taken", FWSIM_IMAGE_SEC_QP, QP_REC(0x18), 0, 0x20, "it holds WQE" },
	{ "QP: SRQ WQE", FWSIM_IMAGE_SEC_QP, QP_REC(0x1c), 0, 0x10000, "WQE taken" },
	{ "QP: retries", FWSIM_IMAGE_SEC_QP, QP_REC(0x20), 0, 8, "retries" },
	{ "QP: RNR retries", FWSIM_IMAGE_SEC_QP, QP_REC(0x24), 0, 8, "RNR" },
	{ "QP: wait", FWSIM_IMAGE_SEC_QP, QP_REC(0x28), 0, 0xffffffff, "wait" },
	{ "QP: give up", FWSIM_IMAGE_SEC_QP, QP_REC(0x30), 0, 0xffffffff, "give up" },
	{ "QP: doorbell", FWSIM_IMAGE_SEC_QP, QP_REC(0x38), 0, 2, "doorbell" },
	{ "QP: umem", FWSIM_IMAGE_SEC_QP, QP_REC(0x40), 0, 1, "names umem" },
	{ "QP: umem of the record", FWSIM_IMAGE_SEC_QP, QP_REC(0x44), 0, 9, "names umem" },
	{ "Q counter: number", FWSIM_IMAGE_SEC_Q_COUNTER, OBJ(0), 0, 256, "no such number" },
	{ "Q counter: other number", FWSIM_IMAGE_SEC_Q_COUNTER, OBJ(0), 0, 99, "names Q counter" },
	{ "TIS: td", FWSIM_IMAGE_SEC_TIS, CTX(0x24), 0, 999, "names transport domain" },
	{ "SQ: number", FWSIM_IMAGE_SEC_SQ, OBJ(0), 0, 0x5000, "no such number" },
	{ "SQ: cqn", FWSIM_IMAGE_SEC_SQ, CTX(0x8), 0, 0xffff, "names CQ" },
	{ "SQ: TISes", FWSIM_IMAGE_SEC_SQ, CTX(0x20), 0, 2u << 16, "context" },
	{ "SQ: tis", FWSIM_IMAGE_SEC_SQ, CTX(0x2c), 0, 0x77, "names TIS" },
	{ "SQ: type", FWSIM_IMAGE_SEC_SQ, CTX(0x30), 0, 0, "context" },
	{ "SQ: pd", FWSIM_IMAGE_SEC_SQ, CTX(0x38), 0, 999, "names PD" },
	{ "SQ: uar", FWSIM_IMAGE_SEC_SQ, CTX(0x3c), 0, 0x1ff, "names UAR" },
	{ "SQ: size", FWSIM_IMAGE_SEC_SQ, CTX(0x50), ~0x1fu, 16, "context" },
	{ "SQ: larger", FWSIM_IMAGE_SEC_SQ, CTX(0x50), ~0x1fu, 10, "pages of" },
	{ "SQ: list", FWSIM_IMAGE_SEC_SQ, CTX(0xf0), 0, 0, "pages of" },
	{ "SQ: state", FWSIM_IMAGE_SEC_SQ, WQ_REC(0x0), 0, 4, "state" },
	{ "SQ: no state", FWSIM_IMAGE_SEC_SQ, WQ_REC(0x0), 0, 2, "no state" },
	{ "SQ: ci", FWSIM_IMAGE_SEC_SQ, WQ_REC(0x4), 0, 0x10000, "consumer" },
	{ "SQ: pi", FWSIM_IMAGE_SEC_SQ, WQ_REC(0x8), 0, 0x10000, "producer" },
	{ "SQ: doorbell", FWSIM_IMAGE_SEC_SQ, WQ_REC(0xc), 0, 2, "doorbell" },
	{ "RQ: of an RMP", FWSIM_IMAGE_SEC_RQ, CTX(0x0), ~0u, 1u << 24, "context" },
	{ "RQ: cqn", FWSIM_IMAGE_SEC_RQ, CTX(0x8), 0, 0xffff, "names CQ" },
	{ "RQ: counter", FWSIM_IMAGE_SEC_RQ, CTX(0xc), 0, 77u << 24, "names Q counter" },
	{ "RQ: pd", FWSIM_IMAGE_SEC_RQ, CTX(0x38), 0, 999, "names PD" },
	{ "RQ: no state", FWSIM_IMAGE_SEC_RQ, WQ_REC(0x0), 0, 2, "no state" },
	{ "RQ: ci", FWSIM_IMAGE_SEC_RQ, WQ_REC(0x4), 0, 0x10000, "consumer" },
	{ "RQ: WQE", FWSIM_IMAGE_SEC_RQ, WQ_REC(0x8), 0, 1, "stride 0 of WQE 1" },
	{ "RQ: stride", FWSIM_IMAGE_SEC_RQ, WQ_REC(0xc), 0, 0x10000, "stride" },
	{ "RQ: stride of a cyclic one", FWSIM_IMAGE_SEC_RQ, WQ_REC(0xc), 0, 5, "stride 5 of WQE 0" },
	{ "RQT: room", FWSIM_IMAGE_SEC_RQT, CTX(0x0), 0, 257, "room" },
	{ "RQT: entries", FWSIM_IMAGE_SEC_RQT, CTX(0x4), 0, 5, "5 entries, room for 4" },
	{ "RQT: none", FWSIM_IMAGE_SEC_RQT, CTX(0x4), 0, 0, "0 entries" },
	{ "RQT: RQ", FWSIM_IMAGE_SEC_RQT, CTX(0x8), 0, 0x777, "names RQ" },
	{ "TIR: type", FWSIM_IMAGE_SEC_TIR, CTX(0x4), 0, 2u << 28, "context" },
	{ "TIR: RQT", FWSIM_IMAGE_SEC_TIR, CTX(0x20), 0, 0x777, "names RQT" },
	{ "TIR: td", FWSIM_IMAGE_SEC_TIR, CTX(0x24), 0xff000000, 999, "names transport domain" },
	{ "TIR: hash", FWSIM_IMAGE_SEC_TIR, CTX(0x24), 0x0fffffff, 3u << 28, "context" },
};

static void every_field_out_of_range_is_refused(void **state)
{
	struct image a;
	struct pair p = loaded_pair(&a);

	(void)state;
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint8_t *f = section(&a, fields[i].section, NULL) + fields[i].off;
		uint32_t old = ifc_ld32(f);

		ifc_st32(f, (old & fields[i].and) | fields[i].or);
		fix_crc(a.buf, a.len);
		expect_refused(&p, a.buf, a.len, fields[i].name, fields[i].reason);
		ifc_st32(f, old);
	}
	fix_crc(a.buf, a.len);
	assert_int_equal(load(p.dst, a.buf, a.len, (char[128]){ 0 }), IFC_ST_OK);
	free(a.buf);
	h_free(p.h);
}

/*
 * A list of a section, whose count is at @off and whose entries follow, is made @n entries long. New entries
 * are pages from 4 GiB on.
 */
static void set_list_len(struct image *im, unsigned int id, size_t off, uint32_t n)
{
	size_t len, at, tail, grown;
	uint8_t *s = section(im, id, &len), *hdr = s - FWSIM_IMAGE_SECTION_HDR;
	uint32_t old = ifc_ld32(s + off);

	assert_true(n >= old);
	grown = 8 * (size_t)(n - old);
	at = (size_t)(s - im->buf) + off + 4 + 8 * (size_t)old;
	tail = im->len - at;
	ifc_st64(hdr + FWSIM_IMAGE_OFF_SEC_LEN, len + grown);
	ifc_st32(s + off, n);
	im->len += grown;
	im->buf = realloc(im->buf, im->len);
	assert_non_null(im->buf);
	memmove(im->buf + at + grown, im->buf + at, tail);
	for (uint32_t i = 0; i < n - old; i++)
		ifc_st64(im->buf + at + 8 * (size_t)i, (1ULL << 32) + i * (uint64_t)FWSIM_PAGE);
	ifc_st64(im->buf + FWSIM_IMAGE_OFF_LEN, im->len);
	fix_crc(im->buf, im->len);
}

static const struct {
	const char *name;
	unsigned int section;
	size_t off;
	uint32_t max;
	const char *reason;
} lists[] = {
	/* the lists of the vport in the image of load_with_work() have 2, 0 and 0 entries */
	{ "pages", FWSIM_IMAGE_SEC_PAGES, 0, 0x10000, "at most 65536" },
	{ "unicast addresses", FWSIM_IMAGE_SEC_VPORT, 0x100, 128, "at most 128" },
	{ "multicast addresses", FWSIM_IMAGE_SEC_VPORT, 0x114, 1024, "at most 1024" },
	{ "VLANs", FWSIM_IMAGE_SEC_VPORT, 0x118, 4096, "at most 4096" },
};

static void lists_are_taken_up_to_their_limit(void **state)
{
	(void)state;
	assert_int_equal(FWSIM_MAX_PAGES, 0x10000);
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct image a, b;
		struct pair p = loaded_pair(&a);
		char why[128];

		set_list_len(&a, lists[i].section, lists[i].off, lists[i].max);
		if (load(p.dst, a.buf, a.len, why) != IFC_ST_OK)
			fail_msg("%s: %s", lists[i].name, why);
		b = save(p.dst);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.buf, b.buf, a.len);
		set_list_len(&a, lists[i].section, lists[i].off, lists[i].max + 1);
		expect_refused(&p, a.buf, a.len, lists[i].name, lists[i].reason);
		assert_int_equal(load(p.dst, a.buf, a.len, why), IFC_ST_LIM_ERR);
		free(a.buf);
		free(b.buf);
		h_free(p.h);
	}
}

/*
 * Any word replaced by any of some values, with a good checksum: refused with nothing changed, or
 * taken as it is, so that the target's own image is the very same. Nothing in between. Where one word
 * is like the next (contexts of capabilities, GIDs) one in 32 will do.
 */
static void no_word_is_taken_for_another(void **state)
{
	static const uint32_t value[] = { 0, 1, 0xffffffff, 0x80000000, 0x10000 };
	struct pair p = pair_new();
	struct image a, b = { .len = 0 };
	unsigned int taken = 0, refused = 0;
	size_t caps_len, gid_len, mkey_len;
	char why[128];

	(void)state;
	a = save(p.src);
	uint8_t *caps = section(&a, FWSIM_IMAGE_SEC_CAPS, &caps_len);
	uint8_t *gid = section(&a, FWSIM_IMAGE_SEC_GID, &gid_len);
	uint8_t *mkey = section(&a, FWSIM_IMAGE_SEC_MKEY, &mkey_len);

	for (size_t at = FWSIM_IMAGE_HDR; at < a.len; at += 4) {
		uint8_t *w = a.buf + at;
		uint32_t old = ifc_ld32(w);
		bool dull = (w > caps && w < caps + caps_len) || (w >= gid && w < gid + gid_len) ||
			    (w > mkey + 0x60 && w < mkey + mkey_len - 16);

		if (dull && at / 4 % 32)
			continue;
		for (unsigned int i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
			uint64_t hash = fwsim_image_hash(p.dst);

			ifc_st32(w, value[i] == 1 ? old + 1 : value[i]);
			fix_crc(a.buf, a.len);
			if (load(p.dst, a.buf, a.len, why) != IFC_ST_OK) {
				refused++;
				if (hash != fwsim_image_hash(p.dst))
					fail_msg("0x%zx: refused, but the target has changed", at);
				continue;
			}
			taken++;
			b = save(p.dst);
			if (a.len != b.len || memcmp(a.buf, b.buf, a.len))
				fail_msg("0x%zx = 0x%x: taken, but as something else", at,
					 ifc_ld32(w));
			free(b.buf);
		}
		ifc_st32(w, old);
	}
	print_message("# %u words taken, %u refused\n", taken, refused);
	assert_true(taken > 100 && refused > 100);
	free(a.buf);
	h_free(p.h);
}

/* A card whatever its image says must not fall over when it then runs. */
static void accepted_images_run(void **state)
{
	static const uint32_t value[] = { 0, 0xff, 0xffffff };
	struct pair p = pair_new();
	struct image a = save(p.src);
	uint8_t *end = a.buf + a.len;
	char why[128];

	(void)state;
	m_move_memory(&p.vf, DST);
	for (uint8_t *w = section(&a, FWSIM_IMAGE_SEC_EQ, NULL); w < end; w += 4) {
		uint32_t old = ifc_ld32(w);

		for (unsigned int i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
			ifc_st32(w, value[i]);
			fix_crc(a.buf, a.len);
			if (load(p.dst, a.buf, a.len, why) != IFC_ST_OK)
				continue;
			m_start(p.h, p.dst->vhca_id);
			h_db_qp(p.h, DST, p.vf.uar, p.vf.q[0].qpn, 0);
			h_advance(p.h, 20000);
			m_stop(p.h, p.dst->vhca_id);
		}
		ifc_st32(w, old);
	}
	free(a.buf);
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
		cmocka_unit_test(page_0_moves_with_the_image),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(flipped_bits_are_refused),
		cmocka_unit_test(flipped_header_bits_with_a_good_checksum_are_refused),
		cmocka_unit_test(other_versions_and_cards_are_refused),
		cmocka_unit_test(card_with_other_capabilities_refuses),
		cmocka_unit_test(sections_out_of_order_are_refused),
		cmocka_unit_test(every_field_out_of_range_is_refused),
		cmocka_unit_test(lists_are_taken_up_to_their_limit),
		cmocka_unit_test(no_word_is_taken_for_another),
		cmocka_unit_test(accepted_images_run),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
