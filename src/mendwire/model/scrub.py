"""Secrets taken out of reports before they leave a process, and found before anything goes out.

What is replaced: values under keys whose names say so, and texts that have the form of a known
credential. ``[scrubbed:<kind>]`` stands in their place. Everything runs in linear time and twice
is the same as once.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Final

from mendwire.model.credentials import FORMS, secret_kind
from mendwire.model.report import MAX_DEPTH, JSONValue, load_object

_AUTH: Final = re.compile(r"(?i)\b(bearer|basic|token)( {1,3})([A-Za-z0-9._~+/=-]{8,})")
_USERINFO: Final = re.compile(r"""\b([a-z][a-z0-9+.-]{1,20}://)([^\s/?#"'<>]{1,512})@""")
_CARD: Final = re.compile(r"\b[2-6][0-9](?:[ -]?[0-9]){11,17}\b")
_ASSIGNED: Final = re.compile(
    r"""(?<![\w.-])([\w.-]{2,64})(\\{0,2}["']?\]?\s{0,3}(?:=>|:=|:|=)\s{0,3}"""
    r"""(?:[bur]?(?=\\{0,2}["'])\\{0,2}["'])?)"""
)
_FLAG: Final = re.compile(r"(?<![\w-])--([\w-]{2,40})( {1,3})(?=[^\s-])")
_QUOTED: Final = re.compile(r"""[^"'\n\\]{1,8192}""")
_UNQUOTED: Final = re.compile(r"""[^\s"'&<>\\]{1,8192}""")
_REST_OF_LINE: Final = re.compile(r"""[^"'\n\\]{1,8192}""")
_SCALARS: Final = frozenset({"auth", "session", "sessionid", "phpsessid", "jsessionid", "pin"})
_QUERY: Final = frozenset({"sig", "signature", "key", "xamzsignature", "xgoogsignature"})
_HARMLESS: Final = frozenset(
    {"none", "null", "true", "false", "undefined", "nil", "required", "missing", "invalid"}
)
_WHOLE_LINE: Final = frozenset({"authorization", "cookie"})
_TYPE: Final = re.compile(r"[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*")
_PLACEHOLDER: Final = re.compile(r"(?i)example|change.?me|dummy|placeholder|xxx|\.\.\.|[${<(]")
_MARK: Final = "[scrubbed:"
SHORTEST_FORM: Final = 12
"""Characters; a credential known by its form is longer, but for the login in an address."""
_MIN_LITERAL: Final = 8
_MIN_BEARER: Final = 20
_PAIR: Final = 2
_STRUCTURAL: Final = frozenset({"file", "function", "module"})


def scrub_text(text: str) -> str:
    """The text with every secret replaced by ``[scrubbed:<kind>]``."""
    return _assigned(_forms(text))


def scrub_value(value: JSONValue) -> JSONValue:
    """A JSON value with secrets replaced, by the names of keys and by the form of texts.

    Deeper than 64 levels everything is replaced.
    """
    return _value(value, 0)


def scrub_report(payload: bytes) -> bytes:
    """One JSON report, scrubbed: unknown fields and the order of keys stay; raises Undecodable.

    File, function and module of frames are only searched for credentials, since the signature is
    made of them.
    """
    body = load_object(payload)
    frames = body.get("frames")
    scrubbed = {scrub_text(key): _field(key, value) for key, value in body.items()}
    if isinstance(frames, list):
        scrubbed["frames"] = [_frame(item) for item in frames]
    return json.dumps(scrubbed, ensure_ascii=False).encode("utf-8", "replace")


def find_secret(text: str) -> str | None:
    """The kind of a secret in ``text``, or None; never its value.

    Unlike ``scrub_text`` this looks at source code and prose: a name beside a variable or a
    placeholder is no secret.
    """
    for kind, hints, pattern in FORMS:
        if any(hint in text for hint in hints) and pattern.search(text):
            return kind
    if any(_auth(match) != match.group() for match in _AUTH.finditer(text)):
        return "authorization"
    for match in _USERINFO.finditer(text):
        if ":" in match.group(2) and not _is_placeholder(match.group(2)):
            return "userinfo"
    return _found_literal(text)


def _forms(text: str) -> str:
    if len(text) >= SHORTEST_FORM:
        for kind, hints, pattern in FORMS:
            for hint in hints:
                if hint in text:
                    text = pattern.sub(_mark(kind), text)
                    break
        text = _AUTH.sub(_auth, text)
    text = _USERINFO.sub(_userinfo, text) if "://" in text else text
    return _CARD.sub(_card, text) if len(text) >= SHORTEST_FORM else text


def _assigned(text: str) -> str:
    """``key=value``, ``key: value``, ``"key": "value"``, ``--key value`` and query parameters."""
    if "=" in text or ":" in text:
        text = _each_assignment(text, _ASSIGNED)
    return _each_assignment(text, _FLAG) if "--" in text else text


def _each_assignment(text: str, pattern: re.Pattern[str]) -> str:
    kept: list[str] = []
    position = done = 0
    while match := pattern.search(text, position):
        position = match.end()
        kind = _assigned_kind(text, match)
        if kind is None:
            continue
        end = _value_end(text, match, kind)
        value = text[position:end]
        if value and not value.startswith(_MARK) and value.lower() not in _HARMLESS:
            kept += [text[done:position], _mark(kind)]
            done = end
        position = max(position, end)
    return "".join([*kept, text[done:]]) if kept else text


def _assigned_kind(text: str, match: re.Match[str]) -> str | None:
    """The kind of secret that is assigned; a type before its message and a file are none."""
    name, between = match.group(1).rpartition(".")[2], match.group(2)
    if match.start() and text[match.start() - 1] in "?&":
        folded = "".join(char for char in name.lower() if char.isalnum())
        return "signature" if folded in _QUERY else secret_kind(name)
    kind = secret_kind(name)
    if kind and kind not in _WHOLE_LINE and between == ": " and _TYPE.fullmatch(name):
        following = _UNQUOTED.match(text, match.end())
        return kind if following and _has_digit(following.group()) else None
    return kind


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _value_end(text: str, match: re.Match[str], kind: str) -> int:
    position = match.end()
    if text[position - 1] in "\"'":
        pattern = _QUOTED
    else:
        is_header = kind in _WHOLE_LINE and ":" in match.group(2)
        pattern = _REST_OF_LINE if is_header else _UNQUOTED
    found = pattern.match(text, position)
    if found is None:
        return position
    if pattern is _UNQUOTED and not found.group().startswith(_MARK):
        return position + len(found.group().rstrip(",;)}]."))
    return found.end()


def _auth(match: re.Match[str]) -> str:
    scheme, space, value = match.groups()
    if scheme.lower() == "basic":
        is_secret = _is_basic(value)
    else:
        is_secret = len(value) >= _MIN_BEARER or _has_digit(value)
    return f"{scheme}{space}{_mark('authorization')}" if is_secret else match.group()


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _userinfo(match: re.Match[str]) -> str:
    scheme, info = match.groups()
    return match.group() if info == "git" else f"{scheme}{_mark('userinfo')}@"


def _card(match: re.Match[str]) -> str:
    digits = [int(char) for char in match.group() if char.isdigit()]
    return _mark("card") if _passes_luhn(digits) else match.group()


def _passes_luhn(digits: list[int]) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)  # noqa: PLR2004 - the sum of the digits of a product
    return total % 10 == 0 and len(set(digits)) > 1


def _mark(kind: str) -> str:
    return f"{_MARK}{kind}]"


def _value(value: JSONValue, depth: int) -> JSONValue:
    if depth > MAX_DEPTH:
        return _mark("depth")
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        return _object(value, depth)
    if isinstance(value, list):
        return _list(value, depth)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and _forms(str(value)) != str(value):
        return _mark("card")
    return value


def _object(value: Mapping[str, JSONValue], depth: int) -> JSONValue:
    """Also ``{"name": "Authorization", "value": …}``, as headers are often written."""
    scrubbed = {scrub_text(key): _under(key, item, depth) for key, item in value.items()}
    name = value.get("name", value.get("key"))
    if isinstance(name, str) and "value" in value:
        scrubbed["value"] = _under(name, value["value"], depth)
    return scrubbed


def _list(value: list[JSONValue], depth: int) -> JSONValue:
    """Also ``["authorization", …]``, as lists of headers are written."""
    if len(value) == _PAIR and isinstance(value[0], str) and isinstance(value[1], str):
        return [scrub_text(value[0]), _under(value[0], value[1], depth)]
    return [_value(item, depth + 1) for item in value]


def _under(key: str, value: JSONValue, depth: int) -> JSONValue:
    kind = secret_kind(key)
    if kind is None and key.lower() in _SCALARS and not isinstance(value, dict | list):
        kind = key.lower()
    if kind is None:
        return _value(value, depth + 1)
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    return value if isinstance(value, str) and value.startswith(_MARK) else _mark(kind)


def _field(key: str, value: JSONValue) -> JSONValue:
    if key in {"error", "stack", "type", "code", "message_template"}:
        return _value(value, 1)
    return _under(key, value, 0)


def _frame(item: JSONValue) -> JSONValue:
    if not isinstance(item, dict):
        return scrub_value(item)
    return {
        scrub_text(key): _forms(value)
        if key in _STRUCTURAL and isinstance(value, str)
        else _under(key, value, 1)
        for key, value in item.items()
    }


def _found_literal(text: str) -> str | None:
    """A secret written into source code: a telling name and a literal with letters and digits."""
    position = 0
    while match := _ASSIGNED.search(text, position):
        position = match.end()
        kind = _assigned_kind(text, match)
        if kind is None or text[position - 1] not in "\"'":
            continue
        found = _QUOTED.match(text, position)
        value = found.group() if found else ""
        is_mixed = _has_digit(value) and any(map(str.isalpha, value))
        if len(value) >= _MIN_LITERAL and is_mixed and not _is_placeholder(value):
            return kind
    return None


def _is_placeholder(value: str) -> bool:
    return value.startswith(_MARK) or " " in value or _PLACEHOLDER.search(value) is not None
