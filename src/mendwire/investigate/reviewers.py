"""Reviewers of the operator's own beside the usual one: who they are, and which changes they see.

Named in the configuration, or by a definition in the repository, ``.claude/agents/<name>.md``,
whose front matter says ``mendwire: review``. Read at the base commit, never from a change (rules
B8); what stands in it beside name and paths is text for the agent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.errors import ConfigError
from mendwire.execution.git import CaseRepository
from mendwire.investigate.patterns import matching
from mendwire.model.letter import called
from mendwire.model.work import Role

USUAL: Final = Role.REVIEW.value
"""The reviewer whom every change meets, first."""
FOLDER: Final = ".claude/agents/"
MOST: Final = 8
"""Reviewers of one's own for one change; each is a run that is paid for."""
_DEFINITIONS: Final = 50
_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_LINE: Final = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewer:
    """One of the operator's own."""

    called: str
    instructions: str = ""
    """The operator's, beside the repository's definition of that name."""
    paths: tuple[str, ...] = ("**",)
    """Only a change that touches one of them is shown to it."""

    def sees(self, files: Sequence[str]) -> bool:
        """Whether a change of these files concerns it."""
        return any(matching(file, self.paths) for file in files)


def checked(name: str) -> str:
    """The name of a reviewer of one's own; raises ConfigError for one that cannot be."""
    wanted = called(name)
    if wanted in set(Role):
        message = f"{wanted} is a role that every case meets already: call your reviewer otherwise."
        raise ConfigError(message)
    return wanted


def defined(path: str, text: str) -> Reviewer | None:
    """The reviewer that a definition makes, or None where it says nothing of it; pure."""
    front = _FRONT.match(text.replace("\r\n", "\n"))
    if front is None:
        return None
    fields = {name.lower(): value.strip("\"'") for name, value in _LINE.findall(front[1])}
    if fields.get("mendwire", "").lower() != USUAL:
        return None
    stem = path.removeprefix(FOLDER).removesuffix(".md")
    paths = tuple(filter(None, re.split(r"[,\s]+", fields.get("mendwire-paths", ""))))
    try:
        return Reviewer(called=checked(stem), paths=paths or ("**",))
    except ConfigError:
        return None


async def reviewers_at(
    repository: CaseRepository, base: str, configured: Sequence[Reviewer]
) -> tuple[Reviewer, ...]:
    """All at a commit, the configured ones first; ``configured`` wins over a definition."""
    found = {reviewer.called: reviewer for reviewer in configured}
    files = await repository.list_files(base)
    paths = [path for path in files if path.startswith(FOLDER) and path.endswith(".md")]
    for path in sorted(paths)[:_DEFINITIONS]:
        content = await repository.read_file(base, path)
        reviewer = defined(path, (content or b"").decode("utf-8", "replace"))
        if reviewer is not None:
            found.setdefault(reviewer.called, reviewer)
    return tuple(found.values())[:MOST]
