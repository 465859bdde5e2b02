"""Every case in a line, kept current by reading only what changed, and found by words."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.model.case import Case as WholeCase
from mendwire.model.case import CaseState, ParkReason, Step, Verdict

MOST: Final = 20_000
"""Lines that are kept; those of the cases that changed longest ago make room."""
PAGE: Final = 50
_SAID: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One case; texts are as they came, so a page makes them inert."""

    case_id: str
    issue: str
    state: CaseState
    step: Step | None
    verdict: Verdict | None
    parked: ParkReason | None
    title: str
    error: str
    """The beginning of what the program said."""
    environment: str
    service: str
    release: str
    holder: str
    restricted: bool
    episode: int
    occurrences: int
    cost_usd: float
    opened_ns: int
    revision: int
    """Rises with each change: sorts by what changed last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What somebody looks for; an empty field does not matter."""

    words: str = ""
    state: str = ""
    verdict: str = ""
    environment: str = ""
    page: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One page of it, what changed last first."""

    lines: tuple[Line, ...]
    total: int
    query: Query

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.total // PAGE))


@dataclass(kw_only=True, slots=True)
class CaseBook:
    """Of one namespace."""

    docket: Docket
    forgotten: int = 0
    """Lines that made room."""
    _lines: OrderedDict[str, Line] = field(default_factory=OrderedDict)
    _revision: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> None:
        """Read what changed; raises what the docket raises."""
        async with self._turn:
            async for filed in self.docket.cases(after=self._revision):
                case = filed.case
                self._lines[case.issue] = _line(case, filed.revision)
                self._lines.move_to_end(case.issue)
                self._revision = max(self._revision, filed.revision)
                if len(self._lines) > MOST:
                    self._lines.popitem(last=False)
                    self.forgotten += 1

    def forget(self, issue: str) -> None:
        """It was found to be gone."""
        self._lines.pop(issue, None)

    @property
    def lines(self) -> Sequence[Line]:
        """All, what changed last at the end."""
        return tuple(self._lines.values())

    def states(self) -> Counter[str]:
        """How many cases are in each state."""
        return Counter(line.state.value for line in self._lines.values())

    def environments(self) -> list[str]:
        """Those that have cases."""
        return sorted({line.environment for line in self._lines.values() if line.environment})

    def search(self, query: Query) -> Found:
        """Those that fit, one page of them."""
        words = query.words.casefold().split()
        fitting = [
            line
            for line in reversed(self._lines.values())
            if (not query.state or line.state.value == query.state)
            and (not query.verdict or (line.verdict or "") == query.verdict)
            and (not query.environment or line.environment == query.environment)
            and _has(line, words)
        ]
        first = query.page * PAGE
        return Found(lines=tuple(fitting[first : first + PAGE]), total=len(fitting), query=query)


def said(report: bytes) -> str:
    """What the program said, by its report."""
    with suppress(ValueError, RecursionError):
        body = json.loads(report)
        if isinstance(body, dict):
            return str(body.get("error") or "")
    return ""


def _has(line: Line, words: Sequence[str]) -> bool:
    if not words:
        return True
    text = " ".join(
        (
            line.title,
            line.error,
            line.case_id,
            line.service,
            line.environment,
            line.release,
            line.state,
            line.verdict or "",
        )
    ).casefold()
    return all(word in text for word in words)


def _line(case: WholeCase, revision: int) -> Line:
    return Line(
        case_id=case.case_id,
        issue=case.issue,
        state=case.state,
        step=case.step,
        verdict=case.verdict,
        parked=case.parking.reason if case.parking else None,
        title=case.title[:_SAID],
        error=said(case.report)[:_SAID],
        environment=case.environment,
        service=case.service[:_SAID],
        release=case.release[:_SAID],
        holder=case.holder,
        restricted=case.restricted,
        episode=case.episode,
        occurrences=case.occurrences,
        cost_usd=case.cost_usd,
        opened_ns=case.opened_ns,
        revision=revision,
    )
