"""Packages of npm for a journey: installed once, exactly as their lock file says."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = Path(__file__).with_name("node")
_OLDEST = 20
_WITHIN_S = 90


def installed(name: str) -> Path:
    """The folder of ``tests/node`` with its packages; skips where Node or npm are not to be had."""
    folder = NODE / name
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < _OLDEST:
        pytest.skip(f"node {version.strip()} is older than the packages allow ({_OLDEST})")
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of the tests may come at once
        stamp = folder / "node_modules" / ".installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(npm, folder)
            stamp.write_text(wanted)
    return folder


def _install(npm: str, folder: Path) -> None:
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    clean = {name: text for name, text in os.environ.items() if name != "NODE_OPTIONS"}
    try:
        done = subprocess.run(
            [npm, *words],
            cwd=folder,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci was not done within {_WITHIN_S} s")  # .ci/run calls it before
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"npm ci failed: {done.stderr[-2000:]}")
        pytest.skip(f"npm ci failed: {done.stderr.strip().splitlines()[-1:]}")
