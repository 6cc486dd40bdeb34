#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Derive from mlx5_ifc.h which bits of each command input are reserved.

Call:

    gen_reserved.py LINUX_MLX5_IFC_H [OUT]

For every layout mlx5_ifc_NAME_in_bits it writes, to OUT or to standard output,

    #define FWSIM_RESERVED_NAME_in { 0, 1, 0x0000ffffu }, { 3, 2, 0xffffffffu },

that is, first dword, number of dwords and the mask of each (host order of the big-endian dword), to go
inside the braces of an array. A bit counts as reserved if a field called reserved_at_* covers it, at any depth; inside a
union only if no member gives it a meaning. Bits of an array of unknown length never count. An input
without reserved bits gets { 0, 0, 0u }.
"""

import pathlib
import re
import sys
from dataclasses import dataclass


@dataclass
class Field:
    kind: str  # "u8", or the name of a struct or union
    name: str
    count: int  # product of the array sizes; 0 = flexible


@dataclass
class Layout:
    union: bool
    fields: list[Field]


TOKEN = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+|\d+|[{}\[\];,=()]|\S")


class Parser:
    """Reads the struct and union definitions of the header; everything else is skipped."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
        text = text.replace("\\\n", " ")
        self.defines = dict(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S[^\n]*)$",
                                       text, flags=re.M))
        text = re.sub(r"^[ \t]*#[^\n]*$", " ", text, flags=re.M)
        self.tok = TOKEN.findall(text)
        self.pos = 0
        self.layouts: dict[str, Layout] = {}
        self.anonymous = 0

    def number(self, s: str) -> int:
        """Value of an array size: a number, or sums and products of names of such."""
        for _ in range(8):
            s = re.sub(r"\b[A-Za-z_]\w*", lambda m: f"({self.defines[m.group()]})", s)
        if not re.fullmatch(r"[0-9a-fA-FxX+*() \t]+", s):
            raise SyntaxError(f"array size {s!r}")
        return int(eval(s, {"__builtins__": {}}))  # only digits and operators, checked above

    def parse(self) -> dict[str, Layout]:
        while self.pos < len(self.tok):
            head = self.tok[self.pos:self.pos + 3]
            if len(head) == 3 and head[0] in ("struct", "union") and head[2] == "{":
                self.pos += 3
                self.layouts[head[1]] = self.body(head[0] == "union")
            elif head[0] == "enum":
                while self.tok[self.pos] not in (";", "}"):
                    name = self.tok[self.pos:self.pos + 3]
                    if len(name) == 3 and name[1] == "=":
                        self.defines.setdefault(name[0], name[2])
                    self.pos += 1
            else:
                self.pos += 1
        return self.layouts

    def body(self, union: bool) -> Layout:
        fields = []
        while self.tok[self.pos] != "}":
            kind = self.tok[self.pos]
            self.pos += 1
            if kind in ("struct", "union"):
                if self.tok[self.pos] == "{":
                    self.pos += 1
                    inner = self.body(kind == "union")
                    self.anonymous += 1
                    kind = f"<{self.anonymous}>"
                    self.layouts[kind] = inner
                else:
                    kind = self.tok[self.pos]
                    self.pos += 1
            elif kind == "DECLARE_FLEX_ARRAY":  # unknown length: no fixed part
                while self.tok[self.pos] != ";":
                    self.pos += 1
                self.pos += 1
                continue
            elif kind != "u8":
                raise SyntaxError(f"unexpected {kind!r} in a layout")
            name, count = "", 1
            if re.match(r"\w", self.tok[self.pos]):
                name = self.tok[self.pos]
                self.pos += 1
            while self.tok[self.pos] == "[":
                if self.tok[self.pos + 1] == "]":
                    count = 0
                    self.pos += 2
                else:
                    count *= self.number(self.tok[self.pos + 1])
                    self.pos += 3
            if self.tok[self.pos] != ";":
                raise SyntaxError(f"unexpected {self.tok[self.pos]!r} after {name}")
            self.pos += 1
            fields.append(Field(kind, name, count))
        self.pos += 1
        return Layout(union, fields)


class Masks:
    """Per layout: (bits, reserved mask, meaning mask) with bit 0 of the header as the lowest bit."""

    def __init__(self, layouts: dict[str, Layout]) -> None:
        self.layouts = layouts
        self.done: dict[str, tuple[int, int, int]] = {}

    def field(self, f: Field) -> tuple[int, int, int]:
        if f.kind == "u8":
            ones = (1 << f.count) - 1
            return (f.count, ones, 0) if f.name.startswith("reserved_at_") else (f.count, 0, ones)
        size, reserved, meaning = self.layout(f.kind)
        all_reserved = all_meaning = 0
        for i in range(f.count):
            all_reserved |= reserved << i * size
            all_meaning |= meaning << i * size
        return size * f.count, all_reserved, all_meaning

    def layout(self, name: str) -> tuple[int, int, int]:
        if name in self.done:
            return self.done[name]
        lay = self.layouts[name]
        size = reserved = meaning = 0
        for f in lay.fields:
            bits, r, m = self.field(f)
            if lay.union:
                if f.kind == "u8" and f.name.startswith("reserved_at_"):
                    r = 0  # only there to give the union its size
                size = max(size, bits)
                reserved |= r
                meaning |= m
            else:
                reserved |= r << size
                meaning |= m << size
                size += bits
        if lay.union:
            reserved &= ~meaning
        self.done[name] = (size, reserved, meaning)
        return self.done[name]


def dwords(size: int, mask: int) -> list[tuple[int, int, int]]:
    """Split @mask into runs of equal dwords: bit 0 of a layout is the highest bit of dword 0."""
    out: list[tuple[int, int, int]] = []
    for n in range((size + 31) // 32):
        bits = mask >> 32 * n & 0xffffffff
        value = int(f"{bits:032b}"[::-1], 2)
        if out and out[-1][2] == value and out[-1][0] + out[-1][1] == n:
            out[-1] = (out[-1][0], out[-1][1] + 1, value)
        elif value:
            out.append((n, 1, value))
    return out


def read(path: pathlib.Path) -> str:
    """The header with what it includes by "name" put in place."""
    return re.sub(r'^#include "([^"]+)"$', lambda m: read(path.parent / m.group(1)),
                  path.read_text(encoding="utf-8"), flags=re.M)


def header(masks: Masks) -> str:
    lines = ["/* SPDX-License-Identifier: GPL-2.0-or-later */",
             "/* Made by gen_reserved.py from mlx5_ifc.h. Do not edit. */",
             "#ifndef FWSIM_IFC_RESERVED_H", "#define FWSIM_IFC_RESERVED_H", ""]
    for name in masks.layouts:
        m = re.fullmatch(r"mlx5_ifc_(\w+_in)_bits", name)
        if m:
            size, reserved, _ = masks.layout(name)
            pairs = dwords(size, reserved) or [(0, 0, 0)]
            body = " ".join(f"{{ {n}, {c}, {v:#010x}u }}," for n, c, v in pairs)
            lines.append(f"#define FWSIM_RESERVED_{m.group(1)} {body}")
    if len(lines) < 100:
        raise ValueError(f"only {len(lines) - 5} command inputs found: not an mlx5_ifc.h?")
    return "\n".join(lines + ["", "#endif", ""])


def main(argv: list[str]) -> int:
    if len(argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    text = header(Masks(Parser(read(pathlib.Path(argv[1]))).parse()))
    if len(argv) == 3:
        pathlib.Path(argv[2]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
