#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Send bytes by TCP from one network namespace to another and compare what arrives.

Call:

    tcp_copy.py FROM TO ADDRESS BYTES

ADDRESS is one of TO, IPv4 or IPv6. Exit status 1 and a line if a byte differs or is missing.
"""

import hashlib
import os
import random
import socket
import subprocess
import sys

PORT = 5555
TIMEOUT = 60 * max(1, int(os.environ.get("VFMIG_SLOW", 1)))


def content(n: int) -> bytes:
    return random.Random(n).randbytes(n)


def receive(address: str, n: int) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(TIMEOUT)
        s.bind((address, PORT))
        s.listen(1)
        print("ready", flush=True)
        c, _ = s.accept()
        c.settimeout(TIMEOUT)
        got = bytearray()
        while chunk := c.recv(1 << 16):
            got += chunk
    if hashlib.sha256(got).digest() == hashlib.sha256(content(n)).digest():
        return 0
    print(f"{len(got)} of {n} bytes have come, or other ones")
    return 1


def send(address: str, n: int) -> int:
    with socket.create_connection((address, PORT), TIMEOUT) as s:
        s.sendall(content(n))
    return 0


def in_namespace(ns: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(["ip", "netns", "exec", ns, sys.executable, os.path.abspath(__file__), *args],
                            stdout=subprocess.PIPE, text=True)


def main(argv: list[str]) -> int:
    if len(argv) == 4 and argv[1] in ("receive", "send"):
        return {"receive": receive, "send": send}[argv[1]](argv[2], int(argv[3]))
    if len(argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    source, target, address, n = argv[1:]
    receiver = in_namespace(target, "receive", address, n)
    assert receiver.stdout
    if receiver.stdout.readline() != "ready\n":
        return 1
    try:
        sent = in_namespace(source, "send", address, n).wait(TIMEOUT)
        text = receiver.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        receiver.kill()
        print("not finished in time")
        return 1
    if text:
        print(text, end="")
    return 1 if sent or receiver.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
