/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For fuzzers that send commands through the queue of a function: one small array of memory for each
 * function, from bus address 0 on, with the command page and a chain of mailboxes for either direction. The
 * host pointer given to fwsim_create() begins with a struct fuzz_queues.
 */
#ifndef FUZZ_QUEUE_H
#define FUZZ_QUEUE_H

#include "fuzz.h"

#define FUZZ_FNS 3u
#define FUZZ_VECTORS 16u
#define FUZZ_MEM 0x10000u
#define FUZZ_QUEUE 0x1000u
#define FUZZ_BOX_IN 0x2000u
#define FUZZ_BOX_OUT 0x4800u
#define FUZZ_BOXES 9u
#define FUZZ_MAX_INPUT (16 + IFC_MBOX_DATA * FUZZ_BOXES)

struct fuzz_queues {
	struct fuzz_clock clock;
	uint8_t mem[FUZZ_FNS][FUZZ_MEM];
};

static inline uint8_t *fuzz_mem(void *host, unsigned int fn, uint64_t addr, size_t len)
{
	MUST(fn < FUZZ_FNS);
	return addr >= FUZZ_MEM || len > FUZZ_MEM - addr ? NULL :
							   ((struct fuzz_queues *)host)->mem[fn] + addr;
}

static inline int fuzz_dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *p = fuzz_mem(host, fn, addr, len);

	if (p)
		memcpy(buf, p, len);
	return p ? 0 : -1;
}

static inline int fuzz_dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *p = fuzz_mem(host, fn, addr, len);

	if (p)
		memcpy(p, buf, len);
	return p ? 0 : -1;
}

static inline void fuzz_msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host;
	MUST(fn < FUZZ_FNS && vector < FUZZ_VECTORS);
}

static inline void fuzz_write32(struct fwsim *fw, unsigned int fn, uint64_t off, uint32_t v)
{
	uint8_t b[4];

	ifc_st32(b, v);
	fwsim_bar_write(fw, fn, off, b, 4);
}

/* The @n-th opcode that there is, so that a fuzzer need not guess 16 bits. */
static inline uint16_t fuzz_opcode(unsigned int n)
{
	static uint16_t known[256]; /* as many as a byte of the input tells apart */
	static unsigned int count;

	if (!count)
		for (unsigned int op = 0; op < 0x10000; op++)
			if (fwsim_op_find((uint16_t)op)) {
				MUST(count < 256);
				known[count++] = (uint16_t)op;
			}
	return known[n % count];
}

/* A chain of mailboxes at @off of the memory @mem. */
static inline void fuzz_boxes(uint8_t *mem, uint32_t off, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; i < FUZZ_BOXES; i++) {
		uint8_t *b = mem + off + 1024 * i;
		size_t n = len < IFC_MBOX_DATA ? len : IFC_MBOX_DATA;

		memset(b, 0, IFC_MBOX_SIZE);
		if (n)
			memcpy(b, data, n);
		data += n;
		len -= n;
		ifc_st64(b + IFC_MBOX_OFF_NEXT, i + 1 < FUZZ_BOXES ? off + 1024 * (i + 1) : 0);
		ifc_st32(b + IFC_MBOX_OFF_BLOCK_NUM, i);
		b[IFC_MBOX_OFF_TOKEN] = 5;
	}
}

/* Put a command of @len >= 8 bytes into @slot of @fn's queue. */
static inline void fuzz_post(struct fuzz_queues *h, unsigned int fn, unsigned int slot, const uint8_t *in,
			     size_t len)
{
	uint8_t *mem = h->mem[fn], *e = mem + FUZZ_QUEUE + slot * IFC_CMDQ_ENTRY_SIZE;

	memset(e, 0, IFC_CMDQ_ENTRY_SIZE);
	e[0] = 7;
	ifc_st32(e + 4, (uint32_t)len);
	ifc_st64(e + 8, FUZZ_BOX_IN);
	memcpy(e + 16, in, len < 16 ? len : 16);
	ifc_st64(e + 0x30, FUZZ_BOX_OUT);
	ifc_st32(e + 0x38, FUZZ_MAX_INPUT);
	e[0x3c] = 5;
	e[0x3f] = 1;
	fuzz_boxes(mem, FUZZ_BOX_IN, in + 16, len > 16 ? len - 16 : 0);
	fuzz_boxes(mem, FUZZ_BOX_OUT, in, 0);
}

/* Ring the doorbell of @slot, after the card has been told where the queue is. */
static inline void fuzz_ring(struct fwsim *fw, unsigned int fn, unsigned int slot)
{
	fuzz_write32(fw, fn, IFC_ISEG_CMDQ_ADDR_H, 0);
	fuzz_write32(fw, fn, IFC_ISEG_CMDQ_ADDR_L_SZ, FUZZ_QUEUE);
	fuzz_write32(fw, fn, IFC_ISEG_CMD_DBELL, 1u << slot);
}

static inline void fuzz_command(struct fwsim *fw, struct fuzz_queues *h, unsigned int fn, unsigned int slot,
				const uint8_t *in, size_t len)
{
	fuzz_post(h, fn, slot, in, len);
	fuzz_ring(fw, fn, slot);
}

#endif
