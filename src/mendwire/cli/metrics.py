"""``mendwire metrics``: the figures for Prometheus, once."""

from __future__ import annotations

import json
import sys

import typer

from mendwire.app.beside import pulse_of
from mendwire.app.looking import Sight, configured
from mendwire.app.metrics import families, readings_of, written
from mendwire.cli.asking import AsJson, see
from mendwire.ops.pulse import CaseBook
from mendwire.ops.readings import Reading


def metrics(as_json: AsJson = False) -> None:
    """What the server and the docket say, as Prometheus reads it, once.

    `[metrics] listen` makes `mendwire work` and `mendwire up` serve the same, with what they
    themselves have counted.
    """
    _, environment = configured(None)

    async def read(sight: Sight) -> list[Reading]:
        book = CaseBook(docket=sight.docket)
        return await readings_of(sight, book, await pulse_of(sight, environment, book))

    found = see(read)
    if as_json:
        print(json.dumps([_row(reading) for reading in found]))
    else:
        sys.stdout.write(written(families(found)))


def _row(reading: Reading) -> dict[str, object]:
    samples = [
        {"labels": dict(zip(reading.labels, values, strict=True)), "value": value}
        for values, value in reading.samples.items()
    ]
    return {"name": reading.name, "help": reading.help, "samples": samples}


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("metrics")(metrics)
