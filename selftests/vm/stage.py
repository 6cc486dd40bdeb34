# SPDX-License-Identifier: GPL-2.0-or-later
"""What all cases of a live migration share: VFs, the peer of the guest's work, and the guest itself.

The guest is booted once and goes from process to process, case after case; a case that fails costs it, and
the next one boots another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest import SLOW, Event, Guest, GuestError, Work
from driver_trace import Trace

PCI = Path("/sys/bus/pci/devices")
PARAMETERS = Path("/sys/module/mlx5_vfmig/parameters")
TOP = Path(os.environ["VFMIG_TOP"])
SHARE = Path("/mnt/share")      # with what scripts/migrate-vm has laid out
KINDS = 5           # of work on each interface: rdma, tcp, echo, and those who look: qp, socket
PORT = 4444


def stock_qemu(suite: str) -> list[str]:
    """QEMU as Debian has it: the one that is installed, or that of the backports, which scripts/migrate-vm has
    unpacked beside it."""
    if suite == "suite":
        return ["qemu-system-x86_64", "-L", "/usr/share/seabios", "-L", "/usr/share/qemu"]
    folder = SHARE / "guest/qemu"
    return ["env", f"QEMU_MODULE_DIR={folder}/usr/lib/x86_64-linux-gnu/qemu", f"{folder}/usr/bin/qemu-system-x86_64",
            "-L", f"{folder}/usr/share/qemu", "-L", "/usr/share/seabios"]


def run(*args: str) -> str:
    """A program that must succeed; what it prints."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise GuestError(f"{' '.join(args)}: {done.stdout.strip()[-300:]}")
    return done.stdout


def rebind(vfs: list[str], driver: str = "") -> None:
    """Their driver, or another one, takes these VFs anew; it looks at its parameters then."""
    for vf in vfs:
        old = (PCI / vf / "driver").resolve()
        new = old.parent / (driver or old.name)
        (old / "unbind").write_text(vf)
        (PCI / vf / "driver_override").write_text(new.name)
        (new / "bind").write_text(vf)


def fwsimctl(words: str) -> str:
    """A word to the simulated firmware (docs/control.rst); its answer."""
    return run(str(TOP / "scripts/fwsimctl"), words)


def diag(text: str) -> None:
    for line in text.splitlines():
        print(f"# {line}", flush=True)


def until(what: str, condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true value of CONDITION, looked at ten times a second."""
    seconds *= SLOW
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise GuestError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)
    return value


@dataclass
class Stage:
    folder: Path                    # logs
    pfs: list[str]
    vfs: list[list[str]]            # of each PF
    qemu: list[str]                 # the program and its first options
    guest: Guest | None = None      # that works now
    used: list[str] = field(default_factory=list)     # VFs of the guest
    others: list[Guest] = field(default_factory=list)  # to be closed after the case
    server: list[subprocess.Popen[bytes]] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    begun: float = 0.0              # time of the last migration, of the monotonic clock
    device: str = ""                # more properties of every device
    prefix: str = "g"               # of the names of processes
    number: int = 0

    # ---- around the guest ------------------------------------------------------------------

    def host_up(self, peer: bool = True) -> None:
        """KVM, and the PFs as the peers of the work: PF N has 10.7.N.1. Without PEER a PF is up and no more: the
        peer is on another host."""
        run("modprobe", "-a", "kvm_amd", "mlx5_ib", "ib_uverbs")
        # two cards may be on one wire: each answers for its own address only
        for name, value in (("arp_ignore", "1"), ("arp_announce", "2")):
            Path("/proc/sys/net/ipv4/conf/all", name).write_text(value)
        for number, pf in enumerate(self.pfs):
            net = PCI / pf / "net"
            dev = until(f"interface of {pf}", lambda net=net: net.is_dir() and next(net.iterdir(), None)).name
            if peer:
                run("ip", "addr", "add", f"10.7.{number}.1/24", "dev", dev)
            run("ip", "link", "set", dev, "up")
        if not peer:
            return
        self.server.append(subprocess.Popen([str(TOP / "build/selftests/vm_work"), "serve", str(self.folder / "stream")]))

    def host_down(self) -> None:
        self.end_case(False)
        for one in self.server:
            one.kill()
            one.wait()

    # ---- guests ----------------------------------------------------------------------------

    def start(self, vfs: list[str], incoming: bool, **more: Any) -> Guest:
        self.number += 1
        work = ",".join(f"10.7.{n}.2/10.7.{n}.1" for n in range(len(vfs)))
        more["device"] = self.device + more.get("device", "")
        guest = Guest(f"{self.prefix}{self.number}", self.folder, SHARE / "guest/image", SHARE / "guest/root.cpio",
                      vfs, work, self.qemu, incoming, **more)
        self.others.append(guest)
        return guest

    def working(self, cards: int = 1) -> Guest:
        """The guest, with a VF of each of the first CARDS cards, and all its work going on. Booted if there is
        none, or one with other cards."""
        if self.guest is not None and len(self.used) != cards:
            self.end_case(False)
        if self.guest is None:
            start = time.monotonic()
            self.used = [self.vfs[n][0] for n in range(cards)]
            self.guest = self.start(self.used, False)
            self.guest.wait_ready()
            diag(f"guest booted in {time.monotonic() - start:.1f} s")
        self.goes_on(self.guest)
        return self.guest

    def free_vfs(self) -> list[str]:
        """For each VF of the guest another one of the same card."""
        return [next(vf for vf in next(c for c in self.vfs if used in c) if vf not in self.used) for used in self.used]

    def target(self, vfs: list[str] | None = None, **more: Any) -> Guest:
        return self.start(vfs or self.free_vfs(), True, **more)

    def goes_on(self, guest: Guest, since: dict[str, Work] | None = None) -> dict[str, Work]:
        """All work of the guest makes progress, and nothing was wrong."""
        now = guest.wait_work(KINDS * len(self.used), 5, since)
        looks = guest.looks()
        until(f"{guest.name}: the guest looks at its NIC", lambda: guest.looks() >= looks + 2)
        guest.check_alive()
        return now

    def moved(self, guest: Guest, vfs: list[str]) -> None:
        """The guest is in another process now; the old one goes."""
        src, old_vfs = self.guest, self.used
        before = src.work() if src else {}
        told = src.events() if src else []
        if src:
            src.close()
        self.guest, self.used = guest, vfs
        now = self.goes_on(guest, before)
        self.trace.stop(time.monotonic())
        for kind, work in sorted(now.items()):
            old = before.get(kind, Work())
            diag(f"{kind}: {old.done} done before, {work.done - old.done} since; longest gap {work.gap_ms} ms, "
                 f"{work.lost - old.lost} lost")
        for number, (old_vf, vf) in enumerate(zip(old_vfs, vfs)):
            diag(f"source VF {number}: {self.trace.states(old_vf)}")
            diag(f"target VF {number}: {self.trace.states(vf)}")
        diag(f"firmware: {self.trace.firmware()}")
        write_timeline(self, told, guest.events(), old_vfs, vfs)

    def stays(self, src: Guest) -> None:
        """A migration has failed: the guest goes on where it was."""
        until(f"{src.name} runs on", lambda: src.cmd("query-status").get("status") == "running")
        self.goes_on(src, src.work())

    def runs_without_nic(self, src: Guest) -> None:
        """A migration has failed and QEMU has reset the device: the guest runs on where it was, its work does not."""
        until(f"{src.name} runs on", lambda: src.cmd("query-status").get("status") == "running")
        before = len(src.text())
        until(f"{src.name} reports", lambda: len(src.text()) > before)
        self.guest = None

    def end_others(self) -> None:
        """Close every process but the one that has the guest."""
        for one in self.others:
            if one is not self.guest:
                one.close()
        self.others = [g for g in self.others if g is self.guest]

    def end_case(self, good: bool) -> None:
        """Close what a case has left; the guest stays if the case was good."""
        if not good:
            self.guest = None
        self.end_others()

    # ---- migration -------------------------------------------------------------------------

    def migrate(self, src: Guest, dst: Guest | None, uri: str = f"tcp:127.0.0.1:{PORT}", **caps: bool) -> dict[str, Any]:
        """Begin, and wait for the end; the source's query-migrate."""
        self.begin(src, dst, uri, **caps)
        return self.finished(src)

    def prepare(self, guest: Guest, **caps: bool) -> None:
        """Capabilities of the next migration, the same on both sides; what is not named is off."""
        every = {"events": True, "multifd": False, "return_path": False, "switchover_ack": False, **caps}
        guest.cmd("migrate-set-capabilities",
                  capabilities=[{"capability": k.replace("_", "-"), "state": v} for k, v in every.items()])

    def begin(self, src: Guest, dst: Guest | None, uri: str = f"tcp:127.0.0.1:{PORT}", **caps: bool) -> None:
        for guest in (dst, src):
            if guest:
                self.prepare(guest, **caps)
        if dst:
            dst.cmd("migrate-incoming", uri=uri)
        for guest in (dst, src):
            if guest:
                guest.events()      # forget the old ones
        self.trace.start()
        self.begun = time.monotonic()
        src.cmd("migrate", uri=uri)

    def restore(self, dst: Guest, uri: str) -> None:
        dst.cmd("migrate-incoming", uri=uri)
        until(f"{dst.name}: restored", lambda: dst.cmd("query-status").get("status") == "running", 60)

    def finished(self, src: Guest, seconds: float = 120) -> dict[str, Any]:
        last: dict[str, Any] = {}

        def ended() -> bool:
            nonlocal last
            last = src.cmd("query-migrate")
            return last.get("status") in ("completed", "failed", "cancelled")
        try:
            until(f"{src.name}: migration", ended, seconds)
        except GuestError as error:
            raise GuestError(f"{error}; {last}") from None
        return last

    def expect(self, info: dict[str, Any], status: str) -> None:
        if info.get("status") != status:
            raise GuestError(f"migration is {info.get('status')}, not {status}: {info.get('error-desc', info)}")


@contextmanager
def on_stage(qemu: str, **more: Any) -> Iterator[Stage]:
    """A stage with what setup.sh has made. Its logs go to SHARE at the end, not at once: a file that grows cannot be
    read there without errors."""
    logs = Path(tempfile.mkdtemp(prefix="migrate."))
    vfs = [os.environ.get(name, "").split() for name in ("VFMIG_VF_BDFS", "VFMIG_VF2_BDFS")]
    stage = Stage(logs, os.environ["VFMIG_PF_BDFS"].split(), vfs, stock_qemu(qemu), **more)
    try:
        yield stage
    finally:
        stage.host_down()
        shutil.copytree(logs, SHARE, dirs_exist_ok=True)


def point(number: int, name: str, action: Callable[[], None]) -> bool:
    """A test point of TAP: good if ACTION does not raise, else with what it raised."""
    start, good = time.monotonic(), False
    try:
        action()
        good = True
    except GuestError as error:
        diag(str(error))
    except Exception:
        diag(traceback.format_exc())
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    diag(f"{name}: {time.monotonic() - start:.1f} s")
    return good


def figures(info: dict[str, Any]) -> str:
    """One line of what query-migrate says."""
    ram, vfio = info.get("ram", {}), info.get("vfio", {})
    return (f"total {info.get('total-time', 0)} ms, downtime {info.get('downtime', 0)} ms, "
            f"RAM {ram.get('transferred', 0) / 1e6:.1f} MB in {ram.get('dirty-sync-count', 0)} rounds, "
            f"VFIO {vfio.get('transferred', 0) / 1e3:.1f} kB")


def write_timeline(stage: Stage, told: list[Event], told_by_target: list[Event], sources: list[str],
                   targets: list[str]) -> None:
    """events.tsv of the last migration, which scripts/migrate-vm draws: times in ms since it began."""
    begun, end = stage.begun, time.monotonic()
    offset = time.time() - end       # QEMU tells the time of day

    def ms(at: float) -> str:
        return f"{1000 * (min(max(at, begun), end) - begun):.2f}"

    def bar(lane: str, since: float, until_: float, kind: str, label: str) -> str:
        return "\t".join(("bar", lane, ms(since), ms(until_), kind, label))

    rows: list[str] = []
    phases = [(at - offset, status) for at, event, status in told if event == "MIGRATION"]
    for (at, status), (after, _) in zip(phases, phases[1:] + [(phases[-1][0] if phases else end, "")]):
        rows.append(bar("QEMU", at, after, "migration", status))
    stopped = [at - offset for at, event, _ in told if event == "STOP"]
    resumed = [at - offset for at, event, _ in told_by_target if event == "RESUME"]
    if stopped and resumed:
        rows.append(bar("guest", begun, stopped[-1], "work", "runs"))
        rows.append(bar("guest", stopped[-1], resumed[-1], "stopped", f"{1000 * (resumed[-1] - stopped[-1]):.0f} ms"))
        rows.append(bar("guest", resumed[-1], end, "work", "runs"))
    for side, devices in (("source", sources), ("target", targets)):
        for number, device in enumerate(devices):
            lane = f"{side} VF" + (f" {number}" if len(devices) > 1 else "")
            for span in stage.trace.spans:
                if span.device == device:
                    state = span.state.split("->")[-1]
                    rows.append(bar(lane, span.begin, span.end, state, "" if "->" in span.state else state))
    for line in (stage.folder / "stream").read_text().splitlines():
        if line.isdigit() and begun <= int(line) / 1e6 <= end:
            rows.append(f"tick\tTCP stream\t{ms(int(line) / 1e6)}")
    (stage.folder / "events.tsv").write_text("\n".join(rows) + "\n")
