/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processors of a guest whose VF is a network interface: they copy frames between a TAP device and the
 * VF's queues, and sleep while there are none. The network stack behind the TAP device, in a
 * namespace of its own, is the guest's.
 */
#ifndef SELFTESTS_BRIDGE_H
#define SELFTESTS_BRIDGE_H

#include "cpu.h"
#include "mlx5_eth.h"

struct bridge {
	struct cpu cpu;
	struct mlx5_vf *vf;
	int tap;
	uint64_t late; /* since when an event is overdue */
	/* frames that the stack of the guest has not taken, or that are none for a send WQE */
	uint64_t tap_drops;
};

/* A TAP device named @name in this namespace; its file. */
int bridge_tap(const char *name);
void bridge_start(struct bridge *b, struct mlx5_vf *vf, int tap);
void bridge_stop(struct bridge *b);
/* It goes on with @vf. */
void bridge_go(struct bridge *b, struct mlx5_vf *vf);
void bridge_end(struct bridge *b);

#endif
