// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault rules of SAVE, LOAD and QUERY: flipped bits, short images, wrong sizes, a bus that refuses. */
#include "fault_rig.h"

/* The image of the stopped VF under no rule, then under @rule: where the two differ. */
static uint32_t image_under(struct f_rig *r, const char *rule, uint32_t *clean, uint8_t *diff, uint32_t *at)
{
	uint8_t *mem = h_mem(r->h, 0, r->buf.addr), *was = malloc(F_BUF);
	uint32_t size;

	assert_non_null(was);
	assert_int_equal(m_save(r->h, r->id, 0, r->buf.key, F_BUF, clean), IFC_ST_OK);
	memcpy(was, mem, F_BUF);
	memset(mem, 0, F_BUF);
	f_say(r, rule);
	assert_int_equal(m_save(r->h, r->id, 0, r->buf.key, F_BUF, &size), IFC_ST_OK);
	*diff = 0;
	for (uint32_t i = 0; i < size; i++) {
		if (mem[i] == was[i])
			continue;
		assert_int_equal(*diff, 0); /* one byte at most */
		*diff = mem[i] ^ was[i];
		*at = i;
	}
	for (uint32_t i = size; i < F_BUF; i++)
		assert_int_equal(mem[i], 0);
	free(was);
	return size;
}

static void save_flips_a_bit(void **state)
{
	struct f_rig r = f_new(NULL);
	uint32_t size, clean, at = 0;
	char rule[80];
	uint8_t diff;

	(void)state;
	m_stop(r.h, r.id);
	size = image_under(&r, "fault add cmd:SAVE_VHCA_STATE flip=8003", &clean, &diff, &at);
	assert_int_equal(size, clean);
	assert_int_equal(at, 1000);
	assert_int_equal(diff, 8);
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_BAD_PARAM);
	/* a number beyond the end counts from the beginning again */
	snprintf(rule, sizeof(rule), "fault add cmd:SAVE_VHCA_STATE flip=%u", 8 * clean + 8 * 17);
	image_under(&r, rule, &clean, &diff, &at);
	assert_int_equal(at, 17);
	assert_int_equal(diff, 1);
	h_free(r.h);
}

static void save_is_short_or_empty(void **state)
{
	struct f_rig r = f_new(NULL);
	uint32_t size, clean, at;
	uint8_t diff;

	(void)state;
	m_stop(r.h, r.id);
	size = image_under(&r, "fault add cmd:SAVE_VHCA_STATE short=100", &clean, &diff, &at);
	assert_int_equal(size, clean - 100);
	assert_int_equal(diff, 0);
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_BAD_PARAM);
	assert_int_equal(image_under(&r, "fault add cmd:SAVE_VHCA_STATE zero", &clean, &diff, &at), 0);
	size = image_under(&r, "fault add cmd:SAVE_VHCA_STATE short=0xffffffff", &clean, &diff, &at);
	assert_int_equal(size, 0);
	h_free(r.h);
}

static void load_flips_a_bit(void **state)
{
	struct f_rig r = f_new(NULL);
	uint8_t *mem = h_mem(r.h, 0, r.buf.addr), was[64];
	uint32_t size;

	(void)state;
	m_stop(r.h, r.id);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, F_BUF, &size), IFC_ST_OK);
	memcpy(was, mem, sizeof(was));
	f_say(&r, "fault add cmd:LOAD_VHCA_STATE flip=0");
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_BAD_PARAM);
	assert_memory_equal(mem, was, sizeof(was));
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_OK);
	h_free(r.h);
}

static void query_tells_a_larger_size(void **state)
{
	struct f_rig r = f_new(NULL);
	uint32_t size, larger;

	(void)state;
	m_stop(r.h, r.id);
	assert_int_equal(m_query(r.h, r.id, 0, &size), IFC_ST_OK);
	f_say(&r, "fault add cmd:QUERY_VHCA_MIGRATION_STATE larger=0x10000");
	assert_int_equal(m_query(r.h, r.id, 0, &larger), IFC_ST_OK);
	assert_int_equal(larger, size + 0x10000);
	f_say(&r, "fault add cmd:QUERY_VHCA_MIGRATION_STATE larger=0xffffffff");
	assert_int_equal(m_query(r.h, r.id, 0, &larger), IFC_ST_OK);
	assert_int_equal(larger, 0xffffffff);
	h_free(r.h);
}

static void save_tells_a_larger_next_size(void **state)
{
	struct fwsim_config cfg = h_default_config();
	IFC_BUF(save_vhca_state_in, in) = { 0 };
	IFC_BUF(save_vhca_state_out, out);
	uint32_t next[2];

	(void)state;
	cfg.chunks = true;
	cfg.bulk_bytes = 64 << 20;
	for (unsigned int i = 0; i < 2; i++) {
		struct f_rig r = f_new(&cfg);

		m_stop(r.h, r.id);
		if (i)
			f_say(&r, "fault add cmd:SAVE_VHCA_STATE larger=0x1000");
		IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
		IFC_SET(save_vhca_state_in, in, vhca_id, r.id);
		IFC_SET(save_vhca_state_in, in, mkey, r.buf.key);
		IFC_SET(save_vhca_state_in, in, size, F_BUF);
		assert_int_equal(H_CMD(r.h, 0, in, out), IFC_ST_OK);
		next[i] = IFC_GET(save_vhca_state_out, out, next_required_umem_size);
		h_free(r.h);
	}
	assert_true(next[0]);
	assert_int_equal(next[1], next[0] + 0x1000);
}

/* An image that the bus refuses: the VF is as before and can be saved again. */
static void image_is_refused_by_the_bus(void **state)
{
	struct f_rig r = f_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(r.h, r.id);
	f_say(&r, "fault add dma:write fn=pf refused");
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, F_BUF, NULL), IFC_ST_INTERNAL_ERR);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, F_BUF, &size), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_OK);
	h_free(r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(save_flips_a_bit),
		cmocka_unit_test(save_is_short_or_empty),
		cmocka_unit_test(load_flips_a_bit),
		cmocka_unit_test(query_tells_a_larger_size),
		cmocka_unit_test(save_tells_a_larger_next_size),
		cmocka_unit_test(image_is_refused_by_the_bus),
	};

	return cmocka_run_group_tests_name("fault_image", tests, NULL, NULL);
}
