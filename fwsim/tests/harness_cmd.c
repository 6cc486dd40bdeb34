// SPDX-License-Identifier: GPL-2.0-or-later
/* The harness as the driver of a function: its command queue, and what it does to bring the function up. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define H_BOX_STRIDE 1024

/* ---- commands ----------------------------------------------------------------------------- */

static uint8_t xor8(const uint8_t *p, size_t len)
{
	uint8_t x = 0;

	while (len--)
		x ^= *p++;
	return x;
}

void h_cmdq_setup(struct harness *h, unsigned int fn)
{
	struct h_fn *f = &h->fn[fn];

	if (!f->cmdq)
		f->cmdq = h_alloc(h, fn, FWSIM_PAGE, FWSIM_PAGE);
	h_wr32(h, fn, IFC_ISEG_CMDQ_ADDR_H, (uint32_t)(f->cmdq >> 32));
	h_wr32(h, fn, IFC_ISEG_CMDQ_ADDR_L_SZ, (uint32_t)f->cmdq);
}

static void cmdq_ensure(struct harness *h, unsigned int fn)
{
	uint64_t at = (uint64_t)h_rd32(h, fn, IFC_ISEG_CMDQ_ADDR_H) << 32 |
		      (h_rd32(h, fn, IFC_ISEG_CMDQ_ADDR_L_SZ) & ~0xfffu);

	if (!at || at != h->fn[fn].cmdq)
		h_cmdq_setup(h, fn);
}

uint8_t *h_cmd_entry(struct harness *h, unsigned int fn, unsigned int slot)
{
	return (uint8_t *)h_mem(h, fn, h->fn[fn].cmdq) + slot * IFC_CMDQ_ENTRY_SIZE;
}

uint8_t *h_cmd_in_box(struct harness *h, unsigned int fn, unsigned int slot, unsigned int n)
{
	assert_true(n < h->fn[fn].slot[slot].in_used);
	return h_mem(h, fn, h->fn[fn].slot[slot].in_box[n]);
}

uint8_t *h_cmd_out_box(struct harness *h, unsigned int fn, unsigned int slot, unsigned int n)
{
	assert_true(n < h->fn[fn].slot[slot].out_used);
	return h_mem(h, fn, h->fn[fn].slot[slot].out_box[n]);
}

static unsigned int boxes_for(size_t len)
{
	return len <= 16 ? 0 : (unsigned int)((len - 16 + IFC_MBOX_DATA - 1) / IFC_MBOX_DATA);
}

static void chain_build(struct harness *h, unsigned int fn, uint64_t **box, unsigned int *have,
			unsigned int need, uint8_t token)
{
	unsigned int i;

	if (need > *have) {
		*box = realloc(*box, need * sizeof(**box));
		assert_non_null(*box);
		while (*have < need)
			(*box)[(*have)++] = h_alloc(h, fn, H_BOX_STRIDE, H_BOX_STRIDE);
	}
	for (i = 0; i < need; i++) {
		uint8_t *b = h_mem(h, fn, (*box)[i]);

		memset(b, 0, IFC_MBOX_SIZE);
		ifc_st64(b + IFC_MBOX_OFF_NEXT, i + 1 < need ? (*box)[i + 1] : 0);
		ifc_st32(b + IFC_MBOX_OFF_BLOCK_NUM, i);
		b[IFC_MBOX_OFF_TOKEN] = token;
	}
}

static void sign_box(uint8_t *b)
{
	b[IFC_MBOX_OFF_CTRL_SIG] = 0;
	b[IFC_MBOX_OFF_SIG] = 0;
	b[IFC_MBOX_OFF_CTRL_SIG] =
		(uint8_t)~xor8(b + IFC_MBOX_DATA, IFC_MBOX_OFF_CTRL_SIG - IFC_MBOX_DATA);
	b[IFC_MBOX_OFF_SIG] = (uint8_t)~xor8(b, IFC_MBOX_OFF_SIG);
}

void h_cmd_sign(struct harness *h, unsigned int fn, unsigned int slot)
{
	struct h_slot *s = &h->fn[fn].slot[slot];
	uint8_t *e = h_cmd_entry(h, fn, slot);
	unsigned int i;

	if (h->fn[fn].csum & 2) {
		for (i = 0; i < s->in_used; i++)
			sign_box(h_cmd_in_box(h, fn, slot, i));
		for (i = 0; i < s->out_used; i++)
			sign_box(h_cmd_out_box(h, fn, slot, i));
	}
	e[0x3d] = 0;
	e[0x3d] = (uint8_t)~xor8(e, IFC_CMDQ_ENTRY_SIZE);
}

void h_cmd_post(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
		size_t in_len, size_t out_len)
{
	struct h_slot *s = &h->fn[fn].slot[slot];
	const uint8_t *src = in;
	unsigned int i;
	uint8_t *e;

	assert_true(slot < FWSIM_CMDQ_SLOTS);
	cmdq_ensure(h, fn);
	s->token = (uint8_t)(s->token + 37) ? (uint8_t)(s->token + 37) : 1;
	s->in_used = boxes_for(in_len);
	s->out_used = boxes_for(out_len);
	s->out_len = (uint32_t)out_len;
	chain_build(h, fn, &s->in_box, &s->in_n, s->in_used, s->token);
	chain_build(h, fn, &s->out_box, &s->out_n, s->out_used, s->token);
	e = h_cmd_entry(h, fn, slot);
	memset(e, 0, IFC_CMDQ_ENTRY_SIZE);
	e[0] = 7;
	ifc_st32(e + 0x04, (uint32_t)in_len);
	ifc_st64(e + 0x08, s->in_used ? s->in_box[0] : 0);
	memcpy(e + 0x10, src, in_len < 16 ? in_len : 16);
	for (i = 0; i < s->in_used; i++) {
		size_t at = 16 + (size_t)i * IFC_MBOX_DATA;

		memcpy(h_cmd_in_box(h, fn, slot, i), src + at,
		       in_len - at < IFC_MBOX_DATA ? in_len - at : IFC_MBOX_DATA);
	}
	ifc_st64(e + 0x30, s->out_used ? s->out_box[0] : 0);
	ifc_st32(e + 0x38, (uint32_t)out_len);
	e[0x3c] = s->token;
	e[0x3f] = 1;
	h_cmd_sign(h, fn, slot);
	h_seed_cmd(h, fn, slot, in, in_len);
}

void h_cmd_ring(struct harness *h, unsigned int fn, uint32_t slots)
{
	h_wr32(h, fn, IFC_ISEG_CMD_DBELL, slots);
}

void h_cmd_async(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
		 size_t in_len, size_t out_len)
{
	h_cmd_post(h, fn, slot, in, in_len, out_len);
	h_cmd_ring(h, fn, 1u << slot);
}

bool h_cmd_done(struct harness *h, unsigned int fn, unsigned int slot)
{
	return !(h_cmd_entry(h, fn, slot)[0x3f] & 1);
}

struct h_result h_cmd_result(struct harness *h, unsigned int fn, unsigned int slot, void *out,
			     size_t out_len)
{
	struct h_slot *s = &h->fn[fn].slot[slot];
	const uint8_t *e = h_cmd_entry(h, fn, slot);
	struct h_result r = { .done = h_cmd_done(h, fn, slot) };
	uint8_t *dst = out;
	unsigned int i;

	r.delivery = (enum ifc_delivery)(e[0x3f] >> 1);
	r.status = (enum ifc_status)e[0x20];
	r.syndrome = ifc_ld32(e + 0x24);
	if (!dst)
		return r;
	if (out_len > s->out_len)
		out_len = s->out_len;
	memcpy(dst, e + 0x20, out_len < 16 ? out_len : 16);
	for (i = 0; i < s->out_used; i++) {
		size_t at = 16 + (size_t)i * IFC_MBOX_DATA;

		if (at >= out_len)
			break;
		memcpy(dst + at, h_cmd_out_box(h, fn, slot, i),
		       out_len - at < IFC_MBOX_DATA ? out_len - at : IFC_MBOX_DATA);
	}
	return r;
}

struct h_result h_cmd_raw(struct harness *h, unsigned int fn, unsigned int slot, const void *in,
			  size_t in_len, void *out, size_t out_len)
{
	unsigned int i;

	h_cmd_async(h, fn, slot, in, in_len, out_len);
	for (i = 0; i < 100000 && !h_cmd_done(h, fn, slot); i++)
		h_advance(h, H_MS);
	return h_cmd_result(h, fn, slot, out, out_len);
}

enum ifc_status h_cmd(struct harness *h, unsigned int fn, const void *in, size_t in_len, void *out,
		      size_t out_len)
{
	uint16_t opcode = ifc_ld16(in);
	unsigned int slot = opcode == MLX5_CMD_OP_MANAGE_PAGES ? FWSIM_CMDQ_SLOTS - 1 : 0;
	struct h_result r = h_cmd_raw(h, fn, slot, in, in_len, out, out_len);

	if (!r.done)
		fail_msg("opcode 0x%x of function %u did not complete", opcode, fn);
	if (r.delivery != IFC_DELIVERY_OK)
		fail_msg("opcode 0x%x of function %u: delivery status 0x%x", opcode, fn,
			 (unsigned int)r.delivery);
	return r.status;
}

/* ---- bring-up ----------------------------------------------------------------------------- */

enum ifc_status h_enable_hca(struct harness *h, unsigned int fn, unsigned int target)
{
	IFC_BUF(enable_hca_in, in) = { 0 };
	IFC_BUF(enable_hca_out, out);

	IFC_SET(enable_hca_in, in, opcode, MLX5_CMD_OP_ENABLE_HCA);
	IFC_SET(enable_hca_in, in, function_id, target);
	return H_CMD(h, fn, in, out);
}

enum ifc_status h_disable_hca(struct harness *h, unsigned int fn, unsigned int target)
{
	IFC_BUF(disable_hca_in, in) = { 0 };
	IFC_BUF(disable_hca_out, out);

	IFC_SET(disable_hca_in, in, opcode, MLX5_CMD_OP_DISABLE_HCA);
	IFC_SET(disable_hca_in, in, function_id, target);
	return H_CMD(h, fn, in, out);
}

int32_t h_query_pages(struct harness *h, unsigned int fn, unsigned int which)
{
	IFC_BUF(query_pages_in, in) = { 0 };
	IFC_BUF(query_pages_out, out);

	IFC_SET(query_pages_in, in, opcode, MLX5_CMD_OP_QUERY_PAGES);
	IFC_SET(query_pages_in, in, op_mod, which);
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
	return (int32_t)IFC_GET(query_pages_out, out, num_pages);
}

enum ifc_status h_give_pages(struct harness *h, unsigned int fn, unsigned int n)
{
	size_t len = IFC_SZ(manage_pages_in) + (size_t)n * 8;
	uint8_t *in = calloc(1, len);
	IFC_BUF(manage_pages_out, out);
	enum ifc_status st;
	unsigned int i;

	assert_non_null(in);
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 1);
	IFC_SET(manage_pages_in, in, input_num_entries, n);
	for (i = 0; i < n; i++)
		ifc_st64(in + IFC_SZ(manage_pages_in) + 8 * (size_t)i,
			 h_alloc(h, fn, FWSIM_PAGE, FWSIM_PAGE));
	st = h_cmd(h, fn, in, len, out, sizeof(out));
	free(in);
	return st;
}

uint32_t h_take_pages(struct harness *h, unsigned int fn, unsigned int n)
{
	IFC_BUF(manage_pages_in, in) = { 0 };
	size_t len = IFC_SZ(manage_pages_out) + (size_t)n * 8;
	uint8_t *out = calloc(1, len);
	uint32_t got;

	assert_non_null(out);
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 2);
	IFC_SET(manage_pages_in, in, input_num_entries, n);
	assert_int_equal(h_cmd(h, fn, in, sizeof(in), out, len), IFC_ST_OK);
	got = IFC_GET(manage_pages_out, out, output_num_entries);
	assert_true(got <= n);
	free(out);
	return got;
}

static void supply_pages(struct harness *h, unsigned int fn, unsigned int which)
{
	int32_t n = h_query_pages(h, fn, which);

	assert_true(n >= 0);
	if (n)
		assert_int_equal(h_give_pages(h, fn, (unsigned int)n), IFC_ST_OK);
}

static void caps_default(struct harness *h, unsigned int fn)
{
	IFC_BUF(query_hca_cap_in, in) = { 0 };
	IFC_BUF(set_hca_cap_in, set) = { 0 };
	IFC_BUF(set_hca_cap_out, set_out);
	uint8_t *out = calloc(1, IFC_SZ(query_hca_cap_out));
	uint8_t *cap;

	assert_non_null(out);
	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1);
	assert_int_equal(h_cmd(h, fn, in, sizeof(in), out, IFC_SZ(query_hca_cap_out)), IFC_ST_OK);
	IFC_SET(set_hca_cap_in, set, opcode, MLX5_CMD_OP_SET_HCA_CAP);
	cap = IFC_PTR(set_hca_cap_in, set, capability);
	memcpy(cap, IFC_PTR(query_hca_cap_out, out, capability), FWSIM_PAGE);
	IFC_SET(cmd_hca_cap, cap, pkey_table_size, 0);
	IFC_SET(cmd_hca_cap, cap, cmdif_checksum, h->fn[fn].csum);
	IFC_SET(cmd_hca_cap, cap, log_uar_page_sz, 0);
	assert_int_equal(H_CMD(h, fn, set, set_out), IFC_ST_OK);
	free(out);
}

void h_boot(struct harness *h, unsigned int fn)
{
	IFC_BUF(query_issi_in, qi) = { 0 };
	IFC_BUF(query_issi_out, qo);
	IFC_BUF(set_issi_in, si) = { 0 };
	IFC_BUF(set_issi_out, so);
	IFC_BUF(init_hca_in, ii) = { 0 };
	IFC_BUF(init_hca_out, io);

	if (fn) {
		if (h->fw->vhca[0]->hca != FWSIM_HCA_INIT)
			h_boot(h, 0);
		assert_int_equal(h_enable_hca(h, 0, fn), IFC_ST_OK);
	}
	assert_int_equal(h_enable_hca(h, fn, 0), IFC_ST_OK);
	IFC_SET(query_issi_in, qi, opcode, MLX5_CMD_OP_QUERY_ISSI);
	assert_int_equal(H_CMD(h, fn, qi, qo), IFC_ST_OK);
	assert_int_equal(IFC_GET(query_issi_out, qo, supported_issi_dw0) & 2, 2);
	IFC_SET(set_issi_in, si, opcode, MLX5_CMD_OP_SET_ISSI);
	IFC_SET(set_issi_in, si, current_issi, 1);
	assert_int_equal(H_CMD(h, fn, si, so), IFC_ST_OK);
	supply_pages(h, fn, 1);
	caps_default(h, fn);
	supply_pages(h, fn, 2);
	IFC_SET(init_hca_in, ii, opcode, MLX5_CMD_OP_INIT_HCA);
	assert_int_equal(H_CMD(h, fn, ii, io), IFC_ST_OK);
}

void h_unboot(struct harness *h, unsigned int fn)
{
	IFC_BUF(teardown_hca_in, in) = { 0 };
	IFC_BUF(teardown_hca_out, out);

	IFC_SET(teardown_hca_in, in, opcode, MLX5_CMD_OP_TEARDOWN_HCA);
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
	while (h_take_pages(h, fn, 64))
		;
	assert_int_equal(h_disable_hca(h, fn, 0), IFC_ST_OK);
}
