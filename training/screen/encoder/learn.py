"""Trains the screen's encoder: ``python -m training.screen.encoder.learn``.

Writes ``encoder.npz`` and ``encoder.json`` into the package. It needs what ``requirements.txt``
beside this file names, half an hour of two cores, and the classifier that is shipped, whose odds
choose what is learned: train that one first.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mendwire.screen.classifier import Classifier, load_model
from mendwire.screen.encoder import NEVER, Early, Encoder, read_encoder
from mendwire.screen.second import Mix, read_mix
from mendwire.screen.wordpieces import BEGIN, END, UNKNOWN, WordPieces
from training.screen.corpus import data_files, fingerprint
from training.screen.encoder.graph import graphs
from training.screen.encoder.mixing import mixed
from training.screen.encoder.net import BASE, GROUP, Net, vocabulary
from training.screen.encoder.texts import HELD, Held, held, learned

PACKAGE: Final = Path(__file__).parents[3] / "src/mendwire/screen"
_TOGETHER: Final = 32
"""Batches that are sorted by length at once."""
_WRONG: Final = 0.02
"""Share of the held-out author's passages that an earlier layer may answer wrongly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How it is learned."""

    layers: tuple[int, ...] = (0, 2, 4)
    """Of the base's six."""
    pieces: int = 8_000
    """Of the base's vocabulary, the most frequent ones."""
    epochs: float = 3.0
    exact: float = 0.5
    """Share of the steps before weights are rounded."""
    batch: int = 64
    rate: float = 1.5e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    warm: int = 100
    early: float = 0.4
    """How much the answer after each layer counts beside the last one's."""
    sure: float = 0.98
    """Labels are not quite 0 and 1."""
    seed: int = 4


def main() -> None:
    """Train, mix, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE, help="default: the package")
    parser.add_argument("--epochs", type=float, default=Plan().epochs)
    parser.add_argument("--layers", type=int, nargs="+", default=Plan().layers)
    parser.add_argument("--pieces", type=int, default=Plan().pieces)
    arguments = parser.parse_args()
    plan = Plan(epochs=arguments.epochs, layers=tuple(arguments.layers), pieces=arguments.pieces)
    torch.manual_seed(plan.seed)
    torch.set_flush_denormal(True)
    classifier = Classifier(load_model())
    passages = list(learned(classifier, plan.seed))
    say(f"{len(passages)} passages, {sum(one.attack for one in passages)} of attacks")
    texts = [one.text for one in passages]
    kept = kept_pieces(texts, plan.pieces)
    words = WordPieces([vocabulary()[number] for number in kept])
    net = Net(plan.layers, kept)
    labels = [float(one.attack) for one in passages]
    train(net, [words.ids(text) for text in texts], labels, plan)
    arrays = archive([vocabulary()[number] for number in kept], graphs(net.arrays(), GROUP))
    pack(arguments.out / "encoder.npz", arrays)
    others = held(classifier)
    encoder = read_encoder(arrays, NEVER)
    mix = mixing(encoder, others)
    card = {
        "name": "mendwire_encoder",
        "licence": "Apache-2.0",
        "base": f"{BASE} (all-MiniLM-L6-v2, Apache-2.0)",
        "data_sha256": fingerprint([*data_files(), HELD]),
        "passages": dict(Counter("attack" if one.attack else "harmless" for one in passages)),
        "plan": asdict(plan),
        "early": asdict(ends_early(encoder, read_mix(mix), others)),
        "mix": mix,
    }
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (arguments.out / "encoder.json").write_text(f"{text}\n", "utf-8")


def say(line: str) -> None:
    """Progress, for people."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def kept_pieces(texts: Sequence[str], most: int) -> list[int]:
    """The base's pieces that the texts need most, and all single letters among these."""
    whole = vocabulary()
    words = WordPieces(whole)
    counts = Counter(number for text in texts for number in words.ids(text))
    marks = [whole.index(mark) for mark in (UNKNOWN, BEGIN, END)]
    letters = {number for number, piece in enumerate(whole) if len(piece.removeprefix("##")) == 1}
    there = {letter for text in texts for letter in text}
    letters = {number for number in letters if whole[number].removeprefix("##") in there}
    ranked = [number for number, _ in counts.most_common() if number not in letters]
    room = most - len(letters) - len(marks)
    chosen = set(ranked[: max(0, room)]) | letters
    return [*marks, *sorted(chosen - set(marks))]


def train(net: Net, ids: Sequence[list[int]], labels: Sequence[float], plan: Plan) -> None:
    """Learn; in the later steps with the weights rounded as they will be kept."""
    drawn = random.Random(plan.seed)
    head = list(net.answers.parameters())
    others = [part for name, part in net.named_parameters() if not name.startswith("answers.")]
    optimiser = torch.optim.AdamW(
        [{"params": others, "lr": plan.rate}, {"params": head, "lr": plan.head_rate}],
        weight_decay=plan.decay,
        fused=True,
    )
    steps = max(1, int(plan.epochs * len(ids) / plan.batch))
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, step / plan.warm) * max(0.02, 1 - step / steps)
    )
    loss_of = nn.BCEWithLogitsLoss()
    net.train()
    step, smooth = 0, 0.0
    while step < steps:
        for chosen in batches(ids, plan.batch, drawn):
            if step == int(plan.exact * steps):
                net.rounding()
            wanted = torch.tensor([labels[number] for number in chosen])
            wanted = wanted * plan.sure + (1 - plan.sure) / 2
            optimiser.zero_grad()
            *early, last = net([ids[number] for number in chosen]).unbind(-1)
            loss = loss_of(last, wanted)
            whole = loss + plan.early * sum(loss_of(odds, wanted) for odds in early)
            whole.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            pace.step()
            step += 1
            smooth += (loss.item() - smooth) * max(0.02, 1 / step)
            if not step % 200:
                say(f"step {step} of {steps}, loss {smooth:.3f}")
            if step >= steps:
                break
    net.eval()


def batches(ids: Sequence[list[int]], size: int, drawn: random.Random) -> list[list[int]]:
    """All texts once, in batches of like length."""
    order = list(range(len(ids)))
    drawn.shuffle(order)
    found: list[list[int]] = []
    for at in range(0, len(order), size * _TOGETHER):
        block = sorted(order[at : at + size * _TOGETHER], key=lambda number: len(ids[number]))
        some = [block[start : start + size] for start in range(0, len(block), size)]
        drawn.shuffle(some)
        found += some
    return found


def ends_early(encoder: Encoder, mix: Mix, others: Sequence[Held]) -> Early:
    """When the layers that are left need not be asked, by the author who is held out.

    Of the attack's passages that all layers together stop, few are clear to an earlier one; of the
    harmless ones that they let go, few are an attack to an earlier one.
    """
    lowest: list[float] = []
    highest: list[float] = []
    for text in others:
        for odds, passage in text.passages:
            if odds <= mix.gate or encoder.odds(passage) is None:
                continue
            *early, last = encoder.answered(passage)
            if text.attack and mix(odds, last) > 0:
                lowest.append(min(early))
            elif not text.attack and mix(odds, last) <= 0:
                highest.append(max(early))
    return Early(
        clear=round(float(np.quantile(lowest, _WRONG)), 2),
        sure=round(float(np.quantile(highest, 1 - _WRONG)), 2),
    )


def mixing(encoder: Encoder, others: Sequence[Held]) -> dict[str, float]:
    """How the odds of both are mixed, by the same."""
    texts = []
    for text in others:
        read = [(odds, encoder.odds(passage)) for odds, passage in text.passages]
        texts.append(([(odds, own) for odds, own in read if own is not None], text.attack))
    return mixed(texts)


def archive(pieces: Sequence[str], layers: Sequence[bytes]) -> dict[str, NDArray[np.uint8]]:
    """What ``mendwire.screen.encoder.read_encoder`` reads."""
    texts = {"vocabulary": "\n".join(pieces).encode()}
    texts |= {f"layer{number}": layer for number, layer in enumerate(layers)}
    return {name: np.frombuffer(text, np.uint8) for name, text in texts.items()}


def pack(path: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    """An archive without a clock in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.lib.format.write_array(body, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), body.getvalue(), zipfile.ZIP_DEFLATED, 9
            )


if __name__ == "__main__":
    main()
