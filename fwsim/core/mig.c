// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The five migration commands: which of them a VHCA accepts in which state, and what each does.
 *
 *	RUNNING  --SUSPEND initiator-->  INITIATOR_STOPPED  --SUSPEND responder-->  STOPPED
 *	         <--RESUME initiator---                     <--RESUME responder---
 *
 * They come on the PF's command queue and name a VF by its vhca_id. An image goes through a mkey of
 * the PF, so through the PF's address space. An image has up to two parts: what the VHCA is (image.c) and
 * of its bulk state as much as fits (bulk.c). Beside the state there are bits: tracking (the last SAVE
 * asked for it), track_failed (such a SAVE was refused), chunking (the last SAVE left something for the
 * next) and reinit (what has been saved so far is of little use: start anew).
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
	MIG_SYND_CAP = 0x115009, /* a capability that this card does not have */
};

/* Most that a buffer may hold, and most bulk state that an image of a running VHCA asks room for. */
#define MIG_MAX_BUF 0xfffff000u
#define MIG_TRACK_BULK (1u << 30)

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
	if (v->mig == FWSIM_MIG_STOPPED) {
		v->loaded = false;
		v->chunking = false;
	}
	fwsim_bulk_mark(v);
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
		if (v->tracking || v->chunking)
			return IFC_ST_OK;
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE,
				    "%s of a VHCA that is not tracked", rule->name);
	case IF_TRIED:
	case END_TRACK:
		if (v->tracking || v->track_failed || (v->chunking && ev == MIG_QUERY_DELTA))
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
		fwsim_fault_flush_eqes(v);
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
	if (st == IFC_ST_OK && ev == MIG_RESUME_RESPONDER && v->loaded &&
	    fwsim_bulk_pending(&v->bulk))
		return fwsim_decline(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE,
				     "RESUME with 0x%llx blocks of bulk state not loaded",
				     (unsigned long long)fwsim_bulk_pending(&v->bulk));
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

/* What migration_state of QUERY says of a tracked VHCA. */
static uint8_t mig_oper_state(struct fwsim_vhca *v)
{
	if (!v->tracking)
		return MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_IDLE;
	if (v->reinit)
		return MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_INIT;
	if (fwsim_bulk_pending(&v->bulk) || fwsim_image_hash(v) != v->track_hash)
		return MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_DIRTY;
	return MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_READY;
}

/* Bulk state that an image made now would have to carry; an image that starts anew carries all. */
static uint64_t mig_blocks(const struct fwsim_vhca *v, bool delta)
{
	return delta && !v->reinit ? fwsim_bulk_pending(&v->bulk) : v->bulk.blocks;
}

/* A size that is told to the driver, as a fault rule may want it. */
static uint64_t mig_larger(const struct fwsim_cmd *cmd, uint64_t size)
{
	if (!fwsim_does(&cmd->act, FWSIM_DO_LARGER))
		return size;
	size += cmd->act.val[FWSIM_DO_LARGER];
	return size < UINT32_MAX ? size : UINT32_MAX;
}

static enum ifc_status mig_query_sizes(struct fwsim_cmd *cmd, struct fwsim_vhca *v, bool delta,
				       bool chunk)
{
	/* A VHCA that runs on sends what fits; one that is stopped must send all, in chunks or at once. */
	bool part = chunk || v->mig != FWSIM_MIG_STOPPED;
	uint64_t most = chunk ? cmd->fw->cfg.chunk_bytes : MIG_TRACK_BULK;
	uint64_t blocks = mig_blocks(v, delta), bulk = fwsim_bulk_bytes(blocks);
	uint64_t first = part && bulk > most ? most : bulk;
	uint64_t total, size = fwsim_image_size(v);
	enum ifc_status st = mig_check_size(cmd, (size_t)size);

	if (st != IFC_ST_OK)
		return st;
	size += mig_slack(v, size);
	if (delta && v->chunking)
		size = 0; /* it has gone with the first chunk */
	total = size + bulk;
	if (chunk) /* each has a header; the first block of one may not have fitted the one before */
		total += (bulk / (most - FWSIM_BULK_HDR - FWSIM_PAGE)) * FWSIM_BULK_HDR;
	if (size + first > MIG_MAX_BUF)
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, MIG_SYND_SIZE,
				    "an image of 0x%llx bytes needs chunks",
				    (unsigned long long)(size + first));
	IFC_SET(query_vhca_migration_state_out, cmd->out, required_umem_size,
		mig_larger(cmd, size + first));
	IFC_SET64(query_vhca_migration_state_out, cmd->out, remaining_total_size,
		  total + (fwsim_does(&cmd->act, FWSIM_DO_LARGER) ?
				   cmd->act.val[FWSIM_DO_LARGER] : 0));
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_vhca_migration_state(struct fwsim_cmd *cmd)
{
	bool delta = IFC_GET(query_vhca_migration_state_in, cmd->in, incremental);
	bool chunk = IFC_GET(query_vhca_migration_state_in, cmd->in, chunk);
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;
	uint8_t oper;

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK && chunk && !cmd->fw->cfg.chunks)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_CAP,
				    "chunks are not offered (migration_in_chunks)");
	if (st == IFC_ST_OK)
		st = mig_step(cmd, v, delta ? MIG_QUERY_DELTA : MIG_QUERY_FULL, &answer);
	if (st != IFC_ST_OK)
		return st;
	fwsim_bulk_update(v);
	oper = mig_oper_state(v);
	/* Nothing has changed; but once stopped, the last image is due whether it is dirty or not. */
	if (!delta || oper != MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_READY ||
	    v->mig == FWSIM_MIG_STOPPED)
		st = mig_query_sizes(cmd, v, delta, chunk);
	if (st == IFC_ST_OK && cmd->fw->cfg.migration_state)
		IFC_SET(query_vhca_migration_state_out, cmd->out, migration_state, oper);
	return st;
}

void fwsim_migration_reinit(struct fwsim *fw, unsigned int fn)
{
	struct fwsim_vhca *v = fwsim_vhca_by_fn(fw, fn);

	if (v)
		v->reinit = v->tracking;
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

/* Where in the buffer of a SAVE or LOAD the next bytes are. */
struct mig_pos {
	struct fwsim_cmd *cmd;
	const struct mig_buf *b;
	uint32_t off;
	/* fault rules: nothing is written from @end on, and @flip is XORed to byte @flip_at */
	uint32_t end, flip_at;
	uint8_t flip;
	/* LOAD: the first bytes, which have been read; what they said then is what counts */
	const uint8_t *seen;
	uint32_t seen_n;
};

/* At the beginning of an image of @total bytes. */
static struct mig_pos mig_begin(struct fwsim_cmd *cmd, const struct mig_buf *b, uint64_t total)
{
	struct mig_pos at = { .cmd = cmd, .b = b, .end = UINT32_MAX };
	const struct fwsim_fault_act *act = &cmd->act;
	uint64_t cut = act->val[FWSIM_DO_SHORT];

	if (fwsim_does(act, FWSIM_DO_FLIP) && total) {
		at.flip_at = (uint32_t)(act->val[FWSIM_DO_FLIP] / 8 % total);
		at.flip = (uint8_t)(1u << act->val[FWSIM_DO_FLIP] % 8);
	}
	if (fwsim_does(act, FWSIM_DO_ZERO))
		at.end = 0;
	else if (fwsim_does(act, FWSIM_DO_SHORT))
		at.end = total > cut ? (uint32_t)(total - cut) : 0;
	return at;
}

static enum fwsim_mkey_fault mig_put(void *arg, const void *p, size_t len)
{
	struct mig_pos *at = arg;
	uint32_t off = at->off;
	enum fwsim_mkey_fault fault;
	uint8_t flipped;

	at->off += (uint32_t)len;
	if (off >= at->end)
		return FWSIM_MKEY_OK;
	if (len > at->end - off)
		len = at->end - off;
	fault = fwsim_mkey_write(at->cmd->vhca, at->b->key, at->b->pd, at->b->need, at->b->va + off,
				 p, len);
	if (fault != FWSIM_MKEY_OK || !at->flip || at->flip_at < off || at->flip_at - off >= len)
		return fault;
	flipped = ((const uint8_t *)p)[at->flip_at - off] ^ at->flip;
	return fwsim_mkey_write(at->cmd->vhca, at->b->key, at->b->pd, at->b->need,
				at->b->va + at->flip_at, &flipped, 1);
}

static enum fwsim_mkey_fault mig_get(void *arg, void *p, size_t len)
{
	struct mig_pos *at = arg;
	uint32_t off = at->off, n;
	enum fwsim_mkey_fault fault;

	if (off < at->seen_n) {
		n = len < at->seen_n - off ? (uint32_t)len : at->seen_n - off;
		memcpy(p, at->seen + off, n);
		p = (uint8_t *)p + n;
		len -= n;
		at->off = off += n;
		if (!len)
			return FWSIM_MKEY_OK;
	}
	at->off += (uint32_t)len;
	fault = fwsim_mkey_read(at->cmd->vhca, at->b->key, at->b->pd, at->b->need, at->b->va + off,
				p, len);
	if (at->flip && at->flip_at >= off && at->flip_at - off < len)
		((uint8_t *)p)[at->flip_at - off] ^= at->flip;
	return fault;
}

/* The first part of an image: what the VHCA is. */
static enum ifc_status mig_save_vhca(struct fwsim_cmd *cmd, struct fwsim_vhca *v, size_t size,
				     struct mig_pos *at)
{
	uint8_t *image = malloc(size);
	enum ifc_status st;
	size_t done;

	if (!image)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, MIG_SYND_MEMORY,
				    "no memory for an image of %zu bytes", size);
	done = fwsim_image_save(v, image, size);
	assert(done == size);
	st = mig_buf_fault(cmd, at->b, mig_put(at, image, size));
	free(image);
	return st;
}

/*
 * An image into the buffer of the command: what the VHCA is, unless this goes on with chunks, and as much
 * of the @blocks of bulk state as fits. What does not fit is for the next one: of a tracked VHCA in any
 * case, of one that is stopped if the card does chunks.
 */
static enum ifc_status mig_save(struct fwsim_cmd *cmd, struct fwsim_vhca *v, bool track, bool go_on)
{
	size_t size = go_on ? 0 : fwsim_image_size(v);
	uint64_t pending = fwsim_bulk_pending(&v->bulk), room, blocks, left;
	struct mig_buf b;
	struct mig_pos at;
	enum ifc_status st;
	uint64_t next;

	st = mig_check_size(cmd, size);
	if (st == IFC_ST_OK)
		st = mig_buf_get(cmd, FWSIM_ACC_LW, &b);
	if (st != IFC_ST_OK)
		return st;
	room = b.size > size + FWSIM_BULK_HDR ? (b.size - size - FWSIM_BULK_HDR) / FWSIM_PAGE : 0;
	blocks = pending < room ? pending : room;
	left = pending - blocks;
	/* what runs on may have grown since the QUERY */
	if (b.size < size && track)
		return fwsim_decline(cmd, IFC_ST_BAD_PARAM, MIG_SYND_SIZE,
				     "a buffer of %u bytes is too small for an image of %zu", b.size,
				     size);
	if (b.size < size || (left && !track && (!cmd->fw->cfg.chunks || (go_on && !blocks))))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_SIZE,
				    "a buffer of %u bytes is too small for an image of %llu", b.size,
				    (unsigned long long)(size + fwsim_bulk_bytes(pending)));
	at = mig_begin(cmd, &b, size + fwsim_bulk_bytes(blocks));
	if (!go_on)
		st = mig_save_vhca(cmd, v, size, &at);
	if (st == IFC_ST_OK && blocks)
		st = mig_buf_fault(cmd, &b, fwsim_bulk_save(v, mig_put, &at, (uint32_t)blocks));
	if (st != IFC_ST_OK)
		return st;
	v->chunking = left && !track;
	IFC_SET(save_vhca_state_out, cmd->out, actual_image_size, at.off < at.end ? at.off : at.end);
	next = fwsim_bulk_bytes(left) < cmd->fw->cfg.chunk_bytes ? fwsim_bulk_bytes(left) :
								   cmd->fw->cfg.chunk_bytes;
	if (v->chunking)
		IFC_SET(save_vhca_state_out, cmd->out, next_required_umem_size,
			mig_larger(cmd, next));
	cmd->delay_ns += mig_duration(cmd->fw, at.off);
	return IFC_ST_OK;
}

/* After a SAVE that succeeded. */
static void mig_saved(struct fwsim_vhca *v, bool track)
{
	unsigned int every = v->fw->cfg.reinit_every;

	v->tracking = track;
	v->track_failed = false;
	v->reinit = false;
	if (!track) {
		v->track_saves = 0;
		return;
	}
	v->track_hash = fwsim_image_hash(v);
	if (fwsim_bulk_pending(&v->bulk))
		return; /* to start anew before all has gone would never end */
	v->track_saves++;
	v->reinit = every && v->track_saves % every == 0;
}

enum ifc_status fwsim_cmd_save_vhca_state(struct fwsim_cmd *cmd)
{
	bool delta = IFC_GET(save_vhca_state_in, cmd->in, incremental);
	bool track = IFC_GET(save_vhca_state_in, cmd->in, set_track);
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;
	uint64_t sent;

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK && track && cmd->fw->cfg.no_tracking_state)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MIG_SYND_CAP,
				    "tracking is not offered (migration_tracking_state)");
	if (st != IFC_ST_OK)
		return st;
	st = mig_step(cmd, v, track ? MIG_SAVE_TRACK : delta ? MIG_SAVE_DELTA : MIG_SAVE_FULL,
		      &answer);
	fwsim_bulk_update(v);
	sent = v->bulk.sent;
	if (st == IFC_ST_OK && (!delta || v->reinit))
		v->bulk.sent = 0;
	/*
	 * The end of tracking wants no data: its buffer, of whatever size and perhaps with no mkey,
	 * stays as it is.
	 */
	if (st == IFC_ST_OK && answer != END_TRACK)
		st = mig_save(cmd, v, track, delta && v->chunking);
	if (st != IFC_ST_OK) {
		v->bulk.sent = sent;
		if (track)
			v->track_failed = true;
		return st;
	}
	mig_saved(v, track);
	return IFC_ST_OK;
}

/* The first part of an image in the buffer, of @len bytes. */
static enum ifc_status mig_load_vhca(struct fwsim_cmd *cmd, struct fwsim_vhca *v,
				     struct mig_pos *at, uint32_t len)
{
	enum ifc_status st;
	uint8_t *image;
	char why[100];

	if (len < FWSIM_IMAGE_HDR || len > FWSIM_IMAGE_MAX)
		return fwsim_decline(cmd, IFC_ST_BAD_PARAM, MIG_SYND_SIZE,
				     "an image of %u bytes: not within %u..%u", len,
				     FWSIM_IMAGE_HDR, FWSIM_IMAGE_MAX);
	if (v->loaded && cmd->fw->cfg.no_multi_load)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_CAP,
				    "a second image is not offered (migration_multi_load)");
	image = malloc(len);
	if (!image)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, MIG_SYND_MEMORY,
				    "no memory for an image of %u bytes", len);
	st = mig_buf_fault(cmd, at->b, mig_get(at, image, len));
	if (st == IFC_ST_OK) {
		st = fwsim_image_load(v, image, len, why, sizeof(why));
		if (st != IFC_ST_OK)
			fwsim_decline(cmd, st, MIG_SYND_IMAGE, "image: %s", why);
	}
	free(image);
	return st;
}

/* The second part, checked against @bulk. */
static enum ifc_status mig_load_bulk(struct fwsim_cmd *cmd, struct fwsim_bulk *bulk,
				     struct mig_pos *at)
{
	enum fwsim_mkey_fault fault;
	enum ifc_status st;
	char why[100] = "";

	st = fwsim_bulk_load(bulk, mig_get, at, at->b->size - at->off, &fault, why, sizeof(why));
	if (st == IFC_ST_OK)
		return st;
	if (fault != FWSIM_MKEY_OK)
		return mig_buf_fault(cmd, at->b, fault);
	return fwsim_decline(cmd, st, MIG_SYND_IMAGE, "%s", why);
}

/*
 * Both parts of an image, or one. The first part's header is looked at to see where the second begins; the
 * second is checked before the first changes anything. Each byte is read once: the buffer is another's, who may
 * change it at any time.
 */
static enum ifc_status mig_load(struct fwsim_cmd *cmd, struct fwsim_vhca *v, const struct mig_buf *b)
{
	struct mig_pos at = mig_begin(cmd, b, b->size), front = at;
	struct fwsim_bulk bulk = v->bulk;
	uint8_t hdr[FWSIM_IMAGE_HDR];
	uint64_t len = b->size;
	enum ifc_status st;

	if (b->size >= sizeof(hdr)) {
		st = mig_buf_fault(cmd, b, mig_get(&at, hdr, sizeof(hdr)));
		if (st != IFC_ST_OK)
			return st;
		front.seen = hdr;
		front.seen_n = sizeof(hdr);
		if (fwsim_bulk_is(hdr)) {
			if (!v->loaded)
				return fwsim_decline(cmd, IFC_ST_BAD_RES_STATE, MIG_SYND_STATE,
						     "bulk state without an image before it");
			return mig_load_bulk(cmd, &v->bulk, &front);
		}
		if (ifc_ld64(hdr + FWSIM_IMAGE_OFF_MAGIC) == FWSIM_IMAGE_MAGIC &&
		    ifc_ld64(hdr + FWSIM_IMAGE_OFF_BULK_BLOCKS) &&
		    ifc_ld64(hdr + FWSIM_IMAGE_OFF_LEN) < b->size)
			len = ifc_ld64(hdr + FWSIM_IMAGE_OFF_LEN);
	}
	if (len < b->size) {
		if (!v->loaded)
			bulk = (struct fwsim_bulk){
				.blocks = ifc_ld64(hdr + FWSIM_IMAGE_OFF_BULK_BLOCKS),
				.seed = ifc_ld64(hdr + FWSIM_IMAGE_OFF_BULK_SEED),
			};
		at.off = (uint32_t)len;
		st = mig_load_bulk(cmd, &bulk, &at);
		if (st != IFC_ST_OK)
			return st;
	}
	st = mig_load_vhca(cmd, v, &front, (uint32_t)len);
	if (st == IFC_ST_OK && len < b->size)
		v->bulk = bulk;
	return st;
}

enum ifc_status fwsim_cmd_load_vhca_state(struct fwsim_cmd *cmd)
{
	enum mig_answer answer;
	struct fwsim_vhca *v;
	enum ifc_status st;
	struct mig_buf b;

	st = mig_target(cmd, &v);
	if (st == IFC_ST_OK)
		st = mig_step(cmd, v, MIG_LOAD, &answer);
	if (st == IFC_ST_OK)
		st = mig_buf_get(cmd, FWSIM_ACC_LR, &b);
	if (st == IFC_ST_OK)
		st = mig_load(cmd, v, &b);
	if (st != IFC_ST_OK)
		return st;
	v->loaded = true;
	cmd->delay_ns += mig_duration(cmd->fw, b.size);
	return IFC_ST_OK;
}
