"""Characters written as other characters: escapes of strings, URLs, HTML and mail, and its tags."""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mendwire.screen.normalise.view import Piece

_UUENCODED: Final = re.compile(
    r"begin [0-7]{3,4} [^\n]{1,200}\n(?P<lines>(?:[!-M][ -`]{1,84}\n)+)(?:[ `]?\n)?end\b"
)
_ESCAPE: Final = re.compile(
    r"""(?P<bytes>(?:\\x[0-9a-fA-F]{2})+|(?:%[0-9a-fA-F]{2})+|(?:\\[0-3][0-7]{2})+)
    | (?P<units>(?:\\u[0-9a-fA-F]{4})+|(?:%u[0-9a-fA-F]{4})+)
    | (?:\\[ux]\{|\\U(?=[0-9a-fA-F]{8})|\bU\+)(?P<point>[0-9a-fA-F]{1,8})(?:\}|[ ](?=U\+)|)
    | (?P<entity>&(?:\#[xX]?[0-9a-fA-F]{1,8};?|[A-Za-z][A-Za-z0-9]{1,30};))
    | \\(?P<letter>[bfnrtv"'`/\\])""",
    re.VERBOSE,
)
_CUT: Final = re.compile(f"({re.sub('[?]P<[a-z]+>', '?:', _ESCAPE.pattern)})", re.VERBOSE)
"""The same, with what it finds as its only group."""
_SIGNS: Final = re.compile(
    r"[\\%&U](?:[0-9a-fA-F]{2}|u[0-9a-fA-F{]|x[0-9a-fA-F{]|U[0-9a-fA-F]|\+[0-9a-fA-F]|\#"
    r"|[A-Za-z][A-Za-z0-9]{1,30};|[bfnrtv\"'`/\\])"
)
"""The same in short, for one quick look."""
_SHORT: Final = 32
"""Letters of the longest escape that is remembered."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{2}")
_OCTAL: Final = re.compile(r"[0-7]{3}")
_QUOTED: Final = re.compile(r"(?P<bytes>(?:=[0-9A-Fa-f]{2}(?:=\r?\n)?)+)|(?<!=)=\r?\n")
_SURELY_QUOTED: Final = re.compile(r"(?:=[0-9A-Fa-f]{2}){2}|=20|(?<!=)=\r?\n")
_MIN_QUOTED: Final = 3
_INLINE: Final = (
    "a|abbr|b|big|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr"
)
_BLOCK: Final = (
    "address|article|aside|blockquote|body|br|dd|details|div|dl|dt|footer|form|h[1-6]|head|header"
    "|hr|html|iframe|img|input|li|link|main|meta|nav|ol|option|p|pre|script|section|select|style"
    "|summary|svg|table|tbody|td|textarea|th|thead|title|tr|ul"
)
_TAG: Final = re.compile(
    rf"(?i)<(?:!--(?P<comment>[^<>]{{0,2000}}?)-->|/?(?:(?P<inline>{_INLINE})|{_BLOCK})"
    r"(?:[\s/][^<>]{0,500})?>)"
)
_EMPHASIS: Final = re.compile(r"\*\*(?=\w)|\*\*(?<=\w..)|~~(?=\w)|~~(?<=\w..)")
_GLUE: Final = re.compile(
    r"[\"'`]\s{0,4}(?:\+|\.|\|\||&)\s{0,4}[\"'`]|(?<=[^\W_])[\"'`]\s{1,4}[\"'`](?=[^\W_])"
)
_GLUES: Final = (
    '" +',
    "' +",
    '"+',
    "'+",
    '" "',
    "' '",
    '".',
    "'.",
    '" .',
    "' .",
    "||",
    '" &',
    "` +",
)
_MIN_GLUED: Final = 2
_OVERRIDDEN: Final = re.compile("[\u202e\u202d]([^\u202c\u2069\n]*)")


def escapes(text: str) -> list[Piece]:
    """Backslash, URL and HTML escapes; runs of bytes are read as UTF-8."""
    if not _SIGNS.search(text):
        return []
    pieces = _unescaped(text)
    if pieces and "%" in text and "+" in text and " " not in text:
        return [(part.replace("+", " "), start, end) for part, start, end in pieces]
    return pieces


def quoted_printable(text: str) -> list[Piece]:
    """``=69=67`` of mail."""
    if text.count("=") < _MIN_QUOTED or not _SURELY_QUOTED.search(text):
        return []
    return _replaced(text, _QUOTED, lambda found: _utf8(_bytes(found["bytes"] or "")))


def uuencoded(text: str) -> list[Piece]:
    """A file as mail once carried it: ``begin 644 name``, and four letters for three bytes."""
    return _replaced(text, _UUENCODED, _from_uu) if "begin " in text else []


def _from_uu(mark: re.Match[str]) -> str:
    data = b""
    for line in mark["lines"].splitlines():
        try:
            data += binascii.a2b_uu(line)
        except binascii.Error:  # a broken line says nothing, and hides nothing of the others
            continue
    return _utf8(data)


def tags(text: str) -> list[Piece]:
    """HTML without its tags: those within a line leave nothing behind, others a space."""
    return _replaced(text, _TAG, _untagged) if "<" in text and ">" in text else []


def emphasis(text: str) -> list[Piece]:
    """Markdown without its marks for what is bold or struck out."""
    return _replaced(text, _EMPHASIS, lambda _: "") if "**" in text or "~~" in text else []


def glued(text: str) -> list[Piece]:
    """``"ig" + "nore"``: strings put together in code."""
    if not any(map(text.__contains__, _GLUES)) or len(_GLUE.findall(text)) < _MIN_GLUED:
        return []
    return _replaced(text, _GLUE, lambda _: "")


def overridden(text: str) -> list[Piece]:
    """What a right-to-left override shows backwards."""
    if text.isascii() or not _OVERRIDDEN.search(text):
        return []
    pieces: list[Piece] = []
    at = 0
    for found in _OVERRIDDEN.finditer(text):
        pieces.append((text[at : found.start()], at, found.start()))
        pieces.append((found[1][::-1], found.end(), found.start(1)))
        at = found.end()
    return [*pieces, (text[at:], at, len(text))]


def _replaced(
    text: str, pattern: re.Pattern[str], read: Callable[[re.Match[str]], str]
) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for mark in pattern.finditer(text):
        start, end = mark.span()
        if start > at:
            pieces.append((text[at:start], at, start))
        pieces.append((read(mark), start, end))
        at = end
    if 0 < at < len(text):
        pieces.append((text[at:], at, len(text)))
    return pieces


def _unescaped(text: str) -> list[Piece]:
    """The same for escapes, of which a hostile text has ten thousand: cut at all of them at once.

    Each is read by itself, whatever stands beside it (but for a look back at letters: ``U+``).
    """
    pieces: list[Piece] = []
    known: dict[str, str] = {}
    at = 0
    for number, part in enumerate(_CUT.split(text)):
        end = at + len(part)
        if number % 2:
            said = known.get(part)
            if said is None:
                said = known[part] = _escaped(part)
            pieces.append((said, at, end))
        elif part:
            pieces.append((part, at, end))
        at = end
    return pieces if len(pieces) > 1 or (pieces and pieces[0][0] != text) else []


def _escaped(mark: str) -> str:
    found = _ESCAPE.match(mark)
    assert found is not None
    kind = found.lastgroup or ""
    run = found[kind]
    return _known(kind, run) if len(run) <= _SHORT else _read(kind, run)


def _read(kind: str, run: str) -> str:
    if kind == "bytes":
        return _utf8(_bytes(run))
    if kind == "units":
        data = bytes.fromhex("".join(re.split(r"\\u|%u", run)))
        return data.decode("utf-16-be", "ignore")
    if kind == "entity":
        return html.unescape(run)
    if kind == "letter":
        return run if run in "\"'`/\\" else " "
    return _char(int(run, 16))


_known: Final = lru_cache(1024)(_read)
"""The same few escapes stand in a text over and over."""


def _char(point: int) -> str:
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else " "  # noqa: PLR2004 - the end of Unicode, and its surrogates


def _bytes(run: str) -> bytes:
    if run[:1] == "\\" and run[1] != "x":
        return bytes(int(code, 8) for code in _OCTAL.findall(run))
    return bytes.fromhex("".join(_HEX.findall(run)))


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _untagged(mark: re.Match[str]) -> str:
    if mark["comment"] is not None:
        return f" {mark['comment']} " if " " in mark["comment"].strip() else ""
    return "" if mark["inline"] else " "
