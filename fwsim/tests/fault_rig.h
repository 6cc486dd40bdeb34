/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of fault rules: a VF with a driver's worth of objects, rules given to the card by its control
 * protocol, and commands of the VF of which a test sees what becomes.
 */
#ifndef FAULT_RIG_H
#define FAULT_RIG_H

#include "mig_rig.h"

#define F_VF 1u
#define F_BUF (1u << 20)

struct f_rig {
	struct harness *h;
	struct m_vf vf;
	struct m_buf buf; /* of the PF */
	unsigned int id;  /* vhca_id of the VF */
};

struct f_rig f_new(const struct fwsim_config *cfg);
struct fwsim_vhca *f_vhca(struct f_rig *r);

/* A line of the control protocol, which must be taken; has the last answer @text in it? */
void f_say(struct f_rig *r, const char *line);
bool f_said(struct f_rig *r, const char *text);

/* How often rule @id fired, by "fault list". */
unsigned int f_hits(struct f_rig *r, unsigned int id);
/* How many passages of a site by a function ("eqe vf0") were counted, by "fault sites". */
uint64_t f_passed(struct f_rig *r, const char *site_fn);

/* ---- commands of the VF ----------------------------------------------------------------------- */

/* QUERY_ISSI in @slot, which does nothing. */
void f_start(struct f_rig *r, unsigned int slot);
bool f_done(struct f_rig *r, unsigned int slot);
struct h_result f_result(struct f_rig *r, unsigned int slot);
/* Does one go through, with one event? */
bool f_works(struct f_rig *r, unsigned int slot);

/* Completion events of commands that are there, all taken. */
unsigned int f_events(struct f_rig *r);
/* The same of CQs. */
unsigned int f_comp_events(struct f_rig *r);

/* A command that changes something: ALLOC_PD of the VF, in @slot. */
void f_start_alloc(struct f_rig *r, unsigned int slot);
/* PDs that the VF has. */
unsigned int f_pds(struct f_rig *r);

#endif
