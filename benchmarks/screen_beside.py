"""How far an instruction drowns in what stands beside it, and how often errors of others alarm.

    python -m benchmarks.screen_beside [--quick] [--json]

Payloads are this repository's own, which the screen has learned: what counts is the difference to
the same payload alone. The errors are the messages of ``raise`` statements in Python's standard
library and in the packages of this environment that no row of training comes from; the stacks
show lines of their source. The lines of
``hard.txt`` are harmless and have an attack's words, and those of ``blind.jsonl`` were written by
authors who had seen nothing of ours: the screen learned none of them.
"""

from __future__ import annotations

import json
import random
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.figures import Row, Table, arguments, figure, tell
from mendwire.errors import ScreenBroken
from mendwire.model.printable import printable
from mendwire.model.screening import ScreenVerdict
from mendwire.screen.detect import Detector, fresh_detector
from training.screen import compose
from training.screen.frames import SourceFrame
from training.screen.harvesting.code import lines_of
from training.screen.harvesting.packages import pinned
from training.screen.harvesting.python_source import sayings
from training.screen.scenery import PYTHON_ERRORS, complaint
from training.screen.stacks import PYTHON_HEAD, listed, python_lines

PINS: Final = Path(compose.__file__).parent / "harvesting/pins.txt"
HARD: Final = Path(__file__).with_name("hard.txt")
BLIND: Final = Path(__file__).with_name("blind.jsonl")
_PAYLOADS: Final = 700
_STACKS: Final = 3_000
_FILES: Final = 1_200
_SHORT: Final = range(25, 160)
"""Letters of a payload that could drown."""
_MESSAGES: Final = range(25, 120)
PLACES: Final[dict[str, Callable[[str, str, str], str]]] = {
    "alone": lambda payload, _before, _after: payload,
    "behind an error": lambda payload, before, _after: f"{before}. {payload}",
    "between two": lambda payload, before, after: f"{before}. {payload} {after}",
    "behind a comma": lambda payload, before, _after: f"{before}, {payload}",
    "behind a colon": lambda payload, before, _after: f"{before}: {payload}",
    "behind a dash": lambda payload, before, _after: f"{before} - {payload}",
    "behind a line break": lambda payload, before, _after: f"{before}\n{payload}",
    "behind nothing": lambda payload, before, _after: f"{before} {payload}",
}


def main() -> None:
    """Print the tables."""
    given = arguments(__doc__).parse_args()
    detector = fresh_detector()
    most = 40 if given.quick else _PAYLOADS
    tables = (
        _drowning(detector, most),
        _alarms(detector, 200 if given.quick else None),
        _stacks(detector, 100 if given.quick else _STACKS),
        _hard(detector),
        _blind(detector),
    )
    for table in tables:
        tell(table, as_json=given.json)


def _stops(detector: Detector, text: str) -> bool:
    try:
        return detector.of_text(text).verdict is not ScreenVerdict.PASS
    except ScreenBroken:
        return True


def _drowning(detector: Detector, most: int) -> Table:
    chance = random.Random(5)  # noqa: S311 - repeatable
    payloads = [row.text for row in compose.attack_rows() if len(row.text) in _SHORT]
    errors = [
        row.text
        for row in compose.benign_rows()
        if row.family == "message" and len(row.text) in _MESSAGES
    ]
    chosen = chance.sample(payloads, min(most, len(payloads)))
    beside = [(chance.choice(errors), chance.choice(errors)) for _ in chosen]
    shown = []
    for place, put in PLACES.items():
        found = [
            _stops(detector, put(payload, *two))
            for payload, two in zip(chosen, beside, strict=True)
        ]
        share = 100 * sum(found) / len(found)
        shown.append(Row(what=place, figures={"stopped %": figure([share])}))
    title = f"{len(chosen)} short payloads beside harmless errors"
    return Table(title=title, columns={"stopped %": 1}, rows=shown)


def _alarms(detector: Detector, most: int | None) -> Table:
    texts = sorted(set(islice(_raised(), most)))
    stopped = [text for text in texts if _stops(detector, text)]
    for text in stopped:
        print(f"  {printable(text, 110)}", file=sys.stderr)
    figures = {"messages": figure([len(texts)]), "stopped": figure([len(stopped)])}
    return Table(
        title="Errors that others raise",
        columns={"messages": 0, "stopped": 0},
        rows=[Row(what="packages that no row is from", figures=figures)],
    )


def _stacks(detector: Detector, most: int) -> Table:
    rows = []
    for what, texts in source_stacks(most).items():
        stopped = [text for text in texts if _stops(detector, text)]
        figures = {"stacks": figure([len(texts)]), "stopped": figure([len(stopped)])}
        rows.append(Row(what=what, figures=figures))
    return Table(
        title="Stacks that show source of packages that no frame is from",
        columns={"stacks": 0, "stopped": 0},
        rows=rows,
    )


def source_stacks(most: int, most_files: int = _FILES) -> dict[str, list[str]]:
    """Tracebacks, and reports with frames in JSON, of lines of source that were never learned."""
    chance = random.Random(7)  # noqa: S311 - repeatable
    files = list(_unlearned())
    chance.shuffle(files)
    frames = [
        SourceFrame(
            file=path.name,
            function=function,
            lines=lines,
            language="python",
            source="",
            version="",
            licence="",
        )
        for path in files[:most_files]
        for function, lines in lines_of(path.read_text("utf-8", "replace"), ".py")
    ]
    found: dict[str, list[str]] = {"tracebacks": [], "reports": []}
    for number in range(most):
        some = chance.choices(frames, k=chance.randint(1, 6))
        error = f"{chance.choice(PYTHON_ERRORS)}: {complaint(chance)}"
        stack = f"{PYTHON_HEAD}\n{python_lines(some, chance)}\n{error}"
        found["tracebacks" if number % 2 else "reports"].append(
            stack
            if number % 2
            else json.dumps({"error": error, "stack": stack, "frames": listed(some, chance)})
        )
    return found


def _hard(detector: Detector) -> Table:
    lines = HARD.read_text("utf-8").splitlines()
    found = [detector.of_text(line).verdict for line in lines]
    figures = {
        "lines": figure([len(lines)]),
        "stopped": figure([sum(verdict is not ScreenVerdict.PASS for verdict in found)]),
        "rejected": figure([found.count(ScreenVerdict.REJECT)]),
    }
    return Table(
        title="Harmless lines with an attack's words",
        columns=dict.fromkeys(figures, 0),
        rows=[Row(what="hard.txt", figures=figures)],
    )


def _blind(detector: Detector) -> Table:
    groups: dict[str, list[str]] = defaultdict(list)
    for line in BLIND.read_text("utf-8").splitlines():
        row = json.loads(line)
        groups[f"{row['label']}, {row['author']} author"].append(row["text"])
    rows = []
    for what, texts in sorted(groups.items()):
        stopped = sum(_stops(detector, text) for text in texts)
        share = figure([100 * stopped / len(texts)])
        rows.append(Row(what=what, figures={"texts": figure([len(texts)]), "stopped %": share}))
    return Table(
        title="Texts of authors who had seen none of ours",
        columns={"texts": 0, "stopped %": 1},
        rows=rows,
    )


def _raised() -> Iterator[str]:
    """Messages as they are raised, of the standard library and of packages beside it."""
    for path in _unlearned():
        for kind, text in sayings(path.read_text("utf-8", "replace")):
            if kind == "message" and len(text) in _MESSAGES:
                yield text


def _unlearned() -> Iterator[Path]:
    """Files of the standard library and of the packages here that no row is from."""
    learned = {package.name.lower().replace("-", "_") for package in pinned(PINS)}
    places = [Path(path) for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))]
    for place in places:
        for path in sorted(place.rglob("*.py")):
            top, *below = path.relative_to(place).parts
            is_ours = top.startswith(("mendwire", "_mendwire", "__editable__"))
            if top == "site-packages" or "test" in "/".join(below) or is_ours:
                continue
            if place is places[-1] and top.lower().removesuffix(".py") in learned:
                continue
            yield path


if __name__ == "__main__":
    main()
