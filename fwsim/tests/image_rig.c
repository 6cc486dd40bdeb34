// SPDX-License-Identifier: GPL-2.0-or-later
#include "image_rig.h"

struct i_image i_save(struct fwsim_vhca *v)
{
	struct i_image im = { .len = fwsim_image_size(v) };

	im.buf = malloc(im.len);
	assert_non_null(im.buf);
	assert_int_equal(fwsim_image_save(v, im.buf, im.len), im.len);
	return im;
}

void i_fix_crc(uint8_t *buf, size_t len)
{
	if (len < FWSIM_IMAGE_HDR)
		return;
	memset(buf + FWSIM_IMAGE_OFF_CRC, 0, 8);
	ifc_st64(buf + FWSIM_IMAGE_OFF_CRC, fwsim_crc64(0, buf, len));
}

uint8_t *i_section(struct i_image *im, unsigned int id, size_t *len)
{
	size_t at = FWSIM_IMAGE_HDR;

	while (at < im->len) {
		uint8_t *p = im->buf + at;

		if (ifc_ld32(p + FWSIM_IMAGE_OFF_SEC_ID) == id) {
			if (len)
				*len = (size_t)ifc_ld64(p + FWSIM_IMAGE_OFF_SEC_LEN);
			return p + FWSIM_IMAGE_SECTION_HDR;
		}
		at += FWSIM_IMAGE_SECTION_HDR + (size_t)ifc_ld64(p + FWSIM_IMAGE_OFF_SEC_LEN);
	}
	fail_msg("no section %u", id);
	return NULL;
}

static void modify_vport(struct harness *h, unsigned int fn)
{
	uint8_t in[0x200 + 16] = { 0 };
	uint8_t *ctx = IFC_PTR(modify_nic_vport_context_in, in, nic_vport_context);
	IFC_BUF(modify_nic_vport_context_out, out);

	IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	IFC_SET(modify_nic_vport_context_in, in, field_select.addresses_list, 1);
	IFC_SET(modify_nic_vport_context_in, in, field_select.mtu, 1);
	IFC_SET(nic_vport_context, ctx, mtu, 1400);
	IFC_SET(nic_vport_context, ctx, allowed_list_size, 2);
	ifc_st64(ctx + 0x100, 0x0000020304050607ULL);
	ifc_st64(ctx + 0x108, 0x0000020304050608ULL);
	assert_int_equal(h_cmd(h, fn, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
}

static void set_gid(struct harness *h, unsigned int fn, unsigned int index)
{
	IFC_BUF(set_roce_address_in, in) = { 0 };
	IFC_BUF(set_roce_address_out, out);

	IFC_SET(set_roce_address_in, in, opcode, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in, roce_address_index, index);
	IFC_SET(set_roce_address_in, in, vhca_port_num, 1);
	IFC_PTR(set_roce_address_in, in, roce_address)[0] = 0xfe;
	IFC_PTR(set_roce_address_in, in, roce_address)[15] = (uint8_t)index;
	assert_int_equal(H_CMD(h, fn, in, out), IFC_ST_OK);
}

/* The VF as busy as it can be: a message under way, one that waits, latched doorbells and a command. */
static void load_with_work(struct i_pair *p)
{
	IFC_BUF(query_issi_in, in) = { 0 };
	const struct fwsim_qp *qp;

	modify_vport(p->h, I_SRC);
	set_gid(p->h, I_SRC, 3);
	m_arm_cq(&p->vf, 0);
	m_post_send(&p->vf, 1, IFC_WQE_SEND, 0, 100, 0, true); /* no receive there: it waits */
	h_advance(p->h, 10000);
	for (unsigned int i = 0; i < I_MSGS; i++)
		m_post_send(&p->vf, 0, IFC_WQE_RDMA_WRITE, 0, I_MSG_LEN, I_MSG_TO, i == I_MSGS - 1);
	m_stop(p->h, p->src->vhca_id);
	qp = fwsim_table_get(&p->src->obj[FWSIM_OBJ_QP], p->vf.q[0].qpn);
	assert_true(qp->sq_ci > 0 && qp->sq_ci < I_MSGS && qp->sq_off > 0);
	m_arm_cq(&p->vf, 1);
	m_eq_update(&p->vf, false);
	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(p->h, I_SRC, 6, in, sizeof(in), IFC_SZ(query_issi_out));
}

struct i_pair i_pair_new(void)
{
	struct i_pair p = { .h = h_new(NULL) };
	uint8_t *data;

	p.h->now = 100 * H_SEC;
	m_vf_new(&p.vf, p.h, I_SRC);
	m_eth_new(&p.vf);
	p.buf = m_buf_new(p.h, 0, I_ROOM, 0xf);
	p.src = p.h->fw->vhca[I_SRC];
	p.dst = p.h->fw->vhca[I_DST];
	data = h_mem(p.h, I_SRC, p.vf.data.addr);
	for (unsigned int i = 0; i < I_MSG_LEN; i++)
		data[i] = (uint8_t)(i * 13 + (i >> 8));
	load_with_work(&p);
	assert_int_equal(h_enable_hca(p.h, 0, I_DST), IFC_ST_OK);
	m_stop(p.h, p.dst->vhca_id);
	return p;
}

enum ifc_status i_load(struct fwsim_vhca *v, const uint8_t *buf, size_t len, char why[128])
{
	/* A copy of exactly this size, so that a read past the end is seen. */
	uint8_t *copy = malloc(len ? len : 1);
	enum ifc_status st;

	assert_non_null(copy);
	memcpy(copy, buf, len);
	st = fwsim_image_load(v, copy, len, why, 128);
	free(copy);
	return st;
}

void i_expect_refused(struct i_pair *p, const uint8_t *buf, size_t len, const char *what,
		      const char *reason)
{
	uint64_t hash = fwsim_image_hash(p->dst);
	char why[128] = "";

	if (i_load(p->dst, buf, len, why) == IFC_ST_OK)
		fail_msg("%s: accepted", what);
	if (!why[0] || (reason && !strstr(why, reason)))
		fail_msg("%s: reason '%s' does not say '%s'", what, why, reason);
	if (hash != fwsim_image_hash(p->dst))
		fail_msg("%s: refused, but the target has changed", what);
}

struct i_pair i_loaded_pair(struct i_image *a)
{
	struct i_pair p = i_pair_new();
	char why[128];

	*a = i_save(p.src);
	assert_int_equal(i_load(p.dst, a->buf, a->len, why), IFC_ST_OK);
	((struct fwsim_qp *)fwsim_table_get(&p.dst->obj[FWSIM_OBJ_QP], p.vf.q[0].qpn))->rq_ci = 7;
	return p;
}
