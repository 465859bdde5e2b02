"""How things stand, after real work: figures that add up, and a live view on a real terminal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.terminal import on_a_terminal

STREAM = NAMES.error_stream(ENV)


async def told(set_up: Stage, *words: str, **variables: str) -> Any:
    code, out, err = await set_up.run(*words, "--json", **variables)
    assert code == 0, err
    return json.loads(out)


def monitoring(set_up: Stage) -> str:
    (ports,) = (set_up.folder / "nats").glob("*.ports")
    return str(json.loads(ports.read_text())["monitoring"][0])


async def test_what_came_is_counted_and_what_waits_is_seen(tmp_path: Path) -> None:
    async with stage(tmp_path, server_config='http: "127.0.0.1:-1"') as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report(), "one")
        await set_up.publish(coupon_report(), "two")
        counted = b'{"issue": "x", "count": 5}'
        code, _, err = await set_up.run("work", "--until-empty")
        assert code == 0, err
        (case,) = await set_up.cases()
        jetstream = set_up.bus.api.client.jetstream()
        await jetstream.publish(NAMES.occurrences(case.issue), counted)
        code, _, err = await set_up.run("work", "--until-empty")
        assert code == 0, err
        await set_up.publish(b'{"error": "it waits"}', "three")
        found = await told(set_up, "status", NATS_MONITOR_URL=monitoring(set_up))
        assert found["cases"] == {"fixed": 1}
        assert found["workers"] == []
        assert found["uptime_s"] >= 0
        assert found["uptime_from"] == monitoring(set_up)
        (queue,) = [one for one in found["queues"] if one["stream"] == STREAM]
        assert (queue["waiting"], queue["in_work"], queue["stuck"]) == (1, 0, 0)
        (rate,) = await told(set_up, "rates")
        assert (rate["environment"], rate["service"]) == (ENV, "shop")
        assert (rate["last_hour"], rate["day"], sum(rate["by_hour"])) == (7, 7, 7)
        code, out, _ = await set_up.run("status")
        assert code == 0
        assert "unknown: set NATS_MONITOR_URL" in out
        assert "1 fixed" in out
        assert "none alive: mendwire work" in out
        await seen_live(set_up)


async def seen_live(set_up: Stage) -> None:
    shown = await on_a_terminal(
        set_up.folder, set_up.environment, "top", "--count", "2", "--every", "0.5"
    )
    assert STREAM in shown
    assert "\x1b[?1049h" in shown  # a screen of its own, and given back
    assert shown.rstrip().endswith("\x1b[?1049l")
    code, _, err = await set_up.run("top")
    assert code == 2
    assert "mendwire status" in err


async def test_what_happens_is_told_line_by_line_and_safely(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        process = await set_up.spawn("watch", "--count", "2")
        assert process.stderr is not None
        assert b"Watching shop" in await process.stderr.readline()
        await set_up.publish(b'{"error": "\\u001b[31mred \\u202e"}')
        await set_up.bus.api.client.publish("shop.results.fixed.x", b'{"status": "fixed"}')
        await set_up.bus.api.client.flush()
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        lines = out.decode().splitlines()
        assert lines[0].startswith("shop.errors.production  \\u001b[31mred")
        assert lines[1] == "shop.results.fixed.x  fixed"
        assert "\x1b" not in out.decode()


async def test_our_own_server_says_since_when_it_runs_and_is_not_started_by_a_check_up(
    tmp_path: Path,
) -> None:
    def environment(**more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **more}

    async def run(*words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mendwire", *words),
            cwd=tmp_path,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", "server", "--json"),
        cwd=tmp_path,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        pid = json.loads(await server.stdout.readline())["pid"]
        assert (await run("streams", "apply"))[0] == 0
        code, out = await run("status", "--json")
        assert code == 0
        assert json.loads(out)["uptime_from"] == f"process {pid}"
        assert 0 <= json.loads(out)["uptime_s"] < 120
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()
    code, out = await run("doctor", "--json")
    rows = {row["check"]: row for row in json.loads(out)}
    assert (code, rows["login"]["level"]) == (1, "bad")
    assert "mendwire up" in rows["login"]["found"]
    assert not list((tmp_path / ".mendwire/nats").glob("*.ports"))
