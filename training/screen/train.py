"""Trains the screen's classifier: ``python -m training.screen.train``.

Writes ``model.npz`` and ``model.json`` into the package. The same data give the same bytes on one
machine; another processor may round differently in the last bit.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.screen.bags import Learned, learned
from training.screen.corpus import Corpus, Text, read_corpus
from training.screen.fit import Plan, Weights, fit, scores
from training.screen.together import ruled, stopped

PACKAGE: Final = Path(__file__).parents[2] / "src/mendwire/screen"
SEED: Final = 20261125
FOLDS: Final = 3
PLAN: Final = Plan()
BUDGET: Final = 0.004
"""Share of held-out genuine errors that may be restricted: of packages the model never met. Of
those it was trained on it restricts fewer, so all in all it is less than 0.2 %."""
TWIN_BUDGET: Final = 0.07
"""The same for harmless texts made to look like attacks."""
PROSE_BUDGET: Final = 0.14
"""The same for what people write to each other. Nearly half of it is a novel of 1851, left out
whole: of today's reviews and letters far less is restricted."""
_ROUNDS: Final = 40
_LEAST: Final = 1e-9
"""A step shorter than this is none."""


def main() -> None:
    """Train, measure by leaving groups out, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE, help="default: the package")
    parser.add_argument("--folds", type=int, default=FOLDS, help="parts to leave out in turn")
    arguments = parser.parse_args()
    corpus = read_corpus(SEED)
    with ProcessPoolExecutor(1) as beside:
        rules = beside.submit(ruled, [text.text for text in corpus.texts])
        material = learned(corpus.texts, PLAN.bits)
        say(f"{len(corpus.texts)} texts, {len(material.windows)} windows")
        held = left_out(corpus, material, arguments.folds)
        given = fit(material.windows, PLAN)
        say("rules")
        write(arguments.out, given, card(corpus, held, rules.result()))


def say(line: str) -> None:
    """Progress, for people."""
    sys.stderr.write(f"{line}\n")


def left_out(corpus: Corpus, material: Learned, folds: int) -> NDArray[np.float32]:
    """Each text's score by a model that saw nothing of its group."""
    together = sorted({text.left_out_with for text in corpus.texts})
    fold_of = {name: number % folds for number, name in enumerate(together)}
    folds_of_texts = np.array([fold_of[text.left_out_with] for text in corpus.texts])
    held = np.full(len(corpus.texts), -np.inf, np.float32)
    for fold in range(folds):
        mine = folds_of_texts[material.texts] == fold
        given = fit(material.windows, PLAN, np.flatnonzero(~mine))
        found = scores(given, material.windows, np.flatnonzero(mine))
        np.maximum.at(held, material.texts[mine], found)
        say(f"fold {fold + 1} of {folds}")
    return held


def card(corpus: Corpus, held: NDArray[np.float32], rules: NDArray[np.float32]) -> dict[str, Any]:
    """What the model is made of and was seen to do; no date: the same data, the same card."""
    slope, zero = calibrated(corpus.texts, held)
    return {
        "name": "mendwire_classifier",
        "licence": "Apache-2.0",
        "data_sha256": corpus.sha256,
        "rows": corpus.counts,
        "plan": asdict(PLAN),
        "budget": {"genuine": BUDGET, "twins": TWIN_BUDGET, "prose": PROSE_BUDGET},
        "calibration": {"slope": slope, "zero": zero},
        "left_out": by_group(corpus.texts, held >= zero, stopped(rules, (held - zero) * slope)),
    }


def calibrated(texts: Sequence[Text], held: NDArray[np.float32]) -> tuple[float, float]:
    """Platt's slope on scores of held-out texts, and the score at which a budget is spent."""
    attacks = np.array([bool(text.payload) for text in texts])
    twins = np.array([text.twin for text in texts])
    prose = np.array([text.is_prose for text in texts])
    errors = np.array([text.is_error for text in texts])
    seen = np.isfinite(held)
    x, y = held[seen].astype(float), attacks[seen].astype(float)
    share = np.where(y > 0, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    slope = _platt(x, y, share)
    spends = {
        "genuine": _spent(held[errors], BUDGET),
        "twins": _spent(held[~attacks & twins], TWIN_BUDGET),
        "prose": _spent(held[prose], PROSE_BUDGET),
    }
    say(", ".join(f"{name} {score:.3f}" for name, score in spends.items()))
    spent = max(spends.values())
    return round(slope, 4), round(spent, 4)


def _platt(x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64]) -> float:
    """The slope of a logistic curve through scores, by Newton's steps that never climb."""

    def loss(at: NDArray[np.float64]) -> float:
        return float((share * (np.logaddexp(0, at[0] * x + at[1]) - y * (at[0] * x + at[1]))).sum())

    at = np.zeros(2)
    for _ in range(_ROUNDS):
        given = 1 / (1 + np.exp(-np.clip(at[0] * x + at[1], -30, 30)))
        gap, bend = (given - y) * share, given * (1 - given) * share
        second = np.array(
            [[(bend * x * x).sum(), (bend * x).sum()], [(bend * x).sum(), bend.sum()]]
        )
        change = np.linalg.solve(second + 1e-9 * np.eye(2), [(gap * x).sum(), gap.sum()])
        before = loss(at)
        while loss(at - change) > before and np.abs(change).max() > _LEAST:
            change /= 2
        at = at - change
    return float(at[0])


def _spent(harmless: NDArray[np.float32], budget: float) -> float:
    """The score that the budget's share of harmless texts lies above."""
    ordered = np.sort(harmless)[::-1]
    return float(ordered[int(budget * len(ordered))]) + 1e-3 if len(ordered) else -np.inf


def by_group(
    texts: Sequence[Text], alone: NDArray[np.bool_], both: NDArray[np.bool_]
) -> dict[str, Any]:
    """Of each group, left out: texts, and the shares restricted by the classifier alone, and by
    rules and classifier together.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        label = "attack" if text.payload else "harmless"
        ours = text.payload or text.group.startswith("own ")
        found[f"{label} {text.group if ours else 'packages'}"].append(number)
        found[f"{label} (all)"].append(number)
        if text.is_prose:
            found["harmless (prose)"].append(number)
        if text.is_error:
            found["harmless (errors)"].append(number)
    return {
        name: {
            "texts": len(numbers),
            "restricted": round(float(alone[numbers].mean()), 4),
            "with_rules": round(float(both[numbers].mean()), 4),
        }
        for name, numbers in sorted(found.items())
    }


def write(out: Path, given: Weights, described: dict[str, Any]) -> None:
    """The weights at eight bits, packed without a clock in the archive, and the card."""
    scale = float(np.abs(given.table).max()) / 127
    arrays = {
        "table": np.rint(given.table / scale).astype(np.int8),
        "scale": np.array([scale], np.float32),
        "bias": given.bias,
    }
    with zipfile.ZipFile(out / "model.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.lib.format.write_array(body, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), body.getvalue(), zipfile.ZIP_DEFLATED)
    text = json.dumps(described, indent=2, ensure_ascii=False)
    (out / "model.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main()
