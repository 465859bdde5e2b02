"""kill -9 of the worker at every boundary: one commit, one result, the message gone (rules A)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendwire.model.boundary import Boundary
from mendwire.model.case import CaseState, Verdict
from tests.journey.stage import Stage, coupon_report, stage


async def assert_fixed_once(stage: Stage) -> None:
    cases = await stage.cases()
    assert [(case.state, case.verdict) for case in cases] == [(CaseState.FIXED, Verdict.FIXED)]
    assert cases[0].holder == ""
    results = await stage.kept("RESULTS")
    assert [subject for subject, _ in results] == [f"shop.results.fixed.{cases[0].case_id}"]
    commits = await stage.fix_commits()
    assert len(commits) == 1
    assert results[0][1]["commit"] == commits[0]
    assert await stage.branches() == [f"mendwire/{cases[0].issue}"]
    assert await stage.waiting() == 0
    assert await stage.kept("DEAD") == []
    trees = stage.folder / ".mendwire" / "trees"
    assert not trees.exists() or not any(path.is_dir() for path in trees.iterdir())


async def test_a_report_that_ends_fixed_passes_every_boundary_in_order(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        code, out, err = await set_up.run("driver", "trace")
        assert code == 0, err
        assert out.split() == [boundary.value for boundary in Boundary]
        await assert_fixed_once(set_up)


@pytest.mark.parametrize("boundary", list(Boundary))
async def test_kill_9_at_a_boundary_loses_nothing_and_repeats_nothing(
    tmp_path: Path, boundary: Boundary
) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        code, _, err = await set_up.run("driver", boundary.value)
        assert code == -9, err
        code, _, err = await set_up.run("driver", "none")
        assert code == 0, err
        await assert_fixed_once(set_up)
