// SPDX-License-Identifier: GPL-2.0-or-later
/* The control protocol: lines to words, words to verbs. What a verb does is in the file it is about. */
#include "control.h"

#include <errno.h>

/* ---- answers --------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 0)))
answer(struct fwsim_ctl *c, const char *prefix, const char *fmt, va_list ap)
{
	char line[FWSIM_CTL_LINE];
	int n = snprintf(line, sizeof(line), "%s", prefix);

	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	c->out(c->arg, line);
}

void fwsim_ctl_print(struct fwsim_ctl *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer(c, "  ", fmt, ap);
	va_end(ap);
}

bool fwsim_ctl_error(struct fwsim_ctl *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer(c, "error: ", fmt, ap);
	va_end(ap);
	return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

int fwsim_ctl_base(const char *word)
{
	return word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10;
}

bool fwsim_ctl_u64(struct fwsim_ctl *c, const char *word, const char *what, uint64_t min, uint64_t max,
		   uint64_t *val)
{
	char *end;

	if (!word)
		return fwsim_ctl_error(c, "%s: %s is missing", c->word[0], what);
	errno = 0;
	*val = strtoull(word, &end, fwsim_ctl_base(word));
	if (errno || end == word || *end || *word == '-' || *word == '+' || *val < min || *val > max)
		return fwsim_ctl_error(c, "%s: %s '%s' is not a number from %llu to %llu", c->word[0],
				       what, word, (unsigned long long)min,
				       (unsigned long long)max);
	return true;
}

bool fwsim_ctl_fn(struct fwsim_ctl *c, const char *word, struct fwsim_vhca **v)
{
	unsigned int i;
	char end;

	if (!word)
		return fwsim_ctl_error(c, "%s: which function? pf, vf0, vf1, …", c->word[0]);
	*v = NULL;
	if (!strcmp(word, "pf"))
		*v = fwsim_vhca_by_fn(c->fw, 0);
	else if (word[0] == 'v' && word[1] == 'f' && word[2] >= '0' && word[2] <= '9' &&
		 sscanf(word + 2, "%3u%c", &i, &end) == 1)
		*v = fwsim_vhca_by_fn(c->fw, i + 1);
	if (*v)
		return true;
	if (c->fw->nfn == 1)
		return fwsim_ctl_error(c, "%s: there is no function '%s'; this card has pf only",
				       c->word[0], word);
	return fwsim_ctl_error(c, "%s: there is no function '%s'; pf, or vf0 to vf%u", c->word[0],
			       word, c->fw->nfn - 2);
}

const char *fwsim_ctl_value(const char *word, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(word, name, n) && word[n] == '=' ? word + n + 1 : NULL;
}

const char *fwsim_ctl_fn_name(const struct fwsim_vhca *v, char buf[8])
{
	if (v->fn)
		snprintf(buf, 8, "vf%u", (v->fn - 1) & 0x7f);
	else
		snprintf(buf, 8, "pf");
	return buf;
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static fwsim_verb verb_help, verb_echo, verb_health, verb_timers;

static const struct {
	const char *name, *args, *text;
	unsigned int min; /* least words after the verb */
	fwsim_verb *fn;
} verbs[] = {
	{ "help", "", "this list", 0, verb_help },
	{ "echo", "WORD", "the word, to tell one's own answers from older ones", 1, verb_echo },
	{ "health", "FN SYNDROME [rfr]",
	  "health syndrome that the init segment of FN shows from now on, 0 = none; with rfr it asks the "
	  "driver for a reset of the firmware, which ends it",
	  2, verb_health },
	{ "timers", "", "how many timers of the card are armed now, and have expired so far", 0, verb_timers },
	{ "oracle", "writes|violations|hash …",
	  "what the simulator knows and a card would not tell: writes start FN [LOG_PAGE]; writes list FN "
	  "[IOVA [LENGTH]]; writes count|stop FN; violations [count|clear]; hash FN",
	  1, fwsim_verb_oracle },
	{ "record", "on [CLASS,…]|off|stat|flush",
	  "record what happens; CLASS is cmd, event, state, error (these by default), cqe, doorbell",
	  1, fwsim_verb_record },
	{ "eswitch", "drops|clear", "how many frames the eSwitch has thrown away, by reason; or forget that", 1,
	  fwsim_verb_eswitch },
	{ "fault", "add SITE [FILTER…] ACTION… | list | remove ID | clear | sites [reset|off]",
	  "rules of what is to go wrong, where and when", 1, fwsim_verb_fault },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool verb_help(struct fwsim_ctl *c)
{
	for (unsigned int i = 0; i < N_VERBS; i++)
		fwsim_ctl_print(c, "%s%s%s: %s", verbs[i].name, *verbs[i].args ? " " : "",
				verbs[i].args, verbs[i].text);
	return true;
}

static bool verb_echo(struct fwsim_ctl *c)
{
	if (c->n != 2)
		return fwsim_ctl_error(c, "echo: one word");
	fwsim_ctl_print(c, "%s", c->word[1]);
	return true;
}

static bool verb_health(struct fwsim_ctl *c)
{
	struct fwsim_vhca *v;
	uint64_t synd;

	if (!fwsim_ctl_fn(c, c->word[1], &v) ||
	    !fwsim_ctl_u64(c, c->word[2], "the syndrome", 0, 0xff, &synd))
		return false;
	if (c->n > 4 || (c->n == 4 && strcmp(c->word[3], "rfr")))
		return fwsim_ctl_error(c, "health: what is '%s'?", c->word[c->n - 1]);
	v->health_synd = (uint8_t)synd;
	v->health_rfr = synd && c->n == 4;
	return true;
}

static bool verb_timers(struct fwsim_ctl *c)
{
	const struct fwsim_timer *t;
	unsigned int armed = 0;

	if (c->n > 1)
		return fwsim_ctl_error(c, "timers: what is '%s'?", c->word[1]);
	for (t = c->fw->timers; t; t = t->next)
		armed++;
	fwsim_ctl_print(c, "armed %u", armed);
	fwsim_ctl_print(c, "expired %llu", (unsigned long long)c->fw->timers_expired);
	return true;
}

/* ---- a line ---------------------------------------------------------------------------------- */

static bool run_verb(struct fwsim_ctl *c)
{
	for (unsigned int i = 0; i < N_VERBS; i++) {
		if (strcmp(c->word[0], verbs[i].name))
			continue;
		if (c->n - 1 < verbs[i].min)
			return fwsim_ctl_error(c, "usage: %s %s", verbs[i].name, verbs[i].args);
		return verbs[i].fn(c);
	}
	return fwsim_ctl_error(c, "no verb '%s'; try help", c->word[0]);
}

bool fwsim_control(struct fwsim *fw, const char *line, fwsim_out *out, void *arg)
{
	struct fwsim_ctl c = { .fw = fw, .out = out, .arg = arg };
	char copy[FWSIM_CTL_LINE + 1], *save = NULL, *w;
	bool ok;

	if (strlen(line) > FWSIM_CTL_LINE)
		return fwsim_ctl_error(&c, "a line has %u characters at most", FWSIM_CTL_LINE);
	strcpy(copy, line);
	for (w = strtok_r(copy, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
		if (c.n == FWSIM_CTL_WORDS)
			return fwsim_ctl_error(&c, "a line has %u words at most", FWSIM_CTL_WORDS);
		c.word[c.n++] = w;
	}
	ok = !c.n || *c.word[0] == '#' || run_verb(&c);
	if (ok)
		out(arg, "ok");
	return ok;
}
