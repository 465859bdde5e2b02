"""A person's own repository: no NATS variable, no namespace, everything by ``mendwire up``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mendwire.demo.shop import build_repository
from tests.journey.stage import SUITE, sandbox_kind

CHOICES = {
    '# test = ["{python}", "-m", "pytest", "-q"]': f"test = {json.dumps(SUITE)}",
    "# reruns = 2": "reruns = 1",
    '# kind = "auto"                 # claude': 'kind = "rollback"  # claude',
    '# kind = "auto"                 # bwrap': f'kind = "{sandbox_kind()}"  # bwrap',
}


@dataclass(kw_only=True)
class Yard:
    """The shop's repository on a person's machine."""

    folder: Path
    home: Path
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def spawn(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mendwire", *arguments),
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                **variables,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    async def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Run to the end: exit code, standard output, standard error."""
        return await self.piped(b"", *arguments, **variables)

    async def piped(self, given: bytes, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """The same with something on standard input."""
        process = await self.spawn(*arguments, **variables)
        out, err = await process.communicate(given)
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode(), err.decode()

    async def report(self, report: dict[str, Any]) -> tuple[int, str, str]:
        return await self.piped(json.dumps(report).encode(), "report", "--env", "production")

    async def cases(self) -> list[dict[str, Any]]:
        code, out, err = await self.run("cases", "list", "--json")
        assert code == 0, err
        rows: list[dict[str, Any]] = json.loads(out)
        return rows

    async def cases_when(
        self, true: Callable[[list[dict[str, Any]]], bool], within_s: float = 60.0
    ) -> list[dict[str, Any]]:
        """The cases once ``true`` holds of them."""
        deadline = time.monotonic() + within_s
        while not true(rows := await self.cases()):
            assert time.monotonic() < deadline, rows
            await asyncio.sleep(0.2)
        return rows


@asynccontextmanager
async def own_repository(folder: Path, home: Path) -> AsyncIterator[Yard]:
    """The shop's repository after ``mendwire init``; what was started in it is dead at the end."""
    folder.mkdir(exist_ok=True)
    home.mkdir()
    await build_repository(folder)
    yard = Yard(folder=folder, home=home)
    code, _, err = await yard.run("init")
    assert code == 0, err
    text = (folder / "mendwire.toml").read_text()
    for default, chosen in CHOICES.items():
        assert default in text
        text = text.replace(default, chosen, 1)
    (folder / "mendwire.toml").write_text(text)
    try:
        yield yard
    finally:
        for process in yard.started:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()


async def log_until(process: asyncio.subprocess.Process, text: str) -> list[str]:
    """Standard error up to the line that has ``text`` in it."""
    assert process.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not lines or text not in lines[-1]:
            line = await process.stderr.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    return lines
