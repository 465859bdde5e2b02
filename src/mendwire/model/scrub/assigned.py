"""Secrets beside a telling name, in the many ways in which a text writes that."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mendwire.model.scrub import values
from mendwire.model.scrub.marks import MARK, mark

KindOf = Callable[[str], str | None]

_BETWEEN: Final = re.compile(
    r"""(\\{0,8}["'`])?[\])]{0,2}[ \t]{0,3}(=>|:=|={1,3}|!=|:(?!:|//))([ \t]{0,3})"""
)
_ANNOTATED: Final = re.compile(
    r""":?[ \t]?[A-Za-z_][\w.]{0,30}(?:\[[\w., |]{0,30}\])?[ \t]?=(?!=)[ \t]?(?=["'`])"""
)
_BLOCK: Final = re.compile(r"[|>][+-]?[0-9]?[ \t]{0,3}\r?\n([ \t]{1,40})")
_TAG: Final = re.compile(r"(?:[ \t\n][^<>]{0,300})?(>|&gt;)")
_BEFORE_TAG: Final = re.compile(r"(?:<|&lt;)(?:[\w.-]{1,30}:)?\Z")
_CDATA: Final = re.compile(r"\s{0,8}<!\[CDATA\[")
_BEFORE_NAMED: Final = re.compile(
    r"""(?i)(?:name|key|id)\\{0,8}["']?[ ]{0,2}[:=][ ]{0,2}\\{0,8}["']?\Z"""
)
_NAMED_VALUE: Final = re.compile(
    r"""\\{0,8}["']?(?:[\s,;]|\\[nrt]){1,40}\\{0,8}["']?(?i:value)\\{0,8}["']?"""
    r"""[ ]{0,3}[=:][ ]{0,3}"""
)
_NEW_LINE: Final = r"(?:\r?\n|\\r\\n|\\n)"
_PART: Final = re.compile(
    rf"""\\{{0,8}}["'](?:;[^\r\n\\]{{0,200}})?(?:{_NEW_LINE}[\w-]{{1,60}}:[^\r\n\\]{{0,200}}){{0,4}}"""
    rf"""{_NEW_LINE}{_NEW_LINE}"""
)
_BEFORE_PAIR: Final = re.compile(r"""[\[(][ ]?[bur]{0,2}\\{0,8}["']\Z""")
_PAIR: Final = re.compile(r"""\\{0,8}["'][ ]?,[ ]{0,2}(?=[bur]{0,2}\\{0,8}["'])""")
_PERCENT: Final = re.compile(
    r"(?:%(?:25){0,3}(?:22|27|5[dD]))?%(?:25){0,3}3[aAdD](?:%(?:25){0,3}20|\+){0,3}"
    r"(?:%(?:25){0,3}2[27])?"
)
_PERCENT_VALUE: Final = re.compile(
    r"""(?:[^\s"'<>&%\\]|%(?!(?:25){0,3}(?:22|26|27|2[cC]|7[dD])))+"""
)
_FLAG: Final = re.compile(r"""[ ]{1,3}(?=[^\s-])""")
_NAME_END: Final = re.compile(r"[\w.-]*")
_TYPE: Final = re.compile(r"[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*")
_OPENED: Final = re.compile(r"""(\\{0,8})(["'`])\Z""")
_ALWAYS: Final = frozenset({"cvv", "otp", "ssn"})
Span = tuple[int, int]


def scrub_assigned(
    text: str, fragments: re.Pattern[str], kind_of: KindOf, *, literals_only: bool = False
) -> str:
    """The text without the values of telling names; ``literals_only`` is for source code, where
    a bare word beside a name is a variable.
    """
    kept: list[str] = []
    done = floor = 0
    for found in fragments.finditer(_lower(text)):
        if found.start() < floor:
            continue
        start, end = _name_around(text, found.start(), found.end(), floor)
        floor = end
        if text.endswith(MARK, 0, start):
            continue
        kind = kind_of(text[start:end].rpartition(".")[2])
        if kind is None:
            continue
        span = _Value(text, start, end, kind, kind_of, literals_only=literals_only).span()
        if span is None or values.is_harmless(text[slice(*span)]):
            continue
        kept += [text[done : span[0]], mark(kind)]
        done = floor = span[1]
    return "".join([*kept, text[done:]]) if kept else text


def _lower(text: str) -> str:
    """In lower case with every character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char if len(low := char.lower()) > 1 else low for char in text)


def _name_around(text: str, start: int, end: int, floor: int) -> Span:
    found = _NAME_END.match(text, end)
    last = found.end() if found else end
    while last > end and text[last - 1] in ".-":
        last -= 1
    least = max(floor, start - 64)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in "_.-"):
        start -= 1
    return start, last


def _span(match: re.Match[str] | None) -> Span | None:
    return match.span() if match else None


class _Value:
    """The search for the value of one name."""

    def __init__(
        self, text: str, start: int, end: int, kind: str, kind_of: KindOf, *, literals_only: bool
    ) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.kind = kind
        self.kind_of = kind_of
        self.literals_only = literals_only

    def span(self) -> Span | None:
        """Where the value stands, or None."""
        text, end = self.text, self.end
        between = _BETWEEN.match(text, end)
        if between is None:
            return self._elsewhere()
        if (found := _ANNOTATED.match(text, end)) or (
            between[2] == ":" and (found := _ANNOTATED.match(text, between.end()))
        ):
            return values.quoted(text, found.end())
        if (
            between[1]
            and (found := _NAMED_VALUE.match(text, end))
            and self._is_after(_BEFORE_NAMED)
        ):
            return self._any(found.end())
        return self._assigned(between)

    def _assigned(self, between: re.Match[str]) -> Span | None:
        text, at, sign = self.text, between.end(), between[2]
        if span := values.quoted(text, at):
            return self._literal(span)
        if self.literals_only:
            return None
        name = text[self.start : self.end]
        if sign == ":" and name.lower() == "token" and text.endswith("nexpected ", 0, self.start):
            return None
        is_query = self.start > 0 and text[self.start - 1] in "?&"
        if self.kind in values.WHOLE_LINE and not is_query and not between[1]:
            return self._line(at, sign)
        if sign == ":" and between[3]:
            return self._after_colon(at, name)
        return self._any(at)

    def _literal(self, span: Span) -> Span | None:
        if self.literals_only and re.search(r"\{[A-Za-z_]|%[s(]|\$\{", self.text[slice(*span)]):
            return None
        return span

    def _line(self, at: int, sign: str) -> Span | None:
        """A header: up to the end of its line, or of the quotes that it stands in."""
        text = self.text
        if self._is_code(at) or text[at : at + 1] in {"[", "{", "("}:
            return self._any(at)
        if sign != ":" and self.kind == "authorization":
            return at, values.unquoted(text, at)
        opened = _OPENED.search(text[max(0, self.start - 9) : self.start])
        if opened:
            end = values.closing(text, at, opened[2], len(opened[1]))
            return at, min(end, values.rest_of_line(text, at))
        if values.is_prose_at(text, at):
            return None
        return at, values.rest_of_line(text, at)

    def _after_colon(self, at: int, name: str) -> Span | None:
        """``password: value`` is data or a sentence, ``InvalidToken: …`` an error's message."""
        text = self.text
        if found := _BLOCK.match(text, at):
            return self._block(found)
        if self.kind not in _ALWAYS and values.is_prose_at(text, at):
            return None
        span = self._any(at)
        if span and _TYPE.fullmatch(name) and not any(map(str.isdigit, text[slice(*span)])):
            return None
        if span and text[span[1] : span[1] + 1] == " " and text[at : span[1]].isalpha():
            return at, values.passphrase_end(text, at, span[1])
        return span

    def _block(self, found: re.Match[str]) -> Span:
        text, indent = self.text, found[1]
        end = values.rest_of_line(text, found.end())
        while text.startswith("\n" + indent, end):
            end = values.rest_of_line(text, end + 1)
        return found.end(), end

    def _any(self, at: int) -> Span | None:
        text = self.text
        if span := values.quoted(text, at):
            return span
        if self.literals_only or self._is_code(at):
            return None
        if text[at : at + 1] in {"[", "{", "("}:
            end = values.bracketed(text, at)
            inside = text[at + 1 : end - 1]
            return (at, end) if inside.strip() and not values.is_sentence(inside) else None
        end = values.unquoted(text, at)
        return (at, end) if end > at else None

    def _is_code(self, at: int) -> bool:
        """Whether a placeholder, a call or a variable stands there, and no value."""
        text = self.text
        if values.is_placeholder_at(text, at) or values.is_code_at(text, at):
            return True
        variable = values.variable_at(text, at)
        return variable is not None and self.kind_of(variable) is not None

    def _is_after(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.text[max(0, self.start - 48) : self.start]) is not None

    def _elsewhere(self) -> Span | None:  # noqa: PLR0911 - one for each way of writing it
        """Not assigned: an element, a part of a form, a pair, a percent-encoded value, a flag."""
        text, end = self.text, self.end
        if (found := _TAG.match(text, end)) and self._is_after(_BEFORE_TAG):
            return self._element(found)
        if (found := _PART.match(text, end)) and self._is_after(_BEFORE_NAMED):
            return found.end(), values.rest_of_line(text, found.end())
        if (found := _NAMED_VALUE.match(text, end)) and self._is_after(_BEFORE_NAMED):
            return self._any(found.end())
        if (found := _PAIR.match(text, end)) and self._is_after(_BEFORE_PAIR):
            return self._pair(found.end())
        if found := _PERCENT.match(text, end):
            return _span(_PERCENT_VALUE.match(text, found.end()))
        if text.startswith("--", self.start) and (found := _FLAG.match(text, end)):
            return self._any(found.end())
        return None

    def _element(self, tag: re.Match[str]) -> Span | None:
        text = self.text
        if found := _CDATA.match(text, tag.end()):
            end = text.find("]]>", found.end())
            return found.end(), end if end >= 0 else len(text)
        bound = "<" if tag[1] == ">" else "&lt;"
        end = text.find(bound, tag.end())
        return (tag.end(), end) if text.startswith(bound + "/", end) and end >= 0 else None

    def _pair(self, at: int) -> Span | None:
        """Of two texts in brackets the first may name the second; two plain words are a list."""
        span = values.quoted(self.text, at)
        is_word = span is not None and self.text[slice(*span)].replace("_", "").isalpha()
        return None if is_word and self.kind not in values.WHOLE_LINE else span
