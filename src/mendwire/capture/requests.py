"""A request as a report may carry it: method, path, route, the names of its query, its id.

No header but the two that join it with other records, no body, no cookie, no address of a client,
no value of the query; of the path, no value that its route calls a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from mendwire.capture.trail import Surroundings
from mendwire.model.scrub.keys import secret_kind

_MAX_PATH: Final = 500
_MAX_QUERY: Final = 20_000
_MAX_NAMES: Final = 50
_NAME: Final = re.compile(r"[\w.\[\]-]{1,64}")
_REQUEST_ID: Final = re.compile(r"[\w.:/+=@-]{1,128}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE: Final = "0" * 32
_ALSO_SECRET: Final = frozenset({"uid", "uidb64", "code", "sig", "signature", "key", "hash"})
"""As names of a part of the path: what links in mails are made of."""


def of_environ(environ: Mapping[str, Any]) -> Surroundings:
    """Of a WSGI environment; the route where Werkzeug has left its request in it."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None)
    return _described(
        kind=str(environ.get("REQUEST_METHOD", "")),
        path=path.encode("latin-1", "replace").decode("utf-8", "replace"),
        query=str(environ.get("QUERY_STRING", "")),
        route=str(getattr(rule, "rule", "")),
        parameters=getattr(request, "view_args", None),
        request_id=str(environ.get("HTTP_X_REQUEST_ID", "")),
        traceparent=str(environ.get("HTTP_TRACEPARENT", "")),
    )


def of_scope(scope: Mapping[str, Any]) -> Surroundings:
    """Of an ASGI scope; the route where Starlette has left it there."""
    route = getattr(scope.get("route"), "path", "")
    return _described(
        kind=str(scope.get("method", "")) or str(scope.get("type", "")).upper(),
        path=str(scope.get("path", "")),
        query=_decoded(scope.get("query_string")),
        route=f"{scope.get('root_path', '')}{route}" if isinstance(route, str) and route else "",
        parameters=scope.get("path_params"),
        request_id=_header(scope, b"x-request-id"),
        traceparent=_header(scope, b"traceparent"),
    )


def of_django(request: Any) -> Surroundings:  # noqa: ANN401 - Django is not imported in here
    """Of Django's request, whichever server it came by."""
    match = getattr(request, "resolver_match", None)
    meta = request.META
    return _described(
        kind=str(request.method),
        path=str(request.path),
        query=str(meta.get("QUERY_STRING", "")),
        route=str(getattr(match, "route", "") or ""),
        parameters=getattr(match, "kwargs", None),
        request_id=str(meta.get("HTTP_X_REQUEST_ID", "")),
        traceparent=str(meta.get("HTTP_TRACEPARENT", "")),
    )


def _described(
    *,
    kind: str,
    path: str,
    query: str,
    route: str,
    parameters: object,
    request_id: str,
    traceparent: str,
) -> Surroundings:
    request: dict[str, object] = {"method": kind[:20], "path": _without_secrets(path, parameters)}
    if route:
        request["route"] = route[:_MAX_PATH]
    if names := _names(query[:_MAX_QUERY].split("&")):
        # One text: a list of two would be taken for a header and its value when it is scrubbed.
        request["query"] = ", ".join(names)
    context: dict[str, object] = {"request": request}
    if _REQUEST_ID.fullmatch(request_id):
        context["request_id"] = request_id
    trace = _TRACEPARENT.match(traceparent)
    if trace is None or trace[1] == _NO_TRACE:
        return Surroundings(context=context)
    return Surroundings(context=context, trace_id=trace[1], span_id=trace[2])


def _without_secrets(path: str, parameters: object) -> str:
    """The path with ``{name}`` in place of what the route takes as a secret."""
    for name, value in parameters.items() if isinstance(parameters, Mapping) else ():
        text = str(value) if isinstance(value, str | int) else ""
        if text and (secret_kind(str(name)) or str(name).lower() in _ALSO_SECRET):
            path = path.replace(text, f"{{{name}}}")
    return path[:_MAX_PATH]


def _names(parts: Iterable[str]) -> list[str]:
    """The names alone. A part without ``=`` may be a value: it is left out."""
    found = dict.fromkeys(unquote_plus(name) for name, is_there, _ in _split(parts) if is_there)
    return [name for name in found if _NAME.fullmatch(name)][:_MAX_NAMES]


def _split(parts: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    return (part.partition("=") for part in parts)


def _header(scope: Mapping[str, Any], wanted: bytes) -> str:
    for name, value in scope.get("headers", ()):
        if name == wanted:
            return _decoded(value[:256])
    return ""


def _decoded(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else ""
