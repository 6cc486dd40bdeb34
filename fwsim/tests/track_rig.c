// SPDX-License-Identifier: GPL-2.0-or-later
#include "track_rig.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the driver does ------------------------------------------------------------------ */

struct fwsim_config t_config(void)
{
	struct fwsim_config cfg = h_default_config();

	cfg.track_log_min_msg = 3;
	cfg.track_log_max_msg = T_LOG_MSG;
	return cfg;
}

uint32_t t_make_qp(struct t_rig *r, bool host)
{
	uint8_t in[IFC_SZ(create_qp_in) + 8] = { 0 };
	IFC_BUF(create_qp_out, out);
	uint8_t *qpc = IFC_PTR(create_qp_in, in, qpc);

	IFC_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	IFC_SET(qpc, qpc, pm_state, 3);
	IFC_SET(qpc, qpc, pd, r->pf.pd);
	IFC_SET(qpc, qpc, uar_page, r->pf.uar);
	IFC_SET(qpc, qpc, no_sq, 1);
	IFC_SET(qpc, qpc, rq_type, host ? 0 : 3);
	if (host) {
		IFC_SET(qpc, qpc, cqn_rcv, r->cq.cqn);
		IFC_SET(qpc, qpc, log_rq_size, T_LOG_WQES);
		IFC_SET64(qpc, qpc, dbr_addr, r->dbr);
		ifc_st64(in + IFC_SZ(create_qp_in), r->ring);
	}
	assert_int_equal(h_cmd(r->h, 0, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	return IFC_GET(create_qp_out, out, qpn);
}

void t_qp_to(struct t_rig *r, uint16_t opcode, uint32_t qpn, uint32_t remote)
{
	IFC_BUF(init2rtr_qp_in, in) = { 0 };
	IFC_BUF(init2rtr_qp_out, out);
	uint8_t *qpc = IFC_PTR(init2rtr_qp_in, in, qpc);

	IFC_SET(init2rtr_qp_in, in, opcode, opcode);
	IFC_SET(init2rtr_qp_in, in, qpn, qpn);
	IFC_SET(qpc, qpc, pm_state, 3);
	IFC_SET(qpc, qpc, mtu, 5);
	IFC_SET(qpc, qpc, log_msg_max, 30);
	IFC_SET(qpc, qpc, remote_qpn, remote);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	IFC_SET(qpc, qpc, primary_address_path.fl, 1);
	IFC_SET(qpc, qpc, primary_address_path.ack_timeout, 8);
	IFC_SET(qpc, qpc, min_rnr_nak, 1);
	IFC_SET(qpc, qpc, retry_count, 7);
	IFC_SET(qpc, qpc, rnr_retry, 7);
	assert_int_equal(H_CMD(r->h, 0, in, out), IFC_ST_OK);
}

/* Receive into slot @slot of the area. */
static void post(struct t_rig *r, unsigned int slot)
{
	uint8_t *wqe = (uint8_t *)h_mem(r->h, 0, r->ring) + (r->ready & (T_WQES - 1)) * 16;

	ifc_st32(wqe, T_MSG);
	ifc_st32(wqe + 4, r->area.key);
	ifc_st64(wqe + 8, r->area.addr + slot * T_MSG);
	r->ready++;
	ifc_st32(h_mem(r->h, 0, r->dbr), r->ready & 0xffff);
}

void t_post_all(struct t_rig *r)
{
	for (unsigned int i = 0; i < T_WQES; i++)
		post(r, r->ready & (T_WQES - 1));
}

struct t_in t_good(const struct t_rig *r)
{
	return (struct t_in){
		.type = 0x46, .vhca_id = 0x10, .track_type = 1, .log_space = 25, .log_page = 12,
		.log_msg = T_LOG_MSG, .qpn = r->fw_qp, .n = 1, .range = { { H_MEM_BASE, H_MEM_SIZE } },
	};
}

enum ifc_status t_create(struct t_rig *r, const struct t_in *t)
{
	uint8_t in[IFC_SZ(create_page_track_obj_in) + 20 * IFC_SZ(page_track_range)] = { 0 };
	IFC_BUF(general_obj_out_cmd_hdr, out);
	uint8_t *ctx = IFC_PTR(create_page_track_obj_in, in, obj_context);
	size_t len = IFC_SZ(create_page_track_obj_in);
	enum ifc_status st;

	IFC_SET(general_obj_in_cmd_hdr, in, opcode, MLX5_CMD_OP_CREATE_GENERAL_OBJECT);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_type, t->type);
	IFC_SET(page_track, ctx, vhca_id, t->vhca_id);
	IFC_SET(page_track, ctx, state, t->state);
	IFC_SET(page_track, ctx, track_type, t->track_type);
	IFC_SET(page_track, ctx, log_addr_space_size, t->log_space);
	IFC_SET(page_track, ctx, log_page_size, t->log_page);
	IFC_SET(page_track, ctx, log_msg_size, t->log_msg);
	IFC_SET(page_track, ctx, reporting_qpn, t->qpn);
	IFC_SET(page_track, ctx, num_ranges, t->n);
	for (unsigned int i = 0; i < t->n && i < 20; i++, len += IFC_SZ(page_track_range)) {
		IFC_SET64(page_track_range, in + len, start_address, t->range[i].start);
		IFC_SET64(page_track_range, in + len, length, t->range[i].len);
	}
	st = h_cmd(r->h, 0, in, len - t->cut, out, sizeof(out));
	if (st == IFC_ST_OK) {
		r->id = IFC_GET(general_obj_out_cmd_hdr, out, obj_id);
		r->in = *t;
	}
	return st;
}

void t_make(struct t_rig *r)
{
	struct t_in t = t_good(r);

	assert_int_equal(t_create(r, &t), IFC_ST_OK);
}

enum ifc_status t_modify(struct t_rig *r, uint64_t start, uint64_t len, unsigned int state,
			 uint64_t select)
{
	IFC_BUF(modify_page_track_obj_in, in) = { 0 };
	IFC_BUF(general_obj_out_cmd_hdr, out);
	uint8_t *ctx = IFC_PTR(modify_page_track_obj_in, in, obj_context);

	IFC_SET(general_obj_in_cmd_hdr, in, opcode, MLX5_CMD_OP_MODIFY_GENERAL_OBJECT);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_type, 0x46);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_id, r->id);
	IFC_SET64(page_track, ctx, modify_field_select, select);
	IFC_SET(page_track, ctx, state, state);
	IFC_SET64(page_track, ctx, range_start_address, start);
	IFC_SET64(page_track, ctx, length, len);
	return H_CMD(r->h, 0, in, out);
}

enum ifc_status t_simple(struct t_rig *r, uint16_t opcode, uint32_t id, uint8_t *out,
			 size_t out_len)
{
	IFC_BUF(general_obj_in_cmd_hdr, in) = { 0 };

	IFC_SET(general_obj_in_cmd_hdr, in, opcode, opcode);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_type, 0x46);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_id, id);
	return h_cmd(r->h, 0, in, sizeof(in), out, out_len);
}

unsigned int t_state(struct t_rig *r)
{
	IFC_BUF(query_page_track_obj_out, out);

	assert_int_equal(t_simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(general_obj_out_cmd_hdr, out, obj_id), r->id);
	return IFC_GET(page_track, out + 0x10, state);
}

enum ifc_status t_destroy(struct t_rig *r)
{
	IFC_BUF(general_obj_out_cmd_hdr, out);

	return t_simple(r, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, r->id, out, sizeof(out));
}

/* ---- reports ------------------------------------------------------------------------------- */

void t_report_clear(struct t_rig *r)
{
	memset(r->told, 0, sizeof(r->told));
	r->messages = r->entries = r->entries_outside = 0;
}

int t_take(struct t_rig *r, bool repost)
{
	const uint8_t *cqe = d_cqe(&r->cq), *e;
	uint64_t size = 1ULL << r->in.log_page, last = 0;
	unsigned int slot, n, state;

	if (!cqe)
		return -1;
	assert_int_equal(D_CQE_OP(cqe), IFC_CQE_RESP_SEND_IMM);
	assert_int_equal(D_CQE_QPN(cqe), r->host_qp);
	slot = D_CQE_COUNTER(cqe) & (T_WQES - 1);
	n = D_CQE_BYTES(cqe) / 8;
	state = D_CQE_IMM(cqe) >> 28;
	assert_int_equal(D_CQE_BYTES(cqe) % 8, 0);
	assert_true(D_CQE_BYTES(cqe) <= 1u << r->in.log_msg);
	assert_int_equal(D_CQE_IMM(cqe) & 0x0fffffff, 0);
	assert_true(state == T_TRACKING || (state == T_REPORTING && n));
	e = r->area.p + slot * T_MSG;
	for (unsigned int i = 0; i < n; i++, e += 8) {
		uint64_t at = ifc_ld64(e);

		assert_int_equal(at & (size - 1), 0);
		assert_true(!i || at > last);
		last = at;
		if (at + size <= H_MEM_BASE || at >= H_MEM_BASE + H_MEM_SIZE) {
			r->entries_outside++;
			continue;
		}
		for (uint64_t p = at; p < at + size; p += FWSIM_PAGE)
			if (p >= H_MEM_BASE && p < H_MEM_BASE + H_MEM_SIZE)
				r->told[(p - H_MEM_BASE) / FWSIM_PAGE] = true;
	}
	r->entries += n;
	r->messages++;
	if (repost)
		post(r, slot);
	return (int)state;
}

void t_report(struct t_rig *r, uint64_t start, uint64_t len)
{
	int state;

	t_report_clear(r);
	assert_int_equal(t_modify(r, start, len, T_REPORTING, 0x3), IFC_ST_OK);
	for (unsigned int idle = 0; idle < 100;) {
		state = t_take(r, true);
		if (state == T_TRACKING) {
			d_expect_none(&r->cq);
			assert_int_equal(t_state(r), T_TRACKING);
			return;
		}
		if (state == T_REPORTING)
			continue;
		h_advance(r->h, H_MS);
		idle++;
	}
	fail_msg("a report never ended");
}

bool t_told(const struct t_rig *r, uint64_t addr)
{
	return r->told[(addr - H_MEM_BASE) / FWSIM_PAGE];
}

void t_vf_write(struct t_rig *r, uint64_t addr, size_t len)
{
	uint8_t *buf = calloc(1, len);

	memset(buf, 0x5a, len);
	assert_int_equal(fwsim_dma_write(r->vf.v, addr, buf, len), 0);
	free(buf);
}

/* ---- rig ----------------------------------------------------------------------------------- */

static void make_kernel_qp(struct t_rig *r, struct d_qp *qp)
{
	IFC_BUF(create_qp_out, out);
	struct d_in in;

	d_cq(&r->vf, &qp->scq, D_LOG_CQ);
	d_cq(&r->vf, &qp->rcq, D_LOG_CQ);
	d_qp_in(&r->vf, &in, qp);
	IFC_SET(qpc, IFC_PTR(create_qp_in, in.b, qpc), rlky, 1);
	assert_int_equal(D_EXEC(&r->vf, &in, out), IFC_ST_OK);
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
}

static void make_kernel_rq(struct t_rig *r, struct e_rq *rq)
{
	struct d_in in;

	d_cq(&r->vf, &rq->cq, D_LOG_CQ);
	e_rq_in(&r->vf, &in, rq);
	IFC_SET(create_rq_in, in.b, ctx.rlky, 1);
	e_rq_make(rq, &in);
	assert_int_equal(e_rq_move(rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	e_steer(&r->vf, e_tir(&r->vf, rq->rqn), 0);
}

static uint32_t make_pa_key(struct t_rig *r)
{
	IFC_BUF(create_mkey_out, out);
	struct d_in in;
	uint8_t *mkc;

	d_mkey_in(&r->vf, &in, 0, 0);
	mkc = IFC_PTR(create_mkey_in, in.b, memory_key_mkey_entry);
	IFC_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_PA);
	IFC_SET(mkc, mkc, length64, 1);
	IFC_SET(mkc, mkc, log_page_size, 0);
	assert_int_equal(D_EXEC(&r->vf, &in, out), IFC_ST_OK);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | IFC_GET(mkc, mkc, mkey_7_0);
}

int t_setup_with(void **state, const struct fwsim_config *cfg)
{
	struct t_rig *r = calloc(1, sizeof(*r));

	r->h = h_new_map(cfg);
	d_open(&r->pf, r->h, 0);
	d_cq(&r->pf, &r->cq, T_LOG_WQES);
	r->area = d_mem(&r->pf, T_WQES * T_MSG);
	r->ring = h_alloc(r->h, 0, FWSIM_PAGE, FWSIM_PAGE);
	r->dbr = h_alloc(r->h, 0, 64, 64);
	r->host_qp = t_make_qp(r, true);
	r->fw_qp = t_make_qp(r, false);
	t_qp_to(r, MLX5_CMD_OP_RST2INIT_QP, r->host_qp, 0);
	t_post_all(r);
	t_qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, r->host_qp, r->fw_qp);
	t_qp_to(r, MLX5_CMD_OP_RST2INIT_QP, r->fw_qp, 0);
	t_qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, r->fw_qp, r->host_qp);
	t_qp_to(r, MLX5_CMD_OP_RTR2RTS_QP, r->fw_qp, r->host_qp);
	d_open(&r->vf, r->h, T_VF);
	make_kernel_qp(r, &r->a);
	d_qp(&r->vf, &r->b);
	make_kernel_rq(r, &r->rq);
	r->mem = d_mem(&r->vf, 4u << 20);
	r->pa_key = make_pa_key(r);
	d_connect(&r->a, &r->b);
	*state = r;
	return 0;
}

int t_setup_apart(void **state)
{
	struct fwsim_config cfg = t_config();

	return t_setup_with(state, &cfg);
}

int t_setup(void **state)
{
	t_setup_apart(state);
	t_make(*state);
	return 0;
}

int t_teardown(void **state)
{
	struct t_rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}
