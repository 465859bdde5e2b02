"""What the server says of a message that it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """The server has stored a message."""

    stream: str
    seq: int
    duplicate: bool
    """The server had this ``Nats-Msg-Id`` within its window and dropped the message."""
