"""One word as it was before something was put into it, taken out of it or done to its letters."""

from __future__ import annotations

import re
from typing import Final

from mendwire.screen.normalise.prose import VOCABULARY, is_pronounced, respaced
from mendwire.screen.normalise.words import COMMON, ENGLISH

MIN_SENTENCE: Final = 3
"""Words that a name is made of before it counts as a sentence."""
MIN_CALLED: Final = 5
"""The same for a call: code says ``loop.run_until_complete(main())``."""
MOST_OF_NAME: Final = 6
"""Words up to which the names of a text may be just that; more are a sentence without blanks."""
_WIDE: Final = "\u2e80"
_LONGEST: Final = 400
_PATH: Final = re.compile(
    r"(?:[A-Za-z]:)?[\w.+~-]*(?:[/\\][\w.+~-]+)+"
    r"\.(?:py|[cm]?[jt]sx?|rb|go|rs|java|kt|cs|php|exs?|cc?|cpp|h)(?::[\w\[\]:.-]*)?"
)
"""A file of source, and what of it: a line, a test."""
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|[0-9]+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_LEET: Final = (
    str.maketrans("0123456789@$!|+€£¡", "oizeasgtbgasilteli"),
    str.maketrans("0123456789@$!|+€£¡", "olzeasbtbgaslitell"),
)
_LEET_SIGNS: Final = re.compile(r"[0-9@$!|+€£¡]")
_LEET_INSIDE: Final = re.compile(r"[A-Za-z][0134578@$]+[A-Za-z]|\b[0134578@$]+[A-Za-z]{2}")
_LEET_WORD: Final = re.compile(
    r"[A-Za-z0-9@$!|+€£¡]*[A-Za-z][0-9@$!|+€£¡A-Za-z]*|(?<!\S)[14@](?!\S)"
)
_MIN_SQUEEZED: Final = 14
_MIN_SCRAMBLED: Final = 6
_MIN_SURE: Final = 4
"""Letters of a word that is no coincidence."""
_LONGEST_GUESSED: Final = 24
_REPEATS: Final = re.compile(r"(?:([a-z])\1+)+|[a-z]*([a-z])\2{2,}[a-z]*")
_VOWELS: Final = str.maketrans("", "", "aeiou")
_REPEATED: Final = re.compile(r"([^\W\d_])\1+")


def _key(word: str) -> str:
    """The same for all words with these letters that begin and end alike."""
    return word[0] + "".join(sorted(word[1:-1])) + word[-1]


def _single(word: str) -> str:
    return _REPEATED.sub(r"\1", word)


_ASCII: Final = sorted(word for word in COMMON if word.isascii())
_SCRAMBLED: Final = {_key(word): word for word in _ASCII if len(word) >= _MIN_SCRAMBLED}
_SQUEEZED: Final = {_single(word): word for word in _ASCII if len(word) > 1}
_SKELETONS: Final = {
    bare: word
    for word in sorted(ENGLISH, reverse=True)
    if len(bare := word.translate(_VOWELS)) > 1 and bare not in COMMON
}


def mended(core: str) -> str:
    """What an unknown word, without the punctuation around it, surely was; empty if nothing."""
    if len(core) > _LONGEST:
        return ""
    return _of_letters(core.lower()) if _is_plain(core) else _of_parts(core) or _leet(core)


def is_name(core: str, better: str) -> bool:
    """Whether a word was only set apart where the parts of a name begin: nothing was disguised."""
    if " " not in better or _is_plain(core):
        return False
    parts = _PARTS.findall(core)
    return len(parts) <= MOST_OF_NAME and " ".join(parts) == better


def is_path(core: str) -> bool:
    """Whether it is a file of source: its parts stand apart, and a test's name is a sentence."""
    return len(core) <= _LONGEST and _PATH.fullmatch(core) is not None


def guessed(core: str) -> str:
    """What a short word may have been, in a text where others were mended; empty if nothing."""
    word = core.lower()
    if not 1 < len(core) <= _LONGEST_GUESSED:
        return ""
    if _is_plain(core):
        repeats = _REPEATED.search(word) and _REPEATS.fullmatch(word)
        return (repeats and _SQUEEZED.get(_single(word))) or _SKELETONS.get(word, "")
    joined = "".join(_LETTERS.findall(word))
    if joined in VOCABULARY:
        return joined
    return next((read for table in _LEET if (read := word.translate(table)) in VOCABULARY), "")


def is_leet(core: str) -> bool:
    """Whether signs stand for letters in it, so that it can be pronounced without them."""
    if not _LEET_INSIDE.search(core):
        return False
    parts = [part for part in _LETTERS.findall(core.lower().translate(_LEET[0])) if len(part) > 2]  # noqa: PLR2004 - shorter ones say nothing
    return any(map(is_pronounced, parts))


def unleet(text: str) -> str:
    """A text with letters for the signs, the likelier ones."""
    return _LEET_WORD.sub(lambda word: word.group().translate(_LEET[0]), text)


def _is_plain(core: str) -> bool:
    return core.isalpha() and (core.islower() or core.isupper() or core[1:].islower())


def _of_letters(word: str) -> str:
    if len(word) >= _MIN_SQUEEZED and (apart := respaced(word)):
        return apart
    if len(word) < _MIN_SURE:
        return ""
    found = _SCRAMBLED.get(_key(word), "") if len(word) >= _MIN_SCRAMBLED else ""
    if not found and _REPEATED.search(word):
        found = _SQUEEZED.get(_single(word), "")
    found = found or _SKELETONS.get(word, "")
    return found if found != word and len(found) >= _MIN_SURE else ""


def _of_parts(core: str) -> str:
    parts = _PARTS.findall(core)
    if len(parts) < 2:  # noqa: PLR2004 - nothing stands between
        return ""
    lower = [part.lower() for part in parts]
    sayings = [part for part in lower if part in COMMON]
    least = MIN_CALLED if "(" in core else MIN_SENTENCE
    if len(sayings) >= least and 2 * len(sayings) >= len(parts):
        return " ".join(parts)
    if len(parts) >= MIN_SENTENCE and not any(map(str.isascii, parts)):
        if max(core) >= _WIDE:
            return ""  # a sentence as it is written in scripts without blanks
        return " ".join(parts) if max(map(len, parts)) > 1 else ""  # no name is written so
    return _put_together("".join(lower), lower)


def _put_together(joined: str, parts: list[str]) -> str:
    if len(joined) < _MIN_SURE or not joined.isalpha():
        return ""
    if joined in VOCABULARY:
        return joined if not all(part in VOCABULARY for part in parts) else ""
    return respaced(joined) if 2 * len(parts) >= len(joined) else ""


def _leet(core: str) -> str:
    if not _LEET_SIGNS.search(core):
        return ""
    for table in _LEET:
        read = core.lower().translate(table)
        if read in VOCABULARY and len(read) >= _MIN_SURE:
            return read
    parts = [part for part in _LEET_WORD.findall(core.lower()) if _LEET_SIGNS.search(part)]
    sure = [part for part in parts if part.translate(_LEET[0]) in VOCABULARY]
    return unleet(core.lower()) if len(sure) > 1 else ""
