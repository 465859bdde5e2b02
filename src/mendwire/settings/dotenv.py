"""The ``.env`` file: where it is looked for and how it is read.

Accepted: ``NAME=value``, ``export NAME=value``, comments, single quotes (literal), double quotes
(escapes and ``${NAME}``), both across lines. ``${NAME}`` and ``${NAME:-default}`` are replaced
outside of single quotes; a bare ``$``, ``$(…)`` and backticks are plain text, so that a password
survives and nothing is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 1 << 16
_ENTRY: Final = re.compile(
    r"""
    [ \t]*(?:export[ \t]+)?
    (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    [ \t]*=[ \t]*
    (?:
        '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | (?P<plain>[^'"\s\#][^\r\n]*|(?=[\r\n\#]|\Z))
    )
    [ \t]*(?:\#[^\r\n]*)?(?=\r|\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_NOTHING: Final = re.compile(r"[ \t]*(?:export[ \t]*)?(?:\#[^\r\n]*)?(?=\r|\n|\Z)")
_LINE: Final = re.compile(r"[^\r\n]*")
_BREAK: Final = re.compile(r"\r\n|\r|\n|\Z")
_BREAKS: Final = re.compile(r"\r\n|\r|\n")
_COMMENT: Final = re.compile(r"\s+\#.*")
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ESCAPE: Final = re.compile(r"\\(.)|" + _REFERENCE.pattern, re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "b": "\b"}


def find_dotenv(directory: Path, home: Path) -> Path | None:
    """The nearest ``.env`` from ``directory`` up to its repository's root, else up to ``home``.

    Outside of both, only in ``directory`` itself: above it others may be able to write.
    """
    ends = repository_root(directory) or home
    above = (directory, *directory.parents)
    for folder in above[: above.index(ends) + 1] if ends in above else (directory,):
        if (folder / ".env").is_file():
            return folder / ".env"
    return None


def repository_root(directory: Path) -> Path | None:
    """The nearest folder with a ``.git`` at or above ``directory``."""
    above = (directory, *directory.parents)
    return next((folder for folder in above if (folder / ".git").exists()), None)


def parse_dotenv(text: str, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[int, ...]]:
    """The variables of ``text`` and the numbers of the lines that are none; never raises.

    ``environ`` wins over the file where a value refers to another variable.
    """
    values: dict[str, str] = {}
    unread: list[int] = []
    position, line = 0, 1
    while position < len(text):
        found = _ENTRY.match(text, position)
        if found:
            values[found["name"]] = _value(found, lambda name: environ.get(name, values.get(name)))
        elif not (found := _NOTHING.match(text, position)):
            unread.append(line)
            found = _LINE.match(text, position)
        ends = _BREAK.match(text, found.end() if found else len(text))
        after = ends.end() if ends else len(text)
        line += len(_BREAKS.findall(text, position, after))
        position = after
    return values, tuple(unread)


def _value(found: re.Match[str], look_up: Callable[[str], str | None]) -> str:
    def replace(reference: re.Match[str], name: int) -> str:
        return look_up(reference[name]) or reference[name + 1] or ""

    def unescape(part: re.Match[str]) -> str:
        return _ESCAPED.get(part[1], part[1]) if part[1] else replace(part, 2)

    if found["single"] is not None:
        return found["single"]
    if found["double"] is not None:
        return _ESCAPE.sub(unescape, found["double"])
    plain = _COMMENT.sub("", found["plain"] or "").rstrip()
    return _REFERENCE.sub(lambda reference: replace(reference, 1), plain)
