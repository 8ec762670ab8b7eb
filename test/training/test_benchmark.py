"""An epoch's time is told as exactly as it was measured."""

import torch

from jcc_ros.training.benchmark import seconds_per_epoch
from jcc_ros.training.config import TrainConfig


def test_short_epochs_are_told_in_parts_of_a_tenth(tiny_config, few_digits, one_thread):
    config = TrainConfig.model_validate(tiny_config)
    seconds = seconds_per_epoch(config, few_digits, torch.device("cpu"), bfloat16=False)
    assert 0 < seconds < 60
    assert seconds != round(seconds, 1)
