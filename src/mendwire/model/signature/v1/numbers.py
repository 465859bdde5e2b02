"""Whether a number in a message is proven an identifier or a measure. What is not stays."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.patterns import pattern, words
from mendwire.model.signature.v1.tables import CAPS
from mendwire.model.signature.v1.where import Where

_PORT: Final = CAPS["port"]
_LONG: Final = 6
_MEASURED: Final = 4
_COUNTED: Final = 3
_QUOTED: Final = 4
_HRESULT: Final = 10
_PORT_DIGITS: Final = 5
_PREFIXES: Final = frozenset(("", "[", "#", "[#", "("))
_REDIS_ROLES: Final = frozenset((":M", ":S", ":C", ":X"))


def masked_number(text: str, where: Where) -> str:
    """``<n>`` or the number as it is."""
    unit = where.unit()
    if unit == "%" or where.after[:1] == "%" or _is_log_prefix(where, unit):
        return "<n>"
    word = where.word()
    if word in words("class"):
        return text
    before = where.before
    if before.endswith(":") and before != ":":
        return _after_colon(text, before, word)
    return "<n>" if _is_proven(text, word, unit, where) else text


def _is_proven(text: str, word: str, unit: str, where: Where) -> bool:
    size = len(text)
    if size == _HRESULT and text[0] == "2" and where.before.endswith("-"):
        return False
    if size >= _LONG or (is_id_word(word) and not where.is_ordinal(word)):
        return True
    if unit and (unit in words("unit") or (size >= _COUNTED and unit in words("counted"))):
        return True
    if size >= _MEASURED and word in words("measure"):
        return True
    if size >= _QUOTED and where.before[-1:] in {"'", '"', "`"}:
        return True
    return where.is_index()


def _after_colon(text: str, before: str, word: str) -> str:
    """A line after a file's name stays, and so does a port that is not ephemeral."""
    if pattern("place").search(before[-8:]):
        return text
    if is_id_word(word) or len(text) >= _LONG:
        return "<n>"
    if len(text) == _PORT_DIGITS and int(text) >= _PORT:
        return "<port>"
    return text


def is_id_word(word: str) -> bool:
    return word in words("id") or word.endswith(("_id", "-id", ".id", "_ms", "_bytes", "_seconds"))


def _is_log_prefix(where: Where, unit: str) -> bool:
    """The process in ``2026-11-25 ... [4711] ERROR``, ``4711#0: *15 connect()``, ``4711 --- [``."""
    before, after = where.before, where.after
    if before in _PREFIXES and where.previous().endswith(("<time>", "<time>]", "<time>,")):
        return before != "" or not after
    if before == "==" and after[:2] == "==":
        return True
    if before == "*" or (not before and after.startswith("#") and after.endswith(":")):
        return True
    return not before and (after in _REDIS_ROLES or (not after and unit == "---"))
