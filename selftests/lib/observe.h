/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VF as it is seen from outside: what it says of its objects, and what it does to memory.
 */
#ifndef SELFTESTS_OBSERVE_H
#define SELFTESTS_OBSERVE_H

#include "mlx5.h"

/* What the function says of an object must not depend on where it is. */
struct observe_view {
	uint8_t qpc[2][IFC_SZ(qpc)];
	uint8_t cqc[4][IFC_SZ(cqc)];
	uint8_t eqc[3][IFC_SZ(eqc)];
	uint8_t nvc[IFC_SZ(nic_vport_context)];
};

void observe_view(struct mlx5_vf *vf, struct observe_view *v);
/* Ends the test with the first byte that differs. */
void observe_same(const struct observe_view *x, const struct observe_view *y);

/* A copy of all guest memory, to be freed. */
uint8_t *observe_memory(struct mlx5_mem *m);
/* Memory stays as @copy has it for @ms. */
void observe_still(struct mlx5_mem *m, const uint8_t *copy, unsigned int ms);

#endif
