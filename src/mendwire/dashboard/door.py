"""How a request becomes a person, and how one comes in and goes out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mendwire.dashboard.attempts import Attempts
from mendwire.dashboard.guard import is_same_origin
from mendwire.dashboard.people import Person, Proxy, Role, Sessions, Tokens
from mendwire.telemetry import emit

_NOTICES: Final = 256
_NAMES: Final = {Role.OPERATOR: "operator@dashboard", Role.VIEWER: "viewer@dashboard"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What the next page says of the last deed."""

    text: str
    is_bad: bool = False


@dataclass(kw_only=True, slots=True)
class Door:
    """The only way in."""

    tokens: Tokens
    proxy: Proxy
    sessions: Sessions
    url: str
    """How browsers reach it, if the operator says so."""
    port: int
    attempts: Attempts = field(default_factory=Attempts)
    _notices: OrderedDict[str, Notice] = field(default_factory=OrderedDict)

    def person(self, request: Request) -> Person | None:
        """Who asks; None: nobody whom we know.

        The proxy's header counts on its connections alone; on all others it is not even looked at.
        """
        if self.proxy.is_peer(address_of(request)) and (
            name := request.headers.get(self.proxy.header, "").strip()
        ):
            return self.proxy.person(name)
        cookie = request.cookies.get(self._cookie(request))
        return self.sessions.find(cookie) if cookie else None

    def is_ours(self, request: Request) -> bool:
        """Whether a page of ours made this request."""
        return is_same_origin(request.headers, self.url)

    def caller(self, request: Request) -> str:
        """The address by which wrong tokens are counted."""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return self.proxy.caller(address_of(request), forwarded)

    def enter(self, request: Request, token: str, response: Response) -> bool:
        """Let somebody in by ``response``'s cookie, if the token is right."""
        peer = self.caller(request)
        role = self.tokens.role_of(token)
        if role is None:
            self.attempts.was_wrong(peer)
            emit("dashboard.refused", peer=peer, reason="wrong token")
            return False
        self.attempts.was_right(peer)
        emit("dashboard.entered", peer=peer, role=role.value)
        cookie = self.sessions.begin(_NAMES[role], role)
        response.set_cookie(
            self._cookie(request),
            cookie,
            max_age=int(self.sessions.lasts_s),
            path="/",
            secure=self.is_tls(request),
            httponly=True,
            samesite="strict",
        )
        return True

    def leave(self, request: Request, response: Response) -> None:
        """End the session."""
        name = self._cookie(request)
        if cookie := request.cookies.get(name):
            self.sessions.end(cookie)
        response.delete_cookie(
            name, path="/", secure=self.is_tls(request), httponly=True, samesite="strict"
        )

    def is_tls(self, request: Request) -> bool:
        """Whether the browser speaks TLS, as far as we are told by somebody whom we believe."""
        told = request.headers.get("x-forwarded-proto", "")
        by_proxy = told == "https" and self.proxy.is_peer(address_of(request))
        return self.url.startswith("https://") or by_proxy

    def note(self, person: Person, notice: Notice) -> None:
        """Keep what the person's next page says."""
        self._notices[person.key] = notice
        while len(self._notices) > _NOTICES:
            self._notices.popitem(last=False)

    def noted(self, person: Person) -> Notice | None:
        """The notice, once."""
        return self._notices.pop(person.key, None)

    def _cookie(self, request: Request) -> str:
        """Cookies know no ports, so the name has it; a prefix lets browsers insist on TLS."""
        return f"{'__Host-' if self.is_tls(request) else ''}mendwire-{self.port}"


def address_of(request: Request) -> str:
    """Where the connection comes from."""
    return request.client.host if request.client else ""
