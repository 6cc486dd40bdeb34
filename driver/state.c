// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration state machine: which arcs there are, and the one function that
 * moves along them.
 *
 * DOC: arcs
 *
 *	             stop initiator                stop responder
 *	  RUNNING <-----------------> RUNNING_P2P <---------------> STOP
 *	   ^ |       start initiator   ^ |         start responder   ^^
 *	   | | open,                   | | open                      ||
 *	   | | cancel a session        | | cancel                    ||
 *	   | v                         | v         stop responder,   ||
 *	 PRE_COPY <-------------> PRE_COPY_P2P     save the rest     ||
 *	             initiator           +---------------> STOP_COPY ||
 *	                                                      ^ |    ||
 *	                            open / cancel a session   | +----+|
 *	                                                      +------ |
 *	                            open / finish a resuming session  |
 *	                RESUMING  <-----------------------------------+
 *
 * Longer ways are put together by vfio_mig_get_next_state().  With the module
 * parameter p2p off, RUNNING and STOP are joined directly, and so are PRE_COPY
 * and STOP_COPY; with precopy off, the pre-copy states are not there.
 *
 * No SAVE with tracking is in flight when a side is stopped or a session is
 * cancelled: the arc waits for it first, before it touches the VF.
 *
 * A request that fails on its way down is taken back as far as it can be: a VF
 * that ran before a failed request for STOP_COPY runs on after it.  On its way
 * up a request stays where it failed, and the user may try again.
 *
 * Which sides are suspended follows from the state.  A command that gets no
 * answer may have been executed or not; it is taken for both until another one
 * has told.  Where sides and state do not agree, because taking back has failed
 * too, the next request sets that right before it does anything else.
 *
 * What a saving session needs when the VF has stopped is made before: with
 * pre-copy by the session itself, without when the VF leaves RUNNING in the
 * direction of STOP.
 *
 * Two things come from outside.  A reset ends every session and leads to
 * RUNNING from everywhere; see vfmig.h for how it gets here.  A detach of the
 * PF ends every session, keeps the state, and has every arc that needs the
 * firmware refused with -ENOTCONN until the PF is back.
 */
#include <linux/ktime.h>

#include "vfmig.h"
#include "trace.h"

#define STATE(name)	VFIO_DEVICE_STATE_##name

/* The sides that are suspended in a state. */
static unsigned long sides_of(enum vfio_device_mig_state state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY:
		return 0;
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return BIT(VFMIG_INITIATOR);
	default:
		return BIT(VFMIG_INITIATOR) | BIT(VFMIG_RESPONDER);
	}
}

static enum vfmig_move_how move_how(struct vfmig_dev *vdev,
				    enum vfmig_side side)
{
	return vdev->unsure & BIT(side) ? VFMIG_MOVE_MAYBE_DONE :
					  VFMIG_MOVE_STRICT;
}

/* A command for a side has ended.  @unsure: nobody knows how. */
static void note_side(struct vfmig_dev *vdev, enum vfmig_side side, int err,
		      bool unsure, bool stop)
{
	if (err && unsure)
		vdev->unsure |= BIT(side);
	if (!err) {
		vdev->unsure &= ~BIT(side);
		__assign_bit(side, &vdev->stopped, stop);
	}
	if (stop && (!err || unsure) && READ_ONCE(vdev->reset_flags))
		vdev->raced = true;
}

static int stop_side(struct vfmig_dev *vdev, enum vfmig_side side)
{
	bool unsure;
	int err;

	if (vdev->stopped & ~vdev->unsure & BIT(side))
		return 0;
	err = vfmig_cmd_suspend_vhca(vdev, side, move_how(vdev, side), &unsure);
	note_side(vdev, side, err, unsure, true);
	return err;
}

static int start_side(struct vfmig_dev *vdev, enum vfmig_side side)
{
	bool unsure;
	int err;

	if (!((vdev->stopped | vdev->unsure) & BIT(side)))
		return 0;
	err = vfmig_cmd_resume_vhca(vdev, side, move_how(vdev, side), &unsure);
	note_side(vdev, side, err, unsure, false);
	return err;
}

/* Suspend and resume until just the sides of @state are suspended. */
static int set_sides(struct vfmig_dev *vdev, enum vfio_device_mig_state state)
{
	unsigned long want = sides_of(state);
	int err = 0;

	if (want & BIT(VFMIG_INITIATOR))
		err = stop_side(vdev, VFMIG_INITIATOR);
	if (!err && want & BIT(VFMIG_RESPONDER))
		err = stop_side(vdev, VFMIG_RESPONDER);
	if (!err && !(want & BIT(VFMIG_RESPONDER)))
		err = start_side(vdev, VFMIG_RESPONDER);
	if (!err && !(want & BIT(VFMIG_INITIATOR)))
		err = start_side(vdev, VFMIG_INITIATOR);
	return err;
}

/* A move along an arc, in its direction or back. */
struct vfmig_move {
	enum vfio_device_mig_state from;
	enum vfio_device_mig_state to;
	struct file *filp;		/* for the user, or NULL */
};

/* What cannot be taken back here is set right by the next request. */
static int arc_sides(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	int err = set_sides(vdev, move->to);

	if (err)
		set_sides(vdev, move->from);
	return err;
}

static int save_open(struct vfmig_dev *vdev, enum vfmig_save_when when,
		     struct vfmig_move *move)
{
	struct file *file = vfmig_save_open(vdev, when);

	if (IS_ERR(file))
		return PTR_ERR(file);
	move->filp = file;
	return 0;
}

static int arc_save_open(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	return save_open(vdev, VFMIG_SAVE_STOPPED, move);
}

static int arc_precopy_open(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	return save_open(vdev, VFMIG_SAVE_RUNNING, move);
}

static int arc_precopy_open_quiet(struct vfmig_dev *vdev,
				  struct vfmig_move *move)
{
	return save_open(vdev, VFMIG_SAVE_QUIET, move);
}

static int arc_save_cancel(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	return vfmig_save_cancel(vdev);
}

static int arc_precopy_stop_initiator(struct vfmig_dev *vdev,
				      struct vfmig_move *move)
{
	int err = vfmig_save_settle(vdev);

	if (err)
		return err;
	vfmig_save_reserve(vdev);
	return arc_sides(vdev, move);
}

static int arc_precopy_start_initiator(struct vfmig_dev *vdev,
				       struct vfmig_move *move)
{
	int err = arc_sides(vdev, move);

	if (!err)
		vfmig_save_track(vdev);
	return err;
}

static int arc_precopy_finish_p2p(struct vfmig_dev *vdev,
				  struct vfmig_move *move)
{
	int err = vfmig_save_settle(vdev);

	if (!err)
		err = arc_sides(vdev, move);
	if (err)
		return err;
	err = vfmig_save_finish(vdev);
	if (err)
		set_sides(vdev, move->from);
	return err;
}

static int arc_precopy_finish(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	int err = vfmig_save_settle(vdev);

	if (err)
		return err;
	vfmig_save_reserve(vdev);
	return arc_precopy_finish_p2p(vdev, move);
}

static int arc_resume_open(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	struct file *file = vfmig_resume_open(vdev);

	if (IS_ERR(file))
		return PTR_ERR(file);
	move->filp = file;
	return 0;
}

static int arc_resume_finish(struct vfmig_dev *vdev, struct vfmig_move *move)
{
	return vfmig_resume_finish(vdev);
}

typedef int (*vfmig_arc_fn)(struct vfmig_dev *vdev, struct vfmig_move *move);

/* @go either happens whole or fails without effect; @undo takes it back. */
struct vfmig_arc {
	enum vfio_device_mig_state from;
	enum vfio_device_mig_state to;
	vfmig_arc_fn go;
	vfmig_arc_fn undo;
};

static const struct vfmig_arc vfmig_arcs[] = {
	{ STATE(RUNNING), STATE(RUNNING_P2P), arc_sides, arc_sides },
	{ STATE(RUNNING_P2P), STATE(STOP), arc_sides, arc_sides },
	{ STATE(STOP), STATE(RUNNING_P2P), arc_sides },
	{ STATE(RUNNING_P2P), STATE(RUNNING), arc_sides },

	{ STATE(STOP), STATE(STOP_COPY), arc_save_open },
	{ STATE(STOP_COPY), STATE(STOP), arc_save_cancel },

	{ STATE(RUNNING), STATE(PRE_COPY),
	  arc_precopy_open, arc_save_cancel },
	{ STATE(PRE_COPY), STATE(RUNNING), arc_save_cancel },
	{ STATE(RUNNING_P2P), STATE(PRE_COPY_P2P),
	  arc_precopy_open_quiet, arc_save_cancel },
	{ STATE(PRE_COPY_P2P), STATE(RUNNING_P2P), arc_save_cancel },
	{ STATE(PRE_COPY), STATE(PRE_COPY_P2P),
	  arc_precopy_stop_initiator, arc_precopy_start_initiator },
	{ STATE(PRE_COPY_P2P), STATE(PRE_COPY), arc_precopy_start_initiator },
	{ STATE(PRE_COPY_P2P), STATE(STOP_COPY), arc_precopy_finish_p2p },

	{ STATE(STOP), STATE(RESUMING), arc_resume_open },
	{ STATE(RESUMING), STATE(STOP), arc_resume_finish },

	/* without P2P */
	{ STATE(RUNNING), STATE(STOP), arc_sides, arc_sides },
	{ STATE(STOP), STATE(RUNNING), arc_sides },
	{ STATE(PRE_COPY), STATE(STOP_COPY), arc_precopy_finish },
};

static const struct vfmig_arc *find_arc(enum vfio_device_mig_state from,
					enum vfio_device_mig_state to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vfmig_arcs); i++)
		if (vfmig_arcs[i].from == from && vfmig_arcs[i].to == to)
			return &vfmig_arcs[i];
	return NULL;
}

static void note_arc(struct vfmig_dev *vdev, const struct vfmig_arc *arc,
		     bool undo, int err)
{
	if (undo)
		vfmig_stat_inc(vdev, VFMIG_STAT_ARCS_UNDONE);
	else
		vfmig_stat_inc(vdev, VFMIG_STAT_ARCS);
	if (err)
		vfmig_stat_inc(vdev, VFMIG_STAT_ARCS_FAILED);
}

/* Walk one arc, in its own direction or back. */
static int walk_arc(struct vfmig_dev *vdev, const struct vfmig_arc *arc,
		    bool undo, struct file **filp)
{
	struct vfmig_move move = {
		.from = undo ? arc->to : arc->from,
		.to = undo ? arc->from : arc->to,
	};
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&vdev->state_lock);
	/* What a reset has undone must not be done again behind its back. */
	if (READ_ONCE(vdev->reset_flags))
		return -ECANCELED;

	err = (undo ? arc->undo : arc->go)(vdev, &move);
	if (!err) {
		vdev->mig_state = move.to;
		*filp = move.filp;
	}
	note_arc(vdev, arc, undo, err);
	trace_vfmig_arc(vdev, move.from, move.to, undo, err,
			ktime_to_ns(ktime_sub(ktime_get(), start)));
	return err;
}

/* No combination takes more arcs than there are states. */
#define VFMIG_MAX_PATH	VFIO_DEVICE_STATE_PRE_COPY_P2P

/* States on the way to a session without pre-copy. */
static bool leads_to_stop_copy(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_RUNNING_P2P ||
	       state == VFIO_DEVICE_STATE_STOP ||
	       state == VFIO_DEVICE_STATE_STOP_COPY;
}

/* The VF is about to stop, and nobody is saving it. */
static bool may_prepare(struct vfmig_dev *vdev, enum vfio_device_mig_state next,
			enum vfio_device_mig_state to)
{
	return !vdev->save && !(vdev->stopped & BIT(VFMIG_RESPONDER)) &&
	       leads_to_stop_copy(next) && leads_to_stop_copy(to);
}

/*
 * Make sides and state agree.  Sides that should not run and may do so, after a
 * detach of the PF, are a matter of the arcs.
 */
static int set_right(struct vfmig_dev *vdev)
{
	unsigned long want = sides_of(vdev->mig_state);

	if (vdev->stopped == want && !(vdev->unsure & ~want))
		return 0;
	/* As in walk_arc(). */
	if (READ_ONCE(vdev->reset_flags))
		return -ECANCELED;
	return set_sides(vdev, vdev->mig_state);
}

/* Walk to @to; on failure as far back as possible. */
static int walk_path(struct vfmig_dev *vdev, enum vfio_device_mig_state to,
		     struct file **filp)
{
	const struct vfmig_arc *path[VFMIG_MAX_PATH];
	struct file *none = NULL;
	unsigned int n = 0;
	int err;

	err = set_right(vdev);
	if (err)
		return err;
	while (vdev->mig_state != to) {
		enum vfio_device_mig_state next;
		const struct vfmig_arc *arc;

		err = vfio_mig_get_next_state(&vdev->core.vdev, vdev->mig_state,
					      to, &next);
		if (err)
			break;
		arc = find_arc(vdev->mig_state, next);
		if (WARN_ON_ONCE(!arc || *filp || n == ARRAY_SIZE(path))) {
			err = -EINVAL;
			break;
		}
		if (may_prepare(vdev, next, to) && (!n || !vdev->prepared))
			vfmig_save_prepare(vdev);
		err = walk_arc(vdev, arc, false, filp);
		if (err)
			break;
		path[n++] = arc;
	}
	if (!err)
		return 0;
	while (n && path[n - 1]->undo &&
	       !walk_arc(vdev, path[n - 1], true, &none))
		n--;
	return err;
}

static struct file *vfmig_set_state(struct vfio_device *core_vdev,
				    enum vfio_device_mig_state to)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	struct file *filp = NULL;
	int err;

	guard(vfmig_state)(vdev);
	err = walk_path(vdev, to, &filp);
	if (!leads_to_stop_copy(vdev->mig_state))
		vfmig_save_unprepare(vdev);
	if (!err)
		return filp;
	if (filp)
		fput(filp);
	return ERR_PTR(err);
}

static int vfmig_get_state(struct vfio_device *core_vdev,
			   enum vfio_device_mig_state *state)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);

	guard(vfmig_state)(vdev);
	*state = vdev->mig_state;
	return 0;
}

static int vfmig_get_data_size(struct vfio_device *core_vdev,
			       unsigned long *stop_copy_length)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	u64 size;
	int err;

	guard(vfmig_state)(vdev);
	err = vfmig_save_data_size(vdev, &size);
	if (err)
		return err;
	*stop_copy_length = size;
	return 0;
}

const struct vfio_migration_ops vfmig_mig_ops = {
	.migration_set_state = vfmig_set_state,
	.migration_get_state = vfmig_get_state,
	.migration_get_data_size = vfmig_get_data_size,
};

static void end_sessions(struct vfmig_dev *vdev)
{
	vfmig_resume_end(vdev);
	vfmig_save_end(vdev);
	vfmig_save_unprepare(vdev);
}

/* Start whatever may be stopped, and do not mind if it is not. */
static void start_quietly(struct vfmig_dev *vdev)
{
	vdev->unsure |= vdev->stopped;
	start_side(vdev, VFMIG_RESPONDER);
	start_side(vdev, VFMIG_INITIATOR);
	vdev->stopped = 0;
	vdev->unsure = 0;
}

/* Consume the mark of a reset, if there is one. */
static void consume_reset(struct vfmig_dev *vdev)
{
	lockdep_assert_held(&vdev->state_lock);
	if (!vfmig_reset_is_pending(vdev))
		return;

	trace_vfmig_reset(vdev, vdev->mig_state);
	vfmig_stat_inc(vdev, VFMIG_STAT_RESETS);
	vdev->mig_state = VFIO_DEVICE_STATE_RUNNING;
	end_sessions(vdev);
	if (vdev->raced)
		start_quietly(vdev);
	vdev->raced = false;
	vdev->stopped = 0;
	vdev->unsure = 0;
	/*
	 * Last, because read() and write() go by the mark until the sessions
	 * are dead.  A reset that came since finds its work done.
	 */
	clear_bit(VFMIG_RESET_DONE, &vdev->reset_flags);
}

/**
 * vfmig_state_lock - take state_lock; use the guard instead
 * @vdev: the VF
 *
 * A reset that has come before is dealt with first, so the holder never sees a
 * state or a session from before it.
 *
 * Context: Process; no lock of this driver held but write_lock.
 */
void vfmig_state_lock(struct vfmig_dev *vdev)
{
	mutex_lock(&vdev->state_lock);
	consume_reset(vdev);
}

/**
 * vfmig_state_unlock - release state_lock; use the guard instead
 * @vdev: the VF
 *
 * A reset that came while the lock was held is dealt with before.  One that
 * comes right now finds the work item queued by vfmig_state_reset_done().
 *
 * Context: Process; state_lock held.
 */
void vfmig_state_unlock(struct vfmig_dev *vdev)
{
	consume_reset(vdev);
	mutex_unlock(&vdev->state_lock);
}

/**
 * vfmig_state_reset_prepare - the VF is about to be reset
 * @vdev: the VF
 *
 * From here on no arc starts, and one under way is known to race.
 *
 * Context: Any; VFIO holds locks under which state_lock may not be taken.
 */
void vfmig_state_reset_prepare(struct vfmig_dev *vdev)
{
	set_bit(VFMIG_RESETTING, &vdev->reset_flags);
}

/**
 * vfmig_state_reset_done - the VF has been reset
 * @vdev: the VF
 *
 * Only leaves a mark and sees to it that somebody finds it soon.
 *
 * Context: Any; VFIO holds locks under which state_lock may not be taken.
 */
void vfmig_state_reset_done(struct vfmig_dev *vdev)
{
	set_bit(VFMIG_RESET_DONE, &vdev->reset_flags);
	/* The mark first: at no time in between may the flags be all clear. */
	smp_mb__before_atomic();
	clear_bit(VFMIG_RESETTING, &vdev->reset_flags);
	queue_work(vdev->wq, &vdev->work);
}

/**
 * vfmig_state_work - what has to be done under state_lock by nobody's request
 * @work: vfmig_dev::work
 *
 * Context: Workqueue.
 */
void vfmig_state_work(struct work_struct *work)
{
	struct vfmig_dev *vdev = container_of(work, struct vfmig_dev, work);

	guard(vfmig_state)(vdev);
	vfmig_save_next(vdev);
	/* One image at a time, so that a request of the user finds its turn. */
	if (vfmig_resume_next(vdev))
		queue_work(vdev->wq, &vdev->work);
}

/**
 * vfmig_state_open - the device has been opened, and reset with it
 * @vdev: the VF
 *
 * Context: Process.
 */
void vfmig_state_open(struct vfmig_dev *vdev)
{
	guard(vfmig_state)(vdev);
	/* Nothing is stopped here unless the function cannot be reset. */
	start_quietly(vdev);
	vdev->mig_state = VFIO_DEVICE_STATE_RUNNING;
}

/**
 * vfmig_state_close - the device is being closed
 * @vdev: the VF
 *
 * The state stays; the reset that goes with closing and opening changes it.
 *
 * Context: Process.  Waits for the firmware.
 */
void vfmig_state_close(struct vfmig_dev *vdev)
{
	guard(vfmig_state)(vdev);
	end_sessions(vdev);
	if (!vdev->detached)
		vfmig_pool_drain(vdev);
}

/**
 * vfmig_state_attach - the PF is about to enable the VF
 * @vdev: the VF
 *
 * Context: Process.
 */
void vfmig_state_attach(struct vfmig_dev *vdev)
{
	guard(vfmig_state)(vdev);
	vdev->detached = false;
}

/**
 * vfmig_state_detach - the PF is about to disable the VF
 * @vdev: the VF
 *
 * Nothing of ours uses the PF once this returns.
 *
 * Context: Process.  Waits for the firmware.
 */
void vfmig_state_detach(struct vfmig_dev *vdev)
{
	guard(vfmig_state)(vdev);
	end_sessions(vdev);
	if (!vdev->detached)
		vfmig_pool_drain(vdev);
	vdev->detached = true;
	vdev->unsure |= vdev->stopped;
}
