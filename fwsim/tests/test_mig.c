// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The five migration commands: every command in every state, who may send them and about whom, what
 * a buffer must be.
 */
#include "mig_rig.h"

static struct fwsim_vhca *vf_of(struct m_card *m)
{
	return m->h->fw->vhca[M_VF];
}

/* ---- the matrix ---------------------------------------------------------------------------- */

enum track { NONE, TRACK, FAILED };

/* Bring a running VF that is not tracked into @state, tracked or not. */
static void go_to(struct m_card *m, enum fwsim_mig_state state, enum track track)
{
	if (track == TRACK)
		assert_int_equal(m_save(m->h, m->id, M_TRACK, m->buf.key, M_BUF_SIZE, NULL),
				 IFC_ST_OK);
	if (track == FAILED || state != FWSIM_MIG_RUNNING)
		assert_int_equal(m_suspend(m->h, m->id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	if (track == FAILED)
		assert_int_equal(m_save(m->h, m->id, M_TRACK, m->buf.key, M_BUF_SIZE, NULL),
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
static uint32_t make_image(struct m_card *m, uint32_t *key)
{
	unsigned int id = m_vhca_id(m->h, M_VF + 1);
	uint32_t size;

	*key = m_create_mkey(m->h, 0, m->buf.pd, m->buf.addr + M_BUF_SIZE / 2, M_BUF_SIZE / 2, 0xf);
	h_boot(m->h, M_VF + 1);
	m_stop(m->h, id);
	assert_int_equal(m_save(m->h, id, 0, *key, M_BUF_SIZE / 2, &size), IFC_ST_OK);
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

static enum ifc_status send(struct m_card *m, unsigned int row, uint32_t image_key,
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
		return m_save(m->h, m->id, M_TRACK, key, M_BUF_SIZE / 2, NULL);
	case 7:
		return m_save(m->h, m->id, M_INC | M_TRACK, key, M_BUF_SIZE / 2, NULL);
	case 8:
		return m_save(m->h, m->id, 0, key, M_BUF_SIZE / 2, NULL);
	case 9:
		return m_save(m->h, m->id, M_INC, key, M_BUF_SIZE / 2, NULL);
	}
	return m_load(m->h, m->id, image_key, image_size);
}

/* 'T': tracking and a failed attempt, both. */
static char track_now(struct m_card *m)
{
	const struct fwsim_vhca *v = vf_of(m);

	return v->tracking ? (v->track_failed ? 'T' : 't') : v->track_failed ? 'f' : 'n';
}

static void every_command_in_every_state(void **state)
{
	struct m_card m = m_card_new(NULL);
	uint32_t key, size = make_image(&m, &key);

	(void)state;
	for (unsigned int row = 0; row < sizeof(matrix) / sizeof(matrix[0]); row++) {
		for (unsigned int cell = 0; cell < 9; cell++) {
			unsigned int s = cell / 3, t = cell % 3;
			bool ok = matrix[row].want[s][t] == '+';
			enum ifc_status st, want = ok ? IFC_ST_OK : IFC_ST_BAD_RES_STATE;
			enum fwsim_mig_state to = ok ? matrix[row].to[s] : s;
			char track = ok ? matrix[row].track[t] : matrix[row].track_refused[t];

			fwsim_reset(m.h->fw, M_VF);
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
	struct m_card m = m_card_new(NULL);

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
	struct m_card m = m_card_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, m.id, 2), IFC_ST_BAD_PARAM);
	assert_int_equal(m_resume(m.h, m.id, 2), IFC_ST_BAD_PARAM);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	h_free(m.h);
}

static void reset_makes_it_run_again(void **state)
{
	struct m_card m = m_card_new(NULL);

	(void)state;
	go_to(&m, FWSIM_MIG_STOPPED, TRACK);
	fwsim_reset(m.h->fw, M_VF);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	assert_int_equal(track_now(&m), 'n');
	assert_int_equal(vf_of(&m)->vhca_id, m.id);
	go_to(&m, FWSIM_MIG_INITIATOR_STOPPED, FAILED);
	fwsim_reset(m.h->fw, M_VF);
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	assert_int_equal(track_now(&m), 'n');
	assert_int_equal(m_suspend(m.h, m.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	h_free(m.h);
}

/* ---- who, and about whom ------------------------------------------------------------------- */

static void unknown_vhca_id_is_refused(void **state)
{
	struct m_card m = m_card_new(NULL);

	(void)state;
	assert_int_equal(m_suspend(m.h, 0xfff0, 0), IFC_ST_BAD_RES);
	assert_int_equal(m_resume(m.h, 0xfff0, 0), IFC_ST_BAD_RES);
	assert_int_equal(m_query(m.h, 0xfff0, 0, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, 0xfff0, 0, m.buf.key, M_BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_load(m.h, 0xfff0, m.buf.key, M_BUF_SIZE), IFC_ST_BAD_RES);
	h_free(m.h);
}

static void vf_that_the_pf_has_not_enabled_is_refused(void **state)
{
	struct m_card m = m_card_new(NULL);
	unsigned int id = m_vhca_id(m.h, M_VF + 1);

	(void)state;
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_BAD_RES);
	assert_int_equal(h_enable_hca(m.h, 0, M_VF + 1), IFC_ST_OK);
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_OK);
	assert_int_equal(h_disable_hca(m.h, 0, M_VF + 1), IFC_ST_OK);
	assert_int_equal(m_query(m.h, id, 0, NULL), IFC_ST_BAD_RES);
	h_free(m.h);
}

static void pf_does_not_migrate(void **state)
{
	struct m_card m = m_card_new(NULL);
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
	struct m_card m = m_card_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		uint8_t in[32] = { 0 }, out[64];

		ifc_st16(in, opcode[i]);
		ifc_st16(in + 0xa, (uint16_t)m.id);
		assert_int_not_equal(h_cmd(m.h, M_VF, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	}
	assert_int_equal(vf_of(&m)->mig, FWSIM_MIG_RUNNING);
	h_free(m.h);
}

static void card_without_migration_knows_none_of_them(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct m_card m;

	(void)state;
	cfg.no_migration = true;
	m = m_card_new(&cfg);
	assert_int_equal(m_suspend(m.h, m.id, 0), IFC_ST_BAD_OP);
	assert_int_equal(m_resume(m.h, m.id, 1), IFC_ST_BAD_OP);
	assert_int_equal(m_query(m.h, m.id, 0, NULL), IFC_ST_BAD_OP);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE, NULL), IFC_ST_BAD_OP);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, M_BUF_SIZE), IFC_ST_BAD_OP);
	h_free(m.h);
}

/* ---- sizes and buffers --------------------------------------------------------------------- */

static void query_leaves_room_while_running_and_is_exact_when_stopped(void **state)
{
	struct m_card m = m_card_new(NULL);
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
	struct m_card m = m_card_new(NULL);
	uint32_t size;

	(void)state;
	assert_int_equal(m_save(m.h, m.id, M_TRACK, m.buf.key, M_BUF_SIZE, NULL), IFC_ST_OK);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_equal(size, 0);
	h_advance(m.h, H_SEC); /* time alone is no change */
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_equal(size, 0);
	m_alloc_pd(m.h, M_VF);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_not_equal(size, 0);
	assert_int_equal(m_save(m.h, m.id, M_INC | M_TRACK, m.buf.key, M_BUF_SIZE, NULL), IFC_ST_OK);
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, M_INC, &size), IFC_ST_OK);
	assert_int_not_equal(size, 0);
	h_free(m.h);
}

static void save_writes_what_it_says_and_no_byte_more(void **state)
{
	struct m_card m = m_card_new(NULL);
	uint8_t *p = h_mem(m.h, 0, m.buf.addr);
	uint32_t actual;

	(void)state;
	m_stop(m.h, m.id);
	memset(p, 0xa5, M_BUF_SIZE);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE, &actual), IFC_ST_OK);
	assert_true(actual > 0 && actual < M_BUF_SIZE);
	assert_true(h_dma_wrote(m.h, 0, m.buf.addr + actual - 1, 1));
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr + actual, M_BUF_SIZE - actual));
	for (uint32_t i = actual; i < M_BUF_SIZE; i++)
		assert_int_equal(p[i], 0xa5);
	h_free(m.h);
}

static void save_of_too_small_a_buffer_writes_nothing(void **state)
{
	struct m_card m = m_card_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, 0, &size), IFC_ST_OK);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, size - 1, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, 0, NULL), IFC_ST_BAD_PARAM);
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr, M_BUF_SIZE));
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, size, NULL), IFC_ST_OK);
	h_free(m.h);
}

static void buffer_must_be_one_of_the_issuer_with_the_right_to_use_it(void **state)
{
	struct m_card m = m_card_new(NULL);
	struct m_buf foreign = m_buf_new(m.h, M_VF, M_BUF_SIZE, 0xf);
	uint32_t ro = m_create_mkey(m.h, 0, m.buf.pd, m.buf.addr, M_BUF_SIZE, FWSIM_ACC_LR);
	uint32_t wo = m_create_mkey(m.h, 0, m.buf.pd, m.buf.addr, M_BUF_SIZE, FWSIM_ACC_LW);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, ro, M_BUF_SIZE, &size), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, 0, M_BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key ^ 1, M_BUF_SIZE, NULL), IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, (wo & ~0xffu) + 0x10000, M_BUF_SIZE, NULL),
			 IFC_ST_BAD_RES);
	assert_int_equal(m_save(m.h, m.id, 0, wo, M_BUF_SIZE, &size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, wo, size), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, ro, size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, 0, size), IFC_ST_BAD_RES);
	/* The VF has a key of the same number; the PF's is meant. */
	assert_false(h_dma_wrote(m.h, M_VF, foreign.addr, M_BUF_SIZE));
	h_free(m.h);
}

static void sizes_out_of_bounds_are_refused(void **state)
{
	struct m_card m = m_card_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE + 1, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, 0xffffffff, NULL), IFC_ST_BAD_PARAM);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE, &size), IFC_ST_OK);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 0), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size - 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size + 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, M_BUF_SIZE + 1), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, 0xffffffff), IFC_ST_BAD_PARAM);
	assert_int_equal(m_load(m.h, m.id, m.buf.key, size), IFC_ST_OK);
	h_free(m.h);
}

static void dma_that_the_bus_refuses_fails_the_command_only(void **state)
{
	struct m_card m = m_card_new(NULL);
	uint64_t hash;
	uint32_t size;

	(void)state;
	m_stop(m.h, m.id);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE, &size), IFC_ST_OK);
	hash = fwsim_image_hash(vf_of(&m));
	h_dma_fail(m.h, 0, m.buf.addr + size / 2, 1);
	assert_int_equal(m_save(m.h, m.id, 0, m.buf.key, M_BUF_SIZE, NULL), IFC_ST_INTERNAL_ERR);
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
	struct m_card m = m_card_new(NULL);
	uint32_t actual = 1;

	(void)state;
	go_to(&m, FWSIM_MIG_RUNNING, TRACK);
	h_dma_clear(m.h);
	assert_int_equal(m_save(m.h, m.id, 0, 0, 0, &actual), IFC_ST_OK);
	assert_int_equal(actual, 0);
	assert_false(vf_of(&m)->tracking);
	assert_false(h_dma_wrote(m.h, 0, m.buf.addr, M_BUF_SIZE));
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
	struct m_card m;
	uint32_t size;

	(void)state;
	cfg.image_bytes_per_sec = 1000000;
	m = m_card_new(&cfg);
	m_stop(m.h, m.id);
	assert_int_equal(m_query(m.h, m.id, 0, &size), IFC_ST_OK);
	IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	IFC_SET(save_vhca_state_in, in, vhca_id, m.id);
	IFC_SET(save_vhca_state_in, in, mkey, m.buf.key);
	IFC_SET(save_vhca_state_in, in, size, M_BUF_SIZE);
	h_cmd_async(m.h, 0, 1, in, sizeof(in), IFC_SZ(save_vhca_state_out));
	h_advance(m.h, size * 1000ULL - 1);
	assert_false(h_cmd_done(m.h, 0, 1));
	h_advance(m.h, 1);
	assert_true(h_cmd_done(m.h, 0, 1));
	assert_int_equal(h_cmd_result(m.h, 0, 1, NULL, 0).status, IFC_ST_OK);
	h_free(m.h);
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
	};

	return cmocka_run_group_tests_name("mig", tests, NULL, NULL);
}
