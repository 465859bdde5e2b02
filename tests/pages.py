"""The documentation's blocks of code, in order, as a reader meets them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_FENCE: Final = re.compile(r" {0,3}```(\w*)")
_SHELLS: Final = frozenset({"bash", "console", "sh", "shell"})
_PROGRAMS: Final = frozenset(
    re.findall(
        r"\w+",
        "apt claude curl docker echo export gcloud git java make mendwire mkdir nats npm openssl "
        "printf python python3 set ssh systemctl tail useradd",
    )
)
"""What the first line of an indented block begins with where it is for a shell."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code."""

    line: int
    """Of its page, from 1."""
    language: str
    """As its fence names it; empty where it is indented."""
    text: str
    before: str
    """The line of prose before it."""

    @property
    def is_shell(self) -> bool:
        """Whether a reader types it into a shell."""
        if self.language:
            return self.language in _SHELLS or (
                self.language == "text" and self.text.startswith("mendwire ")
            )
        begins = re.match(r"(?:[A-Z_]+=\S+ )?([\w./~-]+)(?: |$)", self.text)
        return begins is not None and (begins[1] in _PROGRAMS or begins[1].startswith(("~/", "./")))

    @property
    def commands(self) -> tuple[str, ...]:
        """What is typed, a command each, without what stands there for people alone."""
        whole = re.sub(r"(\|\|?|&&)\n", r"\1 ", self.text.replace("\\\n", " "))
        lines = whole.splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        plain = (re.sub(r"\s+# .*$|^#.*$", "", line).strip() for line in lines)
        return tuple(line for line in plain if line)


def blocks(text: str) -> tuple[Block, ...]:
    """Every block of a page."""
    found: list[Block] = []
    inside: list[str] = []
    begun, language, before, fenced = 0, "", "", False

    def end() -> None:
        code = dedent("\n".join(inside)).strip("\n")
        if code:
            found.append(Block(line=begun, language=language, text=code, before=before))
        inside.clear()

    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fenced:
            if fence:
                end()
                fenced, language = False, ""
            else:
                inside.append(line)
        elif line.startswith("    ") or (inside and not line):
            begun = begun if inside else number
            inside.append(line)
        else:
            end()
            if fence:
                fenced, language, begun = True, fence[1], number + 1
            elif line:
                before = line
    end()
    return tuple(found)


def page(name: str) -> tuple[Block, ...]:
    """Every block of one page of the repository."""
    return blocks((ROOT / name).read_text(encoding="utf-8"))
