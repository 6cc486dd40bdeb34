// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PAGE_TRACK objects: which pages a VF has written by DMA, and telling the PF's driver of them.
 *
 *	TRACKING --MODIFY, with a window--> REPORTING --all told--> TRACKING
 *	    \________________________________/ \_______________> ERROR, for good
 *
 * A page is marked after the write, also after one that failed part-way (dma.c). It is unmarked when a
 * message that names it has arrived and its completion has been written: a page that is marked again
 * meanwhile, or whose message fails, is told of later or ends in ERROR. So a mark is never lost. A page
 * that sticks out of the window with something tracked is told of and stays marked: who asks for the
 * other part has to hear of it too.
 *
 * The object belongs to the PF that has made it and outlives resets of the VF. Messages go out on a QP of
 * the PF that has no send queue (rc.c).
 */
#include "core.h"

enum track_synd {
	TRACK_SYND_TYPE = 0xa00001,
	TRACK_SYND_NONE = 0xa00002,
	TRACK_SYND_VHCA = 0xa00003,
	TRACK_SYND_LIMIT = 0xa00004, /* a number outside the capabilities */
	TRACK_SYND_RANGE = 0xa00005,
	TRACK_SYND_QP = 0xa00006,
	TRACK_SYND_FIELD = 0xa00007,
	TRACK_SYND_STATE = 0xa00008,
	TRACK_SYND_MEMORY = 0xa00009,
};

enum track_state { TRACKING, REPORTING, ERROR };

#define TRACK_BY_QP 1	 /* track_type */
#define TRACK_MODIFY 0x3 /* modify_field_select: state and window */
#define TRACK_ENTRY IFC_SZ(page_track_report_entry)

/* Pages of one leaf. */
#define LEAF_LOG 15
#define LEAF_WORDS ((1u << LEAF_LOG) / 64)

struct track_leaf {
	uint64_t key; /* page number >> LEAF_LOG */
	uint32_t used; /* bits set; a leaf without any is freed */
	uint64_t bits[LEAF_WORDS];
};

struct track_range {
	uint64_t first, last; /* bytes, inclusive */
};

struct fwsim_page_track {
	struct fwsim_obj obj;
	struct fwsim_vhca *owner, *target;
	struct fwsim_page_track *next; /* of the same target */
	struct fwsim_qp *qp;	       /* counted in its refs */
	enum track_state state;
	bool event_due; /* the owner is to be told of ERROR */
	uint8_t log_page, log_msg, log_space;
	struct track_range *range; /* ascending, apart from each other */
	unsigned int ranges;
	struct track_leaf **leaf; /* ascending by key */
	size_t leaves, leaf_room, leaf_max;
	size_t hint; /* index of the leaf last marked */
	/* REPORTING */
	uint64_t first, last; /* window, bytes, inclusive */
	uint64_t cursor;      /* next page to look at; those before have been told of */
	uint64_t *page;	      /* of the message in hand */
	uint8_t *msg;
	struct fwsim_timer timer; /* runs while a message waits for a receive WQE */
};

/* ---- marks --------------------------------------------------------------------------------- */

/* Index of the first leaf with key >= @key. */
static size_t leaf_index(const struct fwsim_page_track *t, uint64_t key)
{
	size_t lo = 0, hi = t->leaves;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->leaf[mid]->key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void leaves_free(struct fwsim_page_track *t)
{
	while (t->leaves)
		free(t->leaf[--t->leaves]);
	free(t->leaf);
	t->leaf = NULL;
	t->leaf_room = 0;
	t->hint = 0;
}

/* No page can be told of any more; the owner hears of it when it may be written to. */
static void track_fail(struct fwsim_page_track *t, const char *why)
{
	struct fwsim *fw = t->owner->fw;
	char text[120];

	if (t->state == ERROR)
		return;
	snprintf(text, sizeof(text), "page tracker 0x%x: error: %s", t->obj.id, why);
	fwsim_trace_simple(t->owner, FWSIM_TRACE_STATE, t->state, ERROR, t->obj.id, text);
	t->state = ERROR;
	t->event_due = true;
	fw->work = true;
	fwsim_timer_stop(fw, &t->timer);
	leaves_free(t);
}

/* The leaf of @key, made if need be; NULL if there is no memory for it. */
static struct track_leaf *leaf_get(struct fwsim_page_track *t, uint64_t key)
{
	struct track_leaf *leaf, **more;
	size_t i, room;

	if (t->hint < t->leaves && t->leaf[t->hint]->key == key)
		return t->leaf[t->hint];
	i = t->hint = leaf_index(t, key);
	if (i < t->leaves && t->leaf[i]->key == key)
		return t->leaf[i];
	if (t->leaves == t->leaf_max)
		return NULL;
	if (t->leaves == t->leaf_room) {
		room = t->leaf_room ? 2 * t->leaf_room : 16;
		more = realloc(t->leaf, room * sizeof(*more));
		if (!more)
			return NULL;
		t->leaf = more;
		t->leaf_room = room;
	}
	leaf = calloc(1, sizeof(*leaf));
	if (!leaf)
		return NULL;
	leaf->key = key;
	memmove(&t->leaf[i + 1], &t->leaf[i], (t->leaves - i) * sizeof(*t->leaf));
	t->leaf[i] = leaf;
	t->leaves++;
	return leaf;
}

static bool page_mark(struct fwsim_page_track *t, uint64_t page)
{
	struct track_leaf *leaf = leaf_get(t, page >> LEAF_LOG);
	uint64_t bit = 1ULL << (page & 63);
	uint64_t *word;

	if (!leaf)
		return false;
	word = &leaf->bits[(page & ((1u << LEAF_LOG) - 1)) / 64];
	leaf->used += !(*word & bit);
	*word |= bit;
	return true;
}

static void page_unmark(struct fwsim_page_track *t, uint64_t page)
{
	size_t i = leaf_index(t, page >> LEAF_LOG);
	struct track_leaf *leaf = t->leaf[i]; /* the page is marked, so it is there */

	leaf->bits[(page & ((1u << LEAF_LOG) - 1)) / 64] &= ~(1ULL << (page & 63));
	if (--leaf->used)
		return;
	free(leaf);
	t->leaves--;
	memmove(&t->leaf[i], &t->leaf[i + 1], (t->leaves - i) * sizeof(*t->leaf));
}

/* First marked page >= *@page and <= @last. */
static bool page_next(const struct fwsim_page_track *t, uint64_t *page, uint64_t last)
{
	uint64_t at = *page;

	for (size_t i = leaf_index(t, at >> LEAF_LOG); i < t->leaves; i++) {
		const struct track_leaf *leaf = t->leaf[i];
		uint64_t base = leaf->key << LEAF_LOG;
		unsigned int bit = at > base ? (unsigned int)(at - base) : 0;

		for (unsigned int w = bit / 64; w < LEAF_WORDS; w++, bit = 64 * w) {
			uint64_t word = leaf->bits[w] >> (bit % 64) << (bit % 64);

			if (!word)
				continue;
			*page = base + 64 * w + (unsigned int)__builtin_ctzll(word);
			return *page <= last;
		}
	}
	return false;
}

/* First range that ends at or behind @addr. */
static unsigned int range_index(const struct fwsim_page_track *t, uint64_t addr)
{
	unsigned int lo = 0, hi = t->ranges;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (t->range[mid].last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void track_mark(struct fwsim_page_track *t, uint64_t first, uint64_t last)
{
	unsigned int r;

	for (r = range_index(t, first); r < t->ranges && t->range[r].first <= last; r++) {
		uint64_t from = first > t->range[r].first ? first : t->range[r].first;
		uint64_t to = last < t->range[r].last ? last : t->range[r].last;

		for (uint64_t page = from >> t->log_page; page <= to >> t->log_page; page++) {
			if (!page_mark(t, page)) {
				track_fail(t, "no memory for another mark");
				return;
			}
		}
	}
}

void fwsim_page_track_mark(struct fwsim_vhca *v, uint64_t addr, size_t len)
{
	struct fwsim_page_track *t;

	for (t = v->tracks; t; t = t->next)
		if (t->state != ERROR)
			track_mark(t, addr, addr + (len - 1));
}

/* ---- report -------------------------------------------------------------------------------- */

static bool tracked(const struct fwsim_page_track *t, uint64_t first, uint64_t last)
{
	unsigned int r = range_index(t, first);

	return r < t->ranges && t->range[r].first <= last;
}

/* All that is tracked of @page is in the window. */
static bool window_covers(const struct fwsim_page_track *t, uint64_t page)
{
	uint64_t first = page << t->log_page;
	uint64_t last = first + ((1ULL << t->log_page) - 1);

	return !(first < t->first && tracked(t, first, t->first - 1)) &&
	       !(last > t->last && tracked(t, t->last + 1, last));
}

static void track_tell(struct fwsim_page_track *t)
{
	uint8_t data[28] = { 0 };

	if (!fwsim_vhca_may_respond(t->owner))
		return;
	t->event_due = false;
	if (fwsim_event_wanted(t->owner, IFC_EVENT_OBJECT_CHANGE)) {
		ifc_st16(data + 2, MLX5_OBJ_TYPE_PAGE_TRACK);
		ifc_st32(data + 4, t->obj.id);
		fwsim_event_post(t->owner, IFC_EVENT_OBJECT_CHANGE, 0, data);
		return;
	}
	/* A driver that did not ask for that one asks for this, and must not wait for ever. */
	ifc_st32(data + 0x18, t->qp->obj.id);
	fwsim_event_post(t->owner, IFC_EVENT_WQ_CATAS_ERROR, 0, data);
}

/* One message. True if there is more to do at once. */
static bool track_report(struct fwsim_page_track *t)
{
	size_t n, max = ((size_t)1 << t->log_msg) / TRACK_ENTRY;
	uint64_t at = t->cursor, end = t->last >> t->log_page, wait_ns;
	const char *why = "";
	struct fwsim_fault_act act;
	uint8_t imm[4];
	bool more;

	if (fwsim_fault_at(t->target, FWSIM_AT_TRACK, 0, &act)) {
		track_fail(t, "a fault rule");
		return true;
	}
	for (n = 0; n < max && page_next(t, &at, end); n++, at++) {
		t->page[n] = at;
		ifc_st64(t->msg + n * TRACK_ENTRY, at << t->log_page);
	}
	more = n == max && page_next(t, &at, end);
	ifc_st32(imm, (uint32_t)(more ? REPORTING : TRACKING) << 28);
	switch (fwsim_rc_fw_send(t->qp, t->msg, (uint32_t)(n * TRACK_ENTRY), imm, &wait_ns, &why)) {
	case FWSIM_RC_SENT:
		break;
	case FWSIM_RC_WAIT:
		if (wait_ns)
			fwsim_timer_start(t->owner->fw, &t->timer,
					  fwsim_now(t->owner->fw) + wait_ns);
		return false;
	case FWSIM_RC_DEAD:
		track_fail(t, why);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (window_covers(t, t->page[i]))
			page_unmark(t, t->page[i]);
	t->cursor = at;
	if (!more)
		t->state = TRACKING;
	return more;
}

bool fwsim_page_track_run(struct fwsim *fw)
{
	struct fwsim_page_track *t;
	bool more = false;

	if (!fw->track.used)
		return false;
	fwsim_table_for_each(&fw->track, t) {
		if (t->state == REPORTING && t->timer.deadline == UINT64_MAX)
			more |= track_report(t);
		if (t->event_due)
			track_tell(t);
	}
	return more;
}

static void track_wait_expired(struct fwsim *fw, void *arg)
{
	(void)arg;
	fw->work = true;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void track_free(struct fwsim_page_track *t)
{
	leaves_free(t);
	free(t->range);
	free(t->page);
	free(t->msg);
	free(t);
}

static void track_destroy(struct fwsim_page_track *t)
{
	struct fwsim *fw = t->owner->fw;
	struct fwsim_page_track **p;

	fwsim_timer_stop(fw, &t->timer);
	for (p = &t->target->tracks; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	t->qp->obj.refs--;
	fwsim_table_del(&fw->track, t->obj.id);
	track_free(t);
}

void fwsim_page_track_drop(struct fwsim_vhca *v)
{
	struct fwsim_page_track *t;
	uint32_t id = 0;

	while ((t = fwsim_table_next(&v->fw->track, id))) {
		id = t->obj.id + 1;
		if (t->owner == v)
			track_destroy(t);
	}
}

struct fwsim_vhca *fwsim_page_track_target(struct fwsim *fw, uint32_t id)
{
	const struct fwsim_page_track *t = fwsim_table_get(&fw->track, id);

	return t ? t->target : NULL;
}

/* ---- commands ------------------------------------------------------------------------------ */

static enum ifc_status track_gate(struct fwsim_cmd *cmd)
{
	if (cmd->fw->cfg.no_tracker)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, TRACK_SYND_TYPE,
				    "this card has no general objects");
	if (cmd->op_mod != MLX5_OBJ_TYPE_PAGE_TRACK || ifc_ld16(cmd->in + 4))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_TYPE,
				    "object type 0x%x, tunnel 0x%x: only PAGE_TRACK (0x46) is offered",
				    cmd->op_mod, ifc_ld16(cmd->in + 4));
	return IFC_ST_OK;
}

static enum ifc_status track_find(struct fwsim_cmd *cmd, struct fwsim_page_track **t)
{
	uint32_t id = IFC_GET(general_obj_in_cmd_hdr, cmd->in, obj_id);
	enum ifc_status st = track_gate(cmd);

	if (st != IFC_ST_OK)
		return st;
	*t = fwsim_table_get(&cmd->fw->track, id);
	if (!*t || (*t)->owner != cmd->vhca)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, TRACK_SYND_NONE, "no page tracker 0x%x",
				    id);
	return IFC_ST_OK;
}

#define CTX(cmd, fld) IFC_GET(create_page_track_obj_in, (cmd)->in, obj_context.fld)

static enum ifc_status track_out_of(struct fwsim_cmd *cmd, const char *name, unsigned int v,
				    unsigned int min, unsigned int max)
{
	if (v >= min && v <= max)
		return IFC_ST_OK;
	return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_LIMIT, "%s is %u: not within %u..%u",
			    name, v, min, max);
}

static int range_compare(const void *a, const void *b)
{
	const struct track_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static enum ifc_status track_take_ranges(struct fwsim_cmd *cmd, struct fwsim_page_track *t)
{
	const uint8_t *p = cmd->in + IFC_SZ(create_page_track_obj_in);
	uint64_t total = 0;
	unsigned int i;

	t->ranges = CTX(cmd, num_ranges);
	if (cmd->in_len < IFC_SZ(create_page_track_obj_in) + t->ranges * IFC_SZ(page_track_range))
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, TRACK_SYND_RANGE,
				    "input of %u bytes has no room for %u ranges", cmd->in_len,
				    t->ranges);
	t->range = malloc(t->ranges * sizeof(*t->range));
	if (!t->range)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, TRACK_SYND_MEMORY, "no memory");
	for (i = 0; i < t->ranges; i++, p += IFC_SZ(page_track_range)) {
		uint64_t start = IFC_GET64(page_track_range, p, start_address);
		uint64_t len = IFC_GET64(page_track_range, p, length);

		if (!len || start > UINT64_MAX - (len - 1) || total > UINT64_MAX - len)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_RANGE,
					    "0x%llx bytes at 0x%llx are no range",
					    (unsigned long long)len, (unsigned long long)start);
		t->range[i] = (struct track_range){ start, start + (len - 1) };
		total += len;
	}
	qsort(t->range, t->ranges, sizeof(*t->range), range_compare);
	for (i = 1; i < t->ranges; i++)
		if (t->range[i].first <= t->range[i - 1].last)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_RANGE,
					    "two ranges overlap at 0x%llx",
					    (unsigned long long)t->range[i].first);
	if (total > 1ULL << t->log_space)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_RANGE,
				    "0x%llx bytes in all ranges are more than 2^%u",
				    (unsigned long long)total, t->log_space);
	return IFC_ST_OK;
}

static enum ifc_status track_take_qp(struct fwsim_cmd *cmd, struct fwsim_page_track *t)
{
	uint32_t qpn = CTX(cmd, reporting_qpn);
	struct fwsim_qp *qp = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_QP], qpn);

	if (!qp)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, TRACK_SYND_QP, "no QP 0x%x", qpn);
	if (qp->has_sq)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_QP,
				    "QP 0x%x has a send queue, so is not the firmware's to send on",
				    qpn);
	if (qp->state != IFC_QP_RTS)
		return fwsim_refuse(cmd, IFC_ST_BAD_QP_STATE, TRACK_SYND_QP, "QP 0x%x is not in RTS",
				    qpn);
	if (qp->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, TRACK_SYND_QP,
				    "QP 0x%x serves another tracker", qpn);
	t->qp = qp;
	return IFC_ST_OK;
}

static enum ifc_status track_take_target(struct fwsim_cmd *cmd, struct fwsim_page_track *t)
{
	uint16_t vhca_id = (uint16_t)CTX(cmd, vhca_id);

	t->target = fwsim_vhca_by_id(cmd->fw, vhca_id);
	if (t->target && !t->target->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_VHCA,
				    "vhca_id 0x%x is a PF; only VFs are tracked", vhca_id);
	if (!t->target || !t->target->pf_enabled)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, TRACK_SYND_VHCA,
				    "vhca_id 0x%x is no enabled VHCA", vhca_id);
	return IFC_ST_OK;
}

/* Limits first, so that nothing is allocated by a number that has not been checked. */
static enum ifc_status track_fill(struct fwsim_cmd *cmd, struct fwsim_page_track *t)
{
	const struct fwsim_config *c = &cmd->fw->cfg;
	enum ifc_status st = track_take_target(cmd, t);
	size_t max;

	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "state", CTX(cmd, state), TRACKING, TRACKING);
	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "track_type", CTX(cmd, track_type), TRACK_BY_QP, TRACK_BY_QP);
	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "log_addr_space_size", CTX(cmd, log_addr_space_size),
				  c->track_log_min_space, c->track_log_max_space);
	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "log_page_size", CTX(cmd, log_page_size),
				  c->track_log_min_page, c->track_log_max_page);
	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "log_msg_size", CTX(cmd, log_msg_size), c->track_log_min_msg,
				  c->track_log_max_msg);
	if (st == IFC_ST_OK)
		st = track_out_of(cmd, "num_ranges", CTX(cmd, num_ranges), 1, c->track_max_ranges);
	if (st == IFC_ST_OK)
		st = track_take_qp(cmd, t);
	if (st != IFC_ST_OK)
		return st;
	t->log_space = (uint8_t)CTX(cmd, log_addr_space_size);
	t->log_page = (uint8_t)CTX(cmd, log_page_size);
	t->log_msg = (uint8_t)CTX(cmd, log_msg_size);
	t->leaf_max = (size_t)(c->track_memory / sizeof(struct track_leaf));
	max = ((size_t)1 << t->log_msg) / TRACK_ENTRY;
	t->msg = malloc(max * TRACK_ENTRY);
	t->page = malloc(max * sizeof(*t->page));
	if (!t->msg || !t->page)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, TRACK_SYND_MEMORY, "no memory");
	return track_take_ranges(cmd, t);
}

enum ifc_status fwsim_cmd_create_general_object(struct fwsim_cmd *cmd)
{
	enum ifc_status st = track_gate(cmd);
	struct fwsim_page_track *t;

	if (st != IFC_ST_OK)
		return st;
	t = calloc(1, sizeof(*t));
	if (!t)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, TRACK_SYND_MEMORY, "no memory");
	t->owner = cmd->vhca;
	t->timer = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = track_wait_expired };
	st = track_fill(cmd, t);
	if (st == IFC_ST_OK) {
		st = fwsim_table_add(&cmd->fw->track, &t->obj);
		if (st != IFC_ST_OK)
			fwsim_refuse(cmd, st, TRACK_SYND_MEMORY, "no room for a page tracker more");
	}
	if (st != IFC_ST_OK) {
		track_free(t);
		return st;
	}
	t->qp->obj.refs++;
	t->next = t->target->tracks;
	t->target->tracks = t;
	IFC_SET(general_obj_out_cmd_hdr, cmd->out, obj_id, t->obj.id);
	if (fwsim_does(&cmd->act, FWSIM_DO_ERROR)) {
		track_fail(t, "a fault rule");
		track_tell(t); /* before its owner has the answer */
	}
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_modify_general_object(struct fwsim_cmd *cmd)
{
	uint64_t start, len, select;
	struct fwsim_page_track *t;
	enum ifc_status st = track_find(cmd, &t);
	const uint8_t *ctx;

	if (st != IFC_ST_OK)
		return st;
	ctx = IFC_CPTR(modify_page_track_obj_in, cmd->in, obj_context);
	select = IFC_GET64(page_track, ctx, modify_field_select);
	start = IFC_GET64(page_track, ctx, range_start_address);
	len = IFC_GET64(page_track, ctx, length);
	if (select != TRACK_MODIFY)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_FIELD,
				    "modify_field_select 0x%llx is not 0x%x, state and window",
				    (unsigned long long)select, TRACK_MODIFY);
	st = track_out_of(cmd, "state", IFC_GET(page_track, ctx, state), REPORTING, REPORTING);
	if (st != IFC_ST_OK)
		return st;
	if (!len || start > UINT64_MAX - (len - 1))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, TRACK_SYND_RANGE,
				    "0x%llx bytes at 0x%llx are no window",
				    (unsigned long long)len, (unsigned long long)start);
	if (t->state == REPORTING)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES_STATE, TRACK_SYND_STATE,
				    "page tracker 0x%x is reporting", t->obj.id);
	if (t->state != TRACKING) /* the event that says so may be under way */
		return fwsim_decline(cmd, IFC_ST_BAD_RES_STATE, TRACK_SYND_STATE,
				     "page tracker 0x%x has had an error", t->obj.id);
	t->first = start;
	t->last = start + (len - 1);
	t->cursor = start >> t->log_page;
	t->state = REPORTING;
	cmd->fw->work = true; /* the first message comes after the answer */
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_general_object(struct fwsim_cmd *cmd)
{
	struct fwsim_page_track *t;
	enum ifc_status st = track_find(cmd, &t);
	uint8_t *ctx;

	if (st != IFC_ST_OK)
		return st;
	ctx = IFC_PTR(query_page_track_obj_out, cmd->out, obj_context);
	IFC_SET(general_obj_out_cmd_hdr, cmd->out, obj_id, t->obj.id);
	IFC_SET(page_track, ctx, vhca_id, t->target->vhca_id);
	IFC_SET(page_track, ctx, state, t->state);
	IFC_SET(page_track, ctx, track_type, TRACK_BY_QP);
	IFC_SET(page_track, ctx, log_addr_space_size, t->log_space);
	IFC_SET(page_track, ctx, log_page_size, t->log_page);
	IFC_SET(page_track, ctx, log_msg_size, t->log_msg);
	IFC_SET(page_track, ctx, reporting_qpn, t->qp->obj.id);
	IFC_SET(page_track, ctx, num_ranges, t->ranges);
	if (t->state == REPORTING) {
		IFC_SET64(page_track, ctx, range_start_address, t->first);
		IFC_SET64(page_track, ctx, length, t->last - t->first + 1);
	}
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_general_object(struct fwsim_cmd *cmd)
{
	struct fwsim_page_track *t;
	enum ifc_status st = track_find(cmd, &t);

	if (st == IFC_ST_OK)
		track_destroy(t);
	return st;
}
