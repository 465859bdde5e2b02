"""Figures of a benchmark: medians with their spread, and the table they are printed in."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured quantity over the repeats."""

    median: float
    least: float
    most: float

    def shown(self, digits: int) -> str:
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.most:.{digits}f})"


def figure(values: Sequence[float]) -> Figure:
    return Figure(median=median(values), least=min(values), most=max(values))


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    figures: Mapping[str, Figure]
    """By column."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What one benchmark found."""

    title: str
    columns: Mapping[str, int]
    """Each column and the digits that are shown of it."""
    rows: Sequence[Row]

    def printed(self) -> str:
        head = ["", *self.columns]
        lines = [
            [row.what]
            + [
                row.figures[name].shown(digits) if name in row.figures else ""
                for name, digits in self.columns.items()
            ]
            for row in self.rows
        ]
        widths = [max(len(line[at]) for line in (head, *lines)) for at in range(len(head))]
        shown = (
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (head, *lines)
        )
        return "\n".join([self.title, *shown])

    def as_json(self) -> str:
        rows = [
            {"what": row.what, **{name: asdict(one) for name, one in row.figures.items()}}
            for row in self.rows
        ]
        return json.dumps({"title": self.title, "machine": machine(), "rows": rows})


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def arguments(about: str) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="a smoke run: figures mean nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object a table")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats")
    parser.add_argument(
        "--sync", choices=("always", "2m"), action="append", help="when the server flushes to disk"
    )
    parser.add_argument(
        "--waiting", action="store_true", help="with 1 thousand and 200 thousand messages waiting"
    )
    return parser


def tell(table: Table, *, as_json: bool) -> None:
    print(table.as_json() if as_json else f"{table.printed()}\n[{machine()}]\n", flush=True)
