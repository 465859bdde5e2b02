"""Named events as spans: what each is called, where it stands, and what never gets into one."""

from __future__ import annotations

from typing import Any

import pytest

from mendwire.ops.spans import Scribe, Span
from mendwire.telemetry import EVENTS, Here

NOW = 1_795_000_000_000_000_000
PLACE = Here(trace_id="a" * 32, span_id="b" * 16, parent_id="c" * 16, began_ns=NOW - 5_000)
PARENT = f"00-{'d' * 32}-{'e' * 16}-01"
FIELDS: dict[str, Any] = {
    "case": "1234-e1",
    "title": "KeyError in discount (shop/pricing.py)",
    "environment": "production",
    "issue": "1234",
    "reason": "prose",
    "error": "prose",
    "summary": "prose",
    "text": "prose",
    "why": "prose",
    "subject": "shop.errors.production",
    "verdict": "fixed",
    "score": 0.25,
    "reasons": ["override"],
    "signature": "prose",
    "how": "owned",
    "deliveries": 1,
    "trace": PARENT,
    "occurrences": 2,
    "step": "research",
    "agent": "claude",
    "attempt": 1,
    "kind": "outage",
    "role": "review",
    "task": "1234-e1-s1",
    "turns": 3,
    "cost_usd": 0.5,
    "what": "suite after",
    "passed": True,
    "seconds": 2.0,
    "branch": "mendwire/1234",
    "commit": "f" * 40,
    "patch": "/home/shop/.mendwire/patches/1",
    "remote": "origin",
    "request": "https://github.example/1",
    "seq": 7,
    "by": "gateway",
    "ended_ns": NOW - 1_000,
    "from_state": "fixed",
    "to_state": "merged",
    "token": 1,
}
ENDS = {
    "report.carried": "mendwire.gateway",
    "report.admitted": "mendwire.receive",
    "case.closed": "mendwire.case",
    "step.finished": "mendwire.research",
    "step.failed": "mendwire.research",
    "agent.ran": "mendwire.agent",
    "specialist.ended": "mendwire.specialist",
    "delivery.made": "mendwire.deliver",
}
"""Events that end what they happen in."""
INSIDE = {
    "report.screened": "mendwire.screen",
    "case.joined": "mendwire.case.joined",
    "case.skipped": "mendwire.case.skipped",
    "case.regressed": "mendwire.case.regressed",
    "case.shares": "mendwire.case.shares",
    "case.noticed": "mendwire.case.noticed",
    "case.parked": "mendwire.case.parked",
    "case.moved": "mendwire.fix.merged",
    "proof.ran": "mendwire.proof",
    "result.published": "mendwire.publish",
}


def written(event: str, **fields: Any) -> Span:
    found = Scribe().span(event, {**FIELDS, **fields}, PLACE, NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(("event", "name"), ENDS.items())
def test_what_ends_is_the_span_that_it_happened_in(event: str, name: str) -> None:
    span = written(event)
    assert (span.name, span.place) == (name, PLACE)
    assert span.began_ns == PLACE.began_ns
    assert span.ended_ns == (NOW - 1_000 if event == "report.carried" else NOW)


@pytest.mark.parametrize(("event", "name"), INSIDE.items())
def test_what_happens_within_is_a_part_of_it(event: str, name: str) -> None:
    span = written(event)
    assert (span.name, span.place.parent_id) == (name, PLACE.span_id)
    assert span.place.trace_id == PLACE.trace_id
    lasted = 2.0 if event in {"report.screened", "proof.ran"} else 0.0
    assert span.ended_ns - span.began_ns == lasted * 1e9


@pytest.mark.parametrize("event", ["case.joined", "case.skipped", "case.regressed", "case.shares"])
def test_what_is_known_already_leads_to_its_case(event: str) -> None:
    assert written(event).link == Here(trace_id="d" * 32, span_id="e" * 16)
    assert written(event, trace="").link is None


@pytest.mark.parametrize("event", sorted({*ENDS, *INSIDE}))
def test_nothing_that_was_said_gets_into_a_span(event: str) -> None:
    told = {name: text for name, text in written(event).attributes.items() if text == "prose"}
    allowed = {"mendwire.reason"} if event == "case.parked" else set()  # one word of a list
    assert set(told) == allowed


@pytest.mark.parametrize("event", sorted({*EVENTS} - {*ENDS, *INSIDE}))
def test_the_others_are_no_spans(event: str) -> None:
    scribe = Scribe()
    assert scribe.span(event, FIELDS, PLACE, NOW) is None


def test_outside_of_a_trace_there_are_none() -> None:
    assert Scribe().span("case.closed", FIELDS, None, NOW) is None


def test_moves_before_the_verdict_are_told_by_their_steps() -> None:
    fields = {**FIELDS, "to_state": "leased"}
    assert Scribe().span("case.moved", fields, PLACE, NOW) is None


def test_a_run_has_its_tokens_and_its_model() -> None:
    scribe = Scribe()
    used = {"case": "1", "role": "review", "input": 10, "output": 5, "cached": 2, "model": "m-1"}
    assert scribe.span("agent.used", used, PLACE, NOW) is None
    ran = scribe.span("agent.ran", {**FIELDS, "how": "answer"}, PLACE, NOW)
    assert ran is not None
    assert ran.attributes["gen_ai.usage.input_tokens"] == 10
    assert ran.attributes["gen_ai.usage.output_tokens"] == 5
    assert ran.attributes["gen_ai.request.model"] == "m-1"
    assert not ran.failed
    again = scribe.span("agent.ran", {**FIELDS, "how": "failed"}, PLACE, NOW)
    assert again is not None
    assert "gen_ai.usage.input_tokens" not in again.attributes
    assert again.failed


def test_runs_that_never_end_are_forgotten() -> None:
    scribe = Scribe()
    for number in range(5_000):
        place = Here(trace_id="a" * 32, span_id=f"{number:016x}")
        scribe.span("agent.used", {"input": 1}, place, NOW)
    assert len(scribe._used) == 1_000


def test_attributes_are_short_and_printable_and_hold_no_secret() -> None:
    span = written(
        "case.closed",
        title="\x1b[31mred\u202e" + "x" * 1_000,
        environment="AKIAIOSFODNN7EXAMPLE ghp_baitbaitbaitbaitbaitbaitbaitbaitbait",
        branch="",
    )
    title = str(span.attributes["mendwire.title"])
    assert len(title) <= 200
    assert title.isprintable()
    assert span.attributes["mendwire.environment"] == "[withheld]"
    assert "mendwire.branch" not in span.attributes
    many = written("report.screened", reasons=[f"rule-{n}" for n in range(100)])
    assert many.attributes["mendwire.reasons"] == tuple(f"rule-{n}" for n in range(20))


@pytest.mark.parametrize("before", [150, 170, 185, 198])
def test_a_secret_astride_the_cut_is_withheld(before: int) -> None:
    span = written("case.closed", title=f"{'x' * before} ghp_{'bait' * 9} {'y' * 5_000}")
    assert span.attributes["mendwire.title"] == "[withheld]"


def test_failures_are_marked() -> None:
    assert written("step.failed").failed
    assert written("case.closed", verdict="blocked").failed
    assert not written("case.closed").failed
    assert written("specialist.ended", how="unable").failed
