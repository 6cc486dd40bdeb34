// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of the migration stream.  Pure: no allocation, no locks, no kernel
 * services; also built natively for tests and fuzzing.
 *
 * Every byte read here comes from user space.  A size is checked against what
 * its tag allows before anybody acts on it, and nothing is ever allocated from
 * it here: the caller lets its buffer grow with what has really arrived.
 */
#include <linux/errno.h>
#include "stream.h"

static void put_le(__u8 *to, __u64 value, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		to[i] = (__u8)(value >> (8 * i));
}

static __u64 get_le(const __u8 *from, unsigned int bytes)
{
	__u64 value = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		value |= (__u64)from[i] << (8 * i);
	return value;
}

/**
 * vfmig_stream_put_head - write the head of a record
 * @to: where to, VFMIG_STREAM_HEAD_SIZE bytes
 * @size: bytes that will follow the head
 * @flags: VFMIG_STREAM_F_*
 * @tag: VFMIG_STREAM_T_*
 *
 * Context: Any.
 */
void vfmig_stream_put_head(__u8 *to, __u64 size, __u32 flags, __u32 tag)
{
	put_le(to, size, 8);
	put_le(to + 8, flags, 4);
	put_le(to + 12, tag, 4);
}

/**
 * vfmig_stream_put_hint - write a whole STOP_COPY_SIZE record
 * @to: where to, VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_HINT_SIZE bytes
 * @size: the buffer size expected
 *
 * Context: Any.
 */
void vfmig_stream_put_hint(__u8 *to, __u64 size)
{
	vfmig_stream_put_head(to, VFMIG_STREAM_HINT_SIZE,
			      VFMIG_STREAM_F_OPTIONAL,
			      VFMIG_STREAM_T_STOP_COPY_SIZE);
	put_le(to + VFMIG_STREAM_HEAD_SIZE, size, VFMIG_STREAM_HINT_SIZE);
}

/**
 * vfmig_stream_crc - continue a CRC-32C
 * @crc: VFMIG_STREAM_CRC_INIT, or what came out before
 * @data: the bytes
 * @len: how many
 *
 * Made for heads, not for images: a bit at a time.
 *
 * Context: Any.
 * Return: The new value, not inverted.
 */
__u32 vfmig_stream_crc(__u32 crc, const __u8 *data, __u64 len)
{
	unsigned int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

/* Close a record of ours with its checksum, in its last four bytes. */
static void put_crc(__u8 *to, __u32 body)
{
	__u32 len = VFMIG_STREAM_HEAD_SIZE + body - 4;

	put_le(to + len, ~vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, to, len), 4);
}

/**
 * vfmig_stream_put_origin - write a whole ORIGIN record
 * @to: where to, VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_ORIGIN_SIZE bytes
 * @origin: what it says
 *
 * Context: Any.
 */
void vfmig_stream_put_origin(__u8 *to, const struct vfmig_origin *origin)
{
	__u8 *body = to + VFMIG_STREAM_HEAD_SIZE;
	unsigned int i;

	vfmig_stream_put_head(to, VFMIG_STREAM_ORIGIN_SIZE,
			      VFMIG_STREAM_F_OPTIONAL, VFMIG_STREAM_T_ORIGIN);
	put_le(body, VFMIG_STREAM_VERSION, 4);
	put_le(body + 4, origin->needs, 4);
	put_le(body + 8, origin->vendor, 2);
	put_le(body + 10, origin->device, 2);
	put_le(body + 12, origin->caps, 4);
	put_le(body + 16, origin->fw_major, 2);
	put_le(body + 18, origin->fw_minor, 2);
	put_le(body + 20, origin->fw_sub, 4);
	put_le(body + 24, origin->digest, 4);
	put_le(body + 28, 0, 4);
	for (i = 0; i < VFMIG_STREAM_PSID_SIZE; i++)
		body[32 + i] = origin->psid[i];
	for (i = 0; i < VFMIG_STREAM_DRIVER_SIZE; i++)
		body[48 + i] = origin->driver[i];
	put_crc(to, VFMIG_STREAM_ORIGIN_SIZE);
}

/**
 * vfmig_stream_put_check - write a whole CHECK record
 * @to: where to, VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_CHECK_SIZE bytes
 * @number: of the FW_DATA record that follows
 * @crc: vfmig_stream_crc() of that record, not inverted yet
 *
 * Context: Any.
 */
void vfmig_stream_put_check(__u8 *to, __u64 number, __u32 crc)
{
	__u8 *body = to + VFMIG_STREAM_HEAD_SIZE;

	vfmig_stream_put_head(to, VFMIG_STREAM_CHECK_SIZE,
			      VFMIG_STREAM_F_OPTIONAL, VFMIG_STREAM_T_CHECK);
	put_le(body, number, 8);
	put_le(body + 8, (__u32)~crc, 4);
	put_crc(to, VFMIG_STREAM_CHECK_SIZE);
}

/**
 * vfmig_stream_put_end - write a whole END record
 * @to: where to, VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_END_SIZE bytes
 * @images: FW_DATA records in the stream
 * @bytes: bytes in them, heads not counted
 *
 * Context: Any.
 */
void vfmig_stream_put_end(__u8 *to, __u64 images, __u64 bytes)
{
	__u8 *body = to + VFMIG_STREAM_HEAD_SIZE;

	vfmig_stream_put_head(to, VFMIG_STREAM_END_SIZE,
			      VFMIG_STREAM_F_OPTIONAL, VFMIG_STREAM_T_END);
	put_le(body, images, 8);
	put_le(body + 8, bytes, 8);
	put_le(body + 16, 0, 4);
	put_crc(to, VFMIG_STREAM_END_SIZE);
}

static int same_bytes(const __u8 *a, const __u8 *b, unsigned int len)
{
	while (len--)
		if (*a++ != *b++)
			return 0;
	return 1;
}

/**
 * vfmig_origin_refuse - can a stream be taken here?
 * @from: its origin
 * @here: what this side would say of itself
 *
 * Context: Any.
 * Return: NULL if it can, or why not.
 */
const char *vfmig_origin_refuse(const struct vfmig_origin *from,
				const struct vfmig_origin *here)
{
	if (from->vendor != here->vendor || from->device != here->device)
		return "origin is another device";
	if (!same_bytes(from->psid, here->psid, VFMIG_STREAM_PSID_SIZE))
		return "origin is another board (PSID)";
	if (from->fw_major != here->fw_major ||
	    from->fw_minor != here->fw_minor || from->fw_sub != here->fw_sub)
		return "origin has another firmware version";
	if (from->digest && here->digest && from->digest != here->digest)
		return "origin has other capabilities";
	return (void *)0;
}

static void expect_head(struct vfmig_parser *p)
{
	p->want = VFMIG_WANT_HEAD;
	p->have = 0;
	p->size = 0;
	p->left = 0;
}

/* Skip what is left of the record, which may be nothing. */
static void expect_rest(struct vfmig_parser *p)
{
	if (p->left)
		p->want = VFMIG_WANT_SKIP;
	else
		expect_head(p);
}

static int refuse_why(struct vfmig_parser *p, int err, const char *why)
{
	p->want = VFMIG_WANT_NOTHING;
	p->err = err;
	p->why = why;
	return err;
}

static int refuse(struct vfmig_parser *p, int err)
{
	return refuse_why(p, err, (void *)0);
}

/* Bytes of the present body that are collected here, if the tag has any. */
static __u32 body_size(const struct vfmig_parser *p)
{
	switch (p->tag) {
	case VFMIG_STREAM_T_STOP_COPY_SIZE:
		return VFMIG_STREAM_HINT_SIZE;
	case VFMIG_STREAM_T_ORIGIN:
		return VFMIG_STREAM_ORIGIN_SIZE;
	case VFMIG_STREAM_T_CHECK:
		return VFMIG_STREAM_CHECK_SIZE;
	case VFMIG_STREAM_T_END:
		return VFMIG_STREAM_END_SIZE;
	}
	return 0;
}

/* A record of ours, from its first byte on, ends with its checksum. */
static int body_is_whole(const struct vfmig_parser *p)
{
	__u32 len = body_size(p) - 4;
	__u32 crc;

	crc = vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, p->head,
			       VFMIG_STREAM_HEAD_SIZE);
	crc = vfmig_stream_crc(crc, p->body, len);
	return get_le(p->body + len, 4) == (__u32)~crc;
}

static int parse_origin(struct vfmig_parser *p)
{
	struct vfmig_origin *o = &p->origin;
	const char *why;
	unsigned int i;

	if (get_le(p->body, 4) != VFMIG_STREAM_VERSION)
		return refuse_why(p, -EOPNOTSUPP,
				  "origin speaks another version of the records");
	o->needs = (__u32)get_le(p->body + 4, 4);
	o->vendor = (__u16)get_le(p->body + 8, 2);
	o->device = (__u16)get_le(p->body + 10, 2);
	o->caps = (__u32)get_le(p->body + 12, 4);
	o->fw_major = (__u16)get_le(p->body + 16, 2);
	o->fw_minor = (__u16)get_le(p->body + 18, 2);
	o->fw_sub = (__u32)get_le(p->body + 20, 4);
	o->digest = (__u32)get_le(p->body + 24, 4);
	for (i = 0; i < VFMIG_STREAM_PSID_SIZE; i++)
		o->psid[i] = p->body[32 + i];
	for (i = 0; i < VFMIG_STREAM_DRIVER_SIZE; i++)
		o->driver[i] = p->body[48 + i];
	p->has_origin = 1;

	if (o->needs & ~VFMIG_STREAM_NEED_ALL)
		return refuse_why(p, -EOPNOTSUPP,
				  "origin needs something unknown");
	if (!p->here)
		return 0;
	if (o->needs & VFMIG_STREAM_NEED_MULTI_LOAD &&
	    !(p->here->caps & VFMIG_STREAM_CAP_MULTI_LOAD))
		return refuse_why(p, -EXDEV,
				  "the stream has several images, and the PF here lacks capability migration_multi_load");
	why = vfmig_origin_refuse(o, p->here);
	return why ? refuse_why(p, -EXDEV, why) : 0;
}

/* A short body is complete. */
static int parse_body(struct vfmig_parser *p)
{
	if (p->tag == VFMIG_STREAM_T_STOP_COPY_SIZE) {
		p->hint = get_le(p->body, VFMIG_STREAM_HINT_SIZE);
		return 0;
	}
	if (!body_is_whole(p))
		return refuse_why(p, -EBADMSG, "wrong checksum of a record");

	switch (p->tag) {
	case VFMIG_STREAM_T_ORIGIN:
		return parse_origin(p);
	case VFMIG_STREAM_T_CHECK:
		if (get_le(p->body, 8) != p->images)
			return refuse_why(p, -EBADMSG,
					  "images lost or out of order");
		p->check = (__u32)get_le(p->body + 8, 4);
		p->has_check = 1;
		return 0;
	case VFMIG_STREAM_T_END:
		if (get_le(p->body, 8) != p->images ||
		    get_le(p->body + 8, 8) != p->bytes)
			return refuse_why(p, -EBADMSG,
					  "images lost before the end");
		p->has_end = 1;
		return 0;
	}
	return 0;
}

/* Records of ours where they do not belong, or images without them. */
static const char *out_of_place(const struct vfmig_parser *p)
{
	switch (p->tag) {
	case VFMIG_STREAM_T_ORIGIN:
		return p->records > 1 ? "origin is not the first record" : (void *)0;
	case VFMIG_STREAM_T_CHECK:
	case VFMIG_STREAM_T_END:
		if (!p->has_origin)
			return "a stream of this driver without its first record";
		if (p->has_check)
			return "an image is missing";
		break;
	case VFMIG_STREAM_T_FW_DATA:
		if (p->has_origin && !p->has_check)
			return "an image without its checksum";
		break;
	default:
		return (void *)0;
	}
	return p->has_end ? "a record after the end" : (void *)0;
}

static int parse_head(struct vfmig_parser *p)
{
	__u32 flags = (__u32)get_le(p->head + 8, 4);
	const char *why;

	p->size = get_le(p->head, 8);
	p->tag = (__u32)get_le(p->head + 12, 4);
	p->left = p->size;
	p->have = 0;
	p->records++;

	if (flags & ~VFMIG_STREAM_F_ALL)
		return refuse(p, -EOPNOTSUPP);
	if (p->size > VFMIG_STREAM_MAX_RECORD)
		return refuse(p, -ENOMEM);
	why = out_of_place(p);
	if (why)
		return refuse_why(p, -EBADMSG, why);

	if (p->tag == VFMIG_STREAM_T_FW_DATA) {
		if (!p->size)
			return refuse(p, -EBADMSG);
		p->crc = vfmig_stream_crc(VFMIG_STREAM_CRC_INIT, p->head,
					  VFMIG_STREAM_HEAD_SIZE);
		p->want = VFMIG_WANT_IMAGE;
		return 0;
	}
	if (body_size(p)) {
		if (p->size < body_size(p))
			return refuse(p, -EBADMSG);
		p->want = VFMIG_WANT_BODY;
		return 0;
	}
	if (!(flags & VFMIG_STREAM_F_OPTIONAL))
		return refuse(p, -EOPNOTSUPP);
	expect_rest(p);
	return 0;
}

/**
 * vfmig_parser_init - get ready for the first byte of a stream
 * @p: the parser
 *
 * Context: Any.
 */
void vfmig_parser_init(struct vfmig_parser *p)
{
	*p = (struct vfmig_parser){ .want = VFMIG_WANT_HEAD };
}

/**
 * vfmig_parser_room - how many bytes the parser takes before @want may change
 * @p: the parser
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: The number of bytes, 0 for VFMIG_WANT_LOAD and VFMIG_WANT_NOTHING.
 */
__u64 vfmig_parser_room(const struct vfmig_parser *p)
{
	switch (p->want) {
	case VFMIG_WANT_HEAD:
		return VFMIG_STREAM_HEAD_SIZE - p->have;
	case VFMIG_WANT_BODY:
		return body_size(p) - p->have;
	case VFMIG_WANT_SKIP:
	case VFMIG_WANT_IMAGE:
		return p->left;
	case VFMIG_WANT_LOAD:
	case VFMIG_WANT_NOTHING:
		break;
	}
	return 0;
}

/**
 * vfmig_parser_put - hand over bytes of a head or of a short body
 * @p: the parser, in VFMIG_WANT_HEAD or VFMIG_WANT_BODY
 * @data: the bytes
 * @len: how many, at most vfmig_parser_room()
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: 0; -EBADMSG if the record is shorter than its tag needs, has a wrong
 * checksum or is out of place; -EOPNOTSUPP for an unknown flag, version or
 * mandatory tag; -ENOMEM for a size no record may have; -EXDEV if the stream
 * cannot be taken here; -EINVAL if the parser did not ask for these bytes.
 */
int vfmig_parser_put(struct vfmig_parser *p, const __u8 *data, __u32 len)
{
	int head = p->want == VFMIG_WANT_HEAD;
	__u8 *to = head ? p->head : p->body;
	__u32 i;
	int err;

	if ((!head && p->want != VFMIG_WANT_BODY) ||
	    len > vfmig_parser_room(p))
		return -EINVAL;

	for (i = 0; i < len; i++)
		to[p->have++] = data[i];
	if (!head)
		p->left -= len;
	if (vfmig_parser_room(p))
		return 0;

	if (head)
		return parse_head(p);
	err = parse_body(p);
	if (!err)
		expect_rest(p);
	return err;
}

/**
 * vfmig_parser_advance - tell that bytes have been stored or skipped
 * @p: the parser, in VFMIG_WANT_IMAGE or VFMIG_WANT_SKIP
 * @len: how many, at most vfmig_parser_room()
 *
 * Context: Any; the caller serialises all calls on one parser.
 */
void vfmig_parser_advance(struct vfmig_parser *p, __u64 len)
{
	if (p->want != VFMIG_WANT_IMAGE && p->want != VFMIG_WANT_SKIP)
		return;
	if (len > p->left)
		len = p->left;

	p->left -= len;
	if (p->left)
		return;
	if (p->want == VFMIG_WANT_IMAGE)
		p->want = VFMIG_WANT_LOAD;
	else
		expect_head(p);
}

/**
 * vfmig_parser_check - is the image what the source has sent?
 * @p: the parser, in VFMIG_WANT_LOAD, with @crc over the whole image
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: 0, or -EBADMSG; an image without a CHECK is taken as it is.
 */
int vfmig_parser_check(struct vfmig_parser *p)
{
	if (p->want != VFMIG_WANT_LOAD || !p->has_check ||
	    p->check == (__u32)~p->crc)
		return 0;
	return refuse_why(p, -EBADMSG, "wrong checksum of an image");
}

/**
 * vfmig_parser_loaded - tell that the firmware has taken the image
 * @p: the parser, in VFMIG_WANT_LOAD
 *
 * Context: Any; the caller serialises all calls on one parser.
 */
void vfmig_parser_loaded(struct vfmig_parser *p)
{
	if (p->want != VFMIG_WANT_LOAD)
		return;
	p->images++;
	p->bytes += p->size;
	p->has_check = 0;
	expect_head(p);
}

static int lacks_end(const struct vfmig_parser *p)
{
	return (p->has_origin || p->require_end) && !p->has_end;
}

/**
 * vfmig_parser_verdict - may the stream end here?
 * @p: the parser
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: 0; the error vfmig_parser_put() gave; -EBADMSG in the middle of a
 * record, or before the END that is due; -ENODATA if no image has been loaded.
 */
int vfmig_parser_verdict(const struct vfmig_parser *p)
{
	if (p->err)
		return p->err;
	if (p->want != VFMIG_WANT_HEAD || p->have)
		return -EBADMSG;
	if (!p->images)
		return -ENODATA;
	return lacks_end(p) ? -EBADMSG : 0;
}

/**
 * vfmig_parser_why - the verdict in words
 * @p: the parser
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: A constant string.
 */
const char *vfmig_parser_why(const struct vfmig_parser *p)
{
	if (p->why)
		return p->why;
	switch (p->err) {
	case 0:
		break;
	case -EOPNOTSUPP:
		return "unknown mandatory record or flag";
	case -ENOMEM:
		return "record size out of range";
	default:
		return "record shorter than its tag needs";
	}
	if (p->want != VFMIG_WANT_HEAD || p->have)
		return "stream cut inside a record";
	if (!p->images)
		return "no device data in the stream";
	return lacks_end(p) ? "stream cut before its end record" :
			      "stream complete";
}
