"""The bus: publishing, buckets and settling, as the rooms see them; nothing of nats-py leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from mendwire.model.delivery import MessageRef, Received
from mendwire.wire.ack import Ack

__all__ = ["Ack", "Bucket", "Bus", "Entry", "Hear"]


Hear = Callable[[str, bytes, Mapping[str, str]], None]
"""Called with subject, payload and headers of what was published; must be quick."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One key of a bucket."""

    key: str
    value: bytes
    revision: int
    created_ns: int
    """Server time of this revision, nanoseconds since the epoch."""


class Bucket(Protocol):
    """A key-value bucket with compare-and-set. Keys are tokens joined by dots."""

    async def get(self, key: str) -> Entry | None:
        """The latest revision, or None when absent or deleted."""
        ...

    async def create(self, key: str, value: bytes) -> int:
        """Store if absent (or deleted); the new revision. Raises Conflict."""
        ...

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Store if ``revision`` is still the latest; the new revision. Raises Conflict."""
        ...

    async def put(self, key: str, value: bytes) -> int:
        """Store whatever was there; the new revision."""
        ...

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Delete, if ``revision`` (when given) is still the latest. Raises Conflict."""
        ...

    def scan(self, prefix: str, *, after: int = 0) -> AsyncIterator[Entry]:
        """Every live key under ``prefix.``, values included, in order of revision.

        With ``after`` those alone that changed after that revision.
        """
        ...


class Bus(Protocol):
    """One connection to one namespace."""

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        headers: Mapping[str, str] | None = None,
        expected_last_subject_seq: int | None = None,
    ) -> Ack:
        """Publish and wait until it is stored.

        Raises Conflict (expected_last_subject_seq), StreamFull, AccessRefused, Unreachable.
        """
        ...

    async def tell(self, subject: str, payload: bytes) -> None:
        """Publish without waiting for storage: progress, counts, whatever may be lost."""
        ...

    def hearing(
        self, subjects: Sequence[str], queue: str, hear: Hear
    ) -> AbstractAsyncContextManager[None]:
        """While it is entered, ``hear`` gets what is published, stored or not, at most once.

        Members of one ``queue`` share it. What comes too fast, or while the connection is away,
        is missed; where the server refuses the subscription nothing is heard.
        """
        ...

    def bucket(self, name: str) -> Bucket:
        """A bucket of the topology by its full name, e.g. ``AI_TUTOR_DOCKET``."""
        ...

    async def settle(self, ref: MessageRef) -> bool:
        """Remove a handled message for good, from any process; False if it was gone already.

        A double ack on the stored reply subject when the stream is still the one it was; without
        a reply, deletion by sequence after the payload's sha256 was compared (rules A4, A6).
        """
        ...

    def walk(
        self, stream: str, limit: int, last: int, *, first: int = 1
    ) -> AsyncIterator[Received]:
        """Stored messages from sequence ``first`` to ``last``, oldest first, at most ``limit``."""
        ...

    async def peek(self, stream: str, seq: int) -> Received | None:
        """The message at ``seq`` without taking it, or None."""
        ...

    async def pending(self, stream: str) -> tuple[int, ...]:
        """Sequences that were handed to the stream's ``claude-error-fixer`` and still exist."""
        ...
