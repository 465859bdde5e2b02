"""Writes src/tables.json: the tables that this client shares with the Python side.

    python clients/node/tables.py

A test (tests/unit/test_node_tables.py) fails when the file is not what this makes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mendwire.model import credentials, scrub

TABLES = Path(__file__).parent / "src" / "tables.json"


def tables() -> dict[str, Any]:
    """Everything that is data there and would drift if it were typed twice."""
    return {
        "credentials": {
            "forms": [
                {"kind": kind, "hints": list(hints), **pattern_of(pattern)}
                for kind, hints, pattern in credentials.FORMS
            ],
            "words": [[kind, list(words)] for kind, words in credentials._WORDS],
            "inside": [[kind, list(words)] for kind, words in credentials._INSIDE],
        },
        "scrub": module_tables(scrub),
    }


def module_tables(module: Any) -> dict[str, Any]:
    """The patterns and sets of texts at the top of a module, by their names in small letters."""
    found: dict[str, Any] = {}
    for name, value in sorted(vars(module).items()):
        plain = name.strip("_").lower()
        if not name.isupper():
            continue
        if isinstance(value, re.Pattern):
            found[plain] = pattern_of(value)
        elif isinstance(value, frozenset):
            found[plain] = sorted(value)
        elif isinstance(value, int | str):
            found[plain] = value
    return found


def pattern_of(pattern: re.Pattern[str]) -> dict[str, Any]:
    """A pattern with those of its flags that change what it matches."""
    flags = {"ascii": re.ASCII, "ignore_case": re.IGNORECASE, "multiline": re.MULTILINE}
    given = {name: True for name, flag in flags.items() if pattern.flags & flag}
    return {"pattern": pattern.pattern, **given}


def text() -> str:
    """The file's text."""
    return json.dumps(tables(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TABLES.write_text(text(), encoding="utf-8")
    print(f"wrote {TABLES.name}")
