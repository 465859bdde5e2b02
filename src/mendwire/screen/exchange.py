"""What the worker and the screen's own process say to each other.

A request is one byte of trust and a report's bytes; the answer is a screening as JSON, or why the
report broke the screen. The worker loads this and not the models.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Final

from mendwire.model.report import Trust
from mendwire.model.screening import Reason, Screening, ScreenVerdict

SECONDS: Final = 2.0
"""Time for one report before it counts as broken."""

_LOW: Final = b"l"
_TRUSTED: Final = b"t"
_NAMES: Final = tuple(field.name for field in fields(Reason))


def asked(payload: bytes, trust: Trust) -> bytes:
    """The request for one report."""
    return (_LOW if trust is Trust.LOW else _TRUSTED) + payload


def heard(request: bytes) -> tuple[bytes, Trust]:
    """What ``asked`` was given."""
    return request[1:], Trust.LOW if request[:1] == _LOW else Trust.TRUSTED


def told(screening: Screening) -> bytes:
    """The answer that is a screening."""
    said = {
        "verdict": screening.verdict,
        "score": screening.score,
        "reasons": [{name: getattr(one, name) for name in _NAMES} for one in screening.reasons],
        "sha256": screening.sha256,
    }
    return json.dumps(said).encode()


def broken(why: str) -> bytes:
    """The answer about a report that broke the screen."""
    return json.dumps({"broken": why}).encode()


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
