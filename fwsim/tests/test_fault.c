// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault rules: their words, and which passages of a site they concern and count. */
#include "fault_rig.h"

/* ---- words ------------------------------------------------------------------------------------ */

static void rules_are_listed_as_given(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	f_say(&r, "fault add cmd:SAVE_VHCA_STATE fn=vf0 state=stopped nth=2 count=0 status=9 syndrome=0x10");
	assert_string_equal(r.h->answer, "  rule 1\nok\n");
	f_say(&r, "fault add cmd:* status=BAD_RES_STATE");
	f_say(&r, "fault add eqe:OBJECT_CHANGE twice delay=1000");
	f_say(&r, "fault add eqe:0x7f lost");
	f_say(&r, "fault add cqe lost fn=pf state=p2p");
	f_say(&r, "fault add dma:write refused nth=3");
	f_say(&r, "fault add track error");
	f_say(&r, "fault add cmd:0x123 lost");
	f_say(&r, "fault add cmd:2RST_QP late=5 twice delay=7");
	f_say(&r, "fault list");
	assert_string_equal(r.h->answer,
			    "  rule 1 cmd:SAVE_VHCA_STATE fn=vf0 state=stopped nth=2 count=0 status=9 "
			    "syndrome=16 seen=0 hits=0\n"
			    "  rule 2 cmd:* nth=1 count=1 status=9 seen=0 hits=0\n"
			    "  rule 3 eqe:OBJECT_CHANGE nth=1 count=1 delay=1000 twice seen=0 hits=0\n"
			    "  rule 4 eqe:0x7f nth=1 count=1 lost seen=0 hits=0\n"
			    "  rule 5 cqe fn=pf state=p2p nth=1 count=1 lost seen=0 hits=0\n"
			    "  rule 6 dma:write nth=3 count=1 refused seen=0 hits=0\n"
			    "  rule 7 track nth=1 count=1 error seen=0 hits=0\n"
			    "  rule 8 cmd:0x123 nth=1 count=1 lost seen=0 hits=0\n"
			    "  rule 9 cmd:2RST_QP nth=1 count=1 delay=7 late=5 twice seen=0 hits=0\n"
			    "ok\n");
	f_say(&r, "fault remove 2");
	assert_false(h_say(r.h, "fault remove 2"));
	assert_true(f_said(&r, "error: fault: there is no rule 2"));
	f_say(&r, "fault list");
	assert_false(f_said(&r, "rule 2 "));
	f_say(&r, "fault clear");
	f_say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	assert_false(r.h->fw->fault_on);
	f_say(&r, "fault add cqe lost"); /* numbers are not used again */
	assert_string_equal(r.h->answer, "  rule 10\nok\n");
	h_free(r.h);
}

static void malformed_rules_are_refused(void **state)
{
	static const char *const bad[] = {
		"fault", "fault frob", "fault add", "fault add cmd:SAVE_VHCA_STATE", "fault add cmd",
		"fault add cmd: lost", "fault add cmd:SAVE lost", "fault add cmd:0x10000 lost",
		"fault add cmd:-1 lost", "fault add eqe lost", "fault add eqe: lost",
		"fault add eqe:FOO lost", "fault add eqe:256 lost", "fault add dma refused",
		"fault add dma:both refused", "fault add track lost", "fault add cqe error",
		"fault add cqe delay=1", "fault add dma:read lost", "fault add eqe:CMD status=1",
		"fault add cmd:* lost fn=vf99", "fault add cmd:* lost fn=", "fault add cmd:* lost state=x",
		"fault add cmd:* lost nth=0", "fault add cmd:* lost nth=", "fault add cmd:* lost count=-1",
		"fault add cmd:* lost nth=1x", "fault add cmd:* status=256", "fault add cmd:* status=",
		"fault add cmd:* status=FOO", "fault add cmd:* syndrome=1", "fault add cmd:* delivery=0",
		"fault add cmd:* delivery=128", "fault add cmd:* delay=0",
		"fault add cmd:* delay=1000000000000001", "fault add cmd:* lost now",
		"fault add cqe lost fn=vf0 fn=vf1", "fault add cqe lost state=p2p state=p2p",
		"fault add cqe lost nth=1 nth=2", "fault add cqe lost count=0 count=0",
		"fault add cmd:* lost lost", "fault add cmd:* status=1 status=1",
		"fault add cmd:* lost silent", "fault add cmd:* lost twice", "fault add cmd:* lost status=1",
		"fault add cmd:* silent twice", "fault add cmd:* silent late=1",
		"fault add cmd:* status=1 silent", "fault add cmd:* delivery=1 status=1",
		"fault add cqe lost twice", "fault add eqe:CMD lost delay=1", "fault add cmd:* flip=1",
		"fault add cmd:QUERY_ISSI flip=1", "fault add cmd:LOAD_VHCA_STATE zero",
		"fault add cmd:LOAD_VHCA_STATE larger=1", "fault add cmd:QUERY_VHCA_MIGRATION_STATE short=1",
		"fault add cmd:SAVE_VHCA_STATE zero short=1", "fault add cmd:SAVE_VHCA_STATE zero flip=1",
		"fault add cmd:SAVE_VHCA_STATE status=1 zero", "fault add cmd:SAVE_VHCA_STATE short=0",
		"fault list 1", "fault remove", "fault remove 0", "fault remove x", "fault remove 1 2",
		"fault remove 7", "fault clear all", "fault sites", "fault sites now", "fault sites reset x",
	};
	struct f_rig r = f_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (h_say(r.h, bad[i]))
			fail_msg("'%s' was accepted", bad[i]);
		assert_ptr_equal(strstr(r.h->answer, "error: "), r.h->answer);
		assert_ptr_equal(strchr(r.h->answer, '\n') + 1, r.h->answer + strlen(r.h->answer));
	}
	assert_false(r.h->fw->fault_on);
	f_say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	h_free(r.h);
}

static void rules_are_capped(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < 256; i++)
		f_say(&r, "fault add cmd:* fn=vf7 nth=18446744073709551615 count=0 state=stopped "
			"status=255 syndrome=4294967295 delay=1000000000000000 late=1000000000000000 "
			"twice");
	assert_false(h_say(r.h, "fault add cqe lost"));
	assert_true(f_said(&r, "256 rules"));
	f_say(&r, "fault list");
	f_say(&r, "fault remove 100");
	f_say(&r, "fault add cqe lost");
	h_free(r.h); /* which frees them */
}

/* ---- which passages --------------------------------------------------------------------------- */

static void nth_and_count(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:QUERY_ISSI nth=3 count=2 status=BAD_PARAM syndrome=0xabcdef");
	for (unsigned int i = 1; i <= 6; i++) {
		f_start(&r, 2);
		assert_int_equal(f_result(&r, 2).status, i == 3 || i == 4 ? IFC_ST_BAD_PARAM : IFC_ST_OK);
		assert_int_equal(f_result(&r, 2).syndrome, i == 3 || i == 4 ? 0xabcdef : 0);
	}
	assert_int_equal(f_hits(&r, 1), 2);
	assert_true(f_said(&r, "seen=6 hits=2"));
	f_say(&r, "fault add cmd:QUERY_ISSI count=0 status=1");
	for (unsigned int i = 0; i < 5; i++) {
		f_start(&r, 2);
		assert_int_equal(f_result(&r, 2).status, IFC_ST_INTERNAL_ERR);
	}
	f_say(&r, "fault clear");
	assert_true(f_works(&r, 2));
	h_free(r.h);
}

/* The function concerned is the one that a command names, not the one that sends it. */
static void function_and_state(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:* fn=pf count=0 status=1");
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_int_equal(m_resume(r.h, r.id, M_RESUME_INITIATOR), IFC_ST_OK);
	assert_true(f_works(&r, 1));
	assert_int_equal(f_hits(&r, 1), 0);
	f_say(&r, "fault clear");
	f_say(&r, "fault add cmd:SUSPEND_VHCA fn=vf0 state=p2p status=BAD_RES");
	f_say(&r, "fault add cmd:SUSPEND_VHCA fn=vf1 count=0 status=BAD_RES");
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_BAD_RES);
	assert_int_equal(f_vhca(&r)->mig, FWSIM_MIG_INITIATOR_STOPPED);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(f_hits(&r, 2), 1);
	assert_int_equal(f_hits(&r, 3), 0);
	f_say(&r, "fault add cmd:DISABLE_HCA fn=vf1 status=1");
	h_boot(r.h, 2);
	assert_int_equal(h_disable_hca(r.h, 0, 2), IFC_ST_INTERNAL_ERR);
	assert_int_equal(h_disable_hca(r.h, 0, 2), IFC_ST_OK);
	h_free(r.h);
}

static void rules_add_up(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:QUERY_ISSI status=4");
	f_say(&r, "fault add cmd:* status=5 twice");
	f_start(&r, 0);
	assert_int_equal(f_result(&r, 0).status, 4);
	assert_int_equal(f_events(&r), 2);
	assert_int_equal(f_hits(&r, 1), 1);
	assert_int_equal(f_hits(&r, 2), 1);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_FAULT, "cmd:* nth=1 count=1 status=5 twice"));
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_CMD, "fault rule 1"));
	h_free(r.h);
}

static void sites_are_counted_when_asked(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	assert_false(h_say(r.h, "fault sites"));
	f_say(&r, "fault sites reset");
	f_say(&r, "fault sites");
	assert_string_equal(r.h->answer, "ok\n");
	for (unsigned int i = 0; i < 3; i++)
		assert_true(f_works(&r, i));
	m_stop(r.h, r.id);
	assert_int_equal(f_passed(&r, "cmd:QUERY_ISSI vf0"), 3);
	assert_int_equal(f_passed(&r, "cmd:SUSPEND_VHCA vf0"), 2);
	assert_int_equal(f_passed(&r, "cmd:SUSPEND_VHCA pf"), 0);
	assert_int_equal(f_passed(&r, "eqe:CMD vf0"), 3);
	assert_true(f_passed(&r, "dma:read pf") > 0);
	assert_true(f_passed(&r, "dma:write vf0") > 0);
	m_start(r.h, r.id);
	m_post_recv(&r.vf, 1, 0, 64);
	m_post_send(&r.vf, 0, IFC_WQE_SEND, 4096, 64, 0, true);
	h_settle(r.h);
	assert_int_equal(f_passed(&r, "cqe vf0"), 2);
	f_say(&r, "fault sites reset");
	assert_int_equal(f_passed(&r, "cqe vf0"), 0);
	f_say(&r, "fault sites off");
	assert_false(r.h->fw->fault_on);
	assert_false(h_say(r.h, "fault sites"));
	h_free(r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_listed_as_given),
		cmocka_unit_test(malformed_rules_are_refused),
		cmocka_unit_test(rules_are_capped),
		cmocka_unit_test(nth_and_count),
		cmocka_unit_test(function_and_state),
		cmocka_unit_test(rules_add_up),
		cmocka_unit_test(sites_are_counted_when_asked),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
