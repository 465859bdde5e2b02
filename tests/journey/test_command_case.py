"""A program of the operator's through a whole case: from a raw publisher to a proven commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mendwire.model.case import CaseState, Verdict
from tests.journey.stage import coupon_report, stage

pytestmark = pytest.mark.timeout(120)

AGENT = """
import json, pathlib, sys
task = json.loads(sys.stdin.readline())
answers = {
    "research": {"summary": "An unknown coupon is looked up.", "cause": "shop/pricing.py:8",
                 "files": ["shop/pricing.py"], "similar": [], "confidence": 0.9},
    "implementation": {"explanation": "Unknown coupons take nothing off."},
}
if task["role"] == "implementation":
    file = pathlib.Path(task["tree"], "shop/pricing.py")
    text = file.read_text()
    file.write_text(text.replace("COUPONS[code.upper()]", "COUPONS.get(code.upper(), 0)"))
print(json.dumps({"answer": answers[task["role"]], "cost_usd": 0.125}))
"""
REVIEWER = """
import json, sys
assert "COUPONS.get" in json.load(open(sys.argv[1]))["prompt"].replace("\\\\", "")
print(json.dumps({"answer": {"approved": True, "comments": "Small and right."}, "cost_usd": 0.25}))
"""


async def test_a_program_of_ones_own_mends_and_another_reviews(tmp_path: Path) -> None:
    mender = json.dumps(["python3", "-c", AGENT])
    reviewer = json.dumps(["python3", "-c", REVIEWER, "{task}"])
    review = f'[agent.roles.review]\nkind = "command"\ncommand = {reviewer}\n'
    async with stage(
        tmp_path, agent="command", agent_more=f"command = {mender}\n", config=review
    ) as built:
        await built.run("streams", "apply")
        await built.publish(coupon_report())
        code, _, err = await built.run("work", "--until-empty", "--log", "json")
        assert code == 0, err
        assert "Traceback" not in err
        (case,) = await built.cases()
        assert (case.state, case.verdict) == (CaseState.FIXED, Verdict.FIXED), err
        assert case.cost_usd == 0.5
        assert case.review is not None
        assert case.review.comments == "Small and right."
        assert len(await built.fix_commits()) == 1


async def test_a_missing_program_is_said_at_the_start(tmp_path: Path) -> None:
    async with stage(
        tmp_path, agent="command", agent_more='command = ["no-such-agent"]\n'
    ) as built:
        await built.run("streams", "apply")
        code, _, err = await built.run("work", "--until-empty")
        assert code == 2
        assert "The agent's program no-such-agent was not found: install it" in err
        assert "Traceback" not in err
