/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User memory, and what other objects have in it (umem.c).
 */
#ifndef FWSIM_UMEM_H
#define FWSIM_UMEM_H

#include "core.h"

/* User memory that other objects may have their rings and doorbell records in. @ctx is without the list. */
struct fwsim_umem {
	struct fwsim_obj obj;
	IFC_BUF(umem, ctx);
	struct fwsim_pas buf;
	uint32_t page_offset;	/* bytes */
};

/* Decode @ctx into the fields; used by create and by image load. */
enum ifc_status fwsim_umem_decode(struct fwsim_umem *u);
uint64_t fwsim_umem_bytes(const struct fwsim_umem *u); /* of all its pages */

/* Rings and doorbell records of CREATE commands in umem @id. They refuse the command. */

/* @pas, whose log_size is set, becomes the pages of [@off, @off + @need). */
enum ifc_status fwsim_umem_ring(struct fwsim_cmd *cmd, uint32_t id, uint64_t off, uint64_t need,
				struct fwsim_pas *pas);
/* DMA address of the eight bytes at @off. */
enum ifc_status fwsim_umem_dbr(struct fwsim_cmd *cmd, uint32_t id, uint64_t off, uint64_t *addr);

#endif
