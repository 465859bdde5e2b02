"""What a login that may only report can do by naming where the server's confirmation goes.

The attack is shown on a server whose publishers stand in the project's own account, so that the
tests of the generated configuration, where they stand apart, can fail.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mendwire.errors import MendwireError
from mendwire.model.names import Names
from mendwire.wire.ack import Ack
from mendwire.wire.apply import establish
from mendwire.wire.dialling import dialled
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.refusals import NobodyListens
from mendwire.wire.rights import Role, rights
from mendwire.wire.wake import Wake
from mendwire.wire.window import Window
from tests.nats_server import RealServer
from tests.shared_server import SharedServer, settled

NAMES = Names(namespace="shop")
ENVIRONMENTS = ("staging",)
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "shared-server.md"
QUEUE = "SHOP_STAGING_ERRORS"
FIXER = "claude-error-fixer"
TRUTH = b'{"verdict": "none yet"}'
PLACES = {
    "KV_SHOP_DOCKET": "$KV.SHOP_DOCKET.case.bait",
    "KV_SHOP_TASK_STATES": "$KV.SHOP_TASK_STATES.bait",
    "OBJ_SHOP_EVIDENCE": "$O.SHOP_EVIDENCE.M.bait",
    "SHOP_RESULTS": "shop.results.fixed.forged",
    "SHOP_TASKS": "shop.tasks.investigation.high.any",
    "SHOP_INVESTIGATIONS": "shop.investigation.status.forged",
    "SHOP_QUARANTINE": "shop.quarantine.staging.decided",
    "SHOP_DEAD": "shop.dead.FORGED",
    "SHOP_SECURITY": "shop.security.rejected",
}
"""A subject of each stream that a publisher may not write."""
ORDERS = tuple(
    f"$JS.API.{endpoint}"
    for endpoint in (
        "STREAM.PURGE.SHOP_QUARANTINE",
        "STREAM.DELETE.SHOP_QUARANTINE",
        "STREAM.MSG.DELETE.SHOP_QUARANTINE",
        "STREAM.UPDATE.SHOP_QUARANTINE",
        "STREAM.CREATE.MINE",
        "STREAM.RESTORE.MINE",
        f"STREAM.MSG.DELETE.{QUEUE}",
        f"STREAM.PURGE.{QUEUE}",
        f"CONSUMER.CREATE.{QUEUE}.mine",
        f"CONSUMER.DELETE.{QUEUE}.{FIXER}",
        f"CONSUMER.PAUSE.{QUEUE}.{FIXER}",
        f"CONSUMER.RESET.{QUEUE}.{FIXER}",
        f"CONSUMER.MSG.NEXT.{QUEUE}.{FIXER}",
    )
)


class PlainServer(RealServer):
    """The obvious layout: the same least rights, and all logins in one account.

    Not strict, so that the API takes a confirmation for an order where it finds a field it knows.
    """

    def written(self) -> str:
        users = f'[ {{ user: "o", password: "o" }}, {self.publisher()} ]'
        return f"{self.head()}accounts {{ SHOP {{ jetstream: enabled, users: {users} }} }}\n"

    def head(self) -> str:
        return (
            f'listen: "127.0.0.1:{self.port}"\nports_file_dir: "{self.folder}"\n'
            f'jetstream {{ store_dir: "{self.folder / "js"}", strict: false }}\n'
        )

    def publisher(self) -> str:
        may = rights(Role.PUBLISHER, NAMES, ENVIRONMENTS, "p")
        allowed = {"publish": list(may.publish), "subscribe": list(may.subscribe)}
        return json.dumps({"user": "p", "password": "p", "permissions": allowed})


class ApartServer(SharedServer):
    """The generated layout, as little strict as the other one."""

    def written(self) -> str:
        return super().written().replace("jetstream {", "jetstream {\n  strict: false", 1)


class PageServer(PlainServer):
    """Laid out by hand, as the page on shared servers says."""

    def written(self) -> str:
        page = PAGE.read_text("utf-8")
        block = page[page.index("    AI_TUTOR {") : page.index("Whoever reports notices")]
        inner, _, apart = block.replace("ai_tutor", "shop").partition("users: [ … ]")
        accounts = (
            f'{inner} users: [ {{ user: "o", password: "o" }} ] '
            f"{apart.replace('users: [ … ]', f'users: [ {self.publisher()} ]')}"
        )
        return f"{self.head()}accounts {{ {accounts} }}\n"


class Ground:
    """A server with the project's streams, an operator and a publisher."""

    def __init__(self, operator: JetStreamBus, publisher: JetStreamBus) -> None:
        self.operator = operator
        self.publisher = publisher

    async def furnish(self) -> None:
        await establish(self.operator.api, NAMES, ENVIRONMENTS)
        await self.operator.bucket("SHOP_DOCKET").put("case.bait", TRUTH)
        for number in range(3):
            await self.operator.publish("shop.quarantine.staging", TRUTH, msg_id=str(number))

    async def answered_at(self, *subjects: str) -> None:
        """Report once for each of ``subjects``, naming it as the place for the answer."""
        client = self.publisher.api.client
        for subject in subjects:
            await client.publish("shop.errors.staging", b"{}", reply=subject)
        # The server takes one connection's messages in their order.
        await self.publisher.publish("shop.errors.staging", b"{}")
        await self.operator.api.call("INFO")

    async def pull(self) -> str:
        """Report, and take it from the queue; the subject by which it would be acknowledged."""
        await self.publisher.publish("shop.errors.staging", b"{}")
        message = await self.operator.api.client.request(
            f"$JS.API.CONSUMER.MSG.NEXT.{QUEUE}.{FIXER}", b"", timeout=5, old_style=True
        )
        assert message.reply.startswith("$JS.ACK.")
        return message.reply

    async def state(self) -> dict[str, Any]:
        """What everything but the queue of errors holds, and how its consumer stands."""
        names = (await self.operator.api.call("STREAM.NAMES"))["streams"]
        found: dict[str, Any] = {}
        for name in names:
            info = await self.operator.api.call(f"STREAM.INFO.{name}")
            state = info["state"]
            found[name] = (state["messages"], state["last_seq"], info["config"])
        found[QUEUE] = found[QUEUE][2]
        consumer = await self.operator.api.call(f"CONSUMER.INFO.{QUEUE}.{FIXER}")
        found[FIXER] = {
            key: consumer.get(key)
            for key in ("delivered", "ack_floor", "num_ack_pending", "paused", "config")
        }
        return found


@asynccontextmanager
async def ground(server: RealServer, operator: Any, publisher: Any) -> AsyncIterator[Ground]:
    await server.start()
    try:
        async with server.client(**operator) as one, server.client(**publisher) as other:
            made = Ground(JetStreamBus(one, NAMES), JetStreamBus(other, NAMES))
            await made.furnish()
            yield made
    finally:
        server.kill()


@asynccontextmanager
async def plain(server: PlainServer) -> AsyncIterator[Ground]:
    me = {"user": "p", "password": "p", "inbox_prefix": b"_INBOX_p"}
    async with ground(server, {"user": "o", "password": "o"}, me) as made:
        yield made


@asynccontextmanager
async def generated(folder: Path) -> AsyncIterator[Ground]:
    server = ApartServer(folder / "apart", settled("shop"))
    async with ground(
        server, server.options("shop_operator"), server.options("shop_publisher")
    ) as made:
        yield made


async def written(there: Ground) -> set[str]:
    """The streams into which a publisher gets the server to write."""
    before = await there.state()
    await there.answered_at(*PLACES.values())
    after = await there.state()
    return {name for name in PLACES if before[name][1] != after[name][1]}


async def test_in_one_account_a_confirmation_is_written_anywhere(tmp_path: Path) -> None:
    async with plain(PlainServer(tmp_path)) as there:
        assert await written(there) == set(PLACES)
        entry = await there.operator.bucket("SHOP_DOCKET").get("case.bait")
        assert entry is not None
        assert entry.value != TRUTH
        # Its sequence is read as an order: all errors before this one are gone.
        await there.answered_at(f"$JS.API.STREAM.PURGE.{QUEUE}")
        info = await there.operator.stream(QUEUE)
        assert info is not None
        assert info["state"]["messages"] == 2


async def test_from_an_account_apart_it_reaches_nothing(tmp_path: Path) -> None:
    async with generated(tmp_path) as there:
        pulled = await there.pull()
        before = await there.state()
        offered = ("$JS.API.INFO", f"$JS.API.STREAM.INFO.{QUEUE}")
        places = (*PLACES.values(), *ORDERS, *offered, "_R_.x", pulled)
        for subject in places:
            # Orders to the server that a header may hold go nowhere either.
            headers = {"Nats-Trace-Dest": subject, "Nats-Rollup": "all"}
            await there.publisher.api.publish("shop.errors.staging", b"{}", headers=headers)
        await there.answered_at(*places)
        assert await there.state() == before
        info = await there.operator.stream(QUEUE)
        assert info is not None
        # The server takes no message whose answer would go to a subject kept for itself.
        assert info["state"]["messages"] == 1 + len(places) - 2 + 1


async def test_what_the_page_lays_out_by_hand_holds_too(tmp_path: Path) -> None:
    async with plain(PageServer(tmp_path)) as there:
        assert await written(there) == set()


async def test_who_reports_honestly_notices_no_wall(tmp_path: Path) -> None:
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    server = ApartServer(tmp_path / "nats", settled("shop"))
    await server.start()
    try:
        async with (
            server.bus("shop_operator", tmp_path) as operator,
            server.bus("shop_gateway", tmp_path) as gateway,
        ):
            await establish(operator.api, NAMES, ENVIRONMENTS)
            sent = ("shop.errors.staging", b"{}")
            first = await gateway.publish(*sent, msg_id="a", headers=trace)
            assert (first.stream, first.seq, first.duplicate) == (QUEUE, 1, False)
            again = await gateway.publish(*sent, msg_id="a", headers=trace)
            assert (again.seq, again.duplicate) == (1, True)
            await gateway.tell("shop.occurrences.counted", b"{}")
            assert (await gateway.publish("shop.occurrences.counted", b"{}")).seq == 2
            with pytest.raises(NobodyListens, match="mend the environment's name"):
                await gateway.publish("shop.errors.nowhere", b"{}")
            # A gateway looks whether the streams are as they should be.
            _, left = await establish(gateway.api, NAMES, ENVIRONMENTS)
            assert not left.changes
            assert not left.obstacles
            kept = await operator.peek(QUEUE, 1)
            assert kept is not None
            assert dict(kept.headers) == {**trace, "Nats-Msg-Id": "a"}
            answers = await asyncio.to_thread(by_socket, server, tmp_path)
            assert [answer.seq for answer in answers if isinstance(answer, Ack)] == [1, 2]
    finally:
        server.kill()
    assert server.violations() == []


def by_socket(server: SharedServer, folder: Path) -> list[Ack | MendwireError]:
    """What a service's own publisher, which has a thread and no event loop, is answered."""
    answers: list[Ack | MendwireError] = []
    with dialled(server.environment("shop_publisher", folder), Wake(), name="test") as to:
        window = Window(to)
        window.check_jetstream(to.url)
        for identity in ("a", "b"):
            headers = {"Nats-Msg-Id": identity}
            window.publish("shop.errors.staging", b"{}", headers, answers.append)
        window.settle()
    return answers


async def test_a_running_server_takes_the_wall_by_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApartServer(tmp_path / "nats", settled("shop"))
    with monkeypatch.context() as before:
        before.setattr(Role, "only_reports", False)
        await server.start()
    try:
        async with (
            server.client(**server.options("shop_operator")) as one,
            server.client(**server.options("shop_publisher")) as other,
        ):
            there = Ground(JetStreamBus(one, NAMES), JetStreamBus(other, NAMES))
            await there.furnish()
            assert await written(there) == set(PLACES)
            await server.reload()
            async with asyncio.timeout(30):
                while other.stats["reconnects"] == 0:
                    await asyncio.sleep(0.01)
            assert await written(there) == set()
            assert one.stats["reconnects"] == 0
    finally:
        server.kill()
