"""The gateway as an application, against a server that comes, goes and comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from starlette.types import Message

from mendwire import telemetry
from mendwire.gateway.delivery import Delivery, rooms_for
from mendwire.gateway.keyring import KeyFile, KeyRing
from mendwire.gateway.keys import Issued, Key, Kind, Rates
from mendwire.gateway.quota import Capacity, Meters
from mendwire.gateway.site import site
from mendwire.gateway.station import Bounds, Station
from mendwire.model.names import Names
from mendwire.model.report import Trust
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer

BOUNDS = Bounds(max_event=20_000, max_body=40_000, max_inflated=80_000, in_flight=100_000)
WANTED = Key(
    id="",
    name="shop",
    project=0,
    digest="",
    environments=("staging", "production"),
    service="shop",
    trust=Trust.TRUSTED,
)


class Line:
    """The connection of the test, which may be said to be away."""

    def __init__(self, bus: JetStreamBus) -> None:
        self.bus = bus
        self.is_away = False

    @property
    def is_open(self) -> bool:
        return not self.is_away and self.bus.api.client.is_connected

    @property
    def max_payload(self) -> int:
        return self.bus.api.client.max_payload


class Stage:
    def __init__(self, folder: Path, names: Names, bounds: Bounds = BOUNDS) -> None:
        self.file = KeyFile(folder / "keys.json")
        self.delivery = Delivery(names, rooms_for(folder / "spool", 1_000_000))
        self.station = Station(
            ring=KeyRing(self.file),
            meters=Meters(
                Capacity(bytes_hour=10**9, signatures_hour=10**6, reserve=0.5),
                asyncio.get_running_loop().time,
            ),
            delivery=self.delivery,
            bounds=bounds,
        )
        transport = httpx.ASGITransport(site(self.station))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def event(self, issued: Issued, message: str = "no", **more: Any) -> httpx.Response:
        event = {"exception": {"values": [{"type": "ValueError", "value": message}]}, **more}
        return await self.envelope(issued, ("event", event))

    async def envelope(self, issued: Issued, *items: tuple[str, Any]) -> httpx.Response:
        lines = [json.dumps({"event_id": "a" * 32})]
        for kind, payload in items:
            lines += [json.dumps({"type": kind}), json.dumps(payload)]
        return await self.http.post(
            f"/api/{issued.key.project}/envelope/",
            content="\n".join(lines).encode(),
            headers={"X-Sentry-Auth": f"Sentry sentry_key={issued.secret}, sentry_version=7"},
        )


@asynccontextmanager
async def open_stage(folder: Path, names: Names, bounds: Bounds = BOUNDS) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        stage = Stage(folder, names, bounds)
        await stack.enter_async_context(stage.delivery)
        await stack.enter_async_context(stage.http)
        yield stage


@pytest.fixture
async def stage(tmp_path: Path, names: Names, bus: JetStreamBus) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path / "gateway", names) as opened:
        opened.delivery.attach(Line(bus))
        yield opened


async def stored(bus: JetStreamBus, stream: str) -> list[dict[str, Any]]:
    found = bus.walk(bus.names.stream(stream), 1_000, 1 << 60)
    return [json.loads(message.payload) async for message in found]


async def test_an_event_is_answered_when_it_is_stored(stage: Stage, bus: JetStreamBus) -> None:
    answer = await stage.event(stage.file.add(WANTED), environment="production")
    assert (answer.status_code, answer.json()) == (200, {"id": "a" * 32})
    (report,) = await stored(bus, "PRODUCTION_ERRORS")
    assert (report["error"], report["service"]) == ("ValueError: no", "shop")


async def test_repeats_are_counted_and_told(stage: Stage, bus: JetStreamBus) -> None:
    issued = stage.file.add(WANTED)
    for _ in range(4):
        assert (await stage.event(issued)).status_code == 200
    assert len(await stored(bus, "STAGING_ERRORS")) == 1
    await stage.delivery.tell()
    (count,) = await stored(bus, "OCCURRENCES")
    assert (count["count"], count["source"]) == (3, "gateway")


async def test_rule_b2_low_trust_is_carried_to_the_worker(stage: Stage, bus: JetStreamBus) -> None:
    wanted = replace(WANTED, trust=Trust.LOW, kind=Kind.BROWSER, origins=("https://shop.example",))
    await stage.event(stage.file.add(wanted))
    found = [m async for m in bus.walk(bus.names.stream("STAGING_ERRORS"), 9, 1 << 60)]
    assert found[0].headers["Mendwire-Trust"] == "low"


async def test_plain_json_lines_have_a_result_each(stage: Stage, bus: JetStreamBus) -> None:
    issued = stage.file.add(WANTED)
    body = b'{"error":"A: 1"}\nno json\n{"context":{}}\n{"error":"B: 2","environment":"production"}'
    answer = await stage.http.post(
        "/v1/errors", content=body, headers={"X-Mendwire-Key": issued.secret}
    )
    results = answer.json()["results"]
    assert [one["status"] for one in results] == ["stored", "refused", "refused", "stored"]
    assert results[3]["environment"] == "production"
    assert len(await stored(bus, "STAGING_ERRORS")) == 1


async def test_who_may_not_send_is_told_so(stage: Stage) -> None:
    issued = stage.file.add(WANTED)
    wrong = Issued(key=issued.key, secret="0" * 32)
    assert (await stage.event(wrong)).status_code == 401
    other = Issued(key=replace(issued.key, project=99), secret=issued.secret)
    assert (await stage.event(other)).status_code == 403
    assert (await stage.http.post("/v1/errors", content=b"{}")).status_code == 401
    assert (await stage.http.get("/nowhere")).status_code == 404


async def test_a_page_is_allowed_by_its_key_alone(stage: Stage) -> None:
    wanted = replace(WANTED, trust=Trust.LOW, kind=Kind.BROWSER, origins=("https://shop.example",))
    issued = stage.file.add(wanted)
    path = f"/api/{issued.key.project}/envelope/?sentry_key={issued.secret}"
    content = b'{}\n{"type":"event"}\n{"level":"error","message":"x"}'
    for origin, status in (("https://shop.example", 200), ("https://evil.example", 403)):
        headers = {"Origin": origin}
        asked = await stage.http.options(path, headers=headers)
        answer = await stage.http.post(path, content=content, headers=headers)
        assert asked.status_code == (204 if status == 200 else 403)
        assert answer.status_code == status
        allowed = origin if status == 200 else None
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_a_quota_answers_429_and_client_reports_are_still_counted(stage: Stage) -> None:
    issued = stage.file.add(replace(WANTED, events=Rates(hour=1)))
    assert (await stage.event(issued)).status_code == 200
    refused = await stage.event(issued, "other")
    assert refused.status_code == 429
    wait = refused.headers["retry-after"]
    assert refused.headers["x-sentry-rate-limits"].startswith(f"{wait}:error;default:key:")
    lost = {
        "discarded_events": [{"reason": "ratelimit_backoff", "category": "error", "quantity": 9}]
    }
    assert (await stage.envelope(issued, ("client_report", lost))).status_code == 200
    assert stage.station.figures.discarded == {"error/ratelimit_backoff": 9}


async def test_what_is_no_error_is_accepted_and_ignored(stage: Stage, bus: JetStreamBus) -> None:
    issued = stage.file.add(WANTED)
    kinds = ("transaction", "session", "sessions", "span", "log", "profile", "check_in", "feedback")
    answer = await stage.envelope(issued, *((kind, {}) for kind in kinds))
    assert answer.status_code == 200
    assert set(stage.station.figures.ignored) == set(kinds)
    assert await stored(bus, "STAGING_ERRORS") == []


async def test_too_much_is_refused_and_nothing_stays_held(stage: Stage) -> None:
    issued = stage.file.add(WANTED)
    assert (await stage.event(issued, "x" * 30_000)).status_code == 413
    assert (await stage.event(issued, "x" * 50_000)).status_code == 413
    assert stage.station.budget.held == 0


async def test_a_busy_gateway_asks_to_come_again(tmp_path: Path, names: Names) -> None:
    tight = replace(BOUNDS, in_flight=500)
    async with open_stage(tmp_path, names, tight) as stage:
        answer = await stage.event(stage.file.add(WANTED), "x" * 1_000)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_body_that_never_comes_is_not_waited_for(tmp_path: Path, names: Names) -> None:
    async with open_stage(tmp_path, names, replace(BOUNDS, read_s=0.05)) as stage:
        issued = stage.file.add(WANTED)
        told: list[Any] = []

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/api/{issued.key.project}/envelope/",
            "headers": [(b"content-length", b"5")],
            "query_string": f"sentry_key={issued.secret}".encode(),
        }
        await site(stage.station)(scope, receive, send)
        assert told[0]["status"] == 408
        assert stage.station.totals.read().detailed["refused"] == {"slow": 1}


async def test_names_that_clients_make_up_are_few(stage: Stage) -> None:
    issued = stage.file.add(WANTED)
    many: list[tuple[str, Any]] = [(f"kind{number}", {}) for number in range(300)]
    assert (await stage.envelope(issued, *many)).status_code == 200
    assert (await stage.envelope(issued, ("no name at all", {}))).status_code == 200
    ignored = stage.station.totals.read().detailed["ignored"]
    assert len(ignored) <= 101
    assert sum(ignored.values()) == 301


def test_a_key_is_known_at_once_and_a_flood_of_unknown_ones_costs_few_looks(
    tmp_path: Path,
) -> None:
    now = 1_000.0
    file = KeyFile(tmp_path / "keys.json")
    ring = KeyRing(file, clock=lambda: now)
    assert ring.find("nobody's") is None
    first = file.add(WANTED)
    now += 0.06
    assert ring.find(first.secret) == first.key
    second = file.add(replace(WANTED, name="another"))
    now += 0.01
    assert ring.find(second.secret) is None  # looked for a moment ago
    now += 0.05
    assert ring.find(second.secret) == second.key


async def test_rotation_keeps_the_old_key_for_a_while(stage: Stage) -> None:
    first = stage.file.add(WANTED)
    second = stage.file.rotate("shop", 3_600)
    assert (await stage.event(first)).status_code == 200
    assert (await stage.event(second)).status_code == 200


async def test_a_revoked_key_is_taken_no_more(stage: Stage) -> None:
    issued = stage.file.add(WANTED)
    stage.file.revoke("shop")
    assert (await stage.event(issued)).status_code == 401


@asynccontextmanager
async def drained(count: int) -> AsyncIterator[None]:
    """Wait at the end until that many were sent from the spool."""
    done, seen = asyncio.Event(), 0

    def hear(event: str, fields: dict[str, object]) -> None:
        nonlocal seen
        if event == "gateway.drained":
            seen += int(str(fields["count"]))
            if seen >= count:
                done.set()

    with telemetry.subscribed(hear):
        yield
        async with asyncio.timeout(30):
            await done.wait()


async def test_while_the_server_is_away_the_spool_answers_and_drains_in_order(
    tmp_path: Path, names: Names, bus: JetStreamBus
) -> None:
    async with open_stage(tmp_path, names) as stage:
        issued = stage.file.add(WANTED)
        answers = [await stage.event(issued, f"thing {'x' * n}") for n in range(1, 6)]
        answers.append(await stage.event(issued, "thing x"))
        assert {answer.status_code for answer in answers} == {200}
        assert stage.delivery.spooled_bytes > 0
        async with drained(6):
            stage.delivery.attach(Line(bus))
        assert stage.delivery.spooled_bytes == 0
    errors = [report["error"] for report in await stored(bus, "STAGING_ERRORS")]
    assert errors == [f"ValueError: thing {'x' * n}" for n in range(1, 6)]


async def test_a_gateway_that_died_leaves_its_spool_to_the_next(
    tmp_path: Path, names: Names, bus: JetStreamBus
) -> None:
    async with open_stage(tmp_path, names) as stage:
        issued = stage.file.add(WANTED)
        await stage.event(issued, "first")
        await stage.event(issued, "second")
    async with open_stage(tmp_path, names) as again:
        assert again.delivery.spooled_bytes > 0
        async with drained(2):
            again.delivery.attach(Line(bus))
    assert len(await stored(bus, "STAGING_ERRORS")) == 2


async def test_a_full_spool_asks_to_come_again(tmp_path: Path, names: Names) -> None:
    async with open_stage(tmp_path, names) as stage:
        issued = stage.file.add(WANTED)
        statuses = [
            (await stage.event(issued, f"{chr(97 + n % 26) * (n + 1)} {'y' * 15_000}")).status_code
            for n in range(90)
        ]
    assert statuses[0] == 200
    assert statuses[-1] == 503


async def test_a_server_that_is_killed_and_comes_back_has_everything_once(
    tmp_path: Path, names: Names, bus: JetStreamBus, server: RealServer, link: Client
) -> None:
    async with open_stage(tmp_path / "gateway", names) as stage:
        issued = stage.file.add(WANTED)
        stage.delivery.attach(Line(bus))
        words = [f"{chr(97 + n) * 9}" for n in range(20)]
        for word in words[:5]:
            assert (await stage.event(issued, word)).status_code == 200
        server.kill()
        for word in words[5:]:
            assert (await stage.event(issued, word)).status_code == 200
        spooled = stage.delivery.figures.spooled
        async with drained(spooled):
            await server.start()
        assert link.is_connected
    errors = [report["error"] for report in await stored(bus, "STAGING_ERRORS")]
    assert sorted(errors) == sorted(f"ValueError: {word}" for word in words)


async def test_counts_are_not_lost_where_nobody_hears_them(
    tmp_path: Path, names: Names, bus: JetStreamBus
) -> None:
    async with open_stage(tmp_path, names) as stage:
        issued, line = stage.file.add(WANTED), Line(bus)
        stage.delivery.attach(line)
        for _ in range(3):
            await stage.event(issued)
        line.is_away = True
    async with open_stage(tmp_path, names) as again, drained(1):
        again.delivery.attach(Line(bus))
    (count,) = await stored(bus, "OCCURRENCES")
    assert count["count"] == 2
