"""Publishing over a line with many acknowledgements under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from mendwire.errors import MendwireError, Unreachable, WireError
from mendwire.wire.ack import Ack
from mendwire.wire.denials import Denials
from mendwire.wire.dialling import Dialled
from mendwire.wire.finding import lacks_jetstream, without_jetstream
from mendwire.wire.refusals import NO_RESPONDERS, TIMEOUT_S, TooLarge, answer_of, no_answer, refused

WINDOW: Final = 256
_ENOUGH: Final = 32 * 1024
"""Bytes that are sent at once."""
_LOOK_S: Final = 0.25
_ASK_S: Final = 2.0
_INFO: Final = "$JS.API.INFO"

Done = Callable[[Ack | MendwireError], None]
"""Called once with the server's answer; must not raise."""


class Window:
    """At most ``size`` messages whose answers are open."""

    def __init__(self, to: Dialled, *, size: int = WINDOW, timeout_s: float = TIMEOUT_S) -> None:
        self._line = to.line
        self._limit = to.max_payload
        self._inbox = f"{to.inbox}."
        self._size = size
        self._timeout_s = timeout_s
        self._number = 0
        self._open: dict[str, tuple[Done, str, float]] = {}
        self._is_deaf = False
        """The server lets us hear no answers."""
        self._denials = Denials()
        self._denials.listen(self._refused)
        self._line.heard = self._answered
        self._line.complained = self._complained
        self._line.write(f"SUB {self._inbox}* 1\r\n".encode())

    def check_jetstream(self, url: str) -> None:
        """Raises ServerUnfit where this login has none; where it may not ask, it is believed."""
        answers: list[bytes] = []

        def heard(subject: str, payload: bytes, status: str) -> None:
            if subject.startswith(self._inbox):
                answers.append(b"" if status == NO_RESPONDERS else payload)

        self._line.heard = heard
        asked = time.monotonic()
        self._line.write(f"PUB {_INFO} {self._inbox}info 0\r\n\r\n".encode())
        try:
            while not answers and not self._is_denied(asked):
                left = asked + _ASK_S - time.monotonic()
                if left <= 0:
                    return
                self._line.pump(left)
        finally:
            self._line.heard = self._answered
        if answers and (not answers[0] or lacks_jetstream(answers[0])):
            raise without_jetstream(url)

    def publish(self, subject: str, payload: bytes, headers: Mapping[str, str], done: Done) -> None:
        """Send as soon as there is room; ``done`` gets the answer.

        Raises what makes this message impossible (TooLarge, a bad subject, no way to hear the
        answer) and, when the connection
        is lost or the server silent, Unreachable: then no open message is answered any more.
        """
        if self._is_deaf:
            raise refused(subject)
        if len(self._open) >= self._size:
            self._until(self._size // 2)
        head = _head(headers)
        if len(payload) + len(head) > self._limit:
            size = len(payload) + len(head)
            raise TooLarge(f"The message has {size} bytes; the server takes {self._limit} at most.")
        if not subject.isprintable() or " " in subject or "" in subject.split("."):
            raise WireError(f"{subject[:80]!r} cannot be used as a subject.")
        self._number += 1
        token = str(self._number)
        self._open[token] = (done, subject, time.monotonic())
        total = len(head) + len(payload)
        line = f"HPUB {subject} {self._inbox}{token} {len(head)} {total}\r\n".encode()
        self._line.write(line, head, payload, b"\r\n")
        if self._line.backlog > _ENOUGH:
            self._line.pump(0)

    def settle(self) -> None:
        """Wait until everything is answered; raises Unreachable as ``publish`` does."""
        self._until(0)

    def breathe(self) -> None:
        """Let out what waits, and in what came, from time to time."""
        self._line.breathe()

    def rest(self, seconds: float) -> None:
        """Nothing to do: answer the server until somebody calls, at most so long."""
        self._line.rest(seconds)

    def _until(self, count: int) -> None:
        """Wait until at most ``count`` are open."""
        while len(self._open) > count:
            self._line.pump(_LOOK_S)
            sent = next(iter(self._open.values()), None)
            if sent is not None and time.monotonic() - sent[2] > self._timeout_s:
                raise no_answer(sent[1])

    def _answered(self, subject: str, payload: bytes, status: str) -> None:
        found = self._open.pop(subject[len(self._inbox) :], None)
        if found is not None:
            found[0](answer_of(payload, status, found[1]))

    def _complained(self, said: str) -> None:
        """Refusals of one subject leave the connection as it is; all else ends it."""
        text = f"nats: {said.lower()}"
        if "permissions violation" not in text:
            raise Unreachable(f"The NATS server ends the connection ({said[:120]}).")
        self._denials.note(WireError(text))

    def _is_denied(self, since: float) -> bool:
        return self._is_deaf or self._denials.find(_INFO, since) is not None

    def _refused(self, action: str, subject: str) -> None:
        own_inbox = action == "subscription" and subject.startswith(self._inbox.lower())
        self._is_deaf = self._is_deaf or own_inbox
        for token, (done, asked, _) in tuple(self._open.items()):
            if own_inbox or asked.lower() == subject:
                del self._open[token]
                done(refused(subject if own_inbox else asked))


def _head(headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isprintable() for line in lines):
        raise WireError("A header of a message cannot hold line breaks.")
    return "\r\n".join(["NATS/1.0", *lines, "\r\n"]).encode()
