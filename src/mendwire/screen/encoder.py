"""The encoder: a small transformer that reads a sentence whole.

Where the classifier adds up words, this one sees who is told what: an order that is quoted is none.
It costs a millisecond, so it reads only what the classifier finds doubtful. A text is read by
itself, never in a batch, so that its odds hang on nothing else. Its layers are graphs for
onnxruntime in ``encoder.npz`` beside this file, with weights of four bits; ``encoder.json`` says
what they were made from, and ``training/screen/encoder`` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from mendwire.errors import ScreenUnavailable
from mendwire.screen.wordpieces import MOST, WordPieces

CERTAIN: Final = 4.6
"""Log-odds of 0.99: what it was taught is an attack was so with that probability."""
_LETTERS: Final = 2.0
"""Letters of a piece, on average, below which a text cannot be read: English has four, identifiers
three, numbers and other scripts one."""
_ERRORS: Final = 3
"""The lowest level of onnxruntime's own log that is shown."""
_FOLDED: Final = "session.disable_quant_qdq"
"""Weights are brought to eight bits once, when they are loaded, and not with each text."""


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
    """The layers; ``odds`` reads with them."""

    words: WordPieces
    layers: tuple[InferenceSession, ...]
    """The first takes ``ids``, the others the ``rows`` of the one before; each gives ``rows`` and
    its ``odds``."""
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
        return max(-CERTAIN, min(odds, CERTAIN))

    def answered(self, text: str) -> list[float]:
        """The log-odds after each layer."""
        return list(self._answers(self.words.ids(text)))

    def _answers(self, ids: list[int]) -> Iterator[float]:
        given = {"ids": np.array(ids, np.int64)}
        for layer in self.layers:
            rows, odds = layer.run(None, given)
            yield float(odds[0])
            given = {"before": rows}


def load_encoder() -> tuple[Encoder, dict[str, Any]]:
    """The shipped layers and their card; raises ScreenUnavailable."""
    try:
        place = resources.files(__package__)
        card: dict[str, Any] = json.loads(place.joinpath("encoder.json").read_text("utf-8"))
        with place.joinpath("encoder.npz").open("rb") as file, np.load(file) as kept:
            return read_encoder(kept, read_early(card["early"])), card
    except Exception as problem:  # noqa: BLE001 - onnxruntime's have no base of their own
        raise ScreenUnavailable(
            f"The screen's encoder is missing from the installation or damaged ({problem}); "
            "reinstall mendwire."
        ) from None


def read_early(card: Any) -> Early:  # noqa: ANN401 - JSON
    """Raises KeyError or ValueError for what is none."""
    return Early(clear=float(card["clear"]), sure=float(card["sure"]))


def read_encoder(kept: Any, early: Early) -> Encoder:  # noqa: ANN401 - an open .npz, or a mapping like it
    """An encoder from the arrays of a file; raises KeyError, or an error of onnxruntime."""
    words = WordPieces(bytes(kept["vocabulary"]).decode().split("\n"))
    count = sum(name.startswith("layer") for name in kept)
    layers = tuple(loaded_graph(bytes(kept[f"layer{number}"])) for number in range(count))
    return Encoder(words=words, layers=layers, early=early)


def loaded_graph(graph: bytes) -> InferenceSession:
    """On the calling thread alone: small products are slower on two cores than on one."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS
    options.enable_cpu_mem_arena = False  # it keeps what loading took, and gains nothing here
    options.add_session_config_entry(_FOLDED, "1")
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
