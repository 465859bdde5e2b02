"""Secrets found in what goes out from here: source code, findings, differences."""

from __future__ import annotations

import re
from typing import Final

from mendwire.model.scrub.forms import FORMS
from mendwire.model.scrub.keys import secret_kind
from mendwire.model.scrub.marks import MARK
from mendwire.model.scrub.scrubber import AUTH, USERINFO, auth_is_secret

_ASSIGNED: Final = re.compile(
    r"""(?<![\w.-])([\w.-]{2,64})(\\{0,2}["']?\]?\s{0,3}(?:=>|:=|:|=)\s{0,3}"""
    r"""(?:[bur]?(?=\\{0,2}["'])\\{0,2}["']))"""
)
_QUOTED: Final = re.compile(r"""[^"'\n\\]{1,8192}""")
_TYPE: Final = re.compile(r"[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*")
_PLACEHOLDER: Final = re.compile(r"(?i)example|change.?me|dummy|placeholder|xxx|\.\.\.|[${<(]")
_MIN_LITERAL: Final = 8


def find_secret(text: str) -> str | None:
    """The kind of a secret in ``text``, or None; never its value.

    Unlike ``scrub_text`` this looks at source code and prose: a name beside a variable or a
    placeholder is no secret.
    """
    for kind, hints, pattern in FORMS:
        if any(hint in text for hint in hints) and pattern.search(text):
            return kind
    if any(map(auth_is_secret, AUTH.finditer(text))):
        return "authorization"
    for match in USERINFO.finditer(text):
        if ":" in match.group(2) and not _is_placeholder(match.group(2)):
            return "userinfo"
    return _found_literal(text)


def _found_literal(text: str) -> str | None:
    """A secret written into source code: a telling name and a literal with letters and digits."""
    position = 0
    while match := _ASSIGNED.search(text, position):
        position = match.end()
        kind = secret_kind(match.group(1).rpartition(".")[2])
        if kind is None:
            continue
        found = _QUOTED.match(text, position)
        value = found.group() if found else ""
        is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
        if len(value) >= _MIN_LITERAL and is_mixed and not _is_placeholder(value):
            return kind
    return None


def _is_placeholder(value: str) -> bool:
    return value.startswith(MARK) or " " in value or _PLACEHOLDER.search(value) is not None
