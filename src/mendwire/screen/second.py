"""The second look: what the classifier finds doubtful in a report is read by the encoder.

The classifier adds up words, so it takes an order that somebody quotes for an order. Its odds and
the encoder's together are the odds that count. The strongest passages are read first, and about
``READ`` letters of a report: what is left counts as if it had been read and told nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mendwire.model.printable import printable
from mendwire.screen.classifier import Classifier
from mendwire.screen.encoder import Encoder, load_encoder
from mendwire.screen.repeats import readable

READ: Final = 768
"""Letters of one report that are read, and a passage more at most."""
UNREAD: Final = 0.0
"""The encoder's odds for what is doubtful and was not read: so a report is restricted where the
classifier's odds for it are above -0.35, as hardly any harmless error's are. Else whoever writes
much that only looks like an order would hide one behind it."""
SURE: Final = 1.25
"""Odds that stop a report by themselves, so that nothing more of it need be read: the encoder was
never seen to clear what the classifier is as sure of."""
PASSAGE: Final = 256
"""Letters of the longest passage that is read at once."""
_LEAST: Final = 8
_ENDS: Final = (
    re.compile(r"[.!?\n](?=\s)"),
    re.compile(r"[;:,})\]](?=\s)"),
    re.compile(r"\s"),
)
"""Where a passage may end, the best first."""
_EARLY: Final = PASSAGE // 3
_SHOWN: Final = 90
_REMEMBERED: Final = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class Mix:
    """How the odds of both become those that count; 0 is where a report is restricted."""

    gate: float
    """The classifier's odds above which the encoder is asked."""
    classifier: float
    encoder: float
    bias: float

    def __call__(self, classifier: float, encoder: float) -> float:
        return self.classifier * classifier + self.encoder * encoder + self.bias


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """A piece as the classifier judged it."""

    text: str
    odds: float
    excerpt: str


SecondLook = Callable[[Sequence[Doubt]], list[Doubt]]
"""The doubts of one report in, the same with the odds that count out, in their order."""


def as_they_are(doubts: Sequence[Doubt]) -> list[Doubt]:
    """No second look."""
    return list(doubts)


@dataclass(kw_only=True, slots=True)
class Reader:
    """The encoder behind the classifier; ``looked`` is a second look."""

    classifier: Classifier
    encoder: Encoder
    mix: Mix
    _known: dict[str, float | None] = field(default_factory=dict)

    def looked(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        """The doubts of one report, in their order, with the odds that count."""
        if not any(self.mix.gate < doubt.odds < SURE for doubt in doubts):
            return list(doubts)
        found = list(doubts)
        left = READ
        for number in sorted(range(len(doubts)), key=lambda at: -doubts[at].odds):
            doubt = doubts[number]
            if not self.mix.gate < doubt.odds < SURE:
                break
            if left <= 0:
                found[number] = replace(doubt, odds=self._unread(doubt.odds))
                continue
            found[number], used = self._read(doubt, left)
            left -= used
            if found[number].odds >= SURE:
                break
        return found

    def _read(self, doubt: Doubt, left: int) -> tuple[Doubt, int]:
        """The doubt by its strongest passages, and how many letters were read."""
        best: Doubt | None = None
        used = 0
        for odds, passage in self._strongest(doubt.text):
            if best is not None and (odds <= self.mix.gate or best.odds >= SURE):
                break
            if best is not None and used >= left:
                return replace(best, odds=max(best.odds, self._unread(odds))), used
            read = self._odds(passage)
            counted = odds if read is None else round(self.mix(odds, read), 4)
            used += len(passage)
            if best is None or counted > best.odds:
                shown = doubt.excerpt if len(passage) > _SHOWN else printable(passage)
                best = Doubt(text=doubt.text, odds=counted, excerpt=shown)
        return best or doubt, used

    def _unread(self, odds: float) -> float:
        """What counts for a doubtful passage for which there was no room."""
        return round(self.mix(odds, UNREAD), 4)

    def _strongest(self, piece: str) -> list[tuple[float, str]]:
        """A piece's passages with the classifier's odds, the strongest first."""
        parts = list(passages(readable(piece)))
        return sorted(zip(self.classifier.odds(parts), parts, strict=True), reverse=True)

    def _odds(self, passage: str) -> float | None:
        """The encoder's; None for what it cannot read."""
        if passage not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            self._known[passage] = self.encoder.odds(passage)
        return self._known[passage]


def passages(text: str) -> Iterator[str]:
    """A text in parts of at most ``PASSAGE`` letters, cut where sentences end if they do."""
    at = 0
    while at < len(text):
        part = text[at : at + PASSAGE]
        if len(text) - at > PASSAGE:
            part = part[: _end(part)]
        at += len(part)
        part = part.strip()
        if len(part) >= _LEAST:
            yield part


def _end(part: str) -> int:
    for ends in _ENDS:
        found = [match.end() for match in ends.finditer(part) if match.end() > _EARLY]
        if found:
            return found[-1]
    return len(part)


def load_second(classifier: Classifier) -> Reader:
    """With the shipped weights; raises ScreenUnavailable."""
    encoder, card = load_encoder()
    return Reader(classifier=classifier, encoder=encoder, mix=read_mix(card["mix"]))


def read_mix(card: Any) -> Mix:  # noqa: ANN401 - JSON
    """Raises KeyError or ValueError for what is none."""
    return Mix(**{name: float(card[name]) for name in ("gate", "classifier", "encoder", "bias")})
