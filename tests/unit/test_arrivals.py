"""Waiting for a module does not load it, and is not seen in it afterwards."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from mendwire.capture.arrivals import when_loaded
seen = []
when_loaded("colorsys", lambda: seen.append("rgb_to_hls" in vars(sys.modules["colorsys"])))
when_loaded("colorsys", lambda: seen.append("again"))
when_loaded("never.there", lambda: seen.append("never"))
assert seen == []
try:
    import never.there
except ModuleNotFoundError:
    pass
import colorsys
assert sorted(map(str, seen)) == ["True", "again"], seen
assert type(colorsys.__loader__).__name__ == "SourceFileLoader"
assert colorsys.__spec__.loader is colorsys.__loader__
when_loaded("colorsys", lambda: seen.append("at once"))
assert seen[-1] == "at once"
assert colorsys.rgb_to_hls(0, 0, 0) == (0.0, 0.0, 0.0)
"""


def test_work_is_done_when_the_module_comes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
