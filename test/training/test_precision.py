"""Bfloat16 is taken where it is fast and right."""

import pytest
import torch

from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.precision import in_bfloat16

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SHALLOW = {"stem": 64, "widths": [8], "blocks": [0]}
TAUGHT = {"teach": {"epochs": 1}}


@pytest.fixture
def page(tiny_config):
    """Return a configuration for images of some size, with other changes."""

    def of(height: int, width: int, precision: str, shape: dict, changes: dict) -> TrainConfig:
        size = {"input": {"height": height, "width": width}}
        encoder = {**tiny_config["encoder"], **size, **shape}
        changes = {"precision": precision, "encoder": encoder, **changes}
        return TrainConfig.model_validate({**tiny_config, **changes})

    return of


@pytest.mark.parametrize(
    ("height", "width", "shape", "changes", "right"),
    [
        (32, 32, {}, {}, True),
        (32, 224, {}, {}, True),  # a single row
        (224, 32, {}, {}, False),
        (8, 8, {}, TAUGHT, True),  # its teacher's columns become one without a stride
        (224, 14, SHALLOW, {}, True),
        (224, 14, SHALLOW, TAUGHT, False),  # only the teacher's first layer leaves one column
        (224, 15, SHALLOW, TAUGHT, True),
    ],
)
def test_a_cpu_leaves_no_single_column_in_bfloat16(
    page, monkeypatch, height, width, shape, changes, right
):
    def asked(precision: str) -> TrainConfig:
        return page(height, width, precision, shape, changes)

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert in_bfloat16(asked("auto"), CPU) == right
    assert in_bfloat16(asked("bfloat16"), GPU)
    assert not in_bfloat16(asked("float32"), CPU)
    if right:
        assert in_bfloat16(asked("bfloat16"), CPU)
    else:
        with pytest.raises(ConfigError, match=f"precision bfloat16: .* {height} x {width} "):
            in_bfloat16(asked("bfloat16"), CPU)


def test_auto_is_float32_where_bfloat16_is_slow(page, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert not in_bfloat16(page(32, 32, "auto", {}, {}), CPU)
