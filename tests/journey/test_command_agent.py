"""A real program as the agent: its task, its walls, its environment, its end."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mendwire.agents.command import CommandAgent, CommandConfig
from mendwire.agents.crew import Crew
from mendwire.errors import AgentFailed, ConfigError, OverBudget
from mendwire.execution.sandbox import Sandbox, SandboxKind, detect
from mendwire.model.work import AgentAnswer, Limits, Role
from tests.journey.claude_bench import FINDING, NO_WALL, Bench, make_bench

KEY = "bait-0123456789"
ENDED = {"explanation": "Divided by one."}
SPY = """
import json, os, pathlib, sys
task = json.loads(sys.stdin.readline())
tree, scratch = pathlib.Path(task["tree"]), pathlib.Path(task["scratch"])
seen = {"cwd": os.getcwd() == task["tree"], "env": sorted(os.environ), "role": task["role"]}
for name, path in {"tree": tree / "new.py", "outside": tree.parent / "repo" / "new.py"}.items():
    try:
        path.write_text("1\\n")
        seen[name] = True
    except OSError:
        seen[name] = False
(scratch / "seen.json").write_text(json.dumps(seen))
print("thinking")
print(json.dumps({"say": "found it", "cost_usd": 0.25, "turns": 2}))
print(json.dumps({"answer": ANSWER}))
"""


def agent_of(bench: Bench, script: str, sandbox: Sandbox, *more: str) -> CommandAgent:
    (bench.root / "scratch" / "agent.py").write_text(script)
    words = (sys.executable, "-I", "-S", str(bench.root / "scratch" / "agent.py"), *more)
    environ = {**bench.environ, "MY_KEY": KEY, "OTHER_KEY": KEY}
    config = CommandConfig(
        sandbox=sandbox,
        command=words,
        pass_names=("MY_KEY",),
        environ=environ,
        readable=(Path(sys.prefix), Path(sys.base_prefix)),
    )
    return CommandAgent(config)


async def play(agent: CommandAgent, bench: Bench, role: Role, **changes: Any) -> AgentAnswer:
    assignment = bench.assignment(role, **changes)
    return await agent.run(assignment, lambda kind, text: bench.said.append((kind, text)))


async def bwrap() -> Sandbox:
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")  # CI installs it
    sandbox = await detect("auto")
    if sandbox.kind is not SandboxKind.BWRAP:
        pytest.skip(f"no bubblewrap: {sandbox.note}")  # containers forbid it its namespaces
    return sandbox


@pytest.mark.parametrize("role", [Role.RESEARCH, Role.IMPLEMENTATION])
async def test_rule_b6_only_implementation_writes_and_only_in_its_tree(
    tmp_path: Path, role: Role
) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    answer = FINDING if role is Role.RESEARCH else ENDED
    script = SPY.replace("ANSWER", repr(answer))
    got = await play(agent_of(bench, script, await bwrap()), bench, role)
    seen = json.loads((tmp_path / "scratch/seen.json").read_text())
    assert seen["cwd"]
    assert seen["tree"] is (role is Role.IMPLEMENTATION)
    assert seen["outside"] is False
    assert seen["role"] == role
    assert "MY_KEY" in seen["env"]
    assert not {"OTHER_KEY", "ANTHROPIC_API_KEY"} & set(seen["env"])
    assert (got.cost_usd, got.turns, got.log) == (0.25, 2, "thinking\nfound it")
    assert bench.said == [("text", "thinking"), ("text", "found it")]


async def test_files_may_stand_for_the_two_lines(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    script = (
        "import json, sys\n"
        "assert json.load(open(sys.argv[1]))['role'] == sys.argv[3]\n"
        "assert not sys.stdin.read()\n"
        f"json.dump({{'answer': {FINDING!r}}}, open(sys.argv[2], 'w'))\n"
    )
    agent = agent_of(bench, script, NO_WALL, "{task}", "{answer}", "{role}")
    got = await play(agent, bench, Role.RESEARCH)
    assert got.finding is not None
    assert got.finding.cause == "shop.py:2"


async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    script = (
        "import os, time, pathlib\n"
        "if not os.fork():\n    os.setsid()\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    agent = agent_of(bench, script, NO_WALL)
    with pytest.raises(AgentFailed, match=r"not done after 1\.5 s"):
        await play(agent, bench, Role.RESEARCH, limits=Limits(seconds=1.5))
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


async def test_cancelled_it_is_gone(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    script = (
        "import os, time\nprint('pid', os.getpid(), flush=True)\n"
        "import signal\nsignal.signal(2, signal.SIG_IGN)\ntime.sleep(600)\n"
    )
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    agent = agent_of(bench, script, NO_WALL)
    run = asyncio.ensure_future(
        agent.run(bench.assignment(Role.RESEARCH), lambda _kind, text: started.set_result(text))
    )
    pid = (await started).removeprefix("pid ")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not Path("/proc", pid).exists()


async def test_what_is_missing_or_spent_is_one_sentence(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    absent = CommandAgent(CommandConfig(sandbox=NO_WALL, command=("no-such-agent",)))
    with pytest.raises(ConfigError, match="no-such-agent was not found: install it"):
        await play(absent, bench, Role.RESEARCH)
    agent = agent_of(bench, "raise SystemExit(3)", NO_WALL)
    with pytest.raises(OverBudget):
        await play(agent, bench, Role.RESEARCH, limits=Limits(cost_usd=0))
    with pytest.raises(AgentFailed, match="ended with 3: it said nothing"):
        await play(agent, bench, Role.RESEARCH)


async def test_rules_b1_a_restricted_case_is_never_given_to_it_without_a_wall(
    tmp_path: Path,
) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    agent = agent_of(bench, SPY.replace("ANSWER", repr(FINDING)), NO_WALL)
    with pytest.raises(AgentFailed, match="inside a sandbox only"):
        await play(agent, bench, Role.RESEARCH, restricted=True)
    assert not (tmp_path / "scratch/seen.json").exists()


async def test_each_role_may_have_its_own_agent(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    usual = agent_of(bench, "raise SystemExit(3)", NO_WALL)
    other = CommandAgent(
        CommandConfig(
            sandbox=NO_WALL,
            command=("sh", "-c", 'echo \'{"answer": {"approved": true, "comments": ""}}\''),
        )
    )
    crew = Crew(usual, {Role.REVIEW: other})
    assert (crew.name, crew.paid) == ("command, review by command", True)
    got = await crew.run(bench.assignment(Role.REVIEW), lambda _kind, _text: None)
    assert got.review is not None
    with pytest.raises(AgentFailed):
        await crew.run(bench.assignment(Role.RESEARCH), lambda _kind, _text: None)


async def test_the_pages_whole_agent_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/choose-an-agent.md").read_text()
    begin = page.index("    #!/usr/bin/env python3")
    script = textwrap.dedent(page[begin : page.index("\n| end |")])
    bench = make_bench(tmp_path, "http://127.0.0.1:9")
    shop = tmp_path / "tree/shop.py"
    shop.write_text("def mean(basket):\n    return sum(basket) / len(basket)\n")
    agent = agent_of(bench, script, NO_WALL)
    assert (await play(agent, bench, Role.RESEARCH)).finding is not None
    assert "max(" not in shop.read_text()
    assert (await play(agent, bench, Role.IMPLEMENTATION)).explanation
    assert "max(len(basket), 1)" in shop.read_text()
    review = (await play(agent, bench, Role.REVIEW)).review
    assert review is not None
    assert review.approved
