"""A docket that was lost: seen by what it left elsewhere, and rebuilt from that (rules A8)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.errors import ConfigError, Conflict
from mendwire.execution.git import CaseRepository
from mendwire.model.case import Case, CaseState, Delivered, Verdict
from mendwire.model.printable import printable
from mendwire.wire.jetstream import JetStreamBus

_CASE: Final = re.compile(
    r"^Mendwire-Case: ([0-9a-f]{32}(?:-[rl]{1,2})?)-e(\d{1,6})$", re.MULTILINE
)
_SUBJECT: Final = re.compile(r"results\.([a-z_]+)\.([0-9a-f]{32}(?:-[rl]{1,2})?)-e(\d{1,6})$")
_MOST_RESULTS: Final = 100_000


async def refuse_lost_docket(
    docket: Docket, bus: JetStreamBus, repositories: Sequence[CaseRepository], prefix: str
) -> None:
    """Begin a new docket where there was none; raises ConfigError where one must have been.

    Without it every old bug would be investigated and delivered again.
    """
    if await docket.begun():
        return
    branches = [
        branch for one in repositories for branch in await one.origin.branches(f"{prefix}/")
    ]
    results = await _stored(bus, bus.names.stream("RESULTS"))
    if branches or results:
        raise ConfigError(
            f"The docket is empty, yet {len(branches)} branches {prefix}/... and {results} results "
            "exist: it was lost. Run `mendwire cases rebuild`, then start again."
        )
    await docket.begin()


async def rebuild(
    docket: Docket, bus: JetStreamBus, repositories: Mapping[str, CaseRepository], prefix: str
) -> int:
    """File every case that branches and results tell of, then begin; how many were filed.

    ``repositories`` are by name; the name is empty where there is only one.
    """
    latest: dict[str, Case] = {}
    async for case in _told_of(bus, repositories, prefix):
        # An older episode must not come back: its results exist, so the next could tell none.
        known = latest.get(case.issue)
        if known is None or known.episode < case.episode:
            latest[case.issue] = case
    filed = 0
    for case in latest.values():
        with suppress(Conflict):
            await docket.file(case)
            filed += 1
    await docket.begin()
    return filed


async def _told_of(
    bus: JetStreamBus, repositories: Mapping[str, CaseRepository], prefix: str
) -> AsyncIterator[Case]:
    for name, repository in repositories.items():
        for branch, commit in (await repository.origin.branches(f"{prefix}/")).items():
            message = (await repository.messages(commit, since=f"{commit}^")).get(commit, "")
            if found := _CASE.search(message):
                yield _of_branch(name, branch, commit, found, message)
    async for case in _of_results(bus):
        yield case


def _of_branch(name: str, branch: str, commit: str, found: re.Match[str], message: str) -> Case:
    return Case(
        issue=found[1],
        episode=int(found[2]),
        state=CaseState.FIXED,
        verdict=Verdict.FIXED,
        title=printable(message.partition("\n")[0], 120),
        reason="rebuilt from its branch",
        repository=name,
        delivered=Delivered(branch=branch, commit=commit),
    )


async def _of_results(bus: JetStreamBus) -> AsyncIterator[Case]:
    stream = bus.names.stream("RESULTS")
    async for received in bus.walk(stream, _MOST_RESULTS, last=1 << 62):
        found = _SUBJECT.search(received.ref.subject)
        if found and found[1] in set(Verdict):
            verdict = Verdict(found[1])
            ends = {Verdict.FIXED: CaseState.FIXED, Verdict.BLOCKED: CaseState.BLOCKED}
            yield Case(
                issue=found[2],
                episode=int(found[3]),
                state=ends.get(verdict, CaseState.CLOSED),
                verdict=verdict,
                reason="rebuilt from its result",
            )


async def _stored(bus: JetStreamBus, stream: str) -> int:
    info = await bus.api.call(f"STREAM.INFO.{stream}")
    return int(info["state"]["messages"])
