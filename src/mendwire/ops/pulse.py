"""How things stand: queues, rates, cases, workers and money, read in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mendwire.docket.cases import Docket
from mendwire.docket.roster import Sighting, presences
from mendwire.docket.slots import SLOT_S, Slots, slot_of
from mendwire.docket.switch import Halt, Switch
from mendwire.model.case import HELD
from mendwire.model.moves import is_observed
from mendwire.model.standing import Alive, Queue, Rate
from mendwire.ops.queue_checks import queues, sightings, stuck_in
from mendwire.ops.server_checks import server_now_ns
from mendwire.ops.shelf import Shelf

HOUR_SLOTS = 3600 // SLOT_S
_KEPT = {"DEAD": "dead.>", "QUARANTINE": "quarantine.*"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Playing:
    """One specialist's process elsewhere."""

    name: str
    host: str
    roles: tuple[str, ...]
    heartbeat_s: float
    """Seconds since its last one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """All of it."""

    namespace: str
    server: str
    """Its address and version."""
    uptime_s: float | None
    """Seconds; None where nobody says."""
    uptime_from: str
    """Where that is known from, or how to get to know it."""
    halt: Halt | None
    queues: tuple[Queue, ...]
    rates: tuple[Rate, ...]
    cases: Mapping[str, int]
    """By state; what is only counted stands apart from the parked ones, as ``observed``."""
    workers: tuple[Alive, ...]
    specialists: tuple[Playing, ...]
    spent_usd: float
    day_usd: float
    used_tokens: int
    """Today, as far as agents tell."""
    day_tokens: int
    """0: no limit."""
    dead: int
    quarantine: int


@dataclass(kw_only=True, slots=True)
class CaseBook:
    """Where each case stands; read once, then only what changed."""

    docket: Docket
    _stands: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Issue to state, holder and verdict."""
    _revision: int = 0

    async def read(self) -> tuple[Counter[str], Counter[str]]:
        """Cases by state, and how many each worker holds."""
        async for filed in self.docket.cases(after=self._revision):
            case = filed.case
            state = "observed" if is_observed(case) else case.state.value
            holder = case.holder if case.state in HELD else ""
            self._stands[case.issue] = (state, holder, case.verdict or "")
            self._revision = max(self._revision, filed.revision)
        stands = self._stands.values()
        held = Counter(holder for _, holder, _ in stands if holder)
        return Counter(state for state, _, _ in stands), held

    @property
    def verdicts(self) -> Counter[str]:
        """Cases by verdict, as of the last reading; those without one are left out."""
        return Counter(verdict for _, _, verdict in self._stands.values() if verdict)


async def queue_depths(shelf: Shelf, now_ns: int) -> tuple[Queue, ...]:
    """Every error stream, in the order of the configuration."""
    found = []
    for stream, consumer in await queues(shelf):
        found.append(
            Queue(
                stream=stream.name,
                waiting=consumer.pending if consumer else stream.messages,
                in_work=consumer.ack_pending if consumer else 0,
                stuck=stuck_in(stream, consumer),
                oldest_s=max(0.0, (now_ns - stream.first_ns) / 1e9) if stream.first_ns else 0.0,
            )
        )
    return tuple(found)


async def rates(slots: Slots, now_ns: int, hours: int = 24) -> tuple[Rate, ...]:
    """The busiest first, over ``hours``."""
    last = slot_of(now_ns / 1e9)
    first = last - max(hours, 24) * HOUR_SLOTS
    sums: dict[tuple[str, str], Counter[int]] = {}
    for slot, counts in (await slots.since(first)).items():
        for environment, services in counts.items():
            for service, count in services.items():
                hour = max(0, last - slot) // HOUR_SLOTS
                sums.setdefault((environment, service), Counter())[hour] += count
    found = [_rate(place, counts, hours) for place, counts in sums.items()]
    return tuple(sorted(found, key=lambda rate: (-rate.last_hour, -rate.day, rate.environment)))


async def pulse(
    shelf: Shelf,
    book: CaseBook,
    *,
    server: str,
    uptime: tuple[float | None, str],
    heartbeat_s: float,
    day_usd: float,
    day_tokens: int = 0,
) -> Pulse:
    """Read it; nothing is changed."""
    bucket = shelf.bus.bucket(shelf.bus.names.bucket("DOCKET"))
    now = await server_now_ns(shelf)
    states, held = await book.read()
    workers = [one for one in await presences(bucket) if one.is_alive(now, heartbeat_s)]
    return Pulse(
        namespace=shelf.bus.names.namespace,
        server=server,
        uptime_s=uptime[0],
        uptime_from=uptime[1],
        halt=await Switch(bucket=bucket).thrown(),
        queues=await queue_depths(shelf, now),
        rates=await rates(Slots(bucket=bucket), now),
        cases=dict(states),
        workers=tuple(_alive(one, now, held) for one in workers),
        specialists=tuple(
            _playing(one, now) for one in await sightings(shelf) if one.is_alive(now, heartbeat_s)
        ),
        spent_usd=await book.docket.spent(f"{datetime.now(UTC):%Y%m%d}"),
        day_usd=day_usd,
        used_tokens=await book.docket.used(f"{datetime.now(UTC):%Y%m%d}"),
        day_tokens=day_tokens,
        dead=await kept_of(shelf, "DEAD"),
        quarantine=await kept_of(shelf, "QUARANTINE"),
    )


def _alive(seen: Sighting, now_ns: int, held: Mapping[str, int]) -> Alive:
    return Alive(
        worker=seen.presence.worker,
        host=seen.presence.host,
        heartbeat_s=round(seen.silent_s(now_ns), 1),
        cases=held.get(seen.presence.worker, 0),
    )


def _playing(seen: Sighting, now_ns: int) -> Playing:
    return Playing(
        name=seen.presence.name,
        host=seen.presence.host,
        roles=seen.presence.roles,
        heartbeat_s=round(seen.silent_s(now_ns), 1),
    )


def _rate(place: tuple[str, str], counts: Counter[int], hours: int) -> Rate:
    return Rate(
        environment=place[0],
        service=place[1],
        last_hour=counts[0],
        day=sum(count for hour, count in counts.items() if hour < 24),  # noqa: PLR2004 - a day
        by_hour=tuple(counts[hour] for hour in range(hours - 1, -1, -1)),
    )


async def kept_of(shelf: Shelf, kind: str) -> int:
    """Messages of DEAD or QUARANTINE that wait for a person."""
    stream = await shelf.bus.stream(shelf.bus.names.stream(kind))
    if stream is None or not stream["state"]["messages"]:
        return 0
    pattern = f"{shelf.bus.names.namespace}.{_KEPT[kind]}"
    return sum((await shelf.subjects(await shelf.find(kind), pattern)).values())
