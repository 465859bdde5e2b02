"""One bug, one fix: by the command line, on a real server, with real git."""

from __future__ import annotations

import json
from pathlib import Path

from mendwire.model.case import CaseState
from tests.journey.stage import coupon_report, stage


async def test_a_rare_error_is_counted_and_a_frequent_one_is_mended(tmp_path: Path) -> None:
    async with stage(tmp_path, config='[cases]\nobserve_until = "3/h"\n') as here:
        await here.run("streams", "apply")
        for number in (1, 2, 3):
            await here.publish(coupon_report(), f"shop-{number}")
        rare = coupon_report(error="OSError: no", type="OSError", stack="", frames=[], context={})
        await here.publish(rare, "rare")
        code, _, err = await here.run("work", "--until-empty")
        assert code == 0, err
        counted, mended = sorted(await here.cases(), key=lambda case: case.occurrences)
        assert (mended.state, mended.occurrences) == (CaseState.FIXED, 3)
        assert len(await here.branches()) == 1
        assert (counted.state, counted.finding) == (CaseState.PARKED, None)
        _, out, _ = await here.run("cases", "list", "--json")
        assert {row["waits"] for row in json.loads(out)} == {"", "observed, 1 of 3/h"}
        _, out, _ = await here.run("status", "--json")
        assert json.loads(out)["cases"] == {"fixed": 1, "observed": 1}
        code, out, _ = await here.run("cases", "observe", counted.issue[:8], "--until", "9/h")
        assert code == 0
        assert "investigated once it comes 9 times an hour" in out
        _, out, _ = await here.run("cases", "show", counted.issue[:8])
        assert "observed, 0 of 9/h: observed by " in out
        code, _, err = await here.run("cases", "observe", mended.issue, "--until", "often")
        assert code != 0
        assert "'often' is no rate: say how many within an hour, 20/h." in err
