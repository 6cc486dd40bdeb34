// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H_DMA_MAX (1u << 20)
#define H_TRACE_MAX (1u << 18)

/* ---- host operations ---------------------------------------------------------------------- */

static uint8_t *fn_mem(struct harness *h, unsigned int fn)
{
	struct h_fn *f;

	assert_true(fn < 1 + FWSIM_MAX_VFS);
	f = &h->fn[fn];
	if (!f->mem) {
		f->mem = calloc(1, H_MEM_SIZE);
		assert_non_null(f->mem);
	}
	return f->mem;
}

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len && b_len && a < b + b_len && b < a + a_len;
}

/* The bytes of a DMA, or NULL if the bus refuses it. */
static uint8_t *dma_target(struct harness *h, unsigned int fn, uint64_t addr, size_t len)
{
	struct h_fn *f = &h->fn[fn];

	if (addr < H_MEM_BASE || len > H_MEM_SIZE || addr - H_MEM_BASE > H_MEM_SIZE - len ||
	    overlaps(addr, len, f->fail_addr, f->fail_len)) {
		f->dma_errors++;
		return NULL;
	}
	return fn_mem(h, fn) + (addr - H_MEM_BASE);
}

static int host_dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	struct harness *h = host;
	uint8_t *p = dma_target(h, fn, addr, len);
	size_t i;

	if (!p)
		return -1;
	memcpy(buf, p, len);
	h->fn[fn].dma_reads++;
	for (i = 0; i < len && h->fn[fn].spoil_len; i++)
		if (addr + i - h->fn[fn].spoil_addr < h->fn[fn].spoil_len)
			p[i] ^= 0xff;
	return 0;
}

static void log_dma(struct harness *h, unsigned int fn, uint64_t addr, size_t len)
{
	h->fn[fn].dma_writes++;
	if (h->dma_n == H_DMA_MAX)
		return;
	if (h->dma_n == h->dma_cap) {
		h->dma_cap = h->dma_cap ? 2 * h->dma_cap : 1024;
		h->dma = realloc(h->dma, h->dma_cap * sizeof(*h->dma));
		assert_non_null(h->dma);
	}
	h->dma[h->dma_n++] = (struct h_dma){ fn, addr, len };
}

/* A write to a BAR goes out as the aligned pieces that a bus would make of it. */
static bool bar_dma(struct harness *h, uint64_t addr, const uint8_t *buf, size_t len)
{
	unsigned int fn = (unsigned int)((addr - H_BAR_ADDR(0)) >> FWSIM_LOG_PF_BAR);
	uint64_t off;

	if (addr < H_BAR_ADDR(0) || fn > h->cfg.max_vfs)
		return false;
	off = addr - H_BAR_ADDR(fn);
	if (off + len > 1u << (fn ? FWSIM_LOG_VF_BAR : FWSIM_LOG_PF_BAR))
		return false;
	while (len) {
		size_t n = len >= 8 && off % 8 == 0 ? 8 : len >= 4 && off % 4 == 0 ? 4 : 1;

		fwsim_bar_write(h->fw, fn, off, buf, n);
		off += n;
		buf += n;
		len -= n;
	}
	return true;
}

static int host_dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	struct harness *h = host;
	uint8_t *p;

	if (bar_dma(h, addr, buf, len)) {
		log_dma(h, fn, addr, len);
		return 0;
	}
	p = dma_target(h, fn, addr, len);
	if (!p)
		return -1;
	memcpy(p, buf, len);
	log_dma(h, fn, addr, len);
	return 0;
}

static void *host_dma_map(void *host, unsigned int fn, uint64_t addr, size_t *len, bool write)
{
	struct harness *h = host;
	size_t room = FWSIM_PAGE - addr % FWSIM_PAGE;
	uint8_t *p;

	(void)write;
	if (*len > room)
		*len = room;
	p = dma_target(h, fn, addr, *len);
	if (p)
		h->maps++;
	return p;
}

static void host_dma_unmap(void *host, unsigned int fn, void *p, size_t len, bool write,
			   size_t used)
{
	struct harness *h = host;

	h->unmaps++;
	assert_true(used <= len);
	if (write && used)
		log_dma(h, fn, H_MEM_BASE + (uint64_t)((uint8_t *)p - h->fn[fn].mem), used);
	else
		h->fn[fn].dma_reads++;
}

static void host_msix(void *host, unsigned int fn, unsigned int vector)
{
	struct harness *h = host;

	assert_true(vector < H_VECTORS);
	h->fn[fn].msix[vector]++;
	h->fn[fn].msix_total++;
}

static uint64_t host_clock(void *host)
{
	return ((struct harness *)host)->now;
}

static void host_timer_set(void *host, uint64_t deadline)
{
	((struct harness *)host)->deadline = deadline;
}

static void host_trace(void *host, const struct fwsim_trace *t)
{
	struct harness *h = host;
	struct h_trace *r;

	if (getenv("H_TRACE"))
		fprintf(stderr, "# fn %u kind %d %s %s a=%llx b=%llx c=%llx status=%x/%x\n", t->fn, (int)t->kind,
			t->name ? t->name : "-", t->text ? t->text : "-", (unsigned long long)t->a,
			(unsigned long long)t->b, (unsigned long long)t->c, t->delivery, t->status);
	if (h->trace_n == H_TRACE_MAX)
		return;
	if (h->trace_n == h->trace_cap) {
		h->trace_cap = h->trace_cap ? 2 * h->trace_cap : 256;
		h->trace = realloc(h->trace, h->trace_cap * sizeof(*h->trace));
		assert_non_null(h->trace);
	}
	r = &h->trace[h->trace_n++];
	memset(r, 0, sizeof(*r));
	r->t = *t;
	snprintf(r->name, sizeof(r->name), "%s", t->name ? t->name : "");
	snprintf(r->text, sizeof(r->text), "%s", t->text ? t->text : "");
}

static int host_record(void *host, const char *line, size_t len)
{
	struct harness *h = host;

	if (!line) {
		h->record_flushes++;
		return 0;
	}
	assert_int_equal(strlen(line), len);
	assert_null(strchr(line, '\n'));
	if (h->record_max && h->record_n + len > h->record_max)
		return -1;
	if (h->record_n + len + 2 > h->record_cap) {
		h->record_cap = 2 * (h->record_cap + len + 2);
		h->record = realloc(h->record, h->record_cap);
		assert_non_null(h->record);
	}
	memcpy(h->record + h->record_n, line, len);
	h->record_n += len;
	h->record[h->record_n++] = '\n';
	h->record[h->record_n] = 0;
	return 0;
}

static int host_uplink_tx(void *host, const void *data, size_t len)
{
	struct harness *h = host;

	if (h->wire_n == H_WIRE || len > sizeof(h->wire[0].data))
		return -1;
	memcpy(h->wire[h->wire_n].data, data, len);
	h->wire[h->wire_n++].len = len;
	return 0;
}

static const struct fwsim_host_ops ops_copy = {
	.dma_read = host_dma_read,
	.dma_write = host_dma_write,
	.msix = host_msix,
	.clock_ns = host_clock,
	.timer_set = host_timer_set,
	.trace = host_trace,
	.record = host_record,
	.uplink_tx = host_uplink_tx,
};

static const struct fwsim_host_ops ops_map = {
	.dma_read = host_dma_read,
	.dma_write = host_dma_write,
	.dma_map = host_dma_map,
	.dma_unmap = host_dma_unmap,
	.msix = host_msix,
	.clock_ns = host_clock,
	.timer_set = host_timer_set,
	.trace = host_trace,
	.record = host_record,
	.uplink_tx = host_uplink_tx,
};

/* ---- life --------------------------------------------------------------------------------- */

struct fwsim_config h_default_config(void)
{
	return (struct fwsim_config){
		.max_vfs = H_VFS,
		.mac = { 0x02, 0x15, 0xb3, 0, 0, 0x10 },
		.pf_msix = 16,
		.vf_msix = 16,
		.boot_pages = 8,
		.init_pages = 4,
	};
}

static struct harness *new_with(const struct fwsim_config *cfg, const struct fwsim_host_ops *ops)
{
	struct harness *h = calloc(1, sizeof(*h));
	char err[160] = "";
	unsigned int i;

	assert_non_null(h);
	h->cfg = cfg ? *cfg : h_default_config();
	h->now = 1000;
	h->deadline = UINT64_MAX;
	for (i = 0; i <= FWSIM_MAX_VFS; i++)
		h->fn[i].next = FWSIM_PAGE; /* address H_MEM_BASE itself stays unused */
	h->fw = fwsim_create(&h->cfg, ops, h, err, sizeof(err));
	if (!h->fw)
		fail_msg("fwsim_create: %s", err);
	for (i = 0; i <= h->cfg.max_vfs; i++)
		fwsim_set_bus_master(h->fw, i, true);
	h_seed_open(h);
	return h;
}

struct harness *h_new(const struct fwsim_config *cfg)
{
	return new_with(cfg, &ops_copy);
}

struct harness *h_new_map(const struct fwsim_config *cfg)
{
	struct harness *h = new_with(cfg, &ops_map);

	h->use_map = true;
	return h;
}

void h_free(struct harness *h)
{
	unsigned int i, s;

	if (!h)
		return;
	h_seed_close(h);
	fwsim_destroy(h->fw);
	assert_int_equal(h->maps, h->unmaps);
	for (i = 0; i <= FWSIM_MAX_VFS; i++) {
		for (s = 0; s < FWSIM_CMDQ_SLOTS; s++) {
			free(h->fn[i].slot[s].in_box);
			free(h->fn[i].slot[s].out_box);
		}
		free(h->fn[i].mem);
	}
	free(h->dma);
	free(h->trace);
	free(h->record);
	free(h);
}

static void take_answer(void *arg, const char *line)
{
	struct harness *h = arg;
	size_t n = strlen(h->answer);

	assert_true(n + strlen(line) + 2 <= sizeof(h->answer));
	snprintf(h->answer + n, sizeof(h->answer) - n, "%s\n", line);
}

bool h_say(struct harness *h, const char *line)
{
	h->answer[0] = 0;
	return fwsim_control(h->fw, line, take_answer, h);
}

/* ---- memory ------------------------------------------------------------------------------- */

uint64_t h_alloc(struct harness *h, unsigned int fn, size_t size, size_t align)
{
	struct h_fn *f = &h->fn[fn];
	uint64_t at = (f->next + align - 1) & ~(uint64_t)(align - 1);

	fn_mem(h, fn);
	if (at + size > H_MEM_SIZE)
		fail_msg("memory of function %u is used up", fn);
	f->next = at + size;
	return H_MEM_BASE + at;
}

void *h_mem(struct harness *h, unsigned int fn, uint64_t addr)
{
	assert_true(addr >= H_MEM_BASE && addr - H_MEM_BASE < H_MEM_SIZE);
	return fn_mem(h, fn) + (addr - H_MEM_BASE);
}

bool h_dma_wrote(struct harness *h, unsigned int fn, uint64_t addr, size_t len)
{
	size_t i;

	if (fn == ~0u)
		return h->dma_n != 0;
	for (i = 0; i < h->dma_n; i++)
		if (h->dma[i].fn == fn && overlaps(h->dma[i].addr, h->dma[i].len, addr, len))
			return true;
	return false;
}

void h_dma_clear(struct harness *h)
{
	h->dma_n = 0;
}

void h_dma_spoil(struct harness *h, unsigned int fn, uint64_t addr, uint64_t len)
{
	h->fn[fn].spoil_addr = addr;
	h->fn[fn].spoil_len = len;
}

void h_dma_fail(struct harness *h, unsigned int fn, uint64_t addr, uint64_t len)
{
	h->fn[fn].fail_addr = addr;
	h->fn[fn].fail_len = len;
}

/* ---- time, interrupts, records ------------------------------------------------------------ */

void h_advance(struct harness *h, uint64_t ns)
{
	uint64_t end = h->now + ns;
	unsigned int at_same_time = 0;

	while (h->deadline <= end) {
		uint64_t due = h->deadline > h->now ? h->deadline : h->now;

		at_same_time = due == h->now ? at_same_time + 1 : 0;
		if (at_same_time > 1000000)
			fail_msg("timers fire for ever at %llu ns", (unsigned long long)due);
		h->now = due;
		h->deadline = UINT64_MAX;
		fwsim_timer_expired(h->fw);
	}
	h->now = end;
}

void h_settle(struct harness *h)
{
	h_advance(h, 5 * H_MS);
}

unsigned int h_msix(struct harness *h, unsigned int fn, unsigned int vector)
{
	return h->fn[fn].msix[vector];
}

const struct h_trace *h_trace_find(struct harness *h, enum fwsim_trace_kind kind, const char *sub)
{
	size_t i;

	for (i = h->trace_n; i-- > 0;) {
		struct h_trace *r = &h->trace[i];

		if (r->t.kind == kind && (strstr(r->text, sub) || strstr(r->name, sub))) {
			r->t.name = r->name;
			r->t.text = r->text;
			return r;
		}
	}
	return NULL;
}

unsigned int h_trace_count(struct harness *h, enum fwsim_trace_kind kind)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < h->trace_n; i++)
		n += h->trace[i].t.kind == kind;
	return n;
}

void h_trace_clear(struct harness *h)
{
	h->trace_n = 0;
}

/* ---- BAR ---------------------------------------------------------------------------------- */

uint32_t h_rd32(struct harness *h, unsigned int fn, uint64_t off)
{
	uint8_t b[4];

	fwsim_bar_read(h->fw, fn, off, b, 4);
	return ifc_ld32(b);
}

void h_wr32(struct harness *h, unsigned int fn, uint64_t off, uint32_t v)
{
	uint8_t b[4];

	ifc_st32(b, v);
	h_seed_write(h, fn, off, b, sizeof(b));
	fwsim_bar_write(h->fw, fn, off, b, 4);
}

static void wr64(struct harness *h, unsigned int fn, uint64_t off, uint32_t hi, uint32_t lo)
{
	uint8_t b[8];

	ifc_st32(b, hi);
	ifc_st32(b + 4, lo);
	h_seed_write(h, fn, off, b, sizeof(b));
	fwsim_bar_write(h->fw, fn, off, b, 8);
}

void h_db_cq(struct harness *h, unsigned int fn, uint32_t uar, uint32_t cqn, uint32_t arm_word)
{
	wr64(h, fn, (uint64_t)uar * IFC_UAR_SIZE + IFC_UAR_CQ_DB, arm_word, cqn);
}

void h_db_eq(struct harness *h, unsigned int fn, uint32_t uar, uint32_t eqn, uint32_t ci, bool arm)
{
	h_wr32(h, fn, (uint64_t)uar * IFC_UAR_SIZE + (arm ? IFC_UAR_EQ_DB_ARM : IFC_UAR_EQ_DB),
	       eqn << 24 | (ci & 0xffffff));
}

void h_db_qp(struct harness *h, unsigned int fn, uint32_t uar, uint32_t qpn, uint32_t first_dword)
{
	wr64(h, fn, (uint64_t)uar * IFC_UAR_SIZE + IFC_UAR_BF, first_dword, qpn << 8 | 4);
}
