"""Untrusted text in alerts: short, readable, and without any effect."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.model.inert import LIMIT, inert

LIVE = re.compile(
    r"[@#<>*`|~\[\]\\]|\w:\S|https?:|www\.|(?<![A-Za-z0-9_])_+\S|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]"
)
HOST = re.compile(r"\b[\w-]+\.(?:com|net|org|io|example|zip)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "@here everything burns",
        "<!channel> <@U024BE7LH> <#C024BE7LR|general>",
        "@everyone ping <@&123456>",
        "[click](https://evil.example/x) ![i](http://evil.example/p.png)",
        "see evil.com/login or www.evil.org and HTTPS://EVIL.NET",
        "javascript:alert(1) mailto:root@evil.com data:text/html,x",
        "line one\nline two\r\n\tthree \x1b[31mred\x1b[0m \u202etxt.exe",
        "```\nfence\n``` __bold__ *bold* ~gone~ ||spoiler||",
        "evil\u3002com evil\uff0ecom/ evil.zip",
        "#general !123 $(rm -rf /) `id` ${HOME}",
        ":siren:http://evil.com:80/",
    ],
)
def test_nothing_that_a_chat_or_mail_program_acts_on_is_left(text: str) -> None:
    shown = inert(text)
    assert not LIVE.search(shown), shown
    assert not HOST.search(shown), shown


@pytest.mark.parametrize(
    "text",
    [
        "KeyError in total (shop/pricing.py)",
        "TypeError in apply_coupon (src/app.module.ts)",
        "release 2.14.3, 99.5 percent",
        "ValueError: no such coupon",
    ],
)
def test_what_is_harmless_reads_as_it_was(text: str) -> None:
    assert inert(text) == text


def test_secrets_are_gone_before_anything_is_cut() -> None:
    token = "ghp_" + "a1B2" * 9
    assert token[:12] not in inert("x" * (LIMIT - 8) + " " + token)
    assert "hunter2hunter2" not in inert("password=hunter2hunter2")


@given(st.text(max_size=400))
def test_any_text_is_short_and_inert(text: str) -> None:
    shown = inert(text)
    assert "\n" not in shown
    assert not LIVE.search(shown), shown
    assert len(shown) <= 3 * LIMIT
