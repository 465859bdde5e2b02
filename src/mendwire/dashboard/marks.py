"""The screen's findings shown where they stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from mendwire.dashboard.text import LONGEST
from mendwire.model.printable import printable
from mendwire.model.screening import Reason

_MOST = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """One field's text with what spoke of it."""

    html: Markup
    rules: tuple[str, ...]
    """Ids of the rules that spoke of this field."""
    found: bool
    """Their excerpts stand in the text as it is shown; else they were disguised."""


def marked(text: str, field: str, reasons: Sequence[Reason]) -> Marked:
    """The text made inert, with every excerpt of a rule between ``<mark>`` and ``</mark>``."""
    shown = printable(text, LONGEST, lines=True)
    spoken = [reason for reason in reasons if _is_of(reason.where, field)][:_MOST]
    excerpts = dict.fromkeys(e for r in spoken if (e := r.excerpt.strip(" …")))
    spans = _spans(shown, excerpts)
    parts, at = [], 0
    for begin, end in spans:
        parts += [escape(shown[at:begin]), Markup("<mark>"), escape(shown[begin:end])]
        parts.append(Markup("</mark>"))
        at = end
    parts.append(escape(shown[at:]))
    return Marked(
        html=Markup("").join(parts),
        rules=tuple(dict.fromkeys(reason.rule for reason in spoken)),
        found=bool(spans),
    )


def _is_of(where: str, field: str) -> bool:
    return where == field or where.startswith((f"{field}.", f"{field}["))


def _spans(shown: str, excerpts: Iterable[str]) -> list[tuple[int, int]]:
    """Where they stand, in order, none over another; white space may differ."""
    found: list[tuple[int, int]] = []
    for excerpt in excerpts:
        if not (words := [re.escape(word) for word in excerpt.split()]):
            continue
        pattern = re.compile(r"\s+".join(words), re.IGNORECASE)
        found += [_whole_words(shown, *match.span()) for match in pattern.finditer(shown)]
    kept: list[tuple[int, int]] = []
    for begin, end in sorted(found, key=lambda one: (one[0], -one[1])):
        if not kept or begin >= kept[-1][1]:
            kept.append((begin, end))
    return kept


def _whole_words(shown: str, begin: int, end: int) -> tuple[int, int]:
    """An excerpt is cut to a length; the mark is not."""
    while begin and shown[begin - 1].isalnum() and shown[begin].isalnum():
        begin -= 1
    while end < len(shown) and shown[end - 1].isalnum() and shown[end].isalnum():
        end += 1
    return begin, end
