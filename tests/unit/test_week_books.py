"""The accounts of the simulated week find what is wrong in it; the week itself is a benchmark."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.week.books import Filed, Fix, Week, claims, end_of, lines
from benchmarks.week.bugs import ENDS, GROUP, SERVICES, Bug, Kind, bugs_of
from benchmarks.week.project import SHAPES, module_text, shape_of
from benchmarks.week.provider import Provider

BUGS = bugs_of(200, 1)


LATE = next(bug for bug in BUGS if bug.is_late)


def good_week() -> Week:
    """A week in which everything is as it must be."""
    cases = [
        Filed(
            word=bug.word,
            case_id=f"{bug.word}-e1",
            end=ENDS[bug.kind][0],
            occurrences=2,
            shares=f"{bug.cause}-e1" if bug.cause else "",
        )
        for bug in BUGS
    ]
    mended = [bug for bug in BUGS if ENDS[bug.kind] == ("verified",) and not bug.cause]
    return Week(
        bugs=BUGS,
        cases=cases,
        fixes=[Fix(word=bug.word, case_id=f"{bug.word}-e1") for bug in mended],
        sent={bug.word: 10 for bug in BUGS},
        sdk={},
        messages=400,
        counted=1590,
        dropped=10,
        waiting={"DEAD": 0},
        results=[case.case_id for case in cases],
        quarantined=10,
        spent_usd=1.0,
        billed_usd=1.0,
        day_usd=1.0,
        issue_usd=1.0,
        trees=0,
        asked={bug.word: 3 for bug in BUGS if not bug.cause},
    )


def failing(week: Week) -> list[str]:
    return [one.what.split()[0] for one in claims(week) if not one.holds]


def test_a_good_week_holds_every_claim() -> None:
    week = good_week()
    assert failing(week) == []
    assert all(line.matched == line.count for line in lines(week))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"cases": good_week().cases[1:]}, ["bugs", "stored"]),
        ({"cases": (*good_week().cases, Filed(word="", case_id="x", end="", occurrences=0))},
         ["cases"]),
        ({"fixes": (*good_week().fixes, good_week().fixes[-1])}, ["fixes"]),
        ({"results": ("a", "a")}, ["results"]),
        ({"counted": 1589}, ["occurrences"]),
        ({"messages": 401, "counted": 1589}, ["stored"]),
        ({"waiting": {"DEAD": 1}}, ["messages"]),
        ({"quarantined": 0}, ["attacks"]),
        ({"spent_usd": 1.01}, ["spent"]),
        ({"billed_usd": 1.01}, ["billed"]),
        ({"issue_usd": -1.0}, ["most"]),
        ({"trees": 1}, ["working"]),
        ({"asked": {bug.word: 1 for bug in BUGS if bug.is_late}}, ["errors"]),
        ({"cases": [replace(case, shares="") for case in good_week().cases]}, ["errors"]),
        ({"fixes": [*good_week().fixes, Fix(word=LATE.word, case_id=f"{LATE.word}-e1")]},
         ["errors"]),
    ],
)  # fmt: skip
def test_each_wrong_figure_breaks_its_own_claim(
    changes: dict[str, object], found: list[str]
) -> None:
    assert failing(replace(good_week(), **changes)) == found  # type: ignore[arg-type]


def test_a_fix_in_a_second_episode_is_one_too_many_but_for_the_bug_that_returns() -> None:
    week = good_week()
    again = [replace(fix, case_id=f"{fix.word}-e2") for fix in week.fixes]
    returns = {bug.word for bug in BUGS if bug.kind is Kind.RETURNS}
    back = [fix for fix in again if fix.word in returns]
    assert failing(replace(week, fixes=[*week.fixes, *back])) == []
    right = {bug.word for bug in BUGS if bug.kind is Kind.RIGHT}
    other = next(fix for fix in again if fix.word in right)
    assert failing(replace(week, fixes=[*week.fixes, other])) == ["fixes"]


def test_one_mistake_fails_in_its_own_place_for_three_and_one_mend_is_for_all() -> None:
    for few in (BUGS, bugs_of(10, 1)):
        shared = [bug for bug in few if bug.kind is Kind.SHARED]
        firsts = [bug for bug in shared if not bug.cause]
        assert len(shared) == GROUP * len(firsts) > 0
        for first in firsts:
            group = [bug for bug in shared if bug.cause == first.word]
            assert [bug.is_late for bug in group] == [False, True]
            assert {(bug.service, bug.shape) for bug in group} == {(first.service, first.shape)}
            told = [Provider(bugs=few).tell("implementation", [bug.word]) for bug in shared]
            assert {name for one in told for name in one.files} == {one.file for one in firsts}
            assert f"import do_{first.word}" in module_text(group[0])


def test_two_cases_of_one_bug_are_seen() -> None:
    bug = BUGS[0]
    twice = [
        Filed(word=bug.word, case_id="a", end="fixed", occurrences=1),
        Filed(word=bug.word, case_id="b", end="blocked", occurrences=1),
    ]
    assert end_of(bug, twice) == "blocked and fixed"
    assert end_of(bug, []) == "no case"


def test_a_seed_gives_the_same_week_with_attacks_and_unmended_bugs_in_each_service() -> None:
    assert bugs_of(200, 1) == BUGS
    assert bugs_of(200, 2) != BUGS
    assert len({bug.word for bug in BUGS}) == 200
    assert sum(bug.kind is Kind.ATTACK for bug in BUGS) == 10
    for few in (BUGS, bugs_of(10, 1)):
        ends = {(bug.service, ENDS[bug.kind] == ("verified",)) for bug in few}
        assert {(service, False) for service in SERVICES} <= ends


def test_what_is_called_right_mends_and_what_is_called_wrong_does_not() -> None:
    provider = Provider(bugs=BUGS)
    for bug in BUGS:
        if bug.kind not in {Kind.RIGHT, Kind.WRONG}:
            continue
        told = provider.tell("implementation", [bug.word])
        called = _function(told.files[bug.file], bug)
        if bug.kind is Kind.RIGHT:
            called(shape_of(bug).argument)
        else:
            with pytest.raises(Exception, match=r".*"):
                called(shape_of(bug).argument)
        assert called(shape_of(bug).good) is not None


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_each_mistake_fails_before_and_works_for_others(number: int) -> None:
    bug = Bug(word="bcdfg", service="orders", kind=Kind.RIGHT, shape=number)
    called = _function(module_text(bug), bug)
    with pytest.raises(Exception, match=r".*"):
        called(SHAPES[number].argument)
    assert called(SHAPES[number].good) is not None


def _function(text: str, bug: Bug):  # type: ignore[no-untyped-def]  # noqa: ANN202 - of generated code
    names: dict[str, object] = {}
    exec(text, names)  # noqa: S102 - our own generated module
    return names[f"do_{bug.word}"]
