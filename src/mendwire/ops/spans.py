"""Spans of a trace, made of the named events: what was done about one error, and how long it took.

Nothing of a report goes in before the screen let it, and after that only short fields; what agents
say stays out. A span is made when it ends, from what the event and its context say, so that a
worker that was killed leaves nothing half open, and its heir ends the case's span under its id.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mendwire.model.case import CaseState, Step, Verdict
from mendwire.model.printable import printable
from mendwire.model.scrub import find_secret
from mendwire.model.trace import span_of
from mendwire.telemetry import Here

Value = str | int | float | bool | tuple[str, ...]
Fields = Mapping[str, object]
_TEXT: Final = 200
"""Characters of one attribute."""
_LOOKED: Final = 2_000
"""So many are looked through, for half of a secret looks like none."""
_ITEMS: Final = 20
_PENDING: Final = 1_000
_WITHHELD: Final = "[withheld]"
_FOLLOWED: Final = frozenset(
    {
        CaseState.MERGED,
        CaseState.DEPLOYED,
        CaseState.SOAKING,
        CaseState.VERIFIED,
        CaseState.REGRESSED,
        CaseState.WITHDRAWN,
    }
)
"""What becomes of a fix after its case was closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One piece of work, over."""

    name: str
    place: Here
    began_ns: int
    """Nanoseconds since the epoch."""
    ended_ns: int
    kind: str = "internal"
    """``internal``, ``producer`` or ``consumer``, by OpenTelemetry's words."""
    attributes: Mapping[str, Value] = field(default_factory=dict)
    failed: bool = False
    link: Here | None = None
    """A span of another trace that this one leads to."""


class Scribe:
    """Makes spans of events; bounded."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, Fields] = OrderedDict()
        self._heard: dict[str, Callable[[Fields, Here, int], Span | None]] = {
            "report.carried": _carried,
            "report.screened": _screened,
            "report.admitted": _admitted,
            "case.joined": _pointed("joined"),
            "case.skipped": _pointed("skipped"),
            "case.regressed": _pointed("regressed"),
            "case.shares": _pointed("shares"),
            "case.noticed": _noticed,
            "case.parked": _parked,
            "case.moved": _moved,
            "case.closed": _closed,
            "step.finished": _stepped,
            "step.failed": _stepped,
            "agent.used": self._note,
            "agent.ran": self._ran,
            "specialist.ended": _specialist,
            "proof.ran": _proved,
            "delivery.made": _delivered,
            "result.published": _published,
        }

    def span(self, event: str, fields: Fields, place: Here | None, now_ns: int) -> Span | None:
        """What ``event`` ends or is; None for what is no span, and outside of every trace."""
        heard = self._heard.get(event)
        return heard(fields, place, now_ns) if heard and place else None

    def _note(self, fields: Fields, place: Here, _now: int) -> None:
        """The run's own span says it, once the run is over."""
        self._used[place.span_id] = fields
        if len(self._used) > _PENDING:
            self._used.popitem(last=False)

    def _ran(self, fields: Fields, place: Here, now: int) -> Span:
        used = self._used.pop(place.span_id, {})
        told = {"input": "input_tokens", "output": "output_tokens", "cached": "cached_tokens"}
        tokens = {f"gen_ai.usage.{name}": used[kind] for kind, name in told.items() if kind in used}
        return _end(
            "mendwire.agent",
            place,
            now,
            {
                **_kept(fields, "case", "role", "agent", "how", "turns", "cost_usd"),
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": fields["agent"],
                "gen_ai.request.model": used.get("model", ""),
                **tokens,
            },
            failed=fields["how"] != "answer",
        )


def _carried(fields: Fields, place: Here, _now: int) -> Span:
    ended = fields["ended_ns"]
    assert isinstance(ended, int)
    name = f"mendwire.{fields['by']}"
    return _end(name, place, ended, {"messaging.system": "nats"}, kind="producer")


def _screened(fields: Fields, place: Here, now: int) -> Span:
    return _inside(
        "mendwire.screen", place, now, _kept(fields, "verdict", "score", "reasons"), fields
    )


def _admitted(fields: Fields, place: Here, now: int) -> Span:
    known = {
        **_kept(fields, "how", "deliveries"),
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.destination.name": fields["subject"],
    }
    return _end("mendwire.receive", place, now, known, kind="consumer")


def _pointed(how: str) -> Callable[[Fields, Here, int], Span]:
    def pointed(fields: Fields, place: Here, now: int) -> Span:
        known = _kept(fields, "case", "occurrences", "fix")
        link = span_of(str(fields["trace"]))
        return _inside(f"mendwire.case.{how}", place, now, known, link=link)

    return pointed


def _noticed(fields: Fields, place: Here, now: int) -> Span:
    return _inside("mendwire.case.noticed", place, now, _kept(fields, "case", "count"))


def _parked(fields: Fields, place: Here, now: int) -> Span:
    return _inside("mendwire.case.parked", place, now, _kept(fields, "case", "reason"))


def _moved(fields: Fields, place: Here, now: int) -> Span | None:
    state = fields["to_state"]
    if state not in _FOLLOWED:
        return None
    return _inside(f"mendwire.fix.{state}", place, now, _kept(fields, "case"))


def _closed(fields: Fields, place: Here, now: int) -> Span:
    known = _kept(fields, "case", "title", "environment", "verdict", "cost_usd", "branch", "commit")
    failed = fields["verdict"] in {Verdict.BLOCKED, Verdict.NOT_FIXED, Verdict.REJECTED}
    return _end("mendwire.case", place, now, known, failed=failed)


def _stepped(fields: Fields, place: Here, now: int) -> Span:
    step = fields["step"] if fields["step"] in set(Step) else "step"
    known = _kept(fields, "case", "agent", "cost_usd", "kind")
    return _end(f"mendwire.{step}", place, now, known, failed="error" in fields)


def _specialist(fields: Fields, place: Here, now: int) -> Span:
    known = {**_kept(fields, "case", "role", "task", "how", "cost_usd"), "messaging.system": "nats"}
    failed = fields["how"] != "answer"
    return _end("mendwire.specialist", place, now, known, kind="consumer", failed=failed)


def _proved(fields: Fields, place: Here, now: int) -> Span:
    return _inside("mendwire.proof", place, now, _kept(fields, "case", "what", "passed"), fields)


def _delivered(fields: Fields, place: Here, now: int) -> Span:
    known = _kept(fields, "case", "branch", "commit", "remote", "request")
    return _end("mendwire.deliver", place, now, known)


def _published(fields: Fields, place: Here, now: int) -> Span:
    known = {
        **_kept(fields, "case"),
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": fields["subject"],
    }
    return _inside("mendwire.publish", place, now, known, kind="producer")


def _end(
    name: str, place: Here, now: int, known: Fields, *, kind: str = "internal", failed: bool = False
) -> Span:
    """What happens here is over."""
    return Span(
        name=name,
        place=place,
        began_ns=min(place.began_ns or now, now),
        ended_ns=now,
        kind=kind,
        attributes=_attributes(known),
        failed=failed,
    )


def _inside(
    name: str,
    place: Here,
    now: int,
    known: Fields,
    timed: Fields | None = None,
    *,
    kind: str = "internal",
    link: Here | None = None,
) -> Span:
    """Something within what happens here: as long as ``timed`` says, else a moment."""
    seconds = (timed or {}).get("seconds")
    lasted = int(seconds * 1e9) if isinstance(seconds, int | float) and seconds > 0 else 0
    inner = Here(trace_id=place.trace_id, span_id=os.urandom(8).hex(), parent_id=place.span_id)
    return Span(
        name=name,
        place=inner,
        began_ns=now - lasted,
        ended_ns=now,
        kind=kind,
        attributes=_attributes(known),
        link=link,
    )


def _kept(fields: Fields, *names: str) -> dict[str, object]:
    return {f"mendwire.{name}": fields[name] for name in names if name in fields}


def _attributes(known: Fields) -> dict[str, Value]:
    """Short, printable, without secrets; what says nothing is left out."""
    return {name: _value(value) for name, value in known.items() if value not in ("", None, [])}


def _value(value: object) -> Value:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return tuple(_text(item) for item in value[:_ITEMS])
    return _text(value)


def _text(value: object) -> str:
    whole = printable(str(value), _LOOKED)
    return _WITHHELD if find_secret(whole) else printable(whole, _TEXT)
