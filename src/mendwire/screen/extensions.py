"""Detectors of other distributions, found by the entry points ``mendwire.screen``.

One can only add reasons, never take one away, and it is asked only what our own have not rejected.
It reads what they read: the pieces of a report. What it raises, and a report that outlasts its time
in it, go to quarantine like anything else that breaks the screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from mendwire.errors import ScreenBroken, ScreenUnavailable
from mendwire.model.printable import printable
from mendwire.model.screening import Reason
from mendwire.screen.pieces import Piece

GROUP: Final = "mendwire.screen"
_CERTAIN: Final = 0.99


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """One text to judge."""

    text: str
    """As it stands in the report; folded where a disguise had to be undone."""
    where: str
    """The field it stands in, e.g. ``context.headers.user-agent``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A passage that the detector takes for an instruction to an agent."""

    passage: int
    """Its index."""
    weight: float
    """0 to 1; 0.5 by itself restricts a report, 0.75 rejects it."""
    excerpt: str = ""
    """What gave it away; made safe to print by us."""


Detect = Callable[[Sequence[Passage], float], Iterable[Finding]]
"""Called with the passages of one report and the seconds that are left for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """One loaded detector."""

    name: str
    """Its entry point's; the rule id of its reasons is ``detector-`` and the name."""
    detect: Detect

    def reasons(self, pieces: Sequence[Piece], seconds: float) -> list[Reason]:
        """What it adds; raises ScreenBroken whatever it raises."""
        passages = [
            Passage(
                text=piece.text if piece.layer else piece.segment.text, where=piece.segment.where
            )
            for piece in pieces
        ]
        try:
            return [self._reason(found, pieces) for found in self.detect(passages, seconds)]
        except Exception as problem:
            raise ScreenBroken(
                f"The detector {self.name} failed at the report ({type(problem).__name__}); "
                "it goes to quarantine."
            ) from problem

    def _reason(self, found: Finding, pieces: Sequence[Piece]) -> Reason:
        weight = float(found.weight)
        # Not a number could not be compared with a threshold; a detector that is lost is believed.
        weight = _CERTAIN if math.isnan(weight) else min(_CERTAIN, max(0.0, weight))
        return Reason(
            rule=f"detector-{self.name}",
            where=pieces[found.passage].segment.where,
            weight=round(weight, 4),
            excerpt=printable(found.excerpt),
        )


def load_extensions() -> tuple[Extension, ...]:
    """All that are installed, by name; raises ScreenUnavailable where one cannot be loaded.

    An entry point names a function without arguments that returns the detector, so that weights
    are loaded here, once, and not at the first report.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(_loaded(point) for point in found)


def _loaded(point: EntryPoint) -> Extension:
    try:
        return Extension(name=point.name, detect=point.load()())
    except Exception as problem:
        raise ScreenUnavailable(
            f"The detector {point.name} ({point.value}) cannot be loaded: {problem!r}. "
            "Repair or uninstall its distribution."
        ) from problem
