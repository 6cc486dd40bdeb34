/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function held through VFIO: through its group and a type1 container, or through its
 * character device and iommufd. What a failing call means is the test's to say: functions return 0
 * or a positive number, or -errno.
 */
#ifndef SELFTESTS_VFIO_H
#define SELFTESTS_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFIO_MAX_VECTORS 16

enum vfio_path { VFIO_PATH_AUTO, VFIO_PATH_GROUP, VFIO_PATH_CDEV };

struct vfio_dev {
	char bdf[16];
	enum vfio_path path;
	int fd;
	int group;	/* group path only, else -1 */
	int iommu;	/* container, or /dev/iommu */
	uint32_t ioas;	/* cdev path only */
	uint8_t *bar0;
	size_t bar0_len;
	int nvec;
	int vec[VFIO_MAX_VECTORS]; /* eventfd per MSI-X vector */
};

/* VFIO_PATH_CDEV if the kernel has it, or what the environment's VFMIG_VFIO_PATH (group, cdev) says. */
enum vfio_path vfio_default_path(void);
/* Open @bdf, map its BAR0 and enable bus mastering. */
int vfio_open(struct vfio_dev *d, const char *bdf, enum vfio_path path);
/* Only as far as the character device, which is not bound to anything yet. Returns its fd. */
int vfio_open_unbound(const char *bdf);
void vfio_close(struct vfio_dev *d);

int vfio_dma_map(struct vfio_dev *d, void *va, uint64_t iova, size_t len);
/* The same, and the device may not write there. */
int vfio_dma_map_read_only(struct vfio_dev *d, void *va, uint64_t iova, size_t len);
int vfio_dma_unmap(struct vfio_dev *d, uint64_t iova, size_t len);

int vfio_reset(struct vfio_dev *d);
int vfio_set_bus_master(struct vfio_dev *d, bool on);
int vfio_config_read(struct vfio_dev *d, unsigned int off, void *buf, size_t len);
int vfio_config_write(struct vfio_dev *d, unsigned int off, const void *buf, size_t len);

/* Give the first @n MSI-X vectors an eventfd each; made once and kept when called anew. */
int vfio_msix_enable(struct vfio_dev *d, int n);
int vfio_msix_disable(struct vfio_dev *d);
/* Number of signals of vector @v since the last call, waiting up to @ms for the first; 0 = none. */
uint64_t vfio_msix_wait(struct vfio_dev *d, int v, int ms);

/* Driver bound to @bdf, "" if none. */
void pci_driver(const char *bdf, char *buf, size_t len);
int sysfs_write(const char *val, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int sysfs_read(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
