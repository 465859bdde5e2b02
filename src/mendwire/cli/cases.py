"""``mendwire cases``: every bug that is known, safely printed, and the hand on one."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mendwire.app.evidence import evidence_for
from mendwire.app.houses import houses_of
from mendwire.app.looking import Sight, operator
from mendwire.app.traces import rebuild
from mendwire.cli.asking import (
    AsJson,
    Note,
    Yes,
    confirm,
    duration_ns,
    print_fields,
    see,
)
from mendwire.cli.case_telling import told
from mendwire.cli.tables import print_table
from mendwire.docket.cases import Filed
from mendwire.errors import ConfigError
from mendwire.model.case import Case
from mendwire.model.codec import encode
from mendwire.model.printable import printable
from mendwire.ops import cases as desk
from mendwire.ops.quarantine import Decision, Desk
from mendwire.settings.rate import per_hour

CaseId = Annotated[str, typer.Argument(help="Case id, issue key, or the beginning of one.")]

T = TypeVar("T")

_cases = typer.Typer(help="Cases: one for each bug.", no_args_is_help=True)


@_cases.command("list")
@_cases.command("ls", hidden=True)
def list_cases(as_json: AsJson = False) -> None:
    """Every case, the one changed last at the end."""
    rows = see(lambda sight: desk.listing(sight.docket))
    columns = ("case", "state", "waits", "verdict", "title", "environment", "occurrences", "branch")
    print_table([asdict(row) for row in rows], columns, as_json, "No case yet.")


@_cases.command("show")
def show_case(case: CaseId, as_json: AsJson = False) -> None:
    """One case: what came of it, why, and its report; --json has every field."""

    async def found(sight: Sight) -> tuple[Filed, str, str, str]:
        filed = await desk.find(sight.docket, case)
        waits = await desk.waits(sight.docket, filed.case)
        shares = await desk.shares(sight.docket, filed.case)
        return filed, waits, shares, sight.config.traces.link(filed.case.span.trace_id)

    filed, waits, shares, trace_url = see(found)
    if not as_json:
        print_fields(told(filed.case, waits, shares, trace_url), 17)
        return
    body = json.loads(encode(filed.case))
    body |= {"trace_id": filed.case.span.trace_id, "trace_url": trace_url}
    body["report"] = filed.case.report.decode("utf-8", "replace")
    print(json.dumps(body, ensure_ascii=True))


@_cases.command("retry")
def retry_case(case: CaseId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Let a parked case go on, or investigate a finished one again, as its next episode.

    Asks where a fix is given up that waits to be merged, or is merged and not deployed.
    """
    sure = yes
    if not yes and (stake := see(lambda sight: desk.stake(sight.docket, case))):
        confirm("Try again?", yes=False, why=stake)
        sure = True
    opened = see(
        _noted("cases retry", case, lambda sight: desk.retry(sight.docket, case, sure=sure))
    )
    if as_json:
        print(json.dumps({"case": opened.case_id, "state": opened.state}))
    else:
        print(f"{opened.case_id} is open; the next free worker takes it.")


@_cases.command("reopen")
def reopen_case(case: CaseId, yes: Yes = False, as_json: AsJson = False) -> None:
    """The same as retry: the word for a case that is closed, blocked or withdrawn."""
    retry_case(case, yes=yes, as_json=as_json)


@_cases.command("approve")
def approve_case(
    case: CaseId,
    level: Annotated[
        str, typer.Option("--as", help="branch or request; default: as far as it can go.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let a proposed fix be handed over: as a branch, or as a pull or merge request.

    Also where autonomy ended with the finding: then a fix is made for it first.
    """
    if level not in {"", "branch", "request"}:
        raise ConfigError("--as takes branch or request.")

    async def approved(sight: Sight) -> tuple[Case, str]:
        config = sight.config
        most = desk.furthest(config.delivery, config.forge)
        if level == "request" and most != "request":
            raise ConfigError("A request needs [forge] and delivery.push in mendwire.toml.")
        found = (await desk.find(sight.docket, case)).case
        await sight.audit.note("cases approve", found.case_id, level or most)
        return await desk.approve(sight.docket, case, level or most, operator()), level or most

    opened, how = see(approved)
    if as_json:
        print(json.dumps({"case": opened.case_id, "state": opened.state, "as": how}))
    else:
        print(f"{opened.case_id} is approved as {how}; the next free worker hands it over.")


@_cases.command("silence")
def silence_case(
    case: CaseId,
    time_: Annotated[
        str, typer.Option("--for", help="30m, 12h, 7d; default: until cases retry.", metavar="TIME")
    ] = "",
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Lay a case aside, also while an agent works on it. Its errors are counted, nothing is spent.

    Known errors that nobody will mend are best silenced so, instead of being paid for again.
    """
    until_ns = time.time_ns() + duration_ns(time_) if time_ else 0
    why = note or f"silenced by {operator()}"

    def silenced(sight: Sight) -> Awaitable[Case]:
        return desk.silence(sight.docket, case, why, until_ns)

    silent = see(_noted("cases silence", case, silenced, note))
    if as_json:
        print(json.dumps({"case": silent.case_id, "state": silent.state, "until_ns": until_ns}))
    else:
        end = f"for {time_}" if time_ else "until you say: mendwire cases retry"
        print(f"{silent.case_id} is silent {end}.")


@_cases.command("close")
def close_case(case: CaseId, note: Note = "", as_json: AsJson = False) -> None:
    """Nothing is to be done about it: what goes on ends, a fix that waits is withdrawn.

    Its errors are counted; cases retry takes it up again.
    """
    why = note or f"closed by {operator()}"
    closed = see(
        _noted("cases close", case, lambda sight: desk.close(sight.docket, case, why), note)
    )
    if as_json:
        print(json.dumps({"case": closed.case_id, "state": closed.state}))
    else:
        print(f"{closed.case_id} is {closed.state}, until you say: mendwire cases retry")


@_cases.command("observe")
def observe_case(
    case: CaseId,
    until: Annotated[
        str, typer.Option("--until", help="How many within an hour: 20/h.", metavar="RATE")
    ],
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Only count a case's errors, until so many come within an hour; then it is investigated.

    What is counted begins now. To end it before: cases retry.
    """
    try:
        rate = per_hour(until)
    except ValueError as problem:
        raise ConfigError(f"{problem}.") from None
    why = note or f"observed by {operator()}"

    def observed(sight: Sight) -> Awaitable[Case]:
        return desk.observe(sight.docket, case, why, rate)

    watched = see(_noted("cases observe", case, observed, note))
    if as_json:
        print(json.dumps({"case": watched.case_id, "state": watched.state, "at_rate": rate}))
    else:
        print(f"{watched.case_id} is counted, and investigated once it comes {rate} times an hour.")


@_cases.command("release")
def release_case(case: CaseId, note: Note = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Lift the restriction of a case: its report enters again and counts as passed.

    Read it first: cases show, and quarantine show where its text was rejected.
    """
    confirm("Release its report? Agents will read the text as it stands.", yes=yes)

    async def released(sight: Sight) -> Decision:
        at_desk = Desk(sight.bus, sight.releases, operator())
        return await desk.unrestricted(at_desk, sight.docket, case, note)

    decision = see(_noted("cases release", case, released, note))
    text = f"Released: it waits as {decision.entered}, and opens a case of its own."
    print(json.dumps(asdict(decision)) if as_json else text)


@_cases.command("evidence")
def evidence_of_case(
    case: CaseId,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A page; the default.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write both into this folder.", metavar="DIR")
    ] = None,
) -> None:
    """What a verdict stands on: report, finding, red and green runs, change, cost, versions."""
    if as_json and as_markdown:
        raise ConfigError("Say --json or --markdown, not both; --out writes both.")
    kinds = ("json", "md") if out else ("json",) if as_json else ("md",)

    async def read(sight: Sight) -> dict[str, bytes]:
        case_id = (await desk.find(sight.docket, case)).case.case_id
        return {f"{case_id}.{kind}": await evidence_for(sight.bus, case_id, kind) for kind in kinds}

    for name, data in see(read).items():
        if out is None:
            print(data.decode() if as_json else printable(data.decode(), len(data) * 8, lines=True))
            continue
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(data)
        except OSError as problem:
            raise ConfigError(f"{out / name} cannot be written: {problem.strerror}.") from None
        print(out / name)


@_cases.command("rebuild")
def rebuild_cases(as_json: AsJson = False) -> None:
    """File the cases that branches and results tell of, after the docket was lost."""

    async def rebuilt(sight: Sight) -> int:
        repositories = {house.name: await house.open() for house in houses_of(sight.config)}
        prefix = sight.config.delivery.branch_prefix
        return await rebuild(sight.docket, sight.bus, repositories, prefix)

    count = see(rebuilt)
    print(json.dumps({"filed": count}) if as_json else f"{count} cases filed; start the worker.")


def _noted(
    what: str, case: str, deed: Callable[[Sight], Awaitable[T]], detail: str = ""
) -> Callable[[Sight], Awaitable[T]]:
    """The deed with its line in the audit log before it."""

    async def done(sight: Sight) -> T:
        found = (await desk.find(sight.docket, case)).case
        await sight.audit.note(what, found.case_id, detail)
        return await deed(sight)

    return done


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(_cases, name="cases")
