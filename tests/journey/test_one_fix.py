"""One bug, one fix: by the command line, on a real server, with real git."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mendwire.app.doctor import _of_repository
from mendwire.app.houses import houses_of
from mendwire.model.case import Case, CaseState, Verdict
from mendwire.settings.config import read_config
from tests.journey.stage import ENV, FRAMES, Stage, coupon_report, stage

pytestmark = pytest.mark.timeout(120)
WHO = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org")


MENDER = """
import json, pathlib, sys
task = json.loads(sys.stdin.readline())
mended = {"shop/pricing.py": ("COUPONS[code.upper()]", "COUPONS.get(code.upper(), 0)"),
          "services/billing/app/tax.py": ("RATES[country]", "RATES.get(country, 20)")}
file = next(name for name in mended if pathlib.Path(task["tree"], name).exists())
if "app/tax.py" in file:
    assert "lives in services/billing/" in task["system"], task["system"]
answers = {
    "research": {"summary": "Looked up without a default.", "cause": file, "files": [file],
                 "similar": [], "confidence": 0.9},
    "implementation": {"explanation": "A default."},
    "review": {"approved": True, "comments": "Right."},
}
if task["role"] == "implementation":
    path = pathlib.Path(task["tree"], file)
    path.write_text(path.read_text().replace(*mended[file]))
print(json.dumps({"answer": answers[task["role"]], "cost_usd": 0.125}))
"""
MONOREPO = {
    "services/billing/app/__init__.py": "",
    "services/billing/app/tax.py": (
        'RATES = {"DE": 19, "FR": 20}\n\n\ndef tax(net, country):\n'
        "    return net * RATES[country] // 100\n"
    ),
    "services/billing/tests/test_tax.py": (
        "import unittest\n\nfrom app.tax import tax\n\n\nclass Tax(unittest.TestCase):\n"
        '    def test_it(self):\n        self.assertEqual(tax(100, "DE"), 19)\n'
    ),
    # Its name is another service's too: only the folder tells them apart.
    "services/mail/app/tax.py": "def tax(net, country):\n    return 0\n",
}
SETTINGS = """
[cases]
observe = [{service = "rare", until = "3/h"}]
[[repositories]]
name = "shop"
services = ["shop", "shop-*", "rare"]
[[repositories]]
name = "billing"
repository = "mono"
services = ["billing", "billing-*"]
paths = {"/srv/app" = "services/billing/app"}
folder = "services/billing"
test = ["{python}", "-m", "unittest", "discover", "-s", "tests"]
concurrency = 1
"""


def tax_report(**more: Any) -> dict[str, Any]:
    file, line = "/srv/app/tax.py", "return net * RATES[country] // 100"
    stack = f"  File \"{file}\", line 5, in tax\n    {line}\nKeyError: 'IT'\n"
    call = {"file": file, "line": 5, "function": "tax", "in_app": True, "code": line}
    return {
        "error": "KeyError: 'IT'",
        "type": "KeyError",
        "release": "b1",
        "service": "billing-eu",
        "stack": f"Traceback (most recent call last):\n{stack}",
        "frames": [{**call, "arguments": {"net": 100, "country": "IT"}}],
        **more,
    }


async def test_each_service_is_mended_where_it_lives(tmp_path: Path) -> None:
    """A repository of its own, and a folder of a monorepo whose tests run in that folder."""
    await build_monorepo(tmp_path / "mono")
    mender = f"command = {json.dumps(['python3', '-c', MENDER])}\n"
    async with stage(tmp_path, agent="command", agent_more=mender, config=SETTINGS) as here:
        await here.run("streams", "apply")
        await here.publish(coupon_report(), "shop")
        await here.publish(tax_report(), "billing")
        # Another issue, for it comes from elsewhere; its cause is the first one's.
        refund = [{**FRAMES[0], "function": "refund", "line": 40}, *FRAMES[1:]]
        await here.publish(coupon_report(frames=refund, service="shop-refund"), "refund")
        lost = tax_report(service="lost", error="OSError: no", type="OSError", stack="", frames=[])
        await here.publish(lost, "lost")
        await here.publish(
            {**lost, "service": "rare", "error": "EOFError", "type": "EOFError"}, "rare"
        )
        code, _, err = await here.run("work", "--until-empty")
        assert code == 0, err
        assert "billing: tests: project.test in mendwire.toml" in err
        cases = {case.service: case for case in await here.cases()}
        shop, billing, lost_case = cases["shop"], cases["billing-eu"], cases["lost"]
        assert (billing.repository, billing.state) == ("billing", CaseState.FIXED), billing.reason
        assert (shop.repository, shop.state) == ("shop", CaseState.FIXED), shop.reason
        assert billing.change is not None
        assert billing.change.files == ("services/billing/app/tax.py",)
        assert lost_case.verdict is Verdict.NEEDS_HUMAN
        assert 'add "lost" to services of one of the [[repositories]]' in lost_case.reason
        assert len(await here.branches()) == 1
        await _shared(here, shop, cases["shop-refund"])
        found = (await git(tmp_path / "mono", "branch", "--list", "mendwire/*")).split()
        assert found == [f"mendwire/{billing.issue}"]
        await _observed(here, cases["rare"])
        # Deployments are of a service's own repository, or of all of one.
        code, _, err = await here.run("deploy", "--env", ENV, "--release", "b2", "--commit", "HEAD")
        assert (code, len(err.splitlines())) == (2, 1)
        assert "say which service with --service, or which repository with --repository" in err
        await git(tmp_path / "mono", "merge", "-q", "--ff-only", found[0])
        words = ("deploy", "--env", ENV, "--release", "b2", "--commit", "HEAD", "--json")
        code, out, err = await here.run(*words, "--repository", "billing")
        assert code == 0, err
        said = json.loads(out)
        assert said["deployment"]["service"] == "@billing"
        assert [(one["case"], one["state"]) for one in said["fixes"]] == [
            (billing.case_id, "soaking")
        ]
        # Who answers for one repository is told nothing of another one's fixes.
        code, _, err = await here.run(*words, "--repository", "shop")
        assert code == 0, err
        for name, soaking in (("shop", []), ("billing", [billing.case_id])):
            answers = ("alive", "--env", ENV, "--release", "b2", "--repository", name, "--json")
            code, out, err = await here.run(*answers)
            assert code == 0, err
            assert [one["case"] for one in json.loads(out)["fixes"]] == soaking
        _, house = houses_of(read_config(tmp_path / "mendwire.toml", tmp_path))
        said = [found.what for found in await _of_repository(house).ask()]
        assert f"{tmp_path / 'mono'} at " in said[0]
        assert said[1:] == ["billing: tests: project.test in mendwire.toml."]


async def _shared(here: Stage, one: Case, other: Case) -> None:
    """Two issues, one fix: the later one's own reproduction showed it, on the real change."""
    assert one.issue != other.issue
    first, second = sorted((one, other), key=lambda case: bool(case.joined))
    assert (second.state, second.joined) == (CaseState.FIXED, first.case_id), second.reason
    assert (first.joined, second.delivered) == ("", first.delivered)
    assert second.proof is not None
    assert [run.passed for run in second.proof.runs][:2] == [False, True]
    _, out, _ = await here.run("cases", "show", second.issue)
    assert f"{first.case_id} (fixed)" in out


async def _observed(here: Stage, rare: Case) -> None:
    """Counted and not investigated, as the command line shows it and a person changes it."""
    assert (rare.state, rare.finding, rare.repository) == (CaseState.PARKED, None, "shop")
    _, out, _ = await here.run("cases", "list", "--json")
    assert {row["waits"] for row in json.loads(out)} == {"", "observed, 1 of 3/h"}
    _, out, _ = await here.run("status", "--json")
    assert json.loads(out)["cases"]["observed"] == 1
    code, out, _ = await here.run("cases", "observe", rare.issue[:8], "--until", "9/h")
    assert code == 0
    assert "investigated once it comes 9 times an hour" in out
    _, out, _ = await here.run("cases", "show", rare.issue[:8])
    assert "observed, 0 of 9/h: observed by " in out
    code, _, err = await here.run("cases", "observe", rare.issue, "--until", "often")
    assert code != 0
    assert "'often' is no rate: say how many within an hour, 20/h." in err


async def build_monorepo(folder: Path) -> None:
    folder.mkdir()
    for name, text in MONOREPO.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    await git(folder, "init", "-q", "-b", "main")
    await git(folder, "add", "-A")
    await git(folder, *WHO, "commit", "-q", "-m", "Begin")


async def git(folder: Path, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git", *words, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()
