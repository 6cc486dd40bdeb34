#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ask devlink for every health reporter of functions of the card, and for their diagnosis.

Call:

    devlink_health.py BDF...

Each function must have the reporters that mlx5_core registers for any ConnectX with an Ethernet port: fw,
fw_fatal and vnic of the device, tx and rx of its port; all healthy, without an error. All but fw_fatal, which
the driver gives no such call, are diagnosed; tx and rx name the queues of the interface. Exit status 1 and
a line for each thing that is not so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

DEVICE = {"fw", "fw_fatal", "vnic"}
PORT = {"tx", "rx"}
NOT_DIAGNOSED = {"fw_fatal"}


def devlink(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["devlink", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def shown() -> dict[str, list[dict[str, Any]]]:
    """Reporters by handle: pci/BDF of a device, auxiliary/NAME/PORT of a port."""
    done = devlink("-j", "health", "show")
    done.check_returncode()
    return json.loads(done.stdout)["health"]


def of_function(health: dict[str, list[dict[str, Any]]], bdf: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Reporters of a function by name, with the handle that they are asked by."""
    found = {}
    # the port belongs to the auxiliary device that mlx5e is bound to
    names = {bdf, *(p.name for p in Path("/sys/bus/pci/devices", bdf).glob("mlx5_core.eth.*"))}
    for handle, reporters in health.items():
        if handle.split("/")[1] in names:
            for r in reporters:
                found[r["reporter"]] = (handle, r)
    return found


def judge_diagnosis(name: str, handle: str) -> str | None:
    done = devlink("-j", "health", "diagnose", handle, "reporter", name)
    if done.returncode:
        return f"diagnose says {done.stdout.strip()}"
    text = done.stdout
    try:
        said = json.loads(text)
    except ValueError:
        return f"diagnosis is no JSON: {text[:200]!r}"
    if name in PORT and (not find(said, "SQs" if name == "tx" else "RQs")):
        return f"diagnosis names no queues: {text[:200]!r}"
    if name == "fw" and find(said, "Syndrome") != 0:
        return f"diagnosis: {text[:200]!r}"
    return None


def find(said: Any, key: str) -> Any:
    """Value of @key anywhere in what devlink has said."""
    if isinstance(said, dict):
        if key in said:
            return said[key]
        said = list(said.values())
    if isinstance(said, list):
        for part in said:
            found = find(part, key)
            if found is not None:
                return found
    return None


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = []
    health = shown()
    for bdf in argv[1:]:
        found = of_function(health, bdf)
        if set(found) != DEVICE | PORT:
            wrong.append(f"{bdf} has the reporters {sorted(found)}, not {sorted(DEVICE | PORT)}")
        for name, (handle, said) in sorted(found.items()):
            print(f"# {handle} {name}: {said.get('state')}, errors {said.get('error')}")
            if said.get("state") != "healthy" or said.get("error") != 0:
                wrong.append(f"{handle} {name}: {said}")
            why = None if name in NOT_DIAGNOSED else judge_diagnosis(name, handle)
            if why:
                wrong.append(f"{handle} {name}: {why}")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
