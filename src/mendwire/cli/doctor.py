"""``mendwire doctor``: what is wrong, and the command that mends it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from mendwire.app.doctor import examined
from mendwire.cli.asking import AsJson
from mendwire.model.printable import printable
from mendwire.ops.findings import Finding, Level

_STYLES: Final = {
    Level.OK: "green",
    Level.SKIPPED: "dim",
    Level.WARN: "yellow",
    Level.BAD: "bold red",
}


def doctor(
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="A warning counts as bad, too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what is wrong.")] = False,
) -> None:
    """Look at everything a worker stands on; each finding comes with its remedy.

    Changes nothing, takes nothing from a queue and starts no server. Exits with 0 when nothing is
    bad, else with 1: fit for a health check.
    """
    findings = asyncio.run(examined())
    wrong = {Level.BAD, Level.WARN} if strict else {Level.BAD}
    shown = [one for one in findings if not quiet or one.level in {Level.BAD, Level.WARN}]
    if as_json:
        print(json.dumps([asdict(finding) for finding in shown], ensure_ascii=True))
    else:
        _print(shown)
        counts = Counter(finding.level for finding in findings)
        if not quiet:
            print(", ".join(f"{counts[level]} {level}" for level in Level if counts[level]))
    raise typer.Exit(1 if any(finding.level in wrong for finding in findings) else 0)


def _print(findings: list[Finding]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        style = _STYLES[finding.level]
        line = Text(f"{finding.level:<8}", style)
        line.append(f"{finding.check:<14}", "bold")
        line.append(printable(finding.found, 600), "")
        console.print(line)
        if finding.remedy:
            console.print(Text(f"{'':<22}-> {printable(finding.remedy, 300)}", "cyan"))


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(doctor)
