"""Alerts as people get them: by mail and webhook, once, bounded, through kills and outages."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mendwire.notify.book import Book
from mendwire.notify.thread import Thread
from tests.journey.stage import NAMES, Stage, coupon_report, stage
from tests.sinks import Mailbox, Webhook, mailbox, webhook

QUICK = "heartbeat_s = 0.5"


def config(*to: str, more: str = "") -> str:
    """Alerts that look often."""
    return f"\n[alerts]\nto = {json.dumps(to)}\nlook_s = 0.2\nevery_minutes = 0\n{more}\n"


@asynccontextmanager
async def staged(tmp_path: Path, *to: str, more: str = "") -> AsyncIterator[Stage]:
    async with stage(tmp_path, worker=QUICK, config=config(*to, more=more)) as set_up:
        await set_up.run("streams", "apply")
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
            worker = await set_up.spawn("work", "--log", "json", NIGHT=hook.url)
            await begun(set_up)
            hostile = coupon_report(service="<!here> evil.com", level="fatal")
            await set_up.publish(hostile)
            (case,) = await told_of_the_error(set_up, hook, box)
            await stopped(worker)
            await answered(set_up, f"issue.{case}")


async def told_of_the_error(set_up: Stage, hook: Webhook, box: Mailbox) -> list[str]:
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
    assert len(hook.seen) == 1
    return [case.issue]


async def answered(set_up: Stage, key: str) -> None:
    """What people say to it, and that it is written down who did."""
    (row,) = await told(set_up, "list")
    assert (row["key"], row["rule"], row["told"]) == (key, "critical", 1)
    assert (await told(set_up, "show", key))["told"] == 1
    assert (await told(set_up, "ack", key))["acked_by"]
    assert (await told(set_up, "list"))[0]["stand"].startswith("acked by ")
    assert (await told(set_up, "silence", key, "--for", "2h"))["muted_ns"] > 0
    assert (await told(set_up, "silence", "--rule", "new"))["rule"] == "new"
    assert (await told(set_up, "silence", key, "--end"))["acked_by"] == ""
    code, _, err = await set_up.run("alerts", "ack", "issue.*")
    assert code == 2
    assert "mendwire alerts list" in err
    deeds = [entry.value async for entry in book(set_up).bucket.scan("audit")]
    assert sum(b"alerts ack" in deed for deed in deeds) == 1
    assert sum(b"alerts silence" in deed for deed in deeds) == 3


async def test_kill_9_at_any_moment_loses_nothing_and_repeats_only_under_the_same_id(
    tmp_path: Path,
) -> None:
    with webhook() as hook:
        async with staged(tmp_path, hook.url, more='off = ["workers"]') as set_up:
            process = await set_up.spawn("alerts", "run")
            await begun(set_up)
            hook.holding.clear()  # it is received, and the answer never comes
            await set_up.bus.publish(f"{NAMES.namespace}.dead.X", b"{}")
            first = await asyncio.to_thread(hook.next)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            hook.holding.set()
            hook.statuses += [503]  # and the next try meets a server in trouble
            process = await set_up.spawn("alerts", "run", "--log", "json")
            again = await asyncio.to_thread(hook.next)
            await put_forward(set_up, "dead")
            third = await asyncio.to_thread(hook.next)
            assert first.body["message"] == again.body["message"] == third.body["message"]
            await until_told(set_up, "dead", 1)
            await set_up.bus.api.call(f"STREAM.PURGE.{NAMES.stream('DEAD')}")
            over = await asyncio.to_thread(hook.next)
            assert over.body["title"] == "[shop] over: Dead letters wait for a person (2)"
            await until_told(set_up, "dead", 2)
            await stopped(process)
            assert len(hook.seen) == 4


async def put_forward(set_up: Stage, key: str) -> None:
    """The next try is due now: nobody waits ten seconds for it."""
    from dataclasses import replace

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


async def test_of_two_processes_one_tells_and_the_other_goes_on_when_it_dies(
    tmp_path: Path,
) -> None:
    with webhook() as hook:
        async with staged(tmp_path, hook.url, more='off = ["workers"]') as set_up:
            one = await set_up.spawn("alerts", "run")
            await begun(set_up)
            other = await set_up.spawn("alerts", "run")
            await set_up.bus.publish(f"{NAMES.namespace}.dead.X", b"{}")
            await asyncio.to_thread(hook.next)
            await until_told(set_up, "dead", 1)
            one.send_signal(signal.SIGKILL)
            await one.wait()
            await set_up.bus.publish(f"{NAMES.namespace}.quarantine.production", b"{}")
            await asyncio.to_thread(hook.next)
            await until_told(set_up, "quarantine", 1)
            await stopped(other)
            assert len(hook.seen) == 2


async def test_a_server_that_is_away_is_told_of_and_so_is_its_return(tmp_path: Path) -> None:
    beats = "down_minutes = 0.01\nheartbeat_s = 0.2"
    with webhook() as hook, webhook() as switch:
        more = f'heartbeat = "http://127.0.0.1:{switch.port}/beat"\n{beats}\noff = ["workers"]'
        async with staged(tmp_path, hook.url, more=more) as set_up:
            process = await set_up.spawn("alerts", "run")
            await begun(set_up)
            assert (await asyncio.to_thread(switch.next)).path == "/beat"
            set_up.server.kill()
            away = await asyncio.to_thread(hook.next)
            assert away.body["title"] == "[shop] server: The NATS server does not answer"
            await set_up.server.restart()
            back = await asyncio.to_thread(hook.next)
            assert back.body["title"] == "[shop] over: The NATS server does not answer"
            async with asyncio.timeout(60):  # what was told is forgotten after it was taken
                while (set_up.folder / ".mendwire/alerts/outage.json").exists():
                    await asyncio.sleep(0.05)
            await stopped(process)
            assert len(hook.seen) == 2


async def test_a_destination_that_redirects_has_not_taken_it_whatever_its_address_says(
    tmp_path: Path,
) -> None:
    with webhook() as hook, webhook() as elsewhere:
        hook.location = f"http://127.0.0.1:{elsewhere.port}/stolen"
        hook.statuses = [307, 302]
        async with stage(tmp_path, config=config(f"{hook.url}?redirect=yes")) as set_up:
            code, out, _ = await set_up.run("alerts", "test", "--json")
            assert code == 1
            assert "did not take it" in json.loads(out)[0]["result"]
            assert not elsewhere.seen
            hook.location, hook.statuses = "", []
            assert (await set_up.run("alerts", "test"))[0] == 0
            assert hook.titles[-1] == "[shop] test: Alerts arrive here"
    async with stage(tmp_path / "other", config=config("nonsense://x")) as set_up:
        code, _, err = await set_up.run("alerts", "test")
        assert code == 2
        assert "Apprise does not know" in err
