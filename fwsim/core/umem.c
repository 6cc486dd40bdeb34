// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User memory: CREATE/DESTROY_UMEM, and CQs, QPs whose ring or doorbell record is in one. A umem is a page
 * list with a number. What names one is translated when it is made: from then on the object has addresses
 * of its own, as if the driver had given them, and counts as a user of the umem.
 *
 * The kernel's mlx5_ifc.h does not name the fields of CREATE_CQ and of the contexts of CQ and QP that hold the
 * umem's number; they are where providers/mlx5/mlx5_ifc.h and tests/mlx5_prm_structs.py of rdma-core have them.
 */
#include "umem.h"

enum umem_synd {
	UMEM_SYND_RANGE = 0xa08001,
	UMEM_SYND_PAS = 0xa08002,
	UMEM_SYND_MEMORY = 0xa08003,
	UMEM_SYND_NONE = 0xa08004,
	UMEM_SYND_BUSY = 0xa08005,
	UMEM_SYND_USE = 0xa08006,
};

enum ifc_status fwsim_umem_decode(struct fwsim_umem *u)
{
	unsigned int log_page = IFC_GET(umem, u->ctx, log_page_size) + 12;

	u->page_offset = IFC_GET(umem, u->ctx, page_offset);
	if (log_page > 31 || u->page_offset >> log_page || !IFC_GET64(umem, u->ctx, num_of_mtt))
		return IFC_ST_BAD_PARAM;
	u->buf.log_size = (uint8_t)log_page;
	return IFC_ST_OK;
}

uint64_t fwsim_umem_bytes(const struct fwsim_umem *u)
{
	uint64_t n = IFC_GET64(umem, u->ctx, num_of_mtt);

	return n > UINT32_MAX ? UINT64_MAX : n << u->buf.log_size;
}

static enum ifc_status umem_fill(struct fwsim_cmd *cmd, struct fwsim_umem *u)
{
	size_t off = IFC_SZ(create_umem_in);
	uint64_t n;
	const char *what;
	enum ifc_status st;

	memcpy(u->ctx, IFC_CPTR(create_umem_in, cmd->in, umem), sizeof(u->ctx));
	n = IFC_GET64(umem, u->ctx, num_of_mtt);
	st = IFC_GET(umem, u->ctx, ats) ? IFC_ST_BAD_PARAM : fwsim_umem_decode(u);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, UMEM_SYND_RANGE,
				    "ats %u, pages of 2^(12 + %u) bytes, page_offset 0x%x, num_of_mtt %llu is no umem",
				    IFC_GET(umem, u->ctx, ats), IFC_GET(umem, u->ctx, log_page_size),
				    IFC_GET(umem, u->ctx, page_offset), (unsigned long long)n);
	st = fwsim_pas_decode(&u->buf, cmd->in + off, cmd->in_len > off ? (cmd->in_len - off) / 8 : 0,
			      u->buf.log_size, fwsim_umem_bytes(u));
	if (st == IFC_ST_BAD_PARAM)
		return fwsim_refuse(cmd, st, UMEM_SYND_PAS, "the command has less than %llu addresses",
				    (unsigned long long)n);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, UMEM_SYND_MEMORY, "no memory for the page list");
	st = fwsim_obj_insert(cmd->vhca, FWSIM_OBJ_UMEM, &u->obj, &what);
	if (st != IFC_ST_OK)
		return fwsim_refuse(cmd, st, UMEM_SYND_MEMORY, "no more room for a %s", what);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_create_umem(struct fwsim_cmd *cmd)
{
	struct fwsim_umem *u = calloc(1, sizeof(*u));
	enum ifc_status st;

	if (!u)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, UMEM_SYND_MEMORY, "no memory");
	st = umem_fill(cmd, u);
	if (st != IFC_ST_OK) {
		fwsim_obj_free(FWSIM_OBJ_UMEM, &u->obj);
		return st;
	}
	IFC_SET(create_umem_out, cmd->out, umem_id, u->obj.id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_destroy_umem(struct fwsim_cmd *cmd)
{
	uint32_t id = IFC_GET(destroy_umem_in, cmd->in, umem_id);
	struct fwsim_umem *u = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_UMEM], id);

	if (!u)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, UMEM_SYND_NONE, "no umem 0x%x", id);
	if (u->obj.refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, UMEM_SYND_BUSY, "umem 0x%x has %u users", id,
				    u->obj.refs);
	fwsim_obj_destroy(cmd->vhca, FWSIM_OBJ_UMEM, &u->obj);
	return IFC_ST_OK;
}

/* ---- what is in one ------------------------------------------------------------------------- */

/* Bytes from @off on that the umem has; 0: none. */
static uint64_t umem_room(const struct fwsim_umem *u, uint64_t off)
{
	uint64_t end = ((uint64_t)u->buf.n << u->buf.log_size) - u->page_offset;

	return off < end ? end - off : 0;
}

/* DMA address of byte @off, which the umem has. */
static uint64_t umem_addr(const struct fwsim_umem *u, uint64_t off)
{
	uint64_t at = u->page_offset + off;

	return u->buf.addr[at >> u->buf.log_size] + (at & ((1ULL << u->buf.log_size) - 1));
}

static enum ifc_status umem_find(struct fwsim_cmd *cmd, uint32_t id, const struct fwsim_umem **u)
{
	*u = fwsim_table_get(&cmd->vhca->obj[FWSIM_OBJ_UMEM], id);
	if (!*u)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, UMEM_SYND_NONE, "no umem 0x%x", id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_umem_ring(struct fwsim_cmd *cmd, uint32_t id, uint64_t off, uint64_t need,
				struct fwsim_pas *pas)
{
	uint64_t page = 1ULL << pas->log_size, n = need / page + !!(need % page);
	const struct fwsim_umem *u;
	enum ifc_status st = umem_find(cmd, id, &u);

	if (st != IFC_ST_OK)
		return st;
	if (pas->log_size > u->buf.log_size || umem_room(u, off) < need || umem_addr(u, off) % page)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, UMEM_SYND_USE,
				    "0x%llx bytes in pages of 2^%u from 0x%llx on are not in umem 0x%x, whose pages have 2^%u",
				    (unsigned long long)need, pas->log_size, (unsigned long long)off, id,
				    u->buf.log_size);
	pas->addr = malloc(n * sizeof(*pas->addr)); /* the umem has room for them, so they are few */
	if (!pas->addr)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, UMEM_SYND_MEMORY,
				    "no memory for the page list");
	for (pas->n = 0; pas->n < n; pas->n++)
		pas->addr[pas->n] = umem_addr(u, off + pas->n * page);
	return IFC_ST_OK;
}

enum ifc_status fwsim_umem_dbr(struct fwsim_cmd *cmd, uint32_t id, uint64_t off, uint64_t *addr)
{
	const struct fwsim_umem *u;
	enum ifc_status st = umem_find(cmd, id, &u);

	if (st != IFC_ST_OK)
		return st;
	if (umem_room(u, off) < 8 || umem_addr(u, off) % 8)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, UMEM_SYND_USE,
				    "0x%llx of umem 0x%x is no place for a doorbell record",
				    (unsigned long long)off, id);
	*addr = umem_addr(u, off);
	return IFC_ST_OK;
}
