"""What the demo shows: every event of the engine as one line, live where there is a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.syntax import Syntax

from mendwire.model.printable import printable
from mendwire.telemetry import subscribed

Line = Callable[[dict[str, object]], tuple[str, str, str]]
"""An event's fields to (colour, actor, text)."""


def _step_finished(f: dict[str, object]) -> tuple[str, str, str]:
    return "green", str(f["step"]), f"{f['summary']}"


_LINES: Final[dict[str, Line]] = {
    "server.started": lambda f: ("dim", "server", f"nats-server {f['version']} on {f['url']}"),
    "report.quarantined": lambda f: (
        "red",
        "screen",
        f"{f['reason']}: the text goes to quarantine, whole; no agent sees it",
    ),
    "case.opened": lambda f: (
        "yellow",
        "docket",
        f"case opened: {f['title']}" + (" (restricted: research only)" if f["restricted"] else ""),
    ),
    "case.joined": lambda f: ("dim", "docket", f"joined: {f['occurrences']} occurrences"),
    "case.skipped": lambda f: ("dim", "docket", f"not investigated again: {f['reason']}"),
    "step.started": lambda f: ("cyan", str(f["step"]), f"started, agent {f['agent']}"),
    "step.finished": _step_finished,
    "step.failed": lambda f: ("red", str(f["step"]), f"{f['error']}"),
    "agent.said": lambda f: ("dim", str(f["role"]), f"{f['text']}"),
    "proof.ran": lambda f: (
        "green" if f["passed"] else "red",
        "judge",
        f"{f['what']}: {'passes' if f['passed'] else 'fails'} ({f['seconds']} s)",
    ),
    "delivery.made": lambda f: (
        "green",
        "deliver",
        f"commit {str(f['commit'])[:12]} on {f['branch']}",
    ),
    "result.published": lambda f: ("green", "result", f"{f['subject']}"),
    "case.parked": lambda f: ("yellow", "docket", f"parked: {f['reason']}"),
    "case.closed": lambda f: ("bold", "docket", f"case closed: {f['verdict']}. {f['reason']}"),
}


class View:
    """A console that follows the engine while its ``with`` block runs."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._status: Status | None = None
        self._subscription = subscribed(self._on_event)

    def __enter__(self) -> Self:
        self._subscription.__enter__()
        if self.console.is_terminal:
            self._status = self.console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()
        self._subscription.__exit__(kind, problem, trace)

    def say(self, actor: str, text: str, colour: str = "") -> None:
        """One line: seconds since the start, who, what."""
        seconds = f"{time.monotonic() - self._began:5.1f}"
        body = escape(printable(text, 300))
        shown = f"[{colour}]{body}[/]" if colour else body
        line = f"[dim]{seconds}[/]  [bold]{actor:<10}[/] {shown}"
        self.console.print(line, highlight=False, soft_wrap=True)
        if self._status is not None:
            self._status.update(f"{actor}: {escape(printable(text, 60))}")

    def heading(self, text: str) -> None:
        """A line that divides the story."""
        self.console.print(f"\n[bold]{escape(text)}[/]")

    def diff(self, patch: str) -> None:
        """A patch, coloured where there is a terminal."""
        shown = printable(patch, 6000, lines=True)
        if self.console.is_terminal:
            self.console.print(Syntax(shown, "diff", theme="ansi_dark", background_color="default"))
        else:
            self.console.print(shown, markup=False, highlight=False, soft_wrap=True)

    def _on_event(self, event: str, fields: dict[str, object]) -> None:
        if line := _LINES.get(event):
            colour, actor, text = line(fields)
            self.say(actor, text, colour)
