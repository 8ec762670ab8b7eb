"""The encoder as an ONNX graph: made in memory, from a checked configuration and its weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from jcc_ros.networks.architecture import EncoderConfig

INPUT = "image"

Weights = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weight [out, in / groups, k, k] and bias [out] of each layer, batch normalisation folded."""

# Old enough for every ONNX Runtime since 1.12.
_OPSET, _IR_VERSION = 17, 8


def encoder_graph(config: EncoderConfig, weights: Weights) -> bytes:
    """Return the serialised graph from uint8 RGB [1, H, W, 3] to float32 [1, C, h, w].

    Args:
        weights: of the configuration's layers.
    """
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []

    def constant(value: NDArray[np.float32]) -> str:
        constants.append(numpy_helper.from_array(value, f"constant{len(constants)}"))
        return constants[-1].name

    def node(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator}{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def colours(values: Sequence[float]) -> str:
        return constant(np.array(values, np.float32).reshape(1, 3, 1, 1))

    # Moved as bytes, which is a quarter of the work. The mean is not folded into the first bias:
    # the zeros around the image stand for the mean colour.
    x = node("Transpose", INPUT, perm=(0, 3, 1, 2))
    x = node("Cast", x, to=TensorProto.FLOAT)
    x = node("Sub", x, colours([255 * mean for mean in config.mean]))
    x = node("Mul", x, colours([1 / (255 * deviation) for deviation in config.std]))
    outputs: list[str] = []
    for layer, (weight, bias) in zip(config.layers, weights, strict=True):
        x = node(
            "Conv",
            x,
            constant(weight),
            constant(bias),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            group=layer.groups,
        )
        if layer.adds is not None:
            x = node("Add", x, outputs[layer.adds])
        if layer.relu:
            x = node("Relu", x)
        outputs.append(x)

    size = (1, config.input.height, config.input.width, 3)
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, size)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, (1, *config.latent_shape))],
        constants,
    )
    opset = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION).SerializeToString()
