"""The whole command line, built with typer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from mendwire import __version__
from mendwire.cli import (
    alerts,
    backup,
    bare,
    capacity,
    cases,
    consumers,
    deploy,
    doctor,
    erase,
    halt,
    host,
    kept,
    mcp,
    metrics,
    quarantine,
    replay,
    run,
    screen,
    server,
    specialist,
    status,
    streams,
    streams_change,
    streams_look,
    tasks,
)
from mendwire.cli.signature import SIGNATURE_HELP
from mendwire.errors import ConfigError

_FORWARD = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _add_gateway(line: typer.Typer) -> None:
    """The gateway has an extra of its own; without it the command says so."""
    try:
        from mendwire.cli import gateway  # noqa: PLC0415 - may be absent
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        missing = absent.name

        @line.command("gateway", context_settings=_FORWARD)
        def explain() -> None:
            """Take reports over HTTP (needs an extra that is not installed)."""
            raise ConfigError(
                f"The gateway needs more packages: pip install 'mendwire[gateway]' ({missing})."
            )
    else:
        line.add_typer(gateway.app, name="gateway")


def _add_dashboard(line: typer.Typer) -> None:
    """The same for the dashboard."""
    try:
        from mendwire.cli import dashboard  # noqa: PLC0415 - may be absent
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        missing = absent.name

        @line.command("dashboard", context_settings=_FORWARD)
        def explain() -> None:
            """Show how things stand on pages (needs an extra that is not installed)."""
            raise ConfigError(
                f"The dashboard needs more packages: pip install 'mendwire[dashboard]' ({missing})."
            )
    else:
        line.add_typer(dashboard.app, name="dashboard")


app = typer.Typer(
    name="mendwire",
    help="Errors from running servers to coding agents over NATS JetStream, and proven fixes back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 it failed and says why, 2 what was given cannot be used, 3 no "
    "NATS server can be used, 130 Ctrl-C; what a command has beside them, its help says.",
)
run.register(app)
server.register(app)
streams_look.register(streams.app)
streams_change.register(streams.app)
app.add_typer(streams.app, name="streams", no_args_is_help=True)
consumers.register(app)
cases.register(app)
kept.register(app)
quarantine.register(app)
deploy.register(app)
halt.register(app)
doctor.register(app)
status.register(app)
capacity.register(app)
erase.register(app)
replay.register(app)
metrics.register(app)
alerts.register(app)
backup.register(app)
mcp.register(app)
tasks.register(app)
specialist.register(app)
app.add_typer(host.app, name="host", no_args_is_help=True)
_add_gateway(app)
_add_dashboard(app)


@app.command("report", context_settings=_FORWARD, help=bare.REPORT_HELP)
def report(context: typer.Context) -> None:
    """Forward to the bare command, so that both installs behave alike."""
    raise typer.Exit(bare.run(["report", *context.args]))


@app.command("signature", context_settings=_FORWARD, help=SIGNATURE_HELP)
def signature(context: typer.Context) -> None:
    """Forward to the bare command, so that both installs behave alike."""
    raise typer.Exit(bare.run(["signature", *context.args]))


app.add_typer(screen.app, name="screen")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mendwire {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def _line() -> Any:  # noqa: ANN401 - typer keeps the types of its commands to itself
    """The commands, their help without the ``<bool>`` that typer writes beside every switch."""
    line = typer.main.get_command(app)
    waiting: list[Any] = [line]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.params:
            _hush(parameter)
        command.get_help_option = partial(_hushed_help, command.get_help_option)
    return line


def _hushed_help(made: Callable[[typer.Context], Any], context: typer.Context) -> Any:  # noqa: ANN401 - as above
    return _hush(made(context))


def _hush(parameter: Any) -> Any:  # noqa: ANN401 - as above
    if getattr(parameter, "is_flag", False):
        parameter.metavar = ""
    return parameter


def run_line(arguments: list[str]) -> int:
    """Parse and run; usage errors print one box on standard error and give 2."""
    try:
        _line()(arguments, prog_name="mendwire")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
