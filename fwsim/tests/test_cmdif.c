// SPDX-License-Identifier: GPL-2.0-or-later
/* The command queue: delivery, mailboxes, signatures, completion polled and by event, time and resets. */
#include "data_rig.h"

#define LAST_SLOT (FWSIM_CMDQ_SLOTS - 1)

struct issi {
	IFC_BUF(query_issi_in, in);
};

static struct issi query_issi(void)
{
	struct issi q = { { 0 } };

	IFC_SET(query_issi_in, q.in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	return q;
}

/* QUERY_HCA_CAP: the answer has 8 mailboxes. */
static void query_cap_in(uint8_t *in)
{
	memset(in, 0, IFC_SZ(query_hca_cap_in));
	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1);
}

/* SET_HCA_CAP with what is there already: the input has 8 mailboxes. */
static void set_cap_in(struct harness *h, uint8_t *in, unsigned int csum)
{
	memset(in, 0, IFC_SZ(set_hca_cap_in));
	IFC_SET(set_hca_cap_in, in, opcode, MLX5_CMD_OP_SET_HCA_CAP);
	fwsim_cap_get(h->fw->vhca[0], 0, true, IFC_PTR(set_hca_cap_in, in, capability));
	IFC_SET(cmd_hca_cap, IFC_PTR(set_hca_cap_in, in, capability), cmdif_checksum, csum);
}

static struct harness *enabled(const struct fwsim_config *cfg)
{
	struct harness *h = h_new(cfg);

	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	return h;
}

/* Post a SET_HCA_CAP in slot 3, to be spoiled. */
static void post_long(struct harness *h)
{
	IFC_BUF(set_hca_cap_in, in);

	set_cap_in(h, in, h->fn[0].csum);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(set_hca_cap_out));
}

static void post_query(struct harness *h)
{
	IFC_BUF(query_hca_cap_in, in);

	query_cap_in(in);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(query_hca_cap_out));
}

/* Ring slot 3, which must complete with @delivery and a reason with @why in it. */
static void expect_delivery(struct harness *h, enum ifc_delivery delivery, const char *why)
{
	const struct h_trace *t;

	h_trace_clear(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, delivery);
	t = h_trace_find(h, FWSIM_TRACE_CMD, why);
	assert_non_null(t);
	assert_int_equal(t->t.delivery, delivery);
}

static void lengths_out_of_range(void **state)
{
	static const uint32_t bad[] = { 0, 7, FWSIM_CMD_MAX_LEN + 1, 0xffffffff };
	struct harness *h = enabled(NULL);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		post_long(h);
		ifc_st32(h_cmd_entry(h, 0, 3) + 0x04, bad[i]);
		expect_delivery(h, IFC_DELIVERY_IN_LEN, "input length");
		post_query(h);
		ifc_st32(h_cmd_entry(h, 0, 3) + 0x38, bad[i]);
		expect_delivery(h, IFC_DELIVERY_OUT_LEN, "output length");
	}
	h_free(h);
}

static void entry_of_another_type(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	post_long(h);
	h_cmd_entry(h, 0, 3)[0] = 6;
	expect_delivery(h, IFC_DELIVERY_CMD_TYPE, "entry type 0x6");
	h_free(h);
}

static void input_chain_is_checked(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	post_long(h);
	ifc_st64(h_cmd_entry(h, 0, 3) + 0x08, 0);
	expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "input chain ends before mailbox 0");
	post_long(h);
	h_cmd_entry(h, 0, 3)[0x0f] |= 8;
	expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "not aligned to 512");
	post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, H_MEM_BASE + 512);
	expect_delivery(h, IFC_DELIVERY_IN_PTR_ALIGN, "input mailbox 3");
	post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, 0);
	expect_delivery(h, IFC_DELIVERY_IN_LEN, "ends before mailbox 3");
	post_long(h);
	ifc_st64(h_cmd_in_box(h, 0, 3, 2) + IFC_MBOX_OFF_NEXT, 0xdead0000);
	expect_delivery(h, IFC_DELIVERY_FW_ERR, "cannot be read");
	post_long(h);
	ifc_st32(h_cmd_in_box(h, 0, 3, 4) + IFC_MBOX_OFF_BLOCK_NUM, 5);
	expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "mailbox 4 has block number 0x5");
	post_long(h);
	h_cmd_in_box(h, 0, 3, 7)[IFC_MBOX_OFF_TOKEN] ^= 1;
	expect_delivery(h, IFC_DELIVERY_TOKEN, "input mailbox 7 has token");
	post_long(h); /* a ring of mailboxes is found by its block number */
	ifc_st64(h_cmd_in_box(h, 0, 3, 1) + IFC_MBOX_OFF_NEXT, h->fn[0].slot[3].in_box[0]);
	expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "mailbox 2 has block number 0x0");
	h_free(h);
}

static void output_chain_is_checked_before_execution(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	post_query(h);
	ifc_st64(h_cmd_entry(h, 0, 3) + 0x30, 0);
	expect_delivery(h, IFC_DELIVERY_OUT_PTR_ALIGN, "output chain ends before mailbox 0");
	post_query(h);
	h_cmd_entry(h, 0, 3)[0x37] |= 1;
	expect_delivery(h, IFC_DELIVERY_OUT_PTR_ALIGN, "not aligned to 512");
	post_query(h);
	ifc_st64(h_cmd_out_box(h, 0, 3, 0) + IFC_MBOX_OFF_NEXT, 0);
	expect_delivery(h, IFC_DELIVERY_OUT_LEN, "ends before mailbox 1");
	post_query(h);
	ifc_st32(h_cmd_out_box(h, 0, 3, 0) + IFC_MBOX_OFF_BLOCK_NUM, 1);
	expect_delivery(h, IFC_DELIVERY_BLOCK_NUM, "output mailbox 0");
	post_query(h);
	h_cmd_out_box(h, 0, 3, 6)[IFC_MBOX_OFF_TOKEN] ^= 0x80;
	expect_delivery(h, IFC_DELIVERY_TOKEN, "output mailbox 6");
	h_free(h);
}

static void unsent_command_has_no_effect(void **state)
{
	IFC_BUF(manage_pages_out, out);
	struct harness *h = enabled(NULL);
	uint8_t in[IFC_SZ(manage_pages_in) + 8] = { 0 };

	(void)state;
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 1);
	IFC_SET(manage_pages_in, in, input_num_entries, 1);
	ifc_st64(in + IFC_SZ(manage_pages_in), 0x1000);
	h_cmd_post(h, 0, 3, in, sizeof(in), sizeof(out) + 64);
	h_cmd_out_box(h, 0, 3, 0)[IFC_MBOX_OFF_TOKEN] ^= 1;
	expect_delivery(h, IFC_DELIVERY_TOKEN, "output mailbox 0");
	assert_int_equal(h_pages(h, 0), 0);
	h_free(h);
}

static void chain_may_be_longer_than_the_command(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	post_long(h);
	/* as if more boxes followed, of another command */
	ifc_st64(h_cmd_in_box(h, 0, 3, 7) + IFC_MBOX_OFF_NEXT, 0xdead0001);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).status, IFC_ST_OK);
	h_free(h);
}

static void output_is_filled_to_its_length_and_no_further(void **state)
{
	struct harness *h = enabled(NULL);
	IFC_BUF(query_hca_cap_in, in);
	uint8_t *box;
	unsigned int i;

	(void)state;
	query_cap_in(in);
	h_cmd_post(h, 0, 3, in, sizeof(in), IFC_SZ(query_hca_cap_out) + 40);
	box = h_cmd_out_box(h, 0, 3, 8);
	memset(box, 0xee, IFC_MBOX_DATA);
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	for (i = 0; i < 40; i++)
		assert_int_equal(box[i], 0);
	for (; i < IFC_MBOX_DATA; i++)
		assert_int_equal(box[i], 0xee);
	h_free(h);
}

static void doorbells_that_mean_nothing(void **state)
{
	struct issi q = query_issi();
	struct harness *h = h_new(NULL);

	(void)state;
	h_cmd_ring(h, 0, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "no command queue is set"));
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	h_cmd_post(h, 0, 5, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_entry(h, 0, 5)[0x3f] = 0;
	h_dma_clear(h);
	h_cmd_ring(h, 0, 1u << 5);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "slot 5, which the driver owns"));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	h_wr32(h, 0, IFC_ISEG_CMDQ_ADDR_H, 0x7777);
	h_cmd_ring(h, 0, 1u << 5);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "its entry cannot be read"));
	h_wr32(h, 0, 0x20, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "of the init segment"));
	h_free(h);
}

static void several_slots_in_one_doorbell(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);
	unsigned int s;

	(void)state;
	for (s = 0; s < LAST_SLOT; s++)
		h_cmd_post(h, 0, s, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 0x7fffffff);
	for (s = 0; s < LAST_SLOT; s++) {
		assert_true(h_cmd_done(h, 0, s));
		assert_int_equal(h_cmd_result(h, 0, s, NULL, 0).status, IFC_ST_OK);
	}
	h_free(h);
}

static void last_slot_is_for_pages_only(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);
	struct h_result r = h_cmd_raw(h, 0, LAST_SLOT, q.in, sizeof(q.in), NULL,
				      IFC_SZ(query_issi_out));

	(void)state;
	assert_int_equal(r.delivery, IFC_DELIVERY_OK);
	assert_int_equal(r.status, IFC_ST_BAD_PARAM);
	assert_int_equal(h_give_pages(h, 0, 3), IFC_ST_OK);
	assert_int_equal(h_pages(h, 0), 3);
	h_free(h);
}

/* ---- the gate ------------------------------------------------------------------------------- */

static void unknown_opcode(void **state)
{
	uint8_t in[16] = { 0x7f, 0xff }, out[16];
	struct harness *h = enabled(NULL);
	const struct h_trace *t;

	(void)state;
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_BAD_OP);
	t = h_trace_find(h, FWSIM_TRACE_CMD, "unknown opcode 0x7fff");
	assert_non_null(t);
	assert_string_equal(t->t.name, "?");
	assert_int_equal(t->t.opcode, 0x7fff);
	assert_int_not_equal(ifc_ld32(out + 4), 0);
	h_free(h);
}

static void lengths_of_each_opcode(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	assert_int_equal(h_cmd(h, 0, q.in, 12, NULL, IFC_SZ(query_issi_out)),
			 IFC_ST_BAD_INPUT_LEN);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, 16), IFC_ST_BAD_OUTPUT_LEN);
	h_free(h);
}

static void every_opcode_refuses_a_bare_header(void **state)
{
	struct harness *h = h_new(NULL);
	unsigned int op, known = 0;

	(void)state;
	h_boot(h, 0);
	for (op = 0; op < 0x1000; op++) {
		uint8_t in[8] = { (uint8_t)(op >> 8), (uint8_t)op }, out[8];
		enum ifc_status st = H_CMD(h, 0, in, out);

		if (fwsim_op_find((uint16_t)op)) {
			known++;
			assert_int_equal(st, IFC_ST_BAD_INPUT_LEN);
		} else {
			assert_int_equal(st, IFC_ST_BAD_OP);
		}
	}
	assert_true(known > 50);
	h_free(h);
}

static void op_mod_uid_and_function(void **state)
{
	struct issi q = query_issi();
	IFC_BUF(suspend_vhca_in, in) = { 0 };
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, 1);
	IFC_SET(query_issi_in, q.in, op_mod, 1);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_OP);
	q = query_issi();
	ifc_st16(q.in + 2, 9);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_RES);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "no user context 0x9"));
	IFC_SET(suspend_vhca_in, in, opcode, MLX5_CMD_OP_SUSPEND_VHCA);
	IFC_SET(suspend_vhca_in, in, vhca_id, 0x10);
	assert_int_equal(h_cmd(h, 1, in, sizeof(in), NULL, 16), IFC_ST_BAD_OP);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_CMD, "not for a VF"));
	h_free(h);
}

static void reserved_bits(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	q.in[0xc] = 0x80;
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED,
				     "QUERY_ISSI: reserved bits 0x80000000 at offset 0xc"));
	post_query(h);
	h_cmd_entry(h, 0, 3)[0x3e] = 1;
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "reserved byte of the entry"));
	h_free(h);

	cfg.strict = true;
	h = enabled(&cfg);
	assert_int_equal(h_cmd(h, 0, q.in, 16, NULL, IFC_SZ(query_issi_out)), IFC_ST_BAD_PARAM);
	post_query(h);
	h_cmd_entry(h, 0, 3)[0x3e] = 1;
	expect_delivery(h, IFC_DELIVERY_RESERVED, "reserved byte");
	h_free(h);
}

static void strict_card_takes_a_driver_without_complaint(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;

	(void)state;
	cfg.strict = true;
	h = h_new(&cfg);
	h_boot(h, 2);
	h_unboot(h, 2);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_IGNORED), 0);
	h_free(h);
}

/* ---- signatures ----------------------------------------------------------------------------- */

static uint8_t xor8(const uint8_t *p, size_t len)
{
	uint8_t x = 0;

	while (len--)
		x ^= *p++;
	return x;
}

static struct harness *with_csum(unsigned int level)
{
	struct harness *h = enabled(NULL);
	IFC_BUF(set_hca_cap_in, in);
	IFC_BUF(set_hca_cap_out, out);

	set_cap_in(h, in, level);
	assert_int_equal(H_CMD(h, 0, in, out), IFC_ST_OK);
	h->fn[0].csum = level;
	return h;
}

static void without_checksums_nothing_is_checked(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	post_long(h);
	h_cmd_entry(h, 0, 3)[0x3d] ^= 1;
	h_cmd_in_box(h, 0, 3, 0)[IFC_MBOX_OFF_SIG] ^= 1;
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	h_free(h);
}

static void entry_checksum(void **state)
{
	struct harness *h = with_csum(1);

	(void)state;
	post_long(h);
	h_cmd_in_box(h, 0, 3, 0)[IFC_MBOX_OFF_SIG] ^= 1; /* not looked at */
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	post_long(h);
	h_cmd_entry(h, 0, 3)[0x10] ^= 1;
	expect_delivery(h, IFC_DELIVERY_SIGNATURE, "signature of the entry");
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	h_free(h);
}

static void mailbox_checksum(void **state)
{
	struct harness *h = with_csum(3);
	unsigned int i;

	(void)state;
	post_long(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	post_long(h);
	h_cmd_in_box(h, 0, 3, 5)[17] ^= 4; /* data */
	expect_delivery(h, IFC_DELIVERY_SIGNATURE, "input mailbox 5");
	post_long(h);
	h_cmd_in_box(h, 0, 3, 2)[0x210] ^= 4; /* control part, both signatures */
	expect_delivery(h, IFC_DELIVERY_SIGNATURE, "input mailbox 2");

	post_query(h);
	h_cmd_ring(h, 0, 1u << 3);
	assert_int_equal(h_cmd_result(h, 0, 3, NULL, 0).delivery, IFC_DELIVERY_OK);
	assert_int_equal(xor8(h_cmd_entry(h, 0, 3), 64), 0xff);
	for (i = 0; i < 8; i++) {
		const uint8_t *box = h_cmd_out_box(h, 0, 3, i);

		assert_int_equal(xor8(box, IFC_MBOX_SIZE), 0xff);
		assert_int_equal(xor8(box + 0x200, 0x3f), 0xff);
		assert_int_equal(ifc_ld32(box + IFC_MBOX_OFF_BLOCK_NUM), i);
	}
	h_free(h);
}

/* ---- completion ----------------------------------------------------------------------------- */

static uint32_t cmd_eqe_slots(struct d_fn *d, struct d_eq *eq)
{
	const uint8_t *e = d_eqe(d, eq);

	if (!e)
		return 0;
	assert_int_equal(e[1], IFC_EVENT_CMD);
	return ifc_ld32(e + 0x20);
}

static void polled_until_the_command_eq_exists(void **state)
{
	struct issi q = query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	assert_int_equal(h_msix(h, 0, 0), 0);
	/* The CREATE_EQ that makes it is itself polled. */
	d_eq(&d, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	assert_null(d_eqe(&d, &eq));
	assert_int_equal(h_msix(h, 0, 0), 0);
	d_eq_arm(&d, &eq);
	h_cmd_async(h, 0, 4, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	assert_true(h_cmd_done(h, 0, 4));
	assert_int_equal(cmd_eqe_slots(&d, &eq), 1u << 4);
	assert_int_equal(h_msix(h, 0, 0), 1);
	/* Refused and undelivered commands are told about as well. */
	d_eq_arm(&d, &eq);
	h_cmd_post(h, 0, 6, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_entry(h, 0, 6)[0] = 0;
	h_cmd_ring(h, 0, 1u << 6);
	assert_int_equal(cmd_eqe_slots(&d, &eq), 1u << 6);
	h_free(h);
}

static void decided_when_the_doorbell_comes(void **state)
{
	struct issi q = query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_in in;
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	d_eq_in(&d, &in, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	/* Both rung at once: when the bell rings, there is no command EQ for the second either. */
	h_cmd_post(h, 0, 1, in.b, in.len, IFC_SZ(create_eq_out));
	h_cmd_post(h, 0, 2, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 1u << 1 | 1u << 2);
	assert_true(h_cmd_done(h, 0, 1));
	assert_true(h_cmd_done(h, 0, 2));
	assert_true(fwsim_event_cmd_ready(h->fw->vhca[0]));
	assert_null(d_eqe(&d, &eq));
	h_free(h);
}

static void destroying_the_command_eq_makes_no_event(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_fn d;
	uint8_t out[16];
	unsigned int before;

	(void)state;
	d_open(&d, h, 0);
	d_eq(&d, &eq, 5, 0, 1u << IFC_EVENT_CMD);
	before = h_msix(h, 0, 0);
	assert_int_equal(d_simple(&d, MLX5_CMD_OP_DESTROY_EQ, eq.eqn, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(h_msix(h, 0, 0), before);
	assert_false(fwsim_event_cmd_ready(h->fw->vhca[0]));
	h_free(h);
}

static void commands_complete_out_of_order(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = 10 * H_MS;
	h_cmd_async(h, 0, 0, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h->fw->cfg.cmd_latency_ns = 2 * H_MS;
	h_cmd_async(h, 0, 1, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h->fw->cfg.cmd_latency_ns = 5 * H_MS;
	h_cmd_async(h, 0, 2, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	assert_int_equal(h->deadline, h->now + 2 * H_MS);
	h_advance(h, 2 * H_MS - 1);
	assert_false(h_cmd_done(h, 0, 1));
	h_advance(h, 1);
	assert_true(h_cmd_done(h, 0, 1));
	assert_false(h_cmd_done(h, 0, 2));
	h_advance(h, 3 * H_MS);
	assert_true(h_cmd_done(h, 0, 2));
	assert_false(h_cmd_done(h, 0, 0));
	h_advance(h, 5 * H_MS);
	assert_true(h_cmd_done(h, 0, 0));
	assert_int_equal(h->deadline, UINT64_MAX);
	assert_int_equal(h_trace_find(h, FWSIM_TRACE_CMD, "QUERY_ISSI")->t.ns, 10 * H_MS);
	h_free(h);
}

static void doorbell_of_a_busy_slot(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 0, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_trace_clear(h);
	h_cmd_ring(h, 0, 1);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "slots 0x1, which are being executed"));
	h_advance(h, H_SEC);
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_CMD), 1);
	h_free(h);
}

static void reset_drops_what_is_under_way(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 7, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	fwsim_reset(h->fw, 0);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 7));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	assert_int_equal(h->deadline, UINT64_MAX);
	h->fw->cfg.cmd_latency_ns = 0;
	assert_int_equal(h_enable_hca(h, 0, 0), IFC_ST_OK);
	h_free(h);
}

static void disable_of_itself_keeps_its_own_slot(void **state)
{
	IFC_BUF(disable_hca_in, in) = { 0 };
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	IFC_SET(disable_hca_in, in, opcode, MLX5_CMD_OP_DISABLE_HCA);
	h_cmd_async(h, 0, 9, in, sizeof(in), IFC_SZ(disable_hca_out));
	h_cmd_ring(h, 0, 1u << 9);
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "which are being executed"));
	h_trace_clear(h);
	h_advance(h, H_SEC);
	assert_true(h_cmd_done(h, 0, 9));
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_CMD), 1);
	h_free(h);
}

static void queue_that_moves_meanwhile(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);
	uint64_t old;

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 9, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	old = h->fn[0].cmdq;
	h->fn[0].cmdq = 0;
	h_cmdq_setup(h, 0);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_true(h_dma_wrote(h, 0, old, FWSIM_PAGE));
	assert_false(h_dma_wrote(h, 0, h->fn[0].cmdq, FWSIM_PAGE));
	h_free(h);
}

static void answer_waits_for_bus_mastering(void **state)
{
	struct issi q = query_issi();
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	h_cmd_async(h, 0, 7, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	fwsim_set_bus_master(h->fw, 0, false);
	h_dma_clear(h);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 7));
	assert_false(h_dma_wrote(h, ~0u, 0, 0));
	assert_int_equal(h_trace_count(h, FWSIM_TRACE_DMA_ERROR), 0);
	fwsim_set_bus_master(h->fw, 0, true);
	assert_true(h_cmd_done(h, 0, 7));
	h_free(h);
}

static void answer_that_the_bus_refuses(void **state)
{
	struct harness *h = enabled(NULL);

	(void)state;
	h->fw->cfg.cmd_latency_ns = H_MS;
	post_query(h);
	h_cmd_ring(h, 0, 1u << 3);
	h_dma_fail(h, 0, h->fn[0].slot[3].out_box[4], 8);
	h_advance(h, H_SEC);
	assert_false(h_cmd_done(h, 0, 3));
	assert_non_null(h_trace_find(h, FWSIM_TRACE_IGNORED, "answer of slot 3 (QUERY_HCA_CAP)"));
	h_dma_fail(h, 0, 0, 0);
	h->fw->cfg.cmd_latency_ns = 0;
	h_cmd_ring(h, 0, 1u << 3);
	assert_true(h_cmd_done(h, 0, 3));
	h_free(h);
}

/* An event queue in the card's own BAR: each event writes registers, none of which may nest. */
static void event_into_the_own_bar(void **state)
{
	struct issi q = query_issi();
	struct harness *h = h_new(NULL);
	struct d_eq eq;
	struct d_in in;
	IFC_BUF(create_eq_out, out);
	struct d_fn d;

	(void)state;
	d_open(&d, h, 0);
	d_eq_in(&d, &in, &eq, 6, 0, 1u << IFC_EVENT_CMD);
	ifc_st64(in.b + IFC_SZ(create_eq_in), H_BAR_ADDR(0));
	assert_int_equal(D_EXEC(&d, &in, out), IFC_ST_OK);
	h_cmd_post(h, 0, 8, q.in, sizeof(q.in), IFC_SZ(query_issi_out));
	h_cmd_ring(h, 0, 1u << 8);
	h_settle(h);
	assert_true(h_cmd_done(h, 0, 8));
	/* The event has overwritten the address of the command queue. */
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_CMDQ_ADDR_L_SZ) >> 12, 0);
	h_free(h);
}

/* ---- garbage -------------------------------------------------------------------------------- */

static uint32_t rnd(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Whatever a driver sends: an answer with a status, or a line that says why there is none. */
static void random_commands_are_answered(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t x = 0x12345678;
	unsigned int i;
	size_t n;

	(void)state;
	h_boot(h, 1);
	for (i = 0; i < 40000; i++) {
		unsigned int fn = rnd(&x) & 1, slot = rnd(&x) % FWSIM_CMDQ_SLOTS;
		uint8_t in[0x240];
		size_t len = 8 + rnd(&x) % (sizeof(in) - 8);
		struct h_result r;
		uint16_t op;

		for (n = 0; n < sizeof(in); n++)
			in[n] = rnd(&x) % 4 ? 0 : (uint8_t)rnd(&x);
		do
			op = (uint16_t)(rnd(&x) % 0xa00);
		while (!fwsim_op_find(op) && rnd(&x) % 64);
		ifc_st16(in, op);
		ifc_st16(in + 2, 0);
		ifc_st16(in + 4, 0);
		ifc_st16(in + 6, rnd(&x) % 4);
		h_trace_clear(h);
		r = h_cmd_raw(h, fn, slot, in, len, NULL, 8 + rnd(&x) % 0x300);
		assert_true(r.done);
		if (r.delivery || r.status)
			assert_true(h_trace_find(h, FWSIM_TRACE_CMD, " ") != NULL);
		if (i % 64 == 63) { /* objects, states and queues afresh */
			fwsim_reset(h->fw, 0);
			h->fn[0].next = h->fn[1].next = FWSIM_PAGE;
			for (n = 0; n < FWSIM_CMDQ_SLOTS; n++)
				h->fn[0].slot[n].in_n = h->fn[0].slot[n].out_n =
					h->fn[1].slot[n].in_n = h->fn[1].slot[n].out_n = 0;
			h->fn[0].cmdq = h->fn[1].cmdq = 0;
			h_boot(h, 1);
		}
	}
	h_free(h);
}

static void random_entries_are_survived(void **state)
{
	struct harness *h = h_new(NULL);
	uint32_t x = 0x9e3779b9;
	unsigned int i, n;

	(void)state;
	h_boot(h, 0);
	for (i = 0; i < 20000; i++) {
		post_long(h);
		for (n = rnd(&x) % 4; n; n--)
			h_cmd_entry(h, 0, 3)[rnd(&x) % 64] ^= (uint8_t)(1u << rnd(&x) % 8);
		for (n = rnd(&x) % 4; n; n--)
			h_cmd_in_box(h, 0, 3, rnd(&x) % 8)[IFC_MBOX_DATA + rnd(&x) % 64] ^=
				(uint8_t)(1u << rnd(&x) % 8);
		h_trace_clear(h);
		h_cmd_ring(h, 0, 1u << 3);
		assert_true(h_trace_count(h, FWSIM_TRACE_CMD) == 1 ||
			    h_trace_count(h, FWSIM_TRACE_IGNORED));
	}
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_out_of_range),
		cmocka_unit_test(entry_of_another_type),
		cmocka_unit_test(input_chain_is_checked),
		cmocka_unit_test(output_chain_is_checked_before_execution),
		cmocka_unit_test(unsent_command_has_no_effect),
		cmocka_unit_test(chain_may_be_longer_than_the_command),
		cmocka_unit_test(output_is_filled_to_its_length_and_no_further),
		cmocka_unit_test(doorbells_that_mean_nothing),
		cmocka_unit_test(several_slots_in_one_doorbell),
		cmocka_unit_test(last_slot_is_for_pages_only),
		cmocka_unit_test(unknown_opcode),
		cmocka_unit_test(lengths_of_each_opcode),
		cmocka_unit_test(every_opcode_refuses_a_bare_header),
		cmocka_unit_test(op_mod_uid_and_function),
		cmocka_unit_test(reserved_bits),
		cmocka_unit_test(strict_card_takes_a_driver_without_complaint),
		cmocka_unit_test(without_checksums_nothing_is_checked),
		cmocka_unit_test(entry_checksum),
		cmocka_unit_test(mailbox_checksum),
		cmocka_unit_test(polled_until_the_command_eq_exists),
		cmocka_unit_test(decided_when_the_doorbell_comes),
		cmocka_unit_test(destroying_the_command_eq_makes_no_event),
		cmocka_unit_test(commands_complete_out_of_order),
		cmocka_unit_test(doorbell_of_a_busy_slot),
		cmocka_unit_test(reset_drops_what_is_under_way),
		cmocka_unit_test(disable_of_itself_keeps_its_own_slot),
		cmocka_unit_test(queue_that_moves_meanwhile),
		cmocka_unit_test(answer_waits_for_bus_mastering),
		cmocka_unit_test(answer_that_the_bus_refuses),
		cmocka_unit_test(event_into_the_own_bar),
		cmocka_unit_test(random_commands_are_answered),
		cmocka_unit_test(random_entries_are_survived),
	};

	return cmocka_run_group_tests_name("cmdif", tests, NULL, NULL);
}
