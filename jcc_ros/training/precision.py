"""What numbers a training multiplies: bfloat16, or float32."""

from typing import Any

import torch

from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.teach import reduced


def in_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Say whether a training multiplies in bfloat16, as its configuration asks on the device.

    Raises:
        ConfigError: it asks for bfloat16 where that goes wrong.
    """
    # On CPUs, oneDNN's bfloat16 convolutions with a stride return garbage there (torch 2.13).
    wrong = device.type == "cpu" and _leaves_one_column(config)
    if config.precision == "auto":
        return _is_faster(device) and not wrong
    if config.precision == "bfloat16" and wrong:
        size = config.encoder.input
        raise ConfigError(
            "precision bfloat16: on CPUs torch computes convolutions wrongly that leave a single "
            f"column, as they do of encoder.input {size.height} x {size.width} (height x width); "
            "use auto or float32, or a wider input"
        )
    return config.precision == "bfloat16"


def _leaves_one_column(config: TrainConfig) -> bool:
    """Whether a convolution with a stride has an output of one column, of encoder or teacher.

    The encoder's last one has the fewest; of the teacher only the first has a stride.
    """
    size = config.encoder.input
    taught = config.teach is not None and reduced(size.height, size.width)[1] == 1
    return taught or config.encoder.latent_shape[2] == 1


def _is_faster(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)  # older torch cannot tell
    found = capabilities()
    return any(found.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
