"""What one request brought, as every reader of bodies hands it over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.delivery import Fate
from mendwire.gateway.parcels import Body
from mendwire.gateway.tally import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A request before its body."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    """Names in lower case."""
    query: bytes
    project: str = ""
    """From the path; empty where the path has none."""

    def header(self, name: bytes) -> str:
        """A header's text, or an empty one."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Discarded:
    """What a client says it threw away."""

    reason: str
    category: str
    quantity: int


@dataclass(slots=True)
class Haul:
    """Reports, and what else there was."""

    bodies: list[Body | Undecodable] = field(default_factory=list)
    """In their order; an error stands where something was no report."""
    id: str = ""
    """Names the event in the answer."""
    ignored: dict[str, int] = field(default_factory=dict)
    """Kind of item -> how many were accepted and not used."""
    discarded: list[Discarded] = field(default_factory=list)

    async def deliver(
        self,
        sender: str,  # noqa: ARG002 - for readers that know a report again by who sent it
        place: int,  # noqa: ARG002 - the same, by which it was
        send: Callable[[], Awaitable[Result]],
    ) -> Result:
        """Deliver the body at ``place``, which the key ``sender`` brought, by calling ``send``."""
        return await send()


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one body: ``fate`` with ``kind``, or ``problem``."""

    fate: Fate | None = None
    kind: Kind | None = None
    problem: Refused | Undecodable | None = None


class Reader(Protocol):
    """Takes a body piece by piece; ``held`` is what it keeps in memory, bytes."""

    @property
    def held(self) -> int: ...

    def feed(self, data: bytes) -> None:
        """Raises Refused."""
        ...

    def finish(self) -> Haul:
        """Raises Refused, Undecodable."""
        ...


class Whole:
    """A reader that collects the body and hands it to ``parse`` at the end."""

    def __init__(self, parse: Callable[[bytes], Haul], largest: int) -> None:
        self._parse = parse
        self._largest = largest
        self._buffer = bytearray()

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self._largest:
            raise Refused(
                f"The body has more than {self._largest} bytes.", status=413, reason="too_large"
            )

    def finish(self) -> Haul:
        return self._parse(bytes(self._buffer))
