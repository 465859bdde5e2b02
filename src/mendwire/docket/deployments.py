"""What runs where, and which service was heard from, beside the cases.

    deploy.<environment>.<service>  the last deployments, newest last
    heard.<environment>.<service>   when a report of the newest release or a later one last came

A service's name is free text and becomes a hash in a key (rules B10).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from mendwire.errors import ConfigError, Conflict
from mendwire.model.codec import decode_as, encode
from mendwire.model.deployment import Deployment, order_of, whole
from mendwire.wire.bus import Bucket

KEPT: Final = 200
"""Deployments of one service that are remembered."""
HEAR_EVERY_S: Final = 60.0
_MOST_SPEAKERS: Final = 10_000
_Known = tuple[Deployment, ...]


@dataclass(kw_only=True, slots=True)
class Deployments:
    """Of one namespace."""

    bucket: Bucket
    _heard: dict[tuple[str, str, str], float] = field(default_factory=dict)

    async def of(self, environment: str, service: str) -> _Known:
        """Oldest first."""
        entry = await self.bucket.get(_key("deploy", environment, service))
        return () if entry is None else decode_as(_Known, entry.value)

    async def all(self) -> AsyncIterator[Deployment]:
        """Every one that is remembered."""
        async for entry in self.bucket.scan("deploy"):
            for known in decode_as(_Known, entry.value):
                yield known

    async def add(self, environment: str, service: str, release: str, commit: str) -> Deployment:
        """File one; the same one twice in a row is one. Raises ConfigError.

        A release that ran from another commit is refused: then nobody could say what it has.
        """
        key = _key("deploy", environment, service)
        while True:
            entry = await self.bucket.get(key)
            known = () if entry is None else decode_as(_Known, entry.value)
            if known and (known[-1].release, known[-1].commit) == (release, commit):
                return known[-1]
            other = next((d for d in known if d.release == release and d.commit != commit), None)
            if other is not None:
                raise ConfigError(
                    f"Release {release[:60]} was deployed from commit {other.commit[:12]} before, "
                    f"not {commit[:12]}: give each build a release of its own."
                )
            new = Deployment(
                environment=environment,
                service=service,
                release=release,
                commit=commit,
                order=known[-1].order + 1 if known else 1,
                at_ns=time.time_ns(),
            )
            value = encode((*known, new)[-KEPT:])
            try:
                if entry is None:
                    await self.bucket.create(key, value)
                else:
                    await self.bucket.update(key, value, entry.revision)
            except Conflict:
                continue
            return new

    async def hear(
        self, environment: str, service: str, release: str, repository: str = ""
    ) -> bool:
        """Note that a service speaks, if its newest release does; once a minute for each release.

        Only what a trusted source says counts (rules A12, B2): the caller sees to that. Whether
        anything was noted now.
        """
        noted = False
        speaker = (environment, service, release)  # an old release must not drown the new one
        now = time.monotonic()
        if now - self._heard.get(speaker, -HEAR_EVERY_S) < HEAR_EVERY_S:
            return False
        for place in dict.fromkeys((service, "", whole(repository))):  # or told for all at once
            known = await self.of(environment, place)
            if known and order_of(known, release) == known[-1].order:
                await self.bucket.put(_key("heard", environment, place), b"%d" % time.time_ns())
                noted = True
        if len(self._heard) >= _MOST_SPEAKERS:
            self._heard.clear()  # publishers choose the names
        self._heard[speaker] = now
        return noted

    async def heard(self, environment: str, service: str) -> int:
        """When it last was heard from, nanoseconds since the epoch; 0 for never."""
        entry = await self.bucket.get(_key("heard", environment, service))
        return 0 if entry is None else int(entry.value)


def _key(kind: str, environment: str, service: str) -> str:
    name = sha256(service.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{kind}.{environment or '-'}.{name}"
