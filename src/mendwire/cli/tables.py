"""Lists for people: a table where it fits the terminal, one field a line where it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mendwire.model.printable import printable

_CELL: Final = 200
"""Characters of a cell that are shown."""
_NARROWEST: Final = 24
"""Columns to which a text of several words may be folded; ids and single words never are."""
_GAP: Final = 2


def print_table(
    rows: list[dict[str, Any]], columns: Sequence[str], as_json: bool, none: str
) -> None:
    """A table, or ``none`` where there are no rows; or all of their fields as JSON.

    Into a pipe each row goes on one line, however long.
    """
    if as_json:
        print(json.dumps(rows, ensure_ascii=True))
        return
    if not rows:
        print(none)
        return
    cells = [[printable(_shown(row[name]), _CELL) for name in columns] for row in rows]
    console = Console()
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if not console.is_terminal:
        _print_rows(Console(width=sum(widths) + _GAP * len(widths)), columns, cells)
    elif _least(widths, cells) <= console.width:
        _print_rows(console, columns, cells)
    else:
        _print_blocks(console, columns, cells)


def _least(widths: Sequence[int], cells: Sequence[Sequence[str]]) -> int:
    """Columns that the table needs at least."""
    folded = [_is_text(column) for column in zip(*cells, strict=True)]
    least = (
        min(width, _NARROWEST) if is_text else width
        for width, is_text in zip(widths, folded, strict=True)
    )
    return sum(least) + _GAP * len(widths)


def _is_text(column: Sequence[str]) -> bool:
    return any(" " in cell for cell in column)


def _print_rows(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, column in zip(columns, zip(*cells, strict=True), strict=True):
        table.add_column(name, overflow="fold", no_wrap=not _is_text(column))
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_blocks(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    width = max(map(len, columns)) + _GAP
    for number, row in enumerate(cells):
        if number:
            console.print()
        for name, cell in zip(columns, row, strict=True):
            if cell:
                console.print(Text(f"{name:<{width}}", "bold"), Text(cell), sep="", soft_wrap=True)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
