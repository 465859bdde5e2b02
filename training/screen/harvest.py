"""Harmless texts from permissively licensed packages, as rows for training and calibration.

    python -m training.screen.harvest [--into FOLDER]

Fetches what ``harvesting/pins.txt`` names with each registry's own client into FOLDER (a temporary
one unless given), reads the licence from the package again, takes the texts that could turn up in
an error report, and writes ``benign/harvest-*.jsonl`` and ``benign/NOTICE``. The same pins give
the same bytes: texts are chosen by their hash, not by chance.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

from training.screen.harvesting import binary_source, catalogues, other_source, python_source
from training.screen.harvesting.fetch import NotFetched, fetch
from training.screen.harvesting.packages import ALLOWED, Package, licence_of, pinned
from training.screen.harvesting.rows import Row, cleaned, near, order, read, write

HERE: Final = Path(__file__).parent
PINS: Final = HERE / "harvesting" / "pins.txt"
BENIGN: Final = HERE / "benign"
FRAMES: Final = HERE / "frames.jsonl"
_SHARES: Final = {"message": 0.5, "log": 0.15, "warning": 0.1, "help": 0.1}
_REST: Final = 0.08
_MAX_CATALOGUE: Final = 1_500_000
_MAX_COMPILED: Final = 8_000_000
_MAX_CODE: Final = 400_000
_MOST_FILES: Final = 60
_COMPILED: Final = frozenset({".class", ".dll"})
_READABLE: Final = frozenset({".py", *other_source.LANGUAGES})


class Refused(Exception):
    """A package whose licence is not the pinned one, or not one that we carry on."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--into", type=Path, help="folder to fetch into, kept for the next time")
    parser.add_argument("--pins", type=Path, default=PINS, help="the list of packages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return harvest(pinned(options.pins), options.into or Path(temporary))


def harvest(packages: list[Package], folder: Path) -> int:
    """Writes every file of rows; the number of packages that could not be used."""
    seen: set[str] = set()
    files: dict[str, list[Row]] = defaultdict(list)
    failed = 0
    with ProcessPoolExecutor(2) as pool:
        waiting = [(package, pool.submit(candidates, package, folder)) for package in packages]
        for package, future in waiting:
            failed += not _collected(package, future, seen, files)
    for name, rows in files.items():
        write(BENIGN / f"harvest-{name}.jsonl", rows)
    notice()
    return failed


def _collected(
    package: Package,
    future: Future[list[Row]],
    seen: set[str],
    files: dict[str, list[Row]],
) -> bool:
    try:
        found = future.result()
    except (NotFetched, Refused, OSError) as problem:
        sys.stderr.write(f"left out: {problem}\n")
        return False
    rows = chosen(package, found, seen)
    kinds = Counter(row.kind for row in rows)
    sys.stderr.write(f"{package.client} {package.name} {package.licence}: {dict(kinds)}\n")
    for row in rows:
        files["i18n" if row.kind == "i18n" else package.client].append(row)
    return True


def candidates(package: Package, folder: Path) -> list[Row]:
    """Every text of the package that is fit to be a row, in the order of its hash."""
    root = fetch(package, folder)
    kept = root / f".rows-{_code_version()}.jsonl"
    if kept.exists():
        return list(read(kept))
    licence = licence_of(root, package.client)
    if licence != package.licence or licence not in ALLOWED:
        message = f"{package.name}: its licence reads {licence or 'unknown'!r}"
        raise Refused(message)
    found: dict[str, Row] = {}
    for kind, language, raw in texts(root, package):
        text = cleaned(raw)
        if text is not None:
            found.setdefault(
                near(text),
                Row(
                    text=text,
                    kind=kind,
                    language=language,
                    source=package.name,
                    version=package.version,
                    licence=licence,
                ),
            )
    rows = sorted(found.values(), key=lambda row: order(row.text))
    kept.write_text("".join(row.line() + "\n" for row in rows), encoding="utf-8")
    return rows


@cache
def _code_version() -> str:
    """Texts read by other code than this are read again."""
    sources = sorted((HERE / "harvesting").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def chosen(package: Package, found: list[Row], seen: set[str]) -> list[Row]:
    """The package's share of rows, none of them near to one in ``seen``, which they join."""
    counts: Counter[tuple[str, str]] = Counter()
    rows: list[Row] = []
    for row in found:
        most = package.translated
        if row.kind != "i18n":
            most = int(package.rows * _SHARES.get(row.kind, _REST))
        if counts[row.kind, row.language] < most and near(row.text) not in seen:
            counts[row.kind, row.language] += 1
            seen.add(near(row.text))
            rows.append(row)
    return rows


def texts(root: Path, package: Package) -> Iterator[tuple[str, str, str]]:
    """Kind, language and raw text of all that the package's files say."""
    names: dict[str, list[str]] = defaultdict(list)
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink():
            names[_part(name, path.stat().st_size, package)].append(name)
    names.pop("", None)
    compiled = sorted(names.pop("compiled", ()), key=order)[: _MOST_FILES * 4]
    readable = sorted(names.pop("readable", ()), key=order)[:_MOST_FILES]
    for language, found in sorted(names.items()):
        for name in sorted(found, key=order)[:_MOST_FILES]:
            for raw in catalogues.messages(name, (root / name).read_bytes()):
                yield "i18n", language, raw
    for name in (*compiled, *readable):
        yield from ((kind, "en", raw) for kind, raw in _said(root / name))


def _part(name: str, size: int, package: Package) -> str:
    """``compiled``, ``readable``, a catalogue's language, or empty for what is left out."""
    suffix = Path(name).suffix
    if suffix in _COMPILED:
        return "compiled" if package.rows and size <= _MAX_COMPILED else ""
    if package.translated and suffix in catalogues.SUFFIXES and size <= _MAX_CATALOGUE:
        language = catalogues.language_of(name)
        if language:
            return "" if language == "en" else language
    return "readable" if package.rows and suffix in _READABLE and size <= _MAX_CODE else ""


def _said(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix in _COMPILED:
        return binary_source.sayings(path.read_bytes(), path.suffix)
    source = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py":
        return python_source.sayings(source)
    return other_source.sayings(source, path.suffix)


def notice() -> None:
    """Says where each harvested text is from, as its licence asks."""
    rows = (row for path in BENIGN.glob("harvest-*.jsonl") for row in read(path))
    texts = Counter((row.licence, row.source, row.version) for row in rows)
    frames = Counter(
        (frame["licence"], frame["source"], frame["version"])
        for frame in map(json.loads, FRAMES.read_text(encoding="utf-8").splitlines())
    )
    lines = [
        "The texts in harvest-*.jsonl are single messages, comments and translations taken from",
        "the packages below, with placeholders filled in; the frames in ../frames.jsonl are a few",
        "lines of their source each. They stay under their own licences; each row names its",
        "package, version and licence. They are data to train and test the screen with, and no",
        "part of the program.",
        "",
    ]
    for package in sorted({*texts, *frames}):
        licence, source, version = package
        told = f"{texts[package]} texts, {frames[package]} frames"
        lines.append(f"{licence:13} {source} {version}: {told}")
    (BENIGN / "NOTICE").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
