"""What both encodings share: which records are taken, and what is counted of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic

from mendwire.gateway.otlp.records import MAX_EVENTS, MAX_RECORD, MAX_TAKEN, Decoded, Record

TOO_LARGE: Final = f"A record is larger than {MAX_RECORD} bytes."
TOO_MANY: Final = f"The request has more than {MAX_TAKEN} errors; set a smaller batch size."
TOO_MANY_EVENTS: Final = f"A span has more than {MAX_EVENTS} exceptions."
DAMAGED: Final = "A record cannot be decoded."

ERROR: Final = 17
"""The lowest of the severity numbers that mean an error."""


@dataclass(slots=True)
class Gathering(Generic[Record]):
    """Collects the records of one request, within bounds."""

    taken: list[Record] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""

    def has_room(self, size: int) -> bool:
        """Whether one more record of ``size`` bytes may be read; counts it as rejected if not."""
        if size > MAX_RECORD:
            self.reject(TOO_LARGE)
        elif len(self.taken) >= MAX_TAKEN:
            self.reject(TOO_MANY)
        else:
            return True
        return False

    def reject(self, reason: str) -> None:
        """Count one record that is not taken, or not as a whole."""
        self.rejected += 1
        self.reason = self.reason or reason

    def decoded(self) -> Decoded[Record]:
        return Decoded(records=tuple(self.taken), rejected=self.rejected, reason=self.reason)


def is_quiet(severity: int) -> bool:
    """Whether a log record says of itself that it is no error."""
    return 0 < severity < ERROR
