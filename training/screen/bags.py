"""Texts as windows to learn from, cut by the screen itself: what it will see is what it learns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mendwire.screen.classifier import SENSE, windows
from mendwire.screen.grams import grams
from mendwire.screen.normalise import fold
from mendwire.screen.pieces import pieces_of
from mendwire.screen.repeats import readable
from training.screen.corpus import Text
from training.screen.fit import Windows

_WORD: Final = re.compile(r"[^\W_]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SHARE_OF_WINDOW: Final = 0.5
_SHARE_OF_PAYLOAD: Final = 0.6
_TWIN: Final = 3.0
"""How much more a harmless text counts that was made to look like an attack."""
_TOGETHER: Final = 2_000
"""Pieces hashed at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """Windows, and the text that each comes from."""

    windows: Windows
    texts: NDArray[np.int64]
    """Index of each window's text."""


def learned(texts: Sequence[Text], bits: int) -> Learned:
    """The windows of all texts; of an attack's only those in which the attack stands.

    Pieces seen before are left out, an attack's within the same attack only.
    """
    pieces: list[str] = []
    owners: list[int] = []
    seen: set[tuple[str, str]] = set()
    for number, text in enumerate(texts):
        for piece in pieces_of(text.text):
            words = readable(piece.text)
            key = (words, text.payload)
            if words and key not in seen:
                seen.add(key)
                pieces.append(words)
                owners.append(number)
    rows: list[NDArray[np.uint32]] = []
    of_text: list[int] = []
    for at in range(0, len(pieces), _TOGETHER):
        chosen = pieces[at : at + _TOGETHER]
        for owner, row in _rows(chosen, owners[at : at + _TOGETHER], texts, bits):
            rows.append(row)
            of_text.append(owner)
    owner_of = np.array(of_text, np.int64)
    labels = np.array([bool(text.payload) for text in texts], np.float32)[owner_of]
    weights = np.array([_TWIN if text.twin else 1.0 for text in texts], np.float32)[owner_of]
    return Learned(
        windows=Windows(
            rows=np.concatenate(rows),
            bounds=np.append(0, np.cumsum([len(row) for row in rows])),
            labels=labels,
            bags=owner_of,
            weights=weights,
        ),
        texts=owner_of,
    )


def _rows(
    pieces: list[str], owners: list[int], texts: Sequence[Text], bits: int
) -> list[tuple[int, NDArray[np.uint32]]]:
    given = grams(pieces, bits)
    begins, ends, of_piece = windows(given)
    first = np.searchsorted(given.word_starts, begins)
    last = np.searchsorted(given.word_starts, ends)
    opens = np.searchsorted(given.sense_starts, begins)
    shuts = np.searchsorted(given.sense_starts, ends)
    found = []
    for begin, end, piece, low, high, meant in zip(
        begins, ends, of_piece, first, last, map(slice, opens, shuts), strict=True
    ):
        text = texts[owners[piece]]
        if text.payload:
            start = given.starts[piece]
            shown = pieces[piece][max(0, begin - start - 1) : end - start]
            if not _holds(shown, text.payload):
                continue
        row = np.concatenate(
            [
                given.letters[:, begin:end].ravel(),
                given.words[:, low:high].ravel(),
                np.repeat(given.senses[meant], SENSE),
            ]
        )
        found.append((owners[piece], row))
    return found


def _holds(window: str, payload: str) -> bool:
    """Whether a window is made of the payload, or holds most of it."""
    there, wanted = set(_WORD.findall(window)), set(_WORD.findall(fold(payload)))
    both = len(there & wanted)
    return both >= _SHARE_OF_WINDOW * len(there) or both >= _SHARE_OF_PAYLOAD * len(wanted)
