"""Keys: what a client may send, decided by us and not by what it says (rules B2)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mendwire.errors import ConfigError
from mendwire.model.report import Trust

ANY_ORIGIN: Final = "*"
LOW_SHARE: Final = 0.25
"""Part of the gateway's capacity that one key of low trust may take unless told otherwise."""
_SECRET_BYTES: Final = 16
"""As Sentry's public keys have: every SDK takes 32 hex digits."""


class Kind(StrEnum):
    """Where a key lives."""

    SERVER = "server"
    BROWSER = "browser"
    """In a page that anybody can read: never trusted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """How much in a time; 0 is without limit."""

    minute: int = 0
    hour: int = 0
    day: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One key and what it allows. The key itself is not kept, only its SHA-256."""

    id: str
    """Names it in lists and logs: 8 hex digits, no secret."""
    name: str
    """What the operator calls it."""
    project: int
    """The number in the path of a DSN."""
    digest: str
    """SHA-256 of the key, hex."""
    environments: tuple[str, ...]
    """The first is taken when the client names none of them."""
    service: str = ""
    """Of every report; empty: what the client says (trusted keys alone)."""
    trust: Trust = Trust.LOW
    kind: Kind = Kind.SERVER
    origins: tuple[str, ...] = ()
    """``https://shop.example``: pages that may send with it; ``*`` is any."""
    events: Rates = Rates()
    bytes: Rates = Rates()
    """Decompressed."""
    signatures_hour: int = 0
    """Distinct errors; 0 is without a limit of its own."""
    share: float = 1.0
    """Part of the gateway's capacity that this key may take."""
    former: str = ""
    """Digest of the key before the latest rotation."""
    former_until: float = 0.0
    """Seconds since the epoch until which ``former`` is taken too."""
    revoked: bool = False

    def __post_init__(self) -> None:
        """A page's key can be read by anybody, so nothing makes it trusted."""
        if self.trust is Trust.TRUSTED and self.kind is Kind.BROWSER:
            raise ConfigError(
                "A browser's key can be read by anybody, so it cannot be trusted: leave out "
                "--trust trusted, or make a server's key."
            )
        if not self.service and self.trust is not Trust.TRUSTED:
            raise ConfigError("Only a trusted key may speak for any service: give --service NAME.")
        if not self.environments:
            raise ConfigError("A key needs an environment: give --env NAME.")

    def environment(self, wished: str) -> str:
        """The one that the client names, if the key allows it, else the key's first."""
        folded = wished.strip().lower()
        return folded if folded in self.environments else self.environments[0]

    def allows_origin(self, origin: str) -> bool:
        """Whether a page of ``origin`` may send; programs send none and may."""
        return not origin or ANY_ORIGIN in self.origins or origin in self.origins


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A key as it is told once."""

    key: Key
    secret: str


def fresh_secret() -> str:
    """32 hex digits."""
    return secrets.token_hex(_SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a key. It is random and long enough that no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def dsn(url: str, issued: Issued) -> str:
    """``http://<key>@host:port/<project>``, as an SDK takes it."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{issued.secret}@{parts.netloc}{path}/{issued.key.project}"


def checked_origin(text: str) -> str:
    """``scheme://host[:port]`` as browsers send it, or ``*``; raises ConfigError."""
    parts = urlsplit(text)
    if text == ANY_ORIGIN or (parts.scheme in {"http", "https"} and parts.netloc):
        return text if text == ANY_ORIGIN else f"{parts.scheme}://{parts.netloc.lower()}"
    raise ConfigError(f"{text[:60]!r} is not an origin: https://shop.example is one.")
