/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mlx5_vfmig: what the files of the driver share.
 *
 * Locks, outermost first:
 *
 *  vfmig_resume::write_lock (mutex) - the parser and the pages of the image
 *	buffer; the writers' turn.  Taken by write(), and tried, never waited
 *	for, by RESUMING -> STOP.
 *  vfmig_save::read_lock (mutex) - the place in the first record; the readers'
 *	turn.  Taken by read() only.
 *  vfmig_dev::state_lock (mutex) - the migration state, both sessions'
 *	lifetime, everything that talks to the firmware, DMA mappings.  Taken
 *	through the guard "vfmig_state" only.
 *  vfmig_save::queue_lock (spinlock, irqs off) - a saving session's lists and
 *	state.  Also taken by the SAVE callback.
 *  vfmig_dev::error_lock (spinlock, irqs off) - the text of the last error.
 *
 * User memory is touched under write_lock and read_lock only, and nothing that
 * ends a session waits for these two.  So a user whose page fault never ends
 * holds up nothing but an fd of its own; the PF can always be detached.
 *
 * A function level reset ends every session and makes the state RUNNING.
 * reset_done() comes with VFIO's memory_lock held, under which no lock of ours
 * may be waited for.  It leaves a mark, VFMIG_RESET_DONE, that the guard
 * consumes whenever state_lock is taken and before it is released; read(),
 * write() and poll() look at the mark too.  Hence nobody can observe a session
 * or a state from before the reset once the reset has returned.
 */
#ifndef VFMIG_H
#define VFMIG_H

#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/mlx5/driver.h>

#include "compat.h"
#include "stream.h"

struct iov_iter;
struct vfmig_save;
struct vfmig_resume;
struct vfmig_tracker;

/* Bits of vfmig_dev::reset_flags. */
enum vfmig_reset_flag {
	VFMIG_RESETTING,	/* between reset_prepare() and reset_done() */
	VFMIG_RESET_DONE,	/* the mark that the guard consumes */
};

/* Counters of a VF, in the order in which stats.c shows them. */
enum vfmig_stat {
	VFMIG_STAT_ARCS,
	VFMIG_STAT_ARCS_FAILED,
	VFMIG_STAT_ARCS_UNDONE,
	VFMIG_STAT_RESETS,
	VFMIG_STAT_CMDS,
	VFMIG_STAT_CMDS_FAILED,
	VFMIG_STAT_CMD_NS,
	VFMIG_STAT_SAVES,
	VFMIG_STAT_SAVES_FAILED,
	VFMIG_STAT_BYTES_SAVED,
	VFMIG_STAT_BYTES_READ,
	VFMIG_STAT_LOADS,
	VFMIG_STAT_BYTES_LOADED,
	VFMIG_STAT_PRECOPY_FALLBACKS,
	VFMIG_STAT_REINITS,
	VFMIG_STAT_BUFS_MADE,
	VFMIG_STAT_BUFS_REUSED,
	VFMIG_STAT_BUFS_LOST,	/* not given back by the firmware */
	VFMIG_STAT_LATE_BUFS,	/* made while the VF was stopped */
	VFMIG_STAT_LATE_SESSIONS,	/* the same */
	VFMIG_STAT_REPORTS,
	VFMIG_STAT_REPORTS_FAILED,
	VFMIG_STAT_PAGES_REPORTED,
	VFMIG_STATS
};

#define VFMIG_ERROR_LEN		128

/* Buffers between sessions; guarded by vfmig_dev::state_lock. */
struct vfmig_pool {
	struct list_head bufs;		/* mapped, idle */
	unsigned int count;
	u32 pdn;			/* of these and of the session's */
	bool has_pd;
	struct delayed_work work;	/* frees what is idle for long */
};

/*
 * One VF.  Fields up to @wq are set before the device is registered and do not
 * change; the rest is guarded by @state_lock if nothing else is said.
 */
struct vfmig_dev {
	struct vfio_pci_core_device core;	/* first: the core frees it */
	struct mlx5_core_dev *mdev;		/* the PF, which outlives us */
	int vf_id;
	u16 vhca_id;
	bool migratable;
	bool chunk_mode;		/* firmware saves in several images */
	struct vfmig_origin origin;	/* what streams from here say of us */
	struct notifier_block nb;
	struct workqueue_struct *wq;
	struct vfmig_tracker *tracker;	/* DMA logging; NULL: not offered */

	struct work_struct work;	/* pending reset, next SAVE */
	unsigned long reset_flags;	/* enum vfmig_reset_flag; no lock */
	struct mutex state_lock;	/* see the top of this file */
	enum vfio_device_mig_state mig_state;
	unsigned long stopped;		/* BIT(enum vfmig_side): suspended */
	/*
	 * Bits as above, of sides of which nobody knows: a command for it has
	 * got no answer, or the PF has disabled and enabled the VF since, so
	 * that the firmware may have forgotten that it was suspended.
	 */
	unsigned long unsure;
	/*
	 * A side was suspended while a reset was going on; nobody knows which
	 * of the two came last.
	 */
	bool raced;
	bool detached;			/* the PF has taken the VF away */
	struct vfmig_save *save;
	struct vfmig_save *prepared;	/* for @save, while it is NULL */
	struct vfmig_resume *resume;
	struct vfmig_pool pool;

	atomic64_t stats[VFMIG_STATS];	/* no lock */
	struct dentry *debugfs;
	spinlock_t error_lock;		/* the next two; taken last of all */
	u64 error_ns;			/* since boot */
	char error[VFMIG_ERROR_LEN];	/* the last one, in words */
};

static inline struct vfmig_dev *vfmig_from_vfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfmig_dev, core.vdev);
}

static inline struct device *vfmig_device(struct vfmig_dev *vdev)
{
	return &vdev->core.pdev->dev;
}

static inline bool vfmig_reset_is_pending(struct vfmig_dev *vdev)
{
	return test_bit(VFMIG_RESET_DONE, &vdev->reset_flags);
}

static inline void vfmig_stat_add(struct vfmig_dev *vdev, enum vfmig_stat stat,
				  s64 n)
{
	atomic64_add(n, &vdev->stats[stat]);
}

static inline void vfmig_stat_inc(struct vfmig_dev *vdev, enum vfmig_stat stat)
{
	atomic64_inc(&vdev->stats[stat]);
}

/* stats.c */
__printf(2, 3)
void vfmig_remember(struct vfmig_dev *vdev, const char *fmt, ...);
__printf(2, 3)
void vfmig_error(struct vfmig_dev *vdev, const char *fmt, ...);
void vfmig_stats_add(struct vfmig_dev *vdev);
void vfmig_stats_del(struct vfmig_dev *vdev);
void vfmig_stats_init(void);
void vfmig_stats_exit(void);

/* state.c */
void vfmig_state_lock(struct vfmig_dev *vdev);
void vfmig_state_unlock(struct vfmig_dev *vdev);
DEFINE_GUARD(vfmig_state, struct vfmig_dev *, vfmig_state_lock(_T),
	     vfmig_state_unlock(_T))

void vfmig_state_open(struct vfmig_dev *vdev);
void vfmig_state_close(struct vfmig_dev *vdev);
void vfmig_state_attach(struct vfmig_dev *vdev);
void vfmig_state_detach(struct vfmig_dev *vdev);
void vfmig_state_reset_prepare(struct vfmig_dev *vdev);
void vfmig_state_reset_done(struct vfmig_dev *vdev);
void vfmig_state_work(struct work_struct *work);
extern const struct vfio_migration_ops vfmig_mig_ops;

/* fwcmd.c */
enum vfmig_side {
	VFMIG_INITIATOR,
	VFMIG_RESPONDER,
};

/* How to take a refusal of SUSPEND_VHCA and RESUME_VHCA. */
enum vfmig_move_how {
	VFMIG_MOVE_STRICT,	/* every refusal is an error */
	VFMIG_MOVE_MAYBE_DONE,	/* "it is so already" is a success */
};

enum vfmig_query_kind {
	VFMIG_QUERY_FULL,
	VFMIG_QUERY_DELTA,	/* since the last SAVE with tracking */
};

/* Answer of QUERY_VHCA_MIGRATION_STATE. */
struct vfmig_query {
	u32 required;		/* bytes for the next SAVE */
	u64 remaining;		/* bytes of state in all */
	u8 migration_state;	/* 0 from firmware that does not tell */
};

/* Answer of SAVE_VHCA_STATE. */
struct vfmig_save_result {
	int err;		/* -EREMOTEIO: refused, see @status */
	bool unsure;		/* may be under way all the same */
	u32 status;
	u32 syndrome;
	u32 image_size;
	u32 next_size;		/* for the next SAVE; 0: this was the last */
};

/* One SAVE_VHCA_STATE in flight; belongs to the firmware until @done runs. */
struct vfmig_save_cmd {
	struct mlx5_async_work work;
	struct vfmig_dev *vdev;
	void (*done)(struct vfmig_save_cmd *cmd,
		     const struct vfmig_save_result *res);
	ktime_t start;
	u32 out[MLX5_ST_SZ_DW(save_vhca_state_out)];
};

enum vfmig_save_kind {
	VFMIG_SAVE_FULL,	/* from the start; of a VF that runs: untrack */
	VFMIG_SAVE_NEXT,	/* what is left: last changes, or next chunk */
	VFMIG_SAVE_TRACK,	/* from the start, of a VF that runs on */
	VFMIG_SAVE_TRACK_NEXT,	/* changes of a VF that runs on */
};

int vfmig_cmd_query_migratable(struct vfmig_dev *vdev, bool *migratable,
			       u32 *status);
int vfmig_cmd_query_vhca_id(struct vfmig_dev *vdev, u16 *vhca_id, u32 *status);
u32 vfmig_cmd_query_digest(struct vfmig_dev *vdev);
int vfmig_cmd_suspend_vhca(struct vfmig_dev *vdev, enum vfmig_side side,
			   enum vfmig_move_how how, bool *unsure);
int vfmig_cmd_resume_vhca(struct vfmig_dev *vdev, enum vfmig_side side,
			  enum vfmig_move_how how, bool *unsure);
int vfmig_cmd_query_vhca_migration_state(struct vfmig_dev *vdev,
					 enum vfmig_query_kind kind,
					 struct vfmig_query *query);
int vfmig_cmd_save_vhca_state(struct vfmig_dev *vdev,
			      struct mlx5_async_ctx *ctx,
			      struct vfmig_save_cmd *cmd,
			      enum vfmig_save_kind kind, u32 mkey, u32 size);
int vfmig_cmd_load_vhca_state(struct vfmig_dev *vdev, u32 mkey, u32 size);
int vfmig_cmd_alloc_pd(struct vfmig_dev *vdev, u32 *pdn);
void vfmig_cmd_dealloc_pd(struct vfmig_dev *vdev, u32 pdn);
/* Largest page of a memory key: 2 MiB. */
#define VFMIG_MKEY_MAX_LOG_PAGE	21

int vfmig_cmd_create_mkey(struct vfmig_dev *vdev, u32 pdn,
			  struct sg_table *sgt, u64 len, u32 *mkey);
int vfmig_cmd_destroy_mkey(struct vfmig_dev *vdev, u32 mkey);

/* of all commands, for fwcmd_track.c */
bool vfmig_vf_enabled(struct vfmig_dev *vdev);
int vfmig_cmd_send(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		   int outlen, u8 fine);
void *vfmig_cmd_mkey_alloc(u32 pdn, u64 len, unsigned int log_page,
			   bool remote, size_t *inlen, __be64 **mtt);

/* buf.c */

/* What goes before an image, or the short records that begin a stream. */
#define VFMIG_BUF_HEAD_SIZE						\
	(2 * VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_ORIGIN_SIZE +	\
	 VFMIG_STREAM_HINT_SIZE)

/*
 * Memory for one image, with the head of the record that carries it.
 *
 * Pages belong to whoever owns the buffer and live until its last reference is
 * gone.  The mapping (@mapped, @sgt, @dir, @mkey) is a matter of the session:
 * it is made and undone under state_lock, and is gone when the session ends,
 * though a reader may still be copying from the pages.
 */
struct vfmig_buf {
	refcount_t refs;
	struct list_head entry;		/* queue_lock */
	struct page **pages;
	u32 npages;
	u32 max_pages;			/* that @pages has room for */

	u32 mapped;			/* pages that the device can reach */
	struct sg_table sgt;
	enum dma_data_direction dir;
	u32 mkey;

	u8 head[VFMIG_BUF_HEAD_SIZE];
	u32 head_len;
	u32 len;			/* bytes of the image */
	u64 pos;			/* read so far, head included; read_lock */
	bool initial;			/* part of initial_bytes; queue_lock */
	u32 number;			/* of the image in the stream */
	bool unchecked;			/* CHECK is still to be made; read_lock */
	/*
	 * A command with it has got no answer: the firmware may still write
	 * here, so the buffer is never given to another command.
	 */
	bool unsure;
	bool leaked;			/* and has not given it back */
};

struct vfmig_buf *vfmig_buf_alloc(u32 npages);
void vfmig_buf_clear(struct vfmig_buf *buf);
struct vfmig_buf *vfmig_buf_get(struct vfmig_buf *buf);
void vfmig_buf_put(struct vfmig_buf *buf);
int vfmig_buf_grow(struct vfmig_buf *buf, u32 npages, gfp_t gfp);
int vfmig_buf_map(struct vfmig_dev *vdev, struct vfmig_buf *buf, u32 pdn,
		  enum dma_data_direction dir);
void vfmig_buf_unmap(struct vfmig_dev *vdev, struct vfmig_buf *buf);
void vfmig_buf_to_cpu(struct vfmig_dev *vdev, struct vfmig_buf *buf);
void vfmig_buf_to_device(struct vfmig_dev *vdev, struct vfmig_buf *buf);
u32 vfmig_buf_crc(const struct vfmig_buf *buf, u64 pos, u64 len, u32 crc);
size_t vfmig_buf_read(struct vfmig_buf *buf, u64 pos, struct iov_iter *to);
size_t vfmig_buf_write(struct vfmig_buf *buf, u64 pos, size_t len,
		       struct iov_iter *from);

static inline u64 vfmig_buf_size(const struct vfmig_buf *buf)
{
	return (u64)buf->npages << PAGE_SHIFT;
}

DEFINE_FREE(vfmig_buf_put, struct vfmig_buf *, vfmig_buf_put(_T))

/* pool.c */

/* SAVE_VHCA_STATE has 32 bits for a size, which is whole pages here. */
#define VFMIG_SAVE_MAX_SIZE	((u64)SZ_4G - PAGE_SIZE)

void vfmig_pool_init(struct vfmig_dev *vdev);
struct vfmig_buf *vfmig_buf_fit(struct list_head *list, u64 size);
struct vfmig_buf *vfmig_pool_get(struct vfmig_dev *vdev, u64 size);
void vfmig_pool_put(struct vfmig_dev *vdev, struct vfmig_buf *buf);
void vfmig_pool_drain(struct vfmig_dev *vdev);

/* save.c */

/* When a saving session begins. */
enum vfmig_save_when {
	VFMIG_SAVE_STOPPED,	/* to STOP_COPY */
	VFMIG_SAVE_RUNNING,	/* to PRE_COPY */
	VFMIG_SAVE_QUIET,	/* to PRE_COPY_P2P: nothing can be saved yet */
};

void vfmig_save_prepare(struct vfmig_dev *vdev);
void vfmig_save_unprepare(struct vfmig_dev *vdev);
struct file *vfmig_save_open(struct vfmig_dev *vdev, enum vfmig_save_when when);
int vfmig_save_settle(struct vfmig_dev *vdev);
void vfmig_save_track(struct vfmig_dev *vdev);
int vfmig_save_finish(struct vfmig_dev *vdev);
int vfmig_save_cancel(struct vfmig_dev *vdev);
void vfmig_save_end(struct vfmig_dev *vdev);
void vfmig_save_next(struct vfmig_dev *vdev);

/* save_mem.c */
void vfmig_save_reserve(struct vfmig_dev *vdev);

/* save_file.c */
int vfmig_save_data_size(struct vfmig_dev *vdev, u64 *size);

/* resume.c */
struct file *vfmig_resume_open(struct vfmig_dev *vdev);
int vfmig_resume_finish(struct vfmig_dev *vdev);
bool vfmig_resume_next(struct vfmig_dev *vdev);
void vfmig_resume_end(struct vfmig_dev *vdev);

#endif /* VFMIG_H */
