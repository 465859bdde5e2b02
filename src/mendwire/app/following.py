"""Following fixes to where they run: the closed loop, wired, and run beside a worker."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from mendwire.app.forging import shown_evidence
from mendwire.deliver.feedback import Feedback, Passes
from mendwire.deliver.following import Requests
from mendwire.deliver.loop import ClosedLoop
from mendwire.deliver.requests import Forge
from mendwire.docket.cases import Docket, Filed
from mendwire.docket.deployments import Deployments
from mendwire.errors import MendwireError
from mendwire.execution.git import CaseRepository
from mendwire.model.bodies import Progress
from mendwire.model.case import Case, CaseState
from mendwire.model.screening import CLASSIFIER, ScreenVerdict
from mendwire.model.scrub import find_secret
from mendwire.model.spending import Allowance
from mendwire.settings.config import Config
from mendwire.telemetry import emit
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus

if TYPE_CHECKING:
    from mendwire.screen import Screen

EVERY_S: Final = 60.0
_AFTER_S: Final = 0.05
"""After a soak's end, so that it is over when it is looked at."""
_LEAST_S: Final = 1.0
"""Between two rounds, whatever is told: anybody in the project may tell of a soak."""
_SOAKS: Final = f'"status": "{CaseState.SOAKING.value}"'.encode()
"""In the progress that `teller` publishes."""
log = logging.getLogger(__name__)


def teller(bus: JetStreamBus) -> Callable[[Case, str], Awaitable[None]]:
    """Publishes what became of a fix as progress of its case, once each."""

    async def tell(case: Case, then: str) -> None:
        status = "regressed" if then == "regressed" else case.state.value
        told = Progress(
            task_id=case.case_id,
            agent="mendwire",
            status=status,
            findings=case.title,
            next_steps=() if then == "regressed" else (then,),
        )
        body = json.dumps(asdict(told), ensure_ascii=False).encode()
        await bus.publish(bus.names.progress(case.case_id), body, msg_id=f"{case.case_id}-{status}")

    return tell


def loop_of(
    config: Config,
    bus: JetStreamBus,
    docket: Docket,
    repository: CaseRepository,
    forge: Forge | None = None,
    name: str = "",
    passes: Passes | None = None,
    later: Callable[[Filed], None] | None = None,
) -> ClosedLoop:
    """The closed loop of one repository and namespace.

    With ``passes``, the screen's word, what people say on requests is taken up.
    """
    requests = None
    if forge is not None:
        feedback = None
        if passes is not None and config.forge.feedback:
            feedback = Feedback(
                docket=docket,
                forge=forge,
                passes=passes,
                has_secret=find_secret,
                rounds=config.forge.rounds,
                allowance=Allowance(
                    run_usd=config.limits.run_usd,
                    issue_usd=config.limits.issue_usd,
                    run_tokens=config.limits.run_tokens,
                    issue_tokens=config.limits.issue_tokens,
                ),
                later=later,
                shows=lambda case: shown_evidence(config, case),
                lets=lambda case: _goes_on(config, case),
            )
        requests = Requests(forge=forge, feedback=feedback)
    return ClosedLoop(
        docket=docket,
        deployments=Deployments(bucket=bus.bucket(bus.names.bucket("DOCKET"))),
        repository=repository,
        tell=teller(bus),
        base=config.project.base,
        soak_s=config.delivery.soak_hours * 3600,
        name=name,
        requests=requests,
    )


def _goes_on(config: Config, case: Case) -> bool:
    """Whether a request of this case may still be moved on; somebody may have said otherwise."""
    delivery = config.delivery
    return bool(delivery.push) and delivery.up_to(case.environment, case.approved) == "request"


def passes_of(screen: Screen) -> Passes:
    """Whether a remark may go on, by all of the screen but the classifier.

    That one learned what error reports are like; people who review tell others what to do.
    """

    async def passes(text: str) -> bool:
        screening = await screen.weigh(text)
        if screening.verdict is not ScreenVerdict.REJECT:
            return True
        return all(reason.rule == CLASSIFIER for reason in screening.reasons)

    return passes


@asynccontextmanager
async def following(
    loops: Sequence[ClosedLoop], bus: JetStreamBus, every_s: float = EVERY_S
) -> AsyncIterator[asyncio.Event]:
    """Look at every fix on its way each minute, and when a soak ends, while the block runs.

    The event is set after the first round.
    """
    looked, soaks = asyncio.Event(), asyncio.Event()

    def hear(_subject: str, payload: bytes, _headers: object) -> None:
        """`mendwire deploy` is another process: this tells that there is a soak to wait for."""
        if _SOAKS in payload:
            soaks.set()

    async with bus.hearing((bus.names.every_progress,), "", hear):
        task = asyncio.create_task(_rounds(loops, every_s, looked, soaks), name="closed loop")
        try:
            yield looked
        finally:
            await ended(task)


async def _rounds(
    loops: Sequence[ClosedLoop], every_s: float, looked: asyncio.Event, soaks: asyncio.Event
) -> None:
    while True:
        soaks.clear()
        pause_s = every_s
        for loop in loops:
            try:
                await loop.round()
                due_s = await loop.due_s()
                pause_s = min(pause_s, every_s if due_s is None else due_s + _AFTER_S)
            except MendwireError as problem:
                emit("connection.lost", url=f"following fixes waits: {problem}")
            except Exception:
                log.exception("following fixes failed; the next round tries again")
        looked.set()
        await asyncio.sleep(_LEAST_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(soaks.wait(), max(pause_s - _LEAST_S, 0))
