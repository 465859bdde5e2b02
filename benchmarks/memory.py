"""How much memory the whole stack takes: idle, and under a hundred errors a second.

    python -m benchmarks.memory [--quick] [--json] [--rate 100] [--seconds 60] [--kinds 10]

The stack is one ``mendwire up`` with everything in it: the embedded NATS server, the gateway, a
worker with its screen, the dashboard. It runs on two cores in a control group of a gigabyte, where
one can be made. Errors come as sentry-sdk sends them (6 kB), through the gateway, at their rate
whatever the answers take; with ``--kinds 10`` a tenth of them is of a kind that was not there
before, with ``--kinds 1`` each of them. Nothing is lost if each that was answered 200 is in the
stream or counted as a repeat.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import nats
from nats.js import JetStreamContext

from benchmarks import load
from benchmarks.box import WAYS, Box, box
from benchmarks.envelopes import bodies, capture
from benchmarks.figures import Figure, Row, Table, arguments, figure, tell
from benchmarks.gateway import HEAD, ROOT, Told
from benchmarks.processes import running, until_told
from benchmarks.shares import Share, shares, total
from mendwire.demo.shop import build_repository

NAMESPACE = "bench"
STREAM = "BENCH_PRODUCTION_ERRORS"
KEPT = ("BENCH_DEAD", "BENCH_QUARANTINE")
SIZE = 6_000
SETTLED_S = 10.0
"""After the start, before memory at rest is measured."""
LOOK_S = 0.5
COUNTED_WITHIN_S = 120.0
CONFIG = """
[project]
repository = "."
[worker]
environments = ["production"]
[agent]
kind = "rollback"
[gateway]
enabled = true
port = 0
[dashboard]
port = 0
"""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Runs while its ``stack`` block does."""

    pid: int
    port: int
    """The gateway's."""
    path: str
    key: str
    jetstream: JetStreamContext
    told: Told

    async def accounted(self) -> tuple[int, int]:
        """(stored, counted as repeats) since the start."""
        stored = (await self.jetstream.stream_info(STREAM)).state.last_seq
        return stored, await self.told.read(self.jetstream)


@asynccontextmanager
async def stack(folder: Path, inside: Box) -> AsyncIterator[Stack]:
    """``mendwire up`` in the shop's repository."""
    project, log = folder / "project", folder / "log"
    project.mkdir()
    await build_repository(project)
    (project / "mendwire.toml").write_text(CONFIG)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NATS_NAMESPACE": NAMESPACE,
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    words = [sys.executable, "-m", "mendwire"]
    async with running(
        [*words, "up", "--log", "json"], cwd=project, env=variables, log=log, enter=inside.enter
    ) as up:
        url = await until_told(r"server (nats://[^,]+),", up, log, log)
        port = int(await until_told(r"gateway http://[^:]+:(\d+)", up, log, log))
        command = await asyncio.create_subprocess_exec(
            *words,
            *("gateway", "keys", "add", "bench", "--env", "production"),
            *("--trust", "trusted", "--json"),
            cwd=project,
            env=variables,
            stdout=asyncio.subprocess.PIPE,
        )
        issued = json.loads((await command.communicate())[0])
        client = await nats.connect(url, **_login(project))
        try:
            yield Stack(
                pid=up.pid,
                port=port,
                path=f"/api/{issued['project']}/envelope/",
                key=issued["key"],
                jetstream=client.jetstream(timeout=60),
                told=Told(),
            )
        finally:
            await client.close()


def _login(project: Path) -> dict[str, str]:
    """The embedded server's, which only its owner can read."""
    conf = (project / ".mendwire/nats/server.conf").read_text()
    user = re.search(r'user: "?([^",\s]+)', conf)
    password = re.search(r'password: "?([^",\s}]+)', conf)
    return {"user": user[1], "password": password[1]} if user and password else {}


@dataclass(kw_only=True)
class Peak:
    """The moment at which all processes together took most."""

    shares: list[Share]

    async def watch(self, stack: Stack) -> None:
        """Until cancelled."""
        while True:
            now = await asyncio.to_thread(shares, stack.pid)
            if total(now).pss > total(self.shares).pss:
                self.shares = now
            await asyncio.sleep(LOOK_S)


@dataclass(frozen=True, kw_only=True)
class Under:
    """What was found under load."""

    peak: list[Share]
    sent: int
    taken: int
    """Answered 200."""
    stored: int
    repeats: int
    aside: int
    """Dead letters and held reports, which are in the streams' counts too."""
    seconds: float
    later: int
    """Answers that asked to send again."""


async def loaded(stack: Stack, asked: Namespace, file: Path) -> Under:
    """Send at the rate, watch, and account for each."""
    count = int(asked.rate * asked.seconds)
    template = capture(SIZE)
    made = bodies(template, count, groups=max(1, count // asked.kinds), event=1, group=0)
    head = HEAD.format(path=stack.path, port=stack.port, key=stack.key)
    await asyncio.to_thread(load.write, file, made, head)
    peak = Peak(shares=[])
    watching = asyncio.create_task(peak.watch(stack))
    words = ("-m", "benchmarks.paced", str(file), str(stack.port), str(asked.rate))
    sender = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await sender.communicate()
    found = load.Load(**json.loads(out))
    if sender.returncode or set(found.statuses) - {"200", *map(str, load.AGAIN)}:
        message = f"errors were refused, or not answered: {found.statuses}"
        raise RuntimeError(message)
    deadline = monotonic() + COUNTED_WITHIN_S
    while sum(await stack.accounted()) < found.accepted and monotonic() < deadline:  # noqa: ASYNC110 - other processes work
        await asyncio.sleep(0.5)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    stored, repeats = await stack.accounted()
    kept = [(await stack.jetstream.stream_info(name)).state.messages for name in KEPT]
    return Under(
        peak=peak.shares,
        sent=count,
        taken=found.accepted,
        stored=stored,
        repeats=repeats,
        aside=sum(kept),
        seconds=found.answered - found.began,
        later=sum(found.statuses.values()) - found.accepted,
    )


def memory_table(title: str, several: list[Share]) -> Table:
    return Table(
        title=title,
        columns={"PSS": 0, "RSS": 0},
        rows=[
            Row(what=one.who, figures={"PSS": only(one.pss), "RSS": only(one.rss)})
            for one in (*several, total(several))
        ],
    )


def only(value: float) -> Figure:
    return figure([value])


def account(under: Under, inside: Box) -> Table:
    """What became of the errors."""
    figures = {
        "sent": under.sent,
        "answered 200": under.taken,
        "told to send again": under.later,
        "stored": under.stored,
        "counted as repeats": under.repeats,
        "lost": under.taken - under.stored - under.repeats,
        "dead or held": under.aside,
        "seconds": under.seconds,
        "killed for memory": inside.killed,
    }
    return Table(
        title=f"What became of the errors, {inside.name}, {len(inside.cores)} cores",
        columns={"": 0},
        rows=[Row(what=what, figures={"": only(value)}) for what, value in figures.items()],
    )


async def main() -> int:
    parser = arguments((__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=100.0, help="errors a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for so long")
    parser.add_argument("--kinds", type=int, default=10, help="one of so many is of a new kind")
    parser.add_argument("--limit-mb", type=float, default=1000.0, help="megabytes for the stack")
    parser.add_argument("--within", choices=WAYS, default="", help="what keeps it to that")
    asked = parser.parse_args()
    if asked.quick:
        asked.rate, asked.seconds = 20.0, 1.0
    with (
        TemporaryDirectory(prefix="mendwire-bench-") as name,
        box(int(asked.limit_mb * 1e6), asked.within) as ours,
    ):
        folder = Path(name)
        async with stack(folder, ours) as built:
            await asyncio.sleep(1.0 if asked.quick else SETTLED_S)
            tell(memory_table("Megabytes at rest", shares(built.pid)), as_json=asked.json)
            under = await loaded(built, asked, folder / "load")
            rate = f"{asked.rate:.0f} errors a second for {asked.seconds:.0f} s, "
            rate += f"one of {asked.kinds} of a new kind"
            tell(memory_table(f"Megabytes at the peak, {rate}", under.peak), as_json=asked.json)
            tell(account(under, ours), as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
