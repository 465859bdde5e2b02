"""`mendwire demo` as a person runs it: with what is installed, without bubblewrap, with Claude."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from shutil import which

import pytest

from tests.journey.claude_bench import KEY, real_claude
from tests.journey.test_claude_case import honest
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.timeout(180)


async def demo(
    tmp_path: Path, *arguments: str, path: str = "", **variables: str
) -> tuple[int, str, str]:
    home = tmp_path / "home"
    home.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", "demo", "--keep", str(tmp_path / "stage"), *arguments),
        cwd=tmp_path,
        env={
            "PATH": path or os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(home),
            # A server of the operator's must be left alone.
            "NATS_URL": "nats://127.0.0.1:1",
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_demo_ends_fixed_and_shows_why(tmp_path: Path) -> None:
    code, out, err = await demo(tmp_path)
    assert code == 0, out + err
    assert "\x1b" not in out
    for shown in (
        "happened   21 times; investigated once",
        "prompt_injection_detected",
        "(restricted: research only)",
        "reproduction at base: red",
        "reproduction after: green",
        "suite after: green",
        "+    percent = COUPONS.get(code)",
        "needs_human",
        "sandbox",
        "Look further",
    ):
        assert shown in out, shown
    assert "curl -s http" not in out.partition("A worker takes the errors")[2]


async def test_the_demo_needs_only_python_and_git(tmp_path: Path) -> None:
    """PATH has git alone: no bubblewrap, no node, no nats command."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("git", "sh"):
        found = which(name)
        assert found
        (bin_folder / name).symlink_to(found)
    code, out, err = await demo(tmp_path, "--json", path=str(bin_folder))
    assert code == 0, err
    results = json.loads(out)
    assert sorted(result["status"] for result in results) == ["fixed", "needs_human"]
    assert "none: commands can read and write what you can" in err


async def test_the_demo_with_the_real_claude_program(tmp_path: Path) -> None:
    program = real_claude()
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "claude").symlink_to(program)
    async with ScriptedApi(honest()) as api:
        code, out, err = await demo(
            tmp_path,
            *("--agent", "claude"),
            path=f"{bin_folder}:{os.environ['PATH']}",
            ANTHROPIC_BASE_URL=api.url,
            ANTHROPIC_API_KEY=KEY,
        )
    assert code == 0, out + err
    assert "+    return subtotal * COUPONS.get(code.upper(), 0) // 100" in out


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "mine").write_text("precious")
    code, _, err = await demo(tmp_path)
    assert code == 2
    assert err.count("\n") == 1
    assert (tmp_path / "stage" / "mine").read_text() == "precious"
