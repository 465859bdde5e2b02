"""A person's texts are found in every form that programs write, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.capture.clearing import clear_spool
from mendwire.capture.segment import Spooled
from mendwire.capture.spool import Spool
from mendwire.errors import ConfigError
from mendwire.gateway.clearing import clear_rooms
from mendwire.gateway.parcels import Parcel
from mendwire.gateway.spool import Kept
from mendwire.gateway.spool import Spool as Room
from mendwire.model.erasure import ERASED, Eraser, eraser_of
from mendwire.model.inert import without_effect

PERSON = "Zoë.Quill+shop@mail.example"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"user {PERSON} failed", "user [erased] failed"),
        (PERSON.upper(), ERASED),
        (f"/reset?mail={quote(PERSON, safe='')}&x=1", "/reset?mail=[erased]&x=1"),
        (f"<b>{html.escape(PERSON)}</b>", "<b>[erased]</b>"),
        (without_effect(f"user {PERSON} failed"), "user [erased] failed"),
        (f"jo{PERSON}", f"jo{PERSON}"),
        (f"{PERSON}.org", "[erased].org"),
        ("another@mail.example", "another@mail.example"),
    ],
)
def test_forms(text: str, left: str) -> None:
    assert Eraser((PERSON,)).text(text) == left


def test_words_are_whole() -> None:
    eraser = Eraser(("10.0.0.1", "cust-4"))
    same = "10.0.0.12 210.0.0.1 cust-48 xcust-4"
    assert eraser.text(same) == same
    assert eraser.text("10.0.0.1:443 (cust-4)") == "[erased]:443 ([erased])"


def test_a_body_keeps_its_shape() -> None:
    body = {
        "error": f"no account {PERSON}",
        "environment": "production",
        "frames": [{"line": 48213, "arguments": {PERSON: "x"}}],
        "context": {"user_id": 48213, "line": 7, "nested": [48213, True, None]},
        "count": 48213,
    }
    payload = json.dumps(body).encode()
    after = json.loads(Eraser((PERSON, "48213", "production")).payload(payload))
    assert after == {
        "error": "no account [erased]",
        "environment": "production",
        "frames": [{"line": 48213, "arguments": {ERASED: "x"}}],
        "context": {"user_id": ERASED, "line": 7, "nested": [ERASED, True, None]},
        "count": 48213,
    }


def test_base64_inside_a_text_and_inside_itself() -> None:
    once = base64.b64encode(json.dumps({"who": PERSON}).encode()).decode()
    twice = base64.b64encode(f"token {once}".encode()).decode()
    after = Eraser((PERSON,)).text(f"{twice} and {once}")
    first, _, second = after.partition(" and ")
    inner = base64.b64decode(first).decode().removeprefix("token ")
    assert json.loads(base64.b64decode(inner)) == {"who": ERASED}
    assert json.loads(base64.b64decode(second)) == {"who": ERASED}


def test_a_path_is_no_base64() -> None:
    path = "/home/quill/projects/shop/server"
    assert Eraser(("quill",)).text(path) == "/home/[erased]/projects/shop/server"


@given(st.binary(max_size=300))
def test_what_holds_nothing_is_left_as_it_is(payload: bytes) -> None:
    assert Eraser(("Quillibert",)).payload(payload) is payload


@given(st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_nothing_is_left_behind(before: str, behind: str, escaped: bool) -> None:
    eraser = Eraser(("zoë quill",))
    payload = json.dumps({"a": [f"{before} Zoë Quill {behind}"]}, ensure_ascii=escaped)
    try:
        raw = payload.encode()
    except UnicodeEncodeError:
        return
    after = eraser.payload(raw)
    assert "zoë quill" not in json.loads(after)["a"][0].lower()
    assert eraser.payload(after) is after


@pytest.mark.parametrize("wrong", [(), ("ab",), ("x" * 201,), ("abc",) * 101])
def test_what_would_take_out_too_much_is_refused(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        Eraser(wrong)


def test_lines_of_a_person() -> None:
    assert eraser_of(["  Zoë Quill \r", "", "cust-1"]).persons == ("Zoë Quill", "cust-1")


def a_record(text: str) -> Spooled:
    payload = json.dumps({"error": text}).encode()
    return Spooled(kind="report", environment="staging", payload=payload, id=f"id-{text[:4]}")


def test_a_spool_is_cleared_but_not_while_a_program_has_it(tmp_path: Path) -> None:
    eraser = Eraser((PERSON,))
    spool = Spool(tmp_path)
    spool.add([a_record(f"one {PERSON}"), a_record("two")])
    assert clear_spool(tmp_path, eraser, for_real=True) == (0, 1)
    spool.let_go()
    assert clear_spool(tmp_path, eraser, for_real=False) == (1, 0)
    assert clear_spool(tmp_path, eraser, for_real=True) == (1, 0)
    assert clear_spool(tmp_path, eraser, for_real=True) == (0, 0)
    found = [
        item.item
        for segment, _ in Spool(tmp_path).waiting()
        for item in segment.unsettled()
        if item.item
    ]
    assert [(one.id, json.loads(one.payload)["error"]) for one in found] == [
        ("id-one ", "one [erased]"),
        ("id-two", "two"),
    ]
    assert clear_spool(tmp_path / "none", eraser, for_real=True) == (0, 0)


async def test_the_gateway_s_rooms_are_cleared(tmp_path: Path) -> None:
    eraser = Eraser((PERSON,))
    room = Room(tmp_path / "1", 1 << 20)
    assert room.claim()
    for text in (f"sent {PERSON}", f"one {PERSON}", "two"):
        parcel = Parcel(subject="a.errors", msg_id=text[:3], payload=json.dumps([text]).encode())
        assert await room.add(Kept(parcel=parcel, uncertain=False))
    batch = room.batch(1)
    assert batch is not None
    room.done(*batch[:2])
    assert await clear_rooms(tmp_path, eraser, for_real=True) == (0, 1)
    await room.close()
    assert await clear_rooms(tmp_path, eraser, for_real=False) == (1, 0)
    assert await clear_rooms(tmp_path, eraser, for_real=True) == (1, 0)
    again = Room(tmp_path / "1", 1 << 20)
    assert again.claim()
    left = again.batch(10)
    assert left is not None
    assert [(one.parcel.msg_id, json.loads(one.parcel.payload)) for one in left[2]] == [
        ("one", ["one [erased]"]),
        ("two", ["two"]),
    ]
    await again.close()
