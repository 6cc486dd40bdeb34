// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of what happened, for the host's trace. */
#include "core.h"

static struct fwsim_trace trace_line(const struct fwsim_vhca *v, enum fwsim_trace_kind kind,
				     const char *text)
{
	return (struct fwsim_trace){
		.kind = kind, .fn = v->fn, .vhca_id = v->vhca_id, .name = "", .text = text ? text : "",
	};
}

static void trace_out(struct fwsim_vhca *v, const struct fwsim_trace *t)
{
	fwsim_record_trace(v, t);
	if (v->fw->ops->trace)
		v->fw->ops->trace(v->fw->host, t);
}

void fwsim_trace_simple(struct fwsim_vhca *v, enum fwsim_trace_kind kind, uint64_t a, uint64_t b,
			uint64_t c, const char *text)
{
	struct fwsim_trace t = trace_line(v, kind, text);

	t.a = a;
	t.b = b;
	t.c = c;
	trace_out(v, &t);
}

void fwsim_trace_ignored(struct fwsim_vhca *v, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fwsim_violation(v, "access", "%s", text);
	fwsim_trace_simple(v, FWSIM_TRACE_IGNORED, 0, 0, 0, text);
}

void fwsim_trace_note(struct fwsim_vhca *v, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fwsim_trace_simple(v, FWSIM_TRACE_IGNORED, 0, 0, 0, text);
}

void fwsim_trace_cmd(struct fwsim_cmd *cmd)
{
	struct fwsim_trace t = trace_line(cmd->vhca, FWSIM_TRACE_CMD, cmd->why);

	t.name = cmd->op ? cmd->op->name : "?";
	t.opcode = cmd->opcode;
	t.op_mod = cmd->op_mod;
	t.slot = cmd->slot;
	t.delivery = (uint8_t)cmd->delivery;
	t.status = (uint8_t)cmd->status;
	t.syndrome = cmd->syndrome;
	t.ns = fwsim_now(cmd->fw) - cmd->started;
	trace_out(cmd->vhca, &t);
}
