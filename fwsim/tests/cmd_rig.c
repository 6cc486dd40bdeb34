// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd_rig.h"

#include <string.h>

struct c_issi c_query_issi(void)
{
	struct c_issi q = { { 0 } };

	IFC_SET(query_issi_in, q.in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	return q;
}

void c_query_cap_in(uint8_t *in)
{
	memset(in, 0, IFC_SZ(query_hca_cap_in));
	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1);
}

void c_set_cap_in(struct harness *h, uint8_t *in, unsigned int csum)
{
	memset(in, 0, IFC_SZ(set_hca_cap_in));
	IFC_SET(set_hca_cap_in, in, opcode, MLX5_CMD_OP_SET_HCA_CAP);
	fwsim_cap_get(h->fw->vhca[0], 0, true, IFC_PTR(set_hca_cap_in, in, capability));
	IFC_SET(cmd_hca_cap, IFC_PTR(set_hca_cap_in, in, capability), cmdif_checksum, csum);
}

struct harness *c_enabled(const struct fwsim_config *cfg)
{
	struct harness *h = h_new(cfg);

	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	return h;
}

void c_post_long(struct harness *h)
{
	IFC_BUF(set_hca_cap_in, in);

	c_set_cap_in(h, in, h->fn[0].csum);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(set_hca_cap_out));
}

void c_post_query(struct harness *h)
{
	IFC_BUF(query_hca_cap_in, in);

	c_query_cap_in(in);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(query_hca_cap_out));
}

void c_expect_delivery(struct harness *h, enum ifc_delivery delivery, const char *why)
{
	const struct h_trace *t;

	h_trace_clear(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, delivery);
	t = h_trace_find(h, FWSIM_TRACE_CMD, why);
	assert_non_null(t);
	assert_int_equal(t->t.delivery, delivery);
}
