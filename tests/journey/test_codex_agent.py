"""The real Codex program in our roles, against a scripted Responses API on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from mendwire.agents.codex import CodexAgent, CodexConfig
from mendwire.errors import AgentFailed, OverBudget, ProviderOutage, SandboxUnavailable
from mendwire.execution.sandbox import Sandbox, SandboxKind
from mendwire.model.case import CaseState, Verdict
from mendwire.model.work import AgentAnswer, Limits, Role
from tests.journey.claude_bench import FINDING, NO_WALL, PATH, Bench, make_bench
from tests.journey.stage import coupon_report, stage
from tests.journey.test_acp_agent import bwrap
from tests.node_packages import installed
from tests.scripted_api import Fault, Turn, answer, costing, use
from tests.scripted_responses import ScriptedResponses

BAIT = "sk-bait-0123456789"
PRICES = (1.0, 0.1, 10.0)


@pytest.fixture(scope="module")
def program() -> str:
    folder = installed("codex") / "node_modules/codex-linux-x64/vendor"
    found = next(folder.glob("*/bin/codex"), None)
    if found is None:
        pytest.skip("codex has no program for this machine")  # npm has one for Linux on x64 here
    return str(found)


def variables(url: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": BAIT, "OPENAI_BASE_URL": f"{url}/v1"}


def agent_of(bench: Bench, program: str, url: str, sandbox: Sandbox, **more: Any) -> CodexAgent:
    fields: dict[str, Any] = {
        "command": (program,),
        "environ": {"PATH": PATH, **variables(url)},
        "readable": (Path(program).parents[1], Path(sys.prefix), Path(sys.base_prefix)),
        "api_retries": 0,
        "token_usd": PRICES,
        **more,
    }
    return CodexAgent(CodexConfig(sandbox=sandbox, **fields))


async def play(agent: CodexAgent, bench: Bench, role: Role, **changes: Any) -> AgentAnswer:
    return await agent.run(
        bench.assignment(role, **changes), lambda kind, text: bench.said.append((kind, text))
    )


def shell(command: str) -> Turn:
    return use("exec_command", cmd=command)


async def test_rule_b6_it_researches_writes_nothing_and_obeys_to_no_end(
    tmp_path: Path, program: str
) -> None:
    """An injected order is carried out by the shell, and finds no key and no way to write."""
    order = (
        'cat shop.py AGENTS.md "$CODEX_HOME/key" "$CODEX_HOME/auth.json"; env; '
        "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; touch new.txt ../outside.txt ~/x; echo over"
    )
    async with ScriptedResponses() as api:
        bench = make_bench(tmp_path, api.url)
        (bench.tree / "AGENTS.md").write_text("MARKER of the tree")
        (bench.tree / ".codex").mkdir()
        (bench.tree / ".codex/config.toml").write_text('model_provider = "elsewhere"\n')
        api.play({"research": [shell(order), answer(**FINDING)]})
        got = await play(agent_of(bench, program, api.url, await bwrap()), bench, Role.RESEARCH)
        seen = "".join(request.text for request in api.requests)
        keys = {request.headers.get("authorization") for request in api.requests}
    assert got.finding is not None
    assert got.finding.files == ("shop.py",)
    assert got.cost_usd == pytest.approx((200 * 1.0 + 40 * 10.0) / 1e6)
    assert "sum(prices) / 0" in seen
    assert "over" in seen
    assert "MARKER" not in seen
    assert BAIT not in seen
    assert keys == {f"Bearer {BAIT}"}
    assert not (bench.tree / "new.txt").exists()
    assert not (tmp_path / "outside.txt").exists()
    assert (bench.tree / "AGENTS.md").read_text() == "MARKER of the tree"
    assert not list((tmp_path / "scratch").rglob("key"))
    assert any(kind == "tool" and "cat shop.py" in text for kind, text in bench.said)


async def test_from_a_queued_error_to_a_proven_fix(tmp_path: Path, program: str) -> None:
    edit = "sed -i 's/COUPONS\\[code.upper()\\]/COUPONS.get(code.upper(), 0)/' shop/pricing.py"
    script = {
        "research": [answer(**{**FINDING, "files": ["shop/pricing.py"]})],
        "implementation": [shell(edit), answer(explanation="Unknown ones.", reproduction=None)],
        "review": [answer(approved=True, comments="Right and small.")],
    }
    async with ScriptedResponses(script) as api:
        more = f"command = {json.dumps([program])}\ntoken_usd = {json.dumps(PRICES)}\n"
        async with stage(tmp_path, agent="codex", agent_more=more) as built:
            await built.run("streams", "apply")
            await built.publish(coupon_report())
            code, _, err = await built.run(
                "work", "--until-empty", "--log", "json", **variables(api.url)
            )
            assert code == 0, err
            (case,) = await built.cases()
            assert (case.state, case.verdict) == (CaseState.FIXED, Verdict.FIXED), err
            assert case.cost_usd == pytest.approx(4 * (100 * 1.0 + 20 * 10.0) / 1e6)
            assert len(await built.fix_commits()) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "why"),
    [
        (Fault(status=503, message="out of order"), ProviderOutage, "out of order"),
        (Fault(status=401, message="Incorrect API key provided"), ProviderOutage, "not logged in"),
        (Fault(silent=True), ProviderOutage, "away"),
        (Fault(status=400, message="no such model"), AgentFailed, "no such model"),
    ],
)
async def test_what_the_provider_refuses_is_told_apart(
    tmp_path: Path, program: str, fault: Fault, kind: type[Exception], why: str
) -> None:
    async with ScriptedResponses(always=fault) as api:
        bench = make_bench(tmp_path, api.url)
        patience_s = 1.0 if fault.silent else 60.0
        agent = agent_of(bench, program, api.url, NO_WALL, api_timeout_s=patience_s)
        with pytest.raises(kind, match=why) as caught:
            await play(agent, bench, Role.RESEARCH)
    assert getattr(caught.value, "cost_usd", None) == 0.0


@pytest.mark.parametrize(
    ("limits", "kind", "why"),
    [
        (Limits(cost_usd=0.01, turns=12, seconds=60.0), OverBudget, "money limit"),
        (Limits(cost_usd=9.0, turns=2, seconds=60.0), AgentFailed, "turns"),
        (Limits(cost_usd=9.0, turns=12, seconds=60.0, tokens=9000), OverBudget, "token limit"),
    ],
)
async def test_limits_end_a_run_while_it_works(
    tmp_path: Path, program: str, limits: Limits, kind: type[Exception], why: str
) -> None:
    again = costing(shell("true"), input_tokens=8_000)
    async with ScriptedResponses() as api:
        api.play({"research": [again] * 9})
        bench = make_bench(tmp_path, api.url)
        agent = agent_of(bench, program, api.url, NO_WALL)
        with pytest.raises(kind, match=why) as caught:
            await play(agent, bench, Role.RESEARCH, limits=limits)
        assert len(api.requests) < 9
    assert getattr(caught.value, "cost_usd", 0.0) > 0.008


def asleep() -> bool:
    """Whether what the agent started is there: it may have another number in there."""
    every = psutil.process_iter(["cmdline"])
    return any("98765" in " ".join(one.info["cmdline"] or []) for one in every)


async def test_a_cancelled_run_leaves_nobody_behind(tmp_path: Path, program: str) -> None:
    async with ScriptedResponses() as api:
        bench = make_bench(tmp_path, api.url)
        begun = bench.tree / "begun"
        os.mkfifo(begun)
        order = f"echo > {begun}; exec sleep 98765"
        api.play({"implementation": [shell(order), answer(explanation="x")]})
        agent = agent_of(bench, program, api.url, NO_WALL)
        task = asyncio.create_task(play(agent, bench, Role.IMPLEMENTATION))
        await asyncio.to_thread(begun.read_text)
        assert asleep()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not asleep()


async def test_without_a_key_or_a_wall_it_says_what_to_do(tmp_path: Path, program: str) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    agent = agent_of(bench, program, "", NO_WALL, environ={"PATH": PATH})
    with pytest.raises(ProviderOutage, match="set OPENAI_API_KEY"):
        await play(agent, bench, Role.RESEARCH)
    none = Sandbox(kind=SandboxKind.NONE, may_run=False, cuts_network=False)
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"):
        await play(agent_of(bench, program, "", none), bench, Role.RESEARCH)
