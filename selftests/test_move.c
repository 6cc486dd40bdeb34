// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The main test: a guest's VF works, its state moves to another VF, and the work goes on with the
 * same object numbers and queue positions, every completion once, memory as if nothing had happened.
 *
 * Guest memory is the same on both sides, mapped at the same addresses, as after a VMM has moved it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "observe.h"
#include "tap.h"
#include "work.h"

static struct mlx5_mem mem, mem_c;
static struct mlx5_vf a, b, c;

static void start_a(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
}

/* A third function, which stays where it is and knows nothing of a move. */
static void start_c(void)
{
	mlx5_mem_init(&mem_c);
	mlx5_open(&c, env_vf(2), &mem_c);
	mlx5_start(&c);
}

/* ---- moves ---- */

static void idle_function_without_driver(void)
{
	struct work w;

	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	move_whole(&a, &b, env_vf(1));
	/* and the guest brings its driver up only now */
	mlx5_start(&b);
	work_self(&w, &b, 0);
	work_run(&w, 20);
}

static void function_in_the_middle_of_bring_up(void)
{
	struct work w;
	uint32_t uar;

	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start_polled(&a);
	uar = a.sw->uar;
	move_whole(&a, &b, env_vf(1));
	/* commands are still polled, the UAR is taken */
	{
		IFC_BUF(alloc_uar_in, in) = { 0 };
		IFC_BUF(alloc_uar_out, out) = { 0 };

		IFC_SET(alloc_uar_in, in, opcode, MLX5_CMD_OP_ALLOC_UAR);
		mlx5_cmd_ok(&b, "ALLOC_UAR", in, sizeof(in), out, sizeof(out));
		CHECK(IFC_GET(alloc_uar_out, out, uar) != uar);
	}
	CHECK(vfio_reset(&b.dev) == 0);
	CHECK(vfio_set_bus_master(&b.dev, true) == 0);
	mlx5_start(&b);
	work_self(&w, &b, 0);
	work_run(&w, 5);
}

static void work_before_during_and_after(void)
{
	struct vfmig_stream s = { 0 };
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 100);
	/* completed but not yet taken by the guest */
	work_post(&w, 6, WORK_RING);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	/* processors run on for a while */
	work_post(&w, 4, WORK_RING);
	vfmig_set_ok(a.dev.fd, ST_STOP);
	work_post(&w, 3, WORK_RING);
	move_save(&a.dev, &s);
	/* too late for the image: known from the doorbell record only */
	work_post(&w, 2, WORK_RECORD);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_done(&w, 6 + 4 + 3 + 2);
	work_run(&w, 200);
	work_quiet(&w, 50);
	work_positions(&w);
	CHECK_EQ(work_books(&b, 0)->done, 100 + 15 + 200);
}

static void same_objects_and_positions(void)
{
	struct observe_view before, after;
	struct work w, w2;

	start_a();
	work_self(&w, &a, 0);
	work_self(&w2, &a, 1);
	work_run(&w, 70);
	work_run(&w2, 33);
	mlx5_arm_cq(&a, 2);
	observe_view(&a, &before);
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = w2.vf = w2.peer = &b;
	observe_view(&b, &after);
	observe_same(&before, &after);
	work_positions(&w);
	work_positions(&w2);
	work_run(&w2, 10);
	work_run(&w, 10);
	/* numbers in use are not handed out again */
	mlx5_create_cq(&b, 0, 4);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(i == 0 || b.sw->cq[i].cqn != b.sw->cq[0].cqn);
}

static void new_objects_on_the_target(void)
{
	struct work w, w2;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 10);
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_self(&w2, &b, 1);
	CHECK(b.sw->qp[0].qpn != b.sw->qp[1].qpn);
	CHECK(b.sw->cq[0].cqn != b.sw->cq[2].cqn);
	work_run(&w2, 40);
	work_run(&w, 40);
	CHECK_EQ(mlx5_destroy_qp(&b, 0), 0);
	work_run(&w2, 10);
}

static void armed_completion_event(void)
{
	struct vfmig_stream s = { 0 };
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 5);
	mlx5_arm_cq(&a, 0);
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_post(&w, 1, WORK_RING);
	CHECK_MSG(mlx5_wait_event(&b, 0, 5000), "the arm was lost");
	work_done(&w, 1);
	/* and the sequence number goes on */
	mlx5_arm_cq(&b, 0);
	work_post(&w, 1, WORK_RING);
	CHECK_MSG(mlx5_wait_event(&b, 0, 5000), "a second arm has no effect");
	work_done(&w, 1);
}

static void event_raised_but_not_yet_taken(void)
{
	struct vfmig_stream s = { 0 };
	struct work w;
	uint32_t events;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 5);
	mlx5_arm_cq(&a, 0);
	work_post(&w, 1, WORK_RING);
	/* the interrupt came on the source, where nobody will look any more */
	CHECK(vfio_msix_wait(&a.dev, 1, 5000));
	events = a.sw->cq[0].events;
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	move_resume(&b);
	CHECK_MSG(mlx5_wait_event(&b, 0, 5000), "not signalled again on the target");
	CHECK_EQ(b.sw->cq[0].events, events + 1);
	work_done(&w, 1);
}

static void command_posted_while_suspended(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out) = { 0 };
	struct vfmig_stream s = { 0 };
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 3);
	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	mlx5_cmd_post(&a, 1, in, sizeof(in), sizeof(out));
	vfmig_set_ok(a.dev.fd, ST_STOP);
	mlx5_cmd_post(&a, 2, in, sizeof(in), sizeof(out));
	CHECK_EQ(mlx5_cmd_wait(&a, 1, out, sizeof(out), 50), -ETIMEDOUT);
	move_save(&a.dev, &s);
	CHECK_EQ(mlx5_cmd_wait(&a, 2, out, sizeof(out), 50), -ETIMEDOUT);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	move_resume(&b);
	CHECK_EQ(mlx5_cmd_wait(&b, 2, out, sizeof(out), 10000), 0);
	CHECK_EQ(mlx5_cmd_wait(&b, 1, out, sizeof(out), 10000), 0);
	CHECK(IFC_GET(alloc_pd_out, out, pd) != b.sw->pd);
	work_run(&w, 10);
}

static void send_that_waits_for_a_receive(void)
{
	struct mlx5_wc wc;
	struct work w;
	uint64_t from, to;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 3);
	from = mlx5_alloc(&a, 4096);
	to = mlx5_alloc(&a, 4096);
	memset(mlx5_va(&a, from), 0x42, 100);
	mlx5_post_send(&a, 0, from, 100);
	mlx5_ring(&a, 0);
	work_quiet(&w, 20);
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_quiet(&w, 20);
	mlx5_post_recv(&b, 0, to, 4096);
	mlx5_wait_cq(&b, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
	CHECK_EQ(wc.wqe, 3);
	mlx5_wait_cq(&b, 1, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_RESP_SEND);
	CHECK_EQ(wc.len, 100);
	CHECK(!memcmp(mlx5_va(&b, from), mlx5_va(&b, to), 100));
}

static void work_with_a_peer(void)
{
	struct vfmig_stream s = { 0 };
	struct work w;

	start_a();
	start_c();
	work_pair(&w, &a, 0, &c, 1);
	work_run(&w, 50);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, 5, WORK_RING);
	vfmig_set_ok(a.dev.fd, ST_STOP);
	move_save(&a.dev, &s);
	work_quiet(&w, 50);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = &b;
	move_resume(&b);
	work_done(&w, 5);
	work_run(&w, 100);
	work_quiet(&w, 50);
	work_positions(&w);
}

static void peer_sends_during_the_move(void)
{
	struct vfmig_stream s = { 0 };
	struct work w;

	env_need_simulator("the MAC of the source must follow the state to the target");
	start_a();
	start_c();
	/* work of C towards A */
	work_pair(&w, &c, 0, &a, 1);
	work_run(&w, 50);
	move_stop(&a.dev);
	work_post(&w, 4, WORK_RING);
	move_save(&a.dev, &s);
	work_post(&w, 4, WORK_RING);
	work_quiet(&w, 50);
	move_to(&a, &b, env_vf(1), &s);
	w.peer = &b;
	move_resume(&b);
	work_done(&w, 8);
	work_run(&w, 60);
	work_quiet(&w, 50);
}

static void ten_moves_to_and_fro(void)
{
	struct mlx5_vf *from = &a, *to = &b, *t;
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	for (unsigned int i = 0; i < 10; i++) {
		work_run(&w, 11);
		work_post(&w, 3, WORK_RING);
		move_whole(from, to, env_vf(i % 2 ? 0 : 1));
		w.vf = w.peer = to;
		work_done(&w, 3);
		t = from;
		from = to;
		to = t;
	}
	work_run(&w, 11);
	work_quiet(&w, 50);
	work_positions(&w);
	CHECK_EQ(work_books(from, 0)->done, 10 * 14 + 11);
}

/* A guest of its own that moves between two VFs, @rounds times. */
static void commute(unsigned int one, unsigned int two, unsigned int rounds)
{
	struct mlx5_vf vf[2];
	struct work w;

	mlx5_mem_init(&mem);
	mlx5_open(&vf[0], env_vf(one), &mem);
	need_migration(&vf[0].dev);
	mlx5_start(&vf[0]);
	work_self(&w, &vf[0], 0);
	for (unsigned int i = 0; i < rounds; i++) {
		work_post(&w, 5, WORK_RING);
		move_whole(&vf[i % 2], &vf[1 - i % 2], env_vf(i % 2 ? one : two));
		w.vf = w.peer = &vf[1 - i % 2];
		work_done(&w, 5);
		work_run(&w, 10);
	}
	work_positions(&w);
}

static void two_guests_move_at_once(void)
{
	pid_t pid;
	int st;

	env_vf(3);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		commute(2, 3, 6);
		_exit(0);
	}
	commute(0, 1, 6);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
}

/* ---- the source, when the migration is given up ---- */

static void source_goes_on_from(int state)
{
	struct vfmig_stream s = { 0 };
	struct work w;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 30);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, 3, WORK_RING);
	if (state != ST_RUNNING_P2P) {
		vfmig_set_ok(a.dev.fd, ST_STOP);
		work_post(&w, 3, WORK_RECORD);
	} else {
		work_post(&w, 3, WORK_RING);
	}
	if (state == ST_STOP_COPY)
		move_save(&a.dev, &s);
	work_quiet(&w, 20);
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	work_done(&w, 6);
	work_run(&w, 60);
	work_quiet(&w, 20);
	work_positions(&w);
}

static void source_goes_on_from_running_p2p(void)
{
	source_goes_on_from(ST_RUNNING_P2P);
}

static void source_goes_on_from_stop(void)
{
	source_goes_on_from(ST_STOP);
}

static void source_goes_on_from_stop_copy(void)
{
	source_goes_on_from(ST_STOP_COPY);
}

static void source_goes_on_from_unread_stop_copy(void)
{
	struct work w;
	int fd;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 30);
	fd = vfmig_open_ok(a.dev.fd, ST_STOP_COPY);
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	close(fd);
	work_run(&w, 30);
	/* and then really moves */
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_run(&w, 30);
}

static void refused_target_and_second_try(void)
{
	struct vfmig_stream s = { 0 }, cut;
	struct work w;
	int fd;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 20);
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	/* the target gets half of it and gives up */
	mlx5_open(&b, env_vf(1), &mem);
	cut = s;
	cut.len /= 2;
	fd = vfmig_open_ok(b.dev.fd, ST_RESUMING);
	vfmig_write_all(fd, cut.p, cut.len, 4096);
	CHECK(vfio_reset(&b.dev) == 0);
	close(fd);
	mlx5_close(&b);
	/* the source works on, the next try succeeds */
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	work_run(&w, 20);
	move_whole(&a, &b, env_vf(1));
	w.vf = w.peer = &b;
	work_run(&w, 20);
}

/* ---- seen from outside ---- */

static void no_dma_after_stop(void)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };
	struct vfmig_stream s = { 0 };
	struct kmsg log;
	struct work w, wc;
	uint64_t start = 0;
	uint8_t *copy;

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	start_a();
	start_c();
	work_self(&w, &a, 0);
	work_pair(&wc, &c, 0, &a, 1);
	work_run(&w, 10);
	work_run(&wc, 10);
	mlx5_arm_cq(&a, 3);
	/* a completion that is not yet taken, so that an arm would raise its event at once */
	work_post(&w, 1, WORK_RING);
	while (!mlx5_peek_cq(&a, 0))
		CHECK(wait_more(&start, 5000));
	kmsg_mark(&log);
	move_stop(&a.dev);
	vfio_msix_wait(&a.dev, 0, 0);
	vfio_msix_wait(&a.dev, 1, 0);
	/* everything that could make a running function touch memory or interrupt */
	work_post(&w, 3, WORK_RING);
	work_post(&wc, 3, WORK_RING);
	mlx5_cmd_post(&a, 1, in, sizeof(in), 16);
	mlx5_arm_cq(&a, 0);
	copy = observe_memory(&mem);
	observe_still(&mem, copy, 150);
	CHECK_MSG(!vfio_msix_wait(&a.dev, 0, 0) && !vfio_msix_wait(&a.dev, 1, 0),
		  "interrupt in STOP");
	/* it must not even try to read */
	CHECK(vfio_dma_unmap(&a.dev, MLX5_GUEST_IOVA, mem.len) == 0);
	move_save(&a.dev, &s);
	observe_still(&mem, copy, 150);
	CHECK_MSG(!kmsg_count(&log, "DMAR", NULL, 0), "the IOMMU has refused a DMA of the source");
	CHECK_MSG(!vfio_msix_wait(&a.dev, 0, 0) && !vfio_msix_wait(&a.dev, 1, 0),
		  "interrupt in STOP_COPY");
	/* the proof that there was work to do */
	CHECK(vfio_dma_map(&a.dev, mem.va, MLX5_GUEST_IOVA, mem.len) == 0);
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	CHECK(mlx5_wait_event(&a, 0, 5000));
	work_done(&w, 1 + 3);
	work_done(&wc, 3);
	CHECK_EQ(mlx5_cmd_wait(&a, 1, in, sizeof(in), 10000), 0);
}

static void target_does_nothing_before_running(void)
{
	struct vfmig_stream s = { 0 };
	struct kmsg log;
	struct work w;
	uint8_t *copy;

	start_a();
	work_self(&w, &a, 0);
	work_run(&w, 10);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, 5, WORK_RING);
	vfmig_set_ok(a.dev.fd, ST_STOP);
	move_save(&a.dev, &s);
	copy = observe_memory(&mem);
	kmsg_mark(&log);
	move_to(&a, &b, env_vf(1), &s);
	w.vf = w.peer = &b;
	observe_still(&mem, copy, 100);
	vfmig_set_ok(b.dev.fd, ST_RUNNING_P2P);
	observe_still(&mem, copy, 100);
	CHECK_MSG(!kmsg_count(&log, "DMAR", NULL, 0), "the IOMMU has refused a DMA");
	vfmig_set_ok(b.dev.fd, ST_RUNNING);
	work_done(&w, 5);
	work_run(&w, 5);
}

static void no_new_dma_by_the_initiator_after_p2p(void)
{
	struct work w, wc;
	struct kmsg log;
	uint8_t *copy, *copy_c;

	start_a();
	start_c();
	work_self(&w, &a, 0);
	work_pair(&wc, &a, 1, &c, 0);
	work_run(&w, 10);
	work_run(&wc, 10);
	kmsg_mark(&log);
	vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
	work_post(&w, 4, WORK_RING);
	work_post(&wc, 4, WORK_RING);
	copy = observe_memory(&mem);
	copy_c = observe_memory(&mem_c);
	observe_still(&mem, copy, 150);
	observe_still(&mem_c, copy_c, 1);
	CHECK(vfio_dma_unmap(&a.dev, MLX5_GUEST_IOVA, mem.len) == 0);
	work_post(&w, 1, WORK_RING);
	work_post(&wc, 1, WORK_RING);
	copy = observe_memory(&mem);
	copy_c = observe_memory(&mem_c);
	observe_still(&mem, copy, 100);
	observe_still(&mem_c, copy_c, 1);
	CHECK_MSG(!kmsg_count(&log, "DMAR", NULL, 0), "the IOMMU has refused a DMA");
	CHECK(vfio_dma_map(&a.dev, mem.va, MLX5_GUEST_IOVA, mem.len) == 0);
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	work_done(&w, 5);
	work_done(&wc, 5);
	work_run(&w, 5);
}

static void outstanding_work_is_done_when_p2p_returns(void)
{
	struct mlx5_wc done;
	struct work w;
	uint8_t *copy;
	unsigned int n = 0;

	start_a();
	work_self(&w, &a, 0);
	for (unsigned int i = 0; i < 10; i++) {
		work_post(&w, WORK_SLOTS, WORK_RING);
		vfmig_set_ok(a.dev.fd, ST_RUNNING_P2P);
		/* whatever was begun is complete, whatever was not stays so */
		copy = observe_memory(&mem);
		observe_still(&mem, copy, 20);
		free(copy);
		vfmig_set_ok(a.dev.fd, ST_RUNNING);
		work_done(&w, WORK_SLOTS);
		n += WORK_SLOTS;
	}
	CHECK_EQ(work_books(&a, 0)->done, n);
	CHECK(!mlx5_poll_cq(&a, 0, &done));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(work_before_during_and_after),
		TAP_TEST(same_objects_and_positions),
		TAP_TEST(new_objects_on_the_target),
		TAP_TEST(armed_completion_event),
		TAP_TEST(event_raised_but_not_yet_taken),
		TAP_TEST(command_posted_while_suspended),
		TAP_TEST(send_that_waits_for_a_receive),
		TAP_TEST(work_with_a_peer),
		TAP_TEST(peer_sends_during_the_move),
		TAP_TEST(idle_function_without_driver),
		TAP_TEST(function_in_the_middle_of_bring_up),
		TAP_TEST(ten_moves_to_and_fro),
		TAP_TEST(two_guests_move_at_once),
		TAP_TEST(source_goes_on_from_running_p2p),
		TAP_TEST(source_goes_on_from_stop),
		TAP_TEST(source_goes_on_from_stop_copy),
		TAP_TEST(source_goes_on_from_unread_stop_copy),
		TAP_TEST(refused_target_and_second_try),
		TAP_TEST(no_dma_after_stop),
		TAP_TEST(target_does_nothing_before_running),
		TAP_TEST(no_new_dma_by_the_initiator_after_p2p),
		TAP_TEST(outstanding_work_is_done_when_p2p_returns),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
