// SPDX-License-Identifier: GPL-2.0-or-later
/* The record of a run: what is in it, line by line, and that the same run makes the same bytes. */
#include "mig_rig.h"

#define VF 1u

static bool has(struct harness *h, const char *text)
{
	return h->record && strstr(h->record, text);
}

static void forget(struct harness *h)
{
	h->record_n = 0;
	if (h->record)
		h->record[0] = 0;
}

static unsigned int lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Commands, work, a migration, a refusal, a reset: a record with every class. */
static struct harness *run(void)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;
	struct m_buf buf;
	struct m_vf vf;
	uint32_t size;

	cfg.cmd_latency_ns = 1500;
	h = h_new(&cfg);
	assert_true(h_say(h, "record on cmd,event,state,error,cqe,doorbell"));
	m_vf_new(&vf, h, VF);
	h_boot(h, VF + 1);
	m_arm_cq(&vf, 1);
	m_post_recv(&vf, 1, 0x300000, 0x5000);
	m_post_send(&vf, 0, IFC_WQE_SEND, 0, 0x4001, 0, true);
	h_settle(h);
	assert_non_null(m_poll(&vf, 1));
	buf = m_buf_new(h, 0, 1u << 20, 0xf);
	m_stop(h, m_vhca_id(h, VF));
	m_stop(h, m_vhca_id(h, VF + 1));
	assert_int_equal(m_save(h, m_vhca_id(h, VF), 0, buf.key, 1u << 20, &size), IFC_ST_OK);
	assert_int_equal(m_load(h, m_vhca_id(h, VF + 1), buf.key, size), IFC_ST_OK);
	assert_int_equal(m_load(h, m_vhca_id(h, VF + 2), buf.key, size), IFC_ST_BAD_RES);
	h_wr32(h, VF + 1, 0x100, 1);
	if (getenv("H_RECORD")) /* something to try scripts/record on */
		fputs(h->record, stderr);
	fwsim_reset(h->fw, VF);
	return h;
}

static void same_run_makes_the_same_bytes(void **state)
{
	struct harness *a = run(), *b;
	void *junk = malloc(12345); /* the second finds another heap */

	(void)state;
	b = run();
	free(junk);
	assert_true(a->record_n > 10000);
	assert_int_equal(a->record_n, b->record_n);
	assert_memory_equal(a->record, b->record, a->record_n);
	h_free(a);
	h_free(b);
}

static void every_class_is_there(void **state)
{
	static const char *const want[] = {
		" cmd pf slot=0 op=SAVE_VHCA_STATE/0x118 mod=0x0 in=32:0118",
		" done pf slot=0 op=SAVE_VHCA_STATE/0x118 mod=0x0 delivery=0x0 status=0x0 syndrome=0x0 ns=1500 out=",
		" status=0x5 syndrome=0x115002 ns=1500 out=16:05000000001150020000000000000000 # vhca_id 0x12 is no enabled VHCA\n",
		" eqe vf0 eqn=", " type=0x00 sub=0x00 data=28:", " msix vf0 vector=1 eqn=",
		" state vf0 # running -> initiator_stopped\n", " reset vf0\n",
		" qp vf0 qpn=0x", " cqe vf0 cqn=0x", " doorbell pf offset=0x18 dw0=0x00000001 dw1=0x00000000\n",
		" ignored vf1 # write of 0x1 to offset 0x100 of the init segment\n",
	};
	struct harness *h = run();

	(void)state;
	for (unsigned int i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!has(h, want[i]))
			fail_msg("not in the record: %s", want[i]);
	h_free(h);
}

static void first_line_says_what_it_is(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h;

	(void)state;
	memcpy(cfg.mac, (uint8_t[]){ 2, 0, 0, 0xaa, 0xbb, 0 }, 6);
	cfg.max_vfs = 3;
	h = h_new(&cfg);
	h->now = 5;
	assert_true(h_say(h, "record on"));
	assert_string_equal(h->record,
			    "fwsim-record 1 time=5 fw=28.43.1014 psid=MT_0000000838 mac=02:00:00:aa:bb:00 vfs=3 "
			    "classes=cmd,event,state,error\n");
	h_free(h);
}

static void alloc_pd(struct harness *h, struct h_result *r)
{
	uint8_t in[16] = { 0 }, out[16];

	ifc_st16(in, MLX5_CMD_OP_ALLOC_PD);
	*r = h_cmd_raw(h, VF, 4, in, sizeof(in), out, sizeof(out));
}

static void only_what_is_asked_for(void **state)
{
	struct harness *h = h_new(NULL);
	struct h_result r;

	(void)state;
	h_boot(h, VF);
	alloc_pd(h, &r);
	assert_int_equal(h->record_n, 0); /* off */
	h->now = 77;
	assert_true(h_say(h, "record on cmd"));
	forget(h);
	alloc_pd(h, &r);
	assert_string_equal(h->record,
			    "77 cmd vf0 slot=4 op=ALLOC_PD/0x800 mod=0x0 in=16:08000000000000000000000000000000 out=16\n"
			    "77 done vf0 slot=4 op=ALLOC_PD/0x800 mod=0x0 delivery=0x0 status=0x0 syndrome=0x0 ns=0 "
			    "out=16:00000000000000000000000200000000\n");
	m_stop(h, m_vhca_id(h, VF));
	assert_false(has(h, " state "));
	assert_true(h_say(h, "record on state,error"));
	forget(h);
	m_start(h, m_vhca_id(h, VF));
	assert_string_equal(h->record, "77 state vf0 # stopped -> initiator_stopped\n"
				       "77 state vf0 # initiator_stopped -> running\n");
	assert_true(h_say(h, "record off"));
	forget(h);
	m_stop(h, m_vhca_id(h, VF));
	assert_int_equal(h->record_n, 0);
	h_free(h);
}

static void what_is_not_delivered_is_recorded(void **state)
{
	uint8_t in[16] = { 0 };
	struct harness *h = h_new(NULL);

	(void)state;
	h_boot(h, VF);
	h->now = 77;
	assert_true(h_say(h, "record on"));
	forget(h);
	ifc_st16(in, MLX5_CMD_OP_ALLOC_PD);
	h_cmd_post(h, VF, 4, in, sizeof(in), 16);
	ifc_st32(h_cmd_entry(h, VF, 4) + 4, 0xffffffff); /* input length */
	h_cmd_ring(h, VF, 1u << 4);
	assert_string_equal(h->record,
			    "77 cmd vf0 slot=4 op=ALLOC_PD/0x800 mod=0x0 in=4294967295: out=16\n"
			    "77 done vf0 slot=4 op=ALLOC_PD/0x800 mod=0x0 delivery=0x7 status=0x0 syndrome=0x0 ns=0 "
			    "# input length 4294967295 is not within 8..16777216\n");
	h_free(h);
}

static void long_input_is_cut(void **state)
{
	static uint8_t in[16 + 8 * 1000];
	struct harness *h = h_new(NULL);
	const char *hex;

	(void)state;
	h_boot(h, VF);
	assert_true(h_say(h, "record on"));
	forget(h);
	ifc_st16(in, MLX5_CMD_OP_MANAGE_PAGES);
	ifc_st16(in + 6, 1);
	ifc_st32(in + 12, 1000);
	for (unsigned int i = 0; i < 1000; i++)
		ifc_st64(in + 16 + 8 * i, H_MEM_BASE + (i + 1000ULL) * 4096);
	assert_int_equal(h_cmd(h, VF, in, sizeof(in), NULL, 16), IFC_ST_OK);
	hex = strstr(h->record, " in=8016:");
	assert_non_null(hex);
	hex += strlen(" in=8016:");
	assert_int_equal(strspn(hex, "0123456789abcdef"), 2 * 4096);
	assert_int_equal(strncmp(hex + 2 * 4096, " out=16\n", 8), 0);
	assert_int_equal(strncmp(hex, "01080000000000010000000", 20), 0);
	h_free(h);
}

static void verb(void **state)
{
	static const char *const bad[] = { "record", "record what", "record on all", "record on cmd,x",
					   "record on ,", "record on cmd event", "record off now",
					   "record stat 1", "record flush 1" };
	struct harness *h = h_new(NULL);
	unsigned int n;
	char want[80];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(h_say(h, bad[i]));
		assert_ptr_equal(strstr(h->answer, "error: "), h->answer);
	}
	assert_int_equal(h->record_n, 0);
	assert_true(h_say(h, "record off"));
	assert_true(h_say(h, "record flush"));
	assert_true(h_say(h, "record stat"));
	assert_string_equal(h->answer, "  off lines=0 bytes=0\nok\n");
	assert_true(h_say(h, "record on cqe,cmd"));
	h_boot(h, VF);
	n = lines(h->record);
	assert_true(n > 10);
	assert_true(h_say(h, "record stat"));
	snprintf(want, sizeof(want), "  cmd,cqe lines=%u bytes=%zu\nok\n", n, h->record_n);
	assert_string_equal(h->answer, want);
	assert_true(h_say(h, "record flush"));
	assert_int_equal(h->record_flushes, 1);
	h_free(h);
}

static void host_that_takes_no_more_ends_it(void **state)
{
	struct harness *h = h_new(NULL);
	size_t n;

	(void)state;
	h->record_max = 1000;
	assert_true(h_say(h, "record on"));
	h_boot(h, VF); /* no harm to the card */
	n = h->record_n;
	assert_true(n <= 1001);
	h->record_max = 0;
	h_boot(h, VF + 1);
	assert_int_equal(h->record_n, n);
	assert_true(h_say(h, "record stat"));
	assert_ptr_equal(strstr(h->answer, "  failed lines="), h->answer);
	assert_false(h_say(h, "record flush"));
	assert_true(h_say(h, "record on"));
	assert_true(h->record_n > n);
	h->record_max = 1;
	assert_false(h_say(h, "record on"));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_run_makes_the_same_bytes),
		cmocka_unit_test(every_class_is_there),
		cmocka_unit_test(first_line_says_what_it_is),
		cmocka_unit_test(only_what_is_asked_for),
		cmocka_unit_test(what_is_not_delivered_is_recorded),
		cmocka_unit_test(long_input_is_cut),
		cmocka_unit_test(verb),
		cmocka_unit_test(host_that_takes_no_more_ends_it),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
