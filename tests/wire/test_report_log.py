"""``mendwire report --log`` against a real server: followed, cut off, killed; nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer
from tests.stack_pages import stack_page

STREAM = "AI_TUTOR_STAGING_ERRORS"
COUNTS = "AI_TUTOR_OCCURRENCES"
PAGE = stack_page("log-lines")


@dataclass(frozen=True, kw_only=True)
class Log:
    """Starts the command in a folder, with its spool there."""

    folder: Path
    url: str

    @asynccontextmanager
    async def followed(
        self, release: str = "1.4.2", **streams: Any
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        clean = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
        words = ("report", "--log", "--env", "staging", "--release", release, "--json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "mendwire", *words),
            cwd=self.folder,
            env={
                **clean,
                "NATS_URL": self.url,
                "NATS_NAMESPACE": "ai_tutor",
                "MENDWIRE_SPOOL": str(self.folder / "spool"),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdin=streams.get("stdin", asyncio.subprocess.PIPE),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def read(self, text: str, release: str = "1.4.2") -> tuple[int, dict[str, int], str]:
        """The command on a whole log: exit code, its sums, what it complained of."""
        async with self.followed(release) as process, asyncio.timeout(60):
            out, err = await process.communicate(text.encode())
            assert process.returncode is not None
            return process.returncode, json.loads(out), err.decode()


@pytest.fixture
def log(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Log:
    del bus  # the streams are there
    folder = tmp_path / "log"
    folder.mkdir()
    return Log(folder=folder, url=server.url)


async def bodies(bus: JetStreamBus, stream: str) -> list[dict[str, Any]]:
    return [json.loads(one.payload) async for one in bus.walk(stream, 1_000, 1 << 60)]


async def until(bus: JetStreamBus, stream: str, wanted: int) -> list[dict[str, Any]]:
    """What is in the stream once that many are."""
    async with asyncio.timeout(60):
        while len(found := await bodies(bus, stream)) < wanted:
            await asyncio.sleep(0.02)
    return found


async def test_the_log_of_the_page_is_two_reports_and_a_count(log: Log, bus: JetStreamBus) -> None:
    code, sums, err = await log.read(PAGE.file("shop.log"))
    assert (code, err) == (0, "")
    assert sums == {"errors": 3, "stored": 2, "counted": 1, "spooled": 0, "dropped": 0}
    line, stack = await bodies(bus, STREAM)
    assert line["error"].endswith("no price for order 4711 from 10.0.3.17:51234")
    assert stack["type"] == "shop.cart.OrderFailed"
    assert stack["stack"].startswith("2026-11-25T11:30:42.001Z ERROR shop.cart: charging failed\n")
    assert stack["stack"].endswith("\nshop.cart.OrderFailed: no price for order 98")
    assert (stack["release"], stack["language"]) == ("1.4.2", "python")
    (count,) = await bodies(bus, COUNTS)
    assert (count["count"], count["environment"]) == (1, "staging")


async def test_a_growing_file_is_followed_over_its_rotation(log: Log, bus: JetStreamBus) -> None:
    path = log.folder / "shop.log"
    path.write_text("ERROR: before\n")
    reading, writing = os.pipe()
    tail = await asyncio.create_subprocess_exec(
        *("tail", "-n1", "--sleep-interval=0.02", "-F", str(path)),
        stdout=writing,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        async with log.followed(stdin=reading) as process:
            os.close(reading)
            # A record is complete after a second of silence: nothing comes after this one.
            assert [one["error"] for one in await until(bus, STREAM, 1)] == ["ERROR: before"]
            path.rename(log.folder / "shop.log.1")
            path.write_text("ERROR: after\n  detail: it was rotated\nINFO: on\n")
            found = await until(bus, STREAM, 2)
            assert found[1]["error"] == "ERROR: after detail: it was rotated"
            tail.kill()
            out, err = await asyncio.wait_for(process.communicate(), 60)
            assert (process.returncode, err) == (0, b"")
            assert json.loads(out)["stored"] == 2
    finally:
        if tail.returncode is None:
            tail.kill()
        await tail.wait()


async def test_told_to_stop_it_sends_what_it_has_read(log: Log, bus: JetStreamBus) -> None:
    async with log.followed() as process:
        assert process.stdin
        process.stdin.write(b"ERROR: one\nERROR: two\nERROR: one\nERROR: last, and the log goes on")
        await until(bus, STREAM, 2)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        assert json.loads(out) | {"errors": 4, "stored": 3, "counted": 1} == json.loads(out)
    assert (await bodies(bus, STREAM))[2]["error"] == "ERROR: last, and the log goes on"


async def test_while_the_server_is_away_reports_wait_on_disk(
    log: Log, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    code, sums, err = await log.read("ERROR: one\nERROR: two\nERROR: one\n")
    assert code == 3
    assert sums["stored"] == 0
    assert sums["spooled"] == 3  # two reports, and the count of the third
    assert "No NATS server answers" in err
    assert str(log.folder / "spool") in err
    await server.start()
    code, sums, _ = await log.read("INFO: nothing new\n")
    assert (code, sums["errors"], sums["stored"]) == (0, 0, 2)
    assert [one["error"] for one in await until(bus, STREAM, 2)] == ["ERROR: one", "ERROR: two"]


async def test_each_outage_and_its_end_are_told_once(
    log: Log, bus: JetStreamBus, server: RealServer
) -> None:
    async with log.followed() as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"ERROR: one\n")
        await until(bus, STREAM, 1)
        for number, word in enumerate(("two", "three"), 2):
            server.kill()
            process.stdin.write(f"ERROR: {word}\n".encode())
            async with asyncio.timeout(60):
                assert b"Reports wait on disk meanwhile." in await process.stderr.readline()
                await server.start()
                assert b"The server is back" in await process.stderr.readline()
            await until(bus, STREAM, number)
        async with asyncio.timeout(60):
            out, err = await process.communicate(b"")
        assert (process.returncode, err) == (0, b"")
        assert json.loads(out)["stored"] == 3


async def test_a_storm_is_one_report_and_its_true_count(log: Log, bus: JetStreamBus) -> None:
    lines = "".join(
        f"ERROR shop[{4000 + n}]: no price for order {10_000 + n}\n" for n in range(2_000)
    )
    code, sums, _ = await log.read(lines)
    assert code == 0
    assert sums == {"errors": 2000, "stored": 1, "counted": 1999, "spooled": 0, "dropped": 0}
    assert len(await bodies(bus, STREAM)) == 1
    assert sum(one["count"] for one in await bodies(bus, COUNTS)) == 1999


async def test_what_is_no_text_and_has_no_end_is_taken(log: Log, bus: JetStreamBus) -> None:
    async with log.followed() as process, asyncio.timeout(60):
        await process.communicate(
            b"ERROR: \xff\xfe caf\xc3\xa9\n" + b"x" * 1_000_000 + b"\nERROR: end"
        )
        assert process.returncode == 0
    found = [one["error"] for one in await bodies(bus, STREAM)]
    assert found == ["ERROR: \ufffd\ufffd café", "ERROR: end"]


async def test_a_message_and_a_log_do_not_go_together(log: Log) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", "report", "--log", "a message"),
        cwd=log.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"--log reads standard input as a log" in err
