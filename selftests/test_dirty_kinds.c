// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging: every kind of write that a VF does is reported. Each test looks at one kind only, in
 * areas that nothing else writes to, and first makes sure that memory has changed at all. So each of
 * them fails with the simulator that forgets its kind (fwsim/tests/mutants.py).
 *
 * The last tests do without any knowledge of kinds: the guest goes on in memory that was filled from
 * reports.
 */
#include <string.h>
#include <unistd.h>

#include "dirty.h"
#include "env.h"
#include "move.h"
#include "tap.h"

#define LAST 5

static struct mlx5_mem mem_b;
static struct mlx5_vf b;

/* ---- one kind at a time -------------------------------------------------------------------- */

/* Logging is on and knows of nothing; @len bytes of guest memory at @off are what is looked at. */
static void look_at(const char *name, uint64_t off, uint64_t len)
{
	dirty.areas = 0;
	dirty_area_add(name, mlx5_iova(off), mlx5_va(&dirty.vf, off), len);
}

static void start(void)
{
	dirty_start();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
}

/* What is there now was written by the processor. */
static void before(void)
{
	dirty_sync_guest(K4);
	dirty_copy();
	dirty.told = dirty.idle = 0;
}

/* Something has changed since, and is reported. */
static void after(unsigned int pages)
{
	unsigned int changed = dirty_changed();

	CHECK_MSG(changed >= pages, "%u pages of %s have changed, expected %u or more", changed,
		  dirty.area[0].name, pages);
	dirty_sync_guest(K4);
	dirty_judge();
}

static void done(unsigned int cq, unsigned int op)
{
	struct mlx5_wc wc;

	mlx5_wait_cq(&dirty.vf, cq, &wc, 20000);
	CHECK_EQ(wc.opcode, op);
}

static void ring_and_wait(void)
{
	mlx5_ring(&dirty.vf, 0);
	done(0, IFC_CQE_REQ);
}

static void kind_rdma_write(void)
{
	start();
	look_at("payload of a WRITE", dirty.dst, DIRTY_DST_SIZE);
	before();
	dirty_write_dst(5 * K4 + 100, 40000);
	after(10);
}

static void kind_rdma_read(void)
{
	start();
	look_at("payload of a READ", dirty.dst, DIRTY_DST_SIZE);
	before();
	mlx5_post_read(&dirty.vf, 0, dirty.dst + 7 * K4 - 1, mlx5_iova(dirty.src),
		       dirty.vf.sw->mkey, 5 * K4);
	ring_and_wait();
	after(6);
}

static void kind_send(void)
{
	start();
	look_at("payload of a SEND", dirty.dst, DIRTY_DST_SIZE);
	before();
	mlx5_post_recv(&dirty.vf, 0, dirty.dst + 3 * K4 + 8, 3 * K4);
	mlx5_post_send(&dirty.vf, 0, dirty.src, 2 * K4 + 1);
	ring_and_wait();
	done(1, IFC_CQE_RESP_SEND);
	after(3);
}

static void kind_reserved_lkey(void)
{
	struct mlx5_vf *vf = &dirty.vf;

	dirty_start();
	mlx5_create_kernel_qp(vf, 1, 4, 4, 0, 1);
	mlx5_connect_self(vf, 1);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	look_at("payload by the reserved lkey", dirty.dst, DIRTY_DST_SIZE);
	before();
	mlx5_post_read(vf, 1, dirty.dst + 11 * K4, mlx5_iova(dirty.src), vf->sw->mkey, 3 * K4);
	mlx5_set_lkey(vf, 1, mlx5_reserved_lkey(vf));
	mlx5_ring(vf, 1);
	done(0, IFC_CQE_REQ);
	after(3);
}

static void kind_physical_key(void)
{
	uint32_t key;

	dirty_start();
	key = mlx5_create_mkey(&dirty.vf, 0, 0, 0, NULL, 0);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	look_at("payload by a key of physical addresses", dirty.dst, DIRTY_DST_SIZE);
	before();
	dirty_write(mlx5_iova(dirty.dst) + 9 * K4, key, 2 * K4);
	after(2);
}

static void kind_completion(void)
{
	start();
	for (unsigned int i = 0; i < 2; i++) {
		const struct mlx5_cq *cq = &dirty.vf.sw->cq[i];

		look_at("completion queue", cq->buf, 64ULL << cq->log);
		before();
		mlx5_post_recv(&dirty.vf, 0, dirty.dst, 64);
		mlx5_post_send(&dirty.vf, 0, dirty.src, 64);
		ring_and_wait();
		done(1, IFC_CQE_RESP_SEND);
		after(1);
	}
}

/* Of commands, of completions, and asynchronous ones. */
static void kind_event(void)
{
	static const char *const names[] = { "command event queue", "asynchronous event queue",
					     "completion event queue" };
	struct mlx5_vf *vf = &dirty.vf;
	struct mlx5_wc wc;

	start();
	mlx5_create_qp(vf, 1, 4, 4, 0, 1);
	mlx5_connect_self(vf, 1);
	for (unsigned int i = 0; i < MLX5_MAX_EQ; i++) {
		const struct mlx5_eq *eq = &vf->sw->eq[i];
		uint8_t qpc[IFC_SZ(qpc)];

		look_at(names[i], eq->buf, 64ULL << eq->log);
		before();
		switch (i) {
		case 0:
			mlx5_query_qp(vf, 0, qpc);
			break;
		case 1: /* of the responder, which has no such key */
			mlx5_post_write(vf, 1, dirty.src, mlx5_iova(dirty.dst), 0x666, 64);
			mlx5_ring(vf, 1);
			mlx5_wait_cq(vf, 0, &wc, 20000);
			CHECK_EQ(wc.opcode, IFC_CQE_REQ_ERR);
			break;
		case 2:
			mlx5_arm_cq(vf, 0);
			dirty_write_dst(0, 64);
			CHECK(mlx5_wait_event(vf, 0, 20000));
			break;
		}
		after(1);
	}
}

static void post_query_caps(size_t outlen)
{
	IFC_BUF(query_hca_cap_in, in) = { 0 };

	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	mlx5_cmd_fill(&dirty.vf, 1, in, sizeof(in), outlen);
}

static void kind_answer(void)
{
	IFC_BUF(query_hca_cap_out, out);

	start();
	look_at("command queue", dirty.vf.sw->cmdq, K4);
	post_query_caps(sizeof(out));
	before();
	mlx5_cmd_ring(&dirty.vf, 1);
	CHECK_EQ(mlx5_cmd_wait(&dirty.vf, 1, out, sizeof(out), MLX5_CMD_MS), 0);
	after(1);
}

static void kind_mailbox(void)
{
	IFC_BUF(query_hca_cap_out, out);

	start();
	look_at("output mailboxes", dirty.vf.sw->mbox_out,
		(uint64_t)MLX5_SLOTS * MLX5_MBOXES * MLX5_MBOX_STRIDE);
	post_query_caps(sizeof(out));
	before();
	mlx5_cmd_ring(&dirty.vf, 1);
	CHECK_EQ(mlx5_cmd_wait(&dirty.vf, 1, out, sizeof(out), MLX5_CMD_MS), 0);
	after(1);
}

/* ---- two functions ------------------------------------------------------------------------- */

/* VF 1 with memory of its own; its QP 0 is connected to QP 1 of the VF under test. */
static void start_peer(void)
{
	mlx5_mem_init(&mem_b);
	mlx5_open(&b, env_vf(1), &mem_b);
	mlx5_start(&b);
	mlx5_create_cq(&b, 0, 7);
	mlx5_create_cq(&b, 1, 7);
	mlx5_create_qp(&b, 0, 6, 6, 0, 1);
	mlx5_create_qp(&dirty.vf, 1, 6, 6, 0, 1);
	mlx5_connect(&dirty.vf, 1, &b, 0);
}

static void peer_writes(uint64_t from, uint64_t iova, uint32_t key, uint32_t len)
{
	struct mlx5_wc wc;

	memset(mlx5_va(&b, from), 0x77, len);
	mlx5_post_write(&b, 0, from, iova, key, len);
	mlx5_ring(&b, 0);
	mlx5_wait_cq(&b, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
}

/* Another VF asks for the write; the VF whose memory it is does it. */
static void kind_write_of_a_peer(void)
{
	uint64_t from;

	dirty_start();
	start_peer();
	from = mlx5_alloc(&b, 8 * K4);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	look_at("payload of a peer's WRITE", dirty.dst, DIRTY_DST_SIZE);
	before();
	peer_writes(from, mlx5_iova(dirty.dst) + 20 * K4 + 77, dirty.vf.sw->mkey, 5 * K4);
	after(6);
}

/* What another VF writes to its own memory is none of this one's, though the addresses are the same. */
static void writes_of_others_are_not_reported(void)
{
	uint64_t *bm, from;
	struct mlx5_wc wc;

	dirty_start();
	start_peer();
	from = mlx5_alloc(&b, 64 * K4);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_sync_guest(K4);
	mlx5_post_read(&b, 0, from, mlx5_iova(dirty.src), dirty.vf.sw->mkey, 64 * K4);
	mlx5_ring(&b, 0);
	mlx5_wait_cq(&b, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
	bm = log_report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK_EQ(bits_set(bm, MLX5_GUEST_SIZE / K4), 0);
}

/* ---- a guest in memory filled from reports -------------------------------------------------- */

/* The target's memory: areas as they were reported, the rest as the processor has left it. */
static void fill_target(void)
{
	mlx5_mem_init(&mem_b);
	memcpy(mem_b.va, dirty.mem.va, dirty.mem.len);
	for (unsigned int i = 0; i < dirty.areas; i++)
		memcpy(mem_b.va + (dirty.area[i].iova - MLX5_GUEST_IOVA), dirty.area[i].copy,
		       dirty.area[i].len);
	memset(dirty.mem.va, 0xdd, dirty.mem.len);
}

/* Works that are under way when the guest is stopped; their completions are taken on the target. */
static void post_last(void)
{
	for (unsigned int i = 0; i < LAST; i++)
		mlx5_post_write(&dirty.vf, 0, dirty.src + i * 20000,
				mlx5_iova(dirty.dst) + 300000 + i * 50000, dirty.vf.sw->mkey, 40000);
	mlx5_ring(&dirty.vf, 0);
}

static void work_and_sync(unsigned int rounds)
{
	while (rounds--) {
		dirty_write_with_event();
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 30000), 1 + dirty_rnd(30000));
		dirty_sync_guest(K4);
	}
}

/* STOP_COPY by way of PRE_COPY or not. Returns the file, with all of the stream still to read. */
static int stop_copy(bool pre_copy)
{
	int fd;

	if (!pre_copy) {
		post_last();
		vfmig_set_ok(dirty.dev, ST_RUNNING_P2P);
		return vfmig_open_ok(dirty.dev, ST_STOP_COPY);
	}
	fd = vfmig_open_ok(dirty.dev, ST_PRE_COPY);
	work_and_sync(10);
	post_last();
	vfmig_set_ok(dirty.dev, ST_PRE_COPY_P2P);
	vfmig_set_ok(dirty.dev, ST_STOP_COPY);
	return fd;
}

static void migrate(bool pre_copy)
{
	struct vfmig_stream s = { 0 };
	struct mlx5_wc wc;
	unsigned int n;
	int fd;

	dirty_start_logged(K4);
	work_and_sync(20);
	fd = stop_copy(pre_copy);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	dirty_sync_guest(K4);
	dirty_judge();
	dirty_counts();
	fill_target();
	mlx5_open(&b, env_vf(1), &mem_b);
	mlx5_irqs(&b);
	move_load(&b.dev, &s, 0);
	close(fd);
	mlx5_close(&dirty.vf);
	move_resume(&b);
	dirty.vf = b;
	dirty.dev = b.dev.fd;
	for (n = 0; mlx5_poll_cq(&dirty.vf, 0, &wc); n++)
		CHECK_EQ(wc.opcode, IFC_CQE_REQ);
	CHECK_EQ(n, LAST);
	for (unsigned int i = 0; i < 200; i++) /* more than once round the CQ */
		dirty_write_dst(dirty_rnd(DIRTY_DST_SIZE - 300), 300);
	dirty_write_with_event();
}

static void migrate_by_reports(void)
{
	migrate(false);
}

static void migrate_by_reports_in_pre_copy(void)
{
	uint64_t flags;

	mlx5_mem_init(&mem_b);
	mlx5_open(&b, env_vf(1), &mem_b);
	CHECK_EQ(vfmig_flags(b.dev.fd, &flags), 0);
	mlx5_close(&b);
	mlx5_mem_free(&mem_b);
	if (!(flags & VFIO_MIGRATION_PRE_COPY))
		tap_skip("no PRE_COPY here");
	migrate(true);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(kind_rdma_write),
		TAP_TEST(kind_rdma_read),
		TAP_TEST(kind_send),
		TAP_TEST(kind_reserved_lkey),
		TAP_TEST(kind_physical_key),
		TAP_TEST(kind_completion),
		TAP_TEST(kind_event),
		TAP_TEST(kind_answer),
		TAP_TEST(kind_mailbox),
		TAP_TEST(kind_write_of_a_peer),
		TAP_TEST(writes_of_others_are_not_reported),
		TAP_TEST(migrate_by_reports),
		TAP_TEST(migrate_by_reports_in_pre_copy),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
