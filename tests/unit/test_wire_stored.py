from __future__ import annotations

import base64
import re

import pytest

from mendwire.wire.denials import Denials
from mendwire.wire.stored import delivery_of, nanoseconds, stored


def test_a_reply_subject_tells_of_its_delivery() -> None:
    plain = delivery_of("$JS.ACK.E.c.2.7.9.1795475195525750196.5")
    domain = delivery_of("$JS.ACK.hub.ACCHASH.E.c.2.7.9.1795475195525750196.5.token")
    assert plain == domain
    assert (plain.stream, plain.deliveries, plain.seq, plain.consumer_seq) == ("E", 2, 7, 9)
    assert plain.stored_ns == 1795475195525750196


@pytest.mark.parametrize("reply", ["_INBOX.x", "$JS.ACK.E.c", "a.b.c.d.e.f.g.h.i"])
def test_other_subjects_are_no_deliveries(reply: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reply)):
        delivery_of(reply)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T23:06:35.525750196Z", 1795475195525750196),
        ("2026-11-23T23:06:35.5Z", 1795475195500000000),
        ("2026-11-23T23:06:35Z", 1795475195000000000),
        ("1970-01-01T00:00:00.000000001Z", 1),
    ],
)
def test_nanoseconds(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


def test_a_stored_message_is_read_with_its_headers() -> None:
    head = base64.b64encode(b"NATS/1.0\r\nNats-Msg-Id: a:b\r\nX:y\r\n\r\n").decode()
    data = base64.b64encode(b"\xff").decode()
    time = "2026-11-23T23:06:35Z"
    message = {"subject": "s", "seq": 3, "hdrs": head, "data": data, "time": time}
    found = stored("E", "then", message)
    assert found.headers == {"Nats-Msg-Id": "a:b", "X": "y"}
    assert (found.ref.msg_id, found.payload, found.deliveries) == ("a:b", b"\xff", 0)
    assert stored("E", "then", {"subject": "s", "seq": 3, "time": time}).payload == b""


def test_denials_are_found_by_subject_whatever_its_case() -> None:
    heard: list[tuple[str, str]] = []
    denials = Denials()
    denials.listen(lambda action, subject: heard.append((action, subject)))
    denials.note(Exception('nats: permissions violation for publish to "ai.results.x"'))
    denials.note(Exception("nats: something else"))
    assert heard == [("publish", "ai.results.x")]
    assert denials.find("AI.Results.X")
    assert denials.find("ai.results") is None
    assert denials.find("ai.results.x", since=float("inf")) is None
