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
	VFMIG_WANT_BODY,	/* bytes of a short body, the same way */
	VFMIG_WANT_SKIP,	/* bytes nobody needs, vfmig_parser_advance() */
	VFMIG_WANT_IMAGE,	/* bytes of an image, vfmig_parser_advance() */
	VFMIG_WANT_LOAD,	/* no bytes: vfmig_parser_loaded() */
	VFMIG_WANT_NOTHING,	/* the stream is bad, see @err */
};

/* What ORIGIN says. */
struct vfmig_origin {
	__u32 needs;		/* VFMIG_STREAM_NEED_* */
	__u32 caps;		/* VFMIG_STREAM_CAP_* */
	__u16 vendor;
	__u16 device;
	__u16 fw_major;
	__u16 fw_minor;
	__u32 fw_sub;
	__u32 digest;
	__u8 psid[VFMIG_STREAM_PSID_SIZE];
	__u8 driver[VFMIG_STREAM_DRIVER_SIZE];
};

/*
 * A stream being read.  @want says what comes next; @left is how many bytes of
 * the present record's body are still to come.  Payload never passes through
 * here: the caller puts it where it belongs and reports how much it was.  It
 * also continues @crc over the bytes of an image with vfmig_stream_crc(), or
 * with something faster of the same result.
 */
struct vfmig_parser {
	enum vfmig_want want;
	__u32 have;		/* bytes of the present head or body */
	__u8 head[VFMIG_STREAM_HEAD_SIZE];
	__u8 body[VFMIG_STREAM_ORIGIN_SIZE];
	__u64 size;		/* of the present record's body */
	__u64 left;
	__u32 tag;
	__u64 records;		/* heads that were complete */
	__u64 hint;		/* last STOP_COPY_SIZE, 0 if there was none */
	__u64 images;		/* that vfmig_parser_loaded() has counted */
	__u64 bytes;		/* in these */

	/* set by the caller before the first byte */
	const struct vfmig_origin *here; /* to compare with, or NULL */
	int require_end;	/* a stream without END is not complete */

	struct vfmig_origin origin;
	int has_origin;
	int has_check;		/* for the image that comes next */
	__u32 check;		/* what its checksum has to be */
	__u32 crc;		/* what it is so far */
	int has_end;
	int err;
	const char *why;	/* the error in words, if there is more to say */
};

/* To begin a checksum with; what comes out at the end is to be inverted. */
#define VFMIG_STREAM_CRC_INIT	0xffffffffu

__u32 vfmig_stream_crc(__u32 crc, const __u8 *data, __u64 len);
void vfmig_stream_put_origin(__u8 *to, const struct vfmig_origin *origin);
void vfmig_stream_put_check(__u8 *to, __u64 number, __u32 crc);
void vfmig_stream_put_end(__u8 *to, __u64 images, __u64 bytes);
const char *vfmig_origin_refuse(const struct vfmig_origin *from,
				const struct vfmig_origin *here);
void vfmig_stream_put_head(__u8 *to, __u64 size, __u32 flags, __u32 tag);
void vfmig_stream_put_hint(__u8 *to, __u64 size);

void vfmig_parser_init(struct vfmig_parser *p);
__u64 vfmig_parser_room(const struct vfmig_parser *p);
int vfmig_parser_put(struct vfmig_parser *p, const __u8 *data, __u32 len);
void vfmig_parser_advance(struct vfmig_parser *p, __u64 len);
int vfmig_parser_check(struct vfmig_parser *p);
void vfmig_parser_loaded(struct vfmig_parser *p);
int vfmig_parser_verdict(const struct vfmig_parser *p);
const char *vfmig_parser_why(const struct vfmig_parser *p);

#endif /* VFMIG_DRIVER_STREAM_H */
