"""What all requests of one gateway share, and the way of a body through it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from mendwire.errors import MendwireError, Refused, Undecodable
from mendwire.gateway.credentials import secret_in
from mendwire.gateway.delivery import Delivery
from mendwire.gateway.haul import Discarded, Haul, Head, Result
from mendwire.gateway.keyring import KeyRing
from mendwire.gateway.keys import Key
from mendwire.gateway.memory import Memory, own_memory
from mendwire.gateway.parcels import Body, Parcel, parcel
from mendwire.gateway.quota import Meters
from mendwire.gateway.tally import Kind
from mendwire.gateway.totals import Figures as Totalled
from mendwire.gateway.totals import Totals
from mendwire.model.scrub import DEFAULT, ScrubPolicy
from mendwire.telemetry import emit

MOST_REPORTS: Final = 2_000
"""Reports of one request."""
MOST_NAMES: Final = 100
_NAME: Final = re.compile(r"[\w./-]{1,80}", re.ASCII)
TELL_EVERY_S: Final = 10.0
DISCARDED: Final = "discarded-"
"""Stands before the reason where an issue's key would, in the counts of what clients threw away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one request may weigh, bytes."""

    max_event: int
    max_body: int
    max_inflated: int
    in_flight: int
    """Of all requests together."""
    read_s: float = 30.0
    """Seconds in which a body must have arrived."""


@dataclass(slots=True)
class Figures:
    """Counted since the start."""

    requests: int = 0
    reports: int = 0
    bytes: int = 0
    """Decompressed."""
    refused: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    discarded: Counter[str] = field(default_factory=Counter)
    """By ``category/reason``, as clients say."""

    def count(self, counter: Counter[str], name: str, count: int = 1) -> None:
        """Under ``name`` where that is one; clients may make up no more than ``MOST_NAMES``."""
        is_name = name in counter or (len(counter) < MOST_NAMES and _NAME.fullmatch(name))
        counter[name if is_name else "other"] += count


class Budget:
    """Bytes that are held for requests that wait for their answer."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def hold(self, count: int) -> None:
        """Raises Refused (503) when there is no room: the client keeps it and comes again."""
        if self.held + count > self._limit:
            raise Refused(
                "The gateway is busy; send it again.",
                status=503,
                reason="busy",
                retry_after_s=5,
            )
        self.held += count

    def release(self, count: int) -> None:
        """The request is answered."""
        self.held -= count


class Station:
    """Authenticates, meters and delivers."""

    def __init__(
        self,
        *,
        ring: KeyRing,
        meters: Meters,
        delivery: Delivery,
        bounds: Bounds,
        scrub: ScrubPolicy = DEFAULT,
        memory: Memory | None = None,
    ) -> None:
        self.ring = ring
        self.meters = meters
        self.delivery = delivery
        self.bounds = bounds
        self.scrub = scrub
        self.budget = Budget(bounds.in_flight)
        self.figures = Figures()
        self.memory = memory or own_memory()
        """What the processes of this gateway share."""
        self.totals = Totals(self.memory, self._counted)
        self._untold: Counter[str] = Counter()

    def authenticate(self, head: Head) -> Key:
        """The key that the request carries; raises Refused (401, 403)."""
        key = self.ring.find(secret_in(head.headers, head.query))
        if key is None:
            raise Refused(
                "The key is unknown or was revoked: see mendwire gateway keys list.",
                status=401,
                reason="unknown_key",
            )
        if head.project and head.project != str(key.project):
            raise Refused(
                "The key belongs to another project: use the whole DSN.",
                status=403,
                reason="wrong_project",
            )
        if not key.allows_origin(head.header(b"origin")):
            raise Refused(
                "The key may not be used from pages of this origin.",
                status=403,
                reason="origin",
            )
        return key

    def refuse(self, reason: str) -> None:
        """Count a refusal."""
        self.figures.refused[reason] += 1
        self._untold[reason] += 1

    async def tell_refusals(self) -> None:
        """Say every few seconds what was refused, until cancelled."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            for reason, count in self._untold.items():
                emit("gateway.refused", reason=reason, count=count)
            self._untold.clear()

    async def take(self, key: Key, haul: Haul) -> list[Result]:
        """Deliver every body; the results stand in the bodies' order."""
        if len(haul.bodies) > MOST_REPORTS:
            raise Refused(
                f"More than {MOST_REPORTS} reports in one request.", status=413, reason="too_large"
            )
        for name, count in haul.ignored.items():
            self.figures.count(self.figures.ignored, name, count)
        self._note(haul.discarded, key)
        if len(haul.bodies) == 1:
            return [await self._deliver(haul, 0, key)]
        return await self._several(haul, key)

    async def _deliver(self, haul: Haul, place: int, key: Key) -> Result:
        body = haul.bodies[place]
        return await haul.deliver(key.id, place, lambda: self._one(body, key))

    async def _several(self, haul: Haul, key: Key) -> list[Result]:
        tasks = []
        for place in range(len(haul.bodies)):
            tasks.append(asyncio.ensure_future(self._deliver(haul, place, key)))
            await asyncio.sleep(0)  # keying is work: other requests have their turn in between
        return list(await asyncio.gather(*tasks))

    async def _one(self, body: Body | Undecodable, key: Key) -> Result:
        if isinstance(body, Undecodable):
            return Result(problem=body)
        try:
            self.meters.take_event(key)
            made = self._made(body, key)
            fate = await self.delivery.take(made)
        except (Refused, Undecodable) as problem:
            return Result(problem=problem)
        except MendwireError as problem:
            refusal = Refused(str(problem), status=503, reason="not_stored", retry_after_s=60)
            return Result(problem=refusal)
        self.figures.reports += 1
        return Result(fate=fate, kind=made.kind)

    def _made(self, body: Body, key: Key) -> Parcel:
        made = parcel(body, key, self.delivery.names, self.delivery.max_payload, self.scrub)
        if not self.delivery.knows(made):
            self.meters.take_signature(key)
        return made

    def _counted(self) -> Totalled:
        figures, delivery = self.figures, self.delivery
        return Totalled(
            counted={
                "requests": figures.requests,
                "reports": figures.reports,
                "bytes": figures.bytes,
                **asdict(delivery.figures),
            },
            detailed={
                "refused": dict(figures.refused),
                "ignored": dict(figures.ignored),
                "discarded": dict(figures.discarded),
            },
            now={
                "repeats_untold": delivery.tally.waiting(),
                "spooled_bytes": delivery.spooled_bytes,
                "in_flight_bytes": self.budget.held,
            },
            connected=delivery.is_connected,
        )

    def _note(self, discarded: Sequence[Discarded], key: Key) -> None:
        """What clients threw away is counted, errors also where occurrences are."""
        for item in discarded:
            what = f"{item.category}/{item.reason}"
            self.figures.count(self.figures.discarded, what, item.quantity)
            if item.category == "error" and item.quantity:
                kind = Kind(
                    issue=f"{DISCARDED}{item.reason}",
                    signature="",
                    environment=key.environments[0],
                )
                self.delivery.tally.add(kind, item.quantity)
