"""Writes the tables that this client shares with the Python side.

    python clients/node/tables.py

A test (tests/unit/test_node_tables.py) fails when a file is not what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mendwire.model.scrub import forms, keys
from mendwire.model.signature.v1 import tables

SOURCES = Path(__file__).parent / "src"


def secrets() -> Mapping[str, object]:
    """What credentials look like, and what the keys are called under which they stand."""
    return {
        "forms": [
            {"kind": kind, "hints": hints, "pattern": pattern.pattern}
            for kind, hints, pattern in forms.FORMS
        ],
        "endings": keys._ENDINGS,
        "harmless": keys._HARMLESS,
        "about": keys._ABOUT,
        "inside": keys._INSIDE,
        "whole": keys._WHOLE,
    }


def signature() -> Mapping[str, object]:
    """What version 1 of the keys is made of."""
    return {
        "version": tables.VERSION,
        "caps": tables.CAPS,
        "words": tables.WORDS,
        "patterns": tables.PATTERNS,
        "data_phrases": tables.DATA_PHRASES,
    }


def files() -> Mapping[Path, str]:
    """Every file with its text."""
    made = {"secrets.json": secrets(), "signature/tables.json": signature()}
    return {
        SOURCES / name: json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        for name, found in made.items()
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(SOURCES)}")
