// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands and doorbells of a test as an input for fuzz_cmdif, whose head describes the format. Functions there have
 * 64 KiB of memory from address 0 on, of which the upper half is free.
 */
#include "harness.h"

#include <stdlib.h>

#define FNS 3u		 /* functions that the fuzzer has */
#define RECORD_MAX 24576 /* enough of one test: what boots a card takes 10 KiB of it */
#define LONG_UNIT 32u	 /* a record of kind 0 gives its length in these */
#define LONG_MAX (9 * IFC_MBOX_DATA)

void h_seed_open(struct harness *h)
{
	static unsigned int cards;
	const char *prefix = getenv("H_SEEDS");
	char name[512];

	if (!prefix)
		return;
	snprintf(name, sizeof(name), "%s%03u", prefix, cards++);
	h->seed = fopen(name, "wb");
	assert_non_null(h->seed);
	fputc((h->cfg.chunks ? 1 : 0) | (h->cfg.migration_state ? 2 : 0) | (h->cfg.bulk_bytes ? 4 : 0) |
	      (h->cfg.strict ? 8 : 0) | (h->cfg.cmd_latency_ns ? 16 : 0) |
	      (h->cfg.no_migration ? 32 : 0), h->seed);
}

/* Addresses of the test's memory become ones of the fuzzer's. Those of MANAGE_PAGES only must differ. */
static void move_addresses(uint8_t *p, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t a = ifc_ld64(p + at);

		if (a >= H_MEM_BASE && a < H_MEM_BASE + H_MEM_SIZE)
			ifc_st64(p + at, 0x8000 | (a & 0x7fff));
	}
}

void h_seed_cmd(struct harness *h, unsigned int fn, unsigned int slot, const void *in, size_t in_len)
{
	const uint8_t *cmd = in;
	uint8_t rec[2 + LONG_MAX] = { 0 };
	size_t len = in_len - 4;

	if (!h->seed || fn >= FNS || in_len < 8 || len > LONG_MAX ||
	    ftell(h->seed) + (long)len > RECORD_MAX)
		return;
	rec[0] = (uint8_t)(fn << 4 | (len > 255 ? 0 : 1));
	if (len > 255)
		len = (len + LONG_UNIT - 1) & ~(size_t)(LONG_UNIT - 1);
	rec[1] = (uint8_t)(len > 255 ? len / LONG_UNIT : len);
	rec[2] = (uint8_t)slot;
	rec[3] = cmd[7]; /* op_mod */
	memcpy(rec + 4, cmd, 2);
	memcpy(rec + 6, cmd + 8, in_len - 8);
	if (ifc_ld16(cmd) != MLX5_CMD_OP_MANAGE_PAGES)
		move_addresses(rec + 6, in_len - 8);
	assert_int_equal(fwrite(rec, 1, 2 + len, h->seed), 2 + len);
}

/* Doorbells of the first UAR page. */
void h_seed_write(struct harness *h, unsigned int fn, uint64_t off, const uint8_t *data, size_t len)
{
	uint8_t rec[12] = { 0 };

	if (!h->seed || fn >= FNS || off / FWSIM_PAGE != FWSIM_FIRST_UAR || ftell(h->seed) > RECORD_MAX)
		return;
	rec[0] = (uint8_t)(fn << 4 | (len == 4 ? 8 : 0) | 6);
	rec[1] = 10;
	ifc_st16(rec + 2, (uint16_t)(off % FWSIM_PAGE));
	memcpy(rec + 4, data, len);
	assert_int_equal(fwrite(rec, 1, sizeof(rec), h->seed), sizeof(rec));
}

void h_seed_close(struct harness *h)
{
	if (h->seed)
		fclose(h->seed);
	h->seed = NULL;
}
