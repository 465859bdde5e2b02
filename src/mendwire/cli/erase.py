"""``mendwire erase``: a person's data out of everything that is kept."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.erasing import erased_here, erased_on_server
from mendwire.app.looking import configured, looking
from mendwire.cli.asking import AsJson, Yes, confirm, safe
from mendwire.errors import ConfigError
from mendwire.model.erasure import Eraser, eraser_of
from mendwire.ops.erasure import Erased, How

_LARGEST = 64 * 1024


def erase(
    person: Annotated[
        list[str] | None,
        typer.Argument(
            help="Texts that stand for the person: an address, a user's id, a name. Without any, "
            "or with -, they are read from standard input, a line each, so that they do not stay "
            "in the shell's history.",
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased; change nothing.")
    ] = False,
    spool: Annotated[
        list[Path] | None,
        typer.Option(help="A further spool of reports on this machine; repeatable.", metavar="DIR"),
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Only what lies on this machine: no server is asked.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person's data from streams, cases, evidence, quarantine, dead letters and spools.

    Their text becomes [erased]; the errors stay, and so do their cases. What is left to you (a
    case in work, a fix that has the text in its code) is named, and the exit code is 1. A spool on
    another machine is erased there, with --here. Server backups and logs are yours to clear.
    """
    for folder in spool or []:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder: give the folder of a spool.")
    eraser = eraser_of(_texts(person or []))
    config, environment = configured(None)

    async def places(*, for_real: bool) -> list[Erased]:
        found: list[Erased] = []
        if not here:
            async with looking(config, environment) as sight:
                async for place in erased_on_server(sight, eraser, for_real=for_real):
                    _tell(place, found, quiet=as_json or not for_real)
        local = erased_here(config, environment, spool or [], eraser, for_real=for_real)
        async for place in local:
            _tell(place, found, quiet=as_json or not for_real)
        return found

    if dry_run or not yes:
        found = asyncio.run(places(for_real=False))
        if dry_run or not _sum(found):
            _end(found, eraser, as_json=as_json, verb="would be")
            return
        question = f"{_sum(found)} entries hold the text. Erase it? It cannot be brought back."
        confirm(question, yes=yes)
    found = asyncio.run(places(for_real=True))
    _end(found, eraser, as_json=as_json, verb="were")
    if any(place.how is How.LEFT for place in found):
        raise typer.Exit(1)


def _texts(given: list[str]) -> list[str]:
    if given and given != ["-"]:
        return given
    if sys.stdin.isatty():
        raise ConfigError(
            "There is no text to erase: it is read from standard input, or from the arguments."
        )
    return sys.stdin.read(_LARGEST).splitlines()


def _sum(found: list[Erased]) -> int:
    return sum(place.found for place in found if place.how is not How.LEFT)


def _tell(place: Erased, found: list[Erased], *, quiet: bool) -> None:
    found.append(place)
    if not quiet and place.found:
        print(_line(place), file=sys.stderr, flush=True)


def _line(place: Erased) -> str:
    return safe(f"{place.place}: {place.found} {place.note or place.how}")


def _end(found: list[Erased], eraser: Eraser, *, as_json: bool, verb: str) -> None:
    if as_json:
        print(json.dumps([asdict(place) for place in found if place.found], indent=2))
        return
    if verb == "would be":
        for place in found:
            if place.found:
                print(_line(place))
    count = _sum(found)
    left = sum(place.how is How.LEFT for place in found)
    texts = "this text" if len(eraser.persons) == 1 else f"these {len(eraser.persons)} texts"
    print(
        f"{count} entries with {texts} {verb} erased."
        if count
        else f"Nothing that is kept holds {texts}."
    )
    if left:
        print(f"{left} places are left to you; see above.")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("erase")(erase)
