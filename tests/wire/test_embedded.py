from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from nats.errors import TimeoutError as NatsTimeoutError

import mendwire
from mendwire.errors import ConfigError, ServerError, ServerUnfit, StoreInUse, Unreachable
from mendwire.settings.environment import Environment, read_environment
from mendwire.telemetry import subscribed
from mendwire.wire.child import MORTAL, Child
from mendwire.wire.connection import connected
from mendwire.wire.finding import find_server
from mendwire.wire.probe import trouble
from mendwire.wire.server import EmbeddedServer, default_store, find_program, find_running
from mendwire.wire.store import CONTEXT, SERVER_LOCK, is_locked, read_running

Events = list[tuple[str, dict[str, object]]]

PARENT = """
import asyncio, sys, threading
from pathlib import Path
from mendwire.wire.probe import trouble
from mendwire.wire.server import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

if sys.argv[2] == "thread":
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
else:
    asyncio.run(main())
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / 'a "b" $c' / "nats"


@pytest.fixture
def events() -> Iterator[Events]:
    seen: Events = []
    with subscribed(lambda event, fields: seen.append((event, fields))):
        yield seen


@pytest.fixture
async def server(store: Path) -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(store) as started:
        yield started


def read(folder: Path, **variables: str) -> Environment:
    return read_environment({"HOME": str(folder), **variables}, folder)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def start_parent(store: Path, how: str = "main") -> tuple[subprocess.Popen[bytes], int]:
    """A process of its own with an embedded server: (the process, the server's pid)."""
    folder = Path(mendwire.__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(store), how],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def test_it_serves_its_project_and_is_found_there(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    async with EmbeddedServer(default_store(tmp_path)):
        record_property("ready_s", round(time.monotonic() - began, 3))
        inner = tmp_path / "src" / "deep"
        inner.mkdir(parents=True)
        async with connected(read(inner)) as link:
            assert link.embedded
            assert link.names.namespace == "default"
            answer = json.loads((await link.client.request("$JS.API.INFO", b"")).data)
            assert "memory" in answer
        other = tmp_path / "other"
        (other / ".git").mkdir(parents=True)
        with pytest.raises(Unreachable, match="mendwire up"):
            find_server(read(other))
    with pytest.raises(Unreachable, match="mendwire up"):
        find_server(read(tmp_path))


async def test_start_and_stop_may_come_twice_and_stop_first(store: Path) -> None:
    server = EmbeddedServer(store)
    await server.stop()
    await server.watch()
    with pytest.raises(ServerError, match="not running"):
        _ = server.address
    for _ in range(2):
        await server.start()
        first = server.pid
        await server.start()
        assert server.pid == first
        await server.stop()
        await server.stop()
        assert server.pid is None
        assert find_running(store) is None


async def test_it_keeps_its_port_and_its_login(store: Path) -> None:
    async with EmbeddedServer(store) as server:
        first = server.address
    async with EmbeddedServer(store) as server:
        assert server.address == first


async def test_a_taken_port_is_replaced_unless_it_was_asked_for(store: Path) -> None:
    async with EmbeddedServer(store) as server:
        url = server.address.urls[0]
    port = int(url.rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        async with EmbeddedServer(store) as server:
            assert server.address.urls[0] != url
        with pytest.raises(ConfigError, match=f"Port {port} is in use"):
            await EmbeddedServer(store, port=port).start()


async def test_nobody_else_can_read_its_folder(server: EmbeddedServer) -> None:
    for path in (server.store, *server.store.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o077, f"{path} {mode:o}"


async def test_nobody_gets_in_without_the_login(server: EmbeddedServer) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(server.address.urls[0].rpartition(":")[2])
    )
    await reader.readline()
    writer.write(b"CONNECT {}\r\nPING\r\n")
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_it_listens_on_loopback_alone(server: EmbeddedServer) -> None:
    assert server.pid
    listening = [
        item for item in psutil.Process(server.pid).net_connections() if item.status == "LISTEN"
    ]
    assert [item.laddr.ip for item in listening] == ["127.0.0.1"]


async def test_the_login_is_a_context_of_the_nats_command(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    given = {"NATS_CONTEXT": str(server.store / CONTEXT), "NATS_NAMESPACE": "shop"}
    async with connected(read(tmp_path, **given)) as link:
        assert link.url == server.address.urls[0]


async def test_a_project_s_password_is_kept_out_of_git(tmp_path: Path) -> None:
    async with EmbeddedServer(default_store(tmp_path)):
        assert (tmp_path / ".mendwire" / ".gitignore").read_text() == "*\n"


async def test_two_on_one_store_are_refused(server: EmbeddedServer) -> None:
    address = server.address
    with pytest.raises(StoreInUse, match=f"pid {os.getpid()}"):
        await EmbeddedServer(server.store).start()
    assert find_running(server.store) == address


async def test_what_the_dead_left_does_not_block(store: Path) -> None:
    store.mkdir(parents=True)
    (store / "owner.lock").write_text("1\n")
    (store / "server.lock").write_text("")
    (store / "running.json").write_text("{")
    (store / CONTEXT).write_text("[]")
    assert find_running(store) is None
    async with EmbeddedServer(store) as server:
        assert find_running(store) == server.address


async def test_it_comes_back_on_its_port_when_it_is_killed(
    server: EmbeddedServer, tmp_path: Path, events: Events
) -> None:
    first = server.pid
    assert first
    async with connected(read(tmp_path), store=server.store) as link:
        os.kill(first, signal.SIGKILL)
        await until(lambda: "connection.restored" in [event for event, _ in events])
        await link.client.request("$JS.API.INFO", b"")
        assert server.pid != first
    names = [event for event, _ in events if event.startswith("server.")]
    assert names == ["server.stopped", "server.started"]


async def test_one_that_dies_again_and_again_is_given_up(store: Path) -> None:
    started: list[int] = []

    def kill_at_once(event: str, fields: dict[str, object]) -> None:
        if event == "server.started":
            started.append(int(str(fields["pid"])))
            os.kill(started[-1], signal.SIGKILL)

    with subscribed(kill_at_once):
        async with EmbeddedServer(store) as server:
            with pytest.raises(ServerError, match=r"died 8 times .* see .*server\.log"):
                await server.watch()
    assert len(set(started)) == 8


@pytest.mark.skipif(not MORTAL, reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("how", ["main", "thread"])
async def test_it_dies_with_its_parent(store: Path, how: str) -> None:
    process, pid = start_parent(store, how)
    assert psutil.pid_exists(pid)
    end(process)
    await until(lambda: not is_locked(store / SERVER_LOCK))
    assert find_running(store) is None
    async with EmbeddedServer(store) as server:
        assert server.pid != pid


async def test_it_outlives_the_thread_that_started_it(store: Path) -> None:
    server = EmbeddedServer(store)

    async def begin() -> int | None:
        await server.start()
        pid = server.pid
        server._supervisor = None  # its loop ends with this thread
        return pid

    pid = await asyncio.to_thread(asyncio.run, begin())
    assert pid
    await asyncio.sleep(0)
    assert find_running(store)
    assert psutil.Process(pid).is_running()
    psutil.Process(pid).kill()
    await until(lambda: find_running(store) is None)
    os.close(server._owner or 0)


async def test_one_that_was_left_alive_is_adopted(
    store: Path, monkeypatch: pytest.MonkeyPatch, events: Events
) -> None:
    monkeypatch.setattr("mendwire.wire.child.MORTAL", False)
    monkeypatch.setattr("mendwire.wire.server.MORTAL", False)
    left = EmbeddedServer(store)
    await left.start()
    pid, address = left.pid, left.address
    # As after a kill -9 of the parent: nobody minds the server, and the owner's lock is free.
    assert left._supervisor
    assert left._owner
    left._supervisor.cancel()
    os.close(left._owner)
    async with EmbeddedServer(store) as heir:
        assert (heir.pid, heir.address) == (pid, address)
        assert events[-1][1]["adopted"] is True
        os.kill(pid or 0, signal.SIGKILL)
        await until(lambda: heir.pid not in {None, pid} and find_running(store) == address)
    assert isinstance(left._child, Child)
    await left._child.end()
    assert find_running(store) is None


async def test_one_that_hangs_is_replaced(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mendwire.wire.child.MORTAL", False)
    monkeypatch.setattr("mendwire.wire.server.MORTAL", False)
    monkeypatch.setattr("mendwire.wire.child.STOP_S", 0.2)
    left = EmbeddedServer(store)
    await left.start()
    pid = left.pid
    assert left._supervisor
    assert left._owner
    left._supervisor.cancel()
    os.close(left._owner)
    os.kill(pid or 0, signal.SIGSTOP)
    async with EmbeddedServer(store) as heir:
        assert heir.pid != pid
        assert find_running(store)
    assert isinstance(left._child, Child)
    await left._child.end()


async def test_messages_survive_a_kill(store: Path, tmp_path: Path, events: Events) -> None:
    async with EmbeddedServer(store) as server, connected(read(tmp_path), store=store) as link:
        stream = link.client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept"])
        await stream.publish("kept", b"1")
        os.kill(server.pid or 0, signal.SIGKILL)
        await until(lambda: "connection.restored" in [event for event, _ in events])
        await stream.publish("kept", b"2")
    async with EmbeddedServer(store), connected(read(tmp_path), store=store) as link:
        state = (await link.client.jetstream().stream_info("KEPT")).state
        assert state.messages == 2


@pytest.mark.parametrize("sync", ["sometimes", "", "2"])
def test_the_sync_setting_is_checked(store: Path, sync: str) -> None:
    if sync == "2":
        EmbeddedServer(store, sync=sync)
        return
    with pytest.raises(ConfigError, match="--sync"):
        EmbeddedServer(store, sync=sync)


async def test_limits_and_sync_reach_the_server(store: Path) -> None:
    server = EmbeddedServer(store, sync="2m", max_file=64 << 20, max_memory=1 << 20)
    async with server, connected(read(store.parent), store=store) as link:
        answer = json.loads((await link.client.request("$JS.API.INFO", b"")).data)
        assert answer["type"] == "io.nats.jetstream.api.v1.account_info_response"
    assert "Max Storage:     64.00 MB" in (store / "server.log").read_text()


async def test_programs_that_are_none_are_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerUnfit, match="NATS_SERVER names /gone"):
        find_program("/gone")
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho nats-server: v2.9.25\n")
    old.chmod(0o755)
    with pytest.raises(ServerUnfit, match=r"version 2\.9\.25, but Mendwire needs .* 2\.12"):
        await EmbeddedServer(store, program=str(old)).start()
    with pytest.raises(ServerUnfit, match="no nats-server"):
        await EmbeddedServer(store, program="/bin/true").start()


async def test_a_store_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        await EmbeddedServer(tmp_path / "file" / "nats").start()


async def test_a_server_that_refuses_to_start_says_why(store: Path) -> None:
    store.mkdir(parents=True)
    (store / "data").write_text("in the way")
    with pytest.raises(ServerError, match=r"does not run .*server\.log") as refused:
        await EmbeddedServer(store).start()
    assert "\n" not in str(refused.value)
    assert not is_locked(store / "owner.lock")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    return folder / "filler"


async def test_a_full_disk_at_start_is_one_sentence(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(ServerError, match=r"disk|No space left"):
        await EmbeddedServer(small_disk / "nats").start()


async def test_it_stores_again_once_there_is_room_again(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, events: Events
) -> None:
    monkeypatch.setattr("mendwire.wire.server.MIND_S", 0.05)
    store = small_disk / "nats"
    server = EmbeddedServer(store, max_file=1 << 30)
    async with server, connected(read(small_disk), store=store) as link:
        stream = link.client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept"])
        await stream.publish("kept", b"1")
        assert trouble(store) is None
        filler = fill(small_disk)
        with pytest.raises(NatsTimeoutError):
            await stream.publish("kept", b"x" * 100_000, timeout=0.5)
        assert "is full" in (trouble(store) or "")
        filler.unlink()
        await until(lambda: "connection.restored" in [event for event, _ in events])
        await stream.publish("kept", b"2")
        assert (await stream.stream_info("KEPT")).state.messages == 2


async def test_the_port_in_use_is_known_to_others(server: EmbeddedServer) -> None:
    running = read_running(server.store)
    assert running
    assert running.pid == server.pid
    assert running.version == server.version
