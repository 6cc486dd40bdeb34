// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for the control protocol. The input is text: lines for fwsim_control(), and between them
 * lines that begin with "!", things that drivers and their hosts do, so that what was asked for happens:
 *
 *	!cFSOOOOMMD…  function F sends a command in slot S: opcode (if there is none of that number it
 *		    picks one), op_mod, and the input from byte 8 on
 *	!gFS	    function F rings slot S again
 *	!tN	    2^(3 N) ns pass
 *	!rF	    F is reset
 *	!bFN	    bus mastering of F is off (0) or on
 *	!dFOOV	    doorbell of four bytes at 8 * OO of UAR 0x10 of F, value V
 *
 * each letter one hexadecimal digit (of other characters the low four bits count). An answer must have the
 * form that docs/control.rst promises, a rule may not have more hits than passages, and a command is answered,
 * or a trace line says why not.
 *
 * scripts/fuzz builds and runs it; fuzz_control.seeds are inputs to start with.
 */
#include "control.h"
#include "fuzz_queue.h"

#define LINES 200u /* more make a run slow and find no more */

struct host {
	struct fuzz_queues q;
	bool explained;
	/* the answer that is being given */
	bool ended, ok, list;
};

static void trace(void *host, const struct fwsim_trace *t)
{
	((struct host *)host)->explained |= t->kind == FWSIM_TRACE_CMD || t->kind == FWSIM_TRACE_IGNORED ||
					    t->kind == FWSIM_TRACE_FAULT;
}

static int record(void *host, const char *line, size_t len)
{
	(void)host;
	MUST(!line || (strlen(line) == len && !memchr(line, '\n', len)));
	return 0;
}

static const struct fwsim_host_ops ops = {
	.dma_read = fuzz_dma_read,
	.dma_write = fuzz_dma_write,
	.msix = fuzz_msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
	.trace = trace,
	.record = record,
};

/* ---- lines of the protocol ------------------------------------------------------------------ */

static void answer(void *arg, const char *line)
{
	const char *seen = strstr(line, " seen="), *hits = strstr(line, " hits=");
	struct host *h = arg;

	MUST(!h->ended);
	MUST(strlen(line) < FWSIM_CTL_LINE && !strchr(line, '\n'));
	if (line[0] == ' ') {
		MUST(line[1] == ' ');
		MUST(!h->list || (seen && hits &&
				  strtoull(hits + 6, NULL, 10) <= strtoull(seen + 6, NULL, 10)));
		return;
	}
	h->ended = true;
	h->ok = !strcmp(line, "ok");
	MUST(h->ok || !strncmp(line, "error: ", 7));
}

static void control(struct fwsim *fw, struct host *h, const char *line)
{
	bool ok;

	h->ended = false;
	h->list = !strcmp(line, "fault list");
	ok = fwsim_control(fw, line, answer, h);
	MUST(h->ended && h->ok == ok);
}

/* ---- what drivers and hosts do --------------------------------------------------------------- */

static unsigned int digit(struct fuzz_input *in)
{
	unsigned int c = fuzz_take(in);

	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : c) & 15;
}

static unsigned int digits(struct fuzz_input *in)
{
	unsigned int high = digit(in);

	return high << 4 | digit(in);
}

static void command(struct fwsim *fw, struct host *h, unsigned int fn, struct fuzz_input *in)
{
	uint8_t cmd[FUZZ_MAX_INPUT] = { 0 };
	unsigned int slot = digit(in), high = digits(in), opcode = high << 8 | digits(in);
	size_t n = 8;

	ifc_st16(cmd, fwsim_op_find((uint16_t)opcode) ? (uint16_t)opcode : fuzz_opcode(opcode));
	cmd[7] = (uint8_t)digits(in);
	while (in->left && n < sizeof(cmd))
		cmd[n++] = (uint8_t)digits(in);
	/* a command that is too short only tests the gate */
	if (n < fwsim_op_find(ifc_ld16(cmd))->in_len)
		n = fwsim_op_find(ifc_ld16(cmd))->in_len;
	h->explained = false;
	fuzz_command(fw, &h->q, fn, slot, cmd, n < sizeof(cmd) ? n : sizeof(cmd));
	MUST(h->explained || !fwsim_vhca_may_initiate(fw->vhca[fn]));
}

static void act(struct fwsim *fw, struct host *h, const char *line, size_t len)
{
	struct fuzz_input in = { (const uint8_t *)line, len };
	unsigned int what = fuzz_take(&in), first = digit(&in), fn = first % FUZZ_FNS, off;

	switch (what) {
	case 'c':
		command(fw, h, fn, &in);
		break;
	case 'g':
		fuzz_write32(fw, fn, IFC_ISEG_CMD_DBELL, 1u << digit(&in));
		break;
	case 't':
		fuzz_advance(fw, &h->q.clock, 1ULL << 3 * first, 256);
		break;
	case 'r':
		fwsim_reset(fw, fn);
		fw->vhca[fn]->pf_enabled = true;
		fw->vhca[fn]->hca = FWSIM_HCA_INIT;
		break;
	case 'b':
		fwsim_set_bus_master(fw, fn, digit(&in));
		break;
	case 'd':
		off = 0x10000 + 8 * digits(&in);
		fuzz_write32(fw, fn, off, digits(&in) << 24 | digits(&in));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fwsim_config cfg = {
		.max_vfs = FUZZ_FNS - 1, .vf_msix = FUZZ_VECTORS, .pf_msix = FUZZ_VECTORS, .chunks = true,
		.bulk_bytes = 5 * FWSIM_PAGE,
	};
	struct host *h = calloc(1, sizeof(*h));
	struct fwsim *fw;

	MUST(h);
	h->q.clock.deadline = UINT64_MAX;
	fw = fwsim_create(&cfg, &ops, h, NULL, 0);
	MUST(fw);
	for (unsigned int fn = 0; fn < FUZZ_FNS; fn++) {
		fwsim_set_bus_master(fw, fn, true);
		fw->vhca[fn]->pf_enabled = true;
		fw->vhca[fn]->hca = FWSIM_HCA_INIT;
	}
	for (unsigned int n = 0; size && n < LINES; n++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		char *line = malloc(len + 1);

		MUST(line);
		memcpy(line, data, len);
		line[len] = 0;
		if (*line == '!')
			act(fw, h, line + 1, len - 1);
		else
			control(fw, h, line);
		free(line);
		len += !!end;
		data += len;
		size -= len;
	}
	fwsim_destroy(fw);
	free(h);
	return 0;
}
