"""From a fix to where it runs: merged, deployed, verified, regressed; and a person's hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.case import Case, CaseState, ParkReason, Verdict
from tests.journey.stage import ENV, Stage, coupon_report, stage
from tests.otlp_receiver import receiver
from tests.terminal import on_a_terminal

pytestmark = pytest.mark.timeout(120)
QUICK = "[delivery]\nsoak_hours = 0\n"
WHO = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org")


async def worked(set_up: Stage) -> None:
    code, _, err = await set_up.run("work", "--until-empty")
    assert code == 0, err


async def deployed(set_up: Stage, release: str, *more: str) -> list[dict[str, Any]]:
    """What ``mendwire deploy`` says of each fix."""
    words = ("deploy", "--env", ENV, "--release", release, "--json", *more)
    code, out, err = await set_up.run(*words)
    assert code == 0, err
    fixes: list[dict[str, Any]] = json.loads(out)["fixes"]
    return fixes


async def case_of(set_up: Stage) -> Case:
    (case,) = await set_up.cases()
    return case


async def fixed(set_up: Stage) -> Case:
    await set_up.run("streams", "apply")
    await set_up.publish(coupon_report(), "first")
    await worked(set_up)
    case = await case_of(set_up)
    assert case.verdict is Verdict.FIXED
    return case


async def merged(set_up: Stage, case: Case) -> None:
    """As a person merges by squashing, which keeps the message and not the commit."""
    assert case.delivered is not None
    await set_up.git("merge", "-q", "--squash", case.delivered.branch)
    message = await set_up.git("log", "-1", "--format=%B", case.delivered.branch)
    await set_up.git(*WHO, "commit", "-q", "-m", message)


async def told(set_up: Stage) -> list[str]:
    """The states that were published as progress, after the steps of the work."""
    steps = {"research", "implement", "verify", "review"}
    bodies = [body for _, body in await set_up.kept("INVESTIGATIONS")]
    return [body["status"] for body in bodies if body["status"] not in steps]


async def test_a_fix_is_followed_until_it_is_verified_and_reopens_where_it_comes_back(
    tmp_path: Path,
) -> None:
    with receiver() as backend:
        traces = f'[traces]\nendpoint = "{backend.url}"\n'
        async with stage(tmp_path, config=f"{QUICK}{traces}") as set_up:
            await followed(set_up)
    # All of it is told in the trace of the first episode; the second has its own, and leads back.
    back = backend.one("mendwire.case.regressed")
    case = backend.one("mendwire.case", case=back.attributes["mendwire.case"])
    for state in ("merged", "deployed", "soaking", "verified"):
        span = backend.one(f"mendwire.fix.{state}")
        assert (span.trace, span.parent) == (case.trace, case.id)
    assert back.links == ((case.trace, case.id),)
    assert back.trace != case.trace


async def followed(set_up: Stage) -> None:
    case = await fixed(set_up)
    assert await deployed(set_up, "shop@2", "--commit", "HEAD") == [
        {"case": case.case_id, "title": case.title, "state": "fixed", "has_fix": False}
    ]
    await merged(set_up, case)
    (one,) = await deployed(set_up, "shop@3", "--commit", "HEAD")
    assert (one["state"], one["has_fix"]) == ("soaking", True)
    # The old release still runs somewhere: it is counted and reopens nothing.
    await set_up.publish(coupon_report(release="shop@2"), "old")
    await set_up.publish(coupon_report(release="nobody told of it"), "unknown")
    await worked(set_up)
    case = await case_of(set_up)
    assert (case.state, case.episode, case.occurrences) == (CaseState.SOAKING, 1, 3)
    # Quiet is verified only once the service was heard from in the new release.
    other = coupon_report(
        release="shop@3", error="TypeError: x", type="TypeError", stack="", frames=[]
    )
    await set_up.publish(other, "other")
    await worked(set_up)
    await worked(set_up)  # a worker looks at every fix when it starts
    case = next(case for case in await set_up.cases() if case.title.startswith("KeyError"))
    assert case.state is CaseState.VERIFIED
    assert await told(set_up) == ["merged", "deployed", "soaking", "verified"]
    # It comes back in the release that has the fix: the next episode begins.
    await set_up.publish(coupon_report(release="shop@3"), "again")
    await worked(set_up)
    case = next(case for case in await set_up.cases() if case.title.startswith("KeyError"))
    assert case.episode == 2
    assert (await told(set_up))[-1] == "regressed"
    assert await set_up.waiting() == 0
    code, out, _ = await set_up.run("deployments", "--json")
    assert (code, [row["release"] for row in json.loads(out)]) == (0, ["shop@2", "shop@3"])


async def test_a_branch_deleted_unmerged_is_withdrawn(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        case = await fixed(set_up)
        assert case.delivered is not None
        await set_up.git("branch", "-q", "-D", case.delivered.branch)
        await worked(set_up)
        await set_up.publish(coupon_report(), "again")
        await worked(set_up)
        case = await case_of(set_up)
        assert (case.state, case.episode) == (CaseState.WITHDRAWN, 1)
        assert await told(set_up) == ["withdrawn"]
        code, _, err = await set_up.run("cases", "reopen", case.case_id)
        assert code == 0, err
        assert (await case_of(set_up)).episode == 2


@pytest.mark.parametrize("how", ["merge", "squash"])
async def test_a_fix_that_was_merged_and_taken_back_is_not_made_again(
    how: str, tmp_path: Path
) -> None:
    """Before it was deployed; and where the revert is reverted, the fix is on its way again."""
    async with stage(tmp_path) as set_up:
        case = await fixed(set_up)
        assert case.delivered is not None
        if how == "merge":
            words = ("--no-ff", "-m", "Merge it", case.delivered.branch)
            await set_up.git(*WHO, "merge", "-q", *words)
        else:
            await set_up.git("merge", "-q", "--squash", case.delivered.branch)
            message = await set_up.git("log", "-1", "--format=%B", case.delivered.branch)
            await set_up.git(*WHO, "commit", "-q", "-m", message)
        await worked(set_up)
        assert (await case_of(set_up)).state is CaseState.MERGED
        back = ("-m", "1") if how == "merge" else ()
        await set_up.git(*WHO, "revert", "--no-edit", *back, "HEAD")
        taken = (await set_up.git("rev-parse", "HEAD")).strip()
        await set_up.git(*WHO, "revert", "--no-edit", "HEAD")
        await worked(set_up)
        assert (await case_of(set_up)).state is CaseState.MERGED
        await set_up.git("reset", "-q", "--hard", taken)
        await worked(set_up)
        assert (await case_of(set_up)).state is CaseState.WITHDRAWN
        assert await told(set_up) == ["merged", "withdrawn"]
        await set_up.publish(coupon_report(), "again")
        await worked(set_up)
        case = await case_of(set_up)
        assert (case.state, case.episode, case.occurrences) == (CaseState.WITHDRAWN, 1, 2)


async def test_rule_a11_a_fix_that_people_have_is_not_given_up_unasked(tmp_path: Path) -> None:
    """Neither one that waits for them, nor one that they merged; asked, one sentence says what."""
    async with stage(tmp_path) as set_up:
        case = await fixed(set_up)
        assert case.delivered is not None
        words = ("cases", "retry", case.issue)
        code, out, err = await set_up.run(*words)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert f"waits on {case.delivered.branch} to be merged" in err
        assert "say --yes" in err
        await merged(set_up, case)
        await worked(set_up)
        code, out, err = await set_up.run(*words, "--json")
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert "the merged one stays in the code" in err
        place = (set_up.folder, set_up.environment, *words)
        shown = await on_a_terminal(*place, typed="n\n", code=1)
        assert "is merged and waits to be deployed" in " ".join(shown.split())
        assert (await case_of(set_up)).state is CaseState.MERGED
        assert f"{case.issue}-e2 is open" in await on_a_terminal(*place, typed="y\n")
        assert (await case_of(set_up)).state is CaseState.OPEN
        code, out, err = await set_up.run(*words, "--yes")
        assert (code, out, len(err.splitlines())) == (1, "", 1), err
        assert "just wait" in err


async def test_a_reverted_fix_waits_for_a_person_when_its_error_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        case = await fixed(set_up)
        await merged(set_up, case)
        await deployed(set_up, "shop@2", "--commit", "HEAD")
        await set_up.git(*WHO, "revert", "--no-edit", "HEAD")
        (one,) = await deployed(set_up, "shop@3", "--commit", "HEAD")
        assert (one["state"], one["has_fix"]) == ("soaking", False)
        await set_up.publish(coupon_report(release="shop@3"), "again")
        await worked(set_up)
        case = await case_of(set_up)
        assert (case.state, case.episode) == (CaseState.PARKED, 2)
        assert case.parking is not None
        assert case.parking.reason is ParkReason.PERSON
        assert "reverted" in case.parking.note
        assert await set_up.waiting() == 0


async def test_what_nobody_could_follow_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        for env, release, said in (
            ("a.b", "HEAD", "environment"),
            (ENV, "unknown", "release"),
            (ENV, "no-such-tag", "--commit"),
        ):
            code, out, err = await set_up.run("deploy", "--env", env, "--release", release)
            assert (code, out, len(err.splitlines())) == (2, "", 1), err
            assert said in err
        await deployed(set_up, "shop@2", "--commit", "HEAD")
        await deployed(set_up, "shop@2", "--commit", "HEAD")
        again = ("--release", "shop@2", "--commit", "HEAD~1")
        code, _, err = await set_up.run("deploy", "--env", ENV, *again)
        assert (code, len(err.splitlines())) == (2, 1)
        assert "a release of its own" in err
        for words, said in (
            (("--env", "a.b", "--release", "shop@2"), "environment"),
            (("--env", ENV, "--release", "shop@1"), "its newest is shop@2"),
            (("--env", "staging", "--release", "shop@2"), "it has no deployment"),
        ):
            code, out, err = await set_up.run("alive", *words)
            assert (code, out, len(err.splitlines())) == (2, "", 1), err
            assert said in err
        code, out, err = await set_up.run("alive", "--env", ENV, "--release", "shop@2", "--json")
        assert (code, json.loads(out)) == (0, {"fixes": []}), err
