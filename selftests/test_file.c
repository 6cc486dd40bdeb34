// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest in three files: memory, the VF's stream, the interrupts. "save DIR" writes them and lets go
 * of everything; "load DIR", in another VM, on a VF of another PF, goes on with the work.
 * selftests/two_vms.sh calls both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

#define BEFORE 77U
#define UNDER_WAY 9U

static const char *dir;
static struct mlx5_mem mem;
static struct mlx5_vf a;
static struct work w;

static const char *path(const char *name)
{
	static char buf[2][512];
	static unsigned int turn;
	char *p = buf[turn++ % 2];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static void work_then_save(void)
{
	struct vfmig_stream s = { 0 };

	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, BEFORE);
	mlx5_arm_cq(&a, 0);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, UNDER_WAY, WORK_RING);
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	CHECK_EQ(file_write(path("state"), s.p, s.len), 0);
	CHECK_EQ(file_write(path("memory"), mem.va, mem.len), 0);
	tap_diag("%s: state %zu bytes, memory %zu bytes, PF %s", a.dev.bdf, s.len, mem.len, env_pf(0));
}

static void load_then_work(void)
{
	struct vfmig_stream s = { 0 };
	size_t len;
	void *p;

	CHECK_EQ(file_read(path("memory"), &p, &len), 0);
	mlx5_mem_init(&mem);
	CHECK_EQ(len, mem.len);
	memcpy(mem.va, p, len);
	CHECK_EQ(file_read(path("state"), &p, &s.len), 0);
	s.p = p;
	/* the last VF of the second PF: nothing in its address is that of the source */
	mlx5_open(&a, env_vf2(3), &mem);
	need_migration(&a.dev);
	mlx5_irqs(&a);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	w = (struct work){ .vf = &a, .peer = &a };
	CHECK_EQ(work_books(&a, 0)->done, BEFORE);
	CHECK_MSG(mlx5_wait_event(&a, 0, 10000), "the arm was lost");
	work_done(&w, UNDER_WAY);
	work_run(&w, 100);
	work_quiet(&w, 50);
	work_positions(&w);
	tap_diag("%s (PF %s): work %u goes on where %s left it", a.dev.bdf, env_pf(1), BEFORE + UNDER_WAY,
		 "the other VM");
}

int main(int argc, char **argv)
{
	static const struct tap_test save[] = { TAP_TEST(work_then_save) };
	static const struct tap_test load[] = { TAP_TEST(load_then_work) };
	char *name[] = { argv[0], NULL };

	argc = tap_args(argc, argv);
	if (argc != 3 || (strcmp(argv[1], "save") && strcmp(argv[1], "load")))
		tap_bail("usage: test_file [--driver NAME] save|load DIR");
	dir = argv[2];
	return tap_main(1, name, strcmp(argv[1], "save") ? load : save, 1);
}
