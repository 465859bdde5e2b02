"""Alerts as people get them: by mail and webhook, once, bounded, through kills and outages."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mendwire.notify.book import Book
from mendwire.notify.thread import Thread
from mendwire.wire.apply import establish
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.sinks import Mailbox, Webhook, mailbox, webhook

QUICK = "heartbeat_s = 0.5"
BEATS = "down_minutes = 0.01\nheartbeat_s = 0.2"


def config(*to: str, more: str = "") -> str:
    """Alerts that look often."""
    return f"\n[alerts]\nto = {json.dumps(to)}\nlook_s = 0.2\nevery_minutes = 0\n{more}\n"


@asynccontextmanager
async def staged(tmp_path: Path, *to: str, more: str = "") -> AsyncIterator[Stage]:
    async with stage(tmp_path, worker=QUICK, config=config(*to, more=more)) as set_up:
        await establish(set_up.bus.api, NAMES, (ENV,))
        yield set_up


async def told(set_up: Stage, *words: str) -> Any:
    code, out, err = await set_up.run("alerts", *words, "--json")
    assert code == 0, err
    return json.loads(out)


async def begun(set_up: Stage) -> None:
    """The watchman has looked once: what comes from now on is news."""
    async with asyncio.timeout(60):
        while await book(set_up).mark() is None:
            await asyncio.sleep(0.05)


def book(set_up: Stage) -> Book:
    return Book(bucket=set_up.bus.bucket(NAMES.bucket("DOCKET")))


async def until_told(set_up: Stage, key: str, times: int) -> Thread:
    async with asyncio.timeout(60):
        while True:
            thread = await book(set_up).thread(key)
            if thread is not None and thread.told == times and thread.notice is None:
                return thread
            await asyncio.sleep(0.05)


async def stopped(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    assert await process.wait() == 0


async def test_a_critical_error_reaches_mailbox_and_webhook_as_one_inert_thread(
    tmp_path: Path,
) -> None:
    with webhook() as hook, mailbox() as box:
        async with staged(tmp_path, "env:NIGHT", box.url) as set_up:
            night = f"{hook.url}?redirect=yes"
            await tried_out(set_up, night, hook, box)
            worker = await set_up.spawn("work", "--log", "json", NIGHT=night)
            await begun(set_up)
            hostile = coupon_report(service="<!here> evil.com", level="fatal")
            await set_up.publish(hostile)
            issue = await told_of_the_error(set_up, hook, box)
            await stopped(worker)
            await answered(set_up, f"issue.{issue}")


async def tried_out(set_up: Stage, night: str, hook: Webhook, box: Mailbox) -> None:
    """A destination that redirects has not taken it, whatever its address says."""
    with webhook() as elsewhere:
        hook.location, hook.statuses = f"http://127.0.0.1:{elsewhere.port}/stolen", [307]
        code, out, _ = await set_up.run("alerts", "test", "--json", NIGHT=night)
        hook.location = ""
        assert code == 1
        refused, taken = (row["result"] for row in json.loads(out))
        assert refused.endswith("did not take it.")
        assert taken == "taken"
        assert not elsewhere.seen
    assert hook.next().body["title"] == "[shop] test: Alerts arrive here"
    assert box.next()["Subject"] == "[shop] test: Alerts arrive here"


async def told_of_the_error(set_up: Stage, hook: Webhook, box: Mailbox) -> str:
    asked = await asyncio.to_thread(hook.next)
    letter = await asyncio.to_thread(box.next)
    body = asked.body["message"]
    assert asked.body["title"] == "[shop] critical: KeyError in discount (/app/shop/pricing.py)"
    assert letter["Subject"] == asked.body["title"]
    assert letter["X-Mendwire-Alert"] in body
    assert letter["References"]
    for text in (body, letter.as_string()):
        assert "<!here>" not in text
        assert "evil.com" not in text
    assert "Of level fatal in production" in body
    (case,) = await set_up.cases()
    await until_told(set_up, f"issue.{case.issue}", 1)
    assert len(hook.seen) == 2
    return case.issue


async def answered(set_up: Stage, key: str) -> None:
    """What people say to it, and that it is written down who did."""
    (row,) = await told(set_up, "list")
    assert (row["key"], row["rule"], row["told"]) == (key, "critical", 1)
    assert (await told(set_up, "ack", key))["acked_by"]
    assert (await told(set_up, "silence", key, "--for", "2h"))["muted_ns"] > 0
    assert (await told(set_up, "silence", "--rule", "new"))["rule"] == "new"
    shown = await told(set_up, "show", key)
    assert (shown["told"], bool(shown["acked_by"])) == (1, True)
    assert list(await book(set_up).silences()) == ["new"]
    code, _, err = await set_up.run("alerts", "ack", "issue.*")
    assert code == 2
    assert "mendwire alerts list" in err
    deeds = [entry.value async for entry in book(set_up).bucket.scan("audit")]
    assert sum(b"alerts ack" in deed for deed in deeds) == 1
    assert sum(b"alerts silence" in deed for deed in deeds) == 2


async def test_nothing_is_lost_when_who_tells_is_killed_and_when_the_server_is(
    tmp_path: Path,
) -> None:
    with webhook() as hook, webhook() as switch:
        more = f'heartbeat = "http://127.0.0.1:{switch.port}/beat"\n{BEATS}\noff = ["workers"]'
        async with staged(tmp_path, hook.url, more=more) as set_up:
            one = await set_up.spawn("alerts", "run")
            await begun(set_up)
            other = await set_up.spawn("alerts", "run")
            assert (await asyncio.to_thread(switch.next)).path == "/beat"
            first = await killed_while_it_sends(set_up, hook, one)
            await told_by_the_other(set_up, hook, first)
            await told_of_an_outage(set_up, hook)
            await stopped(other)
            assert len(hook.seen) == 6


async def killed_while_it_sends(
    set_up: Stage, hook: Webhook, process: asyncio.subprocess.Process
) -> str:
    """The notice is received, and the answer never comes."""
    hook.holding.clear()
    await set_up.bus.publish(f"{NAMES.namespace}.dead.X", b"{}")
    first = await asyncio.to_thread(hook.next)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    hook.statuses += [503]  # and the next try meets a server in trouble
    hook.holding.set()
    return str(first.body["message"])


async def told_by_the_other(set_up: Stage, hook: Webhook, first: str) -> None:
    """The same notice under the same id, until it is taken; then what comes after it."""
    again = await asyncio.to_thread(hook.next)
    await put_forward(set_up, "dead")
    third = await asyncio.to_thread(hook.next)
    assert first == again.body["message"] == third.body["message"]
    await until_told(set_up, "dead", 1)
    await set_up.bus.api.call(f"STREAM.PURGE.{NAMES.stream('DEAD')}")
    over = await asyncio.to_thread(hook.next)
    assert over.body["title"] == "[shop] over: Dead letters wait for a person (2)"
    await until_told(set_up, "dead", 2)


async def told_of_an_outage(set_up: Stage, hook: Webhook) -> None:
    """It cannot be written where everything else is; its end is told, too."""
    kept = set_up.folder / ".mendwire/alerts/outage.json"
    set_up.server.kill()
    away = await asyncio.to_thread(hook.next)
    assert away.body["title"] == "[shop] server: The NATS server does not answer"
    assert kept.exists()
    await set_up.server.restart()
    back = await asyncio.to_thread(hook.next)
    assert back.body["title"] == "[shop] over: The NATS server does not answer"
    async with asyncio.timeout(60):  # forgotten once it was taken
        while kept.exists():
            await asyncio.sleep(0.05)


async def put_forward(set_up: Stage, key: str) -> None:
    """The next try is due now: nobody waits ten seconds for it."""

    def now(thread: Thread | None) -> Thread | None:
        if thread is None or thread.notice is None or not thread.notice.tries:
            return None
        return replace(thread, notice=replace(thread.notice, due_ns=1))

    async with asyncio.timeout(60):
        while True:
            thread = await book(set_up).change(key, now)
            if thread is not None and thread.notice is not None and thread.notice.due_ns == 1:
                return
            await asyncio.sleep(0.05)
