"""What the agent's offline shell needs is brought back where the sandbox empties its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mendwire.execution.sandbox import offline_paths


def test_an_installation_below_tmp_is_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/tmp/venv")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    found = offline_paths()
    assert Path("/tmp/venv") in found
    assert Path("/usr") not in found
