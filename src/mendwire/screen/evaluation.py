"""What the screen does to a labelled corpus, counted by group, with how sure that is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mendwire.errors import MendwireError
from mendwire.model.screening import ScreenVerdict

_Z: Final = 1.959964
"""Of the normal distribution, for 95 %."""
_LABELS: Final = frozenset({"attack", "benign"})
ALL: Final = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One labelled text."""

    text: str
    """A text, or a report as JSON."""
    is_attack: bool
    group: str
    """What it is counted under, e.g. its source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Of how many rows how many were stopped."""

    is_attack: bool
    group: str
    rows: int
    stopped: int
    """Restricted or rejected."""
    rejected: int
    low: float
    """Lower end of Wilson's 95 % interval of the stopped share."""
    high: float

    @property
    def share(self) -> float:
        """Stopped, 0 to 1."""
        return self.stopped / self.rows


def read_rows(lines: Iterable[bytes], by: str) -> Iterator[Row]:
    """Rows of a corpus (JSONL); raises MendwireError with the line to mend."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise MendwireError(f"Line {number} is not JSON; write one object a line.") from None
        label = row.get("label") if isinstance(row, dict) else None
        text = row.get("text", row.get("report")) if isinstance(row, dict) else None
        if label not in _LABELS or text is None:
            raise MendwireError(
                f'Line {number} needs "label" ("attack" or "benign") and "text" or "report".'
            )
        yield Row(
            text=text if isinstance(text, str) else json.dumps(text, ensure_ascii=False),
            is_attack=label == "attack",
            group=str(row.get(by) or "-"),
        )


class Tally:
    """Counts verdicts."""

    def __init__(self) -> None:
        self._counts: dict[tuple[bool, str], list[int]] = {}

    def add(self, row: Row, verdict: ScreenVerdict) -> None:
        """Count one row, under its group and in all."""
        for group in (row.group, ALL):
            counts = self._counts.setdefault((row.is_attack, group), [0, 0, 0])
            counts[0] += 1
            counts[1] += verdict is not ScreenVerdict.PASS
            counts[2] += verdict is ScreenVerdict.REJECT

    def shares(self) -> list[Share]:
        """Attacks first; in each, the groups by name and then all."""
        order = sorted(self._counts, key=lambda key: (not key[0], key[1] == ALL, key[1]))
        return [self._share(key) for key in order]

    def all(self, *, attacks: bool) -> Share | None:
        """All rows of one label, None where there is none."""
        key = (attacks, ALL)
        return self._share(key) if key in self._counts else None

    def _share(self, key: tuple[bool, str]) -> Share:
        rows, stopped, rejected = self._counts[key]
        low, high = wilson(stopped, rows)
        return Share(
            is_attack=key[0],
            group=key[1],
            rows=rows,
            stopped=stopped,
            rejected=rejected,
            low=low,
            high=high,
        )


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share, which holds for shares near 0 and 1 too."""
    if not rows:
        return 0.0, 1.0
    share = hits / rows
    spread = 1 + _Z * _Z / rows
    middle = (share + _Z * _Z / (2 * rows)) / spread
    half = _Z * math.sqrt(share * (1 - share) / rows + _Z * _Z / (4 * rows * rows)) / spread
    return max(0.0, middle - half), min(1.0, middle + half)
