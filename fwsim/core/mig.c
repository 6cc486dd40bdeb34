// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The five migration commands: which of them a VHCA accepts in which state, and what each does.
 *
 *	RUNNING  --SUSPEND initiator-->  INITIATOR_STOPPED  --SUSPEND responder-->  STOPPED
 *	         <--RESUME initiator---                     <--RESUME responder---
 *
 * They come on the PF's command queue and name a VF by its vhca_id. An image goes through a mkey of
 * the PF, so through the PF's address space; what is inside it is image.c's. Beside the state there
 * are two bits: tracking (the last SAVE asked for it) and track_failed (such a SAVE was refused).
 */
#include "core.h"
#include "image.h"

/* What a command asks of the state machine. The op_mods of SUSPEND and RESUME are swapped. */
enum mig_event {
	MIG_SUSPEND_INITIATOR,
	MIG_SUSPEND_RESPONDER,
	MIG_RESUME_RESPONDER,
	MIG_RESUME_INITIATOR,
	MIG_QUERY_FULL,
	MIG_QUERY_DELTA,
	MIG_SAVE_TRACK, /* set_track: an image of a VHCA that runs on */
	MIG_SAVE_FULL,	/* neither bit: a whole image, or the end of tracking */
	MIG_SAVE_DELTA, /* incremental only: the last image after tracked ones */
	MIG_LOAD,
	MIG_EVENTS
};

enum mig_answer {
	REFUSE,
	STAY,
	IF_TRACKING, /* stay; refused unless tracking */
	IF_TRIED,    /* stay; refused unless tracking, or a tracked SAVE has failed */
	END_TRACK,   /* as IF_TRIED, and writes no image */
	GO_RUNNING,
	GO_INITIATOR_STOPPED,
	GO_STOPPED,
};

static const struct mig_rule {
	const char *name;
	uint8_t answer[FWSIM_MIG_STOPPED + 1];
} mig_rules[MIG_EVENTS] = {
	/*				RUNNING	INITIATOR_STOPPED STOPPED */
	[MIG_SUSPEND_INITIATOR] = { "SUSPEND of the initiator",
				  { GO_INITIATOR_STOPPED, REFUSE, REFUSE } },
	[MIG_SUSPEND_RESPONDER] = { "SUSPEND of the responder",
				  { REFUSE, GO_STOPPED, REFUSE } },
	[MIG_RESUME_RESPONDER]	= { "RESUME of the responder",
				  { REFUSE, REFUSE, GO_INITIATOR_STOPPED } },
	[MIG_RESUME_INITIATOR]	= { "RESUME of the initiator",
				  { REFUSE, GO_RUNNING, REFUSE } },
	[MIG_QUERY_FULL]	= { "QUERY", { STAY, STAY, STAY } },
	[MIG_QUERY_DELTA]	= { "incremental QUERY", { IF_TRIED, IF_TRIED, IF_TRIED } },
	[MIG_SAVE_TRACK]	= { "SAVE with tracking", { STAY, REFUSE, REFUSE } },
	[MIG_SAVE_FULL]		= { "SAVE", { END_TRACK, END_TRACK, STAY } },
	[MIG_SAVE_DELTA]	= { "incremental SAVE", { REFUSE, REFUSE, IF_TRACKING } },
	[MIG_LOAD]		= { "LOAD", { REFUSE, REFUSE, STAY } },
};

static const char *const mig_state_name[] = {
	[FWSIM_MIG_RUNNING] = "running",
	[FWSIM_MIG_INITIATOR_STOPPED] = "initiator_stopped",
	[FWSIM_MIG_STOPPED] = "stopped",
};

/* Why a migration command was refused, in its syndrome. */
enum mig_synd {
	MIG_SYND_STATE = 0x115001,  /* not in this state */
	MIG_SYND_VHCA = 0x115002,   /* no such VHCA, or not one that migrates */
	MIG_SYND_OP_MOD = 0x115003,
	MIG_SYND_MKEY = 0x115004,   /* key, rights or bounds */
	MIG_SYND_SIZE = 0x115005,   /* buffer too small, image too large */
	MIG_SYND_DMA = 0x115006,    /* the bus refused */
	MIG_SYND_IMAGE = 0x115007,  /* the image itself */
	MIG_SYND_MEMORY = 0x115008,
};

/* Space that QUERY adds for what a VHCA that is not stopped may create before the SAVE comes. */
static uint64_t mig_slack(const struct fwsim_vhca *v, uint64_t size)
{
	return v->mig == FWSIM_MIG_STOPPED ? 0 : size / 16 + 64 * 1024;
}

/* All five inputs have the vhca_id in the same place. */
static enum ifc_status mig_target(struct fwsim_cmd *cmd, struct fwsim_vhca **target)
{
	uint16_t vhca_id = (uint16_t)IFC_GET(suspend_vhca_in, cmd->in, vhca_id);
	struct fwsim_vhca *v = fwsim_vhca_by_id(cmd->fw, vhca_id);

	if (cmd->fw->cfg.no_migration)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, MIG_SYND_VHCA, "this card does not migrate");
	if (v && v->fn == 0)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_VHCA,
				    "vhca_id 0x%x is a PF; only VFs migrate", vhca_id);
	if (!v || !v->pf_enabled)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, MIG_SYND_VHCA,
				    "vhca_id 0x%x is no enabled VHCA", vhca_id);
	*target = v;
	return IFC_ST_OK;
}

/* The one place where the state changes. */
static void mig_move(struct fwsim_vhca *v, enum fwsim_mig_state to)
{
	char text[64];

	snprintf(text, sizeof(text), "%s -> %s", mig_state_name[v->mig], mig_state_name[to]);
	fwsim_trace_simple(v, FWSIM_TRACE_STATE, v->mig, to, 0, text);
	if (v->mig == FWSIM_MIG_STOPPED)
		v->loaded = false;
	v->mig = to;
}

/*
 * A command whose effect is there and whose answer is due later is answered now: it cannot be done
 * again on the target, and nothing may be written once the VHCA has stopped.
 */
static void mig_finish_commands(struct fwsim_vhca *v)
{
	for (unsigned int slot = 0; slot < FWSIM_CMDQ_SLOTS; slot++) {
		struct fwsim_timer *t = v->cmd[slot] ? &v->cmd[slot]->timer : NULL;

		if (!t || !t->fn)
			continue;
		fwsim_timer_stop(v->fw, t);
		t->fn(v->fw, t->arg);
	}
}

/* Ask the table. On OK the state has moved, if the event moves it. */
static enum ifc_status mig_step(struct fwsim_cmd *cmd, struct fwsim_vhca *v, enum mig_event ev,
				enum mig_answer *answer)
{
	const struct mig_rule *rule = &mig_rules[ev];

	*answer = rule->answer[v->mig];
	switch (*answer) {
	case STAY:
		return IFC_ST_OK;
	case IF_TRACKING:
		if (v->tracking)
			return IFC_ST_OK;
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE,
				    "%s of a VHCA that is not tracked", rule->name);
	case IF_TRIED:
	case END_TRACK:
		if (v->tracking || v->track_failed)
			return IFC_ST_OK;
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE,
				    "%s in state %s of a VHCA that is not tracked", rule->name,
				    mig_state_name[v->mig]);
	case GO_RUNNING:
		mig_move(v, FWSIM_MIG_RUNNING);
		return IFC_ST_OK;
	case GO_INITIATOR_STOPPED:
		if (v->mig == FWSIM_MIG_RUNNING)
			mig_finish_commands(v);
		mig_move(v, FWSIM_MIG_INITIATOR_STOPPED);
		return IFC_ST_OK;
	case GO_STOPPED:
		mig_move(v, FWSIM_MIG_STOPPED);
		return IFC_ST_OK;
	case REFUSE:
		break;
	}
	return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE, "%s in state %s",
			    rule->name, mig_state_name[v->mig]);
}

static enum ifc_status mig_move_cmd(struct fwsim_cmd *cmd, enum mig_event ev)
{
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK)
		st = mig_step(cmd, v, ev, &answer);
	if (st == IFC_ST_OK && answer == GO_RUNNING)
		fwsim_vhca_rescan(v);
	return st;
}

enum ifc_status fwsim_cmd_suspend_vhca(struct fwsim_cmd *cmd)
{
	switch (cmd->op_mod) {
	case MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR:
		return mig_move_cmd(cmd, MIG_SUSPEND_INITIATOR);
	case MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_RESPONDER:
		return mig_move_cmd(cmd, MIG_SUSPEND_RESPONDER);
	}
	return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_OP_MOD,
			    "SUSPEND_VHCA has no op_mod 0x%x", cmd->op_mod);
}

enum ifc_status fwsim_cmd_resume_vhca(struct fwsim_cmd *cmd)
{
	switch (cmd->op_mod) {
	case MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER:
		return mig_move_cmd(cmd, MIG_RESUME_RESPONDER);
	case MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR:
		return mig_move_cmd(cmd, MIG_RESUME_INITIATOR);
	}
	return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_OP_MOD,
			    "RESUME_VHCA has no op_mod 0x%x", cmd->op_mod);
}

static enum ifc_status mig_check_size(struct fwsim_cmd *cmd, size_t size)
{
	if (size <= FWSIM_IMAGE_MAX)
		return IFC_ST_OK;
	return fwsim_refuse(cmd, IFC_ST_LIM_ERR, MIG_SYND_SIZE,
			    "an image of %zu bytes is larger than the %u this firmware handles",
			    size, FWSIM_IMAGE_MAX);
}

enum ifc_status fwsim_cmd_query_vhca_migration_state(struct fwsim_cmd *cmd)
{
	bool delta = IFC_GET(query_vhca_migration_state_in, cmd->in, incremental);
	uint8_t mig_state = MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_IDLE;
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;
	uint64_t size;

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK)
		st = mig_step(cmd, v, delta ? MIG_QUERY_DELTA : MIG_QUERY_FULL, &answer);
	if (st != IFC_ST_OK)
		return st;

	size = fwsim_image_size(v);
	st = mig_check_size(cmd, size);
	if (st != IFC_ST_OK)
		return st;
	size += mig_slack(v, size);

	if (v->tracking) {
		bool clean = fwsim_image_hash(v) == v->track_hash;

		mig_state = clean ? MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_READY :
				    MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_DIRTY;
		/* Once stopped, the last image is due whether it is dirty or not. */
		if (delta && clean && v->mig != FWSIM_MIG_STOPPED)
			size = 0;
	}
	IFC_SET(query_vhca_migration_state_out, cmd->out, migration_state, mig_state);
	IFC_SET(query_vhca_migration_state_out, cmd->out, required_umem_size, size);
	IFC_SET64(query_vhca_migration_state_out, cmd->out, remaining_total_size, size);
	return IFC_ST_OK;
}

/* The buffer of a SAVE or LOAD: @size bytes at @va of @key, all of them accessible with @need. */
struct mig_buf {
	uint32_t key, pd, size;
	uint64_t va;
	unsigned int need;
};

static enum ifc_status mig_buf_fault(struct fwsim_cmd *cmd, const struct mig_buf *b,
				     enum fwsim_mkey_fault fault)
{
	switch (fault) {
	case FWSIM_MKEY_OK:
		return IFC_ST_OK;
	case FWSIM_MKEY_BAD_KEY:
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, MIG_SYND_MKEY,
				    "mkey 0x%x is no key of the issuer", b->key);
	case FWSIM_MKEY_BOUNDS:
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_MKEY,
				    "mkey 0x%x does not cover 0x%x bytes at 0x%llx", b->key,
				    b->size, (unsigned long long)b->va);
	case FWSIM_MKEY_DMA:
		return fwsim_refuse(cmd, IFC_ST_INTERNAL_ERR, MIG_SYND_DMA,
				    "the bus refused DMA through mkey 0x%x", b->key);
	case FWSIM_MKEY_BAD_PD:
	case FWSIM_MKEY_ACCESS:
		break;
	}
	return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_MKEY,
			    "mkey 0x%x does not allow local %s", b->key,
			    b->need == FWSIM_ACC_LW ? "write" : "read");
}

/* SAVE and LOAD have the same fields at the same places. */
static enum ifc_status mig_buf_get(struct fwsim_cmd *cmd, unsigned int need, struct mig_buf *b)
{
	const struct fwsim_mkey *m;

	b->key = IFC_GET(save_vhca_state_in, cmd->in, mkey);
	b->size = IFC_GET(save_vhca_state_in, cmd->in, size);
	b->va = IFC_GET64(save_vhca_state_in, cmd->in, va);
	b->need = need;
	m = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_MKEY], b->key >> 8);
	b->pd = m ? m->pd : 0;
	return mig_buf_fault(cmd, b, fwsim_mkey_check(cmd->vhca, b->key, b->pd, need, b->va,
						      b->size));
}

static uint64_t mig_duration(const struct fwsim *fw, uint64_t bytes)
{
	if (!fw->cfg.image_bytes_per_sec)
		return 0;
	return bytes * 1000000000u / fw->cfg.image_bytes_per_sec; /* bytes < 2^32: no overflow */
}

static enum ifc_status mig_save(struct fwsim_cmd *cmd, struct fwsim_vhca *v)
{
	size_t size = fwsim_image_size(v), done;
	enum ifc_status st;
	struct mig_buf b;
	uint8_t *image;

	st = mig_check_size(cmd, size);
	if (st == IFC_ST_OK)
		st = mig_buf_get(cmd, FWSIM_ACC_LW, &b);
	if (st != IFC_ST_OK)
		return st;
	if (b.size < size)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_SIZE,
				    "a buffer of %u bytes is too small for an image of %zu", b.size,
				    size);
	image = malloc(size);
	if (!image)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, MIG_SYND_MEMORY,
				    "no memory for an image of %zu bytes", size);
	done = fwsim_image_save(v, image, size);
	assert(done == size);
	st = mig_buf_fault(cmd, &b, fwsim_mkey_write(cmd->vhca, b.key, b.pd, b.need, b.va, image,
						     size));
	free(image);
	if (st != IFC_ST_OK)
		return st;
	IFC_SET(save_vhca_state_out, cmd->out, actual_image_size, size);
	IFC_SET(save_vhca_state_out, cmd->out, next_required_umem_size, 0);
	cmd->delay_ns += mig_duration(cmd->fw, size);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_save_vhca_state(struct fwsim_cmd *cmd)
{
	bool delta = IFC_GET(save_vhca_state_in, cmd->in, incremental);
	bool track = IFC_GET(save_vhca_state_in, cmd->in, set_track);
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;

	st = mig_target(cmd, &v);
	if (st != IFC_ST_OK)
		return st;
	st = mig_step(cmd, v, track ? MIG_SAVE_TRACK : delta ? MIG_SAVE_DELTA : MIG_SAVE_FULL,
		      &answer);
	/*
	 * The end of tracking wants no data: its buffer, of whatever size and perhaps with no mkey,
	 * stays as it is.
	 */
	if (st == IFC_ST_OK && answer != END_TRACK)
		st = mig_save(cmd, v);
	if (st != IFC_ST_OK) {
		if (track)
			v->track_failed = true;
		return st;
	}
	v->tracking = track;
	v->track_failed = false;
	if (track)
		v->track_hash = fwsim_image_hash(v);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_load_vhca_state(struct fwsim_cmd *cmd)
{
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;
	struct mig_buf b;
	uint8_t *image;
	char why[100];

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK)
		st = mig_step(cmd, v, MIG_LOAD, &answer);
	if (st == IFC_ST_OK)
		st = mig_buf_get(cmd, FWSIM_ACC_LR, &b);
	if (st != IFC_ST_OK)
		return st;
	if (b.size < FWSIM_IMAGE_HDR || b.size > FWSIM_IMAGE_MAX)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_SIZE,
				    "an image of %u bytes: not within %u..%u", b.size,
				    FWSIM_IMAGE_HDR, FWSIM_IMAGE_MAX);
	image = malloc(b.size);
	if (!image)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, MIG_SYND_MEMORY,
				    "no memory for an image of %u bytes", b.size);
	st = mig_buf_fault(cmd, &b, fwsim_mkey_read(cmd->vhca, b.key, b.pd, b.need, b.va, image,
						    b.size));
	if (st == IFC_ST_OK) {
		st = fwsim_image_load(v, image, b.size, why, sizeof(why));
		if (st != IFC_ST_OK)
			fwsim_refuse(cmd, st, MIG_SYND_IMAGE, "image: %s", why);
	}
	free(image);
	if (st != IFC_ST_OK)
		return st;
	v->loaded = true;
	cmd->delay_ns += mig_duration(cmd->fw, b.size);
	return IFC_ST_OK;
}
