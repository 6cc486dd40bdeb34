// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state image of a VHCA as a whole: header, sections in their order, checksum; and the exchange of
 * a VHCA's state for that of an image, of which everything has been checked before anything changes.
 *
 * An image holds what a VHCA is, and nothing about where it is: no function number, no vhca_id, no PCI
 * configuration, no administrative setting of the PF. Addresses in it are the guest's.
 */
#include "image.h"
#include "roce.h"

/* CRC-64/XZ: ECMA-182 reflected, four bits a step. */
#define CRC_1(x) ((x) >> 1 ^ ((x) & 1 ? 0xc96c5795d7870f42ULL : 0))
#define CRC_4(x) CRC_1(CRC_1(CRC_1(CRC_1(x))))

static const uint64_t crc_nibble[16] = {
	CRC_4(0ULL), CRC_4(1ULL), CRC_4(2ULL), CRC_4(3ULL), CRC_4(4ULL), CRC_4(5ULL),
	CRC_4(6ULL), CRC_4(7ULL), CRC_4(8ULL), CRC_4(9ULL), CRC_4(10ULL), CRC_4(11ULL),
	CRC_4(12ULL), CRC_4(13ULL), CRC_4(14ULL), CRC_4(15ULL),
};

uint64_t fwsim_crc64(uint64_t crc, const void *p, size_t len)
{
	const uint8_t *b = p;

	crc = ~crc;
	while (len--) {
		crc ^= *b++;
		crc = crc >> 4 ^ crc_nibble[crc & 0xf];
		crc = crc >> 4 ^ crc_nibble[crc & 0xf];
	}
	return ~crc;
}

static void visit_sections(struct fwsim_xfer *x, struct fwsim_vhca *v)
{
	x->now = fwsim_now(v->fw);
	for (unsigned int s = FWSIM_IMAGE_SEC_VHCA; s < FWSIM_IMAGE_SEC_END; s++) {
		size_t hdr = x->pos;

		x->pos += FWSIM_IMAGE_SECTION_HDR;
		fwsim_xfer_section(x, v, (enum fwsim_image_section)s);
		if (x->mode == FWSIM_XFER_SAVE && !x->bad) {
			uint8_t *p = x->out + hdr;

			ifc_st32(p + FWSIM_IMAGE_OFF_SEC_ID, s);
			ifc_st32(p + FWSIM_IMAGE_OFF_SEC_VERSION, fwsim_image_section_version(s));
			ifc_st64(p + FWSIM_IMAGE_OFF_SEC_LEN,
				 x->pos - hdr - FWSIM_IMAGE_SECTION_HDR);
		}
	}
}

size_t fwsim_image_size(struct fwsim_vhca *v)
{
	struct fwsim_xfer x = { .mode = FWSIM_XFER_SIZE, .pos = FWSIM_IMAGE_HDR };

	visit_sections(&x, v);
	return x.pos;
}

uint64_t fwsim_image_hash(struct fwsim_vhca *v)
{
	struct fwsim_xfer x = { .mode = FWSIM_XFER_HASH };

	visit_sections(&x, v);
	if (v->bulk.blocks) {
		uint64_t bulk[] = { v->bulk.blocks, v->bulk.seed, v->bulk.changes };

		x.hash = fwsim_crc64(x.hash, bulk, sizeof(bulk));
	}
	return x.hash;
}

size_t fwsim_image_save(struct fwsim_vhca *v, uint8_t *buf, size_t cap)
{
	size_t len = fwsim_image_size(v);
	struct fwsim_xfer x = {
		.mode = FWSIM_XFER_SAVE, .out = buf, .pos = FWSIM_IMAGE_HDR, .end = len,
	};

	if (cap < len)
		return 0;
	memset(buf, 0, FWSIM_IMAGE_HDR);
	visit_sections(&x, v);
	assert(!x.bad && x.pos == len);
	ifc_st64(buf + FWSIM_IMAGE_OFF_MAGIC, FWSIM_IMAGE_MAGIC);
	ifc_st32(buf + FWSIM_IMAGE_OFF_VERSION, FWSIM_IMAGE_VERSION);
	ifc_st32(buf + FWSIM_IMAGE_OFF_HDR_LEN, FWSIM_IMAGE_HDR);
	ifc_st64(buf + FWSIM_IMAGE_OFF_LEN, len);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CAPS, fwsim_cap_digest(v));
	ifc_st32(buf + FWSIM_IMAGE_OFF_SECTIONS, FWSIM_IMAGE_SEC_END - FWSIM_IMAGE_SEC_VHCA);
	ifc_st64(buf + FWSIM_IMAGE_OFF_BULK_BLOCKS, v->bulk.blocks);
	ifc_st64(buf + FWSIM_IMAGE_OFF_BULK_SEED, v->bulk.seed);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CRC, fwsim_crc64(0, buf, len));
	return len;
}

/* ---- load --------------------------------------------------------------------------------- */

static uint64_t crc_of_image(const uint8_t *buf, size_t len)
{
	static const uint8_t zero[8];
	uint64_t crc = fwsim_crc64(0, buf, FWSIM_IMAGE_OFF_CRC);

	crc = fwsim_crc64(crc, zero, sizeof(zero));
	return fwsim_crc64(crc, buf + FWSIM_IMAGE_HDR, len - FWSIM_IMAGE_HDR);
}
_Static_assert(FWSIM_IMAGE_OFF_CRC + 8 == FWSIM_IMAGE_HDR, "the checksum ends the header");

static void check_header(struct fwsim_xfer *x, struct fwsim_vhca *v, const uint8_t *buf,
			 size_t len)
{
	uint64_t want = fwsim_cap_digest(v);
	uint64_t have;

	if (len < FWSIM_IMAGE_HDR)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "%zu bytes are less than a header", len);
	have = ifc_ld64(buf + FWSIM_IMAGE_OFF_MAGIC);
	if (have != FWSIM_IMAGE_MAGIC)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "magic %016llx is not that of an image",
				      (unsigned long long)have);
	have = ifc_ld32(buf + FWSIM_IMAGE_OFF_VERSION);
	if (have != FWSIM_IMAGE_VERSION)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "format version %llu, not %u",
				      (unsigned long long)have, FWSIM_IMAGE_VERSION);
	have = ifc_ld64(buf + FWSIM_IMAGE_OFF_LEN);
	if (have != len)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "header says %llu bytes, %zu are there",
				      (unsigned long long)have, len);
	if (crc_of_image(buf, len) != ifc_ld64(buf + FWSIM_IMAGE_OFF_CRC))
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "checksum does not match");
	have = ifc_ld64(buf + FWSIM_IMAGE_OFF_CAPS);
	if (have != want)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
				      "capability digest %016llx, this card's is %016llx",
				      (unsigned long long)have, (unsigned long long)want);
	if (ifc_ld32(buf + FWSIM_IMAGE_OFF_HDR_LEN) != FWSIM_IMAGE_HDR ||
	    ifc_ld32(buf + FWSIM_IMAGE_OFF_SECTIONS) != FWSIM_IMAGE_SEC_END - FWSIM_IMAGE_SEC_VHCA)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "header length or number of sections");
	have = ifc_ld64(buf + FWSIM_IMAGE_OFF_BULK_BLOCKS);
	if (have > FWSIM_BULK_MAX / FWSIM_PAGE ||
	    (!have && ifc_ld64(buf + FWSIM_IMAGE_OFF_BULK_SEED)))
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "bulk state of 0x%llx blocks",
				      (unsigned long long)have);
	if (v->loaded && (have != v->bulk.blocks ||
			  ifc_ld64(buf + FWSIM_IMAGE_OFF_BULK_SEED) != v->bulk.seed))
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
				      "its bulk state is not that of the image before");
	for (size_t i = FWSIM_IMAGE_OFF_SECTIONS + 4; i < FWSIM_IMAGE_OFF_BULK_BLOCKS; i++)
		if (buf[i])
			return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM,
					      "reserved byte 0x%zx of the header is set", i);
}

/* The section that must come at x->pos; it ends within @len, and @s says which it is. */
static void load_section(struct fwsim_xfer *x, struct fwsim_vhca *scratch, unsigned int s,
			 size_t len)
{
	const uint8_t *p = x->in + x->pos;
	uint64_t payload;

	if (len - x->pos < FWSIM_IMAGE_SECTION_HDR)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "ends before section %u", s);
	if (ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_ID) != s)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "section %u where %u belongs",
				      ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_ID), s);
	if (ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_VERSION) != fwsim_image_section_version(s))
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "section %u has version %u, not %u", s,
				      ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_VERSION),
				      fwsim_image_section_version(s));
	payload = ifc_ld64(p + FWSIM_IMAGE_OFF_SEC_LEN);
	x->pos += FWSIM_IMAGE_SECTION_HDR;
	if (payload > len - x->pos)
		return fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "section %u runs past the end", s);
	x->end = x->pos + (size_t)payload;
	fwsim_xfer_section(x, scratch, (enum fwsim_image_section)s);
	if (!x->bad && x->pos != x->end)
		fwsim_xfer_bad(x, IFC_ST_BAD_PARAM, "section %u has %zu bytes too many", s,
			       x->end - x->pos);
}

/* A VHCA that nobody knows, with @v's limits and nothing in it. */
static struct fwsim_vhca *scratch_new(const struct fwsim_vhca *v)
{
	struct fwsim_vhca *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fw = v->fw;
	s->fn = v->fn;
	s->vhca_id = v->vhca_id;
	s->pf_enabled = v->pf_enabled;
	s->mig = v->mig;
	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
		fwsim_table_init(&s->obj[t], v->obj[t].base, v->obj[t].max);
	return s;
}

#define SWAP(a, b) do { __typeof__(a) swap_ = (a); (a) = (b); (b) = swap_; } while (0)

/*
 * @v becomes what @s is, and @s gets what is to be freed. Cannot fail. Where the VHCA is (function,
 * vhca_id, bus-master), what the PF has set, and the migration state stay.
 */
static void exchange(struct fwsim_vhca *v, struct fwsim_vhca *s)
{
	struct fwsim_obj *obj;

	fwsim_cmdif_abort(v);
	fwsim_vhca_drop_objects(v);
	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++) {
		SWAP(v->obj[t], s->obj[t]);
		fwsim_table_for_each(&v->obj[t], obj)
			fwsim_obj_own(v, (enum fwsim_obj_type)t, obj);
	}
	v->cmd_eqn = s->cmd_eqn;
	v->pages_eqn = s->pages_eqn;
	v->gsi_qpn = s->gsi_qpn;
	v->pas_used = s->pas_used;

	v->hca = s->hca;
	v->issi = s->issi;
	v->nic_interface = s->nic_interface;
	v->health_synd = s->health_synd;
	v->health_rfr = false; /* not of the image, and that of before has lost its syndrome */
	v->cmdq_addr = s->cmdq_addr;
	v->cmd_pending = s->cmd_pending;
	v->cmd_polled = s->cmd_polled;
	v->timer_base = s->timer_base;
	v->db_half_off = s->db_half_off;
	v->db_half = s->db_half;
	for (unsigned int i = 0; i < FWSIM_CAP_TYPES; i++)
		SWAP(v->cap_cur[i], s->cap_cur[i]);
	SWAP(v->flow, s->flow);
	SWAP(v->page, s->page);
	SWAP(v->pages_n, s->pages_n);
	SWAP(v->pages_cap, s->pages_cap);
	fwsim_vport_adopt(v, &s->vport);
	memcpy(v->gid, s->gid, sizeof(v->gid));
	fwsim_roce_gids_changed(v);
}

enum ifc_status fwsim_image_load(struct fwsim_vhca *v, const uint8_t *buf, size_t len, char *why,
				 size_t why_len)
{
	struct fwsim_xfer x = {
		.mode = FWSIM_XFER_LOAD, .in = buf, .pos = FWSIM_IMAGE_HDR,
		.now = fwsim_now(v->fw), .why = why, .why_len = why_len,
	};
	struct fwsim_vhca *scratch;

	if (why_len)
		why[0] = '\0';
	check_header(&x, v, buf, len);
	if (x.bad)
		return x.status;
	scratch = scratch_new(v);
	if (!scratch) {
		fwsim_xfer_bad(&x, IFC_ST_NO_RESOURCES, "no memory");
		return x.status;
	}
	for (unsigned int s = FWSIM_IMAGE_SEC_VHCA; s < FWSIM_IMAGE_SEC_END && !x.bad; s++)
		load_section(&x, scratch, s, len);
	if (!x.bad && x.pos != len)
		fwsim_xfer_bad(&x, IFC_ST_BAD_PARAM, "%zu bytes after the last section",
			       len - x.pos);
	if (!x.bad)
		fwsim_xfer_check(&x, scratch);
	if (!x.bad) {
		exchange(v, scratch);
		if (!v->loaded)
			v->bulk = (struct fwsim_bulk){
				.blocks = ifc_ld64(buf + FWSIM_IMAGE_OFF_BULK_BLOCKS),
				.seed = ifc_ld64(buf + FWSIM_IMAGE_OFF_BULK_SEED),
			};
	}
	fwsim_xfer_discard(scratch);
	free(scratch);
	return x.bad ? x.status : IFC_ST_OK;
}
