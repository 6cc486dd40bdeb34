#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Run iperf3 from one network namespace to another and judge what both sides report.

Call:

    iperf.py FROM TO ADDRESS [--bytes N] [--udp] [--reverse] [--parallel N]

ADDRESS is one of TO, IPv4 or IPv6. With --reverse TO sends. TCP: all bytes have arrived. UDP: at 4 Mbit/s at
most one datagram in 20 is lost and none is out of order; what the receiver's socket had no room for, because the
program had no processor for a while, has arrived. Exit status 1 and a line if not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

TIMEOUT = 90 * max(1, int(os.environ.get("VFMIG_SLOW", 1)))
PORT = 5201
UDP_RATE = "4M"
UDP_LOST = 5.0      # per cent


def in_namespace(ns: str, *args: str) -> list[str]:
    return ["ip", "netns", "exec", ns, *args]


def listening(ns: str) -> bool:
    text = subprocess.run(in_namespace(ns, "ss", "-ltnH"), stdout=subprocess.PIPE, text=True, check=True).stdout
    return any(line.split()[3].endswith(f":{PORT}") for line in text.splitlines())


def no_room(ns: str) -> int:
    """UDP datagrams that have come to the namespace and found their socket's buffer full."""
    def read(name: str) -> str:
        return subprocess.run(in_namespace(ns, "cat", f"/proc/net/{name}"), stdout=subprocess.PIPE, text=True,
                              check=True).stdout

    names, values = (line.split() for line in read("snmp").splitlines() if line.startswith("Udp:"))
    v6 = dict(line.split() for line in read("snmp6").splitlines())
    return int(dict(zip(names, values))["RcvbufErrors"]) + int(v6["Udp6RcvbufErrors"])


def judge(side: str, text: str, args: argparse.Namespace, unread: int) -> str | None:
    """What is wrong with the report of one side, or None. @unread datagrams had arrived for all that."""
    try:
        report = json.loads(text)
    except ValueError:
        return f"{side}: no JSON: {text[:200]!r}"
    if "error" in report:
        return f"{side}: {report['error']}"
    end = report["end"]
    if args.udp:
        got = end["sum"]
        if side == "client" and got["packets"] * 1000 < args.bytes // 2:
            return f"{got['packets']} datagrams were sent"
        if (got["lost_packets"] - unread) * 100 > got["packets"] * UDP_LOST:
            return f"{side}: {got['lost_packets']} of {got['packets']} datagrams are lost, {unread} at the socket"
        if any(s["udp"].get("out_of_order", 0) for s in end["streams"]):
            return f"{side}: datagrams are out of order"
        return None
    if side == "client" and end["sum_received"]["bytes"] < args.bytes:
        return f"{end['sum_received']['bytes']} of {args.bytes} bytes have arrived"
    return None


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("address")
    parser.add_argument("--bytes", type=int, default=2_000_000)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--parallel", type=int, default=1)
    args = parser.parse_args(argv[1:])

    receiver = args.source if args.reverse else args.target
    unread = no_room(receiver)
    server = subprocess.Popen(in_namespace(args.target, "iperf3", "-s", "-1", "-J", "-p", str(PORT)),
                              stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + TIMEOUT
        while not listening(args.target):
            if time.monotonic() > end or server.poll() is not None:
                print("the server does not listen")
                return 1
            time.sleep(0.1)
        words = ["iperf3", "-c", args.address, "-J", "-p", str(PORT), "-n", str(args.bytes), "-P", str(args.parallel)]
        if args.udp:
            words += ["-u", "-b", UDP_RATE, "-l", "1000"]
        if args.reverse:
            words.append("-R")
        client = subprocess.run(in_namespace(args.source, *words), stdout=subprocess.PIPE, text=True, timeout=TIMEOUT)
        text = server.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        print("not finished in time")
        return 1
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    unread = no_room(receiver) - unread
    wrong = [w for w in (judge("client", client.stdout, args, unread), judge("server", text, args, unread)) if w]
    if client.returncode or server.returncode:
        wrong.append(f"exit status {client.returncode} of the client, {server.returncode} of the server")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
