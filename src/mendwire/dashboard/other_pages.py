"""The overview, and pages of what is kept: results, held reports, dead letters, tasks, agents."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mendwire.dashboard.attention import needs
from mendwire.dashboard.case_pages import needed_note, note_of
from mendwire.dashboard.drawing import draw
from mendwire.dashboard.people import Person
from mendwire.dashboard.rates import RANGES, chart_of, range_of
from mendwire.dashboard.site import Form, Site
from mendwire.dashboard.story import report_shown
from mendwire.errors import ConfigError, MendwireError
from mendwire.model.case import HELD, CaseState
from mendwire.model.report import Trust
from mendwire.model.screening import Screening

LISTED: Final = 100
_DIGITS: Final = 18
_SERVICES: Final = 12


async def overview(site: Site, request: Request, person: Person) -> Response:
    """How things stand, what needs a person first."""
    stand = await site.glance.stand()
    await site.book.read()
    wanted = range_of(request.query_params.get("range", ""))
    past = await site.history.past()
    chart = chart_of(past.slots, past.deployments, wanted, stand.now_ns)
    counts = site.book.states()
    return site.page(
        request,
        person,
        "overview",
        title="Overview",
        live="queues cases results dead quarantine agents",
        needs=needs(stand, site.book.lines),
        chart=chart,
        drawn=draw(chart),
        ranges=RANGES,
        spent=past.spent,
        days=past.days,
        in_work=sum(counts[state.value] for state in HELD),
        counts=[(state.value, counts[state.value]) for state in CaseState if counts[state.value]],
        newest=site.book.lines[-6:][::-1],
        services=stand.services[:_SERVICES],
        more_services=max(0, len(stand.services) - _SERVICES),
    )


async def agents(site: Site, request: Request, person: Person) -> Response:
    """Workers, and what each of them holds."""
    await site.glance.stand()
    await site.book.read()
    held = [line for line in site.book.lines if line.holder and line.state in HELD]
    return site.page(
        request, person, "agents", title="Agents", live="agents cases", held=held[::-1]
    )


async def halt(site: Site, _request: Request, person: Person, form: Form) -> str:
    """Stop everything."""
    return await site.backstage.halt(person.name, needed_note(form))


async def resume(site: Site, _request: Request, person: Person, _form: Form) -> str:
    """Let workers go on."""
    return await site.backstage.resume(person.name)


async def tasks(site: Site, request: Request, person: Person) -> Response:
    """Tasks for agents."""
    await site.glance.stand()
    with_ended = request.query_params.get("all") == "1"
    rows = await site.backstage.tasks(with_ended=with_ended)
    return site.page(
        request,
        person,
        "tasks",
        title="Tasks",
        live="tasks results",
        rows=rows[:LISTED],
        more=max(0, len(rows) - LISTED),
        with_ended=with_ended,
    )


async def task(site: Site, request: Request, person: Person) -> Response:
    """One task."""
    await site.glance.stand()
    found = await site.backstage.task(str(request.path_params["task"])[:130])
    fields = [(name, _laid_out(value)) for name, value in found.items() if value not in ("", None)]
    return site.page(
        request,
        person,
        "task",
        title=f"Task {found['task']}",
        live="tasks results",
        fields=fields,
        task=found,
        is_open="result" not in found,
    )


async def cancel(site: Site, request: Request, person: Person, form: Form) -> str:
    """End a task."""
    return await site.backstage.cancel(
        person.name, str(request.path_params["task"])[:130], note_of(form)
    )


async def results(site: Site, request: Request, person: Person) -> Response:
    """Published results, newest first."""
    return await _kept_list(site, request, person, "RESULTS")


async def dead(site: Site, request: Request, person: Person) -> Response:
    """Dead letters, newest first."""
    return await _kept_list(site, request, person, "DEAD")


async def result(site: Site, request: Request, person: Person) -> Response:
    """One result."""
    return await _kept_one(site, request, person, "RESULTS")


async def dead_letter(site: Site, request: Request, person: Person) -> Response:
    """One dead letter, whole."""
    return await _kept_one(site, request, person, "DEAD")


async def replay(site: Site, request: Request, person: Person, _form: Form) -> str:
    """Let a dead letter enter again."""
    return await site.backstage.replay(person.name, _seq(request))


async def remove(site: Site, request: Request, person: Person, form: Form) -> str:
    """Give a dead letter up."""
    return await site.backstage.remove(person.name, _seq(request), needed_note(form))


async def quarantine(site: Site, request: Request, person: Person) -> Response:
    """What the screen holds back, oldest first."""
    await site.glance.stand()
    rows = await site.backstage.held(LISTED)
    return site.page(
        request,
        person,
        "quarantine",
        title="Quarantine",
        live="quarantine",
        rows=rows,
        is_full=len(rows) == LISTED,
    )


async def held(site: Site, request: Request, person: Person) -> Response:
    """One held report, whole: for operators alone."""
    await site.glance.stand()
    seq = _seq(request)
    item = await site.backstage.kept_one("QUARANTINE", seq)
    judged: Screening | str
    try:
        trust = Trust.LOW if item.trust == Trust.LOW else Trust.TRUSTED
        judged = await site.backstage.screened(item.payload, trust)
    except MendwireError as problem:
        judged = str(problem)
    screening = judged if isinstance(judged, Screening) else None
    return site.page(
        request,
        person,
        "held",
        title=f"Held report {seq}",
        item=item,
        report=report_shown(item.payload, screening),
        screening=screening,
        why_not_screened="" if isinstance(judged, Screening) else judged,
    )


async def release(site: Site, request: Request, person: Person, form: Form) -> str:
    """Let a held report through."""
    return await site.backstage.release(person.name, _seq(request), needed_note(form))


async def discard(site: Site, request: Request, person: Person, form: Form) -> str:
    """Give a held report up."""
    return await site.backstage.discard(
        person.name, _seq(request), needed_note(form), harmless=form.get("label") == "benign"
    )


async def _kept_list(site: Site, request: Request, person: Person, kind: str) -> Response:
    await site.glance.stand()
    before = _number(request.query_params.get("before", "0"))
    rows = await site.backstage.kept(kind, LISTED, before)
    name = kind.lower()
    return site.page(
        request,
        person,
        name,
        title="Results" if kind == "RESULTS" else "Dead letters",
        live="" if before else name,
        rows=rows,
        before=rows[-1].seq if len(rows) == LISTED else 0,
    )


async def _kept_one(site: Site, request: Request, person: Person, kind: str) -> Response:
    await site.glance.stand()
    item = await site.backstage.kept_one(kind, _seq(request))
    name = "result" if kind == "RESULTS" else "dead_letter"
    return site.page(
        request,
        person,
        name,
        title=f"{'Result' if kind == 'RESULTS' else 'Dead letter'} {item.seq}",
        item=item,
        payload=_laid_out(_parsed(item.payload)),
    )


def _seq(request: Request) -> int:
    return _number(str(request.path_params["seq"]))


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return int(text)
    raise ConfigError("There is no such message.")


def _parsed(payload: bytes) -> object:
    with suppress(ValueError, RecursionError):
        return json.loads(payload)
    return payload.decode("utf-8", "replace")


def _laid_out(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
