"""What rules and classifier stop together of texts that the classifier was not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mendwire.errors import ScreenBroken
from mendwire.model.report import Trust
from mendwire.screen.classifier import Model
from mendwire.screen.decide import THRESHOLDS
from mendwire.screen.detect import Detector
from mendwire.screen.language import load_pipeline
from mendwire.screen.rules import load_rules

_AT_ONCE: Final = 64
_SILENT: Final = Model(table=np.zeros(2, np.int8), scale=0.0, bias=-100.0, slope=1.0, zero=0.0)
"""Weights that find nothing: what the rules do alone is seen with them."""


def ruled(texts: Sequence[str]) -> NDArray[np.float32]:
    """The score of each by the rules alone, 0 to 1; what breaks the screen has 1."""
    rules = load_rules()
    detector = Detector(rules, load_pipeline(rules, _SILENT))
    found: list[float] = []
    for at in range(0, len(texts), _AT_ONCE):
        found += [
            1.0 if isinstance(one, ScreenBroken) else one.score
            for one in detector.of_texts(texts[at : at + _AT_ONCE])
        ]
    return np.array(found, np.float32)


def stopped(rules: NDArray[np.float32], odds: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which are stopped, from the rules' scores and the classifier's calibrated log-odds.

    As if both had found it in the same message: where it stood is not known any more.
    """
    alone = 1.0 / (1.0 + np.exp(-odds.astype(np.float64)))
    both = 1.0 - (1.0 - rules) * (1.0 - alone)
    return both >= THRESHOLDS[Trust.TRUSTED].restrict
