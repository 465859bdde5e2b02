"""Sandboxes are tried out, hold, and refuse when they are not there."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from mendwire.errors import ConfigError, SandboxUnavailable
from mendwire.execution.environment import allowed_environment
from mendwire.execution.process import Completed, run
from mendwire.execution.sandbox import Sandbox, SandboxKind, detect
from mendwire.execution.secrets import secret_paths

DIAL = (
    "import socket,sys\n"
    "print(len(open('/proc/net/dev').readlines()) - 2)\n"
    "server = socket.create_server(('127.0.0.1', 0))\n"
    "socket.create_connection(server.getsockname())\n"
    "socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=3)\n"
)


async def bubblewrap() -> Sandbox:
    sandbox = await detect("auto")
    if sandbox.kind is not SandboxKind.BWRAP:
        pytest.skip(sandbox.describe())  # bubblewrap is absent or forbidden; CI has it
    return sandbox


async def inside(argv: list[str], tree: Path) -> Completed:
    return await run(argv, cwd=tree, env=allowed_environment(), timeout_s=30)


def room(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    return path


async def test_the_tree_alone_is_writable(tmp_path: Path) -> None:
    sandbox = await bubblewrap()
    tree, other, out = (room(tmp_path, name) for name in ("tree", "other", "out"))
    command = f"touch in {out}/too; touch {other}/no; touch /etc/no; touch /tmp/mine; pwd; ls /run"
    done = await inside(sandbox.wrap(["sh", "-c", command], tree=tree, writable=(out,)), tree)
    assert (tree / "in").exists()
    assert (out / "too").exists()
    assert not (other / "no").exists()
    assert not Path("/etc/no").exists()
    assert not Path("/tmp/mine").exists()
    assert done.text.splitlines()[0] == str(tree)


async def test_root_inside_has_no_powers(tmp_path: Path) -> None:
    sandbox = await bubblewrap()
    tree = room(tmp_path, "tree")
    mount = "mount -o remount,rw / || mount -t tmpfs none /etc || echo powerless"
    command = f"{mount}; grep Cap /proc/self/status"
    done = await inside(sandbox.wrap(["sh", "-c", command], tree=tree), tree)
    assert "powerless" in done.text
    assert "CapEff:\t0000000000000000" in done.text


async def test_secrets_are_hidden(tmp_path: Path) -> None:
    sandbox = await bubblewrap()
    tree, secret = room(tmp_path, "tree"), room(tmp_path, "tree/secret")
    (secret / "key").write_text("BAIT")
    (secret / "shown").write_text("fine")
    (tree / "file").write_text("BAIT")
    argv = sandbox.wrap(
        ["sh", "-c", f"cat {secret}/* {tree}/file"],
        tree=room(tmp_path, "work"),
        hidden=(secret, tree / "file", tree / "absent"),
        readable=(secret / "shown",),
    )
    done = await inside(argv, tmp_path)
    assert "BAIT" not in done.text + done.complaint


def test_secrets_are_found_where_they_usually_lie(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".netrc").touch()
    assert secret_paths(tmp_path) == (tmp_path / ".ssh", tmp_path / ".netrc")


async def test_of_nested_paths_the_longer_counts(tmp_path: Path) -> None:
    sandbox = await bubblewrap()
    state = room(tmp_path, "state")
    for name in ("tree", "tree/private", "repo"):
        (state / name).mkdir()
    for name in ("key", "tree/private/key", "repo/.env"):
        (state / name).write_text("BAIT")
    (state / "repo/code").write_text("fine")
    argv = sandbox.wrap(
        ["sh", "-c", f"cat {state}/key private/key ../repo/.env; cat ../repo/code; touch made"],
        tree=state / "tree",
        hidden=(state, state / "tree/private", state / "repo/.env"),
        readable=(state / "repo",),
    )
    done = await inside(argv, state / "tree")
    assert done.text == "fine"
    assert (state / "tree/made").exists()


async def test_other_processes_are_unseen(tmp_path: Path) -> None:
    sandbox = await bubblewrap()
    tree = room(tmp_path, "tree")
    argv = sandbox.wrap(["sh", "-c", "ls -d /proc/[0-9]*"], tree=tree)
    done = await inside(argv, tree)
    assert len(done.text.split()) < 6
    assert f"/proc/{os.getpid()}" not in done.text.split()


@pytest.mark.parametrize("kind", ["bwrap", "none"])
async def test_no_network_but_loopback(tmp_path: Path, kind: str) -> None:
    import socket

    if kind == "bwrap":
        await bubblewrap()
    sandbox = await detect(kind)
    if not sandbox.cuts_network:
        pytest.skip(sandbox.describe())  # nothing here cuts the network; CI has bubblewrap
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = str(ours.getsockname()[1])
        command = [sys.executable, "-I", "-S", "-c", DIAL, port]
        seen = (Path(sys.prefix),)  # the checkout may lie below /tmp, which is empty inside
        cut = await inside(sandbox.wrap(command, tree=tmp_path, readable=seen), tmp_path)
        wrapped = sandbox.wrap(command, tree=tmp_path, readable=seen, network=True)
        free = await inside(wrapped, tmp_path)
    assert cut.text == "1\n", "loopback is the only device, and it is up"
    assert "refused" in cut.complaint.lower()
    assert free.exit_code == 0


async def test_what_is_asked_for_and_absent_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for kind in ("bwrap", "claude"):
        with pytest.raises(SandboxUnavailable, match="not installed"):
            await detect(kind)
    fallback = await detect("auto")
    assert (fallback.kind, fallback.may_run) == (SandboxKind.NONE, False)
    assert fallback.describe() == (
        "none, so no command is run: bubblewrap is not installed (the package is called "
        'bubblewrap). Or set kind = "none" under [sandbox] in mendwire.toml, to run them with '
        "your rights"
    )
    assert (await detect("none")).may_run


async def test_a_bubblewrap_that_does_not_work_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match="uid map: Permission denied"):
        await detect("bwrap")
    assert not (await detect("auto")).may_run


async def test_claude_needs_socat_too(monkeypatch: pytest.MonkeyPatch) -> None:
    await bubblewrap()
    real = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: name != "socat" and real(name, **more)
    )
    with pytest.raises(SandboxUnavailable, match="socat"):
        await detect("claude")


async def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose auto"):
        await detect("docker")
