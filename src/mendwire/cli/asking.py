"""What commands that look share: a connection for one question, fields, safe text."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from mendwire.app.looking import Sight, configured, looking
from mendwire.errors import ConfigError
from mendwire.model.printable import printable

T = TypeVar("T")
_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Note = Annotated[str, typer.Option(help="Why, for those who read the decision later.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", "--force", "-f", help="Do not ask.")]


def see(ask: Callable[[Sight], Awaitable[T]]) -> T:
    """Connect as the configuration here says, ask, and go."""
    config, environment = configured(None)

    async def asked() -> T:
        async with looking(config, environment) as sight:
            return await ask(sight)

    return asyncio.run(asked())


def print_fields(fields: dict[str, object], width: int) -> None:
    """Each field under its name; those that are empty are left out."""
    for name, value in fields.items():
        if value not in (None, "", [], {}, 0):
            text = value
            if not isinstance(text, str):
                text = json.dumps(value, indent=2, ensure_ascii=False)
            head = Text(f"{name:>{width}}  ", "bold")
            body = safe(text).replace("\n", "\n" + " " * (width + 2))
            Console().print(head, Text(body), sep="", soft_wrap=True)


def safe(text: str) -> str:
    """What a terminal may be shown of hostile text."""
    return printable(text, 20_000, lines=True)


def confirm(question: str, *, yes: bool, why: str = "") -> None:
    """Ask a person, unless ``yes``; ends the command with 1 for a no. Raises ConfigError.

    ``why`` is what they must know to answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{why} Nobody is there to ask: say --yes to go on without.".strip())
    if not typer.confirm(f"{why} {question}".strip(), err=True):
        raise typer.Exit(1)


def duration_ns(text: str) -> int:
    """``30m``, ``12h``, ``7d`` in nanoseconds; raises ConfigError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not int(found[1]):
        raise ConfigError(f"{text[:20]!r} is no time: write 30m, 12h or 7d.")
    return int(found[1]) * _UNITS_S[found[2]] * 1_000_000_000
