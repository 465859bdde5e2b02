"""What a server says no to, in our words: its answers to requests and to what was published.

Known without nats-py, since a publisher's thread needs it where that is not loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mendwire.errors import (
    AccessRefused,
    Conflict,
    MendwireError,
    StreamFull,
    Unreachable,
    WireError,
)
from mendwire.wire.ack import Ack

TIMEOUT_S: Final = 5.0
"""How long an answer may take."""
NO_RESPONDERS: Final = "503"
"""The status of the server's own answer where nobody takes a message."""
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
_FULL: Final = frozenset({10002, 10023, 10047, 10077})
_NO_JETSTREAM: Final = frozenset({10039, 10076})


class ApiError(WireError):
    """The server refused a request of the JetStream API, or a message.

    ``code`` is the server's own error code (``err_code``), stable across its versions.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class NobodyListens(WireError):
    """No stream, consumer or service takes messages on that subject."""


class TooLarge(WireError):
    """Message and headers together are more than the server takes."""


def headers_size(headers: Mapping[str, str]) -> int:
    """Bytes that headers take on the wire."""
    lines = sum(len(name) + len(value.encode()) + 4 for name, value in headers.items())
    return len("NATS/1.0\r\n\r\n") + lines


def refused(subject: str) -> AccessRefused:
    """The sentence about a subject that this user may not use."""
    return AccessRefused(f"The server refuses {subject} to this user; grant the permission.")


def nobody_listens(subject: str) -> NobodyListens:
    """The sentence about a subject that no stream has."""
    what = "run 'mendwire streams apply'"
    if ".errors." in subject:
        what = (
            "mend the environment's name, or add it to worker.environments in mendwire.toml and "
            + what
        )
    return NobodyListens(f"No stream takes {subject}: {what}.")


def no_answer(subject: str) -> Unreachable:
    """The sentence about a server that is silent."""
    return Unreachable(f"The NATS server did not answer in time (asked on {subject}).")


def api_error(error: Mapping[str, Any], about: str) -> WireError:
    """Our error for the server's: Conflict and StreamFull where it is one."""
    code, said = int(error.get("err_code", 0)), str(error.get("description", "no reason given"))
    if code in _WRONG_LAST_SEQUENCE:
        return Conflict(f"{about} was changed by another process: {said}.")
    if code in _FULL:
        return StreamFull(f"The server refuses {about}: {said}. Make room or raise the limit.")
    if code in _NO_JETSTREAM:
        return NobodyListens(f"JetStream is not enabled for this account ({said}).")
    return ApiError(f"The server refuses {about}: {said}.", code=code)


def answer_of(data: bytes, status: str, subject: str) -> Ack | MendwireError:
    """What the server answered to a message that was published on ``subject``."""
    if status == NO_RESPONDERS and not data:
        return nobody_listens(subject)
    try:
        # Decoded first: of bytes, json would guess the encoding, which takes longer than the rest.
        answer = json.loads(data.decode())
        if "error" in answer:
            return api_error(answer["error"], subject)
        is_duplicate = bool(answer.get("duplicate", False))
        return Ack(stream=answer["stream"], seq=answer["seq"], duplicate=is_duplicate)
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"The answer on {subject} is none of JetStream's.")
