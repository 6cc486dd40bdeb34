// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers for saving that outlive a session: mapped, known to the firmware, and
 * idle.  A session takes what it needs before the VF is stopped and gives it
 * back when it ends; what nobody has asked for in a while is freed.
 *
 * The pool belongs to one VF and one user of it: it is emptied when the device
 * is closed, so no byte of one user's state is ever near another's.
 */
#include <linux/slab.h>

#include "vfmig.h"

/* How long buffers wait for the next session. */
#define POOL_IDLE	(10 * HZ)
/* More idle buffers than this are not kept. */
#define POOL_MAX_BUFS	24

static int pool_alloc_pd(struct vfmig_dev *vdev)
{
	struct vfmig_pool *pool = &vdev->pool;
	int err;

	if (pool->has_pd)
		return 0;
	err = vfmig_cmd_alloc_pd(vdev, &pool->pdn);
	if (!err)
		pool->has_pd = true;
	return err;
}

static void pool_free(struct vfmig_dev *vdev, struct vfmig_buf *buf)
{
	vfmig_buf_unmap(vdev, buf);
	vfmig_buf_put(buf);
}

/* A new buffer for images of up to @size bytes. */
static struct vfmig_buf *pool_make(struct vfmig_dev *vdev, u64 size)
{
	u32 npages = DIV_ROUND_UP(size, PAGE_SIZE);
	struct vfmig_buf *buf __free(vfmig_buf_put) = vfmig_buf_alloc(npages);
	int err;

	if (IS_ERR(buf))
		return no_free_ptr(buf);
	err = vfmig_buf_map(vdev, buf, vdev->pool.pdn, DMA_FROM_DEVICE);
	if (err)
		return ERR_PTR(err);
	return no_free_ptr(buf);
}

/**
 * vfmig_buf_fit - the smallest buffer of a list that is large enough
 * @list: mapped buffers
 * @size: bytes needed
 *
 * Context: The caller has the list to itself.
 * Return: The buffer, still on the list, or NULL.
 */
struct vfmig_buf *vfmig_buf_fit(struct list_head *list, u64 size)
{
	struct vfmig_buf *best = NULL;
	struct vfmig_buf *buf;

	list_for_each_entry(buf, list, entry)
		if (vfmig_buf_size(buf) >= size && !buf->unsure &&
		    (!best || buf->npages < best->npages))
			best = buf;
	return best;
}

/**
 * vfmig_pool_get - take a buffer for an image
 * @vdev: the VF
 * @size: bytes that have to fit in
 *
 * Makes one if none fits.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: The buffer, mapped, on no list and nobody else's, or ERR_PTR:
 * -ENOMEM, -EINTR on a fatal signal, -EFBIG if no command has room for such a
 * size, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
struct vfmig_buf *vfmig_pool_get(struct vfmig_dev *vdev, u64 size)
{
	struct vfmig_buf *buf;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached)
		return ERR_PTR(-ENOTCONN);
	if (size > VFMIG_SAVE_MAX_SIZE)
		return ERR_PTR(-EFBIG);
	err = pool_alloc_pd(vdev);
	if (err)
		return ERR_PTR(err);

	buf = vfmig_buf_fit(&vdev->pool.bufs, size);
	if (buf) {
		list_del_init(&buf->entry);
		vdev->pool.count--;
		vfmig_stat_inc(vdev, VFMIG_STAT_BUFS_REUSED);
		return buf;
	}
	buf = pool_make(vdev, size);
	if (IS_ERR(buf))
		return buf;
	vfmig_stat_inc(vdev, VFMIG_STAT_BUFS_MADE);
	if (vdev->stopped & BIT(VFMIG_RESPONDER))
		vfmig_stat_inc(vdev, VFMIG_STAT_LATE_BUFS);
	return buf;
}

/**
 * vfmig_pool_put - give a buffer back
 * @vdev: the VF, not yet detached
 * @buf: the buffer, mapped, on no list; no new reference to it can be taken
 *
 * A buffer that a reader is still copying from is not used again, nor one that
 * the firmware may still write to.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_pool_put(struct vfmig_dev *vdev, struct vfmig_buf *buf)
{
	struct vfmig_pool *pool = &vdev->pool;

	lockdep_assert_held(&vdev->state_lock);
	if (!buf->mapped || buf->unsure || refcount_read(&buf->refs) != 1 ||
	    pool->count >= POOL_MAX_BUFS) {
		pool_free(vdev, buf);
		return;
	}
	/* Pairs with the release of the reader's reference. */
	smp_acquire__after_ctrl_dep();
	vfmig_buf_clear(buf);
	list_add(&buf->entry, &pool->bufs);
	pool->count++;
	mod_delayed_work(vdev->wq, &pool->work, POOL_IDLE);
}

/**
 * vfmig_pool_drain - free all that is idle
 * @vdev: the VF, not yet detached
 *
 * The protection domain goes too, unless a session's buffers are in it.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_pool_drain(struct vfmig_dev *vdev)
{
	struct vfmig_pool *pool = &vdev->pool;
	struct vfmig_buf *buf, *tmp;

	lockdep_assert_held(&vdev->state_lock);
	list_for_each_entry_safe(buf, tmp, &pool->bufs, entry) {
		list_del_init(&buf->entry);
		pool_free(vdev, buf);
	}
	pool->count = 0;
	if (pool->has_pd && !vdev->save && !vdev->prepared) {
		vfmig_cmd_dealloc_pd(vdev, pool->pdn);
		pool->has_pd = false;
	}
}

static void pool_work(struct work_struct *work)
{
	struct vfmig_dev *vdev = container_of(to_delayed_work(work),
					      struct vfmig_dev, pool.work);

	guard(vfmig_state)(vdev);
	if (!vdev->save && !vdev->detached)
		vfmig_pool_drain(vdev);
}

/**
 * vfmig_pool_init - an empty pool
 * @vdev: the VF, not yet reachable
 *
 * Context: Process.
 */
void vfmig_pool_init(struct vfmig_dev *vdev)
{
	INIT_LIST_HEAD(&vdev->pool.bufs);
	INIT_DELAYED_WORK(&vdev->pool.work, pool_work);
}
