from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.nats_server import RealServer, running


async def mendwire(server: RealServer, folder: Path, *arguments: str) -> tuple[int, str, str]:
    folder.mkdir(exist_ok=True)
    environ = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
    environ |= {"NATS_URL": server.url, "NATS_NAMESPACE": "ai_tutor", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mendwire",
        "streams",
        *arguments,
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def call(server: RealServer, endpoint: str, body: Any) -> Any:
    async with server.client() as client:
        answer = await client.request(f"$JS.API.{endpoint}", json.dumps(body).encode(), timeout=5)
        return json.loads(answer.data)


async def test_plan_apply_plan(tmp_path: Path) -> None:
    async with running(tmp_path / "nats") as server:
        here = tmp_path / "project"
        code, out, _ = await mendwire(server, here, "plan")
        assert code == 4
        assert "create  AI_TUTOR_STAGING_ERRORS > claude-error-fixer" in out.splitlines()
        code, out, errors = await mendwire(server, here, "apply", "--json")
        assert (code, errors) == (0, "")
        done = json.loads(out)["done"]
        assert {"action": "create", "stream": "AI_TUTOR_TASKS"}.items() <= done[6].items()
        code, out, _ = await mendwire(server, here, "plan")
        assert code == 0
        assert "are as they should be" in out
        code, out, _ = await mendwire(server, here, "apply")
        assert (code, out) == (0, "Nothing was left to do.\n")


async def test_drift_and_obstacles_in_plain_lines(tmp_path: Path) -> None:
    async with running(tmp_path / "nats") as server:
        here = tmp_path / "project"
        decoy = {"name": "AI_TUTOR_RESULTS", "subjects": ["x"], "storage": "file"}
        await call(server, "STREAM.CREATE.AI_TUTOR_RESULTS", decoy)
        code, out, _ = await mendwire(server, here, "apply", "--env", "qa")
        assert code == 4
        assert "foreign AI_TUTOR_RESULTS  Somebody else made it, and its subjects" in out
        info = await call(server, "STREAM.INFO.AI_TUTOR_QA_ERRORS", None)
        await call(
            server, "STREAM.UPDATE.AI_TUTOR_QA_ERRORS", info["config"] | {"max_age": 90_000 * 10**9}
        )
        code, out, _ = await mendwire(server, here, "plan", "--env", "qa")
        assert code == 4
        assert "            max_age: 25h -> 30d".strip() in [
            line.strip() for line in out.splitlines()
        ]


@pytest.mark.parametrize("env", ["a.b*", "", "Über"])
async def test_a_bad_environment_is_one_sentence(tmp_path: Path, env: str) -> None:
    async with running(tmp_path / "nats") as server:
        code, out, errors = await mendwire(server, tmp_path / "project", "plan", "--env", env)
        assert (code, out) == (2, "")
        assert errors.startswith("mendwire: The environment")
        assert len(errors.splitlines()) == 1
