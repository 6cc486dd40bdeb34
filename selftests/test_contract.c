// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What <linux/vfio.h> and the VFIO core promise a user about migration, and what a user of
 * mlx5_vfio_pci is used to, statement by statement. Names begin with the statement's group and
 * number: b1 discovery, b2 states and arcs, b3 behaviour in a state, b4 data files. Statements that
 * need PRE_COPY or DMA logging are not here; what DMA does in a state is in test_move.c.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "vfmig.h"
#include "vfmig_stream.h"
#include "work.h"

#define GET VFIO_DEVICE_FEATURE_GET
#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE
#define F_MIGRATION VFIO_DEVICE_FEATURE_MIGRATION
#define F_STATE VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE
#define F_SIZE VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
#define F_LOG_START VFIO_DEVICE_FEATURE_DMA_LOGGING_START
#define F_LOG_STOP VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
#define F_LOG_REPORT VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
#define F_PRECOPY_INFO_V2 12 /* since Linux 7.3 */
#define F_NONE 0x7ff0

static struct mlx5_mem mem;
static struct mlx5_vf a;
static struct work w;
static int dev;

/* Open without a word to the device. */
static void open_a(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	dev = a.dev.fd;
}

/* A VF that works, so that a test can see that it still does. */
static void start_a(void)
{
	open_a();
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 3);
}

static bool has(uint64_t flag)
{
	uint64_t flags;

	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	return flags & flag;
}

/* ---- B1 discovery ---- */

static void b1_01_flags_hold_stop_copy(void)
{
	uint64_t flags;

	open_a();
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK(flags & VFIO_MIGRATION_STOP_COPY);
	CHECK(flags & VFIO_MIGRATION_P2P);
	CHECK_EQ(flags & ~(uint64_t)(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
				     VFIO_MIGRATION_PRE_COPY), 0);
}

/* VF 3, held by a driver without migration. */
static void open_plain(void)
{
	const char *bdf = env_vf(3);
	struct vfio_dev d;
	int rc;

	rc = env_bind(bdf, "vfio-pci");
	CHECK_MSG(!rc, "vfio-pci does not take %s: %s", bdf, strerror(-rc));
	rc = vfio_open(&d, bdf, VFIO_PATH_AUTO);
	CHECK_MSG(!rc, "open %s: %s", bdf, strerror(-rc));
	dev = d.fd;
}

static void b1_02_device_without_migration_is_enotty(void)
{
	static const uint32_t features[] = { F_MIGRATION, F_STATE, F_SIZE };
	uint8_t buf[32] = { 0 };

	open_plain();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dev, features[i] | GET, buf, sizeof(buf)), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE | GET, NULL, 0), -ENOTTY);
	}
	CHECK_EQ(vfmig_feature(dev, F_STATE | SET, buf, sizeof(buf)), -ENOTTY);
}

static void b1_03_device_without_logging_is_enotty(void)
{
	static const uint32_t features[] = { F_LOG_START, F_LOG_STOP, F_LOG_REPORT };

	open_plain();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE | SET, NULL, 0), -ENOTTY);
	}
}

static void b1_04_unknown_feature_is_enotty(void)
{
	uint8_t buf[8] = { 0 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_NONE | PROBE, NULL, 0), -ENOTTY);
	CHECK_EQ(vfmig_feature(dev, F_NONE | GET, buf, sizeof(buf)), -ENOTTY);
	CHECK_EQ(vfmig_feature(dev, F_NONE | SET, buf, sizeof(buf)), -ENOTTY);
}

static void b1_05_probe_of_a_supported_feature(void)
{
	open_a();
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | SET | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE | GET, NULL, 0), 0);
	vfmig_expect(dev, ST_RUNNING);
}

static void b1_06_probe_bad_direction_is_einval(void)
{
	uint8_t buf[16] = { 0 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE | SET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE | SET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | SET, buf, sizeof(buf)), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | SET, buf, sizeof(buf)), -EINVAL);
}

/* The ioctl with a header of one's own. */
static int raw(uint32_t argsz, uint32_t flags)
{
	struct {
		struct vfio_device_feature f;
		uint64_t data[4];
	} u = { .f = { .argsz = argsz, .flags = flags } };

	return ioctl(dev, VFIO_DEVICE_FEATURE, &u) < 0 ? -errno : 0;
}

static void b1_07_argsz_without_room_for_the_header_is_einval(void)
{
	open_a();
	for (uint32_t n = 0; n < 8; n++)
		CHECK_EQ(raw(n, F_MIGRATION | PROBE), -EINVAL);
	CHECK_EQ(raw(8, F_MIGRATION | PROBE), 0);
}

static void b1_08_unknown_flag_bits_are_einval(void)
{
	open_a();
	for (unsigned int bit = 19; bit < 32; bit++)
		CHECK_EQ(raw(16, F_MIGRATION | GET | 1U << bit), -EINVAL);
}

static void b1_09_get_and_set_together_is_einval(void)
{
	open_a();
	CHECK_EQ(raw(16, F_STATE | GET | SET), -EINVAL);
}

static void b1_10_no_operation_is_einval(void)
{
	open_a();
	CHECK_EQ(raw(16, F_STATE), -EINVAL);
	CHECK_EQ(raw(16, F_MIGRATION), -EINVAL);
}

static void b1_11_short_payload_is_einval(void)
{
	open_a();
	for (uint32_t n = 0; n < 8; n++) {
		CHECK_EQ(raw(8 + n, F_STATE | GET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_STATE | SET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_MIGRATION | GET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_SIZE | GET), -EINVAL);
	}
	CHECK_EQ(raw(16, F_STATE | GET), 0);
}

static void b1_12_unreachable_memory_is_efault(void)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature *f = (void *)(p + 4096 - sizeof(*f));

	open_a();
	CHECK(p != MAP_FAILED);
	/* the header can be read, what follows cannot */
	CHECK(!mprotect(p + 4096, 4096, PROT_NONE));
	f->argsz = sizeof(*f) + 8;
	f->flags = F_STATE | SET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_STATE | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_MIGRATION | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_SIZE | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, p + 4096) < 0 && errno == EFAULT);
	vfmig_expect(dev, ST_RUNNING);
}

static void b1_13_unbound_character_device_is_einval(void)
{
	struct vfio_device_feature f = { .argsz = sizeof(f), .flags = F_MIGRATION | PROBE };

	if (access("/dev/iommu", F_OK))
		tap_skip("this kernel has no iommufd");
	dev = vfio_open_unbound(env_vf(0));
	CHECK_MSG(dev >= 0, "%s", strerror(-dev));
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, &f) < 0 && errno == EINVAL);
}

static void b1_14_precopy_info_v2_without_precopy_is_refused(void)
{
	uint32_t on = 1;
	int rc;

	open_a();
	if (has(VFIO_MIGRATION_PRE_COPY))
		tap_skip("the device has PRE_COPY");
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, &on, sizeof(on));
	/* older kernels do not know it at all */
	CHECK_MSG(rc == -EINVAL || rc == -ENOTTY, "%s", strerror(-rc));
}

/* ---- B2 states and arcs ---- */

static void b2_16_state_numbers(void)
{
	_Static_assert(VFIO_DEVICE_STATE_ERROR == 0, "");
	_Static_assert(VFIO_DEVICE_STATE_STOP == 1, "");
	_Static_assert(VFIO_DEVICE_STATE_RUNNING == 2, "");
	_Static_assert(VFIO_DEVICE_STATE_STOP_COPY == 3, "");
	_Static_assert(VFIO_DEVICE_STATE_RESUMING == 4, "");
	_Static_assert(VFIO_DEVICE_STATE_RUNNING_P2P == 5, "");
	open_a();
	CHECK_EQ(vfmig_get(dev), 2);
	vfmig_set_ok(dev, ST_STOP);
	CHECK_EQ(vfmig_get(dev), 1);
	close(vfmig_open_ok(dev, ST_STOP_COPY));
	CHECK_EQ(vfmig_get(dev), 3);
	vfmig_set_ok(dev, ST_RUNNING_P2P);
	CHECK_EQ(vfmig_get(dev), 5);
	close(vfmig_open_ok(dev, ST_RESUMING));
	CHECK_EQ(vfmig_get(dev), 4);
}

static void b2_17_state_after_open_is_running(void)
{
	open_a();
	vfmig_expect(dev, ST_RUNNING);
	vfmig_set_ok(dev, ST_STOP);
	mlx5_close(&a);
	mlx5_open(&a, env_vf(0), &mem);
	vfmig_expect(a.dev.fd, ST_RUNNING);
}

static void b2_18_get_gives_no_file(void)
{
	static const int states[] = { ST_RUNNING, ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY };

	open_a();
	for (unsigned int i = 0; i < 4; i++) {
		struct vfio_device_feature_mig_state m = { .data_fd = 5 };

		CHECK_EQ(vfmig_set(dev, states[i], NULL), 0);
		CHECK_EQ(vfmig_feature(dev, F_STATE | GET, &m, sizeof(m)), 0);
		CHECK_EQ(m.device_state, states[i]);
		CHECK_EQ(m.data_fd, -1);
	}
}

static void b2_19_set_to_the_present_state_does_nothing(void)
{
	int fd;

	open_a();
	vfmig_set_ok(dev, ST_RUNNING);
	vfmig_set_ok(dev, ST_RUNNING_P2P);
	vfmig_set_ok(dev, ST_RUNNING_P2P);
	vfmig_set_ok(dev, ST_STOP);
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	vfmig_set_ok(dev, ST_STOP_COPY);
	{
		struct vfmig_stream s = { 0 };

		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		vfmig_first_data(&s);
		close(fd);
		fd = vfmig_open_ok(dev, ST_RESUMING);
		CHECK_EQ(vfmig_write_all(fd, s.p, s.len / 2, 0), 0);
		vfmig_set_ok(dev, ST_RESUMING);
		/* the session goes on */
		CHECK_EQ(vfmig_write_all(fd, s.p + s.len / 2, s.len - s.len / 2, 0), 0);
		vfmig_set_ok(dev, ST_STOP);
	}
}

static void b2_20_session_file_is_close_on_exec(void)
{
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void b2_20_error_gives_no_file(void)
{
	struct vfio_device_feature_mig_state m = { .device_state = 0x77, .data_fd = 5 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_STATE | SET, &m, sizeof(m)), -EINVAL);
	CHECK_EQ(m.data_fd, -1);
	CHECK_EQ(m.device_state, 0x77);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_21_state_beyond_the_last_is_einval(void)
{
	open_a();
	CHECK_EQ(vfmig_set(dev, 8, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, 255, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, -1, NULL), -EINVAL);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_22_set_error_is_einval(void)
{
	open_a();
	CHECK_EQ(vfmig_set(dev, ST_ERROR, NULL), -EINVAL);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_23_optional_state_not_there_is_einval(void)
{
	open_a();
	if (has(VFIO_MIGRATION_PRE_COPY))
		tap_skip("the device has every optional state");
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY_P2P, NULL), -EINVAL);
	vfmig_expect(dev, ST_RUNNING);
}

static void b2_24_stop_copy_to_pre_copy_is_einval(void)
{
	open_a();
	close(vfmig_open_ok(dev, ST_STOP_COPY));
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY, NULL), -EINVAL);
	CHECK_EQ(vfmig_set(dev, ST_PRE_COPY_P2P, NULL), -EINVAL);
	vfmig_expect(dev, ST_STOP_COPY);
}

static void b2_29_reset_gives_running(void)
{
	static const int states[] = { ST_RUNNING, ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY,
				      ST_RESUMING };

	open_a();
	for (unsigned int i = 0; i < 5; i++) {
		CHECK_EQ(vfmig_set(dev, states[i], NULL), 0);
		CHECK_EQ(vfio_reset(&a.dev), 0);
		vfmig_expect(dev, ST_RUNNING);
	}
}

/*
 * Into @state by base arcs only, from a VF that works. In RESUMING the VF's own state has been
 * written in whole. Returns the session's file, or -1.
 */
static int go(int state)
{
	struct vfmig_stream s = { 0 };
	int fd = -1;

	if (state == ST_RUNNING)
		return -1;
	vfmig_set_ok(dev, ST_RUNNING_P2P);
	if (state == ST_RUNNING_P2P)
		return -1;
	vfmig_set_ok(dev, ST_STOP);
	if (state == ST_STOP)
		return -1;
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	if (state == ST_STOP_COPY)
		return fd;
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	close(fd);
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p, s.len, 0), 0);
	vfmig_stream_free(&s);
	return fd;
}

static bool starts_session(int from, int to)
{
	return from != to && (to == ST_STOP_COPY || to == ST_RESUMING);
}

/* @from to @to, and after it the VF works as before. */
static void arc(int from, int to)
{
	struct vfmig_stream s = { 0 };
	int fd = -2, old, rc;

	start_a();
	old = go(from);
	work_post(&w, 2, WORK_RECORD);
	rc = vfmig_set(dev, to, &fd);
	CHECK_MSG(!rc, "%s -> %s: %s", vfmig_state_name(from), vfmig_state_name(to), strerror(-rc));
	CHECK_MSG((fd >= 0) == starts_session(from, to), "data_fd %d", fd);
	vfmig_expect(dev, to);
	if (old >= 0) {
		uint8_t byte = 0;

		/* 48, 49: the old session is over */
		CHECK(from == ST_RESUMING ? write(old, &byte, 1) < 0 : read(old, &byte, 1) < 0);
		CHECK_EQ(errno, ENODEV);
		close(old);
	}
	if (to == ST_RESUMING) {
		/* the state may be gone (43) */
		CHECK_EQ(vfio_reset(&a.dev), 0);
		CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
		mlx5_start(&a);
		work_self(&w, &a, 0);
		work_run(&w, 5);
		return;
	}
	if (to == ST_STOP_COPY) {
		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		vfmig_first_data(&s);
		close(fd);
	}
	if (to != ST_RUNNING) {
		/* suspended: the doorbell record alone must be found at resume */
		work_quiet(&w, 10);
		vfmig_set_ok(dev, ST_RUNNING);
	} else if (from == ST_RUNNING) {
		mlx5_ring(&a, 0);
	}
	work_done(&w, 2);
	work_run(&w, 10);
}

#define ARC(name, from, to) static void name(void) { arc(from, to); }
ARC(b2_30_resuming_stop, ST_RESUMING, ST_STOP)
ARC(b2_30_stop_resuming, ST_STOP, ST_RESUMING)
ARC(b2_30_stop_stop_copy, ST_STOP, ST_STOP_COPY)
ARC(b2_30_stop_copy_stop, ST_STOP_COPY, ST_STOP)
ARC(b2_31_running_running_p2p, ST_RUNNING, ST_RUNNING_P2P)
ARC(b2_31_running_p2p_running, ST_RUNNING_P2P, ST_RUNNING)
ARC(b2_31_running_p2p_stop, ST_RUNNING_P2P, ST_STOP)
ARC(b2_31_stop_running_p2p, ST_STOP, ST_RUNNING_P2P)
ARC(b2_35h_resuming_stop_running_p2p, ST_RESUMING, ST_RUNNING_P2P)
ARC(b2_35j_resuming_stop_running_p2p_running, ST_RESUMING, ST_RUNNING)
ARC(b2_35l_resuming_stop_stop_copy, ST_RESUMING, ST_STOP_COPY)
ARC(b2_35n_running_running_p2p_stop, ST_RUNNING, ST_STOP)
ARC(b2_35o_running_running_p2p_stop_resuming, ST_RUNNING, ST_RESUMING)
ARC(b2_35p_running_running_p2p_stop_stop_copy, ST_RUNNING, ST_STOP_COPY)
ARC(b2_35r_running_p2p_stop_resuming, ST_RUNNING_P2P, ST_RESUMING)
ARC(b2_35s_running_p2p_stop_stop_copy, ST_RUNNING_P2P, ST_STOP_COPY)
ARC(b2_35u_stop_running_p2p_running, ST_STOP, ST_RUNNING)
ARC(b2_35w_stop_copy_stop_resuming, ST_STOP_COPY, ST_RESUMING)
ARC(b2_35x_stop_copy_stop_running_p2p, ST_STOP_COPY, ST_RUNNING_P2P)
ARC(b2_35y_stop_copy_stop_running_p2p_running, ST_STOP_COPY, ST_RUNNING)

/* Present state x wanted state (0 to 9) against what the text says. */
static void b2_37_every_pair_of_states(void)
{
	static const int from[] = { ST_STOP, ST_RUNNING, ST_STOP_COPY, ST_RESUMING, ST_RUNNING_P2P };
	bool pre;

	start_a();
	pre = has(VFIO_MIGRATION_PRE_COPY);
	for (unsigned int i = 0; i < 5; i++)
		for (int to = 0; to <= 9; to++) {
			bool bad = to == ST_ERROR || to > ST_PRE_COPY_P2P;
			int fd = -2, old, rc, want_fd;

			if (to == ST_PRE_COPY || to == ST_PRE_COPY_P2P) {
				if (pre)
					continue;
				bad = true;
			}
			old = go(from[i]);
			rc = vfmig_set(dev, to, &fd);
			CHECK_MSG(rc == (bad ? -EINVAL : 0), "%s -> %d: %s",
				  vfmig_state_name(from[i]), to, strerror(-rc));
			vfmig_expect(dev, bad ? from[i] : to);
			want_fd = !bad && starts_session(from[i], to);
			CHECK_MSG((fd >= 0) == want_fd, "%s -> %d: data_fd %d",
				  vfmig_state_name(from[i]), to, fd);
			if (old >= 0)
				close(old);
			if (fd >= 0)
				close(fd);
			CHECK_EQ(vfio_reset(&a.dev), 0);
			vfmig_expect(dev, ST_RUNNING);
		}
}

static void b2_27_failed_set_can_be_left(void)
{
	int fd;

	start_a();
	fd = go(ST_STOP);
	CHECK(fd < 0);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	/* nothing was written: STOP must fail (44), and reset lead out of it */
	CHECK(vfmig_set(dev, ST_STOP, NULL) < 0);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 5);
}

/* ---- B3 behaviour in a state ---- */

static void b3_39_suspended_device_can_be_touched(void)
{
	static const int states[] = { ST_RUNNING_P2P, ST_STOP, ST_STOP_COPY };
	uint32_t id;

	start_a();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_set(dev, states[i], NULL), 0);
		CHECK_EQ(vfio_config_read(&a.dev, PCI_VENDOR_ID, &id, sizeof(id)), 0);
		CHECK_EQ(id, 0x101e15b3);
		CHECK_EQ(mlx5_rd32(&a, IFC_ISEG_CMDIF_REV_FW_SUB) >> 16, 5);
		CHECK_EQ(vfio_msix_disable(&a.dev), 0);
		mlx5_irqs(&a);
		mlx5_arm_cq(&a, 0);
		work_post(&w, 1, WORK_RING);
		mlx5_wr32(&a, IFC_ISEG_CMD_DBELL, 0);
		mlx5_wr32(&a, (uint32_t)a.dev.bar0_len - 4, 0xffffffff);
		vfmig_expect(dev, states[i]);
	}
	vfmig_set_ok(dev, ST_RUNNING);
	work_done(&w, 3);
	work_run(&w, 5);
}

static void b3_38_data_size_is_about_the_stream(void)
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

static void b3_45_reset_ends_resuming(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p, s.len - 1, 0), 0);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	CHECK(write(fd, s.p, 1) < 0 && errno == ENODEV);
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 5);
}

/* ---- B4 the data files ---- */

static void b4_48_no_data_of_the_next_session_in_an_old_file(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[64];
	int one, two;

	start_a();
	one = go(ST_STOP_COPY);
	CHECK_EQ(read(one, buf, 10), 10);
	vfmig_set_ok(dev, ST_STOP);
	two = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK(read(one, buf, sizeof(buf)) < 0 && errno == ENODEV);
	CHECK_EQ(vfmig_read_all(two, &s, 0), 0);
	vfmig_first_data(&s);
	CHECK(read(one, buf, sizeof(buf)) < 0 && errno == ENODEV);
	close(one);
	vfmig_set_ok(dev, ST_STOP);
	/* the same of files that take */
	one = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(one, s.p, s.len, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	two = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(write(one, s.p, 16) < 0 && errno == ENODEV);
	CHECK_EQ(vfmig_write_all(two, s.p, s.len, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 5);
}

static void b4_48_close_of_the_device_ends_the_session(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	mlx5_close(&a);
	CHECK(read(fd, buf, sizeof(buf)) < 0 && errno == ENODEV);
	close(fd);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	fd = vfmig_open_ok(dev, ST_RESUMING);
	mlx5_close(&a);
	CHECK(write(fd, buf, sizeof(buf)) < 0 && errno == ENODEV);
}

static void b4_50_positions_are_espipe(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(pread(fd, buf, sizeof(buf), 0) < 0 && errno == ESPIPE);
	CHECK(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(pwrite(fd, buf, sizeof(buf), 0) < 0 && errno == ESPIPE);
	CHECK(lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE);
}

static void b4_51_wrong_direction_is_ebadf(void)
{
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(write(fd, buf, sizeof(buf)) < 0 && errno == EBADF);
	close(fd);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK(read(fd, buf, sizeof(buf)) < 0 && errno == EBADF);
}

static void b4_54_end_of_stream_is_for_ever(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[16];
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	vfmig_first_data(&s);
	for (unsigned int i = 0; i < 5; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK(p.revents & POLLIN);
	}
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
}

static void b4_56_records_are_whole_at_the_end(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	size_t off = 0;
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 1000), 0);
	CHECK(vfmig_rec_at(&s, 0, &r));
	if (r.tag == VFMIG_STREAM_T_ORIGIN) {
		CHECK_EQ(r.flags, VFMIG_REC_OPTIONAL);
		CHECK(vfmig_rec_at(&s, VFMIG_REC_HDR + r.size, &r));
	}
	CHECK_EQ(r.tag, VFMIG_TAG_STOP_COPY_SIZE);
	CHECK_EQ(r.flags, VFMIG_REC_OPTIONAL);
	CHECK(r.size >= 8);
	while (vfmig_rec_at(&s, off, &r)) {
		tap_diag("record at %zu: size %llu flags %u tag 0x%x", off,
			 (unsigned long long)r.size, r.flags, r.tag);
		off += VFMIG_REC_HDR + r.size;
	}
	CHECK_EQ(off, s.len);
}

static void b4_57_nonblocking_read_with_poll(void)
{
	struct vfmig_stream s = { 0 };
	unsigned int again = 0;
	uint8_t buf[5000];
	ssize_t n;
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		n = read(fd, buf, sizeof(buf));
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			again++;
			CHECK_EQ(poll(&p, 1, 20000), 1);
			CHECK_EQ(p.revents & (POLLERR | POLLRDHUP | POLLHUP), 0);
			continue;
		}
		vfmig_append(&s, buf, (size_t)n);
	}
	vfmig_first_data(&s);
	close(fd);
	tap_diag("%u times not ready", again);
	if (getenv("VFMIG_SLOW_IMAGE"))
		CHECK_MSG(again, "the image was to be slow, and never was");
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_58_poll_of_an_ended_session_says_so(void)
{
	struct pollfd p = { .events = POLLIN | POLLRDNORM | POLLRDHUP };

	start_a();
	p.fd = go(ST_STOP_COPY);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK(!(p.revents & POLLRDHUP));
	vfmig_set_ok(dev, ST_STOP);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents & (POLLIN | POLLRDNORM | POLLRDHUP), POLLIN | POLLRDNORM | POLLRDHUP);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void b4_59_signals_lose_no_data(void)
{
	struct itimerspec it = { .it_interval = { .tv_nsec = 300000 }, .it_value = { .tv_nsec = 300000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART */
	struct vfmig_stream s = { 0 };
	unsigned int eintr = 0;
	uint8_t buf[777];
	timer_t t;
	ssize_t n;
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	CHECK(!timer_settime(t, 0, &it, NULL));
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EINTR);
			eintr++;
			continue;
		}
		vfmig_append(&s, buf, (size_t)n);
	}
	timer_delete(t);
	close(fd);
	tap_diag("interrupted %u times", eintr);
	if (getenv("VFMIG_SLOW_IMAGE"))
		CHECK_MSG(eintr, "the image was to be slow, and no read blocked");
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

/* The stream read and written in pieces of @r and @wr bytes; the device goes on from it. */
static void pieces(size_t r, size_t wr)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, r), 0);
	close(fd);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, wr);
	move_resume(&a);
	work_run(&w, 5);
	work_positions(&w);
}

#define PIECES(name, r, wr) static void name(void) { pieces(r, wr); }
PIECES(b4_60_written_byte_by_byte, 65536, 1)
PIECES(b4_60_read_byte_by_byte, 1, 65536)
PIECES(b4_60_pieces_of_15, 15, 15)
PIECES(b4_60_pieces_of_16, 16, 16)
PIECES(b4_60_pieces_of_17, 17, 17)
PIECES(b4_60_pieces_of_4095, 4095, 4095)
PIECES(b4_60_pieces_of_4096, 4096, 4096)
PIECES(b4_60_pieces_of_4097, 4097, 4097)
PIECES(b4_60_in_one_piece, 16 << 20, 0)

/* Writes that end one byte before, at and one byte after each record's header and end. */
static void b4_60_pieces_around_records(void)
{
	static const int delta[] = { -1, 0, 1 };

	start_a();
	for (unsigned int d = 0; d < 3; d++) {
		struct vfmig_stream s = { 0 };
		struct vfmig_rec r;
		size_t at = 0, off = 0;
		int fd;

		move_stop(&a.dev);
		move_save(&a.dev, &s);
		fd = vfmig_open_ok(dev, ST_RESUMING);
		while (vfmig_rec_at(&s, off, &r)) {
			size_t edge[2] = { off + VFMIG_REC_HDR, off + VFMIG_REC_HDR + r.size };

			for (unsigned int e = 0; e < 2; e++) {
				size_t to = edge[e] + (size_t)delta[d];

				if (to > s.len)
					to = s.len;
				if (to <= at)
					continue;
				CHECK_EQ(vfmig_write_all(fd, s.p + at, to - at, 0), 0);
				at = to;
			}
			off = edge[1];
		}
		CHECK_EQ(vfmig_write_all(fd, s.p + at, s.len - at, 0), 0);
		vfmig_set_ok(dev, ST_STOP);
		close(fd);
		move_resume(&a);
		work_run(&w, 3);
		vfmig_stream_free(&s);
	}
}

static void b4_61_fault_in_a_read_loses_nothing(void)
{
	uint8_t *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfmig_stream s = { 0 };
	unsigned int faults = 0;
	ssize_t n;
	int fd;

	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 20480, 4096, PROT_NONE));
	start_a();
	fd = go(ST_STOP_COPY);
	/* each read asks for more than is there, and the part that arrived counts */
	for (unsigned int i = 0;; i++) {
		size_t room = 1 + i * 3989 % 20480;

		n = read(fd, p + 20480 - room, room + 4096);
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EFAULT);
			/* only if nothing was delivered, which the next read then does */
			CHECK_MSG(++faults < 1000, "no read makes progress");
			n = read(fd, p, 7);
			CHECK(n >= 0);
			vfmig_append(&s, p, (size_t)n);
			continue;
		}
		CHECK_MSG((size_t)n <= room, "%zd bytes into %zu", n, room);
		vfmig_append(&s, p + 20480 - room, (size_t)n);
	}
	close(fd);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_61_fault_in_a_write_repeats_nothing(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t *p;
	size_t at = 0;
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 8192, 8192, PROT_NONE));
	fd = vfmig_open_ok(dev, ST_RESUMING);
	for (unsigned int i = 0; at < s.len; i++) {
		size_t room = 1 + i * 3989 % 8192;
		ssize_t n;

		if (room > s.len - at)
			room = s.len - at;
		memcpy(p + 8192 - room, s.p + at, room);
		n = write(fd, p + 8192 - room, room + (i % 2 ? 100 : 0));
		if (n < 0) {
			CHECK_EQ(errno, EFAULT);
			n = write(fd, p + 8192 - room, room);
			CHECK(n > 0);
		}
		CHECK((size_t)n <= room);
		at += (size_t)n;
	}
	vfmig_set_ok(dev, ST_STOP);
	close(fd);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_62_close_of_the_file_keeps_the_state(void)
{
	start_a();
	close(go(ST_STOP_COPY));
	vfmig_expect(dev, ST_STOP_COPY);
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 3);
	close(go(ST_RESUMING));
	vfmig_expect(dev, ST_RESUMING);
}

static void b4_62_duplicates_share_the_session(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t buf[100];
	int fd, two;
	ssize_t n;

	start_a();
	fd = go(ST_STOP_COPY);
	two = dup(fd);
	CHECK(two >= 0);
	n = read(fd, buf, sizeof(buf));
	CHECK(n > 0);
	vfmig_append(&s, buf, (size_t)n);
	close(fd);
	CHECK_EQ(vfmig_read_all(two, &s, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	CHECK(read(two, buf, 1) < 0 && errno == ENODEV);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	two = dup(fd);
	CHECK_EQ(vfmig_write_all(fd, s.p, 50, 0), 0);
	close(fd);
	CHECK_EQ(vfmig_write_all(two, s.p + 50, s.len - 50, 0), 0);
	vfmig_set_ok(dev, ST_STOP);
	move_resume(&a);
	work_run(&w, 3);
}

static void b4_62_file_in_another_process(void)
{
	uint8_t byte;
	int fd, st, go_on[2], has_read[2];
	pid_t pid;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK(!pipe(go_on) && !pipe(has_read));
	pid = fork();
	if (!pid) {
		/* not the device */
		close(go_on[1]);
		if (read(fd, &byte, 1) != 1 || write(has_read[1], &byte, 1) != 1)
			_exit(2);
		if (read(go_on[0], &byte, 1))
			_exit(3);
		_exit(read(fd, &byte, 1) < 0 && errno == ENODEV ? 0 : 4);
	}
	close(go_on[0]);
	CHECK(!close(has_read[1]));
	CHECK(read(has_read[0], &byte, 1) == 1);
	vfmig_set_ok(dev, ST_RUNNING);
	close(go_on[1]);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_MSG(WIFEXITED(st) && WEXITSTATUS(st) == 0, "status 0x%x", st);
	work_run(&w, 3);
}

struct reader {
	int fd;
	size_t total;
	int err;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[333];
	ssize_t n;

	while ((n = read(r->fd, buf, sizeof(buf))) > 0)
		r->total += (size_t)n;
	r->err = n < 0 ? errno : 0;
	return NULL;
}

static void b4_62_two_readers_share_all_bytes(void)
{
	struct vfmig_stream s = { 0 };
	struct reader r[2];
	pthread_t t[2];
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	vfmig_set_ok(dev, ST_STOP);
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	for (unsigned int i = 0; i < 2; i++) {
		r[i] = (struct reader){ .fd = fd };
		CHECK(!pthread_create(&t[i], NULL, read_on, &r[i]));
	}
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(r[i].err, 0);
	}
	CHECK_EQ(r[0].total + r[1].total, s.len);
}

static void b4_62_state_change_under_readers(void)
{
	start_a();
	for (unsigned int k = 0; k < 10; k++) {
		struct reader r[2];
		pthread_t t[2];
		int fd = go(ST_STOP_COPY);

		for (unsigned int i = 0; i < 2; i++) {
			r[i] = (struct reader){ .fd = fd };
			CHECK(!pthread_create(&t[i], NULL, read_on, &r[i]));
		}
		if (k % 2)
			CHECK_EQ(vfio_reset(&a.dev), 0);
		else
			vfmig_set_ok(dev, ST_RUNNING);
		for (unsigned int i = 0; i < 2; i++) {
			pthread_join(t[i], NULL);
			/* EIO: the firmware gave up the SAVE of a function that was reset */
			CHECK_MSG(r[i].err == 0 || r[i].err == ENODEV || (k % 2 && r[i].err == EIO),
				  "%s", strerror(r[i].err));
		}
		close(fd);
		vfmig_expect(dev, ST_RUNNING);
		if (k % 2) {
			CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
			mlx5_start(&a);
			work_self(&w, &a, 0);
		}
		work_run(&w, 2);
	}
}

/* RESUMING, the first @len bytes of @s, STOP. Returns the error of either. */
static int load_part(const struct vfmig_stream *s, size_t len)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;

	rc = len ? vfmig_write_all(fd, s->p, len, 0) : 0;
	if (!rc) {
		int none = -2;

		rc = vfmig_set(dev, ST_STOP, &none);
		CHECK_EQ(none, -1);
	}
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	return rc;
}

/* Places in a stream: around every record's edges, and @n spread evenly. */
static size_t places(const struct vfmig_stream *s, size_t *at, size_t max, size_t n)
{
	struct vfmig_rec r;
	size_t k = 0;

	for (size_t off = 0; vfmig_rec_at(s, off, &r); off += VFMIG_REC_HDR + r.size) {
		size_t edges[] = { off, off + 1, off + 15, off + 16, off + 17,
				   off + VFMIG_REC_HDR + r.size - 1 };

		for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]) && k < max; i++)
			at[k++] = edges[i];
	}
	for (size_t i = 0; i < n && k < max; i++)
		at[k++] = (i * 2 + 1) * s->len / (2 * n);
	return k;
}

static void b4_64_stream_cut_anywhere_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	size_t at[128], n;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	n = places(&s, at, 128, 24);
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (at[i] >= s.len)
			continue;
		rc = load_part(&s, at[i]);
		CHECK_MSG(rc < 0, "%zu of %zu bytes were taken for a whole state", at[i], s.len);
	}
	CHECK_EQ(load_part(&s, s.len), 0);
}

/*
 * The in-kernel driver's format has no checksum of its own: there a flip is seen where a length no
 * longer fits, or by the firmware inside its image. What the optional announcement of a size says is
 * of no consequence.
 */
static void b4_65_flipped_bit_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	size_t at[160], n = 0;
	struct vfmig_rec r;

	env_need_simulator("what a card checks in its image is not known");
	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	for (size_t off = 0; vfmig_rec_at(&s, off, &r); off += VFMIG_REC_HDR + r.size) {
		for (size_t i = 0; i < 8; i++)
			at[n++] = off + i;
		if (r.tag != VFMIG_TAG_FW_DATA)
			continue;
		for (size_t i = 0; i < 24; i++)
			at[n++] = off + VFMIG_REC_HDR + (i < 8 ? i : i * 2654435761U % r.size);
		CHECK(n <= 100);
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t bit = (uint8_t)(1U << i % 8);
		int rc;

		s.p[at[i]] ^= bit;
		rc = load_part(&s, s.len);
		s.p[at[i]] ^= bit;
		CHECK_MSG(rc < 0, "bit 0x%02x of byte %zu of %zu was not missed", bit, at[i], s.len);
	}
	CHECK_EQ(load_part(&s, s.len), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b1_01_flags_hold_stop_copy),
		TAP_TEST(b1_02_device_without_migration_is_enotty),
		TAP_TEST(b1_03_device_without_logging_is_enotty),
		TAP_TEST(b1_04_unknown_feature_is_enotty),
		TAP_TEST(b1_05_probe_of_a_supported_feature),
		TAP_TEST(b1_06_probe_bad_direction_is_einval),
		TAP_TEST(b1_07_argsz_without_room_for_the_header_is_einval),
		TAP_TEST(b1_08_unknown_flag_bits_are_einval),
		TAP_TEST(b1_09_get_and_set_together_is_einval),
		TAP_TEST(b1_10_no_operation_is_einval),
		TAP_TEST(b1_11_short_payload_is_einval),
		TAP_TEST(b1_12_unreachable_memory_is_efault),
		TAP_TEST(b1_13_unbound_character_device_is_einval),
		TAP_TEST(b1_14_precopy_info_v2_without_precopy_is_refused),
		TAP_TEST(b2_16_state_numbers),
		TAP_TEST(b2_17_state_after_open_is_running),
		TAP_TEST(b2_18_get_gives_no_file),
		TAP_TEST(b2_19_set_to_the_present_state_does_nothing),
		TAP_TEST(b2_20_session_file_is_close_on_exec),
		TAP_TEST(b2_20_error_gives_no_file),
		TAP_TEST(b2_21_state_beyond_the_last_is_einval),
		TAP_TEST(b2_22_set_error_is_einval),
		TAP_TEST(b2_23_optional_state_not_there_is_einval),
		TAP_TEST(b2_24_stop_copy_to_pre_copy_is_einval),
		TAP_PEER(b2_27_failed_set_can_be_left, "E2.5"),
		TAP_TEST(b2_29_reset_gives_running),
		TAP_TEST(b2_30_resuming_stop),
		TAP_TEST(b2_30_stop_resuming),
		TAP_TEST(b2_30_stop_stop_copy),
		TAP_TEST(b2_30_stop_copy_stop),
		TAP_TEST(b2_31_running_running_p2p),
		TAP_TEST(b2_31_running_p2p_running),
		TAP_TEST(b2_31_running_p2p_stop),
		TAP_TEST(b2_31_stop_running_p2p),
		TAP_TEST(b2_35h_resuming_stop_running_p2p),
		TAP_TEST(b2_35j_resuming_stop_running_p2p_running),
		TAP_TEST(b2_35l_resuming_stop_stop_copy),
		TAP_TEST(b2_35n_running_running_p2p_stop),
		TAP_TEST(b2_35o_running_running_p2p_stop_resuming),
		TAP_TEST(b2_35p_running_running_p2p_stop_stop_copy),
		TAP_TEST(b2_35r_running_p2p_stop_resuming),
		TAP_TEST(b2_35s_running_p2p_stop_stop_copy),
		TAP_TEST(b2_35u_stop_running_p2p_running),
		TAP_TEST(b2_35w_stop_copy_stop_resuming),
		TAP_TEST(b2_35x_stop_copy_stop_running_p2p),
		TAP_TEST(b2_35y_stop_copy_stop_running_p2p_running),
		TAP_TEST(b2_37_every_pair_of_states),
		TAP_TEST(b3_38_data_size_is_about_the_stream),
		TAP_TEST(b3_39_suspended_device_can_be_touched),
		TAP_TEST(b3_43_resuming_twice_takes_the_second),
		TAP_TEST(b3_45_reset_ends_resuming),
		TAP_TEST(b4_48_no_data_of_the_next_session_in_an_old_file),
		TAP_TEST(b4_48_close_of_the_device_ends_the_session),
		TAP_TEST(b4_50_positions_are_espipe),
		TAP_TEST(b4_51_wrong_direction_is_ebadf),
		TAP_TEST(b4_54_end_of_stream_is_for_ever),
		TAP_TEST(b4_56_records_are_whole_at_the_end),
		TAP_TEST(b4_57_nonblocking_read_with_poll),
		TAP_TEST(b4_58_poll_of_an_ended_session_says_so),
		TAP_TEST(b4_59_signals_lose_no_data),
		TAP_TEST(b4_60_written_byte_by_byte),
		TAP_TEST(b4_60_read_byte_by_byte),
		TAP_TEST(b4_60_pieces_of_15),
		TAP_TEST(b4_60_pieces_of_16),
		TAP_TEST(b4_60_pieces_of_17),
		TAP_TEST(b4_60_pieces_of_4095),
		TAP_TEST(b4_60_pieces_of_4096),
		TAP_TEST(b4_60_pieces_of_4097),
		TAP_TEST(b4_60_in_one_piece),
		TAP_TEST(b4_60_pieces_around_records),
		TAP_PEER(b4_61_fault_in_a_read_loses_nothing, "E2.7"),
		TAP_PEER(b4_61_fault_in_a_write_repeats_nothing, "E2.7, of writes"),
		TAP_TEST(b4_62_close_of_the_file_keeps_the_state),
		TAP_TEST(b4_62_duplicates_share_the_session),
		TAP_TEST(b4_62_file_in_another_process),
		TAP_TEST(b4_62_two_readers_share_all_bytes),
		TAP_TEST(b4_62_state_change_under_readers),
		TAP_PEER(b4_64_stream_cut_anywhere_is_refused, "E2.5"),
		TAP_PEER(b4_65_flipped_bit_is_refused, "E2.5"),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
