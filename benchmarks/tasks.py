"""The queue of tasks beside taskiq-nats, celery with redis, and raw nats-py, in one run.

    python -m benchmarks.tasks [--quick] [--json] [--repeats N] [--count N] [--kill] [--ours]

One worker process each, a job that does nothing, results stored. ``--kill`` sends SIGKILL to the
worker in the middle of its work and counts the jobs that nobody ran to their end afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.figures import Row, Table, arguments, figure, quantile, tell
from benchmarks.processes import free_port, running, until_open

ROOT = Path(__file__).parents[1]
PINS = Path(__file__).with_name("tasks.txt")
HOME = ROOT / ".tools" / "task-peers"
OURS = ("raw nats-py", "mendwire")
PEERS = ("taskiq-nats", "celery, redis")
AT_ONCE = "64"
BEATS = 400
KILL_AT = 150
KILL_OF = 300
QUIET_S = 45.0
"""Longer than the ack wait of all that have one, 30 seconds."""
LONGEST_S = 60.0


def peers() -> Path:
    """The folder of programs of a virtual environment with exactly what is pinned."""
    stamp = HOME / "pinned"
    wanted = hashlib.sha256(PINS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing taskiq-nats and celery into .tools ...", file=sys.stderr, flush=True)
        venv.create(HOME, with_pip=True, clear=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "-r", str(PINS)], check=True)  # noqa: S603
        stamp.write_text(wanted)
    return HOME / "bin"


def worker_of(system: str) -> list[str]:
    """The command that runs one worker process."""
    if system in OURS:
        return [sys.executable, "-m", "benchmarks.task_loops", "work", system.split(maxsplit=1)[0]]
    if system == "taskiq-nats":
        words = "worker benchmarks.task_peers:broker --workers 1 --log-level WARNING"
        return [str(HOME / "bin/taskiq"), *words.split(), "--max-async-tasks", AT_ONCE]
    words = "-A benchmarks.task_peers:app worker --pool solo --loglevel WARNING"
    return [str(HOME / "bin/celery"), *words.split(), "--without-mingle", "--without-gossip"]


def publisher_of(system: str) -> list[str]:
    if system in OURS:
        return [sys.executable, "-m", "benchmarks.task_loops"]
    return [str(HOME / "bin/python"), "-m", "benchmarks.task_peers"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Fresh servers for one system, and the variables that lead to them."""

    folder: Path
    system: str
    env: dict[str, str]

    async def publish(self, what: str, count: int) -> None:
        words = (*publisher_of(self.system), what, re.split(r"\W", self.system, maxsplit=1)[0])
        process = await asyncio.create_subprocess_exec(*words, str(count), cwd=ROOT, env=self.env)
        if await process.wait():
            raise SystemExit(f"{self.system}: the publisher failed")

    @asynccontextmanager
    async def worker(self, **more: object) -> AsyncIterator[asyncio.subprocess.Process]:
        env = self.env | {f"BENCH_{name.upper()}": str(value) for name, value in more.items()}
        log = self.folder / "worker.log"
        async with running(worker_of(self.system), cwd=ROOT, env=env, log=log) as process:
            yield process

    async def noted(self, mark: int) -> list[tuple[int, int]]:
        """What the worker wrote after so many jobs."""
        file, until = Path(f"{self.env['BENCH_OUT']}.{mark}"), monotonic() + LONGEST_S
        while not file.exists():
            if monotonic() > until:
                log = (self.folder / "worker.log").read_text(errors="replace")
                raise SystemExit(f"{self.system}: not done in time\n{log[-2000:]}")
            await asyncio.sleep(0.02)
        return [(given, at) for given, at in json.loads(file.read_text())]


@asynccontextmanager
async def stage(system: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mendwire-bench-")))
        nats = free_port()
        redis = free_port(nats + 1 - os.getpid() % 4_000)
        programs: list[tuple[int, Sequence[str]]] = [
            (nats, ["nats-server", "-a", "127.0.0.1", "-p", str(nats), "-js", "-sd", str(folder)])
        ]
        if system.startswith("celery"):
            programs.append((redis, ["redis-server", "--port", str(redis), "--dir", str(folder)]))
        env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "BENCH_NATS": f"nats://127.0.0.1:{nats}",
            "BENCH_REDIS": f"redis://127.0.0.1:{redis}/0",
            "BENCH_OUT": str(folder / "out"),
        }
        for port, words in programs:
            log = folder / f"{port}.log"
            found = shutil.which(words[0], path=env["PATH"])
            if found is None:
                raise SystemExit(f"{words[0]} is not installed")
            process = await stack.enter_async_context(
                running([found, *words[1:]], cwd=folder, env=env, log=log)
            )
            await until_open(port, process, log)
        yield Stage(folder=folder, system=system, env=env)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement of one system."""

    per_second: float
    late_ms: list[float]


async def measured(system: str, count: int, beats: int) -> Run:
    """``count`` jobs that wait already, then ``beats`` one after another."""
    warm = beats // 4
    async with stage(system) as on:
        await on.publish("fill", count)
        async with on.worker(marks=f"{count},{count + warm + beats}"):
            times = [at for _, at in await on.noted(count)]
            await on.publish("beat", warm + beats)
            calls = (await on.noted(count + warm + beats))[count + warm :]
    return Run(
        per_second=(count - 1) / ((max(times) - min(times)) / 1e9),
        late_ms=[(at - given) / 1e6 for given, at in calls],
    )


async def killed(system: str) -> tuple[int, int]:
    """Jobs that were never run to their end, and those that were more than once."""
    async with stage(system) as on:
        await on.publish("fill", KILL_OF)
        ran, until = Path(f"{on.env['BENCH_OUT']}.ran"), monotonic() + QUIET_S
        while monotonic() < until:
            async with on.worker(die=KILL_AT) as process:
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), max(0.0, until - monotonic()))
        numbers = [int(line) for line in ran.read_text().split()]
    return KILL_OF - len(set(numbers)), len(numbers) - len(set(numbers))


async def compared(systems: Sequence[str], repeats: int, count: int, beats: int) -> Table:
    found: dict[str, list[Run]] = {system: [] for system in systems}
    for _ in range(repeats):
        for system in systems:
            run = await measured(system, count, beats)
            print(f"{system}: {run.per_second:.0f} jobs/s", file=sys.stderr, flush=True)
            found[system].append(run)
    rows = [
        Row(
            what=system,
            figures={
                "jobs/s": figure([run.per_second for run in runs]),
                "p50 ms": figure([quantile(run.late_ms, 0.5) for run in runs]),
                "p99 ms": figure([quantile(run.late_ms, 0.99) for run in runs]),
            },
        )
        for system, runs in found.items()
    ]
    title = f"No-op jobs with one worker and results stored, {count} that wait, {beats} one by one"
    return Table(title=title, columns={"jobs/s": 0, "p50 ms": 2, "p99 ms": 2}, rows=rows)


async def survived(systems: Sequence[str]) -> Table:
    rows = []
    for system in systems:
        lost, again = await killed(system)
        rows.append(Row(what=system, figures={"lost": figure([lost]), "twice": figure([again])}))
    title = f"SIGKILL in job {KILL_AT} of {KILL_OF}, the worker started again, {QUIET_S:.0f} s"
    return Table(title=title, columns={"lost": 0, "twice": 0}, rows=rows)


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=4000, help="jobs a run")
    parser.add_argument("--kill", action="store_true", help="kill workers instead")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    asked = parser.parse_args()
    repeats, count, beats = (1, 50, 20) if asked.quick else (asked.repeats, asked.count, BEATS)
    systems: tuple[str, ...] = OURS
    if not (asked.ours or asked.quick):
        await asyncio.to_thread(peers)
        systems += PEERS
    table = await (survived(systems) if asked.kill else compared(systems, repeats, count, beats))
    tell(table, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
