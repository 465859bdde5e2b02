"""What the program says: lines of JSON, or a file; read with bounds, believed in nothing."""

from __future__ import annotations

import math
import os
import stat
from collections import deque
from pathlib import Path
from typing import Final

from mendwire.agents import OnSaid
from mendwire.errors import Undecodable
from mendwire.model.codec import decode_as
from mendwire.model.errand import ErrandReply
from mendwire.model.printable import printable
from mendwire.model.work import told_tokens

ANSWER_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one line, or of the answer's file."""
LOG_LINES: Final = 200
SHOWN: Final = 200


class Heard:
    """What one run has said so far. ``hear`` never raises: the text is the program's."""

    def __init__(self, said: OnSaid) -> None:
        self.reply: ErrandReply | None = None
        """The last line with an answer or an error."""
        self.cost_usd = 0.0
        self.tokens = 0
        self.turns = 0
        self.problem = ""
        """What was wrong with the last object that could not be read."""
        self._said = said
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def log(self) -> str:
        """The last lines of what was said."""
        return "\n".join(self._log)

    def hear(self, line: str) -> None:
        """Take one line; what is no JSON object is the program's own talk."""
        text = line.strip()
        if not text:
            return
        if not text.startswith("{"):
            self._tell(text)
        elif len(text) > ANSWER_LIMIT:
            self.problem = f"a line is longer than {ANSWER_LIMIT} characters"
        else:
            self._take(text.encode("utf-8", "replace"))

    def read_file(self, path: Path) -> None:
        """Take the answer's file, when there is one: a plain file, and no link to another."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        except OSError:
            self.problem = "its answer file cannot be opened"
            return
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                self.problem = "its answer file is no plain file"
                return
            data = file.read(ANSWER_LIMIT + 1)
        if len(data) > ANSWER_LIMIT:
            self.problem = f"its answer file is longer than {ANSWER_LIMIT} bytes"
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            reply = decode_as(ErrandReply, data)
        except (Undecodable, RecursionError) as problem:
            self.problem = printable(str(problem), SHOWN).rstrip(".")
            return
        cost, turns = reply.cost_usd, reply.turns
        if cost is not None and math.isfinite(cost):
            # What was spent stays spent: a later line cannot give money back.
            self.cost_usd = max(self.cost_usd, cost)
        if reply.tokens is not None:
            self.tokens = max(self.tokens, told_tokens(reply.tokens))
        if turns is not None:
            self.turns = max(self.turns, turns)
        if reply.say:
            self._tell(reply.say)
        if reply.answer is not None or reply.error:
            self.reply = reply

    def _tell(self, line: str) -> None:
        shown = printable(" ".join(line.split()), SHOWN)
        self._log.append(shown)
        self._said("text", shown)
