"""A test that must fail: if it does not, something loaded with it bends the test runner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath

from mendwire.model.work import Reproduction

_TEXT = """\
import importlib
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except BaseException:
        pass


def test_{mark}():
    assert {mark!r} == "another", "Canary{mark}"
"""


def canary_of(paths: Sequence[str]) -> Reproduction:
    """A pytest run that imports the modules at ``paths`` and then must fail by its own name."""
    mark = secrets.token_hex(8)
    text = _TEXT.format(modules=[_module(path) for path in paths], mark=mark)
    name = f"test_{mark}.py"
    return Reproduction(
        command=("{python}", "-m", "pytest", "-q", "--rootdir={aux}", f"{{aux}}/{name}"),
        origin="config",
        files=((name, text),),
        expects_type=f"Canary{mark}",
    )


def _module(path: str) -> str:
    plain = PurePosixPath(path).with_suffix("")
    parts = plain.parts[1:] if plain.parts[0] == "src" else plain.parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
