// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B2, 30 to 37: every way from a state to another, for the set of flags that the
 * device has. Names begin with the number of their statement (contract.table). A way that the set of
 * flags does not have is refused, and the guest does not notice.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "control.h"

/* The end of the state or session that @missing would be: refused, and nothing has happened. */
static void refused(int at, int missing)
{
	int fd = -2, old = go(at), rc = vfmig_set(dev, missing, &fd);

	CHECK_MSG(rc == -EINVAL, "%s -> %s: %s", vfmig_state_name(at), vfmig_state_name(missing),
		  strerror(-rc));
	CHECK_EQ(fd, -1);
	vfmig_expect(dev, at);
	if (old >= 0)
		close(old);
	come_back();
}

/* How many of its two sides a VF has stopped. */
static unsigned int stopped_sides(int state)
{
	return runs(state) ? 0 : state == ST_RUNNING_P2P || state == ST_PRE_COPY_P2P ? 1 : 2;
}

/* How often @command was given to VF 0, by the lines of "fault sites". */
static unsigned int given(const char *sites, const char *command)
{
	char what[64];
	const char *line;

	snprintf(what, sizeof(what), "cmd:%s vf0 ", command);
	line = strstr(sites, what);
	return line ? (unsigned int)atoi(line + strlen(what)) : 0;
}

/* The firmware has seen the way: each side stopped and started as often as its arcs say. */
static void commands_of(int from, const struct way *way)
{
	unsigned int suspend = 0, resume = 0, at = stopped_sides(from);
	char *sites = ctl_ask("fault sites");

	ctl("fault sites off");
	for (unsigned int i = 0; i < way->n; i++) {
		unsigned int next = stopped_sides(way->state[i]);

		suspend += next > at ? next - at : 0;
		resume += next < at ? at - next : 0;
		at = next;
	}
	CHECK_MSG(given(sites, "SUSPEND_VHCA") == suspend && given(sites, "RESUME_VHCA") == resume,
		  "%s: %u times suspended, expected %u; %u times resumed, expected %u",
		  way_text(from, way), given(sites, "SUSPEND_VHCA"), suspend,
		  given(sites, "RESUME_VHCA"), resume);
	free(sites);
}

/* @from to @to; after it the VF, or one that takes over its state, works as before. */
static void arc(int from, int to)
{
	bool stopped, same_session = is_pre(from) && is_saving(to), sites = ctl_available();
	struct vfmig_stream s = { 0 };
	int fd = -2, old, rc;
	struct way way;
	uint64_t flags;

	start_a();
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	if (!way_find(flags, from, to, &way)) {
		if (has_state(from))
			refused(from, to);
		else
			refused(ST_RUNNING, from);
		return;
	}
	old = go(from);
	work_post(&w, 2, WORK_RECORD);
	if (sites)
		ctl("fault sites reset");
	rc = vfmig_set(dev, to, &fd);
	CHECK_MSG(!rc, "%s: %s", way_text(from, &way), strerror(-rc));
	CHECK_MSG((fd >= 0) == starts_session(from, to), "data_fd %d", fd);
	if (sites)
		commands_of(from, &way);
	vfmig_expect(dev, to);
	if (old >= 0 && !same_session) {
		uint8_t byte = 0;

		/* 48, 49: the old session is over */
		CHECK(from == ST_RESUMING ? write(old, &byte, 1) < 0 : read(old, &byte, 1) < 0);
		CHECK_EQ(errno, ENODEV);
		close(old);
		old = -1;
	}
	if (to == ST_RESUMING) {
		/* the state may be gone (43) */
		reset_a();
		return;
	}
	if (to == ST_STOP_COPY) {
		CHECK_EQ(vfmig_read_all(fd >= 0 ? fd : old, &s, 0), 0);
		vfmig_first_data(&s);
		records_are_whole(&s);
	}
	/* a VF that was suspended finds the doorbell record by itself; one that was not, must be told */
	stopped = !runs(from);
	for (unsigned int i = 0; i < way.n; i++)
		stopped |= !runs(way.state[i]);
	if (!runs(to))
		work_quiet(&w, 10);
	if (to != ST_RUNNING)
		vfmig_set_ok(dev, ST_RUNNING);
	if (!stopped)
		mlx5_ring(&a, 0);
	work_done(&w, 2);
	work_run(&w, 10);
	work_positions(&w);
}

#define ARC(name, from, to) static void name(void) { arc(ST_##from, ST_##to); }
ARC(b2_30_resuming_stop, RESUMING, STOP)
ARC(b2_30_stop_resuming, STOP, RESUMING)
ARC(b2_30_stop_stop_copy, STOP, STOP_COPY)
ARC(b2_30_stop_copy_stop, STOP_COPY, STOP)
ARC(b2_31_running_running_p2p, RUNNING, RUNNING_P2P)
ARC(b2_31_running_p2p_running, RUNNING_P2P, RUNNING)
ARC(b2_31_running_p2p_stop, RUNNING_P2P, STOP)
ARC(b2_31_stop_running_p2p, STOP, RUNNING_P2P)
ARC(b2_32_running_pre_copy, RUNNING, PRE_COPY)
ARC(b2_32_pre_copy_running, PRE_COPY, RUNNING)
ARC(b2_33_pre_copy_pre_copy_p2p, PRE_COPY, PRE_COPY_P2P)
ARC(b2_33_pre_copy_p2p_pre_copy, PRE_COPY_P2P, PRE_COPY)
ARC(b2_33_pre_copy_p2p_running_p2p, PRE_COPY_P2P, RUNNING_P2P)
ARC(b2_33_pre_copy_p2p_stop_copy, PRE_COPY_P2P, STOP_COPY)
ARC(b2_33_running_p2p_pre_copy_p2p, RUNNING_P2P, PRE_COPY_P2P)
/* 32 and 34, without P2P, end in the same pairs of states as 35 a, n and u */
ARC(b2_32_35a_pre_copy_stop_copy, PRE_COPY, STOP_COPY)
ARC(b2_35b_pre_copy_running_p2p, PRE_COPY, RUNNING_P2P)
ARC(b2_35c_pre_copy_stop, PRE_COPY, STOP)
ARC(b2_35d_pre_copy_resuming, PRE_COPY, RESUMING)
ARC(b2_35e_pre_copy_p2p_running, PRE_COPY_P2P, RUNNING)
ARC(b2_35f_pre_copy_p2p_stop, PRE_COPY_P2P, STOP)
ARC(b2_35g_pre_copy_p2p_resuming, PRE_COPY_P2P, RESUMING)
ARC(b2_35h_resuming_running_p2p, RESUMING, RUNNING_P2P)
ARC(b2_35i_resuming_pre_copy_p2p, RESUMING, PRE_COPY_P2P)
ARC(b2_35j_resuming_running, RESUMING, RUNNING)
ARC(b2_35k_resuming_pre_copy, RESUMING, PRE_COPY)
ARC(b2_35l_resuming_stop_copy, RESUMING, STOP_COPY)
ARC(b2_35m_running_pre_copy_p2p, RUNNING, PRE_COPY_P2P)
ARC(b2_34_35n_running_stop, RUNNING, STOP)
ARC(b2_35o_running_resuming, RUNNING, RESUMING)
ARC(b2_35p_running_stop_copy, RUNNING, STOP_COPY)
ARC(b2_35q_running_p2p_pre_copy, RUNNING_P2P, PRE_COPY)
ARC(b2_35r_running_p2p_resuming, RUNNING_P2P, RESUMING)
ARC(b2_35s_running_p2p_stop_copy, RUNNING_P2P, STOP_COPY)
ARC(b2_35t_stop_pre_copy_p2p, STOP, PRE_COPY_P2P)
ARC(b2_34_35u_stop_running, STOP, RUNNING)
ARC(b2_35v_stop_pre_copy, STOP, PRE_COPY)
ARC(b2_35w_stop_copy_resuming, STOP_COPY, RESUMING)
ARC(b2_35x_stop_copy_running_p2p, STOP_COPY, RUNNING_P2P)
ARC(b2_35y_stop_copy_running, STOP_COPY, RUNNING)

/*
 * 32, 40, 40 and 56 results for the four sets of flags, 168 in all, each printed and compared with the
 * model. That a file comes for the last arc of a way only (never from its middle) is seen by data_fd and
 * by the next request.
 */
static void b2_37_table_of_states(void)
{
	start_a();
	walk_table();
	work_run(&w, 5);
}

/* The whole of it with what this set of flags has: a guest moves. */
static void b2_36_migration_with_these_flags(void)
{
	bool p2p, pre;
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	p2p = has(VFIO_MIGRATION_P2P);
	pre = has(VFIO_MIGRATION_PRE_COPY);
	if (pre) {
		fd = vfmig_open_ok(dev, ST_PRE_COPY);
		for (unsigned int i = 0; i < 2; i++) {
			change_state();
			drain(fd, &s);
		}
		if (p2p)
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		vfmig_set_ok(dev, ST_STOP_COPY);
	} else {
		move_stop(&a.dev);
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
	}
	work_post(&w, 3, WORK_RECORD);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	close(fd);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_done(&w, 3);
	work_run(&w, 10);
	work_positions(&w);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b2_30_resuming_stop),
		TAP_TEST(b2_30_stop_resuming),
		TAP_TEST(b2_30_stop_stop_copy),
		TAP_TEST(b2_30_stop_copy_stop),
		TAP_TEST(b2_31_running_running_p2p),
		TAP_TEST(b2_31_running_p2p_running),
		TAP_TEST(b2_31_running_p2p_stop),
		TAP_TEST(b2_31_stop_running_p2p),
		TAP_TEST(b2_32_running_pre_copy),
		TAP_TEST(b2_32_pre_copy_running),
		TAP_TEST(b2_33_pre_copy_pre_copy_p2p),
		TAP_TEST(b2_33_pre_copy_p2p_pre_copy),
		TAP_TEST(b2_33_pre_copy_p2p_running_p2p),
		TAP_TEST(b2_33_pre_copy_p2p_stop_copy),
		TAP_TEST(b2_33_running_p2p_pre_copy_p2p),
		TAP_TEST(b2_32_35a_pre_copy_stop_copy),
		TAP_TEST(b2_35b_pre_copy_running_p2p),
		TAP_TEST(b2_35c_pre_copy_stop),
		TAP_TEST(b2_35d_pre_copy_resuming),
		TAP_TEST(b2_35e_pre_copy_p2p_running),
		TAP_TEST(b2_35f_pre_copy_p2p_stop),
		TAP_TEST(b2_35g_pre_copy_p2p_resuming),
		TAP_TEST(b2_35h_resuming_running_p2p),
		TAP_TEST(b2_35i_resuming_pre_copy_p2p),
		TAP_TEST(b2_35j_resuming_running),
		TAP_TEST(b2_35k_resuming_pre_copy),
		TAP_TEST(b2_35l_resuming_stop_copy),
		TAP_TEST(b2_35m_running_pre_copy_p2p),
		TAP_TEST(b2_34_35n_running_stop),
		TAP_TEST(b2_35o_running_resuming),
		TAP_TEST(b2_35p_running_stop_copy),
		TAP_TEST(b2_35q_running_p2p_pre_copy),
		TAP_TEST(b2_35r_running_p2p_resuming),
		TAP_TEST(b2_35s_running_p2p_stop_copy),
		TAP_TEST(b2_35t_stop_pre_copy_p2p),
		TAP_TEST(b2_34_35u_stop_running),
		TAP_TEST(b2_35v_stop_pre_copy),
		TAP_TEST(b2_35w_stop_copy_resuming),
		TAP_TEST(b2_35x_stop_copy_running_p2p),
		TAP_TEST(b2_35y_stop_copy_running),
		TAP_TEST(b2_36_migration_with_these_flags),
		TAP_TEST(b2_37_table_of_states),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
