"""A real Prometheus on some of our pages, where Debian's package is installed."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0


def has_prometheus() -> bool:
    """Debian's package is installed."""
    return bool(shutil.which("prometheus") and shutil.which("promtool"))


def fetched(url: str, accept: str = "") -> str:
    """The body that stands there."""
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def promtool(*words: str, stdin: str = "", cwd: Path | None = None) -> str:
    """Run it to a good end; what it says."""
    done = subprocess.run(
        ["promtool", *words],
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """One that runs."""

    url: str

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that an expression gives now; fails where it is none."""
        path = f"/api/v1/query?query={urllib.parse.quote(expression)}"
        told = json.loads(await asyncio.to_thread(fetched, f"{self.url}{path}"))
        assert told["status"] == "success", told
        found: list[dict[str, Any]] = told["data"]["result"]
        return found

    async def until(self, expression: str) -> list[dict[str, Any]]:
        """What it gives, once it gives something."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await self.query(expression)):
                await asyncio.sleep(0.1)
            return found


@asynccontextmanager
async def prometheus(
    folder: Path, targets: Sequence[str], rules: Sequence[Path] = ()
) -> AsyncIterator[Prometheus]:
    """Scrapes ``host:port`` of each target four times a second; dead at the end."""
    folder.mkdir()
    config = {
        "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [{"job_name": "mendwire", "static_configs": [{"targets": [*targets]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                with suppress(OSError):
                    await asyncio.to_thread(fetched, f"http://{address}/-/ready")
                    break
                await asyncio.sleep(0.05)
        yield Prometheus(url=f"http://{address}")
    finally:
        process.kill()
        process.wait()
