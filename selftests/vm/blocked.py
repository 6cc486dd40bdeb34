# SPDX-License-Identifier: GPL-2.0-or-later
"""What blocks a migration, and with which words. The guests of these cases never run: a process that refuses does so
before its guest matters."""

from __future__ import annotations

from cases import case, parameter
from guest import GuestError
from stage import PCI, Stage, diag, rebind, run

AUTO = ",enable-migration=auto"     # as it is by default: what cannot be migrated is told by the first migration
OFF = ",enable-migration=off"
NOWHERE = "exec:cat >/dev/null"


def said(stage: Stage, want: str, why: str) -> None:
    """The end of a case: WANT is in the reason."""
    stage.end_others()
    diag(why)
    if want not in why:
        raise GuestError(f"{want!r} is not in the reason: {why}")


def refused(stage: Stage, want: str, vfs: list[str], device: str = "", extra: list[str] | None = None,
            **caps: bool) -> None:
    """A process that starts but refuses to be migrated, or that refuses to start; WANT is in its reason. One that
    refuses at once tells it in query-migrate as well."""
    try:
        guest = stage.start(vfs, False, device=device, extra=["-S", *(extra or [])])
        told = guest.cmd("query-migrate").get("blocked-reasons", [])
        if (device.startswith(AUTO) or device == OFF) and not any(want in one for one in told):
            raise GuestError(f"query-migrate does not tell: {told}")
        stage.begin(guest, None, NOWHERE, **caps)
        why = stage.finished(guest).get("error-desc", "none: it was migrated")
    except GuestError as error:
        why = str(error)
    said(stage, want, why)


def spare(stage: Stage) -> str:
    """A VF of the first card that no guest of another case has."""
    return stage.vfs[0][3]


# ---- by QEMU's options ---------------------------------------------------------------------------


@case
def blocked_by_option(stage: Stage) -> None:
    vf = spare(stage)
    refused(stage, f"{vf}: Migration is disabled for VFIO device", [vf], OFF)


@case
def blocked_by_only_migratable(stage: Stage) -> None:
    """A process that must be migratable does not start with a device that is not."""
    refused(stage, "Migration is disabled for VFIO device", [spare(stage)], OFF, ["-only-migratable"])


@case
def blocked_by_viommu(stage: Stage) -> None:
    vf = spare(stage)
    refused(stage, f"{vf}: Migration is currently not supported with vIOMMU enabled", [vf],
            extra=["-device", "intel-iommu,caching-mode=on"])


@case
def blocked_by_viommu_later(stage: Stage) -> None:
    vf = spare(stage)
    refused(stage, f"{vf}: Migration is currently not supported with vIOMMU enabled", [vf], AUTO,
            ["-device", "intel-iommu,caching-mode=on"])


@case
def blocked_without_dirty_tracking(stage: Stage) -> None:
    """Neither the device nor the IOMMU reports what the device writes, and nobody has said by enable-migration=on that
    this is known."""
    vf = spare(stage)
    refused(stage, f"{vf}: VFIO device doesn't support device and IOMMU dirty tracking", [vf],
            AUTO + ",x-device-dirty-page-tracking=off")


# ---- by the driver or the card -------------------------------------------------------------------


def with_plain_vfio(stage: Stage, device: str) -> None:
    vf = spare(stage)
    driver = (PCI / vf / "driver").resolve().name
    rebind([vf], "vfio-pci")
    try:
        refused(stage, f"{vf}: VFIO migration is not supported in kernel", [vf], device)
    finally:
        rebind([vf], driver)


@case
def blocked_by_driver(stage: Stage) -> None:
    """A VF with plain vfio-pci: the process does not start."""
    with_plain_vfio(stage, "")


@case
def blocked_by_driver_later(stage: Stage) -> None:
    """The same without enable-migration=on."""
    with_plain_vfio(stage, AUTO)


@case
def blocked_by_card(stage: Stage) -> None:
    """The second card does not offer migration: the driver has said so."""
    vf = stage.vfs[1][3]
    why = [line for line in run("dmesg").splitlines() if vf in line and "not migratable: " in line]
    if not why:
        raise GuestError(f"the driver has not said that {vf} cannot be migrated")
    diag(why[-1])
    refused(stage, f"{vf}: VFIO migration is not supported in kernel", [vf])


MULTIPLE = "Multiple VFIO devices migration is supported only if all of them support P2P migration"


@case
def blocked_without_p2p(stage: Stage) -> None:
    """Two devices, of which one cannot be quiet while it still answers."""
    vfs = stage.vfs[0][2:4]
    with parameter("p2p", "0", vfs[1:]):
        refused(stage, MULTIPLE, vfs)


@case
def blocked_without_p2p_later(stage: Stage) -> None:
    vfs = stage.vfs[0][2:4]
    with parameter("p2p", "0", vfs[1:]):
        refused(stage, MULTIPLE, vfs, AUTO)


# ---- by what the migration is to be --------------------------------------------------------------


@case
def blocked_by_postcopy(stage: Stage) -> None:
    vf = spare(stage)
    refused(stage, f"{vf}: VFIO migration is not supported with postcopy migration", [vf], postcopy_ram=True)


@case
def blocked_by_multifd_off(stage: Stage) -> None:
    """The device's state is to go over multifd, which is off."""
    vf = spare(stage)
    refused(stage, f"{vf}: Multifd device transfer requested but unsupported in the current config", [vf],
            ",x-migration-multifd-transfer=on")


@case
def blocked_by_switchover_ack_alone(stage: Stage) -> None:
    refused(stage, "Capability 'switchover-ack' requires capability 'return-path'", [spare(stage)],
            switchover_ack=True)


@case
def blocked_by_running_migration(stage: Stage) -> None:
    guest = stage.start([spare(stage)], False, extra=["-S"])
    guest.cmd("migrate-set-parameters", max_bandwidth=4096)
    stage.begin(guest, None, NOWHERE)
    try:
        guest.cmd("migrate", uri=NOWHERE)
        why = "none: a second one has begun"
    except GuestError as error:
        why = str(error)
    guest.cmd("migrate_cancel")
    stage.expect(stage.finished(guest), "cancelled")
    said(stage, "There's a migration process in progress", why)


# ---- by the target -------------------------------------------------------------------------------


@case
def blocked_by_waiting(stage: Stage) -> None:
    """A process that waits for a guest cannot give it away."""
    guest = stage.target([spare(stage)])
    try:
        stage.begin(guest, None, NOWHERE)
        why = "none: it was migrated"
    except GuestError as error:
        why = str(error)
    said(stage, "Guest is waiting for an incoming migration", why)


@case
def blocked_by_used_vf(stage: Stage) -> None:
    """The target is to have the VF of the source."""
    vf = spare(stage)
    stage.start([vf], False, extra=["-S"])
    try:
        stage.target([vf])
        why = "none: it has started"
    except GuestError as error:
        why = str(error)
    said(stage, "Device or resource busy", why)


@case
def blocked_by_missing_device(stage: Stage) -> None:
    """The target has the slot, and no VF in it."""
    src = stage.start([spare(stage)], False, extra=["-S"])
    dst = stage.start([], True, extra=["-device", "pcie-root-port,id=rp0,chassis=1"])
    stage.expect(stage.migrate(src, dst, return_path=True), "failed")
    said(stage, "Unknown savevm section or instance '0000:00:01.0:00.0/vfio'", dst.said())
