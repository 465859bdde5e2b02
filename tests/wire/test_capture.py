"""The SDK in real processes against a real server: crashes, storms, outages, forks."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mendwire.model.report import parse_report
from mendwire.model.signature import issue_key, signature
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer
from tests.sdk_host import Host, repeats, stored


@pytest.fixture
def host(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Host:
    del bus  # the streams are there
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder, server.url)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_uncaught_exception_arrives_whole(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("total({'price': 3}, discount=0)\n")
    assert code == 1
    assert "ZeroDivisionError: division by zero" in output
    (message,) = [m async for m in bus.walk("AI_TUTOR_STAGING_ERRORS", 10, 10)]
    report = parse_report(message.payload)
    assert report.error == "ZeroDivisionError: division by zero"
    assert (report.service, report.release, report.level) == ("shop", "r1", "fatal")
    crash = report.frames[-1]
    assert (crash.file, crash.function, crash.in_app) == ("shop.py", "total", True)
    assert crash.code == 'return items["price"] / discount'
    assert crash.arguments == {"items": {"price": 3}, "discount": 0}
    assert report.context["file"] == "shop.py"
    key = signature(report, namespace="ai_tutor", environment="staging")
    assert message.ref.msg_id == f"ai_tutor-staging-{key}"
    assert message.headers["Mendwire-Issue"] == issue_key(report)


@pytest.mark.parametrize(
    ("program", "mechanism"),
    [
        (
            "t = threading.Thread(target=total, args=({'price': 3},)); t.start(); t.join()",
            "threading",
        ),
        (
            """
            async def main():
                async def job():
                    total({'price': 3})
                task = asyncio.ensure_future(job())
                while not task.done():
                    await asyncio.sleep(0)
                del task
            asyncio.run(main())
            """,
            "asyncio",
        ),
        (
            """
            logger = logging.getLogger("shop"); logger.propagate = False
            logger.addHandler(logging.NullHandler())
            try:
                total({'price': 3})
            except ZeroDivisionError:
                logger.exception("checkout failed for %s", "ada")
            """,
            "logging",
        ),
        (
            """
            try:
                total({'price': 3})
            except ZeroDivisionError:
                assert mendwire.capture(mechanism="by hand")
            """,
            "by hand",
        ),
    ],
)
async def test_every_way_to_fail_is_reported_once(
    host: Host, bus: JetStreamBus, program: str, mechanism: str
) -> None:
    code, output = await host.run(program)
    assert code == 0, output
    (body,) = await stored(bus)
    assert body["context"]["mechanism"] == mechanism
    assert body["frames"][-1]["function"] == "total"
    assert await repeats(bus) == 0


async def test_logged_and_raised_on_is_one_occurrence(host: Host, bus: JetStreamBus) -> None:
    await host.run("""
        try:
            total({'price': 3})
        except ZeroDivisionError as problem:
            logging.exception("failed")
            raise
    """)
    assert len(await stored(bus)) == 1
    assert await repeats(bus) == 0


async def test_a_storm_is_one_message_and_a_true_count(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        started = time.perf_counter()
        for number in range(10_000):
            try:
                total({'price': number})
            except ZeroDivisionError as problem:
                assert mendwire.capture(problem)
        print(time.perf_counter() - started)
        assert mendwire.flush(10)
    """)
    assert code == 0, output
    assert len(await stored(bus)) == 1
    assert await repeats(bus) == 9_999
    assert float(output.split()[-1]) < 5


async def test_a_repeat_that_the_server_drops_is_counted(host: Host, bus: JetStreamBus) -> None:
    program = """
        try:
            total({'price': 3})
        except ZeroDivisionError:
            mendwire.capture()
    """
    for _ in range(3):
        await host.run(program)
    assert len(await stored(bus)) == 1
    assert await repeats(bus) == 2


async def test_no_secret_leaves_and_changed_arguments_are_left_out(
    host: Host, bus: JetStreamBus
) -> None:
    await host.run("""
        def login(user, password):
            raise ValueError(f"cannot log in with password={password}")
        try:
            login("ada", "hun" + "ter2")
        except ValueError:
            mendwire.capture(headers={"Authorization": "hun" + "ter2"}, note="hi")
    """)
    (body,) = await stored(bus)
    assert "hunter2" not in json.dumps(body)
    assert body["context"]["note"] == "hi"
    assert body["frames"][-1]["arguments"] is None


async def test_with_the_server_away_reports_wait_on_disk_in_order(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    server.kill()
    fail = """
        for number in range(5):
            try:
                raise RuntimeError(f"failure number {'abcde'[number]}")
            except RuntimeError as problem:
                mendwire.capture(problem)
    """
    started = time.monotonic()
    code, output = await host.run(fail)
    assert code == 0, output
    assert time.monotonic() - started < 10
    assert len(host.spooled()) == 5
    assert all(file.stat().st_mode & 0o077 == 0 for file in (host.spool, *host.files()))
    await server.start()
    code, output = await host.run("assert mendwire.flush(20)")
    assert code == 0, output
    assert [body["error"][-1] for body in await stored(bus)] == list("abcde")
    assert host.spooled() == []


async def test_a_running_host_survives_the_servers_death_and_drains(
    host: Host, bus: JetStreamBus, server: RealServer
) -> None:
    process = await host.start("""
        for line in sys.stdin:
            try:
                raise RuntimeError(line.strip())
            except RuntimeError as problem:
                started = time.perf_counter()
                mendwire.capture(problem)
                assert time.perf_counter() - started < 1
            flushed = "flushed" if mendwire.flush(8) else "waiting"
            print(flushed, mendwire.capture.statistics()["problem"], flush=True)
    """)
    assert process.stdin
    assert process.stdout

    async def say(word: str) -> str:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{word}\n".encode())
        async with asyncio.timeout(30):
            return (await process.stdout.readline()).decode().strip()

    assert await say("one") == "flushed"
    server.kill()
    away = (f"waiting No NATS server answers at {server.url}", "waiting The connection to the")
    assert (await say("two")).startswith(away)
    assert (await say("three")).startswith(away)
    assert host.files()
    await server.start()
    assert await say("four") == "flushed", "and what was wrong is no more said to be"
    process.stdin.close()
    await process.wait()
    errors = [body["error"].split()[-1] for body in await stored(bus)]
    assert sorted(errors) == ["four", "one", "three", "two"]
    assert errors.index("two") < errors.index("three")
    assert host.spooled() == []


async def test_a_server_that_never_answers_does_not_hold_the_host(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts, and never says a word
        await _crash_against(host, listening.getsockname()[1])


async def _crash_against(host: Host, port: int) -> None:
    started = time.monotonic()
    code, output = await host.run("total({'price': 3})\n", NATS_URL=f"nats://127.0.0.1:{port}")
    assert code == 1, output
    assert time.monotonic() - started < 8
    assert len(host.spooled()) == 1


async def test_without_the_stream_reports_wait(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("total({'price': 3})\n", MENDWIRE_ENVIRONMENT="qa")
    assert code == 1, output
    assert len(host.spooled()) == 1
    assert await stored(bus) == []


async def test_a_forked_child_reports_by_itself(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        def fail(text):
            try:
                raise RuntimeError(text)
            except RuntimeError as problem:
                mendwire.capture(problem)
            assert mendwire.flush(10)
        fail("parent")
        import warnings
        warnings.simplefilter("ignore")  # newer Pythons warn of every fork beside a thread
        child = os.fork()
        if child == 0:
            fail("child")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        fail("parent again")
    """)
    assert code == 0, output
    errors = [body["error"].partition(": ")[2] for body in await stored(bus)]
    assert errors == ["parent", "child", "parent again"]


async def test_odd_exceptions_do_not_reach_the_host(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        class Odd(Exception):
            def __str__(self):
                raise ValueError("no text")
            @property
            def code(self):
                raise KeyError("no code")
        class Loud:
            def __repr__(self):
                logging.exception("inside")
                raise OSError
        def deep(n):
            return deep(n - 1) if n else 1 / 0
        for work in (lambda: (_ for _ in ()).throw(Odd()), lambda: deep(300)):
            try:
                work()
            except Exception as problem:
                mendwire.capture(problem, loud=Loud(), nan=float("nan"), itself=problem)
        assert mendwire.flush(10)
        assert mendwire.capture() is False
    """)
    assert code == 0, output
    bodies = await stored(bus)
    assert [body["error"] for body in bodies] == [
        "Odd: <unprintable>",
        "ZeroDivisionError: division by zero",
    ]
    assert bodies[0]["context"]["loud"] == "<unprintable>"
    assert len(bodies[1]["frames"]) == 150


@pytest.mark.parametrize(
    "environ", [{"NATS_NAMESPACE": "a.b*"}, {"MENDWIRE_ENVIRONMENT": "a.b*"}, {"NATS_URL": "::"}]
)
async def test_a_wrong_setting_is_one_logged_sentence(host: Host, environ: dict[str, str]) -> None:
    code, output = await host.run("print(mendwire.capture(ValueError()))", **environ)
    assert code == 0, output
    assert "Mendwire reports nothing from here: " in output
    assert output.splitlines()[-1] == "False"


async def test_a_host_without_errors_starts_no_thread_and_loads_no_client(host: Host) -> None:
    code, output = await host.run("""
        assert threading.active_count() == 1
        loaded = {"nats", "mendwire.model.scrub", "mendwire.model.signature"} & set(sys.modules)
        assert not loaded, loaded
        assert mendwire.flush(1)
        import mendwire.capture
        assert mendwire.capture(ValueError("x")) is True
        assert mendwire.capture.flush(10)
    """)
    assert code == 0, output


async def test_sending_loads_no_event_loop_and_no_client(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run(
        """
        import sys
        import mendwire
        mendwire.init(service="shop", release="r1")
        assert mendwire.capture(ValueError("x"))
        assert mendwire.flush(10), mendwire.statistics()
        loaded = {"asyncio", "ssl", "nats", "tempfile"} & set(sys.modules)
        assert not loaded, loaded
        """,
        prelude="",
    )
    assert code == 0, output
    assert len(await stored(bus)) == 1
