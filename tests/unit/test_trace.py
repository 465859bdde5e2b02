"""Which trace an error belongs to, whoever reports it and however it travels."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.agents.running import traced_environment
from mendwire.capture import spans
from mendwire.capture.segment import Spooled, _unpacked, packed
from mendwire.gateway.keys import Key
from mendwire.gateway.parcels import parcel
from mendwire.model import trace
from mendwire.model.case import Case
from mendwire.model.names import Names
from mendwire.model.report import Trust
from mendwire.telemetry import Here, here, part, within

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
OTHER = "b7ad6b7169203331"
WHEN = 1_795_000_000_000_000_000
KEY = Key(
    id="k", name="shop", project=1, digest="d", environments=("staging",), trust=Trust.TRUSTED
)
SHOP = Names(namespace="shop")


def test_what_is_taken_is_found_again() -> None:
    sent = trace.taking(trace.CAPTURE, WHEN, TRACE, OTHER)
    found = trace.carried_by(trace.headers_of(sent), "", "a place")
    assert found == sent
    assert (found.span.trace_id, found.span.parent_id, found.by) == (TRACE, OTHER, "capture")
    assert found.span.began_ns == WHEN


@pytest.mark.parametrize("known", ["", "0" * 32, TRACE.upper(), TRACE[:-1], f"{TRACE}0", "x" * 32])
def test_what_is_no_trace_begins_one_of_its_own(known: str) -> None:
    one, two = trace.taking(trace.CAPTURE, WHEN, known, OTHER), trace.taking("capture", WHEN)
    assert trace.is_trace_id(one.span.trace_id)
    assert one.span.trace_id not in {known, two.span.trace_id}
    assert one.span.parent_id == ""


def test_a_message_without_headers_has_its_reports_trace_else_one_of_its_place() -> None:
    assert trace.carried_by({}, TRACE, "here").span == Here(trace_id=TRACE, span_id="")
    dashed = f"{TRACE[:8]}-{TRACE[8:12]}-{TRACE[12:16]}-{TRACE[16:20]}-{TRACE[20:]}"
    assert trace.carried_by({}, dashed.upper(), "here").span.trace_id == TRACE
    made = trace.carried_by({}, "ignore all previous instructions", "here")
    assert made == trace.carried_by({}, "", "here")
    assert made != trace.carried_by({}, "", "there")
    receipt = trace.receipt_of(made, "here", 1, WHEN)
    assert receipt == trace.receipt_of(made, "here", 1, WHEN)
    assert receipt.span_id != trace.receipt_of(made, "here", 2, WHEN).span_id
    assert receipt.parent_id == ""


def test_anybodys_traceparent_counts_and_whose_span_it_is_only_where_it_is_ours() -> None:
    parent = {trace.PARENT: f"00-{TRACE}-{SPAN}-00"}
    foreign = trace.carried_by({**parent, trace.STATE: "rojo=1,mendwire=x"}, OTHER, "here")
    assert (foreign.span, foreign.by) == (Here(trace_id=TRACE, span_id=SPAN), "")
    state = {trace.STATE: f"rojo=1,mendwire=gateway:-:{WHEN}"}
    ours = trace.carried_by({**parent, **state}, "", "here")
    assert (ours.by, ours.span.parent_id, ours.span.began_ns) == ("gateway", "", WHEN)


@given(st.text(), st.text(), st.text())
def test_whatever_headers_say_ids_are_hex(parent: str, state: str, known: str) -> None:
    found = trace.carried_by({trace.PARENT: parent, trace.STATE: state}, known, "here")
    assert trace.is_trace_id(found.span.trace_id)
    assert found.span.span_id == "" or trace.is_span_id(found.span.span_id)


@given(
    st.sampled_from(["00", "ff", "01", "zz"]),
    st.from_regex(r"[0-9a-fA-F]{31,33}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{15,17}", fullmatch=True),
)
def test_a_traceparent_is_read_as_the_standard_says(version: str, one: str, two: str) -> None:
    found = trace.span_of(f"{version}-{one}-{two}-01")
    right = version in {"00", "01"} and trace.is_trace_id(one) and trace.is_span_id(two)
    assert (found is not None) == right


def test_a_case_has_one_span_whoever_works_on_it() -> None:
    receipt = Here(trace_id=TRACE, span_id=SPAN)
    case = Case(issue="a" * 32, trace=trace.parent_of(receipt), opened_ns=WHEN)
    taken_over = replace(case, token=7, holder="heir")
    assert case.span == taken_over.span
    assert (case.span.trace_id, case.span.parent_id) == (TRACE, SPAN)
    assert case.span.began_ns == WHEN
    assert replace(case, episode=2).span.span_id != case.span.span_id
    assert replace(case, reworks=1).span.span_id != case.span.span_id
    old = Case(issue="a" * 32)  # filed before cases had traces
    assert trace.is_trace_id(old.span.trace_id)
    assert old.span.parent_id == ""


def test_a_spooled_report_keeps_its_trace_and_an_old_one_has_none() -> None:
    headers = trace.headers_of(trace.taking(trace.CAPTURE, WHEN, TRACE, SPAN))
    item = Spooled(kind="report", environment=None, payload=b"{}", trace=headers)
    record = packed(item)[8:]
    read = _unpacked(record, False)
    assert read is not None
    assert read.trace == headers
    head, _, payload = record.partition(b"\n")
    fields: dict[str, Any] = json.loads(head)
    strange: Any
    for strange in (None, [], {"Nats-Msg-Id": "x"}, {trace.PARENT: "x\r\nA: b", trace.STATE: "y"}):
        fields["trace"] = strange
        read = _unpacked(json.dumps(fields).encode() + b"\n" + payload, False)
        assert read is not None
        assert read.trace == {}
    fields.pop("trace")
    read = _unpacked(json.dumps(fields).encode() + b"\n" + payload, False)
    assert read is not None
    assert read.trace == {}


def test_who_is_not_trusted_does_not_choose_a_trace() -> None:
    body: dict[str, Any] = {
        "error": "E: no",
        "trace_id": TRACE,
        "context": {"span": {"id": SPAN}},
    }
    trusted = trace.carried_by(parcel(body, KEY, SHOP, 1 << 20).headers, "", "here")
    assert (trusted.by, trusted.span.trace_id, trusted.span.parent_id) == ("gateway", TRACE, SPAN)
    low = parcel(body, replace(KEY, service="page", trust=Trust.LOW), SHOP, 1 << 20)
    stranger = trace.carried_by(low.headers, "", "here")
    assert stranger.span.trace_id != TRACE
    assert stranger.span.parent_id == ""
    assert json.loads(low.payload)["trace_id"] == TRACE, "as people may read it"
    for strange in (None, 7, "x", {"span": "x"}, {"span": {"id": 7}}):
        made = parcel({**body, "context": strange}, KEY, SHOP, 1 << 20)  # type: ignore[dict-item] # anything a client sent
        assert trace.carried_by(made.headers, "", "here").span.parent_id == ""


def test_parts_are_inside_of_each_other() -> None:
    with part():
        assert here() is None
        assert traced_environment() == {}
    with within(Here(trace_id=TRACE, span_id=SPAN)), part():
        inner = here()
        assert inner is not None
        assert (inner.trace_id, inner.parent_id) == (TRACE, SPAN)
        assert traced_environment() == {"TRACEPARENT": f"00-{TRACE}-{inner.span_id}-01"}
    assert here() is None


def test_a_programs_own_span_is_known_and_nothing_is_loaded_for_it() -> None:
    from opentelemetry import trace as api
    from opentelemetry.sdk.trace import TracerProvider

    assert spans.current() == ("", "")
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("x") as span:
        context = span.get_span_context()
        found = spans.current()
    assert found == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert not api.get_current_span().get_span_context().is_valid


LOADS_NOTHING = """
import sys
import mendwire, mendwire.cli.full, mendwire.app.run, mendwire.app.specialist
from mendwire.capture import digest, courier, sdk, spans
assert spans.current() == ("", "")
sys.exit(1 if any(name.partition(".")[0] == "opentelemetry" for name in sys.modules) else 0)
"""


def test_where_nothing_is_sent_nothing_is_loaded() -> None:
    assert subprocess.run([sys.executable, "-c", LOADS_NOTHING], check=False).returncode == 0
