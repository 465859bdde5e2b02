"""The structured answer in what an agent says in its own words: the last JSON object that fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from mendwire.agents.answers import read_answer
from mendwire.errors import AgentFailed
from mendwire.model.work import AgentAnswer, Role

_TRIED: Final = 200
"""Places where an object may begin that are tried, from the last one backwards."""


def find_answer(role: Role, text: str) -> AgentAnswer:
    """The answer of one role; raises AgentFailed where there is none."""
    problem = AgentFailed("The agent ended without an answer: it said no JSON object.")
    for value in _objects(text):
        try:
            return read_answer(role, value)
        except AgentFailed as failed:
            problem = failed
    raise problem


def _objects(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    end = len(text)
    for _ in range(_TRIED):
        end = text.rfind("{", 0, end)
        if end < 0:
            return
        try:
            yield decoder.raw_decode(text, end)[0]
        except (ValueError, RecursionError):
            continue
