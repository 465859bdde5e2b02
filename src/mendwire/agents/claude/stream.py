"""The program's ``stream-json`` output, read line by line while it runs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mendwire.agents import OnSaid
from mendwire.model.printable import printable
from mendwire.model.work import MOST_TOKENS

SHOWN: Final = 200
LOG_LINES: Final = 200
HOPELESS: Final = frozenset({401, 403})
"""Statuses that no repeat of the request will change."""
_TOLD_BY: Final = ("command", "file_path", "pattern", "path", "notebook_path", "url")
COUNTED: Final = ("input_tokens", "cache_creation_input_tokens", "output_tokens")
"""What counts against a limit of tokens: what the cache had costs a tenth, and is left out."""
_PER_MILLION: Final = {
    "input_tokens": 15.0,
    "cache_creation_input_tokens": 18.75,
    "cache_read_input_tokens": 1.5,
    "output_tokens": 75.0,
}
"""US dollars for an estimate on the high side, used only where the program was killed before it
could tell its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """The program's notice that a request failed and will be repeated."""

    status: int | None
    """HTTP status; None for what failed below HTTP."""
    delay_s: float
    error: str


class Stream:
    """What one run has said so far. ``hear`` never raises: the text is the program's."""

    def __init__(
        self,
        said: OnSaid,
        *,
        patience_s: float,
        most_tokens: int = 0,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.result: Mapping[str, Any] | None = None
        """The closing event."""
        self.retry: Retry | None = None
        """The last notice of a failed request, if nothing came after it."""
        self.resets_at = 0.0
        """When a rate limit that was met ends, seconds since the epoch; 0 when not told."""
        self.gave_up = False
        """The pause asked for is longer than our patience, or no repeat can help, or the tokens
        are used up."""
        self.is_over = False
        """More tokens were used than may be."""
        self.heard_model = False
        """At least one message of a model arrived."""
        self._said = said
        self._patience_s = patience_s
        self._most_tokens = most_tokens
        self._give_up = give_up
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._usage: dict[str, Mapping[str, Any]] = {}
        self._begun: dict[str, str] = {}
        """The message that each speaker, the run or a sub-agent of it, is at."""

    @property
    def log(self) -> str:
        """The last lines of what was said and done."""
        return "\n".join(self._log)

    @property
    def usages(self) -> tuple[Mapping[str, Any], ...]:
        """What each message of a model says of its tokens."""
        return tuple(self._usage.values())

    @property
    def tokens(self) -> int:
        """Read and written in every message heard, without what was read from the cache."""
        return sum(
            int(_number(usage.get(name))) for usage in self._usage.values() for name in COUNTED
        )

    @property
    def spent_at_most_usd(self) -> float:
        """An estimate on the high side from the tokens of every message heard."""
        return sum(
            _number(usage.get(name)) * price / 1e6
            for usage in self._usage.values()
            for name, price in _PER_MILLION.items()
        )

    def hear(self, line: str) -> None:
        """Take one line of standard output."""
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if kind == "result":
            self.result = event
        elif kind == "assistant":
            self._message(_mapping(event.get("message")))
        elif kind == "stream_event":
            self._part_way(str(event.get("parent_tool_use_id")), _mapping(event.get("event")))
        elif kind == "system" and event.get("subtype") == "api_retry":
            self._retry(event)
        elif kind == "rate_limit_event":
            limit = _mapping(event.get("rate_limit_info"))
            if limit.get("status") == "rejected":
                self.resets_at = _number(limit.get("resetsAt"))

    def _message(self, message: Mapping[str, Any]) -> None:
        if message.get("model") == "<synthetic>":
            return
        self.heard_model, self.retry = True, None
        self._used(str(message.get("id")), _mapping(message.get("usage")))
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            self._part(_mapping(part))

    def _part_way(self, speaker: str, event: Mapping[str, Any]) -> None:
        """An event of the API. Only the last of a message tells how much was written: what the
        message itself says is what its beginning knew.
        """
        if event.get("type") == "message_start":
            self._begun[speaker] = str(_mapping(event.get("message")).get("id"))
        elif event.get("type") == "message_delta" and speaker in self._begun:
            self._used(self._begun[speaker], _mapping(event.get("usage")))

    def _used(self, message: str, usage: Mapping[str, Any]) -> None:
        known = self._usage.get(message, {})
        told = {
            name: max(_number(known.get(name)), _number(usage.get(name))) for name in _PER_MILLION
        }
        self._usage[message] = told
        if 0 < self._most_tokens < self.tokens and not self.is_over:
            self.is_over = self.gave_up = True
            self._give_up()

    def _part(self, part: Mapping[str, Any]) -> None:
        if part.get("type") == "text":
            for line in str(part.get("text", "")).splitlines():
                if line.strip():
                    self._tell("text", line.strip())
        elif part.get("type") == "tool_use" and part.get("name") != "StructuredOutput":
            given = _mapping(part.get("input"))
            what = next((str(given[name]) for name in _TOLD_BY if name in given), "")
            self._tell("tool", f"{part.get('name')} {what}".strip())

    def _retry(self, event: Mapping[str, Any]) -> None:
        status = event.get("error_status")
        self.retry = Retry(
            status=status if isinstance(status, int) else None,
            delay_s=_number(event.get("retry_delay_ms")) / 1000,
            error=printable(str(event.get("error", "")), 80),
        )
        self._tell("retry", f"the API answered {status or self.retry.error}; trying again")
        if self.retry.status in HOPELESS or self.retry.delay_s > self._patience_s:
            self.gave_up = True
            self._give_up()

    def _tell(self, kind: str, line: str) -> None:
        shown = printable(line, SHOWN)
        self._log.append(f"{kind}: {shown}")
        self._said(kind, shown)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    # No sum of such numbers is infinite, and an int of any length can be compared.
    return float(value) if 0 <= value <= MOST_TOKENS else 0.0
