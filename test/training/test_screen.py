"""Step 2 puts the informative directions first, and changes nothing else."""

import json

import pytest
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import screen as module
from jcc_ros.training.coding import delivered
from jcc_ros.training.config import ImageCodec, Screen, TrainConfig
from jcc_ros.training.loop import encoded
from jcc_ros.training.screen import discriminants, probe, screen, turned
from jcc_ros.training.split import split


@pytest.fixture
def encoder(tiny_config) -> Encoder:
    torch.manual_seed(0)
    shape = TrainConfig.model_validate(tiny_config).encoder
    return Encoder(shape.model_copy(update={"channels": 6})).eval()


@pytest.fixture
def halves(few_digits) -> tuple[LabelledImages, LabelledImages]:
    learnt, held = split(few_digits, 0.3)
    return few_digits.subset(learnt), few_digits.subset(held)


def synthetic(noise: float = 0.3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents [N, 5, 2, 2] whose class shows along one direction only; loud noise on the others."""
    torch.manual_seed(0)
    labels = torch.arange(3000) % 3
    basis = torch.linalg.qr(torch.randn(5, 5))[0]
    parts = 10 * torch.randn(3000, 5, 2, 2)
    parts[:, 0] = labels.view(-1, 1, 1) + noise * torch.randn(3000, 2, 2)
    return torch.einsum("ck,nkhw->nchw", basis, parts) + 7, labels, basis[:, 0]


def test_informative_direction_comes_first():
    latents, labels, informative = synthetic()
    _, directions, ratios = discriminants(latents, labels)
    first = directions[:, 0] / directions[:, 0].norm()
    assert abs(first @ informative) > 0.999
    # Between the means 0, 1, 2: 2/3, over the noise's 0.09.
    assert ratios[0].item() == pytest.approx(2 / 3 / 0.09, rel=0.1)
    assert ratios[1].item() < 0.05
    assert (ratios.diff() <= 0).all()


def test_every_image_counts_the_same_where_classes_differ_in_size():
    torch.manual_seed(0)
    labels = (torch.arange(3000) % 10 == 0).long()
    # Nine tenths with deviation 1 around 0, one tenth with deviation 3 around 5.
    latents = (5 * labels + (1 + 2 * labels) * torch.randn(3000)).view(-1, 1, 1, 1)
    _, _, ratios = discriminants(latents, labels)
    assert ratios.item() == pytest.approx(0.9 * 0.1 * 25 / (0.9 * 1 + 0.1 * 9), rel=0.1)


def test_what_differs_between_positions_alone_comes_last():
    latents, labels, _ = synthetic()
    latents[:, 0] = torch.tensor([[0.0, 90.0], [-90.0, 0.0]]) + torch.randn(3000, 2, 2)
    _, directions, ratios = discriminants(latents, labels)
    assert ratios[-1].item() < 0.01
    alone = directions.abs() / directions.abs().sum(dim=0)
    assert alone[0, 0] < 0.1


def test_new_channels_have_mean_0_and_variance_1():
    latents, labels, _ = synthetic()
    mean, directions, _ = discriminants(latents, labels)
    new = torch.einsum("ck,nchw->nkhw", directions, latents - mean.view(1, -1, 1, 1))
    torch.testing.assert_close(new.mean(dim=(0, 2, 3)), torch.zeros(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(new.var(dim=(0, 2, 3)), torch.ones(5), atol=1e-2, rtol=0)


def test_rotation_is_folded_into_the_encoder(encoder):
    torch.manual_seed(1)
    mean, directions = torch.randn(6), torch.randn(6, 6)
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        before = encoder(images)
        expected = torch.einsum("ck,nchw->nkhw", directions, before - mean.view(1, -1, 1, 1))
        torch.testing.assert_close(
            turned(encoder, mean, directions)(images), expected, atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(
            turned(encoder, mean, directions[:, :2])(images), expected[:, :2], atol=1e-4, rtol=1e-4
        )
        assert torch.equal(encoder(images), before)


def test_probe_finds_all_in_the_first_channel_and_nothing_in_the_others():
    latents, labels, _ = synthetic(noise=0.1)
    mean, directions, _ = discriminants(latents, labels)
    new = torch.einsum("ck,nchw->nkhw", directions, latents - mean.view(1, -1, 1, 1))
    # Two classes: among three on a line a regression onto indicators masks the one in the middle.
    pair = labels != 1
    new, labels = new[pair], labels[pair]
    first, rest = (
        probe(part[:1000], labels[:1000], part[1000:], labels[1000:])
        for part in (new[:, :1], new[:, 1:])
    )
    assert first > 0.99
    assert rest < 0.6


def test_probe_takes_no_majority_for_knowledge():
    torch.manual_seed(0)
    labels = (torch.arange(3000) % 30 == 0).long()
    noise = torch.randn(3000, 1, 2, 2)
    told = noise + 3 * labels.view(-1, 1, 1, 1)

    def found(latents: torch.Tensor) -> float:
        return probe(latents[:1500], labels[:1500], latents[1500:], labels[1500:])

    assert found(noise) == pytest.approx(0.5, abs=0.12)
    assert found(told) > 0.95
    # All of the one class, none of the other.
    pair, same = torch.arange(100) % 2, torch.zeros(1500, 1, 2, 2)
    known = pair.view(-1, 1, 1, 1).expand(100, 1, 2, 2).float()
    assert probe(known, pair, same, labels[:1500]) == 0.5


def test_the_probe_is_asked_about_validation_images_at_some_dimensions(
    encoder, halves, run, monkeypatch
):
    torch.manual_seed(0)
    wide = Encoder(encoder.config.model_copy(update={"channels": 22})).eval()
    accuracy = {1: 0.3, 2: 0.5, 3: 0.79, 4: 0.805, 5: 0.815}

    def told(known, labels, unseen, truth):
        assert [len(known), len(labels), len(unseen), len(truth)] == [
            *[len(halves[0])] * 2,
            *[len(halves[1])] * 2,
        ]
        return accuracy.get(known.shape[1], 0.9)

    monkeypatch.setattr(module, "probe", told)
    chosen = screen(wide, *halves, None, Screen(tolerance=0.1, least=2), run)
    assert chosen.config.channels == 4
    assert not chosen.training
    run.checkpoint("screen").unlink()
    assert screen(wide, *halves, None, Screen(tolerance=0.1, least=11), run).config.channels == 11
    tried = json.loads((run.folder / "screen.json").read_text())["channels"]
    assert tried == [*range(1, 9), 11, 12, 16, 20, 22]


def test_smallest_dimension_within_the_tolerance(encoder, halves, run):
    found = {}
    for tolerance in (0.0, 0.1, 0.9):
        run.checkpoint("screen").unlink(missing_ok=True)
        reduced = screen(encoder, *halves, None, Screen(tolerance=tolerance), run)
        found[tolerance] = json.loads((run.folder / "screen.json").read_text())
        chosen = found[tolerance]["chosen"]
        assert reduced.config.channels == chosen
        curve = dict(zip(found[tolerance]["channels"], found[tolerance]["accuracy"], strict=True))
        enough = max(curve.values()) - tolerance
        assert curve[chosen] >= enough
        assert all(a < enough for k, a in curve.items() if k < chosen)
    assert found[0.9]["chosen"] == 1
    assert found[0.0]["chosen"] > 1
    assert found[0.0]["channels"] == [1, 2, 3, 4, 5, 6]
    assert found[0.0]["information"] == sorted(found[0.0]["information"], reverse=True)
    assert (run.folder / "screen.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("least", [4, 6])
def test_least_channels_are_kept(encoder, halves, run, least):
    stage = Screen(tolerance=0.9, least=least)
    assert screen(encoder, *halves, None, stage, run).config.channels == least


def test_what_was_screened_is_read_again(encoder, halves, run):
    first = screen(encoder, *halves, None, Screen(tolerance=0.1), run)
    again = screen(encoder, *halves, None, Screen(tolerance=0.9), run)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(first(images), again(images))


def test_both_halves_are_screened_as_the_codec_delivers_them(steps, monkeypatch):
    del steps.page["teach"]
    steps.page["augment"] = {"codec": {"name": "JPEG", "qualities": [5, 15]}}
    steps.run("run", only="represent")
    seen = []
    monkeypatch.setattr(module, "encoded", lambda *args: seen.append(args[1]) or encoded(*args))
    steps.run("run", only="screen")
    codec = ImageCodec(name="JPEG", qualities=(5, 15))
    for images, part in zip(seen, split(steps.data, 0.2), strict=True):
        expected = delivered(steps.data.subset(part), codec)
        assert sorted(map(bytes, images.images)) == sorted(map(bytes, expected.images))
