"""The message with what is provably an identifier or a measure replaced, and nothing else.

A masked number that classified (a status, an errno, an exit code) would make two errors one, and
the server would drop the second; a number left in only costs a repeat. So everything stays that is
not proven. The patterns have no look-around and no back-references.
"""

from __future__ import annotations

import re
from typing import Final

from mendwire.model.signature.origin import below_root

MAX_MESSAGE: Final = 2000

_ID_WORDS: Final = frozenset(
    "id ids user users customer account tenant order orders item invoice cart product ticket task "  # noqa: SIM905 - words read best as a line of words
    "job session request req transaction txn process pid tid thread worker goroutine row record "
    "attempt retry index offset position begin length size bytes shard partition batch chunk page "
    "amount balance total price quantity tick message seq sequence connection conn client node "
    "pod host instance uid gid key blocked".split()
)
_CLASS_WORDS: Final = frozenset(
    "err error errno code status http signal exit utf sha md base iso cp tls ssl ipv v version "  # noqa: SIM905 - the same
    "state sqlstate rc ret reason level int uint float x".split()
)
_STATUS_HEX: Final = re.compile(r"[0-9A-F]{8}")
_HRESULT: Final = re.compile(r"2[0-9]{9}")
_TOKEN_LENGTH: Final = 16
_TOKEN_DIGITS: Final = 3
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]{1,15}://)([^\s/?#\"'<>|]*)([^\s\"'<>|]*)")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_UUID: Final = re.compile(
    r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b"
)
_TIME: Final = re.compile(
    r"\b[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?)?"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}"
    r":[0-9]{2}|\b[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?\b"
)
_PROCESS: Final = re.compile(
    r"<time> \[[0-9]{1,7}\]|\b[0-9]{1,7}#[0-9]{1,7}: \*[0-9]{1,12}|\[pid [0-9]+\]"
)
_IPV4: Final = re.compile(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::([0-9]{1,5}))?\b")
_IPV6: Final = re.compile(
    r"\b(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4}){1,4}\b"
    r"|\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5}::[0-9A-Fa-f]{1,4}\b"
)
_PATH: Final = re.compile(r"(^|[\s'\"(=\[:,])((?:[A-Za-z]:[\\/]|/)[\w.@+%~\\/-]{2,400})")
_ADDRESS: Final = re.compile(r"\b((?:at|addr|address|pc|ptr|pointer)[ =:]{1,2})0x[0-9A-Fa-f]+")
_LONG_HEX: Final = re.compile(r"\b0x[0-9A-Fa-f]{9,}\b")
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{6,}")
_HOST: Final = re.compile(
    r"\b([A-Za-z][A-Za-z-]{0,60})[0-9]{2,20}((?:\.[A-Za-z0-9-]{1,63}){1,6}\.[a-z]{2,10})\b"
)
_UNIT: Final = re.compile(
    r"\b[0-9]+(?:\.[0-9]+)?( ?)(ns|us|µs|ms|s|sec|secs|seconds?|mins?|minutes?|h|hours?|days?|"
    r"[KMGT]i?B|kB|bytes|B|rows?|keys|items|records|messages|retries|times)\b"
)
_AFTER_WORD: Final = re.compile(
    r"\b([A-Za-z_]{1,40})(\)?[ ]?[#:=][ ]?[(\[]?['\"]?|\(| #?| ['\"]| \[)(-?[0-9]+)\b"
)
_WORD_NUMBER: Final = re.compile(r"\b([a-z][a-z-]*)_[0-9]{1,20}\b")
_BRACKET: Final = re.compile(r"\brange \[-?[0-9]*(?::-?[0-9]*){0,2}\]")
_INT: Final = re.compile(r"\b[0-9]{6,}\b")
_DIGITS: Final = re.compile(r"[0-9]+")
_EPHEMERAL: Final = 32768


def template(message: str) -> str:
    """The message's template, at most 2000 characters and the masks."""
    text = message
    if len(text) > MAX_MESSAGE:
        text = text[: MAX_MESSAGE - 500] + text[-500:]
    text = _URL.sub(_url, text) if "://" in text else text
    text = _EMAIL.sub("<email>", text) if "@" in text else text
    text = _PATH.sub(_path, text) if "/" in text or "\\" in text else text
    if not _DIGITS.search(text):
        return text
    text = _PROCESS.sub("<process>", _TIME.sub("<time>", _UUID.sub("<uuid>", text)))
    text = _IPV6.sub(_ipv6, _IPV4.sub(_ipv4, text))
    text = _LONG_HEX.sub("<hex>", _ADDRESS.sub(r"\1<hex>", text))
    text = _HOST.sub(r"\1<n>\2", _TOKEN.sub(_token, text))
    text = _UNIT.sub(r"<n>\1\2", _BRACKET.sub("range [<n>]", text))
    text = _AFTER_WORD.sub(_after_word, _WORD_NUMBER.sub(_word_number, text))
    return _INT.sub(_integer, text)


def _url(match: re.Match[str]) -> str:
    scheme, host, rest = match.groups()
    name = _DIGITS.sub("<n>", host.rpartition("@")[2])
    return f"{scheme}{name}{'/<path>' if rest.strip('/') else ''}"


def _path(match: re.Match[str]) -> str:
    """Only the last name of a path stays, and only where it has no digits."""
    before, path = match.groups()
    if path.count("/") + path.count("\\") == 1:
        return match.group()
    name = below_root(path).rstrip("/").rpartition("/")[2]
    return f"{before}<path>/{'<name>' if _DIGITS.search(name) else name}"


def _ipv4(match: re.Match[str]) -> str:
    port = match.group(1)
    if not port:
        return "<ip>"
    return f"<ip>:{port if int(port) < _EPHEMERAL else '<port>'}"


def _ipv6(match: re.Match[str]) -> str:
    text = match.group()
    return "<ip>" if _DIGITS.search(text) else text


def _token(match: re.Match[str]) -> str:
    """Hex of at least 7 and mixed tokens of at least 16 characters are ids; words are not."""
    text = match.group()
    digits = sum(char.isdigit() for char in text)
    letters = sum(char.isalpha() for char in text)
    if not digits or not letters:
        return text
    if all(char in "0123456789abcdefABCDEF" for char in text):
        return text if _STATUS_HEX.fullmatch(text) else "<hex>"
    mixed = text != text.lower() and text != text.upper()
    is_id = mixed and len(text) >= _TOKEN_LENGTH and digits >= _TOKEN_DIGITS
    return "<token>" if is_id else text


def _word_number(match: re.Match[str]) -> str:
    word = match.group(1)
    return match.group() if word in _CLASS_WORDS else f"{word}_<n>"


def _after_word(match: re.Match[str]) -> str:
    word, between, number = match.groups()
    folded = word.lower()
    is_id = folded in _ID_WORDS or folded.endswith("_id") or word.endswith(("Id", "ID"))
    return f"{word}{between}<n>" if is_id else f"{word}{between}{number}"


def _integer(match: re.Match[str]) -> str:
    """A negative ten-digit number that starts with 2 is a Windows status, not an id."""
    text, start = match.group(), match.start()
    is_status = match.string[start - 1 : start] == "-" and _HRESULT.fullmatch(text)
    return text if is_status else "<n>"
