// SPDX-License-Identifier: GPL-2.0-only
/*
 * The saving fd: hands records out, and tells how much there is to come.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "save.h"

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
	if (vfmig_save_is_dead(save))
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
	if (vfmig_save_is_dead(save) || save->state == SAVE_FAILED)
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
	    !(vdev->stopped | vdev->unsure) && save_has_delta(save)) {
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
		err = vfmig_save_changes(save, query.required, reinit);
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

const struct file_operations vfmig_save_fops = {
	.owner = THIS_MODULE,
	.read_iter = vfmig_save_read_iter,
	.splice_read = copy_splice_read,
	.poll = vfmig_save_poll,
	.unlocked_ioctl = vfmig_save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vfmig_save_release,
};
