"""Cases as an operator sees and steers them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import ConfigError
from mendwire.model.case import Case, released, reopened


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRow:
    """One line of ``mendwire cases list``."""

    case: str
    state: str
    verdict: str
    title: str
    environment: str
    occurrences: int
    cost_usd: float
    branch: str


async def listing(docket: Docket) -> list[CaseRow]:
    """Every case, the one changed last at the end."""
    cases = [filed.case async for filed in docket.cases()]
    return [_row(case, await docket.repeats(case.issue)) for case in cases]


async def find(docket: Docket, wanted: str) -> Filed:
    """The case whose id, issue or beginning of either is ``wanted``; raises ConfigError."""
    issue = wanted.rpartition("-e")[0] or wanted
    exact = await docket.get(issue) if issue.replace("-", "").isalnum() else None
    if exact is not None:
        return exact
    found = [f async for f in docket.cases() if f.case.case_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    problem = "several cases begin" if found else "no case begins"
    message = f"{problem.capitalize()} with {wanted[:40]!r}: see mendwire cases list."
    raise ConfigError(message)


async def retry(docket: Docket, wanted: str) -> Case:
    """Open the issue's next episode; any worker takes it at once. Raises IllegalMove."""
    filed = await find(docket, wanted)

    def again(case: Case) -> Case:
        return released(reopened(case, case.report, case.message, time.time_ns()), token=case.token)

    await docket.call(filed.case.issue, 0)
    return (await docket.change(filed, again)).case


def _row(case: Case, repeats: int) -> CaseRow:
    return CaseRow(
        case=case.case_id,
        state=case.state.value,
        verdict=case.verdict.value if case.verdict else "",
        title=case.title,
        environment=case.environment,
        occurrences=case.occurrences + repeats,
        cost_usd=round(case.cost_usd, 4),
        branch=case.delivered.branch if case.delivered else "",
    )
