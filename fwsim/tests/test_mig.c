// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The five migration commands: every command in every state, who may send them and about whom, what
 * a buffer must be, and what stands still while a VHCA is stopped.
 */
#include "mig_rig.h"

#define VF 1u
#define BUF_SIZE (1u << 20)

struct mig {
	struct harness *h;
	struct m_buf buf; /* of the PF */
	unsigned int id;  /* vhca_id of VF */
};

static struct mig mig_new(const struct fwsim_config *cfg)
{
	struct mig m = { .h = h_new(cfg) };

	h_boot(m.h, VF);
	m.buf = m_buf_new(m.h, 0, BUF_SIZE, 0xf);
	m.id = m_vhca_id(m.h, VF);
	return m;
}

static struct fwsim_vhca *vf_of(struct mig *m)
{
	return m->h->fw->vhca[VF];
}

/* ---- the matrix ---------------------------------------------------------------------------- */

enum track { NONE, TRACK, FAILED };

/* Bring a running VF that is not tracked into @state, tracked or not. */
static void go_to(struct mig *m, enum fwsim_mig_state state, enum track track)
{
	if (track == TRACK)
		assert_int_equal(m_save(m->h, m->id, M_TRACK, m->buf.key, BUF_SIZE, NULL),
				 IFC_ST_OK);
	if (track == FAILED || state != FWSIM_MIG_RUNNING)
		assert_int_equal(m_suspend(m->h, m->id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	if (track == FAILED)
		assert_int_equal(m_save(m->h, m->id, M_TRACK, m->buf.key, BUF_SIZE, NULL),
				 IFC_ST_BAD_RES_STATE);
	if (track == FAILED && state == FWSIM_MIG_RUNNING)
		assert_int_equal(m_resume(m->h, m->id, M_RESUME_INITIATOR), IFC_ST_OK);
	if (state == FWSIM_MIG_STOPPED)
		assert_int_equal(m_suspend(m->h, m->id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(vf_of(m)->mig, state);
	assert_int_equal(vf_of(m)->tracking, track == TRACK);
	assert_int_equal(vf_of(m)->track_failed, track == FAILED);
}

/* An image in the second half of the buffer, to be loaded; taken from VF + 1, which then runs on. */
static uint32_t make_image(struct mig *m, uint32_t *key)
{
	unsigned int id = m_vhca_id(m->h, VF + 1);
	uint32_t size;

	*key = m_create_mkey(m->h, 0, m->buf.pd, m->buf.addr + BUF_SIZE / 2, BUF_SIZE / 2, 0xf);
	h_boot(m->h, VF + 1);
	m_stop(m->h, id);
	assert_int_equal(m_save(m->h, id, 0, *key, BUF_SIZE / 2, &size), IFC_ST_OK);
	m_start(m->h, id);
	return size;
}

#define R FWSIM_MIG_RUNNING
#define I FWSIM_MIG_INITIATOR_STOPPED
#define S FWSIM_MIG_STOPPED

static const struct {
	const char *name;
	/* By state, then NONE TRACK FAILED: '+' OK, '-' BAD_RES_STATE. */
	char want[3][4];
	enum fwsim_mig_state to[3]; /* where '+' leads */
	/* Tracking after '+', by tracking before: n t f as NONE TRACK FAILED. */
	char track[4];
	/* Tracking after '-'. */
	char track_refused[4];
} matrix[] = {
	{ "suspend initiator", { "+++", "---", "---" }, { I, I, S }, "ntf", "ntf" },
	{ "suspend responder", { "---", "+++", "---" }, { R, S, S }, "ntf", "ntf" },
	{ "resume responder", { "---", "---", "+++" }, { R, I, I }, "ntf", "ntf" },
	{ "resume initiator", { "---", "+++", "---" }, { R, R, S }, "ntf", "ntf" },
	{ "query", { "+++", "+++", "+++" }, { R, I, S }, "ntf", "ntf" },
	{ "query inc", { "-++", "-++", "-++" }, { R, I, S }, "ntf", "ntf" },
	{ "save track", { "+++", "---", "---" }, { R, I, S }, "ttt", "fTf" },
	{ "save inc track", { "+++", "---", "---" }, { R, I, S }, "ttt", "fTf" },
	{ "save", { "-++", "-++", "+++" }, { R, I, S }, "nnn", "ntf" },
	{ "save inc", { "---", "---", "-+-" }, { R, I, S }, "nnn", "ntf" },
	{ "load", { "---", "---", "+++" }, { R, I, S }, "ntf", "ntf" },
};

#undef R
#undef I
#undef S

static enum ifc_status send(struct mig *m, unsigned int row, uint32_t image_key,
			    uint32_t image_size)
{
	uint32_t key = m->buf.key;

	switch (row) {
	case 0:
		return m_suspend(m->h, m->id, M_SUSPEND_INITIATOR);
	case 1:
		return m_suspend(m->h, m->id, M_SUSPEND_RESPONDER);
	case 2:
		return m_resume(m->h, m->id, M_RESUME_RESPONDER);
	case 3:
		return m_resume(m->h, m->id, M_RESUME_INITIATOR);
	case 4:
		return m_query(m->h, m->id, 0, NULL);
	case 5:
		return m_query(m->h, m->id, M_INC, NULL);
	case 6:
		return m_save(m->h, m->id, M_TRACK, key, BUF_SIZE / 2, NULL);
	case 7:
		return m_save(m->h, m->id, M_INC | M_TRACK, key, BUF_SIZE / 2, NULL);
	case 8:
		return m_save(m->h, m->id, 0, key, BUF_SIZE / 2, NULL);
	case 9:
		return m_save(m->h, m->id, M_INC, key, BUF_SIZE / 2, NULL);
	}
	return m_load(m->h, m->id, image_key, image_size);
}

/* 'T': tracking and a failed attempt, both. */
static char track_now(struct mig *m)
{
	const struct fwsim_vhca *v = vf_of(m);

	return v->tracking ? (v->track_failed ? 'T' : 't') : v->track_failed ? 'f' : 'n';
}

static void every_command_in_every_state(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t key, size = make_image(&m, &key);

	(void)state;
	for (unsigned int row = 0; row < sizeof(matrix) / sizeof(matrix[0]); row++) {
		for (unsigned int cell = 0; cell < 9; cell++) {
			unsigned int s = cell / 3, t = cell % 3;
			bool ok = matrix[row].want[s][t] == '+';
			enum ifc_status st, want = ok ? IFC_ST_OK : IFC_ST_BAD_RES_STATE;
			enum fwsim_mig_state to = ok ? matrix[row].to[s] : s;
			char track = ok ? matrix[row].track[t] : matrix[row].track_refused[t];

			fwsim_reset(m.h->fw, VF);
			go_to(&m, (enum fwsim_mig_state)s, (enum track)t);
			st = send(&m, row, key, size);
			if (st != want || vf_of(&m)->mig != to || track_now(&m) != track)
				fail_msg("%s in state %u, tracking %u: status 0x%x, not 0x%x; "
					 "state %u, not %u; tracking %c, not %c", matrix[row].name,
					 s, t, st, want, vf_of(&m)->mig, to, track_now(&m), track);
		}
	}
	h_free(m.h);
}

/* RESUME numbers responder and initiator the other way round than SUSPEND. */
static void resume_vhca_op_mods_are_swapped(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, m.id, 0), IFC_ST_OK);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_INITIATOR_STOPPED);
	assert_int_equal(m_suspend(m.h, m.id, 1), IFC_ST_OK);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_STOPPED);
	assert_int_equal(m_resume(m.h, m.id, 1), IFC_ST_BAD_RES_STATE);
	assert_int_equal(m_resume(m.h, m.id, 0), IFC_ST_OK);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_INITIATOR_STOPPED);
	assert_int_equal(m_resume(m.h, m.id, 0), IFC_ST_BAD_RES_STATE);
	assert_int_equal(m_resume(m.h, m.id, 1), IFC_ST_OK);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	h_free(m.h);
}

static void unknown_op_mod_is_refused(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, m.id, 2), IFC_ST_BAD_PARAM);
	assert_int_equal(m_resume(m.h, m.id, 2), IFC_ST_BAD_PARAM);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	h_free(m.h);
}

/* ---- who, and about whom ------------------------------------------------------------------- */

static void unknown_vhca_id_is_refused(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, 0xfff0, 0), IFC_ST_BAD_RES);
	assert_int_equal(m_resume(m.h, 0xfff0, 0), IFC_ST_BAD_RES);
	assert_int_equal(m_query(m.h, 0xfff0, 0, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, 0xfff0, 0, m.buf.key, BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_load(m.h, 0xfff0, m.buf.key, BUF_SIZE), IFC_ST_BAD_RES);
	h_free(m.h);
}

static void vf_that_the_pf_has_not_enabled_is_refused(void **state)
{
	struct mig m = mig_new(NULL);
	unsigned int id = m_vhca_id(m.h, VF + 1);

	(void)state;
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_BAD_RES);
	assert_int_equal(h_enable_hca(m.h, 0, VF + 1), IFC_ST_OK);
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_OK);
	assert_int_equal(h_disable_hca(m.h, 0, VF + 1), IFC_ST_OK);
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_BAD_RES);
	h_free(m.h);
}

static void pf_does_not_migrate(void **state)
{
	struct mig m = mig_new(NULL);
	unsigned int id = m_vhca_id(m.h, 0);

	(void)state;
	assert_int_equal(m_suspend(m.h, id, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_BAD_PARAM);
	h_free(m.h);
}

static void vf_may_not_send_them(void **state)
{
	static const uint16_t opcode[] = {
		MLX5_CMD_OP_SUSPEND_VHCA, MLX5_CMD_OP_RESUME_VHCA,
		MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE, MLX5_CMD_OP_SAVE_VHCA_STATE,
		MLX5_CMD_OP_LOAD_VHCA_STATE,
	};
	struct mig m = mig_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		uint8_t in[32] = { 0 }, out[64];

		ifc_st16(in, opcode[i]);
		ifc_st16(in + 0xa, (uint16_t)m.id);
		assert_int_not_equal(h_cmd(m.h, VF, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	}
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	h_free(m.h);
}

static void card_without_migration_knows_none_of_them(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct mig m;

	(void)state;
	cfg.no_migration = true;
	m = mig_new(&cfg);
	assert_int_equal(m_suspend(m.h, m.id, 0), IFC_ST_BAD_OP);
	assert_int_equal(m_resume(m.h, m.id, 1), IFC_ST_BAD_OP);
	assert_int_equal(m_query(m.h, m.id, 0, NULL), IFC_ST_BAD_OP);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE, NULL), IFC_ST_BAD_OP);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, BUF_SIZE), IFC_ST_BAD_OP);
	h_free(m.h);
}

/* ---- sizes and buffers --------------------------------------------------------------------- */

static void query_leaves_room_while_running_and_is_exact_when_stopped(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t running, stopped, actual;

	(void)state;
	assert_int_equal(m_query(m.h, m.id, 0, &running), IFC_ST_OK);
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, 0, &stopped), IFC_ST_OK);
	assert_true(running >= stopped + 64 * 1024);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, stopped, &actual), IFC_ST_OK);
	assert_int_equal(actual, stopped);
	h_free(m.h);
}

static void query_delta_is_zero_only_while_running_and_clean(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t size;

	(void)state;
	assert_int_equal(m_save(m.h, m.id, M_TRACK, m.buf.key, BUF_SIZE, NULL), IFC_ST_OK);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_equal(size, 0);
	h_advance(m.h, H_SEC); /* time alone is no change */
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_equal(size, 0);
	m_alloc_pd(m.h, VF);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_not_equal(size, 0);
	assert_int_equal(m_save(m.h, m.id, M_INC | M_TRACK, m.buf.key, BUF_SIZE, NULL), IFC_ST_OK);
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_not_equal(size, 0);
	h_free(m.h);
}

static void save_writes_what_it_says_and_no_byte_more(void **state)
{
	struct mig m = mig_new(NULL);
	uint8_t *p = h_mem(m.h, 0, m.buf.addr);
	uint32_t actual;

	(void)state;
	m_stop(m.h, m.id);
	memset(p, 0xa5, BUF_SIZE);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE, &actual), IFC_ST_OK);
	assert_true(actual > 0 && actual < BUF_SIZE);
	assert_true(h_dma_wrote(m.h, 0, m.buf.addr + actual - 1, 1));
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr + actual, BUF_SIZE - actual));
	for (uint32_t i = actual; i < BUF_SIZE; i++)
		assert_int_equal(p[i], 0xa5);
	h_free(m.h);
}

static void save_of_too_small_a_buffer_writes_nothing(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, 0, &size), IFC_ST_OK);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, size - 1, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, 0, NULL), IFC_ST_BAD_PARAM);
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr, BUF_SIZE));
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, size, NULL), IFC_ST_OK);
	h_free(m.h);
}

static void buffer_must_be_one_of_the_issuer_with_the_right_to_use_it(void **state)
{
	struct mig m = mig_new(NULL);
	struct m_buf foreign = m_buf_new(m.h, VF, BUF_SIZE, 0xf);
	uint32_t ro = m_create_mkey(m.h, 0, m.buf.pd, m.buf.addr, BUF_SIZE, FWSIM_ACC_LR);
	uint32_t wo = m_create_mkey(m.h, 0, m.buf.pd, m.buf.addr, BUF_SIZE, FWSIM_ACC_LW);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, ro, BUF_SIZE, &size), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, 0, BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key ^ 1, BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, (wo & ~0xffu) + 0x10000, BUF_SIZE, NULL),
			 IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, wo, BUF_SIZE, &size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, wo, size), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, ro, size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, 0, size), IFC_ST_BAD_RES);
	/* The VF has a key of the same number; the PF's is meant. */
	assert_false(h_dma_wrote(m.h, VF, foreign.addr, BUF_SIZE));
	h_free(m.h);
}

static void sizes_out_of_bounds_are_refused(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE + 1, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, 0xffffffff, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE, &size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size - 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size + 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, BUF_SIZE + 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 0xffffffff), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size), IFC_ST_OK);
	h_free(m.h);
}

static void dma_that_the_bus_refuses_fails_the_command_only(void **state)
{
	struct mig m = mig_new(NULL);
	uint64_t hash;
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE, &size), IFC_ST_OK);
	hash = fwsim_image_hash(vf_of(&m));
	h_dma_fail(m.h, 0, m.buf.addr + size / 2, 1);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, BUF_SIZE, NULL), IFC_ST_INTERNAL_ERR);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size), IFC_ST_INTERNAL_ERR);
	assert_true(hash == fwsim_image_hash(vf_of(&m)));
	h_dma_fail(m.h, 0, 0, 0);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size), IFC_ST_OK);
	assert_true(hash == fwsim_image_hash(vf_of(&m)));
	h_free(m.h);
}

/* The driver sizes that buffer from an incremental QUERY: it may be empty, and then has no key. */
static void end_of_tracking_needs_no_buffer(void **state)
{
	struct mig m = mig_new(NULL);
	uint32_t actual = 1;

	(void)state;
	go_to(&m, FWSIM_MIG_RUNNING, TRACK);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, 0, 0, &actual), IFC_ST_OK);
	assert_int_equal(actual, 0);
	assert_false(vf_of(&m)->tracking);
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr, BUF_SIZE));
	assert_int_equal(m_save(m.h, m.id, 0, 0, 0, NULL), IFC_ST_BAD_RES_STATE);

	go_to(&m, FWSIM_MIG_INITIATOR_STOPPED, FAILED);
	assert_int_equal(m_query(m.h, m.id, M_INC, NULL), IFC_ST_OK);
	assert_int_equal(m_save(m.h, m.id, 0, 0, 0, NULL), IFC_ST_OK);
	assert_false(vf_of(&m)->track_failed);
	h_free(m.h);
}

static void image_takes_its_time(void **state)
{
	struct fwsim_config cfg = h_default_config();
	IFC_BUF(save_vhca_state_in, in) = { 0 };
	struct mig m;
	uint32_t size;

	(void)state;
	cfg.image_bytes_per_sec = 1000000;
	m = mig_new(&cfg);
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, 0, &size), IFC_ST_OK);
	IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	IFC_SET(save_vhca_state_in, in, vhca_id, m.id);
	IFC_SET(save_vhca_state_in, in, mkey, m.buf.key);
	IFC_SET(save_vhca_state_in, in, size, BUF_SIZE);
	h_cmd_async(m.h, 0, 1, in, sizeof(in), IFC_SZ(save_vhca_state_out));
	h_advance(m.h, size * 1000ULL - 1);
	assert_false(h_cmd_done(m.h, 0, 1));
	h_advance(m.h, 1);
	assert_true(h_cmd_done(m.h, 0, 1));
	assert_int_equal(h_cmd_result(m.h, 0, 1, NULL, 0).status, IFC_ST_OK);
	h_free(m.h);
}

/* ---- what stands still --------------------------------------------------------------------- */

static void reset_makes_it_run_again(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	go_to(&m, FWSIM_MIG_STOPPED, TRACK);
	fwsim_reset(m.h->fw, VF);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	assert_int_equal(track_now(&m), 'n');
	assert_int_equal(vf_of(&m)->vhca_id, m.id);
	go_to(&m, FWSIM_MIG_INITIATOR_STOPPED, FAILED);
	fwsim_reset(m.h->fw, VF);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	assert_int_equal(track_now(&m), 'n');
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	h_free(m.h);
}

static void every_move_is_traced(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	h_trace_clear(m.h);
	m_stop(m.h, m.id);
	m_start(m.h, m.id);
	assert_int_equal(h_trace_count(m.h, FWSIM_TRACE_STATE), 4);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "running -> initiator_stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "initiator_stopped -> stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "stopped -> initiator_stopped"));
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_STATE, "initiator_stopped -> running"));
	h_free(m.h);
}

static void refusal_says_why(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 100), IFC_ST_BAD_RES_STATE);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_CMD, "LOAD in state running"));
	m_stop(m.h, m.id);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 100), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(m.h, FWSIM_TRACE_CMD, "magic"));
	h_free(m.h);
}

static void post_query_issi(struct harness *h, unsigned int fn, unsigned int slot)
{
	IFC_BUF(query_issi_in, in) = { 0 };

	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(h, fn, slot, in, sizeof(in), IFC_SZ(query_issi_out));
}

static void command_waits_in_its_slot_until_resume(void **state)
{
	struct mig m = mig_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	post_query_issi(m.h, VF, 0);
	h_advance(m.h, H_SEC);
	assert_false(h_cmd_done(m.h, VF, 0));
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	post_query_issi(m.h, VF, 3);
	h_advance(m.h, H_SEC);
	assert_int_equal(m_resume(m.h, m.id, M_RESUME_RESPONDER), IFC_ST_OK);
	h_advance(m.h, H_SEC);
	assert_false(h_cmd_done(m.h, VF, 0));
	assert_false(h_cmd_done(m.h, VF, 3));
	assert_int_equal(m_resume(m.h, m.id, M_RESUME_INITIATOR), IFC_ST_OK);
	h_settle(m.h);
	assert_true(h_cmd_done(m.h, VF, 0));
	assert_true(h_cmd_done(m.h, VF, 3));
	assert_int_equal(h_cmd_result(m.h, VF, 3, NULL, 0).status, IFC_ST_OK);
	h_free(m.h);
}

/* A command whose effect is there is answered before the suspend is, however slow it would be. */
static void command_under_way_is_answered_by_suspend(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct mig m;

	(void)state;
	cfg.cmd_latency_ns = H_SEC;
	m = mig_new(&cfg);
	post_query_issi(m.h, VF, 2);
	h_advance(m.h, H_MS);
	assert_false(h_cmd_done(m.h, VF, 2));
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_true(h_cmd_done(m.h, VF, 2));
	assert_int_equal(h_cmd_result(m.h, VF, 2, NULL, 0).status, IFC_ST_OK);
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	h_dma_clear(m.h);
	h_advance(m.h, 10 * H_SEC);
	assert_false(h_dma_wrote(m.h, VF, H_MEM_BASE, H_MEM_SIZE));
	h_free(m.h);
}

/* ---- with work on the VF ------------------------------------------------------------------- */

struct work {
	struct mig m;
	struct m_vf vf;
};

static struct work work_new(void)
{
	struct work w = { .m = { .h = h_new(NULL) } };

	m_vf_new(&w.vf, w.m.h, VF);
	w.m.buf = m_buf_new(w.m.h, 0, BUF_SIZE, 0xf);
	w.m.id = m_vhca_id(w.m.h, VF);
	return w;
}

static void fill(struct work *w, uint32_t off, uint32_t len, uint8_t seed)
{
	uint8_t *p = (uint8_t *)h_mem(w->m.h, w->vf.fn, w->vf.data.addr) + off;

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static bool same(struct work *w, uint32_t a, uint32_t b, uint32_t len)
{
	uint8_t *p = h_mem(w->m.h, w->vf.fn, w->vf.data.addr);

	return !memcmp(p + a, p + b, len);
}

static void work_goes_through_at_all(void **state)
{
	struct work w = work_new();
	const uint8_t *cqe;

	(void)state;
	fill(&w, 0, 5000, 1);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 5000, 1u << 20, true);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 1u << 20, 5000));
	cqe = m_poll(&w.vf, 0);
	assert_non_null(cqe);
	assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
	assert_null(m_poll(&w.vf, 0));
	m_post_recv(&w.vf, 1, 2u << 20, 8192);
	m_post_send(&w.vf, 0, IFC_WQE_SEND, 0, 5000, 0, true);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 2u << 20, 5000));
	cqe = m_poll(&w.vf, 1);
	assert_non_null(cqe);
	assert_int_equal(cqe[63] >> 4, IFC_CQE_RESP_SEND);
	h_free(w.m.h);
}

static void no_dma_and_no_interrupt_of_a_stopped_vhca(void **state)
{
	struct work w = work_new();
	struct harness *h = w.m.h;
	unsigned int msix, reads;

	(void)state;
	/* Long messages under way, one held up for want of a receive. */
	fill(&w, 0, 1u << 20, 3);
	m_arm_cq(&w.vf, 0);
	m_arm_cq(&w.vf, 1);
	m_post_send(&w.vf, 1, IFC_WQE_SEND, 0, 100, 0, true);
	for (unsigned int i = 0; i < 8; i++)
		m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 1u << 20, 1u << 20, i == 7);
	m_stop(h, w.m.id);
	h_dma_clear(h);
	msix = h->fn[VF].msix_total;
	reads = h->fn[VF].dma_reads;
	m_ring(&w.vf, 0);
	m_ring(&w.vf, 1);
	m_post_recv(&w.vf, 0, 3u << 20, 4096);
	m_arm_cq(&w.vf, 0);
	m_eq_update(&w.vf, true);
	m_eq_update(&w.vf, false);
	post_query_issi(h, VF, 4);
	h_advance(h, 100 * H_SEC);
	assert_int_equal(m_save(h, w.m.id, 0, w.m.buf.key, BUF_SIZE, NULL), IFC_ST_OK);
	assert_false(h_dma_wrote(h, VF, 0, SIZE_MAX / 2));
	assert_int_equal(h->fn[VF].dma_reads, reads);
	assert_int_equal(h->fn[VF].msix_total, msix);

	m_start(h, w.m.id);
	h_settle(h);
	assert_true(h_cmd_done(h, VF, 4));
	for (unsigned int i = 0; i < 8; i++) {
		const uint8_t *cqe = m_poll(&w.vf, 0);

		assert_non_null(cqe);
		if (cqe[63] >> 4 == IFC_CQE_RESP_SEND) { /* the message that waited */
			i--;
			continue;
		}
		assert_int_equal(cqe[63] >> 4, IFC_CQE_REQ);
		assert_int_equal(ifc_ld16(cqe + 0x3c), i);
	}
	assert_true(same(&w, 0, 1u << 20, 1u << 20));
	assert_true(h->fn[VF].msix_total > msix);
	h_free(h);
}

static void stopped_initiator_starts_nothing(void **state)
{
	struct work w = work_new();

	(void)state;
	fill(&w, 0, 100, 5);
	assert_int_equal(m_suspend(w.m.h, w.m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	h_advance(w.m.h, 10 * H_SEC);
	assert_null(m_poll(&w.vf, 0));
	assert_false(same(&w, 0, 4096, 100));
	assert_int_equal(m_resume(w.m.h, w.m.id, M_RESUME_INITIATOR), IFC_ST_OK);
	h_settle(w.m.h);
	assert_non_null(m_poll(&w.vf, 0));
	assert_null(m_poll(&w.vf, 0));
	assert_true(same(&w, 0, 4096, 100));
	h_free(w.m.h);
}

static void doorbells_of_a_stopped_vhca_count_after_resume(void **state)
{
	struct work w = work_new();
	unsigned int before;

	(void)state;
	fill(&w, 0, 100, 9);
	m_stop(w.m.h, w.m.id);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	m_arm_cq(&w.vf, 0);
	m_eq_update(&w.vf, false);
	before = h_msix(w.m.h, VF, M_COMP_VECTOR);
	m_start(w.m.h, w.m.id);
	h_settle(w.m.h);
	assert_true(same(&w, 0, 4096, 100));
	assert_non_null(m_poll(&w.vf, 0));
	assert_true(h_msix(w.m.h, VF, M_COMP_VECTOR) > before);
	assert_non_null(m_poll_eq(&w.vf, false));
	h_free(w.m.h);
}

/* An interrupt may be lost on the way to another host, so one comes for every EQ not drained. */
static void resume_signals_every_eq_that_is_not_drained(void **state)
{
	struct work w = work_new();
	unsigned int cmd, comp;

	(void)state;
	m_arm_cq(&w.vf, 0);
	m_post_send(&w.vf, 0, IFC_WQE_RDMA_WRITE, 0, 100, 4096, true);
	h_settle(w.m.h);
	m_stop(w.m.h, w.m.id);
	cmd = h_msix(w.m.h, VF, M_CMD_VECTOR);
	comp = h_msix(w.m.h, VF, M_COMP_VECTOR);
	m_start(w.m.h, w.m.id);
	h_settle(w.m.h);
	assert_int_equal(h_msix(w.m.h, VF, M_CMD_VECTOR), cmd); /* that one is drained */
	assert_int_equal(h_msix(w.m.h, VF, M_COMP_VECTOR), comp + 1);
	h_free(w.m.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_in_every_state),
		cmocka_unit_test(resume_vhca_op_mods_are_swapped),
		cmocka_unit_test(unknown_op_mod_is_refused),
		cmocka_unit_test(unknown_vhca_id_is_refused),
		cmocka_unit_test(vf_that_the_pf_has_not_enabled_is_refused),
		cmocka_unit_test(pf_does_not_migrate),
		cmocka_unit_test(vf_may_not_send_them),
		cmocka_unit_test(card_without_migration_knows_none_of_them),
		cmocka_unit_test(query_leaves_room_while_running_and_is_exact_when_stopped),
		cmocka_unit_test(query_delta_is_zero_only_while_running_and_clean),
		cmocka_unit_test(save_writes_what_it_says_and_no_byte_more),
		cmocka_unit_test(save_of_too_small_a_buffer_writes_nothing),
		cmocka_unit_test(buffer_must_be_one_of_the_issuer_with_the_right_to_use_it),
		cmocka_unit_test(sizes_out_of_bounds_are_refused),
		cmocka_unit_test(dma_that_the_bus_refuses_fails_the_command_only),
		cmocka_unit_test(end_of_tracking_needs_no_buffer),
		cmocka_unit_test(image_takes_its_time),
		cmocka_unit_test(reset_makes_it_run_again),
		cmocka_unit_test(every_move_is_traced),
		cmocka_unit_test(refusal_says_why),
		cmocka_unit_test(command_waits_in_its_slot_until_resume),
		cmocka_unit_test(command_under_way_is_answered_by_suspend),
		cmocka_unit_test(work_goes_through_at_all),
		cmocka_unit_test(no_dma_and_no_interrupt_of_a_stopped_vhca),
		cmocka_unit_test(stopped_initiator_starts_nothing),
		cmocka_unit_test(doorbells_of_a_stopped_vhca_count_after_resume),
		cmocka_unit_test(resume_signals_every_eq_that_is_not_drained),
	};

	return cmocka_run_group_tests_name("mig", tests, NULL, NULL);
}
