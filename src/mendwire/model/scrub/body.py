"""Whole bodies: by the names of keys, and every text in them.

Most texts of a report (lines of source, names of files, keys) came before. What was seen to be
clean is remembered, what is new is searched all at once for hints, and only what has one is looked
at closely. Slow and fast give the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from mendwire.model.report import MAX_DEPTH, JSONValue
from mendwire.model.scrub.keys import PERSONAL
from mendwire.model.scrub.marks import MARK, mark
from mendwire.model.scrub.numbers import is_phone
from mendwire.model.scrub.policy import DEFAULT, ScrubPolicy
from mendwire.model.scrub.scrubber import Scrubber, scrubber
from mendwire.model.scrub.suspects import Suspicion

_SHORTEST: Final = 5
"""Characters; ``pwd=x`` is the shortest text with a secret in it."""
_LONGEST_REMEMBERED: Final = 300
_MOST_REMEMBERED: Final = 4096
_LONGEST_KEY: Final = 64
_LEAST_NUMBER: Final = 10**11
_MOST_NUMBER: Final = 10**19
_PAIR: Final = 2


class Reading(IntEnum):
    """How a text is read."""

    TEXT = 0
    CODE = 1
    PLACE = 2


class _Key(IntEnum):
    """What a key makes of its value."""

    PLAIN = 0
    FRAMES = 1
    ALLOWED = 2
    TELLING = 3
    UNCLEAN = 4
    CODE = 5
    PLACE = 6


_IN_FRAMES: Final = {
    **dict.fromkeys(("file", "function", "module", "filename", "abs_path"), _Key.PLACE),
    **dict.fromkeys(("code", "context_line", "pre_context", "post_context"), _Key.CODE),
}
_READINGS: Final = {_Key.CODE: Reading.CODE, _Key.PLACE: Reading.PLACE}
Holder = dict[str, JSONValue] | list[JSONValue]


class Scrubbing:
    """Scrubs bodies in place by one policy, and remembers what is clean."""

    def __init__(self, ready: Scrubber) -> None:
        self.scrubber = ready
        self.suspicion = Suspicion(ready)
        self.shortest = 1 if ready.patterns else _SHORTEST
        self.readers = (ready.text, ready.code, ready.place)
        self.clean: tuple[set[str], ...] = (set(), set(), set())
        """By reading; each begins anew when it is full."""
        self.keys: dict[str, _Key] = {}
        self.frame_keys: dict[str, _Key] = {}
        """The same for the keys of frames."""

    def scrub(self, body: Holder, *, is_fast: bool = True) -> None:
        """Change ``body``; without ``is_fast`` each text is looked at closely, none remembered."""
        walk = _Walk(self, is_fast=is_fast)
        walk.through(body)
        walk.settle()

    def key(self, name: str, *, in_frame: bool = False) -> _Key:
        """What ``name`` makes of its value."""
        known = self.frame_keys if in_frame else self.keys
        key = (_IN_FRAMES.get(name) if in_frame else None) or self._key(name)
        if len(name) <= _LONGEST_KEY:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[name] = key
        return key

    def remember(self, texts: set[str], reading: int) -> None:
        """Note texts that were found clean."""
        clean = self.clean[reading]
        if len(clean) + len(texts) > _MOST_REMEMBERED:
            clean.clear()
            texts = set(islice(texts, _MOST_REMEMBERED))
        clean.update(text for text in texts if len(text) <= _LONGEST_REMEMBERED)

    def _key(self, name: str) -> _Key:
        ready = self.scrubber
        if ready.is_allowed(name):
            return _Key.ALLOWED
        if ready.text(name) != name:
            return _Key.UNCLEAN
        if ready.kind(name) or ready.scalar_kind(name):
            return _Key.TELLING
        return _Key.FRAMES if name == "frames" else _Key.PLAIN


class _Walk:
    """One walk through one body: first what to look at is collected, then it is looked at."""

    def __init__(self, scrubbing: Scrubbing, *, is_fast: bool) -> None:
        self.scrubbing = scrubbing
        self.ready = scrubbing.scrubber
        self.is_fast = is_fast
        self.shortest = scrubbing.shortest if is_fast else 0
        self.clean = scrubbing.clean if is_fast else (set[str](), set[str](), set[str]())
        self.texts: tuple[list[str], ...] = ([], [], [])
        self.places: tuple[list[tuple[Any, str | int]], ...] = ([], [], [])
        self.waiting: list[tuple[Holder, int, bool]] = []
        """Objects and lists to walk through, their depth, and whether it is a frame."""
        self.unclean: list[dict[str, JSONValue]] = []
        """Objects with a secret in the name of a key."""

    def settle(self) -> None:
        """Look closely at what is suspect, and remember the rest."""
        for reading, texts in enumerate(self.texts):
            if texts:
                suspects: Iterable[int] = range(len(texts))
                if self.is_fast:
                    by_form = reading == Reading.PLACE
                    suspects = self.scrubbing.suspicion.among(texts, by_form=by_form)
                changed = self._changed(reading, suspects)
                if self.is_fast:
                    self.scrubbing.remember(set(texts) - changed, reading)
        for body in self.unclean:
            renamed = {self.ready.text(name): value for name, value in body.items()}
            body.clear()
            body.update(renamed)

    def through(self, body: Holder) -> None:  # noqa: C901 - the loop that every text passes
        """Collect the texts that are not known, and replace what stands under telling keys."""
        keys, frame_keys = self.scrubbing.keys, self.scrubbing.frame_keys
        clean, shortest = self.clean[0], self.shortest
        texts, places, waiting = self.texts[0], self.places[0], self.waiting
        waiting.append((body, 0, False))
        while waiting:
            holder, depth, is_frame = waiting.pop()
            if depth > MAX_DEPTH:
                _hollow(holder)
                continue
            if isinstance(holder, list):
                self._list(holder, depth)
                continue
            if "value" in holder:
                self._named(holder)
            known = frame_keys if is_frame else keys
            for name, value in holder.items():
                key = known.get(name)
                if key is None:
                    key = self.scrubbing.key(name, in_frame=is_frame)
                if key:
                    self._special(name, key, value, holder, depth)
                elif isinstance(value, str):
                    if len(value) >= shortest and value not in clean:
                        texts.append(value)
                        places.append((holder, name))
                elif isinstance(value, (dict, list)):
                    waiting.append((value, depth + 1, False))
                elif isinstance(value, int) and value >= _LEAST_NUMBER:
                    self._number(value, holder, name)

    def _special(
        self, name: str, key: _Key, value: JSONValue, body: dict[str, JSONValue], depth: int
    ) -> None:
        """Changes at most the value of ``name``, while its object is walked through."""
        if key >= _Key.CODE:
            self._source(value, body, name, _READINGS[key], depth)
        elif key is _Key.FRAMES and isinstance(value, list):
            self._frames(value, depth)
        elif key is not _Key.ALLOWED:
            if key is _Key.UNCLEAN and not any(body is known for known in self.unclean[-1:]):
                self.unclean.append(body)
            kind = self._kind(name, value)
            if kind is None:
                self._value(value, body, name, depth)
            else:
                body[name] = mark(kind)

    def _frames(self, frames: list[JSONValue], depth: int) -> None:
        """Most of a report. A frame of places, code and small numbers is done with here; one that
        has anything else is walked through like all objects.
        """
        known, shortest = self.scrubbing.frame_keys, self.shortest
        for place, frame in enumerate(frames):
            if not isinstance(frame, dict):
                self._value(frame, frames, place, depth + 1)
                continue
            for name, value in frame.items():
                key = known.get(name)
                if isinstance(value, str):
                    if key is None or key < _Key.CODE:
                        break
                    reading = _READINGS[key]
                    if len(value) >= shortest and value not in self.clean[reading]:
                        self.texts[reading].append(value)
                        self.places[reading].append((frame, name))
                elif key is not _Key.PLAIN or not isinstance(value, int) or value >= _LEAST_NUMBER:
                    break
            else:
                continue
            self.waiting.append((frame, depth + 2, True))

    def _source(
        self, value: JSONValue, frame: Holder, name: str, reading: Reading, depth: int
    ) -> None:
        """Signatures are made of frames: their places and lines are not read like prose."""
        clean, shortest = self.clean[reading], self.shortest
        if isinstance(value, str):
            if len(value) >= shortest and value not in clean:
                self.texts[reading].append(value)
                self.places[reading].append((frame, name))
        elif isinstance(value, list):
            for place, line in enumerate(value):
                if not isinstance(line, str):
                    self._value(line, value, place, depth + 1)
                elif len(line) >= shortest and line not in clean:
                    self.texts[reading].append(line)
                    self.places[reading].append((value, place))
        else:
            self._value(value, frame, name, depth)

    def _clean_name(self, name: str) -> str:
        """What tells next time what it tells now."""
        key = self.scrubbing.keys.get(name)
        if key is None:
            key = self.scrubbing.key(name)
        return self.ready.text(name) if key is _Key.UNCLEAN else name

    def _kind(self, name: str, value: JSONValue) -> str | None:
        name = self._clean_name(name)
        kind = self.ready.kind(name)
        if kind is None and not isinstance(value, (dict, list)):
            kind = self.ready.scalar_kind(name)
        return kind if kind and _can_hold(kind, value) else None

    def _named(self, body: dict[str, JSONValue]) -> None:
        """``{"name": "Authorization", "value": …}``, as headers and variables are often written."""
        name = body.get("name", body.get("key"))
        if isinstance(name, str) and (kind := self._kind(name, body["value"])):
            body["value"] = mark(kind)

    def _list(self, items: list[JSONValue], depth: int) -> None:
        """Also ``["authorization", …]``, as lists of headers are written."""
        if len(items) == _PAIR and isinstance(items[0], str) and isinstance(items[1], str):
            kind = self.ready.kind(self._clean_name(items[0]))
            if kind and _can_hold(kind, items[1]):
                items[1] = mark(kind)
        for place, value in enumerate(items):
            self._value(value, items, place, depth)

    def _value(self, value: JSONValue, holder: Holder, place: str | int, depth: int) -> None:
        if isinstance(value, str):
            if len(value) >= self.shortest and value not in self.clean[0]:
                self.texts[0].append(value)
                self.places[0].append((holder, place))
        elif isinstance(value, (dict, list)):
            self.waiting.append((value, depth + 1, False))
        elif isinstance(value, int) and value >= _LEAST_NUMBER:
            self._number(value, holder, place)

    def _number(self, value: int, holder: Any, place: str | int) -> None:  # noqa: ANN401 - by a name or a place
        if value < _MOST_NUMBER and self.ready.numbers(str(value)) != str(value):
            holder[place] = mark("card")

    def _changed(self, reading: int, suspects: Iterable[int]) -> set[str]:
        read, texts, places = (
            self.scrubbing.readers[reading],
            self.texts[reading],
            self.places[reading],
        )
        changed: set[str] = set()
        for at in suspects:
            scrubbed = read(texts[at])
            if scrubbed != texts[at]:
                changed.add(texts[at])
                holder, place = places[at]
                holder[place] = scrubbed
        return changed


def scrub_body(body: dict[str, JSONValue], policy: ScrubPolicy = DEFAULT) -> dict[str, JSONValue]:
    """Scrub a decoded report in place and return it; the order of keys and unknown fields stay.

    File, function and module of ``frames`` are only searched for credentials, since the signature
    is made of them; their lines of source lose the literals beside telling names. Deeper than 64
    levels everything is replaced.
    """
    scrubbing(policy).scrub(body)
    return body


def scrub_value(value: JSONValue, policy: ScrubPolicy = DEFAULT) -> JSONValue:
    """A copy of any JSON value, scrubbed."""
    holder: list[JSONValue] = [_copied(value, 0)]
    scrubbing(policy).scrub(holder)
    return holder[0]


@lru_cache(maxsize=16)
def scrubbing(policy: ScrubPolicy) -> Scrubbing:
    """What scrubs by ``policy`` in this process."""
    return Scrubbing(scrubber(policy))


def _copied(value: JSONValue, depth: int) -> JSONValue:
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            return mark("depth")
        return {name: _copied(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return mark("depth") if depth > MAX_DEPTH else [_copied(item, depth + 1) for item in value]
    return value


def _hollow(holder: Holder) -> None:
    """Replace what is too deep."""
    if isinstance(holder, dict):
        holder.update(dict.fromkeys(holder, mark("depth")))
    else:
        holder[:] = [mark("depth")] * bool(holder)


def _can_hold(kind: str, value: JSONValue) -> bool:
    """Whether a value of a telling name is a secret that is there, and no mark already."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    if isinstance(value, str) and value.startswith(MARK) and value.find("]") == len(value) - 1:
        return False
    return kind not in PERSONAL or is_phone(str(value))
