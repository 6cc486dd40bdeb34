// SPDX-License-Identifier: GPL-2.0-or-later
/* What the simulator knows of a run: pages written, violations of the contract, hashes of states. */
#include "mig_rig.h"

#define VF 1u
#define PAGE 4096ULL

static struct fwsim_vhca *vf_of(struct harness *h)
{
	return h->fw->vhca[VF];
}

static unsigned long long number(struct harness *h, const char *line)
{
	unsigned long long n;

	assert_true(h_say(h, line));
	assert_int_equal(sscanf(h->answer, "  %llu\nok", &n), 1);
	return n;
}

static unsigned int lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void refused(struct harness *h, const char *const *bad, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_false(h_say(h, bad[i]));
		assert_int_equal(lines(h->answer), 1);
		assert_ptr_equal(strstr(h->answer, "error: "), h->answer);
	}
}

#define REFUSED(h, bad) refused(h, bad, sizeof(bad) / sizeof((bad)[0]))

/* ---- pages written ------------------------------------------------------------------------- */

static struct harness *boot(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, VF);
	assert_true(h_say(h, "oracle writes start vf0"));
	return h;
}

static void dma(struct harness *h, uint64_t addr, size_t len)
{
	void *zero = calloc(1, len);

	assert_int_equal(fwsim_dma_write(vf_of(h), addr, zero, len), 0);
	free(zero);
}

static void writes_are_ranges_of_whole_pages(void **state)
{
	struct harness *h = boot();

	(void)state;
	assert_true(h_say(h, "oracle writes list vf0"));
	assert_string_equal(h->answer, "ok\n");
	assert_int_equal(number(h, "oracle writes count vf0"), 0);
	dma(h, 0x10005fff, 1);
	dma(h, 0x10007fff, 2); /* the end of one and the begin of the next */
	dma(h, 0x10006000, 1); /* joins them */
	dma(h, 0x10006800, 1);
	dma(h, 0x1000a000, 2 * PAGE);
	assert_true(h_say(h, "oracle writes list vf0"));
	assert_string_equal(h->answer, "  0x10005000 0x4000\n  0x1000a000 0x2000\nok\n");
	assert_int_equal(number(h, "oracle writes count vf0"), 6);
	/* a window, rounded outward */
	assert_true(h_say(h, "oracle writes list vf0 0x10006fff 2"));
	assert_string_equal(h->answer, "  0x10006000 0x2000\nok\n");
	assert_true(h_say(h, "oracle writes list vf0 0x10009000 4096"));
	assert_string_equal(h->answer, "ok\n");
	assert_true(h_say(h, "oracle writes list vf0 0x1000b123"));
	assert_string_equal(h->answer, "  0x1000b000 0x1000\nok\n");
	/* of this function only */
	assert_false(h_say(h, "oracle writes list vf1"));
	assert_false(h_say(h, "oracle writes count pf"));
	/* start begins anew */
	assert_true(h_say(h, "oracle writes start vf0 16"));
	assert_int_equal(number(h, "oracle writes count vf0"), 0);
	dma(h, 0x1000ffff, 2);
	dma(h, 0x10030000, 1);
	assert_true(h_say(h, "oracle writes list vf0"));
	assert_string_equal(h->answer, "  0x10000000 0x20000\n  0x10030000 0x10000\nok\n");
	assert_true(h_say(h, "oracle writes stop vf0"));
	dma(h, 0x10000000, 1);
	assert_false(h_say(h, "oracle writes list vf0"));
	assert_false(h_say(h, "oracle writes stop vf0"));
	h_free(h);
}

static void writes_over_a_bitmap_are_one_range(void **state)
{
	struct harness *h = boot();
	struct fwsim_vhca *v = vf_of(h);

	(void)state;
	/* bitmaps are 128 MiB; not in order, and at both ends of the address space */
	fwsim_writes_note(v, 0x17fff000, 0x2000);
	fwsim_writes_note(v, 0x07fff000, 0x1000);
	fwsim_writes_note(v, UINT64_MAX, 1);
	fwsim_writes_note(v, 0, 1);
	fwsim_writes_note(v, 0x08000000, 0x10000000);
	assert_true(h_say(h, "oracle writes list vf0"));
	assert_string_equal(h->answer, "  0x0 0x1000\n  0x7fff000 0x10002000\n"
				       "  0xfffffffffffff000 0x1000\nok\n");
	assert_int_equal(number(h, "oracle writes count vf0"), 0x10004);
	assert_true(h_say(h, "oracle writes list vf0 0x18000000 0xffffffffe8000000"));
	assert_string_equal(h->answer, "  0x18000000 0x1000\n  0xfffffffffffff000 0x1000\nok\n");
	h_free(h);
}

static void long_list_goes_on_where_it_says(void **state)
{
	struct harness *h = boot();
	unsigned long long iova, len;
	const char *more;
	char line[80];

	(void)state;
	for (unsigned int i = 0; i < 700; i++)
		fwsim_writes_note(vf_of(h), 0x100000 + i * 2 * PAGE, 1);
	assert_true(h_say(h, "oracle writes list vf0"));
	assert_int_equal(lines(h->answer), 512 + 2);
	more = strstr(h->answer, "  more ");
	assert_non_null(more);
	assert_string_equal(more, "  more 0x500000\nok\n");
	assert_true(h_say(h, "oracle writes list vf0 0x500000"));
	assert_int_equal(lines(h->answer), 188 + 1);
	assert_ptr_equal(strstr(h->answer, "  0x500000 0x1000\n"), h->answer);
	/* with a window it asks for the rest of that */
	assert_true(h_say(h, "oracle writes list vf0 0x100800 0x500000"));
	more = strstr(h->answer, "  more ");
	assert_non_null(more);
	assert_int_equal(sscanf(more, "  more 0x%llx 0x%llx\nok", &iova, &len), 2);
	assert_int_equal(iova, 0x500000);
	assert_int_equal(len, 0x101000);
	snprintf(line, sizeof(line), "oracle writes list vf0 0x%llx 0x%llx", iova, len);
	assert_true(h_say(h, line));
	assert_int_equal(lines(h->answer), 129 + 1);
	assert_null(strstr(h->answer, "more"));
	/* exactly as many as fit */
	assert_true(h_say(h, "oracle writes list vf0 0x100000 0x400000"));
	assert_int_equal(lines(h->answer), 512 + 1);
	h_free(h);
}

static void write_that_failed_part_way_is_noted(void **state)
{
	struct harness *h = boot();
	uint64_t at = h_alloc(h, VF, PAGE, PAGE);

	(void)state;
	h_dma_fail(h, VF, at, 1);
	assert_int_equal(fwsim_dma_write(vf_of(h), at, "x", 1), -1);
	assert_int_equal(number(h, "oracle writes count vf0"), 1);
	/* one that never went out is not */
	h_dma_fail(h, VF, 0, 0);
	assert_true(h_say(h, "oracle writes start vf0"));
	m_stop(h, m_vhca_id(h, VF));
	assert_int_equal(fwsim_dma_write(vf_of(h), at, "x", 1), -1);
	assert_int_equal(number(h, "oracle writes count vf0"), 0);
	h_free(h);
}

/* The ground truth is what the bus saw: entries of queues, answers of commands, data. */
static void writes_are_those_that_the_bus_saw(void **state)
{
	struct harness *h = h_new(NULL);
	unsigned int pages = 0;
	char line[100];
	struct m_vf vf;

	(void)state;
	m_vf_new(&vf, h, VF);
	h_dma_clear(h);
	assert_true(h_say(h, "oracle writes start vf0"));
	m_arm_cq(&vf, 1);
	m_post_recv(&vf, 1, 0x300000, 0x5000);
	m_post_send(&vf, 0, IFC_WQE_SEND, 0, 0x4001, 0, true);
	m_post_send(&vf, 0, IFC_WQE_RDMA_WRITE, 0, 0x123456, 0x200001, true);
	h_settle(h);
	assert_non_null(m_poll(&vf, 1));
	m_alloc_pd(h, VF);
	assert_true(h_say(h, "oracle writes list vf0"));
	for (uint64_t at = H_MEM_BASE; at < H_MEM_BASE + H_MEM_SIZE; at += PAGE) {
		bool wrote = h_dma_wrote(h, VF, at, PAGE);

		snprintf(line, sizeof(line), "oracle writes list vf0 0x%llx 1", (unsigned long long)at);
		assert_true(h_say(h, line));
		assert_int_equal(lines(h->answer), wrote ? 2 : 1);
		pages += wrote;
	}
	assert_true(pages > 0x123);
	assert_int_equal(number(h, "oracle writes count vf0"), pages);
	/* a reset of the function ends nothing */
	fwsim_reset(h->fw, VF);
	assert_int_equal(number(h, "oracle writes count vf0"), pages);
	h_free(h);
}

static void too_many_pages_are_an_error(void **state)
{
	struct harness *h = boot();

	(void)state;
	for (uint64_t i = 0; i < 16384; i++)
		fwsim_writes_note(vf_of(h), i << 30, 1);
	assert_int_equal(number(h, "oracle writes count vf0"), 16384);
	fwsim_writes_note(vf_of(h), 1, 1);
	assert_int_equal(number(h, "oracle writes count vf0"), 16384);
	fwsim_writes_note(vf_of(h), 1ULL << 60, 1);
	assert_false(h_say(h, "oracle writes count vf0"));
	assert_non_null(strstr(h->answer, "overflow"));
	assert_false(h_say(h, "oracle writes list vf0 0 1"));
	assert_true(h_say(h, "oracle writes start vf0"));
	assert_int_equal(number(h, "oracle writes count vf0"), 0);
	h_free(h);
}

static void wrong_words_are_refused(void **state)
{
	static const char *const bad[] = {
		"oracle", "oracle what", "oracle writes", "oracle writes start",
		"oracle writes what vf0", "oracle writes start vf8", "oracle writes start vf0 11",
		"oracle writes start vf0 31", "oracle writes start vf0 12 1",
		"oracle writes list vf0 x", "oracle writes list vf0 0 0",
		"oracle writes list vf0 1 0xffffffffffffffff0", "oracle writes list vf0 0x1000 0xffffffffffffffff",
		"oracle writes list vf0 0 1 2", "oracle writes count vf0 1", "oracle writes stop vf0 1",
		"oracle hash", "oracle hash pf", "oracle hash vf0 1", "oracle violations what",
		"oracle violations count 1",
	};
	struct harness *h = boot();

	(void)state;
	REFUSED(h, bad);
	h_free(h);
}

/* ---- hash ------------------------------------------------------------------------------------ */

static void hash_of_a_loaded_target_is_that_of_its_source(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t size;
	struct m_buf buf;
	char src[64];
	struct m_vf vf;

	(void)state;
	m_vf_new(&vf, h, VF);
	h_boot(h, VF + 1);
	buf = m_buf_new(h, 0, 1u << 20, 0xf);
	m_stop(h, m_vhca_id(h, VF));
	m_stop(h, m_vhca_id(h, VF + 1));
	assert_true(h_say(h, "oracle hash vf0"));
	assert_int_equal(strlen(h->answer), 2 + 16 + 1 + 3);
	snprintf(src, sizeof(src), "%.40s", h->answer);
	assert_true(h_say(h, "oracle hash vf1"));
	assert_string_not_equal(h->answer, src);
	assert_int_equal(m_save(h, m_vhca_id(h, VF), 0, buf.key, 1u << 20, &size), IFC_ST_OK);
	assert_int_equal(m_load(h, m_vhca_id(h, VF + 1), buf.key, size), IFC_ST_OK);
	h_advance(h, H_SEC);
	assert_true(h_say(h, "oracle hash vf1"));
	assert_string_equal(h->answer, src);
	assert_true(h_say(h, "oracle hash vf0"));
	assert_string_equal(h->answer, src);
	m_start(h, m_vhca_id(h, VF));
	m_alloc_pd(h, VF);
	assert_true(h_say(h, "oracle hash vf0"));
	assert_string_not_equal(h->answer, src);
	h_free(h);
}

/* ---- violations -------------------------------------------------------------------------------- */

static void correct_driver_has_none(void **state)
{
	struct harness *h = h_new(NULL);
	struct m_buf buf;
	struct m_vf vf;
	uint32_t size;

	(void)state;
	m_vf_new(&vf, h, VF);
	h_boot(h, VF + 1);
	m_post_recv(&vf, 1, 0x300000, 0x5000);
	m_post_send(&vf, 0, IFC_WQE_SEND, 0, 0x4001, 0, true);
	h_settle(h);
	assert_non_null(m_poll(&vf, 1));
	buf = m_buf_new(h, 0, 1u << 20, 0xf);
	assert_int_equal(m_query(h, m_vhca_id(h, VF), 0, &size), IFC_ST_OK);
	assert_int_equal(m_save(h, m_vhca_id(h, VF), M_TRACK, buf.key, 1u << 20, &size), IFC_ST_OK);
	m_stop(h, m_vhca_id(h, VF));
	m_stop(h, m_vhca_id(h, VF + 1));
	assert_int_equal(m_save(h, m_vhca_id(h, VF), M_INC, buf.key, 1u << 20, &size), IFC_ST_OK);
	assert_int_equal(m_load(h, m_vhca_id(h, VF + 1), buf.key, size), IFC_ST_OK);
	fwsim_reset(h->fw, VF);
	m_start(h, m_vhca_id(h, VF + 1));
	h_boot(h, VF + 2);
	h_unboot(h, VF + 2);
	assert_true(h_say(h, "oracle violations"));
	assert_string_equal(h->answer, "ok\n");
	assert_int_equal(number(h, "oracle violations count"), 0);
	h_free(h);
}

/* The only violation is @want, at virtual time 7. */
static void only(struct harness *h, const char *want)
{
	char all[300];

	snprintf(all, sizeof(all), "  7 %s\nok\n", want);
	assert_true(h_say(h, "oracle violations"));
	assert_string_equal(h->answer, all);
	assert_int_equal(number(h, "oracle violations count"), 1);
	assert_true(h_say(h, "oracle violations clear"));
	assert_int_equal(number(h, "oracle violations count"), 0);
}

static void none(struct harness *h)
{
	assert_true(h_say(h, "oracle violations"));
	assert_string_equal(h->answer, "ok\n");
}

static void commands_that_are_the_drivers_fault(void **state)
{
	uint8_t in[16] = { 0 }, out[16];
	struct harness *h = h_new(NULL);
	struct h_result r;
	struct m_buf buf;
	unsigned int id;

	(void)state;
	h_boot(h, VF);
	id = m_vhca_id(h, VF);
	buf = m_buf_new(h, 0, PAGE, 0xf);
	h->now = 7;
	none(h);
	assert_int_equal(m_suspend(h, id, M_SUSPEND_RESPONDER), IFC_ST_BAD_RES_STATE);
	only(h, "pf SUSPEND_VHCA: SUSPEND of the responder in state running (vf0)");
	m_load(h, id, buf.key, PAGE);
	only(h, "pf LOAD_VHCA_STATE: LOAD in state running (vf0)");
	m_stop(h, id);
	m_suspend(h, id, M_SUSPEND_INITIATOR);
	only(h, "pf SUSPEND_VHCA: SUSPEND of the initiator in state stopped (vf0)");
	m_save(h, id, 0, buf.key, PAGE + 1, NULL);
	assert_true(h_say(h, "oracle violations"));
	assert_non_null(strstr(h->answer, "  7 pf SAVE_VHCA_STATE: mkey 0x"));
	assert_non_null(strstr(h->answer, " does not cover 0x1001 bytes at 0x"));
	assert_true(h_say(h, "oracle violations clear"));
	m_save(h, id, 0, 0x12345600, PAGE, NULL);
	only(h, "pf SAVE_VHCA_STATE: mkey 0x12345600 is no key of the issuer (vf0)");
	m_save(h, id, 0, buf.key, 64, NULL);
	assert_int_equal(number(h, "oracle violations count"), 1);
	assert_true(h_say(h, "oracle violations clear"));
	m_start(h, id);
	/* unknown, never made, delivered badly */
	ifc_st16(in, 0xfff);
	h_cmd(h, VF, in, sizeof(in), out, sizeof(out));
	only(h, "vf0 cmd: unknown opcode 0xfff");
	ifc_st16(in, MLX5_CMD_OP_DESTROY_CQ);
	ifc_st32(in + 8, 0x77);
	h_cmd(h, VF, in, sizeof(in), out, sizeof(out));
	only(h, "vf0 DESTROY_CQ: no CQ 0x77");
	ifc_st16(in + 2, 0); /* a reserved bit of ALLOC_PD */
	ifc_st16(in, MLX5_CMD_OP_ALLOC_PD);
	ifc_st32(in + 8, 1);
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), out, sizeof(out)), IFC_ST_OK);
	only(h, "vf0 access: ALLOC_PD: reserved bits 0x00000001 at offset 0x8 are set");
	h_cmd_post(h, VF, 3, in, sizeof(in), 100);
	h_cmd_out_box(h, VF, 3, 0)[IFC_MBOX_OFF_TOKEN] ^= 1;
	h_cmd_ring(h, VF, 1u << 3);
	r = h_cmd_result(h, VF, 3, NULL, 0);
	assert_int_equal(r.delivery, IFC_DELIVERY_TOKEN);
	assert_true(h_say(h, "oracle violations"));
	assert_non_null(strstr(h->answer, "  7 vf0 ALLOC_PD: not delivered: output mailbox 0 has token 0x"));
	h_free(h);
}

static void commands_that_nobody_is_to_blame_for(void **state)
{
	uint8_t in[16] = { 0 }, out[16 + 4096];
	struct harness *h = h_new(NULL);
	struct m_buf buf;
	unsigned int id;

	(void)state;
	h_boot(h, VF);
	id = m_vhca_id(h, VF);
	buf = m_buf_new(h, 0, PAGE, 0xf);
	/* what is offered is found out by asking */
	ifc_st16(in, MLX5_CMD_OP_QUERY_HCA_CAP);
	ifc_st16(in + 6, 0x7e);
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), out, sizeof(out)), IFC_ST_BAD_PARAM);
	/* the image is of somebody else */
	m_stop(h, id);
	memset(h_mem(h, 0, buf.addr), 0x5a, PAGE);
	assert_int_not_equal(m_load(h, id, buf.key, PAGE), IFC_ST_OK);
	assert_int_not_equal(m_load(h, id, buf.key, 8), IFC_ST_OK);
	m_start(h, id);
	/* a VHCA that runs grows */
	assert_int_equal(m_save(h, id, M_TRACK, buf.key, 64, NULL), IFC_ST_BAD_PARAM);
	/* used up */
	ifc_st16(in, MLX5_CMD_OP_ALLOC_PD);
	ifc_st16(in + 6, 0);
	h->fw->vhca[VF]->obj[FWSIM_OBJ_PD].max = h->fw->vhca[VF]->obj[FWSIM_OBJ_PD].used;
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), out, 16), IFC_ST_LIM_ERR);
	/* the PF has taken the VF away */
	assert_int_equal(h_disable_hca(h, 0, VF), IFC_ST_OK);
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), out, 16), IFC_ST_BAD_SYS_STATE);
	h_db_qp(h, VF, 0x10, 0x123, 0);
	none(h);
	assert_int_equal(h_enable_hca(h, 0, VF), IFC_ST_OK);
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), out, 16), IFC_ST_BAD_SYS_STATE);
	assert_int_equal(number(h, "oracle violations count"), 1);
	h_free(h);
}

static void accesses_that_are_the_drivers_fault(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t uar;

	(void)state;
	h_boot(h, VF);
	uar = m_alloc_uar(h, VF);
	h->now = 7;
	h_db_qp(h, VF, uar, 0x123, 0);
	only(h, "vf0 access: doorbell for QP 0x123, which does not exist");
	h_db_cq(h, VF, uar, 0x124, 0);
	only(h, "vf0 access: doorbell for CQ 0x124, which does not exist");
	h_db_eq(h, VF, uar, 9, 0, true);
	only(h, "vf0 access: doorbell for EQ 0x9, which does not exist");
	h_db_eq(h, VF, uar + 1, 9, 0, true);
	assert_int_equal(number(h, "oracle violations count"), 1);
	assert_true(h_say(h, "oracle violations clear"));
	h_cmd_ring(h, VF, 1u << 5);
	only(h, "vf0 access: doorbell of slot 5, which the driver owns");
	h_wr32(h, VF, 0x100, 1);
	only(h, "vf0 access: write of 0x1 to offset 0x100 of the init segment");
	assert_int_equal(fwsim_dma_write(vf_of(h), 0x1000, "x", 1), -1);
	only(h, "vf0 dma: write of 1 bytes at 0x1000: the bus refused");
	m_stop(h, m_vhca_id(h, VF));
	assert_int_equal(fwsim_dma_write(vf_of(h), H_MEM_BASE, "x", 1), -1);
	only(h, "vf0 dma: write of 1 bytes at 0x10000000: the VHCA is stopped");
	h_free(h);
}

static void slot_that_is_busy(void **state)
{
	struct fwsim_config cfg = h_default_config();
	uint8_t in[16] = { 0 };
	struct harness *h;

	(void)state;
	cfg.cmd_latency_ns = H_MS;
	h = h_new(&cfg);
	h_boot(h, VF);
	none(h);
	ifc_st16(in, MLX5_CMD_OP_ALLOC_PD);
	h_cmd_async(h, VF, 2, in, sizeof(in), 16);
	h_cmd_ring(h, VF, 1u << 2);
	assert_true(h_say(h, "oracle violations"));
	assert_non_null(strstr(h->answer, " vf0 access: doorbell of slots 0x4, which are being executed\nok\n"));
	h_free(h);
}

static void many_drop_the_oldest_and_resets_drop_none(void **state)
{
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, VF);
	for (unsigned int i = 0; i < 1100; i++) {
		h->now = 5000 + i;
		h_wr32(h, VF, 0x100, i);
	}
	fwsim_reset(h->fw, VF);
	fwsim_reset(h->fw, 0);
	assert_int_equal(number(h, "oracle violations count"), 1100);
	assert_true(h_say(h, "oracle violations"));
	assert_int_equal(lines(h->answer), 1 + 1024 + 1);
	assert_ptr_equal(strstr(h->answer, "  dropped 76\n  5076 vf0 access: write of 0x4c to "), h->answer);
	assert_non_null(strstr(h->answer, "  6099 vf0 access: write of 0x44b to "));
	assert_true(h_say(h, "oracle violations clear"));
	none(h);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_ranges_of_whole_pages),
		cmocka_unit_test(writes_over_a_bitmap_are_one_range),
		cmocka_unit_test(long_list_goes_on_where_it_says),
		cmocka_unit_test(write_that_failed_part_way_is_noted),
		cmocka_unit_test(writes_are_those_that_the_bus_saw),
		cmocka_unit_test(too_many_pages_are_an_error),
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(hash_of_a_loaded_target_is_that_of_its_source),
		cmocka_unit_test(correct_driver_has_none),
		cmocka_unit_test(commands_that_are_the_drivers_fault),
		cmocka_unit_test(commands_that_nobody_is_to_blame_for),
		cmocka_unit_test(accesses_that_are_the_drivers_fault),
		cmocka_unit_test(slot_that_is_busy),
		cmocka_unit_test(many_drop_the_oldest_and_resets_drop_none),
	};

	return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
