/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that goes back and forth between two VFs, in the steps of a VMM that does all a migration
 * can do: pre-copy, P2P, DMA logging, both sides open at a time. For tests that break a step: steps
 * return what the kernel says, and the guest can be brought back from wherever it got stuck.
 *
 * The guest is somewhere at any time: it has a VF, and work to do there. What is checked on the way
 * ends the test; what a step returns does not.
 */
#ifndef SELFTESTS_TRIP_H
#define SELFTESTS_TRIP_H

#include "vfmig.h"
#include "work.h"

enum trip_step {
	TRIP_LOG_START,
	TRIP_PRE_COPY,	/* the source's session; the guest works on */
	TRIP_RESUMING,	/* the target's */
	TRIP_READ,	/* what there is at first */
	TRIP_WRITE,
	TRIP_INFO,	/* and a SAVE of what has changed, with it */
	TRIP_REPORT,
	TRIP_READ_MORE,
	TRIP_WRITE_MORE,
	TRIP_DATA_SIZE,
	TRIP_PRE_COPY_P2P,
	TRIP_STOP_COPY,
	TRIP_REPORT_LAST,
	TRIP_READ_LAST, /* to the end of the stream */
	TRIP_WRITE_LAST,
	TRIP_STOP,	  /* the target's session ends */
	TRIP_RUNNING_P2P, /* of the target */
	TRIP_RUNNING,	  /* the guest is there */
	TRIP_LOG_STOP,
	TRIP_END, /* the source's session ends */
	TRIP_STEPS
};

struct trip {
	struct mlx5_mem mem;
	struct mlx5_vf vf[2];
	unsigned int here; /* on which VF the guest is */
	struct work work;
	unsigned int under_way; /* works posted while the guest was moved */
	int save_fd, load_fd;	/* -1: none */
	struct vfmig_stream stream;
	size_t sent; /* of it, to the target */
	bool logging;
	uint8_t *before; /* guest memory when logging began */
	uint8_t dirty[MLX5_GUEST_SIZE / 4096 / 8];
};

const char *trip_step_name(enum trip_step step);
/* "LOG_START" and so on; TRIP_STEPS if there is no such step. */
enum trip_step trip_step_by_name(const char *name);

/* Open VFs 0 and 1 and bring the guest up on the first. Skips the test if there is no pre-copy. */
void trip_begin(struct trip *t);
/* The VF that the guest is on, and the other one. */
struct vfio_dev *trip_source(struct trip *t);
struct vfio_dev *trip_target(struct trip *t);

/* Take a step. Returns 0 or -errno. */
typedef int trip_fn(struct trip *t, enum trip_step step, void *arg);
int trip_take(struct trip *t, enum trip_step step);
/*
 * A whole migration, each step taken by @fn (NULL: trip_take()). Returns 0 with the guest on the
 * other VF, or what the first step that failed has returned, which is then in @at. The guest has
 * moved if that is TRIP_LOG_STOP or later.
 */
int trip_go(struct trip *t, trip_fn *fn, void *arg, enum trip_step *at);
/* The same without a fault; anything but success ends the test. */
void trip_go_ok(struct trip *t);

/*
 * After step @at has failed: the guest goes on. That is on the source, which goes to RUNNING without a
 * reset; or on the target if that has its state and @at was only to start it, or came later. The other
 * VF is reset. Returns 0, or why the source did not get to RUNNING; the call may be repeated then.
 */
int trip_recover(struct trip *t, enum trip_step at);
/* Let the guest do what it has begun, and more, and check all of it. */
void trip_settle(struct trip *t);

#endif
