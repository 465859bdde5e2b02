"""Whom texts are taken from, and under what licence: pinned here, read again from the package."""

from __future__ import annotations

import email
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALLOWED: Final = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "PSF-2.0",
        "PostgreSQL",
    }
)
"""Licences that let a sentence be carried on with its source named. Nothing that spreads."""
_NAMES: Final = (
    ("Apache-2.0", r"apache[ -](?:software )?licen[sc]e|apache[ -]?2|apache license"),
    ("BSD-2-Clause", r"bsd[ -]?2|simplified bsd|freebsd"),
    ("BSD-3-Clause", r"bsd"),
    ("ISC", r"\bisc\b|\bsudo\b"),
    ("PostgreSQL", r"postgresql"),
    ("PSF-2.0", r"\bpsf|python software foundation"),
    ("MIT", r"\bmit\b|\bexpat\b"),
)
_TEXTS: Final = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("MIT", r"Permission is hereby granted, free of charge"),
    ("BSD-3-Clause", r"Redistribution and use in source and binary forms.{0,2000}Neither the name"),
    ("BSD-2-Clause", r"Redistribution and use in source and binary forms"),
    ("ISC", r"Permission to use, copy, modify, and(?:/or)? distribute this software for any"),
)
_REFUSED: Final = re.compile(r"(?i)\b(?:A?L?GPL|copyleft|SSPL|BUSL|CC-BY|non-?commercial|MPL|EPL)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One pinned package."""

    client: str
    """pypi, npm, go, crate or debian."""
    name: str
    version: str
    licence: str
    """SPDX; what reading it must find again."""
    rows: int
    """The most texts taken from it, catalogues apart."""
    translated: int
    """The most texts taken from its catalogues for each language."""


def pinned(path: Path) -> list[Package]:
    """The list beside this file: client name version licence rows translated."""
    packages = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            client, name, version, licence, rows, translated = line.split()
            packages.append(
                Package(
                    client=client,
                    name=name,
                    version=version,
                    licence=licence,
                    rows=int(rows),
                    translated=int(translated),
                )
            )
    return packages


def licence_of(folder: Path, client: str) -> str:
    """The SPDX name that the package's own metadata gives; empty if it gives none we know."""
    said = _SAID[client](folder)
    found = _named(said) if said else ""
    return found or _worded(folder)


def _named(said: str) -> str:
    if said in ALLOWED:
        return said
    refused = _REFUSED.search(said) and not re.search(r"(?i)\bor\b", said)
    if refused:
        return ""
    return next((spdx for spdx, words in _NAMES if re.search(words, said.lower())), "")


def _worded(folder: Path) -> str:
    for path in sorted(folder.rglob("*")):
        if re.match(r"(?i)(?:licen[sc]e|copying)(?:[.-][\w.]+)?$", path.name) and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for spdx, words in _TEXTS:
                if re.search(words, text, re.DOTALL):
                    return spdx
    return ""


def _python(folder: Path) -> str:
    for path in sorted(folder.rglob("METADATA")) + sorted(folder.rglob("PKG-INFO")):
        message = email.message_from_string(path.read_text(encoding="utf-8", errors="replace"))
        classifiers = [c for c in message.get_all("Classifier", []) if c.startswith("License ::")]
        first_line = (message.get("License") or "").split("\n")[0]
        said = message.get("License-Expression") or "; ".join(classifiers) or first_line
        return said or first_line
    return ""


def _npm(folder: Path) -> str:
    for path in sorted(folder.rglob("package.json"), key=lambda p: len(p.parts)):
        said = json.loads(path.read_text(encoding="utf-8")).get("license", "")
        return said if isinstance(said, str) else str(said.get("type", ""))
    return ""


def _crate(folder: Path) -> str:
    for path in sorted(folder.rglob("Cargo.toml"), key=lambda p: len(p.parts)):
        match = re.search(r'^license = "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
        return match[1] if match else ""
    return ""


def _debian(folder: Path) -> str:
    for path in sorted(folder.rglob("copyright")):
        text = path.read_text(encoding="utf-8", errors="replace")
        match = re.search(r"^Files:\s*\*.*?^License:\s*([^\n]+)", text, re.MULTILINE | re.DOTALL)
        return match[1] if match else text[:3000] * bool(re.search("Apache|ISC", text[:3000]))
    return ""


def _none(_folder: Path) -> str:
    return ""


_SAID: Final = {
    "pypi": _python,
    "npm": _npm,
    "crate": _crate,
    "debian": _debian,
    "go": _none,
}
