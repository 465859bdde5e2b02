"""The two keys of an error, version 1. Frozen: what would change a key is a version 2.

``signature`` is strict, because the server drops a report whose signature it has seen; a wrong
merge there loses an error. ``issue_key`` is looser and only groups, which can be undone.
docs/reference/signature.md specifies both for other languages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from mendwire.model.report import ErrorReport
from mendwire.model.signature.v1.blocks import REMEMBERED
from mendwire.model.signature.v1.canonical import canonical
from mendwire.model.signature.v1.places import path_end
from mendwire.model.signature.v1.record import Canonical, Keys
from mendwire.model.signature.v1.tables import VERSION

_DIGITS: Final = 32


def keys(
    report: ErrorReport | Canonical, *, namespace: str, environment: str, source: str = ""
) -> Keys:
    """Both keys, 32 hex digits each, from one canonical record.

    ``source`` separates reports of low trust from trusted ones (rules B1).
    """
    record = report if isinstance(report, Canonical) else canonical(report)
    tag, body = _tagged(record)
    return Keys(
        signature=_strict(record, tag, body, (namespace, environment, source)),
        issue_key=_hashed(_packed((tag, "issue", record.service)) + body),
    )


def signature(
    report: ErrorReport | Canonical, *, namespace: str, environment: str, source: str = ""
) -> str:
    """The strict key: what makes two occurrences the same for the server."""
    record = report if isinstance(report, Canonical) else canonical(report)
    tag, body = _tagged(record)
    return _strict(record, tag, body, (namespace, environment, source))


def issue_key(report: ErrorReport | Canonical) -> str:
    """The loose key: without release, lines, environment and what is before a file's folder."""
    record = report if isinstance(report, Canonical) else canonical(report)
    tag, body = _tagged(record)
    return _hashed(_packed((tag, "issue", record.service)) + body)


def hashed_bytes(
    record: Canonical, *, namespace: str, environment: str, source: str = ""
) -> tuple[bytes, bytes]:
    """What is hashed for the signature and for the issue key."""
    tag, body = _tagged(record)
    scope = (tag, "signature", namespace, environment, source, record.service, record.release)
    strict = _packed(scope) + body + _nested(_strict_part(record))
    return strict, _packed((tag, "issue", record.service)) + body


def _strict(record: Canonical, tag: str, body: bytes, scope: tuple[str, str, str]) -> str:
    head = _packed((tag, "signature", *scope, record.service, record.release))
    return _hashed(head + body + _nested(_strict_part(record)))


def _tagged(record: Canonical) -> tuple[str, bytes]:
    """The version and the fields that both keys share.

    A fingerprint that leaves the algorithm out does not change with the algorithm.
    """
    if not record.fingerprint:
        return VERSION, _nested(_default(record))
    parts = []
    has_default = False
    for part in record.fingerprint:
        is_default = part.replace(" ", "") == "{{default}}"
        has_default |= is_default
        parts.append(_default(record) if is_default else _packed(("=", part)))
    return VERSION if has_default else "fingerprint", _nested(_nested(*parts))


def _default(record: Canonical) -> bytes:
    causes = [
        text for path, name, template in record.causes for text in (path_end(path), name, template)
    ]
    return _nested(
        _packed(record.types),
        b"".join([_call(path, name) for path, name in record.calls]),
        _packed((record.code, record.template)),
        _packed(causes),
    )


@lru_cache(REMEMBERED)
def _call(path: str, name: str) -> bytes:
    return _packed((path_end(path), name))


@lru_cache(REMEMBERED)
def _path(path: str) -> bytes:
    return _packed((path,))


def _strict_part(record: Canonical) -> bytes:
    """What the signature alone has; nothing where a fingerprint leaves the algorithm out."""
    parts = record.fingerprint
    if parts and not any(part.replace(" ", "") == "{{default}}" for part in parts):
        return b""
    paths = [_path(call[0]) for call in record.calls] + [_path(call[0]) for call in record.causes]
    return _packed((record.crash_line, *record.cause_lines)) + b"".join(paths)


def _packed(texts: Sequence[str]) -> bytes:
    """Length-prefixed fields, so that no two lists of texts read alike."""
    if "".join(texts).isascii():
        return "".join([f"{len(text)}:{text}," for text in texts]).encode()
    return _nested(*[encoded(text) for text in texts])


def _nested(*parts: bytes) -> bytes:
    return b"".join([b"%d:%b," % (len(part), part) for part in parts])


def encoded(text: str) -> bytes:
    """UTF-8; a surrogate without its partner becomes U+FFFD, as in JavaScript's TextEncoder."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
