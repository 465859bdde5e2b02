"""The encoder: a small transformer that reads a sentence whole, with numpy alone.

Where the classifier adds up words, this one sees who is told what: an order that is quoted is none.
It costs milliseconds, so it reads only what the classifier finds doubtful. A text is read by
itself, never in a batch, so that its odds hang on nothing else. Its weights are four bits each, in
``encoder.npz`` beside this file; ``encoder.json`` says what they were made from, and
``training/screen/encoder`` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mendwire.errors import ScreenUnavailable
from mendwire.screen.wordpieces import MOST, WordPieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

GROUP: Final = 64
"""Weights of one row that share a scale."""
HALF: Final = 7
"""The largest step: four bits hold -7 to 7."""
CERTAIN: Final = 4.6
"""Log-odds of 0.99: what it was taught is an attack was so with that probability."""
_LETTERS: Final = 2.0
"""Letters of a piece, on average, below which a text cannot be read: English has four, identifiers
three, numbers and other scripts one."""
_ROWS: Final = 4
"""Products of so many rows, or of a multiple, are a fifth faster than of one row less."""
_TINY: Final = np.float32(1e-12)
_STEEP: Final = np.float32(-1.702)


@dataclass(frozen=True, kw_only=True, slots=True)
class Norm:
    """Scales and shifts values that were brought to mean 0 and variance 1."""

    scale: Floats
    shift: Floats

    def __call__(self, x: Floats) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        spread: Floats = np.sqrt((x * x).mean(-1, keepdims=True) + _TINY)
        return x / spread * self.scale + self.shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Linear:
    """(inputs, outputs), and what is added."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        return x @ self.weight + self.bias


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Attention, then two linear maps; what comes in is added to what goes out."""

    mixed: Linear
    """Queries, keys and values side by side."""
    joined: Linear
    first: Norm
    wide: Linear
    narrow: Linear
    second: Norm

    def __call__(self, x: Floats, heads: int, there: int) -> Floats:
        """Of the rows the first ``there`` are a text, and the others fill them up."""
        count, size = x.shape
        asked, known, given = (
            self.mixed(x).reshape(count, 3, heads, size // heads).transpose(1, 2, 0, 3)
        )
        known, given = known[:, :there], given[:, :there]
        share = asked @ known.transpose(0, 2, 1) * np.float32((size // heads) ** -0.5)
        share = np.exp(share - share.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        x = self.first(x + self.joined((share @ given).transpose(1, 0, 2).reshape(count, size)))
        wide = self.wide(x)
        return self.second(x + self.narrow(wide / (1 + np.exp(wide * _STEEP))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Early:
    """Log-odds at which an answer is the last one, whatever layers are left, and counts as
    certain.
    """

    clear: float
    sure: float


NEVER: Final = Early(clear=float("-inf"), sure=float("inf"))
"""Every layer is asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """The weights; ``odds`` reads with them."""

    words: WordPieces
    pieces: Floats
    """A row for each piece of the vocabulary."""
    places: Floats
    """A row for each place in a text."""
    begun: Norm
    layers: tuple[Layer, ...]
    answers: tuple[Linear, ...]
    """One after each layer, of the mean of its rows."""
    heads: int
    early: Early

    def odds(self, text: str) -> float | None:
        """Log-odds, not calibrated, that a text is an attack; None for what it cannot read.

        That is what is no language, or one that the vocabulary has no words of.
        """
        ids = self.words.ids(text)
        if len(ids) == MOST or len(text.replace(" ", "")) < _LETTERS * (len(ids) - 2):
            return None
        odds = 0.0
        for asked, odds in enumerate(self._answers(ids), 1):
            if asked < len(self.layers):
                if odds <= self.early.clear:
                    return -CERTAIN
                if odds >= self.early.sure:
                    return CERTAIN
        return odds

    def answered(self, text: str) -> list[float]:
        """The log-odds after each layer."""
        return list(self._answers(self.words.ids(text)))

    def _answers(self, ids: list[int]) -> Iterator[float]:
        there = len(ids)
        ids = ids + [ids[-1]] * (-there % _ROWS)
        x = self.begun(self.pieces[ids] + self.places[: len(ids)])
        for layer, answer in zip(self.layers, self.answers, strict=True):
            x = layer(x, self.heads, there)
            yield float(answer(x[:there].mean(0))[0])


def load_encoder() -> tuple[Encoder, dict[str, Any]]:
    """The shipped weights and their card; raises ScreenUnavailable."""
    try:
        place = resources.files(__package__)
        card: dict[str, Any] = json.loads(place.joinpath("encoder.json").read_text("utf-8"))
        with place.joinpath("encoder.npz").open("rb") as file, np.load(file) as kept:
            return read_encoder(kept, read_early(card["early"])), card
    except (OSError, ValueError, KeyError) as problem:
        raise ScreenUnavailable(
            f"The screen's encoder is missing from the installation or damaged ({problem}); "
            "reinstall mendwire."
        ) from None


def read_early(card: Any) -> Early:  # noqa: ANN401 - JSON
    """Raises KeyError or ValueError for what is none."""
    return Early(clear=float(card["clear"]), sure=float(card["sure"]))


def read_encoder(kept: Any, early: Early) -> Encoder:  # noqa: ANN401 - an open .npz, or a mapping like it
    """An encoder from the arrays of a file; raises KeyError or ValueError for another file's."""

    def exact(name: str) -> Floats:
        return np.asarray(kept[name], np.float32)

    def norm(name: str) -> Norm:
        return Norm(scale=exact(f"{name}.weight"), shift=exact(f"{name}.bias"))

    def linear(name: str) -> Linear:
        rows = unpacked(kept[f"{name}.weight"], kept[f"{name}.scales"])
        return Linear(weight=np.ascontiguousarray(rows.T), bias=exact(f"{name}.bias"))

    layers, heads = (int(number) for number in kept["shape"])
    return Encoder(
        words=WordPieces(bytes(kept["vocabulary"]).decode().split("\n")),
        pieces=unpacked(kept["pieces.weight"], kept["pieces.scales"]),
        places=exact("places"),
        begun=norm("begun"),
        layers=tuple(
            Layer(
                mixed=linear(f"{number}.mixed"),
                joined=linear(f"{number}.joined"),
                first=norm(f"{number}.first"),
                wide=linear(f"{number}.wide"),
                narrow=linear(f"{number}.narrow"),
                second=norm(f"{number}.second"),
            )
            for number in range(layers)
        ),
        answers=tuple(
            Linear(weight=exact(f"answers.{number}.weight").T, bias=exact(f"answers.{number}.bias"))
            for number in range(layers)
        ),
        heads=heads,
        early=early,
    )


def unpacked(packed: NDArray[np.uint8], scales: NDArray[np.float16]) -> Floats:
    """Rows of weights: two steps a byte, the even ones low, times the scale of their group."""
    steps = np.stack([packed & 15, packed >> 4], -1).astype(np.float32) - (HALF + 1)
    rows = steps.reshape(*scales.shape, GROUP) * scales.astype(np.float32)[..., None]
    return rows.reshape(len(scales), -1)
