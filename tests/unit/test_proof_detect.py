"""Which test command a project has, and what must not change outside of a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendwire.investigate.detect import Interpreter, detect_commands, find_interpreter
from mendwire.investigate.outside import differences, snapshot
from mendwire.model.project import Runner

WITH = Interpreter(path="/v/bin/python", has_pytest=True, why=".venv of the repository")
BARE = Interpreter(path="/usr/bin/python3", has_pytest=False, why="Mendwire's own interpreter")


@pytest.mark.parametrize(
    ("files", "interpreter", "command", "runner", "why"),
    [
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\n"},
            WITH,
            "{python} -m pytest -q",
            Runner.PYTEST,
            "pyproject.toml",
        ),
        ({"pytest.ini": ""}, WITH, "{python} -m pytest -q", Runner.PYTEST, "pytest.ini"),
        ({"setup.cfg": "[tool:pytest]"}, WITH, "{python} -m pytest -q", Runner.PYTEST, "setup.cfg"),
        ({"a/conftest.py": ""}, WITH, "{python} -m pytest -q", Runner.PYTEST, "a/conftest.py"),
        ({"tests/test_a.py": ""}, WITH, "{python} -m pytest -q", Runner.PYTEST, "tests/test_a.py"),
        (
            {"tests/test_a.py": "", "tests/__init__.py": ""},
            BARE,
            "{python} -m unittest discover -s tests -t .",
            Runner.UNITTEST,
            "has no pytest",
        ),
        (
            {"test_a.py": ""},
            BARE,
            "{python} -m unittest discover",
            Runner.UNITTEST,
            "has no pytest",
        ),
        (
            {"package.json": '{"scripts": {"test": "node --test"}}'},
            WITH,
            "npm test --silent",
            Runner.NPM,
            "package.json",
        ),
        ({"go.mod": "module x"}, WITH, "go test ./...", Runner.GO, "go.mod"),
        ({"Makefile": "all:\n\ntest: all\n\ttrue\n"}, WITH, "make test", Runner.MAKE, "Makefile"),
    ],
)
def test_detection(
    files: dict[str, str], interpreter: Interpreter, command: str, runner: Runner, why: str
) -> None:
    found = detect_commands(list(files), files, interpreter)
    assert (" ".join(found.test or ()), found.runner) == (command, runner)
    assert why in found.why
    assert found.python == interpreter.path


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": ""},
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        {"package.json": "[]"},
        {"package.json": "{"},
        {"Makefile": "test := 1\n"},
        {"pyproject.toml": "[project]\n"},
    ],
)
def test_nothing_is_made_up(files: dict[str, str]) -> None:
    found = detect_commands(list(files), files, WITH)
    assert found.test is None
    assert "project.test" in found.why


def test_the_repositorys_own_interpreter_comes_first(tmp_path: Path) -> None:
    assert find_interpreter(tmp_path, "/usr/bin/python3").path == "/usr/bin/python3"
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").touch()
    (tmp_path / "venv/lib/python3.12/site-packages/pytest").mkdir(parents=True)
    found = find_interpreter(tmp_path, "/usr/bin/python3")
    assert (found.path, found.has_pytest) == (str(tmp_path / "venv/bin/python"), True)


def test_what_changed_outside_is_told(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "hooks").mkdir(parents=True)
    (git / "config").write_text("[core]\n")
    (git / "refs/heads/mendwire").mkdir(parents=True)
    (git / "packed-refs").write_text("# pack\n1111 refs/heads/mendwire/b\n")
    (git / "refs/heads/mendwire/a").write_text("2222\n")
    room = tmp_path / "room"
    room.mkdir()
    refs = ("refs/heads/mendwire/a", "refs/heads/mendwire/b")
    before = snapshot(tmp_path, refs=refs, top=(room,))
    assert differences(before, snapshot(tmp_path, refs=refs, top=(room,))) == ()
    (git / "config").unlink()
    (git / "hooks/pre-push").symlink_to("/bin/true")
    (git / "packed-refs").write_text("3333 refs/heads/mendwire/b\n")
    (room / "new").touch()
    told = differences(before, snapshot(tmp_path, refs=refs, top=(room,)))
    assert len(told) == 4
    assert any("config was deleted" in line for line in told)
    assert any("pre-push was made" in line for line in told)
    assert any("refs/heads/mendwire/b was changed" in line for line in told)
    assert any("room/ was changed" in line for line in told)


def test_a_linked_worktree_is_watched_at_its_common_folder(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    (main / ".git/worktrees/linked").mkdir(parents=True)
    (main / ".git/worktrees/linked/commondir").write_text("../..\n")
    linked.mkdir()
    (linked / ".git").write_text(f"gitdir: {main}/.git/worktrees/linked\n")
    before = snapshot(linked)
    (main / ".git/config").write_text("[core]\nfsmonitor = x\n")
    assert len(differences(before, snapshot(linked))) == 1
