"""The embedded nats-server: one child process on one private folder, kept alive while we live."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import re
import time
from collections import deque
from pathlib import Path
from typing import Final, Self

from mendwire.errors import ConfigError, ServerError
from mendwire.settings.environment import ServerAddress, seconds
from mendwire.telemetry import emit
from mendwire.wire.child import MORTAL, STDERR, Child, Orphan, find_program, program_version
from mendwire.wire.probe import disk_is_full, end_of, full_disk, hello, is_free, size_of
from mendwire.wire.store import (
    SERVER_LOCK,
    Running,
    default_store,
    find_running,
    lock,
    make_login,
    make_store,
    own,
    read_running,
    url_of,
    write_private,
    write_running,
)

__all__ = ["EmbeddedServer", "default_store", "find_program", "find_running", "program_version"]

DEFAULT_MEMORY: Final = 64 << 20
READY_S: Final = 60.0
MIND_S: Final = 2.0
HEAL_S: Final = 20.0
ROOM_BYTES: Final = 4 << 20
RESTARTS: Final = 8
RESTARTS_WITHIN_S: Final = 120.0
# Below the ports that systems give to outgoing connections: a client that reconnects to a port in
# that range while the server is down can be given the same one as its own and talk to itself.
_PORTS: Final = range(14_000, 32_000)
_LOG: Final = "server.log"
_SHUT: Final = "critical write error"
_CONFIG: Final = "server.conf"


class EmbeddedServer:
    """A nats-server with JetStream on loopback, for one folder.

    It is restarted on the same port when it dies, and ends with this process; where the system
    cannot promise that, the next start adopts the one that was left over. ``start`` and ``stop``
    may be called twice, and ``stop`` before ``start``.
    """

    def __init__(
        self,
        store: Path,
        *,
        port: int | None = None,
        sync: str = "always",
        max_file: int | None = None,
        max_memory: int = DEFAULT_MEMORY,
        program: str = "",
    ) -> None:
        """``port`` None keeps the store's last one. ``sync`` is ``always`` or a duration.

        ``max_file`` and ``max_memory`` are bytes; ``max_file`` None leaves three quarters of the
        disk. ``program`` is the nats-server to run; ``""`` looks for one.
        """
        self.store = store.absolute()
        self.version = ""
        self._port = port
        self._sync = sync if sync == "always" else f"{round(seconds(sync, '--sync') * 1000)}ms"
        self._limits = (max_file, max_memory)
        self._program = program
        self._owner: int | None = None
        self._child: Child | Orphan | None = None
        self._supervisor: asyncio.Task[ServerError] | None = None
        self._log_from = 0
        self._minder: asyncio.Task[None] | None = None
        self._starts: deque[float] = deque(maxlen=RESTARTS)

    @property
    def address(self) -> ServerAddress:
        """Where it listens and how to log in; raises ServerError before the start."""
        found = find_running(self.store)
        if found is None:
            raise ServerError("The embedded NATS server is not running; start it first.")
        return found

    @property
    def pid(self) -> int | None:
        """The process id of the nats-server, or None when none runs."""
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, or adopt the one left over, and wait until it serves.

        Raises StoreInUse, ServerUnfit, ConfigError or ServerError (the disk is full, say).
        """
        if self._owner is not None:
            return
        program = find_program(self._program)
        self.version = await asyncio.to_thread(program_version, program)
        make_store(self.store)
        try:
            self._owner = await own(self.store)
            await self._launch(program)
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.create_task(self._supervise(program))
        self._minder = asyncio.create_task(self._mind_disk())

    async def stop(self) -> None:
        """End it and wait until it is gone; the folder is free afterwards."""
        tasks = {task for task in (self._minder, self._supervisor) if task}
        self._minder = self._supervisor = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._child:
            child, self._child = self._child, None
            await child.end()
            emit("server.stopped", pid=child.pid)
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    async def watch(self) -> None:
        """Wait until it was stopped; raises ServerError when it died too often to go on."""
        supervisor = self._supervisor
        if supervisor is None:
            return
        await asyncio.wait({supervisor})
        if not supervisor.cancelled():
            raise supervisor.result()

    async def _supervise(self, program: Path) -> ServerError:
        """Restart it whenever it dies; returns why that is over."""
        why: ServerError | None = None
        while True:
            if self._child:
                await self._child.ended()
                emit("server.stopped", pid=self._child.pid)
                self._child = None
            self._starts.append(time.monotonic())
            within = self._starts[-1] - self._starts[0]
            if len(self._starts) == RESTARTS and within < RESTARTS_WITHIN_S:
                return why or self._explained(f"it died {RESTARTS} times within {within:.0f} s")
            try:
                await self._launch(program)
            except ServerError as problem:
                why = problem
                await asyncio.sleep(min(5.0, 0.1 * 2 ** len(self._starts)))

    async def _mind_disk(self) -> None:
        """Restart it when there is room again: a stream that met a full disk stays shut until then.

        Seen on nats-server 2.15.1, which leaves every later publish unanswered.
        """
        while True:
            await asyncio.sleep(MIND_S)
            shut = _SHUT in end_of(self.store / _LOG, self._log_from)
            if shut and self._child and not disk_is_full(self.store, room=ROOM_BYTES):
                await self._child.end()
                await asyncio.sleep(HEAL_S)

    async def _launch(self, program: Path) -> None:
        """One running server on the store: adopted, or a new child."""
        try:
            # Where it dies with its parent, one that still holds the lock is about to be gone.
            held = await lock(self.store / SERVER_LOCK, 2.0 if MORTAL else 0.1)
            if held is None:
                held = await self._adopt_or_end()
            if held is not None:
                try:
                    await self._spawn(program, held)
                finally:
                    os.close(held)
        except OSError as problem:
            full = problem.errno in {errno.ENOSPC, errno.EDQUOT}
            raise self._explained(problem.strerror or str(problem), full=full) from None

    async def _adopt_or_end(self) -> int | None:
        orphan = Orphan(self.store)
        if await self._adopt(orphan):
            return None
        await orphan.end()
        held = await lock(self.store / SERVER_LOCK, 1.0)
        if held is None:
            raise ServerError(
                f"A nats-server that does not answer still holds {self.store}: end it, then start "
                "again."
            )
        return held

    async def _adopt(self, orphan: Orphan) -> bool:
        running = read_running(self.store)
        login = make_login(self.store)
        if running is None or await hello(running.port, login.name) is None:
            return False
        self._child, self.version = orphan, running.version
        self._tell(running, adopted=True)
        return True

    async def _spawn(self, program: Path, held: int) -> None:
        kept = read_running(self.store)
        wanted = self._port or (kept.port if kept else 0)
        for port in (wanted, *random.sample(_PORTS, 8)):
            if not port or not is_free(port):
                self._refuse_taken(port)
                continue
            self._write_config(port)
            self._log_from = size_of(self.store / _LOG)
            child = await Child.spawn(program, ("-c", _CONFIG), self.store, held)
            self._child = child
            if await self._serves(child, port):
                running = Running(pid=child.pid, port=port, version=self.version)
                write_running(self.store, running)
                self._tell(running, adopted=False)
                return
            self._child = None
            await child.end()
            if "address already in use" not in self._tail():
                raise self._explained(self._last_words())
            self._refuse_taken(port)
        raise ServerError("No free port was found on 127.0.0.1; close something and start again.")

    async def _serves(self, child: Child, port: int) -> bool:
        """Wait until it answers under its own name; False when it ended instead."""
        name, ends = make_login(self.store).name, time.monotonic() + READY_S
        while child.alive and time.monotonic() < ends:
            version = await hello(port, name)
            if version:
                self.version = version
                return True
            await asyncio.sleep(0.003)
        return False

    def _write_config(self, port: int) -> None:
        """All paths are relative: the server runs inside the folder, whatever its name is."""
        login, (max_file, max_memory) = make_login(self.store), self._limits
        limit = f"max_file: {max_file}, " if max_file else ""
        write_private(
            self.store / _CONFIG,
            f'server_name: "{login.name}"\n'
            f'listen: "127.0.0.1:{port}"\n'
            f'authorization {{ user: "{login.user}", password: "{login.password.reveal()}" }}\n'
            f'jetstream {{ store_dir: "data", {limit}max_mem: {max_memory}, '
            f"sync_interval: {self._sync} }}\n"
            f'log_file: "{_LOG}"\nlogfile_size_limit: 4MB\nlogfile_max_num: 2\n',
        )

    def _refuse_taken(self, port: int) -> None:
        if port and port == self._port:
            raise ConfigError(
                f"Port {port} is in use: choose another with --port, or leave it out."
            )

    @staticmethod
    def _tell(running: Running, *, adopted: bool) -> None:
        emit(
            "server.started",
            url=url_of(running),
            version=running.version,
            pid=running.pid,
            adopted=adopted,
        )

    def _tail(self) -> str:
        return end_of(self.store / STDERR) + end_of(self.store / _LOG, self._log_from)

    def _last_words(self) -> str:
        lines = [line for line in self._tail().splitlines() if "[FTL]" in line or "[ERR]" in line]
        lines = lines or self._tail().splitlines()
        return re.sub(r"^\[\d+\] \S+ \S+ ", "", lines[-1])[:200] if lines else "it said nothing"

    def _explained(self, why: str, *, full: bool = False) -> ServerError:
        if full or "no space left" in self._tail() or disk_is_full(self.store):
            return ServerError(full_disk(self.store))
        return ServerError(
            f"The embedded NATS server does not run ({why.rstrip('.')}): see {self.store / _LOG}."
        )
