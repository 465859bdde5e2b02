"""One text or report through the whole screen, on the calling thread."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mendwire.errors import ScreenBroken, Undecodable
from mendwire.model.bodies import SNIPPET
from mendwire.model.names import Names
from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Trust, load_object
from mendwire.model.screening import Reason, Screening, ScreenVerdict
from mendwire.screen.decide import decide, weighed
from mendwire.screen.language import Pipeline, load_pipeline
from mendwire.screen.normalise import hidden, views
from mendwire.screen.rules import Rules, load_rules
from mendwire.screen.segments import Segment, body_segments, segments, text_segments

MAX_SCANNED: Final = 262_144
"""Characters of one report that are read; the rest restricts it."""
WINDOW: Final = 8_192
"""Characters judged as one piece."""
_OVERLAP: Final = 512
_KEPT: Final = 16_384
SECONDS: Final = 2.0
"""Time for one report before it counts as broken."""

Publish = Callable[[str, dict[str, str]], None]
"""Called with a subject and a body."""


class Detector:
    """The loaded rules and pipeline; may be shared by threads."""

    def __init__(self, rules: Rules, pipeline: Pipeline) -> None:
        self._rules = rules.rules
        self._pipeline = pipeline

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
        return self._judge(_of_any(text, data), sha256, trust, seconds)

    def _judge(
        self, parts: Sequence[Segment], sha256: str, trust: Trust, seconds: float
    ) -> Screening:
        deadline = time.monotonic() + seconds
        return decide(self._reasons(parts, deadline), trust, sha256)

    def _reasons(self, parts: Sequence[Segment], deadline: float) -> Iterator[Reason]:
        pieces: list[str] = []
        origin: list[tuple[Segment, str]] = []
        seen: set[str] = set()
        waiting = 0
        windows, cut = _windows(parts)
        if cut:
            yield self._reason("too-long-to-scan", cut, "")
        for segment in windows:
            _check(deadline)
            rule = hidden(segment.text)
            if rule:
                yield self._reason(rule, segment, printable(segment.text))
            for view in views(segment.text):
                if view.text in seen:
                    continue
                seen.add(view.text)
                pieces.append(view.text)
                origin.append((segment, view.layer))
                waiting += len(view.text)
            if waiting > WINDOW:
                yield from self._found(pieces, origin, deadline)
                pieces, origin, waiting = [], [], 0
        yield from self._found(pieces, origin, deadline)

    def _found(
        self, pieces: list[str], origin: list[tuple[Segment, str]], deadline: float
    ) -> Iterator[Reason]:
        _check(deadline)
        for hit in self._pipeline.hits(pieces, deadline):
            segment, layer = origin[hit.piece]
            yield self._reason(
                hit.rule, segment, hit.excerpt, disguised=bool(layer), joined=hit.joined
            )

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


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ScreenBroken("The report outlasted the screen's time; it goes to quarantine.")


def _of_any(text: str, data: bytes) -> list[Segment]:
    if text.lstrip()[:1] != "{":
        return text_segments(text)
    try:
        return body_segments(load_object(data))
    except Undecodable:
        return text_segments(text)


def _windows(parts: Sequence[Segment]) -> tuple[list[Segment], Segment | None]:
    """The parts in windows, and the first one that had to be cut, if the whole is too long."""
    whole = sum(len(part.text) for part in parts) <= MAX_SCANNED
    shown: list[Segment] = []
    cut: Segment | None = None
    total = 0
    for part in parts:
        text = part.text
        if not whole and len(text) > 2 * _KEPT:
            cut = cut or part
            text = f"{text[:_KEPT]}\n{text[-_KEPT:]}"
        if total > MAX_SCANNED:
            cut = cut or part
            break
        total += len(text)
        if len(text) <= WINDOW:
            shown.append(part)
            continue
        starts = range(0, len(text), WINDOW - _OVERLAP)
        shown.extend(replace(part, text=text[at : at + WINDOW]) for at in starts)
    return shown, cut


def fresh_detector(own: Path | None = None) -> Detector:
    """The rules and spaCy; ``own`` is the operator's file. Raises ScreenUnavailable."""
    rules = load_rules(own)
    return Detector(rules, load_pipeline(rules))


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
