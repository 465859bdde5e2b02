"""Errors over time as the docket's sums tell, ready to be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mendwire.docket.slots import SLOT_S, Counts, slot_of
from mendwire.model.deployment import Deployment

UNKNOWN: Final = "(unknown)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """How far back a chart goes."""

    name: str
    hours: int
    bar_slots: int
    """Slots of ten minutes that one bar stands for."""

    @property
    def bars(self) -> int:
        """How many of them."""
        return self.hours * 3_600 // SLOT_S // self.bar_slots


RANGES: Final = (
    Range(name="6h", hours=6, bar_slots=1),
    Range(name="24h", hours=24, bar_slots=3),
    Range(name="7d", hours=168, bar_slots=18),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A deployment on the chart."""

    at: float
    """0 is the left end, 1 the right one."""
    deployment: Deployment


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One environment."""

    name: str
    counts: tuple[int, ...]
    """Oldest bar first."""

    @property
    def total(self) -> int:
        """Of all bars."""
        return sum(self.counts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """All environments over one range."""

    range: Range
    begins_s: int
    """Seconds since the epoch at the left end."""
    bar_s: int
    series: tuple[Series, ...]
    marks: tuple[Mark, ...]

    @property
    def most(self) -> int:
        """The highest bar."""
        columns = zip(*(one.counts for one in self.series), strict=True)
        return max((sum(column) for column in columns), default=0)

    @property
    def total(self) -> int:
        """Of all bars."""
        return sum(one.total for one in self.series)


def range_of(name: str) -> Range:
    """By its name; a day for any other."""
    return next((one for one in RANGES if one.name == name), RANGES[1])


def chart_of(
    slots: Mapping[int, Counts], deployments: Iterable[Deployment], wanted: Range, now_ns: int
) -> Chart:
    """Sum the slots into bars; the last one is the one that is filled now."""
    last = slot_of(now_ns / 1e9)
    bars = wanted.bars
    first = last - bars * wanted.bar_slots + 1
    sums: dict[str, Counter[int]] = {}
    for slot, counts in slots.items():
        bar = (slot - first) // wanted.bar_slots
        if not 0 <= bar < bars:
            continue
        for environment, services in counts.items():
            sums.setdefault(environment or UNKNOWN, Counter())[bar] += sum(services.values())
    begins_s, bar_s = first * SLOT_S, wanted.bar_slots * SLOT_S
    return Chart(
        range=wanted,
        begins_s=begins_s,
        bar_s=bar_s,
        series=tuple(
            Series(name=name, counts=tuple(sums[name][bar] for bar in range(bars)))
            for name in sorted(sums)
        ),
        marks=_marks(deployments, begins_s, bars * bar_s),
    )


def _marks(deployments: Iterable[Deployment], begins_s: int, seconds: int) -> tuple[Mark, ...]:
    found = []
    for deployment in deployments:
        at = (deployment.at_ns / 1e9 - begins_s) / seconds
        if 0 <= at <= 1:
            found.append(Mark(at=at, deployment=deployment))
    return tuple(sorted(found, key=lambda mark: mark.at))
