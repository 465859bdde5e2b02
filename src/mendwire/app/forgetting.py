"""Texts of cases that are over are forgotten when their time has come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.errors import Fenced, MendwireError
from mendwire.model.case import OVER
from mendwire.model.moves import forgotten
from mendwire.telemetry import emit
from mendwire.wire.ending import ended

EVERY_S: Final = 3600.0
_DAY_NS: Final = 86_400 * 1_000_000_000

log = logging.getLogger(__name__)


async def forget(docket: Docket, before_ns: int) -> int:
    """Strip every case that is over and unchanged since ``before_ns`` (server time); how many."""
    old = [
        filed
        async for filed in docket.cases()
        if filed.case.state in OVER and filed.case.report and filed.changed_ns < before_ns
    ]
    count = 0
    for filed in old:
        latest = await docket.get(filed.case.issue)
        if latest is None or latest.revision != filed.revision:
            continue  # it came back meanwhile
        try:
            await docket.change(latest, forgotten)
        except Fenced:
            continue
        await docket.drop_report(filed.case.report)
        emit("case.forgotten", case=filed.case.case_id)
        count += 1
    return count


@asynccontextmanager
async def forgetting(docket: Docket, days: float, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Do so each hour while the block runs; with 0 days never."""
    if not days:
        yield
        return
    task = asyncio.create_task(_rounds(docket, int(days * _DAY_NS), every_s), name="forgetting")
    try:
        yield
    finally:
        await ended(task)


async def _rounds(docket: Docket, age_ns: int, every_s: float) -> None:
    while True:
        try:
            await forget(docket, time.time_ns() - age_ns)
        except MendwireError as problem:
            emit("connection.lost", url=f"forgetting old cases waits: {problem}")
        except Exception:
            log.exception("forgetting old cases failed; the next round tries again")
        await asyncio.sleep(every_s)
