"""Which key a request carries: a header of ours, Sentry's header, the query, or a bearer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from mendwire.errors import Refused

LONGEST: Final = 128
_FIELDS: Final = 32


def secret_in(headers: Mapping[bytes, bytes], query: bytes) -> str:
    """The key as the client sent it; raises Refused where there is none."""
    for given in (
        _text(headers.get(b"x-mendwire-key", b"")),
        _of_sentry(_text(headers.get(b"x-sentry-auth", b""))),
        _of_query(query),
        _of_authorization(_text(headers.get(b"authorization", b""))),
    ):
        if given:
            return given[:LONGEST]
    raise Refused(
        "The request carries no key: use the DSN that 'mendwire gateway keys add' printed, or send "
        "the key as X-Mendwire-Key.",
        status=401,
        reason="no_key",
    )


def _of_sentry(header: str) -> str:
    """``Sentry sentry_key=…, sentry_version=7``; the scheme may be missing."""
    scheme, _, rest = header.partition(" ")
    fields = rest if scheme.lower() == "sentry" else header
    for field in fields[:2048].split(","):
        name, _, value = field.strip().partition("=")
        if name == "sentry_key":
            return value.strip().strip('"')
    return ""


def _of_query(query: bytes) -> str:
    if b"sentry_key" not in query:
        return ""
    try:
        fields = parse_qsl(query[:4096].decode("latin-1"), max_num_fields=_FIELDS)
    except ValueError:
        return ""
    return next((value for name, value in fields if name == "sentry_key"), "")


def _of_authorization(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return user or password
    return _of_sentry(header) if scheme.lower() == "sentry" else ""


def _text(value: bytes) -> str:
    return value.decode("latin-1")
