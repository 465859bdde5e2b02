"""What Codex says and counts is read with bounds, and cannot stop us."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mendwire.agents.codex.outcome import judge
from mendwire.agents.codex.said import Counts, Heard, Tokens
from mendwire.errors import AgentFailed, ProviderOutage
from mendwire.execution.process import Completed
from mendwire.model.work import Role


def heard(folder: Path) -> Heard:
    return Heard(lambda _kind, _text: None, Counts(folder), lambda: None)


def test_a_pipe_where_the_session_s_file_was_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rollout-1.jsonl")
    one = heard(tmp_path)
    one.hear('{"type": "turn.started"}')
    assert one.tokens == Tokens()


def test_counts_of_the_session_are_read_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "rollout-1.jsonl"
    one = heard(tmp_path)
    usage = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 7}
    told = {"payload": {"type": "token_count", "info": {"total_token_usage": usage}}}
    line = json.dumps(told) + "\n"
    path.write_text(line[:30])
    one.hear('{"type": "turn.started"}')
    assert one.tokens == Tokens()
    path.write_text(line)
    one.hear("no json")
    assert one.tokens == Tokens(read=100, cached=40, written=7)
    assert one.tokens.usd((1.0, 0.1, 10.0)) == (60 + 4 + 70) / 1e6


def test_what_was_tried_again_and_went_well_is_no_failure(tmp_path: Path) -> None:
    one = heard(tmp_path)
    one.hear('{"type": "error", "message": "Reconnecting... 1/3"}')
    assert one.problem
    one.hear('{"type": "turn.completed", "usage": {"input_tokens": 3, "output_tokens": -1}}')
    assert not one.problem
    assert one.tokens == Tokens(read=3)


def ended(exit_code: int = -9, *, timed_out: bool = True) -> Completed:
    return Completed(
        exit_code=exit_code, stdout=b"", stderr=b"", seconds=1.0, timed_out=timed_out, signalled=9
    )


FIRST_WORD = '{"type": "item.completed", "item": {"type": "agent_message", "text": "I look."}}'


@pytest.mark.parametrize(
    "trouble",
    [
        "Reconnecting... 2/5",
        "stream disconnected before completion: idle timeout waiting for SSE",
        "exceeded retry limit, last status: 503 Service Unavailable",
    ],
)
def test_a_provider_that_hangs_after_the_first_word_is_an_outage(
    tmp_path: Path, trouble: str
) -> None:
    one = heard(tmp_path)
    one.hear(FIRST_WORD)
    one.hear(json.dumps({"type": "error", "message": trouble}))
    with pytest.raises(ProviderOutage, match="away") as caught:
        judge(Role.RESEARCH, ended(), one, cost=0.3, limit_s=60.0)
    assert caught.value.cost_usd == 0.3


@pytest.mark.parametrize("kind", ["item.started", "item.updated", "item.completed"])
def test_who_worked_on_after_a_trouble_ran_out_of_time_by_himself(
    tmp_path: Path, kind: str
) -> None:
    one = heard(tmp_path)
    one.hear('{"type": "error", "message": "Reconnecting... 1/3"}')
    one.hear(json.dumps({"type": kind, "item": {"type": "command_execution", "command": "make"}}))
    assert (one.problem, one.tools) == ("", int(kind == "item.started"))
    with pytest.raises(AgentFailed, match="not done after 60 s"):
        judge(Role.RESEARCH, ended(), one, cost=0.0, limit_s=60.0)


def test_a_time_limit_is_not_the_provider_s_for_what_is_the_request_s(tmp_path: Path) -> None:
    one = heard(tmp_path)
    one.hear('{"type": "error", "message": "no such model"}')
    with pytest.raises(AgentFailed, match="not done after"):
        judge(Role.RESEARCH, ended(), one, cost=0.0, limit_s=60.0)


@pytest.mark.parametrize(
    "later",
    [
        {"type": "item.completed", "item": {"type": "error", "message": "something else"}},
        {"type": "item.completed", "item": {"type": "command_execution", "command": "make"}},
    ],
)
def test_a_failed_turn_stays_failed_whatever_is_said_of_its_items(
    tmp_path: Path, later: dict[str, object]
) -> None:
    one = heard(tmp_path)
    one.hear('{"type": "turn.failed", "error": {"message": "503 out of order"}}')
    one.hear(json.dumps(later))
    with pytest.raises(ProviderOutage, match="out of order"):
        judge(Role.RESEARCH, ended(1, timed_out=False), one, cost=0.0, limit_s=60.0)
