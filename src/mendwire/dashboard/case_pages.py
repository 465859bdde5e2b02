"""The list of cases, one case's story, and what an operator does about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mendwire.dashboard.casebook import PAGE, Line, Query
from mendwire.dashboard.people import Person
from mendwire.dashboard.site import Form, Site
from mendwire.dashboard.story import Told, story_of, told_of
from mendwire.docket.cases import Filed
from mendwire.errors import ConfigError, MendwireError, Undecodable
from mendwire.model.bodies import Result
from mendwire.model.case import Case, CaseState, Verdict
from mendwire.model.codec import decode_as
from mendwire.model.names import TOKEN
from mendwire.model.screening import Screening

_LAST: Final = 1 << 62
_MOST_STEPS: Final = 200
_TIMES_S: Final = {"1h": 3_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "": 0}
_NOTE: Final = 300


async def cases(site: Site, request: Request, person: Person) -> Response:
    """The list, searched."""
    await site.glance.stand()
    await site.book.read()
    query = _query(request)
    found = site.book.search(query)
    repeats = await _repeats(site, found.lines)
    return site.page(
        request,
        person,
        "cases",
        title="Cases",
        live="cases",
        found=found,
        query=query,
        repeats=repeats,
        states=[state.value for state in CaseState],
        verdicts=[verdict.value for verdict in Verdict],
        environments=site.book.environments(),
        counts=site.book.states(),
        page_size=PAGE,
        forgotten=site.book.forgotten,
    )


async def case(site: Site, request: Request, person: Person) -> Response:
    """One case's story."""
    await site.glance.stand()
    filed = await _found(site, request)
    found = filed.case
    story = story_of(
        found,
        repeats=await site.book.docket.repeats(found.issue),
        screening=await _screening(site, found),
        told=await _told(site, found),
        result=await _result(site, found),
        trace_url=site.traces.link(found.span.trace_id),
    )
    title = found.title or found.case_id
    return site.page(request, person, "case", title=title, live="case", story=story, case=found)


async def retry(site: Site, request: Request, person: Person, form: Form) -> str:
    """Let a worker take it on."""
    sure = form.get("sure") == "yes"
    return await site.backstage.retry(person.name, _wanted(request), sure=sure)


async def silence(site: Site, request: Request, person: Person, form: Form) -> str:
    """Lay it aside."""
    time = form.get("time", "")
    if time not in _TIMES_S:
        raise ConfigError("Choose one of the times.")
    return await site.backstage.silence(
        person.name, _wanted(request), note_of(form), _TIMES_S[time]
    )


async def close(site: Site, request: Request, person: Person, form: Form) -> str:
    """Nothing is to be done about it."""
    return await site.backstage.close(person.name, _wanted(request), needed_note(form))


async def approve(site: Site, request: Request, person: Person, form: Form) -> str:
    """Lift its restriction."""
    return await site.backstage.approve(person.name, _wanted(request), needed_note(form))


async def accept(site: Site, request: Request, person: Person, _form: Form) -> str:
    """Let its fix be handed over."""
    return await site.backstage.accept(person.name, _wanted(request))


def note_of(form: Form) -> str:
    """The reason that was given, on one line."""
    return re.sub(r"\s+", " ", form.get("note", "")).strip()[:_NOTE]


def needed_note(form: Form) -> str:
    """The same where there must be one; raises ConfigError."""
    if note := note_of(form):
        return note
    raise ConfigError("Say why, for those who read the decision later.")


def _query(request: Request) -> Query:
    given = request.query_params
    page = given.get("page", "0")
    return Query(
        words=given.get("q", "")[:200],
        state=given.get("state", "")[:20],
        verdict=given.get("verdict", "")[:20],
        environment=given.get("environment", "")[:40],
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0,  # noqa: PLR2004 - digits of more pages than there are
    )


async def _repeats(site: Site, lines: Sequence[Line]) -> dict[str, int]:
    return {line.issue: await site.book.docket.repeats(line.issue) for line in lines}


def _wanted(request: Request) -> str:
    wanted = str(request.path_params["case"])
    if TOKEN.fullmatch(wanted):
        return wanted
    raise ConfigError("There is no such case.")


async def _found(site: Site, request: Request) -> Filed:
    wanted = _wanted(request)
    try:
        return await site.backstage.case(wanted)
    except ConfigError:
        site.book.forget(wanted.rpartition("-e")[0] or wanted)
        raise


async def _screening(site: Site, found: Case) -> Screening | str:
    if not found.report:
        return "This case has no report: it was rebuilt from what it left."
    try:
        return await site.backstage.screened(found.report, found.trust)
    except MendwireError as problem:
        return str(problem)


async def _told(site: Site, found: Case) -> list[Told]:
    stream = site.bus.names.stream("INVESTIGATIONS")
    subject = site.bus.names.progress(found.case_id)
    walk = site.bus.walk(stream, _MOST_STEPS, _LAST, subject=subject)
    lines = [told_of(received) async for received in walk]
    return [line for line in lines if line is not None]


async def _result(site: Site, found: Case) -> Result | None:
    names = site.bus.names
    subject = f"{names.namespace}.results.*.{found.case_id}"
    stored = await site.bus.newest(names.stream("RESULTS"), subject)
    if stored is None:
        return None
    try:
        return decode_as(Result, stored.payload)
    except Undecodable:
        return None
