"""How far a fix goes: by environment, by repository, by a person's word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from mendwire.errors import IllegalMove
from mendwire.model.approval import approved, reached
from mendwire.model.case import Case, CaseState, Delivered, Verdict
from mendwire.model.moves import take
from mendwire.model.work import Finding
from mendwire.settings.config import Config
from mendwire.settings.serving import Delivery, Forge
from mendwire.settings.sorting import Repository

FOUND = Case(
    issue="0" * 32,
    state=CaseState.CLOSED,
    verdict=Verdict.NEEDS_HUMAN,
    report=b"{}",
    finding=Finding(summary="s", confidence=0.9),
)
FIXED = Case(issue="0" * 32, state=CaseState.FIXED, verdict=Verdict.FIXED, delivered=Delivered())


@pytest.mark.parametrize(
    ("repository", "environment", "approval", "level"),
    [
        (None, "staging", "", "branch"),
        (None, "production", "", "propose"),
        (None, "production", "branch", "branch"),
        (None, "staging", "propose", "branch"),
        ("investigate", "staging", "", "investigate"),
        ("investigate", "production", "", "investigate"),
        ("branch", "production", "", "propose"),
        ("request", "staging", "", "request"),
    ],
)
def test_the_more_careful_word_counts_and_a_person_s_goes_further(
    repository: str | None, environment: str, approval: str, level: str
) -> None:
    one = Repository.model_validate({"name": "a", "autonomy": repository})
    delivery = Delivery.model_validate(
        {"push": "origin", "environments": {"production": {"autonomy": "propose"}}}
    )
    forge = Forge(kind="github", repository="a/b")
    config = Config(delivery=delivery, forge=forge, repositories=(one,))
    assert config.of(one).delivery.up_to(environment, approval) == level


def test_a_request_anywhere_needs_a_forge() -> None:
    with pytest.raises(ValidationError, match="needs kind and repository under"):
        Config.model_validate({"delivery": {"environments": {"staging": {"autonomy": "request"}}}})


def test_a_proven_fix_is_handed_over_as_it_is() -> None:
    assert reached(FIXED) == "propose"
    opened = approved(FIXED, "branch", "ann")
    assert (opened.episode, opened.approved, opened.approved_by) == (1, "branch", "ann")
    assert take(opened, "w").state is CaseState.DELIVERING


def test_a_finding_is_kept_for_the_episode_that_mends_it() -> None:
    opened = approved(FOUND, "branch", "ann")
    assert (opened.state, opened.episode, opened.finding) == (CaseState.OPEN, 2, FOUND.finding)


@pytest.mark.parametrize(
    "case",
    [
        replace(FIXED, delivered=Delivered(branch="b")),
        replace(FIXED, joined="x"),
        replace(FIXED, state=CaseState.MERGED),
        replace(FOUND, restricted=True),
        replace(FOUND, finding=None),
        replace(FOUND, state=CaseState.OPEN),
    ],
)
def test_there_may_be_nothing_to_approve(case: Case) -> None:
    with pytest.raises(IllegalMove):
        approved(case, "branch", "ann")
