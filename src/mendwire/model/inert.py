"""Untrusted text as it may stand in an alert: short, one line, and without any effect.

Chats and mail programs act on what a text says: they notify people and channels, make links, load
images, hide what is between marks. The characters that do so are replaced by their full-width
forms, which read the same and mean nothing; a name that looks like a host has its dots put in
brackets (rules B11).
"""

from __future__ import annotations

import re
from typing import Final

from mendwire.model.printable import printable
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_text

LIMIT: Final = 160
"""Characters of one text."""
_LONGEST: Final = 2_000
"""Characters that are looked at: secrets must be found before the text is cut."""
_WIDE: Final = str.maketrans({char: chr(ord(char) + 0xFEE0) for char in "@#<>*`|~[]\\&$"})
_COLON: Final = re.compile(r"(?<=\w):(?=\S)")
"""Schemes and emoji: none is followed by a space."""
_UNDERSCORE: Final = re.compile(r"(?<![A-Za-z0-9_])_+(?=\S)|(?<=\S)_+(?![A-Za-z0-9_])")
_SOURCES: Final = re.compile(
    "c|cc|cpp|cs|cxx|erl|exs?|go|hpp|java|[cm]?jsx?|kt|lua|php|p[lm]|pyx?|rb|rs|scala|sh|sql|"
    "svelte|swift|tsx?|vue",
    re.IGNORECASE,
)
"""Endings of source files, which are no domains to most programs."""
_DOT: Final = "[.\\u3002\\uff0e\\uff61]"
"""What resolvers of names take for one."""
_DOTTED: Final = re.compile(rf"[\w-]+(?:{_DOT}[\w-]+)+(/?)")
_DOTS: Final = re.compile(_DOT)


def inert(text: str, limit: int = LIMIT, scrub: ScrubPolicy = DEFAULT) -> str:
    """At most ``limit`` characters of ``text`` and what breaking up adds, without secrets."""
    return without_effect(printable(scrub_text(text[:_LONGEST], scrub), limit)).strip()


def without_effect(plain: str) -> str:
    """Printable text, whole, as it may stand where programs act on what they show."""
    plain = _DOTTED.sub(_undotted, plain)
    plain = _COLON.sub("\uff1a", plain)
    plain = _UNDERSCORE.sub(lambda found: "\uff3f" * len(found[0]), plain)
    return plain.translate(_WIDE)


def _undotted(found: re.Match[str]) -> str:
    """File names, versions and names of modules stay; what could be a host does not."""
    text, is_host = found[0], bool(found[1])
    last = _DOTS.split(text.rstrip("/"))[-1]
    if not is_host and (_SOURCES.fullmatch(last) or not last[:1].isalpha() or len(last) == 1):
        return text
    if all(part.isdecimal() for part in _DOTS.split(text.rstrip("/"))) and not is_host:
        return text
    return _DOTS.sub("(.)", text)
