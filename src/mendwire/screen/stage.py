"""The screen as the worker sees it: a report goes in, what may go on comes out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mendwire.errors import MendwireError, ScreenBroken, ScreenUnavailable
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.screen.core import redacted_core
from mendwire.screen.detect import SECONDS, Detector, fresh_detector, load_detector
from mendwire.screen.lane import Lane

_GRACE: Final = 2.0
"""The thread gives up by itself at its budget; this many budgets later it is given up on."""
_MAX_ABANDONED: Final = 3
_AT_HAND: Final = 4
"""Reports that lie ready for the thread, so that it never waits for the event loop."""

Resolves = Callable[[str], bool]
"""Whether a frame's path is a tracked file. Pure and quick: called on the screen's thread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """The screen's answer, and the report to go on with."""

    screening: Screening
    """Of the whole report; ``sha256`` is the payload's."""
    passed: ScreenedReport | None
    """The full report (pass), the full report restricted (restrict), the redacted core restricted
    (reject, where it passes by itself), or None: quarantine is all there is to do."""


class Screen:
    """The loaded screen, on a thread of its own, so that the event loop never waits for it."""

    def __init__(self, detector: Detector, rules: Path | None, seconds: float) -> None:
        self._detector = detector
        self._rules = rules
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_HAND)
        self._abandoned = 0
        self._lane: Lane[Screened] = Lane("mendwire-screen")

    @classmethod
    async def load(cls, rules: Path | None = None, *, seconds: float = SECONDS) -> Screen:
        """Load spaCy and the rules off the event loop; ``rules`` is the operator's own file.

        ``seconds`` is the time one report may take. Raises ScreenUnavailable (rules A13).
        """
        return cls(await asyncio.to_thread(load_detector, rules), rules, seconds)

    async def screen(
        self,
        report: ErrorReport,
        payload: bytes,
        trust: Trust,
        *,
        resolves: Resolves | None = None,
    ) -> Screened:
        """Judge one report; ``payload`` are the bytes whose sha256 names it.

        ``resolves`` says which frames of a rejected report may go on; without it only their form
        is checked. Raises ScreenBroken (this report goes to quarantine), ScreenUnavailable.
        """
        sha256 = hashlib.sha256(payload).hexdigest()
        call = partial(self._judge, report, sha256, trust, resolves)
        async with self._turns:
            try:
                return await self._done(call)
            except MendwireError:
                raise
            except Exception as problem:
                raise ScreenBroken(
                    f"The report broke the screen ({type(problem).__name__}); "
                    "it goes to quarantine."
                ) from problem

    async def _done(self, call: Callable[[], Screened]) -> Screened:
        """Only the report that the thread is at can outlast it; those behind it are moved."""
        budget = self._seconds * _GRACE
        while True:
            lane = self._lane
            submitted = lane.submit(call)
            done = asyncio.wrap_future(submitted)
            try:
                while not (await asyncio.wait({done}, timeout=budget))[0]:
                    if submitted.running() and lane.busy_s() > budget:
                        await self._abandon(lane)
                        raise _outlasted()
                    if lane is not self._lane:
                        submitted.cancel()
                if not done.cancelled():
                    return done.result()
            finally:
                done.cancel()

    async def close(self) -> None:
        """Let the thread end; may be called twice."""
        self._lane.stop()

    def _judge(
        self, report: ErrorReport, sha256: str, trust: Trust, resolves: Resolves | None
    ) -> Screened:
        screening = self._detector.of_report(report, sha256, trust, self._seconds)
        restricted = screening.verdict is not ScreenVerdict.PASS
        going: ErrorReport | None = report
        if screening.verdict is ScreenVerdict.REJECT:
            going = self._core(report, sha256, trust, resolves)
        if going is None:
            return Screened(screening=screening, passed=None)
        passed = ScreenedReport(
            report=going, screening=screening, restricted=restricted, trust=trust
        )
        return Screened(screening=screening, passed=passed)

    def _core(
        self, report: ErrorReport, sha256: str, trust: Trust, resolves: Resolves | None
    ) -> ErrorReport | None:
        core = redacted_core(report, resolves)
        if core is None:
            return None
        alone = self._detector.of_report(core, sha256, trust, self._seconds)
        return core if alone.verdict is ScreenVerdict.PASS else None

    async def _abandon(self, lane: Lane[Screened]) -> None:
        """Leave the hanging thread and its pipeline behind; they are bounded in number."""
        lane.abandon()
        self._abandoned += 1
        if self._abandoned > _MAX_ABANDONED:
            raise ScreenUnavailable("The screen hung several times; restart the worker.")
        self._detector = await asyncio.to_thread(fresh_detector, self._rules)
        self._lane = Lane("mendwire-screen")


def _outlasted() -> ScreenBroken:
    return ScreenBroken("The report outlasted the screen's time; it goes to quarantine.")
