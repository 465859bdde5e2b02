"""What the pages need from other rooms, handed in by ``app``: the functions of the command line.

``by`` is the person who asks, for those who read a decision later. Every deed is written into the
audit log before it is done, gives one sentence that says what was done, and raises what the
function behind it raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mendwire.docket.cases import Filed
from mendwire.docket.switch import Halt
from mendwire.model.report import Trust
from mendwire.model.screening import Screening
from mendwire.model.standing import Alive, HeldRow, Kept, Queue, Rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """How things stand, as ``mendwire status`` reads it."""

    namespace: str
    server: str
    uptime_s: float | None
    halt: Halt | None
    queues: tuple[Queue, ...]
    services: tuple[Rate, ...]
    workers: tuple[Alive, ...]
    spent_usd: float
    day_usd: float
    used_tokens: int
    day_tokens: int
    """0: no limit."""
    dead: int
    quarantine: int
    now_ns: int
    """This machine's time of reading, nanoseconds since the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRow:
    """One task for agents."""

    task: str
    type: str
    priority: str
    to: str
    state: str
    description: str
    at: str


class Backstage(Protocol):
    """All of it. Every method may raise MendwireError."""

    async def stand(self) -> Stand:
        """How things stand."""
        ...

    async def case(self, wanted: str) -> Filed:
        """A case by its id, its issue or the beginning of either."""
        ...

    async def screened(self, payload: bytes, trust: Trust) -> Screening:
        """What the screen says of a report today."""
        ...

    async def held(self, limit: int) -> Sequence[HeldRow]:
        """The oldest that the screen holds back."""
        ...

    async def kept(self, kind: str, size: int, before: int) -> Sequence[Kept]:
        """The newest of ``RESULTS`` or ``DEAD`` below a sequence (0: of all), newest first."""
        ...

    async def kept_one(self, kind: str, seq: int) -> Kept:
        """One of ``RESULTS``, ``QUARANTINE`` or ``DEAD``, whole."""
        ...

    async def tasks(self, *, with_ended: bool) -> Sequence[TaskRow]:
        """Tasks for agents, those without a result first."""
        ...

    async def task(self, task_id: str) -> Mapping[str, object]:
        """Everything about one."""
        ...

    async def retry(self, by: str, case: str, *, sure: bool) -> str:
        """Let a worker take a case on; who is not ``sure`` gives up no fix that people have."""
        ...

    async def silence(self, by: str, case: str, note: str, seconds: int) -> str:
        """Lay a case aside; 0 seconds: until ``retry``."""
        ...

    async def close(self, by: str, case: str, note: str) -> str:
        """Nothing is to be done about an issue."""
        ...

    async def approve(self, by: str, case: str, note: str) -> str:
        """Lift the restriction of a case: agents read its report."""
        ...

    async def accept(self, by: str, case: str) -> str:
        """Let a proposed fix be handed over."""
        ...

    async def release(self, by: str, seq: int, note: str) -> str:
        """Let a held report through the screen."""
        ...

    async def discard(self, by: str, seq: int, note: str, *, harmless: bool) -> str:
        """Give a held report up."""
        ...

    async def replay(self, by: str, seq: int) -> str:
        """Let a dead letter enter its stream again."""
        ...

    async def remove(self, by: str, seq: int, note: str) -> str:
        """Remove a dead letter for good."""
        ...

    async def cancel(self, by: str, task_id: str, reason: str) -> str:
        """End a task."""
        ...

    async def halt(self, by: str, note: str) -> str:
        """Stop every worker."""
        ...

    async def resume(self, by: str) -> str:
        """Let workers go on."""
        ...
