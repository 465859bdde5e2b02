"""``mendwire init``: writes what is missing, overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.app.init import CONFIG_TEXT, IGNORED, initialise, namespace_from
from mendwire.errors import ConfigError
from mendwire.model.names import namespace
from mendwire.settings.config import read_config


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_empty_folder_gets_everything(tmp_path: Path) -> None:
    written = initialise(tmp_path, "ai_tutor")
    assert {item.path.name: item.what for item in written} == {
        "mendwire.toml": "written",
        ".env.example": "written",
        ".gitignore": "written",
        "process_nats_errors.md": "written",
        ".mcp.json": "written",
    }
    command = (tmp_path / ".claude/commands/process_nats_errors.md").read_text()
    assert command.startswith("---\ndescription: ")
    assert "$ARGUMENTS" not in command
    assert json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["mendwire"] == {
        "command": "mendwire",
        "args": ["mcp"],
    }
    assert (tmp_path / "mendwire.toml").read_text() == CONFIG_TEXT
    assert "NATS_NAMESPACE=ai_tutor\n" in (tmp_path / ".env.example").read_text()
    assert (tmp_path / ".gitignore").read_text().splitlines() == list(IGNORED)


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    initialise(tmp_path, "ai_tutor")
    before = contents(tmp_path)
    assert {item.what for item in initialise(tmp_path, "another")} == {"kept"}
    assert contents(tmp_path) == before


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    for name in ("mendwire.toml", ".env.example"):
        (tmp_path / name).write_text("mine\n")
    (tmp_path / ".env").write_text("NATS_PASSWORD=mine\n")
    initialise(tmp_path, "ai_tutor")
    assert (tmp_path / "mendwire.toml").read_text() == "mine\n"
    assert (tmp_path / ".env.example").read_text() == "mine\n"
    assert (tmp_path / ".env").read_text() == "NATS_PASSWORD=mine\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ".mendwire/\n.env\n"),
        ("build/", "build/\n.mendwire/\n.env\n"),
        ("build/\n.env\n", "build/\n.env\n.mendwire/\n"),
        (".mendwire/\n.env\n", ".mendwire/\n.env\n"),
    ],
)
def test_ignore_rules_are_added_at_the_end(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / ".gitignore").write_text(before)
    initialise(tmp_path, "ai_tutor")
    assert (tmp_path / ".gitignore").read_text() == after


def test_no_secret_has_a_value_in_the_example(tmp_path: Path) -> None:
    initialise(tmp_path, "ai_tutor")
    lines = (tmp_path / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "NATS_NAMESPACE=ai_tutor"
    ]


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My App", "my_app"), ("shop-2", "shop_2"), ("2048", "p_2048"), ("日本", "my_project")],
)
def test_a_folder_gives_a_namespace(folder: str, name: str) -> None:
    assert namespace_from(folder) == name


@given(st.text())
def test_every_folder_gives_a_usable_namespace(folder: str) -> None:
    assert namespace(namespace_from(folder))


def test_a_section_that_is_written_once_more_is_told_where_its_lines_belong(tmp_path: Path) -> None:
    initialise(tmp_path, "shop")
    file = tmp_path / "mendwire.toml"
    file.write_text(file.read_text() + '[alerts]\nto = ["env:NIGHT"]\n')
    with pytest.raises(ConfigError, match=r"alerts.* twice .* put your lines below its first line"):
        read_config(file, tmp_path)
