"""The commands of the bare install, so that both installs behave alike."""

from __future__ import annotations

from typing import Final

import typer

from mendwire.cli import bare
from mendwire.cli.signature import SIGNATURE_HELP

_FORWARD: Final = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("report", context_settings=_FORWARD, help=bare.REPORT_HELP)(_report)
    app.command("signature", context_settings=_FORWARD, help=SIGNATURE_HELP)(_signature)


def _report(context: typer.Context) -> None:
    raise typer.Exit(bare.run(["report", *context.args]))


def _signature(context: typer.Context) -> None:
    raise typer.Exit(bare.run(["signature", *context.args]))
