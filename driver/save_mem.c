// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a saving session: how much it wants, and where it comes from.
 *
 * All of it is there before the VF is stopped: the buffers of the last images
 * wait on @reserve.  Should the firmware ask for more in the end than it has
 * said before, more is made then, and counted (buffers_made_late), for the
 * state cannot be had without.
 */
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>

#include "save.h"

/* In chunk mode one buffer is filled while the others are read. */
#define SAVE_CHUNK_SIZE		SZ_8M
#define SAVE_MAX_CHUNKS		16u

static uint chunks = 4;
module_param(chunks, uint, 0644);
MODULE_PARM_DESC(chunks, "Buffers of a session whose firmware saves in chunks, 1 to 16 (default: 4)");

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

/**
 * vfmig_save_query - ask for the size of the whole state
 * @vdev: the VF
 * @query: the answer, which is never nothing
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -EIO if the state has no size, -ENOTCONN while the PF is
 * detached, or the firmware's errno.
 */
int vfmig_save_query(struct vfmig_dev *vdev, struct vfmig_query *query)
{
	int err;

	err = vfmig_cmd_query_vhca_migration_state(vdev, VFMIG_QUERY_FULL,
						   query);
	if (err || query->required)
		return err;
	vfmig_error(vdev, "QUERY_VHCA_MIGRATION_STATE answered with a size of 0");
	return -EIO;
}

/**
 * vfmig_save_fill - reserve the memory of the last images
 * @save: the session; what it has reserved already is taken into account
 * @query: what the firmware says of the whole state
 * @running: the state may still grow
 * @size: of the largest image
 *
 * Context: Process; state_lock held.  Waits for the firmware if a buffer has
 * to be made.
 * Return: 0, or as vfmig_pool_get(); what has been reserved until then stays.
 */
int vfmig_save_fill(struct vfmig_save *save, const struct vfmig_query *query,
		    bool running, u64 *size)
{
	struct save_plan plan;
	struct vfmig_buf *buf;
	unsigned int have = 0;

	save_make_plan(save->vdev, query, &plan);
	list_for_each_entry(buf, &save->reserve, entry)
		have += vfmig_buf_size(buf) >= plan.size && !buf->unsure;
	for (; have < plan.count; have++) {
		buf = vfmig_pool_get(save->vdev, running ?
				     vfmig_save_with_slack(plan.size) :
				     plan.size);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
		list_add_tail(&buf->entry, &save->reserve);
	}
	*size = plan.size;
	return 0;
}

/**
 * vfmig_save_take - a buffer of the session, off its list
 * @save: the session
 * @size: bytes that have to fit in
 *
 * Context: Process; state_lock held.
 * Return: The buffer, or NULL.
 */
struct vfmig_buf *vfmig_save_take(struct vfmig_save *save, u64 size)
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

/**
 * vfmig_save_take_late - the same while the VF is stopped
 * @save: the session
 * @size: bytes that have to fit in
 *
 * Nothing should have to be made then.
 *
 * Context: Process; state_lock held.  Waits for the firmware if a buffer has
 * to be made.
 * Return: The buffer, or as vfmig_pool_get().
 */
struct vfmig_buf *vfmig_save_take_late(struct vfmig_save *save, u64 size)
{
	struct vfmig_buf *buf = vfmig_save_take(save, size);

	if (buf)
		return buf;
	buf = vfmig_pool_get(save->vdev, size);
	if (IS_ERR(buf))
		dev_err_ratelimited(vfmig_device(save->vdev),
				    "no memory for the last %llu bytes of state: %pe\n",
				    size, buf);
	return buf;
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
	u64 size;

	lockdep_assert_held(&vdev->state_lock);
	if (save && !vfmig_save_query(vdev, &query))
		vfmig_save_fill(save, &query, true, &size);
}
