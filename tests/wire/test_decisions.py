"""What a person decides about a case holds for what that person has seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mendwire.docket.cases import Docket
from mendwire.errors import ConfigError, IllegalMove
from mendwire.model.case import Case, CaseState, Delivered, Parking, ParkReason, Verdict
from mendwire.model.delivery import MessageRef
from mendwire.model.moves import reopened, take
from mendwire.model.rework import reworked
from mendwire.model.work import Change, Finding
from mendwire.ops import cases as desk
from mendwire.wire.jetstream import JetStreamBus

ISSUE = "0123456789abcdef0123456789abcdef"
REF = MessageRef(stream="S", stream_created="t", seq=1, subject="s")
FIXED = Case(
    issue=ISSUE,
    state=CaseState.FIXED,
    verdict=Verdict.FIXED,
    report=b'{"error": "x"}',
    message=REF,
    finding=Finding(summary="s", confidence=0.9),
    change=Change(patch="the first diff", files=("a.py",)),
    delivered=Delivered(patch_path="p"),
)


@pytest.fixture
def docket(bus: JetStreamBus) -> Docket:
    return Docket(bus.bucket(bus.names.bucket("DOCKET")), "w1")


Deed = Callable[[Docket, str], Awaitable[object]]
DEEDS: dict[str, Deed] = {
    "approve": lambda docket, case: desk.approve(docket, case, "branch", "ann"),
    "close": lambda docket, case: desk.close(docket, case, "no"),
    "retry": desk.retry,
    "silence": lambda docket, case: desk.silence(docket, case, "no", 0),
    "observe": lambda docket, case: desk.observe(docket, case, "no", 3),
}


def next_episode(**more: object) -> Case:
    """As it is once the issue came back and was mended otherwise."""
    withdrawn = replace(FIXED, state=CaseState.WITHDRAWN)
    opened = reopened(withdrawn, FIXED.report, REF, 1)
    usual: dict[str, object] = {"change": Change(patch="another diff", files=("a.py",))}
    usual |= {"delivered": FIXED.delivered, "state": CaseState.FIXED, "verdict": Verdict.FIXED}
    return replace(opened, **{**usual, **more})  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_word_about_one_episode_does_not_count_for_the_next(
    docket: Docket, deed: str
) -> None:
    await docket.file(next_episode())
    before = await docket.get(ISSUE)
    with pytest.raises(ConfigError, match=r"is over, and .*-e2 came after it"):
        await DEEDS[deed](docket, f"{ISSUE}-e1")
    assert await docket.get(ISSUE) == before
    assert await docket.called() == []


async def test_the_episode_that_was_seen_and_the_issue_by_itself_are_meant(
    docket: Docket,
) -> None:
    await docket.file(next_episode())
    assert (await desk.find(docket, f"{ISSUE}-e1")).case.episode == 2, "to look at"
    opened = await desk.approve(docket, f"{ISSUE}-e2", "branch", "ann")
    assert (opened.state, opened.approved, opened.approved_by) == (CaseState.OPEN, "branch", "ann")
    assert (await desk.close(docket, ISSUE[:8], "no")).state is CaseState.PARKED


async def test_an_episode_that_ends_while_it_is_decided_about_is_not_decided(
    docket: Docket,
) -> None:
    await docket.file(FIXED)
    seen = await docket.get(ISSUE)
    assert seen is not None

    class Quick(Docket):
        """Somebody else is quicker, between the look and the change."""

        async def get(self, issue: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as Docket's
            found = await super().get(issue)
            if found is not None and found == seen:
                await docket.change(found, lambda _: next_episode())
            return found

    with pytest.raises(IllegalMove, match="-e2 is its issue's"):
        await desk.approve(Quick(docket._bucket, "w1"), f"{ISSUE}-e1", "branch", "ann")
    now = await docket.get(ISSUE)
    assert now is not None
    assert (now.case.state, now.case.approved) == (CaseState.FIXED, "")


async def test_an_approval_counts_once(docket: Docket) -> None:
    await docket.file(FIXED)
    await desk.approve(docket, f"{ISSUE}-e1", "branch", "ann")
    with pytest.raises(IllegalMove, match="no finding and no fix"):
        await desk.approve(docket, f"{ISSUE}-e1", "branch", "eve")


@pytest.mark.parametrize("state", ["open", "leased", "parked"])
async def test_closing_a_fix_that_is_made_anew_withdraws_it(docket: Docket, state: str) -> None:
    """Its request stands meanwhile: it must be followed no more, and nothing goes to it."""
    requested = replace(FIXED, delivered=Delivered(branch="b", commit="a" * 40, request_number=1))
    case = reworked(requested, "please", ("comment-1",))
    if state == "leased":
        case = take(case, "w2")
    if state == "parked":
        waiting = Parking(reason=ParkReason.BUDGET, note="", until_ns=1)
        case = replace(case, state=CaseState.PARKED, parking=waiting)
    await docket.file(case)
    closed = await desk.close(docket, ISSUE, "not wanted")
    assert (closed.state, closed.reason) == (CaseState.WITHDRAWN, "not wanted")
    assert (closed.verdict, closed.change) == (Verdict.FIXED, FIXED.change)
    assert (closed.rework, closed.parking, closed.holder) == (None, None, "")
    assert closed.token == case.token + 1, "who works on it is fenced"
    assert await docket.called() == []
