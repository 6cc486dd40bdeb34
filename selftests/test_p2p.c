// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RUNNING_P2P: a function initiates nothing and still answers. Two VFs write to each other's memory, and
 * each into the BAR of a third PCI function, which is mapped into their IOMMU address spaces. Three things
 * are looked at: memory itself, completions, and what the card says that it has written as which function
 * ("oracle writes", docs/control.rst), which goes by the requester id.
 *
 * The third function is an ivshmem-plain device: BAR 2 is memory. A BAR goes into an IOMMU address space by
 * way of a VFIO container; iommufd takes no mapping of one ("a_bar_and_iommufd").
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control.h"
#include "env.h"
#include "live.h"
#include "move.h"
#include "observe.h"
#include "stream.h"
#include "tap.h"

#define PCI "/sys/bus/pci/devices"
#define BAR_IOVA 0x20000000ULL
#define BAR_PART STREAM_AREA /* of each VF */
#define BAR_LEN (2 * BAR_PART)
#define QUIET_MS 150
#define TO_PEER 0 /* QPs of a VF */
#define TO_BAR 1
#define SOME 4 /* operations, of STREAM_DEPTH */

static uint8_t *bar;
static struct mlx5_mem mem[2];
static struct mlx5_vf vf[2], moved;
static struct stream stream[4];

static struct stream *stream_of(unsigned int qp, unsigned int i)
{
	return &stream[2 * qp + i];
}

/* ---- the third function -------------------------------------------------------------------- */

static void open_bar(void)
{
	char path[300], vendor[16], device[16];
	struct dirent *e;
	DIR *d = opendir(PCI);
	int fd = -1;

	CHECK(d);
	while (fd < 0 && (e = readdir(d))) {
		if (*e->d_name == '.' || sysfs_read(vendor, sizeof(vendor), PCI "/%s/vendor", e->d_name) ||
		    sysfs_read(device, sizeof(device), PCI "/%s/device", e->d_name) ||
		    strcmp(vendor, "0x1af4") || strcmp(device, "0x1110"))
			continue;
		CHECK_EQ(sysfs_write("1", PCI "/%s/enable", e->d_name), 0);
		snprintf(path, sizeof(path), PCI "/%.64s/resource2", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	}
	closedir(d);
	if (fd < 0)
		tap_skip("needs a third function with memory behind a BAR (ivshmem-plain)");
	bar = mmap(NULL, BAR_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_MSG(bar != MAP_FAILED, "mmap of the BAR: %s", strerror(errno));
	memset(bar, 0, BAR_LEN);
}

static uint32_t bar_key(struct mlx5_vf *v)
{
	uint64_t page[BAR_LEN / 4096];

	for (unsigned int i = 0; i < BAR_LEN / 4096; i++)
		page[i] = BAR_IOVA + i * 4096ULL;
	return mlx5_create_mkey(v, BAR_IOVA, BAR_LEN, 12, page, BAR_LEN / 4096);
}

static void map_bar(struct mlx5_vf *v)
{
	int rc = vfio_dma_map(&v->dev, bar, BAR_IOVA, BAR_LEN);

	CHECK_MSG(!rc, "map of the BAR: %s", strerror(-rc));
}

/* ---- the two VFs --------------------------------------------------------------------------- */

static void start(void)
{
	need_ctl("what the card has written as which function");
	open_bar();
	for (unsigned int i = 0; i < 2; i++) {
		mlx5_mem_init(&mem[i]);
		mlx5_open(&vf[i], env_vf(i), &mem[i]);
		need_migration(&vf[i].dev);
		if (vf[i].dev.path != VFIO_PATH_GROUP)
			tap_skip("iommufd maps no BAR; a container does (VFMIG_VFIO_PATH=group)");
		map_bar(&vf[i]);
		mlx5_start(&vf[i]);
		stream_setup(&vf[i], TO_PEER);
		stream_setup(&vf[i], TO_BAR);
		mlx5_connect_self(&vf[i], TO_BAR);
	}
	mlx5_connect(&vf[0], TO_PEER, &vf[1], TO_PEER);
	for (unsigned int i = 0; i < 2; i++) {
		*stream_of(TO_PEER, i) = stream_to(&vf[i], TO_PEER, &vf[!i], TO_PEER, STREAM_WRITE);
		*stream_of(TO_BAR, i) = stream_to(&vf[i], TO_BAR, &vf[i], TO_BAR, STREAM_READ);
		stream_of(TO_BAR, i)->far_iova = BAR_IOVA + i * BAR_PART;
		stream_of(TO_BAR, i)->far_key = bar_key(&vf[i]);
		stream_of(TO_BAR, i)->far = bar + i * BAR_PART;
	}
}

static void run_all(unsigned int ops)
{
	stream_run(stream, 4, ops);
}

static void drain_all(void)
{
	stream_drain(stream, 4);
}

/* VF @i has more to do, for both targets. */
static void post_both(unsigned int i)
{
	for (unsigned int qp = TO_PEER; qp <= TO_BAR; qp++) {
		stream_post(stream_of(qp, i), SOME);
		CHECK(stream_under_way(stream_of(qp, i)));
	}
}

static void set_state(unsigned int i, int state)
{
	vfmig_set_ok(vf[i].dev.fd, state);
}

/* ---- what the card has written ------------------------------------------------------------- */

static void note(void)
{
	ctl("oracle writes start vf0");
	ctl("oracle writes start vf1");
}

/* Bytes of pages in the window that VF @i has written to since note(). */
static uint64_t written(unsigned int i, uint64_t iova, uint64_t len)
{
	char *text = ctl_ask("oracle writes list vf%u 0x%" PRIx64 " 0x%" PRIx64, i, iova, len), *save = NULL;
	uint64_t sum = 0, at, n;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		CHECK_MSG(sscanf(l, "%" SCNx64 " %" SCNx64, &at, &n) == 2, "not a range: %s", l);
		sum += n;
	}
	free(text);
	return sum;
}

static uint64_t written_at_all(unsigned int i)
{
	char *text = ctl_ask("oracle writes count vf%u", i);
	uint64_t n = strtoull(text, NULL, 10);

	free(text);
	return n;
}

static uint64_t in_bar(unsigned int i)
{
	return written(i, BAR_IOVA, BAR_LEN);
}

/* Where the other VF writes to, and has that answered. */
static uint64_t for_peer(unsigned int i)
{
	return written(i, mlx5_iova(stream_books(&vf[i], TO_PEER)->in), STREAM_AREA);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void each_writes_as_itself(void)
{
	uint64_t part;

	start();
	note();
	run_all(3 * STREAM_SLOTS);
	drain_all();
	for (unsigned int i = 0; i < 2; i++) {
		part = written(i, BAR_IOVA + i * BAR_PART, BAR_PART);
		CHECK_EQ(part, BAR_PART);
		CHECK_EQ(in_bar(i), part); /* and nothing in the other's part */
		/* an RDMA WRITE is a write of the function whose memory it is: behind its IOMMU, in its name */
		CHECK_EQ(for_peer(i), STREAM_AREA);
	}
}

/* Copies of what VF @i would write to, were it not for P2P. */
static uint8_t *targets_of(unsigned int i)
{
	uint8_t *copy = malloc(2 * STREAM_AREA);

	CHECK(copy);
	memcpy(copy, bar + i * BAR_PART, STREAM_AREA);
	memcpy(copy + STREAM_AREA, mlx5_va(&vf[!i], stream_books(&vf[!i], TO_PEER)->in), STREAM_AREA);
	return copy;
}

static void same_targets(unsigned int i, uint8_t *copy)
{
	uint8_t *now = targets_of(i);

	CHECK_MSG(!memcmp(now, copy, STREAM_AREA), "VF %u has written into the BAR", i);
	CHECK_MSG(!memcmp(now + STREAM_AREA, copy + STREAM_AREA, STREAM_AREA),
		  "VF %u has written into the other's memory", i);
	free(now);
	free(copy);
}

/* VF 0 has work for both targets and is in RUNNING_P2P; VF 1 runs, and works on 0's memory. */
static void one_quiet(void)
{
	uint8_t *targets;

	post_both(0);
	set_state(0, ST_RUNNING_P2P);
	stream_take(stream_of(TO_PEER, 0)); /* what was done before */
	stream_take(stream_of(TO_BAR, 0));
	post_both(0);
	note();
	targets = targets_of(0);
	stream_run(stream_of(TO_PEER, 1), 1, 2 * STREAM_SLOTS);
	stream_run(stream_of(TO_BAR, 1), 1, 2 * STREAM_SLOTS);
	CHECK_EQ(stream_take(stream_of(TO_PEER, 0)) + stream_take(stream_of(TO_BAR, 0)), 0);
	same_targets(0, targets);
	/* VF 0 has answered, and written nothing else */
	CHECK_EQ(for_peer(0), STREAM_AREA);
	CHECK_EQ(written_at_all(0) * 4096, STREAM_AREA);
	CHECK_EQ(for_peer(1), 0);
	CHECK_EQ(in_bar(1), BAR_PART);
}

static void all_quiet(const char *when)
{
	uint8_t *copy[2] = { observe_memory(&mem[0]), observe_memory(&mem[1]) }, *b = malloc(BAR_LEN);
	uint64_t from = 0;

	CHECK(b);
	memcpy(b, bar, BAR_LEN);
	note();
	while (wait_more(&from, QUIET_MS))
		;
	observe_still(&mem[0], copy[0], 1);
	observe_still(&mem[1], copy[1], 1);
	CHECK_MSG(!memcmp(b, bar, BAR_LEN), "%s: the BAR has changed", when);
	CHECK_EQ(written_at_all(0), 0);
	CHECK_EQ(written_at_all(1), 0);
	free(b);
	free(copy[0]);
	free(copy[1]);
}

static void quiet_one_by_one_and_back(void)
{
	start();
	run_all(40);
	drain_all();
	for (unsigned int round = 0; round < 3; round++) {
		one_quiet();
		set_state(1, ST_RUNNING_P2P);
		stream_take(stream_of(TO_PEER, 1));
		stream_take(stream_of(TO_BAR, 1));
		post_both(1);
		all_quiet("both in RUNNING_P2P");
		set_state(0, ST_STOP);
		all_quiet("one in STOP, one in RUNNING_P2P");
		set_state(1, ST_STOP);
		all_quiet("both in STOP");
		/* back, in another order each time; nothing was lost on the way */
		set_state(round % 2, ST_RUNNING_P2P);
		all_quiet("one back in RUNNING_P2P");
		set_state(!(round % 2), ST_RUNNING_P2P);
		all_quiet("both back in RUNNING_P2P");
		set_state(round % 2, ST_RUNNING);
		set_state(!(round % 2), ST_RUNNING);
		drain_all();
		run_all(40);
		drain_all();
	}
}

/* A responder in STOP holds up those who write to it, and nobody else. */
static void a_stopped_responder_is_waited_for(void)
{
	start();
	run_all(40);
	drain_all();
	set_state(0, ST_RUNNING_P2P);
	set_state(0, ST_STOP);
	note();
	post_both(1);
	stream_run(stream_of(TO_BAR, 1), 1, 2 * STREAM_SLOTS);
	CHECK_EQ(stream_take(stream_of(TO_PEER, 1)), 0);
	CHECK_EQ(written_at_all(0), 0);
	set_state(0, ST_RUNNING_P2P);
	stream_run(stream_of(TO_PEER, 1), 1, 2 * STREAM_SLOTS);
	CHECK_EQ(written_at_all(0) * 4096, STREAM_AREA);
	set_state(0, ST_RUNNING);
	run_all(40);
	drain_all();
}

static void moves_in_the_middle_of_both(void)
{
	struct vfmig_stream s = { 0 };

	start();
	run_all(40);
	drain_all();
	post_both(0);
	post_both(1);
	set_state(0, ST_RUNNING_P2P);
	post_both(1);
	set_state(0, ST_STOP);
	move_save(&vf[0].dev, &s);
	/* the target has the BAR at the same address before it runs */
	mlx5_open(&moved, env_vf(2), &mem[0]);
	map_bar(&moved);
	mlx5_irqs(&moved);
	move_load(&moved.dev, &s, 0);
	mlx5_close(&vf[0]);
	ctl("oracle writes start vf2");
	note();
	move_resume(&moved);
	vf[0] = moved;
	drain_all();
	run_all(100);
	drain_all();
	CHECK_EQ(written_at_all(0), 0); /* the source is VF 0 of the card */
	CHECK_EQ(written(2, BAR_IOVA, BAR_PART), BAR_PART);
	CHECK_EQ(written(2, BAR_IOVA + BAR_PART, BAR_PART), 0);
}

/* What iommufd says to memory that is none of the kernel's pages. If that changes, these tests can use it. */
static void a_bar_and_iommufd(void)
{
	int rc;

	open_bar();
	mlx5_mem_init(&mem[0]);
	mlx5_open(&vf[0], env_vf(0), &mem[0]);
	if (vf[0].dev.path != VFIO_PATH_CDEV)
		tap_skip("this is about iommufd");
	rc = vfio_dma_map(&vf[0].dev, bar, BAR_IOVA, BAR_LEN);
	CHECK_MSG(rc == -EFAULT, "a map of the BAR gives %d, expected -EFAULT", rc);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_writes_as_itself),
		TAP_TEST(quiet_one_by_one_and_back),
		TAP_TEST(a_stopped_responder_is_waited_for),
		TAP_TEST(moves_in_the_middle_of_both),
		TAP_TEST(a_bar_and_iommufd),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
