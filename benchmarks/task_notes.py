"""What every worker under measurement does for a job: note when it was called. Plain Python.

``BENCH_MARKS`` are numbers of calls after which what was noted is written to
``BENCH_OUT.<number>``. With ``BENCH_DIE`` the process kills itself in that call, once; each other
one is a line of ``BENCH_OUT.ran``.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

OUT = Path(os.environ.get("BENCH_OUT", "."))
MARKS = [int(mark) for mark in os.environ.get("BENCH_MARKS", "").split(",") if mark]
DIE = int(os.environ.get("BENCH_DIE", "0"))

_calls: list[tuple[int, int]] = []


def note(given: int) -> None:
    """``given`` is when the job was sent, of the monotonic clock; or its number, with DIE."""
    _calls.append((given, time.monotonic_ns()))
    if DIE:
        _perhaps_die(given)
    elif len(_calls) in MARKS:
        made = Path(f"{OUT}.new")
        made.write_text(json.dumps(_calls))
        made.rename(f"{OUT}.{len(_calls)}")


def _perhaps_die(number: int) -> None:
    died = Path(f"{OUT}.died")
    if len(_calls) == DIE and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with Path(f"{OUT}.ran").open("a") as ran:
        ran.write(f"{number}\n")
