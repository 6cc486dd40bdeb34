/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host for the firmware core that needs no QEMU: flat memory per function, a clock that only moves
 * when told, and a record of everything the card did. Included by every test_*.c.
 *
 * Each function has memory of its own behind the same bus addresses, H_MEM_BASE and up, so that a DMA
 * under the wrong requester shows. BAR0 of function n is at H_BAR_ADDR(n) in every function's address
 * space; a DMA write there re-enters fwsim_bar_write() as on a real bus. Every other address is refused
 * and counted.
 *
 * The helpers assert (through cmocka) what no test wants to check by itself, e.g. that a command
 * completes at all; what a test may want to see fail is returned.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core.h"

#define H_MEM_BASE 0x10000000ULL
#define H_MEM_SIZE (32u << 20)
#define H_BAR_ADDR(fn) (0x200000000ULL + ((uint64_t)(fn) << FWSIM_LOG_PF_BAR))
#define H_VECTORS 2048
#define H_WIRE 128
#define H_VFS 8 /* of the default configuration */

#define H_MS 1000000ULL
#define H_SEC 1000000000ULL

struct h_trace {
	struct fwsim_trace t; /* t.name and t.text point into the next two */
	char name[48];
	char text[160];
};

struct h_dma {
	unsigned int fn;
	uint64_t addr;
	size_t len;
};

/* A command slot: its mailboxes stay allocated and are used again. */
struct h_slot {
	uint64_t *in_box, *out_box;
	unsigned int in_n, out_n; /* boxes there */
	unsigned int in_used, out_used; /* boxes in the chains of the last post */
	uint32_t out_len;
	uint8_t token;
};

struct h_fn {
	uint8_t *mem;	/* H_MEM_SIZE bytes, on first use */
	uint64_t next;	/* bump allocator, offset */
	uint64_t cmdq;	/* bus address of the command page, 0 = not made yet */
	struct h_slot slot[FWSIM_CMDQ_SLOTS];
	unsigned int csum; /* command checksum that the harness as driver produces: 0, 1 or 3 */
	unsigned int msix[H_VECTORS];
	unsigned int msix_total;
	unsigned int dma_reads, dma_writes; /* that were let through */
	unsigned int dma_errors;	    /* outside memory, or refused on request */
	uint64_t fail_addr, fail_len;	    /* refuse DMA that touches this range */
	uint64_t spoil_addr, spoil_len;	    /* bytes of this range change once they have been read */
};

struct harness {
	struct fwsim *fw;
	struct fwsim_config cfg;
	uint64_t now, deadline;
	struct h_fn fn[1 + FWSIM_MAX_VFS];
	struct h_dma *dma; /* every DMA write since h_dma_clear() */
	size_t dma_n, dma_cap;
	struct h_trace *trace;
	size_t trace_n, trace_cap;
	char *record; /* lines that the card recorded, each with a line end; 0 at the end */
	size_t record_n, record_cap;
	size_t record_max; /* take no more bytes than that; 0: any number */
	unsigned int record_flushes;
	char answer[1u << 18]; /* of the last h_say() */
	FILE *seed; /* what is sent to the card: seeds.c */
	/* frames that have left by the uplink; a test sets wire_n to 0 when it has seen them */
	struct {
		size_t len;
		uint8_t data[10100];
	} wire[H_WIRE];
	unsigned int wire_n;
	bool use_map; /* offer dma_map; set before h_new() returns only by h_new_map() */
	unsigned int maps, unmaps;
};

/* NULL: H_VFS VFs, 8 boot and 4 init pages per function, 16 vectors each. Asserts success. */
struct harness *h_new(const struct fwsim_config *cfg);
/* The same, and the core is offered dma_map/dma_unmap. */
struct harness *h_new_map(const struct fwsim_config *cfg);
void h_free(struct harness *h);
struct fwsim_config h_default_config(void);

/* ---- seeds.c: inputs for fuzz_cmdif ------------------------------------------------------- */

/* With H_SEEDS=PREFIX in the environment, commands of this card go to PREFIX000, of the next to PREFIX001. */
void h_seed_open(struct harness *h);
void h_seed_cmd(struct harness *h, unsigned int fn, unsigned int slot, const void *in, size_t in_len);
void h_seed_write(struct harness *h, unsigned int fn, uint64_t off, const uint8_t *data, size_t len);
void h_seed_close(struct harness *h);

/* ---- memory ------------------------------------------------------------------------------- */

/* Zeroed memory of @fn, @align a power of two; the bus address. Never freed before h_free(). */
uint64_t h_alloc(struct harness *h, unsigned int fn, size_t size, size_t align);
/* The bytes behind bus address @addr. */
void *h_mem(struct harness *h, unsigned int fn, uint64_t addr);
/* Did any DMA write since h_dma_clear() touch these bytes? fn ~0u: of any function, any address. */
bool h_dma_wrote(struct harness *h, unsigned int fn, uint64_t addr, size_t len);
void h_dma_clear(struct harness *h);
/* From now on refuse DMA of @fn that touches [addr, addr + len); len 0 ends it. */
void h_dma_fail(struct harness *h, unsigned int fn, uint64_t addr, uint64_t len);

/*
 * As by a driver that changes what the card has just read: from now on each byte of [addr, addr + len) that is read by
 * DMA of @fn is another one afterwards. len 0 ends it.
 */
void h_dma_spoil(struct harness *h, unsigned int fn, uint64_t addr, uint64_t len);

/* ---- time, interrupts, records ------------------------------------------------------------ */

/* Move the clock by @ns, stopping at each timer on the way. */
void h_advance(struct harness *h, uint64_t ns);
/* Let everything finish that needs no passing of time beyond a few ms. */
void h_settle(struct harness *h);
unsigned int h_msix(struct harness *h, unsigned int fn, unsigned int vector);
/* Last recorded line of @kind (any function) whose text or name has @sub in it; NULL if none. */
const struct h_trace *h_trace_find(struct harness *h, enum fwsim_trace_kind kind, const char *sub);
unsigned int h_trace_count(struct harness *h, enum fwsim_trace_kind kind);
void h_trace_clear(struct harness *h);

/* One line of the control protocol; every line of the answer goes to h->answer. Is it ok? */
bool h_say(struct harness *h, const char *line);

/* ---- BAR ---------------------------------------------------------------------------------- */

uint32_t h_rd32(struct harness *h, unsigned int fn, uint64_t off); /* big-endian register */
void h_wr32(struct harness *h, unsigned int fn, uint64_t off, uint32_t v);
/* Doorbells on UAR page @uar. h_db_qp sends what a control segment begins with. */
void h_db_cq(struct harness *h, unsigned int fn, uint32_t uar, uint32_t cqn, uint32_t arm_word);
void h_db_eq(struct harness *h, unsigned int fn, uint32_t uar, uint32_t eqn, uint32_t ci, bool arm);
void h_db_qp(struct harness *h, unsigned int fn, uint32_t uar, uint32_t qpn, uint32_t first_dword);

/* ---- commands: harness_cmd.c -------------------------------------------------------------- */

struct h_result {
	bool done;
	enum ifc_delivery delivery;
	enum ifc_status status;
	uint32_t syndrome;
};

/*
 * Execute a command on @fn's command queue, as a driver does: MANAGE_PAGES in the last slot, all else in
 * slot 0; time passes until it is done. @out may be NULL. Asserts that it completed and was delivered.
 */
enum ifc_status h_cmd(struct harness *h, unsigned int fn, const void *in, size_t in_len, void *out,
		      size_t out_len);
#define H_CMD(h, fn, in, out) h_cmd((h), (fn), (in), sizeof(in), (out), sizeof(out))
/* The same in a chosen slot; asserts nothing. result.done false: not complete after 100 virtual s. */
struct h_result h_cmd_raw(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
			  size_t in_len, void *out, size_t out_len);

/* In steps. Post fills the slot, the test may spoil it, ring tells the card; no time passes. */
void h_cmd_post(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
		size_t in_len, size_t out_len);
void h_cmd_ring(struct harness *h, unsigned int fn, uint32_t slots);
void h_cmd_async(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
		 size_t in_len, size_t out_len); /* post and ring */
bool h_cmd_done(struct harness *h, unsigned int fn, unsigned int slot); /* owner bit is clear */
struct h_result h_cmd_result(struct harness *h, unsigned int fn, unsigned int slot, void *out,
			     size_t out_len);
uint8_t *h_cmd_entry(struct harness *h, unsigned int fn, unsigned int slot);
/* Mailbox @n of the input or output chain. */
uint8_t *h_cmd_in_box(struct harness *h, unsigned int fn, unsigned int slot, unsigned int n);
uint8_t *h_cmd_out_box(struct harness *h, unsigned int fn, unsigned int slot, unsigned int n);
/* Fill in the signatures anew after a box or entry has been changed. */
void h_cmd_sign(struct harness *h, unsigned int fn, unsigned int slot);
/* Tell the card where the command page is (after a reset h_cmd() does it by itself). */
void h_cmdq_setup(struct harness *h, unsigned int fn);

/*
 * What a driver does up to and including INIT_HCA. For a VF the PF is booted first if it is not, and
 * does the ENABLE_HCA of the VF.
 */
void h_boot(struct harness *h, unsigned int fn);
/* TEARDOWN_HCA, all pages back, DISABLE_HCA. */
void h_unboot(struct harness *h, unsigned int fn);
/* ENABLE_HCA or DISABLE_HCA of function @target sent by @fn (0 = itself). */
enum ifc_status h_enable_hca(struct harness *h, unsigned int fn, unsigned int target);
enum ifc_status h_disable_hca(struct harness *h, unsigned int fn, unsigned int target);
/* Ask how many pages are wanted (1 boot, 2 init, 3 regular); give @n; take back up to @n: how many came. */
int32_t h_query_pages(struct harness *h, unsigned int fn, unsigned int which);
enum ifc_status h_give_pages(struct harness *h, unsigned int fn, unsigned int n);
uint32_t h_take_pages(struct harness *h, unsigned int fn, unsigned int n);
#define h_pages(h, fn) fwsim_pages_held((h)->fw, (fn))

#endif
