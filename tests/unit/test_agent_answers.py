"""Structured answers are read into records, or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.agents.answers import LIST_LIMIT, TEXT_LIMIT, read_answer
from mendwire.agents.schemas import answer_schema
from mendwire.errors import AgentFailed
from mendwire.model.work import AgentAnswer, Role

FINDING: dict[str, Any] = {
    "summary": "s",
    "cause": "c",
    "files": ["a.py"],
    "similar": ["b.py:3 the same"],
    "confidence": 1,
}


def test_a_finding() -> None:
    found = read_answer(Role.RESEARCH, FINDING).finding
    assert found is not None
    assert (found.files, found.similar, found.confidence) == (("a.py",), ("b.py:3 the same",), 1.0)


def test_a_change_with_its_reproduction() -> None:
    written = {"command": ["{python}", "{aux}/r.py"], "files": [{"path": "r.py", "text": "x"}]}
    change = read_answer(Role.IMPLEMENTATION, {"explanation": "e", "reproduction": written})
    assert change.explanation == "e"
    assert change.reproduction is not None
    assert change.reproduction.origin == "written"
    assert change.reproduction.files == (("r.py", "x"),)
    assert read_answer(Role.IMPLEMENTATION, {"explanation": "e"}).reproduction is None
    none = {"explanation": "e", "reproduction": {"command": [], "files": []}}
    assert read_answer(Role.IMPLEMENTATION, none).reproduction is None


def test_long_answers_are_cut() -> None:
    long = {**FINDING, "cause": "x" * 99_999, "files": ["f"] * 999}
    found = read_answer(Role.RESEARCH, long).finding
    assert found is not None
    assert (len(found.cause), len(found.files)) == (TEXT_LIMIT, LIST_LIMIT)


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
def test_files_stay_in_their_folder(path: str) -> None:
    written = {"command": ["x"], "files": [{"path": path, "text": ""}]}
    with pytest.raises(AgentFailed, match="reproduction"):
        read_answer(Role.IMPLEMENTATION, {"explanation": "e", "reproduction": written})


@pytest.mark.parametrize(
    "changes",
    [{"confidence": 2}, {"confidence": True}, {"files": "a"}, {"files": [1]}, {"summary": None}],
)
def test_wrong_shapes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AgentFailed, match="no usable answer"):
        read_answer(Role.RESEARCH, {**FINDING, **changes})


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["explanation", "reproduction", "command", "files", "path", "approved"])
            | st.sampled_from(sorted(FINDING)),
            inner,
        )
    ),
)


@given(role=st.sampled_from(Role), value=JSON)
def test_anything_is_an_answer_or_refused(role: Role, value: object) -> None:
    with suppress(AgentFailed):
        assert isinstance(read_answer(role, value), AgentAnswer)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_closed_schema(role: Role) -> None:
    schema = answer_schema(role)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])  # type: ignore[call-overload]
