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
	case MLX5_CMD_OP_CREATE_QP: return "CREATE_QP";
	case MLX5_CMD_OP_DESTROY_QP: return "DESTROY_QP";
	case MLX5_CMD_OP_RST2INIT_QP: return "RST2INIT_QP";
	case MLX5_CMD_OP_INIT2RTR_QP: return "INIT2RTR_QP";
	case MLX5_CMD_OP_RTR2RTS_QP: return "RTR2RTS_QP";
	case MLX5_CMD_OP_CREATE_GENERAL_OBJECT: return "CREATE_GENERAL_OBJECT";
	case MLX5_CMD_OP_MODIFY_GENERAL_OBJECT: return "MODIFY_GENERAL_OBJECT";
	case MLX5_CMD_OP_QUERY_GENERAL_OBJECT: return "QUERY_GENERAL_OBJECT";
	case MLX5_CMD_OP_DESTROY_GENERAL_OBJECT: return "DESTROY_GENERAL_OBJECT";
	}
	return "command";
}

/*
 * May a command that has failed have been executed all the same?  Not if it was
 * refused, or never got to the firmware.
 */
static bool cmd_may_be_done(int err)
{
	switch (err) {
	case 0:
	/* refused, with a status, or as it was delivered */
	case -EREMOTEIO:
	case -EBADR:
	case -EFAULT:
	case -ENOMSG:
	case -EINVAL:
	/* not sent */
	case -ENOTCONN:
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
	case -ECANCELED:
	case -EALREADY:
		return false;
	}
	return true;
}

/* A command has ended, well or not: trace it, count it. */
static void cmd_note(struct vfmig_dev *vdev, u16 op, u16 op_mod, int err,
		     u32 status, u32 syndrome, ktime_t start)
{
	s64 ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	trace_vfmig_cmd(vdev, op, op_mod, err, status, syndrome, ns);
	vfmig_stat_inc(vdev, VFMIG_STAT_CMDS);
	vfmig_stat_add(vdev, VFMIG_STAT_CMD_NS, ns);
}

static void cmd_failed(struct vfmig_dev *vdev, u16 op, u16 op_mod, int err,
		       u32 status, u32 syndrome)
{
	vfmig_stat_inc(vdev, VFMIG_STAT_CMDS_FAILED);
	vfmig_remember(vdev, "%s(0x%x) op_mod 0x%x: error %d, status 0x%x, syndrome 0x%x",
		       cmd_name(op), op, op_mod, err, status, syndrome);
}

/**
 * vfmig_vf_enabled - does the PF say that the firmware knows the VF?
 * @vdev: the VF, not detached
 *
 * The PF's notice that it enables a VF comes before it does so
 * (mlx5_device_enable_sriov() of mlx5_core), and no second one tells when it is
 * done.  Until then the firmware refuses every command about the VF.
 *
 * Context: Any; under a lock that keeps the VF attached.
 */
bool vfmig_vf_enabled(struct vfmig_dev *vdev)
{
	return READ_ONCE(vdev->mdev->priv.sriov.vfs_ctx[vdev->vf_id].enabled);
}

/**
 * vfmig_cmd_send - send a command and wait for its answer
 * @vdev: the VF
 * @in: the command
 * @inlen: its size
 * @out: for the answer
 * @outlen: room for it
 * @fine: a status that is no failure to the caller, or 0
 *
 * For fwcmd.c and fwcmd_track.c, each of which has a lock of its own under
 * which the PF stays.  Traces and counts the command, and remembers how it has
 * failed; nothing is logged.
 *
 * Context: Process.
 * Return: 0, -EREMOTEIO if the firmware has refused it and @out says why, or
 * the error of mlx5_core.
 */
int vfmig_cmd_send(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		   int outlen, u8 fine)
{
	u16 op_mod = MLX5_GET(suspend_vhca_in, in, op_mod);
	u16 op = MLX5_GET(suspend_vhca_in, in, opcode);
	u32 status = 0, syndrome = 0;
	ktime_t start = ktime_get();
	int err;

	err = mlx5_cmd_do(vdev->mdev, in, inlen, out, outlen);
	if (err == -EREMOTEIO) {
		status = cmd_status(out);
		syndrome = cmd_syndrome(out);
	}
	cmd_note(vdev, op, op_mod, err, status, syndrome, start);
	if (err && (!fine || status != fine))
		cmd_failed(vdev, op, op_mod, err, status, syndrome);
	return err;
}

/* The same under state_lock, which has to be held. */
static int cmd_do(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		  int outlen, u8 fine)
{
	lockdep_assert_held(&vdev->state_lock);
	if (vdev->detached || !vfmig_vf_enabled(vdev))
		return -ENOTCONN;
	return vfmig_cmd_send(vdev, in, inlen, out, outlen, fine);
}

/* The same with a refusal logged by mlx5_core and turned into an errno. */
static int cmd_exec(struct vfmig_dev *vdev, void *in, int inlen, void *out,
		    int outlen)
{
	int err = cmd_do(vdev, in, inlen, out, outlen, 0);

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

	err = cmd_do(vdev, in, sizeof(in), out, outlen, 0);
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

/* SUSPEND_VHCA or RESUME_VHCA, which differ in nothing but the opcode. */
static int cmd_move(struct vfmig_dev *vdev, u16 op, u16 op_mod,
		    enum vfmig_move_how how, bool *unsure)
{
	u32 out[MLX5_ST_SZ_DW(suspend_vhca_out)] = {};
	u32 in[MLX5_ST_SZ_DW(suspend_vhca_in)] = {};
	u8 fine = how == VFMIG_MOVE_MAYBE_DONE ?
		MLX5_CMD_STAT_BAD_RES_STATE_ERR : 0;
	int err;

	MLX5_SET(suspend_vhca_in, in, opcode, op);
	MLX5_SET(suspend_vhca_in, in, op_mod, op_mod);
	MLX5_SET(suspend_vhca_in, in, vhca_id, vdev->vhca_id);

	err = cmd_do(vdev, in, sizeof(in), out, sizeof(out), fine);
	*unsure = cmd_may_be_done(err);
	if (err == -ENOTCONN)
		return err;
	if (err == -EREMOTEIO &&
	    cmd_status(out) == MLX5_CMD_STAT_BAD_RES_STATE_ERR) {
		if (how == VFMIG_MOVE_MAYBE_DONE)
			return 0;
		/* The firmware does not think of the VF as we do. */
		*unsure = true;
	}
	return mlx5_cmd_check(vdev->mdev, err, in, out);
}

static_assert(MLX5_ST_SZ_BYTES(suspend_vhca_in) ==
	      MLX5_ST_SZ_BYTES(resume_vhca_in));
static_assert(__mlx5_bit_off(suspend_vhca_in, vhca_id) ==
	      __mlx5_bit_off(resume_vhca_in, vhca_id));

/**
 * vfmig_cmd_suspend_vhca - stop one side of the VF
 * @vdev: the VF
 * @side: the initiator first, then the responder
 * @how: whether "it is suspended already" counts as a success
 * @unsure: set on failure: whether it may be suspended all the same
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_suspend_vhca(struct vfmig_dev *vdev, enum vfmig_side side,
			   enum vfmig_move_how how, bool *unsure)
{
	u16 op_mod = side == VFMIG_INITIATOR ?
		MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR :
		MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_RESPONDER;

	return cmd_move(vdev, MLX5_CMD_OP_SUSPEND_VHCA, op_mod, how, unsure);
}

/**
 * vfmig_cmd_resume_vhca - let one side of the VF run again
 * @vdev: the VF
 * @side: the responder first, then the initiator
 * @how: whether "it is not suspended" counts as a success
 * @unsure: set on failure: whether it may be running all the same
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOTCONN while the PF is detached, or the firmware's errno.
 */
int vfmig_cmd_resume_vhca(struct vfmig_dev *vdev, enum vfmig_side side,
			  enum vfmig_move_how how, bool *unsure)
{
	u16 op_mod = side == VFMIG_INITIATOR ?
		MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR :
		MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER;

	return cmd_move(vdev, MLX5_CMD_OP_RESUME_VHCA, op_mod, how, unsure);
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
	struct vfmig_save_result res = {
		.err = status,
		.unsure = cmd_may_be_done(status),
	};

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
	if (status)
		cmd_failed(vdev, MLX5_CMD_OP_SAVE_VHCA_STATE, 0, status,
			   res.status, res.syndrome);
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
	if (vdev->detached || !vfmig_vf_enabled(vdev))
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
	u32 out[MLX5_ST_SZ_DW(dealloc_pd_out)] = {};
	u32 in[MLX5_ST_SZ_DW(dealloc_pd_in)] = {};

	MLX5_SET(dealloc_pd_in, in, opcode, MLX5_CMD_OP_DEALLOC_PD);
	MLX5_SET(dealloc_pd_in, in, pd, pdn);
	cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
}

/**
 * vfmig_cmd_mkey_alloc - a CREATE_MKEY command for a key over pages
 * @pdn: the protection domain
 * @len: bytes in them
 * @log_page: size of each, as a power of 2
 * @remote: reachable from elsewhere too
 * @inlen: its size
 * @mtt: where the addresses of the pages have to go
 *
 * Context: Process.
 * Return: The command, for kvfree(), or NULL.
 */
void *vfmig_cmd_mkey_alloc(u32 pdn, u64 len, unsigned int log_page,
			   bool remote, size_t *inlen, __be64 **mtt)
{
	u32 npages = (len + BIT(log_page) - 1) >> log_page;
	/* An octword, 16 bytes, holds two translations. */
	u32 octwords = DIV_ROUND_UP(npages, 2);
	void *mkc;
	void *in;

	*inlen = MLX5_ST_SZ_BYTES(create_mkey_in) + (size_t)octwords * 16;
	in = kvzalloc(*inlen, GFP_KERNEL_ACCOUNT);
	if (!in)
		return NULL;

	MLX5_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	MLX5_SET(create_mkey_in, in, translations_octword_actual_size,
		 octwords);
	mkc = MLX5_ADDR_OF(create_mkey_in, in, memory_key_mkey_entry);
	MLX5_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	MLX5_SET(mkc, mkc, lr, 1);
	MLX5_SET(mkc, mkc, lw, 1);
	MLX5_SET(mkc, mkc, rr, remote);
	MLX5_SET(mkc, mkc, rw, remote);
	MLX5_SET(mkc, mkc, pd, pdn);
	MLX5_SET(mkc, mkc, qpn, 0xffffff);
	MLX5_SET(mkc, mkc, translations_octword_size, octwords);
	MLX5_SET(mkc, mkc, log_page_size, log_page);
	MLX5_SET64(mkc, mkc, len, len);
	*mtt = MLX5_ADDR_OF(create_mkey_in, in, klm_pas_mtt);
	return in;
}

/* The largest page in which all of a mapping can be told, as a power of 2. */
static unsigned int mkey_log_page(struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 bits = BIT_ULL(VFMIG_MKEY_MAX_LOG_PAGE);
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		bits |= sg_dma_address(sg);
		/* What follows the last one is kept out by the key's length. */
		if (i + 1 < sgt->nents)
			bits |= sg_dma_len(sg);
	}
	return __ffs64(bits);
}

/**
 * vfmig_cmd_create_mkey - let the firmware reach mapped pages
 * @vdev: the VF
 * @pdn: the protection domain
 * @sgt: the pages, mapped for the PF's device
 * @len: bytes in them, a multiple of PAGE_SIZE, not 0
 * @mkey: the key; offset 0 is the first byte
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0, -ENOMEM, -ENOTCONN while the PF is detached, or the firmware's
 * errno.
 */
int vfmig_cmd_create_mkey(struct vfmig_dev *vdev, u32 pdn,
			  struct sg_table *sgt, u64 len, u32 *mkey)
{
	unsigned int log_page = mkey_log_page(sgt);
	u32 out[MLX5_ST_SZ_DW(create_mkey_out)] = {};
	struct scatterlist *sg;
	unsigned int i;
	size_t inlen;
	__be64 *mtt;
	u64 off;
	int err;

	void *in __free(kvfree) = vfmig_cmd_mkey_alloc(pdn, len, log_page, true,
						       &inlen, &mtt);
	if (!in)
		return -ENOMEM;
	for_each_sgtable_dma_sg(sgt, sg, i)
		for (off = 0; off < sg_dma_len(sg); off += BIT(log_page))
			*mtt++ = cpu_to_be64(sg_dma_address(sg) + off);

	err = cmd_exec(vdev, in, inlen, out, sizeof(out));
	if (!err)
		*mkey = mlx5_idx_to_mkey(MLX5_GET(create_mkey_out, out,
						  mkey_index));
	return err;
}

/**
 * vfmig_cmd_destroy_mkey - take memory away from the firmware
 * @vdev: the VF, not detached
 * @mkey: the key
 *
 * Context: Process; state_lock held.  Waits for the firmware.
 * Return: 0 if the firmware does not reach the memory any more; else the
 * firmware's errno.
 */
int vfmig_cmd_destroy_mkey(struct vfmig_dev *vdev, u32 mkey)
{
	u32 out[MLX5_ST_SZ_DW(destroy_mkey_out)] = {};
	u32 in[MLX5_ST_SZ_DW(destroy_mkey_in)] = {};
	int err;

	MLX5_SET(destroy_mkey_in, in, opcode, MLX5_CMD_OP_DESTROY_MKEY);
	MLX5_SET(destroy_mkey_in, in, mkey_index, mlx5_mkey_to_idx(mkey));
	err = cmd_exec(vdev, in, sizeof(in), out, sizeof(out));
	/* The device is down, and will be reset before it is used again. */
	return err == -ENXIO ? 0 : err;
}
