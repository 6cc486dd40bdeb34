# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process with a guest that owns VFs of the card, and what its console says."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

SLOW = max(1, int(os.environ.get("VFMIG_SLOW", 1)))  # how much slower than usual the machine is; so all bounds
BOOT_S = 300 * SLOW
# EPYC without what the host's processor, which is TCG's, does not have
CPU = "EPYC,-vme,-fxsr-opt,-misalignsse,-osvw,-xsavec"
WORK = re.compile(r"(\d+) work (\w+) done=(\d+) bad=(\d+) lost=(\d+) gap_ms=(\d+)(?: why=\"(.*)\")?$")


# What a guest must not see, after it is ready: another NIC, or a driver that is not content (loglevel 5: warnings
# and worse)
COMPLAINT = re.compile(r"guest: changed: [-+][^-+].*|\] (?:mlx5|infiniband|pcieport|DMAR)\S* .*|.*NETDEV WATCHDOG.*|"
                       r".*nobody cared.*|INFO: task .*|WARNING: .*|BUG: .*")
Event = tuple[float, str, str]      # seconds of the time of day, name, status


class GuestError(Exception):
    """What went wrong, in a sentence."""


@dataclass
class Work:
    """The last report of one kind of work, and the longest gap of all reports so far."""
    done: int = 0
    bad: int = 0
    lost: int = 0
    gap_ms: int = 0
    why: str = ""


class Guest:
    """A QEMU process. Its console goes to DIR/NAME.console, what QEMU says to DIR/NAME.qemu."""

    def __init__(self, name: str, folder: Path, image: Path, initrd: Path, vfs: list[str], work: str,
                 qemu: list[str], incoming: bool = False, device: str = "", extra: list[str] | None = None,
                 append: str = ""):
        self.name = name
        self.console = folder / f"{name}.console"
        self.errors = folder / f"{name}.qemu"
        self.console.write_bytes(b"")
        socket = Path("/tmp") / f"{name}.qmp"
        socket.unlink(missing_ok=True)
        args = qemu + [
            "-name", name, "-nodefaults", "-no-user-config", "-display", "none",
            "-M", "q35,kernel-irqchip=split", "-accel", "kvm", "-cpu", CPU, "-smp", "1", "-m", "320M",
            "-kernel", str(image), "-initrd", str(initrd),
            "-append", f"console=ttyS0 loglevel=5 panic=-1 tsc=reliable no_timer_check WORK={work} {append}",
            "-serial", f"file:{self.console}", "-qmp", f"unix:{socket},server=on,wait=off"]
        args += extra or []
        for number, vf in enumerate(vfs):
            args += ["-device", f"pcie-root-port,id=rp{number},chassis={number + 1}",
                     "-device", f"vfio-pci,host={vf},id=vf{number},bus=rp{number},enable-migration=on{device}"]
        if incoming:
            args += ["-incoming", "defer"]
        with self.errors.open("wb") as out:
            out.write((" ".join(args) + "\n").encode())
            out.flush()
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.qmp = QEMUMonitorProtocol(str(socket))
        self.connect(socket)

    def connect(self, socket: Path) -> None:
        end = time.monotonic() + 30 * SLOW
        while True:
            try:
                self.qmp.connect()
                return
            except (OSError, QMPError) as error:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise GuestError(f"{self.name}: no QMP ({error}): {self.said()}") from error
                time.sleep(0.2)

    def said(self) -> str:
        """What QEMU has said, without its command line."""
        return " | ".join(self.errors.read_text(errors="replace").splitlines()[1:])[-600:]

    def text(self) -> str:
        return self.console.read_text(errors="replace")

    def cmd(self, name: str, **args: Any) -> Any:
        try:
            return self.qmp.cmd(name, **{key.replace("_", "-"): value for key, value in args.items()})
        except (OSError, QMPError) as error:
            raise GuestError(f"{self.name}: {name}: {error}; {self.said()}") from error

    def events(self) -> list[Event]:
        """What QEMU has told since the last call: seconds of the real-time clock, event, its status or nothing."""
        got: list[Event] = []
        while batch := self.qmp.get_events():       # it gives some of them, or waits for no more than one
            got += [(e["timestamp"]["seconds"] + e["timestamp"]["microseconds"] / 1e6, str(e["event"]),
                     str(e.get("data", {}).get("status", ""))) for e in batch]
        return got

    def work(self) -> dict[str, Work]:
        """The last report of each kind of work of each interface: "0 rdma", "0 tcp", "0 echo", "1 rdma", ..."""
        found: dict[str, Work] = {}
        for line in self.text().splitlines():
            if m := WORK.search(line):
                one = found.setdefault(f"{m[1]} {m[2]}", Work())
                one.done, one.bad, one.lost = int(m[3]), int(m[4]), int(m[5])
                one.gap_ms = max(one.gap_ms, int(m[6]))
                one.why = m[7] or ""
        return found

    def looks(self) -> int:
        """How often the guest has looked at which NIC it has (guest_init), in this process."""
        return self.text().count("guest: looked ")

    def wait_ready(self) -> None:
        """Until the guest has begun its work."""
        end = time.monotonic() + BOOT_S
        while "guest: ready" not in self.text():
            self.check_alive()
            if time.monotonic() > end:
                raise GuestError(f"{self.name}: not ready after {BOOT_S} s; console: {self.text()[-600:]}")
            time.sleep(0.2)

    def alive(self) -> bool:
        return self.process.poll() is None

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise GuestError(f"{self.name}: QEMU has ended with {self.process.returncode}: {self.said()}")
        text = self.text()
        if m := re.search(r"guest: error: .*|Kernel panic.*", text):
            raise GuestError(f"{self.name}: {m[0]}; console: {text[-600:]}")
        if m := COMPLAINT.search(text.rpartition("guest: ready")[2]):
            raise GuestError(f"{self.name}: the guest has seen: {m[0]}")

    def wait_work(self, kinds: int, more: int, since: dict[str, Work] | None = None, seconds: float = 60) -> dict[str, Work]:
        """Until each of KINDS kinds of work has done MORE than SINCE; its reports."""
        end = time.monotonic() + seconds * SLOW
        before = since or {}
        while True:
            self.check_alive()
            now = self.work()
            if len(now) >= kinds and all(w.done >= before.get(k, Work()).done + more for k, w in now.items()):
                return now
            bad = [f"{k}: {w.why}" for k, w in now.items() if w.bad]
            if bad or time.monotonic() > end:
                raise GuestError(f"{self.name}: {'; '.join(bad) or 'the work does not go on'}; last reports: {now}")
            time.sleep(0.2)

    def close(self) -> None:
        """End the process, gently if it can be."""
        if self.process.poll() is None:
            try:
                self.qmp.cmd("quit")
            except (OSError, QMPError):
                pass
            try:
                self.process.wait(10 * SLOW)
            except subprocess.TimeoutExpired:
                self.kill()
        try:
            self.qmp.close()
        except (OSError, QMPError, EOFError):
            pass

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30 * SLOW)
