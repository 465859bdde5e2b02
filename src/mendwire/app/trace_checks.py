"""Whether spans would be taken: the endpoint asked as the exporter asks it."""

from __future__ import annotations

import importlib.util
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mendwire.app.trace_backend import endpoint_of, headers_of, shown
from mendwire.model.printable import printable
from mendwire.ops.findings import Found, aside, bad, ok, skipped, warn
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment

_ASK_S: Final = 5.0
_REFUSED: Final = 400
_LOGIN: Final = frozenset({401, 403})
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


async def traces_taken(config: Config, environment: Environment) -> list[Found]:
    """A request without spans is a request all the same: it is answered as one with spans."""
    url = endpoint_of(config, environment)
    if not url:
        return skipped("No endpoint is named, so no spans are sent ([traces] endpoint).")
    if not _is_installed():
        return bad(f"Spans for {shown(url)} need an extra.", "pip install 'mendwire[traces]'")
    if not _is_web(url):
        return bad(f"{shown(url)} is no address of the web: OTLP over HTTP is spoken.")
    return await aside(lambda: _asked(url, headers_of(environment)))


def _asked(url: str, headers: Mapping[str, str]) -> list[Found]:
    name, given = shown(url), {**headers, **_login(url), "Content-Type": "application/x-protobuf"}
    request = Request(_without_login(url), data=b"", headers=given, method="POST")  # noqa: S310 - checked above
    try:
        with build_opener(_Stay).open(request, timeout=_ASK_S) as answer:
            status = int(answer.status)
    except HTTPError as refused:
        status = refused.code
        refused.close()
    except (URLError, HTTPException, OSError, ValueError) as problem:
        why = printable(str(getattr(problem, "reason", problem)), 200)
        return warn(f"{name} does not answer: {why}. Spans are given up, work goes on.")
    if status in _LOGIN:
        return warn(f"{name} wants a login (HTTP {status}).", "OTEL_EXPORTER_OTLP_HEADERS=…")
    if status >= _REFUSED or status // 100 == 3:  # noqa: PLR2004 - a redirect
        return warn(f"{name} refuses spans (HTTP {status}).")
    return ok(f"{name} takes spans.")


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _login(url: str) -> dict[str, str]:
    """Of the address, as the exporter sends it."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Stay(HTTPRedirectHandler):
    """Headers may hold a token: they go nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False
