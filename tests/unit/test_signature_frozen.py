"""The fence around version 1: whoever changes a key makes a version 2 beside it.

A key that changes is an error that is published again, on every server at once, and a case that no
longer meets its own reports. So neither the vectors nor the modules that make them may change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import mendwire.model.signature
from mendwire.model.signature.v1 import tables

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "golden" / "signature" / "v1.jsonl"
MODULES = Path(mendwire.model.signature.__file__).parent / "v1"
ADVICE = "Version 1 is frozen: add signature/v2 with vectors of its own instead of changing it."

VECTORS_SHA256 = "c65eda0eceb5946e3b13c9e15682f43c476fa575181359ef6e93bad0d383e468"
MODULES_SHA256 = "533749eb011f12d9435033ccd4a5286d72d051811c792a5fb8cb318faf271492"


def modules_sha256() -> str:
    """Of every module's name and text, so that a new one counts too."""
    digest = hashlib.sha256()
    for path in sorted(MODULES.glob("*.py")):
        text = path.read_bytes()
        digest.update(f"{path.name} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def test_the_vectors_are_those_that_were_frozen() -> None:
    assert hashlib.sha256(VECTORS.read_bytes()).hexdigest() == VECTORS_SHA256, ADVICE


def test_the_modules_are_those_that_were_frozen() -> None:
    assert modules_sha256() == MODULES_SHA256, ADVICE
    assert tables.VERSION == "v1"


def test_version_1_leans_on_nothing_that_may_change() -> None:
    allowed = ("mendwire.model.signature.v1", "mendwire.model.report")
    for path in MODULES.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(("import ", "from ")) and "mendwire" in line:
                assert line.split()[1].startswith(allowed), f"{path.name}: {line}"
