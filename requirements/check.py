"""Checks the requirement files: exact versions, hashes, the same in all, no addresses."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)(?P<marker> ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
REMARK = re.compile(
    r"    # +(via( [a-z].*)?|-c requirements/runtime\.txt|[a-z0-9.-]+( \([a-z.:]+\))?)"
)

Pins = dict[str, str]


def read(path: Path) -> tuple[Pins, list[str]]:
    pins: Pins = {}
    complaints: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if pin := PIN.fullmatch(line):
            pins[pin["name"] + (pin["marker"] or "")] = pin["version"]
        elif "://" in line or not (HASH.fullmatch(line) or REMARK.fullmatch(line)):
            complaints.append(
                f"{path.name}:{number}: not a pin, a hash or a remark: {line.strip()}"
            )
    if not pins:
        complaints.append(f"{path.name}: pins nothing")
    return pins, complaints


def main() -> int:
    development, complaints = read(HERE / "dev.txt")
    # What a benchmark or a trainer installs for itself has its own versions, and the same form.
    for place in ("benchmarks/bugsink.txt", "training/screen/encoder/requirements.txt"):
        complaints += read(HERE.parent / place)[1]
    for path in (HERE / "runtime.txt", HERE / "build.txt"):
        pins, more = read(path)
        complaints += more
        complaints += [
            f"{path.name}: {name} is {version}, in dev.txt {development.get(name, 'absent')}"
            for name, version in pins.items()
            if development.get(name) != version
        ]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        print("Run `make lock`; these files are never edited by hand.", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
