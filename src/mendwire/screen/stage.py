"""The screen as the worker sees it: a report goes in, what may go on comes out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mendwire.errors import ExecutionError, ScreenBroken, ScreenUnavailable
from mendwire.execution.servant import Died, Outlasted, Servant
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.screen.core import redacted_core
from mendwire.screen.exchange import SECONDS, answered, asked

_NEEDED: Final = ("numpy", "onnxruntime", "spacy")
"""What the child imports of others; this process does not."""
_GRACE: Final = 2.0
"""The child gives up by itself at its budget; at this many budgets it is killed."""
_READY_S: Final = 60.0
_TRIES: Final = 2
"""A child that dies at a report may have been killed for another reason: it is asked once more."""
_MAX_DEATHS: Final = 3
_AT_HAND: Final = 4
"""Reports that lie ready for the child, so that it never waits for the event loop."""

Resolves = Callable[[str], bool]
"""Whether a frame's path is a tracked file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """The screen's answer, and the report to go on with."""

    screening: Screening
    """Of the whole report; ``sha256`` is the payload's."""
    passed: ScreenedReport | None
    """The full report (pass), the full report restricted (restrict), the redacted core restricted
    (reject, where it passes by itself), or None: quarantine is all there is to do."""


def let_through(report: ErrorReport, payload: bytes, trust: Trust) -> Screened:
    """What the screen would have said had it passed: for bytes that a person released."""
    screening = Screening(
        verdict=ScreenVerdict.PASS, score=0.0, sha256=hashlib.sha256(payload).hexdigest()
    )
    passed = ScreenedReport(report=report, screening=screening, restricted=False, trust=trust)
    return Screened(screening=screening, passed=passed)


class Screen:
    """The screen in a process of its own (``screen.child``), started anew when it dies."""

    def __init__(self, program: Sequence[str], seconds: float) -> None:
        self._program = tuple(program)
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_HAND)
        self._starting = asyncio.Lock()
        self._servant: Servant | None = None
        self._deaths = 0
        """In a row, without an answer between them."""

    @classmethod
    async def load(cls, rules: Path | None = None, *, seconds: float = SECONDS) -> Screen:
        """Start the child, which loads spaCy and the rules; ``rules`` is the operator's own file.

        ``seconds`` is the time one report may take. Raises ScreenUnavailable (rules A13).
        """
        absent = next((name for name in _NEEDED if find_spec(name) is None), None)
        if absent:
            raise ScreenUnavailable(
                f"The screen is not installed here ({absent}): pip install 'mendwire[screen]'"
            )
        # -P: a file of the working directory's must not become a module of ours.
        own = (str(rules.absolute()),) if rules else ()
        program = (sys.executable, "-P", "-m", "mendwire.screen.child", str(seconds), *own)
        screen = cls(program, seconds)
        await screen._up()
        return screen

    async def screen(
        self,
        report: ErrorReport,
        payload: bytes,
        trust: Trust,
        *,
        resolves: Resolves | None = None,
    ) -> Screened:
        """Judge one report, which ``payload`` are the bytes of; their sha256 names it.

        ``resolves`` says which frames of a rejected report may go on; without it only their form
        is checked. Raises ScreenBroken (this report goes to quarantine), ScreenUnavailable.
        """
        screening = await self._judged(payload, trust)
        going: ErrorReport | None = report
        if screening.verdict is ScreenVerdict.REJECT:
            going = await self._core(report, trust, resolves)
        if going is None:
            return Screened(screening=screening, passed=None)
        restricted = screening.verdict is not ScreenVerdict.PASS
        passed = ScreenedReport(
            report=going, screening=screening, restricted=restricted, trust=trust
        )
        return Screened(screening=screening, passed=passed)

    async def verdict(self, payload: bytes, trust: Trust) -> Screening:
        """What it says of a report, whatever becomes of it. Raises as ``screen`` does."""
        return await self._judged(payload, trust)

    async def weigh(self, text: str) -> Screening:
        """Judge a text that is no report: what a specialist said. Raises as ``screen`` does."""
        if not text.strip():
            return Screening(verdict=ScreenVerdict.PASS, score=0.0)
        return await self._judged(json.dumps({"error": text}).encode(), Trust.TRUSTED)

    async def close(self) -> None:
        """End the child; may be called twice."""
        servant, self._servant = self._servant, None
        if servant is not None:
            await servant.stop()

    async def _core(
        self, report: ErrorReport, trust: Trust, resolves: Resolves | None
    ) -> ErrorReport | None:
        core = redacted_core(report, resolves)
        if core is None:
            return None
        alone = await self._judged(json.dumps(asdict(core)).encode(), trust)
        return core if alone.verdict is ScreenVerdict.PASS else None

    async def _judged(self, payload: bytes, trust: Trust) -> Screening:
        async with self._turns:
            try:
                said = answered(await self._answer(asked(payload, trust)))
            except (ValueError, KeyError, TypeError):
                said = "The screen gave no proper answer to the report; it goes to quarantine."
        if isinstance(said, str):
            raise ScreenBroken(said)
        return said

    async def _answer(self, request: bytes) -> bytes:
        """Only the report that the child is at can outlast or kill it; those behind it wait."""
        tries = 0
        while tries < _TRIES:
            servant = await self._up()
            try:
                answer = await servant.ask(request, self._seconds * _GRACE)
            except Outlasted:
                raise ScreenBroken(
                    "The report outlasted the screen's time; it goes to quarantine."
                ) from None
            except Died as problem:
                tries += problem.was_at_it
            else:
                self._deaths = 0
                return answer
        raise ScreenBroken("The screen's process died at the report, twice; it goes to quarantine.")

    async def _up(self) -> Servant:
        async with self._starting:
            if self._servant is not None:
                if self._servant.alive:
                    return self._servant
                await self._servant.kill()
                self._servant = None
                self._deaths += 1
            if self._deaths > _MAX_DEATHS:
                self._deaths = 0  # the next try starts it again
                raise ScreenUnavailable(
                    "The screen's process died several times in a row: is there memory enough? "
                    "The worker waits and tries again."
                )
            try:
                self._servant = await Servant.start(self._program, ready_s=_READY_S)
            except ExecutionError as problem:
                raise ScreenUnavailable(str(problem)) from None
            return self._servant
