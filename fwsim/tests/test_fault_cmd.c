// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault rules of commands: what each action does to one, also over a stop, a reset and an image. */
#include "fault_rig.h"

static void status_is_not_executed(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD status=NO_RESOURCES");
	f_start_alloc(&r, 0);
	assert_int_equal(f_result(&r, 0).status, IFC_ST_NO_RESOURCES);
	assert_int_equal(f_pds(&r), n);
	f_say(&r, "fault add cmd:ALLOC_PD status=OK"); /* a lie */
	f_start_alloc(&r, 0);
	assert_int_equal(f_result(&r, 0).status, IFC_ST_OK);
	assert_int_equal(f_pds(&r), n);
	h_free(r.h);
}

static void delivery_is_not_executed(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD delivery=0x2");
	f_start_alloc(&r, 0);
	assert_true(f_done(&r, 0));
	assert_int_equal(f_result(&r, 0).delivery, IFC_DELIVERY_TOKEN);
	assert_int_equal(f_events(&r), 1);
	assert_int_equal(f_pds(&r), n);
	h_free(r.h);
}

static void delay_is_executed_later(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD delay=1000000");
	f_start_alloc(&r, 5);
	f_say(&r, "fault clear"); /* does not end what is under way */
	h_advance(r.h, 999999);
	assert_false(f_done(&r, 5));
	assert_int_equal(f_pds(&r), n);
	assert_true(f_works(&r, 6)); /* the others go on */
	h_cmd_ring(r.h, F_VF, 1u << 5);
	h_advance(r.h, 1);
	assert_true(f_done(&r, 5));
	assert_int_equal(f_events(&r), 1);
	assert_int_equal(f_pds(&r), n + 1);
	h_free(r.h);
}

static void delay_goes_with_other_actions_and_counts_once(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault sites reset");
	f_say(&r, "fault add cmd:QUERY_ISSI count=0 delay=1000 late=500 status=3 twice");
	f_start(&r, 0);
	h_advance(r.h, 1499);
	assert_false(f_done(&r, 0));
	h_advance(r.h, 1);
	assert_int_equal(f_result(&r, 0).status, IFC_ST_BAD_PARAM);
	assert_int_equal(f_events(&r), 2);
	assert_int_equal(f_hits(&r, 1), 1);
	assert_int_equal(f_passed(&r, "cmd:QUERY_ISSI vf0"), 1);
	h_free(r.h);
}

static void late_is_executed_at_once(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD late=1000000");
	f_start_alloc(&r, 0);
	assert_int_equal(f_pds(&r), n + 1);
	h_advance(r.h, 999999);
	assert_false(f_done(&r, 0));
	assert_int_equal(f_events(&r), 0);
	h_advance(r.h, 1);
	assert_true(f_done(&r, 0));
	assert_int_equal(f_events(&r), 1);
	h_free(r.h);
}

static void twice_is_told_twice(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:QUERY_ISSI twice");
	f_start(&r, 0);
	assert_int_equal(f_events(&r), 2);
	assert_true(f_works(&r, 0));
	h_free(r.h);
}

static void hang(struct f_rig *r, const char *rule, unsigned int new_pds)
{
	unsigned int n = f_pds(r);

	f_say(r, rule);
	f_start_alloc(r, 3);
	h_advance(r->h, 100 * H_SEC);
	assert_false(f_done(r, 3));
	assert_int_equal(f_events(r), 0);
	assert_int_equal(f_pds(r), n + new_pds);
	assert_int_equal(f_vhca(r)->cmd_busy, 1u << 3);
	assert_true(f_works(r, 4));
}

static void lost_hangs_until_the_slot_is_used_again(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	hang(&r, "fault add cmd:ALLOC_PD lost", 0);
	assert_true(f_works(&r, 3)); /* the driver has given it up */
	assert_int_equal(f_vhca(&r)->cmd_busy, 0);
	h_free(r.h);
}

static void lost_comes_before_the_delay_of_another_rule(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD delay=1000000000000");
	hang(&r, "fault add cmd:ALLOC_PD lost", 0);
	assert_true(f_works(&r, 3));
	h_free(r.h);
}

static void silent_is_executed_and_hangs(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	hang(&r, "fault add cmd:ALLOC_PD silent", 1);
	assert_true(f_works(&r, 3));
	h_free(r.h);
}

/* What a reset does with a command that waits, hangs or is late: nothing comes of it any more. */
static void reset_drops_commands(void **state)
{
	static const char *const rule[] = {
		"fault add cmd:ALLOC_PD delay=1000000", "fault add cmd:ALLOC_PD late=1000000",
		"fault add cmd:ALLOC_PD lost", "fault add cmd:ALLOC_PD silent",
	};

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct f_rig r = f_new(NULL);

		f_say(&r, rule[i % 4]);
		f_start_alloc(&r, 3);
		if (i < 4)
			fwsim_reset(r.h->fw, F_VF);
		else
			assert_int_equal(h_disable_hca(r.h, 0, F_VF), IFC_ST_OK);
		h_advance(r.h, H_SEC);
		assert_false(f_done(&r, 3));
		assert_int_equal(f_vhca(&r)->cmd_busy | f_vhca(&r)->cmd_pending | f_vhca(&r)->cmd_asked, 0);
		assert_int_equal(f_pds(&r), 0);
		assert_int_equal(f_hits(&r, 1), 1); /* the rule is the card's */
		h_free(r.h);
	}
}

static void free_with_everything_under_way(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD delay=1000");
	f_say(&r, "fault add cmd:ALLOC_PD nth=2 late=1000");
	f_say(&r, "fault add cmd:ALLOC_PD nth=3 lost");
	f_say(&r, "fault add eqe:CMD delay=1000");
	for (unsigned int i = 0; i < 4; i++)
		f_start_alloc(&r, i);
	h_free(r.h);
}

/* A delayed command is not lost: it is done after the RESUME, and only once. */
static void delayed_command_of_a_vf_that_is_stopped(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD count=0 delay=1000000 twice");
	f_start_alloc(&r, 3);
	m_stop(r.h, r.id);
	h_advance(r.h, H_SEC);
	assert_false(f_done(&r, 3));
	assert_int_equal(f_pds(&r), n);
	assert_int_equal(f_vhca(&r)->cmd_pending, 1u << 3);
	m_start(r.h, r.id);
	assert_true(f_done(&r, 3));
	assert_int_equal(f_pds(&r), n + 1);
	assert_int_equal(f_events(&r), 2);
	assert_int_equal(f_hits(&r, 1), 1);
	h_free(r.h);
}

static void delayed_command_is_in_the_image(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int n = f_pds(&r), to = m_vhca_id(r.h, F_VF + 1);
	uint32_t size;

	(void)state;
	h_boot(r.h, F_VF + 1);
	f_say(&r, "fault add cmd:ALLOC_PD delay=1000000");
	f_start_alloc(&r, 3);
	m_stop(r.h, r.id);
	m_stop(r.h, to);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, F_BUF, &size), IFC_ST_OK);
	m_move_memory(&r.vf, F_VF + 1);
	assert_int_equal(m_load(r.h, to, r.buf.key, size), IFC_ST_OK);
	m_start(r.h, to);
	assert_true(h_cmd_done(r.h, F_VF + 1, 3));
	assert_int_equal(r.h->fw->vhca[F_VF + 1]->obj[FWSIM_OBJ_PD].used, n + 1);
	assert_int_equal(f_events(&r), 1);
	h_free(r.h);
}

/* The wish for a reset is not in the image, and must not stay without its syndrome. */
static void wish_for_a_reset_goes_with_the_load(void **state)
{
	struct f_rig r = f_new(NULL);
	unsigned int to = m_vhca_id(r.h, F_VF + 1);
	uint32_t size;

	(void)state;
	h_boot(r.h, F_VF + 1);
	f_say(&r, "health vf1 1 rfr");
	m_stop(r.h, r.id);
	m_stop(r.h, to);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, F_BUF, &size), IFC_ST_OK);
	assert_int_equal(h_rd32(r.h, F_VF + 1, IFC_ISEG_HEALTH + 0x38) >> 31, 1);
	assert_int_equal(m_load(r.h, to, r.buf.key, size), IFC_ST_OK);
	assert_int_equal(h_rd32(r.h, F_VF + 1, IFC_ISEG_HEALTH + 0x3c), 0);
	assert_int_equal(h_rd32(r.h, F_VF + 1, IFC_ISEG_HEALTH + 0x38), 0);
	h_free(r.h);
}

static void late_answer_comes_before_the_stop(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD late=1000000000");
	f_start_alloc(&r, 3);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_true(f_done(&r, 3));
	h_free(r.h);
}

static void hung_command_stays_hung_over_a_stop(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:ALLOC_PD silent");
	f_start_alloc(&r, 3);
	m_stop(r.h, r.id);
	m_start(r.h, r.id);
	h_advance(r.h, H_SEC);
	assert_false(f_done(&r, 3));
	assert_true(f_works(&r, 3));
	h_free(r.h);
}

static void bus_master_off_during_a_delay(void **state)
{
	struct f_rig r = f_new(NULL);

	(void)state;
	f_say(&r, "fault add cmd:QUERY_ISSI delay=1000");
	f_say(&r, "fault add cmd:QUERY_ISSI nth=2 late=1000");
	f_start(&r, 3);
	f_start(&r, 4);
	fwsim_set_bus_master(r.h->fw, F_VF, false);
	h_advance(r.h, H_SEC);
	assert_false(f_done(&r, 3) || f_done(&r, 4));
	fwsim_set_bus_master(r.h->fw, F_VF, true);
	assert_true(f_done(&r, 3) && f_done(&r, 4));
	assert_int_equal(f_events(&r), 2);
	h_free(r.h);
}

static void command_timeout_is_told(void **state)
{
	struct fwsim_config cfg = h_default_config();
	struct harness *h = h_new(NULL);
	char err[100];

	(void)state;
	assert_int_equal(h_rd32(h, 0, 0xffc), 0); /* no time-outs from the firmware */
	assert_int_equal(h_rd32(h, 0, 0xff8), 0);
	h_free(h);
	cfg.cmd_timeout_ms = 1500;
	h = h_new(&cfg);
	for (unsigned int fn = 0; fn < 2; fn++) {
		assert_int_equal(h_rd32(h, fn, 0xffc), 2000);
		assert_int_equal(h_rd32(h, fn, 0xff8), 1500);
	}
	cfg.cmd_timeout_ms = 1u << 20;
	assert_null(fwsim_create(&cfg, h->fw->ops, h, err, sizeof(err)));
	assert_non_null(strstr(err, "1048576 ms is above 1048575"));
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_not_executed),
		cmocka_unit_test(delivery_is_not_executed),
		cmocka_unit_test(delay_is_executed_later),
		cmocka_unit_test(delay_goes_with_other_actions_and_counts_once),
		cmocka_unit_test(late_is_executed_at_once),
		cmocka_unit_test(twice_is_told_twice),
		cmocka_unit_test(lost_hangs_until_the_slot_is_used_again),
		cmocka_unit_test(lost_comes_before_the_delay_of_another_rule),
		cmocka_unit_test(silent_is_executed_and_hangs),
		cmocka_unit_test(reset_drops_commands),
		cmocka_unit_test(free_with_everything_under_way),
		cmocka_unit_test(delayed_command_of_a_vf_that_is_stopped),
		cmocka_unit_test(delayed_command_is_in_the_image),
		cmocka_unit_test(wish_for_a_reset_goes_with_the_load),
		cmocka_unit_test(late_answer_comes_before_the_stop),
		cmocka_unit_test(hung_command_stays_hung_over_a_stop),
		cmocka_unit_test(bus_master_off_during_a_delay),
		cmocka_unit_test(command_timeout_is_told),
	};

	return cmocka_run_group_tests_name("fault_cmd", tests, NULL, NULL);
}
