#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Live-migrate a guest from one host to another: one side of it, in a test VM of its own.

Usage: selftests/setup.sh -- selftests/vm/hosts.py [--qemu NAME] source|target

The two VMs have a network between them (virtio-net: 10.9.0.1 is the source, 10.9.0.2 the target), their cards
are on one wire, and they share /mnt/share, where each says by files in sync/ how far it is. The peer of the
guest's work stays on the source's host. Called by scripts/migrate-vm --hosts. Prints TAP.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from guest import GuestError
from stage import SHARE, Stage, diag, figures, on_stage, point, run, until

SYNC = SHARE / "sync"
LONG_S = 400        # the other side may have to boot first


def say(what: str) -> None:
    (SYNC / what).touch()


def wait(what: str) -> None:
    """For a word of the other side, which says "failed" if it gives up."""
    until(f"the other host: {what}", lambda: (SYNC / what).exists() or (SYNC / "failed").exists(), LONG_S)
    if not (SYNC / what).exists():
        raise GuestError("the other host has failed")


def network(address: str) -> None:
    nets = Path("/sys/class/net")
    dev = next(d.name for d in nets.iterdir() if (d / "device/driver").resolve().name == "virtio_net")
    run("ip", "addr", "add", f"{address}/24", "dev", dev)
    run("ip", "link", "set", dev, "up")


def source(stage: Stage) -> None:
    stage.host_up()
    src = stage.working()
    say("working")
    wait("listening")
    info = stage.migrate(src, None, "tcp:10.9.0.2:4444", return_path=True, switchover_ack=True)
    stage.expect(info, "completed")
    diag(figures(info))
    for kind, work in sorted(src.work().items()):
        diag(f"{kind}: {work.done} done before")
    src.close()
    say("left")
    wait("goes_on")


def target(stage: Stage) -> None:
    stage.host_up(peer=False)
    wait("working")
    stage.used = [stage.vfs[0][1]]
    dst = stage.start(stage.used, True)
    stage.prepare(dst, return_path=True, switchover_ack=True)
    dst.cmd("migrate-incoming", uri="tcp:0:4444")
    say("listening")
    wait("left")
    begun = time.monotonic()
    first = stage.goes_on(dst)
    now = stage.goes_on(dst, first)
    for kind, work in sorted(now.items()):
        diag(f"{kind}: {work.done} done in all; longest gap {work.gap_ms} ms, {work.lost} lost")
    diag(f"all work goes on {time.monotonic() - begun:.1f} s after the source has let go")
    say("goes_on")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", default="suite", choices=["suite", "backports"],
                        help="stock QEMU of which suite (default: %(default)s)")
    parser.add_argument("role", choices=["source", "target"])
    args = parser.parse_args()
    role, address = (source, "10.9.0.1") if args.role == "source" else (target, "10.9.0.2")
    print("TAP version 13\n1..1", flush=True)
    SYNC.mkdir(exist_ok=True)
    with on_stage(args.qemu, prefix=args.role) as stage:
        def play() -> None:
            network(address)
            role(stage)
        good = point(1, f"host of the {args.role}", play)
        if not good:
            say("failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
