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

static int refuse(struct vfmig_parser *p, int err)
{
	p->want = VFMIG_WANT_NOTHING;
	p->err = err;
	return err;
}

static int parse_head(struct vfmig_parser *p)
{
	__u32 flags = (__u32)get_le(p->scratch + 8, 4);

	p->size = get_le(p->scratch, 8);
	p->tag = (__u32)get_le(p->scratch + 12, 4);
	p->left = p->size;
	p->have = 0;

	if (flags & ~VFMIG_STREAM_F_ALL)
		return refuse(p, -EOPNOTSUPP);
	if (p->size > VFMIG_STREAM_MAX_RECORD)
		return refuse(p, -ENOMEM);

	switch (p->tag) {
	case VFMIG_STREAM_T_FW_DATA:
		if (!p->size)
			return refuse(p, -EBADMSG);
		p->want = VFMIG_WANT_IMAGE;
		return 0;
	case VFMIG_STREAM_T_STOP_COPY_SIZE:
		if (p->size < VFMIG_STREAM_HINT_SIZE)
			return refuse(p, -EBADMSG);
		p->want = VFMIG_WANT_HINT;
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
	case VFMIG_WANT_HINT:
		return VFMIG_STREAM_HINT_SIZE - p->have;
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
 * vfmig_parser_put - hand over bytes of a head or of a hint
 * @p: the parser, in VFMIG_WANT_HEAD or VFMIG_WANT_HINT
 * @data: the bytes
 * @len: how many, at most vfmig_parser_room()
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: 0; -EBADMSG if the record is shorter than its tag needs;
 * -EOPNOTSUPP for an unknown flag or an unknown mandatory tag; -ENOMEM for a
 * size no record may have; -EINVAL if the parser did not ask for these bytes.
 */
int vfmig_parser_put(struct vfmig_parser *p, const __u8 *data, __u32 len)
{
	__u32 i;

	if ((p->want != VFMIG_WANT_HEAD && p->want != VFMIG_WANT_HINT) ||
	    len > vfmig_parser_room(p))
		return -EINVAL;

	for (i = 0; i < len; i++)
		p->scratch[p->have++] = data[i];
	if (p->want == VFMIG_WANT_HINT)
		p->left -= len;
	if (vfmig_parser_room(p))
		return 0;

	if (p->want == VFMIG_WANT_HEAD)
		return parse_head(p);

	p->hint = get_le(p->scratch, VFMIG_STREAM_HINT_SIZE);
	expect_rest(p);
	return 0;
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
	expect_head(p);
}

/**
 * vfmig_parser_verdict - may the stream end here?
 * @p: the parser
 *
 * Context: Any; the caller serialises all calls on one parser.
 * Return: 0; the error vfmig_parser_put() gave; -EBADMSG in the middle of a
 * record; -ENODATA if no image has been loaded.
 */
int vfmig_parser_verdict(const struct vfmig_parser *p)
{
	if (p->err)
		return p->err;
	if (p->want != VFMIG_WANT_HEAD || p->have)
		return -EBADMSG;
	return p->images ? 0 : -ENODATA;
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
	return p->images ? "stream complete" : "no device data in the stream";
}
