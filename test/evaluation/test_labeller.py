"""Verdicts are those of the classifier, each at the operating point of its latent."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jcc_ros.evaluation.labeller import Labeller


def test_a_batch_may_hold_latents_of_many_operating_points(tiny_halves, seen):
    encoder, classifier = tiny_halves
    points = [index % len(encoder.codec.ladder) for index in range(150)]
    sent = [
        classifier.codec.received(encoder.latent(image), point)
        for image, point in zip(seen.images[:150], points, strict=True)
    ]
    with ThreadPoolExecutor(2) as pool:
        labeller = Labeller(pool)
        verdicts = [
            labeller.ask(classifier, latent, point)
            for latent, point in zip(sent, points, strict=True)
        ]
        labeller.finish()
    scores = classifier.scores(np.stack(sent), points)
    assert [verdict.score for verdict in verdicts] == pytest.approx(scores.max(axis=1), abs=1e-4)
    best = [classifier.classes[index] for index in scores.argmax(axis=1)]
    assert sum(verdict.label != label for verdict, label in zip(verdicts, best, strict=True)) <= 1
    bare = classifier.network(np.stack(sent)).max(axis=1)
    assert np.abs(bare - scores.max(axis=1)).max() > 0.005
