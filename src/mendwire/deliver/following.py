"""A request after it was made: asked after now and then, and told what became of its case."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from mendwire.deliver.feedback import Feedback
from mendwire.deliver.requests import Forge, Request, RequestState, marked
from mendwire.errors import ForgeError
from mendwire.model.case import Case, CaseState
from mendwire.telemetry import emit

_TOLD: Final = {
    CaseState.MERGED: "Mendwire sees this fix in the branch that it was made for.",
    CaseState.SOAKING: "This fix is deployed. Mendwire waits whether its error stays away.",
    CaseState.VERIFIED: "Verified: the error stayed away in a release that has this fix.",
    CaseState.WITHDRAWN: "Withdrawn: Mendwire leaves this alone until a person opens it again.",
}
"""Words of ours alone: nothing of a report or an agent goes into a comment."""
_OVER: Final = frozenset({CaseState.MERGED, CaseState.WITHDRAWN})
"""States in which a request that is still open asks for nothing more."""
_MOST: Final = 10_000


@dataclass(kw_only=True, slots=True)
class Requests:
    """The requests of fixes on their way. A forge that fails delays, and stops nothing."""

    forge: Forge
    ask_s: float = 300.0
    """Seconds between two looks at one request: forges count what they are asked."""
    feedback: Feedback | None = None
    """Takes up what people say on a request; None leaves it to them."""
    _asked: dict[str, float] = field(default_factory=dict)
    """When each case's request was looked at last, by the monotonic clock."""

    async def ended(self, case: Case) -> Request | None:
        """The case's request, if people merged or closed it; None also before its turn."""
        request = await self.look(case)
        return None if request is None or request.state is RequestState.OPEN else request

    async def look(self, case: Case) -> Request | None:
        """The case's request as it stands; None before its turn, and where the forge fails."""
        number = case.delivered.request_number if case.delivered else 0
        now = time.monotonic()
        if not number or now < self._asked.get(case.case_id, now - self.ask_s) + self.ask_s:
            return None
        if len(self._asked) >= _MOST:
            self._asked.clear()
        self._asked[case.case_id] = now
        try:
            return await asyncio.to_thread(self.forge.look, number)
        except ForgeError as problem:
            emit("forge.failed", case=case.case_id, error=str(problem))
            return None  # the next look may be answered

    async def tell(self, case: Case) -> None:
        """Comment on what the case has come to; close what is open and asks for nothing more."""
        number = case.delivered.request_number if case.delivered else 0
        if not number or case.state not in _TOLD or case.joined:
            return  # what two cases share is told of once
        text = marked(_TOLD[case.state], case.case_id)
        try:
            await asyncio.to_thread(self.forge.comment, number, text)
            if case.state not in _OVER:
                return
            request = await asyncio.to_thread(self.forge.look, number)
            if request.state is RequestState.OPEN:
                await asyncio.to_thread(self.forge.close, number)
        except ForgeError as problem:
            emit("forge.failed", case=case.case_id, error=str(problem))
