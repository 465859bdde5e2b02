"""The shell publisher of docs/how-to/report-from-the-shell.md, run from the page itself."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from textwrap import dedent
from typing import Any

import pytest

from mendwire.model.names import Names
from mendwire.model.report import parse_report
from mendwire.model.signature import issue_key, signature
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from tests.nats_server import RealServer, running

pytestmark = pytest.mark.skipif(which("nats") is None, reason="the nats command is not installed")

PAGE = Path(__file__).parents[2] / "docs/how-to/report-from-the-shell.md"
NAMES = Names(namespace="shop")
NASTY = [
    'he said "no" and \\ left',
    "two\nlines\tand\r\na tab",
    "{{Count}} {{ID}} {{{x}}} {{",
    "$(touch pwned) `touch pwned` $HOME ${HOME} '; touch pwned; '",
    "bell\x07 escape\x1b[31m delete\x7f",
    "Grüße, 世界 🦊 & done",
    "%s %d %n",
    "-n",
    "",
]


def blocks() -> list[str]:
    """The page's blocks of code, in order."""
    found: list[list[str]] = []
    is_code = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        begins = line.startswith("    ")
        if begins and not is_code:
            found.append([])
        is_code = begins or (is_code and not line)
        if is_code:
            found[-1].append(line)
    return [dedent("\n".join(block)).strip() for block in found]


def block(start: str) -> str:
    """The one block that begins so."""
    (only,) = [one for one in blocks() if one.startswith(start)]
    return only


LIBRARY = block("# report_error MESSAGE")
USE = block("set -a; source .env")
ALONE = block("report_error() {")


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A folder in which scripts run, and the server they report to."""

    folder: Path
    server: RealServer

    async def run(self, script: str, *arguments: str, **variables: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script, "script", *arguments),
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.folder / "home"),
                "LC_ALL": "C.UTF-8",
                **variables,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def stored(self) -> list[tuple[str, Any]]:
        """(message id, body) of what is in the queue."""
        async with self.server.client() as client:
            jetstream = client.jetstream()
            stream = NAMES.error_stream("staging")
            last = (await jetstream.stream_info(stream)).state.last_seq
            messages = [await jetstream.get_msg(stream, n) for n in range(1, last + 1)]
        return [
            ((one.headers or {})["Nats-Msg-Id"], json.loads(one.data or b"")) for one in messages
        ]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with running(tmp_path / "nats") as server:
        async with server.client() as client:
            await ensure(JetStreamBus(client, NAMES, Denials()).api, topology(NAMES, ["staging"]))
        (tmp_path / "home").mkdir()
        (tmp_path / "mendwire.sh").write_text(LIBRARY)
        (tmp_path / ".env").write_text(
            f"NATS_URL={server.url}\nNATS_NAMESPACE=shop\nMENDWIRE_RELEASE=1.4.2\n"
        )
        yield Shell(folder=tmp_path, server=server)


async def test_any_text_arrives_as_it_is_under_the_key_of_mendwire(shell: Shell) -> None:
    script = """
    set -a; source .env; set +a; source mendwire.sh
    for text; do report_error "E: $text" "$text" "$text" 5 || exit; done
    """
    code, out = await shell.run(script, *NASTY)
    assert code == 0, out
    stored = await shell.stored()
    expected = [
        "".join(
            " " if (ord(char) < 32 and char not in "\n\r\t") or char == "\x7f" else char
            for char in text
        )
        for text in NASTY
    ]
    assert [body["error"] for _, body in stored] == [f"E: {text}" for text in expected]
    assert [body["stack"] for _, body in stored] == expected
    assert {body["release"] for _, body in stored} == {"1.4.2"}
    for msg_id, body in stored:
        key = signature(
            parse_report(json.dumps(body).encode()), namespace="shop", environment="staging"
        )
        assert msg_id == f"shop-staging-{key}"
    assert not (shell.folder / "pwned").exists()


async def test_the_page_reports_a_command_and_a_script_that_fails(shell: Shell) -> None:
    (shell.folder / "backup.sh").write_text("#!/bin/sh\nexit 3\n")
    (shell.folder / "backup.sh").chmod(0o755)
    code, out = await shell.run(f"{USE}\nls /nowhere\nls /nowhere", MENDWIRE_RELEASE="1")
    assert code != 0
    assert "Duplicate" in out or "duplicate" in out
    errors = [body["error"] for _, body in await shell.stored()]
    assert errors[0] == "backup.sh failed with exit code 3"
    assert errors[1].startswith("ls /nowhere: exit code ")


async def test_without_mendwire_the_fingerprint_decides(shell: Shell) -> None:
    json_function = LIBRARY[LIBRARY.index("# A text as a JSON string") :]
    script = f"""
    set -a; source .env; set +a
    {json_function}
    {ALONE}
    report_error "$1" "disk {{full}} at 93 %" && report_error "$1" 'disk "full" at 97 %'
    report_error other "disk full" && MENDWIRE_RELEASE=1.5 report_error "$1" "again"
    """
    code, out = await shell.run(script, 'nightly "backup"')
    assert code == 0, out
    stored = await shell.stored()
    assert [body["error"] for _, body in stored] == ["disk {full} at 93 %", "disk full", "again"]
    whole = "".join(f"{part}\0" for part in ("shop", "staging", "1.4.2", 'nightly "backup"'))
    assert stored[0][0] == f"shop-staging-{hashlib.sha256(whole.encode()).hexdigest()}"
    keys = [issue_key(parse_report(json.dumps(body).encode())) for _, body in stored]
    assert keys[0] == keys[2] != keys[1]


async def test_where_mendwire_is_missing_the_error_still_goes_out(shell: Shell) -> None:
    script = """
    set -a; source .env; set +a; source mendwire.sh
    mendwire() { return 127; }
    report_error "first" "" a.sh 1 && report_error "second" "" a.sh 1
    """
    code, out = await shell.run(script)
    assert code == 0, out
    ids = [msg_id for msg_id, _ in await shell.stored()]
    assert len(set(ids)) == 2
    assert all(len(msg_id) == len("shop-staging-") + 64 for msg_id in ids)
