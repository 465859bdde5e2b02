"""Where the code of a service lives: which repository, which folder of it, which paths mean what.

A server sees a file as ``/app/shop/pricing.py``; in the repository it may be
``services/shop/pricing.py``. A report is never changed: its paths are translated where they are
looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport
from mendwire.model.signature import parse_frames

_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """One of a namespace's repositories, or one service's folder in it."""

    name: str = ""
    """In mendwire.toml; empty where there is only one repository."""
    services: tuple[str, ...] = ()
    """Names as reports carry them; ``*`` stands for any characters."""
    paths: tuple[tuple[str, str], ...] = ()
    """(folder on a server, folder in the repository): ``("/app", "services/shop")``."""
    folder: str = ""
    """Where in the repository the service lives; empty for the whole of it."""

    def located(self, file: str) -> str:
        """A server's path as a path in the repository; as it is where no folder fits.

        Of several folders the longest one counts.
        """
        path = file.replace("\\", "/")
        fitting = [(server, ours) for server, ours in self.paths if _lies_in(path, server)]
        if not fitting:
            return file
        server, ours = max(fitting, key=lambda pair: len(pair[0]))
        rest = path[len(server.rstrip("/")) :].lstrip("/")
        return f"{ours.strip('/')}/{rest}".lstrip("/")

    def find(self, file: str, tracked: Collection[str]) -> str:
        """The tracked file that a path on a server means; empty where none or several fit.

        What lies in the service's own folder counts before the rest of the repository.
        """
        path = self.located(file)
        if path != file:
            return path if path in tracked else ""
        if self.folder:
            inside = f"{self.folder}/"
            if found := best_match(path, (name for name in tracked if name.startswith(inside))):
                return found
        return best_match(path, tracked)


WHOLE: Final = Layout()
"""One repository, everything in it."""


def best_match(file: str, tracked: Iterable[str]) -> str:
    """The one tracked file that fits a path best; empty unless exactly one does.

    The path itself, else the one sharing the most trailing parts with it. A bare name counts only
    where one tracked file has it.
    """
    parts = PurePosixPath(file.replace("\\", "/")).parts[::-1]
    if not parts:
        return ""
    scores: dict[str, int] = {}
    for name in tracked:
        own = PurePosixPath(name).parts[::-1]
        shared = _shared(parts, own)
        if shared == min(len(own), len(parts)):
            scores[name] = shared
    best = max(scores.values(), default=0)
    found = [name for name, score in scores.items() if score == best]
    return found[0] if len(found) == 1 else ""


def home_of(layouts: Sequence[Layout], report: ErrorReport) -> Layout | None:
    """Where a report's service lives: by its name, then by the paths of its frames, crash first.

    A name that is written out counts before a pattern. Several that fit by name are told apart by
    the frames; where these say nothing, the first of them is it.
    """
    named = serving(layouts, report.service)
    return _by_frames(named or layouts, report) or (named[0] if named else None)


def serving(layouts: Sequence[Layout], service: str) -> list[Layout]:
    """Those that name a service, in their order; none for a report that names none."""
    if not service:
        return []
    exact = [one for one in layouts if service in one.services]
    return exact or [
        one
        for one in layouts
        if any(fnmatchcase(service, wild) for wild in one.services if _WILD & set(wild))
    ]


def homeless(report: ErrorReport) -> str:
    """A sentence for a report whose code lives in no repository: what to add to the settings."""
    service = printable(report.service, 60)
    frames = parse_frames(report)
    file = printable(next((one.file for one in reversed(frames) if one.file), ""), 120)
    place = f"its frames lie in {file}" if file else "it has no frames"
    named = f"service {service}" if service else "a report without a service"
    add = f'"{service}" to services' if service else "a path of its frames to paths"
    return (
        f"No repository is known for {named} ({place}): add {add} of one of the [[repositories]] "
        "in mendwire.toml, then start the worker again and say mendwire cases retry."
    )


def _by_frames(layouts: Sequence[Layout], report: ErrorReport) -> Layout | None:
    for frame in reversed(parse_frames(report)):
        path = frame.file.replace("\\", "/")
        fits = [
            (len(server), -number)
            for number, one in enumerate(layouts)
            for server, _ in one.paths
            if frame.in_app is not False and _lies_in(path, server)
        ]
        if fits:
            return layouts[-max(fits)[1]]
    return None


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
