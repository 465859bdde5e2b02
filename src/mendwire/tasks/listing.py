"""How tasks stand, for people: open ones, ended ones, one whole."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Final

from mendwire.errors import ConfigError
from mendwire.model.bodies import Progress
from mendwire.model.codec import encode
from mendwire.tasks.outcomes import Ended
from mendwire.tasks.queue import TaskQueue, Waiting

_LOOKED_UP: Final = 200
"""Open tasks whose last word is asked for; of the others only what the queue itself says."""


async def listing(queue: TaskQueue, *, with_ended: bool) -> list[dict[str, object]]:
    """A row for each task; those without a result first."""
    waiting = await queue.waiting()
    known = waiting[:_LOOKED_UP]
    told = await asyncio.gather(*(queue.outcomes.progress(one.task.id) for one in known))
    words: list[Progress | None] = [*told, *[None] * (len(waiting) - len(told))]
    rows = [_open_row(one, word) for one, word in zip(waiting, words, strict=True)]
    return rows + ([_ended_row(one) for one in await queue.ended()] if with_ended else [])


async def standing(queue: TaskQueue, task_id: str) -> dict[str, object]:
    """Everything about one task; raises ConfigError where there is none."""
    found = next((one for one in await queue.waiting() if one.task.id == task_id), None)
    progress = await queue.progress(task_id)
    ended = await queue.result(task_id)
    if found is None and ended is None and progress is None:
        raise ConfigError(f"There is no task {task_id[:130]}: see mendwire tasks list --all.")
    row: dict[str, object] = {"task": task_id}
    if found is not None:
        row |= _open_row(found, progress)
        row["context"] = dict(found.task.context)
        row["deadline"] = found.task.deadline.isoformat() if found.task.deadline else ""
        if found.trial is not None:
            row["attempts"] = found.trial.attempts
            row["error"] = found.trial.error
    if progress is not None:
        row["progress"] = json.loads(encode(progress))
    if ended is not None:
        row |= {"state": ended.end} if found is None else {}
        row["result"] = json.loads(encode(ended.result))
    return row


def _open_row(one: Waiting, word: Progress | None) -> dict[str, object]:
    task = one.task
    return {
        "task": task.id,
        "type": task.type,
        "priority": task.priority,
        "to": task.assigned_to,
        "state": _state(one, word),
        "description": task.description,
        "at": _iso(one.at_ns) if one.at_ns else "",
    }


def _state(one: Waiting, word: Progress | None) -> str:
    if one.due is not None:
        return f"delayed until {one.due.isoformat(timespec='seconds')}"
    trial = one.trial
    if trial is not None and trial.holder:
        return f"held by {trial.holder} until {_iso(trial.until_ns)}"
    if trial is not None and trial.attempts:
        return f"tried {trial.attempts} times"
    return f"runs at {word.agent}" if word is not None and word.agent else "waiting"


def _ended_row(one: Ended) -> dict[str, object]:
    return {
        "task": one.result.task_id,
        "type": "",
        "priority": "",
        "to": one.result.agent,
        "state": one.end,
        "description": one.result.solution,
        "at": _iso(one.at_ns),
    }


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).isoformat(timespec="seconds")
