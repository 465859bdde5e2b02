"""What an agent tells while it works; read with bounds, believed in nothing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from acp.schema import Usage

from mendwire.agents import OnSaid
from mendwire.model.printable import printable
from mendwire.model.work import told_tokens

TEXT_LIMIT: Final = 4 * 1024 * 1024
"""Characters of one message."""
LOG_LINES: Final = 200
SHOWN: Final = 200


class Heard:
    """What one run has said so far. ``update`` never raises: the text is the agent's."""

    def __init__(self, said: OnSaid, changed: Callable[[], None]) -> None:
        self.cost_usd: float | None = None
        """By the agent's own count; None while it tells none."""
        self.tokens: int | None = None
        """As in ``Limits``, by the agent's own count; None while it tells none."""
        self.tools = 0
        """Tool calls, each counted once."""
        self.spoken = False
        """The model behind the agent gave a sign of life."""
        self._said = said
        self._changed = changed
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._calls: set[str] = set()
        self._text: list[str] = []
        self._size = 0
        self._line = ""

    @property
    def log(self) -> str:
        """The last lines of what was said and done."""
        return "\n".join(self._log)

    @property
    def text(self) -> str:
        """What it said since its last tool call."""
        return "".join(self._text)

    def update(self, update: Mapping[str, Any]) -> None:
        """Take one ``session/update``; kinds that we do not know are none of our business."""
        kind = update.get("sessionUpdate")
        if kind == "agent_message_chunk":
            self._message(_mapping(update.get("content")))
        elif kind == "agent_thought_chunk":
            self.spoken = True
        elif kind in {"tool_call", "tool_call_update"}:
            self._tool(update)
        elif kind == "usage_update":
            self._cost(_mapping(update.get("cost")))
        self._changed()

    def used(self, usage: Usage | None) -> None:
        """Take what came with the end of a prompt.

        By the protocol a count is of the session, by the agents of the prompt alone: the one
        further prompt, our reminder, is added, so that it is never less than the truth.
        """
        if usage is not None:
            fresh = usage.total_tokens - (usage.cached_read_tokens or 0)
            self.tokens = (self.tokens or 0) + told_tokens(fresh)

    def show(self, kind: str, text: str) -> None:
        """Show a line to whoever watches, and keep it for the evidence."""
        shown = printable(" ".join(text.split()), SHOWN)
        if shown:
            self._log.append(f"{kind}: {shown}")
            self._said(kind, shown)

    def forget_text(self) -> None:
        """What comes now is another message."""
        self.show("text", self._line)
        self._text, self._size, self._line = [], 0, ""

    def _message(self, content: Mapping[str, Any]) -> None:
        text = content.get("text")
        if not isinstance(text, str) or not text:
            return
        self.spoken = True
        if self._size < TEXT_LIMIT:
            self._text.append(text)
            self._size += len(text)
        *lines, self._line = (self._line + text[:TEXT_LIMIT]).split("\n")
        for line in lines:
            self.show("text", line)
        self._line = self._line[-SHOWN * 10 :]

    def _tool(self, update: Mapping[str, Any]) -> None:
        self.spoken = True
        name = str(update.get("toolCallId"))[:SHOWN]
        if name not in self._calls and len(self._calls) < TEXT_LIMIT // SHOWN:
            self._calls.add(name)
            self.tools += 1
            self.forget_text()
        if update.get("status") in {"completed", "failed"}:
            self.show("tool", f"{update.get('title') or name} {update['status']}")

    def _cost(self, cost: Mapping[str, Any]) -> None:
        amount, currency = cost.get("amount"), cost.get("currency")
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            return
        if currency == "USD" and math.isfinite(amount) and amount >= 0:
            # What was spent stays spent: a later word cannot give money back.
            self.cost_usd = max(self.cost_usd or 0.0, float(amount))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
