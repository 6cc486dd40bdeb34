// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VF agent on its own: bring-up through the VF's BAR, commands, events and RDMA, with any driver
 * that gives the VF to VFIO. What fails here is no matter of migration.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "mlx5.h"
#include "tap.h"
#include "work.h"

static struct mlx5_mem mem_a, mem_b;
static struct mlx5_vf a, b;

static void start_a(void)
{
	mlx5_mem_init(&mem_a);
	mlx5_open(&a, env_vf(0), &mem_a);
	mlx5_start(&a);
}

static void start_b(void)
{
	mlx5_mem_init(&mem_b);
	mlx5_open(&b, env_vf(1), &mem_b);
	mlx5_start(&b);
}

static void bring_up_polled(void)
{
	mlx5_mem_init(&mem_a);
	mlx5_open(&a, env_vf(0), &mem_a);
	mlx5_start_polled(&a);
	CHECK(a.sw->vhca_id);
	CHECK(a.sw->uar);
}

static void bring_up_with_events(void)
{
	start_a();
	/* those after the command EQ was there completed by event */
	CHECK(a.sw->cmd_eqes >= 4);
	CHECK(a.sw->mac[0] | a.sw->mac[1] | a.sw->mac[2] | a.sw->mac[3] | a.sw->mac[4] | a.sw->mac[5]);
}

static void bring_up_path(enum vfio_path path)
{
	struct vfio_dev d;
	int rc = vfio_open(&d, env_vf(0), path);

	CHECK_MSG(!rc, "%s", strerror(-rc));
	vfio_close(&d);
	mlx5_mem_init(&mem_a);
	CHECK(!setenv("VFMIG_VFIO_PATH", path == VFIO_PATH_CDEV ? "cdev" : "group", 1));
	mlx5_open(&a, env_vf(0), &mem_a);
	CHECK_EQ(a.dev.path, path);
	mlx5_start(&a);
}

static void bring_up_by_group(void)
{
	if (access("/dev/vfio/vfio", F_OK))
		tap_skip("this kernel has no VFIO containers");
	bring_up_path(VFIO_PATH_GROUP);
}

static void bring_up_by_cdev(void)
{
	if (access("/dev/iommu", F_OK))
		tap_skip("this kernel has no iommufd");
	bring_up_path(VFIO_PATH_CDEV);
}

static void unknown_opcode_is_bad_op(void)
{
	uint8_t in[16] = { 0x7f, 0xff }, out[16] = { 0 };

	start_a();
	CHECK_EQ(mlx5_cmd(&a, in, sizeof(in), out, sizeof(out)), IFC_ST_BAD_OP);
}

static void two_commands_at_once(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, o1) = { 0 };
	IFC_BUF(alloc_pd_out, o2) = { 0 };

	start_a();
	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	mlx5_cmd_post(&a, 1, in, sizeof(in), sizeof(o1));
	mlx5_cmd_post(&a, 2, in, sizeof(in), sizeof(o2));
	CHECK_EQ(mlx5_cmd_wait(&a, 2, o2, sizeof(o2), MLX5_CMD_MS), 0);
	CHECK_EQ(mlx5_cmd_wait(&a, 1, o1, sizeof(o1), MLX5_CMD_MS), 0);
	CHECK(IFC_GET(alloc_pd_out, o1, pd) != IFC_GET(alloc_pd_out, o2, pd));
}

static void rdma_loopback(void)
{
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 300); /* around every ring, several times */
	work_quiet(&w, 20);
	work_positions(&w);
}

static void rdma_between_vfs(void)
{
	struct work w;

	start_a();
	start_b();
	CHECK_MSG(memcmp(a.sw->mac, b.sw->mac, 6), "two VFs with one MAC");
	work_pair(&w, &a, 0, &b, 1);
	work_run(&w, 100);
	work_quiet(&w, 20);
	work_positions(&w);
}

static void completion_event_by_msix(void)
{
	uint64_t start = 0;
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 2);
	for (unsigned int i = 0; i < 3; i++) {
		mlx5_arm_cq(&a, 0);
		CHECK_MSG(!mlx5_wait_event(&a, 0, 20), "event before any completion");
		work_post(&w, 1, WORK_RING);
		CHECK_MSG(mlx5_wait_event(&a, 0, 5000), "no event");
		work_done(&w, 1);
	}
	/* armed too late: the completion is there already, and the event comes at once */
	work_post(&w, 1, WORK_RING);
	while (!mlx5_peek_cq(&a, 0))
		CHECK(wait_more(&start, 5000));
	mlx5_arm_cq(&a, 0);
	CHECK_MSG(mlx5_wait_event(&a, 0, 5000), "no event for a completion before the arm");
	work_done(&w, 1);
	/* one event per arm */
	CHECK_EQ(a.sw->cq[0].events, 4);
}

static void wrong_rkey_is_remote_access_error(void)
{
	struct mlx5_wc wc;
	struct work w;
	uint64_t off;

	start_a();
	work_self(&w, &a, 0);
	off = mlx5_alloc(&a, 4096);
	mlx5_post_write(&a, 0, off, mlx5_iova(off), a.sw->mkey ^ 1, 64);
	mlx5_post_write(&a, 0, off, mlx5_iova(off), a.sw->mkey, 64);
	mlx5_ring(&a, 0);
	mlx5_wait_cq(&a, 0, &wc, 5000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ_ERR);
	CHECK_EQ(wc.syndrome, IFC_CQE_SYND_REMOTE_ACCESS);
	mlx5_wait_cq(&a, 0, &wc, 5000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ_ERR);
	CHECK_EQ(wc.syndrome, IFC_CQE_SYND_WR_FLUSH);
}

static void reset_forgets_everything(void)
{
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 10);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 10);
}

static void memory_not_mapped_is_not_reached(void)
{
	struct kmsg log;
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 4);
	kmsg_mark(&log);
	CHECK(vfio_dma_unmap(&a.dev, MLX5_GUEST_IOVA, mem_a.len) == 0);
	work_post(&w, 1, WORK_RING);
	/* the counterpart of tests that expect no fault: it can be seen here */
	CHECK_MSG(kmsg_wait(&log, "DMAR", 5000), "the IOMMU reports no fault");
	CHECK(vfio_reset(&a.dev) == 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(bring_up_polled),
		TAP_TEST(bring_up_with_events),
		TAP_TEST(bring_up_by_group),
		TAP_TEST(bring_up_by_cdev),
		TAP_TEST(unknown_opcode_is_bad_op),
		TAP_TEST(two_commands_at_once),
		TAP_TEST(rdma_loopback),
		TAP_TEST(rdma_between_vfs),
		TAP_TEST(completion_event_by_msix),
		TAP_TEST(wrong_rkey_is_remote_access_error),
		TAP_TEST(reset_forgets_everything),
		TAP_TEST(memory_not_mapped_is_not_reached),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
