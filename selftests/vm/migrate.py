#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Live-migrate a guest that owns a VF from one stock QEMU to another, in the test VM.

Usage: selftests/setup.sh -- selftests/vm/migrate.py [--qemu NAME] [--list] [CASE]...

CASE is the beginning of a case's name; all if there is none. Prints TAP, and after each case the figures
of QEMU. Called by scripts/migrate-vm, which makes what it needs; logs go to /mnt/share.
"""

from __future__ import annotations

import argparse
import os
import sys

sys.dont_write_bytecode = True
import blocked  # its cases are added to CASES
from cases import BY_NAME, CASES, OTHER_CARD, TWO_CARDS
from stage import on_stage, point


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", default="suite", choices=["suite", "backports"],
                        help="stock QEMU of which suite (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("case", nargs="*", metavar="CASE", help="default: all that need one card, or two if there are, and block nothing")
    args = parser.parse_args()
    cards = len(os.environ.get("VFMIG_PF_BDFS", "").split())
    # without names, what goes on these cards
    wanted = {name: case for name, case in CASES.items()
              if (name.startswith(tuple(args.case)) if args.case else (name in TWO_CARDS) == (cards > 1)
                  and name not in OTHER_CARD | BY_NAME and getattr(case, "__module__", "") != blocked.__name__)}
    if args.list:
        print("\n".join(wanted))
        return 0
    if not wanted:
        print("Bail out! no case of that name")
        return 1
    print(f"TAP version 13\n1..{len(wanted)}", flush=True)
    failed = 0
    with on_stage(args.qemu) as stage:
        stage.host_up()
        for number, (name, case) in enumerate(wanted.items(), 1):
            good = point(number, name, lambda case=case: case(stage))
            stage.end_case(good)
            failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
