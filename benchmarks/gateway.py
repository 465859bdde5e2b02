"""The gateway beside Bugsink: events per second that are fully digested, and memory.

Both get the same envelopes from the same load generator, in the same run. Bugsink has digested what
is in its database; the gateway what JetStream has acknowledged and the stream holds, or what was
counted as a repeat and told. Time runs from the first byte sent to the last event digested.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from benchmarks import load
from benchmarks.bugsink import bugsink
from benchmarks.envelopes import Template, bodies, capture
from benchmarks.figures import Figure, Row, Table, arguments, figure, tell
from benchmarks.processes import Peak, Processes, running, until_told
from mendwire.wire.server import find_program

ROOT = Path(__file__).parents[1]
NAMESPACE = "bench"
STREAM = "BENCH_PRODUCTION_ERRORS"
OCCURRENCES = "BENCH_OCCURRENCES"
SIZES = (6_000, 50_000)
GROUPS = 200
CONNECTIONS = 16
DIGESTED_WITHIN_S = 60.0
HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: sentry.python/2\r\n"
    "Content-Type: application/x-sentry-envelope\r\nContent-Encoding: gzip\r\n"
    "X-Sentry-Auth: Sentry sentry_key={key}, sentry_version=7, sentry_client=bench/1\r\n"
)


@dataclass(kw_only=True)
class Side:
    """One system under measurement."""

    name: str
    port: int
    path: str
    key: str
    processes: Processes
    digested: Callable[[], Awaitable[int]]
    """Events since the start."""
    idle_mb: float = 0.0
    peak_mb: float = 0.0

    @property
    def head(self) -> str:
        """Of every request, without its length."""
        return HEAD.format(path=self.path, port=self.port, key=self.key)


@dataclass(kw_only=True)
class Numbers:
    """Event ids and groups that no run has used yet."""

    event: int = 1
    distinct: int = GROUPS


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run on one side."""

    rate: float
    """Events a second."""
    processor_ms: float
    """Processor time of the side's processes for one event."""


@asynccontextmanager
async def ours(folder: Path, sync: str, workers: int) -> AsyncIterator[Side]:
    """A nats-server and ``mendwire gateway`` in so many processes, each of its own."""
    folder.mkdir()
    (folder / "mendwire.toml").write_text(
        f"[gateway]\nport = 0\nworkers = {workers}\n"
        f"signatures_hour = {10**9}\nbytes_hour = {10**12}\n"
    )
    (folder / "nats.conf").write_text(
        f'listen: "127.0.0.1:-1"\nports_file_dir: "{folder}"\n'
        f'jetstream {{ store_dir: "{folder / "js"}", sync_interval: {sync} }}\n'
    )
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NATS_NAMESPACE": NAMESPACE,
    }
    async with AsyncExitStack() as stack:

        async def start(*words: str) -> asyncio.subprocess.Process:
            begun = running(list(words), cwd=folder, env=variables, log=log)
            return await stack.enter_async_context(begun)

        # Both say themselves where they listen: a port that was free may be somebody else's by now.
        log = folder / "log"
        server = await start(str(find_program()), "-c", "nats.conf")
        ports = folder / f"{find_program().name}_{server.pid}.ports"
        variables["NATS_URL"] = await until_told(r'"(nats://[^"]+)"', server, ports, log)
        path, key = await _key(folder, variables)
        gateway = await start(sys.executable, "-m", "mendwire", "gateway", "--json")
        port = int(await until_told(r'"url": "http://[0-9.]+:([0-9]+)"', gateway, log, log))
        client = await nats.connect(
            variables["NATS_URL"], connect_timeout=20, max_reconnect_attempts=5
        )
        stack.push_async_callback(client.close)
        jetstream = client.jetstream(timeout=60)
        await _until_there(jetstream)
        told = Told()

        async def digested() -> int:
            stored = (await jetstream.stream_info(STREAM)).state.messages
            return stored + await told.read(jetstream)

        yield Side(
            name="mendwire",
            port=port,
            path=path,
            key=key,
            processes=Processes([server.pid, gateway.pid]),
            digested=digested,
        )


async def _key(folder: Path, variables: dict[str, str]) -> tuple[str, str]:
    """The path of a fresh trusted key's endpoint, and the key."""
    words = ("gateway", "keys", "add", "bench", "--env", "production", "--trust", "trusted")
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", *words, "--json"),
        cwd=folder,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await command.communicate()
    issued = json.loads(out)
    return f"/api/{issued['project']}/envelope/", issued["key"]


async def _until_there(jetstream: JetStreamContext) -> None:
    """Return once the gateway has made its streams."""
    async with asyncio.timeout(60):
        while True:
            try:
                await jetstream.stream_info(OCCURRENCES)
                await jetstream.stream_info(STREAM)
                return
            except NotFoundError:
                await asyncio.sleep(0.05)


@dataclass(kw_only=True)
class Told:
    """The counts in the stream of occurrences, added up as they come."""

    upto: int = 0
    total: int = 0

    async def read(self, jetstream: JetStreamContext) -> int:
        last = (await jetstream.stream_info(OCCURRENCES)).state.last_seq
        while self.upto < last:
            self.upto += 1
            message = await jetstream.get_msg(OCCURRENCES, self.upto)
            self.total += int(json.loads(message.data or b"{}").get("count", 0))
        return self.total


@asynccontextmanager
async def theirs(folder: Path) -> AsyncIterator[Side]:
    """Bugsink."""
    async with bugsink(folder) as found:

        async def digested() -> int:
            return found.digested()

        yield Side(
            name="bugsink",
            port=found.port,
            path=found.path,
            key=found.key,
            processes=found.processes,
            digested=digested,
        )


async def measure(
    side: Side, template: Template, count: int, numbers: Numbers, *, distinct: bool
) -> Measured:
    """Send ``count`` events and wait until all of them are digested."""
    file = Path(os.environ.get("TMPDIR", "/tmp")) / f"mendwire-load-{os.getpid()}"  # noqa: S108 - ours by its pid
    first = numbers.distinct if distinct else 0
    made = bodies(
        template, count, groups=None if distinct else GROUPS, event=numbers.event, group=first
    )
    numbers.event += count
    numbers.distinct += count if distinct else 0
    await asyncio.to_thread(load.write, file, made, side.head)
    before, used = await side.digested(), side.processes.processor_s()
    try:
        async with Peak(side.processes) as peak:
            found = await sent(file, side.port)
            ended = await _until_digested(side, before + count, found)
    finally:
        file.unlink()
    side.peak_mb = max(side.peak_mb, peak.megabytes)
    spent = side.processes.processor_s() - used
    return Measured(rate=count / (ended - found.began), processor_ms=1000 * spent / count)


async def sent(file: Path, port: int) -> load.Load:
    """What a load generator of its own process found."""
    words = ("-m", "benchmarks.load", str(file), str(port), "--connections", str(CONNECTIONS))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        message = "the load generator failed"
        raise RuntimeError(message)
    return load.Load(**json.loads(out))


async def _until_digested(side: Side, wanted: int, found: load.Load) -> float:
    """When that many were digested. What the gateway has acknowledged is, so it ends with the last
    answer, once the streams have shown that it is so; Bugsink's answer says only "received".
    """
    deadline = monotonic() + DIGESTED_WITHIN_S
    while (there := await side.digested()) < wanted and monotonic() < deadline:  # noqa: ASYNC110 - other processes work
        await asyncio.sleep(0.02)
    if there != wanted or set(found.statuses) - {"200", "429", "503"}:
        message = f"{side.name}: {there} digested for {wanted} sent, answers {found.statuses}"
        raise RuntimeError(message)
    return found.answered if side.name == "mendwire" else monotonic()


async def ceiling(template: Template, count: int) -> float:
    """Requests per second of the generator against a server that only answers."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout
    try:
        port = int(await server.stdout.readline())
        with TemporaryDirectory(prefix="mendwire-bench-") as name:
            file = Path(name) / "load"
            head = HEAD.format(path="/api/1/envelope/", port=port, key="0" * 32)
            load.write(file, bodies(template, count, groups=GROUPS, event=1, group=0), head)
            found = await sent(file, port)
    finally:  # it would hold our output open for whoever reads it
        server.kill()
        await server.wait()
    return count / (found.answered - found.began)


async def compared(asked: Namespace, sync: str) -> tuple[Table, Table]:
    """Both sides in turn, ``repeats`` times; then their memory."""
    sizes = {size: capture(size) for size in SIZES}
    numbers, repeats = Numbers(), 1 if asked.quick else asked.repeats
    count = 240 if asked.quick else asked.count
    fewer = 40 if asked.quick else asked.peer_count
    found: dict[str, list[Measured]] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mendwire-bench-")))
        sides = [await stack.enter_async_context(ours(folder / "ours", sync, asked.workers))]
        if not asked.alone:
            sides.append(await stack.enter_async_context(theirs(folder / "theirs")))
        await asyncio.sleep(2)  # both have done what they do after their start
        for side in sides:
            side.idle_mb = side.processes.memory_mb()
            await measure(side, sizes[SIZES[0]], 40, numbers, distinct=False)  # warm
        for _ in range(repeats):
            for size, template in sizes.items():
                for side in sides:
                    many = count if side.name == "mendwire" else fewer
                    for distinct in (False, True) if side.name == "mendwire" else (False,):
                        what = f"{side.name}, {size // 1000} kB, {_kind(distinct=distinct)}"
                        one = await measure(side, template, many, numbers, distinct=distinct)
                        found.setdefault(what, []).append(one)
                        print(f"{what}: {one.rate:.0f}", file=sys.stderr, flush=True)
        top = {size: await ceiling(template, count) for size, template in sizes.items()}
    rates = Table(
        title=f"Events digested per second, {CONNECTIONS} connections, sync {sync}, "
        f"{asked.workers} of the gateway, {count} a run of ours and {fewer} of theirs",
        columns={"per second": 0, "ms of processor": 2, "beside bugsink": 1, "by processor": 1},
        rows=[
            *(Row(what=name, figures=_rates(found, name)) for name in found),
            *(
                Row(
                    what=f"the generator's ceiling, {size // 1000} kB",
                    figures={"per second": figure([rate])},
                )
                for size, rate in top.items()
            ),
        ],
    )
    memory = Table(
        title="Resident megabytes of all processes of a side, added up",
        columns={"idle": 0, "peak": 0},
        rows=[
            Row(
                what=side.name,
                figures={"idle": figure([side.idle_mb]), "peak": figure([side.peak_mb])},
            )
            for side in sides
        ],
    )
    return rates, memory


def _kind(*, distinct: bool) -> str:
    return "distinct" if distinct else f"{GROUPS} groups"


def _rates(found: dict[str, list[Measured]], name: str) -> dict[str, Figure]:
    mine = found[name]
    figures = {
        "per second": figure([one.rate for one in mine]),
        "ms of processor": figure([one.processor_ms for one in mine]),
    }
    side, size, _ = name.split(", ")
    if side == "mendwire" and (theirs := found.get(f"bugsink, {size}, {_kind(distinct=False)}")):
        pairs = zip(mine, theirs, strict=True)
        beside = [(a.rate / b.rate, b.processor_ms / a.processor_ms) for a, b in pairs]
        figures["beside bugsink"] = figure([rate for rate, _ in beside])
        figures["by processor"] = figure([spent for _, spent in beside])
    return figures


async def main() -> None:
    parser = arguments((__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="events a run of ours")
    parser.add_argument("--peer-count", type=int, default=600, help="events a run of Bugsink's")
    parser.add_argument("--workers", type=int, default=1, help="processes of the gateway")
    parser.add_argument("--alone", action="store_true", help="without Bugsink")
    asked = parser.parse_args()
    if task := asyncio.current_task():  # so that what was started is ended, however this ends
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    for sync in asked.sync or (["2m"] if asked.quick else ["always", "2m"]):
        for table in await compared(asked, sync):
            tell(table, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
