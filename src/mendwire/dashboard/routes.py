"""Which address leads to which page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from mendwire.dashboard import case_pages as about_cases
from mendwire.dashboard import other_pages as others
from mendwire.dashboard.guard import Guard
from mendwire.dashboard.people import Person
from mendwire.dashboard.site import (
    Act,
    Look,
    Site,
    acting,
    local,
    looking,
    operating,
    read_form,
)
from mendwire.dashboard.templates import STATIC

_WRONG_S: Final = 0.3
"""How long a wrong token waits for its answer."""
_YEAR: Final = "public, max-age=31536000, immutable"
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(site: Site, files: dict[str, bytes], hosts: frozenset[str]) -> ASGIApp:
    """The ASGI application."""
    return Guard(
        app=Starlette(
            routes=[
                _looked("/", site, others.overview),
                _looked("/cases", site, about_cases.cases),
                _looked("/cases/{case}", site, about_cases.case),
                _looked("/agents", site, others.agents),
                _looked("/tasks", site, others.tasks),
                _looked("/tasks/{task}", site, others.task),
                _looked("/results", site, others.results),
                _looked("/results/{seq}", site, others.result),
                _looked("/quarantine", site, others.quarantine),
                Route("/quarantine/{seq}", operating(site, others.held)),
                _looked("/dead", site, others.dead),
                Route("/dead/{seq}", operating(site, others.dead_letter)),
                *_deeds(site),
                Route("/news", looking(site, _news)),
                Route("/login", _login_page(site)),
                Route("/login", _login(site), methods=["POST"]),
                Route("/logout", _logout(site), methods=["POST"]),
                Route("/static/{name}", _static(files)),
                Route("/healthz", _healthy),
            ],
            exception_handlers={HTTPException: _not_here(site)},
        ),
        hosts=hosts,
    )


def _deeds(site: Site) -> list[Route]:
    case, held, letter, task = "/cases/{case}", "/quarantine/{seq}", "/dead/{seq}", "/tasks/{task}"

    def deed(path: str, act: Act, back: str = "") -> Route:
        def page(request: Request) -> str:
            return back or request.url.path.rpartition("/")[0]

        return Route(path, acting(site, act, page), methods=["POST"])

    return [
        deed(f"{case}/retry", about_cases.retry),
        deed(f"{case}/silence", about_cases.silence),
        deed(f"{case}/close", about_cases.close),
        deed(f"{case}/accept", about_cases.accept),
        deed(f"{case}/approve", about_cases.approve),
        deed(f"{held}/release", others.release, "/quarantine"),
        deed(f"{held}/discard", others.discard, "/quarantine"),
        deed(f"{letter}/replay", others.replay, "/dead"),
        deed(f"{letter}/discard", others.remove, "/dead"),
        deed(f"{task}/cancel", others.cancel),
        deed("/agents/halt", others.halt),
        deed("/agents/resume", others.resume),
    ]


def _looked(path: str, site: Site, look: Look) -> Route:
    return Route(path, looking(site, look))


async def _news(site: Site, _request: Request, _person: Person) -> Response:
    """An open line to a browser."""
    if site.hub.is_full:
        return Response("Too many pages are open.", 503, headers={"retry-after": "30"})
    return StreamingResponse(
        site.hub.news(),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


def _login_page(site: Site) -> Endpoint:
    async def page(request: Request) -> Response:
        target = local(request.query_params.get("next", "/"))
        if site.door.person(request) is not None:
            return RedirectResponse(target, 303)
        return _login_form(site, target)

    return page


def _login(site: Site) -> Endpoint:
    async def entering(request: Request) -> Response:
        form = await read_form(request) or {}
        target = local(form.get("next", "/"))
        if not site.door.is_ours(request):
            text = "This form was sent by another page: log in here."
            return _login_form(site, target, text, 403)
        wait = site.door.attempts.wait_s(site.door.caller(request))
        if wait:
            text = f"Too many wrong tokens: wait {wait} seconds."
            return _login_form(site, target, text, 429, {"retry-after": str(wait)})
        response = RedirectResponse(target, 303)
        if not site.door.enter(request, form.get("token", "").strip(), response):
            await asyncio.sleep(_WRONG_S)
            return _login_form(site, target, "That is not the token.", 403)
        return response

    return entering


def _logout(site: Site) -> Endpoint:
    async def leaving(request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        if site.door.is_ours(request):
            site.door.leave(request, response)
        return response

    return leaving


def _login_form(
    site: Site,
    target: str,
    problem: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    template = site.templates.get_template("login.html")
    return HTMLResponse(template.render(target=target, problem=problem), status, headers=headers)


def _static(files: dict[str, bytes]) -> Endpoint:
    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], headers={"content-type": STATIC[name], "cache-control": _YEAR})

    return file


async def _healthy(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _not_here(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        text = "There is no such page." if problem.status_code == 404 else problem.detail  # noqa: PLR2004 - not found
        return site.refusal(request, site.door.person(request), text, problem.status_code)

    return refused
