#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Speed of the data path in the test VM, against what QEMU and the kernel have of that kind.

    bench_data.py [--rounds N] [--seconds S] [--messages M]

TCP by iperf3 between two functions of one card, each in a network namespace: PF and VF of the simulated
ConnectX, two of its VFs, PF and VF of an igb card, two virtio-net devices on a hub. The ConnectX receives into the
queues that mlx5e picks, striding or cyclic, and, VF to PF, into those of the other kind too, if the card offers both.
RDMA by perftest between two VFs of the simulated ConnectX, and within one rdma_rxe device, which needs no network at
all for that.

Each round has every measurement once, one after the other, so that what this machine does besides meets all of
them. Each is printed as a line of fields between tabs,

    bench   GROUP   NAME   WHO   ROUND   VALUE   UNIT

and whether it has worked at all as a TAP point; another point is that the card's functions, with drivers and
without work, arm no timer. Needs scripts/vm run --other-nics --device-arg port-type=eth.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

PCI = Path("/sys/bus/pci/devices")
INFINIBAND = Path("/sys/class/infiniband")
FWSIMCTL = Path(__file__).resolve().parent.parent / "scripts/fwsimctl"
WAIT = 240              # s, for a device to come up, or for a program that measures nothing
LIMIT = 240             # s, for one measurement
MESSAGES = {4096: 2000, 65536: 400, 1 << 20: 60}    # of ib_write_bw, by size
LATENCY = {64: 500, 4096: 500}                      # of ib_read_lat


class Trouble(Exception):
    """A measurement that has not worked, and why."""


def sh(*cmd: str, ns: str | None = None, limit: float = WAIT) -> str:
    if ns:
        cmd = ("ip", "netns", "exec", ns, *cmd)
    try:
        done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{' '.join(cmd)}: not finished after {limit:.0f} s") from None
    if done.returncode:
        raise Trouble(f"{' '.join(cmd)}: {done.stdout.strip()[-400:]}")
    return done.stdout


def wait_for(what: str, test: Callable[[], object], seconds: float = WAIT) -> None:
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise Trouble(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.1)


def value(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def find(vendor: str, device: str) -> list[Path]:
    return sorted(p for p in PCI.iterdir()
                  if value(p / "vendor") == vendor and value(p / "device") == device)


def child(function: Path, kind: str) -> str:
    """The net or infiniband device of a function, or none yet."""
    for path in (function, *function.glob("virtio*")):
        for d in path.glob(f"{kind}/*"):
            return d.name
    return ""


def virtual_functions(pf: Path, n: int) -> list[Path]:
    (pf / "sriov_numvfs").write_text(str(n))
    return [(pf / f"virtfn{i}").resolve() for i in range(n)]


# ---- TCP -----------------------------------------------------------------------------------------------------

@dataclass
class Link:
    """Two functions in namespaces of their own; bytes go from the first to the second."""
    name: str
    ns: tuple[str, str]
    address: str
    striding: bool | None = None    # receive queues of an mlx5e at the far end; None: it has no choice

    def up(self) -> bool:
        return all(value_in(ns, "/sys/class/net/eth/carrier") == "1" for ns in self.ns)


def value_in(ns: str, path: str) -> str:
    done = subprocess.run(["ip", "netns", "exec", ns, "cat", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


NAMESPACES: dict[Path, str] = {}


def namespace_of(function: Path) -> str:
    """The namespace that has the interface of a function, which is called eth there."""
    if function not in NAMESPACES:
        wait_for(f"net device of {function.name}", lambda: child(function, "net"))
        ns = f"b{len(NAMESPACES)}"
        dev = child(function, "net")
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "set", dev, "netns", ns)
        sh("ip", "link", "set", dev, "name", "eth", ns=ns)
        NAMESPACES[function] = ns
    return NAMESPACES[function]


def link(name: str, sender: Path, receiver: Path) -> Link:
    net = len(NAMESPACES)
    ns = namespace_of(sender), namespace_of(receiver)
    for host, n in enumerate(ns, 1):
        sh("ip", "addr", "add", f"10.77.{net}.{host}/24", "dev", "eth", ns=n)
    for n in ns:
        sh("ip", "link", "set", "eth", "up", ns=n)
    made = Link(name, ns, f"10.77.{net}.2")
    wait_for(f"link of {name}", made.up)
    sh("ping", "-q", "-c", "1", "-W", "10", made.address, ns=ns[0])
    return made


STRIDING = re.compile(r"^rx_striding_rq\s*:\s*(on|off)", re.M)


def striding(ns: str) -> bool:
    """Are the receive queues of an mlx5e striding ones?"""
    found = STRIDING.search(sh("ethtool", "--show-priv-flags", "eth", ns=ns))
    if not found:
        raise Trouble(f"{ns}: no private flag rx_striding_rq")
    return found[1] == "on"


def set_striding(pair: Link, on: bool) -> None:
    ns = pair.ns[1]
    if striding(ns) == on:
        return
    sh("ethtool", "--set-priv-flags", "eth", "rx_striding_rq", "on" if on else "off", ns=ns)
    if striding(ns) != on:
        raise Trouble(f"{pair.name}: the receive queues stay as they were")
    wait_for(f"link of {pair.name}", pair.up)
    sh("ping", "-q", "-c", "1", "-W", "10", pair.address, ns=pair.ns[0])


def both_rings(pair: Link) -> list[Link]:
    """@pair with the receive queues that its driver has picked, and, if it can have them, with the others."""
    picked = striding(pair.ns[1])
    other = replace(pair, name=f"{pair.name}, {'cyclic' if picked else 'striding'} RQs", striding=not picked)
    try:
        set_striding(other, not picked)
    except Trouble as e:
        if picked:
            raise   # cyclic ones need nothing of the card
        print(f"# no striding RQs: {e}")
        return [pair]
    return [replace(pair, striding=picked), other]


def links(card: list[Path]) -> list[Link]:
    made = [*both_rings(link("ConnectX VF to PF", card[1], card[0])), link("ConnectX VF to VF", card[1], card[2])]
    sh("modprobe", "igb")
    sh("modprobe", "igbvf")
    igb = find("0x8086", "0x10c9")
    if not igb:
        raise Trouble("no igb card; scripts/vm run --other-nics")
    wait_for("net device of igb", lambda: child(igb[0], "net"))
    # the PF decides over its VFs' link, and only when it is up itself
    sh("ip", "link", "set", "eth", "up", ns=namespace_of(igb[0]))
    vf = virtual_functions(igb[0], 1)[0]
    made.append(link("igb VF to PF", vf, igb[0]))
    sh("modprobe", "virtio_net")
    virtio = find("0x1af4", "0x1041")
    if len(virtio) != 2:
        raise Trouble(f"{len(virtio)} virtio-net devices; scripts/vm run --other-nics")
    made.append(link("virtio-net", *virtio))
    return made


def tcp(pair: Link, seconds: float) -> float:
    """Bits per second that have arrived."""
    if pair.striding is not None:
        set_striding(pair, pair.striding)
    server = subprocess.Popen(["ip", "netns", "exec", pair.ns[1], "iperf3", "-s", "-1"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("iperf3 -s", lambda: ":5201 " in sh("ss", "-ltn", ns=pair.ns[1]))
        text = sh("iperf3", "-c", pair.address, "-t", f"{seconds:g}", "-J", ns=pair.ns[0], limit=LIMIT)
        return float(json.loads(text)["end"]["sum_received"]["bits_per_second"])
    finally:
        server.terminate()
        server.wait()


# ---- RDMA ----------------------------------------------------------------------------------------------------

@dataclass
class Ends:
    """Two RDMA devices, or twice the same one, with the GID of each."""
    name: str
    dev: tuple[str, str]
    gid: tuple[int, int]


def gid_index(dev: str) -> int | None:
    """The RoCE v2 GID made of the link-local address."""
    port = INFINIBAND / dev / "ports/1"
    for path in sorted((port / "gid_attrs/types").glob("*"), key=lambda p: int(p.name)):
        if "RoCE v2" in value(path) and value(port / "gids" / path.name).startswith("fe80:"):
            return int(path.name)
    return None


def ready(dev: str) -> int:
    wait_for(f"{dev} active", lambda: "ACTIVE" in value(INFINIBAND / dev / "ports/1/state"))
    wait_for(f"GID of {dev}", lambda: gid_index(dev) is not None)
    index = gid_index(dev)
    assert index is not None
    return index


def ends(card: list[Path]) -> list[Ends]:
    for function in card:   # the PF too: it decides over the link of all
        wait_for(f"RDMA device of {function.name}", lambda: child(function, "infiniband"))
        wait_for(f"net device of {function.name}", lambda: child(function, "net"))
        sh("ip", "link", "set", child(function, "net"), "up")
    devs = [child(vf, "infiniband") for vf in card[1:]]
    sh("modprobe", "rdma_rxe")
    sh("ip", "link", "add", "rxenet", "type", "veth", "peer", "name", "rxepeer")
    for dev in ("rxenet", "rxepeer"):
        sh("ip", "link", "set", dev, "up")
    sh("rdma", "link", "add", "rxe0", "type", "rxe", "netdev", "rxenet")
    ours, rxe = [ready(d) for d in devs], ready("rxe0")
    return [Ends("ConnectX VF to VF", (devs[0], devs[1]), (ours[0], ours[1])),
            Ends("rxe, loopback", ("rxe0", "rxe0"), (rxe, rxe))]


PORT = 18600


def perftest(pair: Ends, program: str, size: int, messages: int) -> list[str]:
    """Fields of the line of results."""
    global PORT
    PORT += 1
    common = ["-F", "-s", str(size), "-n", str(messages), "-p", str(PORT)]
    cmd = [[program, "-d", pair.dev[i], "-x", str(pair.gid[i]), *common] for i in (0, 1)]
    server = subprocess.Popen(cmd[1], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(f"{program} listens", lambda: f":{PORT} " in sh("ss", "-ltn"))
        text = sh(*cmd[0], "127.0.0.1", limit=LIMIT)
        server.wait(WAIT)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{program}: the server does not end") from None
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[0] == str(size) and re.fullmatch(r"[\d.]+", fields[2]):
            return fields
    raise Trouble(f"{program}: no result in {text[-400:]!r}")


def bandwidth(pair: Ends, size: int, messages: int) -> float:
    """Bytes per second; ib_write_bw prints the average in MiB/s."""
    return float(perftest(pair, "ib_write_bw", size, messages)[3]) * (1 << 20)


def latency(pair: Ends, size: int, messages: int) -> float:
    """Typical (median) time of an RDMA READ, in us."""
    return float(perftest(pair, "ib_read_lat", size, messages)[4])


# ---- idle functions -------------------------------------------------------------------------------------------

def timers() -> tuple[int, int]:
    """Timers of the card that are armed, and that have expired so far."""
    words = sh(str(FWSIMCTL), "timers").split()
    return int(words[words.index("armed") + 1]), int(words[words.index("expired") + 1])


def idle(seconds: float) -> None:
    wait_for("an end of what is under way", lambda: timers()[0] == 0, 10)
    before = timers()
    time.sleep(seconds)
    after = timers()
    if after != before:
        raise Trouble(f"armed and expired: {before}, {seconds:g} s later {after}")


# ---- all ----------------------------------------------------------------------------------------------------

class Tap:
    def __init__(self) -> None:
        self.count = 0
        self.failed: dict[str, str] = {}
        self.names: list[str] = []

    def measure(self, key: tuple[str, str, str], round_: int, unit: str, fn: Callable[[], float]) -> None:
        name = ", ".join(key)
        if name not in self.names:
            self.names.append(name)
        try:
            got = fn()
            if not got > 0:
                raise Trouble(f"{got} {unit}")
            print("bench", *key, round_, f"{got:.6g}", unit, sep="\t", flush=True)
        except Trouble as e:
            self.failed.setdefault(name, str(e))

    def check(self, name: str, fn: Callable[[], None]) -> None:
        self.names.append(name)
        try:
            fn()
        except Trouble as e:
            self.failed[name] = str(e)

    def end(self) -> int:
        for n, name in enumerate(self.names, 1):
            for line in self.failed.get(name, "").splitlines():
                print(f"# {line}")
            print(f"{'not ' if name in self.failed else ''}ok {n} - {name}")
        print(f"1..{len(self.names)}")
        return 1 if self.failed or not self.names else 0


def measure_all(args: argparse.Namespace, tap: Tap) -> None:
    pf = find("0x15b3", "0x1021")
    if not pf:
        raise Trouble("no simulated ConnectX")
    sh("modprobe", "mlx5_core")
    sh("modprobe", "mlx5_ib")
    sh("modprobe", "ib_uverbs")
    wait_for("net device of the PF", lambda: child(pf[0], "net"))
    card = [pf[0], *virtual_functions(pf[0], 2)]
    rdma = ends(card)
    for r in range(args.rounds):
        for size, messages in MESSAGES.items():
            n = max(5, int(messages * args.messages))
            for e in rdma:
                tap.measure(("ib_write_bw", f"{size} B", e.name), r, "B/s", lambda: bandwidth(e, size, n))
        for size, messages in LATENCY.items():
            n = max(5, int(messages * args.messages))
            for e in rdma:
                tap.measure(("ib_read_lat", f"{size} B", e.name), r, "us", lambda: latency(e, size, n))
    tap.check("idle functions expire no timer", lambda: idle(args.seconds))
    pairs = links(card)
    for r in range(args.rounds):
        for p in pairs:
            tap.measure(("tcp", "iperf3", p.name), r, "bit/s", lambda: tcp(p, args.seconds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each iperf3 (default: %(default)s)")
    parser.add_argument("--messages", type=float, default=1, metavar="M",
                        help="M times as many messages in each run of perftest (default: 1)")
    args = parser.parse_args()
    tap = Tap()
    print("TAP version 13")
    try:
        measure_all(args, tap)
    except Trouble as e:
        print(f"Bail out! {str(e).splitlines()[0]}")
        return 1
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
