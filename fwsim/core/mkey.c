// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory keys: CREATE/QUERY/DESTROY_MKEY and the walk from key and address to DMA addresses.
 *
 * Two access modes: MTT, a list of pages behind [start_addr, start_addr + len), and PA, where the
 * address is the DMA address and there are no bounds. Every access looks its key up anew: nothing holds
 * on to a mkey between two steps, so that DESTROY_MKEY takes effect at once. An MTT key with umr_en keeps a
 * list of translations_octword_size, free or not, that UMR WQEs write into (umr.c).
 */
#include "core.h"

enum mkey_synd {
	MKEY_SYND_MODE = 0x200001,
	MKEY_SYND_UNSUPPORTED = 0x200002,
	MKEY_SYND_RANGE = 0x200003,
	MKEY_SYND_PAS = 0x200004,
	MKEY_SYND_REF = 0x200005,
	MKEY_SYND_NONE = 0x200006,
	MKEY_SYND_MEMORY = 0x200007,
};

#define MKEY_MODE_PA 0
#define MKEY_MODE_MTT 1
#define MKEY_ANY_QPN 0xffffffu

static unsigned int mkey_mode(const uint8_t *mkc)
{
	return IFC_GET(mkc, mkc, access_mode_4_2) << 2 | IFC_GET(mkc, mkc, access_mode_1_0);
}

/* Offset of start_addr in its first page. */
static uint64_t mkey_first(const struct fwsim_mkey *m)
{
	return m->start & ((1ULL << m->mtt.log_size) - 1);
}

uint64_t fwsim_mkey_need(const struct fwsim_mkey *m)
{
	return m->pa || m->free ? 0 : mkey_first(m) + m->len;
}

enum ifc_status fwsim_mkey_decode(struct fwsim_mkey *m)
{
	const uint8_t *mkc = m->ctx;
	unsigned int log_page = IFC_GET(mkc, mkc, log_page_size);

	m->start = IFC_GET64(mkc, mkc, start_addr);
	m->len = IFC_GET64(mkc, mkc, len);
	m->pd = IFC_GET(mkc, mkc, pd);
	m->qpn = IFC_GET(mkc, mkc, qpn);
	m->variant = (uint8_t)IFC_GET(mkc, mkc, mkey_7_0);
	m->access = (uint8_t)((IFC_GET(mkc, mkc, lr) ? FWSIM_ACC_LR : 0) |
			      (IFC_GET(mkc, mkc, lw) ? FWSIM_ACC_LW : 0) |
			      (IFC_GET(mkc, mkc, rr) ? FWSIM_ACC_RR : 0) |
			      (IFC_GET(mkc, mkc, rw) ? FWSIM_ACC_RW : 0) |
			      (IFC_GET(mkc, mkc, a) ? FWSIM_ACC_A : 0));
	m->free = IFC_GET(mkc, mkc, free);
	m->length64 = IFC_GET(mkc, mkc, length64);
	m->pa = mkey_mode(mkc) == MKEY_MODE_PA || m->length64;
	m->umr = !m->pa && IFC_GET(mkc, mkc, umr_en) && log_page >= 12 && log_page <= 31;
	if (mkey_mode(mkc) > MKEY_MODE_MTT || m->qpn != MKEY_ANY_QPN)
		return IFC_ST_BAD_PARAM;
	if (m->umr)
		m->mtt.log_size = (uint8_t)log_page;
	if (m->pa || m->free)
		return IFC_ST_OK;
	if (log_page < 12 || log_page > 31)
		return IFC_ST_BAD_PARAM;
	m->mtt.log_size = (uint8_t)log_page;
	if (m->len && m->start > UINT64_MAX - (m->len - 1))
		return IFC_ST_BAD_PARAM;
	if (m->len > UINT64_MAX - mkey_first(m))
		return IFC_ST_BAD_PARAM;
	if (m->mtt.addr && (uint64_t)m->mtt.n << log_page < fwsim_mkey_need(m))
		return IFC_ST_BAD_PARAM;
	return IFC_ST_OK;
}

static enum ifc_status mkey_check_in(struct fwsim_cmd *cmd, const uint8_t *mkc)
{
	if (IFC_GET(create_mkey_in, cmd->in, mkey_umem_valid))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_UNSUPPORTED,
				    "a mkey of a umem is not supported");
	if (IFC_GET(create_mkey_in, cmd->in, data_direct))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_UNSUPPORTED,
				    "data_direct is not supported");
	if (mkey_mode(mkc) > MKEY_MODE_MTT)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_MODE,
				    "access mode %u is not supported, only PA (0) and MTT (1)",
				    mkey_mode(mkc));
	if (IFC_GET(mkc, mkc, bsf_en))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_UNSUPPORTED,
				    "signature (bsf_en) is not supported");
	if (IFC_GET(mkc, mkc, qpn) != MKEY_ANY_QPN)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_UNSUPPORTED,
				    "a mkey bound to QP 0x%x is not supported, qpn must be 0xffffff",
				    IFC_GET(mkc, mkc, qpn));
	return IFC_ST_OK;
}

/* With pg_access an address says in its lowest bits what the page may be used for. */
#define MTT_READ 1u
#define MTT_WRITE 2u

static bool mkey_all_present(const struct fwsim_mkey *m, const uint8_t *be, uint64_t n)
{
	uint64_t bytes = fwsim_mkey_need(m), mask = (1ULL << m->mtt.log_size) - 1;
	uint64_t pages = (bytes >> m->mtt.log_size) + !!(bytes & mask);
	uint64_t need = MTT_READ;

	if (m->access & (FWSIM_ACC_LW | FWSIM_ACC_RW | FWSIM_ACC_A))
		need |= MTT_WRITE;
	for (uint64_t i = 0; i < pages && i < n; i++)
		if (~ifc_ld64(be + 8 * i) & need)
			return false;
	return true;
}

/* Take the page list of an MTT key; of one for UMR, what is not given is page 0. */
static enum ifc_status mkey_take_list(struct fwsim_cmd *cmd, struct fwsim_mkey *m)
{
	uint64_t given = IFC_GET(create_mkey_in, cmd->in, translations_octword_actual_size) * 2ULL;
	uint64_t room = m->umr ? IFC_GET(mkc, m->ctx, translations_octword_size) * 2ULL : 0;
	uint64_t need = fwsim_mkey_need(m), kept = given < room ? given : room;
	size_t off = IFC_SZ(create_mkey_in);
	uint64_t there = cmd->in_len > off ? (cmd->in_len - off) / 8 : 0;
	enum ifc_status st;

	if (given > there)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_PAS,
				    "translations_octword_actual_size 0x%llx is more than the command's %llu addresses",
				    (unsigned long long)given / 2, (unsigned long long)there);
	if (IFC_GET(create_mkey_in, cmd->in, pg_access) && !mkey_all_present(m, cmd->in + off, given))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, MKEY_SYND_UNSUPPORTED,
				    "a page that is not there for all that the key allows: on-demand paging is not supported");
	if (room > FWSIM_MAX_PAS)
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, MKEY_SYND_MEMORY,
				    "a list of %llu addresses", (unsigned long long)room);
	if (kept << m->mtt.log_size > need)
		need = kept << m->mtt.log_size;
	st = fwsim_pas_decode(&m->mtt, cmd->in + off, given, m->mtt.log_size, need);
	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, MKEY_SYND_PAS,
				    "%llu pages of 2^%u bytes do not cover 0x%llx bytes",
				    (unsigned long long)given, m->mtt.log_size,
				    (unsigned long long)need);
	if (st == IFC_ST_OK)
		st = fwsim_pas_extend(&m->mtt, (uint32_t)room);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, MKEY_SYND_MEMORY, "no memory for the page list");
	return IFC_ST_OK;
}

static enum ifc_status mkey_fill(struct fwsim_cmd *cmd, struct fwsim_mkey *m)
{
	const char *what;
	enum ifc_status st;

	memcpy(m->ctx, IFC_CPTR(create_mkey_in, cmd->in, memory_key_mkey_entry), sizeof(m->ctx));
	st = mkey_check_in(cmd, m->ctx);
	if (st != IFC_ST_OK)
		return st;
	st = fwsim_mkey_decode(m);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, MKEY_SYND_RANGE,
				    "start 0x%llx, length 0x%llx, page size 2^%u is no range",
				    (unsigned long long)m->start, (unsigned long long)m->len,
				    IFC_GET(mkc, m->ctx, log_page_size));
	if (m->umr || (!m->pa && !m->free)) {
		st = mkey_take_list(cmd, m);
		if (st != IFC_ST_OK)
			return st;
	}
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_MKEY, &m->obj, &what);
	if (st == IFC_ST_BAD_RES)
		return fwsim_refuse(cmd, st, MKEY_SYND_REF, "no %s 0x%x", what, m->pd);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, MKEY_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_mkey(struct fwsim_cmd *cmd)
{
	struct fwsim_mkey *m = calloc(1, sizeof(*m));
	enum ifc_status st;

	if (!m)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, MKEY_SYND_MEMORY, "no memory");
	st = mkey_fill(cmd, m);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_MKEY, &m->obj);
		return st;
	}
	IFC_SET(create_mkey_out, cmd->out, mkey_index, m->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_mkey(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(query_mkey_in, cmd->in, mkey_index);
	struct fwsim_mkey *m = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_MKEY], id);

	if (!m)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, MKEY_SYND_NONE, "no mkey index 0x%x", id);
	memcpy(IFC_PTR(query_mkey_out, cmd->out, memory_key_mkey_entry), m->ctx, sizeof(m->ctx));
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_mkey(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(destroy_mkey_in, cmd->in, mkey_index);
	struct fwsim_mkey *m = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_MKEY], id);

	if (!m)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, MKEY_SYND_NONE, "no mkey index 0x%x", id);
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_MKEY, &m->obj);
	return IFC_ST_OK;
}

/* ---- the walk ------------------------------------------------------------------------------ */

static enum fwsim_mkey_fault mkey_find(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				       unsigned int need, uint64_t va, uint64_t len,
				       const struct fwsim_mkey **found)
{
	const struct fwsim_mkey *m = fwsim_table_get(&v->obj[FWSIM_OBJ_MKEY], key >> 8);

	if (!m || m->variant != (key & 0xff) || m->free)
		return FWSIM_MKEY_BAD_KEY;
	if (m->pd != pd)
		return FWSIM_MKEY_BAD_PD;
	if ((m->access & need) != need)
		return FWSIM_MKEY_ACCESS;
	if (len && va > UINT64_MAX - (len - 1))
		return FWSIM_MKEY_BOUNDS;
	if (!m->pa && (va < m->start || va - m->start > m->len || len > m->len - (va - m->start)))
		return FWSIM_MKEY_BOUNDS;
	*found = m;
	return FWSIM_MKEY_OK;
}

enum fwsim_mkey_fault fwsim_mkey_check(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				       unsigned int need, uint64_t va, uint64_t len)
{
	const struct fwsim_mkey *m;

	return mkey_find(v, key, pd, need, va, len, &m);
}

enum fwsim_mkey_fault fwsim_mkey_read(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				      unsigned int need, uint64_t va, void *buf, size_t len)
{
	const struct fwsim_mkey *m;
	enum fwsim_mkey_fault f = mkey_find(v, key, pd, need, va, len, &m);
	int err;

	if (f != FWSIM_MKEY_OK || !len)
		return f;
	if (m->pa)
		err = fwsim_dma_read(v, va, buf, len);
	else
		err = fwsim_pas_read(v, &m->mtt, va - m->start + mkey_first(m), buf, len);
	return err ? FWSIM_MKEY_DMA : FWSIM_MKEY_OK;
}

enum fwsim_mkey_fault fwsim_mkey_write(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				       unsigned int need, uint64_t va, const void *buf, size_t len)
{
	const struct fwsim_mkey *m;
	enum fwsim_mkey_fault f = mkey_find(v, key, pd, need, va, len, &m);
	int err;

	if (f != FWSIM_MKEY_OK || !len)
		return f;
	if (m->pa)
		err = fwsim_dma_write(v, va, buf, len);
	else
		err = fwsim_pas_write(v, &m->mtt, va - m->start + mkey_first(m), buf, len);
	return err ? FWSIM_MKEY_DMA : FWSIM_MKEY_OK;
}

bool fwsim_mkey_pieces(struct fwsim_pieces *p, uint32_t key, uint32_t pd, unsigned int need, uint64_t va,
		       size_t len)
{
	const struct fwsim_mkey *m;

	if (mkey_find(p->v, key, pd, need, va, len, &m) != FWSIM_MKEY_OK)
		return false;
	if (m->pa)
		return fwsim_pieces_add(p, va, len);
	return fwsim_pas_pieces(p, &m->mtt, va - m->start + mkey_first(m), len);
}

enum fwsim_mkey_fault fwsim_lkey_read(struct fwsim_vhca *v, bool rlky, uint32_t key, uint32_t pd,
				      uint64_t va, void *buf, size_t len)
{
	if (!rlky || key != FWSIM_RESD_LKEY)
		return fwsim_mkey_read(v, key, pd, FWSIM_ACC_LR, va, buf, len);
	return fwsim_dma_read(v, va, buf, len) ? FWSIM_MKEY_DMA : FWSIM_MKEY_OK;
}

enum fwsim_mkey_fault fwsim_lkey_write(struct fwsim_vhca *v, bool rlky, uint32_t key, uint32_t pd,
				       uint64_t va, const void *data, size_t len)
{
	int err;

	if (!rlky || key != FWSIM_RESD_LKEY)
		return fwsim_mkey_write(v, key, pd, FWSIM_ACC_LW, va, data, len);
	err = fwsim_dma_write(v, va, data, len);
	return err ? FWSIM_MKEY_DMA : FWSIM_MKEY_OK;
}

bool fwsim_mkey_invalidate(struct fwsim_vhca *v, uint32_t key, uint32_t pd)
{
	struct fwsim_mkey *m = fwsim_table_get(&v->obj[FWSIM_OBJ_MKEY], key >> 8);

	if (!m || m->variant != (key & 0xff) || m->free || m->pd != pd ||
	    !IFC_GET(mkc, m->ctx, en_rinval))
		return false;
	m->free = true;
	IFC_SET(mkc, m->ctx, free, 1);
	if (m->umr)
		return true;
	v->pas_used -= m->mtt.n; /* nothing can make it usable again, so the list is of no use */
	fwsim_pas_free(&m->mtt);
	return true;
}
