// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5_vfmig: live migration of mlx5 VFs through VFIO.
 *
 * This file binds the driver to a VF, finds out whether the VF can migrate,
 * and connects VFIO, the PCI core and the PF's notifier with state.c.  A VF
 * that cannot migrate is a plain vfio-pci device, and one line says why.
 */
#include <linux/init.h>
#include <linux/iommufd.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/driver.h>

#include "vfmig.h"
#include "tracker.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define VFMIG_VF_DEVICE_ID	0x101e
#define VFMIG_VERSION		"0.1.0"

static bool p2p = true;
module_param(p2p, bool, 0644);
MODULE_PARM_DESC(p2p, "Offer the state RUNNING_P2P on VFs bound from now on (default: on)");

static bool precopy = true;
module_param(precopy, bool, 0644);
MODULE_PARM_DESC(precopy, "Offer the state PRE_COPY on VFs bound from now on (default: on)");

/* VFs come and go with the PF's life: devlink reload, health recovery. */
static int vfmig_pf_event(struct notifier_block *nb, unsigned long event,
			  void *data)
{
	struct vfmig_dev *vdev = container_of(nb, struct vfmig_dev, nb);

	switch (event) {
	case MLX5_PF_NOTIFY_ENABLE_VF:
		vfmig_tracker_attach(vdev);
		vfmig_state_attach(vdev);
		break;
	case MLX5_PF_NOTIFY_DISABLE_VF:
		vfmig_tracker_detach(vdev);
		vfmig_state_detach(vdev);
		break;
	}
	return NOTIFY_DONE;
}

static void not_migratable(struct vfmig_dev *vdev, const char *why)
{
	dev_info(vfmig_device(vdev), "not migratable: %s\n", why);
}

static void not_migratable_cmd(struct vfmig_dev *vdev, const char *what,
			       int err, u32 status)
{
	dev_info(vfmig_device(vdev),
		 "not migratable: QUERY_HCA_CAP for %s failed: %pe, status 0x%x\n",
		 what, ERR_PTR(err), status);
}

/* The PF's side of the conditions. */
static bool pf_can_migrate(struct vfmig_dev *vdev)
{
	struct mlx5_core_dev *mdev = vdev->mdev;

	if (!MLX5_CAP_GEN(mdev, migration))
		not_migratable(vdev, "the PF lacks capability migration");
	else
		return true;
	return false;
}

/* A target loads several images then, and a source is saved while it runs. */
static bool pf_can_precopy(struct vfmig_dev *vdev)
{
	const char *lacks;

	if (!precopy)
		return false;
	if (!MLX5_CAP_GEN_2(vdev->mdev, migration_multi_load))
		lacks = "migration_multi_load";
	else if (!MLX5_CAP_GEN_2(vdev->mdev, migration_tracking_state))
		lacks = "migration_tracking_state";
	else
		return true;
	dev_info(vfmig_device(vdev),
		 "migration without PRE_COPY: the PF lacks capability %s\n",
		 lacks);
	return false;
}

/* The VF's side of them. */
static bool vf_can_migrate(struct vfmig_dev *vdev)
{
	bool migratable;
	u32 status;
	int err;

	guard(vfmig_state)(vdev);
	err = vfmig_cmd_query_migratable(vdev, &migratable, &status);
	if (err) {
		not_migratable_cmd(vdev, "migratable", err, status);
		return false;
	}
	if (!migratable) {
		not_migratable(vdev, "the VF lacks capability migratable");
		return false;
	}
	err = vfmig_cmd_query_vhca_id(vdev, &vdev->vhca_id, &status);
	if (err) {
		not_migratable_cmd(vdev, "vhca_id", err, status);
		return false;
	}
	return true;
}

/* What this side is, for streams that go and streams that come. */
static void describe_origin(struct vfmig_dev *vdev)
{
	struct mlx5_core_dev *mdev = vdev->mdev;
	struct vfmig_origin *o = &vdev->origin;

	o->vendor = vdev->core.pdev->vendor;
	o->device = vdev->core.pdev->device;
	o->fw_major = fw_rev_maj(mdev);
	o->fw_minor = fw_rev_min(mdev);
	o->fw_sub = fw_rev_sub(mdev);
	if (MLX5_CAP_GEN_2(mdev, migration_multi_load))
		o->caps |= VFMIG_STREAM_CAP_MULTI_LOAD;
	if (MLX5_CAP_GEN_2(mdev, migration_tracking_state))
		o->caps |= VFMIG_STREAM_CAP_TRACKING;
	if (MLX5_CAP_GEN_2(mdev, migration_in_chunks))
		o->caps |= VFMIG_STREAM_CAP_CHUNKS;
	strscpy_pad(o->psid, mdev->board_id, sizeof(o->psid));
	snprintf(o->driver, sizeof(o->driver), KBUILD_MODNAME " %s",
		 VFMIG_VERSION);
	guard(vfmig_state)(vdev);
	o->digest = vfmig_cmd_query_digest(vdev);
}

/* With the PF locked: make the VF migratable, or say why it is not. */
static void vfmig_init_migration(struct vfmig_dev *vdev)
{
	struct vfio_device *core_vdev = &vdev->core.vdev;
	int err;

	vdev->vf_id = pci_iov_vf_id(vdev->core.pdev);
	if (vdev->vf_id < 0) {
		not_migratable(vdev, "no VF number");
		return;
	}
	if (!pf_can_migrate(vdev) || !vf_can_migrate(vdev))
		return;

	vdev->wq = alloc_ordered_workqueue("vfmig-%s", 0,
					   pci_name(vdev->core.pdev));
	if (!vdev->wq) {
		not_migratable(vdev, "no memory for a workqueue");
		return;
	}
	vdev->nb.notifier_call = vfmig_pf_event;
	err = mlx5_sriov_blocking_notifier_register(vdev->mdev, vdev->vf_id,
						    &vdev->nb);
	if (err) {
		not_migratable(vdev, "the PF's notifier cannot be registered");
		destroy_workqueue(vdev->wq);
		return;
	}

	vdev->chunk_mode = MLX5_CAP_GEN_2(vdev->mdev, migration_in_chunks);
	describe_origin(vdev);
	core_vdev->migration_flags = VFIO_MIGRATION_STOP_COPY;
	if (p2p)
		core_vdev->migration_flags |= VFIO_MIGRATION_P2P;
	if (pf_can_precopy(vdev))
		core_vdev->migration_flags |= VFIO_MIGRATION_PRE_COPY;
	core_vdev->mig_ops = &vfmig_mig_ops;
	if (vfmig_tracker_init(vdev))
		dev_info(vfmig_device(vdev), "no dirty tracking: no memory\n");
	vdev->migratable = true;
	vfmig_stats_add(vdev);
	dev_dbg(vfmig_device(vdev), "migratable: vhca_id 0x%x%s\n",
		vdev->vhca_id, vdev->chunk_mode ? ", in chunks" : "");
}

/* Undo vfmig_init_migration(); nobody can open the device any more. */
static void vfmig_fini_migration(struct vfmig_dev *vdev)
{
	if (!vdev->migratable)
		return;

	vfmig_stats_del(vdev);
	mlx5_sriov_blocking_notifier_unregister(vdev->mdev, vdev->vf_id,
						&vdev->nb);
	cancel_delayed_work_sync(&vdev->pool.work);
	destroy_workqueue(vdev->wq);
}

static int vfmig_init_dev(struct vfio_device *core_vdev)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	int err;

	err = vfio_pci_core_init_dev(core_vdev);
	if (err)
		return err;

	/* Put by release(), which may be long after remove(). */
	pci_dev_get(vdev->core.pdev);
	mutex_init(&vdev->state_lock);
	spin_lock_init(&vdev->error_lock);
	INIT_WORK(&vdev->work, vfmig_state_work);
	vfmig_pool_init(vdev);
	vdev->mig_state = VFIO_DEVICE_STATE_RUNNING;

	if (!vdev->core.pdev->is_virtfn) {
		not_migratable(vdev, "not a virtual function");
		return 0;
	}
	/* Holds off the PF's driver while we look at it. */
	vdev->mdev = mlx5_vf_get_core_dev(vdev->core.pdev);
	if (!vdev->mdev) {
		not_migratable(vdev, "the PF is down or not driven by mlx5_core");
		return 0;
	}
	vfmig_init_migration(vdev);
	mlx5_vf_put_core_dev(vdev->mdev);
	return 0;
}

static void vfmig_release_dev(struct vfio_device *core_vdev)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	struct pci_dev *pdev = vdev->core.pdev;

	vfmig_tracker_free(vdev);
	mutex_destroy(&vdev->state_lock);
	vfio_pci_core_release_dev(core_vdev);
	pci_dev_put(pdev);
}

static int vfmig_open_device(struct vfio_device *core_vdev)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);
	int err;

	err = vfio_pci_core_enable(&vdev->core);
	if (err)
		return err;
	if (vdev->migratable)
		vfmig_state_open(vdev);
	vfio_pci_core_finish_enable(&vdev->core);
	return 0;
}

static void vfmig_close_device(struct vfio_device *core_vdev)
{
	struct vfmig_dev *vdev = vfmig_from_vfio(core_vdev);

	vfmig_tracker_close(vdev);
	if (vdev->migratable)
		vfmig_state_close(vdev);
	vfio_pci_core_close_device(core_vdev);
}

static const struct vfio_device_ops vfmig_vfio_ops = {
	.name = "mlx5-vfmig",
	.init = vfmig_init_dev,
	.release = vfmig_release_dev,
	.open_device = vfmig_open_device,
	.close_device = vfmig_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	VFMIG_VFIO_OPS_TOKEN
	VFMIG_VFIO_OPS_REGION
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};

static int vfmig_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfmig_dev *vdev;
	int err;

	vdev = vfio_alloc_device(vfmig_dev, core.vdev, &pdev->dev,
				 &vfmig_vfio_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	dev_set_drvdata(&pdev->dev, &vdev->core);
	err = vfio_pci_core_register_device(&vdev->core);
	if (err)
		goto put_device;
	return 0;

put_device:
	vfmig_fini_migration(vdev);
	vfio_put_device(&vdev->core.vdev);
	return err;
}

static struct vfmig_dev *vfmig_from_pdev(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	return container_of(core, struct vfmig_dev, core);
}

static void vfmig_remove(struct pci_dev *pdev)
{
	struct vfmig_dev *vdev = vfmig_from_pdev(pdev);

	/* Waits until the user has let go of the device. */
	vfio_pci_core_unregister_device(&vdev->core);
	vfmig_fini_migration(vdev);
	/* A data fd that is still open keeps the struct, not the device. */
	vfio_put_device(&vdev->core.vdev);
}

static void vfmig_reset_prepare(struct pci_dev *pdev)
{
	struct vfmig_dev *vdev = vfmig_from_pdev(pdev);

	if (vdev->migratable)
		vfmig_state_reset_prepare(vdev);
}

static void vfmig_reset_done(struct pci_dev *pdev)
{
	struct vfmig_dev *vdev = vfmig_from_pdev(pdev);

	if (vdev->migratable)
		vfmig_state_reset_done(vdev);
}

static const struct pci_error_handlers vfmig_err_handlers = {
	.reset_prepare = vfmig_reset_prepare,
	.reset_done = vfmig_reset_done,
	.error_detected = vfio_pci_core_aer_err_detected,
};

static const struct pci_device_id vfmig_pci_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_MELLANOX,
					  VFMIG_VF_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vfmig_pci_table);

static struct pci_driver vfmig_pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = vfmig_pci_table,
	.probe = vfmig_probe,
	.remove = vfmig_remove,
	.err_handler = &vfmig_err_handlers,
	.driver_managed_dma = true,
};

static int __init vfmig_init(void)
{
	int err;

	vfmig_stats_init();
	err = pci_register_driver(&vfmig_pci_driver);
	if (err)
		vfmig_stats_exit();
	return err;
}
module_init(vfmig_init);

static void __exit vfmig_exit(void)
{
	pci_unregister_driver(&vfmig_pci_driver);
	vfmig_stats_exit();
}
module_exit(vfmig_exit);

MODULE_DESCRIPTION("VFIO driver with live migration for mlx5 virtual functions");
MODULE_AUTHOR("The mlx5-vfmig authors");
MODULE_VERSION(VFMIG_VERSION);
MODULE_LICENSE("GPL");
