"""The two keys of an error. A draft: not frozen yet, so its version tag is hashed with it.

``signature`` is strict, because the server drops a report whose signature it has seen; a wrong
merge there loses an error. ``issue_key`` is looser and only groups, which can be undone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mendwire.model.report import UNKNOWN_RELEASE, ErrorReport, Frame
from mendwire.model.signature.masking import template
from mendwire.model.signature.origin import below_root, is_in_app
from mendwire.model.signature.stacks import Raised, headline, raised_in

VERSION: Final = "draft-1"
MAX_KEPT_FRAMES: Final = 50
_LONGEST_CYCLE: Final = 4
_MINIFIED_COLUMN: Final = 500
_GENERATED: Final = re.compile(
    r"0x[0-9a-f]+|::h[0-9a-f]{16}|\$\$Lambda[$/0-9a-fx]*|\$Proxy[0-9]+|GeneratedMethodAccessor[0-9]+"
    r"|^async |^new | \[as [^\]]*\]|\$\$(?:EnhancerBy|FastClassBy)[A-Za-z$]*[0-9a-f]*"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canonical:
    """What a report comes down to: the fields both keys are made of."""

    service: str
    release: str
    types: tuple[str, ...]
    """The exception's type, then its causes'."""
    calls: tuple[tuple[str, str], ...]
    """(file below its root, function), outermost first, repeated cycles once."""
    crash_line: str
    """``line``, or ``line:column`` where a bundle has few lines."""
    code: str
    template: str
    causes: tuple[tuple[str, str], ...]
    """(crash place without line, message template) of each cause."""
    cause_lines: tuple[str, ...]
    fingerprint: tuple[str, ...]


def signature(
    report: ErrorReport | Canonical, *, namespace: str, environment: str, source: str = ""
) -> str:
    """The strict key, 32 hex digits: what makes two occurrences the same for the server.

    ``source`` separates reports of low trust from trusted ones (rules B1).
    """
    record = report if isinstance(report, Canonical) else canonical(report)
    scope = [VERSION, namespace, environment, source, record.service, record.release]
    return _hashed([*scope, *_parts(record, strict=True)])


def issue_key(report: ErrorReport | Canonical) -> str:
    """The loose key, 32 hex digits: without release, lines and environment."""
    record = report if isinstance(report, Canonical) else canonical(report)
    return _hashed([VERSION, "issue", record.service, *_parts(record, strict=False)])


def canonical(report: ErrorReport) -> Canonical:
    """The record that is hashed; ``mendwire signature --explain`` shows it."""
    raised = _raised(report)
    frames = _kept(parse_frames(report, raised))
    causes = raised[1:10]
    return Canonical(
        service=report.service,
        release=report.release or UNKNOWN_RELEASE,
        types=(error_type(report, raised), *(cause.type for cause in causes)),
        calls=_collapsed([(below_root(frame.file), _plain_name(frame)) for frame in frames]),
        crash_line=_line(_last(frames)),
        code=report.code,
        template=report.message_template[:2000] or template(_message(report, raised)),
        causes=tuple((_place(cause), template(cause.message)) for cause in causes),
        cause_lines=tuple(_line(_last(_kept(cause.frames))) for cause in causes),
        fingerprint=report.fingerprint,
    )


def parse_frames(report: ErrorReport, raised: Sequence[Raised] | None = None) -> tuple[Frame, ...]:
    """The stack, outermost first.

    The given frames, else those found in the text, else the place in ``context``; ``in_app`` is
    guessed where the source did not say.
    """
    if report.frames:
        return tuple(_placed(frame) for frame in report.frames)
    chain = _raised(report) if raised is None else raised
    if chain and chain[0].frames:
        return tuple(chain[0].frames)
    file, line = report.context.get("file"), report.context.get("line")
    if not isinstance(file, str) or not file:
        return ()
    number = int(str(line)[:9]) if str(line).isascii() and str(line).isdigit() else 0
    return (Frame(file=file, line=number, in_app=is_in_app(file)),)


def crash_frame(report: ErrorReport) -> Frame | None:
    """The innermost frame of the project's own code, else the innermost of all."""
    return _last(_kept(parse_frames(report)))


def error_type(report: ErrorReport, raised: Sequence[Raised] | None = None) -> str:
    """The exception's type as the source names it, or an empty text."""
    if report.type:
        return report.type
    found = headline(report.error.partition("\n")[0][:1000])
    if found:
        return found[0]
    chain = _raised(report) if raised is None else raised
    return chain[0].type if chain else ""


def _raised(report: ErrorReport) -> list[Raised]:
    text = report.stack or (report.error if "\n" in report.error else "")
    return raised_in(text) if text else []


def _message(report: ErrorReport, raised: Sequence[Raised]) -> str:
    """The message without its type, so that both ways of writing it read alike."""
    is_trace = not report.stack and bool(raised and raised[0].frames)
    text = raised[0].message if is_trace and raised[0].message else report.error
    kind = error_type(report, raised)
    for name in (kind, re.split(r"[.:$\\/]", kind)[-1]):
        if name and text.startswith(f"{name}:"):
            return text[len(name) + 1 :].strip()
    return text.strip()


def _placed(frame: Frame) -> Frame:
    if frame.in_app is not None:
        return frame
    known = is_in_app(frame.file, frame.module)
    return replace(frame, in_app=known)


def _kept(frames: Iterable[Frame]) -> list[Frame]:
    """The project's own frames, or all of them where none is."""
    every = list(frames)
    return [frame for frame in every if frame.in_app] or every


def _last(frames: Sequence[Frame]) -> Frame | None:
    return frames[-1] if frames else None


def _plain_name(frame: Frame) -> str:
    return _GENERATED.sub("", frame.function[:400])


def _line(frame: Frame | None) -> str:
    if frame is None or not frame.line:
        return ""
    is_bundle = frame.column and (frame.line == 1 or frame.column > _MINIFIED_COLUMN)
    return f"{frame.line}:{frame.column}" if is_bundle else str(frame.line)


def _place(cause: Raised) -> str:
    kept = _kept(cause.frames)
    return f"{below_root(kept[-1].file)} {_plain_name(kept[-1])}" if kept else ""


def _collapsed(calls: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Repeated cycles of up to four calls once, so that the depth of a recursion does not count."""
    out: list[tuple[str, str]] = []
    for call in calls:
        out.append(call)
        for size in range(1, _LONGEST_CYCLE + 1):
            if len(out) >= 2 * size and out[-size:] == out[-2 * size : -size]:
                del out[-size:]
                break
    if len(out) > MAX_KEPT_FRAMES:
        out = out[: MAX_KEPT_FRAMES // 2] + out[-MAX_KEPT_FRAMES // 2 :]
    return tuple(out)


def _parts(record: Canonical, *, strict: bool) -> list[str]:
    if record.fingerprint:
        parts = ["fingerprint"]
        for part in record.fingerprint:
            is_default = part.replace(" ", "") == "{{default}}"
            parts += _default_parts(record, strict=strict) if is_default else ["=", part[:1000]]
        return parts
    return _default_parts(record, strict=strict)


def _default_parts(record: Canonical, *, strict: bool) -> list[str]:
    parts = ["types", *record.types, "calls"]
    parts += [text for call in record.calls for text in call]
    parts += ["code", record.code, "template", record.template]
    parts += ["causes", *(text for cause in record.causes for text in cause)]
    if strict:
        parts += ["lines", record.crash_line, *record.cause_lines]
    return parts


def _hashed(fields: Iterable[str]) -> str:
    """128 bits over length-prefixed fields, so that no two lists of fields read alike."""
    digest = hashlib.sha256()
    for text in fields:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b," % (len(data), data))
    return digest.hexdigest()[:32]
