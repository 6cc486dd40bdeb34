// SPDX-License-Identifier: GPL-2.0-or-later
/* The control protocol: lines, words, refusals; the verbs that control.c has itself. */
#include "control.h"
#include "data_rig.h"

struct answer {
	unsigned int lines;
	char last[FWSIM_CTL_LINE], all[16384];
};

static void take(void *arg, const char *line)
{
	struct answer *a = arg;

	a->lines++;
	snprintf(a->last, sizeof(a->last), "%s", line);
	snprintf(a->all + strlen(a->all), sizeof(a->all) - strlen(a->all), "%s\n", line);
}

static bool say(struct harness *h, struct answer *a, const char *line)
{
	memset(a, 0, sizeof(*a));
	return fwsim_control(h->fw, line, take, a);
}

static void lines(void **state)
{
	struct harness *h = h_new(NULL);
	char longest[FWSIM_CTL_LINE + 2];
	struct answer a;

	(void)state;
	assert_true(say(h, &a, ""));
	assert_string_equal(a.all, "ok\n");
	assert_true(say(h, &a, " # a remark "));
	assert_true(say(h, &a, "\thelp\r\n"));
	assert_true(a.lines > 2);
	assert_non_null(strstr(a.all, "  health FN SYNDROME [rfr]: "));
	assert_string_equal(a.last, "ok");
	assert_true(say(h, &a, "echo 17-4"));
	assert_string_equal(a.all, "  17-4\nok\n");
	assert_false(say(h, &a, "echo 17 4"));
	assert_false(say(h, &a, "frobnicate"));
	assert_string_equal(a.all, "error: no verb 'frobnicate'; try help\n");
	assert_false(say(h, &a, "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3"));
	assert_string_equal(a.all, "error: a line has 32 words at most\n");
	memset(longest, ' ', sizeof(longest));
	longest[FWSIM_CTL_LINE + 1] = 0;
	assert_false(say(h, &a, longest));
	longest[FWSIM_CTL_LINE] = 0;
	assert_true(say(h, &a, longest));
	h_free(h);
}

static void health_refused(void **state)
{
	static const char *const bad[] = {
		"health",	   "health pf",		"health vf8 1",	  "health vf 1",
		"health vf+1 1",   "health vf1x 1",	"health host 1",  "health pf 256",
		"health pf -1",	   "health pf one",	"health pf 1 now", "health pf 1 rfr rfr",
		"health vf0001 1", "health vf-1 1",
	};
	struct harness *h = h_new(NULL);
	struct answer a;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(say(h, &a, bad[i]));
		assert_int_equal(a.lines, 1);
		assert_ptr_equal(strstr(a.last, "error: "), a.last);
	}
	for (unsigned int fn = 0; fn < 3; fn++)
		assert_int_equal(h_rd32(h, fn, IFC_ISEG_HEALTH + 0x3c), 0);
	h_free(h);
}

/* What the driver reads, until it has reset the firmware (nic_interface 7). */
static void health_shows_until_reset(void **state)
{
	struct harness *h = h_new(NULL);
	struct answer a;

	(void)state;
	h_boot(h, 1);
	assert_true(say(h, &a, "health pf 0x1 rfr"));
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x3c), 0x10000);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x38) >> 31, 1);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_HEALTH + 0x3c), 0);
	assert_true(say(h, &a, "health vf0 7"));
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_HEALTH + 0x3c), 0x70000);
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_HEALTH + 0x38), 0);
	assert_true(say(h, &a, "health vf0 0 rfr"));
	assert_int_equal(h_rd32(h, 1, IFC_ISEG_HEALTH + 0x38), 0);
	h_wr32(h, 0, IFC_ISEG_CMDQ_ADDR_L_SZ, FWSIM_NIC_SW_RESET << 8);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x3c), 0);
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x38), 0);
	h_free(h);
}

static void numbers_are_decimal_or_hexadecimal(void **state)
{
	struct harness *h = h_new(NULL);
	struct answer a;

	(void)state;
	assert_true(say(h, &a, "health pf 010"));
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x3c), 0xa0000);
	assert_true(say(h, &a, "health pf 0x0B"));
	assert_int_equal(h_rd32(h, 0, IFC_ISEG_HEALTH + 0x3c), 0xb0000);
	assert_false(say(h, &a, "health pf 0x"));
	assert_false(say(h, &a, "health pf 0x-1"));
	assert_false(say(h, &a, "health pf b"));
	assert_true(say(h, &a, "fault add eqe:010 lost"));
	assert_true(say(h, &a, "fault list"));
	assert_non_null(strstr(a.all, "  rule 1 eqe:CMD "));
	h_free(h);
}

static void card_without_vfs(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	struct answer a;

	(void)state;
	cfg.max_vfs = 0;
	h = h_new(&cfg);
	assert_true(say(h, &a, "health pf 1"));
	assert_false(say(h, &a, "health vf0 1"));
	assert_string_equal(a.all, "error: health: there is no function 'vf0'; this card has pf only\n");
	h_free(h);
}

/* Timers of the card, by its own word. */
static void expect_timers(struct harness *h, unsigned int armed, unsigned int expired)
{
	char want[64];
	struct answer a;

	snprintf(want, sizeof(want), "  armed %u\n  expired %u\nok\n", armed, expired);
	assert_true(say(h, &a, "timers"));
	assert_string_equal(a.all, want);
}

static void timers(void **state)
{
	struct fwsim_config cfg = h_default_config();
	IFC_BUF(query_pages_in, in) = { 0 };
	struct harness *h;
	struct answer a;
	unsigned int n;

	(void)state;
	cfg.cmd_latency_ns = 1000;
	h = h_new(&cfg);
	h_boot(h, 0);
	n = (unsigned int)h->fw->timers_expired;
	assert_true(n > 0);
	expect_timers(h, 0, n);
	IFC_SET(query_pages_in, in, opcode, MLX5_CMD_OP_QUERY_PAGES);
	IFC_SET(query_pages_in, in, op_mod, 1);
	h_cmd_async(h, 0, 1, in, sizeof(in), IFC_SZ(query_pages_out));
	expect_timers(h, 1, n);
	h_advance(h, 1000);
	assert_true(h_cmd_done(h, 0, 1));
	expect_timers(h, 0, n + 1);
	assert_false(say(h, &a, "timers now"));
	h_free(h);
}

/* Functions that do nothing cost nothing: no timer is armed, and the host is never called back. */
static void idle_functions_arm_no_timer(void **state)
{
	struct harness *h = h_new(NULL);
	struct d_fn d[1 + H_VFS];
	struct d_qp a[1 + H_VFS], b[1 + H_VFS];
	struct d_wr w = { .op = IFC_WQE_RDMA_WRITE, .n = 1 };
	struct d_mem m;
	unsigned int n;

	(void)state;
	for (unsigned int i = 0; i <= H_VFS; i++) {
		d_open(&d[i], h, i);
		d_qp(&d[i], &a[i]);
		d_qp(&d[i], &b[i]);
		d_connect(&a[i], &b[i]);
		d_cq_arm(&a[i].scq, false);
		m = d_mem(&d[i], 4096);
		w.raddr = m.addr;
		w.rkey = m.key;
		w.sge[0] = (struct d_sge){ m.addr, 16, m.key };
		d_send(&a[i], &w);
		d_expect(&a[i].scq, IFC_CQE_REQ, 0);
	}
	h_settle(h);
	n = (unsigned int)h->fw->timers_expired;
	expect_timers(h, 0, n);
	assert_true(h->deadline == UINT64_MAX);
	h_advance(h, 1000 * H_SEC);
	expect_timers(h, 0, n);
	assert_true(h->deadline == UINT64_MAX);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(health_refused),
		cmocka_unit_test(health_shows_until_reset),
		cmocka_unit_test(numbers_are_decimal_or_hexadecimal),
		cmocka_unit_test(card_without_vfs),
		cmocka_unit_test(timers),
		cmocka_unit_test(idle_functions_arm_no_timer),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
