"""``mendwire consumers ls|info|reset|pause|resume`` and ``audit``."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer

from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, Yes, confirm, duration_ns, see
from mendwire.cli.nats_words import consumer_row, consumer_sections, consumer_title
from mendwire.cli.streams_look import Names, StreamName, print_names, print_sections
from mendwire.cli.tables import print_table
from mendwire.model.names import CONSUMER
from mendwire.ops.hand import Hand
from mendwire.wire.infos import ConsumerInfo, StreamInfo

_app = typer.Typer(help="Consumers of the namespace's streams.", no_args_is_help=True)
T = TypeVar("T")
ConsumerName = Annotated[str, typer.Argument(metavar="CONSUMER", help="Its name.")]


@_app.command("ls")
@_app.command("list", hidden=True)
def list_consumers(stream: StreamName, as_json: AsJson = False, names: Names = False) -> None:
    """List a stream's consumers, other people's too; --json: their names."""

    async def asked(sight: Sight) -> list[ConsumerInfo]:
        return await sight.shelf.consumers(await sight.shelf.find(stream))

    found = see(asked)
    if as_json or names:
        print_names([consumer.name for consumer in found], as_json)
        return
    rows = [consumer_row(consumer, time.time_ns()) for consumer in found]
    print_table(rows, list(rows[0]) if rows else (), False, f"{stream} has no consumers.")


@_app.command("info")
def info(stream: StreamName, consumer: ConsumerName = CONSUMER, as_json: AsJson = False) -> None:
    """One consumer: how it is set, where it stands. --json is the server's own answer."""
    _, found = see(lambda sight: _found(sight, stream, consumer))
    if as_json:
        print(json.dumps(found.raw, indent=2))
        return
    print(f"{consumer_title(found)}\n")
    print_sections(dict(consumer_sections(found)), 24)


@_app.command("reset")
def reset(
    stream: StreamName,
    consumer: ConsumerName = CONSUMER,
    *,
    sequence: Annotated[int, typer.Option(min=0, help="Begin at this message.")] = 0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Hand out again everything that a stream holds; what ran out of deliveries, too."""
    question = "What is being worked on is handed out a second time; cases are not done twice. "
    there, after = _changed(
        stream,
        consumer,
        f"Reset {consumer}? {question}",
        yes=yes,
        how=lambda hand, held, found: hand.reset(held, found, sequence),
    )
    if as_json:
        print(json.dumps(after.raw))
    else:
        print(f"{there.name} > {after.name} begins again: {after.pending:,} messages wait.")


@_app.command("pause")
def pause(
    stream: StreamName,
    consumer: ConsumerName = CONSUMER,
    until: Annotated[
        str, typer.Argument(metavar="SPAN", help="How long: 30m, 12h, 7d.", show_default=False)
    ] = "",
    *,
    span: Annotated[str, typer.Option("--for", help="The same.")] = "1h",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Hand out nothing for a while; what arrives waits in the stream."""
    span = until or span
    end = datetime.now(UTC) + timedelta(seconds=duration_ns(span) / 1e9)
    moment = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    there, after = _changed(
        stream,
        consumer,
        f"Pause {consumer} for {span}?",
        yes=yes,
        how=lambda hand, held, found: hand.pause(held, found, moment),
    )
    if as_json:
        print(json.dumps(after.raw))
    else:
        shown = f"{end:%Y-%m-%d %H:%M:%S}"
        print(f"Paused {there.name} > {after.name} until {shown} ({span})")


@_app.command("resume")
def resume(stream: StreamName, consumer: ConsumerName = CONSUMER, as_json: AsJson = False) -> None:
    """End a pause."""
    there, after = _changed(
        stream,
        consumer,
        "",
        yes=True,
        how=lambda hand, held, found: hand.pause(held, found, ""),
    )
    if as_json:
        print(json.dumps(after.raw))
    else:
        print(f"Consumer {there.name} > {after.name} was resumed")


def audit(as_json: AsJson = False) -> None:
    """What operators destroyed or overruled: who, when, what; the newest two thousand."""
    deeds = [asdict(deed) for deed in see(lambda sight: sight.audit.deeds())]
    print_table(deeds, ("at", "by", "what", "target", "detail"), as_json, "Nothing yet.")


def _changed(
    stream: str,
    consumer: str,
    question: str,
    *,
    yes: bool,
    how: Callable[[Hand, StreamInfo, ConsumerInfo], Awaitable[None]],
) -> tuple[StreamInfo, ConsumerInfo]:
    """Look, ask, do, and look again."""
    held, found = see(lambda sight: _found(sight, stream, consumer))
    confirm(question, yes=yes)

    async def done(sight: Sight) -> tuple[StreamInfo, ConsumerInfo]:
        await how(Hand(shelf=sight.shelf, audit=sight.audit), held, found)
        return await _found(sight, stream, consumer)

    return see(done)


async def _found(sight: Sight, stream: str, consumer: str) -> tuple[StreamInfo, ConsumerInfo]:
    there = await sight.shelf.find(stream)
    return there, await sight.shelf.consumer(there, consumer)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(_app, name="consumers")
    app.command()(audit)
