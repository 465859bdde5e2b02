"""Envelopes are read as Sentry's own reader reads them, in pieces of any size."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.envelope import Envelope

from mendwire.errors import Refused
from mendwire.gateway.envelope import MOST_ITEMS, EnvelopeReader, Item

WANTED = frozenset({"event", "client_report"})
KINDS = ("event", "client_report", "session", "attachment", "transaction", "log")


def read(data: bytes, step: int = 0, largest: int = 10_000) -> list[Item]:
    reader = EnvelopeReader(WANTED, largest)
    for start in range(0, len(data), step or len(data) or 1):
        reader.feed(data[start : start + (step or len(data))])
    return reader.finish()


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    """With and without lengths, with and without the last newline."""
    out = [json.dumps({"event_id": "0" * 32}).encode()]
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(KINDS))
        has_length = draw(st.booleans())
        payload = json.dumps({"a": draw(st.text(max_size=20))}, separators=(",", ":")).encode()
        if has_length and kind == "attachment":
            payload = draw(st.binary(min_size=1, max_size=60))
        header = {"type": kind, **({"length": len(payload)} if has_length else {})}
        out += [json.dumps(header).encode(), payload]
    return b"\n".join(out) + (b"\n" if draw(st.booleans()) else b"")


@given(data=envelopes(), step=st.integers(0, 40))
def test_it_agrees_with_sentrys_reader(data: bytes, step: int) -> None:
    theirs = Envelope.deserialize(data).items
    ours = read(data, step)
    assert [item.type for item in ours] == [item.headers["type"] for item in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.size == len(other.get_bytes())
        assert mine.payload == (other.get_bytes() if mine.type in WANTED else None)


@given(data=st.binary(max_size=400), step=st.integers(0, 50))
def test_any_bytes_are_items_or_one_clear_refusal(data: bytes, step: int) -> None:
    with suppress(Refused):
        read(data, step)


@given(data=envelopes(), cut=st.integers(1, 200), step=st.integers(1, 30))
def test_any_pieces_give_the_same(data: bytes, cut: int, step: int) -> None:
    def found(step: int) -> object:
        try:
            return read(data[:cut], step)
        except Refused as problem:
            return str(problem)

    assert found(step) == found(0)


def test_what_is_not_wanted_is_not_held() -> None:
    reader = EnvelopeReader(WANTED, 1_000)
    size = 5_000_000
    reader.feed(b'{}\n{"type":"attachment","length":%d}\n' % size)
    for _ in range(size // 1_000):
        reader.feed(b"x" * 1_000)
        assert reader.held <= 1_000
    reader.feed(b'\n{"type":"replay_video"}\n')
    for _ in range(1_000):
        reader.feed(b"y" * 1_000)
        assert reader.held <= 1_000
    reader.feed(b'\n{"type":"event"}\n{}\n')
    assert [(item.type, item.payload) for item in reader.finish()] == [
        ("attachment", None),
        ("replay_video", None),
        ("event", b"{}"),
    ]


def test_an_event_that_is_too_large_is_passed_over() -> None:
    with_length = b'{}\n{"type":"event","length":20000}\n' + b"x" * 20_000
    without = b'{}\n{"type":"event"}\n' + b"x" * 20_000 + b"\n"
    for data in (with_length, without):
        for step in (0, 7_000):
            (item,) = read(data, step)
            assert (item.payload, item.size) == (None, 20_000)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"[]\n", "first line"),
        (b"{}\n[1]\n", "item's header"),
        (b"{}\n{}\nx", "no type"),
        (b'{}\n{"type":"event","length":-1}\n', "whole number"),
        (b'{}\n{"type":"event","length":true}\n', "whole number"),
        (b'{}\n{"type":"event","length":"3"}\n', "whole number"),
        (b'{}\n{"type":"event","length":30}\nabc', "shorter"),
        (b'{}\n{"type":"session","length":30}\nabc', "shorter"),
        (b'{}\n{"type":"event","length":2}\n{}x', "longer"),
        (b"{" * 70_000, "too long"),
        (b"{}\n" + b'{"type":"session"}\n\n' * (MOST_ITEMS + 1), "items"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read(data)
