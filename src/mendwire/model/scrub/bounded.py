"""Operators' own patterns: only such as take time in proportion to the text, on any text."""

from __future__ import annotations

import re
from typing import Final

from mendwire.errors import ConfigError

MOST_WAYS: Final = 5_000
"""Ways in which a pattern may match from one place, which bounds the steps made there."""
_LONGEST: Final = 500
_LONGEST_MATCH: Final = 1_000
_REPETITION: Final = re.compile(r"\{(\d{0,6})(?:(,)(\d{0,6}))?\}")


def check_pattern(pattern: str) -> None:
    """Raises ConfigError, saying what to write instead, unless every repetition is bounded,
    none stands inside another, and nothing looks around or back.
    """
    if len(pattern) > _LONGEST:
        raise ConfigError(
            f"scrub.patterns: {pattern[:40]!r}… is longer than {_LONGEST} characters."
        )
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ConfigError(f"scrub.patterns: {pattern!r} is no pattern: {problem}.") from None
    if compiled.match(""):
        raise ConfigError(f"scrub.patterns: {pattern!r} matches the empty text; make it say more.")
    _Reader(pattern).check()


class _Reader:
    """Walks once through a pattern that compiles, and adds up what it can match."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.ways = 1

    def check(self) -> None:
        self._alternatives()

    def _refusal(self, why: str) -> ConfigError:
        return ConfigError(f"scrub.patterns: {self.pattern!r} {why}.")

    def _alternatives(self) -> tuple[bool, int]:
        """Read up to the closing bracket: whether it varies, and how long it can be."""
        varies, longest = False, 0
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            if self.pattern[self.at] == "|":
                self._count(2)
                self.at += 1
                varies = True
                continue
            inner, width = self._atom()
            least, most = self._repetition()
            if most > 1 and inner:
                raise self._refusal(
                    "repeats something that varies itself; write it without nesting"
                )
            self._count(most - least + 1)
            varies = varies or inner or most > least
            longest += width * most
            if longest > _LONGEST_MATCH:
                raise self._refusal(f"can match more than {_LONGEST_MATCH} characters; shorten it")
        return varies, longest

    def _atom(self) -> tuple[bool, int]:
        char = self.pattern[self.at]
        if char == "(":
            return self._group()
        if char == "[":
            self._set()
        elif char == "\\":
            if self.pattern[self.at + 1] in "123456789":
                raise self._refusal("refers back to a group; write the text out")
            self.at += 2
        else:
            self.at += 1
        return False, 1

    def _group(self) -> tuple[bool, int]:
        if self.pattern.startswith("(?", self.at):
            if not self.pattern.startswith("(?:", self.at):
                raise self._refusal("has a (?…) other than (?:…), which is refused")
            self.at += 2
        self.at += 1
        found = self._alternatives()
        self.at += 1
        return found

    def _set(self) -> None:
        self.at += 1
        if self.pattern[self.at] == "^":
            self.at += 1
        first = self.at
        while self.pattern[self.at] != "]" or self.at == first:
            self.at += 2 if self.pattern[self.at] == "\\" else 1
        self.at += 1

    def _repetition(self) -> tuple[int, int]:
        """Read a quantifier if there is one: the least and the most repetitions."""
        sign = self.pattern[self.at : self.at + 1]
        found = _REPETITION.match(self.pattern, self.at)
        if sign in {"*", "+"} or (found and found.group(2) and not found.group(3)):
            shown = sign if sign != "{" else "{n,}"
            raise self._refusal(f"repeats without a bound; write {{1,64}} instead of {shown}")
        if sign == "?":
            self.at += 1
            bounds = (0, 1)
        elif found and found.group() != "{}":
            self.at = found.end()
            least = int(found.group(1) or 0)
            bounds = (least, int(found.group(3)) if found.group(2) else least)
        else:
            return 1, 1
        if self.pattern[self.at : self.at + 1] in {"?", "+"}:
            self.at += 1
        return bounds

    def _count(self, ways: int) -> None:
        self.ways *= ways
        if self.ways > MOST_WAYS:
            raise self._refusal("can match in too many ways; make its repetitions shorter")
