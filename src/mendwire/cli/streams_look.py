"""``mendwire streams ls|info|report|subjects|view|get|watch``: looking changes nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, duration_ns, safe, see
from mendwire.cli.nats_words import (
    message_json,
    message_lines,
    report_row,
    state_lines,
    stream_row,
    stream_sections,
    stream_title,
)
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError
from mendwire.model.delivery import Received
from mendwire.model.printable import printable
from mendwire.ops.server_checks import PROBE
from mendwire.wire.infos import StreamInfo

_PAGE: Final = 10
_QUEUED: Final = 1_000
"""Messages that ``watch`` holds for a slow terminal; more are counted and not shown."""

StreamName = Annotated[
    str, typer.Argument(metavar="STREAM", help="With or without the namespace, in any case.")
]
Everything = Annotated[bool, typer.Option("--all", "-a", help="The buckets, too.")]
Names = Annotated[bool, typer.Option("--names", "-n", help="Only the names.")]
Sequence_ = Annotated[int, typer.Argument(metavar="SEQUENCE", min=0, help="Its number.")]


def list_streams(
    as_json: AsJson = False, names: Names = False, everything: Everything = False
) -> None:
    """List the namespace's streams, those with the youngest message last; --json: their names."""
    found = see(lambda sight: sight.shelf.streams(buckets=everything or names))
    if as_json or names:
        print_names([stream.name for stream in found], as_json)
        return
    now = time.time_ns()
    rows = [stream_row(stream, now) for stream in sorted(found, key=lambda one: one.last_ns)]
    print_table(rows, list(rows[0]) if rows else (), False, _none())


def report(as_json: AsJson = False) -> None:
    """How much each stream holds, and how full it is."""
    found = see(lambda sight: sight.shelf.streams(buckets=True))
    if as_json:
        print(json.dumps([stream.raw for stream in found]))
        return
    rows = [report_row(stream) for stream in found]
    print_table(rows, list(rows[0]) if rows else (), False, _none())


def info(
    stream: StreamName,
    as_json: AsJson = False,
    state: Annotated[bool, typer.Option("--state", help="Only the state.")] = False,
) -> None:
    """One stream: how it is set, what it holds. --json is the server's own answer."""
    found = see(lambda sight: sight.shelf.find(stream))
    if as_json:
        print(json.dumps(found.raw, indent=2))
    elif state:
        print_state(found)
    else:
        print(f"{stream_title(found)}\n")
        print_sections(dict(stream_sections(found)), 29)


def subjects(
    stream: StreamName,
    pattern: Annotated[str, typer.Argument(help="Only subjects that match.")] = ">",
    as_json: AsJson = False,
    names: Names = False,
) -> None:
    """Messages by subject."""

    async def asked(sight: Sight) -> tuple[StreamInfo, Mapping[str, int]]:
        found = await sight.shelf.find(stream)
        return found, await sight.shelf.subjects(found, pattern)

    found, counts = see(asked)
    if as_json:
        print(json.dumps(sorted(counts) if names else dict(sorted(counts.items())), indent=2))
    elif names:
        for subject in counts:
            print(printable(subject, 300))
    elif not counts:
        print(f"No subjects found in {found.name}.")
    else:
        print(f"{len(counts)} Subjects in stream {found.name}\n")
        rows = [{"Subject": subject, "Count": f"{n:,}"} for subject, n in counts.items()]
        print_table(rows, ("Subject", "Count"), False, "")


def view(
    stream: StreamName,
    page: Annotated[int, typer.Argument(metavar="SIZE", min=1, max=1000)] = _PAGE,
    *,
    first: Annotated[int, typer.Option("--id", min=1, help="Begin at this number.")] = 1,
    since: Annotated[str, typer.Option(help="Not older than: 30m, 12h, 7d.")] = "",
    subject: Annotated[str, typer.Option(help="Only subjects that match.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Only the bodies.")] = False,
    as_json: AsJson = False,
) -> None:
    """Messages as they are stored, oldest first; nothing is taken from the stream."""
    since_ns = time.time_ns() - duration_ns(since) if since else 0

    async def shown(sight: Sight) -> tuple[int, int]:
        found = await sight.shelf.find(stream)
        count = last = 0
        async for message in sight.shelf.view(
            found, first=first, size=page, since_ns=since_ns, subject=subject
        ):
            if as_json:
                print("[" if not count else ",", json.dumps(message_json(message)), sep="")
            else:
                _print_message(message, raw=raw)
            count, last = count + 1, message.ref.seq
        return count, last

    count, last = see(shown)
    if as_json:
        print("]" if count else "[]")
    elif not count:
        print("There are no messages.", file=sys.stderr)
    elif count == page:
        following = f"mendwire streams view {stream} {page} --id {last + 1}"
        print(f"To go on: {following}", file=sys.stderr)


def get(
    stream: StreamName,
    seq: Sequence_ = 0,
    *,
    last_for: Annotated[
        str, typer.Option("--last-for", "-S", help="The newest message on this subject.")
    ] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Only the body.")] = False,
    as_json: AsJson = False,
) -> None:
    """One message whole. --json holds headers and body in base64, as the server has them."""
    if not seq and not last_for:
        raise ConfigError("Which message? Give its number, or --last-for and a subject.")

    async def asked(sight: Sight) -> Received:
        return await sight.shelf.get(await sight.shelf.find(stream), seq, last_for)

    message = see(asked)
    if as_json:
        print(json.dumps(message_json(message), indent=2))
    else:
        _print_message(message, raw=raw)


def watch(
    stream: StreamName,
    count: Annotated[int, typer.Option(min=0, help="End after so many; 0: never.")] = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Only the bodies.")] = False,
) -> None:
    """Show what is published to a stream's subjects from now on, repeats included, until Ctrl-C.

    Nothing is taken from the stream.
    """
    see(lambda sight: _watched(sight, stream, count, raw=raw))


def print_names(names: Sequence[str], as_json: bool) -> None:
    """A list, or a line each."""
    print(json.dumps(list(names)) if as_json else "\n".join(printable(name) for name in names))


def print_state(stream: StreamInfo) -> None:
    """The section that ends ``stream info``."""
    print_sections({"State:": list(state_lines(stream))}, 20)


def print_sections(sections: Mapping[str, list[tuple[str, str]]], width: int) -> None:
    """Labels end at ``width``, as the ``nats`` command aligns them."""
    for heading, lines in sections.items():
        if heading:
            print(f"{heading}\n")
        for label, value in lines:
            print(f"{printable(label, 200):>{width}}: {printable(value, 2000)}")
        print()


async def _watched(sight: Sight, stream: str, count: int, *, raw: bool) -> None:
    found = await sight.shelf.find(stream)
    waiting: asyncio.Queue[tuple[str, bytes, Mapping[str, str]]] = asyncio.Queue(_QUEUED)
    missed = 0

    def heard(subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        nonlocal missed
        if PROBE in headers:
            return
        try:
            waiting.put_nowait((subject, payload, headers))
        except asyncio.QueueFull:
            missed += 1

    async with sight.bus.hearing(found.subjects, "", heard):
        print(f"Listening on {', '.join(found.subjects)}; Ctrl-C ends it.", file=sys.stderr)
        shown = 0
        while not count or shown < count:
            subject, payload, headers = await waiting.get()
            shown += 1
            if not raw:
                print(f"[#{shown}] Received on {printable(subject, 300)!r}")
                for name, value in headers.items():
                    print(f"{printable(name, 100)}: {printable(value, 500)}")
            _print_body(payload, raw=raw)
            if missed:
                print(f"{missed} came too fast to be shown.", file=sys.stderr)
                missed = 0


def _print_message(message: Received, *, raw: bool) -> None:
    if not raw:
        for line in message_lines(message, time.time_ns()):
            print(line)
    _print_body(message.payload, raw=raw)


def _print_body(payload: bytes, *, raw: bool) -> None:
    """Never an escape sequence to a terminal; a program that asked for ``--raw`` gets the bytes."""
    if raw and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(payload + b"\n")
        sys.stdout.buffer.flush()
    else:
        text = safe(payload.decode("utf-8", "replace"))
        Console(soft_wrap=True, highlight=False).print(Text(text))
        if not raw:
            print(flush=True)


def _none() -> str:
    return "No streams yet: mendwire streams apply"


def register(streams: typer.Typer) -> None:
    """Add these commands to ``mendwire streams``."""
    streams.command("ls")(list_streams)
    streams.command("list", hidden=True)(list_streams)
    for command in (info, report, subjects, view, get, watch):
        streams.command()(command)
