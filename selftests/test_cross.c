// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two drivers, one stream: VF 0 is held by the driver under test, VF 1 by the kernel's own. The streams of
 * ours have their optional records, those of the kernel's have none.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;

static void need_two_drivers(void)
{
	char one[64], two[64];

	pci_driver(env_vf(0), one, sizeof(one));
	pci_driver(env_vf(1), two, sizeof(two));
	CHECK_MSG(strcmp(one, two), "both VFs are held by %s", one);
}

static void cross(unsigned int from, unsigned int to)
{
	need_two_drivers();
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(from), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 50);
	mlx5_arm_cq(&a, 0);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, 5, WORK_RING);
	move_whole(&a, &b, env_vf(to));
	w.vf = w.peer = &b;
	CHECK(mlx5_wait_event(&b, 0, 5000));
	work_done(&w, 5);
	work_run(&w, 50);
	work_quiet(&w, 30);
	work_positions(&w);
}

/*
 * The same by way of PRE_COPY: images of a device that runs, of which the last but one may be large, and
 * what came after them. @rounds of 0: it is left before anything is read.
 */
static void cross_pre_copy(unsigned int from, unsigned int to, unsigned int rounds, size_t chunk)
{
	struct vfmig_stream s = { 0 };
	uint64_t flags;
	int fd, rc;

	need_two_drivers();
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(from), &mem);
	need_migration(&a.dev);
	CHECK_EQ(vfmig_flags(a.dev.fd, &flags), 0);
	CHECK(flags & VFIO_MIGRATION_PRE_COPY);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	fd = vfmig_open_ok(a.dev.fd, ST_PRE_COPY);
	for (unsigned int i = 0; i < rounds; i++) {
		struct vfio_precopy_info info = { .argsz = sizeof(info) };

		work_run(&w, 20);
		CHECK(!ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &info));
		rc = vfmig_read_all(fd, &s, 0);
		CHECK_MSG(rc == -ENOMSG, "read in a pause gave %s", strerror(-rc));
	}
	mlx5_arm_cq(&a, 0);
	vfmig_set_ok(a.dev.fd, ST_PRE_COPY_P2P);
	work_post(&w, 5, WORK_RING);
	vfmig_set_ok(a.dev.fd, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	close(fd);
	mlx5_open(&b, env_vf(to), &mem);
	mlx5_irqs(&b);
	move_load(&b.dev, &s, chunk);
	mlx5_close(&a);
	move_resume(&b);
	w.vf = w.peer = &b;
	CHECK(mlx5_wait_event(&b, 0, 5000));
	work_done(&w, 5);
	work_run(&w, 50);
	work_quiet(&w, 30);
	work_positions(&w);
	vfmig_stream_free(&s);
}

static void ours_to_the_kernels(void)
{
	cross(0, 1);
}

static void ours_to_the_kernels_in_pre_copy(void)
{
	cross_pre_copy(0, 1, 3, 32768);
}

static void ours_to_the_kernels_out_of_pre_copy(void)
{
	cross_pre_copy(0, 1, 0, 0);
}

static void the_kernels_to_ours_in_pre_copy(void)
{
	cross_pre_copy(1, 0, 3, 32768);
}

static void the_kernels_to_ours_out_of_pre_copy(void)
{
	cross_pre_copy(1, 0, 0, 4097);
}

static void the_kernels_to_ours(void)
{
	cross(1, 0);
}

static void to_and_fro(void)
{
	struct mlx5_vf *from = &a, *to = &b, *t;

	need_two_drivers();
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	for (unsigned int i = 0; i < 6; i++) {
		work_run(&w, 7);
		work_post(&w, 2, WORK_RING);
		move_whole(from, to, env_vf(i % 2 ? 0 : 1));
		w.vf = w.peer = to;
		work_done(&w, 2);
		t = from;
		from = to;
		to = t;
	}
	work_positions(&w);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(ours_to_the_kernels),
		TAP_TEST(the_kernels_to_ours),
		TAP_TEST(ours_to_the_kernels_in_pre_copy),
		TAP_TEST(ours_to_the_kernels_out_of_pre_copy),
		TAP_TEST(the_kernels_to_ours_in_pre_copy),
		TAP_TEST(the_kernels_to_ours_out_of_pre_copy),
		TAP_TEST(to_and_fro),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
