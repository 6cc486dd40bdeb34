# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of a live migration. Each begins with a guest that works, and ends with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from guest import COMPLAINT, Guest, GuestError
from stage import PARAMETERS, Stage, diag, figures, fwsimctl, rebind, until

Case = Callable[[Stage], None]
CASES: dict[str, Case] = {}
# Those that need two cards, and those of them whose second card is of another kind than the first
TWO_CARDS = {"two_devices", "other_card", "refused_by_target"}
OTHER_CARD = {"refused_by_target"}
BY_NAME = {"judges"}    # run only if asked for


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


@contextmanager
def parameter(name: str, value: str, vfs: list[str]) -> Iterator[None]:
    """A parameter of mlx5_vfmig, for these VFs, which no guest has at the beginning and at the end."""
    path = PARAMETERS / name
    was = path.read_text().strip()
    path.write_text(value)
    try:
        rebind(vfs)
        path.write_text(was)
        yield
    finally:
        path.write_text(was)
        rebind(vfs)


def migrated(stage: Stage, cards: int = 1, vfs: list[str] | None = None, **caps: bool) -> None:
    """From where the guest is to VFS, or to other VFs of the same cards."""
    src = stage.working(cards)
    vfs = vfs or stage.free_vfs()
    dst = stage.target(vfs)
    info = stage.migrate(src, dst, **caps)
    stage.expect(info, "completed")
    diag(figures(info))
    if not info.get("vfio", {}).get("transferred"):
        raise GuestError("no byte of the device's state was moved")
    stage.moved(dst, vfs)


@case
def plain(stage: Stage) -> None:
    """The flow that operators run: pre-copy, dirty tracking by the device."""
    migrated(stage)


@case
def switchover_ack(stage: Stage) -> None:
    """The source stops the guest only when the target has said that it has all it needs."""
    migrated(stage, return_path=True, switchover_ack=True)


@case
def without_pre_copy(stage: Stage) -> None:
    """The driver offers no PRE_COPY: to the target, which is then the source."""
    stage.working()
    with parameter("precopy", "0", stage.free_vfs()):
        plain(stage)
        plain(stage)


@case
def to_and_fro(stage: Stage) -> None:
    """Ten times."""
    for _ in range(10):
        plain(stage)


@case
def multifd(stage: Stage) -> None:
    """The device's state goes over channels of its own."""
    src = stage.working()
    vfs = stage.free_vfs()
    option = "x-migration-multifd-transfer"
    dst = stage.target(vfs, device=f",{option}=on")
    src.cmd("qom-set", path="/machine/peripheral/vf0", property=option, value="on")
    for guest in (src, dst):
        guest.cmd("migrate-set-parameters", multifd_channels=3)
    info = stage.migrate(src, dst, multifd=True, return_path=True)
    stage.expect(info, "completed")
    diag(figures(info))
    stage.moved(dst, vfs)
    dst.cmd("qom-set", path="/machine/peripheral/vf0", property=option, value="auto")   # for who comes after


@case
def snapshot(stage: Stage) -> None:
    """Saved to a file; the process ends; restored from it."""
    src = stage.working()
    vfs = stage.free_vfs()
    uri = f"file:{stage.folder}/snapshot"
    info = stage.migrate(src, None, uri)
    stage.expect(info, "completed")
    diag(figures(info))
    dst = stage.target(vfs)
    stage.restore(dst, uri)
    stage.moved(dst, vfs)
    (stage.folder / "snapshot").unlink()


def slowly(stage: Stage, end: Callable[[Guest, Guest], None], status: str) -> None:
    """A migration that END breaks in pre-copy: the guest goes on where it is."""
    src = stage.working()
    dst = stage.target()
    src.cmd("migrate-set-parameters", max_bandwidth=1 << 20)
    try:
        stage.begin(src, dst)
        until("some pre-copy", lambda: src.cmd("query-migrate").get("ram", {}).get("transferred", 0) > 100000)
        end(src, dst)
        info = stage.finished(src)
    finally:
        src.cmd("migrate-set-parameters", max_bandwidth=1 << 30)
    stage.expect(info, status)
    stage.stays(src)
    dst.close()


@case
def cancel(stage: Stage) -> None:
    """Cancelled in pre-copy: the guest goes on where it is, and is migrated later."""
    slowly(stage, lambda src, dst: src.cmd("migrate_cancel"), "cancelled")
    plain(stage)


@case
def target_killed(stage: Stage) -> None:
    """The target process dies in mid-stream."""
    slowly(stage, lambda src, dst: dst.kill(), "failed")
    plain(stage)


# Site of the fault and state of the function in which it comes; whether that is the source's; how it ends:
# "reset": failed, and QEMU resets a device that does not stop, whatever state it is in then: the guest runs on, but
# its NIC is lost to it. "too late": the migration is over when the target's device is to start; QEMU resets it
FAULTS = {
    "save_in_pre_copy": ("cmd:SAVE_VHCA_STATE state=running", True, "failed"),
    # QEMU does without an estimate of what remains
    "query_in_pre_copy": ("cmd:QUERY_VHCA_MIGRATION_STATE state=running", True, "completed"),
    "suspend_initiator": ("cmd:SUSPEND_VHCA state=running", True, "reset"),
    "suspend_responder": ("cmd:SUSPEND_VHCA state=p2p", True, "reset"),
    "save_when_stopped": ("cmd:SAVE_VHCA_STATE state=stopped", True, "failed"),
    "load": ("cmd:LOAD_VHCA_STATE", False, "failed"),
    "resume": ("cmd:RESUME_VHCA", False, "too late"),
}


def fault(name: str) -> Callable[[Stage], None]:
    site, on_source, end = FAULTS[name]

    def run(stage: Stage) -> None:
        src = stage.working()
        vfs = stage.free_vfs()
        dst = stage.target(vfs)
        function = stage.vfs[0].index((stage.used if on_source else vfs)[0])
        fwsimctl(f"fault add {site} fn=vf{function} status=3 syndrome=0xbad")
        try:
            info = stage.migrate(src, dst, return_path=True)
        finally:
            rules = fwsimctl("fault list")
            fwsimctl("fault clear")
        if " hits=1" not in rules:
            raise GuestError(f"the fault has not come: {rules}")
        stage.expect(info, {"reset": "failed", "too late": "completed"}.get(end, end))
        if end == "too late":
            until("the target's QEMU resets the device", lambda: "Resetting device" in dst.said())
            diag(dst.said())
            stage.runs_without_nic(dst)
            return
        if end == "completed":
            stage.moved(dst, vfs)
            return
        if end == "reset":
            if "Resetting device" not in info.get("error-desc", ""):
                raise GuestError(f"no reset: {info.get('error-desc')}")
            stage.runs_without_nic(src)
            return
        diag(f"QEMU: {info.get('error-desc', 'no reason given')}")
        stage.stays(src)
        dst.close()
        plain(stage)
    return run


for _name in FAULTS:
    CASES[f"fault_{_name}"] = fault(_name)


@case
def without_dirty_tracking(stage: Stage) -> None:
    """For a host whose kernel cannot report what a device has written, as Debian's: else QEMU would take all of the
    RAM for dirty, for ever. It sends the RAM once while the guest runs, and again while it is stopped."""
    stage.end_case(False)
    stage.device = ",x-pre-copy-dirty-page-tracking=off"
    try:
        migrated(stage)
    finally:
        stage.device = ""
        stage.guest = None


# What guest_init does to a guest to see whether its watchers notice, and what they must say then
SPOILT = {
    "log": r"mlx5_core: not content",
    "carrier": r"changed: \+net/\w+/carrier_changes",
    "mac": r"changed: \+net/\w+/address 02:00:00:00:00:77",
    "tcp": r"work socket .* why=\"was socket (\d+) ports .*, is socket (?!\1 )",
    "qp": r"work qp .* why=\"was .* state 3 .*, is .* state 6 ",
    "driver": r"changed: \+ *\d+ /sys/bus/pci/drivers/mlx5_core/0",
}


@case
def judges(stage: Stage) -> None:
    """Those who watch in the guest notice what a guest must never see: each of it is done to one."""
    stage.end_case(False)
    guest = stage.start([stage.vfs[0][0]], False, append="SPOIL=1")
    until("all is spoilt", lambda: re.search("guest: (spoil end|error: (spoil|nobody))", guest.text())
          or not guest.alive(), 300)
    text = guest.text()
    calm, what = text.partition("guest: spoil ")[0], {name: text.partition(f"guest: spoil {name}")[2] for name in SPOILT}
    if COMPLAINT.search(calm.rpartition("guest: ready")[2]) or "bad=0" not in calm:
        raise GuestError("there are complaints before anything is spoilt")
    for name, words in SPOILT.items():
        found = re.search(words, what[name])
        diag(f"{name}: {found[0] if found else 'NOT NOTICED'}"[:200])
        if not found:
            raise GuestError(f"nobody has noticed: {name}: {what[name][:800]}")
        if name not in ("tcp", "qp") and not COMPLAINT.search(what[name]):
            raise GuestError(f"{name} is no complaint")


# ---- two cards -----------------------------------------------------------------------------------


@case
def two_devices(stage: Stage) -> None:
    """A guest with a VF of each of two cards, which must be quiet towards each other before they stop (P2P)."""
    migrated(stage, cards=2)
    migrated(stage, cards=2)


@case
def other_card(stage: Stage) -> None:
    """To a VF of another PF, and back."""
    stage.working()
    home = stage.free_vfs()
    migrated(stage, vfs=[stage.vfs[1][2]])
    migrated(stage, vfs=home)


@case
def refused_by_target(stage: Stage) -> None:
    """To a card that cannot take the state: the guest goes on where it is, and can go elsewhere."""
    src = stage.working()
    dst = stage.target([stage.vfs[1][0]])
    info = stage.migrate(src, dst, return_path=True)
    stage.expect(info, "failed")
    diag(f"QEMU: {info.get('error-desc', 'no reason given')}; target: {dst.said()}")
    stage.stays(src)
    dst.close()
    migrated(stage)
