"""Wrong messages, repositories, servers and disks: one clear sentence each, nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mendwire.demo.shop import build_repository
from mendwire.model.case import Case, CaseState, Verdict
from mendwire.model.delivery import Received
from tests.generated_repository import Generated
from tests.journey.own_repository import Yard, log_until, own_repository
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.nats_server import running

pytestmark = pytest.mark.timeout(120)

BAD = {
    "bytes": (b"\xff\xfe\x00 not text", "UTF-8"),
    "array": (b'["error"]', "list"),
    "number": (b"42", "int"),
    "nested": (b'{"error":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested too deeply"),
    "deeper": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "empty": (b"", "not JSON"),
    "nothing": (b'{"timestamp": "now", "context": {}}', "neither"),
}


async def worked(set_up: Stage, **variables: str) -> str:
    code, _, err = await set_up.run("work", "--until-empty", "--log", "json", **variables)
    assert code == 0, err
    assert "Traceback" not in err
    return err


async def dead(set_up: Stage) -> list[Received]:
    stream = NAMES.stream("DEAD")
    return [message async for message in set_up.bus.walk(stream, 100, 1 << 62)]


async def assert_the_good_one_is_fixed(set_up: Stage) -> None:
    (case,) = [found for found in await set_up.cases() if "KeyError" in found.title]
    assert (case.state, case.verdict) == (CaseState.FIXED, Verdict.FIXED)
    assert await set_up.waiting() == 0


async def test_what_is_no_report_is_buried_whole_and_the_next_is_handled(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        for name, (payload, _) in BAD.items():
            await set_up.publish(payload, name)
        await set_up.publish(coupon_report(), "good")
        await worked(set_up)
        buried = {
            message.headers["Mendwire-Origin-Msg-Id"]: message for message in await dead(set_up)
        }
        assert set(buried) == set(BAD)
        for name, (payload, why) in BAD.items():
            message = buried[name]
            assert message.payload == payload
            assert message.ref.subject == NAMES.dead(NAMES.error_stream(ENV))
            assert message.headers["Mendwire-Origin-Stream"] == NAMES.error_stream(ENV)
            assert message.headers["Mendwire-Origin-Subject"] == NAMES.errors(ENV)
            assert why in message.headers["Mendwire-Reason"], message.headers
        await assert_the_good_one_is_fixed(set_up)


async def test_two_megabytes_by_the_command_are_trimmed_and_arrive(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        large = coupon_report(context={"dump": "x y " * 500_000})
        code, out, err = await piped(set_up, json.dumps(large).encode())
        assert code == 0, err
        assert "was trimmed to" in err
        assert len(err.splitlines()) == 1
        assert out.startswith(f"Stored in {NAMES.error_stream(ENV)}")
        await worked(set_up)
        (case,) = await set_up.cases()
        assert json.loads(case.report)["trimmed"] is True
        assert_restricted(case)
        assert await set_up.waiting() == 0
        assert await dead(set_up) == []


async def piped(set_up: Stage, payload: bytes) -> tuple[int, str, str]:
    yard = Yard(folder=set_up.folder, home=set_up.folder / "home")
    return await yard.piped(payload, "report", "--env", ENV, **set_up.environment)


def assert_restricted(case: Case) -> None:
    """More than the screen reads: research alone, then a person."""
    assert case.restricted
    assert (case.state, case.verdict) == (CaseState.CLOSED, Verdict.NEEDS_HUMAN)


async def test_two_megabytes_from_a_raw_publisher_are_not_lost(tmp_path: Path) -> None:
    async with stage(tmp_path, server_config="max_payload: 8MB") as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report(context={"dump": "x y " * 500_000}), "large")
        await set_up.publish(b"\xff" * 2_000_000, "bytes")
        await set_up.publish(coupon_report(service="other", release="2"), "good")
        await worked(set_up)
        assert await set_up.waiting() == 0
        (buried,) = await dead(set_up)
        assert buried.headers["Mendwire-Origin-Msg-Id"] == "bytes"
        (large,) = [case for case in await set_up.cases() if case.restricted]
        assert_restricted(large)
        assert large.message is not None
        assert large.message.msg_id == "large"
        (fixed,) = [case for case in await set_up.cases() if not case.restricted]
        assert fixed.state is CaseState.FIXED


def one_sentence(done: tuple[int, str, str], code: int, *words: str) -> None:
    """The command ended with ``code`` and one line on standard error that has ``words``."""
    got, _, err = done
    assert got == code, err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("mendwire: ")
    for word in words:
        assert word in err


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    (tmp_path / "home").mkdir()
    (tmp_path / "place").mkdir()
    return Yard(folder=tmp_path / "place", home=tmp_path / "home")


NOWHERE = {"NATS_URL": "nats://127.0.0.1:9", "NATS_NAMESPACE": "shop"}


@pytest.mark.parametrize(
    "line",
    [
        ["work", "--until-empty"],
        ["up", "--until-empty"],
        ["report", "boom"],
        ["cases", "list"],
        ["streams", "apply"],
    ],
    ids=lambda line: line[0],
)
async def test_a_namespace_that_is_none(tmp_path: Path, yard: Yard, line: list[str]) -> None:
    await build_repository(yard.folder)
    async with running(tmp_path / "nats") as server:
        done = await yard.run(*line, NATS_URL=server.url, NATS_NAMESPACE="a.b*")
        one_sentence(done, 2, "a.b*")
        async with server.client() as client:
            assert await client.jetstream().streams_info() == []


async def test_places_to_work_from_that_are_none(yard: Yard) -> None:
    work = ("work", "--until-empty")
    one_sentence(await yard.run(*work, **NOWHERE), 1, "no git repository", "git init")
    repository = Generated(path=yard.folder)
    repository.git("init", "-q")
    one_sentence(await yard.run(*work, **NOWHERE), 1, "no commit yet", "commit your work")
    repository.commit("Begin", {})
    one_sentence(await yard.run(*work, **NOWHERE), 3, "No NATS server answers at", "NATS_URL")
    one_sentence(await yard.run("report", "boom", **NOWHERE), 3, "No NATS server answers at")
    one_sentence(await yard.run("work"), 3, "mendwire up", "NATS_URL")
    missing = await yard.run("up", "--until-empty", NATS_SERVER=str(yard.home / "nats-server"))
    one_sentence(missing, 3, "nats-server", "NATS_SERVER")
    (yard.folder / "mendwire.toml").write_text("[project]\nbase = 'gone'\n")
    one_sentence(await yard.run(*work, **NOWHERE), 1, "gone", "project.base")


async def test_a_server_without_jetstream(tmp_path: Path, yard: Yard) -> None:
    await build_repository(yard.folder)
    plain = 'accounts { PLAIN { users: [{ user: "u", password: "p" }] } }\nno_auth_user: "u"'
    async with running(tmp_path / "nats", plain) as server:
        variables = {"NATS_URL": server.url, "NATS_NAMESPACE": "shop"}
        one_sentence(await yard.run("work", **variables), 3, "no JetStream", "-js")
        one_sentence(await yard.run("streams", "apply", **variables), 3, "no JetStream")
        one_sentence(await yard.run("report", "boom", **variables), 3, "no JetStream")


async def test_a_dirty_worktree_is_told_of_and_left_alone(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        pricing = set_up.repository / "shop/pricing.py"
        pricing.write_text(pricing.read_text() + "\nUNCOMMITTED = 1\n")
        (set_up.repository / "new.py").write_text("UNTRACKED = 1\n")
        await set_up.git("add", "new.py")
        before = await set_up.git("status", "--porcelain=v2")
        bytes_before = pricing.read_bytes()
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        err = await worked(set_up)
        assert f"2 changed files in {set_up.repository} are not committed" in err
        await assert_the_good_one_is_fixed(set_up)
        (branch,) = await set_up.branches()
        assert "UNCOMMITTED" not in await set_up.git("show", f"{branch}:shop/pricing.py")
        assert "new.py" not in await set_up.git("ls-tree", "-r", "--name-only", branch)
        assert await set_up.git("status", "--porcelain=v2") == before
        assert pricing.read_bytes() == bytes_before
        assert await set_up.git("rev-parse", "--abbrev-ref", "HEAD") == "main"


RIGHTS = """
authorization {{ users: [
  {{ user: "admin", password: "a" }},
  {{ user: "worker", password: "w",
     permissions: {{ publish: {{ allow: [">"], deny: {denied} }} }} }}
] }}
no_auth_user: "admin"
"""


async def test_a_right_that_is_missing_is_named_and_given_later(tmp_path: Path) -> None:
    denied = RIGHTS.format(denied='["shop.results.>"]')
    async with stage(tmp_path, server_config=denied) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        process = await set_up.spawn(
            "work", "--until-empty", "--log", "json", NATS_USER="worker", NATS_PASSWORD="w"
        )
        said = await log_until(process, "grant the permission")
        assert "shop.results.fixed." in said[-1]
        (case,) = await set_up.cases()
        assert case.state is CaseState.DELIVERED
        assert await set_up.waiting() == 1
        reload_server(set_up, denied, RIGHTS.format(denied="[]"))
        async with asyncio.timeout(60):
            _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert b"Traceback" not in err
        await assert_the_good_one_is_fixed(set_up)
        ((subject, _),) = await set_up.kept("RESULTS")
        assert subject == f"shop.results.fixed.{case.case_id}"


def reload_server(set_up: Stage, before: str, after: str) -> None:
    """Change the server's configuration and let it read it again."""
    path = set_up.server.folder / "server.conf"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert set_up.server.process is not None
    set_up.server.process.send_signal(signal.SIGHUP)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")  # a full disk is not to be had else
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing fits any more; the file to remove again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


async def test_a_full_disk_is_said_and_nothing_that_was_stored_is_lost(
    tmp_path: Path, small_disk: Path
) -> None:
    async with own_repository(small_disk, tmp_path / "home") as yard:
        filler = fill(small_disk)
        one_sentence(await yard.run("up", "--until-empty"), 2, "No space left", "server.store")
        filler.unlink()
        up = await yard.spawn("up", "--log", "json")
        await log_until(up, '"tests: ')
        code, _, err = await yard.report(coupon_report(error="KeyError: 'FIRST'"))
        assert code == 0, err
        await yard.cases_when(lambda rows: [row["state"] for row in rows] == ["fixed"])
        filler = fill(small_disk)
        large: dict[str, Any] = {"error": "OtherError: 2", "stack": "y z " * 50_000}
        one_sentence(await yard.report(large), 3, "full")
        filler.unlink()
        assert await stored_again(yard, large)
        rows = await yard.cases_when(lambda found: len(found) == 2)
        assert "fixed" in {row["state"] for row in rows}
        up.send_signal(signal.SIGINT)
        _, rest = await up.communicate()
        assert up.returncode in {0, 130}
        assert b"Traceback" not in rest


async def stored_again(yard: Yard, report: dict[str, Any]) -> bool:
    """Whether the report arrives once the server has found its disk again."""
    for _ in range(20):
        if (await yard.report(report))[0] == 0:
            return True
    return False
