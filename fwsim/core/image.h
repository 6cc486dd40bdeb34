/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state image of a VHCA: its frame. docs/state-image.rst is the specification, image_xfer.c has the
 * fields. Everything is big-endian, as all data of the device; every field is a multiple of 4 bytes.
 */
#ifndef FWSIM_IMAGE_H
#define FWSIM_IMAGE_H

#include "core.h"

#define FWSIM_IMAGE_MAGIC 0x667773696d564843ULL /* "fwsimVHC" */
#define FWSIM_IMAGE_VERSION 3u	      /* of the format: the frame and the set of sections */
#define FWSIM_IMAGE_HDR 64u
#define FWSIM_IMAGE_SECTION_HDR 16u
/* Largest image made or taken: a VHCA with as many objects and page addresses as it may have fits. */
#define FWSIM_IMAGE_MAX (256u << 20)

/* Byte offsets in the header. What is not named is zero. */
#define FWSIM_IMAGE_OFF_MAGIC 0x00   /* 8 */
#define FWSIM_IMAGE_OFF_VERSION 0x08 /* 4 */
#define FWSIM_IMAGE_OFF_HDR_LEN 0x0c /* 4, FWSIM_IMAGE_HDR */
#define FWSIM_IMAGE_OFF_LEN 0x10     /* 8, of the whole image */
#define FWSIM_IMAGE_OFF_CAPS 0x18    /* 8, fwsim_cap_digest() */
#define FWSIM_IMAGE_OFF_SECTIONS 0x20 /* 4, how many follow */
#define FWSIM_IMAGE_OFF_BULK_BLOCKS 0x28 /* 8, size of the bulk state, and */
#define FWSIM_IMAGE_OFF_BULK_SEED 0x30	 /* 8, what it is made of; its blocks are in parts behind */
#define FWSIM_IMAGE_OFF_CRC 0x38     /* 8, CRC-64/XZ of the image with these bytes zero */

/* Byte offsets in a section header; the payload follows. */
#define FWSIM_IMAGE_OFF_SEC_ID 0x0
#define FWSIM_IMAGE_OFF_SEC_VERSION 0x4
#define FWSIM_IMAGE_OFF_SEC_LEN 0x8 /* 8, of the payload */

/* Sections: each is there once, in this order. */
enum fwsim_image_section {
	FWSIM_IMAGE_SEC_VHCA = 1,
	FWSIM_IMAGE_SEC_CAPS,
	FWSIM_IMAGE_SEC_PAGES,
	FWSIM_IMAGE_SEC_VPORT,
	FWSIM_IMAGE_SEC_GID,
	FWSIM_IMAGE_SEC_UAR,
	FWSIM_IMAGE_SEC_PD,
	FWSIM_IMAGE_SEC_TD,
	FWSIM_IMAGE_SEC_XRCD,
	FWSIM_IMAGE_SEC_MKEY,
	FWSIM_IMAGE_SEC_EQ,
	FWSIM_IMAGE_SEC_CQ,
	FWSIM_IMAGE_SEC_SRQ,
	FWSIM_IMAGE_SEC_QP,
	FWSIM_IMAGE_SEC_Q_COUNTER,
	FWSIM_IMAGE_SEC_TIS,
	FWSIM_IMAGE_SEC_SQ,
	FWSIM_IMAGE_SEC_RQ,
	FWSIM_IMAGE_SEC_RQT,
	FWSIM_IMAGE_SEC_TIR,
	FWSIM_IMAGE_SEC_UMEM,
	FWSIM_IMAGE_SEC_FLOW,
	FWSIM_IMAGE_SEC_END
};

/* Version of the fields of a section. */
static inline uint32_t fwsim_image_section_version(unsigned int section)
{
	switch (section) {
	case FWSIM_IMAGE_SEC_CQ:
		return 2; /* 1 had no umems */
	case FWSIM_IMAGE_SEC_QP:
		return 3; /* 1 had nothing of RoCE packets, 2 no umems */
	case FWSIM_IMAGE_SEC_VPORT:
		return 2; /* 1 had no lost frames */
	case FWSIM_IMAGE_SEC_RQ:
		return 2; /* 1 had no number of a striding WQE */
	default:
		return 1;
	}
}

/* CRC-64/XZ; start with @crc 0, and pass the last result to go on. */
uint64_t fwsim_crc64(uint64_t crc, const void *p, size_t len);

/* ---- image_xfer.c: the fields --------------------------------------------------------------- */

enum fwsim_xfer_mode {
	FWSIM_XFER_SIZE, /* count bytes */
	FWSIM_XFER_HASH, /* as SAVE, into a checksum, with what only measures time left out */
	FWSIM_XFER_SAVE,
	FWSIM_XFER_LOAD,
};

/*
 * A visit of all fields of a VHCA, in one of four directions. One function per type serves them all,
 * so that save and load cannot drift apart. Once @bad is set nothing more is moved.
 */
struct fwsim_xfer {
	enum fwsim_xfer_mode mode;
	uint8_t *out;	   /* SAVE */
	const uint8_t *in; /* LOAD */
	size_t pos, end;   /* @end: of the buffer, or of the section being loaded */
	uint64_t hash;
	uint64_t now;
	const char *what;  /* kind of object being visited, NULL outside of one */
	uint32_t id;
	bool bad;
	enum ifc_status status; /* why it is bad */
	char *why;
	size_t why_len;
};

/* Refuse the image, with the reason in words. Only the first reason counts. */
void fwsim_xfer_bad(struct fwsim_xfer *x, enum ifc_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Visit the payload of @section. LOAD: into @v, a scratch VHCA with empty tables. */
void fwsim_xfer_section(struct fwsim_xfer *x, struct fwsim_vhca *v,
			enum fwsim_image_section section);
/* flow_image.c, and what it moves fields with: see image_xfer.c */
void fwsim_xfer_flow(struct fwsim_xfer *x, struct fwsim_vhca *v);
void fwsim_xfer_roce(struct fwsim_xfer *x, struct fwsim_qp *qp); /* roce_image.c */
void fwsim_xfer_raw(struct fwsim_xfer *x, void *p, size_t len);
void fwsim_xfer_u64(struct fwsim_xfer *x, uint64_t *v);
void fwsim_xfer_u32(struct fwsim_xfer *x, uint32_t *v, uint32_t max, const char *name);
void fwsim_xfer_u8(struct fwsim_xfer *x, uint8_t *v, uint8_t max, const char *name);
uint32_t fwsim_xfer_count(struct fwsim_xfer *x, uint32_t n, size_t size, const char *name);
/* All sections of @v have been loaded: check what one part says about another. */
void fwsim_xfer_check(struct fwsim_xfer *x, struct fwsim_vhca *v);
/* Free what a scratch VHCA holds; no object is known to anyone yet. */
void fwsim_xfer_discard(struct fwsim_vhca *v);

#endif
