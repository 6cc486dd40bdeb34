// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware commands, one function each, and nothing about when to send them.
 *
 * All of them go through the PF's command queue.  mlx5_core bounds every wait
 * by its command timeout (60 s), and completes what is in flight when the PF
 * fails, so none of these functions can wait for ever.
 */
#include <linux/crc32c.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "vfmig.h"
#include "trace.h"

/* All commands begin alike, and so do all answers; any one layout will do. */
static u32 cmd_opcode(const void *in)
{
	return MLX5_GET(suspend_vhca_in, in, opcode);
}

static u32 cmd_op_mod(const void *in)
{
	return MLX5_GET(suspend_vhca_in, in, op_mod);
}

static u32 cmd_status(const void *out)
{
	return MLX5_GET(suspend_vhca_out, out, status);
}

static u32 cmd_syndrome(const void *out)
{
	return MLX5_GET(suspend_vhca_out, out, syndrome);
}

static const char *cmd_name(u32 op)
{
	switch (op) {
	case MLX5_CMD_OP_QUERY_HCA_CAP: return "QUERY_HCA_CAP";
	case MLX5_CMD_OP_SUSPEND_VHCA: return "SUSPEND_VHCA";
	case MLX5_CMD_OP_RESUME_VHCA: return "RESUME_VHCA";
	case MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE:
		return "QUERY_VHCA_MIGRATION_STATE";
	case MLX5_CMD_OP_SAVE_VHCA_STATE: return "SAVE_VHCA_STATE";
	case MLX5_CMD_OP_LOAD_VHCA_STATE: return "LOAD_VHCA_STATE";
	case MLX5_CMD_OP_ALLOC_PD: return "ALLOC_PD";
	case MLX5_CMD_OP_DEALLOC_PD: return "DEALLOC_PD";
	case MLX5_CMD_OP_CREATE_MKEY: return "CREATE_MKEY";
	case MLX5_CMD_OP_DESTROY_MKEY: return "DESTROY_MKEY";
	}
	return "command";
}

/* A command has ended, well or not: trace it, count it. */
static void cmd_note(struct vfmig_dev *vdev, u32 op, u32 op_mod, int err,
		     u32 status, u32 syndrome, ktime_t start)
{
	s64 ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	trace_vfmig_cmd(vdev, op, op_mod, err, status, syndrome, ns);
	vfmig_stat_inc(vdev, VFMIG_STAT_CMDS);
	vfmig_stat_add(vdev, VFMIG_STAT_CMD_NS, ns);
	if (!err)
		return;
	vfmig_stat_inc(vdev, VFMIG_STAT_CMDS_FAILED);
	vfmig_error(vdev, "%s(0x%x) op_mod 0x%x: error %d, status 0x%x, syndrome 0x%x",
		    cmd_name(op), op, op_mod, err, status, syndrome);
}

/*
 * Send a command and wait for its answer.  -EREMOTEIO means that the firmware
 * has refused it and @out says why; nothing has been logged yet.
 */
static int cmd_do(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		  int outlen)
{
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached)
		return -ENOTCONN;

	err = mlx5_cmd_do(vdev->mdev, in, inlen, out, outlen);
	cmd_note(vdev, cmd_opcode(in), cmd_op_mod(in), err,
		 err == -EREMOTEIO ? cmd_status(out) : 0,
		 err == -EREMOTEIO ? cmd_syndrome(out) : 0, start);
	return err;
}

/* The same with a refusal logged by mlx5_core and turned into an errno. */
static int cmd_exec(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		    int outlen)
{
	int err = cmd_do(vdev, in, inlen, out, outlen);

	if (err == -ENOTCONN)
		return err;
	return mlx5_cmd_check(vdev->mdev, err, in, out);
}

/*
 * One block of the VF's capabilities, as the PF sees them.  A refusal is not
 * logged here: @status gets it, and the caller has a line of its own to write.
 */
static int query_hca_cap(struct vfmig_dev *vdev, u16 op_mod, void *out,
			 int outlen, u32 *status)
{
	u32 in[MLX5_ST_SZ_DW(query_hca_cap_in)] = {};
	int err;

	MLX5_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	MLX5_SET(query_hca_cap_in, in, op_mod, op_mod);
	MLX5_SET(query_hca_cap_in, in, other_function, 1);
	MLX5_SET(query_hca_cap_in, in, function_id, vdev->vf_id + 1);

	err = cmd_do(vdev, in, sizeof(in), out, outlen);
	*status = err == -EREMOTEIO ? cmd_status(out) : 0;
	return err;
}

/**
 * vfmig_cmd_query_migratable - does the firmware let this VF migrate?
 * @vdev: the VF, with @mdev and @vf_id set
 * @migratable: the answer
 * @status: the firmware's status if it refused the question, else 0
 *
 * Context: Process; state_lock held.
 * Return: 0, -ENOMEM, -EREMOTEIO if the firmware refused, or a delivery error.
 */
int vfmig_cmd_query_migratable(struct vfmig_dev *vdev, bool *migratable,
			       u32 *status)
{
	int outlen = MLX5_ST_SZ_BYTES(query_hca_cap_out);
	void *out;
	int err;

	*status = 0;
	out = kzalloc(outlen, GFP_KERNEL);
	if (!out)
		return -ENOMEM;

	err = query_hca_cap(vdev, MLX5_CAP_GENERAL_2 << 1 |
			    HCA_CAP_OPMOD_GET_MAX, out, outlen, status);
	if (!err)
		*migratable = MLX5_GET(query_hca_cap_out, out,
				       capability.cmd_hca_cap_2.migratable);
	kfree(out);
	return err;
}

/**
 * vfmig_cmd_query_vhca_id - by which number does the firmware know this VF?
 * @vdev: the VF, with @mdev and @vf_id set
 * @vhca_id: the answer
 * @status: the firmware's status if it refused the question, else 0
 *
 * Context: Process; state_lock held.
 * Return: 0, -ENOMEM, -EREMOTEIO if the firmware refused, or a delivery error.
 */
int vfmig_cmd_query_vhca_id(struct vfmig_dev *vdev, u16 *vhca_id, u32 *status)
{
	int outlen = MLX5_ST_SZ_BYTES(query_hca_cap_out);
	void *out;
	int err;

	*status = 0;
	out = kzalloc(outlen, GFP_KERNEL);
	if (!out)
		return -ENOMEM;

	err = query_hca_cap(vdev, MLX5_CAP_GENERAL << 1 |
			    HCA_CAP_OPMOD_GET_CUR, out, outlen, status);
	if (!err)
		*vhca_id = MLX5_GET(query_hca_cap_out, out,
				    capability.cmd_hca_cap.vhca_id);
	kfree(out);
	return err;
}

/**
 * vfmig_cmd_query_digest - a number for all that the VF can do
 * @vdev: the VF, with @mdev and @vf_id set
 *
 * The highest values are taken, which the VF's own driver cannot change, less
 * those that say which VF it is.
 *
 * Context: Process; state_lock held.
 * Return: The digest, or 0 if it could not be had.
 */
u32 vfmig_cmd_query_digest(struct vfmig_dev *vdev)
{
	int outlen = MLX5_ST_SZ_BYTES(query_hca_cap_out);
	u32 status, digest = 0;
	void *out, *cap;

	out = kzalloc(outlen, GFP_KERNEL);
	if (!out)
		return 0;
	if (!query_hca_cap(vdev, MLX5_CAP_GENERAL << 1 | HCA_CAP_OPMOD_GET_MAX,
			   out, outlen, &status)) {
		cap = MLX5_ADDR_OF(query_hca_cap_out, out, capability);
		MLX5_SET(cmd_hca_cap, cap, vhca_id, 0);
		MLX5_SET(cmd_hca_cap, cap, native_port_num, 0);
		digest = ~crc32c(~0, cap, MLX5_ST_SZ_BYTES(cmd_hca_cap));
	}
	kfree(out);
	return digest;
}

/**
 * vfmig_cmd_suspend_vhca - stop one side of the VF
 * @vdev: the VF
 * @side: the initiator first, then the responder
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_suspend_vhca(struct vfmig_dev *vdev, enum vfmig_side side)
{
	u32 out[MLX5_ST_SZ_DW(suspend_vhca_out)] = {};
	u32 in[MLX5_ST_SZ_DW(suspend_vhca_in)] = {};

	MLX5_SET(suspend_vhca_in, in, opcode, MLX5_CMD_OP_SUSPEND_VHCA);
	MLX5_SET(suspend_vhca_in, in, op_mod, side == VFMIG_INITIATOR ?
		 MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR :
		 MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_RESPONDER);
	MLX5_SET(suspend_vhca_in, in, vhca_id, vdev->vhca_id);

	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_resume_vhca - let one side of the VF run again
 * @vdev: the VF
 * @side: the responder first, then the initiator
 * @how: whether "it is not suspended" counts as a success
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_resume_vhca(struct vfmig_dev *vdev, enum vfmig_side side,
			  enum vfmig_resume_how how)
{
	u32 out[MLX5_ST_SZ_DW(resume_vhca_out)] = {};
	u32 in[MLX5_ST_SZ_DW(resume_vhca_in)] = {};
	int err;

	MLX5_SET(resume_vhca_in, in, opcode, MLX5_CMD_OP_RESUME_VHCA);
	MLX5_SET(resume_vhca_in, in, op_mod, side == VFMIG_INITIATOR ?
		 MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR :
		 MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER);
	MLX5_SET(resume_vhca_in, in, vhca_id, vdev->vhca_id);

	err = cmd_do(vdev, in, sizeof(in), out, sizeof(out));
	if (err == -ENOTCONN)
		return err;
	if (err == -EREMOTEIO && how == VFMIG_RESUME_MAYBE_DONE &&
	    cmd_status(out) == MLX5_CMD_STAT_BAD_RES_STATE_ERR)
		return 0;
	return mlx5_cmd_check(vdev->mdev, err, in, out);
}

/**
 * vfmig_cmd_query_vhca_migration_state - how large is the VF's state?
 * @vdev: the VF
 * @kind: all of it, or what has changed; the latter only once a SAVE with
 *	tracking has been answered
 * @query: the answer
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_query_vhca_migration_state(struct vfmig_dev *vdev,
					 enum vfmig_query_kind kind,
					 struct vfmig_query *query)
{
	u32 out[MLX5_ST_SZ_DW(query_vhca_migration_state_out)] = {};
	u32 in[MLX5_ST_SZ_DW(query_vhca_migration_state_in)] = {};
	int err;

	MLX5_SET(query_vhca_migration_state_in, in, opcode,
		 MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	MLX5_SET(query_vhca_migration_state_in, in, incremental,
		 kind == VFMIG_QUERY_DELTA);
	MLX5_SET(query_vhca_migration_state_in, in, chunk, vdev->chunk_mode);
	MLX5_SET(query_vhca_migration_state_in, in, vhca_id, vdev->vhca_id);

	err = cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
	if (err)
		return err;

	query->required = MLX5_GET(query_vhca_migration_state_out, out,
				   required_umem_size);
	query->remaining = vdev->chunk_mode ?
		MLX5_GET64(query_vhca_migration_state_out, out,
			   remaining_total_size) : query->required;
	query->migration_state =
		vfmig_get_migration_state((const __be32 *)out);
	return 0;
}

static void save_callback(int status, struct mlx5_async_work *work)
{
	struct vfmig_save_cmd *cmd = container_of(work, struct vfmig_save_cmd,
						  work);
	struct vfmig_dev *vdev = cmd->vdev;
	struct vfmig_save_result res = { .err = status };

	if (status == -EREMOTEIO) {
		res.status = cmd_status(cmd->out);
		res.syndrome = cmd_syndrome(cmd->out);
	} else if (!status) {
		res.image_size = MLX5_GET(save_vhca_state_out, cmd->out,
					  actual_image_size);
		res.next_size = MLX5_GET(save_vhca_state_out, cmd->out,
					 next_required_umem_size);
	}
	cmd_note(vdev, MLX5_CMD_OP_SAVE_VHCA_STATE, 0, status, res.status,
		 res.syndrome, cmd->start);
	cmd->done(cmd, &res);
}

/**
 * vfmig_cmd_save_vhca_state - write the VF's state to memory
 * @vdev: the VF
 * @ctx: counts commands in flight, so that their end can be waited for
 * @cmd: lives until its @done has run; the caller sets @done
 * @kind: what of the state, and whether the VF is tracked from then on
 * @mkey: the memory
 * @size: its size
 *
 * Does not wait.  @done runs exactly once, in interrupt or process context,
 * unless an error is returned.
 *
 * Context: Process; state_lock held.
 * Return: 0, -ENOTCONN while the PF is detached, or a delivery error.
 */
int vfmig_cmd_save_vhca_state(struct vfmig_dev *vdev,
			      struct mlx5_async_ctx *ctx,
			      struct vfmig_save_cmd *cmd,
			      enum vfmig_save_kind kind, u32 mkey, u32 size)
{
	u32 in[MLX5_ST_SZ_DW(save_vhca_state_in)] = {};

	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached)
		return -ENOTCONN;

	MLX5_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	MLX5_SET(save_vhca_state_in, in, incremental,
		 kind == VFMIG_SAVE_NEXT || kind == VFMIG_SAVE_TRACK_NEXT);
	MLX5_SET(save_vhca_state_in, in, set_track,
		 kind == VFMIG_SAVE_TRACK || kind == VFMIG_SAVE_TRACK_NEXT);
	MLX5_SET(save_vhca_state_in, in, vhca_id, vdev->vhca_id);
	MLX5_SET(save_vhca_state_in, in, mkey, mkey);
	MLX5_SET(save_vhca_state_in, in, size, size);

	cmd->vdev = vdev;
	cmd->start = ktime_get();
	memset(cmd->out, 0, sizeof(cmd->out));
	return mlx5_cmd_exec_cb(ctx, in, sizeof(in), cmd->out,
				sizeof(cmd->out), save_callback, &cmd->work);
}

/**
 * vfmig_cmd_load_vhca_state - give the suspended VF a state from memory
 * @vdev: the VF
 * @mkey: the memory
 * @size: bytes of the image
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_load_vhca_state(struct vfmig_dev *vdev, u32 mkey, u32 size)
{
	u32 out[MLX5_ST_SZ_DW(load_vhca_state_out)] = {};
	u32 in[MLX5_ST_SZ_DW(load_vhca_state_in)] = {};

	MLX5_SET(load_vhca_state_in, in, opcode, MLX5_CMD_OP_LOAD_VHCA_STATE);
	MLX5_SET(load_vhca_state_in, in, vhca_id, vdev->vhca_id);
	MLX5_SET(load_vhca_state_in, in, mkey, mkey);
	MLX5_SET(load_vhca_state_in, in, size, size);

	return cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_alloc_pd - get a protection domain for a session's memory
 * @vdev: the VF
 * @pdn: its number
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_alloc_pd(struct vfmig_dev *vdev, u32 *pdn)
{
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached)
		return -ENOTCONN;

	err = mlx5_core_alloc_pd(vdev->mdev, pdn);
	cmd_note(vdev, MLX5_CMD_OP_ALLOC_PD, 0, err, 0, 0, start);
	return err;
}

/**
 * vfmig_cmd_dealloc_pd - give a protection domain back
 * @vdev: the VF, not detached
 * @pdn: its number
 *
 * Cannot fail for the caller: what the firmware refuses to take back is its
 * own loss, and mlx5_core logs it.
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_cmd_dealloc_pd(struct vfmig_dev *vdev, u32 pdn)
{
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&vdev->state_lock);
	err = mlx5_core_dealloc_pd(vdev->mdev, pdn);
	cmd_note(vdev, MLX5_CMD_OP_DEALLOC_PD, 0, err, 0, 0, start);
}

/**
 * vfmig_cmd_create_mkey - let the firmware reach mapped pages
 * @vdev: the VF
 * @pdn: the protection domain
 * @sgt: the pages, mapped for the PF's device
 * @npages: how many
 * @mkey: the key; offset 0 is the first byte
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno.
 */
int vfmig_cmd_create_mkey(struct vfmig_dev *vdev, u32 pdn,
			  struct sg_table *sgt, u32 npages, u32 *mkey)
{
	/* An octword, 16 bytes, holds two translations. */
	size_t inlen = MLX5_ST_SZ_BYTES(create_mkey_in) +
		       round_up(npages, 2) * sizeof(__be64);
	void *in __free(kvfree) = kvzalloc(inlen, GFP_KERNEL_ACCOUNT);
	struct sg_dma_page_iter iter;
	ktime_t start = ktime_get();
	__be64 *mtt;
	void *mkc;
	u32 i = 0;
	int err;

	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached)
		return -ENOTCONN;
	if (!in)
		return -ENOMEM;

	MLX5_SET(create_mkey_in, in, translations_octword_actual_size,
		 DIV_ROUND_UP(npages, 2));
	mkc = MLX5_ADDR_OF(create_mkey_in, in, memory_key_mkey_entry);
	MLX5_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	MLX5_SET(mkc, mkc, lr, 1);
	MLX5_SET(mkc, mkc, lw, 1);
	MLX5_SET(mkc, mkc, rr, 1);
	MLX5_SET(mkc, mkc, rw, 1);
	MLX5_SET(mkc, mkc, pd, pdn);
	MLX5_SET(mkc, mkc, qpn, 0xffffff);
	MLX5_SET(mkc, mkc, translations_octword_size, DIV_ROUND_UP(npages, 2));
	MLX5_SET(mkc, mkc, log_page_size, PAGE_SHIFT);
	MLX5_SET64(mkc, mkc, len, (u64)npages << PAGE_SHIFT);

	mtt = MLX5_ADDR_OF(create_mkey_in, in, klm_pas_mtt);
	for_each_sgtable_dma_page(sgt, &iter, 0)
		mtt[i++] = cpu_to_be64(sg_page_iter_dma_address(&iter));

	err = mlx5_core_create_mkey(vdev->mdev, mkey, in, inlen);
	cmd_note(vdev, MLX5_CMD_OP_CREATE_MKEY, 0, err, 0, 0, start);
	return err;
}

/**
 * vfmig_cmd_destroy_mkey - take memory away from the firmware
 * @vdev: the VF, not detached
 * @mkey: the key
 *
 * Cannot fail for the caller, as vfmig_cmd_dealloc_pd().
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 */
void vfmig_cmd_destroy_mkey(struct vfmig_dev *vdev, u32 mkey)
{
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&vdev->state_lock);
	err = mlx5_core_destroy_mkey(vdev->mdev, mkey);
	cmd_note(vdev, MLX5_CMD_OP_DESTROY_MKEY, 0, err, 0, 0, start);
}
