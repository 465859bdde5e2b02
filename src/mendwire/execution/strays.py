"""Finding and killing what a run left behind, by the marker in its environment.

The keeper leaves nothing behind; this is for when the keeper itself was killed. A marker reads
``<prefix>.<pid>.<start>.<serial>.<namespace>``: whose run it was can be told, and whether that one
still lives. The numbers of another namespace (a container on this machine) say nothing here.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

VARIABLE: Final = "MENDWIRE_RUN"
_GIVE_UP_S: Final = 5.0

_serial = itertools.count(1)


def new_marker(prefix: str) -> str:
    """A marker of this process, never used before; ``prefix`` must not contain a dot."""
    return f"{prefix}.{os.getpid()}.{_started(os.getpid())}.{next(_serial)}.{_namespace()}"


def reap_strays(marker_prefix: str = "mendwire") -> int:
    """Kill every process of a run whose Mendwire is dead; how many there were.

    Call it at start. Takes a few milliseconds for each hundred processes of the machine.
    """
    return _kill_where(lambda marker: marker.split(".")[0] == marker_prefix and _orphaned(marker))


def kill_marked(marker: str) -> int:
    """Kill every process of one run; how many there were."""
    return _kill_where(lambda found: found == marker)


def _kill_where(wanted: Callable[[str], bool]) -> int:
    killed: set[int] = set()
    deadline = time.monotonic() + _GIVE_UP_S
    while alive := [process for process, marker in _marked() if wanted(marker)]:
        killed |= {process.pid for process in alive}
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in alive:
                _send(process, number)
        psutil.wait_procs(alive, timeout=0.2)
        if time.monotonic() > deadline:
            break
    return len(killed)


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def _marked() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        try:
            marker = process.environ().get(VARIABLE, "")
            gone = process.status() == psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
        if marker and not gone and process.pid != os.getpid():
            yield process, marker


def _orphaned(marker: str) -> bool:
    _prefix, pid, started, _number, namespace = (*marker.split("."), "", "", "", "")[:5]
    if namespace and namespace != _namespace():
        return False
    return not pid.isdigit() or _started(int(pid)) != started


def _namespace() -> str:
    """The number of our process namespace; empty where the system has none."""
    try:
        return "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in milliseconds since the epoch; empty when there is none."""
    try:
        return str(round(psutil.Process(pid).create_time() * 1000))
    except psutil.Error:
        return ""
