"""Names that carry digits: which of them are one occurrence's own, and which have a meaning."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.patterns import pattern, words
from mendwire.model.signature.v1.where import Where

_HEX_LENGTH: Final = 7
_STATUS_HEX: Final = 8
_TOKEN_LENGTH: Final = 16
_OPAQUE_LENGTH: Final = 20
_RUNS: Final = 3
_LONG: Final = 6
_LETTERED: Final = 5
_QUOTED_LETTERED: Final = 3
_FRACTION: Final = 4
_HOST_LABELS: Final = 3
_GLOG: Final = 5
_STATUS: Final = 3
_DIGITS: Final = "0123456789"
_ERLANG: Final = ("#PID<", "#Reference<", "#Port<")
_TEMPORARY: Final = 9


def masked_token(text: str, where: Where) -> str:  # noqa: PLR0911 - one return for each form
    """A token with what is proven masked; ``text`` is a word that is not a number."""
    if not pattern("digits").search(text):
        return text
    if where.is_value_of(words("identity")):
        return "<id>"
    if where.before and (mask := _after_mark(text, where.before)):
        return mask
    if text[0] in _DIGITS:
        if pattern("measured").fullmatch(text):
            return pattern("number").sub("<n>", text)
        if pattern("decimal").fullmatch(text):
            return _decimal(text, where)
    if len(text) == _GLOG and where.at == 0 and not where.before and _is_glog(text, where):
        return "<time>"
    word = where.word()
    if word in words("class") and len(text) <= _TOKEN_LENGTH:
        return text
    if (
        "-" in text
        and pattern("ranged").fullmatch(text)
        and (word in words("id") or where.is_after_time())
    ):
        return "<n>"
    return segment(text, is_quoted=where.is_quoted() or word in words("holder"))


def _after_mark(text: str, before: str) -> str:
    """``Cart@1a2b3c`` and ``#PID<0.1.0>``: how runtimes show what has no text of its own."""
    if before[-1] == "@" and pattern("hash_code").fullmatch(text):
        return "<hex>"
    return "<n>" if before.endswith(_ERLANG) else ""


def _decimal(text: str, where: Where) -> str:
    whole, _, fraction = text.partition(".")
    word = where.word()
    if len(fraction) >= _FRACTION or len(whole) >= _LONG or where.after[:1] == "%":
        return "<n>"
    if where.unit() == "%":
        return "<n>"
    is_measure = where.unit() in words("unit") or word in words("id")
    return "<n>" if is_measure and word not in words("class") else text


def _is_glog(text: str, where: Where) -> bool:
    """``E1125 15:04:05.123456``: a level with a month and a day."""
    following = where.chunks[1] if len(where.chunks) > 1 else ""
    return text[0] in "IWEF" and text[1:].isdigit() and following.count(":") == 2  # noqa: PLR2004 - h:m:s


def segment(text: str, *, is_quoted: bool = False, is_path: bool = False) -> str:
    """A name of a path, a host or a message with its ids masked."""
    if not pattern("digits").search(text):
        return text
    if text.isalnum() and text.isascii() and text[:3] != "tmp":
        return (
            "<token>"
            if _is_opaque(text)
            else _piece(text, "", "", is_quoted=is_quoted, is_host=False)
        )
    if len(text) >= 36 and "-" in text:  # noqa: PLR2004 - a UUID's length
        text = pattern("uuid").sub("<uuid>", text)
    if text.startswith("ip-"):
        text = pattern("host_ip").sub("<ip>", text)
    if text.startswith("tmp") and len(text) >= _TEMPORARY:
        return "<tmp>"
    if found := pattern("pod").fullmatch(text):
        return f"{found.group(1)}-<pod>"
    if "." in text:
        labels = text.split(".")
        if is_path and len(labels[0]) > _STATUS and labels[0].isdigit():
            labels[0] = "<n>"
        is_host = len(labels) >= _HOST_LABELS and labels[-1].isalpha()
        return ".".join(_name(label, is_quoted=is_quoted, is_host=is_host) for label in labels)
    return _name(text, is_quoted=is_quoted, is_host=False)


def _name(text: str, *, is_quoted: bool, is_host: bool) -> str:
    """A name without dots: as a whole, else piece by piece between its hyphens and underscores."""
    if _is_opaque(text):
        return "<token>"
    pieces = pattern("pieces").split(text)
    before = ""
    for at in range(0, len(pieces), 2):
        piece = pieces[at]
        if pattern("digits").search(piece):
            joint = pieces[at - 1] if at else ""
            pieces[at] = _piece(piece, before, joint, is_quoted=is_quoted, is_host=is_host)
        elif piece:
            before = piece
    return "".join(pieces)


def _piece(text: str, before: str, joint: str, *, is_quoted: bool, is_host: bool) -> str:
    if text.isdigit():
        return "<n>" if _is_instance(text, before, joint, is_quoted=is_quoted or is_host) else text
    if _is_hex(text):
        return "<hex>"
    if _is_opaque(text):
        return "<token>"
    found = pattern("lettered").fullmatch(text)
    if found is None or found.group(1).isupper():
        return text
    name, number = found.groups()
    least = _QUOTED_LETTERED if is_quoted else 2 if is_host else _LETTERED
    is_class = name.lower() in words("class") or name.lower() in words("versioned")
    return text if is_class or len(number) < least else f"{name}<n>"


def _is_instance(text: str, before: str, joint: str, *, is_quoted: bool) -> bool:
    """Whether the number behind ``before_`` or ``before-`` numbers one of many."""
    word = before.lower()
    if word in words("class") or word in words("versioned"):
        return False
    if not before:
        return len(text) >= _LONG
    if before.isupper():
        return len(text) > _LONG
    if joint == "_" or word in words("instance"):
        return True
    return len(text) >= _LONG or (is_quoted and before.islower())


def _is_hex(text: str) -> bool:
    """At least seven hex digits, letters among them; eight capital ones may be a status."""
    if len(text) < _HEX_LENGTH or not pattern("hex").fullmatch(text) or text.isdigit():
        return False
    return len(text) != _STATUS_HEX or not text.isupper()


def _is_opaque(text: str) -> bool:
    """Random by its looks: long, with digits in at least three places, and no words between."""
    if len(text) < _TOKEN_LENGTH:
        return False
    runs = len(pattern("digits").findall(text))
    if runs < _RUNS:
        return False
    is_mixed = not (text.islower() or text.isupper())
    is_solid = "-" not in text and "_" not in text
    return (is_mixed and (is_solid or runs > _RUNS)) or (is_solid and len(text) >= _OPAQUE_LENGTH)
