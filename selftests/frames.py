#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Send frames from interfaces, and judge where they arrive; what a PF says of its VFs.

Call:

    frames.py judge [--until SECONDS] [PLACE...] <STATEMENTS
    frames.py rate FROM TO NUMBER LENGTH
    frames.py setting|stats PLACE VF

A PLACE is a network namespace in which an interface is called "eth".

judge: a statement is a line

    FROM > TO [src=MAC] [vlan=VID[.PRIO]] [n=N] [len=L] : [PLACE[/VID.PRIO]]...

and says which places get the N frames (one unless told) of L bytes, with a tag or without one. All others
that are named in the call get none of them. TO is a place (its MAC address), "all" (broadcast) or an address. What
arrives is waited for; for what must not arrive it looks on for half a second more. With --until all of it is
done again until it holds or the time is up. Exit status 1, and a line for each difference, if it does not hold.

rate: the rate at which NUMBER frames of LENGTH bytes arrive, in kbit/s.

setting, stats: what "ip link show" has of a VF, in one line.

Times are VFMIG_SLOW times as long.
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

SLOW = max(1, int(os.environ.get("VFMIG_SLOW", 1)))
ARRIVE = 4.0 * SLOW         # seconds for a frame that has to come
LOOK = 0.5 * SLOW           # and for one that must not
TYPE = 0x88B5               # IEEE 802: local experiments
MAGIC = b"vfmig frame"
BODY = struct.Struct("!11s8sHH")
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL = 263, 8, 3
AUXDATA = struct.Struct("=IIIHHHH")     # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
VLAN_VALID = 1 << 4


class Place:
    """The interface of a namespace, all of whose frames are heard without asking it for more than it gives."""

    def __init__(self, name: str) -> None:
        self.name = name
        back = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{name}", os.O_RDONLY)
        os.setns(there, os.CLONE_NEWNET)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.bind(("eth", ETH_P_ALL))
        os.setns(back, os.CLONE_NEWNET)
        os.close(back)
        os.close(there)
        self.mac: bytes = self.socket.getsockname()[4]

    def send(self, frame: bytes) -> None:
        """An interface without carrier refuses; that is a frame that does not arrive."""
        try:
            self.socket.send(frame)
        except OSError as e:
            if e.errno not in (errno.ENOBUFS, errno.ENETDOWN):
                raise

    def receive(self, run: bytes) -> tuple[int, int, str] | None:
        """Statement, length and tag of a frame of this run that has come in, or None."""
        try:
            data, anc, _, address = self.socket.recvmsg(1 << 16, 128)
        except OSError as e:
            if e.errno != errno.ENETDOWN:       # said once, of an interface that is down
                raise
            return None
        if address[2] == socket.PACKET_OUTGOING:
            return None
        tag = ""
        for level, kind, value in anc:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, _ = AUXDATA.unpack(value[:AUXDATA.size])
                if status & VLAN_VALID:
                    tag = f"{tci & 0xfff}.{tci >> 13}"
        if len(data) < 14 + BODY.size or data[12:14] != TYPE.to_bytes(2):
            return None
        magic, its_run, index, length = BODY.unpack_from(data, 14)
        if magic != MAGIC or its_run != run or len(data) < length:
            return None
        return index, length, tag


@dataclass
class Statement:
    text: str
    source: str
    target: str
    src: str = ""
    vlan: str = ""
    n: int = 1
    len: int = 100
    want: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def parse(cls, line: str) -> Statement:
        words, _, places = line.partition(" :")
        source, arrow, target, *options = words.split()
        if arrow != ">":
            raise ValueError(f"no statement: {line}")
        it = cls(line, source, target)
        for key, _, value in (o.partition("=") for o in options):
            if key in ("n", "len"):
                setattr(it, key, int(value))
            elif key in ("src", "vlan"):
                setattr(it, key, value)
            else:
                raise ValueError(f"{key}: {line}")
        for place in places.split():
            name, _, tag = place.partition("/")
            it.want[name, tag] = it.n
        return it

    def frame(self, places: dict[str, Place], run: bytes, index: int) -> bytes:
        """LEN bytes from the destination on to the end, and the tag."""
        head = mac_of(self.target, places) + (mac_of(self.src, places) if self.src else places[self.source].mac)
        if self.vlan:
            vid, _, prio = self.vlan.partition(".")
            head += struct.pack("!HH", 0x8100, int(vid) | int(prio or 0) << 13)
        head += TYPE.to_bytes(2) + BODY.pack(MAGIC, run, index, self.len)
        return head.ljust(self.len + (4 if self.vlan else 0), b"\x5a")


def mac_of(text: str, places: dict[str, Place]) -> bytes:
    if text in places:
        return places[text].mac
    return b"\xff" * 6 if text == "all" else bytes.fromhex(text.replace(":", ""))


def hear(places: dict[str, Place], run: bytes, heard: list[Counter[tuple[str, str]]], seconds: float) -> None:
    """What comes in until nothing has for so long."""
    by_fd = {p.socket.fileno(): p for p in places.values()}
    poll = select.poll()
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            got = by_fd[fd].receive(run)
            if got:
                heard[got[0]][by_fd[fd].name, got[2]] += 1
                return


def once(places: dict[str, Place], statements: list[Statement]) -> list[str]:
    """What does not hold."""
    run = os.urandom(8)
    heard: list[Counter[tuple[str, str]]] = [Counter() for _ in statements]
    for i, s in enumerate(statements):
        frame = s.frame(places, run, i)
        for _ in range(s.n):
            places[s.source].send(frame)
    end = time.monotonic() + ARRIVE
    while any(s.want - h for s, h in zip(statements, heard)) and (left := end - time.monotonic()) > 0:
        hear(places, run, heard, left)
    end = time.monotonic() + LOOK
    while (left := end - time.monotonic()) > 0:
        hear(places, run, heard, left)

    def words(c: Counter[tuple[str, str]]) -> str:
        return " ".join(f"{n}x{p}" + (f"/{t}" if t else "") for (p, t), n in sorted(c.items())) or "nothing"
    return [f"{s.text.strip()}   -- arrived: {words(h)}" for s, h in zip(statements, heard) if s.want != h]


def judge(args: list[str]) -> int:
    until = 0.0
    if args[:1] == ["--until"]:
        until = float(args[1]) * SLOW
        args = args[2:]
    statements = [Statement.parse(line) for line in sys.stdin if line.strip()]
    names = set(args) | {s.source for s in statements} | {p for s in statements for p, _ in s.want}
    places = {name: Place(name) for name in sorted(names)}
    end = time.monotonic() + until
    while bad := once(places, statements):
        if time.monotonic() >= end:
            print("\n".join(f"# {line}" for line in bad))
            return 1
    return 0


def rate(source: str, target: str, number: int, length: int) -> int:
    places = {name: Place(name) for name in (source, target)}
    run = os.urandom(8)
    it = Statement("", source, target, n=number, len=length)
    frame = it.frame(places, run, 0)
    child = os.fork()
    if not child:
        for _ in range(number):
            places[source].send(frame)
        os._exit(0)
    heard: list[Counter[tuple[str, str]]] = [Counter()]
    times: list[float] = []
    end = time.monotonic() + 20 * SLOW
    while len(times) < number and time.monotonic() < end:
        hear({target: places[target]}, run, heard, 1.0)
        if heard[0].total() > len(times):
            times.append(time.monotonic())
    os.waitpid(child, 0)
    if len(times) < number:
        print(f"# {len(times)} of {number} frames have come", file=sys.stderr)
        return 1
    print(round((number - 1) * length * 8 / (times[-1] - times[0]) / 1000))
    return 0


def vf_info(place: str, vf: int) -> dict:
    text = subprocess.run(["ip", "-netns", place, "-s", "-d", "-j", "link", "show", "eth"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return next(v for v in json.loads(text)[0]["vfinfo_list"] if v["vf"] == vf)


def setting(place: str, vf: int) -> int:
    v = vf_info(place, vf)
    vlan = v["vlan_list"][0]
    print("mac", v["address"], "vlan", vlan.get("vlan", 0), "qos", vlan.get("qos", 0), "spoofchk", int(v["spoofchk"]),
          "trust", int(v["trust"]), "state", v["link_state"], "max", v["rate"]["max_tx"], "min", v["rate"]["min_tx"])
    return 0


def stats(place: str, vf: int) -> int:
    s = vf_info(place, vf)["stats"]
    rx, tx = s["rx"], s["tx"]
    print(rx["packets"], rx["bytes"], rx["multicast"], rx["broadcast"], rx["dropped"],
          tx["tx_packets"], tx["tx_bytes"], tx["dropped"])
    return 0


def main(argv: list[str]) -> int:
    if argv[:1] == ["judge"]:
        return judge(argv[1:])
    if argv[:1] == ["rate"] and len(argv) == 5:
        return rate(argv[1], argv[2], int(argv[3]), int(argv[4]))
    if argv[:1] in (["setting"], ["stats"]) and len(argv) == 3:
        return {"setting": setting, "stats": stats}[argv[0]](argv[1], int(argv[2]))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
