/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the functions on the bus: page lists, and the only calls that do DMA (dma.c).
 */
#ifndef FWSIM_DMA_H
#define FWSIM_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ifc.h"

struct fwsim_vhca;

/* Addresses in page lists that one VHCA may have, all objects together: 16 GiB in 4 KiB pages. */
#define FWSIM_MAX_PAS (1u << 22)

/* A physical address list: @n pages of 2^@log_size bytes, addresses already masked to that size. */
struct fwsim_pas {
	uint64_t *addr;
	uint32_t n;
	uint8_t log_size;
};

/* 0, or -1 if the bus refused or the VHCA may do no DMA. A write that fails may be partly done. */
int fwsim_dma_read(struct fwsim_vhca *v, uint64_t addr, void *buf, size_t len);
int fwsim_dma_write(struct fwsim_vhca *v, uint64_t addr, const void *buf, size_t len);
/*
 * Where bytes of one function are on the bus, piece by piece: what a scatter list comes to. @n is set to 0
 * before the first is added.
 */
#define FWSIM_PIECES 72
struct fwsim_pieces {
	struct fwsim_vhca *v;
	unsigned int n;
	struct fwsim_piece {
		uint64_t addr;
		size_t len;
	} piece[FWSIM_PIECES];
};
/* Append @len > 0 bytes, to the last piece if they follow it. False: there is no room for more pieces. */
bool fwsim_pieces_add(struct fwsim_pieces *p, uint64_t addr, size_t len);
/*
 * Move the bytes of @from to @to, as many, without a buffer between. False: that is not possible (the host
 * maps nothing there, a fault rule wants to see every DMA, …) and nothing has been done; the copying
 * calls then do it, or find out what is wrong. If the two overlap, what arrives there is not defined.
 */
bool fwsim_dma_move(const struct fwsim_pieces *to, const struct fwsim_pieces *from);
/* Byte @off of a page list (plus @page_offset); -1 also if out of range. */
int fwsim_pas_read(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t off, void *buf,
		   size_t len);
int fwsim_pas_write(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t off,
		    const void *buf, size_t len);
/* Append what @len bytes at @off of a page list come to. False: out of range, or too many pieces. */
bool fwsim_pas_pieces(struct fwsim_pieces *p, const struct fwsim_pas *pas, uint64_t off, size_t len);
/* @len bytes at @pos of a ring of @size bytes (a power of two) that begins at @base of the list. */
int fwsim_ring_read(struct fwsim_vhca *v, const struct fwsim_pas *pas, uint64_t base, size_t size,
		    size_t pos, void *buf, size_t len);
/*
 * Decode @n be64 addresses at @be into @pas, masking to @log_size. LIM_ERR/NO_RESOURCES on memory,
 * BAD_PARAM if @log_size is out of 12..31 or @need bytes do not fit.
 */
enum ifc_status fwsim_pas_decode(struct fwsim_pas *pas, const uint8_t *be, uint64_t n,
				 unsigned int log_size, uint64_t need);
/* Append pages of address 0 until there are @n. NO_RESOURCES on memory. */
enum ifc_status fwsim_pas_extend(struct fwsim_pas *pas, uint32_t n);
void fwsim_pas_free(struct fwsim_pas *pas);

#endif
