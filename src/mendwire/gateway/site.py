"""The paths of the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mendwire.errors import Refused
from mendwire.gateway.doors import Door, head_of
from mendwire.gateway.haul import Whole
from mendwire.gateway.plain import PlainFace, parse_reports
from mendwire.gateway.sentry import Envelopes, SentryFace, parse_store
from mendwire.gateway.station import Station
from mendwire.model.report import Trust


def site(station: Station, further: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The ASGI application; ``further`` are the routes of other protocols."""
    envelope = Door(station, lambda _head, here: Envelopes(here.bounds.max_event), SentryFace())
    store = Door(
        station, lambda _head, here: Whole(parse_store, here.bounds.max_event), SentryFace()
    )
    plain = Door(
        station, lambda _head, here: Whole(parse_reports, here.bounds.max_body), PlainFace()
    )
    rest = Starlette(
        routes=[
            Route("/api/{project}/envelope/", envelope),
            Route("/api/{project}/envelope", envelope),
            Route("/api/{project}/store/", store),
            Route("/api/{project}/store", store),
            Route("/v1/errors", plain),
            *further,
            Route("/healthz", _healthy),
            Route("/readyz", _readiness(station)),
            Route("/v1/statistics", _statistics(station)),
        ],
        exception_handlers={HTTPException: _not_here},
    )

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        """Nearly all requests are envelopes: those need no router's search."""
        words = scope["path"].split("/") if scope["type"] == "http" else []
        if len(words) == 5 and words[1] == "api" and words[2] and words[3:] == ["envelope", ""]:  # noqa: PLR2004 - of /api/N/envelope/
            scope["path_params"] = {"project": words[2]}
            await envelope(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return served


def _healthy(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _readiness(station: Station) -> Any:  # noqa: ANN401 - what Starlette takes as an endpoint
    async def ready(_request: Request) -> Response:
        """Ready while reports can be kept: by the server, or on disk."""
        delivery = station.delivery
        is_connected = delivery.is_connected
        body = {
            "status": "ok" if is_connected else "spooling",
            "connected": is_connected,
            "spooled_bytes": station.totals.read().now["spooled_bytes"],
        }
        return JSONResponse(body)

    return ready


def _statistics(station: Station) -> Any:  # noqa: ANN401 - what Starlette takes as an endpoint
    async def statistics(request: Request) -> Response:
        """For trusted keys: they speak of all keys together."""
        try:
            key = station.authenticate(head_of(request.scope))
        except Refused as problem:
            return JSONResponse({"error": str(problem)}, status_code=problem.status)
        if key.trust is not Trust.TRUSTED:
            return JSONResponse({"error": "Only a trusted key may see this."}, status_code=403)
        return JSONResponse(figures_of(station))

    return statistics


def figures_of(station: Station) -> dict[str, Any]:
    """Everything that was counted since the start, by all processes of the gateway."""
    total = station.totals.read()
    return {**total.counted, **total.detailed, **total.now, "connected": total.connected}


async def _not_here(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    detail = "There is no such endpoint here." if problem.status_code == 404 else problem.detail  # noqa: PLR2004 - not found
    return JSONResponse({"detail": detail}, problem.status_code, headers=problem.headers)
