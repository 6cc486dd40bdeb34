#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulators that are wrong on purpose in one place, to show that a test can fail.

  mutants.py list                names and what each does wrong
  mutants.py vm                  names of those that a test in the VM has to notice
  mutants.py lint                every mutant can be made of this tree
  mutants.py files NAME DIR      write the changed files of fwsim/core into DIR, print their names
  mutants.py tree NAME DIR       make the change in DIR, a copy of the tree
  mutants.py tests NAME          the program in selftests/ and its tests that have to notice it
  mutants.py options NAME        options of scripts/vm that these tests need
  mutants.py core OUT IFC_DIR [NAME...]
                                 build the native tests with each, print TAP: a mutant
                                 that the tests do not notice is a failed point

A mutant is a change of the source text, so the simulator itself knows nothing of it.
Each text that it replaces must occur exactly once.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORE = HERE.parent / "core"

# Calls FN with the trackers of function V out of sight: what it writes is not marked.
UNMARKED = ("#define UNMARKED(fn, v, ...) ({ struct fwsim_page_track *t_ = (v)->tracks; "
            "(v)->tracks = NULL; __typeof__(fn(v, __VA_ARGS__)) r_ = fn(v, __VA_ARGS__); "
            "(v)->tracks = t_; r_; })\n#line 1\n")


@dataclass(frozen=True)
class Mutant:
    what: str
    edits: tuple[tuple[str, str, str], ...]     # file, text, its replacement
    core: str                                   # native test program
    vm: str                                     # program and tests in the VM; empty: the native one alone
    options: str = ""                           # of scripts/vm


# Payload takes the way through the buffer.
NO_MOVE = (("rc.c", "#define RC_MOVE_MIN 1024u", "#define RC_MOVE_MIN UINT32_MAX"),)


def roce(what: str, core: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(what, edits, core, "")


def unmarked(what: str, vm: str, *sites: tuple[str, str], also: tuple[tuple[str, str, str], ...] = (),
             frames: bool = False) -> Mutant:
    """SITES: files, and the beginnings of calls whose first argument is the function that writes."""
    edits = [(name, call, call.replace("(", ", ", 1).join(("UNMARKED(", ""))) for name, call in sites]
    edits += list(also)
    program, options = ("test_dirty_frames", "--device-arg port-type=eth") if frames else ("test_dirty_kinds", "")
    return Mutant(what, tuple(edits), "test_page_track_marks", f"{program} {vm}" if vm else "", options)


MUTANTS = {
    "rdma-write": unmarked("payload of an RDMA WRITE is not marked", "kind_rdma_write",
                           ("rc.c", "fwsim_mkey_write(peer->vhca"), also=NO_MOVE),
    "scatter": unmarked("payload of an RDMA READ or a SEND is not marked", "kind_rdma_read kind_send",
                        ("rc_wqe.c", "fwsim_mkey_write(v, seg->lkey"), also=NO_MOVE),
    "reserved-lkey": unmarked("what is written by the reserved lkey is not marked", "kind_reserved_lkey",
                              ("rc_wqe.c", "fwsim_dma_write(v, va, out"), also=NO_MOVE),
    "physical-key": unmarked("what is written by a key of physical addresses is not marked",
                             "kind_physical_key", ("mkey.c", "fwsim_dma_write(v, va, buf"), also=NO_MOVE),
    "moved": Mutant(
        "payload that is moved without a buffer is not marked",
        (("dma.c", "if (to->v->tracks)", "if (false && to->v->tracks)"),),
        "test_page_track_marks", "test_dirty_pages many_pages"),
    "frame": unmarked("a received frame is not marked", "kind_frame", ("eth_rx.c", "fwsim_lkey_write(s->v"),
                      frames=True),
    "frame-reserved-lkey": unmarked("what a receive WQE has by the reserved lkey is not marked",
                                    "kind_reserved_lkey", ("mkey.c", "fwsim_dma_write(v, va, data"), frames=True),
    "cqe": unmarked("a completion queue entry is not marked", "kind_completion",
                    ("event.c", "entry_write(v, &cq->buf")),
    "eqe": unmarked("an event queue entry is not marked", "kind_event",
                    ("event.c", "entry_write(v, &eq->buf")),
    "answer": unmarked("the answer in a command queue entry is not marked", "kind_answer",
                       ("cmdif.c", "fwsim_dma_write(v, at + ENT_OUT"),
                       ("cmdif.c", "fwsim_dma_write(v, at + ENT_STATUS_OWN"),
                       ("cmdif.c", "fwsim_dma_write(v, at + ENT_TOKEN")),
    "mailbox": unmarked("an output mailbox is not marked", "kind_mailbox",
                        ("cmdif.c", "fwsim_dma_write(cmd->vhca, cmd->out_box[i], box, left"),
                        ("cmdif.c", "fwsim_dma_write(cmd->vhca, cmd->out_box[i], box, sizeof(box")),
    "first-page": Mutant(
        "of a write, the first page only is marked",
        (("page_track.c", "page <= to >> t->log_page; page++", "page <= to >> t->log_page; page = ~0ULL"),),
        "test_page_track_marks", "test_dirty_pages straddling"),
    "one-range": Mutant(
        "a write that ends in another range is marked in the first only",
        (("page_track.c", "r < t->ranges && t->range[r].first <= last; r++",
          "r < t->ranges && t->range[r].first <= last; r = t->ranges"),),
        "test_page_track_marks", "test_dirty_pages write_over_two_ranges"),
    "forgets-behind": Mutant(
        "after a full message one page is skipped",
        (("page_track.c", "\tt->cursor = at;\n\tif (!more)", "\tt->cursor = at + more;\n\tif (!more)"),),
        "test_page_track_marks", "test_dirty_pages many_pages"),
    "roce-icrc": roce("the ICRC of a packet is not looked at", "test_roce_frame",
                      ("roce_frame.c", "if (memcmp(crc, bth + len, ICRC_LEN))",
                       "if (false && memcmp(crc, bth + len, ICRC_LEN))")),
    "roce-address": roce("a connection takes packets from any address", "test_roce_refuse",
                         ("roce_rx.c", "!roce_gid_is(path.rgid, f->ip_version, ip_src(f))",
                          "(false && !roce_gid_is(path.rgid, f->ip_version, ip_src(f)))")),
    "roce-send-psn": roce("the next message begins with the PSN of the last", "test_roce_many",
                          ("rc.c", "\tIFC_SET(qpc, qp->ctx, next_send_psn, psn);\n", "")),
    "roce-read-psn": roce("a READ takes one PSN, however long it is", "test_roce",
                          ("roce_rsp.c", "roce_psn(pkt->psn + n)", "roce_psn(pkt->psn + (n > 0))")),
    "roce-gap": roce("a packet is taken though one before it is missing", "test_roce_many",
                     ("roce_rsp.c", "if (pkt->psn == expected(qp))", "if (!before(pkt->psn, expected(qp)))")),
    "roce-repeated": roce("a request that comes again is carried out again", "test_roce_refuse",
                          ("roce_rsp.c", "if (pkt->psn == expected(qp))",
                           "if (pkt->psn == expected(qp) || before(pkt->psn, expected(qp)))")),
    "roce-saved": roce("the result of an atomic is not kept for when it comes again", "test_roce_refuse",
                       ("roce_rsp.c", "if (rsp->saved[i].psn != pkt->psn)", "if (rsp->saved_n)")),
    "roce-range": roce("the range of a WRITE is not looked at before it begins", "test_roce_refuse",
                       ("roce_rsp.c", "if (pkt->len <= READ_MAX && !write_allowed(qp, pkt))",
                        "if (false && !write_allowed(qp, pkt))")),
    "roce-retries": roce("a request is sent for ever", "test_roce_refuse",
                         ("roce_tx.c", "\tqp->retry_left--;\n", "")),
    "roce-timer": roce("a request is sent again too soon", "test_roce_refuse",
                       ("roce_tx.c", "4 * 4096ULL << timeout", "4096ULL << timeout")),
    "roce-flood": roce("all is sent again at each timeout", "test_roce_many",
                       ("roce_tx.c", "retry_count) ? 1 : ROCE_WINDOW", "retry_count) ? ROCE_WINDOW : ROCE_WINDOW")),
    "roce-rnr-timer": roce("the timer of an RNR NAK is not waited for", "test_roce_refuse",
                           ("roce_tx.c", "rc_wait(qp, rc_rnr_ns(timer))", "rc_wait(qp, timer)")),
    "roce-rnr-retries": roce("a receive WQE is waited for without end", "test_roce_refuse",
                             ("roce_tx.c", "\t\tqp->rnr_left--;\n", "")),
}


def changed(name: str, core: Path) -> dict[str, str]:
    """The changed files by name."""
    text: dict[str, str] = {}
    for file, old, new in MUTANTS[name].edits:
        if file not in text:
            text[file] = (core / file).read_text()
            if "UNMARKED(" in new:
                text[file] = UNMARKED + text[file]
        if text[file].count(old) != 1:
            raise SystemExit(f"mutants: error: {name}: {file} has {text[file].count(old)} times: {old}")
        text[file] = text[file].replace(old, new)
    return text


def write(name: str, source: Path, to: Path) -> list[str]:
    files = changed(name, source)
    to.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        path = to / file
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return list(files)


def run_core(out: Path, ifc: Path, names: list[str]) -> int:
    bad = 0
    print(f"TAP version 13\n1..{len(names)}", flush=True)
    for n, name in enumerate(names, 1):
        test = MUTANTS[name].core
        made = subprocess.run(
            ["make", "-s", "-C", str(HERE), f"O={out}", f"IFC_DIR={ifc}", "SAN=", f"MUTANT={name}",
             f"T={test}", "mutant"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        found = False
        if made.returncode:
            print("\n".join(f"# {line}" for line in made.stdout.splitlines()[-20:]))
        else:
            try:
                done = subprocess.run([str(out / "mutants" / name / test)], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                      env={"CMOCKA_MESSAGE_OUTPUT": "TAP"}, text=True, errors="replace")
                points = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
                found = bool(points)
                print("\n".join(f"# {line}" for line in points[:3]))
            except subprocess.TimeoutExpired:
                print("# it hangs")
        bad += not found
        print(f"{'ok' if found else 'not ok'} {n} - core_{name}_is_noticed", flush=True)
    return 1 if bad else 0


def main() -> int:
    verb, *args = sys.argv[1:] or ["help"]
    if verb == "list" and not args:
        for name, m in MUTANTS.items():
            print(f"{name:16} {m.what}")
    elif verb == "vm" and not args:
        print("\n".join(name for name, m in MUTANTS.items() if m.vm))
    elif verb == "lint" and not args:
        for name in MUTANTS:
            changed(name, CORE)
    elif verb == "tests" and len(args) == 1:
        print(MUTANTS[args[0]].vm)
    elif verb == "options" and len(args) == 1:
        print(MUTANTS[args[0]].options)
    elif verb == "files" and len(args) == 2:
        print("\n".join(write(args[0], CORE, Path(args[1]))))
    elif verb == "tree" and len(args) == 2:
        write(args[0], Path(args[1]) / "fwsim/core", Path(args[1]) / "fwsim/core")
    elif verb == "core" and len(args) >= 2:
        return run_core(Path(args[0]).resolve(), Path(args[1]).resolve(), args[2:] or list(MUTANTS))
    else:
        print(__doc__.strip())
        return 0 if verb in ("help", "-h", "--help") else 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyError as e:
        sys.exit(f"mutants: error: there is no mutant {e}")
