// SPDX-License-Identifier: GPL-2.0-only
/*
 * The saving fd: asks the firmware for images and hands them out as records.
 *
 * DOC: states of a saving session
 *
 *	                  +----+ tracked SAVEs
 *	                  v    |
 *	open running -> PRECOPY ------------------+--- finish ---+
 *	                  |                       |              v
 *	                  +-> PRECOPY_FAILED -----+   +------> BUSY <- open stopped
 *	                      tracked SAVE refused    +------+   |
 *	                                          more chunks    |
 *	                                                         v
 *	 cancel or end, from everywhere: DEAD          COMPLETE, FAILED
 *
 * PRECOPY: the VF runs and is tracked.  A reader that finds no record waits if
 * a SAVE is in flight, and gets -ENOMSG otherwise.  PRECOPY_FAILED: as before,
 * but the firmware has given up the tracking; no SAVE is started any more, and
 * the last image will be a full one.  BUSY: the VF is stopped; a SAVE is in
 * flight, or the next one waits for a free buffer.  A reader that finds no
 * record waits.  COMPLETE: no record will be added; a reader that finds none is
 * at the end of the stream, now and for ever.  FAILED, which a SAVE in PRECOPY
 * leads to as well if something else than the tracking was refused: read()
 * gives -EIO; the device itself is well, and the way back to RUNNING is open.
 * DEAD: the session is over and nothing of it can be read; read() gives
 * -ENODEV.
 *
 * The state and the lists change together, under queue_lock, and a reader
 * looks at both under it, so that "nothing to read" and "nothing more to come"
 * can never be seen apart.
 *
 * All memory is there before the VF is stopped: the buffers of the last images
 * wait on @reserve.  Should the firmware ask for more in the end than it has
 * said before, more is made then, and counted (buffers_made_late).
 */
#include <linux/anon_inodes.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "vfmig.h"
#include "trace.h"

enum save_state {
	SAVE_PRECOPY,
	SAVE_PRECOPY_FAILED,
	SAVE_BUSY,
	SAVE_COMPLETE,
	SAVE_FAILED,
	SAVE_DEAD,
};

/* In chunk mode one buffer is filled while the others are read. */
#define SAVE_CHUNK_SIZE		SZ_8M
#define SAVE_MAX_CHUNKS		16u
/* Bytes that go before each image: CHECK, and the head of FW_DATA. */
#define SAVE_CHECK_SIZE		(VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_CHECK_SIZE)
#define SAVE_HEAD_SIZE		(SAVE_CHECK_SIZE + VFMIG_STREAM_HEAD_SIZE)
/* The bound of every wait for a SAVE: mlx5_core's own for a command. */
#define SAVE_WAIT		(60 * HZ)

static uint chunks = 4;
module_param(chunks, uint, 0644);
MODULE_PARM_DESC(chunks, "Buffers of a session whose firmware saves in chunks, 1 to 16 (default: 4)");

/*
 * A saving session.  The file owns this struct: once it exists, every failure
 * path is vfmig_save_end() and fput(), and nothing else.  The session has a
 * file reference of its own while vfmig_dev::save points here, and the file
 * holds the device, so that read() may look at it at any time.
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
	struct vfmig_buf *end;		/* for the END record */
	struct vfmig_buf *inflight;	/* the firmware writes to it */
	u32 next_size;			/* wanted for the next SAVE, or 0 */
	struct list_head ready;		/* records to be read, in order */
	struct list_head spare;		/* mapped buffers without content */
};

static bool save_is_dead(struct vfmig_save *save)
{
	return READ_ONCE(save->state) == SAVE_DEAD || vfmig_reset_is_pending(save->vdev);
}

/* The user has left the stream open, and nothing is on its way. */
static bool save_has_paused(struct vfmig_save *save)
{
	lockdep_assert_held(&save->queue_lock);
	return !save->inflight && (save->state == SAVE_PRECOPY ||
				   save->state == SAVE_PRECOPY_FAILED);
}

/*
 * The first record, with a reference; NULL at the end of the stream; -ENOMSG
 * if the stream pauses there; -EAGAIN if there is nothing yet.
 */
static struct vfmig_buf *save_first(struct vfmig_save *save)
{
	struct vfmig_buf *buf;
	unsigned long flags;

	spin_lock_irqsave(&save->queue_lock, flags);
	buf = list_first_entry_or_null(&save->ready, struct vfmig_buf, entry);
	if (save_is_dead(save))
		buf = ERR_PTR(-ENODEV);
	else if (save->state == SAVE_FAILED)
		buf = ERR_PTR(-EIO);
	else if (buf)
		vfmig_buf_get(buf);
	else if (save_has_paused(save))
		buf = ERR_PTR(-ENOMSG);
	else if (save->state != SAVE_COMPLETE)
		buf = ERR_PTR(-EAGAIN);
	spin_unlock_irqrestore(&save->queue_lock, flags);
	return buf;
}

/* What poll() reports; in a pause it waits for more. */
static __poll_t save_mask(struct vfmig_save *save)
{
	unsigned long flags;
	__poll_t mask = 0;

	spin_lock_irqsave(&save->queue_lock, flags);
	if (save_is_dead(save) || save->state == SAVE_FAILED)
		mask = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	else if (!list_empty(&save->ready) || save->state == SAVE_COMPLETE)
		mask = EPOLLIN | EPOLLRDNORM;
	spin_unlock_irqrestore(&save->queue_lock, flags);
	return mask;
}

/* A reader has something to get, be it an error. */
static bool save_is_readable(struct vfmig_save *save)
{
	bool paused;

	if (save_mask(save))
		return true;
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		paused = save_has_paused(save);
	return paused;
}

/* The first record has been read to its end. */
static void save_retire(struct vfmig_save *save, struct vfmig_buf *buf)
{
	bool drop = false;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		if (save->state == SAVE_DEAD)
			break;
		list_del_init(&buf->entry);
		if (!buf->npages) {
			drop = true;
			break;
		}
		list_add_tail(&buf->entry, &save->spare);
		/* Under the lock: the workqueue may go once we are DEAD. */
		if (save->next_size)
			queue_work(save->vdev->wq, &save->vdev->work);
	}

	if (drop)
		vfmig_buf_put(buf);
}

/* The checksum of an image, which SAVE's callback has no time for. */
static void save_make_check(struct vfmig_buf *buf)
{
	u32 crc;

	crc = vfmig_stream_crc(VFMIG_STREAM_CRC_INIT,
			       buf->head + SAVE_CHECK_SIZE,
			       VFMIG_STREAM_HEAD_SIZE);
	crc = vfmig_buf_crc(buf, 0, buf->len, crc);
	vfmig_stream_put_check(buf->head, buf->number, crc);
	buf->unchecked = false;
}

static ssize_t save_copy(struct vfmig_save *save, struct iov_iter *to)
{
	ssize_t done = 0;

	lockdep_assert_held(&save->read_lock);
	while (iov_iter_count(to)) {
		struct vfmig_buf *buf __free(vfmig_buf_put) = save_first(save);
		u64 left;
		size_t n;

		if (IS_ERR_OR_NULL(buf))
			return done ?: PTR_ERR_OR_ZERO(buf);

		if (buf->unchecked)
			save_make_check(buf);
		left = buf->head_len + (u64)buf->len - buf->pos;
		left = min_t(u64, left, iov_iter_count(to));
		n = vfmig_buf_read(buf, buf->pos, to);
		/* Pairs with the READ_ONCE() of save_count(). */
		WRITE_ONCE(buf->pos, buf->pos + n);
		vfmig_stat_add(save->vdev, VFMIG_STAT_BYTES_READ, n);
		done += n;
		if (n < left)
			return done ?: -EFAULT;
		if (buf->pos == buf->head_len + (u64)buf->len)
			save_retire(save, buf);
		if (signal_pending(current))
			break;
	}
	return done;
}

static ssize_t vfmig_save_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vfmig_save *save = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK ||
			iocb->ki_flags & IOCB_NOWAIT;
	ssize_t ret;

	for (;;) {
		if (nonblock) {
			if (!mutex_trylock(&save->read_lock))
				return -EAGAIN;
		} else if (mutex_lock_interruptible(&save->read_lock)) {
			return -ERESTARTSYS;
		}
		ret = save_copy(save, to);
		mutex_unlock(&save->read_lock);
		if (ret != -EAGAIN || nonblock)
			return ret;

		/* No lock is held, nothing taken: look again afterwards. */
		ret = wait_event_interruptible(save->wait,
					       save_is_readable(save));
		if (ret)
			return ret;
	}
}

static __poll_t vfmig_save_poll(struct file *filp, struct poll_table_struct *pt)
{
	struct vfmig_save *save = filp->private_data;

	poll_wait(filp, &save->wait, pt);
	return save_mask(save);
}

static int vfmig_save_release(struct inode *inode, struct file *filp)
{
	struct vfmig_save *save = filp->private_data;

	mutex_destroy(&save->read_lock);
	vfio_put_device(&save->vdev->core.vdev);
	kfree(save);
	return 0;
}

static const struct file_operations vfmig_save_fops;

static void save_fail(struct vfmig_save *save)
{
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		if (save->state != SAVE_DEAD)
			save->state = SAVE_FAILED;
	}
	wake_up(&save->wait);
}

/* Where a session goes when SAVE_VHCA_STATE has failed. */
static void save_done_badly(struct vfmig_save *save,
			    const struct vfmig_save_result *res)
{
	bool refused = res->err == -EREMOTEIO &&
		       res->status == MLX5_CMD_STAT_BAD_RES_STATE_ERR;

	lockdep_assert_held(&save->queue_lock);
	if (save->state == SAVE_PRECOPY && refused) {
		save->state = SAVE_PRECOPY_FAILED;
		vfmig_stat_inc(save->vdev, VFMIG_STAT_PRECOPY_FALLBACKS);
	} else {
		save->state = SAVE_FAILED;
	}
	vfmig_stat_inc(save->vdev, VFMIG_STAT_SAVES_FAILED);
}

/* An image without a byte is one if it only says that nothing has changed. */
static bool save_result_is_good(struct vfmig_save *save,
				const struct vfmig_save_result *res)
{
	struct vfmig_dev *vdev = save->vdev;
	u64 room = vfmig_buf_size(save->inflight);

	/* A reset or a detach has broken it, or nobody wants it. */
	if (save_is_dead(save))
		return false;
	if (res->err) {
		dev_err_ratelimited(vfmig_device(vdev),
				    "SAVE_VHCA_STATE failed: %pe, status 0x%x, syndrome 0x%x\n",
				    ERR_PTR(res->err), res->status,
				    res->syndrome);
		return false;
	}
	if (res->image_size ? res->image_size <= room :
	    save->images && save->kind != VFMIG_SAVE_FULL)
		return true;
	dev_err_ratelimited(vfmig_device(vdev),
			    "SAVE_VHCA_STATE answered with an image of %u bytes for a buffer of %llu\n",
			    res->image_size, room);
	vfmig_error(vdev, "SAVE_VHCA_STATE: image of %u bytes for a buffer of %llu",
		    res->image_size, room);
	return false;
}

static void save_add_end(struct vfmig_save *save)
{
	struct vfmig_buf *buf = save->end;

	lockdep_assert_held(&save->queue_lock);
	vfmig_stream_put_end(buf->head, save->images, save->bytes);
	buf->head_len = VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_END_SIZE;
	trace_vfmig_record(save->vdev, true, VFMIG_STREAM_T_END,
			   VFMIG_STREAM_END_SIZE);
	list_add_tail(&buf->entry, &save->ready);
	save->end = NULL;
}

/* SAVE_VHCA_STATE has been answered; any context. */
static void save_done(struct vfmig_save_cmd *cmd,
		      const struct vfmig_save_result *res)
{
	struct vfmig_save *save = container_of(cmd, struct vfmig_save, cmd);
	struct vfmig_dev *vdev = save->vdev;
	struct vfmig_buf *buf = save->inflight;
	bool good = save_result_is_good(save, res);
	bool queue = good && res->image_size;
	bool kick = false;

	if (queue) {
		vfmig_buf_to_cpu(vdev, buf);
		vfmig_stream_put_head(buf->head + SAVE_CHECK_SIZE,
				      res->image_size, 0,
				      VFMIG_STREAM_T_FW_DATA);
		buf->head_len = SAVE_HEAD_SIZE;
		buf->number = save->images;
		buf->unchecked = true;
		buf->len = res->image_size;
		buf->pos = 0;
		trace_vfmig_record(vdev, true, VFMIG_STREAM_T_FW_DATA,
				   buf->len);
		vfmig_stat_inc(vdev, VFMIG_STAT_SAVES);
		vfmig_stat_add(vdev, VFMIG_STAT_BYTES_SAVED, buf->len);
	}

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->inflight = NULL;
		list_add_tail(&buf->entry, queue ? &save->ready : &save->spare);
		if (queue) {
			save->images++;
			save->bytes += buf->len;
		}
		if (save->state == SAVE_DEAD)
			break;
		if (!good) {
			save_done_badly(save, res);
		} else if (save->state != SAVE_BUSY) {
			break;
		} else if (vdev->chunk_mode && res->next_size) {
			save->next_size = res->next_size;
			kick = !list_empty(&save->spare);
		} else {
			save->tracked = false;
			save_add_end(save);
			save->state = SAVE_COMPLETE;
		}
	}

	wake_up(&save->wait);
	if (kick)
		queue_work(vdev->wq, &vdev->work);
}

/* Hand a mapped buffer, on no list, to the firmware. */
static int save_submit(struct vfmig_save *save, struct vfmig_buf *buf,
		       enum vfmig_save_kind kind)
{
	int err;

	lockdep_assert_held(&save->vdev->state_lock);
	vfmig_buf_to_device(save->vdev, buf);
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->inflight = buf;
		save->kind = kind;
	}

	save->cmd.done = save_done;
	err = vfmig_cmd_save_vhca_state(save->vdev, &save->async_ctx,
					&save->cmd, kind, buf->mkey,
					vfmig_buf_size(buf));
	if (!err)
		return 0;

	vfmig_error(save->vdev, "SAVE_VHCA_STATE not sent: error %d", err);
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->inflight = NULL;
		list_add_tail(&buf->entry, &save->spare);
	}
	wake_up(&save->wait);
	return err;
}

/* A buffer of the session for an image of @size bytes, off its list. */
static struct vfmig_buf *save_take(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf;

	lockdep_assert_held(&save->vdev->state_lock);
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		buf = vfmig_buf_fit(&save->spare, size);
		if (!buf)
			break;
		list_del_init(&buf->entry);
		vfmig_buf_clear(buf);
	}
	return buf;
}

/* The same while the VF is stopped, when nothing should have to be made. */
static struct vfmig_buf *save_take_late(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf = save_take(save, size);

	if (buf)
		return buf;
	vfmig_stat_inc(save->vdev, VFMIG_STAT_LATE_BUFS);
	buf = vfmig_pool_get(save->vdev, size);
	if (IS_ERR(buf))
		dev_err_ratelimited(vfmig_device(save->vdev),
				    "no memory for the last %llu bytes of state: %pe\n",
				    size, buf);
	return buf;
}

/* ORIGIN and the hint begin the stream; memory for END is there in time. */
static int save_add_first(struct vfmig_save *save, u64 size, bool several)
{
	struct vfmig_origin origin = save->vdev->origin;
	struct vfmig_buf *buf = vfmig_buf_alloc(0);
	u8 *to;

	if (IS_ERR(buf))
		return PTR_ERR(buf);

	to = buf->head;
	if (several)
		origin.needs |= VFMIG_STREAM_NEED_MULTI_LOAD;
	vfmig_stream_put_origin(to, &origin);
	to += VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_ORIGIN_SIZE;
	vfmig_stream_put_hint(to, size);
	to += VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_HINT_SIZE;
	buf->head_len = to - buf->head;
	buf->initial = true;
	trace_vfmig_record(save->vdev, true, VFMIG_STREAM_T_ORIGIN,
			   VFMIG_STREAM_ORIGIN_SIZE);
	trace_vfmig_record(save->vdev, true, VFMIG_STREAM_T_STOP_COPY_SIZE,
			   VFMIG_STREAM_HINT_SIZE);
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_add_tail(&buf->entry, &save->ready);

	buf = vfmig_buf_alloc(0);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	save->end = buf;
	return 0;
}

/* How many buffers of which size the last phase wants. */
struct save_plan {
	unsigned int count;
	u64 size;
};

static void save_make_plan(struct vfmig_dev *vdev,
			   const struct vfmig_query *query,
			   struct save_plan *plan)
{
	u64 max_chunks = clamp(READ_ONCE(chunks), 1u, SAVE_MAX_CHUNKS);

	plan->count = 1;
	plan->size = query->required;
	if (!vdev->chunk_mode || !plan->size)
		return;
	plan->size = max_t(u64, plan->size,
			   min_t(u64, query->remaining, SAVE_CHUNK_SIZE));
	plan->count = clamp(DIV64_U64_ROUND_UP(query->remaining, plan->size),
			    1, max_chunks);
}

/* Room for what a VF that still runs may add. */
static u64 save_with_slack(u64 size)
{
	return size + size / 8 + SZ_64K;
}

/* The firmware's answer about the whole state, which is never nothing. */
static int save_query(struct vfmig_dev *vdev, struct vfmig_query *query)
{
	int err;

	err = vfmig_cmd_query_vhca_migration_state(vdev, VFMIG_QUERY_FULL,
						   query);
	if (err || query->required)
		return err;
	dev_err_ratelimited(vfmig_device(vdev),
			    "QUERY_VHCA_MIGRATION_STATE answered with a size of 0\n");
	vfmig_error(vdev, "QUERY_VHCA_MIGRATION_STATE: a size of 0");
	return -EIO;
}

/* Start the first SAVE of a VF that runs. */
static int save_start_tracking(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf = save_take(save, size) ?:
				vfmig_pool_get(save->vdev, save_with_slack(size));

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	buf->initial = true;
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->tracked = true;
	return save_submit(save, buf, VFMIG_SAVE_TRACK);
}

/* Ask for the size, get memory, start the first SAVE. */
static int save_start(struct vfmig_save *save, enum vfmig_save_when when)
{
	struct vfmig_dev *vdev = save->vdev;
	bool running = when != VFMIG_SAVE_STOPPED;
	struct vfmig_query query;
	struct save_plan plan;
	struct vfmig_buf *buf;
	unsigned int i;
	int err;

	err = save_query(vdev, &query);
	if (err)
		return err;
	save_make_plan(vdev, &query, &plan);
	for (i = 0; i < plan.count; i++) {
		buf = vfmig_pool_get(vdev, running ? save_with_slack(plan.size) :
				     plan.size);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
		list_add_tail(&buf->entry, &save->reserve);
	}
	err = save_add_first(save, plan.size, running || vdev->chunk_mode);
	if (err)
		return err;

	switch (when) {
	case VFMIG_SAVE_RUNNING:
		return save_start_tracking(save, query.required);
	case VFMIG_SAVE_QUIET:
		return 0;
	case VFMIG_SAVE_STOPPED:
		break;
	}
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_splice_tail_init(&save->reserve, &save->spare);
	return save_submit(save, save_take(save, query.required),
			   VFMIG_SAVE_FULL);
}

/**
 * vfmig_save_open - start a saving session
 * @vdev: the VF, with no saving session
 * @when: what the VF is doing
 *
 * Context: Process; state_lock held.  Waits for the firmware, but not for the
 * SAVE it starts.
 * Return: The file to give to the user, or ERR_PTR: -ENOMEM, -EINTR on a fatal
 * signal, -ENOTCONN while the PF is detached, -EIO if the firmware reports a
 * state of no size, or the firmware's errno.  No session exists then.
 */
struct file *vfmig_save_open(struct vfmig_dev *vdev, enum vfmig_save_when when)
{
	struct vfmig_save *save;
	struct file *filp;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	save = kzalloc_obj(*save, GFP_KERNEL_ACCOUNT);
	if (!save)
		return ERR_PTR(-ENOMEM);
	save->vdev = vdev;
	save->state = when == VFMIG_SAVE_STOPPED ? SAVE_BUSY : SAVE_PRECOPY;
	mutex_init(&save->read_lock);
	spin_lock_init(&save->queue_lock);
	init_waitqueue_head(&save->wait);
	INIT_LIST_HEAD(&save->reserve);
	INIT_LIST_HEAD(&save->ready);
	INIT_LIST_HEAD(&save->spare);

	filp = anon_inode_getfile("[mlx5_vfmig-save]", &vfmig_save_fops, save,
				  O_RDONLY);
	if (IS_ERR(filp)) {
		kfree(save);
		return filp;
	}
	stream_open(filp->f_inode, filp);
	get_device(&vdev->core.vdev.device);	/* put by release() */
	mlx5_cmd_init_async_ctx(vdev->mdev, &save->async_ctx);
	save->filp = get_file(filp);		/* put by vfmig_save_end() */
	vdev->save = save;

	err = save_start(save, when);
	if (err) {
		vfmig_save_end(vdev);
		fput(filp);
		return ERR_PTR(err);
	}
	return filp;
}

/**
 * vfmig_save_prepare - have memory for a session that may follow
 * @vdev: the VF, running, with no saving session
 *
 * Only tries: a session that finds no buffers makes its own.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_save_prepare(struct vfmig_dev *vdev)
{
	struct vfmig_query query;
	struct save_plan plan;

	lockdep_assert_held(&vdev->state_lock);
	if (save_query(vdev, &query))
		return;
	save_make_plan(vdev, &query, &plan);
	vfmig_pool_fill(vdev, plan.count, save_with_slack(plan.size));
}

static bool save_is_idle(struct vfmig_save *save)
{
	bool idle;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		idle = !save->inflight;
	return idle;
}

/**
 * vfmig_save_settle - wait until no SAVE is in flight
 * @vdev: the VF, in a pre-copy state
 *
 * A SAVE with tracking must not meet a VF that is suspended.
 *
 * Context: Process; state_lock held.
 * Return: 0; -EINTR on a fatal signal; -ETIMEDOUT; -ENOTCONN or -ENODEV if a
 * detach of the PF has ended the session.
 */
int vfmig_save_settle(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	long left;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return vdev->detached ? -ENOTCONN : -ENODEV;
	left = wait_event_killable_timeout(save->wait, save_is_idle(save),
					   SAVE_WAIT);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/**
 * vfmig_save_reserve - see to it that the last images will find their memory
 * @vdev: the VF, in PRE_COPY, about to be stopped
 *
 * Only tries: what was reserved at first stays.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_save_reserve(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_query query;
	struct vfmig_buf *buf, *tmp;
	struct save_plan plan;
	unsigned int have = 0;
	LIST_HEAD(small);

	lockdep_assert_held(&vdev->state_lock);
	if (!save || save_query(vdev, &query))
		return;
	save_make_plan(vdev, &query, &plan);
	list_for_each_entry_safe(buf, tmp, &save->reserve, entry) {
		if (vfmig_buf_size(buf) >= plan.size)
			have++;
		else
			list_move(&buf->entry, &small);
	}
	for (; have < plan.count; have++) {
		buf = vfmig_pool_get(vdev, save_with_slack(plan.size));
		if (IS_ERR(buf))
			break;
		list_add_tail(&buf->entry, &save->reserve);
	}
	list_splice_tail(&small, &save->reserve);
}

/**
 * vfmig_save_track - start the first SAVE of a session opened quietly
 * @vdev: the VF, running again, in PRE_COPY
 *
 * If it cannot be started, the last image will be a full one.
 *
 * Context: Process; state_lock held.  Waits for the firmware, but not for the
 * SAVE it starts.
 */
void vfmig_save_track(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_query query;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!save || save->tracked || READ_ONCE(save->state) != SAVE_PRECOPY)
		return;
	err = save_query(vdev, &query);
	if (!err)
		err = save_start_tracking(save, query.required);
	if (!err)
		return;
	dev_warn_ratelimited(vfmig_device(vdev),
			     "no pre-copy: SAVE_VHCA_STATE not started: %pe\n",
			     ERR_PTR(err));
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->state = SAVE_PRECOPY_FAILED;
}

/**
 * vfmig_save_finish - the VF is stopped: save what is left
 * @vdev: the VF, suspended, with no SAVE in flight
 *
 * On failure the session is as before and the VF may go on.
 *
 * Context: Process; state_lock held.  Waits for the firmware, but not for the
 * SAVE it starts.
 * Return: 0; -EIO if the session has failed; -ENOMEM; -ENOTCONN or -ENODEV if
 * a detach of the PF has ended it; or the firmware's errno.
 */
int vfmig_save_finish(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_query query;
	struct vfmig_buf *buf;
	enum save_state before;
	bool delta;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return vdev->detached ? -ENOTCONN : -ENODEV;
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		before = save->state;
		delta = before == SAVE_PRECOPY && save->tracked;
	}
	if (before == SAVE_FAILED)
		return -EIO;

	if (delta)
		err = vfmig_cmd_query_vhca_migration_state(vdev, VFMIG_QUERY_DELTA,
							   &query);
	else
		err = save_query(vdev, &query);
	if (err)
		return err;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_splice_tail_init(&save->reserve, &save->spare);
	buf = save_take_late(save, query.required);
	if (IS_ERR(buf)) {
		err = PTR_ERR(buf);
		goto restore;
	}
	/* Before it can complete; no reader may find a pause from here on. */
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->state = SAVE_BUSY;
	err = save_submit(save, buf, delta ? VFMIG_SAVE_NEXT : VFMIG_SAVE_FULL);
	if (!err)
		return 0;

restore:
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		list_splice_tail_init(&save->spare, &save->reserve);
		save->state = before;
	}
	wake_up(&save->wait);
	return err;
}

/*
 * The user does not want the rest: end the tracking, if there may be any.  The
 * firmware does so with a SAVE, whose data nobody reads.
 */
static void save_untrack(struct vfmig_save *save)
{
	struct vfmig_buf *best = NULL;
	struct vfmig_buf *buf;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->state = SAVE_DEAD;
		list_splice_tail_init(&save->reserve, &save->spare);
		list_for_each_entry(buf, &save->spare, entry)
			if (!best || buf->npages > best->npages)
				best = buf;
		if (best)
			list_del_init(&best->entry);
	}
	wake_up(&save->wait);
	if (best)
		save_submit(save, best, VFMIG_SAVE_FULL);
}

/**
 * vfmig_save_cancel - end the saving session by the user's wish
 * @vdev: the VF, in a pre-copy state or in STOP_COPY
 *
 * Whatever has gone wrong in the session is of no concern any more.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -EINTR on a fatal signal, or -ETIMEDOUT; the session goes on then.
 */
int vfmig_save_cancel(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return 0;
	err = vfmig_save_settle(vdev);
	if (err)
		return err;
	if (save->tracked)
		save_untrack(save);
	vfmig_save_end(vdev);
	return 0;
}

/**
 * vfmig_save_next - start the next SAVE if one is wanted and memory is free
 * @vdev: the VF, with or without a saving session
 *
 * Context: Process; state_lock held.  Waits for the firmware if a larger
 * buffer is needed.
 */
void vfmig_save_next(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_buf *buf;
	u32 size = 0;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		if (save->state != SAVE_BUSY || save->inflight ||
		    list_empty(&save->spare))
			break;
		size = save->next_size;
		save->next_size = 0;
	}
	if (!size)
		return;
	buf = save_take_late(save, size);
	if (IS_ERR(buf) || save_submit(save, buf, VFMIG_SAVE_NEXT))
		save_fail(save);
}

/**
 * vfmig_save_end - end the saving session, if there is one
 * @vdev: the VF, not yet detached
 *
 * Does not fail and does not wait for readers.
 *
 * Context: Process; state_lock held.  Waits for the SAVE in flight and for the
 * firmware, which mlx5_core bounds.
 */
void vfmig_save_end(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_buf *buf, *tmp;
	LIST_HEAD(bufs);

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->state = SAVE_DEAD;
	wake_up(&save->wait);
	mlx5_cmd_cleanup_async_ctx(&save->async_ctx);

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		list_splice_init(&save->ready, &bufs);
		list_splice_init(&save->spare, &bufs);
	}
	list_splice_init(&save->reserve, &bufs);
	vfmig_buf_put(save->end);
	save->end = NULL;
	list_for_each_entry_safe(buf, tmp, &bufs, entry) {
		list_del_init(&buf->entry);
		vfmig_pool_put(vdev, buf);
	}

	vdev->save = NULL;
	fput(save->filp);
}

/* Bytes to be read, those of the SAVE in flight taken for as many as fit. */
static void save_count(struct vfmig_save *save, u64 *initial, u64 *dirty)
{
	struct vfmig_buf *buf;
	u64 sum[2] = {};

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		/* Pairs with the WRITE_ONCE() of save_copy(). */
		list_for_each_entry(buf, &save->ready, entry)
			sum[buf->initial] += buf->head_len + (u64)buf->len -
					     READ_ONCE(buf->pos);
		buf = save->inflight;
		if (buf)
			sum[buf->initial] += SAVE_HEAD_SIZE +
					     vfmig_buf_size(buf);
	}
	*initial = sum[true];
	*dirty = sum[false];
}

/* What has changed since the last tracked SAVE can be asked for. */
static bool save_has_delta(struct vfmig_save *save)
{
	bool has;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		has = save->state == SAVE_PRECOPY && save->tracked &&
		      !save->inflight;
	return has;
}

/**
 * vfmig_save_data_size - how much will a user have to read from STOP_COPY?
 * @vdev: the VF, with or without a saving session
 * @size: the answer
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_save_data_size(struct vfmig_dev *vdev, u64 *size)
{
	struct vfmig_save *save = vdev->save;
	struct vfmig_query query;
	u64 initial, dirty;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (save && save_has_delta(save) &&
	    !vfmig_cmd_query_vhca_migration_state(vdev, VFMIG_QUERY_DELTA,
						  &query)) {
		save_count(save, &initial, &dirty);
		*size = initial + dirty + query.remaining;
		return 0;
	}
	err = vfmig_cmd_query_vhca_migration_state(vdev, VFMIG_QUERY_FULL,
						   &query);
	if (!err)
		*size = query.remaining;
	return err;
}

/* Save what has changed while the VF runs. */
static int save_changes(struct vfmig_save *save, u64 size, bool initial)
{
	struct vfmig_buf *buf = save_take(save, size) ?:
				vfmig_pool_get(save->vdev, size);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	buf->initial = initial;
	return save_submit(save, buf, VFMIG_SAVE_TRACK_NEXT);
}

/* There is new initial data: what is still unread comes before it. */
static void save_reinit(struct vfmig_save *save)
{
	struct vfmig_buf *buf;

	vfmig_stat_inc(save->vdev, VFMIG_STAT_REINITS);
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		list_for_each_entry(buf, &save->ready, entry)
			buf->initial = true;
	}
}

/*
 * Fill @info, and have a SAVE on its way if all has been read and there is
 * more: then, and only then, both sizes are 0 where read() gives -ENOMSG.
 */
static int save_precopy_info(struct vfmig_save *save,
			     struct vfio_precopy_info *info)
{
	struct vfmig_dev *vdev = save->vdev;
	struct vfmig_query query = {};
	bool reinit = false;
	u64 initial, dirty;
	int err;

	guard(vfmig_state)(vdev);
	if (vdev->mig_state != VFIO_DEVICE_STATE_PRE_COPY &&
	    vdev->mig_state != VFIO_DEVICE_STATE_PRE_COPY_P2P)
		return -EINVAL;
	if (vdev->save != save || READ_ONCE(save->state) == SAVE_FAILED)
		return -ENODEV;

	/* A VF that is suspended in part cannot be saved with tracking. */
	if (vdev->mig_state == VFIO_DEVICE_STATE_PRE_COPY &&
	    save_has_delta(save)) {
		err = vfmig_cmd_query_vhca_migration_state(vdev,
							   VFMIG_QUERY_DELTA,
							   &query);
		if (err)
			return err;
		reinit = vfmig_precopy_info_v2(&vdev->core.vdev) &&
			 query.migration_state == VFMIG_MIGRATION_STATE_INIT;
		if (reinit) {
			save_reinit(save);
			info->flags |= VFMIG_PRECOPY_INFO_REINIT;
		}
	}

	save_count(save, &initial, &dirty);
	if (query.required && (reinit || !(initial + dirty))) {
		err = save_changes(save, query.required, reinit);
		if (err)
			return err;
		save_count(save, &initial, &dirty);
	} else {
		dirty += query.required;
	}
	info->initial_bytes = initial;
	info->dirty_bytes = initial ? 0 : dirty;
	return 0;
}

static long vfmig_save_ioctl(struct file *filp, unsigned int cmd,
			     unsigned long arg)
{
	struct vfmig_save *save = filp->private_data;
	struct vfio_precopy_info info = {};
	int err;

	err = vfmig_check_precopy_ioctl(&save->vdev->core.vdev, cmd, arg,
					&info);
	if (err)
		return err;
	err = save_precopy_info(save, &info);
	if (err)
		return err;
	if (copy_to_user((void __user *)arg, &info,
			 offsetofend(struct vfio_precopy_info, dirty_bytes)))
		return -EFAULT;
	return 0;
}

static const struct file_operations vfmig_save_fops = {
	.owner = THIS_MODULE,
	.read_iter = vfmig_save_read_iter,
	.poll = vfmig_save_poll,
	.unlocked_ioctl = vfmig_save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vfmig_save_release,
};
