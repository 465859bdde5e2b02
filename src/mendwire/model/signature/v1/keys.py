"""The two keys of an error, version 1. Frozen: what would change a key is a version 2.

``signature`` is strict, because the server drops a report whose signature it has seen; a wrong
merge there loses an error. ``issue_key`` is looser and only groups, which can be undone.
docs/reference/signature.md specifies both for other languages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mendwire.model.report import ErrorReport
from mendwire.model.signature.v1.blocks import REMEMBERED, STACKS
from mendwire.model.signature.v1.canonical import canonical
from mendwire.model.signature.v1.places import path_end
from mendwire.model.signature.v1.record import Canonical, Keys
from mendwire.model.signature.v1.tables import VERSION

_DIGITS: Final = 32
_SCOPES: Final = 16
_SHORT: Final = 8 * 1024
_known: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}
"""What short stacks come down to; begins anew when it is full."""

_Bytes = str
"""Bytes as a text of one character each (Latin-1): joining and measuring those is cheaper."""


def keys(
    report: ErrorReport | Canonical, *, namespace: str, environment: str, source: str = ""
) -> Keys:
    """Both keys, 32 hex digits each, from one canonical record.

    ``source`` separates reports of low trust from trusted ones (rules B1).
    """
    record = report if isinstance(report, Canonical) else canonical(report)
    strict, loose = _hashed_texts(record, namespace, environment, source)
    return Keys(signature=_hashed(strict), issue_key=_hashed(loose))


def signature(
    report: ErrorReport | Canonical, *, namespace: str, environment: str, source: str = ""
) -> str:
    """The strict key: what makes two occurrences the same for the server."""
    record = report if isinstance(report, Canonical) else canonical(report)
    return _hashed(_hashed_texts(record, namespace, environment, source)[0])


def issue_key(report: ErrorReport | Canonical) -> str:
    """The loose key: without release, lines, environment and what is before a file's folder."""
    record = report if isinstance(report, Canonical) else canonical(report)
    return _hashed(_hashed_texts(record, "", "", "")[1])


def hashed_bytes(
    record: Canonical, *, namespace: str, environment: str, source: str = ""
) -> tuple[bytes, bytes]:
    """What is hashed for the signature and for the issue key."""
    strict, loose = _hashed_texts(record, namespace, environment, source)
    return strict.encode("latin-1"), loose.encode("latin-1")


def _hashed_texts(
    record: Canonical, namespace: str, environment: str, source: str
) -> tuple[_Bytes, _Bytes]:
    tag, body, strict = _tagged(record)
    head, loose = _heads(tag, namespace, environment, source, record.service, record.release)
    return f"{head}{body}{_nested(strict)}", f"{loose}{body}"


@lru_cache(_SCOPES)
def _heads(
    tag: str, namespace: str, environment: str, source: str, service: str, release: str
) -> tuple[_Bytes, _Bytes]:
    scope = (tag, "signature", namespace, environment, source, service, release)
    return _fields(scope), _fields((tag, "issue", service))


def _tagged(record: Canonical) -> tuple[str, _Bytes, _Bytes]:
    """The version, the fields that both keys share, and those of the signature alone.

    A fingerprint that leaves the algorithm out does not change with the algorithm.
    """
    parts = record.fingerprint
    if parts and not any(_is_default(part) for part in parts):
        own = "".join([_nested(_fields(("=", part))) for part in parts])
        return "fingerprint", _nested(own), ""
    default, strict = _default(record)
    if parts:
        default = "".join(
            [_nested(default if _is_default(part) else _fields(("=", part))) for part in parts]
        )
    return VERSION, _nested(default), strict


def _is_default(part: str) -> bool:
    return part.replace(" ", "") == "{{default}}"


def _default(record: Canonical) -> tuple[_Bytes, _Bytes]:
    """What both keys have, and the lines and whole paths that the signature has beyond it."""
    calls, whole = _calls(record.calls)
    of_causes = ""
    for path, name, message in record.causes:
        ends, path_field = _call(path, name)
        of_causes += f"{ends}{_field(message)}"
        whole += path_field
    types = _nested(_fields(record.types))
    message = _nested(f"{_field(record.code)}{_field(record.template)}")
    shared = f"{types}{calls}{message}{_nested(of_causes)}"
    return shared, f"{_field(record.crash_line)}{_fields(record.cause_lines)}{whole}"


def _calls(calls: tuple[tuple[str, str], ...]) -> tuple[_Bytes, _Bytes]:
    """The field of all calls in both keys, and their whole paths."""
    known = _known.get(calls)
    if known is None:
        each = [_call(path, name) for path, name in calls]
        ends, whole = "".join([call for call, _ in each]), "".join([path for _, path in each])
        known = _nested(ends), whole
        if len(ends) + len(whole) <= _SHORT:
            if len(_known) >= STACKS:
                _known.clear()
            _known[calls] = known
    return known


@lru_cache(REMEMBERED)
def _call(path: str, name: str) -> tuple[_Bytes, _Bytes]:
    """The fields of a call in both keys, and in the signature alone."""
    return _fields((path_end(path), name)), _field(path)


def _fields(texts: Iterable[str]) -> _Bytes:
    """Length-prefixed fields, so that no two lists of texts read alike."""
    return "".join([_field(text) for text in texts])


def _field(text: str) -> _Bytes:
    if text.isascii():
        return f"{len(text)}:{text},"
    return _nested(encoded(text).decode("latin-1"))


def _nested(fields: _Bytes) -> _Bytes:
    return f"{len(fields)}:{fields},"


def encoded(text: str) -> bytes:
    """UTF-8; a surrogate without its partner becomes U+FFFD, as in JavaScript's TextEncoder."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _hashed(fields: _Bytes) -> str:
    return hashlib.sha256(fields.encode("latin-1")).hexdigest()[:_DIGITS]
