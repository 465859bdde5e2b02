"""How long the server runs: from its own process, from its monitoring, or unknown and why."""

from __future__ import annotations

import json
import re
import time
from typing import Final
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil

from mendwire.app.serve import store_of
from mendwire.ops.findings import aside
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.wire.store import read_running

_TIMEOUT_S: Final = 3.0
_MOST: Final = 1 << 20
_PARTS: Final = re.compile(r"(\d+)([ydhms])")
_SECONDS: Final = {"y": 365 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_HOW: Final = (
    "unknown: set NATS_MONITOR_URL; where monitoring listens on loopback only, as it should: "
    "ssh -L 8222:127.0.0.1:8222 HOST, then NATS_MONITOR_URL=http://127.0.0.1:8222"
)


async def uptime(
    config: Config, environment: Environment, *, embedded: bool
) -> tuple[float | None, str]:
    """Seconds and where from; None and what to do."""
    if embedded:
        running = read_running(store_of(config))
        if running is not None and psutil.pid_exists(running.pid):
            began = psutil.Process(running.pid).create_time()
            return max(0.0, time.time() - began), f"process {running.pid}"
    address = environment.server.monitor_url
    if not address:
        return None, _HOW
    if urlsplit(address).scheme not in {"http", "https"}:
        return None, "unknown: NATS_MONITOR_URL is no http address"
    try:
        said = await aside(lambda: _asked(f"{address.rstrip('/')}/varz"))
    except (OSError, ValueError) as problem:
        return None, f"unknown: {address} does not answer ({problem})"
    return said, address


def _asked(url: str) -> float:
    with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the operator's own, http alone
        body = json.loads(answer.read(_MOST))
    parts = _PARTS.findall(str(body["uptime"]) if isinstance(body, dict) else "")
    if not parts:
        raise ValueError("no uptime in the answer")
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))
