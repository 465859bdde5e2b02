"""What the journeys of the claude agent share: the real program, a small tree, an assignment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mendwire.agents.claude import ClaudeAgent, ClaudeConfig
from mendwire.agents.schemas import answer_schema
from mendwire.execution.sandbox import Sandbox, SandboxKind
from mendwire.model.report import ErrorReport
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.model.work import AgentAnswer, Assignment, Limits, Role

KEY = "sk-ant-bait-0123456789"
SHOP = "def total(prices):\n    return sum(prices) / 0\n"
TEST = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
NO_WALL = Sandbox(kind=SandboxKind.NONE, may_run=True, cuts_network=False, note="asked for")
FOUND = {"summary": "It divides by zero.", "cause": "shop.py:2", "files": ["shop.py"]}
FINDING = {**FOUND, "similar": [], "confidence": 0.9}


def real_claude() -> Path:
    """The program that the test dependency carries; skips the test where it is not installed."""
    sdk = pytest.importorskip(
        "claude_agent_sdk", reason="claude-agent-sdk, which carries the program, is not installed"
    )
    program = Path(str(sdk.__file__)).parent / "_bundled" / "claude"
    if not program.exists():
        pytest.skip("claude-agent-sdk has no program here")  # wheels of some platforms lack it
    return program


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One tree and one agent on it."""

    root: Path
    environ: dict[str, str]
    sandbox: Sandbox = NO_WALL
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the agent's configuration."""
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    def agent(self) -> ClaudeAgent:
        settings: dict[str, Any] = {
            "program": str(real_claude()),
            "api_retries": 1,
            "api_timeout_s": 20.0,
            "home": self.root / "home",
            **self.more,
        }
        return ClaudeAgent(ClaudeConfig(sandbox=self.sandbox, environ=self.environ, **settings))

    def assignment(self, role: Role, **changes: Any) -> Assignment:
        report = ErrorReport(error="ZeroDivisionError: division by zero")
        screening = Screening(verdict=ScreenVerdict.PASS, score=0.0)
        fields: dict[str, Any] = {
            "case_id": "abc-e1",
            "role": role,
            "prompt": "Work on the error.",
            "system": "You are a specialist.",
            "answer_schema": answer_schema(role),
            "tree": self.tree,
            "repo": self.root / "repo",
            "base": "0" * 40,
            "begins": "0" * 40,
            "scratch": self.root / "scratch",
            "screened": ScreenedReport(report=report, screening=screening, restricted=False),
            "limits": Limits(cost_usd=1.0, turns=12, seconds=60.0),
            **changes,
        }
        return Assignment(**fields)

    async def play(self, role: Role, **changes: Any) -> AgentAnswer:
        """Run the real program on one assignment."""
        assignment = self.assignment(role, **changes)
        return await self.agent().run(assignment, lambda kind, text: self.said.append((kind, text)))


def make_bench(root: Path, url: str, **fields: Any) -> Bench:
    """A small git tree with a bug and its test; the operator's environment points to ``url``."""
    for name in ("tree", "repo", "scratch", "home"):
        (root / name).mkdir()
    (root / "tree" / "shop.py").write_text(SHOP)
    (root / "tree" / "test_shop.py").write_text(TEST)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Open the shop"]):
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *words], cwd=root / "tree", check=True)
    environ = {"PATH": PATH, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}
    return Bench(root=root, environ=environ, **fields)


PATH = "/usr/local/bin:/usr/bin:/bin"
