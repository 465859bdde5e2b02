"""The pages together: what they share, who may see which, and what becomes of errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mendwire.dashboard.backstage import Backstage, Stand
from mendwire.dashboard.casebook import CaseBook
from mendwire.dashboard.door import Door, Notice
from mendwire.dashboard.history import History
from mendwire.dashboard.hub import Hub
from mendwire.dashboard.people import Person
from mendwire.errors import ConfigError, MendwireError, ServerError
from mendwire.settings.watching import Traces
from mendwire.wire.jetstream import JetStreamBus

FRESH_S: Final = 1.5
"""How things stand is read anew after so long, however many look."""
_MOST_BODY: Final = 64 * 1024
_MOST_FIELDS: Final = 20
_GONE: Final = 404
_AWAY: Final = 503
_BROKEN: Final = 500

Form = Mapping[str, str]
Look = Callable[["Site", Request, Person], Awaitable[Response]]
Act = Callable[["Site", Request, Person, Form], Awaitable[str]]
"""Does what a form says; gives the sentence that the next page shows."""


@dataclass(kw_only=True, slots=True)
class Glance:
    """How things stand, kept for a moment."""

    backstage: Backstage
    _stand: Stand | None = None
    _at: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def stand(self) -> Stand:
        """Not older than ``FRESH_S``."""
        async with self._turn:
            if self._stand is None or time.monotonic() - self._at > FRESH_S:
                self._stand, self._at = await self.backstage.stand(), time.monotonic()
            return self._stand

    @property
    def last(self) -> Stand | None:
        """As it was read last, if ever."""
        return self._stand

    def is_over(self) -> None:
        """Somebody has just changed something."""
        self._at = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Everything that a page is made of."""

    door: Door
    backstage: Backstage
    bus: JetStreamBus
    book: CaseBook
    history: History
    hub: Hub
    templates: Environment
    glance: Glance
    traces: Traces
    """Where traces are shown, if anywhere."""

    def page(
        self,
        request: Request,
        person: Person,
        name: str,
        *,
        title: str,
        live: str = "",
        status: int = 200,
        **context: Any,  # noqa: ANN401 - whatever the template shows
    ) -> Response:
        """A whole page, or only its changing part where a page of ours asks for it anew.

        ``live`` are the topics at which it does.
        """
        stand = self.glance.last
        shared = {
            "person": person,
            "form_token": self.door.sessions.form_token(person),
            "here": request.url.path,
            "again": _asked(request),
            "title": title,
            "live": live,
            "stand": stand,
            "now_ns": time.time_ns(),
            "part": f"parts/{name}.html",
        }
        is_part = "hx-request" in request.headers
        template = f"parts/{name}.html" if is_part else f"{name}.html"
        if not is_part:
            shared["notice"] = self.door.noted(person)
        body = self.templates.get_template(template).render(shared | context)
        return HTMLResponse(body, status, headers={"vary": "HX-Request, Cookie"})

    def refusal(self, request: Request, person: Person | None, text: str, status: int) -> Response:
        """A page with one sentence."""
        context: dict[str, Any] = {"text": text, "person": person, "title": "Not so", "live": ""}
        if person is not None:
            context["form_token"] = self.door.sessions.form_token(person)
        context |= {"here": request.url.path, "stand": self.glance.last, "now_ns": time.time_ns()}
        name = "parts/refusal.html" if "hx-request" in request.headers else "refusal.html"
        return HTMLResponse(self.templates.get_template(name).render(context), status)


def looking(site: Site, look: Look) -> Callable[[Request], Awaitable[Response]]:
    """A page for whoever may look."""

    async def served(request: Request) -> Response:
        person = site.door.person(request)
        if person is None:
            return _to_login(site, request)
        try:
            return await look(site, request, person)
        except MendwireError as problem:
            return site.refusal(request, person, str(problem), _status(problem))

    return served


def operating(site: Site, look: Look) -> Callable[[Request], Awaitable[Response]]:
    """A page for operators alone."""

    async def checked(site: Site, request: Request, person: Person) -> Response:
        if not person.may_act:
            return site.refusal(request, person, "Only an operator may see this.", 403)
        return await look(site, request, person)

    return looking(site, checked)


def acting(
    site: Site, act: Act, back: Callable[[Request], str]
) -> Callable[[Request], Awaitable[Response]]:
    """A deed for operators: sent by a page of ours, with the token of its form."""

    async def served(request: Request) -> Response:
        door = site.door
        if not door.is_ours(request):
            text = "This form was sent by another page: open the dashboard and try again there."
            return site.refusal(request, None, text, 403)
        person = door.person(request)
        if person is None:
            return RedirectResponse("/login", 303)
        if not person.may_act:
            return site.refusal(request, person, "Only an operator may do this.", 403)
        form = await read_form(request)
        if form is None:
            return site.refusal(request, person, "This form is too large.", 413)
        if not door.sessions.is_theirs(person, form.get("form_token", "")):
            text = "This page is too old: load it again, then send the form."
            return site.refusal(request, person, text, 403)
        try:
            notice = Notice(text=await act(site, request, person, form))
        except MendwireError as problem:
            notice = Notice(text=str(problem), is_bad=True)
        site.glance.is_over()
        door.note(person, notice)
        return RedirectResponse(back(request), 303)

    return served


async def read_form(request: Request) -> Form | None:
    """The fields of a form, the last of each name; None where it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            return None
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None
    return dict(pairs)


def local(target: str) -> str:
    """Where somebody wanted to go, if that is a page of ours; else the first page."""
    is_plain = target.isascii() and target.isprintable() and "\\" not in target
    is_here = target.startswith("/") and not target.startswith("//")
    return target if is_plain and is_here else "/"


def _to_login(site: Site, request: Request) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    if request.headers.get("sec-fetch-site") == "cross-site":
        # Somebody followed a link from elsewhere, with which the browser sends no cookie of ours:
        # our own page asks again, and with that request it comes.
        target = local(_asked(request))
        body = site.templates.get_template("again.html").render(target=target)
        return HTMLResponse(body)
    if not site.door.tokens.operator and not site.door.tokens.viewer:
        text = "The proxy before this dashboard does not say who you are, or you may not look."
        return site.refusal(request, None, text, 403)
    return RedirectResponse(f"/login?next={quote(local(_asked(request)))}", 303)


def _asked(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _status(problem: MendwireError) -> int:
    if isinstance(problem, ServerError):
        return _AWAY
    return _GONE if isinstance(problem, ConfigError) else _BROKEN
