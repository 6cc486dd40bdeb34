// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The only caller of the host's DMA. Each call names the function that does it, so that its bus-master
 * bit, its IOMMU and its dirty tracking see every byte. Here also: lists of pages.
 *
 * Who calls asks fwsim_vhca_may_respond() first and waits if it may not; a call that comes all the same
 * is refused and traced.
 */
#include "core.h"

static int dma_refused(struct fwsim_vhca *v, uint64_t addr, size_t len, bool write)
{
	struct fwsim_fault_act act;
	const char *why = NULL;

	if (!v->bus_master)
		why = "bus master is off";
	else if (!fwsim_vhca_may_respond(v))
		why = "the VHCA is stopped";
	else if (len && addr > UINT64_MAX - (len - 1))
		why = "the address wraps";
	if (why)
		fwsim_violation_dma(v, addr, len, write, why);
	else if (fwsim_fault_at(v, write ? FWSIM_AT_DMA_WRITE : FWSIM_AT_DMA_READ, 0, &act))
		why = "a fault rule";
	if (!why)
		return 0;
	fwsim_trace_simple(v, FWSIM_TRACE_DMA_ERROR, addr, len, write, why);
	return -1;
}

int fwsim_dma_read(struct fwsim_vhca *v, uint64_t addr, void *buf, size_t len)
{
	struct fwsim *fw = v->fw;

	if (!len)
		return 0;
	if (dma_refused(v, addr, len, false))
		return -1;
	if (fw->ops->dma_read(fw->host, v->fn, addr, buf, len)) {
		fwsim_violation_dma(v, addr, len, false, "the bus refused");
		fwsim_trace_simple(v, FWSIM_TRACE_DMA_ERROR, addr, len, 0, "the bus refused");
		return -1;
	}
	return 0;
}

int fwsim_dma_write(struct fwsim_vhca *v, uint64_t addr, const void *buf, size_t len)
{
	struct fwsim *fw = v->fw;
	int err;

	if (!len)
		return 0;
	if (dma_refused(v, addr, len, true))
		return -1;
	err = fw->ops->dma_write(fw->host, v->fn, addr, buf, len);
	/* after the write, or a report between the two clears the mark; and also if it failed part-way */
	if (v->tracks)
		fwsim_page_track_mark(v, addr, len);
	if (v->writes)
		fwsim_writes_note(v, addr, len);
	if (err) {
		fwsim_violation_dma(v, addr, len, true, "the bus refused");
		fwsim_trace_simple(v, FWSIM_TRACE_DMA_ERROR, addr, len, 1, "the bus refused");
		return -1;
	}
	return 0;
}

/* ---- without a buffer ---------------------------------------------------------------------- */

/* Maps of one side: as many as there may be pages in all pieces of a slice. */
#define DMA_MAPS FWSIM_PIECES

struct dma_maps {
	unsigned int n;
	struct dma_map {
		uint8_t *p;
		size_t len;
	} map[DMA_MAPS];
};

bool fwsim_pieces_add(struct fwsim_pieces *p, uint64_t addr, size_t len)
{
	struct fwsim_piece *last = p->n ? &p->piece[p->n - 1] : NULL;

	if (last && last->addr + last->len == addr) {
		last->len += len;
		return true;
	}
	if (p->n == FWSIM_PIECES)
		return false;
	p->piece[p->n++] = (struct fwsim_piece){ addr, len };
	return true;
}

/* A DMA of @v that no rule and no check of dma_refused() has anything to say about. */
static bool dma_plain(const struct fwsim_pieces *p)
{
	unsigned int i;

	if (!p->v->bus_master || !fwsim_vhca_may_respond(p->v))
		return false;
	for (i = 0; i < p->n; i++)
		if (p->piece[i].addr > UINT64_MAX - (p->piece[i].len - 1))
			return false;
	return true;
}

static void dma_unmap(const struct fwsim_pieces *p, const struct dma_maps *m, bool write, bool used)
{
	struct fwsim *fw = p->v->fw;
	unsigned int i;

	for (i = 0; i < m->n; i++)
		fw->ops->dma_unmap(fw->host, p->v->fn, m->map[i].p, m->map[i].len, write,
				   used ? m->map[i].len : 0);
}

/* Map all pieces; if one cannot be, none is. */
static bool dma_map(const struct fwsim_pieces *p, struct dma_maps *m, bool write)
{
	struct fwsim *fw = p->v->fw;
	unsigned int i;
	size_t done, n;
	uint8_t *at;

	m->n = 0;
	for (i = 0; i < p->n; i++) {
		for (done = 0; done < p->piece[i].len; done += n) {
			n = p->piece[i].len - done;
			at = m->n == DMA_MAPS ? NULL :
						fw->ops->dma_map(fw->host, p->v->fn, p->piece[i].addr + done,
								 &n, write);
			if (!at) {
				dma_unmap(p, m, write, false);
				return false;
			}
			m->map[m->n++] = (struct dma_map){ at, n };
		}
	}
	return true;
}

static void maps_copy(const struct dma_maps *to, const struct dma_maps *from)
{
	size_t n, to_off = 0, from_off = 0;
	unsigned int i = 0, k = 0;

	while (i < to->n && k < from->n) {
		const struct dma_map *d = &to->map[i], *s = &from->map[k];

		n = d->len - to_off < s->len - from_off ? d->len - to_off : s->len - from_off;
		memmove(d->p + to_off, s->p + from_off, n); /* a message may be for where it comes from */
		to_off += n;
		from_off += n;
		if (to_off == d->len) {
			to_off = 0;
			i++;
		}
		if (from_off == s->len) {
			from_off = 0;
			k++;
		}
	}
}

bool fwsim_dma_move(const struct fwsim_pieces *to, const struct fwsim_pieces *from)
{
	struct fwsim *fw = to->v->fw;
	struct dma_maps d FWSIM_UNCLEARED, s FWSIM_UNCLEARED;
	unsigned int i;

	if (!fw->ops->dma_map || fw->fault_on || !dma_plain(to) || !dma_plain(from))
		return false;
	if (!dma_map(from, &s, false))
		return false;
	if (!dma_map(to, &d, true)) {
		dma_unmap(from, &s, false, false);
		return false;
	}
	maps_copy(&d, &s);
	dma_unmap(from, &s, false, true);
	dma_unmap(to, &d, true, true);
	for (i = 0; i < to->n; i++) {
		/* after the write, as in fwsim_dma_write() */
		if (to->v->tracks)
			fwsim_page_track_mark(to->v, to->piece[i].addr, to->piece[i].len);
		if (to->v->writes)
			fwsim_writes_note(to->v, to->piece[i].addr, to->piece[i].len);
	}
	return true;
}

/* ---- lists of pages ------------------------------------------------------------------------ */

/* DMA address of byte @off, and in @len how much of it follows in one piece; false: not in the list. */
static bool pas_piece(const struct fwsim_pas *pas, uint64_t off, uint64_t *addr, size_t *len)
{
	uint64_t size, i = off >> pas->log_size, in_page;

	if (!pas->addr || i >= pas->n)
		return false;
	size = 1ULL << pas->log_size;
	in_page = off & (size - 1);
	*addr = pas->addr[i] + in_page;
	in_page = size - in_page;
	while (in_page < *len && i + 1 < pas->n && pas->addr[i + 1] == pas->addr[i] + size) {
		in_page += size;
		i++;
	}
	if (*len > in_page)
		*len = (size_t)in_page;
	return true;
}

/* All of [off, off + len) is in the list? */
static bool pas_covers(const struct fwsim_pas *pas, uint64_t off, uint64_t len)
{
	uint64_t total = (uint64_t)pas->n << pas->log_size;

	return off <= total && len <= total - off;
}

int fwsim_pas_read(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t off, void *buf,
		   size_t len)
{
	uint8_t *p = buf;
	uint64_t addr;
	size_t n;

	if (!pas_covers(pas, off, len))
		return -1;
	for (; len; len -= n, p += n, off += n) {
		n = len;
		if (!pas_piece(pas, off, &addr, &n) || fwsim_dma_read(v, addr, p, n))
			return -1;
	}
	return 0;
}

int fwsim_pas_write(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t off,
		    const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t addr;
	size_t n;

	if (!pas_covers(pas, off, len))
		return -1;
	for (; len; len -= n, p += n, off += n) {
		n = len;
		if (!pas_piece(pas, off, &addr, &n) || fwsim_dma_write(v, addr, p, n))
			return -1;
	}
	return 0;
}

bool fwsim_pas_pieces(struct fwsim_pieces *p, const struct fwsim_pas *pas, uint64_t off, size_t len)
{
	uint64_t addr;
	size_t n;

	if (!pas_covers(pas, off, len))
		return false;
	for (; len; len -= n, off += n) {
		n = len;
		if (!pas_piece(pas, off, &addr, &n) || !fwsim_pieces_add(p, addr, n))
			return false;
	}
	return true;
}

int fwsim_ring_read(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t base, size_t size,
		    size_t pos, void *buf, size_t len)
{
	uint8_t *p = buf;
	size_t n;

	for (pos &= size - 1; len; len -= n, p += n, pos = 0) {
		n = len < size - pos ? len : size - pos;
		if (fwsim_pas_read(v, pas, base + pos, p, n))
			return -1;
	}
	return 0;
}

enum ifc_status fwsim_pas_decode(struct fwsim_pas *pas, const uint8_t *be, uint64_t n,
				 unsigned int log_size, uint64_t need)
{
	uint64_t pages;
	uint32_t i;

	if (log_size < 12 || log_size > 31)
		return IFC_ST_BAD_PARAM;
	pages = (need >> log_size) + !!(need & ((1ULL << log_size) - 1));
	if (pages > n)
		return IFC_ST_BAD_PARAM;
	if (pages > UINT32_MAX)
		return IFC_ST_LIM_ERR;
	*pas = (struct fwsim_pas){ .n = (uint32_t)pages, .log_size = (uint8_t)log_size };
	if (!pages)
		return IFC_ST_OK;
	pas->addr = malloc((size_t)pages * sizeof(*pas->addr));
	if (!pas->addr) {
		pas->n = 0;
		return IFC_ST_NO_RESOURCES;
	}
	for (i = 0; i < pas->n; i++)
		pas->addr[i] = ifc_ld64(be + 8 * (size_t)i) & ~((1ULL << log_size) - 1);
	return IFC_ST_OK;
}

enum ifc_status fwsim_pas_extend(struct fwsim_pas *pas, uint32_t n)
{
	uint64_t *addr;

	if (n <= pas->n)
		return IFC_ST_OK;
	addr = realloc(pas->addr, (size_t)n * sizeof(*addr));
	if (!addr)
		return IFC_ST_NO_RESOURCES;
	memset(addr + pas->n, 0, (size_t)(n - pas->n) * sizeof(*addr));
	pas->addr = addr;
	pas->n = n;
	return IFC_ST_OK;
}

void fwsim_pas_free(struct fwsim_pas *pas)
{
	free(pas->addr);
	*pas = (struct fwsim_pas){ 0 };
}
