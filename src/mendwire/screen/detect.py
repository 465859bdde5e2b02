"""One text or report through the whole screen, on the calling thread."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mendwire.errors import ScreenBroken
from mendwire.model.bodies import SNIPPET
from mendwire.model.names import Names
from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import CLASSIFIER, Reason, Screening, ScreenVerdict
from mendwire.screen.chains import Hit
from mendwire.screen.decide import FLOOR, believed, decide, weighed
from mendwire.screen.exchange import SECONDS
from mendwire.screen.extensions import Extension, load_extensions
from mendwire.screen.hints import without_hints
from mendwire.screen.language import Pipeline, check, load_pipeline
from mendwire.screen.normalise import hidden
from mendwire.screen.normalise.ciphers import written
from mendwire.screen.pieces import WINDOW, Piece, in_windows, pieces, segments_of
from mendwire.screen.rules import Rules, load_rules
from mendwire.screen.second import Doubt, SecondLook, as_they_are, load_second
from mendwire.screen.segments import Kind, Segment, segments

_ORDER: Final = 16
"""Letters of the shortest order in an alphabet that the classifier could judge."""

_NO_SENTENCES: Final = frozenset({Kind.NAME, Kind.CODE})

Publish = Callable[[str, dict[str, str]], None]
"""Called with a subject and a body."""


@dataclass(kw_only=True, slots=True)
class _Begun:
    """A report that the rules have seen."""

    parts: Sequence[Segment]
    sha256: str
    trust: Trust
    deadline: float
    reasons: list[Reason] = field(default_factory=list)
    doubts: list[tuple[Piece, Doubt]] = field(default_factory=list)
    """What the classifier found so far."""
    waiting: Sequence[Piece] = ()
    """The pieces that the classifier has yet to judge; no more than ``WINDOW`` and one."""


class Detector:
    """The loaded rules, pipeline and extensions; may be shared by threads."""

    def __init__(
        self,
        rules: Rules,
        pipeline: Pipeline,
        extensions: Sequence[Extension] = (),
        second: SecondLook = as_they_are,
    ) -> None:
        self._rules = rules.rules
        self._pipeline = pipeline
        self._second = second
        self._extensions = extensions
        written()  # now, so that no report pays for it within its seconds

    def of_report(
        self, report: ErrorReport, sha256: str, trust: Trust, seconds: float = SECONDS
    ) -> Screening:
        """Screen a report; ``seconds`` is its time budget. Raises ScreenBroken."""
        return self._judge(segments(report), sha256, trust, seconds)

    def of_text(
        self, text: str, trust: Trust = Trust.TRUSTED, seconds: float = SECONDS
    ) -> Screening:
        """Screen any text; a JSON object is read by its fields. Raises ScreenBroken."""
        return self._judge(*_of(text), trust, seconds)

    def of_texts(
        self, texts: Iterable[str], trust: Trust = Trust.TRUSTED, seconds: float = SECONDS
    ) -> list[Screening | ScreenBroken]:
        """The same for some dozens at once, which costs less; what broke it stands in its place.

        Extensions get each text by itself: the time of its neighbours is not taken from theirs.
        """
        if self._extensions:
            return [self._tried(*_of(text), trust, seconds) for text in texts]
        begun = [self._begun(*_of(text), trust, seconds) for text in texts]
        waiting = [one.waiting for one in begun if isinstance(one, _Begun)]
        scored = iter(self._pipeline.scored([_texts(pieces) for pieces in waiting]))
        return [
            one if isinstance(one, ScreenBroken) else self._done(one, next(scored)) for one in begun
        ]

    def _judge(
        self, parts: Sequence[Segment], sha256: str, trust: Trust, seconds: float
    ) -> Screening:
        found = self._tried(parts, sha256, trust, seconds)
        if isinstance(found, ScreenBroken):
            raise found
        return found

    def _tried(
        self, parts: Sequence[Segment], sha256: str, trust: Trust, seconds: float
    ) -> Screening | ScreenBroken:
        begun = self._begun(parts, sha256, trust, seconds)
        if isinstance(begun, ScreenBroken):
            return begun
        (hits,) = self._pipeline.scored([_texts(begun.waiting)])
        return self._done(begun, hits)

    def _begun(
        self, parts: Sequence[Segment], sha256: str, trust: Trust, seconds: float
    ) -> _Begun | ScreenBroken:
        begun = _Begun(parts=parts, sha256=sha256, trust=trust, deadline=time.monotonic() + seconds)
        try:
            self._read(begun)
        except ScreenBroken as problem:
            return problem
        return begun

    def _done(self, begun: _Begun, hits: Sequence[Hit]) -> Screening | ScreenBroken:
        reasons, deadline = begun.reasons, begun.deadline
        self._note(begun, begun.waiting, hits)
        reasons += self._second_look(begun)
        screening = decide(reasons, begun.trust, begun.sha256)
        if not self._extensions or screening.verdict is ScreenVerdict.REJECT:
            return screening
        read = list(pieces(in_windows(begun.parts)[0]))
        try:
            for extension in self._extensions:
                reasons += extension.reasons(read, deadline - time.monotonic())
                check(deadline)
        except ScreenBroken as problem:
            return problem
        return decide(reasons, begun.trust, begun.sha256)

    def _read(self, begun: _Begun) -> None:
        """Everything but the last pieces' scores; raises ScreenBroken."""
        windows, cut = in_windows(begun.parts)
        reasons, deadline = begun.reasons, begun.deadline
        if cut:
            reasons.append(self._reason("too-long-to-scan", cut, ""))
        for segment in windows:
            rule = hidden(segment.text)
            if rule:
                reasons.append(self._reason(rule, segment, printable(segment.text)))
        batch: list[Piece] = []
        waiting = 0
        for piece in pieces(windows):
            check(deadline)
            if piece.cut and piece.segment is not cut:
                cut = piece.segment
                reasons.append(self._reason("too-much-to-decode", cut, ""))
            batch.append(piece)
            waiting += len(piece.text)
            if waiting > WINDOW:
                self._note(begun, batch, self._pipeline.hits(_texts(batch), deadline))
                batch, waiting = [], 0
        if batch:
            check(deadline)
            hits, judged = self._pipeline.ruled(_texts(batch), deadline)
            self._note(begun, batch, hits)
            begun.waiting = [] if judged else batch

    def _note(self, begun: _Begun, batch: Sequence[Piece], hits: Iterable[Hit]) -> None:
        """What the rules found are reasons already; what the classifier did, doubts."""
        for hit in hits:
            piece = batch[hit.piece]
            if hit.odds is not None:
                if piece.is_disguised and _is_scrap(piece.text):
                    continue
                text = without_hints(piece.text)
                doubt = Doubt(text=text, odds=hit.odds, excerpt=hit.excerpt)
                begun.doubts.append((piece, doubt))
                continue
            weight = weighed(
                self._rules[hit.rule].weight,
                piece.kind,
                disguised=piece.is_disguised,
                joined=hit.joined,
            )
            where = piece.segment.where
            begun.reasons.append(
                Reason(rule=hit.rule, where=where, weight=weight, excerpt=hit.excerpt)
            )

    def _second_look(self, begun: _Begun) -> Iterator[Reason]:
        """The doubts as reasons, those that the encoder read by its odds too.

        Names and source it does not read: they are no sentences.
        """
        others = [one for one in begun.doubts if one[0].kind not in _NO_SENTENCES]
        looked = self._second([doubt for _, doubt in others])
        read = zip((piece for piece, _ in others), looked, strict=True)
        unread = [one for one in begun.doubts if one[0].kind in _NO_SENTENCES]
        for piece, doubt in (*unread, *read):
            if doubt.odds > FLOOR:
                weight = believed(doubt.odds, piece.kind, disguised=piece.is_disguised)
                where = piece.segment.where
                yield Reason(rule=CLASSIFIER, where=where, weight=weight, excerpt=doubt.excerpt)

    def _reason(self, rule: str, segment: Segment, excerpt: str) -> Reason:
        weight = weighed(self._rules[rule].weight, segment.kind)
        return Reason(rule=rule, where=segment.where, weight=weight, excerpt=excerpt)


def _is_scrap(text: str) -> bool:
    """What comes of a key that is decoded: too short for an order, except in Chinese."""
    return len(text) < _ORDER and any(map(str.isascii, filter(str.isalpha, text)))


def _texts(some: Iterable[Piece]) -> list[str]:
    return [without_hints(piece.text) for piece in some]


def _of(text: str) -> tuple[list[Segment], str]:
    """A text's segments, and the sha256 of its bytes."""
    data = text.encode("utf-8", "surrogatepass")
    return segments_of(text, data), hashlib.sha256(data).hexdigest()


def fresh_detector(own: Path | None = None) -> Detector:
    """Rules, models, extensions; ``own`` is the operator's file. Raises ScreenUnavailable."""
    rules = load_rules(own)
    pipeline = load_pipeline(rules)
    return Detector(rules, pipeline, load_extensions(), load_second(pipeline.classifier).looked)


@functools.cache
def load_detector(own: Path | None = None) -> Detector:
    """The same, loaded once for the process."""
    return fresh_detector(own)


def detect_prompt_injection(text: str) -> bool:
    """Whether ``text`` tries to instruct an agent: restricted counts as detected.

    What breaks the screen counts as detected too. Raises ScreenUnavailable.
    """
    try:
        verdict = load_detector().of_text(text).verdict
    except ScreenBroken:
        return True
    return verdict is not ScreenVerdict.PASS


def safe_process_error(
    error_msg: str, publish: Publish | None = None, *, namespace: str = "default"
) -> bool:
    """Whether ``error_msg`` is safe to process; if not, ``publish`` is told what was rejected.

    ``publish(subject, body)`` is called with ``{ns}.security.rejected`` and its body; without it
    nothing is published. Raises ScreenUnavailable.
    """
    if not detect_prompt_injection(error_msg):
        return True
    if publish is not None:
        body = {
            "reason": "prompt_injection_detected",
            "message": printable(error_msg, SNIPPET),
            "timestamp": datetime.now(UTC).isoformat(),
        }
        publish(Names(namespace=namespace).rejected(), body)
    return False
