"""Cases as an operator sees and steers them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import ConfigError, IllegalMove
from mendwire.model.approval import approved, at_stake
from mendwire.model.case import (
    CASE_MOVES,
    REOPENABLE,
    RETURNABLE,
    Case,
    CaseState,
    ParkReason,
    Verdict,
    issue_of,
    move,
)
from mendwire.model.delivery import Received
from mendwire.model.moves import is_observed, observed, released, reopened, silenced
from mendwire.model.rework import given_up
from mendwire.ops.quarantine import Decision, Desk
from mendwire.settings.serving import Delivery, Forge
from mendwire.wire.burial import place

CLOSEABLE: Final = frozenset({CaseState.OPEN, CaseState.LEASED, CaseState.PARKED})
_EPISODE: Final = re.compile(r"-e\d+\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRow:
    """One line of ``mendwire cases list``."""

    case: str
    state: str
    waits: str
    """Why it is parked; of an observed one, how often it came in this hour."""
    verdict: str
    title: str
    environment: str
    occurrences: int
    cost_usd: float
    tokens: int
    branch: str


async def listing(docket: Docket) -> list[CaseRow]:
    """Every case, the one changed last at the end."""
    cases = [filed.case async for filed in docket.cases()]
    return [
        _row(case, await docket.repeats(case.issue), await waits(docket, case)) for case in cases
    ]


async def waits(docket: Docket, case: Case) -> str:
    """What a parked case waits for, in a word or two; empty for any other."""
    if case.state is not CaseState.PARKED or case.parking is None:
        return ""
    if case.parking.reason is ParkReason.JOINED:
        return f"for {case.joined}"
    if not is_observed(case):
        return case.parking.reason.value
    seen = (await docket.paces.of(case.issue)).within_hour(time.time_ns())
    return f"observed, {seen} of {case.parking.at_rate}/h"


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


async def meant(docket: Docket, wanted: str) -> Filed:
    """The case that a person decides about; raises ConfigError.

    Who names an episode has seen that one: a word about it does not count for the next, which has
    another diff.
    """
    filed = await find(docket, wanted)
    now = filed.case.case_id
    if _EPISODE.search(wanted) and wanted != now:
        raise ConfigError(f"Case {wanted[:60]} is over, and {now} came after it: look at that one.")
    return filed


async def retry(docket: Docket, wanted: str, *, sure: bool = False) -> Case:
    """Let any worker take the case on at once; raises IllegalMove when one is at it.

    A parked case goes on where it stopped, with its tries counted anew. One that is over, or whose
    fix was not wanted, begins the issue's next episode. A fix that people have, merged or not, is
    given up by one who is ``sure`` alone; else ConfigError says what that means.
    """
    filed = await meant(docket, wanted)
    await docket.call(filed.case.issue, 0)
    opened = await docket.change(filed, _of(filed, partial(_again, sure=sure)))
    # Once more: a sweeper that came in between found nothing to do and forgot the first.
    await docket.call(filed.case.issue, 0)
    return opened.case


async def stake(docket: Docket, wanted: str) -> str:
    """What ``retry`` would give up, and for whom, in sentences; empty where that is nothing."""
    case = (await find(docket, wanted)).case
    told = at_stake(case)
    if not told:
        return ""
    others = [one.case async for one in docket.cases() if one.case.joined == case.case_id]
    kept = sum(one.verdict is Verdict.FIXED for one in others)
    return f"{told} Other cases that share it keep it: {kept}." if kept else told


async def approve(docket: Docket, wanted: str, level: str, by: str) -> Case:
    """Let a fix go as far as ``level``, a word of ``autonomy``, whatever the settings say.

    Raises ConfigError, IllegalMove where it has gone as far, or there is nothing to approve.
    """
    filed = await meant(docket, wanted)
    await docket.call(filed.case.issue, 0)
    opened = await docket.change(filed, _of(filed, lambda case: approved(case, level, by)))
    await docket.call(filed.case.issue, 0)  # as in retry
    return opened.case


def furthest(delivery: Delivery, forge: Forge) -> str:
    """How far a fix can go by the settings, once a person approved it."""
    return "request" if forge.kind and forge.repository and delivery.push else "branch"


async def silence(docket: Docket, wanted: str, note: str, until_ns: int) -> Case:
    """Stop what is being done about an issue; its errors are counted meanwhile.

    It goes on at ``until_ns`` (nanoseconds since the epoch), or with 0 when a person says so by
    ``retry``. Raises ConfigError, IllegalMove.
    """
    filed = await meant(docket, wanted)
    if until_ns:
        await docket.call(filed.case.issue, until_ns)
    silent = await docket.change(filed, _of(filed, lambda case: silenced(case, note, until_ns)))
    if not until_ns:
        await docket.dismiss(filed.case.issue)
    return silent.case


async def close(docket: Docket, wanted: str, note: str) -> Case:
    """A person's word that nothing is to be done about an issue (rules A11).

    A fix that waits to be merged is withdrawn; what is open, in work or waiting is laid aside.
    Either stays so until ``retry``. Raises ConfigError, IllegalMove where the case is over.
    """
    filed = await meant(docket, wanted)
    closed = await docket.change(filed, _of(filed, lambda case: _closed(case, note)))
    await docket.dismiss(filed.case.issue)
    return closed.case


async def shares(docket: Docket, case: Case) -> str:
    """The case whose fix this one shares or waits for, and where that stands; else empty."""
    if not case.joined:
        return ""
    other = await docket.get(issue_of(case.joined))
    if other is None or other.case.case_id != case.joined:
        return f"{case.joined} (which is over)"
    return f"{case.joined} ({other.case.state})"


async def observe(docket: Docket, wanted: str, note: str, at_rate: int) -> Case:
    """Only count an issue's errors from now on, until ``at_rate`` come within an hour.

    ``retry`` ends that, too. Raises ConfigError, IllegalMove.
    """
    filed = await meant(docket, wanted)
    watched = await docket.change(filed, _of(filed, lambda case: observed(case, note, at_rate)))
    await docket.paces.forget(filed.case.issue)
    await docket.dismiss(filed.case.issue)
    return watched.case


async def unrestricted(desk: Desk, docket: Docket, wanted: str, note: str = "") -> Decision:
    """Let the report of a restricted case be worked on as if it had passed (rules B3).

    Where its text was rejected, the held report is released; where it was kept with the case, that
    report enters again. Either opens a case of its own; the restricted one stays as it is.
    Raises ConfigError.
    """
    case = (await meant(docket, wanted)).case
    if not case.restricted or case.message is None:
        raise ConfigError(f"Case {case.case_id} is not restricted: there is nothing to release.")
    seq = await desk.find(place(case.message))
    if seq is not None:
        return await desk.release(seq, note)
    report = Received(
        ref=replace(case.message, sha256=sha256(case.report).hexdigest(), reply=""),
        payload=case.report,
        headers={"Mendwire-Trust": case.trust.value},
        deliveries=1,
        published_ns=case.opened_ns,
    )
    return await desk.admit(report, note)


def _of(filed: Filed, how: Callable[[Case], Case]) -> Callable[[Case], Case]:
    """``how`` for that episode alone: another one may begin in this moment."""

    def changed(case: Case) -> Case:
        if case.case_id != filed.case.case_id:
            raise IllegalMove(f"Case {filed.case.case_id} is over: {case.case_id} is its issue's.")
        return how(case)

    return changed


def _again(case: Case, *, sure: bool) -> Case:
    if (stake := at_stake(case)) and not sure:
        raise ConfigError(f"{stake} Nothing was changed.")
    if case.state is CaseState.PARKED:
        waited = case.parking is not None and case.parking.reason is ParkReason.JOINED
        again = move(case, CaseState.OPEN, token=case.token, parking=None, attempts=0, held_up=0)
        return replace(again, alone=True, joined="") if waited else again
    if CaseState.WITHDRAWN in CASE_MOVES[case.state]:
        case = move(case, CaseState.WITHDRAWN, token=case.token)
    if case.state in RETURNABLE:
        raise IllegalMove(
            f"The fix of case {case.case_id} is deployed: it opens again by itself when its error "
            "comes back in a release that has it."
        )
    if case.state not in REOPENABLE:
        message = f"Case {case.case_id} is {case.state}: it is being worked on, so just wait."
        raise IllegalMove(message)
    if not case.report:
        raise IllegalMove(
            f"Case {case.case_id} is past its retention: its report is gone, so it opens again "
            "when its error comes."
        )
    return released(reopened(case, case.report, case.message, time.time_ns()), token=case.token)


def _closed(case: Case, note: str) -> Case:
    if case.rework is not None and case.state in CLOSEABLE:
        case = given_up(case)  # its request is there all the time, and nobody wants it
    if CaseState.WITHDRAWN in CASE_MOVES[case.state]:
        return move(case, CaseState.WITHDRAWN, token=case.token, reason=note)
    if case.state in CLOSEABLE:
        return silenced(case, note, 0)
    raise IllegalMove(f"Case {case.case_id} is {case.state}: there is nothing to close.")


def _row(case: Case, repeats: int, waits_for: str) -> CaseRow:
    return CaseRow(
        case=case.case_id,
        state=case.state.value,
        waits=waits_for,
        verdict=case.verdict.value if case.verdict else "",
        title=case.title,
        environment=case.environment,
        occurrences=case.occurrences + repeats,
        cost_usd=round(case.cost_usd, 4),
        tokens=case.tokens,
        branch=case.delivered.branch if case.delivered else "",
    )
