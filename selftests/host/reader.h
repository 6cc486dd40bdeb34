/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of streams around the driver's parser, as simple as can be: what
 * driver/resume.c does, with flat memory in place of pages and of firmware.
 */
#ifndef VFMIG_TEST_READER_H
#define VFMIG_TEST_READER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "stream.h"

#define READER_MAX_IMAGE 256

struct reader {
	struct vfmig_parser parser;
	uint8_t image[READER_MAX_IMAGE];	/* the present image */
	uint8_t all[4096];			/* all images that were loaded */
	size_t all_len;
	unsigned int loads;
	uint64_t skipped;
	uint64_t stored_max;			/* largest offset written to */
};

static inline void reader_init(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	vfmig_parser_init(&r->parser);
}

/* One write(): all of it, or the error at which the stream is refused. */
static inline int reader_write(struct reader *r, const uint8_t *data, size_t len)
{
	struct vfmig_parser *p = &r->parser;

	while (len || p->want == VFMIG_WANT_LOAD) {
		uint64_t room = vfmig_parser_room(p);
		size_t n = len < room ? len : (size_t)room;
		uint64_t pos = p->size - p->left;
		size_t keep;
		int err;

		switch (p->want) {
		case VFMIG_WANT_HEAD:
		case VFMIG_WANT_BODY:
			err = vfmig_parser_put(p, data, (__u32)n);
			if (err)
				return err;
			break;
		case VFMIG_WANT_SKIP:
			vfmig_parser_advance(p, n);
			r->skipped += n;
			break;
		case VFMIG_WANT_IMAGE:
			keep = n;
			if (pos >= READER_MAX_IMAGE)
				keep = 0;
			else if (pos + keep > READER_MAX_IMAGE)
				keep = READER_MAX_IMAGE - (size_t)pos;
			memcpy(r->image + (keep ? pos : 0), data, keep);
			p->crc = vfmig_stream_crc(p->crc, data, n);
			if (pos + n > r->stored_max)
				r->stored_max = pos + n;
			vfmig_parser_advance(p, n);
			break;
		case VFMIG_WANT_LOAD:
			n = 0;
			err = vfmig_parser_check(p);
			if (err)
				return err;
			keep = p->size < READER_MAX_IMAGE ? (size_t)p->size :
				READER_MAX_IMAGE;
			if (keep > sizeof(r->all) - r->all_len)
				keep = sizeof(r->all) - r->all_len;
			memcpy(r->all + r->all_len, r->image, keep);
			r->all_len += keep;
			r->loads++;
			vfmig_parser_loaded(p);
			break;
		case VFMIG_WANT_NOTHING:
			return -1;
		}
		data += n;
		len -= n;
	}
	return 0;
}

#endif /* VFMIG_TEST_READER_H */
