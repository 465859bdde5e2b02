"""What we answer an agent that asks: files inside its tree, and leave for what its role may do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from acp.exceptions import RequestError

from mendwire.agents.acp.files import NotAllowed, may_touch, read_text, write_text
from mendwire.agents.acp.heard import Heard

_REFUSED: Final = -32603
_CHANGES: Final = frozenset({"edit", "delete", "move"})
_LOOKS: Final = frozenset({"read", "search", "think"})
_PATHS: Final = ("path", "file_path", "filePath", "filepath", "abs_path")
_PLAIN: Final = re.compile(r"[\w./:=, @+\[\]-]*")
"""Of a command that is a program and its arguments, and nothing for a shell to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Serves one session."""

    tree: Path
    writes: bool
    """The role may change the tree."""
    test: str
    """The one command that may run, further arguments allowed; empty: none."""
    heard: Heard

    async def serve(self, method: str, params: object, is_notification: bool) -> object:  # noqa: FBT001 - the SDK's own signature
        """Answer one message of the agent; raises RequestError for what it is refused."""
        fields = params if isinstance(params, dict) else {}
        if is_notification:
            if method == "session/update" and isinstance(fields.get("update"), dict):
                self.heard.update(fields["update"])
            return None
        if method == "session/request_permission":
            return self._permission(fields)
        try:
            if method == "fs/read_text_file":
                return {"content": await asyncio.to_thread(self._read, fields)}
            if method == "fs/write_text_file":
                await asyncio.to_thread(self._write, fields)
                return {}
        except NotAllowed as problem:
            self.heard.show("refused", f"{method}: {problem}")
            raise RequestError(_REFUSED, f"Refused: {problem}.") from None
        self.heard.show("refused", method)
        raise RequestError.method_not_found(method)

    def _read(self, fields: Mapping[str, Any]) -> str:
        line, limit = fields.get("line"), fields.get("limit")
        return read_text(
            self.tree,
            str(fields.get("path")),
            line if isinstance(line, int) else None,
            limit if isinstance(limit, int) else None,
        )

    def _write(self, fields: Mapping[str, Any]) -> None:
        content = fields.get("content")
        if not self.writes:
            raise NotAllowed("this role only looks")
        if not isinstance(content, str):
            raise NotAllowed("there is no text to write")
        write_text(self.tree, str(fields.get("path")), content)

    def _permission(self, fields: Mapping[str, Any]) -> dict[str, object]:
        call = fields.get("toolCall")
        options = fields.get("options")
        chosen: dict[str, str] = {}
        for option in options if isinstance(options, list) else ():
            if isinstance(option, dict):
                chosen.setdefault(str(option.get("kind")), str(option.get("optionId")))
        try:
            self._judge(call if isinstance(call, dict) else {})
            answer = chosen.get("allow_once")  # never one that lasts
        except NotAllowed as problem:
            title = call.get("title") if isinstance(call, dict) else ""
            self.heard.show("refused", f"{title}: {problem}")
            answer = chosen.get("reject_once") or chosen.get("reject_always")
        if answer is None:
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": answer}}

    def _judge(self, call: Mapping[str, Any]) -> None:
        """Raises NotAllowed unless the role may do this."""
        kind = call.get("kind")
        given = call.get("rawInput")
        given = given if isinstance(given, dict) else {}
        if kind == "execute":
            self._command(given.get("command"))
            return
        if kind not in _CHANGES | _LOOKS:
            raise NotAllowed("only reading, changing files and the tests are permitted")
        changes = kind in _CHANGES
        if changes and not self.writes:
            raise NotAllowed("this role only looks")
        named = set(_named(call, given))
        if changes and not named:
            raise NotAllowed("it does not say which file")
        for path in named:
            may_touch(self.tree, path, write=changes)

    def _command(self, command: object) -> None:
        words = " ".join(map(str, command)) if isinstance(command, list) else str(command)
        ours = words == self.test or words.startswith(f"{self.test} ")
        if not self.test or not ours or not _PLAIN.fullmatch(words):
            raise NotAllowed("only the project's tests may be run")


def _named(call: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """Every path that a call names."""
    for name in ("locations", "content"):
        entries = call.get(name)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                yield entry["path"]
    yield from (given[name] for name in _PATHS if isinstance(given.get(name), str))
