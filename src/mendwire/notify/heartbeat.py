"""A sign of life for a dead-man's switch elsewhere: it tells when none comes any more."""

from __future__ import annotations

from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mendwire.errors import AlertRefused, ConfigError
from mendwire.settings.secret import Secret

TIMEOUT_S: Final = 10.0
_MOST: Final = 4096


class _Straight(HTTPRedirectHandler):
    """Where it goes is what the operator wrote (rules B11)."""

    def redirect_request(self, *_: object) -> None:
        """None follows none: the answer is then an error."""


def checked(url: Secret) -> Secret:
    """The address; raises ConfigError where it is none."""
    if urlsplit(url.reveal()).scheme not in {"http", "https"}:
        raise ConfigError("[alerts] heartbeat must be an http:// or https:// address.")
    return url


def beat(url: Secret) -> None:
    """Ask for it once; blocks. Raises AlertRefused, which does not name the address."""
    request = Request(url.reveal(), headers={"User-Agent": "mendwire"})  # noqa: S310 - checked
    try:
        with build_opener(_Straight()).open(request, timeout=TIMEOUT_S) as answer:
            answer.read(_MOST)
    except HTTPError as problem:
        raise AlertRefused(f"The dead-man's switch answers {problem.code}.") from None
    except (URLError, OSError, HTTPException, ValueError) as problem:
        kind = type(problem).__name__
        raise AlertRefused(f"The dead-man's switch cannot be reached ({kind}).") from None
