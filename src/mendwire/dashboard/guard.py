"""What stands before every page: known names alone, and headers that keep a browser in bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Without a referrer no browser would name the origin of our own forms, either.
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "x-robots-tag": "noindex",
}
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_MOVED: Final = 421


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """An ASGI application before the pages: refuses requests for other names (DNS rebinding)."""

    app: ASGIApp
    hosts: frozenset[str]
    """Names and addresses, lower case, without port."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if name_of(host) in self.hosts:
            await self.app(scope, receive, shielded)
            return
        refusal = PlainTextResponse(
            "This name is not one of the dashboard's: add it to dashboard.hosts in mendwire.toml.",
            _MOVED,
        )
        await refusal(scope, receive, shielded)


def hosts_of(*, host: str, url: str, further: Iterable[str]) -> frozenset[str]:
    """The names under which the dashboard may be asked for."""
    names = {host, *further}
    if host in LOOPBACK:
        names |= LOOPBACK
    if url:
        names.add(urlsplit(url).hostname or "")
    return frozenset(name.lower().strip("[]") for name in names if name)


def name_of(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()


def is_same_origin(headers: Headers, url: str) -> bool:
    """Whether a request that changes something was made by a page of ours.

    The browser says so by ``Sec-Fetch-Site``, which no script can set; without it, over plain HTTP
    to another machine for example, by ``Origin``. A program that sends neither is not let through.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host, own = headers.get("host", ""), urlsplit(url)
    ours = {f"http://{host}", f"https://{host}"} if host else set()
    if url:
        ours.add(f"{own.scheme}://{own.netloc}")
    return headers.get("origin", "") in ours
