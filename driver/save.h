/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A saving session: what save.c (its states), save_mem.c (its memory) and
 * save_file.c (the fd) share.  The locks are described in vfmig.h.
 */
#ifndef VFMIG_SAVE_H
#define VFMIG_SAVE_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "vfmig.h"

/* What they mean is told in save.c. */
enum save_state {
	SAVE_PRECOPY,
	SAVE_PRECOPY_FAILED,
	SAVE_BUSY,
	SAVE_COMPLETE,
	SAVE_FAILED,
	SAVE_DEAD,
};

/* Bytes that go before each image: CHECK, and the head of FW_DATA. */
#define SAVE_CHECK_SIZE		(VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_CHECK_SIZE)
#define SAVE_HEAD_SIZE		(SAVE_CHECK_SIZE + VFMIG_STREAM_HEAD_SIZE)

/*
 * A saving session.  The file owns this struct: once it exists, every failure
 * path is vfmig_save_end() and fput(), and nothing else.  The session has a
 * file reference of its own while vfmig_dev::save points here, and the file
 * holds the device, so that read() may look at it at any time.
 *
 * Before that, from the moment on which the VF leaves RUNNING in the direction
 * of STOP, it may be vfmig_dev::prepared: with memory and file, and known to
 * nobody.
 */
struct vfmig_save {
	struct vfmig_dev *vdev;
	struct file *filp;
	struct mlx5_async_ctx async_ctx;
	struct vfmig_save_cmd cmd;	/* of the SAVE in flight */
	struct list_head reserve;	/* for the last images; state_lock */
	struct mutex read_lock;
	wait_queue_head_t wait;		/* woken when records or state change */

	spinlock_t queue_lock;		/* what follows */
	enum save_state state;
	enum vfmig_save_kind kind;	/* of the SAVE in flight, or the last */
	bool tracked;			/* the firmware may be tracking */
	u32 images;			/* queued so far */
	u64 bytes;			/* in these */
	struct vfmig_buf *first;	/* for ORIGIN and the hint */
	struct vfmig_buf *end;		/* for the END record */
	struct vfmig_buf *inflight;	/* the firmware writes to it */
	u32 next_size;			/* wanted for the next SAVE, or 0 */
	struct list_head ready;		/* records to be read, in order */
	struct list_head spare;		/* mapped buffers without content */
};

static inline bool vfmig_save_is_dead(struct vfmig_save *save)
{
	return READ_ONCE(save->state) == SAVE_DEAD ||
	       vfmig_reset_is_pending(save->vdev);
}

/* save.c */
int vfmig_save_changes(struct vfmig_save *save, u64 size, bool initial);

/* save_file.c */
extern const struct file_operations vfmig_save_fops;

/* save_mem.c */

/* Room for what a VF that still runs may add. */
static inline u64 vfmig_save_with_slack(u64 size)
{
	return max(size, min(size + size / 8 + SZ_64K, VFMIG_SAVE_MAX_SIZE));
}

int vfmig_save_query(struct vfmig_dev *vdev, struct vfmig_query *query);
int vfmig_save_fill(struct vfmig_save *save, const struct vfmig_query *query,
		    bool running, u64 *size);
struct vfmig_buf *vfmig_save_take(struct vfmig_save *save, u64 size);
struct vfmig_buf *vfmig_save_take_late(struct vfmig_save *save, u64 size);

#endif /* VFMIG_SAVE_H */
