// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fault rules: their words, which of them fire, and how often each site was passed. What an action does
 * is in the file of its site. Rules belong to the card: no reset of a function touches them.
 *
 * Every rule that fits a site counts the passage; it fires on passages nth .. nth + count - 1. Of several
 * that fire at once all act, and the oldest one's value counts.
 */
#include "control.h"

#define MAX_RULES 256
#define MAX_HELD 4096
#define MAX_COUNTS 1024 /* of (site, function) */
#define COUNT_SLOTS (2 * MAX_COUNTS)
#define MAX_NS 1000000000000000ULL /* 11 days */
#define ANY UINT32_MAX

struct rule {
	uint32_t id;
	enum fwsim_fault_site site;
	uint32_t what, fn, state; /* ANY */
	uint64_t nth, count;
	uint64_t seen, hits;
	struct fwsim_fault_act act;
	struct rule *next;
};

struct held {
	struct fwsim_timer timer;
	struct fwsim_vhca *v;
	struct fwsim_eqe eqe;
	bool due;
	struct held *next;
};

struct passage {
	uint16_t site, what;
	uint32_t fn;
	uint64_t n;
};

struct fwsim_faults {
	struct rule *rules; /* oldest first */
	unsigned int n;
	uint32_t last_id;
	struct held *held; /* oldest first */
	unsigned int held_n;
	bool counting;
	struct passage count[MAX_COUNTS]; /* in order of the first passage */
	unsigned int counts;
	uint64_t uncounted;
	uint16_t slot[COUNT_SLOTS]; /* index + 1 into count, by hash; 0 = none */
};

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const site_name[FWSIM_FAULT_SITES] = {
	[FWSIM_AT_CMD] = "cmd",
	[FWSIM_AT_EQE] = "eqe",
	[FWSIM_AT_CQE] = "cqe",
	[FWSIM_AT_DMA_READ] = "dma:read",
	[FWSIM_AT_DMA_WRITE] = "dma:write",
	[FWSIM_AT_TRACK] = "track",
};

static const struct name {
	const char *name;
	unsigned int val;
} event_name[] = {
	{ "COMP", IFC_EVENT_COMP },
	{ "CQ_ERROR", IFC_EVENT_CQ_ERROR },
	{ "WQ_CATAS_ERROR", IFC_EVENT_WQ_CATAS_ERROR },
	{ "PORT_CHANGE", IFC_EVENT_PORT_CHANGE },
	{ "CMD", IFC_EVENT_CMD },
	{ "PAGE_REQUEST", IFC_EVENT_PAGE_REQUEST },
	{ "NIC_VPORT_CHANGE", IFC_EVENT_NIC_VPORT_CHANGE },
	{ "WQ_INVAL_REQ_ERROR", IFC_EVENT_WQ_INVAL_REQ_ERROR },
	{ "WQ_ACCESS_ERROR", IFC_EVENT_WQ_ACCESS_ERROR },
	{ "OBJECT_CHANGE", IFC_EVENT_OBJECT_CHANGE },
	{ NULL, 0 },
}, state_name[] = {
	{ "running", FWSIM_MIG_RUNNING },
	{ "p2p", FWSIM_MIG_INITIATOR_STOPPED },
	{ "stopped", FWSIM_MIG_STOPPED },
	{ NULL, 0 },
}, status_name[] = {
	{ "OK", IFC_ST_OK },
	{ "INTERNAL_ERR", IFC_ST_INTERNAL_ERR },
	{ "BAD_OP", IFC_ST_BAD_OP },
	{ "BAD_PARAM", IFC_ST_BAD_PARAM },
	{ "BAD_SYS_STATE", IFC_ST_BAD_SYS_STATE },
	{ "BAD_RES", IFC_ST_BAD_RES },
	{ "RES_BUSY", IFC_ST_RES_BUSY },
	{ "NOT_READY", IFC_ST_NOT_READY },
	{ "LIM_ERR", IFC_ST_LIM_ERR },
	{ "BAD_RES_STATE", IFC_ST_BAD_RES_STATE },
	{ "BAD_INDEX", IFC_ST_BAD_INDEX },
	{ "NO_RESOURCES", IFC_ST_NO_RESOURCES },
	{ "BAD_QP_STATE", IFC_ST_BAD_QP_STATE },
	{ "BAD_PKT", IFC_ST_BAD_PKT },
	{ "BAD_SIZE_OUTS_CQES", IFC_ST_BAD_SIZE_OUTS_CQES },
	{ "BAD_INPUT_LEN", IFC_ST_BAD_INPUT_LEN },
	{ "BAD_OUTPUT_LEN", IFC_ST_BAD_OUTPUT_LEN },
	{ NULL, 0 },
};

static const struct name *name_find(const struct name *n, const char *word)
{
	for (; n->name; n++)
		if (!strcmp(n->name, word))
			return n;
	return NULL;
}

static const char *name_of(const struct name *n, unsigned int val)
{
	for (; n->name; n++)
		if (n->val == val)
			return n->name;
	return NULL;
}

#define AT(site) (1u << FWSIM_AT_##site)
#define DO(what) (1u << FWSIM_DO_##what)

/* A command that is not executed has no effect that could be spoiled. */
#define OF_IMAGE (DO(FLIP) | DO(SHORT) | DO(ZERO) | DO(LARGER))

static const struct action {
	const char *name;
	uint32_t sites, not_with;
	uint64_t min, max;	 /* of those with a value */
	uint16_t op, op2;	 /* for these opcodes only, if not 0 */
	const struct name *names; /* of values */
} actions[FWSIM_DO_COUNT] = {
	[FWSIM_DO_STATUS] = { "status", AT(CMD), DO(DELIVERY) | DO(LOST) | OF_IMAGE, 0, 0xff, 0, 0,
			      status_name },
	[FWSIM_DO_SYNDROME] = { "syndrome", AT(CMD), 0, 0, UINT32_MAX, 0, 0, NULL },
	[FWSIM_DO_DELIVERY] = { "delivery", AT(CMD), DO(LOST) | OF_IMAGE, 1, 0x7f, 0, 0, NULL },
	[FWSIM_DO_DELAY] = { "delay", AT(CMD) | AT(EQE), DO(LOST), 1, MAX_NS, 0, 0, NULL },
	[FWSIM_DO_LATE] = { "late", AT(CMD), DO(LOST) | DO(SILENT), 1, MAX_NS, 0, 0, NULL },
	[FWSIM_DO_FLIP] = { "flip", AT(CMD), DO(LOST) | DO(ZERO), 0, 1ULL << 40,
			    MLX5_CMD_OP_SAVE_VHCA_STATE, MLX5_CMD_OP_LOAD_VHCA_STATE, NULL },
	[FWSIM_DO_SHORT] = { "short", AT(CMD), DO(LOST) | DO(ZERO), 1, UINT32_MAX,
			     MLX5_CMD_OP_SAVE_VHCA_STATE, 0, NULL },
	[FWSIM_DO_LARGER] = { "larger", AT(CMD), DO(LOST), 1, UINT32_MAX,
			      MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE,
			      MLX5_CMD_OP_SAVE_VHCA_STATE, NULL },
	[FWSIM_DO_LOST] = { "lost", AT(CMD) | AT(EQE) | AT(CQE), DO(SILENT) | DO(TWICE) | DO(ZERO),
			    0, 0, 0, 0, NULL },
	[FWSIM_DO_SILENT] = { "silent", AT(CMD), DO(STATUS) | DO(DELIVERY) | DO(TWICE), 0, 0, 0, 0,
			      NULL },
	[FWSIM_DO_TWICE] = { "twice", AT(CMD) | AT(EQE) | AT(CQE), 0, 0, 0, 0, 0, NULL },
	[FWSIM_DO_ZERO] = { "zero", AT(CMD), 0, 0, 0, MLX5_CMD_OP_SAVE_VHCA_STATE, 0, NULL },
	[FWSIM_DO_REFUSED] = { "refused", AT(DMA_READ) | AT(DMA_WRITE), 0, 0, 0, 0, 0, NULL },
	[FWSIM_DO_ERROR] = { "error", AT(CMD) | AT(TRACK), DO(STATUS) | DO(DELIVERY) | DO(LOST), 0, 0,
			     MLX5_CMD_OP_CREATE_GENERAL_OBJECT, 0, NULL },
};

static const char *site_text(enum fwsim_fault_site site, uint32_t what, char buf[64])
{
	const struct fwsim_op *op;
	const char *name = NULL;

	if (site > FWSIM_AT_EQE)
		return site_name[site];
	if (what == ANY) {
		name = "*";
	} else if (site == FWSIM_AT_CMD) {
		op = fwsim_op_find((uint16_t)what);
		name = op ? op->name : NULL;
	} else {
		name = name_of(event_name, what);
	}
	if (name)
		snprintf(buf, 64, "%s:%s", site_name[site], name);
	else
		snprintf(buf, 64, "%s:0x%x", site_name[site], what);
	return buf;
}

static const char *fn_text(struct fwsim *fw, uint32_t fn, char buf[8])
{
	return fwsim_ctl_fn_name(fwsim_vhca_by_fn(fw, fn), buf);
}

/* The rule as it could be given again, without its verb. */
static void rule_text(struct fwsim *fw, const struct rule *r, char *buf, size_t len)
{
	char site[64], fn[8];
	size_t n = 0;

	n += (size_t)snprintf(buf + n, len - n, "%s", site_text(r->site, r->what, site));
	if (r->fn != ANY)
		n += (size_t)snprintf(buf + n, len - n, " fn=%s", fn_text(fw, r->fn, fn));
	if (r->state != ANY)
		n += (size_t)snprintf(buf + n, len - n, " state=%s", name_of(state_name, r->state));
	n += (size_t)snprintf(buf + n, len - n, " nth=%llu count=%llu", (unsigned long long)r->nth,
			      (unsigned long long)r->count);
	for (unsigned int i = 0; i < FWSIM_DO_COUNT; i++) {
		if (!fwsim_does(&r->act, i))
			continue;
		if (i < FWSIM_DO_VALUES)
			n += (size_t)snprintf(buf + n, len - n, " %s=%llu", actions[i].name,
					      (unsigned long long)r->act.val[i]);
		else
			n += (size_t)snprintf(buf + n, len - n, " %s", actions[i].name);
	}
}

#define RULE_TEXT 512 /* every word with its longest value fits */

/* ---- reading a rule -------------------------------------------------------------------------- */

static bool parse_number(const char *word, uint32_t max, uint32_t *val)
{
	char *end;
	unsigned long n = strtoul(word, &end, fwsim_ctl_base(word));

	if (*word < '0' || *word > '9' || *end || n > max)
		return false;
	*val = (uint32_t)n;
	return true;
}

static bool parse_site(struct fwsim_ctl *c, const char *word, struct rule *r)
{
	const struct fwsim_op *op;
	const struct name *name;
	const char *what;

	r->what = ANY;
	for (unsigned int i = FWSIM_AT_CQE; i < FWSIM_FAULT_SITES; i++) {
		if (strcmp(word, site_name[i]))
			continue;
		r->site = i;
		return true;
	}
	if (!strncmp(word, "cmd:", 4)) {
		r->site = FWSIM_AT_CMD;
		what = word + 4;
		op = fwsim_op_named(what);
		if (op)
			r->what = op->opcode;
		if (op || !strcmp(what, "*") || parse_number(what, 0xffff, &r->what))
			return true;
		return fwsim_ctl_error(c, "fault: there is no command '%s'", what);
	}
	if (!strncmp(word, "eqe:", 4)) {
		r->site = FWSIM_AT_EQE;
		what = word + 4;
		name = name_find(event_name, what);
		if (name)
			r->what = name->val;
		if (name || !strcmp(what, "*") || parse_number(what, 0xff, &r->what))
			return true;
		return fwsim_ctl_error(c, "fault: there is no event type '%s'", what);
	}
	return fwsim_ctl_error(c, "fault: there is no site '%s'; cmd:OPCODE, eqe:TYPE, cqe, dma:read, "
			       "dma:write, track", word);
}

static bool action_fits(const struct action *a, const struct rule *r)
{
	if (!(a->sites >> r->site & 1))
		return false;
	return r->site != FWSIM_AT_CMD || !a->op || r->what == a->op || (a->op2 && r->what == a->op2);
}

/* Filters that a rule has been given, to refuse a second one. */
enum { F_FN = 1, F_STATE = 2, F_NTH = 4, F_COUNT = 8 };

/* Find out whether the rule has that action; false: an error has been said. *@known: it is an action. */
static bool parse_action(struct fwsim_ctl *c, const char *word, struct rule *r, bool *known)
{
	const struct name *name;
	const char *val = NULL;
	unsigned int i;

	*known = false;
	for (i = 0; i < FWSIM_DO_COUNT; i++) {
		if (i < FWSIM_DO_VALUES)
			val = fwsim_ctl_value(word, actions[i].name);
		if (i < FWSIM_DO_VALUES ? !!val : !strcmp(word, actions[i].name))
			break;
	}
	if (i == FWSIM_DO_COUNT)
		return true;
	*known = true;
	if (!action_fits(&actions[i], r))
		return fwsim_ctl_error(c, "fault: %s is no action of this site", actions[i].name);
	if (fwsim_does(&r->act, i))
		return fwsim_ctl_error(c, "fault: %s twice", actions[i].name);
	r->act.set |= 1u << i;
	if (i >= FWSIM_DO_VALUES)
		return true;
	name = actions[i].names ? name_find(actions[i].names, val) : NULL;
	if (name) {
		r->act.val[i] = name->val;
		return true;
	}
	return fwsim_ctl_u64(c, val, actions[i].name, actions[i].min, actions[i].max,
			     &r->act.val[i]);
}

static bool filter_once(struct fwsim_ctl *c, unsigned int *given, unsigned int bit, const char *name)
{
	if (*given & bit)
		return fwsim_ctl_error(c, "fault: %s twice", name);
	*given |= bit;
	return true;
}

static bool parse_filter(struct fwsim_ctl *c, const char *word, struct rule *r, unsigned int *given)
{
	const struct name *name;
	struct fwsim_vhca *v;
	const char *val;

	if ((val = fwsim_ctl_value(word, "fn"))) {
		if (!filter_once(c, given, F_FN, "fn") || !fwsim_ctl_fn(c, val, &v))
			return false;
		r->fn = v->fn;
		return true;
	}
	if ((val = fwsim_ctl_value(word, "state"))) {
		name = name_find(state_name, val);
		if (!name)
			return fwsim_ctl_error(c, "fault: state '%s' is not running, p2p or stopped",
					       val);
		r->state = name->val;
		return filter_once(c, given, F_STATE, "state");
	}
	if ((val = fwsim_ctl_value(word, "nth")))
		return filter_once(c, given, F_NTH, "nth") &&
		       fwsim_ctl_u64(c, val, "nth", 1, UINT64_MAX, &r->nth);
	if ((val = fwsim_ctl_value(word, "count")))
		return filter_once(c, given, F_COUNT, "count") &&
		       fwsim_ctl_u64(c, val, "count", 0, UINT64_MAX, &r->count);
	return fwsim_ctl_error(c, "fault: what is '%s'?", word);
}

static bool parse_rule(struct fwsim_ctl *c, struct rule *r)
{
	unsigned int given = 0;

	if (!c->word[2])
		return fwsim_ctl_error(c, "fault: at which site?");
	if (!parse_site(c, c->word[2], r))
		return false;
	for (unsigned int i = 3; i < c->n; i++) {
		bool known;

		if (!parse_action(c, c->word[i], r, &known) ||
		    (!known && !parse_filter(c, c->word[i], r, &given)))
			return false;
	}
	if (!r->act.set)
		return fwsim_ctl_error(c, "fault: what is to be done there?");
	if (fwsim_does(&r->act, FWSIM_DO_SYNDROME) && !fwsim_does(&r->act, FWSIM_DO_STATUS))
		return fwsim_ctl_error(c, "fault: a syndrome belongs to a status");
	for (unsigned int i = 0; i < FWSIM_DO_COUNT; i++) {
		if (!fwsim_does(&r->act, i))
			continue;
		for (unsigned int k = 0; k < FWSIM_DO_COUNT; k++)
			if (actions[i].not_with & r->act.set & 1u << k)
				return fwsim_ctl_error(c, "fault: %s and %s do not go together",
						       actions[i].name, actions[k].name);
	}
	return true;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static struct fwsim_faults *faults_get(struct fwsim *fw)
{
	if (!fw->faults)
		fw->faults = calloc(1, sizeof(*fw->faults));
	return fw->faults;
}

static void faults_update(struct fwsim *fw)
{
	fw->fault_on = fw->faults->rules || fw->faults->counting;
}

static bool fault_add(struct fwsim_ctl *c)
{
	struct rule r = { .what = ANY, .fn = ANY, .state = ANY, .nth = 1, .count = 1 };
	struct fwsim_faults *f;
	struct rule **p, *made;

	if (!parse_rule(c, &r))
		return false;
	f = faults_get(c->fw);
	made = f ? malloc(sizeof(*made)) : NULL;
	if (!made)
		return fwsim_ctl_error(c, "fault: no memory");
	if (f->n == MAX_RULES) {
		free(made);
		return fwsim_ctl_error(c, "fault: there are %u rules already", MAX_RULES);
	}
	r.id = r.act.rule = ++f->last_id;
	*made = r;
	for (p = &f->rules; *p; p = &(*p)->next)
		;
	*p = made;
	f->n++;
	faults_update(c->fw);
	fwsim_ctl_print(c, "rule %u", r.id);
	return true;
}

static bool fault_list(struct fwsim_ctl *c)
{
	const struct fwsim_faults *f = c->fw->faults;
	char text[RULE_TEXT];

	for (const struct rule *r = f ? f->rules : NULL; r; r = r->next) {
		rule_text(c->fw, r, text, sizeof(text));
		fwsim_ctl_print(c, "rule %u %s seen=%llu hits=%llu", r->id, text,
				(unsigned long long)r->seen, (unsigned long long)r->hits);
	}
	return true;
}

static bool fault_remove(struct fwsim_ctl *c)
{
	struct fwsim_faults *f = c->fw->faults;
	struct rule **p, *r;
	uint64_t id;

	if (!fwsim_ctl_u64(c, c->word[2], "the rule's number", 1, UINT32_MAX, &id))
		return false;
	for (p = f ? &f->rules : NULL; p && *p && (*p)->id != id; p = &(*p)->next)
		;
	if (!p || !*p)
		return fwsim_ctl_error(c, "fault: there is no rule %llu", (unsigned long long)id);
	r = *p;
	*p = r->next;
	free(r);
	f->n--;
	faults_update(c->fw);
	return true;
}

static void rules_free(struct fwsim_faults *f)
{
	struct rule *r;

	while ((r = f->rules)) {
		f->rules = r->next;
		free(r);
	}
	f->n = 0;
}

static bool fault_clear(struct fwsim_ctl *c)
{
	if (c->fw->faults) {
		rules_free(c->fw->faults);
		faults_update(c->fw);
	}
	return true;
}

static bool fault_sites(struct fwsim_ctl *c)
{
	struct fwsim_faults *f;
	char site[64], fn[8];

	if (c->n == 3 && (!strcmp(c->word[2], "reset") || !strcmp(c->word[2], "off"))) {
		f = faults_get(c->fw);
		if (!f)
			return fwsim_ctl_error(c, "fault: no memory");
		f->counts = 0;
		f->uncounted = 0;
		memset(f->slot, 0, sizeof(f->slot));
		f->counting = *c->word[2] == 'r';
		faults_update(c->fw);
		return true;
	}
	f = c->fw->faults;
	if (!f || !f->counting)
		return fwsim_ctl_error(c, "fault: sites are counted from 'fault sites reset' on");
	for (unsigned int i = 0; i < f->counts; i++) {
		const struct passage *p = &f->count[i];

		fwsim_ctl_print(c, "%s %s %llu", site_text(p->site, p->what, site),
				fn_text(c->fw, p->fn, fn), (unsigned long long)p->n);
	}
	if (f->uncounted)
		fwsim_ctl_print(c, "# %llu passages of further sites", (unsigned long long)f->uncounted);
	return true;
}

bool fwsim_verb_fault(struct fwsim_ctl *c)
{
	static const struct {
		const char *name;
		fwsim_verb *fn;
		unsigned int max; /* words */
	} sub[] = {
		{ "add", fault_add, FWSIM_CTL_WORDS },
		{ "list", fault_list, 2 },
		{ "remove", fault_remove, 3 },
		{ "clear", fault_clear, 2 },
		{ "sites", fault_sites, 3 },
	};

	for (unsigned int i = 0; i < sizeof(sub) / sizeof(sub[0]); i++) {
		if (strcmp(c->word[1], sub[i].name))
			continue;
		if (c->n > sub[i].max || (sub[i].fn == fault_sites && c->n == 3 &&
					  strcmp(c->word[2], "reset") && strcmp(c->word[2], "off")))
			return fwsim_ctl_error(c, "fault: what is '%s'?", c->word[c->n - 1]);
		return sub[i].fn(c);
	}
	return fwsim_ctl_error(c, "fault: what is '%s'? add, list, remove, clear, sites", c->word[1]);
}

/* ---- passing a site -------------------------------------------------------------------------- */

static void count_passage(struct fwsim_faults *f, enum fwsim_fault_site site, unsigned int what,
			  unsigned int fn)
{
	uint32_t key = (uint32_t)site << 24 ^ what << 8 ^ fn;
	unsigned int i = key * 2654435761u >> 8;
	struct passage *p;

	for (;; i++) {
		uint16_t at = f->slot[i %= COUNT_SLOTS];

		if (!at)
			break;
		p = &f->count[at - 1];
		if (p->site == site && p->what == what && p->fn == fn) {
			p->n++;
			return;
		}
	}
	if (f->counts == MAX_COUNTS) {
		f->uncounted++;
		return;
	}
	f->count[f->counts] = (struct passage){ (uint16_t)site, (uint16_t)what, fn, 1 };
	f->slot[i] = (uint16_t)++f->counts;
}

static bool rule_fires(struct rule *r, const struct fwsim_vhca *v, enum fwsim_fault_site site,
		       unsigned int what)
{
	if (r->site != site || (r->what != ANY && r->what != what) ||
	    (r->fn != ANY && r->fn != v->fn) || (r->state != ANY && r->state != v->mig))
		return false;
	r->seen++;
	if (r->seen < r->nth || (r->count && r->seen - r->nth >= r->count))
		return false;
	r->hits++;
	return true;
}

bool fwsim_fault_pass(struct fwsim_vhca *v, enum fwsim_fault_site site, unsigned int what,
		      struct fwsim_fault_act *act)
{
	struct fwsim_faults *f = v->fw->faults;
	char text[RULE_TEXT];

	if (f->counting)
		count_passage(f, site, what, v->fn);
	for (struct rule *r = f->rules; r; r = r->next) {
		if (!rule_fires(r, v, site, what))
			continue;
		if (!act->set)
			act->rule = r->id;
		for (unsigned int i = 0; i < FWSIM_DO_VALUES; i++)
			if (fwsim_does(&r->act, i) && !fwsim_does(act, i))
				act->val[i] = r->act.val[i];
		act->set |= r->act.set;
		rule_text(v->fw, r, text, sizeof(text));
		fwsim_trace_simple(v, FWSIM_TRACE_FAULT, r->id, r->seen, what, text);
	}
	return act->set;
}

/* The function that a command is about: the one it names, else the issuer. */
struct fwsim_vhca *fwsim_cmd_concerns(const struct fwsim_cmd *cmd)
{
	struct fwsim *fw = cmd->fw;
	uint32_t fn = 0;

	switch (cmd->opcode) {
	case MLX5_CMD_OP_SUSPEND_VHCA:
	case MLX5_CMD_OP_RESUME_VHCA:
	case MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE:
	case MLX5_CMD_OP_SAVE_VHCA_STATE:
	case MLX5_CMD_OP_LOAD_VHCA_STATE: /* vhca_id is at the same place in all of them */
		return fwsim_vhca_by_id(fw, (uint16_t)IFC_GET(suspend_vhca_in, cmd->in, vhca_id));
	case MLX5_CMD_OP_CREATE_GENERAL_OBJECT:
		return fwsim_vhca_by_id(fw, (uint16_t)IFC_GET(create_page_track_obj_in, cmd->in,
							      obj_context.vhca_id));
	case MLX5_CMD_OP_MODIFY_GENERAL_OBJECT:
	case MLX5_CMD_OP_QUERY_GENERAL_OBJECT:
	case MLX5_CMD_OP_DESTROY_GENERAL_OBJECT:
		return fwsim_page_track_target(fw, IFC_GET(general_obj_in_cmd_hdr, cmd->in, obj_id));
	case MLX5_CMD_OP_ENABLE_HCA:
	case MLX5_CMD_OP_DISABLE_HCA: /* as ENABLE_HCA */
		fn = IFC_GET(enable_hca_in, cmd->in, function_id);
		break;
	case MLX5_CMD_OP_QUERY_HCA_CAP:
	case MLX5_CMD_OP_SET_HCA_CAP: /* as QUERY_HCA_CAP */
		if (IFC_GET(query_hca_cap_in, cmd->in, other_function))
			fn = IFC_GET(query_hca_cap_in, cmd->in, function_id);
		break;
	case MLX5_CMD_OP_QUERY_VPORT_STATE:
	case MLX5_CMD_OP_MODIFY_VPORT_STATE:
	case MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT:
	case MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT:
	case MLX5_CMD_OP_QUERY_HCA_VPORT_CONTEXT:
	case MLX5_CMD_OP_MODIFY_HCA_VPORT_CONTEXT:
	case MLX5_CMD_OP_QUERY_HCA_VPORT_PKEY:
	case MLX5_CMD_OP_QUERY_VPORT_COUNTER: /* the same place again; the number is the function's */
		if (IFC_GET(query_vport_state_in, cmd->in, other_vport))
			fn = IFC_GET(query_vport_state_in, cmd->in, vport_number);
		break;
	}
	return fn ? fwsim_vhca_by_fn(fw, fn) : NULL;
}

void fwsim_fault_cmd(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v;

	if (!cmd->fw->fault_on)
		return;
	v = fwsim_cmd_concerns(cmd);
	fwsim_fault_pass(v ? v : cmd->vhca, FWSIM_AT_CMD, cmd->opcode, &cmd->act);
}

/* ---- events held back ------------------------------------------------------------------------ */

static void held_free(struct fwsim_faults *f, struct held *h)
{
	struct held **p;

	fwsim_timer_stop(h->v->fw, &h->timer);
	for (p = &f->held; *p != h; p = &(*p)->next)
		;
	*p = h->next;
	f->held_n--;
	free(h);
}

static void held_write(struct fwsim_faults *f, struct held *h)
{
	if (fwsim_eqe_write(h->v, &h->eqe))
		held_free(f, h);
	else
		h->due = true;
}

static void held_expired(struct fwsim *fw, void *arg)
{
	held_write(fw->faults, arg);
}

bool fwsim_fault_hold_eqe(struct fwsim_vhca *v, const struct fwsim_eqe *eqe, uint64_t ns)
{
	struct fwsim_faults *f = v->fw->faults;
	struct held *h = f->held_n < MAX_HELD ? calloc(1, sizeof(*h)) : NULL;
	struct held **p;

	if (!h)
		return false;
	h->timer = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = held_expired, .arg = h };
	h->v = v;
	h->eqe = *eqe;
	for (p = &f->held; *p; p = &(*p)->next)
		;
	*p = h;
	f->held_n++;
	fwsim_timer_start(v->fw, &h->timer, fwsim_now(v->fw) + ns);
	return true;
}

enum held_which { HELD_ALL, HELD_DUE };

static void held_write_all(struct fwsim_vhca *v, enum held_which which)
{
	struct fwsim_faults *f = v->fw->faults;
	struct held *h, *next;

	for (h = f ? f->held : NULL; h; h = next) {
		next = h->next; /* writing one adds none: they do not pass the site again */
		if (h->v == v && (which == HELD_ALL || h->due))
			held_write(f, h);
	}
}

void fwsim_fault_flush_eqes(struct fwsim_vhca *v)
{
	held_write_all(v, HELD_ALL);
}

void fwsim_fault_rescan(struct fwsim_vhca *v)
{
	held_write_all(v, HELD_DUE);
}

void fwsim_fault_forget_eq(struct fwsim_vhca *v, uint32_t eqn)
{
	struct fwsim_faults *f = v->fw->faults;
	struct held *h, *next;

	for (h = f ? f->held : NULL; h; h = next) {
		next = h->next;
		if (h->v == v && h->eqe.eqn == eqn)
			held_free(f, h);
	}
}

void fwsim_fault_fini(struct fwsim *fw)
{
	struct fwsim_faults *f = fw->faults;

	if (!f)
		return;
	rules_free(f);
	while (f->held)
		held_free(f, f->held);
	free(f);
	fw->faults = NULL;
	fw->fault_on = false;
}
