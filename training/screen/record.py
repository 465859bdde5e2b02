"""Runs the small programs in ``failing/`` and keeps what they really print when they fail.

    python -m training.screen.record

Each runs in a folder of its own, which is called /srv/app in what is kept. A language that is not
installed is left out and named. Writes ``benign/traces.jsonl``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.screen.harvesting.rows import Row, write

HERE: Final = Path(__file__).parent
FAILING: Final = HERE / "failing"
_SECONDS: Final = 30
_LONGEST: Final = 2_400
_CASES: Final = 42
_NOT_A_CASE: Final = 99
_SNIPPETS: Final = {
    "python": ("main.py", ["python3", "main.py"]),
    "node": ("main.js", ["node", "main.js"]),
    "ruby": ("main.rb", ["ruby", "main.rb"]),
    "php": ("main.php", ["php", "-d", "display_errors=stderr", "main.php"]),
    "perl": ("main.pl", ["perl", "main.pl"]),
    "lua": ("main.lua", ["lua5.4", "main.lua"]),
    "bash": ("deploy.sh", ["bash", "deploy.sh"]),
    "rustc": ("main.rs", ["rustc", "--edition=2021", "--emit=metadata", "main.rs"]),
}
_BUILT: Final = {
    "failing.go": ["go", "build", "-o", "shop", "main.go"],
    "failing.rs": ["rustc", "-C", "debug-assertions=on", "-o", "shop", "main.rs"],
    "failing.c": ["gcc", "-g", "-w", "-fsanitize=address,undefined", "-o", "shop", "main.c"],
}
_AT_ONCE: Final = {
    "Failing.java": [["java", "Failing.java"]],
    "Failing.cs": [["mcs", "-debug", "Failing.cs"], ["mono", "--debug", "Failing.exe"]],
    "failing.exs": [["elixir", "failing.exs"]],
}


def main() -> int:
    rows: list[Row] = []
    seen: set[str] = set()
    for source, text in recorded():
        same = re.sub(r"0x[0-9a-f]+|[\d\W_]+", "", text)
        if same and same not in seen:
            seen.add(same)
            rows.append(Row(text=text, kind="trace", language="en", source=source))
    write(HERE / "benign" / "traces.jsonl", rows)
    sys.stderr.write(f"{len(rows)} different outputs\n")
    return 0


def recorded() -> Iterator[tuple[str, str]]:
    """The runtime and the output of every failing program."""
    for name, (file, command) in _SNIPPETS.items():
        programs = re.split(r"^----\n", (FAILING / f"{name}.txt").read_text(), flags=re.MULTILINE)
        for program in programs:
            opening = "<?php\n" if name == "php" else ""
            yield from ((f"runs-{name}", text) for text in _run(opening + program, file, command))
    for name, build in _BUILT.items():
        with tempfile.TemporaryDirectory() as folder:
            suffix = Path(name).suffix
            shutil.copy(FAILING / name, Path(folder) / f"main{suffix}")
            if _output(build, Path(folder)) is None:
                continue
            for case in range(_CASES):
                text = _output(["./shop", str(case)], Path(folder))
                if text:
                    yield f"runs-{suffix[1:]}", _shortened(text)
    for name, commands in _AT_ONCE.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(FAILING / name, folder)
            text = ""
            for command in commands:
                text = _output(command, Path(folder)) or ""
            for part in text.split("\n----"):
                yield f"runs-{Path(name).suffix[1:]}", _shortened(part.strip())


def _run(program: str, file: str, command: list[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file).write_text(program, encoding="utf-8")
        text = _output(command, Path(folder))
        if text:
            yield _shortened(text)


def _shortened(text: str) -> str:
    lines = text.splitlines()
    if len(text) > _LONGEST:
        lines = [*lines[:18], *lines[-14:]]
    return "\n".join(lines)[:_LONGEST].strip()


def _output(command: list[str], folder: Path) -> str | None:
    """What the command said, its folder called /srv/app; None if it cannot run."""
    try:
        done = subprocess.run(  # noqa: S603 - our own small programs
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        sys.stderr.write(f"left out: {command[0]}: {problem}\n")
        return None
    if done.returncode == _NOT_A_CASE:
        return None
    text = (done.stderr + done.stdout).decode("utf-8", "replace")
    text = text.replace(str(folder), "/srv/app").replace(str(Path.home()), "/home/app")
    text = re.sub(r"https?://(?!127\.)[^\s/\"')]+", "https://docs.example", text)
    return re.sub(r"/home/app/\.(?:pyenv/versions/[\d.]+|rustup/toolchains/[\w.-]+)", "/usr", text)


if __name__ == "__main__":
    sys.exit(main())
