"""``mendwire streams``."""

from __future__ import annotations

import typer

from mendwire.cli import streams_change, streams_look, streams_plan


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    streams = typer.Typer(
        help="Streams, consumers and buckets: what is needed, and making it so.",
        no_args_is_help=True,
    )
    for part in (streams_plan, streams_look, streams_change):
        part.register(streams)
    app.add_typer(streams, name="streams")
