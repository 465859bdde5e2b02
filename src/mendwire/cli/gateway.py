"""``mendwire gateway``: reports over HTTP, and the keys by which they come."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine
from dataclasses import asdict, fields
from typing import Annotated, Any, Final

import typer
import uvloop

from mendwire.app.gateway import Gateway, run_fellow, run_gateway
from mendwire.app.keys import key_file
from mendwire.app.looking import configured
from mendwire.cli.options import ConfigFile, Logs, LogStyle
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError
from mendwire.gateway.keyring import GRACE_S
from mendwire.gateway.keys import LOW_SHARE, Issued, Key, Kind, Rates, checked_origin, dsn
from mendwire.model.names import environment as checked_environment
from mendwire.model.printable import printable
from mendwire.model.report import Trust
from mendwire.settings.config import Config

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_LONGEST_NAME: Final = 100
Name = Annotated[str, typer.Argument(help="The key's name or id.")]

_app = typer.Typer(help="Take reports over HTTP from any Sentry or OpenTelemetry SDK.")
_keys = typer.Typer(help="Keys: who may send what.", no_args_is_help=True)
_app.add_typer(_keys, name="keys")


@_app.callback(invoke_without_command=True)
def gateway(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; default: gateway.host.")] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; default: gateway.port; 0: any.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; default: gateway.workers.")
    ] = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start the embedded NATS server where none runs.")
    ] = False,
    fellow: Annotated[bool, typer.Option("--fellow", hidden=True)] = False,
    memory: Annotated[int, typer.Option("--memory", hidden=True)] = -1,
    as_json: AsJson = False,
    config: ConfigFile = None,
    log: Logs = LogStyle.AUTO,
) -> None:
    """Take reports over HTTP from any Sentry or OpenTelemetry SDK, until Ctrl-C."""
    if context.invoked_subcommand:
        return
    settings, surroundings = configured(config)
    given = {"host": host or None, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update=changed)})
    if fellow:
        raise typer.Exit(_run(run_fellow(settings, surroundings, log.value, memory)))
    work = run_gateway(
        settings,
        surroundings,
        _print_json if as_json else _print,
        log.value,
        path=config.absolute() if config else None,
        own_server=embedded,
    )
    raise typer.Exit(_run(work))


@_keys.command("add")
def add_key(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str, typer.Argument(help="What you call it, e.g. shop-backend.")],
    env: Annotated[
        list[str] | None,
        typer.Option("--env", help="An environment; the first is the default; repeat it."),
    ] = None,
    service: Annotated[
        str, typer.Option(help="Of every report; default: the name. '*': what the client says.")
    ] = "",
    trust: Annotated[Trust, typer.Option(help="A server of yours, or anybody?")] = Trust.LOW,
    kind: Annotated[Kind, typer.Option(help="A browser's key is never trusted.")] = Kind.SERVER,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="https://page.example that may send with it, or '*'; repeat it."),
    ] = None,
    project: Annotated[
        int,
        typer.Option(
            min=0, help="Number in the DSN's path; default: the next one.", show_default=False
        ),
    ] = 0,
    events: Annotated[
        str, typer.Option(help="Most events by minute,hour,day, e.g. 600,0,100000; 0: no limit.")
    ] = "0,0,0",
    size: Annotated[
        str, typer.Option("--bytes", help="Most bytes by minute,hour,day; 0: no limit.")
    ] = "0,0,0",
    signatures: Annotated[
        int, typer.Option(min=0, help="Most distinct errors an hour; 0: its share alone.")
    ] = 0,
    share: Annotated[
        float | None,
        typer.Option(min=0.001, max=1, help="Part of the gateway's capacity it may take."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its DSN, once: only a hash of it is kept."""
    settings, _ = configured(None)
    wanted = Key(
        id="",
        name=_checked_name(name),
        project=0,
        digest="",
        environments=_environments(env, settings),
        service="" if service == "*" else service or name,
        trust=trust,
        kind=kind,
        origins=tuple(checked_origin(one) for one in origin or ()),
        events=_rates(events),
        bytes=_rates(size),
        signatures_hour=signatures,
        share=share or (1.0 if trust is Trust.TRUSTED else LOW_SHARE),
    )
    _tell(key_file(settings).add(wanted, project), settings, as_json=as_json)


@_keys.command("list")
@_keys.command("ls", hidden=True)
def list_keys(as_json: AsJson = False) -> None:
    """Every key, revoked ones too; never the keys themselves."""
    settings, _ = configured(None)
    rows = [_row(key) for key in key_file(settings).read()]
    shown = ("id", "name", "project", "trust", "kind", "environments", "service", "state")
    print_table(rows, shown, as_json, "No key yet: mendwire gateway keys add NAME")


@_keys.command("rotate")
def rotate_key(
    name: Name,
    grace: Annotated[
        float, typer.Option(min=0, help="Hours for which the old one is still taken.")
    ] = GRACE_S / 3600,
    as_json: AsJson = False,
) -> None:
    """Make a new secret for a key; the old one is taken for a while."""
    settings, _ = configured(None)
    _tell(key_file(settings).rotate(name, grace * 3600), settings, as_json=as_json)


@_keys.command("revoke")
def revoke_key(name: Name, as_json: AsJson = False) -> None:
    """Take a key no more, at once."""
    settings, _ = configured(None)
    key = key_file(settings).revoke(name)
    print(json.dumps(_row(key)) if as_json else f"{key.name} ({key.id}) is revoked.")


def _tell(issued: Issued, settings: Config, *, as_json: bool) -> None:
    address = settings.gateway.url or f"http://{settings.gateway.host}:{settings.gateway.port}"
    told = dsn(address, issued)
    if as_json:
        print(json.dumps(_row(issued.key) | {"key": issued.secret, "dsn": told}))
        return
    print(
        f"{told}\n\n"
        f"The DSN of {issued.key.name} ({issued.key.id}); it is not shown again. Trust: "
        f"{issued.key.trust}; environments: {', '.join(issued.key.environments)}.\n"
        f"Plain JSON and OpenTelemetry take the key alone, in a header:\n"
        f"  X-Mendwire-Key: {issued.secret}"
    )


def _row(key: Key) -> dict[str, Any]:
    row = asdict(key)
    for hidden in ("digest", "former", "former_until", "revoked"):
        del row[hidden]
    row["environments"] = list(key.environments)
    row["origins"] = list(key.origins)
    row["state"] = "revoked" if key.revoked else "rotating" if key.former else "valid"
    return row


def _environments(given: list[str] | None, settings: Config) -> tuple[str, ...]:
    known = settings.worker.environments
    wanted = tuple(dict.fromkeys(checked_environment(one) for one in given or known[:1]))
    for one in wanted:
        if one not in known:
            raise ConfigError(
                f"There is no queue for {one!r}: add it to worker.environments in mendwire.toml "
                f"(now: {', '.join(known)})."
            )
    return wanted


def _checked_name(name: str) -> str:
    if name.strip() and len(name) <= _LONGEST_NAME and name == printable(name):
        return name
    raise ConfigError(
        f"A key's name is up to {_LONGEST_NAME} printable characters, e.g. shop-backend."
    )


def _rates(text: str) -> Rates:
    parts = text.split(",")
    if len(parts) == len(fields(Rates)) and all(part.strip().isdecimal() for part in parts):
        minute, hour, day = (int(part) for part in parts)
        return Rates(minute=minute, hour=hour, day=day)
    raise ConfigError(f"{text[:40]!r} is not MINUTE,HOUR,DAY: three whole numbers, 0 for no limit.")


def _print(open_gateway: Gateway) -> None:
    print(
        f"mendwire: the gateway listens on {open_gateway.url}\n"
        "A DSN for an SDK: mendwire gateway keys add NAME. Ctrl-C ends it.",
        flush=True,
    )


def _print_json(open_gateway: Gateway) -> None:
    print(json.dumps({"url": open_gateway.url, "pid": os.getpid()}), flush=True)


def _run(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    app.add_typer(_app, name="gateway")
