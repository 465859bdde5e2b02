"""Records to and from JSON bytes, for the worker's side. Uses msgspec: fast, strict, typed."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from mendwire.errors import Damaged, Undecodable
from mendwire.model.case import Case
from mendwire.model.letter import Letter
from mendwire.model.report import Trust, parse_report
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order=None)
_case = msgspec.json.Decoder(Case)


def encode(record: object) -> bytes:
    """Any record of ``model`` as compact JSON; bytes become base64."""
    return _encoder.encode(record)


def decode_case(data: bytes) -> Case:
    """A case from the docket; raises Damaged (rules A8: that one case stops)."""
    try:
        return _case.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        message = f"The docket's entry is damaged ({problem}); run mendwire cases list."
        raise Damaged(message) from None


def decode_as(kind: type[T], data: bytes) -> T:
    """Any record of ``model`` from JSON bytes; raises Undecodable."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        message = f"The bytes are no {kind.__name__}: {problem}."
        raise Undecodable(message) from None


def convert_as(kind: type[T], value: object) -> T:
    """Any record of ``model`` from plain dicts and lists; raises Undecodable."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as problem:
        message = f"That is no {kind.__name__}: {problem}."
        raise Undecodable(message) from None


def kept_report(case: Case) -> ScreenedReport:
    """The screened report kept with a case: these bytes were screened before they were kept."""
    return _kept(case.report, case.screened_sha256, case.trust, restricted=case.restricted)


def sent_report(letter: Letter) -> ScreenedReport:
    """The same out of a letter that was found to be genuine (rules B4); raises Undecodable."""
    report = letter.report.encode()
    return _kept(report, letter.screened_sha256, letter.trust, restricted=letter.restricted)


def _kept(report: bytes, sha256: str, trust: Trust, *, restricted: bool) -> ScreenedReport:
    return ScreenedReport(
        report=parse_report(report),
        screening=Screening(
            verdict=ScreenVerdict.RESTRICT if restricted else ScreenVerdict.PASS,
            score=0.0,
            sha256=sha256,
        ),
        restricted=restricted,
        trust=Trust(trust),
    )
