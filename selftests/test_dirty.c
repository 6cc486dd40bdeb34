// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA logging: the arguments of its three calls (statements 82 to 108, by number), and whether a page
 * is ever missed.
 *
 * The judge is the content of memory. A test keeps a copy of all areas that only the device writes to,
 * as the target of a migration would, and brings it up to date by nothing but reports; what differs in
 * the end was changed and never reported. Areas are payload, completion queues and event queues.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "vfmig.h"
#include "mlx5.h"

#define START (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START)
#define STOP (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP)
#define REPORT (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)

#define K4 4096ULL
#define K64 (64ULL << 10)
#define M2 (2ULL << 20)
#define G1 (1ULL << 30)
#define DST_SIZE (1U << 20)
#define SRC_SIZE (256U << 10)
#define MAX_AREAS 12
#define HIGH_IOVA (126 * G1)
#define HIGH_SIZE (64U << 20)

struct area {
	const char *name;
	uint64_t iova, len;
	uint8_t *va, *copy;
};

static struct mlx5_mem mem;
static struct mlx5_vf a;
static int dev;
static uint64_t src, dst; /* offsets in guest memory */
static uint8_t *high;
static uint32_t high_key;
static struct area area[MAX_AREAS];
static unsigned int areas;
static uint64_t told, idle; /* pages of 4 KiB of areas reported, and those that had not changed */
static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

/* ---- calls --------------------------------------------------------------------------------- */

static int log_start(uint64_t *page_size, const struct vfio_device_feature_dma_logging_range *r,
		     uint32_t n)
{
	struct vfio_device_feature_dma_logging_control c = {
		.page_size = *page_size, .num_ranges = n, .ranges = (uintptr_t)r,
	};
	int rc = vfmig_feature(dev, START, &c, sizeof(c));

	*page_size = c.page_size;
	return rc;
}

static int log_start1(uint64_t page_size, uint64_t iova, uint64_t len)
{
	struct vfio_device_feature_dma_logging_range r = { iova, len };

	return log_start(&page_size, &r, 1);
}

static int log_stop(void)
{
	return vfmig_feature(dev, STOP, NULL, 0);
}

static int report_to(uint64_t iova, uint64_t len, uint64_t page_size, const void *bitmap)
{
	struct vfio_device_feature_dma_logging_report r = {
		.iova = iova, .length = len, .page_size = page_size, .bitmap = (uintptr_t)bitmap,
	};

	return vfmig_feature(dev, REPORT, &r, sizeof(r));
}

/* A fresh bitmap with what is dirty. */
static uint64_t *report(uint64_t iova, uint64_t len, uint64_t page_size)
{
	uint64_t bits = (len + page_size - 1) / page_size, *bm = calloc(bits / 64 + 1, 8);
	int rc;

	CHECK(bm);
	rc = report_to(iova, len, page_size, bm);
	CHECK_MSG(!rc, "REPORT of 0x%llx at 0x%llx: %s", (unsigned long long)len,
		  (unsigned long long)iova, strerror(-rc));
	return bm;
}

static bool bit(const uint64_t *bm, uint64_t i)
{
	return bm[i / 64] >> (i % 64) & 1;
}

static uint64_t bits_set(const uint64_t *bm, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++)
		count += bit(bm, i);
	return count;
}

/* ---- memory -------------------------------------------------------------------------------- */

static void area_add(const char *name, uint64_t iova, void *va, uint64_t len)
{
	CHECK(areas < MAX_AREAS);
	area[areas] = (struct area){ name, iova, len, va, malloc(len) };
	CHECK(area[areas].copy);
	areas++;
}

static void copy_all(void)
{
	for (unsigned int i = 0; i < areas; i++)
		memcpy(area[i].copy, area[i].va, area[i].len);
}

/* What a reported piece of address space says of the areas. */
static void copy_piece(uint64_t iova, uint64_t len)
{
	for (unsigned int i = 0; i < areas; i++) {
		uint64_t from = iova > area[i].iova ? iova : area[i].iova;
		uint64_t to = iova + len < area[i].iova + area[i].len ? iova + len :
								       area[i].iova + area[i].len;

		while (from < to) {
			uint64_t n = K4 - from % K4, off = from - area[i].iova;

			if (n > to - from)
				n = to - from;
			told++;
			idle += !memcmp(area[i].copy + off, area[i].va + off, n);
			memcpy(area[i].copy + off, area[i].va + off, n);
			from += n;
		}
	}
}

/* Ask for a window and believe the answer. */
static void sync_window(uint64_t iova, uint64_t len, uint64_t page_size)
{
	uint64_t bits = (len + page_size - 1) / page_size, *bm = report(iova, len, page_size);

	for (uint64_t i = 0; i < bits; i++)
		if (bit(bm, i)) {
			uint64_t n = len - i * page_size;

			copy_piece(iova + i * page_size, n < page_size ? n : page_size);
		}
	free(bm);
}

static void sync_guest(uint64_t page_size)
{
	sync_window(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, page_size);
}

static void judge(void)
{
	unsigned int missed = 0;

	for (unsigned int i = 0; i < areas; i++)
		for (uint64_t off = 0; off < area[i].len; off += K4) {
			uint64_t n = area[i].len - off < K4 ? area[i].len - off : K4;

			if (!memcmp(area[i].copy + off, area[i].va + off, n))
				continue;
			if (!missed++)
				tap_diag("missed: %s, 0x%llx", area[i].name,
					 (unsigned long long)(area[i].iova + off));
		}
	CHECK_MSG(!missed, "%u pages were changed and never reported", missed);
}

static void counts(void)
{
	tap_diag("%llu pages reported, %llu of them unchanged", (unsigned long long)told,
		 (unsigned long long)idle);
}

/* ---- the VF -------------------------------------------------------------------------------- */

static void need_logging(void)
{
	if (vfmig_feature(dev, START | VFIO_DEVICE_FEATURE_PROBE, NULL, 0) == -ENOTTY)
		tap_skip("no DMA logging here");
}

static void open_a(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	need_migration(&a.dev);
	need_logging();
}

static void start_vf(void)
{
	mlx5_start(&a);
	mlx5_create_cq(&a, 0, 7);
	mlx5_create_cq(&a, 1, 7);
	mlx5_create_qp(&a, 0, 6, 6, 0, 1);
	mlx5_connect_self(&a, 0);
	src = mlx5_alloc(&a, SRC_SIZE);
	dst = mlx5_alloc(&a, DST_SIZE);
	for (uint32_t i = 0; i < SRC_SIZE; i++)
		((uint8_t *)mlx5_va(&a, src))[i] = (uint8_t)rnd(256);
}

/* A VF that works, and its areas. */
static void start_a(void)
{
	open_a();
	start_vf();
	area_add("payload", mlx5_iova(dst), mlx5_va(&a, dst), DST_SIZE);
	for (unsigned int i = 0; i < 2; i++)
		area_add("completion queue", mlx5_iova(a.sw->cq[i].buf), mlx5_va(&a, a.sw->cq[i].buf),
			 64ULL << a.sw->cq[i].log);
	for (unsigned int i = 0; i < MLX5_MAX_EQ; i++)
		if (a.sw->eq[i].live)
			area_add("event queue", mlx5_iova(a.sw->eq[i].buf),
				 mlx5_va(&a, a.sw->eq[i].buf), 64ULL << a.sw->eq[i].log);
}

/* As start_a(), with logging of all guest memory. */
static void start_logged(uint64_t page_size)
{
	int rc;

	start_a();
	rc = log_start1(page_size, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE);
	CHECK_MSG(!rc, "START: %s", strerror(-rc));
	copy_all();
}

static void finish(void)
{
	sync_guest(K4);
	judge();
	counts();
	CHECK_EQ(log_stop(), 0);
}

/* Memory of its own at 126 GiB, and a key for it; its pages are of 2 MiB for the device. */
static void map_high(void)
{
	size_t n = HIGH_SIZE / M2, inlen = IFC_SZ(create_mkey_in) + n * 8;
	IFC_BUF(create_mkey_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *mkc;
	int rc;

	CHECK(in);
	high = mmap(NULL, HIGH_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(high != MAP_FAILED);
	rc = vfio_dma_map(&a.dev, high, HIGH_IOVA, HIGH_SIZE);
	CHECK_MSG(!rc, "map at 126 GiB: %s", strerror(-rc));
	mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	IFC_SET(create_mkey_in, in, translations_octword_actual_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, access_mode_1_0, 1); /* MTT */
	IFC_SET(mkc, mkc, lr, 1);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, rr, 1);
	IFC_SET(mkc, mkc, rw, 1);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, mkey_7_0, 0xa5);
	IFC_SET(mkc, mkc, pd, a.sw->pd);
	IFC_SET64(mkc, mkc, start_addr, HIGH_IOVA);
	IFC_SET64(mkc, mkc, len, HIGH_SIZE);
	IFC_SET(mkc, mkc, translations_octword_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, log_page_size, 21);
	for (size_t i = 0; i < n; i++)
		ifc_st64(in + IFC_SZ(create_mkey_in) + 8 * i, HIGH_IOVA + i * M2);
	mlx5_cmd_ok(&a, "CREATE_MKEY", in, inlen, out, sizeof(out));
	high_key = IFC_GET(create_mkey_out, out, mkey_index) << 8 | 0xa5;
	free(in);
	area_add("high memory", HIGH_IOVA, high, HIGH_SIZE);
}

/* The device writes @len bytes that nobody has seen before to @iova. */
static void device_writes(uint64_t iova, uint32_t key, uint32_t len)
{
	uint32_t off = rnd(SRC_SIZE - len + 1);
	uint8_t *p = mlx5_va(&a, src + off);
	struct mlx5_wc wc;

	CHECK(len && len <= SRC_SIZE);
	for (uint32_t i = 0; i < len; i += 64)
		p[i] = (uint8_t)(p[i] + 1 + rnd(200));
	mlx5_post_write(&a, 0, src + off, iova, key, len);
	mlx5_ring(&a, 0);
	mlx5_wait_cq(&a, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
}

static void write_dst(uint64_t off, uint32_t len)
{
	device_writes(mlx5_iova(dst) + off, a.sw->mkey, len);
}

/* A completion with its event. */
static void write_with_event(void)
{
	mlx5_arm_cq(&a, 0);
	write_dst(rnd(DST_SIZE - 64), 64);
	CHECK(mlx5_wait_event(&a, 0, 20000));
}

/* ---- arguments ----------------------------------------------------------------------------- */

static void b6_82_no_ranges_is_einval(void)
{
	struct vfio_device_feature_dma_logging_range r = { MLX5_GUEST_IOVA, K4 };
	uint64_t ps = K4;

	open_a();
	CHECK_EQ(log_start(&ps, &r, 0), -EINVAL);
}

static void b6_83_more_ranges_than_a_page_holds_is_e2big(void)
{
	uint32_t n = (uint32_t)sysconf(_SC_PAGESIZE) / 16 + 1;
	struct vfio_device_feature_dma_logging_range *r = calloc(n, sizeof(*r));
	uint64_t ps = K4;

	open_a();
	for (uint32_t i = 0; i < n; i++)
		r[i] = (struct vfio_device_feature_dma_logging_range){ i * 2 * K4, K4 };
	CHECK_EQ(log_start(&ps, r, n), -E2BIG);
	CHECK_EQ(log_start(&ps, r, n - 1), 0);
	CHECK_EQ(log_stop(), 0);
	free(r);
}

static void b6_84_unaligned_range_is_einval(void)
{
	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA + 512, K4), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, K4 + 512), -EINVAL);
	CHECK_EQ(log_start1(M2, MLX5_GUEST_IOVA + K4, M2), -EINVAL);
}

static void b6_85_range_that_wraps_is_eoverflow(void)
{
	open_a();
	CHECK_EQ(log_start1(K4, 0ULL - K4, 2 * K4), -EOVERFLOW);
}

static void b6_86_overlapping_ranges_are_einval(void)
{
	struct vfio_device_feature_dma_logging_range r[] = {
		{ MLX5_GUEST_IOVA, 4 * K4 }, { MLX5_GUEST_IOVA + 3 * K4, 4 * K4 },
	};
	uint64_t ps = K4;

	open_a();
	CHECK_EQ(log_start(&ps, r, 2), -EINVAL);
}

static void b6_87_bad_pointer_is_efault(void)
{
	uint64_t ps = K4;

	open_a();
	CHECK_EQ(log_start(&ps, (void *)8, 1), -EFAULT);
}

static void b6_89_no_way_to_tell_the_page_size_stops_again(void)
{
	struct vfio_device_feature_dma_logging_range r = { MLX5_GUEST_IOVA, M2 };
	struct {
		struct vfio_device_feature f;
		struct vfio_device_feature_dma_logging_control c;
	} *p;

	open_a();
	p = mmap(NULL, K4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	p->f.argsz = sizeof(*p);
	p->f.flags = START;
	p->c.page_size = K4;
	p->c.num_ranges = 1;
	p->c.ranges = (uintptr_t)&r;
	CHECK(!mprotect(p, K4, PROT_READ));
	CHECK_EQ(ioctl(dev, VFIO_DEVICE_FEATURE, p) < 0 ? -errno : 0, -EFAULT);
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, K4, K4, &(uint64_t){ 0 }), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_90_second_start_is_einval(void)
{
	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), -EINVAL);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_91_page_size_is_written_back(void)
{
	static const struct {
		uint64_t ask, get; /* on the simulated card, which has 4 KiB to 2 MiB */
	} sizes[] = { { 1, K4 },	 { 512, K4 }, { K4, K4 }, { 2 * K4, 2 * K4 },
		      { K64, K64 },	 { M2, M2 },  { 2 * M2, M2 }, { G1, M2 } };

	open_a();
	env_need_simulator("the limits of a card are its own");
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct vfio_device_feature_dma_logging_range r = { 0, 4 * G1 };
		uint64_t ps = sizes[i].ask;

		CHECK_EQ(log_start(&ps, &r, 1), 0);
		CHECK_EQ(ps, sizes[i].get);
		CHECK_EQ(log_stop(), 0);
	}
}

static void b6_93_more_than_the_device_tracks_is_eopnotsupp(void)
{
	open_a();
	env_need_simulator("the limits of a card are its own");
	CHECK_EQ(log_start1(K4, 0, 1ULL << 53), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, 0, 1ULL << 63), -EOPNOTSUPP);
	CHECK_EQ(log_start1(K4, 0, 1ULL << 52), 0);
	CHECK_EQ(log_stop(), 0);
}

static void devlink_reload(void)
{
	char name[32];
	pid_t pid;
	int st;

	snprintf(name, sizeof(name), "pci/%s", env_pf(0));
	pid = fork();
	if (!pid) {
		dup2(2, 1);
		execlp("devlink", "devlink", "dev", "reload", name, NULL);
		_exit(127);
	}
	CHECK(pid > 0 && waitpid(pid, &st, 0) == pid);
	CHECK(WIFEXITED(st) && !WEXITSTATUS(st));
}

static void b6_94_session_ends_with_the_pf(void)
{
	uint64_t word = 0;

	start_logged(K4);
	devlink_reload();
	CHECK(report_to(MLX5_GUEST_IOVA, K4, K4, &word) < 0);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	start_vf();
	area[0].va = mlx5_va(&a, dst);
	area[0].iova = mlx5_iova(dst);
	areas = 1;
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	copy_all();
	write_dst(3, 50000);
	finish();
}

static void b6_95_in_every_state(void)
{
	static const enum vfmig_state states[] = {
		ST_RUNNING, ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY, ST_STOP, ST_RESUMING,
	};

	start_a();
	for (unsigned int i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		int fd = -1, rc = vfmig_set(dev, states[i], &fd);

		CHECK_MSG(!rc, "SET %s: %s", vfmig_state_name(states[i]), strerror(-rc));
		CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		free(report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
		CHECK_EQ(log_stop(), 0);
		vfmig_expect(dev, states[i]);
		if (fd >= 0)
			close(fd);
	}
	CHECK_EQ(vfio_reset(&a.dev), 0);
}

static void b6_96_stop_without_start_is_0(void)
{
	open_a();
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(log_stop(), 0);
}

static void b6_97_report_by_odd_page_sizes_is_einval(void)
{
	static const uint64_t bad[] = { 0, 1, 512, 2048, 4095, 4097, 3 * K4, K64 + 1 };
	uint64_t words[2] = { 0 };

	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(report_to(MLX5_GUEST_IOVA, K4, bad[i], words), -EINVAL);
	CHECK_EQ(log_stop(), 0);
}

static void b6_98_report_that_wraps_is_eoverflow(void)
{
	uint64_t word = 0;

	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(report_to(0ULL - K4, 2 * K4, K4, &word), -EOVERFLOW);
	CHECK_EQ(log_stop(), 0);
}

static void b6_99_report_without_start_is_einval(void)
{
	uint64_t word = 0;

	open_a();
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, K4, K4, &word), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, K4, K4, &word), -EINVAL);
}

static void b6_101_report_only_sets_bits(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm = malloc(bits / 8), *clean = malloc(bits / 8);

	start_logged(K4);
	free(report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
	memset(bm, 0xa5, bits / 8);
	memcpy(clean, bm, bits / 8);
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), 0);
	CHECK(!memcmp(bm, clean, bits / 8));
	write_dst(5 * K4, 3 * K4);
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm), 0);
	for (uint64_t i = 0; i < bits; i++)
		CHECK(bit(bm, i) || !bit(clean, i));
	for (uint64_t i = 5; i < 8; i++)
		CHECK(bit(bm, dst / K4 + i));
}

static void b6_102_reported_once(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm;

	start_logged(K4);
	write_dst(0, 9 * K4);
	bm = report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK(bits_set(bm, bits) >= 9);
	free(bm);
	bm = report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK_EQ(bits_set(bm, bits), 0);
	free(bm);
	write_dst(2 * K4, 1);
	bm = report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	CHECK(bit(bm, dst / K4 + 2));
	CHECK(!bit(bm, dst / K4 + 3));
	free(bm);
}

static void b6_103_reads_are_not_reported(void)
{
	uint64_t *bm;
	struct mlx5_wc wc;

	start_logged(K4);
	write_dst(0, 16 * K4);
	mlx5_post_read(&a, 0, dst + 32 * K4, mlx5_iova(src), a.sw->mkey, 4 * K4);
	mlx5_ring(&a, 0);
	mlx5_wait_cq(&a, 0, &wc, 20000);
	CHECK_EQ(wc.opcode, IFC_CQE_REQ);
	bm = report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	for (uint64_t i = 0; i < SRC_SIZE / K4; i++)
		CHECK_MSG(!bit(bm, src / K4 + i), "page %llu of the source is reported",
			  (unsigned long long)i);
	for (uint64_t i = 0; i < DST_SIZE / K4; i++)
		CHECK_EQ(bit(bm, dst / K4 + i), i < 16 || (i >= 32 && i < 36));
	free(bm);
}

/* Pages of the device and of the report in all pairs. */
static void b6_105_report_page_size_is_free(void)
{
	static const uint64_t sizes[] = { K4, 4 * K4, K64, M2 };

	start_a();
	for (unsigned int i = 0; i < 16; i++) {
		CHECK_EQ(log_start1(sizes[i / 4], MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		copy_all();
		for (unsigned int k = 0; k < 4; k++) {
			write_dst(rnd(DST_SIZE - 20000), 1 + rnd(20000));
			sync_guest(sizes[i % 4]);
		}
		judge();
		CHECK_EQ(log_stop(), 0);
	}
	counts();
}

/* A limit of the core, the same for all drivers: the report is lost and nobody is told. */
static void b6_106a_bitmap_that_cannot_be_written(void)
{
	uint64_t bits = MLX5_GUEST_SIZE / K4, *bm;
	void *ro;
	int rc;

	start_logged(K4);
	free(report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4));
	write_dst(0, 4 * K4);
	ro = mmap(NULL, K4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rc = report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, ro);
	bm = report(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4);
	if (!rc && !bits_set(bm, bits))
		tap_diag("106a: REPORT to a read-only bitmap gave 0, and the pages are lost");
	else
		CHECK_MSG(rc || bits_set(bm, bits), "neither an error nor the pages");
	free(bm);
	CHECK_EQ(log_stop(), 0);
}

static void b6_107_page_size_0_is_einval(void)
{
	open_a();
	CHECK_EQ(log_start1(0, 0, 0), -EINVAL);
}

static void b6_107_odd_page_size_is_einval(void)
{
	open_a();
	CHECK_EQ(log_start1(3 * K4, 0, 3 * M2), -EINVAL);
}

static void b6_107_length_0_is_einval(void)
{
	struct vfio_device_feature_dma_logging_range r[] = {
		{ MLX5_GUEST_IOVA, M2 }, { MLX5_GUEST_IOVA + M2, 0 },
	};
	uint64_t ps = K4;

	open_a();
	CHECK_EQ(log_start1(K4, 0, 0), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, 0), -EINVAL);
	CHECK_EQ(log_start(&ps, r, 2), -EINVAL);
}

static void b6_108_reset_loses_no_page(void)
{
	start_logged(K4);
	write_dst(100, 70000);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	sync_guest(K4);
	judge();
	/* and logging is still on */
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), -EINVAL);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	start_vf();
	areas = 1; /* the payload; the rest is anew */
	copy_all();
	write_dst(300000, 5000);
	finish();
}

/* Offered, or refused as what is not there, and the reason said once. */
static void not_offered_is_said(void)
{
	static const uint32_t calls[] = { START, STOP, REPORT };

	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	if (vfmig_feature(dev, START | VFIO_DEVICE_FEATURE_PROBE, NULL, 0) != -ENOTTY)
		tap_skip("it is offered");
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dev, calls[i] | VFIO_DEVICE_FEATURE_PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, calls[i], NULL, 0), -ENOTTY);
	}
	if (!tap_peer())
		CHECK(!system("dmesg | grep -q 'no dirty tracking: '"));
}

static void b6_close_stops(void)
{
	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	mlx5_close(&a);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	CHECK_EQ(report_to(MLX5_GUEST_IOVA, K4, K4, &(uint64_t){ 0 }), -EINVAL);
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, M2), 0);
	CHECK_EQ(log_stop(), 0);
}

/* ---- no page missed ------------------------------------------------------------------------ */

static void random_at(uint64_t page_size)
{
	start_logged(page_size);
	for (unsigned int i = 0; i < 60; i++) {
		for (unsigned int k = rnd(8); k; k--) {
			uint32_t len = 1 + rnd(i % 4 ? 3000 : SRC_SIZE);

			write_dst(rnd(DST_SIZE - len + 1), len);
		}
		if (i % 5 == 0)
			write_with_event();
		sync_guest(K4);
	}
	finish();
}

#define RANDOM(name, size) static void name(void) { random_at(size); }
RANDOM(random_4k, K4)
RANDOM(random_64k, K64)
RANDOM(random_2m, M2)

static void sequential(void)
{
	start_logged(K4);
	for (unsigned int round = 0; round < 3; round++) {
		for (uint64_t off = 0; off < DST_SIZE; off += 8192)
			write_dst(off, 8192);
		sync_guest(K4);
	}
	finish();
}

/* One byte before a boundary and one behind it, and no more. */
static void straddling(void)
{
	start_logged(K4);
	for (uint64_t off = K4; off < DST_SIZE; off += K4) {
		write_dst(off - 1, 2);
		if (off % (16 * K4) == 0)
			sync_guest(K4);
	}
	finish();
}

static void queues_only(void)
{
	start_logged(K4);
	for (unsigned int i = 0; i < 150; i++) {
		write_with_event();
		if (i % 7 == 0)
			sync_guest(K4);
	}
	finish();
}

/* Windows that begin and end anywhere, and together are all of memory. */
static void odd_windows(uint64_t page_size, uint64_t step)
{
	uint64_t end = MLX5_GUEST_IOVA + MLX5_GUEST_SIZE;

	start_logged(page_size);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 10; i++)
			write_dst(rnd(DST_SIZE - 9000), 1 + rnd(9000));
		for (uint64_t at = MLX5_GUEST_IOVA - K4; at < end; at += step)
			sync_window(at, at + step < end ? step : end - at, K4);
		judge();
	}
	counts();
	CHECK_EQ(log_stop(), 0);
}

#define ODD(name, size, step) static void name(void) { odd_windows(size, step); }
ODD(odd_windows_4k, K4, 13 * K4)
ODD(odd_windows_64k, K64, 13 * K4)
ODD(odd_windows_2m, M2, 37 * K4)
ODD(unaligned_windows, K4, 9 * K4 + 512)

/* Every other piece of memory; more of them than the device has ranges for. */
static void many_ranges(void)
{
	struct vfio_device_feature_dma_logging_range r[256];
	uint64_t ps = K4, step = MLX5_GUEST_SIZE / 256;

	start_a();
	for (uint32_t i = 0; i < 256; i++)
		r[i] = (struct vfio_device_feature_dma_logging_range){
			MLX5_GUEST_IOVA + i * step, step - (i % 3 ? K4 : 0) };
	CHECK_EQ(log_start(&ps, r, 256), 0);
	areas = 1;
	copy_all();
	for (unsigned int i = 0; i < 40; i++)
		for (unsigned int k = 0; k < 256; k++) {
			uint64_t at = r[k].iova - mlx5_iova(0), len = r[k].length;

			if (at < dst || at + len > dst + DST_SIZE || rnd(4))
				continue;
			write_dst(at - dst + rnd((uint32_t)len), 1);
		}
	finish();
}

/* More ranges than the device has, one far away: the sum stays within its limit. */
static void e2_14_far_range(void)
{
	struct vfio_device_feature_dma_logging_range r[40];
	uint64_t ps = K4;

	start_a();
	env_need_simulator("the limits of a card are its own");
	for (uint32_t i = 0; i < 39; i++)
		r[i] = (struct vfio_device_feature_dma_logging_range){
			MLX5_GUEST_IOVA + i * 26 * K4, 25 * K4 };
	r[39] = (struct vfio_device_feature_dma_logging_range){ 1ULL << 62, M2 };
	CHECK_EQ(log_start(&ps, r, 40), 0);
	CHECK_EQ(log_stop(), 0);
}

static void all_127_gib(void)
{
	uint64_t bits = 127 * G1 / K4, *bm;

	start_a();
	map_high();
	CHECK_EQ(log_start1(K4, 0, 127 * G1), 0);
	copy_all();
	for (unsigned int i = 0; i < 50; i++) {
		device_writes(HIGH_IOVA + rnd(HIGH_SIZE - SRC_SIZE), high_key, 1 + rnd(SRC_SIZE - 1));
		write_dst(rnd(DST_SIZE - 5000), 1 + rnd(5000));
		if (i % 10 == 0)
			sync_window(0, 127 * G1, K4);
	}
	/* the edges */
	device_writes(HIGH_IOVA, high_key, 1);
	device_writes(HIGH_IOVA + HIGH_SIZE - 1, high_key, 1);
	sync_window(0, 127 * G1, K4);
	judge();
	bm = report(0, 127 * G1, K4);
	CHECK_EQ(bits_set(bm, bits), 0);
	free(bm);
	counts();
}

/* More pages than a message holds, and more messages than the ring has. */
static void many_pages(void)
{
	start_a();
	areas = 0; /* only this one is tracked */
	map_high();
	CHECK_EQ(log_start1(K4, HIGH_IOVA, HIGH_SIZE), 0);
	copy_all();
	for (unsigned int round = 0; round < 12; round++) {
		for (uint32_t off = 0; off < HIGH_SIZE; off += SRC_SIZE)
			device_writes(HIGH_IOVA + off, high_key, SRC_SIZE);
		sync_window(HIGH_IOVA, HIGH_SIZE, K4);
	}
	judge();
	counts();
}

/* ---- races --------------------------------------------------------------------------------- */

static volatile bool quit;

static void *writer(void *arg)
{
	(void)arg;
	while (!quit) {
		uint32_t len = 1 + rnd(6000);

		write_dst(rnd(DST_SIZE - len + 1), len);
	}
	return NULL;
}

static void b6_104_writes_race_reports(void)
{
	uint64_t start = 0;
	unsigned int n = 0;
	pthread_t t;

	start_logged(K4);
	CHECK(!pthread_create(&t, NULL, writer, NULL));
	for (; wait_more(&start, 4000); n++)
		sync_guest(K4);
	quit = true;
	pthread_join(t, NULL);
	tap_diag("%u reports", n);
	finish();
}

/* After STOP nothing more is written, so the report that follows has all. */
static void b6_104_last_report_after_stop_has_all(void)
{
	pthread_t t;

	start_logged(K4);
	for (unsigned int i = 0; i < 8; i++) {
		write_dst(rnd(DST_SIZE - 9000), 9000);
		sync_guest(K4);
	}
	CHECK(!pthread_create(&t, NULL, writer, NULL));
	usleep(200000);
	vfmig_set_ok(dev, ST_STOP);
	sync_guest(K4);
	judge();
	usleep(200000);
	judge();
	vfmig_set_ok(dev, ST_RUNNING);
	quit = true;
	pthread_join(t, NULL);
	finish();
}

static void *reporter(void *arg)
{
	uint64_t bm[MLX5_GUEST_SIZE / K4 / 64];
	unsigned long *n = arg;

	while (!quit) {
		int rc = report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, K4, bm);

		CHECK_MSG(!rc || rc == -EINVAL || rc == -ECANCELED, "REPORT: %s", strerror(-rc));
		*n += !rc;
	}
	return NULL;
}

static void stop_races_reports(void)
{
	unsigned long n[2] = { 0 };
	uint64_t start = 0;
	pthread_t t[2];

	start_a();
	for (unsigned int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, reporter, &n[i]));
	while (wait_more(&start, 4000)) {
		CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
		write_dst(rnd(DST_SIZE - 30000), 30000);
		usleep(rnd(30000));
		CHECK_EQ(log_stop(), 0);
	}
	quit = true;
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	tap_diag("%lu reports", n[0] + n[1]);
	CHECK(n[0] + n[1]);
}

static void reset_races_reports(void)
{
	unsigned long n = 0;
	pthread_t t;

	open_a();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	CHECK(!pthread_create(&t, NULL, reporter, &n));
	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
		start_vf();
		write_dst(0, 30000);
		CHECK_EQ(vfio_reset(&a.dev), 0);
	}
	quit = true;
	pthread_join(t, NULL);
	CHECK(n);
	CHECK_EQ(log_stop(), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b6_82_no_ranges_is_einval),
		TAP_TEST(b6_83_more_ranges_than_a_page_holds_is_e2big),
		TAP_TEST(b6_84_unaligned_range_is_einval),
		TAP_TEST(b6_85_range_that_wraps_is_eoverflow),
		TAP_TEST(b6_86_overlapping_ranges_are_einval),
		TAP_TEST(b6_87_bad_pointer_is_efault),
		TAP_TEST(b6_89_no_way_to_tell_the_page_size_stops_again),
		TAP_TEST(b6_90_second_start_is_einval),
		TAP_TEST(b6_91_page_size_is_written_back),
		TAP_TEST(b6_93_more_than_the_device_tracks_is_eopnotsupp),
		TAP_TEST(b6_94_session_ends_with_the_pf),
		TAP_TEST(b6_95_in_every_state),
		TAP_TEST(b6_96_stop_without_start_is_0),
		TAP_TEST(b6_97_report_by_odd_page_sizes_is_einval),
		TAP_TEST(b6_98_report_that_wraps_is_eoverflow),
		TAP_TEST(b6_99_report_without_start_is_einval),
		TAP_TEST(b6_101_report_only_sets_bits),
		TAP_TEST(b6_102_reported_once),
		TAP_TEST(b6_103_reads_are_not_reported),
		TAP_TEST(b6_104_writes_race_reports),
		TAP_TEST(b6_104_last_report_after_stop_has_all),
		TAP_TEST(b6_105_report_page_size_is_free),
		TAP_TEST(b6_106a_bitmap_that_cannot_be_written),
		TAP_PEER(b6_107_page_size_0_is_einval, "B6 107"),
		TAP_PEER(b6_107_odd_page_size_is_einval, "B6 107"),
		TAP_PEER(b6_107_length_0_is_einval, "B6 107"),
		TAP_TEST(b6_108_reset_loses_no_page),
		TAP_TEST(b6_close_stops),
		TAP_TEST(not_offered_is_said),
		{ "random_4k", random_4k, NULL, 120 },
		{ "random_64k", random_64k, NULL, 120 },
		{ "random_2m", random_2m, NULL, 120 },
		TAP_TEST(sequential),
		{ "straddling", straddling, NULL, 120 },
		TAP_TEST(queues_only),
		TAP_TEST(odd_windows_4k),
		TAP_PEER(odd_windows_64k, "a page that begins before the window is dropped"),
		TAP_PEER(odd_windows_2m, "a page that begins before the window is dropped"),
		TAP_PEER(unaligned_windows, "a page that begins before the window is dropped"),
		TAP_TEST(many_ranges),
		TAP_TEST(e2_14_far_range),
		{ "all_127_gib", all_127_gib, NULL, 120 },
		{ "many_pages", many_pages, NULL, 180 },
		TAP_TEST(stop_races_reports),
		{ "reset_races_reports", reset_races_reports, NULL, 120 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
