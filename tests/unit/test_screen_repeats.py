"""Repeated stretches are taken out once, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.screen.repeats import without_repeats

WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "x", "y"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("lost the database, trying again " * 5 + "stop", "lost the database, trying again stop"),
        ("x y " * 40 + "z", "x y z"),
        ("la " * 30 + "la", "la"),
        ("begin " + "one two three " * 9 + "one two end", "begin one two three end"),
        ("every word of it stands here but once", "every word of it stands here but once"),
    ],
)
def test_what_is_repeated_counts_once(text: str, left: str) -> None:
    assert without_repeats(text) == left


@given(WORDS)
def test_no_word_is_lost_and_none_is_made(words: list[str]) -> None:
    left = without_repeats(" ".join(words)).split(" ")
    assert set(left) == set(words)
    rest = iter(words)
    assert all(word in rest for word in left)


@given(st.lists(st.sampled_from("abcdefghij"), min_size=4, max_size=12, unique=True))
def test_a_text_said_ten_times_is_the_text(words: list[str]) -> None:
    assert without_repeats(" ".join(words * 10)) == " ".join(words)
