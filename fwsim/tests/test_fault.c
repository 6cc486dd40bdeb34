// SPDX-License-Identifier: GPL-2.0-or-later
/* Fault rules: their words, what is counted, and what each action does at each site. */
#include "mig_rig.h"

#define VF 1u
#define BUF (1u << 20)

struct rig {
	struct harness *h;
	struct m_vf vf;
	struct m_buf buf; /* of the PF */
	unsigned int id;  /* vhca_id of the VF */
};

static struct rig rig_new(const struct fwsim_config *cfg)
{
	struct rig r = { .h = h_new(cfg) };

	m_vf_new(&r.vf, r.h, VF);
	r.buf = m_buf_new(r.h, 0, BUF, 0xf);
	r.id = m_vhca_id(r.h, VF);
	return r;
}

static struct fwsim_vhca *vhca(struct rig *r)
{
	return r->h->fw->vhca[VF];
}

static void say(struct rig *r, const char *line)
{
	if (!h_say(r->h, line))
		fail_msg("'%s': %s", line, r->h->answer);
}

static bool said(struct rig *r, const char *text)
{
	return strstr(r->h->answer, text);
}

/* How often rule @id fired, by "fault list". */
static unsigned int hits(struct rig *r, unsigned int id)
{
	char key[32];
	const char *line;

	say(r, "fault list");
	snprintf(key, sizeof(key), "  rule %u ", id);
	line = strstr(r->h->answer, key);
	assert_non_null(line);
	return (unsigned int)strtoul(strstr(line, " hits=") + 6, NULL, 10);
}

static uint64_t passed(struct rig *r, const char *site_fn)
{
	char key[80];
	const char *line;

	say(r, "fault sites");
	snprintf(key, sizeof(key), "  %s ", site_fn);
	line = strstr(r->h->answer, key);
	return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

/* ---- a command of the VF that does nothing ---------------------------------------------------- */

#define ISSI_OUT IFC_SZ(query_issi_out)

static void start(struct rig *r, unsigned int slot)
{
	IFC_BUF(query_issi_in, in) = { 0 };

	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(r->h, VF, slot, in, sizeof(in), ISSI_OUT);
}

static bool done(struct rig *r, unsigned int slot)
{
	return h_cmd_done(r->h, VF, slot);
}

static struct h_result result(struct rig *r, unsigned int slot)
{
	uint8_t out[ISSI_OUT];

	return h_cmd_result(r->h, VF, slot, out, sizeof(out));
}

/* Completion events of commands that are there, all taken. */
static unsigned int events(struct rig *r)
{
	unsigned int n = 0;

	while (m_poll_eq(&r->vf, true))
		n++;
	m_eq_update(&r->vf, true);
	return n;
}

static unsigned int comp_events(struct rig *r)
{
	unsigned int n = 0;

	while (m_poll_eq(&r->vf, false))
		n++;
	m_eq_update(&r->vf, false);
	return n;
}

static bool works(struct rig *r, unsigned int slot)
{
	events(r);
	start(r, slot);
	return done(r, slot) && result(r, slot).status == IFC_ST_OK && events(r) == 1;
}

/* A command that changes something: ALLOC_PD of the VF, in @slot. */
static void start_alloc(struct rig *r, unsigned int slot)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	h_cmd_async(r->h, VF, slot, in, sizeof(in), IFC_SZ(alloc_pd_out));
}

static unsigned int pds(struct rig *r)
{
	return vhca(r)->obj[FWSIM_OBJ_PD].used;
}

/* ---- words ------------------------------------------------------------------------------------ */

static void rules_are_listed_as_given(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	say(&r, "fault add cmd:SAVE_VHCA_STATE fn=vf0 state=stopped nth=2 count=0 status=9 syndrome=0x10");
	assert_string_equal(r.h->answer, "  rule 1\nok\n");
	say(&r, "fault add cmd:* status=BAD_RES_STATE");
	say(&r, "fault add eqe:OBJECT_CHANGE twice delay=1000");
	say(&r, "fault add eqe:0x7f lost");
	say(&r, "fault add cqe lost fn=pf state=p2p");
	say(&r, "fault add dma:write refused nth=3");
	say(&r, "fault add track error");
	say(&r, "fault add cmd:0x123 lost");
	say(&r, "fault add cmd:2RST_QP late=5 twice delay=7");
	say(&r, "fault list");
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
	say(&r, "fault remove 2");
	assert_false(h_say(r.h, "fault remove 2"));
	assert_true(said(&r, "error: fault: there is no rule 2"));
	say(&r, "fault list");
	assert_false(said(&r, "rule 2 "));
	say(&r, "fault clear");
	say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	assert_false(r.h->fw->fault_on);
	say(&r, "fault add cqe lost"); /* numbers are not used again */
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
	struct rig r = rig_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (h_say(r.h, bad[i]))
			fail_msg("'%s' was accepted", bad[i]);
		assert_ptr_equal(strstr(r.h->answer, "error: "), r.h->answer);
		assert_ptr_equal(strchr(r.h->answer, '\n') + 1, r.h->answer + strlen(r.h->answer));
	}
	assert_false(r.h->fw->fault_on);
	say(&r, "fault list");
	assert_string_equal(r.h->answer, "ok\n");
	h_free(r.h);
}

static void rules_are_capped(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	for (unsigned int i = 0; i < 256; i++)
		say(&r, "fault add cmd:* fn=vf7 nth=18446744073709551615 count=0 state=stopped "
			"status=255 syndrome=4294967295 delay=1000000000000000 late=1000000000000000 "
			"twice");
	assert_false(h_say(r.h, "fault add cqe lost"));
	assert_true(said(&r, "256 rules"));
	say(&r, "fault list");
	say(&r, "fault remove 100");
	say(&r, "fault add cqe lost");
	h_free(r.h); /* which frees them */
}

/* ---- which passages --------------------------------------------------------------------------- */

static void nth_and_count(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:QUERY_ISSI nth=3 count=2 status=BAD_PARAM syndrome=0xabcdef");
	for (unsigned int i = 1; i <= 6; i++) {
		start(&r, 2);
		assert_int_equal(result(&r, 2).status, i == 3 || i == 4 ? IFC_ST_BAD_PARAM : IFC_ST_OK);
		assert_int_equal(result(&r, 2).syndrome, i == 3 || i == 4 ? 0xabcdef : 0);
	}
	assert_int_equal(hits(&r, 1), 2);
	assert_true(said(&r, "seen=6 hits=2"));
	say(&r, "fault add cmd:QUERY_ISSI count=0 status=1");
	for (unsigned int i = 0; i < 5; i++) {
		start(&r, 2);
		assert_int_equal(result(&r, 2).status, IFC_ST_INTERNAL_ERR);
	}
	say(&r, "fault clear");
	assert_true(works(&r, 2));
	h_free(r.h);
}

/* The function concerned is the one that a command names, not the one that sends it. */
static void function_and_state(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:* fn=pf count=0 status=1");
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_int_equal(m_resume(r.h, r.id, M_RESUME_INITIATOR), IFC_ST_OK);
	assert_true(works(&r, 1));
	assert_int_equal(hits(&r, 1), 0);
	say(&r, "fault clear");
	say(&r, "fault add cmd:SUSPEND_VHCA fn=vf0 state=p2p status=BAD_RES");
	say(&r, "fault add cmd:SUSPEND_VHCA fn=vf1 count=0 status=BAD_RES");
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_BAD_RES);
	assert_int_equal(vhca(&r)->mig, FWSIM_MIG_INITIATOR_STOPPED);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(hits(&r, 2), 1);
	assert_int_equal(hits(&r, 3), 0);
	say(&r, "fault add cmd:DISABLE_HCA fn=vf1 status=1");
	h_boot(r.h, 2);
	assert_int_equal(h_disable_hca(r.h, 0, 2), IFC_ST_INTERNAL_ERR);
	assert_int_equal(h_disable_hca(r.h, 0, 2), IFC_ST_OK);
	h_free(r.h);
}

static void rules_add_up(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:QUERY_ISSI status=4");
	say(&r, "fault add cmd:* status=5 twice");
	start(&r, 0);
	assert_int_equal(result(&r, 0).status, 4);
	assert_int_equal(events(&r), 2);
	assert_int_equal(hits(&r, 1), 1);
	assert_int_equal(hits(&r, 2), 1);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_FAULT, "cmd:* nth=1 count=1 status=5 twice"));
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_CMD, "fault rule 1"));
	h_free(r.h);
}

static void sites_are_counted_when_asked(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	assert_false(h_say(r.h, "fault sites"));
	say(&r, "fault sites reset");
	say(&r, "fault sites");
	assert_string_equal(r.h->answer, "ok\n");
	for (unsigned int i = 0; i < 3; i++)
		assert_true(works(&r, i));
	m_stop(r.h, r.id);
	assert_int_equal(passed(&r, "cmd:QUERY_ISSI vf0"), 3);
	assert_int_equal(passed(&r, "cmd:SUSPEND_VHCA vf0"), 2);
	assert_int_equal(passed(&r, "cmd:SUSPEND_VHCA pf"), 0);
	assert_int_equal(passed(&r, "eqe:CMD vf0"), 3);
	assert_true(passed(&r, "dma:read pf") > 0);
	assert_true(passed(&r, "dma:write vf0") > 0);
	m_start(r.h, r.id);
	m_post_recv(&r.vf, 1, 0, 64);
	m_post_send(&r.vf, 0, IFC_WQE_SEND, 4096, 64, 0, true);
	h_settle(r.h);
	assert_int_equal(passed(&r, "cqe vf0"), 2);
	say(&r, "fault sites reset");
	assert_int_equal(passed(&r, "cqe vf0"), 0);
	say(&r, "fault sites off");
	assert_false(r.h->fw->fault_on);
	assert_false(h_say(r.h, "fault sites"));
	h_free(r.h);
}

/* ---- commands --------------------------------------------------------------------------------- */

static void status_is_not_executed(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD status=NO_RESOURCES");
	start_alloc(&r, 0);
	assert_int_equal(result(&r, 0).status, IFC_ST_NO_RESOURCES);
	assert_int_equal(pds(&r), n);
	say(&r, "fault add cmd:ALLOC_PD status=OK"); /* a lie */
	start_alloc(&r, 0);
	assert_int_equal(result(&r, 0).status, IFC_ST_OK);
	assert_int_equal(pds(&r), n);
	h_free(r.h);
}

static void delivery_is_not_executed(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD delivery=0x2");
	start_alloc(&r, 0);
	assert_true(done(&r, 0));
	assert_int_equal(result(&r, 0).delivery, IFC_DELIVERY_TOKEN);
	assert_int_equal(events(&r), 1);
	assert_int_equal(pds(&r), n);
	h_free(r.h);
}

static void delay_is_executed_later(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD delay=1000000");
	start_alloc(&r, 5);
	say(&r, "fault clear"); /* does not end what is under way */
	h_advance(r.h, 999999);
	assert_false(done(&r, 5));
	assert_int_equal(pds(&r), n);
	assert_true(works(&r, 6)); /* the others go on */
	h_cmd_ring(r.h, VF, 1u << 5);
	h_advance(r.h, 1);
	assert_true(done(&r, 5));
	assert_int_equal(events(&r), 1);
	assert_int_equal(pds(&r), n + 1);
	h_free(r.h);
}

static void delay_goes_with_other_actions_and_counts_once(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault sites reset");
	say(&r, "fault add cmd:QUERY_ISSI count=0 delay=1000 late=500 status=3 twice");
	start(&r, 0);
	h_advance(r.h, 1499);
	assert_false(done(&r, 0));
	h_advance(r.h, 1);
	assert_int_equal(result(&r, 0).status, IFC_ST_BAD_PARAM);
	assert_int_equal(events(&r), 2);
	assert_int_equal(hits(&r, 1), 1);
	assert_int_equal(passed(&r, "cmd:QUERY_ISSI vf0"), 1);
	h_free(r.h);
}

static void late_is_executed_at_once(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD late=1000000");
	start_alloc(&r, 0);
	assert_int_equal(pds(&r), n + 1);
	h_advance(r.h, 999999);
	assert_false(done(&r, 0));
	assert_int_equal(events(&r), 0);
	h_advance(r.h, 1);
	assert_true(done(&r, 0));
	assert_int_equal(events(&r), 1);
	h_free(r.h);
}

static void twice_is_told_twice(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:QUERY_ISSI twice");
	start(&r, 0);
	assert_int_equal(events(&r), 2);
	assert_true(works(&r, 0));
	h_free(r.h);
}

static void hang(struct rig *r, const char *rule, unsigned int new_pds)
{
	unsigned int n = pds(r);

	say(r, rule);
	start_alloc(r, 3);
	h_advance(r->h, 100 * H_SEC);
	assert_false(done(r, 3));
	assert_int_equal(events(r), 0);
	assert_int_equal(pds(r), n + new_pds);
	assert_int_equal(vhca(r)->cmd_busy, 1u << 3);
	assert_true(works(r, 4));
}

static void lost_hangs_until_the_slot_is_used_again(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	hang(&r, "fault add cmd:ALLOC_PD lost", 0);
	assert_true(works(&r, 3)); /* the driver has given it up */
	assert_int_equal(vhca(&r)->cmd_busy, 0);
	h_free(r.h);
}

static void lost_comes_before_the_delay_of_another_rule(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD delay=1000000000000");
	hang(&r, "fault add cmd:ALLOC_PD lost", 0);
	assert_true(works(&r, 3));
	h_free(r.h);
}

static void silent_is_executed_and_hangs(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	hang(&r, "fault add cmd:ALLOC_PD silent", 1);
	assert_true(works(&r, 3));
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
		struct rig r = rig_new(NULL);

		say(&r, rule[i % 4]);
		start_alloc(&r, 3);
		if (i < 4)
			fwsim_reset(r.h->fw, VF);
		else
			assert_int_equal(h_disable_hca(r.h, 0, VF), IFC_ST_OK);
		h_advance(r.h, H_SEC);
		assert_false(done(&r, 3));
		assert_int_equal(vhca(&r)->cmd_busy | vhca(&r)->cmd_pending | vhca(&r)->cmd_asked, 0);
		assert_int_equal(pds(&r), 0);
		assert_int_equal(hits(&r, 1), 1); /* the rule is the card's */
		h_free(r.h);
	}
}

static void free_with_everything_under_way(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD delay=1000");
	say(&r, "fault add cmd:ALLOC_PD nth=2 late=1000");
	say(&r, "fault add cmd:ALLOC_PD nth=3 lost");
	say(&r, "fault add eqe:CMD delay=1000");
	for (unsigned int i = 0; i < 4; i++)
		start_alloc(&r, i);
	h_free(r.h);
}

/* A delayed command is not lost: it is done after the RESUME, and only once. */
static void delayed_command_of_a_vf_that_is_stopped(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD count=0 delay=1000000 twice");
	start_alloc(&r, 3);
	m_stop(r.h, r.id);
	h_advance(r.h, H_SEC);
	assert_false(done(&r, 3));
	assert_int_equal(pds(&r), n);
	assert_int_equal(vhca(&r)->cmd_pending, 1u << 3);
	m_start(r.h, r.id);
	assert_true(done(&r, 3));
	assert_int_equal(pds(&r), n + 1);
	assert_int_equal(events(&r), 2);
	assert_int_equal(hits(&r, 1), 1);
	h_free(r.h);
}

static void delayed_command_is_in_the_image(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int n = pds(&r), to = m_vhca_id(r.h, VF + 1);
	uint32_t size;

	(void)state;
	h_boot(r.h, VF + 1);
	say(&r, "fault add cmd:ALLOC_PD delay=1000000");
	start_alloc(&r, 3);
	m_stop(r.h, r.id);
	m_stop(r.h, to);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, BUF, &size), IFC_ST_OK);
	m_move_memory(&r.vf, VF + 1);
	assert_int_equal(m_load(r.h, to, r.buf.key, size), IFC_ST_OK);
	m_start(r.h, to);
	assert_true(h_cmd_done(r.h, VF + 1, 3));
	assert_int_equal(r.h->fw->vhca[VF + 1]->obj[FWSIM_OBJ_PD].used, n + 1);
	assert_int_equal(events(&r), 1);
	h_free(r.h);
}

/* The wish for a reset is not in the image, and must not stay without its syndrome. */
static void wish_for_a_reset_goes_with_the_load(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int to = m_vhca_id(r.h, VF + 1);
	uint32_t size;

	(void)state;
	h_boot(r.h, VF + 1);
	say(&r, "health vf1 1 rfr");
	m_stop(r.h, r.id);
	m_stop(r.h, to);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, BUF, &size), IFC_ST_OK);
	assert_int_equal(h_rd32(r.h, VF + 1, IFC_ISEG_HEALTH + 0x38) >> 31, 1);
	assert_int_equal(m_load(r.h, to, r.buf.key, size), IFC_ST_OK);
	assert_int_equal(h_rd32(r.h, VF + 1, IFC_ISEG_HEALTH + 0x3c), 0);
	assert_int_equal(h_rd32(r.h, VF + 1, IFC_ISEG_HEALTH + 0x38), 0);
	h_free(r.h);
}

static void late_answer_comes_before_the_stop(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD late=1000000000");
	start_alloc(&r, 3);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_true(done(&r, 3));
	h_free(r.h);
}

static void hung_command_stays_hung_over_a_stop(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:ALLOC_PD silent");
	start_alloc(&r, 3);
	m_stop(r.h, r.id);
	m_start(r.h, r.id);
	h_advance(r.h, H_SEC);
	assert_false(done(&r, 3));
	assert_true(works(&r, 3));
	h_free(r.h);
}

static void bus_master_off_during_a_delay(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cmd:QUERY_ISSI delay=1000");
	say(&r, "fault add cmd:QUERY_ISSI nth=2 late=1000");
	start(&r, 3);
	start(&r, 4);
	fwsim_set_bus_master(r.h->fw, VF, false);
	h_advance(r.h, H_SEC);
	assert_false(done(&r, 3) || done(&r, 4));
	fwsim_set_bus_master(r.h->fw, VF, true);
	assert_true(done(&r, 3) && done(&r, 4));
	assert_int_equal(events(&r), 2);
	h_free(r.h);
}

/* ---- images ----------------------------------------------------------------------------------- */

/* The image of the stopped VF under no rule, then under @rule: where the two differ. */
static uint32_t image_under(struct rig *r, const char *rule, uint32_t *clean, uint8_t *diff, uint32_t *at)
{
	uint8_t *mem = h_mem(r->h, 0, r->buf.addr), *was = malloc(BUF);
	uint32_t size;

	assert_non_null(was);
	assert_int_equal(m_save(r->h, r->id, 0, r->buf.key, BUF, clean), IFC_ST_OK);
	memcpy(was, mem, BUF);
	memset(mem, 0, BUF);
	say(r, rule);
	assert_int_equal(m_save(r->h, r->id, 0, r->buf.key, BUF, &size), IFC_ST_OK);
	*diff = 0;
	for (uint32_t i = 0; i < size; i++) {
		if (mem[i] == was[i])
			continue;
		assert_int_equal(*diff, 0); /* one byte at most */
		*diff = mem[i] ^ was[i];
		*at = i;
	}
	for (uint32_t i = size; i < BUF; i++)
		assert_int_equal(mem[i], 0);
	free(was);
	return size;
}

static void save_flips_a_bit(void **state)
{
	struct rig r = rig_new(NULL);
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
	struct rig r = rig_new(NULL);
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
	struct rig r = rig_new(NULL);
	uint8_t *mem = h_mem(r.h, 0, r.buf.addr), was[64];
	uint32_t size;

	(void)state;
	m_stop(r.h, r.id);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, BUF, &size), IFC_ST_OK);
	memcpy(was, mem, sizeof(was));
	say(&r, "fault add cmd:LOAD_VHCA_STATE flip=0");
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_BAD_PARAM);
	assert_memory_equal(mem, was, sizeof(was));
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_OK);
	h_free(r.h);
}

static void query_tells_a_larger_size(void **state)
{
	struct rig r = rig_new(NULL);
	uint32_t size, larger;

	(void)state;
	m_stop(r.h, r.id);
	assert_int_equal(m_query(r.h, r.id, 0, &size), IFC_ST_OK);
	say(&r, "fault add cmd:QUERY_VHCA_MIGRATION_STATE larger=0x10000");
	assert_int_equal(m_query(r.h, r.id, 0, &larger), IFC_ST_OK);
	assert_int_equal(larger, size + 0x10000);
	say(&r, "fault add cmd:QUERY_VHCA_MIGRATION_STATE larger=0xffffffff");
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
		struct rig r = rig_new(&cfg);

		m_stop(r.h, r.id);
		if (i)
			say(&r, "fault add cmd:SAVE_VHCA_STATE larger=0x1000");
		IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
		IFC_SET(save_vhca_state_in, in, vhca_id, r.id);
		IFC_SET(save_vhca_state_in, in, mkey, r.buf.key);
		IFC_SET(save_vhca_state_in, in, size, BUF);
		assert_int_equal(H_CMD(r.h, 0, in, out), IFC_ST_OK);
		next[i] = IFC_GET(save_vhca_state_out, out, next_required_umem_size);
		h_free(r.h);
	}
	assert_true(next[0]);
	assert_int_equal(next[1], next[0] + 0x1000);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void eqe_is_lost(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add eqe:CMD lost");
	start(&r, 0);
	assert_true(done(&r, 0));
	assert_int_equal(events(&r), 0);
	assert_int_equal(hits(&r, 1), 1);
	assert_true(works(&r, 0));
	h_free(r.h);
}

static void eqe_comes_twice(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add eqe:* twice fn=vf0");
	start(&r, 0);
	assert_int_equal(events(&r), 2);
	assert_true(works(&r, 0));
	h_free(r.h);
}

static void eqe_comes_later(void **state)
{
	struct rig r = rig_new(NULL);
	unsigned int irqs = h_msix(r.h, VF, M_CMD_VECTOR);

	(void)state;
	say(&r, "fault add eqe:CMD delay=1000000 twice");
	start(&r, 0);
	assert_true(done(&r, 0));
	say(&r, "fault remove 1");
	assert_true(works(&r, 1)); /* overtakes it */
	irqs = h_msix(r.h, VF, M_CMD_VECTOR);
	h_advance(r.h, 999999);
	assert_int_equal(events(&r), 0);
	h_advance(r.h, 1);
	assert_int_equal(h_msix(r.h, VF, M_CMD_VECTOR), irqs + 1);
	assert_int_equal(events(&r), 2);
	h_free(r.h);
}

static void held_event_goes_with_its_eq(void **state)
{
	struct rig r = rig_new(NULL);
	IFC_BUF(destroy_eq_in, in) = { 0 };
	IFC_BUF(destroy_eq_out, out);
	uint32_t eqn;

	(void)state;
	say(&r, "fault add eqe:CMD delay=1000000");
	start(&r, 0);
	IFC_SET(destroy_eq_in, in, opcode, MLX5_CMD_OP_DESTROY_EQ);
	IFC_SET(destroy_eq_in, in, eq_number, r.vf.cmd_eqn);
	assert_int_equal(H_CMD(r.h, VF, in, out), IFC_ST_OK);
	eqn = m_create_eq(r.h, VF, r.vf.uar, M_CMD_VECTOR, 1ULL << IFC_EVENT_CMD, r.vf.cmd_eq);
	assert_int_equal(eqn, r.vf.cmd_eqn); /* the same number */
	r.vf.cmd_eq_ci = 0;
	h_advance(r.h, H_SEC);
	assert_int_equal(events(&r), 0);
	say(&r, "fault add eqe:CMD delay=1000000");
	start(&r, 0);
	fwsim_reset(r.h->fw, VF);
	h_dma_clear(r.h);
	h_advance(r.h, H_SEC);
	assert_false(h_dma_wrote(r.h, ~0u, 0, 0));
	h_free(r.h);
}

static void held_event_is_written_before_the_stop(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add eqe:CMD delay=1000000000");
	start(&r, 0);
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	assert_null(m_poll_eq(&r.vf, true));
	assert_int_equal(m_suspend(r.h, r.id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_non_null(m_poll_eq(&r.vf, true));
	h_advance(r.h, 2 * H_SEC);
	assert_null(m_poll_eq(&r.vf, true));
	h_free(r.h);
}

static void held_event_waits_for_bus_mastering(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add eqe:CMD delay=1000");
	start(&r, 0);
	fwsim_set_bus_master(r.h->fw, VF, false);
	h_advance(r.h, H_SEC);
	assert_int_equal(vhca(&r)->health_synd, 0);
	fwsim_set_bus_master(r.h->fw, VF, true);
	assert_int_equal(events(&r), 1);
	h_free(r.h);
}

static void completion_event_is_lost(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add eqe:COMP lost");
	for (unsigned int i = 0; i < 2; i++) {
		m_arm_cq(&r.vf, 0);
		m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
		h_settle(r.h);
		assert_non_null(m_poll(&r.vf, 0));
		assert_int_equal(comp_events(&r), i); /* an arm later all is well */
	}
	h_free(r.h);
}

/* ---- completions and DMA ---------------------------------------------------------------------- */

static void cqe_is_lost(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add cqe lost");
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_null(m_poll(&r.vf, 0));
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_int_equal(ifc_ld16(m_poll(&r.vf, 0) + 60), 1); /* of the second */
	h_free(r.h);
}

static void cqe_comes_twice(void **state)
{
	struct rig r = rig_new(NULL);
	uint8_t first[63];
	const uint8_t *cqe;

	(void)state;
	/* all round the ring, so that the two are once on both sides of its end */
	say(&r, "fault add cqe count=0 twice");
	for (unsigned int i = 0; i < 100; i++) {
		if (i == 10) {
			say(&r, "fault add cqe lost"); /* an odd number, for that */
			m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
			h_settle(r.h);
			say(&r, "fault clear");
			m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
			h_settle(r.h);
			assert_non_null(m_poll(&r.vf, 0));
			say(&r, "fault add cqe count=0 twice");
		}
		m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
		h_settle(r.h);
		cqe = m_poll(&r.vf, 0);
		assert_non_null(cqe);
		memcpy(first, cqe, sizeof(first));
		cqe = m_poll(&r.vf, 0);
		assert_non_null(cqe);
		assert_memory_equal(cqe, first, sizeof(first));
		assert_null(m_poll(&r.vf, 0));
	}
	h_free(r.h);
}

static void dma_is_refused(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "fault add dma:write fn=vf0 refused");
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	assert_int_equal(m_poll(&r.vf, 0)[63] >> 4, IFC_CQE_REQ_ERR);
	assert_non_null(h_trace_find(r.h, FWSIM_TRACE_DMA_ERROR, "fault rule"));
	say(&r, "fault add dma:read fn=vf0 refused");
	h_trace_clear(r.h);
	start(&r, 0);
	h_advance(r.h, H_SEC);
	assert_false(done(&r, 0)); /* its entry could not be read */
	assert_int_equal(hits(&r, 2), 1);
	h_cmd_ring(r.h, VF, 1);
	assert_true(done(&r, 0));
	h_free(r.h);
}

/* What a rule does is not held against the driver. */
static void faults_are_no_violations(void **state)
{
	struct rig r = rig_new(NULL);

	(void)state;
	say(&r, "oracle violations clear");
	say(&r, "fault add cmd:QUERY_ISSI status=BAD_PARAM");
	say(&r, "fault add cmd:QUERY_ISSI delivery=3 nth=2");
	say(&r, "fault add cmd:QUERY_ISSI lost nth=3");
	for (unsigned int i = 0; i < 4; i++)
		start(&r, 0);
	for (unsigned int i = 1; i <= 4; i++) {
		char rule[80];

		snprintf(rule, sizeof(rule), "fault add dma:%s fn=vf0 refused nth=%u",
			 i % 2 ? "read" : "write", (i + 1) / 2);
		say(&r, rule);
		start(&r, 1);
	}
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	say(&r, "fault add dma:write fn=vf0 refused nth=2"); /* the CQE */
	m_post_send(&r.vf, 0, IFC_WQE_RDMA_WRITE, 0, 64, 4096, true);
	h_settle(r.h);
	for (unsigned int i = 1; i <= 8; i++)
		assert_int_equal(hits(&r, i), 1);
	say(&r, "oracle violations");
	assert_string_equal(r.h->answer, "ok\n");
	h_free(r.h);
}

/* An image that the bus refuses: the VF is as before and can be saved again. */
static void image_is_refused_by_the_bus(void **state)
{
	struct rig r = rig_new(NULL);
	uint32_t size;

	(void)state;
	m_stop(r.h, r.id);
	say(&r, "fault add dma:write fn=pf refused");
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, BUF, NULL), IFC_ST_INTERNAL_ERR);
	assert_int_equal(m_save(r.h, r.id, 0, r.buf.key, BUF, &size), IFC_ST_OK);
	assert_int_equal(m_load(r.h, r.id, r.buf.key, size), IFC_ST_OK);
	h_free(r.h);
}

/* ---- the driver's patience -------------------------------------------------------------------- */

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
		cmocka_unit_test(rules_are_listed_as_given),
		cmocka_unit_test(malformed_rules_are_refused),
		cmocka_unit_test(rules_are_capped),
		cmocka_unit_test(nth_and_count),
		cmocka_unit_test(function_and_state),
		cmocka_unit_test(rules_add_up),
		cmocka_unit_test(sites_are_counted_when_asked),
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
		cmocka_unit_test(save_flips_a_bit),
		cmocka_unit_test(save_is_short_or_empty),
		cmocka_unit_test(load_flips_a_bit),
		cmocka_unit_test(query_tells_a_larger_size),
		cmocka_unit_test(save_tells_a_larger_next_size),
		cmocka_unit_test(eqe_is_lost),
		cmocka_unit_test(eqe_comes_twice),
		cmocka_unit_test(eqe_comes_later),
		cmocka_unit_test(held_event_goes_with_its_eq),
		cmocka_unit_test(held_event_is_written_before_the_stop),
		cmocka_unit_test(held_event_waits_for_bus_mastering),
		cmocka_unit_test(completion_event_is_lost),
		cmocka_unit_test(cqe_is_lost),
		cmocka_unit_test(cqe_comes_twice),
		cmocka_unit_test(dma_is_refused),
		cmocka_unit_test(faults_are_no_violations),
		cmocka_unit_test(image_is_refused_by_the_bus),
		cmocka_unit_test(command_timeout_is_told),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
