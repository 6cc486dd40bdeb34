# SPDX-License-Identifier: GPL-2.0-or-later
"""First root file systems: what scripts/sealed-root and scripts/guest-root put together, in the toolbox."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import BinaryIO


class Root:
    """A cpio archive in format newc, in which nothing depends on when or where it is made."""

    def __init__(self) -> None:
        self.files: dict[Path, tuple[int, bytes]] = {}
        for folder in ("proc", "sys", "dev", "tmp"):
            self.add(Path("/") / folder, 0o040755, b"")
        self.program(Path("/bin/busybox"), Path("/bin/busybox"))

    def add(self, path: Path, mode: int, data: bytes) -> None:
        for parent in reversed(path.parents[:-1]):
            self.files.setdefault(parent, (0o040755, b""))
        self.files[path] = (mode, data)

    def program(self, path: Path, source: Path) -> None:
        self.add(path, 0o100755, source.read_bytes())

    def libraries(self, program: Path) -> None:
        """The shared libraries that a program or library needs."""
        for lib in re.findall(r"(/\S+) \(0x", output("ldd", str(program))):
            self.program(Path(lib), Path(lib))

    def modules(self, base: Path, release: str, names: list[str]) -> None:
        """Modules and those they need, with the index that modprobe reads. Names that the kernel does not
        have, or has built in, are left out."""
        wanted: list[str] = []
        for name in names:
            done = subprocess.run(["modprobe", "-d", str(base), "-S", release, "--show-depends", name],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            wanted += re.findall(r"^insmod (\S+)", done.stdout, re.M)
        for ko in dict.fromkeys(wanted):
            self.add(Path("/") / Path(ko).relative_to(base), 0o100644, Path(ko).read_bytes())
        for index in (base / "lib/modules" / release).glob("modules.*"):
            self.add(Path("/") / index.relative_to(base), 0o100644, index.read_bytes())

    def write(self, out: Path) -> None:
        with out.open("wb") as file:
            for number, (path, (mode, data)) in enumerate(sorted(self.files.items()), 1):
                self.entry(file, number, str(path.relative_to("/")), mode, data)
            self.entry(file, 0, "TRAILER!!!", 0, b"")

    @staticmethod
    def entry(file: BinaryIO, number: int, name: str, mode: int, data: bytes) -> None:
        encoded = name.encode() + b"\0"
        head = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        text = b"070701" + "".join(f"{word:08x}" for word in head).encode() + encoded
        file.write(text + b"\0" * (-len(text) % 4) + data + b"\0" * (-len(data) % 4))


def output(*args: str) -> str:
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout
