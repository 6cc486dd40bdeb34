/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contexts of objects as drivers fill them in: what the rig of the tests and the fuzzers share. A context is all zero
 * before.
 */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "core.h"

#define O_ACC_LOCAL (FWSIM_ACC_LR | FWSIM_ACC_LW)
#define O_ACC_RDMA (O_ACC_LOCAL | FWSIM_ACC_RR | FWSIM_ACC_RW)

/* Addresses of @n consecutive pages from @addr on; behind them. */
static inline uint8_t *o_pas(uint8_t *p, uint64_t addr, unsigned int n)
{
	for (; n; n--, addr += FWSIM_PAGE, p += 8)
		ifc_st64(p, addr);
	return p;
}

/* Key of @len bytes at @addr with rights @access (FWSIM_ACC_*), of 4 KiB pages and for any QP. */
static inline void o_mkc(uint8_t *mkc, uint32_t pd, uint64_t addr, uint64_t len, unsigned int access)
{
	IFC_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	IFC_SET(mkc, mkc, lr, !!(access & FWSIM_ACC_LR));
	IFC_SET(mkc, mkc, lw, !!(access & FWSIM_ACC_LW));
	IFC_SET(mkc, mkc, rr, !!(access & FWSIM_ACC_RR));
	IFC_SET(mkc, mkc, rw, !!(access & FWSIM_ACC_RW));
	IFC_SET(mkc, mkc, a, !!(access & FWSIM_ACC_A));
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, pd, pd);
	IFC_SET64(mkc, mkc, start_addr, addr);
	IFC_SET64(mkc, mkc, len, len);
	IFC_SET(mkc, mkc, log_page_size, 12);
}

static inline void o_eqc(uint8_t *eqc, uint32_t uar, unsigned int log_size, unsigned int vector)
{
	IFC_SET(eqc, eqc, log_eq_size, log_size);
	IFC_SET(eqc, eqc, uar_page, uar);
	IFC_SET(eqc, eqc, intr, vector);
}

static inline void o_cqc(uint8_t *cqc, uint32_t uar, uint32_t eqn, unsigned int log_size, uint64_t dbr)
{
	IFC_SET(cqc, cqc, log_cq_size, log_size);
	IFC_SET(cqc, cqc, uar_page, uar);
	IFC_SET(cqc, cqc, c_eqn_or_apu_element, eqn);
	IFC_SET64(cqc, cqc, dbr_addr, dbr);
}

#endif
