"""Looking at the embedded server from outside: does it answer, is its port free, is there room."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Final

_TAIL_BYTES: Final = 8192


async def hello(port: int, name: str) -> str | None:
    """The version of the server on ``port`` if it is the one called ``name``, else None."""
    import asyncio  # noqa: PLC0415 - who only looks a disk up loads no event loop

    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                said: Any = json.loads((await reader.readline()).removeprefix(b"INFO "))
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, ValueError, TimeoutError):
        return None
    ours = isinstance(said, dict) and said.get("server_name") == name and said.get("jetstream")
    return str(said["version"]) if ours else None


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def trouble(store: Path) -> str | None:
    """Why a request to the server on ``store`` may stay unanswered, in one sentence."""
    return full_disk(store) if disk_is_full(store) else None


def full_disk(store: Path) -> str:
    """The sentence for a full disk."""
    return (
        f"The disk under {store} is full, so the NATS server stores nothing: free some space, or "
        "choose a folder on another disk by --store or server.store in mendwire.toml."
    )


def disk_is_full(store: Path, room: int = 1 << 20) -> bool:
    """Whether less than ``room`` bytes are left where the store is."""
    try:
        left = os.statvfs(store)
    except OSError:
        return False
    return left.f_bavail * left.f_frsize < room


def size_of(path: Path) -> int:
    """Bytes of a file, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def end_of(path: Path, since: int = 0) -> str:
    """The last 8 KiB of what a log grew by after it had ``since`` bytes."""
    size = size_of(path)
    start = since if since <= size else 0  # it was rotated
    try:
        with path.open("rb") as file:
            file.seek(max(start, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
