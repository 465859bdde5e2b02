"""Eight cases of one repository at once: none disturbs another, or the operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.case import CaseState
from tests.journey.stage import Stage, stage

pytestmark = pytest.mark.timeout(120)
EIGHT = 8
WHO = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org")
CODE = '"""Part {n}."""\n\nKNOWN = {{"a": {n}}}\n\n\ndef part{n}(key):\n    return KNOWN[key]\n'
AGENT = """
import json, pathlib, re, socket, sys
task = json.loads(sys.stdin.readline())
file = re.search(r"shop/part[0-9].py", task["prompt"])[0]
answers = {
    "research": {"summary": "Looked up without a default.", "cause": file, "files": [file],
                 "similar": [], "confidence": 0.9},
    "implementation": {"explanation": "A default."},
    "review": {"approved": True, "comments": "Right."},
}
if task["role"] == "implementation":
    path = pathlib.Path(task["tree"], file)
    path.write_text(path.read_text().replace("KNOWN[key]", "KNOWN.get(key, 0)"))
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
        assert line.recv(1) == b"."  # all of them have a changed tree now
print(json.dumps({"answer": answers[task["role"]], "cost_usd": 0.125}))
"""


@asynccontextmanager
async def gate() -> AsyncIterator[int]:
    """A port that lets nobody on before all eight are there."""
    everybody = asyncio.Barrier(EIGHT)

    async def came(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with everybody:
            writer.write(b".")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(came, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


def report(number: int) -> dict[str, Any]:
    file, code = f"/app/shop/part{number}.py", "return KNOWN[key]"
    call = {"file": file, "line": 7, "function": f"part{number}", "in_app": True, "code": code}
    return {
        "error": "KeyError: 'zz'",
        "type": "KeyError",
        "release": "shop@1",
        "service": "shop",
        "frames": [{**call, "arguments": {"key": "zz"}}],
    }


async def test_eight_cases_of_one_repository_at_once(tmp_path: Path) -> None:
    async with gate() as port:
        command = ["python3", "-c", AGENT, str(port)]
        async with stage(
            tmp_path,
            agent="command",
            agent_more=f"command = {json.dumps(command)}\n",
            worker=f"concurrency = {EIGHT}",
            config="[limits]\nat_once = 1\n",
        ) as here:
            for number in range(EIGHT):
                path = here.repository / "shop" / f"part{number}.py"
                path.write_text(CODE.format(n=number))
            await here.git("add", "-A")
            await here.git(*WHO, "commit", "-q", "-m", "Eight parts")
            await here.run("streams", "apply")
            for number in range(EIGHT):
                await here.publish(report(number), f"part-{number}")
            draft = here.repository / "draft.txt"
            draft.write_text("The operator works here, too.\n")
            at_work = asyncio.create_task(commits(here))
            try:
                code, _, err = await here.run("work", "--until-empty")
            finally:
                at_work.cancel()
                await asyncio.gather(at_work, return_exceptions=True)
            assert code == 0, err
            cases = await here.cases()
            assert [case.state for case in cases] == [CaseState.FIXED] * EIGHT, [
                case.reason for case in cases
            ]
            assert {case.attempts for case in cases} == {0}
            assert len(await here.branches()) == len(await here.fix_commits()) == EIGHT
            for case in cases:
                assert case.delivered is not None
                named = await here.git("show", "--format=", "--name-only", case.delivered.commit)
                assert [named] == list(case.change.files if case.change else ())
            assert (await here.git("status", "--porcelain")) == "?? draft.txt"
            assert await here.git("fsck", "--no-dangling") == ""
            assert not [path for path in (tmp_path / ".mendwire/trees").iterdir() if path.is_dir()]


async def commits(here: Stage) -> None:
    """A person who commits all the while: git's locks are theirs as well."""
    while True:
        await here.git(*WHO, "commit", "-q", "--allow-empty", "-m", "Meanwhile")
