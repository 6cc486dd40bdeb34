// SPDX-License-Identifier: GPL-2.0-only
/*
 * The resuming fd: takes a stream apart and loads its images.
 *
 * What arrives is parsed at once, wherever write() has cut it.  An image is
 * gathered in pages that are allocated as its bytes come, not as its head
 * promises.  Records that nobody knows and nobody needs are skipped without
 * being stored.
 *
 * Complete images are loaded in their order by the VF's worker, while the next
 * ones arrive.  write() waits only if all buffers hold images to be loaded.  A
 * refusal is reported by the next write(), or by RESUMING -> STOP, which loads
 * what is left.  With one buffer (parameter "loads") there is no next image,
 * and write() itself loads.
 *
 * A writer holds write_lock, and state_lock besides only if it loads.  The
 * session may therefore end between any two steps of a write(); the pages stay
 * until the file is released, the mapping goes with the session.
 */
#include <linux/anon_inodes.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "vfmig.h"
#include "trace.h"

static bool require_end;
module_param(require_end, bool, 0644);
MODULE_PARM_DESC(require_end, "Refuse streams without an end record, as those of mlx5_vfio_pci are (default: off)");

static bool check_origin = true;
module_param(check_origin, bool, 0644);
MODULE_PARM_DESC(check_origin, "Refuse streams from another board, firmware version or set of capabilities (default: on)");

static unsigned int loads = 2;
module_param(loads, uint, 0644);
MODULE_PARM_DESC(loads, "Images of a stream that arrive or wait to be loaded at a time, 1 to 16 (default: 2)");

#define RESUME_MAX_LOADS	16

/* Memory that a hint alone may cause to be allocated. */
#define RESUME_MAX_HINT		SZ_64M
/* Largest step between two looks at what has really arrived. */
#define RESUME_STEP		SZ_1M

/*
 * A resuming session.  The file owns this struct, as in save.c.
 */
struct vfmig_resume {
	struct vfmig_dev *vdev;
	struct file *filp;
	bool alive;			/* written under state_lock */
	u32 pdn;			/* state_lock */
	bool has_pd;			/* state_lock */

	/*
	 * A ring.  Image n of the stream is in buffer n modulo @nbufs, whose
	 * pages belong to the writer from @loaded on and to the loader before
	 * @filled; the mappings are a matter of state_lock.
	 */
	unsigned int nbufs;
	struct vfmig_buf *bufs[RESUME_MAX_LOADS];
	unsigned int filled;		/* images complete; write_lock */
	unsigned int loaded;		/* and loaded; state_lock */
	int load_err;			/* the firmware's refusal; state_lock */
	wait_queue_head_t wait;		/* for @loaded, @load_err and @alive */

	struct mutex write_lock;	/* what follows */
	struct vfmig_parser parser;
	int err;			/* why nothing more is taken, or 0 */
};

static struct vfmig_buf *resume_buf(struct vfmig_resume *res, unsigned int n)
{
	return res->bufs[n % res->nbufs];
}

static bool resume_has_room(struct vfmig_resume *res)
{
	/* Pairs with the smp_store_release() of resume_load(). */
	unsigned int loaded = smp_load_acquire(&res->loaded);

	/* poll() holds no lock. */
	return READ_ONCE(res->filled) - loaded < res->nbufs;
}

/* Pairs with the WRITE_ONCE() of vfmig_resume_end(). */
static bool resume_is_alive(struct vfmig_resume *res)
{
	return READ_ONCE(res->alive) && !vfmig_reset_is_pending(res->vdev);
}

static int resume_refuse(struct vfmig_resume *res, int err)
{
	struct vfmig_parser *p = &res->parser;

	vfmig_error(res->vdev, "stream refused: %s (tag 0x%x, size %llu)",
		    vfmig_parser_why(p), p->tag, p->size);
	res->err = err;
	return err;
}

/* Take bytes of a head or of a short body. */
static ssize_t resume_take_small(struct vfmig_resume *res,
				 struct iov_iter *from)
{
	struct vfmig_parser *p = &res->parser;
	u8 tmp[VFMIG_STREAM_ORIGIN_SIZE];
	size_t len = min_t(u64, vfmig_parser_room(p), iov_iter_count(from));
	size_t n = copy_from_iter(tmp, len, from);
	bool head = p->want == VFMIG_WANT_HEAD;
	int err;

	if (!n)
		return -EFAULT;
	err = vfmig_parser_put(p, tmp, n);
	if (err)
		return resume_refuse(res, err);
	/* One line for each head that is complete. */
	if (head && !p->have)
		trace_vfmig_record(res->vdev, false, p->tag, p->size);
	return n;
}

/* Take bytes of an image. */
static ssize_t resume_take_image(struct vfmig_resume *res,
				 struct iov_iter *from)
{
	struct vfmig_parser *p = &res->parser;
	struct vfmig_buf *buf = resume_buf(res, res->filled);
	u64 pos = p->size - p->left;
	size_t len = min3(p->left, (u64)iov_iter_count(from), (u64)RESUME_STEP);
	size_t n;
	int err;

	if (pos + len > vfmig_buf_size(buf)) {
		/* Double what there is, or follow the hint, up to the record. */
		u64 want = max(pos + len, 2 * vfmig_buf_size(buf));

		want = max_t(u64, want, min_t(u64, p->hint, RESUME_MAX_HINT));
		want = min(want, p->size);
		err = vfmig_buf_grow(buf, DIV_ROUND_UP(want, PAGE_SIZE), 0);
		if (err)
			return err;
	}

	n = vfmig_buf_write(buf, pos, len, from);
	/* Of what is in our pages now, which nobody can change any more. */
	if (p->has_check)
		p->crc = vfmig_buf_crc(buf, pos, n, p->crc);
	vfmig_parser_advance(p, n);
	return n ?: -EFAULT;
}

/* Load the next image, or drop it if one before it has been refused. */
static void resume_load(struct vfmig_resume *res)
{
	struct vfmig_buf *buf = resume_buf(res, res->loaded);
	struct vfmig_dev *vdev = res->vdev;
	int err = res->load_err;

	lockdep_assert_held(&vdev->state_lock);
	if (!err)
		err = vfmig_buf_map(vdev, buf, res->pdn, DMA_TO_DEVICE);
	if (!err) {
		vfmig_buf_to_device(vdev, buf);
		err = vfmig_cmd_load_vhca_state(vdev, buf->mkey, buf->len);
		vfmig_buf_to_cpu(vdev, buf);
	}
	if (!err) {
		vfmig_stat_inc(vdev, VFMIG_STAT_LOADS);
		vfmig_stat_add(vdev, VFMIG_STAT_BYTES_LOADED, buf->len);
	}
	/* Pairs with resume_failed(). */
	WRITE_ONCE(res->load_err, err);
	/* Pairs with resume_has_room(): the pages are the writer's again. */
	smp_store_release(&res->loaded, res->loaded + 1);
	wake_up(&res->wait);
}

static bool resume_has_work(struct vfmig_resume *res)
{
	/* Pairs with the smp_store_release() of resume_hand_over(). */
	unsigned int filled = smp_load_acquire(&res->filled);

	return filled != res->loaded;
}

/**
 * vfmig_resume_next - load an image, if one waits
 * @vdev: the VF
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: Whether another one waits.
 */
bool vfmig_resume_next(struct vfmig_dev *vdev)
{
	struct vfmig_resume *res = vdev->resume;

	lockdep_assert_held(&vdev->state_lock);
	if (!res || vdev->detached || !resume_has_work(res))
		return false;
	resume_load(res);
	return resume_has_work(res);
}

/* The firmware has refused an image: take that over, once.  0 or -errno. */
static int resume_failed(struct vfmig_resume *res)
{
	int err = READ_ONCE(res->load_err);

	if (res->err || !err)
		return 0;
	res->err = err;
	return err;
}

/* An image is complete: give it to the loader. */
static int resume_hand_over(struct vfmig_resume *res)
{
	struct vfmig_dev *vdev = res->vdev;
	struct vfmig_parser *p = &res->parser;
	int err;

	err = vfmig_parser_check(p);
	if (err)
		return resume_refuse(res, err);

	resume_buf(res, res->filled)->len = p->size;
	vfmig_parser_loaded(p);
	/* Pairs with resume_has_work(). */
	smp_store_release(&res->filled, res->filled + 1);

	if (res->nbufs > 1) {
		queue_work(vdev->wq, &vdev->work);
		return 0;
	}
	guard(vfmig_state)(vdev);
	if (!res->alive)
		return -ENODEV;
	vfmig_resume_next(vdev);
	return resume_failed(res);
}

/* Wait until a buffer is the writer's.  Each LOAD that has to end is bounded. */
static int resume_wait_room(struct vfmig_resume *res, bool nonblock)
{
	int err;

	if (resume_has_room(res))
		return 0;
	if (nonblock)
		return -EAGAIN;
	err = wait_event_interruptible(res->wait, resume_has_room(res) ||
				       !resume_is_alive(res));
	if (err)
		return err;
	/* There may be room all the same, from the last LOAD before a reset. */
	return resume_is_alive(res) ? 0 : -ENODEV;
}

/*
 * One step: as many bytes as one state of the parser takes.  Returns how many
 * that were.
 */
static ssize_t resume_step(struct vfmig_resume *res, struct iov_iter *from)
{
	struct vfmig_parser *p = &res->parser;
	size_t len;

	switch (p->want) {
	case VFMIG_WANT_HEAD:
	case VFMIG_WANT_BODY:
		return resume_take_small(res, from);
	case VFMIG_WANT_SKIP:
		len = min_t(u64, p->left, iov_iter_count(from));
		iov_iter_advance(from, len);
		vfmig_parser_advance(p, len);
		return len;
	case VFMIG_WANT_IMAGE:
		return resume_take_image(res, from);
	case VFMIG_WANT_LOAD:
		return resume_hand_over(res);
	case VFMIG_WANT_NOTHING:
		break;
	}
	return -ENODEV;
}

static ssize_t vfmig_resume_write_iter(struct kiocb *iocb,
				       struct iov_iter *from)
{
	struct vfmig_resume *res = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK;
	ssize_t done = 0;
	ssize_t n = 0;

	if (mutex_lock_interruptible(&res->write_lock))
		return -ERESTARTSYS;

	/* A complete image goes to the loader even if no byte follows it. */
	while (iov_iter_count(from) || res->parser.want == VFMIG_WANT_LOAD) {
		if (res->err || !resume_is_alive(res)) {
			n = -ENODEV;
			break;
		}
		n = resume_failed(res);
		if (!n && (res->parser.want == VFMIG_WANT_IMAGE ||
			   res->parser.want == VFMIG_WANT_LOAD))
			n = resume_wait_room(res, nonblock);
		if (!n)
			n = resume_step(res, from);
		if (n < 0)
			break;
		done += n;
		n = 0;
		/* Not with an image complete: no other write() may follow. */
		if (done && res->parser.want != VFMIG_WANT_LOAD &&
		    signal_pending(current))
			break;
	}

	/*
	 * What makes the stream useless is reported at once.  Anything else,
	 * -EFAULT or no memory, comes up again if it is still there when the
	 * user goes on behind the bytes that have been taken.
	 */
	if (res->err || !done)
		done = n;
	mutex_unlock(&res->write_lock);
	return done;
}

static int vfmig_resume_release(struct inode *inode, struct file *filp)
{
	struct vfmig_resume *res = filp->private_data;

	while (res->nbufs)
		vfmig_buf_put(res->bufs[--res->nbufs]);
	mutex_destroy(&res->write_lock);
	vfio_put_device(&res->vdev->core.vdev);
	kfree(res);
	return 0;
}

/* Writable when write() would not wait for a LOAD. */
static __poll_t vfmig_resume_poll(struct file *filp,
				  struct poll_table_struct *wait)
{
	struct vfmig_resume *res = filp->private_data;

	poll_wait(filp, &res->wait, wait);
	if (!resume_is_alive(res))
		return EPOLLERR;
	return resume_has_room(res) || READ_ONCE(res->load_err) ?
	       EPOLLOUT | EPOLLWRNORM : 0;
}

static const struct file_operations vfmig_resume_fops = {
	.owner = THIS_MODULE,
	.write_iter = vfmig_resume_write_iter,
	.poll = vfmig_resume_poll,
	.release = vfmig_resume_release,
};

/**
 * vfmig_resume_open - start a resuming session
 * @vdev: the VF, suspended, with no resuming session
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: The file to give to the user, or ERR_PTR: -ENOMEM, -ENOTCONN while
 * the PF is detached, or the firmware's errno.  No session exists then.
 */
struct file *vfmig_resume_open(struct vfmig_dev *vdev)
{
	struct vfmig_resume *res;
	struct vfmig_buf *buf;
	struct file *filp;
	unsigned int want;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	res = kzalloc_obj(*res, GFP_KERNEL_ACCOUNT);
	if (!res)
		return ERR_PTR(-ENOMEM);
	res->vdev = vdev;
	res->alive = true;
	mutex_init(&res->write_lock);
	init_waitqueue_head(&res->wait);
	vfmig_parser_init(&res->parser);
	res->parser.here = check_origin ? &vdev->origin : NULL;
	res->parser.require_end = require_end;

	filp = anon_inode_getfile("[mlx5_vfmig-resume]", &vfmig_resume_fops,
				  res, O_WRONLY);
	if (IS_ERR(filp)) {
		kfree(res);
		return filp;
	}
	stream_open(filp->f_inode, filp);
	get_device(&vdev->core.vdev.device);	/* put by release() */
	res->filp = get_file(filp);		/* put by vfmig_resume_end() */
	vdev->resume = res;

	want = clamp(READ_ONCE(loads), 1u, RESUME_MAX_LOADS);
	while (res->nbufs < want) {
		buf = vfmig_buf_alloc(0);
		if (IS_ERR(buf)) {
			err = PTR_ERR(buf);
			goto end;
		}
		res->bufs[res->nbufs++] = buf;
	}
	err = vfmig_cmd_alloc_pd(vdev, &res->pdn);
	if (err)
		goto end;
	res->has_pd = true;
	return filp;

end:
	vfmig_resume_end(vdev);
	fput(filp);
	return ERR_PTR(err);
}

/**
 * vfmig_resume_finish - end the resuming session if its stream was complete
 * @vdev: the VF, in RESUMING
 *
 * On failure the session goes on: bytes that are missing may still be written.
 * What is refused for good can be left by a reset only.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0; the error with which write() has refused the stream or the
 * firmware an image; -EBADMSG if the stream is cut inside a record; -ENODATA
 * if it held no device data; -EBUSY while a write() is going on; -ENOTCONN or
 * -ENODEV if a detach of the PF has ended the session.
 */
int vfmig_resume_finish(struct vfmig_dev *vdev)
{
	struct vfmig_resume *res = vdev->resume;
	const char *why;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (!res)
		return vdev->detached ? -ENOTCONN : -ENODEV;

	/* Tried only: a writer holds it when it waits for state_lock. */
	if (!mutex_trylock(&res->write_lock))
		return -EBUSY;
	while (vfmig_resume_next(vdev))
		;
	resume_failed(res);
	err = res->err ?: vfmig_parser_verdict(&res->parser);
	why = res->err && !res->parser.err ? "an image could not be loaded" :
	      vfmig_parser_why(&res->parser);
	mutex_unlock(&res->write_lock);

	if (err) {
		dev_err_ratelimited(vfmig_device(vdev),
				    "RESUMING->STOP refused: %s (%pe)\n", why,
				    ERR_PTR(err));
		return err;
	}
	vfmig_resume_end(vdev);
	return 0;
}

/**
 * vfmig_resume_end - end the resuming session, if there is one
 * @vdev: the VF, not yet detached
 *
 * Does not fail and does not wait for writers.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_resume_end(struct vfmig_dev *vdev)
{
	struct vfmig_resume *res = vdev->resume;
	unsigned int i;

	lockdep_assert_held(&vdev->state_lock);
	if (!res)
		return;

	/* Pairs with the READ_ONCE() of resume_is_alive(). */
	WRITE_ONCE(res->alive, false);
	wake_up(&res->wait);
	for (i = 0; i < res->nbufs; i++)
		vfmig_buf_unmap(vdev, res->bufs[i]);
	if (res->has_pd)
		vfmig_cmd_dealloc_pd(vdev, res->pdn);

	vdev->resume = NULL;
	fput(res->filp);
}
