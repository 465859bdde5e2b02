"""What a command that plays an agent says, and what its end means."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.agents.command.outcome import judge
from mendwire.agents.command.said import ANSWER_LIMIT, Heard
from mendwire.errors import AgentError, AgentFailed, ConfigError, OverBudget, ProviderOutage
from mendwire.execution.process import Completed
from mendwire.model.work import Role
from mendwire.settings.config import read_config

APPROVED = {"approved": True, "comments": "Fine."}


def heard(*lines: object) -> Heard:
    told = Heard(lambda _kind, _text: None)
    for line in lines:
        told.hear(line if isinstance(line, str) else json.dumps(line))
    return told


def ended(exit_code: int = 0, *, timed_out: bool = False, stderr: str = "") -> Completed:
    return Completed(
        exit_code=exit_code,
        stdout=b"",
        stderr=stderr.encode(),
        seconds=1.0,
        timed_out=timed_out,
        signalled=max(-exit_code, 0),
    )


def test_the_last_answer_counts_and_talk_does_not() -> None:
    told = heard(
        "Thinking ...",
        {"answer": {"approved": False, "comments": "No."}},
        {"say": "looking again", "cost_usd": 0.5, "turns": 2, "tokens": 900},
        {"answer": APPROVED, "cost_usd": 0.25, "turns": 3},
        "{broken",
    )
    answer = judge(Role.REVIEW, ended(), told, limit_s=9)
    assert answer.review is not None
    assert answer.review.approved
    assert (answer.cost_usd, answer.turns) == (0.5, 3), "no line gives money back"
    assert told.tokens == 900
    assert answer.log == "Thinking ...\nlooking again"


@pytest.mark.parametrize(
    ("done", "lines", "kind", "words"),
    [
        (ended(), [], AgentFailed, "no line of it was a JSON object"),
        (ended(), ["{broken"], AgentFailed, "the bytes are no errandreply"),
        (ended(), [{"answer": [1]}], AgentFailed, "errandreply"),
        (ended(), [{"answer": {"approved": "yes"}}], AgentFailed, "'approved' is not true"),
        (ended(3, stderr="no luck\n"), [{"answer": APPROVED}], AgentFailed, "with 3: no luck."),
        (ended(-9), [{"answer": APPROVED}], AgentFailed, "signal 9"),
        (ended(timed_out=True), [{"answer": APPROVED}], AgentFailed, "not done after 9 s"),
        (ended(75, stderr="503"), [], ProviderOutage, "exit code 75"),
        (ended(1), [{"error": "529", "reason": "outage"}], ProviderOutage, "away (529)."),
        (
            ended(),
            [{"error": "spent", "reason": "over_budget"}],
            OverBudget,
            "limit of money or tokens",
        ),
        (ended(), [{"error": "odd\x1b[2J", "reason": "?"}], AgentFailed, "failed: odd"),
    ],
)
def test_every_other_end_is_one_sentence(
    done: Completed, lines: list[object], kind: type[AgentError], words: str
) -> None:
    told = heard({"cost_usd": 0.125}, *lines)
    with pytest.raises(kind) as problem:
        judge(Role.REVIEW, done, told, limit_s=9)
    assert type(problem.value) is kind
    assert words.lower() in str(problem.value).lower()
    assert problem.value.cost_usd == 0.125
    assert "\x1b" not in str(problem.value)


@pytest.mark.parametrize(("wish", "kept"), [(60.0, 60.0), (-1.0, None), (1e9, None)])
def test_the_providers_wish_is_kept_where_it_makes_sense(wish: float, kept: float | None) -> None:
    told = heard({"error": "429", "reason": "outage", "retry_after_s": wish})
    with pytest.raises(ProviderOutage) as problem:
        judge(Role.REVIEW, ended(), told, limit_s=9)
    assert problem.value.retry_after_s == kept


@given(st.lists(st.text() | st.dictionaries(st.text(), st.integers() | st.text()), max_size=4))
def test_whatever_is_said_is_survived(lines: list[Any]) -> None:
    told = heard(*lines, "[" * 100_000, '{"answer":' * 50_000, '{"cost_usd": 1e999}')
    assert told.cost_usd < 1e300
    with pytest.raises(AgentError):
        judge(Role.RESEARCH, ended(), told, limit_s=9)


def read(path: Path) -> Heard:
    told = heard()
    told.read_file(path)
    return told


def test_the_answers_file_is_read_with_bounds(tmp_path: Path) -> None:
    path, secret = tmp_path / "answer.json", tmp_path / "secret"
    secret.write_text(json.dumps({"answer": APPROVED}))
    assert read(path).problem == ""
    path.symlink_to(secret)
    assert read(path).problem == "its answer file cannot be opened"
    path.unlink()
    os.mkfifo(path)
    assert read(path).problem == "its answer file is no plain file"
    path.unlink()
    path.write_bytes(b"{" + b" " * ANSWER_LIMIT)
    assert "longer than" in read(path).problem
    path.write_text(json.dumps({"answer": APPROVED}))
    assert read(path).reply is not None


def test_a_command_must_be_named(tmp_path: Path) -> None:
    file = tmp_path / "mendwire.toml"
    file.write_text('[agent]\nkind = "rollback"\n[agent.roles.review]\nkind = "command"\n')
    with pytest.raises(ConfigError, match=r'agent\.roles\.review.*needs command = \["program"'):
        read_config(file, tmp_path)
    file.write_text('[agent.roles.review]\nkind = "command"\ncommand = ["my-reviewer"]\n')
    chosen = read_config(file, tmp_path).agent
    assert chosen.kind == "auto"
    assert chosen.roles.review is not None
    assert chosen.roles.research is None
