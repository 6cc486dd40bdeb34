/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the migration contract share: one VF with a guest that works, and a model of what
 * <linux/vfio.h> says of states and of the ways between them, for every set of flags.
 *
 * A test of a state that the set of flags does not have expects the refusal that the text promises.
 * Where a statement says nothing about such a set the test ends with tap_skip("n/a: ...").
 */
#ifndef SELFTESTS_CONTRACT_H
#define SELFTESTS_CONTRACT_H

#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

#define GET VFIO_DEVICE_FEATURE_GET
#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE
#define F_MIGRATION VFIO_DEVICE_FEATURE_MIGRATION
#define F_STATE VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE
#define F_SIZE VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
#define F_LOG_START VFIO_DEVICE_FEATURE_DMA_LOGGING_START
#define F_LOG_STOP VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
#define F_LOG_REPORT VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
#define F_PRECOPY_INFO_V2 12 /* since Linux 7.3 */
#define INFO_SIZE 24

/* Every test is a process, so the fixture may be static. @dev is the fd of @a. */
extern struct mlx5_mem mem;
extern struct mlx5_vf a, b;
extern struct work w;
extern int dev;

/* Open VF 0, or @bdf, as @a, without a word to the device. */
void open_a(void);
void open_at(const char *bdf);
/* Bring up the guest of @a and have it work, so that a test can see that it still does. */
void work_a(void);
/* Both. */
void start_a(void);
/* As start_a(), with PRE_COPY, or it is none of this device's business. */
void start_pre(void);
/* Reset @a and bring its guest up anew. */
void reset_a(void);

/*
 * A VF with @quality, one of the words of VFMIG_CARD2 ("slow", "reinit", "other"): VF 0 of the second
 * card. NULL if there is none.
 */
const char *card2_vf(const char *quality);

bool has(uint64_t flag);
bool has_state(int state);
void need_pre(void);
bool is_pre(int state);
/* Requests on their own initiative are possible. */
bool runs(int state);
/* PRE_COPY, PRE_COPY_P2P, STOP_COPY: one session. */
bool is_saving(int state);
/* The request hands out a file. */
bool starts_session(int from, int to);

/* The model: the states passed after @from, @to included; n = 0: stays. False: -EINVAL. */
struct way {
	unsigned int n;
	int state[8];
};
bool way_find(uint64_t flags, int from, int to, struct way *way);
/* "RUNNING > RUNNING_P2P > STOP" */
const char *way_text(int from, const struct way *way);

/*
 * From RUNNING into @state. In RESUMING the VF's own state has been written in whole. Returns the
 * session's file or -1.
 */
int go(int state);
/* And back, by a reset from RESUMING; after it the guest works. */
void come_back(void);

/*
 * From RUNNING: every legal present state x each of the 8 states, printed and compared with the model;
 * after it the guest works.
 */
void walk_table(void);

/* VFIO_MIG_GET_PRECOPY_INFO. @flags may be NULL. */
int info(int fd, uint64_t *initial, uint64_t *dirty, uint32_t *flags);
void info_ok(int fd, uint64_t *initial, uint64_t *dirty);
/* Append what there is until the stream pauses. Returns how many bytes that was. */
size_t read_to_pause(int fd, struct vfmig_stream *s);
/* Read and ask in turn until nothing is left, as a VMM does. */
void drain(int fd, struct vfmig_stream *s);
/* Something in the device's own state changes. */
void change_state(void);

unsigned int images(const struct vfmig_stream *s);
void records_are_whole(const struct vfmig_stream *s);
/* From STOP_COPY with all of @s read: load it back into @a, which works on from it. */
void goes_on_from(const struct vfmig_stream *s);

#endif
