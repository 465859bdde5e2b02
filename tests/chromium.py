"""A headless Chromium, and pages of a folder on loopback for it."""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

PROGRAM: Final = Path("/usr/bin/chromium")
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The origin of a server of the folder's files."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def chromium(*further: str) -> AsyncIterator[Browser]:
    """With further arguments; skips the test where there is none."""
    if not PROGRAM.exists():
        pytest.skip(f"there is no {PROGRAM}")  # Debian's package, which CI installs
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=str(PROGRAM), args=[*QUIET, *further]
        )
        try:
            yield started
        finally:
            await started.close()
