"""``mendwire alerts``: what people were told, and what they say to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mendwire.app.alerts import alert_service
from mendwire.app.logs import logged
from mendwire.app.looking import Sight, configured, operator
from mendwire.cli.asking import AsJson, duration_ns, print_fields, see
from mendwire.cli.options import ConfigFile, Logs, LogStyle
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError
from mendwire.execution.stopping import stopping
from mendwire.notify.book import Book
from mendwire.notify.rules import Rule
from mendwire.notify.thread import Stand, Thread, acknowledged, muted
from mendwire.ops.server_checks import server_now_ns
from mendwire.ops.shelf import written

_app = typer.Typer(help="What people are told without asking.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="As `mendwire alerts list` shows it.")]


@_app.command("list")
@_app.command("ls", hidden=True)
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every thread of news, the newest first."""

    async def read(sight: Sight) -> list[dict[str, Any]]:
        book, now = _book(sight), await server_now_ns(sight.shelf)
        silences = await book.silences()
        threads = reversed(await book.threads())
        return [
            _row(thread, max(silences.get(thread.rule, 0), thread.muted_ns), now)
            for thread in threads
            if everything or thread.stand is Stand.OPEN
        ]

    shown = ("key", "rule", "stand", "told", "held", "since", "title")
    print_table(see(read), shown, as_json, "Nothing is wrong that anybody was to be told of.")


@_app.command("show")
def show(key: Key, as_json: AsJson = False) -> None:
    """One thread whole: its news, what is on its way, what was told."""
    thread = see(lambda sight: _found(sight, key))
    fields = asdict(thread) | {"urgent": thread.urgent}
    if as_json:
        print(json.dumps(fields))
        return
    for name in ("opened_ns", "changed_ns", "since_ns", "told_ns", "muted_ns"):
        fields[name.removesuffix("_ns")] = written(fields.pop(name))
    print_fields(fields, 12)


@_app.command("ack")
def ack(key: Key, as_json: AsJson = False) -> None:
    """Say that you look after it: nothing more is told until it begins anew."""

    async def done(sight: Sight) -> Thread:
        await _found(sight, key)
        await sight.audit.note("alerts ack", key)
        now, by = await server_now_ns(sight.shelf), operator()
        return await _changed(sight, key, lambda one: acknowledged(one, by, now))

    _tell(see(done), as_json=as_json, said=f"{key} is yours; nothing more is told of it.")


@_app.command("silence")
def silence(
    key: Annotated[str, typer.Argument(help="A thread's key; or none, with --rule.")] = "",
    rule: Annotated[Rule | None, typer.Option(help="All of a rule's threads.")] = None,
    for_: Annotated[str, typer.Option("--for", help="30m, 12h, 7d.")] = "1h",
    end: Annotated[bool, typer.Option("--end", help="End a silence, or an ack.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell nothing of a thread, or of a whole rule, for a while; what comes is still kept."""
    if bool(key) == (rule is not None):
        raise ConfigError("Say what is to be silent: a thread's key, or --rule.")
    lasts = 0 if end else duration_ns(for_)

    async def done(sight: Sight) -> Thread | None:
        if key:
            await _found(sight, key)
        now = await server_now_ns(sight.shelf)
        until = now + lasts if lasts else 0
        await sight.audit.note("alerts silence", key or str(rule), "ended" if end else for_)
        if rule is not None:
            await _book(sight).silence(rule, until)
            return None
        return await _changed(sight, key, lambda one: muted(one, until, now))

    found = see(done)
    what = key or f"rule {rule}"
    said = f"{what} is told of again." if end else f"{what} is silent for {for_}."
    if found is None:
        print(json.dumps({"rule": rule, "silent_ns": lasts}) if as_json else said)
    else:
        _tell(found, as_json=as_json, said=said)


@_app.command("test")
def try_out(as_json: AsJson = False) -> None:
    """Send a test notice to every destination; exit code 1 where one did not take it."""
    config, environment = configured(None)
    results = asyncio.run(alert_service(config, environment).try_out())
    rows = [{"destination": name, "result": why or "taken"} for name, why in results.items()]
    none = "There is no destination: [alerts] to = [...] in mendwire.toml."
    print_table(rows, ("destination", "result"), as_json, none)
    raise typer.Exit(1 if any(results.values()) or not results else 0)


@_app.command("run")
def run(config: ConfigFile = None, log: Logs = LogStyle.AUTO) -> None:
    """Watch and tell, without a worker, until Ctrl-C.

    `mendwire work` and `mendwire up` do the same; whichever is first tells, the others wait.
    """
    settings, environment = configured(config)
    if not (settings.alerts.to or settings.alerts.routes or settings.alerts.heartbeat):
        raise ConfigError("Nobody is to be told: [alerts] to = [...] in mendwire.toml.")

    async def watched() -> None:
        with logged(log.value), stopping() as stop:
            await alert_service(settings, environment).until(stop)

    asyncio.run(watched())


async def _found(sight: Sight, key: str) -> Thread:
    thread = await _book(sight).thread(key) if _is_key(key) else None
    if thread is None:
        raise ConfigError(f"There is no alert {key[:80]!r}: see mendwire alerts list --all.")
    return thread


async def _changed(sight: Sight, key: str, how: Any) -> Thread:  # noqa: ANN401 - of one thread
    changed = await _book(sight).change(key, lambda one: None if one is None else how(one))
    assert changed is not None, "it was found a moment ago, and only what is done is forgotten"
    return changed


def _book(sight: Sight) -> Book:
    return Book(bucket=sight.bus.bucket(sight.bus.names.bucket("DOCKET")))


def _is_key(key: str) -> bool:
    """A key of a bucket, and no pattern."""
    return all(part and part.replace("-", "").replace("_", "").isalnum() for part in key.split("."))


def _row(thread: Thread, muted_ns: int, now: int) -> dict[str, Any]:
    stand = str(thread.stand)
    if thread.acked_by:
        stand = f"acked by {thread.acked_by}"
    elif now < muted_ns:
        stand = f"silent until {written(muted_ns)}"
    elif thread.notice is not None and thread.notice.failure:
        stand = f"not delivered yet: {thread.notice.failure}"
    return {
        "key": thread.key,
        "rule": str(thread.rule),
        "stand": stand,
        "told": thread.told,
        "held": thread.held,
        "since": written(thread.opened_ns),
        "title": thread.title,
    }


def _tell(thread: Thread, *, as_json: bool, said: str) -> None:
    print(json.dumps(asdict(thread)) if as_json else said)


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    app.add_typer(_app, name="alerts")
