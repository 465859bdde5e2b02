"""A real nats-server under the configuration that ``mendwire host config`` writes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.names import Names
from mendwire.ops.server_config import server_config
from mendwire.ops.tenancy import Settled, Wanted, prepare, settle, write_login
from mendwire.settings.environment import Environment, read_environment
from mendwire.wire.connection import connected
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.logins import Kind
from tests.nats_server import RealServer


class SharedServer(RealServer):
    """Its configuration is the generated one; ports and paths alone are the test's."""

    def __init__(self, folder: Path, settled: Settled) -> None:
        super().__init__(folder)
        self.settled = settled
        self._secrets = {name: made.secret.reveal() for name, made in settled.made.items()}
        self._login_files()

    def written(self) -> str:
        text = server_config(
            self.settled.tenancy, store=str(self.folder / "js"), tls_folder=str(self.folder)
        )
        text = re.sub(r'(?m)^listen: ".*"$', f'listen: "127.0.0.1:{self.port}"', text)
        text = re.sub(r'(?m)^http: ".*"$', 'http: "127.0.0.1:-1"', text)
        # A disk of the test's machine is flushed by the run, not by the message.
        text = text.replace("sync_interval: always", "sync_interval: 2m")
        return f'ports_file_dir: "{self.folder}"\n{text}'

    def variables(self, login: str) -> dict[str, str]:
        """What a process is given to come in as ``login``, read from the file that was written."""
        text = (self.folder / "logins" / f"{login}.env").read_text()
        found = dict(line.split("=", 1) for line in text.splitlines())
        scheme = "tls" if self.settled.tenancy.tls else "nats"
        return found | {"NATS_URL": f"{scheme}://127.0.0.1:{self.port}"}

    def options(self, login: str) -> dict[str, Any]:
        """The same for a raw client."""
        found = self.variables(login)
        wanted = {"inbox_prefix": found.get("NATS_INBOX_PREFIX", "_INBOX").encode()}
        if "NATS_NKEY" in found:
            return wanted | {"nkeys_seed": found["NATS_NKEY"]}
        return wanted | {"user": found["NATS_USER"], "password": found["NATS_PASSWORD"]}

    def environment(self, login: str, folder: Path) -> Environment:
        return read_environment({**self.variables(login), "HOME": str(folder)}, folder)

    @asynccontextmanager
    async def bus(self, login: str, folder: Path) -> AsyncIterator[JetStreamBus]:
        """Connected as Mendwire connects."""
        namespace = self.variables(login)["NATS_NAMESPACE"]
        names = Names(namespace=namespace)
        async with connected(self.environment(login, folder), names=names) as link:
            yield JetStreamBus(link.client, names, link.denials)

    def violations(self) -> list[str]:
        """What the server refused to whom."""
        log = (self.folder / "server.log").read_text()
        return re.findall(r"(?m)(?:Publish|Subscription) Violation - .*$", log)

    def _login_files(self) -> None:
        prepare(self.folder)
        tenancy = self.settled.tenancy
        owners = {each.name: one for one in tenancy.tenants for each in one.logins}
        for name, made in self.settled.made.items():
            write_login(self.folder, tenancy, owners.get(name), made, name)


def settled(*projects: str, kind: Kind = Kind.PASSWORD, tls: bool = False) -> Settled:
    """Fresh accounts and logins."""
    wanted = Wanted(
        projects=dict.fromkeys(projects), address="127.0.0.1", tls=tls, kind=kind, port=4222
    )
    return settle(None, wanted)


@asynccontextmanager
async def shared(folder: Path, *projects: str, **more: Any) -> AsyncIterator[SharedServer]:
    """A started one with these projects, dead at the end."""
    if more.get("tls"):
        certificate(folder)
    server = SharedServer(folder, settled(*projects, **more))
    await server.start()
    try:
        yield server
    finally:
        server.kill()


def certificate(folder: Path) -> None:
    """By the command of docs/how-to/host.md, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "825", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def logins(server: SharedServer) -> Iterator[str]:
    """Every login but the server's own."""
    for tenant in server.settled.tenancy.tenants:
        yield from (login.name for login in tenant.logins)
