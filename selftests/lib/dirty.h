/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMA logging, and a judge of it.
 *
 * The judge is the content of memory. It keeps a copy of all areas that only the device writes to, as
 * the target of a migration would, and brings it up to date by nothing but reports; what differs in
 * the end was changed and never reported. Areas are payload, completion queues and event queues, and
 * what a test adds. The second judge, of all memory that is logged, is truth.h.
 *
 * There is one VF under test in a process, and each test is a process.
 */
#ifndef SELFTESTS_DIRTY_H
#define SELFTESTS_DIRTY_H

#include "mlx5.h"
#include "truth.h"
#include "vfmig.h"

#define LOG_START (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START)
#define LOG_STOP (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP)
#define LOG_REPORT (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)

#define K4 4096ULL
#define K64 (64ULL << 10)
#define M2 (2ULL << 20)
#define G1 (1ULL << 30)
#define DIRTY_DST_SIZE (1U << 20)
#define DIRTY_SRC_SIZE (256U << 10)
#define DIRTY_MAX_AREAS 300

typedef struct vfio_device_feature_dma_logging_range log_range;

struct dirty_area {
	const char *name;
	uint64_t iova, len;
	uint8_t *va, *copy;
};

/* The VF under test. */
struct dirty {
	struct mlx5_mem mem;
	struct mlx5_vf vf;
	int dev;
	uint64_t src, dst; /* offsets in guest memory: what it reads, what it writes */
	struct dirty_area area[DIRTY_MAX_AREAS];
	unsigned int areas;
	uint64_t told, idle; /* pages of 4 KiB of areas reported, and those that had not changed */
	struct truth_counts truth; /* of the last judgement */
	bool truth_known;
};
extern struct dirty dirty;

/* A number below @n, of a sequence that is the same in every run. */
uint32_t dirty_rnd(uint32_t n);

/* The three calls; 0 or -errno. @page_size comes back as the driver has chosen it. */
int log_start(uint64_t *page_size, const log_range *r, uint32_t n);
/* The same, and the simulator is not told to keep account: nothing but the ioctl is done. */
int log_start_alone(uint64_t *page_size, const log_range *r, uint32_t n);
int log_start1(uint64_t page_size, uint64_t iova, uint64_t len);
int log_stop(void);
int log_report_to(uint64_t iova, uint64_t len, uint64_t page_size, const void *bitmap);
/* A fresh bitmap with what is dirty. */
uint64_t *log_report(uint64_t iova, uint64_t len, uint64_t page_size);

/* The page trackers of the simulated card, as far as mlx5_vfmig takes them for one VF. */
struct tracker_limits {
	uint32_t trackers;
	uint32_t ranges; /* of each */
	uint32_t log_space;
};
/* By VFMIG_TRACKER, which names another profile. Skips the test if one tracker covers all there is. */
struct tracker_limits tracker_limits(void);
/* Ranges that @trackers trackers cover and no fewer: guest memory, and others far away. Returns how many. */
#define FAR_RANGES 256
#define FAR_SIZE M2
uint32_t far_ranges(log_range r[FAR_RANGES], uint32_t trackers);

bool bit(const uint64_t *bm, uint64_t i);
uint64_t bits_set(const uint64_t *bm, uint64_t n);

/* Open VF 0. Skips the test if it has no logging. */
void dirty_open(void);
/* Bring it up: two CQs, a QP connected to itself, @src and @dst. */
void dirty_start_vf(void);
/* Both, with areas for @dst, the CQs and the EQs. */
void dirty_start(void);
/* As dirty_start(), with logging of all guest memory. */
void dirty_start_logged(uint64_t page_size);

void dirty_area_add(const char *name, uint64_t iova, void *va, uint64_t len);
/* Take all areas as they are. */
void dirty_copy(void);
/* How many pages of 4 KiB of areas are not as they were taken. */
unsigned int dirty_changed(void);
/* Ask for a window and believe the answer. */
void dirty_sync(uint64_t iova, uint64_t len, uint64_t page_size);
void dirty_sync_guest(uint64_t page_size);
/* Ends the test if something was changed, or written to, and not reported. */
void dirty_judge(void);
/* Say how much was reported for nothing. */
void dirty_counts(void);
/* The last report, the judgement, the end of logging. */
void dirty_finish(void);

/* The device writes @len bytes that nobody has seen before, by RDMA WRITE. */
void dirty_write(uint64_t iova, uint32_t key, uint32_t len);
void dirty_write_dst(uint64_t off, uint32_t len);
/* A completion with its event. */
void dirty_write_with_event(void);

/* A thread that writes to @dst until it is told to quit. */
void dirty_writer_start(void);
void dirty_writer_stop(void);

#endif
