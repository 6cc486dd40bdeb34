// SPDX-License-Identifier: GPL-2.0-or-later
/* The object of page tracking: what CREATE, MODIFY and the card's configuration check, what QUERY says. */
#include "track_rig.h"

static void create_checks_every_number(void **state)
{
	static const struct {
		const char *what;
		enum ifc_status want;
	} cases[] = {
		{ "type", IFC_ST_BAD_PARAM },	   { "vhca_id of nobody", IFC_ST_BAD_RES },
		{ "vhca_id of the PF", IFC_ST_BAD_PARAM }, { "state", IFC_ST_BAD_PARAM },
		{ "track_type", IFC_ST_BAD_PARAM },  { "space too small", IFC_ST_BAD_PARAM },
		{ "space too large", IFC_ST_BAD_PARAM }, { "page too small", IFC_ST_BAD_PARAM },
		{ "page too large", IFC_ST_BAD_PARAM }, { "message too small", IFC_ST_BAD_PARAM },
		{ "message too large", IFC_ST_BAD_PARAM }, { "no range", IFC_ST_BAD_PARAM },
		{ "too many ranges", IFC_ST_BAD_PARAM }, { "ranges missing", IFC_ST_BAD_INPUT_LEN },
		{ "empty range", IFC_ST_BAD_PARAM }, { "range that wraps", IFC_ST_BAD_PARAM },
		{ "ranges overlap", IFC_ST_BAD_PARAM }, { "more than the space", IFC_ST_BAD_PARAM },
		{ "no such QP", IFC_ST_BAD_RES }, { "QP with a send queue", IFC_ST_BAD_PARAM },
		{ "QP not in RTS", IFC_ST_BAD_QP_STATE }, { "VF not enabled", IFC_ST_BAD_RES },
	};
	struct t_rig *r = *state;
	struct d_qp plain;

	d_qp(&r->pf, &plain);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct t_in t = t_good(r);
		enum ifc_status st;

		switch (i) {
		case 0: t.type = 0x47; break;
		case 1: t.vhca_id = 0x99; break;
		case 2: t.vhca_id = 1; break;
		case 3: t.state = 1; break;
		case 4: t.track_type = 2; break;
		case 5: t.log_space = 11; break;
		case 6: t.log_space = 53; break;
		case 7: t.log_page = 11; break;
		case 8: t.log_page = 22; break;
		case 9: t.log_msg = 2; break;
		case 10: t.log_msg = T_LOG_MSG + 1; break;
		case 11: t.n = 0; break;
		case 12: t.n = 17; break;
		case 13: t.cut = 8; break;
		case 14: t.range[0].len = 0; break;
		case 15: t.range[0].start = UINT64_MAX - 1; break;
		case 16: t.n = 2; t.range[1].start = H_MEM_BASE + H_MEM_SIZE - 1; t.range[1].len = 1; break;
		case 17: t.log_space = 24; break;
		case 18: t.qpn = 0x3fff; break;
		case 19: t.qpn = plain.qpn; break;
		case 20: t.qpn = r->host_qp; break;
		case 21: t.vhca_id = 0x11; break;
		}
		st = t_create(r, &t);
		if (st != cases[i].want)
			fail_msg("%s: status 0x%x, not 0x%x", cases[i].what, st, cases[i].want);
		assert_null(r->vf.v->tracks);
	}
	t_make(r);
}

static void object_is_what_was_asked_for(void **state)
{
	struct t_rig *r = *state;
	IFC_BUF(query_page_track_obj_out, out);
	uint8_t *ctx = out + 0x10;

	assert_int_equal(t_simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id, out, sizeof(out)),
			 IFC_ST_OK);
	assert_int_equal(IFC_GET(page_track, ctx, vhca_id), 0x10);
	assert_int_equal(IFC_GET(page_track, ctx, state), T_TRACKING);
	assert_int_equal(IFC_GET(page_track, ctx, track_type), 1);
	assert_int_equal(IFC_GET(page_track, ctx, log_addr_space_size), 25);
	assert_int_equal(IFC_GET(page_track, ctx, log_page_size), 12);
	assert_int_equal(IFC_GET(page_track, ctx, log_msg_size), T_LOG_MSG);
	assert_int_equal(IFC_GET(page_track, ctx, reporting_qpn), r->fw_qp);
	assert_int_equal(IFC_GET(page_track, ctx, num_ranges), 1);
	assert_int_equal(t_simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, r->id + 1, out, sizeof(out)),
			 IFC_ST_BAD_RES);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	assert_int_equal(t_destroy(r), IFC_ST_BAD_RES);
	assert_null(r->vf.v->tracks);
}

static void a_qp_serves_one_tracker_and_is_busy_with_it(void **state)
{
	struct t_rig *r = *state;
	struct t_in t = t_good(r);
	uint8_t out[16];

	assert_int_equal(t_create(r, &t), IFC_ST_RES_BUSY);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_DESTROY_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_RES_BUSY);
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	assert_int_equal(d_simple(&r->pf, MLX5_CMD_OP_DESTROY_QP, r->fw_qp, out, sizeof(out)),
			 IFC_ST_OK);
}

static void modify_checks_window_and_state(void **state)
{
	struct t_rig *r = *state;

	assert_int_equal(t_modify(r, H_MEM_BASE, 0, T_REPORTING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(t_modify(r, UINT64_MAX, 2, T_REPORTING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(t_modify(r, T_ALL, T_TRACKING, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(t_modify(r, T_ALL, T_ERROR, 3), IFC_ST_BAD_PARAM);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 1), IFC_ST_BAD_PARAM);
	assert_int_equal(t_modify(r, T_ALL, T_REPORTING, 7), IFC_ST_BAD_PARAM);
	d_expect_none(&r->cq);
	assert_int_equal(t_state(r), T_TRACKING);
}

static void a_card_without_tracker_has_no_general_objects(void **state)
{
	struct fwsim_config cfg = t_config();
	IFC_BUF(general_obj_out_cmd_hdr, out);
	struct t_in t;
	struct t_rig *r;

	cfg.no_tracker = true;
	t_setup_with(state, &cfg);
	r = *state;
	t = t_good(r);
	assert_int_equal(t_create(r, &t), IFC_ST_BAD_OP);
	assert_int_equal(t_simple(r, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, 0x800, out, sizeof(out)),
			 IFC_ST_BAD_OUTPUT_LEN);
	assert_int_equal(t_simple(r, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, 0x800, out, sizeof(out)),
			 IFC_ST_BAD_OP);
	t_teardown(state);
}

static void limits_of_the_card_are_checked(void **state)
{
	static const struct {
		struct fwsim_config c;
		bool ok;
	} cases[] = {
		{ { .track_max = 1 }, true }, { { .track_max = 3 }, false },
		{ { .track_max_ranges = 255 }, true }, { { .track_max_ranges = 256 }, false },
		{ { .track_log_max_msg = 20 }, true }, { { .track_log_max_msg = 21 }, false },
		{ { .track_log_max_msg = 6 }, true }, { { .track_log_min_msg = 2 }, false },
		{ { .track_log_min_page = 16, .track_log_max_page = 15 }, false },
		{ { .track_log_min_page = 30 }, true }, { { .track_log_max_space = 64 }, false },
	};
	static const struct fwsim_host_ops none;
	char err[160];

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fwsim *fw;

		err[0] = '\0';
		fw = fwsim_create(&cases[i].c, &none, NULL, err, sizeof(err));
		if (!fw != !cases[i].ok)
			fail_msg("case %u: %s", i, fw ? "taken" : err);
		assert_int_equal(!fw, err[0] != '\0');
		fwsim_destroy(fw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_APART(create_checks_every_number),
		T_TRACKED(object_is_what_was_asked_for),
		T_TRACKED(a_qp_serves_one_tracker_and_is_busy_with_it),
		T_TRACKED(modify_checks_window_and_state),
		cmocka_unit_test(a_card_without_tracker_has_no_general_objects),
		cmocka_unit_test(limits_of_the_card_are_checked),
	};

	return cmocka_run_group_tests_name("page_track", tests, NULL, NULL);
}
