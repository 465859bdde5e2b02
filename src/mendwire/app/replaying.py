"""Kept reports through today's screen and signature, touching nothing."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mendwire.app.houses import House, houses_of
from mendwire.app.looking import Sight
from mendwire.errors import Undecodable
from mendwire.model.report import ErrorReport, Trust, parse_report
from mendwire.model.screening import Screening
from mendwire.model.scrub import scrub_policy
from mendwire.ops.replay import Judge, Past, Replayed, Shelves, replayed
from mendwire.screen import Screen
from mendwire.screen.core import redacted_core
from mendwire.settings.config import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """Something that is kept and is no report."""

    past: Past


async def todays_word(
    sight: Sight, *, is_screened: bool, since_ns: int = 0
) -> AsyncGenerator[Replayed | Unread, None]:
    """Everything that is kept and came after ``since_ns``, one at a time.

    With ``is_screened`` the screen is asked, too, else only what has an issue is told of. Raises
    ScreenUnavailable, and ConfigError for rules of one's own that cannot be read.
    """
    scrub = scrub_policy(sight.config.scrub.model_dump())
    shelves = Shelves(bus=sight.bus, docket=sight.docket, releases=sight.releases, is_core=_is_core)
    async with _judging(sight.config, is_screened=is_screened) as judge:
        async for past in shelves.all():
            if past.at_ns < since_ns or not (is_screened or past.issue):
                continue
            try:
                yield await replayed(past, judge, scrub)
            except Undecodable:
                yield Unread(past=past)


@asynccontextmanager
async def _judging(config: Config, *, is_screened: bool) -> AsyncIterator[Judge | None]:
    """The screen as a worker would ask it now, in the light of the files at the base commit."""
    if not is_screened:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mendwire-replay-") as folder:
        known = [(house, await _tracked(house, Path(folder))) for house in houses_of(config)]
        rules = config.screen.patterns
        screen = await Screen.load(
            config.root / rules if rules else None, seconds=config.screen.seconds
        )

        def resolves(file: str) -> bool:
            return any(house.layout.find(file, tracked) for house, tracked in known)

        async def judge(report: ErrorReport, payload: bytes, trust: Trust) -> Screening:
            screened = await screen.screen(report, payload, trust, resolves=resolves)
            return screened.screening

        try:
            yield judge
        finally:
            await screen.close()


async def _tracked(house: House, folder: Path) -> frozenset[str]:
    repository = await house.open(folder)
    base = await repository.base_commit(house.config.project.base)
    return frozenset(await repository.list_files(base.commit))


def _is_core(payload: bytes) -> bool:
    """A core is what is left of itself; one without a type is called an Error."""
    try:
        report = parse_report(payload)
    except Undecodable:
        return False
    core = redacted_core(report, None)
    return core is not None and replace(core, type=report.type) == report
