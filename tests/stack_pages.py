"""The pages of docs/how-to/stacks: their blocks of code, and what a reader does with them.

A block that is a file has its name in a comment just above it, which nobody sees on the page:

    <!-- file: shop.go -->

    ```go
    package main
    ```

Lines after ``$`` in a block ``console`` are commands; what follows is what they print. They are
run in a folder that has the page's files, and the page must have told the truth. At least one of
them prints the keys of the worked example.

What is pasted reads ``MENDWIRE_GATEWAY`` (http://127.0.0.1:7390), ``MENDWIRE_KEY`` and
``MENDWIRE_RELEASE``; ``stack_stage`` gives a program all three.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from textwrap import dedent
from typing import Final

import pytest

from mendwire.model.report import ErrorReport, Frame, report_of
from mendwire.model.signature import Canonical, canonical, parse_frames
from tests.gateway_stage import ENV, NAMES, GatewayStage, Stored, gateway_stage

FOLDER: Final = Path(__file__).parents[1] / "docs/how-to/stacks"
RELEASE: Final = "1.4.2"
"""Of every worked example; its service is ``shop`` and its environment ``production``."""
PATIENCE_S: Final = 100.0
FETCH_S: Final = 60.0
_HURRIED: Final = {
    "2 * time.Second": "60 * time.Second",
    "ofSeconds(2)": "ofSeconds(60)",
    "from_secs(2)": "from_secs(60)",
    "FromSeconds(2)": "FromSeconds(60)",
    "Wait(2000)": "Wait(60000)",
    "curl -s -m 3": "curl -s -m 60",
    "alarm(10)": "alarm(90)",
}
"""How long the pages let a program wait, and how long a busy machine may need in a test."""
_FILE: Final = re.compile(r"<!-- file: (\S+) -->")
_FENCE: Final = re.compile(r"(`{3,})([\w+#-]*)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code, fenced or indented."""

    text: str
    """Without its fence or indent; ends with a line's end."""
    language: str
    """As the fence says; empty for an indented one."""
    name: str
    """Of the file that it is, else empty."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One command of a page, and what the page says that it prints."""

    command: str
    output: str


@dataclass(frozen=True, kw_only=True)
class StackPage:
    """One page, taken apart."""

    name: str
    blocks: Sequence[Block]

    def file(self, name: str) -> str:
        """The text of the one file of that name."""
        (only,) = [block.text for block in self.blocks if block.name == name]
        return only

    def of(self, language: str) -> list[str]:
        """The texts of every block in a language; ``""`` for indented ones."""
        return [block.text for block in self.blocks if block.language == language]

    def starting(self, start: str) -> str:
        """The one block that begins so."""
        (only,) = [block.text for block in self.blocks if block.text.startswith(start)]
        return only

    def write(self, folder: Path, *names: str) -> None:
        """Put these files, or all that have a name, into a folder, with more patience."""
        for block in self.blocks:
            if block.name and (not names or block.name in names):
                path = folder / block.name
                path.parent.mkdir(parents=True, exist_ok=True)
                text = block.text
                for hurried, patient in _HURRIED.items():
                    text = text.replace(hurried, patient)
                path.write_text(text, encoding="utf-8")

    @property
    def shown(self) -> list[Shown]:
        """Every command of the page with its output."""
        found = []
        for text in self.of("console"):
            for part in re.split(r"(?m)^\$ ", text)[1:]:
                command, _, output = part.partition("\n")
                while command.endswith("\\"):
                    more, _, output = output.partition("\n")
                    command = f"{command}\n{more}"
                found.append(Shown(command=command, output=output.rstrip("\n")))
        return found

    @property
    def signatures(self) -> list[str]:
        """Every signature that the page prints, in order."""
        return [
            key
            for shown in self.shown
            for key in re.findall(r'"?signature"?:? "?([0-9a-f]{32})', shown.output)
        ]


def stack_page(name: str) -> StackPage:
    """The page ``docs/how-to/stacks/<name>.md``."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    return StackPage(name=name, blocks=blocks_of(text))


def page_names() -> list[str]:
    """Every page of the folder."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def blocks_of(text: str) -> list[Block]:
    """The blocks of code of a page, in order."""
    lines = text.split("\n")
    found, name, at = [], "", 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.fullmatch(line.rstrip()):
            end = lines.index(fence[1], at + 1)
            body, language, at = lines[at + 1 : end], fence[2], end
        elif line.startswith("    ") and (not at or not lines[at - 1].strip()):
            end = _end_of_indent(lines, at)
            body, language, at = dedent("\n".join(lines[at:end])).split("\n"), "", end - 1
        else:
            name = comment[1] if (comment := _FILE.fullmatch(line)) else name if not line else ""
            at += 1
            continue
        found.append(Block(text="\n".join([*body, ""]), language=language, name=name))
        name, at = "", at + 1
    return found


def _end_of_indent(lines: Sequence[str], at: int) -> int:
    """The index after the last line of the indented block that begins here."""
    end = at + 1
    for later in range(at + 1, len(lines)):
        if lines[later].startswith("    "):
            end = later + 1
        elif lines[later].strip():
            break
    return end


def printed(shown: Shown, folder: Path) -> str:
    """What the command really prints, with the page's files in ``folder``."""
    done = run(folder, "bash", "-euo", "pipefail", "-c", shown.command)
    assert done.returncode == 0, done.stdout
    return done.stdout.rstrip("\n")


def run(
    folder: Path,
    *words: str,
    variables: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """A command to its end, in surroundings of its own but for PATH and HOME; both outputs."""
    return subprocess.run(
        words,
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", str(folder)),
            "LC_ALL": "C.UTF-8",
            "NATS_NAMESPACE": NAMES.namespace,
            **(variables or {}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=patience_s,
    )


def build(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> None:
    """A compiler's command, which may need our surroundings to fetch what it depends on."""
    done = run(folder, *words, variables={**os.environ, **(variables or {})})
    assert done.returncode == 0, done.stdout


def fetch(folder: Path, what: str, *words: str, variables: Mapping[str, str] | None = None) -> None:
    """A package manager's command; skips the test where it fails or takes more than a minute."""
    surroundings = {**os.environ, **(variables or {})}
    try:
        done = run(folder, *words, variables=surroundings, patience_s=FETCH_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"fetching {what} took more than {FETCH_S:.0f} s")
    if done.returncode:
        pytest.skip(f"{what} cannot be fetched")


def need(*programs: str) -> None:
    """Skip the test, with the reason, unless all of these are installed."""
    missing = [program for program in programs if which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def need_version(least: tuple[int, int], *words: str) -> None:
    """Skip the test unless what a command says of itself is at least that version."""
    need(words[0])
    told = run(Path("/"), *words).stdout
    found = re.search(r"(\d+)\.(\d+)", told)
    if found is None or (int(found[1]), int(found[2])) < least:
        pytest.skip(f"older than {least[0]}.{least[1]}: {told.strip()[:60]}")


@asynccontextmanager
async def stack_stage(folder: Path) -> AsyncIterator[GatewayStage]:
    """A running gateway with a trusted key for the service ``shop``."""
    async with gateway_stage(folder) as stage:
        stage.key("shop", "--env", ENV, "--trust", "trusted")
        stage.start()
        yield stage


def told(stage: GatewayStage, release: str = RELEASE) -> dict[str, str]:
    """The variables that a pasted block reads."""
    return {
        "MENDWIRE_GATEWAY": stage.url,
        "MENDWIRE_KEY": stage.key("shop").key,
        "MENDWIRE_RELEASE": release,
        "SENTRY_DSN": stage.key("shop").dsn,
    }


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A stored report, read as the worker reads it."""

    stored: Stored
    report: ErrorReport
    record: Canonical
    """What its keys are made of."""

    @property
    def signature(self) -> str:
        return self.stored.message_id.removeprefix(f"{NAMES.namespace}-{ENV}-")

    @property
    def own(self) -> list[Frame]:
        """The project's own calls, outermost first."""
        return [frame for frame in parse_frames(self.report) if frame.in_app is not False]


async def arrived(stage: GatewayStage, release: str = RELEASE) -> list[Arrived]:
    """What is in the queue for a release, in order."""
    found = []
    for stored in await stage.reports(release):
        report = report_of(stored.body)
        found.append(Arrived(stored=stored, report=report, record=canonical(report)))
    return found


def repeated(stage: GatewayStage) -> int:
    """How many reports of all that came were repeats of one that is stored."""
    return int(stage.get("/v1/statistics", stage.key("shop").key)["repeated"])
