"""What Codex says and counts is read with bounds, and cannot stop us."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mendwire.agents.codex.said import Counts, Heard, Tokens


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
