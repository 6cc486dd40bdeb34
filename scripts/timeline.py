# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw a migration as lanes over time, with the toolbox's gnuplot: for scripts/demo and scripts/migrate-vm."""

from __future__ import annotations

import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LANES = ["QEMU", "guest", "source VF", "source work", "stream", "target VF", "target work", "TCP stream"]
# State, kind of work -> colour.
COLOURS = {
    "RUNNING": "#4c9f70", "RUNNING_P2P": "#e0b040", "STOP": "#b0443c", "STOP_COPY": "#7a4fa0",
    "RESUMING": "#3a72b0", "stream": "#7a4fa0", "load": "#3a72b0", "work": "#4c9f70",
    "PRE_COPY": "#8fc9a8", "PRE_COPY_P2P": "#e8c878", "migration": "#5b7f95", "stopped": "#b0443c",
}
KEY = {"RUNNING": "RUNNING", "PRE_COPY": "PRE_COPY", "PRE_COPY_P2P": "PRE_COPY_P2P", "RUNNING_P2P": "RUNNING_P2P", "STOP": "STOP", "STOP_COPY": "STOP_COPY, read",
       "RESUMING": "RESUMING, write"}
DARK = {"RUNNING", "STOP", "STOP_COPY", "RESUMING", "stream", "load", "work", "migration", "stopped"}


def read_events(path: Path) -> list[list[str]]:
    """Lines: bar LANE T0_MS T1_MS KIND LABEL | tick LANE T_MS | note T_MS TEXT."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if line]
    for row in rows:
        if row[0] not in ("bar", "tick", "note"):
            raise SystemExit(f"timeline: {path}: unknown line {row[0]!r}")
    return rows


def quote(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "'") + '"'


def gnuplot_script(rows: list[list[str]], out: str, terminal: str, title: str, axis: str) -> str:
    lanes = [name for name in LANES if any(row[1] == name for row in rows)]
    for row in rows:
        if row[0] in ("bar", "tick") and row[1] not in lanes:
            lanes.append(row[1])
    end = max(float(row[3]) if row[0] == "bar" else float(row[2] if row[0] == "tick" else row[1])
              for row in rows)
    lines = [
        f"set terminal {terminal}", f"set output {quote(out)}",
        f'set title {quote(title)} font ",15"', f"set xlabel {quote(axis)}",
        f"set xrange [{-0.01 * end:.3f}:{1.02 * end:.3f}]",
        f"set yrange [{len(lanes) - 0.3:.2f}:-1.1]",
        "set border 1", "set xtics nomirror out", "set ytics scale 0 nomirror", "set key outside bottom center horizontal samplen 1.2 font ',10'",
        "set grid xtics lc rgb '#dddddd'", "set bmargin 5.5", "set lmargin 18", "set rmargin 3",
        "set ytics (" + ", ".join(f"{quote(name)} {i}" for i, name in enumerate(lanes)) + ")",
    ]
    ticks: list[tuple[float, int]] = []
    for row in rows:
        if row[0] == "bar":
            lane, t0, t1, kind, label = lanes.index(row[1]), float(row[2]), float(row[3]), row[4], row[5]
            t1 = max(t1, t0 + end * 0.0015)
            lines.append(
                f"set object rect from {t0},{lane - 0.33} to {t1},{lane + 0.33} "
                f"fc rgb '{COLOURS.get(kind, '#888888')}' fs solid noborder front")
            # About 7 pixels a letter on a plot of 1150: a label goes in only where it fits.
            if (t1 - t0) / end * 1150 > 7 * len(label):
                colour = "white" if kind in DARK else "black"
                lines.append(f"set label {quote(label)} at {(t0 + t1) / 2},{lane} center front "
                             f"tc rgb '{colour}' font ',10' noenhanced")
        elif row[0] == "tick":
            ticks.append((float(row[2]), lanes.index(row[1])))
        else:
            at = float(row[1])
            lines.append(f"set arrow from {at},-0.6 to {at},{len(lanes) - 0.4} nohead lc rgb '#999999' dt 2 back")
            lines.append(f"set label {quote(row[2])} at {at},-0.75 center font ',10' tc rgb '#444444' noenhanced")
    lines.append("$ticks << EOD")
    lines += [f"{at} {lane - 0.3} 0 0.6" for at, lane in ticks] or ["-1e9 0 0 0"]
    used = [kind for kind in KEY if any(row[0] == "bar" and row[4] == kind for row in rows)]
    lines += ["EOD", "plot $ticks using 1:2:3:4 with vectors nohead lc rgb '#1f5f8b' lw 1 "
              "title 'completion'" + "".join(
                  f", keyentry with boxes fs solid noborder fc rgb '{COLOURS[kind]}' "
                  f"title {quote(KEY[kind])} noenhanced" for kind in used)]
    return "\n".join(lines) + "\n"


def draw(out: Path, title: str, axis: str) -> None:
    """OUT/events.tsv as OUT/timeline.svg and .png."""
    rows = read_events(out / "events.tsv")
    for name, terminal in (("timeline.svg", "svg size 1400,520 font 'sans,12' background rgb 'white'"),
                           ("timeline.png", "pngcairo size 1400,520 font 'sans,11'")):
        script = out / "timeline.gp"
        script.write_text(gnuplot_script(rows, str(out / name), terminal, title, axis))
        subprocess.run([str(TOP / "scripts/toolbox"), "run", "--", "gnuplot", str(script)], check=True,
                       timeout=120)
    script.unlink()
