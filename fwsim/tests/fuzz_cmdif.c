// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for the command queues and the doorbells of a PF and its VFs. The input is a byte that
 * chooses what the card is, and records: a byte of what (the kind in the low 3 bits, above it the
 * function), a byte of length, and so many bytes. A record is a command (entry and mailboxes well-formed or
 * with one byte that is not, any content), bytes of memory, a BAR access, time, a reset. Every answer must
 * come with a status or stay away for a reason that is traced.
 *
 * scripts/fuzz builds and runs it; seeds.c makes inputs to start with, from commands of the tests.
 */
#include "fuzz_queue.h"

#define MANY 32u /* commands of kind 0 give their length in units of this */

enum kind { LONG_COMMAND, COMMAND, COMMAND_2, SPOILED_COMMAND, MEMORY, REGISTER, DOORBELL, OTHER };

struct host {
	struct fuzz_queues q;
	bool answered;
	bool booted; /* functions begin after INIT_HCA */
};

static void trace(void *host, const struct fwsim_trace *t)
{
	if (t->kind != FWSIM_TRACE_CMD && t->kind != FWSIM_TRACE_IGNORED)
		return;
	MUST(t->kind != FWSIM_TRACE_CMD || !(t->status || t->delivery) || *t->text); /* refused without a word */
	((struct host *)host)->answered = true;
}

static const struct fwsim_host_ops ops = {
	.dma_read = fuzz_dma_read,
	.dma_write = fuzz_dma_write,
	.msix = fuzz_msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
	.trace = trace,
};

/* Must the card say something to a command of @v that has just come? */
static bool must_answer(const struct fwsim_vhca *v)
{
	return !v->fw->cfg.cmd_latency_ns && fwsim_vhca_may_initiate(v);
}

/* A byte of the entry @e, or of what goes with the data in a mailbox, becomes another one. */
static void spoil_command(uint8_t *mem, uint8_t *e, const uint8_t spoil[3])
{
	uint32_t box = spoil[1] & 0x80 ? FUZZ_BOX_OUT : FUZZ_BOX_IN;

	if (spoil[0] < 128)
		e[spoil[0] % IFC_CMDQ_ENTRY_SIZE] ^= spoil[2];
	else
		mem[box + 1024 * (spoil[1] % FUZZ_BOXES) + IFC_MBOX_DATA + spoil[0] % 64] ^= spoil[2];
}

/*
 * The first byte is the slot, the second the op_mod; then two for the opcode and the rest of the input from
 * offset 8 on. If the first of the two is 128 or more, the second is an index of the opcodes there are.
 * @spoil may be NULL.
 */
static void command(struct fwsim *fw, struct host *h, unsigned int fn, const uint8_t *data, size_t len,
		    const uint8_t *spoil)
{
	unsigned int slot = data[0] % FWSIM_CMDQ_SLOTS;
	uint8_t in[FUZZ_MAX_INPUT] = { 0 }, *mem = h->q.mem[fn];

	ifc_st16(in, data[2] >= 128 ? fuzz_opcode(data[3]) : ifc_ld16(data + 2));
	in[7] = data[1];
	memcpy(in + 8, data + 4, len - 4);
	h->answered = false;
	fuzz_post(&h->q, fn, slot, in, len - 4 + 8);
	if (spoil)
		spoil_command(mem, mem + FUZZ_QUEUE + slot * IFC_CMDQ_ENTRY_SIZE, spoil);
	fuzz_ring(fw, fn, slot);
	MUST(h->answered || !must_answer(fw->vhca[fn]));
}

/* What a function is at first: a driver has booted it, or has that still to do. */
static void init(struct fwsim *fw, struct host *h, unsigned int fn)
{
	fwsim_set_bus_master(fw, fn, true);
	if (!h->booted)
		return;
	fw->vhca[fn]->pf_enabled = true;
	fw->vhca[fn]->hca = FWSIM_HCA_INIT;
}

static void read_register(struct fwsim *fw, unsigned int fn, const uint8_t *data)
{
	size_t len = (size_t)1 << data[1] % 4;
	uint8_t buf[8];

	fwsim_bar_read(fw, fn, ifc_ld16(data + 2) & ~(len - 1), buf, len);
}

static void record(struct fwsim *fw, struct host *h, unsigned int what, const uint8_t *data, size_t len)
{
	unsigned int fn = (what >> 4) % FUZZ_FNS;

	switch ((enum kind)(what % 8)) {
	case LONG_COMMAND:
	case COMMAND:
	case COMMAND_2:
		if (len >= 4 && len < FUZZ_MAX_INPUT - 4)
			command(fw, h, fn, data, len, NULL);
		break;
	case SPOILED_COMMAND:
		if (len >= 3 + 4)
			command(fw, h, fn, data + 3, len - 3, data);
		break;
	case MEMORY:
		for (size_t i = 0; i + 3 <= len; i += 3)
			h->q.mem[fn][ifc_ld16(data + i)] = data[i + 2];
		break;
	case REGISTER:
	case DOORBELL: /* mostly of UAR 0x10 */
		if (len >= 10) {
			uint32_t off = ifc_ld16(data) & ~7u;

			if (what % 8 == DOORBELL)
				off = 0x10000 | (off & 0xff8);
			fwsim_bar_write(fw, fn, off, data + 2, what & 8 ? 4 : 8);
		}
		break;
	case OTHER:
		if (len && data[0] == 0xff) {
			fwsim_reset(fw, fn);
			init(fw, h, fn);
		} else if (len && data[0] == 0xfe) {
			fwsim_set_bus_master(fw, fn, len & 1);
		} else if (len >= 4 && data[0] == 0xfd) {
			read_register(fw, fn, data);
		} else if (len >= 6 && data[0] == 0xfc) {
			fwsim_vsc_write(fw, data[1] % FWSIM_VSC_LEN & ~3u, ifc_ld32(data + 2));
			fwsim_vsc_read(fw, data[1] % FWSIM_VSC_LEN & ~3u);
		} else {
			fuzz_advance(fw, &h->q.clock, 1ULL << (len ? data[0] : 0) % 40, 64);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int c = size ? *data : 0;
	const struct fwsim_config cfg = {
		.max_vfs = FUZZ_FNS - 1, .vf_msix = FUZZ_VECTORS, .pf_msix = FUZZ_VECTORS, .boot_pages = 8, .init_pages = 4,
		.chunks = c & 1, .migration_state = c & 2, .bulk_bytes = c & 4 ? 5 * FWSIM_PAGE : 0,
		.strict = c & 8, .cmd_latency_ns = c & 16 ? 5000 : 0, .no_migration = c & 32,
		.image_bytes_per_sec = c & 64 ? 1u << 30 : 0,
	};
	struct host *h = calloc(1, sizeof(*h));
	struct fwsim *fw;

	MUST(h);
	h->q.clock.deadline = UINT64_MAX;
	h->booted = c & 128;
	fw = fwsim_create(&cfg, &ops, h, NULL, 0);
	MUST(fw);
	for (unsigned int fn = 0; fn < FUZZ_FNS; fn++)
		init(fw, h, fn);
	if (size)
		data++, size--;
	while (size >= 2) {
		unsigned int what = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (what % 8 == LONG_COMMAND)
			len *= MANY;
		if (len > size)
			len = size;
		record(fw, h, what, data, len);
		data += len;
		size -= len;
	}
	fwsim_destroy(fw);
	free(h);
	return 0;
}
