/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live migration of a guest with its memory, between two VFs and two memories: pre-copy, DMA logging, P2P.
 * The memory of the target begins with garbage. Pages that only the device writes to come there at the
 * start and then by reports alone, so the guest goes on in what the reports have told; before it does, they
 * are compared with the source's, and the simulator's own account is asked (truth.h). Pages that the
 * processor writes to are copied once more at the end.
 */
#ifndef SELFTESTS_LIVE_H
#define SELFTESTS_LIVE_H

#include "mlx5.h"
#include "vfmig.h"

#define LIVE_AREAS 12

struct live {
	struct mlx5_mem mem[2];
	struct mlx5_vf vf[2];
	unsigned int vf_no[2]; /* of env_vf() */
	unsigned int here;     /* where the guest is */
	/* Stop the guest's processors; let them go on, at @vf. NULL: it has none that run by themselves. */
	void (*stop)(void *arg);
	void (*go)(void *arg, struct mlx5_vf *vf);
	void *arg;
	unsigned int precopy_ms; /* between two looks at what has changed */
	struct {
		uint64_t off, len;
	} area[LIVE_AREAS]; /* pages that only the device writes to */
	unsigned int areas;
	/* of all migrations so far */
	unsigned int moves, with_precopy, with_logging;
	uint64_t told, dev_pages; /* pages reported, and those of them in areas */
	/* of the last one, CLOCK_REALTIME in us: the source's STOP_COPY was asked for, the target runs */
	uint64_t stop_us, running_us;
};

uint64_t live_now_us(void);
/* Open VF @one for the guest, which can go to VF @two. */
void live_begin(struct live *l, unsigned int one, unsigned int two);
struct mlx5_vf *live_vf(struct live *l);
void live_area(struct live *l, uint64_t off, uint64_t len);
/* The rings of the completion and event queues that there are. */
void live_area_queues(struct live *l);
/* Migrate; anything but success ends the test. The source is closed then. */
void live_move(struct live *l);
/* As far as STOP_COPY and the whole stream, and back to RUNNING. */
void live_give_up(struct live *l);

#endif
