"""Secrets leave no process: real formats, by name and by form."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.model.report import parse_report
from mendwire.model.scrub import SHORTEST_FORM, find_secret, scrub_report, scrub_text, scrub_value
from mendwire.model.signature import signature

BASIC = base64.b64encode(b"ada:lovelace").decode()
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB-AAK\nabc\n-----END RSA PRIVATE KEY-----"
# Written in halves, so that no scanner takes this file for a leak.
FORMS = {
    "AKIA" + "IOSFODNN7EXAMPLE": "aws_key",
    "ghp_" + "a1B2" * 9: "github_token",
    "github_pat_" + "11AAAA" * 6: "github_token",
    "glpat-" + "x9Yz" * 5: "gitlab_token",
    "xoxb-" + "123456789012-abcdefABCDEF": "slack_token",
    "https://hooks.slack.com/services/" + "T000/B000/XXXX": "slack_token",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc": "stripe_key",
    "AIza" + "SyA1234567890abcdefghijklmnopqrstuv": "google_key",
    "sk-ant-" + "api03-abcdefghijkl": "anthropic_key",
    "sk-proj-" + "abcdefghijklmnopqrstuvwx": "openai_key",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.abc-_123": "jwt",
    "SU" + "ACZX7" * 11 + "A": "nats_seed",
    KEY: "private_key",
    f"Basic {BASIC}": "authorization",
    "Bearer " + "abc123.def-456_ghi789jkl": "authorization",
    "postgres://ada:lovelace@db.example/shop": "userinfo",
}
NAMED = [
    "password=hunter2",
    "password: hunter2",
    'DB_PASSWORD="hunter2"',
    "{'password': 'hunter2 with spaces'}",
    '{\\"password\\": \\"hunter2\\"}',
    "https://h/x?a=1&api_key=hunter2&b=2",
    "https://h/x?access_token=hunter2#frag",
    "client_secret=hunter2",
    "X-Api-Key: hunter2",
    "Authorization: Custom hunter2",
    "Cookie: sid=hunter2; other=hunter2",
    "mysql --password hunter2 -h db",
    "aws_secret_access_key = hunter2",
    'os.environ["STRIPE_SECRET"] = "hunter2"',
]


@pytest.mark.parametrize(("secret", "kind"), FORMS.items())
def test_every_known_form_is_replaced_and_named(secret: str, kind: str) -> None:
    for text in (secret, f"failed with {secret} today", f'"{secret}",', f"x={secret}"):
        scrubbed = scrub_text(text)
        assert "[scrubbed:" in scrubbed
        body = secret.removeprefix("https://").removeprefix("postgres://").split("@", maxsplit=1)[0]
        assert body.rpartition(" ")[2][-12:] not in scrubbed
        assert scrub_text(scrubbed) == scrubbed
    assert find_secret(f"say {secret}") == kind


@pytest.mark.parametrize("text", NAMED)
def test_values_under_telling_names_are_replaced(text: str) -> None:
    scrubbed = scrub_text(text)
    assert "hunter2" not in scrubbed
    assert "[scrubbed:" in scrubbed
    assert scrub_text(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'password'",
        "InvalidToken: expired for user 12",
        "Unexpected token < in JSON at position 0",
        "Basic authentication failed",
        "app/token.rb:12:in `check'",
        'File "/app/auth/password.py", line 3, in reset_password',
        "at shop.Token.check(Token.java:12)",
        "max_tokens=100",
        "token=None",
        "ssh://git@github.example/x",
        "order 1764000000000 is late",
        "card 4111 1111 1111 1112 refused",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub_text(text) == text


def test_card_numbers_are_known_by_their_checksum() -> None:
    assert scrub_text("card 4111 1111 1111 1111 refused") == "card [scrubbed:card] refused"
    assert scrub_value({"number": 4111111111111111}) == {"number": "[scrubbed:card]"}


def test_values_by_the_name_of_their_key() -> None:
    value: Any = {
        "user": "ada",
        "Password": "x",
        "apiKey": ["a", "b"],
        "session": "abc",
        "session_id": "sess_456",
        "empty_token": "",
        "has_token": True,
        "headers": [["Authorization", "x"], ["Accept", "y"]],
        "pairs": [{"name": "Cookie", "value": "x"}],
        "deep": {"db": {"passwd": 3}},
    }
    assert scrub_value(value) == {
        "user": "ada",
        "Password": "[scrubbed:password]",
        "apiKey": "[scrubbed:api_key]",
        "session": "[scrubbed:session]",
        "session_id": "sess_456",
        "empty_token": "",
        "has_token": True,
        "headers": [["Authorization", "[scrubbed:authorization]"], ["Accept", "y"]],
        "pairs": [{"name": "Cookie", "value": "[scrubbed:cookie]"}],
        "deep": {"db": {"passwd": "[scrubbed:password]"}},
    }


def test_a_report_keeps_its_fields_their_order_and_its_frames() -> None:
    body = {
        "zeta": {"token": "abc"},
        "error": "ValueError: password=hunter2",
        "type": "app.errors.InvalidToken",
        "frames": [
            {
                "file": "app/token.py",
                "function": "Token.check",
                "line": 3,
                "arguments": {"password": "hunter2"},
                "code": 'login("ada", password="hunter2")',
            }
        ],
        "context": {"user_agent": "x", "cookies": {"a": "hunter2"}},
        "alpha": 1,
    }
    scrubbed = scrub_report(json.dumps(body).encode())
    found = json.loads(scrubbed)
    assert b"hunter2" not in scrubbed
    assert list(found) == list(body)
    assert found["type"] == body["type"]
    frame = found["frames"][0]
    assert (frame["file"], frame["function"], frame["line"]) == ("app/token.py", "Token.check", 3)
    assert scrub_report(scrubbed) == scrubbed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["password", "token", "name", "value", "a"]) | st.text(max_size=9),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_twice_is_once(value: Any) -> None:
    once = scrub_value(value)
    assert scrub_value(once) == once
    json.dumps(once)


@given(
    st.text(alphabet=st.sampled_from(list("passwordtokenkey=:\"'{}[]&?/@-. \\\n4")), max_size=80)
)
def test_text_twice_is_once(text: str) -> None:
    once = scrub_text(text)
    assert scrub_text(once) == once


def test_a_scrubbed_report_has_the_same_signature_again() -> None:
    body = {"error": "E: password=a1b2", "stack": "at f (app.js:3:1)\npassword=a1b2"}
    once = scrub_report(json.dumps(body).encode())
    keys = {
        signature(parse_report(one), namespace="n", environment="e")
        for one in (once, scrub_report(once))
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password()",
        "token: str = field(default='')",
        'password = "${DB_PASSWORD}"',
        'api_key="your-example-key-1"',
        "def login(user, password):",
    ],
)
def test_source_code_that_only_names_secrets_may_go_out(text: str) -> None:
    assert find_secret(text) is None


def test_a_literal_in_source_code_may_not_go_out() -> None:
    assert find_secret('password = "tr0ub4dor3"') == "password"


@pytest.mark.parametrize(
    "hostile",
    [
        "password=" * 30_000,
        "password='" * 30_000,
        "4-" * 150_000,
        "-----BEGIN PRIVATE KEY-----" * 10_000,
        "ab://x@" * 40_000,
        "bearer " * 40_000,
        "eyJaaaaa." * 30_000,
    ],
)
def test_a_hostile_text_takes_time_in_proportion(hostile: str) -> None:
    started = time.process_time()
    scrub_text(hostile)
    find_secret(hostile)
    assert time.process_time() - started < 4


@given(st.text(max_size=SHORTEST_FORM - 1) | st.text("0123456789 -", max_size=SHORTEST_FORM - 1))
def test_no_form_is_shorter_than_the_shortest(text: str) -> None:
    spaces = " " * SHORTEST_FORM
    assert scrub_text(f"{text}{spaces}") == f"{scrub_text(text)}{spaces}"
