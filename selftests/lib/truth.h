/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second judge of DMA logging: the simulator's own account of the pages that a VF has written, which
 * shares no code with its page tracking ("oracle writes", docs/control.rst). It also knows what was
 * reported for nothing. Without a simulator it says nothing.
 */
#ifndef SELFTESTS_TRUTH_H
#define SELFTESTS_TRUTH_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

struct truth_counts {
	uint64_t written; /* pages of 4 KiB in ranges */
	uint64_t told;	  /* of these ranges */
	uint64_t idle;	  /* told, and never written */
	uint64_t outside; /* told, and in no range */
};

/* Which VF of the first PF this is about from the next start on; 0 at first. */
void truth_of(unsigned int vf);
/* Forget everything; from now on @n ranges are logged. */
void truth_start(const struct vfio_device_feature_dma_logging_range *r, uint32_t n);
/* @len bytes from @iova on were reported. Any thread may say so. */
void truth_told(uint64_t iova, uint64_t len);
/* Ends the test if a page was written and not reported. False: there is nobody to ask. */
bool truth_judge(struct truth_counts *c);

#endif
