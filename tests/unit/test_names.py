"""Names on the wire: what may become a stream, a subject, a key, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import InvalidName
from mendwire.model.names import ENVIRONMENT, NAMESPACE, TOKEN, Names, environment, namespace, token

namespaces = st.from_regex(NAMESPACE, fullmatch=True)
environments = st.from_regex(ENVIRONMENT, fullmatch=True).filter(lambda text: text != "errors")
tokens = st.from_regex(TOKEN, fullmatch=True)


@pytest.mark.parametrize(
    ("written", "read"),
    [("ai_tutor", "ai_tutor"), ("AI_Tutor", "ai_tutor"), (" Shop \n", "shop"), ("a", "a")],
)
def test_a_namespace_is_folded(written: str, read: str) -> None:
    assert namespace(written) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a.b",
        "a.b*",
        "*",
        ">",
        "a>",
        "a b",
        "1a",
        "_a",
        "a-b",
        "ä",
        "a\n b",
        "x" * 33,
        "$JS",
    ],
)
def test_a_namespace_outside_its_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="set NATS_NAMESPACE to a letter"):
        namespace(text)


@pytest.mark.parametrize("text", ["", "pro_duction", "a.b", "*", "1st", "pré", "e" * 33, "errors"])
def test_an_environment_outside_its_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="for example staging"):
        environment(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", "a b", "*", ">", "-a", "_a", "a/b", "é", "x" * 129]
)
def test_a_token_outside_its_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="cannot be part of a subject"):
        token(text)


def checked(check: Callable[[str], str], text: str) -> str | None:
    try:
        return check(text)
    except InvalidName:
        return None


@given(st.text())
def test_whatever_passes_is_plain(text: str) -> None:
    for check, pattern in ((namespace, NAMESPACE), (environment, ENVIRONMENT), (token, TOKEN)):
        passed = checked(check, text)
        assert passed is None or pattern.fullmatch(passed)


def test_the_names_are_those_of_the_wire_contract() -> None:
    names = Names(namespace="ai_tutor")
    assert names.stream("RESULTS") == "AI_TUTOR_RESULTS"
    assert names.error_stream("staging") == "AI_TUTOR_STAGING_ERRORS"
    assert names.error_stream(None) == "AI_TUTOR_ERROR_REPORTS"
    assert names.errors("staging") == "ai_tutor.errors.staging"
    assert names.errors(None) == "ai_tutor.errors"
    assert names.result("fixed", "abc-e1") == "ai_tutor.results.fixed.abc-e1"
    assert names.progress("abc-e1") == "ai_tutor.investigation.status.abc-e1"
    assert names.rejected() == "ai_tutor.security.rejected"
    assert names.message_id("staging", "abc") == "ai_tutor-staging-abc"


@given(namespaces, environments | st.none(), namespaces, environments | st.none())
def test_rule_b13_two_namespaces_never_meet_in_a_stream(
    one: str, env: str | None, other: str, another: str | None
) -> None:
    same = (one, env) == (other, another)
    streams = Names(namespace=one).error_stream(env), Names(namespace=other).error_stream(another)
    assert (streams[0] == streams[1]) is same


@given(namespaces, environments | st.none(), tokens, tokens)
def test_every_subject_is_literal_and_inside_its_namespace(
    name: str, env: str | None, verdict: str, case_id: str
) -> None:
    names = Names(namespace=name)
    subjects = (
        names.errors(env),
        names.result(verdict, case_id),
        names.progress(case_id),
        names.rejected(),
        names.quarantine(env),
        names.dead(case_id),
        names.occurrences(case_id),
    )
    for subject in subjects:
        assert subject.startswith(f"{name}.")
        assert re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", subject)


@pytest.mark.parametrize("bad", ["a.b", "*", "a b", ""])
def test_rule_b10_what_is_no_token_never_reaches_a_subject(bad: str) -> None:
    names = Names(namespace="shop")
    for build in (names.progress, names.dead, names.occurrences):
        with pytest.raises(InvalidName):
            build(bad)
    with pytest.raises(InvalidName):
        names.result("fixed", bad)
    with pytest.raises(InvalidName):
        names.result(bad, "c")
