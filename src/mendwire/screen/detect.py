"""One text or report through the whole screen, on the calling thread."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mendwire.errors import ScreenBroken
from mendwire.model.bodies import SNIPPET
from mendwire.model.names import Names
from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import Reason, Screening, ScreenVerdict
from mendwire.screen.decide import believed, decide, weighed
from mendwire.screen.extensions import Extension, load_extensions
from mendwire.screen.language import Pipeline, check, load_pipeline
from mendwire.screen.normalise import hidden
from mendwire.screen.normalise.ciphers import written
from mendwire.screen.pieces import WINDOW, Piece, in_windows, pieces, segments_of
from mendwire.screen.rules import Rules, load_rules
from mendwire.screen.segments import Segment, segments

SECONDS: Final = 2.0
"""Time for one report before it counts as broken."""

Publish = Callable[[str, dict[str, str]], None]
"""Called with a subject and a body."""


class Detector:
    """The loaded rules, pipeline and extensions; may be shared by threads."""

    def __init__(
        self, rules: Rules, pipeline: Pipeline, extensions: Sequence[Extension] = ()
    ) -> None:
        self._rules = rules.rules
        self._pipeline = pipeline
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
        data = text.encode("utf-8", "surrogatepass")
        sha256 = hashlib.sha256(data).hexdigest()
        return self._judge(segments_of(text, data), sha256, trust, seconds)

    def _judge(
        self, parts: Sequence[Segment], sha256: str, trust: Trust, seconds: float
    ) -> Screening:
        deadline = time.monotonic() + seconds
        reasons = list(self._reasons(parts, deadline))
        screening = decide(reasons, trust, sha256)
        if not self._extensions or screening.verdict is ScreenVerdict.REJECT:
            return screening
        read = list(pieces(in_windows(parts)[0]))
        for extension in self._extensions:
            reasons += extension.reasons(read, deadline - time.monotonic())
            check(deadline)
        return decide(reasons, trust, sha256)

    def _reasons(self, parts: Sequence[Segment], deadline: float) -> Iterator[Reason]:
        windows, cut = in_windows(parts)
        if cut:
            yield self._reason("too-long-to-scan", cut, "")
        for segment in windows:
            rule = hidden(segment.text)
            if rule:
                yield self._reason(rule, segment, printable(segment.text))
        batch: list[Piece] = []
        waiting = 0
        for piece in pieces(windows):
            check(deadline)
            if piece.cut and piece.segment is not cut:
                cut = piece.segment
                yield self._reason("too-much-to-decode", cut, "")
            batch.append(piece)
            waiting += len(piece.text)
            if waiting > WINDOW:
                yield from self._found(batch, deadline)
                batch, waiting = [], 0
        if batch:
            yield from self._found(batch, deadline)

    def _found(self, batch: Sequence[Piece], deadline: float) -> Iterator[Reason]:
        check(deadline)
        for hit in self._pipeline.hits([piece.text for piece in batch], deadline):
            piece = batch[hit.piece]
            if hit.odds is None:
                yield self._reason(
                    hit.rule,
                    piece.segment,
                    hit.excerpt,
                    disguised=bool(piece.layer),
                    joined=hit.joined,
                )
            else:
                weight = believed(hit.odds, piece.segment.kind, disguised=bool(piece.layer))
                where = piece.segment.where
                yield Reason(rule=hit.rule, where=where, weight=weight, excerpt=hit.excerpt)

    def _reason(
        self,
        rule: str,
        segment: Segment,
        excerpt: str,
        *,
        disguised: bool = False,
        joined: bool = False,
    ) -> Reason:
        weight = weighed(self._rules[rule].weight, segment.kind, disguised=disguised, joined=joined)
        return Reason(rule=rule, where=segment.where, weight=weight, excerpt=excerpt)


def fresh_detector(own: Path | None = None) -> Detector:
    """Rules, spaCy, extensions; ``own`` is the operator's file. Raises ScreenUnavailable."""
    rules = load_rules(own)
    return Detector(rules, load_pipeline(rules), load_extensions())


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
