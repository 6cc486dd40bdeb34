// SPDX-License-Identifier: GPL-2.0-or-later
#include "klog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

/* Those of scripts/vm, less what a forced failure prints on purpose. */
static const char *const complaints[] = {
	"BUG:", "WARNING:", "Oops", "KASAN:", "UBSAN:", "kernel BUG at", "general protection fault",
	"nable to handle", "possible circular", "possible recursive", "possible irq lock",
	"inconsistent lock", "suspicious RCU", "refcount_t:", "unreferenced object",
	"blocked for more than", "soft lockup", "self-detected stall", "detected stalls",
	"sleeping function called", "held lock freed", "bad unlock balance", "nobody cared",
	"DEBUG_LOCKS_WARN_ON", "DMA-API:", "DMAR: [DMA",
};

/* Frames between the forced failure and whoever wanted the memory. */
static const char *const allocators[] = {
	"should_fail", "fail_dump", "dump_stack", "__kmalloc", "kmalloc", "__kvmalloc", "kvmalloc",
	"kmem_cache_alloc", "__kmem_cache", "__alloc", "alloc_pages", "___", "__do_kmalloc",
	"prepare_alloc", "slab_", "new_slab", "allocate_slab", "get_free_pages", "__get_free",
	"create_object", "__create_object", "kmemleak", "krealloc", "__dma_alloc", "dma_alloc",
	"dma_direct", "iommu_dma_alloc", "__iommu_dma", "mempool_", "dma_pool_", "pool_alloc",
	"kzalloc", "mem_pool_alloc", "__link_object", "alloc_frozen", "kmemdup",
};

void klog_open(struct klog *k, const struct klog_known *known)
{
	memset(k, 0, sizeof(*k));
	k->known = known;
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(k->fd >= 0);
	lseek(k->fd, 0, SEEK_END);
}

static bool begins_with_one(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(s, list[i], strlen(list[i])))
			return true;
	return false;
}

/* A line of the stack of a forced failure: "func+0x12/0x34 [module]". */
static void note_frame(struct klog *k, const char *text)
{
	size_t n;

	text += strspn(text, " ");
	n = strcspn(text, "+ ");
	if (text[n] != '+' || *text == '?')
		return;
	if (begins_with_one(text, allocators, sizeof(allocators) / sizeof(*allocators)))
		return;
	snprintf(k->site, sizeof(k->site), "%.*s (%.40s)", (int)(n < 48 ? n : 48), text, k->alloc);
	k->in_stack = false;
}

static void note(struct klog *k, const char *text)
{
	const char *name = strstr(text, "name ");

	snprintf(k->recent[k->lines++ % KLOG_RECENT], sizeof(k->recent[0]), "%.199s", text);
	if (strstr(text, "FAULT_INJECTION: forcing a failure")) {
		k->in_stack = true;
		k->site[0] = '\0';
		name = name ? name + 5 : "?";
		snprintf(k->alloc, sizeof(k->alloc), "%.*s", (int)strcspn(name, ", "), name);
		return;
	}
	if (k->in_stack)
		note_frame(k, text);
	for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++) {
		if (!strstr(text, complaints[i]))
			continue;
		for (const struct klog_known *e = k->known; e && e->text; e++)
			if (strstr(text, e->text)) {
				k->excused++;
				return;
			}
		k->complaints++;
		snprintf(k->line, sizeof(k->line), "%.255s", text);
		return;
	}
}

/* The text of the next record, or NULL. */
static char *next(struct klog *k, char *rec, size_t len)
{
	ssize_t n;
	char *text;

	do
		n = read(k->fd, rec, len - 1);
	while (n < 0 && errno == EPIPE);
	if (n <= 0)
		return NULL;
	rec[n] = '\0';
	text = strchr(rec, ';');
	if (!text)
		return rec;
	/* what follows the first line are properties of the record */
	text[strcspn(text, "\n")] = '\0';
	return text + 1;
}

unsigned int klog_look(struct klog *k)
{
	unsigned int before = k->complaints;
	char rec[8192], *text;

	while ((text = next(k, rec, sizeof(rec))))
		note(k, text);
	return k->complaints - before;
}

void klog_dump(struct klog *k)
{
	klog_look(k);
	for (unsigned int i = k->lines < KLOG_RECENT ? 0 : k->lines - KLOG_RECENT; i < k->lines; i++)
		tap_diag("| %s", k->recent[i % KLOG_RECENT]);
}

bool klog_wait(struct klog *k, const char *what, unsigned int ms)
{
	char rec[8192], *text;
	uint64_t start = 0;

	do {
		while ((text = next(k, rec, sizeof(rec)))) {
			note(k, text);
			if (strstr(text, what))
				return true;
		}
	} while (wait_more(&start, ms));
	return false;
}
