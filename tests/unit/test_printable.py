"""Foreign text made safe to print: nothing that moves, hides or reorders survives."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mendwire.model.printable import printable

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
anything = st.text(st.characters())


@given(anything, st.integers(1, 300), st.booleans())
@example("\x1b[2J\x9b31m\u202e\u2066\U000e0041\ud800\u2028", 100, False)
@example("a\u0000" * 50, 7, True)
@example("\U0010fffd", 3, False)
def test_only_visible_characters_survive(text: str, limit: int, lines: bool) -> None:
    shown = printable(text, limit, lines=lines)
    assert len(shown) <= limit
    left = shown.replace("\n", "") if lines else shown
    assert not {unicodedata.category(char) for char in left} & UNSAFE
    shown.encode("utf-8")


@given(anything, st.booleans())
def test_twice_is_once(text: str, lines: bool) -> None:
    once = printable(text, 200, lines=lines)
    assert printable(once, 200, lines=lines) == once


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=100))
def test_plain_text_stays(text: str) -> None:
    assert printable(text) == text


def test_lines_are_kept_only_where_asked_for() -> None:
    assert printable("a\nb\tc\r") == "a b c "
    assert printable("a\nb\tc\r", lines=True) == "a\nb c "


@pytest.mark.parametrize(
    "hidden", ["\u034f", "\u115f", "\u3164", "\ufe0f", "\U000e0100", "\u2800", "\u200b", "\u00ad"]
)
def test_what_draws_nothing_is_shown(hidden: str) -> None:
    assert printable(f"a{hidden}b") == f"a\\u{ord(hidden):04x}b"


def test_what_was_cut_says_so() -> None:
    assert printable("x" * 101) == "x" * 99 + "…"
    assert printable("x" * 100) == "x" * 100
