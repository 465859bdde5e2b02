"""The server gone under load, the gateway killed meanwhile: what was acknowledged arrives once.

``MENDWIRE_OUTAGE_S`` is how long the server stays away; short where nobody says otherwise.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway_stage import ENV, NAMES, GatewayStage, gateway_stage

AWAY_S = float(os.environ.get("MENDWIRE_OUTAGE_S", "3"))
CLIENTS = 4
PAUSE_S = 0.01 if AWAY_S < 30 else 0.1
DRAINED_WITHIN_S = 90.0
_LETTERS = "bcdfghjklm"


@dataclass(kw_only=True)
class Load:
    """Clients that send distinct errors until told to stop, each again until it is taken."""

    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    """Answers and connections that were no acknowledgement; the event was sent again."""
    over: threading.Event = field(default_factory=threading.Event)

    def send(self, stage: GatewayStage, client: int) -> None:
        """One client, in a thread of its own."""
        path, number = stage.key("server").envelope, 0
        while not self.over.is_set():
            number += 1
            name = f"broken_{_word(client)}_{_word(number)}"
            body = _envelope(name, f"{client:08x}{number:024x}")
            while not self._is_taken(stage, path, body):
                if self.over.is_set() and (
                    stage.process is None or stage.process.poll() is not None
                ):
                    return  # nobody is there who could take it
                self.refused += 1
                time.sleep(0.1)
            self.acknowledged.add(name)
            time.sleep(PAUSE_S)

    def _is_taken(self, stage: GatewayStage, path: str, body: bytes) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return stage.post(path, body)[0] == 200
        return False


def _word(number: int) -> str:
    return "".join(_LETTERS[int(digit)] for digit in str(number))


def _envelope(function: str, event_id: str) -> bytes:
    frame = {"filename": "shop.py", "function": function, "lineno": 3, "in_app": True}
    raised = {"type": "ValueError", "value": "no", "stacktrace": {"frames": [frame]}}
    event = {
        "event_id": event_id,
        "level": "error",
        "platform": "python",
        "release": "shop@1",
        "exception": {"values": [raised]},
    }
    payload = json.dumps(event).encode()
    return b'{}\n{"type":"event","length":%d}\n%s\n' % (len(payload), payload)


async def test_what_was_acknowledged_arrives_once_whatever_dies(tmp_path: Path) -> None:
    async with gateway_stage(tmp_path / "gateway") as stage:
        stage.key("server", "--env", ENV, "--trust", "trusted")
        stage.start()
        load = Load()
        clients = [
            asyncio.create_task(asyncio.to_thread(load.send, stage, number))
            for number in range(CLIENTS)
        ]
        try:
            await _grown(load, 20)
            stage.server.kill()
            await _grown(load, 20)  # into the spool
            await asyncio.sleep(AWAY_S / 2)
            stage.kill()
            await asyncio.to_thread(stage.start)
            await _grown(load, 20)
            await asyncio.sleep(AWAY_S / 2)
            await stage.server.start()
            await _grown(load, 20)
        finally:
            load.over.set()
            await asyncio.gather(*clients)
        drained = time.monotonic()
        stored = await _drained(stage, len(load.acknowledged))
        sys.stdout.write(
            f"{len(load.acknowledged)} acknowledged, {load.refused} sent again, {len(stored)} "
            f"stored, {time.monotonic() - drained:.1f} s until the last one was\n"
        )
        assert sorted(stored) == sorted(load.acknowledged)


async def _grown(load: Load, count: int) -> None:
    """Return once so many more were acknowledged."""
    wanted = len(load.acknowledged) + count
    async with asyncio.timeout(60):
        while len(load.acknowledged) < wanted:
            await asyncio.sleep(0.05)


async def _drained(stage: GatewayStage, wanted: int) -> list[str]:
    """The crashed function of every stored report, once nothing waits in the spool."""
    stream = NAMES.error_stream(ENV)
    async with asyncio.timeout(DRAINED_WITHIN_S):
        while stage.get("/readyz")["spooled_bytes"] or await stage.count(stream) < wanted:
            await asyncio.sleep(0.1)
    return [report.calls[-1] for report in await stage.messages(stream)]
