// SPDX-License-Identifier: GPL-2.0-or-later
/* SQs, RQs, TISes, TIRs, RQTs and Q counters as commands see them. */
#include "data_rig.h"
#include "eth.h"

#include <string.h>

#define LOG_SQ 6
#define LOG_RQ 5
#define LOG_RQ_STRIDE 6

struct rig {
	struct harness *h;
	struct d_fn d;
	struct d_cq cq;
	uint32_t td, tisn;
	uint64_t ring, dbr;
};

static uint32_t tis(struct rig *r)
{
	IFC_BUF(create_tis_in, in) = { 0 };
	IFC_BUF(create_tis_out, out);

	ifc_st16(in, MLX5_CMD_OP_CREATE_TIS);
	IFC_SET(create_tis_in, in, ctx.transport_domain, r->td);
	assert_int_equal(H_CMD(r->h, r->d.fn, in, out), IFC_ST_OK);
	return IFC_GET(create_tis_out, out, tisn);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d, r->h, 1);
	d_cq(&r->d, &r->cq, D_LOG_CQ);
	r->td = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_TRANSPORT_DOMAIN);
	r->tisn = tis(r);
	r->ring = h_alloc(r->h, 1, 1u << 20, FWSIM_PAGE);
	r->dbr = h_alloc(r->h, 1, 64, 64);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

static void wq_in(struct rig *r, uint8_t *wq, unsigned int log_size, unsigned int log_stride)
{
	IFC_SET(wq, wq, wq_type, 1);
	IFC_SET(wq, wq, pd, r->d.pd);
	IFC_SET(wq, wq, log_wq_sz, log_size);
	IFC_SET(wq, wq, log_wq_stride, log_stride);
	IFC_SET64(wq, wq, dbr_addr, r->dbr);
}

static uint8_t *sq_in(struct rig *r, struct d_in *in)
{
	uint8_t *sqc = IFC_PTR(create_sq_in, in->b, ctx);

	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, MLX5_CMD_OP_CREATE_SQ);
	in->len = IFC_SZ(create_sq_in);
	IFC_SET(sqc, sqc, cqn, r->cq.cqn);
	IFC_SET(sqc, sqc, tis_lst_sz, 1);
	IFC_SET(sqc, sqc, tis_num_0, r->tisn);
	IFC_SET(sqc, sqc, flush_in_error_en, 1);
	IFC_SET(sqc, sqc, wq.uar_page, r->d.uar);
	wq_in(r, IFC_PTR(sqc, sqc, wq), LOG_SQ, 6);
	d_in_pas(in, r->ring, 1);
	return sqc;
}

static uint8_t *rq_in(struct rig *r, struct d_in *in)
{
	uint8_t *rqc = IFC_PTR(create_rq_in, in->b, ctx);

	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, MLX5_CMD_OP_CREATE_RQ);
	in->len = IFC_SZ(create_rq_in);
	IFC_SET(rqc, rqc, cqn, r->cq.cqn);
	wq_in(r, IFC_PTR(rqc, rqc, wq), LOG_RQ, LOG_RQ_STRIDE);
	d_in_pas(in, r->ring, 1);
	return rqc;
}

/* All creates answer with the number at the same place. */
static uint32_t create(struct rig *r, const struct d_in *in)
{
	uint8_t out[16];

	assert_int_equal(D_EXEC(&r->d, in, out), IFC_ST_OK);
	return ifc_ld32(out + 8) & 0xffffff;
}

static uint32_t new_sq(struct rig *r)
{
	struct d_in in;

	sq_in(r, &in);
	return create(r, &in);
}

static uint32_t new_rq(struct rig *r)
{
	struct d_in in;

	rq_in(r, &in);
	return create(r, &in);
}

static enum ifc_status modify(struct rig *r, uint16_t opcode, uint32_t id, unsigned int from,
			      unsigned int to, uint64_t select)
{
	IFC_BUF(modify_sq_in, in) = { 0 }; /* as modify_rq_in, and both contexts begin alike */
	IFC_BUF(modify_sq_out, out);

	ifc_st16(in, opcode);
	IFC_SET(modify_sq_in, in, sqn, id);
	IFC_SET(modify_sq_in, in, sq_state, from);
	IFC_SET(modify_sq_in, in, ctx.state, to);
	IFC_SET64(modify_sq_in, in, modify_bitmask, select);
	return H_CMD(r->h, r->d.fn, in, out);
}

static unsigned int used(struct rig *r, enum fwsim_obj_type type)
{
	return r->d.v->obj[type].used;
}

static uint32_t refs(struct rig *r, enum fwsim_obj_type type, uint32_t id)
{
	return ((struct fwsim_obj *)fwsim_table_get(&r->d.v->obj[type], id))->refs;
}

/* Change one field of a command that works: it is refused with @why, and nothing is left of it. */
#define REFUSED(fill, OBJ, layout, fld, val, st, why)                                              \
	do {                                                                                       \
		unsigned int used_ = used(r, OBJ);                                                 \
                                                                                                   \
		ctx = fill(r, &in);                                                                \
		IFC_SET(layout, ctx, fld, val);                                                    \
		h_trace_clear(r->h);                                                               \
		assert_int_equal(D_EXEC(&r->d, &in, out), st);                                     \
		assert_non_null(h_trace_find(r->h, FWSIM_TRACE_CMD, why));                         \
		assert_int_equal(used(r, OBJ), used_);                                             \
	} while (0)

static void sq_refusals_say_why(void **state)
{
	struct rig *r = *state;
	uint8_t out[16], *ctx;
	uint32_t cq = refs(r, FWSIM_OBJ_CQ, r->cq.cqn);
	struct d_in in;

#define SQ(fld, val, st, why) REFUSED(sq_in, FWSIM_OBJ_SQ, sqc, fld, val, st, why)
	SQ(cd_master, 1, IFC_ST_BAD_PARAM, "cross-channel");
	SQ(hairpin, 1, IFC_ST_BAD_PARAM, "hairpin");
	SQ(allow_swp, 1, IFC_ST_BAD_PARAM, "allow_swp");
	SQ(packet_pacing_rate_limit_index, 1, IFC_ST_BAD_PARAM, "packet pacing");
	SQ(qos_queue_group_id, 1, IFC_ST_BAD_PARAM, "queue group");
	SQ(ts_cqe_to_dest_cqn, 1, IFC_ST_BAD_PARAM, "ts_cqe_to_dest_cqn");
	SQ(state, FWSIM_WQ_RDY, IFC_ST_BAD_PARAM, "a new SQ");
	SQ(tis_lst_sz, 2, IFC_ST_BAD_PARAM, "list of 2 TISes");
	SQ(tis_num_0, 0, IFC_ST_BAD_PARAM, "list of 1 TISes");
	SQ(tis_num_0, 0x777, IFC_ST_BAD_RES, "no such TIS");
	SQ(cqn, 0x777, IFC_ST_BAD_RES, "no such CQ");
	SQ(wq.pd, 0x777, IFC_ST_BAD_RES, "no such PD");
	SQ(wq.uar_page, 0x777, IFC_ST_BAD_RES, "no such UAR");
	SQ(wq.wq_type, 0, IFC_ST_BAD_PARAM, "is no ring");
	SQ(wq.log_wq_stride, 5, IFC_ST_BAD_PARAM, "is no ring");
	SQ(wq.log_wq_sz, 16, IFC_ST_BAD_PARAM, "is no ring");
	SQ(wq.log_wq_pg_sz, 20, IFC_ST_BAD_PARAM, "is no ring");
	SQ(wq.log_wq_sz, 7, IFC_ST_BAD_PARAM, "does not cover");
	SQ(wq.page_offset, 1, IFC_ST_BAD_PARAM, "does not cover");
	SQ(wq.wq_signature, 1, IFC_ST_BAD_PARAM, "wq_signature");
	SQ(wq.cd_slave, 1, IFC_ST_BAD_PARAM, "cd_slave");
	SQ(wq.wq_umem_valid, 1, IFC_ST_BAD_PARAM, "umem");
	SQ(wq.dbr_umem_valid, 1, IFC_ST_BAD_PARAM, "umem");
#undef SQ
	ctx = sq_in(r, &in);
	IFC_SET64(sqc, ctx, wq.dbr_addr, r->dbr + 4);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(refs(r, FWSIM_OBJ_CQ, r->cq.cqn), cq);
	assert_int_equal(refs(r, FWSIM_OBJ_TIS, r->tisn), 0);
}

static void rq_refusals_say_why(void **state)
{
	struct rig *r = *state;
	uint8_t out[16], *ctx;
	struct d_in in;

#define RQ(fld, val, st, why) REFUSED(rq_in, FWSIM_OBJ_RQ, rqc, fld, val, st, why)
	RQ(mem_rq_type, 1, IFC_ST_BAD_PARAM, "mem_rq_type");
	RQ(hairpin, 1, IFC_ST_BAD_PARAM, "hairpin");
	RQ(scatter_fcs, 1, IFC_ST_BAD_PARAM, "scatter_fcs");
	RQ(delay_drop_en, 1, IFC_ST_BAD_PARAM, "delay_drop_en");
	RQ(state, FWSIM_WQ_ERR, IFC_ST_BAD_PARAM, "a new RQ");
	RQ(cqn, 0x777, IFC_ST_BAD_RES, "no such CQ");
	RQ(counter_set_id, 9, IFC_ST_BAD_RES, "no such Q counter");
	RQ(wq.pd, 0x777, IFC_ST_BAD_RES, "no such PD");
	RQ(wq.wq_type, 0, IFC_ST_BAD_PARAM, "wq_type");
	RQ(wq.log_wq_stride, 3, IFC_ST_BAD_PARAM, "is no ring");
	RQ(wq.log_wq_stride, 10, IFC_ST_BAD_PARAM, "is no ring");
	RQ(wq.log_wq_sz, 16, IFC_ST_BAD_PARAM, "is no ring");
	RQ(wq.log_wq_sz, 7, IFC_ST_BAD_PARAM, "does not cover");
	RQ(wq.shampo_enable, 1, IFC_ST_BAD_PARAM, "shampo_enable");
#undef RQ
	/* the page offset counts in 64ths of a page */
	ctx = rq_in(r, &in);
	IFC_SET(rqc, ctx, wq.page_offset, 31);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	/* the RQ of mlx5e that only drops names no PD */
	ctx = rq_in(r, &in);
	IFC_SET(rqc, ctx, wq.pd, 0);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
}

/* Numbers of SQs, RQs and QPs never meet: a doorbell and a CQE carry nothing else. */
static void numbers_are_disjoint(void **state)
{
	struct rig *r = *state;
	const struct fwsim_table *t = r->d.v->obj;
	static const enum fwsim_obj_type type[] = { FWSIM_OBJ_QP, FWSIM_OBJ_SQ, FWSIM_OBJ_RQ };

	for (unsigned int a = 0; a < 3; a++)
		for (unsigned int b = 0; b < 3; b++)
			if (a != b)
				assert_true(t[type[a]].base + t[type[a]].max <= t[type[b]].base ||
					    t[type[b]].base + t[type[b]].max <= t[type[a]].base);
}

static void state_moves(void **state)
{
	/* [from][to] */
	static const enum ifc_status may[4][4] = {
		[FWSIM_WQ_RST] = { IFC_ST_OK, IFC_ST_OK, IFC_ST_BAD_PARAM, IFC_ST_OK },
		[FWSIM_WQ_RDY] = { IFC_ST_OK, IFC_ST_OK, IFC_ST_BAD_PARAM, IFC_ST_OK },
		[FWSIM_WQ_ERR] = { IFC_ST_OK, IFC_ST_BAD_RES_STATE, IFC_ST_BAD_PARAM, IFC_ST_OK },
	};
	static const struct {
		uint16_t modify, query;
	} op[2] = { { MLX5_CMD_OP_MODIFY_SQ, MLX5_CMD_OP_QUERY_SQ },
		    { MLX5_CMD_OP_MODIFY_RQ, MLX5_CMD_OP_QUERY_RQ } };
	struct rig *r = *state;
	IFC_BUF(query_sq_out, out); /* the answers have one layout as far as the state */

	for (unsigned int o = 0; o < 2; o++) {
		uint32_t id = o ? new_rq(r) : new_sq(r);

		for (unsigned int from = 0; from < 4; from++) {
			for (unsigned int to = 0; from != 2 && to < 4; to++) {
				unsigned int now = may[from][to] == IFC_ST_OK ? to : from;

				if (from)
					assert_int_equal(modify(r, op[o].modify, id, 0, from, 0),
							 IFC_ST_OK);
				/* a driver that is wrong about the state it is in gets nowhere */
				assert_int_equal(modify(r, op[o].modify, id, (from + 1) % 4, to, 0),
						 IFC_ST_BAD_RES_STATE);
				assert_int_equal(modify(r, op[o].modify, id, from, to, 0),
						 may[from][to]);
				assert_int_equal(d_simple(&r->d, op[o].query, id, out, sizeof(out)),
						 IFC_ST_OK);
				assert_int_equal(IFC_GET(query_sq_out, out, sq_context.state), now);
				assert_int_equal(modify(r, op[o].modify, id, now, 0, 0), IFC_ST_OK);
			}
		}
	}
	assert_int_equal(modify(r, MLX5_CMD_OP_MODIFY_SQ, 0x777, 0, 1, 0), IFC_ST_BAD_RES);
	assert_int_equal(modify(r, MLX5_CMD_OP_MODIFY_SQ, new_sq(r), 0, 1, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(modify(r, MLX5_CMD_OP_MODIFY_RQ, new_rq(r), 0, 1, 4), IFC_ST_BAD_PARAM);
}

static void rq_counter_and_vsd_change(void **state)
{
	struct rig *r = *state;
	uint32_t rqn = new_rq(r), a = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_Q_COUNTER);
	struct fwsim_rq *rq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_RQ], rqn);
	IFC_BUF(modify_rq_in, in) = { 0 };
	IFC_BUF(modify_rq_out, out);

	/* an ALLOC has its number in the lowest byte of the dword, as others theirs */
	assert_int_equal(a, 1);
	ifc_st16(in, MLX5_CMD_OP_MODIFY_RQ);
	IFC_SET(modify_rq_in, in, rqn, rqn);
	IFC_SET(modify_rq_in, in, ctx.vsd, 1);
	IFC_SET(modify_rq_in, in, ctx.counter_set_id, a);
	IFC_SET64(modify_rq_in, in, modify_bitmask, 1u << 1);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_OK);
	assert_true(rq->vsd);
	assert_int_equal(rq->counter_set, 0);
	IFC_SET64(modify_rq_in, in, modify_bitmask, 1u << 3);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_OK);
	assert_int_equal(rq->counter_set, a);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DEALLOC_Q_COUNTER, a, NULL, 0), IFC_ST_RES_BUSY);
	IFC_SET(modify_rq_in, in, ctx.counter_set_id, 77);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_BAD_RES);
	IFC_SET(modify_rq_in, in, ctx.counter_set_id, 0);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DEALLOC_Q_COUNTER, a, NULL, 0), IFC_ST_OK);
}

static void doorbells_reach_the_sq(void **state)
{
	struct rig *r = *state;
	uint32_t sqn = new_sq(r);
	struct fwsim_sq *sq = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_SQ], sqn);
	uint32_t other = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_UAR);

	h_db_qp(r->h, 1, other, sqn, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "context names UAR"));
	assert_false(sq->db_pending);
	h_db_qp(r->h, 1, r->d.uar, sqn, 0);
	assert_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "does not exist"));
	h_db_qp(r->h, 1, r->d.uar, 0x4fff, 0);
	assert_non_null(h_trace_find(r->h, FWSIM_TRACE_IGNORED, "does not exist"));
}

/* ---- TIS, RQT, TIR, Q counter --------------------------------------------------------------- */

static void rqt_in(struct d_in *in, uint16_t opcode, uint32_t max, uint32_t n, uint32_t rqn)
{
	uint8_t *rqtc = IFC_PTR(create_rqt_in, in->b, rqt_context); /* at one place in both commands */

	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, opcode);
	IFC_SET(rqtc, rqtc, rqt_max_size, max);
	IFC_SET(rqtc, rqtc, rqt_actual_size, n);
	in->len = IFC_SZ(create_rqt_in);
	for (; n; n--, in->len += 4)
		ifc_st32(in->b + in->len, rqn);
}

static void rqt_counts_every_entry(void **state)
{
	struct rig *r = *state;
	uint32_t a = new_rq(r), b = new_rq(r), rqtn;
	uint8_t out[IFC_SZ(query_rqt_out) + 4 * 256];
	struct d_in in;

	rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, 16, 3, a);
	rqtn = create(r, &in);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, a), 3);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQ, a, NULL, 0), IFC_ST_RES_BUSY);

	rqt_in(&in, MLX5_CMD_OP_MODIFY_RQT, 0, 16, b);
	IFC_SET(modify_rqt_in, in.b, rqtn, rqtn);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK); /* nothing selected */
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, b), 0);
	IFC_SET(modify_rqt_in, in.b, bitmask.rqn_list, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_OK);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, a), 0);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, b), 16);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_RQT, rqtn, out, sizeof(out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(query_rqt_out, out, rqt_context.rqt_max_size), 16);
	assert_int_equal(IFC_GET(query_rqt_out, out, rqt_context.rqt_actual_size), 16);
	assert_int_equal(ifc_ld32(out + IFC_SZ(query_rqt_out) + 4 * 15), b);

	/* refused: everything stays */
	rqt_in(&in, MLX5_CMD_OP_MODIFY_RQT, 0, 17, a);
	IFC_SET(modify_rqt_in, in.b, rqtn, rqtn);
	IFC_SET(modify_rqt_in, in.b, bitmask.rqn_list, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	rqt_in(&in, MLX5_CMD_OP_MODIFY_RQT, 0, 2, 0x777);
	IFC_SET(modify_rqt_in, in.b, rqtn, rqtn);
	IFC_SET(modify_rqt_in, in.b, bitmask.rqn_list, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_RES);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, b), 16);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQT, rqtn, NULL, 0), IFC_ST_OK);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, b), 0);
}

static void rqt_refusals(void **state)
{
	struct rig *r = *state;
	uint32_t rqn = new_rq(r);
	uint8_t out[16];
	struct d_in in;

#define RQT(max, n, cut, st)                                                                       \
	do {                                                                                       \
		rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, max, n, rqn);                                  \
		in.len -= cut;                                                                     \
		assert_int_equal(D_EXEC(&r->d, &in, out), st);                                     \
	} while (0)
	RQT(0, 1, 0, IFC_ST_BAD_PARAM);
	RQT(257, 1, 0, IFC_ST_BAD_PARAM);
	RQT(4, 0, 0, IFC_ST_BAD_PARAM);
	RQT(4, 5, 0, IFC_ST_BAD_PARAM);
	RQT(4, 4, 4, IFC_ST_BAD_INPUT_LEN);
	RQT(256, 256, 0, IFC_ST_OK);
#undef RQT
	rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, 4, 1, rqn);
	IFC_SET(create_rqt_in, in.b, rqt_context.list_q_type, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, 4, 1, rqn);
	IFC_SET(create_rqt_in, in.b, rqt_context.rq_vhca_id_format, 1);
	assert_int_equal(D_EXEC(&r->d, &in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(used(r, FWSIM_OBJ_RQT), 1);
}

static uint8_t *tir_in(struct rig *r, struct d_in *in)
{
	uint8_t *tirc = IFC_PTR(create_tir_in, in->b, ctx);

	memset(in, 0, sizeof(*in));
	ifc_st16(in->b, MLX5_CMD_OP_CREATE_TIR);
	in->len = IFC_SZ(create_tir_in);
	IFC_SET(tirc, tirc, transport_domain, r->td);
	IFC_SET(tirc, tirc, inline_rqn, r->d.v->obj[FWSIM_OBJ_RQ].base);
	return tirc;
}

static void tir_life(void **state)
{
	struct rig *r = *state;
	uint32_t rqn = new_rq(r), rqtn, direct, spread;
	IFC_BUF(modify_tir_in, mod) = { 0 };
	IFC_BUF(modify_tir_out, mod_out);
	IFC_BUF(query_tir_out, query);
	uint8_t out[16], *ctx;
	struct fwsim_tir *t;
	struct d_in in;

#define TIR(fld, val, st, why) REFUSED(tir_in, FWSIM_OBJ_TIR, tirc, fld, val, st, why)
	TIR(disp_type, 2, IFC_ST_BAD_PARAM, "disp_type 2");
	TIR(rx_hash_fn, 3, IFC_ST_BAD_PARAM, "rx_hash_fn 3");
	TIR(tls_en, 1, IFC_ST_BAD_PARAM, "tls_en");
	TIR(packet_merge_mask, 1, IFC_ST_BAD_PARAM, "LRO");
	TIR(tunneled_offload_en, 1, IFC_ST_BAD_PARAM, "tunnels");
	TIR(transport_domain, 0x300, IFC_ST_BAD_RES, "names a transport domain");
	TIR(inline_rqn, 0x777, IFC_ST_BAD_RES, "names a RQ");
	TIR(disp_type, 1, IFC_ST_BAD_RES, "names a RQT"); /* indirect, and no table named */
#undef TIR
	rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, 16, 1, rqn);
	rqtn = create(r, &in);
	tir_in(r, &in);
	direct = create(r, &in);
	ctx = tir_in(r, &in);
	IFC_SET(tirc, ctx, disp_type, 1);
	IFC_SET(tirc, ctx, inline_rqn, 0);
	IFC_SET(tirc, ctx, indirect_table, rqtn);
	IFC_SET(tirc, ctx, rx_hash_fn, 2);
	IFC_SET(tirc, ctx, rx_hash_field_selector_outer.l4_prot_type, 1);
	IFC_SET(tirc, ctx, rx_hash_field_selector_outer.selected_fields, 0xf);
	spread = create(r, &in);
	assert_int_equal(refs(r, FWSIM_OBJ_RQT, rqtn), 1);
	assert_int_equal(refs(r, FWSIM_OBJ_RQ, rqn), 2); /* a TIR and an entry */
	t = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_TIR], spread);
	assert_true(t->indirect);
	assert_int_equal(t->fields, 0x4000000f);

	ifc_st16(mod, MLX5_CMD_OP_MODIFY_TIR);
	IFC_SET(modify_tir_in, mod, tirn, spread);
	IFC_SET(modify_tir_in, mod, ctx.rx_hash_fn, 1);
	IFC_SET(modify_tir_in, mod, ctx.self_lb_block, 3);
	memset(IFC_PTR(modify_tir_in, mod, ctx.rx_hash_toeplitz_key), 0x5a, 40);
	IFC_SET(modify_tir_in, mod, bitmask.self_lb_en, 1);
	assert_int_equal(H_CMD(r->h, 1, mod, mod_out), IFC_ST_OK);
	assert_int_equal(t->hash_fn, 2);
	assert_int_equal(t->self_lb_block, 3);
	IFC_SET(modify_tir_in, mod, bitmask.hash, 1);
	assert_int_equal(H_CMD(r->h, 1, mod, mod_out), IFC_ST_OK);
	assert_int_equal(t->hash_fn, 1);
	assert_int_equal(t->fields, 0);
	assert_int_equal(t->key[39], 0x5a);
	IFC_SET(modify_tir_in, mod, ctx.rx_hash_fn, 5);
	assert_int_equal(H_CMD(r->h, 1, mod, mod_out), IFC_ST_BAD_PARAM);
	assert_int_equal(t->hash_fn, 1);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_TIR, spread, query, sizeof(query)), IFC_ST_OK);
	assert_int_equal(IFC_GET(query_tir_out, query, tir_context.self_lb_block), 3);

	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQT, rqtn, NULL, 0), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_TIR, spread, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_TIR, direct, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQT, rqtn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQ, rqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_RQ, rqn, NULL, 0), IFC_ST_BAD_RES);
}

static void tis_life(void **state)
{
	struct rig *r = *state;
	IFC_BUF(modify_tis_in, mod) = { 0 };
	IFC_BUF(modify_tis_out, mod_out);
	IFC_BUF(query_tis_out, query);
	IFC_BUF(create_tis_in, in) = { 0 };
	IFC_BUF(create_tis_out, out);
	uint32_t sqn = new_sq(r);

	ifc_st16(in, MLX5_CMD_OP_CREATE_TIS);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_BAD_RES); /* no transport domain */
	IFC_SET(create_tis_in, in, ctx.transport_domain, r->td);
	IFC_SET(create_tis_in, in, ctx.tls_en, 1);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_BAD_PARAM);
	ifc_st16(mod, MLX5_CMD_OP_MODIFY_TIS);
	IFC_SET(modify_tis_in, mod, tisn, r->tisn);
	IFC_SET(modify_tis_in, mod, bitmask.prio, 1);
	IFC_SET(modify_tis_in, mod, ctx.prio, 6);
	assert_int_equal(H_CMD(r->h, 1, mod, mod_out), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_TIS, r->tisn, query, sizeof(query)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(query_tis_out, query, tis_context.prio), 6);
	assert_int_equal(IFC_GET(query_tis_out, query, tis_context.transport_domain), r->td);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_TIS, r->tisn, NULL, 0), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_SQ, sqn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DESTROY_TIS, r->tisn, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_QUERY_TIS, r->tisn, query, sizeof(query)),
			 IFC_ST_BAD_RES);
}

static void q_counter_reads_and_clears(void **state)
{
	struct rig *r = *state;
	uint32_t id = d_alloc(&r->d, MLX5_CMD_OP_ALLOC_Q_COUNTER);
	struct fwsim_q_counter *q = fwsim_table_get(&r->d.v->obj[FWSIM_OBJ_Q_COUNTER], id);
	IFC_BUF(query_q_counter_in, in) = { 0 };
	IFC_BUF(query_q_counter_out, out);

	q->out_of_buffer = 7;
	ifc_st16(in, MLX5_CMD_OP_QUERY_Q_COUNTER);
	IFC_SET(query_q_counter_in, in, counter_set_id, id);
	for (unsigned int i = 0; i < 3; i++) {
		IFC_SET(query_q_counter_in, in, clear, i == 1);
		assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_OK);
		assert_int_equal(IFC_GET(query_q_counter_out, out, out_of_buffer), i < 2 ? 7 : 0);
	}
	IFC_SET(query_q_counter_in, in, other_vport, 1);
	assert_int_equal(H_CMD(r->h, 1, in, out), IFC_ST_BAD_PARAM);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DEALLOC_Q_COUNTER, id, NULL, 0), IFC_ST_OK);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_DEALLOC_Q_COUNTER, id, NULL, 0), IFC_ST_BAD_RES);
	/* 255 of them, as the number has 8 bits and 0 is none */
	for (unsigned int i = 1; i < 256; i++)
		assert_int_equal(d_alloc(&r->d, MLX5_CMD_OP_ALLOC_Q_COUNTER), i);
	assert_int_equal(d_simple(&r->d, MLX5_CMD_OP_ALLOC_Q_COUNTER, 0, NULL, 0), IFC_ST_LIM_ERR);
}

/* A reset destroys all of it, in an order that fits. */
static void reset_destroys_all(void **state)
{
	struct rig *r = *state;
	uint32_t rqn = new_rq(r);
	struct d_in in;

	new_sq(r);
	rqt_in(&in, MLX5_CMD_OP_CREATE_RQT, 16, 4, rqn);
	create(r, &in);
	tir_in(r, &in);
	create(r, &in);
	fwsim_reset(r->h->fw, 1);
	for (unsigned int t = 0; t < FWSIM_OBJ_TYPES; t++)
		assert_int_equal(used(r, (enum fwsim_obj_type)t), 0);
	assert_int_equal(r->d.v->pas_used, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sq_refusals_say_why),
		T(rq_refusals_say_why),
		T(numbers_are_disjoint),
		T(state_moves),
		T(rq_counter_and_vsd_change),
		T(doorbells_reach_the_sq),
		T(rqt_counts_every_entry),
		T(rqt_refusals),
		T(tir_life),
		T(tis_life),
		T(q_counter_reads_and_clears),
		T(reset_destroys_all),
	};

	return cmocka_run_group_tests_name("wq", tests, NULL, NULL);
}
