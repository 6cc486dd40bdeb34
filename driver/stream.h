/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of the migration stream: writing heads, and reading a stream that
 * arrives in pieces of any size.  No kernel service is used, so that the same
 * file is built natively for tests and fuzzing.
 */
#ifndef VFMIG_DRIVER_STREAM_H
#define VFMIG_DRIVER_STREAM_H

#include <linux/types.h>
#include "vfmig_stream.h"

/* What the parser waits for. */
enum vfmig_want {
	VFMIG_WANT_HEAD,	/* bytes of a head, through vfmig_parser_put() */
	VFMIG_WANT_HINT,	/* bytes of a hint, through vfmig_parser_put() */
	VFMIG_WANT_SKIP,	/* bytes nobody needs, vfmig_parser_advance() */
	VFMIG_WANT_IMAGE,	/* bytes of an image, vfmig_parser_advance() */
	VFMIG_WANT_LOAD,	/* no bytes: vfmig_parser_loaded() */
	VFMIG_WANT_NOTHING,	/* the stream is bad, see @err */
};

/*
 * A stream being read.  @want says what comes next; @left is how many bytes of
 * the present record's body are still to come.  Payload never passes through
 * here: the caller puts it where it belongs and reports how much it was.
 */
struct vfmig_parser {
	enum vfmig_want want;
	__u32 have;		/* bytes in @scratch */
	__u8 scratch[VFMIG_STREAM_HEAD_SIZE];
	__u64 size;		/* of the present record's body */
	__u64 left;
	__u32 tag;
	__u64 hint;		/* last STOP_COPY_SIZE, 0 if there was none */
	__u64 images;		/* that vfmig_parser_loaded() has counted */
	int err;
};

void vfmig_stream_put_head(__u8 *to, __u64 size, __u32 flags, __u32 tag);
void vfmig_stream_put_hint(__u8 *to, __u64 size);

void vfmig_parser_init(struct vfmig_parser *p);
__u64 vfmig_parser_room(const struct vfmig_parser *p);
int vfmig_parser_put(struct vfmig_parser *p, const __u8 *data, __u32 len);
void vfmig_parser_advance(struct vfmig_parser *p, __u64 len);
void vfmig_parser_loaded(struct vfmig_parser *p);
int vfmig_parser_verdict(const struct vfmig_parser *p);
const char *vfmig_parser_why(const struct vfmig_parser *p);

#endif /* VFMIG_DRIVER_STREAM_H */
