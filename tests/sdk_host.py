"""Programs that use the SDK, run as processes of their own, and what of them arrived."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from mendwire.capture.segment import Spooled
from mendwire.capture.spool import Spool
from mendwire.wire.jetstream import JetStreamBus

PRELUDE = """
import mendwire, sys, threading, asyncio, logging, time, os, contextlib
mendwire.init(service="shop", release="r1")
def total(items, discount=0):
    return items["price"] / discount
"""


class Host:
    """Runs programs that use the SDK, in their own folder, against one server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("NATS_")},
            "NATS_URL": url,
            "NATS_NAMESPACE": "ai_tutor",
            "MENDWIRE_ENVIRONMENT": "staging",
            "MENDWIRE_SPOOL": str(self.spool),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    async def run(self, program: str, *, prelude: str = PRELUDE, **environ: str) -> tuple[int, str]:
        process = await self.start(program, prelude=prelude, **environ)
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def start(
        self, program: str, *, prelude: str = PRELUDE, **environ: str
    ) -> asyncio.subprocess.Process:
        file = self.folder / "shop.py"
        file.write_text(prelude + textwrap.dedent(program))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            str(file),
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def spooled(self) -> list[Spooled]:
        """What waits on disk and is held by no living process."""
        waiting = Spool(self.spool).waiting()
        return [found.item for one, _ in waiting for found in one.unsettled() if found.item]

    def files(self) -> list[Path]:
        return sorted(self.spool.iterdir())

    @asynccontextmanager
    async def serving(self, *arguments: str, **environ: str) -> AsyncIterator[Path]:
        """``python -m …`` in the folder, a group of its own, ended by SIGTERM; yields its log."""
        log = self.folder / "log"
        with log.open("wb") as written:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                cwd=self.folder,
                env=self.environ | {"PYTHONUNBUFFERED": "1"} | environ,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        try:
            yield log
            with suppress(ProcessLookupError):  # it has ended by itself
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def stored(bus: JetStreamBus, kind: str = "STAGING_ERRORS") -> list[dict[str, Any]]:
    """The bodies in a stream."""
    found = [m async for m in bus.walk(f"AI_TUTOR_{kind}", 1000, 10**9)]
    return [json.loads(m.payload) for m in found]


async def repeats(bus: JetStreamBus) -> int:
    """How many occurrences were counted instead of stored."""
    return sum(body["count"] for body in await stored(bus, "OCCURRENCES"))
