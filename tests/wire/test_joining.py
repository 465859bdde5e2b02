"""Several issues, one fix: shared when it is proven, awaited when it is near, else each its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mendwire.investigate.joining import Joining
from mendwire.model.case import Answer, Case, CaseState, Delivered, ParkReason, Verdict, move
from mendwire.model.delivery import DeliveryState
from mendwire.model.rework import reworked
from mendwire.model.work import Change, Cost, Finding, Proof, ProofStatus, Reproduction
from mendwire.ops.cases import listing, retry, shares
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_rules import REPORT, Crew, Shift, eventually, publish, shift

PATCH = "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n x\n-old {}\n+new\n y\n"
FRAME = {"file": "/app/a.py", "function": "f", "in_app": True}
SHARED = Proof(status=ProofStatus.VALID, reasons=("It passes with the other fix.",))


@dataclass
class Neighbours(Crew):
    """All find the same place; whose fix mends whose is scripted."""

    shared: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def shares(self, case: Case, fix: Case) -> Proof | None:
        self.asked.append((case.title, fix.title))
        return SHARED if self.shared else None

    async def research(self, _case: Case) -> tuple[Finding, Cost]:
        self.calls.append("research")
        return Finding(summary="s", confidence=1.0, files=("a.py",)), self.paid_each

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, Cost]:
        self.calls.append("implement")
        if self.calls.count("implement") == 1:
            await self.going.wait()
        return (
            Change(patch=PATCH.format(case.issue), files=("a.py",), added=1),
            None,
            self.paid_each,
        )


def join(mine: Shift, crew: Crew) -> Joining:
    joining = Joining(docket=mine.docket, shares=crew.shares, later=mine.sweeper.take)
    mine.investigation.joining = joining
    return joining


async def two(bus: JetStreamBus, **more: Any) -> None:
    await publish(bus, frames=[FRAME])
    await publish(bus, type="ValueError", error="ValueError: y", frames=[FRAME], **more)


async def case_of(mine: Shift, kind: str) -> Case:
    cases = [filed.case async for filed in mine.docket.cases()]
    return next(case for case in cases if case.title.startswith(kind))


async def handle(mine: Shift, seq: int) -> DeliveryState:
    return (await mine.orchestrator.handle(await mine.message(seq))).state


async def test_an_open_fix_that_mends_another_issue_is_the_fix_of_both(bus: JetStreamBus) -> None:
    """Without a token spent, and with one delivery; each has its own verdict."""
    await two(bus)
    crew = Neighbours()
    async with shift(bus, crew) as mine:
        join(mine, crew)
        assert await handle(mine, 1) is DeliveryState.SETTLED
        paid = list(crew.calls)
        assert await handle(mine, 2) is DeliveryState.SETTLED
        first, second = await case_of(mine, "KeyError"), await case_of(mine, "ValueError")
        assert crew.calls == paid
        assert mine.delivered == [first.case_id]
        assert (second.state, second.verdict) == (CaseState.FIXED, Verdict.FIXED)
        assert (second.joined, second.delivered) == (first.case_id, first.delivered)
        assert second.proof == SHARED
        assert second.reason.startswith(f"The fix of case {first.case_id} mends it, too: ")
        assert await shares(mine.docket, second) == f"{first.case_id} (fixed)"
        subjects = [f"results.fixed.{one.case_id}" for one in (first, second)]
        for subject in subjects:
            stream = bus.names.stream("RESULTS")
            kept = [r.ref.subject async for r in bus.walk(stream, 10, 1 << 62)]
            assert sum(one.endswith(subject) for one in kept) == 1


async def test_a_fix_of_a_file_that_only_research_names_is_tried_before_another_is_made(
    bus: JetStreamBus,
) -> None:
    """The stack of the second error does not lead there; what research cost is noted."""
    await publish(bus, frames=[FRAME])
    elsewhere = {**FRAME, "file": "/app/far.py"}
    await publish(bus, type="ValueError", error="ValueError: y", frames=[elsewhere])
    crew = Neighbours(cost=0.5)
    async with shift(bus, crew) as mine:
        join(mine, crew)
        await handle(mine, 1)
        crew.calls.clear()
        await handle(mine, 2)
        first, second = await case_of(mine, "KeyError"), await case_of(mine, "ValueError")
        assert crew.calls == ["research"]
        assert (second.state, second.joined) == (CaseState.FIXED, first.case_id)
        assert second.finding is not None
        assert (second.cost_usd, mine.delivered) == (0.5, [first.case_id])


async def test_a_case_waits_for_an_earlier_one_at_the_same_place(bus: JetStreamBus) -> None:
    await two(bus)
    crew = Neighbours()
    crew.going.clear()
    async with shift(bus, crew) as mine:
        join(mine, crew)
        first = asyncio.create_task(mine.orchestrator.handle(await mine.message(1)))
        await eventually(lambda: "implement" in crew.calls)
        assert await handle(mine, 2) is DeliveryState.PARKED
        waiting = await case_of(mine, "ValueError")
        assert waiting.parking is not None
        assert waiting.parking.reason is ParkReason.JOINED
        awaited = (await case_of(mine, "KeyError")).case_id
        assert waiting.joined == awaited
        assert f"for {awaited}" in {row.waits for row in await listing(mine.docket)}
        crew.going.set()
        await first
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 20)
        second = await case_of(mine, "ValueError")
        assert (second.state, second.joined) == (CaseState.FIXED, awaited)
        assert crew.calls.count("research") == 2
        assert crew.calls.count("implement") == 1
        assert mine.delivered == [awaited]


async def test_what_the_other_fix_does_not_mend_waits_for_the_lines_not_for_ever(
    bus: JetStreamBus,
) -> None:
    """Its own change meets an open fix: that one is merged or closed first, or a person says so."""
    await two(bus)
    crew = Neighbours(shared=False)
    async with shift(bus, crew) as mine:
        joining = join(mine, crew)
        await handle(mine, 1)
        assert await handle(mine, 2) is DeliveryState.PARKED
        first, second = await case_of(mine, "KeyError"), await case_of(mine, "ValueError")
        assert mine.delivered == [first.case_id]
        assert second.parking is not None
        assert "the same lines" in second.parking.note
        assert await joining.still_waits(second)
        # Laid aside once more while that is so, at no cost.
        paid = list(crew.calls)
        filed = await mine.docket.get(second.issue)
        assert filed is not None
        opened = await mine.sweeper._unpark(filed)
        await mine.orchestrator.inherit(opened)
        assert crew.calls == paid
        assert (await case_of(mine, "ValueError")).state is CaseState.PARKED
        again = await retry(mine.docket, second.case_id)
        assert (again.alone, again.joined) == (True, "")
        async with mine.sweeper:
            await eventually(lambda: is_fixed(mine))
        assert mine.delivered == [first.case_id, second.case_id]


async def is_fixed(mine: Shift) -> bool:
    return (await case_of(mine, "ValueError")).state is CaseState.FIXED


async def test_once_the_awaited_fix_is_gone_the_case_begins_at_the_new_base(
    bus: JetStreamBus,
) -> None:
    await two(bus)
    crew = Neighbours(shared=False)
    async with shift(bus, crew) as mine:
        join(mine, crew)
        await handle(mine, 1)
        await handle(mine, 2)
        first = await mine.docket.get((await case_of(mine, "KeyError")).issue)
        waiting = await mine.docket.get((await case_of(mine, "ValueError")).issue)
        assert first is not None
        assert waiting is not None

        await mine.docket.change(
            first, lambda now: move(now, CaseState.MERGED, token=now.token, landed="e" * 40)
        )
        crew.calls.clear()
        await mine.orchestrator.inherit(await mine.sweeper._unpark(waiting))
        assert crew.calls == ["implement", "prove", "review"], "research is not paid for twice"
        second = await case_of(mine, "ValueError")
        assert (second.state, second.joined, len(mine.delivered)) == (CaseState.FIXED, "", 2)


async def test_one_that_is_merged_meanwhile_is_shared_by_who_works_from_its_commit(
    bus: JetStreamBus,
) -> None:
    """Merged and deployed while the second one was made: that is without it, and not needed."""
    await two(bus)
    crew = Neighbours()
    async with shift(bus, crew) as mine:
        join(mine, crew)
        await handle(mine, 1)
        first = await mine.docket.get((await case_of(mine, "KeyError")).issue)
        assert first is not None
        await mine.docket.change(
            first, lambda now: move(now, CaseState.MERGED, token=now.token, landed="e" * 40)
        )
        assert await handle(mine, 2) is DeliveryState.SETTLED
        second = await case_of(mine, "ValueError")
        assert (second.state, second.joined) == (CaseState.FIXED, first.case.case_id)
        assert mine.delivered == [first.case.case_id]
        assert "review" not in crew.calls[crew.calls.index("review") + 1 :]


@pytest.mark.parametrize("first_through", ["KeyError", "ValueError"])
async def test_of_two_at_the_door_one_is_delivered_whichever_comes_first(
    bus: JetStreamBus, first_through: str
) -> None:
    """Both proven, neither delivered: the second to come stands back, and shares the fix then."""
    await two(bus)
    crew = Parted()
    async with shift(bus, crew) as mine, shift(bus, crew, worker="w2") as yours:
        opened, going = asyncio.Event(), asyncio.Event()
        for one in (mine, yours):
            join(one, crew)
            one.investigation.deliver = at_its_door(one, opened, going)
        for seq in (1, 2):
            await foresee(mine, seq)
        (other,) = {"KeyError", "ValueError"} - {first_through}
        leading = asyncio.create_task(inherit(mine, first_through))
        await asyncio.wait_for(opened.wait(), 20)
        await inherit(yours, other)
        waiting = await case_of(mine, other)
        assert waiting.parking is not None
        assert waiting.parking.reason is ParkReason.JOINED
        assert waiting.parking.note.endswith("is handed over just now")
        going.set()
        await leading
        delivered = await case_of(mine, first_through)
        assert (delivered.state, delivered.handing) == (CaseState.FIXED, False)
        async with yours.sweeper:
            await eventually(lambda: is_shared(mine, other, delivered.case_id), 20)
        assert [*mine.delivered, *yours.delivered] == [delivered.case_id]


class Parted(Neighbours):
    """Research sees two places, so neither waits for the other; both change the same lines."""

    async def research(self, case: Case) -> tuple[Finding, Cost]:
        self.calls.append("research")
        return Finding(summary="s", confidence=1.0, files=(f"{case.issue}.py",)), self.paid_each


def at_its_door(
    mine: Shift, opened: asyncio.Event, going: asyncio.Event
) -> Callable[[Case], Awaitable[Delivered]]:
    async def deliver(case: Case) -> Delivered:
        opened.set()
        await going.wait()
        mine.delivered.append(case.case_id)
        return Delivered(branch=f"mendwire/{case.issue}", commit="d" * 40)

    return deliver


async def foresee(mine: Shift, seq: int) -> None:
    case = await mine.orchestrator.intake.foresee(await mine.message(seq))
    assert case is not None
    await mine.docket.give_back(await mine.docket.open(case))


async def inherit(mine: Shift, kind: str) -> None:
    filed = await mine.docket.get((await case_of(mine, kind)).issue)
    assert filed is not None
    await mine.orchestrator.inherit(filed)


async def is_shared(mine: Shift, kind: str, by: str) -> bool:
    case = await case_of(mine, kind)
    return (case.state, case.joined) == (CaseState.FIXED, by)


@dataclass
class Again(Neighbours):
    """Its change is another one with each run; what mends the second case is scripted by those."""

    mends: tuple[bool, ...] = (True,)

    async def shares(self, _case: Case, fix: Case) -> Proof | None:
        assert fix.change is not None
        return SHARED if self.mends[int(fix.change.patch.count("+new"))] else None

    async def implement(self, _case: Case) -> tuple[Change, Reproduction | None, Cost]:
        made = PATCH.format("") + "+new\n" * self.calls.count("implement")
        self.calls.append("implement")
        return Change(patch=made, files=("a.py",), added=1), None, self.paid_each


async def redone(mine: Shift, issue: str) -> Case:
    """The case after a round for those who review its fix; nothing is woken for it."""
    filed = await mine.docket.get(issue)
    assert filed is not None
    asked = await mine.docket.change(filed, lambda now: reworked(now, "Otherwise.", ("1",)))
    mine.investigation.deliver = moved_on
    await mine.orchestrator.inherit(asked)
    filed = await mine.docket.get(issue)
    assert filed is not None
    return filed.case


async def moved_on(case: Case) -> Delivered:
    return Delivered(branch=f"mendwire/{case.issue}", commit="f" * 40)


PLACES = {"line": 9, **FRAME}, {"line": 30, **FRAME}


async def test_rule_a9_another_line_of_a_fixed_issue_is_open_again(bus: JetStreamBus) -> None:
    """In the same release it is another place; where the fix mends it too, no token is spent."""
    for frame, environment in (
        (0, "production"),
        (1, "production"),
        (1, "staging"),
        (0, "staging"),
    ):
        body = REPORT | {"release": "1.2", "frames": [PLACES[frame]]}
        await bus.publish(bus.names.errors(environment), json.dumps(body).encode())
    crew = Neighbours(shared=False)
    async with shift(bus, crew) as mine:
        join(mine, crew)
        assert await handle(mine, 1) is DeliveryState.SETTLED
        first = await mine.only()
        crew.calls.clear()
        crew.shared = True
        assert await handle(mine, 2) is DeliveryState.SETTLED
        assert crew.calls == []
        (apart,) = [
            filed.case async for filed in mine.docket.cases() if filed.case.issue != first.issue
        ]
        assert (apart.state, apart.joined) == (CaseState.FIXED, first.case_id)
        assert (apart.title, apart.release) == (first.title, "1.2")
        elsewhere = bus.names.error_stream("staging")
        staging = [await mine.message(seq, elsewhere) for seq in (1, 2)]
        outcomes = [await mine.orchestrator.handle(message) for message in staging]
        assert [one.state for one in outcomes] == [DeliveryState.SKIPPED] * 2
        counts = {filed.case.issue: filed.case.occurrences async for filed in mine.docket.cases()}
        assert counts == {first.issue: 2, apart.issue: 2}
        assert not mine.orchestrator.intake.driving


@pytest.mark.parametrize(
    "more",
    [
        {"release": "1.3"},
        {"release": "unknown"},
        {"release": "1.2", "fingerprint": ["one"]},
        {"release": "1.2", "frames": [PLACES[0]]},
    ],
    ids=["another release", "no release", "a fingerprint", "the same line"],
)
async def test_rule_a9_what_may_be_the_same_error_is_counted(
    more: dict[str, Any], bus: JetStreamBus
) -> None:
    first = REPORT | {"release": "1.2", "frames": [PLACES[0]]} | more
    await bus.publish(bus.names.errors("production"), json.dumps(first).encode())
    second = REPORT | {"release": "1.2", "frames": [PLACES[1]]} | more
    if more["release"] == "1.3":
        second["release"] = "1.4"
    second["user"] = "another"
    await bus.publish(bus.names.errors("production"), json.dumps(second).encode())
    crew = Neighbours()
    async with shift(bus, crew) as mine:
        join(mine, crew)
        assert await handle(mine, 1) is DeliveryState.SETTLED
        assert await handle(mine, 2) is DeliveryState.SKIPPED
        assert (await mine.only()).occurrences == 2


async def test_rule_a9_a_fix_made_anew_is_proven_for_all_that_share_it(bus: JetStreamBus) -> None:
    await two(bus)
    crew = Again(mends=(False, True, False, True))
    async with shift(bus, crew) as mine:
        join(mine, crew)
        await handle(mine, 1)
        await handle(mine, 2)
        first, second = await case_of(mine, "KeyError"), await case_of(mine, "ValueError")
        assert second.joined == first.case_id
        first = await redone(mine, first.issue)
        # The first try mended one of them alone, so it was sent back.
        assert crew.calls.count("implement") == 3
        assert (first.state, first.answer, first.rounds) == (CaseState.FIXED, Answer.AGAIN, 1)
        assert first.feedback.startswith("It is not shown to mend ValueError")
        assert first.proof is not None
        assert first.proof.reasons[-1].startswith(f"It mends case {second.case_id}, too: ")
        assert first.delivered is not None
        assert first.delivered.commit == "f" * 40
        second = await case_of(mine, "ValueError")
        assert (second.state, second.delivered) == (CaseState.FIXED, first.delivered)
        assert second.reason.endswith("It was made anew since, and shown to mend this again.")


async def test_rule_a9_what_mends_one_of_two_replaces_no_shared_fix(bus: JetStreamBus) -> None:
    await two(bus)
    crew = Again(mends=(False, True, *[False] * 9))
    async with shift(bus, crew) as mine:
        join(mine, crew)
        await handle(mine, 1)
        await handle(mine, 2)
        before = await case_of(mine, "KeyError"), await case_of(mine, "ValueError")
        first = await redone(mine, before[0].issue)
        assert (first.state, first.answer) == (CaseState.FIXED, Answer.UNPROVEN)
        assert (first.change, first.delivered) == (before[0].change, before[0].delivered)
        assert await case_of(mine, "ValueError") == before[1]


async def test_rule_a9_a_fix_that_is_made_anew_meanwhile_is_not_shared_as_it_was(
    bus: JetStreamBus,
) -> None:
    """People ask for something else between the proof for a second case and its joining."""
    await two(bus)
    crew = Again(mends=(False, True, True))
    async with shift(bus, crew) as mine:
        joining = join(mine, crew)
        await handle(mine, 1)
        first = await case_of(mine, "KeyError")
        shares = joining.shares

        async def shares_and(case: Case, fix: Case) -> Proof | None:
            proof = await shares(case, fix)
            filed = await mine.docket.get(fix.issue)
            assert filed is not None
            await mine.docket.change(filed, lambda now: reworked(now, "Otherwise.", ("1",)))
            return proof

        joining.shares = shares_and
        assert await handle(mine, 2) is DeliveryState.PARKED
        second = await case_of(mine, "ValueError")
        assert (second.verdict, second.joined) == (None, first.case_id), "it waits for it"


async def test_another_repositorys_cases_are_no_neighbours(bus: JetStreamBus) -> None:
    await two(bus, service="billing")
    crew = Neighbours()
    async with shift(bus, crew) as mine:
        join(mine, crew)
        object.__setattr__(mine.orchestrator.intake, "home", lambda report: report.service)
        await handle(mine, 1)
        await handle(mine, 2)
        assert crew.asked == []
        assert len(mine.delivered) == 2
