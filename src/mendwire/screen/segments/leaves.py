"""The texts in a JSON value, each with its path, and what they say one after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mendwire.model.printable import printable
from mendwire.screen.normalise import fold
from mendwire.screen.normalise.words import COMMON
from mendwire.screen.segments.segment import Kind, Part, Segment

MAX_LEAVES: Final = 2_000
MAX_DEPTH: Final = 64
_MAX_NESTED: Final = 3
"""Levels of JSON within strings."""
_MIN_NESTED: Final = 8
_PLAIN_KEY: Final = re.compile(r"[\w.$:@/-]{1,64}")
_REACHABLE: Final = re.compile(
    r"(?i)user[-_ ]?agent|referr?er|header|cookie|query|body|form|payload|param|comment|input|"
    r"prompt|url|path|breadcrumb|search|subject|title|name"
)
_LONGEST_SHARE: Final = 600
_LONGEST_WHOLE: Final = 4_000
_END: Final = 140
"""Letters at each end of a long leaf that are read together with its neighbours."""
_SAYING: Final = 24
"""Letters of a leaf that are no coincidence within another one, ..."""
_MAX_SAYING: Final = 40
"""... and how many leaves are compared with each other."""
_MORE: Final = 2
"""Words that leaves must say together beyond what one of them says."""
_MIN_LETTERS: Final = 8
"""Leaves of one or two letters that spell something."""
_NUMBERED: Final = re.compile(r"\D{0,40}(\d{1,6})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One string of a JSON value."""

    text: str
    path: str
    key: str
    """The key it has, or that its list has."""

    @property
    def kind(self) -> Kind:
        return _kind_at(self.path)


@lru_cache(1_024)
def _kind_at(path: str) -> Kind:
    return Kind.REACHABLE if _REACHABLE.search(path) else Kind.FIELD


def leaves_in(value: object, path: str) -> Iterator[Leaf]:
    """The strings of a value, JSON within them too, in their order; keys that are no names as well.

    What is beyond ``MAX_LEAVES`` comes as one.
    """
    stack: list[tuple[object, str, str, int]] = [(value, path, "", 0)]
    count = 0
    while stack and count < MAX_LEAVES:
        item, place, key, nested = stack.pop()
        if isinstance(item, Mapping):
            for name, child in reversed(list(item.items())):
                name = str(name)  # noqa: PLW2901 - JSON's keys are strings, a caller's may not be
                stack.append((child, f"{place}.{printable(name, 40)}", name, nested))
                if not _PLAIN_KEY.fullmatch(name):
                    stack.append((name, f"{place} key", "", _MAX_NESTED))
        elif isinstance(item, list):
            stack.extend((child, f"{place}[]", key, nested) for child in reversed(item))
        elif isinstance(item, str) and item:
            count += 1
            yield Leaf(text=item, path=place, key=key)
            if nested < _MAX_NESTED and (inner := _within(item)) is not None:
                stack.append((inner, place, key, nested + 1))
    if stack:
        rest = " ".join(str(item) for item, _, _, _ in stack)
        yield Leaf(text=rest, path=f"{path} rest", key="")


def _within(text: str) -> object:
    """The value that a string is the JSON of, or None."""
    if len(text) < _MIN_NESTED or text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def together(leaves: Sequence[Leaf], where: str) -> Iterator[Segment]:
    """Short leaves one after the other, where they say more than each of them: a split payload."""
    short = _once([leaf for leaf in leaves if len(leaf.text) <= _LONGEST_SHARE])
    if len(short) < 2:  # noqa: PLR2004 - nothing to put together
        return
    said = [COMMON.intersection(fold(leaf.text).split()) for leaf in short]
    letters = sum(len(leaf.text.strip()) <= 2 for leaf in short) >= _MIN_LETTERS  # noqa: PLR2004 - one letter and what parts it
    if not letters and len(set().union(*said)) < max(map(len, said)) + _MORE:
        apart, whole = _words(short, " "), _words(short, "")
        if len(whole) <= len(apart):
            return
    gap = "" if len(_words(short, "")) > len(_words(short, " ")) else " "
    yield _joined(_in_order(short), gap, f"{where} joined")


def _once(leaves: list[Leaf]) -> list[Leaf]:
    """Without what another leaf says as well: a stack repeats its error's message."""
    long = [leaf for leaf in leaves if len(leaf.text) >= _SAYING]
    if not 1 < len(long) <= _MAX_SAYING:
        return leaves
    again = {
        id(leaf)
        for number, leaf in enumerate(long)
        for at, other in enumerate(long)
        if leaf.text in other.text and (len(leaf.text) < len(other.text) or at < number)
    }
    return [leaf for leaf in leaves if id(leaf) not in again] if again else leaves


def _words(leaves: Sequence[Leaf], gap: str) -> frozenset[str]:
    return COMMON.intersection(fold(gap.join(leaf.text for leaf in leaves)).split())


def _in_order(leaves: list[Leaf]) -> list[Leaf]:
    """By the numbers of their keys, where all have one."""
    numbers = [_NUMBERED.fullmatch(leaf.key) for leaf in leaves]
    if not all(numbers):
        return leaves
    return sorted(leaves, key=lambda leaf: int("".join(filter(str.isdigit, leaf.key))[-9:]))


def _joined(leaves: Sequence[Leaf], gap: str, where: str) -> Segment:
    parts: list[Part] = []
    texts: list[str] = []
    at = 0
    for leaf in leaves:
        if at > _LONGEST_WHOLE:
            break
        for start, text in _ends(leaf.text):
            parts.append(Part(at=at, where=leaf.path, start=start))
            texts.append(text)
            at += len(text) + len(gap)
    return Segment(where=where, text=gap.join(texts), kind=Kind.FIELD, parts=parts)


def _ends(text: str) -> Iterator[tuple[int, str]]:
    """What other leaves may go on with, or go on from: both ends of a text that is long by itself.

    The whole is judged alone. What holds no blank may be a part of something encoded.
    """
    if len(text) <= 2 * _END or " " not in text:
        yield 0, text
        return
    yield 0, text[:_END]
    yield len(text) - _END, text[-_END:]
