/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault rules: what the firmware is told to do wrong, where and when. docs/control.rst has the words.
 *
 * A site is a place in the code that asks whether something is to go wrong there; it is one call of
 * fwsim_fault_at() or fwsim_fault_cmd() and costs one branch while a card has no rule. What comes back
 * is a copy: a rule may be removed while what it began is still under way.
 */
#ifndef FWSIM_FAULT_H
#define FWSIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct fwsim;
struct fwsim_vhca;
struct fwsim_cmd;

enum fwsim_fault_site {
	FWSIM_AT_CMD,	    /* what: opcode */
	FWSIM_AT_EQE,	    /* what: event type */
	FWSIM_AT_CQE,
	FWSIM_AT_DMA_READ,
	FWSIM_AT_DMA_WRITE,
	FWSIM_AT_TRACK,	    /* a message of a report is about to be sent */
	FWSIM_FAULT_SITES
};

enum fwsim_fault_do {
	/* these have a value */
	FWSIM_DO_STATUS,
	FWSIM_DO_SYNDROME,
	FWSIM_DO_DELIVERY,
	FWSIM_DO_DELAY,	 /* ns; what happens then happens later */
	FWSIM_DO_LATE,	 /* ns; executed at once, completed later */
	FWSIM_DO_FLIP,	 /* bit number */
	FWSIM_DO_SHORT,	 /* bytes */
	FWSIM_DO_LARGER, /* bytes */
	FWSIM_DO_VALUES,
	/* and these have none */
	FWSIM_DO_LOST = FWSIM_DO_VALUES,
	FWSIM_DO_SILENT,
	FWSIM_DO_TWICE,
	FWSIM_DO_ZERO,
	FWSIM_DO_REFUSED,
	FWSIM_DO_ERROR,
	FWSIM_DO_COUNT
};

/* What is to go wrong, of all rules that fired. */
struct fwsim_fault_act {
	uint32_t set;  /* bits 1 << enum fwsim_fault_do */
	uint32_t rule; /* the oldest that fired */
	uint64_t val[FWSIM_DO_VALUES];
};

static inline bool fwsim_does(const struct fwsim_fault_act *act, enum fwsim_fault_do what)
{
	return act->set >> what & 1;
}

/* Count, and ask the rules. False: all goes well. Through fwsim_fault_at() only. */
bool fwsim_fault_pass(struct fwsim_vhca *v, enum fwsim_fault_site site, unsigned int what,
		      struct fwsim_fault_act *act);
/* A command has been read: fill in cmd->act. The function concerned is the one it names, if it names one. */
void fwsim_fault_cmd(struct fwsim_cmd *cmd);
void fwsim_fault_fini(struct fwsim *fw);

/*
 * Events that are held back. They belong to their EQ and go with it; what is held when the VHCA stops is
 * written before.
 */
struct fwsim_eqe {
	uint32_t eqn;
	uint8_t type, sub_type;
	bool twice;
	uint8_t data[28];
};

/* False if no more can be held: it is to be written at once. */
bool fwsim_fault_hold_eqe(struct fwsim_vhca *v, const struct fwsim_eqe *eqe, uint64_t ns);
void fwsim_fault_flush_eqes(struct fwsim_vhca *v);  /* all; the VHCA is about to stop */
void fwsim_fault_rescan(struct fwsim_vhca *v);	    /* those that fell due while no DMA was allowed */
void fwsim_fault_forget_eq(struct fwsim_vhca *v, uint32_t eqn);
/* event.c: write it now. False if the VHCA may do no DMA. */
bool fwsim_eqe_write(struct fwsim_vhca *v, const struct fwsim_eqe *eqe);

#endif
