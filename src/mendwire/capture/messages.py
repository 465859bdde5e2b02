"""What is logged as an error without an exception, taken on the thread that logs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Final

from mendwire.capture.frames import place_of
from mendwire.capture.guard import Guard
from mendwire.capture.occurrence import Key, Link, Taken, cleaned, shown_context
from mendwire.capture.plain import MAX_NODES, MAX_TOTAL, Budget

TRACEBACK: Final = "Traceback (most recent call last):"
_DEEPEST: Final = 100
_WEIGHT: Final = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One logged line."""

    text: str
    """With its values."""
    template: str
    """Without them; empty where the program put them in by itself."""
    level: str
    frame: FrameType
    """The call that logged it."""
    context: Mapping[str, object] = field(default_factory=dict)


def message_key(message: Message) -> Key:
    """What is cheap to compare: the same place and the same words."""
    code = message.frame.f_code
    words = hash(message.template or message.text)
    return ("logged", code.co_filename, message.frame.f_lineno, words)


def message_taken(
    message: Message, context: Mapping[str, object], fixed: Mapping[str, str], guard: Guard
) -> Taken:
    """Take what its report needs: the place of the logging call, and how it came there."""
    calls = tuple(map(place_of, islice(_outwards(message.frame), _DEEPEST)))
    text = cleaned(message.text)
    template = {"message_template": cleaned(message.template)} if message.template else {}
    left = Budget(nodes=10 * MAX_NODES, text=4 * MAX_TOTAL)
    return Taken(
        link=Link(
            kind="",
            message=text,
            notes=(),
            calls=calls[::-1],
            before=None,
            is_cause=False,
            members=(),
            syntax=None,
        ),
        calls=[calls[0]],
        code="",
        context=shown_context({**context, **message.context}, left, guard),
        fixed={**fixed, **template},
        thread=threading.current_thread().name,
        pid=os.getpid(),
        at=time.time(),
        weight=_WEIGHT + len(text),
    )


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
