"""Each command's module is read when it is called, and every command is found."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from mendwire import cli
from mendwire.cli import full

MODULES: dict[str, tuple[str, ...]] = full._MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_registers_what_the_line_expects_of_it(module: str) -> None:
    part = typer.Typer(callback=lambda: None)
    import_module(f"mendwire.cli.{module}").register(part)
    line: Any = typer.main.get_command(part)
    assert set(line.commands) == set(MODULES[module])


def test_no_module_that_registers_is_forgotten() -> None:
    files = {path.stem: path.read_text() for path in Path(cli.__file__).parent.glob("*.py")}
    registering = {name for name, text in files.items() if "\ndef register(app:" in text}
    assert registering == set(MODULES)


def test_one_command_does_not_read_the_others() -> None:
    code = (
        "import sys; from mendwire.cli import main; code = main(['halt', '--help']);"
        "print(sorted(m for m in sys.modules if m.startswith(('mendwire.cli.', 'spacy'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read = done.stdout.splitlines()[-1]
    assert "'mendwire.cli.halt'" in read
    for other in ("screen", "run", "dashboard", "gateway"):
        assert f"'mendwire.cli.{other}'" not in read
    assert "spacy" not in read


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("erase",), "Their text becomes [erased]; the errors stay"),
        (("metrics",), "`[metrics] listen` makes"),
        (("host", "firewall"), "[host] source_ranges"),
        (("consumers", "pause"), "{STREAM} [CONSUMER] [SPAN]"),
    ],
)
def test_help_is_shown_as_it_is_written(
    words: tuple[str, ...], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words, "--help"]) == 0
    assert shown in " ".join(capsys.readouterr().out.replace("│", " ").split())
