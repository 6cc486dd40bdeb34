// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the simulator knows and a card would not tell: the pages that a function has written by DMA, what
 * its drivers have done wrong, a hash of a VHCA's state. Verb "oracle" of the control protocol.
 *
 * Nothing here has an effect on the card, and resets of the card have none on what is noted here. The
 * pages are noted by code of its own, so that a defect of page tracking does not hide itself.
 */
#include "control.h"

/* ---- pages written ------------------------------------------------------------------------- */

#define CHUNK_LOG 15 /* pages of one bitmap */
#define CHUNK_WORDS (1u << (CHUNK_LOG - 6))
#define CHUNKS_MAX 16384 /* 64 MiB of bitmaps; with pages of 4 KiB these reach over 2 TiB */
#define LIST_LINES 512 /* ranges in one answer */

struct chunk {
	uint64_t first; /* page */
	uint64_t bit[CHUNK_WORDS];
};

/* The pages that one function has written, as bitmaps in order of address. */
struct fwsim_writes {
	unsigned int log_page;
	bool overflow; /* some are missing */
	uint64_t pages;
	uint32_t n, cap;
	struct chunk **chunk;
};

void fwsim_writes_free(struct fwsim_writes *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->n; i++)
		free(w->chunk[i]);
	free(w->chunk);
	free(w);
}

/* Place of the first bitmap that ends behind @page. */
static uint32_t chunk_find(const struct fwsim_writes *w, uint64_t page)
{
	uint32_t lo = 0, hi = w->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->chunk[mid]->first + (1u << CHUNK_LOG) - 1 < page)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The bitmap of @page, made if it is not there. NULL: no more room. */
static struct chunk *chunk_get(struct fwsim_writes *w, uint64_t page)
{
	uint32_t i = chunk_find(w, page);
	struct chunk *c;

	if (i < w->n && w->chunk[i]->first <= page)
		return w->chunk[i];
	if (w->n == CHUNKS_MAX)
		return NULL;
	if (w->n == w->cap) {
		uint32_t cap = w->cap ? 2 * w->cap : 16;
		struct chunk **p = realloc(w->chunk, cap * sizeof(*p));

		if (!p)
			return NULL;
		w->chunk = p;
		w->cap = cap;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->first = page >> CHUNK_LOG << CHUNK_LOG;
	memmove(&w->chunk[i + 1], &w->chunk[i], (w->n - i) * sizeof(w->chunk[0]));
	w->chunk[i] = c;
	w->n++;
	return c;
}

void fwsim_writes_note(struct fwsim_vhca *v, uint64_t addr, size_t len)
{
	struct fwsim_writes *w = v->writes;
	uint64_t page = addr >> w->log_page, last = (addr + (len - 1)) >> w->log_page;
	struct chunk *c = NULL;

	for (;; page++) {
		uint32_t i = page & ((1u << CHUNK_LOG) - 1);

		if (!c || !i)
			c = chunk_get(w, page);
		if (!c) {
			w->overflow = true;
			return;
		}
		w->pages += !(c->bit[i / 64] >> i % 64 & 1);
		c->bit[i / 64] |= 1ULL << i % 64;
		if (page == last)
			return;
	}
}

/* First page from @page on that is noted (@want) or is not, in one bitmap; its end if there is none. */
static uint64_t chunk_scan(const struct chunk *c, uint64_t page, bool want)
{
	uint32_t i = (uint32_t)(page - c->first);

	while (i < 1u << CHUNK_LOG) {
		uint64_t word = (want ? c->bit[i / 64] : ~c->bit[i / 64]) >> i % 64;

		if (word)
			return c->first + i + (unsigned int)__builtin_ctzll(word);
		i = (i / 64 + 1) * 64;
	}
	return c->first + (1u << CHUNK_LOG);
}

/* The first run of noted pages from @page on: [*first, *end). False: there is none. */
static bool run_next(const struct fwsim_writes *w, uint64_t page, uint64_t *first, uint64_t *end)
{
	uint32_t i = chunk_find(w, page);

	for (; i < w->n; i++) {
		const struct chunk *c = w->chunk[i];

		*first = chunk_scan(c, page > c->first ? page : c->first, true);
		if (*first < c->first + (1u << CHUNK_LOG))
			break;
	}
	if (i == w->n)
		return false;
	*end = chunk_scan(w->chunk[i], *first, false);
	while (++i < w->n && w->chunk[i]->first == *end)
		*end = chunk_scan(w->chunk[i], *end, false);
	return true;
}

static bool writes_start(struct fwsim_ctl *c, struct fwsim_vhca *v)
{
	uint64_t log_page = 12;
	struct fwsim_writes *w;

	if (c->n > 5)
		return fwsim_ctl_error(c, "oracle writes start: what is '%s'?", c->word[5]);
	if (c->n > 4 && !fwsim_ctl_u64(c, c->word[4], "the log of the page size", 12, 30, &log_page))
		return false;
	w = calloc(1, sizeof(*w));
	if (!w)
		return fwsim_ctl_error(c, "oracle: no memory");
	w->log_page = (unsigned int)log_page;
	fwsim_writes_free(v->writes);
	v->writes = w;
	return true;
}

static bool writes_list(struct fwsim_ctl *c, const struct fwsim_writes *w)
{
	uint64_t iova = 0, len = 0, page, last = UINT64_MAX >> w->log_page, first = 0, end = 0;

	if (c->n > 6)
		return fwsim_ctl_error(c, "oracle writes list: what is '%s'?", c->word[6]);
	if (c->n > 4 && !fwsim_ctl_u64(c, c->word[4], "the address", 0, UINT64_MAX, &iova))
		return false;
	if (c->n > 5) {
		if (!fwsim_ctl_u64(c, c->word[5], "the length", 1, UINT64_MAX, &len))
			return false;
		if (iova > UINT64_MAX - (len - 1))
			return fwsim_ctl_error(c, "oracle: 0x%llx bytes at 0x%llx are no range",
					       (unsigned long long)len, (unsigned long long)iova);
		last = (iova + (len - 1)) >> w->log_page;
	}
	page = iova >> w->log_page;
	for (unsigned int n = 0; run_next(w, page, &first, &end) && first <= last; n++) {
		if (n == LIST_LINES) {
			/* the words to ask with for the rest */
			iova = first << w->log_page;
			len = ((last - first) << w->log_page) + (1ULL << w->log_page);
			if (c->n > 5)
				fwsim_ctl_print(c, "more 0x%llx 0x%llx", (unsigned long long)iova,
						(unsigned long long)len);
			else
				fwsim_ctl_print(c, "more 0x%llx", (unsigned long long)iova);
			return true;
		}
		if (end > last)
			end = last + 1;
		fwsim_ctl_print(c, "0x%llx 0x%llx", (unsigned long long)first << w->log_page,
				(unsigned long long)(end - first) << w->log_page);
		if (end > last)
			return true;
		page = end;
	}
	return true;
}

static bool oracle_writes(struct fwsim_ctl *c)
{
	char name[8];
	struct fwsim_vhca *v;
	const char *what = c->word[2];

	if (!what || (strcmp(what, "start") && strcmp(what, "list") && strcmp(what, "count") &&
		      strcmp(what, "stop")))
		return fwsim_ctl_error(c, "oracle writes: start, list, count or stop?");
	if (!fwsim_ctl_fn(c, c->word[3], &v))
		return false;
	if (!strcmp(what, "start"))
		return writes_start(c, v);
	if (!v->writes)
		return fwsim_ctl_error(c, "oracle: the writes of %s are not noted",
				       fwsim_ctl_fn_name(v, name));
	if (c->n > 4 && strcmp(what, "list"))
		return fwsim_ctl_error(c, "oracle writes %s: what is '%s'?", what, c->word[4]);
	if (!strcmp(what, "stop")) {
		fwsim_writes_free(v->writes);
		v->writes = NULL;
		return true;
	}
	if (v->writes->overflow)
		return fwsim_ctl_error(c, "oracle: overflow, %s has written more pages than can be noted",
				       fwsim_ctl_fn_name(v, name));
	if (!strcmp(what, "list"))
		return writes_list(c, v->writes);
	fwsim_ctl_print(c, "%llu", (unsigned long long)v->writes->pages);
	return true;
}

/* ---- violations ------------------------------------------------------------------------------ */

#define VIOLATIONS 1024

struct violation {
	uint64_t ns;
	unsigned int fn;
	char source[40], text[160];
};

/* The last ones of @n. */
struct fwsim_violations {
	uint64_t n;
	struct violation ring[VIOLATIONS];
};

static void __attribute__((format(printf, 3, 0)))
violation(struct fwsim_vhca *v, const char *source, const char *fmt, va_list ap)
{
	struct fwsim *fw = v->fw;
	struct violation *bad;

	/* The PF takes a VF away without a word to its driver, which goes on until it sees that. */
	if (v->fn && !v->pf_enabled)
		return;
	fw->violations_n++;
	if (!fw->violations)
		fw->violations = calloc(1, sizeof(*fw->violations));
	if (!fw->violations)
		return; /* it is counted, and listed as dropped */
	bad = &fw->violations->ring[fw->violations->n++ % VIOLATIONS];
	bad->ns = fwsim_now(fw);
	bad->fn = v->fn;
	snprintf(bad->source, sizeof(bad->source), "%s", source);
	vsnprintf(bad->text, sizeof(bad->text), fmt, ap);
}

void fwsim_violation(struct fwsim_vhca *v, const char *source, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	violation(v, source, fmt, ap);
	va_end(ap);
}

/* Is it the driver that is wrong, by the status that it gets? Not if memory or numbers are used up. */
static bool status_blames(enum ifc_status status)
{
	switch (status) {
	case IFC_ST_BAD_OP:
	case IFC_ST_BAD_PARAM:
	case IFC_ST_BAD_SYS_STATE:
	case IFC_ST_BAD_RES:
	case IFC_ST_RES_BUSY:
	case IFC_ST_BAD_RES_STATE:
	case IFC_ST_BAD_INDEX:
	case IFC_ST_BAD_QP_STATE:
	case IFC_ST_BAD_PKT:
	case IFC_ST_BAD_SIZE_OUTS_CQES:
	case IFC_ST_BAD_INPUT_LEN:
	case IFC_ST_BAD_OUTPUT_LEN:
		return true;
	case IFC_ST_OK:
	case IFC_ST_INTERNAL_ERR:
	case IFC_ST_NOT_READY:
	case IFC_ST_LIM_ERR:
	case IFC_ST_NO_RESOURCES:
		break;
	}
	return false;
}

void fwsim_violation_cmd(struct fwsim_cmd *cmd)
{
	/* FW_ERR: memory of ours is used up, or the bus has refused, which has been noted then */
	bool blame = cmd->delivery ? cmd->delivery != IFC_DELIVERY_FW_ERR :
				     !cmd->declined && status_blames(cmd->status);
	const char *source = cmd->op ? cmd->op->name : "cmd";
	const struct fwsim_vhca *about;
	char name[8];

	if (!blame)
		return;
	if (cmd->delivery) {
		fwsim_violation(cmd->vhca, source, "not delivered: %s", cmd->why);
		return;
	}
	about = fwsim_cmd_concerns(cmd);
	if (about && about != cmd->vhca)
		fwsim_violation(cmd->vhca, source, "%s (%s)", cmd->why,
				fwsim_ctl_fn_name(about, name));
	else
		fwsim_violation(cmd->vhca, source, "%s", cmd->why);
}

void fwsim_violation_dma(struct fwsim_vhca *v, uint64_t addr, size_t len, bool write, const char *why)
{
	fwsim_violation(v, "dma", "%s of %zu bytes at 0x%llx: %s", write ? "write" : "read", len,
			(unsigned long long)addr, why);
}

static void violations_list(struct fwsim_ctl *c)
{
	const struct fwsim_violations *all = c->fw->violations;
	uint64_t n = all ? all->n : 0, kept = n < VIOLATIONS ? n : VIOLATIONS;
	char name[8];

	if (c->fw->violations_n > kept)
		fwsim_ctl_print(c, "dropped %llu",
				(unsigned long long)(c->fw->violations_n - kept));
	for (uint64_t i = n - kept; i < n; i++) {
		const struct violation *bad = &all->ring[i % VIOLATIONS];

		fwsim_ctl_print(c, "%llu %s %s: %s", (unsigned long long)bad->ns,
				fwsim_ctl_fn_name(c->fw->vhca[bad->fn], name), bad->source,
				bad->text);
	}
}

static bool oracle_violations(struct fwsim_ctl *c)
{
	const char *what = c->word[2];

	if (c->n > 3 || (what && strcmp(what, "count") && strcmp(what, "clear")))
		return fwsim_ctl_error(c, "oracle violations: what is '%s'?", c->word[c->n - 1]);
	if (!what) {
		violations_list(c);
	} else if (!strcmp(what, "count")) {
		fwsim_ctl_print(c, "%llu", (unsigned long long)c->fw->violations_n);
	} else {
		fwsim_oracle_fini(c->fw);
		c->fw->violations_n = 0;
	}
	return true;
}

void fwsim_oracle_fini(struct fwsim *fw)
{
	free(fw->violations);
	fw->violations = NULL;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static bool oracle_hash(struct fwsim_ctl *c)
{
	struct fwsim_vhca *v;

	if (c->n > 3)
		return fwsim_ctl_error(c, "oracle hash: what is '%s'?", c->word[3]);
	if (!fwsim_ctl_fn(c, c->word[2], &v))
		return false;
	if (!v->fn)
		return fwsim_ctl_error(c, "oracle hash: a PF does not migrate");
	fwsim_bulk_update(v);
	fwsim_ctl_print(c, "%016llx", (unsigned long long)fwsim_image_hash(v));
	return true;
}

bool fwsim_verb_oracle(struct fwsim_ctl *c)
{
	if (!strcmp(c->word[1], "writes"))
		return oracle_writes(c);
	if (!strcmp(c->word[1], "violations"))
		return oracle_violations(c);
	if (!strcmp(c->word[1], "hash"))
		return oracle_hash(c);
	return fwsim_ctl_error(c, "oracle: writes, violations or hash, not '%s'", c->word[1]);
}
