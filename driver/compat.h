/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels this driver is built for, and nowhere else.
 * Built and tested: 6.12 (Debian 13) and 7.3.
 */
#ifndef VFMIG_COMPAT_H
#define VFMIG_COMPAT_H

#include <linux/build_bug.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/mlx5_ifc.h>

/*
 * A kernel is known by what its public headers offer, not by its version, so
 * that one with backports is treated right.
 */

/* VFIO_DEVICE_BIND_IOMMUFD takes a token, which the driver has to match. */
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
#define VFMIG_VFIO_OPS_TOKEN \
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#else
#define VFMIG_VFIO_OPS_TOKEN
#endif

/* Region info is an operation of its own since the kernel that has this. */
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFMIG_VFIO_OPS_REGION \
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
#else
#define VFMIG_VFIO_OPS_REGION
#endif

/* Allocation by type. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

/*
 * QUERY_VHCA_MIGRATION_STATE's migration_state: four bits that older layouts
 * call reserved.  Read by their place, which the newer layout confirms.
 */
#define VFMIG_MIGRATION_STATE_DW	3
#define VFMIG_MIGRATION_STATE_SHIFT	28
#define VFMIG_MIGRATION_STATE_MASK	0xf

#ifdef VFIO_PRECOPY_INFO_REINIT
static_assert(__mlx5_dw_off(query_vhca_migration_state_out, migration_state) ==
	      VFMIG_MIGRATION_STATE_DW);
static_assert(__mlx5_dw_bit_off(query_vhca_migration_state_out,
				migration_state) ==
	      VFMIG_MIGRATION_STATE_SHIFT);
static_assert(__mlx5_mask(query_vhca_migration_state_out, migration_state) ==
	      VFMIG_MIGRATION_STATE_MASK);
#endif

static inline u8 vfmig_get_migration_state(const __be32 *out)
{
	return (be32_to_cpu(out[VFMIG_MIGRATION_STATE_DW]) >>
		VFMIG_MIGRATION_STATE_SHIFT) & VFMIG_MIGRATION_STATE_MASK;
}

/*
 * Opt-in of VFIO_MIG_GET_PRECOPY_INFO's users to flags, and the one flag there
 * is.  Without it in the core, nobody can have opted in.
 */
#ifdef VFIO_PRECOPY_INFO_REINIT
#define VFMIG_PRECOPY_INFO_REINIT	VFIO_PRECOPY_INFO_REINIT
static_assert(MLX5_QUERY_VHCA_MIG_STATE_OPER_MIGRATION_INIT == 4);

static inline bool vfmig_precopy_info_v2(struct vfio_device *core_vdev)
{
	return core_vdev->precopy_info_v2;
}

static inline int vfmig_check_precopy_ioctl(struct vfio_device *core_vdev,
					    unsigned int cmd, unsigned long arg,
					    struct vfio_precopy_info *info)
{
	return vfio_check_precopy_ioctl(core_vdev, cmd, arg, info);
}
#else
#define VFMIG_PRECOPY_INFO_REINIT	0

static inline bool vfmig_precopy_info_v2(struct vfio_device *core_vdev)
{
	return false;
}

static inline int vfmig_check_precopy_ioctl(struct vfio_device *core_vdev,
					    unsigned int cmd, unsigned long arg,
					    struct vfio_precopy_info *info)
{
	size_t size = offsetofend(struct vfio_precopy_info, dirty_bytes);

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(info, (void __user *)arg, size))
		return -EFAULT;
	return info->argsz < size ? -EINVAL : 0;
}
#endif

/* migration_state: there is new initial data to be saved. */
#define VFMIG_MIGRATION_STATE_INIT	4

/* Only with this option can the core hand a user's bitmap to a driver. */
#define VFMIG_CORE_CAN_REPORT	IS_ENABLED(CONFIG_IOMMUFD_DRIVER)

#endif /* VFMIG_COMPAT_H */
