// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for images: pages, their mapping for the PF's device, and copying
 * between them and user space.  Knows nothing of states and sessions.
 */
#include <linux/crc32c.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "vfmig.h"

/* Largest piece that pages are allocated in. */
#define BUF_MAX_ORDER	(VFMIG_MKEY_MAX_LOG_PAGE - PAGE_SHIFT)

static struct device *dma_device(struct vfmig_dev *vdev)
{
	return vdev->mdev->device;
}

/**
 * vfmig_buf_alloc - make a buffer
 * @npages: pages that the device will fill; zeroed, so that nothing but what
 *	the device wrote can ever reach user space.  0 for a buffer that grows
 *	later or carries a head only.
 *
 * Context: Process; may sleep.
 * Return: The buffer with one reference, or ERR_PTR of -ENOMEM, or of -EINTR
 * if a fatal signal is pending.
 */
struct vfmig_buf *vfmig_buf_alloc(u32 npages)
{
	struct vfmig_buf *buf = kzalloc_obj(*buf, GFP_KERNEL_ACCOUNT);
	int err;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	refcount_set(&buf->refs, 1);
	INIT_LIST_HEAD(&buf->entry);

	err = vfmig_buf_grow(buf, npages, __GFP_ZERO);
	if (err) {
		vfmig_buf_put(buf);
		return ERR_PTR(err);
	}
	return buf;
}

/**
 * vfmig_buf_clear - forget what a buffer held; pages and mapping stay
 * @buf: the buffer
 *
 * Context: Any; nobody else uses the buffer.
 */
void vfmig_buf_clear(struct vfmig_buf *buf)
{
	buf->head_len = 0;
	buf->len = 0;
	buf->pos = 0;
	buf->initial = false;
	buf->unchecked = false;
}

/**
 * vfmig_buf_get - take one more reference
 * @buf: the buffer
 *
 * Context: Any.
 * Return: @buf.
 */
struct vfmig_buf *vfmig_buf_get(struct vfmig_buf *buf)
{
	refcount_inc(&buf->refs);
	return buf;
}

/**
 * vfmig_buf_put - drop a reference; the last one frees the pages
 * @buf: the buffer, not mapped if this may be the last reference; or NULL, or
 *	an ERR_PTR
 *
 * Context: Process; no spinlock held.
 */
void vfmig_buf_put(struct vfmig_buf *buf)
{
	u32 i;

	if (IS_ERR_OR_NULL(buf) || !refcount_dec_and_test(&buf->refs))
		return;

	WARN_ON_ONCE(buf->mapped);
	if (!buf->leaked) {
		for (i = 0; i < buf->npages; i++)
			__free_page(buf->pages[i]);
		kvfree(buf->pages);
	}
	kfree(buf);
}

/*
 * Add at most @want pages, at least one: in one piece of up to 2^@order pages, or
 * of fewer if there is none to be had without effort, which @order then says.
 */
static int buf_add(struct vfmig_buf *buf, u32 want, gfp_t gfp,
		   unsigned int *order)
{
	struct page *page;
	u32 i;

	*order = min_t(unsigned int, *order, ilog2(want));
	for (; *order; (*order)--) {
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
				   __GFP_NOWARN | gfp, *order);
		if (page)
			break;
	}
	if (!*order)
		page = alloc_page(GFP_KERNEL_ACCOUNT | gfp);
	if (!page)
		return -ENOMEM;
	/* Each page is read, written and freed by itself. */
	split_page(page, *order);
	for (i = 0; i < 1u << *order; i++)
		buf->pages[buf->npages++] = page + i;
	return 0;
}

/**
 * vfmig_buf_grow - add pages until there are @npages
 * @buf: the buffer; the caller is the only one who uses its pages
 * @npages: the number wanted in all
 * @gfp: __GFP_ZERO or 0
 *
 * Pages come in pieces as large as the firmware has a page size for: one
 * translation instead of hundreds, in the IOMMU as in the memory key.
 *
 * On failure the buffer keeps what it has got.  An existing mapping does not
 * cover the new pages until vfmig_buf_map() is called again.
 *
 * Context: Process; may sleep.
 * Return: 0, -ENOMEM, or -EINTR if a fatal signal is pending.
 */
int vfmig_buf_grow(struct vfmig_buf *buf, u32 npages, gfp_t gfp)
{
	unsigned int order = BUF_MAX_ORDER;
	int err;

	if (npages > buf->max_pages) {
		struct page **pages = kvcalloc(npages, sizeof(*pages),
					       GFP_KERNEL_ACCOUNT);

		if (!pages)
			return -ENOMEM;
		if (buf->npages)
			memcpy(pages, buf->pages,
			       buf->npages * sizeof(*pages));
		kvfree(buf->pages);
		buf->pages = pages;
		buf->max_pages = npages;
	}

	while (buf->npages < npages) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = buf_add(buf, npages - buf->npages, gfp, &order);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/**
 * vfmig_buf_map - let the firmware reach all pages of a buffer
 * @vdev: the VF
 * @buf: the buffer, which has pages; its user has the pages to itself
 * @pdn: the session's protection domain
 * @dir: DMA_FROM_DEVICE to save, DMA_TO_DEVICE to load
 *
 * Does nothing for a buffer that is mapped whole already, and maps one anew
 * that has grown.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno; the buffer is then not mapped.
 */
int vfmig_buf_map(struct vfmig_dev *vdev, struct vfmig_buf *buf, u32 pdn,
		  enum dma_data_direction dir)
{
	struct device *dev = dma_device(vdev);
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (buf->mapped == buf->npages)
		return 0;
	vfmig_buf_unmap(vdev, buf);

	err = sg_alloc_table_from_pages_segment(&buf->sgt, buf->pages,
						buf->npages, 0,
						vfmig_buf_size(buf),
						dma_get_max_seg_size(dev),
						GFP_KERNEL_ACCOUNT);
	if (err)
		return err;

	err = dma_map_sgtable(dev, &buf->sgt, dir, 0);
	if (err)
		goto free_table;

	err = vfmig_cmd_create_mkey(vdev, pdn, &buf->sgt, vfmig_buf_size(buf),
				    &buf->mkey);
	if (err)
		goto unmap_table;

	buf->mapped = buf->npages;
	buf->dir = dir;
	return 0;

unmap_table:
	dma_unmap_sgtable(dev, &buf->sgt, dir, 0);
free_table:
	sg_free_table(&buf->sgt);
	return err;
}

/**
 * vfmig_buf_unmap - take a buffer's pages away from the firmware
 * @vdev: the VF, not detached if the buffer is mapped
 * @buf: the buffer, mapped or not
 *
 * Pages that a command without an answer may still write to, and that the
 * firmware does not give back, are lost for good.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_buf_unmap(struct vfmig_dev *vdev, struct vfmig_buf *buf)
{
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!buf->mapped)
		return;

	err = vfmig_cmd_destroy_mkey(vdev, buf->mkey);
	buf->mapped = 0;
	if (err && buf->unsure) {
		dev_err_ratelimited(vfmig_device(vdev),
				    "%u pages are lost: the firmware may still write to them\n",
				    buf->npages);
		vfmig_stat_inc(vdev, VFMIG_STAT_BUFS_LOST);
		buf->leaked = true;
		return;
	}
	dma_unmap_sgtable(dma_device(vdev), &buf->sgt, buf->dir, 0);
	sg_free_table(&buf->sgt);
}

/**
 * vfmig_buf_to_cpu - the device is done with a mapped buffer
 * @vdev: the VF
 * @buf: the buffer, mapped
 *
 * Context: Any; the mapping must not go away meanwhile.
 */
void vfmig_buf_to_cpu(struct vfmig_dev *vdev, struct vfmig_buf *buf)
{
	dma_sync_sgtable_for_cpu(dma_device(vdev), &buf->sgt, buf->dir);
}

/**
 * vfmig_buf_to_device - the CPU is done with a mapped buffer
 * @vdev: the VF
 * @buf: the buffer, mapped
 *
 * Context: Any; the mapping must not go away meanwhile.
 */
void vfmig_buf_to_device(struct vfmig_dev *vdev, struct vfmig_buf *buf)
{
	dma_sync_sgtable_for_device(dma_device(vdev), &buf->sgt, buf->dir);
}

/**
 * vfmig_buf_crc - continue a checksum over a piece of an image
 * @buf: the buffer
 * @pos: where in the image
 * @len: how many bytes
 * @crc: as in vfmig_stream_crc(), which gives the same result
 *
 * Context: Process.
 * Return: The new value.
 */
u32 vfmig_buf_crc(const struct vfmig_buf *buf, u64 pos, u64 len, u32 crc)
{
	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
		void *page = kmap_local_page(buf->pages[pos >> PAGE_SHIFT]);

		crc = crc32c(crc, page + offset_in_page(pos), n);
		kunmap_local(page);
		pos += n;
		len -= n;
		cond_resched();
	}
	return crc;
}

/**
 * vfmig_buf_read - copy a piece of a buffer's record out
 * @buf: the buffer
 * @pos: where in the record; the head comes first, then the image
 * @to: where to
 *
 * Context: Process; may fault.
 * Return: Bytes copied; fewer than there are and fit means a fault, and @to
 * stands behind the last byte copied.
 */
size_t vfmig_buf_read(struct vfmig_buf *buf, u64 pos, struct iov_iter *to)
{
	size_t done = 0;

	if (pos < buf->head_len) {
		size_t n = min_t(size_t, buf->head_len - pos,
				 iov_iter_count(to));

		done = copy_to_iter(buf->head + pos, n, to);
		if (done < n)
			return done;
		pos += done;
	}

	pos -= buf->head_len;
	while (pos < buf->len && iov_iter_count(to)) {
		size_t n = min_t(u64, buf->len - pos,
				 PAGE_SIZE - offset_in_page(pos));
		size_t copied;

		n = min(n, iov_iter_count(to));
		copied = copy_page_to_iter(buf->pages[pos >> PAGE_SHIFT],
					   offset_in_page(pos), n, to);
		done += copied;
		pos += copied;
		if (copied < n)
			break;
		cond_resched();
	}
	return done;
}

/**
 * vfmig_buf_write - copy a piece of an image in
 * @buf: the buffer, with pages for all of it
 * @pos: where in the image
 * @len: how many bytes
 * @from: where from
 *
 * Context: Process; may fault.
 * Return: Bytes copied; fewer than @len means a fault, and @from stands behind
 * the last byte copied.
 */
size_t vfmig_buf_write(struct vfmig_buf *buf, u64 pos, size_t len,
		       struct iov_iter *from)
{
	size_t done = 0;

	while (done < len) {
		size_t n = min_t(size_t, len - done,
				 PAGE_SIZE - offset_in_page(pos));
		size_t copied;

		copied = copy_page_from_iter(buf->pages[pos >> PAGE_SHIFT],
					     offset_in_page(pos), n, from);
		done += copied;
		pos += copied;
		if (copied < n)
			break;
		cond_resched();
	}
	return done;
}
