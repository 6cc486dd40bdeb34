// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Images larger than one buffer: bulk state, chunks, what a tracked VHCA still has to send, and
 * migration_state. VF 0 (function 1) moves to VF 1.
 */
#include "image.h"
#include "mig_rig.h"

#include <stdlib.h>
#include <string.h>

#define SRC 1u
#define DST 2u
#define MIB (1u << 20)
#define BULK (3 * MIB + 7 * FWSIM_PAGE)
#define BLOCKS (BULK / FWSIM_PAGE)
#define BUF (16 * MIB)
#define GIB (1ULL << 30)

enum { M_CHUNK = 4 };

struct rig {
	struct harness *h;
	struct m_buf buf; /* of the PF */
	unsigned int src, dst;
	uint64_t saved; /* bytes of all SAVEs */
	unsigned int saves;
};

struct answer {
	uint32_t size, state;
	uint64_t total;
};

static struct fwsim_config config(void)
{
	struct fwsim_config cfg = h_default_config();

	cfg.bulk_bytes = BULK;
	cfg.bulk_seed = 42;
	cfg.chunk_bytes = MIB;
	cfg.migration_state = true;
	return cfg;
}

static struct rig rig(const struct fwsim_config *cfg)
{
	struct rig r = { .h = h_new(cfg) };

	h_boot(r.h, SRC);
	h_boot(r.h, DST);
	r.buf = m_buf_new(r.h, 0, BUF, 0xf);
	r.src = m_vhca_id(r.h, SRC);
	r.dst = m_vhca_id(r.h, DST);
	return r;
}

static struct fwsim_vhca *vhca(struct rig *r, unsigned int fn)
{
	return r->h->fw->vhca[fn];
}

static enum ifc_status query(struct rig *r, unsigned int flags, struct answer *a)
{
	IFC_BUF(query_vhca_migration_state_in, in) = { 0 };
	IFC_BUF(query_vhca_migration_state_out, out);
	enum ifc_status st;

	IFC_SET(query_vhca_migration_state_in, in, opcode, MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	IFC_SET(query_vhca_migration_state_in, in, vhca_id, r->src);
	IFC_SET(query_vhca_migration_state_in, in, incremental, !!(flags & M_INC));
	IFC_SET(query_vhca_migration_state_in, in, chunk, !!(flags & M_CHUNK));
	st = H_CMD(r->h, 0, in, out);
	*a = (struct answer){
		.size = IFC_GET(query_vhca_migration_state_out, out, required_umem_size),
		.total = IFC_GET64(query_vhca_migration_state_out, out, remaining_total_size),
		.state = IFC_GET(query_vhca_migration_state_out, out, migration_state),
	};
	return st;
}

static enum ifc_status save(struct rig *r, unsigned int flags, uint32_t size, uint32_t *actual,
			    uint32_t *next)
{
	IFC_BUF(save_vhca_state_in, in) = { 0 };
	IFC_BUF(save_vhca_state_out, out);
	enum ifc_status st;

	IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	IFC_SET(save_vhca_state_in, in, vhca_id, r->src);
	IFC_SET(save_vhca_state_in, in, incremental, !!(flags & M_INC));
	IFC_SET(save_vhca_state_in, in, set_track, !!(flags & M_TRACK));
	IFC_SET(save_vhca_state_in, in, mkey, r->buf.key);
	IFC_SET(save_vhca_state_in, in, size, size);
	st = H_CMD(r->h, 0, in, out);
	*actual = IFC_GET(save_vhca_state_out, out, actual_image_size);
	*next = IFC_GET(save_vhca_state_out, out, next_required_umem_size);
	r->saved += *actual;
	r->saves++;
	return st;
}

/* QUERY, SAVE into what it asks for, LOAD at the target; next_required_umem_size. */
static uint32_t pass_on(struct rig *r, unsigned int query_flags, unsigned int save_flags)
{
	uint32_t actual, next;
	struct answer a;

	assert_int_equal(query(r, query_flags, &a), IFC_ST_OK);
	assert_true(a.size > 0 && a.size <= BUF);
	assert_int_equal(save(r, save_flags, a.size, &actual, &next), IFC_ST_OK);
	assert_true(actual > 0 && actual <= a.size);
	assert_int_equal(m_load(r->h, r->dst, r->buf.key, actual), IFC_ST_OK);
	return next;
}

static void pass_on_chunks(struct rig *r, uint32_t next)
{
	uint32_t actual, size;

	while (next) {
		size = next;
		assert_true(size <= MIB);
		assert_int_equal(save(r, M_INC, size, &actual, &next), IFC_ST_OK);
		assert_true(actual > 0 && actual <= size);
		assert_int_equal(m_load(r->h, r->dst, r->buf.key, actual), IFC_ST_OK);
	}
}

static void expect_moved(struct rig *r)
{
	assert_true(fwsim_image_hash(vhca(r, SRC)) == fwsim_image_hash(vhca(r, DST)));
	m_start(r->h, r->dst);
	m_start(r->h, r->src); /* as after a migration that failed: no harm */
}

/* ---- moving -------------------------------------------------------------------------------- */

static void bulk_state_moves_in_one_image(void **state)
{
	struct fwsim_config cfg = config();
	struct rig r = rig(&cfg);
	struct answer a;

	(void)state;
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(query(&r, 0, &a), IFC_ST_OK);
	assert_true(a.size > BULK && a.total == a.size);
	assert_int_equal(pass_on(&r, 0, 0), 0);
	assert_int_equal(r.saved, a.size);
	expect_moved(&r);
	h_free(r.h);
}

/* What has been read is another thing afterwards: what was checked must be what is used. */
static void a_buffer_that_changes_is_read_once(void **state)
{
	struct fwsim_config cfg = config();
	uint32_t actual, next;
	struct answer a;
	struct rig r;

	(void)state;
	cfg.chunks = true;
	r = rig(&cfg);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(query(&r, M_CHUNK, &a), IFC_ST_OK);
	assert_int_equal(save(&r, 0, a.size, &actual, &next), IFC_ST_OK);
	assert_true(next); /* an image and bulk state, then bulk state alone */
	h_dma_spoil(r.h, 0, r.buf.addr, BUF);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, actual), IFC_ST_OK);
	assert_int_equal(save(&r, M_INC, next, &actual, &next), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, actual), IFC_ST_OK);
	h_dma_spoil(r.h, 0, 0, 0);
	pass_on_chunks(&r, next);
	expect_moved(&r);
	h_free(r.h);
}

static void bulk_state_moves_in_chunks(void **state)
{
	struct fwsim_config cfg = config();
	struct answer a;
	struct rig r;

	(void)state;
	cfg.chunks = true;
	r = rig(&cfg);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(query(&r, M_CHUNK, &a), IFC_ST_OK);
	assert_true(a.size < 2 * MIB && a.total > BULK);
	pass_on_chunks(&r, pass_on(&r, M_CHUNK, 0));
	assert_true(r.saves >= 4);
	assert_true(r.saved <= a.total && r.saved > BULK);
	assert_int_equal(m_query(r.h, r.src, M_INC, NULL), IFC_ST_BAD_RES_STATE); /* it is over */
	expect_moved(&r);
	h_free(r.h);
}

static void a_running_vhca_sends_bulk_state_bit_by_bit(void **state)
{
	struct fwsim_config cfg = config();
	struct answer a;
	struct rig r;
	unsigned int n = 0;

	(void)state;
	cfg.chunks = true;
	cfg.bulk_rate = 40 * FWSIM_PAGE;
	r = rig(&cfg);
	m_stop(r.h, r.dst);
	assert_int_equal(pass_on(&r, M_CHUNK, M_TRACK), 0);
	for (;; n++) {
		assert_int_equal(query(&r, M_INC | M_CHUNK, &a), IFC_ST_OK);
		if (!a.size)
			break;
		assert_true(n < 10);
		h_advance(r.h, 100 * H_MS);
		assert_int_equal(pass_on(&r, M_INC | M_CHUNK, M_INC | M_TRACK), 0);
	}
	assert_true(n >= 2);
	/* what changes in a second is what is asked for then, and no more */
	h_advance(r.h, H_SEC);
	assert_int_equal(query(&r, M_INC | M_CHUNK, &a), IFC_ST_OK);
	assert_true(a.total > 39 * FWSIM_PAGE && a.total < 41 * FWSIM_PAGE + 256 * 1024);
	m_stop(r.h, r.src);
	h_advance(r.h, 10 * H_SEC); /* a stopped one does not change */
	pass_on_chunks(&r, pass_on(&r, M_INC | M_CHUNK, M_INC));
	expect_moved(&r);
	assert_true(vhca(&r, DST)->bulk.changes >= 40);
	h_free(r.h);
}

/* More changes than blocks: each block once, not each change. */
static void being_far_behind_costs_every_block_once(void **state)
{
	struct fwsim_config cfg = config();
	struct answer a;
	struct rig r;

	(void)state;
	cfg.bulk_rate = 1000 * FWSIM_PAGE;
	r = rig(&cfg);
	m_stop(r.h, r.dst);
	assert_int_equal(pass_on(&r, 0, M_TRACK), 0);
	h_advance(r.h, 7 * H_SEC);
	m_stop(r.h, r.src);
	assert_int_equal(query(&r, M_INC, &a), IFC_ST_OK);
	assert_true(a.size < BULK + MIB);
	assert_int_equal(pass_on(&r, M_INC, M_INC), 0);
	expect_moved(&r);
	h_free(r.h);
}

static void more_than_4_gib_needs_chunks(void **state)
{
	struct fwsim_config cfg = config();
	uint32_t actual, next;
	struct answer a;
	struct rig r;

	(void)state;
	cfg.bulk_bytes = 100 * GIB;
	cfg.chunks = true;
	r = rig(&cfg);
	assert_int_equal(query(&r, 0, &a), IFC_ST_OK); /* runs on: what fits goes first */
	assert_true(a.size > GIB && a.size < 2 * GIB);
	assert_true(a.total > 100 * GIB);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(query(&r, 0, &a), IFC_ST_LIM_ERR);
	assert_int_equal(query(&r, M_CHUNK, &a), IFC_ST_OK);
	assert_true(a.total > 100 * GIB && a.total < 101 * GIB);
	assert_int_equal(pass_on(&r, M_CHUNK, 0), MIB);
	/* not all of them: near the end both sides are told that they are there */
	vhca(&r, SRC)->bulk.sent = vhca(&r, DST)->bulk.sent = 100 * GIB / FWSIM_PAGE - 300;
	assert_int_equal(save(&r, M_INC, MIB, &actual, &next), IFC_ST_OK);
	assert_int_equal(next, FWSIM_BULK_HDR + 45 * FWSIM_PAGE);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, actual), IFC_ST_OK);
	pass_on_chunks(&r, next);
	expect_moved(&r);
	h_free(r.h);
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static struct rig chunked(uint32_t *next)
{
	struct fwsim_config cfg = config();
	struct rig r;

	cfg.chunks = true;
	r = rig(&cfg);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	*next = pass_on(&r, M_CHUNK, 0);
	assert_int_equal(*next, MIB);
	return r;
}

static void a_chunk_must_be_whole_and_in_order(void **state)
{
	uint32_t next, size, again;
	struct rig r = chunked(&next);
	uint8_t *p = h_mem(r.h, 0, r.buf.addr);
	uint64_t hash = fwsim_image_hash(vhca(&r, DST));

	(void)state;
	assert_int_equal(save(&r, M_INC, next, &size, &next), IFC_ST_OK);
	for (unsigned int off = 0; off < size; off = off * 5 / 2 + 1) {
		p[off] ^= 1;
		if (m_load(r.h, r.dst, r.buf.key, size) != IFC_ST_BAD_PARAM)
			fail_msg("byte 0x%x flipped: not refused", off);
		p[off] ^= 1;
	}
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_CMD, "is not what it was"));
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size - 8), IFC_ST_BAD_PARAM);
	assert_true(hash == fwsim_image_hash(vhca(&r, DST)));
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size), IFC_ST_BAD_PARAM); /* twice */
	assert_int_equal(save(&r, M_INC, next, &size, &next), IFC_ST_OK);	 /* one is lost */
	assert_int_equal(save(&r, M_INC, next, &size, &again), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size), IFC_ST_BAD_PARAM);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_CMD, "does not go on"));
	h_free(r.h);
}

static void a_target_with_half_of_it_does_not_start(void **state)
{
	uint32_t next;
	struct rig r = chunked(&next);

	(void)state;
	assert_int_equal(m_resume(r.h, r.dst, M_RESUME_RESPONDER), IFC_ST_BAD_RES_STATE);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_CMD, "not loaded"));
	pass_on_chunks(&r, next);
	expect_moved(&r);
	h_free(r.h);
}

static void bulk_state_alone_is_no_image(void **state)
{
	uint32_t next, size;
	struct rig r = chunked(&next);

	(void)state;
	assert_int_equal(save(&r, M_INC, next, &size, &next), IFC_ST_OK);
	fwsim_reset(r.h->fw, DST);
	m_stop(r.h, r.dst);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size), IFC_ST_BAD_RES_STATE);
	h_free(r.h);
}

static void a_chunk_that_fails_can_be_taken_again(void **state)
{
	uint32_t next, size, none;
	struct rig r = chunked(&next);

	(void)state;
	h_dma_fail(r.h, 0, r.buf.addr + MIB / 2, 1);
	assert_int_equal(save(&r, M_INC, next, &size, &none), IFC_ST_INTERNAL_ERR);
	h_dma_fail(r.h, 0, 0, 0);
	assert_int_equal(save(&r, M_INC, 4096, &size, &none), IFC_ST_BAD_PARAM); /* no block fits */
	pass_on_chunks(&r, next);
	expect_moved(&r);
	h_free(r.h);
}

static void a_full_save_starts_anew(void **state)
{
	uint32_t next;
	struct rig r = chunked(&next);

	(void)state;
	pass_on_chunks(&r, pass_on(&r, M_CHUNK, 0));
	expect_moved(&r);
	h_free(r.h);
}

static void the_end_of_tracking_forgets_what_was_sent(void **state)
{
	struct fwsim_config cfg = config();
	struct rig r = rig(&cfg);
	uint32_t size, next;

	(void)state;
	assert_int_equal(save(&r, M_TRACK, BUF, &size, &next), IFC_ST_OK);
	assert_int_equal(fwsim_bulk_pending(&vhca(&r, SRC)->bulk), 0);
	assert_int_equal(save(&r, 0, 0, &size, &next), IFC_ST_OK);
	assert_int_equal(size, 0);
	assert_int_equal(fwsim_bulk_pending(&vhca(&r, SRC)->bulk), BLOCKS);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(pass_on(&r, 0, 0), 0);
	expect_moved(&r);
	h_free(r.h);
}

/* ---- migration_state and capabilities ------------------------------------------------------ */

static unsigned int oper(struct rig *r, unsigned int flags)
{
	struct answer a;

	assert_int_equal(query(r, flags, &a), IFC_ST_OK);
	return a.state;
}

static void migration_state_tells_idle_ready_dirty_init(void **state)
{
	struct fwsim_config cfg = config();
	uint32_t size, next;
	struct answer a;
	struct rig r;

	(void)state;
	cfg.bulk_rate = 100 * FWSIM_PAGE;
	r = rig(&cfg);
	assert_int_equal(oper(&r, 0), 1);
	fwsim_migration_reinit(r.h->fw, SRC); /* not tracked: no effect */
	assert_int_equal(oper(&r, 0), 1);
	assert_int_equal(save(&r, M_TRACK, BUF, &size, &next), IFC_ST_OK);
	assert_int_equal(query(&r, M_INC, &a), IFC_ST_OK);
	assert_int_equal(a.state, 2);
	assert_int_equal(a.size, 0);
	h_advance(r.h, H_SEC);
	assert_int_equal(query(&r, M_INC, &a), IFC_ST_OK);
	assert_int_equal(a.state, 3);
	assert_true(a.size < BULK);
	fwsim_migration_reinit(r.h->fw, SRC);
	assert_int_equal(query(&r, M_INC, &a), IFC_ST_OK);
	assert_int_equal(a.state, 4);
	assert_true(a.size > BULK);
	assert_int_equal(save(&r, M_INC | M_TRACK, BUF, &size, &next), IFC_ST_OK);
	assert_true(size > BULK); /* all of it again */
	assert_int_equal(oper(&r, M_INC), 2);
	assert_int_equal(save(&r, 0, 0, &size, &next), IFC_ST_OK);
	assert_int_equal(oper(&r, 0), 1);
	h_free(r.h);
}

/* A guest that unloads and loads its driver during pre-copy: that is a VHCA of another life. */
static void init_hca_of_a_tracked_vhca_asks_to_start_anew(void **state)
{
	struct fwsim_config cfg = config();
	IFC_BUF(teardown_hca_in, in) = { 0 };
	IFC_BUF(teardown_hca_out, out);
	IFC_BUF(init_hca_in, init) = { 0 };
	IFC_BUF(init_hca_out, init_out);
	struct rig r = rig(&cfg);
	uint32_t size, next;

	(void)state;
	assert_int_equal(save(&r, M_TRACK, BUF, &size, &next), IFC_ST_OK);
	IFC_SET(teardown_hca_in, in, opcode, MLX5_CMD_OP_TEARDOWN_HCA);
	assert_int_equal(H_CMD(r.h, SRC, in, out), IFC_ST_OK);
	assert_int_equal(oper(&r, M_INC), 3);
	IFC_SET(init_hca_in, init, opcode, MLX5_CMD_OP_INIT_HCA);
	assert_int_equal(H_CMD(r.h, SRC, init, init_out), IFC_ST_OK);
	assert_int_equal(oper(&r, M_INC), 4);
	h_free(r.h);
}

static void reinit_every_so_many_images(void **state)
{
	static const unsigned int want[] = { 2, 4, 2, 4, 2 };
	struct fwsim_config cfg = config();
	uint32_t size, next;
	struct rig r;

	(void)state;
	cfg.reinit_every = 2;
	r = rig(&cfg);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(save(&r, M_TRACK | (i ? M_INC : 0), BUF, &size, &next), IFC_ST_OK);
		assert_int_equal(oper(&r, M_INC), want[i]);
	}
	h_free(r.h);
}

static void reinit_waits_until_all_has_gone(void **state)
{
	struct fwsim_config cfg = config();
	uint32_t size, next;
	struct rig r;

	(void)state;
	cfg.reinit_every = 1;
	r = rig(&cfg);
	assert_int_equal(save(&r, M_TRACK, 2 * MIB, &size, &next), IFC_ST_OK);
	assert_int_equal(oper(&r, M_INC), 3);
	assert_int_equal(save(&r, M_TRACK | M_INC, 2 * MIB, &size, &next), IFC_ST_OK);
	assert_int_equal(oper(&r, M_INC), 4);
	h_free(r.h);
}

static void what_is_not_offered_is_refused(void **state)
{
	struct fwsim_config cfg = config();
	uint32_t size, next;
	struct answer a;
	struct rig r;

	(void)state;
	cfg.migration_state = false;
	assert_true(fwsim_profile(&cfg, "no-precopy"));
	r = rig(&cfg);
	assert_int_equal(query(&r, M_CHUNK, &a), IFC_ST_BAD_PARAM);
	assert_int_equal(oper(&r, 0), 0);
	assert_int_equal(save(&r, M_TRACK, BUF, &size, &next), IFC_ST_BAD_PARAM);
	m_stop(r.h, r.src);
	m_stop(r.h, r.dst);
	assert_int_equal(pass_on(&r, 0, 0), 0);
	assert_int_equal(save(&r, 0, BUF, &size, &next), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.dst, r.buf.key, size), IFC_ST_BAD_RES_STATE);
	expect_moved(&r);
	h_free(r.h);
}

static void profiles_have_names_and_words(void **state)
{
	struct fwsim_config cfg = { 0 };
	const char *name, *text = NULL;
	unsigned int n;

	(void)state;
	for (n = 0; (name = fwsim_profile_name(n, &text)); n++) {
		struct fwsim_config c = h_default_config();
		struct harness *h;

		assert_true(text && *text);
		assert_true(fwsim_profile(&c, name));
		h = h_new(&c); /* every one of them is a card */
		h_free(h);
	}
	assert_int_equal(n, 12);
	assert_false(fwsim_profile(&cfg, "nonsense"));
	assert_true(fwsim_profile(&cfg, "chunks-state"));
	assert_true(cfg.chunks && cfg.migration_state && !cfg.no_tracker);
	assert_true(fwsim_profile(&cfg, "no-tracker"));
	assert_true(cfg.no_tracker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_state_moves_in_one_image),
		cmocka_unit_test(a_buffer_that_changes_is_read_once),
		cmocka_unit_test(bulk_state_moves_in_chunks),
		cmocka_unit_test(a_running_vhca_sends_bulk_state_bit_by_bit),
		cmocka_unit_test(being_far_behind_costs_every_block_once),
		cmocka_unit_test(more_than_4_gib_needs_chunks),
		cmocka_unit_test(a_chunk_must_be_whole_and_in_order),
		cmocka_unit_test(a_target_with_half_of_it_does_not_start),
		cmocka_unit_test(bulk_state_alone_is_no_image),
		cmocka_unit_test(a_chunk_that_fails_can_be_taken_again),
		cmocka_unit_test(a_full_save_starts_anew),
		cmocka_unit_test(the_end_of_tracking_forgets_what_was_sent),
		cmocka_unit_test(migration_state_tells_idle_ready_dirty_init),
		cmocka_unit_test(init_hca_of_a_tracked_vhca_asks_to_start_anew),
		cmocka_unit_test(reinit_every_so_many_images),
		cmocka_unit_test(reinit_waits_until_all_has_gone),
		cmocka_unit_test(what_is_not_offered_is_refused),
		cmocka_unit_test(profiles_have_names_and_words),
	};

	return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
