// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A record of what happens on the card, one line each, for the host to keep: docs/recording.rst has the
 * format. Times are virtual and nothing depends on where things are in memory, so that the same run makes
 * the same bytes. Verb "record" of the control protocol.
 */
#include "control.h"

#define RECORD_VERSION 1
#define HEX_MAX 4096 /* bytes of an input or output that are recorded */
#define LINE_MAX_LEN (2 * HEX_MAX + 1024)

static const char *const class_name[] = { "cmd", "event", "state", "error", "cqe", "doorbell" };
enum { C_CMD = 1, C_EVENT = 2, C_STATE = 4, C_ERROR = 8, C_CQE = 16, C_DOORBELL = 32 };
#define C_DEFAULT (C_CMD | C_EVENT | C_STATE | C_ERROR)
#define N_CLASSES (sizeof(class_name) / sizeof(class_name[0]))

struct fwsim_recorder {
	unsigned int classes; /* 0: off */
	bool failed;	      /* the host took no more */
	uint64_t lines, bytes;
	size_t n; /* of the line that is being made */
	char line[LINE_MAX_LEN];
};

/* ---- a line ---------------------------------------------------------------------------------- */

static bool wanted(const struct fwsim *fw, unsigned int class)
{
	return fw->recorder && fw->recorder->classes & class;
}

static void __attribute__((format(printf, 2, 3))) put(struct fwsim_recorder *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->line + r->n, sizeof(r->line) - r->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->n += (size_t)n;
	if (r->n > sizeof(r->line) - 1)
		r->n = sizeof(r->line) - 1;
}

/* " NAME=LENGTH:BYTES"; of many bytes only the first. */
static void put_hex(struct fwsim_recorder *r, const char *name, const uint8_t *p, size_t len)
{
	static const char digit[] = "0123456789abcdef";

	put(r, " %s=%zu:", name, len);
	for (size_t i = 0; p && i < len && i < HEX_MAX && r->n + 2 < sizeof(r->line); i++) {
		r->line[r->n++] = digit[p[i] >> 4];
		r->line[r->n++] = digit[p[i] & 15];
	}
	r->line[r->n] = 0;
}

/* What is said in words ends a line. */
static void put_text(struct fwsim_recorder *r, const char *text)
{
	if (text && *text)
		put(r, " # %s", text);
}

static struct fwsim_recorder *begin(struct fwsim_vhca *v, const char *kind)
{
	struct fwsim_recorder *r = v->fw->recorder;
	char name[8];

	r->n = 0;
	put(r, "%llu %s %s", (unsigned long long)fwsim_now(v->fw), kind, fwsim_ctl_fn_name(v, name));
	return r;
}

static bool end(struct fwsim *fw)
{
	struct fwsim_recorder *r = fw->recorder;

	if (fw->ops->record && !fw->ops->record(fw->host, r->line, r->n)) {
		r->lines++;
		r->bytes += r->n + 1;
		return true;
	}
	r->failed = true;
	r->classes = 0;
	return false;
}

/* ---- what is recorded ------------------------------------------------------------------------- */

static void put_cmd(struct fwsim_recorder *r, const struct fwsim_cmd *cmd)
{
	put(r, " slot=%u op=%s/0x%x mod=0x%x", cmd->slot, cmd->op ? cmd->op->name : "?", cmd->opcode,
	    cmd->op_mod);
}

void fwsim_record_cmd(struct fwsim_cmd *cmd)
{
	struct fwsim_recorder *r;

	if (!wanted(cmd->fw, C_CMD))
		return;
	r = begin(cmd->vhca, "cmd");
	put_cmd(r, cmd);
	put_hex(r, "in", cmd->in, cmd->in_len);
	put(r, " out=%u", cmd->out_len);
	end(cmd->fw);
}

void fwsim_record_done(struct fwsim_cmd *cmd)
{
	struct fwsim_recorder *r;

	if (!wanted(cmd->fw, C_CMD))
		return;
	r = begin(cmd->vhca, "done");
	put_cmd(r, cmd);
	put(r, " delivery=0x%x status=0x%x syndrome=0x%x ns=%llu", cmd->delivery, cmd->status,
	    cmd->syndrome, (unsigned long long)(fwsim_now(cmd->fw) - cmd->started));
	if (!cmd->delivery)
		put_hex(r, "out", cmd->out, cmd->out_len);
	put_text(r, cmd->why);
	end(cmd->fw);
}

void fwsim_record_event(struct fwsim_vhca *v, uint32_t eqn, const uint8_t eqe[64])
{
	struct fwsim_recorder *r;

	if (!wanted(v->fw, C_EVENT))
		return;
	r = begin(v, "eqe");
	put(r, " eqn=%u type=0x%02x sub=0x%02x", eqn, eqe[1], eqe[3]);
	put_hex(r, "data", eqe + 0x20, 28);
	end(v->fw);
}

void fwsim_record_cqe(struct fwsim_vhca *v, uint32_t cqn, const uint8_t cqe[64])
{
	struct fwsim_recorder *r;

	if (!wanted(v->fw, C_CQE))
		return;
	r = begin(v, "cqe");
	put(r, " cqn=0x%x", cqn);
	put_hex(r, "data", cqe, 64);
	end(v->fw);
}

void fwsim_record_trace(struct fwsim_vhca *v, const struct fwsim_trace *t)
{
	struct fwsim *fw = v->fw;
	struct fwsim_recorder *r;

	switch (t->kind) {
	case FWSIM_TRACE_CMD: /* these two have calls of their own */
	case FWSIM_TRACE_EVENT:
		return;
	case FWSIM_TRACE_MSIX:
		if (!wanted(fw, C_EVENT))
			return;
		r = begin(v, "msix");
		put(r, " vector=%u eqn=%u", (unsigned int)t->a, (unsigned int)t->b);
		break;
	case FWSIM_TRACE_STATE:
	case FWSIM_TRACE_RESET:
		if (!wanted(fw, C_STATE))
			return;
		r = begin(v, t->kind == FWSIM_TRACE_STATE ? "state" : "reset");
		break;
	case FWSIM_TRACE_QP:
		if (!wanted(fw, C_STATE))
			return;
		r = begin(v, "qp");
		put(r, " qpn=0x%x", (unsigned int)t->a);
		break;
	case FWSIM_TRACE_DOORBELL:
		if (!wanted(fw, C_DOORBELL))
			return;
		r = begin(v, "doorbell");
		put(r, " offset=0x%llx dw0=0x%08x dw1=0x%08x", (unsigned long long)t->a,
		    (unsigned int)t->b, (unsigned int)t->c);
		break;
	case FWSIM_TRACE_IGNORED:
		if (!wanted(fw, C_ERROR))
			return;
		r = begin(v, "ignored");
		break;
	case FWSIM_TRACE_DMA_ERROR:
		if (!wanted(fw, C_ERROR))
			return;
		r = begin(v, "dma");
		put(r, " %s addr=0x%llx len=%llu", t->c ? "write" : "read", (unsigned long long)t->a,
		    (unsigned long long)t->b);
		break;
	case FWSIM_TRACE_FAULT:
		if (!wanted(fw, C_ERROR))
			return;
		r = begin(v, "fault");
		put(r, " rule=%u passage=%llu", (unsigned int)t->a, (unsigned long long)t->b);
		break;
	default:
		return;
	}
	put_text(r, t->text);
	end(fw);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static void put_classes(struct fwsim_recorder *r, unsigned int classes)
{
	const char *sep = "";

	for (unsigned int i = 0; i < N_CLASSES; i++) {
		if (!(classes >> i & 1))
			continue;
		put(r, "%s%s", sep, class_name[i]);
		sep = ",";
	}
}

static bool record_header(struct fwsim *fw)
{
	const struct fwsim_config *c = &fw->cfg;
	struct fwsim_recorder *r = fw->recorder;

	r->n = 0;
	put(r, "fwsim-record %u time=%llu fw=%u.%u.%u psid=%s mac=%02x:%02x:%02x:%02x:%02x:%02x vfs=%u classes=",
	    RECORD_VERSION, (unsigned long long)fwsim_now(fw), c->fw_major, c->fw_minor, c->fw_sub,
	    c->psid, c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4], c->mac[5], c->max_vfs);
	put_classes(r, r->classes);
	return end(fw);
}

/* "cmd,event" to bits; 0: one of the words is no class. */
static unsigned int parse_classes(const char *word)
{
	unsigned int classes = 0, i;

	while (*word) {
		size_t n = strcspn(word, ",");

		for (i = 0; i < N_CLASSES; i++)
			if (strlen(class_name[i]) == n && !strncmp(word, class_name[i], n))
				break;
		if (i == N_CLASSES)
			return 0;
		classes |= 1u << i;
		word += n + (word[n] == ',');
	}
	return classes;
}

static bool record_on(struct fwsim_ctl *c)
{
	unsigned int classes = c->word[2] ? parse_classes(c->word[2]) : C_DEFAULT;
	struct fwsim *fw = c->fw;

	if (!classes)
		return fwsim_ctl_error(c, "record on: '%s' are no classes out of cmd,event,state,error,cqe,doorbell",
				       c->word[2]);
	if (!fw->recorder)
		fw->recorder = calloc(1, sizeof(*fw->recorder));
	if (!fw->recorder)
		return fwsim_ctl_error(c, "record: no memory");
	fw->recorder->classes = classes;
	fw->recorder->failed = false;
	if (!record_header(fw))
		return fwsim_ctl_error(c, "record: the host keeps no record (QEMU: property x-record), or its file is full");
	return true;
}

static bool record_flush(struct fwsim_ctl *c)
{
	struct fwsim *fw = c->fw;

	if (fw->recorder && fw->recorder->failed)
		return fwsim_ctl_error(c, "record: the host took no more after line %llu",
				       (unsigned long long)fw->recorder->lines);
	if (fw->recorder && fw->recorder->lines && fw->ops->record(fw->host, NULL, 0))
		return fwsim_ctl_error(c, "record: what is in the buffer cannot be written");
	return true;
}

static void record_stat(struct fwsim_ctl *c)
{
	static const struct fwsim_recorder none;
	const struct fwsim_recorder *now = c->fw->recorder ? c->fw->recorder : &none;

	if (now->classes) {
		c->fw->recorder->n = 0;
		put_classes(c->fw->recorder, now->classes);
	}
	fwsim_ctl_print(c, "%s lines=%llu bytes=%llu",
			now->classes ? now->line : now->failed ? "failed" : "off",
			(unsigned long long)now->lines, (unsigned long long)now->bytes);
}

bool fwsim_verb_record(struct fwsim_ctl *c)
{
	const char *what = c->word[1];
	bool on = !strcmp(what, "on");

	if (c->n > (on ? 3 : 2))
		return fwsim_ctl_error(c, "record %s: what is '%s'?", what, c->word[c->n - 1]);
	if (on)
		return record_on(c);
	if (!strcmp(what, "flush"))
		return record_flush(c);
	if (!strcmp(what, "stat")) {
		record_stat(c);
		return true;
	}
	if (strcmp(what, "off"))
		return fwsim_ctl_error(c, "record: on, off, stat or flush, not '%s'", what);
	if (c->fw->recorder)
		c->fw->recorder->classes = 0;
	return true;
}

void fwsim_record_fini(struct fwsim *fw)
{
	free(fw->recorder);
	fw->recorder = NULL;
}
