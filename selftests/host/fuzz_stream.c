// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzing the stream parser.  Of the input, the first byte says how the rest is
 * cut into writes, the second what the reader insists on and which checksums
 * and counts of the records are made good before.  However the stream is cut,
 * the result has to be that of one write; and a stream that is accepted has to
 * be one that its records describe.
 *
 * scripts/fuzz builds and runs it; "fuzz_stream --seeds DIR" makes inputs to
 * start with.
 */
#include <stdio.h>
#include <stdlib.h>

#include "reader.h"

#define HEAD VFMIG_STREAM_HEAD_SIZE
#define MAX_STREAM 65536

/* Bits of the second byte. */
#define REQUIRE_END	0x01	/* the reader insists on an end record */
#define COMPARE		0x02	/* it compares the origin with its own */
#define NO_MULTI_LOAD	0x04	/* and takes one image only */
#define BAD_SUMS	0x08	/* leave the checksums of our records as they are */
#define BAD_COUNTS	0x10	/* and numbers, and the checksums of images */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)								\
	do {								\
		if (!(x)) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				__LINE__, #x);				\
			abort();					\
		}							\
	} while (0)

static const struct vfmig_origin here = {
	.caps = VFMIG_STREAM_CAP_MULTI_LOAD | VFMIG_STREAM_CAP_TRACKING,
	.vendor = 0x15b3,
	.device = 0x101e,
	.fw_major = 28,
	.fw_minor = 43,
	.fw_sub = 1014,
	.digest = 0x12345678,
	.psid = "MT_0000000838",
	.driver = "mlx5_vfmig",
};

/* ---- making records good --------------------------------------------------------------- */

static uint64_t le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

struct totals {
	uint64_t images, bytes;
};

/* The body of a record of ours, @size bytes of which are in the stream. */
static void fix_record(uint8_t *rec, uint64_t size, size_t left, unsigned int flags,
		       const struct totals *t)
{
	uint32_t tag = (uint32_t)le(rec + 12, 4);
	uint8_t *body = rec + HEAD;
	uint32_t own = tag == VFMIG_STREAM_T_ORIGIN ? VFMIG_STREAM_ORIGIN_SIZE :
		       tag == VFMIG_STREAM_T_CHECK ? VFMIG_STREAM_CHECK_SIZE :
		       tag == VFMIG_STREAM_T_END ? VFMIG_STREAM_END_SIZE : 0;

	if (!own || size < own || size > left)
		return;
	if (tag == VFMIG_STREAM_T_CHECK && !(flags & BAD_COUNTS)) {
		const uint8_t *image = body + size;
		size_t room = left - (size_t)size;
		uint64_t len = room >= HEAD ? le(image, 8) : 0;

		put_le(body, t->images, 8);
		if (room >= HEAD && len <= room - HEAD)
			put_le(body + 8, (uint32_t)~vfmig_stream_crc(VFMIG_STREAM_CRC_INIT,
								     image, HEAD + len), 4);
	} else if (tag == VFMIG_STREAM_T_END && !(flags & BAD_COUNTS)) {
		put_le(body, t->images, 8);
		put_le(body + 8, t->bytes, 8);
	}
	if (!(flags & BAD_SUMS))
		put_le(body + own - 4, (uint32_t)~vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, rec,
								   HEAD + own - 4), 4);
}

static void fix_stream(uint8_t *s, size_t len, unsigned int flags)
{
	struct totals t = { 0, 0 };

	for (size_t pos = 0; len - pos >= HEAD;) {
		uint64_t size = le(s + pos, 8);
		size_t left = len - pos - HEAD;

		fix_record(s + pos, size, left, flags, &t);
		if (size > left)
			return;
		if (le(s + pos + 12, 4) == VFMIG_STREAM_T_FW_DATA) {
			t.images++;
			t.bytes += size;
		}
		pos += HEAD + (size_t)size;
	}
}

/* ---- what an accepted stream must be ---------------------------------------------------- */

static void must_be_whole(const uint8_t *s, size_t len, unsigned int flags,
			  const struct reader *r)
{
	struct totals t = { 0, 0 };
	uint32_t first = len >= HEAD ? (uint32_t)le(s + 12, 4) : 0;
	size_t pos = 0;

	while (pos < len) {
		uint64_t size;

		MUST(len - pos >= HEAD);
		size = le(s + pos, 8);
		MUST(size <= len - pos - HEAD);
		MUST(!(le(s + pos + 8, 4) & ~VFMIG_STREAM_F_ALL));
		if (le(s + pos + 12, 4) == VFMIG_STREAM_T_FW_DATA) {
			MUST(size);
			t.images++;
			t.bytes += size;
		}
		pos += HEAD + (size_t)size;
	}
	MUST(t.images && t.images == r->loads && t.images == r->parser.images);
	MUST(t.bytes == r->parser.bytes);
	MUST(r->parser.has_origin == (first == VFMIG_STREAM_T_ORIGIN));
	if (r->parser.has_origin || flags & REQUIRE_END)
		MUST(r->parser.has_end);
	if (r->parser.has_origin && flags & COMPARE)
		MUST(!vfmig_origin_refuse(&r->parser.origin, &here));
}

static void start(struct reader *r, unsigned int flags, struct vfmig_origin *own)
{
	*own = here;
	if (flags & NO_MULTI_LOAD)
		own->caps &= ~VFMIG_STREAM_CAP_MULTI_LOAD;
	reader_init(r);
	r->parser.here = flags & COMPARE ? own : NULL;
	r->parser.require_end = flags & REQUIRE_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader whole, cut;
	static uint8_t s[MAX_STREAM];
	struct vfmig_origin own;
	unsigned int flags;
	size_t step, pos;
	int err_whole;
	int err_cut = 0;

	if (size < 2)
		return 0;
	step = data[0] % 37u + 1u;
	flags = data[1];
	size = size - 2 < MAX_STREAM ? size - 2 : MAX_STREAM;
	memcpy(s, data + 2, size);
	fix_stream(s, size, flags);

	start(&whole, flags, &own);
	err_whole = reader_write(&whole, s, size);

	start(&cut, flags, &own);
	for (pos = 0; pos < size && !err_cut; pos += step)
		err_cut = reader_write(&cut, s + pos, size - pos < step ? size - pos : step);

	MUST(err_whole == err_cut && whole.loads == cut.loads && whole.skipped == cut.skipped);
	MUST(vfmig_parser_verdict(&whole.parser) == vfmig_parser_verdict(&cut.parser));
	MUST(whole.all_len == cut.all_len && !memcmp(whole.all, cut.all, whole.all_len));
	MUST(vfmig_parser_why(&whole.parser));
	if (!vfmig_parser_verdict(&whole.parser))
		must_be_whole(s, size, flags, &whole);
	return 0;
}

/* ---- seeds ------------------------------------------------------------------------------ */

struct seed {
	uint8_t b[4096];
	size_t len;
};

static void add(struct seed *s, size_t size, uint32_t flags, uint32_t tag)
{
	vfmig_stream_put_head(s->b + s->len, size, flags, tag);
	s->len += HEAD;
	memset(s->b + s->len, (int)tag + 1, size);
	s->len += size;
}

static void add_hint(struct seed *s)
{
	vfmig_stream_put_hint(s->b + s->len, 4096);
	s->len += HEAD + VFMIG_STREAM_HINT_SIZE;
}

static void add_check(struct seed *s)
{
	vfmig_stream_put_check(s->b + s->len, 0, 0); /* is made good */
	s->len += HEAD + VFMIG_STREAM_CHECK_SIZE;
}

/* What this driver sends: @images of them. */
static void add_ours(struct seed *s, unsigned int images)
{
	struct vfmig_origin from = here;

	from.needs = images > 1 ? VFMIG_STREAM_NEED_MULTI_LOAD : 0;
	vfmig_stream_put_origin(s->b + s->len, &from);
	s->len += HEAD + VFMIG_STREAM_ORIGIN_SIZE;
	add_hint(s);
	while (images--) {
		add_check(s);
		add(s, 20 + images, 0, VFMIG_STREAM_T_FW_DATA);
	}
	vfmig_stream_put_end(s->b + s->len, 0, 0);
	s->len += HEAD + VFMIG_STREAM_END_SIZE;
}

static void write_seed(const char *dir, const char *name, const struct seed *s)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	MUST(f && fwrite(s->b, 1, s->len, f) == s->len && !fclose(f));
}

static void make_seeds(const char *dir)
{
	struct seed s = { .b = { 4, 0 }, .len = 2 };

	add_hint(&s);
	add(&s, 30, 0, VFMIG_STREAM_T_FW_DATA);
	add(&s, 10, VFMIG_STREAM_F_OPTIONAL, 0x77);
	add(&s, 40, 0, VFMIG_STREAM_T_FW_DATA);
	write_seed(dir, "in-kernel-driver", &s);

	s = (struct seed){ .b = { 1, REQUIRE_END | COMPARE }, .len = 2 };
	add_ours(&s, 1);
	write_seed(dir, "one-image", &s);

	s = (struct seed){ .b = { 20, COMPARE }, .len = 2 };
	add_ours(&s, 3);
	add(&s, 5, VFMIG_STREAM_F_OPTIONAL, 0x77);
	write_seed(dir, "three-images", &s);
	s.b[1] |= NO_MULTI_LOAD;
	write_seed(dir, "three-images-for-one", &s);
	s.b[1] = BAD_COUNTS;
	write_seed(dir, "wrong-counts", &s);
	s.b[1] = BAD_SUMS;
	write_seed(dir, "wrong-sums", &s);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc == 3 && !strcmp((*argv)[1], "--seeds")) {
		make_seeds((*argv)[2]);
		exit(0);
	}
	return 0;
}
