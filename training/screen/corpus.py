"""What the classifier is trained on: the rows of this repository, composed into reports."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.screen import compose
from training.screen.carriers import CARRIERS

HERE: Final = Path(__file__).parent
_SENSES: Final = HERE.parents[1] / "src/mendwire/screen/senses.jsonl"
_LOOKALIKE: Final = frozenset({"hard", "twin", "advice", "field"})
"""Kinds of harmless texts that look like attacks: composed as fully as those."""
_ERRORS: Final = frozenset({"message", "log", "warning", "trace", "json", "header"})
_PROSE: Final = "prose"
"""What people write to each other, in no report's words: learned in a carrier and repeated, too."""
_WRAPPED: Final = 4
"""Of the other harmless texts one in so many is learned in a carrier too."""
_EVERY: Final = {"i18n": 4, "doc": 5, "comment": 5, "help": 5}
"""Of what is no error by itself one row in so many of others is learned: it orders people about."""
_PARTS: Final = 10
"""Parts that the harmless texts of our own are left out in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One text to learn from."""

    text: str
    payload: str
    """What in it is the attack; empty for a harmless one."""
    group: str
    """The family of an attack, the source of a harmless text."""
    left_out_with: str
    """What is left out together: the group, and of harmless texts of our own a part of it."""
    twin: bool = False
    """A harmless text made to look like an attack: it counts more."""
    is_prose: bool = False
    """What people write to each other."""
    is_error: bool = False
    """A harmless text of others, of the kinds that reports are made of; ours were made hard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Everything, and its fingerprint."""

    texts: tuple[Text, ...]
    sha256: str
    """Of the files, by name and content."""
    counts: dict[str, int]
    """Rows by group, before they are composed."""


def read_corpus(seed: int) -> Corpus:
    """Everything there is, in an order that hangs on the seed alone."""
    rows = [f"attack {row.family}" for row in compose.attack_rows()]
    rows += [f"harmless {_source(row.family, row.source)}" for row in compose.benign_rows()]
    return Corpus(
        texts=(*_harmless(seed), *_attacks(seed)),
        sha256=fingerprint(data_files()),
        counts=dict(sorted(Counter(rows).items())),
    )


def data_files() -> list[Path]:
    """The files whose fingerprint the model's card bears."""
    rows = sorted(HERE.glob("attacks/*.jsonl")) + sorted(HERE.glob("benign/*.jsonl"))
    return [*rows, HERE / "frames.jsonl", _SENSES]


def fingerprint(files: Sequence[Path]) -> str:
    """One hash of files, in order, by name and content."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.parent.name}/{file.name}\n".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def _attacks(seed: int) -> Iterator[Text]:
    for sample in compose.attacks(seed):
        yield Text(
            text=sample.text,
            payload=sample.payload,
            group=sample.family,
            left_out_with=sample.family,
        )


def _harmless(seed: int) -> Iterator[Text]:
    drawn = random.Random(seed)
    for number, row in enumerate(compose.benign_rows()):
        twin = row.family in _LOOKALIKE
        part = f" {number % _PARTS}" if row.source == "own" else ""
        group = _source(row.family, row.source)
        if row.family == _PROSE:
            texts = [row.text, *_longer(row.text, drawn)]
        elif twin:
            texts = [sample.text for sample in compose._of(row, seed, 0)]  # noqa: SLF001 - as it composes all, of some rows alone
        elif number % _EVERY.get(row.family, 1) and row.source != "own":
            continue
        else:
            texts = [row.text]
            if not number % _WRAPPED:
                fitting = [carrier for carrier in CARRIERS if carrier.fits(row.text)]
                texts += [drawn.choice(fitting).wrap(row.text, drawn)] if fitting else []
        for text in texts:
            yield Text(
                text=text,
                payload="",
                group=group,
                left_out_with=group + part,
                twin=twin,
                is_prose=row.family == _PROSE,
                is_error=row.family in _ERRORS and row.source != "own",
            )


def _longer(prose: str, drawn: random.Random) -> Iterator[str]:
    """What people write, over and over, and in the field of a report."""
    yield " ".join([prose] * drawn.randint(2, 12))
    fitting = [carrier for carrier in CARRIERS if carrier.fits(prose)]
    if fitting:
        yield drawn.choice(fitting).wrap(prose, drawn)


def _source(kind: str, source: str) -> str:
    return f"own {kind}" if source == "own" else source
