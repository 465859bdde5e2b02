"""``mendwire replay``: what today's screen, signature or agent makes of kept reports."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer

from mendwire.app.looking import Sight, configured, looking
from mendwire.app.replaying import Unread, todays_word
from mendwire.cli import replay_agent
from mendwire.cli.asking import AsJson, duration_ns
from mendwire.cli.replay_agent import CHANGED
from mendwire.cli.tables import print_table
from mendwire.ops.replay import Replayed

_COLUMNS: Final = ("kept", "id", "screen", "issue", "label", "title")
_PROGRESS: Final = 200
Since = Annotated[
    str, typer.Option(help="Only what came in so long ago at most, e.g. 12h or 7d.", metavar="TIME")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Also those of which the same is said today.")
]

_replay = typer.Typer(
    help="Try a change on kept reports. What today's screen, signature or agent makes of them is "
    "compared with what was said at their time; nothing is changed.",
    no_args_is_help=True,
)


@_replay.command("screen")
def screen(
    since: Since = "",
    *,
    rules: Annotated[
        Path | None,
        typer.Option(help="Your own rules (JSONL) instead of those of mendwire.toml."),
    ] = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Screen what is kept anew.

    Cases, quarantine and dead letters, after an upgrade or with new rules: which would now be
    held, which would go through, and what a person said of them. Exits with 4 if one differs.
    """
    config, environment = configured(None)
    if rules is not None:
        new = config.screen.model_copy(update={"patterns": rules.absolute()})
        config = config.model_copy(update={"screen": new})
    look = looking(config, environment)
    _end(_tried(look, since, is_screened=True, everything=everything), as_json=as_json)


@_replay.command("signature")
def signature(
    since: Since = "", *, everything: Everything = False, as_json: AsJson = False
) -> None:
    """Make all issue keys anew.

    A key that differs means that the same error would open a second case. Exits with 4 then.
    """
    look = looking(*configured(None))
    _end(_tried(look, since, is_screened=False, everything=everything), as_json=as_json)


@dataclass(kw_only=True, slots=True)
class _Tried:
    """What was read again."""

    shown: list[Replayed] = field(default_factory=list)
    """Only what differs, unless all was asked for."""
    count: int = 0
    changed: int = 0
    unread: int = 0
    """Kept, and no reports."""
    moves: Counter[str] = field(default_factory=Counter)
    """Words of the screen, then and now."""


def _tried(
    look: AbstractAsyncContextManager[Sight], since: str, *, is_screened: bool, everything: bool
) -> _Tried:
    since_ns = time.time_ns() - duration_ns(since) if since else 0

    async def read() -> _Tried:
        tried = _Tried()
        async with (
            look as sight,
            aclosing(todays_word(sight, is_screened=is_screened, since_ns=since_ns)) as words,
        ):
            async for word in words:
                _add(tried, word, everything=everything)
        return tried

    try:
        return asyncio.run(read())
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _add(tried: _Tried, word: Replayed | Unread, *, everything: bool) -> None:
    if isinstance(word, Unread):
        tried.unread += 1
        return
    tried.count += 1
    tried.changed += bool(word.changed)
    if word.changed or everything:
        tried.shown.append(word)
    if "screen" in word.changed:
        tried.moves[f"{word.screen_then} -> {word.screen_now}"] += 1
    if tried.count % _PROGRESS == 0 and sys.stderr.isatty():
        print(f"\r{tried.count} reports", end="", file=sys.stderr, flush=True)


def _end(tried: _Tried, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(word) for word in tried.shown]))
    else:
        rows = [_row(word) for word in tried.shown]
        print_table(rows, _COLUMNS, as_json=False, none="The same is said of everything today.")
        more = [f"{move}: {count}" for move, count in sorted(tried.moves.items())]
        if tried.unread:
            more.append(f"no reports at all: {tried.unread}")
        print("; ".join((f"{tried.count} reports tried, {tried.changed} differ", *more)) + ".")
    raise typer.Exit(CHANGED if tried.changed else 0)


def _row(word: Replayed) -> dict[str, str]:
    issue = _step(word.issue_then[:12], word.issue_now[:12]) if word.issue_then else ""
    return {
        "kept": word.kept,
        "id": word.id,
        "screen": _step(word.screen_then, word.screen_now),
        "issue": issue,
        "label": word.label,
        "title": word.title,
    }


def _step(then: str, now: str) -> str:
    return then if now in {"", then} else f"{then or '-'} -> {now}"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    replay_agent.register(_replay)
    app.add_typer(_replay, name="replay")
