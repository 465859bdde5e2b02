"""The screen's own process: ``python -P -m mendwire.screen.child SECONDS [RULES]``.

Hostile text meets spaCy and the patterns here, away from the worker's memory, credentials and
interpreter lock. A request is one byte of trust and a report's bytes; the answer is a screening as
JSON, or why the report broke the screen.
"""

from __future__ import annotations

import ctypes
import gc
import json
import signal
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Final

from mendwire.errors import MendwireError, ScreenUnavailable
from mendwire.execution.servant import frame_out, frames_in
from mendwire.model.report import Trust, parse_report
from mendwire.model.screening import Reason, Screening, ScreenVerdict
from mendwire.screen.detect import Detector, fresh_detector

_LOW: Final = b"l"
_TRUSTED: Final = b"t"
_PR_SET_PDEATHSIG: Final = 1


def asked(payload: bytes, trust: Trust) -> bytes:
    """The request for one report."""
    return (_LOW if trust is Trust.LOW else _TRUSTED) + payload


def answered(answer: bytes) -> Screening | str:
    """What the child said: a screening, or why the report broke the screen.

    Raises ValueError, KeyError or TypeError for an answer that is none.
    """
    body = json.loads(answer)
    if "broken" in body:
        return str(body["broken"])
    return Screening(
        verdict=ScreenVerdict(body["verdict"]),
        score=float(body["score"]),
        reasons=tuple(Reason(**reason) for reason in body["reasons"]),
        sha256=str(body["sha256"]),
    )


def judged(detector: Detector, request: bytes, seconds: float) -> bytes:
    """The answer to one request."""
    trust, payload = request[:1], request[1:]
    try:
        screening = detector.of_report(
            parse_report(payload),
            sha256(payload).hexdigest(),
            Trust.LOW if trust == _LOW else Trust.TRUSTED,
            seconds,
        )
    except MendwireError as problem:
        return _broken(str(problem))
    except Exception as problem:  # noqa: BLE001 - whatever it is, this one report broke the screen
        why = type(problem).__name__
        return _broken(f"The report broke the screen ({why}); it goes to quarantine.")
    said = {
        "verdict": screening.verdict,
        "score": screening.score,
        "reasons": [asdict(reason) for reason in screening.reasons],
        "sha256": screening.sha256,
    }
    return json.dumps(said).encode()


def main() -> None:
    """Serve until standard input ends."""
    _end_with_the_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    seconds, *rules = sys.argv[1:]
    try:
        detector = fresh_detector(Path(rules[0]) if rules else None)
    except ScreenUnavailable as problem:
        frame_out(target, str(problem).encode())
        return
    gc.freeze()  # spaCy and the rules stay: no collection need look at them again
    frame_out(target, b"")
    while (request := frames_in(source)) is not None:
        frame_out(target, judged(detector, request, float(seconds)))


def _broken(why: str) -> bytes:
    return json.dumps({"broken": why}).encode()


def _end_with_the_parent() -> None:
    """Also when it is killed while we are at a report and look at no pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
