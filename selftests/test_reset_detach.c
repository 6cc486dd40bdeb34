// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What ends a migration from the side: resets of the VF by its user and by its guest, a detach of the
 * PF, removal of the VF or of the PF's driver while the device is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "dirty.h"
#include "env.h"
#include "fault.h"
#include "move.h"
#include "tap.h"
#include "work.h"

/* Beside the states, the half-way points of their sessions. */
enum point {
	P_RUNNING, P_RUNNING_P2P, P_STOP, P_PRE_COPY, P_PRE_COPY_P2P, P_STOP_COPY, P_STOP_COPY_HALF,
	P_STOP_COPY_READ, P_RESUMING, P_RESUMING_HALF, P_RESUMING_WRITTEN, P_COUNT
};

static const char *const point_name[] = {
	"RUNNING", "RUNNING_P2P", "STOP", "PRE_COPY", "PRE_COPY_P2P", "STOP_COPY",
	"STOP_COPY, half read", "STOP_COPY, read",
	"RESUMING", "RESUMING, half written", "RESUMING, written",
};

static struct mlx5_mem mem;
static struct mlx5_vf a;
static struct work w;
static int dev;

static void open_a(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	dev = a.dev.fd;
}

static void start_a(void)
{
	CHECK_EQ(vfio_set_bus_master(&a.dev, true), 0);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 4);
}

/* From a working VF; returns the session's file or -1. */
static int go(enum point p)
{
	struct vfmig_stream s = { 0 };
	int fd = -1;

	switch (p) {
	case P_RUNNING:
		break;
	case P_RUNNING_P2P:
		vfmig_set_ok(dev, ST_RUNNING_P2P);
		break;
	case P_STOP:
		vfmig_set_ok(dev, ST_STOP);
		break;
	case P_PRE_COPY:
	case P_PRE_COPY_P2P:
		fd = vfmig_open_ok(dev, ST_PRE_COPY);
		if (p == P_PRE_COPY_P2P)
			vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		break;
	case P_STOP_COPY:
		return vfmig_open_ok(dev, ST_STOP_COPY);
	case P_STOP_COPY_HALF: {
		uint8_t some[2000];

		fd = vfmig_open_ok(dev, ST_STOP_COPY);
		CHECK(read(fd, some, sizeof(some)) > 0);
		break;
	}
	case P_STOP_COPY_READ:
		fd = vfmig_open_ok(dev, ST_STOP_COPY);
		CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
		break;
	case P_RESUMING:
		return vfmig_open_ok(dev, ST_RESUMING);
	case P_RESUMING_HALF:
	case P_RESUMING_WRITTEN:
		move_save(&a.dev, &s);
		fd = vfmig_open_ok(dev, ST_RESUMING);
		CHECK_EQ(vfmig_write_all(fd, s.p, p == P_RESUMING_HALF ? s.len / 2 : s.len, 0), 0);
		break;
	default:
		tap_fail(__FILE__, __LINE__, "no such point");
	}
	vfmig_stream_free(&s);
	return fd;
}

static void session_is_over(enum point p, int fd)
{
	uint8_t byte = 0;
	ssize_t n;

	if (fd < 0)
		return;
	n = p >= P_RESUMING ? write(fd, &byte, 1) : read(fd, &byte, 1);
	CHECK_MSG(n < 0 && errno == ENODEV, "%s: file gives %zd, %s", point_name[p], n,
		  strerror(errno));
	close(fd);
}

static void reset_in_every_state(void)
{
	open_a();
	for (enum point p = 0; p < P_COUNT; p++) {
		int fd;

		start_a();
		fd = go(p);
		CHECK_EQ(vfio_reset(&a.dev), 0);
		vfmig_expect(dev, ST_RUNNING);
		session_is_over(p, fd);
		start_a();
		CHECK_EQ(vfio_reset(&a.dev), 0);
	}
}

/* The guest's way: the function level reset bit of its PCI Express capability. */
static void guest_flr(void)
{
	uint8_t pos, id = 0;
	uint16_t ctl;

	CHECK_EQ(vfio_config_read(&a.dev, PCI_CAPABILITY_LIST, &pos, 1), 0);
	for (unsigned int i = 0; pos && i < 48; i++) {
		CHECK_EQ(vfio_config_read(&a.dev, pos, &id, 1), 0);
		if (id == PCI_CAP_ID_EXP)
			break;
		CHECK_EQ(vfio_config_read(&a.dev, pos + 1U, &pos, 1), 0);
	}
	CHECK_EQ(id, PCI_CAP_ID_EXP);
	CHECK_EQ(vfio_config_read(&a.dev, pos + (unsigned int)PCI_EXP_DEVCTL, &ctl, 2), 0);
	ctl |= PCI_EXP_DEVCTL_BCR_FLR;
	CHECK_EQ(vfio_config_write(&a.dev, pos + (unsigned int)PCI_EXP_DEVCTL, &ctl, 2), 0);
}

static void guest_flr_in_every_state(void)
{
	open_a();
	for (enum point p = 0; p < P_COUNT; p++) {
		int fd;

		start_a();
		fd = go(p);
		guest_flr();
		vfmig_expect(dev, ST_RUNNING);
		session_is_over(p, fd);
		start_a();
		CHECK_EQ(vfio_reset(&a.dev), 0);
	}
}

static void close_in_every_state(void)
{
	mlx5_mem_init(&mem);
	for (enum point p = 0; p < P_COUNT; p++) {
		int fd;

		mlx5_open(&a, env_vf(0), &mem);
		dev = a.dev.fd;
		vfmig_expect(dev, ST_RUNNING);
		start_a();
		fd = go(p);
		mlx5_close(&a);
		session_is_over(p, fd);
	}
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	start_a();
}

static void file_closed_after_the_device(void)
{
	mlx5_mem_init(&mem);
	for (enum point p = P_STOP_COPY; p < P_COUNT; p++) {
		int fd;

		mlx5_open(&a, env_vf(0), &mem);
		dev = a.dev.fd;
		start_a();
		fd = go(p);
		mlx5_close(&a);
		mlx5_open(&a, env_vf(0), &mem);
		dev = a.dev.fd;
		start_a();
		close(fd);
		work_run(&w, 3);
		mlx5_close(&a);
	}
}

/* ---- everything at once ---- */

#define CALLERS 4
#define CALL_MS 3000

struct caller {
	unsigned int seed, calls;
	uint64_t until;
};

static void *call_at_random(void *arg)
{
	static const int states[] = { ST_STOP, ST_RUNNING, ST_STOP_COPY, ST_RESUMING, ST_RUNNING_P2P };
	struct caller *c = arg;
	uint8_t buf[3000] = { 0 };
	int fd = -1;

	while (now_ms() < c->until) {
		int got = -1;

		c->calls++;
		switch (rand_r(&c->seed) >> 8 & 7) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (!vfmig_set(dev, states[rand_r(&c->seed) % 5], &got) && got >= 0) {
				if (fd >= 0)
					close(fd);
				fd = got;
			}
			break;
		case 4:
			vfmig_get(dev);
			vfmig_data_size(dev, &(uint64_t){ 0 });
			break;
		case 5:
			if (rand_r(&c->seed) >> 8 & 1)
				vfio_reset(&a.dev);
			break;
		default:
			/* one of the two is the wrong direction */
			if (fd >= 0 && read(fd, buf, sizeof(buf)) < 0 &&
			    write(fd, buf, 16) < 0)
				break;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int module_refs(void)
{
	char num[16];

	CHECK_EQ(sysfs_read(num, sizeof(num), "/sys/module/%s/refcnt", tap_driver()), 0);
	return atoi(num);
}

static void calls_from_four_threads(void)
{
	int before = module_refs();
	struct caller c[CALLERS];
	pthread_t t[CALLERS];
	unsigned int calls = 0;
	uint64_t start = 0;

	open_a();
	start_a();
	for (unsigned int i = 0; i < CALLERS; i++) {
		c[i] = (struct caller){ .seed = i + 1, .until = now_ms() + CALL_MS };
		CHECK(!pthread_create(&t[i], NULL, call_at_random, &c[i]));
	}
	for (unsigned int i = 0; i < CALLERS; i++) {
		pthread_join(t[i], NULL);
		calls += c[i].calls;
	}
	tap_diag("%u calls", calls);
	CHECK(calls > 100);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	start_a();
	/* all files are closed: nothing holds the driver */
	mlx5_close(&a);
	while (module_refs() != before)
		CHECK_MSG(wait_more(&start, 5000), "%d references to the driver, %d before",
			  module_refs(), before);
}

static void killed_in_every_state(void)
{
	for (enum point p = 0; p < P_COUNT; p++) {
		pid_t pid = fork();
		int st;

		CHECK(pid >= 0);
		if (!pid) {
			open_a();
			start_a();
			go(p);
			kill(getpid(), SIGKILL);
		}
		CHECK_EQ(waitpid(pid, &st, 0), pid);
		CHECK_MSG(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "%s: status 0x%x", point_name[p],
			  st);
	}
	open_a();
	start_a();
}

/* Run a program, wait for it; its output is the test's. */
static int run(char *const argv[])
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		dup2(2, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	CHECK(pid > 0 && waitpid(pid, &st, 0) == pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/*
 * The PF leaves and comes back while the VF stays held. Nobody promises what state the VF is in then,
 * but no call may hang or crash, the session is over, and a reset makes the VF as good as new.
 */
static void good_as_new(void)
{
	struct vfmig_stream s = { 0 };

	vfmig_set(dev, ST_STOP, NULL);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	start_a();
	/* and it migrates */
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 10);
}

/*
 * A detach takes the session away and leaves the state; the way out of it then asks the session
 * (mlx5vf_cmd_query_vhca_migration_state() of Linux 7.3), and the kernel has an oops.
 */
static void spare_the_peer(enum point p)
{
	if (tap_peer() && (p == P_PRE_COPY || p == P_PRE_COPY_P2P))
		tap_skip("NULL pointer in the kernel: a detach in PRE_COPY, then SET_STATE");
}

static void detach_at(enum point p)
{
	int fd;

	spare_the_peer(p);
	open_a();
	start_a();
	fd = go(p);
	env_reload_end(env_reload_begin(0));
	session_is_over(p, fd);
	good_as_new();
}

#define DETACH(name, point) static void name(void) { detach_at(point); }
DETACH(pf_reload_in_running, P_RUNNING)
DETACH(pf_reload_in_running_p2p, P_RUNNING_P2P)
DETACH(pf_reload_in_stop, P_STOP)
DETACH(pf_reload_in_pre_copy, P_PRE_COPY)
DETACH(pf_reload_in_pre_copy_p2p, P_PRE_COPY_P2P)
DETACH(pf_reload_in_stop_copy, P_STOP_COPY)
DETACH(pf_reload_in_stop_copy_half_read, P_STOP_COPY_HALF)
DETACH(pf_reload_in_resuming, P_RESUMING)
DETACH(pf_reload_in_resuming_half_written, P_RESUMING_HALF)

/*
 * The PF's driver tells of a VF that comes back before it enables it: in between, the VF is still away,
 * and nobody asks the firmware about it.
 */
static void calls_while_the_pf_enables_the_vf(void)
{
	unsigned int rule, away = 0;
	uint64_t size;
	pid_t pid;
	int st;

	need_ctl("an ENABLE_HCA that takes its time");
	open_a();
	start_a();
	fault_clear();
	rule = fault_add("cmd:ENABLE_HCA fn=vf0 delay=500000000");
	pid = env_reload_begin(0);
	while (!waitpid(pid, &st, WNOHANG)) {
		int rc = vfmig_data_size(dev, &size);

		CHECK_MSG(rc == 0 || rc == -ENOTCONN, "data size gives %s", strerror(-rc));
		away += rc && fault_hits(rule);
	}
	CHECK_MSG(WIFEXITED(st) && !WEXITSTATUS(st), "devlink dev reload: status 0x%x", st);
	CHECK_MSG(away, "no call came while the VF was being enabled");
	fault_clear();
	good_as_new();
}

/* ---- the PF's firmware fails, and its driver starts it anew ---- */

/* Bounds what core_log.sh forgives the PF's driver. */
static void log_mark(const char *what)
{
	char line[80];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	snprintf(line, sizeof(line), "<6>selftest: health recovery of %s %s\n", env_pf(0), what);
	CHECK(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line));
	close(fd);
}

/* What devlink counts of fatal errors of the PF, in good health. */
static bool health_counts(unsigned int *errors, unsigned int *recoveries)
{
	char cmd[80], line[256], state[32] = "";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "devlink health show pci/%s reporter fw_fatal", env_pf(0));
	f = popen(cmd, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " state %31s error %u recover %u", state, errors, recoveries) == 3)
			break;
	CHECK_MSG(!pclose(f) && *state, "%s tells no counts", cmd);
	return !strcmp(state, "healthy");
}

/*
 * The firmware asks for a reset. The driver of the PF sees it in its health poll and gives the PF up,
 * its VFs with it, and takes it again. All that time the VF's user calls.
 */
static void recover(void)
{
	unsigned int errors, recoveries, e, r, refused = 0;
	uint64_t size, start = 0;
	char dev_name[32];
	struct kmsg k;

	/* without it a second recovery within a minute does not take place */
	snprintf(dev_name, sizeof(dev_name), "pci/%s", env_pf(0));
	CHECK(!run((char *[]){ "devlink", "health", "set", dev_name, "reporter", "fw_fatal",
			       "grace_period", "0", NULL }));
	CHECK(health_counts(&errors, &recoveries));
	log_mark("begins");
	kmsg_mark(&k);
	ctl("health pf 0x1 rfr");
	while (!kmsg_count(&k, "health recovery succeeded", NULL, 0)) {
		int rc = vfmig_data_size(dev, &size);

		/* EINVAL: the peer's defect that calls_while_the_pf_enables_the_vf shows */
		CHECK_MSG(rc == 0 || rc == -ENOTCONN || rc == -ENOLINK || (tap_peer() && rc == -EINVAL),
			  "data size gives %s", strerror(-rc));
		refused += rc == -ENOTCONN;
		CHECK_MSG(!kmsg_count(&k, "health recovery failed", NULL, 0) &&
			  wait_more(&start, 40000), "the PF does not recover");
	}
	kmsg_close(&k);
	CHECK_MSG(refused, "the VF's user has not noticed");
	start = 0;
	while (!health_counts(&e, &r) || r != recoveries + 1)
		CHECK_MSG(wait_more(&start, 5000), "recover %u, before %u", r, recoveries);
	CHECK_EQ(e, errors + 1);
	log_mark("ends");
}

static void recover_at(enum point p)
{
	int fd;

	spare_the_peer(p);
	need_ctl("a firmware that fails");
	open_a();
	start_a();
	fd = go(p);
	recover();
	session_is_over(p, fd);
	good_as_new();
}

#define RECOVER(name, point) static void name(void) { recover_at(point); }
RECOVER(pf_health_recovery_in_running, P_RUNNING)
RECOVER(pf_health_recovery_in_running_p2p, P_RUNNING_P2P)
RECOVER(pf_health_recovery_in_stop, P_STOP)
RECOVER(pf_health_recovery_in_pre_copy, P_PRE_COPY)
RECOVER(pf_health_recovery_in_pre_copy_p2p, P_PRE_COPY_P2P)
RECOVER(pf_health_recovery_in_stop_copy, P_STOP_COPY)
RECOVER(pf_health_recovery_in_stop_copy_half_read, P_STOP_COPY_HALF)
RECOVER(pf_health_recovery_in_resuming, P_RESUMING)
RECOVER(pf_health_recovery_in_resuming_half_written, P_RESUMING_HALF)

/* The session of DMA logging is over as well; another one can be had. */
static void pf_health_recovery_with_dma_logging(void)
{
	uint64_t bitmap[MLX5_GUEST_SIZE / (64 * K4) / 64 + 1];

	need_ctl("a firmware that fails");
	dirty_start_logged(K4);
	dev = dirty.dev;
	dirty_write_dst(0, 5 * K4);
	recover();
	CHECK_EQ(log_report_to(MLX5_GUEST_IOVA, MLX5_GUEST_SIZE, 64 * K4, bitmap), -EINVAL);
	CHECK_EQ(vfio_reset(&dirty.vf.dev), 0);
	dirty_start_vf();
	CHECK_EQ(log_start1(K4, MLX5_GUEST_IOVA, MLX5_GUEST_SIZE), 0);
	dirty_copy();
	dirty_write_dst(0, 5 * K4);
	dirty_finish();
}

/* VFs back, with the driver under test, after a test that removed them. */
static void vfs_again(unsigned int n)
{
	char num[16], link[512], path[128];

	snprintf(num, sizeof(num), "%u", n);
	CHECK_EQ(sysfs_write("0", "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", env_pf(0)), 0);
	CHECK_EQ(sysfs_write(num, "/sys/bus/pci/devices/%s/sriov_numvfs", env_pf(0)), 0);
	for (unsigned int i = 0; i < n; i++) {
		const char *bdf;
		ssize_t len;
		int rc;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%u", env_pf(0), i);
		len = readlink(path, link, sizeof(link) - 1);
		CHECK(len > 0);
		link[len] = '\0';
		bdf = strrchr(link, '/') + 1;
		rc = env_bind(bdf, tap_driver());
		CHECK_MSG(!rc, "%s does not take %s: %s", tap_driver(), bdf, strerror(-rc));
	}
}

static unsigned int vf_count(void)
{
	char num[16];

	CHECK_EQ(sysfs_read(num, sizeof(num), "/sys/bus/pci/devices/%s/sriov_numvfs", env_pf(0)), 0);
	return (unsigned int)atoi(num);
}

/* The writer of a sysfs file must wait while the device is held, and finish once it is released. */
static void held_at(enum point p, const char *what, const char *val, const char *fmt, const char *arg)
{
	unsigned int n = vf_count();
	uint64_t start = 0;
	pid_t pid;
	int fd, st;

	open_a();
	start_a();
	fd = go(p);
	pid = fork();
	if (!pid) {
		/* nothing of the device may stay open here */
		vfio_close(&a.dev);
		if (fd >= 0)
			close(fd);
		alarm(tap_bound(50000) / 1000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		st = sysfs_write(val, fmt, arg);
#pragma GCC diagnostic pop
		_exit(st ? 1 : 0);
	}
	CHECK(pid > 0);
	while (wait_more(&start, 500))
		CHECK_MSG(waitpid(pid, &st, WNOHANG) == 0, "%s did not wait for the user (%s)", what,
			  point_name[p]);
	/* the user's part still answers */
	vfmig_get(dev);
	mlx5_close(&a);
	if (fd >= 0) {
		uint8_t byte = 0;

		CHECK((p >= P_RESUMING ? write(fd, &byte, 1) : read(fd, &byte, 1)) < 0);
		close(fd);
	}
	start = 0;
	while (waitpid(pid, &st, WNOHANG) == 0)
		CHECK_MSG(wait_more(&start, 30000), "%s hangs after the release (%s)", what,
			  point_name[p]);
	CHECK_MSG(WIFEXITED(st) && !WEXITSTATUS(st), "%s failed, status 0x%x", what, st);
	if (vf_count() == 0 || !strcmp(what, "unbind"))
		return;
	tap_fail(__FILE__, __LINE__, "%u VFs are left of %u", vf_count(), n);
}

static void sriov_disable_at(enum point p)
{
	unsigned int n = vf_count();

	held_at(p, "sriov_numvfs", "0", "/sys/bus/pci/devices/%s/sriov_numvfs", env_pf(0));
	vfs_again(n);
	open_a();
	start_a();
}

#define DISABLE(name, point) static void name(void) { sriov_disable_at(point); }
DISABLE(sriov_disable_waits_in_running, P_RUNNING)
DISABLE(sriov_disable_waits_in_stop, P_STOP)
DISABLE(sriov_disable_waits_in_stop_copy, P_STOP_COPY)
DISABLE(sriov_disable_waits_in_resuming_half_written, P_RESUMING_HALF)

static void pf_unbind_at(enum point p)
{
	const char *pf = env_pf(0);
	unsigned int n = vf_count();

	/* mlx5_core then removes VFs without pci_rescan_remove_lock, which lockdep has a word about */
	if (!access("/proc/lockdep", F_OK))
		tap_skip("a kernel with lockdep warns about itself when a PF with VFs is unbound");
	held_at(p, "unbind", pf, "/sys/bus/pci/drivers/mlx5_core/%s", "unbind");
	CHECK_EQ(sysfs_write(pf, "/sys/bus/pci/drivers/mlx5_core/bind"), 0);
	vfs_again(n);
	open_a();
	start_a();
}

#define UNBIND(name, point) static void name(void) { pf_unbind_at(point); }
UNBIND(pf_unbind_waits_in_running, P_RUNNING)
UNBIND(pf_unbind_waits_in_stop_copy, P_STOP_COPY)
UNBIND(pf_unbind_waits_in_resuming_half_written, P_RESUMING_HALF)

static void driver_unbind_and_bind_again(void)
{
	const char *bdf = env_vf(0);

	for (unsigned int i = 0; i < 10; i++) {
		CHECK_EQ(env_bind(bdf, NULL), 0);
		CHECK_EQ(env_bind(bdf, tap_driver()), 0);
	}
	open_a();
	start_a();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(reset_in_every_state),
		TAP_TEST(guest_flr_in_every_state),
		TAP_TEST(close_in_every_state),
		TAP_TEST(file_closed_after_the_device),
		TAP_TEST(killed_in_every_state),
		TAP_PEER(calls_from_four_threads, "a session's file leaks when calls race a reset"),
		TAP_TEST(driver_unbind_and_bind_again),
		TAP_TEST(pf_reload_in_running),
		TAP_TEST(pf_reload_in_running_p2p),
		TAP_TEST(pf_reload_in_stop),
		TAP_TEST(pf_reload_in_pre_copy),
		TAP_TEST(pf_reload_in_pre_copy_p2p),
		TAP_TEST(pf_reload_in_stop_copy),
		TAP_TEST(pf_reload_in_stop_copy_half_read),
		TAP_TEST(pf_reload_in_resuming),
		TAP_TEST(pf_reload_in_resuming_half_written),
		TAP_PEER(calls_while_the_pf_enables_the_vf, "the VF is taken for back too early"),
		TAP_TEST(pf_health_recovery_in_running),
		TAP_TEST(pf_health_recovery_in_running_p2p),
		TAP_TEST(pf_health_recovery_in_stop),
		TAP_TEST(pf_health_recovery_in_pre_copy),
		TAP_TEST(pf_health_recovery_in_pre_copy_p2p),
		TAP_TEST(pf_health_recovery_in_stop_copy),
		TAP_TEST(pf_health_recovery_in_stop_copy_half_read),
		TAP_TEST(pf_health_recovery_in_resuming),
		TAP_TEST(pf_health_recovery_in_resuming_half_written),
		TAP_PEER(pf_health_recovery_with_dma_logging, "MIG_DATA_SIZE can be EINVAL while the PF recovers"),
		TAP_TEST(sriov_disable_waits_in_running),
		TAP_TEST(sriov_disable_waits_in_stop),
		TAP_TEST(sriov_disable_waits_in_stop_copy),
		TAP_TEST(sriov_disable_waits_in_resuming_half_written),
		TAP_TEST(pf_unbind_waits_in_running),
		TAP_TEST(pf_unbind_waits_in_stop_copy),
		TAP_TEST(pf_unbind_waits_in_resuming_half_written),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
