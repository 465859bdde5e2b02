from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import mendwire
from mendwire.settings.environment import read_environment
from mendwire.wire.connection import connected
from mendwire.wire.server import find_running


def surroundings(home: Path) -> dict[str, str]:
    """The process's own environment without what could name another server."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
    source = str(Path(mendwire.__file__).parent.parent)
    return kept | {"PYTHONPATH": source, "HOME": str(home)}


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``mendwire server`` in ``folder``, dead at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mendwire", "server", *arguments],
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, "--json") as process:
        told = json.loads(first_line(process))
        store = Path(told["store"])
        assert store == tmp_path / ".mendwire" / "nats"
        running = find_running(store)
        assert running
        assert running.urls == (told["url"],)
        process.send_signal(number)
        rest, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert rest == ""
        assert "Traceback" not in said
        assert find_running(store) is None
        assert not psutil.pid_exists(told["pid"])


async def test_other_commands_of_the_project_find_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--json") as process:
        told = json.loads(await asyncio.to_thread(first_line, process))
        async with connected(read_environment({"HOME": str(tmp_path)}, tmp_path)) as link:
            assert (link.url, link.embedded) == (told["url"], True)


def test_it_says_how_to_use_it_and_never_the_password(tmp_path: Path) -> None:
    with serving(tmp_path, "--store", "mine", "--sync", "2m") as process:
        first = first_line(process)
        store = tmp_path / "mine"
        running = find_running(store)
        assert running
        assert running.urls[0] in first
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert process.stderr
        rest, said = process.stdout.read(), process.stderr.read()
    assert f"nats --context {store}/context.json" in rest
    assert running.password.reveal() not in first + rest + said
    assert "sync_interval: 120000ms" in (store / "server.conf").read_text()


def test_a_second_one_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, "--json") as process:
        first_line(process)
        with serving(tmp_path) as second:
            _, said = second.communicate(timeout=20)
            assert second.returncode == 3
        assert f"(pid {process.pid}) already runs a server" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(("option", "value"), [("--sync", "soon"), ("--port", "0")])
def test_what_cannot_be_is_refused(tmp_path: Path, option: str, value: str) -> None:
    with serving(tmp_path, option, value) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert option in said
    assert "Traceback" not in said
