// SPDX-License-Identifier: GPL-2.0-only
/*
 * A saving session: asks the firmware for images, one after the other.  The fd
 * that hands them out is save_file.c's, the memory they go to save_mem.c's.
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
 */
#include <linux/anon_inodes.h>
#include <linux/slab.h>

#include "save.h"
#include "trace.h"

/*
 * The bound of every wait for a SAVE: more than mlx5_core's own for a command,
 * which is 60 s unless the firmware wants another.
 */
#define SAVE_WAIT		(75 * HZ)

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
	if (vfmig_save_is_dead(save))
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
	vfmig_error(vdev, "SAVE_VHCA_STATE answered with an image of %u bytes for a buffer of %llu",
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
		buf->unsure = res->unsure;
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

/* ORIGIN and the hint begin the stream. */
static void save_add_first(struct vfmig_save *save, u64 size, bool several)
{
	struct vfmig_origin origin = save->vdev->origin;
	struct vfmig_buf *buf = save->first;
	u8 *to = buf->head;

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
	save->first = NULL;
}

/* Start the first SAVE of a VF that runs. */
static int save_start_tracking(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf = vfmig_save_take(save, size) ?:
				vfmig_pool_get(save->vdev, vfmig_save_with_slack(size));

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	buf->initial = true;
	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->tracked = true;
	return save_submit(save, buf, VFMIG_SAVE_TRACK);
}

/* Ask for the size, see to memory, start the first SAVE. */
static int save_start(struct vfmig_save *save, enum vfmig_save_when when)
{
	struct vfmig_dev *vdev = save->vdev;
	bool running = when != VFMIG_SAVE_STOPPED;
	struct vfmig_query query;
	u64 size;
	int err;

	err = vfmig_save_query(vdev, &query);
	if (!err)
		err = vfmig_save_fill(save, &query, running, &size);
	if (err)
		return err;
	save_add_first(save, size, running || vdev->chunk_mode);

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
	/* There is one: it has just been seen to. */
	return save_submit(save, vfmig_save_take(save, query.required),
			   VFMIG_SAVE_FULL);
}

/* Buffers to the pool, records nowhere.  No SAVE is in flight. */
static void save_give_back(struct vfmig_save *save)
{
	struct vfmig_buf *buf, *tmp;
	LIST_HEAD(bufs);

	lockdep_assert_held(&save->vdev->state_lock);
	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		list_splice_init(&save->ready, &bufs);
		list_splice_init(&save->spare, &bufs);
	}
	list_splice_init(&save->reserve, &bufs);
	vfmig_buf_put(save->first);
	save->first = NULL;
	vfmig_buf_put(save->end);
	save->end = NULL;
	list_for_each_entry_safe(buf, tmp, &bufs, entry) {
		list_del_init(&buf->entry);
		vfmig_pool_put(save->vdev, buf);
	}
}

/* A session that nobody knows of yet: its file, and the records of its own. */
static struct vfmig_save *save_new(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = kzalloc_obj(*save, GFP_KERNEL_ACCOUNT);
	struct file *filp;

	if (!save)
		return ERR_PTR(-ENOMEM);
	save->vdev = vdev;
	save->state = SAVE_DEAD;
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
		return ERR_CAST(filp);
	}
	stream_open(filp->f_inode, filp);
	get_device(&vdev->core.vdev.device);	/* put by release() */
	save->filp = filp;

	save->first = vfmig_buf_alloc(0);
	save->end = vfmig_buf_alloc(0);
	if (IS_ERR(save->first) || IS_ERR(save->end)) {
		save_give_back(save);
		fput(filp);
		return ERR_PTR(-ENOMEM);
	}
	if (vdev->stopped & BIT(VFMIG_RESPONDER))
		vfmig_stat_inc(vdev, VFMIG_STAT_LATE_SESSIONS);
	return save;
}

/**
 * vfmig_save_prepare - have all that a session will need once the VF is stopped
 * @vdev: the VF, not yet stopped, with no saving session
 *
 * Only tries: what is missing then is made late, and counted.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_save_prepare(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->prepared;
	struct vfmig_query query;
	u64 size;

	lockdep_assert_held(&vdev->state_lock);
	if (vfmig_save_query(vdev, &query))
		return;
	if (!save)
		save = save_new(vdev);
	if (IS_ERR(save))
		return;
	vdev->prepared = save;
	vfmig_save_fill(save, &query, true, &size);
}

/**
 * vfmig_save_unprepare - no session follows: give up what was prepared for it
 * @vdev: the VF, not yet detached
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_save_unprepare(struct vfmig_dev *vdev)
{
	struct vfmig_save *save = vdev->prepared;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;
	save_give_back(save);
	vdev->prepared = NULL;
	fput(save->filp);
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
	struct vfmig_save *save = vdev->prepared;
	struct file *filp;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		save = save_new(vdev);
	if (IS_ERR(save))
		return ERR_CAST(save);
	vdev->prepared = NULL;
	filp = save->filp;
	save->state = when == VFMIG_SAVE_STOPPED ? SAVE_BUSY : SAVE_PRECOPY;
	mlx5_cmd_init_async_ctx(vdev->mdev, &save->async_ctx);
	get_file(filp);				/* put by vfmig_save_end() */
	vdev->save = save;

	err = save_start(save, when);
	if (err) {
		vfmig_save_end(vdev);
		fput(filp);
		return ERR_PTR(err);
	}
	return filp;
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
	err = vfmig_save_query(vdev, &query);
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
 * vfmig_save_changes - save what has changed while the VF runs
 * @save: the session, in pre-copy, with no SAVE in flight
 * @size: bytes that the firmware asks for
 * @initial: they are new initial data
 *
 * Context: Process; state_lock held.  Waits for the firmware, but not for the
 * SAVE it starts.
 * Return: 0, or as vfmig_pool_get(), or a delivery error.
 */
int vfmig_save_changes(struct vfmig_save *save, u64 size, bool initial)
{
	struct vfmig_buf *buf = vfmig_save_take(save, size) ?:
				vfmig_pool_get(save->vdev, size);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	buf->initial = initial;
	return save_submit(save, buf, VFMIG_SAVE_TRACK_NEXT);
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
		err = vfmig_save_query(vdev, &query);
	if (err)
		return err;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		list_splice_tail_init(&save->reserve, &save->spare);
	buf = vfmig_save_take_late(save, query.required);
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
 * firmware does so with a SAVE, whose data nobody reads.  If that fails the
 * firmware goes on tracking, which costs it work and harms nobody.
 */
static void save_untrack(struct vfmig_save *save)
{
	struct vfmig_buf *best = NULL;
	struct vfmig_buf *buf;

	scoped_guard(spinlock_irqsave, &save->queue_lock) {
		save->state = SAVE_DEAD;
		list_splice_tail_init(&save->reserve, &save->spare);
		list_for_each_entry(buf, &save->spare, entry)
			if (!buf->unsure &&
			    (!best || buf->npages > best->npages))
				best = buf;
		if (best)
			list_del_init(&best->entry);
	}
	wake_up(&save->wait);
	if (!best)
		best = vfmig_pool_get(save->vdev, PAGE_SIZE);
	if (!IS_ERR(best))
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
	buf = vfmig_save_take_late(save, size);
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

	lockdep_assert_held(&vdev->state_lock);
	if (!save)
		return;

	scoped_guard(spinlock_irqsave, &save->queue_lock)
		save->state = SAVE_DEAD;
	wake_up(&save->wait);
	mlx5_cmd_cleanup_async_ctx(&save->async_ctx);

	save_give_back(save);
	vdev->save = NULL;
	fput(save->filp);
}
