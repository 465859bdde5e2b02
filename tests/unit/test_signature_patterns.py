"""Version 1's patterns are those that RE2 runs too, in linear time, and JavaScript reads alike."""

from __future__ import annotations

import re

import pytest
import re2  # type: ignore[import-untyped]  # it ships none

from mendwire.model.signature.v1.tables import CAPS, PATTERNS, WORDS

SAMPLES = (
    "",
    "order 4711 not found at 0x7f14de7c84d0 after 12ms",
    "/srv/shop/current/shop/cart.py:12",
    "https://u:p@shop.example:8080/a/b?x=1#y",
    'File "/app/x.py", line 3, in f',
    "    at async Shop.total [as sum] (file:///app/shop.mjs:14:19)",
    "x.rb:3:in `f': no (E)",
    "#0 0x4f in f(int) /app/x.cpp:12:5",
    "2026-11-25T10:00:00.123Z [4711] a@b.example 10.0.0.1:5432 fe80::1 00:1a:2b:3c:4d:5e",
    "grün 4 übersät µs \U0001f600 \u2028 x",
)


@pytest.mark.parametrize("name", PATTERNS)
def test_re2_takes_it_and_finds_the_same(name: str) -> None:
    mine, theirs = re.compile(PATTERNS[name], re.ASCII), re2.compile(PATTERNS[name])
    for text in SAMPLES:
        found, expected = mine.search(text), theirs.search(text)
        assert (found and found.span()) == (expected and expected.span()), text


@pytest.mark.parametrize("name", PATTERNS)
def test_it_means_the_same_in_other_languages(name: str) -> None:
    pattern = PATTERNS[name]
    assert not re.search(r"\\[bBdDsSwWAZ]", pattern), "a class whose meaning differs"
    assert "(?P" not in pattern
    assert not re.search(r"\(\?[=!<a-zA-Z]", pattern), "look-around or a flag"
    outside = re.sub(r"\[(?:\\.|[^\]])*\]", "", pattern)
    assert not re.search(r"(?<!\\)\.", outside), "a dot"


def test_words_are_of_ascii_and_small_letters() -> None:
    for name, text in WORDS.items():
        words = text.split(" ")
        assert all(words), f"{name} has an empty word"
        if name not in {"unit", "library_package", "library_folder"}:
            assert text.isascii(), name
            assert text == text.lower(), name


def test_caps_are_those_that_are_documented() -> None:
    assert (CAPS["line"], CAPS["stack"], CAPS["message"], CAPS["frames"]) == (
        1024,
        262144,
        2000,
        50,
    )
