"""The case's state machine: every legal move, and that nothing else is possible (rules C)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Fenced, IllegalMove
from mendwire.model.case import (
    CASE_MOVES,
    HELD,
    STEP_MOVES,
    UNFINISHED,
    Case,
    CaseState,
    Parking,
    ParkReason,
    Step,
    Verdict,
    move,
)
from mendwire.model.codec import decode_case, encode
from mendwire.model.delivery import (
    DELIVERY_MOVES,
    SETTLED_STATES,
    DeliveryState,
    MessageRef,
    moved,
)
from mendwire.model.moves import released, reopened, take
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Reproduction, Review, Run

states = st.sampled_from(CaseState)
DECIDED = {CaseState.DELIVERING, CaseState.DELIVERED}


def a_case(**fields: Any) -> Case:
    return Case(**{"issue": "a" * 32, "token": 3, "holder": "w1", **fields})


def with_verdict(state: CaseState) -> Case:
    return a_case(state=state, verdict=Verdict.FIXED)


def test_every_state_has_its_moves() -> None:
    assert set(CASE_MOVES) == set(CaseState)
    assert set(STEP_MOVES) == {None, *Step}
    assert set(DELIVERY_MOVES) == set(DeliveryState)


def test_every_state_can_be_reached_from_open() -> None:
    reached, frontier = {CaseState.OPEN}, [CaseState.OPEN]
    while frontier:
        for to in CASE_MOVES[frontier.pop()] - reached:
            reached.add(to)
            frontier.append(to)
    assert reached == set(CaseState)


@given(states, states)
def test_moves_outside_the_table_raise(state: CaseState, to: CaseState) -> None:
    case = with_verdict(state)
    if to in CASE_MOVES[state]:
        assert move(case, to, token=3).state is to
    else:
        with pytest.raises(IllegalMove):
            move(case, to, token=3)


@given(states, states, st.integers(0, 10).filter(lambda token: token != 3))
def test_another_token_is_fenced_whatever_the_move(
    state: CaseState, to: CaseState, token: int
) -> None:
    with pytest.raises(Fenced):
        move(with_verdict(state), to, token=token)


@given(st.sampled_from(Step), st.sampled_from(Step))
def test_steps_follow_their_order(now: Step, then: Step) -> None:
    case = a_case(state=CaseState.LEASED, step=now)
    if then is now or then in STEP_MOVES[now]:
        assert move(case, CaseState.LEASED, token=3, step=then).step is then
    else:
        with pytest.raises(IllegalMove):
            move(case, CaseState.LEASED, token=3, step=then)


@pytest.mark.parametrize("to", sorted(DECIDED))
def test_nothing_is_delivered_without_a_verdict(to: CaseState) -> None:
    leased = a_case(state=CaseState.LEASED, step=Step.REVIEW)
    with pytest.raises(IllegalMove):
        move(leased, to, token=3)
    assert move(leased, to, token=3, verdict=Verdict.NOT_FIXED).verdict is Verdict.NOT_FIXED


def test_rule_a5_a_verdict_is_never_changed() -> None:
    case = a_case(state=CaseState.DELIVERING, verdict=Verdict.FIXED)
    with pytest.raises(IllegalMove):
        move(case, CaseState.DELIVERED, token=3, verdict=Verdict.NOT_FIXED)


@given(states)
def test_taking_a_lease_raises_the_token(state: CaseState) -> None:
    case = a_case(state=state)
    if state not in UNFINISHED:
        with pytest.raises(IllegalMove):
            take(case, "w2")
        return
    taken = take(case, "w2")
    assert (taken.holder, taken.token) == ("w2", 4)
    assert taken.state in HELD
    with pytest.raises(Fenced):
        move(taken, CaseState.PARKED, token=3)


def test_a_case_parked_on_its_way_to_people_goes_on_with_the_delivery() -> None:
    parked = move(with_verdict(CaseState.DELIVERING), CaseState.PARKED, token=3)
    opened = move(parked, CaseState.OPEN, token=3)
    assert take(opened, "w2").state is CaseState.DELIVERING


def test_giving_back_keeps_the_place_but_not_the_holder() -> None:
    given_back = released(a_case(state=CaseState.LEASED, step=Step.VERIFY), token=3)
    assert (given_back.state, given_back.step, given_back.holder) == (
        CaseState.OPEN,
        Step.VERIFY,
        "",
    )
    with pytest.raises(Fenced):
        released(a_case(), token=2)


def test_the_next_episode_forgets_the_work_but_not_the_counts() -> None:
    closed = a_case(state=CaseState.CLOSED, verdict=Verdict.NOT_FIXED, occurrences=7, attempts=2)
    again = reopened(closed, b"{}", None, 5)
    assert (again.episode, again.occurrences, again.attempts, again.verdict) == (2, 7, 0, None)
    assert again.case_id == "a" * 32 + "-e2"
    with pytest.raises(IllegalMove):
        reopened(a_case(state=CaseState.LEASED), b"{}", None, 5)


def test_a_full_case_survives_the_codec() -> None:
    case = a_case(
        state=CaseState.DELIVERED,
        report=b'{"error": "\xc3\xa9"}',
        message=MessageRef(stream="S", stream_created="t", seq=9, subject="s", reply="r"),
        finding=Finding(summary="s", reproduction=Reproduction(files=(("a.py", "x"),))),
        change=Change(patch="diff", files=("a",)),
        proof=Proof(
            status=ProofStatus.VALID,
            reasons=("held",),
            runs=(Run(what="suite", passed=True, exit_code=0, seconds=0.5, passing=("t",)),),
        ),
        review=Review(approved=True),
        verdict=Verdict.FIXED,
        parking=Parking(reason=ParkReason.BUDGET, note="n", until_ns=5),
        signatures=("x",),
    )
    assert decode_case(encode(case)) == case
    assert decode_case(encode(replace(case, report=b"\xff\x00"))).report == b"\xff\x00"


@given(st.sampled_from(DeliveryState), st.sampled_from(DeliveryState))
def test_messages_move_by_their_table(state: DeliveryState, to: DeliveryState) -> None:
    if to in DELIVERY_MOVES[state]:
        assert moved(state, to) is to
    else:
        with pytest.raises(IllegalMove):
            moved(state, to)


def test_a_settled_message_is_never_worked_on_again_by_itself() -> None:
    for state in SETTLED_STATES - {DeliveryState.QUARANTINED, DeliveryState.DEAD}:
        assert not DELIVERY_MOVES[state]
