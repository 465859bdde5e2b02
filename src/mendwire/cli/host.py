"""``mendwire host``: the Google Cloud instance NATS runs on, by Google's own ``gcloud``.

Each command is printed before it is run, quoted so that it can be pasted into a shell; with
``--dry-run`` it is only printed.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from mendwire.app.looking import configured
from mendwire.cli import host_config
from mendwire.cli.asking import AsJson, Yes, confirm, safe
from mendwire.errors import ConfigError, ExecutionError
from mendwire.execution.attached import ask, is_installed, run_attached
from mendwire.ops.firewall import judged, rules_of
from mendwire.ops.gcloud import MONITOR_PORT, PROGRAM, Instance
from mendwire.ops.tenancy import CLOUD_INIT, read_tenancy, server_files
from mendwire.settings.config import Config

_ASK_S: Final = 60.0
_OPEN_TO_THE_WORLD: Final = 4
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Print the command; run nothing.")]
_app = typer.Typer(
    name="host",
    help="Look after the Google Cloud instance NATS runs on, and write what it needs.",
    no_args_is_help=True,
)


@_app.command()
def status(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """How the instance is, and what its firewall lets in.

    Exits with 4 where the firewall lets in what it should not.
    """
    instance = _instance()
    wanted = [instance.describe(), instance.rules()]
    if dry_run:
        _print_only(wanted, as_json=as_json)
        return
    found = _read(wanted[0])
    complaints = _firewall_of(wanted[1])
    body = _told(found) | {"complaints": complaints}
    if as_json:
        print(json.dumps(body))
    else:
        for name, value in body.items():
            if name != "complaints":
                print(f"{name:<12}{safe(str(value))}")
        _print_complaints(complaints)
    raise typer.Exit(_OPEN_TO_THE_WORLD if complaints else 0)


@_app.command()
def start(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Start the instance; it is paid for again from now on."""
    _do([_instance().start()], dry_run=dry_run, as_json=as_json)


@_app.command()
def stop(yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Stop the instance; the disk with all that is stored stays.

    Whoever reports keeps it on disk or loses it meanwhile: see the SDK's spool.
    """
    instance = _instance()
    question = f"Stop {instance.host.instance}? Nothing is taken in until it is started again."
    _do([instance.stop()], question, yes=yes, dry_run=dry_run, as_json=as_json)


@_app.command()
def ssh(
    command: Annotated[str, typer.Option(help="One command there, instead of a shell.")] = "",
    tunnel: Annotated[
        bool, typer.Option("--tunnel", help="Bring port 8222, the monitoring, to 127.0.0.1 here.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """A shell on the instance; with --tunnel its monitoring here, until Ctrl-C."""
    if command and tunnel:
        raise ConfigError("Say either --command or --tunnel: the tunnel runs no command.")
    if tunnel:
        print(f"NATS_MONITOR_URL=http://127.0.0.1:{MONITOR_PORT}", file=sys.stderr)
    _do([_instance().ssh(command, tunnel=tunnel)], dry_run=dry_run, as_json=as_json)


@_app.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", min=1, max=100_000, help="The newest.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    serial: Annotated[
        bool, typer.Option("--serial", help="What the machine wrote; works without ssh.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """What nats-server wrote to the journal."""
    if serial and follow:
        raise ConfigError("The serial port is read once: leave --follow out.")
    instance = _instance()
    words = instance.serial() if serial else instance.logs(lines, follow=follow)
    _do([words], dry_run=dry_run, as_json=as_json)


@_app.command()
def firewall(
    to_open: Annotated[
        bool, typer.Option("--open", help="Let the named addresses reach port 4222.")
    ] = False,
    to_close: Annotated[bool, typer.Option("--close", help="Take our rule away.")] = False,
    source_range: Annotated[
        list[str] | None,
        typer.Option(help="An address or network; default: [host] source_ranges. Repeatable."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """What may reach the server; with --open the named addresses may, by TLS alone.

    The monitoring port is never opened, and the clients' port never to the whole world. Without a
    switch it only looks, and exits with 4 where a rule lets in what it should not.
    """
    if to_open and to_close:
        raise ConfigError("Say either --open or --close.")
    config = _config()
    instance = Instance(host=config.host)
    if to_close:
        question = f"Delete the rule {config.host.rule}? Nobody reaches the server by it then."
        _do([instance.close()], question, yes=yes, dry_run=dry_run, as_json=as_json)
    elif to_open:
        ranges = source_range or config.host.source_ranges
        words = instance.open(ranges)
        _refuse_without_tls(config)
        if not dry_run:
            listed = rules_of(_read(instance.rules()))
            words = instance.open(
                ranges, exists=any(rule.name == config.host.rule for rule in listed)
            )
        question = f"Let {', '.join(ranges)} reach port 4222 of {config.host.instance}?"
        _do([words], question, yes=yes, dry_run=dry_run, as_json=as_json)
    elif dry_run:
        _print_only([instance.rules()], as_json=as_json)
    else:
        _show_firewall(instance, as_json=as_json)


@_app.command()
def create(yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Make the instance, set up by the cloud-init file that `mendwire host config` wrote.

    It costs money from then on. Port 4222 stays shut until `mendwire host firewall --open`.
    """
    config = _config()
    cloud_init = config.root / config.host.folder / CLOUD_INIT
    if not cloud_init.is_file():
        raise ConfigError(f"{cloud_init} is absent: run mendwire host config first.")
    host = config.host
    question = (
        f"Create {host.instance} ({host.machine_type}, {host.disk_gb} GB) in {host.zone}? "
        "It costs money from then on."
    )
    words = Instance(host=host).create(cloud_init)
    _do([words], question, yes=yes, dry_run=dry_run, as_json=as_json)


@_app.command()
def push(yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Copy the server's configuration and certificate to the instance, check and use them.

    The server reloads what it can without dropping a connection. The logins' files stay here.
    """
    config = _config()
    files = server_files(config.root / config.host.folder)
    question = f"Use {files[0]} on {config.host.instance}?"
    words = Instance(host=config.host).push(files)
    _do(words, question, yes=yes, dry_run=dry_run, as_json=as_json)


_app.command("config")(host_config.write)


def _config() -> Config:
    return configured(None)[0]


def _instance() -> Instance:
    return Instance(host=_config().host)


def _do(
    commands: Sequence[Sequence[str]],
    question: str = "",
    *,
    yes: bool = False,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Print and run one after the other; ends with the first that fails."""
    if dry_run:
        _print_only(commands, as_json=as_json)
        return
    _refuse_without_program()
    if question:
        confirm(question, yes=yes)
    for words in commands:
        _announce(words)
        if as_json:
            said = ask(words, timeout_s=_ASK_S * 10)
            print(said.err, end="", file=sys.stderr)
            code = said.code
        else:
            code = run_attached(words)
        if code:
            raise ExecutionError(f"{PROGRAM} ended with {code}; what it said stands above.")
    if as_json:
        print(json.dumps({"commands": [list(words) for words in commands], "ran": True}))


def _read(words: Sequence[str]) -> Any:  # noqa: ANN401 - JSON of Google's, parsed by the caller
    _refuse_without_program()
    _announce(words)
    said = ask(words, timeout_s=_ASK_S)
    if said.code:
        print(safe(said.err), end="", file=sys.stderr)
        raise ExecutionError(f"{PROGRAM} ended with {said.code}; what it said stands above.")
    try:
        return json.loads(said.out)
    except ValueError:
        raise ExecutionError(f"{PROGRAM} printed no JSON: run the command above by hand.") from None


def _announce(words: Sequence[str]) -> None:
    print(f"$ {shlex.join(words)}", file=sys.stderr, flush=True)


def _print_only(commands: Sequence[Sequence[str]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"commands": [list(words) for words in commands], "ran": False}))
        return
    for words in commands:
        print(shlex.join(words))


def _refuse_without_program() -> None:
    if not is_installed(PROGRAM):
        raise ConfigError(
            "gcloud is not installed: get the Google Cloud CLI (https://cloud.google.com/sdk), run "
            "'gcloud auth login', or see with --dry-run what would be run."
        )


def _refuse_without_tls(config: Config) -> None:
    """Spec 9.8: the port is opened to a server that encrypts, and to no other."""
    folder = config.root / config.host.folder
    if not read_tenancy(folder).tls:
        raise ConfigError(
            f"The server's configuration in {folder} has no TLS: run mendwire host config without "
            "--no-tls and mendwire host push first."
        )


def _firewall_of(words: Sequence[str]) -> list[str]:
    return judged(rules_of(_read(words)))


def _show_firewall(instance: Instance, *, as_json: bool) -> None:
    rules = rules_of(_read(instance.rules()))
    complaints = judged(rules)
    if as_json:
        shown = [
            {"name": r.name, "ports": r.ports, "sources": r.sources, "disabled": r.disabled}
            for r in rules
        ]
        print(json.dumps({"rules": shown, "complaints": complaints}))
    else:
        for rule in rules:
            off = " (disabled)" if rule.disabled else ""
            ports, sources = ", ".join(rule.ports), ", ".join(rule.sources)
            print(safe(f"{rule.name:<24}{ports}  from {sources}{off}"))
        if not rules:
            print(f"No rule lets anything in to {instance.host.tag}.")
        _print_complaints(complaints)
    raise typer.Exit(_OPEN_TO_THE_WORLD if complaints else 0)


def _print_complaints(complaints: Sequence[str]) -> None:
    for said in complaints:
        print(safe(f"mendwire: {said}"), file=sys.stderr)


def _told(found: dict[str, Any]) -> dict[str, Any]:
    networks = found.get("networkInterfaces") or [{}]
    access = (networks[0].get("accessConfigs") or [{}])[0]
    disks = found.get("disks") or [{}]
    return {
        "instance": found.get("name", ""),
        "status": found.get("status", ""),
        "machine": str(found.get("machineType", "")).rpartition("/")[2],
        "zone": str(found.get("zone", "")).rpartition("/")[2],
        "address": access.get("natIP") or "none",
        "disk_gb": int(disks[0].get("diskSizeGb") or 0),
        "tags": ", ".join((found.get("tags") or {}).get("items") or []),
        "started": found.get("lastStartTimestamp", ""),
    }


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    app.add_typer(_app, name="host")
