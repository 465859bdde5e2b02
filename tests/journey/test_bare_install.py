"""What runs with nats-py alone: the SDK, ``report`` and ``signature``."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import venv
from pathlib import Path

import pytest

import mendwire
from mendwire.capture.spool import Spool

INPUT = b'{"error": "ValueError: no price for user_17", "release": "r1"}\n'


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that sees the standard library, nats-py and Mendwire, and nothing else."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    found = importlib.util.find_spec("nats")
    assert found
    assert found.origin
    (packages / "nats").symlink_to(Path(found.origin).parent)
    (packages / "mendwire").symlink_to(Path(mendwire.__file__).parent)
    return home / "bin" / "python"


async def run(python: Path, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-W", "error", *arguments),
        cwd=python.parent,
        env={"HOME": str(python.parent), "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(given)
    return process.returncode or 0, out.decode(), err.decode()


async def test_no_extra_is_there(python: Path) -> None:
    code, _, err = await run(python, "-c", "import msgspec")
    assert code == 1
    assert "ModuleNotFoundError" in err


async def test_report_and_signature_run(python: Path) -> None:
    code, out, err = await run(python, "-m", "mendwire", "report", "--help")
    assert (code, err) == (0, "")
    assert "--stack FILE" in out
    code, out, err = await run(python, "-m", "mendwire", "signature", "--jsonl", given=INPUT)
    assert code == 0, err
    assert '"issue_key"' in out
    code, out, err = await run(python, "-m", "mendwire", "report", given=INPUT)
    assert code == 3
    assert len(err.splitlines()) == 1


async def test_a_log_is_read(python: Path) -> None:
    words = ("-m", "mendwire", "report", "--log", "--dry-run", "--release", "r1")
    log = b"INFO: on\nERROR: no price for user_17\nERROR: disk is full\n"
    code, out, err = await run(python, *words, given=log)
    assert (code, err) == (0, "")
    assert out.count('"signature"') == 2


async def test_the_sdk_runs(python: Path) -> None:
    program = (
        "import mendwire; assert mendwire.init(namespace='shop', url='nats://127.0.0.1:1')\n"
        "mendwire.capture(ValueError('x')); mendwire.capture(ValueError('x'))\n"
        "assert mendwire.flush(5) is False\n"
    )
    code, _, err = await run(python, "-c", program)
    assert code == 0, err
    state = python.parent / ".local" / "state" / "mendwire" / "spool" / "shop"
    waiting = [item for one, _ in Spool(state).waiting() for item in one.unsettled()]
    assert len(waiting) == 2


async def test_anything_else_says_what_to_install(python: Path) -> None:
    code, _, err = await run(python, "-m", "mendwire", "up")
    assert code == 2
    assert "pip install 'mendwire[all]'" in err


async def test_signature_answers_every_line_in_order_and_says_which_is_no_report(
    python: Path,
) -> None:
    given = INPUT + b"[1]\n\n" + INPUT.replace(b"17", b"4711") + b"{bad\n"
    code, out, err = await run(python, "-m", "mendwire", "signature", "--jsonl", given=given)
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [set(answer) for answer in answers] == [
        {"signature", "issue_key"}, {"error"}, {"signature", "issue_key"}, {"error"},
    ]  # fmt: skip
    assert answers[0] == answers[2]
    assert [line.split(":")[1] for line in err.splitlines()] == [" line 2", " line 5"]


async def test_signature_explains_to_people_and_to_programs(python: Path) -> None:
    arguments = ("-m", "mendwire", "signature", "--explain")
    code, shown, err = await run(python, *arguments, "--env", "staging", given=INPUT)
    assert code == 0, err
    assert "template     no price for user_<n>" in shown
    assert "environment  staging" in shown
    code, out, err = await run(python, *arguments, "--json", "--env", "staging", given=INPUT)
    assert code == 0, err
    answer = json.loads(out)
    assert answer["signature"] in shown
    assert answer["issue_key"] in shown
    assert answer["version"] == "v1"
    assert answer["canonical"]["types"] == ["ValueError"]
