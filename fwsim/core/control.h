/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of the control protocol: what they are given, and how they answer. docs/control.rst is for
 * those who use them.
 *
 * A verb lives in the file whose knowledge it needs and has one row in control.c. It answers with
 * fwsim_ctl_print(), a line each, and returns true, or returns fwsim_ctl_error() and has changed nothing.
 */
#ifndef FWSIM_CONTROL_H
#define FWSIM_CONTROL_H

#include "core.h"

#define FWSIM_CTL_WORDS 32

struct fwsim_ctl {
	struct fwsim *fw;
	fwsim_out *out;
	void *arg;
	unsigned int n;			    /* words, the verb is the first */
	const char *word[FWSIM_CTL_WORDS + 1]; /* NULL after the last */
};

typedef bool fwsim_verb(struct fwsim_ctl *c);

/* One line of the answer; without a line end. */
void fwsim_ctl_print(struct fwsim_ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The last line of an answer that is a refusal. Always false. */
bool fwsim_ctl_error(struct fwsim_ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A word to a value. Each says what is wrong with it and returns false. Functions are "pf" and "vf0" on;
 * numbers are decimal or 0x… and within @min..@max; @what is what the number is, in words.
 */
bool fwsim_ctl_fn(struct fwsim_ctl *c, const char *word, struct fwsim_vhca **v);
bool fwsim_ctl_u64(struct fwsim_ctl *c, const char *word, const char *what, uint64_t min, uint64_t max,
		   uint64_t *val);
/* Base of a number, for strtoul(): a 0 in front does not make it octal. */
int fwsim_ctl_base(const char *word);
/* The value of "name=value"; NULL if @word is not that. */
const char *fwsim_ctl_value(const char *word, const char *name);
/* Name of a function as fwsim_ctl_fn() takes it. */
const char *fwsim_ctl_fn_name(const struct fwsim_vhca *v, char buf[8]);

/* Verbs of other files. */
fwsim_verb fwsim_verb_eswitch, fwsim_verb_fault, fwsim_verb_oracle, fwsim_verb_record;

#endif
