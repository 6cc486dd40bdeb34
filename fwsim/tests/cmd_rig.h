/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of the command queue: a short command and two long ones, which a test may spoil in slot 3 of the
 * PF before the card sees them.
 */
#ifndef CMD_RIG_H
#define CMD_RIG_H

#include "harness.h"

struct c_issi {
	IFC_BUF(query_issi_in, in);
};

struct c_issi c_query_issi(void);

/* QUERY_HCA_CAP: the answer has 8 mailboxes. */
void c_query_cap_in(uint8_t *in);
/* SET_HCA_CAP with what is there already: the input has 8 mailboxes. */
void c_set_cap_in(struct harness *h, uint8_t *in, unsigned int csum);

/* A card whose PF has done ENABLE_HCA. */
struct harness *c_enabled(const struct fwsim_config *cfg);

/* Post a SET_HCA_CAP in slot 3, to be spoiled. */
void c_post_long(struct harness *h);
/* The same with a QUERY_HCA_CAP. */
void c_post_query(struct harness *h);

/* Ring slot 3, which must complete with @delivery and a reason with @why in it. */
void c_expect_delivery(struct harness *h, enum ifc_delivery delivery, const char *why);

#endif
