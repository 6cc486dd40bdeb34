// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PF's vendor-specific PCI capability, as far as mlx5_core looks: a semaphore that is taken by
 * writing back a counter value nobody else has read, and a gateway that has no address space behind it.
 * A driver that asks for a space finds its status 0, "not supported", and does without crash dumps.
 */
#include "core.h"

#define VSC_CTRL 0x04
#define VSC_COUNTER 0x08
#define VSC_SEMAPHORE 0x0c
#define VSC_ADDR 0x10
#define VSC_DATA 0x14

#define VSC_CTRL_SPACE 0x0000ffffu
#define VSC_ADDR_FLAG 0x80000000u

void fwsim_vsc_reset(struct fwsim *fw)
{
	fw->vsc_sem = 0;
	fw->vsc_addr = 0;
	fw->vsc_data = 0;
	fw->vsc_ctrl = 0;
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
		fw->vsc_ctrl = val & VSC_CTRL_SPACE; /* status 0, no size */
		return;
	case VSC_SEMAPHORE:
		if (!fw->vsc_sem || !val)
			fw->vsc_sem = val;
		return;
	case VSC_ADDR:
		/* A read is over when the flag has become 1, a write when it has become 0. */
		fw->vsc_addr = val ^ VSC_ADDR_FLAG;
		if (fw->vsc_addr & VSC_ADDR_FLAG)
			fw->vsc_data = 0;
		return;
	case VSC_DATA:
		fw->vsc_data = val;
		return;
	}
	fwsim_trace_ignored(fw->vhca[0], "write of 0x%x to offset 0x%x of the vendor capability", val,
			    off);
}
