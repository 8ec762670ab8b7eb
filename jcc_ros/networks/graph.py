"""Both halves as ONNX graphs: made in memory, from a checked configuration and its weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from jcc_ros.networks.architecture import ClassifierConfig, Conv, EncoderConfig

INPUT = "input"

Weights = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weight [out, in / groups, k, k] and bias [out] of each layer, batch normalisation folded. A
classifier's last one is linear, weight [classes, width]."""

_Shape = Sequence[int | str]

# Old enough for every ONNX Runtime since 1.12.
_OPSET, _IR_VERSION = 17, 8


def encoder_graph(config: EncoderConfig, weights: Weights) -> bytes:
    """Return the serialised graph from uint8 RGB [1, H, W, 3] to float32 [1, C, h, w]."""
    graph = Graph()

    def colours(values: Sequence[float]) -> str:
        return graph.constant(np.array(values, np.float32).reshape(1, 3, 1, 1))

    # Moved as bytes, which is a quarter of the work. The mean is not folded into the first bias:
    # the zeros around the image stand for the mean colour.
    x = graph.input(INPUT, (1, config.input.height, config.input.width, 3), TensorProto.UINT8)
    x = graph.node("Transpose", x, perm=(0, 3, 1, 2))
    x = graph.node("Cast", x, to=TensorProto.FLOAT)
    x = graph.node("Sub", x, colours([255 * mean for mean in config.mean]))
    x = graph.node("Mul", x, colours([1 / (255 * deviation) for deviation in config.std]))
    constants = [(graph.constant(weight), graph.constant(bias)) for weight, bias in weights]
    x = graph.convolutions(x, config.layers, constants)
    return graph.serialised(x, (1, *config.latent_shape))


def classifier_graph(config: ClassifierConfig) -> bytes:
    """Return the serialised graph from float32 [N, C, h, w] to probabilities [N, classes].

    The weights are inputs too, under their names in `named`: ONNX Runtime would keep copies of
    constants, in several layouts, and a classifier is large. That costs a fifth of the speed in
    batches, nothing for single latents.
    """
    graph = Graph()
    weights = [
        (graph.input(f"{index}.weight", shape), graph.input(f"{index}.bias", shape[:1]))
        for index, shape in enumerate(config.weight_shapes)
    ]
    latents = graph.input(INPUT, ("N", config.channels, "h", "w"))
    x = graph.convolutions(latents, config.layers, weights[:-1])
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    x = graph.node("Gemm", x, *weights[-1], transB=1)
    x = graph.node("Softmax", x, axis=1)
    return graph.serialised(x, ("N", config.classes))


def named(layers: Weights) -> dict[str, NDArray[np.float32]]:
    """Return weight and bias of each layer by their names, in graphs and in files."""
    return {
        f"{index}.{kind}": value
        for index, pair in enumerate(layers)
        for kind, value in zip(("weight", "bias"), pair, strict=True)
    }


class Graph:
    """A graph that grows node by node."""

    def __init__(self) -> None:
        self._inputs: list[ValueInfoProto] = []
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def input(self, name: str, shape: _Shape, kind: int = TensorProto.FLOAT) -> str:
        """Add what is given to every run; return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return the name of what comes out."""
        name = f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def convolutions(
        self, x: str, layers: Sequence[Conv], weights: Sequence[tuple[str, str]]
    ) -> str:
        """Add layers that are connected as planned; return the name of what comes out.

        Args:
            weights: names of weight and bias of each layer.
        """
        outputs: list[str] = []
        for layer, (weight, bias) in zip(layers, weights, strict=True):
            x = self.node(
                "Conv",
                x,
                weight,
                bias,
                strides=[layer.stride] * 2,
                pads=[layer.padding] * 4,
                group=layer.groups,
            )
            if layer.adds is not None:
                x = self.node("Add", x, outputs[layer.adds])
            if layer.relu:
                x = self.node("Relu", x)
            outputs.append(x)
        return x

    def serialised(self, output: str, shape: _Shape) -> bytes:
        """Return the whole, with the name and shape of what comes out."""
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self._nodes, "half", self._inputs, outputs, self._constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        return model.SerializeToString()
