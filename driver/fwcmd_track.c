// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware commands of DMA logging, one function each, and nothing about when
 * to send them.  As those of fwcmd.c, but under the lock of the tracker, which
 * has nothing to do with the state of the VF.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/mlx5/qp.h>

#include "vfmig.h"
#include "tracker.h"

/* Send a command; a refusal is logged by mlx5_core and turned into an errno. */
static int cmd_exec(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		    int outlen)
{
	int err;

	lockdep_assert_held(&vdev->tracker->lock);
	if (vdev->tracker->detached || !vfmig_vf_enabled(vdev))
		return -ENOTCONN;
	err = vfmig_cmd_send(vdev, in, inlen, out, outlen, 0);
	return mlx5_cmd_check(vdev->mdev, err, in, out);
}

static void set_hdr(void *hdr, u16 opcode, u32 id)
{
	MLX5_SET(general_obj_in_cmd_hdr, hdr, opcode, opcode);
	MLX5_SET(general_obj_in_cmd_hdr, hdr, obj_type,
		 MLX5_OBJ_TYPE_PAGE_TRACK);
	MLX5_SET(general_obj_in_cmd_hdr, hdr, obj_id, id);
}

/**
 * vfmig_cmd_create_page_track - start to track what the VF writes
 * @vdev: the VF
 * @plan: how to track
 * @share: what to track, and the ring to report on
 * @id: number of the object
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno.
 */
int vfmig_cmd_create_page_track(struct vfmig_dev *vdev,
				const struct vfmig_track_plan *plan,
				const struct vfmig_track_obj *share, u32 *id)
{
	size_t inlen = MLX5_ST_SZ_BYTES(create_page_track_obj_in) +
		       share->nranges * MLX5_ST_SZ_BYTES(page_track_range);
	void *in __free(kfree) = kzalloc(inlen, GFP_KERNEL_ACCOUNT);
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	void *range;
	void *obj;
	u32 i;
	int err;

	if (!in)
		return -ENOMEM;
	set_hdr(in, MLX5_CMD_OP_CREATE_GENERAL_OBJECT, 0);
	obj = MLX5_ADDR_OF(create_page_track_obj_in, in, obj_context);
	MLX5_SET(page_track, obj, vhca_id, vdev->vhca_id);
	MLX5_SET(page_track, obj, track_type, 1);
	MLX5_SET(page_track, obj, log_addr_space_size, share->log_space);
	MLX5_SET(page_track, obj, log_page_size, plan->log_page);
	MLX5_SET(page_track, obj, log_msg_size, plan->log_msg);
	MLX5_SET(page_track, obj, reporting_qpn, vfmig_ring_qpn(share->ring));
	MLX5_SET(page_track, obj, num_ranges, share->nranges);
	range = MLX5_ADDR_OF(page_track, obj, track_range);
	for (i = 0; i < share->nranges; i++) {
		const struct vfmig_range *r = &share->ranges[i];

		MLX5_SET64(page_track_range, range, start_address, r->start);
		MLX5_SET64(page_track_range, range, length,
			   r->last - r->start + 1);
		range += MLX5_ST_SZ_BYTES(page_track_range);
	}

	err = cmd_exec(vdev, in, inlen, out, sizeof(out));
	if (!err)
		*id = MLX5_GET(general_obj_out_cmd_hdr, out, obj_id);
	return err;
}

/**
 * vfmig_cmd_modify_page_track - ask for a report, which clears what it reports
 * @vdev: the VF
 * @id: the object
 * @start: first address
 * @length: of the window
 *
 * The report itself comes through the ring after the answer.
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_modify_page_track(struct vfmig_dev *vdev, u32 id, u64 start,
				u64 length)
{
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	u32 in[MLX5_ST_SZ_DW(modify_page_track_obj_in)] = {};
	void *obj = MLX5_ADDR_OF(modify_page_track_obj_in, in, obj_context);

	set_hdr(in, MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, id);
	/* the state, and the window */
	MLX5_SET64(page_track, obj, modify_field_select, 0x3);
	MLX5_SET(page_track, obj, state, MLX5_PAGE_TRACK_STATE_REPORTING);
	MLX5_SET64(page_track, obj, range_start_address, start);
	MLX5_SET64(page_track, obj, length, length);
	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_query_page_track - how is the object?
 * @vdev: the VF
 * @id: the object
 * @state: MLX5_PAGE_TRACK_STATE_*
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_query_page_track(struct vfmig_dev *vdev, u32 id, u8 *state)
{
	u32 out[MLX5_ST_SZ_DW(query_page_track_obj_out)] = {};
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	int err;

	set_hdr(in, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, id);
	err = cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
	if (!err)
		*state = MLX5_GET(query_page_track_obj_out, out,
				  obj_context.state);
	return err;
}

/**
 * vfmig_cmd_destroy_page_track - track no longer
 * @vdev: the VF, not detached
 * @id: the object, in any state
 *
 * Cannot fail for the caller, as vfmig_cmd_dealloc_pd().
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 */
void vfmig_cmd_destroy_page_track(struct vfmig_dev *vdev, u32 id)
{
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};

	set_hdr(in, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, id);
	cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_create_qp - make one of the two QPs of a report ring
 * @vdev: the VF; the QP is the PF's
 * @pdn: the protection domain
 * @uar: index of a UAR page
 * @rq: the receive queue; NULL for the QP that the firmware sends on, which
 *	has no queue at all
 * @qpn: its number
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno.
 */
int vfmig_cmd_create_qp(struct vfmig_dev *vdev, u32 pdn, u32 uar,
			const struct vfmig_qp_rq *rq, u32 *qpn)
{
	size_t inlen = MLX5_ST_SZ_BYTES(create_qp_in) +
		       (rq ? rq->buf->npages : 0) * sizeof(__be64);
	void *in __free(kvfree) = kvzalloc(inlen, GFP_KERNEL_ACCOUNT);
	u32 out[MLX5_ST_SZ_DW(create_qp_out)] = {};
	struct mlx5_core_dev *mdev = vdev->mdev;
	void *qpc;
	int err;

	if (!in)
		return -ENOMEM;
	MLX5_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	qpc = MLX5_ADDR_OF(create_qp_in, in, qpc);
	MLX5_SET(qpc, qpc, st, MLX5_QP_ST_RC);
	MLX5_SET(qpc, qpc, pm_state, MLX5_QP_PM_MIGRATED);
	MLX5_SET(qpc, qpc, pd, pdn);
	MLX5_SET(qpc, qpc, uar_page, uar);
	MLX5_SET(qpc, qpc, ts_format, mlx5_get_qp_default_ts(mdev));
	if (MLX5_CAP_GEN(mdev, cqe_version) == 1)
		MLX5_SET(qpc, qpc, user_index, 0xffffff);
	MLX5_SET(qpc, qpc, no_sq, 1);
	if (rq) {
		MLX5_SET(qpc, qpc, rq_type, MLX5_NON_ZERO_RQ);
		/* entries of 16 bytes, one data segment */
		MLX5_SET(qpc, qpc, log_rq_stride, 0);
		MLX5_SET(qpc, qpc, log_rq_size, rq->log_entries);
		MLX5_SET(qpc, qpc, cqn_rcv, rq->cqn);
		MLX5_SET(qpc, qpc, log_page_size, rq->buf->page_shift -
			 MLX5_ADAPTER_PAGE_SHIFT);
		MLX5_SET64(qpc, qpc, dbr_addr, rq->dbr);
		mlx5_fill_page_frag_array(rq->buf,
					  MLX5_ADDR_OF(create_qp_in, in, pas));
	} else {
		MLX5_SET(qpc, qpc, rq_type, MLX5_ZERO_LEN_RQ);
	}

	err = cmd_exec(vdev, in, inlen, out, sizeof(out));
	if (!err)
		*qpn = MLX5_GET(create_qp_out, out, qpn);
	return err;
}

/**
 * vfmig_cmd_rst2init_qp - first step of connecting a QP
 * @vdev: the VF
 * @qpn: the QP
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_rst2init_qp(struct vfmig_dev *vdev, u32 qpn)
{
	u32 out[MLX5_ST_SZ_DW(rst2init_qp_out)] = {};
	u32 in[MLX5_ST_SZ_DW(rst2init_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(rst2init_qp_in, in, qpc);

	MLX5_SET(rst2init_qp_in, in, opcode, MLX5_CMD_OP_RST2INIT_QP);
	MLX5_SET(rst2init_qp_in, in, qpn, qpn);
	MLX5_SET(qpc, qpc, pm_state, MLX5_QP_PM_MIGRATED);
	MLX5_SET(qpc, qpc, rre, 1);
	MLX5_SET(qpc, qpc, rwe, 1);
	MLX5_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_init2rtr_qp - let a QP receive, over the device's own loopback
 * @vdev: the VF
 * @qpn: the QP
 * @remote: the other one
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_init2rtr_qp(struct vfmig_dev *vdev, u32 qpn, u32 remote)
{
	u32 out[MLX5_ST_SZ_DW(init2rtr_qp_out)] = {};
	u32 in[MLX5_ST_SZ_DW(init2rtr_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(init2rtr_qp_in, in, qpc);

	MLX5_SET(init2rtr_qp_in, in, opcode, MLX5_CMD_OP_INIT2RTR_QP);
	MLX5_SET(init2rtr_qp_in, in, qpn, qpn);
	MLX5_SET(qpc, qpc, mtu, 5);	/* 4096 bytes */
	MLX5_SET(qpc, qpc, log_msg_max, MLX5_CAP_GEN(vdev->mdev, log_max_msg));
	MLX5_SET(qpc, qpc, remote_qpn, remote);
	MLX5_SET(qpc, qpc, min_rnr_nak, 1);
	MLX5_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	MLX5_SET(qpc, qpc, primary_address_path.fl, 1);
	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_rtr2rts_qp - let a QP send
 * @vdev: the VF
 * @qpn: the QP
 *
 * A receiver that is not ready is waited for without end: the ring is full
 * until the driver has emptied it, and nothing may be dropped.
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_rtr2rts_qp(struct vfmig_dev *vdev, u32 qpn)
{
	u32 out[MLX5_ST_SZ_DW(rtr2rts_qp_out)] = {};
	u32 in[MLX5_ST_SZ_DW(rtr2rts_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(rtr2rts_qp_in, in, qpc);

	MLX5_SET(rtr2rts_qp_in, in, opcode, MLX5_CMD_OP_RTR2RTS_QP);
	MLX5_SET(rtr2rts_qp_in, in, qpn, qpn);
	MLX5_SET(qpc, qpc, retry_count, 7);
	MLX5_SET(qpc, qpc, rnr_retry, 7);
	MLX5_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	/* 4.096 us * 2^8, about a millisecond */
	MLX5_SET(qpc, qpc, primary_address_path.ack_timeout, 8);
	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_destroy_qp - give a QP back
 * @vdev: the VF, not detached
 * @qpn: the QP
 *
 * Cannot fail for the caller, as vfmig_cmd_dealloc_pd().
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 */
void vfmig_cmd_destroy_qp(struct vfmig_dev *vdev, u32 qpn)
{
	u32 out[MLX5_ST_SZ_DW(destroy_qp_out)] = {};
	u32 in[MLX5_ST_SZ_DW(destroy_qp_in)] = {};

	MLX5_SET(destroy_qp_in, in, opcode, MLX5_CMD_OP_DESTROY_QP);
	MLX5_SET(destroy_qp_in, in, qpn, qpn);
	cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_alloc_area_pd - get a protection domain for a report ring
 * @vdev: the VF
 * @pdn: its number
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_alloc_area_pd(struct vfmig_dev *vdev, u32 *pdn)
{
	u32 out[MLX5_ST_SZ_DW(alloc_pd_out)] = {};
	u32 in[MLX5_ST_SZ_DW(alloc_pd_in)] = {};
	int err;

	MLX5_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	err = cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
	if (!err)
		*pdn = MLX5_GET(alloc_pd_out, out, pd);
	return err;
}

/**
 * vfmig_cmd_dealloc_area_pd - give it back
 * @vdev: the VF, not detached
 * @pdn: its number
 *
 * Cannot fail for the caller, as vfmig_cmd_dealloc_pd().
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 */
void vfmig_cmd_dealloc_area_pd(struct vfmig_dev *vdev, u32 pdn)
{
	u32 out[MLX5_ST_SZ_DW(dealloc_pd_out)] = {};
	u32 in[MLX5_ST_SZ_DW(dealloc_pd_in)] = {};

	MLX5_SET(dealloc_pd_in, in, opcode, MLX5_CMD_OP_DEALLOC_PD);
	MLX5_SET(dealloc_pd_in, in, pd, pdn);
	cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_create_area_mkey - let the firmware write to the receive area
 * @vdev: the VF
 * @pdn: the protection domain
 * @pages: bus addresses of its pages
 * @npages: how many
 * @mkey: the key; offset 0 is the first byte
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno.
 */
int vfmig_cmd_create_area_mkey(struct vfmig_dev *vdev, u32 pdn,
			       const dma_addr_t *pages, u32 npages, u32 *mkey)
{
	u32 out[MLX5_ST_SZ_DW(create_mkey_out)] = {};
	size_t inlen;
	__be64 *mtt;
	u32 i;
	int err;

	void *in __free(kvfree) = vfmig_cmd_mkey_alloc(pdn,
						       (u64)npages << PAGE_SHIFT,
						       PAGE_SHIFT, false,
						       &inlen, &mtt);
	if (!in)
		return -ENOMEM;
	for (i = 0; i < npages; i++)
		mtt[i] = cpu_to_be64(pages[i]);

	err = cmd_exec(vdev, in, inlen, out, sizeof(out));
	if (!err)
		*mkey = mlx5_idx_to_mkey(MLX5_GET(create_mkey_out, out,
						  mkey_index));
	return err;
}

/**
 * vfmig_cmd_destroy_area_mkey - take the receive area away from the firmware
 * @vdev: the VF, not detached
 * @mkey: the key
 *
 * Cannot fail for the caller, as vfmig_cmd_dealloc_pd().
 *
 * Context: Process; the tracker's lock held.  Waits for the firmware.
 */
void vfmig_cmd_destroy_area_mkey(struct vfmig_dev *vdev, u32 mkey)
{
	u32 out[MLX5_ST_SZ_DW(destroy_mkey_out)] = {};
	u32 in[MLX5_ST_SZ_DW(destroy_mkey_in)] = {};

	MLX5_SET(destroy_mkey_in, in, opcode, MLX5_CMD_OP_DESTROY_MKEY);
	MLX5_SET(destroy_mkey_in, in, mkey_index, mlx5_mkey_to_idx(mkey));
	cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}
