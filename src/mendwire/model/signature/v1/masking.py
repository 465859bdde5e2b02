"""The message with what is provably an identifier or a measure replaced, and nothing else.

A masked number that classified (a status, an errno, an exit code) would make two errors one, and
the server would drop the second; a number left in only costs a repeat. So everything stays that is
not proven. docs/reference/signature.md says the same in prose.
"""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.numbers import masked_number
from mendwire.model.signature.v1.patterns import pattern, words
from mendwire.model.signature.v1.places import below_root
from mendwire.model.signature.v1.tables import CAPS, DATA_PHRASES
from mendwire.model.signature.v1.tokens import masked_token, segment
from mendwire.model.signature.v1.where import Where

_MESSAGE: Final = CAPS["message"]
_TAIL: Final = _MESSAGE // 4
_PORT: Final = CAPS["port"]
_URL, _EMAIL, _PATH = 1, 2, 3
_RICH: Final = 3
_UUID, _MAC, _TIME, _IPV6, _IPV4, _HEX = 4, 5, 6, 7, 8, 9
_PARTS: Final = CAPS["parts"]
_BARE_TIME: Final = 9
_DATE_WORDS: Final = 5
_LONGEST_STATUS: Final = 10
_LONGEST_OFFSET: Final = 6


def template(message: str, parts: int = _PARTS) -> str:
    """The message's template; at most ``parts`` parts with digits are looked at."""
    text = shortened(message)
    if "'" in text or '"' in text:
        text = _without_data(text)
    special = pattern("special").search
    if not special(text):
        return text
    for space in "\t\r\n":
        text = text.replace(space, " ")
    if text.startswith("[ "):
        text = f"[{text[1:].lstrip(' ')}"
    chunks = text.split(" ")
    out: list[str] = []
    is_timed = False
    for at, chunk in enumerate(chunks):
        if is_timed and _is_beside_time(out, chunks, at):
            is_timed = out[-1][-6:] == "<time>"
        elif parts <= 0 or chunk.isalpha() or not special(chunk):
            out.append(chunk)
            is_timed = False
        else:
            parts -= _take(out, chunks, at, parts)
            is_timed = out[-1][-6:] == "<time>"
    return " ".join(out)


def _without_data(text: str) -> str:
    """Without the quoted value of a message that says that a value could not be read."""
    if text.endswith('" is not valid JSON') and (at := text.find(', "')) >= 0:
        return f'{text[:at]}, "<value>" is not valid JSON'
    for phrase in DATA_PHRASES:
        at = text.find(phrase)
        if at >= 0:
            start = at + len(phrase)
            end = text.find(phrase[-1], start)
            return text if end < 0 else f"{text[:start]}<value>{text[end:]}"
    return text


def shortened(message: str) -> str:
    """The first 1500 and the last 500 characters of a longer message."""
    if len(message) <= _MESSAGE:
        return message
    return message[: _MESSAGE - _TAIL] + message[-_TAIL:]


def _take(out: list[str], chunks: list[str], at: int, parts: int) -> int:
    """Mask one chunk and say how many parts it had.

    A time joins the date, and in a line of syslog the host, that stand beside it.
    """
    chunk = chunks[at]
    if chunk[0] == "[" and at and chunks[at - 1].lower() == "range":
        out.append(pattern("digits").sub("<n>", chunk))
        return 1
    if chunk.isalnum() and chunk.isascii():
        where = Where(chunks, out, at, 0, len(chunk))
        if chunk.isdigit():
            out.append(masked_number(chunk, where))
            return 1
        if "T" not in chunk and chunk[:2] != "0x":  # neither a time nor an address
            out.append(masked_token(chunk, where))
            return 1
    masked, taken = _masked(out, chunks, at, parts)
    if masked.endswith(("<time>", "<time>]", "<time>,", "<time>:")) and len(masked) <= _BARE_TIME:
        _swallow_date(out)
        if out and out[-1].strip("[](),") == "<time>":
            out[-1] = out[-1].rstrip("]") + masked.replace("<time>", "").strip("[")
            return taken
    out.append(masked)
    return taken


def _swallow_date(out: list[str]) -> None:
    """Drop the words of a date in front of a time: ``Tue, 24 Nov 2026`` and ``Nov 24``."""
    months, weekdays = words("month"), words("weekday")
    first = len(out)
    has_month = False
    while first > 0 and len(out) - first < _DATE_WORDS:
        bare = out[first - 1].rpartition(">")[2].strip("[](),").lower()
        is_month = bare in months
        if not (is_month or bare in weekdays or pattern("day").fullmatch(bare)):
            break
        has_month |= is_month
        first -= 1
    if has_month:
        del out[first:]


def _is_beside_time(out: list[str], chunks: list[str], at: int) -> bool:
    """Take a zone into the time before it, and the host that syslog puts after one."""
    chunk = chunks[at]
    if chunk.lower() in words("zone") or pattern("offset").fullmatch(chunk):
        return True
    following = chunks[at + 1] if at + 1 < len(chunks) else ""
    if len(out) > 1 or not pattern("program").match(following):
        return False
    if not pattern("host").match(chunk):
        return False
    if following[-2:] != "]:" and pattern("digits").match(chunks[0]):
        return False
    out.append("<host>")
    return True


def _masked(out: list[str], chunks: list[str], at: int, parts: int) -> tuple[str, int]:
    """One chunk with each part of it masked that is proven, and how many parts were looked at."""
    chunk = chunks[at]
    skip = 0 if "/" in chunk or "@" in chunk or "\\" in chunk else _RICH
    done: list[str] = []
    end = taken = 0
    for match in pattern("plain" if skip else "rich").finditer(chunk):
        start, kind = match.start(), (match.lastindex or 0) + skip
        done.append(chunk[end:start])
        end = match.end()
        if kind <= _RICH:
            done.append(_rich(kind, chunk[start:end], chunk[:start]))
        else:
            done.append(_plain(kind, chunk[start:end], Where(chunks, out, at, start, end)))
        taken += 1
        if taken >= parts:
            break
    done.append(chunk[end:])
    return "".join(done), taken


def _plain(kind: int, text: str, where: Where) -> str:  # noqa: PLR0911 - one return for each kind
    if kind > _HEX:
        if text.isdigit() and text.isascii():
            return masked_number(text, where)
        return masked_token(text, where)
    if kind == _UUID:
        return "<uuid>"
    if kind == _MAC:
        return "<mac>"
    if kind == _TIME:
        return _time(text, where)
    if kind == _IPV6:
        return _ipv6(text, where)
    return _ipv4(text, where) if kind == _IPV4 else _hex(text, where)


def _time(text: str, where: Where) -> str:
    if where.is_inside():
        return text
    is_date = len(text) == len("2026-11-25") and ":" not in text
    if is_date and where.word().rpartition("-")[2] in {"version", "api", "v", "ver"}:
        return text
    return "<time>"


def _ipv6(text: str, where: Where) -> str:
    if where.is_inside() or not pattern("digits").search(text):
        return text
    return "<ip>"


def _ipv4(text: str, where: Where) -> str:
    """An address; four numbers after a word for versions or inside something longer are none."""
    before = where.before[-1:]
    is_part = where.is_inside() or before in {".", "/", "-"} or where.after[:1] in {"-", "."}
    if is_part and not where.before.endswith("//"):
        return text if where.after[:2].strip(".") or before else "<ip>"
    if text in words("fixed_address") or any(int(part) > 255 for part in text.split(".")):  # noqa: PLR2004 - a byte
        return text
    if where.word() in {"version", "ver", "v", "release", "assembly", "file_version"}:
        return text
    return "<ip>"


def _hex(text: str, where: Where) -> str:
    """``0x`` numbers: addresses and long ones; up to eight digits may be a status."""
    if len(text) > _LONGEST_STATUS:
        return "<hex>"
    if len(text) > _LONGEST_OFFSET and where.word() in words("pointer"):
        return "<hex>"
    return text


def _rich(kind: int, text: str, before: str) -> str:
    if kind == _EMAIL:
        return "<email>"
    return _url(text) if kind == _URL else _path(text, before)


def _url(text: str) -> str:
    """Scheme, host and the words of path and query stay; what carries digits is masked."""
    scheme, _, rest = text.partition("://")
    end = len(rest.rstrip(".:;?!"))
    rest, punctuation = rest[:end], rest[end:]
    cut = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    host = rest[:cut].rpartition("@")[2]
    name, colon, port = host.partition(":")
    if port.isascii() and port.isdigit() and int(port[:6]) >= _PORT:
        port = "<port>"
    is_address = pattern("digits").sub("", name) == "..." and name not in words("fixed_address")
    shown = "<ip>" if is_address else ".".join(segment(label) for label in name.split("."))
    return f"{scheme}://{shown}{colon}{port}{_segments(rest[cut:])}{punctuation}"


def _segments(text: str) -> str:
    """Path, query and fragment, each piece masked by itself."""
    out: list[str] = []
    start = 0
    for at, char in enumerate(text):
        if char in "/?&=#\\":
            out += [_piece(text[start:at], out), char]
            start = at + 1
    out.append(_piece(text[start:], out))
    return "".join(out)


def _piece(text: str, before: list[str]) -> str:
    """A number after ``status/`` or ``code=`` classifies; another one is an id."""
    if text.isascii() and text.isdigit():
        word = before[-2].lower() if len(before) > 1 else ""
        return text if word in words("class") and before[-1] in "/=" else "<n>"
    return segment(text, is_path=True)


def _path(text: str, before: str) -> str:
    """A path below its root, each name masked by itself."""
    last = before[-1:]
    if last and (last.isalnum() or last in "_.-<>"):
        return _segments(text)
    if text.count("/") + text.count("\\") == 1:
        return text[0] + segment(text[1:])
    path = below_root(text)
    return f"<path>/{_segments(path)}"
