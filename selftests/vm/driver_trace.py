# SPDX-License-Identifier: GPL-2.0-or-later
"""What the driver's tracepoints say about one migration (driver/trace.h)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
EVENTS = TRACING / "events/mlx5_vfmig/enable"
LINE = re.compile(r" (\d+\.\d+): (vfmig_\w+): (\S+) vhca=\d+ (.*)$")
ARC = re.compile(r"(\w+)->(\w+)( undo)? err=(-?\d+) ns=(\d+)")
COMMAND = re.compile(r"(\w+) op_mod=\d+ err=(-?\d+) .* ns=(\d+)")


@dataclass
class Span:
    """A device was in STATE from BEGIN to END; in seconds of the monotonic clock."""
    device: str
    state: str
    begin: float
    end: float


@dataclass
class Trace:
    """Between start() and stop(); nothing is in it if the VFs have another driver."""
    spans: list[Span] = field(default_factory=list)
    commands: dict[str, tuple[int, float]] = field(default_factory=dict)    # how many, seconds

    def start(self) -> None:
        self.spans, self.commands = [], {}
        if not EVENTS.exists():
            return
        (TRACING / "trace_clock").write_text("mono")
        (TRACING / "buffer_size_kb").write_text("4096")
        (TRACING / "trace").write_text("")
        EVENTS.write_text("1")
        (TRACING / "tracing_on").write_text("1")

    def stop(self, now: float) -> None:
        if not EVENTS.exists():
            return
        EVENTS.write_text("0")
        since: dict[str, tuple[str, float]] = {}    # state of each device, and since when
        for line in (TRACING / "trace").read_text().splitlines():
            if not (m := LINE.search(line)):
                continue
            at, event, device, rest = float(m[1]), m[2], m[3], m[4]
            if event == "vfmig_arc" and (arc := ARC.match(rest)) and arc[4] == "0":
                begin = at - int(arc[5]) / 1e9
                if device in since:
                    state, then = since[device]
                    self.spans.append(Span(device, state, then, begin))
                self.spans.append(Span(device, f"{arc[1]}->{arc[2]}", begin, at))
                since[device] = arc[2], at
            elif event == "vfmig_cmd" and (one := COMMAND.match(rest)):
                count, spent = self.commands.get(one[1], (0, 0.0))
                self.commands[one[1]] = count + 1, spent + int(one[3]) / 1e9
        for device, (state, then) in since.items():
            self.spans.append(Span(device, state, then, now))

    def states(self, device: str) -> str:
        """The states that DEVICE went through, with the time it spent in each, and the arcs between them, summed."""
        parts = [f"{s.state} {1000 * (s.end - s.begin):.1f} ms" for s in self.spans
                 if s.device == device and "->" not in s.state]
        arcs = sum(s.end - s.begin for s in self.spans if s.device == device and "->" in s.state)
        return f"{', '.join(parts)}; {1000 * arcs:.1f} ms between them" if parts else "no trace"

    def firmware(self) -> str:
        return ", ".join(f"{name} x{count} {1000 * spent:.1f} ms" for name, (count, spent) in sorted(self.commands.items()))
