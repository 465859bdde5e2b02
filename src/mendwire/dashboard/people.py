"""Who may come in: by a token and a session after it, or by the word of a proxy of ours."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final

from mendwire.dashboard.guard import name_of
from mendwire.errors import ConfigError
from mendwire.model.printable import printable
from mendwire.settings.secret import Secret

MOST_SESSIONS: Final = 256
SHORTEST: Final = 16
"""Characters of a token."""
_NAME: Final = 60
_FORWARDED: Final = 1_000
"""Characters that are read of whom a request came from."""
EVERYBODY: Final = "*"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Role(StrEnum):
    """What a person may do."""

    VIEWER = "viewer"
    """Look, but not at what the screen rejected."""
    OPERATOR = "operator"
    """Look at everything, and act."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who is let in."""

    name: str
    """Safe to print; proves nothing beyond how they came in."""
    role: Role
    key: str
    """What their form tokens are bound to: the session, or the name that a proxy gave."""
    by_proxy: bool = False

    @property
    def may_act(self) -> bool:
        """Whether forms are shown, and taken."""
        return self.role is Role.OPERATOR


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The tokens that let people in."""

    operator: Secret
    viewer: Secret

    def role_of(self, given: str) -> Role | None:
        """Whose token it is; every one is compared, each in the same time."""
        found: Role | None = None
        for secret, role in ((self.viewer, Role.VIEWER), (self.operator, Role.OPERATOR)):
            if _is_same(given, secret) and secret:
                found = role
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """What a proxy's word is worth."""

    peers: tuple[Network, ...]
    header: str
    operators: frozenset[str]
    viewers: frozenset[str]

    def is_peer(self, address: str) -> bool:
        """Whether a connection from there is the proxy's."""
        place = _place(address)
        return place is not None and any(place in network for network in self.peers)

    def caller(self, address: str, forwarded: str) -> str:
        """Who made a request, by address: who connected, or whom our proxies say it came from.

        ``forwarded`` is ``X-Forwarded-For``, to which each proxy adds whom it heard it from. So it
        is read from its end, and the first who is no proxy of ours is meant; what stands before may
        be made up.
        """
        if not self.is_peer(address):
            return address
        for told in reversed(forwarded[-_FORWARDED:].split(",")):
            place = _place(told.strip())
            if place is None:
                break
            address = str(place)
            if not self.is_peer(address):
                break
        return address

    def person(self, name: str) -> Person | None:
        """Who that is, or None for somebody who may not look."""
        if not name or EVERYBODY in name:
            return None
        key = f"proxy:{name}"
        shown = printable(name, _NAME)
        if name in self.operators:
            return Person(name=shown, role=Role.OPERATOR, key=key, by_proxy=True)
        if name in self.viewers or EVERYBODY in self.viewers:
            return Person(name=shown, role=Role.VIEWER, key=key, by_proxy=True)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Session:
    person: Person
    until: float


@dataclass(kw_only=True, slots=True)
class Sessions:
    """Who logged in: bounded, the oldest makes room; a restart ends them all."""

    lasts_s: float
    clock: Callable[[], float] = time.monotonic
    _open: OrderedDict[str, _Session] = field(default_factory=OrderedDict)
    _sealing: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def begin(self, name: str, role: Role) -> str:
        """Open one; the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        key = _digest(cookie)
        person = Person(name=name, role=role, key=key)
        self._open[key] = _Session(person=person, until=self.clock() + self.lasts_s)
        while len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)
        return cookie

    def find(self, cookie: str) -> Person | None:
        """Whose it is, while it lasts."""
        key = _digest(cookie)
        session = self._open.get(key)
        if session is None:
            return None
        if session.until <= self.clock():
            del self._open[key]
            return None
        return session.person

    def end(self, cookie: str) -> None:
        """Log out; legal twice."""
        self._open.pop(_digest(cookie), None)

    def form_token(self, person: Person) -> str:
        """What each form of theirs carries, so that no other site can send one."""
        return hmac.new(self._sealing, person.key.encode("utf-8", "replace"), sha256).hexdigest()

    def is_theirs(self, person: Person, token: str) -> bool:
        """Whether a form came from a page of ours."""
        return hmac.compare_digest(self.form_token(person).encode(), token.encode())


def proxy_of(
    *, peers: Sequence[str], header: str, operators: Sequence[str], viewers: Sequence[str]
) -> Proxy:
    """From the settings; raises ConfigError."""
    networks = []
    for peer in peers:
        try:
            networks.append(ipaddress.ip_network(peer.strip(), strict=False))
        except ValueError:
            raise ConfigError(
                f"dashboard.proxy_peers: {peer[:60]!r} is no address or network: write "
                "127.0.0.1 or 10.0.0.0/24."
            ) from None
    if networks and not (header.isascii() and header.replace("-", "").isalnum()):
        raise ConfigError(f"dashboard.proxy_header: {header[:60]!r} is no name of a header.")
    return Proxy(
        peers=tuple(networks),
        header=header.lower(),
        operators=frozenset(operators),
        viewers=frozenset(viewers),
    )


def checked_token(text: str, whose: str) -> Secret:
    """A token from a file or variable; raises ConfigError for one that can be guessed."""
    token = text.strip()
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable():
        raise ConfigError(
            f"The token in {whose} is not {SHORTEST} or more printable ASCII characters: make one "
            "with: openssl rand -hex 32"
        )
    return Secret(token)


def _place(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """With or without port; an IPv4 address in IPv6's clothes is itself."""
    for text in (address, name_of(address)):
        try:
            place = ipaddress.ip_address(text)
        except ValueError:
            continue
        return getattr(place, "ipv4_mapped", None) or place
    return None


def _digest(cookie: str) -> str:
    return sha256(cookie.encode("utf-8", "replace")).hexdigest()


def _is_same(given: str, secret: Secret) -> bool:
    """By their digests: the comparison tells not even the length."""
    return hmac.compare_digest(
        sha256(given.encode("utf-8", "replace")).digest(), sha256(secret.reveal().encode()).digest()
    )
