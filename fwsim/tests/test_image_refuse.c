// SPDX-License-Identifier: GPL-2.0-or-later
/* What is not an image of this version for this card is refused, with the target as it was. */
#include "image_rig.h"

static void every_truncation_is_refused(void **state)
{
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);
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
		i_expect_refused(&p, a.buf, len, "cut", NULL);
		/* And with a header that knows. */
		memcpy(copy, a.buf, len);
		if (len >= FWSIM_IMAGE_HDR)
			ifc_st64(copy + FWSIM_IMAGE_OFF_LEN, len);
		i_fix_crc(copy, len);
		i_expect_refused(&p, copy, len, "cut, with length and checksum to match", NULL);
	}
	free(copy);
	free(a.buf);
	h_free(p.h);
}

static void trailing_bytes_are_refused(void **state)
{
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);
	uint8_t *copy;

	(void)state;
	copy = calloc(1, a.len + 16);
	assert_non_null(copy);
	memcpy(copy, a.buf, a.len);
	i_expect_refused(&p, copy, a.len + 1, "one byte more", "bytes");
	ifc_st64(copy + FWSIM_IMAGE_OFF_LEN, a.len + 16);
	i_fix_crc(copy, a.len + 16);
	i_expect_refused(&p, copy, a.len + 16, "16 bytes more, announced", "after the last section");
	free(copy);
	free(a.buf);
	h_free(p.h);
}

static bool in_headers(struct i_image *a, size_t at)
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
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);
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
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);
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
		i_fix_crc(copy, a.len);
		i_expect_refused(&p, copy, a.len, "header bit", NULL);
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
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t old = ifc_ld32(a.buf + bad[i].off);

		ifc_st32(a.buf + bad[i].off, bad[i].val);
		i_fix_crc(a.buf, a.len);
		i_expect_refused(&p, a.buf, a.len, bad[i].reason, bad[i].reason);
		ifc_st32(a.buf + bad[i].off, old);
	}
	free(a.buf);
	h_free(p.h);
}

static void card_with_other_capabilities_refuses(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct i_pair p = i_pair_new();
	struct i_image a = i_save(p.src);
	struct harness *other;
	char why[128];

	(void)state;
	cfg.no_migration = true; /* one capability less */
	other = h_new(&cfg);
	assert_int_equal(i_load(other->fw->vhca[1], a.buf, a.len, why), IFC_ST_BAD_PARAM);
	assert_non_null(strstr(why, "capability digest"));
	free(a.buf);
	h_free(other);
	h_free(p.h);
}

/* Two sections exchanged, one missing, one twice. */
static void sections_out_of_order_are_refused(void **state)
{
	struct i_image a;
	struct i_pair p = i_loaded_pair(&a);
	uint8_t *td = i_section(&a, FWSIM_IMAGE_SEC_TD, NULL) - FWSIM_IMAGE_SECTION_HDR;
	uint8_t *xrcd = i_section(&a, FWSIM_IMAGE_SEC_XRCD, NULL) - FWSIM_IMAGE_SECTION_HDR;

	(void)state;
	/* Transport domains and XRC domains: objects of no fields, so exchanging the ids exchanges them. */
	ifc_st32(td, FWSIM_IMAGE_SEC_XRCD);
	ifc_st32(xrcd, FWSIM_IMAGE_SEC_TD);
	i_fix_crc(a.buf, a.len);
	i_expect_refused(&p, a.buf, a.len, "exchanged", "section 9 where 8 belongs");
	ifc_st32(td, FWSIM_IMAGE_SEC_TD);
	i_fix_crc(a.buf, a.len);
	i_expect_refused(&p, a.buf, a.len, "twice", "section 8 where 9 belongs");
	free(a.buf);
	h_free(p.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(flipped_bits_are_refused),
		cmocka_unit_test(flipped_header_bits_with_a_good_checksum_are_refused),
		cmocka_unit_test(other_versions_and_cards_are_refused),
		cmocka_unit_test(card_with_other_capabilities_refuses),
		cmocka_unit_test(sections_out_of_order_are_refused),
	};

	return cmocka_run_group_tests_name("image_refuse", tests, NULL, NULL);
}
