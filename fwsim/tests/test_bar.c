// SPDX-License-Identifier: GPL-2.0-or-later
/* BAR0: widths and offsets, doorbells of UAR pages, writes that come while the core is busy. */
#include "data_rig.h"

static struct harness *opened(struct d_fn *d)
{
	struct harness *h = h_new(NULL);

	d_open(d, h, 1);
	h_trace_clear(h);
	return h;
}

static void reads_of_any_width(void **state)
{
	struct harness *h = h_new(NULL);
	uint8_t all[32], part[8];
	unsigned int off, len;

	(void)state;
	h_cmdq_setup(h, 1);
	for (off = 0; off < sizeof(all); off += 4)
		fwsim_bar_read(h->fw, 1, off, all + off, 4);
	assert_int_equal(ifc_ld32(all + 0x14), (uint32_t)h->fn[1].cmdq | 0x56);
	for (len = 1; len <= 8; len *= 2) {
		for (off = 0; off + len <= sizeof(all); off += len) {
			fwsim_bar_read(h->fw, 1, off, part, len);
			assert_memory_equal(part, all + off, len);
		}
	}
	fwsim_bar_read(h->fw, 1, (1u << FWSIM_LOG_VF_BAR) - 8, part, 8);
	assert_int_equal(ifc_ld64(part), 0);
	fwsim_bar_read(h->fw, H_VFS + 1, 0, part, 8); /* no such function */
	assert_int_equal(ifc_ld64(part), 0);
	h_free(h);
}

static void size_and_stride_are_read_only(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	h_wr32(h, 0, IFC_ISEG_CMDQ_ADDR_H, 0x12345678);
	h_wr32(h, 0, IFC_ISEG_CMDQ_ADDR_L_SZ, 0x9abcd2ff);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDQ_ADDR_H), 0x12345678);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDQ_ADDR_L_SZ), 0x9abcd256);
	assert_int_equal(h->fw->vhca[0]->cmdq_addr, 0x123456789abcd000);
	h_free(h);
}

static void odd_writes_to_the_init_segment(void **state)
{
	struct harness *h = h_new(NULL);
	uint8_t b[8] = { 0, 0, 0, 1, 0, 0, 0x20, 0 };

	(void)state;
	fwsim_bar_write(h->fw, 0, IFC_ISEG_CMDQ_ADDR_H, b, 1);
	fwsim_bar_write(h->fw, 0, IFC_ISEG_CMDQ_ADDR_H + 2, b, 4);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDQ_ADDR_H), 0);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_IGNORED), 2);
	fwsim_bar_write(h->fw, 0, IFC_ISEG_CMDQ_ADDR_H, b, 8); /* both halves at once */
	assert_int_equal(h->fw->vhca[0]->cmdq_addr, 0x100002000);
	fwsim_bar_write(h->fw, H_VFS + 1, 0x10, b, 8);
	h_free(h);
}

static void doorbell_of_another_uar_or_object(void **state)
{
	struct harness *h;
	struct d_fn d;
	uint32_t other;

	(void)state;
	h = opened(&d);
	h_db_eq(h, 1, d.uar + 7, d.async.eqn, 0, true);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "which is not allocated"));
	other = d_alloc(&d, MLX5_CMD_OP_ALLOC_UAR);
	h_db_eq(h, 1, other, d.async.eqn, 0, true);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "but its context names UAR"));
	h_db_eq(h, 1, d.uar, 0xee, 0, true);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "EQ 0xee, which does not exist"));
	h_db_cq(h, 1, d.uar, 0xccc, 0);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "CQ 0xccc, which does not exist"));
	h_db_qp(h, 1, d.uar, 0xabc, 0);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "QP 0xabc, which does not exist"));
	h_free(h);
}

/* How a write shows: as a doorbell, as something without meaning, or not at all. */
enum seen { NOTHING, DOORBELL, IGNORED };

static enum seen write_uar(struct d_fn *d, uint32_t reg, unsigned int len)
{
	static const uint8_t zero[8];

	h_trace_clear(d->h);
	fwsim_bar_write(d->h->fw, 1, (uint64_t)d->uar * IFC_UAR_SIZE + reg, zero, len);
	if (h_trace_count(d->h, FWSIM_TRACE_DOORBELL))
		return DOORBELL;
	return h_trace_count(d->h, FWSIM_TRACE_IGNORED) ? IGNORED : NOTHING;
}

static void blueflame_registers(void **state)
{
	struct harness *h;
	struct d_fn d;
	uint32_t reg;

	(void)state;
	h = opened(&d);
	for (reg = 0x800; reg < 0x1000; reg += 8)
		assert_int_equal(write_uar(&d, reg, 8), reg % 0x100 ? NOTHING : DOORBELL);
	for (reg = 0; reg < 0x800; reg += 8)
		assert_int_equal(write_uar(&d, reg, 8), reg == 0x20 ? DOORBELL : IGNORED);
	assert_int_equal(write_uar(&d, 0x40, 4), DOORBELL);
	assert_int_equal(write_uar(&d, 0x48, 4), DOORBELL);
	assert_int_equal(write_uar(&d, 0x44, 4), IGNORED);
	assert_int_equal(write_uar(&d, 0x20, 2), IGNORED);
	h_free(h);
}

/* A 32-bit guest rings in two halves. */
static void doorbell_in_two_halves(void **state)
{
	struct harness *h;
	struct d_fn d;
	uint64_t at;

	(void)state;
	h = opened(&d);
	at = (uint64_t)d.uar * IFC_UAR_SIZE + 0x900;
	h_wr32(h, 1, at, 0x1234);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_DOORBELL), 0);
	h_wr32(h, 1, at + 4, 0x77 << 8);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_DOORBELL), 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "QP 0x77,"));
	/* a second half alone is none */
	h_trace_clear(h);
	h_wr32(h, 1, at + 4, 0x77 << 8);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_DOORBELL), 0);
	h_free(h);
}

static void uar_of_another_function_is_no_ones(void **state)
{
	struct harness *h;
	struct d_fn d;
	uint8_t b[8] = { 0 };

	(void)state;
	h = opened(&d);
	fwsim_bar_write(h->fw, 2, (uint64_t)d.uar * IFC_UAR_SIZE + IFC_UAR_BF, b, 8);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "which is not allocated"));
	h_free(h);
}

/* More writes from inside than are kept: the rest is dropped and said so; nothing nests or overflows. */
static void flood_from_inside(void **state)
{
	struct harness *h;
	struct d_fn d;
	unsigned int i;

	(void)state;
	h = opened(&d);
	h->fw->running = true;
	for (i = 0; i < FWSIM_BAR_WRITES + 10; i++)
		h_db_eq(h, i % 2, d.uar, d.async.eqn, 0, false);
	h->fw->running = false;
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_IGNORED), 10);
	assert_int_equal(h->fw->bar_n, FWSIM_BAR_WRITES);
	fwsim_reset(h->fw, 1); /* takes its own along */
	assert_int_equal(h->fw->bar_n, FWSIM_BAR_WRITES / 2);
	fwsim_kick(h->fw);
	assert_int_equal(h->fw->bar_n, 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_of_any_width),
		cmocka_unit_test(size_and_stride_are_read_only),
		cmocka_unit_test(odd_writes_to_the_init_segment),
		cmocka_unit_test(doorbell_of_another_uar_or_object),
		cmocka_unit_test(blueflame_registers),
		cmocka_unit_test(doorbell_in_two_halves),
		cmocka_unit_test(uar_of_another_function_is_no_ones),
		cmocka_unit_test(flood_from_inside),
	};

	return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}
