/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of the state image: a VF with everything in the middle of its work, a fresh one to load its
 * image on, and the image as a test may spoil it.
 */
#ifndef IMAGE_RIG_H
#define IMAGE_RIG_H

#include "mig_rig.h"

#include "image.h"

#define I_SRC 1u
#define I_DST 2u
#define I_ROOM (1u << 20)

/* More than the card moves in one go, so that it can be stopped in the middle of a message. */
#define I_MSGS 24u

#define I_MSG_LEN 0x1e1234u
#define I_MSG_TO (2u << 20) /* offset in the data buffer */

struct i_image {
	uint8_t *buf;
	size_t len;
};

struct i_image i_save(struct fwsim_vhca *v);
/* @why: the reason of a refusal. */
enum ifc_status i_load(struct fwsim_vhca *v, const uint8_t *buf, size_t len, char why[128]);

/* After a change: the checksum of what is there. */
void i_fix_crc(uint8_t *buf, size_t len);
/* Payload of a section, by walking the headers. */
uint8_t *i_section(struct i_image *im, unsigned int id, size_t *len);

/* A card with a VF that has everything, and a fresh stopped one to load on. */
struct i_pair {
	struct harness *h;
	struct m_vf vf;
	struct m_buf buf; /* of the PF */
	struct fwsim_vhca *src, *dst;
};

struct i_pair i_pair_new(void);
/* The target of refusals is not empty: it holds the image itself, so a change shows. */
struct i_pair i_loaded_pair(struct i_image *a);

/* Must be refused, with a reason and nothing changed. */
void i_expect_refused(struct i_pair *p, const uint8_t *buf, size_t len, const char *what,
		      const char *reason);

#endif
