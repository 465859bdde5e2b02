"""Projects that share a server are apart, and so are the logins of one project."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from mendwire.errors import AccessRefused, Unreachable
from mendwire.tasks.outcomes import Outcomes
from mendwire.wire.apply import establish
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.logins import Kind
from mendwire.wire.rights import Role
from tests.shared_server import SharedServer, logins, shared

ENVIRONMENTS = ("staging", "production")
BAIT = b'{"error": "ZeroDivisionError: bait of the shop"}'


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SharedServer]:
    async with shared(tmp_path / "nats", "shop", "blog") as started:
        for project in ("shop", "blog"):
            async with started.bus(f"{project}_operator", tmp_path) as bus:
                await establish(bus.api, bus.names, ENVIRONMENTS)
        async with started.bus("shop_publisher", tmp_path) as bus:
            await bus.publish("shop.errors.staging", BAIT, msg_id="bait")
        async with started.bus("shop_operator", tmp_path) as bus:
            await bus.publish("shop.quarantine.staging", BAIT)
            await bus.bucket("SHOP_DOCKET").put("case.bait", BAIT)
            await bus.objects("SHOP_EVIDENCE").put("bait", BAIT)
        yield started


async def refused(bus: JetStreamBus, subject: str, body: object = None) -> bool:
    """Whether the server said no. Silence is no answer to rely on, so it fails the test."""
    payload = b"" if body is None else json.dumps(body).encode()
    try:
        await bus.api.request(subject, payload, timeout_s=5)
    except AccessRefused:
        return True
    except Unreachable as problem:
        raise AssertionError(f"{subject}: {problem}") from None
    return False


async def asked(client: Client, subject: str, body: object) -> dict[str, Any]:
    """The server's answer, as JSON."""
    message = await client.request(subject, json.dumps(body).encode(), timeout=5)
    answer: dict[str, Any] = json.loads(message.data or b'{"error": {"code": 404}}')
    return answer


PUBLISHER_MUST_NOT = (
    "$JS.API.STREAM.INFO.SHOP_STAGING_ERRORS",
    "$JS.API.STREAM.MSG.GET.SHOP_STAGING_ERRORS",
    "$JS.API.DIRECT.GET.SHOP_STAGING_ERRORS",
    "$JS.API.DIRECT.GET.SHOP_STAGING_ERRORS.shop.errors.staging",
    "$JS.API.CONSUMER.MSG.NEXT.SHOP_STAGING_ERRORS.claude-error-fixer",
    "$JS.API.CONSUMER.CREATE.SHOP_STAGING_ERRORS.mine",
    "$JS.API.CONSUMER.DURABLE.CREATE.SHOP_STAGING_ERRORS.mine",
    "$JS.API.STREAM.PURGE.SHOP_STAGING_ERRORS",
    "$JS.API.STREAM.DELETE.SHOP_STAGING_ERRORS",
    "$JS.API.STREAM.UPDATE.SHOP_STAGING_ERRORS",
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.SNAPSHOT.SHOP_QUARANTINE",
    "$JS.API.STREAM.MSG.GET.SHOP_QUARANTINE",
    "$JS.API.DIRECT.GET.KV_SHOP_DOCKET.$KV.SHOP_DOCKET.case.bait",
    "$JS.API.DIRECT.GET.OBJ_SHOP_EVIDENCE",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.NAMES",
    "$JS.ACK.SHOP_STAGING_ERRORS.claude-error-fixer.1.1.1.1.0",
    "$KV.SHOP_DOCKET.case.bait",
    "$O.SHOP_EVIDENCE.M.bait",
    "shop.results.fixed.1",
    "shop.tasks.investigation",
    "shop.quarantine.staging.decided",
    "shop.dead.X",
    "$SYS.REQ.SERVER.PING",
)


SPECIALIST_MUST_NOT = (
    *(subject for subject in PUBLISHER_MUST_NOT if subject != "$JS.API.STREAM.NAMES"),
    "$JS.API.DIRECT.GET.KV_SHOP_DOCKET",
    "$JS.API.STREAM.MSG.GET.KV_SHOP_DOCKET",
    "$JS.API.STREAM.PURGE.SHOP_TASKS",
    "$JS.API.CONSUMER.CREATE.KV_SHOP_DOCKET.mine",
    "$JS.API.CONSUMER.CREATE.SHOP_RESULTS.mine",
    "$JS.API.DIRECT.GET.SHOP_RESULTS",
    "$JS.API.STREAM.PURGE.SHOP_RESULTS",
    "$JS.API.STREAM.MSG.DELETE.SHOP_RESULTS",
    "$JS.API.STREAM.MSG.GET.SHOP_INVESTIGATIONS",
    "$JS.API.STREAM.MSG.GET.SHOP_DEAD",
    "$JS.API.DIRECT.GET.OBJ_SHOP_EVIDENCE.$O.SHOP_EVIDENCE.M.bait",
    "$KV.SHOP_DOCKET.letter.abc",
    "$KV.SHOP_DOCKET.halt",
    "shop.errors.production",
    "shop.occurrences.k",
)


async def test_a_publisher_publishes_and_nothing_else(server: SharedServer, tmp_path: Path) -> None:
    async with server.bus("shop_publisher", tmp_path) as bus:
        assert (await bus.publish("shop.errors.production", b"{}", msg_id="1")).seq == 1
        assert (await bus.publish("shop.errors", b"{}", msg_id="2")).seq == 1
        assert (await bus.publish("shop.occurrences.k", b"{}")).seq == 1
        answers = [await refused(bus, subject) for subject in PUBLISHER_MUST_NOT]
        assert all(answers), [
            s for s, no in zip(PUBLISHER_MUST_NOT, answers, strict=True) if not no
        ]


@pytest.mark.parametrize(
    "login", ["shop_publisher", "shop_gateway", "shop_specialist", "shop_worker", "blog_operator"]
)
async def test_nobody_overhears_what_is_not_theirs(
    server: SharedServer, tmp_path: Path, login: str
) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(message.subject)

    async with (
        server.client(**server.options(login)) as spy,
        server.bus("shop_operator", tmp_path) as operator,
    ):
        for subject in (">", "*.>", "_INBOX.>", "_INBOX_shop_operator.>", "$JS.>", "$KV.>", "$O.>"):
            await spy.subscribe(subject, cb=hear)
        await spy.flush()
        await operator.publish("shop.quarantine.staging", BAIT)
        await operator.bucket("SHOP_DOCKET").put("case.more", BAIT)
        assert await operator.stream("SHOP_DEAD") is not None
        received = await operator.peek("SHOP_STAGING_ERRORS", 1)
        assert received is not None
        await asyncio.wait_for(spy.flush(), 5)
    assert heard == []


async def test_one_project_cannot_reach_another(server: SharedServer, tmp_path: Path) -> None:
    async with server.client(**server.options("blog_operator")) as client:
        listed = await asked(client, "$JS.API.STREAM.NAMES", {})
        assert not [name for name in listed["streams"] if "SHOP" in name]
        for stream in ("SHOP_STAGING_ERRORS", "KV_SHOP_DOCKET", "OBJ_SHOP_EVIDENCE"):
            for verb, body in (
                ("INFO", {}),
                ("PURGE", {}),
                ("DELETE", {}),
                ("MSG.GET", {"seq": 1}),
                ("SNAPSHOT", {"deliver_subject": "_INBOX_blog_operator.x"}),
            ):
                answer = await asked(client, f"$JS.API.STREAM.{verb}.{stream}", body)
                assert answer["error"]["err_code"] == 10059, (verb, stream, answer)
        for name, config in CROSSINGS.items():
            body = {"name": name, "storage": "file", "max_bytes": 1 << 20, **config}
            await asked(client, f"$JS.API.STREAM.CREATE.{name}", body)
        # Under their subjects, and their acknowledgements, in our own account: it stays there.
        for subject in ("shop.errors.staging", "$JS.ACK.SHOP_STAGING_ERRORS.x.1.1.1.1.0"):
            with pytest.raises(Exception, match=r"no responders|Violation|permission|timeout"):
                await client.request(subject, b"+ACK", timeout=0.5)
    async with server.bus("shop_operator", tmp_path) as shop:
        await shop.publish("shop.errors.staging", BAIT, msg_id="second")
        info = await shop.stream("SHOP_STAGING_ERRORS")
        assert info is not None
        assert info["state"]["messages"] == 2
    async with server.client(**server.options("blog_operator")) as client:
        for name in CROSSINGS:
            answer = await asked(client, f"$JS.API.STREAM.INFO.{name}", {})
            assert "error" in answer or answer["state"]["messages"] == 0, (name, answer)


CROSSINGS: dict[str, dict[str, Any]] = {
    "SOURCED": {"sources": [{"name": "SHOP_STAGING_ERRORS"}]},
    "MIRROR": {"mirror": {"name": "SHOP_STAGING_ERRORS"}},
    "BY_PREFIX": {
        "sources": [
            {
                "name": "SHOP_STAGING_ERRORS",
                "external": {"api": "$JS.SHOP.API", "deliver": "blog.taken"},
            }
        ]
    },
    "BY_API": {
        "sources": [
            {"name": "SHOP_STAGING_ERRORS", "external": {"api": "$JS.API", "deliver": "blog.x"}}
        ]
    },
    "SQUATTER": {"subjects": ["shop.>"]},
}


async def test_a_worker_makes_no_stream_and_purges_no_messages(
    server: SharedServer, tmp_path: Path
) -> None:
    async with server.bus("shop_worker", tmp_path) as bus:
        for subject in (
            "$JS.API.STREAM.CREATE.SHOP_MINE",
            "$JS.API.STREAM.UPDATE.SHOP_QUARANTINE",
            "$JS.API.STREAM.DELETE.SHOP_DEAD",
            "$JS.API.STREAM.PURGE.SHOP_QUARANTINE",
            "$JS.API.STREAM.MSG.DELETE.SHOP_DEAD",
            "$JS.API.STREAM.SNAPSHOT.SHOP_DEAD",
            "$JS.API.STREAM.RESTORE.SHOP_X",
            "$JS.API.CONSUMER.CREATE.SHOP_STAGING_ERRORS.mine",
            "$JS.API.CONSUMER.DELETE.SHOP_STAGING_ERRORS.claude-error-fixer",
        ):
            assert await refused(bus, subject, {}), subject


async def test_a_specialist_takes_tasks_and_reads_no_error_and_no_case(
    server: SharedServer, tmp_path: Path
) -> None:
    async with server.bus("shop_specialist", tmp_path) as bus:
        assert await bus.stream("SHOP_TASKS") is not None
        assert await bus.bucket("SHOP_DOCKET").get("halt") is None
        assert await bus.bucket("SHOP_DOCKET").get("letter.abc") is None
        await bus.bucket("SHOP_TASK_STATES").put("specialist.one", b"{}")
        assert await Outcomes(bus).find("no-such-task") is None
        for subject in SPECIALIST_MUST_NOT:
            assert await refused(bus, subject, {}), subject


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_login_comes_in_by_tls_and_no_other_does(tmp_path: Path, kind: Kind) -> None:
    async with shared(tmp_path / "nats", "shop", kind=kind, tls=True) as server:
        for login in logins(server):
            async with server.bus(login, tmp_path) as bus:
                assert (await bus.api.call("INFO"))["streams"] == 0
        wrong = {**server.variables("shop_worker"), "NATS_URL": server.url}
        for secret in ("NATS_NKEY", "NATS_PASSWORD"):
            wrong.pop(secret, None)
        with pytest.raises((AccessRefused, Unreachable)):
            async with shared_bus(wrong, tmp_path):
                pass
        assert {login.role for t in server.settled.tenancy.tenants for login in t.logins} == set(
            Role
        )


def shared_bus(variables: dict[str, str], folder: Path) -> Any:
    from mendwire.settings.environment import read_environment
    from mendwire.wire.connection import connected

    return connected(read_environment({**variables, "HOME": str(folder)}, folder))
