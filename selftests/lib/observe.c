// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

void observe_view(struct mlx5_vf *vf, struct observe_view *v)
{
	memset(v, 0, sizeof(*v));
	for (unsigned int i = 0; i < 2; i++)
		if (vf->sw->qp[i].live)
			mlx5_query_qp(vf, i, v->qpc[i]);
	for (unsigned int i = 0; i < 4; i++) {
		IFC_BUF(query_cq_in, in) = { 0 };
		IFC_BUF(query_cq_out, out) = { 0 };

		if (!vf->sw->cq[i].live)
			continue;
		IFC_SET(query_cq_in, in, opcode, MLX5_CMD_OP_QUERY_CQ);
		IFC_SET(query_cq_in, in, cqn, vf->sw->cq[i].cqn);
		mlx5_cmd_ok(vf, "QUERY_CQ", in, sizeof(in), out, sizeof(out));
		memcpy(v->cqc[i], IFC_PTR(query_cq_out, out, cq_context), IFC_SZ(cqc));
	}
	/* not EQ 0: this very command moves it */
	for (unsigned int i = 1; i < 3; i++) {
		IFC_BUF(query_eq_in, in) = { 0 };
		IFC_BUF(query_eq_out, out) = { 0 };

		IFC_SET(query_eq_in, in, opcode, MLX5_CMD_OP_QUERY_EQ);
		IFC_SET(query_eq_in, in, eq_number, vf->sw->eq[i].eqn);
		mlx5_cmd_ok(vf, "QUERY_EQ", in, sizeof(in), out, sizeof(out));
		memcpy(v->eqc[i], IFC_PTR(query_eq_out, out, eq_context_entry), IFC_SZ(eqc));
	}
	{
		IFC_BUF(query_nic_vport_context_in, in) = { 0 };
		IFC_BUF(query_nic_vport_context_out, out) = { 0 };

		IFC_SET(query_nic_vport_context_in, in, opcode,
			MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
		mlx5_cmd_ok(vf, "QUERY_NIC_VPORT_CONTEXT", in, sizeof(in), out, sizeof(out));
		memcpy(v->nvc, IFC_PTR(query_nic_vport_context_out, out, nic_vport_context),
		       sizeof(v->nvc));
	}
}

static void same(const char *what, unsigned int i, const uint8_t *x, const uint8_t *y, size_t len)
{
	for (size_t k = 0; k < len; k++)
		CHECK_MSG(x[k] == y[k], "%s %u differs at byte 0x%zx: 0x%02x was 0x%02x", what, i, k,
			  y[k], x[k]);
}

void observe_same(const struct observe_view *x, const struct observe_view *y)
{
	for (unsigned int i = 0; i < 2; i++)
		same("QP context", i, x->qpc[i], y->qpc[i], sizeof(x->qpc[i]));
	for (unsigned int i = 0; i < 4; i++)
		same("CQ context", i, x->cqc[i], y->cqc[i], sizeof(x->cqc[i]));
	for (unsigned int i = 1; i < 3; i++)
		same("EQ context", i, x->eqc[i], y->eqc[i], sizeof(x->eqc[i]));
	same("vport context", 0, x->nvc, y->nvc, sizeof(x->nvc));
}

uint8_t *observe_memory(struct mlx5_mem *m)
{
	uint8_t *copy = malloc(m->len);

	CHECK(copy);
	memcpy(copy, m->va, m->len);
	return copy;
}

void observe_still(struct mlx5_mem *m, const uint8_t *copy, unsigned int ms)
{
	uint64_t start = 0;

	do {
		if (!memcmp(copy, m->va, m->len))
			continue;
		for (size_t i = 0; i < m->len; i++)
			CHECK_MSG(copy[i] == m->va[i], "memory changed at 0x%zx: 0x%02x was 0x%02x", i,
				  m->va[i], copy[i]);
	} while (wait_more(&start, ms));
}
