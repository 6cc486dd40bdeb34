// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bulk state of a VHCA: as many bytes as a property says, that stand for the flow tables, contexts and
 * counters of a VF that is much used. It is never in memory: block i, 4 KiB, after its g-th change has
 * the bytes that a generator makes of (seed, i, g). While the VHCA runs, blocks change one after the other,
 * round and round, at a given rate; so the number of changes so far, @changes, says all about them.
 *
 * What is to be sent is a sequence: the blocks 0, 1, ... n-1 once, then the block of each change. @sent is
 * how far it has gone; a block goes as it is at that moment. So the far side has everything when
 * sent == blocks + changes. Being more than n behind is the same as n: every block once.
 *
 * A part of an image is a header, sealed with a checksum, and blocks. LOAD makes the same blocks of the same
 * three numbers and compares every byte; a part must go on where the last one ended.
 */
#include "image.h"

#define BOUNCE (64u << 10)
#define NS_PER_SEC 1000000000u

/* Byte offsets in the header of a part. What is not named is zero. */
#define BULK_MAGIC 0x667773696d424c4bULL /* "fwsimBLK" */
#define BULK_OFF_MAGIC 0x00		 /* 8 */
#define BULK_OFF_VERSION 0x08		 /* 4 */
#define BULK_OFF_COUNT 0x0c		 /* 4, blocks that follow */
#define BULK_OFF_SEED 0x10		 /* 8 */
#define BULK_OFF_BLOCKS 0x18		 /* 8, of the whole state */
#define BULK_OFF_CHANGES 0x20		 /* 8, when the part was made */
#define BULK_OFF_FROM 0x28		 /* 8, place of the first block in the sequence */
#define BULK_OFF_CRC 0x38		 /* 8, CRC-64/XZ of the bytes before */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* Block @i of @b as it is now. splitmix64, little-endian. */
static void bulk_make(const struct fwsim_bulk *b, uint64_t changes, uint64_t i, uint8_t *p)
{
	uint64_t gen = changes / b->blocks + (i < changes % b->blocks);
	uint64_t x = mix(mix(b->seed + i) + gen), word;

	for (unsigned int w = 0; w < FWSIM_PAGE; w += 8, p += 8) {
		x += 0x9e3779b97f4a7c15ULL;
		word = mix(x);
		for (unsigned int k = 0; k < 8; k++)
			p[k] = (uint8_t)(word >> 8 * k);
	}
}

void fwsim_bulk_reset(struct fwsim_vhca *v)
{
	const struct fwsim_config *c = &v->fw->cfg;

	v->bulk = (struct fwsim_bulk){ 0 };
	if (!v->fn || c->bulk_bytes < FWSIM_PAGE)
		return;
	v->bulk.blocks = c->bulk_bytes / FWSIM_PAGE;
	v->bulk.seed = mix(c->bulk_seed + v->fn);
	v->bulk.since = fwsim_now(v->fw);
}

/* Changes per second are whole blocks, at least one if there is a rate. */
static uint64_t bulk_rate(const struct fwsim *fw)
{
	return fw->cfg.bulk_rate && fw->cfg.bulk_rate < FWSIM_PAGE ? 1 :
								     fw->cfg.bulk_rate / FWSIM_PAGE;
}

void fwsim_bulk_update(struct fwsim_vhca *v)
{
	uint64_t ns, rate = bulk_rate(v->fw);
	struct fwsim_bulk *b = &v->bulk;

	if (!b->blocks || !rate || v->mig != FWSIM_MIG_RUNNING)
		return;
	ns = fwsim_now(v->fw) - b->since;
	b->changes = b->base + ns / NS_PER_SEC * rate + ns % NS_PER_SEC * rate / NS_PER_SEC;
}

void fwsim_bulk_mark(struct fwsim_vhca *v)
{
	fwsim_bulk_update(v);
	v->bulk.base = v->bulk.changes;
	v->bulk.since = fwsim_now(v->fw);
}

uint64_t fwsim_bulk_pending(const struct fwsim_bulk *b)
{
	uint64_t end = b->blocks + b->changes;

	return end - b->sent < b->blocks ? end - b->sent : b->blocks;
}

uint64_t fwsim_bulk_bytes(uint64_t blocks)
{
	return blocks ? FWSIM_BULK_HDR + blocks * FWSIM_PAGE : 0;
}

/* Place in the sequence from which on everything is still to be sent. */
static uint64_t bulk_from(const struct fwsim_bulk *b)
{
	return b->blocks + b->changes - fwsim_bulk_pending(b);
}

enum fwsim_mkey_fault fwsim_bulk_save(struct fwsim_vhca *v, fwsim_bulk_put *put, void *arg,
				      uint32_t count)
{
	uint8_t hdr[FWSIM_BULK_HDR] = { 0 }, *buf = malloc(BOUNCE);
	uint64_t from = bulk_from(&v->bulk);
	enum fwsim_mkey_fault f;
	uint32_t n;

	if (!buf)
		return FWSIM_MKEY_DMA;
	ifc_st64(hdr + BULK_OFF_MAGIC, BULK_MAGIC);
	ifc_st32(hdr + BULK_OFF_VERSION, FWSIM_IMAGE_VERSION);
	ifc_st32(hdr + BULK_OFF_COUNT, count);
	ifc_st64(hdr + BULK_OFF_SEED, v->bulk.seed);
	ifc_st64(hdr + BULK_OFF_BLOCKS, v->bulk.blocks);
	ifc_st64(hdr + BULK_OFF_CHANGES, v->bulk.changes);
	ifc_st64(hdr + BULK_OFF_FROM, from);
	ifc_st64(hdr + BULK_OFF_CRC, fwsim_crc64(0, hdr, BULK_OFF_CRC));
	f = put(arg, hdr, sizeof(hdr));
	for (uint32_t done = 0; done < count && f == FWSIM_MKEY_OK; done += n) {
		n = count - done < BOUNCE / FWSIM_PAGE ? count - done : BOUNCE / FWSIM_PAGE;
		for (uint32_t i = 0; i < n; i++)
			bulk_make(&v->bulk, v->bulk.changes, (from + done + i) % v->bulk.blocks,
				  buf + (size_t)i * FWSIM_PAGE);
		f = put(arg, buf, (size_t)n * FWSIM_PAGE);
	}
	free(buf);
	if (f == FWSIM_MKEY_OK)
		v->bulk.sent = from + count;
	return f;
}

bool fwsim_bulk_is(const uint8_t *hdr)
{
	return ifc_ld64(hdr) == BULK_MAGIC;
}

/* The header: a reason in words if it is not one that can follow what @b has. */
static const char *bulk_header(const struct fwsim_bulk *b, const uint8_t *hdr, uint64_t len,
			       struct fwsim_bulk *next, uint64_t *from)
{
	uint32_t count = ifc_ld32(hdr + BULK_OFF_COUNT);

	if (ifc_ld64(hdr + BULK_OFF_MAGIC) != BULK_MAGIC)
		return "the magic is not that of bulk state";
	if (ifc_ld64(hdr + BULK_OFF_CRC) != fwsim_crc64(0, hdr, BULK_OFF_CRC))
		return "the checksum of the header does not match";
	if (ifc_ld32(hdr + BULK_OFF_VERSION) != FWSIM_IMAGE_VERSION)
		return "another format version";
	if (len != fwsim_bulk_bytes(count))
		return "its length is not that of its blocks";
	*from = ifc_ld64(hdr + BULK_OFF_FROM);
	*next = (struct fwsim_bulk){
		.seed = ifc_ld64(hdr + BULK_OFF_SEED),
		.blocks = ifc_ld64(hdr + BULK_OFF_BLOCKS),
		.changes = ifc_ld64(hdr + BULK_OFF_CHANGES),
		.sent = *from + count,
	};
	if (next->seed != b->seed || next->blocks != b->blocks)
		return "seed or size is not that of the state it belongs to";
	if (!next->blocks || next->changes > UINT64_MAX / 2)
		return "it is of no state";
	if (next->changes < b->changes && *from)
		return "it is older than what is there";
	if (*from && *from != b->sent && *from != next->changes)
		return "it does not go on where the last one ended";
	if (*from > next->blocks + next->changes ||
	    count > next->blocks + next->changes - *from)
		return "it has more blocks than there are";
	return NULL;
}

enum ifc_status fwsim_bulk_load(struct fwsim_bulk *b, fwsim_bulk_get *get, void *arg, uint64_t len,
				enum fwsim_mkey_fault *fault, char *why, size_t why_len)
{
	uint8_t hdr[FWSIM_BULK_HDR], *buf, want[FWSIM_PAGE];
	struct fwsim_bulk next;
	const char *bad;
	uint64_t from, at;
	uint32_t n;

	*fault = FWSIM_MKEY_OK;
	if (len < sizeof(hdr)) {
		snprintf(why, why_len, "%llu bytes are less than a header of bulk state",
			 (unsigned long long)len);
		return IFC_ST_BAD_PARAM;
	}
	*fault = get(arg, hdr, sizeof(hdr));
	if (*fault != FWSIM_MKEY_OK)
		return IFC_ST_INTERNAL_ERR;
	bad = bulk_header(b, hdr, len, &next, &from);
	if (bad) {
		snprintf(why, why_len, "bulk state: %s", bad);
		return IFC_ST_BAD_PARAM;
	}
	buf = malloc(BOUNCE);
	if (!buf) {
		snprintf(why, why_len, "no memory");
		return IFC_ST_NO_RESOURCES;
	}
	for (at = from; at < next.sent; at += n) {
		n = next.sent - at < BOUNCE / FWSIM_PAGE ? (uint32_t)(next.sent - at) :
							   BOUNCE / FWSIM_PAGE;
		*fault = get(arg, buf, (size_t)n * FWSIM_PAGE);
		if (*fault != FWSIM_MKEY_OK)
			break;
		for (uint32_t i = 0; i < n; i++) {
			bulk_make(&next, next.changes, (at + i) % next.blocks, want);
			if (!memcmp(want, buf + (size_t)i * FWSIM_PAGE, FWSIM_PAGE))
				continue;
			snprintf(why, why_len, "bulk state: block 0x%llx is not what it was",
				 (unsigned long long)((at + i) % next.blocks));
			free(buf);
			return IFC_ST_BAD_PARAM;
		}
	}
	free(buf);
	if (*fault != FWSIM_MKEY_OK)
		return IFC_ST_INTERNAL_ERR;
	*b = next;
	return IFC_ST_OK;
}
