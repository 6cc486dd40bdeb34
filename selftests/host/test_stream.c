// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stream parser of the driver, built natively.  Statements of the
 * migration contract that are tested here: B44, B60, B63, B64.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader.h"

#define HEAD VFMIG_STREAM_HEAD_SIZE
#define OPT VFMIG_STREAM_F_OPTIONAL
#define DATA VFMIG_STREAM_T_FW_DATA
#define HINT VFMIG_STREAM_T_STOP_COPY_SIZE
#define UNKNOWN 0x77u

struct stream {
	uint8_t b[4096];
	size_t len;
};

static void add_head(struct stream *s, uint64_t size, uint32_t flags, uint32_t tag)
{
	vfmig_stream_put_head(s->b + s->len, size, flags, tag);
	s->len += HEAD;
}

static void add_body(struct stream *s, size_t len, uint8_t first)
{
	size_t i;

	for (i = 0; i < len; i++)
		s->b[s->len++] = (uint8_t)(first + i);
}

static void add(struct stream *s, size_t len, uint32_t flags, uint32_t tag, uint8_t first)
{
	add_head(s, len, flags, tag);
	add_body(s, len, first);
}

static void add_hint(struct stream *s, uint64_t size)
{
	vfmig_stream_put_hint(s->b + s->len, size);
	s->len += HEAD + VFMIG_STREAM_HINT_SIZE;
}

/* A hint, an image of 5 bytes, something unknown of 3, an image of 1 byte. */
static void make(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	add_hint(s, 0x1122334455667788);
	add(s, 5, 0, DATA, 0x10);
	add(s, 3, OPT, UNKNOWN, 0x80);
	add(s, 1, 0, DATA, 0x20);
}

static const uint8_t made_images[] = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x20 };

static void assert_made(const struct reader *r)
{
	assert_int_equal(vfmig_parser_verdict(&r->parser), 0);
	assert_int_equal(r->loads, 2);
	assert_int_equal(r->all_len, sizeof(made_images));
	assert_memory_equal(r->all, made_images, sizeof(made_images));
	assert_int_equal(r->skipped, 3);
	assert_int_equal(r->parser.hint, 0x1122334455667788);
}

static void head_is_little_endian(void **state)
{
	static const uint8_t want[] = {
		8, 7, 6, 5, 4, 3, 2, 1, 0x0c, 0x0b, 0x0a, 9, 0x10, 0x0f, 0x0e, 0x0d
	};
	uint8_t head[HEAD];

	(void)state;
	vfmig_stream_put_head(head, 0x0102030405060708, 0x090a0b0c, 0x0d0e0f10);
	assert_memory_equal(head, want, sizeof(want));
}

static void hint_is_a_whole_record(void **state)
{
	static const uint8_t want[] = {
		8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
		0, 0x10, 0, 0, 0, 0, 0, 0
	};
	uint8_t rec[sizeof(want)];

	(void)state;
	vfmig_stream_put_hint(rec, 4096);
	assert_memory_equal(rec, want, sizeof(want));
}

static void whole_stream_in_one_write(void **state)
{
	struct stream s;
	struct reader r;

	(void)state;
	make(&s);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_made(&r);
}

static void byte_by_byte(void **state)
{
	struct stream s;
	struct reader r;
	size_t i;

	(void)state;
	make(&s);
	reader_init(&r);
	for (i = 0; i < s.len; i++)
		assert_int_equal(reader_write(&r, s.b + i, 1), 0);
	assert_made(&r);
}

/* B60: two cuts anywhere, which covers each cut alone as well. */
static void b60_every_pair_of_cuts(void **state)
{
	struct stream s;
	struct reader r;
	size_t i, j;

	(void)state;
	make(&s);
	for (i = 0; i <= s.len; i++) {
		for (j = i; j <= s.len; j++) {
			reader_init(&r);
			assert_int_equal(reader_write(&r, s.b, i), 0);
			assert_int_equal(reader_write(&r, s.b + i, j - i), 0);
			assert_int_equal(reader_write(&r, s.b + j, s.len - j), 0);
			assert_made(&r);
		}
	}
}

/*
 * B64, B44: cut short anywhere.  Between records the format cannot tell an end
 * from a cut; but without an image no stream is complete.
 */
static void b64_every_truncated_length(void **state)
{
	const size_t after_hint = HEAD + 8;
	const size_t after_first = after_hint + HEAD + 5;
	const size_t after_skip = after_first + HEAD + 3;
	struct stream s;
	struct reader r;
	size_t i;

	(void)state;
	make(&s);
	for (i = 0; i < s.len; i++) {
		int want = -EBADMSG;

		if (i == 0 || i == after_hint)
			want = -ENODATA;
		else if (i == after_first || i == after_skip)
			want = 0;
		reader_init(&r);
		assert_int_equal(reader_write(&r, s.b, i), 0);
		assert_int_equal(vfmig_parser_verdict(&r.parser), want);
	}
}

/*
 * One image of 5 bytes with each bit of its head flipped.  Nothing of it may
 * load with success, except where the flip makes another good stream: none.
 */
static void every_bit_of_a_head(void **state)
{
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < 8 * HEAD; bit++) {
		struct stream s = { .len = 0 };
		struct reader r;
		int err;

		add(&s, 5, 0, DATA, 0x10);
		s.b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		reader_init(&r);
		err = reader_write(&r, s.b, s.len);

		if (bit < 32) {			/* size, low half */
			/* 1 and 4 are shorter: what is left is no head */
			assert_int_equal(err, 0);
			assert_int_equal(vfmig_parser_verdict(&r.parser), -EBADMSG);
		} else if (bit < 64) {		/* size, high half */
			assert_int_equal(err, -ENOMEM);
		} else if (bit == 64) {		/* optional: known all the same */
			assert_int_equal(err, 0);
			assert_int_equal(r.loads, 1);
			continue;
		} else if (bit < 96) {		/* flags that nobody knows */
			assert_int_equal(err, -EOPNOTSUPP);
		} else if (bit == 96) {		/* a hint shorter than a hint */
			assert_int_equal(err, -EBADMSG);
		} else {			/* mandatory, unknown */
			assert_int_equal(err, -EOPNOTSUPP);
		}
		if (err)
			assert_int_equal(vfmig_parser_verdict(&r.parser), err);
	}
}

static void b63_unknown_mandatory_tag(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add(&s, 4, 0, UNKNOWN, 0);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, HEAD - 1), 0);
	assert_int_equal(reader_write(&r, s.b + HEAD - 1, 1), -EOPNOTSUPP);
	assert_int_equal(r.parser.want, VFMIG_WANT_NOTHING);
	assert_int_equal(vfmig_parser_room(&r.parser), 0);
	assert_int_equal(vfmig_parser_verdict(&r.parser), -EOPNOTSUPP);
}

static void b63_record_above_4_gib(void **state)
{
	static const uint32_t tags[] = { DATA, HINT, UNKNOWN };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct stream s = { .len = 0 };
		struct reader r;

		add_head(&s, 0x100000000, OPT, tags[i]);
		reader_init(&r);
		assert_int_equal(reader_write(&r, s.b, s.len), -ENOMEM);
	}
}

/* E2.11: neither an image nor an unknown record is believed before it comes. */
static void huge_lengths_store_nothing(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add(&s, 7, OPT, UNKNOWN, 0);
	s.b[3] = 0xff;	/* ~4 GiB */
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(r.stored_max, 0);
	assert_int_equal(r.skipped, 7);
	assert_int_equal(vfmig_parser_room(&r.parser), 0xff000000);

	s.len = 0;
	add_head(&s, VFMIG_STREAM_MAX_RECORD, 0, DATA);
	add_body(&s, 9, 0);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(r.stored_max, 9);
	assert_int_equal(vfmig_parser_room(&r.parser), 0xffffffff - 9u);
	assert_int_equal(vfmig_parser_verdict(&r.parser), -EBADMSG);
}

static void empty_optional_record_is_skipped(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add(&s, 0, OPT, UNKNOWN, 0);
	add(&s, 2, 0, DATA, 1);
	add(&s, 0, OPT, 0xffffffff, 0);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(vfmig_parser_verdict(&r.parser), 0);
	assert_int_equal(r.loads, 1);
}

/* E2.6 */
static void image_of_no_bytes_is_refused(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add(&s, 0, 0, DATA, 0);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), -EBADMSG);
	assert_int_equal(r.loads, 0);
}

static void short_hint_is_refused(void **state)
{
	size_t len;

	(void)state;
	for (len = 0; len < 8; len++) {
		struct stream s = { .len = 0 };
		struct reader r;

		add(&s, len, OPT, HINT, 0);
		reader_init(&r);
		assert_int_equal(reader_write(&r, s.b, s.len), -EBADMSG);
	}
}

static void long_hint_is_taken_and_its_rest_skipped(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add(&s, 11, OPT, HINT, 1);
	add(&s, 1, 0, DATA, 9);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(r.parser.hint, 0x0807060504030201);
	assert_int_equal(r.skipped, 3);
	assert_int_equal(vfmig_parser_verdict(&r.parser), 0);
}

/* The other driver's streams hold any number of images. */
static void many_images_load_in_order(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;
	uint8_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		add(&s, 1, 0, DATA, i);
	reader_init(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(r.loads, 40);
	assert_int_equal(r.parser.images, 40);
	for (i = 0; i < 40; i++)
		assert_int_equal(r.all[i], i);
}

static void bytes_not_asked_for_are_refused(void **state)
{
	struct vfmig_parser p;
	uint8_t head[HEAD + 1];

	(void)state;
	memset(head, 0, sizeof(head));
	vfmig_parser_init(&p);
	assert_int_equal(vfmig_parser_put(&p, head, HEAD + 1), -EINVAL);
	vfmig_stream_put_head(head, 3, 0, DATA);
	assert_int_equal(vfmig_parser_put(&p, head, HEAD), 0);
	assert_int_equal(vfmig_parser_put(&p, head, 1), -EINVAL);
	vfmig_parser_loaded(&p);	/* nothing to load yet */
	assert_int_equal(p.images, 0);
	vfmig_parser_advance(&p, 100);	/* more than there is */
	assert_int_equal(p.want, VFMIG_WANT_LOAD);
	vfmig_parser_advance(&p, 1);
	vfmig_parser_loaded(&p);
	assert_int_equal(p.images, 1);
	assert_int_equal(vfmig_parser_verdict(&p), 0);
}

static void every_verdict_has_words(void **state)
{
	struct vfmig_parser p;

	(void)state;
	vfmig_parser_init(&p);
	assert_string_equal(vfmig_parser_why(&p), "no device data in the stream");
	p.have = 1;
	assert_string_equal(vfmig_parser_why(&p), "stream cut inside a record");
	p.have = 0;
	p.images = 1;
	assert_string_equal(vfmig_parser_why(&p), "stream complete");
	p.err = -EOPNOTSUPP;
	assert_string_equal(vfmig_parser_why(&p), "unknown mandatory record or flag");
	p.err = -ENOMEM;
	assert_string_equal(vfmig_parser_why(&p), "record size out of range");
	p.err = -EBADMSG;
	assert_string_equal(vfmig_parser_why(&p), "record shorter than its tag needs");
}

/* ---- records of ours ---- */

static const struct vfmig_origin here = {
	.needs = 0, .caps = VFMIG_STREAM_CAP_MULTI_LOAD, .vendor = 0x15b3,
	.device = 0x101e, .fw_major = 28, .fw_minor = 43, .fw_sub = 2046,
	.digest = 0x12345678, .psid = "MT_0000000999", .driver = "test",
};

static void add_check(struct stream *s, uint64_t number, size_t len, uint8_t first)
{
	uint8_t rec[HEAD + 64];
	size_t i;

	vfmig_stream_put_head(rec, len, 0, DATA);
	for (i = 0; i < len; i++)
		rec[HEAD + i] = (uint8_t)(first + i);
	vfmig_stream_put_check(s->b + s->len, number,
			       vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, rec, HEAD + len));
	s->len += HEAD + VFMIG_STREAM_CHECK_SIZE;
}

static void add_end(struct stream *s, uint64_t count, uint64_t bytes)
{
	vfmig_stream_put_end(s->b + s->len, count, bytes);
	s->len += HEAD + VFMIG_STREAM_END_SIZE;
}

static void add_origin(struct stream *s, const struct vfmig_origin *o)
{
	vfmig_stream_put_origin(s->b + s->len, o);
	s->len += HEAD + VFMIG_STREAM_ORIGIN_SIZE;
}

/* As the driver sends it: two images. */
static void make_ours(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	add_origin(s, &here);
	add_hint(s, 4096);
	add_check(s, 0, 5, 0x10);
	add(s, 5, 0, DATA, 0x10);
	add(s, 3, OPT, UNKNOWN, 0x80);
	add_check(s, 1, 1, 0x20);
	add(s, 1, 0, DATA, 0x20);
	add_end(s, 2, 6);
}

static void reader_init_here(struct reader *r)
{
	reader_init(r);
	r->parser.here = &here;
}

static int take(struct stream *s, size_t len, struct reader *r)
{
	int err;

	reader_init_here(r);
	err = reader_write(r, s->b, len);
	return err ? err : vfmig_parser_verdict(&r->parser);
}

static void crc_is_crc32c(void **state)
{
	(void)state;
	assert_int_equal(~vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, (const uint8_t *)"123456789", 9),
			 ~0x1cf96d7cu);
}

static void records_of_ours_are_verified(void **state)
{
	struct stream s;
	struct reader r;

	(void)state;
	make_ours(&s);
	assert_int_equal(take(&s, s.len, &r), 0);
	assert_int_equal(r.loads, 2);
	assert_memory_equal(r.all, made_images, sizeof(made_images));
	assert_int_equal(r.parser.origin.fw_sub, 2046);
	assert_int_equal(r.parser.has_end, 1);
	assert_string_equal(vfmig_parser_why(&r.parser), "stream complete");
}

static void ours_every_pair_of_cuts(void **state)
{
	struct stream s;
	struct reader r;
	size_t i, j;

	(void)state;
	make_ours(&s);
	for (i = 0; i <= s.len; i += 3) {
		for (j = i; j <= s.len; j++) {
			reader_init_here(&r);
			assert_int_equal(reader_write(&r, s.b, i), 0);
			assert_int_equal(reader_write(&r, s.b + i, j - i), 0);
			assert_int_equal(reader_write(&r, s.b + j, s.len - j), 0);
			assert_int_equal(vfmig_parser_verdict(&r.parser), 0);
			assert_int_equal(r.loads, 2);
		}
	}
}

/* B64: there is no length but the whole that is taken, record boundaries included. */
static void ours_cut_anywhere_is_refused(void **state)
{
	struct stream s;
	struct reader r;
	size_t i;

	(void)state;
	make_ours(&s);
	for (i = 0; i < s.len; i++)
		assert_int_not_equal(take(&s, i, &r), 0);
	/* before END: all images are there, and the stream says that more was due */
	i = s.len - HEAD - VFMIG_STREAM_END_SIZE;
	assert_int_equal(take(&s, i, &r), -EBADMSG);
	assert_int_equal(r.loads, 2);
	assert_string_equal(vfmig_parser_why(&r.parser), "stream cut before its end record");
}

/*
 * B65: every bit.  Only what no reader relies on may change: the hint, the record that nobody
 * knows, and whether an image is marked optional, which its checksum sees.
 */
static void ours_every_flipped_bit_is_refused(void **state)
{
	const size_t hint = HEAD + VFMIG_STREAM_ORIGIN_SIZE;
	const size_t first = hint + HEAD + 8 + HEAD + VFMIG_STREAM_CHECK_SIZE;
	const size_t stranger = first + HEAD + 5;
	struct stream s;
	struct reader r;
	size_t bit;

	(void)state;
	make_ours(&s);
	for (bit = 0; bit < 8 * s.len; bit++) {
		size_t at = bit / 8;
		int err;

		s.b[at] ^= (uint8_t)(1u << (bit % 8));
		err = take(&s, s.len, &r);
		s.b[at] ^= (uint8_t)(1u << (bit % 8));
		if (err)
			continue;
		if (at >= hint && at < hint + HEAD + 8)
			continue;
		if (at >= stranger && at < stranger + HEAD + 3)
			continue;
		fail_msg("bit %zu of byte %zu was not missed", bit % 8, at);
	}
}

static void image_is_not_loaded_with_a_flipped_bit(void **state)
{
	struct stream s;
	struct reader r;

	(void)state;
	make_ours(&s);
	s.b[HEAD + VFMIG_STREAM_ORIGIN_SIZE + HEAD + 8 + HEAD + VFMIG_STREAM_CHECK_SIZE + HEAD] ^= 1;
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	assert_int_equal(r.loads, 0);
	assert_string_equal(vfmig_parser_why(&r.parser), "wrong checksum of an image");
}

static void images_out_of_order_are_refused(void **state)
{
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	add_origin(&s, &here);
	add_check(&s, 1, 2, 0);
	add(&s, 2, 0, DATA, 0);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	assert_int_equal(r.loads, 0);

	s.len = 0;
	add_origin(&s, &here);
	add_check(&s, 0, 2, 0);
	add(&s, 2, 0, DATA, 0);
	add_end(&s, 2, 4);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	assert_int_equal(r.loads, 1);
}

static void records_out_of_place_are_refused(void **state)
{
	struct stream s;
	struct reader r;

	(void)state;
	memset(&s, 0, sizeof(s));	/* not first */
	add_hint(&s, 1);
	add_origin(&s, &here);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	s.len = 0;			/* no origin */
	add_check(&s, 0, 2, 0);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	s.len = 0;			/* no checksum */
	add_origin(&s, &here);
	add(&s, 2, 0, DATA, 0);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	make_ours(&s);			/* after the end */
	add(&s, 2, 0, DATA, 0);
	assert_int_equal(take(&s, s.len, &r), -EBADMSG);
	make_ours(&s);			/* strangers may */
	add(&s, 2, OPT, UNKNOWN, 0);
	assert_int_equal(take(&s, s.len, &r), 0);
}

/* B66: after the first record, with nothing loaded. */
static void other_origins_are_refused_by_the_first_record(void **state)
{
	struct vfmig_origin o[7];
	struct reader r;
	size_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		o[i] = here;
	o[0].fw_sub++;
	o[1].fw_minor--;
	o[2].fw_major++;
	o[3].psid[3] ^= 1;
	o[4].device = 0x101f;
	o[5].digest ^= 1;
	o[6].needs = 2;
	for (i = 0; i < 7; i++) {
		struct stream s = { .len = 0 };

		add_origin(&s, &o[i]);
		assert_int_equal(take(&s, s.len, &r), i == 6 ? -EOPNOTSUPP : -EXDEV);
		/* unless nobody compares */
		if (i == 6)
			continue;
		reader_init(&r);
		assert_int_equal(reader_write(&r, s.b, s.len), 0);
	}
}

static void several_images_need_multi_load(void **state)
{
	struct vfmig_origin o = here, poor = here;
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	o.needs = VFMIG_STREAM_NEED_MULTI_LOAD;
	poor.caps = 0;
	add_origin(&s, &o);
	reader_init(&r);
	r.parser.here = &poor;
	assert_int_equal(reader_write(&r, s.b, s.len), -EXDEV);
	reader_init_here(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
}

static void an_unknown_digest_is_no_difference(void **state)
{
	struct vfmig_origin o = here;
	struct stream s = { .len = 0 };
	struct reader r;

	(void)state;
	o.digest = 0;
	add_origin(&s, &o);
	reader_init_here(&r);
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
}

static void end_can_be_required(void **state)
{
	struct stream s;
	struct reader r;

	(void)state;
	make(&s);	/* the other driver's */
	reader_init(&r);
	r.parser.require_end = 1;
	assert_int_equal(reader_write(&r, s.b, s.len), 0);
	assert_int_equal(vfmig_parser_verdict(&r.parser), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_is_little_endian),
		cmocka_unit_test(hint_is_a_whole_record),
		cmocka_unit_test(whole_stream_in_one_write),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(b60_every_pair_of_cuts),
		cmocka_unit_test(b64_every_truncated_length),
		cmocka_unit_test(every_bit_of_a_head),
		cmocka_unit_test(b63_unknown_mandatory_tag),
		cmocka_unit_test(b63_record_above_4_gib),
		cmocka_unit_test(huge_lengths_store_nothing),
		cmocka_unit_test(empty_optional_record_is_skipped),
		cmocka_unit_test(image_of_no_bytes_is_refused),
		cmocka_unit_test(short_hint_is_refused),
		cmocka_unit_test(long_hint_is_taken_and_its_rest_skipped),
		cmocka_unit_test(many_images_load_in_order),
		cmocka_unit_test(bytes_not_asked_for_are_refused),
		cmocka_unit_test(every_verdict_has_words),
		cmocka_unit_test(crc_is_crc32c),
		cmocka_unit_test(records_of_ours_are_verified),
		cmocka_unit_test(ours_every_pair_of_cuts),
		cmocka_unit_test(ours_cut_anywhere_is_refused),
		cmocka_unit_test(ours_every_flipped_bit_is_refused),
		cmocka_unit_test(image_is_not_loaded_with_a_flipped_bit),
		cmocka_unit_test(images_out_of_order_are_refused),
		cmocka_unit_test(records_out_of_place_are_refused),
		cmocka_unit_test(other_origins_are_refused_by_the_first_record),
		cmocka_unit_test(several_images_need_multi_load),
		cmocka_unit_test(an_unknown_digest_is_no_difference),
		cmocka_unit_test(end_can_be_required),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
