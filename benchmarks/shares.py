"""What each part of a running `mendwire up` takes of the memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.processes import Processes

_NAMES: Final = {"nats-server": "NATS server", "mendwire.screen.child": "screen"}
_WHOLE: Final = "worker, gateway, dashboard"
_OTHERS: Final = "work on cases"


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one process, or some, take; in megabytes."""

    who: str
    pss: float
    """Pages shared with others counted by their share."""
    rss: float


def shares(pid: int) -> list[Share]:
    """Of the process and its descendants; what works on cases (git, tests) is one. Linux alone."""
    found: dict[str, Share] = {}
    for process in Processes([pid]).all():
        with suppress(psutil.Error, OSError, KeyError):  # it has just ended
            one = _share(process, pid)
            before = found.get(one.who)
            found[one.who] = total((one, before), one.who) if before else one
    return sorted(found.values(), key=lambda one: -one.pss)


def total(several: Iterable[Share], who: str = "all") -> Share:
    """Added up."""
    kept = list(several)
    return Share(who=who, pss=sum(one.pss for one in kept), rss=sum(one.rss for one in kept))


def _share(process: psutil.Process, whole: int) -> Share:
    words = " ".join(process.cmdline())
    who = next((name for sign, name in _NAMES.items() if sign in words), _OTHERS)
    found = re.findall(
        r"(?m)^(\w+): +(\d+) kB", Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    )
    sizes = {name: int(size) * 1024 / 1e6 for name, size in found}
    return Share(
        who=_WHOLE if process.pid == whole else who,
        pss=sizes["Pss"] + sizes.get("SwapPss", 0.0),
        rss=sizes["Rss"],
    )
