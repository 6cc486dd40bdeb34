#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The PCI face of the simulated card, driven through QEMU's qtest protocol; prints TAP.

There is no CPU and no guest: this program enumerates the card itself. The last
test is a storm of accesses that make no sense; QEMU must live through it. Run it
in the toolbox, with the ASan build for the storm to mean something:

  scripts/toolbox run -- fwsim/tests/qtest_card.py $(scripts/qemu build --asan) [SEED [COUNT]]
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
from typing import Callable

MMCFG = 0xB0000000
PORT_SLOT = 0x10
WINDOW = 0x40_0000_0000     # of the root port, 64-bit prefetchable
WINDOW_SIZE = 0x4000_0000
PF_BAR0, PF_MSIX = WINDOW, WINDOW + 0x0400_0000
VF_BAR0, VF_MSIX = WINDOW + 0x1000_0000, WINDOW + 0x0500_0000
VF_SIZE = 0x20_0000
VFS = 4
RAM = 64 << 20

PM, EXP, MSIX, VSC, AER, ARI, SRIOV, ACS = 0x40, 0x60, 0x9C, 0xC0, 0x100, 0x150, 0x180, 0x230
COMMAND, MEM_MASTER = 4, 6
DEVCTL_FLR = 0x8000


class Qtest:
    """One QEMU, one qtest connection on its standard streams."""

    def __init__(self, qemu: str, *device: str, chardev: str = "null,id=unused") -> None:
        self.proc = subprocess.Popen(
            [qemu, "-M", "q35", "-accel", "qtest", "-m", f"{RAM >> 20}M", "-nodefaults", "-display", "none",
             "-L", "/usr/share/seabios", "-L", "/usr/share/qemu", "-qtest", "stdio", "-qtest-log", "none",
             "-chardev", chardev, "-device", f"pcie-root-port,id=rp,chassis=1,slot=1,addr={PORT_SLOT:#x}",
             "-device", ",".join(("fwsim-pf,bus=rp,id=pf", *device))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # the host bridge: extended configuration space by memory
        self.pci_out(0, 0x64, 0)
        self.pci_out(0, 0x60, MMCFG | 1)
        port = PORT_SLOT << 3
        self.cfg_w(port, 0x18, 0x00010100)
        self.cfg_w(port, 0x24, ((WINDOW + WINDOW_SIZE - 1 >> 16 & 0xFFF0) << 16) | WINDOW >> 16 & 0xFFF0)
        self.cfg_w(port, 0x28, WINDOW >> 32)
        self.cfg_w(port, 0x2C, (WINDOW + WINDOW_SIZE - 1) >> 32)
        self.cfg_w(port, COMMAND, MEM_MASTER, 2)

    def cmd(self, text: str) -> str:
        assert self.proc.stdin and self.proc.stdout
        self.proc.stdin.write(text + "\n")
        self.proc.stdin.flush()
        while True:
            line = self.proc.stdout.readline()
            if not line:
                raise EOFError(f"QEMU ended with {self.proc.wait()} at '{text}'")
            if line.startswith("OK"):
                return line[2:].strip()
            if not line.startswith("IRQ"):
                raise ValueError(line)

    def w(self, addr: int, val: int, size: int = 4) -> None:
        self.cmd(f"write{'bwlq'[size.bit_length() - 1]} {addr:#x} {val & (1 << 8 * size) - 1:#x}")

    def r(self, addr: int, size: int = 4) -> int:
        return int(self.cmd(f"read{'bwlq'[size.bit_length() - 1]} {addr:#x}"), 0)

    def pci_out(self, devfn: int, off: int, val: int) -> None:
        self.cmd(f"outl 0xcf8 {0x80000000 | devfn << 8 | off:#x}")
        self.cmd(f"outl 0xcfc {val:#x}")

    def cfg_w(self, bdf: int, off: int, val: int, size: int = 4) -> None:
        self.w(MMCFG + (bdf << 12) + off, val, size)

    def cfg_r(self, bdf: int, off: int, size: int = 4) -> int:
        return self.r(MMCFG + (bdf << 12) + off, size)

    def start_pf(self) -> None:
        for bar, addr in ((0x10, PF_BAR0), (0x20, PF_MSIX)):
            self.cfg_w(0x100, bar, addr & 0xFFFFFFFF)
            self.cfg_w(0x100, bar + 4, addr >> 32)
        self.cfg_w(0x100, COMMAND, MEM_MASTER, 2)

    def start_vfs(self, n: int = VFS) -> None:
        for bar, addr in ((0, VF_BAR0), (4, VF_MSIX)):
            self.cfg_w(0x100, SRIOV + 0x24 + 4 * bar, addr & 0xFFFFFFFF)
            self.cfg_w(0x100, SRIOV + 0x28 + 4 * bar, addr >> 32)
        self.cfg_w(0x100, SRIOV + 0x10, n, 2)
        self.cfg_w(0x100, SRIOV + 8, 0x19, 2)       # VF Enable, MSE, ARI

    def end(self) -> None:
        assert self.proc.stdin
        self.proc.stdin.close()
        self.proc.terminate()
        self.proc.wait(60)


def be32(val: int) -> int:
    return int.from_bytes(val.to_bytes(4, "little"), "big")


def expect(what: str, got: int, want: int) -> None:
    if got != want:
        raise AssertionError(f"{what} is {got:#x}, expected {want:#x}")


def identity(q: Qtest) -> None:
    expect("id", q.cfg_r(0x100, 0), 0x1021_15B3)
    expect("class", q.cfg_r(0x100, 8) >> 8, 0x020000)
    expect("header of the vendor capability", q.cfg_r(0x100, VSC) & 0xFF00FF, 0x180009)
    expect("PCIe capability", q.cfg_r(0x100, EXP, 1), 0x10)
    expect("FLR capable", q.cfg_r(0x100, EXP + 4) >> 28 & 1, 1)
    expect("MSI-X vectors", q.cfg_r(0x100, MSIX + 2, 2) & 0x7FF, 63)
    for off, cap in ((AER, 1), (ARI, 0xE), (SRIOV, 0x10), (ACS, 0xD)):
        expect(f"extended capability at {off:#x}", q.cfg_r(0x100, off, 2), cap)
    expect("TotalVFs", q.cfg_r(0x100, SRIOV + 0xE, 2), VFS)
    expect("VF device id", q.cfg_r(0x100, SRIOV + 0x1A, 2), 0x101E)


def init_segment(q: Qtest) -> None:
    q.start_pf()
    expect("fw_rev", be32(q.r(PF_BAR0)), 43 << 16 | 28)
    expect("cmdif_rev, fw sub", be32(q.r(PF_BAR0 + 4)), 5 << 16 | 1014)
    expect("8 bytes at once", q.r(PF_BAR0, 8), q.r(PF_BAR0) | q.r(PF_BAR0 + 4) << 32)
    expect("one byte", q.r(PF_BAR0 + 3, 1), 28)
    expect("initializing, reset supported", be32(q.r(PF_BAR0 + 0x1FC)), 1 << 30)
    before = be32(q.r(PF_BAR0 + 0x1010))
    q.cmd("clock_step 2000000000")
    if be32(q.r(PF_BAR0 + 0x1010)) == before:
        raise AssertionError("the health counter stands still")


def vendor_cap(q: Qtest) -> None:
    expect("semaphore", q.cfg_r(0x100, VSC + 0xC), 0)
    ticket = q.cfg_r(0x100, VSC + 8)
    q.cfg_w(0x100, VSC + 0xC, ticket)
    expect("semaphore taken", q.cfg_r(0x100, VSC + 0xC), ticket)
    q.cfg_w(0x100, VSC + 0xC, 0)
    expect("semaphore free", q.cfg_r(0x100, VSC + 0xC), 0)


def vfs(q: Qtest) -> None:
    expect("VF while off", q.cfg_r(0x101, 8), 0xFFFFFFFF)
    q.start_vfs()
    for i in range(VFS):
        expect("VF id", q.cfg_r(0x101 + i, 0), 0xFFFFFFFF)
        expect("VF class", q.cfg_r(0x101 + i, 8) >> 8, 0x020000)
        expect("fw_rev of the VF", be32(q.r(VF_BAR0 + i * VF_SIZE)), 43 << 16 | 28)
        expect("memory enable of a VF", q.cfg_r(0x101 + i, COMMAND, 2), 0)
    q.cfg_w(0x101, COMMAND, 4, 2)
    expect("bus master of a VF", q.cfg_r(0x101, COMMAND, 2), 4)


def vf_flr(q: Qtest) -> None:
    q.w(VF_BAR0 + 0x10, 0x78563412)
    expect("command queue address", q.r(VF_BAR0 + 0x10), 0x78563412)
    q.w(VF_BAR0 + VF_SIZE + 0x10, 0x78563412)
    q.cfg_w(0x101, EXP + 8, DEVCTL_FLR, 2)
    expect("FLR bit", q.cfg_r(0x101, EXP + 8, 2) & DEVCTL_FLR, 0)
    expect("command after FLR", q.cfg_r(0x101, COMMAND, 2), 0)
    expect("command queue address after FLR", q.r(VF_BAR0 + 0x10), 0)
    expect("that of another VF", q.r(VF_BAR0 + VF_SIZE + 0x10), 0x78563412)


def vfs_off(q: Qtest) -> None:
    q.cfg_w(0x100, SRIOV + 8, 0, 2)
    expect("VF while off", q.cfg_r(0x101, 8), 0xFFFFFFFF)
    q.start_vfs(2)
    expect("VF 1 after off and on", q.r(VF_BAR0 + VF_SIZE + 0x10), 0)
    expect("VF 2 of 2", q.cfg_r(0x103, 8), 0xFFFFFFFF)


def pf_flr(q: Qtest) -> None:
    q.cfg_w(0x100, EXP + 8, DEVCTL_FLR, 2)
    expect("command after FLR", q.cfg_r(0x100, COMMAND, 2), 0)
    expect("SR-IOV control after FLR", q.cfg_r(0x100, SRIOV + 8, 2), 0)
    expect("VF after FLR", q.cfg_r(0x101, 8), 0xFFFFFFFF)
    expect("BAR after FLR", q.r(PF_BAR0), 0)    # nothing is there


def command_to_nowhere(q: Qtest) -> None:
    """A command queue that is not memory, with and without bus mastering."""
    q.start_pf()
    for master in (4, 0, 4):
        q.cfg_w(0x100, COMMAND, 2 | master, 2)
        for addr in (0xFFFF_FFFF_FFFF_F000, PF_BAR0, MMCFG + 0x100000, PF_MSIX, 0xFEE00000):
            q.w(PF_BAR0 + 0x10, be32(addr >> 32))
            q.w(PF_BAR0 + 0x14, be32(addr & 0xFFFFF000))
            q.w(PF_BAR0 + 0x18, 0xFFFFFFFF)
            q.cmd("clock_step 1000000")
    expect("fw_rev", be32(q.r(PF_BAR0)), 43 << 16 | 28)


class Desk:
    """A user of the control protocol on the socket @path."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.file = self.sock.makefile("r")

    def answer(self) -> str:
        lines = [self.file.readline()]
        while lines[-1].startswith("  "):
            lines.append(self.file.readline())
        return "".join(lines)

    def say(self, line: str) -> str:
        self.sock.sendall(line.encode() + b"\n")
        return self.answer()

    def end(self) -> None:
        self.file.close()
        self.sock.close()


def same(what: str, got: str, want: str) -> None:
    if got != want:
        raise AssertionError(f"{what} gives {got!r}, expected {want!r}")


def control(qemu: str) -> None:
    """Property control, a socket, and x-control. What was said at start-up ends with the reset that follows."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ctl"
        q = Qtest(qemu, "vfs=2", "control=ctl", "x-control=help; @pf health vf0 1 ;;echo x",
                  chardev=f"socket,id=ctl,path={path},server=on,wait=off")
        try:
            q.start_pf()
            q.start_vfs(2)
            expect("syndrome of VF 0", be32(q.r(VF_BAR0 + 0x23C)), 0)
            d = Desk(path)
            same("cards", d.say("cards"), "  pf vfs=2\nok\n")
            same("an empty line", d.say(""), "ok\n")
            same("a wrong card", d.say(" @pf1 help"), "error: there is no card 'pf1'; try cards\n")
            same("a wrong verb", d.say("@pf frobnicate"), "error: no verb 'frobnicate'; try help\n")
            same("a zero byte", d.say("health pf\0 1"), "error: there is a zero byte in the line\n")
            for n, text in ((1024, "ok\n"), (1025, "error: a line has 1024 characters at most\n"),
                            (5000000, "error: a line has 1024 characters at most\n")):
                same(f"a line of {n} characters", d.say("#" * n), text)
            same("health", d.say("@pf  health pf 0x7 rfr"), "ok\n")
            expect("syndrome", be32(q.r(PF_BAR0 + 0x23C)) >> 16, 7)
            # nobody reads: the card goes on, the answers wait
            d.sock.sendall(b"help\n" * 20)
            expect("fw_rev", be32(q.r(PF_BAR0)), 43 << 16 | 28)
            if len({d.answer() for _ in range(20)}) != 1:
                raise AssertionError("20 times help does not give 20 times the same")
            # who leaves takes its half line and its answers along
            d.sock.sendall(b"help\nhealth pf 0\nhealth vf0")
            d.end()
            d = Desk(path)
            same("echo", d.say("echo again"), "  again\nok\n")
            d.end()
        finally:
            q.end()


def some_address(rng: random.Random) -> int:
    kind = rng.randrange(10)
    if kind < 3:
        return PF_BAR0 + rng.randrange(0x2010)
    if kind < 4:
        return PF_BAR0 + 0x10000 + rng.randrange(0x40000)
    if kind < 5:
        return PF_BAR0 + rng.randrange(32 << 20)
    if kind < 7:
        return VF_BAR0 + rng.randrange(VFS) * VF_SIZE + rng.choice((0x10, 0x14, 0x18, rng.randrange(VF_SIZE)))
    if kind < 8:
        return rng.choice((PF_MSIX, VF_MSIX)) + rng.randrange(0x1000)
    if kind < 9:
        return MMCFG + (0x100 + rng.randrange(VFS + 1) << 12) + rng.randrange(0x300)
    return rng.randrange(RAM)


def storm(q: Qtest, seed: int, count: int) -> None:
    rng = random.Random(seed)
    for page in range(0, 1 << 20, 4096):    # command queues that could be meant
        q.cmd(f"write {page:#x} 0x40 0x07000000" + f"{rng.getrandbits(8 * 56):0112x}" +
              f"{rng.getrandbits(24):06x}{rng.getrandbits(7) << 1 | 1:02x}")
    for i in range(count):
        if i % 50 == 0:
            q.start_pf()
            q.start_vfs(rng.randrange(VFS + 1))
            for fn in range(VFS + 1):
                q.cfg_w(0x100 + fn, COMMAND, MEM_MASTER, 2)
                bar = VF_BAR0 + (fn - 1) * VF_SIZE if fn else PF_BAR0
                q.w(bar + 0x10, 0)
                q.w(bar + 0x14, be32(rng.randrange(256) << 12))
                q.w(bar + 0x18, rng.getrandbits(32))
        size = rng.choice((1, 2, 4, 4, 4, 8))
        addr = some_address(rng) & ~(size - 1)
        if rng.randrange(4):
            q.w(addr, rng.choice((0, 1, rng.getrandbits(8), rng.getrandbits(64), (1 << 64) - 1)), size)
        else:
            q.r(addr, size)
        if i % 20 == 0:
            q.cmd(f"clock_step {rng.randrange(1, 1 << 30)}")
    q.cfg_w(0x100, EXP + 8, DEVCTL_FLR, 2)
    q.cfg_w(0x100, PM + 4, 0, 2)
    q.start_pf()
    expect("fw_rev", be32(q.r(PF_BAR0)), 43 << 16 | 28)


def refused(qemu: str, prop: str, word: str) -> None:
    done = subprocess.run([qemu, "-M", "q35", "-accel", "qtest", "-nodefaults", "-display", "none",
                           "-device", f"fwsim-pf,{prop}"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 1 or word not in done.stderr:
        raise AssertionError(f"{prop}: status {done.returncode}, {done.stderr.strip()}")


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    qemu = argv[1]
    seed = int(argv[2]) if len(argv) > 2 else 1
    count = int(argv[3]) if len(argv) > 3 else 20000
    number = failed = 0

    def point(name: str, func: Callable[[], None]) -> None:
        nonlocal number, failed
        number += 1
        try:
            func()
            print(f"ok {number} - {name}", flush=True)
        except (AssertionError, EOFError, ValueError, subprocess.TimeoutExpired) as err:
            failed += 1
            print(f"not ok {number} - {name}\n# {err}", flush=True)

    print("TAP version 13")
    for prop, word in (("vfs=128", "the most is 127"), ("msix=0", "msix is 0"), ("fw-version=28.43", "fw-version"),
                       ("psid=12345678901234567", "psid"), ("mac=01:00:00:00:00:00", "multicast"),
                       ("boot-pages=100000", "pages"), ("x-control=help; frobnicate 1", "'frobnicate 1': no verb"),
                       ("control=nobody", "nobody")):
        point(f"property {prop} is refused", lambda p=prop, w=word: refused(qemu, p, w))
    point("control protocol on a socket", lambda: control(qemu))
    q = Qtest(qemu, f"vfs={VFS}")
    for name, func in (("identity and capabilities", identity), ("init segment", init_segment),
                       ("semaphore of the vendor capability", vendor_cap), ("VFs on", vfs), ("FLR of a VF", vf_flr),
                       ("VFs off and on", vfs_off), ("FLR of the PF", pf_flr),
                       ("command queues that are no memory", command_to_nowhere)):
        point(name, lambda f=func: f(q))
    point(f"storm of {count} accesses, seed {seed}", lambda: storm(q, seed, count))
    q.end()
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
