"""The encoder's layers as graphs that onnxruntime runs, one for each layer.

Weights stay at four bits in the graph. When it is loaded they become eight, with a scale for each
output; a text's values become eight bits with one scale as they are used, so that all products are
of whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Arrays = Mapping[str, NDArray[Any]]

_HIGHEST: Final = np.float32(63)
"""The largest weight of eight bits: twice 255 times as much is less than the 2**15 that processors
without instructions for neural nets add up two products in."""
_TINY: Final = 1e-12
_STEEP: Final = 1.702
_OWN: Final = "com.microsoft"
_OPERATORS: Final = 21
_FORMAT: Final = 10
"""The version of the file's format; onnxruntime has read it since 1.18."""


def graphs(arrays: Arrays, group: int) -> list[bytes]:
    """A graph for each layer of what ``Net.arrays`` gives.

    The first takes ``ids`` (n) and the others the ``rows`` (n, size) of the layer before; each
    gives its own ``rows`` and its ``odds``. ``group`` weights share a scale.
    """
    layers, heads = (int(number) for number in arrays["shape"])
    return [_Graph(arrays, group, heads).layer(number) for number in range(layers)]


@dataclass(slots=True)
class _Graph:
    arrays: Arrays
    group: int
    heads: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def layer(self, number: int) -> bytes:
        size = self.arrays["places"].shape[1]
        if number:
            rows, given = "before", _value("before", TensorProto.FLOAT, ["n", size])
        else:
            rows, given = self.begun(), _value("ids", TensorProto.INT64, ["n"])
        rows = self.attended(rows, str(number), size)
        wide = self.mapped(rows, f"{number}.wide")
        wide = self.node("QuickGelu", wide, domain=_OWN, alpha=_STEEP)
        narrow = self.mapped(wide, f"{number}.narrow")
        rows = self.normed(self.node("Add", rows, narrow), f"{number}.second")
        mean = self.node("ReduceMean", rows, self.whole(0), keepdims=0)
        weight, bias = (self.exact(f"answers.{number}.{part}") for part in ("weight", "bias"))
        odds = self.node("Add", self.node("MatMul", weight, mean), bias)
        self.node("Identity", rows, name="rows")
        self.node("Identity", odds, name="odds")
        graph = helper.make_graph(
            self.nodes,
            f"layer {number}",
            [given],
            [
                _value("rows", TensorProto.FLOAT, ["n", size]),
                _value("odds", TensorProto.FLOAT, [1]),
            ],
            list(self.constants.values()),
        )
        imports = [helper.make_opsetid("", _OPERATORS), helper.make_opsetid(_OWN, 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=_FORMAT)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def begun(self) -> str:
        """A row for each piece and its place."""
        count = self.node("Squeeze", self.node("Shape", "ids"))
        at = self.node("Range", self.single(0), count, self.single(1))
        places = self.node("Gather", self.exact("places"), at)
        kept, scales = self.packed("pieces"), self.exact("pieces.scales")
        how: dict[str, Any] = {"block_size": self.group, "gather_axis": 0, "quantize_axis": 1}
        pieces = self.node("GatherBlockQuantized", kept, "ids", scales, domain=_OWN, **how)
        return self.normed(self.node("Add", pieces, places), "begun")

    def attended(self, rows: str, layer: str, size: int) -> str:
        """What each piece is told by the others is added to it."""
        each = size // self.heads
        mixed = self.mapped(rows, f"{layer}.mixed")
        mixed = self.node("Reshape", mixed, self.whole(0, 3, self.heads, each))
        asked, known, given = (
            self.node(
                "Transpose", self.node("Gather", mixed, self.single(part), axis=1), perm=turned
            )
            for part, turned in enumerate(([1, 0, 2], [1, 2, 0], [1, 0, 2]))
        )
        scale = self.constant("scale", np.float32(each**-0.5))
        share = self.node("Mul", self.node("MatMul", asked, known), scale)
        seen = self.node("MatMul", self.node("Softmax", share, axis=-1), given)
        seen = self.node("Reshape", self.node("Transpose", seen, perm=[1, 0, 2]), self.whole(0, -1))
        joined = self.mapped(seen, f"{layer}.joined")
        return self.normed(self.node("Add", rows, joined), f"{layer}.first")

    def mapped(self, rows: str, name: str) -> str:
        """A linear map in whole numbers."""
        weights = self.node("Transpose", self.weights(name), perm=[1, 0])
        most = self.node("ReduceMax", self.node("Abs", weights), self.whole(0), keepdims=0)
        scale = self.node("Div", most, self.constant("highest", _HIGHEST))
        steps = self.node("Round", self.node("Div", weights, scale))
        steps = self.node("Cast", steps, to=TensorProto.INT8)
        kept, step, zero = self.nodes_out("DynamicQuantizeLinear", rows, count=3)
        found = self.node(
            "Cast", self.node("MatMulInteger", kept, steps, zero), to=TensorProto.FLOAT
        )
        found = self.node("Mul", found, self.node("Mul", step, scale))
        return self.node("Add", found, self.exact(f"{name}.bias"))

    def normed(self, rows: str, name: str) -> str:
        """Mean 0, variance 1, then scaled and shifted."""
        scale, shift = self.exact(f"{name}.weight"), self.exact(f"{name}.bias")
        return self.node("LayerNormalization", rows, scale, shift, axis=-1, epsilon=_TINY)

    def weights(self, name: str) -> str:
        """Of all rows, from four bits each with a scale for each group of a row."""
        scales = self.exact(f"{name}.scales")
        how: dict[str, Any] = {"axis": 1, "block_size": self.group}
        return self.node("DequantizeLinear", self.packed(name), scales, **how)

    def packed(self, name: str) -> str:
        """Four bits each."""
        packed = self.arrays[f"{name}.weight"]
        # Ours count from 8, where the format's count from 0 in two's complement.
        raw = (packed ^ 0x88).astype(np.uint8).tobytes()
        kept = onnx.TensorProto(
            data_type=TensorProto.INT4,
            dims=[len(packed), packed.shape[1] * 2],
            name=f"{name}.weight",
            raw_data=raw,
        )
        self.constants[kept.name] = kept
        return kept.name

    def exact(self, name: str) -> str:
        """A number as it is, of sixteen bits."""
        kept = self.constant(name, np.asarray(self.arrays[name], np.float16))
        return self.node("Cast", kept, to=TensorProto.FLOAT)

    def single(self, number: int) -> str:
        return self.constant(f"single {number}", np.int64(number))

    def whole(self, *numbers: int) -> str:
        return self.constant(f"whole {numbers}", np.array(numbers, np.int64))

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def node(
        self,
        kind: str,
        *given: str,
        name: str = "",
        domain: str = "",
        **how: Any,  # noqa: ANN401 - attributes, of each operator its own
    ) -> str:
        name = name or f"{kind} {len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, given, [name], domain=domain, **how))
        return name

    def nodes_out(self, kind: str, *given: str, count: int) -> list[str]:
        names = [f"{kind} {len(self.nodes)} {number}" for number in range(count)]
        self.nodes.append(helper.make_node(kind, given, names))
        return names


def _value(name: str, kind: int, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
