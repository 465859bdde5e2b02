"""A message of the task queue, read: what is to be done, by whom, how often it was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from mendwire.errors import ConfigError, InvalidName, Undecodable
from mendwire.model.delivery import Received
from mendwire.model.names import TOKEN, Names
from mendwire.tasks.lanes import ANY, priority, receiver, type_of, word
from mendwire.tasks.turns import PRIORITIES
from mendwire.wire.burial import generation, place

TASK_ID: Final = "Mendwire-Task-Id"
"""The id that we made for a task whose publisher gave none that can be used."""
_RANKED: Final = 3
"""Tokens after ``{ns}.tasks.`` in the subjects that we publish to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What a worker's function is given. All text in it may come from anybody: untrusted."""

    id: str
    type: str
    """The queue that it came by: the token of the subject."""
    kind: str
    """What the body calls its type; mostly the same."""
    priority: str
    description: str
    assigned_to: str
    """An agent or role; empty for any."""
    context: Mapping[str, object]
    deadline: datetime | None
    generation: int = 0
    """How often it was replayed from the dead letters."""

    def is_late(self, now: datetime) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and now >= self.deadline


class _Body(msgspec.Struct, frozen=True):
    task_id: str | int = ""
    type: str = ""
    priority: str | None = ""
    description: str | None = ""
    assigned_to: str | None = ""
    context: object = None
    deadline: str | None = ""


_body = msgspec.json.Decoder(_Body)


def read_task(names: Names, received: Received) -> Task:
    """By subject and body; the subject rules where it has the tokens. Raises Undecodable."""
    try:
        body = _body.decode(received.payload)
    except msgspec.MsgspecError as problem:
        raise Undecodable(f"The message is no task: {problem}.") from None
    tokens = received.ref.subject.removeprefix(f"{names.namespace}.tasks.").split(".")
    try:
        if len(tokens) == _RANKED and tokens[1] in PRIORITIES:
            level, to = tokens[1], tokens[2]
        else:
            level, to = priority(body.priority or "normal"), receiver(body.assigned_to or ANY)
        kind = word(type_of(names, received.ref.subject), "type")
    except InvalidName as problem:
        raise Undecodable(str(problem)) from None
    context = body.context
    if context is None:
        context = {}
    elif not isinstance(context, dict):
        context = {"value": context}
    return Task(
        id=_id(body.task_id, received),
        type=kind,
        kind=body.type or kind,
        priority=level,
        description=body.description or "",
        assigned_to="" if to == ANY else to,
        context=context,
        deadline=moment(body.deadline) if body.deadline else None,
        generation=generation(received),
    )


def moment(text: str) -> datetime:
    """ISO 8601, UTC where it names no zone; raises Undecodable."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Undecodable(f"{text[:40]!r} is no time: write 2026-01-31T09:30:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def task_id(text: str) -> str:
    """Checked as a publisher of ours gives it; raises InvalidName, ConfigError."""
    if not TOKEN.fullmatch(text):
        raise ConfigError(
            f"{text[:40]!r} cannot be the id of a task: letters, digits, '-' and '_'."
        )
    return text


def _id(claimed: str | int, received: Received) -> str:
    """The publisher's id, or one of ours where it may be no token (rules B10)."""
    text = str(claimed)
    given = received.headers.get(TASK_ID, "")
    if not TOKEN.fullmatch(text) and TOKEN.fullmatch(given):
        return given
    if TOKEN.fullmatch(text):
        return text
    return f"t-{sha256((text or place(received.ref)).encode()).hexdigest()[:24]}"
