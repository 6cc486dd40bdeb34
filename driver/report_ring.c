// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring through which the firmware reports what a VF has written: a CQ, two
 * RC QPs of the PF connected to each other in the device's own loopback, and
 * an area for what arrives.  The firmware sends on one QP ("fw"), though that
 * has no send queue; the other one ("host") receives.  What the messages mean
 * is report.c's.
 *
 * DOC: slots
 *
 * Receive entry i always points to slot i of the area.  Messages fill entries
 * in order, so at any time the ring is
 *
 *	  taken by report.c      filled, in the CQ      empty
 *	  |<------------------->|<------------------>|<----------->|
 *	  given back           taken                              posted
 *
 * with at most one slot taken.  A completion that names any other entry than
 * the next one tells of a message lost or doubled, and no more can be said of
 * which pages are dirty; nor after a completion that is an error, an event of
 * either QP or of the CQ.  All of these leave VFMIG_TRACK_BROKEN behind.
 *
 * When every entry is filled the firmware has to wait for one to be given back.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/mlx5/cq.h>
#include <linux/mlx5/eq.h>
#include <linux/mlx5/qp.h>

#include "vfmig.h"
#include "tracker.h"

#define RING_ENTRY_SIZE	MLX5_ST_SZ_BYTES(page_track_report_entry)
#define RING_QPN_MASK	0xffffff
/* The area is made of pieces of this size if there are such, else smaller. */
#define RING_PIECE_ORDER 4

struct vfmig_ring {
	struct vfmig_dev *vdev;
	u32 nmsgs;			/* a power of two */
	u32 msg_size;
	u32 given;			/* entries posted in all */
	u32 taken;			/* messages taken in all */

	struct mlx5_uars_page *uar;
	u32 pdn;
	bool has_pd;
	struct mlx5_nb nb;
	bool has_nb;

	struct mlx5_core_cq mcq;
	struct mlx5_db cq_db;
	struct mlx5_frag_buf cq_buf;
	struct mlx5_frag_buf_ctrl cq_fbc;
	bool has_cq_db;
	bool has_cq_buf;
	bool has_cq;

	struct mlx5_db rq_db;
	struct mlx5_frag_buf rq_buf;
	struct mlx5_frag_buf_ctrl rq_fbc;
	bool has_rq_db;
	bool has_rq_buf;

	/* 0: not there yet; also read by the event handler */
	u32 host_qpn;
	u32 fw_qpn;
	u32 obj_id;
	bool has_obj;

	u32 piece_size;			/* a power of two, at least a page */
	u32 npieces;
	void **pieces;			/* the area */
	dma_addr_t *piece_dma;
	u32 mkey;
	bool has_mkey;
};

static void ring_event(struct vfmig_ring *ring, enum vfmig_track_event event)
{
	struct vfmig_tracker *tracker = ring->vdev->tracker;

	set_bit(event, &tracker->events);
	wake_up(&tracker->wait);
}

/* The CQ has a new entry.  Interrupt context. */
static void ring_cq_comp(struct mlx5_core_cq *mcq, struct mlx5_eqe *eqe)
{
	ring_event(container_of(mcq, struct vfmig_ring, mcq),
		   VFMIG_TRACK_MESSAGE);
}

static void ring_cq_event(struct mlx5_core_cq *mcq, enum mlx5_event type)
{
	if (type == MLX5_EVENT_TYPE_CQ_ERROR)
		ring_event(container_of(mcq, struct vfmig_ring, mcq),
			   VFMIG_TRACK_BROKEN);
}

/* Any asynchronous event of the PF.  Interrupt context. */
static int ring_notify(struct notifier_block *nb, unsigned long type,
		       void *data)
{
	struct vfmig_ring *ring = mlx5_nb_cof(nb, struct vfmig_ring, nb);
	struct mlx5_eqe *eqe = data;
	u32 number;

	switch (type) {
	case MLX5_EVENT_TYPE_WQ_CATAS_ERROR:
	case MLX5_EVENT_TYPE_WQ_INVAL_REQ_ERROR:
	case MLX5_EVENT_TYPE_WQ_ACCESS_ERROR:
		if (eqe->data.qp_srq.type != MLX5_EVENT_QUEUE_TYPE_QP)
			break;
		number = be32_to_cpu(eqe->data.qp_srq.qp_srq_n) & RING_QPN_MASK;
		if (number && (number == READ_ONCE(ring->host_qpn) ||
			       number == READ_ONCE(ring->fw_qpn)))
			ring_event(ring, VFMIG_TRACK_BROKEN);
		break;
	case MLX5_EVENT_TYPE_OBJECT_CHANGE:
		if (be16_to_cpu(eqe->data.obj_change.obj_type) !=
		    MLX5_OBJ_TYPE_PAGE_TRACK)
			break;
		number = be32_to_cpu(eqe->data.obj_change.obj_id);
		/*
		 * Before the number is known any object may be ours, also one
		 * of the same session with a ring of its own.  Pairs
		 * with vfmig_ring_watch().  Asking once too often is harmless.
		 */
		if (!smp_load_acquire(&ring->has_obj) || number == ring->obj_id)
			ring_event(ring, VFMIG_TRACK_CHANGED);
		break;
	}
	return NOTIFY_DONE;
}

static void ring_post(struct vfmig_ring *ring)
{
	ring->given++;
	/* The entry, which may be new, before the record that offers it. */
	dma_wmb();
	ring->rq_db.db[MLX5_RCV_DBR] = cpu_to_be32(ring->given & 0xffff);
}

static int ring_make_area(struct vfmig_ring *ring, u64 size)
{
	struct device *dev = ring->vdev->mdev->device;
	unsigned int order = RING_PIECE_ORDER;
	u32 i;

	for (;; order--) {
		gfp_t gfp = GFP_KERNEL_ACCOUNT;

		if (order)
			gfp |= __GFP_NORETRY | __GFP_NOWARN;
		ring->piece_size = min_t(u64, PAGE_SIZE << order,
					 max_t(u64, size, PAGE_SIZE));
		ring->npieces = DIV_ROUND_UP_ULL(size, ring->piece_size);
		ring->pieces = kvcalloc(ring->npieces, sizeof(*ring->pieces),
					GFP_KERNEL_ACCOUNT);
		ring->piece_dma = kvcalloc(ring->npieces,
					   sizeof(*ring->piece_dma),
					   GFP_KERNEL_ACCOUNT);
		if (!ring->pieces || !ring->piece_dma)
			return -ENOMEM;
		for (i = 0; i < ring->npieces; i++) {
			if (fatal_signal_pending(current))
				return -EINTR;
			ring->pieces[i] = dma_alloc_coherent(dev,
							     ring->piece_size,
							     &ring->piece_dma[i],
							     gfp);
			if (!ring->pieces[i])
				break;
		}
		if (i == ring->npieces)
			return 0;
		if (!order)
			return -ENOMEM;
		while (i--)
			dma_free_coherent(dev, ring->piece_size,
					  ring->pieces[i], ring->piece_dma[i]);
		kvfree(ring->piece_dma);
		kvfree(ring->pieces);
		ring->piece_dma = NULL;
		ring->pieces = NULL;
	}
}

static void ring_free_area(struct vfmig_ring *ring)
{
	u32 i;

	for (i = 0; ring->pieces && ring->piece_dma && i < ring->npieces; i++)
		if (ring->pieces[i])
			dma_free_coherent(ring->vdev->mdev->device,
					  ring->piece_size, ring->pieces[i],
					  ring->piece_dma[i]);
	kvfree(ring->piece_dma);
	kvfree(ring->pieces);
}

static int ring_register_area(struct vfmig_ring *ring)
{
	u32 per_piece = ring->piece_size >> PAGE_SHIFT;
	u32 npages = ring->npieces * per_piece;
	dma_addr_t *pages;
	u32 i;
	int err;

	pages = kvcalloc(npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < npages; i++)
		pages[i] = ring->piece_dma[i / per_piece] +
			   (u64)(i % per_piece) * PAGE_SIZE;
	err = vfmig_cmd_create_area_mkey(ring->vdev, ring->pdn, pages, npages,
					 &ring->mkey);
	kvfree(pages);
	ring->has_mkey = !err;
	return err;
}

static int ring_make_cq(struct vfmig_ring *ring)
{
	struct mlx5_core_dev *mdev = ring->vdev->mdev;
	u32 out[MLX5_ST_SZ_DW(create_cq_out)] = {};
	struct mlx5_cqe64 *cqe;
	size_t inlen;
	void *cqc;
	void *in;
	u32 i;
	int eqn;
	int err;

	err = mlx5_db_alloc_node(mdev, &ring->cq_db, mdev->priv.numa_node);
	if (err)
		return err;
	ring->has_cq_db = true;
	err = mlx5_frag_buf_alloc_node(mdev, ring->nmsgs * sizeof(*cqe),
				       &ring->cq_buf, mdev->priv.numa_node);
	if (err)
		return err;
	ring->has_cq_buf = true;
	mlx5_init_fbc(ring->cq_buf.frags, ilog2(sizeof(*cqe)),
		      ilog2(ring->nmsgs), &ring->cq_fbc);
	for (i = 0; i < ring->nmsgs; i++) {
		cqe = mlx5_frag_buf_get_wqe(&ring->cq_fbc, i);
		cqe->op_own = MLX5_CQE_INVALID << 4 | MLX5_CQE_OWNER_MASK;
	}

	err = mlx5_comp_eqn_get(mdev, ring->vdev->vf_id %
				mlx5_comp_vectors_max(mdev), &eqn);
	if (err)
		return err;
	inlen = MLX5_ST_SZ_BYTES(create_cq_in) +
		ring->cq_buf.npages * sizeof(__be64);
	in = kvzalloc(inlen, GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	cqc = MLX5_ADDR_OF(create_cq_in, in, cq_context);
	MLX5_SET(cqc, cqc, log_cq_size, ilog2(ring->nmsgs));
	MLX5_SET(cqc, cqc, c_eqn_or_apu_element, eqn);
	MLX5_SET(cqc, cqc, uar_page, ring->uar->index);
	MLX5_SET(cqc, cqc, log_page_size, ring->cq_buf.page_shift -
		 MLX5_ADAPTER_PAGE_SHIFT);
	MLX5_SET64(cqc, cqc, dbr_addr, ring->cq_db.dma);
	mlx5_fill_page_frag_array(&ring->cq_buf,
				  MLX5_ADDR_OF(create_cq_in, in, pas));

	ring->mcq.cqe_sz = sizeof(*cqe);
	ring->mcq.set_ci_db = ring->cq_db.db;
	ring->mcq.arm_db = ring->cq_db.db + 1;
	ring->mcq.comp = ring_cq_comp;
	ring->mcq.event = ring_cq_event;
	err = mlx5_core_create_cq(mdev, &ring->mcq, in, inlen, out,
				  sizeof(out));
	if (err)
		vfmig_error(ring->vdev, "CREATE_CQ: error %d", err);
	kvfree(in);
	ring->has_cq = !err;
	return err;
}

static void ring_destroy_cq(struct vfmig_ring *ring)
{
	if (!mlx5_core_destroy_cq(ring->vdev->mdev, &ring->mcq))
		return;
	/*
	 * The firmware has refused, and mlx5_core has left before the end: no
	 * new event finds the CQ, but a handler may still be looking at it.
	 */
	synchronize_irq(ring->mcq.irqn);
	mlx5_cq_put(&ring->mcq);
	wait_for_completion(&ring->mcq.free);
}

static int ring_make_qps(struct vfmig_ring *ring)
{
	struct mlx5_core_dev *mdev = ring->vdev->mdev;
	struct vfmig_qp_rq rq = {
		.buf = &ring->rq_buf,
		.log_entries = ilog2(ring->nmsgs),
		.cqn = ring->mcq.cqn,
	};
	u32 log_stride = ilog2(sizeof(struct mlx5_wqe_data_seg));
	u32 qpn;
	u32 i;
	int err;

	err = mlx5_db_alloc_node(mdev, &ring->rq_db, mdev->priv.numa_node);
	if (err)
		return err;
	ring->has_rq_db = true;
	err = mlx5_frag_buf_alloc_node(mdev, ring->nmsgs << log_stride,
				       &ring->rq_buf, mdev->priv.numa_node);
	if (err)
		return err;
	ring->has_rq_buf = true;
	mlx5_init_fbc(ring->rq_buf.frags, log_stride, rq.log_entries,
		      &ring->rq_fbc);
	for (i = 0; i < ring->nmsgs; i++) {
		struct mlx5_wqe_data_seg *seg =
			mlx5_frag_buf_get_wqe(&ring->rq_fbc, i);

		seg->byte_count = cpu_to_be32(ring->msg_size);
		seg->lkey = cpu_to_be32(ring->mkey);
		seg->addr = cpu_to_be64((u64)i * ring->msg_size);
	}

	rq.dbr = ring->rq_db.dma;
	err = vfmig_cmd_create_qp(ring->vdev, ring->pdn, ring->uar->index, &rq,
				  &qpn);
	if (err)
		return err;
	WRITE_ONCE(ring->host_qpn, qpn);
	err = vfmig_cmd_create_qp(ring->vdev, ring->pdn, ring->uar->index, NULL,
				  &qpn);
	if (err)
		return err;
	WRITE_ONCE(ring->fw_qpn, qpn);
	return 0;
}

static int ring_connect(struct vfmig_ring *ring)
{
	struct vfmig_dev *vdev = ring->vdev;
	u32 i;
	int err;

	err = vfmig_cmd_rst2init_qp(vdev, ring->host_qpn);
	if (err)
		return err;
	for (i = 0; i < ring->nmsgs; i++)
		ring_post(ring);
	err = vfmig_cmd_init2rtr_qp(vdev, ring->host_qpn, ring->fw_qpn);
	if (err)
		return err;

	err = vfmig_cmd_rst2init_qp(vdev, ring->fw_qpn);
	if (err)
		return err;
	err = vfmig_cmd_init2rtr_qp(vdev, ring->fw_qpn, ring->host_qpn);
	if (err)
		return err;
	return vfmig_cmd_rtr2rts_qp(vdev, ring->fw_qpn);
}

static int ring_make(struct vfmig_ring *ring,
		     const struct vfmig_track_plan *plan)
{
	struct mlx5_core_dev *mdev = ring->vdev->mdev;
	int err;

	err = ring_make_area(ring, plan->area);
	if (err)
		return err;
	ring->uar = mlx5_get_uars_page(mdev);
	if (IS_ERR(ring->uar)) {
		err = PTR_ERR(ring->uar);
		ring->uar = NULL;
		return err;
	}
	err = vfmig_cmd_alloc_area_pd(ring->vdev, &ring->pdn);
	if (err)
		return err;
	ring->has_pd = true;
	err = ring_register_area(ring);
	if (err)
		return err;

	/* Before there is anything that an event could be about. */
	MLX5_NB_INIT(&ring->nb, ring_notify, NOTIFY_ANY);
	err = mlx5_eq_notifier_register(mdev, &ring->nb);
	if (err)
		return err;
	ring->has_nb = true;

	err = ring_make_cq(ring);
	if (err)
		return err;
	vfmig_ring_arm(ring);
	err = ring_make_qps(ring);
	if (err)
		return err;
	return ring_connect(ring);
}

/**
 * vfmig_ring_create - make a ring, ready to receive
 * @vdev: the VF, not detached; events of the ring go to its tracker from now on
 * @plan: size and number of messages
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: The ring, or ERR_PTR: -ENOMEM, -EINTR on a fatal signal, or the
 * firmware's errno.
 */
struct vfmig_ring *vfmig_ring_create(struct vfmig_dev *vdev,
				     const struct vfmig_track_plan *plan)
{
	struct vfmig_ring *ring;
	int err;

	lockdep_assert_held(&vdev->tracker->lock);
	ring = kzalloc_obj(*ring, GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->vdev = vdev;
	ring->nmsgs = plan->nmsgs;
	ring->msg_size = 1U << plan->log_msg;

	err = ring_make(ring, plan);
	if (err) {
		vfmig_ring_destroy(vdev, ring);
		return ERR_PTR(err);
	}
	return ring;
}

/**
 * vfmig_ring_destroy - undo what vfmig_ring_create() has got done
 * @vdev: the VF, not detached
 * @ring: the ring; no object reports to it any more
 *
 * No event of this ring comes once this has returned.
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 */
void vfmig_ring_destroy(struct vfmig_dev *vdev, struct vfmig_ring *ring)
{
	struct mlx5_core_dev *mdev = vdev->mdev;

	lockdep_assert_held(&vdev->tracker->lock);
	if (ring->has_nb)
		mlx5_eq_notifier_unregister(mdev, &ring->nb);
	if (ring->fw_qpn)
		vfmig_cmd_destroy_qp(vdev, ring->fw_qpn);
	if (ring->host_qpn)
		vfmig_cmd_destroy_qp(vdev, ring->host_qpn);
	if (ring->has_rq_buf)
		mlx5_frag_buf_free(mdev, &ring->rq_buf);
	if (ring->has_rq_db)
		mlx5_db_free(mdev, &ring->rq_db);
	if (ring->has_cq)
		ring_destroy_cq(ring);
	if (ring->has_cq_buf)
		mlx5_frag_buf_free(mdev, &ring->cq_buf);
	if (ring->has_cq_db)
		mlx5_db_free(mdev, &ring->cq_db);
	if (ring->has_mkey)
		vfmig_cmd_destroy_area_mkey(vdev, ring->mkey);
	if (ring->has_pd)
		vfmig_cmd_dealloc_area_pd(vdev, ring->pdn);
	if (ring->uar)
		mlx5_put_uars_page(mdev, ring->uar);
	ring_free_area(ring);
	kfree(ring);
}

/**
 * vfmig_ring_qpn - the QP on which the firmware has to report
 * @ring: the ring
 *
 * Context: Any.
 * Return: Its number.
 */
u32 vfmig_ring_qpn(const struct vfmig_ring *ring)
{
	return ring->fw_qpn;
}

/**
 * vfmig_ring_watch - say which object reports to the ring
 * @ring: the ring
 * @obj_id: the object
 *
 * Until then any object that changes is taken for it.
 *
 * Context: Process; the tracker's lock held.
 */
void vfmig_ring_watch(struct vfmig_ring *ring, u32 obj_id)
{
	lockdep_assert_held(&ring->vdev->tracker->lock);
	ring->obj_id = obj_id;
	/* Pairs with ring_notify(). */
	smp_store_release(&ring->has_obj, true);
}

/**
 * vfmig_ring_arm - ask for an event with the next message
 * @ring: the ring
 *
 * A message that is there already may not make one: look once more.
 *
 * Context: Process; the tracker's lock held.
 */
void vfmig_ring_arm(struct vfmig_ring *ring)
{
	lockdep_assert_held(&ring->vdev->tracker->lock);
	mlx5_cq_arm(&ring->mcq, MLX5_CQ_DB_REQ_NOT, ring->uar->map,
		    ring->mcq.cons_index);
}

/* The next completion if it has come. */
static struct mlx5_cqe64 *ring_cqe(struct vfmig_ring *ring)
{
	u32 n = ring->mcq.cons_index;
	struct mlx5_cqe64 *cqe;
	u8 op_own;

	cqe = mlx5_frag_buf_get_wqe(&ring->cq_fbc, n & (ring->nmsgs - 1));
	op_own = READ_ONCE(cqe->op_own);
	if (op_own >> 4 == MLX5_CQE_INVALID ||
	    (op_own & MLX5_CQE_OWNER_MASK) != !!(n & ring->nmsgs))
		return NULL;
	/* The rest of it, and the message, after the owner. */
	dma_rmb();
	return cqe;
}

/**
 * vfmig_ring_next - take the next message
 * @ring: the ring, with no message taken
 * @msg: the message, valid until vfmig_ring_return()
 *
 * Context: Process; the tracker's lock held.
 * Return: 0; -EAGAIN if there is none; -EIO if what came makes no sense.
 */
int vfmig_ring_next(struct vfmig_ring *ring, struct vfmig_msg *msg)
{
	struct mlx5_cqe64 *cqe = ring_cqe(ring);
	u32 slot = ring->taken & (ring->nmsgs - 1);
	u32 bytes;
	u8 opcode;

	lockdep_assert_held(&ring->vdev->tracker->lock);
	if (!cqe)
		return -EAGAIN;

	opcode = get_cqe_opcode(cqe);
	bytes = be32_to_cpu(cqe->byte_cnt);
	msg->slot = be16_to_cpu(cqe->wqe_counter) & (ring->nmsgs - 1);
	msg->state = be32_to_cpu(cqe->immediate) >> 28;
	msg->entries = bytes / RING_ENTRY_SIZE;
	ring->mcq.cons_index++;
	mlx5_cq_set_ci(&ring->mcq);

	if (opcode != MLX5_CQE_RESP_SEND_IMM || msg->slot != slot ||
	    bytes > ring->msg_size || bytes % RING_ENTRY_SIZE) {
		vfmig_error(ring->vdev,
			    "DMA logging: completion 0x%x, entry %u of %u bytes, expected 0x%x, entry %u",
			    opcode, msg->slot, bytes, MLX5_CQE_RESP_SEND_IMM,
			    slot);
		return -EIO;
	}
	ring->taken++;
	return 0;
}

/**
 * vfmig_ring_entry - an address from a message
 * @ring: the ring
 * @msg: the message taken
 * @i: which entry, less than @msg->entries
 *
 * Context: Any.
 * Return: The address, as the firmware wrote it.
 */
u64 vfmig_ring_entry(const struct vfmig_ring *ring, const struct vfmig_msg *msg,
		     u32 i)
{
	u64 at = (u64)msg->slot * ring->msg_size + i * RING_ENTRY_SIZE;
	const void *entry = ring->pieces[at / ring->piece_size] +
			    at % ring->piece_size;

	return (u64)MLX5_GET(page_track_report_entry, entry,
			     dirty_address_high) << 32 |
	       MLX5_GET(page_track_report_entry, entry, dirty_address_low);
}

/**
 * vfmig_ring_return - give the slot of the message taken back
 * @ring: the ring
 *
 * Context: Process; the tracker's lock held.
 */
void vfmig_ring_return(struct vfmig_ring *ring)
{
	lockdep_assert_held(&ring->vdev->tracker->lock);
	ring_post(ring);
}
