"""Opening a line: to the first address that answers, encrypted where asked for, and logged in.

The same addresses, logins and sentences as those of ``connection``, for a thread without an event
loop. Everything waits by the line's own means, so that whoever ends the thread interrupts it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mendwire.errors import ConfigError, ServerError, Unreachable, WireError
from mendwire.model.names import Names
from mendwire.settings.environment import Environment, ServerAddress
from mendwire.wire.finding import (
    disk_trouble,
    explained,
    find_server,
    fit_version,
    names_for,
    shown,
)
from mendwire.wire.line import LOST, Line
from mendwire.wire.login import client_options, login_fields, wants_tls
from mendwire.wire.wake import Wake

if TYPE_CHECKING:
    import ssl

_PORT: Final = 4222
_PLAIN: Final[tuple[type[OSError], ...]] = (BlockingIOError,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialled:
    """A line that is logged in."""

    line: Line
    names: Names
    url: str
    """Where it leads, without user or password."""
    max_payload: int
    """Bytes; what the server takes, headers included."""
    inbox: str
    """What the subjects of answers begin with."""


@contextmanager
def dialled(
    environment: Environment, wake: Wake, *, names: Names | None = None, name: str = "mendwire"
) -> Iterator[Dialled]:
    """A line to the server that ``environment`` leads to; closed when the block ends.

    Raises what ``connection.connected`` raises, and Ended when ``wake`` says so.
    """
    address, embedded = find_server(environment)
    names = names or names_for(environment, embedded=embedded)
    options = {"name": name, **client_options(address, environment.variables)}
    line: Line | None = None
    try:
        line, info = _first(address, options, wake)
        fit_version(str(info.get("version", "")), shown(address))
        yield Dialled(
            line=line,
            names=names,
            url=shown(address),
            max_payload=int(info.get("max_payload") or 0),
            inbox=f"{options.get('inbox_prefix', '_INBOX')}.{os.urandom(11).hex()}",
        )
    except Unreachable as problem:
        why = disk_trouble(environment) if embedded else None
        if why is None:
            raise
        raise ServerError(why) from problem
    finally:
        if line is not None:
            line.close()


def _first(
    address: ServerAddress, options: Mapping[str, Any], wake: Wake
) -> tuple[Line, dict[str, Any]]:
    """A line to the first of the addresses that lets us in."""
    until = time.monotonic() + address.timeout_s
    # Processes begin at different ones of a cluster.
    start = os.getpid() % len(address.urls)
    problem: Exception = Unreachable(LOST)
    for url in (*address.urls[start:], *address.urls[:start]):
        try:
            return _Dialling(url, address, options, wake, until).opened()
        except (OSError, ValueError, WireError, Unreachable) as failed:
            problem = failed
        if time.monotonic() > until:
            break
    raise explained(problem, address, is_late=isinstance(problem, TimeoutError)) from None


class _Dialling:
    """The attempt to open a line to one address."""

    def __init__(
        self,
        url: str,
        address: ServerAddress,
        options: Mapping[str, Any],
        wake: Wake,
        until: float,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme.startswith("ws"):
            raise ConfigError(
                "Reports are sent over nats:// or tls://, not over a websocket: give the server's "
                "own port in NATS_URL."
            )
        self._host = parts.hostname or "localhost"
        self._port = parts.port or _PORT
        self._wants_tls = wants_tls(address)
        self._is_tls_first = address.tls_first
        self._options = options
        self._wake = wake
        self._until = until

    def opened(self) -> tuple[Line, dict[str, Any]]:
        """The line and what the server says of itself."""
        file = self._connected()
        try:
            file.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._logged_in(file)
        except BaseException:
            file.close()
            raise

    def _logged_in(self, file: socket.socket) -> tuple[Line, dict[str, Any]]:
        if self._is_tls_first:
            file, again = self._encrypted(file)
            line, info = self._greeted(file, again)
        else:
            line, info = self._greeted(file, _PLAIN)
            if self._wants_tls and not info.get("tls_required"):
                raise WireError("tls was asked for, but the server offers none")
            if info.get("tls_required"):
                file, again = self._encrypted(file)
                line = Line(file, self._wake, again)
        fields = {
            "verbose": False,
            "pedantic": False,
            "lang": "python3",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "name": self._options["name"],
            **login_fields(self._options, str(info.get("nonce", ""))),
        }
        line.write(b"CONNECT ", json.dumps(fields).encode(), b"\r\nPING\r\n")
        while not line.pongs:
            line.pump(self._left())
        return line, info

    def _greeted(
        self, file: socket.socket, again: tuple[type[OSError], ...]
    ) -> tuple[Line, dict[str, Any]]:
        line = Line(file, self._wake, again)
        while not line.info:
            line.pump(self._left())
        info = json.loads(line.info)
        if not isinstance(info, dict):
            raise WireError("what answers there is no NATS server")
        return line, info

    def _connected(self) -> socket.socket:
        problem: OSError = OSError("the name leads nowhere")
        # Of a text Python would load tables of Unicode, which a plain name does not need.
        name = self._host.encode("ascii" if self._host.isascii() else "idna")
        for family, kind, proto, _, place in socket.getaddrinfo(
            name, self._port, type=socket.SOCK_STREAM
        ):
            file = socket.socket(family, kind, proto)
            try:
                file.settimeout(0)
                code = file.connect_ex(place)
                if code:
                    self._wait(file, select.POLLOUT)
                    code = file.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return file
                problem = OSError(code, os.strerror(code))
            except BaseException:
                file.close()
                raise
            file.close()
        raise problem

    def _encrypted(self, file: socket.socket) -> tuple[ssl.SSLSocket, tuple[type[OSError], ...]]:
        import ssl  # noqa: PLC0415 - some megabytes that a connection in the clear does not need

        context: ssl.SSLContext = self._options.get("tls") or ssl.create_default_context()
        wrapped = context.wrap_socket(
            file, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            while True:
                try:
                    wrapped.do_handshake()
                except ssl.SSLWantReadError:
                    self._wait(wrapped, select.POLLIN)
                except ssl.SSLWantWriteError:
                    self._wait(wrapped, select.POLLOUT)
                else:
                    return wrapped, (ssl.SSLWantReadError, ssl.SSLWantWriteError)
        except BaseException:
            wrapped.close()
            raise

    def _wait(self, file: socket.socket, event: int) -> None:
        poller = select.poll()
        poller.register(file, event)
        poller.register(self._wake, select.POLLIN)
        while True:
            found = [number for number, _ in poller.poll(1000 * self._left())]
            if self._wake.fileno() in found:
                self._wake.take()
            if file.fileno() in found:
                return

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
