"""What the server refused: it answers a forbidden publish with an error beside the request.

The client library shows that as a time-out; this record turns it back into words.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mendwire import telemetry

KEPT: Final = 100
_VIOLATION: Final = re.compile(
    r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE
)

Listener = Callable[[str, str], None]
"""Called with (action, subject): ``publish`` or ``subscription``, and the subject in lower case."""


class Denials:
    """The last permission violations of one connection; ``note`` is fed by its error callback."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._listeners: list[Listener] = []

    def note(self, error: Exception) -> None:
        """Remember ``error`` if it is a permission violation; anything else is ignored."""
        text = str(error)
        found = _VIOLATION.search(text)
        if found is None:
            return
        action, subject = found.group(1).lower(), found.group(2).lower()
        self._texts.pop(subject, None)
        self._texts[subject] = (time.monotonic(), text)
        while len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        telemetry.emit("connection.refused", subject=subject, error=text)
        for listener in tuple(self._listeners):
            listener(action, subject)

    def find(self, subject: str, since: float = 0.0) -> str | None:
        """The server's words about ``subject``, if noted after ``since`` (``time.monotonic()``)."""
        noted = self._texts.get(subject.lower())
        return noted[1] if noted and noted[0] >= since else None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` at each violation from now on."""
        self._listeners.append(listener)
