"""Frames of stacks from permissively licensed packages: file, function, and lines of its source.

    python -m training.screen.frames [--into FOLDER]

Beside ``harvest``, whose rows are what programs say: the stacks of the carriers are made of these,
around attacks and harmless texts alike. Writes ``frames.jsonl`` and ``benign/NOTICE``; the same
pins give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Final

from training.screen.harvest import FRAMES, PINS, notice
from training.screen.harvesting.code import SUFFIXES, lines_of
from training.screen.harvesting.fetch import NotFetched, fetch
from training.screen.harvesting.packages import ALLOWED, Package, licence_of, pinned
from training.screen.harvesting.rows import UNFIT, order

LANGUAGES: Final = {
    ".py": "python",
    ".go": "go",
    ".rs": "rust",
    ".rb": "ruby",
    ".php": "php",
    **dict.fromkeys((".js", ".mjs", ".cjs", ".ts"), "javascript"),
}
_MOST: Final = {"pypi": 20, "npm": 16, "go": 20, "crate": 26, "debian": 8}
"""Frames of one package."""
_MOST_FILES: Final = 60
_MOST_OF_FILE: Final = 3
_MOST_BYTES: Final = 400_000
_LEFT_OUT: Final = (
    *("/tests/", "/test/", "/testing/", "/examples/", ".min.", ".d.ts"),
    *("/vendor/", "/_vendor/", "/node_modules/", "/third_party/"),
)


_HOME: Final = re.compile(r"/(?:root|work|home)/")
"""Somebody's own folders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFrame:
    """Where a stack may have passed."""

    file: str
    """In its package, e.g. ``click/core.py``."""
    function: str
    """With its classes: ``Context.invoke``."""
    lines: tuple[str, ...]
    """Five, the third one is the frame's own; without their common margin."""
    language: str
    source: str
    """The package."""
    version: str
    licence: str
    """SPDX."""

    @property
    def code(self) -> str:
        """The frame's own line."""
        return self.lines[len(self.lines) // 2].strip()


def main() -> None:
    """Fetch, choose, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--into", type=Path, help="folder to fetch into, kept for the next time")
    options = parser.parse_args()
    packages = [package for package in pinned(PINS) if package.rows]
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(4) as pool:
        folder = options.into or Path(temporary)
        found = [frame for some in pool.map(taken, packages, repeat(folder)) for frame in some]
    lines = sorted(json.dumps(asdict(frame), ensure_ascii=False) for frame in found)
    FRAMES.write_text("\n".join(lines) + "\n", encoding="utf-8")
    notice()
    sys.stderr.write(f"{dict(Counter(frame.language for frame in found))}\n")


@cache
def source_frames(language: str) -> tuple[SourceFrame, ...]:
    """All of one language."""
    rows = map(json.loads, FRAMES.read_text(encoding="utf-8").splitlines())
    return tuple(
        SourceFrame(**{**row, "lines": tuple(row["lines"])})
        for row in rows
        if row["language"] == language
    )


def some_frames(language: str, rng: random.Random, most: int) -> list[SourceFrame]:
    """From one to ``most`` of them."""
    return rng.choices(source_frames(language), k=rng.randint(1, most))


def taken(package: Package, folder: Path) -> list[SourceFrame]:
    """The package's share, in the order of its hash; none if it cannot be had."""
    try:
        root = fetch(package, folder)
    except NotFetched as problem:
        sys.stderr.write(f"left out: {problem}\n")
        return []
    if licence_of(root, package.client) != package.licence or package.licence not in ALLOWED:
        sys.stderr.write(f"left out: {package.name}: another licence than pinned\n")
        return []
    files = [
        (path, name)
        for path in root.rglob("*")
        if (name := path.relative_to(root).as_posix())
        and path.suffix in SUFFIXES
        and path.is_file()
        and not path.is_symlink()
        and not any(part in f"/{name}" for part in _LEFT_OUT)
        and path.stat().st_size <= _MOST_BYTES
    ]
    files.sort(key=lambda pair: order(pair[1]))
    found = [frame for path, name in files[:_MOST_FILES] for frame in _frames(path, name, package)]
    return sorted(found, key=lambda frame: order(frame.code))[: _MOST[package.client]]


def _frames(path: Path, name: str, package: Package) -> Iterator[SourceFrame]:
    told: dict[str, SourceFrame] = {}
    source = path.read_text(encoding="utf-8", errors="replace")
    for function, lines in lines_of(source, path.suffix):
        text = "\n".join((f"/{_short(name, package)}", *lines))
        if any(pattern.search(text) for pattern in (*UNFIT, _HOME)) or "\ufffd" in text:
            continue
        frame = SourceFrame(
            file=_short(name, package),
            function=function,
            lines=lines,
            language=LANGUAGES[path.suffix],
            source=package.name,
            version=package.version,
            licence=package.licence,
        )
        told.setdefault(frame.code, frame)
    some: dict[str, list[SourceFrame]] = defaultdict(list)
    for frame in sorted(told.values(), key=lambda frame: order(frame.code)):
        some[frame.function].append(frame)
    yield from [frames[0] for frames in some.values()][:_MOST_OF_FILE]


def _short(name: str, package: Package) -> str:
    """Without the folders that fetching it made."""
    parts = name.split("/")
    made = 2 if package.client in {"npm", "pypi"} else 1
    return "/".join(parts[min(made, len(parts) - 1) :][-4:])


if __name__ == "__main__":
    main()
