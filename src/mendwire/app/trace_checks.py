"""Whether spans would be taken: the endpoint asked as the exporter asks it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mendwire.app.tracing import endpoint_of, headers_of
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
        return bad(f"Spans for {url} need an extra.", "pip install 'mendwire[traces]'")
    if not url.startswith(("http://", "https://")):
        return bad(f"{printable(url)} is no address of the web: OTLP over HTTP is spoken.")
    return await aside(lambda: _asked(url, headers_of(environment)))


def _asked(url: str, headers: Mapping[str, str]) -> list[Found]:
    kind = {"Content-Type": "application/x-protobuf"}
    request = Request(url, data=b"", headers={**headers, **kind}, method="POST")  # noqa: S310 - checked above
    try:
        with build_opener(_Stay).open(request, timeout=_ASK_S) as answer:
            status = int(answer.status)
    except HTTPError as refused:
        status = refused.code
        refused.close()
    except (URLError, HTTPException, OSError, ValueError) as problem:
        why = printable(str(getattr(problem, "reason", problem)), 200)
        return warn(f"{url} does not answer: {why}. Spans are given up, work goes on.")
    if status in _LOGIN:
        return warn(f"{url} wants a login (HTTP {status}).", "OTEL_EXPORTER_OTLP_HEADERS=…")
    if status >= _REFUSED or status // 100 == 3:  # noqa: PLR2004 - a redirect
        return warn(f"{url} refuses spans (HTTP {status}).")
    return ok(f"{url} takes spans.")


class _Stay(HTTPRedirectHandler):
    """Headers may hold a token: they go nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False
