"""Text of reports and agents as it may stand in a commit message: readable, without any effect.

Forges act on what messages say: they notify people, close requests, skip checks, run commands,
load images. Every form of that is broken up here, visibly (rules B11).
"""

from __future__ import annotations

import re
import textwrap
from typing import Final

from mendwire.model.printable import printable

LIMIT: Final = 1500
"""Characters of one text."""
_WIDTH: Final = 72
_BREAKS: Final = (
    (re.compile(r"@(?=[\w-])"), "@ "),  # mentions
    (re.compile(r"([#!&%~$])(?=\w)"), r"\1 "),  # references, closing words, smart commits
    (re.compile(r"\b(GH|gh)-(?=\d)"), r"\1 "),
    (re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*)://"), r"\1: //"),  # links, which can close as well
    (re.compile(r"\bwww\.", re.IGNORECASE), "www ."),
    (re.compile(r"!(?=\[)"), "! "),  # images
    (re.compile(r"\](?=[(\[:])"), "] "),  # Markdown links
    (re.compile(r"<(?=[A-Za-z/!?])"), "< "),  # HTML
    (re.compile(r"\[([^\[\]\n]*\b(?:skip|no|ci|actions)\b[^\[\]\n]*)\]", re.IGNORECASE), r"(\1)"),
    (re.compile(r"\*{3}"), "* * *"),  # ***NO_CI***
    (re.compile(r"\bskip-(?=check)", re.IGNORECASE), "skip "),
    (re.compile(r"^(\s*)/(?=\w)", re.MULTILINE), r"\1/ "),  # quick actions
    (re.compile(r"^(\s*(?:[A-Za-z]+-)*[A-Za-z]+)-(?=[A-Za-z]+\s*:)", re.MULTILINE), r"\1 "),
    (re.compile(r"`{3,}|~{3,}"), "'''"),  # ends of fences
)


def neutral(text: str, limit: int = LIMIT) -> str:
    """At most ``limit`` characters of ``text`` and what breaking up adds; keeps line breaks."""
    plain = printable(text.replace("\r\n", "\n").strip(), limit, lines=True)
    for pattern, instead in _BREAKS:
        plain = pattern.sub(instead, plain)
    return plain


def fenced(text: str, limit: int = LIMIT) -> str:
    """The same as an indented block, in which no line can be a trailer or a comment."""
    lines = [part for line in neutral(text, limit).splitlines() for part in _wrapped(line)]
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _wrapped(line: str) -> list[str]:
    """Code keeps its shape as long as it fits; only longer lines are broken."""
    if len(line) <= _WIDTH:
        return [line]
    parts = textwrap.wrap(line, _WIDTH, break_on_hyphens=False)
    # What stood inside of the line may now begin one.
    return [re.sub(r"^/(?=\w)", "/ ", part) for part in parts]
