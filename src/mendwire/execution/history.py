"""What git says of commits and lines, read into records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

_BLAMED: Final = re.compile(r"([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """One commit."""

    sha: str
    parents: tuple[str, ...]
    author: str
    """The name as written: untrusted text."""
    date: str
    """Author's date, ISO 8601."""
    subject: str
    """First line of the message: untrusted text."""

    @property
    def written_at(self) -> datetime:
        """The author's date; a date that no calendar has counts as the epoch."""
        try:
            return datetime.fromisoformat(self.date)
        except ValueError:
            return datetime.fromtimestamp(0, UTC)

    FORMAT: ClassVar[str] = "%H%n%P%n%an%n%aI%n%s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Blamed:
    """Where one line comes from."""

    line: int
    """1-based, in the file that was asked about."""
    commit: str


def read_log(output: str) -> tuple[Commit, ...]:
    """The output of ``git log -z --format=<Commit.FORMAT>``."""
    return tuple(_commit(block) for block in output.split("\0") if block)


def _commit(block: str) -> Commit:
    sha, parents, author, date, subject = block.split("\n", 4)
    return Commit(
        sha=sha, parents=tuple(parents.split()), author=author, date=date, subject=subject
    )


def read_blame(output: str) -> tuple[Blamed, ...]:
    """The output of ``git blame --porcelain``; lines of content there begin with a tab."""
    found = (_BLAMED.fullmatch(line) for line in output.split("\n"))
    return tuple(Blamed(line=int(match[2]), commit=match[1]) for match in found if match)
