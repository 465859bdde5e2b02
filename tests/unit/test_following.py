"""How often fixes are looked at, whatever is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from mendwire.app import following
from mendwire.deliver.loop import ClosedLoop
from mendwire.model.case import Case
from mendwire.settings.config import Config
from mendwire.wire.jetstream import JetStreamBus

SOAKS = b'{"status": "soaking"}'
Hear = Callable[[str, bytes, object], None]


class Line:
    """What is told in the project, by whom who writes the test."""

    def __init__(self) -> None:
        self.names = self
        self.every_progress = "shop.investigation.status.*"
        self.tell: list[Hear] = []

    @asynccontextmanager
    async def hearing(
        self, _subjects: Sequence[str], _group: str, hear: Hear
    ) -> AsyncIterator[None]:
        self.tell.append(hear)
        yield


class Loop:
    """Counts its rounds."""

    def __init__(self) -> None:
        self.rounds = asyncio.Semaphore(0)
        self.count = 0

    async def round(self) -> int:
        self.count += 1
        self.rounds.release()
        return 0

    async def due_s(self) -> float | None:
        return 0.0


async def test_a_flood_of_soaks_makes_no_flood_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_LEAST_S", 3_600.0, raising=False)
    line, loop = Line(), Loop()
    async with following.following(
        [cast("ClosedLoop", loop)], cast("JetStreamBus", line)
    ) as looked:
        await looked.wait()
        for _ in range(200):
            line.tell[0]("", SOAKS, None)
            await asyncio.sleep(0)
        assert loop.count == 1
    # It ends in the midst of a pause.


async def test_what_is_told_in_a_pause_is_looked_at_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "_LEAST_S", 0.01, raising=False)
    monkeypatch.setattr(Loop, "due_s", lambda _: asyncio.sleep(0, None))
    line, loop = Line(), Loop()
    async with following.following(
        [cast("ClosedLoop", loop)], cast("JetStreamBus", line)
    ) as looked:
        await looked.wait()
        await loop.rounds.acquire()
        line.tell[0]("", SOAKS, None)
        async with asyncio.timeout(60):  # a round of each minute comes no sooner
            await loop.rounds.acquire()


@pytest.mark.parametrize(
    ("environment", "approved", "goes_on"),
    [("staging", "", True), ("production", "", False), ("production", "request", True)],
)
def test_a_request_is_moved_on_as_long_as_the_settings_let_one_be_made(
    environment: str, approved: str, goes_on: bool
) -> None:
    others = {"production": {"autonomy": "propose"}}
    told = {"autonomy": "request", "push": "origin", "environments": others}
    forge = {"kind": "github", "repository": "a/b"}
    config = Config.model_validate({"delivery": told, "forge": forge})
    case = Case(issue="0" * 32, environment=environment, approved=approved)
    assert following._goes_on(config, case) is goes_on
    nowhere = config.delivery.model_copy(update={"push": ""})
    assert not following._goes_on(config.model_copy(update={"delivery": nowhere}), case)
