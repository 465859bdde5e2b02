"""A verdict's evidence, as an operator gets it, also after a kill and where none can be kept."""

from __future__ import annotations

import json
from pathlib import Path

from mendwire.model.case import CaseState
from tests.journey.stage import NAMES, coupon_report, stage

STREAM = f"OBJ_{NAMES.bucket('EVIDENCE')}"


async def test_from_the_worker_to_a_folder(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        # Killed after the result was published, and its evidence kept: the heir does both again.
        killed, _, _ = await set_up.run("driver", "published")
        assert killed != 0
        code, _, err = await set_up.run("work", "--until-empty")
        assert code == 0, err
        (case,) = await set_up.cases()
        assert case.state is CaseState.FIXED
        ((_, body),) = await set_up.kept("RESULTS")
        assert body["evidence"]["bundle"] == f"{NAMES.bucket('EVIDENCE')}/{case.case_id}"
        code, out, err = await set_up.run("cases", "evidence", case.case_id[:8], "--json")
        assert code == 0, err
        told = json.loads(out)
        assert (told["schema"], told["verdict"]) == ("mendwire/evidence/v1", "fixed")
        assert told["commit"] == body["commit"]
        assert [run["passed"] for run in told["runs"]][:2] == [False, True]
        assert "KeyError" in told["runs"][0]["output"]
        assert "COUPONS" in told["patch"]
        code, out, err = await set_up.run("cases", "evidence", case.case_id, "--out", "kept")
        assert code == 0, err
        assert json.loads((tmp_path / "kept" / f"{case.case_id}.json").read_text()) == told
        page = (tmp_path / "kept" / f"{case.case_id}.md").read_text()
        code, out, err = await set_up.run("cases", "evidence", case.case_id)
        assert out.rstrip() == page.rstrip()
        assert page.startswith("# Evidence: fixed")


async def test_a_full_store_blocks_no_verdict(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        api = set_up.bus.api
        config = (await api.call(f"STREAM.INFO.{STREAM}"))["config"]
        await api.call(f"STREAM.DELETE.{STREAM}")
        # Somebody else's of that name, which we use as it is, and which has no room.
        small = {**config, "max_bytes": 2_000, "metadata": {}}
        await api.call(f"STREAM.CREATE.{STREAM}", small)
        await set_up.publish(coupon_report())
        code, _, err = await set_up.run("work", "--until-empty")
        assert code == 0, err
        (case,) = await set_up.cases()
        assert case.state is CaseState.FIXED
        ((_, body),) = await set_up.kept("RESULTS")
        assert body["evidence"]["bundle"] == ""
        code, _, err = await set_up.run("cases", "evidence", case.case_id)
        assert code != 0
        assert f"There is no evidence of {case.case_id}" in err
