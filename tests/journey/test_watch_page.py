"""docs/how-to/watch-over-it.md: every command of the page is run as it stands there."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.journey.stage import Stage, coupon_report, stage

PAGE = Path(__file__).parents[2] / "docs/how-to/watch-over-it.md"
LIVE = {"top", "watch"}
"""They end at Ctrl-C; their own tests are in test_status."""


def commands() -> list[list[str]]:
    lines = [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    ")]
    found = [shlex.split(line)[1:] for line in lines if line.startswith("mendwire ")]
    return [words for words in found if words[0] not in LIVE]


@asynccontextmanager
async def with_errors(folder: Path) -> AsyncIterator[Stage]:
    async with stage(folder) as set_up:
        code, _, err = await set_up.run("streams", "apply")
        assert code == 0, err
        for number in range(3):
            await set_up.publish(coupon_report(), f"shop-{number}")
        yield set_up


@pytest.mark.parametrize("half", [0, 1])
async def test_every_command_that_looks_runs(tmp_path: Path, half: int) -> None:
    wanted = [words for words in commands() if "--yes" not in words and words[0] != "audit"]
    assert len(wanted) > 10
    async with with_errors(tmp_path) as set_up:
        two = asyncio.Semaphore(2)

        async def run(words: list[str]) -> None:
            async with two:
                code, _, err = await set_up.run(*words)
            assert code == 0, (words, err)

        await asyncio.gather(*map(run, wanted[half::2]))
        assert await set_up.waiting() == 3


async def test_every_command_that_takes_a_hand_runs_and_is_written_down(tmp_path: Path) -> None:
    wanted = [words for words in commands() if "--yes" in words or words[0] == "audit"]
    async with with_errors(tmp_path) as set_up:
        out = ""
        for words in wanted:
            code, out, err = await set_up.run(*words)
            assert code == 0, (words, err)
        assert "streams rmm" in out
        assert "consumers reset" in out
        assert await set_up.waiting() == 2
