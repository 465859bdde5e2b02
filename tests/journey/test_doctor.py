"""`mendwire doctor`: each thing broken for real, found, and named with what mends it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

from mendwire.gateway.keyring import KeyFile
from mendwire.gateway.keys import Key
from mendwire.model.report import Trust
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.nats_server import running

STREAM = NAMES.error_stream(ENV)
DOCKET = NAMES.bucket("DOCKET")
LOCKED = """
accounts { SHOP { jetstream: enabled, users: [
  {user: full, password: pw},
  {user: poor, password: pw, permissions: {
     publish: {deny: ["$JS.API.STREAM.LIST",
       "$KV.SHOP_DOCKET.>", "shop.results.>", "$JS.API.STREAM.MSG.DELETE.>"]}}}
] } }
"""

Findings = dict[str, list[dict[str, Any]]]


async def examine(set_up: Stage, *words: str, **variables: str) -> tuple[int, Findings]:
    code, out, err = await set_up.run("doctor", "--json", *words, **variables)
    assert code in {0, 1}, err
    return code, by_check(out)


async def examine_from(folder: Path, url: str, **variables: str) -> tuple[int, Findings]:
    """Without a stage, whose own connection would need a login, too."""
    code, out = await mendwire(folder, url, "doctor", "--json", **variables)
    return code, by_check(out)


async def mendwire(folder: Path, url: str, *words: str, **variables: str) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    basic = {"PATH": os.environ["PATH"], "HOME": str(folder), "NATS_NAMESPACE": NAMES.namespace}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", *words),
        cwd=folder,
        env={**basic, "NATS_URL": url, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def by_check(out: str) -> Findings:
    found: Findings = {}
    for row in json.loads(out):
        found.setdefault(row["check"], []).append(row)
    return found


def levels(found: Findings) -> dict[str, str]:
    """The worst of each check."""
    order = ["ok", "skipped", "warn", "bad"]
    return {
        name: max((row["level"] for row in rows), key=order.index) for name, rows in found.items()
    }


def said(found: Findings, check: str) -> str:
    return "\n".join(f"{row['found']} -> {row['remedy']}" for row in found[check])


async def stored(set_up: Stage) -> dict[str, int]:
    page = await set_up.bus.api.call("STREAM.LIST", {})
    return {one["config"]["name"]: one["state"]["last_seq"] for one in page["streams"]}


async def test_a_healthy_project_is_left_as_it_was(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        before = await stored(set_up)
        code, found = await examine(set_up)
        assert code == 0
        assert await stored(set_up) == before
        consumer = await set_up.bus.consumer(STREAM)
        assert consumer is not None
        assert (consumer["num_pending"], consumer["delivered"]["consumer_seq"]) == (1, 0)
        assert not [row for rows in found.values() for row in rows if row["level"] == "bad"]
        assert levels(found)["permissions"] == "ok"
        assert {row["looked_at"] for rows in found.values() for row in rows}
        assert levels(found)["workers"] == "warn"
        code, out, _ = await set_up.run("doctor", "--quiet", "--strict")
        assert code == 1
        assert "-> mendwire work" in out
        assert "ok " not in out


async def test_what_is_broken_on_the_server_is_found(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply", "--env", "qa", "--env", ENV)
        await break_the_queue(set_up)
        await break_the_books(set_up)
        code, found = await examine(set_up)
        assert code == 1
        told = levels(found)
        for check in ("limits", "drift", "stuck", "docket", "consumers"):
            assert told[check] == "bad", said(found, check)
        for check in ("subjects", "redeliveries", "workers", "kept"):
            assert told[check] == "warn", said(found, check)
        assert f"1 messages of {STREAM} ran out of deliveries" in said(found, "stuck")
        assert "mendwire consumers reset" in said(found, "stuck")
        assert "SHOP_ERROR_REPORTS > claude-error-fixer is missing" in said(found, "drift")
        assert f"{STREAM} differs in max_age" in said(found, "drift")
        assert "mendwire streams apply" in said(found, "drift")
        assert "SHOP_QA_ERRORS, which no worker here reads" in said(found, "subjects")
        assert f"mendwire consumers resume {STREAM}" in said(found, "consumers")
        assert "handed out more than once" in said(found, "redeliveries")
        assert "ann@desk stopped everything" in said(found, "workers")
        assert "SHOP_DEAD is 9" in said(found, "limits")
        assert "mendwire dead list" in said(found, "kept")
        assert "case broken cannot be read" in said(found, "docket")
        assert "Today's 20.00 USD are spent" in said(found, "docket")


async def break_the_queue(set_up: Stage) -> None:
    jetstream = set_up.bus.api.client.jetstream()
    await set_up.publish(coupon_report(), "one")
    pull = await jetstream.pull_subscribe_bind("claude-error-fixer", STREAM)
    for _ in range(3):
        (message,) = await pull.fetch(1, timeout=5)
        await message.nak()
    await set_up.publish(coupon_report(), "two")
    (message,) = await pull.fetch(1, timeout=5)
    await message.nak()
    await pull.fetch(1, timeout=5)
    call = set_up.bus.api.call
    await call(
        f"CONSUMER.PAUSE.{STREAM}.claude-error-fixer", {"pause_until": "2099-01-01T00:00:00Z"}
    )
    await call("CONSUMER.DELETE.SHOP_ERROR_REPORTS.claude-error-fixer")
    config = (await call(f"STREAM.INFO.{STREAM}"))["config"]
    await call(f"STREAM.UPDATE.{STREAM}", config | {"max_age": 25 * 3600 * 10**9})
    config = (await call("STREAM.INFO.SHOP_DEAD"))["config"]
    await call("STREAM.UPDATE.SHOP_DEAD", config | {"max_bytes": 4096})
    await jetstream.publish("shop.dead.X", b"x" * 3950)
    await jetstream.publish("shop.errors.qa", b"{}")


async def break_the_books(set_up: Stage) -> None:
    bucket = set_up.bus.bucket(DOCKET)
    await bucket.put("case.broken", b"no json")
    await bucket.put(f"spend.{datetime.now(UTC):%Y%m%d}", b"25.0")
    await bucket.put("halt", json.dumps({"by": "ann@desk", "at": "now"}).encode())


async def test_what_is_broken_on_this_machine_is_found(tmp_path: Path) -> None:
    async with stage(
        tmp_path, agent="claude", program="no-such-agent", project='base = "no-such"'
    ) as set_up:
        await set_up.run("streams", "apply")
        config = set_up.folder / "mendwire.toml"
        text = config.read_text()
        config.write_text(text.replace('kind = "none"', 'kind = "bwrap"'))
        keys = set_up.folder / ".mendwire/gateway/keys.json"
        KeyFile(keys).add(key())
        keys.chmod(0o644)
        broken = set_up.folder / "broken/spacy"
        broken.mkdir(parents=True)
        (broken / "__init__.py").write_text("raise ImportError('this spaCy is broken')\n")
        bare = set_up.folder / "bin"
        bare.mkdir()
        (bare / "git").symlink_to(which_git())
        variables = {"PYTHONPATH": str(broken.parent), "PATH": str(bare)}
        code, found = await examine(set_up, **variables)
        assert code == 1
        told = levels(found)
        for check in ("screen", "git", "sandbox", "agent", "gateway"):
            assert told[check] == "bad", said(found, check)
        assert told["login"] == "ok"
        assert "correct project.base" in said(found, "git")
        assert "bubblewrap is not installed" in said(found, "sandbox")
        assert "no-such-agent is not on PATH" in said(found, "agent")
        assert "chmod it to 600" in said(found, "gateway")
        assert "pip install" in said(found, "screen")


async def test_an_old_program_a_mute_one_and_a_config_that_cannot_be_read(tmp_path: Path) -> None:
    async with stage(tmp_path, agent="claude", program="agent") as set_up:
        program = set_up.folder / "bin/agent"
        program.parent.mkdir()
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        for script, level in (("echo '2.1.0 (Claude Code)'", "warn"), ("exit 3", "bad")):
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            _, found = await examine(set_up, PATH=path)
            assert levels(found)["agent"] == level, said(found, "agent")
        (set_up.folder / "mendwire.toml").write_text("[worker\n")
        code, found = await examine(set_up)
        assert (code, list(found)) == (1, ["configuration"])
        assert "is not valid TOML" in said(found, "configuration")


async def test_a_server_that_is_gone_mute_or_does_not_let_us_in(tmp_path: Path) -> None:
    here = tmp_path / "project"
    async with running(tmp_path / "nats", "authorization { user: u, password: right }") as server:
        address = f"127.0.0.1:{server.port}"
        code, found = await examine_from(here, f"nats://u:false-one@{address}")
    assert code == 1
    assert (levels(found)["address"], levels(found)["login"]) == ("ok", "bad")
    assert "refuses this login" in said(found, "login")
    assert "false-one" not in json.dumps(found)
    assert {levels(found)[check] for check in ("stuck", "drift", "workers")} == {"skipped"}
    code, found = await examine_from(here, f"nats://{address}")
    assert code == 1
    assert levels(found)["address"] == "bad"
    assert f"nc -zv 127.0.0.1 {server.port}" in said(found, "address")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        code, found = await examine_from(
            here,
            f"nats://127.0.0.1:{port},nats://127.0.0.1:{server.port}",
            NATS_TIMEOUT="500ms",
            NATS_MONITOR_URL=f"http://127.0.0.1:{server.port}",
        )
    assert [row["level"] for row in found["address"]] == ["ok", "bad"]
    assert levels(found)["monitoring"] == "warn"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"nats://127.0.0.1:{mute.getsockname()[1]}"
        code, found = await examine_from(here, url, NATS_TIMEOUT="500ms")
    assert (levels(found)["address"], levels(found)["login"]) == ("ok", "bad")
    assert "gives no answer within 0.5 s" in said(found, "login")


async def test_permissions_that_are_missing_are_named(tmp_path: Path) -> None:
    here = tmp_path / "project"
    async with running(tmp_path / "nats", LOCKED) as server:
        address = f"127.0.0.1:{server.port}"
        code, _ = await mendwire(here, f"nats://full:pw@{address}", "streams", "apply")
        assert code == 0
        code, found = await examine_from(here, f"nats://poor:pw@{address}")
        poor, listed = await mendwire(here, f"nats://poor:pw@{address}", "streams", "ls", "-n")
    assert (poor, "SHOP_PRODUCTION_ERRORS" in listed) == (0, True)
    assert code == 1
    told = said(found, "permissions")
    for subject in ("$KV.SHOP_DOCKET.probe", "shop.results.probe.doctor", "STREAM.MSG.DELETE"):
        assert subject in told
    assert "The server refuses 3 of" in told


def key() -> Key:
    return Key(
        id="0" * 8,
        name="shop",
        project=1,
        digest="0" * 64,
        environments=(ENV,),
        trust=Trust.TRUSTED,
    )


def which_git() -> str:
    found = which("git")
    assert found
    return found
