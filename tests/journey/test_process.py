"""Children are bounded and dead afterwards, with everything they made."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from mendwire.errors import ExecutionError
from mendwire.execution.environment import NOWHERE, allowed_environment
from mendwire.execution.process import Completed, ResourceLimits, Stop, reap_strays, run
from mendwire.execution.strays import VARIABLE

PYTHON = sys.executable
QUICK = (
    Stop(number=signal.SIGINT, wait_s=0.3),
    Stop(number=signal.SIGTERM, wait_s=0.3),
)
DAEMON = "import os,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  {};time.sleep(600)\n"


async def script(code: str, tmp_path: Path, **changes: Any) -> Completed:
    """Run Python code as a child."""
    fields = {"cwd": tmp_path, "env": allowed_environment(), "timeout_s": 20.0, **changes}
    return await run([PYTHON, "-I", "-S", "-c", code], **fields)


def alive(mark: str) -> list[psutil.Process]:
    """Processes whose environment or arguments carry ``mark``."""
    found = []
    for process in psutil.process_iter():
        try:
            carried = f"{process.environ()} {process.cmdline()}"
            if mark in carried and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


async def until(true: Any, within_s: float = 20.0) -> None:
    """Poll a condition of another process."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_output_and_exit_code(tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.read()); print('oh', file=sys.stderr); sys.exit(7)"
    lines: list[str] = []
    done = await script(code, tmp_path, stdin=b"hello\nyou", on_line=lines.append)
    assert (done.exit_code, done.text, done.complaint) == (7, "hello\nyou\n", "oh")
    assert lines == ["hello", "you"]
    assert (done.timed_out, done.signalled, done.truncated) == (False, 0, False)


async def test_what_the_listener_raises_comes_through(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise KeyError(line)

    with pytest.raises(KeyError, match="hi"):
        await script(
            "import time; print('hi', flush=True); time.sleep(600)", tmp_path, on_line=refuse
        )


async def test_much_input_to_a_child_that_does_not_read(tmp_path: Path) -> None:
    assert (await script("pass", tmp_path, stdin=b"x" * 5_000_000)).exit_code == 0


async def test_a_signal_is_told(tmp_path: Path) -> None:
    done = await script("import os; os.kill(os.getpid(), 11)", tmp_path)
    assert (done.exit_code, done.signalled) == (-11, 11)


async def test_output_is_bounded(tmp_path: Path) -> None:
    done = await script("print('a' * 3_000_000 + 'z')", tmp_path, output_limit=1000)
    assert done.truncated
    assert len(done.stdout) < 1100
    assert done.text.startswith("aaa")
    assert done.text.endswith("az\n")
    assert "bytes left out" in done.text


async def test_the_environment_is_given_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAIT", "1")
    monkeypatch.setenv("LC_TIME", "C")
    env = allowed_environment(("EXTRA",), private=tmp_path / "p")
    done = await script("import os; print(sorted(os.environ))", tmp_path, env=env)
    assert "BAIT" not in done.text
    assert "LC_TIME" in done.text
    assert Path(env["HOME"]).stat().st_mode & 0o077 == 0
    assert Path(env["TMPDIR"]).is_dir()
    assert allowed_environment()["HOME"] == NOWHERE
    assert allowed_environment(keep_home=True)["HOME"] == os.environ["HOME"]


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./none"])
async def test_a_missing_program(tmp_path: Path, program: str) -> None:
    with pytest.raises(ExecutionError, match="was not found"):
        await run([program], cwd=tmp_path, env=allowed_environment(), timeout_s=5)


async def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="no such folder"):
        await script("pass", tmp_path / "none")


async def test_daemons_die_when_the_child_ends(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    code = DAEMON.format("open('up','w')") + "while not os.path.exists('up'): time.sleep(.01)\n"
    # The daemon keeps the pipes open, and clears the marker from what it starts.
    code += (
        f"import sys\nos.spawnve(os.P_NOWAIT, sys.executable, ['{mark}', '-c', 'input()'], {{}})"
    )
    done = await script(code, tmp_path, env={**allowed_environment(), "MARK": mark})
    assert done.exit_code == 0
    assert done.seconds < 15
    assert not alive(mark)


async def test_a_child_that_ignores_signals_is_killed_in_the_end(tmp_path: Path) -> None:
    code = "import signal,time\nfor n in (2,15,1): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"
    done = await script(code, tmp_path, timeout_s=1.0, stop_signals=QUICK)
    assert (done.timed_out, done.signalled) == (True, 9)
    assert done.seconds < 10


async def test_a_child_may_end_in_good_order_at_its_limit(tmp_path: Path) -> None:
    code = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('good night')"
    done = await script(code, tmp_path, timeout_s=1.0)
    assert (done.timed_out, done.exit_code, done.text) == (True, 0, "good night\n")


async def test_cancelling_kills_at_once(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    code = DAEMON.format("open('up','w')") + "time.sleep(600)"
    env = {**allowed_environment(), "MARK": mark}
    running = asyncio.ensure_future(script(code, tmp_path, env=env, timeout_s=600.0))
    await until((tmp_path / "up").exists)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(mark)


async def test_cancelling_at_every_moment_of_the_start(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    for turns in range(12):
        env = {**allowed_environment(), "MARK": mark}
        running = asyncio.ensure_future(script("input()", tmp_path, env=env))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not alive(mark)


async def test_a_killed_keeper_leaves_nothing(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    code = DAEMON.format("open('up','w')") + (
        "while not os.path.exists('up'): time.sleep(.01)\nos.kill(os.getppid(), 9)\ntime.sleep(600)"
    )
    done = await script(code, tmp_path, env={**allowed_environment(), "MARK": mark})
    assert done.signalled == 9
    assert not done.timed_out
    assert not alive(mark)


OWNER = """
import asyncio, sys
from pathlib import Path
from mendwire.execution.process import run
code = {code!r}
env = {{"PATH": "/usr/bin:/bin", "MARK": {mark!r}}}
asyncio.run(run([sys.executable, "-I", "-S", "-c", code], cwd=Path({cwd!r}), env=env, timeout_s=600,
                marker="ours"))
"""


def start_owner(tmp_path: Path, mark: str) -> subprocess.Popen[bytes]:
    """Another process of Mendwire's that runs a child with a daemon."""
    code = DAEMON.format("open('up','w')") + "time.sleep(600)"
    text = OWNER.format(code=code, mark=mark, cwd=str(tmp_path))
    return subprocess.Popen([PYTHON, "-c", text], env={**os.environ})


async def test_killing_mendwire_takes_everything_down(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with start_owner(tmp_path, mark) as owner:
        await until((tmp_path / "up").exists)
        assert reap_strays("ours") == 0, "its owner lives"
        assert alive(mark)
        owner.kill()
    await until(lambda: not alive(mark))


async def test_strays_are_reaped_at_the_next_start(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with start_owner(tmp_path, mark) as owner:
        await until((tmp_path / "up").exists)
        for process in alive(mark):
            with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):  # it ended meanwhile
                if any("keeper.py" in word for word in process.cmdline()):
                    process.suspend()
                    process.kill()
        owner.kill()
    stray = [process for process in alive(mark) if VARIABLE in process.environ()]
    reap_strays("theirs")
    assert all(process.is_running() for process in stray)
    reap_strays("ours")
    assert not alive(mark)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ResourceLimits(cpu_s=1), "while True: pass"),
        (ResourceLimits(memory_bytes=200_000_000), "x = bytearray(400_000_000)"),
        (ResourceLimits(file_bytes=1000), "import os; os.truncate(open('big', 'wb').name, 5000)"),
        (ResourceLimits(open_files=20), "x = [open('/dev/null') for _ in range(30)]"),
    ],
)
async def test_limits_hold(tmp_path: Path, limits: ResourceLimits, code: str) -> None:
    done = await script(code, tmp_path, limits=limits)
    assert done.exit_code != 0
    assert not done.timed_out


async def test_many_at_once(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(script(f"print({number})", tmp_path, timeout_s=60.0))
            for number in range(12)
        ]
    assert [task.result().text for task in tasks] == [f"{number}\n" for number in range(12)]


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="no process namespaces here")
async def test_runs_of_a_worker_in_a_container_are_no_strays_of_ours() -> None:
    """Its numbers mean other processes here, so whether it lives cannot be told."""
    here = "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    prefix, gone = f"test-{os.getpid()}", 2**22 + 1
    ours, theirs = [
        await asyncio.create_subprocess_exec(
            *("sleep", "60"), env={VARIABLE: f"{prefix}.{gone}.1.1.{namespace}"}
        )
        for namespace in (here, "1")
    ]
    try:
        assert await asyncio.to_thread(reap_strays, prefix) == 1
        assert await ours.wait() == -9
        assert theirs.returncode is None
    finally:
        theirs.kill()
        await theirs.wait()
