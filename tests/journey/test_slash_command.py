"""/process_nats_errors in the real Claude Code program: from a queued error to an empty queue."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from mendwire.app.init import initialise
from mendwire.model.case import CaseState, Verdict
from tests.journey.claude_bench import real_claude
from tests.journey.stage import coupon_report, stage
from tests.scripted_api import Request, ScriptedApi, Step, Turn, say, use

pytestmark = pytest.mark.timeout(120)
CASE = re.compile(r"Case ([0-9a-f]{32}-e\d+), step (\w+)\. Work in (\S+)\. ")


def tool(name: str, **given: Any) -> Step:
    """One of ours, on the case that the last step named."""

    def step(request: Request) -> Turn:
        case, _, _ = CASE.findall(request.text.replace("\\\\", "\\"))[-1]
        return use(f"mcp__mendwire__{name}", case_id=case, **given)

    return step


def in_tree(name: str, **given: Any) -> Step:
    def step(request: Request) -> Turn:
        tree = CASE.findall(request.text)[-1][2]
        return use(name, file_path=f"{tree}/shop/pricing.py", **given)

    return step


SCRIPT: list[Step] = [
    use("mcp__mendwire__next_error"),
    tool(
        "result",
        summary="An unknown coupon is looked up as if it were known.",
        cause="shop/pricing.py indexes COUPONS with whatever was typed.",
        files=["shop/pricing.py"],
        similar=[],
        confidence=0.9,
    ),
    in_tree("Read"),
    in_tree("Edit", old_string="COUPONS[code.upper()]", new_string="COUPONS.get(code.upper(), 0)"),
    tool("result", explanation="Unknown coupons take nothing off."),
    tool("result", approved=True, comments="Right and small."),
    use("mcp__mendwire__next_error", wait_seconds=1),
    say("All done."),
]


async def test_from_a_queued_error_to_a_published_result_and_an_empty_queue(tmp_path: Path) -> None:
    program = real_claude()
    async with stage(tmp_path) as set_up:
        initialise(set_up.folder, "shop")
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report(), "one")
        async with ScriptedApi({"": SCRIPT}) as api:
            ran = await asyncio.create_subprocess_exec(
                str(program),
                *("-p", "/process_nats_errors", "--mcp-config", ".mcp.json"),
                cwd=set_up.folder,
                env={
                    **set_up.environment,
                    "PATH": f"{Path(sys.executable).parent}:{set_up.environment['PATH']}",
                    "ANTHROPIC_BASE_URL": api.url,
                    "ANTHROPIC_API_KEY": "sk-ant-scripted",
                    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                    "DISABLE_AUTOUPDATER": "1",
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await ran.communicate()
            told = "\n".join(api.requests[-1].results) if api.requests else ""
        assert ran.returncode == 0, (out, err, told)
        assert "Handle the errors that wait in the queue" in api.requests[0].text
        (case,) = await set_up.cases()
        assert (case.state, case.verdict) == (CaseState.FIXED, Verdict.FIXED), told
        assert await set_up.waiting() == 0
        ((subject, body),) = await set_up.kept("RESULTS")
        assert subject == f"shop.results.fixed.{case.case_id}"
        assert body["agent"] == "session"
        assert await set_up.branches() == [f"mendwire/{case.issue}"]
        assert "Nothing waits" in told
