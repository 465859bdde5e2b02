"""A harmless row, how a text becomes one, and when two are the same."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIN_LENGTH: Final = 14
MAX_LENGTH: Final = 420
_NEAR_LETTERS: Final = 72
_MIN_LETTERS: Final = 0.55

# What a library says *to a model* is no harmless neighbour of an error: it reads like the attack
# itself, and nobody could label it. Such rows are left out on either side.
_TO_A_MODEL: Final = re.compile(
    r"(?i)\byou are (?:an?|the|now)\b.{0,60}\b(?:assistant|agent|expert|model|ai|bot)\b"
    r"|\byour (?:task|job|goal) is to\b|\brespond (?:only|in|with)\b|\bas an ai\b"
    r"|\b(?:ignore|disregard|forget)\b.{0,20}\b(?:previous|prior|above|earlier)\b.{0,20}"
    r"\b(?:instruction|prompt|rule|message)s?\b|\bjailbreak|\bDAN\b"
)
_SECRET: Final = re.compile(
    r"AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9]{32,}|xox[bp]-[0-9]{8,}|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|AIza[0-9A-Za-z_-]{35}"
)
_LAWYERS: Final = re.compile(
    r"(?i)copyright|licen[sc]ed under|all rights reserved|spdx-|permission is hereby|"
    r"redistribution and use|without warranty|@(?:param|return|throws|license|author|since)\b"
)
# Where packages come from is named nowhere in this repository.
_INDEX: Final = re.compile(r"(?i)\b(?:pypi\.|pythonhosted|npmjs\b|crates\.)")
UNFIT: Final = (_TO_A_MODEL, _SECRET, _LAWYERS, _INDEX)
"""What keeps a text from being a row."""
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE)
_BARE_TAG: Final = re.compile(r"</?[a-z][^>]{0,200}>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One harmless text."""

    text: str
    kind: str
    """message, log, warning, help, doc, comment, i18n, trace, json, header, hard, advice, ..."""
    language: str
    """ISO 639-1 of the prose, ``und`` where there is none."""
    source: str
    """The package's name, or ``own``; what leave-one-source-out leaves out."""
    version: str = ""
    """The package's version; empty for ``own``."""
    licence: str = "Apache-2.0"
    """SPDX, as the package's own metadata gives it."""

    def line(self) -> str:
        fields = {
            "text": self.text,
            "kind": self.kind,
            "language": self.language,
            "source": self.source,
            "version": self.version,
            "licence": self.licence,
        }
        return json.dumps({k: v for k, v in fields.items() if v}, ensure_ascii=False)


def cleaned(text: str) -> str | None:
    """The text as it would stand in a log, or None if it is not fit to be a row."""
    text = unicodedata.normalize("NFC", text.replace("\r", ""))
    text = _BARE_TAG.sub("", text)
    text = _ADDRESS.sub("ops@shop.example", text)
    text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH or " " not in text:
        return None
    if sum(char.isalpha() or char.isspace() for char in text) < _MIN_LETTERS * len(text):
        return None
    if any(unicodedata.category(char) in {"Co", "Cn", "Cs"} for char in text):
        return None
    return None if any(pattern.search(text) for pattern in UNFIT) else text


def near(text: str) -> str:
    """What two texts share that differ only in numbers, case, punctuation or their ends."""
    letters = "".join(char for char in text.casefold() if char.isalpha())
    return letters[:_NEAR_LETTERS] or text


def order(text: str) -> str:
    """A shuffle that is the same on every machine and hardly moves when rows are added."""
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, rows: Iterable[Row]) -> None:
    lines = sorted(row.line() for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            yield Row(**json.loads(line))
