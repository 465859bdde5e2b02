"""``mendwire quarantine``: reports that the screen held back, and a person's word on them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mendwire.app.looking import Sight, operator
from mendwire.cli.asking import AsJson, Note, Yes, confirm, see
from mendwire.cli.kept import Seq, Seqs, show_one
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError
from mendwire.ops.quarantine import MOST, Decision, Desk, Label

T = TypeVar("T")
_COLUMNS = ("seq", "at", "origin", "trust", "score", "rules", "message", "more")

_quarantine = typer.Typer(help="Reports that the screen held back.", no_args_is_help=True)
Rule = Annotated[str, typer.Option(help="Only those that this rule spoke of.", metavar="ID")]


@_quarantine.command("list")
@_quarantine.command("ls", hidden=True)
def list_held(
    rule: Rule = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = MOST,
    as_json: AsJson = False,
) -> None:
    """Those that wait for a decision, oldest first; more: how many alike were only counted."""
    rows = _at_desk(lambda desk: desk.held(rule=rule, limit=limit))
    print_table([asdict(row) for row in rows], _COLUMNS, as_json, "Nothing is held back.")
    if len(rows) == limit and not as_json:
        print(f"There may be more than these {limit}: --limit takes a larger number.")


@_quarantine.command("show")
def show_held(seq: Seq, as_json: AsJson = False) -> None:
    """One report whole, made safe to print. It is hostile text: give it to no agent."""
    show_one("QUARANTINE", seq, as_json=as_json)


@_quarantine.command("release")
def release(seqs: Seqs, note: Note = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Let reports through that were held by mistake: they enter again and count as passed.

    Exactly these bytes are released; the same error with another text is screened anew.
    """
    confirm(f"Release {_named(seqs)}? Agents will read the text as it stands.", yes=yes)
    see(lambda sight: sight.audit.note("quarantine release", _listed(seqs), note))
    _each(seqs, lambda desk, seq: desk.release(seq, note), as_json)


@_quarantine.command("discard")
def discard(
    seqs: Annotated[list[int] | None, typer.Argument(help="Their numbers in the list.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    rule: Rule = "",
    harmless: Annotated[
        bool, typer.Option("--harmless", help="It was no attack, but is not wanted either.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Keep no labelled row of it: gone for good.")
    ] = False,
    note: Note = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give reports up. They are kept as labelled rows for export; --forget keeps nothing.

    With --rule all that this rule spoke of. Their bugs stay known by their restricted cases.
    """
    wanted = _chosen(seqs or [], everything, rule)
    if not wanted:
        print("[]" if as_json else "Nothing is held back.")
        return
    last = " Nothing of it will be left." if forget else ""
    confirm(f"Discard {_named(wanted)}?{last}", yes=yes)
    label = Label.BENIGN if harmless else Label.ATTACK
    see(lambda sight: sight.audit.note("quarantine discard", _listed(wanted), note))
    _each(wanted, lambda desk, seq: desk.discard(seq, label, note, forget=forget), as_json)


@_quarantine.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="A new file; default: print.")] = None,
    *,
    held: Annotated[
        bool, typer.Option("--held", help="Also those that wait, with no label.")
    ] = False,
) -> None:
    """Every decision as a labelled row (JSON lines), as `mendwire screen evaluate` reads them.

    The texts are hostile and may hold personal data. Every character but ASCII is escaped.
    """

    async def rows(desk: Desk) -> list[str]:
        return [json.dumps(row, ensure_ascii=True) async for row in desk.export(held=held)]

    lines = _at_desk(rows)
    if file is None:
        for line in lines:
            print(line)
        return
    try:
        with file.open("x", encoding="ascii") as target:
            target.writelines(f"{line}\n" for line in lines)
    except OSError as problem:
        raise ConfigError(f"{file} cannot be written anew: {problem.strerror}.") from None
    print(f"{len(lines)} rows in {file}.")


def _chosen(seqs: Sequence[int], everything: bool, rule: str) -> list[int]:
    if seqs and not (everything or rule):
        return list(dict.fromkeys(seqs))
    if seqs or not (everything or rule):
        raise ConfigError("Name either numbers of the list, or --all, or --rule.")
    return _at_desk(lambda desk: desk.waiting(rule=rule))


def _named(seqs: Sequence[int]) -> str:
    return f"number {seqs[0]}" if len(seqs) == 1 else f"{len(seqs)} reports"


def _listed(seqs: Sequence[int]) -> str:
    return f"QUARANTINE {', '.join(map(str, seqs))}"


def _each(
    seqs: Sequence[int], how: Callable[[Desk, int], Awaitable[Decision]], as_json: bool
) -> None:
    """One after the other; each is told when it is done, so that a failure half way is clear."""
    done: list[Decision] = []

    async def decide(desk: Desk) -> None:
        for seq in dict.fromkeys(seqs):
            done.append(await how(desk, seq))
            if not as_json:
                print(_told(done[-1]), flush=True)

    try:
        _at_desk(decide)
    finally:
        if as_json:
            print(json.dumps([asdict(decision) for decision in done]))


def _told(decision: Decision) -> str:
    if decision.entered:
        return f"{decision.seq} is released: it waits as {decision.entered}."
    return f"{decision.seq} is discarded, as {decision.label.value}."


def _at_desk(ask: Callable[[Desk], Awaitable[T]]) -> T:
    async def asked(sight: Sight) -> T:
        return await ask(Desk(sight.bus, sight.releases, operator()))

    return see(asked)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(_quarantine, name="quarantine")
