// SPDX-License-Identifier: GPL-2.0-or-later
/* Values in a state image: fields out of range, lists at their limit, any word as another. */
#include "image_rig.h"

/* A driver behind an IOMMU may have given page 0, which is a page like any other: held once. */
static void page_0_moves_with_the_image(void **state)
{
	struct i_image a, b;
	struct i_pair p = i_loaded_pair(&a);
	uint8_t *page = i_section(&a, FWSIM_IMAGE_SEC_PAGES, NULL) + 4;
	uint64_t second = ifc_ld64(page + 8);
	char why[128];

	(void)state;
	ifc_st64(page, 0);
	ifc_st64(page + 8, 0);
	i_fix_crc(a.buf, a.len);
	i_expect_refused(&p, a.buf, a.len, "page 0 twice", "page 0x0 is there twice");
	ifc_st64(page + 8, second);
	i_fix_crc(a.buf, a.len);
	assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_OK);
	b = i_save(p.dst);
	assert_memory_equal(i_section(&b, FWSIM_IMAGE_SEC_PAGES, NULL) + 4, page, 16);
	free(a.buf);
	free(b.buf);
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
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);

	(void)state;
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint8_t *f = i_section(&a, fields[i].section, NULL) + fields[i].off;
		uint32_t old = ifc_ld32(f);

		ifc_st32(f, (old & fields[i].and) | fields[i].or);
		i_fix_crc(a.buf, a.len);
		i_expect_refused(&p, a.buf, a.len, fields[i].name, fields[i].reason);
		ifc_st32(f, old);
	}
	i_fix_crc(a.buf, a.len);
	assert_int_equal(i_load(p.dst, a.buf, a.len, (char[128]){ 0 }), IFC_ST_OK);
	free(a.buf);
	h_free(p.h);
}

/*
 * A list of a section, whose count is at @off and whose entries follow, is made @n entries long. New entries
 * are pages from 4 GiB on.
 */
static void set_list_len(struct i_image *im, unsigned int id, size_t off, uint32_t n)
{
	size_t len, at, tail, grown;
	uint8_t *s = i_section(im, id, &len), *hdr = s - FWSIM_IMAGE_SECTION_HDR;
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
	i_fix_crc(im->buf, im->len);
}

static const struct {
	const char *name;
	unsigned int section;
	size_t off;
	uint32_t max;
	const char *reason;
} lists[] = {
	/* the lists of the vport in the image of i_pair_new() have 2, 0 and 0 entries */
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
		struct i_image a, b;
		struct i_pair p = i_loaded_pair(&a);
		char why[128];

		set_list_len(&a, lists[i].section, lists[i].off, lists[i].max);
		if (i_load(p.dst, a.buf, a.len, why) != IFC_ST_OK)
			fail_msg("%s: %s", lists[i].name, why);
		b = i_save(p.dst);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.buf, b.buf, a.len);
		set_list_len(&a, lists[i].section, lists[i].off, lists[i].max + 1);
		i_expect_refused(&p, a.buf, a.len, lists[i].name, lists[i].reason);
		assert_int_equal(i_load(p.dst, a.buf, a.len, why), IFC_ST_LIM_ERR);
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
	struct i_pair p = i_pair_new();
	struct i_image a, b = { .len = 0 };
	unsigned int taken = 0, refused = 0;
	size_t caps_len, gid_len, mkey_len;
	char why[128];

	(void)state;
	a = i_save(p.src);
	uint8_t *caps = i_section(&a, FWSIM_IMAGE_SEC_CAPS, &caps_len);
	uint8_t *gid = i_section(&a, FWSIM_IMAGE_SEC_GID, &gid_len);
	uint8_t *mkey = i_section(&a, FWSIM_IMAGE_SEC_MKEY, &mkey_len);

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
			i_fix_crc(a.buf, a.len);
			if (i_load(p.dst, a.buf, a.len, why) != IFC_ST_OK) {
				refused++;
				if (hash != fwsim_image_hash(p.dst))
					fail_msg("0x%zx: refused, but the target has changed", at);
				continue;
			}
			taken++;
			b = i_save(p.dst);
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
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	uint8_t *end = a.buf + a.len;
	char why[128];

	(void)state;
	m_move_memory(&p.vf, I_DST);
	for (uint8_t *w = i_section(&a, FWSIM_IMAGE_SEC_EQ, NULL); w < end; w += 4) {
		uint32_t old = ifc_ld32(w);

		for (unsigned int i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
			ifc_st32(w, value[i]);
			i_fix_crc(a.buf, a.len);
			if (i_load(p.dst, a.buf, a.len, why) != IFC_ST_OK)
				continue;
			m_start(p.h, p.dst->vhca_id);
			h_db_qp(p.h, I_DST, p.vf.uar, p.vf.q[0].qpn, 0);
			h_advance(p.h, 20000);
			m_stop(p.h, p.dst->vhca_id);
		}
		ifc_st32(w, old);
	}
	free(a.buf);
	h_free(p.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_0_moves_with_the_image),
		cmocka_unit_test(every_field_out_of_range_is_refused),
		cmocka_unit_test(lists_are_taken_up_to_their_limit),
		cmocka_unit_test(no_word_is_taken_for_another),
		cmocka_unit_test(accepted_images_run),
	};

	return cmocka_run_group_tests_name("image_field", tests, NULL, NULL);
}
