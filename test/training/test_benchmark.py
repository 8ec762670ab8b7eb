"""An epoch's time is told as exactly as it was measured."""

import pytest
import torch

from jcc_ros.training import benchmark
from jcc_ros.training.benchmark import seconds_per_epoch
from jcc_ros.training.config import TrainConfig


def test_short_epochs_are_told_in_parts_of_a_tenth(tiny_config, few_digits, one_thread):
    config = TrainConfig.model_validate(tiny_config)
    seconds = seconds_per_epoch(config, few_digits, torch.device("cpu"), bfloat16=False)
    assert 0 < seconds < 60
    assert seconds != round(seconds, 1)


def test_a_part_of_the_images_stands_for_all(tiny_config, few_digits, monkeypatch):
    learnt: list[int] = []

    def finetune(encoder, classifier, train, validation, config, run) -> None:
        learnt.append(len(train))
        run.log.ended = [10.0, 12.0]

    monkeypatch.setattr(benchmark, "finetune", finetune)
    monkeypatch.setattr(benchmark, "_BATCHES", 2)
    config = TrainConfig.model_validate(tiny_config)
    seconds = seconds_per_epoch(config, few_digits, torch.device("cpu"), bfloat16=False)
    whole = len(few_digits) * (1 - config.validation)
    assert learnt[0] < whole / 2
    assert seconds == pytest.approx(2.0 * whole / learnt[0], rel=0.02)
