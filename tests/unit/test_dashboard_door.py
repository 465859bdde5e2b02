"""Who comes in at the dashboard, from where, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from mendwire.dashboard.attempts import MOST, MOST_TOGETHER, WINDOW_S, Attempts
from mendwire.dashboard.guard import hosts_of, is_same_origin, name_of
from mendwire.dashboard.people import (
    MOST_SESSIONS,
    Person,
    Role,
    Sessions,
    Tokens,
    checked_token,
    proxy_of,
)
from mendwire.dashboard.site import local
from mendwire.errors import ConfigError
from mendwire.settings.secret import Secret

NOBODY = Secret("")


class Clock:
    """A clock that is set by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ("the-operators-token", Role.OPERATOR),
        ("the-viewers-token--", Role.VIEWER),
        ("the-operators-toke", None),
        ("", None),
        ("\udcff", None),
    ],
)
def test_a_token_lets_in_whose_it_is(given: str, role: Role | None) -> None:
    tokens = Tokens(operator=Secret("the-operators-token"), viewer=Secret("the-viewers-token--"))
    assert tokens.role_of(given) is role


@given(st.text())
def test_without_tokens_no_text_lets_in(given: str) -> None:
    assert Tokens(operator=NOBODY, viewer=NOBODY).role_of(given) is None


@pytest.mark.parametrize("text", ["", "short", "x" * 15, "ключ" * 8, "a" * 20 + "\x00"])
def test_a_token_that_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        checked_token(text, "token.txt")


def test_a_session_ends_with_its_time_and_by_logging_out() -> None:
    clock = Clock()
    sessions = Sessions(lasts_s=60, clock=clock)
    first, second = (sessions.begin("a", Role.VIEWER) for _ in range(2))
    assert sessions.find(first) != sessions.find(second)
    sessions.end(second)
    sessions.end(second)
    assert sessions.find(second) is None
    clock.now += 60
    assert sessions.find(first) is None


def test_sessions_are_bounded_and_the_oldest_makes_room() -> None:
    sessions = Sessions(lasts_s=60)
    cookies = [sessions.begin("a", Role.VIEWER) for _ in range(MOST_SESSIONS + 1)]
    assert sessions.find(cookies[0]) is None
    assert sessions.find(cookies[1]) is not None


def test_a_form_token_is_good_for_its_own_session_alone() -> None:
    sessions = Sessions(lasts_s=60)
    people = [sessions.find(sessions.begin("a", Role.OPERATOR)) for _ in range(2)]
    mine, other = people
    assert mine is not None
    assert other is not None
    assert sessions.is_theirs(mine, sessions.form_token(mine))
    assert not sessions.is_theirs(mine, sessions.form_token(other))
    assert not sessions.is_theirs(mine, "")
    assert not sessions.is_theirs(mine, "é")
    again = Sessions(lasts_s=60)
    assert not again.is_theirs(mine, sessions.form_token(mine)), "a restart seals anew"


def test_wrong_tokens_slow_an_address_down_and_not_others() -> None:
    clock = Clock()
    attempts = Attempts(clock=clock)
    for _ in range(MOST):
        assert attempts.wait_s("10.0.0.1") == 0
        attempts.was_wrong("10.0.0.1")
    assert attempts.wait_s("10.0.0.1") == WINDOW_S
    assert attempts.wait_s("10.0.0.2") == 0
    clock.now += WINDOW_S
    assert attempts.wait_s("10.0.0.1") == 0
    attempts.was_wrong("10.0.0.1")
    attempts.was_right("10.0.0.1")
    assert attempts.wait_s("10.0.0.1") == 0


def test_who_has_many_addresses_is_slowed_down_too_and_nothing_grows() -> None:
    attempts = Attempts(clock=Clock())
    for number in range(MOST_TOGETHER):
        attempts.was_wrong(f"10.0.{number}.1")
    assert attempts.wait_s("10.9.9.9") > 0
    for number in range(5_000):
        attempts.was_wrong(f"address {number}")
    assert len(attempts._by_address) <= 1_024


@pytest.mark.parametrize(
    ("address", "is_peer"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("127.0.0.1", True),
        ("10.2.0.1", False),
        ("192.168.0.1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_rule_b12_only_configured_peers_are_the_proxy(address: str, is_peer: bool) -> None:
    proxy = proxy_of(
        peers=["10.1.0.0/16", "127.0.0.1"], header="X-User", operators=[], viewers=["*"]
    )
    assert proxy.is_peer(address) is is_peer


@pytest.mark.parametrize(
    ("address", "forwarded", "caller"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "1.2.3.4, unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", ",,,", "127.0.0.1"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("", "203.0.113.9", ""),
    ],
)
def test_who_calls_is_told_by_our_proxies_alone(address: str, forwarded: str, caller: str) -> None:
    proxy = proxy_of(
        peers=["10.1.0.0/16", "127.0.0.1"], header="X-User", operators=[], viewers=["*"]
    )
    assert proxy.caller(address, forwarded) == caller


@given(st.text())
def test_whatever_is_forwarded_there_is_a_caller(forwarded: str) -> None:
    proxy = proxy_of(peers=["::1"], header="X-User", operators=[], viewers=["*"])
    assert proxy.caller("::1", forwarded)


@pytest.mark.parametrize(
    ("name", "role"),
    [("ada", Role.OPERATOR), ("bob", Role.VIEWER), ("eve", None), ("", None), ("*", None)],
)
def test_a_proxys_people_have_the_roles_of_the_settings(name: str, role: Role | None) -> None:
    proxy = proxy_of(peers=["::1"], header="X-User", operators=["ada"], viewers=["bob"])
    person = proxy.person(name)
    assert (person.role if person else None) is role


def test_a_name_is_shown_inert_and_bound_as_it_came() -> None:
    proxy = proxy_of(peers=["::1"], header="X-User", operators=[], viewers=["*"])
    person = proxy.person("a\u202eb\x1b[31m")
    assert person == Person(
        name="a\\u202eb\\u001b[31m",
        role=Role.VIEWER,
        key="proxy:a\u202eb\x1b[31m",
        by_proxy=True,
    )


@pytest.mark.parametrize(
    "wrong", [{"peers": ["the proxy"]}, {"peers": ["10.0.0.1"], "header": "X User"}]
)
def test_a_proxy_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"dashboard\.proxy_"):
        proxy_of(**({"header": "X-User", "operators": [], "viewers": []} | wrong))  # type: ignore[arg-type]  # as TOML may have it


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:7391", "localhost"),
        ("LocalHost", "localhost"),
        ("[::1]:7391", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("evil.example:80", "evil.example"),
        ("localhost:7391@evil.example", "localhost:7391@evil.example"),
        ("", ""),
    ],
)
def test_the_name_that_a_browser_asked_for(header: str, name: str) -> None:
    assert name_of(header) == name


def test_names_that_are_served() -> None:
    own = hosts_of(host="127.0.0.1", url="https://Mend.example.org/", further=["other.example"])
    assert own == {"127.0.0.1", "localhost", "::1", "mend.example.org", "other.example"}
    assert hosts_of(host="10.0.0.5", url="", further=()) == {"10.0.0.5"}


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:7391"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://localhost:7391"}, True),
        ({"origin": "http://localhost:7392"}, False),
        ({"origin": "https://mend.example.org"}, True),
        ({"origin": "http://mend.example.org"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({}, False),
    ],
)
def test_rule_b12_forms_come_from_pages_of_ours(headers: dict[str, str], ours: bool) -> None:
    given = Headers({"host": "localhost:7391", **headers})
    assert is_same_origin(given, "https://mend.example.org") is ours


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        ("/cases?q=a", "/cases?q=a"),
        ("//evil.example", "/"),
        ("//[", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("/é", "/"),
        ("", "/"),
    ],
)
def test_after_the_login_one_stays_here(target: str, gone: str) -> None:
    assert local(target) == gone


@given(st.text())
def test_whatever_is_asked_for_one_stays_here(target: str) -> None:
    gone = local(target)
    assert gone.startswith("/")
    assert not gone.startswith(("//", "/\\"))
