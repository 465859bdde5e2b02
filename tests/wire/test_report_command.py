"""``mendwire report`` against a real server: what is stored, what is said, how it exits."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from mendwire.model.report import parse_report
from mendwire.model.signature import crash_frame, parse_frames
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer, running

TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line 6, in dispatch
    return f(v)
  File "/app/cart.py", line 31, in total
    return price * None
TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'
"""
SEED = {
    "error": "TypeError: unsupported operand",
    "stack": "File app/cart.py, line 31, in total",
    "timestamp": "2025-11-13T10:30:00Z",
    "context": {"file": "app/cart.py", "line": 31, "request_id": "req-1"},
}
STREAM = "AI_TUTOR_STAGING_ERRORS"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Coroutine[Any, Any, Ended]]


@pytest.fixture
def run(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Run:
    del bus  # the streams are there
    return runner(tmp_path, server.url)


def runner(folder: Path, url: str) -> Run:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
    paths = os.pathsep.join(sys.path)
    base = {**clean, "NATS_URL": url, "NATS_NAMESPACE": "ai_tutor", "PYTHONPATH": paths}

    async def run(*arguments: str, given: bytes = b"", **environ: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "mendwire", *arguments),
            cwd=folder,
            env=base | environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(given)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run


async def test_a_raw_traceback_is_stored_and_repeated(run: Run, bus: JetStreamBus) -> None:
    arguments = ("report", "--env", "staging", "--release", "r1", "--json")
    first = await run(*arguments, given=TRACEBACK.encode())
    assert first.code == 0, first.err
    assert first.answer["duplicate"] is False
    assert first.answer["stream"] == STREAM
    message = await bus.peek(STREAM, first.answer["seq"])
    assert message is not None
    report = parse_report(message.payload)
    assert report.type == "TypeError"
    crash = crash_frame(report)
    assert crash is not None
    assert (crash.file, crash.line, crash.function) == ("/app/cart.py", 31, "total")
    assert message.ref.msg_id == first.answer["msg_id"]
    again = await run("report", "--env", "staging", "--release", "r1", given=TRACEBACK.encode())
    assert "A repeat" in again.out
    assert first.answer["signature"] in again.out
    keys = await run("signature", "--env", "staging", given=message.payload)
    assert keys.answer["signature"] == first.answer["signature"]
    assert keys.answer["issue_key"] == first.answer["issue_key"]


async def test_what_has_no_stack_is_taken_whole_and_that_is_said(run: Run) -> None:
    for text in ("23.8\n", "starting\nERROR: the disk is full\n"):
        ended = await run("report", "--env", "staging", "--release", "1", given=text.encode())
        assert ended.code == 0
        assert ended.err.count("\n") == 1
        assert "no stack was found in it" in ended.err
    ended = await run("report", "--env", "staging", "--release", "1", given=TRACEBACK.encode())
    assert (ended.code, ended.err) == (0, "")


async def test_arguments_make_a_report(run: Run, bus: JetStreamBus, tmp_path: Path) -> None:
    (tmp_path / "stack.txt").write_text(TRACEBACK)
    ended = await run(
        *("report", "it broke", "--stack", "stack.txt", "--file", "app/cart.py", "--line", "31"),
        *("--request-id", "req-1", "--env", "staging", "--service", "shop", "--release", "r1"),
        *("--type", "TypeError", "--code", "42", "--level", "fatal", "--context", "shard=7"),
        *("--context", "api_key=hunter2", "--json"),
    )
    assert ended.code == 0, ended.err
    message = await bus.peek(STREAM, ended.answer["seq"])
    assert message is not None
    report = parse_report(message.payload)
    assert (report.error, report.type, report.code, report.level) == (
        ("it broke", "TypeError", "42", "fatal")
    )
    assert (report.service, report.release) == ("shop", "r1")
    assert report.context == {
        "file": "app/cart.py",
        "line": 31,
        "request_id": "req-1",
        "shard": "7",
        "api_key": "[scrubbed:api_key]",
    }


async def test_a_report_a_line(run: Run, bus: JetStreamBus) -> None:
    lines = "\n".join(json.dumps({"error": f"E: {word}", "extra": [1]}) for word in "abc")
    ended = await run("report", "--jsonl", "--json", "--env", "staging", given=lines.encode())
    assert ended.code == 0, ended.err
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["seq"] for one in found] == [1, 2, 3]
    message = await bus.peek(STREAM, 2)
    assert message is not None
    assert json.loads(message.payload) == {"error": "E: b", "extra": [1], "context": {}}


async def test_without_an_environment_the_plain_subject_is_used(run: Run) -> None:
    ended = await run("report", "it broke", "--json")
    assert ended.answer["stream"] == "AI_TUTOR_ERROR_REPORTS"
    assert "no release is given" in ended.err


async def test_plain_json_with_its_own_id_is_a_report(link: Client, bus: JetStreamBus) -> None:
    headers = {"Nats-Msg-Id": "ai_tutor-staging-0123abcd"}
    await link.jetstream().publish(
        "ai_tutor.errors.staging", json.dumps(SEED).encode(), headers=headers
    )
    message = await bus.peek(STREAM, 1)
    assert message is not None
    assert message.ref.msg_id == "ai_tutor-staging-0123abcd"
    report = parse_report(message.payload)
    assert report.error == SEED["error"]
    (frame,) = parse_frames(report)
    assert (frame.file, frame.line) == ("app/cart.py", 31)


async def test_what_is_too_large_is_trimmed_and_that_is_said(run: Run, bus: JetStreamBus) -> None:
    stack = "first line\n" + "middle\n" * 300_000 + "last line"
    body = {"error": "E: x", "release": "r1", "stack": stack, "type": "E"}
    ended = await run("report", "--env", "staging", "--json", given=json.dumps(body).encode())
    assert ended.code == 0, ended.err
    assert "was trimmed to" in ended.err
    message = await bus.peek(STREAM, ended.answer["seq"])
    assert message is not None
    found = json.loads(message.payload)
    assert found["stack"].startswith("first line")
    assert found["stack"].endswith("last line")
    assert (found["type"], found["trimmed"]) == ("E", True)


@pytest.mark.parametrize(
    ("arguments", "given", "environ", "code", "said"),
    [
        ((), b"", {}, 2, "Standard input is empty"),
        ((), b" \n", {}, 2, "Standard input is empty"),
        ((), b"\x1b\x00\n", {}, 2, "no visible text"),
        ((), b"\xff\xfe", {}, 2, "not UTF-8"),
        ((), b'{"error": "\xff"}', {}, 2, "not UTF-8"),
        ((), b"[1]", {}, 2, "is JSON but a list"),
        ((), b'{"x": 1}', {}, 2, "neither an 'error' text nor a 'stack'"),
        ((), b'{"error": ', {}, 2, "is not JSON"),
        ((), b'{"error": "a"}\n{"error": "b"}', {}, 2, "say --jsonl"),
        ((), b'{"a":' * 5000, {}, 2, "nested too deeply"),
        (("--jsonl",), b'{"error": "a"}\nx', {}, 2, "Line 2: "),
        (("--jsonl",), b"", {}, 2, "Standard input is empty"),
        (("x", "--env", "a.b*"), b"", {}, 2, "The environment 'a.b*' cannot be used"),
        (("x",), b"", {"NATS_NAMESPACE": "a.b*"}, 2, "The namespace 'a.b*' cannot be used"),
        (("x", "--context", "novalue"), b"", {}, 2, "--context takes key=value"),
        (("x", "--line", "many"), b"", {}, 2, "--line"),
        (("x", "--nope"), b"", {}, 2, "--nope"),
        (("x", "--stack", "absent.txt"), b"", {}, 2, "cannot be read from absent.txt"),
        ((" ",), b"", {}, 2, "The message is empty"),
        (("x",), b"", {"NATS_URL": "nats://127.0.0.1:1"}, 3, "No NATS server answers"),
        (("x", "--env", "qa"), b"", {}, 1, "No stream takes ai_tutor.errors.qa"),
    ],
)
async def test_what_is_wrong_is_one_sentence(
    run: Run,
    arguments: tuple[str, ...],
    given: bytes,
    environ: dict[str, str],
    code: int,
    said: str,
) -> None:
    ended = await run("report", *arguments, given=given, **environ)
    assert ended.code == code, ended
    assert said in ended.err
    assert len([line for line in ended.err.splitlines() if "no release" not in line]) == 1


async def test_a_missing_permission_names_the_subject(tmp_path: Path) -> None:
    config = (
        "authorization { users: [ { user: u, password: p, permissions: "
        '{ publish: { deny: "ai_tutor.errors.>" } } } ] }'
    )
    async with running(tmp_path / "nats", config) as server:
        url = server.url.replace("nats://", "nats://u:p@")
        ended = await runner(tmp_path, url)("report", "x", "--env", "staging")
    assert ended.code == 3
    assert "ai_tutor.errors.staging" in ended.err


async def test_a_dry_run_needs_no_server(run: Run) -> None:
    ended = await run("report", "x", "--dry-run", "--env", "staging", NATS_URL="nats://127.0.0.1:1")
    assert ended.code == 0
    assert ended.answer["subject"] == "ai_tutor.errors.staging"


async def test_what_is_scrubbed_is_said_in_the_environment(run: Run) -> None:
    message = "no user ada@shop.example, badge ab-1234, password=hunter2"
    for policy, shown in (
        ("", "no user [scrubbed:email], badge ab-1234, password=[scrubbed:password]"),
        (
            '{"emails": "keep", "patterns": ["ab-[0-9]{4}"]}',
            "no user ada@shop.example, badge [scrubbed:pattern], password=[scrubbed:password]",
        ),
    ):
        ended = await run("report", message, "--dry-run", MENDWIRE_SCRUB=policy)
        assert ended.answer["report"]["error"] == shown
    ended = await run("report", message, "--dry-run", MENDWIRE_SCRUB='{"patterns": ["a+"]}')
    assert ended.code == 2
    assert "write {1,64} instead of +" in ended.err
