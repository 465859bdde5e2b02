"""A person's data in what the gateway keeps while NATS is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from mendwire.gateway.spool import Kept, Spool
from mendwire.model.erasure import Eraser


async def clear_rooms(folder: Path, eraser: Eraser, *, for_real: bool) -> tuple[int, int]:
    """Records below ``folder`` that held the text, and spools that a gateway has in use.

    Raises OSError.
    """
    found = busy = 0

    def cleared(kept: Kept) -> Kept:
        payload = eraser.payload(kept.parcel.payload)
        if payload is kept.parcel.payload:
            return kept
        return replace(kept, parcel=replace(kept.parcel, payload=payload))

    for room in sorted(path for path in folder.glob("*") if path.is_dir()):
        spool = Spool(room, 0)
        if not spool.claim():
            busy += 1
            continue
        try:
            found += await asyncio.to_thread(spool.rewrite, cleared, for_real=for_real)
        finally:
            await spool.close()
    return found, busy
