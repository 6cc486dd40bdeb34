// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for the command queue and the doorbells of one function. The input is a list of
 * records, one byte of what and the data of it: a command (well-formed entry and mailboxes, any content),
 * a spoiled byte of memory, a BAR write, time, a reset. Memory is one small array; every answer must come
 * with a status or stay away for a reason that is traced.
 *
 *	make -C fwsim/tests O=DIR IFC_DIR=DIR CC=clang fuzz_cmdif && DIR/fuzz_cmdif CORPUS
 */
#include "core.h"

#define MEM 0x10000u
#define BOX_IN 0x2000u
#define BOX_OUT 0x4000u
#define BOXES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
	uint8_t mem[MEM];
	uint64_t now, deadline;
	bool answered;
};

static int dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	struct host *h = host;

	(void)fn;
	if (addr >= MEM || len > MEM - addr)
		return -1;
	memcpy(buf, h->mem + addr, len);
	return 0;
}

static int dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	struct host *h = host;

	(void)fn;
	if (addr >= MEM || len > MEM - addr)
		return -1;
	memcpy(h->mem + addr, buf, len);
	return 0;
}

static void msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn;
	if (vector >= 16)
		abort();
}

static uint64_t clock_ns(void *host)
{
	return ((struct host *)host)->now;
}

static void timer_set(void *host, uint64_t deadline)
{
	((struct host *)host)->deadline = deadline;
}

static void trace(void *host, const struct fwsim_trace *t)
{
	if (t->kind != FWSIM_TRACE_CMD && t->kind != FWSIM_TRACE_IGNORED)
		return;
	if (t->kind == FWSIM_TRACE_CMD && (t->status || t->delivery) && !*t->text)
		abort(); /* refused without a word */
	((struct host *)host)->answered = true;
}

static const struct fwsim_host_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.msix = msix,
	.clock_ns = clock_ns,
	.timer_set = timer_set,
	.trace = trace,
};

static void boxes(struct host *h, uint32_t at, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; i < BOXES; i++) {
		uint8_t *b = h->mem + at + 1024 * i;
		size_t n = len < IFC_MBOX_DATA ? len : IFC_MBOX_DATA;

		memset(b, 0, IFC_MBOX_SIZE);
		if (n)
			memcpy(b, data, n);
		data += n;
		len -= n;
		ifc_st64(b + IFC_MBOX_OFF_NEXT, i + 1 < BOXES ? at + 1024 * (i + 1) : 0);
		ifc_st32(b + IFC_MBOX_OFF_BLOCK_NUM, i);
		b[IFC_MBOX_OFF_TOKEN] = 5;
	}
}

static void wr32(struct fwsim *fw, uint64_t off, uint32_t v)
{
	uint8_t b[4];

	ifc_st32(b, v);
	fwsim_bar_write(fw, 1, off, b, 4);
}

/* The @n-th opcode that there is, so that the fuzzer need not guess 16 bits. */
static uint16_t nth_opcode(unsigned int n)
{
	static uint16_t known[128];
	static unsigned int count;

	if (!count)
		for (unsigned int op = 0; op < 0x10000 && count < 128; op++)
			if (fwsim_op_find((uint16_t)op))
				known[count++] = (uint16_t)op;
	return known[n % count];
}

/* The first byte is the slot, the second the op_mod; then two for the opcode and the rest of the input. */
static void command(struct fwsim *fw, struct host *h, const uint8_t *data, size_t len)
{
	unsigned int slot = data[0] % FWSIM_CMDQ_SLOTS;
	uint8_t *e = h->mem + 0x1000 + slot * IFC_CMDQ_ENTRY_SIZE, head[16] = { 0 };
	size_t in_len = len - 2 + 4;

	ifc_st16(head, data[2] < 128 ? nth_opcode(data[2]) : ifc_ld16(data + 2));
	head[7] = data[1] < 8 ? data[1] : 0;
	if (len > 4)
		memcpy(head + 8, data + 4, len - 4 < 8 ? len - 4 : 8);
	memset(e, 0, IFC_CMDQ_ENTRY_SIZE);
	e[0] = 7;
	ifc_st32(e + 4, in_len < 8 ? 8 : (uint32_t)in_len);
	ifc_st64(e + 8, BOX_IN);
	memcpy(e + 16, head, 16);
	ifc_st64(e + 0x30, BOX_OUT);
	ifc_st32(e + 0x38, 16 + 512 * BOXES);
	e[0x3c] = 5;
	e[0x3f] = 1;
	boxes(h, BOX_IN, len > 12 ? data + 12 : data, len > 12 ? len - 12 : 0);
	boxes(h, BOX_OUT, data, 0);
	wr32(fw, IFC_ISEG_CMDQ_ADDR_H, 0);
	wr32(fw, IFC_ISEG_CMDQ_ADDR_L_SZ, 0x1000);
	h->answered = false;
	wr32(fw, IFC_ISEG_CMD_DBELL, 1u << slot);
	if (!h->answered)
		abort();
}

static void pass_time(struct fwsim *fw, struct host *h, uint64_t ns)
{
	uint64_t end = h->now + ns;

	for (unsigned int i = 0; i < 64 && h->deadline <= end; i++) {
		if (h->deadline > h->now)
			h->now = h->deadline;
		h->deadline = UINT64_MAX;
		fwsim_timer_expired(fw);
	}
	h->now = end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fwsim_config cfg = { .max_vfs = 1, .vf_msix = 16, .pf_msix = 16 };
	struct host *h = calloc(1, sizeof(*h));
	struct fwsim *fw;

	if (!h)
		return 0;
	h->deadline = UINT64_MAX;
	fw = fwsim_create(&cfg, &ops, h, NULL, 0);
	if (!fw)
		abort();
	fwsim_set_bus_master(fw, 1, true);
	fw->vhca[1]->pf_enabled = true;
	fw->vhca[1]->hca = FWSIM_HCA_INIT;
	while (size >= 2) {
		uint8_t what = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (what % 8 == 0) /* a long command */
			len = len * 16;
		if (len > size)
			len = size;
		switch (what % 8) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (len >= 4 && len < 12 + IFC_MBOX_DATA * BOXES)
				command(fw, h, data, len);
			break;
		case 4: /* memory */
			for (size_t i = 0; i + 3 <= len; i += 3)
				h->mem[ifc_ld16(data + i)] = data[i + 2];
			break;
		case 5: /* any register, then mostly UAR 0x10 */
		case 6:
			if (len >= 10) {
				uint32_t off = ifc_ld16(data) & ~7u;

				if (what % 8 == 6)
					off = 0x10000 | (off & 0xff8);
				fwsim_bar_write(fw, 1, off, data + 2, what & 8 ? 4 : 8);
			}
			break;
		case 7:
			if (len && data[0] == 0xff) {
				fwsim_reset(fw, 1);
				fw->vhca[1]->hca = FWSIM_HCA_INIT;
			} else {
				pass_time(fw, h, (uint64_t)1 << what % 40);
			}
			break;
		}
		data += len;
		size -= len;
	}
	fwsim_destroy(fw);
	free(h);
	return 0;
}
