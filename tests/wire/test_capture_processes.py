"""Threads, loops and children: each failure once, whoever forks whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer
from tests.sdk_host import Host, repeats, stored


@pytest.fixture
def host(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Host:
    del bus  # the streams are there
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder, server.url)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_what_ends_a_child_of_multiprocessing(
    host: Host, bus: JetStreamBus, method: str
) -> None:
    code, output = await host.run(f"""
        import multiprocessing, warnings
        warnings.simplefilter("ignore")  # newer Pythons warn of every fork beside a thread
        def work(number):
            total({{"price": number}})
        if __name__ == "__main__":
            mendwire.capture(RuntimeError("of the parent"))
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(n,), name="worker") for n in range(2)]
            for child in children:
                child.start()
            for child in children:
                child.join()
                assert child.exitcode == 1
    """)
    assert code == 0, output
    bodies = await stored(bus)
    assert sorted(body["error"] for body in bodies) == [
        "RuntimeError: of the parent",
        "ZeroDivisionError: division by zero",
    ]
    (body,) = (body for body in bodies if body["type"] == "ZeroDivisionError")
    assert body["context"]["mechanism"] == "multiprocessing"
    assert body["frames"][-1]["function"] == "total"
    assert await repeats(bus) == 1  # of the second child: the same error


async def test_what_fails_in_a_pool_is_the_parents(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        import warnings
        from concurrent.futures import ProcessPoolExecutor
        warnings.simplefilter("ignore")
        def work(number):
            return total({"price": number})
        if __name__ == "__main__":
            with ProcessPoolExecutor(1) as pool:
                pool.submit(work, 1).result()
    """)
    assert code == 1, output
    (body,) = await stored(bus)
    assert body["level"] == "fatal"
    assert "in total" in body["stack"]


async def test_forks_while_the_parent_has_much_to_send_lose_and_double_nothing(
    host: Host, bus: JetStreamBus
) -> None:
    """The parent sends from its spool, whose lock the children inherit, and from its queue."""
    code, output = await host.run("""
        import warnings
        warnings.simplefilter("ignore")
        names = [a + b for a in "abcdefgh" for b in "abcdefgh"]
        def fail(who):
            for name in names:
                mendwire.capture(RuntimeError(f"{who} failed at {name}"))
        spooling = mendwire.init(service="shop", release="r1", url="nats://127.0.0.1:1")
        fail("earlier")
        mendwire.flush(2)
        mendwire.init(service="shop", release="r1")
        fail("parent")
        children = []
        for who in ("first", "second", "third"):
            child = os.fork()
            if child == 0:
                fail(who)
                time.sleep(0)
                os._exit(0 if mendwire.flush(20) else 3)
            children.append(child)
        assert mendwire.flush(20)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        assert mendwire.capture.statistics()["dropped"] == 0
    """)
    assert code == 0, output
    errors = [body["error"].split() for body in await stored(bus)]
    assert len(errors) == 5 * 64
    assert {words[1] for words in errors} == {"earlier", "parent", "first", "second", "third"}
    assert await repeats(bus) == 0
    assert host.spooled() == []


async def test_a_fork_right_after_the_first_error_finds_no_half_loaded_module(
    host: Host, bus: JetStreamBus
) -> None:
    """The sender's thread has begun to load what it sends with when the parent forks."""
    code, output = await host.run(
        """
        import mendwire, os, sys, time, warnings
        mendwire.init(service="shop", release="r1")
        warnings.simplefilter("ignore")
        mendwire.capture(RuntimeError("of the parent"))
        while "mendwire.capture.delivery" not in sys.modules:
            time.sleep(0)
        child = os.fork()
        if child == 0:
            mendwire.capture(RuntimeError("of the child"))
            os._exit(0 if mendwire.flush(20) else 3)
        assert os.waitpid(child, 0)[1] == 0
        assert mendwire.flush(20)
        """,
        prelude="",
    )
    assert code == 0, output
    assert len(await stored(bus)) == 2


async def test_a_child_does_not_hold_the_locks_of_a_parent_that_was_sending(
    host: Host, bus: JetStreamBus
) -> None:
    code, output = await host.run("""
        import warnings
        from mendwire.capture import sdk
        from mendwire.capture.segment import Spooled
        from mendwire.capture.spool import Spool
        warnings.simplefilter("ignore")
        spool = sdk._installed.target.spool
        item = Spooled(kind="report", environment=None, payload=b"x")
        for one in (Spool(spool.folder), spool):
            assert one.add([item]) == 1
            one is spool or one.let_go()  # as if left by another process
        read, write = os.pipe()
        told, tell = os.pipe()
        sending = spool.waiting()
        assert next(sending)[1] is False  # the other's file
        child = os.fork()
        if child == 0:
            os.write(tell, b"x")
            os.read(read, 1)
            os._exit(0)
        os.read(told, 1)
        held = len(list(Spool(spool.folder).waiting()))
        sending.close()
        spool.let_go()
        free = len(list(Spool(spool.folder).waiting()))  # although the child lives
        os.write(write, b"x")
        os.waitpid(child, 0)
        assert (held, free) == (0, 2), (held, free)
        for segment, _ in Spool(spool.folder).waiting():
            segment.remove()
    """)
    assert code == 0, output


async def test_a_group_shows_the_frames_of_every_member(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        async def pay(): total({"price": 1})
        async def send(): return {}["address"]
        async def both(*jobs):
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(job())
        loop = asyncio.new_event_loop()
        mendwire.init(service="shop", release="r1")  # after the loop was made
        for jobs in ((pay,), (send,), (pay, send)):
            task = loop.create_task(both(*jobs))
            loop.run_until_complete(asyncio.wait([task]))
            del task
        loop.close()
        import gc
        gc.collect()  # only now does asyncio see that nobody asked
    """)
    assert code == 0, output
    bodies = await stored(bus)
    assert len(bodies) == 3
    assert {body["context"]["mechanism"] for body in bodies} == {"asyncio"}
    words = ("in pay", "in total", "ZeroDivisionError", "in send", "KeyError: 'address'")
    stacks = [body["stack"] for body in bodies]  # in the order in which they are collected
    assert sum(all(word in stack for word in words) for stack in stacks) == 1


async def test_what_nobody_could_catch_is_a_warning(host: Host, bus: JetStreamBus) -> None:
    code, output = await host.run("""
        class Held:
            def __del__(self):
                total({"price": 1})
        Held()
    """)
    assert code == 0, output
    (body,) = await stored(bus)
    assert (body["level"], body["context"]["mechanism"]) == ("warning", "unraisable")
    assert body["frames"][-1]["function"] == "total"
    assert "Exception ignored in" in output
