// SPDX-License-Identifier: GPL-2.0-only
/*
 * The saving fd: asks the firmware for images and hands them out as records.
 *
 * DOC: states of a saving session
 *
 *	          SAVE answered, more chunks to come
 *	             +--------+
 *	             v        |
 *	open ----> BUSY ------+---- last SAVE answered ----> COMPLETE
 *	             |                                           |
 *	             +---- SAVE or memory failed ----> FAILED    |
 *	             |                                    |      |
 *	             +------- session ended --------------+------+--> DEAD
 *
 * BUSY: a SAVE is in flight, or the next one waits for a free buffer.  A
 * reader that finds no record waits.  COMPLETE: no record will be added; a
 * reader that finds none is at the end of the stream, now and for ever.
 * FAILED: read() gives -EIO; the device itself is well, and the way back to
 * RUNNING is open.  DEAD: the session is over and nothing of it can be read;
 * read() gives -ENODEV.
 *
 * The state and the lists change together, under queue_lock, and a reader
 * looks at both under it, so that "nothing to read" and "nothing more to come"
 * can never be seen apart.
 */
#include <linux/anon_inodes.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "vfmig.h"
#include "trace.h"

enum save_state {
	SAVE_BUSY,
	SAVE_COMPLETE,
	SAVE_FAILED,
	SAVE_DEAD,
};

/* In chunk mode one buffer is filled while the other one is read. */
#define SAVE_CHUNK_BUFS		2
#define SAVE_CHUNK_SIZE		SZ_8M
/* SAVE_VHCA_STATE has 32 bits for a size, which is whole pages here. */
#define SAVE_MAX_SIZE		((u64)SZ_4G - PAGE_SIZE)

/*
 * A saving session.  The file owns this struct: once it exists, every failure
 * path is vfmig_save_end() and fput(), and nothing else.  The session has a
 * file reference of its own while vfmig_dev::save points here, and the file
 * holds the device, so that read() may look at it at any time.
 */
struct vfmig_save {
	struct vfmig_dev *vdev;
	struct file *filp;
	u32 pdn;			/* state_lock */
	bool has_pd;			/* state_lock */
	struct mlx5_async_ctx async_ctx;
	struct vfmig_save_cmd cmd;	/* of the SAVE in flight */
	struct mutex read_lock;
	wait_queue_head_t wait;		/* woken when records or state change */

	spinlock_t queue_lock;		/* what follows */
	enum save_state state;
	struct vfmig_buf *inflight;	/* the firmware writes to it */
	u32 next_size;			/* wanted for the next SAVE, or 0 */
	struct list_head ready;		/* records to be read, in order */
	struct list_head spare;		/* mapped buffers without content */
};

static bool save_is_dead(struct vfmig_save *save)
{
	return READ_ONCE(save->state) == SAVE_DEAD || vfmig_reset_is_pending(save->vdev);
}

/*
 * The first record, with a reference; NULL at the end of the stream; -EAGAIN
 * if there is nothing yet.
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
	else if (save->state != SAVE_COMPLETE)
		buf = ERR_PTR(-EAGAIN);
	spin_unlock_irqrestore(&save->queue_lock, flags);
	return buf;
}

/* What poll() reports; 0 means that a reader has to wait. */
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

		left = buf->head_len + (u64)buf->len - buf->pos;
		left = min_t(u64, left, iov_iter_count(to));
		n = vfmig_buf_read(buf, buf->pos, to);
		buf->pos += n;
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
		ret = wait_event_interruptible(save->wait, save_mask(save));
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

static const struct file_operations vfmig_save_fops = {
	.owner = THIS_MODULE,
	.read_iter = vfmig_save_read_iter,
	.poll = vfmig_save_poll,
	.release = vfmig_save_release,
};

static void save_fail(struct vfmig_save *save)
{
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		if (save->state == SAVE_BUSY)
			save->state = SAVE_FAILED;
	}
	wake_up_interruptible(&save->wait);
}

/* SAVE_VHCA_STATE has been answered; any context. */
static void save_done(struct vfmig_save_cmd *cmd,
		      const struct vfmig_save_result *res)
{
	struct vfmig_save *save = container_of(cmd, struct vfmig_save, cmd);
	struct vfmig_dev *vdev = save->vdev;
	struct vfmig_buf *buf = save->inflight;
	bool good = !res->err;
	bool kick = false;

	/* That a reset or a detach breaks a SAVE is nothing to complain of. */
	if (!good && !save_is_dead(save))
		dev_err_ratelimited(vfmig_device(vdev),
				    "SAVE_VHCA_STATE failed: %pe, status 0x%x, syndrome 0x%x\n",
				    ERR_PTR(res->err), res->status,
				    res->syndrome);
	if (good && (!res->image_size ||
		     res->image_size > vfmig_buf_size(buf))) {
		dev_err_ratelimited(vfmig_device(vdev),
				    "SAVE_VHCA_STATE answered with an image of %u bytes for a buffer of %llu\n",
				    res->image_size, vfmig_buf_size(buf));
		good = false;
	}
	if (good) {
		vfmig_buf_to_cpu(vdev, buf);
		vfmig_stream_put_head(buf->head, res->image_size, 0,
				      VFMIG_STREAM_T_FW_DATA);
		buf->head_len = VFMIG_STREAM_HEAD_SIZE;
		buf->len = res->image_size;
		buf->pos = 0;
		trace_vfmig_record(vdev, true, VFMIG_STREAM_T_FW_DATA,
				   buf->len);
	}

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->inflight = NULL;
		list_add_tail(&buf->entry, good ? &save->ready : &save->spare);
		if (save->state != SAVE_BUSY)
			break;
		if (!good) {
			save->state = SAVE_FAILED;
		} else if (vdev->chunk_mode && res->next_size) {
			save->next_size = res->next_size;
			kick = !list_empty(&save->spare);
		} else {
			save->state = SAVE_COMPLETE;
		}
	}

	wake_up_interruptible(&save->wait);
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
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->inflight = buf;

	save->cmd.done = save_done;
	err = vfmig_cmd_save_vhca_state(save->vdev, &save->async_ctx,
					&save->cmd, kind, buf->mkey,
					vfmig_buf_size(buf));
	if (!err)
		return 0;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->inflight = NULL;
		list_add_tail(&buf->entry, &save->spare);
	}
	return err;
}

/* A mapped buffer for images of up to @size bytes. */
static struct vfmig_buf *save_buf(struct vfmig_save *save, u64 size)
{
	u32 npages = DIV_ROUND_UP(min(size, SAVE_MAX_SIZE), PAGE_SIZE);
	struct vfmig_buf *buf __free(vfmig_buf_put) = vfmig_buf_alloc(npages);
	int err;

	if (IS_ERR(buf))
		return no_free_ptr(buf);
	err = vfmig_buf_map(save->vdev, buf, save->pdn, DMA_FROM_DEVICE);
	if (err)
		return ERR_PTR(err);
	return no_free_ptr(buf);
}

static int save_add_hint(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf = vfmig_buf_alloc(0);

	if (IS_ERR(buf))
		return PTR_ERR(buf);

	vfmig_stream_put_hint(buf->head, size);
	buf->head_len = VFMIG_STREAM_HEAD_SIZE + VFMIG_STREAM_HINT_SIZE;
	trace_vfmig_record(save->vdev, true, VFMIG_STREAM_T_STOP_COPY_SIZE,
			   VFMIG_STREAM_HINT_SIZE);
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_add_tail(&buf->entry, &save->ready);
	return 0;
}

/* Ask for the size, get memory, start the first SAVE. */
static int save_start(struct vfmig_save *save)
{
	struct vfmig_dev *vdev = save->vdev;
	struct vfmig_query query;
	struct vfmig_buf *buf;
	unsigned int i;
	u64 size;
	int err;

	err = vfmig_cmd_alloc_pd(vdev, &save->pdn);
	if (err)
		return err;
	save->has_pd = true;

	err = vfmig_cmd_query_vhca_migration_state(vdev, &query);
	if (err)
		return err;
	size = query.required;
	if (vdev->chunk_mode)
		size = max(size, min_t(u64, query.remaining, SAVE_CHUNK_SIZE));
	if (!size) {
		dev_err_ratelimited(vfmig_device(vdev),
				    "QUERY_VHCA_MIGRATION_STATE answered with a size of 0\n");
		return -EIO;
	}

	buf = save_buf(save, size);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	size = vfmig_buf_size(buf);
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_add_tail(&buf->entry, &save->spare);
	for (i = 1; vdev->chunk_mode && i < SAVE_CHUNK_BUFS; i++) {
		struct vfmig_buf *more = save_buf(save, size);

		if (IS_ERR(more))
			return PTR_ERR(more);
		scoped_guard(spinlock_irqsave, &save->queue_lock)
			list_add_tail(&more->entry, &save->spare);
	}

	err = save_add_hint(save, size);
	if (err)
		return err;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_del_init(&buf->entry);
	return save_submit(save, buf, VFMIG_SAVE_FULL);
}

/**
 * vfmig_save_open - start a saving session
 * @vdev: the VF, suspended, with no saving session
 *
 * Context: Process; state_lock held.  Waits for the firmware, but not for the
 * SAVE it starts.
 * Return: The file to give to the user, or ERR_PTR: -ENOMEM, -EINTR on a fatal
 * signal, -ENOTCONN while the PF is detached, -EIO if the firmware reports a
 * state of no size, or the firmware's errno.  No session exists then.
 */
struct file *vfmig_save_open(struct vfmig_dev *vdev)
{
	struct vfmig_save *save;
	struct file *filp;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	save = kzalloc_obj(*save, GFP_KERNEL_ACCOUNT);
	if (!save)
		return ERR_PTR(-ENOMEM);
	save->vdev = vdev;
	save->state = SAVE_BUSY;
	mutex_init(&save->read_lock);
	spin_lock_init(&save->queue_lock);
	init_waitqueue_head(&save->wait);
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

	err = save_start(save);
	if (err) {
		vfmig_save_end(vdev);
		fput(filp);
		return ERR_PTR(err);
	}
	return filp;
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
	struct vfmig_buf *buf = NULL;
	u32 size = 0;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		if (save->state != SAVE_BUSY || save->inflight ||
		    !save->next_size)
			break;
		buf = list_first_entry_or_null(&save->spare, struct vfmig_buf,
					       entry);
		if (!buf)
			break;
		list_del_init(&buf->entry);
		size = save->next_size;
		save->next_size = 0;
	}
	if (!buf)
		return;

	if (vfmig_buf_size(buf) < size) {
		vfmig_buf_unmap(vdev, buf);
		vfmig_buf_put(buf);
		buf = save_buf(save, size);
		if (IS_ERR(buf)) {
			dev_err_ratelimited(vfmig_device(vdev),
					    "no memory for the next %u bytes of state: %pe\n",
					    size, buf);
			save_fail(save);
			return;
		}
	}
	if (save_submit(save, buf, VFMIG_SAVE_NEXT))
		save_fail(save);
}

static void save_free_all(struct vfmig_dev *vdev, struct list_head *list)
{
	struct vfmig_buf *buf, *tmp;

	list_for_each_entry_safe(buf, tmp, list, entry) {
		list_del_init(&buf->entry);
		vfmig_buf_unmap(vdev, buf);
		vfmig_buf_put(buf);
	}
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
	LIST_HEAD(bufs);

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->state = SAVE_DEAD;
	wake_up_interruptible(&save->wait);
	mlx5_cmd_cleanup_async_ctx(&save->async_ctx);

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		list_splice_init(&save->ready, &bufs);
		list_splice_init(&save->spare, &bufs);
	}
	save_free_all(vdev, &bufs);
	if (save->has_pd)
		vfmig_cmd_dealloc_pd(vdev, save->pdn);

	vdev->save = NULL;
	fput(save->filp);
}
