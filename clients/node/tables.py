"""Writes the tables that this client shares with the Python side.

    python clients/node/tables.py

A test (tests/unit/test_node_tables.py) fails when a file is not what this makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mendwire.model import credentials

SOURCES = Path(__file__).parent / "src"


def secrets() -> dict[str, Any]:
    """What credentials look like, and what the keys are called under which they stand."""
    return {
        "forms": [
            {"kind": kind, "hints": list(hints), "pattern": pattern.pattern}
            for kind, hints, pattern in credentials.FORMS
        ],
        "endings": [[kind, list(words)] for kind, words in credentials._WORDS],
        "inside": [[kind, list(words)] for kind, words in credentials._INSIDE],
    }


def files() -> dict[Path, str]:
    """Every file with its text."""
    return {SOURCES / "secrets.json": as_text(secrets())}


def as_text(tables: Any) -> str:
    return json.dumps(tables, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.name}")
