/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers of the core share: their clock, commands that do not go through a queue, and the input
 * byte by byte. The host pointer given to fwsim_create() begins with a struct fuzz_clock.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <string.h>

#include "core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct fuzz_clock {
	uint64_t now, deadline;
};

static inline uint64_t fuzz_clock_ns(void *host)
{
	return ((struct fuzz_clock *)host)->now;
}

static inline void fuzz_timer_set(void *host, uint64_t deadline)
{
	((struct fuzz_clock *)host)->deadline = deadline;
}

/* Let time pass, with at most @most expiries of the timer. */
static inline void fuzz_advance(struct fwsim *fw, struct fuzz_clock *c, uint64_t ns, unsigned int most)
{
	uint64_t end = c->now + ns;

	for (unsigned int i = 0; i < most && c->deadline <= end; i++) {
		if (c->deadline > c->now)
			c->now = c->deadline;
		c->deadline = UINT64_MAX;
		fwsim_timer_expired(fw);
	}
	if (end > c->now)
		c->now = end;
}

/* What a command queue would do with the command @in of @v. A refusal comes with a reason. */
static inline enum ifc_status fuzz_exec(struct fwsim_vhca *v, void *in, size_t in_len, void *out,
					size_t out_len)
{
	struct fwsim_cmd cmd = {
		.fw = v->fw, .vhca = v, .opcode = ifc_ld16(in), .op_mod = ifc_ld16((uint8_t *)in + 6),
		.in = in, .in_len = (uint32_t)in_len, .out = out, .out_len = (uint32_t)out_len,
	};

	memset(out, 0, out_len);
	cmd.op = fwsim_op_find(cmd.opcode);
	MUST(cmd.op);
	fwsim_dispatch(&cmd);
	MUST(cmd.status == IFC_ST_OK || cmd.why[0]);
	return cmd.status;
}

struct fuzz_input {
	const uint8_t *p;
	size_t left;
};

/* The next byte, 0 behind the last. */
static inline unsigned int fuzz_take(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

/* The next two bytes, little-endian. */
static inline unsigned int fuzz_take16(struct fuzz_input *in)
{
	unsigned int low = fuzz_take(in);

	return low | fuzz_take(in) << 8;
}

/* What a driver writes to the doorbell of a CQ: a consumer index, and how it is to be armed. */
static inline uint32_t fuzz_take_arm(struct fuzz_input *in)
{
	uint32_t ci = fuzz_take(in);

	return ci | fuzz_take(in) << 24;
}

#endif
