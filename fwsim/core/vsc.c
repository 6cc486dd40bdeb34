// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PF's vendor-specific PCI capability, as far as mlx5_core looks: a semaphore that is taken by
 * writing back a counter value nobody else has read, and a gateway behind it with one address space,
 * that of further semaphores. Of these there is the one that a driver takes before it resets the
 * firmware; it is taken in the same way. A driver that asks for another space finds its status 0, "not
 * supported", and does without crash dumps.
 */
#include "core.h"

#define VSC_CTRL 0x04
#define VSC_COUNTER 0x08
#define VSC_SEMAPHORE 0x0c
#define VSC_ADDR 0x10
#define VSC_DATA 0x14

#define VSC_CTRL_SPACE 0x0000ffffu
#define VSC_CTRL_SUPPORTED 0x20000000u /* status, of 3 bits */
#define VSC_ADDR_FLAG 0x80000000u

#define SPACE_SEMAPHORES 0xa
#define SEMAPHORE_RESET 0x20

void fwsim_vsc_reset(struct fwsim *fw)
{
	fw->vsc_sem = 0;
	fw->vsc_addr = 0;
	fw->vsc_data = 0;
	fw->vsc_ctrl = 0;
	fw->vsc_reset_sem = 0;
}

/* Taken if it is free, given back by 0. */
static void take_or_free(uint32_t *sem, uint32_t val)
{
	if (!*sem || !val)
		*sem = val;
}

/* A read is over when the flag has become 1, a write when it has become 0. */
static void gateway(struct fwsim *fw, uint32_t addr)
{
	bool there = (fw->vsc_ctrl & VSC_CTRL_SPACE) == SPACE_SEMAPHORES &&
		     (addr & ~VSC_ADDR_FLAG) == SEMAPHORE_RESET;

	fw->vsc_addr = addr ^ VSC_ADDR_FLAG;
	if (fw->vsc_addr & VSC_ADDR_FLAG)
		fw->vsc_data = there ? fw->vsc_reset_sem : 0;
	else if (there)
		take_or_free(&fw->vsc_reset_sem, fw->vsc_data);
}

uint32_t fwsim_vsc_read(struct fwsim *fw, unsigned int off)
{
	switch (off) {
	case VSC_CTRL:
		return fw->vsc_ctrl;
	case VSC_COUNTER:
		if (++fw->vsc_counter == 0) /* 0 is what frees the semaphore */
			fw->vsc_counter = 1;
		return fw->vsc_counter;
	case VSC_SEMAPHORE:
		return fw->vsc_sem;
	case VSC_ADDR:
		return fw->vsc_addr;
	case VSC_DATA:
		return fw->vsc_data;
	}
	return 0;
}

void fwsim_vsc_write(struct fwsim *fw, unsigned int off, uint32_t val)
{
	switch (off) {
	case VSC_CTRL:
		fw->vsc_ctrl = val & VSC_CTRL_SPACE; /* no size */
		if (fw->vsc_ctrl == SPACE_SEMAPHORES)
			fw->vsc_ctrl |= VSC_CTRL_SUPPORTED;
		return;
	case VSC_SEMAPHORE:
		take_or_free(&fw->vsc_sem, val);
		return;
	case VSC_ADDR:
		gateway(fw, val);
		return;
	case VSC_DATA:
		fw->vsc_data = val;
		return;
	}
	fwsim_trace_ignored(fw->vhca[0], "write of 0x%x to offset 0x%x of the vendor capability", val,
			    off);
}
