"""What ``codex exec --json`` says and its session counts; read with bounds, believed in nothing."""

from __future__ import annotations

import json
import os
import stat
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mendwire.agents import OnSaid
from mendwire.model.printable import printable
from mendwire.model.work import told_tokens

TEXT_LIMIT: Final = 4 * 1024 * 1024
"""Characters of one line."""
LOG_LINES: Final = 200
SHOWN: Final = 200
_MILLION: Final = 1e6
_ITEMS: Final = frozenset({"item.started", "item.updated", "item.completed"})
_TOOLS: Final = frozenset({"command_execution", "file_change", "mcp_tool_call", "web_search"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """What a run has used."""

    read: int = 0
    cached: int = 0
    """Of those read, from the provider's cache."""
    written: int = 0

    @property
    def counted(self) -> int:
        """What counts against a limit: all but what was read from the cache."""
        return self.read - self.cached + self.written

    def usd(self, prices: tuple[float, ...]) -> float:
        """At the prices of a million tokens each: read, read from the cache, written."""
        fresh, cached, written = prices
        told = (self.read - self.cached) * fresh + self.cached * cached + self.written * written
        return told / _MILLION


class Heard:
    """What one run has said so far. ``hear`` never raises: the text is the program's."""

    def __init__(self, said: OnSaid, counts: Counts, heard: Callable[[], None]) -> None:
        self.answer = ""
        """The last message of the agent."""
        self.problem = ""
        """What went wrong last and was not overcome, in the program's words."""
        self.tools = 0
        self.spoken = False
        """The model gave a sign of life."""
        self._failed = False
        """The turn is over, and failed."""
        self._counts = counts
        self._said = said
        self._heard = heard
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def tokens(self) -> Tokens:
        """What was used, as far as it was told."""
        return self._counts.tokens

    @property
    def log(self) -> str:
        """The last lines of what was said and done."""
        return "\n".join(self._log)

    def hear(self, line: str) -> None:
        """Take one line of standard output."""
        event = _object(line) if len(line) <= TEXT_LIMIT else {}
        kind, item = event.get("type"), _mapping(event.get("item"))
        if kind in _ITEMS:
            self.spoken = True
            if not self._failed and item.get("type") != "error":
                self.problem = ""  # it was tried again, and the model works on
            if kind != "item.updated":
                self._item(item, done=kind == "item.completed")
        elif kind == "turn.completed":
            self.problem, self._failed = "", False  # it was tried again, and went well
            self._counts.take(_mapping(event.get("usage")))
        elif kind in {"turn.failed", "error"}:
            told = _mapping(event.get("error")).get("message") or event.get("message")
            self.problem = _reason(str(told or "it does not say why"))
            self._failed = kind == "turn.failed"
        self._counts.look()
        self._heard()

    def _item(self, item: Mapping[str, Any], *, done: bool) -> None:
        kind = item.get("type")
        if kind == "agent_message" and done:
            self.answer = str(item.get("text") or "")
            self._show("text", self.answer)
        elif kind in _TOOLS and not done:
            self.tools += 1
        elif kind in _TOOLS:
            what = item.get("command") or item.get("tool") or kind
            ended = item.get("exit_code")
            self._show("tool", f"{what} {item.get('status', '')} {'' if ended is None else ended}")
        elif kind == "error" and done:
            self._show("error", str(item.get("message") or ""))

    def _show(self, kind: str, text: str) -> None:
        shown = printable(" ".join(text[: SHOWN * 10].split()), SHOWN)
        if shown:
            self._log.append(f"{kind}: {shown}")
            self._said(kind, shown)


class Counts:
    """The tokens of a run: from the session's file while it works, and from its last word."""

    def __init__(self, sessions: Path) -> None:
        self.tokens = Tokens()
        self._sessions = sessions
        self._file: Path | None = None
        self._at = 0

    def look(self) -> None:
        """Read what the session's file has more than before."""
        try:
            self._file = self._file or next(self._sessions.rglob("rollout-*.jsonl"), None)
            if self._file is None:
                return
            # The agent's commands may write there: a pipe in its place must not stop us.
            number = os.open(self._file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(number, "rb") as file:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    return
                file.seek(self._at)
                data = file.read(TEXT_LIMIT)
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1] or (data if len(data) == TEXT_LIMIT else b"")
        self._at += len(whole)
        for line in whole.splitlines():
            if b'"token_count"' in line:
                payload = _mapping(_object(line.decode("utf-8", "replace")).get("payload"))
                self.take(_mapping(_mapping(payload.get("info")).get("total_token_usage")))

    def take(self, usage: Mapping[str, Any]) -> None:
        """A count of the whole run; what was used stays used."""
        now, names = self.tokens, ("input_tokens", "cached_input_tokens", "output_tokens")
        read, cached, written = (_count(usage.get(name)) for name in names)
        self.tokens = Tokens(
            read=max(now.read, read),
            cached=min(max(now.cached, cached), max(now.read, read)),
            written=max(now.written, written),
        )


def _reason(text: str) -> str:
    """Of an error of the provider's, which the program passes on as JSON."""
    inner = _object(text)
    told = _mapping(inner.get("error")).get("message")
    return f"{told} {inner.get('status', '')}".strip() if told else text


def _object(text: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return told_tokens(value) if isinstance(value, int) and not isinstance(value, bool) else 0
