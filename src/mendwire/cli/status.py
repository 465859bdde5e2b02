"""``mendwire status``, ``rates``, ``watch`` and ``top``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mendwire.app.beside import pulse_of
from mendwire.app.looking import Sight, configured, looking
from mendwire.cli.asking import AsJson, see
from mendwire.cli.nats_words import duration
from mendwire.cli.tables import print_table
from mendwire.docket.slots import Slots
from mendwire.errors import ConfigError, MendwireError
from mendwire.model.printable import printable
from mendwire.model.standing import Rate
from mendwire.ops.kept import body_of
from mendwire.ops.pulse import CaseBook, Pulse
from mendwire.ops.pulse import rates as read_rates
from mendwire.ops.server_checks import PROBE, server_now_ns

_BARS: Final = " ▁▂▃▄▅▆▇█"
_QUEUED: Final = 1_000
_WATCHED: Final = ("errors", "errors.*", "investigation.>", "results.>", "security.>", "dead.>")
_SHOWN: Final = ("status", "error", "reason", "findings", "message", "solution")


def status(as_json: AsJson = False) -> None:
    """How things stand: server, queues, errors an hour, cases, workers, money."""
    _, environment = configured(None)
    found = see(lambda sight: pulse_of(sight, environment, CaseBook(docket=sight.docket)))
    if as_json:
        print(json.dumps(asdict(found)))
        return
    console = Console()
    wide = console if console.is_terminal else Console(width=200)
    for part in _parts(found):
        wide.print(part)


def rates(
    hours: Annotated[int, typer.Option(min=1, max=168, help="How far back.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Errors an hour by environment and service, repeats included, the busiest first.

    Workers count them: what waits in a queue is not in it, nor what the screen held back.
    """

    async def asked(sight: Sight) -> tuple[Rate, ...]:
        slots = Slots(bucket=sight.bus.bucket(sight.bus.names.bucket("DOCKET")))
        return await read_rates(slots, await server_now_ns(sight.shelf), hours)

    found = see(asked)
    if as_json:
        print(json.dumps([asdict(rate) for rate in found]))
        return
    rows = [_rate_row(rate) for rate in found]
    print_table(rows, list(rows[0]) if rows else (), False, "No error was counted yet.")


def watch(
    count: Annotated[int, typer.Option(min=0, help="End after so many lines; 0: never.")] = 0,
    as_json: AsJson = False,
) -> None:
    """What happens, a line each as it comes: errors, progress, results; until Ctrl-C."""
    see(lambda sight: _watched(sight, count, as_json=as_json))


def top(
    every: Annotated[float, typer.Option(min=0.5, max=60, help="Seconds between looks.")] = 2.0,
    count: Annotated[int, typer.Option(min=0, help="End after so many looks; 0: never.")] = 0,
) -> None:
    """`mendwire status` on the whole terminal, kept current until Ctrl-C."""
    if not sys.stdout.isatty():
        raise ConfigError("This needs a terminal: use mendwire status, or mendwire watch.")
    asyncio.run(_live(every, count))


async def _live(every: float, count: int) -> None:
    config, environment = configured(None)
    async with looking(config, environment) as sight:
        book = CaseBook(docket=sight.docket)
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            looks = 0
            while not count or looks < count:
                looks += 1
                try:
                    found = await pulse_of(sight, environment, book)
                    live.update(Group(*_parts(found)), refresh=True)
                except MendwireError as problem:  # a server that restarts comes back
                    live.update(Text(str(problem), "red"), refresh=True)
                await asyncio.sleep(every)


def _parts(found: Pulse) -> Iterator[RenderableType]:
    running = duration(int(found.uptime_s) * 10**9) if found.uptime_s is not None else None
    head = Text.assemble(("namespace ", "dim"))
    head.append(found.namespace, "bold").append("   server ", "dim").append(found.server)
    head.append("   up ", "dim").append(running or printable(found.uptime_from, 300))
    yield head
    if found.halt is not None:
        yield Text(
            f"STOPPED by {printable(found.halt.by)} at {printable(found.halt.at)} "
            f"{printable(found.halt.note, 200)}: mendwire resume",
            "bold red",
        )
    yield Text()
    yield _table(
        ("queue", "waiting", "in work", "stuck", "oldest"),
        [(q.stream, q.waiting, q.in_work, q.stuck, _age(q.oldest_s)) for q in found.queues],
    )
    yield Text()
    if found.rates:
        yield _table(
            ("environment", "service", "last hour", "24 h", "by hour"),
            [tuple(_rate_row(rate).values()) for rate in found.rates[:15]],
        )
    else:
        yield Text("No error was counted yet.", "dim")
    yield Text()
    cases = ", ".join(f"{n} {state}" for state, n in sorted(found.cases.items())) or "none"
    yield Text(f"cases      {cases}")
    yield Text(f"workers    {_workers(found)}")
    if found.specialists:
        yield Text(f"elsewhere  {_specialists(found)}")
    tokens = f"; {found.used_tokens:,} tokens" if found.used_tokens or found.day_tokens else ""
    most = f" of {found.day_tokens:,}" if found.day_tokens else ""
    yield Text(f"spent      {found.spent_usd:.2f} of {found.day_usd:.2f} USD today{tokens}{most}")
    yield Text(f"for you    {found.quarantine} in quarantine, {found.dead} dead letters")


def _workers(found: Pulse) -> str:
    if not found.workers:
        return "none alive: mendwire work"
    return ", ".join(
        f"{printable(one.worker)} ({one.cases} cases, heard {one.heartbeat_s:.0f} s ago)"
        for one in found.workers[:10]
    )


def _specialists(found: Pulse) -> str:
    return ", ".join(
        f"{printable(one.name)} on {printable(one.host)} ({', '.join(map(printable, one.roles))})"
        for one in found.specialists[:10]
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        right = name in {"waiting", "in work", "stuck", "oldest", "last hour", "24 h"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(str(cell), 100)) for cell in row))
    return table


def _rate_row(rate: Rate) -> dict[str, Any]:
    return {
        "environment": rate.environment or "(unknown)",
        "service": rate.service or "(unnamed)",
        "last hour": f"{rate.last_hour:,}",
        "24 h": f"{rate.day:,}",
        "by hour": _bars(rate.by_hour),
    }


def _bars(counts: Sequence[int]) -> str:
    most = max(counts, default=0)
    steps = len(_BARS) - 1
    return "".join(_BARS[-(-count * steps // most) if most else 0] for count in counts[-48:])


def _age(seconds: float) -> str:
    return duration(int(seconds) * 10**9) if seconds else ""


async def _watched(sight: Sight, count: int, *, as_json: bool) -> None:
    waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_QUEUED)
    missed = 0

    def heard(subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        nonlocal missed
        if PROBE in headers:
            return
        try:
            waiting.put_nowait((subject, payload))
        except asyncio.QueueFull:
            missed += 1

    namespace = sight.bus.names.namespace
    subjects = [f"{namespace}.{tail}" for tail in _WATCHED]
    async with sight.bus.hearing(subjects, "", heard):
        print(f"Watching {namespace}; Ctrl-C ends it.", file=sys.stderr, flush=True)
        shown = 0
        while not count or shown < count:
            subject, payload = await waiting.get()
            shown += 1
            line = _line(subject, payload)
            if as_json:
                print(json.dumps(line, ensure_ascii=True), flush=True)
            else:
                print(f"{line['subject']}  {line['text']}", flush=True)
            if missed:
                print(f"{missed} came too fast to be shown.", file=sys.stderr)
                missed = 0


def _line(subject: str, payload: bytes) -> dict[str, str]:
    body = body_of(payload)
    words = [str(body[name]) for name in _SHOWN if body.get(name)]
    return {"subject": printable(subject, 200), "text": printable(": ".join(words[:2]), 200)}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (status, rates, watch, top):
        app.command()(command)
