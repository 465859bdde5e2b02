"""The commands and programs of docs/how-to/tasks.md, run from the page itself."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from shutil import which

from tests.journey.test_tasks_command import Shell, shell

PAGE = (Path(__file__).parents[2] / "docs/how-to/tasks.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"(?m)^    mendwire tasks (.+)$", PAGE)
WORKER, ASKING = re.findall(r"(?s)```python\n(.*?)```", PAGE)


async def test_the_commands_of_the_page_run_in_their_order(tmp_path: Path) -> None:
    async with shell(tmp_path) as (ours, _, queue):
        assert len(COMMANDS) > 10
        for command in COMMANDS:
            await ours.run(*shlex.split(command))
        ended = {one.result.task_id: one.end for one in await queue.ended()}
        assert ended == {"slow-users": "done", "later": "cancelled"}
        assert await queue.schedules.all() == []


async def test_the_programs_of_the_page_work_together(tmp_path: Path) -> None:
    async with shell(tmp_path) as (ours, _, queue):
        for name, text in (("architect", WORKER), ("ask", ASKING)):
            (ours.folder / f"{name}.py").write_text(text, encoding="utf-8")
        worker = await ours.start("architect.py")
        try:
            out, errors = await (await ours.start("ask.py")).communicate()
            assert out == b"done an index\n", errors.decode()
            if which("nats"):
                await _published_by_others(ours)
                ended = await queue.result("slow-2", wait_s=60)
                assert ended is not None
                assert "does not fit Where" in ended.result.solution
        finally:
            worker.terminate()
            _, errors = await worker.communicate()
        assert worker.returncode == 0, errors.decode()


async def _published_by_others(ours: Shell) -> None:
    (command,) = re.findall(r"(?m)^    nats (pub .+)$", PAGE)
    words = shlex.split(command.replace("shop.", "ai_tutor."))
    publishing = await ours.start(
        "-c", "import os, sys; os.execvp('nats', sys.argv[1:])", "nats", *words
    )
    _, errors = await publishing.communicate()
    assert publishing.returncode == 0, errors.decode()
