"""Bodies: fast and slow are the same, twice is once, policies are obeyed, time is in proportion."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mendwire.errors import ConfigError
from mendwire.model.scrub import (
    DEFAULT,
    Emails,
    Personal,
    ScrubPolicy,
    scrub_body,
    scrub_policy,
    scrub_policy_from,
    scrub_text,
    scrub_value,
)
from mendwire.model.scrub.body import Reading, Scrubbing
from mendwire.model.scrub.forms import FORMS
from mendwire.model.scrub.scrubber import scrubber
from tests.scrub_formats import FORMATS
from tests.scrub_harmless import HARMLESS

TEXTS = [one.text for one in FORMATS] + list(HARMLESS)
PIECES = [
    *("password", "token", "apiKey", "Cookie", "Authorization", "İ", "name", "value", "DB_PASS"),
    *("=", ":", ": ", '"', "'", "\\", '\\"', "{", "}", "[", "]", "(", ")", "<", ">", "/", "&", "?"),
    *(
        " ",
        "\n",
        ",",
        ";",
        "%22",
        "%3A",
        "--",
        "-",
        ".",
        "@",
        "://",
        "Bearer ",
        "basic ",
        "Digest ",
    ),
    *("4111 1111 1111 1111", "AKIA" + "FAKE0123456789AB", "x", "Zx9", "12", "is", "None", "\x00"),
    *("[scrubbed:", "[scrubbed:token]", "code", "sig=", "DE89 3704 0044 0532 0130 00", "eyJ", "$"),
    *("ada@shop.example", "10.0.0.5", "::1", "|", "`", "xml", "_", "str", "Some("),
]
ASCII = st.characters(max_codepoint=127)
PROSE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(TEXTS) | PROSE | st.text()
KEYS = (
    st.sampled_from(["password", "token", "name", "value", "frames", "code", "vars", "pass", "a"])
    | st.sampled_from(["file", "pre_context", "headers", "session", "phone", "ssn"])
    | PROSE
)
BODIES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)
FRAMES = st.dictionaries(
    st.sampled_from(["file", "line", "function", "module", "code", "in_app", "name", "value"]),
    st.integers() | st.sampled_from([True, False, None, 4111111111111111, *TEXTS]) | PROSE,
    max_size=7,
)
POLICIES = [
    DEFAULT,
    ScrubPolicy(emails=Emails.KEEP, addresses=Personal.MASK),
    ScrubPolicy(emails=Emails.HASH, keys=("order_no",), off=("card", "jwt")),
    ScrubPolicy(patterns=("Zx[0-9]{1,3}",), allow=("token",)),
]

LINES = ScrubPolicy(keys=("line",), allow=("module",))
"""Of an operator who makes telling names of those that frames have."""


@settings(max_examples=150, deadline=None)
@given(BODIES, st.sampled_from(POLICIES))
@example({"a": "İ password=Zx9"}, DEFAULT)
def test_the_fast_way_is_the_slow_way(body: dict[str, Any], policy: ScrubPolicy) -> None:
    slow, fast, again = (copy.deepcopy(body) for _ in range(3))
    scrubbing = Scrubbing(scrubber(policy))
    scrubbing.scrub(slow, is_fast=False)
    scrubbing.scrub(fast)
    scrubbing.scrub(again)  # now with what was remembered
    assert fast == slow == again
    assert list(fast) == list(slow)


@pytest.mark.parametrize("text", TEXTS)
def test_no_suspect_is_overlooked(text: str) -> None:
    scrubbing = Scrubbing(scrubber(DEFAULT))
    body: dict[str, Any] = {"a": "nothing", "b": text, "c": ["nothing more", text]}
    scrubbing.scrub(body)
    assert body["b"] == body["c"][1] == scrub_text(text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.sampled_from(FORMS).flatmap(lambda form: st.from_regex(form[2], alphabet=ASCII)),
    st.sampled_from(list(Reading)),
)
def test_whatever_has_a_form_is_suspected(text: str, reading: Reading) -> None:
    """The shortest credentials of each form too: what is looked for first is in all of them."""
    scrubbing = Scrubbing(scrubber(DEFAULT))
    read = scrubbing.readers[reading]
    if read(text) != text:
        by_form = reading is Reading.PLACE
        assert 1 in scrubbing.suspicion.among(["nothing", text, "more"], by_form=by_form)


@pytest.mark.parametrize("text", TEXTS)
def test_no_suspect_is_overlooked_in_a_frame(text: str) -> None:
    frame: dict[str, Any] = {
        "file": text,
        "function": text,
        "module": text,
        "code": text,
        "line": 3,
    }
    bodies: list[dict[str, Any]] = [{"frames": [{"file": "x.py"}, dict(frame)]} for _ in range(2)]
    fast, slow = bodies
    Scrubbing(scrubber(DEFAULT)).scrub(fast)
    Scrubbing(scrubber(DEFAULT)).scrub(slow, is_fast=False)
    assert fast == slow


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAMES | LEAVES, max_size=5), st.sampled_from([*POLICIES, LINES]))
def test_frames_are_scrubbed_the_same_fast_and_slow(frames: list[Any], policy: ScrubPolicy) -> None:
    bodies: list[dict[str, Any]] = [{"frames": copy.deepcopy(frames)} for _ in range(3)]
    slow, fast, again = bodies
    scrubbing = Scrubbing(scrubber(policy))
    scrubbing.scrub(slow, is_fast=False)
    scrubbing.scrub(fast)
    scrubbing.scrub(again)
    assert fast == slow == again


@settings(max_examples=150, deadline=None)
@given(BODIES, st.sampled_from(POLICIES))
def test_twice_is_once_and_json_stays_json(body: dict[str, Any], policy: ScrubPolicy) -> None:
    once = scrub_value(body, policy)
    assert scrub_value(once, policy) == once
    assert json.loads(json.dumps(once)) == once


@settings(max_examples=200, deadline=None)
@given(PROSE, st.sampled_from(POLICIES))
def test_a_text_twice_is_once(text: str, policy: ScrubPolicy) -> None:
    once = scrub_text(text, policy)
    assert scrub_text(once, policy) == once


@given(
    st.sampled_from(["password", "apiKey", "X-Auth-Token", "client_secret", "DB_PASSWD"]),
    st.text("abcdefghkmnpqrtuvwyzABCDEFGHKLMN23456789+/_-", min_size=9, max_size=40),
    st.lists(st.sampled_from(["list", "object", "text", "json", "pair", "named"]), max_size=3),
)
def test_a_secret_under_a_telling_key_vanishes(key: str, body: str, around: list[str]) -> None:
    secret = f"Q7{body}7Q"
    value: Any = {key: secret}
    for one in around:
        wrap: dict[str, Callable[[Any], Any]] = {
            "list": lambda inner: [1, inner],
            "object": lambda inner: {"context": inner},
            "text": lambda inner: {"error": f"failed with {inner!r}"},
            "json": json.dumps,
            "pair": lambda inner: [inner, [key, secret]],
            "named": lambda inner: {"more": inner, "name": key, "value": secret},
        }
        value = wrap[one](value)
    assert secret not in json.dumps(scrub_value(value))


def test_order_and_unknown_fields_stay() -> None:
    body: dict[str, Any] = {
        "zeta": 1,
        "token": "x9y8z7",
        "alpha": {"b": None, "a": 2.5},
        "error": "fine",
    }
    scrubbed = scrub_body(copy.deepcopy(body))
    assert scrubbed == {**body, "token": "[scrubbed:token]"}
    assert list(scrubbed) == list(body)


def test_lines_of_source_keep_their_variables() -> None:
    lines = ["password = form.password", 'login(password="hunter2")', "token=token"]
    event: Any = {"exception": {"frames": [{"pre_context": lines, "vars": {"token": "x"}}]}}
    frame = scrub_body(event)["exception"]["frames"][0]  # type: ignore[index, call-overload]
    assert frame == {
        "pre_context": [lines[0], 'login(password="[scrubbed:password]")', lines[2]],
        "vars": {"token": "[scrubbed:token]"},
    }


def test_what_is_too_deep_is_replaced() -> None:
    body: Any = "password=hunter2"
    for _ in range(90):
        body = [body]
    shown = json.dumps(scrub_body({"a": body}))
    assert "hunter2" not in shown
    assert "[scrubbed:depth]" in shown


@pytest.mark.parametrize(
    ("policy", "text", "scrubbed"),
    [
        (DEFAULT, "to ada@shop.example", "to [scrubbed:email]"),
        (ScrubPolicy(emails=Emails.KEEP), "to ada@shop.example", "to ada@shop.example"),
        (DEFAULT, "from 10.1.2.3", "from 10.1.2.3"),
        (ScrubPolicy(addresses=Personal.MASK), "from 10.1.2.3:80", "from [scrubbed:ip]:80"),
        (ScrubPolicy(addresses=Personal.MASK), "at 127.0.0.1", "at 127.0.0.1"),
        (ScrubPolicy(addresses=Personal.MASK), "from fe80::1a2b", "from [scrubbed:ip]"),
        (ScrubPolicy(addresses=Personal.MASK), "at 10:11:12", "at 10:11:12"),
        (ScrubPolicy(keys=("tax_no",)), "taxNo=12-34", "taxNo=[scrubbed:named]"),
        (ScrubPolicy(patterns=("emp-[0-9]{4,8}",)), "by emp-00412", "by [scrubbed:pattern]"),
        (ScrubPolicy(allow=("password",)), "password=hunter2", "password=hunter2"),
        (ScrubPolicy(off=("password",)), "password=hunter2", "password=hunter2"),
        (ScrubPolicy(off=("card",)), "4111111111111111", "4111111111111111"),
    ],
)
def test_a_policy_is_obeyed(policy: ScrubPolicy, text: str, scrubbed: str) -> None:
    assert scrub_text(text, policy) == scrubbed


def test_a_hashed_address_is_the_same_for_the_same_person_and_salt() -> None:
    policy = ScrubPolicy(emails=Emails.HASH, salt="a")
    first = scrub_text("ada@shop.example", policy)
    assert re.fullmatch(r"[0-9a-f]{10}@hashed\.invalid", first)
    assert scrub_text("Ada@Shop.example", policy) == first
    assert scrub_text(first, policy) == first
    assert scrub_text("ada@shop.example", ScrubPolicy(emails=Emails.HASH, salt="b")) != first


def test_telephone_numbers_go_where_the_key_says_so() -> None:
    body: dict[str, Any] = {"phone": "+49 151 00000000", "phone_ok": "yes", "telephone": "none"}
    assert scrub_value(body) == {**body, "phone": "[scrubbed:phone]"}
    assert scrub_value(body, ScrubPolicy(phones=Personal.KEEP)) == body


def test_an_allowed_key_is_left_with_all_below_it() -> None:
    body: dict[str, Any] = {"session": {"token": "x"}, "other": {"token": "x"}}
    scrubbed = scrub_value(body, ScrubPolicy(allow=("session",)))
    assert scrubbed == {"session": {"token": "x"}, "other": {"token": "[scrubbed:token]"}}


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+b", "a*", "a{1,}", "(?=a)b", "(?<=a)b", r"(a)\1", "(?P<x>a)(?P=x)", "(?i)abc"),
        *("(?:a|b{1,3}){1,9}", "[a-z]{1,900}[a-z]{1,900}", "a{2000}", "x?", "(", "[", "a" * 600),
    ],
)
def test_a_pattern_that_could_take_long_is_refused_in_one_sentence(pattern: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ScrubPolicy(patterns=(pattern,))
    assert str(refused.value).startswith("scrub.patterns")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r"emp-[0-9]{4,8}",
        r"\bX[A-Z]{2}\d{6}\b",
        "[]a]{2}",
        r"(?:ab|cd)[\]x]{1,4}?",
        r"(?:\d{4} ){3}",
    ],
)
def test_a_bounded_pattern_is_taken(pattern: str) -> None:
    assert ScrubPolicy(patterns=(pattern,)).patterns == (pattern,)


@pytest.mark.parametrize(
    "given_fields",
    [
        {"emails": "maybe"},
        {"keys": "tax_no"},
        {"keys": ["x"]},
        {"unknown": 1},
        {"salt": 3},
        {"off": [1]},
    ],
)
def test_a_policy_that_cannot_be_used_says_so(given_fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"^scrub\."):
        scrub_policy(given_fields)


def test_plain_texts_make_the_same_policy() -> None:
    policy = scrub_policy({"emails": "keep", "addresses": "mask", "phones": "keep"})
    assert scrub_text("ada@shop.example 10.1.2.3", policy) == "ada@shop.example [scrubbed:ip]"
    assert policy == ScrubPolicy(emails=Emails.KEEP, addresses=Personal.MASK, phones=Personal.KEEP)


def test_a_policy_comes_from_the_environment() -> None:
    assert scrub_policy_from({}) is DEFAULT
    text = '{"emails": "keep", "keys": ["tax_no"]}'
    wanted = ScrubPolicy(emails=Emails.KEEP, keys=("tax_no",))
    assert scrub_policy_from({"MENDWIRE_SCRUB": text}) == wanted
    with pytest.raises(ConfigError, match="MENDWIRE_SCRUB"):
        scrub_policy_from({"MENDWIRE_SCRUB": "emails=keep"})


HOSTILE = [
    *("password=", "password='", 'token="', "a: [password: [", "password: is [", "<token>"),
    *(
        "password",
        "token.",
        "--token ",
        "%22token%22%3A",
        'name="token" value=',
        "Cookie: ",
        "Cookie: '",
    ),
    *(
        "4-",
        "4111 ",
        "DE89 ",
        "-----BEGIN PRIVATE KEY-----",
        "ab://x@",
        "ab://x:y",
        "bearer ",
        "Digest a=",
    ),
    *(
        "eyJaaaaa.",
        "a@b.",
        "a@",
        "\\",
        '\\"',
        'password=\\"',
        "SK",
        "sk-",
        "?sig=",
        "identified by '",
    ),
    *(
        "1.",
        "f:",
        "İ",
        "token: |\n ",
        "(('token', ",
        "xox-",
        " -u a:",
        "&lt;token&gt;",
        "Private-Lines: 1 ",
    ),
]
EVERYTHING = ScrubPolicy(addresses=Personal.MASK, patterns=("[0-9a-f]{4,64}z",))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_time_grows_with_the_text_and_no_faster(hostile: str) -> None:
    """Eight times the text may take sixteen times as long, never the sixty-four of a square."""
    sizes, took = [20_000, 160_000], [0.0]
    for _ in range(3):  # another process may have had the processor
        took = []
        for size in sizes:
            text = hostile * (size // len(hostile))
            started = time.thread_time()
            scrub_text(text, EVERYTHING)
            took.append(max(time.thread_time() - started, 0.002))
        if all(later < 20 * sooner for sooner, later in pairwise(took)):
            return
    pytest.fail(f"{took[1] / took[0]:.0f} times as long for eight times the text")
