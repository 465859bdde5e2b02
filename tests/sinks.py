"""Where alerts arrive in tests: a real web server and a real mail server, on loopback."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: dict[str, Any]


@dataclass(kw_only=True)
class Webhook:
    """Answers as told, and later while it is held."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    """Of the next requests; 200 afterwards."""
    location: str = ""
    """Where a redirect leads."""
    holding: threading.Event = field(default_factory=threading.Event)
    """Answers wait while it is cleared."""
    asked: queue.Queue[Asked] = field(default_factory=queue.Queue)
    seen: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/alerts"

    def next(self) -> Asked:
        """The next request; waits for it."""
        return self.asked.get(timeout=PATIENCE_S)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A web server while the block runs."""
    hook = Webhook()
    hook.holding.set()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            asked = Asked(method=self.command, path=self.path, body=json.loads(raw) if raw else {})
            status = hook.statuses.pop(0) if hook.statuses else 200
            hook.seen.append(asked)
            hook.asked.put(asked)
            hook.holding.wait(PATIENCE_S)
            self.send_response(status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        hook.holding.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(kw_only=True)
class Mailbox:
    """What came by mail."""

    port: int = 0
    letters: queue.Queue[EmailMessage] = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=mendwire@example.org&to=night@example.org"

    def next(self) -> EmailMessage:
        return self.letters.get(timeout=PATIENCE_S)

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.put(letter)
        return "250 OK"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server while the block runs."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=_free_port())
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
