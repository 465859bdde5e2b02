"""The command line on a real terminal of its own: what a person's terminal would be sent."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path


async def on_a_terminal(
    folder: Path, environment: Mapping[str, str], *words: str, typed: str = "", code: int = 0
) -> str:
    """Run ``mendwire`` with these words to its end, which must be a good one, or ``code``."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mendwire", *words),
        cwd=folder,
        env={**environment, "TERM": "xterm", "COLUMNS": "200", "LINES": "50"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = await asyncio.to_thread(_read_all, ours)
    assert await process.wait() == code, shown
    return shown


def _read_all(ours: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()
