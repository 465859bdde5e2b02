"""docs/how-to/watch-over-it.md: every command of the page is run as it stands there."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

from tests.journey.stage import coupon_report, stage

PAGE = Path(__file__).parents[2] / "docs/how-to/watch-over-it.md"
LIVE = {"top", "watch"}
"""They end at Ctrl-C; their own tests are in test_status."""


def commands() -> list[list[str]]:
    lines = [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    ")]
    found = [shlex.split(line)[1:] for line in lines if line.startswith("mendwire ")]
    return [words for words in found if words[0] not in LIVE]


async def test_every_command_of_the_page_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        code, _, err = await set_up.run("streams", "apply")
        assert code == 0, err
        for number in range(3):
            await set_up.publish(coupon_report(), f"shop-{number}")
        wanted = commands()
        assert len(wanted) > 15
        looking = [words for words in wanted if "--yes" not in words and words[0] != "audit"]
        two = asyncio.Semaphore(2)

        async def run(words: list[str]) -> None:
            async with two:
                code, _, err = await set_up.run(*words)
            assert code == 0, (words, err)

        await asyncio.gather(*map(run, looking))
        out = ""
        for words in [words for words in wanted if words not in looking]:
            code, out, err = await set_up.run(*words)
            assert code == 0, (words, err)
        assert "streams rmm" in out
        assert "consumers reset" in out
        assert await set_up.waiting() == 2
