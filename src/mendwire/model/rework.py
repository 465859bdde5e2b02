"""A delivered fix made anew because people who review it ask for something else. Pure.

The episode, its verdict and its result stay what they are (rules A5): either the new change is
proven and follows on the same branch, or what was delivered stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mendwire.errors import IllegalMove
from mendwire.model.case import Answer, Case, CaseState, Rework, Step, Verdict, move


def reworked(case: Case, asked: str, heard: tuple[str, ...]) -> Case:
    """The case open for another implementation; raises IllegalMove where there is no own fix."""
    if case.state is not CaseState.FIXED or case.change is None or case.joined:
        raise IllegalMove(f"Case {case.case_id} is {case.state}: it has no fix of its own to redo.")
    opened = move(case, CaseState.OPEN, token=case.token)
    stands = Rework(
        asked=asked, change=case.change, proof=case.proof, review=case.review, reason=case.reason
    )
    return replace(
        heeded(opened, heard),
        verdict=None,  # of the same episode, and fixed again in the end
        step=Step.IMPLEMENT,
        rework=stands,
        reworks=case.reworks + 1,
        attempts=0,
        rounds=0,
        held_up=0,
        feedback="",
        proof=None,
        review=None,
        approvals=(),
        answer=None,
    )


def heeded(case: Case, heard: tuple[str, ...], answer: Answer | None = None) -> Case:
    """The case that knows of these remarks, and what it owes for an answer."""
    known = tuple(dict.fromkeys((*case.heard, *heard)))
    return replace(case, heard=known, answer=answer or case.answer)


def standing(case: Case, answer: Answer | None) -> dict[str, Any]:
    """Fields by which a case goes back to what was delivered before; it is in rework."""
    stands = case.rework
    assert stands is not None, "a case in rework knows what stands"
    return {
        "verdict": Verdict.FIXED,
        "reason": stands.reason,
        "change": stands.change,
        "proof": stands.proof,
        "review": stands.review,
        "approvals": (),
        "feedback": "",
        "rework": None,
        "answer": answer,
    }


def given_up(case: Case) -> Case:
    """The fix as it was delivered, whoever is making it anew: their token is fenced."""
    token = case.token
    if case.state is CaseState.PARKED:
        case = move(case, CaseState.OPEN, token=token, parking=None)
    for state in (CaseState.DELIVERED, CaseState.PUBLISHED, CaseState.FIXED):
        known = standing(case, None) if case.rework is not None else {}
        case = move(case, state, token=token, holder="", **known)
    return replace(case, token=token + 1, away=None)
