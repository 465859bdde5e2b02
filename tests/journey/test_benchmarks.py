"""The benchmarks run and print their tables; what the figures are is not a test's business."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.box import RLIMIT, WAYS, Box, NoBox, box

ROOT = Path(__file__).parents[2]
LOOPS = {"latency": "engine, screen on", "settle": "screen alone"}


async def _ran(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments, "--quick"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize("name", LOOPS)
async def test_a_quick_run_prints_its_table(name: str) -> None:
    table = await _ran(f"benchmarks.{name}")
    assert "raw nats-py" in table
    assert LOOPS[name] in table


@pytest.mark.parametrize("name", LOOPS)
async def test_a_quick_run_with_messages_waiting_tells_the_ratio_as_json(name: str) -> None:
    table = json.loads(await _ran(f"benchmarks.{name}", "--waiting", "--json"))
    assert [row["what"] for row in table["rows"]] == [
        "raw nats-py, 100 waiting",
        "engine, 100 waiting",
        "raw nats-py, 400 waiting",
        "engine, 400 waiting",
    ]
    assert all(row["p50 ms" if name == "latency" else "per second"] for row in table["rows"])


async def test_a_quick_run_over_tasks_prints_its_table() -> None:
    table = await _ran("benchmarks.tasks")
    assert "raw nats-py" in table
    assert "mendwire" in table


async def test_a_quick_run_over_signatures_prints_its_tables() -> None:
    out = await _ran("benchmarks.signature")
    assert "Java, 2 kB" in out
    assert "Milliseconds of processor for a hostile report" in out


async def test_a_quick_run_of_the_screen_prints_its_tables() -> None:
    out = await _ran("benchmarks.screen")
    assert "harmless stopped, %" in out
    assert "Milliseconds for a hostile report" in out


async def test_a_quick_search_past_the_screen_prints_its_share() -> None:
    out = await _ran("benchmarks.adaptive", "--queries", "20")
    assert "by wording alone" in out


async def test_a_quick_run_over_export_requests_prints_its_table() -> None:
    table = await _ran("benchmarks.otlp")
    assert "parser alone" in table
    assert len(table.splitlines()) == 4


async def test_a_quick_run_of_capture_prints_its_tables_as_json() -> None:
    tables = [
        json.loads(line) for line in (await _ran("benchmarks.capture", "--json")).splitlines()
    ]
    assert len(tables) == 5
    bursts = {row["what"]: row for row in tables[3]["rows"]}
    assert bursts["50 distinct, mendwire"]["arrived"]["least"] == 50
    assert all(row["unaccounted"]["most"] == 0 for row in bursts.values())
    assert [row["what"] for row in tables[4]["rows"]] == [
        "raw nats-py, 256 in flight",
        "from the spool",
        "from exceptions",
        "from exceptions, not sent",
        "from exceptions, 15 frames",
        "the same, not sent, 15 frames",
    ]


async def test_a_quick_run_of_scrubbing_tells_what_it_costs_beside_decoding() -> None:
    times, long = map(json.loads, (await _ran("benchmarks.scrub", "--json")).splitlines())
    assert [row["what"] for row in times["rows"]][:2] == [
        "loads + dumps, 6 kB",
        "scrub, code known, 6 kB",
    ]
    assert all(row["us a report"]["median"] > 0 for row in times["rows"])
    assert all(row["ms a MB"]["median"] > 0 for row in long["rows"])


@pytest.mark.parametrize("within", [(), ("--within", RLIMIT)], ids=["any", RLIMIT])
async def test_a_quick_run_over_memory_accounts_for_every_error(within: tuple[str, ...]) -> None:
    out = await _ran("benchmarks.memory", "--json", *within)
    rest, peak, account = map(json.loads, out.splitlines())
    assert [row["what"] for row in rest["rows"]][-2:] == ["NATS server", "all"]
    assert peak["rows"][-1]["PSS"]["median"] > rest["rows"][-1]["PSS"]["median"] / 2 > 0
    assert not within or f"{RLIMIT}, 1000 MB for each process" in account["title"]
    became = {row["what"]: row[""]["median"] for row in account["rows"]}
    assert (became["answered 200"], became["lost"]) == (became["sent"], 0)


EATER = "import os, sys; n = len(b'x' * int(sys.argv[1])); print(len(os.sched_getaffinity(0)))"


@pytest.mark.parametrize("way", WAYS)
def test_a_box_holds_what_is_put_into_it(way: str) -> None:
    """Of whichever kind this machine lets us make."""
    megabyte = 1_000_000

    def eats(megabytes: int, inside: Box) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-c", EATER, str(megabytes * megabyte)],
            preexec_fn=inside.enter,  # as the benchmark does
            capture_output=True,
            text=True,
            check=False,
        )

    with ExitStack() as stack:
        try:
            inside = stack.enter_context(box(200 * megabyte, way))
        except NoBox as problem:
            pytest.skip(str(problem))  # kernels and containers allow one or the other
        modest = eats(50, inside)
        assert (modest.returncode, modest.stdout) == (0, f"{len(inside.cores)}\n"), modest.stderr
        greedy = eats(400, inside)
        if way == RLIMIT:
            assert "MemoryError" in greedy.stderr
        else:
            assert (greedy.returncode, inside.killed) == (-signal.SIGKILL, 1)
    assert inside.folder is None or not inside.folder.exists()


async def test_a_quick_run_of_the_gateway_alone_prints_its_tables_as_json() -> None:
    """Without Bugsink, which would have to be installed for it."""
    out = await _ran("benchmarks.gateway", "--alone", "--json", "--workers", "2")
    rates, memory = map(json.loads, out.splitlines())
    assert [row["what"] for row in rates["rows"]] == [
        *(
            f"mendwire, {size} kB, {kind}"
            for size in (6, 50)
            for kind in ("200 groups", "distinct")
        ),
        *(f"the generator's ceiling, {size} kB" for size in (6, 50)),
    ]
    assert all(row["per second"]["median"] > 0 for row in rates["rows"])
    assert memory["rows"][0]["peak"]["median"] >= memory["rows"][0]["idle"]["median"] > 0
