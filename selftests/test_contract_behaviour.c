// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B3: what the device does, and does not, in a state. Names begin with the number
 * of their statement (contract.table). More about DMA is in test_move.c.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "control.h"
#include "observe.h"

static void no_interrupt(const char *state)
{
	for (int v = 0; v < a.dev.nvec; v++)
		CHECK_MSG(!vfio_msix_wait(&a.dev, v, 0), "interrupt %d in %s", v, state);
}

static void forget_interrupts(void)
{
	for (int v = 0; v < a.dev.nvec; v++)
		vfio_msix_wait(&a.dev, v, 0);
}

/* What the firmware holds of VF 0, as far as the simulator says it; the images have a clock in them. */
static char *state_hash(void)
{
	return ctl_available() ? ctl_ask("oracle hash vf0") : strdup("");
}

static void b3_38_stopped_device_does_nothing(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	struct vfmig_stream one = { 0 }, two = { 0 };
	char *before, *after;
	struct kmsg log;
	uint8_t *copy;

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	start_a();
	move_stop(&a.dev);
	forget_interrupts();
	kmsg_mark(&log);
	before = state_hash();
	move_save(&a.dev, &one);
	/* what a running function would find in memory by itself */
	work_post(&w, 3, WORK_RECORD);
	vfmig_set_ok(dev, ST_STOP);
	move_save(&a.dev, &two);
	after = state_hash();
	CHECK_EQ(one.len, two.len);
	CHECK_MSG(!strcmp(before, after), "the state has changed: %s was %s", after, before);
	/* and what it is told, which it may remember, but not act on */
	work_post(&w, 3, WORK_RING);
	mlx5_cmd_post(&a, 1, in, sizeof(in), 16);
	mlx5_arm_cq(&a, 0);
	copy = observe_memory(&mem);
	observe_still(&mem, copy, 50);
	no_interrupt("STOP_COPY");
	vfmig_set_ok(dev, ST_STOP);
	/* it must not even try to read */
	CHECK_EQ(vfio_dma_unmap(&a.dev, MLX5_GUEST_IOVA, mem.len), 0);
	mlx5_ring(&a, 0);
	mlx5_wr32(&a, IFC_ISEG_CMD_DBELL, 2);
	free(copy);
	copy = observe_memory(&mem);
	observe_still(&mem, copy, 50);
	no_interrupt("STOP");
	CHECK_MSG(!kmsg_count(&log, "DMAR", NULL, 0), "the IOMMU has refused a DMA");
	CHECK_EQ(vfio_dma_map(&a.dev, mem.va, MLX5_GUEST_IOVA, mem.len), 0);
	/* the proof that there was work to do */
	vfmig_set_ok(dev, ST_RUNNING);
	work_done(&w, 6);
	CHECK_EQ(mlx5_cmd_wait(&a, 1, in, sizeof(in), 10000), 0);
}

static void b3_39_suspended_device_can_be_touched(void)
{
	static const int states[] = { ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY };
	unsigned int posted = 0;
	uint32_t id;

	start_a();
	for (unsigned int i = 0; i < 3; i++) {
		if (!has_state(states[i]))
			continue;
		CHECK_EQ(vfmig_set(dev, states[i], NULL), 0);
		CHECK_EQ(vfio_config_read(&a.dev, PCI_VENDOR_ID, &id, sizeof(id)), 0);
		CHECK_EQ(id, 0x101e15b3);
		CHECK_EQ(mlx5_rd32(&a, IFC_ISEG_CMDIF_REV_FW_SUB) >> 16, 5);
		CHECK_EQ(vfio_msix_disable(&a.dev), 0);
		mlx5_irqs(&a);
		mlx5_arm_cq(&a, 0);
		work_post(&w, 1, WORK_RING);
		posted++;
		mlx5_wr32(&a, IFC_ISEG_CMD_DBELL, 0);
		mlx5_wr32(&a, (uint32_t)a.dev.bar0_len - 4, 0xffffffff);
		vfmig_expect(dev, states[i]);
	}
	vfmig_set_ok(dev, ST_RUNNING);
	work_done(&w, posted);
	work_run(&w, 5);
}

/* What was begun is done when the request returns, and nothing new is begun. */
static void b3_40_no_new_requests_in_p2p(void)
{
	static const int states[] = { ST_RUNNING_P2P, ST_PRE_COPY_P2P };
	uint8_t *copy;

	start_a();
	if (!has(VFIO_MIGRATION_P2P))
		tap_skip("n/a: P2P is not offered");
	for (unsigned int i = 0; i < 8; i++) {
		int state = states[i % 2], fd;

		if (!has_state(state))
			continue;
		work_post(&w, 12, WORK_RING);
		fd = go(state);
		work_post(&w, 4, WORK_RING);
		copy = observe_memory(&mem);
		observe_still(&mem, copy, 20);
		free(copy);
		if (fd >= 0)
			close(fd);
		vfmig_set_ok(dev, ST_RUNNING);
		work_done(&w, 16);
	}
	work_quiet(&w, 10);
}

static void b3_41_device_works_in_pre_copy(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	work_run(&w, 10);
	read_to_pause(fd, &s);
	work_run(&w, 10);
	change_state();
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 10);
	work_positions(&w);
}

static void b3_42_p2p_and_back_keeps_the_session(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_pre();
	if (!has_state(ST_PRE_COPY_P2P))
		tap_skip("n/a: PRE_COPY_P2P is not offered");
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < 3; i++) {
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		work_post(&w, 2, WORK_RECORD);
		work_quiet(&w, 10);
		vfmig_set_ok(dev, ST_PRE_COPY);
		work_done(&w, 2);
		drain(fd, &s);
	}
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	CHECK(images(&s) >= 2);
}

static void b3_43_resuming_twice_takes_the_second(void)
{
	struct vfmig_stream old = { 0 }, cur = { 0 };

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &old);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 10);
	move_stop(&a.dev);
	move_save(&a.dev, &cur);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &old, 0);
	move_load(&a.dev, &cur, 0);
	move_resume(&a);
	work_run(&w, 10);
	work_positions(&w);
}

/* RESUMING with the first @len bytes of @s; what STOP says to that. */
static int stop_after(const struct vfmig_stream *s, size_t len)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;

	CHECK_EQ(len ? vfmig_write_all(fd, s->p, len, 0) : 0, 0);
	rc = vfmig_set(dev, ST_STOP, NULL);
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	return rc;
}

static void b3_44_stop_validates_the_state(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec data;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	data = vfmig_first_data(&s);
	CHECK_MSG(stop_after(&s, 0) < 0, "nothing is a state");
	CHECK_MSG(stop_after(&s, 7) < 0, "a part of a header is a state");
	CHECK_MSG(stop_after(&s, data.off + VFMIG_REC_HDR) < 0, "a header is a state");
	CHECK_MSG(stop_after(&s, data.off + VFMIG_REC_HDR + data.size - 1) < 0,
		  "all but a byte is a state");
	CHECK_EQ(stop_after(&s, s.len), 0);
}

static void b3_45_reset_ends_resuming(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p, s.len - 1, 0), 0);
	reset_a();
	CHECK(write(fd, s.p, 1) < 0 && errno == ENODEV);
	work_run(&w, 5);
}

static void b3_46_target_is_the_source(void)
{
	bool oracle = ctl_available();
	struct observe_view before, after;
	struct vfmig_stream s = { 0 };
	char *hash = NULL, *same;
	struct work w2;

	start_a();
	work_self(&w2, &a, 1);
	work_run(&w, 40);
	work_run(&w2, 33);
	mlx5_arm_cq(&a, 2);
	observe_view(&a, &before);
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	if (oracle)
		hash = ctl_ask("oracle hash vf0");
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = w2.vf = w2.peer = &b;
	if (oracle) {
		same = ctl_ask("oracle hash vf1");
		CHECK_MSG(!strcmp(hash, same), "the simulator says %s of the target, %s of the source",
			  same, hash);
	}
	move_resume(&b);
	observe_view(&b, &after);
	observe_same(&before, &after);
	work_positions(&w);
	work_positions(&w2);
	/* the arm came along */
	work_post(&w2, 1, WORK_RING);
	CHECK(mlx5_wait_event(&b, 2, 10000));
	work_done(&w2, 1);
	work_run(&w, 10);
}

/* No statement of its own: what C1 of the users expects of MIG_DATA_SIZE. */
static void data_size_is_about_the_stream(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t running, stopped;

	start_a();
	CHECK_EQ(vfmig_data_size(dev, &running), 0);
	CHECK(running > 0);
	vfmig_set_ok(dev, ST_STOP);
	CHECK_EQ(vfmig_data_size(dev, &stopped), 0);
	CHECK(stopped > 0);
	move_save(&a.dev, &s);
	CHECK_MSG(s.len <= stopped + 65536 && stopped <= s.len * 4 + 65536,
		  "announced %llu, sent %zu", (unsigned long long)stopped, s.len);
	/* more state, more size */
	vfmig_set_ok(dev, ST_RUNNING);
	for (unsigned int i = 0; i < 200; i++) {
		IFC_BUF(alloc_pd_in, in) = { 0 };
		IFC_BUF(alloc_pd_out, out) = { 0 };

		IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
		mlx5_cmd_ok(&a, "ALLOC_PD", in, sizeof(in), out, sizeof(out));
	}
	CHECK_EQ(vfmig_data_size(dev, &stopped), 0);
	CHECK(stopped >= running);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b3_38_stopped_device_does_nothing),
		TAP_TEST(b3_39_suspended_device_can_be_touched),
		TAP_TEST(b3_40_no_new_requests_in_p2p),
		TAP_TEST(b3_41_device_works_in_pre_copy),
		TAP_TEST(b3_42_p2p_and_back_keeps_the_session),
		TAP_TEST(b3_43_resuming_twice_takes_the_second),
		TAP_PEER(b3_44_stop_validates_the_state, "E2.5"),
		TAP_TEST(b3_45_reset_ends_resuming),
		TAP_TEST(b3_46_target_is_the_source),
		TAP_TEST(data_size_is_about_the_stream),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
