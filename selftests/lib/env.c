// SPDX-License-Identifier: GPL-2.0-or-later
#include "env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"
#include "tap.h"
#include "vfio.h"

static const char *nth(const char *var, unsigned int i, const char *what)
{
	static char buf[8][16];
	static unsigned int turn;
	const char *s = getenv(var);
	unsigned int k = 0;

	for (; s && *s; k++) {
		size_t n = strcspn(s, " ");

		if (k == i && n > 0 && n < sizeof(buf[0])) {
			char *out = buf[turn++ % 8];

			memcpy(out, s, n);
			out[n] = '\0';
			return out;
		}
		s += n + strspn(s + n, " ");
	}
	tap_skip("needs %s number %u (%s names %u)", what, i, var, k);
}

const char *env_vf(unsigned int i)
{
	return nth("VFMIG_VF_BDFS", i, "VF");
}

const char *env_vf2(unsigned int i)
{
	return nth("VFMIG_VF2_BDFS", i, "VF of the second PF");
}

const char *env_pf(unsigned int i)
{
	return nth("VFMIG_PF_BDFS", i, "PF");
}

const char *env_pf_netdev(unsigned int i)
{
	static char name[32];
	char path[128];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net", env_pf(i));
	d = opendir(path);
	if (!d)
		tap_skip("the PF is no network interface (port-type=eth)");
	while ((e = readdir(d)))
		if (*e->d_name != '.')
			snprintf(name, sizeof(name), "%.31s", e->d_name);
	closedir(d);
	CHECK(*name);
	job_run("ip link set %s up", name);
	return name;
}

int env_bind(const char *bdf, const char *driver)
{
	char now[64];

	pci_driver(bdf, now, sizeof(now));
	if (*now)
		sysfs_write(bdf, "/sys/bus/pci/drivers/%s/unbind", now);
	sysfs_write(driver ? driver : "\n", "/sys/bus/pci/devices/%s/driver_override", bdf);
	return driver ? sysfs_write(bdf, "/sys/bus/pci/drivers/%s/bind", driver) : 0;
}

pid_t env_reload_begin(unsigned int i)
{
	char name[32];
	pid_t pid;

	snprintf(name, sizeof(name), "pci/%s", env_pf(i));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		dup2(2, 1);
		execlp("devlink", "devlink", "dev", "reload", name, NULL);
		_exit(127);
	}
	return pid;
}

void env_reload_end(pid_t pid)
{
	int st;

	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_MSG(WIFEXITED(st) && !WEXITSTATUS(st), "devlink dev reload: status 0x%x", st);
}

void env_need_simulator(const char *why)
{
	const char *s = getenv("VFMIG_SIMULATOR");

	if (!s || strcmp(s, "1"))
		tap_skip("needs the simulator: %s", why);
}

void kmsg_mark(struct kmsg *k)
{
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(k->fd >= 0);
	lseek(k->fd, 0, SEEK_END);
}

void kmsg_close(struct kmsg *k)
{
	close(k->fd);
	k->fd = -1;
}

unsigned int kmsg_count(struct kmsg *k, const char *what, char *line, size_t len)
{
	/* a copy of the place cannot be had by dup(), so read on and remember */
	static char *log;
	static size_t used, cap;
	static int of = -1;
	unsigned int count = 0;
	char rec[8192];
	ssize_t n;

	if (of != k->fd) {
		of = k->fd;
		used = 0;
	}
	for (;;) {
		n = read(k->fd, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		rec[n] = '\0';
		rec[strcspn(rec, "\n")] = '\0';
		n = (ssize_t)strlen(rec) + 1;
		if (used + (size_t)n > cap) {
			cap = (used + (size_t)n) * 2;
			log = realloc(log, cap);
			CHECK(log);
		}
		memcpy(log + used, rec, (size_t)n);
		used += (size_t)n;
	}
	for (size_t off = 0; off < used; off += strlen(log + off) + 1) {
		if (!strstr(log + off, what))
			continue;
		if (!count++ && line)
			snprintf(line, len, "%s", log + off);
	}
	return count;
}

bool kmsg_wait(struct kmsg *k, const char *what, unsigned int ms)
{
	uint64_t start = 0;

	while (!kmsg_count(k, what, NULL, 0))
		if (!wait_more(&start, ms))
			return false;
	return true;
}
