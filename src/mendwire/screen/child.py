"""The screen's own process: ``python -P -m mendwire.screen.child SECONDS [RULES]``.

Hostile text meets spaCy and the patterns here, away from the worker's memory, credentials and
interpreter lock.
"""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from mendwire.errors import MendwireError, ScreenUnavailable
from mendwire.execution.servant import frame_out, frames_in
from mendwire.model.report import parse_report
from mendwire.screen.detect import Detector, fresh_detector
from mendwire.screen.exchange import broken, heard, told

_PR_SET_PDEATHSIG: Final = 1


def judged(detector: Detector, request: bytes, seconds: float) -> bytes:
    """The answer to one request."""
    payload, trust = heard(request)
    try:
        screening = detector.of_report(
            parse_report(payload), sha256(payload).hexdigest(), trust, seconds
        )
    except MendwireError as problem:
        return broken(str(problem))
    except Exception as problem:  # noqa: BLE001 - whatever it is, this one report broke the screen
        why = type(problem).__name__
        return broken(f"The report broke the screen ({why}); it goes to quarantine.")
    return told(screening)


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
    _give_back()
    frame_out(target, b"")
    while (request := frames_in(source)) is not None:
        frame_out(target, judged(detector, request, float(seconds)))


def _give_back() -> None:
    """What loading took for a while goes back to the system, where the C library can do that."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _end_with_the_parent() -> None:
    """Also when it is killed while we are at a report and look at no pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
