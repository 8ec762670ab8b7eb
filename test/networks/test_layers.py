import numpy as np
import pytest
import torch
from torch import nn
from trained import as_trained

from jcc_ros.networks.architecture import ClassifierConfig, Conv, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.layers import ConvNorm, fold, round_to_int8
from jcc_ros.networks.preprocess import Preprocess


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (ConvNorm(Conv(3, 5, kernel=6, stride=2)), (2, 3, 16, 16)),
        (ConvNorm(Conv(3, 5, norm=False)), (2, 3, 7, 8)),
        (ConvNorm(Conv(6, 4, groups=2)), (2, 6, 7, 8)),
        (Encoder(EncoderConfig(input=Preprocess(height=40, width=24))), (2, 3, 40, 24)),
        (
            Encoder(EncoderConfig(input=Preprocess(height=40, width=24), block="inverted")),
            (2, 3, 40, 24),
        ),
        (Classifier(ClassifierConfig(channels=3, classes=5, width=8)), (2, 3, 4, 4)),
    ],
    ids=lambda value: type(value).__name__,
)
@torch.no_grad()
def test_folding_changes_nothing_but_the_layers(network: nn.Module, shape: tuple) -> None:
    torch.manual_seed(0)
    inputs = torch.rand(shape)
    expected = as_trained(network)(inputs)
    folded = fold(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    torch.testing.assert_close(folded(inputs), expected, rtol=1e-4, atol=1e-5)
    # A second time there is nothing left to fold.
    torch.testing.assert_close(fold(folded)(inputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 20])
def test_strides_divide_the_size(stride: int) -> None:
    layer = ConvNorm(Conv(1, 1, kernel=stride + 4, stride=stride))
    for patches in (1, 5, 16):
        size = patches * stride
        assert layer(torch.zeros(2, 1, size, size)).shape[2:] == (patches, patches)


def test_weights_on_a_gpu_are_fetched_before_numpy_rounds_them(monkeypatch) -> None:
    numpy, cpu, fetched = torch.Tensor.numpy, torch.Tensor.cpu, set()

    def fetch(tensor: torch.Tensor) -> torch.Tensor:
        fetched.add(tensor.data_ptr())
        return cpu(tensor)

    def read(tensor: torch.Tensor) -> np.ndarray:
        if tensor.data_ptr() not in fetched:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return numpy(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", fetch)
    monkeypatch.setattr(torch.Tensor, "numpy", read)
    torch.manual_seed(0)
    classifier = fold(Classifier(ClassifierConfig(channels=3, classes=5, width=8)).eval())
    before = classifier.head.weight.clone()
    after = round_to_int8(classifier).head.weight
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, before, rtol=0, atol=0.01)
