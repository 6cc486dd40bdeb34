/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA logging: what tracker.c, report.c, report_ring.c and
 * fwcmd_track.c share.
 *
 * Locks, outermost first; none of them is ever taken together with state_lock,
 * so a report holds up no change of state and no transfer of it:
 *
 *  vfmig_tracker::report_lock (mutex) - the turn of a report.  User memory is
 *	touched under it only, and nothing that ends a session waits for it.
 *  vfmig_tracker::lock (mutex) - the session and everything in it, everything
 *	that talks to the firmware.  Held for one batch of a report at a time;
 *	while it is held every wait is bounded, and ends at once when somebody
 *	who wants to end the session sets VFMIG_TRACK_ABORT.
 *
 * vfmig_tracker::events is set from interrupts too and needs no lock.
 */
#ifndef VFMIG_TRACKER_H
#define VFMIG_TRACKER_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "track_plan.h"

struct iova_bitmap;
struct mlx5_frag_buf;
struct seq_file;
struct vfio_device;
struct vfmig_dev;
struct vfmig_ring;

/* Bits of vfmig_tracker::events. */
enum vfmig_track_event {
	VFMIG_TRACK_MESSAGE,	/* the CQ has been written to */
	VFMIG_TRACK_BROKEN,	/* a queue has failed, or a message made no sense */
	VFMIG_TRACK_CHANGED,	/* the firmware has changed the object's state */
	VFMIG_TRACK_ABORT,	/* somebody waits to end the session */
};

struct vfmig_tracker {
	struct vfmig_dev *vdev;
	struct mutex report_lock;	/* see the top of this file */
	struct mutex lock;		/* and here */
	bool detached;			/* the PF has taken the VF away */
	struct vfmig_track *track;	/* the session, or NULL */
	u64 sessions;			/* so far; tells one from the next */
	unsigned long events;		/* enum vfmig_track_event; no lock */
	wait_queue_head_t wait;		/* woken when events are set */
};

/* A message of a report, to be read with vfmig_ring_entry(). */
struct vfmig_msg {
	u32 slot;
	u32 entries;
	u8 state;	/* of the object: MLX5_PAGE_TRACK_STATE_* */
};

/* A PAGE_TRACK object, and the ring on which it alone reports. */
struct vfmig_track_obj {
	struct vfmig_ring *ring;	/* NULL: not there yet */
	u32 id;
	bool has_obj;
	const struct vfmig_range *ranges;	/* its share of the session's */
	u32 nranges;
	u8 log_space;

	bool has_msg;			/* taken from the ring, not given back */
	struct vfmig_msg msg;
	u32 next;			/* entry of it */
};

/* A session; guarded by vfmig_tracker::lock. */
struct vfmig_track {
	bool failed;
	u64 page;			/* size of a page */
	struct vfmig_range *ranges;	/* in order, multiples of @page */
	struct vfmig_carry carry;
	u32 nobjs;			/* at least 1 */
	struct vfmig_track_obj obj[VFMIG_TRACK_MAX];	/* as their ranges */
};

/* tracker.c */
int vfmig_tracker_init(struct vfmig_dev *vdev);
void vfmig_tracker_free(struct vfmig_dev *vdev);
void vfmig_tracker_close(struct vfmig_dev *vdev);
void vfmig_tracker_attach(struct vfmig_dev *vdev);
void vfmig_tracker_detach(struct vfmig_dev *vdev);
void vfmig_tracker_show(struct vfmig_dev *vdev, struct seq_file *seq);

/* report.c */
int vfmig_log_read_and_clear(struct vfio_device *core_vdev, unsigned long iova,
			     unsigned long length, struct iova_bitmap *dirty);

/* report_ring.c */

struct vfmig_ring *vfmig_ring_create(struct vfmig_dev *vdev,
				     const struct vfmig_track_plan *plan);
void vfmig_ring_destroy(struct vfmig_dev *vdev, struct vfmig_ring *ring);
u32 vfmig_ring_qpn(const struct vfmig_ring *ring);
void vfmig_ring_watch(struct vfmig_ring *ring, u32 obj_id);
void vfmig_ring_arm(struct vfmig_ring *ring);
int vfmig_ring_next(struct vfmig_ring *ring, struct vfmig_msg *msg);
u64 vfmig_ring_entry(const struct vfmig_ring *ring, const struct vfmig_msg *msg,
		     u32 i);
void vfmig_ring_return(struct vfmig_ring *ring);

/* fwcmd_track.c */

int vfmig_cmd_create_page_track(struct vfmig_dev *vdev,
				const struct vfmig_track_plan *plan,
				const struct vfmig_track_obj *share, u32 *id);
int vfmig_cmd_modify_page_track(struct vfmig_dev *vdev, u32 id, u64 start,
				u64 length);
int vfmig_cmd_query_page_track(struct vfmig_dev *vdev, u32 id, u8 *state);
void vfmig_cmd_destroy_page_track(struct vfmig_dev *vdev, u32 id);

/* A QP of the ring; @rq is NULL for the one that the firmware sends on. */
struct vfmig_qp_rq {
	struct mlx5_frag_buf *buf;
	u32 log_entries;
	u32 cqn;
	dma_addr_t dbr;
};

int vfmig_cmd_create_qp(struct vfmig_dev *vdev, u32 pdn, u32 uar,
			const struct vfmig_qp_rq *rq, u32 *qpn);
int vfmig_cmd_rst2init_qp(struct vfmig_dev *vdev, u32 qpn);
int vfmig_cmd_init2rtr_qp(struct vfmig_dev *vdev, u32 qpn, u32 remote);
int vfmig_cmd_rtr2rts_qp(struct vfmig_dev *vdev, u32 qpn);
void vfmig_cmd_destroy_qp(struct vfmig_dev *vdev, u32 qpn);
int vfmig_cmd_alloc_area_pd(struct vfmig_dev *vdev, u32 *pdn);
void vfmig_cmd_dealloc_area_pd(struct vfmig_dev *vdev, u32 pdn);
int vfmig_cmd_create_area_mkey(struct vfmig_dev *vdev, u32 pdn,
			       const dma_addr_t *pages, u32 npages, u32 *mkey);
void vfmig_cmd_destroy_area_mkey(struct vfmig_dev *vdev, u32 mkey);

#endif /* VFMIG_TRACKER_H */
