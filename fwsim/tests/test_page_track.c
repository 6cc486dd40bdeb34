// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tracking as a driver uses it: the queues it makes, the object, reports. What must be in a report
 * is known twice: from the harness, which has recorded every DMA write, and from the content of memory.
 */
#include "eth_rig.h"

#include <stdlib.h>
#include <string.h>

#define VF 1u
#define LOG_MSG 12	/* of the rig's configuration: the least and the most */
#define MSG (1u << LOG_MSG)
#define LOG_WQES 3	/* receive WQEs of the host QP */
#define WQES (1u << LOG_WQES)
#define ALL 0ULL, 1ULL << 52
#define PAGES (H_MEM_SIZE / FWSIM_PAGE)

enum { TRACKING, REPORTING, ERROR };

struct track_in {
	uint16_t type, vhca_id;
	unsigned int state, track_type, log_space, log_page, log_msg, n;
	uint32_t qpn;
	struct {
		uint64_t start, len;
	} range[20];
	size_t cut; /* bytes less than needed */
};

/*
 * A PF with what the driver of a tracker has, a VF with two connected QPs, and a tracker if @id. QP a may
 * use the reserved lkey, and so may the RQ, to which every frame goes.
 */
struct rig {
	struct harness *h;
	struct d_fn pf, vf;
	struct d_cq cq;
	uint32_t host_qp, fw_qp, id;
	uint64_t ring, dbr, ready; /* receive ring, its doorbell record, @ready WQEs posted */
	struct d_mem area;	   /* WQES messages */
	struct d_qp a, b;
	struct e_rq rq;
	struct d_mem mem;
	uint32_t pa_key; /* of physical addresses */
	struct track_in in; /* as the tracker was made */
	/* The last report: bit per page of 4 KiB from H_MEM_BASE on, however large tracked pages are. */
	bool told[PAGES];
	unsigned int messages, entries, entries_outside;
};

/* ---- what the driver does ------------------------------------------------------------------ */

static struct fwsim_config config(void)
{
	struct fwsim_config cfg = h_default_config();

	cfg.track_log_min_msg = 3;
	cfg.track_log_max_msg = LOG_MSG;
	return cfg;
}

static uint32_t make_qp(struct rig *r, bool host)
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
		IFC_SET(qpc, qpc, log_rq_size, LOG_WQES);
		IFC_SET64(qpc, qpc, dbr_addr, r->dbr);
		ifc_st64(in + IFC_SZ(create_qp_in), r->ring);
	}
	assert_int_equal(h_cmd(r->h, 0, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	return IFC_GET(create_qp_out, out, qpn);
}

static void qp_to(struct rig *r, uint16_t opcode, uint32_t qpn, uint32_t remote)
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
static void post(struct rig *r, unsigned int slot)
{
	uint8_t *wqe = (uint8_t *)h_mem(r->h, 0, r->ring) + (r->ready & (WQES - 1)) * 16;

	ifc_st32(wqe, MSG);
	ifc_st32(wqe + 4, r->area.key);
	ifc_st64(wqe + 8, r->area.addr + slot * MSG);
	r->ready++;
	ifc_st32(h_mem(r->h, 0, r->dbr), r->ready & 0xffff);
}

static void post_all(struct rig *r)
{
	for (unsigned int i = 0; i < WQES; i++)
		post(r, r->ready & (WQES - 1));
}

static struct track_in good(const struct rig *r)
{
	return (struct track_in){
		.type = 0x46, .vhca_id = 0x10, .track_type = 1, .log_space = 25, .log_page = 12,
		.log_msg = LOG_MSG, .qpn = r->fw_qp, .n = 1, .range = { { H_MEM_BASE, H_MEM_SIZE } },
	};
}

static enum ifc_status create(struct rig *r, const struct track_in *t)
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

static void make(struct rig *r)
{
	struct track_in t = good(r);

	assert_int_equal(create(r, &t), IFC_ST_OK);
}

static enum ifc_status modify(struct rig *r, uint64_t start, uint64_t len, unsigned int state,
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

static enum ifc_status simple(struct rig *r, uint16_t opcode, uint32_t id, uint8_t *out,
			      size_t out_len)
{
	IFC_BUF(general_obj_in_cmd_hdr, in) = { 0 };

	IFC_SET(general_obj_in_cmd_hdr, in, opcode, opcode);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_type, 0x46);
	IFC_SET(general_obj_in_cmd_hdr, in, obj_id, id);
	return h_cmd(r->h, 0, in, sizeof(in), out, out_len);
}

static unsigned int state_of(struct rig *r)
{
	IFC_BUF(query_page_track_obj_out, out);

	assert_int_equal(simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(general_obj_out_cmd_hdr, out, obj_id), r->id);
	return IFC_GET(page_track, out + 0x10, state);
}

static enum ifc_status destroy(struct rig *r)
{
	IFC_BUF(general_obj_out_cmd_hdr, out);

	return simple(r, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, r->id, out, sizeof(out));
}

/* ---- reports ------------------------------------------------------------------------------- */

static void report_clear(struct rig *r)
{
	memset(r->told, 0, sizeof(r->told));
	r->messages = r->entries = r->entries_outside = 0;
}

/* Take one message, and post its buffer again if @repost. Its state, or -1 if there is none. */
static int take(struct rig *r, bool repost)
{
	const uint8_t *cqe = d_cqe(&r->cq), *e;
	uint64_t size = 1ULL << r->in.log_page, last = 0;
	unsigned int slot, n, state;

	if (!cqe)
		return -1;
	assert_int_equal(D_CQE_OP(cqe), IFC_CQE_RESP_SEND_IMM);
	assert_int_equal(D_CQE_QPN(cqe), r->host_qp);
	slot = D_CQE_COUNTER(cqe) & (WQES - 1);
	n = D_CQE_BYTES(cqe) / 8;
	state = D_CQE_IMM(cqe) >> 28;
	assert_int_equal(D_CQE_BYTES(cqe) % 8, 0);
	assert_true(D_CQE_BYTES(cqe) <= 1u << r->in.log_msg);
	assert_int_equal(D_CQE_IMM(cqe) & 0x0fffffff, 0);
	assert_true(state == TRACKING || (state == REPORTING && n));
	e = r->area.p + slot * MSG;
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

/* Ask for a window and take all of the answer. */
static void report(struct rig *r, uint64_t start, uint64_t len)
{
	int state;

	report_clear(r);
	assert_int_equal(modify(r, start, len, REPORTING, 0x3), IFC_ST_OK);
	for (unsigned int idle = 0; idle < 100;) {
		state = take(r, true);
		if (state == TRACKING) {
			d_expect_none(&r->cq);
			assert_int_equal(state_of(r), TRACKING);
			return;
		}
		if (state == REPORTING)
			continue;
		h_advance(r->h, H_MS);
		idle++;
	}
	fail_msg("a report never ended");
}

static bool told(const struct rig *r, uint64_t addr)
{
	return r->told[(addr - H_MEM_BASE) / FWSIM_PAGE];
}

static void vf_write(struct rig *r, uint64_t addr, size_t len)
{
	uint8_t *buf = calloc(1, len);

	memset(buf, 0x5a, len);
	assert_int_equal(fwsim_dma_write(r->vf.v, addr, buf, len), 0);
	free(buf);
}

/* ---- rig ----------------------------------------------------------------------------------- */

static void make_kernel_qp(struct rig *r, struct d_qp *qp)
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

static void make_kernel_rq(struct rig *r, struct e_rq *rq)
{
	struct d_in in;

	d_cq(&r->vf, &rq->cq, D_LOG_CQ);
	e_rq_in(&r->vf, &in, rq);
	IFC_SET(create_rq_in, in.b, ctx.rlky, 1);
	e_rq_make(rq, &in);
	assert_int_equal(e_rq_move(rq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
	e_steer(&r->vf, e_tir(&r->vf, rq->rqn), 0);
}

static uint32_t make_pa_key(struct rig *r)
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

static int setup_with(void **state, const struct fwsim_config *cfg)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new_map(cfg);
	d_open(&r->pf, r->h, 0);
	d_cq(&r->pf, &r->cq, LOG_WQES);
	r->area = d_mem(&r->pf, WQES * MSG);
	r->ring = h_alloc(r->h, 0, FWSIM_PAGE, FWSIM_PAGE);
	r->dbr = h_alloc(r->h, 0, 64, 64);
	r->host_qp = make_qp(r, true);
	r->fw_qp = make_qp(r, false);
	qp_to(r, MLX5_CMD_OP_RST2INIT_QP, r->host_qp, 0);
	post_all(r);
	qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, r->host_qp, r->fw_qp);
	qp_to(r, MLX5_CMD_OP_RST2INIT_QP, r->fw_qp, 0);
	qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, r->fw_qp, r->host_qp);
	qp_to(r, MLX5_CMD_OP_RTR2RTS_QP, r->fw_qp, r->host_qp);
	d_open(&r->vf, r->h, VF);
	make_kernel_qp(r, &r->a);
	d_qp(&r->vf, &r->b);
	make_kernel_rq(r, &r->rq);
	r->mem = d_mem(&r->vf, 4u << 20);
	r->pa_key = make_pa_key(r);
	d_connect(&r->a, &r->b);
	*state = r;
	return 0;
}

static int setup_apart(void **state)
{
	struct fwsim_config cfg = config();

	return setup_with(state, &cfg);
}

static int setup(void **state)
{
	setup_apart(state);
	make(*state);
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

/* ---- tests: the object --------------------------------------------------------------------- */

static void create_checks_every_number(void **state)
{
	static const struct {
		const char *what;
		enum ifc_status want;
	} cases[] = {
		{ "type", IFC_ST_BAD_PARAM },	   { "vhca_id of nobody", IFC_ST_BAD_RES },
		{ "vhca_id of the PF", IFC_ST_BAD_PARAM }, { "state", IFC_ST_BAD_PARAM },
		{ "track_type", IFC_ST_BAD_PARAM },  { "space too small", IFC_ST_BAD_PARAM },
		{ "space too large", IFC_ST_BAD_PARAM }, { "page too small", IFC_ST_BAD_PARAM },
		{ "page too large", IFC_ST_BAD_PARAM }, { "message too small", IFC_ST_BAD_PARAM },
		{ "message too large", IFC_ST_BAD_PARAM }, { "no range", IFC_ST_BAD_PARAM },
		{ "too many ranges", IFC_ST_BAD_PARAM }, { "ranges missing", IFC_ST_BAD_INPUT_LEN },
		{ "empty range", IFC_ST_BAD_PARAM }, { "range that wraps", IFC_ST_BAD_PARAM },
		{ "ranges overlap", IFC_ST_BAD_PARAM }, { "more than the space", IFC_ST_BAD_PARAM },
		{ "no such QP", IFC_ST_BAD_RES }, { "QP with a send queue", IFC_ST_BAD_PARAM },
		{ "QP not in RTS", IFC_ST_BAD_QP_STATE }, { "VF not enabled", IFC_ST_BAD_RES },
	};
	struct rig *r = *state;
	struct d_qp plain;

	d_qp(&r->pf, &plain);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct track_in t = good(r);
		enum ifc_status st;

		switch (i) {
		case 0: t.type = 0x47; break;
		case 1: t.vhca_id = 0x99; break;
		case 2: t.vhca_id = 1; break;
		case 3: t.state = 1; break;
		case 4: t.track_type = 2; break;
		case 5: t.log_space = 11; break;
		case 6: t.log_space = 53; break;
		case 7: t.log_page = 11; break;
		case 8: t.log_page = 22; break;
		case 9: t.log_msg = 2; break;
		case 10: t.log_msg = LOG_MSG + 1; break;
		case 11: t.n = 0; break;
		case 12: t.n = 17; break;
		case 13: t.cut = 8; break;
		case 14: t.range[0].len = 0; break;
		case 15: t.range[0].start = UINT64_MAX - 1; break;
		case 16: t.n = 2; t.range[1].start = H_MEM_BASE + H_MEM_SIZE - 1; t.range[1].len = 1; break;
		case 17: t.log_space = 24; break;
		case 18: t.qpn = 0x3fff; break;
		case 19: t.qpn = plain.qpn; break;
		case 20: t.qpn = r->host_qp; break;
		case 21: t.vhca_id = 0x11; break;
		}
		st = create(r, &t);
		if (st != cases[i].want)
			fail_msg("%s: status 0x%x, not 0x%x", cases[i].what, st, cases[i].want);
		assert_null(r->vf.v->tracks);
	}
	make(r);
}

static void object_is_what_was_asked_for(void **state)
{
	struct rig *r = *state;
	IFC_BUF(query_page_track_obj_out, out);
	uint8_t *ctx = out + 0x10;

	assert_int_equal(simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(page_track, ctx, vhca_id), 0x10);
	assert_int_equal(IFC_GET(page_track, ctx, state), TRACKING);
	assert_int_equal(IFC_GET(page_track, ctx, track_type), 1);
	assert_int_equal(IFC_GET(page_track, ctx, log_addr_space_size), 25);
	assert_int_equal(IFC_GET(page_track, ctx, log_page_size), 12);
	assert_int_equal(IFC_GET(page_track, ctx, log_msg_size), LOG_MSG);
	assert_int_equal(IFC_GET(page_track, ctx, reporting_qpn), r->fw_qp);
	assert_int_equal(IFC_GET(page_track, ctx, num_ranges), 1);
	assert_int_equal(simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id + 1, out, sizeof(out)),
			 IFC_ST_BAD_RES);
	assert_int_equal(destroy(r), IFC_ST_OK);
	assert_int_equal(destroy(r), IFC_ST_BAD_RES);
	assert_null(r->vf.v->tracks);
}

static void a_qp_serves_one_tracker_and_is_busy_with_it(void **state)
{
	struct rig *r = *state;
	struct track_in t = good(r);
	uint8_t out[16];

	assert_int_equal(create(r, &t), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_DESTROY_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_RES_BUSY);
	assert_int_equal(destroy(r), IFC_ST_OK);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_DESTROY_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_OK);
}

static void modify_checks_window_and_state(void **state)
{
	struct rig *r = *state;

	assert_int_equal(modify(r, H_MEM_BASE, 0, REPORTING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, UINT64_MAX, 2, REPORTING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, ALL, TRACKING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, ALL, ERROR, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, ALL, REPORTING, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, ALL, REPORTING, 7), IFC_ST_BAD_PARAM);
	d_expect_none(&r->cq);
	assert_int_equal(state_of(r), TRACKING);
}

/* ---- tests: marks -------------------------------------------------------------------------- */

static void nothing_dirty_is_one_empty_message(void **state)
{
	struct rig *r = *state;

	report(r, ALL);
	report(r, ALL);
	assert_int_equal(r->messages, 1);
	assert_int_equal(r->entries, 0);
}

static void a_page_is_told_of_once(void **state)
{
	struct rig *r = *state;

	report(r, ALL);
	vf_write(r, r->mem.addr + 100, 1);
	report(r, ALL);
	assert_int_equal(r->entries, 1);
	assert_true(told(r, r->mem.addr));
	report(r, ALL);
	assert_int_equal(r->entries, 0);
	vf_write(r, r->mem.addr + FWSIM_PAGE - 1, 2); /* straddles */
	report(r, ALL);
	assert_int_equal(r->entries, 2);
}

static void writes_of_others_are_not_told_of(void **state)
{
	struct rig *r = *state;
	struct d_fn other;
	uint8_t b = 1;

	report(r, ALL);
	d_open(&other, r->h, 2); /* its commands and events, and those of the PF */
	assert_int_equal(fwsim_dma_write(other.v, r->mem.addr, &b, 1), 0);
	report(r, ALL);
	assert_int_equal(r->entries, 0);
}

/* A frame that goes to 1500 bytes at byte @off of memory, by @key. */
static void vf_receives(struct rig *r, uint32_t off, uint32_t key)
{
	uint8_t data[1500] = { 0 };
	struct fwsim_frame f;

	e_headers(data, E_UDP4, &r->pf, &r->vf, sizeof(data) - 42);
	assert_true(fwsim_frame_parse(&f, data, sizeof(data)));
	e_recv(&r->rq, 1, &(struct d_sge){ r->mem.addr + off, sizeof(data), key });
	fwsim_nic_rx(r->vf.v, &f);
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
}

/* Everything that a VF's DMA can write: payload, CQEs, EQEs, answers of commands, and one by one. */
static void vf_works(struct rig *r)
{
	struct d_wr wr = { .op = IFC_WQE_RDMA_WRITE, .raddr = r->mem.addr + 0x101000,
			   .rkey = r->mem.key, .n = 1,
			   .sge = { { r->mem.addr, 0x3000, r->mem.key } } };
	struct d_sge sge = { r->mem.addr + 0x200800, 0x1000, r->mem.key };

	d_cq_arm(&r->a.scq, false);
	d_send(&r->a, &wr); /* CQE at a, event */
	wr.raddr = r->mem.addr + 0x180000;
	wr.rkey = r->pa_key;
	d_send(&r->a, &wr);
	wr.raddr = r->mem.addr + 0x101000;
	wr.rkey = r->mem.key;
	wr.op = IFC_WQE_RDMA_READ;
	wr.sge[0].addr = r->mem.addr + 0x300000;
	d_send(&r->a, &wr);
	wr.sge[0].addr = r->mem.addr + 0x380000;
	wr.sge[0].key = FWSIM_RESD_LKEY;
	d_send(&r->a, &wr);
	d_recv(&r->b, 1, &sge);
	wr.op = IFC_WQE_SEND_IMM;
	wr.sge[0] = (struct d_sge){ r->mem.addr, 0x1000, r->mem.key };
	d_send(&r->a, &wr); /* CQEs at a and b */
	assert_int_equal(d_state(&r->a), IFC_QP_RTS); /* command with output mailboxes */
	wr.op = IFC_WQE_RDMA_WRITE;
	wr.raddr = 1; /* nothing there: error CQE, asynchronous event */
	d_send(&r->b, &wr);
	vf_receives(r, 0x3c0c00, r->mem.key);
	vf_receives(r, 0x3d0c00, FWSIM_RESD_LKEY);
	h_settle(r->h);
	while (d_cqe(&r->a.scq) || d_cqe(&r->b.scq) || d_cqe(&r->b.rcq))
		;
}

/* Pages that DMA of the VF has touched since h_dma_clear(), as the harness saw it. */
static unsigned int oracle(struct rig *r, bool *page)
{
	unsigned int n = 0;

	memset(page, 0, PAGES * sizeof(*page));
	for (size_t i = 0; i < r->h->dma_n; i++) {
		const struct h_dma *d = &r->h->dma[i];

		if (d->fn != VF)
			continue;
		for (uint64_t at = d->addr & ~0xfffULL; at < d->addr + d->len; at += FWSIM_PAGE)
			page[(at - H_MEM_BASE) / FWSIM_PAGE] = true;
	}
	for (unsigned int i = 0; i < PAGES; i++)
		n += page[i];
	return n;
}

static void every_dma_write_is_told_of(void **state)
{
	static bool page[PAGES];
	struct rig *r = *state;
	unsigned int n;

	report(r, ALL);
	h_dma_clear(r->h);
	vf_works(r);
	n = oracle(r, page);
	assert_true(n >= 4 * 3 + 2 + 2 * 2 + 4 + 2 + 2); /* payload, frames, CQs, EQs, command queue and mailbox */
	report(r, ALL);
	assert_int_equal(r->entries, n);
	assert_memory_equal(r->told, page, sizeof(page));
}

/* The content of memory is the judge: what the card has changed must have been told of. */
static void every_page_that_changed_is_told_of(void **state)
{
	struct rig *r = *state;
	uint8_t *before = malloc(H_MEM_SIZE), *now = h_mem(r->h, VF, H_MEM_BASE);
	unsigned int changed = 0;

	report(r, ALL);
	for (uint32_t i = 0; i < r->mem.size; i++)
		r->mem.p[i] = (uint8_t)(i >> 12);
	memcpy(before, now, H_MEM_SIZE);
	for (unsigned int i = 0; i < 500; i++) {
		struct d_wr wr = {
			.op = i & 1 ? IFC_WQE_RDMA_READ : IFC_WQE_RDMA_WRITE, .unsignalled = true,
			.rkey = r->mem.key, .raddr = r->mem.addr + (uint64_t)rand() % 0x3f0000, .n = 1,
			.sge = { { r->mem.addr + (uint64_t)rand() % 0x3f0000,
				   (uint32_t)rand() % 0x8000, r->mem.key } },
		};

		wr.unsignalled = i % 8;
		d_send(&r->a, &wr);
		while (d_cqe(&r->a.scq))
			;
	}
	report(r, ALL);
	for (unsigned int p = 0; p < PAGES; p++) {
		uint64_t at = (uint64_t)p * FWSIM_PAGE;

		/* what the test itself writes as the driver is not the card's */
		if (H_MEM_BASE + at < r->mem.addr || at + H_MEM_BASE >= r->mem.addr + r->mem.size)
			continue;
		if (!memcmp(before + at, now + at, FWSIM_PAGE))
			continue;
		changed++;
		if (!r->told[p])
			fail_msg("page 0x%llx has changed and was not told of",
				 (unsigned long long)(H_MEM_BASE + at));
	}
	assert_true(changed > 500);
	free(before);
}

/* A model of what is dirty, against random writes, windows, page sizes and ranges. */
static void random_writes_and_windows(void **state)
{
	struct rig *r = *state;
	static bool dirty[PAGES];

	srand(1);
	for (unsigned int round = 0; round < 40; round++) {
		struct track_in t = good(r);
		unsigned int lines = 1 + (unsigned int)rand() % 16, per;
		uint64_t step = H_MEM_SIZE / lines;

		t.log_page = 12 + (unsigned int)rand() % 10;
		t.log_msg = 3 + (unsigned int)rand() % (LOG_MSG - 2);
		per = 1u << (t.log_page - 12);
		t.n = lines;
		for (unsigned int i = 0; i < lines; i++) { /* any order, any alignment to 4 KiB */
			unsigned int at = (i * 7 + round) % lines;
			uint64_t off = (uint64_t)rand() % (step / FWSIM_PAGE / 2) * FWSIM_PAGE;

			if (lines % 7 == 0)
				at = i;
			t.range[i].start = H_MEM_BASE + at * (step & ~0xfffULL) + off;
			t.range[i].len = (step & ~0xfffULL) - off;
		}
		assert_int_equal(create(r, &t), IFC_ST_OK);
		memset(dirty, 0, sizeof(dirty));
		for (unsigned int part = 0; part < 12; part++) {
			uint64_t start, len;

			for (unsigned int i = 0; i < 60; i++) {
				uint64_t off = (uint64_t)rand() % (H_MEM_SIZE - 0x8000);
				size_t n = 1 + (size_t)rand() % 0x6000;

				vf_write(r, H_MEM_BASE + off, n);
				for (unsigned int k = 0; k < t.n; k++) {
					uint64_t a = H_MEM_BASE + off, b = a + n - 1;
					uint64_t f = t.range[k].start, l = f + t.range[k].len - 1;

					a = a > f ? a : f;
					b = b < l ? b : l;
					for (uint64_t p = a >> t.log_page; a <= b && p <= b >> t.log_page;
					     p++)
						dirty[p - (H_MEM_BASE >> t.log_page)] = true;
				}
			}
			start = H_MEM_BASE + (uint64_t)rand() % H_MEM_SIZE;
			len = 1 + (uint64_t)rand() % (H_MEM_BASE + H_MEM_SIZE - start);
			if (part % 3) { /* otherwise at any byte */
				start &= ~((1ULL << t.log_page) - 1);
				len = (len + (1ULL << t.log_page)) & ~((1ULL << t.log_page) - 1);
			}
			report(r, start, len);
			for (uint64_t p = 0; p < PAGES / per; p++) {
				uint64_t a = H_MEM_BASE + (p << t.log_page);
				uint64_t b = a + ((1ULL << t.log_page) - 1);
				bool in = b >= start && a <= start + (len - 1), clear = in;

				assert_int_equal(r->told[p * per], in && dirty[p]);
				for (unsigned int k = 0; k < t.n; k++) {
					uint64_t f = t.range[k].start, l = f + t.range[k].len - 1;

					f = f > a ? f : a;
					l = l < b ? l : b;
					if (f <= l && (f < start || l > start + (len - 1)))
						clear = false; /* some of it is still to be told */
				}
				if (clear)
					dirty[p] = false;
			}
		}
		assert_int_equal(destroy(r), IFC_ST_OK);
	}
}

static void a_write_that_fails_part_way_is_marked(void **state)
{
	struct rig *r = *state;
	uint8_t buf[2 * FWSIM_PAGE] = { 0 };

	report(r, ALL);
	h_dma_fail(r->h, VF, r->mem.addr + FWSIM_PAGE, 1);
	assert_int_equal(fwsim_dma_write(r->vf.v, r->mem.addr, buf, sizeof(buf)), -1);
	h_dma_fail(r->h, VF, 0, 0);
	report(r, ALL);
	assert_int_equal(r->entries, 2);
	assert_true(told(r, r->mem.addr));
	/* one that was not even tried is none */
	fwsim_set_bus_master(r->h->fw, VF, false);
	assert_int_equal(fwsim_dma_write(r->vf.v, r->mem.addr, buf, sizeof(buf)), -1);
	fwsim_set_bus_master(r->h->fw, VF, true);
	report(r, ALL);
	assert_false(told(r, r->mem.addr));
}

static void only_ranges_are_tracked(void **state)
{
	struct rig *r = *state;
	struct track_in t = good(r);

	t.n = 2;
	t.range[0].start = r->mem.addr + 0x10000;
	t.range[0].len = 0x2000;
	t.range[1].start = r->mem.addr + 0x1000;
	t.range[1].len = 0x1000;
	assert_int_equal(create(r, &t), IFC_ST_OK);
	vf_write(r, r->mem.addr, 0x20000);
	report(r, ALL);
	assert_int_equal(r->entries, 3);
	assert_true(told(r, r->mem.addr + 0x1000));
	assert_true(told(r, r->mem.addr + 0x10000));
	assert_true(told(r, r->mem.addr + 0x11000));
	vf_write(r, r->mem.addr + 0x1fff, 1); /* the last byte of one, and the first behind it */
	vf_write(r, r->mem.addr + 0x2000, 1);
	report(r, ALL);
	assert_int_equal(r->entries, 1);
	assert_true(told(r, r->mem.addr + 0x1fff));
}

static void two_trackers_of_a_vf_keep_marks_of_their_own(void **state)
{
	struct rig *r = *state, second = *r;

	second.fw_qp = make_qp(r, false);
	second.host_qp = make_qp(r, true); /* its ring is not used: only marks are looked at */
	qp_to(r, MLX5_CMD_OP_RST2INIT_QP, second.fw_qp, 0);
	qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, second.fw_qp, second.host_qp);
	qp_to(r, MLX5_CMD_OP_RTR2RTS_QP, second.fw_qp, second.host_qp);
	make(&second);
	assert_int_not_equal(second.id, r->id);
	vf_write(r, r->mem.addr, 1);
	report(r, ALL);
	assert_true(told(r, r->mem.addr));
	assert_int_equal(destroy(r), IFC_ST_OK);
	assert_non_null(r->vf.v->tracks);
	assert_int_equal(destroy(&second), IFC_ST_OK);
	assert_null(r->vf.v->tracks);
}

/* ---- tests: flow of a report --------------------------------------------------------------- */

static void a_full_receive_ring_makes_the_report_wait(void **state)
{
	struct rig *r = *state;
	const unsigned int pages = (WQES + 3) * (MSG / 8) + 5; /* more than the ring takes */
	unsigned int n = 0;

	for (unsigned int i = 0; i < pages; i++)
		vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	report_clear(r);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	h_advance(r->h, 100 * H_MS);
	while (take(r, false) == REPORTING)
		n++;
	assert_int_equal(n, WQES); /* and none was lost for want of a buffer */
	assert_int_equal(state_of(r), REPORTING);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_BAD_RES_STATE);
	post_all(r);
	h_advance(r->h, 10 * H_MS);
	while (take(r, true) != TRACKING)
		;
	for (unsigned int i = 0; i < pages; i++)
		assert_true(told(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE));
}

static void a_page_written_behind_the_report_is_told_of_next_time(void **state)
{
	struct rig *r = *state;
	unsigned int pages = (WQES + 1) * (MSG / 8);

	report(r, ALL);
	for (unsigned int i = 0; i < pages; i++)
		vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	while (take(r, false) == REPORTING)
		;
	assert_int_equal(state_of(r), REPORTING);
	vf_write(r, H_MEM_BASE + 0x100000, 1); /* told of already */
	post_all(r);
	h_advance(r->h, 10 * H_MS);
	report_clear(r);
	while (take(r, true) != TRACKING)
		;
	assert_false(told(r, H_MEM_BASE + 0x100000));
	report(r, ALL);
	assert_int_equal(r->entries, 1);
	assert_true(told(r, H_MEM_BASE + 0x100000));
}

static void a_full_message_may_be_the_last(void **state)
{
	struct rig *r = *state;

	report(r, ALL);
	vf_write(r, H_MEM_BASE + 0x100000, MSG / 8 * FWSIM_PAGE);
	report(r, ALL);
	assert_int_equal(r->entries, MSG / 8);
	assert_int_equal(r->messages, 1);
	vf_write(r, H_MEM_BASE + 0x100000, (MSG / 8 + 1) * FWSIM_PAGE);
	report(r, ALL);
	assert_int_equal(r->entries, MSG / 8 + 1);
	assert_int_equal(r->messages, 2);
}

static void a_completion_event_comes_with_a_message(void **state)
{
	struct rig *r = *state;

	d_eq_drain(&r->pf, &r->pf.comp, IFC_EVENT_COMP);
	d_cq_arm(&r->cq, false);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	assert_int_equal(d_eq_drain(&r->pf, &r->pf.comp, IFC_EVENT_COMP), 1);
}

static void a_stopped_vf_is_reported_on(void **state)
{
	struct rig *r = *state;

	vf_write(r, r->mem.addr, 1);
	r->vf.v->mig = FWSIM_MIG_STOPPED;
	report(r, ALL);
	assert_true(told(r, r->mem.addr));
	r->vf.v->mig = FWSIM_MIG_RUNNING;
}

static void reset_of_the_vf_keeps_tracker_and_marks(void **state)
{
	struct rig *r = *state;

	report(r, ALL);
	vf_write(r, r->mem.addr, 1);
	fwsim_reset(r->h->fw, VF);
	assert_int_equal(h_disable_hca(r->h, 0, VF), IFC_ST_OK);
	assert_int_equal(h_enable_hca(r->h, 0, VF), IFC_ST_OK);
	report(r, ALL);
	assert_true(told(r, r->mem.addr));
	vf_write(r, r->mem.addr, 1);
	report(r, ALL);
	assert_int_equal(r->entries, 1);
}

static void a_pf_without_bus_mastering_holds_the_report(void **state)
{
	struct rig *r = *state;

	for (unsigned int i = 0; i < (WQES + 1) * (MSG / 8); i++)
		vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	while (take(r, false) == REPORTING)
		;
	fwsim_set_bus_master(r->h->fw, 0, false);
	post_all(r);
	h_advance(r->h, H_SEC);
	d_expect_none(&r->cq);
	fwsim_set_bus_master(r->h->fw, 0, true);
	h_settle(r->h);
	while (take(r, true) != TRACKING)
		;
	assert_int_equal(state_of(r), TRACKING);
}

static void destroy_in_the_middle_of_a_report(void **state)
{
	struct rig *r = *state;

	for (unsigned int i = 0; i < 5200; i++)
		vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	assert_int_equal(state_of(r), REPORTING);
	assert_int_equal(destroy(r), IFC_ST_OK);
	while (take(r, true) >= 0)
		;
	h_advance(r->h, H_SEC);
	d_expect_none(&r->cq);
	make(r); /* of the marks nothing is left */
	report(r, ALL);
	assert_int_equal(r->entries, 0);
}

static void reset_of_the_pf_takes_the_tracker_along(void **state)
{
	struct rig *r = *state;

	for (unsigned int i = 0; i < 5200; i++)
		vf_write(r, H_MEM_BASE + 0x100000 + i * FWSIM_PAGE, 1);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	fwsim_reset(r->h->fw, 0);
	assert_null(r->vf.v->tracks);
	h_advance(r->h, H_SEC);
	vf_write(r, r->mem.addr, 1);
}

/* ---- tests: errors ------------------------------------------------------------------------- */

/* An EQ that asks for OBJECT_CHANGE. */
static void ask_for_object_change(struct rig *r, struct d_eq *eq)
{
	d_eq(&r->pf, eq, 4, D_ASYNC_VECTOR, 1ULL << IFC_EVENT_OBJECT_CHANGE);
}

static void a_dead_qp_is_an_error_that_is_told(void **state)
{
	struct rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;
	uint8_t out[16];

	ask_for_object_change(r, &eq);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_2ERR_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(state_of(r), TRACKING);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld16(eqe + 0x22), 0x46);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_null(d_eqe(&r->pf, &eq)); /* once */
	assert_int_equal(state_of(r), ERROR);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_BAD_RES_STATE);
	vf_write(r, r->mem.addr, 1);
	d_expect_none(&r->cq);
	assert_int_equal(destroy(r), IFC_ST_OK);
}

static void a_driver_without_object_change_hears_of_the_qp(void **state)
{
	struct rig *r = *state;
	const uint8_t *eqe;
	uint8_t out[16];

	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_2ERR_QP, r->host_qp, out, sizeof(out)),
			 IFC_ST_OK);
	h_settle(r->h);
	while (d_eqe(&r->pf, &r->pf.async))
		;
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &r->pf.async);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_WQ_CATAS_ERROR);
	assert_int_equal(eqe[0x34], 0);
	assert_int_equal(ifc_ld32(eqe + 0x38), r->fw_qp);
	assert_int_equal(state_of(r), ERROR);
}

static void a_message_that_cannot_be_written_is_an_error(void **state)
{
	struct rig *r = *state;
	struct d_eq eq;
	const uint8_t *cqe;

	ask_for_object_change(r, &eq);
	vf_write(r, r->mem.addr, 1);
	h_dma_fail(r->h, 0, r->area.addr, 8);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	h_dma_fail(r->h, 0, 0, 0);
	cqe = d_cqe(&r->cq);
	assert_non_null(cqe);
	assert_int_equal(D_CQE_OP(cqe), IFC_CQE_RESP_ERR);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(state_of(r), ERROR);
}

static void a_completion_that_cannot_be_written_is_an_error(void **state)
{
	struct rig *r = *state;
	struct d_eq eq;

	ask_for_object_change(r, &eq);
	vf_write(r, r->mem.addr, 1);
	h_dma_fail(r->h, 0, r->cq.addr, 64);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	h_dma_fail(r->h, 0, 0, 0);
	d_expect_none(&r->cq);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(state_of(r), ERROR);
}

/* The rule is about the VF that is tracked; what goes wrong is the PF's tracker. */
static void a_fault_rule_makes_an_error_that_is_told(void **state)
{
	struct rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;

	ask_for_object_change(r, &eq);
	assert_true(h_say(r->h, "fault add track fn=pf error"));
	assert_true(h_say(r->h, "fault add track fn=vf0 nth=2 error"));
	report(r, ALL);
	assert_int_equal(state_of(r), TRACKING);
	vf_write(r, r->mem.addr, 1);
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_OK);
	d_expect_none(&r->cq);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_int_equal(state_of(r), ERROR);
	assert_true(h_say(r->h, "fault list"));
	assert_non_null(strstr(r->h->answer, "rule 1 track fn=pf nth=1 count=1 error seen=0 hits=0\n"));
	assert_non_null(strstr(r->h->answer, "rule 2 track fn=vf0 nth=2 count=1 error seen=2 hits=1\n"));
}

/* Commands that name the tracker concern the VF that it tracks. */
static void commands_of_a_tracker_concern_its_vf(void **state)
{
	struct rig *r = *state;

	assert_true(h_say(r->h, "fault add cmd:MODIFY_GENERAL_OBJECT fn=vf0 status=BAD_RES"));
	assert_true(h_say(r->h, "fault add cmd:DESTROY_GENERAL_OBJECT fn=vf0 status=BAD_RES"));
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_BAD_RES);
	assert_int_equal(destroy(r), IFC_ST_BAD_RES);
	assert_int_equal(destroy(r), IFC_ST_OK);
	assert_true(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT fn=vf0 status=LIM_ERR"));
	assert_int_equal(create(r, &r->in), IFC_ST_LIM_ERR);
}

/* Who listens only when the tracker is there hears nothing of this one. */
static void a_tracker_may_be_born_with_an_error(void **state)
{
	struct rig *r = *state;
	struct d_eq eq;
	const uint8_t *eqe;

	ask_for_object_change(r, &eq);
	assert_int_equal(destroy(r), IFC_ST_OK);
	assert_false(h_say(r->h, "fault add cmd:MODIFY_GENERAL_OBJECT error"));
	assert_false(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT error lost"));
	assert_true(h_say(r->h, "fault add cmd:CREATE_GENERAL_OBJECT fn=vf0 error"));
	assert_int_equal(create(r, &r->in), IFC_ST_OK);
	eqe = d_eqe(&r->pf, &eq);
	assert_non_null(eqe);
	assert_int_equal(eqe[1], IFC_EVENT_OBJECT_CHANGE);
	assert_int_equal(ifc_ld32(eqe + 0x24), r->id);
	assert_int_equal(state_of(r), ERROR);
	assert_null(d_eqe(&r->pf, &eq));
}

static void marks_without_memory_are_an_error_and_none_is_lost(void **state)
{
	struct fwsim_config cfg = config();
	struct track_in t;
	struct rig *r;
	struct d_eq eq;

	cfg.track_memory = 3 * 5000; /* three leaves of 4 KiB and their heads */
	setup_with(state, &cfg);
	r = *state;
	ask_for_object_change(r, &eq);
	t = good(r);
	t.log_space = 50;
	t.range[0].start = 0;
	t.range[0].len = 1ULL << 50;
	assert_int_equal(create(r, &t), IFC_ST_OK);
	for (unsigned int i = 0; i < 6; i++)
		fwsim_page_track_mark(r->vf.v, (uint64_t)(i / 2) << 27, 1);
	report(r, ALL); /* what has been told of gives its memory back */
	assert_int_equal(r->entries, 3);
	for (unsigned int i = 0; i < 3; i++)
		fwsim_page_track_mark(r->vf.v, (uint64_t)(7 - i) << 40, 1);
	assert_int_equal(state_of(r), TRACKING);
	assert_null(d_eqe(&r->pf, &eq));
	fwsim_page_track_mark(r->vf.v, 1ULL << 39, 1);
	assert_int_equal(state_of(r), ERROR);
	assert_non_null(d_eqe(&r->pf, &eq));
	assert_int_equal(modify(r, ALL, REPORTING, 3), IFC_ST_BAD_RES_STATE);
	teardown(state);
}

static void a_card_without_tracker_has_no_general_objects(void **state)
{
	struct fwsim_config cfg = config();
	IFC_BUF(general_obj_out_cmd_hdr, out);
	struct track_in t;
	struct rig *r;

	cfg.no_tracker = true;
	setup_with(state, &cfg);
	r = *state;
	t = good(r);
	assert_int_equal(create(r, &t), IFC_ST_BAD_OP);
	assert_int_equal(simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, 0x800, out, sizeof(out)),
			 IFC_ST_BAD_OUTPUT_LEN);
	assert_int_equal(simple(r, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, 0x800, out, sizeof(out)),
			 IFC_ST_BAD_OP);
	teardown(state);
}

static void limits_of_the_card_are_checked(void **state)
{
	static const struct {
		struct fwsim_config c;
		bool ok;
	} cases[] = {
		{ { .track_max = 1 }, true }, { { .track_max = 3 }, false },
		{ { .track_max_ranges = 255 }, true }, { { .track_max_ranges = 256 }, false },
		{ { .track_log_max_msg = 20 }, true }, { { .track_log_max_msg = 21 }, false },
		{ { .track_log_max_msg = 6 }, true }, { { .track_log_min_msg = 2 }, false },
		{ { .track_log_min_page = 16, .track_log_max_page = 15 }, false },
		{ { .track_log_min_page = 30 }, true }, { { .track_log_max_space = 64 }, false },
	};
	static const struct fwsim_host_ops none;
	char err[160];

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fwsim *fw;

		err[0] = '\0';
		fw = fwsim_create(&cases[i].c, &none, NULL, err, sizeof(err));
		if (!fw != !cases[i].ok)
			fail_msg("case %u: %s", i, fw ? "taken" : err);
		assert_int_equal(!fw, err[0] != '\0');
		fwsim_destroy(fw);
	}
}

#define TRACKED(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define APART(fn) cmocka_unit_test_setup_teardown(fn, setup_apart, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		APART(create_checks_every_number),
		TRACKED(object_is_what_was_asked_for),
		TRACKED(a_qp_serves_one_tracker_and_is_busy_with_it),
		TRACKED(modify_checks_window_and_state),
		TRACKED(nothing_dirty_is_one_empty_message),
		TRACKED(a_page_is_told_of_once),
		TRACKED(writes_of_others_are_not_told_of),
		TRACKED(every_dma_write_is_told_of),
		TRACKED(every_page_that_changed_is_told_of),
		APART(random_writes_and_windows),
		TRACKED(a_write_that_fails_part_way_is_marked),
		APART(only_ranges_are_tracked),
		TRACKED(two_trackers_of_a_vf_keep_marks_of_their_own),
		TRACKED(a_full_receive_ring_makes_the_report_wait),
		TRACKED(a_page_written_behind_the_report_is_told_of_next_time),
		TRACKED(a_full_message_may_be_the_last),
		TRACKED(a_completion_event_comes_with_a_message),
		TRACKED(a_stopped_vf_is_reported_on),
		TRACKED(reset_of_the_vf_keeps_tracker_and_marks),
		TRACKED(a_pf_without_bus_mastering_holds_the_report),
		TRACKED(destroy_in_the_middle_of_a_report),
		TRACKED(reset_of_the_pf_takes_the_tracker_along),
		TRACKED(a_dead_qp_is_an_error_that_is_told),
		TRACKED(a_driver_without_object_change_hears_of_the_qp),
		TRACKED(a_message_that_cannot_be_written_is_an_error),
		TRACKED(a_completion_that_cannot_be_written_is_an_error),
		TRACKED(a_fault_rule_makes_an_error_that_is_told),
		TRACKED(a_tracker_may_be_born_with_an_error),
		TRACKED(commands_of_a_tracker_concern_its_vf),
		cmocka_unit_test(marks_without_memory_are_an_error_and_none_is_lost),
		cmocka_unit_test(a_card_without_tracker_has_no_general_objects),
		cmocka_unit_test(limits_of_the_card_are_checked),
	};

	return cmocka_run_group_tests_name("page_track", tests, NULL, NULL);
}
