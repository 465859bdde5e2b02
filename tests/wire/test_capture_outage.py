"""The server away under load and the host killed meanwhile; storms; many threads.

``MENDWIRE_OUTAGE_S`` makes the outage longer than the few seconds that are enough to see it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer
from tests.sdk_host import Host

OUTAGE_S = float(os.environ.get("MENDWIRE_OUTAGE_S", "3"))
WINDOW_S = 2.0
"""What a host took in the last moments before it is killed may be lost: it was in memory. One
second is what the documentation says of a machine with nothing else to do."""
LOAD = """
def word(number):
    return "".join(chr(ord("b") + int(digit)) for digit in str(number))

def fail(text):
    try:
        raise RuntimeError(text)
    except RuntimeError as problem:
        return mendwire.capture(problem)

def load(name, until=lambda: False):
    number = 0
    while not until():
        number += 1
        assert fail(f"{name} {word(number)} end")
        print(number, time.time(), flush=True)
        time.sleep(0.01)
"""

pytestmark = pytest.mark.timeout(120 + 3 * OUTAGE_S)


@pytest.fixture
def host(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Host:
    del bus  # the streams are there
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder, server.url)


def numbers_of(name: str, bodies: list[dict[str, Any]]) -> list[int]:
    """The numbers of one host's errors, in the order in which they are stored."""
    words = [body["error"].split() for body in bodies]
    return [
        int("".join(str(ord(letter) - ord("b")) for letter in word))
        for _, host, word, _ in words
        if host == name
    ]


async def everything(bus: JetStreamBus, kind: str = "STAGING_ERRORS") -> list[dict[str, Any]]:
    found = [m async for m in bus.walk(f"AI_TUTOR_{kind}", 10**6, 10**9)]
    return [json.loads(message.payload) for message in found]


async def test_nothing_is_lost_or_doubled_while_the_server_is_away_and_the_host_is_killed(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    first = await host.start(LOAD + "load('first')")
    assert first.stdout
    for _ in range(20):
        await first.stdout.readline()
    server.kill()
    lines: list[bytes] = []
    reading = asyncio.create_task(_read(first.stdout, lines))
    await asyncio.sleep(OUTAGE_S / 2 + WINDOW_S)
    killed_at = time.time()
    first.kill()
    await first.wait()
    await reading
    taken = [line.split() for line in lines if line.endswith(b"\n")]
    assert not [words for words in taken if len(words) != 2]
    safe = 20 + sum(float(at) < killed_at - WINDOW_S for _, at in taken)

    second = await host.start(
        LOAD
        + "load('second', until=lambda: os.path.exists('enough'))\n"
        + "assert mendwire.flush(60)\n"
        + "print('statistics', __import__('json').dumps(mendwire.capture.statistics()))\n"
    )
    await asyncio.sleep(OUTAGE_S / 2)
    await server.start()
    (host.folder / "enough").touch()
    async with asyncio.timeout(90):
        output, _ = await second.communicate()
    assert second.returncode == 0, output.decode()[-2000:]

    bodies = await everything(bus)
    of_first, of_second = numbers_of("first", bodies), numbers_of("second", bodies)
    print(f"taken by the first host: {int(taken[-1][0])}, safe: {safe}, arrived: {len(of_first)}")  # noqa: T201 - figures
    print(f"by the second: {len(of_second)}")  # noqa: T201 - figures
    assert of_first == list(range(1, len(of_first) + 1)), "each once and in order"
    assert len(of_first) >= safe
    *load, told = output.decode().splitlines()
    assert of_second == list(range(1, len(load) + 1)), "each once and in order"
    assert await everything(bus, "OCCURRENCES") == [], "nothing was counted as a repeat"
    sums = json.loads(told.removeprefix("statistics"))
    assert sums["stored"] == sums["captured"] + sums["adopted"]
    assert (sums["spooled"], sums["dropped"], sums["waiting"]) == (0, 0, 0)
    assert host.files() == []


async def _read(stream: asyncio.StreamReader, lines: list[bytes]) -> None:
    while line := await stream.readline():
        lines.append(line)


async def test_a_report_that_was_sent_before_its_host_was_killed_is_no_repeat(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    """Sent from the spool, stored, and the acknowledgement never seen: it is sent again."""
    server.kill()
    await host.run(LOAD + "for number in range(40): fail(f'shop {word(number)} end')")
    await server.start()
    copies = {file.name: file.read_bytes() for file in host.files()}
    await host.run("assert mendwire.flush(20)")
    assert host.files() == []
    for name, content in copies.items():  # as if nobody had noted what was settled
        sent = len(content).to_bytes(8, "big")
        (host.spool / name).write_bytes(content[:8] + sent + content[16:])
    code, output = await host.run(
        "assert mendwire.flush(20); print(mendwire.capture.statistics()['stored'])"
    )
    assert (code, output.split()[-1]) == (0, "40"), output
    assert len(await everything(bus)) == 40
    assert await everything(bus, "OCCURRENCES") == []


async def test_a_hundred_thousand_of_one_error_are_one_report_and_a_true_count(
    host: Host, bus: JetStreamBus
) -> None:
    code, output = await host.run("""
        took = []
        try:
            total({'price': 3})
        except ZeroDivisionError as problem:
            for number in range(100_000):
                problem.__dict__.clear()  # as if it had been raised anew
                began = time.perf_counter()
                mendwire.capture(problem)
                took.append(time.perf_counter() - began)
        took.sort()
        print(f"{sum(took):.2f} s, p50 {took[50_000] * 1e6:.1f}, p99 {took[99_000] * 1e6:.1f} µs")
        assert mendwire.flush(20)
        sums = mendwire.capture.statistics()
        assert (sums["captured"], sums["stored"], sums["counted"]) == (100_000, 1, 99_999), sums
    """)
    print(output)  # noqa: T201 - figures
    assert code == 0, output
    assert len(await everything(bus)) == 1
    assert sum(body["count"] for body in await everything(bus, "OCCURRENCES")) == 99_999


async def test_many_threads_at_once_lose_nothing(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run(
        LOAD
        + """
def work(name):
    for number in range(1000):
        fail(f"{name} {word(number % 25)} end")
threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert mendwire.flush(30)
sums = mendwire.capture.statistics()
assert (sums["captured"], sums["stored"], sums["counted"]) == (8000, 200, 7800), sums
"""
    )
    assert code == 0, output
    assert len(await everything(bus)) == 200
    assert sum(body["count"] for body in await everything(bus, "OCCURRENCES")) == 7800


async def test_a_hundred_thousand_distinct_errors_without_a_server_stay_bounded_and_accounted(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    code, output = await host.run(
        LOAD
        + """
import resource
mendwire.init(service="shop", release="r1", shutdown_timeout_s=30)
fail("shop b end")  # loads what the first one loads
mendwire.flush(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(1, 100_000):
    fail(f"shop {word(number)} end")
mendwire.flush(2)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
assert grown < 100, grown
sums = mendwire.capture.statistics()
assert sums["captured"] == 100_000
told = sum(sums[name] for name in ("stored", "counted", "spooled", "dropped", "waiting"))
print(f"{grown:.0f} MB more at most")
print(sums)
assert told == 100_000, sums
assert sums["dropped"], sums
"""
    )
    print(output)  # noqa: T201 - figures
    assert code == 0, output
    await server.start()
    code, output = await host.run(
        "assert mendwire.flush(60); print(mendwire.capture.statistics()['stored'])"
    )
    assert code == 0, output
    arrived = await everything(bus)
    told = await everything(bus, "OCCURRENCES")
    dropped = sum(sum(body["dropped"].values()) for body in told)
    assert len(arrived) == int(output.split()[-1])
    assert len(arrived) + dropped == 100_000
    numbers = numbers_of("shop", arrived)
    assert numbers == sorted(numbers)


async def test_hosts_that_share_a_spool_each_bring_their_own(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    names = ("one", "two", "three")
    program = """
        load(os.environ["HOST_NAME"], until=lambda: os.path.exists("enough"))
        assert mendwire.flush(60)
    """
    running = []
    for name in names:
        process = await host.start(LOAD + dedent(program), HOST_NAME=name)
        running.append(process)
        # It has read its program before the next one writes that file again.
        assert process.stdout
        for _ in range(30):
            await process.stdout.readline()
    running[0].kill()
    rest = [asyncio.create_task(_drained(process)) for process in running]
    await server.start()
    (host.folder / "enough").touch()
    async with asyncio.timeout(60):
        counts = [30 + await one for one in rest]
    assert [process.returncode for process in running[1:]] == [0, 0]
    bodies = await everything(bus)
    for name, accepted in zip(names[1:], counts[1:], strict=True):
        assert numbers_of(name, bodies) == list(range(1, accepted + 1))
    of_dead = numbers_of("one", bodies)
    assert of_dead == list(range(1, len(of_dead) + 1))
    assert await everything(bus, "OCCURRENCES") == []
    assert host.files() == []


async def _drained(process: asyncio.subprocess.Process) -> int:
    """How many more lines come until the process ends."""
    assert process.stdout
    counter = count()
    while await process.stdout.readline():
        next(counter)
    await process.wait()
    return next(counter)


async def test_one_environment_without_a_stream_does_not_hold_back_the_others(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    await host.run(LOAD + "fail('qa b end')", MENDWIRE_ENVIRONMENT="qa")
    await host.run(LOAD + "fail('shop b end')")
    await server.start()
    await host.run("mendwire.flush(20)")
    assert numbers_of("shop", await everything(bus)) == [0]
    assert [item.environment for item in host.spooled()] == ["qa"]


async def test_a_full_spool_keeps_the_oldest_and_the_loss_is_told(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    code, output = await host.run(
        LOAD
        + """
from mendwire.capture import sdk
sdk._installed.target.spool.max_bytes = 20_000
for number in range(100):
    fail(f"shop {word(number)} end")
"""
    )
    assert code == 0, output
    assert "Mendwire lost" in output
    await server.start()
    code, output = await host.run("assert mendwire.flush(20)")
    assert code == 0, output
    numbers = numbers_of("shop", await everything(bus))
    assert numbers == list(range(len(numbers)))
    (told,) = await everything(bus, "OCCURRENCES")
    assert told["dropped"] == {"spool full": 100 - len(numbers)}
    assert told["source"] == "sdk"
