"""Real formats: secrets vanish wherever they stand, and what is none stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mendwire.model.scrub import scrub_body, scrub_text
from tests.scrub_formats import FORMATS, Format
from tests.scrub_harmless import HARMLESS


def _name(one: Format) -> str:
    return f"{one.kind}-{one.where}"


def test_the_table_is_as_long_as_it_is_said_to_be() -> None:
    assert len(FORMATS) >= 200


@pytest.mark.parametrize("one", FORMATS, ids=_name)
def test_a_secret_vanishes(one: Format) -> None:
    scrubbed = scrub_text(one.text)
    assert one.secret not in scrubbed
    assert f"[scrubbed:{one.kind}]" in scrubbed
    assert scrub_text(scrubbed) == scrubbed


@pytest.mark.parametrize("one", FORMATS, ids=_name)
def test_it_vanishes_from_every_part_of_a_report(one: Format) -> None:
    body: dict[str, Any] = {
        "error": f"E: {one.text}",
        "frames": [{"file": "a.py", "arguments": {"a": [one.text]}}],
        "context": {"b": {"c": one.text}, one.text: 1},
    }
    scrubbed = json.dumps(scrub_body(body), ensure_ascii=False)
    assert one.secret not in scrubbed


def test_the_table_of_what_stays_is_as_long_as_it_is_said_to_be() -> None:
    assert len(set(HARMLESS)) >= 150


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub_text(text) == text
    body: dict[str, Any] = {
        "error": text,
        "frames": [{"code": text, "function": text}],
        "context": {"a": [text]},
    }
    assert scrub_body(json.loads(json.dumps(body))) == body
