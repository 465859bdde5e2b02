"""Erasing a person's data everywhere that this machine can reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from mendwire.app.looking import Sight
from mendwire.away.redacting import redacted_letter
from mendwire.capture.clearing import clear_spool
from mendwire.capture.spool import default_folder
from mendwire.docket.letters import Letters
from mendwire.model.delivery import Received
from mendwire.model.erasure import Eraser
from mendwire.ops.erasure import Erased, Erasure, How
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment


async def erased_on_server(
    sight: Sight, eraser: Eraser, *, for_real: bool
) -> AsyncIterator[Erased]:
    """Streams, cases, other entries and evidence of the namespace, in that of ``Erasure``."""
    if for_real:
        # Who and when, never what: the audit log must not keep the text.
        await sight.audit.note("erase", f"{len(eraser.persons)} texts")
    bus = sight.shelf.bus
    letters = Letters(bucket=bus.bucket(bus.names.bucket("DOCKET")))

    async def letter(sent: Received, cleared: bytes) -> bytes:
        return await redacted_letter(letters, bus.names, eraser, sent, cleared)

    erasure = Erasure(
        shelf=sight.shelf,
        docket=sight.docket,
        releases=sight.releases,
        eraser=eraser,
        letter=letter,
        for_real=for_real,
    )
    async for place in erasure.all():
        yield place


async def erased_here(
    config: Config,
    environment: Environment,
    spools: Sequence[Path],
    eraser: Eraser,
    *,
    for_real: bool,
) -> AsyncIterator[Erased]:
    """Spools of reporting programs and of the gateway, and patch files, on this machine."""
    own = default_folder(environment.state_home, environment.namespace or "default")
    named = environment.variables.get("MENDWIRE_SPOOL", "").strip()
    for folder in dict.fromkeys((*spools, *((Path(named),) if named else ()), own)):
        found, busy = await asyncio.to_thread(clear_spool, folder, eraser, for_real=for_real)
        yield Erased(place=str(folder), found=found, how=How.CLEARED)
        if busy:
            note = "a program that runs has them open: give this command again when it has ended"
            yield Erased(place=str(folder), found=busy, how=How.LEFT, note=note)
    rooms = config.state / "gateway" / "spool"
    if rooms.is_dir():
        from mendwire.gateway.clearing import clear_rooms  # noqa: PLC0415 - an extra

        found, busy = await clear_rooms(rooms, eraser, for_real=for_real)
        yield Erased(place=str(rooms), found=found, how=How.CLEARED)
        if busy:
            note = "a gateway that runs has them open: give this command again when it is stopped"
            yield Erased(place=str(rooms), found=busy, how=How.LEFT, note=note)
    for patch in await asyncio.to_thread(_patches, config.state / "patches", eraser):
        note = "the patch itself has the text: read it, then remove the file"
        yield Erased(place=str(patch), found=1, how=How.LEFT, note=note)


def _patches(folder: Path, eraser: Eraser) -> list[Path]:
    """Fixes that were handed over as files are a person's to change."""
    found = sorted(folder.glob("*.patch"))
    return [path for path in found if eraser.finds(path.read_text("utf-8", "replace"))]
