// SPDX-License-Identifier: GPL-2.0-or-later
#include "vfio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SYSDEV "/sys/bus/pci/devices"

/* ioctl() with the kernel's way to report an error */
static int xioctl(int fd, unsigned long req, void *arg)
{
	int rc = ioctl(fd, req, arg);

	return rc < 0 ? -errno : rc;
}

int sysfs_write(const char *val, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int fd, rc = 0;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, val, strlen(val)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int sysfs_read(char *buf, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return n < 0 ? (int)n : 0;
}

static int link_base(char *out, size_t len, const char *bdf, const char *name)
{
	char path[PATH_MAX], to[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), SYSDEV "/%s/%s", bdf, name);
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return -errno;
	to[n] = '\0';
	base = strrchr(to, '/');
	snprintf(out, len, "%s", base ? base + 1 : to);
	return 0;
}

void pci_driver(const char *bdf, char *buf, size_t len)
{
	if (link_base(buf, len, bdf, "driver"))
		buf[0] = '\0';
}

enum vfio_path vfio_default_path(void)
{
	const char *env = getenv("VFMIG_VFIO_PATH");

	if (env && !strcmp(env, "group"))
		return VFIO_PATH_GROUP;
	if (env && !strcmp(env, "cdev"))
		return VFIO_PATH_CDEV;
	return access("/dev/iommu", F_OK) ? VFIO_PATH_GROUP : VFIO_PATH_CDEV;
}

static int open_group(struct vfio_dev *d)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char num[64], path[96];
	int rc;

	rc = link_base(num, sizeof(num), d->bdf, "iommu_group");
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/dev/vfio/%s", num);
	d->group = open(path, O_RDWR | O_CLOEXEC);
	if (d->group < 0)
		return -errno;
	rc = xioctl(d->group, VFIO_GROUP_GET_STATUS, &status);
	if (rc)
		return rc;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	d->iommu = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (d->iommu < 0)
		return -errno;
	rc = xioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->iommu);
	if (rc)
		return rc;
	rc = xioctl(d->iommu, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU);
	if (rc)
		return rc;
	d->fd = xioctl(d->group, VFIO_GROUP_GET_DEVICE_FD, d->bdf);
	return d->fd < 0 ? d->fd : 0;
}

int vfio_open_unbound(const char *bdf)
{
	char path[PATH_MAX];
	struct dirent *e;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), SYSDEV "/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		break;
	}
	closedir(dir);
	return fd;
}

static int open_cdev(struct vfio_dev *d)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int rc;

	d->fd = vfio_open_unbound(d->bdf);
	if (d->fd < 0)
		return d->fd;
	d->iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (d->iommu < 0)
		return -errno;
	bind.iommufd = d->iommu;
	rc = xioctl(d->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (rc)
		return rc;
	rc = xioctl(d->iommu, IOMMU_IOAS_ALLOC, &alloc);
	if (rc)
		return rc;
	d->ioas = alloc.out_ioas_id;
	attach.pt_id = d->ioas;
	return xioctl(d->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

int vfio_open(struct vfio_dev *d, const char *bdf, enum vfio_path path)
{
	struct vfio_region_info reg = { .argsz = sizeof(reg), .index = VFIO_PCI_BAR0_REGION_INDEX };
	int rc;

	memset(d, 0, sizeof(*d));
	snprintf(d->bdf, sizeof(d->bdf), "%s", bdf);
	d->path = path == VFIO_PATH_AUTO ? vfio_default_path() : path;
	d->fd = d->group = d->iommu = -1;
	rc = d->path == VFIO_PATH_CDEV ? open_cdev(d) : open_group(d);
	if (rc)
		goto fail;
	rc = xioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &reg);
	if (rc)
		goto fail;
	d->bar0_len = reg.size;
	d->bar0 = mmap(NULL, reg.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, (off_t)reg.offset);
	if (d->bar0 == MAP_FAILED) {
		d->bar0 = NULL;
		rc = -errno;
		goto fail;
	}
	rc = vfio_set_bus_master(d, true);
	if (!rc)
		return 0;
fail:
	vfio_close(d);
	return rc;
}

void vfio_close(struct vfio_dev *d)
{
	if (d->bar0)
		munmap(d->bar0, d->bar0_len);
	d->bar0 = NULL;
	for (int i = 0; i < d->nvec; i++)
		close(d->vec[i]);
	d->nvec = 0;
	if (d->fd >= 0)
		close(d->fd);
	if (d->group >= 0)
		close(d->group);
	if (d->iommu >= 0)
		close(d->iommu);
	d->fd = d->group = d->iommu = -1;
}

static int dma_map(struct vfio_dev *d, void *va, uint64_t iova, size_t len, bool write)
{
	if (d->path == VFIO_PATH_CDEV) {
		struct iommu_ioas_map map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
				 (write ? IOMMU_IOAS_MAP_WRITEABLE : 0),
			.ioas_id = d->ioas,
			.user_va = (uintptr_t)va,
			.length = len,
			.iova = iova,
		};

		return xioctl(d->iommu, IOMMU_IOAS_MAP, &map);
	} else {
		struct vfio_iommu_type1_dma_map map = {
			.argsz = sizeof(map),
			.flags = VFIO_DMA_MAP_FLAG_READ | (write ? VFIO_DMA_MAP_FLAG_WRITE : 0),
			.vaddr = (uintptr_t)va,
			.iova = iova,
			.size = len,
		};

		return xioctl(d->iommu, VFIO_IOMMU_MAP_DMA, &map);
	}
}

int vfio_dma_map(struct vfio_dev *d, void *va, uint64_t iova, size_t len)
{
	return dma_map(d, va, iova, len, true);
}

int vfio_dma_map_read_only(struct vfio_dev *d, void *va, uint64_t iova, size_t len)
{
	return dma_map(d, va, iova, len, false);
}

int vfio_dma_unmap(struct vfio_dev *d, uint64_t iova, size_t len)
{
	if (d->path == VFIO_PATH_CDEV) {
		struct iommu_ioas_unmap unmap = {
			.size = sizeof(unmap),
			.ioas_id = d->ioas,
			.iova = iova,
			.length = len,
		};

		return xioctl(d->iommu, IOMMU_IOAS_UNMAP, &unmap);
	} else {
		struct vfio_iommu_type1_dma_unmap unmap = {
			.argsz = sizeof(unmap),
			.iova = iova,
			.size = len,
		};

		return xioctl(d->iommu, VFIO_IOMMU_UNMAP_DMA, &unmap);
	}
}

int vfio_reset(struct vfio_dev *d)
{
	return xioctl(d->fd, VFIO_DEVICE_RESET, NULL);
}

static int config_io(struct vfio_dev *d, unsigned int off, void *buf, size_t len, bool write)
{
	struct vfio_region_info reg = { .argsz = sizeof(reg), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	ssize_t n;
	int rc;

	rc = xioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &reg);
	if (rc)
		return rc;
	n = write ? pwrite(d->fd, buf, len, (off_t)(reg.offset + off)) :
		    pread(d->fd, buf, len, (off_t)(reg.offset + off));
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int vfio_config_read(struct vfio_dev *d, unsigned int off, void *buf, size_t len)
{
	return config_io(d, off, buf, len, false);
}

int vfio_config_write(struct vfio_dev *d, unsigned int off, const void *buf, size_t len)
{
	return config_io(d, off, (void *)(uintptr_t)buf, len, true);
}

int vfio_set_bus_master(struct vfio_dev *d, bool on)
{
	uint16_t cmd;
	int rc;

	rc = vfio_config_read(d, PCI_COMMAND, &cmd, sizeof(cmd));
	if (rc)
		return rc;
	cmd |= PCI_COMMAND_MEMORY;
	if (on)
		cmd |= PCI_COMMAND_MASTER;
	else
		cmd &= (uint16_t)~PCI_COMMAND_MASTER;
	return vfio_config_write(d, PCI_COMMAND, &cmd, sizeof(cmd));
}

int vfio_msix_enable(struct vfio_dev *d, int n)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + VFIO_MAX_VECTORS * sizeof(int32_t)];
	} u = { 0 };
	int rc;

	rc = xioctl(d->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);
	if (rc)
		return rc;
	if (n > VFIO_MAX_VECTORS || (unsigned int)n > info.count)
		return -E2BIG;
	for (; d->nvec < n; d->nvec++) {
		d->vec[d->nvec] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (d->vec[d->nvec] < 0)
			return -errno;
	}
	u.set.argsz = (uint32_t)(sizeof(u.set) + (size_t)n * sizeof(int32_t));
	u.set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	u.set.index = VFIO_PCI_MSIX_IRQ_INDEX;
	u.set.count = (uint32_t)n;
	memcpy(u.set.data, d->vec, (size_t)n * sizeof(int32_t));
	return xioctl(d->fd, VFIO_DEVICE_SET_IRQS, &u.set);
}

int vfio_msix_disable(struct vfio_dev *d)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	return xioctl(d->fd, VFIO_DEVICE_SET_IRQS, &set);
}

uint64_t vfio_msix_wait(struct vfio_dev *d, int v, int ms)
{
	struct pollfd p = { .fd = d->vec[v], .events = POLLIN };
	uint64_t n = 0;

	if (poll(&p, 1, ms) <= 0)
		return 0;
	return read(d->vec[v], &n, sizeof(n)) == sizeof(n) ? n : 0;
}
