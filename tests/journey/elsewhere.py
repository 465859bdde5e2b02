"""Other machines, as journeys have them: a folder, a clone, an agent, and the server's address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.journey.stage import ENV, SUITE, Stage
from tests.shared_server import SharedServer

AGENT = Path(__file__).parent / "programs/elsewhere_agent.py"


@dataclass(kw_only=True)
class Machine:
    """A folder that has nothing of the orchestrator's but the address of the server."""

    built: Stage
    folder: Path
    login: Mapping[str, str]

    async def specialist(self, *words: str, **variables: str) -> asyncio.subprocess.Process:
        process = await self.built.spawn_in(
            self.folder, "specialist", *words, "--log", "json", "--json", **self.login, **variables
        )
        await event(process, "worker.started")
        return process


async def event(process: asyncio.subprocess.Process, name: str) -> dict[str, object]:
    """The next log line of that event."""
    assert process.stderr is not None
    told = b""
    while line := await process.stderr.readline():
        told = line
        if line.startswith(b"{") and (found := json.loads(line))["event"] == name:
            return dict(found)
    raise AssertionError(f"the process ended without {name}: {told.decode()}")


async def machine(built: Stage, name: str, *, role_config: str = "") -> Machine:
    """A clone of the shop as of now, and an agent of its own, which looks for its cues outside."""
    folder = built.folder.parent / name
    folder.mkdir()
    cloning = await asyncio.create_subprocess_exec(
        "git", "clone", "-q", str(built.repository), str(folder / "shop")
    )
    assert await cloning.wait() == 0
    command = json.dumps(["python3", str(AGENT), str(built.folder / "pace")])
    (folder / "mendwire.toml").write_text(
        f'[project]\nrepository = "shop"\ntest = {json.dumps(SUITE)}\n'
        f'[worker]\nenvironments = ["{ENV}"]\nheartbeat_s = 1\n'
        f'[agent]\nkind = "command"\ncommand = {command}\n'
        f'[sandbox]\nkind = "none"\n[specialists]\nsilence_s = 2\n{role_config}'
    )
    login: Mapping[str, str] = {}
    if isinstance(built.server, SharedServer):
        login = built.server.variables("shop_specialist")
    return Machine(built=built, folder=folder, login=login)
